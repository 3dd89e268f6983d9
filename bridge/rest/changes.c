// GET api/Jobs/$changes: the stream of WatchJobs as a streamed answer.

#include "bridge/rest/changes_internal.h"
#include "proto/codec/message.h"

/* A client that lost its connection waits this long, and up to as long again: not all at the same moment. */
#define RETRY_MS 1000

/* One stream. Lives in the HTTP request's arena; what belongs to the call ends with that arena, on the loop, as the loop may
 * still tell of a client that went while another thread ends the call. */
struct watch {
  struct jg_call call; /* first: the sink gets this */
  struct jg_rest *rest;
  struct jg_http_request *http;
  struct jg_rest_changes_style style;
  int64_t retry_ms;
  /* Of the thread that has the call's turn: it sends, or ends. */
  bool started;
  bool ending; /* the last piece is out */
  _Atomic bool finished;
  /* Whether a piece is out; a call that ends meanwhile leaves its last words, if any, to on_sent. */
  _Atomic enum turn { TURN_NONE, TURN_OUT, TURN_OUT_AND_FINISHED } turn;
  struct jg_bytes *last;
  /* A stream outlives what is known of its caller: then it is asked for again, between two pieces. */
  struct jg_identity_wait wait;
  int64_t admitted_until_ns; /* of the thread that has the turn */
  _Atomic bool shut_out;
  struct jg_status refusal; /* shut_out: why; static */
};

static void send_message(struct jg_call *base, struct jg_bytes *message);
static void finish(struct jg_call *base, struct jg_status status, const struct jg_answer *answer);

static const struct jg_call_sink watch_sink = {.finish = finish, .send = send_message};

static struct watch *watch_of(struct jg_call *base) {
  JG_ASSERT(base->magic == JG_CALL_MAGIC);
  return (struct watch *)base;
}

/* Says the last words, or ends without. */
static void end_stream(struct watch *watch) {
  struct jg_bytes *last = watch->last;
  watch->last = NULL;
  watch->ending = last != NULL;
  if (last != NULL) {
    jg_http_stream_send(watch->http, last);
  } else {
    jg_http_stream_end(watch->http, true);
  }
}

/* A piece has left: the call's turn. */
static void go_on(struct watch *watch, bool ok) {
  // Looked at before the turn is given up: whoever finishes then may say the last words at once.
  if (watch->ending) {
    jg_http_stream_end(watch->http, true);
    return;
  }
  // Acquire: the last words of whoever finished meanwhile. Release: whoever finishes later sees that it is his turn.
  if (atomic_exchange_explicit(&watch->turn, TURN_NONE, memory_order_acq_rel) == TURN_OUT_AND_FINISHED) {
    end_stream(watch);
    return;
  }
  watch->call.on_sent(&watch->call, ok);
}

/* Only a refusal ends a stream: a record that cannot be read now is asked again with the next piece. */
static bool is_still_in(struct watch *watch, struct jg_identity_verdict verdict) {
  if (verdict.status.code == JG_UNAUTHENTICATED) {
    watch->refusal = verdict.status;
    // Release: who sees it ends the call, and may be another thread.
    atomic_store_explicit(&watch->shut_out, true, memory_order_release);
    return false;
  }
  if (jg_status_ok(verdict.status)) {
    watch->admitted_until_ns = verdict.until_ns;
  }
  return true;
}

/* On a hashing thread. */
static void asked(struct jg_identity_wait *wait, struct jg_identity_verdict verdict) {
  struct watch *watch = (struct watch *)(void *)((char *)wait - offsetof(struct watch, wait));
  bool still_in = is_still_in(watch, verdict);
  go_on(watch, still_in);
}

static void on_sent(struct jg_http_request *http, bool ok) {
  struct watch *watch = http->context;
  if (ok && !watch->ending && jg_clock_mono_ns(watch->rest->app->clock) >= watch->admitted_until_ns) {
    struct jg_identity_verdict verdict;
    watch->wait = (struct jg_identity_wait){.done = asked};
    if (!jg_rest_ask(watch->rest, http, &watch->wait, &verdict)) {
      return;  // The turn stays where it is.
    }
    ok = is_still_in(watch, verdict);
  }
  go_on(watch, ok);
}

static void on_gone(struct jg_http_request *http) {
  struct watch *watch = http->context;
  // Relaxed: it publishes nothing, the method only stops early.
  atomic_store_explicit(&watch->call.cancelled, true, memory_order_relaxed);
  // Acquire: not finished means that the call is whole; if it ends now, its memory stays until we return to the loop.
  if (!atomic_load_explicit(&watch->finished, memory_order_acquire) && watch->call.on_cancelled != NULL) {
    watch->call.on_cancelled(&watch->call);
  }
}

static void start(struct watch *watch, struct jg_bytes *piece) {
  bool events = watch->style.framing == JG_REST_EVENTS;
  struct jg_rest_headers headers = {.count = 0};
  jg_rest_add_header(&headers, JG_STR("OData-Version"), JG_STR("4.0"));
  jg_rest_add_header(
      &headers, JG_STR("Content-Type"),
      events ? JG_STR("text/event-stream; charset=utf-8") : JG_STR("application/x-ndjson; charset=utf-8"));
  jg_rest_add_header(&headers, JG_STR("Cache-Control"), JG_STR("no-store"));
  // Proxies that know this field pass each piece on at once.
  jg_rest_add_header(&headers, JG_STR("X-Accel-Buffering"), JG_STR("no"));
  jg_rest_add_header(&headers, JG_STR("Vary"), JG_STR("Accept"));
  struct jg_http_response response = {
      .status = 200, .headers = headers.list, .header_count = headers.count, .shared = piece};
  watch->started = true;
  jg_http_stream_start(watch->http, &response);
}

