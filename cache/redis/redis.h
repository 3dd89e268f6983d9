/* The shared level: Redis. One connection, on a loop and thread of its own; callers post what they want to it and wait no longer
 * than their time budget (get, claim), or not at all (put). Redis down, slow, full or damaged is a miss, never an error (C4).
 * Thread: any, but create and destroy: main. */
#ifndef JG_CACHE_REDIS_REDIS_H
#define JG_CACHE_REDIS_REDIS_H

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "cache/level.h"

struct jg_redis_options {
  struct jg_str url;            /* url.h */
  uint64_t form;                /* of the values that this program writes and reads (stored.h) */
  int64_t budget_ms;            /* of one get; > 0 */
  int64_t ttl_seconds;          /* of a value, a tenth more or less; > 0 */
  const struct jg_clock *clock; /* borrows until destroy */
  struct jg_metrics *metrics;   /* borrows until destroy; NULL allowed */
  const struct jg_log *log;     /* borrows until destroy; NULL allowed */
};

/* Waits for the first connection, a second or so at most: a restarted server begins warm. That it cannot be made is no error.
 * INVALID_ARGUMENT, UNIMPLEMENTED: of the URL. */
JG_MUST_CHECK struct jg_status jg_cache_redis_create(const struct jg_redis_options *options, struct jg_arena *arena,
                                                     struct jg_cache_level **ret_level);
/* The URL alone, as create checks it. */
JG_MUST_CHECK struct jg_status jg_cache_redis_check_url(struct jg_str url, struct jg_arena *arena);
/* How it stands now; texts are static or live as long as the level. */
void jg_cache_redis_health(struct jg_cache_level *level, struct jg_cache_health *ret_health);

#endif
