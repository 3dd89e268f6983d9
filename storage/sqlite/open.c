/* From a path to a database that is ours, whole and of our version: every refusal, creation, the lock and the migrations.
 * What is not ours is never written to, replaced or deleted. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/schema/migrations.h"
#include "storage/sqlite/sqlite_internal.h"

/* SQLite's own limit is 512 bytes, "-journal" included. */
#define PATH_BYTES_MAX 500
#define SQLITE_PAGE_BYTES_MIN 512

/* What a file turned out to be. */
enum content { CONTENT_NONE, CONTENT_EMPTY, CONTENT_OURS };

struct opening {
  const struct jg_store_options *options;
  struct jg_arena *arena;
  const char *path; /* absolute, links resolved; in the arena */
  const char *dir;
  enum content content;
  int64_t version;
};

static struct jg_status refuse(struct opening *opening, enum jg_code code, enum jg_reason reason, const char *what) {
  return jg_status_printf(opening->arena, code, reason, "%s %s", opening->path, what);
}

/* A status for an SQLite code met while opening. */
static struct jg_status refuse_rc(struct opening *opening, int rc, const char *doing) {
  struct jg_status status = jg_sqlite_status(rc);
  // Here nothing can be retried: the operator has to act.
  bool read_only = status.reason == JG_REASON_STORE_READ_ONLY;
  return jg_status_printf(opening->arena, read_only ? JG_FAILED_PRECONDITION : status.code, status.reason,
                          "%s: %s while %s (%s)", opening->path, status.message, doing, sqlite3_errstr(rc));
}

/* ---- the path ---- */

static struct jg_status resolve_dir(struct opening *opening, struct jg_str path) {
  size_t name_at = path.len;
  while (name_at > 0 && path.data[name_at - 1] != '/') {
    name_at--;
  }
  struct jg_str name = jg_str_sub(path, name_at, path.len);
  struct jg_str dir = name_at > 0 ? jg_arena_str(opening->arena, jg_str_sub(path, 0, name_at)) : JG_STR(".");
  if (dir.data == NULL) {
    return jg_sqlite_arena_full();
  }
  if (name.len == 0) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the path of the store names a directory");
  }
  char real[PATH_MAX];
  if (realpath(dir.data, real) == NULL) {
    return jg_status_printf(opening->arena, JG_NOT_FOUND, JG_REASON_NONE, "no directory %.*s for the store",
                            JG_STR_ARG(dir));
  }
  opening->dir = jg_arena_printf(opening->arena, "%s", real);
  opening->path = jg_arena_printf(opening->arena, "%s/%.*s", strcmp(real, "/") == 0 ? "" : real, JG_STR_ARG(name));
  return opening->dir != NULL && opening->path != NULL ? JG_STATUS_OK : jg_sqlite_arena_full();
}

/* Absolute and without links: all names of one database are one lock. */
static struct jg_status resolve(struct opening *opening, struct jg_str path) {
  if (path.len == 0 || path.len > PATH_BYTES_MAX || memchr(path.data, '\0', path.len) != NULL) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the path of the store must have 1 to 500 bytes");
  }
  if (jg_str_equal(path, JG_STR(":memory:"))) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the store must be a file: its threads share it");
  }
  struct jg_str text = jg_arena_str(opening->arena, path);
  if (text.data == NULL) {
    return jg_sqlite_arena_full();
  }
  char real[PATH_MAX];
  struct stat link;
  if (realpath(text.data, real) != NULL) {
    path = jg_str_from_cstr(real);
  } else if (lstat(text.data, &link) == 0 && S_ISLNK(link.st_mode)) {
    return jg_status_printf(opening->arena, JG_NOT_FOUND, JG_REASON_NONE, "%s is a link to nothing", text.data);
  }
  JG_RETURN_IF_ERROR(resolve_dir(opening, path));
  JG_ASSERT(opening->path != NULL);
  if (strlen(opening->path) > PATH_BYTES_MAX) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the path of the store is longer than 500 bytes");
  }
  return JG_STATUS_OK;
}

/* ---- the file ---- */

