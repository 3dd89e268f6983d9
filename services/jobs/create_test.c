/* CreateJob as both doors call it; numbers are the contract's statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/uuid.h"
#include "services/jobs/jobs.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define OTHER "11111111-2222-4333-8444-555555555555"
#define NOBODY "99999999-9999-4999-8999-999999999999"
#define ZERO "00000000-0000-0000-0000-000000000000"
#define OPEN_ID "8ba9da71-ef32-423a-bb50-ae767315f55c"
#define COMPLETED_ID "6557b9dc-6106-4327-8e26-6f24d0329c33"
#define PLANNED_ID "10f456d2-000e-48ea-93d7-e016107b7a98"

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

static void test_51_54_66_full_entity(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(""));
  assert_true(jg_status_ok(call->status));
  assert_true(call->answer.created);
  assert_true(call->answer.nodes);
  struct jg_uuid id;
  assert_true(jg_uuid_parse(jg_str_from_cstr(jg_test_get(call, "id")), &id));
  assert_false(jg_uuid_is_zero(id));
  jg_test_assert_get(call, "name", "n");
  jg_test_assert_get(call, "project_reference_back_office", "P1");
  jg_test_assert_get(call, "project.name", "p");
  assert_string_equal(jg_test_get(call, "project.id"), jg_test_get(call, "project_id"));
  assert_string_equal(jg_test_get(call, "job_type.id"), jg_test_get(call, "job_type_id"));
  jg_test_assert_get(call, "job_type_code", "T1");
  jg_test_assert_get(call, "job_status_id", OPEN_ID);
  jg_test_assert_get(call, "job_status_code", "Open");
  jg_test_assert_get(call, "id2", "1");
  jg_test_assert_get(call, "date_create", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "date_update", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "modified_dateutc", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "date_closed", "1980-01-01T00:00:00+00:00");
  jg_test_assert_get(call, "job_priority_id", ZERO);
  jg_test_assert_get(call, "job_priority", NULL);
  const char *json = jg_test_call_json(call, 0);

  // Read back: the same, cache warm and cold.
  const char *id_text = jg_test_get(call, "id");
  for (int round = 0; round < 3; round++) {
    struct jg_test_call *again = jg_test_fetch(app, id_text);
    assert_string_equal(jg_test_call_json(again, 0), json);
    const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)jg_test_call_proto(again, 0);
    assert_int_equal(job->revision, 3);
    assert_int_equal(strlen(job->etag), 16);
    assert_string_equal(job->project->name, "p");
    jg_test_call_destroy(again);
    if (round == 1) {
      jg_test_app_forget(app);
    }
  }
  jg_test_call_destroy(call);
}

static void test_54_55_given_id(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(",\"id\":\"0F1E2D3C-4B5A-4968-8776-655443322110\""));
  jg_test_assert_get(call, "id", ID);
  jg_test_call_destroy(call);
  int64_t revision = jg_test_revision(app);
  call = jg_test_post(app, JG_TEST_JOB(",\"id\":\"" ID "\",\"skill\":{\"code\":\"new\"}"));
  jg_test_assert_fails(call, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID, "id");
  assert_int_equal(jg_test_revision(app), revision);
  call = jg_test_post(app, JG_TEST_JOB(",\"id\":\"" ZERO "\""));
  assert_string_not_equal(jg_test_get(call, "id"), ZERO);
  jg_test_call_destroy(call);
}

static void test_56_58_59_required(void **state) {
  (void)state;
  static const struct {
    const char *json, *field, *text;
  } rows[] = {
      {JG_TEST_JOB(",\"name\":\"\""), "name", "name is required"},
      {JG_TEST_JOB(",\"name\":\" \\t\\u00a0\\u2003\""), "name", "name is required"},
      {"{}", "name", "name is required"},
      {"{}", "project_id", "project_id is required unless project_reference_back_office or project is given"},
      {"{}", "job_type_id", "job_type_id is required unless job_type_code or job_type is given"},
      {"{}", "job_status_id", "job_status_id is required unless job_status_code is given"},
      {"{\"name\":\"n\",\"project_id\":\"" ZERO "\",\"project_reference_back_office\":\"\"}", "project_id",
       "project_reference_back_office"},
      {JG_TEST_JOB(",\"estimated_time\":-1"), "estimated_time", "must not be negative"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_call *call = jg_test_post(app, rows[i].json);
    assert_non_null(strstr(call->status.message, rows[i].text));
    jg_test_assert_fails(call, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, rows[i].field);
  }
  assert_int_equal(jg_test_revision(app), 0);
}

/* The other door: the same rules, gRPC's paths. */
static void test_grpc_paths(void **state) {
  (void)state;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  jg_test_assert_fails(jg_test_create(app, &job), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "job.name");
  job.name = (char *)"n";
  job.project_id = (char *)"not a guid";
  jg_test_assert_fails(jg_test_create(app, &job), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "job.project_id");
  job.project_id = (char *)NOBODY;
  job.job_type_code = (char *)"T";
  job.job_status_code = (char *)"Open";
  jg_test_assert_fails(jg_test_create(app, &job), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                       "job.project_id");
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  jg_test_call_run(call, jg_jobs_create, &request.base);
  jg_test_assert_fails(call, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "job");
}

