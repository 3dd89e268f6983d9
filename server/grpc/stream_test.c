/* Streams and the end of a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <pthread.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "server/grpc/core.h"
#include "server/grpc/fake_server.h"

#ifdef JG_GRPC_TSAN
#define MESSAGE_COUNT 2000
#else
#define MESSAGE_COUNT 20000
#endif
#define STREAM_COUNT 20
#define TIMEOUT_MS 60000

/* The status that ends the stream; messages before it are passed over. */
static struct jg_status drain(struct fake_server *fake, struct jg_grpc_stream *stream) {
  enum jg_grpc_next next = JG_GRPC_NEXT_MESSAGE;
  struct jg_str message;
  struct jg_status status = JG_STATUS_OK;
  while (jg_status_ok(status) && next != JG_GRPC_NEXT_END) {
    status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
  }
  return status;
}

static void expect_message(struct fake_server *fake, struct jg_grpc_stream *stream, const char *expected) {
  enum jg_grpc_next next;
  struct jg_str message;
  struct jg_status status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
  if (!jg_status_ok(status) || next != JG_GRPC_NEXT_MESSAGE) {
    fail_msg("%s \"%s\", expected the message %s", jg_code_name(status.code), status.message, expected);
  }
  assert_int_equal(message.len, strlen(expected));
  assert_memory_equal(message.data, expected, message.len);
}

static void expect_numbers(struct fake_server *fake, struct jg_grpc_stream *stream, int from, int to) {
  for (int i = from; i < to; i++) {
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", i);
    expect_message(fake, stream, text);
  }
}

static void sends_in_order(void **state) {
  struct fake_server *fake = *state;
  static const int counts[] = {0, 1, 2, MESSAGE_COUNT};
  for (size_t i = 0; i < JG_COUNT(counts); i++) {
    struct jg_grpc_stream *stream = fake_open(fake, "Numbers", fake_request(fake, "", counts[i]), TIMEOUT_MS);
    expect_numbers(fake, stream, 0, counts[i]);
    enum jg_grpc_next next;
    struct jg_str message;
    // The end stays the end.
    for (int again = 0; again < 2; again++) {
      assert_true(jg_status_ok(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message)));
      assert_int_equal(next, JG_GRPC_NEXT_END);
    }
    jg_grpc_stream_destroy(stream);
  }
}

static void sends_the_last_message_before_the_status(void **state) {
  struct fake_server *fake = *state;
  for (int i = 0; i < 200; i++) {
    struct jg_grpc_stream *stream = fake_open(fake, "Last", JG_STR(""), TIMEOUT_MS);
    expect_message(fake, stream, "last words");
    struct jg_status status = drain(fake, stream);
    assert_int_equal(status.code, JG_OUT_OF_RANGE);
    assert_string_equal(status.message, "nothing more");
    jg_grpc_stream_destroy(stream);
  }
}

static void next_waits_no_longer_than_told(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *stream = fake_open(fake, "Forever", JG_STR(""), TIMEOUT_MS);
  expect_message(fake, stream, "open");
  enum jg_grpc_next next;
  struct jg_str message;
  for (int i = 0; i < 3; i++) {
    assert_true(jg_status_ok(jg_grpc_stream_next(stream, 5, &fake->arena, &next, &message)));
    assert_int_equal(next, JG_GRPC_NEXT_TIMEOUT);
  }
  jg_grpc_stream_destroy(stream);
  fake_wait_cancelled(1);
}

static void tells_handlers_of_cancellation(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *streams[STREAM_COUNT];
  for (int i = 0; i < STREAM_COUNT; i++) {
    streams[i] = fake_open(fake, "Forever", JG_STR(""), TIMEOUT_MS);
    expect_message(fake, streams[i], "open");
  }
  for (int i = 0; i < STREAM_COUNT; i++) {
    jg_grpc_stream_cancel(streams[i]);
    assert_int_equal(drain(fake, streams[i]).code, JG_CANCELLED);
    jg_grpc_stream_destroy(streams[i]);
  }
  fake_wait_cancelled(STREAM_COUNT);
}

