/* The log's old end (R6): where a time stands in it, what retention lets go, and letting it go. */
#include "storage/sqlite/sqlite_internal.h"

#define TICKS_PER_MS (JG_TICKS_PER_SECOND / 1000)

/* One number of the log; *ret_found tells whether there is a row. */
static struct jg_status read_number(struct jg_sqlite_txn *txn, enum jg_sqlite_statement statement, int64_t revision,
                                    bool *ret_found, int64_t *ret_number) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, statement);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, revision);
  bool found = jg_sqlite_query_step(&query);
  int64_t number = found ? sqlite3_column_int64(query.stmt, 0) : 0;
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_found = found;
  *ret_number = number;
  return JG_STATUS_OK;
}

/* The newest end of a request at or before the revision; oldest - 1 if there is none. */
static struct jg_status end_before(struct jg_sqlite_txn *txn, const struct jg_sqlite_log *log, int64_t revision,
                                   int64_t *ret_revision) {
  int64_t end = log->oldest - 1;
  bool found = false;
  if (revision >= log->oldest) {
    JG_RETURN_IF_ERROR(read_number(txn, JG_SQLITE_CHANGE_END_BEFORE, revision, &found, &end));
  }
  *ret_revision = found && end >= log->oldest ? end : log->oldest - 1;
  return JG_STATUS_OK;
}

/* The end of the request that the revision is of. */
static struct jg_status end_after(struct jg_sqlite_txn *txn, const struct jg_sqlite_log *log, int64_t revision,
                                  int64_t *ret_revision) {
  bool found = false;
  int64_t end = 0;
  JG_RETURN_IF_ERROR(read_number(txn, JG_SQLITE_CHANGE_END_AFTER, revision, &found, &end));
  if (!found || end > log->newest) {
    return jg_sqlite_damaged(txn);  // the newest record ends its request
  }
  *ret_revision = end;
  return JG_STATUS_OK;
}

/* The newest end of a request before all that was committed at `ticks` or later; oldest - 1 if none of the log is older. */
static struct jg_status search(struct jg_sqlite_txn *txn, const struct jg_sqlite_log *log, int64_t ticks,
                               int64_t *ret_revision) {
  int64_t older = log->oldest - 1, later = log->newest + 1;
  while (older + 1 < later) {
    int64_t middle = older + (later - older) / 2, middle_ticks = 0;
    bool found = false;
    JG_RETURN_IF_ERROR(read_number(txn, JG_SQLITE_CHANGE_TICKS, middle, &found, &middle_ticks));
    if (!found) {
      return jg_sqlite_damaged(txn);  // the log is dense (R1)
    }
    if (middle_ticks < ticks) {
      older = middle;
    } else {
      later = middle;
    }
  }
  return end_before(txn, log, older, ret_revision);
}

struct jg_status jg_sqlite_revision_before(struct jg_txn *txn, int64_t ticks, struct jg_arena *arena,
                                           int64_t *ret_revision) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_log log;
  JG_RETURN_IF_ERROR(jg_sqlite_log_load(self, &log));
  if (log.oldest > 1 && log.trimmed_ticks >= ticks) {
    return jg_sqlite_history_lost(arena, &log);
  }
  return search(self, &log, ticks, ret_revision);
}

/* ---- what may go ---- */

