#include "services/changes/ring.h"

#define CAPACITY_FIRST 16u
#define JOIN_COUNT 64u

struct jg_ring_node {
  struct jg_batch batch;
  struct jg_ring *ring;
  struct jg_ring_node *older, *newer; /* of all rings */
};

static struct jg_ring_node **slot(const struct jg_ring *ring, size_t index) {
  return &ring->nodes[(ring->first + index) & (ring->capacity - 1)];
}

static const struct jg_batch *batch_at(const struct jg_ring *ring, size_t index) {
  JG_ASSERT(index < ring->count);
  return &(*slot(ring, index))->batch;
}

/* What a batch costs in memory. */
static size_t cost(const struct jg_batch *batch) {
  return batch->bytes->len + sizeof(struct jg_bytes) + sizeof(struct jg_ring_node) + sizeof(struct jg_ring_node *);
}

void jg_ring_init(struct jg_ring *ring, const struct jg_view_key *key, int64_t start) {
  *ring = (struct jg_ring){.key = key, .start = start, .through = start};
}

static void forget(struct jg_ring *ring) {
  for (size_t i = 0; i < JG_RING_RECENT_COUNT; i++) {
    jg_bytes_unref(ring->recent[i].bytes);
    ring->recent[i] = (struct jg_batch){0};
  }
}

void jg_ring_done(struct jg_ring *ring, struct jg_ring_budget *budget) {
  jg_ring_restart(ring, budget, ring->through);
  forget(ring);
  jg_free(ring->nodes);
  *ring = (struct jg_ring){0};
}

static void grow(struct jg_ring *ring) {
  size_t capacity = ring->capacity == 0 ? CAPACITY_FIRST : ring->capacity * 2;
  struct jg_ring_node **nodes = jg_alloc(capacity * sizeof(struct jg_ring_node *));
  for (size_t i = 0; i < ring->count; i++) {
    nodes[i] = *slot(ring, i);
  }
  jg_free(ring->nodes);
  ring->nodes = nodes;
  ring->first = 0;
  ring->capacity = capacity;
}

void jg_ring_append(struct jg_ring *ring, struct jg_ring_budget *budget, const struct jg_batch *batch) {
  JG_ASSERT(batch->after == ring->through && batch->through > batch->after);
  struct jg_ring_node *node = jg_alloc(sizeof(*node));
  *node = (struct jg_ring_node){.batch = *batch, .ring = ring, .older = budget->newest};
  if (budget->newest != NULL) {
    budget->newest->newer = node;
  } else {
    budget->oldest = node;
  }
  budget->newest = node;
  budget->bytes += cost(batch);
  if (ring->count == ring->capacity) {
    grow(ring);
  }
  ring->count++;
  *slot(ring, ring->count - 1) = node;
  ring->through = batch->through;
}

void jg_ring_pass(struct jg_ring *ring, int64_t through) {
  JG_ASSERT(through >= ring->through);
  ring->through = through;
}

void jg_ring_restart(struct jg_ring *ring, struct jg_ring_budget *budget, int64_t start) {
  JG_ASSERT(start >= ring->through);
  while (ring->count > 0) {
    jg_ring_drop_oldest(ring, budget);
  }
  ring->start = start;
  ring->through = start;
}

struct jg_ring *jg_ring_over_budget(const struct jg_ring_budget *budget) {
  return budget->bytes > budget->bytes_max ? budget->oldest->ring : NULL;
}

void jg_ring_drop_oldest(struct jg_ring *ring, struct jg_ring_budget *budget) {
  JG_ASSERT(ring->count > 0);
  struct jg_ring_node *node = *slot(ring, 0);
  ring->first++;
  ring->count--;
  ring->start = node->batch.through;
  *(node->older != NULL ? &node->older->newer : &budget->oldest) = node->newer;
  *(node->newer != NULL ? &node->newer->older : &budget->newest) = node->older;
  budget->bytes -= cost(&node->batch);
  jg_bytes_unref(node->batch.bytes);
  jg_free(node);
}

