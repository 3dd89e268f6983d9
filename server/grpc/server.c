#include "server/grpc/server.h"

#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/limits.h"
#include "server/grpc/args.h"
#include "server/grpc/core.h"
#include "server/grpc/metadata.h"
#include "server/grpc/server_internal.h"

#define RECEIVE_BYTES_MAX_DEFAULT ((size_t)4 * JG_LIMIT_BODY_BYTES)
#define STREAMS_MAX_DEFAULT 1000u
/* Beyond its own limit the core 1.51 drops what is left of a frame unread, loses the order of the header compression by that, and
 * ends the connection with every call on it. So it lets far more in than we take, and we refuse the call alone. */
#define METADATA_CORE_FACTOR 16u
/* At a stop: how long arrivals are held before connections are told to go away, so that callers who call again and again wait
 * for an answer by then; and how long connections without a call get to say that they heard it. A client may answer late (one
 * on the C core takes up to 5 s when nothing happens on its channel), or never. */
#define HOLD_MS 20
#define LINGER_MS 100

static const struct jg_method unknown_method = {
    .name = {"other", sizeof("other") - 1}, .path = "", .type = JG_METHOD_UNARY};

static void *serve(void *data);
static struct jg_status listen_on(struct jg_grpc_server *server, struct jg_str address, struct jg_arena *arena);
static void add_methods(struct jg_grpc_server *server, const struct jg_grpc_server_options *options);
static void create_core(struct jg_grpc_server *server, const struct jg_grpc_server_options *options);
static void free_server(struct jg_grpc_server *server);

struct jg_str jg_grpc_service_of(const char *path) {
  struct jg_str whole = jg_str_from_cstr(path);
  const char *slash = strrchr(path, '/');
  JG_ASSERT(path[0] == '/' && slash != NULL && slash > path);
  return jg_str_sub(whole, 1, (size_t)(slash - path) - 1);
}

/* "H:P" with a port of 0 to 65535. */
static bool address_valid(struct jg_str address) {
  size_t colon = jg_str_find_last(address, ':');
  uint64_t port = 0;
  return colon != SIZE_MAX && colon > 0 && jg_parse_u64(jg_str_sub(address, colon + 1, address.len), &port) &&
         port <= UINT16_MAX;
}

static void init_stop(struct jg_grpc_server *server) {
  pthread_condattr_t monotonic;
  JG_ASSERT(pthread_condattr_init(&monotonic) == 0);
  JG_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
  JG_ASSERT(pthread_cond_init(&server->queue_ended, &monotonic) == 0);
  JG_ASSERT(pthread_condattr_destroy(&monotonic) == 0);
  JG_ASSERT(pthread_mutex_init(&server->stop_mutex, NULL) == 0);
}

struct jg_status jg_grpc_server_start(const struct jg_grpc_server_options *options, struct jg_arena *arena,
                                      struct jg_grpc_server **ret_server) {
  JG_ASSERT(options->threads >= 1 && options->threads <= JG_GRPC_THREADS_MAX);
  JG_ASSERT(options->stream_threads <= JG_GRPC_THREADS_MAX);
  JG_ASSERT(options->method_count == 0 || options->methods != NULL);
  if (!address_valid(options->address)) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the gRPC address must be HOST:PORT");
  }
  struct jg_grpc_server *server = jg_alloc_zero(1, sizeof(*server));
  server->magic = JG_GRPC_SERVER_MAGIC;
  server->app = options->app;
  server->tenant = options->tenant;
  server->identity = options->identity;
  server->metadata_bytes_max = options->metadata_bytes_max != 0 ? options->metadata_bytes_max : JG_LIMIT_HEADER_BYTES;
  server->loopback = jg_grpc_address_is_loopback(options->address);
  JG_ASSERT(pthread_mutex_init(&server->open_mutex, NULL) == 0);
  init_stop(server);
  jg_grpc_core_init();
  struct jg_status status = JG_STATUS_OK;
  if (options->descriptor_set.len != 0) {
    status = jg_grpc_descriptors_create(options->descriptor_set, &server->descriptors);
  }
  if (jg_status_ok(status)) {
    create_core(server, options);
    status = listen_on(server, options->address, arena);
  }
  if (!jg_status_ok(status)) {
    free_server(server);
    return status;
  }
  grpc_server_start(server->core);
  for (unsigned i = 0; i < server->queue_count; i++) {
    jg_grpc_slots_arm(&server->queues[i]);
  }
  server->fan = jg_grpc_fan_create();
  server->running_count = server->queue_count;
  for (unsigned i = 0; i < server->queue_count; i++) {
    JG_ASSERT(pthread_create(&server->queues[i].thread, NULL, serve, &server->queues[i]) == 0);
  }
  *ret_server = server;
  return JG_STATUS_OK;
}

