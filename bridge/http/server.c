// The server: its life, its loop thread, what reaches the loop from other threads.

#include "bridge/http/server.h"

#include <linux/filter.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "bridge/http/http_internal.h"

#define LISTEN_BACKLOG 1024
#define NS_PER_MS INT64_C(1000000)
#define COMMANDS_MAX 1024u
#define DRAIN_TICK_MS 10
#define SPARE_BUFS_MAX 16u
#define TCP_FLAGS_AT 13
#define TCP_SYN_BIT 0x02

struct drain_command {
  struct jg_queue_node node;
  int64_t grace_ms; /* negative: none, unless a drain has begun */
};

static const int refusal_statuses[JG_HTTP_REFUSED_COUNT] = {400, 408, 413, 414, 417, 431, 501, 503, 505};

static void register_metrics(struct jg_http_server *server, struct jg_metrics *metrics);
static void refuse_in_text(struct jg_http_request *request, int status, const char *message, void *data);
static struct jg_status listen_on(struct jg_http_server *server, struct jg_arena *arena);
static void *run_loop(void *data);
static void wake(void *data);
static void wake_done(uv_async_t *async);
static void tick_done(uv_timer_t *tick);
static void accept_done(uv_stream_t *listener, int status);
static void begin_drain(struct jg_http_server *server, int64_t grace_ms);
static void go_on_draining(struct jg_http_server *server);
static void settle_all(struct jg_http_server *server);
static void cut_connections(struct jg_http_server *server);

static void set_default_size(size_t *value, size_t standard) {
  *value = *value != 0 ? *value : standard;
}

static void set_default_ms(int64_t *value, int64_t standard) {
  *value = *value > 0 ? *value : standard;
}

static struct jg_http_limits with_defaults(struct jg_http_limits limits) {
  set_default_size(&limits.connections_max, JG_LIMIT_HTTP_CONNECTIONS);
  set_default_size(&limits.pipeline_max, JG_LIMIT_HTTP_PIPELINE);
  set_default_size(&limits.header_bytes_max, JG_LIMIT_HEADER_BYTES);
  set_default_size(&limits.target_bytes_max, JG_LIMIT_TARGET_BYTES);
  set_default_size(&limits.body_bytes_max, JG_LIMIT_BODY_BYTES);
  set_default_size(&limits.unwritten_bytes_max, 1u << 20);
  set_default_size(&limits.all_bodies_bytes_max, 256u << 20);
  set_default_size(&limits.all_unwritten_bytes_max, 512u << 20);
  set_default_ms(&limits.head_timeout_ms, 10000);
  set_default_ms(&limits.body_timeout_ms, 60000);
  set_default_ms(&limits.idle_timeout_ms, 75000);
  set_default_ms(&limits.write_timeout_ms, 30000);
  set_default_ms(&limits.linger_timeout_ms, 2000);
  set_default_ms(&limits.drain_idle_ms, 20);
  set_default_ms(&limits.drain_linger_ms, 100);
  set_default_ms(&limits.tick_ms, 250);
  return limits;
}

struct jg_http_server *jg_http_server_create(const struct jg_http_server_options *options) {
  JG_ASSERT(options->name != NULL && options->handler != NULL && options->clock != NULL);
  struct jg_http_server *server = jg_alloc_zero(1, sizeof(*server));
  server->magic = JG_HTTP_SERVER_MAGIC;
  server->name = options->name;
  char *address = jg_alloc(options->address.len + 1);
  if (options->address.len != 0) {
    memcpy(address, options->address.data, options->address.len);
  }
  server->address_asked = jg_str_make(address, options->address.len);
  server->handler = options->handler;
  server->refuse = options->refuse != NULL ? options->refuse : refuse_in_text;
  server->done = options->done;
  server->data = options->data;
  server->limits = with_defaults(options->limits);
  server->clock = options->clock;
  server->log = options->log;
  server->date_second = INT64_MIN;
  // Never full: each open request is in it at most once.
  jg_queue_init(&server->answers, SIZE_MAX, wake, server);
  jg_queue_init(&server->bufs, SPARE_BUFS_MAX, NULL, NULL);
  jg_queue_init(&server->commands, COMMANDS_MAX, wake, server);
  register_metrics(server, options->metrics);
  return server;
}

