#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/parse_fixture.h"

/* Each text and its canonical one; NULL: it is canonical already. */
struct row {
  const char *text, *canonical;
};

static void expect_rows(const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    jg_parse_expect(rows[i].text, rows[i].canonical != NULL ? rows[i].canonical : rows[i].text);
  }
}

static void statement_31_quoted_and_bare_dates_are_one(void **state) {
  (void)state;
  static const char canonical[] = "modified_dateutc gt 2015-06-02T00:00:00Z";
  static const char *const texts[] = {
      "modified_dateutc gt '2015-06-02T00:00:00.000Z'",
      "modified_dateutc gt 2015-06-02T00:00:00.000Z",
      "modified_dateutc gt '2015-06-02T00:00:00Z'",
      "modified_dateutc gt '2015-06-02T00:00:00'",
      "modified_dateutc gt 2015-06-02T00:00:00",
      "modified_dateutc gt 2015-06-02T00:00Z",
      "modified_dateutc gt '2015-06-02'",
      "modified_dateutc gt 2015-06-02",
      "modified_dateutc gt 2015-06-02t00:00:00z",
      "modified_dateutc  gt\t2015-06-02 ",
  };
  for (size_t i = 0; i < JG_COUNT(texts); i++) {
    jg_parse_expect(texts[i], canonical);
  }
}

static void statement_32_and_between_two_comparisons(void **state) {
  (void)state;
  jg_parse_expect("modified_dateutc gt '2015-06-02T00:00:00.000Z' and id2 eq 5",
                  "modified_dateutc gt 2015-06-02T00:00:00Z and id2 eq 5");
}

static void statement_33_upper_case_operators_are_refused(void **state) {
  (void)state;
  jg_parse_refuse("id2 eq 1 AND id2 eq 2", JG_INVALID_ARGUMENT, "'AND'");
  jg_parse_refuse("id2 EQ 1", JG_INVALID_ARGUMENT, "'EQ'");
  jg_parse_refuse("NOT contains(name,'a')", JG_INVALID_ARGUMENT, "'NOT'");
  jg_parse_refuse("Contains(name,'a')", JG_INVALID_ARGUMENT, "unknown function 'Contains'");
}

static void statement_34_offsets_name_instants(void **state) {
  (void)state;
  static const char canonical[] = "due_date eq 2026-01-29T05:13:40.5Z";
  jg_parse_expect("due_date eq 2026-01-29T07:13:40.5+02:00", canonical);
  jg_parse_expect("due_date eq '2026-01-29T07:13:40.5+02:00'", canonical);
  jg_parse_expect("due_date eq 2026-01-29T05:13:40.50Z", canonical);
  jg_parse_expect("due_date eq 2026-01-29T00:13:40.5-05:00", canonical);
}

static void statement_35_a_space_for_the_plus_of_an_offset(void **state) {
  (void)state;
  static const char canonical[] = "due_date eq 2026-01-29T05:13:40Z and id2 eq 1";
  jg_parse_expect("due_date eq 2026-01-29T07:13:40 02:00 and id2 eq 1", canonical);
  jg_parse_expect("due_date eq '2026-01-29T07:13:40 02:00' and id2 eq 1", canonical);
  jg_parse_expect("(due_date eq 2026-01-29T07:13:40 02:00)and id2 eq 1", canonical);
  jg_parse_refuse("due_date eq 2026-01-29T07:13:40 02:0", JG_INVALID_ARGUMENT, "position");
}

