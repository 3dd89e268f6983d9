/* ChangeJobStatus (contract statement 82) and the virtual statuses that the configuration lists. */
#include "services/jobs/virtual_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/compiler.h"
#include "services/jobs/jobs.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define NOBODY "99999999-9999-4999-8999-999999999999"
#define INVOICED "aaaaaaaa-0000-4000-8000-000000000001"
#define PAID "aaaaaaaa-0000-4000-8000-000000000002"
#define COMPLETED "6557b9dc-6106-4327-8e26-6f24d0329c33"
#define LIST "Invoiced|Invoiced to the customer|" INVOICED ", To be paid |Paid| " PAID

static struct jg_test_app *app;
static struct jg_virtual_statuses statuses;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  assert_true(jg_status_ok(jg_virtual_statuses_parse(JG_STR(LIST), &app->arena, &statuses)));
  app->app.virtual_statuses = &statuses;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

static struct jg_test_call *change_with(bool rest, const char *id, const char *target_id, const char *target_code,
                                        const char *etag) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__ChangeJobStatusRequest request = JOBGATE__V1__CHANGE_JOB_STATUS_REQUEST__INIT;
  request.id = (char *)id;
  request.target_job_status_id = (char *)target_id;
  request.target_job_status_code = (char *)target_code;
  request.etag = (char *)etag;
  call->call.has_present = rest;
  jg_test_call_run(call, jg_jobs_change_status, &request.base);
  return call;
}

static struct jg_test_call *change(const char *id, const char *target_id, const char *target_code) {
  return change_with(false, id, target_id, target_code, "");
}

static void must_change(const char *target_id, const char *target_code, const char *expected_code) {
  struct jg_test_call *call = change(ID, target_id, target_code);
  jg_test_assert_get(call, "job_status_code", expected_code);
  jg_test_call_destroy(call);
}

static void post_completed(void) {
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\",\"job_status_id\":\"" COMPLETED "\""));
}

static void test_parse(void **state) {
  (void)state;
  assert_int_equal(statuses.count, 2);
  assert_true(jg_str_equal(statuses.items[0].name, JG_STR("Invoiced to the customer")));
  assert_true(jg_str_equal(statuses.items[1].code, JG_STR("To be paid")));
  assert_ptr_equal(jg_virtual_status_by_code(&statuses, JG_STR("TOBEPAID")), &statuses.items[1]);
  assert_ptr_equal(jg_virtual_status_by_id(&statuses, statuses.items[0].id), &statuses.items[0]);
  assert_null(jg_virtual_status_by_code(&statuses, JG_STR("")));
  assert_null(jg_virtual_status_by_code(NULL, JG_STR("Invoiced")));
  struct jg_virtual_statuses parsed;
  assert_true(jg_status_ok(jg_virtual_statuses_parse(JG_STR(""), &app->arena, &parsed)));
  assert_int_equal(parsed.count, 0);
  static const char *const wrong[] = {
      "x",
      "A|B",
      "A|B|c",
      "A|B|00000000-0000-0000-0000-000000000000",
      "|B|" PAID,
      "A||" PAID,
      "A|B|" PAID ",",
      "A|B|" PAID ",A|C|" INVOICED,
      "A|B|" PAID ",C|D|" PAID,
      "to be planned|B|" PAID,
      "A|B|" COMPLETED,
      "A|\xff|" PAID,
      "0123456789012345678901234567890123456789012345678901234567890123456789|B|" PAID,
  };
  for (size_t i = 0; i < JG_COUNT(wrong); i++) {
    struct jg_status status = jg_virtual_statuses_parse(jg_str_from_cstr(wrong[i]), &app->arena, &parsed);
    if (status.code != JG_INVALID_ARGUMENT) {
      fail_msg("%s", wrong[i]);
    }
  }
}

/* One more than there may be. */
static void test_parse_limit(void **state) {
  (void)state;
  for (size_t count = JG_VIRTUAL_STATUSES_MAX; count <= JG_VIRTUAL_STATUSES_MAX + 1; count++) {
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
      text = jg_arena_printf(&app->arena, "%s%sC%zu|N|aaaaaaaa-0000-4000-8000-%012zx", text, i > 0 ? "," : "", i, i);
    }
    struct jg_virtual_statuses parsed;
    struct jg_status status = jg_virtual_statuses_parse(jg_str_from_cstr(text), &app->arena, &parsed);
    assert_int_equal(status.code, count == JG_VIRTUAL_STATUSES_MAX ? JG_OK : JG_INVALID_ARGUMENT);
  }
}

static void test_82_success(void **state) {
  (void)state;
  post_completed();
  struct jg_test_call *call = change(ID, "", "invoiced");
  assert_false(call->answer.created);
  jg_test_assert_get(call, "id", ID);
  jg_test_assert_get(call, "name", "n");
  jg_test_assert_get(call, "job_status_id", INVOICED);
  jg_test_assert_get(call, "job_status_code", "Invoiced");
  // 81: closed when it became Completed; 87: changed now.
  jg_test_assert_get(call, "date_closed", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "modified_dateutc", "2026-02-03T04:05:06.0000001+00:00");
  jg_test_call_destroy(call);
  // From one virtual status to another, by id, which counts before the code; the same one again.
  must_change("AAAAAAAA-0000-4000-8000-000000000002", "Invoiced", "To be paid");
  must_change(PAID, "", "To be paid");
  call = jg_test_fetch(app, ID);
  jg_test_assert_get(call, "job_status_id", PAID);
  jg_test_call_destroy(call);
}

