// Time-outs by an injected clock, the graceful end, addresses.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/http/http_internal.h"
#include "bridge/http/test_server.h"

#define NS_PER_MS INT64_C(1000000)
#define GET "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

/* Time stands still unless a test moves it; the server looks every 2 ms. */
static const struct jg_http_limits limits = {.head_timeout_ms = 1000,
                                             .body_timeout_ms = 3000,
                                             .idle_timeout_ms = 5000,
                                             .write_timeout_ms = 7000,
                                             .linger_timeout_ms = 9000,
                                             .drain_idle_ms = 400,
                                             .drain_linger_ms = 600,
                                             .tick_ms = 2};
static struct jg_clock_manual clock_manual;
static struct jg_test_server *server;

static int set_up(void **state) {
  (void)state;
  jg_clock_manual_init(&clock_manual, INT64_C(17000000000000000));
  server = jg_test_server_start(&limits, &clock_manual.clock);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jg_test_server_stop(server);
  return 0;
}

static void advance_ms(int64_t ms) {
  jg_clock_manual_advance_ns(&clock_manual, ms * NS_PER_MS);
}

static struct jg_test_client connect_client(void) {
  struct jg_test_client client;
  jg_test_client_open(&client, jg_test_server_port(server));
  return client;
}

static void expect_status(struct jg_test_client *client, int status, bool close) {
  struct jg_test_answer answer;
  jg_test_client_read(client, false, &answer);
  assert_int_equal(answer.status, status);
  assert_int_equal(jg_str_equal(jg_test_answer_header(&answer, "connection"), JG_STR("close")), close);
  jg_test_answer_done(&answer);
}

/* An exchange on a connection of its own: when it is done, the loop has seen all that was sent before. */
static void settle(void) {
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, GET);
  expect_status(&client, 200, false);
  jg_test_client_close(&client);
}

static void the_date_is_the_clocks(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, GET);
  struct jg_test_answer answer;
  jg_test_client_read(&client, false, &answer);
  // 1,700,000,000 seconds.
  assert_true(jg_str_equal(jg_test_answer_header(&answer, "date"), JG_STR("Tue, 14 Nov 2023 22:13:20 GMT")));
  jg_test_answer_done(&answer);
  jg_test_client_close(&client);
}

static void a_slow_head_is_a_408(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, GET "GET / HTTP");
  expect_status(&client, 200, false);
  settle();
  advance_ms(900);
  settle();
  jg_test_client_send_text(&client, "/1.1\r\n");  // Bytes alone win no time.
  settle();
  assert_true(jg_test_client_silent(&client));
  advance_ms(100);
  expect_status(&client, 408, true);
  assert_true(jg_test_client_at_end(&client));
  jg_test_client_close(&client);
}

static void a_slow_body_is_a_408(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  settle();
  advance_ms(2900);
  settle();
  assert_true(jg_test_client_silent(&client));
  advance_ms(100);
  expect_status(&client, 408, true);
  jg_test_client_close(&client);
}

/* Each request has its own time, even when the next one's first bytes always come along with the last one's end. */
static void a_busy_connection_does_not_time_out(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET /echo HT");
  for (int i = 0; i < 5; i++) {
    settle();
    advance_ms(600);
    settle();
    jg_test_client_send_text(&client, "TP/1.1\r\nHost: a\r\n\r\nGET /echo HT");
    expect_status(&client, 200, false);
  }
  jg_test_client_close(&client);
}

static void an_idle_connection_is_closed(void **state) {
  (void)state;
  struct jg_test_client fresh = connect_client(), used = connect_client();
  jg_test_client_send_text(&used, GET);
  expect_status(&used, 200, false);
  settle();
  advance_ms(4900);
  settle();
  jg_test_client_send_text(&used, GET);
  expect_status(&used, 200, false);
  settle();
  advance_ms(100);
  assert_true(jg_test_client_at_end(&fresh));
  settle();
  assert_true(jg_test_client_silent(&used));
  advance_ms(4900);
  assert_true(jg_test_client_at_end(&used));
  jg_test_client_close(&fresh);
  jg_test_client_close(&used);
}

/* A request that is with its handler is not the client's delay. */
static void a_running_call_has_no_time_out(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  jg_test_server_wait_held(server, 1);
  advance_ms(1000000);
  settle();
  jg_test_server_release(server, false);
  expect_status(&client, 200, false);
  jg_test_client_close(&client);
}

