/* What the transport reads of a request beside its message: metadata, deadline, peer. Thread: any. */
#ifndef JG_SERVER_GRPC_METADATA_H
#define JG_SERVER_GRPC_METADATA_H

#include <grpc/grpc.h>

#include "base/str.h"

struct jg_grpc_metadata {
  size_t bytes;              /* keys, values, and 32 for each pair, as HTTP/2 counts (RFC 9113 section 6.5.2) */
  struct jg_str traceparent; /* valid by W3C Trace Context, or empty; borrowed from the array */
  /* As it came, borrowed from the array; data NULL if there is none, empty if there are several. */
  struct jg_str authorization;
};

/* Metadata slices are not NUL-terminated. */
struct jg_grpc_metadata jg_grpc_metadata_read(const grpc_metadata_array *array);
/* Version 00, lower-case hex, neither id all zeros (W3C Trace Context section 3.2). */
bool jg_grpc_traceparent_valid(struct jg_str text);
/* The call's absolute deadline on a clock that shows now_ns; 0: none. One that has passed is now_ns. */
int64_t jg_grpc_deadline_ns(gpr_timespec deadline, int64_t now_ns);
/* Of the core's form: "ipv4:127.0.0.1:4711", "ipv6:%5B::1%5D:4711", "unix:/path". */
bool jg_grpc_peer_is_loopback(struct jg_str peer);
/* An address to listen on, "H:P", is a literal that only loopback peers can reach. A name is not: who knows what it means. */
bool jg_grpc_address_is_loopback(struct jg_str address);

#endif
