/* Which index serves which filter and order: the plans of SQLite, on the schema of the migrations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/buf.h"
#include "storage/schema/migrations.h"
#include "storage/sqlite/filter_fixture.h"
#include "storage/sqlite/filter_sql.h"

static sqlite3 *db;
static struct jg_arena arena;

static int setup(void **state JG_UNUSED) {
  jg_arena_init(&arena, (size_t)16 << 20);
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  for (size_t i = 0; i < jg_sqlite_migration_count; i++) {
    assert_int_equal(sqlite3_exec(db, jg_sqlite_migrations[i].sql, NULL, NULL, NULL), SQLITE_OK);
  }
  return jg_sqlite_filter_register(db);
}

static int teardown(void **state JG_UNUSED) {
  jg_arena_done(&arena);
  return sqlite3_close(db);
}

static enum jg_sqlite_dates dates;

static struct jg_status list_sql(const struct jg_job_query *query, struct jg_arena *arena_, struct jg_arena *scratch,
                                 struct jg_sqlite_sql *ret_sql) {
  return jg_sqlite_list_sql(query, dates, arena_, scratch, ret_sql);
}

static int64_t few_max;

static struct jg_status dates_sql(const struct jg_job_query *query, struct jg_arena *arena_,
                                  struct jg_arena *scratch JG_UNUSED, struct jg_sqlite_sql *ret_sql) {
  return jg_sqlite_dates_sql(query, arena_, ret_sql, &few_max);
}

typedef struct jg_status (*make_sql)(const struct jg_job_query *query, struct jg_arena *arena, struct jg_arena *scratch,
                                     struct jg_sqlite_sql *ret_sql);

/* The steps of the plan, one a line. */
static void plan_of(make_sql make, const struct jg_job_query *query, struct jg_buf *out) {
  struct jg_arena scratch;
  jg_arena_init(&scratch, 1 << 20);
  struct jg_sqlite_sql sql;
  assert_true(jg_status_ok(make(query, &arena, &scratch, &sql)));
  struct jg_buf explain;
  jg_buf_init(&explain, 100000);
  jg_buf_printf(&explain, "EXPLAIN QUERY PLAN %.*s", JG_STR_ARG(sql.text));
  sqlite3_stmt *stmt = NULL;
  if (sqlite3_prepare_v2(db, explain.data, (int)explain.len, &stmt, NULL) != SQLITE_OK) {
    fail_msg("%.*s: %s", JG_STR_ARG(sql.text), sqlite3_errmsg(db));
  }
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    jg_buf_printf(out, "%s\n", (const char *)sqlite3_column_text(stmt, 3));
  }
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
  jg_buf_printf(out, "%.*s", JG_STR_ARG(sql.text));
  jg_buf_append_char(out, '\0');
  jg_buf_done(&explain);
  jg_arena_done(&scratch);
}

/* Every text in `has` stands in the plan; `sorted`: the rows are sorted, not read in order. */
static void check(const struct jg_job_query *query, const char *const has[], bool sorted) {
  struct jg_buf plan;
  jg_buf_init(&plan, 100000);
  plan_of(list_sql, query, &plan);
  for (size_t i = 0; has[i] != NULL; i++) {
    if (strstr(plan.data, has[i]) == NULL) {
      fail_msg("no %s in %s", has[i], plan.data);
    }
  }
  if (strstr(plan.data, "SCAN") != NULL || (strstr(plan.data, "TEMP B-TREE") != NULL) != sorted) {
    fail_msg("%s", plan.data);
  }
  jg_buf_done(&plan);
}

static struct jg_filter *two(enum jg_filter_kind kind, const struct jg_filter *a, const struct jg_filter *b) {
  return jg_filter_node(&arena, kind, JG_VALUE_BOOL, a, b, NULL);
}

static struct jg_filter *modified(enum jg_filter_kind kind) {
  return two(kind, jg_filter_member(&arena, "modified_dateutc"), jg_filter_integer(&arena, JG_VALUE_DATETIME, 5));
}

static struct jg_filter *is(const char *path) {
  struct jg_filter *member = jg_filter_member(&arena, path);
  return two(JG_FILTER_EQ, member,
             member->type == JG_VALUE_GUID ? jg_filter_guid(&arena, jg_fixture_id(7)) : jg_filter_text(&arena, "x"));
}

