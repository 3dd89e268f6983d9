// What the server refuses by itself: limits, framing that two readers could read differently, malformed requests.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/http/test_server.h"

static const struct jg_http_limits limits = {
    .header_bytes_max = 200, .target_bytes_max = 40, .body_bytes_max = 16, .pipeline_max = 4, .connections_max = 2};
static struct jg_test_server *server;

static int set_up(void **state) {
  (void)state;
  server = jg_test_server_start(&limits, NULL);
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

#define X10 "xxxxxxxxxx"
#define HOST "Host: a\r\n"
#define POST "POST /echo HTTP/1.1\r\n" HOST

/* status 200: taken, and the connection stays. */
static const struct {
  const char *name, *request;
  int status;
} cases[] = {
    // Limits, each at its edge. The target may have 40 bytes, the fields 200 with 4 more for each, the body 16.
    {"target of 40", "GET /234567890" X10 X10 X10 " HTTP/1.1\r\n" HOST "\r\n", 200},
    {"target of 41", "GET /2345678901" X10 X10 X10 " HTTP/1.1\r\n" HOST "\r\n", 414},
    {"fields of 200",
     "GET / HTTP/1.1\r\n" HOST "Y: " X10 X10 X10 X10 X10 X10 X10 X10 X10 "\r\nZ: " X10 X10 X10 X10 X10 X10 X10 X10
     "12345678901\r\n\r\n",
     200},
    {"fields of 201",
     "GET / HTTP/1.1\r\n" HOST "Y: " X10 X10 X10 X10 X10 X10 X10 X10 X10 "\r\nZ: " X10 X10 X10 X10 X10 X10 X10 X10
     "123456789012\r\n\r\n",
     431},
    {"a name too long",
     "GET / HTTP/1.1\r\n" HOST X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
     ": 1\r\n\r\n",
     431},
    {"trailers too long",
     POST
     "Transfer-Encoding: chunked\r\n\r\n0\r\nT: " X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
     "\r\n\r\n",
     431},
    {"body of 16", POST "Content-Length: 16\r\n\r\n1234567890123456", 200},
    {"body of 17", POST "Content-Length: 17\r\n\r\n12345678901234567", 413},
    {"body of 17 expected", POST "Content-Length: 17\r\nExpect: 100-continue\r\n\r\n", 413},
    {"chunks of 16", POST "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n", 200},
    {"chunks of 17", POST "Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n9\r\n123456789\r\n0\r\n\r\n", 413},
    {"a length beyond 64 bits", POST "Content-Length: 99999999999999999999\r\n\r\n", 400},
    // Framing that two readers could read differently (RFC 9112 sections 6.1, 6.3, 11.2).
    {"length and chunks", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"chunks and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
    {"two lengths", POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
    {"two equal lengths", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
    {"a list of lengths", POST "Content-Length: 3, 3\r\n\r\nabc", 400},
    {"a signed length", POST "Content-Length: +3\r\n\r\nabc", 400},
    {"a negative length", POST "Content-Length: -3\r\n\r\nabc", 400},
    {"a hexadecimal length", POST "Content-Length: 0x3\r\n\r\nabc", 400},
    {"an empty length", POST "Content-Length: \r\n\r\n", 400},
    {"a space before the colon", POST "Content-Length : 3\r\n\r\nabc", 400},
    {"a length folded away", POST "X: a\r\n Content-Length: 3\r\n\r\nabc", 400},
    {"a coding folded", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400},
    {"unknown coding", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
    {"chunked is not last", POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400},
    {"no coding", POST "Transfer-Encoding: identity\r\n\r\n", 400},
    {"nearly chunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
    {"chunked twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"chunks of HTTP/1.0", "POST /echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"a vertical tab", POST "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n", 400},
    {"a CR alone", POST "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"a CR alone in an empty field", POST "X:\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
    {"a CR alone at the end", "GET / HTTP/1.1\r\n" HOST "\r\rGET / HTTP/1.1\r\n\r\n", 400},
    {"LF alone", "GET / HTTP/1.1\n" HOST "\r\n", 400},
    {"LF alone between fields", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
    {"a chunk's CRLF missing", POST "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400},
    {"a chunk's LF alone", POST "Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n", 400},
    {"a chunk size with a prefix", POST "Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n", 400},
    {"a chunk size with a sign", POST "Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n", 400},
    {"a chunk size beyond 64 bits", POST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
    {"a chunk size near 64 bits", POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" X10 X10, 413},
    // Host (RFC 9112 section 3.2).
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 200},
    {"a host with a quote", "GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n", 400},
    {"a host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"a host with a user", "GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a host with a wrong port", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400},
    // Request lines.
    {"unknown method", "FOO / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"a method behind empty lines", "\r\n\r\nGETTER / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"a method behind the end of a line", "\n\r\nGETTER / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"a malformed method", "@FOO / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a greeting of TLS", "\x16\x03\x01 ", 400},
    {"lower-case method", "get / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"connect", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 501},
    {"a method of another protocol", "DESCRIBE / RTSP/1.0\r\n\r\n", 501},
    {"a fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"raw bytes in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a relative target", "GET a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"an asterisk", "GET * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"HTTP/0.9", "GET /\r\n\r\n", 505},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 505},
    {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"a space behind the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", 400},
    {"TLS", "\x16\x03\x01\x02\x01\x01", 400},
    // Fields.
    {"no name", "GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400},
    {"no colon", "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", 400},
    {"a control character", "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400},
    {"a space before the first field", "GET / HTTP/1.1\r\n " HOST "\r\n", 400},
    {"another expectation", POST "Expect: a miracle\r\nContent-Length: 2\r\n\r\nhi", 417},
};

static void expect_case(size_t i, bool slowly) {
  struct jg_test_client client = connect_client();
  if (slowly) {
    jg_test_client_send_slowly(&client, cases[i].request);
  } else {
    jg_test_client_send_text(&client, cases[i].request);
  }
  struct jg_test_answer answer;
  jg_test_client_read(&client, false, &answer);
  struct jg_str connection = jg_test_answer_header(&answer, "connection");
  if (answer.status != cases[i].status || answer.body.len + 1 == (cases[i].status != 200)) {
    fail_msg("%s: %d '%.*s'", cases[i].name, answer.status, JG_STR_ARG(jg_buf_str(&answer.body)));
  }
  assert_int_equal(jg_str_equal(connection, JG_STR("close")), cases[i].status != 200);
  jg_test_answer_done(&answer);
  if (cases[i].status != 200) {
    assert_true(jg_test_client_at_end(&client));
  }
  jg_test_client_close(&client);
}

static void refusals_are_answered_and_end_the_connection(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    expect_case(i, false);
    expect_case(i, true);
  }
}

static void more_than_100_fields_are_refused(void **state) {
  (void)state;
  const struct jg_http_limits standard = {0};
  jg_test_server_stop(server);
  server = jg_test_server_start(&standard, NULL);
  for (int count = 100; count <= 101; count++) {
    struct jg_test_client client = connect_client();
    jg_test_client_send_text(&client, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 1; i < count; i++) {
      jg_test_client_send_text(&client, "X: y\r\n");
    }
    jg_test_client_send_text(&client, "\r\n");
    struct jg_test_answer answer;
    jg_test_client_read(&client, false, &answer);
    assert_int_equal(answer.status, count == 100 ? 200 : 431);
    jg_test_answer_done(&answer);
    jg_test_client_close(&client);
  }
}

/* A refusal keeps its place in the order, and what was sent before it is answered. */
static void refusals_wait_for_their_turn(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  jg_test_client_send_text(&client,
                           "GET /hold?a HTTP/1.1\r\n" HOST "\r\nGET / HTTP/9.9\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
  jg_test_server_wait_held(server, 1);
  jg_test_server_release(server, false);
  const int statuses[] = {200, 505};
  for (size_t i = 0; i < 2; i++) {
    struct jg_test_answer answer;
    jg_test_client_read(&client, false, &answer);
    assert_int_equal(answer.status, statuses[i]);
    jg_test_answer_done(&answer);
  }
  assert_true(jg_test_client_at_end(&client));
  jg_test_client_close(&client);
}

/* The client still sends its body when it is refused: it must be able to read why (RFC 9112 section 9.6). */
static void a_refused_body_does_not_reset_the_answer(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    struct jg_test_client client = connect_client();
    jg_test_client_send_text(&client, POST "Content-Length: 300000\r\n\r\n");
    struct jg_buf body;
    jg_buf_init(&body, 300000);
    memset(jg_buf_reserve(&body, 300000), 'x', 300000);
    body.len = 300000;
    assert_true(jg_test_client_try_send(&client, jg_buf_str(&body)));
    jg_buf_done(&body);
    struct jg_test_answer answer;
    jg_test_client_read(&client, false, &answer);
    assert_int_equal(answer.status, 413);
    jg_test_answer_done(&answer);
    jg_test_client_close(&client);
  }
}

/* At the limit of connections a client waits until another one leaves. */
static void accepting_pauses_at_the_limit(void **state) {
  (void)state;
  struct jg_test_client clients[4];
  for (size_t i = 0; i < 4; i++) {
    clients[i] = connect_client();
    jg_test_client_send_text(&clients[i], "GET / HTTP/1.1\r\n" HOST "\r\n");
  }
  struct jg_test_answer answer;
  for (size_t i = 0; i < 4; i++) {
    jg_test_client_read(&clients[i], false, &answer);
    assert_int_equal(answer.status, 200);
    jg_test_answer_done(&answer);
    if (i + 2 < 4) {
      // The next one in the queue is accepted in the place of this one.
      assert_true(jg_test_client_silent(&clients[i + 2]));
    }
    jg_test_client_close(&clients[i]);
  }
  struct jg_buf text;
  jg_test_server_metrics(server, &text);
  jg_buf_append_char(&text, '\0');
  assert_non_null(strstr(text.data, "http_connections_total{server=\"test\"} 4\n"));
  assert_null(strstr(text.data, "http_accept_pauses_total{server=\"test\"} 0\n"));
  jg_buf_done(&text);
}

/* Requests that wait for a slow one are read ahead up to the limit, and all answered in the end. */
static void reading_ahead_stops_at_the_limit(void **state) {
  (void)state;
  struct jg_test_client client = connect_client();
  for (int i = 0; i < 12; i++) {
    jg_test_client_send_text(&client, "POST /hold?x HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na");
  }
  for (size_t i = 1; i <= 12; i++) {
    jg_test_server_wait_held(server, i);
    assert_int_equal(jg_test_server_calls(server), i);
    jg_test_server_release(server, false);
    struct jg_test_answer answer;
    jg_test_client_read(&client, false, &answer);
    assert_int_equal(answer.status, 200);
    jg_test_answer_done(&answer);
  }
  jg_test_client_close(&client);
}

static int64_t read_metric(const char *series) {
  struct jg_buf text;
  jg_test_server_metrics(server, &text);
  jg_buf_append_char(&text, '\0');
  const char *line = strstr(text.data, series);
  assert_non_null(line);
  struct jg_str rest = jg_str_from_cstr(line + strlen(series) + 1);
  int64_t value = 0;
  assert_true(jg_parse_i64(jg_str_cut(rest, '\n', &rest), &value));
  jg_buf_done(&text);
  return value;
}

/* What all clients together make the server hold has a limit: beyond it, requests are refused, and afterwards served again. */
static void clients_share_a_limit_of_answers(void **state) {
  (void)state;
  const struct jg_http_limits few = {.all_unwritten_bytes_max = 10000000};
  jg_test_server_stop(server);
  server = jg_test_server_start(&few, NULL);
  struct jg_test_client slow = connect_client(), other = connect_client();
  struct jg_test_answer answer;
  // The kernels take some megabytes, not all.
  jg_test_client_send_text(&slow, "GET /big/40000000 HTTP/1.1\r\n" HOST "\r\n");
  while (jg_test_server_calls(server) == 0 || jg_test_client_silent(&slow)) {
    struct jg_test_client third = connect_client();
    jg_test_client_close(&third);
  }
  jg_test_client_send_text(&other, "GET / HTTP/1.1\r\n" HOST "\r\nPOST /echo HTTP/1.1\r\n" HOST "\r\n");
  for (int i = 0; i < 2; i++) {
    jg_test_client_read(&other, false, &answer);
    assert_int_equal(answer.status, 503);
    assert_null(jg_test_answer_header(&answer, "connection").data);
    jg_test_answer_done(&answer);
  }
  assert_int_equal(read_metric("http_refused_total{server=\"test\",status=\"503\"}"), 2);
  jg_test_client_read(&slow, false, &answer);
  assert_int_equal(answer.body.len, 40000000);
  jg_test_answer_done(&answer);
  jg_test_client_send_text(&other, "GET / HTTP/1.1\r\n" HOST "\r\n");
  jg_test_client_read(&other, false, &answer);
  assert_int_equal(answer.status, 200);
  jg_test_answer_done(&answer);
  jg_test_client_close(&slow);
  jg_test_client_close(&other);
}

static void clients_share_a_limit_of_bodies(void **state) {
  (void)state;
  const struct jg_http_limits few = {.all_bodies_bytes_max = 20};
  jg_test_server_stop(server);
  server = jg_test_server_start(&few, NULL);
  struct jg_test_client first = connect_client(), second = connect_client();
  struct jg_test_answer answer;
  jg_test_client_send_text(&first, "POST /hold?1 HTTP/1.1\r\n" HOST "Content-Length: 15\r\n\r\n123456789012345");
  jg_test_server_wait_held(server, 1);
  jg_test_client_send_text(&second, POST "Content-Length: 5\r\n\r\n12345");
  jg_test_client_read(&second, false, &answer);
  assert_int_equal(answer.status, 200);
  jg_test_answer_done(&answer);
  jg_test_client_send_text(&second, POST "Content-Length: 6\r\n\r\n123456");
  jg_test_client_read(&second, false, &answer);
  assert_int_equal(answer.status, 503);
  jg_test_answer_done(&answer);
  assert_true(jg_test_client_at_end(&second));
  jg_test_server_release(server, false);
  jg_test_client_read(&first, false, &answer);
  assert_int_equal(answer.status, 200);
  jg_test_answer_done(&answer);
  jg_test_client_send_text(&first, POST "Content-Length: 20\r\n\r\n12345678901234567890");
  jg_test_client_read(&first, false, &answer);
  assert_int_equal(answer.status, 200);
  jg_test_answer_done(&answer);
  jg_test_client_close(&first);
  jg_test_client_close(&second);
}

static void refusals_are_counted(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    expect_case(i, false);
  }
  struct jg_buf text;
  jg_test_server_metrics(server, &text);
  jg_buf_append_char(&text, '\0');
  const int statuses[] = {400, 413, 414, 417, 431, 501, 505};
  for (size_t s = 0; s < JG_COUNT(statuses); s++) {
    int count = 0;
    for (size_t i = 0; i < JG_COUNT(cases); i++) {
      count += cases[i].status == statuses[s];
    }
    char line[80];
    snprintf(line, sizeof(line), "http_refused_total{server=\"test\",status=\"%d\"} %d\n", statuses[s], count);
    assert_non_null(strstr(text.data, line));
  }
  jg_buf_done(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(refusals_are_answered_and_end_the_connection, set_up, tear_down),
      cmocka_unit_test_setup_teardown(more_than_100_fields_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refusals_wait_for_their_turn, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_refused_body_does_not_reset_the_answer, set_up, tear_down),
      cmocka_unit_test_setup_teardown(accepting_pauses_at_the_limit, set_up, tear_down),
      cmocka_unit_test_setup_teardown(reading_ahead_stops_at_the_limit, set_up, tear_down),
      cmocka_unit_test_setup_teardown(clients_share_a_limit_of_answers, set_up, tear_down),
      cmocka_unit_test_setup_teardown(clients_share_a_limit_of_bodies, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refusals_are_counted, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
