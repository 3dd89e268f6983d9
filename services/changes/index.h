/* Which views a change of a job may matter to, found without asking each of them.
 * A view whose filter demands that a member equals a literal (or one of several) is filed under that member and its values: a job
 * that has another value both before and after a change cannot matter to it. All other views have to be asked for every change.
 * Thread: one at a time. */
#ifndef JG_SERVICES_CHANGES_INDEX_H
#define JG_SERVICES_CHANGES_INDEX_H

#include "services/changes/sift.h"

struct jg_index;
struct jg_index_entry;

/* A view's place; lives in its owner's struct. All but `view` is the index's own. */
struct jg_index_item {
  const struct jg_view *view; /* borrowed while it is in the index */
  struct jg_index_entry *entries;
  struct jg_index_item *before, *after; /* of those that are in no entry */
  struct jg_index_item *entity_before, *entity_after;
  uint64_t tick; /* of the last search that found it */
};

struct jg_index *jg_index_create(void);
void jg_index_destroy(struct jg_index *index); /* empty; NULL is allowed */
void jg_index_add(struct jg_index *index, struct jg_index_item *item);
void jg_index_remove(struct jg_index *index, struct jg_index_item *item);

/* The views that have to be asked for every change of a job: the first one, then item->after. */
struct jg_index_item *jg_index_unfiled(const struct jg_index *index);
/* The views that want changes of entities: the first one, then item->entity_after. */
struct jg_index_item *jg_index_entities(const struct jg_index *index);

/* Calls `found` once for each filed view that the change, a job's, may matter to, until one fails. Statuses: found's, and those of
 * jg_sift_pick that are the page's. */
JG_MUST_CHECK struct jg_status jg_index_search(struct jg_index *index, struct jg_sift *sift, size_t change,
                                               struct jg_status (*found)(struct jg_index_item *item, size_t change,
                                                                         void *data),
                                               void *data);

#endif