struct jg_status jg_http_server_start(struct jg_http_server *server, struct jg_arena *arena) {
  JG_ASSERT(!server->started);
  JG_ASSERT(uv_loop_init(&server->loop) == 0);
  server->loop.data = server;
  JG_ASSERT(uv_async_init(&server->loop, &server->wake, wake_done) == 0);
  JG_ASSERT(uv_timer_init(&server->loop, &server->tick) == 0);
  JG_ASSERT(uv_tcp_init(&server->loop, &server->listener) == 0);
  server->wake.data = server->tick.data = server->listener.data = server;
  server->started = true;
  struct jg_status status = listen_on(server, arena);
  if (jg_status_ok(status)) {
    JG_ASSERT(pthread_create(&server->thread, NULL, run_loop, server) == 0);
  } else {
    server->joined = true;
    uv_close((uv_handle_t *)&server->listener, NULL);
  }
  return status;
}

static struct jg_status listen_on(struct jg_http_server *server, struct jg_arena *arena) {
  struct jg_str asked = server->address_asked;
  struct sockaddr_storage address;
  if (!jg_http_listen_resolve(asked, &address)) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_NONE,
                            "the %s address '%.*s' is not an address and a port", server->name,
                            (int)(asked.len < 100 ? asked.len : 100), asked.data);
  }
  int error = uv_tcp_bind(&server->listener, (const struct sockaddr *)&address, 0);
  if (error == 0) {
    error = uv_listen((uv_stream_t *)&server->listener, LISTEN_BACKLOG, accept_done);
  }
  int len = sizeof(address);
  if (error == 0) {
    error = uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &len);
  }
  if (error != 0) {
    return jg_status_printf(arena, JG_UNAVAILABLE, JG_REASON_NONE, "cannot listen on %.*s: %s",
                            (int)(asked.len < 100 ? asked.len : 100), asked.data, uv_strerror(error));
  }
  jg_http_listen_format(&address, server->address, &server->port);
  return JG_STATUS_OK;
}

uint16_t jg_http_server_port(const struct jg_http_server *server) {
  return server->port;
}

struct jg_str jg_http_server_address(const struct jg_http_server *server) {
  return jg_str_from_cstr(server->address);
}

static void post_drain(struct jg_http_server *server, int64_t grace_ms) {
  struct drain_command *command = jg_alloc_zero(1, sizeof(*command));
  command->grace_ms = grace_ms;
  if (!jg_status_ok(jg_queue_post(&server->commands, &command->node))) {
    jg_free(command);  // The loop has ended, or has drains enough.
  }
}

void jg_http_server_drain(struct jg_http_server *server, int64_t grace_ms) {
  if (!server->started || server->joined) {
    return;
  }
  post_drain(server, grace_ms > 0 ? grace_ms : 0);
}

void jg_http_server_stop(struct jg_http_server *server) {
  if (!server->started || server->joined) {
    return;
  }
  post_drain(server, -1);
  JG_ASSERT(pthread_join(server->thread, NULL) == 0);
  server->joined = true;
}

static void free_commands(struct jg_queue_node *node) {
  while (node != NULL) {
    struct jg_queue_node *next = node->next;
    jg_free(node);
    node = next;
  }
}

void jg_http_server_destroy(struct jg_http_server *server) {
  if (server == NULL) {
    return;
  }
  JG_ASSERT(server->magic == JG_HTTP_SERVER_MAGIC);
  JG_ASSERT(!server->started || server->joined);
  if (server->started) {
    // The loop's descriptors stayed open: a thread that gave the last answer may have woken it after its end.
    uv_close((uv_handle_t *)&server->wake, NULL);
    uv_close((uv_handle_t *)&server->tick, NULL);
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);  // Nothing is left but these two.
    JG_ASSERT(uv_loop_close(&server->loop) == 0);
  }
  JG_ASSERT(server->connection_count == 0 && server->open_requests == 0);
  jg_http_work_free_spares(server);
  free_commands(jg_queue_take_all(&server->commands, 0));
  jg_queue_done(&server->answers);
  jg_queue_done(&server->bufs);
  jg_queue_done(&server->commands);
  jg_free((void *)server->address_asked.data);
  server->magic = 0;
  jg_free(server);
}

bool jg_http_server_on_loop(const struct jg_http_server *server) {
  return pthread_equal(pthread_self(), server->loop_thread) != 0;
}

static void *run_loop(void *data) {
  struct jg_http_server *server = data;
  server->loop_thread = pthread_self();
  // libuv writes without MSG_NOSIGNAL: a client that is gone must be an error, not a signal.
  sigset_t pipe;
  (void)sigemptyset(&pipe);
  (void)sigaddset(&pipe, SIGPIPE);
  JG_ASSERT(pthread_sigmask(SIG_BLOCK, &pipe, NULL) == 0);
  (void)uv_run(&server->loop, UV_RUN_DEFAULT);  // Ends by uv_stop.
  return NULL;
}

