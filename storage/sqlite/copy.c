/* Backup and restore: the pages of one snapshot into a new file, under new epochs (R5). */
#include <unistd.h>

#include "storage/sqlite/partial.h"
#include "storage/sqlite/sqlite.h"

/* Pages between two reports of progress: 4 MiB. */
#define STEP_PAGES 1024

struct copying {
  const struct jg_store_copy *wanted;
  bool restores; /* `to` is the store, else `from` */
  struct jg_sqlite_file from, to;
  struct jg_sqlite_partial partial;
  struct jg_store_copied copied;
};

static struct copying make_copying(const struct jg_store_copy *wanted, struct jg_arena *arena) {
  return (struct copying){
      .wanted = wanted,
      .from = {.clock = wanted->clock, .arena = arena, .read_only = true},
      .to = {.clock = wanted->clock, .arena = arena},
      .partial = {.fd = -1},
  };
}

/* ---- pages ---- */

/* The disk that failed is named. */
static struct jg_status copy_failed(const struct copying *copying, int rc) {
  bool reading = rc == SQLITE_IOERR_READ || rc == SQLITE_IOERR_SHORT_READ || (rc & 0xff) == SQLITE_CORRUPT ||
                 (rc & 0xff) == SQLITE_NOTADB;
  return jg_sqlite_file_refuse_rc(reading ? &copying->from : &copying->to, rc, "copying");
}

static int copy_pages(const struct copying *copying, sqlite3_backup *backup, int64_t page_bytes) {
  int rc;
  do {
    rc = sqlite3_backup_step(backup, STEP_PAGES);
    if (copying->wanted->progress != NULL) {
      int64_t total = sqlite3_backup_pagecount(backup);
      copying->wanted->progress((total - sqlite3_backup_remaining(backup)) * page_bytes, total * page_bytes,
                                copying->wanted->data);
    }
  } while (rc == SQLITE_OK);
  int finished = sqlite3_backup_finish(backup);
  return rc == SQLITE_DONE ? finished : rc;
}

/* In one snapshot: without it each write of the server between two steps would begin the copy anew. */
static struct jg_status copy_snapshot(struct copying *copying, struct jg_sqlite_conn *source,
                                      struct jg_sqlite_conn *target) {
  int64_t page_bytes = 0;
  int rc = jg_sqlite_conn_exec(source, JG_SQLITE_BEGIN_READ);
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(source, "SELECT count(*) FROM tenants", &copying->copied.tenants);
  }
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(source, "SELECT count(*) FROM jobs", &copying->copied.jobs);
  }
  if (rc == SQLITE_OK) {
    rc = jg_sqlite_conn_int(source, "PRAGMA page_size", &page_bytes);
  }
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(&copying->from, rc, "reading it");
  }
  sqlite3_backup *backup = sqlite3_backup_init(target->db, "main", source->db, "main");
  rc = backup != NULL ? copy_pages(copying, backup, page_bytes) : sqlite3_extended_errcode(target->db);
  jg_sqlite_conn_rollback(source);  // nothing was written
  return rc == SQLITE_OK ? JG_STATUS_OK : copy_failed(copying, rc);
}

/* ---- what the copy becomes ---- */

static struct jg_status renew_epoch(struct jg_sqlite_txn *txn, int64_t tenant) {
  char epoch[JG_UUID_TEXT_LEN];
  jg_uuid_format(jg_uuid_new(txn->clock), epoch);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_TENANT_EPOCH);
  jg_sqlite_bind_i64(&query, 1, tenant);
  jg_sqlite_bind_text(&query, 2, jg_str_make(epoch, sizeof(epoch)));
  (void)jg_sqlite_query_step(&query);  // the end tells
  return jg_sqlite_query_end(&query);
}

