#include "server/grpc/fake_methods.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/queue.h"
#include "jobgate/v1/job_service.pb-c.h"

#define HELD_MAX 64
#define FAN_MAX 256

/* A stream of FAKE_FAN, in its call's arena. */
struct fan {
  struct jg_call *call;
  pthread_t thread; /* where it arrived */
  bool out, over;
};

/* One test at a time runs in the process, so its state may be static. */
static struct {
  pthread_t thread;
  struct jg_queue queue;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  struct jg_call *held[HELD_MAX];
  size_t held_count;
  bool released;
  int cancelled;
  struct fan *fans[FAN_MAX];
  size_t fan_count;
} fake;

/* A call on its way to the worker. */
struct work {
  struct jg_queue_node node;
  struct jg_call *call;
  void (*run)(struct jg_call *call);
};

static void *work(void *data) {
  (void)data;
  struct jg_queue_node *node = NULL;
  while ((node = jg_queue_take(&fake.queue, -1)) != NULL) {
    struct work *item = (struct work *)node;
    item->run(item->call);
  }
  return NULL;
}

void fake_start(void) {
  jg_queue_init(&fake.queue, 100000, NULL, NULL);
  JG_ASSERT(pthread_mutex_init(&fake.mutex, NULL) == 0);
  JG_ASSERT(pthread_cond_init(&fake.changed, NULL) == 0);
  fake.held_count = 0;
  fake.released = false;
  fake.cancelled = 0;
  fake.fan_count = 0;
  JG_ASSERT(pthread_create(&fake.thread, NULL, work, NULL) == 0);
}

void fake_stop(void) {
  jg_queue_close(&fake.queue);
  JG_ASSERT(pthread_join(fake.thread, NULL) == 0);
  jg_queue_done(&fake.queue);
  JG_ASSERT(pthread_cond_destroy(&fake.changed) == 0);
  JG_ASSERT(pthread_mutex_destroy(&fake.mutex) == 0);
}

static void post(struct work *item) {
  struct jg_status status = jg_queue_post(&fake.queue, &item->node);
  JG_ASSERT(jg_status_ok(status));
}

static void add_cancelled(void) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  fake.cancelled++;
  JG_ASSERT(pthread_cond_broadcast(&fake.changed) == 0);
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

void fake_wait_cancelled(int count) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  while (fake.cancelled < count) {
    JG_ASSERT(pthread_cond_wait(&fake.changed, &fake.mutex) == 0);
  }
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

void fake_wait_held(void) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  while (fake.held_count == 0) {
    JG_ASSERT(pthread_cond_wait(&fake.changed, &fake.mutex) == 0);
  }
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

size_t fake_held_count(void) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  size_t count = fake.held_count;
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
  return count;
}

static void echo(struct jg_call *call) {
  struct jg_answer answer = {.kind = JG_ANSWER_MESSAGE, .message = call->request};
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

void fake_release(void) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  fake.released = true;
  size_t count = fake.held_count;
  fake.held_count = 0;
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
  for (size_t i = 0; i < count; i++) {
    echo(fake.held[i]);
  }
}

static void hold(struct jg_call *call) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  bool released = fake.released;
  if (!released) {
    JG_ASSERT(fake.held_count < HELD_MAX);
    fake.held[fake.held_count++] = call;
    JG_ASSERT(pthread_cond_broadcast(&fake.changed) == 0);
  }
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
  if (released) {
    echo(call);
  }
}

static void echo_in_thread(struct jg_call *call) {
  struct work *item = jg_arena_alloc(&call->arena, sizeof(*item));
  JG_ASSERT(item != NULL);
  *item = (struct work){.call = call, .run = echo};
  post(item);
}

