/* A WatchJobsRequest, checked: what a stream is to show and where it starts. Not its job: the record, which alone can tell
 * whether there is such a place. Thread: any. */
#ifndef JG_SERVICES_CHANGES_WISH_H
#define JG_SERVICES_CHANGES_WISH_H

#include "jobgate/v1/job_service.pb-c.h"
#include "services/changes/token.h"
#include "services/changes/view.h"

enum jg_wish_start { JG_START_NOW, JG_START_TOKEN, JG_START_SNAPSHOT, JG_START_SINCE };

struct jg_wish_owner;

struct jg_wish {
  const struct jg_view *view;  /* lives until the arena ends, or as long as whom jg_wish_give_view gave it to likes */
  struct jg_wish_owner *owner; /* of it; wish.c's */
  int64_t heartbeat_ns;
  enum jg_wish_start start;
  struct jg_token token;  /* JG_START_TOKEN */
  int64_t since_ticks;    /* JG_START_SINCE */
  bool snapshot_on_reset; /* history that is lost is no error */
};

/* fold_case: of the filter's strings. INVALID_ARGUMENT naming the field: INVALID_MEMBER, INVALID_TOKEN; jg_view_create's. Texts live
 * in the arena. */
JG_MUST_CHECK struct jg_status jg_wish_take(const Jobgate__V1__WatchJobsRequest *request, bool fold_case,
                                            struct jg_arena *arena, struct jg_wish *ret_wish);
/* Gives the view (jg_view_destroy), once. */
struct jg_view *jg_wish_give_view(struct jg_wish *wish);

#endif
