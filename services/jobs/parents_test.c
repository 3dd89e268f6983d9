// _parent_job of answers (statement 3, contract 1.3 a): read where the mask names it, one level, within the response's limits.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limits.h"
#include "proto/schema/members.h"
#include "services/jobs/jobs.h"
#include "services/testing/jobs.h"

#define GRAND "00000000-0000-4000-8000-0000000000a1"
#define PARENT "00000000-0000-4000-8000-0000000000a2"
#define CHILD "00000000-0000-4000-8000-0000000000a3"
#define ORPHAN "00000000-0000-4000-8000-0000000000a4"
#define NOBODY "99999999-9999-4999-8999-999999999999"

static struct jg_test_app *app;
static const char *const with_parent[] = {"*", "parent_job"};
static const char *const all[] = {"*"};

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" GRAND "\""));
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" PARENT "\",\"_parent_id\":\"" GRAND "\",\"name\":\"parent\""));
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" CHILD "\",\"_parent_id\":\"" PARENT "\""));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

static struct jg_test_call *get(const char *id, const char *const *paths, size_t count) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__GetJobRequest request = JOBGATE__V1__GET_JOB_REQUEST__INIT;
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.paths = (char **)paths;
  mask.n_paths = count;
  request.id = (char *)id;
  request.read_mask = &mask;
  jg_test_call_run(call, jg_jobs_get, &request.base);
  return call;
}

static struct jg_test_call *list(int32_t page_size, const char *token, size_t bytes_max) {
  struct jg_test_call *call = jg_test_call_create(app);
  call->call.response_bytes_max = bytes_max;
  Jobgate__V1__ListJobsRequest request = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.paths = (char **)with_parent;
  mask.n_paths = 2;
  request.read_mask = &mask;
  request.page_size = page_size;
  request.page_token = (char *)token;
  jg_test_call_run(call, jg_jobs_list, &request.base);
  return call;
}

static const Jobgate__V1__Job *job_of(struct jg_test_call *call, size_t index) {
  assert_true(jg_status_ok(call->status));
  return (const Jobgate__V1__Job *)jg_test_call_proto(call, index);
}

static void test_3_the_mask_names_it(void **state) {
  (void)state;
  struct jg_test_call *call = get(CHILD, with_parent, 2);
  const Jobgate__V1__Job *job = job_of(call, 0);
  assert_string_equal(job->parent_id, PARENT);
  assert_non_null(job->project);
  assert_non_null(job->parent_job);
  assert_string_equal(job->parent_job->id, PARENT);
  assert_string_equal(job->parent_job->name, "parent");
  assert_string_equal(job->parent_job->parent_id, GRAND);
  assert_string_equal(job->parent_job->project_reference_back_office, "P1");
  assert_string_equal(job->parent_job->job_type_code, "T1");
  assert_string_equal(job->parent_job->job_status_code, "Open");
  const struct jg_str json = call->answer.jobs[0].parent->json;
  assert_true(jg_str_starts_with(json, JG_STR("{\"id\":\"" PARENT "\",\"_parent_id\":\"" GRAND "\",")));
  assert_int_equal(jg_str_find(json, '{', 1), SIZE_MAX);
  jg_test_call_destroy(call);
  call = get(CHILD, all, 1);
  assert_null(job_of(call, 0)->parent_job);
  jg_test_call_destroy(call);
  call = get(CHILD, &with_parent[1], 1);
  assert_string_equal(job_of(call, 0)->id, "");
  assert_string_equal(job_of(call, 0)->parent_job->id, PARENT);
  jg_test_call_destroy(call);
}

static void no_parent_is_no_member(void **state) {
  (void)state;
  assert_non_null(strstr(jg_test_import(app, "{\"id\":\"" ORPHAN "\",\"_parent_id\":\"" NOBODY "\"}"), "created"));
  static const char *const ids[] = {GRAND, ORPHAN};
  for (size_t i = 0; i < JG_COUNT(ids); i++) {
    struct jg_test_call *call = get(ids[i], with_parent, 2);
    assert_null(job_of(call, 0)->parent_job);
    assert_null(call->answer.jobs[0].parent);
    jg_test_call_destroy(call);
  }
}

