#include "grpc/reflection/v1/reflection.pb-c.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "server/grpc/server_internal.h"

/* grpc.reflection.v1 and v1alpha: the same messages under two names, so v1's code reads and field numbers write both. */

#define REQUEST_BYTES_MAX 4096u
#define SCRATCH_BYTES_MAX (1u << 20)
/* Clients' default limit. */
#define RESPONSE_BYTES_MAX (4u << 20)

enum {
  RESPONSE_HOST = 1,
  RESPONSE_REQUEST = 2,
  RESPONSE_FILES = 4,
  RESPONSE_SERVICES = 6,
  RESPONSE_ERROR = 7,
  FILES_FILE = 1,
  SERVICES_SERVICE = 1,
  SERVICE_NAME = 1,
  ERROR_CODE = 1,
  ERROR_MESSAGE = 2
};

/* An open stream. Thread: the call's queue's. */
struct reflection {
  struct jg_arena scratch; /* of one request: a stream may go on for ever */
};

static void reflect(struct jg_call *call);

const struct jg_method jg_grpc_reflection_methods[JG_GRPC_REFLECTION_METHODS] = {
    {.name = JG_STR("ServerReflectionInfo"),
     .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
     .type = JG_METHOD_CLIENT_STREAM,
     .request = &grpc__reflection__v1__server_reflection_request__descriptor,
     .response = &grpc__reflection__v1__server_reflection_response__descriptor,
     .idempotent = true,
     .request_bytes_max = REQUEST_BYTES_MAX,
     .handle = reflect},
    {.name = JG_STR("ServerReflectionInfo"),
     .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
     .type = JG_METHOD_CLIENT_STREAM,
     .request = &grpc__reflection__v1__server_reflection_request__descriptor,
     .response = &grpc__reflection__v1__server_reflection_response__descriptor,
     .idempotent = true,
     .request_bytes_max = REQUEST_BYTES_MAX,
     .handle = reflect},
};

static void put_file(struct jg_str descriptor, void *data) {
  jg_wire_put_bytes(data, FILES_FILE, descriptor);
}

static void put_error(enum jg_code code, struct jg_str message, struct jg_buf *out) {
  struct jg_buf body;
  jg_buf_init(&body, REQUEST_BYTES_MAX);
  jg_wire_put_uint(&body, ERROR_CODE, code);
  jg_wire_put_bytes(&body, ERROR_MESSAGE, message);
  jg_wire_put_bytes(out, RESPONSE_ERROR, jg_buf_str(&body));
  jg_buf_done(&body);
}

static void put_files(const struct jg_grpc_descriptors *index, size_t file, struct jg_buf *out) {
  if (file == SIZE_MAX) {
    put_error(JG_NOT_FOUND, JG_STR("the server has no such file or symbol"), out);
    return;
  }
  struct jg_buf body;
  jg_buf_init(&body, RESPONSE_BYTES_MAX);
  jg_grpc_descriptors_closure(index, file, put_file, &body);
  jg_wire_put_bytes(out, RESPONSE_FILES, jg_buf_str(&body));
  out->failed = out->failed || body.failed;
  jg_buf_done(&body);
}

/* Each service once: the rows of one service stand together. */
static void put_services(const struct jg_grpc_server *server, struct jg_buf *out) {
  struct jg_buf body;
  jg_buf_init(&body, RESPONSE_BYTES_MAX);
  struct jg_str before = JG_STR_NONE;
  for (size_t i = 0; i + 1 < server->method_count; i++) {
    struct jg_str name = jg_grpc_service_of(server->methods[i].method->path);
    if (!jg_str_equal(name, before)) {
      struct jg_buf service;
      jg_buf_init(&service, REQUEST_BYTES_MAX);
      jg_wire_put_bytes(&service, SERVICE_NAME, name);
      jg_wire_put_bytes(&body, SERVICES_SERVICE, jg_buf_str(&service));
      jg_buf_done(&service);
    }
    before = name;
  }
  jg_wire_put_bytes(out, RESPONSE_SERVICES, jg_buf_str(&body));
  jg_buf_done(&body);
}

