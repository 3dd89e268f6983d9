/* Pages of jobs: those without a filter by statements of their own, prepared once; the others by filter_sql.h. */
#include "storage/sqlite/filter_sql.h"
#include "storage/sqlite/sqlite_internal.h"

/* ---- without a filter ---- */

/* A place between rows. Blobs compare by bytes, a shorter one first: the empty id stands before every GUID, 17 bytes of 0xff
 * behind every one. */
struct place {
  struct jg_str id;
  int64_t modified_ticks;
};

#define BEHIND_EVERY_ID JG_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")

static struct place place_first(const struct jg_job_query *wanted) {
  if (wanted->has_after) {
    return (struct place){jg_str_make((const char *)wanted->after_id.bytes, sizeof(wanted->after_id.bytes)),
                          wanted->after_modified_ticks};
  }
  return wanted->descending ? (struct place){BEHIND_EVERY_ID, INT64_MAX} : (struct place){JG_STR(""), INT64_MIN};
}

static void begin_page(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn, enum jg_sqlite_statement first,
                       const struct jg_job_query *wanted, const struct place *after) {
  enum jg_sqlite_statement statement =
      first + (wanted->order == JG_ORDER_MODIFIED ? 2u : 0u) + (wanted->descending ? 1u : 0u);
  jg_sqlite_query_begin(query, txn, statement);
  jg_sqlite_bind_i64(query, 1, txn->tenant);
  jg_sqlite_bind_blob(query, 2, after->id);
  jg_sqlite_bind_i64(query, 3, after->modified_ticks);
}

/* Moves the place over the rows to skip, in the covering index alone: no payload is read. False in *ret_left if none is left. */
static struct jg_status skip(struct jg_sqlite_txn *txn, const struct jg_job_query *wanted, struct place *place,
                             struct jg_uuid *id, bool *ret_left) {
  struct jg_sqlite_query query;
  begin_page(&query, txn, JG_SQLITE_JOB_SKIP_ID, wanted, place);
  jg_sqlite_bind_i64(&query, 4, 1);
  jg_sqlite_bind_i64(&query, 5, wanted->skip - 1);
  bool found = jg_sqlite_query_step(&query);
  bool damaged = found && !jg_sqlite_column_uuid(&query, 0, id);
  int64_t modified_ticks = found ? sqlite3_column_int64(query.stmt, 1) : 0;
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  if (damaged) {
    return jg_sqlite_damaged(txn);
  }
  if (found) {
    *place = (struct place){jg_str_make((const char *)id->bytes, sizeof(id->bytes)), modified_ticks};
  }
  *ret_left = found;
  return JG_STATUS_OK;
}

#define ROWS_FIRST 64

/* Rows in the arena, growing; limit is only an upper bound. */
static struct jg_job_row *grow(struct jg_arena *arena, struct jg_job_row *rows, size_t count, size_t *capacity) {
  if (count < *capacity) {
    return rows;
  }
  size_t wanted = *capacity == 0 ? ROWS_FIRST : *capacity * 2;
  struct jg_job_row *grown = jg_arena_alloc(arena, wanted * sizeof(*grown));
  if (grown == NULL) {
    return NULL;
  }
  if (count > 0) {
    memcpy(grown, rows, count * sizeof(*grown));
  }
  *capacity = wanted;
  return grown;
}

static struct jg_status read_page(struct jg_sqlite_query *query, const struct jg_job_query *wanted,
                                  struct jg_arena *arena, struct jg_job_rows *page) {
  struct jg_status status = JG_STATUS_OK;
  size_t capacity = 0, bytes = 0;
  bool full = false;
  // One step beyond a full page tells whether more is left; its payload is not touched.
  while (jg_status_ok(status) && jg_sqlite_query_step(query)) {
    if (full) {
      page->more = true;
      break;
    }
    struct jg_job_row *rows = grow(arena, page->rows, page->count, &capacity);
    if (rows == NULL) {
      status = jg_sqlite_arena_full();
      break;
    }
    page->rows = rows;
    status = jg_sqlite_job_row(query, arena, &rows[page->count]);
    if (jg_status_ok(status)) {
      bytes += rows[page->count].payload.len;
      page->count++;
    }
    full = page->count >= (uint64_t)wanted->limit || bytes >= wanted->bytes_max;
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(query));
  return status;
}

static struct jg_status list_all(struct jg_sqlite_txn *txn, const struct jg_job_query *query, struct jg_arena *arena,
                                 struct jg_job_rows *page) {
  struct place after = place_first(query);
  struct jg_uuid id;
  if (query->skip > 0) {
    bool left = false;
    JG_RETURN_IF_ERROR(skip(txn, query, &after, &id, &left));
    if (!left) {
      return JG_STATUS_OK;
    }
  }
  struct jg_sqlite_query rows;
  begin_page(&rows, txn, JG_SQLITE_JOB_PAGE_ID, query, &after);
  jg_sqlite_bind_i64(&rows, 4, query->limit < INT64_MAX ? query->limit + 1 : query->limit);
  return read_page(&rows, query, arena, page);
}

