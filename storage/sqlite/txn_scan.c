/* Scans: a tenant's jobs by rid, in bounded parts. */
#include <stdlib.h>

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
  bool filtered = scanning->wanted->filter != NULL;
  // Null is no match, and reads as 0 (F3).
  if (!filtered || sqlite3_column_int(query->stmt, 1) != 0) {
    JG_RETURN_IF_ERROR(filtered ? jg_sqlite_job_found(query, scanning->arena, row)
                                : jg_sqlite_job_row(query, scanning->arena, row));
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

/* ---- through an index of the filter's own ---- */

struct matches {
  int64_t *rids; /* JG_JOB_SCAN_LOOKED_MAX */
  size_t count;
  bool all; /* that match */
};

static int compare_rids(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

/* Finds every job that matches, unless that takes too much work. */
static struct jg_status find_matches(struct jg_sqlite_txn *txn, const struct scanning *scanning,
                                     struct jg_arena *scratch, struct matches *matches) {
  const struct jg_job_query filtered = {.filter = scanning->wanted->filter};
  struct jg_sqlite_sql sql;
  JG_RETURN_IF_ERROR(jg_sqlite_matches_sql(&filtered, scanning->arena, scratch, &sql));
  struct jg_sqlite_query query;
  jg_sqlite_conn_bound_work(txn->conn);
  jg_sqlite_query_begin_sql(&query, txn, &sql);
  jg_sqlite_bind_i64(&query, JG_SQLITE_BIND_SKIP, scanning->wanted->after_rid);
  jg_sqlite_bind_i64(&query, JG_SQLITE_BIND_LIMIT, JG_JOB_SCAN_LOOKED_MAX + 1);
  matches->all = true;
  while (matches->all && jg_sqlite_query_step(&query)) {
    matches->all = matches->count < JG_JOB_SCAN_LOOKED_MAX;
    if (matches->all) {
      matches->rids[matches->count++] = sqlite3_column_int64(query.stmt, JG_SQLITE_LIST_RID);
    }
  }
  bool done = jg_sqlite_conn_end_bound(txn->conn);
  struct jg_status status = jg_sqlite_query_end(&query);
  if (!done && (query.rc & 0xff) == SQLITE_INTERRUPT) {
    // Nothing failed: it is only too much.
    txn->failure = JG_STATUS_OK;
    matches->all = false;
    return JG_STATUS_OK;
  }
  return status;
}

/* The greatest rid of the tenant: beyond it nothing is left. */
static struct jg_status last_rid(struct jg_sqlite_txn *txn, int64_t *ret_rid) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_JOB_LAST);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  int64_t rid = jg_sqlite_query_step(&query) ? sqlite3_column_int64(query.stmt, 0) : 0;
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_rid = rid;
  return JG_STATUS_OK;
}

static struct jg_status read_matches(struct jg_sqlite_txn *txn, struct scanning *scanning, struct matches *matches) {
  struct jg_job_scanned *part = &scanning->part;
  qsort(matches->rids, matches->count, sizeof(*matches->rids), compare_rids);
  for (size_t i = 0; i < matches->count; i++) {
    if (is_full(scanning)) {
      part->more = true;
      return JG_STATUS_OK;
    }
    JG_RETURN_IF_ERROR(jg_sqlite_job_of(txn, matches->rids[i], scanning->arena, &part->rows[part->count]));
    scanning->bytes += part->rows[part->count++].payload.len;
    part->through_rid = matches->rids[i];
  }
  int64_t last = 0;
  JG_RETURN_IF_ERROR(last_rid(txn, &last));
  part->through_rid = last > part->through_rid ? last : part->through_rid;
  return JG_STATUS_OK;
}

/* *ret_done: false if the scan has to look at the jobs themselves. */
static struct jg_status scan_matches(struct jg_sqlite_txn *txn, struct scanning *scanning, struct jg_arena *scratch,
                                     bool *ret_done) {
  struct jg_arena rids;
  jg_arena_init(&rids, JG_JOB_SCAN_LOOKED_MAX * sizeof(int64_t) * 2);
  struct matches matches = {.rids = jg_arena_alloc(&rids, JG_JOB_SCAN_LOOKED_MAX * sizeof(*matches.rids))};
  JG_ASSERT(matches.rids != NULL);
  struct jg_status status = find_matches(txn, scanning, scratch, &matches);
  if (jg_status_ok(status) && matches.all) {
    status = read_matches(txn, scanning, &matches);
  }
  jg_arena_done(&rids);
  JG_RETURN_IF_ERROR(status);
  *ret_done = matches.all;
  return JG_STATUS_OK;
}

/* ---- all ---- */

static struct jg_status scan_any(struct jg_sqlite_txn *txn, struct scanning *scanning, struct jg_arena *scratch) {
  const struct jg_filter *filter = scanning->wanted->filter;
  if (filter == NULL) {
    return scan_all(txn, scanning);
  }
  bool done = false;
  if (txn->conn->role == JG_SQLITE_READER && jg_sqlite_filter_is_selective(filter)) {
    JG_RETURN_IF_ERROR(scan_matches(txn, scanning, scratch, &done));
  }
  return done ? JG_STATUS_OK : scan_filtered(txn, scanning, scratch);
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
  struct jg_status status = scan_any(self, &scanning, &scratch);
  jg_arena_done(&scratch);
  JG_RETURN_IF_ERROR(status);
  *ret_scanned = scanning.part;
  return JG_STATUS_OK;
}
