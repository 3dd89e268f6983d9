/* The level against a server of a few lines, which does what no real one does on demand. */
#include "cache/redis/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"

#define BUDGET_MS 10000
#define PATIENCE_NS INT64_C(20000000000)

/* One connection at a time; commands are answered by what their key is. */
struct server {
  int listener;
  uint16_t port;
  pthread_t thread;
  pthread_mutex_t mutex; /* guards what follows */
  int fd;                /* of the connection; -1: none */
  size_t connections, values;
  char holder[64];            /* what leases are to hold */
  bool leases_are_secret;     /* they cannot be read */
  bool is_full;               /* values are refused */
  size_t room_bytes;          /* of the last probe that asked for room */
  size_t room_probes;         /* how many did */
  size_t room_probes_to_fail; /* how many of them are refused */
};

static bool has(const redisReply *word, const char *text) {
  return memmem(word->str, word->len, text, strlen(text)) != NULL;
}

/* Leases of ids aa... are free, those of bb... are the caller's own, those of cc... another's. */
static const char *set(struct server *server, const redisReply *command) {
  const redisReply *key = command->element[1], *value = command->element[2];
  if (has(key, "lease:")) {
    (void)snprintf(server->holder, sizeof(server->holder), "%s", value->str);
    return has(key, "aaaaaaaa-") ? "+OK\r\n" : "$-1\r\n";
  }
  if (command->elements == 6) {
    server->room_bytes = value->len;
    return ++server->room_probes <= server->room_probes_to_fail ? "-OOM full\r\n" : "$-1\r\n";
  }
  if (has(key, ":42") && server->is_full) {
    return "-OOM full\r\n";
  }
  server->values += has(key, ":42");
  return "+OK\r\n";
}

static void reply(struct server *server, const redisReply *command) {
  char out[4096];
  size_t len;
  if (has(command->element[0], "MGET")) {
    if (has(command->element[1], "lease:") && server->leases_are_secret) {
      len = (size_t)snprintf(out, sizeof(out), "-NOPERM no\r\n");
    } else {
      len = (size_t)snprintf(out, sizeof(out), "*%zu\r\n", command->elements - 1);
      for (size_t i = 1; i < command->elements; i++) {
        const redisReply *key = command->element[i];
        const char *value = !has(key, "lease:") ? NULL : has(key, "cccccccc-") ? "another" : server->holder;
        len += value == NULL ? (size_t)snprintf(out + len, sizeof(out) - len, "$-1\r\n")
                             : (size_t)snprintf(out + len, sizeof(out) - len, "$%zu\r\n%s\r\n", strlen(value), value);
      }
    }
  } else {
    const char *text = has(command->element[0], "SET") ? set(server, command) : "+OK\r\n";
    len = (size_t)snprintf(out, sizeof(out), "%s", text);
  }
  (void)send(server->fd, out, len, MSG_NOSIGNAL);
}

static void serve_one(struct server *server, int fd) {
  redisReader *reader = redisReaderCreate();
  char bytes[65536];
  for (ssize_t more; (more = read(fd, bytes, sizeof(bytes))) > 0;) {
    JG_ASSERT(redisReaderFeed(reader, bytes, (size_t)more) == REDIS_OK);
    void *command = NULL;
    while (redisReaderGetReply(reader, &command) == REDIS_OK && command != NULL) {
      (void)pthread_mutex_lock(&server->mutex);
      reply(server, command);
      (void)pthread_mutex_unlock(&server->mutex);
      freeReplyObject(command);
    }
  }
  redisReaderFree(reader);
}

static void *serve(void *data) {
  struct server *server = data;
  for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0;) {
    (void)pthread_mutex_lock(&server->mutex);
    server->fd = fd;
    server->connections++;
    (void)pthread_mutex_unlock(&server->mutex);
    serve_one(server, fd);
    (void)pthread_mutex_lock(&server->mutex);
    server->fd = -1;
    (void)pthread_mutex_unlock(&server->mutex);
    (void)close(fd);
  }
  return NULL;
}

struct fixture {
  struct server server;
  struct jg_arena arena;
  struct jg_metrics *metrics;
  struct jg_clock_manual clock;
  struct jg_cache_level *level;
};

