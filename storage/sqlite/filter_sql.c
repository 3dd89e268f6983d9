#include "storage/sqlite/filter_sql.h"

#include "proto/schema/members.h"
#include "storage/sqlite/filter_sql_internal.h"

/* Some twenty joins, eight keys said up to ten times, and a filter, each with its parameters' names. */
#define SQL_BYTES_MAX ((size_t)1 << 20)

/* Jobs that a list by id finds by date and sorts: with so many of a million, going by id up to a full page costs no more. Where
 * the filter looks at more than dates each costs the look-up of its row, but going by id may then have to look at every job. */
#define FEW_BY_INDEX 20000
#define FEW_BY_ROW 10000

/* One key of the order as SQL. */
struct key {
  struct jg_str text;             /* in the arena */
  const struct jg_member *column; /* not NULL: the text is that column, never null */
  enum jg_filter_type type;
  bool descending;
};

struct order {
  struct key keys[JG_FILTER_ORDER_MAX];
  size_t count; /* of the keys that come with each row */
  size_t used;  /* of those, which order: none behind the id */
  bool id_descending;
};

static struct jg_status out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a filter is larger than the call's memory");
}

/* ---- order ---- */

static struct jg_status make_key(struct jg_sqlite_builder *builder, const struct jg_filter_order *wanted,
                                 struct key *ret_key) {
  struct jg_buf text;
  jg_buf_init(&text, SQL_BYTES_MAX);
  struct key key = {.type = wanted->key->type, .descending = wanted->descending};
  key.column = jg_sqlite_node_column(wanted->key);
  struct jg_status status = JG_STATUS_OK;
  if (key.column != NULL) {
    jg_buf_printf(&text, "j.%.*s", JG_STR_ARG(key.column->proto_name));
  } else {
    status = jg_sqlite_put_program(builder, "jg_value", wanted->key, &text);
  }
  key.text = jg_arena_str(builder->arena, jg_buf_str(&text));
  if (jg_status_ok(status) && (text.failed || key.text.data == NULL)) {
    status = out_of_arena();
  }
  jg_buf_done(&text);
  JG_RETURN_IF_ERROR(status);
  *ret_key = key;
  return JG_STATUS_OK;
}

/* `order` and `descending` as keys: none, or modified_dateutc. */
static struct jg_status make_order(struct jg_sqlite_builder *builder, const struct jg_job_query *query,
                                   struct order *order) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  *order = (struct order){.id_descending = query->descending};
  if (query->order_count == 0) {
    const struct jg_filter modified = {.kind = JG_FILTER_MEMBER,
                                       .type = JG_VALUE_DATETIME,
                                       .path = {.count = 1, .steps = {&job->members[JG_JOB_MODIFIED_DATEUTC]}}};
    const struct jg_filter_order by_modified = {.key = &modified, .descending = query->descending};
    if (query->order == JG_ORDER_MODIFIED) {
      JG_RETURN_IF_ERROR(make_key(builder, &by_modified, &order->keys[0]));
      order->used = 1;
    }
    return JG_STATUS_OK;
  }
  JG_ASSERT(query->order_count <= JG_FILTER_ORDER_MAX);
  order->used = order->count = query->order_count;
  for (size_t i = query->order_count; i-- > 0;) {
    JG_RETURN_IF_ERROR(make_key(builder, &query->orders[i], &order->keys[i]));
    if (order->keys[i].column == &job->members[JG_JOB_ID]) {
      order->used = i;
    }
  }
  size_t last = order->used < order->count ? order->used : order->count - 1;
  order->id_descending = order->keys[last].descending;
  return JG_STATUS_OK;
}

/* The value behind which a page begins. */
static struct jg_job_key after_key(const struct jg_job_query *query, size_t index) {
  if (query->order_count == 0) {
    return (struct jg_job_key){.type = JG_VALUE_DATETIME, .integer = query->after_modified_ticks};
  }
  return query->after_keys[index];
}

static bool fits(const struct jg_job_query *query, const struct order *order) {
  for (size_t i = 0; i < order->count; i++) {
    enum jg_filter_type type = query->after_keys[i].type;
    if (type != order->keys[i].type && (type != JG_VALUE_NULL || order->keys[i].column != NULL)) {
      return false;
    }
  }
  return true;
}

static const char *beyond(bool descending) {
  return descending ? "<" : ">";
}

/* All keys are columns and go one way: a comparison of rows, by which an index is entered. */
static bool is_one_row(const struct order *order) {
  for (size_t i = 0; i < order->used; i++) {
    if (order->keys[i].column == NULL || order->keys[i].descending != order->id_descending) {
      return false;
    }
  }
  return true;
}

