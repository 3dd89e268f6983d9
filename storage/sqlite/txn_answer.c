/* First answers to requests with an id of their own. They have no revisions. */
#include "storage/sqlite/sqlite_internal.h"

/* What a write that keeps an answer removes of the expired ones: more than it adds, so that they dwindle. */
#define EXPIRED_ROWS_MAX 8

struct jg_status jg_sqlite_answer_get(struct jg_txn *txn, struct jg_uuid request_id, struct jg_arena *arena,
                                      struct jg_kept_answer *ret_answer) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_ANSWER_GET);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_uuid(&query, 2, &request_id);
  struct jg_kept_answer answer = {.created_ticks = 0};
  bool found = jg_sqlite_query_step(&query), damaged = false, copied = true;
  if (found) {
    struct jg_str hash = jg_sqlite_column_str(&query, 0);
    damaged = hash.len != sizeof(answer.hash);
    memcpy(answer.hash, hash.data, damaged ? 0 : sizeof(answer.hash));
    answer.created_ticks = sqlite3_column_int64(query.stmt, 1);
    copied = jg_sqlite_column_copy(&query, 2, arena, &answer.bytes);
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (damaged) {
    return jg_sqlite_damaged(self);
  }
  if (!found) {
    return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such request");
  }
  if (!copied) {
    return jg_sqlite_arena_full();
  }
  *ret_answer = answer;
  return JG_STATUS_OK;
}

static struct jg_status expire(struct jg_sqlite_txn *txn, int64_t expired_ticks) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_ANSWER_EXPIRE);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, expired_ticks);
  jg_sqlite_bind_i64(&query, 3, EXPIRED_ROWS_MAX);
  (void)jg_sqlite_query_step(&query);  // the end tells
  return jg_sqlite_query_end(&query);
}

struct jg_status jg_sqlite_answer_put(struct jg_txn *txn, struct jg_uuid request_id,
                                      const struct jg_kept_answer *answer, int64_t expired_ticks) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_ANSWER_PUT);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_uuid(&query, 2, &request_id);
  jg_sqlite_bind_i64(&query, 3, answer->created_ticks);
  jg_sqlite_bind_blob(&query, 4, jg_str_make((const char *)answer->hash, sizeof(answer->hash)));
  jg_sqlite_bind_blob(&query, 5, answer->bytes);
  (void)jg_sqlite_query_step(&query);  // the end tells
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  return expire(self, expired_ticks);
}
