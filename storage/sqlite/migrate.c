#include <stdio.h>

#include "storage/schema/migrations.h"
#include "storage/sqlite/sqlite_internal.h"

static int set_pragma(struct jg_sqlite_conn *conn, const char *name, int value) {
  char sql[64];
  int len = snprintf(sql, sizeof(sql), "PRAGMA %s=%d", name, value);
  JG_ASSERT(len > 0 && (size_t)len < sizeof(sql));
  return sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
}

static int migrate(struct jg_sqlite_conn *conn, const char **ret_name) {
  // Read again under the lock: another process may just have done it.
  int64_t version = 0;
  int rc = jg_sqlite_conn_int(conn, "PRAGMA user_version", &version);
  for (size_t i = 0; rc == SQLITE_OK && i < jg_sqlite_migration_count; i++) {
    const struct jg_migration *migration = &jg_sqlite_migrations[i];
    JG_ASSERT(migration->version == (int)i + 1);
    if (migration->version <= version) {
      continue;
    }
    *ret_name = migration->name;
    rc = sqlite3_exec(conn->db, migration->sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
      rc = set_pragma(conn, "user_version", migration->version);
    }
  }
  return rc == SQLITE_OK ? set_pragma(conn, "application_id", JG_SQLITE_APPLICATION_ID) : rc;
}

int jg_sqlite_migrate(struct jg_sqlite_conn *conn, const char **ret_name) {
  *ret_name = "none";
  int rc = jg_sqlite_conn_exec(conn, JG_SQLITE_BEGIN_WRITE);
  if (rc != SQLITE_OK) {
    return rc;
  }
  rc = migrate(conn, ret_name);
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_exec(conn, JG_SQLITE_COMMIT);
  }
  if (rc != SQLITE_OK) {
    jg_sqlite_conn_rollback(conn);
  }
  return rc;
}