/* A row's key lies behind the value. Nulls come first when ascending. */
static void put_beyond(const struct key *key, const struct jg_job_key *value, int parameter, struct jg_buf *out) {
  if (value->type == JG_VALUE_NULL) {
    if (key->descending) {
      jg_buf_append_char(out, '0');
    } else {
      jg_buf_printf(out, "%.*s IS NOT NULL", JG_STR_ARG(key->text));
    }
  } else if (key->descending && key->column == NULL) {
    jg_buf_printf(out, "(%.*s<?%d OR %.*s IS NULL)", JG_STR_ARG(key->text), parameter, JG_STR_ARG(key->text));
  } else {
    jg_buf_printf(out, "%.*s%s?%d", JG_STR_ARG(key->text), beyond(key->descending), parameter);
  }
}

/* In front of the id: its index is no way then. */
static const char *by_date(const struct jg_sqlite_builder *builder) {
  return builder->dates == JG_SQLITE_DATES_FEW ? "+" : "";
}

static void put_after(struct jg_sqlite_builder *builder, const struct jg_job_query *query, const struct order *order,
                      struct jg_buf *out) {
  struct jg_job_key values[JG_FILTER_ORDER_MAX];
  int parameters[JG_FILTER_ORDER_MAX];
  for (size_t i = 0; i < order->used; i++) {
    values[i] = after_key(query, i);
    parameters[i] = jg_sqlite_bind_value(builder, &values[i]);
  }
  const struct jg_job_key id_value = {.type = JG_VALUE_GUID, .uuid = query->after_id};
  int id = jg_sqlite_bind_value(builder, &id_value);
  if (is_one_row(order)) {
    jg_buf_printf(out, " AND (%s", by_date(builder));
    for (size_t i = 0; i < order->used; i++) {
      jg_buf_printf(out, "%.*s,", JG_STR_ARG(order->keys[i].text));
    }
    jg_buf_printf(out, "j.id)%s(", beyond(order->id_descending));
    for (size_t i = 0; i < order->used; i++) {
      jg_buf_printf(out, "?%d,", parameters[i]);
    }
    jg_buf_printf(out, "?%d)", id);
    return;
  }
  const struct key *first = &order->keys[0];
  if (first->column != NULL) {
    jg_buf_printf(out, " AND %.*s%s=?%d", JG_STR_ARG(first->text), beyond(first->descending), parameters[0]);
  }
  // (k0 beyond) or (k0 same and k1 beyond) or ...: flat, for the parser's stack.
  jg_buf_printf(out, " AND (");
  for (size_t i = 0; i <= order->used; i++) {
    jg_buf_printf(out, "%s", i > 0 ? " OR " : "");
    for (size_t k = 0; k < i; k++) {
      jg_buf_printf(out, "%.*s IS ?%d AND ", JG_STR_ARG(order->keys[k].text), parameters[k]);
    }
    if (i < order->used) {
      put_beyond(&order->keys[i], &values[i], parameters[i], out);
    } else {
      jg_buf_printf(out, "j.id%s?%d)", beyond(order->id_descending), id);
    }
  }
}

/* ---- statements ---- */

static void put_parent_join(size_t index, struct jg_buf *out) {
  jg_buf_printf(out, " LEFT JOIN jobs e%zu ON e%zu.tenant=?%d AND e%zu.id=j.parent_id", index, index,
                JG_SQLITE_BIND_TENANT, index);
}

static void put_joins(const struct jg_sqlite_builder *builder, struct jg_buf *out) {
  for (size_t i = 1; i < builder->joins.count; i++) {
    uint8_t parent = builder->joins.items[i].parent;
    const struct jg_relation *relation = builder->joins.items[i].relation;
    const struct jg_entity *owner = builder->joins.items[parent].entity;
    if (relation == NULL) {
      put_parent_join(i, out);
      continue;
    }
    const struct jg_member *id = &owner->members[relation->id_member];
    jg_buf_printf(out, " LEFT JOIN entities e%zu ON e%zu.tenant=?%d AND e%zu.kind=%d AND e%zu.id=", i, i,
                  JG_SQLITE_BIND_TENANT, i, relation->target, i);
    if (parent == 0) {
      JG_ASSERT((id->flags & JG_MEMBER_COLUMN) != 0);
      jg_buf_printf(out, "j.%.*s", JG_STR_ARG(id->proto_name));
    } else if (owner->kind == JG_KIND_PARENT_JOB) {
      jg_buf_printf(out, "e%d.%.*s", parent, JG_STR_ARG(id->proto_name));  // a job has columns of its relations' ids
    } else {
      jg_buf_printf(out, "jg_guid(e%d.payload,%d,%d)", parent, (int)owner->kind, id->index);
    }
  }
}

