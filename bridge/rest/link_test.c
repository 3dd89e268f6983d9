// Where answers say that they come from (statement 29), from outside.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"

#define JOB "00000000-0000-0000-0000-000000000005"
#define OURS "http://a.example/api"
#define PROTO(value) "X-Forwarded-Proto: " value "\r\n"
#define HOST(value) "X-Forwarded-Host: " value "\r\n"
#define PREFIX(value) "X-Forwarded-Prefix: " value "\r\n"

static const struct {
  const char *fields, *base;
} forwarded[] = {
    {"", OURS},
    {PROTO("https"), "https://a.example/api"},
    {PROTO("HTTPS"), "https://a.example/api"},
    {PROTO("http"), OURS},
    {HOST("jobs.example.com:8443"), "http://jobs.example.com:8443/api"},
    {HOST("[fd00::1]:80"), "http://[fd00::1]:80/api"},
    {PREFIX("/gate"), "http://a.example/gate/api"},
    {PREFIX("/gate/one/"), "http://a.example/gate/one/api"},
    {PREFIX("/"), OURS},
    {PROTO("https") HOST("j.example") PREFIX("/g"), "https://j.example/g/api"},
    // Of several the last one is the peer's own; the others may be anybody's.
    {HOST("evil.example, j.example"), "http://j.example/api"},
    {HOST("evil.example") HOST("j.example"), "http://j.example/api"},
    {PROTO("https,http"), OURS},
    // What is malformed leaves what the request says.
    {PROTO("ftp"), OURS},
    {PROTO(""), OURS},
    {HOST(""), OURS},
    {HOST("a b"), OURS},
    {HOST("j.example/x"), OURS},
    {HOST("j.example:99999"), OURS},
    {HOST("user@j.example"), OURS},
    {PREFIX("gate"), OURS},
    {PREFIX("//evil.example"), OURS},
    {PREFIX("/a//b"), OURS},
    {PREFIX("/a?b"), OURS},
    {PREFIX("/a%2e"), OURS},
    {PROTO("https") HOST("a b") PREFIX("x"), "https://a.example/api"},
};

static struct jg_ip_net net(const char *text) {
  struct jg_ip_net result;
  assert_true(jg_ip_net_parse(jg_str_from_cstr(text), &result));
  return result;
}

static void open_door(const struct jg_ip_net *nets, size_t count, struct jg_str public_url) {
  fake_start(251);
  test_door_open(
      (struct jg_rest_options){.trusted_proxies = nets, .trusted_proxy_count = count, .public_url = public_url});
}

static void close_door(void) {
  test_door_close();
  fake_stop();
}

static void assert_base(const char *fields, const char *base) {
  char expected[256];
  struct jg_test_answer answer = test_door_call("GET", "/api/Jobs?$select=id&$top=101", fields, NULL);
  assert_int_equal(answer.status, 200);
  snprintf(expected, sizeof(expected), "{\"@odata.context\":\"%s/$metadata#Jobs(id)\"", base);
  if (!jg_str_starts_with(jg_str_from_cstr(answer.body.data), jg_str_from_cstr(expected))) {
    fail_msg("%s: %.120s", fields, answer.body.data);
  }
  snprintf(expected, sizeof(expected), "\"@odata.nextLink\":\"%s/Jobs?$top=1&", base);
  assert_non_null(strstr(answer.body.data, expected));
  jg_test_answer_done(&answer);
  char all[512];
  snprintf(all, sizeof(all), "Content-Type: application/json\r\n%s", fields);
  answer = test_door_call("POST", "/api/Jobs", all, "{\"name\":\"n\"}");
  assert_int_equal(answer.status, 201);
  snprintf(expected, sizeof(expected), "%s/Jobs(00000000-0000-0000-0000-0000000000ff)", base);
  test_door_assert_header(&answer, "location", expected);
  jg_test_answer_done(&answer);
  answer = test_door_call("GET", "/api", fields, NULL);
  snprintf(expected, sizeof(expected), "{\"@odata.context\":\"%s/$metadata\"", base);
  assert_true(jg_str_starts_with(jg_str_from_cstr(answer.body.data), jg_str_from_cstr(expected)));
  jg_test_answer_done(&answer);
}

static void trusted_proxies_say_where_we_are(void **state) {
  (void)state;
  const struct jg_ip_net nets[] = {net("fd00::/8"), net("127.0.0.0/8")};
  open_door(nets, JG_COUNT(nets), JG_STR_NONE);
  for (size_t i = 0; i < JG_COUNT(forwarded); i++) {
    assert_base(forwarded[i].fields, forwarded[i].base);
  }
  close_door();
}

static void nobody_else_does(void **state) {
  (void)state;
  const struct jg_ip_net nets[] = {net("fd00::/8"), net("128.0.0.0/8"), net("::1")};
  for (size_t count = 0; count <= JG_COUNT(nets); count += JG_COUNT(nets)) {
    open_door(nets, count, JG_STR_NONE);
    for (size_t i = 0; i < JG_COUNT(forwarded); i++) {
      assert_base(forwarded[i].fields, OURS);
    }
    close_door();
  }
}

static void the_public_url_comes_first(void **state) {
  (void)state;
  const struct jg_ip_net everybody = net("::/0");
  open_door(&everybody, 1, JG_STR("https://p.example/x"));
  assert_base(PROTO("http") HOST("j.example") PREFIX("/g"), "https://p.example/x/api");
  close_door();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(trusted_proxies_say_where_we_are),
                                     cmocka_unit_test(nobody_else_does), cmocka_unit_test(the_public_url_comes_first)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
