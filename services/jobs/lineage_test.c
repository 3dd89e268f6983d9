/* A job's parent in strict writes: found, made, changed, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "services/testing/jobs.h"

#define A "aaaaaaaa-0000-4000-8000-000000000001"
#define B "bbbbbbbb-0000-4000-8000-000000000002"
#define NOBODY "99999999-9999-4999-8999-999999999999"

static struct jg_test_app *app;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" A "\",\"reference_back_office\":\"RA\""));
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" B "\",\"reference_back_office\":\"RB\""));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

static void test_r3_68_a_node_of_two_jobs(void **state) {
  (void)state;
  int64_t revision = jg_test_revision(app);
  static const char *const fields[] = {"_parent_job.id", "_parent_job.reference_back_office"};
  for (size_t i = 0; i < JG_COUNT(fields); i++) {
    jg_test_assert_fails(jg_test_post(app, JG_TEST_JOB(",\"_parent_job\":{\"id\":\"" A
                                                       "\",\"reference_back_office\":\"RB\",\"name\":\"x\"}")),
                         JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, fields[i]);
  }
  assert_int_equal(jg_test_revision(app), revision);
  // An id that nobody has says nothing.
  struct jg_test_call *call =
      jg_test_post(app, JG_TEST_JOB(",\"_parent_job\":{\"id\":\"" NOBODY "\",\"reference_back_office\":\"RB\"}"));
  jg_test_assert_get(call, "_parent_id", B);
  jg_test_call_destroy(call);
}

static void put_parent(const char *child, const char *member, const char *value) {
  const char *json = jg_arena_printf(&app->arena, "{\"%s\":\"%s\"}", member, value);
  jg_test_must_put(app, child, json);
}

static void refuse_parent(const char *child, const char *json, const char *field) {
  int64_t revision = jg_test_revision(app);
  struct jg_test_call *call = jg_test_put(app, child, json);
  assert_int_equal(jg_status_http(call->status), 409);
  jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE, field);
  assert_int_equal(jg_test_revision(app), revision);
}

static void test_r3_no_cycle_of_parents(void **state) {
  (void)state;
  put_parent(B, "_parent_id", A);
  refuse_parent(A, "{\"_parent_id\":\"" B "\"}", "_parent_id");
  refuse_parent(A, "{\"_parent_jobs_reference_back_office\":\"RB\"}", "_parent_jobs_reference_back_office");
  refuse_parent(A, "{\"_parent_job\":{\"reference_back_office\":\"RB\",\"description\":\"x\"}}", "_parent_job");
  // By way of a third one, and in a node: the parent gets this job as its own parent.
  const char *c = jg_test_must_post(app, JG_TEST_JOB(",\"_parent_id\":\"" B "\",\"reference_back_office\":\"RC\""));
  refuse_parent(A, "{\"_parent_jobs_reference_back_office\":\"RC\"}", "_parent_jobs_reference_back_office");
  put_parent(B, "_parent_id", "00000000-0000-0000-0000-000000000000");
  refuse_parent(c, "{\"_parent_job\":{\"id\":\"" B "\",\"_parent_jobs_reference_back_office\":\"RC\"}}",
                "_parent_job._parent_jobs_reference_back_office");
  // A cycle is told from two ways down.
  put_parent(A, "_parent_id", B);
  put_parent(c, "_parent_id", A);
  jg_test_assert_fails(jg_test_delete(app, B, ""), JG_FAILED_PRECONDITION, JG_REASON_JOB_REFERENCED, "");
  put_parent(A, "_parent_id", "00000000-0000-0000-0000-000000000000");
  jg_test_call_destroy(jg_test_delete(app, B, ""));
}

/* gRPC names the member as it does. */
static void test_r3_no_cycle_by_grpc(void **state) {
  (void)state;
  put_parent(B, "_parent_id", A);
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.id = (char *)A;
  job.parent_id = (char *)B;
  jg_test_assert_fails(jg_test_update(app, &job, NULL), JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE,
                       "job.parent_id");
}

static const char *import_child(size_t i, size_t parent) {
  return jg_test_import(app, jg_arena_printf(&app->arena,
                                             "{\"id\":\"cccccccc-0000-4000-8000-%012zu\",\"name\":\"n\","
                                             "\"_parent_id\":\"cccccccc-0000-4000-8000-%012zu\","
                                             "\"project_reference_back_office\":\"P1\",\"job_type_code\":\"T1\","
                                             "\"job_status_code\":\"Open\"}",
                                             i, parent));
}

/* Imports bring a chain, and a cycle, of any length: a strict write looks at a bounded part, and mends it. */
static void test_r3_cycles_and_chains_of_imports(void **state) {
  (void)state;
  for (size_t i = 1; i <= 150; i++) {
    assert_string_equal(import_child(i, i == 150 ? 1 : i + 1), "created entities=0 warnings=0");
  }
  refuse_parent(A, "{\"_parent_id\":\"cccccccc-0000-4000-8000-000000000007\"}", "_parent_id");
  // What stands there may stay; the cycle is opened at 150, and then the end of the chain is near enough.
  jg_test_must_put(app, "cccccccc-0000-4000-8000-000000000007", "{\"description\":\"x\"}");
  put_parent("cccccccc-0000-4000-8000-000000000150", "_parent_id", "00000000-0000-0000-0000-000000000000");
  refuse_parent(A, "{\"_parent_id\":\"cccccccc-0000-4000-8000-000000000050\"}",
                "_parent_id");  // Its 100 are one too many.
  put_parent(A, "_parent_id", "cccccccc-0000-4000-8000-000000000051");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_r3_68_a_node_of_two_jobs, setup, teardown),
      cmocka_unit_test_setup_teardown(test_r3_no_cycle_of_parents, setup, teardown),
      cmocka_unit_test_setup_teardown(test_r3_no_cycle_by_grpc, setup, teardown),
      cmocka_unit_test_setup_teardown(test_r3_cycles_and_chains_of_imports, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
