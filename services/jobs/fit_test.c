/* A job that alone is more than a response: it is reduced, and lists and batches go on behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "proto/codec/proto_encode.h"
#include "services/jobs/jobs.h"
#include "services/jobs/page_token.h"
#include "services/testing/jobs.h"

/* What a page of these tests may take beside its token. */
#define PAGE_BYTES 4000u
#define RESPONSE_BYTES (PAGE_BYTES + JG_PAGE_TOKEN_LEN_MAX + 3u)
#define LARGE_BYTES 6000u

#define SMALL "00000000-0000-4000-8000-000000000001"
#define LARGE "00000000-0000-4000-8000-000000000002"
#define EMBEDS "00000000-0000-4000-8000-000000000003"
#define CHILD "00000000-0000-4000-8000-000000000004"
#define LAST "00000000-0000-4000-8000-000000000005"

static const char *const ids[] = {SMALL, LARGE, EMBEDS, CHILD, LAST};
static struct jg_test_app *app;

static const char *text_of(size_t bytes) {
  char *text = jg_arena_alloc(&app->arena, bytes + 1);
  memset(text, 'x', bytes);
  text[bytes] = '\0';
  return text;
}

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" SMALL "\",\"name\":\"small\""));
  (void)jg_test_must_post(app, jg_arena_printf(&app->arena,
                                               JG_TEST_JOB(",\"id\":\"" LARGE "\",\"name\":\"large\","
                                                           "\"internal_memo\":\"%s\""),
                                               text_of(LARGE_BYTES)));
  const char *embeds = jg_arena_printf(&app->arena,
                                       "{\"id\":\"" EMBEDS
                                       "\",\"name\":\"embeds\",\"project\":"
                                       "{\"reference_back_office\":\"Q\",\"description\":\"%s\"}}",
                                       text_of(LARGE_BYTES));
  assert_non_null(strstr(jg_test_import(app, embeds), "created"));
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" CHILD "\",\"name\":\"child\",\"_parent_id\":\"" LARGE "\""));
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" LAST "\",\"name\":\"last\""));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

struct listing {
  Jobgate__V1__JobView view;
  const char *const *paths; /* of the read_mask */
  size_t path_count;
  size_t bytes_max;
  bool any_size; /* a transport that takes it */
};

static struct jg_test_call *list(const struct listing *listing, const char *token) {
  struct jg_test_call *call = jg_test_call_create(app);
  call->call.response_bytes_max = listing->bytes_max;
  call->call.takes_parts = listing->any_size;
  Jobgate__V1__ListJobsRequest request = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.paths = (char **)listing->paths;
  mask.n_paths = listing->path_count;
  request.read_mask = listing->path_count != 0 ? &mask : NULL;
  request.view = listing->view;
  request.page_token = (char *)token;
  jg_test_call_run(call, jg_jobs_list, &request.base);
  assert_true(jg_status_ok(call->status));
  return call;
}

static size_t response_bytes(const struct jg_test_call *call) {
  struct jg_buf bytes;
  jg_buf_init(&bytes, 1u << 20);
  for (size_t i = 0; i < call->answer.job_count; i++) {
    jg_proto_encode_field(1, &call->answer.jobs[i], call->answer.nodes, &bytes);
  }
  size_t len = bytes.len + protobuf_c_message_get_packed_size(call->answer.message);
  jg_buf_done(&bytes);
  return len;
}

/* Every page within the limit, every job once; its index in ids. Returns which were reduced, bit i: ids[i]. */
static unsigned list_all(const struct listing *listing, void (*look)(const Jobgate__V1__Job *job, size_t index)) {
  const char *token = "";
  size_t seen = 0;
  unsigned reduced = 0;
  while (token != NULL) {
    struct jg_test_call *call = list(listing, token);
    assert_true(call->answer.job_count > 0);
    assert_in_range(response_bytes(call), 1, listing->bytes_max);
    const Jobgate__V1__ListJobsResponse *response = (const Jobgate__V1__ListJobsResponse *)call->answer.message;
    size_t told = 0;
    for (size_t i = 0; i < call->answer.job_count; i++, seen++) {
      bool is_reduced = told < response->n_reduced_ids && strcmp(response->reduced_ids[told], ids[seen]) == 0;
      told += is_reduced ? 1 : 0;
      reduced |= is_reduced ? 1u << seen : 0;
      look((const Jobgate__V1__Job *)jg_test_call_proto(call, i), seen);
    }
    assert_int_equal(told, response->n_reduced_ids);
    token = response->next_page_token[0] != '\0'
                ? jg_arena_str(&app->arena, jg_str_from_cstr(response->next_page_token)).data
                : NULL;
    jg_test_call_destroy(call);
  }
  assert_int_equal(seen, JG_COUNT(ids));
  return reduced;
}

