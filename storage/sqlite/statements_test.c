/* The schema and every statement on it: columns as the members say, R7, and no scan of a table. */
#include "storage/sqlite/statements.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "storage/columns.h"
#include "storage/schema/migrations.h"

static sqlite3 *db;

static int setup(void **state JG_UNUSED) {
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  for (size_t i = 0; i < jg_sqlite_migration_count; i++) {
    assert_int_equal(sqlite3_exec(db, jg_sqlite_migrations[i].sql, NULL, NULL, NULL), SQLITE_OK);
  }
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  return sqlite3_close(db);
}

static void test_migrations_are_numbered(void **state JG_UNUSED) {
  assert_true(jg_sqlite_migration_count >= 1);
  for (size_t i = 0; i < jg_sqlite_migration_count; i++) {
    assert_int_equal(jg_sqlite_migrations[i].version, i + 1);
    assert_non_null(jg_sqlite_migrations[i].name);
  }
  assert_string_equal(jg_sqlite_migrations[0].name, "0001_init");
}

/* The columns of jobs are the members with columns, in their order, of the right type, with the payload behind them. */
static void test_job_columns(void **state JG_UNUSED) {
  struct jg_columns columns;
  jg_columns_init(jg_entity(JG_KIND_JOB), &columns);
  static const char *const types[] = {
      [JG_COLUMN_INTEGER] = "INTEGER", [JG_COLUMN_REAL] = "REAL", [JG_COLUMN_TEXT] = "TEXT", [JG_COLUMN_GUID] = "BLOB"};
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(
      sqlite3_prepare_v2(db, "SELECT name, type FROM pragma_table_info('jobs') ORDER BY cid", -1, &stmt, NULL),
      SQLITE_OK);
  static const char *const first[] = {"rid", "tenant", "revision"};
  for (size_t i = 0; i < JG_COUNT(first); i++) {
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(stmt, 0), first[i]);
  }
  for (size_t i = 0; i < columns.count; i++) {
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    struct jg_str name = jg_str_from_cstr((const char *)sqlite3_column_text(stmt, 0));
    assert_true(jg_str_equal(name, columns.items[i].member->proto_name));
    assert_string_equal(sqlite3_column_text(stmt, 1), types[columns.items[i].type]);
  }
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  assert_string_equal(sqlite3_column_text(stmt, 0), "payload");
  assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

static void check_plan(const char *sql, bool one_tenant) {
  struct jg_buf explain;
  jg_buf_init(&explain, 10000);
  jg_buf_printf(&explain, "EXPLAIN QUERY PLAN %s", sql);
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(sqlite3_prepare_v2(db, explain.data, (int)explain.len, &stmt, NULL), SQLITE_OK);
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    const char *step = (const char *)sqlite3_column_text(stmt, 3);
    // The recursion's own queue is scanned: it holds what was found.
    if ((strncmp(step, "SCAN", 4) == 0 && strcmp(step, "SCAN up") != 0) || strstr(step, "TEMP B-TREE") != NULL) {
      fail_msg("%s: %s", sql, step);
    }
    // By rowid the tenant is checked on the row; else it is the head of the index.
    if (one_tenant && strncmp(step, "SEARCH", 6) == 0 && strstr(step, "(tenant=?") == NULL &&
        strstr(step, "(rowid=?)") == NULL) {
      fail_msg("%s: %s", sql, step);
    }
  }
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
  jg_buf_done(&explain);
}

static void test_statements(void **state JG_UNUSED) {
  for (enum jg_sqlite_statement i = 0; i < JG_SQLITE_STATEMENT_COUNT; i++) {
    struct jg_buf text;
    jg_buf_init(&text, 10000);
    jg_sqlite_statement_text(i, &text);
    jg_buf_append_char(&text, '\0');
    assert_false(text.failed);
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, text.data, -1, &stmt, NULL) != SQLITE_OK) {
      fail_msg("%s: %s", text.data, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    // R7: all but transactions and what finds or makes tenants.
    bool one_tenant = strchr(text.data, '?') != NULL && i != JG_SQLITE_TENANT_BY_NAME && i != JG_SQLITE_TENANT_AFTER &&
                      i != JG_SQLITE_TENANT_BEHIND && i != JG_SQLITE_TENANT_INSERT;
    if (one_tenant && strstr(text.data, "tenant=?1") == NULL && strstr(text.data, "VALUES(?1") == NULL) {
      fail_msg("%s names no tenant", text.data);
    }
    check_plan(text.data, one_tenant);
    jg_buf_done(&text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_migrations_are_numbered),
      cmocka_unit_test_setup_teardown(test_job_columns, setup, teardown),
      cmocka_unit_test_setup_teardown(test_statements, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
