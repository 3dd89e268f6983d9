#include <stdio.h>

#include "base/compiler.h"
#include "cache/redis/redis_internal.h"

static const char *const side_names[JG_REDIS_SIDES] = {[JG_REDIS_READS] = "read", [JG_REDIS_WRITES] = "write"};

static struct jg_str name_of(size_t kind) {
  const struct jg_entity *entity = jg_entity((enum jg_kind)kind);
  return entity != NULL ? entity->name : JG_STR("none");
}

static struct jg_metric *of_kind(struct jg_metrics *metrics, const char *name, const char *help, size_t kind) {
  char labels[96];
  (void)snprintf(labels, sizeof(labels), "level=\"redis\",kind=\"%.*s\"", JG_STR_ARG(name_of(kind)));
  return jg_metrics_counter(metrics, name, help, labels);
}

static void init_kinds(struct jg_redis_meters *meters, struct jg_metrics *metrics) {
  for (size_t kind = 0; kind < JG_KIND_COUNT; kind++) {
    struct jg_metrics *registry = jg_cache_keeps((enum jg_kind)kind) ? metrics : NULL;
    meters->hits[kind] = of_kind(registry, "jobgate_cache_hits_total", "Values found.", kind);
    meters->misses[kind] = of_kind(registry, "jobgate_cache_misses_total", "Values not found.", kind);
    meters->refused[kind] =
        of_kind(registry, "jobgate_cache_refused_total", "Values that were not what the key says.", kind);
    char labels[96];
    (void)snprintf(labels, sizeof(labels), "kind=\"%.*s\"", JG_STR_ARG(name_of(kind)));
    meters->ages[kind] = jg_metrics_age_histogram(registry, "jobgate_cache_age_seconds",
                                                  "Age of the values found in the shared cache.", labels);
  }
}

void jg_redis_meters_init(struct jg_redis_meters *meters, struct jg_metrics *metrics) {
  init_kinds(meters, metrics);
  char labels[96];
  for (size_t i = 0; i < JG_REDIS_REASON_COUNT; i++) {
    (void)snprintf(labels, sizeof(labels), "reason=\"%s\"", jg_redis_reason_name((enum jg_redis_reason)i));
    meters->failures[i] = jg_metrics_counter(metrics, "jobgate_cache_failures_total",
                                             "Commands and connections to the shared cache that failed.", labels);
  }
  for (size_t side = 0; side < JG_REDIS_SIDES; side++) {
    (void)snprintf(labels, sizeof(labels), "side=\"%s\"", side_names[side]);
    meters->states[side] = jg_metrics_gauge(metrics, "jobgate_cache_breaker_state",
                                            "Circuit breaker: 0 closed, 1 half-open, 2 open.", labels);
    for (size_t state = 0; state < 3; state++) {
      (void)snprintf(labels, sizeof(labels), "side=\"%s\",state=\"%s\"", side_names[side],
                     jg_breaker_state_name((enum jg_breaker_state)state));
      meters->changes[side][state] = jg_metrics_counter(metrics, "jobgate_cache_breaker_changes_total",
                                                        "Changes of the circuit breaker to a state.", labels);
    }
  }
  meters->skipped = jg_metrics_counter(metrics, "jobgate_cache_skipped_total",
                                       "Batches not asked of the shared cache: it is open or busy.", "");
  meters->dropped =
      jg_metrics_counter(metrics, "jobgate_cache_dropped_total", "Values not offered to the shared cache.", "");
  meters->connects =
      jg_metrics_counter(metrics, "jobgate_cache_connects_total", "Connections to the shared cache begun.", "");
  const char *bytes_help = "Bytes of values from and to the shared cache.";
  meters->bytes_read =
      jg_metrics_counter(metrics, "jobgate_cache_shared_bytes_total", bytes_help, "direction=\"read\"");
  meters->bytes_written =
      jg_metrics_counter(metrics, "jobgate_cache_shared_bytes_total", bytes_help, "direction=\"written\"");
  // Ours: another thread of this process was first, and its load is waited for there.
  static const char *const leases[] = {[JG_REDIS_LEASE_LOST] = "result=\"lost\"",
                                       [JG_REDIS_LEASE_WON] = "result=\"won\"",
                                       [JG_REDIS_LEASE_OURS] = "result=\"ours\""};
  for (size_t i = 0; i < JG_COUNT(leases); i++) {
    meters->leases[i] = jg_metrics_counter(
        metrics, "jobgate_cache_leases_total",
        "Leases asked of the shared cache: won, held by this process already, or lost to another one.", leases[i]);
  }
  meters->get_seconds = jg_metrics_histogram(metrics, "jobgate_cache_get_seconds",
                                             "Time of one batch of gets from the shared cache.", "");
}

/* A line where it closes or opens, not at each probe in between: a server that stays away would fill the log. */
static void tell(struct jg_redis *redis, enum jg_redis_side side, enum jg_breaker_state state) {
  bool open = state == JG_BREAKER_OPEN;
  enum jg_redis_reason reason = (enum jg_redis_reason)atomic_load(&redis->reason[side]);
  bool quiet = state == JG_BREAKER_HALF_OPEN || reason == JG_REDIS_CONNECTING || reason == JG_REDIS_CLOSED ||
               (redis->told[side] && redis->told_open[side] == open);
  if (!quiet) {
    redis->told[side] = true;
    redis->told_open[side] = open;
  }
  jg_log(redis->options.log,
         quiet  ? JG_LOG_DEBUG
         : open ? JG_LOG_WARN
                : JG_LOG_INFO,
         "cache_breaker", JG_LOG_C("side", side_names[side]), JG_LOG_C("state", jg_breaker_state_name(state)),
         JG_LOG_C("reason", jg_redis_reason_name(reason)), JG_LOG_C("cache", redis->address));
}

void jg_redis_show(struct jg_redis *redis, enum jg_redis_side side, enum jg_redis_reason reason) {
  enum jg_breaker_state state = redis->breakers[side].state;
  if (state != JG_BREAKER_HALF_OPEN) {
    atomic_store(&redis->reason[side], state == JG_BREAKER_CLOSED ? JG_REDIS_NONE : (int)reason);
  }
  if (state == redis->shown[side] && redis->told[side]) {
    return;
  }
  // Relaxed: a hint; the loop looks again.
  atomic_store_explicit(&redis->open_for[side], state == JG_BREAKER_CLOSED, memory_order_relaxed);
  jg_metric_set(redis->meters.states[side], (int64_t)state);
  jg_metric_add(redis->meters.changes[side][state], state != redis->shown[side]);
  redis->shown[side] = state;
  tell(redis, side, state);
}
