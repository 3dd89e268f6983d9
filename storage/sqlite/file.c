#include "storage/sqlite/file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/schema/migrations.h"

/* SQLite's own limit is 512 bytes, "-journal" included. */
#define PATH_BYTES_MAX 500
#define SQLITE_PAGE_BYTES_MIN 512

struct jg_status jg_sqlite_file_refuse(const struct jg_sqlite_file *file, enum jg_code code, enum jg_reason reason,
                                       const char *what) {
  return jg_status_printf(file->arena, code, reason, "%s %s", file->path, what);
}

struct jg_status jg_sqlite_file_refuse_rc(const struct jg_sqlite_file *file, int rc, const char *doing) {
  struct jg_status status = jg_sqlite_status(rc);
  // Here nothing can be retried: the operator has to act.
  bool read_only = status.reason == JG_REASON_STORE_READ_ONLY;
  return jg_status_printf(file->arena, read_only ? JG_FAILED_PRECONDITION : status.code, status.reason,
                          "%s: %s while %s (%s)", file->path, status.message, doing, sqlite3_errstr(rc));
}

/* ---- the path ---- */

static struct jg_status resolve_dir(struct jg_sqlite_file *file, struct jg_str path) {
  size_t name_at = path.len;
  while (name_at > 0 && path.data[name_at - 1] != '/') {
    name_at--;
  }
  struct jg_str name = jg_str_sub(path, name_at, path.len);
  struct jg_str dir = name_at > 0 ? jg_arena_str(file->arena, jg_str_sub(path, 0, name_at)) : JG_STR(".");
  if (dir.data == NULL) {
    return jg_sqlite_arena_full();
  }
  if (name.len == 0) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the path of the store names a directory");
  }
  char real[PATH_MAX];
  if (realpath(dir.data, real) == NULL) {
    return jg_status_printf(file->arena, JG_NOT_FOUND, JG_REASON_NONE, "no directory %.*s for the store",
                            JG_STR_ARG(dir));
  }
  file->dir = jg_arena_printf(file->arena, "%s", real);
  file->path = jg_arena_printf(file->arena, "%s/%.*s", strcmp(real, "/") == 0 ? "" : real, JG_STR_ARG(name));
  return file->dir != NULL && file->path != NULL ? JG_STATUS_OK : jg_sqlite_arena_full();
}

struct jg_status jg_sqlite_file_resolve(struct jg_sqlite_file *file, struct jg_str path) {
  if (path.len == 0 || path.len > PATH_BYTES_MAX || memchr(path.data, '\0', path.len) != NULL) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the path of the store must have 1 to 500 bytes");
  }
  if (jg_str_equal(path, JG_STR(":memory:"))) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the store must be a file: its threads share it");
  }
  struct jg_str text = jg_arena_str(file->arena, path);
  if (text.data == NULL) {
    return jg_sqlite_arena_full();
  }
  char real[PATH_MAX];
  struct stat link;
  if (realpath(text.data, real) != NULL) {
    path = jg_str_from_cstr(real);
  } else if (lstat(text.data, &link) == 0 && S_ISLNK(link.st_mode)) {
    return jg_status_printf(file->arena, JG_NOT_FOUND, JG_REASON_NONE, "%s is a link to nothing", text.data);
  }
  JG_RETURN_IF_ERROR(resolve_dir(file, path));
  JG_ASSERT(file->path != NULL);
  if (strlen(file->path) > PATH_BYTES_MAX) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the path of the store is longer than 500 bytes");
  }
  return JG_STATUS_OK;
}

/* ---- the file ---- */

