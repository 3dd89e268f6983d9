/* The messages of WatchJobs that are not changes: whole WatchJobsResponse bytes. The caller owns the one reference.
 * Thread: any. */
#ifndef JG_SERVICES_CHANGES_EVENT_H
#define JG_SERVICES_CHANGES_EVENT_H

#include "services/changes/batch.h"

/* First of a stream that starts behind `revision`. */
struct jg_bytes *jg_event_opened(const struct jg_view_key *key, struct jg_uuid stream_id, int64_t heartbeat_ns,
                                 int64_t revision);
/* Everything up to `revision`, which ends a request, was sent. */
struct jg_bytes *jg_event_bookmark(const struct jg_view_key *key, int64_t revision, int64_t now_ticks);
/* Last of a stream; retry_delay_ms > 0. */
struct jg_bytes *jg_event_drain(const struct jg_view_key *key, int64_t revision, int64_t retry_delay_ms);

#endif
