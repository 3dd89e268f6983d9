#include <signal.h>

#include "base/compiler.h"
#include "cache/redis/redis_internal.h"

#define NS_PER_MS INT64_C(1000000)
#define FAILURES_MAX 3
#define PAUSE_MIN_NS (100 * NS_PER_MS)
#define PAUSE_MAX_NS (3000 * NS_PER_MS)
/* Without an answer for so long a connection counts as idle. A server's shortest idle time-out is a second. */
#define IDLE_NS (500 * NS_PER_MS)

static void *run_loop(void *data);
static void wake(void *data);
static void wake_done(uv_async_t *async);
static void timer_done(uv_timer_t *timer);
static void step(struct jg_redis *redis);
static void arm(struct jg_redis *redis, int64_t now_ns);
static void master_found(const struct jg_redis_endpoint *master, void *data);
static void master_missing(enum jg_redis_reason reason, void *data);
static void link_up(void *data);
static void link_down(enum jg_redis_reason reason, void *data);

void jg_redis_loop_start(struct jg_redis *redis) {
  int error = uv_loop_init(&redis->loop);
  JG_ASSERT(error == 0);
  error = uv_async_init(&redis->loop, &redis->wake, wake_done);
  JG_ASSERT(error == 0);
  error = uv_timer_init(&redis->loop, &redis->timer);
  JG_ASSERT(error == 0);
  redis->wake.data = redis->timer.data = redis;
  jg_queue_init(&redis->queue, JG_REDIS_QUEUE_MAX, wake, redis);
  jg_queue_init(&redis->settled, 1, NULL, NULL);
  jg_buf_init(&redis->scratch, JG_REDIS_VALUE_BYTES_MAX);
  jg_random(&redis->random, sizeof(redis->random));
  for (size_t side = 0; side < JG_REDIS_SIDES; side++) {
    jg_breaker_init(&redis->breakers[side], FAILURES_MAX, PAUSE_MIN_NS, PAUSE_MAX_NS);
    atomic_init(&redis->reason[side], JG_REDIS_CONNECTING);
    redis->shown[side] = JG_BREAKER_OPEN;
    jg_redis_show(redis, (enum jg_redis_side)side, JG_REDIS_CONNECTING);
  }
  if (redis->url.master.len > 0) {
    const struct jg_redis_finder_options finder = {.loop = &redis->loop,
                                                   .url = &redis->url,
                                                   .ask_ms = JG_REDIS_CONNECT_MS / 2,
                                                   .found = master_found,
                                                   .failed = master_missing,
                                                   .data = redis};
    redis->finder = jg_redis_finder_create(&finder);
  }
  error = pthread_create(&redis->thread, NULL, run_loop, redis);
  JG_ASSERT(error == 0);
}

void jg_redis_loop_stop(struct jg_redis *redis) {
  jg_queue_close(&redis->queue);
  atomic_store(&redis->stopping, true);
  wake(redis);
  int error = pthread_join(redis->thread, NULL);
  JG_ASSERT(error == 0);
  // The descriptors stayed open: whoever posted last may have woken the loop after its end.
  uv_close((uv_handle_t *)&redis->wake, NULL);
  uv_close((uv_handle_t *)&redis->timer, NULL);
  (void)uv_run(&redis->loop, UV_RUN_DEFAULT);  // Nothing is left but these two.
  error = uv_loop_close(&redis->loop);
  JG_ASSERT(error == 0);
  JG_ASSERT(redis->first == NULL);
  jg_redis_finder_destroy(redis->finder);
  (void)jg_queue_take_all(&redis->settled, 0);  // its node is a part of us
  jg_queue_done(&redis->settled);
  jg_queue_done(&redis->queue);
  jg_buf_done(&redis->scratch);
}

static void *run_loop(void *data) {
  struct jg_redis *redis = data;
  // Signals are the main thread's; and hiredis writes without MSG_NOSIGNAL, so that SIGPIPE would be this one's.
  sigset_t all;
  (void)sigfillset(&all);
  int error = pthread_sigmask(SIG_BLOCK, &all, NULL);
  JG_ASSERT(error == 0);
  step(redis);
  (void)uv_run(&redis->loop, UV_RUN_DEFAULT);  // Ends by uv_stop, in step.
  return NULL;
}

/* Thread: any. */
static void wake(void *data) {
  struct jg_redis *redis = data;
  int error = uv_async_send(&redis->wake);
  JG_ASSERT(error == 0);
}

/* Wakes merge: takes everything. */
static void take_asks(struct jg_redis *redis) {
  struct jg_queue_node *node = jg_queue_take_all(&redis->queue, 0);
  while (node != NULL) {
    struct jg_queue_node *next = node->next;
    jg_redis_ask_begin((struct jg_redis_ask *)node);
    node = next;
  }
}

