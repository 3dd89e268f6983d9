#include "server/grpc/peer.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"

struct entry {
  struct jg_grpc_peer peer;
  int fd;
};

struct jg_grpc_sockets {
  struct entry *entries; /* in the order of their peers */
  size_t count, capacity;
};

int jg_grpc_peer_compare(const struct jg_grpc_peer *a, const struct jg_grpc_peer *b) {
  int by_port = (a->port > b->port) - (a->port < b->port);
  return by_port != 0 ? by_port : memcmp(&a->ip, &b->ip, sizeof(a->ip));
}

/* Without brackets, which may be escaped (RFC 3986 section 2.1). */
static struct jg_str without_brackets(struct jg_str host) {
  static const struct jg_str pairs[][2] = {{JG_STR("["), JG_STR("]")}, {JG_STR("%5B"), JG_STR("%5D")}};
  for (size_t i = 0; i < JG_COUNT(pairs); i++) {
    if (jg_str_starts_with(host, pairs[i][0]) && jg_str_ends_with(host, pairs[i][1])) {
      return jg_str_sub(host, pairs[i][0].len, host.len - pairs[i][0].len - pairs[i][1].len);
    }
  }
  return host;
}

bool jg_grpc_peer_parse(struct jg_str text, struct jg_grpc_peer *ret_peer) {
  *ret_peer = (struct jg_grpc_peer){0};
  struct jg_str rest = JG_STR_NONE;
  struct jg_str scheme = jg_str_cut(text, ':', &rest);
  size_t colon = jg_str_find_last(rest, ':');
  struct jg_grpc_peer peer;
  uint64_t port = 0;
  bool internet = jg_str_equal(scheme, JG_STR("ipv4")) || jg_str_equal(scheme, JG_STR("ipv6"));
  if (!internet || colon == SIZE_MAX || !jg_parse_u64(jg_str_sub(rest, colon + 1, rest.len), &port) ||
      port > UINT16_MAX || !jg_ip_parse(without_brackets(jg_str_sub(rest, 0, colon)), &peer.ip)) {
    return false;
  }
  peer.port = (uint16_t)port;
  *ret_peer = peer;
  return port != 0;
}

static uint16_t port_of(const struct sockaddr_storage *address) {
  switch (address->ss_family) {
    case AF_INET:
      return ntohs(((const struct sockaddr_in *)address)->sin_port);
    case AF_INET6:
      return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    default:
      return 0;
  }
}

/* The other end of a connected socket of the internet. */
static bool peer_of(int fd, struct jg_grpc_peer *ret_peer) {
  struct sockaddr_storage address;
  socklen_t len = sizeof(address);
  if (getpeername(fd, (struct sockaddr *)&address, &len) != 0) {
    return false;
  }
  *ret_peer = (struct jg_grpc_peer){.ip = jg_ip_of((struct sockaddr *)&address), .port = port_of(&address)};
  return ret_peer->port != 0;
}

static bool is_of_port(int fd, uint16_t port) {
  struct sockaddr_storage address;
  socklen_t len = sizeof(address);
  return getsockname(fd, (struct sockaddr *)&address, &len) == 0 && port_of(&address) == port;
}

static int by_peer(const void *a, const void *b) {
  return jg_grpc_peer_compare(&((const struct entry *)a)->peer, &((const struct entry *)b)->peer);
}

struct jg_grpc_sockets *jg_grpc_sockets_create(void) {
  return jg_alloc_zero(1, sizeof(struct jg_grpc_sockets));
}

void jg_grpc_sockets_destroy(struct jg_grpc_sockets *sockets) {
  if (sockets != NULL) {
    jg_free(sockets->entries);
    jg_free(sockets);
  }
}

static void add(struct jg_grpc_sockets *sockets, const struct entry *entry) {
  if (sockets->count == sockets->capacity) {
    sockets->capacity = sockets->capacity == 0 ? 64 : 2 * sockets->capacity;
    sockets->entries = jg_realloc(sockets->entries, sockets->capacity * sizeof(*sockets->entries));
  }
  sockets->entries[sockets->count++] = *entry;
}

void jg_grpc_sockets_look(struct jg_grpc_sockets *sockets, uint16_t port) {
  sockets->count = 0;
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) {
    return;  // then none is known
  }
  const struct dirent *item;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe where each thread has a folder of its own
  while ((item = readdir(folder)) != NULL) {
    uint64_t fd;
    struct entry entry;
    if (jg_parse_u64(jg_str_from_cstr(item->d_name), &fd) && fd <= INT32_MAX && peer_of((int)fd, &entry.peer) &&
        is_of_port((int)fd, port)) {
      entry.fd = (int)fd;
      add(sockets, &entry);
    }
  }
  (void)closedir(folder);  // it was only read
  if (sockets->count > 0) {
    qsort(sockets->entries, sockets->count, sizeof(*sockets->entries), by_peer);
  }
}

int jg_grpc_sockets_find(const struct jg_grpc_sockets *sockets, const struct jg_grpc_peer *peer) {
  const struct entry key = {.peer = *peer};
  struct entry *found =
      sockets->count == 0 ? NULL : bsearch(&key, sockets->entries, sockets->count, sizeof(key), by_peer);
  struct jg_grpc_peer now;
  bool still = found != NULL && peer_of(found->fd, &now) && jg_grpc_peer_compare(&now, peer) == 0;
  return still ? found->fd : -1;
}
