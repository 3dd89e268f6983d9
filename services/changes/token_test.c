#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/changes/token.h"

static const struct jg_token sample = {.tenant = 7,
                                       .epoch = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
                                       .revision = 1234567890123,
                                       .filter_hash = UINT64_C(0xfedcba9876543210),
                                       .in_snapshot = true,
                                       .rid = 9876543210};

static void same_token(const struct jg_token *a, const struct jg_token *b) {
  assert_int_equal(a->tenant, b->tenant);
  assert_true(jg_uuid_equal(a->epoch, b->epoch));
  assert_int_equal(a->revision, b->revision);
  assert_true(a->filter_hash == b->filter_hash);
  assert_int_equal(a->in_snapshot, b->in_snapshot);
  assert_int_equal(a->rid, b->rid);
}

static void round_trip(void **state) {
  (void)state;
  const int64_t numbers[] = {0, 1, 255, 256, INT64_MAX};
  for (size_t i = 0; i < JG_COUNT(numbers); i++) {
    struct jg_token token = sample;
    token.revision = numbers[i];
    token.tenant = numbers[JG_COUNT(numbers) - 1 - i];
    token.filter_hash = (uint64_t)numbers[i] * 3;
    token.in_snapshot = i % 2 == 0;
    token.rid = token.in_snapshot ? numbers[i] : 0;
    char text[JG_TOKEN_TEXT_MAX];
    size_t len = jg_token_format(&token, text);
    assert_in_range(len, 1, JG_TOKEN_TEXT_MAX);
    struct jg_token back;
    assert_true(jg_status_ok(jg_token_parse(jg_str_make(text, len), &back)));
    same_token(&token, &back);
  }
}

/* Tokens are kept by clients across upgrades: the text of a version must not change. */
static void text_is_stable(void **state) {
  (void)state;
  char text[JG_TOKEN_TEXT_MAX];
  size_t len = jg_token_format(&sample, text);
  const char expected[] = "AgEAAAAAAAAABwECAwQFBgcICQoLDA0ODxAAAAEfcfsEy_7cuph2VDIQAAAAAkywFurZ3LnI";
  assert_int_equal(len, sizeof(expected) - 1);
  assert_memory_equal(text, expected, len);
}

static void refuse(struct jg_str text) {
  struct jg_token token = sample;
  struct jg_status status = jg_token_parse(text, &token);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(status.reason, JG_REASON_INVALID_TOKEN);
  assert_non_null(status.details);
  assert_int_equal(status.details->violation_count, 1);
  assert_string_equal(status.details->violations[0].field, "resume_token");
  same_token(&token, &sample);
}

static void any_other_byte_is_refused(void **state) {
  (void)state;
  char text[JG_TOKEN_TEXT_MAX];
  size_t len = jg_token_format(&sample, text);
  for (size_t i = 0; i < len; i++) {
    char kept = text[i];
    for (int c = 0; c < 256; c++) {
      text[i] = (char)c;
      if ((char)c != kept) {
        refuse(jg_str_make(text, len));
      }
    }
    text[i] = kept;
  }
}

