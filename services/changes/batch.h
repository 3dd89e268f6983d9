/* Records of the log as change messages: whole WatchJobsResponse bytes that every stream of a view shares (H2).
 * A message is cut at the end of a request (H4); only a request beyond the largest message is split, and then all but its
 * last message stand without a token. Thread: any. */
#ifndef JG_SERVICES_CHANGES_BATCH_H
#define JG_SERVICES_CHANGES_BATCH_H

#include "base/bytes.h"
#include "services/changes/sift.h"
#include "services/changes/token.h"

/* A request's end closes the message once it holds this many bytes of changes. */
#define JG_BATCH_BYTES ((size_t)256 << 10)

/* What two streams must have in common to share their messages. */
struct jg_view_key {
  int64_t tenant;
  struct jg_uuid epoch;
  const struct jg_view *view; /* borrowed */
  bool nodes;                 /* the view's, and so is what follows */
  uint64_t filter_hash;
};
static inline struct jg_view_key jg_view_key_make(int64_t tenant, struct jg_uuid epoch, const struct jg_view *view) {
  return (struct jg_view_key){tenant, epoch, view, view->nodes, view->filter_hash};
}

/* The token of a place in a view's log. */
static inline struct jg_token jg_view_token(const struct jg_view_key *key, int64_t revision) {
  return (struct jg_token){
      .tenant = key->tenant, .epoch = key->epoch, .revision = revision, .filter_hash = key->filter_hash};
}

/* One message. It holds every change of a job that the view shows with after < revision <= through. */
struct jg_batch {
  int64_t after, through;
  bool resumable; /* `through` ends a request: the message carries a token */
  uint32_t change_count;
  size_t body_at, body_len; /* the JobChange fields within bytes */
  struct jg_bytes *bytes;   /* one reference */
};

struct jg_batch_source {
  const struct jg_view_key *key;
  struct jg_expander *expander;
  struct jg_txn *txn; /* what `changes` came from */
  /* In the middle of a snapshot that has come to the jobs up to passed_rid: what changes of the others is not shown, as they
   * come in a later part, and tokens tell how far it is. */
  bool in_snapshot;
  int64_t passed_rid;
};
struct jg_batches {
  struct jg_batch *items; /* in the arena; the caller owns each one's reference */
  size_t count;
  int64_t through; /* everything up to here is in them */
};

/* Encodes a page that began behind revision `after`; stops behind batches_max (> 0) messages. A job that would not fit a
 * message comes without its embedded entities, and if it still does not fit, as id, revision and etag. A view that gathers gets
 * the messages of its first window that shows something: through may then lie before the page's end. Such a message is a unit:
 * only its ends are places to go on from.
 * Statuses: jg_sift_pick's, jg_expand_jobs', RESOURCE_EXHAUSTED at the arena's cap. */
JG_MUST_CHECK struct jg_status jg_batch_encode(const struct jg_batch_source *source, const struct jg_changes *changes,
                                               int64_t after, size_t batches_max, struct jg_arena *arena,
                                               struct jg_batches *ret_batches);
/* The same of what was picked for the source's view out of a page that began behind `after`; all of it. The batches live in the
 * sift's arena. */
JG_MUST_CHECK struct jg_status jg_batch_encode_picks(const struct jg_batch_source *source, struct jg_sift *sift,
                                                     const struct jg_picks *picks, int64_t after,
                                                     struct jg_batches *ret_batches);

/* Makes one message of the bodies given, in order, with the token of `through`, or without one: NULL, not resumable.
 * change_count is the caller's to fill. */
struct jg_batch jg_batch_join(const struct jg_token *token, const struct jg_str *bodies, size_t count, int64_t after,
                              int64_t through);
/* What is left of a batch's body behind `revision`; *ret_change_count: changes in it. */
struct jg_str jg_batch_body_behind(const struct jg_batch *batch, int64_t revision, uint32_t *ret_change_count);

#endif
