/* For storage/sqlite alone: a connection, a transaction and the parts of the store that share them.
 * One connection per thread (SQLITE_OPEN_NOMUTEX); each struct here belongs to the thread that its comment names. */
#ifndef JG_STORAGE_SQLITE_SQLITE_INTERNAL_H
#define JG_STORAGE_SQLITE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "base/limits.h"
#include "storage/engine.h"
#include "storage/sqlite/statements.h"

/* "JobG" in the database's header: PRAGMA application_id. The schema version is PRAGMA user_version. */
#define JG_SQLITE_APPLICATION_ID 0x4a6f6247
/* Smaller pages make updates cheaper, larger ones inserts; a job's row is about 2 KB (README.md has the measurement). */
#define JG_SQLITE_PAGE_BYTES 4096
/* R4: the writer checkpoints when the WAL has this many pages. */
#define JG_SQLITE_CHECKPOINT_PAGES 4000
/* A WAL that grew beyond this behind a long reader is cut back at its next restart. */
#define JG_SQLITE_WAL_KEPT_BYTES 67108864 /* a literal: it goes into SQL */
#define JG_SQLITE_TRACE_BYTES_MAX 128
/* A log record in memory: payload and before image. */
#define JG_SQLITE_RECORD_BYTES_MAX ((size_t)256 << 20)

/* ---- connection ---- */

enum jg_sqlite_role {
  JG_SQLITE_PROBE,  /* looks at a file that may not be ours: leaves it as it is */
  JG_SQLITE_WRITER, /* the only one that writes */
  JG_SQLITE_READER, /* waits a little for a lock, obeys deadlines */
  JG_SQLITE_INLINE  /* never waits, bounded work */
};

struct jg_sqlite_conn {
  uint32_t magic;
  enum jg_sqlite_role role;
  sqlite3 *db;
  sqlite3_stmt *statements[JG_SQLITE_STATEMENT_COUNT]; /* prepared at first use */
  const struct jg_clock *clock;
  int64_t deadline_ns; /* of the read under way; 0: none */
  bool bounded;        /* the work under way has a bound: */
  int ticks_left;      /* calls of the progress handler before it is given up */
  uint64_t undone;     /* WRITER: writes and transactions that were rolled back */
  int wal_pages;       /* WRITER: size of the WAL after the last commit */
};

/* Opens a connection on an absolute path. access: SQLITE_OPEN_READONLY, or SQLITE_OPEN_READWRITE with or without
 * SQLITE_OPEN_CREATE. The result is an SQLite code; on failure *ret_conn is NULL. */
JG_MUST_CHECK int jg_sqlite_conn_open(const char *path, enum jg_sqlite_role role, int access,
                                      const struct jg_clock *clock, struct jg_sqlite_conn **ret_conn);
void jg_sqlite_conn_close(struct jg_sqlite_conn *conn);
/* A read begins whose statements are given up (SQLITE_INTERRUPT) beyond a bound of work: INLINE all of it, READER a part. */
void jg_sqlite_conn_bound_work(struct jg_sqlite_conn *conn);
/* The end of that part; false if the bound was met. */
bool jg_sqlite_conn_end_bound(struct jg_sqlite_conn *conn);
/* Runs a statement that has no parameters and no rows. An SQLite code. */
JG_MUST_CHECK int jg_sqlite_conn_exec(struct jg_sqlite_conn *conn, enum jg_sqlite_statement statement);
/* Ends the transaction without its changes, if one is open. */
void jg_sqlite_conn_rollback(struct jg_sqlite_conn *conn);
/* The first column of the first row of any SQL. An SQLite code; SQLITE_DONE if there is no row. */
JG_MUST_CHECK int jg_sqlite_conn_int(struct jg_sqlite_conn *conn, const char *sql, int64_t *ret_value);
JG_MUST_CHECK int jg_sqlite_conn_prepare(struct jg_sqlite_conn *conn, enum jg_sqlite_statement statement,
                                         sqlite3_stmt **ret_stmt);
/* The one place where SQLite's codes become statuses. Static text. */
struct jg_status jg_sqlite_status(int rc);

/* ---- transaction ---- */

/* A tenant's row during a batch; written back once, before the commit. */
struct jg_sqlite_counters {
  int64_t tenant;
  int64_t revision, entity_revision, oldest_revision, last_stamp, id2_last;
  int64_t log_bytes;          /* payloads, before images and JG_CHANGE_BYTES a record */
  int64_t trimmed_ticks;      /* newest commit_ticks of a record that was trimmed; INT64_MIN: none */
  int64_t committed_revision; /* before this batch */
  bool dirty;
  char epoch[JG_UUID_TEXT_LEN];
};

