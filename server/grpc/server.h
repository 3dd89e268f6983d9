/* The gRPC door: a C core server over a table of methods. It decodes requests, calls the handlers inline on its own threads
 * and sends their answers; it knows nothing else of the product. Health (v1) and reflection (v1, v1alpha) come with it.
 *
 * What a handler may count on (services/call.h has the seam, README.md the reasons):
 * G1 A unary call makes two events: its arrival and its end. Nothing tells it of a cancellation in between; it has deadline_ns.
 * G2 handle, on_sent, on_received and on_cancelled of one call run on one thread, never two at once. But on_sent of a message
 * that went by send_all may run on that caller's thread, before it returns.
 * G3 finish, send and receive may be called on any thread, from inside a callback too, but one at a time per call.
 * G4 After finish no callback begins. One that had begun on the transport's thread may still be running: until it returns, the
 *    call and its arena stay. So a handler that finishes from another thread guards what the two share; the arena is among it,
 *    as finish allocates there.
 * G5 finish may follow send at once: messages that were sent leave before the status.
 * G6 The message of on_received is borrowed during the callback. A stream that broke off ends by on_cancelled, never by `end`.
 * G7 A handler sets its callbacks before handle returns: on_cancelled may come right after. */
#ifndef JG_SERVER_GRPC_SERVER_H
#define JG_SERVER_GRPC_SERVER_H

#include "services/call.h"
#include "services/identity/identity.h"
#include "services/method.h"

struct jg_grpc_server;

#define JG_GRPC_THREADS_MAX 64

struct jg_grpc_server_options {
  const struct jg_app *app; /* borrows until destroy; the transport itself uses clock, log and metrics */
  struct jg_str address;    /* "H:P", "[v6]:P"; port 0 picks a free one */
  /* Completion queues with one thread each, for unary calls and for streams: 1..JG_GRPC_THREADS_MAX. The former also read from and
   * write to all sockets; the latter wait, but for what a stream's handler does there. stream_threads 0: 16. */
  unsigned threads, stream_threads;
  /* Asks the callers of everything but health for a credential (metadata `authorization`), which names the tenant: else
   * UNAUTHENTICATED. Borrows until destroy. NULL: nobody is asked. */
  struct jg_identity_service *identity;
  int64_t tenant; /* of callers whom nobody asks */
  /* Borrows until destroy. Paths and names must be unique. */
  const struct jg_method *methods;
  size_t method_count;
  struct jg_str descriptor_set; /* FileDescriptorSet for reflection: borrows until destroy; empty: no reflection */
  /* Hard limit of one message: beyond it the core itself answers RESOURCE_EXHAUSTED. Between a method's own limit and this one
   * the answer is INVALID_ARGUMENT/LIMIT_EXCEEDED. 0: four times JG_LIMIT_BODY_BYTES. */
  size_t receive_bytes_max;
  /* Metadata of a request (key, value and 32 bytes each): INVALID_ARGUMENT/LIMIT_EXCEEDED; the core's own hard limit is 16 times
   * that. 0: JG_LIMIT_HEADER_BYTES. */
  size_t metadata_bytes_max;
  unsigned streams_max; /* concurrent calls of one connection, the client makes the others wait. 0: 1000 */
};

/* Listens and serves. Starts threads of the core: never fork afterwards. INVALID_ARGUMENT: the address; UNAVAILABLE: it cannot
 * be listened on; INTERNAL: the descriptor set is malformed. Messages live in the arena. Thread: main. */
JG_MUST_CHECK struct jg_status jg_grpc_server_start(const struct jg_grpc_server_options *options,
                                                    struct jg_arena *arena, struct jg_grpc_server **ret_server);
/* The port it listens on. */
unsigned jg_grpc_server_port(const struct jg_grpc_server *server);
/* What health answers for "" and for every service of the table: NOT_SERVING until the first set_serving(true). Thread: any. */
void jg_grpc_server_set_serving(struct jg_grpc_server *server, bool serving);
/* Drains: health says NOT_SERVING, connections are told to go away, calls that reach the server before that are answered.
 * Returns when every call has ended, at most 0.2 s later if there is none; connections that have not heard by then are closed.
 * Calls that are still open after grace_ms (>= 0) are cancelled, and their handlers must finish. Once. Thread: main. */
void jg_grpc_server_stop(struct jg_grpc_server *server, int64_t grace_ms);
/* After stop. NULL is allowed. Thread: main. */
void jg_grpc_server_destroy(struct jg_grpc_server *server);

#endif
