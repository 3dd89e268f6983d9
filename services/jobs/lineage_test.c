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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_r3_68_a_node_of_two_jobs, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
