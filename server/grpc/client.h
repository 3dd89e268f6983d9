/* A small synchronous gRPC client over the C core, for the command line and for tests: bytes in, bytes out, and statuses with
 * the details that the server sends (violations, reason, retry delay, revisions). Calls that have to wait block their thread.
 * Thread: any for a client; a stream has one thread at a time, but for cancel. */
#ifndef JG_SERVER_GRPC_CLIENT_H
#define JG_SERVER_GRPC_CLIENT_H

#include "base/status.h"

struct jg_grpc_client;
struct jg_grpc_stream;

/* address: "H:P", plaintext; copied. Connects when the first call is made, and again when the connection was lost (pauses of
 * 0.1 to 1 s between attempts). Starts threads of the core: never fork afterwards. */
struct jg_grpc_client *jg_grpc_client_create(struct jg_str address);
/* No stream may be left. NULL is allowed. */
void jg_grpc_client_destroy(struct jg_grpc_client *client);

/* The value of `authorization` in every call from now on, over the headers of the requests: printable ASCII; copied. Not while
 * calls are made. */
void jg_grpc_client_authorize(struct jg_grpc_client *client, struct jg_str authorization);

/* A pair of request metadata. key: lower case; a key that ends in "-bin" takes any bytes, another one printable ASCII. */
struct jg_grpc_header {
  struct jg_str key;
  struct jg_str value;
};

struct jg_grpc_request {
  const char *path;   /* "/jobgate.v1.JobService/GetJob" */
  int64_t timeout_ms; /* of the whole call; 0: none */
  const struct jg_grpc_header *headers;
  size_t header_count;
};

/* One message each way. The response and an error's texts live in the arena. Statuses: the server's; UNAVAILABLE "cannot reach
 * H:P"; DEADLINE_EXCEEDED; INVALID_ARGUMENT: a header; RESOURCE_EXHAUSTED: the arena is full. */
JG_MUST_CHECK struct jg_status jg_grpc_client_unary(struct jg_grpc_client *client,
                                                    const struct jg_grpc_request *request, struct jg_str message,
                                                    struct jg_arena *arena, struct jg_str *ret_response);

/* Opens a call of any type whose messages go one by one. Does not wait. INVALID_ARGUMENT: a header. */
JG_MUST_CHECK struct jg_status jg_grpc_stream_open(struct jg_grpc_client *client, const struct jg_grpc_request *request,
                                                   struct jg_grpc_stream **ret_stream);
/* Sends a message (copied); waits until flow control lets it go. False: the call has ended, `next` tells how. */
JG_MUST_CHECK bool jg_grpc_stream_send(struct jg_grpc_stream *stream, struct jg_str message);
/* No more messages will be sent. Once. */
void jg_grpc_stream_close_send(struct jg_grpc_stream *stream);

enum jg_grpc_next {
  JG_GRPC_NEXT_MESSAGE,
  JG_GRPC_NEXT_TIMEOUT, /* nothing came in time; ask again */
  JG_GRPC_NEXT_END      /* the call ended OK */
};
/* Waits for the next message: up to timeout_ms (< 0: as long as the call takes). The message is borrowed until the next `next`
 * or destroy. An error is the call's end, its texts live in the arena; statuses as of unary. */
JG_MUST_CHECK struct jg_status jg_grpc_stream_next(struct jg_grpc_stream *stream, int64_t timeout_ms,
                                                   struct jg_arena *arena, enum jg_grpc_next *ret_next,
                                                   struct jg_str *ret_message);
/* The call ends CANCELLED unless it has ended. Thread: any, before destroy. */
void jg_grpc_stream_cancel(struct jg_grpc_stream *stream);
/* Cancels the call if it has not ended. NULL is allowed. */
void jg_grpc_stream_destroy(struct jg_grpc_stream *stream);

#endif
