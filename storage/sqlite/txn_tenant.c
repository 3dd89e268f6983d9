/* A tenant: its counters, its stamps, and how it is made. */
#include "proto/codec/wire.h"
#include "storage/sqlite/sqlite_internal.h"

/* id, code and name of a job status: far below. */
#define STATUS_PAYLOAD_BYTES_MAX 1024

static struct jg_status no_tenant(void) {
  return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "the record has no such tenant");
}

struct jg_status jg_sqlite_counters_load(struct jg_sqlite_txn *txn, int64_t tenant,
                                         struct jg_sqlite_counters *ret_counters) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_TENANT_STATE);
  jg_sqlite_bind_i64(&query, 1, tenant);
  bool found = jg_sqlite_query_step(&query);
  struct jg_sqlite_counters counters = {.tenant = tenant};
  bool damaged = false;
  if (found) {
    struct jg_str epoch = jg_sqlite_column_str(&query, 0);
    damaged = epoch.len != sizeof(counters.epoch);
    if (!damaged) {
      memcpy(counters.epoch, epoch.data, sizeof(counters.epoch));
    }
    counters.revision = counters.committed_revision = sqlite3_column_int64(query.stmt, 1);
    counters.entity_revision = sqlite3_column_int64(query.stmt, 2);
    counters.oldest_revision = sqlite3_column_int64(query.stmt, 3);
    counters.last_stamp = sqlite3_column_int64(query.stmt, 4);
    counters.id2_last = sqlite3_column_int64(query.stmt, 5);
    counters.log_bytes = sqlite3_column_int64(query.stmt, 6);
    counters.trimmed_ticks = sqlite3_column_int64(query.stmt, 7);
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (damaged) {
    return jg_sqlite_damaged(txn);
  }
  if (!found) {
    return no_tenant();
  }
  *ret_counters = counters;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_counters_store(struct jg_sqlite_txn *txn, const struct jg_sqlite_counters *counters) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_TENANT_UPDATE);
  jg_sqlite_bind_i64(&query, 1, counters->tenant);
  jg_sqlite_bind_i64(&query, 2, counters->revision);
  jg_sqlite_bind_i64(&query, 3, counters->entity_revision);
  jg_sqlite_bind_i64(&query, 4, counters->last_stamp);
  jg_sqlite_bind_i64(&query, 5, counters->id2_last);
  jg_sqlite_bind_i64(&query, 6, counters->oldest_revision);
  jg_sqlite_bind_i64(&query, 7, counters->log_bytes);
  jg_sqlite_bind_i64(&query, 8, counters->trimmed_ticks);
  (void)jg_sqlite_query_step(&query);  // the end tells
  return jg_sqlite_query_end(&query);
}

struct jg_status jg_sqlite_tenant_state(struct jg_txn *txn, struct jg_arena *arena, struct jg_tenant_state *ret_state) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_counters loaded;
  const struct jg_sqlite_counters *counters = self->counters;
  if (counters == NULL) {
    JG_RETURN_IF_ERROR(jg_sqlite_counters_load(self, self->tenant, &loaded));
    counters = &loaded;
  }
  struct jg_str epoch = jg_arena_str(arena, jg_str_make(counters->epoch, sizeof(counters->epoch)));
  if (epoch.data == NULL) {
    return jg_sqlite_arena_full();
  }
  *ret_state = (struct jg_tenant_state){
      .epoch = epoch,
      .revision = counters->revision,
      .entity_revision = counters->entity_revision,
      .oldest_revision = counters->oldest_revision,
      .log_bytes = counters->log_bytes,
      .id2_last = counters->id2_last,
      .committed_revision = counters->committed_revision,
      .undone = self->counters != NULL ? self->conn->undone : 0,
  };
  return JG_STATUS_OK;
}

int64_t jg_sqlite_stamp(struct jg_txn *txn, int64_t job_modified_ticks) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  int64_t stamp = jg_clock_now_ticks(self->clock);
  if (stamp <= self->counters->last_stamp) {
    stamp = self->counters->last_stamp + 1;
  }
  self->counters->last_stamp = stamp;
  // The job's own time comes from an import, maybe from far ahead: it must not drag the whole tenant along (R9).
  return stamp <= job_modified_ticks ? job_modified_ticks + 1 : stamp;
}

struct jg_status jg_sqlite_id2_next(struct jg_txn *txn, int32_t *ret_id2) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  if (self->counters->id2_last >= INT32_MAX) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the tenant has used every id2");
  }
  self->counters->dirty = true;
  *ret_id2 = (int32_t)++self->counters->id2_last;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_id2_raise(struct jg_txn *txn, int32_t id2) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  if (id2 > self->counters->id2_last) {
    self->counters->id2_last = id2;
    self->counters->dirty = true;
  }
  return JG_STATUS_OK;
}

