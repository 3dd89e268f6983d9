#include "proto/codec/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define ARENA_BYTES (1u << 20)

static enum jg_json_token last_token(struct jg_json_reader *reader) {
  enum jg_json_token token = JG_JSON_ERROR;
  do {
    token = jg_json_next(reader);
  } while (token != JG_JSON_END && token != JG_JSON_ERROR);
  return token;
}

/* The same verdict must come with and without memory for strings, and from a skip. */
static bool accepts(struct jg_str text) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, &arena);
  bool accepted = last_token(&reader) == JG_JSON_END;
  if (!accepted) {
    assert_int_equal(jg_json_reader_status(&reader).code, JG_INVALID_ARGUMENT);
    assert_int_equal(jg_json_next(&reader), JG_JSON_ERROR);
  }
  jg_json_reader_init(&reader, text, NULL);
  bool skipped = jg_json_skip(&reader, jg_json_next(&reader)) && jg_json_next(&reader) == JG_JSON_END;
  assert_int_equal(accepted, skipped);
  jg_arena_done(&arena);
  return accepted;
}

static void valid_texts_are_accepted(void **state) {
  (void)state;
  static const struct jg_str rows[] = {
      JG_STR("{}"),
      JG_STR("[]"),
      JG_STR("null"),
      JG_STR("true"),
      JG_STR(" false\r\n\t "),
      JG_STR("\"\""),
      JG_STR("0"),
      JG_STR("-0"),
      JG_STR("-0.0e-00"),
      JG_STR("1e5"),
      JG_STR("1E+5"),
      JG_STR("123456789012345678901234567890.000001"),
      JG_STR("[[],{},[[]],\"x\",1,null]"),
      JG_STR("{\"a\":{\"b\":[{\"c\":null}]},\"a\":2}"),
      JG_STR("{\"\":0}"),
      JG_STR("[1 , 2\n,\t3 ]"),
      JG_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\uDE00\""),
      JG_STR("\"\x7f\""),
      JG_STR("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\""),
      JG_STR("\"\\u0000\""),
      JG_STR("\"\\ud800\""),
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    if (!accepts(rows[i])) {
      fail_msg("refused: %.*s", JG_STR_ARG(rows[i]));
    }
  }
}

static const struct jg_str invalid_texts[] = {
    JG_STR(""),
    JG_STR(" "),
    JG_STR("\xef\xbb\xbf{}"),
    JG_STR("{"),
    JG_STR("["),
    JG_STR("}"),
    JG_STR("]"),
    JG_STR("[}"),
    JG_STR("{]"),
    JG_STR("{}{}"),
    JG_STR("1 2"),
    JG_STR("[1,]"),
    JG_STR("[,1]"),
    JG_STR("[1,,2]"),
    JG_STR("[1 2]"),
    JG_STR("[1:2]"),
    JG_STR("{\"a\":1,}"),
    JG_STR("{,\"a\":1}"),
    JG_STR("{\"a\"}"),
    JG_STR("{\"a\":}"),
    JG_STR("{\"a\" 1}"),
    JG_STR("{\"a\",1}"),
    JG_STR("{\"a\":1 \"b\":2}"),
    JG_STR("{a:1}"),
    JG_STR("{'a':1}"),
    JG_STR("{1:1}"),
    JG_STR("{\"a\":1}/*x*/"),
    JG_STR("// x\n1"),
    JG_STR("[1]#"),
    JG_STR("nul"),
    JG_STR("nulll"),
    JG_STR("True"),
    JG_STR("NaN"),
    JG_STR("Infinity"),
    JG_STR("-Infinity"),
    JG_STR("-"),
    JG_STR("+1"),
    JG_STR("01"),
    JG_STR("-01"),
    JG_STR("1."),
    JG_STR(".5"),
    JG_STR("1.e5"),
    JG_STR("1e"),
    JG_STR("1e+"),
    JG_STR("1e1.5"),
    JG_STR("0x1F"),
    JG_STR("1_000"),
    JG_STR("\xef\xbc\x91"),
    JG_STR("\""),
    JG_STR("\"\\"),
    JG_STR("\"\\\""),
    JG_STR("\"a"),
    JG_STR("\"\n\""),
    JG_STR("\"\t\""),
    JG_STR("\"\x1f\""),
    JG_STR("\"0123456789abcdef\x1f\""),
    JG_STR("\"\0\""),
    JG_STR("\"\\x41\""),
    JG_STR("\"\\u\""),
    JG_STR("\"\\u12\""),
    JG_STR("\"\\u123g\""),
    JG_STR("\"\\U0041\""),
    JG_STR("\"\\\0\""),
    JG_STR("\"\x80\""),
    JG_STR("\"\xc0\xaf\""),
    JG_STR("\"\xc3\""),
    JG_STR("\"\xed\xa0\x80\""),
    JG_STR("\"\xf4\x90\x80\x80\""),
    JG_STR("\"\xff\""),
    JG_STR("{\"\xff\":1}"),
    JG_STR("\xc2\xa0"
           "1"),
    JG_STR("1\0"),
    JG_STR("[\v1]"),
    JG_STR("[\f1]"),
};

