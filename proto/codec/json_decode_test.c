#include "proto/codec/json_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "jobgate/v1/job.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/message.h"
#include "proto/codec/sample.h"
#include "proto/schema/members.h"

#define ARENA_BYTES (8u << 20)

#define ZERO_GUID "00000000-0000-0000-0000-000000000000"
#define GUID "2044b92d-0abc-4def-8000-00000000000f"

static const struct jg_entity *job_entity(void) {
  return jg_entity(JG_KIND_JOB);
}

static void assert_refused_text(struct jg_str text, const char *message) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_json_decoded decoded = {.present = 42};
  struct jg_status status = jg_json_decode(job_entity(), text, &arena, &decoded);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_string_equal(status.message, message);
  // Beside violations there is a message to look for more in; else nothing was touched.
  assert_int_equal(decoded.message != NULL, status.reason == JG_REASON_INVALID_MEMBER);
  assert_true(decoded.message != NULL || decoded.present == 42);
  jg_arena_done(&arena);
}

static void assert_refused(const char *text, const char *message) {
  assert_refused_text(jg_str_from_cstr(text), message);
}

static const Jobgate__V1__Job *decode(const char *text, struct jg_arena *arena, uint64_t *ret_present) {
  struct jg_json_decoded decoded = {0};
  struct jg_status status = jg_json_decode(job_entity(), jg_str_from_cstr(text), arena, &decoded);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", text, status.message);
  }
  *ret_present = decoded.present;
  return (const Jobgate__V1__Job *)decoded.message;
}

static uint64_t bit(size_t member) {
  return UINT64_C(1) << member;
}

static void every_type_is_read(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  uint64_t present = 0;
  const Jobgate__V1__Job *job = decode(
      "{\"id\":\"2044B92D-0ABC-4DEF-8000-00000000000F\",\"name\":\"caf\\u00e9 \\ud83d\\ude00\",\"estimated_time\":90,"
      "\"due_date\":\"2026-01-29T09:13:40.5+02:00\",\"db_address_latitude_decimal\":50.850300,"
      "\"project\":{\"code\":1,\"is_mobile_installation\":true,\"date_built\":\"2020-02-03T04:05:06Z\","
      "\"equipment_model\":{\"translations\":[{\"field_name\":\"name\"},{}]}},"
      "\"_parent_job\":{\"name\":\"parent\",\"project\":{\"name\":\"ignored\"}}}",
      &arena, &present);
  assert_string_equal(job->id, GUID);
  assert_string_equal(job->name, "caf\xc3\xa9 \xf0\x9f\x98\x80");
  assert_int_equal(job->estimated_time, 90);
  assert_int_equal(job->due_date->seconds, 1769670820);
  assert_int_equal(job->due_date->nanos, 500000000);
  assert_true(job->db_address_latitude_decimal == 50.8503);
  assert_true(job->project->is_mobile_installation);
  assert_int_equal(job->project->date_built->seconds, 1580688000);
  assert_int_equal(job->project->equipment_model->n_translations, 2);
  assert_string_equal(job->project->equipment_model->translations[0]->field_name, "name");
  assert_string_equal(job->parent_job->name, "parent");
  assert_true(present == (bit(JG_JOB_ID) | bit(JG_JOB_NAME) | bit(JG_JOB_ESTIMATED_TIME) | bit(JG_JOB_DUE_DATE) |
                          bit(JG_JOB_DB_ADDRESS_LATITUDE_DECIMAL) | bit(JG_JOB_PROJECT) | bit(JG_JOB_PARENT_JOB)));
  jg_arena_done(&arena);
}

