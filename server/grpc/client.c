#include "server/grpc/client.h"

#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>

#include "server/grpc/core.h"
#include "server/grpc/details.h"
#include "server/grpc/payload.h"

/* Answers are cut at 3 MiB; reflection and a single job may exceed the default of 4 MiB. */
#define RECEIVE_BYTES_MAX (64 << 20)
#define METADATA_BYTES_MAX (64 << 10)
#define RECONNECT_MS_FIRST 100
#define RECONNECT_MS_MAX 1000
#define CONNECT_MS_MAX 5000
#define HEADERS_MAX 8
#define STREAM_MAGIC 0x4a475354u /* "JGST" */

struct jg_grpc_client {
  grpc_channel *channel;
  char *address;
  struct jg_str authorization; /* owned; data NULL: none */
};

/* How a call ended; filled by the core. */
struct outcome {
  grpc_status_code code;
  grpc_slice message;
  grpc_metadata_array headers, trailers;
};

struct jg_grpc_stream {
  uint32_t magic;
  struct jg_grpc_client *client;
  grpc_completion_queue *queue;
  grpc_call *call;
  struct outcome outcome;
  bool receiving;             /* a receive is under way */
  bool ended;                 /* the outcome is there */
  bool closed;                /* close_send was called */
  grpc_byte_buffer *received; /* filled by the core */
  grpc_slice message;         /* the last one given out */
  /* Only their addresses count: what an event is about. */
  char tag_status, tag_sent, tag_closed, tag_received;
};

static grpc_arg integer(const char *key, int value) {
  return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value};
}

struct jg_grpc_client *jg_grpc_client_create(struct jg_str address) {
  jg_grpc_core_init();
  struct jg_grpc_client *client = jg_alloc_zero(1, sizeof(*client));
  client->address = jg_alloc(address.len + 1);
  memcpy(client->address, address.data, address.len);
  client->address[address.len] = '\0';
  grpc_arg list[] = {
      integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RECEIVE_BYTES_MAX),
      integer(GRPC_ARG_MAX_METADATA_SIZE, METADATA_BYTES_MAX),
      integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, RECONNECT_MS_FIRST),
      integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, RECONNECT_MS_MAX),
      integer(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_MS_MAX),
      // Neither a proxy of the environment nor name service records stand between us and the address.
      integer(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
      integer(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
      // Each client has a connection of its own.
      integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
  };
  grpc_channel_args args = {.num_args = JG_COUNT(list), .args = list};
  grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
  client->channel = grpc_channel_create(client->address, credentials, &args);
  grpc_channel_credentials_release(credentials);
  return client;
}

static void forget_authorization(struct jg_grpc_client *client) {
  char *text = (char *)(uintptr_t)client->authorization.data;
  if (text != NULL) {
    explicit_bzero(text, client->authorization.len);
    jg_free(text);
  }
  client->authorization = JG_STR_NONE;
}

void jg_grpc_client_authorize(struct jg_grpc_client *client, struct jg_str authorization) {
  forget_authorization(client);
  char *copy = jg_alloc(authorization.len + 1);
  memcpy(copy, authorization.data, authorization.len);
  client->authorization = jg_str_make(copy, authorization.len);
}

void jg_grpc_client_destroy(struct jg_grpc_client *client) {
  if (client == NULL) {
    return;
  }
  grpc_channel_destroy(client->channel);
  forget_authorization(client);
  jg_free(client->address);
  jg_free(client);
  jg_grpc_core_done();
}

static void outcome_init(struct outcome *outcome) {
  *outcome = (struct outcome){.code = GRPC_STATUS_UNKNOWN, .message = grpc_empty_slice()};
  grpc_metadata_array_init(&outcome->headers);
  grpc_metadata_array_init(&outcome->trailers);
}

static void outcome_done(struct outcome *outcome) {
  grpc_slice_unref(outcome->message);
  grpc_metadata_array_destroy(&outcome->headers);
  grpc_metadata_array_destroy(&outcome->trailers);
}

