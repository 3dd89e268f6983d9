/* GetJob, BatchGetJobs and ListJobs as both doors call them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/limits.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_encode.h"
#include "services/jobs/jobs.h"
#include "services/jobs/page_token.h"
#include "services/testing/jobs.h"

#define NOBODY "99999999-9999-4999-8999-999999999999"

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

/* Jobs numbered from 1, by id; modified in the opposite order. */
static const char *id_of(size_t number) {
  return jg_arena_printf(&app->arena, "00000000-0000-4000-8000-%012zu", number);
}

static void make_jobs(size_t count, size_t description_bytes) {
  char *description = jg_arena_alloc(&app->arena, description_bytes + 1);
  memset(description, 'd', description_bytes);
  description[description_bytes] = '\0';
  for (size_t i = count; i >= 1; i--) {
    const char *json =
        jg_arena_printf(&app->arena, JG_TEST_JOB(",\"id\":\"%s\",\"description\":\"%s\""), id_of(i), description);
    (void)jg_test_must_post(app, json);
  }
}

/* ---- GetJob ---- */

static struct jg_test_call *get(const char *id, Jobgate__V1__JobView view) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__GetJobRequest request = JOBGATE__V1__GET_JOB_REQUEST__INIT;
  request.id = (char *)id;
  request.view = view;
  jg_test_call_run(call, jg_jobs_get, &request.base);
  return call;
}

static void test_get_views(void **state) {
  (void)state;
  make_jobs(1, 1);
  static const struct {
    Jobgate__V1__JobView view;
    bool nodes;
  } rows[] = {{JOBGATE__V1__JOB_VIEW__JOB_VIEW_UNSPECIFIED, true},
              {JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL, true},
              {JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC, false}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_call *call = get(id_of(1), rows[i].view);
    const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)jg_test_call_proto(call, 0);
    assert_int_equal(job->project != NULL, rows[i].nodes);
    assert_string_equal(job->project_reference_back_office, "P1");
    assert_string_equal(job->job_status_code, "Open");
    jg_test_call_destroy(call);
  }
  jg_test_assert_fails(get(id_of(1), (Jobgate__V1__JobView)3), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "view");
}