static struct jg_status probe_header(struct opening *opening, struct jg_sqlite_conn *conn) {
  int64_t application_id = 0, tables = 0;
  int rc = jg_sqlite_conn_int(conn, "PRAGMA application_id", &application_id);
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(conn, "SELECT count(*) FROM sqlite_schema", &tables);
  }
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(conn, "PRAGMA user_version", &opening->version);
  }
  if ((rc & 0xff) == SQLITE_NOTADB) {
    return refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN, "is not a jobgate database");
  }
  if (rc != SQLITE_OK) {
    return refuse_rc(opening, rc, "reading its header");
  }
  if (application_id == 0 && tables == 0 && opening->version == 0) {
    opening->content = CONTENT_EMPTY;
    return JG_STATUS_OK;
  }
  if (application_id != JG_SQLITE_APPLICATION_ID) {
    return refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN,
                  "is the database of another program, not of jobgate");
  }
  if (opening->version > (int64_t)jg_sqlite_migration_count) {
    return jg_status_printf(opening->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_NEWER,
                            "%s has schema version %ld, made by a newer jobgate; this one knows %zu", opening->path,
                            (long)opening->version, jg_sqlite_migration_count);
  }
  opening->content = CONTENT_OURS;
  return JG_STATUS_OK;
}

/* Looks at the file without changing it. */
static struct jg_status probe(struct opening *opening) {
  struct stat file;
  if (stat(opening->path, &file) != 0) {
    if (errno != ENOENT) {
      return refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "cannot be reached");
    }
    opening->content = CONTENT_NONE;
    return JG_STATUS_OK;
  }
  if (!S_ISREG(file.st_mode)) {
    return refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN, "is not a file");
  }
  // No database is that small, but SQLite takes a file of one byte for an empty one, and would write over it.
  if (file.st_size > 0 && file.st_size < SQLITE_PAGE_BYTES_MIN) {
    return refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN, "is not a jobgate database");
  }
  struct jg_sqlite_conn *conn = NULL;
  int rc = jg_sqlite_conn_open(opening->path, JG_SQLITE_PROBE, SQLITE_OPEN_READONLY, opening->options->clock, &conn);
  // Any connection may read the header, but a hot journal can only be played back by one that may write. That is what the
  // program of any database does first, and keeps what it committed.
  struct jg_status status = rc == SQLITE_OK ? probe_header(opening, conn) : refuse_rc(opening, rc, "opening it");
  jg_sqlite_conn_close(conn);
  if (status.reason == JG_REASON_STORE_READ_ONLY && !opening->options->read_only) {
    rc = jg_sqlite_conn_open(opening->path, JG_SQLITE_PROBE, SQLITE_OPEN_READWRITE, opening->options->clock, &conn);
    status = rc == SQLITE_OK ? probe_header(opening, conn) : refuse_rc(opening, rc, "opening it");
    jg_sqlite_conn_close(conn);
  }
  return status;
}

static struct jg_status check_writable(struct opening *opening) {
  if (access(opening->dir, W_OK | X_OK) != 0) {
    return jg_status_printf(opening->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY,
                            "%s cannot be written: its directory is read-only", opening->path);
  }
  if (opening->content != CONTENT_NONE && access(opening->path, R_OK | W_OK) != 0) {
    return refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "cannot be written: it is read-only");
  }
  return JG_STATUS_OK;
}

static struct jg_status check_present(struct opening *opening) {
  if (opening->content == CONTENT_NONE && !opening->options->create) {
    return refuse(opening, JG_NOT_FOUND, JG_REASON_NONE, "does not exist");
  }
  if (opening->content == CONTENT_EMPTY && !opening->options->create) {
    return refuse(opening, JG_NOT_FOUND, JG_REASON_NONE, "is empty: it holds no record yet");
  }
  // Beside a server nobody migrates: it would be the server's schema that changes under it.
  bool beside = opening->options->read_only || (!opening->options->exclusive && opening->content == CONTENT_OURS);
  if (beside && opening->version < (int64_t)jg_sqlite_migration_count) {
    return jg_status_printf(opening->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY,
                            "%s has schema version %ld and must first be migrated to %zu", opening->path,
                            (long)opening->version, jg_sqlite_migration_count);
  }
  return JG_STATUS_OK;
}

/* ---- the database ---- */

#define TEXT_OF(x) #x
#define TEXT_OF_VALUE(x) TEXT_OF(x)
#define PRAGMAS_NEW "PRAGMA page_size=" TEXT_OF_VALUE(JG_SQLITE_PAGE_BYTES) "; PRAGMA auto_vacuum=NONE;"
#define PRAGMAS_WAL "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=" TEXT_OF_VALUE(JG_SQLITE_WAL_KEPT_BYTES) ";"