/* It is one of 200. */
static struct jg_filter *is_listed(const char *path) {
  static char texts[200][8];
  struct jg_filter *member = jg_filter_member(&arena, path);
  const struct jg_filter **items = jg_arena_alloc(&arena, JG_COUNT(texts) * sizeof(struct jg_filter *));
  assert_non_null(items);
  for (size_t i = 0; i < JG_COUNT(texts); i++) {
    (void)snprintf(texts[i], sizeof(texts[i]), "x%03zu", i);  // They fit.
    items[i] = member->type == JG_VALUE_GUID ? jg_filter_guid(&arena, jg_fixture_id((int)i + 1))
                                             : jg_filter_text(&arena, texts[i]);
  }
  struct jg_filter *node = jg_filter_node(&arena, JG_FILTER_IN, JG_VALUE_BOOL, member, NULL, NULL);
  node->items = items;
  node->item_count = JG_COUNT(texts);
  return node;
}

static struct jg_filter *slow(void) {
  return two(JG_FILTER_CONTAINS, jg_filter_member(&arena, "description"), jg_filter_text(&arena, "x"));
}

static void test_filters(void **state JG_UNUSED) {
  struct jg_filter *range = two(JG_FILTER_AND, modified(JG_FILTER_GE), modified(JG_FILTER_LT));
  struct jg_filter *several = two(JG_FILTER_OR, two(JG_FILTER_OR, is("id"), is("id")), is("id"));
  struct jg_filter *reference = jg_filter_member(&arena, "reference_back_office");
  const struct {
    const struct jg_filter *filter;
    enum jg_job_order order;
    bool sorted;
    const char *has[4];
  } rows[] = {
      {modified(JG_FILTER_GT), JG_ORDER_MODIFIED, false, {"jobs_by_modified (tenant=? AND modified_dateutc>?)"}},
      {range, JG_ORDER_MODIFIED, false, {"jobs_by_modified (tenant=? AND modified_dateutc>? AND modified_dateutc<?)"}},
      {two(JG_FILTER_AND, range, slow()),
       JG_ORDER_MODIFIED,
       false,
       {"jobs_by_modified (tenant=? AND modified_dateutc>? AND modified_dateutc<?)", "jg_test("}},
      {range, JG_ORDER_ID, true, {"jobs_by_modified (tenant=? AND modified_dateutc>? AND modified_dateutc<?)"}},
      {is("id"), JG_ORDER_ID, false, {"jobs_by_id (tenant=? AND id=?)"}},
      {several, JG_ORDER_ID, false, {"jobs_by_id (tenant=? AND id=?)"}},
      {is("job_status_id"), JG_ORDER_MODIFIED, false, {"jobs_by_status (tenant=? AND job_status_id=?)"}},
      {two(JG_FILTER_AND, is("job_status_id"), range),
       JG_ORDER_MODIFIED,
       false,
       {"jobs_by_status (tenant=? AND job_status_id=? AND modified_dateutc>? AND modified_dateutc<?)"}},
      {is("job_status_code"),
       JG_ORDER_MODIFIED,
       false,
       {"jobs_by_status (tenant=? AND job_status_id=?)", "entities_by_key (tenant=? AND kind=? AND key=?)"}},
      {is("job_status_id"), JG_ORDER_ID, true, {"COVERING INDEX jobs_by_status (tenant=? AND job_status_id=?)"}},
      {is("project_id"), JG_ORDER_ID, true, {"COVERING INDEX jobs_by_project (tenant=? AND project_id=?)"}},
      {is("project_id"), JG_ORDER_MODIFIED, false, {"jobs_by_project (tenant=? AND project_id=?)"}},
      {is("project_reference_back_office"),
       JG_ORDER_MODIFIED,
       false,
       {"jobs_by_project (tenant=? AND project_id=?)", "entities_by_key (tenant=? AND kind=? AND key=?)"}},
      {is("project/reference_back_office"), JG_ORDER_MODIFIED, false, {"jobs_by_project (tenant=? AND project_id=?)"}},
      {is("reference_back_office"), JG_ORDER_ID, false, {"jobs_by_reference (tenant=? AND reference_back_office=?)"}},
      {two(JG_FILTER_STARTSWITH, reference, jg_filter_text(&arena, "R")),
       JG_ORDER_ID,
       true,
       {"jobs_by_reference (tenant=? AND reference_back_office>? AND reference_back_office<?)"}},
      {is("_parent_id"), JG_ORDER_ID, true, {"jobs_by_parent (tenant=? AND parent_id=?)"}},
      {is_listed("id"), JG_ORDER_ID, false, {"jobs_by_id (tenant=? AND id=?)"}},
      {is_listed("project_id"), JG_ORDER_ID, true, {"COVERING INDEX jobs_by_project (tenant=? AND project_id=?)"}},
      {is_listed("reference_back_office"),
       JG_ORDER_ID,
       true,
       {"jobs_by_reference (tenant=? AND reference_back_office=?)"}},
      {is_listed("project_reference_back_office"),
       JG_ORDER_ID,
       true,
       {"jobs_by_project (tenant=? AND project_id=?)", "entities_by_key (tenant=? AND kind=? AND key=?)"}},
      // Nothing to enter an index by: in order, so that a page ends the search.
      {slow(), JG_ORDER_ID, false, {"jobs_by_id (tenant=?)"}},
      {is("project/equipment_model_code"),
       JG_ORDER_ID,
       false,
       {"jobs_by_id (tenant=?)", "e1 USING INDEX entities_by_id (tenant=? AND kind=? AND id=?)",
        "e2 USING INDEX entities_by_id (tenant=? AND kind=? AND id=?)"}},
      {is("_parent_job/project_reference_back_office"),
       JG_ORDER_ID,
       false,
       {"jobs_by_id (tenant=?)", "e1 USING INDEX jobs_by_id (tenant=? AND id=?)",
        "e2 USING INDEX entities_by_id (tenant=? AND kind=? AND id=?)"}},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_job_query query = {.order = rows[i].order, .limit = 100, .filter = rows[i].filter};
    check(&query, rows[i].has, rows[i].sorted);
  }
}

