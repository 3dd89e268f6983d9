/* Jobs: point reads, and writes with their log records. */
#include "proto/schema/members.h"
#include "storage/columns.h"
#include "storage/sqlite/sqlite_internal.h"

static struct jg_status no_job(void) {
  return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such job");
}

/* ---- reads ---- */

struct jg_status jg_sqlite_job_row(struct jg_sqlite_query *query, struct jg_arena *arena, struct jg_job_row *ret_row) {
  struct jg_job_row row = {
      .rid = sqlite3_column_int64(query->stmt, 0),
      .revision = sqlite3_column_int64(query->stmt, 1),
      .modified_ticks = sqlite3_column_int64(query->stmt, 3),
  };
  if (!jg_sqlite_column_uuid(query, 2, &row.id)) {
    return jg_sqlite_damaged(query->txn);
  }
  if (!jg_sqlite_column_copy(query, 4, arena, &row.payload)) {
    return jg_sqlite_arena_full();
  }
  *ret_row = row;
  return JG_STATUS_OK;
}

/* Steps once: the row, or NOT_FOUND. */
static struct jg_status read_one(struct jg_sqlite_query *query, struct jg_arena *arena, struct jg_job_row *ret_row) {
  struct jg_job_row row;
  struct jg_status status = jg_sqlite_query_step(query) ? jg_sqlite_job_row(query, arena, &row) : no_job();
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(query));
  JG_RETURN_IF_ERROR(status);
  *ret_row = row;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_job_get(struct jg_txn *txn, struct jg_uuid id, struct jg_arena *arena,
                                   struct jg_job_row *ret_row) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_JOB_GET);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_uuid(&query, 2, &id);
  return read_one(&query, arena, ret_row);
}

struct jg_status jg_sqlite_job_find(struct jg_txn *txn, struct jg_str reference, struct jg_arena *arena,
                                    struct jg_job_row *ret_row) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_JOB_FIND);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_text(&query, 2, reference);
  return read_one(&query, arena, ret_row);
}

/* Whether a statement on (tenant, id) finds a row. */
static struct jg_status has_row(struct jg_sqlite_txn *txn, enum jg_sqlite_statement statement, const struct jg_uuid *id,
                                bool *ret_found) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, statement);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_uuid(&query, 2, id);
  bool found = jg_sqlite_query_step(&query);
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_found = found;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_job_is_parent(struct jg_txn *txn, struct jg_uuid id, bool *ret_is_parent) {
  return has_row(jg_sqlite_txn(txn), JG_SQLITE_JOB_IS_PARENT, &id, ret_is_parent);
}

/* ---- writes ---- */

static void bind_column(struct jg_sqlite_query *query, int index, const struct jg_column *column) {
  switch (column->type) {
    case JG_COLUMN_INTEGER:
      jg_sqlite_bind_i64(query, index, column->integer);
      break;
    case JG_COLUMN_REAL:
      jg_sqlite_bind_real(query, index, column->real);
      break;
    case JG_COLUMN_TEXT:
      jg_sqlite_bind_text(query, index, column->text);
      break;
    case JG_COLUMN_GUID:
      jg_sqlite_bind_uuid(query, index, &column->guid);
      break;
  }
}

/* A unique index refused the row: by its id, or else by its reference. */
static struct jg_status duplicate(struct jg_sqlite_txn *txn, const struct jg_job_put *put, struct jg_arena *arena) {
  bool same_id = false;
  if (put->rid == 0) {
    JG_RETURN_IF_ERROR(has_row(txn, JG_SQLITE_JOB_EXISTS, &put->id, &same_id));
  }
  if (!same_id) {
    return jg_status_make(JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE,
                          "another job has this reference_back_office");
  }
  char id[JG_UUID_TEXT_LEN];
  jg_uuid_format(put->id, id);
  return jg_status_printf(arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID, "a job with id %.*s exists already",
                          JG_UUID_TEXT_LEN, id);
}

/* The row goes by the key members of the put, the index by the columns of the payload: they must be the same. */
static bool is_consistent(const struct jg_columns *columns, const struct jg_job_put *put) {
  const struct jg_column *id = jg_columns_find(columns, JG_JOB_ID);
  const struct jg_column *modified = jg_columns_find(columns, JG_JOB_MODIFIED_DATEUTC);
  JG_ASSERT(id != NULL && modified != NULL);
  return jg_uuid_equal(id->guid, put->id) && modified->integer == put->modified_ticks;
}

struct jg_status jg_sqlite_job_put(struct jg_txn *txn, const struct jg_job_put *put, struct jg_arena *arena,
                                   int64_t *ret_revision) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  struct jg_columns columns;
  JG_RETURN_IF_ERROR(jg_columns_take(jg_entity(JG_KIND_JOB), put->payload, &columns));
  if (!is_consistent(&columns, put)) {
    return jg_status_make(JG_INTERNAL, JG_REASON_NONE, "id or modified_dateutc of a job differ from its payload's");
  }
  int64_t revision = self->counters->revision + 1;
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, put->rid == 0 ? JG_SQLITE_JOB_INSERT : JG_SQLITE_JOB_UPDATE);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_i64(&query, 2, revision);
  jg_sqlite_bind_blob(&query, 3, put->payload);
  if (put->rid != 0) {
    jg_sqlite_bind_i64(&query, 4, put->rid);
  }
  for (size_t i = 0; i < columns.count; i++) {
    bind_column(&query, (int)(JG_SQLITE_JOB_COLUMNS_FROM + i), &columns.items[i]);
  }
  (void)jg_sqlite_query_step(&query);  // the end tells
  struct jg_status status = jg_sqlite_query_end(&query);
  if (jg_sqlite_query_is_duplicate(&query)) {
    return duplicate(self, put, arena);
  }
  JG_RETURN_IF_ERROR(status);
  if (sqlite3_changes(self->conn->db) != 1) {
    return no_job();
  }
  JG_RETURN_IF_ERROR(
      jg_sqlite_log_append(self, &(struct jg_sqlite_log_add){
                                     .revision = revision,
                                     .rid = put->rid != 0 ? put->rid : sqlite3_last_insert_rowid(self->conn->db),
                                     .commit_ticks = put->commit_ticks,
                                     .kind = JG_KIND_JOB,
                                     .change = put->rid == 0 ? JG_CHANGE_CREATED : JG_CHANGE_UPDATED,
                                     .id = &put->id,
                                     .changed = put->changed,
                                     .old = put->old,
                                     .payload = put->payload,
                                 }));
  self->counters->revision = revision;
  self->counters->dirty = true;
  *ret_revision = revision;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_job_delete(struct jg_txn *txn, const struct jg_job_row *row, int64_t commit_ticks,
                                      int64_t *ret_revision) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_JOB_DELETE);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_i64(&query, 2, row->rid);
  (void)jg_sqlite_query_step(&query);  // the end tells
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (sqlite3_changes(self->conn->db) != 1) {
    return no_job();
  }
  JG_RETURN_IF_ERROR(jg_sqlite_plannings_delete(self, &row->id));
  int64_t revision = self->counters->revision + 1;
  JG_RETURN_IF_ERROR(jg_sqlite_log_append(self, &(struct jg_sqlite_log_add){
                                                    .revision = revision,
                                                    .rid = row->rid,
                                                    .commit_ticks = commit_ticks,
                                                    .kind = JG_KIND_JOB,
                                                    .change = JG_CHANGE_DELETED,
                                                    .id = &row->id,
                                                    .old = row->payload,
                                                }));
  self->counters->revision = revision;
  self->counters->dirty = true;
  *ret_revision = revision;
  return JG_STATUS_OK;
}
