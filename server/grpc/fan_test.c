/* A message for each of many streams at once, over several connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "server/grpc/core.h"
#include "server/grpc/fake_server.h"

#define THREADS 2
#define CONNECTIONS 5
#define STREAMS_EACH 12 /* but for the last connection: too few to be corked */
#define STREAMS_LAST 3
#define STREAMS ((CONNECTIONS - 1) * STREAMS_EACH + STREAMS_LAST)
#define ROUNDS 50
#ifdef JG_GRPC_TSAN
#define ROUNDS_BESIDE 500
#else
#define ROUNDS_BESIDE 5000
#endif
#define TIMEOUT_MS 60000

struct fan {
  struct fake_server *fake;
  struct jg_grpc_client *clients[CONNECTIONS];
  struct jg_grpc_stream *streams[STREAMS];
};

static struct jg_grpc_stream *open_on(struct jg_grpc_client *client) {
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Fan", .timeout_ms = TIMEOUT_MS};
  struct jg_grpc_stream *stream = NULL;
  assert_true(jg_status_ok(jg_grpc_stream_open(client, &request, &stream)));
  assert_true(jg_grpc_stream_send(stream, JG_STR("")));
  jg_grpc_stream_close_send(stream);
  return stream;
}

static int setup(void **state) {
  struct fan *fan = jg_alloc_zero(1, sizeof(*fan));
  fan->fake = fake_server_create("127.0.0.1:0", THREADS, -1);
  for (size_t i = 0; i < CONNECTIONS; i++) {
    fan->clients[i] = jg_grpc_client_create(jg_str_from_cstr(fan->fake->address));
  }
  // The connections take turns, so that their streams do not stand together.
  size_t count = 0;
  for (size_t i = 0; i < STREAMS_EACH; i++) {
    for (size_t c = 0; c < CONNECTIONS; c++) {
      if (c < CONNECTIONS - 1 || i < STREAMS_LAST) {
        fan->streams[count++] = open_on(fan->clients[c]);
        fake_wait_fan(count);
      }
    }
  }
  assert_int_equal(count, STREAMS);
  *state = fan;
  return 0;
}

static int teardown(void **state) {
  struct fan *fan = *state;
  for (size_t i = 0; i < STREAMS; i++) {
    jg_grpc_stream_destroy(fan->streams[i]);
  }
  for (size_t i = 0; i < CONNECTIONS; i++) {
    jg_grpc_client_destroy(fan->clients[i]);
  }
  fake_server_destroy(fan->fake);
  jg_free(fan);
  return 0;
}

static struct jg_status next(struct fan *fan, size_t i, enum jg_grpc_next *ret_next, struct jg_str *ret_message) {
  return jg_grpc_stream_next(fan->streams[i], -1, &fan->fake->arena, ret_next, ret_message);
}

static void expect(struct fan *fan, size_t i, const char *text) {
  enum jg_grpc_next what;
  struct jg_str message;
  struct jg_status status = next(fan, i, &what, &message);
  if (!jg_status_ok(status) || what != JG_GRPC_NEXT_MESSAGE || !jg_str_equal(message, jg_str_from_cstr(text))) {
    fail_msg("stream %zu: %s \"%s\", expected %s", i, jg_code_name(status.code), status.message, text);
  }
}

static void expect_end(struct fan *fan, size_t i) {
  enum jg_grpc_next what;
  struct jg_str message;
  assert_true(jg_status_ok(next(fan, i, &what, &message)));
  assert_int_equal(what, JG_GRPC_NEXT_END);
}

/* How many connected sockets of the server are corked. */
static size_t corked(unsigned port) {
  size_t count = 0;
  for (int fd = 0; fd < 1024; fd++) {
    struct sockaddr_in6 address = {0};
    socklen_t len = sizeof(address);
    int cork = 0;
    socklen_t cork_len = sizeof(cork);
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 && ntohs(address.sin6_port) == port &&
        getsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, &cork_len) == 0) {
      count += cork != 0;
    }
  }
  return count;
}

/* Though they arrive one by one: the core takes the first queue that waits for a call. */
static void streams_are_spread(void **state) {
  (void)state;
  size_t threads = fake_fan_threads();
  fake_fan_end();
  assert_int_equal(threads, THREADS);
}

