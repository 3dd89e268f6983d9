#include "services/changes/penalty.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* 192 KiB in all. */
#define SET_COUNT 512u
#define WAYS 16u
#define NS_PER_MS INT64_C(1000000)

struct entry {
  uint64_t hash; /* 0: free */
  int64_t answered_ns;
  uint32_t count; /* answers so far */
};

struct jg_penalties {
  struct entry sets[SET_COUNT][WAYS];
};

struct jg_penalties *jg_penalties_create(void) {
  return jg_alloc_zero(1, sizeof(struct jg_penalties));
}

void jg_penalties_destroy(struct jg_penalties *penalties) {
  jg_free(penalties);
}

/* What is waited for after that many answers. */
static int64_t delay_ms(uint32_t count) {
  int64_t delay = count == 0 ? 0 : JG_PENALTY_MS_FIRST;
  for (uint32_t i = 1; i < count && delay < JG_PENALTY_MS_MAX; i++) {
    delay *= 2;
  }
  return delay;
}

static struct entry *find(struct jg_penalties *penalties, uint64_t hash) {
  struct entry *set = penalties->sets[hash % SET_COUNT];
  struct entry *oldest = &set[0];
  for (size_t i = 0; i < WAYS; i++) {
    if (set[i].hash == hash) {
      return &set[i];
    }
    bool free_now = set[i].hash == 0;
    oldest = oldest->hash != 0 && (free_now || set[i].answered_ns < oldest->answered_ns) ? &set[i] : oldest;
  }
  *oldest = (struct entry){.hash = hash};
  return oldest;
}

int64_t jg_penalties_add(struct jg_penalties *penalties, uint64_t hash, int64_t now_ns, int64_t *ret_next_ms) {
  struct entry *entry = find(penalties, hash != 0 ? hash : 1);
  int64_t delay = delay_ms(entry->count);
  if (entry->count > 0 && now_ns - entry->answered_ns >= (delay + JG_PENALTY_FORGET_MS) * NS_PER_MS) {
    entry->count = 0;
    delay = 0;
  }
  int64_t held_ns = entry->count > 0 ? entry->answered_ns + delay * NS_PER_MS - now_ns : 0;
  held_ns = held_ns < 0 ? 0 : held_ns;
  // Many callers may repeat the same thing: each waits as long as one would, they do not stand in a line.
  held_ns = held_ns > delay * NS_PER_MS ? delay * NS_PER_MS : held_ns;
  entry->answered_ns = now_ns + held_ns;
  entry->count += entry->count < UINT32_MAX;
  *ret_next_ms = delay_ms(entry->count);
  return (held_ns + NS_PER_MS - 1) / NS_PER_MS;
}
