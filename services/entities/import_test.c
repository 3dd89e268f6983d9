/* Embedded entities and jobs under an import's rules (I1 to I7 of services/import/import.h, E6 to E8 of entities.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define P_ID "11111111-1111-4111-8111-111111111111"
#define Q_ID "22222222-2222-4222-8222-222222222222"
#define NOBODY "99999999-9999-4999-8999-999999999999"
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

static void assert_import(const char *json, const char *expected) {
  assert_string_equal(jg_test_import(app, json), expected);
}

static void assert_refused(const char *json, const char *expected) {
  const char *result = jg_test_import(app, json);
  if (strncmp(result, expected, strlen(expected)) != 0) {
    fail_msg("expected %s, got %s", expected, result);
  }
}

static void assert_job(const char *path, const char *expected) {
  struct jg_test_call *call = jg_test_fetch(app, ID);
  jg_test_assert_get(call, path, expected);
  jg_test_call_destroy(call);
}

static void test_i1_upsert(void **state) {
  (void)state;
  static const char json[] = "{\"id\":\"" ID "\",\"name\":\"a\",\"description\":\"d\"}";
  assert_import(json, "created entities=0 warnings=0");
  int64_t revision = jg_test_revision(app);
  assert_import(json, "unchanged entities=0 warnings=0");
  assert_int_equal(jg_test_revision(app), revision);
  // The job becomes what was given: what is not there is at its default.
  assert_import("{\"id\":\"" ID "\",\"name\":\"b\"}", "updated entities=0 warnings=0");
  assert_job("name", "b");
  assert_job("description", "");
  // Without an id each one is new.
  assert_import("{\"name\":\"a\"}", "created entities=0 warnings=0");
  assert_import("{\"name\":\"a\"}", "created entities=0 warnings=0");
}

static void test_i2_managed_members(void **state) {
  (void)state;
  static const char json[] =
      "{\"id\":\"" ID "\",\"id2\":40,\"company_id\":\"" P_ID
      "\",\"company_code\":\"C\","
      "\"date_create\":\"2001-01-01\",\"date_update\":\"2002-01-01\",\"date_closed\":\"2003-01-01\","
      "\"modified_dateutc\":\"2030-01-01T00:00:00Z\",\"project\":{\"id\":\"" Q_ID
      "\",\"company_code\":\"other\",\"modified_dateutc\":\"2004-01-01\"}}";
  assert_import(json, "created entities=1 warnings=0");
  assert_job("id2", "40");
  assert_job("company_id", P_ID);
  assert_job("company_code", "C");
  assert_job("date_create", "2001-01-01T00:00:00+00:00");
  assert_job("date_update", "2002-01-01T00:00:00+00:00");
  assert_job("date_closed", "2003-01-01T00:00:00+00:00");
  assert_job("modified_dateutc", "2030-01-01T00:00:00+00:00");
  assert_job("project.modified_dateutc", "2004-01-01T00:00:00+00:00");
  // The counter is behind it, the clock is not.
  struct jg_test_call *call = jg_test_post(app, JG_TEST_JOB(""));
  jg_test_assert_get(call, "id2", "41");
  jg_test_assert_get(call, "date_create", "2026-02-03T04:05:06.0000001+00:00");
  jg_test_call_destroy(call);
  // The default is kept as given too.
  assert_import("{\"id\":\"" ID "\",\"id2\":0,\"date_closed\":\"1980-01-01\",\"company_code\":\"\"}",
                "updated entities=0 warnings=0");
  assert_job("id2", "0");
  assert_job("date_closed", "1980-01-01T00:00:00+00:00");
  assert_job("company_code", "");
  assert_job("company_id", P_ID);
}

/* Where the input does not say, a new job gets what a strict write would give it, and a known one keeps what it has. */
static void test_i2_absent_managed_members(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"name\":\"a\",\"project\":{\"id\":\"" P_ID "\",\"company_code\":\"C\"}}",
                "created entities=1 warnings=0");
  assert_job("id2", "1");
  assert_job("company_code", "C");
  assert_job("date_create", "2026-02-03T04:05:06+00:00");
  assert_job("modified_dateutc", "2026-02-03T04:05:06+00:00");
  jg_clock_manual_advance_ns(&app->clock, 1000000000);
  assert_import("{\"id\":\"" ID "\",\"name\":\"b\",\"project_id\":\"" P_ID "\"}", "updated entities=0 warnings=0");
  assert_job("id2", "1");
  assert_job("company_code", "C");
  assert_job("date_create", "2026-02-03T04:05:06+00:00");
  assert_job("date_update", "2026-02-03T04:05:07+00:00");
  assert_job("modified_dateutc", "2026-02-03T04:05:07+00:00");
}

