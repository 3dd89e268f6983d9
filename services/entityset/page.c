#include "services/entityset/page.h"

#include "base/limits.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/proto_fit.h"
#include "services/entityset/scan.h"
#include "services/entityset/top.h"
#include "services/expand/expand.h"
#include "services/filter/parse.h"
#include "services/jobs/page_token.h"

/* Rows that a page passes over, so that a filter that takes few ends the page early instead of the deadline the call. */
#define PAGE_ROWS_MAX 20000
/* Entities of one page, where the response has no limit of its own. */
#define PAGE_BYTES_MAX ((size_t)16 << 20)
/* An entity's tags and lengths, its id among the reduced ones, and those of the token. */
#define ENTITY_FRAME_BYTES 16
#define ID_FIELD_BYTES (JG_UUID_TEXT_LEN + 2)
#define TOKEN_FIELD_BYTES (JG_PAGE_TOKEN_LEN_MAX + 3)

struct page {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_entityset_list list;
  const struct jg_filter_program *filter; /* NULL: all */
  const struct jg_filter_program *order;  /* NULL: by id */
  struct jg_filter_order orders[JG_FILTER_ORDER_MAX];
  size_t order_count;
  uint64_t filter_hash, order_hash;
  size_t limit, bytes_max;
  int64_t passed; /* rows before this page */
  size_t skip;    /* rows to pass over */
  bool has_after; /* the page begins behind this row */
  struct jg_entityset_top_row after;
};

/* A page on its way. */
struct taking {
  struct page *page;
  struct jg_txn *txn;
  struct jg_parts *parts;
  struct jg_entityset_top_row *rows; /* what tokens need of each */
  char **reduced;                    /* ids */
  size_t reduced_count;
  size_t count;
  size_t bytes; /* of payloads */
  bool full, more;
  bool has_last; /* more: the next page begins behind this row, which may not be one of the page */
  struct jg_uuid last;
  int64_t total;
};

static struct jg_status out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
}

/* ---- the request ---- */

static bool is_by_id(const struct page *page) {
  const struct jg_filter *key = page->orders[0].key;
  return page->order_count == 0 ||
         (page->order_count == 1 && !page->orders[0].descending && key->kind == JG_FILTER_MEMBER &&
          key->path.count == 1 && key->path.steps[0]->index == page->list.entity->id_member);
}

/* `member eq literal`, or the other way round; the member is the entity's own. */
static void tell_equal(const struct jg_entityset_list *list, const struct jg_filter *filter) {
  for (size_t i = 0; filter->kind == JG_FILTER_EQ && i < 2; i++) {
    const struct jg_filter *member = filter->args[i], *literal = filter->args[1 - i];
    if (member->kind == JG_FILTER_MEMBER && member->path.count == 1 && literal->kind == JG_FILTER_LITERAL) {
      list->equal(member->path.steps[0], literal, list->data);
    }
  }
}

/* Conjunctions group from the left. */
static void tell_equals(const struct jg_entityset_list *list, const struct jg_filter *filter) {
  while (list->equal != NULL && filter != NULL) {
    bool conjunction = filter->kind == JG_FILTER_AND;
    tell_equal(list, conjunction ? filter->args[1] : filter);
    filter = conjunction ? filter->args[0] : NULL;
  }
}