/* OData 4.01, which clients of 4.0 send too: it binds tightest and is its comparisons. */
static void in_a_list(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id2 in (1)", "id2 eq 1"},
      {"id2 in (3,1,2,1)", "id2 in (1,2,3)"},
      {"id2 in (2,2)", "id2 eq 2"},
      {"name in('it''s', 'a' )", "name in ('a','it''s')"},
      {"tolower(name) in ('a','b')", "tolower(name) in ('a','b')"},
      {"tolower(name) in ('a',description)", "tolower(name) eq 'a' or tolower(name) eq description"},
      {"(id2 in (1,2)) eq true and not id2 in (3,4)", "id2 in (1,2) eq true and not id2 in (3,4)"},
      {"db_address_longitude_decimal in (1,2.5)", "db_address_longitude_decimal in (1.0,2.5)"},
      {"id2 in (1,2.5,3,null)", "id2 in (1,3) or id2 eq 2.5 or id2 eq null"},
      {"modified_dateutc in (2015-06-02,now(),2015-06-03)",
       "modified_dateutc in (2015-06-02T00:00:00Z,2015-06-03T00:00:00Z) or modified_dateutc eq now()"},
      {"(name)in('a')", "name eq 'a'"},
      {"id in (2044B92D-0000-0000-0000-00000000000A,'2044b92d-0000-0000-0000-00000000000b')",
       "id in (2044b92d-0000-0000-0000-00000000000a,2044b92d-0000-0000-0000-00000000000b)"},
      {"due_date in ('2015-06-02',null)", "due_date eq 2015-06-02T00:00:00Z or due_date eq null"},
      {"project/name in (name,'b') and id2 eq 1", "(project/name eq 'b' or project/name eq name) and id2 eq 1"},
      {"not id2 in (1,-2)", "not id2 in (-2,1)"},
      {"id2 in (1 add 1,(2))", "id2 eq 2 or id2 eq 1 add 1"},
      {"project in (null)", "project/id eq null"},
      {"project in (null,null)", "project/id eq null or project/id eq null"},
      {"project/equipment_model/translations/any(t:t/field_name in ('a','b'))",
       "project/equipment_model/translations/any(x:x/field_name in ('a','b'))"},
  };
  expect_rows(rows, JG_COUNT(rows));
  jg_parse_refuse("id2 in (1,'a')", JG_INVALID_ARGUMENT, "cannot stand between an integer and a string");
  jg_parse_refuse("project in ('a')", JG_INVALID_ARGUMENT, "is no value");
}