/* The newest log record of a write, held back until it is known whether it is the last. */
struct jg_sqlite_record {
  struct jg_marks *marks; /* the store's; NULL: none */
  bool held;
  int64_t revision, rid, commit_ticks;
  enum jg_kind kind;
  enum jg_change_kind change;
  struct jg_uuid id;
  uint64_t changed;
  size_t old_len;      /* bytes: the before image, then the payload */
  struct jg_buf bytes; /* the writer's, kept between writes */
};

struct jg_sqlite_txn {
  struct jg_txn base;
  struct jg_sqlite_conn *conn;
  const struct jg_clock *clock;
  int64_t tenant;
  struct jg_status failure; /* the first failure of the engine itself: decides over what run returns */
  /* A write's: */
  struct jg_sqlite_counters *counters; /* NULL in reads, and in a write of no tenant */
  struct jg_sqlite_record *record;
  int64_t log_revision; /* newest before this write: what it sees of the log */
  size_t trace_len;
  char trace[JG_SQLITE_TRACE_BYTES_MAX];
};

extern const struct jg_store_ops jg_sqlite_ops;

static inline struct jg_sqlite_txn *jg_sqlite_txn(struct jg_txn *txn) {
  JG_ASSERT(txn->magic == JG_TXN_MAGIC && txn->ops == &jg_sqlite_ops);
  return (struct jg_sqlite_txn *)txn;
}
/* The transaction as a write's run sees it: a tenant's, able to write. */
static inline struct jg_sqlite_txn *jg_sqlite_write_txn(struct jg_txn *txn) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  JG_ASSERT(self->counters != NULL && self->record != NULL);
  return self;
}
void jg_sqlite_txn_init(struct jg_sqlite_txn *txn, struct jg_sqlite_conn *conn, int64_t tenant);

/* One run of a prepared statement. A failed step makes the next ones do nothing; the end tells. */
struct jg_sqlite_query {
  struct jg_sqlite_txn *txn;
  sqlite3_stmt *stmt;
  int rc;    /* SQLITE_OK, or the first failure */
  bool once; /* the statement ends with the query */
};
void jg_sqlite_query_begin(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn, enum jg_sqlite_statement id);
/* The same with a text that is prepared for this run alone. */
void jg_sqlite_query_begin_text(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn, struct jg_str sql);
void jg_sqlite_bind_i64(struct jg_sqlite_query *query, int index, int64_t value);
void jg_sqlite_bind_real(struct jg_sqlite_query *query, int index, double value);
void jg_sqlite_bind_text(struct jg_sqlite_query *query, int index, struct jg_str text); /* borrows until the end */
void jg_sqlite_bind_blob(struct jg_sqlite_query *query, int index, struct jg_str blob); /* borrows until the end */
void jg_sqlite_bind_uuid(struct jg_sqlite_query *query, int index, const struct jg_uuid *uuid); /* likewise */
/* True on a row. */
bool jg_sqlite_query_step(struct jg_sqlite_query *query);
/* Resets the statement. OK, or what failed; a failure that is not a broken constraint becomes the transaction's. */
JG_MUST_CHECK struct jg_status jg_sqlite_query_end(struct jg_sqlite_query *query);
/* True if it ended on a broken unique index. */
static inline bool jg_sqlite_query_is_duplicate(const struct jg_sqlite_query *query) {
  return query->rc == SQLITE_CONSTRAINT_UNIQUE || query->rc == SQLITE_CONSTRAINT_PRIMARYKEY;
}

/* A column of the row that a step found. Text and bytes: copied into the arena, false at its cap. */
struct jg_str jg_sqlite_column_str(struct jg_sqlite_query *query, int column); /* borrowed until the next step */
JG_MUST_CHECK bool jg_sqlite_column_copy(struct jg_sqlite_query *query, int column, struct jg_arena *arena,
                                         struct jg_str *ret_bytes);
/* False if it is no GUID: the record is damaged. */
JG_MUST_CHECK bool jg_sqlite_column_uuid(struct jg_sqlite_query *query, int column, struct jg_uuid *ret_uuid);
struct jg_status jg_sqlite_arena_full(void);
struct jg_status jg_sqlite_not_at_once(void); /* no inline read: submit it */
struct jg_status jg_sqlite_damaged(struct jg_sqlite_txn *txn);

