#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define IPV4_AT 12u
#define IPV4_BITS_BEFORE 96u
/* An address as text, at most: "ffff:" seven times and an IPv4 address behind. */
#define TEXT_MAX (INET6_ADDRSTRLEN - 1)

static const uint8_t ipv4_prefix[IPV4_AT] = {[10] = 0xff, [11] = 0xff};

static struct jg_ip from_ipv4(const struct in_addr *address) {
  struct jg_ip ip;
  memcpy(ip.bytes, ipv4_prefix, sizeof(ipv4_prefix));
  memcpy(ip.bytes + IPV4_AT, address, sizeof(*address));
  return ip;
}

bool jg_ip_parse(struct jg_str text, struct jg_ip *ret_ip) {
  char copy[TEXT_MAX + 1];
  struct in_addr ipv4;
  struct in6_addr ipv6;
  if (text.len == 0 || text.len > TEXT_MAX || jg_str_find(text, '\0', 0) != SIZE_MAX) {
    return false;
  }
  memcpy(copy, text.data, text.len);
  copy[text.len] = '\0';
  if (inet_pton(AF_INET, copy, &ipv4) == 1) {
    *ret_ip = from_ipv4(&ipv4);
    return true;
  }
  if (inet_pton(AF_INET6, copy, &ipv6) != 1) {
    return false;
  }
  memcpy(ret_ip->bytes, &ipv6, sizeof(ret_ip->bytes));
  return true;
}

struct jg_ip jg_ip_of(const struct sockaddr *address) {
  struct jg_ip ip = {{0}};
  if (address->sa_family == AF_INET) {
    return from_ipv4(&((const struct sockaddr_in *)address)->sin_addr);
  }
  if (address->sa_family == AF_INET6) {
    memcpy(ip.bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof(ip.bytes));
  }
  return ip;
}

/* Of byte i: the bits that belong to the prefix. */
static uint8_t mask(unsigned bits, size_t i) {
  size_t before = i * 8;
  if (bits >= before + 8) {
    return 0xff;
  }
  return bits <= before ? 0 : (uint8_t)(0xff << (8 - (bits - before)));
}

bool jg_ip_net_parse(struct jg_str text, struct jg_ip_net *ret_net) {
  struct jg_str digits;
  struct jg_ip_net net = {.bits = 128};
  struct jg_str address = jg_str_cut(text, '/', &digits);
  if (!jg_ip_parse(address, &net.ip)) {
    return false;
  }
  if (digits.data != NULL) {
    bool ipv4 = jg_str_find(address, ':', 0) == SIZE_MAX;
    uint64_t bits = 0;
    bool padded = digits.len > 1 && digits.data[0] == '0';
    if (digits.len > 3 || padded || !jg_parse_u64(digits, &bits) || bits > (ipv4 ? 32u : 128u)) {
      return false;
    }
    net.bits = (uint8_t)(bits + (ipv4 ? IPV4_BITS_BEFORE : 0));
  }
  for (size_t i = 0; i < sizeof(net.ip.bytes); i++) {
    if ((net.ip.bytes[i] & (uint8_t)~mask(net.bits, i)) != 0) {
      return false;
    }
  }
  *ret_net = net;
  return true;
}

bool jg_ip_net_has(const struct jg_ip_net *net, struct jg_ip ip) {
  for (size_t i = 0; i < sizeof(ip.bytes); i++) {
    if (((ip.bytes[i] ^ net->ip.bytes[i]) & mask(net->bits, i)) != 0) {
      return false;
    }
  }
  return true;
}
