#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_str(struct jg_str actual, const char *expected) {
  assert_int_equal(actual.len, strlen(expected));
  if (actual.len != 0) {
    assert_memory_equal(actual.data, expected, actual.len);
  }
}

static void test_make(void **state) {
  (void)state;
  assert_int_equal(JG_STR("a\0b").len, 3);
  assert_int_equal(jg_str_from_cstr(NULL).len, 0);
  assert_null(jg_str_from_cstr(NULL).data);
  assert_int_equal(jg_str_from_cstr("abc").len, 3);
  assert_int_equal(jg_str_make("abc", 2).len, 2);
}

static void test_equal(void **state) {
  (void)state;
  const struct {
    struct jg_str a, b;
    bool equal, equal_nocase;
  } rows[] = {
      {JG_STR(""), JG_STR_NONE, true, true},
      {JG_STR_NONE, JG_STR_NONE, true, true},
      {JG_STR("abc"), JG_STR("abc"), true, true},
      {JG_STR("aBc"), JG_STR("AbC"), false, true},
      {JG_STR("abc"), JG_STR("abcd"), false, false},
      {JG_STR("abc"), JG_STR("abd"), false, false},
      {JG_STR("a\0b"), JG_STR("a\0c"), false, false},
      {JG_STR("@[`{"), JG_STR("`{@["), false, false},  // beside the letters, 0x20 apart
      {JG_STR("\xC3\x89"), JG_STR("\xC3\xA9"), false, false},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(jg_str_equal(rows[i].a, rows[i].b), rows[i].equal);
    assert_int_equal(jg_str_equal_nocase(rows[i].a, rows[i].b), rows[i].equal_nocase);
  }
}

static void test_compare(void **state) {
  (void)state;
  const struct {
    struct jg_str a, b;
    int sign;
  } rows[] = {
      {JG_STR(""), JG_STR_NONE, 0},    {JG_STR("a"), JG_STR("a"), 0},  {JG_STR("a"), JG_STR("b"), -1},
      {JG_STR("a"), JG_STR("ab"), -1}, {JG_STR("b"), JG_STR("ab"), 1}, {JG_STR("\xFF"), JG_STR("a"), 1},
      {JG_STR("a\0"), JG_STR("a"), 1}, {JG_STR_NONE, JG_STR("a"), -1}, {JG_STR("a\0b"), JG_STR("a\0a"), 1},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int order = jg_str_compare(rows[i].a, rows[i].b);
    assert_int_equal((order > 0) - (order < 0), rows[i].sign);
    order = jg_str_compare(rows[i].b, rows[i].a);
    assert_int_equal((order > 0) - (order < 0), -rows[i].sign);
  }
}

static void test_starts_and_ends(void **state) {
  (void)state;
  assert_true(jg_str_starts_with(JG_STR("abc"), JG_STR("")));
  assert_true(jg_str_starts_with(JG_STR_NONE, JG_STR_NONE));
  assert_true(jg_str_starts_with(JG_STR("abc"), JG_STR("abc")));
  assert_false(jg_str_starts_with(JG_STR("abc"), JG_STR("abcd")));
  assert_false(jg_str_starts_with(JG_STR("abc"), JG_STR("b")));
  assert_true(jg_str_ends_with(JG_STR("abc"), JG_STR("")));
  assert_true(jg_str_ends_with(JG_STR_NONE, JG_STR_NONE));
  assert_true(jg_str_ends_with(JG_STR("abc"), JG_STR("bc")));
  assert_false(jg_str_ends_with(JG_STR("abc"), JG_STR("ab")));
  assert_false(jg_str_ends_with(JG_STR("abc"), JG_STR("xabc")));
}

static void test_sub(void **state) {
  (void)state;
  const struct {
    size_t from, len;
    const char *expected;
  } rows[] = {{0, 3, "abc"}, {0, 9, "abc"}, {1, 1, "b"}, {2, SIZE_MAX, "c"}, {3, 1, ""}, {SIZE_MAX, SIZE_MAX, ""}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_str(jg_str_sub(JG_STR("abc"), rows[i].from, rows[i].len), rows[i].expected);
  }
  assert_null(jg_str_sub(JG_STR_NONE, 0, 1).data);
  assert_non_null(jg_str_sub(JG_STR("abc"), 7, 1).data);
}

static void test_trim(void **state) {
  (void)state;
  const char *const rows[][2] = {{"", ""},          {" ", ""},          {" \t \t", ""}, {"a", "a"},
                                 {" a b\t", "a b"}, {"\na\n", "\na\n"}, {"a ", "a"},    {"\ta", "a"}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_str(jg_str_trim(jg_str_from_cstr(rows[i][0])), rows[i][1]);
  }
  assert_str(jg_str_trim(JG_STR_NONE), "");
}

