// GET api/Jobs/$changes from outside, over a WatchJobs that the test plays: what it is asked, how its messages and its end come
// out.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/wire.h"

#define PATH "/api/Jobs/$changes"

static struct jg_method methods[JG_METHOD_COUNT];

static struct watched {
  pthread_mutex_t mutex; /* of what follows */
  pthread_cond_t changed;
  struct jg_call *call; /* not taken yet */
  int sent, sent_ok, cancelled;
} watched;

static void lock(void) {
  assert_int_equal(pthread_mutex_lock(&watched.mutex), 0);
}

static void unlock(void) {
  assert_int_equal(pthread_cond_broadcast(&watched.changed), 0);
  assert_int_equal(pthread_mutex_unlock(&watched.mutex), 0);
}

static void wait_count(const int *count, int wanted) {
  lock();
  while (*count < wanted) {
    assert_int_equal(pthread_cond_wait(&watched.changed, &watched.mutex), 0);
  }
  unlock();
}

static void on_sent(struct jg_call *call, bool ok) {
  (void)call;
  lock();
  watched.sent++;
  watched.sent_ok += ok;
  unlock();
}

static void on_cancelled(struct jg_call *call) {
  (void)call;
  lock();
  watched.cancelled++;
  unlock();
}

static void watch(struct jg_call *call) {
  call->on_sent = on_sent;
  call->on_cancelled = on_cancelled;
  lock();
  watched.call = call;
  unlock();
}

static int set_up(void **state) {
  (void)state;
  watched = (struct watched){.call = NULL};
  assert_int_equal(pthread_mutex_init(&watched.mutex, NULL), 0);
  assert_int_equal(pthread_cond_init(&watched.changed, NULL), 0);
  memcpy(methods, fake_methods, sizeof(methods));
  methods[JG_METHOD_WATCH_JOBS] = (struct jg_method){.name = JG_STR("WatchJobs"),
                                                     .path = "/WatchJobs",
                                                     .type = JG_METHOD_SERVER_STREAM,
                                                     .request = &jobgate__v1__watch_jobs_request__descriptor,
                                                     .response = &jobgate__v1__watch_jobs_response__descriptor,
                                                     .handle = watch};
  fake_start(1);
  test_door_open((struct jg_rest_options){.methods = methods,
                                          .embed = true,
                                          .streams_max = 2,
                                          .cors_origins = JG_STR("http://a.example, https://b.example:8443")});
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  test_door_close();
  fake_stop();
  assert_int_equal(pthread_cond_destroy(&watched.changed), 0);
  assert_int_equal(pthread_mutex_destroy(&watched.mutex), 0);
  return 0;
}

static void ask(struct jg_test_client *client, const char *method, const char *target, const char *fields) {
  char text[1024];
  snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n", method, target, fields);
  jg_test_client_send_text(client, text);
}

static struct jg_call *take_call(void) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += 20;
  lock();
  while (watched.call == NULL) {
    assert_int_equal(pthread_cond_timedwait(&watched.changed, &watched.mutex, &end), 0);
  }
  struct jg_call *call = watched.call;
  watched.call = NULL;
  unlock();
  return call;
}

/* A `synced` of that revision. */
static void send_synced(struct jg_call *call, const char *token, uint64_t revision) {
  struct jg_buf synced, message;
  jg_buf_init(&synced, 1024);
  jg_buf_init(&message, 1024);
  jg_wire_put_bytes(&synced, 1, jg_str_from_cstr(token));
  jg_wire_put_uint(&synced, 2, revision);
  jg_wire_put_bytes(&message, 6, jg_buf_str(&synced));
  call->sink->send(call, jg_bytes_create(jg_buf_str(&message)));
  jg_buf_done(&synced);
  jg_buf_done(&message);
}

static void expect_chunk(struct jg_test_client *client, const char *text) {
  struct jg_buf chunk;
  jg_buf_init(&chunk, 1u << 20);
  assert_int_equal(jg_test_client_read_chunk(client, &chunk), text[0] != '\0');
  if (!jg_str_equal(jg_buf_str(&chunk), jg_str_from_cstr(text))) {
    fail_msg("%.*s", JG_STR_ARG(jg_buf_str(&chunk)));
  }
  jg_buf_done(&chunk);
}

