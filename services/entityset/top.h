/* The first rows of an order, picked from rows that come in any: keys and ids alone, at most twice as many as are wanted.
 * Thread: its owner's. */
#ifndef JG_SERVICES_ENTITYSET_TOP_H
#define JG_SERVICES_ENTITYSET_TOP_H

#include "base/arena.h"
#include "base/status.h"
#include "base/uuid.h"
#include "services/filter/value.h"

struct jg_entityset_top_row {
  const struct jg_filter_value *keys;
  struct jg_uuid id; /* orders rows of equal keys */
};

/* For the stack of its owner, who reads rows and count after jg_entityset_top_sort. */
struct jg_entityset_top {
  const struct jg_filter_order *orders; /* borrowed */
  size_t order_count;
  size_t wanted;
  struct jg_entityset_top_row *rows;
  size_t count, capacity;
  bool bounded; /* what comes behind rows[wanted - 1] is not wanted any more */
  struct jg_arena arenas[2];
  unsigned current; /* the arena of the rows; the other one is empty */
};

/* wanted: > 0. */
void jg_entityset_top_init(struct jg_entityset_top *top, const struct jg_filter_order *orders, size_t order_count,
                           size_t wanted);
void jg_entityset_top_done(struct jg_entityset_top *top);
/* <0, 0, >0: by keys, then by id. */
int jg_entityset_top_compare(const struct jg_entityset_top *top, const struct jg_entityset_top_row *a,
                             const struct jg_entityset_top_row *b);
/* Copies the keys. RESOURCE_EXHAUSTED/LIMIT_EXCEEDED: too much to order. */
JG_MUST_CHECK struct jg_status jg_entityset_top_add(struct jg_entityset_top *top,
                                                    const struct jg_entityset_top_row *row);
/* Leaves the wanted ones, in order. */
void jg_entityset_top_sort(struct jg_entityset_top *top);

#endif
