/* A page of the log, sifted for views: which of its changes each one shows, and as what. What the jobs were and are is found
 * out once for all views of a page. Thread: the one that reads the page. */
#ifndef JG_SERVICES_CHANGES_SIFT_H
#define JG_SERVICES_CHANGES_SIFT_H

#include "jobgate/v1/job_service.pb-c.h"
#include "services/changes/view.h"
#include "services/expand/expand.h"

/* A change that a view shows; or several of one job that it shows as one. */
struct jg_pick {
  size_t index; /* of the change, the newest one */
  size_t first; /* of the oldest one */
  Jobgate__V1__ChangeKind kind;
  uint64_t changed; /* members that an update changed, of all of them */
};
/* In the order of the log; they live in the sift's arena. */
struct jg_picks {
  struct jg_pick *items;
  size_t count, capacity;
};

struct jg_sift_side;

struct jg_sift_options {
  struct jg_expander *expander;
  struct jg_txn *txn; /* what the changes came from */
  int64_t tenant;
  /* In the middle of a snapshot that has come to the jobs up to passed_rid: what changes of the others is not shown. */
  bool in_snapshot;
  int64_t passed_rid;
};

/* A plain value; the members are the sift's own. */
struct jg_sift {
  struct jg_sift_options options;
  const struct jg_changes *changes;
  struct jg_arena *arena;           /* the page's */
  struct jg_arena scratch;          /* of one run of a filter */
  struct jg_arena value;            /* of the last value read */
  struct jg_sift_side *before;      /* by change */
  struct jg_sift_side *after;       /* by change */
  const struct jg_parts **expanded; /* by change; NULL: not yet */
  size_t *request_ends;             /* by change: index of the last change of its request */
};

/* Borrows options' objects, changes and the arena until done. RESOURCE_EXHAUSTED at the arena's cap. */
JG_MUST_CHECK struct jg_status jg_sift_init(struct jg_sift *sift, const struct jg_sift_options *options,
                                            const struct jg_changes *changes, struct jg_arena *arena);
void jg_sift_done(struct jg_sift *sift);

/* Appends the change to what the view shows, if it does:
 *   before, after the change    without a filter every job matches while it exists
 *   no      yes                 CREATED if it was created, else ENTERED
 *   yes     yes                 UPDATED
 *   yes     no                  DELETED if it was deleted, else LEFT
 *   no      no                  nothing
 * An entity's change is shown as what it is, whatever the filter, if the view has entity_changes.
 * INVALID_ARGUMENT/LIMIT_EXCEEDED is this view's own: its filter makes too long strings of this job. Others, DATA_LOSS among
 * them, are the page's. */
JG_MUST_CHECK struct jg_status jg_sift_pick(struct jg_sift *sift, const struct jg_view *view, size_t index,
                                            struct jg_picks *picks);
/* How a value that jobs are filed under is read: the program of an order of one key, and the relations that it reads. */
struct jg_sift_key {
  const struct jg_filter_program *program;
  uint32_t relations;
};
/* That value of the job before or after the change; *ret_there: false: there is no job on that side. It is good until the
 * next one is read. */
JG_MUST_CHECK struct jg_status jg_sift_value(struct jg_sift *sift, size_t index, bool is_before,
                                             const struct jg_sift_key *key, struct jg_filter_value *ret_value,
                                             bool *ret_there);
/* What jg_sift_pick shows of the changes in [from, to), with those of one job as one: the newest that is shown, of the kind that
 * leads from the state before all of them to the one after them. So what came and went is not shown. Entities' changes all come. */
JG_MUST_CHECK struct jg_status jg_sift_gather(struct jg_sift *sift, const struct jg_view *view, size_t from, size_t to,
                                              struct jg_picks *picks);
/* Every change of the page. */
JG_MUST_CHECK struct jg_status jg_sift_pick_all(struct jg_sift *sift, const struct jg_view *view,
                                                struct jg_picks *picks);

/* The job or entity of picks->items[at] after the change, expanded; not of a deleted one. Some of those that come next are expanded on the
 * way. *ret_parts lives in the arena. jg_expand_jobs' statuses. */
JG_MUST_CHECK struct jg_status jg_sift_expand(struct jg_sift *sift, const struct jg_picks *picks, size_t at,
                                              const struct jg_parts **ret_parts);
/* Is it the last change that is shown of its request? */
bool jg_sift_is_last(const struct jg_sift *sift, const struct jg_picks *picks, size_t at);
/* The old values of those changed members that the view's filter reads, as a job. *ret_has: false: there is nothing to tell. */
JG_MUST_CHECK struct jg_status jg_sift_before(struct jg_sift *sift, const struct jg_view *view,
                                              const struct jg_pick *pick, struct jg_parts *ret_parts, bool *ret_has);

#endif
