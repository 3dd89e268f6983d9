/* Planned visits. They have no revisions: what is written here leaves the tenant's counters and its log alone. */
#include "storage/sqlite/sqlite_internal.h"

static struct jg_status no_planning(void) {
  return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such job_planning");
}

/* Reads the row under the query, in the order of JG_SQLITE_PLANNING_ROW. False: the record is damaged. */
static bool read_row(struct jg_sqlite_query *query, struct jg_planning_row *row) {
  row->start_ticks = sqlite3_column_int64(query->stmt, 3);
  row->created_ticks = sqlite3_column_int64(query->stmt, 4);
  row->modified_ticks = sqlite3_column_int64(query->stmt, 5);
  return jg_sqlite_column_uuid(query, 0, &row->id) && jg_sqlite_column_uuid(query, 1, &row->job_id) &&
         jg_sqlite_column_uuid(query, 2, &row->user_id);
}

struct jg_status jg_sqlite_planning_get(struct jg_txn *txn, struct jg_uuid id, struct jg_planning_row *ret_row) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_PLANNING_GET);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_uuid(&query, 2, &id);
  struct jg_planning_row row;
  bool found = jg_sqlite_query_step(&query);
  bool damaged = found && !read_row(&query, &row);
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (damaged) {
    return jg_sqlite_damaged(self);
  }
  if (!found) {
    return no_planning();
  }
  *ret_row = row;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_planning_list(struct jg_txn *txn, const struct jg_planning_query *wanted,
                                         struct jg_arena *arena, struct jg_planning_rows *ret_rows) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  if (self->conn->role == JG_SQLITE_INLINE) {
    return jg_sqlite_not_at_once();
  }
  struct jg_planning_rows page = {.rows = jg_arena_alloc(arena, wanted->limit * sizeof(*page.rows))};
  if (page.rows == NULL) {
    return jg_sqlite_arena_full();
  }
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, wanted->of_job ? JG_SQLITE_PLANNING_PAGE_OF_JOB : JG_SQLITE_PLANNING_PAGE);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  // The empty blob stands before every id.
  jg_sqlite_bind_blob(&query, 2,
                      wanted->has_after
                          ? jg_str_make((const char *)wanted->after_id.bytes, sizeof(wanted->after_id.bytes))
                          : JG_STR(""));
  jg_sqlite_bind_i64(&query, 3, (int64_t)wanted->limit + 1);
  if (wanted->of_job) {
    jg_sqlite_bind_uuid(&query, 4, &wanted->job_id);
  }
  bool damaged = false;
  while (!damaged && !page.more && jg_sqlite_query_step(&query)) {
    page.more = page.count == wanted->limit;
    damaged = !page.more && !read_row(&query, &page.rows[page.count++]);
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (damaged) {
    return jg_sqlite_damaged(self);
  }
  *ret_rows = page;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_planning_add(struct jg_txn *txn, const struct jg_planning_row *row, bool *ret_added) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_PLANNING_INSERT);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_uuid(&query, 2, &row->id);
  jg_sqlite_bind_uuid(&query, 3, &row->job_id);
  jg_sqlite_bind_uuid(&query, 4, &row->user_id);
  jg_sqlite_bind_i64(&query, 5, row->start_ticks);
  jg_sqlite_bind_i64(&query, 6, row->created_ticks);
  jg_sqlite_bind_i64(&query, 7, row->modified_ticks);
  (void)jg_sqlite_query_step(&query);  // the end tells
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_added = sqlite3_changes(self->conn->db) == 1;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_plannings_delete(struct jg_sqlite_txn *txn, const struct jg_uuid *job_id) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_PLANNING_DELETE_OF_JOB);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_uuid(&query, 2, job_id);
  (void)jg_sqlite_query_step(&query);  // the end tells
  return jg_sqlite_query_end(&query);
}