/* Thread: any. */
static void wake(void *data) {
  struct jg_http_server *server = data;
  int error = uv_async_send(&server->wake);
  JG_ASSERT(error == 0);
}

static void wake_done(uv_async_t *async) {
  struct jg_http_server *server = async->data;
  // Wakes merge: take everything.
  struct jg_queue_node *node = jg_queue_take_all(&server->answers, 0);
  while (node != NULL) {
    struct jg_queue_node *next = node->next;
    jg_http_work_arrived((struct jg_http_work *)node);
    node = next;
  }
  node = jg_queue_take_all(&server->commands, 0);
  while (node != NULL) {
    struct jg_queue_node *next = node->next;
    begin_drain(server, ((struct drain_command *)node)->grace_ms);
    jg_free(node);
    node = next;
  }
  jg_http_server_settle(server);
}

static void tick_done(uv_timer_t *tick) {
  struct jg_http_server *server = tick->data;
  jg_http_timeout_sweep(server);
  if (server->draining) {
    go_on_draining(server);
  }
  jg_http_server_settle(server);
}

static void start_ticking(struct jg_http_server *server, int64_t ms) {
  server->ticking = true;
  int error = uv_timer_start(&server->tick, tick_done, (uint64_t)ms, (uint64_t)ms);
  JG_ASSERT(error == 0);
}

/* The timer runs while there is something to time. */
static void set_ticking(struct jg_http_server *server, bool on) {
  if (server->ticking == on || server->draining) {
    return;
  }
  if (on) {
    start_ticking(server, server->limits.tick_ms);
    return;
  }
  server->ticking = false;
  int error = uv_timer_stop(&server->tick);
  JG_ASSERT(error == 0);
}

static void accept_done(uv_stream_t *listener, int status) {
  struct jg_http_server *server = listener->data;
  if (status != 0 || server->closed) {
    return;
  }
  if (server->connection_count >= server->limits.connections_max) {
    // libuv keeps the one it has and listens no further until it is taken.
    server->accept_paused = true;
    jg_metric_add(server->accept_pauses, 1);
    return;
  }
  set_ticking(server, true);
  jg_http_connection_accept(server, -1);
  jg_http_server_settle(server);
}

void jg_http_server_connection_gone(struct jg_http_server *server) {
  JG_ASSERT(server->connection_count > 0);
  server->connection_count--;
  jg_metric_set(server->connections_open, (int64_t)server->connection_count);
  if (server->accept_paused && !server->closed) {
    server->accept_paused = false;
    jg_http_connection_accept(server, -1);
  }
  set_ticking(server, server->connection_count != 0);
  jg_http_server_settle(server);
}

void jg_http_server_settle(struct jg_http_server *server) {
  while (server->dirty != NULL) {
    struct jg_http_connection *connection = server->dirty;
    server->dirty = connection->dirty_next;
    connection->dirty = false;
    if (connection->state != JG_HTTP_CLOSING) {
      jg_http_connection_settle(connection);
    }
  }
  if (server->closed && server->connection_count == 0 && server->open_requests == 0) {
    jg_queue_close(&server->answers);
    jg_queue_close(&server->commands);
    uv_stop(&server->loop);
  }
}

static void begin_drain(struct jg_http_server *server, int64_t grace_ms) {
  if (grace_ms < 0 && server->draining) {
    return;
  }
  grace_ms = grace_ms < 0 ? 0 : grace_ms;
  int64_t now_ns = jg_clock_mono_ns(server->clock);
  int64_t deadline_ns = grace_ms < (INT64_MAX - now_ns) / NS_PER_MS ? now_ns + grace_ms * NS_PER_MS : INT64_MAX;
  if (!server->draining) {
    server->draining = true;
    server->drain_deadline_ns = deadline_ns;
    server->drain_close_ns = now_ns + server->limits.drain_idle_ms * NS_PER_MS;
    start_ticking(server, server->limits.tick_ms < DRAIN_TICK_MS ? server->limits.tick_ms : DRAIN_TICK_MS);
    settle_all(server);  // The times that they have are shorter now.
  } else if (deadline_ns < server->drain_deadline_ns) {
    server->drain_deadline_ns = deadline_ns;
  }
  go_on_draining(server);
}

/* No connection begins any more: who tries hears nothing, tries again after a second, and is refused then. Else one that begins
 * just when the listener closes would be reset. Those whose handshake is under way are let in. */
