#include "server/grpc/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <grpc/byte_buffer.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <ifaddrs.h>
#include <pthread.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "server/grpc/core.h"
#include "server/grpc/fake_server.h"

#ifdef JG_GRPC_TSAN
#define CALLS_PER_THREAD 300
#else
#define CALLS_PER_THREAD 2000
#endif
#define CALLER_COUNT 4

static void check(struct jg_status status, enum jg_code code, enum jg_reason reason, const char *part) {
  if (status.code != code || status.reason != reason || strstr(status.message, part) == NULL) {
    fail_msg("%s %s \"%s\", expected %s %s \"%s\"", jg_code_name(status.code), jg_reason_name(status.reason),
             status.message, jg_code_name(code), jg_reason_name(reason), part);
  }
}

static void answers(void **state) {
  static const char *const methods[] = {"Echo", "Small", "Thread", "Local"};
  struct fake_server *fake = *state;
  struct jg_str request = fake_request(fake, "name eq 'x'", 7);
  for (size_t i = 0; i < JG_COUNT(methods); i++) {
    struct jg_str response = JG_STR_NONE;
    check(fake_call(fake, methods[i], request, &response), JG_OK, JG_REASON_NONE, "");
    assert_int_equal(response.len, request.len);
    assert_memory_equal(response.data, request.data, request.len);
  }
}

static void answers_empty_messages(void **state) {
  struct jg_str response = JG_STR_NONE;
  check(fake_call(*state, "Echo", JG_STR(""), &response), JG_OK, JG_REASON_NONE, "");
  assert_int_equal(response.len, 0);
}

static void answers_messages_of_many_pieces(void **state) {
  struct fake_server *fake = *state;
  static char text[90001];
  memset(text, 'a', sizeof(text) - 1);
  struct jg_str request = fake_request(fake, text, 1);
  struct jg_str response = JG_STR_NONE;
  check(fake_call(fake, "Echo", request, &response), JG_OK, JG_REASON_NONE, "");
  assert_int_equal(response.len, request.len);
  assert_memory_equal(response.data, request.data, request.len);
}

static void refuses_unknown_methods(void **state) {
  static const struct {
    const char *path, *part;
  } rows[] = {
      {"/jobgate.test.Fake/Nothing", "the service has no method '/jobgate.test.Fake/Nothing'"},
      {"/jobgate.test.Fake/echo", "the service has no method '/jobgate.test.Fake/echo'"},
      {"/grpc.health.v1.Health/List", "the service has no method"},
      {"/jobgate.test.Fak/Echo", "the server has no such service: '/jobgate.test.Fak/Echo'"},
      {"/nowhere/Echo", "no such service: '/nowhere/Echo'"},
      {"/x", "no such service: '/x'"},
      {"//", "no such service: '//'"},
  };
  struct fake_server *fake = *state;
  struct jg_str response = JG_STR_NONE;
  char path[2000] = "/long/";
  memset(path + 6, 'p', sizeof(path) - 7);
  for (size_t i = 0; i <= JG_COUNT(rows); i++) {
    bool last = i == JG_COUNT(rows);
    struct jg_grpc_request request = {.path = last ? path : rows[i].path, .timeout_ms = 30000};
    struct jg_status status = jg_grpc_client_unary(fake->client, &request, JG_STR("abc"), &fake->arena, &response);
    check(status, JG_UNIMPLEMENTED, JG_REASON_NONE, last ? "no such service: '/long/ppp" : rows[i].part);
    assert_true(strlen(status.message) < 300);
  }
}

static void refuses_malformed_messages(void **state) {
  struct jg_str response = JG_STR_NONE;
  check(fake_call(*state, "Echo", JG_STR("\xff\xff"), &response), JG_INVALID_ARGUMENT, JG_REASON_NONE, "");
  // A length that points beyond the end, and a string that is not UTF-8.
  struct jg_status status = fake_call(*state, "Echo", JG_STR("\x0a\x7f"), &response);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  status = fake_call(*state, "Echo", JG_STR("\x0a\x01\xff"), &response);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
}

