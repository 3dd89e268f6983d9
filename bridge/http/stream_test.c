// Streamed answers: framing, order, one piece at a time, clients that go or do not read, the server's end.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "bridge/http/server.h"
#include "bridge/http/test_client.h"

#define NS_PER_MS INT64_C(1000000)
#define PIECE_BYTES (64u << 10)

/* Paths: /push: the test gives every step, from its own thread. /run/N: N pieces, each given inside on_sent. /cut: one piece, then
 * an end that is none. Any other: "plain". */
static struct stream_server {
  struct jg_http_server *http;
  struct jg_clock_manual clock;
  struct jg_metrics *metrics;
  pthread_mutex_t mutex; /* of what follows */
  pthread_cond_t changed;
  struct jg_http_request *pushed;
  int sent, sent_ok, gone, ended, lost;
  size_t body_bytes;
} server;

struct run {
  uint64_t left;
  bool complete;
};

static void lock(void) {
  assert_int_equal(pthread_mutex_lock(&server.mutex), 0);
}

static void unlock(void) {
  assert_int_equal(pthread_cond_broadcast(&server.changed), 0);
  assert_int_equal(pthread_mutex_unlock(&server.mutex), 0);
}

static void wait_count(const int *count, int wanted) {
  lock();
  while (*count < wanted) {
    assert_int_equal(pthread_cond_wait(&server.changed, &server.mutex), 0);
  }
  assert_int_equal(*count, wanted);
  unlock();
}

static int value(const int *count) {
  lock();
  int v = *count;
  unlock();
  return v;
}

static void note_sent(struct jg_http_request *request, bool ok) {
  (void)request;
  lock();
  server.sent++;
  server.sent_ok += ok;
  unlock();
}

static void note_gone(struct jg_http_request *request) {
  (void)request;
  lock();
  server.gone++;
  unlock();
}

static struct jg_bytes *make_piece(void) {
  struct jg_bytes *piece = jg_bytes_create_room(PIECE_BYTES);
  memset(piece->data, 'p', PIECE_BYTES);
  return piece;
}

static void run_on(struct jg_http_request *request, bool ok) {
  struct run *run = request->context;
  note_sent(request, ok);
  if (ok && run->left > 0) {
    run->left--;
    jg_http_stream_send(request, make_piece());
    return;
  }
  jg_http_stream_end(request, run->complete);
}

static void start(struct jg_http_request *request, struct jg_bytes *piece) {
  const struct jg_http_header type = {JG_STR("Content-Type"), JG_STR("text/event-stream")};
  struct jg_http_response response = {.status = 200, .headers = &type, .header_count = 1, .shared = piece};
  jg_http_stream_start(request, &response);
}

static void handle(struct jg_http_request *request, void *data) {
  (void)data;
  request->on_gone = note_gone;
  if (jg_str_equal(request->path, JG_STR("/push"))) {
    request->on_sent = note_sent;
    lock();
    server.pushed = request;
    unlock();
  } else if (jg_str_starts_with(request->path, JG_STR("/run/")) || jg_str_equal(request->path, JG_STR("/cut"))) {
    struct run *run = jg_arena_alloc_zero(&request->arena, sizeof(*run));
    assert_non_null(run);
    run->complete = jg_str_starts_with(request->path, JG_STR("/run/"));
    assert_true(!run->complete || jg_parse_u64(jg_str_sub(request->path, 5, request->path.len), &run->left));
    request->context = run;
    request->on_sent = run_on;
    start(request, run->complete ? NULL : make_piece());
  } else {
    struct jg_http_response response = {.status = 200, .text = JG_STR("plain")};
    jg_http_respond(request, &response);
  }
}

static void done(struct jg_http_request *request, int status, size_t body_bytes, void *data) {
  (void)request;
  (void)data;
  lock();
  server.ended++;
  server.lost += status == 499;
  server.body_bytes += body_bytes;
  unlock();
}