static void statement_36_operators_and_precedence(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id2 eq 1", NULL},
      {"id2 ne 1", NULL},
      {"id2 gt 1", NULL},
      {"id2 ge 1", NULL},
      {"id2 lt 1", NULL},
      {"id2 le 1", NULL},
      {"(id2 eq 1)", "id2 eq 1"},
      {"(((id2)) eq ((1)))", "id2 eq 1"},
      {"( id2 eq 1 )", "id2 eq 1"},
      // or, and, equality, relations, sums, products, unary: each inside the next without parentheses
      {"id2 eq 1 or id2 eq 2 and id2 eq 3", NULL},
      {"id2 eq 1 or (id2 eq 2 and id2 eq 3)", "id2 eq 1 or id2 eq 2 and id2 eq 3"},
      {"(id2 eq 1 or id2 eq 2) and id2 eq 3", NULL},
      {"id2 eq 1 and (id2 eq 2 or id2 eq 3)", NULL},
      {"id2 eq 1 and id2 eq 2 and id2 eq 3", NULL},
      {"(id2 eq 1 and id2 eq 2) and id2 eq 3", "id2 eq 1 and id2 eq 2 and id2 eq 3"},
      {"id2 eq 1 and (id2 eq 2 and id2 eq 3)", NULL},
      {"true eq id2 gt 1", NULL},
      {"true eq (id2 gt 1)", "true eq id2 gt 1"},
      {"id2 gt 1 eq true", NULL},
      {"(id2 gt 1) eq true ne false", "id2 gt 1 eq true ne false"},
      {"true eq (true ne false)", NULL},
      {"id2 add 1 gt 2 sub 3", NULL},
      {"id2 add 1 sub 2 add 3 eq 0", NULL},
      {"id2 add (1 sub 2) eq 0", NULL},
      {"id2 sub (1 add 2) eq 0", NULL},
      {"id2 add 2 mul 3 eq 0", NULL},
      {"(id2 add 2) mul 3 eq 0", NULL},
      {"id2 mul 2 div 3 mod 4 eq 0", NULL},
      {"id2 mul (2 div 3) eq 0", NULL},
      {"-id2 mul 2 eq 0", NULL},
      {"-(id2 mul 2) eq 0", NULL},
      {"- id2 eq 0", "-id2 eq 0"},
      {"--id2 eq 0", NULL},
      {"-(id2) eq 0", "-id2 eq 0"},
      {"not (id2 eq 1)", NULL},
      {"not(id2 eq 1)", "not (id2 eq 1)"},
      {"not contains(name,'a')", NULL},
      {"not not contains(name,'a')", NULL},
      {"not contains(name,'a') and id2 eq 1", NULL},
      {"not (contains(name,'a') and id2 eq 1)", NULL},
      {"not project/is_mobile_installation eq true", NULL},
      {"not (project/is_mobile_installation eq true)", NULL},
      {"project/is_mobile_installation", NULL},
      {"project/is_mobile_installation and true", NULL},
      {"null", "false"},
      {"null and not null", "false and not false"},
      {"null eq null", NULL},
      {"null add 1 eq -null", NULL},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void statement_38_doubled_quotes(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"name eq 'O''Brien'", NULL},
      {"name eq ''", NULL},
      {"name eq ''''", NULL},
      {"name eq '''' and description eq 'a''''b'''", NULL},
      {"name eq 'a) or (id2 eq 1'", NULL},
      {"name eq ' and '", NULL},
      {"name eq '@p'", NULL},
      {"name eq 'Zo\xC3\xAB \xF0\x9F\x98\x80'", NULL},
      {"name eq '2015-06-02'", NULL},
      {"name eq '2044b92d-0000-0000-0000-00000000000a'", NULL},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void statement_39_bare_and_quoted_guids_of_any_case(void **state) {
  (void)state;
  static const char canonical[] = "id eq 2044b92d-0000-0000-0000-00000000000a";
  jg_parse_expect("id eq 2044B92D-0000-0000-0000-00000000000A", canonical);
  jg_parse_expect("id eq '2044B92D-0000-0000-0000-00000000000A'", canonical);
  jg_parse_expect("id eq '2044b92d-0000-0000-0000-00000000000a'", canonical);
  jg_parse_expect("'2044b92d-0000-0000-0000-00000000000a' ne id", "2044b92d-0000-0000-0000-00000000000a ne id");
  jg_parse_expect("project_id eq a60bc691-ab2f-42f5-8a5b-998a29a27537 or id2 eq 1",
                  "project_id eq a60bc691-ab2f-42f5-8a5b-998a29a27537 or id2 eq 1");
  jg_parse_expect("project/id ge 00000000-0000-0000-0000-000000000000",
                  "project/id ge 00000000-0000-0000-0000-000000000000");
}

static void every_literal_form(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id2 eq 0", NULL},
      {"id2 eq -0", "id2 eq 0"},
      {"id2 eq +7", "id2 eq 7"},
      {"id2 eq 007", "id2 eq 7"},
      {"id2 eq 9223372036854775807", NULL},
      {"id2 eq -9223372036854775808", NULL},
      {"id2 eq - 9223372036854775807", "id2 eq -9223372036854775807"},
      {"id2 eq --9223372036854775808", NULL},
      {"id2 eq --5", "id2 eq 5"},
      {"id2 eq 9223372036854775808", "id2 eq 9.223372036854776e+18"},
      {"id2 eq 1.5", NULL},
      {"id2 eq -1.50", "id2 eq -1.5"},
      {"id2 eq 1.0", NULL},
      {"id2 eq 1e3", "id2 eq 1000.0"},
      {"id2 eq 1E+3", "id2 eq 1000.0"},
      {"id2 eq 1.25e-3", "id2 eq 0.00125"},
      {"id2 eq 1e300", "id2 eq 1e+300"},
      {"id2 eq 1e-400", "id2 eq 0.0"},
      {"id2 eq -0.0", "id2 eq 0.0"},
      {"id2 eq 0.1", NULL},
      {"id2 eq 0.30000000000000004", NULL},
      {"db_address_latitude_decimal gt 49", "db_address_latitude_decimal gt 49.0"},
      {"49 lt db_address_latitude_decimal", "49.0 lt db_address_latitude_decimal"},
      {"db_address_latitude_decimal add 1 gt id2", "db_address_latitude_decimal add 1.0 gt id2"},
      {"1 eq 1.5", "1.0 eq 1.5"},
      {"true", NULL},
      {"false", NULL},
      {"true eq false", NULL},
      {"name eq null", NULL},
      {"due_date lt now()", NULL},
      {"due_date lt now( )", "due_date lt now()"},
      {"due_date gt mindatetime()", "due_date gt 0001-01-01T00:00:00Z"},
      {"due_date lt maxdatetime()", "due_date lt 9999-12-31T23:59:59.9999999Z"},
      {"date(due_date) eq 2026-02-15", NULL},
      {"date(due_date) eq '2026-02-15'", "date(due_date) eq 2026-02-15"},
      {"date(due_date) eq date(now())", NULL},
      {"time(due_date) lt 07:13", "time(due_date) lt 07:13:00"},
      {"time(due_date) lt 07:13:40.7184075", NULL},
      {"time(due_date) lt 07:13:40.500", "time(due_date) lt 07:13:40.5"},
      {"time(due_date) lt '07:13:40'", "time(due_date) lt 07:13:40"},
      {"07:13:40 lt 08:00:00", NULL},
      {"due_date gt 2026-01-29T07:13:40.71840749Z", "due_date gt 2026-01-29T07:13:40.7184075Z"},
      {"due_date gt 0001-01-01", "due_date gt 0001-01-01T00:00:00Z"},
      {"year(2026-02-15) eq year('2026-02-15T00:00:00Z')", "year(2026-02-15) eq year(2026-02-15T00:00:00Z)"},
      {"hour(2026-02-15) eq hour('10:00')", "hour(2026-02-15T00:00:00Z) eq hour(10:00:00)"},
      {"2026-02-15 eq 2026-02-15T00:00:00Z", "2026-02-15T00:00:00Z eq 2026-02-15T00:00:00Z"},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void every_function(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"contains(name,'a')", NULL},
      {"startswith(name,'a')", NULL},
      {"endswith(name,'a')", NULL},
      {"length(name) eq 1", NULL},
      {"indexof(name,'a') eq 1", NULL},
      {"substring(name,1) eq 'a'", NULL},
      {"substring(name,1,2) eq 'a'", NULL},
      {"tolower(name) eq 'a'", NULL},
      {"toupper(name) eq 'a'", NULL},
      {"trim(name) eq 'a'", NULL},
      {"concat(concat(name,', '),description) eq 'a'", NULL},
      {"year(due_date) eq 2026", NULL},
      {"month(due_date) eq 2", NULL},
      {"day(due_date) eq 15", NULL},
      {"hour(due_date) eq 17", NULL},
      {"minute(due_date) eq 30", NULL},
      {"second(due_date) eq 15", NULL},
      {"fractionalseconds(due_date) eq 0.5", NULL},
      {"fractionalseconds(due_date) eq 0", "fractionalseconds(due_date) eq 0.0"},
      {"totaloffsetminutes(due_date) eq 0", NULL},
      {"date(due_date) eq date(date_create)", NULL},
      {"time(due_date) eq time(date_create)", NULL},
      {"hour(time(due_date)) eq 1", NULL},
      {"year(date(due_date)) eq 1", NULL},
      {"round(db_address_latitude_decimal) eq 51", "round(db_address_latitude_decimal) eq 51.0"},
      {"floor(id2 div 2.0) eq id2", NULL},
      {"ceiling(id2) eq 1.0", NULL},
      // white space, nesting, any operand
      {"contains ( name , 'a' )", "contains(name,'a')"},
      {"contains(tolower(trim(name)),concat('a',''''))", NULL},
      {"contains(name,null)", NULL},
      {"substring(name,-id2 add 1,length(name)) eq 'a'", NULL},
      {"length((name)) eq 1", "length(name) eq 1"},
      {"contains(name,'a') eq null", NULL},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void paths_and_lambdas(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"project/name eq 'x'", NULL},
      {"_parent_id eq null", NULL},
      {"_parent_jobs_reference_back_office eq 'x'", NULL},
      {"_parent_job/name eq name", NULL},
      {"_parent_job/project_reference_back_office eq 'x'", NULL},
      {"_parent_job/_parent_id eq null", NULL},
      {"_parent_job eq null", "_parent_job/id eq null"},
      {"job_type_code eq 'x'", NULL},
      {"project/equipment_model_code eq 'x'", NULL},
      {"project/equipment_model/equipment_brand/sales_organization/name eq 'x'", NULL},
      {"suggested_user/sales_organization_code eq skill/sales_organization/code", NULL},
      {"project eq null", "project/id eq null"},
      {"null ne project/equipment_model", "null ne project/equipment_model/id"},
      {"(skill) eq null", "skill/id eq null"},
      {"project/equipment_model/translations/any()", NULL},
      {"project/equipment_model/translations/any( )", "project/equipment_model/translations/any()"},
      {"project/equipment_model/translations/any(t:t/language_code eq 'nl')",
       "project/equipment_model/translations/any(x:x/language_code eq 'nl')"},
      {"project/equipment_model/translations/all( name : name/field_name eq name/language_code and id2 eq 1 )",
       "project/equipment_model/translations/all(x:x/field_name eq x/language_code and id2 eq 1)"},
      {"not project/equipment_model/translations/any(t:t/language_code eq 'nl') or id2 eq 1",
       "not project/equipment_model/translations/any(x:x/language_code eq 'nl') or id2 eq 1"},
      {"project/equipment_model/translations/any(t:project/equipment_model/translations/all(u:contains(u/"
       "field_name,'a')))",
       "project/equipment_model/translations/any(x:project/equipment_model/translations/all(x:contains(x/"
       "field_name,'a')))"},
      {"project/equipment_model/translations/any(t:project/equipment_model/translations/any(t:t/field_name eq 'a') and "
       "t/language_code eq 'b')",
       "project/equipment_model/translations/any(x:project/equipment_model/translations/any(x:x/field_name eq 'a') and "
       "x/language_code eq 'b')"},
      {"project/equipment_model/translations/any(t:null)", "project/equipment_model/translations/any(x:false)"},
      {"project/equipment_model/translations/any() eq true", NULL},
  };
  expect_rows(rows, JG_COUNT(rows));
}

