/* The door with authentication: who gets in, and calls that end while it is asked who made them. */
#include "services/identity/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "server/grpc/fake_server.h"
#include "services/identity/password.h"
#include "services/testing/app.h"

#define COST 1
#define TIMEOUT_MS 60000
#define RIGHT "Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ==" /* APIUser:123456@TESTAPI */
#define WRONG "Basic QVBJVXNlcjoxMjM0NTdAVEVTVEFQSQ=="

static struct jg_test_app *app;
static struct jg_identity_service *service;
static int64_t tenant;
static struct fake_server *fake;

static struct jg_status run_add(struct jg_txn *txn, void *data JG_UNUSED) {
  char hash[JG_PASSWORD_HASH_BYTES_MAX];
  jg_password_hash(JG_STR("123456"), COST, hash);
  const struct jg_user_row row = {JG_STR("APIUser"), jg_str_from_cstr(hash), 0};
  return jg_txn_user_put(txn, &row, true);
}

static int setup(void **state JG_UNUSED) {
  app = jg_test_app_create();
  assert_true(jg_status_ok(jg_store_tenant(app->store, JG_STR("testapi"), true, &app->arena, &tenant)));
  int64_t own = app->tenant;
  app->tenant = tenant;
  assert_true(jg_status_ok(jg_test_write(app, run_add, NULL)));
  app->tenant = own;
  const struct jg_identity_options options = {
      .store = app->store, .clock = &app->clock.clock, .metrics = app->metrics, .threads = 2, .cost = COST};
  service = jg_identity_service_create(&options);
  fake = fake_server_create_guarded(service);
  jg_grpc_server_set_serving(fake->server, true);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  fake_server_destroy(fake);
  jg_identity_service_destroy(service);
  jg_test_app_destroy(app);
  return 0;
}

static struct jg_status call(const char *path, struct jg_str message, struct jg_str *ret_response) {
  struct jg_grpc_request request = {.path = path, .timeout_ms = TIMEOUT_MS};
  return jg_grpc_client_unary(fake->client, &request, message, &fake->arena, ret_response);
}

static enum jg_code code_of(const char *path) {
  struct jg_str response = JG_STR_NONE;
  return call(path, JG_STR(""), &response).code;
}

static void test_callers(void **state JG_UNUSED) {
  static const struct {
    const char *authorization;
    enum jg_code code;
  } rows[] = {{NULL, JG_UNAUTHENTICATED},
              {"", JG_UNAUTHENTICATED},
              {"Bearer x", JG_UNAUTHENTICATED},
              {"Basic x", JG_UNAUTHENTICATED},
              {WRONG, JG_UNAUTHENTICATED},
              {RIGHT, JG_OK},
              {RIGHT, JG_OK},
              {WRONG, JG_UNAUTHENTICATED}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    if (rows[i].authorization != NULL) {
      jg_grpc_client_authorize(fake->client, jg_str_from_cstr(rows[i].authorization));
    }
    assert_int_equal(code_of("/jobgate.test.Fake/Echo"), rows[i].code);
    // Who is not known does not learn what there is; health is open to all.
    assert_int_equal(code_of("/jobgate.test.Fake/Nope"), rows[i].code == JG_OK ? JG_UNIMPLEMENTED : rows[i].code);
    assert_int_equal(code_of("/grpc.health.v1.Health/Check"), JG_OK);
  }
}

static void test_tenant(void **state JG_UNUSED) {
  jg_grpc_client_authorize(fake->client, JG_STR(RIGHT));
  for (int i = 0; i < 2; i++) {
    struct jg_str response = JG_STR_NONE;
    assert_true(jg_status_ok(call("/jobgate.test.Fake/Context", JG_STR(""), &response)));
    ProtobufCMessage *message = NULL;
    assert_true(
        jg_status_ok(jg_message_unpack(&jobgate__v1__list_jobs_request__descriptor, response, &fake->arena, &message)));
    char expected[24];
    (void)snprintf(expected, sizeof(expected), "%lld", (long long)tenant);
    assert_string_equal(((Jobgate__V1__ListJobsRequest *)message)->page_token, expected);
  }
}

/* How a stream of that path ends, or OK if it sends. */
static enum jg_code stream_code(const char *path) {
  struct jg_grpc_request request = {.path = path, .timeout_ms = TIMEOUT_MS};
  struct jg_grpc_stream *stream = NULL;
  assert_true(jg_status_ok(jg_grpc_stream_open(fake->client, &request, &stream)));
  bool sent = jg_grpc_stream_send(stream, JG_STR(""));
  enum jg_grpc_next next = JG_GRPC_NEXT_TIMEOUT;
  struct jg_str message = JG_STR_NONE;
  jg_grpc_stream_close_send(stream);
  struct jg_status status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
  jg_grpc_stream_destroy(stream);
  assert_true(sent || !jg_status_ok(status));
  return status.code;
}

