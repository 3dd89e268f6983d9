/* What a stream shows: which jobs (filter), how much of each (view, mask), whether entities too, and how long changes of one job
 * are gathered. Streams of equal views share their messages. Thread: any; a view is immutable. */
#ifndef JG_SERVICES_CHANGES_VIEW_H
#define JG_SERVICES_CHANGES_VIEW_H

#include "services/filter/predicate.h"
#include "services/jobs/mask.h"

/* Longest time for which changes of one job are gathered: 60 s. */
#define JG_VIEW_COALESCE_NS_MAX INT64_C(60000000000)

/* Full here to be read; only view.c makes one. */
struct jg_view {
  bool nodes; /* FULL: with embedded entities */
  bool entity_changes;
  struct jg_read_mask mask; /* the id is in it */
  int64_t coalesce_ns;      /* 0: every change comes */

  const struct jg_filter *filter; /* stored_only; NULL: none, then the rest of it is empty too */
  const struct jg_filter_program *program;
  struct jg_str filter_text; /* canonical */
  uint64_t filter_hash;      /* 0: no filter */
  /* Stored members whose values decide what the filter says, and the relations among them whose key it reads (job_status_code is
   * emitted for job_status_id). */
  uint64_t filter_members;
  uint32_t filter_relations;

  struct jg_arena arena; /* of the filter */
};

struct jg_view_options {
  struct jg_str filter; /* empty: none */
  bool fold_case;       /* of the filter's strings */
  bool nodes, entity_changes;
  struct jg_read_mask mask;
  int64_t coalesce_ns; /* 0..JG_VIEW_COALESCE_NS_MAX */
};

/* Gives a view (jg_view_destroy). Statuses are jg_filter_parse's for a filter of stored members, naming `filter`; also
 * INVALID_ARGUMENT/INVALID_MEMBER for now(): jobs would come and go with time, which is no change. Texts live in the arena. */
JG_MUST_CHECK struct jg_status jg_view_create(const struct jg_view_options *options, struct jg_arena *arena,
                                              struct jg_view **ret_view);
void jg_view_destroy(struct jg_view *view); /* NULL is allowed */

/* Do they show the same? */
bool jg_view_equal(const struct jg_view *a, const struct jg_view *b);
/* Equal views have equal ones. */
uint64_t jg_view_hash(const struct jg_view *view);

#endif
