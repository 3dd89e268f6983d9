/* One level of the cache: the table of functions that memory/ and redis/ implement. Included by
 * cache.c and the levels alone. */
#ifndef JG_CACHE_LEVEL_H
#define JG_CACHE_LEVEL_H

#include "cache/cache.h"

struct jg_cache_level;

/* Each does what the function of its name in cache.h says, for its level alone. */
struct jg_cache_level_ops {
  void (*destroy)(struct jg_cache_level *level);
  size_t (*get)(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count,
                struct jg_cache_value **ret_values);
  /* One key once more, by whoever has just missed it: not counted as another miss. A reference, or NULL. NULL: not offered. */
  struct jg_cache_value *(*again)(struct jg_cache_level *level, const struct jg_cache_key *key);
  void (*put)(struct jg_cache_level *level, struct jg_cache_value *value);
  /* NULL: the level is nobody else's. Else ret_mine[i]: nobody in another process loads keys[i] now, as far as is known. */
  void (*claim)(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count, bool *ret_mine);
};

/* First member of a level's struct. */
struct jg_cache_level {
  const struct jg_cache_level_ops *ops;
};

#endif
