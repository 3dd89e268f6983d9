/* Calls whose arena meets its cap: at each size a clear status, nothing half-written, nothing leaked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/codec/json_decode.h"
#include "services/jobs/jobs.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define STEP 128u

static struct jg_test_app *app;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

/* Runs it at growing caps until it succeeds; before each success nothing may have been written. */
static void run_to_success(void (*handle)(struct jg_call *call), ProtobufCMessage *request, bool has_present,
                           uint64_t present) {
  int64_t revision = jg_test_revision(app);
  size_t failures = 0;
  for (size_t cap = STEP;; cap += STEP) {
    struct jg_test_call *call = jg_test_call_create(app);
    jg_arena_done(&call->call.arena);
    jg_arena_init(&call->call.arena, cap);
    call->call.has_present = has_present;
    call->call.present = present;
    jg_test_call_run(call, handle, request);
    bool done = jg_status_ok(call->status);
    if (!done) {
      failures++;
      assert_true(call->status.code == JG_RESOURCE_EXHAUSTED || call->status.code == JG_INVALID_ARGUMENT);
      assert_true(call->status.message[0] != '\0');
    }
    jg_test_call_destroy(call);
    if (done) {
      break;
    }
    assert_int_equal(jg_test_revision(app), revision);
  }
  assert_true(failures > 3);
}

static void decode(const char *json, struct jg_json_decoded *decoded) {
  assert_true(jg_status_ok(jg_json_decode(jg_entity(JG_KIND_JOB), jg_str_from_cstr(json), &app->arena, decoded)));
}

static void test_create(void **state) {
  (void)state;
  struct jg_json_decoded decoded;
  decode(JG_TEST_JOB(",\"skill\":{\"code\":\"S\",\"sales_organization\":{\"code\":\"SO\",\"name\":\"so\"}},"
                     "\"_parent_job\":{\"reference_back_office\":\"R\",\"name\":\"p\","
                     "\"project_reference_back_office\":\"P1\",\"job_type_code\":\"T1\",\"job_status_code\":\"Open\"}"),
         &decoded);
  (void)jg_test_must_post(app, JG_TEST_JOB(""));
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  request.job = (Jobgate__V1__Job *)decoded.message;
  run_to_success(jg_jobs_create, &request.base, true, decoded.present);
  // The same request ran many times: what it left is as if it had run once.
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(",\"_parent_jobs_reference_back_office\":\"R\""));
  jg_test_assert_get(call, "id2", "4");
  jg_test_call_destroy(call);
}

/* A replay too ends in a clear status at each size. */
static void test_replay(void **state) {
  (void)state;
  struct jg_json_decoded decoded;
  decode(JG_TEST_JOB(",\"skill\":{\"code\":\"S\"}"), &decoded);
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  request.job = (Jobgate__V1__Job *)decoded.message;
  request.request_id = (char *)"99999999-9999-4999-8999-999999999999";
  run_to_success(jg_jobs_create, &request.base, true, decoded.present);
  int64_t revision = jg_test_revision(app);
  run_to_success(jg_jobs_create, &request.base, true, decoded.present);
  assert_int_equal(jg_test_revision(app), revision);
}

static void test_update(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\""));
  struct jg_json_decoded decoded;
  decode("{\"id\":\"" ID "\",\"description\":\"d\",\"project\":{\"reference_back_office\":\"P1\",\"name\":\"x\"}}",
         &decoded);
  Jobgate__V1__UpdateJobRequest request = JOBGATE__V1__UPDATE_JOB_REQUEST__INIT;
  request.job = (Jobgate__V1__Job *)decoded.message;
  run_to_success(jg_jobs_update, &request.base, true, decoded.present);
}

static void test_delete(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\""));
  Jobgate__V1__DeleteJobRequest request = JOBGATE__V1__DELETE_JOB_REQUEST__INIT;
  request.id = (char *)ID;
  run_to_success(jg_jobs_delete, &request.base, false, 0);
}

static void test_reads(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\""));
  Jobgate__V1__GetJobRequest get = JOBGATE__V1__GET_JOB_REQUEST__INIT;
  get.id = (char *)ID;
  run_to_success(jg_jobs_get, &get.base, false, 0);
  char *paths[] = {(char *)"name", (char *)"project", (char *)"job_type_code"};
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.paths = paths;
  mask.n_paths = 3;
  get.read_mask = &mask;
  run_to_success(jg_jobs_get, &get.base, false, 0);
  get.read_mask = NULL;
  jg_test_app_forget(app);
  run_to_success(jg_jobs_get, &get.base, false, 0);
  Jobgate__V1__ListJobsRequest list = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  run_to_success(jg_jobs_list, &list.base, false, 0);
  char *ids[] = {(char *)ID, (char *)"99999999-9999-4999-8999-999999999999"};
  Jobgate__V1__BatchGetJobsRequest batch = JOBGATE__V1__BATCH_GET_JOBS_REQUEST__INIT;
  batch.ids = ids;
  batch.n_ids = 2;
  run_to_success(jg_jobs_batch_get, &batch.base, false, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_create), TEST(test_replay), TEST(test_update), TEST(test_delete), TEST(test_reads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
