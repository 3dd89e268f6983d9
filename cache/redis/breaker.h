/* A circuit breaker: a state machine without threads, timers or texts of its own. Closed: everything passes. Open: nothing
 * does, for a pause that doubles with each probe that failed. Half-open: probes alone. Begins open with a probe due, so that
 * the first connection is a probe as well. Thread: its owner's. */
#ifndef JG_CACHE_REDIS_BREAKER_H
#define JG_CACHE_REDIS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum jg_breaker_state { JG_BREAKER_CLOSED, JG_BREAKER_HALF_OPEN, JG_BREAKER_OPEN };

/* A plain value, read by its owner; set by the functions. Times are monotonic nanoseconds. */
struct jg_breaker {
  enum jg_breaker_state state;
  uint32_t failures_max; /* so many in a row open it */
  uint32_t failures;     /* in a row, while closed */
  int64_t pause_min_ns, pause_max_ns;
  int64_t pause_ns;    /* the current one, before jitter */
  int64_t probe_at_ns; /* open: when the next probe is due */
  int64_t closed_at_ns;
};

/* 0 < pause_min_ns <= pause_max_ns; failures_max > 0. */
void jg_breaker_init(struct jg_breaker *breaker, uint32_t failures_max, int64_t pause_min_ns, int64_t pause_max_ns);
/* Open and due: becomes half-open, and the caller makes a probe, whose end it tells by success or failure. */
bool jg_breaker_probe(struct jg_breaker *breaker, int64_t now_ns);
/* Half-open whatever the time: something else gave the chance of a probe. */
void jg_breaker_probe_now(struct jg_breaker *breaker);
/* Closes a half-open one; while it is open, what comes late says nothing. */
void jg_breaker_success(struct jg_breaker *breaker, int64_t now_ns);
/* One of a few. random: any 32 bits; the pause is 1/2 to 1 of its length, so that replicas do not probe in step. */
void jg_breaker_failure(struct jg_breaker *breaker, int64_t now_ns, uint32_t random);
/* A failure that leaves no doubt: opens at once. */
void jg_breaker_trip(struct jg_breaker *breaker, int64_t now_ns, uint32_t random);
const char *jg_breaker_state_name(enum jg_breaker_state state); /* "half_open" */

#endif