/* Statement 57: each limit of the table, at its edge and one beyond. */
static void test_57_lengths(void **state) {
  (void)state;
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  char text[4002];
  memset(text, 'x', sizeof(text));
  size_t limited = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    if (member->max_utf16 == 0) {
      continue;
    }
    limited++;
    for (unsigned over = 0; over < 2; over++) {
      Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
      Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
      Jobgate__V1__JobType type = JOBGATE__V1__JOB_TYPE__INIT;
      project.reference_back_office = type.code = (char *)"K";
      job.name = (char *)"n";
      job.project = &project;
      job.job_type = &type;
      job.job_status_code = (char *)"Open";
      text[member->max_utf16 + over] = '\0';
      *(char **)(void *)((char *)&job + member->offset) = text;
      struct jg_test_call *call = jg_test_create(app, &job);
      text[member->max_utf16 + over] = 'x';
      if (over == 0) {
        assert_true(jg_status_ok(call->status));
        jg_test_call_destroy(call);
      } else {
        char path[64];
        (void)snprintf(path, sizeof(path), "job.%.*s", JG_STR_ARG(member->proto_name));
        jg_test_assert_fails(call, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, path);
      }
    }
  }
  assert_int_equal(limited, 13);
}

static void test_65_67_managed_members(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(
      app, "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P1\",\"company_id\":\"" ID
           "\",\"company_code\":\"C1\"},\"job_type\":{\"code\":\"T1\"},\"job_status_code\":\"Open\",\"id2\":77,"
           "\"company_id\":\"" OTHER
           "\",\"company_code\":\"theirs\",\"modified_dateutc\":\"2001-01-01T00:00:00Z\","
           "\"date_create\":\"2001-01-01T00:00:00Z\",\"date_update\":\"2001-01-01T00:00:00Z\","
           "\"date_closed\":\"2001-01-01T00:00:00Z\"}");
  jg_test_assert_get(call, "company_id", ID);
  jg_test_assert_get(call, "company_code", "C1");
  jg_test_assert_get(call, "id2", "1");
  jg_test_assert_get(call, "modified_dateutc", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "date_create", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "date_update", "2026-02-03T04:05:06+00:00");
  jg_test_assert_get(call, "date_closed", "1980-01-01T00:00:00+00:00");
  jg_test_call_destroy(call);
}

/* The clock stands still, and still no two jobs have one modified_dateutc. */
static void test_66_stamps_are_unique(void **state) {
  (void)state;
  const char *expected[] = {"2026-02-03T04:05:06+00:00", "2026-02-03T04:05:06.0000001+00:00",
                            "2026-02-03T04:05:06.0000002+00:00"};
  for (size_t i = 0; i < JG_COUNT(expected); i++) {
    struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(""));
    jg_test_assert_get(call, "modified_dateutc", expected[i]);
    char id2[8];
    (void)snprintf(id2, sizeof(id2), "%zu", i + 1);
    jg_test_assert_get(call, "id2", id2);
    jg_test_call_destroy(call);
  }
}

