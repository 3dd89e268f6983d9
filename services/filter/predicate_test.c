#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/fixture.h"
#include "services/filter/parse_fixture.h"
#include "services/filter/predicate.h"

struct row {
  const char *text;
  bool full, bare; /* for jg_fixture_job and jg_fixture_bare_job */
};

static bool matches(struct jg_arena *arena, const struct jg_parts *parts, const char *text) {
  struct jg_filter_options options = jg_parse_fixture_options();
  options.entity = parts->entity;
  const struct jg_filter *filter = NULL;
  const struct jg_filter_program *program = NULL;
  struct jg_status status = jg_filter_parse(jg_str_from_cstr(text), &options, arena, &filter);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", text, status.message);
  }
  assert_true(jg_status_ok(jg_filter_compile(parts->entity, filter, arena, &program)));
  bool result = false;
  status = jg_filter_matches(program, parts, arena, &result);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", text, status.message);
  }
  return result;
}

static void expect_rows(const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 4 << 20);
    struct jg_parts full = jg_fixture_job(&arena);
    struct jg_parts bare = jg_fixture_bare_job(&arena);
    if (matches(&arena, &full, rows[i].text) != rows[i].full || matches(&arena, &bare, rows[i].text) != rows[i].bare) {
      fail_msg("%s: not %d and %d", rows[i].text, rows[i].full, rows[i].bare);
    }
    jg_arena_done(&arena);
  }
}

