/* UpdateJob and DeleteJob as both doors call them; numbers are the contract's statements. */
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
#define ZERO "00000000-0000-0000-0000-000000000000"

static struct jg_test_app *app;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" ID "\",\"description\":\"d\",\"estimated_time\":30,"
                                           "\"job_priority\":{\"code\":\"PR\",\"name\":\"high\"}"));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

static const Jobgate__V1__Job *fetch(struct jg_test_call **ret_call) {
  *ret_call = jg_test_fetch(app, ID);
  return (const Jobgate__V1__Job *)jg_test_call_proto(*ret_call, 0);
}

static void test_84_85_only_members_present(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_put(app, ID, "{\"estimated_time\":45}");
  assert_true(jg_status_ok(call->status));
  assert_false(call->answer.created);
  jg_test_assert_get(call, "id", ID);
  jg_test_assert_get(call, "estimated_time", "45");
  jg_test_assert_get(call, "description", "d");
  jg_test_assert_get(call, "job_priority.name", "high");
  jg_test_assert_get(call, "project.name", "p");
  jg_test_call_destroy(call);
  // Present with its default is a change too; null is absent (62).
  call = jg_test_put(app, ID, "{\"description\":\"\",\"estimated_time\":null}");
  jg_test_assert_get(call, "description", "");
  jg_test_assert_get(call, "estimated_time", "45");
  jg_test_call_destroy(call);
}

static void test_65_managed_members_are_ignored(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_put(app, ID,
                                          "{\"id2\":99,\"company_id\":\"" NOBODY
                                          "\",\"company_code\":\"c\",\"date_create\":\"2001-01-01\","
                                          "\"date_closed\":\"2001-01-01\",\"modified_dateutc\":\"2001-01-01\"}");
  jg_test_assert_get(call, "id2", "1");
  jg_test_assert_get(call, "company_id", ZERO);
  jg_test_assert_get(call, "company_code", "");
  jg_test_assert_get(call, "date_create", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "date_closed", "1980-01-01T00:00:00+00:00");
  jg_test_call_destroy(call);
}

static void test_67_company_follows_the_project(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_put(app, ID,
                                          "{\"project\":{\"reference_back_office\":\"P2\",\"company_id\":\"" NOBODY
                                          "\",\"company_code\":\"C2\"}}");
  jg_test_assert_get(call, "company_id", NOBODY);
  jg_test_assert_get(call, "company_code", "C2");
  jg_test_call_destroy(call);
  call = jg_test_put(app, ID, "{\"project_reference_back_office\":\"P1\"}");
  jg_test_assert_get(call, "company_id", ZERO);
  jg_test_assert_get(call, "company_code", "");
  jg_test_call_destroy(call);
}

static void test_87_a_put_of_nothing_moves_the_dates(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_put(app, ID, "{}");
  jg_test_assert_get(call, "modified_dateutc", "2026-02-03T04:05:06.0000001+00:00");
  jg_test_assert_get(call, "date_update", "2026-02-03T04:05:06.0000001+00:00");
  jg_test_assert_get(call, "date_create", "2026-02-03T04:05:06+00:00");
  jg_test_call_destroy(call);
  jg_clock_manual_advance_ns(&app->clock, 1500000000);
  call = jg_test_put(app, ID, "{\"description\":\"d\"}");
  jg_test_assert_get(call, "modified_dateutc", "2026-02-03T04:05:07.5+00:00");
  jg_test_call_destroy(call);
  assert_int_equal(jg_test_revision(app), 6);
}

/* An imported modified_dateutc may be far ahead: the next one is later still, and nobody else's clock is dragged along. */
static void test_87_later_than_its_own(void **state) {
  (void)state;
  assert_string_equal(
      jg_test_import(app, "{\"id\":\"" NOBODY "\",\"name\":\"x\",\"modified_dateutc\":\"2090-01-01T00:00:00Z\"}"),
      "created entities=0 warnings=0");
  struct jg_test_call *call = jg_test_put(
      app, NOBODY, "{\"project_reference_back_office\":\"P1\",\"job_type_code\":\"T1\",\"job_status_code\":\"Open\"}");
  jg_test_assert_get(call, "modified_dateutc", "2090-01-01T00:00:00.0000001+00:00");
  jg_test_call_destroy(call);
  call = jg_test_put(app, ID, "{}");
  jg_test_assert_get(call, "modified_dateutc", "2026-02-03T04:05:06.0000003+00:00");
  jg_test_call_destroy(call);
}

