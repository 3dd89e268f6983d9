#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/value.h"

#define INTEGER(kind, number) \
  { .type = (kind), .integer = (number) }
#define DECIMAL(number) \
  { .type = JG_VALUE_DECIMAL, .decimal = (number) }
#define STRING(text)                                              \
  {                                                               \
    .type = JG_VALUE_STRING, .string = { text, sizeof(text) - 1 } \
  }

static void compare_puts_null_first(void **state) {
  (void)state;
  /* Ascending. */
  static const struct jg_filter_value numbers[] = {
      {.type = JG_VALUE_NULL}, INTEGER(JG_VALUE_INTEGER, INT64_MIN), DECIMAL(-1.5), INTEGER(JG_VALUE_INTEGER, -1),
      DECIMAL(-0.5),           INTEGER(JG_VALUE_INTEGER, 0),         DECIMAL(0.5),  INTEGER(JG_VALUE_INTEGER, 1),
      DECIMAL(1e300),
  };
  static const struct jg_filter_value strings[] = {
      {.type = JG_VALUE_NULL}, STRING(""), STRING("A"), STRING("a"), STRING("a\0"), STRING("aa"), STRING("\xC3\xA4"),
  };
  static const struct jg_filter_value guids[] = {
      {.type = JG_VALUE_NULL},
      {.type = JG_VALUE_GUID, .uuid = {{0}}},
      {.type = JG_VALUE_GUID, .uuid = {{0, 1}}},
      {.type = JG_VALUE_GUID, .uuid = {{1}}},
      {.type = JG_VALUE_GUID, .uuid = {{0xFF}}},
  };
  const struct {
    const struct jg_filter_value *values;
    size_t count;
  } rows[] = {{numbers, JG_COUNT(numbers)}, {strings, JG_COUNT(strings)}, {guids, JG_COUNT(guids)}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    for (size_t j = 0; j < rows[i].count; j++) {
      for (size_t k = 0; k < rows[i].count; k++) {
        int order = jg_filter_compare_values(&rows[i].values[j], &rows[i].values[k]);
        assert_int_equal((order > 0) - (order < 0), (j > k) - (j < k));
      }
    }
  }
}

static const struct jg_filter_value sound[] = {
    {.type = JG_VALUE_NULL},
    INTEGER(JG_VALUE_BOOL, 0),
    INTEGER(JG_VALUE_BOOL, 1),
    INTEGER(JG_VALUE_INTEGER, 0),
    INTEGER(JG_VALUE_INTEGER, INT64_MIN),
    INTEGER(JG_VALUE_INTEGER, INT64_MAX),
    DECIMAL(0),
    DECIMAL(-1.5),
    DECIMAL(1e308),
    STRING(""),
    STRING("Zo\xC3\xAB"),
    {.type = JG_VALUE_GUID, .uuid = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}},
    INTEGER(JG_VALUE_DATETIME, INT64_C(17696708207184075)),
    INTEGER(JG_VALUE_DATE, 0),
    INTEGER(JG_VALUE_TIMEOFDAY, INT64_C(863999999999)),
};

static void values_survive_a_token(void **state) {
  (void)state;
  struct jg_buf out;
  jg_buf_init(&out, 4096);
  for (size_t i = 0; i < JG_COUNT(sound); i++) {
    assert_true(jg_filter_value_put(&sound[i], &out));
  }
  struct jg_str rest = jg_buf_str(&out);
  for (size_t i = 0; i < JG_COUNT(sound); i++) {
    struct jg_filter_value value;
    enum jg_filter_type type = sound[i].type != JG_VALUE_NULL ? sound[i].type : JG_VALUE_STRING;
    assert_true(jg_filter_value_take(&rest, type, &value));
    assert_int_equal(value.type, sound[i].type);
    assert_int_equal(jg_filter_compare_values(&value, &sound[i]), 0);
  }
  assert_int_equal(rest.len, 0);
  jg_buf_done(&out);
}