/* Statements 60 to 62. */
static void names_fold_and_others_are_ignored(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  uint64_t present = 0;
  const Jobgate__V1__Job *job =
      decode("{\"@odata.context\":\"x\",\"NAME\":\"a\",\"_PARENT_id\":\"" GUID
             "\",\"parent_id\":5,\"unknown\":[{\"name\":1},null],"
             "\"name@odata.type\":{},\"Id2\":7,\"_nam\\u0065\":1,\"desc\\u0072iption\":\"b\",\"\":0}",
             &arena, &present);
  assert_string_equal(job->name, "a");
  assert_string_equal(job->parent_id, GUID);
  assert_string_equal(job->description, "b");
  assert_int_equal(job->id2, 7);
  assert_true(present == (bit(JG_JOB_NAME) | bit(JG_JOB_PARENT_ID) | bit(JG_JOB_DESCRIPTION) | bit(JG_JOB_ID2)));
  job = decode("{\"name\":null,\"id2\":null,\"project\":null,\"due_date\":null,\"unknown\":null}", &arena, &present);
  assert_string_equal(job->name, "");
  assert_null(job->project);
  assert_int_equal(present, 0);
  (void)decode("{}", &arena, &present);
  assert_int_equal(present, 0);
  jg_arena_done(&arena);
}

static void of_a_repeated_name_the_last_wins(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  uint64_t present = 0;
  const Jobgate__V1__Job *job =
      decode("{\"name\":\"a\",\"Name\":\"b\",\"id2\":1,\"id2\":null,\"skill_id\":null,\"skill_id\":\"" GUID
             "\","
             "\"project\":{\"name\":\"p\",\"equipment_model\":{\"translations\":[{},{},{}],\"translations\":[{}]}},"
             "\"skill\":{\"name\":\"s\",\"code\":\"c\"},\"skill\":{\"code\":\"d\"}}",
             &arena, &present);
  assert_string_equal(job->name, "b");
  assert_int_equal(job->id2, 0);
  assert_string_equal(job->skill_id, GUID);
  assert_string_equal(job->skill->name, "");
  assert_string_equal(job->skill->code, "d");
  assert_int_equal(job->project->equipment_model->n_translations, 1);
  assert_true(present == (bit(JG_JOB_NAME) | bit(JG_JOB_SKILL_ID) | bit(JG_JOB_PROJECT) | bit(JG_JOB_SKILL)));
  job = decode("{\"project\":{},\"project\":null}", &arena, &present);
  assert_null(job->project);
  assert_int_equal(present, 0);
  jg_arena_done(&arena);
}

static void numbers_and_booleans_come_in_quotes_too(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  uint64_t present = 0;
  const Jobgate__V1__Job *job = decode(
      "{\"id2\":\"22\",\"working_sequence\":\"-1.0\",\"estimated_time\":1e2,\"db_address_latitude_decimal\":\"50."
      "8503\","
      "\"db_address_longitude_decimal\":\"-1e1\",\"suggested_user\":{\"archived\":\"TRUE\",\"disabled\":\"false\"},"
      "\"due_date\":\"\\/Date(1422515620718)\\/\",\"date_create\":\"/Date(-1)/\",\"date_update\":\"/Date(0+0200)/\","
      "\"date_closed\":\"/Date(86400000-0730)/\",\"project_id\":\"\",\"skill_id\":\"{2044B92D0ABC4DEF-x\","
      "\"skill_id\":\"{2044B92D-0ABC-4DEF-8000-00000000000F}\",\"job_type_id\":\"2044B92D0ABC4DEF800000000000000F\"}",
      &arena, &present);
  assert_int_equal(job->id2, 22);
  assert_int_equal(job->working_sequence, -1);
  assert_int_equal(job->estimated_time, 100);
  assert_true(job->db_address_latitude_decimal == 50.8503);
  assert_true(job->db_address_longitude_decimal == -10);
  assert_true(job->suggested_user->archived);
  assert_false(job->suggested_user->disabled);
  assert_int_equal(job->due_date->seconds, 1422515620);
  assert_int_equal(job->due_date->nanos, 718000000);
  assert_int_equal(job->date_create->seconds, -1);
  assert_int_equal(job->date_create->nanos, 999000000);
  assert_int_equal(job->date_update->seconds, 0);
  assert_int_equal(job->date_closed->seconds, 86400);
  assert_string_equal(job->project_id, "");
  assert_string_equal(job->skill_id, GUID);
  assert_string_equal(job->job_type_id, GUID);
  assert_true((present & bit(JG_JOB_PROJECT_ID)) != 0);
  jg_arena_done(&arena);
}

