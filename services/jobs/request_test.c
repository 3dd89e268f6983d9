/* What the gRPC requests have beside the job: request_id (AIP-155), validate_only (AIP-163), read_mask (AIP-157). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "services/jobs/jobs.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define REQUEST "11111111-2222-4333-8444-555555555555"
#define DAY_NS INT64_C(86400000000000)

static struct jg_test_app *app;
static Jobgate__V1__Job job;
static Jobgate__V1__Project project;
static Jobgate__V1__JobType type;
static Jobgate__V1__Skill skill;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  jobgate__v1__job__init(&job);
  jobgate__v1__project__init(&project);
  jobgate__v1__job_type__init(&type);
  jobgate__v1__skill__init(&skill);
  project.reference_back_office = (char *)"P1";
  project.name = (char *)"p";
  type.code = (char *)"T1";
  skill.code = (char *)"S1";
  job.name = (char *)"n";
  job.project = &project;
  job.job_type = &type;
  job.skill = &skill;
  job.job_status_code = (char *)"Open";
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

/* The paths of a FieldMask, NULL-terminated. */
static Google__Protobuf__FieldMask *mask_of(char **paths) {
  static Google__Protobuf__FieldMask mask;
  google__protobuf__field_mask__init(&mask);
  mask.paths = paths;
  while (paths != NULL && paths[mask.n_paths] != NULL) {
    mask.n_paths++;
  }
  return paths != NULL ? &mask : NULL;
}

/* The job is copied: a handler makes it canonical. */
static struct jg_test_call *create(const char *request_id, bool validate_only, char **read_mask) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  Jobgate__V1__Job copy = job;
  request.job = &copy;
  request.request_id = (char *)request_id;
  request.validate_only = validate_only;
  request.read_mask = mask_of(read_mask);
  jg_test_call_run(call, jg_jobs_create, &request.base);
  return call;
}

static const char *id_of(struct jg_test_call *call) {
  struct jg_str id = jg_arena_str(&app->arena, jg_str_from_cstr(jg_test_get(call, "id")));
  return id.data;
}

/* ---- request_id ---- */

static void test_first_answer_again(void **state) {
  (void)state;
  struct jg_test_call *first = create(REQUEST, false, NULL);
  const char *id = id_of(first);
  const char *json = jg_test_call_json(first, 0);
  const Jobgate__V1__Job *was = (const Jobgate__V1__Job *)jg_test_call_proto(first, 0);
  int64_t revision = jg_test_revision(app);
  // What happened to the job since does not count.
  jg_test_must_put(app, id, "{\"name\":\"later\",\"project\":{\"reference_back_office\":\"P1\",\"name\":\"later\"}}");
  int64_t later = jg_test_revision(app);
  assert_true(later > revision);
  struct jg_test_call *again = create(REQUEST, false, NULL);
  assert_string_equal(jg_test_call_json(again, 0), json);
  assert_true(again->answer.created);
  const Jobgate__V1__Job *is = (const Jobgate__V1__Job *)jg_test_call_proto(again, 0);
  assert_int_equal(is->revision, revision);
  assert_string_equal(is->etag, was->etag);
  assert_string_equal(is->job_status_code, "Open");
  assert_string_equal(is->project->name, "p");
  assert_string_equal(is->skill->code, "S1");
  assert_int_equal(jg_test_revision(app), later);
  jg_test_call_destroy(again);
  jg_test_call_destroy(first);
  // The mask is of the answer, not of what was asked for.
  char *paths[] = {(char *)"name", NULL};
  again = create(REQUEST, false, paths);
  is = (const Jobgate__V1__Job *)jg_test_call_proto(again, 0);
  assert_string_equal(is->name, "n");
  assert_string_equal(is->id, "");
  assert_null(is->project);
  jg_test_call_destroy(again);
}

static void test_another_request_of_that_id(void **state) {
  (void)state;
  jg_test_call_destroy(create(REQUEST, false, NULL));
  int64_t revision = jg_test_revision(app);
  job.description = (char *)"other";
  jg_test_assert_fails(create(REQUEST, false, NULL), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "request_id");
  assert_int_equal(jg_test_revision(app), revision);
  jg_test_assert_fails(create("x", false, NULL), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "request_id");
  jg_test_assert_fails(create("00000000-0000-0000-0000-000000000000", false, NULL), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "request_id");
}

/* What failed is not kept: the next try may do better. */
static void test_failures_are_not_kept(void **state) {
  (void)state;
  job.skill_id = (char *)ID;
  jg_test_assert_fails(create(REQUEST, false, NULL), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                       "job.skill_id");
  job.skill_id = (char *)"";
  struct jg_test_call *call = create(REQUEST, false, NULL);
  assert_true(jg_status_ok(call->status));
  jg_test_call_destroy(call);
}

