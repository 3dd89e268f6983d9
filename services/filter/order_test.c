#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/fixture.h"
#include "services/filter/parse_fixture.h"
#include "services/filter/predicate.h"

struct order {
  struct jg_arena arena;
  struct jg_filter_order keys[JG_FILTER_ORDER_MAX];
  size_t count;
  struct jg_status status;
};

static void order_init(struct order *order, const char *text) {
  jg_arena_init(&order->arena, 4 << 20);
  order->count = 99;
  struct jg_filter_options options = jg_parse_fixture_options();
  options.field = "$orderby";
  order->status = jg_filter_parse_order(jg_str_from_cstr(text), &options, &order->arena, order->keys, &order->count);
}

static void order_done(struct order *order) {
  jg_arena_done(&order->arena);
}

static void statement_40_several_keys_asc_and_desc(void **state) {
  (void)state;
  static const struct {
    const char *text, *canonical;
    size_t count;
  } rows[] = {
      {"", "", 0},
      {"modified_dateutc", "modified_dateutc", 1},
      {"modified_dateutc asc", "modified_dateutc", 1},
      {"modified_dateutc desc", "modified_dateutc desc", 1},
      {"name,id2 desc,id", "name,id2 desc,id", 3},
      {" name  desc , id2 ", "name desc,id2", 2},
      {"project/equipment_model/equipment_brand/name desc", "project/equipment_model/equipment_brand/name desc", 1},
      {"_parent_job/name desc,_parent_job/skill_code", "_parent_job/name desc,_parent_job/skill_code", 2},
      {"tolower(name),substring(name,1,2) desc", "tolower(name),substring(name,1,2) desc", 2},
      {"id2 add 1 mul 2 desc", "id2 add 1 mul 2 desc", 1},
      {"contains(name,'a') desc,id2 gt 5", "contains(name,'a') desc,id2 gt 5", 2},
      {"(id2) desc", "id2 desc", 1},
      {"@p,name", "name", 1},
      {"concat(name,@p) desc", "concat(name,'x') desc", 1},
      {"1,'a' desc,now(),null,id", "id", 1},
      {"1 desc", "", 0},
      {"name,name desc", "name,name desc", 2},
      {"id,id2,name,due_date,description,date_create,date_update,company_id",
       "id,id2,name,due_date,description,date_create,date_update,company_id", 8},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct order order;
    order_init(&order, rows[i].text);
    if (!jg_status_ok(order.status)) {
      fail_msg("%s: %s", rows[i].text, order.status.message);
    }
    assert_int_equal(order.count, rows[i].count);
    struct jg_buf out;
    jg_buf_init(&out, JG_FILTER_CANONICAL_BYTES_MAX);
    jg_filter_canonical_order(order.keys, order.count, &out);
    assert_int_equal(out.len, strlen(rows[i].canonical));
    assert_memory_equal(out.len != 0 ? out.data : "", rows[i].canonical, out.len);
    assert_true((jg_filter_hash_order(order.keys, order.count) == 0) == (order.count == 0));
    jg_buf_done(&out);
    order_done(&order);
  }
}

static void orders_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *part;
    enum jg_code code;
  } rows[] = {
      {" ", "an operand was expected", JG_INVALID_ARGUMENT},
      {"foo", "$orderby: Could not find a property named 'foo' on type 'jobs' at position 1", JG_INVALID_ARGUMENT},
      {"name,foo desc", "'foo' on type 'jobs' at position 6", JG_INVALID_ARGUMENT},
      {"name,", "an operand was expected at position 6", JG_INVALID_ARGUMENT},
      {",name", "',' stands where an operand", JG_INVALID_ARGUMENT},
      {"name,,id", "',' stands where an operand", JG_INVALID_ARGUMENT},
      {"name up", "'up' stands where an operator", JG_INVALID_ARGUMENT},
      {"name DESC", "'DESC' stands where an operator", JG_INVALID_ARGUMENT},
      {"name desc asc", "'asc' stands where ','", JG_INVALID_ARGUMENT},
      {"name desc id", "'id' stands where ','", JG_INVALID_ARGUMENT},
      {"desc", "'desc' on type 'jobs'", JG_INVALID_ARGUMENT},
      {"(name desc)", "'desc' stands where an operator", JG_INVALID_ARGUMENT},
      {"(name,id)", "',' stands where an operator", JG_INVALID_ARGUMENT},
      {"(name", "ends where ')'", JG_INVALID_ARGUMENT},
      {"name)", "')' stands where an operator", JG_INVALID_ARGUMENT},
      {"project", "an entity of type 'project' is no value", JG_INVALID_ARGUMENT},
      {"project/equipment_model/translations", "a collection is no value", JG_INVALID_ARGUMENT},
      {"project/equipment_model/translations/$count", "'$count' is not implemented", JG_UNIMPLEMENTED},
      {"cast(id2,Edm.String)", "the function 'cast'", JG_UNIMPLEMENTED},
      {"id,id2,name,due_date,description,date_create,date_update,company_id,contact_id", "more than 8 keys",
       JG_INVALID_ARGUMENT},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct order order;
    order_init(&order, rows[i].text);
    if (order.status.code != rows[i].code || strstr(order.status.message, rows[i].part) == NULL) {
      fail_msg("%s: %s", rows[i].text, order.status.message);
    }
    assert_int_equal(order.count, 99);
    order_done(&order);
  }
}