static void invalid_texts_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(invalid_texts); i++) {
    if (accepts(invalid_texts[i])) {
      fail_msg("accepted: %.*s", JG_STR_ARG(invalid_texts[i]));
    }
  }
}

static void every_cut_of_a_text_is_refused(void **state) {
  (void)state;
  static const struct jg_str text =
      JG_STR("{\"a\\u0041\\uD83D\\uDE00\":[true,-1.5e+7,\"\\n\",{\"b\":null}],\"c\":\"\xc3\xa9\"}");
  assert_true(accepts(text));
  for (size_t len = 0; len < text.len; len++) {
    assert_false(accepts(jg_str_make(text.data, len)));
  }
}

static void tokens_carry_their_text(void **state) {
  (void)state;
  static const struct jg_str text = JG_STR("{ \"a\\u00e9\" : [ \"plain\", -1.50, true, null ], \"b\":{} }");
  static const struct {
    enum jg_json_token token;
    struct jg_str text;
    size_t raw_start;
  } rows[] = {
      {JG_JSON_OBJECT_BEGIN, {NULL, 0}, 0},  {JG_JSON_NAME, JG_STR("a\xc3\xa9"), 2},
      {JG_JSON_ARRAY_BEGIN, {NULL, 0}, 14},  {JG_JSON_STRING, JG_STR("plain"), 16},
      {JG_JSON_NUMBER, JG_STR("-1.50"), 25}, {JG_JSON_TRUE, {NULL, 0}, 32},
      {JG_JSON_NULL, {NULL, 0}, 38},         {JG_JSON_ARRAY_END, {NULL, 0}, 43},
      {JG_JSON_NAME, JG_STR("b"), 46},       {JG_JSON_OBJECT_BEGIN, {NULL, 0}, 50},
      {JG_JSON_OBJECT_END, {NULL, 0}, 51},   {JG_JSON_OBJECT_END, {NULL, 0}, 53},
  };
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, &arena);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(jg_json_next(&reader), rows[i].token);
    assert_int_equal(reader.raw_start, rows[i].raw_start);
    if (rows[i].text.data != NULL) {
      assert_true(jg_str_equal(reader.text, rows[i].text));
    }
  }
  assert_int_equal(jg_json_next(&reader), JG_JSON_END);
  assert_int_equal(jg_json_next(&reader), JG_JSON_END);
  jg_arena_done(&arena);
}

static void strings_are_unescaped(void **state) {
  (void)state;
  static const struct {
    struct jg_str json, text;
    unsigned oddities;
  } rows[] = {
      {JG_STR("\"\""), JG_STR(""), 0},
      {JG_STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), JG_STR("\"\\/\b\f\n\r\t"), 0},
      {JG_STR("\"\\u0041\\u00E9\\u20ac\\uD83D\\ude00\""), JG_STR("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 0},
      {JG_STR("\"x\\u0000y\""), JG_STR("x\0y"), JG_JSON_ODD_NUL},
      {JG_STR("\"\\ud800\""), JG_STR("\xef\xbf\xbd"), JG_JSON_ODD_SURROGATE},
      {JG_STR("\"\\udc00x\""), JG_STR("\xef\xbf\xbdx"), JG_JSON_ODD_SURROGATE},
      {JG_STR("\"\\ud800\\u0041\""),
       JG_STR("\xef\xbf\xbd"
              "A"),
       JG_JSON_ODD_SURROGATE},
      {JG_STR("\"\\ud800\\ud83d\\ude00\""), JG_STR("\xef\xbf\xbd\xf0\x9f\x98\x80"), JG_JSON_ODD_SURROGATE},
      {JG_STR("\"\\ud83d\\\\de00\""), JG_STR("\xef\xbf\xbd\\de00"), JG_JSON_ODD_SURROGATE},
      {JG_STR("\"\\udbff\\udfff\""), JG_STR("\xf4\x8f\xbf\xbf"), 0},
      {JG_STR("\"0123456789abcdef0123456789\\nabcdef\""), JG_STR("0123456789abcdef0123456789\nabcdef"), 0},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    struct jg_json_reader reader;
    jg_json_reader_init(&reader, rows[i].json, &arena);
    assert_int_equal(jg_json_next(&reader), JG_JSON_STRING);
    assert_true(jg_str_equal(reader.text, rows[i].text));
    assert_int_equal(reader.oddities, rows[i].oddities);
    jg_arena_done(&arena);
  }
}

static void oddities_are_kept_from_names_and_skipped_values(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, JG_STR("[\"x\",{\"\\u0000\":[\"\\ud800\"]}]"), &arena);
  assert_true(jg_json_skip(&reader, jg_json_next(&reader)));
  assert_int_equal(reader.oddities, JG_JSON_ODD_NUL | JG_JSON_ODD_SURROGATE);
  assert_int_equal(reader.odd_start, 6);
  assert_ptr_equal(reader.arena, &arena);
  jg_arena_done(&arena);
}