unsigned jg_grpc_server_port(const struct jg_grpc_server *server) {
  return server->port;
}

void jg_grpc_server_set_serving(struct jg_grpc_server *server, bool serving) {
  JG_ASSERT(server->magic == JG_GRPC_SERVER_MAGIC);
  atomic_store_explicit(&server->serving, serving, memory_order_release);
  jg_grpc_open_wake(server);
}

static struct timespec after_ms(int64_t ms) {
  struct timespec now;
  JG_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  int64_t ns = now.tv_nsec + ms % 1000 * 1000000;
  return (struct timespec){.tv_sec = now.tv_sec + ms / 1000 + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* Waits until the queues have nothing left to wait for: every call has ended, and what it sent is with the kernel. False: it
 * took longer. */
static bool wait_queues(struct jg_grpc_server *server, const struct timespec *deadline) {
  int error = 0;
  JG_ASSERT(pthread_mutex_lock(&server->stop_mutex) == 0);
  while (server->running_count != 0 && error == 0) {
    error = pthread_cond_timedwait(&server->queue_ended, &server->stop_mutex, deadline);
  }
  bool ended = server->running_count == 0;
  JG_ASSERT(pthread_mutex_unlock(&server->stop_mutex) == 0);
  JG_ASSERT(ended || error == ETIMEDOUT);
  return ended;
}

static void queue_has_ended(struct jg_grpc_server *server) {
  JG_ASSERT(pthread_mutex_lock(&server->stop_mutex) == 0);
  server->running_count--;
  JG_ASSERT(pthread_cond_signal(&server->queue_ended) == 0);
  JG_ASSERT(pthread_mutex_unlock(&server->stop_mutex) == 0);
}

void jg_grpc_server_stop(struct jg_grpc_server *server, int64_t grace_ms) {
  JG_ASSERT(server->magic == JG_GRPC_SERVER_MAGIC);
  JG_ASSERT(grace_ms >= 0);
  JG_ASSERT(!atomic_load_explicit(&server->stopping, memory_order_relaxed));  // Main's alone.
  atomic_store_explicit(&server->serving, false, memory_order_release);
  atomic_store_explicit(&server->stopping, true, memory_order_release);
  jg_grpc_open_wake(server);
  const struct timespec end = after_ms(grace_ms), held = after_ms(grace_ms < HOLD_MS ? grace_ms : HOLD_MS);
  jg_grpc_hold_begin(server);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &held, NULL) == EINTR) {
  }
  // Connections are told to go away; who was held is answered behind that word.
  grpc_server_shutdown_and_notify(server->core, server->shutdown_queue, server);
  jg_grpc_hold_end(server);
  // The core would wait for each connection's word that it heard, and 20 s for one that says nothing.
  gpr_timespec linger = gpr_time_from_millis(wait_queues(server, &end) ? LINGER_MS : 0, GPR_TIMESPAN);
  gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), linger);
  grpc_event event = jg_grpc_core_pluck(server->shutdown_queue, server, deadline);
  if (event.type == GRPC_QUEUE_TIMEOUT) {
    // Calls that are still open are cancelled, connections without any are closed.
    grpc_server_cancel_all_calls(server->core);
    event = jg_grpc_core_pluck(server->shutdown_queue, server, gpr_inf_future(GPR_CLOCK_MONOTONIC));
  }
  JG_ASSERT(event.type == GRPC_OP_COMPLETE);
  // That event may come before the last ones of the calls: each queue ends when it has nothing left to wait for.
  for (unsigned i = 0; i < server->queue_count; i++) {
    JG_ASSERT(pthread_join(server->queues[i].thread, NULL) == 0);
  }
}

void jg_grpc_server_destroy(struct jg_grpc_server *server) {
  if (server == NULL) {
    return;
  }
  JG_ASSERT(server->magic == JG_GRPC_SERVER_MAGIC);
  JG_ASSERT(atomic_load_explicit(&server->stopping, memory_order_relaxed));
  JG_ASSERT(server->open == NULL);
  free_server(server);
}