static void test_streams(void **state JG_UNUSED) {
  static const char *const paths[] = {"/jobgate.test.Fake/Forever", "/jobgate.test.Fake/Count",
                                      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"};
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    jg_grpc_client_authorize(fake->client, JG_STR(WRONG));
    assert_int_equal(stream_code(paths[i]), JG_UNAUTHENTICATED);
    assert_int_equal(stream_code("/grpc.health.v1.Health/Watch"), JG_OK);
    jg_grpc_client_authorize(fake->client, JG_STR(RIGHT));
    assert_int_equal(stream_code(paths[i]), JG_OK);
    // Forgotten again, so that the next one waits too.
    jg_clock_manual_advance_ns(&app->clock, INT64_C(1000000) * JG_IDENTITY_REMEMBERED_MS);
  }
}

static struct jg_status run_remove(struct jg_txn *txn, void *data JG_UNUSED) {
  return jg_txn_user_remove(txn, JG_STR("APIUser"));
}

/* A stream that was opened by a user who is no more, here one that sends without end, is ended. */
static void test_streams_of_removed_users(void **state JG_UNUSED) {
  jg_grpc_client_authorize(fake->client, JG_STR(RIGHT));
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Numbers", .timeout_ms = TIMEOUT_MS};
  struct jg_grpc_stream *stream = NULL;
  assert_true(jg_status_ok(jg_grpc_stream_open(fake->client, &request, &stream)));
  assert_true(jg_grpc_stream_send(stream, fake_request(fake, "", 1000000000)));
  jg_grpc_stream_close_send(stream);
  enum jg_grpc_next next = JG_GRPC_NEXT_TIMEOUT;
  struct jg_str message = JG_STR_NONE;
  assert_true(jg_status_ok(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message)));
  // Still there after each expiry, as long as the user is.
  for (int i = 0; i < 3; i++) {
    jg_clock_manual_advance_ns(&app->clock, INT64_C(1000000) * JG_IDENTITY_REMEMBERED_MS);
    for (int n = 0; n < 50; n++) {
      assert_true(jg_status_ok(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message)));
    }
  }
  int64_t own = app->tenant;
  app->tenant = tenant;
  assert_true(jg_status_ok(jg_test_write(app, run_remove, NULL)));
  app->tenant = own;
  jg_clock_manual_advance_ns(&app->clock, INT64_C(1000000) * JG_IDENTITY_REMEMBERED_MS);
  struct jg_status status = JG_STATUS_OK;
  while (jg_status_ok(status)) {
    status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
  }
  assert_int_equal(status.code, JG_UNAUTHENTICATED);
  jg_grpc_stream_destroy(stream);
}

/* The same when it gets its messages together with others. */
static void test_removed_users_among_many(void **state JG_UNUSED) {
  jg_grpc_client_authorize(fake->client, JG_STR(RIGHT));
  struct jg_grpc_stream *streams[8];
  for (size_t i = 0; i < JG_COUNT(streams); i++) {
    streams[i] = fake_open(fake, "Fan", JG_STR(""), TIMEOUT_MS);
  }
  fake_wait_fan(JG_COUNT(streams));
  for (int i = 0; i < 3; i++) {
    // What is remembered answers at once: nobody is still being asked for when the user goes.
    assert_int_equal(fake_fan_out("still there"), JG_COUNT(streams));
  }
  int64_t own = app->tenant;
  app->tenant = tenant;
  assert_true(jg_status_ok(jg_test_write(app, run_remove, NULL)));
  app->tenant = own;
  jg_clock_manual_advance_ns(&app->clock, INT64_C(1000000) * JG_IDENTITY_REMEMBERED_MS);
  (void)fake_fan_out("the last one");  // some may be gone already: the message before asks after it has left
  fake_wait_fan_over();
  assert_int_equal(fake_fan_out("too late"), 0);
  for (size_t i = 0; i < JG_COUNT(streams); i++) {
    struct jg_status status = JG_STATUS_OK;
    while (jg_status_ok(status)) {
      enum jg_grpc_next next = JG_GRPC_NEXT_TIMEOUT;
      struct jg_str message = JG_STR_NONE;
      status = jg_grpc_stream_next(streams[i], -1, &fake->arena, &next, &message);
    }
    assert_int_equal(status.code, JG_UNAUTHENTICATED);
    jg_grpc_stream_destroy(streams[i]);
  }
}

