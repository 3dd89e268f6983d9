/* The messages of WatchJobs that are not changes: whole WatchJobsResponse bytes. The caller owns the one reference.
 * Thread: any. */
#ifndef JG_SERVICES_CHANGES_EVENT_H
#define JG_SERVICES_CHANGES_EVENT_H

#include "base/bytes.h"
#include "services/changes/token.h"

/* First of a stream that starts `at` epoch and revision of that; token: what it gives to go on with. */
struct jg_bytes *jg_event_opened(const struct jg_token *token, const struct jg_token *at, struct jg_uuid stream_id,
                                 int64_t heartbeat_ns);
/* Everything up to the token, which ends a request, was sent. */
struct jg_bytes *jg_event_bookmark(const struct jg_token *token, int64_t now_ticks);
/* Last of a stream; retry_delay_ms > 0. */
struct jg_bytes *jg_event_drain(const struct jg_token *token, int64_t retry_delay_ms);

/* The history behind the place where the stream was to go on is lost: a snapshot follows. */
struct jg_bytes *jg_event_reset(int64_t oldest_revision, int64_t newest_revision);
/* The snapshot is complete: at the token's revision the client has the state. */
struct jg_bytes *jg_event_synced(const struct jg_token *token);

#endif
