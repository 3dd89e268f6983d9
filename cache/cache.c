#include "cache/cache.h"

#include "base/compiler.h"
#include "cache/level.h"
#include "cache/memory/memory.h"

struct jg_cache {
  struct jg_cache_level *memory; /* owns */
};

struct jg_status jg_cache_create(const struct jg_cache_options *options, struct jg_arena *arena,
                                 struct jg_cache **ret_cache) {
  if (!jg_str_equal(options->url, JG_STR("memory:"))) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_NONE, "unknown cache \"%.*s\", expected memory:",
                            (int)(options->url.len < 100 ? options->url.len : 100), options->url.data);
  }
  struct jg_cache *cache = jg_alloc(sizeof(*cache));
  cache->memory = jg_cache_memory_create(options->bytes_max, options->metrics);
  *ret_cache = cache;
  return JG_STATUS_OK;
}

void jg_cache_destroy(struct jg_cache *cache) {
  if (cache == NULL) {
    return;
  }
  cache->memory->ops->destroy(cache->memory);
  jg_free(cache);
}

size_t jg_cache_peek(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                     struct jg_cache_value **ret_values) {
  return cache->memory->ops->get(cache->memory, keys, count, ret_values);
}

size_t jg_cache_get(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                    struct jg_cache_value **ret_values) {
  return cache->memory->ops->get(cache->memory, keys, count, ret_values);
}

void jg_cache_put(struct jg_cache *cache, struct jg_cache_value *value) {
  cache->memory->ops->put(cache->memory, value);
}
