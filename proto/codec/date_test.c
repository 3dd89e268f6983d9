#include "proto/codec/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND JG_TICKS_PER_SECOND

static void assert_format(int64_t ticks, enum jg_date_style style, const char *expected) {
  char text[JG_DATE_TEXT_MAX + 1];
  size_t len = jg_date_format(ticks, style, text);
  assert_in_range(len, 1, JG_DATE_TEXT_MAX);
  text[len] = '\0';
  assert_string_equal(text, expected);
}

static void format_follows_the_style(void **state) {
  (void)state;
  static const struct {
    int64_t ticks;
    const char *offset, *z;
  } rows[] = {
      {0, "1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00.000Z"},
      {JG_TICKS_UNSET, "1980-01-01T00:00:00+00:00", "1980-01-01T00:00:00.000Z"},
      {-1, "1969-12-31T23:59:59.9999999+00:00", "1969-12-31T23:59:59.999Z"},
      {JG_TICKS_MIN, "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00.000Z"},
      {JG_TICKS_MAX, "9999-12-31T23:59:59.9999999+00:00", "9999-12-31T23:59:59.999Z"},
      {INT64_C(1769670820) * SECOND + 7184075, "2026-01-29T07:13:40.7184075+00:00", "2026-01-29T07:13:40.718Z"},
      {INT64_C(1769670820) * SECOND + 5000000, "2026-01-29T07:13:40.5+00:00", "2026-01-29T07:13:40.500Z"},
      {INT64_C(1769670820) * SECOND + 1, "2026-01-29T07:13:40.0000001+00:00", "2026-01-29T07:13:40.000Z"},
      {INT64_C(951782400) * SECOND, "2000-02-29T00:00:00+00:00", "2000-02-29T00:00:00.000Z"},
      {INT64_C(4107542400) * SECOND, "2100-03-01T00:00:00+00:00", "2100-03-01T00:00:00.000Z"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_format(rows[i].ticks, JG_DATE_OFFSET, rows[i].offset);
    assert_format(rows[i].ticks, JG_DATE_Z, rows[i].z);
  }
}

static void parse_takes_every_attested_spelling(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } rows[] = {
      {"2026-01-29T07:13:40.7184075+00:00", "2026-01-29T07:13:40.7184075+00:00"},
      {"2015-05-28T11:26:22Z", "2015-05-28T11:26:22+00:00"},
      {"2015-09-09T15:32:01.350Z", "2015-09-09T15:32:01.35+00:00"},
      {"2015-09-09T15:32:01.350z", "2015-09-09T15:32:01.35+00:00"},
      {"2015-09-09t15:32:01", "2015-09-09T15:32:01+00:00"},
      {"2015-09-09T15:32Z", "2015-09-09T15:32:00+00:00"},
      {"2015-09-09", "2015-09-09T00:00:00+00:00"},
      {"2026-01-29T09:13:40.5+02:00", "2026-01-29T07:13:40.5+00:00"},
      {"2026-01-29T09:13:40.5 02:00", "2026-01-29T07:13:40.5+00:00"},
      {"2026-01-29T01:43:40-05:30", "2026-01-29T07:13:40+00:00"},
      {"2026-01-29T01:43:40-14:00", "2026-01-29T15:43:40+00:00"},
      {"2024-02-29T23:59:59.99999994Z", "2024-02-29T23:59:59.9999999+00:00"},
      {"2024-02-29T23:59:59.99999995Z", "2024-03-01T00:00:00+00:00"},
      {"2024-02-29T23:59:59.000000049999999999Z", "2024-02-29T23:59:59+00:00"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"},
      {"9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.9999999+00:00"},
      {"9999-12-31T23:59:59+14:00", "9999-12-31T09:59:59+00:00"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int64_t ticks = 0;
    assert_true(jg_date_parse(jg_str_from_cstr(rows[i].text), &ticks));
    assert_format(ticks, JG_DATE_OFFSET, rows[i].expected);
  }
}

static void parse_refuses_the_rest(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "2026",
      "2026-01",
      "2026-1-29",
      "0000-01-01",
      "2026-00-01",
      "2026-13-01",
      "2026-01-00",
      "2026-01-32",
      "2026-04-31",
      "2023-02-29",
      "1900-02-29",
      "2026-01-29Z",
      "2026-01-29 07:13:40",
      "2026-01-29T",
      "2026-01-29T07",
      "2026-01-29T07:1",
      "2026-01-29T24:00:00",
      "2026-01-29T07:60:00",
      "2026-01-29T07:13:60",
      "2026-01-29T07:13:40.",
      "2026-01-29T07:13:40.Z",
      "2026-01-29T07:13.5",
      "2026-01-29T07:13:40+",
      "2026-01-29T07:13:40+2",
      "2026-01-29T07:13:40+0200",
      "2026-01-29T07:13:40+02:0",
      "2026-01-29T07:13:40+02:60",
      "2026-01-29T07:13:40+14:01",
      "2026-01-29T07:13:40+15:00",
      "2026-01-29T07:13:40ZZ",
      "2026-01-29T07:13:40Z ",
      " 2026-01-29",
      "+026-01-29",
      "2026-01-2\xb9",
      "0001-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59-00:01",
      "9999-12-31T23:59:59.99999995",
  };
  for (size_t i = 0; i < JG_COUNT(texts); i++) {
    int64_t ticks = 42;
    assert_false(jg_date_parse(jg_str_from_cstr(texts[i]), &ticks));
    assert_int_equal(ticks, 42);
  }
  int64_t ticks = 42;
  assert_false(jg_date_parse(JG_STR_NONE, &ticks));
  assert_false(jg_date_parse(jg_str_make("2026-01-29\0", 11), &ticks));
}

static void every_prefix_and_every_day_reads_back(void **state) {
  (void)state;
  // One day in 97 from 0001 to 9999, with a time that moves along: format and parse are each other's inverse.
  int64_t step = INT64_C(97) * 86400 * SECOND + 12345678901;
  for (int64_t ticks = JG_TICKS_MIN; ticks <= JG_TICKS_MAX - step; ticks += step) {
    char text[JG_DATE_TEXT_MAX];
    size_t len = jg_date_format(ticks, JG_DATE_OFFSET, text);
    int64_t back = 0;
    assert_true(jg_date_parse(jg_str_make(text, len), &back));
    assert_int_equal(back, ticks);
  }
}

static void midnight_goes_down(void **state) {
  (void)state;
  int64_t day = 86400 * SECOND;
  assert_int_equal(jg_date_midnight(0), 0);
  assert_int_equal(jg_date_midnight(day - 1), 0);
  assert_int_equal(jg_date_midnight(day), day);
  assert_int_equal(jg_date_midnight(-1), -day);
  assert_int_equal(jg_date_midnight(-day), -day);
  assert_int_equal(jg_date_midnight(JG_TICKS_MIN), JG_TICKS_MIN);
  assert_format(jg_date_midnight(JG_TICKS_MAX), JG_DATE_OFFSET, "9999-12-31T00:00:00+00:00");
}

static void timestamps_convert_both_ways(void **state) {
  (void)state;
  static const struct {
    int64_t seconds;
    int32_t nanos;
    int64_t ticks;
  } rows[] = {
      {0, 0, 0},
      {0, 49, 0},
      {0, 50, 1},
      {0, 999999949, 9999999},
      {0, 999999950, SECOND},
      {-1, 999999900, -1},
      {INT64_C(-62135596800), 0, JG_TICKS_MIN},
      {INT64_C(253402300799), 999999900, JG_TICKS_MAX},
      {315532800, 0, JG_TICKS_UNSET},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int64_t ticks = 42;
    assert_true(jg_date_from_timestamp(rows[i].seconds, rows[i].nanos, &ticks));
    assert_int_equal(ticks, rows[i].ticks);
    int64_t seconds = 0;
    int32_t nanos = 0;
    jg_date_to_timestamp(ticks, &seconds, &nanos);
    int64_t back = 0;
    assert_true(jg_date_from_timestamp(seconds, nanos, &back));
    assert_int_equal(back, ticks);
    assert_in_range(nanos, 0, 999999900);
  }
  int64_t ticks = 42;
  assert_false(jg_date_from_timestamp(INT64_C(-62135596801), 0, &ticks));
  assert_false(jg_date_from_timestamp(INT64_C(253402300800), 0, &ticks));
  assert_false(jg_date_from_timestamp(INT64_C(253402300799), 999999950, &ticks));
  assert_false(jg_date_from_timestamp(INT64_MAX, 0, &ticks));
  assert_false(jg_date_from_timestamp(INT64_MIN, 0, &ticks));
  assert_false(jg_date_from_timestamp(0, -1, &ticks));
  assert_false(jg_date_from_timestamp(0, 1000000000, &ticks));
  assert_false(jg_date_from_timestamp(0, INT32_MAX, &ticks));
  assert_int_equal(ticks, 42);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(format_follows_the_style), cmocka_unit_test(parse_takes_every_attested_spelling),
      cmocka_unit_test(parse_refuses_the_rest),   cmocka_unit_test(every_prefix_and_every_day_reads_back),
      cmocka_unit_test(midnight_goes_down),       cmocka_unit_test(timestamps_convert_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
