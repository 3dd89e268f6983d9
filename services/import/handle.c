/* ImportJobs: the transport hands its messages to a thread of the call's own, because feeding an import blocks. */
#include <pthread.h>

#include "base/buf.h"
#include "base/queue.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "services/import/import.h"

#define MAGIC 0x4a474943u /* "JGIC" */
#define WINDOW 512
#define IMPORTS_MAX 4
#define PROBLEMS_MAX 100
/* Above every transport's own limit of a message. */
#define MESSAGE_BYTES_MAX ((size_t)16 << 20)
#define SCRATCH_BYTES (2 * MESSAGE_BYTES_MAX)

/* The first problems of one sort. */
struct problems {
  Jobgate__V1__ImportProblem *items[PROBLEMS_MAX];
  size_t count;
};

/* Lives in the call's arena, so it stays while a callback may still run (on_cancelled beside the thread's finish). */
struct receiver {
  struct jg_queue_node node; /* in `arrivals`: "message and end are there" */
  uint32_t magic;
  struct jg_call *call;
  struct jg_metric *open;   /* imports under way in the process */
  struct jg_queue arrivals; /* of one message; closed: the client is gone */
  struct jg_buf message;    /* the transport's until it is posted, then the thread's until the next receive */
  bool end;
  /* The thread's. */
  struct jg_import *import; /* made at the first message */
  bool skip_errors;
  struct problems refusals, warnings;
};

static void *run(void *data);

/* An arena hook: nobody uses it any more. */
static void release(void *data) {
  struct receiver *receiver = data;
  JG_ASSERT(receiver->magic == MAGIC);
  receiver->magic = 0;
  (void)jg_queue_take_all(&receiver->arrivals, 0);  // a message that came beside the end
  jg_queue_done(&receiver->arrivals);
  jg_buf_done(&receiver->message);
}

static void on_received(struct jg_call *call, struct jg_str message, bool is_end) {
  struct receiver *receiver = call->stream;
  JG_ASSERT(receiver->magic == MAGIC);
  jg_buf_clear(&receiver->message);
  jg_buf_append_str(&receiver->message, message);
  receiver->end = is_end;
  struct jg_status posted = jg_queue_post(&receiver->arrivals, &receiver->node);
  JG_ASSERT(jg_status_ok(posted) || posted.reason == JG_REASON_DRAINING); /* closed by on_cancelled */
}

static void on_cancelled(struct jg_call *call) {
  struct receiver *receiver = call->stream;
  JG_ASSERT(receiver->magic == MAGIC);
  jg_queue_close(&receiver->arrivals);
}

/* NULL at the arena's cap. */
static struct receiver *create_receiver(struct jg_call *call) {
  struct receiver *receiver = jg_arena_alloc_zero(&call->arena, sizeof(*receiver));
  if (receiver == NULL) {
    return NULL;
  }
  receiver->magic = MAGIC;
  receiver->call = call;
  jg_queue_init(&receiver->arrivals, 1, NULL, NULL);
  jg_buf_init(&receiver->message, MESSAGE_BYTES_MAX);
  return jg_arena_defer(&call->arena, release, receiver) ? receiver : NULL;
}

/* The thread ends by finishing the call, so nobody waits for it. */
static bool start_thread(struct receiver *receiver) {
  pthread_attr_t attributes;
  pthread_t thread;
  JG_ASSERT(pthread_attr_init(&attributes) == 0);
  JG_ASSERT(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
  bool started = pthread_create(&thread, &attributes, run, receiver) == 0;
  JG_ASSERT(pthread_attr_destroy(&attributes) == 0);
  return started;
}

void jg_import_handle(struct jg_call *call) {
  struct receiver *receiver = create_receiver(call);
  if (receiver == NULL) {
    jg_call_fail(call, jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call has no memory left"));
    return;
  }
  receiver->open = jg_metrics_gauge(call->app->metrics, "jobgate_imports_open", "ImportJobs calls under way.", "");
  jg_metric_add(receiver->open, 1);
  call->stream = receiver;
  call->on_received = on_received;
  call->on_cancelled = on_cancelled;
  // Each counts itself before it looks, so there are never more.
  bool room = call->app->metrics == NULL || jg_metric_get(receiver->open) <= IMPORTS_MAX;
  if (!room || !start_thread(receiver)) {
    jg_metric_add(receiver->open, -1);
    jg_call_fail(call, jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_OVERLOADED,
                                      "too many imports are under way, try again later"));
  }
}

/* ---- on the import's thread ---- */

/* What the stream's end tells about: copies into the call's arena. Beyond its cap there are fewer. */
static void note_problem(const struct jg_import_problem *problem, void *data) {
  struct receiver *receiver = data;
  struct problems *problems = problem->warning ? &receiver->warnings : &receiver->refusals;
  struct jg_arena *arena = &receiver->call->arena;
  if (problems->count == PROBLEMS_MAX) {
    return;
  }
  Jobgate__V1__ImportProblem *item = jg_arena_alloc(arena, sizeof(*item));
  struct jg_str field = jg_arena_str(arena, jg_str_from_cstr(problem->field));
  struct jg_str message = jg_arena_str(arena, jg_str_from_cstr(problem->message));
  if (item == NULL || field.data == NULL || message.data == NULL) {
    return;
  }
  jobgate__v1__import_problem__init(item);
  item->number = problem->number;
  item->line = problem->line;
  item->warning = problem->warning;
  // protobuf-c's type for strings; nothing writes through it.
  item->field = (char *)field.data;
  item->message = (char *)message.data;
  problems->items[problems->count++] = item;
}

static void create_import(struct receiver *receiver, bool skip_errors) {
  receiver->skip_errors = skip_errors;
  const struct jg_import_options options = {
      .app = receiver->call->app,
      .tenant = receiver->call->identity.tenant,
      .skip_errors = skip_errors,
      .window = WINDOW,
      .problem = note_problem,
      .data = receiver,
  };
  receiver->import = jg_import_create(&options);
}

static struct jg_status begin_import(struct receiver *receiver, Jobgate__V1__ImportOnError on_error,
                                     struct jg_arena *arena) {
  if (on_error != JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_UNSPECIFIED &&
      on_error != JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_STOP &&
      on_error != JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_SKIP) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "on_error",
                           "must be IMPORT_ON_ERROR_STOP or IMPORT_ON_ERROR_SKIP");
  }
  create_import(receiver, on_error == JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_SKIP);
  return JG_STATUS_OK;
}

