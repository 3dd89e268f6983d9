#include "services/changes/timers.h"

#include <string.h>

#include "base/compiler.h"

#define CAPACITY_FIRST 16u

static void put(struct jg_timers *timers, size_t index, struct jg_timer *timer) {
  timers->heap[index] = timer;
  timer->place = index + 1;
}

/* Moves a timer from `index` towards the top, then towards the bottom, until the heap is one again. */
static void settle(struct jg_timers *timers, size_t index) {
  struct jg_timer *timer = timers->heap[index];
  while (index > 0) {
    size_t parent = (index - 1) / 2;
    if (timers->heap[parent]->due_ns <= timer->due_ns) {
      break;
    }
    put(timers, index, timers->heap[parent]);
    index = parent;
  }
  for (;;) {
    size_t child = 2 * index + 1;
    if (child + 1 < timers->count && timers->heap[child + 1]->due_ns < timers->heap[child]->due_ns) {
      child++;
    }
    if (child >= timers->count || timers->heap[child]->due_ns >= timer->due_ns) {
      break;
    }
    put(timers, index, timers->heap[child]);
    index = child;
  }
  put(timers, index, timer);
}

void jg_timers_done(struct jg_timers *timers) {
  JG_ASSERT(timers->count == 0);
  jg_free(timers->heap);
  *timers = (struct jg_timers){0};
}

void jg_timers_set(struct jg_timers *timers, struct jg_timer *timer, int64_t due_ns) {
  timer->due_ns = due_ns;
  if (timer->place == 0) {
    if (timers->count == timers->capacity) {
      timers->capacity = timers->capacity == 0 ? CAPACITY_FIRST : timers->capacity * 2;
      timers->heap = jg_realloc(timers->heap, timers->capacity * sizeof(struct jg_timer *));
    }
    put(timers, timers->count++, timer);
  }
  JG_ASSERT(timers->heap[timer->place - 1] == timer);
  settle(timers, timer->place - 1);
}

void jg_timers_remove(struct jg_timers *timers, struct jg_timer *timer) {
  if (timer->place == 0) {
    return;
  }
  size_t index = timer->place - 1;
  JG_ASSERT(timers->heap[index] == timer);
  timer->place = 0;
  struct jg_timer *last = timers->heap[--timers->count];
  if (last != timer) {
    put(timers, index, last);
    settle(timers, index);
  }
}

struct jg_timer *jg_timers_first(const struct jg_timers *timers) {
  return timers->count > 0 ? timers->heap[0] : NULL;
}