/* txn_job.c: reads the row under the query, in the order of JG_SQLITE_JOB_ROW. */
JG_MUST_CHECK struct jg_status jg_sqlite_job_row(struct jg_sqlite_query *query, struct jg_arena *arena,
                                                 struct jg_job_row *ret_row);

/* txn_tenant.c */
JG_MUST_CHECK struct jg_status jg_sqlite_counters_load(struct jg_sqlite_txn *txn, int64_t tenant,
                                                       struct jg_sqlite_counters *ret_counters);
JG_MUST_CHECK struct jg_status jg_sqlite_counters_store(struct jg_sqlite_txn *txn,
                                                        const struct jg_sqlite_counters *counters);
JG_MUST_CHECK struct jg_status jg_sqlite_tenant_find(struct jg_sqlite_txn *txn, struct jg_str name,
                                                     int64_t *ret_tenant);
JG_MUST_CHECK struct jg_status jg_sqlite_tenant_after(struct jg_sqlite_txn *txn, struct jg_str after,
                                                      struct jg_arena *arena, struct jg_str *ret_name,
                                                      int64_t *ret_tenant);
/* Makes the tenant with its epoch and job statuses unless it exists (R5). */
JG_MUST_CHECK struct jg_status jg_sqlite_tenant_make(struct jg_sqlite_txn *txn, struct jg_str name,
                                                     int64_t *ret_tenant);

/* txn_planning.c: with the job. */
JG_MUST_CHECK struct jg_status jg_sqlite_plannings_delete(struct jg_sqlite_txn *txn, const struct jg_uuid *job_id);

/* txn_log.c */
/* Adds a record to the log, and holds it until the next one or the end of the write. record->bytes is already filled. */
struct jg_sqlite_log_add {
  int64_t revision, rid, commit_ticks;
  enum jg_kind kind;
  enum jg_change_kind change;
  const struct jg_uuid *id;
  uint64_t changed;
  struct jg_str old, payload;
};
JG_MUST_CHECK struct jg_status jg_sqlite_log_append(struct jg_sqlite_txn *txn, const struct jg_sqlite_log_add *add);
/* At the end of a write: what is held is its last record. */
JG_MUST_CHECK struct jg_status jg_sqlite_log_finish(struct jg_sqlite_txn *txn);

/* The log as the transaction sees it: a write's own records are not complete, and not in it. newest is oldest - 1 if it is
 * empty. */
struct jg_sqlite_log {
  int64_t oldest, newest;
  int64_t bytes, trimmed_ticks; /* as in the counters */
};
JG_MUST_CHECK struct jg_status jg_sqlite_log_load(struct jg_sqlite_txn *txn, struct jg_sqlite_log *ret_log);
struct jg_status jg_sqlite_history_lost(struct jg_arena *arena, const struct jg_sqlite_log *log);

/* txn_list.c */
struct jg_sqlite_sql;
/* Begins a run of a filter's statement; LIMIT and SKIP are still to be bound. */
void jg_sqlite_query_begin_sql(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn,
                               const struct jg_sqlite_sql *sql);
/* The whole row of a job that an index has shown. */
JG_MUST_CHECK struct jg_status jg_sqlite_job_of(struct jg_sqlite_txn *txn, int64_t rid, struct jg_arena *arena,
                                                struct jg_job_row *ret_row);
/* That of the first column of the row under the query. */
JG_MUST_CHECK struct jg_status jg_sqlite_job_found(struct jg_sqlite_query *list, struct jg_arena *arena,
                                                   struct jg_job_row *ret_row);
/* Texts that a filter makes of one row; a job's own are at most some megabytes. */
#define JG_SQLITE_SCRATCH_BYTES_MAX ((size_t)64 << 20)

/* ---- store ---- */

struct jg_sqlite_metrics {
  struct jg_metric *writes, *writes_failed, *commits, *reruns, *wal_pages;
  struct jg_histogram *commit, *checkpoint;
};

struct jg_sqlite_writer;
struct jg_sqlite_pool;

struct jg_sqlite_store {
  struct jg_store base;
  const struct jg_clock *clock;
  const struct jg_log *log;
  char *path;  /* absolute */
  int lock_fd; /* -1: none */
  bool read_only;
  struct jg_sqlite_metrics metrics;
  struct jg_sqlite_writer *writer; /* NULL if read_only */
  struct jg_sqlite_pool *pool;
};