/* A bound on one side says nothing of how many jobs it leaves: by that date if few, by id if many. */
static void test_dates(void **state JG_UNUSED) {
  struct jg_filter *range = two(JG_FILTER_AND, modified(JG_FILTER_GE), modified(JG_FILTER_LT));
  const struct jg_filter *filters[] = {modified(JG_FILTER_GT), range,
                                       two(JG_FILTER_AND, modified(JG_FILTER_GT), slow())};
  const struct jg_filter_order by_id = {.key = jg_filter_member(&arena, "id"), .descending = true};
  const struct jg_job_key key = {.type = JG_VALUE_GUID};
  const char *const by_modified[] = {"jobs_by_modified (tenant=? AND modified_dateutc>?", NULL};
  const char *const walk[] = {"jobs_by_id (tenant=?", NULL};
  for (size_t i = 0; i < 4 * JG_COUNT(filters); i++) {
    struct jg_job_query query = {.limit = 100, .filter = filters[i / 4], .has_after = i % 2 != 0, .after_keys = &key};
    if (i % 4 >= 2) {
      query.orders = &by_id;
      query.order_count = 1;
    }
    dates = JG_SQLITE_DATES_FEW;
    check(&query, by_modified, true);
    dates = JG_SQLITE_DATES_MANY;
    check(&query, walk, false);
    dates = JG_SQLITE_DATES_UNKNOWN;
  }
}