/* ---- with a filter, or other orders ---- */

static void bind_key(struct jg_sqlite_query *query, int index, const struct jg_job_key *value) {
  switch (value->type) {
    case JG_VALUE_NULL:
    case JG_VALUE_COLLECTION:
      break;  // parameters are null until they are bound
    case JG_VALUE_STRING:
      jg_sqlite_bind_text(query, index, value->string);
      break;
    case JG_VALUE_GUID:
      jg_sqlite_bind_uuid(query, index, &value->uuid);
      break;
    case JG_VALUE_DECIMAL:
      jg_sqlite_bind_real(query, index, value->decimal);
      break;
    case JG_VALUE_BOOL:
    case JG_VALUE_INTEGER:
    case JG_VALUE_DATETIME:
    case JG_VALUE_DATE:
    case JG_VALUE_TIMEOFDAY:
      jg_sqlite_bind_i64(query, index, value->integer);
      break;
  }
}

void jg_sqlite_query_begin_sql(struct jg_sqlite_query *query, struct jg_sqlite_txn *txn,
                               const struct jg_sqlite_sql *sql) {
  jg_sqlite_query_begin_text(query, txn, sql->text);
  jg_sqlite_bind_i64(query, JG_SQLITE_BIND_TENANT, txn->tenant);
  for (size_t i = 0; i < sql->bind_count; i++) {
    const struct jg_sqlite_bind *bind = &sql->binds[i];
    int index = JG_SQLITE_BIND_FROM + (int)i;
    if (bind->program == NULL) {
      bind_key(query, index, &bind->value);
    } else if (query->rc == SQLITE_OK) {
      query->rc = sqlite3_bind_pointer(query->stmt, index, bind->program, JG_SQLITE_PROGRAM_POINTER, NULL);
    }
  }
}

static struct jg_status count_rows(struct jg_sqlite_txn *txn, const struct jg_job_query *wanted, struct jg_arena *arena,
                                   struct jg_arena *scratch, int64_t *ret_total) {
  struct jg_sqlite_sql sql;
  JG_RETURN_IF_ERROR(jg_sqlite_count_sql(wanted, arena, scratch, &sql));
  struct jg_sqlite_query query;
  jg_sqlite_query_begin_sql(&query, txn, &sql);
  int64_t total = jg_sqlite_query_step(&query) ? sqlite3_column_int64(query.stmt, 0) : 0;
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_total = total;
  return JG_STATUS_OK;
}

/* Counts no further than it has to. */
static struct jg_status count_dates(struct jg_sqlite_txn *txn, const struct jg_job_query *wanted,
                                    struct jg_arena *arena, enum jg_sqlite_dates *ret_dates) {
  struct jg_sqlite_sql sql;
  int64_t few_max = 0;
  JG_RETURN_IF_ERROR(jg_sqlite_dates_sql(wanted, arena, &sql, &few_max));
  if (few_max == 0) {
    *ret_dates = JG_SQLITE_DATES_UNKNOWN;
    return JG_STATUS_OK;
  }
  struct jg_sqlite_query query;
  jg_sqlite_query_begin_sql(&query, txn, &sql);
  jg_sqlite_bind_i64(&query, JG_SQLITE_BIND_LIMIT, few_max);
  int64_t count = jg_sqlite_query_step(&query) ? sqlite3_column_int64(query.stmt, 0) : 0;
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  *ret_dates = count < few_max ? JG_SQLITE_DATES_FEW : JG_SQLITE_DATES_MANY;
  return JG_STATUS_OK;
}

/* The value of a key in the row under the query. */
static struct jg_status read_key(struct jg_sqlite_query *query, int column, enum jg_filter_type type,
                                 struct jg_arena *arena, struct jg_job_key *ret_key) {
  struct jg_job_key key = {.type = type};
  if (sqlite3_column_type(query->stmt, column) == SQLITE_NULL) {
    key.type = JG_VALUE_NULL;
  } else if (type == JG_VALUE_STRING) {
    if (!jg_sqlite_column_copy(query, column, arena, &key.string)) {
      return jg_sqlite_arena_full();
    }
  } else if (type == JG_VALUE_GUID) {
    if (!jg_sqlite_column_uuid(query, column, &key.uuid)) {
      return jg_sqlite_damaged(query->txn);
    }
  } else if (type == JG_VALUE_DECIMAL) {
    key.decimal = sqlite3_column_double(query->stmt, column) + 0.0;  // there is one zero
  } else {
    key.integer = sqlite3_column_int64(query->stmt, column);
  }
  *ret_key = key;
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_job_of(struct jg_sqlite_txn *txn, int64_t rid, struct jg_arena *arena,
                                  struct jg_job_row *ret_row) {
  struct jg_sqlite_query query;
  jg_sqlite_query_begin(&query, txn, JG_SQLITE_JOB_BY_RID);
  jg_sqlite_bind_i64(&query, 1, txn->tenant);
  jg_sqlite_bind_i64(&query, 2, rid);
  struct jg_status status = jg_sqlite_query_step(&query) ? jg_sqlite_job_row(&query, arena, ret_row)
                                                         : jg_sqlite_damaged(txn);  // an index without its row
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&query));
  return status;
}

