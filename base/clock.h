/* Time as a parameter, so that tests own it. Thread: any. */
#ifndef JG_BASE_CLOCK_H
#define JG_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

/* Ticks: 100 ns since 1970-01-01T00:00:00Z, the resolution of the contract's dates. 0001..9999 fits. */
#define JG_TICKS_PER_SECOND INT64_C(10000000)
/* 1980-01-01T00:00:00Z: the contract's "never set" (statement 16). */
#define JG_TICKS_UNSET (INT64_C(315532800) * JG_TICKS_PER_SECOND)

struct jg_clock {
  int64_t (*now_ticks)(const struct jg_clock *clock); /* wall clock, ticks */
  int64_t (*mono_ns)(const struct jg_clock *clock);   /* monotonic, nanoseconds */
};

const struct jg_clock *jg_clock_system(void);

/* A clock that stands still until moved; for tests. */
struct jg_clock_manual {
  struct jg_clock clock; /* pass &manual.clock */
  _Atomic int64_t ticks;
  _Atomic int64_t ns;
};
void jg_clock_manual_init(struct jg_clock_manual *manual, int64_t ticks);
void jg_clock_manual_advance_ns(struct jg_clock_manual *manual, int64_t ns); /* moves both */

static inline int64_t jg_clock_now_ticks(const struct jg_clock *clock) {
  return clock->now_ticks(clock);
}
static inline int64_t jg_clock_mono_ns(const struct jg_clock *clock) {
  return clock->mono_ns(clock);
}

#endif