static int set_up(void **state) {
  (void)state;
  server = (struct stream_server){.metrics = jg_metrics_create()};
  assert_int_equal(pthread_mutex_init(&server.mutex, NULL), 0);
  assert_int_equal(pthread_cond_init(&server.changed, NULL), 0);
  jg_clock_manual_init(&server.clock, INT64_C(17000000000000000));
  const struct jg_http_server_options options = {.name = "test",
                                                 .address = JG_STR("127.0.0.1:0"),
                                                 .handler = handle,
                                                 .done = done,
                                                 .limits = {.write_timeout_ms = 7000, .tick_ms = 2},
                                                 .clock = &server.clock.clock,
                                                 .metrics = server.metrics};
  server.http = jg_http_server_create(&options);
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  assert_true(jg_status_ok(jg_http_server_start(server.http, &arena)));
  jg_arena_done(&arena);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jg_http_server_stop(server.http);
  jg_http_server_destroy(server.http);
  jg_metrics_destroy(server.metrics);
  assert_int_equal(pthread_cond_destroy(&server.changed), 0);
  assert_int_equal(pthread_mutex_destroy(&server.mutex), 0);
  return 0;
}

static struct jg_test_client ask(const char *text) {
  struct jg_test_client client;
  jg_test_client_open(&client, jg_http_server_port(server.http));
  jg_test_client_send_text(&client, text);
  return client;
}

/* The request that the handler put aside for the test. */
static struct jg_http_request *take_pushed(void) {
  lock();
  while (server.pushed == NULL) {
    assert_int_equal(pthread_cond_wait(&server.changed, &server.mutex), 0);
  }
  struct jg_http_request *request = server.pushed;
  server.pushed = NULL;
  unlock();
  return request;
}

static void push(struct jg_http_request *request, const char *text) {
  jg_http_stream_send(request, jg_bytes_create(jg_str_from_cstr(text)));
}

static void expect_chunk(struct jg_test_client *client, const char *text) {
  struct jg_buf chunk;
  jg_buf_init(&chunk, 1u << 20);
  assert_int_equal(jg_test_client_read_chunk(client, &chunk), text[0] != '\0');
  assert_true(jg_str_equal(jg_buf_str(&chunk), jg_str_from_cstr(text)));
  jg_buf_done(&chunk);
}

static void expect_plain(struct jg_test_client *client) {
  struct jg_test_answer answer;
  jg_test_client_read(client, false, &answer);
  assert_int_equal(answer.status, 200);
  assert_true(jg_str_equal(jg_buf_str(&answer.body), JG_STR("plain")));
  jg_test_answer_done(&answer);
}

static void expect_head(struct jg_test_client *client, const char *coding, const char *connection) {
  struct jg_test_answer answer;
  jg_test_client_read_head(client, &answer);
  assert_int_equal(answer.status, 200);
  assert_true(jg_str_equal(jg_test_answer_header(&answer, "content-type"), JG_STR("text/event-stream")));
  assert_true(jg_str_equal(jg_test_answer_header(&answer, "transfer-encoding"), jg_str_from_cstr(coding)));
  assert_true(jg_str_equal(jg_test_answer_header(&answer, "connection"), jg_str_from_cstr(connection)));
  assert_null(jg_test_answer_header(&answer, "content-length").data);
  jg_test_answer_done(&answer);
}

