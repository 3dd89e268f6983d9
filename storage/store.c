#include "storage/store.h"

#include "base/unicode.h"
#include "base/utf8.h"
#include "storage/engine.h"
#include "storage/sqlite/sqlite.h"

#define READERS_MAX 64
/* A domain's longest text form (RFC 1035 section 2.3.4). */
#define TENANT_NAME_BYTES_MAX 255

static const struct jg_store_ops *store_ops(const struct jg_store *store) {
  JG_ASSERT(store != NULL && store->magic == JG_STORE_MAGIC);
  return store->ops;
}

static const struct jg_store_ops *txn_ops(const struct jg_txn *txn) {
  JG_ASSERT(txn != NULL && txn->magic == JG_TXN_MAGIC);
  return txn->ops;
}

/* What follows "sqlite:". */
static struct jg_status sqlite_path(struct jg_str url, struct jg_str *ret_path) {
  const struct jg_str sqlite = JG_STR("sqlite:");
  if (jg_str_starts_with(url, sqlite) && url.len > sqlite.len) {
    *ret_path = jg_str_sub(url, sqlite.len, url.len);
    return JG_STATUS_OK;
  }
  // The URL itself may hold a password: it is not repeated.
  if (jg_str_starts_with(url, JG_STR("postgresql:")) || jg_str_starts_with(url, JG_STR("postgres:"))) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NOT_BUILT,
                          "PostgreSQL is not built into this program; use a store of the form sqlite:PATH");
  }
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "a store has the form sqlite:PATH");
}

struct jg_status jg_store_check_url(struct jg_str url, struct jg_arena *arena) {
  (void)arena;
  struct jg_str path = JG_STR_NONE;
  return sqlite_path(url, &path);
}

struct jg_status jg_store_open(const struct jg_store_options *options, struct jg_arena *arena,
                               struct jg_store **ret_store) {
  JG_ASSERT(options->clock != NULL);
  JG_ASSERT(options->reader_count >= 1 && options->reader_count <= READERS_MAX);
  JG_ASSERT(!options->read_only || (!options->exclusive && !options->create));
  struct jg_str path;
  JG_RETURN_IF_ERROR(sqlite_path(options->url, &path));
  return jg_sqlite_store_open(options, path, arena, ret_store);
}

struct jg_status jg_store_backup(const struct jg_store_copy *copy, struct jg_arena *arena,
                                 struct jg_store_copied *ret_copied) {
  JG_ASSERT(copy->clock != NULL);
  struct jg_str path;
  JG_RETURN_IF_ERROR(sqlite_path(copy->url, &path));
  return jg_sqlite_backup(copy, path, arena, ret_copied);
}

struct jg_status jg_store_restore(const struct jg_store_copy *copy, struct jg_arena *arena,
                                  struct jg_store_copied *ret_copied) {
  JG_ASSERT(copy->clock != NULL);
  struct jg_str path;
  JG_RETURN_IF_ERROR(sqlite_path(copy->url, &path));
  return jg_sqlite_restore(copy, path, arena, ret_copied);
}

struct jg_status jg_store_check(struct jg_str url, const struct jg_clock *clock, struct jg_arena *arena,
                                struct jg_store_report *ret_report) {
  struct jg_str path;
  JG_RETURN_IF_ERROR(sqlite_path(url, &path));
  return jg_sqlite_check(path, clock, arena, ret_report);
}

void jg_store_close(struct jg_store *store) {
  if (store != NULL) {
    store_ops(store)->close(store);
  }
}

struct jg_status jg_store_tenant(struct jg_store *store, struct jg_str name, bool create, struct jg_arena *arena,
                                 int64_t *ret_tenant) {
  if (name.len == 0 || name.len > TENANT_NAME_BYTES_MAX || !jg_utf8_valid(name)) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED,
                            "a tenant's name has 1 to %d bytes of UTF-8", TENANT_NAME_BYTES_MAX);
  }
  char folded[JG_UNICODE_CASE_BYTES(TENANT_NAME_BYTES_MAX)];
  size_t len = jg_unicode_lower(name, folded);
  return store_ops(store)->tenant(store, jg_str_make(folded, len), create, arena, ret_tenant);
}

