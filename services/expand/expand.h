/* Expansion: which cached, expanded entities go into a job. Learns the heads (tree_revision) of a job's relations in the
 * job's own transaction (C2), asks the cache, builds what is missing from the record, and offers it to the cache.
 * Thread: any; a transaction's own while it runs. */
#ifndef JG_SERVICES_EXPAND_EXPAND_H
#define JG_SERVICES_EXPAND_EXPAND_H

#include "cache/cache.h"
#include "proto/codec/json_encode.h"
#include "storage/store.h"

/* Per process: the heads of entities, by tenant, valid while the tenant's entity_revision stands. */
struct jg_expander;

struct jg_expander *jg_expander_create(struct jg_cache *cache, const struct jg_json_style *style,
                                       struct jg_metrics *metrics);
void jg_expander_destroy(struct jg_expander *expander); /* NULL is allowed */

/* Fills ret_parts[i] (payload, revision, etag, relations) for rows[i]. Values live until the arena ends (a hook drops the
 * references). memory_only: never load an entity or ask a shared cache level; what is missing then makes it UNAVAILABLE, and
 * the caller goes to a reader. Other statuses: the record's. In a write's run pass in_write: only what was committed before
 * it is then offered to the cache (C1). unshown: relations that no answer will show; they cost nothing and come as if not set. */
struct jg_expand_options {
  int64_t tenant;
  bool memory_only;
  bool in_write;
  uint32_t unshown; /* of a job; bit i: relation i */
};
JG_MUST_CHECK struct jg_status jg_expand_jobs(struct jg_expander *expander, struct jg_txn *txn,
                                              const struct jg_expand_options *options, const struct jg_job_row *rows,
                                              size_t count, struct jg_arena *arena, struct jg_parts *ret_parts);

/* The expanded forms of entities themselves: ret_expanded[i] of refs[i]; NULL: it is not in the record (kind JG_KIND_NONE: of
 * nothing). Lifetimes, options and statuses as above. */
JG_MUST_CHECK struct jg_status jg_expand_entities(struct jg_expander *expander, struct jg_txn *txn,
                                                  const struct jg_expand_options *options,
                                                  const struct jg_entity_ref *refs, size_t count,
                                                  struct jg_arena *arena, const struct jg_expanded **ret_expanded);
/* What the payload's relations refer to, by relation: kind JG_KIND_NONE where one is not set. DATA_LOSS. */
JG_MUST_CHECK struct jg_status jg_expand_refs(const struct jg_entity *entity, struct jg_str payload,
                                              struct jg_entity_ref ret_refs[JG_RELATIONS_MAX]);

/* The etag of a job at a revision: opaque text. */
JG_MUST_CHECK struct jg_str jg_expand_etag(struct jg_arena *arena, struct jg_uuid id, int64_t revision);

#endif
