/* Embedded entities as a set of their own: pages of a kind, who refers to one, and deletion. */
#include "storage/sqlite/sqlite_internal.h"

/* JG_SQLITE_COLUMN_NAMES spells these as numbers. */
_Static_assert(JG_KIND_PROJECT == 2 && JG_KIND_JOB_TYPE == 7 && JG_KIND_JOB_PRIORITY == 8 && JG_KIND_USER == 9 &&
                   JG_KIND_SKILL == 10 && JG_KIND_JOB_STATUS == 13,
               "kinds are stored");

struct jg_status jg_sqlite_entity_list(struct jg_txn *txn, const struct jg_entity_query *wanted, struct jg_arena *arena,
                                       struct jg_entity_rows *ret_rows) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  if (self->conn->role == JG_SQLITE_INLINE) {
    return jg_sqlite_not_at_once();
  }
  struct jg_entity_rows page = {.rows = jg_arena_alloc(arena, wanted->limit * sizeof(*page.rows))};
  if (page.rows == NULL) {
    return jg_sqlite_arena_full();
  }
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_ENTITY_PAGE);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_i64(&query, 2, wanted->kind);
  // The empty blob stands before every id.
  jg_sqlite_bind_blob(&query, 3,
                      wanted->has_after
                          ? jg_str_make((const char *)wanted->after_id.bytes, sizeof(wanted->after_id.bytes))
                          : JG_STR(""));
  jg_sqlite_bind_i64(&query, 4, (int64_t)wanted->limit + 1);
  struct jg_status status = JG_STATUS_OK;
  size_t bytes = 0;
  while (jg_status_ok(status) && !page.more && jg_sqlite_query_step(&query)) {
    page.more = page.count == wanted->limit || (page.count > 0 && bytes >= wanted->bytes_max);
    if (!page.more) {
      status = jg_sqlite_entity_row(&query, arena, &page.rows[page.count]);
      bytes += jg_status_ok(status) ? page.rows[page.count++].payload.len : 0;
    }
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  JG_RETURN_IF_ERROR(status);
  *ret_rows = page;
  return JG_STATUS_OK;
}

/* What the statement is asked about; revision 0: it does not take one. */
struct reference {
  enum jg_kind kind;
  struct jg_uuid id;
  int64_t revision;
};

/* Has the statement a row? */
static struct jg_status any(struct jg_sqlite_txn *txn, enum jg_sqlite_statement statement,
                            const struct reference *reference, bool *ret_any) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, statement);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, reference->kind);
  jg_sqlite_bind_uuid(&query, 3, &reference->id);
  if (reference->revision > 0) {
    jg_sqlite_bind_i64(&query, 4, reference->revision);
  }
  bool found = jg_sqlite_query_step(&query);
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_any = found;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_entity_is_referenced(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                                int64_t after_revision, bool *ret_is_referenced) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  if (self->conn->role == JG_SQLITE_INLINE) {
    return jg_sqlite_not_at_once();
  }
  struct jg_sqlite_log log;
  JG_RETURN_IF_ERROR(jg_sqlite_log_load(self, &log));
  // A log that no longer reaches back that far tells nothing of the jobs changed since.
  bool changed = after_revision > 0 && after_revision + 1 >= log.oldest;
  const struct reference of_all = {.kind = kind, .id = id};
  const struct reference of_changed = {.kind = kind, .id = id, .revision = after_revision};
  const struct reference *reference = changed ? &of_changed : &of_all;
  enum jg_sqlite_statement jobs = kind == JG_KIND_PROJECT ? JG_SQLITE_JOB_OF_PROJECT : JG_SQLITE_JOB_NAMES;
  bool found = false;
  JG_RETURN_IF_ERROR(any(self, JG_SQLITE_EDGE_TO, &of_all, &found));
  if (!found) {
    JG_RETURN_IF_ERROR(any(self, changed ? JG_SQLITE_CHANGED_JOB_NAMES : jobs, reference, &found));
  }
  if (!found && kind == JG_KIND_USER) {
    JG_RETURN_IF_ERROR(
        any(self, changed ? JG_SQLITE_CHANGED_PLANNING_OF_USER : JG_SQLITE_PLANNING_OF_USER, reference, &found));
  }
  *ret_is_referenced = found;
  return JG_STATUS_OK;
}

static struct jg_status run(struct jg_sqlite_txn *txn, enum jg_sqlite_statement statement,
                            const struct jg_entity_row *row, int64_t revision) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, statement);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, row->kind);
  jg_sqlite_bind_uuid(&query, 3, &row->id);
  if (revision > 0) {
    jg_sqlite_bind_i64(&query, 4, revision);
  }
  (void)jg_sqlite_query_step(&query);  // the end tells
  return jg_sqlite_query_end(&query);
}

struct jg_status jg_sqlite_entity_delete(struct jg_txn *txn, const struct jg_entity_row *row, int64_t commit_ticks,
                                         int64_t *ret_revision) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  int64_t revision = self->counters->revision + 1;
  JG_RETURN_IF_ERROR(run(self, JG_SQLITE_ENTITY_DELETE, row, 0));
  if (sqlite3_changes(self->conn->db) != 1) {
    return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such entity");
  }
  JG_RETURN_IF_ERROR(run(self, JG_SQLITE_EDGES_DELETE, row, 0));
  JG_RETURN_IF_ERROR(run(self, JG_SQLITE_ENTITY_RAISE, row, revision));
  JG_RETURN_IF_ERROR(jg_sqlite_log_append(self, &(struct jg_sqlite_log_add){
                                                    .revision = revision,
                                                    .commit_ticks = commit_ticks,
                                                    .kind = row->kind,
                                                    .change = JG_CHANGE_DELETED,
                                                    .id = &row->id,
                                                    .old = row->payload,
                                                }));
  self->counters->revision = self->counters->entity_revision = revision;
  self->counters->dirty = true;
  *ret_revision = revision;
  return JG_STATUS_OK;
}