static void a_list_reads_each_parent_once(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"_parent_id\":\"" PARENT "\""));
  struct jg_test_call *call = list(0, "", 0);
  assert_int_equal(call->answer.job_count, 4);
  const struct jg_expanded *shared = NULL;
  for (size_t i = 0; i < 4; i++) {
    const Jobgate__V1__Job *job = job_of(call, i);
    const struct jg_expanded *parent = call->answer.jobs[i].parent;
    assert_int_equal(parent != NULL, job->parent_id[0] != '\0');
    if (strcmp(job->parent_id, PARENT) == 0) {
      assert_true(shared == NULL || shared == parent);
      shared = parent;
    }
  }
  assert_non_null(shared);
  jg_test_call_destroy(call);
}

/* Parents count for the response: the page is then shorter, and the token goes on from there. */
static void parents_count_for_the_limit(void **state) {
  (void)state;
  enum { CHILDREN = 20 };
  char *text = jg_arena_alloc(&app->arena, 4001);
  memset(text, 'd', 4000);
  text[4000] = '\0';
  jg_test_must_put(app, PARENT, jg_arena_printf(&app->arena, "{\"description\":\"%s\"}", text));
  for (size_t i = 0; i < CHILDREN; i++) {
    (void)jg_test_must_post(app, JG_TEST_JOB(",\"_parent_id\":\"" PARENT "\""));
  }
  static const size_t limits[] = {8000, 20000, 60000};
  for (size_t l = 0; l < JG_COUNT(limits); l++) {
    size_t seen = 0, children = 0, pages = 0;
    const char *token = "";
    do {
      struct jg_test_call *call = list(0, token, limits[l]);
      size_t bytes = 0;
      for (size_t i = 0; i < call->answer.job_count; i++, seen++) {
        children += call->answer.jobs[i].parent != NULL;
        bytes += call->answer.jobs[i].payload.len;
        bytes += call->answer.jobs[i].parent != NULL ? call->answer.jobs[i].parent->proto.len : 0;
      }
      assert_true(call->answer.job_count == 1 || bytes <= limits[l]);
      token = jg_arena_str(&app->arena, call->answer.next_page_token).data;
      jg_test_call_destroy(call);
      pages++;
    } while (token != NULL && token[0] != '\0');
    assert_int_equal(seen, CHILDREN + 3);
    assert_int_equal(children, CHILDREN + 2);
    assert_true(pages > 1);
  }
}

static void a_batch_has_them_too(void **state) {
  (void)state;
  static const char *const ids[] = {CHILD, NOBODY, GRAND, PARENT};
  static const size_t limits[] = {3000, 0};
  for (size_t l = 0; l < JG_COUNT(limits); l++) {
    struct jg_test_call *call = jg_test_call_create(app);
    call->call.response_bytes_max = limits[l];
    Jobgate__V1__BatchGetJobsRequest request = JOBGATE__V1__BATCH_GET_JOBS_REQUEST__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    mask.paths = (char **)with_parent;
    mask.n_paths = 2;
    request.read_mask = &mask;
    request.n_ids = JG_COUNT(ids);
    request.ids = (char **)ids;
    jg_test_call_run(call, jg_jobs_batch_get, &request.base);
    assert_string_equal(job_of(call, 0)->parent_job->id, PARENT);
    const Jobgate__V1__BatchGetJobsResponse *response = (const Jobgate__V1__BatchGetJobsResponse *)call->answer.message;
    assert_int_equal(call->answer.job_count + response->n_missing + response->n_unread, JG_COUNT(ids));
    if (limits[l] == 0) {
      assert_null(job_of(call, 1)->parent_job);
      assert_string_equal(job_of(call, 2)->parent_job->id, GRAND);
    }
    jg_test_call_destroy(call);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_3_the_mask_names_it, setup, teardown),
      cmocka_unit_test_setup_teardown(no_parent_is_no_member, setup, teardown),
      cmocka_unit_test_setup_teardown(a_list_reads_each_parent_once, setup, teardown),
      cmocka_unit_test_setup_teardown(parents_count_for_the_limit, setup, teardown),
      cmocka_unit_test_setup_teardown(a_batch_has_them_too, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