static void garbage_is_refused(void **state) {
  (void)state;
  char text[JG_TOKEN_TEXT_MAX + 1];
  size_t len = jg_token_format(&sample, text);
  for (size_t i = 0; i < len; i++) {
    refuse(jg_str_make(text, i));
  }
  text[len] = 'A';
  refuse(jg_str_make(text, len + 1));
  refuse(JG_STR_NONE);
  refuse(JG_STR("12345"));
  refuse(JG_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
  // Right check sums over an unknown flag, a rid outside a snapshot, negative numbers.
  refuse(JG_STR("AgIAAAAAAAAABwECAwQFBgcICQoLDA0ODxAAAAAAAAAABQAAAAAAAAAAAAAAAAAAAAAv_hBK"));
  refuse(JG_STR("AgAAAAAAAAAABwECAwQFBgcICQoLDA0ODxAAAAAAAAAABQAAAAAAAAAAAAAAAAAAAAFkm_lN"));
  refuse(JG_STR("AgEAAAAAAAAABwECAwQFBgcICQoLDA0ODxD_________-wAAAAAAAAAAAAAAAAAAAAGK1cTf"));
  refuse(JG_STR("AgEAAAAAAAAABwECAwQFBgcICQoLDA0ODxAAAAAAAAAABQAAAAAAAAAA__________9kkWWi"));
}

static void another_version_is_named(void **state) {
  (void)state;
  // Version 3 with a right check sum.
  const struct jg_str text = JG_STR("AwEAAAAAAAAABwECAwQFBgcICQoLDA0ODxAAAAEfcfsEy_7cuph2VDIQAAAAAkywFuoUbdk1");
  refuse(text);
  struct jg_token token;
  struct jg_status status = jg_token_parse(text, &token);
  assert_string_equal(status.message, "resume_token has a version that this server does not know");
}

struct check_case {
  int64_t tenant;
  uint8_t epoch;
  int64_t revision;
  uint64_t filter_hash;
  int64_t oldest, newest;
  enum jg_code code;
  enum jg_reason reason;
};

static void matrix(void **state) {
  (void)state;
  const struct check_case cases[] = {
      {1, 9, 0, 5, 1, 0, JG_OK, JG_REASON_NONE},                             // nothing was ever written
      {1, 9, 10, 5, 1, 10, JG_OK, JG_REASON_NONE},                           // the newest
      {1, 9, 0, 5, 1, 10, JG_OK, JG_REASON_NONE},                            // from the beginning
      {1, 9, 4, 5, 5, 10, JG_OK, JG_REASON_NONE},                            // the oldest change is the next one
      {1, 9, 3, 5, 5, 10, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST},          // that one was compacted
      {1, 9, 11, 5, 1, 10, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST},         // ahead
      {1, 9, INT64_MAX, 5, 1, 10, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST},  // far ahead
      {1, 8, 5, 5, 1, 10, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST},          // another epoch
      {2, 9, 5, 5, 1, 10, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN},     // another tenant
      {2, 8, 50, 6, 1, 10, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN},    // everything: says nothing of the log
      {1, 9, 5, 6, 1, 10, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN},     // another filter
      {1, 8, 50, 6, 1, 10, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN},    // another filter and epoch
  };
  const struct jg_token expected = {.tenant = 1, .epoch = {{9}}, .filter_hash = 5};
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    const struct check_case *c = &cases[i];
    struct jg_arena arena;
    jg_arena_init(&arena, 4096);
    struct jg_token token = {
        .tenant = c->tenant, .epoch = {{c->epoch}}, .revision = c->revision, .filter_hash = c->filter_hash};
    struct jg_status status = jg_token_check(&token, &expected, c->oldest, c->newest, &arena);
    assert_int_equal(status.code, c->code);
    assert_int_equal(status.reason, c->reason);
    if (c->code == JG_OUT_OF_RANGE) {
      assert_non_null(status.details);
      assert_int_equal(status.details->oldest_revision, c->oldest);
      assert_int_equal(status.details->newest_revision, c->newest);
      assert_in_range(status.details->retry_delay_ms, 1, 60000);
      assert_int_equal(jg_status_http(status), 410);
    } else if (c->code == JG_INVALID_ARGUMENT) {
      assert_string_equal(status.details->violations[0].field, "resume_token");
      assert_int_equal(jg_status_http(status), 400);
    }
    jg_arena_done(&arena);
  }
}

static void check_without_memory_still_refuses(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1);
  const struct jg_token token = {.tenant = 1, .revision = 9};
  struct jg_status status = jg_token_check(&token, &token, 1, 8, &arena);
  assert_int_equal(status.reason, JG_REASON_HISTORY_LOST);
  assert_null(status.details);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(text_is_stable),
      cmocka_unit_test(any_other_byte_is_refused),
      cmocka_unit_test(garbage_is_refused),
      cmocka_unit_test(another_version_is_named),
      cmocka_unit_test(matrix),
      cmocka_unit_test(check_without_memory_still_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
