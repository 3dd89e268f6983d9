#include "bridge/rest/fake_methods.h"

#include <pthread.h>
#include <stdio.h>

#include "base/queue.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"

#define TOKEN "a+b/c=&"

struct work {
  struct jg_queue_node node;
  struct jg_call *call;
};

static struct {
  struct jg_queue queue;
  pthread_t thread;
  pthread_mutex_t mutex; /* of what follows */
  int job_count;
  const char *name;
  struct fake_seen seen;
  struct jg_status failure;
} fake;

static const struct jg_expanded project = {.json = JG_STR("{\"id\":\"p\"}"), .key = JG_STR("P-1")};
static const struct jg_expanded parent = {.json = JG_STR("{\"id\":\"q\",\"name\":\"r\"}")};

static void lock(void) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
}

static void unlock(void) {
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

/* Shortens: what the tests send is short. */
static void keep(char out[64], struct jg_str text) {
  snprintf(out, 64, "%.*s", JG_STR_ARG(text));
}

static void keep_cstr(char out[64], const char *text) {
  keep(out, jg_str_from_cstr(text));
}

static void number_id(int number, char out[JG_UUID_TEXT_LEN + 1]) {
  snprintf(out, JG_UUID_TEXT_LEN + 1, "00000000-0000-0000-0000-%012x", (unsigned)number);
}

/* NULL: none. */
static const Google__Protobuf__FieldMask *read_mask(const struct jg_call *call) {
  if (call->method == &fake_methods[JG_METHOD_LIST_JOBS]) {
    return ((const Jobgate__V1__ListJobsRequest *)call->request)->read_mask;
  }
  if (call->method == &fake_methods[JG_METHOD_GET_JOB]) {
    return ((const Jobgate__V1__GetJobRequest *)call->request)->read_mask;
  }
  return NULL;
}

static bool wants_parent(const struct jg_call *call) {
  const Google__Protobuf__FieldMask *mask = read_mask(call);
  bool wants = false;
  for (size_t i = 0; mask != NULL && i < mask->n_paths; i++) {
    wants = wants || strcmp(mask->paths[i], "parent_job") == 0;
  }
  return wants;
}

static void keep_mask(const Google__Protobuf__FieldMask *mask, char out[64]) {
  size_t len = 0;
  for (size_t i = 0; mask != NULL && i < mask->n_paths && len < 64; i++) {
    len += (size_t)snprintf(out + len, 64 - len, ",%s", mask->paths[i]);
  }
}

static void set_parts(struct jg_call *call, Jobgate__V1__Job *job, struct jg_parts *parts) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  *parts = (struct jg_parts){.entity = entity, .revision = 1};
  parts->payload = jg_message_pack_payload(entity, &job->base, &call->arena);
  JG_ASSERT(parts->payload.data != NULL);
  parts->relations[JG_JOB_REL_PROJECT] = &project;
  parts->parent = wants_parent(call) ? &parent : NULL;
}

static Jobgate__V1__Job *new_job(struct jg_call *call, const char *id) {
  Jobgate__V1__Job *job = (Jobgate__V1__Job *)jg_message_new(&jobgate__v1__job__descriptor, &call->arena);
  JG_ASSERT(job != NULL);
  job->id = (char *)jg_arena_str(&call->arena, jg_str_from_cstr(id)).data;
  lock();
  job->name = (char *)(fake.name != NULL ? fake.name : "job");
  unlock();
  return job;
}