static void aliases_stand_for_expressions(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"name eq @p", "name eq 'x'"},
      {"id2 mul @sum eq 3", "id2 mul (id2 add 1) eq 3"},
      {"@cond and id2 eq @nested", "(id2 eq 1 or id2 eq 2) and id2 eq id2 add 1 sub 2"},
      {"id2 eq @none", "id2 eq null"},
      {"@none", "false"},
      {"modified_dateutc gt @date", "modified_dateutc gt 2015-06-02T00:00:00Z"},
      {"contains(name,@p) or startswith(@p,@p)", "contains(name,'x') or startswith('x','x')"},
      {"project/equipment_model/translations/any(t:t/language_code eq @p)",
       "project/equipment_model/translations/any(x:x/language_code eq 'x')"},
  };
  expect_rows(rows, JG_COUNT(rows));
  jg_parse_refuse("@self eq 1", JG_INVALID_ARGUMENT, "the alias '@self' stands for itself at position 1 of @self");
  jg_parse_refuse("@ping eq 1", JG_INVALID_ARGUMENT, "the alias '@ping' stands for itself at position 5 of @pong");
  jg_parse_refuse("id2 eq @open", JG_INVALID_ARGUMENT,
                  "the expression ends where ')' was expected at position 3 of @open");
  jg_parse_refuse("(id2 eq @close", JG_INVALID_ARGUMENT,
                  "')' stands where an operator was expected, at position 2 of @close");
  jg_parse_refuse("contains(name,@comma)", JG_INVALID_ARGUMENT, "',' stands where");
  jg_parse_refuse("id2 eq @empty", JG_INVALID_ARGUMENT, "an operand was expected at position 1 of @empty");
  jg_parse_refuse("id2 eq @utf8", JG_INVALID_ARGUMENT, "UTF-8");
  jg_parse_refuse("id2 eq @wrong", JG_INVALID_ARGUMENT, "'foo' on type 'jobs' at position 1 of @wrong");
}