static void defaults_in_full_are_defaults(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  uint64_t present = 0;
  const Jobgate__V1__Job *job =
      decode("{\"id\":\"" ZERO_GUID
             "\",\"due_date\":\"1980-01-01T00:00:00+00:00\",\"date_create\":\"1980-01-01T01:00:00+01:00\","
             "\"name\":\"\",\"id2\":0,\"db_address_latitude_decimal\":-0.0}",
             &arena, &present);
  assert_int_equal(protobuf_c_message_get_packed_size(&job->base), 0);
  assert_int_equal(__builtin_popcountll(present), 6);
  jg_arena_done(&arena);
}

static void wrong_types_are_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"{\"name\":{}}", "name must be a string"},
      {"{\"name\":5}", "name must be a string"},
      {"{\"name\":[\"x\"]}", "name must be a string"},
      {"{\"name\":true}", "name must be a string"},
      {"{\"NAME\":5}", "name must be a string"},
      {"{\"id\":5}", "id must be a GUID"},
      {"{\"id\":\"x\"}", "id must be a GUID"},
      {"{\"_parent_id\":\"{}\"}", "_parent_id must be a GUID"},
      {"{\"id2\":1.5}", "id2 must be an integer from -2147483648 to 2147483647"},
      {"{\"id2\":2147483648}", "id2 must be an integer from -2147483648 to 2147483647"},
      {"{\"id2\":\"\"}", "id2 must be an integer from -2147483648 to 2147483647"},
      {"{\"id2\":\"0x1\"}", "id2 must be an integer from -2147483648 to 2147483647"},
      {"{\"id2\":\"1 2\"}", "id2 must be an integer from -2147483648 to 2147483647"},
      {"{\"id2\":\"\\\"1\\\"\"}", "id2 must be an integer from -2147483648 to 2147483647"},
      {"{\"id2\":false}", "id2 must be an integer from -2147483648 to 2147483647"},
      {"{\"db_address_latitude_decimal\":\"north\"}", "db_address_latitude_decimal must be a number"},
      {"{\"db_address_latitude_decimal\":{}}", "db_address_latitude_decimal must be a number"},
      {"{\"db_address_latitude_decimal\":\"NaN\"}", "db_address_latitude_decimal must be a number"},
      {"{\"db_address_latitude_decimal\":1e16}", "db_address_latitude_decimal must be a number from -1e15 to 1e15"},
      {"{\"db_address_latitude_decimal\":1e999}", "db_address_latitude_decimal must be a number from -1e15 to 1e15"},
      {"{\"suggested_user\":{\"archived\":1}}", "suggested_user.archived must be true or false"},
      {"{\"suggested_user\":{\"archived\":\"yes\"}}", "suggested_user.archived must be true or false"},
      {"{\"due_date\":\"\"}", "due_date must be a date from 0001-01-01 to 9999-12-31, as in 2026-01-29T07:13:40Z"},
      {"{\"due_date\":1422515620718}",
       "due_date must be a date from 0001-01-01 to 9999-12-31, as in 2026-01-29T07:13:40Z"},
      {"{\"due_date\":\"/Date()/\"}",
       "due_date must be a date from 0001-01-01 to 9999-12-31, as in 2026-01-29T07:13:40Z"},
      {"{\"due_date\":\"/Date(1+02-0)/\"}",
       "due_date must be a date from 0001-01-01 to 9999-12-31, as in 2026-01-29T07:13:40Z"},
      {"{\"due_date\":\"/Date(999999999999999)/\"}",
       "due_date must be a date from 0001-01-01 to 9999-12-31, as in 2026-01-29T07:13:40Z"},
      {"{\"project\":[]}", "project must be an object"},
      {"{\"project\":\"x\"}", "project must be an object"},
      {"{\"project\":{\"equipment_model\":{\"code\":{\"a\":[1]}}}}", "project.equipment_model.code must be a string"},
      {"{\"project\":{\"equipment_model\":{\"translations\":{}}}}",
       "project.equipment_model.translations must be an array"},
      {"{\"project\":{\"equipment_model\":{\"translations\":[{},{\"field_name\":1}]}}}",
       "project.equipment_model.translations[1].field_name must be a string"},
      {"{\"project\":{\"equipment_model\":{\"translations\":[{},null,[1]]}}}",
       "project.equipment_model.translations[1] must be an object; "
       "project.equipment_model.translations[2] must be an object"},
      {"{\"id2\":{\"a\":{}},\"name\":[],\"project\":{\"id\":\"y\"},\"skill_id\":\"z\"}",
       "id2 must be an integer from -2147483648 to 2147483647; name must be a string; project.id must be a GUID; "
       "skill_id must be a GUID"},
      {"{\"name\":\"a\\u0000b\"}", "name must not contain a NUL character or half a surrogate pair"},
      {"{\"project\":{\"name\":\"\\udc00\"}}",
       "project.name must not contain a NUL character or half a surrogate pair"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_refused(rows[i].text, rows[i].message);
  }
}

