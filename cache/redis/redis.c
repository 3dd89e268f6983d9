#include "cache/redis/redis.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/compiler.h"
#include "cache/redis/redis_internal.h"

#define URL_ARENA_BYTES (64u << 10)
#define NS_PER_MS INT64_C(1000000)
/* A caller leaves by itself if the loop is so late. */
#define LATE_NS (10 * NS_PER_MS)

static void redis_destroy(struct jg_cache_level *level);
static size_t redis_get(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count,
                        struct jg_cache_value **ret_values);
static void redis_put(struct jg_cache_level *level, struct jg_cache_value *value);
static void redis_claim(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count, bool *ret_mine);

static const struct jg_cache_level_ops redis_ops = {
    .destroy = redis_destroy, .get = redis_get, .put = redis_put, .claim = redis_claim};

struct jg_status jg_cache_redis_check_url(struct jg_str url, struct jg_arena *arena) {
  struct jg_redis_url parsed;
  return jg_redis_url_parse(url, arena, &parsed);
}

struct jg_status jg_cache_redis_create(const struct jg_redis_options *options, struct jg_arena *arena,
                                       struct jg_cache_level **ret_level) {
  JG_ASSERT(options->budget_ms > 0 && options->ttl_seconds > 0);
  JG_RETURN_IF_ERROR(jg_cache_redis_check_url(options->url, arena));
  struct jg_redis *redis = jg_alloc_zero(1, sizeof(*redis));
  redis->level.ops = &redis_ops;
  redis->magic = JG_REDIS_MAGIC;
  redis->options = *options;
  jg_arena_init(&redis->arena, URL_ARENA_BYTES);
  struct jg_status parsed = jg_redis_url_parse(options->url, &redis->arena, &redis->url);
  if (!jg_status_ok(parsed)) {
    jg_arena_done(&redis->arena);
    jg_free(redis);
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the cache's address is too long");
  }
  uint64_t holder;
  jg_random(&holder, sizeof(holder));
  (void)snprintf(redis->holder, sizeof(redis->holder), "%016" PRIx64, holder);
  redis->address = jg_redis_url_print(&redis->url, &redis->arena);
  jg_redis_meters_init(&redis->meters, options->metrics);
  jg_redis_loop_start(redis);
  (void)jg_queue_take(&redis->settled, (JG_REDIS_CONNECT_MS + options->budget_ms) * NS_PER_MS);  // or later
  *ret_level = &redis->level;
  return JG_STATUS_OK;
}

static void redis_destroy(struct jg_cache_level *level) {
  struct jg_redis *redis = jg_redis_of(level);
  jg_redis_loop_stop(redis);
  jg_arena_done(&redis->arena);
  redis->magic = 0;
  jg_free(redis);
}

/* Posts the ask, and drops it if there is no room. */
static bool post(struct jg_redis *redis, struct jg_redis_ask *ask) {
  if (jg_status_ok(jg_queue_post(&redis->queue, &ask->node))) {
    return true;
  }
  jg_metric_add(redis->meters.skipped, 1);
  jg_redis_ask_unref(ask);  // the loop's
  return false;
}

/* True if it finished in time, and well: its results are then the caller's to look at. */
static bool wait_for(struct jg_redis_ask *ask) {
  int64_t left_ns = ask->deadline_ns + LATE_NS - jg_clock_mono_ns(ask->redis->options.clock);
  return jg_queue_take(&ask->done, left_ns > 0 ? left_ns : 0) != NULL;
}

static size_t redis_get(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count,
                        struct jg_cache_value **ret_values) {
  struct jg_redis *redis = jg_redis_of(level);
  size_t found = 0;
  memset(ret_values, 0, count * sizeof(struct jg_cache_value *));
  // Relaxed: a hint; the loop looks again.
  if (count == 0 || !atomic_load_explicit(&redis->open_for[JG_REDIS_READS], memory_order_relaxed)) {
    jg_metric_add(redis->meters.skipped, count > 0);
    return 0;
  }
  struct jg_redis_ask *ask = jg_redis_ask_create(redis, JG_REDIS_GET, keys, count);
  if (post(redis, ask) && wait_for(ask)) {
    // Also when a part of it failed: each value proves itself.
    for (size_t i = 0; i < count; i++) {
      ret_values[i] = ask->values[i];
      ask->values[i] = NULL;
      found += ret_values[i] != NULL;
    }
  }
  jg_redis_ask_unref(ask);
  return found;
}

static void redis_claim(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count, bool *ret_mine) {
  struct jg_redis *redis = jg_redis_of(level);
  for (size_t i = 0; i < count; i++) {
    ret_mine[i] = true;
  }
  if (count == 0 || !atomic_load_explicit(&redis->open_for[JG_REDIS_WRITES], memory_order_relaxed)) {
    return;
  }
  struct jg_redis_ask *ask = jg_redis_ask_create(redis, JG_REDIS_CLAIM, keys, count);
  if (post(redis, ask) && wait_for(ask) && ask->reason == JG_REDIS_NONE) {
    for (size_t i = 0; i < count; i++) {
      ret_mine[i] = ask->leases[i] != JG_REDIS_LEASE_LOST;
      jg_metric_add(redis->meters.leases[ask->leases[i]], 1);
    }
  }
  jg_redis_ask_unref(ask);
}

static void redis_put(struct jg_cache_level *level, struct jg_cache_value *value) {
  struct jg_redis *redis = jg_redis_of(level);
  // Relaxed: hints and a bound on memory.
  bool fits = value->bytes <= JG_REDIS_VALUE_BYTES_MAX / 2 &&
              atomic_load_explicit(&redis->put_bytes, memory_order_relaxed) + value->bytes <= JG_REDIS_PUT_BYTES_MAX;
  if (!fits || !atomic_load_explicit(&redis->open_for[JG_REDIS_WRITES], memory_order_relaxed)) {
    jg_metric_add(redis->meters.dropped, 1);
    return;
  }
  struct jg_redis_ask *ask = jg_redis_ask_create(redis, JG_REDIS_PUT, &value->key, 1);
  ask->values[0] = jg_cache_value_ref(value);
  atomic_fetch_add_explicit(&redis->put_bytes, value->bytes, memory_order_relaxed);
  if (!jg_status_ok(jg_queue_post(&redis->queue, &ask->node))) {
    atomic_fetch_sub_explicit(&redis->put_bytes, value->bytes, memory_order_relaxed);
    jg_metric_add(redis->meters.dropped, 1);
    jg_redis_ask_unref(ask);  // the loop's
  }
  jg_redis_ask_unref(ask);  // nobody waits
}

void jg_cache_redis_health(struct jg_cache_level *level, struct jg_cache_health *ret_health) {
  struct jg_redis *redis = jg_redis_of(level);
  enum jg_redis_reason read = (enum jg_redis_reason)atomic_load(&redis->reason[JG_REDIS_READS]);
  enum jg_redis_reason write = (enum jg_redis_reason)atomic_load(&redis->reason[JG_REDIS_WRITES]);
  *ret_health = (struct jg_cache_health){
      .address = redis->address,
      .readable = read == JG_REDIS_NONE,
      .writable = write == JG_REDIS_NONE,
      .read_meaning = jg_redis_reason_meaning(read),
      .write_meaning = jg_redis_reason_meaning(write),
      .round_trip_ns = atomic_load(&redis->round_trip_ns),
  };
}