/* How a reader's connection may open the file: one on a WAL needs its shared memory writable, if it can be had. */
static inline int jg_sqlite_reader_access(const struct jg_sqlite_store *store) {
  return store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
}

/* open.c: everything before threads: refusals, the lock, creation, migration. On success the store has path and lock_fd, and
 * *ret_conn is the writer's connection (NULL if read_only). */
JG_MUST_CHECK struct jg_status jg_sqlite_open_file(const struct jg_store_options *options, struct jg_str path,
                                                   struct jg_arena *arena, struct jg_sqlite_store *store,
                                                   struct jg_sqlite_conn **ret_conn);
/* lock.c: one writing process at a time. A killed process leaves no lock. FAILED_PRECONDITION/STORE_LOCKED. */
JG_MUST_CHECK struct jg_status jg_sqlite_lock_take(const char *path, struct jg_arena *arena, int *ret_fd);
/* migrate.c: applies what is missing. An SQLite code; *ret_name is the migration that failed. */
JG_MUST_CHECK int jg_sqlite_migrate(struct jg_sqlite_conn *conn, const char **ret_name);

/* writer.c. Takes conn. */
struct jg_sqlite_writer *jg_sqlite_writer_start(struct jg_sqlite_store *store, struct jg_sqlite_conn *conn);
void jg_sqlite_writer_stop(struct jg_sqlite_writer *writer); /* after what is queued */
JG_MUST_CHECK struct jg_status jg_sqlite_writer_submit(struct jg_sqlite_writer *writer, struct jg_store_write *write);
void jg_sqlite_writer_listen(struct jg_sqlite_writer *writer, jg_store_committed committed, void *data);
/* For the benchmark and the tests: writes in one transaction at most, 1..JG_LIMIT_WRITE_BATCH. Before the first write. */
void jg_sqlite_writer_set_batch_max(struct jg_sqlite_writer *writer, size_t count_max);

/* teller.c: tells writes that they are durable, on a thread of its own. All but stop: thread: writer. */
struct jg_sqlite_teller;
struct jg_sqlite_teller *jg_sqlite_teller_start(void);
void jg_sqlite_teller_stop(struct jg_sqlite_teller *teller); /* after what was given */
bool jg_sqlite_teller_is_idle(struct jg_sqlite_teller *teller);
/* A list of writes. Waits until the one before is told. */
void jg_sqlite_teller_give(struct jg_sqlite_teller *teller, struct jg_queue_node *first);
void jg_sqlite_teller_settle(struct jg_sqlite_teller *teller); /* waits until all are told */

/* pool.c: the readers and the connections of inline reads. */
JG_MUST_CHECK struct jg_status jg_sqlite_pool_start(struct jg_sqlite_store *store, unsigned reader_count,
                                                    struct jg_sqlite_pool **ret_pool);
void jg_sqlite_pool_stop(struct jg_sqlite_pool *pool); /* after what is queued */
JG_MUST_CHECK struct jg_status jg_sqlite_pool_submit(struct jg_sqlite_pool *pool, struct jg_store_read *read);
JG_MUST_CHECK struct jg_status jg_sqlite_pool_read_inline(struct jg_sqlite_pool *pool, int64_t tenant,
                                                          struct jg_status (*run)(struct jg_txn *txn, void *data),
                                                          void *data);

/* ---- the table's functions on transactions (txn_*.c) ---- */

struct jg_status jg_sqlite_tenant_state(struct jg_txn *txn, struct jg_arena *arena, struct jg_tenant_state *ret_state);
struct jg_status jg_sqlite_job_get(struct jg_txn *txn, struct jg_uuid id, struct jg_arena *arena,
                                   struct jg_job_row *ret_row);
struct jg_status jg_sqlite_job_find(struct jg_txn *txn, struct jg_str reference, struct jg_arena *arena,
                                    struct jg_job_row *ret_row);
struct jg_status jg_sqlite_job_is_parent(struct jg_txn *txn, struct jg_uuid id, bool *ret_is_parent);
struct jg_status jg_sqlite_job_list(struct jg_txn *txn, const struct jg_job_query *query, struct jg_arena *arena,
                                    struct jg_job_rows *ret_rows);
struct jg_status jg_sqlite_job_scan(struct jg_txn *txn, const struct jg_job_scan *scan, struct jg_arena *arena,
                                    struct jg_job_scanned *ret_scanned);