static void refuses_large_messages(void **state) {
  struct fake_server *fake = *state;
  char *text = jg_arena_alloc(&fake->arena, FAKE_RECEIVE_BYTES_MAX + 2);
  assert_non_null(text);
  memset(text, 'a', FAKE_RECEIVE_BYTES_MAX + 1);
  struct jg_str response = JG_STR_NONE;
  // "Small" takes 1,000 bytes; tag, length and page_size take 5 of them.
  text[995] = '\0';
  check(fake_call(fake, "Small", fake_request(fake, text, 1), &response), JG_OK, JG_REASON_NONE, "");
  text[995] = 'a';
  text[996] = '\0';
  check(fake_call(fake, "Small", fake_request(fake, text, 1), &response), JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED,
        "limit of 1000 bytes");
  // Beyond the core's own limit the core answers.
  text[996] = 'a';
  text[FAKE_RECEIVE_BYTES_MAX + 1] = '\0';
  check(fake_call(fake, "Small", fake_request(fake, text, 1), &response), JG_RESOURCE_EXHAUSTED, JG_REASON_NONE, "");
}

static void refuses_missing_messages(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *stream = fake_open(fake, "Echo", JG_STR_NONE, 30000);
  jg_grpc_stream_close_send(stream);
  enum jg_grpc_next next;
  struct jg_str message;
  check(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message), JG_INVALID_ARGUMENT, JG_REASON_NONE,
        "is missing");
  jg_grpc_stream_destroy(stream);
}

static void refuses_large_metadata(void **state) {
  struct fake_server *fake = *state;
  size_t len = FAKE_METADATA_BYTES_MAX;
  char *value = jg_arena_alloc(&fake->arena, len);
  assert_non_null(value);
  memset(value, 'v', len);
  struct jg_grpc_header header = {JG_STR("x-large"), {value, len}};
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Echo", .headers = &header, .header_count = 1};
  struct jg_str response = JG_STR_NONE;
  // The first call of the connection, and one after the client knows the limits.
  for (int i = 0; i < 2; i++) {
    check(jg_grpc_client_unary(fake->client, &request, JG_STR(""), &fake->arena, &response), JG_INVALID_ARGUMENT,
          JG_REASON_LIMIT_EXCEEDED, "metadata is larger than 16384 bytes");
  }
  header.value.len = FAKE_METADATA_BYTES_MAX / 2;
  check(jg_grpc_client_unary(fake->client, &request, JG_STR(""), &fake->arena, &response), JG_OK, JG_REASON_NONE, "");
}

/* Many fields, in many frames: the call alone is refused, the others on the connection go on. */
static void refuses_many_large_fields(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *open = fake_open(fake, "Forever", fake_request(fake, "", 1), 30000);
  enum jg_grpc_next next;
  struct jg_str message, response = JG_STR_NONE;
  check(jg_grpc_stream_next(open, -1, &fake->arena, &next, &message), JG_OK, JG_REASON_NONE, "");
  struct jg_grpc_header headers[8];
  size_t len = FAKE_METADATA_BYTES_MAX - 1000;
  for (size_t i = 0; i < JG_COUNT(headers); i++) {
    char *value = jg_arena_alloc(&fake->arena, len);
    assert_non_null(value);
    memset(value, 'a' + (int)i, len);
    headers[i] = (struct jg_grpc_header){jg_str_from_cstr(jg_arena_printf(&fake->arena, "x-%zu", i)), {value, len}};
  }
  for (size_t count = 1; count <= JG_COUNT(headers); count++) {
    struct jg_grpc_request request = {
        .path = "/jobgate.test.Fake/Echo", .headers = headers, .header_count = count, .timeout_ms = 30000};
    struct jg_status status = jg_grpc_client_unary(fake->client, &request, JG_STR(""), &fake->arena, &response);
    check(status, count == 1 ? JG_OK : JG_INVALID_ARGUMENT, count == 1 ? JG_REASON_NONE : JG_REASON_LIMIT_EXCEEDED, "");
  }
  check(jg_grpc_stream_next(open, 0, &fake->arena, &next, &message), JG_OK, JG_REASON_NONE, "");
  assert_int_equal(next, JG_GRPC_NEXT_TIMEOUT);
  jg_grpc_stream_destroy(open);
}

