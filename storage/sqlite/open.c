/* From a path to a database that is ours, whole and of our version: creation, the lock and the migrations. What is not ours is
 * never written to, replaced or deleted. */
#include <unistd.h>

#include "storage/schema/migrations.h"
#include "storage/sqlite/file.h"

static struct jg_status check_present(const struct jg_store_options *options, const struct jg_sqlite_file *file) {
  if (file->content == JG_SQLITE_FILE_NONE && !options->create) {
    return jg_sqlite_file_refuse(file, JG_NOT_FOUND, JG_REASON_NONE, "does not exist");
  }
  if (file->content == JG_SQLITE_FILE_EMPTY && !options->create) {
    return jg_sqlite_file_refuse(file, JG_NOT_FOUND, JG_REASON_NONE, "is empty: it holds no record yet");
  }
  // Beside a server nobody migrates: it would be the server's schema that changes under it.
  bool beside = options->read_only || (!options->exclusive && file->content == JG_SQLITE_FILE_OURS);
  if (beside && file->version < (int64_t)jg_sqlite_migration_count) {
    return jg_status_printf(file->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY,
                            "%s has schema version %ld and must first be migrated to %zu", file->path,
                            (long)file->version, jg_sqlite_migration_count);
  }
  return JG_STATUS_OK;
}

/* ---- the database ---- */

#define TEXT_OF(x) #x
#define TEXT_OF_VALUE(x) TEXT_OF(x)
#define PRAGMAS_NEW "PRAGMA page_size=" TEXT_OF_VALUE(JG_SQLITE_PAGE_BYTES) "; PRAGMA auto_vacuum=NONE;"
#define PRAGMAS_WAL "PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=" TEXT_OF_VALUE(JG_SQLITE_WAL_KEPT_BYTES) ";"

static struct jg_status prepare_database(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn) {
  int rc = SQLITE_OK;
  if (file->content != JG_SQLITE_FILE_OURS) {
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
    return jg_sqlite_file_refuse_rc(file, rc, "preparing it");
  }
  // The pragma does not fail where it has no effect.
  if (is_wal == 0) {
    return jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_NONE,
                                 "is on a file system without shared memory files");
  }
  return jg_sqlite_file_migrate(file, conn);
}

/* With the lock held, if one is asked for. */
static struct jg_status open_database(const struct jg_store_options *options, struct jg_sqlite_file *file,
                                      struct jg_sqlite_conn **ret_conn) {
  // Another process may have made or migrated it while this one waited for the lock or the last probe.
  JG_RETURN_IF_ERROR(jg_sqlite_file_probe(file));
  JG_RETURN_IF_ERROR(check_present(options, file));
  int access =
      options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (options->create ? SQLITE_OPEN_CREATE : 0);
  struct jg_sqlite_conn *conn = NULL;
  int rc = jg_sqlite_conn_open(file->path, options->read_only ? JG_SQLITE_READER : JG_SQLITE_WRITER, access,
                               options->clock, &conn);
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(file, rc, "opening it");
  }
  struct jg_status status = JG_STATUS_OK;
  if (!options->read_only) {
    status = sqlite3_db_readonly(conn->db, "main") == 0
                 ? prepare_database(file, conn)
                 : jg_sqlite_file_refuse(file, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "cannot be written");
  }
  if (jg_status_ok(status)) {
    status = jg_sqlite_file_verify(file, conn);
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
  struct jg_sqlite_file file = {.clock = options->clock, .arena = arena, .read_only = options->read_only};
  JG_RETURN_IF_ERROR(jg_sqlite_file_resolve(&file, path));
  JG_RETURN_IF_ERROR(jg_sqlite_file_probe(&file));
  JG_RETURN_IF_ERROR(check_present(options, &file));
  if (!options->read_only) {
    JG_RETURN_IF_ERROR(jg_sqlite_file_check_writable(&file));
  }
  int lock_fd = -1;
  if (options->exclusive) {
    JG_RETURN_IF_ERROR(jg_sqlite_lock_take(file.path, arena, &lock_fd));
  }
  struct jg_status status = open_database(options, &file, ret_conn);
  if (!jg_status_ok(status)) {
    if (lock_fd >= 0) {
      (void)close(lock_fd);  // nothing was written
    }
    return status;
  }
  size_t bytes = strlen(file.path) + 1;
  store->path = jg_alloc(bytes);
  memcpy(store->path, file.path, bytes);
  store->lock_fd = lock_fd;
  return JG_STATUS_OK;
}
