/* Databases of every earlier version open, keep their rows, and then are of this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "storage/schema/migrations.h"
#include "storage/sqlite/sqlite_internal.h"
#include "storage/store_fixture.h"

static struct jg_fixture fixture;

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fixture_done(&fixture);
  return 0;
}

static void exec_sql(sqlite3 *db, const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
    fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  }
}

/* As the program of that version left it, with a tenant and its first change. */
static void make_old(size_t version) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(fixture.path, &db), SQLITE_OK);
  for (size_t i = 0; i < version; i++) {
    exec_sql(db, jg_sqlite_migrations[i].sql);
  }
  struct jg_buf sql;
  jg_buf_init(&sql, 1000);
  jg_buf_printf(&sql, "PRAGMA user_version=%zu; PRAGMA application_id=%d;", version, JG_SQLITE_APPLICATION_ID);
  jg_buf_append_char(&sql, '\0');
  exec_sql(db, sql.data);
  jg_buf_done(&sql);
  exec_sql(db,
           "INSERT INTO tenants(tenant, name, epoch, revision, entity_revision, oldest_revision, last_stamp, id2_last) "
           "VALUES(7, 'default', '00000000-0000-0000-0000-000000000007', 1, 0, 1, 0, 41);"
           "INSERT INTO changes(tenant, revision, kind, change, id, job_rid, last, commit_ticks, changed, trace, old, "
           "payload) VALUES(7, 1, 1, 3, zeroblob(16), 9, 1, 5, 0, '', x'0a0b0c', x'')");
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t int_of(const char *sql) {
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(stmt, 0);
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return value;
}

static void test_older_versions(void **state JG_UNUSED) {
  for (size_t version = 1; version < jg_sqlite_migration_count; version++) {
    make_old(version);
    jg_fixture_open(&fixture);
    assert_int_equal(fixture.tenant, 7);
    assert_true(jg_status_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1, .name = "one"})));
    jg_fixture_close(&fixture);
    assert_int_equal(int_of("PRAGMA user_version"), (int64_t)jg_sqlite_migration_count);
    assert_int_equal(int_of("SELECT count(*) FROM sqlite_schema WHERE name IN ('jobs_by_status', 'jobs_by_project')"),
                     2);
    assert_int_equal(int_of("SELECT count(*) FROM sqlite_stat1 WHERE tbl='jobs'"), 7);
    assert_int_equal(int_of("SELECT count(*) FROM jobs INDEXED BY jobs_by_status WHERE tenant=7"), 1);
    assert_int_equal(int_of("SELECT log_bytes - (SELECT sum(length(old) + length(payload) + 100) FROM changes) "
                            "FROM tenants"),
                     0);
    assert_int_equal(int_of("SELECT count(*) FROM tenants WHERE revision=2 AND log_bytes>203"), 1);
    assert_int_equal(remove(fixture.path), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_older_versions, setup, teardown)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
