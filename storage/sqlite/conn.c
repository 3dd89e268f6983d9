#include "storage/sqlite/filter_program.h"
#include "storage/sqlite/sqlite_internal.h"

#define CONN_MAGIC 0x6a67636eu /* "jgcn" */
/* Steps of SQLite's virtual machine between two looks at the deadline: some 10 us. */
#define PROGRESS_STEPS 1000
/* An inline read that takes more steps than this is no point read. */
#define INLINE_TICKS_MAX 20
/* Some milliseconds. */
#define BOUNDED_TICKS_MAX 100
#define STATEMENT_BYTES_MAX 8192
/* A reader only waits for a recovery of the WAL; a writer for another process that writes beside it (user add). */
#define READER_BUSY_MS 250
#define WRITER_BUSY_MS 5000

static int progress(void *data) {
  struct jg_sqlite_conn *conn = data;
  JG_ASSERT(conn->magic == CONN_MAGIC);
  if (conn->bounded && --conn->ticks_left < 0) {
    return 1;
  }
  return conn->deadline_ns != 0 && jg_clock_mono_ns(conn->clock) >= conn->deadline_ns;
}

static int wal_committed(void *data, sqlite3 *db JG_UNUSED, const char *name JG_UNUSED, int pages) {
  struct jg_sqlite_conn *conn = data;
  JG_ASSERT(conn->magic == CONN_MAGIC);
  conn->wal_pages = pages;
  return SQLITE_OK;
}

/* What every role has: FULL, since group commit makes it free; no mmap, where a bad disk would be a SIGBUS instead of a
 * status; freed content is overwritten only where that costs no write (Debian's default always does). */
#define PRAGMAS_COMMON           \
  "PRAGMA synchronous=FULL;"     \
  "PRAGMA foreign_keys=OFF;"     \
  "PRAGMA temp_store=MEMORY;"    \
  "PRAGMA mmap_size=0;"          \
  "PRAGMA trusted_schema=OFF;"   \
  "PRAGMA wal_autocheckpoint=0;" \
  "PRAGMA secure_delete=FAST;"

/* Negative: KiB. */
static const char *const pragmas[] = {
    [JG_SQLITE_PROBE] = "PRAGMA mmap_size=0;",
    [JG_SQLITE_WRITER] = PRAGMAS_COMMON "PRAGMA cache_size=-65536;",
    [JG_SQLITE_READER] = PRAGMAS_COMMON "PRAGMA query_only=ON; PRAGMA cache_size=-16384;",
    [JG_SQLITE_INLINE] = PRAGMAS_COMMON "PRAGMA query_only=ON; PRAGMA cache_size=-4096;",
};

static int configure(struct jg_sqlite_conn *conn) {
  int ignored = 0;
  int rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, &ignored);
  if (rc == SQLITE_OK && conn->role == JG_SQLITE_PROBE) {
    rc = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &ignored);
  }
  if (rc == SQLITE_OK && conn->role != JG_SQLITE_INLINE) {
    rc = sqlite3_busy_timeout(conn->db, conn->role == JG_SQLITE_WRITER ? WRITER_BUSY_MS : READER_BUSY_MS);
  }
  if (rc == SQLITE_OK) {
    rc = sqlite3_exec(conn->db, pragmas[conn->role], NULL, NULL, NULL);
  }
  if (rc == SQLITE_OK && conn->role != JG_SQLITE_PROBE) {
    rc = jg_sqlite_filter_register(conn->db);
  }
  if (conn->role == JG_SQLITE_WRITER) {
    (void)sqlite3_wal_hook(conn->db, wal_committed, conn);  // the hook before it, which is none
  } else {
    sqlite3_progress_handler(conn->db, PROGRESS_STEPS, progress, conn);
  }
  return rc;
}

int jg_sqlite_conn_open(const char *path, enum jg_sqlite_role role, int access, const struct jg_clock *clock,
                        struct jg_sqlite_conn **ret_conn) {
  // SQLite reads "file:" names as URIs, and ":memory:" as one of its own: an absolute path is neither.
  JG_ASSERT(path[0] == '/');
  struct jg_sqlite_conn *conn = jg_alloc_zero(1, sizeof(*conn));
  conn->magic = CONN_MAGIC;
  conn->role = role;
  conn->clock = clock;
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | access;
  int rc = sqlite3_open_v2(path, &conn->db, flags, NULL);
  if (rc == SQLITE_OK) {
    rc = configure(conn);
  }
  if (rc != SQLITE_OK) {
    jg_sqlite_conn_close(conn);
    conn = NULL;
  }
  *ret_conn = conn;
  return rc;
}