static void test_82_refusals(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\""));
  struct jg_test_call *call = change(ID, INVOICED, "");
  assert_int_equal(jg_status_http(call->status), 409);
  jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_NOT_COMPLETED, "");
  jg_test_assert_fails(change(NOBODY, INVOICED, ""), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(change("", INVOICED, ""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id");
  jg_test_assert_fails(change_with(true, "", INVOICED, "", ""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                       "jobs_id");
  jg_test_assert_fails(change(ID, "", ""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "target_job_status_id");
  jg_test_assert_fails(change(ID, "x", ""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "target_job_status_id");
}

static void test_82_unknown_target(void **state) {
  (void)state;
  post_completed();
  int64_t revision = jg_test_revision(app);
  static const struct {
    const char *id, *code, *field;
  } rows[] = {
      {NOBODY, "", "target_job_status_id"},        {NOBODY, "Invoiced", "target_job_status_id"},
      {COMPLETED, "", "target_job_status_id"},     {"", "nope", "target_job_status_code"},
      {"", "Completed", "target_job_status_code"}, {"", "Open", "target_job_status_code"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_call *call = change(ID, rows[i].id, rows[i].code);
    assert_int_equal(jg_status_http(call->status), 422);
    jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, rows[i].field);
  }
  // A status that an import registered is none of the configuration's.
  (void)jg_test_import(app, "{\"name\":\"x\",\"job_status_id\":\"" NOBODY "\",\"job_status_code\":\"theirs\"}");
  assert_true(jg_test_revision(app) > revision);
  jg_test_assert_fails(change(ID, NOBODY, ""), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                       "target_job_status_id");
  app->app.virtual_statuses = NULL;
  jg_test_assert_fails(change(ID, INVOICED, ""), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                       "target_job_status_id");
}

/* 80: Completed and what counts as such change through this method alone. */
static void test_80_only_by_this_way(void **state) {
  (void)state;
  post_completed();
  jg_test_assert_fails(jg_test_put(app, ID, "{\"job_status_id\":\"" INVOICED "\"}"), JG_FAILED_PRECONDITION,
                       JG_REASON_ILLEGAL_TRANSITION, "job_status_id");
  must_change(INVOICED, "", "Invoiced");
  static const char *const others[] = {"{\"job_status_code\":\"Open\"}", "{\"job_status_id\":\"" COMPLETED "\"}",
                                       "{\"job_status_id\":\"" PAID "\"}"};
  for (size_t i = 0; i < JG_COUNT(others); i++) {
    jg_test_assert_fails(jg_test_put(app, ID, others[i]), JG_FAILED_PRECONDITION, JG_REASON_ILLEGAL_TRANSITION, "");
  }
  // The same again is no change.
  jg_test_must_put(app, ID, "{\"job_status_id\":\"" INVOICED "\",\"description\":\"d\"}");
  jg_test_must_put(app, ID, "{\"job_status_code\":\"Invoiced\"}");
}

static void test_delete_guard(void **state) {
  (void)state;
  post_completed();
  must_change(INVOICED, "", "Invoiced");
  jg_test_assert_fails(jg_test_delete(app, ID, ""), JG_FAILED_PRECONDITION, JG_REASON_JOB_REFERENCED, "");
}

/* A listed status is known before anybody used it (77), and an import's status of that id takes the listed code. */
static void test_registration(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(",\"job_status_id\":\"" PAID "\""));
  jg_test_assert_get(call, "job_status_code", "To be paid");
  jg_test_call_destroy(call);
  (void)jg_test_import(app, "{\"name\":\"x\",\"job_status_id\":\"" INVOICED "\",\"job_status_code\":\"old code\"}");
  post_completed();
  must_change(INVOICED, "", "Invoiced");
  // Another id that has the code stands in the way.
  app->app.virtual_statuses = NULL;
  (void)jg_test_import(app, "{\"name\":\"x\",\"job_status_id\":\"" NOBODY "\",\"job_status_code\":\"Third\"}");
  struct jg_virtual_statuses third;
  assert_true(jg_status_ok(jg_virtual_statuses_parse(
      JG_STR("Invoiced|i|" INVOICED ",Third|t|aaaaaaaa-0000-4000-8000-000000000003"), &app->arena, &third)));
  app->app.virtual_statuses = &third;
  jg_test_assert_fails(change(ID, "", "Third"), JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, "");
}

/* An imported job may lack what is required, and still goes on. */
static void test_imported_job(void **state) {
  (void)state;
  (void)jg_test_import(app, "{\"id\":\"" ID "\",\"name\":\"x\",\"job_status_id\":\"" COMPLETED "\"}");
  must_change(INVOICED, "", "Invoiced");
}

static void test_etag(void **state) {
  (void)state;
  post_completed();
  struct jg_test_call *call = jg_test_fetch(app, ID);
  const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)jg_test_call_proto(call, 0);
  jg_test_assert_fails(change_with(false, ID, INVOICED, "", "nope"), JG_ABORTED, JG_REASON_ETAG_MISMATCH, "");
  struct jg_test_call *changed = change_with(false, ID, INVOICED, "", job->etag);
  assert_true(jg_status_ok(changed->status));
  jg_test_call_destroy(changed);
  jg_test_call_destroy(call);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_parse),        TEST(test_parse_limit),       TEST(test_82_success),
      TEST(test_82_refusals),  TEST(test_82_unknown_target), TEST(test_80_only_by_this_way),
      TEST(test_delete_guard), TEST(test_registration),      TEST(test_imported_job),
      TEST(test_etag),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