static void other_entities_can_be_the_root(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1 << 20);
  const struct jg_filter *filter = NULL;
  struct jg_filter_options options = {.entity = jg_entity(JG_KIND_EQUIPMENT_MODEL), .field = "filter"};
  struct jg_status status =
      jg_filter_parse(JG_STR("translations/any(t:t/language_code eq 'nl') and equipment_brand/name eq 'Acme'"),
                      &options, &arena, &filter);
  assert_true(jg_status_ok(status));
  assert_int_equal(filter->args[0]->args[0]->path.count, 1);
  status = jg_filter_parse(JG_STR("project_id eq null"), &options, &arena, &filter);
  assert_string_equal(status.message,
                      "filter: Could not find a property named 'project_id' on type 'equipment_model' at position 1");
  jg_arena_done(&arena);
}

static void nothing_is_no_filter(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1 << 20);
  const struct jg_filter *filter = &(struct jg_filter){.kind = JG_FILTER_LITERAL};
  struct jg_filter_options options = {.entity = jg_entity(JG_KIND_JOB), .field = "filter"};
  assert_true(jg_status_ok(jg_filter_parse(JG_STR(""), &options, &arena, &filter)));
  assert_null(filter);
  assert_int_equal(jg_filter_hash(NULL), 0);
  assert_int_equal(jg_filter_hash_order(NULL, 0), 0);
  jg_arena_done(&arena);
}