/* ---- calls that end while their callers are asked for: both readers of the record are held ---- */

struct hold {
  struct jg_store_read read;
  struct jg_queue entered, released, left;
  struct jg_queue_node entered_node, released_node, left_node;
};

static void run_hold(struct jg_txn *txn JG_UNUSED, struct jg_status begun JG_UNUSED, void *data) {
  struct hold *hold = data;
  assert_true(jg_status_ok(jg_queue_post(&hold->entered, &hold->entered_node)));
  (void)jg_queue_take(&hold->released, -1);
  assert_true(jg_status_ok(jg_queue_post(&hold->left, &hold->left_node)));
}

static void hold_begin(struct hold *hold) {
  *hold = (struct hold){.read = {.tenant = app->tenant, .run = run_hold, .data = hold}};
  jg_queue_init(&hold->entered, 1, NULL, NULL);
  jg_queue_init(&hold->released, 1, NULL, NULL);
  jg_queue_init(&hold->left, 1, NULL, NULL);
  assert_true(jg_status_ok(jg_store_submit_read(app->store, &hold->read)));
  (void)jg_queue_take(&hold->entered, -1);
}

static void hold_end(struct hold *hold) {
  assert_true(jg_status_ok(jg_queue_post(&hold->released, &hold->released_node)));
  (void)jg_queue_take(&hold->left, -1);
  jg_queue_done(&hold->entered);
  jg_queue_done(&hold->released);
  jg_queue_done(&hold->left);
}

static void test_calls_that_end_early(void **state JG_UNUSED) {
  struct hold holds[2];
  hold_begin(&holds[0]);
  hold_begin(&holds[1]);
  jg_grpc_client_authorize(fake->client, JG_STR(RIGHT));
  struct jg_str response = JG_STR_NONE;
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Echo", .timeout_ms = 50};
  assert_int_equal(jg_grpc_client_unary(fake->client, &request, JG_STR(""), &fake->arena, &response).code,
                   JG_DEADLINE_EXCEEDED);
  static const char *const paths[] = {"/jobgate.test.Fake/Forever", "/jobgate.test.Fake/Count"};
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    struct jg_grpc_request stream_request = {.path = paths[i], .timeout_ms = 50};
    struct jg_grpc_stream *stream = NULL;
    assert_true(jg_status_ok(jg_grpc_stream_open(fake->client, &stream_request, &stream)));
    assert_true(jg_grpc_stream_send(stream, JG_STR("")));
    enum jg_grpc_next next = JG_GRPC_NEXT_TIMEOUT;
    struct jg_str message = JG_STR_NONE;
    assert_int_equal(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message).code, JG_DEADLINE_EXCEEDED);
    jg_grpc_stream_destroy(stream);
  }
  hold_end(&holds[0]);
  hold_end(&holds[1]);
  // The verdict serves the next ones; and stop waits for no handler that never began.
  assert_int_equal(code_of("/jobgate.test.Fake/Echo"), JG_OK);
  fake_server_stop(fake, 0);
}

static void *caller(void *data JG_UNUSED) {
  struct jg_arena arena;
  jg_arena_init(&arena, 16u << 20);
  for (int i = 0; i < 100; i++) {
    struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Thread", .timeout_ms = TIMEOUT_MS};
    struct jg_str response = JG_STR_NONE;
    struct jg_status status = jg_grpc_client_unary(fake->client, &request, JG_STR(""), &arena, &response);
    JG_ASSERT(jg_status_ok(status));
    if (i % 10 == 0) {
      jg_clock_manual_advance_ns(&app->clock, INT64_C(1000000) * JG_IDENTITY_REMEMBERED_MS);
    }
  }
  jg_arena_done(&arena);
  return NULL;
}

static void test_threads(void **state JG_UNUSED) {
  jg_grpc_client_authorize(fake->client, JG_STR(RIGHT));
  pthread_t threads[4];
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, caller, NULL), 0);
  }
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_callers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_tenant, setup, teardown),
      cmocka_unit_test_setup_teardown(test_streams, setup, teardown),
      cmocka_unit_test_setup_teardown(test_streams_of_removed_users, setup, teardown),
      cmocka_unit_test_setup_teardown(test_removed_users_among_many, setup, teardown),
      cmocka_unit_test_setup_teardown(test_calls_that_end_early, setup, teardown),
      cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
