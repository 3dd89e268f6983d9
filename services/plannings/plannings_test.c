/* The Suggested rule (contract statements 78 and 79) and the methods that show what it made. */
#include "services/plannings/plannings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/compiler.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define NOBODY "99999999-9999-4999-8999-999999999999"
#define USER "\"suggested_user\":{\"code\":\"U\"}"
#define START "\"suggested_date_start\":\"2026-03-04T05:06:07Z\""
#define SUGGESTED "\"job_status_code\":\"Suggested\""

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

static struct jg_test_call *list(const char *jobs_id, int page_size, const char *token) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__ListJobPlanningsRequest request = JOBGATE__V1__LIST_JOB_PLANNINGS_REQUEST__INIT;
  request.jobs_id = (char *)jobs_id;
  request.page_size = page_size;
  request.page_token = (char *)token;
  jg_test_call_run(call, jg_plannings_list, &request.base);
  return call;
}

static const Jobgate__V1__ListJobPlanningsResponse *response_of(const struct jg_test_call *call) {
  assert_true(jg_status_ok(call->status));
  return (const Jobgate__V1__ListJobPlanningsResponse *)call->answer.message;
}

static size_t count(const char *jobs_id) {
  struct jg_test_call *call = list(jobs_id, 0, "");
  size_t n = response_of(call)->n_job_plannings;
  jg_test_call_destroy(call);
  return n;
}

static struct jg_test_call *get(const char *id) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__GetJobPlanningRequest request = JOBGATE__V1__GET_JOB_PLANNING_REQUEST__INIT;
  request.id = (char *)id;
  jg_test_call_run(call, jg_plannings_get, &request.base);
  return call;
}

static void test_78_all_three_or_none(void **state) {
  (void)state;
  static const struct {
    const char *json;
    size_t plannings;
  } rows[] = {
      {JG_TEST_JOB("," SUGGESTED "," USER "," START), 1},
      {JG_TEST_JOB("," USER "," START), 0},
      {JG_TEST_JOB("," SUGGESTED "," START), 0},
      {JG_TEST_JOB("," SUGGESTED "," USER), 0},
      {JG_TEST_JOB("," SUGGESTED "," USER ",\"suggested_date_start\":\"1980-01-01T00:00:00Z\""), 0},
      {JG_TEST_JOB("," SUGGESTED ",\"suggested_user_code\":\"U\"," START), 1},
      {JG_TEST_JOB(",\"job_status_id\":\"143cf9cd-c3c1-406a-a19a-58d766d9dda9\"," USER "," START), 1},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    const char *id = jg_test_must_post(app, rows[i].json);
    assert_int_equal(count(id), rows[i].plannings);
  }
  assert_int_equal(count(""), 3);
}

static void test_78_what_is_kept(void **state) {
  (void)state;
  struct jg_test_call *job = jg_test_post(app, JG_TEST_JOB(",\"id\":\"" ID "\"," SUGGESTED "," USER "," START));
  struct jg_test_call *call = list(ID, 0, "");
  const Jobgate__V1__JobPlanning *planning = response_of(call)->job_plannings[0];
  assert_string_equal(planning->jobs_id, ID);
  assert_string_equal(planning->user_id, jg_test_get(job, "suggested_user_id"));
  assert_int_equal(planning->date_start->seconds, 1772600767);
  assert_int_equal(planning->date_create->seconds, 1770091506);
  assert_int_equal(planning->modified_dateutc->seconds, 1770091506);
  struct jg_test_call *one = get(planning->id);
  assert_true(jg_status_ok(one->status));
  const Jobgate__V1__JobPlanning *same = (const Jobgate__V1__JobPlanning *)one->answer.message;
  assert_string_equal(same->id, planning->id);
  assert_string_equal(same->jobs_id, ID);
  jg_test_call_destroy(one);
  jg_test_call_destroy(call);
  jg_test_call_destroy(job);
}

static void test_78_by_an_update(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\"," USER));
  jg_test_must_put(app, ID, "{" START "}");
  assert_int_equal(count(ID), 0);
  jg_test_must_put(app, ID, "{" SUGGESTED "}");
  assert_int_equal(count(ID), 1);
}

static void test_79_no_second_one(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\"," SUGGESTED "," USER "," START));
  jg_test_must_put(app, ID, "{" SUGGESTED "," USER "," START "}");
  jg_test_must_put(app, ID, "{}");
  jg_test_must_put(app, ID, "{\"job_status_code\":\"Open\"}");
  jg_test_must_put(app, ID, "{" SUGGESTED "}");
  assert_int_equal(count(ID), 1);
  // Another start, another user: another visit.
  jg_test_must_put(app, ID, "{\"suggested_date_start\":\"2026-03-05T05:06:07Z\"}");
  assert_int_equal(count(ID), 2);
  jg_test_must_put(app, ID, "{\"suggested_user\":{\"code\":\"V\"}}");
  assert_int_equal(count(ID), 3);
}

static void test_imports_make_none(void **state) {
  (void)state;
  (void)jg_test_import(app, JG_TEST_JOB(",\"id\":\"" ID "\"," SUGGESTED "," USER "," START));
  assert_int_equal(count(""), 0);
}

static void test_a_failed_write_makes_none(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\""));
  jg_test_assert_fails(jg_test_post(app, JG_TEST_JOB(",\"id\":\"" ID "\"," SUGGESTED "," USER "," START)),
                       JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID, "id");
  assert_int_equal(count(""), 0);
}

