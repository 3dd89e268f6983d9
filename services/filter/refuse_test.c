#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/parse_fixture.h"

struct row {
  const char *text, *part;
};

static void refuse_rows(const struct row *rows, size_t count, enum jg_code code) {
  for (size_t i = 0; i < count; i++) {
    jg_parse_refuse(rows[i].text, code, rows[i].part);
  }
}

static void statement_41_unknown_properties_are_named(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"foo eq 1", "$filter: Could not find a property named 'foo' on type 'jobs' at position 1"},
      {"id2 eq foo", "Could not find a property named 'foo' on type 'jobs' at position 8"},
      {"project/foo eq 1", "Could not find a property named 'foo' on type 'project' at position 9"},
      {"project/equipment_model/equipment_brand/x eq 1", "'x' on type 'equipment_brand' at position 41"},
      {"name/foo eq 1", "'name' is a value without members, '/foo' cannot follow it, at position 6"},
      {"contains(Name,'a')", "'Name' on type 'jobs'"},  // names are case-sensitive in a query
      {"ID eq 1", "'ID' on type 'jobs'"},
      {"parentId eq null", "'parentId'"},
      {"parent_id eq null", "'parent_id'"},
      {"revision eq 1", "'revision'"},
      {"etag eq 'a'", "'etag'"},
      {"job_status/name eq 'Open'", "'job_status' on type 'jobs'"},
      {"company/name eq 'a'", "'company'"},
      {"na\xC3\xAFve eq 1", "'na\xC3\xAFve' on type 'jobs' at position 1"},
      {"name eq '\xC3\xAF\xF0\x9F\x98\x80' and foo eq 1", "'foo' on type 'jobs' at position 18"},  // in characters
      {"project/equipment_model/translations/any(t:t/foo eq 1)", "'foo' on type 'translation'"},
      {"project/equipment_model/translations/any(t:u/field_name eq 1)", "'u' on type 'jobs'"},
      {"t/field_name eq 1", "'t' on type 'jobs'"},
      {"project/equipment_model/translations/any(t:t/field_name eq 'a') and t/field_name eq 'a'", "'t' on type 'jobs'"},
      {"a_name_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on eq 1",
       "'a_name_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_o...' on"},
  };
  refuse_rows(rows, JG_COUNT(rows), JG_INVALID_ARGUMENT);
}

static void statement_42_what_we_lack_is_unimplemented(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id2 has 4", "the operator 'has' is not implemented at position 5"},
      {"toupper(name) in ('a')", "'in' behind what is no member is not implemented at position 15"},
      {"id2 add 1 in (2)", "'in' behind what is no member"},
      {"id2 divby 2 eq 1", "the operator 'divby'"},
      {"isof(project,'a')", "the function 'isof'"},
      {"cast(id2,Edm.String) eq '1'", "the function 'cast'"},
      {"geo.distance(name,name) lt 1", "the function 'geo.distance'"},
      {"geo.length(name) lt 1", "the function 'geo.length'"},
      {"geo.intersects(name,name)", "the function 'geo.intersects'"},
      {"totalseconds(id2) lt 1", "the function 'totalseconds'"},
      {"matchesPattern(name,'a')", "the function 'matchesPattern'"},
      {"hassubset(name,'a')", "the function 'hassubset'"},
      {"case(true:1) eq 1", "the function 'case'"},
      {"$it/name eq 'a'", "the path '$it'"},
      {"$root/Jobs eq 'a'", "the path '$root'"},
      {"project/equipment_model/translations/$count gt 1", "'$count' is not implemented at position 38"},
      {"project/jobs.project/name eq 'a'", "the type cast 'jobs.project'"},
      {"due_date add duration'P1D' gt now()", "the literal type 'duration'"},
      {"due_date sub date_create gt 1", "'sub' of dates is not implemented"},
      {"due_date add 1 gt date_create", "'add' of dates"},
      {"name eq binary'YQ=='", "the literal type 'binary'"},
      {"name eq geography'POINT(1 2)'", "the literal type 'geography'"},
      {"name has Sales.Color'Red'", "the operator 'has'"},
      {"name eq Sales.Color'Red'", "the literal type 'Sales.Color'"},
      {"db_address_latitude_decimal lt INF", "the number 'INF'"},
      {"db_address_latitude_decimal lt -INF", "the number 'INF'"},
      {"db_address_latitude_decimal eq NaN", "the number 'NaN'"},
      {"id2 eq [1]", "a list or object"},
      {"id2 eq {\"a\":1}", "a list or object"},
      {"_parent_job/project/name eq 'a'", "'project' of '_parent_job' is not implemented at position 13"},
      {"_parent_job/_parent_job/name eq 'a'", "'_parent_job' of '_parent_job' is not implemented"},
      {"project/equipment_model/translations/any(t:project/equipment_model/translations/any(u:t/field_name eq 'a'))",
       "'t', the variable of an outer any or all"},
  };
  refuse_rows(rows, JG_COUNT(rows), JG_UNIMPLEMENTED);
}