/* They are counted by the index alone, where nothing else leads into one and the list is by id. */
static void test_counts_of_dates(void **state JG_UNUSED) {
  const struct jg_filter_order by_name = {.key = jg_filter_member(&arena, "name")};
  const struct jg_filter *gt = modified(JG_FILTER_GT);
  const struct {
    struct jg_job_query query;
    const char *index; /* NULL: they are not counted */
  } rows[] = {
      {{.filter = gt}, "COVERING INDEX jobs_by_modified (tenant=? AND modified_dateutc>?)"},
      {{.filter = two(JG_FILTER_AND, two(JG_FILTER_AND, slow(), gt), modified(JG_FILTER_LT))},
       "COVERING INDEX jobs_by_modified (tenant=? AND modified_dateutc>? AND modified_dateutc<?)"},
      {{.filter = NULL}, NULL},
      {{.filter = slow()}, NULL},
      {{.filter = modified(JG_FILTER_EQ)}, NULL},
      {{.filter = two(JG_FILTER_OR, gt, slow())}, NULL},
      {{.filter = two(JG_FILTER_AND, gt, is("job_status_id"))}, NULL},
      {{.filter = two(JG_FILTER_AND, is("project_reference_back_office"), gt)}, NULL},
      {{.filter = gt, .order = JG_ORDER_MODIFIED}, NULL},
      {{.filter = gt, .orders = &by_name, .order_count = 1}, NULL},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_buf plan;
    jg_buf_init(&plan, 100000);
    if (rows[i].index != NULL) {
      plan_of(dates_sql, &rows[i].query, &plan);
      assert_non_null(strstr(plan.data, rows[i].index));
      assert_true(few_max > 0);
    } else {
      struct jg_sqlite_sql sql;
      assert_true(jg_status_ok(jg_sqlite_dates_sql(&rows[i].query, &arena, &sql, &few_max)));
      assert_int_equal(few_max, 0);
    }
    jg_buf_done(&plan);
  }
}

/* The next page is entered at its key, whatever bound the filter has. */
static void test_keysets(void **state JG_UNUSED) {
  struct jg_filter_order by_modified = {.key = jg_filter_member(&arena, "modified_dateutc")};
  struct jg_filter_order by_name[] = {by_modified, {.key = jg_filter_member(&arena, "name")}};
  by_name[1].descending = true;
  const struct jg_job_key keys[] = {{.type = JG_VALUE_DATETIME}, {.type = JG_VALUE_STRING, .string = JG_STR("x")}};
  struct jg_filter *range = two(JG_FILTER_AND, modified(JG_FILTER_GE), modified(JG_FILTER_LT));
  struct jg_job_query query = {.limit = 100, .has_after = true, .filter = range, .after_keys = keys};
  query.orders = &by_modified;
  query.order_count = 1;
  const char *const entered[] = {"(j.modified_dateutc,j.id)>(", "(+j.modified_dateutc>=?4)",
                                 "jobs_by_modified (tenant=? AND (modified_dateutc,id)>(?,?) AND modified_dateutc<?)",
                                 NULL};
  check(&query, entered, false);
  query.filter = two(JG_FILTER_AND, is("job_status_id"), range);
  const char *const by_status[] = {
      "jobs_by_status (tenant=? AND job_status_id=? AND (modified_dateutc,id)>(?,?) AND modified_dateutc<?)", NULL};
  check(&query, by_status, false);
  query.filter = NULL;
  query.orders = by_name;
  query.order_count = 2;
  const char *const by_both[] = {"jobs_by_modified (tenant=? AND modified_dateutc>?)", "j.modified_dateutc>=?4", NULL};
  check(&query, by_both, true);
  // Descending, from a place on: the filter's upper bound is passed, its lower one ends the search.
  by_modified.descending = true;
  query.filter = range;
  query.orders = &by_modified;
  query.order_count = 1;
  const char *const down[] = {"(j.modified_dateutc,j.id)<(", "(+j.modified_dateutc<?5)",
                              "jobs_by_modified (tenant=? AND modified_dateutc>? AND (modified_dateutc,id)<(?,?))",
                              NULL};
  check(&query, down, false);
}

/* By rid, whatever index the filter could enter: what it does not match counts as work too. */
static void test_scans(void **state JG_UNUSED) {
  const struct jg_filter *filters[] = {slow(), is("project_id"), is("job_status_code"),
                                       two(JG_FILTER_AND, is("job_status_id"), modified(JG_FILTER_GE))};
  for (size_t i = 0; i < JG_COUNT(filters); i++) {
    const struct jg_job_query query = {.filter = filters[i]};
    struct jg_buf plan;
    jg_buf_init(&plan, 100000);
    plan_of(jg_sqlite_scan_sql, &query, &plan);
    if (strstr(plan.data, "INDEX jobs_by_tenant (tenant=? AND rowid>?)") == NULL ||
        strstr(plan.data, "TEMP B-TREE") != NULL || strstr(plan.data, "SCAN") != NULL) {
      fail_msg("%s", plan.data);
    }
    jg_buf_done(&plan);
  }
}

