#include <hiredis/hiredis.h>
#include <stdio.h>

#include "base/compiler.h"
#include "cache/redis/redis_internal.h"

static void finish(struct jg_redis_ask *ask);
static enum jg_redis_reason send_all(struct jg_redis_ask *ask);

#define LEASE_KEY_BYTES (JG_REDIS_KEY_BYTES + 8)
/* Callers of one page ask for some hundred keys; the rest is a safety net for the sum below. */
#define KEYS_MAX ((size_t)1 << 20)

struct jg_redis_ask *jg_redis_ask_create(struct jg_redis *redis, enum jg_redis_ask_kind kind,
                                         const struct jg_cache_key *keys, size_t count) {
  JG_ASSERT(count > 0 && count <= KEYS_MAX);
  size_t each = sizeof(keys[0]) + sizeof(struct jg_cache_value *) + sizeof(uint8_t);
  struct jg_redis_ask *ask = jg_alloc_zero(1, sizeof(*ask) + count * each);
  int64_t budget_ns = kind == JG_REDIS_PUT ? JG_REDIS_PUT_NS : redis->options.budget_ms * 1000000;
  atomic_init(&ask->refs, 2);
  ask->redis = redis;
  ask->kind = kind;
  ask->begin_ns = jg_clock_mono_ns(redis->options.clock);
  ask->deadline_ns = ask->begin_ns + budget_ns;
  ask->count = count;
  ask->values = (struct jg_cache_value **)(ask + 1);
  ask->keys = (struct jg_cache_key *)(ask->values + count);
  ask->leases = (uint8_t *)(ask->keys + count);
  memcpy(ask->keys, keys, count * sizeof(keys[0]));
  jg_queue_init(&ask->done, 1, NULL, NULL);
  return ask;
}

void jg_redis_ask_unref(struct jg_redis_ask *ask) {
  // Acquire and release: the last holder frees after every other holder's last access.
  uint32_t refs = atomic_fetch_sub_explicit(&ask->refs, 1, memory_order_acq_rel);
  JG_ASSERT(refs > 0);
  if (refs > 1) {
    return;
  }
  for (size_t i = 0; i < ask->count; i++) {
    jg_cache_value_unref(ask->values[i]);
  }
  (void)jg_queue_take_all(&ask->done, 0);  // its node is a part of it
  jg_queue_done(&ask->done);
  jg_free(ask);
}

/* What the next write probe asks room for. */
static void note_room(struct jg_redis *redis, const struct jg_redis_ask *ask) {
  if (ask->reason == JG_REDIS_OOM) {
    size_t room = ask->stored_bytes * JG_REDIS_ROOM_VALUES;
    room = room > JG_REDIS_ROOM_BYTES_MIN ? room : JG_REDIS_ROOM_BYTES_MIN;
    room = room < JG_REDIS_VALUE_BYTES_MAX ? room : JG_REDIS_VALUE_BYTES_MAX;
    redis->room_bytes = room > redis->room_bytes ? room : redis->room_bytes;
  } else if (ask->kind == JG_REDIS_PUT && ask->reason == JG_REDIS_NONE) {
    redis->room_bytes = 0;
  }
}

static enum jg_redis_side side_of(const struct jg_redis_ask *ask) {
  return ask->kind == JG_REDIS_GET || ask->kind == JG_REDIS_PROBE_READ ? JG_REDIS_READS : JG_REDIS_WRITES;
}

/* Nearly all have the same budget, so its place is near the end. */
static void insert(struct jg_redis *redis, struct jg_redis_ask *ask) {
  struct jg_redis_ask *before = redis->last;
  while (before != NULL && before->deadline_ns > ask->deadline_ns) {
    before = before->before;
  }
  ask->before = before;
  ask->after = before != NULL ? before->after : redis->first;
  *(before != NULL ? &before->after : &redis->first) = ask;
  *(ask->after != NULL ? &ask->after->before : &redis->last) = ask;
  ask->in_flight = true;
}

static void take_out(struct jg_redis *redis, struct jg_redis_ask *ask) {
  *(ask->before != NULL ? &ask->before->after : &redis->first) = ask->after;
  *(ask->after != NULL ? &ask->after->before : &redis->last) = ask->before;
  ask->in_flight = false;
}

void jg_redis_ask_begin(struct jg_redis_ask *ask) {
  struct jg_redis *redis = ask->redis;
  bool probe = ask->kind == JG_REDIS_PROBE_READ || ask->kind == JG_REDIS_PROBE_WRITE;
  bool passes = probe || redis->breakers[side_of(ask)].state == JG_BREAKER_CLOSED;
  if (redis->link == NULL || !redis->link_is_up || !passes ||
      jg_redis_link_unsent_bytes(redis->link) > JG_REDIS_UNSENT_BYTES_MAX) {
    jg_metric_add(redis->meters.skipped, 1);
    ask->reason = JG_REDIS_CLOSED;
    finish(ask);
    return;
  }
  insert(redis, ask);
  ask->pending++;  // so that no reply finishes it before all is sent
  enum jg_redis_reason reason = send_all(ask);
  ask->pending--;
  if (reason != JG_REDIS_NONE && ask->reason == JG_REDIS_NONE) {
    ask->reason = reason;
  }
  if (ask->pending == 0) {
    if (ask->in_flight) {
      finish(ask);
    } else {
      jg_redis_ask_unref(ask);
    }
  }
}

