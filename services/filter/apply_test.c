#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "proto/codec/date.h"
#include "proto/codec/wire.h"
#include "services/filter/apply.h"
#include "services/filter/fixture.h"
#include "services/filter/parse_fixture.h"
#include "services/filter/predicate.h"

static const struct jg_filter_program *compile(struct jg_arena *arena, const char *text) {
  struct jg_filter_options options = jg_parse_fixture_options();
  const struct jg_filter *filter = NULL;
  const struct jg_filter_program *program = NULL;
  struct jg_status status = jg_filter_parse(jg_str_from_cstr(text), &options, arena, &filter);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", text, status.message);
  }
  assert_true(jg_status_ok(jg_filter_compile(options.entity, filter, arena, &program)));
  return program;
}

static void expect(const char *text, bool expected) {
  struct jg_arena arena;
  jg_arena_init(&arena, 4 << 20);
  struct jg_parts job = jg_fixture_job(&arena);
  bool result = !expected;
  struct jg_status status = jg_filter_matches(compile(&arena, text), &job, &arena, &result);
  if (!jg_status_ok(status) || result != expected) {
    fail_msg("%s: %d, %s", text, result, status.message);
  }
  jg_arena_done(&arena);
}

static void functions_of_strings(void **state) {
  (void)state;
  static const char *const hold[] = {
      "contains(name,'ratur')",
      "contains(name,'')",
      "contains('','')",
      "not contains('','a')",
      "not contains(name,'RATUR')",
      "contains(name,'O''B')",
      "contains('a\xF0\x9F\x98\x80z','\xF0\x9F\x98\x80')",
      "startswith(name,'Rep')",
      "startswith(name,'')",
      "not startswith(name,'ep')",
      "not startswith('a','ab')",
      "endswith(name,'Brien')",
      "endswith(name,'')",
      "not endswith(name,'Brie')",
      "length(name) eq 17",  // in UTF-16 units
      "length(description) eq 29",
      "length('\xF0\x9F\x98\x80') eq 2",
      "length('') eq 0",
      "indexof(name,'O') eq 10",
      "indexof(name,'Rep') eq 0",
      "indexof(name,'') eq 0",
      "indexof(name,'x') eq -1",
      "indexof('\xF0\x9F\x98\x80z','z') eq 2",
      "substring(name,10) eq 'O''Brien'",
      "substring(name,0,3) eq 'Rep'",
      "substring(name,3,1) eq '\xC3\xA4'",
      "substring(name,17) eq ''",
      "substring(name,99) eq ''",
      "substring(name,-1,3) eq 'Rep'",
      "substring(name,0,-1) eq ''",
      "substring(name,15,99) eq 'en'",
      "substring('\xF0\x9F\x98\x80z',2) eq 'z'",
      "substring('\xF0\x9F\x98\x80z',1) eq 'z'",  // no half of a pair
      "substring('\xF0\x9F\x98\x80z',0,1) eq ''",
      "tolower(name) eq 'rep\xC3\xA4ratur o''brien'",
      "toupper(name) eq 'REP\xC3\x84RATUR O''BRIEN'",
      "tolower('') eq ''",
      "toupper('\xC3\xA9\xD0\xB6') eq '\xC3\x89\xD0\x96'",
      "trim(internal_memo) eq 'memo'",
      "trim('\xC2\xA0 x\xE3\x80\x80') eq 'x'",
      "trim('  ') eq ''",
      "concat(db_address_zip,concat(' ',db_address_city)) eq '9000 Gent'",
      "concat('','') eq ''",
      "concat(name,'') eq name",
      "contains(tolower(concat(name,description)),'o''brienreplace')",
  };
  for (size_t i = 0; i < JG_COUNT(hold); i++) {
    expect(hold[i], true);
  }
}

