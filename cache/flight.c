#include "cache/flight.h"

#include <pthread.h>
#include <time.h>

#include "base/compiler.h"
#include "base/hash.h"

#define SHARDS 16u /* a power of two */
#define NS_PER_SECOND INT64_C(1000000000)

/* A load under way, or one that has ended while some still wait. Lives on the heap: its threads leave in any order. */
struct flight {
  struct flight *next;
  struct jg_cache_key key;
  struct jg_cache_value *value; /* what came of it; owned */
  bool ended;
  size_t waiting;
};

struct shard {
  pthread_mutex_t mutex;
  pthread_cond_t ended; /* on the monotonic clock; one for all keys of the shard: waits are rare */
  struct flight *first; /* not ended */
};

struct jg_flights {
  struct jg_metric *shared, *given_up;
  struct shard shards[SHARDS];
};

struct jg_flights *jg_flights_create(struct jg_metrics *metrics) {
  struct jg_flights *flights = jg_alloc_zero(1, sizeof(*flights));
  const char *help = "Waits for another thread's load of the same key.";
  flights->shared = jg_metrics_counter(metrics, "jobgate_cache_load_waits_total", help, "result=\"shared\"");
  flights->given_up = jg_metrics_counter(metrics, "jobgate_cache_load_waits_total", help, "result=\"given_up\"");
  pthread_condattr_t monotonic;
  JG_ASSERT(pthread_condattr_init(&monotonic) == 0);
  JG_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
  for (size_t i = 0; i < SHARDS; i++) {
    JG_ASSERT(pthread_mutex_init(&flights->shards[i].mutex, NULL) == 0);
    JG_ASSERT(pthread_cond_init(&flights->shards[i].ended, &monotonic) == 0);
  }
  JG_ASSERT(pthread_condattr_destroy(&monotonic) == 0);
  return flights;
}

void jg_flights_destroy(struct jg_flights *flights) {
  if (flights == NULL) {
    return;
  }
  for (size_t i = 0; i < SHARDS; i++) {
    JG_ASSERT(flights->shards[i].first == NULL);
    JG_ASSERT(pthread_cond_destroy(&flights->shards[i].ended) == 0);
    JG_ASSERT(pthread_mutex_destroy(&flights->shards[i].mutex) == 0);
  }
  jg_free(flights);
}

static struct shard *shard_of(struct jg_flights *flights, const struct jg_cache_key *key) {
  uint64_t low;
  memcpy(&low, key->id.bytes + 8, sizeof low);
  return &flights->shards[jg_hash_mix(low ^ (uint64_t)key->kind) & (SHARDS - 1)];
}

static void lock(struct shard *shard) {
  JG_ASSERT(pthread_mutex_lock(&shard->mutex) == 0);
}

static void unlock(struct shard *shard) {
  JG_ASSERT(pthread_mutex_unlock(&shard->mutex) == 0);
}

/* The place that points to the key's flight, or the end of the list. */
static struct flight **find(struct shard *shard, const struct jg_cache_key *key) {
  struct flight **place = &shard->first;
  while (*place != NULL && !jg_cache_key_equal(&(*place)->key, key)) {
    place = &(*place)->next;
  }
  return place;
}

static struct timespec monotonic_after(int64_t wait_ns) {
  struct timespec at;
  JG_ASSERT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
  int64_t ns = at.tv_nsec + wait_ns % NS_PER_SECOND;
  at.tv_sec += (time_t)(wait_ns / NS_PER_SECOND + ns / NS_PER_SECOND);
  at.tv_nsec = (long)(ns % NS_PER_SECOND);
  return at;
}

/* Under the lock, which is given up meanwhile. A reference, or NULL. */
static struct jg_cache_value *wait_for(struct shard *shard, struct flight *flight, int64_t wait_ns) {
  struct timespec until = monotonic_after(wait_ns);
  int error = 0;
  flight->waiting++;
  while (!flight->ended && error == 0) {
    error = pthread_cond_timedwait(&shard->ended, &shard->mutex, &until);
  }
  flight->waiting--;
  struct jg_cache_value *value = flight->value != NULL ? jg_cache_value_ref(flight->value) : NULL;
  if (flight->ended && flight->waiting == 0) {
    jg_cache_value_unref(flight->value);
    jg_free(flight);
  }
  return value;
}

bool jg_flight_begin(struct jg_flights *flights, const struct jg_cache_key *key, int64_t wait_ns,
                     struct jg_cache_value **ret_value) {
  struct shard *shard = shard_of(flights, key);
  struct jg_cache_value *value = NULL;
  lock(shard);
  struct flight **place = find(shard, key);
  bool first = *place == NULL;
  if (first) {
    *place = jg_alloc_zero(1, sizeof(**place));
    (*place)->key = *key;
  } else if (wait_ns > 0) {
    value = wait_for(shard, *place, wait_ns);
  }
  unlock(shard);
  if (!first) {
    jg_metric_add(value != NULL ? flights->shared : flights->given_up, 1);
    *ret_value = value;
  }
  return first;
}

void jg_flight_end(struct jg_flights *flights, const struct jg_cache_key *key, struct jg_cache_value *value) {
  struct shard *shard = shard_of(flights, key);
  lock(shard);
  struct flight **place = find(shard, key);
  struct flight *flight = *place;
  JG_ASSERT(flight != NULL && !flight->ended);
  *place = flight->next;
  flight->ended = true;
  if (flight->waiting == 0) {
    jg_free(flight);
  } else {
    flight->value = value != NULL ? jg_cache_value_ref(value) : NULL;
    JG_ASSERT(pthread_cond_broadcast(&shard->ended) == 0);
  }
  unlock(shard);
}