static void start(struct fixture *fixture) {
  *fixture = (struct fixture){.server = {.fd = -1}};
  struct server *server = &fixture->server;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof(address);
  server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(server->listener >= 0);
  assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(server->listener, 4), 0);
  assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
  assert_int_equal(pthread_mutex_init(&server->mutex, NULL), 0);
  assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
  jg_arena_init(&fixture->arena, 65536);
  fixture->metrics = jg_metrics_create();
  jg_clock_manual_init(&fixture->clock, 0);
  const struct jg_redis_options options = {
      .url = jg_str_from_cstr(jg_arena_printf(&fixture->arena, "redis://127.0.0.1:%u", ntohs(address.sin_port))),
      .form = 1,
      .budget_ms = BUDGET_MS,
      .ttl_seconds = 60,
      .clock = &fixture->clock.clock,
      .metrics = fixture->metrics,
  };
  assert_true(jg_status_ok(jg_cache_redis_create(&options, &fixture->arena, &fixture->level)));
}

static void stop(struct fixture *fixture) {
  fixture->level->ops->destroy(fixture->level);
  (void)shutdown(fixture->server.listener, SHUT_RDWR);
  assert_int_equal(pthread_join(fixture->server.thread, NULL), 0);
  (void)close(fixture->server.listener);
  (void)pthread_mutex_destroy(&fixture->server.mutex);
  jg_metrics_destroy(fixture->metrics);
  jg_arena_done(&fixture->arena);
}

static struct jg_cache_health health(struct fixture *fixture) {
  struct jg_cache_health now;
  jg_cache_redis_health(fixture->level, &now);
  return now;
}

static size_t seen(struct fixture *fixture, const size_t *what) {
  (void)pthread_mutex_lock(&fixture->server.mutex);
  size_t value = *what;
  (void)pthread_mutex_unlock(&fixture->server.mutex);
  return value;
}

/* Waits for something that other threads do. */
#define WAIT_UNTIL(condition)                                                                 \
  for (int64_t until_ns = jg_clock_mono_ns(jg_clock_system()) + PATIENCE_NS; !(condition);) { \
    assert_true(jg_clock_mono_ns(jg_clock_system()) < until_ns);                              \
    (void)sched_yield();                                                                      \
  }

static struct jg_cache_key key_of(uint8_t id) {
  struct jg_cache_key key = {.tenant = 7, .tree_revision = 42, .kind = JG_KIND_PROJECT};
  memset(key.id.bytes, id, sizeof(key.id.bytes));
  return key;
}

static int64_t leases(struct fixture *fixture, const char *labels) {
  return jg_metric_get(jg_metrics_counter(fixture->metrics, "jobgate_cache_leases_total", "", labels));
}

/* A process does not lose leases to itself; where it cannot be told whose they are, they are another's. */
static void leases_of_the_own_process(void **state) {
  (void)state;
  const struct jg_cache_key keys[] = {key_of(0xaa), key_of(0xbb), key_of(0xcc)};
  for (int secret = 0; secret <= 1; secret++) {
    struct fixture fixture;
    bool mine[3];
    start(&fixture);
    WAIT_UNTIL(health(&fixture).writable);
    (void)pthread_mutex_lock(&fixture.server.mutex);
    fixture.server.leases_are_secret = secret;
    (void)pthread_mutex_unlock(&fixture.server.mutex);
    fixture.level->ops->claim(fixture.level, keys, 3, mine);
    assert_true(mine[0]);
    assert_int_equal(mine[1], !secret);
    assert_false(mine[2]);
    assert_int_equal(leases(&fixture, "result=\"won\""), 1);
    assert_int_equal(leases(&fixture, "result=\"ours\""), !secret);
    assert_int_equal(leases(&fixture, "result=\"lost\""), 1 + secret);
    assert_true(health(&fixture).writable);
    stop(&fixture);
  }
}

/* More keys than one MGET has: each reply is of its own keys. */
static void leases_of_many_keys(void **state) {
  (void)state;
  struct jg_cache_key keys[300];
  bool mine[300];
  struct fixture fixture;
  for (size_t i = 0; i < JG_COUNT(keys); i++) {
    keys[i] = key_of((uint8_t)(0xaa + 0x11 * (i % 3)));
  }
  start(&fixture);
  WAIT_UNTIL(health(&fixture).writable);
  fixture.level->ops->claim(fixture.level, keys, JG_COUNT(keys), mine);
  for (size_t i = 0; i < JG_COUNT(keys); i++) {
    assert_int_equal(mine[i], i % 3 != 2);
  }
  stop(&fixture);
}