static void statement_43_malformed_filters_are_400(void **state) {
  (void)state;
  static const struct row rows[] = {
      {" ", "the expression ends where an operand was expected at position 2"},
      {"id2", "a filter needs a condition, not an integer, at position 1"},
      {"id2 eq", "ends where an operand was expected at position 7"},
      {"eq 1", "'eq' on type 'jobs'"},
      {"id2 eq 1 and", "ends where an operand"},
      {"id2 eq 1 2", "'2' stands where an operator"},
      {"id2 eq 1 id2", "'id2' stands where an operator"},
      {"id2 eq eq 1", "'eq' on type 'jobs'"},
      {"id2 = 1", "'=' stands where an operator"},
      {"id2=1", "'=1' stands where an operator"},
      {"id2 == 1 && true", "'==' stands where"},
      {"id2 eq 1;", "';' stands where"},
      {"id2 eq 1 \xE2\x80\x93", "stands where an operator"},
      {"!(id2 eq 1)", "'!' stands where an operand"},
      {"*", "'*' stands where"},
      {"()", "')' stands where an operand"},
      {"(", "ends where an operand"},
      {")", "')' stands where an operand"},
      {"(id2 eq 1", "ends where ')' was expected at position 10"},
      {"id2 eq 1)", "')' stands where an operator was expected, at position 9"},
      {"((id2 eq 1)", "ends where ')'"},
      {"id2 eq (1", "ends where ')'"},
      {"id2 eq 1,", "',' stands where an operator"},
      {"(1,2) eq 1", "',' stands where an operator"},
      {"id2 eq 1 desc", "'desc' stands where an operator"},
      {"name eq 'abc", "a string is not closed, it begins at position 9"},
      {"name eq '", "a string is not closed"},
      {"name eq 'a''", "a string is not closed"},
      {"name eq 'a' 'b'", "''b'' stands where an operator"},
      {"name eq \"a\"", "stands where an operand"},
      {"name eq a", "'a' on type 'jobs'"},
      {"project/ eq null", "'eq' on type 'project'"},
      {"project/", "a property's name was expected behind '/' at position 9"},
      {"project/'a' eq null", "a property's name was expected"},
      {"project//name eq null", "a property's name was expected"},
      {"/name eq null", "'/' stands where an operand"},
      {"tolower(name)/a eq 1", "'/' stands where an operator"},
      {"@ eq 1", "'@' stands where an operand"},
      {"@p @p", "'@p' stands where an operator"},
      {"$filter eq 1", "'$filter' stands where"},
      {"$ eq 1", "'$' stands where"},
      {"-", "ends where an operand"},
      {"not", "ends where an operand"},
      {"not eq 1", "'eq' on type"},
      {"id2 in 1", "'1' stands where '(' was expected"},
      {"id2 in", "ends where '(' was expected"},
      {"id2 in ()", "')' stands where an operand"},
      {"id2 in (1,)", "')' stands where an operand"},
      {"id2 in (1", "ends where ')' was expected"},
      {"id2 in (1 2)", "'2' stands where an operator"},
      {"id2 in @p", "'@p' stands where '('"},
      {"in (1)", "unknown function 'in'"},
  };
  refuse_rows(rows, JG_COUNT(rows), JG_INVALID_ARGUMENT);
}