static void cancels_while_messages_flow(void **state) {
  struct fake_server *fake = *state;
  for (int i = 0; i < STREAM_COUNT; i++) {
    struct jg_grpc_stream *stream = fake_open(fake, "Numbers", fake_request(fake, "", 1000000), TIMEOUT_MS);
    expect_numbers(fake, stream, 0, i + 1);
    jg_grpc_stream_destroy(stream);
  }
  fake_wait_cancelled(STREAM_COUNT);
}

static void cancels_at_the_deadline(void **state) {
  struct fake_server *fake = *state;
  enum jg_grpc_next next = JG_GRPC_NEXT_END;
  struct jg_str message;
  // On a slow machine a deadline may pass before the handler is reached: then with more time.
  for (int64_t timeout_ms = 20; next != JG_GRPC_NEXT_MESSAGE; timeout_ms *= 2) {
    struct jg_grpc_stream *stream = fake_open(fake, "Forever", JG_STR_NONE, timeout_ms);
    if (jg_grpc_stream_send(stream, JG_STR(""))) {
      jg_grpc_stream_close_send(stream);
    }
    struct jg_status status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
    status = jg_status_ok(status) ? drain(fake, stream) : status;
    assert_int_equal(status.code, JG_DEADLINE_EXCEEDED);
    jg_grpc_stream_destroy(stream);
  }
  fake_wait_cancelled(1);
}

static struct jg_str many_x(struct fake_server *fake, size_t len) {
  char *text = jg_arena_alloc(&fake->arena, len);
  assert_non_null(text);
  memset(text, 'x', len);
  return jg_str_make(text, len);
}

static void counts_what_the_client_streams(void **state) {
  struct fake_server *fake = *state;
  // The limit is 50,000 bytes of one message.
  static const size_t sizes[] = {0, 1, 100, 9000, 50000};
  struct jg_grpc_stream *stream = fake_open(fake, "Count", JG_STR_NONE, TIMEOUT_MS);
  int64_t bytes = 0;
  for (int i = 0; i < 200; i++) {
    size_t size = sizes[(size_t)i % JG_COUNT(sizes)];
    assert_true(jg_grpc_stream_send(stream, many_x(fake, size)));
    bytes += (int64_t)size;
  }
  jg_grpc_stream_close_send(stream);
  enum jg_grpc_next next;
  struct jg_str message;
  assert_true(jg_status_ok(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message)));
  assert_int_equal(next, JG_GRPC_NEXT_MESSAGE);
  ProtobufCMessage *response = NULL;
  assert_true(jg_status_ok(
      jg_message_unpack(&jobgate__v1__import_jobs_response__descriptor, message, &fake->arena, &response)));
  assert_int_equal(((const Jobgate__V1__ImportJobsResponse *)response)->created, 200);
  assert_int_equal(((const Jobgate__V1__ImportJobsResponse *)response)->updated, bytes);
  assert_true(jg_status_ok(drain(fake, stream)));
  jg_grpc_stream_destroy(stream);
}

static void refuses_large_messages_of_a_stream(void **state) {
  struct fake_server *fake = *state;
  static const struct {
    size_t size;
    enum jg_code code;
  } rows[] = {{50001, JG_INVALID_ARGUMENT}, {FAKE_RECEIVE_BYTES_MAX + 1, JG_RESOURCE_EXHAUSTED}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_grpc_stream *stream = fake_open(fake, "Count", JG_STR_NONE, TIMEOUT_MS);
    assert_true(jg_grpc_stream_send(stream, JG_STR("ack")));
    expect_message(fake, stream, "ack");
    (void)!jg_grpc_stream_send(stream, many_x(fake, rows[i].size));  // May or may not see the end already.
    assert_int_equal(drain(fake, stream).code, rows[i].code);
    jg_grpc_stream_destroy(stream);
    fake_wait_cancelled((int)i + 1);
  }
}

static void a_broken_stream_is_no_end(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *stream = fake_open(fake, "Count", JG_STR_NONE, TIMEOUT_MS);
  assert_true(jg_grpc_stream_send(stream, JG_STR("ack")));
  expect_message(fake, stream, "ack");
  assert_true(jg_grpc_stream_send(stream, many_x(fake, 10)));
  jg_grpc_stream_destroy(stream);
  // The handler finishes OK at the end and counts as cancelled otherwise.
  fake_wait_cancelled(1);
}