static void test_get_refusals(void **state) {
  (void)state;
  static const char *const ids[] = {"", "x", "00000000-0000-0000-0000-000000000000",
                                    "00000000-0000-4000-8000-00000000000", "{00000000-0000-4000-8000-000000000001}"};
  for (size_t i = 0; i < JG_COUNT(ids); i++) {
    jg_test_assert_fails(jg_test_fetch(app, ids[i]), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id");
  }
  struct jg_test_call *call = jg_test_fetch(app, NOBODY);
  assert_string_equal(call->status.message, "there is no job " NOBODY);
  jg_test_assert_fails(call, JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
}

/* A hot job is answered on the thread of its call, without building or loading an entity; upper case is the same id. */
static void test_get_hot(void **state) {
  (void)state;
  make_jobs(1, 1);
  jg_test_call_destroy(jg_test_fetch(app, id_of(1)));
  int64_t builds = jg_test_metric(app, "jobgate_expand_builds_total", "");
  int64_t misses = jg_test_metric(app, "jobgate_cache_misses_total", "");
  for (size_t i = 0; i < 10; i++) {
    jg_test_call_destroy(jg_test_fetch(app, id_of(1)));
  }
  assert_int_equal(jg_test_metric(app, "jobgate_expand_builds_total", ""), builds);
  assert_int_equal(jg_test_metric(app, "jobgate_cache_misses_total", ""), misses);
}

static void test_94_another_tenant(void **state) {
  (void)state;
  make_jobs(1, 1);
  int64_t other = 0;
  assert_true(jg_status_ok(jg_store_tenant(app->store, JG_STR("other"), true, &app->arena, &other)));
  struct jg_test_call *call = jg_test_call_create(app);
  call->call.identity.tenant = other;
  Jobgate__V1__GetJobRequest request = JOBGATE__V1__GET_JOB_REQUEST__INIT;
  request.id = (char *)id_of(1);
  jg_test_call_run(call, jg_jobs_get, &request.base);
  jg_test_assert_fails(call, JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
}

/* ---- BatchGetJobs ---- */

static struct jg_test_call *batch(const char *const *ids, size_t count, size_t response_bytes_max) {
  struct jg_test_call *call = jg_test_call_create(app);
  call->call.response_bytes_max = response_bytes_max;
  Jobgate__V1__BatchGetJobsRequest request = JOBGATE__V1__BATCH_GET_JOBS_REQUEST__INIT;
  request.n_ids = count;
  request.ids = (char **)ids;
  jg_test_call_run(call, jg_jobs_batch_get, &request.base);
  return call;
}

static const Jobgate__V1__BatchGetJobsResponse *batch_response(struct jg_test_call *call) {
  assert_true(jg_status_ok(call->status));
  assert_int_equal(call->answer.kind, JG_ANSWER_JOBS);
  return (const Jobgate__V1__BatchGetJobsResponse *)call->answer.message;
}

static void test_batch_in_the_order_asked(void **state) {
  (void)state;
  make_jobs(3, 1);
  const char *ids[] = {id_of(3), NOBODY, id_of(1), id_of(3)};
  struct jg_test_call *call = batch(ids, JG_COUNT(ids), JG_LIMIT_RESPONSE_BYTES);
  const Jobgate__V1__BatchGetJobsResponse *response = batch_response(call);
  assert_int_equal(call->answer.job_count, 3);
  for (size_t i = 0, at = 0; i < JG_COUNT(ids); i++) {
    if (i != 1) {
      assert_string_equal(((Jobgate__V1__Job *)jg_test_call_proto(call, at++))->id, ids[i]);
    }
  }
  assert_int_equal(response->n_jobs, 0);
  assert_int_equal(response->n_missing, 1);
  assert_string_equal(response->missing[0], NOBODY);
  assert_int_equal(response->n_unread, 0);
  jg_test_call_destroy(call);
  call = batch(NULL, 0, JG_LIMIT_RESPONSE_BYTES);
  assert_int_equal(call->answer.job_count, 0);
  assert_int_equal(batch_response(call)->n_missing, 0);
  jg_test_call_destroy(call);
}

static void test_batch_limits(void **state) {
  (void)state;
  const char *ids[JG_LIMIT_BATCH_IDS + 1];
  for (size_t i = 0; i < JG_COUNT(ids); i++) {
    ids[i] = NOBODY;
  }
  struct jg_test_call *call = batch(ids, JG_LIMIT_BATCH_IDS, JG_LIMIT_RESPONSE_BYTES);
  assert_int_equal(batch_response(call)->n_missing, JG_LIMIT_BATCH_IDS);
  jg_test_call_destroy(call);
  jg_test_assert_fails(batch(ids, JG_LIMIT_BATCH_IDS + 1, 0), JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "ids");
  ids[7] = "x";
  jg_test_assert_fails(batch(ids, 10, 0), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "ids[7]");
}

/* Bytes of the whole response on the wire. */
static size_t response_bytes(struct jg_test_call *call) {
  struct jg_buf bytes;
  jg_buf_init(&bytes, (size_t)64 << 20);
  for (size_t i = 0; i < call->answer.job_count; i++) {
    jg_proto_encode_field(1, &call->answer.jobs[i], call->answer.nodes, &bytes);
  }
  size_t len = bytes.len + protobuf_c_message_get_packed_size(call->answer.message);
  jg_buf_done(&bytes);
  return len;
}

/* What no longer fits is listed as unread; asking again with that gets everything, each once. */
static void test_batch_is_cut(void **state) {
  (void)state;
  enum { COUNT = 20 };
  make_jobs(COUNT, 1000);
  const char *ids[COUNT + 1];
  for (size_t i = 0; i < COUNT; i++) {
    ids[i] = id_of(i + 1);
  }
  ids[COUNT] = NOBODY;
  static const size_t limits[] = {1, 2000, 5000, 9000, 100000};
  for (size_t l = 0; l < JG_COUNT(limits); l++) {
    const char **rest = ids;
    size_t left = COUNT + 1, seen = 0, missing = 0;
    struct jg_test_call *calls[COUNT + 1];
    size_t call_count = 0;
    while (left > 0) {
      struct jg_test_call *call = calls[call_count++] = batch(rest, left, limits[l]);
      const Jobgate__V1__BatchGetJobsResponse *response = batch_response(call);
      assert_true(call->answer.job_count > 0 || response->n_missing > 0);
      if (call->answer.job_count > 1) {
        assert_in_range(response_bytes(call), 1, limits[l]);
      }
      for (size_t i = 0; i < call->answer.job_count; i++) {
        assert_string_equal(((Jobgate__V1__Job *)jg_test_call_proto(call, i))->id, ids[seen++]);
      }
      missing += response->n_missing;
      rest = (const char **)response->unread;
      left = response->n_unread;
    }
    assert_int_equal(seen, COUNT);
    assert_int_equal(missing, 1);
    for (size_t i = 0; i < call_count; i++) {
      jg_test_call_destroy(calls[i]);
    }
  }
}

/* ---- ListJobs ---- */

struct list_options {
  const char *order_by, *page_token, *filter;
  int32_t page_size, skip;
  Jobgate__V1__JobView view;
  size_t response_bytes_max;
  bool count;
};

static struct jg_test_call *list(struct list_options options) {
  struct jg_test_call *call = jg_test_call_create(app);
  call->call.response_bytes_max = options.response_bytes_max;
  Jobgate__V1__ListJobsRequest request = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  request.order_by = (char *)(options.order_by != NULL ? options.order_by : "");
  request.page_token = (char *)(options.page_token != NULL ? options.page_token : "");
  request.filter = (char *)(options.filter != NULL ? options.filter : "");
  request.page_size = options.page_size;
  request.skip = options.skip;
  request.view = options.view;
  request.count = options.count;
  jg_test_call_run(call, jg_jobs_list, &request.base);
  return call;
}

static void assert_ids(struct jg_test_call *call, const size_t *numbers, size_t count) {
  assert_true(jg_status_ok(call->status));
  assert_int_equal(call->answer.job_count, count);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(((Jobgate__V1__Job *)jg_test_call_proto(call, i))->id, id_of(numbers[i]));
  }
}

static void test_22_list_of_nothing(void **state) {
  (void)state;
  struct jg_test_call *call = list((struct list_options){0});
  assert_ids(call, NULL, 0);
  assert_int_equal(call->answer.next_page_token.len, 0);
  jg_test_call_destroy(call);
}

static void test_list_orders(void **state) {
  (void)state;
  make_jobs(4, 1);
  static const struct {
    const char *order_by;
    size_t numbers[4];
  } rows[] = {
      {"", {1, 2, 3, 4}},
      {"id", {1, 2, 3, 4}},
      {" id  asc ", {1, 2, 3, 4}},
      {"id desc", {4, 3, 2, 1}},
      {"modified_dateutc", {4, 3, 2, 1}},
      {"modified_dateutc asc", {4, 3, 2, 1}},
      {"modified_dateutc desc", {1, 2, 3, 4}},
      {"modified_dateutc desc,id", {1, 2, 3, 4}},
      {"project/reference_back_office desc,modified_dateutc asc", {4, 3, 2, 1}},
      {"id2 sub 0 desc", {1, 2, 3, 4}},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_call *call = list((struct list_options){.order_by = rows[i].order_by});
    assert_ids(call, rows[i].numbers, 4);
    assert_false(call->answer.nodes);
    jg_test_call_destroy(call);
    call = list((struct list_options){.order_by = rows[i].order_by, .skip = 1, .page_size = 2});
    assert_ids(call, rows[i].numbers + 1, 2);
    jg_test_call_destroy(call);
  }
  static const char *const wrong[] = {"nope", "id,nope", "id up", "ID", "desc", "id desc desc"};
  for (size_t i = 0; i < JG_COUNT(wrong); i++) {
    jg_test_assert_fails(list((struct list_options){.order_by = wrong[i]}), JG_INVALID_ARGUMENT,
                         JG_REASON_INVALID_MEMBER, "order_by");
  }
}

/* Statements 23 and 25: every row once, and no token behind the last one, for each size and order. */
static void test_25_pages(void **state) {
  (void)state;
  enum { COUNT = 12 };
  make_jobs(COUNT, 1);
  static const char *const orders[] = {"id",
                                       "id desc",
                                       "modified_dateutc",
                                       "modified_dateutc desc",
                                       "name,id desc",
                                       "project/name,modified_dateutc desc"};
  for (size_t o = 0; o < JG_COUNT(orders); o++) {
    bool ascending = o == 0 || o == 3 || o == 5;
    for (int32_t size = 1; size <= COUNT + 1; size++) {
      char token[JG_PAGE_TOKEN_LEN_MAX + 1] = "";
      size_t seen = 0, pages = 0;
      do {
        // With a token, skip does not count again.
        struct jg_test_call *call = list((struct list_options){
            .order_by = orders[o], .page_size = size, .page_token = token, .skip = pages > 0 ? 5 : 0});
        assert_true(jg_status_ok(call->status));
        for (size_t i = 0; i < call->answer.job_count; i++, seen++) {
          assert_string_equal(((Jobgate__V1__Job *)jg_test_call_proto(call, i))->id,
                              id_of(ascending ? seen + 1 : COUNT - seen));
        }
        assert_string_equal(((const Jobgate__V1__ListJobsResponse *)call->answer.message)->next_page_token,
                            call->answer.next_page_token.len != 0 ? call->answer.next_page_token.data : "");
        (void)snprintf(token, sizeof(token), "%.*s", JG_STR_ARG(call->answer.next_page_token));
        jg_test_call_destroy(call);
        pages++;
      } while (token[0] != '\0');
      assert_int_equal(seen, COUNT);
      assert_int_equal(pages, (COUNT + size - 1) / size);
    }
  }
}

/* One language for lists of both doors; tests/property compares its two back ends. */
static void test_list_filters(void **state) {
  (void)state;
  make_jobs(4, 1);
  const struct {
    const char *filter, *order_by;
    size_t numbers[4], count;
  } rows[] = {
      {jg_arena_printf(&app->arena, "id eq %s", id_of(2)), "", {2}, 1},
      {jg_arena_printf(&app->arena, "id gt %s and id2 ge 1", id_of(2)), "", {3, 4}, 2},
      {"startswith(description,'d') and project/id ne null", "id desc", {4, 3, 2, 1}, 4},
      {"project/name eq 'no such name' or false", "", {0}, 0},
      {"modified_dateutc gt '2015-06-02T00:00:00.000Z'", "id", {1, 2, 3, 4}, 4},
      {"job_status_code eq 'Open'", "id", {1, 2, 3, 4}, 4},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_call *call = list((struct list_options){.filter = rows[i].filter, .order_by = rows[i].order_by});
    assert_ids(call, rows[i].numbers, rows[i].count);
    jg_test_call_destroy(call);
    /* The count is of all that match, whatever the page (statement 45). */
    call = list((struct list_options){.filter = rows[i].filter, .page_size = 1, .count = true});
    assert_true(call->answer.has_total);
    assert_int_equal(call->answer.total, rows[i].count);
    jg_test_call_destroy(call);
  }
}

static void test_list_refusals(void **state) {
  (void)state;
  static const struct {
    struct list_options options;
    enum jg_code code;
    enum jg_reason reason;
    const char *field;
  } rows[] = {
      {{.page_size = -1}, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "page_size"},
      {{.skip = -1}, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "skip"},
      {{.filter = "id eq 1"}, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "filter"},
      {{.filter = "geo.length(name) eq 1"}, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, "filter"},
      {{.page_token = "x"}, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
      {{.view = (Jobgate__V1__JobView)9}, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "view"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_assert_fails(list(rows[i].options), rows[i].code, rows[i].reason, rows[i].field);
  }
}

/* More than a page holds is a page (AIP-158). */
static void test_r3_large_page_sizes(void **state) {
  (void)state;
  make_jobs(JG_LIMIT_PAGE_SIZE + 3, 1);
  static const struct {
    int32_t asked;
    size_t shown;
  } rows[] = {{0, JG_LIMIT_PAGE_SIZE_DEFAULT}, {1, 1}, {1000, 1000}, {1001, 1000}, {INT32_MAX, 1000}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_call *call = list((struct list_options){.page_size = rows[i].asked});
    assert_true(jg_status_ok(call->status));
    assert_int_equal(call->answer.job_count, rows[i].shown);
    assert_true(call->answer.next_page_token.len > 0);
    jg_test_call_destroy(call);
  }
}

static void test_token_of_another_query(void **state) {
  (void)state;
  make_jobs(2, 1);
  struct jg_test_call *first = list((struct list_options){.page_size = 1});
  const char *token = first->answer.next_page_token.data;
  static const char *const others[] = {"id desc", "modified_dateutc"};
  for (size_t i = 0; i < JG_COUNT(others); i++) {
    jg_test_assert_fails(list((struct list_options){.order_by = others[i], .page_token = token}), JG_INVALID_ARGUMENT,
                         JG_REASON_INVALID_TOKEN, "page_token");
  }
  // The same order in other words.
  struct jg_test_call *call = list((struct list_options){.order_by = "id asc", .page_token = token});
  const size_t second[] = {2};
  assert_ids(call, second, 1);
  jg_test_call_destroy(call);
  jg_test_call_destroy(first);
}

/* Pages end before the response would be too large; at least one job comes. */
static void test_list_is_cut(void **state) {
  (void)state;
  enum { COUNT = 15 };
  make_jobs(COUNT, 1000);
  static const size_t limits[] = {1, 2000, 7000, 12000};
  static const Jobgate__V1__JobView views[] = {JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC,
                                               JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL};
  for (size_t l = 0; l < JG_COUNT(limits) * 2; l++) {
    char token[JG_PAGE_TOKEN_LEN_MAX + 1] = "";
    size_t seen = 0;
    do {
      struct jg_test_call *call =
          list((struct list_options){.response_bytes_max = limits[l / 2], .page_token = token, .view = views[l % 2]});
      assert_true(jg_status_ok(call->status));
      assert_true(call->answer.job_count > 0);
      assert_int_equal(call->answer.nodes, l % 2);
      if (call->answer.job_count > 1) {
        assert_in_range(response_bytes(call), 1, limits[l / 2]);
      }
      for (size_t i = 0; i < call->answer.job_count; i++) {
        assert_string_equal(((Jobgate__V1__Job *)jg_test_call_proto(call, i))->id, id_of(++seen));
      }
      (void)snprintf(token, sizeof(token), "%.*s", JG_STR_ARG(call->answer.next_page_token));
      jg_test_call_destroy(call);
    } while (token[0] != '\0');
    assert_int_equal(seen, COUNT);
  }
}

/* A caller that is gone costs no page. */
static void test_cancelled(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__ListJobsRequest request = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  atomic_store(&call->call.cancelled, true);
  jg_test_call_run(call, jg_jobs_list, &request.base);
  jg_test_assert_fails(call, JG_CANCELLED, JG_REASON_NONE, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_get_views),
      TEST(test_get_refusals),
      TEST(test_get_hot),
      TEST(test_94_another_tenant),
      TEST(test_batch_in_the_order_asked),
      TEST(test_batch_limits),
      TEST(test_batch_is_cut),
      TEST(test_22_list_of_nothing),
      TEST(test_list_orders),
      TEST(test_25_pages),
      TEST(test_list_filters),
      TEST(test_list_refusals),
      TEST(test_r3_large_page_sizes),
      TEST(test_token_of_another_query),
      TEST(test_list_is_cut),
      TEST(test_cancelled),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