/* Rows in the order their keys give them. */
static void keys_order_rows(void **state) {
  (void)state;
  static const struct {
    const char *text, *first, *second; /* members of two jobs */
    int expected;
  } rows[] = {
      {"id2", "id2=1", "id2=2", -1},
      {"id2 desc", "id2=1", "id2=2", 1},
      {"id2", "id2=1", "id2=1", 0},
      {"id2,name", "id2=1;name=b", "id2=1;name=a", 1},
      {"id2,name desc", "id2=1;name=b", "id2=1;name=a", -1},
      {"id2 desc,name", "id2=2;name=b", "id2=1;name=a", -1},
      {"name", "name=Z", "name=a", -1},
      {"name", "name=z", "name=\xC3\xA4", -1},
      {"name", "name=\xEF\xBD\xB1", "name=\xF0\x9F\x98\x80", -1},  // bytes, where UTF-16 units would turn it around
      {"name", "name=a", "name=ab", -1},
      {"name", "", "name=a", -1},
      {"tolower(name)", "name=Z", "name=a", 1},
      {"due_date", "", "due_date=1979-01-01", 1},  // unset is 1980
      {"due_date", "due_date=2026-01-01", "due_date=2026-01-01T00:00:00.0000001Z", -1},
      {"job_type_id", "job_type_id=00000000-0000-0000-0000-000000000002",
       "job_type_id=10000000-0000-0000-0000-000000000001", -1},
      {"db_address_latitude_decimal", "db_address_latitude_decimal=-1.5", "", -1},
      {"id2 div working_sequence", "id2=5", "id2=1;working_sequence=1", -1},  // null first
      {"id2 div working_sequence desc", "id2=5", "id2=1;working_sequence=1", 1},
      {"id2 gt 5", "id2=6", "id2=5", 1},
      {"project/name", "", "", 0},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct order order;
    order_init(&order, rows[i].text);
    assert_true(jg_status_ok(order.status));
    const struct jg_filter_program *program = NULL;
    struct jg_status status =
        jg_filter_compile_order(jg_entity(JG_KIND_JOB), order.keys, order.count, &order.arena, &program);
    assert_true(jg_status_ok(status));
    struct jg_filter_value first[JG_FILTER_ORDER_MAX], second[JG_FILTER_ORDER_MAX];
    struct jg_parts a = jg_fixture_parts(&order.arena, JG_KIND_JOB, rows[i].first);
    struct jg_parts b = jg_fixture_parts(&order.arena, JG_KIND_JOB, rows[i].second);
    assert_true(jg_status_ok(jg_filter_keys(program, &a, &order.arena, first)));
    assert_true(jg_status_ok(jg_filter_keys(program, &b, &order.arena, second)));
    int found = jg_filter_compare_keys(order.keys, order.count, first, second);
    if (found != rows[i].expected || jg_filter_compare_keys(order.keys, order.count, second, first) != -found) {
      fail_msg("%s: %s, %s: %d", rows[i].text, rows[i].first, rows[i].second, found);
    }
    order_done(&order);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statement_40_several_keys_asc_and_desc),
      cmocka_unit_test(orders_are_refused),
      cmocka_unit_test(keys_order_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