static void test_88_unknown_id(void **state) {
  (void)state;
  jg_test_assert_fails(jg_test_put(app, NOBODY, "{}"), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(jg_test_delete(app, NOBODY, ""), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
}

static void test_58_59_groups_must_end_filled(void **state) {
  (void)state;
  static const struct {
    const char *json, *field;
  } rows[] = {
      {"{\"name\":\" \"}", "name"},
      {"{\"project_id\":\"" ZERO "\"}", "project_id"},
      {"{\"project_reference_back_office\":\"\"}", "project_id"},
      {"{\"job_type_id\":\"" ZERO "\",\"job_type_code\":\"\"}", "job_type_id"},
      {"{\"job_status_id\":\"" ZERO "\"}", "job_status_id"},
      {"{\"job_status_code\":\"\"}", "job_status_id"},
      {"{\"estimated_time\":-5}", "estimated_time"},
  };
  int64_t revision = jg_test_revision(app);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_assert_fails(jg_test_put(app, ID, rows[i].json), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                         rows[i].field);
  }
  assert_int_equal(jg_test_revision(app), revision);
}

static void test_optional_relations_can_be_emptied(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_put(app, ID, "{\"job_priority_id\":\"" ZERO "\"}");
  jg_test_assert_get(call, "job_priority_id", ZERO);
  jg_test_assert_get(call, "job_priority_code", "");
  jg_test_assert_get(call, "job_priority", NULL);
  jg_test_call_destroy(call);
  call = jg_test_put(app, ID, "{\"job_priority_id\":\"" ZERO "\",\"job_priority_code\":\"PR\"}");
  jg_test_assert_get(call, "job_priority_code", "PR");
  jg_test_call_destroy(call);
}

/* A client that sends back what it read changes nothing but the dates. */
static void test_what_was_read_can_be_sent_back(void **state) {
  (void)state;
  struct jg_test_call *first = jg_test_fetch(app, ID);
  int64_t revision = jg_test_revision(app);
  struct jg_test_call *call = jg_test_put(app, ID, jg_test_call_json(first, 0));
  assert_int_equal(jg_test_revision(app), revision + 1);
  static const char *const members[] = {"name",        "project_id",      "job_type_id", "job_priority_id",
                                        "description", "job_status_code", "date_create", "project.modified_dateutc"};
  for (size_t i = 0; i < JG_COUNT(members); i++) {
    assert_string_equal(jg_test_get(call, members[i]), jg_test_get(first, members[i]));
  }
  jg_test_call_destroy(call);
  jg_test_call_destroy(first);
}

/* Statement 80, each pair of statuses.tsv. The first status of each row is set by an import, which knows no transitions. */
static void test_80_transitions(void **state) {
  (void)state;
  for (size_t from = 0; from < JG_STATUS_ROW_COUNT; from++) {
    for (size_t to = 0; to < JG_STATUS_ROW_COUNT; to++) {
      char json[512];
      (void)snprintf(json, sizeof(json),
                     "{\"id\":\"" ID
                     "\",\"name\":\"n\",\"project_reference_back_office\":\"P1\","
                     "\"date_closed\":\"1980-01-01\",\"job_type_code\":\"T1\",\"job_status_id\":\"%.*s\"}",
                     JG_STR_ARG(jg_status_rows[from].id));
      (void)jg_test_import(app, json);
      (void)snprintf(json, sizeof(json), "{\"job_status_id\":\"%.*s\"}", JG_STR_ARG(jg_status_rows[to].id));
      struct jg_test_call *call = jg_test_put(app, ID, json);
      if (from == to || (jg_status_rows[from].may_become >> to & 1) != 0) {
        jg_test_assert_get(call, "job_status_code", jg_status_rows[to].code.data);
        bool completes = from != to && strcmp(jg_status_rows[to].code.data, "Completed") == 0;
        assert_int_equal(strcmp(jg_test_get(call, "date_closed"), "1980-01-01T00:00:00+00:00") != 0, completes);
        jg_test_call_destroy(call);
      } else {
        assert_int_equal(jg_status_http(call->status), 409);
        jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_ILLEGAL_TRANSITION, "job_status_id");
      }
    }
  }
}

/* The status that stands there may always be given again, even by a code that no write may set. */
static void test_80_same_status_again(void **state) {
  (void)state;
  (void)jg_test_import(app, "{\"id\":\"" ID
                            "\",\"name\":\"n\",\"project_reference_back_office\":\"P1\","
                            "\"job_type_code\":\"T1\",\"job_status_code\":\"Completed\"}");
  jg_test_must_put(app, ID, "{\"job_status_code\":\"completed\",\"description\":\"x\"}");
  jg_test_assert_fails(jg_test_put(app, ID, "{\"job_status_code\":\"Open\"}"), JG_FAILED_PRECONDITION,
                       JG_REASON_ILLEGAL_TRANSITION, "job_status_code");
}