static void answer_job(struct jg_call *call, Jobgate__V1__Job *job, bool nodes, bool created) {
  struct jg_parts parts;
  set_parts(call, job, &parts);
  const struct jg_answer answer = {
      .kind = JG_ANSWER_JOB, .jobs = &parts, .job_count = 1, .nodes = nodes, .created = created};
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

static void list(struct jg_call *call) {
  const Jobgate__V1__ListJobsRequest *request = (const Jobgate__V1__ListJobsRequest *)call->request;
  int first = request->skip;
  struct jg_str token = jg_str_from_cstr(request->page_token);
  if (token.len != 0) {
    int64_t at = 0;
    if (!jg_str_starts_with(token, JG_STR(TOKEN)) ||
        !jg_parse_i64(jg_str_sub(token, sizeof(TOKEN) - 1, token.len), &at)) {
      jg_call_fail(call, jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token",
                                         "is not ours"));
      return;
    }
    first = (int)at;
  }
  int left = first < fake.job_count ? fake.job_count - first : 0;
  int count = left < request->page_size ? left : request->page_size;
  struct jg_parts *parts = jg_arena_alloc(&call->arena, (size_t)count * sizeof(*parts));
  JG_ASSERT(parts != NULL);
  for (int i = 0; i < count; i++) {
    char id[JG_UUID_TEXT_LEN + 1];
    number_id(first + i, id);
    set_parts(call, new_job(call, id), &parts[i]);
  }
  struct jg_answer answer = {.kind = JG_ANSWER_JOBS, .jobs = parts, .job_count = (size_t)count};
  answer.nodes = request->view == JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL;
  answer.has_total = request->count;
  answer.total = fake.job_count;
  if (count < left) {
    answer.next_page_token = jg_str_from_cstr(jg_arena_printf(&call->arena, TOKEN "%d", first + count));
  }
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

static void get(struct jg_call *call) {
  const Jobgate__V1__GetJobRequest *request = (const Jobgate__V1__GetJobRequest *)call->request;
  for (int i = 0; i < fake.job_count; i++) {
    char id[JG_UUID_TEXT_LEN + 1];
    number_id(i, id);
    if (strcmp(id, request->id) == 0) {
      answer_job(call, new_job(call, id), request->view == JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL, false);
      return;
    }
  }
  jg_call_fail(call, jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "there is no such job"));
}

static void run(struct jg_call *call) {
  enum jg_method_index method = (enum jg_method_index)(call->method - fake_methods);
  static const struct jg_answer nothing = {.kind = JG_ANSWER_MESSAGE};
  lock();
  struct jg_status failure = fake.failure;
  fake.failure = JG_STATUS_OK;
  unlock();
  if (!jg_status_ok(failure)) {
    jg_call_fail(call, failure);
  } else if (method == JG_METHOD_LIST_JOBS) {
    list(call);
  } else if (method == JG_METHOD_GET_JOB) {
    get(call);
  } else if (method == JG_METHOD_CREATE_JOB) {
    Jobgate__V1__Job *job = ((Jobgate__V1__CreateJobRequest *)call->request)->job;
    job->id = job->id[0] != '\0' ? job->id : (char *)"00000000-0000-0000-0000-0000000000ff";
    answer_job(call, job, true, true);
  } else if (method == JG_METHOD_CHANGE_JOB_STATUS) {
    answer_job(call, new_job(call, ((Jobgate__V1__ChangeJobStatusRequest *)call->request)->id), true, false);
  } else if (method == JG_METHOD_UPDATE_JOB) {
    answer_job(call, ((Jobgate__V1__UpdateJobRequest *)call->request)->job, true, false);
  } else {
    jg_call_finish(call, JG_STATUS_OK, &nothing);
  }
}

static void *run_all(void *data) {
  (void)data;
  struct jg_queue_node *node;
  while ((node = jg_queue_take(&fake.queue, -1)) != NULL) {
    run(((struct work *)node)->call);
  }
  return NULL;
}