static struct jg_status renew_epochs(struct jg_sqlite_conn *conn) {
  struct jg_sqlite_txn txn;
  jg_sqlite_txn_init(&txn, conn, 0);
  int64_t tenant = 0;
  for (;;) {
    struct jg_sqlite_query query;
    jg_sqlite_query_begin(&query, &txn, JG_SQLITE_TENANT_BEHIND);
    jg_sqlite_bind_i64(&query, 1, tenant);
    bool found = jg_sqlite_query_step(&query);
    tenant = found ? sqlite3_column_int64(query.stmt, 0) : 0;
    JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
    if (!found) {
      return JG_STATUS_OK;
    }
    JG_RETURN_IF_ERROR(renew_epoch(&txn, tenant));
  }
}

static struct jg_status renew(const struct copying *copying, struct jg_sqlite_conn *conn) {
  int rc = jg_sqlite_conn_exec(conn, JG_SQLITE_BEGIN_WRITE);
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(&copying->to, rc, "writing it");
  }
  struct jg_status status = renew_epochs(conn);
  if (jg_status_ok(status)) {
    rc = jg_sqlite_conn_exec(conn, JG_SQLITE_COMMIT);
    status = rc == SQLITE_OK ? status : jg_sqlite_file_refuse_rc(&copying->to, rc, "writing it");
  }
  if (!jg_status_ok(status)) {
    jg_sqlite_conn_rollback(conn);
  }
  return status;
}

/* A damaged record makes no backup, so that a good one of before is not replaced by it. Each page and row: of the indexes, only
 * that they can be read. */
static struct jg_status check_pages(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn) {
  int64_t damaged = 0;
  int rc = jg_sqlite_conn_int(conn, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'", &damaged);
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(file, rc, "checking it");
  }
  return damaged == 0 ? JG_STATUS_OK : jg_sqlite_file_refuse(file, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "is damaged");
}

/* No WAL: the file stands alone then, and may be read where nothing can be written. Nothing is synced before the end. */
#define PRAGMAS_TARGET "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;"
#define PRAGMAS_COPIED "PRAGMA journal_mode=DELETE;"

static struct jg_status fill(struct copying *copying, struct jg_sqlite_conn *source, struct jg_sqlite_conn *target) {
  int rc = sqlite3_exec(target->db, PRAGMAS_TARGET, NULL, NULL, NULL);
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(&copying->to, rc, "preparing it");
  }
  JG_RETURN_IF_ERROR(copy_snapshot(copying, source, target));
  rc = sqlite3_exec(target->db, PRAGMAS_COPIED, NULL, NULL, NULL);
  if (rc != SQLITE_OK) {
    return copy_failed(copying, rc);
  }
  if (copying->restores) {
    // The copy is as damaged as the file: it is the file that a message names.
    JG_RETURN_IF_ERROR(jg_sqlite_file_check_whole(&copying->from, target));
    JG_RETURN_IF_ERROR(jg_sqlite_file_migrate(&copying->from, target));
    JG_RETURN_IF_ERROR(jg_sqlite_file_verify(&copying->from, target));
  } else {
    JG_RETURN_IF_ERROR(check_pages(&copying->from, target));
  }
  return renew(copying, target);
}

static struct jg_status fill_partial(struct copying *copying) {
  struct jg_sqlite_conn *source = NULL, *target = NULL;
  int rc =
      jg_sqlite_conn_open(copying->from.path, JG_SQLITE_READER, SQLITE_OPEN_READONLY, copying->wanted->clock, &source);
  if (rc != SQLITE_OK) {
    return jg_sqlite_file_refuse_rc(&copying->from, rc, "opening it");
  }
  rc = jg_sqlite_conn_open(copying->partial.path, JG_SQLITE_WRITER, SQLITE_OPEN_READWRITE, copying->wanted->clock,
                           &target);
  struct jg_status status =
      rc == SQLITE_OK ? fill(copying, source, target) : jg_sqlite_file_refuse_rc(&copying->to, rc, "opening it");
  jg_sqlite_conn_close(target);
  jg_sqlite_conn_close(source);
  return status;
}

/* ---- both ---- */

static struct jg_status look_at_source(struct copying *copying) {
  JG_RETURN_IF_ERROR(jg_sqlite_file_probe(&copying->from));
  if (copying->from.content == JG_SQLITE_FILE_NONE) {
    return jg_sqlite_file_refuse(&copying->from, JG_NOT_FOUND, JG_REASON_NONE, "does not exist");
  }
  if (copying->from.content == JG_SQLITE_FILE_EMPTY) {
    return jg_sqlite_file_refuse(&copying->from, JG_NOT_FOUND, JG_REASON_NONE, "is empty: it holds no record");
  }
  return JG_STATUS_OK;
}

