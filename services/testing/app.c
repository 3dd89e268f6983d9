#include "services/testing/app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/limits.h"
#include "proto/codec/json_reader.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_encode.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20)
/* 2026-02-03T04:05:06Z */
#define START_TICKS (INT64_C(1770091506) * JG_TICKS_PER_SECOND)

static void finish(struct jg_call *call, struct jg_status status, const struct jg_answer *answer);

static void open_expander(struct jg_test_app *app) {
  const struct jg_cache_options options = {
      .url = JG_STR("memory:"), .bytes_max = (size_t)32 << 20, .metrics = app->metrics};
  assert_true(jg_status_ok(jg_cache_create(&options, &app->arena, &app->cache)));
  app->expander = jg_expander_create(app->cache, &app->style, app->metrics);
  app->app.cache = app->cache;
  app->app.expander = app->expander;
}

struct jg_test_app *jg_test_app_create(void) {
  struct jg_test_app *app = jg_alloc_zero(1, sizeof(*app));
  jg_arena_init(&app->arena, ARENA_BYTES_MAX);
  jg_clock_manual_init(&app->clock, START_TICKS);
  app->metrics = jg_metrics_create();
  const char *tmpdir = getenv("TEST_TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  char dir[512];
  (void)snprintf(dir, sizeof(dir), "%s/jobs.XXXXXX", tmpdir != NULL ? tmpdir : "/tmp");
  assert_non_null(mkdtemp(dir));
  const char *url = jg_arena_printf(&app->arena, "sqlite:%s/jobs.db", dir);
  const struct jg_store_options options = {.url = jg_str_from_cstr(url),
                                           .create = true,
                                           .exclusive = true,
                                           .reader_count = 2,
                                           .clock = &app->clock.clock,
                                           .metrics = app->metrics};
  struct jg_status status = jg_store_open(&options, &app->arena, &app->store);
  if (!jg_status_ok(status)) {
    fail_msg("%s", status.message);
  }
  assert_true(jg_status_ok(jg_store_tenant(app->store, JG_TENANT_DEFAULT, true, &app->arena, &app->tenant)));
  app->app = (struct jg_app){
      .store = app->store, .clock = &app->clock.clock, .metrics = app->metrics, .json_style = &app->style};
  app->sink.finish = finish;
  open_expander(app);
  return app;
}

void jg_test_app_forget(struct jg_test_app *app) {
  jg_expander_destroy(app->expander);
  jg_cache_destroy(app->cache);
  open_expander(app);
}

void jg_test_app_destroy(struct jg_test_app *app) {
  jg_store_close(app->store);
  jg_expander_destroy(app->expander);
  jg_cache_destroy(app->cache);
  jg_metrics_destroy(app->metrics);
  jg_arena_done(&app->arena);
  jg_free(app);
}

int64_t jg_test_metric(struct jg_test_app *app, const char *name, const char *label) {
  struct jg_buf text;
  jg_buf_init(&text, (size_t)1 << 20);
  jg_metrics_write(app->metrics, &text);
  int64_t sum = 0;
  struct jg_str rest = jg_buf_str(&text), series = jg_str_from_cstr(name);
  while (rest.data != NULL) {
    struct jg_str line = jg_str_cut(rest, '\n', &rest);
    // A series is its name, maybe labels, and a value: name{labels} 1
    bool named = jg_str_starts_with(line, series) && line.len > series.len &&
                 (line.data[series.len] == '{' || line.data[series.len] == ' ');
    struct jg_str value_text = JG_STR_NONE;
    (void)jg_str_cut(line, ' ', &value_text);
    int64_t value = 0;
    if (named && memmem(line.data, line.len, label, strlen(label)) != NULL && jg_parse_i64(value_text, &value)) {
      sum += value;
    }
  }
  jg_buf_done(&text);
  return sum;
}

/* ---- reads and writes of the test's own ---- */

struct wait {
  pthread_mutex_t mutex;
  pthread_cond_t done;
  bool finished;
  struct jg_status status;
  void (*read)(struct jg_txn *txn, void *data);
  void *data;
};

static void wait_end(struct wait *wait, struct jg_status status) {
  assert_int_equal(pthread_mutex_lock(&wait->mutex), 0);
  wait->status = status;
  wait->finished = true;
  assert_int_equal(pthread_cond_signal(&wait->done), 0);
  assert_int_equal(pthread_mutex_unlock(&wait->mutex), 0);
}

static void wait_for(struct wait *wait) {
  assert_int_equal(pthread_mutex_lock(&wait->mutex), 0);
  while (!wait->finished) {
    assert_int_equal(pthread_cond_wait(&wait->done, &wait->mutex), 0);
  }
  assert_int_equal(pthread_mutex_unlock(&wait->mutex), 0);
  (void)pthread_mutex_destroy(&wait->mutex);
  (void)pthread_cond_destroy(&wait->done);
}

static void read_run(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct wait *wait = data;
  assert_true(jg_status_ok(begun));
  wait->read(txn, wait->data);
  wait_end(wait, begun);
}

void jg_test_read(struct jg_test_app *app, void (*run)(struct jg_txn *txn, void *data), void *data) {
  struct wait wait = {.mutex = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER, .read = run, .data = data};
  struct jg_store_read read = {.tenant = app->tenant, .run = read_run, .data = &wait};
  assert_true(jg_status_ok(jg_store_submit_read(app->store, &read)));
  wait_for(&wait);
}

struct write_of_test {
  struct wait wait;
  struct jg_status (*run)(struct jg_txn *txn, void *data);
  void *data;
};

static struct jg_status write_run(struct jg_txn *txn, void *data) {
  struct write_of_test *write = data;
  return write->run(txn, write->data);
}

static void write_done(struct jg_status status, void *data) {
  wait_end(&((struct write_of_test *)data)->wait, status);
}

struct jg_status jg_test_write(struct jg_test_app *app, struct jg_status (*run)(struct jg_txn *txn, void *data),
                               void *data) {
  struct write_of_test write = {
      .wait = {.mutex = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER}, .run = run, .data = data};
  struct jg_store_write store_write = {.tenant = app->tenant, .run = write_run, .done = write_done, .data = &write};
  assert_true(jg_status_ok(jg_store_submit(app->store, &store_write)));
  wait_for(&write.wait);
  return write.wait.status;
}

static void read_revision(struct jg_txn *txn, void *data) {
  struct jg_arena arena;
  struct jg_tenant_state state;
  jg_arena_init(&arena, 4096);
  assert_true(jg_status_ok(jg_txn_tenant_state(txn, &arena, &state)));
  *(int64_t *)data = state.revision;
  jg_arena_done(&arena);
}

int64_t jg_test_revision(struct jg_test_app *app) {
  int64_t revision = -1;
  jg_test_read(app, read_revision, &revision);
  return revision;
}

/* ---- calls ---- */

struct jg_test_call *jg_test_call_create(struct jg_test_app *app) {
  struct jg_test_call *call = jg_alloc_zero(1, sizeof(*call));
  call->call.magic = JG_CALL_MAGIC;
  jg_arena_init(&call->call.arena, JG_LIMIT_CALL_ARENA_BYTES);
  call->call.app = &app->app;
  call->call.sink = &app->sink;
  call->call.identity.tenant = app->tenant;
  assert_int_equal(pthread_mutex_init(&call->mutex, NULL), 0);
  assert_int_equal(pthread_cond_init(&call->done, NULL), 0);
  return call;
}

static void finish(struct jg_call *call, struct jg_status status, const struct jg_answer *answer) {
  struct jg_test_call *test = (struct jg_test_call *)call;
  assert_true((answer != NULL) == jg_status_ok(status));
  assert_int_equal(pthread_mutex_lock(&test->mutex), 0);
  assert_false(test->finished);
  test->status = status;
  if (answer != NULL) {
    test->answer = *answer;
  }
  test->finished = true;
  assert_int_equal(pthread_cond_signal(&test->done), 0);
  assert_int_equal(pthread_mutex_unlock(&test->mutex), 0);
}

void jg_test_call_run(struct jg_test_call *call, void (*handle)(struct jg_call *call), ProtobufCMessage *request) {
  call->call.request = request;
  handle(&call->call);
  assert_int_equal(pthread_mutex_lock(&call->mutex), 0);
  while (!call->finished) {
    assert_int_equal(pthread_cond_wait(&call->done, &call->mutex), 0);
  }
  assert_int_equal(pthread_mutex_unlock(&call->mutex), 0);
}

void jg_test_call_destroy(struct jg_test_call *call) {
  jg_arena_done(&call->call.arena);
  (void)pthread_mutex_destroy(&call->mutex);
  (void)pthread_cond_destroy(&call->done);
  jg_free(call);
}

static const struct jg_parts *job_of(struct jg_test_call *call, size_t job) {
  if (!jg_status_ok(call->status)) {
    fail_msg("the call failed: %s", call->status.message);
  }
  assert_true(job < call->answer.job_count);
  return &call->answer.jobs[job];
}

const char *jg_test_call_json(struct jg_test_call *call, size_t job) {
  struct jg_buf text;
  jg_buf_init(&text, ARENA_BYTES_MAX);
  jg_json_encode(call->call.app->json_style, job_of(call, job), JG_STR_NONE, call->answer.nodes, &text);
  assert_false(text.failed);
  struct jg_str copy = jg_arena_str(&call->call.arena, jg_buf_str(&text));
  jg_buf_done(&text);
  assert_non_null(copy.data);
  return copy.data;
}

ProtobufCMessage *jg_test_call_proto(struct jg_test_call *call, size_t job) {
  struct jg_buf bytes;
  const struct jg_parts *parts = job_of(call, job);
  jg_buf_init(&bytes, ARENA_BYTES_MAX);
  jg_proto_encode(parts, call->answer.nodes, &bytes);
  ProtobufCMessage *message = NULL;
  assert_true(
      jg_status_ok(jg_message_unpack(parts->entity->descriptor, jg_buf_str(&bytes), &call->call.arena, &message)));
  jg_buf_done(&bytes);
  return message;
}

/* In an object that has begun: moves to the value of `name`; its token, or JG_JSON_OBJECT_END if there is none. */
static enum jg_json_token find_member(struct jg_json_reader *reader, struct jg_str name) {
  for (;;) {
    enum jg_json_token token = jg_json_next(reader);
    if (token == JG_JSON_OBJECT_END) {
      return token;
    }
    assert_int_equal(token, JG_JSON_NAME);
    bool found = jg_str_equal(reader->text, name);
    token = jg_json_next(reader);
    if (found) {
      return token;
    }
    assert_true(jg_json_skip(reader, token));
  }
}

const char *jg_test_get(struct jg_test_call *call, const char *path) {
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, jg_str_from_cstr(jg_test_call_json(call, 0)), &call->call.arena);
  struct jg_str rest = jg_str_from_cstr(path);
  enum jg_json_token token = jg_json_next(&reader);
  while (rest.data != NULL) {
    assert_int_equal(token, JG_JSON_OBJECT_BEGIN);
    token = find_member(&reader, jg_str_cut(rest, '.', &rest));
    if (token == JG_JSON_OBJECT_END) {
      return NULL;
    }
  }
  switch (token) {
    case JG_JSON_STRING:
    case JG_JSON_NUMBER:
      return jg_arena_str(&call->call.arena, reader.text).data;
    case JG_JSON_TRUE:
      return "true";
    case JG_JSON_FALSE:
      return "false";
    default:
      return token == JG_JSON_OBJECT_BEGIN ? "{" : "[";
  }
}
