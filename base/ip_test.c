#include "base/ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void networks(void **state) {
  (void)state;
  static const struct {
    const char *net;
    const char *in[3], *out[4];
  } rows[] = {
      {"10.0.0.0/8",
       {"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"},
       {"11.0.0.0", "9.255.255.255", "::10.0.0.1", "::1"}},
      {"127.0.0.1", {"127.0.0.1", "::ffff:127.0.0.1"}, {"127.0.0.2", "::1"}},
      {"192.168.1.128/25", {"192.168.1.128", "192.168.1.255"}, {"192.168.1.127", "192.168.2.128"}},
      {"0.0.0.0/0", {"0.0.0.0", "255.255.255.255"}, {"::1", "fe80::1"}},
      {"1.2.3.4/32", {"1.2.3.4"}, {"1.2.3.5"}},
      {"::1", {"::1", "0:0:0:0:0:0:0:1"}, {"::2", "127.0.0.1"}},
      {"fd00::/8", {"fd00::", "fdff:ffff::1"}, {"fe00::", "fc00::1", "10.0.0.1"}},
      {"2001:db8::/33", {"2001:db8:7fff::"}, {"2001:db8:8000::"}},
      {"::ffff:10.0.0.0/104", {"10.1.1.1"}, {"11.1.1.1"}},
      {"::/0", {"::", "ffff::", "1.2.3.4"}, {NULL}},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_ip_net net;
    struct jg_ip ip;
    assert_true(jg_ip_net_parse(jg_str_from_cstr(rows[i].net), &net));
    for (size_t k = 0; k < JG_COUNT(rows[i].in) && rows[i].in[k] != NULL; k++) {
      assert_true(jg_ip_parse(jg_str_from_cstr(rows[i].in[k]), &ip));
      if (!jg_ip_net_has(&net, ip)) {
        fail_msg("%s has not %s", rows[i].net, rows[i].in[k]);
      }
    }
    for (size_t k = 0; k < JG_COUNT(rows[i].out) && rows[i].out[k] != NULL; k++) {
      assert_true(jg_ip_parse(jg_str_from_cstr(rows[i].out[k]), &ip));
      if (jg_ip_net_has(&net, ip)) {
        fail_msg("%s has %s", rows[i].net, rows[i].out[k]);
      }
    }
  }
}

static void malformed_ones(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",          "/",          "10.0.0.0/",   "10.0.0.0/33",    "10.0.0.0/-1", "10.0.0.0/+8",  "10.0.0.0/008",
      "10.0.0/8",  "10.0.0.1/8", "10.0.0.0/8x", "10.0.0.0/8/8",   "::/129",      "fd00::1/8",    "[::1]",
      "::1%lo",    "localhost",  " 10.0.0.0/8", "10.0.0.0/8 ",    "10.0.0.0:80", "1.2.3.4.5",    "::ffff:10.0.0.0/8",
      "010.0.0.1", "0x0a.0.0.1", "1.2.3.256",   "10.0.0.0/00000", "g::",         "1:2:3:4:5:6:7"};
  for (size_t i = 0; i < JG_COUNT(texts); i++) {
    struct jg_ip_net net = {.bits = 77};
    if (jg_ip_net_parse(jg_str_from_cstr(texts[i]), &net)) {
      fail_msg("%s", texts[i]);
    }
    assert_int_equal(net.bits, 77);
  }
  struct jg_ip ip;
  char text[] = "1.2.3.4\0";
  assert_false(jg_ip_parse(jg_str_make(text, sizeof(text) - 1), &ip));
}

static void addresses_of_sockets(void **state) {
  (void)state;
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
  struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr local = {.sa_family = AF_UNIX};
  const struct {
    const struct sockaddr *address;
    const char *text;
  } rows[] = {{(const struct sockaddr *)&ipv4, "10.0.0.1"}, {(const struct sockaddr *)&ipv6, "::1"}, {&local, "::"}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_ip expected, ip = jg_ip_of(rows[i].address);
    assert_true(jg_ip_parse(jg_str_from_cstr(rows[i].text), &expected));
    assert_memory_equal(ip.bytes, expected.bytes, sizeof(ip.bytes));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(networks), cmocka_unit_test(malformed_ones),
                                     cmocka_unit_test(addresses_of_sockets)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
