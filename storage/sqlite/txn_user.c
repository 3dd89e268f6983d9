/* Users. They have no revisions: what is written here leaves the tenant's counters and its log alone. */
#include "storage/sqlite/sqlite_internal.h"

static struct jg_status no_user(void) {
  return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "the record has no such user");
}

/* Reads the row under the query: name, password, created_ticks. False at the arena's cap. */
static bool read_row(struct jg_sqlite_query *query, struct jg_arena *arena, struct jg_user_row *row) {
  row->created_ticks = sqlite3_column_int64(query->stmt, 2);
  return jg_sqlite_column_copy(query, 0, arena, &row->name) && jg_sqlite_column_copy(query, 1, arena, &row->password);
}

struct jg_status jg_sqlite_user_get(struct jg_txn *txn, struct jg_str name, struct jg_arena *arena,
                                    struct jg_user_row *ret_row) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_USER_GET);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_text(&query, 2, name);
  struct jg_user_row row = {.created_ticks = 0};
  bool found = jg_sqlite_query_step(&query);
  bool copied = !found || read_row(&query, arena, &row);
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (!found) {
    return no_user();
  }
  if (!copied) {
    return jg_sqlite_arena_full();
  }
  *ret_row = row;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_user_list(struct jg_txn *txn, struct jg_str after, size_t count_max, struct jg_arena *arena,
                                     struct jg_user_rows *ret_rows) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_user_rows rows = {.rows = jg_arena_alloc_zero(arena, count_max * sizeof(*rows.rows))};
  if (rows.rows == NULL) {
    return jg_sqlite_arena_full();
  }
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_USER_LIST);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_text(&query, 2, after);
  jg_sqlite_bind_i64(&query, 3, (int64_t)count_max);
  bool copied = true;
  while (copied && rows.count < count_max && jg_sqlite_query_step(&query)) {
    copied = read_row(&query, arena, &rows.rows[rows.count++]);
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (!copied) {
    return jg_sqlite_arena_full();
  }
  *ret_rows = rows;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_user_put(struct jg_txn *txn, const struct jg_user_row *row, bool replace) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, replace ? JG_SQLITE_USER_PUT : JG_SQLITE_USER_INSERT);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_text(&query, 2, row->name);
  jg_sqlite_bind_text(&query, 3, row->password);
  jg_sqlite_bind_i64(&query, 4, row->created_ticks);
  (void)jg_sqlite_query_step(&query);  // the end tells
  struct jg_status status = jg_sqlite_query_end(&query);
  if (jg_sqlite_query_is_duplicate(&query)) {
    return jg_status_make(JG_ALREADY_EXISTS, JG_REASON_NONE, "there is such a user already");
  }
  return status;
}

struct jg_status jg_sqlite_user_remove(struct jg_txn *txn, struct jg_str name) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_USER_DELETE);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_text(&query, 2, name);
  bool found = jg_sqlite_query_step(&query);
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  return found ? JG_STATUS_OK : no_user();
}
