#include "services/jobs/page_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct jg_arena arena;

static int setup(void **state) {
  (void)state;
  jg_arena_init(&arena, 64u << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_arena_done(&arena);
  return 0;
}

static struct jg_page_token make(struct jg_str keys) {
  return (struct jg_page_token){.filter_hash = UINT64_C(0x123456789abcdef0),
                                .order_hash = 77,
                                .by_key = true,
                                .id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255}},
                                .keys = keys};
}

static void round_trips_with_keys_of_every_length(void **state) {
  (void)state;
  char keys[JG_PAGE_TOKEN_KEYS_MAX];
  for (size_t i = 0; i < sizeof keys; i++) {
    keys[i] = (char)(i * 7);
  }
  for (size_t len = 0; len <= sizeof keys; len += len < 10 ? 1 : 109) {
    struct jg_page_token in = make(jg_str_make(keys, len)), out;
    struct jg_str text = jg_page_token_format(&in, 7, &arena);
    assert_int_equal(text.len, JG_PAGE_TOKEN_LEN(len));
    assert_int_equal(text.data[text.len], '\0');
    assert_int_equal(strspn(text.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), text.len);
    assert_true(jg_page_token_parse(text, 7, &arena, &out));
    assert_true(out.filter_hash == in.filter_hash && out.order_hash == in.order_hash && out.passed == 0 && out.by_key);
    assert_true(jg_uuid_equal(out.id, in.id) && jg_str_equal(out.keys, in.keys));
    assert_false(jg_page_token_parse(text, 8, &arena, &out)); /* another tenant's */
  }
  struct jg_page_token in = make(JG_STR_NONE), out;
  in.passed = INT64_MAX;
  in.by_key = false;
  assert_true(jg_page_token_parse(jg_page_token_format(&in, 7, &arena), 7, &arena, &out));
  assert_true(out.passed == INT64_MAX && !out.by_key);
}

/* Each character matters, and so does the length. */
static void garbage_is_refused(void **state) {
  (void)state;
  struct jg_page_token in = make(JG_STR("key")), out;
  struct jg_str text = jg_page_token_format(&in, 7, &arena);
  for (size_t i = 0; i < text.len; i++) {
    static const char others[] = "Az-_=+/ \xff";
    for (size_t j = 0; j < sizeof others; j++) {
      struct jg_str copy = jg_arena_str(&arena, text);
      if (copy.data[i] != others[j]) {
        ((char *)copy.data)[i] = others[j];
        assert_false(jg_page_token_parse(copy, 7, &arena, &out));
      }
    }
  }
  for (size_t len = 0; len < text.len; len++) {
    assert_false(jg_page_token_parse(jg_str_sub(text, 0, len), 7, &arena, &out));
  }
  assert_false(jg_page_token_parse(JG_STR_NONE, 7, &arena, &out));
}

static void a_full_arena_is_told(void **state) {
  (void)state;
  struct jg_page_token in = make(JG_STR("key")), out;
  struct jg_str text = jg_page_token_format(&in, 7, &arena);
  struct jg_arena small;
  jg_arena_init(&small, 1);
  assert_null(jg_page_token_format(&in, 7, &small).data);
  assert_false(jg_page_token_parse(text, 7, &small, &out));
  jg_arena_done(&small);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(round_trips_with_keys_of_every_length, setup, teardown),
      cmocka_unit_test_setup_teardown(garbage_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_full_arena_is_told, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