static const Jobgate__V1__ListJobsRequest *context(struct fake_server *fake, const struct jg_grpc_request *request) {
  struct jg_str response = JG_STR_NONE;
  check(jg_grpc_client_unary(fake->client, request, JG_STR(""), &fake->arena, &response), JG_OK, JG_REASON_NONE, "");
  ProtobufCMessage *message = NULL;
  struct jg_status status =
      jg_message_unpack(&jobgate__v1__list_jobs_request__descriptor, response, &fake->arena, &message);
  assert_true(jg_status_ok(status));
  return (const Jobgate__V1__ListJobsRequest *)message;
}

static void tells_handlers_of_the_call(void **state) {
  static const char traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  struct fake_server *fake = *state;
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Context"};
  const Jobgate__V1__ListJobsRequest *seen = context(fake, &request);
  assert_string_equal(seen->filter, "");
  assert_int_equal(seen->page_size, 0);
  assert_int_equal(seen->skip, 1);
  assert_string_equal(seen->page_token, "42");
  struct jg_grpc_header headers[] = {{JG_STR("x-before"), JG_STR("1")},
                                     {JG_STR("traceparent"), {traceparent, sizeof(traceparent) - 1}},
                                     {JG_STR("x-after-bin"), JG_STR("\x00\xff")}};
  request = (struct jg_grpc_request){
      .path = "/jobgate.test.Fake/Context", .timeout_ms = 3600000, .headers = headers, .header_count = 3};
  seen = context(fake, &request);
  assert_string_equal(seen->filter, traceparent);
  // The wire rounds a long time-out up to whole tens of seconds.
  assert_in_range(seen->page_size, 3500000, 3610000);
}

static void sends_details(void **state) {
  struct fake_server *fake = *state;
  struct jg_str response = JG_STR_NONE;
  struct jg_status status = fake_call(fake, "Fail", fake_request(fake, "violations", 0), &response);
  check(status, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "two members are wrong");
  assert_int_equal(status.details->violation_count, 2);
  assert_string_equal(status.details->violations[1].field, "project.code");
  assert_string_equal(status.details->violations[1].message, "must have at most 20 characters");
  status = fake_call(fake, "Fail", fake_request(fake, "history", 0), &response);
  check(status, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "the token is too old");
  assert_int_equal(status.details->oldest_revision, 17);
  assert_int_equal(status.details->newest_revision, 4711);
  status = fake_call(fake, "Fail", fake_request(fake, "retry", 0), &response);
  check(status, JG_UNAVAILABLE, JG_REASON_OVERLOADED, "try again");
  assert_int_equal(status.details->retry_delay_ms, 1500);
}

static void keeps_deadlines(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Hold", .timeout_ms = 20};
  struct jg_str response = JG_STR_NONE;
  // On a slow machine a deadline may pass before the handler is reached: then with more time.
  do {
    check(jg_grpc_client_unary(fake->client, &request, JG_STR(""), &fake->arena, &response), JG_DEADLINE_EXCEEDED,
          JG_REASON_NONE, "");
    request.timeout_ms *= 2;
  } while (fake_held_count() == 0);
  // The handler answers a call that has ended.
  fake_release();
}