static void malformed_literals(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id2 eq 5.", "'5.' stands where an operand"},
      {"id2 eq .5", "'.5' stands where an operand"},
      {"id2 eq 5a", "'5a' stands where"},
      {"id2 eq 5-3", "'5-3' stands where"},
      {"id2 eq 1e", "'1e' stands where"},
      {"id2 eq 1e999", "the number '1e999' is beyond the range of a decimal"},
      {"id2 eq 0x10", "'0x10'"},
      {"id2 eq 1_000", "'1_000'"},
      {"id2 eq 5L", "'5L'"},
      {"id2 eq + 5", "'+' stands where"},
      {"id eq 2044b92d-0000-0000-0000-00000000000", "stands where an operand"},
      {"id eq 2044b92d-0000-0000-0000-00000000000ab", "stands where an operand"},
      {"id eq a044b92d-0000-0000-0000-00000000000", "'a044b92d'"},
      {"id eq '2044b92d'", "'2044b92d' is not a GUID at position 7"},
      {"id eq ''", "'' is not a GUID"},
      {"id eq guid'2044b92d-0000-0000-0000-00000000000a'", "'guid' before a literal is not OData 4"},
      {"due_date gt datetime'2015-06-02T00:00:00'", "'datetime' before a literal"},
      {"due_date gt foo'2015'", "'foo' stands where an operand"},
      {"due_date gt 2015-13-02", "'2015-13-02' is no date or time"},
      {"due_date gt 2015-02-30", "is no date or time"},
      {"due_date gt 2015-06-02T25:00:00Z", "is no date or time"},
      {"due_date gt 2015-06-02T", "is no date or time"},
      {"due_date gt 2015-06-02Tx", "stands where"},
      {"due_date gt 2015-06-02T00:00:00+2:00", "stands where"},
      {"due_date gt 2015-06-02T00:00:00+20:00", "is no date or time"},
      {"due_date gt 0000-01-01", "is no date or time"},
      {"due_date gt 12015-06-02", "'12015-06-02' stands where"},
      {"due_date gt '2015-06'", "'2015-06' is not a date with time at position 13"},
      {"due_date gt 'yesterday'", "'yesterday' is not a date with time"},
      {"'yesterday' lt due_date", "'yesterday' is not a date with time at position 1"},
      {"due_date gt '0000-00-00T00:00:00.000Z'", "is not a date with time"},
      {"due_date gt '2015-05-28T11:56:222Z'", "is not a date with time"},
      {"date(due_date) eq '2015-06-02T00:00:00Z'", "is not a date"},
      {"time(due_date) eq 24:00", "'24:00' is no date or time"},
      {"time(due_date) eq 10:0", "'10:0' stands where"},
      {"time(due_date) eq 23:59:59.99999999", "is no date or time"},
      {"time(due_date) eq '10'", "'10' is not a time of day"},
      {"time(due_date) eq '10:00Z'", "is not a time of day"},
  };
  refuse_rows(rows, JG_COUNT(rows), JG_INVALID_ARGUMENT);
}

static void type_errors_name_both_sides_and_the_position(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"id2 eq 'a'", "'eq' cannot stand between an integer and a string at position 5"},
      {"id2 eq '5'", "'eq' cannot stand between an integer and a string"},
      {"name eq 5", "'eq' cannot stand between a string and an integer"},
      {"name gt 2015-06-02", "'gt' cannot stand between a string and a date"},
      {"name eq 2044b92d-0000-0000-0000-00000000000a", "between a string and a GUID"},
      {"id eq id2", "between a GUID and an integer"},
      {"id eq name", "between a GUID and a string"},
      {"due_date eq name", "between a date with time and a string"},
      {"due_date gt 5", "between a date with time and an integer"},
      {"date(due_date) eq due_date", "between a date and a date with time"},
      {"time(due_date) eq due_date", "between a time of day and a date with time"},
      {"true eq 1", "between a condition and an integer"},
      {"true eq 'true'", "between a condition and a string"},
      {"id2 eq 1 eq 1", "between a condition and an integer"},
      {"1 lt 2 lt 3", "'lt' cannot stand between a condition and an integer"},
      {"name and true", "'and' needs a condition, not a string, at position 1"},
      {"true or id2", "'or' needs a condition, not an integer, at position 9"},
      {"not name", "'not' (which binds tighter than a comparison) needs a condition, not a string, at position 5"},
      {"not name eq 'x'", "needs a condition, not a string, at position 5"},
      {"not 1 eq 1", "needs a condition, not an integer"},
      {"-name eq 'x'", "'-' needs a number, not a string, at position 1"},
      {"-true eq 1", "'-' needs a number, not a condition"},
      {"name add 1 eq 2", "'add' needs numbers, not a string, at position 1"},
      {"1 mul id eq 2", "'mul' needs numbers, not a GUID, at position 7"},
      {"'a' add 'b' eq 'ab'", "'add' needs numbers, not a string"},
      {"name", "a filter needs a condition, not a string"},
      {"due_date", "a filter needs a condition, not a date with time"},
      {"project", "an entity of type 'project' is no value"},
      {"project eq 'a'", "an entity of type 'project' is no value, name one of its members, at position 1"},
      {"project eq project", "an entity of type 'project' is no value"},
      {"project gt null", "an entity of type 'project'"},
      {"not project", "an entity of type 'project'"},
      {"contains(project,'a')", "an entity of type 'project'"},
      {"project add 1 eq 1", "an entity of type 'project'"},
      {"-project eq 1", "an entity of type 'project'"},
      {"project/equipment_model/translations eq null", "a collection is no value"},
      {"project/equipment_model/translations", "a collection is no value"},
      {"length(project/equipment_model/translations) eq 1", "a collection is no value"},
  };
  refuse_rows(rows, JG_COUNT(rows), JG_INVALID_ARGUMENT);
}

