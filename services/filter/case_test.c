// Filters and orders without case (contract statement 37): what the tree becomes, and what it then says.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/fixture.h"
#include "services/filter/parse_fixture.h"
#include "services/filter/predicate.h"

#define ARENA_BYTES (4u << 20)

static const struct jg_filter *parse(const char *text, bool fold_case, struct jg_arena *arena) {
  struct jg_filter_options options = jg_parse_fixture_options();
  options.fold_case = fold_case;
  const struct jg_filter *filter = NULL;
  struct jg_status status = jg_filter_parse(jg_str_from_cstr(text), &options, arena, &filter);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", text, status.message);
  }
  return filter;
}

static void assert_canonical(const struct jg_filter *filter, const char *canonical) {
  struct jg_buf out;
  jg_buf_init(&out, JG_FILTER_CANONICAL_BYTES_MAX);
  jg_filter_canonical(filter, &out);
  jg_buf_append_char(&out, '\0');
  assert_string_equal(out.data, canonical);
  jg_buf_done(&out);
}

static void strings_stand_in_tolower(void **state) {
  (void)state;
  static const struct {
    const char *text, *canonical;
  } rows[] = {
      {"name eq 'Rep\xC3\x84R'", "tolower(name) eq 'rep\xC3\xA4r'"},
      {"'A' ne name", "'a' ne tolower(name)"},
      {"name gt description", "tolower(name) gt tolower(description)"},
      {"'A' eq 'a'", "'a' eq 'a'"},
      {"name eq null", "tolower(name) eq null"},
      {"name eq @p", "tolower(name) eq 'x'"},
      {"tolower(name) eq 'A'", "tolower(name) eq 'a'"},
      {"toupper(name) eq 'A'", "tolower(toupper(name)) eq 'a'"},
      {"concat(name,'X') eq 'aX'", "tolower(concat(name,'X')) eq 'ax'"},
      {"contains(name,'A') and startswith('B',name)", "contains(tolower(name),'a') and startswith('b',tolower(name))"},
      {"endswith(trim(name),'A')", "endswith(tolower(trim(name)),'a')"},
      {"indexof(name,'A') eq 1", "indexof(tolower(name),'a') eq 1"},
      {"job_type_code eq 'T' or project/name eq 'P'", "tolower(job_type_code) eq 't' or tolower(project/name) eq 'p'"},
      {"project/equipment_model/translations/any(t:t/language_code eq 'FR')",
       "project/equipment_model/translations/any(x:tolower(x/language_code) eq 'fr')"},
      {"name in ('B','A','a')", "tolower(name) in ('a','b')"},
      {"name in ('B',description,'a')", "tolower(name) in ('a','b') or tolower(name) eq tolower(description)"},
      // No strings: nothing to fold.
      {"length(name) eq 3", "length(name) eq 3"},
      {"id2 eq 1 and due_date gt 2020-01-01", "id2 eq 1 and due_date gt 2020-01-01T00:00:00Z"},
      {"id eq '2044B92D-0000-0000-0000-00000000000A'", "id eq 2044b92d-0000-0000-0000-00000000000a"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    const struct jg_filter *folded = parse(rows[i].text, true, &arena);
    assert_canonical(folded, rows[i].canonical);
    // The text says everything: it is the same tree with the setting and without.
    assert_canonical(parse(rows[i].canonical, true, &arena), rows[i].canonical);
    assert_true(jg_filter_hash(parse(rows[i].canonical, false, &arena)) == jg_filter_hash(folded));
    jg_arena_done(&arena);
  }
}

static void orders_stand_in_tolower(void **state) {
  (void)state;
  static const struct {
    const char *text, *canonical;
  } rows[] = {{"name desc,id2", "tolower(name) desc,id2"},
              {"tolower(name)", "tolower(name)"},
              {"project/name,length(name)", "tolower(project/name),length(name)"},
              {"'x',id", "id"}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    struct jg_filter_options options = jg_parse_fixture_options();
    options.fold_case = true;
    struct jg_filter_order keys[JG_FILTER_ORDER_MAX];
    size_t count = 0;
    struct jg_status status = jg_filter_parse_order(jg_str_from_cstr(rows[i].text), &options, &arena, keys, &count);
    assert_true(jg_status_ok(status));
    struct jg_buf out;
    jg_buf_init(&out, JG_FILTER_CANONICAL_BYTES_MAX);
    jg_filter_canonical_order(keys, count, &out);
    jg_buf_append_char(&out, '\0');
    assert_string_equal(out.data, rows[i].canonical);
    jg_buf_done(&out);
    jg_arena_done(&arena);
  }
}

static bool matches(const char *text, bool fold_case) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_parts job = jg_fixture_job(&arena);
  const struct jg_filter_program *program = NULL;
  assert_true(jg_status_ok(jg_filter_compile(job.entity, parse(text, fold_case, &arena), &arena, &program)));
  bool result = false;
  assert_true(jg_status_ok(jg_filter_matches(program, &job, &arena, &result)));
  jg_arena_done(&arena);
  return result;
}

static void test_37_case_counts_unless_the_setting_is_on(void **state) {
  (void)state;
  static const char *const only_folded[] = {"name eq 'REP\xC3\x84RATUR o''brien'",
                                            "contains(name,'RATUR')",
                                            "startswith(name,'rEP')",
                                            "endswith(name,'BRIEN')",
                                            "indexof(name,'o''BRIEN') gt 0",
                                            "name gt 'a'"};
  for (size_t i = 0; i < JG_COUNT(only_folded); i++) {
    if (matches(only_folded[i], false) || !matches(only_folded[i], true)) {
      fail_msg("%s", only_folded[i]);
    }
  }
}

static void added_nodes_count(void **state) {
  (void)state;
  struct jg_arena arena;
  struct jg_buf text;
  jg_arena_init(&arena, ARENA_BYTES);
  jg_buf_init(&text, 1u << 16);
  // 50 comparisons are 199 nodes, 249 when folded.
  for (size_t i = 0; i < 50; i++) {
    jg_buf_printf(&text, "%sname eq 'a'", i != 0 ? " or " : "");
  }
  struct jg_filter_options options = jg_parse_fixture_options();
  const struct jg_filter *filter = NULL;
  assert_true(jg_status_ok(jg_filter_parse(jg_buf_str(&text), &options, &arena, &filter)));
  options.fold_case = true;
  struct jg_status status = jg_filter_parse(jg_buf_str(&text), &options, &arena, &filter);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(status.reason, JG_REASON_LIMIT_EXCEEDED);
  jg_buf_done(&text);
  jg_arena_done(&arena);
}

static void every_arena_cap(void **state) {
  (void)state;
  struct jg_filter_options options = jg_parse_fixture_options();
  options.fold_case = true;
  bool done = false;
  for (size_t cap = 1; !done; cap += 512) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    const struct jg_filter *filter = NULL;
    struct jg_status status = jg_filter_parse(JG_STR("contains(name,'ABC') or name eq 'D'"), &options, &arena, &filter);
    done = jg_status_ok(status);
    assert_true(done || status.reason == JG_REASON_LIMIT_EXCEEDED);
    jg_arena_done(&arena);
    assert_true(cap < ARENA_BYTES);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(strings_stand_in_tolower),
                                     cmocka_unit_test(orders_stand_in_tolower),
                                     cmocka_unit_test(test_37_case_counts_unless_the_setting_is_on),
                                     cmocka_unit_test(added_nodes_count), cmocka_unit_test(every_arena_cap)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