static void expect_head(struct jg_test_client *client, const char *type) {
  struct jg_test_answer answer;
  jg_test_client_read_head(client, &answer);
  assert_int_equal(answer.status, 200);
  test_door_assert_header(&answer, "content-type", type);
  test_door_assert_header(&answer, "odata-version", "4.0");
  test_door_assert_header(&answer, "cache-control", "no-store");
  test_door_assert_header(&answer, "content-encoding", NULL);
  jg_test_answer_done(&answer);
}

static const struct jg_status drained = {JG_UNAVAILABLE, JG_REASON_DRAINING, "the server is shutting down", NULL};

static void messages_become_events(void **state) {
  (void)state;
  struct jg_test_client *client = test_door_client();
  ask(client, "GET", PATH, "Accept: text/event-stream\r\nAccept-Encoding: gzip\r\n");
  struct jg_call *call = take_call();
  assert_int_equal(call->identity.tenant, 7);
  assert_int_equal(call->deadline_ns, 0);
  assert_true(jg_test_client_silent(client));  // Nothing is said before the stream has begun.
  send_synced(call, "t", 5);
  expect_head(client, "text/event-stream; charset=utf-8");
  expect_chunk(client, "event: synced\nid: t\ndata: {\"event\":\"synced\",\"revision\":5,\"resume_token\":\"t\"}\n\n");
  wait_count(&watched.sent_ok, 1);
  send_synced(call, "u", 6);
  expect_chunk(client, "event: synced\nid: u\ndata: {\"event\":\"synced\",\"revision\":6,\"resume_token\":\"u\"}\n\n");
  wait_count(&watched.sent_ok, 2);
  jg_call_fail(call, drained);  // What a drain message has said is not said again.
  expect_chunk(client, "");
  // The connection goes on.
  ask(client, "GET", PATH, "Accept: application/x-ndjson\r\n");
  call = take_call();
  send_synced(call, "t", 7);
  expect_head(client, "application/x-ndjson; charset=utf-8");
  expect_chunk(client, "{\"event\":\"synced\",\"revision\":7,\"resume_token\":\"t\"}\n");
  wait_count(&watched.sent_ok, 3);
  jg_call_fail(call, jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "bad"));
  expect_chunk(client,
               "{\"event\":\"error\",\"status\":500,\"reason\":\"STORE_CORRUPT\",\"error\":{\"code\":\"\",\"message\":"
               "\"bad\"}}\n");
  expect_chunk(client, "");
}

/* As of a client that takes nothing for too long: the piece goes first. */
static void an_end_while_a_piece_is_out(void **state) {
  (void)state;
  struct jg_test_client *client = test_door_client();
  for (int i = 0; i < 200; i++) {
    ask(client, "GET", PATH, "Accept: application/x-ndjson\r\n");
    struct jg_call *call = take_call();
    send_synced(call, "t", 7);
    jg_call_fail(call, jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_SLOW_CONSUMER, "too slow"));
    expect_head(client, "application/x-ndjson; charset=utf-8");
    expect_chunk(client, "{\"event\":\"synced\",\"revision\":7,\"resume_token\":\"t\"}\n");
    expect_chunk(
        client,
        "{\"event\":\"error\",\"status\":429,\"reason\":\"SLOW_CONSUMER\",\"error\":{\"code\":\"\",\"message\":"
        "\"too slow\"}}\n");
    expect_chunk(client, "");
  }
}

static void an_early_end_is_an_ordinary_error(void **state) {
  (void)state;
  struct jg_test_client *client = test_door_client();
  ask(client, "GET", PATH, "");
  static const struct jg_status_details details = {.retry_delay_ms = 3200, .oldest_revision = 6, .newest_revision = 9};
  jg_call_fail(take_call(), (struct jg_status){JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "start anew", &details});
  struct jg_test_answer answer;
  jg_test_client_read(client, false, &answer);
  assert_int_equal(answer.status, 410);
  assert_true(jg_str_equal(jg_test_answer_header(&answer, "Retry-After"), JG_STR("4")));
  assert_true(jg_str_equal(
      jg_buf_str(&answer.body),
      JG_STR("{\"error\":{\"code\":\"\",\"message\":\"start anew\",\"innererror\":{\"reason\":\"HISTORY_LOST\","
             "\"oldest_revision\":6,\"newest_revision\":9,\"retry_delay_ms\":3200}}}")));
  jg_test_answer_done(&answer);
}