static struct jg_status parse_expressions(struct page *page) {
  struct jg_call *call = page->call;
  const struct jg_entity *entity = page->list.entity;
  struct jg_filter_options options = {.entity = entity,
                                      .field = call->odata_names ? "$filter" : "filter",
                                      .now_ticks = jg_clock_now_ticks(call->app->clock),
                                      .aliases = call->aliases,
                                      .alias_count = call->alias_count,
                                      .fold_case = call->app->fold_case};
  const struct jg_filter *filter = NULL;
  JG_RETURN_IF_ERROR(jg_filter_parse(jg_str_from_cstr(page->list.filter), &options, &call->arena, &filter));
  options.field = call->odata_names ? "$orderby" : "order_by";
  JG_RETURN_IF_ERROR(jg_filter_parse_order(jg_str_from_cstr(page->list.order_by), &options, &call->arena, page->orders,
                                           &page->order_count));
  if (is_by_id(page)) {
    page->order_count = 0;
  }
  page->filter_hash = jg_filter_hash(filter);
  tell_equals(&page->list, filter);
  page->order_hash = page->list.seed ^ jg_filter_hash_order(page->orders, page->order_count);
  if (filter != NULL) {
    JG_RETURN_IF_ERROR(jg_filter_compile(entity, filter, &call->arena, &page->filter));
  }
  return page->order_count == 0
             ? JG_STATUS_OK
             : jg_filter_compile_order(entity, page->orders, page->order_count, &call->arena, &page->order);
}

/* The values of the order's keys, from a token. */
static bool take_keys(const struct page *page, struct jg_str rest, struct jg_filter_value *keys) {
  for (size_t i = 0; i < page->order_count; i++) {
    if (!jg_filter_value_take(&rest, page->orders[i].key->type, &keys[i])) {
      return false;
    }
  }
  return rest.len == 0;
}

static struct jg_status parse_token(struct page *page) {
  struct jg_call *call = page->call;
  struct jg_str text = jg_str_from_cstr(page->list.page_token);
  struct jg_page_token token;
  struct jg_filter_value *keys = jg_arena_alloc(&call->arena, (page->order_count + 1) * sizeof(keys[0]));
  if (keys == NULL) {
    return out_of_arena();
  }
  if (text.len == 0) {
    return JG_STATUS_OK;
  }
  if (!jg_page_token_parse(text, call->identity.tenant, &call->arena, &token) || token.order_hash != page->order_hash ||
      token.filter_hash != page->filter_hash || (token.by_key && !take_keys(page, token.keys, keys))) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token",
                           "must be the next_page_token of an earlier answer to the same set, filter and order");
  }
  page->passed = token.passed;
  page->skip = token.by_key ? 0 : (size_t)token.passed;
  page->has_after = token.by_key;
  page->after = (struct jg_entityset_top_row){keys, token.id};
  return JG_STATUS_OK;
}

static struct jg_status parse(struct page *page) {
  struct jg_call *call = page->call;
  const struct jg_entityset_list *list = &page->list;
  JG_RETURN_IF_ERROR(parse_expressions(page));
  if (list->page_size < 0) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "page_size",
                           "must not be negative");
  }
  if (list->skip < 0) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "skip", "must not be negative");
  }
  page->limit = jg_limit_page_size(list->page_size);
  page->passed = list->skip;
  page->skip = (size_t)list->skip;
  page->bytes_max = call->response_bytes_max != 0 ? call->response_bytes_max : PAGE_BYTES_MAX;
  page->bytes_max -= page->bytes_max > TOKEN_FIELD_BYTES ? TOKEN_FIELD_BYTES : 0;
  return parse_token(page);
}

/* ---- the rows ---- */

/* payload: is copied. keys: must live until the page's end. */
static struct jg_status take(struct taking *taking, struct jg_str payload, const struct jg_entityset_top_row *row) {
  struct page *page = taking->page;
  struct jg_parts *parts = &taking->parts[taking->count];
  *parts = (struct jg_parts){.entity = page->list.entity, .payload = jg_arena_str(&page->call->arena, payload)};
  if (parts->payload.data == NULL) {
    return out_of_arena();
  }
  taking->rows[taking->count++] = *row;
  taking->bytes += payload.len;
  taking->full = taking->count == page->limit || taking->bytes >= page->bytes_max;
  return JG_STATUS_OK;
}

