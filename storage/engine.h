/* What an engine gives to the seam: the table of functions behind store.h. Included by storage/ alone.
 * store.c checks the arguments that the seam promises; an engine may rely on them. Each function keeps the promises, the
 * statuses and the thread of its namesake in store.h. */
#ifndef JG_STORAGE_ENGINE_H
#define JG_STORAGE_ENGINE_H

#include "base/marks.h"
#include "storage/store.h"

#define JG_STORE_MAGIC 0x6a677374u /* "jgst" */
#define JG_TXN_MAGIC 0x6a677478u   /* "jgtx" */

struct jg_store_ops {
  void (*close)(struct jg_store *store);
  struct jg_status (*tenant)(struct jg_store *store, struct jg_str name, bool create, struct jg_arena *arena,
                             int64_t *ret_tenant);
  struct jg_status (*tenant_next)(struct jg_store *store, struct jg_str after, struct jg_arena *arena,
                                  struct jg_str *ret_name, int64_t *ret_tenant);
  void (*listen)(struct jg_store *store, jg_store_committed committed, void *data);
  struct jg_status (*submit)(struct jg_store *store, struct jg_store_write *write);
  struct jg_status (*submit_read)(struct jg_store *store, struct jg_store_read *read);
  struct jg_status (*read_inline)(struct jg_store *store, int64_t tenant,
                                  struct jg_status (*run)(struct jg_txn *txn, void *data), void *data);

  struct jg_status (*tenant_state)(struct jg_txn *txn, struct jg_arena *arena, struct jg_tenant_state *ret_state);
  struct jg_status (*job_get)(struct jg_txn *txn, struct jg_uuid id, struct jg_arena *arena,
                              struct jg_job_row *ret_row);
  struct jg_status (*job_find)(struct jg_txn *txn, struct jg_str reference, struct jg_arena *arena,
                               struct jg_job_row *ret_row);
  struct jg_status (*job_is_parent)(struct jg_txn *txn, struct jg_uuid id, bool *ret_is_parent);
  struct jg_status (*job_list)(struct jg_txn *txn, const struct jg_job_query *query, struct jg_arena *arena,
                               struct jg_job_rows *ret_rows);
  struct jg_status (*job_scan)(struct jg_txn *txn, const struct jg_job_scan *scan, struct jg_arena *arena,
                               struct jg_job_scanned *ret_scanned);
  struct jg_status (*entity_get)(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id, struct jg_arena *arena,
                                 struct jg_entity_row *ret_row);
  struct jg_status (*entity_find)(struct jg_txn *txn, enum jg_kind kind, struct jg_str key, struct jg_arena *arena,
                                  struct jg_entity_row *ret_row);
  struct jg_status (*entity_head)(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id, int64_t *ret_tree_revision);
  struct jg_status (*changes)(struct jg_txn *txn, int64_t after_revision, size_t count_max, size_t bytes_max,
                              struct jg_arena *arena, struct jg_changes *ret_changes);
  struct jg_status (*revision_before)(struct jg_txn *txn, int64_t ticks, struct jg_arena *arena, int64_t *ret_revision);
  struct jg_status (*log_excess)(struct jg_txn *txn, const struct jg_retention *retention, int64_t now_ticks,
                                 int64_t *ret_through_revision);
  struct jg_status (*log_trim)(struct jg_txn *txn, int64_t through_revision, size_t count_max,
                               int64_t *ret_oldest_revision);
  struct jg_status (*entity_default)(struct jg_txn *txn, enum jg_kind kind, struct jg_arena *arena,
                                     struct jg_entity_row *ret_row);
  struct jg_status (*entity_list)(struct jg_txn *txn, const struct jg_entity_query *query, struct jg_arena *arena,
                                  struct jg_entity_rows *ret_rows);
  struct jg_status (*entity_is_referenced)(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                           int64_t after_revision, bool *ret_is_referenced);
  struct jg_status (*planning_get)(struct jg_txn *txn, struct jg_uuid id, struct jg_planning_row *ret_row);
  struct jg_status (*planning_list)(struct jg_txn *txn, const struct jg_planning_query *query, struct jg_arena *arena,
                                    struct jg_planning_rows *ret_rows);
  struct jg_status (*planning_add)(struct jg_txn *txn, const struct jg_planning_row *row, bool *ret_added);
  struct jg_status (*answer_get)(struct jg_txn *txn, struct jg_uuid request_id, struct jg_arena *arena,
                                 struct jg_kept_answer *ret_answer);
  struct jg_status (*answer_put)(struct jg_txn *txn, struct jg_uuid request_id, const struct jg_kept_answer *answer,
                                 int64_t expired_ticks);
  struct jg_status (*user_get)(struct jg_txn *txn, struct jg_str name, struct jg_arena *arena,
                               struct jg_user_row *ret_row);
  struct jg_status (*user_list)(struct jg_txn *txn, struct jg_str after, size_t count_max, struct jg_arena *arena,
                                struct jg_user_rows *ret_rows);
  struct jg_status (*user_put)(struct jg_txn *txn, const struct jg_user_row *row, bool replace);
  struct jg_status (*user_remove)(struct jg_txn *txn, struct jg_str name);

  int64_t (*stamp)(struct jg_txn *txn, int64_t job_modified_ticks);
  struct jg_status (*id2_next)(struct jg_txn *txn, int32_t *ret_id2);
  struct jg_status (*id2_raise)(struct jg_txn *txn, int32_t id2);
  void (*set_trace)(struct jg_txn *txn, struct jg_str traceparent);
  struct jg_status (*job_put)(struct jg_txn *txn, const struct jg_job_put *put, struct jg_arena *arena,
                              int64_t *ret_revision);
  struct jg_status (*job_delete)(struct jg_txn *txn, const struct jg_job_row *row, int64_t commit_ticks,
                                 int64_t *ret_revision);
  struct jg_status (*entity_put)(struct jg_txn *txn, const struct jg_entity_put *put, struct jg_arena *arena,
                                 int64_t *ret_revision);
  struct jg_status (*entity_delete)(struct jg_txn *txn, const struct jg_entity_row *row, int64_t commit_ticks,
                                    int64_t *ret_revision);
};

/* First member of an engine's store and of its transaction. */
struct jg_store {
  uint32_t magic;
  const struct jg_store_ops *ops;
  /* Of an engine that sees every write of the record: raised with each revision before its commit, under the keys below. NULL:
   * another process may write. The engine owns it. */
  struct jg_marks *marks;
};
struct jg_txn {
  uint32_t magic;
  const struct jg_store_ops *ops;
};

/* One mark for the job, one for all embedded entities of the tenant. */
static inline uint64_t jg_store_job_mark(int64_t tenant, const struct jg_uuid *id) {
  uint64_t high, low;
  memcpy(&high, id->bytes, sizeof high);
  memcpy(&low, id->bytes + sizeof high, sizeof low);
  return high ^ (low << 1 | low >> 63) ^ ((uint64_t)tenant << 32);
}
static inline uint64_t jg_store_entity_mark(int64_t tenant) {
  return ~((uint64_t)tenant << 32);
}

#endif