static void test_24_hours(void **state) {
  (void)state;
  struct jg_test_call *call = create(REQUEST, false, NULL);
  const char *first = id_of(call);
  jg_test_call_destroy(call);
  jg_clock_manual_advance_ns(&app->clock, DAY_NS - 100);
  call = create(REQUEST, false, NULL);
  assert_string_equal(id_of(call), first);
  jg_test_call_destroy(call);
  jg_clock_manual_advance_ns(&app->clock, 100);
  call = create(REQUEST, false, NULL);
  const char *second = id_of(call);
  assert_string_not_equal(second, first);
  jg_test_call_destroy(call);
  call = create(REQUEST, false, NULL);
  assert_string_equal(id_of(call), second);
  jg_test_call_destroy(call);
}

/* ---- validate_only ---- */

static void test_validate_only_create(void **state) {
  (void)state;
  struct jg_test_call *call = create(REQUEST, true, NULL);
  const Jobgate__V1__Job *would_be = (const Jobgate__V1__Job *)jg_test_call_proto(call, 0);
  assert_string_equal(would_be->name, "n");
  assert_string_equal(would_be->project->name, "p");
  assert_string_equal(would_be->skill_code, "S1");
  assert_int_equal(would_be->id2, 1);
  assert_int_equal(would_be->revision, 0);
  assert_string_equal(would_be->etag, "");
  assert_int_equal(jg_test_revision(app), 0);
  jg_test_assert_fails(jg_test_fetch(app, would_be->id), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_call_destroy(call);
  // Nothing is left of it, the request's id neither, and what the cache holds is what is committed.
  job.name = (char *)"other";
  project.name = (char *)"q";
  call = create(REQUEST, false, NULL);
  jg_test_assert_get(call, "id2", "1");
  jg_test_assert_get(call, "project.name", "q");
  jg_test_call_destroy(call);
  job.job_type_id = (char *)ID;
  jg_test_assert_fails(create("", true, NULL), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                       "job.job_type_id");
}

static struct jg_test_call *update(Jobgate__V1__Job *change, bool validate_only, char **read_mask) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__UpdateJobRequest request = JOBGATE__V1__UPDATE_JOB_REQUEST__INIT;
  request.job = change;
  request.validate_only = validate_only;
  request.read_mask = mask_of(read_mask);
  jg_test_call_run(call, jg_jobs_update, &request.base);
  return call;
}

static void test_validate_only_update(void **state) {
  (void)state;
  job.id = (char *)ID;
  jg_test_call_destroy(create("", false, NULL));
  int64_t revision = jg_test_revision(app);
  Jobgate__V1__Job change = JOBGATE__V1__JOB__INIT;
  change.id = (char *)ID;
  change.description = (char *)"d";
  project.name = (char *)"q";
  change.project = &project;
  struct jg_test_call *call = update(&change, true, NULL);
  jg_test_assert_get(call, "description", "d");
  jg_test_assert_get(call, "project.name", "q");
  jg_test_call_destroy(call);
  assert_int_equal(jg_test_revision(app), revision);
  call = jg_test_fetch(app, ID);
  jg_test_assert_get(call, "description", "");
  jg_test_assert_get(call, "project.name", "p");
  jg_test_call_destroy(call);
  change.job_status_id = (char *)"06ea451c-5863-4c97-9592-cc928dfdf869";
  jg_test_assert_fails(update(&change, true, NULL), JG_FAILED_PRECONDITION, JG_REASON_ILLEGAL_TRANSITION, "");
}

/* ---- read_mask ---- */

static struct jg_test_call *get(Jobgate__V1__JobView view, char **read_mask) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__GetJobRequest request = JOBGATE__V1__GET_JOB_REQUEST__INIT;
  request.id = (char *)ID;
  request.view = view;
  request.read_mask = mask_of(read_mask);
  jg_test_call_run(call, jg_jobs_get, &request.base);
  return call;
}

/* Which of eight members came: a letter each. */
static const char *shown(struct jg_test_call *call) {
  const Jobgate__V1__Job *is = (const Jobgate__V1__Job *)jg_test_call_proto(call, 0);
  return jg_arena_printf(&app->arena, "%s%s%s%s%s%s%s%s", is->id[0] != '\0' ? "i" : "", is->name[0] != '\0' ? "n" : "",
                         is->project_id[0] != '\0' ? "d" : "", is->project_reference_back_office[0] != '\0' ? "k" : "",
                         is->project != NULL ? "P" : "", is->skill != NULL ? "S" : "", is->revision != 0 ? "r" : "",
                         is->etag[0] != '\0' ? "e" : "");
}

