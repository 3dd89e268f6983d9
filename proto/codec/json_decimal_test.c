#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/codec/json_encode_internal.h"

static void put(double value, char text[JG_JSON_DECIMAL_MAX + 1]) {
  size_t len = jg_json_put_decimal(value, text);
  assert_in_range(len, 3, JG_JSON_DECIMAL_MAX);
  text[len] = '\0';
}

static void texts_are_the_shortest_with_a_point(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } rows[] = {
      {0, "0.0"},
      {-0.0, "-0.0"},
      {49, "49.0"},
      {-50, "-50.0"},
      {50.8503463, "50.8503463"},
      {-0.127758, "-0.127758"},
      {50.850300, "50.8503"},
      {0.1, "0.1"},
      {0.30000000000000004, "0.30000000000000004"},
      {0.5, "0.5"},
      {1.0 / 3, "0.3333333333333333"},
      {123456.789, "123456.789"},
      {0.0000001, "0.0000001"},
      {0.00000012, "0.00000012"},
      {1e-10, "0.0000000001"},
      {1.5e-20, "0.000000000000000000015"},
      {1e14, "100000000000000.0"},
      {999999999999999, "999999999999999.0"},
      {1e15, "1000000000000000.0"},
      {-1e15, "-1000000000000000.0"},
      {123456789012345.6, "123456789012345.6"},
      {12345678.9012345, "12345678.9012345"},
      {9007199254740992, "9007199254740992.0"},
      {1e22, "10000000000000000000000.0"},
      {NAN, "0.0"},
      {INFINITY, "0.0"},
      {-INFINITY, "0.0"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    char text[JG_JSON_DECIMAL_MAX + 1];
    put(rows[i].value, text);
    assert_string_equal(text, rows[i].text);
  }
}

/* Significant digits: those from the first to the last that is not 0. */
static int significant(const char *text) {
  int count = 0;
  int zeros = 0;
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '0') {
      zeros += count > 0;
    } else if (*c >= '1' && *c <= '9') {
      count += zeros + 1;
      zeros = 0;
    }
  }
  return count;
}

static void assert_shortest(double value) {
  char text[JG_JSON_DECIMAL_MAX + 1];
  put(value, text);
  double back = strtod(text, NULL);
  assert_memory_equal(&back, &value, sizeof(value));
  const char *point = strchr(text, '.');
  assert_non_null(point);
  assert_in_range(point[1], '0', '9');
  assert_null(strpbrk(text, "eE+"));
  int digits = significant(text);
  if (digits > 1) {
    char shorter[64];
    (void)snprintf(shorter, sizeof(shorter), "%.*e", digits - 2, value);
    assert_true(strtod(shorter, NULL) != value);
  }
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void every_double_reads_back_and_none_is_longer_than_needed(void **state) {
  (void)state;
  uint64_t random = 88172645463325252u;
  for (int i = 0; i < 100000; i++) {
    uint64_t bits = next_random(&random);
    double any;
    memcpy(&any, &bits, sizeof(any));
    if (isfinite(any)) {
      assert_shortest(any);
    }
    // Coordinates and their like: up to nine places.
    double scale = pow(10, (double)(bits % 10));
    assert_shortest((double)(int64_t)(bits >> 20 & 0xFFFFFFFF) / scale);
    assert_shortest(-(double)(int64_t)(bits >> 14) / scale);
  }
  assert_shortest(DBL_MIN);
  assert_shortest(DBL_MAX);
  assert_shortest(-DBL_TRUE_MIN);
  assert_shortest(nextafter(DBL_MIN, 0));
}

static void the_buffer_takes_the_same_text(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 10);
  jg_json_encode_decimal(-50.5, &buf);
  assert_true(jg_str_equal(jg_buf_str(&buf), JG_STR("-50.5")));
  jg_json_encode_decimal(1.0 / 3, &buf);
  assert_true(buf.failed);
  jg_buf_done(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_the_shortest_with_a_point),
      cmocka_unit_test(every_double_reads_back_and_none_is_longer_than_needed),
      cmocka_unit_test(the_buffer_takes_the_same_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
