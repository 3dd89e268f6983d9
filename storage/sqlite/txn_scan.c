/* Scans: a tenant's jobs by rid, in bounded parts. */
#include "storage/sqlite/filter_sql.h"
#include "storage/sqlite/sqlite_internal.h"

struct scanning {
  const struct jg_job_scan *wanted;
  struct jg_arena *arena;
  struct jg_job_scanned part;
  size_t limit, looked, bytes;
};

/* The row under the query, if it matches. */
static struct jg_status look(struct jg_sqlite_query *query, struct scanning *scanning) {
  struct jg_job_row *row = &scanning->part.rows[scanning->part.count];
  struct jg_status status = JG_STATUS_OK;
  bool matches = true;
  if (scanning->wanted->filter == NULL) {
    status = jg_sqlite_job_row(query, scanning->arena, row);
  } else {
    matches = sqlite3_column_int(query->stmt, 1) != 0;  // null is no match, and reads as 0 (F3)
    status = matches ? jg_sqlite_job_found(query, scanning->arena, row) : JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  if (matches) {
    scanning->bytes += row->payload.len;
    scanning->part.count++;
  }
  scanning->looked++;
  scanning->part.through_rid = sqlite3_column_int64(query->stmt, 0);
  return JG_STATUS_OK;
}

static bool is_full(const struct scanning *scanning) {
  return scanning->part.count >= scanning->limit || scanning->looked >= JG_JOB_SCAN_LOOKED_MAX ||
         (scanning->part.count > 0 && scanning->bytes >= scanning->wanted->bytes_max);
}

/* Ends the query. */
static struct jg_status run(struct jg_sqlite_query *query, struct scanning *scanning) {
  struct jg_status status = JG_STATUS_OK;
  // One step beyond a full part tells whether more is left.
  while (jg_status_ok(status) && jg_sqlite_query_step(query)) {
    if (is_full(scanning)) {
      scanning->part.more = true;
      break;
    }
    status = look(query, scanning);
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(query));
  return status;
}

static struct jg_status scan_all(struct jg_sqlite_txn *txn, struct scanning *scanning) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_JOB_SCAN);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, scanning->wanted->after_rid);
  jg_sqlite_bind_i64(&query, 3, (int64_t)scanning->limit + 1);
  return run(&query, scanning);
}

static struct jg_status scan_filtered(struct jg_sqlite_txn *txn, struct scanning *scanning, struct jg_arena *scratch) {
  const struct jg_job_query filtered = {.filter = scanning->wanted->filter};
  struct jg_sqlite_sql sql;
  JG_RETURN_IF_ERROR(jg_sqlite_scan_sql(&filtered, scanning->arena, scratch, &sql));
  struct jg_sqlite_query query;
  jg_sqlite_query_begin_sql(&query, txn, &sql);
  jg_sqlite_bind_i64(&query, JG_SQLITE_BIND_SKIP, scanning->wanted->after_rid);
  jg_sqlite_bind_i64(&query, JG_SQLITE_BIND_LIMIT, JG_JOB_SCAN_LOOKED_MAX + 1);
  return run(&query, scanning);
}

struct jg_status jg_sqlite_job_scan(struct jg_txn *txn, const struct jg_job_scan *scan, struct jg_arena *arena,
                                    struct jg_job_scanned *ret_scanned) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  if (self->conn->role == JG_SQLITE_INLINE) {
    return jg_sqlite_not_at_once();
  }
  struct scanning scanning = {
      .wanted = scan,
      .arena = arena,
      .part = {.through_rid = scan->after_rid},
      .limit = scan->limit < JG_JOB_SCAN_LOOKED_MAX ? scan->limit : JG_JOB_SCAN_LOOKED_MAX,
  };
  scanning.part.rows = jg_arena_alloc(arena, scanning.limit * sizeof(*scanning.part.rows));
  if (scanning.part.rows == NULL) {
    return jg_sqlite_arena_full();
  }
  struct jg_arena scratch;
  jg_arena_init(&scratch, JG_SQLITE_SCRATCH_BYTES_MAX);
  struct jg_status status = scan->filter == NULL ? scan_all(self, &scanning) : scan_filtered(self, &scanning, &scratch);
  jg_arena_done(&scratch);
  JG_RETURN_IF_ERROR(status);
  *ret_scanned = scanning.part;
  return JG_STATUS_OK;
}