/* The filter stands among the columns: what does not match is looked at too, so that the work of a scan can be bounded. */
static struct jg_status put_scan(struct jg_sqlite_builder *builder, const struct jg_job_query *query,
                                 struct jg_buf *out) {
  JG_ASSERT(query->filter != NULL);
  JG_RETURN_IF_ERROR(jg_sqlite_put_filter(builder, query->filter));
  jg_buf_printf(out, "SELECT j.rid,(%.*s) FROM jobs j INDEXED BY jobs_by_tenant",
                JG_STR_ARG(jg_buf_str(&builder->where)));
  put_joins(builder, out);
  jg_buf_printf(out, " WHERE j.tenant=?%d AND j.rid>?%d ORDER BY j.rid LIMIT ?%d", JG_SQLITE_BIND_TENANT,
                JG_SQLITE_BIND_SKIP, JG_SQLITE_BIND_LIMIT);
  return JG_STATUS_OK;
}

static void put_where(const struct jg_sqlite_builder *builder, struct jg_buf *out) {
  jg_buf_printf(out, " FROM jobs j");
  put_joins(builder, out);
  jg_buf_printf(out, " WHERE j.tenant=?%d", JG_SQLITE_BIND_TENANT);
  if (builder->where.len > 0) {
    jg_buf_printf(out, " AND (%.*s)", JG_STR_ARG(jg_buf_str(&builder->where)));
  }
}

/* The plus keeps the rid from being the way in. */
static struct jg_status put_matches(struct jg_sqlite_builder *builder, const struct jg_job_query *query,
                                    struct jg_buf *out) {
  JG_RETURN_IF_ERROR(jg_sqlite_put_filter(builder, query->filter));
  jg_buf_printf(out, "SELECT j.rid");
  put_where(builder, out);
  jg_buf_printf(out, " AND +j.rid>?%d LIMIT ?%d", JG_SQLITE_BIND_SKIP, JG_SQLITE_BIND_LIMIT);
  return JG_STATUS_OK;
}

static struct jg_status put_list(struct jg_sqlite_builder *builder, const struct jg_job_query *query,
                                 struct jg_buf *out) {
  struct order order;
  JG_RETURN_IF_ERROR(make_order(builder, query, &order));
  if (query->has_after) {
    if (!fits(query, &order)) {
      return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN,
                            "a page begins behind a key of another order");
    }
    builder->keyset_column = order.used > 0 ? order.keys[0].column : &jg_entity(JG_KIND_JOB)->members[JG_JOB_ID];
    builder->keyset_descending = order.used > 0 ? order.keys[0].descending : order.id_descending;
  }
  if (query->filter != NULL) {
    JG_RETURN_IF_ERROR(jg_sqlite_put_filter(builder, query->filter));
  }
  jg_buf_printf(out, "SELECT j.rid,j.id");
  for (size_t i = 0; i < order.count; i++) {
    jg_buf_printf(out, ",%.*s", JG_STR_ARG(order.keys[i].text));
  }
  put_where(builder, out);
  if (query->has_after) {
    put_after(builder, query, &order, out);
  }
  jg_buf_printf(out, " ORDER BY ");
  for (size_t i = 0; i < order.used; i++) {
    jg_buf_printf(out, "%.*s%s,", JG_STR_ARG(order.keys[i].text), order.keys[i].descending ? " DESC" : "");
  }
  jg_buf_printf(out, "%sj.id%s LIMIT ?%d OFFSET ?%d", by_date(builder), order.id_descending ? " DESC" : "",
                JG_SQLITE_BIND_LIMIT, JG_SQLITE_BIND_SKIP);
  return JG_STATUS_OK;
}

static struct jg_status put_count(struct jg_sqlite_builder *builder, const struct jg_job_query *query,
                                  struct jg_buf *out) {
  if (query->filter != NULL) {
    JG_RETURN_IF_ERROR(jg_sqlite_put_filter(builder, query->filter));
  }
  jg_buf_printf(out, "SELECT count(*)");
  put_where(builder, out);
  return JG_STATUS_OK;
}