static void context(struct jg_call *call) {
  Jobgate__V1__ListJobsRequest message = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  char tenant[24];
  (void)snprintf(tenant, sizeof(tenant), "%" PRId64, call->identity.tenant);
  struct jg_str traceparent = jg_arena_str(&call->arena, call->traceparent);
  JG_ASSERT(traceparent.data != NULL);
  message.filter = (char *)(uintptr_t)traceparent.data;
  message.page_token = tenant;
  message.page_size =
      call->deadline_ns == 0 ? 0 : (int32_t)((call->deadline_ns - jg_clock_mono_ns(call->app->clock)) / 1000000);
  message.skip = call->identity.loopback;
  struct jg_answer answer = {.kind = JG_ANSWER_MESSAGE, .message = &message.base};
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

static void fail(struct jg_call *call) {
  static const struct jg_violation violations[] = {{"name", "must not be empty"},
                                                   {"project.code", "must have at most 20 characters"}};
  static const struct jg_status_details two = {.violations = violations, .violation_count = 2};
  static const struct jg_status_details history = {.oldest_revision = 17, .newest_revision = 4711};
  static const struct jg_status_details retry = {.retry_delay_ms = 1500};
  const char *which = ((const Jobgate__V1__ListJobsRequest *)call->request)->filter;
  struct jg_status status = jg_status_make(JG_UNKNOWN, JG_REASON_NONE, "unknown filter");
  if (strcmp(which, "violations") == 0) {
    status = (struct jg_status){JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "two members are wrong", &two};
  } else if (strcmp(which, "history") == 0) {
    status = (struct jg_status){JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "the token is too old", &history};
  } else if (strcmp(which, "retry") == 0) {
    status = (struct jg_status){JG_UNAVAILABLE, JG_REASON_OVERLOADED, "try again", &retry};
  } else if (strcmp(which, "internal") == 0) {
    status = jg_status_make(JG_INTERNAL, JG_REASON_NONE, "something of ours broke");
  }
  jg_call_fail(call, status);
}

/* A stream whose sends come from the worker. Callbacks only note what happened and wake the worker; they may still run while the
 * worker finishes the call, which is what the mutex and `finished` are for (G4). */
struct numbers {
  struct work work; /* first */
  pthread_mutex_t mutex;
  bool queued, sending, cancelled, finished;
  int next, count;
};

static void numbers_wake(struct numbers *state) { /* the mutex is held */
  if (!state->queued && !state->finished) {
    state->queued = true;
    post(&state->work);
  }
}

static void numbers_sent(struct jg_call *call, bool ok) {
  struct numbers *state = call->stream;
  JG_ASSERT(pthread_mutex_lock(&state->mutex) == 0);
  state->sending = false;
  state->cancelled = state->cancelled || !ok;
  numbers_wake(state);
  JG_ASSERT(pthread_mutex_unlock(&state->mutex) == 0);
}

static void numbers_cancelled(struct jg_call *call) {
  struct numbers *state = call->stream;
  JG_ASSERT(pthread_mutex_lock(&state->mutex) == 0);
  state->cancelled = true;
  numbers_wake(state);
  JG_ASSERT(pthread_mutex_unlock(&state->mutex) == 0);
}

static void numbers_run(struct jg_call *call) {
  struct numbers *state = call->stream;
  JG_ASSERT(pthread_mutex_lock(&state->mutex) == 0);
  state->queued = false;
  bool cancelled = state->cancelled;
  bool send = !cancelled && !state->sending && state->next < state->count;
  bool finish = cancelled || (!state->sending && !send);
  int number = state->next;
  state->finished = finish;
  if (send) {
    state->sending = true;
    state->next++;
  }
  JG_ASSERT(pthread_mutex_unlock(&state->mutex) == 0);
  if (send) {
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", number);
    call->sink->send(call, jg_bytes_create(jg_str_make(text, (size_t)len)));
  } else if (cancelled) {
    add_cancelled();
    jg_call_fail(call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "cancelled"));
  } else if (finish) {
    jg_call_finish(call, JG_STATUS_OK, NULL);
  }
}

static void numbers(struct jg_call *call) {
  struct numbers *state = jg_arena_alloc_zero(&call->arena, sizeof(*state));
  JG_ASSERT(state != NULL);
  state->work = (struct work){.call = call, .run = numbers_run};
  state->count = ((const Jobgate__V1__ListJobsRequest *)call->request)->page_size;
  JG_ASSERT(pthread_mutex_init(&state->mutex, NULL) == 0);
  call->stream = state;
  call->on_sent = numbers_sent;
  call->on_cancelled = numbers_cancelled;
  JG_ASSERT(pthread_mutex_lock(&state->mutex) == 0);
  numbers_wake(state);
  JG_ASSERT(pthread_mutex_unlock(&state->mutex) == 0);
}

