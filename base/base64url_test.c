#include "base/base64url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void groups_read_back(void **state) {
  (void)state;
  static const struct {
    uint8_t bytes[6];
    const char *text;
  } rows[] = {
      {{0, 0, 0, 0, 0, 0}, "AAAAAAAA"},
      {{255, 255, 255, 255, 255, 255}, "________"},
      {{0xfb, 0xef, 0xbe, 'f', 'o', 'o'}, "----Zm9v"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    char text[9] = "";
    uint8_t bytes[6];
    jg_base64url_encode(rows[i].bytes, sizeof rows[i].bytes, text);
    assert_string_equal(text, rows[i].text);
    assert_true(jg_base64url_decode(jg_str_from_cstr(text), bytes));
    assert_memory_equal(bytes, rows[i].bytes, sizeof bytes);
  }
  uint8_t none[1];
  assert_true(jg_base64url_decode(JG_STR_NONE, none));
}

static void only_the_alphabet_is_taken(void **state) {
  (void)state;
  uint8_t bytes[3];
  size_t taken = 0;
  for (int c = 0; c < 256; c++) {
    const char text[4] = {'A', 'A', 'A', (char)c};
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
    assert_int_equal(jg_base64url_decode(jg_str_make(text, sizeof text), bytes), plain);
    taken += plain;
  }
  assert_int_equal(taken, 64);
  for (size_t len = 1; len < 4; len++) {
    assert_false(jg_base64url_decode(jg_str_make("AAA", len), bytes));
  }
}

static void integers_are_big_endian(void **state) {
  (void)state;
  uint8_t bytes[8];
  jg_put_be64(bytes, UINT64_C(0x0102030405060708));
  assert_memory_equal(bytes, "\1\2\3\4\5\6\7\10", 8);
  assert_true(jg_take_be64(bytes) == UINT64_C(0x0102030405060708));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(groups_read_back),
      cmocka_unit_test(only_the_alphabet_is_taken),
      cmocka_unit_test(integers_are_big_endian),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