static void hashes_tell_filters_apart_not_spellings(void **state) {
  (void)state;
  uint64_t hash = jg_parse_hash("modified_dateutc gt 2015-06-02 and id2 eq 1");
  assert_true(hash != 0);
  assert_true(hash == jg_parse_hash("(modified_dateutc  gt '2015-06-02T00:00:00.000Z') and (id2 eq 1)"));
  assert_true(hash != jg_parse_hash("modified_dateutc gt 2015-06-02 and id2 eq 2"));
  assert_true(hash != jg_parse_hash("modified_dateutc ge 2015-06-02 and id2 eq 1"));
  assert_true(jg_parse_hash("name eq 'a'") != jg_parse_hash("name eq 'A'"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statement_31_quoted_and_bare_dates_are_one),
      cmocka_unit_test(statement_32_and_between_two_comparisons),
      cmocka_unit_test(statement_33_upper_case_operators_are_refused),
      cmocka_unit_test(statement_34_offsets_name_instants),
      cmocka_unit_test(statement_35_a_space_for_the_plus_of_an_offset),
      cmocka_unit_test(in_a_list),
      cmocka_unit_test(statement_36_operators_and_precedence),
      cmocka_unit_test(statement_38_doubled_quotes),
      cmocka_unit_test(statement_39_bare_and_quoted_guids_of_any_case),
      cmocka_unit_test(every_literal_form),
      cmocka_unit_test(every_function),
      cmocka_unit_test(paths_and_lambdas),
      cmocka_unit_test(aliases_stand_for_expressions),
      cmocka_unit_test(other_entities_can_be_the_root),
      cmocka_unit_test(nothing_is_no_filter),
      cmocka_unit_test(hashes_tell_filters_apart_not_spellings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
