#include "server/grpc/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void parses_what_the_core_tells(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *ip; /* NULL: none */
    uint16_t port;
  } cases[] = {
      {"ipv4:127.0.0.1:4711", "127.0.0.1", 4711},
      {"ipv4:10.1.2.3:65535", "10.1.2.3", 65535},
      {"ipv6:[::1]:4711", "::1", 4711},
      {"ipv6:%5B::1%5D:4711", "::1", 4711},
      {"ipv6:%5B2001:db8::1:2%5D:1", "2001:db8::1:2", 1},
      {"ipv6:[::ffff:10.1.2.3]:80", "10.1.2.3", 80},
      {"unix:/run/a:1", NULL, 0},
      {"unix:", NULL, 0},
      {"ipv4:127.0.0.1", NULL, 0},
      {"ipv4:127.0.0.1:", NULL, 0},
      {"ipv4:127.0.0.1:0", NULL, 0},
      {"ipv4:127.0.0.1:65536", NULL, 0},
      {"ipv4:localhost:80", NULL, 0},
      {"ipv6:%5Bfe80::1%25eth0%5D:80", NULL, 0},
      {"ipv6:%5B::1]:80", NULL, 0},
      {"ipv6:", NULL, 0},
      {"", NULL, 0},
  };
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    struct jg_grpc_peer peer;
    bool ok = jg_grpc_peer_parse(jg_str_from_cstr(cases[i].text), &peer);
    if (ok != (cases[i].ip != NULL) || peer.port != cases[i].port) {
      fail_msg("%s: %d, port %u", cases[i].text, ok, peer.port);
    }
    struct jg_ip ip;
    if (ok) {
      assert_true(jg_ip_parse(jg_str_from_cstr(cases[i].ip), &ip));
      assert_memory_equal(&ip, &peer.ip, sizeof(ip));
    }
  }
}

struct pair {
  int listener, client, server;
  uint16_t port;
  struct jg_grpc_peer peer; /* the server's */
};

static void pair_open(struct pair *pair) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof(address);
  pair->listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(pair->listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(pair->listener, 8), 0);
  assert_int_equal(getsockname(pair->listener, (struct sockaddr *)&address, &len), 0);
  pair->port = ntohs(address.sin_port);
  pair->client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(pair->client, (struct sockaddr *)&address, len), 0);
  pair->server = accept(pair->listener, (struct sockaddr *)&address, &len);
  assert_true(pair->server >= 0);
  pair->peer = (struct jg_grpc_peer){.ip = jg_ip_of((struct sockaddr *)&address), .port = ntohs(address.sin_port)};
}

static void pair_close(struct pair *pair) {
  (void)close(pair->listener);
  (void)close(pair->client);
  (void)close(pair->server);
}

static void finds_the_socket_of_a_peer(void **state) {
  (void)state;
  struct pair pairs[3];
  for (size_t i = 0; i < JG_COUNT(pairs); i++) {
    pair_open(&pairs[i]);
  }
  struct jg_grpc_sockets *sockets = jg_grpc_sockets_create();
  assert_int_equal(jg_grpc_sockets_find(sockets, &pairs[0].peer), -1);
  for (size_t i = 0; i < JG_COUNT(pairs); i++) {
    jg_grpc_sockets_look(sockets, pairs[i].port);
    // The server's end alone, and of that port alone.
    for (size_t j = 0; j < JG_COUNT(pairs); j++) {
      assert_int_equal(jg_grpc_sockets_find(sockets, &pairs[j].peer), i == j ? pairs[j].server : -1);
    }
  }
  // A socket that is closed, or another one by now, is none of that peer.
  (void)close(pairs[2].server);
  assert_int_equal(jg_grpc_sockets_find(sockets, &pairs[2].peer), -1);
  assert_int_equal(dup2(pairs[1].server, pairs[2].server), pairs[2].server);
  assert_int_equal(jg_grpc_sockets_find(sockets, &pairs[2].peer), -1);
  jg_grpc_sockets_destroy(sockets);
  for (size_t i = 0; i < JG_COUNT(pairs); i++) {
    pair_close(&pairs[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parses_what_the_core_tells),
      cmocka_unit_test(finds_the_socket_of_a_peer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