/* A status that an import registered: strict writes keep it, or leave it for any of the table. */
static void test_80_registered_status(void **state) {
  (void)state;
  static const char json[] = "{\"id\":\"" ID
                             "\",\"name\":\"n\",\"project_reference_back_office\":\"P1\","
                             "\"job_type_code\":\"T1\",\"job_status_id\":\"" NOBODY "\",\"job_status_code\":\"Odd\"}";
  assert_string_equal(jg_test_import(app, json), "updated entities=1 warnings=0");
  jg_test_must_put(app, ID, "{\"job_status_id\":\"" NOBODY "\"}");
  jg_test_must_put(app, ID, "{\"job_status_code\":\"Odd\"}");
  jg_test_must_put(app, ID, "{\"job_status_id\":\"6557b9dc-6106-4327-8e26-6f24d0329c33\"}");
  jg_test_assert_fails(jg_test_put(app, ID, "{\"job_status_id\":\"" NOBODY "\"}"), JG_FAILED_PRECONDITION,
                       JG_REASON_ILLEGAL_TRANSITION, "job_status_id");
}

static void test_81_date_closed_is_set_once(void **state) {
  (void)state;
  (void)jg_test_import(app, "{\"id\":\"" ID
                            "\",\"name\":\"n\",\"project_reference_back_office\":\"P1\","
                            "\"job_type_code\":\"T1\",\"job_status_code\":\"InProgress\"}");
  struct jg_test_call *call = jg_test_put(app, ID, "{\"job_status_id\":\"6557b9dc-6106-4327-8e26-6f24d0329c33\"}");
  assert_string_equal(jg_test_get(call, "date_closed"), jg_test_get(call, "date_update"));
  jg_clock_manual_advance_ns(&app->clock, 5000000000);
  struct jg_test_call *again = jg_test_put(app, ID, "{\"job_status_id\":\"6557b9dc-6106-4327-8e26-6f24d0329c33\"}");
  assert_string_equal(jg_test_get(again, "date_closed"), jg_test_get(call, "date_closed"));
  jg_test_call_destroy(again);
  jg_test_call_destroy(call);
}

static void test_83_mobile_equipment(void **state) {
  (void)state;
  static const char mobile[] = "{\"project\":{\"reference_back_office\":\"M\",\"is_mobile_installation\":true}%s}";
  char json[256];
  (void)snprintf(json, sizeof(json), mobile, "");
  jg_test_assert_fails(jg_test_put(app, ID, json), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "db_address_zip");
  (void)snprintf(json, sizeof(json), mobile,
                 ",\"db_address_street\":\"s\",\"db_address_city\":\"c\",\"db_address_zip\":\"z\"");
  jg_test_must_put(app, ID, json);
  jg_test_must_put(app, ID, "{\"db_address_city\":\"d\"}");
  jg_test_assert_fails(jg_test_put(app, ID, "{\"db_address_city\":\"\"}"), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "db_address_city");
}

static void test_parent(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" NOBODY "\",\"reference_back_office\":\"R\""));
  struct jg_test_call *call = jg_test_put(app, ID, "{\"_parent_id\":\"" NOBODY "\"}");
  jg_test_assert_get(call, "_parent_jobs_reference_back_office", "R");
  jg_test_call_destroy(call);
  jg_test_assert_fails(jg_test_put(app, ID, "{\"_parent_id\":\"" ID "\"}"), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "_parent_id");
  call = jg_test_put(app, ID, "{\"_parent_id\":\"" ZERO "\"}");
  jg_test_assert_get(call, "_parent_id", ZERO);
  jg_test_assert_get(call, "_parent_jobs_reference_back_office", "");
  jg_test_call_destroy(call);
}

/* An import may name a parent outside the record: it may stay, and be sent back, but is no parent for others. */
static void test_parent_outside_the_record(void **state) {
  (void)state;
  (void)jg_test_import(app, "{\"id\":\"" ID
                            "\",\"name\":\"n\",\"project_reference_back_office\":\"P1\","
                            "\"job_type_code\":\"T1\",\"job_status_code\":\"Open\",\"_parent_id\":\"" NOBODY
                            "\",\"_parent_jobs_reference_back_office\":\"far\"}");
  struct jg_test_call *call = jg_test_put(app, ID, "{\"description\":\"x\"}");
  jg_test_assert_get(call, "_parent_id", NOBODY);
  jg_test_assert_get(call, "_parent_jobs_reference_back_office", "far");
  struct jg_test_call *again = jg_test_put(app, ID, jg_test_call_json(call, 0));
  jg_test_assert_get(again, "_parent_id", NOBODY);
  jg_test_assert_get(again, "_parent_jobs_reference_back_office", "far");
  jg_test_call_destroy(again);
  jg_test_call_destroy(call);
  jg_test_assert_fails(jg_test_post(app, JG_TEST_JOB(",\"_parent_id\":\"" NOBODY "\"")), JG_FAILED_PRECONDITION,
                       JG_REASON_UNRESOLVED_REFERENCE, "_parent_id");
}