static void head_ends_the_stream(void **state) {
  (void)state;
  struct jg_test_client *client = test_door_client();
  ask(client, "HEAD", PATH, "");
  struct jg_call *call = take_call();
  send_synced(call, "t", 5);
  expect_head(client, "text/event-stream; charset=utf-8");
  wait_count(&watched.sent, 1);
  assert_int_equal(watched.sent_ok, 0);
  jg_call_fail(call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "gone"));
  struct jg_test_answer next = test_door_get("/api");
  assert_int_equal(next.status, 200);
  jg_test_answer_done(&next);
}

static void streams_are_limited(void **state) {
  (void)state;
  struct jg_test_client *client = test_door_client();
  // Behind each other on one connection they are open all the same.
  struct jg_call *calls[2];
  for (size_t i = 0; i < 2; i++) {
    ask(client, "GET", PATH, "");
    calls[i] = take_call();
  }
  ask(client, "GET", PATH, "");
  ask(client, "GET", "/api", "");
  for (size_t i = 0; i < 2; i++) {
    jg_call_fail(calls[i], jg_status_make(JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "start anew"));
  }
  static const int statuses[] = {410, 410, 429, 200};
  for (size_t i = 0; i < JG_COUNT(statuses); i++) {
    struct jg_test_answer answer;
    jg_test_client_read(client, false, &answer);
    assert_int_equal(answer.status, statuses[i]);
    jg_test_answer_done(&answer);
  }
  ask(client, "GET", PATH, "");  // There is room again.
  jg_call_fail(take_call(), jg_status_make(JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "start anew"));
  struct jg_test_answer answer;
  jg_test_client_read(client, false, &answer);
  assert_int_equal(answer.status, 410);
  jg_test_answer_done(&answer);
}

static void a_client_that_goes_cancels(void **state) {
  (void)state;
  struct jg_test_client *client = test_door_client();
  ask(client, "GET", PATH, "");
  struct jg_call *call = take_call();
  send_synced(call, "t", 5);
  expect_head(client, "text/event-stream; charset=utf-8");
  wait_count(&watched.sent_ok, 1);
  jg_test_client_shutdown(client);
  wait_count(&watched.cancelled, 1);
  assert_true(atomic_load(&call->cancelled));
  jg_call_fail(call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "gone"));
}

static const char *start_of(const Jobgate__V1__WatchJobsRequest *request, char out[128]) {
  switch (request->start_case) {
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW:
      return "now";
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT:
      return "snapshot";
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN:
      return request->resume_token;
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE:
      snprintf(out, 128, "%lld.%09d", (long long)request->since->seconds, request->since->nanos);
      return out;
    default:
      return "none";
  }
}

/* "start|filter|view|mask|heartbeat|coalesce|entities,reset" of what was asked. */
static void describe(const Jobgate__V1__WatchJobsRequest *request, char *out, size_t size) {
  char start[128], mask[256] = "";
  for (size_t i = 0; request->read_mask != NULL && i < request->read_mask->n_paths; i++) {
    size_t len = strlen(mask);
    snprintf(mask + len, sizeof(mask) - len, "%s%s", i > 0 ? "," : "", request->read_mask->paths[i]);
  }
  const Google__Protobuf__Duration none = GOOGLE__PROTOBUF__DURATION__INIT;
  const Google__Protobuf__Duration *heartbeat =
      request->heartbeat_interval != NULL ? request->heartbeat_interval : &none;
  const Google__Protobuf__Duration *coalesce = request->coalesce_window != NULL ? request->coalesce_window : &none;
  snprintf(out, size, "%s|%s|%d|%s|%d.%03d|%d.%03d|%d%d", start_of(request, start), request->filter, request->view,
           mask, (int)heartbeat->seconds, heartbeat->nanos / 1000000, (int)coalesce->seconds, coalesce->nanos / 1000000,
           request->entity_changes, request->snapshot_on_reset);
}

