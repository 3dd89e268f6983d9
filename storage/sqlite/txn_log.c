/* The log: records appended by writes (R2), and read in whole requests. */
#include "storage/sqlite/sqlite_internal.h"

/* A buffer that one large record grew is not kept. */
#define RECORD_BYTES_KEPT ((size_t)1 << 20)
#define CHANGES_FIRST 16

/* Writes the held record. */
static struct jg_status flush(struct jg_sqlite_txn *txn, bool last) {
  struct jg_sqlite_record *record = txn->record;
  JG_ASSERT(record->held && record->old_len <= record->bytes.len);
  struct jg_str bytes = jg_buf_str(&record->bytes);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_CHANGE_INSERT);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, record->revision);
  jg_sqlite_bind_i64(&query, 3, record->kind);
  jg_sqlite_bind_i64(&query, 4, record->change);
  jg_sqlite_bind_uuid(&query, 5, &record->id);
  jg_sqlite_bind_i64(&query, 6, record->rid);
  jg_sqlite_bind_i64(&query, 7, last);
  jg_sqlite_bind_i64(&query, 8, record->commit_ticks);
  jg_sqlite_bind_i64(&query, 9, (int64_t)record->changed);
  jg_sqlite_bind_text(&query, 10, jg_str_make(txn->trace, txn->trace_len));
  jg_sqlite_bind_blob(&query, 11, jg_str_sub(bytes, 0, record->old_len));
  jg_sqlite_bind_blob(&query, 12, jg_str_sub(bytes, record->old_len, bytes.len - record->old_len));
  (void)jg_sqlite_query_step(&query);  // the end tells
  record->held = false;
  txn->counters->log_bytes += (int64_t)bytes.len + JG_CHANGE_BYTES;
  struct jg_status status = jg_sqlite_query_end(&query);
  // A revision that is already there is a broken R1, which no write survives.
  return jg_sqlite_query_is_duplicate(&query) ? jg_sqlite_damaged(txn) : status;
}

