// Texts there and back, and bodies that are no such thing.

#include "bridge/coding/coding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BYTES_MAX (64u << 10)

static struct jg_buf coded_of(enum jg_coding coding, enum jg_coding_effort effort, struct jg_str text) {
  struct jg_buf coded;
  jg_buf_init(&coded, 1u << 20);
  jg_coding_compress(coding, effort, text, &coded);
  assert_false(coded.failed);
  return coded;
}

/* Bytes that hardly repeat, then a run. */
static void fill(char *text, size_t len) {
  uint32_t x = 1;
  for (size_t i = 0; i < len; i++) {
    x = x * 1664525u + 1013904223u;
    text[i] = (char)(i < len / 2 ? x >> 24 : 'a');
  }
}

static void texts_come_back(void **state) {
  (void)state;
  static char text[BYTES_MAX];
  fill(text, sizeof(text));
  static const size_t lengths[] = {0, 1, 2, 255, 256, 257, 1024, 16383, 16384, 16385, 65535, BYTES_MAX};
  for (size_t i = 0; i < JG_COUNT(lengths); i++) {
    for (enum jg_coding coding = JG_CODING_GZIP; coding < JG_CODING_COUNT; coding++) {
      for (enum jg_coding_effort effort = JG_CODING_FAST; effort <= JG_CODING_BEST; effort++) {
        struct jg_str plain = jg_str_make(text, lengths[i]);
        struct jg_buf coded = coded_of(coding, effort, plain), back;
        jg_buf_init(&back, BYTES_MAX);
        assert_true(jg_status_ok(jg_coding_expand(coding, jg_buf_str(&coded), &back)));
        assert_true(jg_str_equal(jg_buf_str(&back), plain));
        jg_buf_done(&back);
        jg_buf_done(&coded);
      }
    }
  }
}

static struct jg_status expand(enum jg_coding coding, struct jg_str coded, size_t bytes_max) {
  struct jg_buf back;
  jg_buf_init(&back, bytes_max);
  struct jg_status status = jg_coding_expand(coding, coded, &back);
  assert_true(back.len <= bytes_max);
  jg_buf_done(&back);
  return status;
}

static void the_cap_ends_a_bomb(void **state) {
  (void)state;
  static char zeros[1u << 20];
  for (enum jg_coding coding = JG_CODING_GZIP; coding < JG_CODING_COUNT; coding++) {
    struct jg_buf coded = coded_of(coding, JG_CODING_BEST, jg_str_make(zeros, sizeof(zeros)));
    assert_true(coded.len < 2048);
    assert_true(jg_status_ok(expand(coding, jg_buf_str(&coded), sizeof(zeros))));
    static const size_t caps[] = {1, 2, 16384, 16385, sizeof(zeros) - 1};
    for (size_t i = 0; i < JG_COUNT(caps); i++) {
      struct jg_status status = expand(coding, jg_buf_str(&coded), caps[i]);
      assert_int_equal(status.code, JG_INVALID_ARGUMENT);
      assert_int_equal(status.reason, JG_REASON_LIMIT_EXCEEDED);
    }
    jg_buf_done(&coded);
  }
}

static void a_text_cut_short_is_refused(void **state) {
  (void)state;
  for (enum jg_coding coding = JG_CODING_GZIP; coding < JG_CODING_COUNT; coding++) {
    struct jg_buf coded = coded_of(coding, JG_CODING_FAST, JG_STR("{\"name\":\"a job\"}"));
    for (size_t len = 0; len < coded.len; len++) {
      struct jg_status status = expand(coding, jg_str_make(coded.data, len), BYTES_MAX);
      assert_int_equal(status.code, JG_INVALID_ARGUMENT);
      assert_int_equal(status.reason, JG_REASON_INVALID_MEMBER);
    }
    jg_buf_append_char(&coded, 'x');
    assert_int_equal(expand(coding, jg_buf_str(&coded), BYTES_MAX).code, JG_INVALID_ARGUMENT);
    coded.data[coded.len / 2] ^= 0x10;
    coded.len--;
    assert_int_equal(expand(coding, jg_buf_str(&coded), BYTES_MAX).code, JG_INVALID_ARGUMENT);
    jg_buf_done(&coded);
  }
}

static void other_forms_are_taken(void **state) {
  (void)state;
  struct jg_buf zlib = coded_of(JG_CODING_DEFLATE, JG_CODING_FAST, JG_STR("{\"name\":\"a job\"}"));
  struct jg_buf gzip = coded_of(JG_CODING_GZIP, JG_CODING_FAST, JG_STR("ab")), back;
  jg_buf_init(&back, BYTES_MAX);
  // Without zlib's two bytes in front and its checksum behind.
  assert_true(jg_status_ok(jg_coding_expand(JG_CODING_DEFLATE, jg_str_sub(jg_buf_str(&zlib), 2, zlib.len - 6), &back)));
  assert_true(jg_str_equal(jg_buf_str(&back), JG_STR("{\"name\":\"a job\"}")));
  // Two members of gzip are one text.
  size_t len = gzip.len;
  char copy[128];
  assert_true(len <= sizeof(copy));
  memcpy(copy, gzip.data, len);
  jg_buf_append(&gzip, copy, len);
  jg_buf_clear(&back);
  assert_true(jg_status_ok(jg_coding_expand(JG_CODING_GZIP, jg_buf_str(&gzip), &back)));
  assert_true(jg_str_equal(jg_buf_str(&back), JG_STR("abab")));
  jg_buf_done(&back);
  jg_buf_done(&gzip);
  jg_buf_done(&zlib);
}

static void a_full_buffer_fails(void **state) {
  (void)state;
  static char text[BYTES_MAX];
  fill(text, sizeof(text));
  struct jg_buf out;
  jg_buf_init(&out, 20000);
  jg_coding_compress(JG_CODING_GZIP, JG_CODING_FAST, jg_str_make(text, sizeof(text)), &out);
  assert_true(out.failed);
  jg_buf_done(&out);
}

static void names_are_read(void **state) {
  (void)state;
  enum jg_coding coding = JG_CODING_COUNT;
  assert_true(jg_coding_by_name(JG_STR("GZip"), &coding));
  assert_int_equal(coding, JG_CODING_GZIP);
  assert_true(jg_coding_by_name(JG_STR("deflate"), &coding));
  assert_int_equal(coding, JG_CODING_DEFLATE);
  assert_true(jg_coding_by_name(JG_STR("x-gzip"), &coding));
  assert_int_equal(coding, JG_CODING_GZIP);
  assert_true(jg_coding_by_name(JG_STR("identity"), &coding));
  assert_int_equal(coding, JG_CODING_IDENTITY);
  assert_false(jg_coding_by_name(JG_STR("br"), &coding));
  assert_false(jg_coding_by_name(JG_STR_NONE, &coding));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_come_back),
      cmocka_unit_test(the_cap_ends_a_bomb),
      cmocka_unit_test(a_text_cut_short_is_refused),
      cmocka_unit_test(other_forms_are_taken),
      cmocka_unit_test(a_full_buffer_fails),
      cmocka_unit_test(names_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