static void an_unread_answer_is_cut(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET /big/50000000 HTTP/1.1\r\nHost: a\r\n\r\n");
  // The kernels take a part of it at once; what follows waits for the client.
  while (jg_test_server_calls(server) == 0) {
    settle();
  }
  settle();
  advance_ms(7000);
  while (jg_test_server_lost(server) == 0) {
    settle();
    advance_ms(7000);
  }
  jg_test_client_close(&client);
}

static void a_client_that_never_ends_is_cut(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_status(&client, 200, true);
  assert_true(jg_test_client_at_end(&client));
  settle();
  assert_true(jg_test_client_try_send(&client, JG_STR("more")));
  settle();
  advance_ms(9000);
  // A reset follows what was sent into the closed connection.
  while (jg_test_client_try_send(&client, JG_STR("more"))) {
    settle();
  }
  jg_test_client_close(&client);
}

/* Waits until the drain has begun: an answer says that its connection ends. */
static void wait_draining(void) {
  bool draining = false;
  while (!draining) {
    struct jg_test_client client = connect_client();
    jg_test_client_send_text(&client, GET);
    struct jg_test_answer answer;
    jg_test_client_read(&client, false, &answer);
    draining = jg_str_equal(jg_test_answer_header(&answer, "connection"), JG_STR("close"));
    jg_test_answer_done(&answer);
    jg_test_client_close(&client);
  }
}

static void draining_answers_what_is_on_its_way(void **state) {
  (void)state;
  struct jg_test_client used = connect_client(), idle = connect_client();
  jg_test_client_send_text(&used, GET);
  expect_status(&used, 200, false);
  settle();
  jg_http_server_drain(jg_test_server_http(server), 100000);
  wait_draining();
  assert_true(jg_test_client_silent(&used) && jg_test_client_silent(&idle));
  // The next request of the one, the first of the other and of one that comes now.
  struct jg_test_client late = connect_client();
  jg_test_client_send_text(&used, GET);
  jg_test_client_send_text(&late, GET);
  expect_status(&used, 200, true);
  expect_status(&late, 200, true);
  assert_true(jg_test_client_at_end(&used) && jg_test_client_at_end(&late));
  advance_ms(400);
  assert_true(jg_test_client_at_end(&idle));
  // A client that keeps its connections without a look at them is not waited for as long as any other.
  advance_ms(600);
  jg_http_server_stop(jg_test_server_http(server));
  jg_test_client_close(&used);
  jg_test_client_close(&idle);
  jg_test_client_close(&late);
}

static void draining_hurries_who_lingers(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_status(&client, 200, true);
  assert_true(jg_test_client_at_end(&client));
  settle();
  jg_http_server_drain(jg_test_server_http(server), 100000);
  wait_draining();
  advance_ms(600);
  jg_http_server_stop(jg_test_server_http(server));
  jg_test_client_close(&client);
}

static void draining_finishes_what_is_open(void **state) {
  (void)state;
  struct jg_test_client idle = connect_client(), busy = connect_client(), half = connect_client();
  jg_test_client_send_text(&busy, "GET /hold?1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /hold?2 HTTP/1.1\r\nHost: a\r\n\r\n");
  jg_test_client_send_text(&half, "GET /echo HTTP/1.1\r\n");
  jg_test_server_wait_held(server, 1);
  settle();
  jg_http_server_drain(jg_test_server_http(server), 5000);
  wait_draining();
  advance_ms(400);
  assert_true(jg_test_client_at_end(&idle));
  jg_test_client_send_text(&half, "Host: a\r\n\r\n");
  expect_status(&half, 200, true);
  assert_true(jg_test_client_at_end(&half));
  jg_test_server_release(server, false);
  expect_status(&busy, 200, false);
  jg_test_server_wait_held(server, 2);
  jg_test_server_release(server, false);
  expect_status(&busy, 200, true);
  assert_true(jg_test_client_at_end(&busy));
  jg_test_client_close(&idle);
  jg_test_client_close(&busy);
  jg_test_client_close(&half);
}