static void every_stream_gets_every_message_in_order(void **state) {
  struct fan *fan = *state;
  char text[16];
  for (int i = 0; i < ROUNDS; i++) {
    (void)snprintf(text, sizeof(text), "%d", i);
    assert_int_equal(fake_fan_out(text), STREAMS);
  }
  assert_int_equal(corked(jg_grpc_server_port(fan->fake->server)), 0);
  fake_fan_end();
  for (size_t s = 0; s < STREAMS; s++) {
    for (int i = 0; i < ROUNDS; i++) {
      (void)snprintf(text, sizeof(text), "%d", i);
      expect(fan, s, text);
    }
    expect_end(fan, s);
  }
}

/* Of each four streams one is cancelled, on the client's side, while messages leave; the last connection is closed. */
static void streams_that_end_disturb_nobody(void **state) {
  struct fan *fan = *state;
  assert_int_equal(fake_fan_out("0"), STREAMS);
  for (size_t s = 0; s < STREAMS; s += 4) {
    jg_grpc_stream_cancel(fan->streams[s]);
  }
  char text[16];
  size_t sent = STREAMS;
  for (int i = 1; i < ROUNDS; i++) {
    (void)snprintf(text, sizeof(text), "%d", i);
    size_t count = fake_fan_out(text);
    assert_true(count <= sent);
    sent = count;
  }
  fake_fan_end();
  for (size_t s = 0; s < STREAMS; s++) {
    for (int i = 0; i < ROUNDS && s % 4 != 0; i++) {
      (void)snprintf(text, sizeof(text), "%d", i);
      expect(fan, s, text);
    }
    if (s % 4 != 0) {
      expect_end(fan, s);
    }
  }
}

struct caller {
  struct jg_grpc_client *client;
  _Atomic bool *done;
  pthread_t thread;
  int answers;
};

/* One message, and OUT_OF_RANGE. */
static void short_stream(struct jg_grpc_client *client, struct jg_arena *arena) {
  static const struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Last", .timeout_ms = TIMEOUT_MS};
  struct jg_grpc_stream *stream = NULL;
  JG_ASSERT(jg_status_ok(jg_grpc_stream_open(client, &request, &stream)));
  JG_ASSERT(jg_grpc_stream_send(stream, JG_STR("")));
  jg_grpc_stream_close_send(stream);
  enum jg_grpc_next next;
  struct jg_str message;
  JG_ASSERT(jg_status_ok(jg_grpc_stream_next(stream, -1, arena, &next, &message)));
  JG_ASSERT(next == JG_GRPC_NEXT_MESSAGE && jg_str_equal(message, JG_STR("last words")));
  JG_ASSERT(jg_grpc_stream_next(stream, -1, arena, &next, &message).code == JG_OUT_OF_RANGE);
  jg_grpc_stream_destroy(stream);
}

static void *make_calls(void *data) {
  struct caller *caller = data;
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 20);
  static const struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Thread", .timeout_ms = TIMEOUT_MS};
  while (!atomic_load(caller->done)) {
    struct jg_str response;
    struct jg_status status = jg_grpc_client_unary(caller->client, &request, JG_STR(""), &arena, &response);
    JG_ASSERT(jg_status_ok(status));
    short_stream(caller->client, &arena);
    caller->answers++;
    jg_arena_reset(&arena);
  }
  jg_arena_done(&arena);
  return NULL;
}

/* Unary calls and short streams on the same connections meanwhile. Now and then it is the sending thread that finds these streams'
 * events in the core. */
static void calls_beside_them_are_answered(void **state) {
  struct fan *fan = *state;
  _Atomic bool done = false;
  struct caller callers[CONNECTIONS];
  for (size_t i = 0; i < CONNECTIONS; i++) {
    callers[i] = (struct caller){.client = fan->clients[i], .done = &done};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, make_calls, &callers[i]), 0);
  }
  for (int i = 0; i < ROUNDS_BESIDE; i++) {
    assert_int_equal(fake_fan_out("x"), STREAMS);
  }
  atomic_store(&done, true);
  for (size_t i = 0; i < CONNECTIONS; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    assert_true(callers[i].answers > 0);
  }
  fake_fan_end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(streams_are_spread, setup, teardown),
      cmocka_unit_test_setup_teardown(every_stream_gets_every_message_in_order, setup, teardown),
      cmocka_unit_test_setup_teardown(streams_that_end_disturb_nobody, setup, teardown),
      cmocka_unit_test_setup_teardown(calls_beside_them_are_answered, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