static void look_at_id(const Jobgate__V1__Job *job, size_t index) {
  assert_string_equal(job->id, ids[index]);
  assert_true(job->revision > 0);
  assert_string_not_equal(job->etag, "");
  bool large = strcmp(job->id, LARGE) == 0;
  assert_int_equal(job->name[0] == '\0', large);
  assert_int_equal(job->job_type_code[0] == '\0', large || index == 2);
}

static void a_large_job_is_its_id(void **state) {
  (void)state;
  const struct listing listing = {.bytes_max = RESPONSE_BYTES};
  assert_int_equal(list_all(&listing, look_at_id), 1u << 1);
}

static void look_at_nodes(const Jobgate__V1__Job *job, size_t index) {
  look_at_id(job, index);
  assert_int_equal(job->project != NULL, index != 1 && index != 2);
  assert_string_equal(job->project_reference_back_office, index == 1 ? "" : index == 2 ? "Q" : "P1");
}

static void what_it_embeds_goes_first(void **state) {
  (void)state;
  const struct listing listing = {.view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL, .bytes_max = RESPONSE_BYTES};
  assert_int_equal(list_all(&listing, look_at_nodes), 1u << 1 | 1u << 2);
}

static void look_at_parent(const Jobgate__V1__Job *job, size_t index) {
  look_at_id(job, index);
  assert_null(job->parent_job);
  assert_string_equal(job->parent_id, index == 3 ? LARGE : "");
}

static void a_large_parent_goes_too(void **state) {
  (void)state;
  static const char *const paths[] = {"*", "parent_job"};
  const struct listing listing = {.view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC,
                                  .paths = paths,
                                  .path_count = JG_COUNT(paths),
                                  .bytes_max = RESPONSE_BYTES};
  assert_int_equal(list_all(&listing, look_at_parent), 1u << 1 | 1u << 3);
}

static void look_at_name(const Jobgate__V1__Job *job, size_t index) {
  static const char *const names[] = {"small", "large", "embeds", "child", "last"};
  assert_string_equal(job->name, names[index]);
}

static void a_mask_may_make_it_fit(void **state) {
  (void)state;
  static const char *const paths[] = {"name"};
  const struct listing listing = {.paths = paths, .path_count = 1, .bytes_max = RESPONSE_BYTES};
  assert_int_equal(list_all(&listing, look_at_name), 0);
}

static void any_limit_holds(void **state) {
  (void)state;
  // Whatever is left of a page when a reduced job comes: it stands there with its mark, or on the next one.
  for (size_t more = 0; more < 1200; more += 7) {
    const struct listing listing = {.bytes_max = RESPONSE_BYTES - PAGE_BYTES + 600 + more};
    assert_int_equal(list_all(&listing, look_at_id), 1u << 1);
  }
}

static void who_takes_any_size_gets_it(void **state) {
  (void)state;
  const struct listing listing = {
      .view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL, .bytes_max = RESPONSE_BYTES, .any_size = true};
  struct jg_test_call *call = list(&listing, "");
  const Jobgate__V1__ListJobsResponse *response = (const Jobgate__V1__ListJobsResponse *)call->answer.message;
  assert_int_equal(response->n_reduced_ids, 0);
  assert_int_equal(call->answer.job_count, 1);
  char *token = response->next_page_token;
  struct jg_test_call *next = list(&listing, token);
  assert_int_equal(strlen(((const Jobgate__V1__Job *)jg_test_call_proto(next, 0))->internal_memo), LARGE_BYTES);
  jg_test_call_destroy(next);
  jg_test_call_destroy(call);
}