static const struct {
  const char *query, *fields, *asked;
} asked[] = {
    {"", "", "now||0||0.000|0.000|00"},
    {"?now", "", "now||0||0.000|0.000|00"},
    {"?now=true&@unknown=1", "", "now||0||0.000|0.000|00"},
    {"?snapshot=true", "", "snapshot||0||0.000|0.000|00"},
    {"?snapshot=false", "", "now||0||0.000|0.000|00"},
    {"?snapshot=true&resume_token=", "", NULL},
    {"?resume_token=abc_-", "", "abc_-||0||0.000|0.000|00"},
    {"?since=2023-11-14T22:13:20.5Z", "", "1700000000.500000000||0||0.000|0.000|00"},
    {"?since=2023-11-14T23:13:20+01:00", "", "1700000000.000000000||0||0.000|0.000|00"},
    {"?snapshot=true", "Last-Event-ID: tok\r\n", "tok||0||0.000|0.000|00"},
    {"?resume_token=old", "Last-Event-ID: tok\r\n", "tok||0||0.000|0.000|00"},
    {"?resume_token=old", "Last-Event-ID:\r\n", "old||0||0.000|0.000|00"},
    {"?$filter=id2%20gt%205&view=full", "", "now|id2 gt 5|2||0.000|0.000|00"},
    {"?view=basic&heartbeat=20&coalesce=0.5&entity_changes=true&snapshot_on_reset=true", "", "now||1||20.000|0.500|11"},
    {"?$select=name", "", "now||1|id,name|0.000|0.000|00"},
    {"?$select=name,project", "", "now||2|id,project,name|0.000|0.000|00"},
    {"?$select=*", "", "now||1||0.000|0.000|00"},
    {"?$select=id,project&$expand=skill", "", "now||2|id,project,skill|0.000|0.000|00"},
    {"?snapshot=true&now=true", "", NULL},
    {"?since=yesterday", "", NULL},
    {"?snapshot=1", "", NULL},
    {"?heartbeat=x", "", NULL},
    {"?heartbeat=-5", "", NULL},
    {"?heartbeat=5.", "", NULL},
    {"?coalesce=1.0000000001", "", NULL},
    {"?view=all", "", NULL},
    {"?view=full&$select=name", "", NULL},
    {"?$expand=project($select=id)", "", NULL},
    {"?$select=nothing", "", NULL},
    {"?$top=5", "", NULL},
    {"?$orderby=id", "", NULL},
    {"?$count=true", "", NULL},
    {"?resume_token=%00", "", NULL},
    {"?resume_token=%ff", "", NULL},
};

static void what_is_asked(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(asked); i++) {
    char target[256], text[512];
    snprintf(target, sizeof(target), PATH "%s", asked[i].query);
    ask(test_door_client(), "GET", target, asked[i].fields);
    if (asked[i].asked != NULL) {
      struct jg_call *call = take_call();
      describe((const Jobgate__V1__WatchJobsRequest *)(const void *)call->request, text, sizeof(text));
      jg_call_fail(call, jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "enough"));
      if (strcmp(text, asked[i].asked) != 0) {
        fail_msg("%s: %s", asked[i].query, text);
      }
    }
    struct jg_test_answer answer;
    jg_test_client_read(test_door_client(), false, &answer);
    if (answer.status != (strchr(asked[i].query, '(') != NULL ? 501 : 400)) {
      fail_msg("%s: %d", asked[i].query, answer.status);
    }
    jg_test_answer_done(&answer);
  }
}

static const struct {
  const char *accept;
  const char *type; /* NULL: 406 */
} accepted[] = {
    {"", "text/event-stream; charset=utf-8"},
    {"Accept: */*\r\n", "text/event-stream; charset=utf-8"},
    {"Accept: text/*\r\n", "text/event-stream; charset=utf-8"},
    {"Accept: text/event-stream, application/x-ndjson\r\n", "text/event-stream; charset=utf-8"},
    {"Accept: text/event-stream;q=0.5, application/x-ndjson\r\n", "application/x-ndjson; charset=utf-8"},
    {"Accept: Application/X-NDJSON\r\n", "application/x-ndjson; charset=utf-8"},
    {"Accept: text/event-stream;q=0, */*\r\n", "application/x-ndjson; charset=utf-8"},
    {"Accept: application/json\r\n", NULL},
    {"Accept: text/event-stream;q=0\r\n", NULL},
};

