/* The hub: one tail of the log per process, and the streams that follow it.
 * H1 A stream is a cursor (revision) and nothing else: no queue of its own, so a slow one costs nothing but its place.
 * H2 The tail is a ring of encoded batches, each a whole WatchJobsResponse shared by every stream of its view; bounded bytes.
 * H3 A stream whose cursor left the ring (resume, slow) reads the log in pages on the readers until it is in the ring again.
 * H4 A batch ends at the end of a request; its token stands there (atomic, resumable).
 * H5 A hint after commit wakes the tail; a slow poll drives the same step, so a lost hint costs milliseconds.
 * H6 A bookmark comes at the heartbeat interval when nothing else did, with everything up to its revision sent. */
#ifndef JG_SERVICES_CHANGES_HUB_H
#define JG_SERVICES_CHANGES_HUB_H

#include "services/call.h"
#include "services/changes/token.h"

struct jg_hub_options {
  struct jg_store *store;
  struct jg_expander *expander;
  const struct jg_clock *clock;
  const struct jg_log *log;
  struct jg_metrics *metrics;
  size_t ring_bytes_max; /* JG_LIMIT_HUB_RING_BYTES */
  size_t streams_max;    /* JG_LIMIT_WATCH_STREAMS */
  /* Parts of snapshots that are read at once; the other streams wait for their turn. 0: a few. */
  size_t snapshot_reads_max;
  size_t snapshot_page_jobs; /* jobs in a part at most; 0: as many as make a message */
  /* Who takes no message for so long is ended (RESOURCE_EXHAUSTED/SLOW_CONSUMER); 0: nobody. */
  int64_t stall_ns;
  int64_t trim_grace_ns; /* jg_hub_make_way: what a stream gets to catch up; 0: nothing */
  /* Every stream is drained when it is so old, give or take a tenth; 0: none. */
  int64_t stream_age_ns;
  /* Messages that one stream alone was sent and has not taken, over all streams: beyond it nothing is read for streams that are
   * behind, and those that take nothing end soon. 0: JG_LIMIT_HUB_OUT_BYTES. */
  size_t out_bytes_max;
};

/* Starts the tail thread. Borrows what the options name until destroy. Thread: main. */
struct jg_hub *jg_hub_create(const struct jg_hub_options *options);
/* Every stream gets a drain message with its token and a jittered delay, then ends UNAVAILABLE/DRAINING; new ones are refused.
 * Returns at once; jg_hub_stream_count tells when they are gone. Thread: any. */
void jg_hub_drain(struct jg_hub *hub);
size_t jg_hub_stream_count(struct jg_hub *hub);
/* Stops the thread, which reads the store: before jg_store_close. No call of a stream may be left or come, but the thread that
 * ended the last one may still be on its way out of the hub: waited for. Hints may still come, as the store's writer gives them
 * until it is closed. NULL is allowed. Thread: main. */
void jg_hub_stop(struct jg_hub *hub);
/* Stops it if that was not done; no hint may come any more. */
void jg_hub_destroy(struct jg_hub *hub); /* NULL is allowed */

/* After a commit (jg_store_committed): never blocks. Thread: any. */
void jg_hub_hint(int64_t tenant, int64_t revision, void *hub);

/* The log of the tenant is to be dropped up to `through`. Returns up to where that may be done now, which may be before its
 * beginning: whoever needs what lies behind still counts. Streams that do are given trim_grace_ns, over several calls, then ended
 * (RESOURCE_EXHAUSTED/SLOW_CONSUMER). Takes time with the streams there are. Thread: any. */
int64_t jg_hub_make_way(struct jg_hub *hub, int64_t tenant, int64_t through);

/* Ends a call that is no stream and whose token has no history any more: `status` is HISTORY_LOST. It shares the delays of streams:
 * who repeats a token waits longer and longer, and its RetryInfo says so. Thread: any. */
void jg_hub_refuse_call(struct jg_call *call, const struct jg_token *token, struct jg_status status);

/* The handler of WatchJobs. */
void jg_hub_watch(struct jg_call *call);

#endif