/* Statement 63. */
static void what_is_no_object_is_refused(void **state) {
  (void)state;
  assert_refused("", "invalid JSON at line 1, column 1: the text ends where a value was expected");
  assert_refused("[{}]", "a JSON object was expected");
  assert_refused("\"x\"", "a JSON object was expected");
  assert_refused("null", "a JSON object was expected");
  assert_refused("{\"name\":\"a\"", "invalid JSON at line 1, column 12: a comma or '}' was expected");
  assert_refused("{\"name\":\"a\",}", "invalid JSON at line 1, column 13: a member's name in quotes was expected");
  assert_refused("{}{}", "invalid JSON at line 1, column 3: more text follows the value");
  assert_refused("{\n\"unknown\":[01]}", "invalid JSON at line 2, column 13: a comma or ']' was expected");
  assert_refused("{\"id2\":{\"a\":}}", "invalid JSON at line 1, column 13: a value was expected");
  assert_refused_text(JG_STR("\xef\xbb\xbf{}"), "invalid JSON at line 1, column 1: a value was expected");
  assert_refused_text(JG_STR("{\"name\":\"\xff\"}"), "invalid JSON at line 1, column 9: a string is not valid UTF-8");
}

static void oddities_anywhere_are_refused(void **state) {
  (void)state;
  assert_refused("{\"unknown\":[\"x\",\n\"\\u0000\"]}",
                 "the string at line 2, column 1 holds a NUL character or half a surrogate pair");
  assert_refused("{\"\\ud800\":1}", "the string at line 1, column 2 holds a NUL character or half a surrogate pair");
  assert_refused("{\"unknown\":\"\\u0000\",\"name\":\"a\\u0000b\"}",
                 "the string at line 1, column 12 holds a NUL character or half a surrogate pair");
  assert_refused("{\"id\":\"\\ud800\"}", "id must not contain a NUL character or half a surrogate pair");
}

static void deep_texts_are_refused(void **state) {
  (void)state;
  char text[2048];
  size_t len = (size_t)snprintf(text, sizeof(text), "{\"unknown\":");
  for (int i = 0; i < 900; i++) {
    text[len++] = '[';
  }
  text[len] = '\0';
  assert_refused(text, "invalid JSON at line 1, column 75: values are nested too deeply");
  // Known members nest as deep as the schema only.
  len = (size_t)snprintf(text, sizeof(text), "{\"_parent_job\":");
  for (int i = 0; i < 70; i++) {
    len += (size_t)snprintf(text + len, sizeof(text) - len, "{\"_parent_job\":");
  }
  assert_refused(text, "invalid JSON at line 1, column 961: values are nested too deeply");
}

static void violations_have_a_maximum(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_buf text;
  jg_buf_init(&text, 1u << 16);
  jg_buf_append_str(&text, JG_STR("{"));
  for (int i = 0; i < 50; i++) {
    jg_buf_append_str(&text, JG_STR("\"name\":5,"));
  }
  jg_buf_append_str(&text, JG_STR("\"id\":\"x\"}"));
  struct jg_json_decoded decoded;
  struct jg_status status = jg_json_decode(job_entity(), jg_buf_str(&text), &arena, &decoded);
  assert_int_equal(status.reason, JG_REASON_INVALID_MEMBER);
  assert_int_equal(status.details->violation_count, 20);
  jg_buf_done(&text);
  jg_arena_done(&arena);
}

