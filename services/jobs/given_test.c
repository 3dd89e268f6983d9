/* What is wrong about a job in one answer, with what the decoder found; numbers are the contract's statements. */
#include "services/jobs/given.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "base/str.h"
#include "proto/codec/json_decode.h"

#define GROUPS                                                                        \
  "project_id is required unless project_reference_back_office or project is given; " \
  "job_type_id is required unless job_type_code or job_type is given; "               \
  "job_status_id is required unless job_status_code is given"
#define FILLED \
  "\"name\":\"n\",\"project_reference_back_office\":\"P\",\"job_type_code\":\"T\",\"job_status_code\":\"Open\""
#define X16 "xxxxxxxxxxxxxxxx"
#define X256 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16

/* As the REST door: what is found, or "". */
static void expect(const char *json, bool is_change, size_t arena_bytes, const char *expected) {
  struct jg_arena arena;
  jg_arena_init(&arena, arena_bytes);
  struct jg_json_decoded decoded = {.message = NULL};
  struct jg_status status = jg_json_decode(jg_entity(JG_KIND_JOB), jg_str_from_cstr(json), &arena, &decoded);
  if (decoded.message != NULL) {
    const struct jg_job_given given = {.job = decoded.message,
                                       .present = is_change ? decoded.present : UINT64_MAX,
                                       .is_change = is_change,
                                       .parent_nodes = decoded.parent_nodes,
                                       .path = ""};
    status = jg_job_check_given(&given, status, &arena);
  }
  if (expected != NULL) {
    assert_string_equal(status.message, expected);
    assert_int_equal(status.code, expected[0] != '\0' ? JG_INVALID_ARGUMENT : JG_OK);
  } else {
    assert_int_not_equal(status.code, JG_OK);
  }
  jg_arena_done(&arena);
}

static void test_r3_58_all_at_once(void **state) {
  (void)state;
  static const struct {
    const char *json, *create, *change;
  } rows[] = {
      {"{" FILLED "}", "", ""},
      {"{}", GROUPS "; name is required", ""},
      {"{\"name\":\"" X256 "\",\"estimated_time\":-1}",
       "name must be a string with a maximum length of 255; " GROUPS "; estimated_time must not be negative",
       "name must be a string with a maximum length of 255; estimated_time must not be negative"},
      // What could not be read is named once.
      {"{" FILLED ",\"name\":{},\"job_type_code\":\"\",\"job_type_id\":7,\"estimated_time\":\"x\"}",
       "name must be a string; job_type_id must be a GUID; estimated_time must be an integer from -2147483648 to "
       "2147483647",
       "name must be a string; job_type_id must be a GUID; estimated_time must be an integer from -2147483648 to "
       "2147483647"},
      {"{" FILLED ",\"name\":\" \",\"project\":{\"equipment_model\":7}}",
       "project.equipment_model must be an object; name is required",
       "project.equipment_model must be an object; name is required"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    expect(rows[i].json, false, 1u << 20, rows[i].create);
    expect(rows[i].json, true, 1u << 20, rows[i].change);
  }
}

/* Malformed text is all that there is to tell. */
static void test_other_errors_stay(void **state) {
  (void)state;
  expect("[]", false, 1u << 20, "a JSON object was expected");
  for (size_t bytes = 16; bytes < 4096; bytes += 16) {
    expect("{\"name\":\"" X256 "\",\"estimated_time\":-1}", false, bytes, NULL);
  }
}

#define ID "\"0f1e2d3c-4b5a-4968-8776-655443322110\""
#define PARENT(members) "{" FILLED ",\"_parent_job\":{" members "}}"
/* A parent's node holds no entities: those that would decide are named, never dropped in silence (68 drops the others). */
static void test_r3_entities_in_a_parent(void **state) {
  (void)state;
  static const struct {
    const char *json, *expected;
  } rows[] = {
      {PARENT("\"project\":{\"reference_back_office\":\"P\"},\"Job_Type\":{}"),
       "_parent_job.project is not taken in a parent: give project_id or project_reference_back_office; "
       "_parent_job.job_type is not taken in a parent: give job_type_id or job_type_code"},
      {PARENT("\"project_reference_back_office\":\"P\",\"project\":{}"),
       "_parent_job.project is not taken in a parent: give project_id or project_reference_back_office"},
      {PARENT("\"project_id\":" ID ",\"project\":{}"), ""},
      {PARENT("\"_parent_job\":{\"reference_back_office\":\"R\"}"),
       "_parent_job._parent_job is not taken in a parent: give _parent_id or _parent_jobs_reference_back_office"},
      {PARENT("\"_parent_id\":" ID ",\"_parent_job\":{\"project\":{}}"), ""},
      {PARENT("\"project\":null,\"skill\":7,\"job_status\":{},\"nothing\":{}"), ""},
      {"{" FILLED ",\"_parent_id\":" ID ",\"_parent_job\":{\"project\":{}}}", ""},
      {"{" FILLED ",\"_parent_job\":{\"project\":{}},\"_parent_job\":{\"name\":\"last\"}}", ""},
      {"{" FILLED ",\"_parent_job\":{\"project\":{}},\"_parent_job\":null}", ""},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    expect(rows[i].json, false, 1u << 20, rows[i].expected);
    expect(rows[i].json, true, 1u << 20, rows[i].expected);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_r3_58_all_at_once),
      cmocka_unit_test(test_other_errors_stay),
      cmocka_unit_test(test_r3_entities_in_a_parent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
