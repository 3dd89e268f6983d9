// Addresses of the command line, "H:P", and back.

#include <stdio.h>

#include "bridge/http/http_internal.h"

static bool resolve_name(const char *name, uint16_t port, struct sockaddr_storage *ret_address) {
  // Without a callback libuv resolves at once, and needs no loop.
  uv_loop_t loop;
  uv_getaddrinfo_t request;
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
  if (uv_loop_init(&loop) != 0) {
    return false;
  }
  bool found = uv_getaddrinfo(&loop, &request, NULL, name, NULL, &hints) == 0 && request.addrinfo != NULL;
  if (found) {
    memcpy(ret_address, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
    if (ret_address->ss_family == AF_INET6) {
      ((struct sockaddr_in6 *)(void *)ret_address)->sin6_port = htons(port);
    } else {
      ((struct sockaddr_in *)(void *)ret_address)->sin_port = htons(port);
    }
    uv_freeaddrinfo(request.addrinfo);
  }
  (void)uv_loop_close(&loop);  // Nothing was started on it.
  return found;
}

bool jg_http_listen_resolve(struct jg_str address, struct sockaddr_storage *ret_address) {
  size_t colon = address.len;
  while (colon > 0 && address.data[colon - 1] != ':') {
    colon--;
  }
  uint64_t port = 0;
  if (colon < 2 || !jg_parse_u64(jg_str_sub(address, colon, address.len), &port) || port > UINT16_MAX) {
    return false;
  }
  struct jg_str host = jg_str_sub(address, 0, colon - 1);
  bool bracketed = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
  if (bracketed) {
    host = jg_str_sub(host, 1, host.len - 2);
  }
  char text[256];
  if (host.len >= sizeof(text) || memchr(host.data, '\0', host.len) != NULL) {
    return false;
  }
  memcpy(text, host.data, host.len);
  text[host.len] = '\0';
  *ret_address = (struct sockaddr_storage){0};
  if (bracketed) {
    return uv_ip6_addr(text, (int)port, (struct sockaddr_in6 *)(void *)ret_address) == 0;
  }
  if (jg_str_find(host, ':', 0) != SIZE_MAX) {
    return false;  // Which colon ends an IPv6 address is a guess without brackets.
  }
  return uv_ip4_addr(text, (int)port, (struct sockaddr_in *)(void *)ret_address) == 0 ||
         resolve_name(text, (uint16_t)port, ret_address);
}

void jg_http_listen_format(const struct sockaddr_storage *address, char out[JG_HTTP_ADDRESS_BYTES],
                           uint16_t *ret_port) {
  char host[INET6_ADDRSTRLEN];
  bool ipv6 = address->ss_family == AF_INET6;
  const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
  int error = ipv6 ? uv_ip6_name(in6, host, sizeof(host)) : uv_ip4_name(in, host, sizeof(host));
  JG_ASSERT(error == 0);
  *ret_port = ntohs(ipv6 ? in6->sin6_port : in->sin_port);
  int len = snprintf(out, JG_HTTP_ADDRESS_BYTES, ipv6 ? "[%s]:%u" : "%s:%u", host, (unsigned)*ret_port);
  JG_ASSERT(len > 0 && len < (int)JG_HTTP_ADDRESS_BYTES);
}
