#include "base/clock.h"

#include <stddef.h>
#include <time.h>

#include "base/compiler.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_TICK INT64_C(100)

static int64_t system_now_ticks(const struct jg_clock *clock) {
  (void)clock;  // The system's clock has no state of ours.
  struct timespec now;
  JG_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
  return (int64_t)now.tv_sec * JG_TICKS_PER_SECOND + now.tv_nsec / NS_PER_TICK;
}

static int64_t system_mono_ns(const struct jg_clock *clock) {
  (void)clock;  // As above.
  struct timespec now;
  JG_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

const struct jg_clock *jg_clock_system(void) {
  static const struct jg_clock clock = {.now_ticks = system_now_ticks, .mono_ns = system_mono_ns};
  return &clock;
}

_Static_assert(offsetof(struct jg_clock_manual, clock) == 0, "the callbacks cast the clock to its owner");

static int64_t manual_now_ticks(const struct jg_clock *clock) {
  // Relaxed: time orders nothing; a test that moves it synchronises by other means.
  return atomic_load_explicit(&((const struct jg_clock_manual *)clock)->ticks, memory_order_relaxed);
}

static int64_t manual_mono_ns(const struct jg_clock *clock) {
  return atomic_load_explicit(&((const struct jg_clock_manual *)clock)->ns, memory_order_relaxed);
}

void jg_clock_manual_init(struct jg_clock_manual *manual, int64_t ticks) {
  manual->clock = (struct jg_clock){.now_ticks = manual_now_ticks, .mono_ns = manual_mono_ns};
  atomic_init(&manual->ticks, ticks);
  // Not 0, which callers use for "no deadline".
  atomic_init(&manual->ns, NS_PER_SECOND);
}

void jg_clock_manual_advance_ns(struct jg_clock_manual *manual, int64_t ns) {
  int64_t before = atomic_fetch_add_explicit(&manual->ns, ns, memory_order_relaxed);
  // Whole ticks that were passed, so that many steps below a tick add up.
  int64_t ticks = (before + ns) / NS_PER_TICK - before / NS_PER_TICK;
  atomic_fetch_add_explicit(&manual->ticks, ticks, memory_order_relaxed);
}