struct jg_status jg_store_tenant_next(struct jg_store *store, struct jg_str after, struct jg_arena *arena,
                                      struct jg_str *ret_name, int64_t *ret_tenant) {
  return store_ops(store)->tenant_next(store, after, arena, ret_name, ret_tenant);
}

void jg_store_listen(struct jg_store *store, jg_store_committed committed, void *data) {
  store_ops(store)->listen(store, committed, data);
}

struct jg_status jg_store_submit(struct jg_store *store, struct jg_store_write *write) {
  JG_ASSERT(write->run != NULL && write->done != NULL);
  return store_ops(store)->submit(store, write);
}

struct jg_status jg_store_submit_read(struct jg_store *store, struct jg_store_read *read) {
  JG_ASSERT(read->run != NULL);
  return store_ops(store)->submit_read(store, read);
}

bool jg_store_unchanged(const struct jg_store *store, int64_t tenant, struct jg_uuid id, int64_t revision) {
  JG_ASSERT(store != NULL && store->magic == JG_STORE_MAGIC);
  return store->marks != NULL && jg_marks_get(store->marks, jg_store_job_mark(tenant, &id)) <= revision &&
         jg_marks_get(store->marks, jg_store_entity_mark(tenant)) <= revision;
}

struct jg_status jg_store_read_inline(struct jg_store *store, int64_t tenant,
                                      struct jg_status (*run)(struct jg_txn *txn, void *data), void *data) {
  JG_ASSERT(run != NULL);
  return store_ops(store)->read_inline(store, tenant, run, data);
}

struct jg_status jg_txn_tenant_state(struct jg_txn *txn, struct jg_arena *arena, struct jg_tenant_state *ret_state) {
  return txn_ops(txn)->tenant_state(txn, arena, ret_state);
}

struct jg_status jg_txn_job_get(struct jg_txn *txn, struct jg_uuid id, struct jg_arena *arena,
                                struct jg_job_row *ret_row) {
  return txn_ops(txn)->job_get(txn, id, arena, ret_row);
}

struct jg_status jg_txn_job_find(struct jg_txn *txn, struct jg_str reference, struct jg_arena *arena,
                                 struct jg_job_row *ret_row) {
  JG_ASSERT(reference.len > 0);
  return txn_ops(txn)->job_find(txn, reference, arena, ret_row);
}

struct jg_status jg_txn_job_is_parent(struct jg_txn *txn, struct jg_uuid id, bool *ret_is_parent) {
  return txn_ops(txn)->job_is_parent(txn, id, ret_is_parent);
}

struct jg_status jg_txn_job_list(struct jg_txn *txn, const struct jg_job_query *query, struct jg_arena *arena,
                                 struct jg_job_rows *ret_rows) {
  JG_ASSERT(query->limit > 0 && query->skip >= 0);
  JG_ASSERT(query->order == JG_ORDER_ID || query->order == JG_ORDER_MODIFIED);
  JG_ASSERT(query->order_count <= JG_FILTER_ORDER_MAX && (query->order_count == 0 || query->orders != NULL));
  JG_ASSERT(!query->has_after || query->order_count == 0 || query->after_keys != NULL);
  return txn_ops(txn)->job_list(txn, query, arena, ret_rows);
}

struct jg_status jg_txn_job_scan(struct jg_txn *txn, const struct jg_job_scan *scan, struct jg_arena *arena,
                                 struct jg_job_scanned *ret_scanned) {
  JG_ASSERT(scan->after_rid >= 0 && scan->limit > 0);
  return txn_ops(txn)->job_scan(txn, scan, arena, ret_scanned);
}

