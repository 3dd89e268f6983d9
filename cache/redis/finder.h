/* Finds the master through Sentinels: asks one after the other, beginning with the one that answered last. Thread: the loop's. */
#ifndef JG_CACHE_REDIS_FINDER_H
#define JG_CACHE_REDIS_FINDER_H

#include "cache/redis/link.h"

struct jg_redis_finder;

struct jg_redis_finder_options {
  uv_loop_t *loop;
  const struct jg_redis_url *url; /* borrows until destroy */
  uint64_t ask_ms;                /* budget of each Sentinel */
  /* Borrows the address. */
  void (*found)(const struct jg_redis_endpoint *master, void *data);
  /* None of them names a master; the reason of the last one asked. */
  void (*failed)(enum jg_redis_reason reason, void *data);
  void *data;
};

struct jg_redis_finder *jg_redis_finder_create(const struct jg_redis_finder_options *options);
/* NULL is allowed. Not while a search runs: cancel first. */
void jg_redis_finder_destroy(struct jg_redis_finder *finder);
/* found or failed follows, never before this returns. None may be under way. */
void jg_redis_finder_start(struct jg_redis_finder *finder);
/* Ends a search, which then tells nothing. */
void jg_redis_finder_cancel(struct jg_redis_finder *finder);

#endif