static void wake_done(uv_async_t *async) {
  struct jg_redis *redis = async->data;
  take_asks(redis);
  step(redis);
}

static void timer_done(uv_timer_t *timer) {
  step(timer->data);
}

uint32_t jg_redis_random(struct jg_redis *redis) {
  redis->random += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t x = redis->random;
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  return (uint32_t)(x >> 32);
}

/* ---- the connection: reads open means none; half-open: an attempt is made; closed: it is up, or made anew after an idle
 * time ---- */

static void open_link(struct jg_redis *redis) {
  const struct jg_redis_link_options options = {
      .loop = &redis->loop,
      .endpoint = redis->endpoint,
      .user = redis->url.user,
      .password = redis->url.password,
      .database = redis->url.database,
      .greet = true,
      .need_master = redis->finder != NULL,
      .connect_ms = JG_REDIS_CONNECT_MS,
      .attempt = redis->attempt++,
      .up = link_up,
      .down = link_down,
      .data = redis,
  };
  JG_ASSERT(redis->link == NULL);
  jg_metric_add(redis->meters.connects, 1);
  redis->link = jg_redis_link_open(&options);
}

static void attempt(struct jg_redis *redis) {
  if (redis->finder != NULL) {
    jg_redis_finder_start(redis->finder);
  } else {
    redis->endpoint = redis->url.endpoints[0];
    open_link(redis);
  }
}

static void master_found(const struct jg_redis_endpoint *master, void *data) {
  struct jg_redis *redis = data;
  redis->endpoint = *master;  // the finder keeps the host's text until it is started again
  open_link(redis);
}

/* The first attempt has ended, well or not: whoever creates the level waits for it. */
static void settle(struct jg_redis *redis) {
  if (!redis->is_settled) {
    redis->is_settled = true;
    struct jg_status posted = jg_queue_post(&redis->settled, &redis->settled_node);
    JG_ASSERT(jg_status_ok(posted)); /* room for one, and it is empty */
  }
}

/* There is no connection any more, or none could be made: both sides are open. Of writes nothing is known if reading failed before
 * they were tried. */
static void without_link(struct jg_redis *redis, enum jg_redis_reason reason) {
  int64_t now_ns = jg_clock_mono_ns(redis->options.clock);
  jg_metric_add(redis->meters.failures[reason], 1);
  bool untried = redis->reads_failed && redis->breakers[JG_REDIS_WRITES].state == JG_BREAKER_HALF_OPEN;
  redis->reads_failed = false;
  for (size_t side = 0; side < JG_REDIS_SIDES; side++) {
    jg_breaker_trip(&redis->breakers[side], now_ns, jg_redis_random(redis));
    jg_redis_show(redis, (enum jg_redis_side)side, side == JG_REDIS_WRITES && untried ? JG_REDIS_READS_FAILED : reason);
  }
  settle(redis);
}

static void master_missing(enum jg_redis_reason reason, void *data) {
  struct jg_redis *redis = data;
  without_link(redis, reason);
  step(redis);
}

static void probe(struct jg_redis *redis, enum jg_redis_ask_kind kind) {
  const struct jg_cache_key key = {.kind = JG_KIND_NONE};
  struct jg_redis_ask *ask = jg_redis_ask_create(redis, kind, &key, 1);
  jg_redis_ask_begin(ask);
  jg_redis_ask_unref(ask);  // nobody waits
}

static void link_up(void *data) {
  struct jg_redis *redis = data;
  redis->link_is_up = true;
  redis->heard_ns = jg_clock_mono_ns(redis->options.clock);
  if (redis->breakers[JG_REDIS_WRITES].state != JG_BREAKER_CLOSED) {
    jg_breaker_probe_now(&redis->breakers[JG_REDIS_WRITES]);
    jg_redis_show(redis, JG_REDIS_WRITES, JG_REDIS_NONE);
  }
  probe(redis, JG_REDIS_PROBE_READ);
  probe(redis, JG_REDIS_PROBE_WRITE);
  step(redis);
}

/* Servers and what stands before them close connections that are idle, or forget them and refuse what comes next. That says nothing
 * of their health: the next attempt does, which is made at once. Only idle ones, so there are two a second at most. */
static bool ended_idle(const struct jg_redis *redis, enum jg_redis_reason reason) {
  return reason == JG_REDIS_LOST && redis->link_is_up && redis->breakers[JG_REDIS_READS].state == JG_BREAKER_CLOSED &&
         jg_clock_mono_ns(redis->options.clock) - redis->heard_ns >= IDLE_NS;
}