static void test_read_mask(void **state) {
  (void)state;
  job.id = (char *)ID;
  jg_test_call_destroy(create("", false, NULL));
  const Jobgate__V1__JobView basic = JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
  const Jobgate__V1__JobView full = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL;
  static const struct {
    int view;
    char *paths[4];
    const char *expected;
  } rows[] = {
      {0, {(char *)"*"}, "indkPSre"},
      {0, {(char *)"name", (char *)"*"}, "indkPSre"},
      {0, {(char *)"name"}, "n"},
      {0, {(char *)"id", (char *)"project"}, "iP"},
      {0, {(char *)"project_reference_back_office"}, "k"},
      {0, {(char *)"project_reference_back_office", (char *)"project", (char *)"project_id"}, "dkP"},
      {0, {(char *)"revision", (char *)"etag"}, "re"},
      {0, {(char *)"skill", (char *)"skill"}, "S"},
      {1, {(char *)"id", (char *)"project"}, "i"},
      {2, {(char *)"id"}, "i"},
      {1, {NULL}, "indkre"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    Jobgate__V1__JobView view = rows[i].view == 1 ? basic : rows[i].view == 2 ? full : 0;
    struct jg_test_call *call = get(view, (char **)(uintptr_t)rows[i].paths);
    assert_string_equal(shown(call), rows[i].expected);
    jg_test_call_destroy(call);
  }
}

static void test_read_mask_refusals(void **state) {
  (void)state;
  static const char *const paths[] = {"nope", "project.name", "", "_parent_id", "name,id"};
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    char *mask[] = {(char *)paths[i], NULL};
    jg_test_assert_fails(get(0, mask), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "read_mask");
    jg_test_assert_fails(create("", false, mask), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "read_mask");
  }
}

static void test_read_mask_elsewhere(void **state) {
  (void)state;
  char *paths[] = {(char *)"id", (char *)"skill", NULL};
  job.id = (char *)ID;
  struct jg_test_call *call = create("", false, paths);
  assert_string_equal(shown(call), "iS");
  jg_test_call_destroy(call);
  Jobgate__V1__Job change = JOBGATE__V1__JOB__INIT;
  change.id = (char *)ID;
  call = update(&change, false, paths);
  assert_string_equal(shown(call), "iS");
  jg_test_call_destroy(call);

  call = jg_test_call_create(app);
  Jobgate__V1__ListJobsRequest list = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  list.read_mask = mask_of(paths);
  jg_test_call_run(call, jg_jobs_list, &list.base);
  assert_true(call->answer.nodes);
  assert_string_equal(shown(call), "iS");
  jg_test_call_destroy(call);

  call = jg_test_call_create(app);
  char *ids[] = {(char *)ID};
  Jobgate__V1__BatchGetJobsRequest batch = JOBGATE__V1__BATCH_GET_JOBS_REQUEST__INIT;
  batch.read_mask = mask_of(paths);
  batch.ids = ids;
  batch.n_ids = 1;
  jg_test_call_run(call, jg_jobs_batch_get, &batch.base);
  assert_string_equal(shown(call), "iS");
  jg_test_call_destroy(call);
}

/* Entities that the mask leaves out are not even read. */
static void test_read_mask_spares(void **state) {
  (void)state;
  static const struct {
    char *paths[3];
    bool full;
    int builds; /* of a skill, a project, a type and a status: what the job has */
  } rows[] = {
      {{(char *)"id", (char *)"name"}, true, 0},    {{(char *)"id", (char *)"project_reference_back_office"}, false, 1},
      {{(char *)"id", (char *)"project"}, true, 1}, {{(char *)"id", (char *)"project"}, false, 0},
      {{(char *)"id", (char *)"skill"}, true, 1},   {{NULL}, true, 4},
  };
  job.id = (char *)ID;
  jg_test_call_destroy(create("", false, NULL));
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_app_forget(app);
    int64_t before = jg_test_metric(app, "jobgate_expand_builds_total", "");
    struct jg_test_call *call = jg_test_call_create(app);
    Jobgate__V1__ListJobsRequest list = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
    list.read_mask = mask_of((char **)(uintptr_t)rows[i].paths);
    list.view = rows[i].full ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
    jg_test_call_run(call, jg_jobs_list, &list.base);
    assert_int_equal(call->answer.job_count, 1);
    jg_test_call_destroy(call);
    assert_int_equal(jg_test_metric(app, "jobgate_expand_builds_total", "") - before, rows[i].builds);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_first_answer_again), TEST(test_another_request_of_that_id), TEST(test_failures_are_not_kept),
      TEST(test_24_hours),           TEST(test_validate_only_create),       TEST(test_validate_only_update),
      TEST(test_read_mask),          TEST(test_read_mask_refusals),         TEST(test_read_mask_elsewhere),
      TEST(test_read_mask_spares),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