/* Where few match, an index of the filter's own finds them. */
static void test_matches(void **state JG_UNUSED) {
  const struct {
    const struct jg_filter *filter;
    const char *has;
  } rows[] = {
      {is("project_id"), "COVERING INDEX jobs_by_project (tenant=? AND project_id=?)"},
      {two(JG_FILTER_AND, slow(), is("project_reference_back_office")), "jobs_by_project (tenant=? AND project_id=?)"},
      {two(JG_FILTER_AND, is("job_status_id"), is("_parent_id")), "jobs_by_parent (tenant=? AND parent_id=?)"},
      {two(JG_FILTER_OR, is("id"), is("id")), "jobs_by_id (tenant=? AND id=?)"},
      {is_listed("id"), "jobs_by_id (tenant=? AND id=?)"},
      {is_listed("reference_back_office"), "jobs_by_reference (tenant=? AND reference_back_office=?)"},
      {is_listed("project_reference_back_office"), "jobs_by_project (tenant=? AND project_id=?)"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_true(jg_sqlite_filter_is_selective(rows[i].filter));
    const struct jg_job_query query = {.filter = rows[i].filter};
    struct jg_buf plan;
    jg_buf_init(&plan, 100000);
    plan_of(jg_sqlite_matches_sql, &query, &plan);
    if (strstr(plan.data, rows[i].has) == NULL || strstr(plan.data, "SCAN") != NULL) {
      fail_msg("no %s in %s", rows[i].has, plan.data);
    }
    jg_buf_done(&plan);
  }
  const struct jg_filter *none[] = {is("job_status_id"), slow(), two(JG_FILTER_OR, is("id"), slow()),
                                    modified(JG_FILTER_EQ),
                                    jg_filter_node(&arena, JG_FILTER_NOT, JG_VALUE_BOOL, is("id"), NULL, NULL)};
  for (size_t i = 0; i < JG_COUNT(none); i++) {
    assert_false(jg_sqlite_filter_is_selective(none[i]));
  }
}

/* Texts of callers are bound, never part of the SQL. */
static void test_no_text_of_callers(void **state JG_UNUSED) {
  struct jg_filter *name = jg_filter_member(&arena, "name");
  struct jg_filter *text = jg_filter_text(&arena, "'; DROP TABLE jobs; --");
  static const enum jg_filter_kind kinds[] = {JG_FILTER_EQ, JG_FILTER_STARTSWITH, JG_FILTER_CONTAINS};
  for (size_t i = 0; i < JG_COUNT(kinds); i++) {
    struct jg_job_query query = {.limit = 1, .filter = two(kinds[i], name, text)};
    struct jg_buf plan;
    jg_buf_init(&plan, 100000);
    plan_of(list_sql, &query, &plan);
    assert_null(strstr(plan.data, "DROP"));
    jg_buf_done(&plan);
  }
}

/* The functions refuse what no statement of ours says. */
static void test_functions(void **state JG_UNUSED) {
  static const struct {
    const char *sql;
    int rc;
  } rows[] = {
      {"SELECT jg_test(NULL)", SQLITE_MISUSE},           {"SELECT jg_value(1, 2)", SQLITE_MISUSE},
      {"SELECT jg_guid(NULL, 2, 0)", SQLITE_OK},         {"SELECT jg_guid(x'', 2, 0)", SQLITE_OK},
      {"SELECT jg_guid(x'0a02', 2, 0)", SQLITE_CORRUPT}, {"SELECT jg_guid(x'', 2, 99)", SQLITE_MISUSE},
      {"SELECT jg_guid(x'', 99, 0)", SQLITE_MISUSE},     {"SELECT jg_guid(x'', 2, 22)", SQLITE_MISUSE},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(sqlite3_exec(db, rows[i].sql, NULL, NULL, NULL), rows[i].rc);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_filters),
      cmocka_unit_test(test_dates),
      cmocka_unit_test(test_counts_of_dates),
      cmocka_unit_test(test_keysets),
      cmocka_unit_test(test_scans),
      cmocka_unit_test(test_matches),
      cmocka_unit_test(test_no_text_of_callers),
      cmocka_unit_test(test_functions),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