struct jg_status jg_txn_entity_get(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id, struct jg_arena *arena,
                                   struct jg_entity_row *ret_row) {
  return txn_ops(txn)->entity_get(txn, kind, id, arena, ret_row);
}

struct jg_status jg_txn_entity_find(struct jg_txn *txn, enum jg_kind kind, struct jg_str key, struct jg_arena *arena,
                                    struct jg_entity_row *ret_row) {
  JG_ASSERT(key.len > 0);
  return txn_ops(txn)->entity_find(txn, kind, key, arena, ret_row);
}

struct jg_status jg_txn_entity_head(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                    int64_t *ret_tree_revision) {
  return txn_ops(txn)->entity_head(txn, kind, id, ret_tree_revision);
}

struct jg_status jg_txn_changes(struct jg_txn *txn, int64_t after_revision, size_t count_max, size_t bytes_max,
                                struct jg_arena *arena, struct jg_changes *ret_changes) {
  JG_ASSERT(count_max > 0);
  return txn_ops(txn)->changes(txn, after_revision, count_max, bytes_max, arena, ret_changes);
}

struct jg_status jg_txn_revision_before(struct jg_txn *txn, int64_t ticks, struct jg_arena *arena,
                                        int64_t *ret_revision) {
  return txn_ops(txn)->revision_before(txn, ticks, arena, ret_revision);
}

struct jg_status jg_txn_log_excess(struct jg_txn *txn, const struct jg_retention *retention, int64_t now_ticks,
                                   int64_t *ret_through_revision) {
  JG_ASSERT(retention->age_ms >= 0 && retention->bytes_max >= 0);
  return txn_ops(txn)->log_excess(txn, retention, now_ticks, ret_through_revision);
}

struct jg_status jg_txn_log_trim(struct jg_txn *txn, int64_t through_revision, size_t count_max,
                                 int64_t *ret_oldest_revision) {
  JG_ASSERT(count_max > 0);
  return txn_ops(txn)->log_trim(txn, through_revision, count_max, ret_oldest_revision);
}

struct jg_status jg_txn_entity_default(struct jg_txn *txn, enum jg_kind kind, struct jg_arena *arena,
                                       struct jg_entity_row *ret_row) {
  return txn_ops(txn)->entity_default(txn, kind, arena, ret_row);
}

struct jg_status jg_txn_planning_get(struct jg_txn *txn, struct jg_uuid id, struct jg_planning_row *ret_row) {
  return txn_ops(txn)->planning_get(txn, id, ret_row);
}

struct jg_status jg_txn_planning_list(struct jg_txn *txn, const struct jg_planning_query *query, struct jg_arena *arena,
                                      struct jg_planning_rows *ret_rows) {
  JG_ASSERT(query->limit > 0 && query->limit < INT32_MAX);
  return txn_ops(txn)->planning_list(txn, query, arena, ret_rows);
}

struct jg_status jg_txn_planning_add(struct jg_txn *txn, const struct jg_planning_row *row, bool *ret_added) {
  return txn_ops(txn)->planning_add(txn, row, ret_added);
}

struct jg_status jg_txn_answer_get(struct jg_txn *txn, struct jg_uuid request_id, struct jg_arena *arena,
                                   struct jg_kept_answer *ret_answer) {
  return txn_ops(txn)->answer_get(txn, request_id, arena, ret_answer);
}

struct jg_status jg_txn_answer_put(struct jg_txn *txn, struct jg_uuid request_id, const struct jg_kept_answer *answer,
                                   int64_t expired_ticks) {
  JG_ASSERT(answer->created_ticks > expired_ticks);
  return txn_ops(txn)->answer_put(txn, request_id, answer, expired_ticks);
}

struct jg_status jg_txn_user_get(struct jg_txn *txn, struct jg_str name, struct jg_arena *arena,
                                 struct jg_user_row *ret_row) {
  return txn_ops(txn)->user_get(txn, name, arena, ret_row);
}