void jg_sqlite_conn_close(struct jg_sqlite_conn *conn) {
  if (conn == NULL) {
    return;
  }
  JG_ASSERT(conn->magic == CONN_MAGIC);
  for (size_t i = 0; i < JG_SQLITE_STATEMENT_COUNT; i++) {
    (void)sqlite3_finalize(conn->statements[i]);  // repeats the last step's error
  }
  JG_ASSERT(sqlite3_close(conn->db) == SQLITE_OK);  // BUSY: a statement was left open
  conn->magic = 0;
  jg_free(conn);
}

void jg_sqlite_conn_bound_work(struct jg_sqlite_conn *conn) {
  JG_ASSERT(conn->role == JG_SQLITE_INLINE || conn->role == JG_SQLITE_READER);
  conn->bounded = true;
  conn->ticks_left = conn->role == JG_SQLITE_INLINE ? INLINE_TICKS_MAX : BOUNDED_TICKS_MAX;
}

bool jg_sqlite_conn_end_bound(struct jg_sqlite_conn *conn) {
  JG_ASSERT(conn->bounded);
  conn->bounded = false;
  return conn->ticks_left >= 0;
}

int jg_sqlite_conn_prepare(struct jg_sqlite_conn *conn, enum jg_sqlite_statement statement, sqlite3_stmt **ret_stmt) {
  JG_ASSERT(statement < JG_SQLITE_STATEMENT_COUNT);
  int rc = SQLITE_OK;
  if (conn->statements[statement] == NULL) {
    struct jg_buf text;
    jg_buf_init(&text, STATEMENT_BYTES_MAX);
    jg_sqlite_statement_text(statement, &text);
    JG_ASSERT(!text.failed);
    rc = sqlite3_prepare_v3(conn->db, text.data, (int)text.len, SQLITE_PREPARE_PERSISTENT, &conn->statements[statement],
                            NULL);
    jg_buf_done(&text);
  }
  if (rc == SQLITE_OK) {
    *ret_stmt = conn->statements[statement];
  }
  return rc;
}

int jg_sqlite_conn_exec(struct jg_sqlite_conn *conn, enum jg_sqlite_statement statement) {
  sqlite3_stmt *stmt = NULL;
  int rc = jg_sqlite_conn_prepare(conn, statement, &stmt);
  if (rc != SQLITE_OK) {
    return rc;
  }
  rc = sqlite3_step(stmt);
  (void)sqlite3_reset(stmt);  // repeats the step's error
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

void jg_sqlite_conn_rollback(struct jg_sqlite_conn *conn) {
  // Some errors (disk full, I/O) have ended the transaction already.
  if (!sqlite3_get_autocommit(conn->db) && jg_sqlite_conn_exec(conn, JG_SQLITE_ROLLBACK) != SQLITE_OK) {
    // The statement cannot fail while none other runs: one was left open, which is our bug.
    JG_ASSERT(sqlite3_get_autocommit(conn->db));
  }
}

int jg_sqlite_conn_int(struct jg_sqlite_conn *conn, const char *sql, int64_t *ret_value) {
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
      *ret_value = sqlite3_column_int64(stmt, 0);
      rc = SQLITE_OK;
    }
  }
  (void)sqlite3_finalize(stmt);  // repeats the step's error
  return rc;
}

struct jg_status jg_sqlite_status(int rc) {
  switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return JG_STATUS_OK;
    case SQLITE_NOMEM:
      jg_out_of_memory();
    case SQLITE_INTERRUPT:
      return jg_status_make(JG_DEADLINE_EXCEEDED, JG_REASON_NONE, "the read did not end before its deadline");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the record is damaged");
    case SQLITE_FULL:
      return jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "no space is left for the record");
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_READ_ONLY, "the record cannot be written");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the record is busy");
    case SQLITE_IOERR:
      return rc == SQLITE_IOERR_CORRUPTFS
                 ? jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the record's file system is damaged")
                 : jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the record's disk failed");
    case SQLITE_CANTOPEN:
      return jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the record's files cannot be opened");
    case SQLITE_TOOBIG:
      return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "a row is too large for the record");
    default:
      return jg_status_make(JG_INTERNAL, JG_REASON_NONE, "a statement on the record failed");
  }
}
