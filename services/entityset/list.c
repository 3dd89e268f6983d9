#include "proto/codec/proto_encode.h"
#include "services/entityset/entityset.h"
#include "services/entityset/entityset_internal.h"
#include "services/entityset/page.h"

/* One entity with all that it embeds. */
#define ENTITY_BYTES_MAX ((size_t)256 << 20)
/* Keeps tokens of this list and of other ones apart. */
#define TOKEN_SEED UINT64_C(0x656e746974790000)

struct list {
  struct jg_call *call;
  enum jg_kind kind;
  bool count;
  bool one;          /* only one row can pass the filter: */
  struct jg_uuid id; /* that of this id, */
  struct jg_str key; /* or, if it is not empty, of this key */
};

/* An entity is found by its id and by its key. */
static void take_equal(const struct jg_member *member, const struct jg_filter *literal, void *data) {
  struct list *list = data;
  const struct jg_entity *entity = jg_entity(list->kind);
  if (member->index == entity->id_member && literal->type == JG_VALUE_GUID) {
    list->one = true;
    list->id = literal->uuid;
    list->key = JG_STR_NONE;
  } else if (!list->one && member->index == entity->key_member && literal->type == JG_VALUE_STRING &&
             literal->string.len != 0) {
    list->one = true;
    list->key = literal->string;
  }
}

/* The row that alone can pass the filter, if it is there and behind `after` (NULL: any). */
static struct jg_status read_one(struct jg_txn *txn, const struct list *list, const struct jg_uuid *after,
                                 struct jg_arena *arena, struct jg_entity_rows *ret_rows) {
  struct jg_entity_row *row = jg_arena_alloc(arena, sizeof(*row));
  if (row == NULL) {
    return jg_entityset_out_of_arena();
  }
  struct jg_status status = list->key.len != 0 ? jg_txn_entity_find(txn, list->kind, list->key, arena, row)
                                               : jg_txn_entity_get(txn, list->kind, list->id, arena, row);
  *ret_rows = (struct jg_entity_rows){.rows = row};
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  ret_rows->count = after == NULL || memcmp(row->id.bytes, after->bytes, sizeof(after->bytes)) > 0;
  return JG_STATUS_OK;
}

static struct jg_status read_rows(struct jg_txn *txn, const struct jg_entityset_want *want, struct jg_arena *arena,
                                  struct jg_entity_rows *ret_rows, void *data) {
  const struct list *list = data;
  if (!want->exact && list->one) {
    return read_one(txn, list, want->has_after ? &want->id : NULL, arena, ret_rows);
  }
  if (!want->exact) {
    const struct jg_entity_query query = {.kind = list->kind,
                                          .has_after = want->has_after,
                                          .after_id = want->id,
                                          .limit = want->limit,
                                          .bytes_max = want->bytes_max};
    return jg_txn_entity_list(txn, &query, arena, ret_rows);
  }
  struct jg_entity_row *row = jg_arena_alloc(arena, sizeof(*row));
  if (row == NULL) {
    return jg_entityset_out_of_arena();
  }
  JG_RETURN_IF_ERROR(jg_txn_entity_get(txn, list->kind, want->id, arena, row));
  *ret_rows = (struct jg_entity_rows){.rows = row, .count = 1};
  return JG_STATUS_OK;
}

/* The same page as gRPC has it. */
static struct jg_status write_response(const struct jg_entityset_rows *rows, struct jg_answer *ret_answer, void *data) {
  const struct list *list = data;
  struct jg_arena *arena = &list->call->arena;
  Jobgate__V1__ListEntitiesResponse *response = jg_arena_alloc(arena, sizeof(*response));
  Jobgate__V1__AnyEntity **entities = jg_arena_alloc(arena, (rows->count + 1) * sizeof(Jobgate__V1__AnyEntity *));
  if (response == NULL || entities == NULL) {
    return jg_entityset_out_of_arena();
  }
  jobgate__v1__list_entities_response__init(response);
  response->entities = entities;
  struct jg_buf bytes;
  jg_buf_init(&bytes, ENTITY_BYTES_MAX);
  struct jg_status status = JG_STATUS_OK;
  for (size_t i = 0; i < rows->count && jg_status_ok(status); i++) {
    jg_buf_clear(&bytes);
    jg_proto_encode(&rows->parts[i], true, &bytes);
    status = bytes.failed ? jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "an entity is too large")
                          : jg_entityset_message(list->kind, jg_buf_str(&bytes), arena, &entities[i]);
  }
  jg_buf_done(&bytes);
  response->n_entities = rows->count;
  response->reduced_ids = rows->reduced_ids;
  response->n_reduced_ids = rows->reduced_count;
  if (rows->next_page_token.len != 0) {
    response->next_page_token = (char *)rows->next_page_token.data;
  }
  response->total_size = list->count ? rows->total : 0;
  *ret_answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = &response->base};
  return status;
}

void jg_entityset_list(struct jg_call *call) {
  const Jobgate__V1__ListEntitiesRequest *request = (const Jobgate__V1__ListEntitiesRequest *)call->request;
  struct list *list = jg_arena_alloc_zero(&call->arena, sizeof(*list));
  if (list == NULL) {
    jg_call_fail(call, jg_entityset_out_of_arena());
    return;
  }
  list->call = call;
  list->count = request->count;
  struct jg_status status = jg_entityset_kind(call, request->kind, &list->kind);
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
    return;
  }
  const struct jg_entityset_list wanted = {.entity = jg_entity(list->kind),
                                           .filter = request->filter,
                                           .order_by = request->order_by,
                                           .page_token = request->page_token,
                                           .page_size = request->page_size,
                                           .skip = request->skip,
                                           .count = request->count,
                                           .seed = TOKEN_SEED | list->kind,
                                           .equal = take_equal,
                                           .read = read_rows,
                                           .write = write_response,
                                           .data = list};
  jg_entityset_page_answer(call, &wanted);
}