/* Every cap from nothing to enough gives the status or the message. */
static void the_cap_is_a_status(void **state) {
  (void)state;
  struct jg_str text = jg_str_make((const char *)jg_sample_job, jg_sample_job_len);
  bool enough = false;
  for (size_t cap = 16; !enough; cap += cap / 16 + 16) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    struct jg_json_decoded decoded = {0};
    struct jg_status status = jg_json_decode(job_entity(), text, &arena, &decoded);
    enough = jg_status_ok(status);
    assert_int_equal(decoded.message != NULL, enough);
    assert_true(enough || (status.code == JG_INVALID_ARGUMENT && status.reason == JG_REASON_LIMIT_EXCEEDED));
    jg_arena_done(&arena);
  }
}

/* Entities that stood in a parent, which has none, are told of; the last _parent_job counts. */
static void a_parents_entities_are_noted(void **state) {
  (void)state;
  const uint64_t project = UINT64_C(1) << JG_JOB_PROJECT, parent = UINT64_C(1) << JG_JOB_PARENT_JOB;
  const struct {
    const char *text;
    uint64_t expected;
  } rows[] = {
      {"{\"project\":{}}", 0},
      {"{\"_parent_job\":{\"name\":\"n\",\"project\":null,\"nothing\":{},\"project_id\":{}}}", 0},
      {"{\"_parent_job\":{\"Project\":{\"equipment_model\":{}},\"_parent_job\":{\"skill\":{}}}}", project | parent},
      {"{\"_parent_job\":{\"project\":{}},\"_parent_job\":{\"name\":\"n\"}}", 0},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    struct jg_json_decoded decoded = {0};
    struct jg_status status = jg_json_decode(job_entity(), jg_str_from_cstr(rows[i].text), &arena, &decoded);
    assert_true(jg_status_ok(status) || status.reason == JG_REASON_INVALID_MEMBER);
    assert_non_null(decoded.message);
    assert_int_equal(decoded.parent_nodes, rows[i].expected);
    jg_arena_done(&arena);
  }
}

/* Any single byte changed, or the end cut off: a message or a status. */
static void damaged_texts_never_crash(void **state) {
  (void)state;
  static const char text[] =
      "{\"id\":\"" GUID
      "\",\"name\":\"a\\u00e9\\ud83d\\ude00\\n\",\"id2\":\"22\",\"due_date\":\"/Date(12+0000)/\","
      "\"project\":{\"equipment_model\":{\"translations\":[{\"field_name\":\"x\"},{}],\"x\":[1.5e3,true,null]}}}";
  static const char values[] = "\"\\{}[]:,09.-+eEutfn \x01\x80\xc3\xff";
  char copy[sizeof(text)];
  for (size_t at = 0; at < sizeof(text) - 1; at++) {
    for (size_t v = 0; v < sizeof(values); v++) {
      struct jg_arena arena;
      jg_arena_init(&arena, 1u << 16);
      memcpy(copy, text, sizeof(text));
      copy[at] = values[v];
      struct jg_json_decoded decoded = {0};
      struct jg_status status = jg_json_decode(job_entity(), jg_str_make(copy, sizeof(text) - 1), &arena, &decoded);
      assert_true(jg_status_ok(status) || status.code == JG_INVALID_ARGUMENT);
      assert_int_equal(decoded.message != NULL, jg_status_ok(status) || status.reason == JG_REASON_INVALID_MEMBER);
      status = jg_json_decode(job_entity(), jg_str_make(copy, at + 1), &arena, &decoded);
      assert_true(jg_status_ok(status) || status.code == JG_INVALID_ARGUMENT);
      jg_arena_done(&arena);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_is_read),
      cmocka_unit_test(names_fold_and_others_are_ignored),
      cmocka_unit_test(of_a_repeated_name_the_last_wins),
      cmocka_unit_test(numbers_and_booleans_come_in_quotes_too),
      cmocka_unit_test(defaults_in_full_are_defaults),
      cmocka_unit_test(wrong_types_are_named),
      cmocka_unit_test(what_is_no_object_is_refused),
      cmocka_unit_test(oddities_anywhere_are_refused),
      cmocka_unit_test(deep_texts_are_refused),
      cmocka_unit_test(violations_have_a_maximum),
      cmocka_unit_test(the_cap_is_a_status),
      cmocka_unit_test(a_parents_entities_are_noted),
      cmocka_unit_test(damaged_texts_never_crash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