static void test_72_unknown_references(void **state) {
  (void)state;
  static const struct {
    const char *json, *field;
  } rows[] = {
      {JG_TEST_JOB(",\"project_id\":\"" NOBODY "\""), "project_id"},
      {JG_TEST_JOB(",\"job_type_id\":\"" NOBODY "\""), "job_type_id"},
      {JG_TEST_JOB(",\"job_priority_id\":\"" NOBODY "\""), "job_priority_id"},
      {JG_TEST_JOB(",\"job_priority_code\":\"nope\""), "job_priority_code"},
      {JG_TEST_JOB(",\"job_status_id\":\"" NOBODY "\""), "job_status_id"},
      {JG_TEST_JOB(",\"job_status_code\":\"nope\""), "job_status_code"},
      {JG_TEST_JOB(",\"suggested_user_id\":\"" NOBODY "\""), "suggested_user_id"},
      {JG_TEST_JOB(",\"suggested_user_code\":\"nope\""), "suggested_user_code"},
      {JG_TEST_JOB(",\"skill_id\":\"" NOBODY "\""), "skill_id"},
      {JG_TEST_JOB(",\"skill_code\":\"nope\""), "skill_code"},
      {JG_TEST_JOB(",\"_parent_id\":\"" NOBODY "\""), "_parent_id"},
      {JG_TEST_JOB(",\"_parent_jobs_reference_back_office\":\"nope\""), "_parent_jobs_reference_back_office"},
      {JG_TEST_JOB(",\"skill\":{\"code\":\"S\",\"sales_organization_id\":\"" NOBODY "\"}"),
       "skill.sales_organization_id"},
      {"{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P\",\"equipment_model\":{\"code\":\"M\","
       "\"equipment_brand_code\":\"nope\"}},\"job_type\":{\"code\":\"T\"},\"job_status_code\":\"Open\"}",
       "project.equipment_model.equipment_brand_code"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_call *call = jg_test_post(app, rows[i].json);
    assert_int_equal(jg_status_http(call->status), 422);
    jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, rows[i].field);
  }
  // Who sends several learns of each.
  struct jg_test_call *call = jg_test_post(app, "{\"name\":\"n\",\"project_id\":\"" NOBODY
                                                "\",\"job_type_code\":\"nope\",\"job_status_code\":\"nope\","
                                                "\"_parent_id\":\"" NOBODY
                                                "\",\"skill\":{\"code\":\"S\",\"sales_organization_code\":\"nope\"}}");
  assert_int_equal(call->status.details->violation_count, 5);
  assert_string_equal(call->status.message,
                      "_parent_id names no job; job_status_code names no job_status that a write may set by its code; "
                      "project_id names no project; job_type_code names no job_type; "
                      "skill.sales_organization_code names no sales_organization");
  jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, "job_type_code");
  // Statement 74: nothing of them stayed.
  assert_int_equal(jg_test_revision(app), 0);
}

/* Ids that name nothing of ours are stored as given. */
static void test_other_ids_are_kept(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(
      app, JG_TEST_JOB(",\"db_address_id\":\"" NOBODY "\",\"contact_id\":\"" NOBODY
                       "\",\"requested_by_company_id\":\"" NOBODY "\",\"requested_by_contact_id\":\"" NOBODY
                       "\",\"approval_responsible_user_id\":\"" NOBODY "\",\"db_address_db_country_id\":\"" NOBODY
                       "\",\"db_address_city\":\"c\""));
  static const char *const members[] = {"db_address_id",
                                        "contact_id",
                                        "requested_by_company_id",
                                        "requested_by_contact_id",
                                        "db_address_db_country_id",
                                        "approval_responsible_user_id"};
  for (size_t i = 0; i < JG_COUNT(members); i++) {
    jg_test_assert_get(call, members[i], NOBODY);
  }
  jg_test_assert_get(call, "db_address_city", "c");
  jg_test_call_destroy(call);
}