static void functions_check_their_operands(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"foo(name)", "unknown function 'foo' at position 1"},
      {"substringof('a',name)", "unknown function 'substringof'"},
      {"geo.foo(name)", "unknown function 'geo.foo'"},
      {"any(name:true)", "unknown function 'any'"},
      {"contains()", "')' stands where an operand"},
      {"contains(name)", "'contains' needs 2 operands, not 1, at position 1"},
      {"contains(name,)", "')' stands where an operand"},
      {"contains(,name)", "',' stands where an operand"},
      {"contains(name,'a','b')", "'contains' needs no more than 2 operands, another begins at position 18"},
      {"contains(name 'a')", "stands where an operator"},
      {"contains(name,'a'", "ends where ')'"},
      {"contains name", "'contains' on type"},
      {"contains", "'contains' on type"},
      {"substring(name) eq 'a'", "'substring' needs 2 operands, not 1"},
      {"substring(name,1,2,3) eq 'a'", "no more than 3 operands"},
      {"length(name,name) eq 1", "no more than 1 operands"},
      {"now(1) gt due_date", "'1' stands where ')'"},
      {"now( gt due_date", "'gt' stands where ')'"},
      {"now gt due_date", "'now' on type"},
      {"contains(id,'a')", "'contains' needs a string, not a GUID, at position 10"},
      {"contains(name,5)", "'contains' needs a string, not an integer, at position 15"},
      {"length(5) eq 1", "'length' needs a string, not an integer"},
      {"tolower(true) eq 'a'", "'tolower' needs a string, not a condition"},
      {"substring(name,'1') eq 'a'", "'substring' needs an integer, not a string"},
      {"substring(name,1.5) eq 'a'", "'substring' needs an integer, not a decimal"},
      {"year(name) eq 1", "'year' needs a date, not a string"},
      {"year('x') eq 1", "'year' needs a date, not a string"},
      {"year(time(due_date)) eq 1", "'year' needs a date, not a time of day"},
      {"hour(date(due_date)) eq 1", "'hour' needs a date with time or a time of day, not a date"},
      {"date(date(due_date)) eq date(due_date)", "'date' needs a date with time, not a date"},
      {"totaloffsetminutes(time(due_date)) eq 1", "'totaloffsetminutes' needs a date with time"},
      {"round(name) eq 1", "'round' needs a number, not a string"},
      {"floor('5') eq 5", "'floor' needs a number, not a string"},
      {"project/contains(name,'a')", "'contains' on type 'project'"},
  };
  refuse_rows(rows, JG_COUNT(rows), JG_INVALID_ARGUMENT);
}