static void bar(struct jg_http_server *server) {
  // Classic BPF (socket(7)) over the TCP header: what has SYN is dropped (RFC 9293, 3.1). Without it we are right but for a moment.
  struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_AT),
                               BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TCP_SYN_BIT, 0, 1), BPF_STMT(BPF_RET | BPF_K, 0),
                               BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)};
  const struct sock_fprog program = {.len = JG_COUNT(code), .filter = code};
  uv_os_fd_t listener;
  JG_ASSERT(uv_fileno((uv_handle_t *)&server->listener, &listener) == 0);
  (void)setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
  server->barred = true;
}

/* What has come since the loop looked would be reset with the listener. */
static void accept_the_last(struct jg_http_server *server) {
  uv_os_fd_t listener;
  JG_ASSERT(uv_fileno((uv_handle_t *)&server->listener, &listener) == 0);
  while (server->connection_count < server->limits.connections_max) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      return;
    }
    jg_http_connection_accept(server, fd);
  }
}

/* Does what is due by now. Neither the listener nor idle connections close at the drain's beginning: the next request of a client
 * that makes one after the other is on its way, and would be lost; once it is answered its client knows. */
static void go_on_draining(struct jg_http_server *server) {
  int64_t now_ns = jg_clock_mono_ns(server->clock);
  bool cut = now_ns >= server->drain_deadline_ns;
  bool barred = server->barred;
  if (!barred && (cut || now_ns >= server->drain_close_ns)) {
    bar(server);
  }
  // A tick later, so that a handshake may end.
  if (!server->closed && (cut || barred)) {
    accept_the_last(server);
    server->closed = true;
    uv_close((uv_handle_t *)&server->listener, NULL);
  }
  if (cut) {
    cut_connections(server);
  }
}

static void settle_all(struct jg_http_server *server) {
  for (struct jg_http_connection *c = server->connections; c != NULL; c = c->next) {
    jg_http_connection_dirty(c);
  }
}

static void cut_connections(struct jg_http_server *server) {
  for (struct jg_http_connection *c = server->connections; c != NULL; c = c->next) {
    jg_http_connection_close(c);
  }
}

struct jg_str jg_http_server_date(struct jg_http_server *server) {
  static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  int64_t second = jg_clock_now_ticks(server->clock) / JG_TICKS_PER_SECOND;
  if (second != server->date_second) {
    server->date_second = second;
    time_t seconds = (time_t)second;
    struct tm tm = {0};
    (void)gmtime_r(&seconds, &tm);  // The clock's years fit.
    int len =
        snprintf(server->date, sizeof(server->date), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                 tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    JG_ASSERT(len == 37);
  }
  return jg_str_make(server->date, 37);
}

void jg_http_server_count_refusal(struct jg_http_server *server, int status) {
  for (size_t i = 0; i < JG_COUNT(refusal_statuses); i++) {
    if (refusal_statuses[i] == status) {
      jg_metric_add(server->refused[i], 1);
    }
  }
}

static void register_metrics(struct jg_http_server *server, struct jg_metrics *metrics) {
  char labels[128];
  (void)snprintf(labels, sizeof(labels), "server=\"%s\"", server->name);  // Names are short and ours.
  server->connections_open = jg_metrics_gauge(metrics, "http_connections", "Open HTTP connections.", labels);
  server->connections_total =
      jg_metrics_counter(metrics, "http_connections_total", "HTTP connections accepted.", labels);
  server->accept_pauses = jg_metrics_counter(metrics, "http_accept_pauses_total",
                                             "Times that accepting paused at the limit of connections.", labels);
  server->timeouts = jg_metrics_counter(metrics, "http_timeouts_total",
                                        "HTTP connections ended because their client took too long.", labels);
  for (size_t i = 0; i < JG_COUNT(refusal_statuses); i++) {
    (void)snprintf(labels, sizeof(labels), "server=\"%s\",status=\"%d\"", server->name, refusal_statuses[i]);
    server->refused[i] =
        jg_metrics_counter(metrics, "http_refused_total", "Requests refused before they reached a handler.", labels);
  }
}

static void refuse_in_text(struct jg_http_request *request, int status, const char *message, void *data) {
  (void)data;
  const struct jg_http_header type = {JG_STR("Content-Type"), JG_STR("text/plain; charset=utf-8")};
  struct jg_http_response response = {
      .status = status, .headers = &type, .header_count = 1, .text = jg_str_from_cstr(message)};
  jg_http_respond(request, &response);
}