static void test_77_status_codes_and_ids(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_STATUS_ROW_COUNT; i++) {
    const struct jg_status_row *row = &jg_status_rows[i];
    char json[512];
    static const char prefix[] =
        "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P\"},"
        "\"job_type\":{\"code\":\"T\"},";
    (void)snprintf(json, sizeof(json), "%s\"job_status_code\":\"%.*s\"}", prefix, JG_STR_ARG(row->code));
    struct jg_test_call *call = jg_test_post(app, json);
    if (row->accepted_as_code) {
      jg_test_assert_get(call, "job_status_code", row->code.data);
      jg_test_call_destroy(call);
    } else {
      jg_test_assert_fails(call, JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, "job_status_code");
    }
    // Any known id; where both are given, the id decides.
    (void)snprintf(json, sizeof(json), "%s\"job_status_code\":\"Waiting\",\"job_status_id\":\"%.*s\"}", prefix,
                   JG_STR_ARG(row->id));
    call = jg_test_post(app, json);
    jg_test_assert_get(call, "job_status_code", row->code.data);
    jg_test_call_destroy(call);
  }
  static const char *const spellings[] = {"tobeplanned", "TO BE PLANNED", " ToBe Planned "};
  for (size_t i = 0; i < JG_COUNT(spellings); i++) {
    char json[512];
    (void)snprintf(json, sizeof(json), JG_TEST_JOB(",\"job_status_code\":\"%s\""), spellings[i]);
    struct jg_test_call *call = jg_test_post(app, json);
    jg_test_assert_get(call, "job_status_code", "ToBePlanned");
    jg_test_call_destroy(call);
  }
}

static void test_81_date_closed(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(",\"job_status_id\":\"" COMPLETED_ID "\""));
  jg_test_assert_get(call, "date_closed", "2026-02-03T04:05:06+00:00");
  jg_test_call_destroy(call);
  call = jg_test_post(app, JG_TEST_JOB(",\"job_status_id\":\"" PLANNED_ID "\""));
  jg_test_assert_get(call, "date_closed", "1980-01-01T00:00:00+00:00");
  jg_test_call_destroy(call);
}

static void test_83_mobile_equipment(void **state) {
  (void)state;
  static const char mobile[] =
      "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"M\",\"is_mobile_installation\":true},"
      "\"job_type\":{\"code\":\"T\"},\"job_status_code\":\"Open\"";
  static const char *const members[] = {"db_address_street", "db_address_city", "db_address_zip"};
  char json[512];
  for (size_t i = 0; i < JG_COUNT(members); i++) {
    (void)snprintf(json, sizeof(json), "%s}", mobile);
    jg_test_assert_fails(jg_test_post(app, json), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, members[i]);
    (void)snprintf(json, sizeof(json), "%s,\"%s\":\"x\",\"%s\":\"x\",\"%s\":\" \"}", mobile, members[(i + 1) % 3],
                   members[(i + 2) % 3], members[i]);
    struct jg_test_call *call = jg_test_post(app, json);
    assert_int_equal(call->status.details->violation_count, 1);
    jg_test_assert_fails(call, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, members[i]);
  }
  assert_int_equal(jg_test_revision(app), 0);
  (void)snprintf(json, sizeof(json), "%s,\"%s\":\"s\",\"%s\":\"c\",\"%s\":\"z\"}", mobile, members[0], members[1],
                 members[2]);
  (void)jg_test_must_post(app, json);
}

static void test_reference_is_unique(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"reference_back_office\":\"R1\""));
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(",\"reference_back_office\":\"R1\""));
  jg_test_assert_fails(call, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, "reference_back_office");
  // None is no reference.
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"reference_back_office\":\"\""));
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"reference_back_office\":\"\""));
}

static void test_parent_by_id_and_reference(void **state) {
  (void)state;
  const char *parent = jg_test_must_post(app, JG_TEST_JOB(",\"reference_back_office\":\"R1\",\"id\":\"" ID "\""));
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(",\"_parent_id\":\"" ID "\""));
  jg_test_assert_get(call, "_parent_id", parent);
  jg_test_assert_get(call, "_parent_jobs_reference_back_office", "R1");
  jg_test_call_destroy(call);
  call = jg_test_post(app, JG_TEST_JOB(",\"_parent_jobs_reference_back_office\":\"R1\""));
  jg_test_assert_get(call, "_parent_id", parent);
  jg_test_assert_get(call, "_parent_jobs_reference_back_office", "R1");
  jg_test_call_destroy(call);
  call = jg_test_post(app, JG_TEST_JOB(",\"id\":\"" OTHER "\",\"_parent_id\":\"" OTHER "\""));
  jg_test_assert_fails(call, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "_parent_id");
}

