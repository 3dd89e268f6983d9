#include "cache/redis/breaker.h"

#include "base/compiler.h"

/* A breaker that stayed closed for so many longest pauses is well again: the pause begins anew. */
#define WELL_PAUSES 2

void jg_breaker_init(struct jg_breaker *breaker, uint32_t failures_max, int64_t pause_min_ns, int64_t pause_max_ns) {
  JG_ASSERT(failures_max > 0);
  JG_ASSERT(pause_min_ns > 0 && pause_min_ns <= pause_max_ns);
  *breaker = (struct jg_breaker){.state = JG_BREAKER_OPEN,
                                 .failures_max = failures_max,
                                 .pause_min_ns = pause_min_ns,
                                 .pause_max_ns = pause_max_ns,
                                 .pause_ns = pause_min_ns,
                                 .probe_at_ns = INT64_MIN};
}

bool jg_breaker_probe(struct jg_breaker *breaker, int64_t now_ns) {
  if (breaker->state != JG_BREAKER_OPEN || now_ns < breaker->probe_at_ns) {
    return false;
  }
  breaker->state = JG_BREAKER_HALF_OPEN;
  return true;
}

void jg_breaker_probe_now(struct jg_breaker *breaker) {
  breaker->state = JG_BREAKER_HALF_OPEN;
}

void jg_breaker_success(struct jg_breaker *breaker, int64_t now_ns) {
  if (breaker->state == JG_BREAKER_HALF_OPEN) {
    breaker->state = JG_BREAKER_CLOSED;
    breaker->closed_at_ns = now_ns;
  }
  breaker->failures = 0;
}

/* A probe that failed doubles the pause; so does opening again soon after closing, or a server that answers probes and nothing
 * else would be asked all the time. */
static void open_for_a_pause(struct jg_breaker *breaker, int64_t now_ns, uint32_t random) {
  bool well =
      breaker->state == JG_BREAKER_CLOSED && now_ns - breaker->closed_at_ns > breaker->pause_max_ns * WELL_PAUSES;
  if (well) {
    breaker->pause_ns = breaker->pause_min_ns;
  } else if (breaker->probe_at_ns != INT64_MIN) {
    breaker->pause_ns = breaker->pause_ns > breaker->pause_max_ns / 2 ? breaker->pause_max_ns : breaker->pause_ns * 2;
  }
  int64_t half = breaker->pause_ns / 2;
  breaker->state = JG_BREAKER_OPEN;
  breaker->failures = 0;
  breaker->probe_at_ns = now_ns + half + (int64_t)((uint64_t)random * (uint64_t)(half >> 16) >> 16);
}

void jg_breaker_failure(struct jg_breaker *breaker, int64_t now_ns, uint32_t random) {
  if (breaker->state == JG_BREAKER_HALF_OPEN ||
      (breaker->state == JG_BREAKER_CLOSED && ++breaker->failures >= breaker->failures_max)) {
    open_for_a_pause(breaker, now_ns, random);
  }
}

void jg_breaker_trip(struct jg_breaker *breaker, int64_t now_ns, uint32_t random) {
  if (breaker->state != JG_BREAKER_OPEN) {
    open_for_a_pause(breaker, now_ns, random);
  }
}

const char *jg_breaker_state_name(enum jg_breaker_state state) {
  static const char *const names[] = {
      [JG_BREAKER_CLOSED] = "closed", [JG_BREAKER_HALF_OPEN] = "half_open", [JG_BREAKER_OPEN] = "open"};
  JG_ASSERT((unsigned)state < JG_COUNT(names));
  return names[state];
}
