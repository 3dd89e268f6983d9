#include "proto/codec/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LENGTH_MAX 40

static size_t first_special(const char *text, size_t from, size_t len) {
  while (from < len && !jg_scan_special((unsigned char)text[from])) {
    from++;
  }
  return from;
}

/* Every byte value at every place of every length, on every alignment of the start. */
static void both_searches_find_the_first_special_byte(void **state) {
  (void)state;
  char text[LENGTH_MAX];
  for (unsigned byte = 0; byte < 256; byte++) {
    for (size_t at = 0; at < LENGTH_MAX; at++) {
      memset(text, 0xe9, sizeof(text));
      text[at] = (char)byte;
      // What stands behind the first one, and borrows that reach upwards, must not matter.
      if (at + 1 < LENGTH_MAX) {
        text[at + 1] = '!';
      }
      for (size_t from = 0; from < 17; from++) {
        size_t expected = first_special(text, from, LENGTH_MAX);
        assert_ptr_equal(jg_scan_plain(text + from, text + LENGTH_MAX), text + expected);
        assert_ptr_equal(jg_scan_plain_portable(text + from, text + LENGTH_MAX), text + expected);
      }
    }
  }
}

static void the_end_is_respected(void **state) {
  (void)state;
  static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";
  for (size_t len = 0; len < sizeof(text) - 1; len++) {
    assert_ptr_equal(jg_scan_plain(text, text + len), text + len);
    assert_ptr_equal(jg_scan_plain_portable(text, text + len), text + len);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_searches_find_the_first_special_byte),
      cmocka_unit_test(the_end_is_respected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
