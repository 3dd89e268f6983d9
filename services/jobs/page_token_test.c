#include "services/jobs/page_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct jg_page_token token = {
    .order = JG_ORDER_MODIFIED,
    .descending = true,
    .filter_hash = UINT64_C(0x123456789abcdef0),
    .id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255}},
    .modified_ticks = INT64_C(-5),
};

static void test_round_trip(void **state) {
  (void)state;
  for (unsigned i = 0; i < 4; i++) {
    struct jg_page_token in = token, out;
    in.order = i < 2 ? JG_ORDER_ID : JG_ORDER_MODIFIED;
    in.descending = i % 2 == 1;
    char text[JG_PAGE_TOKEN_LEN];
    jg_page_token_format(&in, 7, text);
    for (size_t j = 0; j < sizeof(text); j++) {
      assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[j]));
    }
    assert_true(jg_page_token_parse(jg_str_make(text, sizeof(text)), 7, &out));
    assert_int_equal(out.order, in.order);
    assert_int_equal(out.descending, in.descending);
    assert_true(out.filter_hash == in.filter_hash);
    assert_true(out.modified_ticks == in.modified_ticks);
    assert_true(jg_uuid_equal(out.id, in.id));
    // Another tenant's.
    assert_false(jg_page_token_parse(jg_str_make(text, sizeof(text)), 8, &out));
  }
}

/* Each character matters, and so does the length. */
static void test_garbage(void **state) {
  (void)state;
  char text[JG_PAGE_TOKEN_LEN + 1];
  struct jg_page_token out;
  for (size_t i = 0; i < JG_PAGE_TOKEN_LEN; i++) {
    static const char others[] = "Az-_=+/ \xff";
    for (size_t j = 0; j < sizeof(others); j++) {
      jg_page_token_format(&token, 7, text);
      if (text[i] == others[j]) {
        continue;
      }
      text[i] = others[j];
      assert_false(jg_page_token_parse(jg_str_make(text, JG_PAGE_TOKEN_LEN), 7, &out));
    }
  }
  jg_page_token_format(&token, 7, text);
  text[JG_PAGE_TOKEN_LEN] = 'A';
  assert_false(jg_page_token_parse(jg_str_make(text, JG_PAGE_TOKEN_LEN - 1), 7, &out));
  assert_false(jg_page_token_parse(jg_str_make(text, JG_PAGE_TOKEN_LEN + 1), 7, &out));
  assert_false(jg_page_token_parse(JG_STR_NONE, 7, &out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_garbage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
