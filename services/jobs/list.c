#include "base/compiler.h"
#include "base/limits.h"
#include "proto/schema/members.h"
#include "services/filter/parse.h"
#include "services/filter/value.h"
#include "services/jobs/jobs.h"
#include "services/jobs/jobs_internal.h"
#include "services/jobs/page_token.h"

/* Payloads that one page reads, where the response has no limit of its own. */
#define PAGE_BYTES_MAX ((size_t)16 << 20)
/* next_page_token with tag and length. */
#define TOKEN_FIELD_BYTES (JG_PAGE_TOKEN_LEN_MAX + 3)

struct list {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_job_query query;
  struct jg_filter_order orders[JG_FILTER_ORDER_MAX];
  size_t order_count; /* as parsed; query.order_count is 0 where the record has a way of its own */
  uint64_t filter_hash, order_hash;
  int64_t passed; /* rows before this page */
  struct jg_read_mask mask;
  bool nodes;
};

static bool orders_by(const struct list *list, uint8_t member) {
  const struct jg_filter *key = list->orders[0].key;
  return list->order_count == 1 && key->kind == JG_FILTER_MEMBER && key->path.count == 1 &&
         key->path.steps[0]->index == member;
}

/* By id and by time of change the record has ready statements; any other order is compiled. */
static void choose_order(struct list *list) {
  if (list->order_count == 0 || orders_by(list, JG_JOB_ID)) {
    list->query.order = JG_ORDER_ID;
    list->query.descending = list->order_count == 1 && list->orders[0].descending;
    list->order_count = list->query.descending ? 1 : 0; /* ascending by id is the order of no order */
  } else if (orders_by(list, JG_JOB_MODIFIED_DATEUTC)) {
    list->query.order = JG_ORDER_MODIFIED;
    list->query.descending = list->orders[0].descending;
  } else {
    list->query.orders = list->orders;
    list->query.order_count = list->order_count;
  }
}

static struct jg_status parse_expressions(struct list *list, const Jobgate__V1__ListJobsRequest *request) {
  struct jg_call *call = list->call;
  struct jg_filter_options options = {.entity = jg_entity(JG_KIND_JOB),
                                      .field = call->odata_names ? "$filter" : "filter",
                                      .now_ticks = jg_clock_now_ticks(call->app->clock),
                                      .aliases = call->aliases,
                                      .alias_count = call->alias_count,
                                      .fold_case = call->app->fold_case};
  JG_RETURN_IF_ERROR(jg_filter_parse(jg_str_from_cstr(request->filter), &options, &call->arena, &list->query.filter));
  options.field = call->odata_names ? "$orderby" : "order_by";
  JG_RETURN_IF_ERROR(jg_filter_parse_order(jg_str_from_cstr(request->order_by), &options, &call->arena, list->orders,
                                           &list->order_count));
  list->filter_hash = jg_filter_hash(list->query.filter);
  choose_order(list);
  list->order_hash = jg_filter_hash_order(list->orders, list->order_count);
  return JG_STATUS_OK;
}

static struct jg_status bad_token(struct jg_call *call, const char *what) {
  return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token", "%s", what);
}

/* The values of the order's keys, from a token. */
static bool take_keys(struct list *list, struct jg_str rest, struct jg_job_key *keys) {
  for (size_t i = 0; i < list->order_count; i++) {
    struct jg_filter_value value;
    if (!jg_filter_value_take(&rest, list->orders[i].key->type, &value)) {
      return false;
    }
    keys[i] = (struct jg_job_key){.type = value.type};
    switch (value.type) {
      case JG_VALUE_NULL:
        break;
      case JG_VALUE_DECIMAL:
        keys[i].decimal = value.decimal;
        break;
      case JG_VALUE_STRING:
        keys[i].string = value.string;
        break;
      case JG_VALUE_GUID:
        keys[i].uuid = value.uuid;
        break;
      default:
        keys[i].integer = value.integer;
        break;
    }
  }
  return rest.len == 0;
}

