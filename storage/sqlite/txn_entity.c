/* Embedded entities, and the edges by which a change raises tree_revision of what embeds them (C1). */
#include "proto/codec/wire.h"
#include "storage/sqlite/sqlite_internal.h"

static struct jg_status no_entity(void) {
  return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such entity");
}

/* ---- reads ---- */

struct jg_status jg_sqlite_entity_row(struct jg_sqlite_query *query, struct jg_arena *arena,
                                      struct jg_entity_row *ret_row) {
  struct jg_entity_row row = {
      .kind = (enum jg_kind)sqlite3_column_int64(query->stmt, 0),
      .revision = sqlite3_column_int64(query->stmt, 3),
      .tree_revision = sqlite3_column_int64(query->stmt, 4),
  };
  if (!jg_sqlite_column_uuid(query, 1, &row.id)) {
    return jg_sqlite_damaged(query->txn);
  }
  if (!jg_sqlite_column_copy(query, 2, arena, &row.key) || !jg_sqlite_column_copy(query, 5, arena, &row.payload)) {
    return jg_sqlite_arena_full();
  }
  *ret_row = row;
  return JG_STATUS_OK;
}

static struct jg_status read_one(struct jg_sqlite_query *query, struct jg_arena *arena, struct jg_entity_row *ret_row) {
  struct jg_entity_row row;
  struct jg_status status = jg_sqlite_query_step(query) ? jg_sqlite_entity_row(query, arena, &row) : no_entity();
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(query));
  JG_RETURN_IF_ERROR(status);
  *ret_row = row;
  return JG_STATUS_OK;
}

/* Binds ?1 to ?3: tenant, kind, id. */
static void begin(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn, enum jg_sqlite_statement statement,
                  enum jg_kind kind, const struct jg_uuid *id) {
  jg_sqlite_query_begin(query, txn, statement);
  jg_sqlite_bind_i64(query, 1, txn->tenant);
  jg_sqlite_bind_i64(query, 2, kind);
  jg_sqlite_bind_uuid(query, 3, id);
}

struct jg_status jg_sqlite_entity_get(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id, struct jg_arena *arena,
                                      struct jg_entity_row *ret_row) {
  struct jg_sqlite_query query;
  begin(&query, jg_sqlite_txn(txn), JG_SQLITE_ENTITY_GET, kind, &id);
  return read_one(&query, arena, ret_row);
}

struct jg_status jg_sqlite_entity_find(struct jg_txn *txn, enum jg_kind kind, struct jg_str key, struct jg_arena *arena,
                                       struct jg_entity_row *ret_row) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_ENTITY_FIND);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_i64(&query, 2, kind);
  jg_sqlite_bind_text(&query, 3, key);
  return read_one(&query, arena, ret_row);
}

/* The member's value in the payload; 0 if it is not there. */
static int32_t sequence_of(const struct jg_member *member, struct jg_str payload) {
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  int32_t value = 0;
  jg_wire_reader_init(&reader, payload);
  while (jg_wire_next(&reader, &field)) {
    value = field.number == member->number ? (int32_t)(uint32_t)field.value : value;
  }
  return value;
}

struct jg_status jg_sqlite_entity_default(struct jg_txn *txn, enum jg_kind kind, struct jg_arena *arena,
                                          struct jg_entity_row *ret_row) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  const struct jg_member *member = jg_entity_member(jg_entity(kind), JG_STR("sequence"));
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, self, JG_SQLITE_ENTITY_DEFAULTS);
  jg_sqlite_bind_i64(&query, 1, self->tenant);
  jg_sqlite_bind_i64(&query, 2, kind);
  struct jg_entity_row best, row;
  struct jg_status status = no_entity();
  int64_t least = INT64_MAX;
  // In the order of ids, and few: a kind has one default, or one for each sales organization.
  while (jg_sqlite_query_step(&query)) {
    struct jg_status read = jg_sqlite_entity_row(&query, arena, &row);
    int32_t sequence = jg_status_ok(read) && member != NULL ? sequence_of(member, row.payload) : 0;
    if (!jg_status_ok(read)) {
      status = read;
      break;
    }
    if (sequence < least) {
      least = sequence;
      best = row;
      status = JG_STATUS_OK;
    }
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  JG_RETURN_IF_ERROR(status);
  *ret_row = best;
  return JG_STATUS_OK;
}