static void batches_go_on_too(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_call_create(app);
  call->call.response_bytes_max = PAGE_BYTES;
  Jobgate__V1__BatchGetJobsRequest request = JOBGATE__V1__BATCH_GET_JOBS_REQUEST__INIT;
  const char *const wanted[] = {LARGE, EMBEDS, SMALL};
  request.ids = (char **)wanted;
  request.n_ids = JG_COUNT(wanted);
  jg_test_call_run(call, jg_jobs_batch_get, &request.base);
  assert_true(jg_status_ok(call->status));
  assert_in_range(response_bytes(call), 1, PAGE_BYTES);
  const Jobgate__V1__BatchGetJobsResponse *response = (const Jobgate__V1__BatchGetJobsResponse *)call->answer.message;
  // The payload of the first one alone ends the reading.
  assert_int_equal(call->answer.job_count, 1);
  assert_int_equal(response->n_reduced_ids, 1);
  assert_string_equal(response->reduced_ids[0], LARGE);
  assert_int_equal(response->n_unread, 2);
  jg_test_call_destroy(call);
}

static struct jg_test_call *rename_job(const char *id, size_t bytes_max) {
  struct jg_test_call *call = jg_test_call_create(app);
  call->call.response_bytes_max = bytes_max;
  Jobgate__V1__UpdateJobRequest request = JOBGATE__V1__UPDATE_JOB_REQUEST__INIT;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.id = (char *)id;
  job.name = (char *)"renamed";
  request.job = &job;
  jg_test_call_run(call, jg_jobs_update, &request.base);
  assert_true(jg_status_ok(call->status));
  return call;
}

static void a_write_that_is_done_says_so(void **state) {
  (void)state;
  struct jg_test_call *call = rename_job(LARGE, PAGE_BYTES);
  const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)jg_test_call_proto(call, 0);
  assert_string_equal(job->id, LARGE);
  assert_string_equal(job->name, "");
  assert_true(job->revision > 0);
  assert_string_not_equal(job->etag, "");
  jg_test_call_destroy(call);
  call = rename_job(LAST, PAGE_BYTES);
  assert_non_null(((const Jobgate__V1__Job *)jg_test_call_proto(call, 0))->project);
  jg_test_call_destroy(call);
  call = rename_job(LARGE, 0);
  job = (const Jobgate__V1__Job *)jg_test_call_proto(call, 0);
  assert_string_equal(job->name, "renamed");
  assert_int_equal(strlen(job->internal_memo), LARGE_BYTES);
  jg_test_call_destroy(call);
}

/* Also when it is given again. */
static void a_new_job_comes_without_what_it_embeds(void **state) {
  (void)state;
  for (int again = 0; again <= 1; again++) {
    struct jg_test_call *call = jg_test_call_create(app);
    call->call.response_bytes_max = PAGE_BYTES;
    Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
    Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
    job.name = (char *)"new";
    job.project_reference_back_office = (char *)"Q";
    job.job_type_code = (char *)"T1";
    job.job_status_code = (char *)"Open";
    request.job = &job;
    request.request_id = (char *)"00000000-0000-4000-8000-0000000000ff";
    jg_test_call_run(call, jg_jobs_create, &request.base);
    assert_true(jg_status_ok(call->status));
    const Jobgate__V1__Job *answer = (const Jobgate__V1__Job *)jg_test_call_proto(call, 0);
    assert_string_equal(answer->name, "new");
    assert_null(answer->project);
    assert_string_equal(answer->project_reference_back_office, "Q");
    jg_test_call_destroy(call);
  }
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(a_large_job_is_its_id),
      CASE(what_it_embeds_goes_first),
      CASE(a_large_parent_goes_too),
      CASE(a_mask_may_make_it_fit),
      CASE(any_limit_holds),
      CASE(who_takes_any_size_gets_it),
      CASE(batches_go_on_too),
      CASE(a_write_that_is_done_says_so),
      CASE(a_new_job_comes_without_what_it_embeds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
