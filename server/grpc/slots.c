#include <grpc/slice.h>

#include "server/grpc/core.h"
#include "server/grpc/server_internal.h"

/* Calls that may arrive before the thread has taken the first of them; more wait in the core, which costs little. A slot costs
 * something at every event: Debian builds the core with its assertions, and one of them looks for the event's tag among all that
 * its queue waits for. */
#define SLOTS_UNARY 16
#define SLOTS_STREAM 2
#define SLOTS_BUILT_IN 4
#define SLOTS_UNKNOWN 16

static size_t slots_of(const struct jg_grpc_queue *queue, size_t index) {
  const struct jg_grpc_server *server = queue->server;
  bool streams = server->methods[index].method->type != JG_METHOD_UNARY;
  if (streams != queue->pool->streams) {
    return 0;
  }
  if (streams) {
    return SLOTS_STREAM;
  }
  if (index == server->method_count - 1) {
    return SLOTS_UNKNOWN;
  }
  return index < server->table_count ? SLOTS_UNARY : SLOTS_BUILT_IN;
}

/* Asks the core for the next call. After shutdown has begun the slot comes back at once, not filled. */
static void arm(struct jg_grpc_slot *slot) {
  struct jg_grpc_queue *queue = slot->queue;
  grpc_server *server = queue->server->core;
  grpc_metadata_array_init(&slot->metadata);
  slot->core = NULL;
  slot->payload = NULL;
  JG_GRPC_RELEASE(&slot->tag);
  grpc_call_error error = GRPC_CALL_OK;
  if (slot->method->registered == NULL) {
    grpc_call_details_init(&slot->details);
    error = grpc_server_request_call(server, &slot->core, &slot->details, &slot->metadata, queue->core, queue->core,
                                     &slot->tag);
  } else {
    bool reads_first = slot->method->method->type != JG_METHOD_CLIENT_STREAM;
    error = grpc_server_request_registered_call(server, slot->method->registered, &slot->core, &slot->deadline,
                                                &slot->metadata, reads_first ? &slot->payload : NULL, queue->core,
                                                queue->core, &slot->tag);
  }
  JG_ASSERT(error == GRPC_CALL_OK);
}

void jg_grpc_slots_arm(struct jg_grpc_queue *queue) {
  struct jg_grpc_server *server = queue->server;
  for (size_t m = 0; m < server->method_count; m++) {
    queue->slot_count += slots_of(queue, m);
  }
  queue->slots = jg_alloc_zero(queue->slot_count, sizeof(*queue->slots));
  struct jg_grpc_slot *slot = queue->slots;
  for (size_t m = 0; m < server->method_count; m++) {
    for (size_t i = 0; i < slots_of(queue, m); i++, slot++) {
      slot->tag = (struct jg_grpc_tag){.magic = JG_GRPC_TAG_MAGIC, .event = JG_GRPC_ARRIVED, .owner = slot};
      slot->queue = queue;
      slot->method = &server->methods[m];
      jg_grpc_queue_hold(queue);
      arm(slot);
    }
  }
  JG_ASSERT(slot == queue->slots + queue->slot_count);
}

void jg_grpc_slots_free(struct jg_grpc_queue *queue) {
  jg_free(queue->slots);
  queue->slots = NULL;
}

void jg_grpc_slot_filled(struct jg_grpc_slot *slot, bool ok) {
  if (!ok) {
    JG_ASSERT(slot->core == NULL);
    grpc_metadata_array_destroy(&slot->metadata);
    if (slot->method->registered == NULL) {
      grpc_call_details_destroy(&slot->details);
    }
    jg_grpc_queue_release(slot->queue);
    return;
  }
  bool unknown = slot->method->registered == NULL;
  if (unknown) {
    slot->deadline = slot->details.deadline;
  }
  // First of all somebody must wait for the next call.
  struct jg_grpc_call *call = jg_grpc_call_take(slot);
  if (unknown) {
    jg_grpc_call_name(call, &slot->details.method);
    grpc_call_details_destroy(&slot->details);
  }
  slot->queue = jg_grpc_queue_next(slot->queue);
  arm(slot);
  if (!jg_grpc_hold(call)) {
    jg_grpc_call_begin(call);
  }
}