static void test_i3_lengths_but_no_groups(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\"}", "created entities=0 warnings=0");
  assert_import("{\"id\":\"" ID "\",\"job_status_code\":\"Completed\"}", "updated entities=0 warnings=0");
  assert_import("{\"id\":\"" ID "\",\"job_status_code\":\"Open\"}", "updated entities=0 warnings=0");
  char text[52];
  memset(text, 'x', sizeof(text));
  text[51] = '\0';
  assert_refused(jg_arena_printf(&app->arena, "{\"reference_back_office\":\"%s\"}", text),
                 "INVALID_ARGUMENT reference_back_office");
  assert_refused("{\"project\":{\"id\":\"" P_ID "\",\"name\":{}}}", "INVALID_ARGUMENT project.name");
}

static void test_i4_a_node_replaces(void **state) {
  (void)state;
  assert_import(
      "{\"id\":\"" ID "\",\"project\":{\"id\":\"" P_ID
      "\",\"reference_back_office\":\"P\",\"name\":\"one\",\"barcode\":\"b\",\"equipment_family\":{\"id\":\"" Q_ID
      "\",\"code\":\"F\"}}}",
      "created entities=2 warnings=0");
  assert_job("project.equipment_family_code", "F");
  // What it does not have is gone, also a relation; the job itself stays as it was.
  assert_import("{\"id\":\"" ID "\",\"project\":{\"id\":\"" P_ID "\",\"name\":\"two\"}}",
                "unchanged entities=1 warnings=0");
  assert_job("project.name", "two");
  assert_job("project.barcode", "");
  assert_job("project_reference_back_office", "");
  assert_job("project.equipment_family_id", ZERO);
  assert_job("project.equipment_family", NULL);
  // The same again: nothing.
  int64_t revision = jg_test_revision(app);
  assert_import("{\"id\":\"" ID "\",\"project\":{\"id\":\"" P_ID "\",\"name\":\"two\"}}",
                "unchanged entities=0 warnings=0");
  assert_int_equal(jg_test_revision(app), revision);
}

static void test_i4_the_node_wins(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"project_id\":\"" Q_ID "\",\"project\":{\"id\":\"" P_ID
                "\",\"equipment_model_id\":\"" Q_ID "\",\"equipment_model\":{\"id\":\"" NOBODY
                "\",\"code\":\"M\"}},\"job_type_id\":\"" Q_ID "\",\"job_type\":{\"id\":\"" Q_ID "\"}}",
                "created entities=3 warnings=2");
  assert_job("project_id", P_ID);
  assert_job("project.equipment_model_id", NOBODY);
  assert_job("job_type_id", Q_ID);
}

/* Nodes without an id: the id beside, the entity of their key, a new one; nothing at all is refused. */
static void test_i4_node_without_id(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"project_id\":\"" P_ID
                "\",\"project\":{\"reference_back_office\":\"P\"},"
                "\"skill\":{\"code\":\"S\"}}",
                "created entities=2 warnings=0");
  assert_job("project.id", P_ID);
  assert_import("{\"id\":\"" ID "\",\"project\":{\"reference_back_office\":\"P\"},\"skill\":{\"code\":\"S\"}}",
                "unchanged entities=0 warnings=0");
  assert_refused("{\"project\":{\"name\":\"x\"}}", "INVALID_ARGUMENT project must have");
}

static void test_i5_id_without_node(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"project_id\":\"" P_ID
                "\",\"project_reference_back_office\":\"P\","
                "\"skill_id\":\"" Q_ID "\"}",
                "created entities=2 warnings=2");
  assert_job("project.id", P_ID);
  assert_job("project_reference_back_office", "P");
  assert_job("skill_id", Q_ID);
  assert_job("skill_code", "");
  // Known now.
  assert_import("{\"id\":\"" ID "\",\"project_id\":\"" P_ID
                "\",\"project_reference_back_office\":\"else\","
                "\"skill_id\":\"" Q_ID "\"}",
                "unchanged entities=0 warnings=0");
  assert_job("project_reference_back_office", "P");
}

static void test_i6_codes(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"project\":{\"id\":\"" P_ID "\",\"reference_back_office\":\"P\"}}",
                "created entities=1 warnings=0");
  int64_t revision = jg_test_revision(app);
  assert_refused("{\"job_type\":{\"code\":\"T\"},\"project_reference_back_office\":\"nope\"}",
                 "FAILED_PRECONDITION project_reference_back_office");
  assert_refused("{\"job_type\":{\"code\":\"T\"},\"project\":{\"id\":\"" Q_ID "\",\"reference_back_office\":\"P\"}}",
                 "ALREADY_EXISTS project.reference_back_office");
  assert_refused("{\"job_type\":{\"code\":\"T\"},\"project_id\":\"" Q_ID "\",\"project_reference_back_office\":\"P\"}",
                 "ALREADY_EXISTS project_reference_back_office");
  assert_refused("{\"job_type\":{\"code\":\"T\"},\"project\":{\"id\":\"" Q_ID "\",\"equipment_family_code\":\"nope\"}}",
                 "FAILED_PRECONDITION project.equipment_family_code");
  // A refused job leaves nothing.
  assert_int_equal(jg_test_revision(app), revision);
  assert_import("{\"id\":\"" NOBODY "\",\"project_reference_back_office\":\"P\"}", "created entities=0 warnings=0");
}

