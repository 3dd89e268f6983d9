/* Heads of entities: the tree_revision of each, as it was read in a snapshot. An entry is valid for snapshots of the same
 * entity_revision of its tenant and for no other (C2), so nothing is ever invalidated. Fixed memory; old entries are
 * overwritten. A shard's lock is held for a look-up. Thread: any. */
#ifndef JG_CACHE_MEMORY_HEADS_H
#define JG_CACHE_MEMORY_HEADS_H

#include "base/uuid.h"
#include "proto/schema/schema.h"

struct jg_heads;

struct jg_head_key {
  struct jg_uuid id;
  enum jg_kind kind;
};

/* tree_revisions are >= 0: what a tenant is seeded with has 0. */
#define JG_HEAD_UNKNOWN INT64_C(-2) /* not in the table: ask the record */
#define JG_HEAD_MISSING INT64_C(-1) /* the record has no such entity */

/* count_max: entries, rounded up to a power of two, >= 64. */
struct jg_heads *jg_heads_create(size_t count_max);
void jg_heads_destroy(struct jg_heads *heads); /* NULL is allowed */

/* ret_heads[i]: a tree_revision, UNKNOWN or MISSING. Returns how many are not UNKNOWN. */
size_t jg_heads_get(struct jg_heads *heads, int64_t tenant, int64_t entity_revision, const struct jg_head_key *keys,
                    size_t count, int64_t *ret_heads);
/* head: a tree_revision or MISSING, read in a committed snapshot of that entity_revision. */
void jg_heads_put(struct jg_heads *heads, int64_t tenant, int64_t entity_revision, const struct jg_head_key *key,
                  int64_t head);

#endif