static void functions_of_dates(void **state) {
  (void)state;
  static const char *const hold[] = {
      "year(due_date) eq 2026",
      "month(due_date) eq 2",
      "day(due_date) eq 15",
      "hour(due_date) eq 17",
      "minute(due_date) eq 30",
      "second(due_date) eq 15",
      "fractionalseconds(due_date) eq 0.5",
      "fractionalseconds(modified_dateutc) eq 0.7184075",
      "totaloffsetminutes(due_date) eq 0",
      "hour(2026-01-29T01:00:00+02:00) eq 23",  // parts are UTC's
      "day(2026-01-29T01:00:00+02:00) eq 28",
      "date(due_date) eq 2026-02-15",
      "date(due_date) lt 2026-02-16",
      "time(due_date) eq 17:30:15.5",
      "time(due_date) gt 17:30:15.4999999",
      "hour(time(due_date)) eq 17 and minute(time(due_date)) eq 30 and second(17:30:15) eq 15",
      "fractionalseconds(time(due_date)) eq 0.5",
      "year(date(due_date)) eq 2026 and month(2026-12-31) eq 12 and day(2026-12-31) eq 31",
      "year(1980-01-01) eq 1980",
      "year(mindatetime()) eq 1 and month(mindatetime()) eq 1 and day(mindatetime()) eq 1",
      "year(maxdatetime()) eq 9999 and month(maxdatetime()) eq 12 and day(maxdatetime()) eq 31",
      "hour(maxdatetime()) eq 23 and second(maxdatetime()) eq 59",
      "day(2024-02-29) eq 29 and month(2024-02-29) eq 2 and day(2024-03-01) eq 1 and month(2024-03-01) eq 3",
      "day(2000-02-29) eq 29 and day(1900-02-28) eq 28 and month(1900-03-01) eq 3",
      "year(1969-12-31T23:59:59.9999999Z) eq 1969 and second(1969-12-31T23:59:59.9999999Z) eq 59",
      "date(1969-12-31T23:59:59.9999999Z) eq 1969-12-31",
      "time(1969-12-31T23:59:59.9999999Z) eq 23:59:59.9999999",
      "date(now()) eq 2026-01-29",
      "now() eq modified_dateutc",
      "year(project/date_built) eq 2001",
  };
  for (size_t i = 0; i < JG_COUNT(hold); i++) {
    expect(hold[i], true);
  }
}

static void functions_of_numbers(void **state) {
  (void)state;
  static const char *const hold[] = {
      "round(db_address_latitude_decimal) eq 51",
      "round(2.5) eq 3 and round(-2.5) eq -3 and round(2.4) eq 2 and round(-0.4) eq 0",
      "floor(2.9) eq 2 and floor(-2.1) eq -3",
      "ceiling(2.1) eq 3 and ceiling(-2.9) eq -2 and ceiling(-0.5) eq 0",
      "round(id2) eq id2",
      "floor(id2 div 5.0) eq 7",
      "round(1e300) eq 1e300",
      "ceiling(db_address_longitude_decimal) eq -3",
  };
  for (size_t i = 0; i < JG_COUNT(hold); i++) {
    expect(hold[i], true);
  }
}

/* Every 911th day of the calendar, as its text spells it. */
static void dates_agree_with_their_text(void **state) {
  (void)state;
  const enum jg_filter_kind kinds[] = {JG_FILTER_YEAR, JG_FILTER_MONTH, JG_FILTER_DAY};
  const size_t at[] = {0, 5, 8};
  for (int64_t ticks = JG_TICKS_MIN; ticks <= JG_TICKS_MAX; ticks += INT64_C(911) * 86400 * JG_TICKS_PER_SECOND) {
    char text[JG_DATE_TEXT_MAX];
    (void)jg_date_format(ticks, JG_DATE_OFFSET, text);
    struct jg_filter_value date = {.type = JG_VALUE_DATE, .integer = ticks};
    for (size_t i = 0; i < 3; i++) {
      int64_t expected = 0;
      struct jg_filter_value part;
      assert_true(jg_parse_i64(jg_str_make(text + at[i], i == 0 ? 4 : 2), &expected));
      assert_true(jg_filter_apply(kinds[i], &date, 1, NULL, &part));
      assert_int_equal(part.integer, expected);
    }
  }
}

/* F2: every function and operator with a null in each place. The bare job's relations are not set. */
static void null_in_null_out(void **state) {
  (void)state;
  static const char *const null[] = {
      "contains(skill/name,'a')",
      "contains(name,skill/name)",
      "startswith(skill/name,'a')",
      "startswith(name,null)",
      "endswith(skill/name,'a')",
      "endswith(name,skill/name)",
      "length(skill/name)",
      "indexof(skill/name,'a')",
      "indexof(name,skill/name)",
      "substring(skill/name,1)",
      "substring(name,null)",
      "substring(name,project/nb_open_jobs)",
      "substring(skill/name,1,1)",
      "substring(name,1,project/nb_open_jobs)",
      "tolower(skill/name)",
      "toupper(skill/name)",
      "trim(skill/name)",
      "concat(skill/name,'a')",
      "concat('a',skill/name)",
      "year(project/date_built)",
      "month(project/date_built)",
      "day(project/date_built)",
      "hour(project/date_built)",
      "minute(project/date_built)",
      "second(project/date_built)",
      "fractionalseconds(project/date_built)",
      "totaloffsetminutes(project/date_built)",
      "date(project/date_built)",
      "time(project/date_built)",
      "round(null)",
      "floor(project/nb_open_jobs)",
      "ceiling(project/nb_open_jobs)",
      "project/nb_open_jobs add 1",
      "1 sub project/nb_open_jobs",
      "project/nb_open_jobs mul 1.5",
      "1 div project/nb_open_jobs",
      "project/nb_open_jobs mod 2",
      "-project/nb_open_jobs",
      "length(tolower(skill/name))",
  };
  for (size_t i = 0; i < JG_COUNT(null); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 4 << 20);
    struct jg_parts bare = jg_fixture_bare_job(&arena);
    const char *text = jg_arena_printf(&arena, "%s eq null and not (%s ne null)", null[i], null[i]);
    bool result = false;
    struct jg_status status = jg_filter_matches(compile(&arena, text), &bare, &arena, &result);
    if (!jg_status_ok(status) || !result) {
      fail_msg("%s: %s", text, status.message);
    }
    jg_arena_done(&arena);
  }
}

