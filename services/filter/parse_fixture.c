#include "services/filter/parse_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"

#define ARENA_BYTES (4u << 20)

static const struct jg_filter_alias aliases[] = {
    {{"@p", 2}, {"'x'", 3}},
    {{"@sum", 4}, {" id2 add 1 ", 11}},
    {{"@cond", 5}, {"id2 eq 1 or id2 eq 2", 20}},
    {{"@nested", 7}, {"@sum sub 2", 10}},
    {{"@date", 5}, {"'2015-06-02'", 12}},
    {{"@self", 5}, {"@self", 5}},
    {{"@ping", 5}, {"@pong", 5}},
    {{"@pong", 5}, {"not @ping", 9}},
    {{"@open", 5}, {"(1", 2}},
    {{"@close", 6}, {"1)", 2}},
    {{"@comma", 6}, {"'a','b'", 7}},
    {{"@empty", 6}, {"", 0}},
    {{"@utf8", 5}, {"'\xFF'", 3}},
    {{"@wrong", 6}, {"foo", 3}},
};

struct jg_filter_options jg_parse_fixture_options(void) {
  return (struct jg_filter_options){.entity = jg_entity(JG_KIND_JOB),
                                    .field = "$filter",
                                    .now_ticks = JG_PARSE_FIXTURE_NOW,
                                    .aliases = aliases,
                                    .alias_count = JG_COUNT(aliases)};
}

static struct jg_str canonical_of(const char *text, struct jg_arena *arena, uint64_t *ret_hash) {
  struct jg_filter_options options = jg_parse_fixture_options();
  const struct jg_filter *filter = NULL;
  struct jg_status status = jg_filter_parse(jg_str_from_cstr(text), &options, arena, &filter);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", text, status.message);
  }
  assert_int_equal(filter->type, JG_VALUE_BOOL);
  struct jg_buf out;
  jg_buf_init(&out, JG_FILTER_CANONICAL_BYTES_MAX);
  jg_filter_canonical(filter, &out);
  assert_false(out.failed);
  struct jg_str canonical = jg_arena_str(arena, jg_buf_str(&out));
  jg_buf_done(&out);
  *ret_hash = jg_filter_hash(filter);
  return canonical;
}

void jg_parse_expect(const char *text, const char *canonical) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  uint64_t hash = 0;
  uint64_t again = 0;
  assert_string_equal(canonical_of(text, &arena, &hash).data, canonical);
  assert_string_equal(canonical_of(canonical, &arena, &again).data, canonical);
  assert_true(hash == again && hash != 0);
  jg_arena_done(&arena);
}

void jg_parse_refuse(const char *text, enum jg_code code, const char *part) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_filter_options options = jg_parse_fixture_options();
  static const struct jg_filter untouched = {.kind = JG_FILTER_LITERAL};
  const struct jg_filter *filter = &untouched;
  struct jg_status status = jg_filter_parse(jg_str_from_cstr(text), &options, &arena, &filter);
  if (status.code != code || strstr(status.message, part) == NULL) {
    fail_msg("%s: %s, %s", text, jg_code_name(status.code), status.message);
  }
  assert_int_equal(status.reason != JG_REASON_LIMIT_EXCEEDED
                       ? (code == JG_UNIMPLEMENTED ? JG_REASON_NOT_BUILT : JG_REASON_INVALID_MEMBER)
                       : JG_REASON_LIMIT_EXCEEDED,
                   status.reason);
  assert_ptr_equal(filter, &untouched);
  assert_non_null(status.details);
  assert_int_equal(status.details->violation_count, 1);
  assert_string_equal(status.details->violations[0].field, "$filter");
  assert_non_null(strstr(status.message, status.details->violations[0].message));
  assert_non_null(strstr(status.message, " at position "));
  jg_arena_done(&arena);
}

uint64_t jg_parse_hash(const char *text) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  uint64_t hash = 0;
  (void)canonical_of(text, &arena, &hash);
  jg_arena_done(&arena);
  return hash;
}
