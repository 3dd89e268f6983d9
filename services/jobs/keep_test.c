/* What a strict write keeps of what it does not change (statement 85), most of all of jobs that imports brought. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define COMPANY "11111111-1111-4111-8111-111111111111"
#define OTHER "22222222-2222-4222-8222-222222222222"
#define ZERO "00000000-0000-0000-0000-000000000000"

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

static void put_and_expect(const char *json, const char *company_id, const char *company_code) {
  struct jg_test_call *call = jg_test_put(app, ID, json);
  if (!jg_status_ok(call->status)) {
    fail_msg("%s: %s", json, call->status.message);
  }
  jg_test_assert_get(call, "company_id", company_id);
  jg_test_assert_get(call, "company_code", company_code);
  jg_test_call_destroy(call);
}

/* A job whose import gave it a company that its project does not have. */
static void import_acme(void) {
  (void)jg_test_must_post(app, JG_TEST_JOB(""));  // Makes P1 and T1.
  assert_string_equal(jg_test_import(app, "{\"id\":\"" ID "\",\"name\":\"n\",\"project_reference_back_office\":\"P1\","
                                          "\"job_type_code\":\"T1\",\"job_status_code\":\"Open\","
                                          "\"company_id\":\"" COMPANY "\",\"company_code\":\"ACME\"}"),
                      "created entities=0 warnings=0");
}

static void test_r3_85_a_write_keeps_the_company(void **state) {
  (void)state;
  import_acme();
  put_and_expect("{}", COMPANY, "ACME");
  put_and_expect("{\"name\":\"m\",\"project_reference_back_office\":\"P1\"}", COMPANY, "ACME");
  put_and_expect("{\"project\":{\"reference_back_office\":\"P1\",\"name\":\"renamed\"}}", COMPANY, "ACME");
  struct jg_test_call *call = jg_test_fetch(app, ID);
  put_and_expect(jg_test_call_json(call, 0), COMPANY, "ACME");
  jg_test_call_destroy(call);
  // 65: a client's own is not taken, here or elsewhere.
  put_and_expect("{\"company_id\":\"" OTHER "\",\"company_code\":\"C2\"}", COMPANY, "ACME");
}

static void test_r3_67_the_company_follows_what_changes(void **state) {
  (void)state;
  import_acme();
  // The project gets a company by this write: the job's own is another one.
  put_and_expect("{\"project\":{\"reference_back_office\":\"P1\",\"company_id\":\"" OTHER
                 "\",\"company_code\":\"C2\"}}",
                 COMPANY, "ACME");
  put_and_expect("{\"project\":{\"reference_back_office\":\"P2\",\"name\":\"without a company\"}}", ZERO, "");
  put_and_expect("{\"project_reference_back_office\":\"P1\"}", OTHER, "C2");
  put_and_expect("{\"project\":{\"reference_back_office\":\"P1\",\"company_code\":\"C3\"}}", OTHER, "C3");
  put_and_expect("{\"name\":\"m\"}", OTHER, "C3");
}

/* A job on a project that became mobile equipment later has no address (83 asks where one is given). */
static void without_address(void) {
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\""));
  (void)jg_test_must_post(app,
                          "{\"name\":\"o\",\"project\":{\"reference_back_office\":\"P1\","
                          "\"is_mobile_installation\":true},\"job_type_code\":\"T1\",\"job_status_code\":\"Open\","
                          "\"db_address_street\":\"s\",\"db_address_city\":\"c\",\"db_address_zip\":\"z\"}");
}

static void test_r3_83_85_what_was_read_can_be_sent_back(void **state) {
  (void)state;
  without_address();
  struct jg_test_call *read = jg_test_fetch(app, ID);
  jg_test_assert_get(read, "project.is_mobile_installation", "true");
  jg_test_must_put(app, ID, jg_test_call_json(read, 0));
  jg_test_must_put(app, ID, "{\"project_reference_back_office\":\"P1\"}");
  jg_test_must_put(app, ID, "{\"db_address_street\":\"\"}");
  jg_test_must_put(app, ID, "{\"db_address_city\":\"c\"}");
  jg_test_call_destroy(read);
  jg_test_assert_fails(jg_test_put(app, ID, "{\"db_address_city\":\" \"}"), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "db_address_city");
}

static void test_r3_83_becoming_mobile_needs_all(void **state) {
  (void)state;
  without_address();
  jg_test_must_put(app, ID, "{\"project\":{\"reference_back_office\":\"P2\",\"name\":\"fixed\"}}");
  static const char *const bodies[] = {
      "{\"project_reference_back_office\":\"P1\"}",
      "{\"project\":{\"reference_back_office\":\"P2\",\"is_mobile_installation\":true}}",
  };
  for (size_t i = 0; i < JG_COUNT(bodies); i++) {
    jg_test_assert_fails(jg_test_put(app, ID, bodies[i]), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                         "db_address_zip");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_r3_85_a_write_keeps_the_company, setup, teardown),
      cmocka_unit_test_setup_teardown(test_r3_67_the_company_follows_what_changes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_r3_83_85_what_was_read_can_be_sent_back, setup, teardown),
      cmocka_unit_test_setup_teardown(test_r3_83_becoming_mobile_needs_all, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
