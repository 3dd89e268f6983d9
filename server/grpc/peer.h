/* The other end of a connection, and the socket that leads there. The core tells the first as text and keeps the second. */
#ifndef JG_SERVER_GRPC_PEER_H
#define JG_SERVER_GRPC_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"

/* Port 0: none that can be told. */
struct jg_grpc_peer {
  struct jg_ip ip;
  uint16_t port;
};

/* Of the core's form, "ipv4:127.0.0.1:4711" or "ipv6:%5B::1%5D:4711". False, and port 0: another form. Thread: any. */
bool jg_grpc_peer_parse(struct jg_str text, struct jg_grpc_peer *ret_peer);
/* < 0, 0, > 0: an order. */
int jg_grpc_peer_compare(const struct jg_grpc_peer *a, const struct jg_grpc_peer *b);

/* The sockets of a port of ours, as they were when it was looked. One thread at a time. */
struct jg_grpc_sockets;
struct jg_grpc_sockets *jg_grpc_sockets_create(void);
/* NULL is allowed. */
void jg_grpc_sockets_destroy(struct jg_grpc_sockets *sockets);
/* Looks through the descriptors of the process: some 0.3 us each. */
void jg_grpc_sockets_look(struct jg_grpc_sockets *sockets, uint16_t port);
/* The socket that leads there still; -1: none is known. */
int jg_grpc_sockets_find(const struct jg_grpc_sockets *sockets, const struct jg_grpc_peer *peer);

#endif