/* The thread of a queue: takes events until nothing more can come, which is after stop only. */
static void *serve(void *data) {
  struct jg_grpc_queue *queue = data;
  sigset_t all;
  JG_ASSERT(sigfillset(&all) == 0);
  JG_ASSERT(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);  // Signals are main's.
  for (;;) {
    grpc_event event = jg_grpc_core_next(queue->core);
    if (event.type == GRPC_QUEUE_SHUTDOWN) {
      queue_has_ended(queue->server);
      return NULL;
    }
    JG_ASSERT(event.type == GRPC_OP_COMPLETE);
    struct jg_grpc_tag *tag = event.tag;
    JG_ASSERT(tag->magic == JG_GRPC_TAG_MAGIC);
    bool ok = event.success != 0 && !tag->failed;
    tag->failed = false;
    if (tag->event == JG_GRPC_ARRIVED) {
      jg_grpc_slot_filled(tag->owner, ok);
    } else {
      jg_grpc_call_event(tag->owner, tag->event, ok);
    }
  }
}

/* Where TLS comes in one day. */
static grpc_server_credentials *make_credentials(void) {
  return grpc_insecure_server_credentials_create();
}

static struct jg_status listen_on(struct jg_grpc_server *server, struct jg_str address, struct jg_arena *arena) {
  const char *text = jg_arena_str(arena, address).data;
  if (text == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "out of start-up memory");
  }
  grpc_server_credentials *credentials = make_credentials();
  int port = grpc_server_add_http2_port(server->core, text, credentials);
  grpc_server_credentials_release(credentials);
  if (port <= 0) {
    return jg_status_printf(arena, JG_UNAVAILABLE, JG_REASON_NONE,
                            "cannot listen on %s: in use, or not an address of this machine", text);
  }
  server->port = (unsigned)port;
  return JG_STATUS_OK;
}

static void add_method(struct jg_grpc_server *server, const struct jg_method *method) {
  struct jg_grpc_method *row = &server->methods[server->method_count++];
  row->method = method;
  jg_grpc_series_init(&row->series, server->app->metrics, method->name);
  if (method == &unknown_method) {
    return;
  }
  // The first message comes with the call itself, which saves an event; a client that streams is read message by message.
  row->registered = grpc_server_register_method(
      server->core, method->path, NULL,
      method->type == JG_METHOD_CLIENT_STREAM ? GRPC_SRM_PAYLOAD_NONE : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
  JG_ASSERT(row->registered != NULL);
}

static void add_methods(struct jg_grpc_server *server, const struct jg_grpc_server_options *options) {
  size_t count = options->method_count + JG_GRPC_HEALTH_METHODS + JG_GRPC_REFLECTION_METHODS + 1;
  server->methods = jg_alloc_zero(count, sizeof(*server->methods));
  for (size_t i = 0; i < options->method_count; i++) {
    add_method(server, &options->methods[i]);
  }
  server->table_count = server->method_count;
  for (size_t i = 0; i < JG_GRPC_HEALTH_METHODS; i++) {
    add_method(server, &jg_grpc_health_methods[i]);
  }
  for (size_t i = 0; server->descriptors != NULL && i < JG_GRPC_REFLECTION_METHODS; i++) {
    add_method(server, &jg_grpc_reflection_methods[i]);
  }
  // Without it a call to a method that nobody registered would never be answered.
  add_method(server, &unknown_method);
}

static void create_core(struct jg_grpc_server *server, const struct jg_grpc_server_options *options) {
  struct jg_grpc_args args;
  jg_grpc_args_init(&args, options->receive_bytes_max != 0 ? options->receive_bytes_max : RECEIVE_BYTES_MAX_DEFAULT,
                    METADATA_CORE_FACTOR * server->metadata_bytes_max,
                    options->streams_max != 0 ? options->streams_max : STREAMS_MAX_DEFAULT);
  server->core = grpc_server_create(&args.args, NULL);
  add_methods(server, options);
  jg_grpc_queues_create(server, options->threads, options->stream_threads);
  // A queue of its own, so that stop can wait for one event with a deadline.
  server->shutdown_queue = grpc_completion_queue_create_for_pluck(NULL);
  grpc_server_register_completion_queue(server->core, server->shutdown_queue, NULL);
}

/* A server that was stopped, or that never started. */
static void free_server(struct jg_grpc_server *server) {
  jg_grpc_fan_destroy(server->fan);
  jg_grpc_queues_end(server);
  if (server->core != NULL) {
    grpc_completion_queue_shutdown(server->shutdown_queue);
    grpc_server_destroy(server->core);
    grpc_completion_queue_destroy(server->shutdown_queue);
  }
  jg_grpc_queues_free(server);
  jg_grpc_core_done();
  jg_grpc_descriptors_destroy(server->descriptors);
  jg_free(server->methods);
  JG_ASSERT(pthread_mutex_destroy(&server->open_mutex) == 0);
  JG_ASSERT(pthread_mutex_destroy(&server->stop_mutex) == 0);
  JG_ASSERT(pthread_cond_destroy(&server->queue_ended) == 0);
  server->magic = 0;
  jg_free(server);
}