/* Adds up the oldest records until so many bytes are found, and goes on to the end of a request. */
static struct jg_status add_up(struct jg_sqlite_txn *txn, const struct jg_sqlite_log *log, int64_t excess_bytes,
                               int64_t *ret_revision) {
  int64_t end = log->oldest - 1, bytes = 0;
  bool enough = false;
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_CHANGE_SIZES);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, log->oldest);
  jg_sqlite_bind_i64(&query, 3, JG_LOG_EXCESS_LOOKED_MAX);
  while (!enough && jg_sqlite_query_step(&query)) {
    int64_t revision = sqlite3_column_int64(query.stmt, 0);
    bytes += sqlite3_column_int64(query.stmt, 2) + JG_CHANGE_BYTES;
    if (sqlite3_column_int(query.stmt, 1) != 0 && revision <= log->newest) {
      end = revision;
      enough = bytes >= excess_bytes;
    }
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_revision = end;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_log_excess(struct jg_txn *txn, const struct jg_retention *retention, int64_t now_ticks,
                                      int64_t *ret_through_revision) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_log log;
  JG_RETURN_IF_ERROR(jg_sqlite_log_load(self, &log));
  int64_t through = log.oldest - 1;
  // An age that reaches beyond 1970 lets nothing go.
  if (retention->age_ms > 0 && retention->age_ms <= now_ticks / TICKS_PER_MS) {
    JG_RETURN_IF_ERROR(search(self, &log, now_ticks - retention->age_ms * TICKS_PER_MS, &through));
  }
  if (retention->bytes_max > 0 && log.bytes > retention->bytes_max && log.newest >= log.oldest) {
    int64_t by_size = 0;
    JG_RETURN_IF_ERROR(add_up(self, &log, log.bytes - retention->bytes_max, &by_size));
    if (by_size < log.oldest) {
      // The first request alone has more records than one call adds up.
      JG_RETURN_IF_ERROR(end_after(self, &log, log.oldest, &by_size));
    }
    through = by_size > through ? by_size : through;
  }
  *ret_through_revision = through;
  return JG_STATUS_OK;
}

/* ---- letting it go ---- */

/* Through where one write trims: count_max records, or one request that has more. */
static struct jg_status choose(struct jg_sqlite_txn *txn, const struct jg_sqlite_log *log, int64_t through,
                               size_t count_max, int64_t *ret_through) {
  int64_t most = count_max < (uint64_t)(through - log->oldest) + 1 ? log->oldest + (int64_t)count_max - 1 : through;
  int64_t end = 0;
  JG_RETURN_IF_ERROR(end_before(txn, log, most, &end));
  if (end < log->oldest && most < through) {
    JG_RETURN_IF_ERROR(end_after(txn, log, log->oldest, &end));
    end = end <= through ? end : log->oldest - 1;
  }
  *ret_through = end;
  return JG_STATUS_OK;
}

static struct jg_status drop(struct jg_sqlite_txn *txn, const struct jg_sqlite_log *log, int64_t through) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_CHANGES_SUM);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, through);
  (void)jg_sqlite_query_step(&query);  // the end tells
  int64_t count = sqlite3_column_int64(query.stmt, 0);
  int64_t bytes = sqlite3_column_int64(query.stmt, 1) + count * JG_CHANGE_BYTES;
  int64_t ticks = sqlite3_column_int64(query.stmt, 2);
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (count != through - log->oldest + 1) {
    return jg_sqlite_damaged(txn);  // the log is dense (R1)
  }
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_CHANGES_TRIM);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, through);
  (void)jg_sqlite_query_step(&query);  // the end tells
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  struct jg_sqlite_counters *counters = txn->counters;
  counters->oldest_revision = through + 1;
  counters->log_bytes = bytes < counters->log_bytes ? counters->log_bytes - bytes : 0;
  counters->trimmed_ticks = ticks > counters->trimmed_ticks ? ticks : counters->trimmed_ticks;
  counters->dirty = true;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_log_trim(struct jg_txn *txn, int64_t through_revision, size_t count_max,
                                    int64_t *ret_oldest_revision) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  struct jg_sqlite_log log;
  JG_RETURN_IF_ERROR(jg_sqlite_log_load(self, &log));
  int64_t through = through_revision < log.newest ? through_revision : log.newest;
  int64_t end = log.oldest - 1;
  if (through >= log.oldest) {
    JG_RETURN_IF_ERROR(choose(self, &log, through, count_max, &end));
  }
  if (end >= log.oldest) {
    JG_RETURN_IF_ERROR(drop(self, &log, end));
  }
  *ret_oldest_revision = self->counters->oldest_revision;
  return JG_STATUS_OK;
}