static void refuses_bad_headers(void **state) {
  static const struct jg_grpc_header bad[] = {{{"UPPER", 5}, {"v", 1}}, {{"key", 3}, {"a\nb", 3}}, {{"", 0}, {"v", 1}}};
  struct fake_server *fake = *state;
  struct jg_str response = JG_STR_NONE;
  for (size_t i = 0; i < JG_COUNT(bad); i++) {
    struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Echo", .headers = &bad[i], .header_count = 1};
    check(jg_grpc_client_unary(fake->client, &request, JG_STR(""), &fake->arena, &response), JG_INVALID_ARGUMENT,
          JG_REASON_NONE, "header");
  }
}

/* A call whose message is compressed, made on the core itself. */
static void refuses_compression(void **state) {
  struct fake_server *fake = *state;
  grpc_arg arg = {.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM};
  arg.value.integer = GRPC_COMPRESS_GZIP;
  grpc_channel_args args = {.num_args = 1, .args = &arg};
  grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
  grpc_channel *channel = grpc_channel_create(fake->address, credentials, &args);
  grpc_channel_credentials_release(credentials);
  grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
  grpc_call *call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                             grpc_slice_from_static_string("/jobgate.test.Fake/Echo"), NULL,
                                             gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
  static char text[4001] = "";
  memset(text, 'a', sizeof(text) - 1);
  struct jg_str message = fake_request(fake, text, 1);
  grpc_slice slice = grpc_slice_from_static_buffer(message.data, message.len);
  grpc_byte_buffer *sending = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_metadata_array headers, trailers;
  grpc_metadata_array_init(&headers);
  grpc_metadata_array_init(&trailers);
  grpc_status_code code = GRPC_STATUS_OK;
  grpc_slice text_slice = grpc_empty_slice();
  grpc_op ops[5] = {
      {.op = GRPC_OP_SEND_INITIAL_METADATA},
      {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = sending},
      {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
      {.op = GRPC_OP_RECV_STATUS_ON_CLIENT},
      {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &headers}};
  ops[3].data.recv_status_on_client.trailing_metadata = &trailers;
  ops[3].data.recv_status_on_client.status = &code;
  ops[3].data.recv_status_on_client.status_details = &text_slice;
  jg_grpc_core_start(call, ops, 5, call);
  (void)jg_grpc_core_pluck(queue, call, gpr_inf_future(GPR_CLOCK_MONOTONIC));
  assert_int_equal(code, GRPC_STATUS_UNIMPLEMENTED);
  grpc_slice_unref(text_slice);
  grpc_metadata_array_destroy(&headers);
  grpc_metadata_array_destroy(&trailers);
  grpc_byte_buffer_destroy(sending);
  grpc_call_unref(call);
  grpc_completion_queue_shutdown(queue);
  grpc_completion_queue_destroy(queue);
  grpc_channel_destroy(channel);
}

/* An address of this machine that is not loopback, or false. */
static bool own_address(char out[INET_ADDRSTRLEN]) {
  struct ifaddrs *list = NULL;
  if (getifaddrs(&list) != 0) {
    return false;
  }
  bool found = false;
  for (const struct ifaddrs *i = list; i != NULL && !found; i = i->ifa_next) {
    if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET) {
      const struct sockaddr_in *address = (const struct sockaddr_in *)(const void *)i->ifa_addr;
      found = ntohl(address->sin_addr.s_addr) >> 24 != 127 &&
              inet_ntop(AF_INET, &address->sin_addr, out, INET_ADDRSTRLEN) != NULL;
    }
  }
  freeifaddrs(list);
  return found;
}

