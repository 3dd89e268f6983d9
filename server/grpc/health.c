#include "grpc/health/v1/health.pb-c.h"
#include "server/grpc/server_internal.h"

/* grpc.health.v1.Health. Every service of the table is as healthy as the server: "" and their names are known. */

#define REQUEST_BYTES_MAX 4096u

#define SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
#define NOT_SERVING GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
#define SERVICE_UNKNOWN GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN

/* An open Watch. Thread: the call's queue's. */
struct watch {
  bool known;
  bool sending;
  bool told; /* `last` was sent */
  Grpc__Health__V1__HealthCheckResponse__ServingStatus last;
};

static void check(struct jg_call *call);
static void watch(struct jg_call *base);

const struct jg_method jg_grpc_health_methods[JG_GRPC_HEALTH_METHODS] = {
    {.name = JG_STR("Check"),
     .path = "/grpc.health.v1.Health/Check",
     .type = JG_METHOD_UNARY,
     .request = &grpc__health__v1__health_check_request__descriptor,
     .response = &grpc__health__v1__health_check_response__descriptor,
     .idempotent = true,
     .request_bytes_max = REQUEST_BYTES_MAX,
     .handle = check},
    {.name = JG_STR("Watch"),
     .path = "/grpc.health.v1.Health/Watch",
     .type = JG_METHOD_SERVER_STREAM,
     .request = &grpc__health__v1__health_check_request__descriptor,
     .response = &grpc__health__v1__health_check_response__descriptor,
     .idempotent = true,
     .request_bytes_max = REQUEST_BYTES_MAX,
     .handle = watch},
};

static bool is_known(const struct jg_grpc_server *server, const ProtobufCMessage *request) {
  struct jg_str service = jg_str_from_cstr(((const Grpc__Health__V1__HealthCheckRequest *)request)->service);
  bool known = service.len == 0;
  for (size_t i = 0; !known && i < server->table_count; i++) {
    known = jg_str_equal(service, jg_grpc_service_of(server->methods[i].method->path));
  }
  return known;
}

static Grpc__Health__V1__HealthCheckResponse__ServingStatus current(struct jg_grpc_server *server) {
  return atomic_load_explicit(&server->serving, memory_order_acquire) ? SERVING : NOT_SERVING;
}

static void check(struct jg_call *call) {
  struct jg_grpc_server *server = jg_grpc_call_of(call)->queue->server;
  if (!is_known(server, call->request)) {
    jg_call_fail(call, jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "the server has no such service"));
    return;
  }
  Grpc__Health__V1__HealthCheckResponse message = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
  message.status = current(server);
  struct jg_answer answer = {.kind = JG_ANSWER_MESSAGE, .message = &message.base};
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

static void watch_send(struct jg_call *call, struct watch *state,
                       Grpc__Health__V1__HealthCheckResponse__ServingStatus status) {
  Grpc__Health__V1__HealthCheckResponse message = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
  message.status = status;
  struct jg_bytes *bytes = jg_bytes_create_room(protobuf_c_message_get_packed_size(&message.base));
  (void)protobuf_c_message_pack(&message.base, (uint8_t *)bytes->data);  // As many bytes as were just counted.
  state->last = status;
  state->told = true;
  state->sending = true;
  call->sink->send(call, bytes);
}

static void watch_end(struct jg_grpc_call *call, struct jg_status status) {
  jg_grpc_open_remove(call);
  jg_call_fail(&call->call, status);
}

/* Sends what is new, one message at a time; a stopping server says its last word and ends the stream. */
static void watch_update(struct jg_grpc_call *call) {
  struct jg_grpc_server *server = call->queue->server;
  struct watch *state = call->call.stream;
  if (state->sending) {
    return;
  }
  // Before the status: stop sets NOT_SERVING first, so who sees the stop sends that.
  bool stopping = atomic_load_explicit(&server->stopping, memory_order_acquire);
  Grpc__Health__V1__HealthCheckResponse__ServingStatus status = state->known ? current(server) : SERVICE_UNKNOWN;
  if (!state->told || status != state->last) {
    watch_send(&call->call, state, status);
  } else if (stopping) {
    watch_end(call, jg_status_make(JG_UNAVAILABLE, JG_REASON_DRAINING, "the server is stopping"));
  }
}

static void watch_sent(struct jg_call *base, bool ok) {
  struct jg_grpc_call *call = jg_grpc_call_of(base);
  ((struct watch *)base->stream)->sending = false;
  // A failed send is followed by on_cancelled.
  if (ok) {
    watch_update(call);
  }
}

static void watch_cancelled(struct jg_call *base) {
  watch_end(jg_grpc_call_of(base), jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the caller cancelled the call"));
}

static void watch(struct jg_call *base) {
  struct jg_grpc_call *call = jg_grpc_call_of(base);
  struct watch *state = jg_arena_alloc_zero(&base->arena, sizeof(*state));
  if (state == NULL) {
    jg_call_fail(base, jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "out of the call's memory"));
    return;
  }
  state->known = is_known(call->queue->server, base->request);
  base->stream = state;
  base->on_sent = watch_sent;
  base->on_cancelled = watch_cancelled;
  jg_grpc_open_add(call, watch_update);
  watch_update(call);
}
