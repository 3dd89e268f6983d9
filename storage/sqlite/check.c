/* Looking at a whole record, beside a server too. */
#include "storage/sqlite/file.h"
#include "storage/sqlite/sqlite.h"

struct jg_status jg_sqlite_file_check_whole(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn) {
  int64_t damaged = 0;
  int rc =
      jg_sqlite_conn_int(conn, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'", &damaged);
  if (rc == SQLITE_OK && damaged == 0) {
    rc = jg_sqlite_conn_int(conn,
                            "SELECT count(*) FROM tenants AS t WHERE revision - oldest_revision + 1 <> "
                            "(SELECT count(*) FROM changes AS c WHERE c.tenant = t.tenant)",
                            &damaged);
  }
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(file, rc, "checking it");
  }
  return damaged == 0 ? JG_STATUS_OK : jg_sqlite_file_refuse(file, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "is damaged");
}

static struct jg_status count_all(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn,
                                  struct jg_store_report *report) {
  const struct {
    const char *sql;
    int64_t *count;
  } counts[] = {
      {"SELECT count(*) FROM tenants", &report->tenants},
      {"SELECT count(*) FROM jobs", &report->jobs},
      {"SELECT count(*) FROM entities", &report->entities},
      {"SELECT count(*) FROM changes", &report->changes},
  };
  for (size_t i = 0; i < JG_COUNT(counts); i++) {
    int rc = jg_sqlite_conn_int(conn, counts[i].sql, counts[i].count);
    if (rc != SQLITE_OK) {
      return jg_sqlite_file_refuse_rc(file, rc, "reading it");
    }
  }
  return JG_STATUS_OK;
}

/* In one snapshot, so that a server that goes on writing makes no log look torn. */
static struct jg_status check(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn,
                              struct jg_store_report *report) {
  int rc = jg_sqlite_conn_exec(conn, JG_SQLITE_BEGIN_READ);
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(file, rc, "reading it");
  }
  struct jg_status status = jg_sqlite_file_check_whole(file, conn);
  if (jg_status_ok(status)) {
    status = count_all(file, conn, report);
  }
  jg_sqlite_conn_rollback(conn);  // nothing was written
  return status;
}

struct jg_status jg_sqlite_check(struct jg_str path, const struct jg_clock *clock, struct jg_arena *arena,
                                 struct jg_store_report *ret_report) {
  struct jg_sqlite_file file = {.clock = clock, .arena = arena, .read_only = true};
  JG_RETURN_IF_ERROR(jg_sqlite_file_resolve(&file, path));
  JG_RETURN_IF_ERROR(jg_sqlite_file_probe(&file));
  if (file.content != JG_SQLITE_FILE_OURS) {
    return jg_sqlite_file_refuse(&file, JG_NOT_FOUND, JG_REASON_NONE, "holds no record");
  }
  struct jg_sqlite_conn *conn = NULL;
  int rc = jg_sqlite_conn_open(file.path, JG_SQLITE_READER, SQLITE_OPEN_READONLY, clock, &conn);
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(&file, rc, "opening it");
  }
  struct jg_store_report report = {.schema_version = file.version};
  struct jg_status status = check(&file, conn, &report);
  jg_sqlite_conn_close(conn);
  JG_RETURN_IF_ERROR(status);
  *ret_report = report;
  return JG_STATUS_OK;
}