/* Tells who waits, and what it says of Redis' health. The loop's reference goes when no reply is to come any more. */
static void finish(struct jg_redis_ask *ask) {
  struct jg_redis *redis = ask->redis;
  bool was_sent = ask->in_flight;
  enum jg_redis_reason reason = ask->reason;
  enum jg_redis_side side = side_of(ask);
  bool last = ask->pending == 0;
  if (was_sent) {
    take_out(redis, ask);
    note_room(redis, ask);
    int64_t taken_ns = jg_clock_mono_ns(redis->options.clock) - ask->begin_ns;
    if (ask->kind == JG_REDIS_GET) {
      jg_histogram_observe_ns(redis->meters.get_seconds, taken_ns);
    } else if (ask->kind == JG_REDIS_PROBE_READ && reason == JG_REDIS_NONE) {
      atomic_store_explicit(&redis->round_trip_ns, taken_ns, memory_order_relaxed);  // a number to look at
    }
  }
  if (ask->kind == JG_REDIS_PUT) {
    // Relaxed: a bound on memory, which orders nothing.
    atomic_fetch_sub_explicit(&redis->put_bytes, ask->values[0]->bytes, memory_order_relaxed);
  }
  struct jg_status posted = jg_queue_post(&ask->done, &ask->done_node);
  JG_ASSERT(jg_status_ok(posted)); /* room for one, and it is empty */
  if (last) {
    jg_redis_ask_unref(ask);
  }
  if (was_sent) {
    jg_redis_outcome(redis, side, reason);
  }
}

void jg_redis_asks_expire(struct jg_redis *redis, int64_t now_ns) {
  while (redis->first != NULL && redis->first->deadline_ns <= now_ns) {
    redis->first->reason = JG_REDIS_TIMEOUT;
    finish(redis->first);
  }
}

static void ask_replied(const struct redisReply *reply, void *data) {
  struct jg_redis_ask *ask = data;
  JG_ASSERT(ask->pending > 0);
  ask->pending--;
  if (reply != NULL) {
    ask->redis->heard_ns = jg_clock_mono_ns(ask->redis->options.clock);
  }
  if (ask->in_flight) {
    enum jg_redis_reason reason = reply == NULL ? JG_REDIS_LOST : jg_redis_reply_take(ask, reply);
    if (reason != JG_REDIS_NONE && ask->reason == JG_REDIS_NONE) {
      ask->reason = reason;
    }
  }
  if (ask->pending > 0) {
    return;
  }
  if (ask->in_flight) {
    finish(ask);
  } else {
    jg_redis_ask_unref(ask);  // its time was over before
  }
}

/* ---- commands ---- */

static bool send_one(struct jg_redis_ask *ask, const char *const *argv, const size_t *lens, size_t argc) {
  const struct jg_redis_command command = {argc, (const char **)argv, lens};
  if (!jg_redis_link_send(ask->redis->link, &command, ask_replied, ask)) {
    return false;
  }
  ask->pending++;
  return true;
}

/* C5: never a GET per key; several commands only for very many keys, so that Redis serves others in between. */
static bool send_get(struct jg_redis_ask *ask) {
  char keys[JG_REDIS_KEYS_PER_MGET][JG_REDIS_KEY_BYTES];
  const char *argv[JG_REDIS_KEYS_PER_MGET + 1] = {"MGET"};
  size_t lens[JG_REDIS_KEYS_PER_MGET + 1] = {4};
  for (size_t from = 0; from < ask->count; from += JG_REDIS_KEYS_PER_MGET) {
    size_t count = ask->count - from < JG_REDIS_KEYS_PER_MGET ? ask->count - from : JG_REDIS_KEYS_PER_MGET;
    for (size_t i = 0; i < count; i++) {
      argv[i + 1] = keys[i];
      lens[i + 1] = jg_redis_key_print(&ask->keys[from + i], ask->redis->options.form, keys[i]);
    }
    if (!send_one(ask, argv, lens, count + 1)) {
      return false;
    }
  }
  return true;
}

/* "lease:" before the key's own text. */
static size_t print_lease_key(const struct jg_redis_ask *ask, size_t index, char out[LEASE_KEY_BYTES]) {
  const struct jg_str begin = JG_STR("lease:");
  memcpy(out, begin.data, begin.len);
  return begin.len + jg_redis_key_print(&ask->keys[index], ask->redis->options.form, out + begin.len);
}