void jg_sqlite_set_trace(struct jg_txn *txn, struct jg_str traceparent) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  // The last record is written after run returned, so it is copied. A text longer than any version's is dropped.
  self->trace_len = traceparent.len <= sizeof(self->trace) ? traceparent.len : 0;
  if (self->trace_len > 0) {
    memcpy(self->trace, traceparent.data, self->trace_len);
  }
}

struct jg_status jg_sqlite_tenant_find(struct jg_sqlite_txn *txn, struct jg_str name, int64_t *ret_tenant) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_TENANT_BY_NAME);
  jg_sqlite_bind_text(&query, 1, name);
  bool found = jg_sqlite_query_step(&query);
  int64_t tenant = found ? sqlite3_column_int64(query.stmt, 0) : 0;
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (!found) {
    return no_tenant();
  }
  *ret_tenant = tenant;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_tenant_after(struct jg_sqlite_txn *txn, struct jg_str after, struct jg_arena *arena,
                                        struct jg_str *ret_name, int64_t *ret_tenant) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_TENANT_AFTER);
  jg_sqlite_bind_text(&query, 1, after);
  struct jg_str name = JG_STR_NONE;
  bool found = jg_sqlite_query_step(&query);
  int64_t tenant = found ? sqlite3_column_int64(query.stmt, 0) : 0;
  bool copied = !found || jg_sqlite_column_copy(&query, 1, arena, &name);
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (!found) {
    return no_tenant();
  }
  if (!copied) {
    return jg_sqlite_arena_full();
  }
  *ret_name = name;
  *ret_tenant = tenant;
  return JG_STATUS_OK;
}

/* One of the published statuses, as an entity that no revision made: the log begins with the tenant's first change. */
static struct jg_status seed_status(struct jg_sqlite_txn *txn, int64_t tenant, const struct jg_status_row *row,
                                    struct jg_buf *payload) {
  struct jg_uuid id;
  JG_ASSERT(jg_uuid_parse(row->id, &id));
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB_STATUS);
  jg_buf_clear(payload);
  jg_wire_put_bytes(payload, entity->members[entity->id_member].number, row->id);
  jg_wire_put_bytes(payload, entity->members[entity->key_member].number, row->code);
  const struct jg_member *name = jg_entity_member(entity, JG_STR("name"));
  JG_ASSERT(name != NULL && name->number > entity->members[entity->key_member].number);
  jg_wire_put_bytes(payload, name->number, row->name);
  JG_ASSERT(!payload->failed);

  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_ENTITY_INSERT);
  jg_sqlite_bind_i64(&query, 1, tenant);
  jg_sqlite_bind_i64(&query, 2, JG_KIND_JOB_STATUS);
  jg_sqlite_bind_uuid(&query, 3, &id);
  jg_sqlite_bind_text(&query, 4, row->code);
  jg_sqlite_bind_i64(&query, 5, 0);
  jg_sqlite_bind_blob(&query, 6, jg_buf_str(payload));
  jg_sqlite_bind_i64(&query, 7, 0);
  (void)jg_sqlite_query_step(&query);  // the end tells
  return jg_sqlite_query_end(&query);
}

struct jg_status jg_sqlite_tenant_make(struct jg_sqlite_txn *txn, struct jg_str name, int64_t *ret_tenant) {
  struct jg_status status = jg_sqlite_tenant_find(txn, name, ret_tenant);
  if (status.code != JG_NOT_FOUND) {
    return status;
  }
  char epoch[JG_UUID_TEXT_LEN];
  jg_uuid_format(jg_uuid_new(txn->clock), epoch);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_TENANT_INSERT);
  jg_sqlite_bind_text(&query, 1, name);
  jg_sqlite_bind_text(&query, 2, jg_str_make(epoch, sizeof(epoch)));
  (void)jg_sqlite_query_step(&query);  // the end tells
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  int64_t tenant = sqlite3_last_insert_rowid(txn->conn->db);

  struct jg_buf payload;
  jg_buf_init(&payload, STATUS_PAYLOAD_BYTES_MAX);
  status = JG_STATUS_OK;
  for (size_t i = 0; i < JG_STATUS_ROW_COUNT && jg_status_ok(status); i++) {
    status = seed_status(txn, tenant, &jg_status_rows[i], &payload);
  }
  jg_buf_done(&payload);
  JG_RETURN_IF_ERROR(status);
  *ret_tenant = tenant;
  return JG_STATUS_OK;
}
