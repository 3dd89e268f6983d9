#include "base/buf.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "proto/codec/json_encode.h"
#include "proto/codec/proto_encode.h"
#include "services/expand/expand_internal.h"

/* job -> project -> equipment_model -> equipment_family -> sales_organization: the schema's kinds are 5 deep, and no kind
 * embeds itself. */
#define DEPTH_MAX 8
/* Of one form. What is larger than JG_LIMIT_CACHE_VALUE_BYTES is built but not kept; imports bring such entities. */
#define FORM_BYTES_MAX ((size_t)256 << 20)

/* An entity whose children are being made ready. */
struct frame {
  struct jg_cache_key key;
  const struct jg_entity *entity;
  struct jg_entity_row row;
  struct jg_cache_key keys[JG_RELATIONS_MAX]; /* kind JG_KIND_NONE: not set */
  struct jg_cache_value *values[JG_RELATIONS_MAX];
  size_t next;  /* relation to look at */
  bool loading; /* others may wait for it (C3) */
};

static bool begin(struct jg_expand_view *view, const struct jg_cache_key *key, struct frame *frame,
                  struct jg_cache_value **ret_value);
static struct jg_status enter(struct jg_expand_view *view, struct frame *frame);
static struct jg_status leave(struct jg_expand_view *view, struct frame *frame, struct jg_cache_value **ret_value);
static void drop(struct jg_expand_view *view, struct frame *frame, struct jg_cache_value *value);

struct jg_status jg_expand_build(struct jg_expand_view *view, const struct jg_cache_key *key,
                                 struct jg_cache_value **ret_value) {
  struct frame frames[DEPTH_MAX];
  struct jg_cache_value *value = NULL;
  if (!begin(view, key, &frames[0], &value)) {
    *ret_value = value;
    return JG_STATUS_OK;
  }
  size_t depth = 1;
  struct jg_status status = enter(view, &frames[0]);
  while (jg_status_ok(status)) {
    struct frame *frame = &frames[depth - 1];
    while (frame->next < frame->entity->relation_count &&
           (frame->keys[frame->next].kind == JG_KIND_NONE || frame->values[frame->next] != NULL)) {
      frame->next++;
    }
    if (frame->next < frame->entity->relation_count) {
      JG_ASSERT(depth < DEPTH_MAX);
      if (begin(view, &frame->keys[frame->next], &frames[depth], &frame->values[frame->next])) {
        status = enter(view, &frames[depth++]);
      }
      continue;
    }
    status = leave(view, frame, &value);
    if (!jg_status_ok(status)) {
      break;
    }
    drop(view, frame, value);
    if (--depth == 0) {
      *ret_value = value;
      return JG_STATUS_OK;
    }
    frames[depth - 1].values[frames[depth - 1].next] = value;
  }
  while (depth > 0) {
    drop(view, &frames[--depth], NULL);
  }
  return status;
}

/* What is newer than the committed revision is this write's alone: it goes to no cache, and nobody may wait for it (C1). */
static bool is_shared(const struct jg_expand_view *view, const struct jg_cache_key *key) {
  return key->tree_revision <= view->committed_revision;
}

/* False: another thread has just built it, and *ret_value is a reference to that. The writer never waits for a reader. */
static bool begin(struct jg_expand_view *view, const struct jg_cache_key *key, struct frame *frame,
                  struct jg_cache_value **ret_value) {
  *frame = (struct frame){.key = *key, .entity = jg_entity(key->kind)};
  JG_ASSERT(frame->entity != NULL);
  if (!is_shared(view, key)) {
    return true;
  }
  struct jg_cache_value *value = NULL;
  frame->loading = jg_cache_load_begin(view->expander->cache, key, !view->in_write, &value);
  *ret_value = value;
  return frame->loading || value == NULL;
}

/* Reads the entity, and asks the cache for all it embeds in one batch (C5). */
static struct jg_status enter(struct jg_expand_view *view, struct frame *frame) {
  struct jg_status status = jg_txn_entity_get(view->txn, frame->key.kind, frame->key.id, view->arena, &frame->row);
  if (status.code == JG_NOT_FOUND) {
    return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "an entity of the record has a head and no row");
  }
  JG_RETURN_IF_ERROR(status);
  struct jg_head_key ids[JG_RELATIONS_MAX];
  int64_t heads[JG_RELATIONS_MAX];
  size_t count = frame->entity->relation_count;
  JG_RETURN_IF_ERROR(jg_expand_ids(frame->entity, frame->row.payload, ids));
  JG_RETURN_IF_ERROR(jg_expand_heads(view, ids, count, heads));
  struct jg_cache_key keys[JG_RELATIONS_MAX];
  struct jg_cache_value *found[JG_RELATIONS_MAX] = {NULL};
  size_t key_count = 0;
  for (size_t i = 0; i < count; i++) {
    if (heads[i] != JG_HEAD_MISSING) {
      frame->keys[i] = keys[key_count++] = jg_expand_cache_key(view, ids[i], heads[i]);
    }
  }
  (void)jg_expand_look(view, keys, key_count, found);  // what was not found is built
  for (size_t i = 0, at = 0; i < count; i++) {
    if (frame->keys[i].kind != JG_KIND_NONE) {
      frame->values[i] = found[at++];
    }
  }
  return JG_STATUS_OK;
}

/* All children are ready: both forms of the entity, offered to the cache if it is committed. */
static struct jg_status leave(struct jg_expand_view *view, struct frame *frame, struct jg_cache_value **ret_value) {
  struct jg_parts parts = {.entity = frame->entity, .payload = frame->row.payload};
  for (size_t i = 0; i < frame->entity->relation_count; i++) {
    parts.relations[i] = frame->values[i] != NULL ? &frame->values[i]->expanded : NULL;
  }
  struct jg_buf proto, json;
  jg_buf_init(&proto, FORM_BYTES_MAX);
  jg_buf_init(&json, FORM_BYTES_MAX);
  jg_proto_encode(&parts, true, &proto);
  jg_json_encode(&view->expander->style, &parts, JG_STR_NONE, true, &json);
  struct jg_status status = JG_STATUS_OK;
  if (proto.failed || json.failed) {
    status = jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "an embedded entity is too large");
  } else {
    struct jg_expanded expanded = {jg_buf_str(&proto), jg_buf_str(&json), frame->row.key};
    *ret_value = jg_cache_value_create(&frame->key, &expanded);
    jg_metric_add(view->expander->builds, 1);
    if (is_shared(view, &frame->key) && proto.len <= JG_LIMIT_CACHE_VALUE_BYTES &&
        json.len <= JG_LIMIT_CACHE_VALUE_BYTES) {
      jg_cache_put(view->expander->cache, *ret_value);
    }
  }
  jg_buf_done(&proto);
  jg_buf_done(&json);
  return status;
}

/* value: what came of it, for those who wait; NULL: nothing. */
static void drop(struct jg_expand_view *view, struct frame *frame, struct jg_cache_value *value) {
  if (frame->loading) {
    jg_cache_load_end(view->expander->cache, &frame->key, value);
    frame->loading = false;
  }
  for (size_t i = 0; i < JG_RELATIONS_MAX; i++) {
    jg_cache_value_unref(frame->values[i]);
    frame->values[i] = NULL;
  }
}
