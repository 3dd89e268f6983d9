#include "cache/cache.h"

#include <time.h>

#include "base/compiler.h"
#include "cache/flight.h"
#include "cache/level.h"
#include "cache/memory/memory.h"
#include "cache/redis/redis.h"

#define BUDGET_MS 50
#define TTL_SECONDS 86400
/* Keys of one batch to the shared level; what a page refers to is fewer. */
#define BATCH_KEYS 256
#define LOAD_WAIT_NS INT64_C(1000000000)
/* Waits for another process: 1, 2, 4, 8 ms, then whoever waits loads by itself. Loading is cheaper than waiting longer. */
#define AWAIT_FIRST_NS 1000000L
#define AWAIT_ROUNDS 4

struct jg_cache {
  struct jg_cache_level *memory; /* owns */
  struct jg_cache_level *shared; /* owns; NULL: none */
  struct jg_flights *flights;    /* owns */
  struct jg_metric *awaited, *await_given_up;
};

static bool is_memory(struct jg_str url) {
  return jg_str_equal(url, JG_STR("memory:"));
}

struct jg_status jg_cache_check_url(struct jg_str url, struct jg_arena *arena) {
  return is_memory(url) ? JG_STATUS_OK : jg_cache_redis_check_url(url, arena);
}

struct jg_status jg_cache_create(const struct jg_cache_options *options, struct jg_arena *arena,
                                 struct jg_cache **ret_cache) {
  struct jg_cache_level *shared = NULL;
  if (!is_memory(options->url)) {
    const struct jg_redis_options redis = {
        .url = options->url,
        .form = options->form,
        .budget_ms = options->budget_ms > 0 ? options->budget_ms : BUDGET_MS,
        .ttl_seconds = options->ttl_seconds > 0 ? options->ttl_seconds : TTL_SECONDS,
        .clock = options->clock,
        .metrics = options->metrics,
        .log = options->log,
    };
    JG_RETURN_IF_ERROR(jg_cache_redis_create(&redis, arena, &shared));
  }
  struct jg_cache *cache = jg_alloc(sizeof(*cache));
  const char *help = "Keys waited for while another process held their lease.";
  *cache = (struct jg_cache){
      .memory = jg_cache_memory_create(options->bytes_max, options->metrics),
      .shared = shared,
      .flights = jg_flights_create(options->metrics),
      .awaited = jg_metrics_counter(options->metrics, "jobgate_cache_lease_waits_total", help, "result=\"found\""),
      .await_given_up =
          jg_metrics_counter(options->metrics, "jobgate_cache_lease_waits_total", help, "result=\"given_up\""),
  };
  *ret_cache = cache;
  return JG_STATUS_OK;
}

void jg_cache_destroy(struct jg_cache *cache) {
  if (cache == NULL) {
    return;
  }
  if (cache->shared != NULL) {
    cache->shared->ops->destroy(cache->shared);
  }
  cache->memory->ops->destroy(cache->memory);
  jg_flights_destroy(cache->flights);
  jg_free(cache);
}

size_t jg_cache_peek(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                     struct jg_cache_value **ret_values) {
  return cache->memory->ops->get(cache->memory, keys, count, ret_values);
}

/* Asks the shared level for what is missing of keys [from, count), a batch at most; what it finds is kept in the process.
 * *ret_next: the key to go on with. */
static size_t get_shared(struct jg_cache *cache, const struct jg_cache_key *keys, size_t from, size_t count,
                         struct jg_cache_value **values, size_t *ret_next) {
  struct jg_cache_key missing[BATCH_KEYS];
  struct jg_cache_value *found[BATCH_KEYS];
  size_t places[BATCH_KEYS];
  size_t missing_count = 0;
  size_t at = from;
  for (; at < count && missing_count < BATCH_KEYS; at++) {
    if (values[at] == NULL) {
      places[missing_count] = at;
      missing[missing_count++] = keys[at];
    }
  }
  *ret_next = at;
  if (missing_count == 0) {
    return 0;
  }
  size_t found_count = cache->shared->ops->get(cache->shared, missing, missing_count, found);
  for (size_t i = 0; found_count > 0 && i < missing_count; i++) {
    values[places[i]] = found[i];
    if (found[i] != NULL) {
      cache->memory->ops->put(cache->memory, found[i]);
    }
  }
  return found_count;
}

size_t jg_cache_get(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                    struct jg_cache_value **ret_values) {
  size_t found = cache->memory->ops->get(cache->memory, keys, count, ret_values);
  if (cache->shared == NULL) {
    return found;
  }
  for (size_t next = 0; found < count && next < count;) {
    found += get_shared(cache, keys, next, count, ret_values, &next);
  }
  return found;
}

void jg_cache_put(struct jg_cache *cache, struct jg_cache_value *value) {
  cache->memory->ops->put(cache->memory, value);
  if (cache->shared != NULL) {
    cache->shared->ops->put(cache->shared, value);
  }
}

void jg_cache_claim(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count, bool *ret_mine) {
  if (cache->shared != NULL) {
    cache->shared->ops->claim(cache->shared, keys, count, ret_mine);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    ret_mine[i] = true;
  }
}

size_t jg_cache_await(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                      struct jg_cache_value **values) {
  size_t missing = 0, found = 0;
  for (size_t i = 0; i < count; i++) {
    missing += values[i] == NULL;
  }
  for (unsigned round = 0; round < AWAIT_ROUNDS && found < missing; round++) {
    const struct timespec pause = {.tv_nsec = AWAIT_FIRST_NS << round};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);  // a signal makes it shorter
    // Another thread of this process may have found it by now.
    for (size_t i = 0; i < count; i++) {
      if (values[i] == NULL) {
        values[i] = cache->memory->ops->again(cache->memory, &keys[i]);
        found += values[i] != NULL;
      }
    }
    for (size_t next = 0; found < missing && next < count;) {
      found += get_shared(cache, keys, next, count, values, &next);
    }
  }
  jg_metric_add(cache->awaited, (int64_t)found);
  jg_metric_add(cache->await_given_up, (int64_t)(missing - found));
  return found;
}

bool jg_cache_load_begin(struct jg_cache *cache, const struct jg_cache_key *key, bool may_wait,
                         struct jg_cache_value **ret_value) {
  if (!jg_flight_begin(cache->flights, key, may_wait ? LOAD_WAIT_NS : 0, ret_value)) {
    return false;
  }
  // It may have been loaded between the caller's look and this one.
  struct jg_cache_value *value = cache->memory->ops->again(cache->memory, key);
  if (value == NULL) {
    return true;
  }
  jg_flight_end(cache->flights, key, value);
  *ret_value = value;
  return false;
}

void jg_cache_load_end(struct jg_cache *cache, const struct jg_cache_key *key, struct jg_cache_value *value) {
  jg_flight_end(cache->flights, key, value);
}

void jg_cache_health(struct jg_cache *cache, struct jg_cache_health *ret_health) {
  *ret_health = (struct jg_cache_health){0};
  if (cache->shared != NULL) {
    jg_cache_redis_health(cache->shared, ret_health);
  }
}