/* The node of a parent: found by its key, made if unknown, changed where it differs; one level. */
static void test_parent_by_node(void **state) {
  (void)state;
  static const char json[] = JG_TEST_JOB(
      ",\"_parent_job\":{\"reference_back_office\":\"R1\",\"name\":\"parent\","
      "\"project_reference_back_office\":\"P0\",\"job_type_code\":\"T0\",\"job_status_code\":\"Open\"}");
  jg_test_assert_fails(jg_test_post(app, json), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                       "_parent_job.project_reference_back_office");
  (void)jg_test_must_post(app,
                          "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P0\"},"
                          "\"job_type\":{\"code\":\"T0\"},\"job_status_code\":\"Open\"}");
  int64_t revision = jg_test_revision(app);
  struct jg_test_call *call = jg_test_post(app, json);
  // Parent, project, type, child.
  assert_int_equal(jg_test_revision(app), revision + 4);
  jg_test_assert_get(call, "_parent_jobs_reference_back_office", "R1");
  jg_test_assert_get(call, "_parent_job", NULL);
  struct jg_test_call *parent = jg_test_fetch(app, jg_test_get(call, "_parent_id"));
  jg_test_assert_get(parent, "name", "parent");
  jg_test_assert_get(parent, "project_reference_back_office", "P0");
  jg_test_call_destroy(parent);

  // Again: the parent is as it was, so only the child is new.
  struct jg_test_call *again = jg_test_post(app, json);
  assert_int_equal(jg_test_revision(app), revision + 5);
  assert_string_equal(jg_test_get(again, "_parent_id"), jg_test_get(call, "_parent_id"));
  jg_test_call_destroy(again);

  again = jg_test_post(app, JG_TEST_JOB(",\"_parent_job\":{\"reference_back_office\":\"R1\",\"description\":\"d\"}"));
  assert_int_equal(jg_test_revision(app), revision + 7);
  parent = jg_test_fetch(app, jg_test_get(again, "_parent_id"));
  jg_test_assert_get(parent, "description", "d");
  jg_test_assert_get(parent, "name", "parent");
  jg_test_call_destroy(parent);
  jg_test_call_destroy(again);
  jg_test_call_destroy(call);

  jg_test_assert_fails(jg_test_post(app, JG_TEST_JOB(",\"_parent_job\":{\"name\":\"x\"}")), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "_parent_job");
  jg_test_assert_fails(jg_test_post(app, JG_TEST_JOB(",\"_parent_job\":{\"reference_back_office\":\"R9\"}")),
                       JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "_parent_job.name");
  jg_test_assert_fails(
      jg_test_post(app, JG_TEST_JOB(",\"id\":\"" ID "\",\"_parent_job\":{\"id\":\"" ID "\",\"name\":\"x\"}")),
      JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "_parent_job");
}

static void test_deadline_is_met(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  request.job = &job;
  jg_clock_manual_advance_ns(&app->clock, 1000);
  call->call.deadline_ns = 1;
  jg_test_call_run(call, jg_jobs_create, &request.base);
  jg_test_assert_fails(call, JG_DEADLINE_EXCEEDED, JG_REASON_NONE, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_51_54_66_full_entity), TEST(test_54_55_given_id),
      TEST(test_56_58_59_required),    TEST(test_grpc_paths),
      TEST(test_57_lengths),           TEST(test_65_67_managed_members),
      TEST(test_66_stamps_are_unique), TEST(test_72_unknown_references),
      TEST(test_other_ids_are_kept),   TEST(test_77_status_codes_and_ids),
      TEST(test_81_date_closed),       TEST(test_83_mobile_equipment),
      TEST(test_reference_is_unique),  TEST(test_parent_by_id_and_reference),
      TEST(test_parent_by_node),       TEST(test_deadline_is_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