static void members_of_every_type(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id eq 2044B92D-0000-0000-0000-00000000000A", true, false},
      {"id eq '2044b92d-0000-0000-0000-00000000000b'", false, true},
      {"id gt 2044B92D-0000-0000-0000-00000000000A", false, true},
      {"project_id eq 00000000-0000-0000-0000-000000000000", false, true},
      {"name eq 'Rep\xC3\xA4ratur O''Brien'", true, false},
      {"name eq ''", false, true},
      {"name gt 'Rep'", true, false},
      {"id2 eq 36", true, false},
      {"id2 eq 0", false, true},
      {"id2 in (35,36)", true, false},
      {"not id2 in (35,36,0)", false, false},
      {"id2 in (1,2,3,null)", false, false},
      {"name in ('b','','a')", false, true},
      {"tolower(name) in ('x','rep\xC3\xA4ratur o''brien')", true, false},
      {"project/name in ('x','y') or not project/name in ('x','y')", true, true},
      {"working_sequence eq -3", true, false},
      {"working_sequence lt 0", true, false},
      {"db_address_latitude_decimal eq 51.05", true, false},
      {"db_address_longitude_decimal lt 0", true, false},
      {"db_address_longitude_decimal eq 0", false, true},
      {"due_date eq 2026-02-15T17:30:15.5Z", true, false},
      {"due_date eq 1980-01-01", false, true},
      {"due_date eq 1980-01-01T02:00:00+02:00", false, true},
      {"modified_dateutc gt '2026-01-29T07:13:40.718Z'", true, false},
      {"modified_dateutc eq 2026-01-29T07:13:40.7184075Z", true, false},
      {"modified_dateutc lt now()", false, true},
      {"modified_dateutc le now()", true, true},
      {"project/is_mobile_installation", true, false},
      {"not project/is_mobile_installation", false, true},
      {"estimated_quantity_remark eq 'none'", true, false},
      {"_parent_id eq null", false, false},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void statement_37_strings_are_case_sensitive(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"db_address_city eq 'Gent'", true, false},          {"db_address_city eq 'gent'", false, false},
      {"tolower(db_address_city) eq 'gent'", true, false}, {"contains(description,'REPLACE')", false, false},
      {"job_status_code eq 'open'", false, false},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void paths_reach_embedded_entities(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"project/name eq 'Boiler house'", true, false},
      {"project/nb_open_jobs eq 7", true, false},
      {"project/nb_jobs_planned eq 0", true, false},  // never set, but its project is there
      {"project/date_built eq 2001-05-06", true, false},
      {"project/id eq project_id", true, false},
      {"project/equipment_model/name eq 'Pump 3000'", true, false},
      {"project/equipment_model/equipment_brand/name eq 'Acme'", true, false},
      {"project/equipment_model/equipment_brand/sales_organization/name eq 'Belgium'", true, false},
      {"suggested_user/sales_organization/code eq 'SO'", true, false},
      {"suggested_user/sales_organization_code eq skill/sales_organization_code", true, true},  // both null
      {"project/equipment_model/equipment_family eq null", true, true},
      {"project/equipment_model eq null", false, true},
      {"project eq null", false, true},
      {"project ne null and skill ne null", true, false},
      {"job_type/sales_organization_id eq 00000000-0000-0000-0000-000000000000", true, false},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void paths_reach_the_parent(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"_parent_job/name eq 'Overhaul'", true, false},
      {"_parent_job/name ne name", true, true},
      {"_parent_job/id eq _parent_id", true, false},
      {"_parent_job/id2 add 1 eq id2", true, false},
      {"_parent_job/reference_back_office eq 'J-0'", true, false},
      {"_parent_job/description eq ''", true, false},  // never set, but the parent is there
      {"_parent_job/due_date gt due_date", true, false},
      {"_parent_job/project_reference_back_office eq 'P-1'", true, false},
      {"_parent_job/job_type_code eq ''", true, false},
      {"_parent_job/_parent_id eq 00000000-0000-0000-0000-000000000000", true, false},
      {"_parent_job eq null", false, true},
      {"project/name eq 'Boiler house' and _parent_job ne null", true, false},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void keys_come_from_the_entity(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"project_reference_back_office eq 'P-1'", true, false},
      {"job_type_code eq 'REP'", true, false},
      {"job_status_code eq 'Open'", true, false},
      {"suggested_user_code eq 'JAN'", true, false},
      {"skill_code eq ''", false, true},  // what is emitted: F2
      {"skill_code eq null", false, false},
      {"length(skill_code) eq 0", false, true},
      {"project/equipment_model_code eq 'M-1'", true, false},
      {"project/equipment_family_code eq ''", true, false},
      {"project/equipment_family_code eq null", false, true},
      {"project/equipment_model/equipment_brand_code eq 'B-1'", true, false},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void logic_is_two_valued(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"true", true, true},
      {"false", false, false},
      {"null", false, false},
      {"not null", true, true},
      {"true and true", true, true},
      {"true and false", false, false},
      {"false or true", true, true},
      {"true or false and false", true, true},
      {"(true or false) and false", false, false},
      {"not false and false", false, false},
      {"not (false and false)", true, true},
      {"project/name eq 'x' or true", true, true},
      {"id2 eq 36 and (name eq 'x' or due_date gt 2026-01-01) and not (id2 eq 37)", true, false},
      {"(id2 eq 36 or id2 eq 0) eq true", true, true},
      {"(id2 eq 36 and id2 eq 0) eq false", true, true},
      {"(id2 eq 36) gt false", true, false},
      {"(id2 eq 36) le (id2 eq 37)", false, true},
      {"project/is_mobile_installation eq false", false, false},
      {"project/is_mobile_installation ne false", true, true},
      {"project/is_mobile_installation or id2 eq 0", true, true},
      {"id2 eq 36 and project/is_mobile_installation", true, false},
      {"(id2 eq 0 and project/is_mobile_installation) eq false", true, true},  // a null condition became false
      {"(id2 eq 36 or contains(project/name,'x')) eq false", false, true},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void null_compares_by_f3(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"null eq null", true, true},
      {"null ne null", false, false},
      {"null gt null", false, false},
      {"null ge null", false, false},
      {"null le null", false, false},
      {"id2 eq null", false, false},
      {"id2 ne null", true, true},
      {"id2 gt null", false, false},
      {"null lt id2", false, false},
      {"project/name eq null", false, true},
      {"project/name ne null", true, false},
      {"null eq project/name", false, true},
      {"project/name ne 'x'", true, true},
      {"not (project/name eq 'x')", true, true},
      {"project/name ge ''", true, false},
      {"project/name le ''", false, false},
      {"project/name lt 'zzz'", true, false},
      {"not (project/name lt 'zzz')", false, true},
      {"project/name eq skill/name", false, true},
      {"project/name ge skill/name", false, false},
      {"project/nb_open_jobs eq null", false, true},
      {"project/date_built eq null", false, true},
      {"project/id eq null", false, true},
      {"date(project/date_built) eq null", false, true},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void arithmetic(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id2 add 4 eq 40", true, false},
      {"id2 sub 40 eq -4", true, false},
      {"id2 mul 2 eq 72", true, false},
      {"id2 div 5 eq 7", true, false},
      {"id2 mod 5 eq 1", true, false},
      {"-7 div 2 eq -3", true, true},
      {"-7 mod 2 eq -1", true, true},
      {"7 mod -2 eq 1", true, true},
      {"-id2 eq -36", true, false},
      {"id2 div 5.0 eq 7.2", true, false},
      {"5.5 mod 2 eq 1.5", true, true},
      {"-5.5 mod 2 eq -1.5", true, true},
      {"1 eq 1.0", true, true},
      {"9007199254740993 eq 9007199254740992.0", true, true},  // as doubles
      {"9007199254740993 eq 9007199254740992", false, false},
      {"db_address_latitude_decimal mul 2 eq 102.1", true, false},
      {"db_address_latitude_decimal gt id2", true, false},
      {"2 add 3 mul 4 eq 14", true, true},
      {"(2 add 3) mul 4 eq 20", true, true},
      {"10 sub 3 sub 2 eq 5", true, true},
      {"id2 div 0 eq null", true, true},
      {"id2 mod 0 eq null", true, true},
      {"1.0 div 0 eq null", true, true},
      {"1.5 mod 0.0 eq null", true, true},
      {"1 div working_sequence eq null", false, true},
      {"9223372036854775807 add 1 eq null", true, true},
      {"-9223372036854775808 sub 1 eq null", true, true},
      {"9223372036854775807 mul 2 eq null", true, true},
      {"-9223372036854775808 div -1 eq null", true, true},
      {"-9223372036854775808 mod -1 eq 0", true, true},
      {"--9223372036854775808 eq null", true, true},
      {"9223372036854775807 add 0 eq 9223372036854775807", true, true},
      {"1e308 mul 10 eq null", true, true},
      {"-1e308 sub 1e308 eq null", true, true},
      {"0.0 eq -0.0", true, true},
      {"null add 1 eq null", true, true},
      {"1 div null eq null", true, true},
      {"-null eq null", true, true},
      {"project/nb_open_jobs add 1 eq 8", true, false},
      {"project/nb_open_jobs add 1 eq null", false, true},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void any_and_all(void **state) {
  (void)state;
#define T "project/equipment_model/translations"
  static const struct row rows[] = {
      {T "/any()", true, false},
      {"not " T "/any()", false, true},
      {T "/any(t:t/language_code eq 'nl')", true, false},
      {T "/any(t:t/language_code eq 'de')", false, false},
      {T "/any(t:t/language_code eq 'nl' and t/value_translated eq 'Pomp')", true, false},
      {T "/any(t:t/language_code eq 'nl' and t/value_translated eq 'Pump')", false, false},
      {T "/all(t:t/field_name eq 'name')", true, true},
      {T "/all(t:t/language_code eq 'en')", false, true},
      {T "/all(t:startswith(t/value_translated,'P') and id2 eq 36)", true, true},
      {T "/any(t:project/name eq 'Boiler house' and t/language_code eq 'nl')", true, false},
      {T "/any(t:project/equipment_model/equipment_brand/sales_organization/city eq 'Gent')", true, false},
      {T "/any(t:" T "/all(u:u/field_name eq 'name'))", true, false},
      {T "/any(t:" T "/any(u:u/language_code eq 'de') or t/language_code eq 'nl')", true, false},
      {T "/all(t:" T "/any(u:u/language_code eq 'nl') and t/field_name eq 'name')", true, true},
      {T "/any(t:null)", false, false},
      {T "/all(t:null)", false, true},
      {"id2 eq 36 and " T "/any(t:t/language_code eq 'en') and " T "/any(t:t/language_code eq 'nl')", true, false},
      {T "/any() eq false", false, true},
  };
#undef T
  expect_rows(rows, JG_COUNT(rows));
}

/* Other entities can be the root, and a list then lies in the payload itself. */
static void a_model_as_the_root(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 4 << 20);
  struct jg_parts model =
      jg_fixture_parts(&arena, JG_KIND_EQUIPMENT_MODEL, "name=Pump;translations=en:name:Pump|nl:name:Pomp|fr:name:");
  assert_true(matches(&arena, &model, "translations/any(t:t/language_code eq 'nl') and name eq 'Pump'"));
  assert_true(matches(&arena, &model, "translations/any(t:t/value_translated eq '')"));
  assert_false(matches(&arena, &model, "translations/all(t:t/value_translated ne '')"));
  assert_true(matches(&arena, &model, "equipment_brand eq null and warranty_period_nb_months eq 0"));
  jg_arena_done(&arena);
}

static void programs_tell_what_they_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *members[3];
    const char *keys[2], *nodes[2]; /* relations */
  } rows[] = {
      {"true", {NULL}, {NULL}, {NULL}},
      {"id2 eq 1 and name eq 'a' and id2 lt 5", {"id2", "name"}, {NULL}, {NULL}},
      {"project_id eq null", {"project_id"}, {NULL}, {NULL}},
      {"job_type_code eq 'a'", {NULL}, {"job_type"}, {NULL}},
      {"project/name eq 'a' and skill_code eq 'a'", {NULL}, {"project", "skill"}, {"project"}},
      {"project/equipment_model/translations/any(t:t/field_name eq name)", {"name"}, {"project"}, {"project"}},
  };
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1 << 20);
    struct jg_filter_options options = jg_parse_fixture_options();
    const struct jg_filter *filter = NULL;
    const struct jg_filter_program *program = NULL;
    assert_true(jg_status_ok(jg_filter_parse(jg_str_from_cstr(rows[i].text), &options, &arena, &filter)));
    assert_true(jg_status_ok(jg_filter_compile(job, filter, &arena, &program)));
    uint64_t members = 0;
    for (size_t j = 0; j < 3 && rows[i].members[j] != NULL; j++) {
      members |= UINT64_C(1) << jg_entity_member(job, jg_str_from_cstr(rows[i].members[j]))->index;
    }
    uint32_t keys = 0;
    uint32_t nodes = 0;
    for (size_t j = 0; j < 2; j++) {
      keys |= rows[i].keys[j] == NULL
                  ? 0
                  : UINT32_C(1) << jg_entity_member(job, jg_str_from_cstr(rows[i].keys[j]))->relation;
      nodes |= rows[i].nodes[j] == NULL
                   ? 0
                   : UINT32_C(1) << jg_entity_member(job, jg_str_from_cstr(rows[i].nodes[j]))->relation;
    }
    assert_true(jg_filter_program_members(program) == members);
    assert_int_equal(jg_filter_program_relations(program, false), keys);
    assert_int_equal(jg_filter_program_relations(program, true), nodes);
    jg_arena_done(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_of_every_type),
      cmocka_unit_test(statement_37_strings_are_case_sensitive),
      cmocka_unit_test(paths_reach_embedded_entities),
      cmocka_unit_test(paths_reach_the_parent),
      cmocka_unit_test(keys_come_from_the_entity),
      cmocka_unit_test(logic_is_two_valued),
      cmocka_unit_test(null_compares_by_f3),
      cmocka_unit_test(arithmetic),
      cmocka_unit_test(any_and_all),
      cmocka_unit_test(a_model_as_the_root),
      cmocka_unit_test(programs_tell_what_they_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
