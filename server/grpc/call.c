#include <grpc/slice.h>
#include <grpc/support/alloc.h>

#include "base/limits.h"
#include "proto/codec/message.h"
#include "server/grpc/answer.h"
#include "server/grpc/core.h"
#include "server/grpc/details.h"
#include "server/grpc/metadata.h"
#include "server/grpc/payload.h"
#include "server/grpc/server_internal.h"

/* Calls kept for reuse, with one block of their arena each; the latest is the next one, as its memory is warm. */
#define FREE_CALLS_MAX 128
#define OPS_MAX 4
/* Of the path of an unknown method in its refusal. */
#define PATH_BYTES_MAX 200u

_Static_assert(offsetof(struct jg_grpc_call, call) == 0, "a call is cast to its first member and back");

static void call_finish(struct jg_call *base, struct jg_status status, const struct jg_answer *answer);
static void call_send(struct jg_call *base, struct jg_bytes *message);
static void call_receive(struct jg_call *base);

static const struct jg_call_sink sink = {
    .finish = call_finish, .send = call_send, .send_all = jg_grpc_send_all, .receive = call_receive};

static void sent(struct jg_grpc_call *call, bool ok);
static void received(struct jg_grpc_call *call, bool ok);
static void unref(struct jg_grpc_call *call);
static void end(struct jg_grpc_call *call);

static bool is_stream(const struct jg_grpc_call *call) {
  return call->method->method->type != JG_METHOD_UNARY;
}

static struct jg_grpc_call *create(struct jg_grpc_queue *queue) {
  struct jg_grpc_call *call = jg_alloc_zero(1, sizeof(*call));
  call->queue = queue;
  jg_arena_init(&call->call.arena, JG_LIMIT_CALL_ARENA_BYTES);
  for (size_t i = 0; i < JG_GRPC_EVENT_COUNT; i++) {
    call->tags[i] = (struct jg_grpc_tag){.magic = JG_GRPC_TAG_MAGIC, .event = (enum jg_grpc_event)i, .owner = call};
  }
  return call;
}

struct jg_grpc_call *jg_grpc_call_take(struct jg_grpc_slot *slot) {
  struct jg_grpc_queue *queue = slot->queue;
  struct jg_grpc_server *server = queue->server;
  struct jg_grpc_call *call = queue->free_calls;
  if (call != NULL) {
    queue->free_calls = call->next_free;
    queue->free_count--;
  } else {
    call = create(queue);
  }
  jg_grpc_queue_hold(queue);
  call->method = slot->method;
  call->core = slot->core;
  call->payload = slot->payload;
  call->metadata = slot->metadata;
  slot->core = NULL;
  slot->payload = NULL;
  call->headers_sent = false;
  call->begun = false;
  call->asking = false;
  call->broken = false;
  call->fault = NULL;
  call->core_cancelled = 0;
  call->has_peer = false;
  atomic_init(&call->known_until_ns, 0);
  atomic_init(&call->finished, false);
  atomic_init(&call->too_large, false);
  atomic_init(&call->shut_out, false);
  atomic_init(&call->waking, false);
  // The handler's and the close's.
  atomic_init(&call->refs, 2);
  int64_t now_ns = jg_clock_mono_ns(server->app->clock);
  call->call = (struct jg_call){.magic = JG_CALL_MAGIC,
                                .arena = call->call.arena,
                                .app = server->app,
                                .method = slot->method->method,
                                .sink = &sink,
                                .identity = {.tenant = server->tenant, .loopback = server->loopback},
                                .deadline_ns = jg_grpc_deadline_ns(slot->deadline, now_ns),
                                .started_ns = now_ns,
                                .takes_ready = true,
                                .response_bytes_max = JG_LIMIT_RESPONSE_BYTES};
  return call;
}

void jg_grpc_call_name(struct jg_grpc_call *call, const grpc_slice *path) {
  struct jg_str text = jg_grpc_slice_str(path);
  call->path =
      jg_arena_str(&call->call.arena, jg_str_sub(text, 0, text.len < PATH_BYTES_MAX ? text.len : PATH_BYTES_MAX));
}

void jg_grpc_calls_free(struct jg_grpc_queue *queue) {
  while (queue->free_calls != NULL) {
    struct jg_grpc_call *call = queue->free_calls;
    queue->free_calls = call->next_free;
    jg_arena_done(&call->call.arena);
    jg_free(call);
  }
  queue->free_count = 0;
}