static void test_cut(void **state) {
  (void)state;
  const struct {
    const char *whole, *first, *rest;
  } rows[] = {{"a=b", "a", "b"},     {"a=", "a", ""},  {"=b", "", "b"},
              {"a=b=c", "a", "b=c"}, {"a", "a", NULL}, {"", "", NULL}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_str rest = JG_STR("untouched");
    assert_str(jg_str_cut(jg_str_from_cstr(rows[i].whole), '=', &rest), rows[i].first);
    assert_int_equal(rest.data == NULL, rows[i].rest == NULL);
    assert_str(rest, rows[i].rest != NULL ? rows[i].rest : "");
  }
  // The input may be the output: a loop over a list.
  struct jg_str list = JG_STR("x,y");
  assert_str(jg_str_cut(list, ',', &list), "x");
  assert_str(list, "y");
}

static void test_find(void **state) {
  (void)state;
  assert_int_equal(jg_str_find(JG_STR("abca"), 'a', 0), 0);
  assert_int_equal(jg_str_find(JG_STR("abca"), 'a', 1), 3);
  assert_int_equal(jg_str_find(JG_STR("abca"), 'a', 4), SIZE_MAX);
  assert_int_equal(jg_str_find(JG_STR("abca"), 'x', 0), SIZE_MAX);
  assert_int_equal(jg_str_find(JG_STR("a\0\xFF"), '\xFF', 0), 2);
  assert_int_equal(jg_str_find(JG_STR_NONE, 'a', 0), SIZE_MAX);
  assert_int_equal(jg_str_find_last(JG_STR("abca"), 'a'), 3);
  assert_int_equal(jg_str_find_last(JG_STR("abc"), 'a'), 0);
  assert_int_equal(jg_str_find_last(JG_STR("abca"), 'x'), SIZE_MAX);
  assert_int_equal(jg_str_find_last(JG_STR("a\0\xFF"), '\xFF'), 2);
  assert_int_equal(jg_str_find_last(JG_STR_NONE, 'a'), SIZE_MAX);
}

static void test_parse_i64(void **state) {
  (void)state;
  const struct {
    const char *text;
    bool valid;
    int64_t value;
  } rows[] = {
      {"0", true, 0},
      {"-0", true, 0},
      {"-1", true, -1},
      {"007", true, 7},
      {"9223372036854775807", true, INT64_MAX},
      {"-9223372036854775808", true, INT64_MIN},
      {"9223372036854775808", false, 0},
      {"-9223372036854775809", false, 0},
      {"18446744073709551616", false, 0},
      {"", false, 0},
      {"-", false, 0},
      {"--1", false, 0},
      {"+1", false, 0},
      {" 1", false, 0},
      {"1 ", false, 0},
      {"1.0", false, 0},
      {"0x1", false, 0},
      {"1e3", false, 0},
      {"\xD9\xA1", false, 0},  // an Arabic-Indic digit
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int64_t value = 42;
    assert_int_equal(jg_parse_i64(jg_str_from_cstr(rows[i].text), &value), rows[i].valid);
    assert_true(value == (rows[i].valid ? rows[i].value : 42));
  }
  int64_t value = 42;
  assert_false(jg_parse_i64(JG_STR("1\0"), &value));
  assert_false(jg_parse_i64(JG_STR_NONE, &value));
}

static void test_parse_u64(void **state) {
  (void)state;
  const struct {
    const char *text;
    bool valid;
    uint64_t value;
  } rows[] = {{"0", true, 0},
              {"18446744073709551615", true, UINT64_MAX},
              {"000000000000000000000000000001", true, 1},
              {"18446744073709551616", false, 0},
              {"99999999999999999999", false, 0},
              {"-1", false, 0},
              {"-0", false, 0},
              {"", false, 0},
              {"1_0", false, 0}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    uint64_t value = 42;
    assert_int_equal(jg_parse_u64(jg_str_from_cstr(rows[i].text), &value), rows[i].valid);
    assert_true(value == (rows[i].valid ? rows[i].value : 42));
  }
}

static void test_checked_arithmetic(void **state) {
  (void)state;
  size_t size = 42;
  assert_false(jg_size_add(SIZE_MAX, 1, &size));
  assert_false(jg_size_mul(SIZE_MAX, 2, &size));
  assert_false(jg_size_mul(SIZE_MAX / 2 + 1, 2, &size));
  assert_int_equal(size, 42);
  assert_true(jg_size_add(SIZE_MAX - 1, 1, &size));
  assert_true(size == SIZE_MAX);
  assert_true(jg_size_mul(SIZE_MAX / 2, 2, &size));
  assert_true(size == SIZE_MAX - 1);
  assert_true(jg_size_mul(SIZE_MAX, 0, &size));
  assert_int_equal(size, 0);

  uint32_t narrow = 42;
  assert_false(jg_to_u32(UINT64_C(0x100000000), &narrow));
  assert_int_equal(narrow, 42);
  assert_true(jg_to_u32(UINT32_MAX, &narrow));
  assert_true(narrow == UINT32_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_make),
      cmocka_unit_test(test_equal),
      cmocka_unit_test(test_compare),
      cmocka_unit_test(test_starts_and_ends),
      cmocka_unit_test(test_sub),
      cmocka_unit_test(test_trim),
      cmocka_unit_test(test_cut),
      cmocka_unit_test(test_find),
      cmocka_unit_test(test_parse_i64),
      cmocka_unit_test(test_parse_u64),
      cmocka_unit_test(test_checked_arithmetic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