/* A filter that takes few may end a page of gRPC early; integrators of old would take an empty page for the end. */
static size_t rows_max(const struct page *page) {
  return page->list.count || page->skip != 0 || page->call->odata_names ? SIZE_MAX : PAGE_ROWS_MAX;
}

static struct jg_status scan_by_id(struct taking *taking, struct jg_entityset_scan *scan) {
  const struct page *page = taking->page;
  size_t skip = page->skip;
  for (;;) {
    struct jg_parts parts;
    bool found = false;
    JG_RETURN_IF_ERROR(jg_entityset_scan_next(scan, &parts, &found));
    if (!found) {
      break;
    }
    taking->total++;
    const struct jg_entityset_top_row row = {.id = scan->last};
    // Counting begins with the first row of all.
    if (page->has_after && memcmp(row.id.bytes, page->after.id.bytes, sizeof(row.id.bytes)) <= 0) {
      continue;
    }
    if (skip > 0) {
      skip--;
    } else if (!taking->full) {
      JG_RETURN_IF_ERROR(take(taking, parts.payload, &row));
    } else {
      taking->more = true;
      if (!page->list.count) {
        break;
      }
    }
  }
  if (scan->ended_early) {
    taking->more = taking->has_last = true;
    taking->last = scan->last;
  }
  return JG_STATUS_OK;
}

static struct jg_status scan_all(struct taking *taking, struct jg_entityset_scan *scan, struct jg_entityset_top *top) {
  const struct page *page = taking->page;
  for (;;) {
    struct jg_parts parts;
    struct jg_filter_value keys[JG_FILTER_ORDER_MAX];
    bool found = false;
    JG_RETURN_IF_ERROR(jg_entityset_scan_next(scan, &parts, &found));
    if (!found) {
      return JG_STATUS_OK;
    }
    taking->total++;
    JG_RETURN_IF_ERROR(jg_filter_keys(page->order, &parts, &scan->arena, keys));
    const struct jg_entityset_top_row row = {keys, scan->last};
    if (!page->has_after || jg_entityset_top_compare(top, &row, &page->after) > 0) {
      JG_RETURN_IF_ERROR(jg_entityset_top_add(top, &row));
    }
  }
}

/* Reads the rows that the order chose. */
static struct jg_status take_chosen(struct taking *taking, const struct jg_entityset_top *top,
                                    struct jg_arena *scratch) {
  const struct jg_entityset_list *list = &taking->page->list;
  size_t at = taking->page->skip;
  for (; at < top->count && !taking->full; at++) {
    const struct jg_entityset_want want = {.exact = true, .id = top->rows[at].id, .limit = 1, .bytes_max = 1};
    struct jg_entity_rows rows;
    jg_arena_reset(scratch);
    JG_RETURN_IF_ERROR(list->read(taking->txn, &want, scratch, &rows, list->data));
    if (rows.count != 1) {
      return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "a row of the record was there and is not");
    }
    JG_RETURN_IF_ERROR(take(taking, rows.rows[0].payload, &top->rows[at]));
  }
  taking->more = at < top->count;
  return JG_STATUS_OK;
}

static struct jg_status read_ordered(struct taking *taking, struct jg_entityset_scan *scan,
                                     struct jg_entityset_top *top) {
  JG_RETURN_IF_ERROR(scan_all(taking, scan, top));
  jg_entityset_top_sort(top);
  return take_chosen(taking, top, &scan->arena);
}

/* ---- the page ---- */

