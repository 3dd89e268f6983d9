/* One part of a snapshot that is sent part by part while writers go on (DESIGN section 4): jobs in the order of their rid, which
 * never changes, each part in one short read at its own revision. Before it come the changes since the last part of those jobs
 * that were sent already; those of the others are skipped, as a later part has them. So what was sent of a job is its state at
 * the part's revision, at any time, and after the last part that is the state of the whole record. Thread: any. */
#ifndef JG_SERVICES_CHANGES_SNAPSHOT_H
#define JG_SERVICES_CHANGES_SNAPSHOT_H

#include "services/changes/batch.h"

/* Jobs and bytes of a message of a part; a FULL view's bytes are those of its message too. */
#define JG_SNAPSHOT_COUNT 1000u
#define JG_SNAPSHOT_BYTES ((size_t)256 << 10)

struct jg_snapshot_part {
  bool has_changes;        /* `changes` goes first */
  struct jg_batch changes; /* one reference */
  struct jg_bytes *page;   /* a whole message; one reference; NULL: no job to show */
  /* With what is in here, everything up to `revision` was sent of the jobs up to `rid`. If that is not the newest revision,
   * which more changes than one message holds are the reason of, there is no page and rid has not moved. */
  int64_t revision, rid;
  bool complete; /* no job lies behind rid: at `revision` the client has them all */
};

/* The next part behind what source->passed_rid tells, of whose jobs everything up to `after` was sent. count_max: jobs at most,
 * > 0. UNAVAILABLE: this read is older than `after`; OUT_OF_RANGE/HISTORY_LOST: the log does not reach back to it; others as
 * jg_batch_encode and the record have them. */
JG_MUST_CHECK struct jg_status jg_snapshot_read(const struct jg_batch_source *source, int64_t after, size_t count_max,
                                                struct jg_arena *arena, struct jg_snapshot_part *ret_part);

#endif
