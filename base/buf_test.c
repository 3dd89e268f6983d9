#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_contents(const struct jg_buf *buf, const char *expected) {
  assert_int_equal(buf->len, strlen(expected));
  if (buf->len != 0) {
    assert_memory_equal(buf->data, expected, buf->len);
  }
}

static void test_append(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 100);
  assert_int_equal(jg_buf_str(&buf).len, 0);
  jg_buf_append(&buf, NULL, 0);
  jg_buf_append(&buf, "ab", 2);
  jg_buf_append_char(&buf, '\0');
  jg_buf_append_str(&buf, JG_STR("c"));
  jg_buf_append_str(&buf, JG_STR_NONE);
  jg_buf_printf(&buf, "%d", 12);
  assert_int_equal(buf.len, 6);
  assert_memory_equal(jg_buf_str(&buf).data, "ab\0c12", 6);
  assert_false(buf.failed);
  jg_buf_done(&buf);
  jg_buf_done(&buf);
}

static void test_maximum_is_exact(void **state) {
  (void)state;
  const size_t maxima[] = {0, 1, 2, 255, 256, 257, 1000, 4096};
  for (size_t i = 0; i < JG_COUNT(maxima); i++) {
    struct jg_buf buf;
    jg_buf_init(&buf, maxima[i]);
    for (size_t j = 0; j < maxima[i]; j++) {
      jg_buf_append_char(&buf, 'x');
    }
    assert_false(buf.failed);
    assert_int_equal(buf.len, maxima[i]);
    assert_true(buf.capacity <= maxima[i]);
    assert_non_null(jg_buf_reserve(&buf, 0));
    jg_buf_printf(&buf, "%s", "");
    assert_false(buf.failed);
    jg_buf_append_char(&buf, 'y');
    assert_true(buf.failed);
    assert_int_equal(buf.len, maxima[i]);
    jg_buf_done(&buf);
  }
}

static void test_failure_is_sticky(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 4);
  jg_buf_append(&buf, "ab", 2);
  jg_buf_append(&buf, "cde", 3);
  assert_true(buf.failed);
  jg_buf_append_char(&buf, 'c');
  jg_buf_append(&buf, "c", 1);
  jg_buf_append(&buf, NULL, 0);
  jg_buf_printf(&buf, "c");
  assert_null(jg_buf_reserve(&buf, 1));
  assert_contents(&buf, "ab");
  jg_buf_clear(&buf);
  assert_false(buf.failed);
  jg_buf_append(&buf, "wxyz", 4);
  assert_contents(&buf, "wxyz");
  assert_false(buf.failed);
  jg_buf_done(&buf);
}

static void test_printf_meets_the_maximum(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 5);
  jg_buf_printf(&buf, "%s", "abcde");
  assert_false(buf.failed);
  assert_contents(&buf, "abcde");
  jg_buf_clear(&buf);
  jg_buf_printf(&buf, "%s", "abcdef");
  assert_true(buf.failed);
  assert_contents(&buf, "");
  jg_buf_done(&buf);
}

static void test_printf_grows(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 1u << 20);
  size_t expected = 0;
  for (int width = 1; width < 1500; width += 37) {
    jg_buf_printf(&buf, "%*d", width, 7);
    expected += (size_t)width;
    assert_int_equal(buf.len, expected);
    assert_int_equal(buf.data[buf.len - 1], '7');
  }
  assert_false(buf.failed);
  jg_buf_done(&buf);
}

static void test_reserve(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 100000);
  char *room = jg_buf_reserve(&buf, 70000);
  assert_non_null(room);
  memset(room, 'z', 70000);
  buf.len += 70000;
  assert_int_equal(jg_buf_str(&buf).data[69999], 'z');
  volatile size_t huge = SIZE_MAX;
  assert_null(jg_buf_reserve(&buf, huge));
  assert_true(buf.failed);
  jg_buf_clear(&buf);
  assert_true(buf.capacity >= 70000);
  jg_buf_done(&buf);
}

static void test_growth_doubles(void **state) {
  (void)state;
  struct jg_buf buf;
  jg_buf_init(&buf, 1000000);
  size_t moves = 0;
  size_t capacity = 0;
  for (size_t i = 0; i < 1000000; i++) {
    jg_buf_append_char(&buf, 'x');
    if (buf.capacity != capacity) {
      capacity = buf.capacity;
      moves++;
    }
  }
  assert_false(buf.failed);
  assert_true(moves <= 14);
  assert_int_equal(buf.capacity, 1000000);
  jg_buf_done(&buf);
}

static void test_zeroed_buffer(void **state) {
  (void)state;
  struct jg_buf buf = {0};
  jg_buf_clear(&buf);
  jg_buf_append_char(&buf, 'x');
  assert_true(buf.failed);
  jg_buf_done(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_append),
      cmocka_unit_test(test_maximum_is_exact),
      cmocka_unit_test(test_failure_is_sticky),
      cmocka_unit_test(test_printf_meets_the_maximum),
      cmocka_unit_test(test_printf_grows),
      cmocka_unit_test(test_reserve),
      cmocka_unit_test(test_growth_doubles),
      cmocka_unit_test(test_zeroed_buffer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