static void put(struct fixture *fixture, size_t bytes) {
  char *text = jg_alloc_zero(bytes, 1);
  struct jg_cache_key key = key_of(0x11);
  struct jg_expanded expanded = {.proto = {text, bytes}};
  struct jg_cache_value *value = jg_cache_value_create(&key, &expanded);
  fixture->level->ops->put(fixture->level, value);
  jg_cache_value_unref(value);
  jg_free(text);
}

/* After a refusal for want of memory, writing begins again only when there is room for more than one value. */
static void a_full_server_is_asked_for_room(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  WAIT_UNTIL(health(&fixture).writable);
  assert_int_equal(seen(&fixture, &fixture.server.room_probes), 0);
  (void)pthread_mutex_lock(&fixture.server.mutex);
  fixture.server.is_full = true;
  fixture.server.room_probes_to_fail = 1;
  (void)pthread_mutex_unlock(&fixture.server.mutex);
  int64_t begin_ns = jg_clock_mono_ns(jg_clock_system());
  put(&fixture, 20000);
  WAIT_UNTIL(!health(&fixture).writable);
  assert_true(health(&fixture).readable);
  jg_clock_manual_advance_ns(&fixture.clock, INT64_C(5000000000));
  WAIT_UNTIL(seen(&fixture, &fixture.server.room_probes) == 1);
  size_t room = seen(&fixture, &fixture.server.room_bytes);
  assert_true(room > (size_t)8 * 20000 && room < (size_t)9 * 20000);
  (void)pthread_mutex_lock(&fixture.server.mutex);
  fixture.server.is_full = false;
  (void)pthread_mutex_unlock(&fixture.server.mutex);
  struct jg_metric *openings =
      jg_metrics_counter(fixture.metrics, "jobgate_cache_breaker_changes_total", "", "side=\"write\",state=\"open\"");
  WAIT_UNTIL(jg_metric_get(openings) == 2);  // the loop has heard of the second refusal too
  assert_false(health(&fixture).writable);
  jg_clock_manual_advance_ns(&fixture.clock, INT64_C(5000000000));
  WAIT_UNTIL(health(&fixture).writable);
  assert_int_equal(seen(&fixture, &fixture.server.room_probes), 2);
  // After the breaker's pauses, 300 ms at most, and not when the time budget of what was refused is over.
  assert_true(jg_clock_mono_ns(jg_clock_system()) - begin_ns < BUDGET_MS * INT64_C(1000000) / 2);
  put(&fixture, 20000);
  WAIT_UNTIL(seen(&fixture, &fixture.server.values) == 1);
  stop(&fixture);
}

static void cut(struct fixture *fixture) {
  (void)pthread_mutex_lock(&fixture->server.mutex);
  (void)shutdown(fixture->server.fd, SHUT_RDWR);
  (void)pthread_mutex_unlock(&fixture->server.mutex);
}

/* An idle connection that ends is made anew at once; one that was in use, after a pause. */
static void ends_of_idle_connections(void **state) {
  (void)state;
  struct fixture fixture;
  start(&fixture);
  WAIT_UNTIL(health(&fixture).writable);
  for (size_t connections = 2; connections < 5; connections++) {
    jg_clock_manual_advance_ns(&fixture.clock, INT64_C(600000000));
    cut(&fixture);
    WAIT_UNTIL(seen(&fixture, &fixture.server.connections) == connections);
    assert_true(health(&fixture).readable && health(&fixture).writable);
    // Up again before the next one: the read probe has answered once a get does.
    const struct jg_cache_key key = key_of(0x11);
    struct jg_cache_value *value;
    struct jg_metric *misses =
        jg_metrics_counter(fixture.metrics, "jobgate_cache_misses_total", "", "level=\"redis\",kind=\"project\"");
    int64_t before = jg_metric_get(misses);
    WAIT_UNTIL(fixture.level->ops->get(fixture.level, &key, 1, &value) == 0 && jg_metric_get(misses) > before);
  }
  jg_clock_manual_advance_ns(&fixture.clock, INT64_C(100000000));
  cut(&fixture);
  WAIT_UNTIL(!health(&fixture).readable);
  assert_string_equal(health(&fixture).read_meaning, "the connection ended");
  assert_int_equal(seen(&fixture, &fixture.server.connections), 4);
  stop(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leases_of_the_own_process),
      cmocka_unit_test(leases_of_many_keys),
      cmocka_unit_test(a_full_server_is_asked_for_room),
      cmocka_unit_test(ends_of_idle_connections),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