/* The operations that every call needs: its headers out, its headers and status in. */
#define OUTCOME_OPS 3
static void outcome_ops(struct outcome *outcome, grpc_metadata *headers, size_t header_count,
                        grpc_op ops[OUTCOME_OPS]) {
  ops[0] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
  ops[0].data.send_initial_metadata.metadata = headers;
  ops[0].data.send_initial_metadata.count = header_count;
  ops[1] = (grpc_op){.op = GRPC_OP_RECV_INITIAL_METADATA};
  ops[1].data.recv_initial_metadata.recv_initial_metadata = &outcome->headers;
  ops[2] = (grpc_op){.op = GRPC_OP_RECV_STATUS_ON_CLIENT};
  ops[2].data.recv_status_on_client.trailing_metadata = &outcome->trailers;
  ops[2].data.recv_status_on_client.status = &outcome->code;
  ops[2].data.recv_status_on_client.status_details = &outcome->message;
}

static struct jg_str find_details(const grpc_metadata_array *trailers) {
  for (size_t i = 0; i < trailers->count; i++) {
    if (jg_str_equal(jg_grpc_slice_str(&trailers->metadata[i].key), JG_STR(JG_GRPC_DETAILS_KEY))) {
      return jg_grpc_slice_str(&trailers->metadata[i].value);
    }
  }
  return JG_STR_NONE;
}

static struct jg_status outcome_status(struct jg_grpc_client *client, const struct outcome *outcome,
                                       struct jg_arena *arena) {
  if (outcome->code == GRPC_STATUS_OK) {
    return JG_STATUS_OK;
  }
  bool known = outcome->code > GRPC_STATUS_OK && outcome->code <= GRPC_STATUS_UNAUTHENTICATED;
  enum jg_code code = known ? (enum jg_code)outcome->code : JG_UNKNOWN;
  struct jg_str details = find_details(&outcome->trailers);
  // The core words it at length; what counts is that no connection stands.
  if (code == JG_UNAVAILABLE && details.len == 0 &&
      grpc_channel_check_connectivity_state(client->channel, 0) != GRPC_CHANNEL_READY) {
    return jg_status_printf(arena, code, JG_REASON_NONE, "cannot reach %s", client->address);
  }
  return jg_grpc_details_unpack(code, jg_grpc_slice_str(&outcome->message), details, arena);
}

/* The core refuses what these checks refuse, and the call would then be unusable. */
static bool header_valid(const struct jg_grpc_header *header) {
  grpc_slice key = grpc_slice_from_static_buffer(header->key.data, header->key.len);
  grpc_slice value = grpc_slice_from_static_buffer(header->value.data, header->value.len);
  return grpc_header_key_is_legal(key) != 0 &&
         (grpc_is_binary_header(key) != 0 || grpc_header_nonbin_value_is_legal(value) != 0);
}

/* Copies; drop_headers after the start of the call, as the core takes references of what it keeps. */
static struct jg_status make_headers(const struct jg_grpc_client *client, const struct jg_grpc_request *request,
                                     grpc_metadata ret_headers[HEADERS_MAX + 1], size_t *ret_count) {
  if (request->header_count > HEADERS_MAX) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "too many headers");
  }
  for (size_t i = 0; i < request->header_count; i++) {
    if (!header_valid(&request->headers[i])) {
      return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "a header's key or value has a forbidden character");
    }
  }
  for (size_t i = 0; i < request->header_count; i++) {
    const struct jg_grpc_header *header = &request->headers[i];
    ret_headers[i] = (grpc_metadata){.key = grpc_slice_from_copied_buffer(header->key.data, header->key.len),
                                     .value = grpc_slice_from_copied_buffer(header->value.data, header->value.len)};
  }
  *ret_count = request->header_count;
  if (client->authorization.data != NULL) {
    ret_headers[(*ret_count)++] =
        (grpc_metadata){.key = grpc_slice_from_static_string("authorization"),
                        .value = grpc_slice_from_copied_buffer(client->authorization.data, client->authorization.len)};
  }
  return JG_STATUS_OK;
}

static void drop_headers(grpc_metadata *headers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    grpc_slice_unref(headers[i].key);
    grpc_slice_unref(headers[i].value);
  }
}

static gpr_timespec after_ms(int64_t ms) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(ms, GPR_TIMESPAN));
}

