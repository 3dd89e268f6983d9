#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "proto/codec/json_encode_internal.h"
#include "proto/codec/json_reader.h"

static void assert_encoded(enum jg_json_escape escape, struct jg_str s, struct jg_str expected) {
  struct jg_buf buf;
  jg_buf_init(&buf, 4096);
  jg_json_encode_string(escape, s, &buf);
  assert_false(buf.failed);
  assert_int_equal(buf.len, expected.len);
  assert_memory_equal(buf.data, expected.data, expected.len);
  assert_int_equal(jg_json_escaped_bytes(escape, s) + 2, expected.len);
  jg_buf_done(&buf);
}

static void both_styles_escape_as_the_contract_says(void **state) {
  (void)state;
  static const struct {
    struct jg_str text, json, odata;
  } rows[] = {
      {JG_STR(""), JG_STR("\"\""), JG_STR("\"\"")},
      {JG_STR("plain /<>&'\x7f"), JG_STR("\"plain /<>&'\x7f\""), JG_STR("\"plain /<>&'\x7f\"")},
      {JG_STR("\"\\"), JG_STR("\"\\\"\\\\\""), JG_STR("\"\\\"\\\\\"")},
      {JG_STR("\b\f\n\r\t"), JG_STR("\"\\b\\f\\n\\r\\t\""), JG_STR("\"\\b\\f\\n\\r\\t\"")},
      {JG_STR("\x01\x1f\x0b"), JG_STR("\"\\u0001\\u001f\\u000b\""), JG_STR("\"\\u0001\\u001f\\u000b\"")},
      {JG_STR("\xc3\xa9"), JG_STR("\"\xc3\xa9\""), JG_STR("\"\\u00e9\"")},
      {JG_STR("\xc2\x85"), JG_STR("\"\\u0085\""), JG_STR("\"\\u0085\"")},
      {JG_STR("\xc2\x84\xc2\x86\xc2\xb0"), JG_STR("\"\xc2\x84\xc2\x86\xc2\xb0\""), JG_STR("\"\\u0084\\u0086\\u00b0\"")},
      {JG_STR("\xe2\x80\xa8\xe2\x80\xa9"), JG_STR("\"\\u2028\\u2029\""), JG_STR("\"\\u2028\\u2029\"")},
      {JG_STR("\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac"), JG_STR("\"\xe2\x80\xa7\xe2\x80\xaa\xe2\x82\xac\""),
       JG_STR("\"\\u2027\\u202a\\u20ac\"")},
      {JG_STR("\xf0\x9f\x98\x80"), JG_STR("\"\xf0\x9f\x98\x80\""), JG_STR("\"\\ud83d\\ude00\"")},
      {JG_STR("\xf4\x8f\xbf\xbf"), JG_STR("\"\xf4\x8f\xbf\xbf\""), JG_STR("\"\\udbff\\udfff\"")},
      {JG_STR("\xef\xbf\xbf"), JG_STR("\"\xef\xbf\xbf\""), JG_STR("\"\\uffff\"")},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_encoded(JG_JSON_ESCAPE_JSON, rows[i].text, rows[i].json);
    assert_encoded(JG_JSON_ESCAPE_ODATA, rows[i].text, rows[i].odata);
  }
}

static void assert_reads_back(enum jg_json_escape escape, struct jg_str s) {
  struct jg_buf buf;
  jg_buf_init(&buf, 4096);
  jg_json_encode_string(escape, s, &buf);
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, jg_buf_str(&buf), &arena);
  assert_int_equal(jg_json_next(&reader), JG_JSON_STRING);
  assert_true(jg_str_equal(reader.text, s));
  assert_int_equal(jg_json_next(&reader), JG_JSON_END);
  jg_arena_done(&arena);
  jg_buf_done(&buf);
}

/* Statement 19, for every code point of the first planes that matter, at every place of a block. */
static void every_code_point_reads_back(void **state) {
  (void)state;
  for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point += code_point < 0x3000 ? 1 : 251) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) {
      continue;
    }
    char text[64];
    memset(text, 'x', sizeof(text));
    size_t at = code_point % 33;
    size_t len = at + jg_utf8_put(code_point, text + at) + code_point % 7;
    assert_reads_back(JG_JSON_ESCAPE_JSON, jg_str_make(text, len));
    assert_reads_back(JG_JSON_ESCAPE_ODATA, jg_str_make(text, len));
  }
}

static bool is_special(enum jg_json_escape escape, unsigned char c) {
  bool escaped = c < 0x20 || c == '"' || c == '\\';
  return escaped || (escape == JG_JSON_ESCAPE_ODATA ? c >= 0x80 : c == 0xC2 || c == 0xE2);
}

static void blocks_find_the_first_special_byte(void **state) {
  (void)state;
  for (unsigned style = 0; style < 2; style++) {
    enum jg_json_escape escape = style == 0 ? JG_JSON_ESCAPE_JSON : JG_JSON_ESCAPE_ODATA;
    for (unsigned byte = 0; byte < 256; byte++) {
      for (unsigned at = 0; at < JG_JSON_BLOCK; at++) {
        char text[JG_JSON_BLOCK];
        char copy[JG_JSON_BLOCK] = {0};
        memset(text, 'x', sizeof(text));
        text[at] = (char)byte;
        if (at + 1 < JG_JSON_BLOCK) {
          text[JG_JSON_BLOCK - 1] = '#';
        }
        uint32_t found = jg_json_copy_block(escape, text, copy);
        assert_memory_equal(text, copy, sizeof(text));
        memset(copy, 0, sizeof(copy));
        uint32_t portable = jg_json_copy_block_portable(escape, text, copy);
        assert_memory_equal(text, copy, sizeof(text));
        uint32_t lowest = is_special(escape, (unsigned char)byte) ? 1u << at : 0;
        assert_int_equal(found & -found, lowest);
        assert_int_equal(portable & -portable, lowest);
      }
    }
  }
}

/* No message holds such strings; a damaged record might. */
static void invalid_utf8_is_survived(void **state) {
  (void)state;
  assert_encoded(JG_JSON_ESCAPE_ODATA, JG_STR("a\x80z\xe2\x82"), JG_STR("\"a\\ufffdz\\ufffd\\ufffd\""));
  assert_encoded(JG_JSON_ESCAPE_ODATA, JG_STR("\xf8\xc3"), JG_STR("\"\\ufffd\\ufffd\""));
  assert_encoded(JG_JSON_ESCAPE_JSON, JG_STR("\xe2\x28\xa1\xc2"), JG_STR("\"\\ufffd(\xa1\\ufffd\""));
}

static void the_maximum_is_respected(void **state) {
  (void)state;
  struct jg_str text = JG_STR("0123456789abcdef\n0123456789abcdef");
  for (size_t max = 0; max <= text.len + 4; max++) {
    struct jg_buf buf;
    jg_buf_init(&buf, max);
    jg_json_encode_string(JG_JSON_ESCAPE_JSON, text, &buf);
    assert_int_equal(buf.failed, max < text.len + 3);
    assert_int_equal(buf.len, buf.failed ? 0 : text.len + 3);
    jg_buf_done(&buf);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_styles_escape_as_the_contract_says),
      cmocka_unit_test(every_code_point_reads_back),
      cmocka_unit_test(blocks_find_the_first_special_byte),
      cmocka_unit_test(invalid_utf8_is_survived),
      cmocka_unit_test(the_maximum_is_respected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
