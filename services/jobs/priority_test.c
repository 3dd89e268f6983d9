/* The default priority of a new job (contract section 3.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "services/jobs/jobs.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define ZERO "00000000-0000-0000-0000-000000000000"
#define PRIORITY(code, more) JG_TEST_JOB(",\"job_priority\":{\"code\":\"" code "\",\"name\":\"n\"" more "}")

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

/* What a new job without a priority gets: "" for none. */
static void assert_default(const char *more, const char *code) {
  struct jg_test_call *call = jg_test_post(app, jg_arena_printf(&app->arena, JG_TEST_JOB("%s"), more));
  jg_test_assert_get(call, "job_priority_code", code);
  jg_test_assert_get(call, "job_priority.code", code[0] != '\0' ? code : NULL);
  jg_test_call_destroy(call);
}

static void test_smallest_sequence(void **state) {
  (void)state;
  (void)jg_test_must_post(app, PRIORITY("A", ",\"sequence\":1"));
  assert_default("", "");
  (void)jg_test_must_post(app, PRIORITY("B", ",\"sequence\":5,\"is_default\":true"));
  assert_default("", "B");
  assert_default(",\"job_priority_id\":\"" ZERO "\",\"job_priority_code\":\"\"", "B");
  assert_default(",\"job_priority_code\":\"A\"", "A");
  (void)jg_test_must_post(app, PRIORITY("C", ",\"sequence\":-3,\"is_default\":true"));
  assert_default("", "C");
}

/* Of equal ones the smallest id. */
static void test_smallest_id(void **state) {
  (void)state;
  (void)jg_test_must_post(app, PRIORITY("B", ",\"is_default\":true,\"id\":\"22222222-0000-4000-8000-000000000000\""));
  (void)jg_test_must_post(app, PRIORITY("A", ",\"is_default\":true,\"id\":\"11111111-0000-4000-8000-000000000000\""));
  assert_default("", "A");
}

/* A node without is_default changes nothing of a known one (71); an import, whose node replaces it, does. */
static void test_no_longer_default(void **state) {
  (void)state;
  (void)jg_test_must_post(app, PRIORITY("A", ",\"is_default\":true"));
  (void)jg_test_must_post(app, PRIORITY("A", ",\"sequence\":2"));
  assert_default("", "A");
  (void)jg_test_import(app, PRIORITY("A", ",\"sequence\":2"));
  assert_default("", "");
  (void)jg_test_import(app, PRIORITY("A", ",\"is_default\":true"));
  assert_default("", "A");
}

/* Updates, and imports, keep what stands there. */
static void test_new_jobs_alone(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\""));
  (void)jg_test_must_post(app, PRIORITY("A", ",\"is_default\":true"));
  struct jg_test_call *call = jg_test_put(app, ID, "{\"description\":\"d\"}");
  jg_test_assert_get(call, "job_priority_id", ZERO);
  jg_test_call_destroy(call);
  call = jg_test_put(app, ID, "{\"job_priority_code\":\"A\"}");
  jg_test_assert_get(call, "job_priority_code", "A");
  jg_test_call_destroy(call);
  call = jg_test_put(app, ID, "{\"job_priority_code\":\"\"}");
  jg_test_assert_get(call, "job_priority_id", ZERO);
  jg_test_call_destroy(call);
  (void)jg_test_import(app, "{\"id\":\"99999999-9999-4999-8999-999999999999\",\"name\":\"x\"}");
  call = jg_test_fetch(app, "99999999-9999-4999-8999-999999999999");
  jg_test_assert_get(call, "job_priority_id", ZERO);
  jg_test_call_destroy(call);
}

/* A parent that is made on the way is a new job too. */
static void test_new_parent(void **state) {
  (void)state;
  (void)jg_test_must_post(app, PRIORITY("A", ",\"is_default\":true"));
  struct jg_test_call *call =
      jg_test_post(app, JG_TEST_JOB(",\"_parent_job\":{\"reference_back_office\":\"R\",\"name\":\"p\","
                                    "\"project_reference_back_office\":\"P1\",\"job_type_code\":\"T1\","
                                    "\"job_status_code\":\"Open\"}"));
  struct jg_test_call *parent = jg_test_fetch(app, jg_test_get(call, "_parent_id"));
  jg_test_assert_get(parent, "job_priority_code", "A");
  jg_test_call_destroy(parent);
  jg_test_call_destroy(call);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_smallest_sequence), TEST(test_smallest_id), TEST(test_no_longer_default),
      TEST(test_new_jobs_alone),    TEST(test_new_parent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
