#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/schema/members.h"
#include "services/changes/view.h"

static const struct jg_view_options plain = {.mask = {.all = true}};

static struct jg_view *make(const struct jg_view_options *options) {
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 20);
  struct jg_view *view = NULL;
  assert_true(jg_status_ok(jg_view_create(options, &arena, &view)));
  jg_arena_done(&arena);
  return view;
}

static struct jg_view *make_filtered(const char *filter) {
  struct jg_view_options options = plain;
  options.filter = jg_str_from_cstr(filter);
  return make(&options);
}

static void spellings_of_a_filter_are_one_view(void **state) {
  (void)state;
  struct jg_view *a = make_filtered("name eq 'x'  and id2 gt 5");
  struct jg_view *b = make_filtered("(name eq 'x') and (id2 gt 5)");
  struct jg_view *c = make_filtered("name eq 'y' and id2 gt 5");
  assert_true(jg_view_equal(a, b));
  assert_true(jg_view_hash(a) == jg_view_hash(b));
  assert_true(a->filter_hash == b->filter_hash && a->filter_hash != 0 && a->filter_hash != c->filter_hash);
  assert_false(jg_view_equal(a, c));
  assert_true(a->filter_members == (UINT64_C(1) << JG_JOB_NAME | UINT64_C(1) << JG_JOB_ID2));
  assert_int_equal(a->filter_relations, 0);
  jg_view_destroy(a);
  jg_view_destroy(b);
  jg_view_destroy(c);
}

static void a_status_code_is_read_by_its_id(void **state) {
  (void)state;
  struct jg_view *view = make_filtered("job_status_code eq 'Planned'");
  assert_true(view->filter_members == UINT64_C(1) << JG_JOB_JOB_STATUS_ID);
  assert_int_equal(view->filter_relations, 1u << JG_JOB_REL_JOB_STATUS);
  jg_view_destroy(view);
}

static void whatever_else_differs_makes_another_view(void **state) {
  (void)state;
  struct jg_view_options others[] = {plain, plain, plain, plain, plain};
  others[0].nodes = true;
  others[1].entity_changes = true;
  others[2].coalesce_ns = 1000;
  others[3].mask = (struct jg_read_mask){.members = UINT64_C(1) << JG_JOB_NAME};
  others[4].mask = (struct jg_read_mask){.revision = true};
  struct jg_view *view = make(&plain);
  assert_true(view->filter == NULL && view->filter_hash == 0);
  for (size_t i = 0; i < JG_COUNT(others); i++) {
    struct jg_view *other = make(&others[i]);
    assert_false(jg_view_equal(view, other));
    assert_true(jg_view_hash(view) != jg_view_hash(other));
    jg_view_destroy(other);
  }
  jg_view_destroy(view);
}

static void the_id_is_in_every_mask(void **state) {
  (void)state;
  struct jg_view_options options = plain;
  options.mask = (struct jg_read_mask){.members = UINT64_C(1) << JG_JOB_NAME};
  struct jg_view *view = make(&options);
  assert_true(view->mask.members == (UINT64_C(1) << JG_JOB_NAME | UINT64_C(1) << JG_JOB_ID));
  // "*" beside names is "*".
  options.mask.all = true;
  struct jg_view *all = make(&options);
  struct jg_view *same = make(&plain);
  assert_true(jg_view_equal(all, same));
  jg_view_destroy(view);
  jg_view_destroy(all);
  jg_view_destroy(same);
}

static void refusals_name_the_filter(void **state) {
  (void)state;
  static const struct {
    const char *filter, *words;
    enum jg_code code;
  } cases[] = {
      {"name eq", "filter", JG_INVALID_ARGUMENT},
      {"nonsense eq 1", "nonsense", JG_INVALID_ARGUMENT},
      {"project/name eq 'x'", "project", JG_INVALID_ARGUMENT},
      {"job_type_code eq 'x'", "job_type_code", JG_INVALID_ARGUMENT},
      {"modified_dateutc lt now()", "now()", JG_INVALID_ARGUMENT},
      {"name eq 'x' or not (date_create gt now())", "now()", JG_INVALID_ARGUMENT},
      {"name has 'x'", "filter", JG_UNIMPLEMENTED},
  };
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1u << 20);
    struct jg_view_options options = plain;
    options.filter = jg_str_from_cstr(cases[i].filter);
    struct jg_view *view = NULL;
    struct jg_status status = jg_view_create(&options, &arena, &view);
    assert_int_equal(status.code, cases[i].code);
    assert_non_null(strstr(status.message, cases[i].words));
    assert_int_equal(status.details->violation_count, 1);
    assert_string_equal(status.details->violations[0].field, "filter");
    assert_null(view);
    jg_arena_done(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spellings_of_a_filter_are_one_view),
      cmocka_unit_test(a_status_code_is_read_by_its_id),
      cmocka_unit_test(whatever_else_differs_makes_another_view),
      cmocka_unit_test(the_id_is_in_every_mask),
      cmocka_unit_test(refusals_name_the_filter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
