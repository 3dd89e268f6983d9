/* Included by services/entityset alone: the rows of a set that a filter takes, one after the other, by id. */
#ifndef JG_SERVICES_ENTITYSET_SCAN_H
#define JG_SERVICES_ENTITYSET_SCAN_H

#include "services/entityset/page.h"
#include "services/filter/predicate.h"

/* For the stack of its owner, who sets what is above the line. */
struct jg_entityset_scan {
  const struct jg_call *call;
  struct jg_txn *txn;
  const struct jg_entityset_list *list;
  const struct jg_filter_program *filter; /* NULL: all rows */
  uint32_t relations;                     /* bit i: the caller reads relation i of the rows too */
  size_t left;                            /* rows to pass over before the scan ends early; SIZE_MAX: never */
  bool has_last;
  struct jg_uuid last; /* the scan goes on behind it */
  /* ---- */
  bool ended_early, begun;
  struct jg_entity_rows chunk;
  size_t next;
  struct jg_arena arena; /* of the chunk */
};

void jg_entityset_scan_init(struct jg_entityset_scan *scan);
void jg_entityset_scan_done(struct jg_entityset_scan *scan);
/* The next row: *ret_parts, with the relations that filter and caller read, lives until the next call; scan->last is its id.
 * *ret_found false: there is none. What it makes is in scan->arena, statuses too. CANCELLED; the record's. */
JG_MUST_CHECK struct jg_status jg_entityset_scan_next(struct jg_entityset_scan *scan, struct jg_parts *ret_parts,
                                                      bool *ret_found);

#endif