/* What may be replaced: a record of ours, of whatever version and in whatever state. */
static struct jg_status look_at_target(struct copying *copying) {
  struct jg_status status = jg_sqlite_file_probe(&copying->to);
  bool ours = status.code == JG_DATA_LOSS || status.reason == JG_REASON_STORE_NEWER;
  if (jg_status_ok(status)) {
    if (copying->to.content != JG_SQLITE_FILE_OURS) {
      return JG_STATUS_OK;
    }
  } else if (!ours) {
    return status;
  }
  return copying->wanted->replace
             ? JG_STATUS_OK
             : jg_sqlite_file_refuse(&copying->to, JG_ALREADY_EXISTS, JG_REASON_NONE, "exists already");
}

static struct jg_status fill_and_install(struct copying *copying) {
  JG_RETURN_IF_ERROR(jg_sqlite_partial_open(&copying->to, &copying->partial));
  struct jg_status status = fill_partial(copying);
  if (jg_status_ok(status)) {
    const char *like = copying->restores ? copying->to.path : copying->from.path;
    status = jg_sqlite_partial_install(&copying->partial, like, &copying->copied.bytes);
  }
  jg_sqlite_partial_abandon(&copying->partial);
  return status;
}

/* A store is made with its lock held. A backup has none, unless somebody serves it: that one is not replaced either. */
static struct jg_status take_lock(struct copying *copying, int *ret_fd) {
  const char *lock_path = jg_arena_printf(copying->to.arena, "%s.lock", copying->to.path);
  if (lock_path == NULL) {
    return jg_sqlite_arena_full();
  }
  if (!copying->restores && access(lock_path, F_OK) != 0) {
    return JG_STATUS_OK;
  }
  return jg_sqlite_lock_take(copying->to.path, copying->to.arena, ret_fd);
}

static struct jg_status run(struct copying *copying) {
  JG_RETURN_IF_ERROR(look_at_source(copying));
  JG_RETURN_IF_ERROR(look_at_target(copying));
  JG_RETURN_IF_ERROR(jg_sqlite_file_check_writable(&copying->to));
  int lock_fd = -1;
  JG_RETURN_IF_ERROR(take_lock(copying, &lock_fd));
  // Another process may have made it before the lock was taken.
  struct jg_status status = look_at_target(copying);
  if (jg_status_ok(status)) {
    status = fill_and_install(copying);
  }
  if (lock_fd >= 0) {
    (void)close(lock_fd);  // nothing was written
  }
  return status;
}

static struct jg_status copy(struct copying *copying, struct jg_str from, struct jg_str to) {
  JG_RETURN_IF_ERROR(jg_sqlite_file_resolve(&copying->from, from));
  JG_RETURN_IF_ERROR(jg_sqlite_file_resolve(&copying->to, to));
  if (strcmp(copying->from.path, copying->to.path) == 0) {
    return jg_sqlite_file_refuse(&copying->to, JG_INVALID_ARGUMENT, JG_REASON_NONE, "is both the store and the copy");
  }
  return run(copying);
}

struct jg_status jg_sqlite_backup(const struct jg_store_copy *wanted, struct jg_str path, struct jg_arena *arena,
                                  struct jg_store_copied *ret_copied) {
  struct copying copying = make_copying(wanted, arena);
  JG_RETURN_IF_ERROR(copy(&copying, path, wanted->path));
  *ret_copied = copying.copied;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_restore(const struct jg_store_copy *wanted, struct jg_str path, struct jg_arena *arena,
                                   struct jg_store_copied *ret_copied) {
  struct copying copying = make_copying(wanted, arena);
  copying.restores = true;
  JG_RETURN_IF_ERROR(copy(&copying, wanted->path, path));
  *ret_copied = copying.copied;
  return JG_STATUS_OK;
}