static void accept_chooses_the_framing(void **state) {
  (void)state;
  struct jg_test_client *client = test_door_client();
  for (size_t i = 0; i < JG_COUNT(accepted); i++) {
    ask(client, "GET", PATH, accepted[i].accept);
    if (accepted[i].type == NULL) {
      struct jg_test_answer answer;
      jg_test_client_read(client, false, &answer);
      assert_int_equal(answer.status, 406);
      jg_test_answer_done(&answer);
      continue;
    }
    struct jg_call *call = take_call();
    int before = watched.sent;
    send_synced(call, "t", 1);
    expect_head(client, accepted[i].type);
    struct jg_buf body;
    jg_buf_init(&body, 1u << 20);
    assert_true(jg_test_client_read_chunk(client, &body));
    wait_count(&watched.sent, before + 1);
    jg_call_fail(call, drained);
    assert_false(jg_test_client_read_chunk(client, &body));
    jg_buf_done(&body);
  }
}

static void other_methods_are_refused(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_call("POST", PATH, WITH_JSON, "{}");
  assert_int_equal(answer.status, 405);
  test_door_assert_header(&answer, "allow", "GET, HEAD");
  jg_test_answer_done(&answer);
}

static void pages_of_listed_origins_may_read(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_call("GET", "/api", "Origin: https://b.example:8443\r\n", NULL);
  test_door_assert_header(&answer, "access-control-allow-origin", "https://b.example:8443");
  test_door_assert_header(&answer, "access-control-allow-credentials", "true");
  jg_test_answer_done(&answer);
  answer = test_door_call("GET", "/api/Nothing", "Origin: http://a.example\r\n", NULL);  // Errors are for reading too.
  assert_int_equal(answer.status, 404);
  test_door_assert_header(&answer, "access-control-allow-origin", "http://a.example");
  jg_test_answer_done(&answer);
  static const char *const others[] = {"", "Origin: http://b.example\r\n", "Origin: null\r\n",
                                       "Origin: http://a.example.example\r\n"};
  for (size_t i = 0; i < JG_COUNT(others); i++) {
    answer = test_door_call("GET", "/api", others[i], NULL);
    assert_int_equal(answer.status, 200);
    test_door_assert_header(&answer, "access-control-allow-origin", NULL);
    test_door_assert_header(&answer, "vary", "Origin");
    jg_test_answer_done(&answer);
  }
  answer = test_door_call("OPTIONS", "/api/Jobs",
                          "Origin: http://a.example\r\nAccess-Control-Request-Method: PATCH\r\n", NULL);
  assert_int_equal(answer.status, 204);
  test_door_assert_header(&answer, "access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
  jg_test_answer_done(&answer);
  answer = test_door_call("OPTIONS", "/api/Jobs",
                          "Origin: http://c.example\r\nAccess-Control-Request-Method: PATCH\r\n", NULL);
  assert_int_equal(answer.status, 204);
  test_door_assert_header(&answer, "access-control-allow-methods", NULL);
  test_door_assert_header(&answer, "access-control-allow-origin", NULL);
  jg_test_answer_done(&answer);
}

static void origins_are_checked(void **state) {
  (void)state;
  static const char *const good[] = {"*", "http://a", "https://a.example:8443", "http://a, http://b",
                                     "http://[::1]:80"};
  static const char *const bad[] = {"a.example",  "http://", "http://a/", "http://A",         "http://a,",
                                    "*,http://a", "ftp://a", "null",      "http://a http://b"};
  for (size_t i = 0; i < JG_COUNT(good); i++) {
    assert_true(jg_rest_cors_origins_valid(jg_str_from_cstr(good[i])));
  }
  for (size_t i = 0; i < JG_COUNT(bad); i++) {
    assert_false(jg_rest_cors_origins_valid(jg_str_from_cstr(bad[i])));
  }
}

#define DOOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      DOOR_TEST(messages_become_events),
      DOOR_TEST(an_end_while_a_piece_is_out),
      DOOR_TEST(an_early_end_is_an_ordinary_error),
      DOOR_TEST(head_ends_the_stream),
      DOOR_TEST(streams_are_limited),
      DOOR_TEST(a_client_that_goes_cancels),
      DOOR_TEST(what_is_asked),
      DOOR_TEST(accept_chooses_the_framing),
      DOOR_TEST(other_methods_are_refused),
      DOOR_TEST(pages_of_listed_origins_may_read),
      cmocka_unit_test(origins_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