struct jg_status jg_txn_user_list(struct jg_txn *txn, struct jg_str after, size_t count_max, struct jg_arena *arena,
                                  struct jg_user_rows *ret_rows) {
  JG_ASSERT(count_max > 0 && count_max < INT32_MAX);
  return txn_ops(txn)->user_list(txn, after, count_max, arena, ret_rows);
}

struct jg_status jg_txn_user_put(struct jg_txn *txn, const struct jg_user_row *row, bool replace) {
  JG_ASSERT(row->name.len > 0 && row->password.len > 0);
  return txn_ops(txn)->user_put(txn, row, replace);
}

struct jg_status jg_txn_user_remove(struct jg_txn *txn, struct jg_str name) {
  return txn_ops(txn)->user_remove(txn, name);
}

int64_t jg_txn_stamp(struct jg_txn *txn, int64_t job_modified_ticks) {
  return txn_ops(txn)->stamp(txn, job_modified_ticks);
}

struct jg_status jg_txn_id2_next(struct jg_txn *txn, int32_t *ret_id2) {
  return txn_ops(txn)->id2_next(txn, ret_id2);
}

struct jg_status jg_txn_id2_raise(struct jg_txn *txn, int32_t id2) {
  return txn_ops(txn)->id2_raise(txn, id2);
}

void jg_txn_set_trace(struct jg_txn *txn, struct jg_str traceparent) {
  txn_ops(txn)->set_trace(txn, traceparent);
}

struct jg_status jg_txn_job_put(struct jg_txn *txn, const struct jg_job_put *put, struct jg_arena *arena,
                                int64_t *ret_revision) {
  JG_ASSERT(put->rid >= 0);
  JG_ASSERT(put->rid != 0 || (put->changed == 0 && put->old.len == 0));
  return txn_ops(txn)->job_put(txn, put, arena, ret_revision);
}

struct jg_status jg_txn_job_delete(struct jg_txn *txn, const struct jg_job_row *row, int64_t commit_ticks,
                                   int64_t *ret_revision) {
  JG_ASSERT(row->rid > 0);
  return txn_ops(txn)->job_delete(txn, row, commit_ticks, ret_revision);
}

struct jg_status jg_txn_entity_put(struct jg_txn *txn, const struct jg_entity_put *put, struct jg_arena *arena,
                                   int64_t *ret_revision) {
  JG_ASSERT(put->kind > JG_KIND_JOB && put->kind < JG_KIND_COUNT);
  JG_ASSERT(!put->create || (put->changed == 0 && put->old.len == 0));
  JG_ASSERT(put->embed_count == 0 || put->embeds != NULL);
  return txn_ops(txn)->entity_put(txn, put, arena, ret_revision);
}

struct jg_status jg_txn_entity_list(struct jg_txn *txn, const struct jg_entity_query *query, struct jg_arena *arena,
                                    struct jg_entity_rows *ret_rows) {
  JG_ASSERT(query->kind > JG_KIND_JOB && query->kind < JG_KIND_COUNT);
  JG_ASSERT(query->limit > 0 && query->limit < SIZE_MAX / sizeof(struct jg_entity_row));
  return txn_ops(txn)->entity_list(txn, query, arena, ret_rows);
}

struct jg_status jg_txn_entity_is_referenced(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                             int64_t after_revision, bool *ret_is_referenced) {
  JG_ASSERT(kind > JG_KIND_JOB && kind < JG_KIND_COUNT && after_revision >= 0);
  return txn_ops(txn)->entity_is_referenced(txn, kind, id, after_revision, ret_is_referenced);
}

struct jg_status jg_txn_entity_delete(struct jg_txn *txn, const struct jg_entity_row *row, int64_t commit_ticks,
                                      int64_t *ret_revision) {
  JG_ASSERT(row->kind > JG_KIND_JOB && row->kind < JG_KIND_COUNT);
  return txn_ops(txn)->entity_delete(txn, row, commit_ticks, ret_revision);
}