/* Its visits are parts of a job, made by its own writes (78), and no reference that guards it (contract 3.4). */
static void test_89_visits_go_with_the_job(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\"," SUGGESTED "," USER "," START));
  (void)jg_test_must_post(app, JG_TEST_JOB("," SUGGESTED "," USER "," START));
  struct jg_test_call *call = jg_test_delete(app, ID, "");
  assert_true(jg_status_ok(call->status));
  jg_test_call_destroy(call);
  assert_int_equal(count(ID), 0);
  assert_int_equal(count(""), 1);
}

static void test_pages(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\"," SUGGESTED "," USER "," START));
  for (int i = 0; i < 4; i++) {
    char json[100];
    (void)snprintf(json, sizeof(json), "{\"suggested_date_start\":\"2026-03-1%d\"}", i);
    jg_test_must_put(app, ID, json);
  }
  const char *token = "", *last = "";
  size_t seen = 0, pages = 0;
  do {
    struct jg_test_call *call = list(ID, 2, token);
    const Jobgate__V1__ListJobPlanningsResponse *page = response_of(call);
    for (size_t i = 0; i < page->n_job_plannings; i++) {
      assert_true(strcmp(page->job_plannings[i]->id, last) > 0);
      last = jg_arena_str(&app->arena, jg_str_from_cstr(page->job_plannings[i]->id)).data;
      seen++;
    }
    token = jg_arena_str(&app->arena, jg_str_from_cstr(page->next_page_token)).data;
    pages++;
    jg_test_call_destroy(call);
    if (pages == 1) {
      jg_test_assert_fails(list("", 2, token), JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token");
      jg_test_assert_fails(list(NOBODY, 2, token), JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token");
    }
  } while (token[0] != '\0');
  assert_int_equal(seen, 5);
  assert_int_equal(pages, 3);
}

/* Orders, filters, skips and counts are services/entityset's; here, that they reach it. */
static void test_filters_and_orders(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\"," SUGGESTED "," USER "," START));
  jg_test_must_put(app, ID, "{\"suggested_date_start\":\"2026-03-15\"}");
  jg_test_must_put(app, ID, "{\"suggested_date_start\":\"2026-03-14\"}");
  (void)jg_test_must_post(app, JG_TEST_JOB("," SUGGESTED "," USER "," START));
  Jobgate__V1__ListJobPlanningsRequest request = JOBGATE__V1__LIST_JOB_PLANNINGS_REQUEST__INIT;
  static const struct {
    const char *filter;
    int total;
  } filters[] = {
      {"", 4},
      {"jobs_id eq " ID, 3},
      {"'" ID "' eq jobs_id", 3},
      {"jobs_id eq " ID " and jobs_id eq " NOBODY, 0},
      {"jobs_id eq " NOBODY " or jobs_id eq " ID, 3},
      {"not (jobs_id eq " ID ")", 1},
      {"jobs_id eq " ID " and (date_start gt 2026-03-05 and true)", 2},
      {"jobs_id eq user_id", 0},
      {"user_id eq " ID, 0},
  };
  for (size_t i = 0; i < JG_COUNT(filters); i++) {
    request.filter = (char *)filters[i].filter;
    request.count = true;
    struct jg_test_call *call = jg_test_call_create(app);
    jg_test_call_run(call, jg_plannings_list, &request.base);
    if (response_of(call)->total_size != filters[i].total) {
      fail_msg("%s: %d", filters[i].filter, (int)response_of(call)->total_size);
    }
    jg_test_call_destroy(call);
  }
  request.filter = (char *)"nope eq 1";
  struct jg_test_call *refused = jg_test_call_create(app);
  jg_test_call_run(refused, jg_plannings_list, &request.base);
  jg_test_assert_fails(refused, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "filter");
  request.filter = (char *)"jobs_id eq " ID " and date_start gt 2026-03-05";
  request.order_by = (char *)"date_start desc";
  request.page_size = 1;
  request.count = true;
  for (int parts = 0; parts < 2; parts++) {
    struct jg_test_call *call = jg_test_call_create(app);
    call->call.takes_parts = parts != 0;
    jg_test_call_run(call, jg_plannings_list, &request.base);
    assert_true(jg_status_ok(call->status));
    if (parts != 0) {
      jg_test_assert_get(call, "date_start", "2026-03-15T00:00:00+00:00");
      assert_true(call->answer.has_total && call->answer.total == 2);
    } else {
      assert_int_equal(response_of(call)->total_size, 2);
      assert_int_equal(response_of(call)->job_plannings[0]->date_start->seconds, 1773532800);
    }
    assert_true(call->answer.next_page_token.len != 0);
    jg_test_call_destroy(call);
  }
  request.skip = 1;
  struct jg_test_call *call = jg_test_call_create(app);
  jg_test_call_run(call, jg_plannings_list, &request.base);
  assert_int_equal(response_of(call)->n_job_plannings, 1);
  assert_string_equal(response_of(call)->next_page_token, "");
  jg_test_call_destroy(call);
}

static void test_refusals(void **state) {
  (void)state;
  jg_test_assert_fails(list("x", 0, ""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "jobs_id");
  jg_test_assert_fails(list("", -1, ""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "page_size");
  jg_test_assert_fails(list("", 1000, "x"), JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token");
  jg_test_assert_fails(get(""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id");
  jg_test_assert_fails(get(NOBODY), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  assert_int_equal(count(NOBODY), 0);
  struct jg_test_call *large = list("", 1001, "");  // is 1,000 (AIP-158)
  assert_true(jg_status_ok(large->status));
  jg_test_call_destroy(large);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_78_all_three_or_none),      TEST(test_78_what_is_kept),
      TEST(test_78_by_an_update),           TEST(test_79_no_second_one),
      TEST(test_imports_make_none),         TEST(test_a_failed_write_makes_none),
      TEST(test_89_visits_go_with_the_job), TEST(test_pages),
      TEST(test_filters_and_orders),        TEST(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
