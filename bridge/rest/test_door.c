#include "bridge/rest/test_door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/rest/fake_methods.h"

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};

static struct door {
  struct jg_app app;
  struct jg_rest *rest;
  struct jg_http_server *http;
  struct jg_test_client client;
  const struct jg_log *log;
} door;

void test_door_log(const struct jg_log *log) {
  door.log = log;
}

void test_door_open(struct jg_rest_options options) {
  door.app = (struct jg_app){.clock = jg_clock_system(), .metrics = jg_metrics_create(), .log = door.log};
  options.app = &door.app;
  options.methods = options.methods != NULL ? options.methods : fake_methods;
  options.style = options.style != NULL ? options.style : &style;
  options.tenant = 7;
  door.rest = jg_rest_create(&options);
  const struct jg_http_server_options http = {.name = "http",
                                              .address = JG_STR("127.0.0.1:0"),
                                              .handler = jg_rest_handle,
                                              .refuse = jg_rest_refuse,
                                              .done = jg_rest_done,
                                              .data = door.rest,
                                              .clock = door.app.clock,
                                              .metrics = door.app.metrics};
  door.http = jg_http_server_create(&http);
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  struct jg_status status = jg_http_server_start(door.http, &arena);
  assert_true(jg_status_ok(status));
  jg_arena_done(&arena);
  jg_test_client_open(&door.client, jg_http_server_port(door.http));
}

void test_door_close(void) {
  jg_test_client_close(&door.client);
  jg_http_server_stop(door.http);
  jg_rest_destroy(door.rest);
  jg_http_server_destroy(door.http);
  jg_metrics_destroy(door.app.metrics);
}

struct jg_test_client *test_door_client(void) {
  return &door.client;
}

struct jg_metrics *test_door_metrics(void) {
  return door.app.metrics;
}

struct jg_test_answer test_door_send(const char *method, const char *target, const char *fields, struct jg_str body) {
  struct jg_buf text;
  jg_buf_init(&text, 4u << 20);
  jg_buf_printf(&text, "%s %s HTTP/1.1\r\nHost: a.example\r\n%s", method, target, fields);
  if (body.data != NULL) {
    jg_buf_printf(&text, "Content-Length: %zu\r\n\r\n", body.len);
    jg_buf_append_str(&text, body);
  } else {
    jg_buf_append_str(&text, JG_STR("\r\n"));
  }
  jg_test_client_send(&door.client, jg_buf_str(&text));
  jg_buf_done(&text);
  struct jg_test_answer answer;
  jg_test_client_read(&door.client, strcmp(method, "HEAD") == 0, &answer);
  jg_buf_append_char(&answer.body, '\0');
  return answer;
}

struct jg_test_answer test_door_call(const char *method, const char *target, const char *fields, const char *body) {
  return test_door_send(method, target, fields, jg_str_from_cstr(body));
}

struct jg_test_answer test_door_get(const char *target) {
  return test_door_call("GET", target, "", NULL);
}

void test_door_assert_header(const struct jg_test_answer *answer, const char *name, const char *value) {
  struct jg_str actual = jg_test_answer_header(answer, name);
  if ((actual.data == NULL) != (value == NULL) || !jg_str_equal(actual, jg_str_from_cstr(value))) {
    fail_msg("%s: %.*s", name, JG_STR_ARG(actual));
  }
}
