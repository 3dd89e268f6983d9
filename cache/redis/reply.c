#include <hiredis/hiredis.h>

#include "base/compiler.h"
#include "cache/redis/redis_internal.h"

/* One key's value, as it came. Only a nil is a plain miss: anything else that is no value of ours is counted (C7). */
static void take_value(struct jg_redis_ask *ask, size_t index, const struct redisReply *reply) {
  struct jg_redis *redis = ask->redis;
  const struct jg_cache_key *key = &ask->keys[index];
  if (reply->type == REDIS_REPLY_NIL) {
    jg_metric_add(redis->meters.misses[key->kind], 1);
    return;
  }
  struct jg_str stored = reply->type == REDIS_REPLY_STRING ? jg_str_make(reply->str, reply->len) : JG_STR_NONE;
  int64_t made_ticks;
  ask->values[index] = jg_redis_stored_read(stored, key, redis->options.form, &made_ticks);
  jg_metric_add(redis->meters.bytes_read, (int64_t)stored.len);
  if (ask->values[index] == NULL) {
    jg_metric_add(redis->meters.refused[key->kind], 1);
    jg_metric_add(redis->meters.misses[key->kind], 1);
    return;
  }
  int64_t age = (jg_clock_now_ticks(redis->options.clock) - made_ticks) / JG_TICKS_PER_SECOND;
  jg_metric_add(redis->meters.hits[key->kind], 1);
  jg_histogram_observe_age(redis->meters.ages[key->kind], age);
}

static enum jg_redis_reason take_values(struct jg_redis_ask *ask, size_t from, size_t count,
                                        const struct redisReply *reply) {
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count) {
    return JG_REDIS_PROTOCOL;
  }
  for (size_t i = 0; i < count; i++) {
    take_value(ask, from + i, reply->element[i]);
  }
  return JG_REDIS_NONE;
}

/* A SET with NX: nil if somebody has the lease. */
static enum jg_redis_reason take_lease(struct jg_redis_ask *ask, const struct redisReply *reply) {
  size_t index = ask->answered++;
  if (reply->type == REDIS_REPLY_ERROR) {
    return jg_redis_reason_of_reply(jg_str_make(reply->str, reply->len));
  }
  ask->leases[index] = reply->type == REDIS_REPLY_STATUS ? JG_REDIS_LEASE_WON : JG_REDIS_LEASE_LOST;
  return reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_NIL ? JG_REDIS_NONE : JG_REDIS_PROTOCOL;
}

/* Who has the leases that were not won. What cannot be told is another process'. */
static void take_holders(struct jg_redis_ask *ask, const struct redisReply *reply) {
  size_t from = ask->answered - ask->count;
  size_t left = ask->count - from;
  size_t count = left < JG_REDIS_KEYS_PER_MGET ? left : JG_REDIS_KEYS_PER_MGET;
  ask->answered += count;
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != count) {
    return;
  }
  const struct jg_str ours = jg_str_make(ask->redis->holder, JG_REDIS_HOLDER_BYTES);
  for (size_t i = 0; i < count; i++) {
    const struct redisReply *holder = reply->element[i];
    if (ask->leases[from + i] == JG_REDIS_LEASE_LOST && holder->type == REDIS_REPLY_STRING &&
        jg_str_equal(jg_str_make(holder->str, holder->len), ours)) {
      ask->leases[from + i] = JG_REDIS_LEASE_OURS;
    }
  }
}

static enum jg_redis_reason take_claim(struct jg_redis_ask *ask, const struct redisReply *reply) {
  if (ask->answered < ask->count) {
    return take_lease(ask, reply);
  }
  take_holders(ask, reply);
  return JG_REDIS_NONE;
}

enum jg_redis_reason jg_redis_reply_take(struct jg_redis_ask *ask, const struct redisReply *reply) {
  if (ask->kind == JG_REDIS_CLAIM) {
    return take_claim(ask, reply);
  }
  // The keys that this reply is of, whatever it says.
  size_t from = ask->answered;
  size_t left = ask->count - from;
  size_t count = left < JG_REDIS_KEYS_PER_MGET ? left : JG_REDIS_KEYS_PER_MGET;
  ask->answered += count;
  if (reply->type == REDIS_REPLY_ERROR) {
    return jg_redis_reason_of_reply(jg_str_make(reply->str, reply->len));
  }
  switch (ask->kind) {
    case JG_REDIS_GET:
      return take_values(ask, from, count, reply);
    case JG_REDIS_PROBE_READ:
      return reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 ? JG_REDIS_NONE : JG_REDIS_PROTOCOL;
    case JG_REDIS_PROBE_WRITE:
      return reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_NIL ? JG_REDIS_NONE : JG_REDIS_PROTOCOL;
    case JG_REDIS_PUT:
      return reply->type == REDIS_REPLY_STATUS ? JG_REDIS_NONE : JG_REDIS_PROTOCOL;
    case JG_REDIS_CLAIM:
      break;
  }
  return JG_REDIS_PROTOCOL;
}