static void test_i7_statuses(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"job_status_id\":\"" P_ID "\",\"job_status_code\":\"Odd\"}",
                "created entities=1 warnings=0");
  assert_job("job_status_id", P_ID);
  assert_job("job_status_code", "Odd");
  assert_import("{\"id\":\"" ID "\",\"job_status_code\":\"Odd\"}", "unchanged entities=0 warnings=0");
  assert_import("{\"id\":\"" ID "\",\"job_status_code\":\"Planned\"}", "updated entities=0 warnings=0");
  assert_refused("{\"job_status_id\":\"" Q_ID "\",\"job_status_code\":\"Open\"}", "ALREADY_EXISTS job_status_code");
  assert_refused("{\"job_status_code\":\"nope\"}", "FAILED_PRECONDITION job_status_code");
}

/* A reference of one job only. */
static void test_duplicate_reference(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"reference_back_office\":\"R\"}", "created entities=0 warnings=0");
  assert_refused("{\"id\":\"" P_ID "\",\"reference_back_office\":\"R\"}", "ALREADY_EXISTS reference_back_office");
  assert_import("{\"id\":\"" ID "\",\"reference_back_office\":\"R\"}", "unchanged entities=0 warnings=0");
}

/* Parents may be outside; their node names them and no more. */
static void test_parents(void **state) {
  (void)state;
  assert_import("{\"id\":\"" ID "\",\"_parent_job\":{\"id\":\"" P_ID "\",\"reference_back_office\":\"R\"}}",
                "created entities=0 warnings=0");
  assert_job("_parent_id", P_ID);
  assert_job("_parent_jobs_reference_back_office", "R");
  assert_import("{\"id\":\"" ID "\",\"_parent_id\":\"" Q_ID "\",\"_parent_jobs_reference_back_office\":\"S\"}",
                "updated entities=0 warnings=0");
  assert_job("_parent_id", Q_ID);
  assert_job("_parent_jobs_reference_back_office", "S");
}

/* What a read shows is what an import takes: nothing changes, and on another record the same text comes out. */
static void test_round_trip(void **state) {
  (void)state;
  static const char json[] =
      "{\"id\":\"" ID
      "\",\"name\":\"\\u00e9 \\\"q\\\"\",\"id2\":7,\"modified_dateutc\":\"2030-01-01T00:00:00.1234567Z\","
      "\"db_address_latitude_decimal\":50.8503463,\"project\":{\"id\":\"" P_ID
      "\",\"reference_back_office\":\"P\",\"_parent_id\":\"" NOBODY
      "\",\"_parent_reference_back_office\":\"far\","
      "\"root_parent_id\":\"" Q_ID "\",\"date_built\":\"2026-01-29T07:13:40Z\",\"equipment_model\":{\"id\":\"" Q_ID
      "\",\"translations\":[{\"field_name\":\"a\",\"language_code\":\"b\",\"value_translated\":\"c\"},{}],"
      "\"sales_organization\":{\"id\":\"" NOBODY
      "\",\"archived\":true}}},\"suggested_user\":{\"code\":\"u\"},"
      "\"job_status_id\":\"" NOBODY "\",\"job_status_code\":\"Odd\",\"_parent_id\":\"" NOBODY "\"}";
  assert_import(json, "created entities=5 warnings=0");
  struct jg_test_call *call = jg_test_fetch(app, ID);
  const char *text = jg_test_call_json(call, 0);
  assert_import(text, "unchanged entities=0 warnings=0");
  struct jg_test_app *first = app;
  app = jg_test_app_create();
  assert_import(text, "created entities=5 warnings=0");
  struct jg_test_call *copy = jg_test_fetch(app, ID);
  assert_string_equal(jg_test_call_json(copy, 0), text);
  jg_test_call_destroy(copy);
  jg_test_app_destroy(app);
  app = first;
  jg_test_call_destroy(call);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_i1_upsert),
      TEST(test_i2_managed_members),
      TEST(test_i2_absent_managed_members),
      TEST(test_i3_lengths_but_no_groups),
      TEST(test_i4_a_node_replaces),
      TEST(test_i4_the_node_wins),
      TEST(test_i4_node_without_id),
      TEST(test_i5_id_without_node),
      TEST(test_i6_codes),
      TEST(test_i7_statuses),
      TEST(test_duplicate_reference),
      TEST(test_parents),
      TEST(test_round_trip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
