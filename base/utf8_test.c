#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_valid(void **state) {
  (void)state;
  const struct {
    struct jg_str text;
    bool valid;
  } rows[] = {
      {JG_STR_NONE, true},
      {JG_STR(""), true},
      {JG_STR("a\0b\x7F"), true},
      {JG_STR("0123456789abcdef0123456789abcdef\xC3\xA9"), true},
      {JG_STR("\xC2\x80"), true},
      {JG_STR("\xDF\xBF"), true},
      {JG_STR("\xE0\xA0\x80"), true},
      {JG_STR("\xED\x9F\xBF"), true},
      {JG_STR("\xEE\x80\x80"), true},
      {JG_STR("\xEF\xBF\xBF"), true},
      {JG_STR("\xF0\x90\x80\x80"), true},
      {JG_STR("\xF4\x8F\xBF\xBF"), true},
      {JG_STR("\x80"), false},  // a continuation alone
      {JG_STR("\xBF"), false},
      {JG_STR("\xC0\x80"), false},  // overlong
      {JG_STR("\xC1\xBF"), false},
      {JG_STR("\xE0\x9F\xBF"), false},
      {JG_STR("\xF0\x8F\xBF\xBF"), false},
      {JG_STR("\xED\xA0\x80"), false},  // surrogates
      {JG_STR("\xED\xBF\xBF"), false},
      {JG_STR("\xF4\x90\x80\x80"), false},  // above U+10FFFF
      {JG_STR("\xF5\x80\x80\x80"), false},
      {JG_STR("\xFE"), false},
      {JG_STR("\xFF"), false},
      {JG_STR("\xC3"), false},  // cut short
      {JG_STR("\xE2\x82"), false},
      {JG_STR("\xF0\x9F\x98"), false},
      {JG_STR("\xC3"
              "a"),
       false},  // a lead without its continuation
      {JG_STR("\xE2\x82"
              "a"),
       false},
      {JG_STR("\xE2"
              "a\x82"),
       false},
      {JG_STR("\xF0\x9F\x98"
              "a"),
       false},
      {JG_STR("\xF0\x9F"
              "a\x98"),
       false},
      {JG_STR("0123456789abcde\xFF"), false},
      {JG_STR("0123456789abcdef\xFF"), false},
      {JG_STR("\xC3\xA9"
              "0123456789abcdef\xC3"),
       false},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(jg_utf8_valid(rows[i].text), rows[i].valid);
  }
}

static void test_bad_byte_at_every_place(void **state) {
  (void)state;
  // Around the steps of the fast path.
  char text[50];
  for (size_t len = 1; len <= sizeof(text); len++) {
    for (size_t bad = 0; bad < len; bad++) {
      memset(text, 'a', sizeof(text));
      assert_true(jg_utf8_valid(jg_str_make(text, len)));
      text[bad] = '\x80';
      assert_false(jg_utf8_valid(jg_str_make(text, len)));
    }
  }
}

static void test_every_code_point(void **state) {
  (void)state;
  char buffer[4 + 9];
  for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
    if (code_point == 0xD800) {
      code_point = 0xE000;
    }
    size_t len = jg_utf8_put(code_point, buffer);
    struct jg_str text = jg_str_make(buffer, len);
    size_t expected_len = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    size_t index = 0;
    bool good = len == expected_len && jg_utf8_valid(text) && jg_utf8_next(text, &index) == code_point &&
                index == len && jg_utf8_utf16_length(text) == (code_point < 0x10000 ? 1u : 2u);
    if (!good) {
      fail_msg("code point %x", (unsigned)code_point);
    }
  }
}

static void test_utf16_length(void **state) {
  (void)state;
  const struct {
    struct jg_str text;
    size_t units;
  } rows[] = {
      {JG_STR_NONE, 0},
      {JG_STR(""), 0},
      {JG_STR("a\0b"), 3},
      {JG_STR("12345678"), 8},
      {JG_STR("123456789"), 9},
      {JG_STR("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"), 5},
      {JG_STR("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"), 3},
      {JG_STR("\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"), 6},
      {JG_STR("1234567\xF0\x9F\x98\x80"
              "1234567"),
       16},
      {JG_STR("e\xCC\x81"), 2},  // a combining accent counts, as .NET does
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(jg_utf8_utf16_length(rows[i].text), rows[i].units);
  }
}

static void test_next_walks(void **state) {
  (void)state;
  struct jg_str text = JG_STR("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
  const uint32_t expected[] = {'a', 0xE9, 0x20AC, 0x1F600, 'z'};
  size_t index = 0;
  for (size_t i = 0; i < JG_COUNT(expected); i++) {
    assert_int_equal(jg_utf8_next(text, &index), expected[i]);
  }
  assert_int_equal(index, text.len);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_valid),
      cmocka_unit_test(test_bad_byte_at_every_place),
      cmocka_unit_test(test_every_code_point),
      cmocka_unit_test(test_utf16_length),
      cmocka_unit_test(test_next_walks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