static void link_down(enum jg_redis_reason reason, void *data) {
  struct jg_redis *redis = data;
  bool idle = ended_idle(redis, reason);
  redis->link = NULL;
  redis->link_is_up = false;
  if (idle) {
    attempt(redis);
  } else {
    without_link(redis, reason);
  }
  step(redis);
}

void jg_redis_hang_up(struct jg_redis *redis, enum jg_redis_reason reason) {
  if (redis->link != NULL) {
    jg_redis_link_close(redis->link, reason);
  }
}

/* ---- outcomes ---- */

/* Answers that will be the same next time. A server that hangs or answers nonsense now and then gets a few chances. */
static bool is_certain(enum jg_redis_reason reason) {
  return reason != JG_REDIS_TIMEOUT && reason != JG_REDIS_REFUSED && reason != JG_REDIS_PROTOCOL;
}

void jg_redis_outcome(struct jg_redis *redis, enum jg_redis_side side, enum jg_redis_reason reason) {
  struct jg_breaker *breaker = &redis->breakers[side];
  int64_t now_ns = jg_clock_mono_ns(redis->options.clock);
  if (reason == JG_REDIS_LOST) {
    jg_metric_add(redis->meters.failures[reason], 1);
    return;  // What it means is told by link_down, which comes next.
  }
  bool was_closed = breaker->state == JG_BREAKER_CLOSED;
  if (reason == JG_REDIS_NONE) {
    jg_breaker_success(breaker, now_ns);
  } else {
    jg_metric_add(redis->meters.failures[reason], 1);
    (is_certain(reason) ? jg_breaker_trip : jg_breaker_failure)(breaker, now_ns, jg_redis_random(redis));
  }
  jg_redis_show(redis, side, reason);
  if (side == JG_REDIS_WRITES && breaker->state != JG_BREAKER_HALF_OPEN) {
    settle(redis);  // the last answer to a new connection
  }
  // A master that became a replica has a successor elsewhere: behind the same name, or known to the Sentinels.
  bool demoted = was_closed && (reason == JG_REDIS_READ_ONLY || reason == JG_REDIS_NOT_MASTER);
  redis->reads_failed = side == JG_REDIS_READS && breaker->state == JG_BREAKER_OPEN;
  if (demoted || redis->breakers[JG_REDIS_READS].state == JG_BREAKER_OPEN) {
    jg_redis_hang_up(redis, reason);
  } else if (breaker->state == JG_BREAKER_OPEN && !atomic_load(&redis->stopping)) {
    arm(redis, now_ns);  // its probe may be due before anything that the timer was set for
  }
}

/* ---- time ---- */

static void stop(struct jg_redis *redis) {
  take_asks(redis);  // each is told that there is nothing
  if (redis->finder != NULL) {
    jg_redis_finder_cancel(redis->finder);
  }
  jg_redis_hang_up(redis, JG_REDIS_CLOSED);
  uv_unref((uv_handle_t *)&redis->wake);
  int error = uv_timer_stop(&redis->timer);
  JG_ASSERT(error == 0);  // the loop ends once the connection's handles are closed
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The timer for what comes next. */
static void arm(struct jg_redis *redis, int64_t now_ns) {
  int64_t next_ns = redis->first != NULL ? redis->first->deadline_ns : INT64_MAX;
  for (size_t side = 0; side < JG_REDIS_SIDES; side++) {
    const struct jg_breaker *breaker = &redis->breakers[side];
    bool waits = breaker->state == JG_BREAKER_OPEN && (side == JG_REDIS_READS || redis->link_is_up);
    next_ns = waits ? least(next_ns, breaker->probe_at_ns) : next_ns;
  }
  uv_update_time(&redis->loop);
  int64_t wait_ms = next_ns > now_ns ? (next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
  int error = next_ns == INT64_MAX ? uv_timer_stop(&redis->timer)
                                   : uv_timer_start(&redis->timer, timer_done, (uint64_t)wait_ms, 0);
  JG_ASSERT(error == 0);
}

/* What is due now, and the timer for what comes next. */
static void step(struct jg_redis *redis) {
  int64_t now_ns = jg_clock_mono_ns(redis->options.clock);
  if (atomic_load(&redis->stopping)) {
    stop(redis);
    return;
  }
  jg_redis_asks_expire(redis, now_ns);
  if (jg_breaker_probe(&redis->breakers[JG_REDIS_READS], now_ns)) {
    jg_redis_show(redis, JG_REDIS_READS, JG_REDIS_NONE);
    attempt(redis);
  }
  if (redis->link_is_up && jg_breaker_probe(&redis->breakers[JG_REDIS_WRITES], now_ns)) {
    jg_redis_show(redis, JG_REDIS_WRITES, JG_REDIS_NONE);
    probe(redis, JG_REDIS_PROBE_WRITE);
  }
  arm(redis, now_ns);
}