static struct jg_status parse_token(struct jg_call *call, struct jg_str text, struct list *list) {
  struct jg_page_token token;
  if (!jg_page_token_parse(text, call->identity.tenant, &call->arena, &token)) {
    return bad_token(call, "must be the next_page_token of an earlier answer");
  }
  if (token.order_hash != list->order_hash || token.filter_hash != list->filter_hash) {
    return bad_token(call, "belongs to another filter or order_by");
  }
  list->passed = token.passed;
  list->query.skip = token.by_key ? 0 : token.passed;
  if (!token.by_key) {
    return JG_STATUS_OK;
  }
  struct jg_job_key *keys = jg_arena_alloc(&call->arena, (list->order_count + 1) * sizeof(keys[0]));
  if (keys == NULL) {
    return jg_jobs_out_of_arena();
  }
  if (!take_keys(list, token.keys, keys)) {
    return bad_token(call, "must be the next_page_token of an earlier answer");
  }
  list->query.has_after = true;
  list->query.after_id = token.id;
  list->query.after_keys = keys;
  if (list->query.order_count == 0 && list->query.order == JG_ORDER_MODIFIED) {
    list->query.after_modified_ticks = keys[0].integer;
  }
  return JG_STATUS_OK;
}

static struct jg_status parse_request(struct jg_call *call, struct list *list) {
  const Jobgate__V1__ListJobsRequest *request = (const Jobgate__V1__ListJobsRequest *)call->request;
  struct jg_arena *arena = &call->arena;
  JG_RETURN_IF_ERROR(parse_expressions(list, request));
  if (request->page_size < 0) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "page_size", "must not be negative");
  }
  if (request->skip < 0) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "skip", "must not be negative");
  }
  list->query.limit = (int64_t)jg_limit_page_size(request->page_size);
  list->query.skip = request->skip;
  list->passed = request->skip;
  list->query.count = request->count;
  list->query.bytes_max = call->response_bytes_max != 0 ? call->response_bytes_max : PAGE_BYTES_MAX;
  JG_RETURN_IF_ERROR(jg_jobs_read_mask(call, request->read_mask, &list->mask));
  JG_RETURN_IF_ERROR(jg_jobs_view(call, request->view, false, &list->mask, &list->nodes));
  struct jg_str token = jg_str_from_cstr(request->page_token);
  return token.len != 0 ? parse_token(call, token, list) : JG_STATUS_OK;
}

/* False: a key is too long for a token. */
static bool put_keys(const struct list *list, const struct jg_job_rows *rows, size_t index, struct jg_buf *out) {
  if (list->query.order_count == 0 && list->query.order == JG_ORDER_ID && list->order_count == 1) {
    const struct jg_filter_value id = {.type = JG_VALUE_GUID, .uuid = rows->rows[index].id};
    return jg_filter_value_put(&id, out);
  }
  if (list->query.order_count == 0 && list->query.order == JG_ORDER_MODIFIED) {
    const struct jg_filter_value time = {.type = JG_VALUE_DATETIME, .integer = rows->rows[index].modified_ticks};
    return jg_filter_value_put(&time, out);
  }
  for (size_t i = 0; i < list->query.order_count; i++) {
    const struct jg_job_key *key = &rows->keys[index * list->query.order_count + i];
    struct jg_filter_value value = {.type = key->type};
    if (key->type == JG_VALUE_DECIMAL) {
      value.decimal = key->decimal;
    } else if (key->type == JG_VALUE_STRING) {
      value.string = key->string;
    } else if (key->type == JG_VALUE_GUID) {
      value.uuid = key->uuid;
    } else {
      value.integer = key->integer;
    }
    if (!jg_filter_value_put(&value, out)) {
      return false;
    }
  }
  return true;
}