static struct jg_status feed_message(struct receiver *receiver, struct jg_arena *arena) {
  if (receiver->message.failed) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the message is too large");
  }
  ProtobufCMessage *message = NULL;
  JG_RETURN_IF_ERROR(jg_message_unpack(&jobgate__v1__import_jobs_request__descriptor, jg_buf_str(&receiver->message),
                                       arena, &message));
  const Jobgate__V1__ImportJobsRequest *request = (const Jobgate__V1__ImportJobsRequest *)message;
  if (receiver->import == NULL) {
    JG_RETURN_IF_ERROR(begin_import(receiver, request->on_error, arena));
  }
  return jg_import_feed(receiver->import, jg_str_make((const char *)request->json.data, request->json.len), arena);
}

/* Until the client ends, the client is gone, or the import ends. The status lives in the call's arena. */
static struct jg_status receive_all(struct receiver *receiver, struct jg_arena *scratch) {
  struct jg_call *call = receiver->call;
  for (;;) {
    call->sink->receive(call);
    bool arrived = jg_queue_take(&receiver->arrivals, -1) != NULL;
    // Relaxed: it carries no data, and a later look would do as well.
    if (!arrived || atomic_load_explicit(&call->cancelled, memory_order_relaxed)) {
      return jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the client went away; jobs that were committed are kept");
    }
    jg_arena_reset(scratch);
    if (receiver->end) {
      if (receiver->import == NULL) {
        create_import(receiver, false);
      }
      return JG_STATUS_OK;
    }
    struct jg_status status = feed_message(receiver, scratch);
    if (!jg_status_ok(status)) {
      return jg_status_copy(&call->arena, status);
    }
  }
}

/* The response in the call's arena; NULL at its cap. */
static const ProtobufCMessage *make_response(struct receiver *receiver, const struct jg_import_summary *summary) {
  struct jg_arena *arena = &receiver->call->arena;
  Jobgate__V1__ImportJobsResponse *response = jg_arena_alloc(arena, sizeof(*response));
  Jobgate__V1__ImportProblem **problems = jg_arena_alloc(arena, PROBLEMS_MAX * sizeof(Jobgate__V1__ImportProblem *));
  if (response == NULL || problems == NULL) {
    return NULL;
  }
  jobgate__v1__import_jobs_response__init(response);
  response->created = summary->created;
  response->updated = summary->updated;
  response->unchanged = summary->unchanged;
  response->rejected = summary->rejected;
  response->warnings = summary->warnings;
  response->entities_written = summary->entities_written;
  response->more = summary->more;
  response->problems = problems;
  const struct problems *const sorts[] = {&receiver->refusals, &receiver->warnings};
  for (size_t sort = 0; sort < JG_COUNT(sorts); sort++) {
    for (size_t i = 0; i < sorts[sort]->count && response->n_problems < PROBLEMS_MAX; i++) {
      problems[response->n_problems++] = sorts[sort]->items[i];
    }
  }
  return &response->base;
}

/* A failed call has no response, so its status says how far it came. */
static struct jg_status add_summary(struct jg_status status, const struct jg_import_summary *summary,
                                    struct jg_arena *arena) {
  const char *message = jg_arena_printf(
      arena, "%s; before that %lld jobs were created, %lld updated, %lld left unchanged and %lld rejected",
      status.message, (long long)summary->created, (long long)summary->updated, (long long)summary->unchanged,
      (long long)summary->rejected);
  status.message = message != NULL ? message : status.message;
  return status;
}

/* The answer if there is one, else an error. */
static struct jg_status conclude(struct receiver *receiver, struct jg_status status, struct jg_answer *ret_answer) {
  if (receiver->import == NULL) {
    return status;
  }
  struct jg_import_summary summary = jg_import_summary(receiver->import);
  bool refused = !receiver->skip_errors && summary.rejected > 0;
  if (!jg_status_ok(status) && (!refused || status.code == JG_CANCELLED)) {
    return add_summary(status, &summary, &receiver->call->arena);
  }
  const ProtobufCMessage *response = make_response(receiver, &summary);
  if (response == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call has no memory left");
  }
  *ret_answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = response};
  return JG_STATUS_OK;
}

static void *run(void *data) {
  struct receiver *receiver = data;
  struct jg_arena scratch;
  jg_arena_init(&scratch, SCRATCH_BYTES);
  struct jg_status status = receive_all(receiver, &scratch);
  if (receiver->import != NULL) {
    // After an error too: it waits for what was fed, so that the summary is exact.
    struct jg_status ended = jg_import_end(receiver->import, &receiver->call->arena);
    status = jg_status_ok(status) ? ended : status;
  }
  struct jg_answer answer;
  status = conclude(receiver, status, &answer);
  jg_import_destroy(receiver->import);
  jg_arena_done(&scratch);
  jg_metric_add(receiver->open, -1);
  // The last thing: behind it the call, its arena and the receiver may be gone.
  jg_call_finish(receiver->call, status, jg_status_ok(status) ? &answer : NULL);
  return NULL;
}