/* ---- gRPC: masks and etags ---- */

static void test_update_mask(void **state) {
  (void)state;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
  job.id = (char *)ID;
  job.name = (char *)"renamed";
  job.description = (char *)"masked out";
  char *name_alone[] = {(char *)"name", (char *)"estimated_time", NULL};
  struct jg_test_call *call = jg_test_update(app, &job, name_alone);
  jg_test_assert_get(call, "name", "renamed");
  jg_test_assert_get(call, "description", "d");
  jg_test_assert_get(call, "estimated_time", "0");
  jg_test_call_destroy(call);

  // Absent: the members that have a value.
  job.name = (char *)"";
  call = jg_test_update(app, &job, NULL);
  jg_test_assert_get(call, "name", "renamed");
  jg_test_assert_get(call, "description", "masked out");
  jg_test_call_destroy(call);

  // A relation's node is one path. What is beside it does not count.
  project.reference_back_office = (char *)"P3";
  project.name = (char *)"third";
  job.project = &project;
  job.project_id = (char *)NOBODY;
  char *node[] = {(char *)"project", NULL};
  call = jg_test_update(app, &job, node);
  jg_test_assert_get(call, "project.name", "third");
  jg_test_call_destroy(call);

  // All of them: what is not given goes to its default, and a group may not.
  char *all[] = {(char *)"*", NULL};
  job.project_id = (char *)"";
  jg_test_assert_fails(jg_test_update(app, &job, all), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                       "job.job_type_id");
  job.name = (char *)"n";
  job.job_type_code = (char *)"T1";
  job.job_status_code = (char *)"Open";
  job.description = (char *)"";
  call = jg_test_update(app, &job, all);
  jg_test_assert_get(call, "description", "");
  jg_test_assert_get(call, "job_priority_id", ZERO);
  jg_test_assert_get(call, "date_create", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "id2", "1");
  jg_test_call_destroy(call);
}

static void test_update_mask_refusals(void **state) {
  (void)state;
  static const char *const paths[] = {"nope", "project.name", "_parent_id", "etag", "", "Name", "nope.name"};
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.id = (char *)ID;
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    char *mask[] = {(char *)paths[i], NULL};
    jg_test_assert_fails(jg_test_update(app, &job, mask), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "update_mask");
  }
  char *fine[] = {(char *)"parent_id", (char *)"modified_dateutc", (char *)"id", NULL};
  jg_test_call_destroy(jg_test_update(app, &job, fine));
  job.id = (char *)"x";
  jg_test_assert_fails(jg_test_update(app, &job, NULL), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "job.id");
  job.id = (char *)"";
  jg_test_assert_fails(jg_test_update(app, &job, NULL), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "job.id");
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__UpdateJobRequest request = JOBGATE__V1__UPDATE_JOB_REQUEST__INIT;
  jg_test_call_run(call, jg_jobs_update, &request.base);
  jg_test_assert_fails(call, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "job");
}

static void test_etags(void **state) {
  (void)state;
  struct jg_test_call *first = NULL, *second = NULL;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.id = (char *)ID;
  job.name = (char *)"a";
  job.etag = fetch(&first)->etag;
  struct jg_test_call *call = jg_test_update(app, &job, NULL);
  assert_true(jg_status_ok(call->status));
  assert_string_not_equal(((Jobgate__V1__Job *)jg_test_call_proto(call, 0))->etag, job.etag);
  jg_test_call_destroy(call);
  jg_test_assert_fails(jg_test_update(app, &job, NULL), JG_ABORTED, JG_REASON_ETAG_MISMATCH, "");
  jg_test_assert_fails(jg_test_delete(app, ID, job.etag), JG_ABORTED, JG_REASON_ETAG_MISMATCH, "");
  const Jobgate__V1__Job *now = fetch(&second);
  call = jg_test_delete(app, ID, now->etag);
  assert_true(jg_status_ok(call->status));
  jg_test_call_destroy(call);
  jg_test_call_destroy(first);
  jg_test_call_destroy(second);
}

