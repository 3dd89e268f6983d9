/* Included by services/expand alone: what its parts share. */
#ifndef JG_SERVICES_EXPAND_EXPAND_INTERNAL_H
#define JG_SERVICES_EXPAND_EXPAND_INTERNAL_H

#include "cache/cache.h"
#include "cache/memory/heads.h"
#include "services/expand/expand.h"

struct jg_expander {
  struct jg_cache *cache; /* borrows */
  struct jg_heads *heads; /* owns */
  struct jg_json_style style;
  struct jg_metric *builds;
};

/* One look into the record: everything in one snapshot. */
struct jg_expand_view {
  struct jg_expander *expander;
  struct jg_txn *txn;
  struct jg_arena *arena;
  int64_t tenant;
  struct jg_uuid epoch;
  int64_t entity_revision;
  int64_t committed_revision; /* what is newer may be undone (C1) */
  bool memory_only;
  bool in_write;         /* the writer waits for nobody: neither for a shared cache nor for a reader */
  unsigned futile_looks; /* into a shared cache, that left something to be built */
};

/* ids.c: the ids of an entity's relations, by relation; kind JG_KIND_NONE where one is not set. DATA_LOSS. */
JG_MUST_CHECK struct jg_status jg_expand_ids(const struct jg_entity *entity, struct jg_str payload,
                                             struct jg_head_key ret_ids[JG_RELATIONS_MAX]);

/* heads.c: the tree_revision of each, or JG_HEAD_MISSING; keys of kind JG_KIND_NONE are MISSING. Asks the table, then the
 * record. UNAVAILABLE if memory_only and the table does not know one. */
JG_MUST_CHECK struct jg_status jg_expand_heads(struct jg_expand_view *view, const struct jg_head_key *keys,
                                               size_t count, int64_t *ret_heads);
struct jg_cache_key jg_expand_cache_key(const struct jg_expand_view *view, struct jg_head_key key, int64_t head);

/* expand.c: as jg_cache_get; in memory alone in a write, and once a few looks of this view were futile: a cache that is cold, or
 * slow within its budget, would else be waited for once for each entity that is built. */
size_t jg_expand_look(struct jg_expand_view *view, const struct jg_cache_key *keys, size_t count,
                      struct jg_cache_value **ret_values);

/* build.c: expands one entity from the record; the caller owns the reference. */
JG_MUST_CHECK struct jg_status jg_expand_build(struct jg_expand_view *view, const struct jg_cache_key *key,
                                               struct jg_cache_value **ret_value);

static inline struct jg_status jg_expand_out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
}

#endif