static void see(struct jg_call *call) {
  struct fake_seen *seen = &fake.seen;
  *seen = (struct fake_seen){.calls = seen->calls + 1,
                             .method = (enum jg_method_index)(call->method - fake_methods),
                             .has_present = call->has_present,
                             .present = call->present,
                             .tenant = call->identity.tenant,
                             .loopback = call->identity.loopback,
                             .deadline_ns = call->deadline_ns,
                             .started_ns = call->started_ns};
  keep(seen->traceparent, call->traceparent);
  keep_mask(read_mask(call), seen->mask);
  const Jobgate__V1__Job *job = NULL;
  if (seen->method == JG_METHOD_LIST_JOBS) {
    const Jobgate__V1__ListJobsRequest *request = (const Jobgate__V1__ListJobsRequest *)call->request;
    seen->page_size = request->page_size;
    seen->skip = request->skip;
    seen->view = request->view;
    keep_cstr(seen->page_token, request->page_token);
  } else if (seen->method == JG_METHOD_GET_JOB) {
    seen->view = ((const Jobgate__V1__GetJobRequest *)call->request)->view;
    keep_cstr(seen->id, ((const Jobgate__V1__GetJobRequest *)call->request)->id);
  } else if (seen->method == JG_METHOD_DELETE_JOB) {
    keep_cstr(seen->id, ((const Jobgate__V1__DeleteJobRequest *)call->request)->id);
  } else if (seen->method == JG_METHOD_CHANGE_JOB_STATUS) {
    const Jobgate__V1__ChangeJobStatusRequest *request = (const Jobgate__V1__ChangeJobStatusRequest *)call->request;
    keep_cstr(seen->id, request->id);
    keep_cstr(seen->page_token, request->target_job_status_id);
    keep_cstr(seen->name, request->target_job_status_code);
  } else if (seen->method == JG_METHOD_CREATE_JOB) {
    job = ((const Jobgate__V1__CreateJobRequest *)call->request)->job;
  } else {
    job = ((const Jobgate__V1__UpdateJobRequest *)call->request)->job;
  }
  if (job != NULL) {
    keep_cstr(seen->id, job->id);
    keep_cstr(seen->name, job->name);
  }
}

static void handle(struct jg_call *call) {
  lock();
  see(call);
  unlock();
  struct work *work = jg_arena_alloc(&call->arena, sizeof(*work));
  JG_ASSERT(work != NULL);
  work->call = call;
  struct jg_status status = jg_queue_post(&fake.queue, &work->node);
  JG_ASSERT(jg_status_ok(status));
}

#define ROW(index, text, request_name, response_name)               \
  [index] = {.name = JG_STR(text),                                  \
             .path = "/" text,                                      \
             .request = &jobgate__v1__##request_name##__descriptor, \
             .response = &response_name##__descriptor,              \
             .request_bytes_max = 1u << 20,                         \
             .handle = handle}

const struct jg_method fake_methods[JG_METHOD_COUNT] = {
    ROW(JG_METHOD_GET_JOB, "GetJob", get_job_request, jobgate__v1__job),
    ROW(JG_METHOD_LIST_JOBS, "ListJobs", list_jobs_request, jobgate__v1__list_jobs_response),
    ROW(JG_METHOD_CREATE_JOB, "CreateJob", create_job_request, jobgate__v1__job),
    ROW(JG_METHOD_UPDATE_JOB, "UpdateJob", update_job_request, jobgate__v1__job),
    ROW(JG_METHOD_CHANGE_JOB_STATUS, "ChangeJobStatus", change_job_status_request, jobgate__v1__job),
    ROW(JG_METHOD_DELETE_JOB, "DeleteJob", delete_job_request, google__protobuf__empty),
};

void fake_start(int job_count) {
  jg_queue_init(&fake.queue, 1024, NULL, NULL);
  JG_ASSERT(pthread_mutex_init(&fake.mutex, NULL) == 0);
  fake.job_count = job_count;
  fake.name = NULL;
  fake.seen = (struct fake_seen){0};
  fake.failure = JG_STATUS_OK;
  JG_ASSERT(pthread_create(&fake.thread, NULL, run_all, NULL) == 0);
}

void fake_stop(void) {
  jg_queue_close(&fake.queue);
  JG_ASSERT(pthread_join(fake.thread, NULL) == 0);
  jg_queue_done(&fake.queue);
  JG_ASSERT(pthread_mutex_destroy(&fake.mutex) == 0);
}

struct fake_seen fake_seen(void) {
  lock();
  struct fake_seen seen = fake.seen;
  unlock();
  return seen;
}

void fake_fail_next(struct jg_status status) {
  lock();
  fake.failure = status;
  unlock();
}

void fake_name_jobs(const char *name) {
  lock();
  fake.name = name;
  unlock();
}