static void skip_passes_over_one_value(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, JG_STR("{\"a\":{\"b\":[1,{\"c\":[]}]},\"d\":1,\"e\":[{}"), &arena);
  assert_int_equal(jg_json_next(&reader), JG_JSON_OBJECT_BEGIN);
  assert_int_equal(jg_json_next(&reader), JG_JSON_NAME);
  assert_true(jg_json_skip(&reader, jg_json_next(&reader)));
  assert_int_equal(jg_json_next(&reader), JG_JSON_NAME);
  assert_true(jg_str_equal(reader.text, JG_STR("d")));
  assert_true(jg_json_skip(&reader, jg_json_next(&reader)));
  assert_int_equal(jg_json_next(&reader), JG_JSON_NAME);
  assert_true(jg_str_equal(reader.text, JG_STR("e")));
  assert_false(jg_json_skip(&reader, jg_json_next(&reader)));
  assert_int_equal(jg_json_reader_status(&reader).code, JG_INVALID_ARGUMENT);
  jg_arena_done(&arena);
}

static void depth_is_limited(void **state) {
  (void)state;
  for (int object = 0; object < 2; object++) {
    char text[(JG_LIMIT_JSON_DEPTH + 1) * 8];
    for (size_t depth = JG_LIMIT_JSON_DEPTH - 1; depth <= JG_LIMIT_JSON_DEPTH + 1; depth++) {
      size_t len = 0;
      for (size_t i = 0; i < depth; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", object ? "{\"a\":" : "[");
      }
      text[len++] = '1';
      for (size_t i = 0; i < depth; i++) {
        text[len++] = object ? '}' : ']';
      }
      assert_int_equal(accepts(jg_str_make(text, len)), depth <= JG_LIMIT_JSON_DEPTH);
    }
  }
}

static void errors_name_line_and_column(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "invalid JSON at line 1, column 1: the text ends where a value was expected"},
      {"{\n  \"a\": 01\n}", "invalid JSON at line 2, column 9: a comma or '}' was expected"},
      {"[1,\n2,\n\n x]", "invalid JSON at line 4, column 2: a value was expected"},
      {"\"\xc3\xa9\n\"", "invalid JSON at line 1, column 4: a control character stands in a string without an escape"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    struct jg_json_reader reader;
    jg_json_reader_init(&reader, jg_str_from_cstr(rows[i].text), &arena);
    assert_int_equal(last_token(&reader), JG_JSON_ERROR);
    assert_string_equal(jg_json_reader_status(&reader).message, rows[i].message);
    jg_arena_done(&arena);
  }
}

static void memory_at_its_cap_is_an_error(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 16);
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, JG_STR("[\"no escape needs no memory at all\",\"0123456789abcd\\n\",\"\\n\"]"), &arena);
  assert_int_equal(jg_json_next(&reader), JG_JSON_ARRAY_BEGIN);
  assert_int_equal(jg_json_next(&reader), JG_JSON_STRING);
  assert_int_equal(jg_json_next(&reader), JG_JSON_STRING);
  assert_int_equal(jg_json_next(&reader), JG_JSON_ERROR);
  assert_int_equal(jg_json_reader_status(&reader).code, JG_INVALID_ARGUMENT);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_texts_are_accepted),
      cmocka_unit_test(invalid_texts_are_refused),
      cmocka_unit_test(every_cut_of_a_text_is_refused),
      cmocka_unit_test(tokens_carry_their_text),
      cmocka_unit_test(strings_are_unescaped),
      cmocka_unit_test(oddities_are_kept_from_names_and_skipped_values),
      cmocka_unit_test(skip_passes_over_one_value),
      cmocka_unit_test(depth_is_limited),
      cmocka_unit_test(errors_name_line_and_column),
      cmocka_unit_test(memory_at_its_cap_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