struct jg_status jg_sqlite_entity_get(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id, struct jg_arena *arena,
                                      struct jg_entity_row *ret_row);
struct jg_status jg_sqlite_entity_find(struct jg_txn *txn, enum jg_kind kind, struct jg_str key, struct jg_arena *arena,
                                       struct jg_entity_row *ret_row);
struct jg_status jg_sqlite_entity_head(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                       int64_t *ret_tree_revision);
struct jg_status jg_sqlite_changes(struct jg_txn *txn, int64_t after_revision, size_t count_max, size_t bytes_max,
                                   struct jg_arena *arena, struct jg_changes *ret_changes);
struct jg_status jg_sqlite_revision_before(struct jg_txn *txn, int64_t ticks, struct jg_arena *arena,
                                           int64_t *ret_revision);
struct jg_status jg_sqlite_log_excess(struct jg_txn *txn, const struct jg_retention *retention, int64_t now_ticks,
                                      int64_t *ret_through_revision);
struct jg_status jg_sqlite_log_trim(struct jg_txn *txn, int64_t through_revision, size_t count_max,
                                    int64_t *ret_oldest_revision);
struct jg_status jg_sqlite_entity_default(struct jg_txn *txn, enum jg_kind kind, struct jg_arena *arena,
                                          struct jg_entity_row *ret_row);
/* The row under the query, in the order of JG_SQLITE_ENTITY_ROW. */
struct jg_status jg_sqlite_entity_row(struct jg_sqlite_query *query, struct jg_arena *arena,
                                      struct jg_entity_row *ret_row);
struct jg_status jg_sqlite_entity_list(struct jg_txn *txn, const struct jg_entity_query *wanted, struct jg_arena *arena,
                                       struct jg_entity_rows *ret_rows);
struct jg_status jg_sqlite_entity_is_referenced(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                                int64_t after_revision, bool *ret_is_referenced);
struct jg_status jg_sqlite_entity_delete(struct jg_txn *txn, const struct jg_entity_row *row, int64_t commit_ticks,
                                         int64_t *ret_revision);
struct jg_status jg_sqlite_planning_get(struct jg_txn *txn, struct jg_uuid id, struct jg_planning_row *ret_row);
struct jg_status jg_sqlite_planning_list(struct jg_txn *txn, const struct jg_planning_query *wanted,
                                         struct jg_arena *arena, struct jg_planning_rows *ret_rows);
struct jg_status jg_sqlite_planning_add(struct jg_txn *txn, const struct jg_planning_row *row, bool *ret_added);
struct jg_status jg_sqlite_answer_get(struct jg_txn *txn, struct jg_uuid request_id, struct jg_arena *arena,
                                      struct jg_kept_answer *ret_answer);
struct jg_status jg_sqlite_answer_put(struct jg_txn *txn, struct jg_uuid request_id,
                                      const struct jg_kept_answer *answer, int64_t expired_ticks);
struct jg_status jg_sqlite_user_get(struct jg_txn *txn, struct jg_str name, struct jg_arena *arena,
                                    struct jg_user_row *ret_row);
struct jg_status jg_sqlite_user_list(struct jg_txn *txn, struct jg_str after, size_t count_max, struct jg_arena *arena,
                                     struct jg_user_rows *ret_rows);
struct jg_status jg_sqlite_user_put(struct jg_txn *txn, const struct jg_user_row *row, bool replace);
struct jg_status jg_sqlite_user_remove(struct jg_txn *txn, struct jg_str name);
int64_t jg_sqlite_stamp(struct jg_txn *txn, int64_t job_modified_ticks);
struct jg_status jg_sqlite_id2_next(struct jg_txn *txn, int32_t *ret_id2);
struct jg_status jg_sqlite_id2_raise(struct jg_txn *txn, int32_t id2);
void jg_sqlite_set_trace(struct jg_txn *txn, struct jg_str traceparent);
struct jg_status jg_sqlite_job_put(struct jg_txn *txn, const struct jg_job_put *put, struct jg_arena *arena,
                                   int64_t *ret_revision);
struct jg_status jg_sqlite_job_delete(struct jg_txn *txn, const struct jg_job_row *row, int64_t commit_ticks,
                                      int64_t *ret_revision);
struct jg_status jg_sqlite_entity_put(struct jg_txn *txn, const struct jg_entity_put *put, struct jg_arena *arena,
                                      int64_t *ret_revision);

#endif
