#include "storage/sqlite/sqlite_internal.h"

void jg_sqlite_txn_init(struct jg_sqlite_txn *txn, struct jg_sqlite_conn *conn, int64_t tenant) {
  *txn = (struct jg_sqlite_txn){
      .base = {JG_TXN_MAGIC, &jg_sqlite_ops},
      .conn = conn,
      .clock = conn->clock,
      .tenant = tenant,
      .failure = JG_STATUS_OK,
  };
}

/* False: the deadline has passed. Short statements end before SQLite asks for it; many of them in one read must meet it too
 * (R8). */
static bool begin(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn) {
  *query = (struct jg_sqlite_query){.txn = txn, .rc = SQLITE_OK};
  int64_t deadline_ns = txn->conn->deadline_ns;
  if (deadline_ns != 0 && jg_clock_mono_ns(txn->clock) >= deadline_ns) {
    query->rc = SQLITE_INTERRUPT;
  }
  return query->rc == SQLITE_OK;
}

void jg_sqlite_query_begin(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn, enum jg_sqlite_statement id) {
  if (begin(query, txn)) {
    query->rc = jg_sqlite_conn_prepare(txn->conn, id, &query->stmt);
  }
}

void jg_sqlite_query_begin_text(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn, struct jg_str sql) {
  if (begin(query, txn)) {
    query->once = true;
    query->rc = sqlite3_prepare_v3(txn->conn->db, sql.data, (int)sql.len, 0, &query->stmt, NULL);
  }
}

void jg_sqlite_bind_i64(struct jg_sqlite_query *query, int index, int64_t value) {
  if (query->rc == SQLITE_OK) {
    query->rc = sqlite3_bind_int64(query->stmt, index, value);
  }
}

void jg_sqlite_bind_real(struct jg_sqlite_query *query, int index, double value) {
  if (query->rc == SQLITE_OK) {
    query->rc = sqlite3_bind_double(query->stmt, index, value);
  }
}

// A NULL pointer would bind NULL instead of an empty value.
static const char *not_null(struct jg_str s) {
  return s.data != NULL ? s.data : "";
}

void jg_sqlite_bind_text(struct jg_sqlite_query *query, int index, struct jg_str text) {
  if (query->rc == SQLITE_OK) {
    query->rc = sqlite3_bind_text64(query->stmt, index, not_null(text), text.len, SQLITE_STATIC, SQLITE_UTF8);
  }
}

void jg_sqlite_bind_blob(struct jg_sqlite_query *query, int index, struct jg_str blob) {
  if (query->rc == SQLITE_OK) {
    query->rc = sqlite3_bind_blob64(query->stmt, index, not_null(blob), blob.len, SQLITE_STATIC);
  }
}

void jg_sqlite_bind_uuid(struct jg_sqlite_query *query, int index, const struct jg_uuid *uuid) {
  jg_sqlite_bind_blob(query, index, jg_str_make((const char *)uuid->bytes, sizeof(uuid->bytes)));
}

bool jg_sqlite_query_step(struct jg_sqlite_query *query) {
  if (query->rc != SQLITE_OK) {
    return false;
  }
  int rc = sqlite3_step(query->stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
    query->rc = rc;
  }
  return rc == SQLITE_ROW;
}

struct jg_status jg_sqlite_query_end(struct jg_sqlite_query *query) {
  if (query->stmt != NULL) {
    (void)(query->once ? sqlite3_finalize : sqlite3_reset)(query->stmt);  // repeats the step's error
    query->stmt = NULL;
  }
  struct jg_status status = jg_sqlite_status(query->rc);
  // An inline read has no deadline: it met the bound on its work, and belongs to the readers.
  if (query->rc == SQLITE_INTERRUPT && query->txn->conn->role == JG_SQLITE_INLINE) {
    status = jg_sqlite_not_at_once();
  }
  if (!jg_status_ok(status) && (query->rc & 0xff) != SQLITE_CONSTRAINT && jg_status_ok(query->txn->failure)) {
    query->txn->failure = status;
  }
  return status;
}

struct jg_str jg_sqlite_column_str(struct jg_sqlite_query *query, int column) {
  const char *data = sqlite3_column_blob(query->stmt, column);
  return jg_str_make(data != NULL ? data : "", (size_t)sqlite3_column_bytes(query->stmt, column));
}

bool jg_sqlite_column_copy(struct jg_sqlite_query *query, int column, struct jg_arena *arena,
                           struct jg_str *ret_bytes) {
  struct jg_str bytes = jg_arena_str(arena, jg_sqlite_column_str(query, column));
  if (bytes.data == NULL) {
    return false;
  }
  *ret_bytes = bytes;
  return true;
}

bool jg_sqlite_column_uuid(struct jg_sqlite_query *query, int column, struct jg_uuid *ret_uuid) {
  struct jg_str bytes = jg_sqlite_column_str(query, column);
  if (bytes.len != sizeof(ret_uuid->bytes)) {
    return false;
  }
  memcpy(ret_uuid->bytes, bytes.data, bytes.len);
  return true;
}

struct jg_status jg_sqlite_arena_full(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the result is larger than the call's memory");
}

struct jg_status jg_sqlite_not_at_once(void) {
  return jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "this read does not end at once");
}

struct jg_status jg_sqlite_damaged(struct jg_sqlite_txn *txn) {
  txn->failure = jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the record is damaged");
  return txn->failure;
}