static void what_is_no_message_is_data_loss(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 4 << 20);
  static const struct {
    const char *text;
    struct jg_str payload;
  } rows[] = {
      {"name eq 'a'", {"\x0A\x7F", 2}},               // cut short
      {"name eq 'a'", {"\x00", 1}},                   // field 0
      {"id eq null", {"\x0A\x01x", 3}},               // no GUID
      {"id eq null", {"\x08\x01", 2}},                // a number where a text belongs
      {"due_date eq null", {"\xE2\x01\x01\x08", 4}},  // half a timestamp
      {"due_date eq null", {"\xE2\x01\x0A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 13}},  // beyond year 9999
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB), .payload = rows[i].payload};
    bool result = true;
    struct jg_status status = jg_filter_matches(compile(&arena, rows[i].text), &parts, &arena, &result);
    if (status.code != JG_DATA_LOSS || status.reason != JG_REASON_STORE_CORRUPT || !result) {
      fail_msg("%zu: %s", i, status.message);
    }
  }
  const struct jg_expanded broken = {.proto = {"\x0A\x7F", 2}};
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB), .relations = {&broken}};
  bool result = true;
  struct jg_status status = jg_filter_matches(
      compile(&arena, "project/equipment_model/translations/any(t:t/field_name eq 'a')"), &parts, &arena, &result);
  assert_int_equal(status.code, JG_DATA_LOSS);
  jg_arena_done(&arena);
}

/* What the program does not read may be anything; the last of a repeated field counts; unknown fields are passed over. */
static void protobuf_is_read_as_protobuf(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 4 << 20);
  struct jg_buf payload;
  jg_buf_init(&payload, 4096);
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  uint32_t id2 = jg_entity_member(job, JG_STR("id2"))->number;
  uint32_t name = jg_entity_member(job, JG_STR("name"))->number;
  jg_wire_put_bytes(&payload, name, JG_STR("first"));
  jg_wire_put_bytes(&payload, name, JG_STR("second"));
  jg_wire_put_uint(&payload, id2, (uint64_t)-5);
  jg_wire_put_uint(&payload, 5000, 7);
  jg_wire_put_bytes(&payload, 5001, JG_STR("x"));
  struct jg_parts parts = {.entity = job, .payload = jg_buf_str(&payload)};
  bool result = false;
  struct jg_status status =
      jg_filter_matches(compile(&arena, "name eq 'second' and id2 eq -5"), &parts, &arena, &result);
  assert_true(jg_status_ok(status) && result);
  jg_buf_done(&payload);
  jg_arena_done(&arena);
}

static void scratch_has_a_cap(void **state) {
  (void)state;
  struct jg_arena arena;
  struct jg_arena scratch;
  jg_arena_init(&arena, 4 << 20);
  jg_arena_init(&scratch, 64);
  struct jg_parts job = jg_fixture_job(&arena);
  bool result = true;
  struct jg_status status = jg_filter_matches(
      compile(&arena, "concat(concat(description,description),concat(description,description)) eq ''"), &job, &scratch,
      &result);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(status.reason, JG_REASON_LIMIT_EXCEEDED);
  assert_true(result);
  // It is free again once reset, as between rows.
  const struct jg_filter_program *program = compile(&arena, "tolower(db_address_city) eq 'gent'");
  for (size_t i = 0; i < 1000; i++) {
    jg_arena_reset(&scratch);
    result = false;
    assert_true(jg_status_ok(jg_filter_matches(program, &job, &scratch, &result)) && result);
  }
  jg_arena_done(&scratch);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions_of_strings),
      cmocka_unit_test(functions_of_dates),
      cmocka_unit_test(functions_of_numbers),
      cmocka_unit_test(dates_agree_with_their_text),
      cmocka_unit_test(null_in_null_out),
      cmocka_unit_test(what_is_no_message_is_data_loss),
      cmocka_unit_test(protobuf_is_read_as_protobuf),
      cmocka_unit_test(scratch_has_a_cap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
