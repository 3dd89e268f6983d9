#include "server/grpc/core.h"
#include "server/grpc/server_internal.h"

/* Streams stay open, and each has an event to come for as long. Debian builds the core with its assertions: at every event one
 * of them looks through all that the same queue waits for. With 1,000 streams and the slots of all methods in two queues that was
 * a fifth of what a message cost. So unary calls have queues of their own, and streams are spread over more. These do not poll:
 * a thread that waits there takes no event of a socket from a thread that is to serve a call. */
#define STREAM_QUEUES_DEFAULT 16u

static grpc_completion_queue *create_core(bool streams) {
  const grpc_completion_queue_attributes attributes = {
      .version = GRPC_CQ_CURRENT_VERSION,
      .cq_completion_type = GRPC_CQ_NEXT,
      .cq_polling_type = streams ? GRPC_CQ_NON_POLLING : GRPC_CQ_DEFAULT_POLLING};
  return grpc_completion_queue_create(grpc_completion_queue_factory_lookup(&attributes), &attributes, NULL);
}

static void fill_pool(struct jg_grpc_server *server, bool streams, unsigned count) {
  struct jg_grpc_pool *pool = &server->pools[server->pool_count++];
  pool->streams = streams;
  pool->queues = &server->queues[server->queue_count];
  pool->count = count;
  for (unsigned i = 0; i < count; i++) {
    struct jg_grpc_queue *queue = &server->queues[server->queue_count++];
    queue->server = server;
    queue->pool = pool;
    queue->core = create_core(streams);
    grpc_server_register_completion_queue(server->core, queue->core, NULL);
  }
}

void jg_grpc_queues_create(struct jg_grpc_server *server, unsigned threads, unsigned stream_threads) {
  unsigned stream_count = stream_threads != 0 ? stream_threads : STREAM_QUEUES_DEFAULT;
  server->queues = jg_alloc_zero(threads + stream_count, sizeof(*server->queues));
  server->pools = jg_alloc_zero(threads + 1, sizeof(*server->pools));
  for (unsigned i = 0; i < threads; i++) {
    fill_pool(server, false, 1);
  }
  fill_pool(server, true, stream_count);
}

struct jg_grpc_queue *jg_grpc_queue_next(const struct jg_grpc_queue *queue) {
  const struct jg_grpc_pool *pool = queue->pool;
  size_t next = (size_t)(queue - pool->queues) + 1;
  return &pool->queues[next < pool->count ? next : 0];
}

void jg_grpc_queue_release(struct jg_grpc_queue *queue) {
  struct jg_grpc_pool *pool = queue->pool;
  // Release: what was done with a slot or call comes before the end; acquire: who ends the queues sees everybody's.
  size_t before = atomic_fetch_sub_explicit(&pool->outstanding, 1, memory_order_acq_rel);
  JG_ASSERT(before != 0);
  for (unsigned i = 0; before == 1 && i < pool->count; i++) {
    grpc_completion_queue_shutdown(pool->queues[i].core);
  }
}

void jg_grpc_queues_end(struct jg_grpc_server *server) {
  for (unsigned i = 0; i < server->queue_count; i++) {
    struct jg_grpc_queue *queue = &server->queues[i];
    JG_ASSERT(atomic_load_explicit(&queue->pool->outstanding, memory_order_relaxed) == 0);
    grpc_completion_queue_shutdown(queue->core);
    while (grpc_completion_queue_next(queue->core, gpr_inf_future(GPR_CLOCK_REALTIME), NULL).type !=
           GRPC_QUEUE_SHUTDOWN) {
    }
    jg_grpc_calls_free(queue);
    jg_grpc_slots_free(queue);
  }
}

void jg_grpc_queues_free(struct jg_grpc_server *server) {
  for (unsigned i = 0; i < server->queue_count; i++) {
    grpc_completion_queue_destroy(server->queues[i].core);
  }
  jg_free(server->queues);
  jg_free(server->pools);
}