static void ends_a_client_stream_early(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *stream = fake_open(fake, "Count", JG_STR_NONE, TIMEOUT_MS);
  assert_true(jg_grpc_stream_send(stream, many_x(fake, 10)));
  assert_true(jg_grpc_stream_send(stream, JG_STR("stop")));
  assert_int_equal(drain(fake, stream).code, JG_ABORTED);
  assert_false(jg_grpc_stream_send(stream, many_x(fake, 10)));
  jg_grpc_stream_destroy(stream);
}

static void stop_cancels_what_is_left(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *streams[STREAM_COUNT];
  for (int i = 0; i < STREAM_COUNT; i++) {
    bool flowing = i % 2 == 0;
    streams[i] = fake_open(fake, flowing ? "Numbers" : "Forever", fake_request(fake, "", 100000000), TIMEOUT_MS);
    expect_message(fake, streams[i], flowing ? "0" : "open");
  }
  fake_server_stop(fake, 20);
  fake_wait_cancelled(STREAM_COUNT);
  for (int i = 0; i < STREAM_COUNT; i++) {
    struct jg_status status = drain(fake, streams[i]);
    assert_true(status.code == JG_UNAVAILABLE || status.code == JG_CANCELLED);
    jg_grpc_stream_destroy(streams[i]);
  }
  struct jg_str response = JG_STR_NONE;
  assert_int_equal(fake_call(fake, "Echo", JG_STR(""), &response).code, JG_UNAVAILABLE);
}

static void *call_hold(void *data) {
  struct fake_server *fake = data;
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 16);
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Hold", .timeout_ms = TIMEOUT_MS};
  struct jg_str response = JG_STR_NONE;
  struct jg_status status = jg_grpc_client_unary(fake->client, &request, JG_STR(""), &arena, &response);
  jg_arena_done(&arena);
  return jg_status_ok(status) ? fake : NULL;
}

static void *stop_soon(void *data) {
  fake_server_stop(data, TIMEOUT_MS);
  return NULL;
}

static void stop_waits_for_calls(void **state) {
  struct fake_server *fake = *state;
  pthread_t caller, stopper;
  assert_int_equal(pthread_create(&caller, NULL, call_hold, fake), 0);
  fake_wait_held();
  assert_int_equal(pthread_create(&stopper, NULL, stop_soon, fake), 0);
  fake_release();
  void *answered = NULL;
  assert_int_equal(pthread_join(caller, &answered), 0);
  assert_int_equal(pthread_join(stopper, NULL), 0);
  assert_non_null(answered);
}

static void *stop_now(void *data) {
  fake_server_stop(data, 0);
  return NULL;
}

static void stop_waits_for_handlers_of_cancelled_calls(void **state) {
  struct fake_server *fake = *state;
  pthread_t caller, stopper;
  assert_int_equal(pthread_create(&caller, NULL, call_hold, fake), 0);
  fake_wait_held();
  assert_int_equal(pthread_create(&stopper, NULL, stop_now, fake), 0);
  // The client is told at once; the handler answers later.
  void *answered = fake;
  assert_int_equal(pthread_join(caller, &answered), 0);
  assert_null(answered);
  fake_release();
  assert_int_equal(pthread_join(stopper, NULL), 0);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_server_setup, fake_server_teardown)
  const struct CMUnitTest tests[] = {
      CASE(sends_in_order),
      CASE(sends_the_last_message_before_the_status),
      CASE(next_waits_no_longer_than_told),
      CASE(tells_handlers_of_cancellation),
      CASE(cancels_while_messages_flow),
      CASE(cancels_at_the_deadline),
      CASE(counts_what_the_client_streams),
      CASE(refuses_large_messages_of_a_stream),
      CASE(a_broken_stream_is_no_end),
      CASE(ends_a_client_stream_early),
      CASE(stop_cancels_what_is_left),
      CASE(stop_waits_for_calls),
      CASE(stop_waits_for_handlers_of_cancelled_calls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