static struct jg_status make(struct jg_sqlite_builder *builder, const struct jg_job_query *query,
                             struct jg_status (*put)(struct jg_sqlite_builder *builder,
                                                     const struct jg_job_query *query, struct jg_buf *out),
                             struct jg_sqlite_sql *ret_sql) {
  // A node binds one value, startswith the upper bound too; of a key that is the program, and the value to go on behind.
  builder->bind_max = 1 + 2 * JG_FILTER_ORDER_MAX;
  if (query->filter != NULL) {
    builder->bind_max += jg_sqlite_filter_nodes(query->filter);
    if (builder->bind_max == 1 + 2 * JG_FILTER_ORDER_MAX) {
      return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "a filter has too many nodes");
    }
    builder->bind_max += jg_sqlite_filter_items(query->filter);
  }
  builder->binds = jg_arena_alloc(builder->arena, builder->bind_max * sizeof(*builder->binds));
  if (builder->binds == NULL) {
    return out_of_arena();
  }
  struct jg_buf text;
  jg_buf_init(&text, SQL_BYTES_MAX);
  jg_buf_init(&builder->where, SQL_BYTES_MAX);
  jg_sqlite_joins_init(&builder->joins);
  struct jg_status status = put(builder, query, &text);
  struct jg_str copy = JG_STR_NONE;
  if (jg_status_ok(status)) {
    copy = jg_arena_str(builder->arena, jg_buf_str(&text));
    status = text.failed || builder->where.failed || copy.data == NULL ? out_of_arena() : status;
  }
  jg_buf_done(&builder->where);
  jg_buf_done(&text);
  JG_RETURN_IF_ERROR(status);
  *ret_sql = (struct jg_sqlite_sql){.text = copy, .binds = builder->binds, .bind_count = builder->bind_count};
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_list_sql(const struct jg_job_query *query, enum jg_sqlite_dates dates,
                                    struct jg_arena *arena, struct jg_arena *scratch, struct jg_sqlite_sql *ret_sql) {
  struct jg_sqlite_builder builder = {.arena = arena, .scratch = scratch, .dates = dates};
  return make(&builder, query, put_list, ret_sql);
}

struct jg_status jg_sqlite_count_sql(const struct jg_job_query *query, struct jg_arena *arena, struct jg_arena *scratch,
                                     struct jg_sqlite_sql *ret_sql) {
  struct jg_sqlite_builder builder = {.arena = arena, .scratch = scratch};
  return make(&builder, query, put_count, ret_sql);
}

struct jg_status jg_sqlite_scan_sql(const struct jg_job_query *query, struct jg_arena *arena, struct jg_arena *scratch,
                                    struct jg_sqlite_sql *ret_sql) {
  struct jg_sqlite_builder builder = {.arena = arena, .scratch = scratch};
  return make(&builder, query, put_scan, ret_sql);
}

struct jg_status jg_sqlite_matches_sql(const struct jg_job_query *query, struct jg_arena *arena,
                                       struct jg_arena *scratch, struct jg_sqlite_sql *ret_sql) {
  struct jg_sqlite_builder builder = {.arena = arena, .scratch = scratch};
  return make(&builder, query, put_matches, ret_sql);
}

static bool is_by_id(const struct jg_job_query *query) {
  return query->order_count == 0
             ? query->order == JG_ORDER_ID
             : jg_sqlite_node_column(query->orders[0].key) == &jg_entity(JG_KIND_JOB)->members[JG_JOB_ID];
}

/* Leaves `out` empty if it does not matter. */
static struct jg_status put_dates(struct jg_sqlite_builder *builder, const struct jg_job_query *query,
                                  struct jg_buf *out) {
  bool alone = false;
  if (jg_sqlite_put_dates(builder, query->filter, &alone)) {
    jg_buf_printf(
        out, "SELECT count(*) FROM (SELECT 1 FROM jobs j INDEXED BY jobs_by_modified WHERE j.tenant=?%d%.*s LIMIT ?%d)",
        JG_SQLITE_BIND_TENANT, JG_STR_ARG(jg_buf_str(&builder->where)), JG_SQLITE_BIND_LIMIT);
    builder->few_max = alone ? FEW_BY_INDEX : FEW_BY_ROW;
  }
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_dates_sql(const struct jg_job_query *query, struct jg_arena *arena,
                                     struct jg_sqlite_sql *ret_sql, int64_t *ret_few_max) {
  struct jg_sqlite_builder builder = {.arena = arena};
  if (query->filter != NULL && is_by_id(query)) {
    JG_RETURN_IF_ERROR(make(&builder, query, put_dates, ret_sql));
  }
  *ret_few_max = builder.few_max;
  return JG_STATUS_OK;
}