/* What they embed, in one batch. */
static struct jg_status expand(struct taking *taking) {
  struct jg_call *call = taking->page->call;
  const struct jg_entity *entity = taking->page->list.entity;
  size_t each = entity->relation_count, count = taking->count * each;
  struct jg_entity_ref *refs = jg_arena_alloc(&call->arena, (count + JG_RELATIONS_MAX) * sizeof(refs[0]));
  const struct jg_expanded **expanded = jg_arena_alloc(&call->arena, (count + 1) * sizeof(struct jg_expanded *));
  if (refs == NULL || expanded == NULL) {
    return out_of_arena();
  }
  for (size_t i = 0; i < taking->count; i++) {
    JG_RETURN_IF_ERROR(jg_expand_refs(entity, taking->parts[i].payload, refs + i * each));
  }
  const struct jg_expand_options options = {.tenant = call->identity.tenant};
  JG_RETURN_IF_ERROR(
      jg_expand_entities(call->app->expander, taking->txn, &options, refs, count, &call->arena, expanded));
  for (size_t i = 0; i < count; i++) {
    taking->parts[i / each].relations[i % each] = expanded[i];
  }
  return JG_STATUS_OK;
}

/* False: out of the call's memory. */
static bool reduce(struct taking *taking, size_t index, enum jg_proto_fit fit) {
  struct jg_arena *arena = &taking->page->call->arena;
  struct jg_uuid id = taking->rows[index].id;
  char *text = jg_arena_alloc(arena, JG_UUID_TEXT_LEN + 1);
  if (text == NULL || !jg_proto_reduce(&taking->parts[index], id, fit, arena)) {
    return false;
  }
  jg_uuid_format(id, text);
  text[JG_UUID_TEXT_LEN] = '\0';
  taking->reduced[taking->reduced_count++] = text;
  return true;
}

/* Drops what a response cannot hold. One entity always goes: one that is larger alone is reduced, as jobs are (services/jobs),
 * unless the transport takes any size. */
static struct jg_status fit(struct taking *taking) {
  const struct page *page = taking->page;
  const size_t frame = ENTITY_FRAME_BYTES + ID_FIELD_BYTES;
  size_t bytes = 0, entity_bytes_max = page->bytes_max > frame ? page->bytes_max - frame : 0;
  for (size_t i = 0; i < taking->count; i++) {
    enum jg_proto_fit form =
        page->call->takes_parts ? JG_PROTO_FIT_WHOLE : jg_proto_fit(&taking->parts[i], true, entity_bytes_max);
    if (form != JG_PROTO_FIT_WHOLE) {
      bytes += ID_FIELD_BYTES;
      if (!reduce(taking, i, form)) {
        return out_of_arena();
      }
    }
    bytes += jg_proto_encode_size(&taking->parts[i], true) + ENTITY_FRAME_BYTES;
    if (i > 0 && bytes > page->bytes_max) {
      taking->reduced_count -= form != JG_PROTO_FIT_WHOLE ? 1 : 0;
      taking->count = i;
      taking->more = true;
      taking->has_last = false;
    }
  }
  return JG_STATUS_OK;
}

static struct jg_status make_token(const struct taking *taking, struct jg_str *ret_text) {
  struct page *page = taking->page;
  JG_ASSERT(taking->has_last || taking->count > 0);
  struct jg_page_token token = {.filter_hash = page->filter_hash,
                                .order_hash = page->order_hash,
                                .passed = page->passed + (int64_t)taking->count,
                                .by_key = true,
                                .id = taking->last};
  struct jg_buf keys;
  jg_buf_init(&keys, JG_PAGE_TOKEN_KEYS_MAX);
  if (!taking->has_last) {
    const struct jg_entityset_top_row *row = &taking->rows[taking->count - 1];
    token.id = row->id;
    for (size_t i = 0; i < page->order_count; i++) {
      // Behind a string that is too long a place can only be counted to, which is sound while the rows before it stay the same.
      token.by_key = token.by_key && jg_filter_value_put(&row->keys[i], &keys);
    }
  }
  token.by_key = token.by_key && !keys.failed;
  token.keys = token.by_key ? jg_buf_str(&keys) : JG_STR_NONE;
  *ret_text = jg_page_token_format(&token, page->call->identity.tenant, &page->call->arena);
  jg_buf_done(&keys);
  return ret_text->data != NULL ? JG_STATUS_OK : out_of_arena();
}