struct jg_status jg_sqlite_log_append(struct jg_sqlite_txn *txn, const struct jg_sqlite_log_add *add) {
  struct jg_sqlite_record *record = txn->record;
  if (record->held) {
    JG_RETURN_IF_ERROR(flush(txn, false));
  }
  jg_buf_clear(&record->bytes);
  jg_buf_append_str(&record->bytes, add->old);
  jg_buf_append_str(&record->bytes, add->payload);
  if (record->bytes.failed) {
    txn->failure = jg_sqlite_status(SQLITE_TOOBIG);
    return txn->failure;
  }
  if (record->marks != NULL) {
    // Before the commit: an undone write leaves a mark that is too high, which costs an answer and is never wrong.
    uint64_t key =
        add->kind == JG_KIND_JOB ? jg_store_job_mark(txn->tenant, add->id) : jg_store_entity_mark(txn->tenant);
    jg_marks_raise(record->marks, key, add->revision);
  }
  record->held = true;
  record->revision = add->revision;
  record->rid = add->rid;
  record->commit_ticks = add->commit_ticks;
  record->kind = add->kind;
  record->change = add->change;
  record->id = *add->id;
  record->changed = add->changed;
  record->old_len = add->old.len;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_log_finish(struct jg_sqlite_txn *txn) {
  struct jg_sqlite_record *record = txn->record;
  struct jg_status status = JG_STATUS_OK;
  if (record->held) {
    status = flush(txn, true);
  }
  if (record->bytes.capacity > RECORD_BYTES_KEPT) {
    jg_buf_done(&record->bytes);
    jg_buf_init(&record->bytes, JG_SQLITE_RECORD_BYTES_MAX);
  }
  return status;
}

/* ---- reading ---- */

struct jg_status jg_sqlite_log_load(struct jg_sqlite_txn *txn, struct jg_sqlite_log *ret_log) {
  struct jg_sqlite_counters loaded;
  // The row is written back at the end of the batch: until then a trim of the batch shows in the writer's counters alone.
  const struct jg_sqlite_counters *counters = txn->counters;
  if (counters == NULL) {
    JG_RETURN_IF_ERROR(jg_sqlite_counters_load(txn, txn->tenant, &loaded));
    counters = &loaded;
  }
  *ret_log = (struct jg_sqlite_log){
      .oldest = counters->oldest_revision,
      .newest = txn->counters != NULL ? txn->log_revision : counters->revision,
      .bytes = counters->log_bytes,
      .trimmed_ticks = counters->trimmed_ticks,
  };
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_history_lost(struct jg_arena *arena, const struct jg_sqlite_log *log) {
  struct jg_status status =
      jg_status_make(JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "the log does not reach from that revision");
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  if (details != NULL) {
    details->oldest_revision = log->oldest;
    details->newest_revision = log->newest;
    status.details = details;
  }
  return status;
}

/* Copies the row under the query; false at the arena's cap or (then *ret_damaged) if it makes no sense. */
static bool read_change(struct jg_sqlite_query *query, struct jg_arena *arena, struct jg_change *ret_change,
                        bool *ret_damaged) {
  int64_t kind = sqlite3_column_int64(query->stmt, 1);
  int64_t change = sqlite3_column_int64(query->stmt, 2);
  *ret_change = (struct jg_change){
      .revision = sqlite3_column_int64(query->stmt, 0),
      .kind = (enum jg_kind)kind,
      .change = (enum jg_change_kind)change,
      .rid = sqlite3_column_int64(query->stmt, 4),
      .last = sqlite3_column_int64(query->stmt, 5) != 0,
      .commit_ticks = sqlite3_column_int64(query->stmt, 6),
      .changed = (uint64_t)sqlite3_column_int64(query->stmt, 7),
  };
  *ret_damaged = kind <= JG_KIND_NONE || kind >= JG_KIND_COUNT || change < JG_CHANGE_CREATED ||
                 change > JG_CHANGE_DELETED || !jg_sqlite_column_uuid(query, 3, &ret_change->id);
  return !*ret_damaged && jg_sqlite_column_copy(query, 8, arena, &ret_change->trace) &&
         jg_sqlite_column_copy(query, 9, arena, &ret_change->old) &&
         jg_sqlite_column_copy(query, 10, arena, &ret_change->payload);
}

struct reading {
  struct jg_arena *arena;
  struct jg_change *items;
  size_t count, capacity, bytes;
  int64_t revision; /* of the newest item, or where it began */
  bool damaged;
};

/* Room for one more; what was there stays where it is in the arena, so the waste is bounded by the growth's factor. */
static bool grow(struct reading *reading) {
  if (reading->count < reading->capacity) {
    return true;
  }
  size_t capacity = reading->capacity == 0 ? CHANGES_FIRST : reading->capacity * 2;
  struct jg_change *items = jg_arena_alloc(reading->arena, capacity * sizeof(*items));
  if (items == NULL) {
    return false;
  }
  if (reading->count > 0) {
    memcpy(items, reading->items, reading->count * sizeof(*items));
  }
  reading->items = items;
  reading->capacity = capacity;
  return true;
}

static bool read_next(struct jg_sqlite_query *query, struct reading *reading) {
  if (!grow(reading)) {
    return false;
  }
  struct jg_change *change = &reading->items[reading->count];
  if (!read_change(query, reading->arena, change, &reading->damaged)) {
    return false;
  }
  // Dense (R1): a gap would be a change that no stream ever delivers.
  if (change->revision != reading->revision + 1) {
    reading->damaged = true;
    return false;
  }
  reading->revision = change->revision;
  reading->bytes += change->payload.len + change->old.len + change->trace.len;
  reading->count++;
  return true;
}

struct jg_status jg_sqlite_changes(struct jg_txn *txn, int64_t after_revision, size_t count_max, size_t bytes_max,
                                   struct jg_arena *arena, struct jg_changes *ret_changes) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  if (self->conn->role == JG_SQLITE_INLINE) {
    return jg_sqlite_not_at_once();
  }
  struct jg_sqlite_log log;
  JG_RETURN_IF_ERROR(jg_sqlite_log_load(self, &log));
  if (after_revision < log.oldest - 1 || after_revision > log.newest) {
    return jg_sqlite_history_lost(arena, &log);
  }
  struct reading reading = {.arena = arena, .revision = after_revision};
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_CHANGES);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_i64(&query, 2, after_revision);
  jg_sqlite_bind_i64(&query, 3, log.newest);
  bool whole = true, full = false, ok = true;
  while (!(whole && full) && jg_sqlite_query_step(&query)) {
    ok = read_next(&query, &reading);
    if (!ok) {
      break;
    }
    whole = reading.items[reading.count - 1].last;
    full = reading.count >= count_max || reading.bytes >= bytes_max;
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (reading.damaged || (ok && !whole) || (ok && !full && reading.revision != log.newest)) {
    return jg_sqlite_damaged(self);
  }
  if (!ok) {
    return jg_sqlite_arena_full();
  }
  *ret_changes =
      (struct jg_changes){.items = reading.items, .count = reading.count, .through_revision = reading.revision};
  return JG_STATUS_OK;
}
