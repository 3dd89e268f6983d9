#include "server/grpc/core.h"
#include "server/grpc/server_internal.h"

/* Once the core is told to shut down it ends calls that it has not handed over yet as CANCELLED, which no client tries again,
 * and a client learns only some time later that it must go elsewhere. A client that waits for an answer makes no further call.
 * So arrivals are kept for a moment before the core is told: their clients then hear of the end before they are answered. */

void jg_grpc_hold_begin(struct jg_grpc_server *server) {
  // Relaxed, as every use of it: a call that sees it late begins as before, and the list is guarded by its mutex.
  atomic_store_explicit(&server->holding, true, memory_order_relaxed);
}

bool jg_grpc_hold(struct jg_grpc_call *call) {
  struct jg_grpc_server *server = call->queue->server;
  if (!atomic_load_explicit(&server->holding, memory_order_relaxed)) {
    return false;
  }
  JG_ASSERT(pthread_mutex_lock(&server->stop_mutex) == 0);
  // Asked again, as the list may have been given up meanwhile.
  bool holding = atomic_load_explicit(&server->holding, memory_order_relaxed);
  if (holding) {
    call->next_held = server->held;
    server->held = call;
  }
  JG_ASSERT(pthread_mutex_unlock(&server->stop_mutex) == 0);
  return holding;
}

void jg_grpc_hold_end(struct jg_grpc_server *server) {
  JG_ASSERT(pthread_mutex_lock(&server->stop_mutex) == 0);
  atomic_store_explicit(&server->holding, false, memory_order_relaxed);
  struct jg_grpc_call *call = server->held;
  server->held = NULL;
  JG_ASSERT(pthread_mutex_unlock(&server->stop_mutex) == 0);
  while (call != NULL) {
    // Once it is released the call may be gone.
    struct jg_grpc_call *next = call->next_held;
    jg_grpc_core_start(call->core, NULL, 0, &call->tags[JG_GRPC_RELEASED]);
    call = next;
  }
}