/* Index of the first batch that reaches beyond the cursor; there is one. Most streams are near the end: search from there. */
static size_t find(const struct jg_ring *ring, int64_t cursor) {
  size_t high = ring->count - 1; /* reaches beyond */
  size_t low = 0;                /* all before it do not */
  for (size_t step = 1; step <= high; step *= 2) {
    if (batch_at(ring, high - step)->through <= cursor) {
      low = high - step + 1;
      break;
    }
    high -= step;
  }
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (batch_at(ring, middle)->through > cursor) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

static struct jg_batch share(const struct jg_batch *batch) {
  struct jg_batch shared = *batch;
  shared.bytes = jg_bytes_ref(batch->bytes);
  return shared;
}

static void remember(struct jg_ring *ring, const struct jg_batch *batch, bool full) {
  if (batch->bytes->len > JG_RING_RECENT_BYTES) {
    return;
  }
  size_t i = ring->recent_next;
  ring->recent_next = (i + 1) % JG_RING_RECENT_COUNT;
  jg_bytes_unref(ring->recent[i].bytes);
  ring->recent[i] = share(batch);
  ring->recent_full[i] = full;
}

void jg_ring_remember(struct jg_ring *ring, const struct jg_batch *batch) {
  remember(ring, batch, true);
}

bool jg_ring_recall(struct jg_ring *ring, int64_t cursor, struct jg_batch *ret_batch) {
  int64_t last = ring->count > 0 ? batch_at(ring, ring->count - 1)->through : 0;
  for (size_t i = 0; i < JG_RING_RECENT_COUNT; i++) {
    const struct jg_batch *batch = &ring->recent[i];
    // One that was joined when less was there is good, but not as good as joining anew.
    if (batch->bytes != NULL && batch->after == cursor && (ring->recent_full[i] || batch->through >= last)) {
      *ret_batch = share(batch);
      return true;
    }
  }
  return false;
}

/* One message of what is left of batch `index` behind the cursor and of the batches after it while it stays small.
 * The copy is made under the lock: it is small, and whoever waits for the lock is most likely after the same message. */
static struct jg_batch join(struct jg_ring *ring, size_t index, int64_t cursor) {
  struct jg_str bodies[JOIN_COUNT];
  const struct jg_batch *last = batch_at(ring, index);
  uint32_t change_count = 0;
  bodies[0] = jg_batch_body_behind(last, cursor, &change_count);
  size_t bytes = bodies[0].len;
  size_t count = 1;
  size_t i = index + 1;
  for (; i < ring->count && count < JOIN_COUNT; i++) {
    const struct jg_batch *next = batch_at(ring, i);
    if (bytes + next->body_len > JG_RING_JOIN_BYTES) {
      break;
    }
    uint32_t more = 0;
    bodies[count++] = jg_batch_body_behind(next, next->after, &more);
    change_count += more;
    bytes += next->body_len;
    last = next;
  }
  const struct jg_token token = jg_view_token(ring->key, last->through);
  struct jg_batch joined = jg_batch_join(last->resumable ? &token : NULL, bodies, count, cursor, last->through);
  joined.change_count = change_count;
  remember(ring, &joined, i < ring->count);
  return joined;
}

bool jg_ring_at_tip(const struct jg_ring *ring, int64_t cursor) {
  return cursor >= ring->start && (ring->count == 0 || batch_at(ring, ring->count - 1)->through <= cursor);
}

enum jg_ring_place jg_ring_next(struct jg_ring *ring, int64_t *cursor, struct jg_batch *ret_batch) {
  if (*cursor < ring->start) {
    return JG_RING_BEHIND;
  }
  for (;;) {
    if (jg_ring_at_tip(ring, *cursor)) {
      return JG_RING_TIP;
    }
    size_t index = find(ring, *cursor);
    const struct jg_batch *batch = batch_at(ring, index);
    if (*cursor <= batch->after) {
      // Between two batches nothing is shown.
      *cursor = batch->after;
      bool joinable =
          index + 1 < ring->count && batch->body_len + batch_at(ring, index + 1)->body_len <= JG_RING_JOIN_BYTES;
      if (!joinable) {
        *ret_batch = share(batch);
        return JG_RING_FOUND;
      }
    } else {
      uint32_t change_count = 0;
      if (jg_batch_body_behind(batch, *cursor, &change_count).len == 0) {
        *cursor = batch->through;
        continue;
      }
    }
    if (!jg_ring_recall(ring, *cursor, ret_batch)) {
      *ret_batch = join(ring, index, *cursor);
    }
    return JG_RING_FOUND;
  }
}