static void fan_sent(struct jg_call *call, bool ok) {
  struct fan *fan = call->stream;
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  JG_ASSERT(fan->out);
  fan->out = false;
  fan->over = fan->over || !ok;
  JG_ASSERT(pthread_cond_broadcast(&fake.changed) == 0);
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

static void fan_cancelled(struct jg_call *call) {
  struct fan *fan = call->stream;
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  fan->over = true;
  JG_ASSERT(pthread_cond_broadcast(&fake.changed) == 0);
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

static void fan(struct jg_call *call) {
  struct fan *fan = jg_arena_alloc_zero(&call->arena, sizeof(*fan));
  JG_ASSERT(fan != NULL);
  fan->call = call;
  fan->thread = pthread_self();
  call->stream = fan;
  call->on_sent = fan_sent;
  call->on_cancelled = fan_cancelled;
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  JG_ASSERT(fake.fan_count < FAN_MAX);
  fake.fans[fake.fan_count++] = fan;
  JG_ASSERT(pthread_cond_broadcast(&fake.changed) == 0);
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

void fake_wait_fan(size_t count) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  while (fake.fan_count < count) {
    JG_ASSERT(pthread_cond_wait(&fake.changed, &fake.mutex) == 0);
  }
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

size_t fake_fan_threads(void) {
  size_t count = 0;
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  for (size_t i = 0; i < fake.fan_count; i++) {
    size_t first = 0;
    while (!pthread_equal(fake.fans[first]->thread, fake.fans[i]->thread)) {
      first++;
    }
    count += first == i;
  }
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
  return count;
}

void fake_wait_fan_over(void) {
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  for (size_t i = 0; i < fake.fan_count; i++) {
    while (!fake.fans[i]->over) {
      JG_ASSERT(pthread_cond_wait(&fake.changed, &fake.mutex) == 0);
    }
  }
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
}

/* Ends the streams that are over, or all of them. Returns how many are left, into *ret_left, none of which has a message out. */
static size_t fan_take(bool all, struct fan **ret_left) {
  struct fan *ends[FAN_MAX];
  size_t end_count = 0, left = 0;
  JG_ASSERT(pthread_mutex_lock(&fake.mutex) == 0);
  for (size_t i = 0; i < fake.fan_count; i++) {
    struct fan *fan = fake.fans[i];
    while (fan->out) {
      JG_ASSERT(pthread_cond_wait(&fake.changed, &fake.mutex) == 0);
    }
    *(fan->over || all ? &ends[end_count++] : &ret_left[left++]) = fan;
  }
  memcpy(fake.fans, ret_left, left * sizeof(struct fan *));
  fake.fan_count = left;
  JG_ASSERT(pthread_mutex_unlock(&fake.mutex) == 0);
  for (size_t i = 0; i < end_count; i++) {
    jg_call_finish(ends[i]->call, all ? JG_STATUS_OK : jg_status_make(JG_CANCELLED, JG_REASON_NONE, "cancelled"), NULL);
  }
  return left;
}

size_t fake_fan_out(const char *text) {
  struct fan *fans[FAN_MAX];
  struct jg_send sends[FAN_MAX];
  size_t count = fan_take(false, fans);
  struct jg_bytes *message = jg_bytes_create(jg_str_from_cstr(text));
  for (size_t i = 0; i < count; i++) {
    fans[i]->out = true;  // nobody calls back before it is sent
    sends[i] = (struct jg_send){fans[i]->call, jg_bytes_ref(message)};
  }
  jg_bytes_unref(message);
  if (count > 0) {
    sends[0].call->sink->send_all(sends, count);
  }
  (void)fan_take(false, fans);  // it waits
  return count;
}

void fake_fan_end(void) {
  struct fan *fans[FAN_MAX];
  (void)fan_take(true, fans);  // none is left
}

static void ignore_sent(struct jg_call *call, bool ok) {
  (void)call;
  (void)ok;
}

static void last(struct jg_call *call) {
  call->on_sent = ignore_sent;
  call->sink->send(call, jg_bytes_create(JG_STR("last words")));
  jg_call_fail(call, jg_status_make(JG_OUT_OF_RANGE, JG_REASON_NONE, "nothing more"));
}

static void forever_cancelled(struct jg_call *call) {
  add_cancelled();
  jg_call_fail(call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "cancelled"));
}

static void forever(struct jg_call *call) {
  call->on_sent = ignore_sent;
  call->on_cancelled = forever_cancelled;
  call->sink->send(call, jg_bytes_create(JG_STR("open")));
}

struct count {
  int64_t messages, bytes;
};

static void count_received(struct jg_call *call, struct jg_str message, bool end) {
  struct count *state = call->stream;
  if (end) {
    Jobgate__V1__ImportJobsResponse response = JOBGATE__V1__IMPORT_JOBS_RESPONSE__INIT;
    response.created = state->messages;
    response.updated = state->bytes;
    struct jg_answer answer = {.kind = JG_ANSWER_MESSAGE, .message = &response.base};
    jg_call_finish(call, JG_STATUS_OK, &answer);
    return;
  }
  if (jg_str_equal(message, JG_STR("stop"))) {
    jg_call_fail(call, jg_status_make(JG_ABORTED, JG_REASON_NONE, "stopped"));
    return;
  }
  if (jg_str_equal(message, JG_STR("ack"))) {
    call->sink->send(call, jg_bytes_create(message));
    call->sink->receive(call);
    return;
  }
  state->messages++;
  for (size_t i = 0; i < message.len; i++) {
    JG_ASSERT(message.data[i] == 'x');
  }
  state->bytes += (int64_t)message.len;
  call->sink->receive(call);
}

static void count(struct jg_call *call) {
  call->stream = jg_arena_alloc_zero(&call->arena, sizeof(struct count));
  JG_ASSERT(call->stream != NULL);
  call->on_received = count_received;
  call->on_sent = ignore_sent;
  call->on_cancelled = forever_cancelled;
  call->sink->receive(call);
}

#define FAKE(index, text, shape, bytes_max, local, function)                                               \
  [index] = {.name = {text, sizeof(text) - 1},                                                             \
             .path = "/jobgate.test.Fake/" text,                                                           \
             .type = (shape),                                                                              \
             .request = (shape) == JG_METHOD_CLIENT_STREAM ? &jobgate__v1__import_jobs_request__descriptor \
                                                           : &jobgate__v1__list_jobs_request__descriptor,  \
             .response = &jobgate__v1__list_jobs_request__descriptor,                                      \
             .request_bytes_max = (bytes_max),                                                             \
             .loopback_only = (local),                                                                     \
             .handle = (function)}

const struct jg_method fake_methods[FAKE_METHOD_COUNT] = {
    FAKE(FAKE_ECHO, "Echo", JG_METHOD_UNARY, 100000, false, echo),
    FAKE(FAKE_SMALL, "Small", JG_METHOD_UNARY, 1000, false, echo),
    FAKE(FAKE_THREAD, "Thread", JG_METHOD_UNARY, 1000, false, echo_in_thread),
    FAKE(FAKE_CONTEXT, "Context", JG_METHOD_UNARY, 1000, false, context),
    FAKE(FAKE_FAIL, "Fail", JG_METHOD_UNARY, 1000, false, fail),
    FAKE(FAKE_HOLD, "Hold", JG_METHOD_UNARY, 1000, false, hold),
    FAKE(FAKE_LOCAL, "Local", JG_METHOD_UNARY, 1000, true, echo),
    FAKE(FAKE_NUMBERS, "Numbers", JG_METHOD_SERVER_STREAM, 1000, false, numbers),
    FAKE(FAKE_LAST, "Last", JG_METHOD_SERVER_STREAM, 1000, false, last),
    FAKE(FAKE_FAN, "Fan", JG_METHOD_SERVER_STREAM, 1000, false, fan),
    FAKE(FAKE_FOREVER, "Forever", JG_METHOD_SERVER_STREAM, 1000, false, forever),
    FAKE(FAKE_COUNT, "Count", JG_METHOD_CLIENT_STREAM, 50000, false, count),
};
