#include "base/limits.h"
#include "services/entityset/entityset.h"
#include "services/entityset/entityset_internal.h"
#include "services/expand/expand.h"
#include "services/filter/parse.h"
#include "services/filter/predicate.h"
#include "services/jobs/page_token.h"

/* Rows and payload bytes that are looked at together. */
#define CHUNK_ROWS 200
#define CHUNK_BYTES_MAX ((size_t)1 << 20)
/* Rows that one page passes over, so that a filter that takes few ends the page early instead of the deadline the call. */
#define PAGE_ROWS_MAX 20000
/* Of a chunk with all that it embeds. */
#define SCRATCH_BYTES_MAX ((size_t)256 << 20)
/* Expanded entities of one page, where the response has no limit of its own. */
#define PAGE_BYTES_MAX ((size_t)16 << 20)
/* An entity's tags and lengths, and those of the token. */
#define ENTITY_FRAME_BYTES 16
#define TOKEN_FIELD_BYTES (JG_PAGE_TOKEN_LEN_MAX + 3)
/* Keeps tokens of this list and of other ones apart. */
#define TOKEN_SEED UINT64_C(0x656e746974790000)

struct list {
  struct jg_call *call;
  struct jg_store_read read;
  enum jg_kind kind;
  const struct jg_filter_program *program; /* NULL: all */
  uint64_t filter_hash;
  size_t limit;
  size_t bytes_max;
  bool has_last;
  struct jg_uuid last; /* the page goes on behind it */
  size_t bytes, passed;
  bool full, more;
  Jobgate__V1__ListEntitiesResponse *response;
};

/* ---- the request ---- */

static struct jg_status parse_filter(struct list *list, const char *text) {
  struct jg_call *call = list->call;
  const struct jg_entity *entity = jg_entity(list->kind);
  const struct jg_filter_options options = {.entity = entity,
                                            .field = call->odata_names ? "$filter" : "filter",
                                            .now_ticks = jg_clock_now_ticks(call->app->clock),
                                            .aliases = call->aliases,
                                            .alias_count = call->alias_count};
  const struct jg_filter *filter = NULL;
  JG_RETURN_IF_ERROR(jg_filter_parse(jg_str_from_cstr(text), &options, &call->arena, &filter));
  list->filter_hash = jg_filter_hash(filter);
  return filter != NULL ? jg_filter_compile(entity, filter, &call->arena, &list->program) : JG_STATUS_OK;
}

static struct jg_status parse_token(struct list *list, struct jg_str text) {
  struct jg_call *call = list->call;
  struct jg_page_token token;
  if (text.len == 0) {
    return JG_STATUS_OK;
  }
  if (!jg_page_token_parse(text, call->identity.tenant, &call->arena, &token) || !token.by_key ||
      token.order_hash != (TOKEN_SEED | list->kind) || token.filter_hash != list->filter_hash) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token",
                           "must be the next_page_token of an earlier answer to the same kind and filter");
  }
  list->has_last = true;
  list->last = token.id;
  return JG_STATUS_OK;
}

static struct jg_status parse_request(struct list *list) {
  struct jg_call *call = list->call;
  const Jobgate__V1__ListEntitiesRequest *request = (const Jobgate__V1__ListEntitiesRequest *)call->request;
  JG_RETURN_IF_ERROR(jg_entityset_kind(call, request->kind, &list->kind));
  JG_RETURN_IF_ERROR(parse_filter(list, request->filter));
  struct jg_str order = jg_str_from_cstr(request->order_by);
  if (order.len != 0 && !jg_str_equal(order, JG_STR("id"))) {
    return jg_status_field(&call->arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT,
                           call->odata_names ? "$orderby" : "order_by", "can only be id");
  }
  if (request->page_size < 0 || request->page_size > JG_LIMIT_PAGE_SIZE) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "page_size",
                           "must be from 1 to %d, or 0 for %d", JG_LIMIT_PAGE_SIZE, JG_LIMIT_PAGE_SIZE_DEFAULT);
  }
  list->limit = request->page_size != 0 ? (size_t)request->page_size : JG_LIMIT_PAGE_SIZE_DEFAULT;
  list->bytes_max = call->response_bytes_max != 0 ? call->response_bytes_max : PAGE_BYTES_MAX;
  list->bytes_max -= list->bytes_max > TOKEN_FIELD_BYTES ? TOKEN_FIELD_BYTES : 0;
  return parse_token(list, jg_str_from_cstr(request->page_token));
}

/* ---- the page ---- */

/* Does the filter take the row? rows: what lives as long as the chunk; scratch: of this row alone. */
static struct jg_status matches(const struct list *list, struct jg_txn *txn, const struct jg_entity_row *row,
                                struct jg_arena *scratch, bool *ret_matches) {
  const struct jg_entity *entity = jg_entity(list->kind);
  struct jg_parts parts = {.entity = entity, .payload = row->payload};
  if (list->program == NULL) {
    *ret_matches = true;
    return JG_STATUS_OK;
  }
  if (jg_filter_program_relations(list->program, false) != 0) {
    const struct jg_expand_options options = {.tenant = list->call->identity.tenant};
    struct jg_entity_ref refs[JG_RELATIONS_MAX];
    JG_RETURN_IF_ERROR(jg_expand_refs(entity, row->payload, refs));
    JG_RETURN_IF_ERROR(jg_expand_entities(list->call->app->expander, txn, &options, refs, entity->relation_count,
                                          scratch, parts.relations));
  }
  return jg_filter_matches(list->program, &parts, scratch, ret_matches);
}