static void keeps_strangers_from_local_methods(void **state) {
  (void)state;
  struct fake_server *fake = fake_server_create("0.0.0.0:0", 1, -1);
  struct jg_str response = JG_STR_NONE;
  check(fake_call(fake, "Local", JG_STR(""), &response), JG_OK, JG_REASON_NONE, "");
  char host[INET_ADDRSTRLEN];
  if (own_address(host)) {
    char address[64];
    (void)snprintf(address, sizeof(address), "%s:%u", host, jg_grpc_server_port(fake->server));
    struct jg_grpc_client *stranger = jg_grpc_client_create(jg_str_from_cstr(address));
    struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Local", .timeout_ms = 30000};
    check(jg_grpc_client_unary(stranger, &request, JG_STR(""), &fake->arena, &response), JG_PERMISSION_DENIED,
          JG_REASON_NONE, "loopback");
    jg_grpc_client_destroy(stranger);
  }
  fake_server_destroy(fake);
}

static void refuses_bad_addresses(void **state) {
  static const struct {
    const char *address;
    enum jg_code code;
  } rows[] = {{"", JG_INVALID_ARGUMENT},
              {"127.0.0.1", JG_INVALID_ARGUMENT},
              {":9090", JG_INVALID_ARGUMENT},
              {"127.0.0.1:", JG_INVALID_ARGUMENT},
              {"127.0.0.1:65536", JG_INVALID_ARGUMENT},
              {"127.0.0.1:http", JG_INVALID_ARGUMENT},
              {NULL, JG_UNAVAILABLE} /* in use */};
  struct fake_server *fake = *state;
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    const char *address = rows[i].address != NULL ? rows[i].address : fake->address;
    struct jg_grpc_server_options options = {.app = &fake->app, .address = jg_str_from_cstr(address), .threads = 1};
    struct jg_grpc_server *server = NULL;
    struct jg_status status = jg_grpc_server_start(&options, &fake->arena, &server);
    assert_int_equal(status.code, rows[i].code);
    assert_null(server);
  }
  struct jg_grpc_server_options options = {
      .app = &fake->app, .address = JG_STR("127.0.0.1:0"), .threads = 1, .descriptor_set = JG_STR("\x0a\x7f")};
  struct jg_grpc_server *server = NULL;
  check(jg_grpc_server_start(&options, &fake->arena, &server), JG_INTERNAL, JG_REASON_NONE, "descriptor set");
}

static void says_whom_it_cannot_reach(void **state) {
  struct fake_server *fake = *state;
  fake_server_stop(fake, 0);
  struct jg_grpc_client *client = jg_grpc_client_create(jg_str_from_cstr(fake->address));
  struct jg_grpc_request request = {.path = "/jobgate.test.Fake/Echo", .timeout_ms = 30000};
  struct jg_str response = JG_STR_NONE;
  struct jg_status status = jg_grpc_client_unary(client, &request, JG_STR(""), &fake->arena, &response);
  char expected[96];
  (void)snprintf(expected, sizeof(expected), "cannot reach %s", fake->address);
  check(status, JG_UNAVAILABLE, JG_REASON_NONE, expected);
  assert_string_equal(status.message, expected);
  jg_grpc_client_destroy(client);
}

struct caller {
  pthread_t thread;
  struct fake_server *fake;
  int number;
  int wrong;
};

static void *call_often(void *data) {
  struct caller *caller = data;
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 20);
  for (int i = 0; i < CALLS_PER_THREAD; i++) {
    jg_arena_reset(&arena);
    Jobgate__V1__ListJobsRequest message = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
    message.page_size = caller->number * CALLS_PER_THREAD + i;
    struct jg_str bytes = jg_message_pack(&message.base, &arena);
    struct jg_grpc_request request = {.path = i % 4 == 0 ? "/jobgate.test.Fake/Thread" : "/jobgate.test.Fake/Echo"};
    struct jg_str response = JG_STR_NONE;
    struct jg_status status = jg_grpc_client_unary(caller->fake->client, &request, bytes, &arena, &response);
    caller->wrong += !jg_status_ok(status) || !jg_str_equal(response, bytes);
  }
  jg_arena_done(&arena);
  return NULL;
}