static void pieces_come_one_by_one(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /push HTTP/1.1\r\nHost: a\r\n\r\n");
  struct jg_http_request *request = take_pushed();
  start(request, NULL);
  expect_head(&client, "chunked", "");
  wait_count(&server.sent, 1);
  assert_true(jg_test_client_silent(&client));
  push(request, "one");
  expect_chunk(&client, "one");
  wait_count(&server.sent, 2);
  push(request, "");  // Sends nothing, and is answered all the same.
  wait_count(&server.sent, 3);
  push(request, "two");
  expect_chunk(&client, "two");
  wait_count(&server.sent_ok, 4);
  jg_http_stream_end(request, true);
  expect_chunk(&client, "");
  // The connection goes on.
  jg_test_client_send_text(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_plain(&client);
  wait_count(&server.ended, 2);
  assert_int_equal(value(&server.lost), 0);
  assert_int_equal(value(&server.gone), 0);
  assert_int_equal(server.body_bytes, 6 + 5);
  jg_test_client_close(&client);
}

static void the_first_piece_comes_with_the_head(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /push HTTP/1.1\r\nHost: a\r\n\r\n");
  struct jg_http_request *request = take_pushed();
  start(request, jg_bytes_create(JG_STR("first")));
  expect_head(&client, "chunked", "");
  expect_chunk(&client, "first");
  wait_count(&server.sent_ok, 1);
  jg_http_stream_end(request, true);
  expect_chunk(&client, "");
  jg_test_client_close(&client);
}

static void http_1_0_ends_with_the_connection(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /push HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  struct jg_http_request *request = take_pushed();
  start(request, jg_bytes_create(JG_STR("one")));
  wait_count(&server.sent_ok, 1);
  push(request, "two");
  wait_count(&server.sent_ok, 2);
  jg_http_stream_end(request, true);
  expect_head(&client, "", "close");
  struct jg_buf rest;
  jg_buf_init(&rest, 1u << 20);
  jg_test_client_read_rest(&client, &rest);
  assert_true(jg_str_equal(jg_buf_str(&rest), JG_STR("onetwo")));
  jg_buf_done(&rest);
  jg_test_client_close(&client);
}

static void head_gets_the_head_alone(void **state) {
  (void)state;
  struct jg_test_client client = ask("HEAD /run/5 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_head(&client, "chunked", "");
  expect_plain(&client);
  wait_count(&server.ended, 2);
  assert_int_equal(value(&server.sent), 1);
  assert_int_equal(value(&server.sent_ok), 0);
  jg_test_client_close(&client);
}

/* Pipelined: nothing of a stream leaves before the answers ahead of it, nothing behind it before its end. */
static void streams_keep_the_order(void **state) {
  (void)state;
  struct jg_test_client client =
      ask("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /run/2 HTTP/1.1\r\nHost: a\r\n\r\n"
          "GET /run/1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  expect_plain(&client);
  for (int pieces = 2; pieces > 0; pieces--) {
    struct jg_buf body;
    jg_buf_init(&body, 1u << 20);
    expect_head(&client, "chunked", "");
    while (jg_test_client_read_chunk(&client, &body)) {
    }
    assert_int_equal(body.len, (size_t)pieces * PIECE_BYTES);
    jg_buf_done(&body);
  }
  expect_plain(&client);
  jg_test_client_close(&client);
}

/* What waits for a client that does not read is one piece and what the socket holds. */
static void a_slow_client_holds_one_piece(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /run/2000 HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_head(&client, "chunked", "");
  // The loop has done all it can once it answers somebody else and no more has left.
  int before = -1;
  while (before != value(&server.sent)) {
    before = value(&server.sent);
    for (int i = 0; i < 20; i++) {
      struct jg_test_client other = ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      expect_plain(&other);
      jg_test_client_close(&other);
    }
  }
  assert_true(before < 2000);
  struct jg_buf body;
  jg_buf_init(&body, 256u << 20);
  while (jg_test_client_read_chunk(&client, &body)) {
  }
  assert_int_equal(body.len, (size_t)2000 * PIECE_BYTES);
  jg_buf_done(&body);
  assert_int_equal(value(&server.sent_ok), 2001);
  jg_test_client_close(&client);
}

static void a_client_that_does_not_read_is_cut(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /run/100000 HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_head(&client, "chunked", "");
  while (value(&server.gone) == 0) {
    struct jg_test_client other = ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_plain(&other);
    jg_test_client_close(&other);
    jg_clock_manual_advance_ns(&server.clock, 7000 * NS_PER_MS);
  }
  jg_test_client_close(&client);
}

static void a_client_that_goes_is_noticed(void **state) {
  (void)state;
  // One that says that it sends no more requests, and one that might: the server reads on for both.
  static const char *const requests[] = {"GET /push HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                                         "GET /push HTTP/1.1\r\nHost: a\r\n\r\n"};
  for (int i = 0; i < 2; i++) {
    struct jg_test_client client = ask(requests[i]);
    struct jg_http_request *request = take_pushed();
    start(request, NULL);
    expect_head(&client, "chunked", i == 0 ? "close" : "");
    wait_count(&server.sent_ok, 2 * i + 1);
    push(request, "x");
    wait_count(&server.sent_ok, 2 * i + 2);
    jg_test_client_close(&client);
    wait_count(&server.gone, i + 1);
    jg_http_stream_end(request, true);
    wait_count(&server.ended, i + 1);
  }
  assert_int_equal(value(&server.lost), 0);  // Their heads had left.
}

static void a_client_may_go_before_the_start(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /push HTTP/1.1\r\nHost: a\r\n\r\n");
  struct jg_http_request *request = take_pushed();
  jg_test_client_shutdown(&client);
  start(request, jg_bytes_create(JG_STR("first")));
  wait_count(&server.sent, 1);
  int ok = value(&server.sent_ok);  // The head may have left before the client's end was seen.
  assert_in_range(ok, 0, 1);
  wait_count(&server.gone, 1);
  jg_http_stream_end(request, true);
  wait_count(&server.ended, 1);
  jg_test_client_close(&client);
}

static void an_incomplete_end_is_seen(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_head(&client, "chunked", "");
  struct jg_buf rest;
  jg_buf_init(&rest, 1u << 20);
  assert_true(jg_test_client_read_chunk(&client, &rest));
  assert_true(jg_test_client_at_end(&client));  // Without the last chunk.
  jg_buf_done(&rest);
  wait_count(&server.ended, 1);
  jg_test_client_close(&client);
}

/* A drain lets streams end in peace; the connection ends after them. */
static void draining_waits_for_streams(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /push HTTP/1.1\r\nHost: a\r\n\r\n");
  struct jg_http_request *request = take_pushed();
  start(request, NULL);
  expect_head(&client, "chunked", "");
  wait_count(&server.sent_ok, 1);
  jg_http_server_drain(server.http, 60000);
  push(request, "last");
  expect_chunk(&client, "last");
  wait_count(&server.sent_ok, 2);
  jg_http_stream_end(request, true);
  expect_chunk(&client, "");
  // Its head said nothing of an end, so for a moment it may be used again.
  while (jg_test_client_silent(&client)) {
    jg_clock_manual_advance_ns(&server.clock, 20 * NS_PER_MS);
  }
  assert_true(jg_test_client_at_end(&client));
  jg_test_client_close(&client);
}

static void draining_cuts_what_does_not_end(void **state) {
  (void)state;
  struct jg_test_client client = ask("GET /push HTTP/1.1\r\nHost: a\r\n\r\n");
  struct jg_http_request *request = take_pushed();
  start(request, NULL);
  expect_head(&client, "chunked", "");
  wait_count(&server.sent_ok, 1);
  jg_http_server_drain(server.http, 0);
  wait_count(&server.gone, 1);
  push(request, "late");
  wait_count(&server.sent, 2);
  assert_int_equal(value(&server.sent_ok), 1);
  jg_http_stream_end(request, true);
  assert_true(jg_test_client_at_end(&client));
  jg_test_client_close(&client);
}

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      STREAM_TEST(pieces_come_one_by_one),
      STREAM_TEST(the_first_piece_comes_with_the_head),
      STREAM_TEST(http_1_0_ends_with_the_connection),
      STREAM_TEST(head_gets_the_head_alone),
      STREAM_TEST(streams_keep_the_order),
      STREAM_TEST(a_slow_client_holds_one_piece),
      STREAM_TEST(a_client_that_does_not_read_is_cut),
      STREAM_TEST(a_client_that_goes_is_noticed),
      STREAM_TEST(a_client_may_go_before_the_start),
      STREAM_TEST(an_incomplete_end_is_seen),
      STREAM_TEST(draining_waits_for_streams),
      STREAM_TEST(draining_cuts_what_does_not_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