static void put_out(struct watch *watch, struct jg_bytes *piece) {
  if (watch->started) {
    jg_http_stream_send(watch->http, piece);
  } else {
    start(watch, piece);
  }
}

/* On any thread. */
static void send_message(struct jg_call *base, struct jg_bytes *message) {
  struct watch *watch = watch_of(base);
  struct jg_bytes *piece = jg_rest_changes_cache_print(watch->rest->changes, &watch->style, message, watch->retry_ms);
  jg_bytes_unref(message);
  // Relaxed: handing the piece over orders it.
  atomic_store_explicit(&watch->turn, TURN_OUT, memory_order_relaxed);
  // One that cannot be printed is our own bug. Its client gets the next ones: an empty piece keeps the turn.
  put_out(watch, piece != NULL ? piece : jg_bytes_create(JG_STR("")));
}

/* A server that drains has said so; a client that is gone hears nothing. */
static bool is_told(struct jg_status status) {
  return !jg_status_ok(status) && status.code != JG_CANCELLED && status.reason != JG_REASON_DRAINING;
}

static void finish(struct jg_call *base, struct jg_status status, const struct jg_answer *answer) {
  (void)answer;
  struct watch *watch = watch_of(base);
  // Acquire: see is_still_in.
  if (atomic_load_explicit(&watch->shut_out, memory_order_acquire)) {
    status = watch->refusal;
  }
  if (!watch->started) {
    struct jg_rest_failure failure;
    status = jg_status_ok(status) ? jg_status_make(JG_INTERNAL, JG_REASON_NONE, "the stream did not begin") : status;
    jg_rest_write_status(watch->rest, watch->http, status, false, &failure);
    // Release: whoever sees the end sees all that came before it.
    atomic_store_explicit(&watch->finished, true, memory_order_release);
    jg_http_respond(watch->http, &failure.response);
    return;
  }
  watch->last = is_told(status) ? jg_rest_changes_print_error(&watch->style, status) : NULL;
  atomic_store_explicit(&watch->finished, true, memory_order_release);  // As above.
  enum turn out = TURN_OUT;
  // Release: on_sent sees the last words. Acquire, if it came already: it is done with the piece.
  if (!atomic_compare_exchange_strong_explicit(&watch->turn, &out, TURN_OUT_AND_FINISHED, memory_order_acq_rel,
                                               memory_order_acquire)) {
    end_stream(watch);
  }
}

/* With the request, on the loop. */
static void end_call(void *data) {
  struct watch *watch = data;
  watch->rest->stream_count--;
  watch->call.magic = 0;
  jg_arena_done(&watch->call.arena);
}

/* NULL at the arena's cap. */
static struct watch *make_watch(struct jg_rest *rest, struct jg_http_request *request) {
  struct watch *watch = jg_arena_alloc_zero(&request->arena, sizeof(*watch));
  if (watch == NULL) {
    return NULL;
  }
  watch->call.magic = JG_CALL_MAGIC;
  jg_arena_init(&watch->call.arena, JG_LIMIT_CALL_ARENA_BYTES);
  watch->call.app = rest->app;
  watch->call.method = &rest->methods[JG_METHOD_WATCH_JOBS];
  watch->call.sink = &watch_sink;
  watch->call.identity =
      (struct jg_identity){.tenant = jg_rest_tenant(rest, request), .loopback = request->peer_loopback};
  watch->call.started_ns = request->received_ns;
  watch->admitted_until_ns = jg_rest_admitted_until_ns(rest, request);
  watch->call.odata_names = true;
  watch->rest = rest;
  watch->http = request;
  uint16_t random = 0;
  jg_random(&random, sizeof(random));
  watch->retry_ms = RETRY_MS + RETRY_MS * random / UINT16_MAX;
  rest->stream_count++;
  if (!jg_arena_defer(&request->arena, end_call, watch)) {
    return NULL;
  }
  request->context = watch;
  request->on_gone = on_gone;
  request->on_sent = on_sent;
  return watch;
}

void jg_rest_watch(struct jg_rest *rest, struct jg_http_request *request, const struct jg_rest_plan *plan) {
  struct jg_rest_problem problem = {.message = NULL};
  enum jg_rest_framing framing = JG_REST_EVENTS;
  problem.status = jg_rest_changes_framing(request, &framing, &problem.message);
  if (problem.status != 0) {
    jg_rest_fail(rest, request, &problem);
    return;
  }
  if (rest->stream_count >= rest->streams_max) {
    jg_rest_fail_status(rest, request,
                        jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "too many streams are open"),
                        false);
    return;
  }
  struct watch *watch = make_watch(rest, request);
  if (watch == NULL) {
    jg_rest_fail_status(
        rest, request,
        jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the request needs too much memory"), false);
    return;
  }
  struct jg_rest_changes_query query = {.request = NULL};
  struct jg_status status = jg_rest_changes_read(rest->app, request, plan, &watch->call.arena, &query);
  watch->style = (struct jg_rest_changes_style){
      .json = rest->style, .framing = framing, .some = query.some, .members = query.members, .nodes = rest->nodes};
  if (!jg_status_ok(status)) {
    jg_call_fail(&watch->call, status);
    return;
  }
  watch->call.request = &query.request->base;
  watch->call.method->handle(&watch->call);
}