static void draining_ends_at_its_grace(void **state) {
  (void)state;
  struct jg_test_client client = connect_client(), idle = connect_client();
  jg_test_client_send_text(&client, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
  jg_test_server_wait_held(server, 1);
  settle();
  jg_http_server_drain(jg_test_server_http(server), 100000);
  jg_http_server_drain(jg_test_server_http(server), 5000);
  wait_draining();
  advance_ms(400);
  assert_true(jg_test_client_at_end(&idle));
  jg_test_client_close(&idle);
  advance_ms(100000);
  assert_true(jg_test_client_at_end(&client));
  jg_test_server_wait_gone(server, 1);
  jg_test_server_release(server, false);
  jg_test_client_close(&client);
}

static void never_called(struct jg_http_request *request, void *data) {
  (void)request;
  (void)data;
  fail();
}

static void a_taken_port_is_told(void **state) {
  (void)state;
  struct jg_http_server_options options = {.name = "second",
                                           .address = jg_http_server_address(jg_test_server_http(server)),
                                           .handler = never_called,
                                           .clock = &clock_manual.clock};
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  struct jg_http_server *second = jg_http_server_create(&options);
  struct jg_status status = jg_http_server_start(second, &arena);
  assert_int_equal(status.code, JG_UNAVAILABLE);
  assert_non_null(strstr(status.message, "address already in use"));
  jg_http_server_stop(second);
  jg_http_server_destroy(second);
  options.address = JG_STR("nonsense");
  second = jg_http_server_create(&options);
  status = jg_http_server_start(second, &arena);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  jg_http_server_destroy(second);
  options.address = JG_STR("localhost:0");
  second = jg_http_server_create(&options);
  jg_http_server_destroy(second);
  jg_http_server_destroy(NULL);
  jg_arena_done(&arena);
}

static const struct {
  const char *address, *expected; /* NULL: malformed */
} addresses[] = {
    {"127.0.0.1:8080", "127.0.0.1:8080"},
    {"0.0.0.0:0", "0.0.0.0:0"},
    {"[::1]:65535", "[::1]:65535"},
    {"[::]:1", "[::]:1"},
    {"", NULL},
    {":80", NULL},
    {"127.0.0.1", NULL},
    {"127.0.0.1:", NULL},
    {"127.0.0.1:65536", NULL},
    {"127.0.0.1:-1", NULL},
    {"127.0.0.1:x", NULL},
    {"::1:80", NULL},
    {"[::1:80", NULL},
    {"[]:80", NULL},
    {"[127.0.0.1]:80", NULL},
};

static void addresses_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(addresses); i++) {
    struct sockaddr_storage address;
    bool read = jg_http_listen_resolve(jg_str_from_cstr(addresses[i].address), &address);
    if (read != (addresses[i].expected != NULL)) {
      fail_msg("'%s'", addresses[i].address);
    }
    if (read) {
      char text[JG_HTTP_ADDRESS_BYTES];
      uint16_t port = 0;
      jg_http_listen_format(&address, text, &port);
      assert_string_equal(text, addresses[i].expected);
    }
  }
}

static const struct {
  const char *host;
  bool valid;
} hosts[] = {
    {"a", true},
    {"jobs.example.com", true},
    {"a_b-c~d:8080", true},
    {"127.0.0.1:0", true},
    {"[::1]", true},
    {"[::ffff:1.2.3.4]:80", true},
    {"", false},
    {":80", false},
    {"a:", false},
    {"a:b", false},
    {"a:65536", false},
    {"a:000080", false},
    {"a b", false},
    {"a/b", false},
    {"a@b", false},
    {"a,b", false},
    {"a\"b", false},
    {"<a>", false},
    {"a%41", false},
    {"[]", false},
    {"[::1", false},
    {"[g::]", false},
    {"[::1]80", false},
    {"\xc3\xa9", false},
    {"a?b", false},
    {"a:+1", false},
};

static void hosts_are_checked(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(hosts); i++) {
    if (jg_http_host_valid(jg_str_from_cstr(hosts[i].host)) != hosts[i].valid) {
      fail_msg("'%s'", hosts[i].host);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_date_is_the_clocks, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_slow_head_is_a_408, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_slow_body_is_a_408, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_busy_connection_does_not_time_out, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_idle_connection_is_closed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_running_call_has_no_time_out, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_unread_answer_is_cut, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_client_that_never_ends_is_cut, set_up, tear_down),
      cmocka_unit_test_setup_teardown(draining_answers_what_is_on_its_way, set_up, tear_down),
      cmocka_unit_test_setup_teardown(draining_hurries_who_lingers, set_up, tear_down),
      cmocka_unit_test_setup_teardown(draining_finishes_what_is_open, set_up, tear_down),
      cmocka_unit_test_setup_teardown(draining_ends_at_its_grace, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_taken_port_is_told, set_up, tear_down),
      cmocka_unit_test(addresses_are_read),
      cmocka_unit_test(hosts_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