static struct jg_status complete(struct taking *taking, struct jg_entityset_rows *ret_rows) {
  struct jg_str token = JG_STR_NONE;
  JG_RETURN_IF_ERROR(expand(taking));
  JG_RETURN_IF_ERROR(fit(taking));
  if (taking->more) {
    JG_RETURN_IF_ERROR(make_token(taking, &token));
  }
  *ret_rows = (struct jg_entityset_rows){.parts = taking->parts,
                                         .count = taking->count,
                                         .reduced_ids = taking->reduced,
                                         .reduced_count = taking->reduced_count,
                                         .next_page_token = token,
                                         .total = taking->total};
  return JG_STATUS_OK;
}

static struct jg_status read_rows(struct page *page, struct jg_txn *txn, struct jg_entityset_rows *ret_rows) {
  struct jg_arena *arena = &page->call->arena;
  struct taking taking = {.page = page,
                          .txn = txn,
                          .parts = jg_arena_alloc(arena, page->limit * sizeof(taking.parts[0])),
                          .rows = jg_arena_alloc(arena, page->limit * sizeof(taking.rows[0])),
                          .reduced = jg_arena_alloc(arena, page->limit * sizeof(taking.reduced[0]))};
  if (taking.parts == NULL || taking.rows == NULL || taking.reduced == NULL) {
    return out_of_arena();
  }
  struct jg_entityset_scan scan = {
      .call = page->call, .txn = txn, .list = &page->list, .filter = page->filter, .left = SIZE_MAX};
  struct jg_entityset_top top = {.count = 0};
  struct jg_status status;
  if (page->order != NULL) {
    scan.relations = jg_filter_program_relations(page->order, false);
    jg_entityset_scan_init(&scan);
    jg_entityset_top_init(&top, page->orders, page->order_count, page->skip + page->limit + 1);
    status = read_ordered(&taking, &scan, &top);
  } else {
    scan.left = rows_max(page);
    scan.has_last = page->has_after && !page->list.count;
    scan.last = page->after.id;
    jg_entityset_scan_init(&scan);
    status = scan_by_id(&taking, &scan);
  }
  status = jg_status_ok(status) ? complete(&taking, ret_rows) : jg_status_copy(arena, status);
  jg_entityset_top_done(&top);
  jg_entityset_scan_done(&scan);
  return status;
}

/* ---- the call ---- */

static struct jg_status read_page(struct page *page, struct jg_txn *txn, struct jg_answer *ret_answer) {
  struct jg_entityset_rows rows = {.count = 0};
  JG_RETURN_IF_ERROR(read_rows(page, txn, &rows));
  if (page->call->takes_parts) {
    *ret_answer = (struct jg_answer){.kind = JG_ANSWER_JOBS,
                                     .jobs = rows.parts,
                                     .job_count = rows.count,
                                     .nodes = true,
                                     .has_total = page->list.count};
  } else {
    JG_RETURN_IF_ERROR(page->list.write(&rows, ret_answer, page->list.data));
  }
  ret_answer->total = rows.total;
  ret_answer->next_page_token = rows.next_page_token;
  return JG_STATUS_OK;
}

static void run_page(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct page *page = data;
  struct jg_answer answer;
  struct jg_status status = jg_status_ok(begun) ? read_page(page, txn, &answer) : begun;
  jg_call_finish(page->call, status, jg_status_ok(status) ? &answer : NULL);
}

void jg_entityset_page_answer(struct jg_call *call, const struct jg_entityset_list *list) {
  struct page *page = jg_arena_alloc_zero(&call->arena, sizeof(*page));
  struct jg_status status = out_of_arena();
  if (page != NULL) {
    page->call = call;
    page->list = *list;
    page->read = (struct jg_store_read){
        .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_page, .data = page};
    status = parse(page);
  }
  if (jg_status_ok(status)) {
    status = jg_store_submit_read(call->app->store, &page->read);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}
