#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_parse_and_format(void **state) {
  (void)state;
  const char *const rows[][2] = {
      {"00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"},
      {"ffffffff-ffff-ffff-ffff-ffffffffffff", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
      {"01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"},
      {"01234567-89AB-CDEF-0123-456789aBcDeF", "01234567-89ab-cdef-0123-456789abcdef"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_uuid uuid;
    assert_true(jg_uuid_parse(jg_str_from_cstr(rows[i][0]), &uuid));
    char text[JG_UUID_TEXT_LEN];
    jg_uuid_format(uuid, text);
    assert_memory_equal(text, rows[i][1], sizeof(text));
  }
  struct jg_uuid uuid;
  assert_true(jg_uuid_parse(JG_STR("01234567-89ab-cdef-0123-456789abcdef"), &uuid));
  const uint8_t expected[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  assert_memory_equal(uuid.bytes, expected, sizeof(expected));
}

static void test_parse_refuses(void **state) {
  (void)state;
  const char *const rows[] = {
      "",
      "01234567-89ab-cdef-0123-456789abcde",
      "01234567-89ab-cdef-0123-456789abcdeff",
      "0123456789abcdef0123456789abcdef",
      "{1234567-89ab-cdef-0123-456789abcde}",
      " 1234567-89ab-cdef-0123-456789abcdef",
      "01234567-89ab-cdef-0123-456789abcde ",
      "012345678-9ab-cdef-0123-456789abcdef",
      "01234567_89ab-cdef-0123-456789abcdef",
  };
  struct jg_uuid untouched = {{1, 2, 3}};
  struct jg_uuid uuid = untouched;
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_false(jg_uuid_parse(jg_str_from_cstr(rows[i]), &uuid));
  }
  assert_false(jg_uuid_parse(JG_STR_NONE, &uuid));
  assert_true(jg_uuid_equal(uuid, untouched));
}

static void test_every_byte_at_every_place(void **state) {
  (void)state;
  const char good[] = "01234567-89ab-cdef-0123-456789abcdef";
  for (size_t at = 0; at < JG_UUID_TEXT_LEN; at++) {
    for (int byte = 0; byte < 256; byte++) {
      char text[JG_UUID_TEXT_LEN];
      memcpy(text, good, sizeof(text));
      text[at] = (char)byte;
      bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
      bool expected = good[at] == '-' ? byte == '-' : hex;
      struct jg_uuid uuid;
      assert_int_equal(jg_uuid_parse(jg_str_make(text, sizeof(text)), &uuid), expected);
    }
  }
}

static void test_v7(void **state) {
  (void)state;
  const uint8_t ones[10] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  const uint8_t zeros[10] = {0};
  char text[JG_UUID_TEXT_LEN];
  // The example of RFC 9562 appendix A.6: 2022-02-22T19:22:22.00Z is 0x017F22E279B0 ms.
  int64_t ticks = INT64_C(0x017F22E279B0) * 10000 + 9999;
  jg_uuid_format(jg_uuid_v7(ticks, ones), text);
  assert_memory_equal(text, "017f22e2-79b0-7fff-bfff-ffffffffffff", sizeof(text));
  jg_uuid_format(jg_uuid_v7(ticks, zeros), text);
  assert_memory_equal(text, "017f22e2-79b0-7000-8000-000000000000", sizeof(text));
  jg_uuid_format(jg_uuid_v7(-1, zeros), text);
  assert_memory_equal(text, "00000000-0000-7000-8000-000000000000", sizeof(text));
}

static void test_new_is_ordered_and_unique(void **state) {
  (void)state;
  struct jg_clock_manual manual;
  jg_clock_manual_init(&manual, JG_TICKS_UNSET);
  struct jg_uuid before = jg_uuid_new(&manual.clock);
  struct jg_uuid twin = jg_uuid_new(&manual.clock);
  assert_false(jg_uuid_equal(before, twin));
  for (int i = 0; i < 1000; i++) {
    jg_clock_manual_advance_ns(&manual, 1000000);
    struct jg_uuid next = jg_uuid_new(&manual.clock);
    assert_true(memcmp(before.bytes, next.bytes, sizeof(next.bytes)) < 0);
    before = next;
  }
}

static void test_zero(void **state) {
  (void)state;
  assert_true(jg_uuid_is_zero(JG_UUID_ZERO));
  struct jg_uuid uuid = JG_UUID_ZERO;
  uuid.bytes[15] = 1;
  assert_false(jg_uuid_is_zero(uuid));
}

static void test_random_fills_all(void **state) {
  (void)state;
  static unsigned char first[1000], second[1000];
  jg_random(first, sizeof(first));
  jg_random(second, sizeof(second));
  jg_random(second, 0);
  assert_memory_not_equal(first, second, sizeof(first));
  // 16 zero bytes at the end by chance: 2^-128.
  const unsigned char zeros[16] = {0};
  assert_memory_not_equal(first + sizeof(first) - 16, zeros, 16);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parse_and_format),          cmocka_unit_test(test_parse_refuses),
      cmocka_unit_test(test_every_byte_at_every_place), cmocka_unit_test(test_v7),
      cmocka_unit_test(test_new_is_ordered_and_unique), cmocka_unit_test(test_zero),
      cmocka_unit_test(test_random_fills_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