/* Puts one entity into the response; full: it did not fit. */
static struct jg_status take(struct list *list, const struct jg_expanded *expanded) {
  Jobgate__V1__ListEntitiesResponse *response = list->response;
  size_t bytes = expanded->proto.len + ENTITY_FRAME_BYTES;
  if (response->n_entities > 0 && list->bytes + bytes > list->bytes_max) {
    list->full = true;
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(
      jg_entityset_message(list->kind, expanded->proto, &list->call->arena, &response->entities[response->n_entities]));
  response->n_entities++;
  list->bytes += bytes;
  list->full = response->n_entities == list->limit || list->bytes >= list->bytes_max;
  return JG_STATUS_OK;
}

/* Looks at the next rows. */
static struct jg_status read_chunk(struct list *list, struct jg_txn *txn, struct jg_arena *scratch) {
  const struct jg_expand_options options = {.tenant = list->call->identity.tenant};
  const struct jg_entity_query query = {.kind = list->kind,
                                        .has_after = list->has_last,
                                        .after_id = list->last,
                                        .limit = CHUNK_ROWS,
                                        .bytes_max = CHUNK_BYTES_MAX};
  struct jg_entity_rows rows;
  JG_RETURN_IF_ERROR(jg_txn_entity_list(txn, &query, scratch, &rows));
  list->more = rows.more;
  for (size_t i = 0; i < rows.count; i++) {
    const struct jg_entity_row *row = &rows.rows[i];
    bool matching = false;
    JG_RETURN_IF_ERROR(matches(list, txn, row, scratch, &matching));
    if (matching) {
      const struct jg_entity_ref ref = {row->kind, row->id};
      const struct jg_expanded *expanded = NULL;
      JG_RETURN_IF_ERROR(jg_expand_entities(list->call->app->expander, txn, &options, &ref, 1, scratch, &expanded));
      if (expanded == NULL) {
        return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "an entity of the record has a row and no head");
      }
      size_t before = list->response->n_entities;
      JG_RETURN_IF_ERROR(take(list, expanded));
      if (list->response->n_entities == before) {
        list->more = true;
        return JG_STATUS_OK;
      }
    }
    list->has_last = true;
    list->last = row->id;
    if (list->full) {
      list->more = list->more || i + 1 < rows.count;
      return JG_STATUS_OK;
    }
  }
  list->passed += rows.count;
  list->full = !list->more || list->passed >= PAGE_ROWS_MAX;
  return JG_STATUS_OK;
}

static struct jg_status read_chunks(struct list *list, struct jg_txn *txn, struct jg_arena *scratch) {
  while (!list->full) {
    // Relaxed: a hint; nothing else is read on the strength of it.
    if (atomic_load_explicit(&list->call->cancelled, memory_order_relaxed)) {
      return jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the caller is gone");
    }
    struct jg_status status = read_chunk(list, txn, scratch);
    if (!jg_status_ok(status)) {
      return jg_status_copy(&list->call->arena, status);
    }
    jg_arena_reset(scratch);
  }
  return JG_STATUS_OK;
}

static struct jg_status read_page(struct list *list, struct jg_txn *txn, struct jg_answer *answer) {
  struct jg_call *call = list->call;
  list->response = jg_arena_alloc(&call->arena, sizeof(*list->response));
  if (list->response == NULL) {
    return jg_entityset_out_of_arena();
  }
  jobgate__v1__list_entities_response__init(list->response);
  list->response->entities = jg_arena_alloc(&call->arena, list->limit * sizeof(Jobgate__V1__AnyEntity *));
  if (list->response->entities == NULL) {
    return jg_entityset_out_of_arena();
  }
  struct jg_arena scratch;
  jg_arena_init(&scratch, SCRATCH_BYTES_MAX);
  struct jg_status status = read_chunks(list, txn, &scratch);
  jg_arena_done(&scratch);
  JG_RETURN_IF_ERROR(status);
  *answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = &list->response->base};
  if (list->more) {
    const struct jg_page_token token = {
        .filter_hash = list->filter_hash, .order_hash = TOKEN_SEED | list->kind, .by_key = true, .id = list->last};
    struct jg_str text = jg_page_token_format(&token, call->identity.tenant, &call->arena);
    if (text.data == NULL) {
      return jg_entityset_out_of_arena();
    }
    list->response->next_page_token = (char *)text.data;
    answer->next_page_token = text;
  }
  return JG_STATUS_OK;
}

static void run_list(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct list *list = data;
  struct jg_answer answer;
  struct jg_status status = jg_status_ok(begun) ? read_page(list, txn, &answer) : begun;
  jg_call_finish(list->call, status, jg_status_ok(status) ? &answer : NULL);
}

void jg_entityset_list(struct jg_call *call) {
  struct list *list = jg_arena_alloc_zero(&call->arena, sizeof(*list));
  if (list == NULL) {
    jg_call_fail(call, jg_entityset_out_of_arena());
    return;
  }
  list->call = call;
  struct jg_status status = parse_request(list);
  if (jg_status_ok(status)) {
    list->read = (struct jg_store_read){
        .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_list, .data = list};
    status = jg_store_submit_read(call->app->store, &list->read);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}
