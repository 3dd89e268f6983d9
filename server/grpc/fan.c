#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/grpc/core.h"
#include "server/grpc/payload.h"
#include "server/grpc/server_internal.h"

/* One message for each of a thousand streams. The core makes a write of each, whose event wakes the queue's thread, and which
 * wakes the client: 15 us of processor for 300 bytes. A quarter of that is left when
 * - the thread that sends takes the event itself, if the message left at once;
 * - messages to one connection follow each other, and its socket is corked meanwhile, so that they leave together. */

/* Fewer messages to a connection leave as they come: to cork costs as much. */
#define CORK_MIN 4u
/* Sockets are looked for so often, at most. */
#define LOOK_NS INT64_C(1000000000)

struct jg_grpc_fan {
  pthread_mutex_t mutex; /* guards what follows, for as long as somebody sends: nobody waits for it */
  struct jg_grpc_sockets *sockets;
  int64_t looked_ns;
};

struct jg_grpc_fan *jg_grpc_fan_create(void) {
  struct jg_grpc_fan *fan = jg_alloc_zero(1, sizeof(*fan));
  JG_ASSERT(pthread_mutex_init(&fan->mutex, NULL) == 0);
  fan->sockets = jg_grpc_sockets_create();
  fan->looked_ns = -LOOK_NS;
  return fan;
}

void jg_grpc_fan_destroy(struct jg_grpc_fan *fan) {
  if (fan != NULL) {
    jg_grpc_sockets_destroy(fan->sockets);
    JG_ASSERT(pthread_mutex_destroy(&fan->mutex) == 0);
    jg_free(fan);
  }
}

/* Nothing is done with an event of another call here: it goes back to its queue, which is this call's too. */
static void hand_back(struct jg_grpc_call *call, struct jg_grpc_tag *tag, bool ok) {
  JG_ASSERT(tag->magic == JG_GRPC_TAG_MAGIC);
  tag->failed = !ok;
  jg_grpc_core_start(call->core, NULL, 0, tag);
}

/* Takes the buffer. The call stays until its handler has been told of the message and goes on, which it does after send_all. */
static void push(struct jg_grpc_call *call, grpc_byte_buffer *message, int64_t now_ns) {
  jg_grpc_call_put(call, message);
  // Relaxed: see the member.
  if (now_ns >= atomic_load_explicit(&call->known_until_ns, memory_order_relaxed)) {
    jg_grpc_call_push(call);  // its event comes on its own thread, which asks for the caller again
    return;
  }
  jg_grpc_core_keep_own(call->queue->core);
  jg_grpc_call_push(call);
  void *tag;
  bool ok;
  if (!jg_grpc_core_take_own(call->queue->core, &tag, &ok)) {
    return;  // it could not leave at once, or another thread is in the connection
  }
  if (tag == &call->tags[JG_GRPC_SENT]) {
    jg_grpc_call_sent_here(call, ok);
  } else {
    hand_back(call, tag, ok);
  }
}

static void set_cork(int socket, int on) {
  // A socket that was closed meanwhile has none. If it is another connection's by now, that loses its cork as this one would.
  (void)setsockopt(socket, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

/* socket: that of the connection all these go to, or -1. */
static void push_all(const struct jg_send *sends, size_t count, int socket, int64_t now_ns) {
  const struct jg_bytes *message = NULL;
  grpc_slice slice = grpc_empty_slice();
  if (socket >= 0) {
    set_cork(socket, 1);
  }
  for (size_t i = 0; i < count; i++) {
    // Many messages are one and the same: these share a slice, too.
    if (sends[i].message == message) {
      jg_bytes_unref(sends[i].message);
    } else {
      grpc_slice_unref(slice);
      message = sends[i].message;
      slice = jg_grpc_payload_slice_of(sends[i].message);
    }
    push(jg_grpc_call_of(sends[i].call), jg_grpc_payload_from_slice(grpc_slice_ref(slice)), now_ns);
  }
  grpc_slice_unref(slice);
  if (socket >= 0) {
    set_cork(socket, 0);
  }
}

static const struct jg_grpc_peer *peer_of(const struct jg_send *send) {
  return &jg_grpc_call_of(send->call)->peer;
}

static int by_peer(const void *a, const void *b) {
  return jg_grpc_peer_compare(peer_of(a), peer_of(b));
}

static void find_peer(struct jg_grpc_call *call) {
  if (!call->has_peer) {
    char *text = grpc_call_get_peer(call->core);
    // Those that cannot be told apart have no socket either.
    (void)jg_grpc_peer_parse(jg_str_from_cstr(text), &call->peer);
    gpr_free(text);
    call->has_peer = true;
  }
}

static int find_socket(struct jg_grpc_fan *fan, const struct jg_send *send, int64_t now_ns) {
  int socket = jg_grpc_sockets_find(fan->sockets, peer_of(send));
  if (socket < 0 && now_ns - fan->looked_ns >= LOOK_NS) {
    fan->looked_ns = now_ns;
    jg_grpc_sockets_look(fan->sockets, (uint16_t)jg_grpc_call_of(send->call)->queue->server->port);
    socket = jg_grpc_sockets_find(fan->sockets, peer_of(send));
  }
  return socket;
}

static void push_by_connection(struct jg_grpc_fan *fan, const struct jg_send *sends, size_t count, int64_t now_ns) {
  for (size_t first = 0, end; first < count; first = end) {
    const struct jg_send *send = &sends[first];
    for (end = first + 1; end < count && by_peer(send, &sends[end]) == 0; end++) {
    }
    bool worth_it = end - first >= CORK_MIN && peer_of(send)->port != 0;
    push_all(send, end - first, worth_it ? find_socket(fan, send, now_ns) : -1, now_ns);
  }
}

void jg_grpc_send_all(struct jg_send *sends, size_t count) {
  const struct jg_grpc_call *first = jg_grpc_call_of(sends[0].call);
  struct jg_grpc_fan *fan = first->queue->server->fan;
  int64_t now_ns = jg_clock_mono_ns(first->call.app->clock);
  if (count < CORK_MIN || pthread_mutex_trylock(&fan->mutex) != 0) {
    push_all(sends, count, -1, now_ns);
    return;
  }
  // Who sends to the same streams again mostly has them in the order of the last time.
  bool ordered = true;
  for (size_t i = 0; i < count; i++) {
    find_peer(jg_grpc_call_of(sends[i].call));
    ordered = ordered && (i == 0 || by_peer(&sends[i - 1], &sends[i]) <= 0);
  }
  if (!ordered) {
    qsort(sends, count, sizeof(*sends), by_peer);
  }
  push_by_connection(fan, sends, count, now_ns);
  JG_ASSERT(pthread_mutex_unlock(&fan->mutex) == 0);
}
