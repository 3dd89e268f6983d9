/* What an import has just seen: nodes that stand in the record as they are, so that the same node in a later job costs no read.
 * A snapshot repeats its projects, types and organizations in every job. One import's, on one tenant; an import that runs
 * alone keeps it until it ends, and whatever else changes an entity, or is undone, empties it. Thread: store (the writer), while
 * the import's writes are under way. */
#ifndef JG_SERVICES_ENTITIES_MEMO_H
#define JG_SERVICES_ENTITIES_MEMO_H

#include "base/arena.h"
#include "base/uuid.h"
#include "storage/store.h"

struct jg_entities_memo;

struct jg_entities_memo *jg_entities_memo_create(void);
void jg_entities_memo_destroy(struct jg_entities_memo *memo); /* NULL is allowed */

/* ---- for services/entities alone ---- */

/* Names what was looked up: a node with all that it embeds, or an id, of a kind. */
struct jg_memo_key {
  uint64_t low, high;
};
/* bytes: the node's, packed; beside_id: the x_id beside it, or zero. */
struct jg_memo_key jg_memo_key_node(enum jg_kind kind, struct jg_str bytes, struct jg_uuid beside_id);
struct jg_memo_key jg_memo_key_id(enum jg_kind kind, struct jg_uuid id);

/* Before the first look-up of a write's run: forgets everything unless only this import has changed entities since. */
JG_MUST_CHECK struct jg_status jg_entities_memo_begin(struct jg_entities_memo *memo, struct jg_txn *txn,
                                                      struct jg_arena *arena);
/* The id of the entity that stands there as the key says. */
JG_MUST_CHECK bool jg_entities_memo_find(const struct jg_entities_memo *memo, struct jg_memo_key key,
                                         struct jg_uuid *ret_id);
/* After the node was resolved, without a warning: doing it again would change nothing. */
void jg_entities_memo_add(struct jg_entities_memo *memo, struct jg_memo_key key, struct jg_uuid id);
/* After this import wrote an entity under that revision. A change may be of what other nodes embed: they are forgotten. */
void jg_entities_memo_written(struct jg_entities_memo *memo, int64_t revision, bool created);

#endif
