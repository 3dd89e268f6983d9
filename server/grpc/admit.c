#include "server/grpc/core.h"
#include "server/grpc/metadata.h"
#include "server/grpc/server_internal.h"

/* Probes ask for health, and they carry no credential. */
static bool is_open_to_all(const struct jg_method *method) {
  bool open = false;
  for (size_t i = 0; i < JG_GRPC_HEALTH_METHODS; i++) {
    open = open || method == &jg_grpc_health_methods[i];
  }
  return open;
}

/* On a hashing thread. The call goes on on its own one (G2); it lives by the reference that asking took. */
static void verified(struct jg_identity_wait *wait, struct jg_identity_verdict verdict) {
  struct jg_grpc_call *call = (struct jg_grpc_call *)((char *)wait - offsetof(struct jg_grpc_call, wait));
  call->verdict = verdict;
  jg_grpc_core_start(call->core, NULL, 0, &call->tags[JG_GRPC_IDENTIFIED]);
}

/* True: call->verdict is there. False: JG_GRPC_IDENTIFIED will come. */
static bool ask(struct jg_grpc_call *call, struct jg_str authorization) {
  call->wait = (struct jg_identity_wait){.done = verified};
  call->asking = true;
  jg_grpc_call_ref(call);
  struct jg_identity_verdict verdict;
  if (!jg_identity_verify(call->queue->server->identity, authorization, &call->wait, &verdict)) {
    return false;
  }
  call->asking = false;
  call->verdict = verdict;
  // Relaxed: it is not the last one, as the event under way holds the call too.
  (void)atomic_fetch_sub_explicit(&call->refs, 1, memory_order_relaxed);
  return true;
}

/* What known_until_ns says. */
static void note_known(struct jg_grpc_call *call) {
  bool known = jg_status_ok(call->verdict.status);
  atomic_store_explicit(&call->known_until_ns, known ? call->verdict.until_ns : 0, memory_order_relaxed);
}

bool jg_grpc_admit(struct jg_grpc_call *call, struct jg_status *ret_status) {
  struct jg_call *base = &call->call;
  struct jg_grpc_server *server = call->queue->server;
  struct jg_grpc_metadata metadata = jg_grpc_metadata_read(&call->metadata);
  base->traceparent = metadata.traceparent;
  // The core's own limit binds only once the client has acknowledged it, so the first call of a connection may exceed it.
  if (metadata.bytes > server->metadata_bytes_max) {
    *ret_status = jg_status_printf(&base->arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED,
                                   "the metadata is larger than %zu bytes", server->metadata_bytes_max);
    return true;
  }
  if (server->identity == NULL || is_open_to_all(base->method)) {
    atomic_store_explicit(&call->known_until_ns, INT64_MAX, memory_order_relaxed);
    return true;
  }
  if (!ask(call, metadata.authorization)) {
    return false;
  }
  note_known(call);
  base->identity.tenant = call->verdict.tenant;
  *ret_status = call->verdict.status;
  return true;
}

/* Of an open stream. Only a refusal ends it: a record that cannot be read now is asked again with the next message. */
static void confirm(struct jg_grpc_call *call) {
  if (call->verdict.status.code == JG_UNAUTHENTICATED) {
    // Release: who sees it sees the verdict.
    atomic_store_explicit(&call->shut_out, true, memory_order_release);
    jg_grpc_call_break_off(call);
  }
}

void jg_grpc_admit_again(struct jg_grpc_call *call) {
  if (call->queue->server->identity == NULL || call->asking || call->broken || is_open_to_all(call->call.method) ||
      (jg_status_ok(call->verdict.status) && jg_clock_mono_ns(call->call.app->clock) < call->verdict.until_ns)) {
    return;
  }
  if (ask(call, jg_grpc_metadata_read(&call->metadata).authorization)) {
    note_known(call);
    confirm(call);
  }
}

void jg_grpc_admit_identified(struct jg_grpc_call *call) {
  call->asking = false;
  note_known(call);
  if (!call->begun && call->broken) {
    // Nobody told a handler, as there was none.
    jg_call_fail(&call->call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the caller cancelled the call"));
  } else if (!call->begun) {
    call->call.identity.tenant = call->verdict.tenant;
    jg_grpc_call_go_on(call, call->verdict.status);
  } else if (!jg_grpc_call_is_finished(call)) {
    confirm(call);
  }
}