static void answers_many_threads(void **state) {
  struct fake_server *fake = *state;
  struct caller callers[CALLER_COUNT];
  for (int i = 0; i < CALLER_COUNT; i++) {
    callers[i] = (struct caller){.fake = fake, .number = i};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
  }
  for (int i = 0; i < CALLER_COUNT; i++) {
    assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
    assert_int_equal(callers[i].wrong, 0);
  }
}

/* The text of the registry holds that line. */
static bool has_metric(struct fake_server *fake, const char *line) {
  struct jg_buf out;
  jg_buf_init(&out, 1u << 20);
  jg_metrics_write(fake->app.metrics, &out);
  jg_buf_append_char(&out, '\0');
  bool found = !out.failed && strstr(out.data, line) != NULL;
  jg_buf_done(&out);
  return found;
}

static void counts_and_logs(void **state) {
  (void)state;
  int pipe_fds[2];
  assert_int_equal(pipe(pipe_fds), 0);
  struct fake_server *fake = fake_server_create("127.0.0.1:0", 1, pipe_fds[1]);
  struct jg_str response = JG_STR_NONE;
  for (int i = 0; i < 3; i++) {
    check(fake_call(fake, "Echo", JG_STR(""), &response), JG_OK, JG_REASON_NONE, "");
  }
  check(fake_call(fake, "Fail", fake_request(fake, "internal", 0), &response), JG_INTERNAL, JG_REASON_NONE, "broke");
  check(fake_call(fake, "Fail", fake_request(fake, "retry", 0), &response), JG_UNAVAILABLE, JG_REASON_OVERLOADED, "");
  check(fake_call(fake, "Nothing", JG_STR(""), &response), JG_UNIMPLEMENTED, JG_REASON_NONE, "");
  fake_server_stop(fake, 5000);
  assert_true(has_metric(fake, "grpc_server_started_total{grpc_method=\"Echo\"} 3\n"));
  assert_true(has_metric(fake, "grpc_server_handled_total{grpc_method=\"Echo\",grpc_code=\"OK\"} 3\n"));
  assert_true(has_metric(fake, "grpc_server_handled_total{grpc_method=\"Fail\",grpc_code=\"INTERNAL\"} 1\n"));
  assert_true(has_metric(fake, "grpc_server_handled_total{grpc_method=\"other\",grpc_code=\"UNIMPLEMENTED\"} 1\n"));
  assert_true(has_metric(fake, "grpc_server_handling_seconds_count{grpc_method=\"Echo\"} 3\n"));
  fake_server_destroy(fake);
  assert_int_equal(close(pipe_fds[1]), 0);
  char text[4096];
  ssize_t len = read(pipe_fds[0], text, sizeof(text) - 1);
  assert_true(len > 0);
  text[len] = '\0';
  assert_int_equal(close(pipe_fds[0]), 0);
  // One line: only the error of our own is worth it at this level.
  assert_non_null(strstr(text, "something of ours broke"));
  assert_non_null(strstr(text, "INTERNAL"));
  assert_ptr_equal(strchr(text, '\n'), text + len - 1);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_server_setup, fake_server_teardown)
  const struct CMUnitTest tests[] = {
      CASE(answers),
      CASE(answers_empty_messages),
      CASE(answers_messages_of_many_pieces),
      CASE(refuses_unknown_methods),
      CASE(refuses_malformed_messages),
      CASE(refuses_large_messages),
      CASE(refuses_missing_messages),
      CASE(refuses_large_metadata),
      CASE(refuses_many_large_fields),
      CASE(refuses_bad_headers),
      CASE(refuses_compression),
      CASE(refuses_bad_addresses),
      CASE(tells_handlers_of_the_call),
      CASE(sends_details),
      CASE(keeps_deadlines),
      CASE(says_whom_it_cannot_reach),
      CASE(answers_many_threads),
      cmocka_unit_test(keeps_strangers_from_local_methods),
      cmocka_unit_test(counts_and_logs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