static void cut_or_other_values_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(sound); i++) {
    struct jg_buf out;
    jg_buf_init(&out, 4096);
    assert_true(jg_filter_value_put(&sound[i], &out));
    for (size_t len = 0; len < out.len; len++) {
      struct jg_str rest = jg_str_make(out.data, len);
      struct jg_filter_value value = {.type = JG_VALUE_COLLECTION};
      assert_false(jg_filter_value_take(&rest, sound[i].type, &value));
      assert_int_equal(rest.len, len);
      assert_int_equal(value.type, JG_VALUE_COLLECTION);
    }
    struct jg_str rest = jg_buf_str(&out);
    struct jg_filter_value value;
    enum jg_filter_type other = sound[i].type == JG_VALUE_GUID ? JG_VALUE_DATE : JG_VALUE_GUID;
    assert_int_equal(jg_filter_value_take(&rest, other, &value), sound[i].type == JG_VALUE_NULL);
    jg_buf_done(&out);
  }
}

static void unsound_values_are_refused(void **state) {
  (void)state;
  static const struct {
    enum jg_filter_type type;
    struct jg_str bytes;
  } rows[] = {
      {JG_VALUE_BOOL, {"\1\0\0\0\0\0\0\0\2", 9}},
      {JG_VALUE_DECIMAL, {"\3\x7F\xF0\0\0\0\0\0\0", 9}},         // infinite
      {JG_VALUE_DECIMAL, {"\3\x7F\xF8\0\0\0\0\0\0", 9}},         // not a number
      {JG_VALUE_DECIMAL, {"\3\x80\0\0\0\0\0\0\0", 9}},           // negative zero
      {JG_VALUE_DATETIME, {"\6\x7F\0\0\0\0\0\0\0", 9}},          // beyond 9999
      {JG_VALUE_DATE, {"\7\x80\0\0\0\0\0\0\0", 9}},              // before 0001
      {JG_VALUE_TIMEOFDAY, {"\10\xFF\0\0\0\0\0\0\0", 9}},        // negative
      {JG_VALUE_TIMEOFDAY, {"\10\0\0\0\xC9\x2A\x69\xC0\0", 9}},  // 24:00
      {JG_VALUE_STRING, {"\4\1\xFF", 3}},
      {JG_VALUE_STRING, {"\4\1\0", 3}},
      {JG_VALUE_STRING, {"\4\x81", 2}},
      {JG_VALUE_COLLECTION, {"\11", 1}},
      {JG_VALUE_STRING, {"\xFF", 1}},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    char padded[256] = {0};
    memcpy(padded, rows[i].bytes.data, rows[i].bytes.len);
    struct jg_str rest = jg_str_make(padded, rows[i].type == JG_VALUE_STRING ? sizeof(padded) : rows[i].bytes.len);
    struct jg_filter_value value;
    if (jg_filter_value_take(&rest, rows[i].type, &value)) {
      fail_msg("row %zu", i);
    }
  }
}

static void long_strings_stay_out_of_tokens(void **state) {
  (void)state;
  char text[JG_FILTER_VALUE_STRING_MAX + 1];
  memset(text, 'a', sizeof(text));
  struct jg_buf out;
  jg_buf_init(&out, 4096);
  struct jg_filter_value value = {.type = JG_VALUE_STRING, .string = {text, sizeof(text)}};
  assert_false(jg_filter_value_put(&value, &out));
  assert_int_equal(out.len, 0);
  value.string.len--;
  assert_true(jg_filter_value_put(&value, &out));
  struct jg_str rest = jg_buf_str(&out);
  struct jg_filter_value back;
  assert_true(jg_filter_value_take(&rest, JG_VALUE_STRING, &back));
  assert_true(jg_str_equal(back.string, value.string));
  jg_buf_done(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compare_puts_null_first),         cmocka_unit_test(values_survive_a_token),
      cmocka_unit_test(cut_or_other_values_are_refused), cmocka_unit_test(unsound_values_are_refused),
      cmocka_unit_test(long_strings_stay_out_of_tokens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