/* The payload is read only now, so that a sort never carries it. */
struct jg_status jg_sqlite_job_found(struct jg_sqlite_query *list, struct jg_arena *arena, struct jg_job_row *ret_row) {
  return jg_sqlite_job_of(list->txn, sqlite3_column_int64(list->stmt, JG_SQLITE_LIST_RID), arena, ret_row);
}

struct growth {
  size_t rows, keys; /* capacities */
  size_t bytes;      /* of what the page holds */
};

static struct jg_job_key *grow_keys(struct jg_arena *arena, const struct jg_job_rows *page, size_t order_count,
                                    size_t *capacity) {
  size_t count = page->count * order_count;
  if (count + order_count <= *capacity) {
    return page->keys;
  }
  size_t wanted = *capacity == 0 ? ROWS_FIRST * order_count : *capacity * 2;
  struct jg_job_key *grown = jg_arena_alloc(arena, wanted * sizeof(*grown));
  if (grown != NULL && count > 0) {
    memcpy(grown, page->keys, count * sizeof(*grown));
  }
  *capacity = wanted;
  return grown;
}

static struct jg_status add_found(struct jg_sqlite_query *list, const struct jg_job_query *wanted,
                                  struct jg_arena *arena, struct jg_job_rows *page, struct growth *growth) {
  struct jg_job_row *rows = grow(arena, page->rows, page->count, &growth->rows);
  if (rows == NULL) {
    return jg_sqlite_arena_full();
  }
  page->rows = rows;
  if (wanted->order_count > 0) {
    struct jg_job_key *keys = grow_keys(arena, page, wanted->order_count, &growth->keys);
    if (keys == NULL) {
      return jg_sqlite_arena_full();
    }
    page->keys = keys;
  }
  for (size_t i = 0; i < wanted->order_count; i++) {
    struct jg_job_key *key = &page->keys[page->count * wanted->order_count + i];
    JG_RETURN_IF_ERROR(read_key(list, JG_SQLITE_LIST_KEYS + (int)i, wanted->orders[i].key->type, arena, key));
    growth->bytes += key->string.len;
  }
  JG_RETURN_IF_ERROR(jg_sqlite_job_found(list, arena, &rows[page->count]));
  growth->bytes += rows[page->count].payload.len;
  page->count++;
  return JG_STATUS_OK;
}

static struct jg_status list_found(struct jg_sqlite_txn *txn, const struct jg_job_query *wanted, struct jg_arena *arena,
                                   struct jg_arena *scratch, struct jg_job_rows *page) {
  enum jg_sqlite_dates dates = JG_SQLITE_DATES_UNKNOWN;
  JG_RETURN_IF_ERROR(count_dates(txn, wanted, arena, &dates));
  struct jg_sqlite_sql sql;
  JG_RETURN_IF_ERROR(jg_sqlite_list_sql(wanted, dates, arena, scratch, &sql));
  struct jg_sqlite_query list;
  jg_sqlite_query_begin_sql(&list, txn, &sql);
  jg_sqlite_bind_i64(&list, JG_SQLITE_BIND_LIMIT, wanted->limit < INT64_MAX ? wanted->limit + 1 : wanted->limit);
  jg_sqlite_bind_i64(&list, JG_SQLITE_BIND_SKIP, wanted->skip);
  struct growth growth = {0};
  struct jg_status status = JG_STATUS_OK;
  bool full = false;
  while (jg_status_ok(status) && jg_sqlite_query_step(&list)) {
    if (full) {
      page->more = true;
      break;
    }
    status = add_found(&list, wanted, arena, page, &growth);
    full = page->count >= (uint64_t)wanted->limit || growth.bytes >= wanted->bytes_max;
  }
  JG_RETURN_IF_ERROR(jg_sqlite_query_end(&list));
  return status;
}

/* ---- all ---- */

struct jg_status jg_sqlite_job_list(struct jg_txn *txn, const struct jg_job_query *query, struct jg_arena *arena,
                                    struct jg_job_rows *ret_rows) {
  struct jg_sqlite_txn *self = jg_sqlite_txn(txn);
  if (self->conn->role == JG_SQLITE_INLINE) {
    return jg_sqlite_not_at_once();
  }
  struct jg_job_rows page = {0};
  struct jg_arena scratch;
  jg_arena_init(&scratch, JG_SQLITE_SCRATCH_BYTES_MAX);
  struct jg_status status = query->filter == NULL && query->order_count == 0
                                ? list_all(self, query, arena, &page)
                                : list_found(self, query, arena, &scratch, &page);
  if (jg_status_ok(status) && query->count) {
    status = count_rows(self, query, arena, &scratch, &page.total);
  }
  jg_arena_done(&scratch);
  JG_RETURN_IF_ERROR(status);
  *ret_rows = page;
  return JG_STATUS_OK;
}
