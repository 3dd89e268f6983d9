#include "base/compiler.h"
#include "services/expand/expand_internal.h"

/* The head of one that the table does not know. */
static struct jg_status read_head(struct jg_expand_view *view, const struct jg_head_key *key, int64_t *ret_head) {
  if (view->memory_only) {
    return jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "an entity is not in memory");
  }
  int64_t head = 0;
  struct jg_status status = jg_txn_entity_head(view->txn, key->kind, key->id, &head);
  if (status.code == JG_NOT_FOUND) {
    head = JG_HEAD_MISSING;
  } else if (!jg_status_ok(status)) {
    return status;
  }
  if (view->entity_revision <= view->committed_revision) {
    jg_heads_put(view->expander->heads, view->tenant, view->entity_revision, key, head);
  }
  *ret_head = head;
  return JG_STATUS_OK;
}

struct jg_status jg_expand_heads(struct jg_expand_view *view, const struct jg_head_key *keys, size_t count,
                                 int64_t *ret_heads) {
  // A write that changed an entity has a newer entity_revision than any in the table, so it finds nothing there.
  (void)jg_heads_get(view->expander->heads, view->tenant, view->entity_revision, keys, count, ret_heads);
  for (size_t i = 0; i < count; i++) {
    if (keys[i].kind == JG_KIND_NONE) {
      ret_heads[i] = JG_HEAD_MISSING;
    } else if (ret_heads[i] == JG_HEAD_UNKNOWN) {
      JG_RETURN_IF_ERROR(read_head(view, &keys[i], &ret_heads[i]));
    }
  }
  return JG_STATUS_OK;
}

struct jg_cache_key jg_expand_cache_key(const struct jg_expand_view *view, struct jg_head_key key, int64_t head) {
  JG_ASSERT(head >= 0);
  return (struct jg_cache_key){
      .tenant = view->tenant, .epoch = view->epoch, .id = key.id, .tree_revision = head, .kind = key.kind};
}