static struct jg_status head(struct jg_sqlite_txn *txn, enum jg_kind kind, const struct jg_uuid *id,
                             int64_t *ret_tree_revision) {
  struct jg_sqlite_query query;
  begin(&query, txn, JG_SQLITE_ENTITY_HEAD, kind, id);
  bool found = jg_sqlite_query_step(&query);
  int64_t tree_revision = found ? sqlite3_column_int64(query.stmt, 0) : 0;
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (!found) {
    return no_entity();
  }
  *ret_tree_revision = tree_revision;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_entity_head(struct jg_txn *txn, enum jg_kind kind, struct jg_uuid id,
                                       int64_t *ret_tree_revision) {
  return head(jg_sqlite_txn(txn), kind, &id, ret_tree_revision);
}

/* ---- writes ---- */

static bool embeds(const struct jg_entity_put *put, enum jg_kind kind, const struct jg_uuid *id) {
  for (size_t i = 0; i < put->embed_count; i++) {
    if (put->embeds[i].kind == kind && jg_uuid_equal(put->embeds[i].id, *id)) {
      return true;
    }
  }
  return false;
}

/* Distinct ones: a caller may name the same entity twice, for two of its members. */
static size_t embed_count(const struct jg_entity_put *put) {
  size_t count = 0;
  for (size_t i = 0; i < put->embed_count; i++) {
    const struct jg_entity_put before = {.embeds = put->embeds, .embed_count = i};
    count += !embeds(&before, put->embeds[i].kind, &put->embeds[i].id);
  }
  return count;
}

/* Whether the edges that are stored are the ones wanted: they seldom change, and then nothing is written. */
static struct jg_status edges_same(struct jg_sqlite_txn *txn, const struct jg_entity_put *put, bool *ret_same) {
  struct jg_sqlite_query query;
  begin(&query, txn, JG_SQLITE_EDGES_OF, put->kind, &put->id);
  size_t count = 0;
  bool same = true, damaged = false;
  while (same && jg_sqlite_query_step(&query)) {
    enum jg_kind kind = (enum jg_kind)sqlite3_column_int64(query.stmt, 0);
    struct jg_uuid id;
    damaged = !jg_sqlite_column_uuid(&query, 1, &id);
    same = !damaged && embeds(put, kind, &id);
    count++;
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (damaged) {
    return jg_sqlite_damaged(txn);
  }
  *ret_same = same && count == embed_count(put);
  return JG_STATUS_OK;
}

static struct jg_status put_edges(struct jg_sqlite_txn *txn, const struct jg_entity_put *put) {
  struct jg_sqlite_query query;
  if (!put->create) {
    bool same = false;
    JG_RETURN_IF_ERROR(edges_same(txn, put, &same));
    if (same) {
      return JG_STATUS_OK;
    }
    begin(&query, txn, JG_SQLITE_EDGES_DELETE, put->kind, &put->id);
    (void)jg_sqlite_query_step(&query);  // the end tells
    JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  }
  for (size_t i = 0; i < put->embed_count; i++) {
    begin(&query, txn, JG_SQLITE_EDGE_INSERT, put->kind, &put->id);
    jg_sqlite_bind_i64(&query, 4, put->embeds[i].kind);
    jg_sqlite_bind_uuid(&query, 5, &put->embeds[i].id);
    (void)jg_sqlite_query_step(&query);  // the end tells
    JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  }
  return JG_STATUS_OK;
}

static struct jg_status put_row(struct jg_sqlite_txn *txn, const struct jg_entity_put *put, int64_t revision) {
  struct jg_sqlite_query query;
  begin(&query, txn, put->create ? JG_SQLITE_ENTITY_INSERT : JG_SQLITE_ENTITY_UPDATE, put->kind, &put->id);
  jg_sqlite_bind_text(&query, 4, put->key);
  jg_sqlite_bind_i64(&query, 5, revision);
  jg_sqlite_bind_blob(&query, 6, put->payload);
  jg_sqlite_bind_i64(&query, 7, put->is_default);
  (void)jg_sqlite_query_step(&query);  // the end tells
  struct jg_status status = jg_sqlite_query_end(&query);
  if (jg_sqlite_query_is_duplicate(&query)) {
    int64_t ignored;
    if (put->create && jg_status_ok(head(txn, put->kind, &put->id, &ignored))) {
      return jg_status_make(JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID, "an entity of this kind and id exists already");
    }
    return jg_status_make(JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, "another entity of this kind has this key");
  }
  JG_RETURN_IF_ERROR(status);
  return sqlite3_changes(txn->conn->db) == 1 ? JG_STATUS_OK : no_entity();
}

static struct jg_status raise_trees(struct jg_sqlite_txn *txn, const struct jg_entity_put *put, int64_t revision) {
  struct jg_sqlite_query query;
  begin(&query, txn, JG_SQLITE_ENTITY_RAISE, put->kind, &put->id);
  jg_sqlite_bind_i64(&query, 4, revision);
  (void)jg_sqlite_query_step(&query);  // the end tells
  return jg_sqlite_query_end(&query);
}

struct jg_status jg_sqlite_entity_put(struct jg_txn *txn, const struct jg_entity_put *put,
                                      struct jg_arena *arena JG_UNUSED, int64_t *ret_revision) {
  struct jg_sqlite_txn *self = jg_sqlite_write_txn(txn);
  int64_t revision = self->counters->revision + 1;
  JG_RETURN_IF_ERROR(put_row(self, put, revision));
  JG_RETURN_IF_ERROR(put_edges(self, put));
  // Also when it is new: whoever named it before it was there embeds it now.
  JG_RETURN_IF_ERROR(raise_trees(self, put, revision));
  JG_RETURN_IF_ERROR(jg_sqlite_log_append(self, &(struct jg_sqlite_log_add){
                                                    .revision = revision,
                                                    .commit_ticks = put->commit_ticks,
                                                    .kind = put->kind,
                                                    .change = put->create ? JG_CHANGE_CREATED : JG_CHANGE_UPDATED,
                                                    .id = &put->id,
                                                    .changed = put->changed,
                                                    .old = put->old,
                                                    .payload = put->payload,
                                                }));
  self->counters->revision = self->counters->entity_revision = revision;
  self->counters->dirty = true;
  *ret_revision = revision;
  return JG_STATUS_OK;
}