/* Where the page after row `index` begins. */
static struct jg_status make_token(struct list *list, const struct jg_job_rows *rows, size_t index,
                                   struct jg_str *ret_text) {
  struct jg_page_token token = {.filter_hash = list->filter_hash,
                                .order_hash = list->order_hash,
                                .passed = list->passed + (int64_t)index + 1,
                                .id = rows->rows[index].id};
  struct jg_buf keys;
  jg_buf_init(&keys, JG_PAGE_TOKEN_KEYS_MAX);
  // Behind a string that is too long a place can only be counted to, which is sound while the rows before it stay the same.
  if (put_keys(list, rows, index, &keys) && !keys.failed) {
    token.by_key = true;
    token.keys = jg_buf_str(&keys);
  }
  *ret_text = jg_page_token_format(&token, list->call->identity.tenant, &list->call->arena);
  jg_buf_done(&keys);
  return ret_text->data != NULL ? JG_STATUS_OK : jg_jobs_out_of_arena();
}

static struct jg_status read_page(struct list *list, struct jg_txn *txn, struct jg_answer *answer) {
  struct jg_call *call = list->call;
  struct jg_job_rows rows;
  JG_RETURN_IF_ERROR(jg_txn_job_list(txn, &list->query, &call->arena, &rows));
  struct jg_parts *parts = jg_arena_alloc(&call->arena, rows.count * sizeof(parts[0]));
  Jobgate__V1__ListJobsResponse *response = jg_arena_alloc(&call->arena, sizeof(*response));
  if (parts == NULL || response == NULL) {
    return jg_jobs_out_of_arena();
  }
  const struct jg_expand_options options = {.tenant = call->identity.tenant,
                                            .unshown = jg_read_mask_unshown(&list->mask, list->nodes)};
  JG_RETURN_IF_ERROR(jg_expand_jobs(call->app->expander, txn, &options, rows.rows, rows.count, &call->arena, parts));
  if (jg_read_mask_has_parent(&list->mask)) {
    struct jg_jobs_page page = {rows.rows, parts, rows.count, list->query.bytes_max};
    JG_RETURN_IF_ERROR(jg_jobs_parents(call, txn, &page));
    rows.more = rows.more || page.count < rows.count;
    rows.count = page.count;
  }
  JG_RETURN_IF_ERROR(jg_read_mask_apply(&list->mask, parts, rows.count, &call->arena));
  size_t bytes_max = call->response_bytes_max;
  if (bytes_max != 0) {
    bytes_max = bytes_max > TOKEN_FIELD_BYTES ? bytes_max - TOKEN_FIELD_BYTES : 1;
  }
  struct jg_jobs_page shown = {rows.rows, parts, rows.count, bytes_max};
  struct jg_jobs_reduced reduced;
  JG_RETURN_IF_ERROR(jg_jobs_fit(call, &shown, list->nodes, &reduced));
  *answer = (struct jg_answer){.kind = JG_ANSWER_JOBS,
                               .message = &response->base,
                               .jobs = parts,
                               .job_count = shown.count,
                               .nodes = list->nodes,
                               .has_total = list->query.count,
                               .total = rows.total};
  jobgate__v1__list_jobs_response__init(response);
  response->total_size = list->query.count ? rows.total : 0;
  response->reduced_ids = reduced.ids;
  response->n_reduced_ids = reduced.count;
  if (shown.count > 0 && (rows.more || shown.count < rows.count)) {
    JG_RETURN_IF_ERROR(make_token(list, &rows, shown.count - 1, &answer->next_page_token));
    response->next_page_token = (char *)answer->next_page_token.data;
  }
  return JG_STATUS_OK;
}

static void run_list(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct list *list = data;
  struct jg_answer answer;
  if (jg_jobs_ended_early(list->call)) {
    return;
  }
  struct jg_status status = jg_status_ok(begun) ? read_page(list, txn, &answer) : begun;
  jg_call_finish(list->call, status, jg_status_ok(status) ? &answer : NULL);
}

void jg_jobs_list(struct jg_call *call) {
  struct list *list = jg_arena_alloc_zero(&call->arena, sizeof(*list));
  if (list == NULL) {
    jg_call_fail(call, jg_jobs_out_of_arena());
    return;
  }
  list->call = call;
  struct jg_status status = parse_request(call, list);
  if (jg_status_ok(status)) {
    list->read = (struct jg_store_read){
        .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_list, .data = list};
    status = jg_store_submit_read(call->app->store, &list->read);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}