static void put_answer(const struct jg_grpc_server *server,
                       const Grpc__Reflection__V1__ServerReflectionRequest *request, struct jg_buf *out) {
  const struct jg_grpc_descriptors *index = server->descriptors;
  switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
      put_files(index, jg_grpc_descriptors_file(index, jg_str_from_cstr(request->file_by_filename)), out);
      break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
      put_files(index, jg_grpc_descriptors_symbol(index, jg_str_from_cstr(request->file_containing_symbol)), out);
      break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
      put_services(server, out);
      break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
      put_error(JG_NOT_FOUND, JG_STR("the server tells nothing of extensions"), out);
      break;
    default:
      put_error(JG_INVALID_ARGUMENT, JG_STR("the request asks for nothing"), out);
      break;
  }
}

static void reflection_end(struct jg_call *call, struct jg_status status) {
  jg_grpc_open_remove(jg_grpc_call_of(call));
  jg_call_finish(call, status, NULL);
}

static void reflection_received(struct jg_call *call, struct jg_str message, bool end) {
  struct reflection *state = call->stream;
  if (end) {
    reflection_end(call, JG_STATUS_OK);
    return;
  }
  jg_arena_reset(&state->scratch);
  ProtobufCMessage *unpacked = NULL;
  struct jg_status status = jg_message_unpack(&grpc__reflection__v1__server_reflection_request__descriptor, message,
                                              &state->scratch, &unpacked);
  if (!jg_status_ok(status)) {
    reflection_end(call, jg_status_copy(&call->arena, status));
    return;
  }
  const Grpc__Reflection__V1__ServerReflectionRequest *request =
      (const Grpc__Reflection__V1__ServerReflectionRequest *)unpacked;
  struct jg_buf out;
  jg_buf_init(&out, RESPONSE_BYTES_MAX);
  jg_wire_put_bytes(&out, RESPONSE_HOST, jg_str_from_cstr(request->host));
  jg_wire_put_bytes(&out, RESPONSE_REQUEST, message);
  put_answer(jg_grpc_call_of(call)->queue->server, request, &out);
  bool failed = out.failed;
  struct jg_bytes *bytes = failed ? NULL : jg_bytes_create(jg_buf_str(&out));
  jg_buf_done(&out);
  if (failed) {
    reflection_end(call, jg_status_make(JG_INTERNAL, JG_REASON_NONE, "the descriptors are larger than a message"));
    return;
  }
  call->sink->send(call, bytes);
}

static void reflection_sent(struct jg_call *call, bool ok) {
  // A failed send is followed by on_cancelled.
  if (ok) {
    call->sink->receive(call);
  }
}

static void reflection_cancelled(struct jg_call *call) {
  reflection_end(call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the caller cancelled the call"));
}

static void reflection_woken(struct jg_grpc_call *call) {
  if (atomic_load_explicit(&call->queue->server->stopping, memory_order_acquire)) {
    reflection_end(&call->call, jg_status_make(JG_UNAVAILABLE, JG_REASON_DRAINING, "the server is stopping"));
  }
}

static void scratch_done(void *data) {
  jg_arena_done(data);
}

static void reflect(struct jg_call *call) {
  struct jg_grpc_call *own = jg_grpc_call_of(call);
  struct reflection *state = jg_arena_alloc_zero(&call->arena, sizeof(*state));
  if (state == NULL) {
    jg_call_fail(call, jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "out of the call's memory"));
    return;
  }
  jg_arena_init(&state->scratch, SCRATCH_BYTES_MAX);
  bool deferred = jg_arena_defer(&call->arena, scratch_done, &state->scratch);
  JG_ASSERT(deferred);  // The arena of a new call has room for a hook.
  call->stream = state;
  call->on_received = reflection_received;
  call->on_sent = reflection_sent;
  call->on_cancelled = reflection_cancelled;
  jg_grpc_open_add(own, reflection_woken);
  if (atomic_load_explicit(&own->queue->server->stopping, memory_order_acquire)) {
    reflection_woken(own);
    return;
  }
  call->sink->receive(call);
}
