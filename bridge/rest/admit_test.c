// The door with authentication, over a real record of users.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/http/test_client.h"
#include "bridge/rest/fake_methods.h"
#include "bridge/rest/rest.h"
#include "services/identity/identity.h"
#include "services/identity/password.h"
#include "services/testing/app.h"

#define COST 1
/* APIUser:123456@TESTAPI, and with another password. */
#define RIGHT "Authorization: Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ==\r\n"
#define WRONG "Authorization: Basic QVBJVXNlcjoxMjM0NTdAVEVTVEFQSQ==\r\n"
#define TWICE (RIGHT RIGHT)
#define JOB "/api/Jobs(00000000-0000-0000-0000-000000000005)"

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};

static struct door {
  struct jg_test_app *app;
  struct jg_identity_service *identity;
  int64_t tenant;
  struct jg_rest *rest;
  struct jg_http_server *http;
  struct jg_test_client client;
} door;

static struct jg_status run_add(struct jg_txn *txn, void *data) {
  (void)data;
  char hash[JG_PASSWORD_HASH_BYTES_MAX];
  jg_password_hash(JG_STR("123456"), COST, hash);
  const struct jg_user_row row = {JG_STR("APIUser"), jg_str_from_cstr(hash), 0};
  return jg_txn_user_put(txn, &row, true);
}

static void open_identity(void) {
  struct jg_test_app *app = jg_test_app_create();
  door.app = app;
  assert_true(jg_status_ok(jg_store_tenant(app->store, JG_STR("testapi"), true, &app->arena, &door.tenant)));
  int64_t own = app->tenant;
  app->tenant = door.tenant;
  assert_true(jg_status_ok(jg_test_write(app, run_add, NULL)));
  app->tenant = own;
  const struct jg_identity_options identity = {
      .store = app->store, .clock = &app->clock.clock, .metrics = app->metrics, .threads = 2, .cost = COST};
  door.identity = jg_identity_service_create(&identity);
}

static int set_up(void **state) {
  (void)state;
  fake_start(10);
  open_identity();
  const struct jg_rest_options options = {.app = &door.app->app,
                                          .methods = fake_methods,
                                          .style = &style,
                                          .embed = true,
                                          .tenant = 7,
                                          .identity = door.identity};
  door.rest = jg_rest_create(&options);
  const struct jg_http_server_options http = {.name = "http",
                                              .address = JG_STR("127.0.0.1:0"),
                                              .handler = jg_rest_handle,
                                              .refuse = jg_rest_refuse,
                                              .done = jg_rest_done,
                                              .data = door.rest,
                                              .clock = jg_clock_system(),
                                              .metrics = door.app->metrics};
  door.http = jg_http_server_create(&http);
  assert_true(jg_status_ok(jg_http_server_start(door.http, &door.app->arena)));
  jg_test_client_open(&door.client, jg_http_server_port(door.http));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  jg_test_client_close(&door.client);
  jg_http_server_stop(door.http);
  jg_identity_service_destroy(door.identity);
  jg_rest_destroy(door.rest);
  jg_http_server_destroy(door.http);
  fake_stop();
  jg_test_app_destroy(door.app);
  return 0;
}

static void request(const char *method, const char *target, const char *fields, const char *body) {
  char text[2048];
  int len = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s", method, target,
                     fields, strlen(body), body);
  assert_true(len > 0 && (size_t)len < sizeof(text));
  jg_test_client_send_text(&door.client, text);
}

static void expect_refused(const char *method, const char *target, const char *fields, const char *body) {
  static const char expected[] =
      "{\"error\":{\"code\":\"\",\"message\":\"the call needs a valid Basic credential of the form "
      "user:password@domain\"}}";
  request(method, target, fields, body);
  struct jg_test_answer answer;
  jg_test_client_read(&door.client, strcmp(method, "HEAD") == 0, &answer);
  assert_int_equal(answer.status, 401);
  if (!jg_str_equal(jg_buf_str(&answer.body), jg_str_from_cstr(strcmp(method, "HEAD") == 0 ? "" : expected))) {
    fail_msg("%.*s", JG_STR_ARG(jg_buf_str(&answer.body)));
  }
  struct jg_str challenge = jg_test_answer_header(&answer, "WWW-Authenticate");
  assert_true(jg_str_equal(challenge, JG_STR("Basic realm=\"jobgate\", charset=\"UTF-8\"")));
  jg_test_answer_done(&answer);
}

/* Statement 92: before routing, methods, media types, queries and bodies. */
static void strangers_are_refused_alike(void **state) {
  (void)state;
  static const char *const fields[] = {
      "", "Authorization: \r\n", "Authorization: Bearer x\r\n", "Authorization: Basic QVBJ\r\n", WRONG, TWICE};
  for (size_t i = 0; i < JG_COUNT(fields); i++) {
    expect_refused("GET", "/api/Jobs", fields[i], "");
    expect_refused("HEAD", JOB, fields[i], "");
    expect_refused("POST", "/api/Jobs", fields[i], "{not json");
    expect_refused("GET", "/nothing/here%zz?$top=x", fields[i], "");
    expect_refused("PROPFIND", "/api/Jobs", fields[i], "");
  }
  assert_int_equal(fake_seen().calls, 0);
}

/* The first request waits for the hash, the next ones are known. */
static void callers_get_their_tenant(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    request("GET", JOB, RIGHT, "");
    struct jg_test_answer answer;
    jg_test_client_read(&door.client, false, &answer);
    assert_int_equal(answer.status, 200);
    jg_test_answer_done(&answer);
    assert_int_equal(fake_seen().tenant, door.tenant);
  }
  assert_int_equal(fake_seen().calls, 3);
  assert_int_equal(jg_test_metric(door.app, "jobgate_identity_verify_seconds_count", ""), 1);
}

/* Answers keep the order of pipelined requests, though some wait for a hash and some for none. */
static void waiting_requests_keep_their_order(void **state) {
  (void)state;
  request("GET", JOB, RIGHT, "");
  request("GET", "/nothing", "", "");
  request("GET", "/nothing", RIGHT, "");
  request("GET", JOB, WRONG, "");
  static const int statuses[] = {200, 401, 404, 401};
  for (size_t i = 0; i < JG_COUNT(statuses); i++) {
    struct jg_test_answer answer;
    jg_test_client_read(&door.client, false, &answer);
    assert_int_equal(answer.status, statuses[i]);
    jg_test_answer_done(&answer);
  }
}

/* Gone before it is known who they are: nothing is left behind. */
static void clients_may_leave_while_they_wait(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) {
    request("GET", JOB, i % 2 == 0 ? RIGHT : WRONG, "");
    jg_test_client_close(&door.client);
    jg_test_client_open(&door.client, jg_http_server_port(door.http));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(strangers_are_refused_alike, set_up, tear_down),
      cmocka_unit_test_setup_teardown(callers_get_their_tenant, set_up, tear_down),
      cmocka_unit_test_setup_teardown(waiting_requests_keep_their_order, set_up, tear_down),
      cmocka_unit_test_setup_teardown(clients_may_leave_while_they_wait, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
