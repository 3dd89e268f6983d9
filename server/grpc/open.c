#include "server/grpc/core.h"
#include "server/grpc/server_internal.h"

/* The list exists because set_serving and stop come from another thread than the streams they concern. They only wake the
 * streams, by an empty batch of the core; what to do about it is decided on each call's own thread. */

void jg_grpc_open_add(struct jg_grpc_call *call, void (*on_woken)(struct jg_grpc_call *call)) {
  struct jg_grpc_server *server = call->queue->server;
  call->on_woken = on_woken;
  JG_ASSERT(pthread_mutex_lock(&server->open_mutex) == 0);
  call->previous_open = NULL;
  call->next_open = server->open;
  if (server->open != NULL) {
    server->open->previous_open = call;
  }
  server->open = call;
  JG_ASSERT(pthread_mutex_unlock(&server->open_mutex) == 0);
}

void jg_grpc_open_remove(struct jg_grpc_call *call) {
  struct jg_grpc_server *server = call->queue->server;
  JG_ASSERT(pthread_mutex_lock(&server->open_mutex) == 0);
  if (call->previous_open != NULL) {
    call->previous_open->next_open = call->next_open;
  } else {
    JG_ASSERT(server->open == call);
    server->open = call->next_open;
  }
  if (call->next_open != NULL) {
    call->next_open->previous_open = call->previous_open;
  }
  JG_ASSERT(pthread_mutex_unlock(&server->open_mutex) == 0);
}

void jg_grpc_open_wake(struct jg_grpc_server *server) {
  JG_ASSERT(pthread_mutex_lock(&server->open_mutex) == 0);
  for (struct jg_grpc_call *call = server->open; call != NULL; call = call->next_open) {
    // A call on the list is not finished, so it lives. One that is being woken already will look at the newest state.
    if (!atomic_exchange_explicit(&call->waking, true, memory_order_acq_rel)) {
      (void)atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
      jg_grpc_core_start(call->core, NULL, 0, &call->tags[JG_GRPC_WOKEN]);
    }
  }
  JG_ASSERT(pthread_mutex_unlock(&server->open_mutex) == 0);
}
