#include "proto/codec/json_number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void whole_numbers_are_integers_however_written(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int32_t value;
  } rows[] = {
      {"0", 0},
      {"-0", 0},
      {"0.0", 0},
      {"0e999999999999999999999", 0},
      {"0.000e-5", 0},
      {"22", 22},
      {"-22", -22},
      {"1.0", 1},
      {"1e2", 100},
      {"1E+2", 100},
      {"100e-2", 1},
      {"1.50e1", 15},
      {"0.0001e4", 1},
      {"2147483647", INT32_MAX},
      {"-2147483648", INT32_MIN},
      {"2147483647.000", INT32_MAX},
      {"214748364.7e1", INT32_MAX},
      {"1e9", 1000000000},
      {"1000000000000000000000000e-15", 1000000000},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int32_t value = 42;
    assert_true(jg_json_number_int(jg_str_from_cstr(rows[i].text), &value));
    assert_int_equal(value, rows[i].value);
  }
}

static void other_numbers_are_no_integers(void **state) {
  (void)state;
  static const char *const rows[] = {
      "1.5",
      "0.1",
      "1e-1",
      "15e-1",
      "-0.0000001",
      "2147483648",
      "-2147483649",
      "1e10",
      "99999999999",
      "1e400",
      "1e99999999999999999999",
      "1e-99999999999999999999",
      "123456789012345678901234567890",
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int32_t value = 42;
    assert_false(jg_json_number_int(jg_str_from_cstr(rows[i]), &value));
    assert_int_equal(value, 42);
  }
}

static void doubles_are_the_nearest(void **state) {
  (void)state;
  static const char *const rows[] = {
      "0",
      "-0.0",
      "49.0",
      "50.8503463",
      "-0.127758",
      "50.850300",
      "123456789012345",
      "1234567890123456789",
      "1e15",
      "1e-300",
      "1e400",
      "-1e400",
      "4.9e-324",
      "2.5e-324",
      "0.1e1",
      "99999.99999",
      "9007199254740993",
      "0.30000000000000004",
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 4096);
    double value = 42;
    assert_true(jg_json_number_double(jg_str_from_cstr(rows[i]), &arena, &value));
    double expected = strtod(rows[i], NULL);
    assert_memory_equal(&value, &expected, sizeof(value));
    jg_arena_done(&arena);
  }
}

static void fast_and_general_path_agree(void **state) {
  (void)state;
  uint64_t random = 88172645463325252u;
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 24);
  for (int i = 0; i < 20000; i++) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    char text[64];
    (void)snprintf(text, sizeof(text), "%s%llu.%0*llu", random & 1 ? "-" : "", (unsigned long long)(random >> 40),
                   (int)(1 + random % 8), (unsigned long long)(random >> 20 & 0xFFFFF));
    double value = 0;
    assert_true(jg_json_number_double(jg_str_from_cstr(text), &arena, &value));
    assert_true(value == strtod(text, NULL));
  }
  jg_arena_done(&arena);
}

static void long_texts_need_memory(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 16);
  double value = 42;
  assert_false(jg_json_number_double(JG_STR("123456789012345678901234567890"), &arena, &value));
  assert_true(value == 42);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_numbers_are_integers_however_written),
      cmocka_unit_test(other_numbers_are_no_integers),
      cmocka_unit_test(doubles_are_the_nearest),
      cmocka_unit_test(fast_and_general_path_agree),
      cmocka_unit_test(long_texts_need_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