JG_HOT void jg_grpc_call_begin(struct jg_grpc_call *call) {
  jg_grpc_series_start(&call->method->series);
  if (is_stream(call)) {
    // Tells of a cancellation while the stream is open. A unary call asks together with its answer, which saves an event.
    grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    op.data.recv_close_on_server.cancelled = &call->core_cancelled;
    jg_grpc_core_start(call->core, &op, 1, &call->tags[JG_GRPC_CLOSED]);
  }
  struct jg_status status = JG_STATUS_OK;
  if (jg_grpc_admit(call, &status)) {
    jg_grpc_call_go_on(call, status);
  }
}

void jg_grpc_call_event(struct jg_grpc_call *call, enum jg_grpc_event event, bool ok) {
  JG_ASSERT(call->call.magic == JG_CALL_MAGIC);
  switch (event) {
    case JG_GRPC_DONE:
      end(call);
      return;
    case JG_GRPC_RELEASED:
      jg_grpc_call_begin(call);
      return;
    case JG_GRPC_CLOSED:
      if (call->core_cancelled != 0) {
        jg_grpc_call_break_off(call);
      }
      break;
    case JG_GRPC_SENT:
      sent(call, ok);
      break;
    case JG_GRPC_RECEIVED:
      received(call, ok);
      break;
    case JG_GRPC_WOKEN:
      atomic_store_explicit(&call->waking, false, memory_order_release);
      if (!jg_grpc_call_is_finished(call)) {
        call->on_woken(call);
      }
      break;
    case JG_GRPC_IDENTIFIED:
      jg_grpc_admit_identified(call);
      break;
    case JG_GRPC_STATUS:
    case JG_GRPC_ARRIVED:
    case JG_GRPC_EVENT_COUNT:
      break;
  }
  unref(call);
}

static bool peer_is_loopback(grpc_call *core) {
  char *peer = grpc_call_get_peer(core);
  bool result = jg_grpc_peer_is_loopback(jg_str_from_cstr(peer));
  gpr_free(peer);
  return result;
}

static struct jg_status too_large(size_t bytes_max, struct jg_arena *arena) {
  return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED,
                          "the message is larger than the method's limit of %zu bytes", bytes_max);
}

static struct jg_status decode(struct jg_grpc_call *call) {
  struct jg_call *base = &call->call;
  if (call->payload == NULL) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the request message is missing");
  }
  size_t bytes_max = base->method->request_bytes_max;
  if (grpc_byte_buffer_length(call->payload) > bytes_max) {
    return too_large(bytes_max, &base->arena);
  }
  struct jg_str bytes = jg_grpc_payload_in_arena(call->payload, &base->arena);
  if (bytes.data == NULL) {
    return too_large(bytes_max, &base->arena);
  }
  return jg_message_unpack(base->method->request, bytes, &base->arena, &base->request);
}

/* A client of another version, or of another product, gets to see what it asked for. */
static struct jg_status unknown_method(const struct jg_grpc_call *call, struct jg_arena *arena) {
  const struct jg_grpc_server *server = call->queue->server;
  for (size_t i = 0; i + 1 < server->method_count; i++) {
    const char *known = server->methods[i].method->path;
    size_t service_len = jg_grpc_service_of(known).len + 2;  // With the slashes.
    if (jg_str_starts_with(call->path, jg_str_make(known, service_len))) {
      return jg_status_printf(arena, JG_UNIMPLEMENTED, JG_REASON_NONE, "the service has no method '%.*s'",
                              JG_STR_ARG(call->path));
    }
  }
  return jg_status_printf(arena, JG_UNIMPLEMENTED, JG_REASON_NONE, "the server has no such service: '%.*s'",
                          JG_STR_ARG(call->path));
}

/* What is decided before the handler once the caller is known: the limits, the request. */
static struct jg_status prepare(struct jg_grpc_call *call) {
  struct jg_call *base = &call->call;
  if (call->method->registered == NULL) {
    return unknown_method(call, &base->arena);
  }
  if (!base->identity.loopback) {
    base->identity.loopback = peer_is_loopback(call->core);
  }
  if (base->method->loopback_only && !base->identity.loopback) {
    return jg_status_make(JG_PERMISSION_DENIED, JG_REASON_NONE, "the method is for callers on loopback only");
  }
  return base->method->type == JG_METHOD_CLIENT_STREAM ? JG_STATUS_OK : decode(call);
}

void jg_grpc_call_go_on(struct jg_grpc_call *call, struct jg_status status) {
  call->begun = true;
  if (jg_status_ok(status)) {
    status = prepare(call);
  }
  if (jg_status_ok(status)) {
    call->call.method->handle(&call->call);
  } else {
    jg_call_fail(&call->call, status);
  }
}