static grpc_call *create_call(struct jg_grpc_client *client, const struct jg_grpc_request *request,
                              grpc_completion_queue *queue) {
  gpr_timespec deadline = request->timeout_ms > 0 ? after_ms(request->timeout_ms) : gpr_inf_future(GPR_CLOCK_MONOTONIC);
  grpc_slice path = grpc_slice_from_copied_string(request->path);
  grpc_call *call =
      grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, path, NULL, deadline, NULL);
  grpc_slice_unref(path);
  return call;
}

/* Its events must have been taken. */
static void destroy_call(grpc_call *call, grpc_completion_queue *queue) {
  grpc_call_unref(call);
  grpc_completion_queue_shutdown(queue);
  grpc_completion_queue_destroy(queue);
}

static grpc_byte_buffer *copy_message(struct jg_str message) {
  return jg_grpc_payload_from_slice(grpc_slice_from_copied_buffer(message.len != 0 ? message.data : "", message.len));
}

/* The response of an OK call, copied. */
static struct jg_status take_response(grpc_byte_buffer *received, struct jg_arena *arena, struct jg_str *ret_response) {
  if (received == NULL) {
    return jg_status_make(JG_INTERNAL, JG_REASON_NONE, "the server sent no response message");
  }
  grpc_slice slice = jg_grpc_payload_slice(received);
  struct jg_str copy = jg_arena_str(arena, jg_grpc_slice_str(&slice));
  grpc_slice_unref(slice);
  if (copy.data == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the response is too large");
  }
  *ret_response = copy;
  return JG_STATUS_OK;
}

