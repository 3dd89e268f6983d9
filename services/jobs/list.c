#include "base/compiler.h"
#include "base/limits.h"
#include "services/jobs/jobs.h"
#include "services/jobs/jobs_internal.h"
#include "services/jobs/page_token.h"

/* Payloads that one page reads, where the response has no limit of its own. */
#define PAGE_BYTES_MAX ((size_t)16 << 20)
/* next_page_token with tag and length. */
#define TOKEN_FIELD_BYTES (JG_PAGE_TOKEN_LEN + 2)

struct list {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_job_query query;
  uint64_t filter_hash;
  struct jg_read_mask mask;
  bool nodes;
};

static struct jg_status parse_order(struct jg_call *call, struct jg_str order_by, struct jg_job_query *query) {
  struct jg_str rest = JG_STR_NONE;
  struct jg_str key = jg_str_cut(jg_str_trim(order_by), ' ', &rest);
  struct jg_str direction = jg_str_trim(rest);
  bool known = true;
  if (jg_str_equal(key, JG_STR("modified_dateutc"))) {
    query->order = JG_ORDER_MODIFIED;
  } else {
    query->order = JG_ORDER_ID;
    known = jg_str_equal(key, JG_STR("id")) || (key.len == 0 && direction.len == 0);
  }
  query->descending = jg_str_equal(direction, JG_STR("desc"));
  if (!known || (direction.len != 0 && !query->descending && !jg_str_equal(direction, JG_STR("asc")))) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "order_by",
                           "must be id or modified_dateutc, alone or followed by asc or desc");
  }
  return JG_STATUS_OK;
}

static struct jg_status parse_token(struct jg_call *call, struct jg_str text, struct list *list) {
  struct jg_page_token token;
  if (!jg_page_token_parse(text, call->identity.tenant, &token)) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token",
                           "must be the next_page_token of an earlier answer");
  }
  if (token.order != list->query.order || token.descending != list->query.descending ||
      token.filter_hash != list->filter_hash) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token",
                           "belongs to another filter or order_by");
  }
  list->query.has_after = true;
  list->query.after_id = token.id;
  list->query.after_modified_ticks = token.modified_ticks;
  list->query.skip = 0;
  return JG_STATUS_OK;
}

static struct jg_status parse_request(struct jg_call *call, struct list *list) {
  const Jobgate__V1__ListJobsRequest *request = (const Jobgate__V1__ListJobsRequest *)call->request;
  struct jg_arena *arena = &call->arena;
  if (request->filter[0] != '\0') {
    return jg_status_field(arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, "filter", "is not built yet");
  }
  JG_RETURN_IF_ERROR(parse_order(call, jg_str_from_cstr(request->order_by), &list->query));
  if (request->page_size < 0 || request->page_size > JG_LIMIT_PAGE_SIZE) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "page_size",
                           "must be from 1 to %d, or 0 for %d", JG_LIMIT_PAGE_SIZE, JG_LIMIT_PAGE_SIZE_DEFAULT);
  }
  if (request->skip < 0) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "skip", "must not be negative");
  }
  list->query.limit = request->page_size != 0 ? request->page_size : JG_LIMIT_PAGE_SIZE_DEFAULT;
  list->query.skip = request->skip;
  list->query.bytes_max = call->response_bytes_max != 0 ? call->response_bytes_max : PAGE_BYTES_MAX;
  JG_RETURN_IF_ERROR(jg_jobs_read_mask(call, request->read_mask, &list->mask));
  JG_RETURN_IF_ERROR(jg_jobs_view(call, request->view, false, &list->mask, &list->nodes));
  struct jg_str token = jg_str_from_cstr(request->page_token);
  return token.len != 0 ? parse_token(call, token, list) : JG_STATUS_OK;
}

/* Where the page after `row` begins. */
static struct jg_status make_token(struct list *list, const struct jg_job_row *row, struct jg_str *ret_text) {
  const struct jg_page_token token = {
      .order = list->query.order,
      .descending = list->query.descending,
      .filter_hash = list->filter_hash,
      .id = row->id,
      // Not part of the order by id.
      .modified_ticks = list->query.order == JG_ORDER_MODIFIED ? row->modified_ticks : 0,
  };
  char text[JG_PAGE_TOKEN_LEN];
  jg_page_token_format(&token, list->call->identity.tenant, text);
  *ret_text = jg_arena_str(&list->call->arena, jg_str_make(text, sizeof(text)));
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
  const struct jg_expand_options options = {.tenant = call->identity.tenant};
  JG_RETURN_IF_ERROR(jg_expand_jobs(call->app->expander, txn, &options, rows.rows, rows.count, &call->arena, parts));
  JG_RETURN_IF_ERROR(jg_read_mask_apply(&list->mask, parts, rows.count, &call->arena));
  size_t bytes_max = call->response_bytes_max;
  if (bytes_max != 0) {
    bytes_max = bytes_max > TOKEN_FIELD_BYTES ? bytes_max - TOKEN_FIELD_BYTES : 1;
  }
  size_t fit = jg_jobs_fit(parts, rows.count, list->nodes, bytes_max);
  *answer = (struct jg_answer){
      .kind = JG_ANSWER_JOBS, .message = &response->base, .jobs = parts, .job_count = fit, .nodes = list->nodes};
  jobgate__v1__list_jobs_response__init(response);
  if (fit > 0 && (rows.more || fit < rows.count)) {
    JG_RETURN_IF_ERROR(make_token(list, &rows.rows[fit - 1], &answer->next_page_token));
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