/* The operation that ends the call on the wire. The slices are the caller's to unref (zeroed ones are empty). */
struct ending {
  grpc_op op;
  grpc_slice message;
  grpc_metadata trailer;
};

static void make_ending(struct jg_grpc_call *call, struct jg_status status, struct ending *ret_ending) {
  struct ending *ending = ret_ending;
  ending->op = (grpc_op){.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
  ending->op.data.send_status_from_server.status = (grpc_status_code)status.code;
  if (jg_status_ok(status)) {
    return;
  }
  struct jg_str message = jg_grpc_details_message(status);
  ending->message = grpc_slice_from_copied_buffer(message.data, message.len);
  ending->op.data.send_status_from_server.status_details = &ending->message;
  struct jg_str details = jg_grpc_details_pack(status, &call->call.arena);
  if (details.data != NULL) {
    ending->trailer = (grpc_metadata){.key = grpc_slice_from_static_string(JG_GRPC_DETAILS_KEY),
                                      .value = grpc_slice_from_copied_buffer(details.data, details.len)};
    ending->op.data.send_status_from_server.trailing_metadata = &ending->trailer;
    ending->op.data.send_status_from_server.trailing_metadata_count = 1;
  }
}

/* How the call ended, for the log and the metrics. */
static void note(struct jg_grpc_call *call, struct jg_status status) {
  call->code = (size_t)status.code < JG_GRPC_CODE_COUNT ? status.code : JG_UNKNOWN;
  call->reason = status.reason;
  if (jg_grpc_code_is_fault(call->code)) {
    // A copy: the message may live in an arena that ends before the call.
    call->fault = jg_arena_str(&call->call.arena, jg_grpc_details_message(status)).data;
  }
}

JG_HOT static void call_finish(struct jg_call *base, struct jg_status status, const struct jg_answer *answer) {
  struct jg_grpc_call *call = jg_grpc_call_of(base);
  JG_ASSERT(!atomic_load_explicit(&call->finished, memory_order_relaxed));  // G3: nobody else finishes.
  if (atomic_load_explicit(&call->too_large, memory_order_acquire)) {
    status = too_large(base->method->request_bytes_max, &base->arena);
  }
  if (atomic_load_explicit(&call->shut_out, memory_order_acquire)) {
    status = call->verdict.status;
  }
  note(call, status);
  grpc_op ops[OPS_MAX];
  size_t count = 0;
  if (!call->headers_sent) {
    ops[count++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
  }
  if (jg_status_ok(status) && answer != NULL) {
    call->answer = answer->kind == JG_ANSWER_READY ? jg_grpc_payload_share(answer->ready)
                                                   : jg_grpc_payload_from_slice(jg_grpc_answer_encode(answer));
    ops[count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
    ops[count++].data.send_message.send_message = call->answer;
  }
  if (answer != NULL && answer->kind == JG_ANSWER_READY && !jg_status_ok(status)) {
    jg_bytes_unref(answer->ready);
  }
  struct ending ending = {0};
  make_ending(call, status, &ending);
  ops[count++] = ending.op;
  bool stream = is_stream(call);
  JG_ASSERT(stream || !jg_status_ok(status) || answer != NULL);
  if (!stream) {
    ops[count] = (grpc_op){.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    ops[count++].data.recv_close_on_server.cancelled = &call->core_cancelled;
  }
  // Release: an event that sees the end sees all that came before it. The handler's reference becomes the status's.
  atomic_store_explicit(&call->finished, true, memory_order_release);
  jg_grpc_core_start(call->core, ops, count, &call->tags[stream ? JG_GRPC_STATUS : JG_GRPC_DONE]);
  // From here on the call may be gone.
  if (!jg_status_ok(status)) {
    grpc_slice_unref(ending.message);
    grpc_slice_unref(ending.trailer.value);
  }
}

void jg_grpc_call_put(struct jg_grpc_call *call, grpc_byte_buffer *message) {
  JG_ASSERT(!jg_grpc_call_is_finished(call));
  JG_ASSERT(call->sending == NULL);
  call->sending = message;
  jg_grpc_call_ref(call);
}

void jg_grpc_call_push(struct jg_grpc_call *call) {
  grpc_op ops[OPS_MAX];
  size_t count = 0;
  if (!call->headers_sent) {
    call->headers_sent = true;
    ops[count++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
  }
  ops[count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
  ops[count++].data.send_message.send_message = call->sending;
  jg_grpc_core_start(call->core, ops, count, &call->tags[JG_GRPC_SENT]);
}

static void call_send(struct jg_call *base, struct jg_bytes *message) {
  struct jg_grpc_call *call = jg_grpc_call_of(base);
  jg_grpc_call_put(call, jg_grpc_payload_share(message));
  jg_grpc_call_push(call);
}

static void call_receive(struct jg_call *base) {
  struct jg_grpc_call *call = jg_grpc_call_of(base);
  JG_ASSERT(base->method->type == JG_METHOD_CLIENT_STREAM);
  JG_ASSERT(!jg_grpc_call_is_finished(call));
  JG_ASSERT(call->received == NULL);
  jg_grpc_call_ref(call);
  grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
  op.data.recv_message.recv_message = &call->received;
  jg_grpc_core_start(call->core, &op, 1, &call->tags[JG_GRPC_RECEIVED]);
}

void jg_grpc_call_sent_here(struct jg_grpc_call *call, bool ok) {
  JG_ASSERT(!jg_grpc_call_is_finished(call));
  grpc_byte_buffer_destroy(call->sending);
  call->sending = NULL;
  call->call.on_sent(&call->call, ok);
  // Release: whoever ends the call sees what this did. It is not the last one: the handler has its own.
  uint32_t before = atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel);
  JG_ASSERT(before > 1);
}

static void sent(struct jg_grpc_call *call, bool ok) {
  grpc_byte_buffer_destroy(call->sending);
  call->sending = NULL;
  if (!jg_grpc_call_is_finished(call)) {
    call->call.on_sent(&call->call, ok);
  }
  if (!jg_grpc_call_is_finished(call)) {
    jg_grpc_admit_again(call);
  }
}

static void received(struct jg_grpc_call *call, bool ok) {
  struct jg_call *base = &call->call;
  grpc_byte_buffer *buffer = call->received;
  call->received = NULL;
  if (jg_grpc_call_is_finished(call)) {
    // The handler no longer listens.
  } else if (buffer == NULL) {
    // A stream that broke off looks like its end but for this question; its close tells the handler (G6).
    if (ok && grpc_call_failed_before_recv_message(call->core) == 0) {
      base->on_received(base, JG_STR(""), true);
    }
  } else if (grpc_byte_buffer_length(buffer) > base->method->request_bytes_max) {
    atomic_store_explicit(&call->too_large, true, memory_order_release);
    jg_grpc_call_break_off(call);
  } else {
    grpc_slice slice = jg_grpc_payload_slice(buffer);
    base->on_received(base, jg_grpc_slice_str(&slice), false);
    grpc_slice_unref(slice);
  }
  if (buffer != NULL) {
    grpc_byte_buffer_destroy(buffer);
  }
}

/* Tells the handler, once, that nobody waits for the stream any more. */
void jg_grpc_call_break_off(struct jg_grpc_call *call) {
  if (call->broken) {
    return;
  }
  call->broken = true;
  atomic_store_explicit(&call->call.cancelled, true, memory_order_release);
  if (!jg_grpc_call_is_finished(call) && call->call.on_cancelled != NULL) {
    call->call.on_cancelled(&call->call);
  }
}

static void unref(struct jg_grpc_call *call) {
  // Release: what this event did comes before the end; acquire: the one who ends sees everybody's.
  uint32_t before = atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel);
  JG_ASSERT(before != 0);
  if (before == 1) {
    end(call);
  }
}

static void destroy_buffer(grpc_byte_buffer **buffer) {
  if (*buffer != NULL) {
    grpc_byte_buffer_destroy(*buffer);
    *buffer = NULL;
  }
}

/* Everything about the call is over; its memory goes back to its queue. */
static void end(struct jg_grpc_call *call) {
  struct jg_call *base = &call->call;
  struct jg_grpc_queue *queue = call->queue;
  JG_ASSERT(call->sending == NULL && call->received == NULL);
  struct jg_grpc_outcome outcome = {.code = call->code,
                                    .reason = call->reason,
                                    .message = call->fault,
                                    .cancelled = call->core_cancelled != 0,
                                    .duration_ns = jg_clock_mono_ns(base->app->clock) - base->started_ns,
                                    .traceparent = base->traceparent};
  jg_grpc_series_end(&call->method->series, base->app->log, &outcome);
  destroy_buffer(&call->payload);
  destroy_buffer(&call->answer);
  grpc_call_unref(call->core);
  call->core = NULL;
  grpc_metadata_array_destroy(&call->metadata);
  base->magic = 0;
  jg_grpc_queue_release(queue);
  if (queue->free_count >= FREE_CALLS_MAX) {
    jg_arena_done(&base->arena);
    jg_free(call);
    return;
  }
  jg_arena_reset(&base->arena);
  call->next_free = queue->free_calls;
  queue->free_calls = call;
  queue->free_count++;
}