/* Who asks first gets the lease; then who has them: perhaps another thread of this process. */
static bool send_claim(struct jg_redis_ask *ask) {
  char keys[JG_REDIS_KEYS_PER_MGET][LEASE_KEY_BYTES];
  char ms[16];
  size_t ms_len = (size_t)snprintf(ms, sizeof(ms), "%d", JG_REDIS_LEASE_MS);
  for (size_t i = 0; i < ask->count; i++) {
    const char *set[] = {"SET", keys[0], ask->redis->holder, "NX", "PX", ms};
    const size_t set_lens[] = {3, print_lease_key(ask, i, keys[0]), JG_REDIS_HOLDER_BYTES, 2, 2, ms_len};
    if (!send_one(ask, set, set_lens, JG_COUNT(set))) {
      return false;
    }
  }
  const char *argv[JG_REDIS_KEYS_PER_MGET + 1] = {"MGET"};
  size_t lens[JG_REDIS_KEYS_PER_MGET + 1] = {4};
  for (size_t from = 0; from < ask->count; from += JG_REDIS_KEYS_PER_MGET) {
    size_t count = ask->count - from < JG_REDIS_KEYS_PER_MGET ? ask->count - from : JG_REDIS_KEYS_PER_MGET;
    for (size_t i = 0; i < count; i++) {
      argv[i + 1] = keys[i];
      lens[i + 1] = print_lease_key(ask, from + i, keys[i]);
    }
    if (!send_one(ask, argv, lens, count + 1)) {
      return false;
    }
  }
  return true;
}

/* A tenth more or less: values that were made together do not all go at once. */
static int64_t ttl_ms(struct jg_redis *redis) {
  int64_t ms = redis->options.ttl_seconds * 1000;
  return ms - ms / 10 + (int64_t)(jg_redis_random(redis) % (uint64_t)(ms / 5 + 1));
}

static bool send_put(struct jg_redis_ask *ask) {
  struct jg_redis *redis = ask->redis;
  char key[JG_REDIS_KEY_BYTES], ms[24];
  size_t key_len = jg_redis_key_print(&ask->keys[0], redis->options.form, key);
  size_t ms_len = (size_t)snprintf(ms, sizeof(ms), "%lld", (long long)ttl_ms(redis));
  jg_buf_clear(&redis->scratch);
  jg_redis_stored_write(ask->values[0], redis->options.form, jg_clock_now_ticks(redis->options.clock), &redis->scratch);
  if (redis->scratch.failed) {
    return true;  // too large to be shared; the put has nothing to wait for
  }
  const char *argv[] = {"SET", key, redis->scratch.data, "PX", ms};
  const size_t lens[] = {3, key_len, redis->scratch.len, 2, ms_len};
  ask->stored_bytes = redis->scratch.len;
  jg_metric_add(redis->meters.bytes_written, (int64_t)redis->scratch.len);
  return send_one(ask, argv, lens, JG_COUNT(argv));
}

/* Of a key that nobody else has: what a get and a put may do, this may do too. */
static bool send_read_probe(struct jg_redis_ask *ask) {
  char key[JG_REDIS_KEY_BYTES];
  const char *get[] = {"MGET", key};
  const size_t lens[] = {4, jg_redis_key_print(&ask->keys[0], ask->redis->options.form, key)};
  return send_one(ask, get, lens, JG_COUNT(get));
}

/* If the server was full, a second value that is as large as what is to come. The key is there by then, so that it is not stored:
 * it would take the room that it has just found. Redis refuses before it looks at NX. */
static bool send_write_probe(struct jg_redis_ask *ask) {
  static const char zeros[4096];
  struct jg_redis *redis = ask->redis;
  char key[JG_REDIS_KEY_BYTES];
  size_t key_len = jg_redis_key_print(&ask->keys[0], redis->options.form, key);
  const char *set[] = {"SET", key, "probe", "PX", "1000"};
  const size_t set_lens[] = {3, key_len, 5, 2, 4};
  bool sent = send_one(ask, set, set_lens, JG_COUNT(set));
  if (!sent || redis->room_bytes == 0) {
    return sent;
  }
  jg_buf_clear(&redis->scratch);
  while (redis->scratch.len < redis->room_bytes) {
    size_t left = redis->room_bytes - redis->scratch.len;
    jg_buf_append(&redis->scratch, zeros, left < sizeof(zeros) ? left : sizeof(zeros));
  }
  JG_ASSERT(!redis->scratch.failed);
  const char *room[] = {"SET", key, redis->scratch.data, "PX", "1000", "NX"};
  const size_t room_lens[] = {3, key_len, redis->scratch.len, 2, 4, 2};
  return send_one(ask, room, room_lens, JG_COUNT(room));
}

static enum jg_redis_reason send_all(struct jg_redis_ask *ask) {
  bool sent = false;
  switch (ask->kind) {
    case JG_REDIS_GET:
      sent = send_get(ask);
      break;
    case JG_REDIS_CLAIM:
      sent = send_claim(ask);
      break;
    case JG_REDIS_PUT:
      sent = send_put(ask);
      break;
    case JG_REDIS_PROBE_READ:
      sent = send_read_probe(ask);
      break;
    case JG_REDIS_PROBE_WRITE:
      sent = send_write_probe(ask);
      break;
  }
  return sent ? JG_REDIS_NONE : JG_REDIS_LOST;
}