static struct jg_status probe_header(struct jg_sqlite_file *file, struct jg_sqlite_conn *conn) {
  int64_t application_id = 0, tables = 0;
  int rc = jg_sqlite_conn_int(conn, "PRAGMA application_id", &application_id);
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(conn, "SELECT count(*) FROM sqlite_schema", &tables);
  }
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(conn, "PRAGMA user_version", &file->version);
  }
  if ((rc & 0xff) == SQLITE_NOTADB) {
    return jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN, "is not a jobgate database");
  }
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(file, rc, "reading its header");
  }
  if (application_id == 0 && tables == 0 && file->version == 0) {
    file->content = JG_SQLITE_FILE_EMPTY;
    return JG_STATUS_OK;
  }
  if (application_id != JG_SQLITE_APPLICATION_ID) {
    return jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN,
                                 "is the database of another program, not of jobgate");
  }
  if (file->version > (int64_t)jg_sqlite_migration_count) {
    return jg_status_printf(file->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_NEWER,
                            "%s has schema version %ld, made by a newer jobgate; this one knows %zu", file->path,
                            (long)file->version, jg_sqlite_migration_count);
  }
  file->content = JG_SQLITE_FILE_OURS;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_file_probe(struct jg_sqlite_file *file) {
  struct stat found;
  if (stat(file->path, &found) != 0) {
    if (errno != ENOENT) {
      return jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "cannot be reached");
    }
    file->content = JG_SQLITE_FILE_NONE;
    return JG_STATUS_OK;
  }
  if (!S_ISREG(found.st_mode)) {
    return jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN, "is not a file");
  }
  // No database is that small, but SQLite takes a file of one byte for an empty one, and would write over it.
  if (found.st_size > 0 && found.st_size < SQLITE_PAGE_BYTES_MIN) {
    return jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN, "is not a jobgate database");
  }
  struct jg_sqlite_conn *conn = NULL;
  int rc = jg_sqlite_conn_open(file->path, JG_SQLITE_PROBE, SQLITE_OPEN_READONLY, file->clock, &conn);
  // Any connection may read the header, but a hot journal can only be played back by one that may write. That is what the
  // program of any database does first, and keeps what it committed.
  struct jg_status status =
      rc == SQLITE_OK ? probe_header(file, conn) : jg_sqlite_file_refuse_rc(file, rc, "opening it");
  jg_sqlite_conn_close(conn);
  if (status.reason == JG_REASON_STORE_READ_ONLY && !file->read_only) {
    rc = jg_sqlite_conn_open(file->path, JG_SQLITE_PROBE, SQLITE_OPEN_READWRITE, file->clock, &conn);
    status = rc == SQLITE_OK ? probe_header(file, conn) : jg_sqlite_file_refuse_rc(file, rc, "opening it");
    jg_sqlite_conn_close(conn);
  }
  return status;
}

struct jg_status jg_sqlite_file_check_writable(const struct jg_sqlite_file *file) {
  if (access(file->dir, W_OK | X_OK) != 0) {
    return jg_status_printf(file->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY,
                            "%s cannot be written: its directory is read-only", file->path);
  }
  if (file->content != JG_SQLITE_FILE_NONE && access(file->path, R_OK | W_OK) != 0) {
    return jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY,
                                 "cannot be written: it is read-only");
  }
  return JG_STATUS_OK;
}

/* ---- the database ---- */

struct jg_status jg_sqlite_file_verify(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn) {
  for (enum jg_sqlite_statement i = 0; i < JG_SQLITE_STATEMENT_COUNT; i++) {
    sqlite3_stmt *stmt = NULL;
    int rc = jg_sqlite_conn_prepare(conn, i, &stmt);
    if ((rc & 0xff) == SQLITE_ERROR) {
      return jg_status_printf(file->arena, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT,
                              "%s is damaged: its schema is not that of version %ld (%s)", file->path,
                              (long)file->version, sqlite3_errmsg(conn->db));
    }
    if (rc != SQLITE_OK) {
      return jg_sqlite_file_refuse_rc(file, rc, "reading its schema");
    }
  }
  int64_t wrong = 0, damaged = 0;
  int rc = jg_sqlite_conn_int(conn,
                              "SELECT count(*) FROM tenants AS t WHERE revision <> coalesce((SELECT max(revision) "
                              "FROM changes AS c WHERE c.tenant = t.tenant), oldest_revision - 1)",
                              &wrong);
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(conn, "SELECT count(*) FROM pragma_quick_check('tenants') WHERE quick_check <> 'ok'",
                            &damaged);
  }
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(file, rc, "checking it");
  }
  if (wrong != 0 || damaged != 0) {
    return jg_sqlite_file_refuse(file, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT,
                                 "is damaged: its tenants and its log do not agree; restore a backup");
  }
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_file_migrate(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn) {
  const char *migration = "";
  int rc = SQLITE_OK;
  if (file->version < (int64_t)jg_sqlite_migration_count) {
    rc = jg_sqlite_migrate(conn, &migration);
  }
  if (rc != SQLITE_OK) {
    return jg_status_printf(file->arena, jg_sqlite_status(rc).code, jg_sqlite_status(rc).reason,
                            "%s: migration %s failed: %s", file->path, migration, sqlite3_errmsg(conn->db));
  }
  return JG_STATUS_OK;
}