/* ---- DeleteJob ---- */

static void test_89_delete(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_delete(app, ID, "");
  assert_true(jg_status_ok(call->status));
  assert_int_equal(call->answer.kind, JG_ANSWER_MESSAGE);
  assert_int_equal(protobuf_c_message_get_packed_size(call->answer.message), 0);
  jg_test_call_destroy(call);
  jg_test_assert_fails(jg_test_fetch(app, ID), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(jg_test_delete(app, ID, ""), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(jg_test_delete(app, "x", ""), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id");
}

static void test_delete_guard(void **state) {
  (void)state;
  const char *child = jg_test_must_post(app, JG_TEST_JOB(",\"_parent_id\":\"" ID "\""));
  struct jg_test_call *call = jg_test_delete(app, ID, "");
  assert_int_equal(jg_status_http(call->status), 409);
  jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_JOB_REFERENCED, "");
  call = jg_test_delete(app, child, "");
  assert_true(jg_status_ok(call->status));
  jg_test_call_destroy(call);
  (void)jg_test_import(app, "{\"id\":\"" ID "\",\"job_status_code\":\"Completed\"}");
  jg_test_assert_fails(jg_test_delete(app, ID, ""), JG_FAILED_PRECONDITION, JG_REASON_JOB_REFERENCED, "");
}

/* ---- the log ---- */

struct log {
  struct jg_arena arena;
  struct jg_changes changes;
};

static void read_log(struct jg_txn *txn, void *data) {
  struct log *log = data;
  assert_true(jg_status_ok(jg_txn_changes(txn, 0, 100, SIZE_MAX, &log->arena, &log->changes)));
}

/* What changed, with its old values; children come before what embeds them, and one request is one unit. */
static void test_log_of_an_update(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_put(
      app, ID, "{\"description\":\"new\",\"project\":{\"reference_back_office\":\"P1\",\"name\":\"changed\"}}");
  jg_test_call_destroy(call);
  struct log log;
  jg_arena_init(&log.arena, (size_t)1 << 20);
  jg_test_read(app, read_log, &log);
  assert_int_equal(log.changes.count, 6);
  const struct jg_change *project = &log.changes.items[4], *job = &log.changes.items[5];
  assert_int_equal(project->kind, JG_KIND_PROJECT);
  assert_int_equal(project->change, JG_CHANGE_UPDATED);
  assert_false(project->last);
  const struct jg_entity *entity = jg_entity(JG_KIND_PROJECT);
  uint64_t expected = UINT64_C(1) << jg_entity_member(entity, JG_STR("name"))->index |
                      UINT64_C(1) << jg_entity_member(entity, JG_STR("modified_dateutc"))->index;
  assert_true(project->changed == expected);
  assert_int_equal(job->kind, JG_KIND_JOB);
  assert_true(job->last);
  assert_int_equal(job->commit_ticks, project->commit_ticks);
  entity = jg_entity(JG_KIND_JOB);
  expected = UINT64_C(1) << jg_entity_member(entity, JG_STR("description"))->index |
             UINT64_C(1) << jg_entity_member(entity, JG_STR("date_update"))->index |
             UINT64_C(1) << jg_entity_member(entity, JG_STR("modified_dateutc"))->index;
  assert_true(job->changed == expected);
  Jobgate__V1__Job *old = jobgate__v1__job__unpack(NULL, job->old.len, (const uint8_t *)job->old.data);
  assert_non_null(old);
  assert_string_equal(old->description, "d");
  assert_string_equal(old->name, "");
  assert_non_null(old->date_update);
  jobgate__v1__job__free_unpacked(old, NULL);
  jg_arena_done(&log.arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_84_85_only_members_present),
      TEST(test_65_managed_members_are_ignored),
      TEST(test_67_company_follows_the_project),
      TEST(test_87_a_put_of_nothing_moves_the_dates),
      TEST(test_87_later_than_its_own),
      TEST(test_88_unknown_id),
      TEST(test_58_59_groups_must_end_filled),
      TEST(test_optional_relations_can_be_emptied),
      TEST(test_what_was_read_can_be_sent_back),
      TEST(test_80_transitions),
      TEST(test_80_same_status_again),
      TEST(test_80_registered_status),
      TEST(test_81_date_closed_is_set_once),
      TEST(test_83_mobile_equipment),
      TEST(test_parent),
      TEST(test_parent_outside_the_record),
      TEST(test_update_mask),
      TEST(test_update_mask_refusals),
      TEST(test_etags),
      TEST(test_89_delete),
      TEST(test_delete_guard),
      TEST(test_log_of_an_update),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
