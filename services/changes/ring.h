/* The newest messages of one view, and one budget of bytes over all views (H2).
 * A ring covers (start, through]: every change that its view shows and whose revision is in there is in one of its batches.
 * Thread: a ring is used under its view's lock. The budget belongs to the tail thread, which alone appends and drops. */
#ifndef JG_SERVICES_CHANGES_RING_H
#define JG_SERVICES_CHANGES_RING_H

#include "services/changes/batch.h"

/* Small batches in a row are sent as one message of up to this many bytes to whoever is behind by several. */
#define JG_RING_JOIN_BYTES ((size_t)64 << 10)
/* Messages that were joined or read from the log are kept for the next stream at the same place: so many, each so small. */
#define JG_RING_RECENT_COUNT 4
#define JG_RING_RECENT_BYTES ((size_t)512 << 10)

struct jg_ring_node;

/* All rings' batches, oldest first. */
struct jg_ring_budget {
  struct jg_ring_node *oldest, *newest;
  size_t bytes, bytes_max;
};

/* A plain value so that it can live in its view; the members are the ring's own but for key, start and through. */
struct jg_ring {
  const struct jg_view_key *key;
  int64_t start, through;
  struct jg_ring_node **nodes; /* circular, `capacity` a power of two */
  size_t first, count, capacity;
  struct jg_batch recent[JG_RING_RECENT_COUNT];
  bool recent_full[JG_RING_RECENT_COUNT]; /* more would not have fitted */
  size_t recent_next;
};

enum jg_ring_place {
  JG_RING_FOUND, /* a message follows */
  JG_RING_TIP,   /* nothing follows yet */
  JG_RING_BEHIND /* the ring begins later: read the log */
};

void jg_ring_init(struct jg_ring *ring, const struct jg_view_key *key, int64_t start); /* borrows the key until done */
void jg_ring_done(struct jg_ring *ring, struct jg_ring_budget *budget);

/* Takes the batch's reference. batch->after == ring->through. */
void jg_ring_append(struct jg_ring *ring, struct jg_ring_budget *budget, const struct jg_batch *batch);
/* Nothing that the view shows happened up to there. */
void jg_ring_pass(struct jg_ring *ring, int64_t through);
/* Drops everything and begins anew behind `start`. */
void jg_ring_restart(struct jg_ring *ring, struct jg_ring_budget *budget, int64_t start);

/* The ring that holds the oldest batch of all, if the budget is exceeded; else NULL. */
struct jg_ring *jg_ring_over_budget(const struct jg_ring_budget *budget);
/* The ring must not be empty. */
void jg_ring_drop_oldest(struct jg_ring *ring, struct jg_ring_budget *budget);

/* What comes next for a stream at *cursor, which is moved over what shows nothing. FOUND gives a reference: the batch as it
 * lies, what is behind the cursor of it, or several joined. */
enum jg_ring_place jg_ring_next(struct jg_ring *ring, int64_t *cursor, struct jg_batch *ret_batch);

/* Nothing that the view shows is known behind `cursor`, and nothing before it is missing. */
bool jg_ring_at_tip(const struct jg_ring *ring, int64_t cursor);

/* Shares a message that was read from the log. */
void jg_ring_remember(struct jg_ring *ring, const struct jg_batch *batch);
/* A remembered message that begins behind `cursor`; gives a reference. */
bool jg_ring_recall(struct jg_ring *ring, int64_t cursor, struct jg_batch *ret_batch);

#endif