struct jg_status jg_grpc_client_unary(struct jg_grpc_client *client, const struct jg_grpc_request *request,
                                      struct jg_str message, struct jg_arena *arena, struct jg_str *ret_response) {
  grpc_metadata headers[HEADERS_MAX + 1];
  size_t header_count = 0;
  JG_RETURN_IF_ERROR(make_headers(client, request, headers, &header_count));
  grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
  grpc_call *call = create_call(client, request, queue);
  struct outcome outcome;
  outcome_init(&outcome);
  grpc_byte_buffer *sending = copy_message(message);
  grpc_byte_buffer *received = NULL;
  grpc_op ops[OUTCOME_OPS + 3];
  outcome_ops(&outcome, headers, header_count, ops);
  ops[OUTCOME_OPS] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
  ops[OUTCOME_OPS].data.send_message.send_message = sending;
  ops[OUTCOME_OPS + 1] = (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
  ops[OUTCOME_OPS + 2] = (grpc_op){.op = GRPC_OP_RECV_MESSAGE};
  ops[OUTCOME_OPS + 2].data.recv_message.recv_message = &received;
  jg_grpc_core_start(call, ops, JG_COUNT(ops), call);
  drop_headers(headers, header_count);
  grpc_event event = jg_grpc_core_pluck(queue, call, gpr_inf_future(GPR_CLOCK_MONOTONIC));
  JG_ASSERT(event.type == GRPC_OP_COMPLETE);
  struct jg_status status = outcome_status(client, &outcome, arena);
  if (jg_status_ok(status)) {
    status = take_response(received, arena, ret_response);
  }
  grpc_byte_buffer_destroy(sending);
  if (received != NULL) {
    grpc_byte_buffer_destroy(received);
  }
  outcome_done(&outcome);
  destroy_call(call, queue);
  return status;
}

struct jg_status jg_grpc_stream_open(struct jg_grpc_client *client, const struct jg_grpc_request *request,
                                     struct jg_grpc_stream **ret_stream) {
  grpc_metadata headers[HEADERS_MAX + 1];
  size_t header_count = 0;
  JG_RETURN_IF_ERROR(make_headers(client, request, headers, &header_count));
  struct jg_grpc_stream *stream = jg_alloc_zero(1, sizeof(*stream));
  stream->magic = STREAM_MAGIC;
  stream->client = client;
  stream->queue = grpc_completion_queue_create_for_pluck(NULL);
  stream->call = create_call(client, request, stream->queue);
  stream->message = grpc_empty_slice();
  outcome_init(&stream->outcome);
  grpc_op ops[OUTCOME_OPS];
  outcome_ops(&stream->outcome, headers, header_count, ops);
  jg_grpc_core_start(stream->call, ops, OUTCOME_OPS, &stream->tag_status);
  drop_headers(headers, header_count);
  *ret_stream = stream;
  return JG_STATUS_OK;
}

/* Waits for the event of that tag. */
static bool take(struct jg_grpc_stream *stream, void *tag) {
  grpc_event event = jg_grpc_core_pluck(stream->queue, tag, gpr_inf_future(GPR_CLOCK_MONOTONIC));
  JG_ASSERT(event.type == GRPC_OP_COMPLETE);
  return event.success != 0;
}

bool jg_grpc_stream_send(struct jg_grpc_stream *stream, struct jg_str message) {
  JG_ASSERT(stream->magic == STREAM_MAGIC);
  JG_ASSERT(!stream->closed);
  if (stream->ended) {
    return false;
  }
  grpc_byte_buffer *sending = copy_message(message);
  grpc_op op = {.op = GRPC_OP_SEND_MESSAGE};
  op.data.send_message.send_message = sending;
  jg_grpc_core_start(stream->call, &op, 1, &stream->tag_sent);
  bool ok = take(stream, &stream->tag_sent);
  grpc_byte_buffer_destroy(sending);
  return ok;
}

void jg_grpc_stream_close_send(struct jg_grpc_stream *stream) {
  JG_ASSERT(stream->magic == STREAM_MAGIC);
  JG_ASSERT(!stream->closed);
  stream->closed = true;
  if (stream->ended) {
    return;
  }
  grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
  jg_grpc_core_start(stream->call, &op, 1, &stream->tag_closed);
  (void)take(stream, &stream->tag_closed);  // If it failed the call has ended, and `next` tells how.
}

static void drop_received(struct jg_grpc_stream *stream) {
  if (stream->received != NULL) {
    grpc_byte_buffer_destroy(stream->received);
    stream->received = NULL;
  }
}

struct jg_status jg_grpc_stream_next(struct jg_grpc_stream *stream, int64_t timeout_ms, struct jg_arena *arena,
                                     enum jg_grpc_next *ret_next, struct jg_str *ret_message) {
  JG_ASSERT(stream->magic == STREAM_MAGIC);
  if (!stream->ended) {
    if (!stream->receiving) {
      stream->receiving = true;
      grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
      op.data.recv_message.recv_message = &stream->received;
      jg_grpc_core_start(stream->call, &op, 1, &stream->tag_received);
    }
    gpr_timespec deadline = timeout_ms < 0 ? gpr_inf_future(GPR_CLOCK_MONOTONIC) : after_ms(timeout_ms);
    grpc_event event = jg_grpc_core_pluck(stream->queue, &stream->tag_received, deadline);
    if (event.type == GRPC_QUEUE_TIMEOUT) {
      *ret_next = JG_GRPC_NEXT_TIMEOUT;
      return JG_STATUS_OK;
    }
    stream->receiving = false;
    if (stream->received != NULL) {
      grpc_slice_unref(stream->message);
      stream->message = jg_grpc_payload_slice(stream->received);
      drop_received(stream);
      *ret_next = JG_GRPC_NEXT_MESSAGE;
      *ret_message = jg_grpc_slice_str(&stream->message);
      return JG_STATUS_OK;
    }
    (void)take(stream, &stream->tag_status);  // Always succeeds; the outcome tells.
    stream->ended = true;
  }
  JG_RETURN_IF_ERROR(outcome_status(stream->client, &stream->outcome, arena));
  *ret_next = JG_GRPC_NEXT_END;
  return JG_STATUS_OK;
}

void jg_grpc_stream_cancel(struct jg_grpc_stream *stream) {
  JG_ASSERT(stream->magic == STREAM_MAGIC);
  grpc_call_error error = grpc_call_cancel(stream->call, NULL);
  JG_ASSERT(error == GRPC_CALL_OK);
}

void jg_grpc_stream_destroy(struct jg_grpc_stream *stream) {
  if (stream == NULL) {
    return;
  }
  if (!stream->ended) {
    jg_grpc_stream_cancel(stream);
    if (stream->receiving) {
      (void)take(stream, &stream->tag_received);  // Its message is dropped below.
    }
    (void)take(stream, &stream->tag_status);  // Nobody asks any more how it ended.
  }
  drop_received(stream);
  grpc_slice_unref(stream->message);
  outcome_done(&stream->outcome);
  destroy_call(stream->call, stream->queue);
  stream->magic = 0;
  jg_free(stream);
}
