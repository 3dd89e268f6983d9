/* IP addresses of both versions as one kind of value, and networks of them in CIDR notation (RFC 4632, RFC 4291).
 * Thread: any. */
#ifndef JG_BASE_IP_H
#define JG_BASE_IP_H

#include "base/compiler.h"
#include "base/str.h"

/* IPv6; an IPv4 address stands in it as ::ffff:a.b.c.d, as it does on a socket of both versions. */
struct jg_ip {
  uint8_t bytes[16];
};
/* The addresses whose first bits (0 to 128) are those of ip. */
struct jg_ip_net {
  struct jg_ip ip;
  uint8_t bits;
};

struct sockaddr;

/* "10.0.0.1", "::1"; no port, no zone, no brackets. */
JG_MUST_CHECK bool jg_ip_parse(struct jg_str text, struct jg_ip *ret_ip);
/* Of AF_INET or AF_INET6; any other family is ::. */
struct jg_ip jg_ip_of(const struct sockaddr *address);
/* "10.0.0.0/8", "fd00::/8", or one address. False if it is malformed or the address has bits behind the prefix. ::/0 holds
 * IPv4 too. */
JG_MUST_CHECK bool jg_ip_net_parse(struct jg_str text, struct jg_ip_net *ret_net);
bool jg_ip_net_has(const struct jg_ip_net *net, struct jg_ip ip);

#endif
