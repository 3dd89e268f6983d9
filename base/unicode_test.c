#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/unicode.h"
#include "base/utf8.h"

static void same(struct jg_str actual, const char *expected) {
  assert_int_equal(actual.len, strlen(expected));
  assert_memory_equal(actual.len != 0 ? actual.data : "", expected, actual.len);
}

static void case_mappings(void **state) {
  (void)state;
  static const struct {
    const char *text, *lower, *upper;
  } rows[] = {
      {"", "", ""},
      {"aBz[@`{ 09", "abz[@`{ 09", "ABZ[@`{ 09"},
      {"ÄÖÜäöü", "äöüäöü", "ÄÖÜÄÖÜ"},
      {"ΑΣς", "ασς", "ΑΣΣ"},  // simple mappings know no final sigma
      {"İı", "iı", "İI"},
      {"Ⱥ", "ⱥ", "Ⱥ"},  // two bytes become three
      {"ﬁ", "ﬁ", "ﬁ"},  // no simple upper case
      {"𐐀𐐨", "𐐨𐐨", "𐐀𐐀"},
      {"Жж日本😀", "жж日本😀", "ЖЖ日本😀"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    char out[64];
    struct jg_str text = jg_str_from_cstr(rows[i].text);
    same(jg_str_make(out, jg_unicode_lower(text, out)), rows[i].lower);
    same(jg_str_make(out, jg_unicode_upper(text, out)), rows[i].upper);
  }
}

static void every_mapping_fits_and_is_utf8(void **state) {
  (void)state;
  for (uint32_t c = 0; c <= 0x10FFFF; c++) {
    if (c >= 0xD800 && c <= 0xDFFF) {
      continue;
    }
    char in[4], out[8];
    size_t len = jg_utf8_put(c, in);
    size_t lower = jg_unicode_lower(jg_str_make(in, len), out);
    if (lower > JG_UNICODE_CASE_BYTES(len) || !jg_utf8_valid(jg_str_make(out, lower))) {
      fail_msg("lower case of U+%04X", c);
    }
    size_t upper = jg_unicode_upper(jg_str_make(in, len), out);
    if (upper > JG_UNICODE_CASE_BYTES(len) || !jg_utf8_valid(jg_str_make(out, upper))) {
      fail_msg("upper case of U+%04X", c);
    }
  }
}

static void index_of_counts_utf16_units(void **state) {
  (void)state;
  static const struct {
    const char *text, *part;
    int64_t index;
  } rows[] = {
      {"", "", 0},      {"", "a", -1},     {"abc", "", 0},     {"abc", "abc", 0}, {"abc", "c", 2},
      {"abc", "d", -1}, {"abc", "bd", -1}, {"aé日😀x", "x", 5}, {"😀😀", "😀", 0},    {"é", "éé", -1},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(jg_unicode_index_of(jg_str_from_cstr(rows[i].text), jg_str_from_cstr(rows[i].part)),
                     rows[i].index);
  }
  assert_int_equal(jg_unicode_index_of(JG_STR_NONE, JG_STR("a")), -1);
}

static void substring_clips_and_drops_halves(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t start, count;
    const char *expected;
  } rows[] = {
      {"abc", 0, INT64_MAX, "abc"},
      {"abc", 1, INT64_MAX, "bc"},
      {"abc", 3, 1, ""},
      {"abc", INT64_MAX, INT64_MAX, ""},
      {"abc", -1, 2, "ab"},
      {"abc", INT64_MIN, INT64_MIN, ""},
      {"abc", 1, 1, "b"},
      {"abc", 1, 0, ""},
      {"abc", 2, -5, ""},
      {"é日x", 1, 1, "日"},
      {"a😀b", 1, 2, "😀"},
      {"a😀b", 1, 1, ""},
      {"a😀b", 2, 1, ""},
      {"a😀b", 2, 2, "b"},
      {"a😀b", 0, 2, "a"},
      {"a😀b", 2, INT64_MAX, "b"},
      {"a😀b", 3, 1, "b"},
      {"😀", 1, 1, ""},
      {"😀😀", 1, 3, "😀"},
      {"", 0, 5, ""},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    same(jg_unicode_substring(jg_str_from_cstr(rows[i].text), rows[i].start, rows[i].count), rows[i].expected);
  }
  assert_int_equal(jg_unicode_substring(JG_STR_NONE, 0, 1).len, 0);
}

static void trim_takes_white_space_alone(void **state) {
  (void)state;
  static const struct {
    const char *text, *expected;
  } rows[] = {
      {"", ""},
      {"a", "a"},
      {" a b\t\r\n", "a b"},
      {" \t ", ""},
      {"\xC2\xA0\xE2\x80\xAF\xE3\x80\x80日\xE2\x80\xA8\xC2\x85", "日"},
      {"\xE2\x80\x8B"  // a zero width space is no white space
       "a",
       "\xE2\x80\x8B"
       "a"},
      {"\xE1\x9A\x80\xE2\x80\x80\xE2\x80\x8A\xE2\x81\x9F", ""},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    same(jg_unicode_trim(jg_str_from_cstr(rows[i].text)), rows[i].expected);
  }
  assert_int_equal(jg_unicode_trim(JG_STR_NONE).len, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(case_mappings),
      cmocka_unit_test(every_mapping_fits_and_is_utf8),
      cmocka_unit_test(index_of_counts_utf16_units),
      cmocka_unit_test(substring_clips_and_drops_halves),
      cmocka_unit_test(trim_takes_white_space_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
