// Connections, framing and order, over loopback sockets.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>

#include "bridge/http/test_server.h"

static struct jg_test_server *server;

static int set_up(void **state) {
  (void)state;
  server = jg_test_server_start(NULL, NULL);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jg_test_server_stop(server);
  return 0;
}

static struct jg_test_client connect_client(void) {
  struct jg_test_client client;
  jg_test_client_open(&client, jg_test_server_port(server));
  return client;
}

/* Nothing has come, although the loop has done all that was asked of it before: another client's answer proves that. */
static bool is_silent(struct jg_test_client *client) {
  struct jg_test_client other = connect_client();
  struct jg_test_answer answer;
  jg_test_client_send_text(&other, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  jg_test_client_read(&other, false, &answer);
  jg_test_answer_done(&answer);
  jg_test_client_close(&other);
  return jg_test_client_silent(client);
}

static void assert_text(struct jg_str actual, const char *expected) {
  if (!jg_str_equal(actual, jg_str_from_cstr(expected))) {
    fail_msg("got '%.*s', expected '%s'", JG_STR_ARG(actual), expected);
  }
}

/* Reads an answer of status 200 with that body; returns whether it ends the connection. */
static bool expect_body(struct jg_test_client *client, const char *body) {
  struct jg_test_answer answer;
  jg_test_client_read(client, false, &answer);
  assert_int_equal(answer.status, 200);
  assert_text(jg_buf_str(&answer.body), body);
  assert_int_equal(jg_test_answer_header(&answer, "date").len, 29);
  bool close = jg_str_equal(jg_test_answer_header(&answer, "connection"), JG_STR("close"));
  jg_test_answer_done(&answer);
  return close;
}

static const struct {
  const char *name, *request, *body;
  bool close;
} exchanges[] = {
    {"get", "GET /what?a=b&c HTTP/1.1\r\nHost: x\r\n\r\n", "GET|/what|?a=b&c|x|0|Host=x", false},
    {"get without query", "GET /a HTTP/1.1\r\nHost: x:80\r\n\r\n", "GET|/a|-|x:80|0|Host=x:80", false},
    {"empty query", "GET /a? HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET|/a|?|[::1]:80|0|Host=[::1]:80", false},
    {"values are trimmed", "GET / HTTP/1.1\r\nHost:x\r\nA: \t b c \t\r\nB:\r\n\r\n",
     "GET|/|-|x|0|Host=x|A=b c|B=", false},
    {"absolute target", "GET http://y:8/a?b HTTP/1.1\r\nHost: x\r\n\r\n", "GET|/a|?b|y:8|0|Host=x", false},
    {"absolute target without path", "GET https://y HTTP/1.1\r\nHost: x\r\n\r\n", "GET|/|-|y|0|Host=x", false},
    {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS|*|-|x|0|Host=x", false},
    {"another method", "PROPFIND /a HTTP/1.1\r\nHost: x\r\n\r\n", "PROPFIND|/a|-|x|0|Host=x", false},
    {"empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET|/|-|x|0|Host=x", false},
    {"close", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET|/a|-|x|0|Host=x|Connection=close", true},
    {"HTTP/1.0", "GET /a HTTP/1.0\r\nHost: x\r\n\r\n", "GET|/a|-|x|1|Host=x", true},
    {"HTTP/1.0 kept", "GET /a HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
     "GET|/a|-|x|1|Host=x|Connection=keep-alive", false},
    {"sized body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
    {"empty body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "", false},
    {"no body", "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", "", false},
    {"body of a get", "GET /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "hi", false},
    {"chunks",
     "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nT: 1\r\n\r\n",
     "hello", false},
    {"no chunk", "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "", false},
    {"another thread", "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
    {"the handler's second call", "POST /again HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello", false},
    {"an upgrade is ignored", "GET /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
     "GET|/a|-|x|0|Host=x|Connection=upgrade|Upgrade=h2c", false},
    {"the handler closes", "GET /close HTTP/1.1\r\nHost: x\r\n\r\n", "bye", true},
};

static void exchanges_work(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(exchanges); i++) {
    for (int slowly = 0; slowly < 2; slowly++) {
      struct jg_test_client client = connect_client();
      // Twice, so that what a request leaves behind would show.
      for (int again = 0; again < (exchanges[i].close ? 1 : 2); again++) {
        if (slowly) {
          jg_test_client_send_slowly(&client, exchanges[i].request);
        } else {
          jg_test_client_send_text(&client, exchanges[i].request);
        }
        if (expect_body(&client, exchanges[i].body) != exchanges[i].close) {
          fail_msg("%s: connection", exchanges[i].name);
        }
      }
      if (exchanges[i].close) {
        assert_true(jg_test_client_at_end(&client));
      }
      jg_test_client_close(&client);
    }
  }
}

static void http_1_0_without_host_gets_the_servers_own(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET / HTTP/1.0\r\n\r\n");
  struct jg_test_answer answer;
  jg_test_client_read(&client, false, &answer);
  char expected[64];
  snprintf(expected, sizeof(expected), "GET|/|-|127.0.0.1:%u|1", jg_test_server_port(server));
  assert_text(jg_buf_str(&answer.body), expected);
  assert_true(jg_str_equal(jg_http_server_address(jg_test_server_http(server)),
                           jg_str_make(expected + 8, strlen(expected) - 10)));
  jg_test_answer_done(&answer);
  jg_test_client_close(&client);
}

static void head_gets_the_head_alone(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "HEAD /big/1000 HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  struct jg_test_answer answer;
  jg_test_client_read(&client, true, &answer);
  assert_int_equal(answer.status, 200);
  assert_text(jg_test_answer_header(&answer, "content-length"), "1000");
  jg_test_answer_done(&answer);
  assert_false(expect_body(&client, ""));
  jg_test_client_close(&client);
}

static void no_content_has_no_length(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  struct jg_test_answer answer;
  jg_test_client_read(&client, false, &answer);
  assert_int_equal(answer.status, 204);
  assert_null(jg_test_answer_header(&answer, "content-length").data);
  jg_test_answer_done(&answer);
  assert_false(expect_body(&client, ""));
  jg_test_client_close(&client);
}

/* Many requests in one piece, more than are read ahead: all are answered, in order, from two threads. */
static void pipelined_answers_keep_their_order(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  struct jg_buf all;
  jg_buf_init(&all, 1u << 20);
  for (int i = 0; i < 300; i++) {
    jg_buf_printf(&all, "%s /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n%04d", i % 3 == 0 ? "POST" : "GET",
                  i % 2 == 0 ? "later" : "echo", i);
  }
  jg_test_client_send(&client, jg_buf_str(&all));
  jg_buf_done(&all);
  for (int i = 0; i < 300; i++) {
    char expected[16];
    snprintf(expected, sizeof(expected), "%04d", i);
    assert_false(expect_body(&client, expected));
  }
  jg_test_client_close(&client);
}

static void safe_requests_run_side_by_side(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client,
                           "GET /hold?1 HTTP/1.1\r\nHost: x\r\n\r\nGET /hold?2 HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /hold?3 HTTP/1.1\r\nHost: x\r\n\r\n");
  jg_test_server_wait_held(server, 3);
  jg_test_server_release(server, true);
  jg_test_server_release(server, true);
  assert_true(is_silent(&client));
  jg_test_server_release(server, true);
  assert_false(expect_body(&client, "1"));
  assert_false(expect_body(&client, "2"));
  assert_false(expect_body(&client, "3"));
  jg_test_client_close(&client);
}

static void unsafe_requests_run_alone(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client,
                           "GET /hold?1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /hold?2 HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /hold?3 HTTP/1.1\r\nHost: x\r\n\r\n");
  for (size_t i = 1; i <= 3; i++) {
    jg_test_server_wait_held(server, i);
    char expected[2] = {(char)('0' + i), '\0'};
    jg_test_server_release(server, false);
    assert_false(expect_body(&client, expected));
    assert_true(jg_test_server_calls(server) <= (int64_t)i + 1);
  }
  jg_test_client_close(&client);
}

static void big_answers_arrive_whole(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client,
                           "GET /big/20000000 HTTP/1.1\r\nHost: x\r\n\r\nGET /big/3000000 HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  const size_t sizes[] = {20000000, 3000000};
  for (size_t i = 0; i < 2; i++) {
    struct jg_test_answer answer;
    jg_test_client_read(&client, false, &answer);
    assert_int_equal(answer.body.len, sizes[i]);
    for (size_t at = 0; at < sizes[i]; at += 997) {
      assert_int_equal(answer.body.data[at], 'a' + at % 23);
    }
    jg_test_answer_done(&answer);
  }
  assert_false(expect_body(&client, ""));
  jg_test_client_close(&client);
}

static void continue_comes_before_the_body(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  // Behind a request whose answer is not there yet, the interim answer waits for its turn.
  jg_test_client_send_text(&client,
                           "GET /hold?1 HTTP/1.1\r\nHost: x\r\n\r\n"
                           "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
  jg_test_server_wait_held(server, 1);
  assert_true(is_silent(&client));
  jg_test_server_release(server, false);
  assert_false(expect_body(&client, "1"));
  struct jg_test_answer answer;
  jg_test_client_read(&client, false, &answer);
  assert_int_equal(answer.status, 100);
  jg_test_answer_done(&answer);
  jg_test_client_send_text(&client, "hello");
  assert_false(expect_body(&client, "hello"));
  // Without a body, and in HTTP/1.0, nobody waits for it.
  jg_test_client_send_text(&client, "GET /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n");
  assert_false(expect_body(&client, ""));
  jg_test_client_send_text(&client, "POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
  assert_true(expect_body(&client, "hi"));
  jg_test_client_close(&client);
}

static void a_half_closed_client_is_answered(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client,
                           "GET /hold?x HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\nGET /");
  jg_test_client_shutdown(&client);
  jg_test_server_wait_held(server, 1);
  jg_test_server_release(server, false);
  (void)expect_body(&client, "x");
  (void)expect_body(&client, "");
  assert_true(jg_test_client_at_end(&client));
  jg_test_client_close(&client);
}

static void an_answer_that_closes_drops_what_follows(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client,
                           "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /close HTTP/1.1\r\nHost: x\r\n\r\n"
                           "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  jg_test_server_wait_held(server, 2);
  jg_test_server_release(server, false);
  assert_false(expect_body(&client, ""));
  assert_true(expect_body(&client, "bye"));
  assert_true(jg_test_client_at_end(&client));
  jg_test_server_wait_gone(server, 1);
  jg_test_server_release(server, false);
  jg_test_client_close(&client);
}

static void a_lost_client_is_told_to_the_handler(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\nGET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  jg_test_server_wait_held(server, 2);
  const struct linger reset = {.l_onoff = 1, .l_linger = 0};
  assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
  jg_test_client_close(&client);
  jg_test_server_wait_gone(server, 2);
  jg_test_server_release(server, false);
  jg_test_server_release(server, false);
  // Another client's exchange comes after the loop has seen both answers.
  client = connect_client();
  jg_test_client_send_text(&client, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  assert_false(expect_body(&client, ""));
  assert_int_equal(jg_test_server_lost(server), 2);
  jg_test_client_close(&client);
}

/* Writing to a client that has left raises SIGPIPE unless somebody takes care. */
static void a_client_that_leaves_in_the_middle_harms_nobody(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    struct jg_test_client client = connect_client();
    jg_test_client_send_text(
        &client, "GET /big/9000000 HTTP/1.1\r\nHost: x\r\n\r\nGET /big/9000000 HTTP/1.1\r\nHost: x\r\n\r\n");
    while (is_silent(&client)) {
    }
    // First its end, then its reset (there are unread bytes): the kernel then says EPIPE.
    jg_test_client_shutdown(&client);
    (void)is_silent(&client);
    jg_test_client_close(&client);
  }
  while (jg_test_server_ended(server) < jg_test_server_calls(server)) {
    struct jg_test_client client = connect_client();
    (void)is_silent(&client);
    jg_test_client_close(&client);
  }
}

/* A client that reads nothing stops being read: calls stay far below what it sent. */
static void unread_answers_stop_the_reading(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  struct jg_buf all;
  jg_buf_init(&all, 1u << 20);
  for (int i = 0; i < 60; i++) {
    jg_buf_append_str(&all, JG_STR("GET /big/2000000 HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  jg_test_client_send(&client, jg_buf_str(&all));
  jg_buf_done(&all);
  struct jg_test_client other = connect_client();
  jg_test_client_send_text(&other, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
  assert_false(expect_body(&other, ""));
  assert_true(jg_test_server_calls(server) < 30);
  for (int i = 0; i < 60; i++) {
    struct jg_test_answer answer;
    jg_test_client_read(&client, false, &answer);
    assert_int_equal(answer.body.len, 2000000);
    jg_test_answer_done(&answer);
  }
  jg_test_client_close(&client);
  jg_test_client_close(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(exchanges_work, set_up, tear_down),
      cmocka_unit_test_setup_teardown(http_1_0_without_host_gets_the_servers_own, set_up, tear_down),
      cmocka_unit_test_setup_teardown(head_gets_the_head_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(no_content_has_no_length, set_up, tear_down),
      cmocka_unit_test_setup_teardown(pipelined_answers_keep_their_order, set_up, tear_down),
      cmocka_unit_test_setup_teardown(safe_requests_run_side_by_side, set_up, tear_down),
      cmocka_unit_test_setup_teardown(unsafe_requests_run_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(big_answers_arrive_whole, set_up, tear_down),
      cmocka_unit_test_setup_teardown(continue_comes_before_the_body, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_half_closed_client_is_answered, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_answer_that_closes_drops_what_follows, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_lost_client_is_told_to_the_handler, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_client_that_leaves_in_the_middle_harms_nobody, set_up, tear_down),
      cmocka_unit_test_setup_teardown(unread_answers_stop_the_reading, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
