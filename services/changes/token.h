/* Resume tokens: opaque text that binds version, tenant, epoch, revision and filter; in the middle of a snapshot also the job
 * that it has come to. Any replica reads them. Thread: any. */
#ifndef JG_SERVICES_CHANGES_TOKEN_H
#define JG_SERVICES_CHANGES_TOKEN_H

#include "base/status.h"
#include "base/uuid.h"

struct jg_token {
  int64_t tenant;
  struct jg_uuid epoch;
  int64_t revision;
  uint64_t filter_hash; /* of the canonical filter; 0: no filter */
  /* Of a snapshot the jobs up to `rid` were sent, as they are at `revision`; 0: none yet. */
  bool in_snapshot;
  int64_t rid; /* 0 unless in_snapshot */
};

/* Of no epoch there is: whoever goes on with it finds its history lost, now and later. It stands in all that a stream sends before
 * its `reset`, so that no client goes on behind a reset that it has not heard of. */
static inline struct jg_token jg_token_lost(const struct jg_token *here) {
  return (struct jg_token){.tenant = here->tenant, .epoch = JG_UUID_ZERO, .filter_hash = here->filter_hash};
}

#define JG_TOKEN_TEXT_MAX 96
/* base64url without padding, with a check sum; returns the length. */
size_t jg_token_format(const struct jg_token *token, char out[JG_TOKEN_TEXT_MAX]);
/* INVALID_ARGUMENT/INVALID_TOKEN naming `resume_token`: garbage, a version that is not known. */
JG_MUST_CHECK struct jg_status jg_token_parse(struct jg_str text, struct jg_token *ret_token);
/* Is the token good here? INVALID_ARGUMENT/INVALID_TOKEN: another tenant's or another filter's. OUT_OF_RANGE/HISTORY_LOST with
 * oldest and newest: another epoch, older than the log, or ahead of it. */
JG_MUST_CHECK struct jg_status jg_token_check(const struct jg_token *token, const struct jg_token *expected,
                                              int64_t oldest_revision, int64_t newest_revision, struct jg_arena *arena);

#endif