static struct jg_status prepare_database(struct opening *opening, struct jg_sqlite_conn *conn) {
  int rc = SQLITE_OK;
  if (opening->content != CONTENT_OURS) {
    rc = sqlite3_exec(conn->db, PRAGMAS_NEW, NULL, NULL, NULL);
  }
  if (rc == SQLITE_OK) {
    rc = sqlite3_exec(conn->db, PRAGMAS_WAL, NULL, NULL, NULL);
  }
  int64_t is_wal = 0;
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(conn, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'", &is_wal);
  }
  if (rc != SQLITE_OK) {
    return refuse_rc(opening, rc, "preparing it");
  }
  // The pragma does not fail where it has no effect.
  if (is_wal == 0) {
    return refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_NONE, "is on a file system without shared memory files");
  }
  const char *migration = "";
  if (opening->version < (int64_t)jg_sqlite_migration_count) {
    rc = jg_sqlite_migrate(conn, &migration);
  }
  if (rc != SQLITE_OK) {
    return jg_status_printf(opening->arena, jg_sqlite_status(rc).code, jg_sqlite_status(rc).reason,
                            "%s: migration %s failed: %s", opening->path, migration, sqlite3_errmsg(conn->db));
  }
  return JG_STATUS_OK;
}

/* The cheap part of an integrity check: the header, the whole schema (every statement is prepared on it), the tenants, and
 * that each tenant's log ends where its counter stands (R1, R2). Damage elsewhere shows when it is read. */
static struct jg_status verify(struct opening *opening, struct jg_sqlite_conn *conn) {
  for (enum jg_sqlite_statement i = 0; i < JG_SQLITE_STATEMENT_COUNT; i++) {
    sqlite3_stmt *stmt = NULL;
    int rc = jg_sqlite_conn_prepare(conn, i, &stmt);
    if ((rc & 0xff) == SQLITE_ERROR) {
      return jg_status_printf(opening->arena, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT,
                              "%s is damaged: its schema is not that of version %ld (%s)", opening->path,
                              (long)opening->version, sqlite3_errmsg(conn->db));
    }
    if (rc != SQLITE_OK) {
      return refuse_rc(opening, rc, "reading its schema");
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
    return refuse_rc(opening, rc, "checking it");
  }
  if (wrong != 0 || damaged != 0) {
    return refuse(opening, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT,
                  "is damaged: its tenants and its log do not agree; restore a backup");
  }
  return JG_STATUS_OK;
}

/* With the lock held, if one is asked for. */
static struct jg_status open_database(struct opening *opening, struct jg_sqlite_conn **ret_conn) {
  // Another process may have made or migrated it while this one waited for the lock or the last probe.
  JG_RETURN_IF_ERROR(probe(opening));
  JG_RETURN_IF_ERROR(check_present(opening));
  const struct jg_store_options *options = opening->options;
  int access =
      options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (options->create ? SQLITE_OPEN_CREATE : 0);
  struct jg_sqlite_conn *conn = NULL;
  int rc = jg_sqlite_conn_open(opening->path, options->read_only ? JG_SQLITE_READER : JG_SQLITE_WRITER, access,
                               options->clock, &conn);
  if (rc != SQLITE_OK) {
    return refuse_rc(opening, rc, "opening it");
  }
  struct jg_status status = JG_STATUS_OK;
  if (!options->read_only) {
    status = sqlite3_db_readonly(conn->db, "main") == 0
                 ? prepare_database(opening, conn)
                 : refuse(opening, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "cannot be written");
  }
  if (jg_status_ok(status)) {
    status = verify(opening, conn);
  }
  if (!jg_status_ok(status) || options->read_only) {
    jg_sqlite_conn_close(conn);
    conn = NULL;
  }
  *ret_conn = conn;
  return status;
}

struct jg_status jg_sqlite_open_file(const struct jg_store_options *options, struct jg_str path, struct jg_arena *arena,
                                     struct jg_sqlite_store *store, struct jg_sqlite_conn **ret_conn) {
  struct opening opening = {.options = options, .arena = arena};
  JG_RETURN_IF_ERROR(resolve(&opening, path));
  JG_ASSERT(opening.path != NULL);
  JG_RETURN_IF_ERROR(probe(&opening));
  JG_RETURN_IF_ERROR(check_present(&opening));
  if (!options->read_only) {
    JG_RETURN_IF_ERROR(check_writable(&opening));
  }
  int lock_fd = -1;
  if (options->exclusive) {
    JG_RETURN_IF_ERROR(jg_sqlite_lock_take(opening.path, arena, &lock_fd));
  }
  struct jg_status status = open_database(&opening, ret_conn);
  if (!jg_status_ok(status)) {
    if (lock_fd >= 0) {
      (void)close(lock_fd);  // nothing was written
    }
    return status;
  }
  size_t bytes = strlen(opening.path) + 1;
  store->path = jg_alloc(bytes);
  memcpy(store->path, opening.path, bytes);
  store->lock_fd = lock_fd;
  return JG_STATUS_OK;
}