static void lambdas_check_their_form(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"project/equipment_model/translations/any", "'(' was expected behind 'any'"},
      {"project/equipment_model/translations/all()", "a variable and ':' were expected in 'all'"},
      {"project/equipment_model/translations/any(t)", "a variable and ':' were expected in 'any'"},
      {"project/equipment_model/translations/any(:true)", "a variable and ':'"},
      {"project/equipment_model/translations/any(1:true)", "a variable and ':'"},
      {"project/equipment_model/translations/any(a.b:true)", "a variable and ':'"},
      {"project/equipment_model/translations/any(t:)", "')' stands where an operand"},
      {"project/equipment_model/translations/any(t:true", "ends where ')'"},
      {"project/equipment_model/translations/any(t:true,true)", "',' stands where an operator"},
      {"project/equipment_model/translations/any(t:t)", "'t' is an entity and no value"},
      {"project/equipment_model/translations/any(t:t eq null)", "'t' is an entity and no value"},
      {"project/equipment_model/translations/any(t:t/)", "a property's name was expected"},
      {"project/equipment_model/translations/any(t:t/field_name)", "'any' needs a condition, not a string"},
      {"project/equipment_model/translations/all(t:1)", "'all' needs a condition, not an integer"},
      {"project/equipment_model/translations/field_name eq 'a'", "only any and all may follow it"},
      {"project/any(t:true)", "'any' on type 'project'"},
  };
  refuse_rows(rows, JG_COUNT(rows), JG_INVALID_ARGUMENT);
}

static void bytes_that_are_no_text(void **state) {
  (void)state;
  jg_parse_refuse("name eq '\xFF'", JG_INVALID_ARGUMENT, "UTF-8");
  jg_parse_refuse("\xC3", JG_INVALID_ARGUMENT, "UTF-8");
  struct jg_arena arena;
  jg_arena_init(&arena, 1 << 20);
  struct jg_filter_options options = jg_parse_fixture_options();
  const struct jg_filter *filter = NULL;
  struct jg_status status = jg_filter_parse(JG_STR("name eq 'a\0b'"), &options, &arena, &filter);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_null(filter);
  // Controls are not repeated in a message.
  status = jg_filter_parse(JG_STR("\x01\x02\x7F eq 1"), &options, &arena, &filter);
  assert_non_null(strstr(status.message,
                         "'??"
                         "?'"));
  jg_arena_done(&arena);
}

/* What comes from other entities cannot be filtered where changes are replayed. */
static void stored_only_refuses_embedded_entities(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"project/name eq 'a'", "'project' comes from an embedded entity"},
      {"id2 eq 1 and job_type_code eq 'a'",
       "'job_type_code' comes from an embedded entity, which cannot be filtered "
       "here, only its id can, at position 14"},
      {"project_reference_back_office eq 'a'", "'project_reference_back_office'"},
      {"skill eq null", "'skill' comes"},
      {"project/equipment_model/translations/any()", "'project' comes"},
      {"_parent_job/name eq 'a'",
       "'_parent_job' is another job, which cannot be filtered here, only its id can, at position 1"},
      {"id2 eq 1 or _parent_job eq null", "'_parent_job' is another job"},
      {"job_status_code eq 'Open'", NULL},
      {"company_code eq 'ACME' and company_id ne null", NULL},
      {"project_id eq 00000000-0000-0000-0000-000000000000", NULL},
      {"_parent_jobs_reference_back_office eq 'J'", NULL},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1 << 20);
    struct jg_filter_options options = jg_parse_fixture_options();
    options.stored_only = true;
    const struct jg_filter *filter = NULL;
    struct jg_status status = jg_filter_parse(jg_str_from_cstr(rows[i].text), &options, &arena, &filter);
    assert_int_equal(status.code, rows[i].part != NULL ? JG_INVALID_ARGUMENT : JG_OK);
    assert_true(rows[i].part == NULL || strstr(status.message, rows[i].part) != NULL);
    jg_arena_done(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statement_41_unknown_properties_are_named),
      cmocka_unit_test(statement_42_what_we_lack_is_unimplemented),
      cmocka_unit_test(statement_43_malformed_filters_are_400),
      cmocka_unit_test(malformed_literals),
      cmocka_unit_test(type_errors_name_both_sides_and_the_position),
      cmocka_unit_test(functions_check_their_operands),
      cmocka_unit_test(lambdas_check_their_form),
      cmocka_unit_test(bytes_that_are_no_text),
      cmocka_unit_test(stored_only_refuses_embedded_entities),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
