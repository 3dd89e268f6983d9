// One connection: reading, the order of its requests, its end.

#include "bridge/http/http_internal.h"

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf);
static void read_done(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf);
static void run_waiting(struct jg_http_connection *connection);
static void parse_held(struct jg_http_connection *connection);
static void set_reading(struct jg_http_connection *connection, bool on);
static void begin_linger(struct jg_http_connection *connection);
static void close_done(uv_handle_t *handle);

static bool is_loopback(const struct sockaddr_storage *address) {
  if (address->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
    return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
  }
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
  if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
    return in6->sin6_addr.s6_addr[12] == 127;
  }
  return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

void jg_http_connection_accept(struct jg_http_server *server, int fd) {
  struct jg_http_connection *connection = jg_alloc_zero(1, sizeof(*connection));
  connection->magic = JG_HTTP_CONNECTION_MAGIC;
  connection->server = server;
  connection->timeout = JG_HTTP_TIMEOUT_NONE;
  jg_buf_init(&connection->held, JG_HTTP_READ_BYTES);
  llhttp_init(&connection->parser, HTTP_REQUEST, &jg_http_parser_settings);
  connection->parser.data = connection;
  int error = uv_tcp_init(&server->loop, &connection->tcp);
  JG_ASSERT(error == 0);
  connection->tcp.data = connection;
  connection->next = server->connections;
  if (connection->next != NULL) {
    connection->next->previous = connection;
  }
  server->connections = connection;
  server->connection_count++;
  jg_metric_set(server->connections_open, (int64_t)server->connection_count);
  jg_metric_add(server->connections_total, 1);
  struct sockaddr_storage peer = {0};
  int peer_len = sizeof(peer);
  error = fd < 0 ? uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&connection->tcp)
                 : uv_tcp_open(&connection->tcp, fd);
  JG_ASSERT(error == 0 || fd < 0);  // An accepted socket of ours opens.
  if (error != 0 || uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&peer, &peer_len) != 0) {
    jg_http_connection_close(connection);
    return;
  }
  connection->peer_loopback = is_loopback(&peer);
  connection->peer = jg_ip_of((const struct sockaddr *)&peer);
  (void)uv_tcp_nodelay(&connection->tcp, 1);  // Slower without, but right.
  jg_http_connection_settle(connection);
}

static struct jg_http_connection *connection_of(void *data) {
  struct jg_http_connection *connection = data;
  JG_ASSERT(connection->magic == JG_HTTP_CONNECTION_MAGIC);
  return connection;
}

/* All connections share one buffer: what is read is used up or copied before the next read. */
static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf) {
  (void)suggested;
  struct jg_http_server *server = connection_of(handle->data)->server;
  *ret_buf = uv_buf_init(server->read_buffer, sizeof(server->read_buffer));
}

/* Its first answer comes in pieces for as long as its client listens: the client's end is the answer's, and is looked for. */
static bool is_streaming(const struct jg_http_connection *connection) {
  return connection->first != NULL && connection->first->state == JG_HTTP_REQUEST_STREAMING;
}

static void read_done(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
  struct jg_http_connection *connection = connection_of(stream->data);
  struct jg_http_server *server = connection->server;
  if (connection->state == JG_HTTP_CLOSING || len == 0) {
    return;
  }
  if (len == UV_EOF) {
    connection->eof = true;
    if (connection->current != NULL) {
      jg_http_work_recycle(connection->current);
      connection->current = NULL;
    }
    if (connection->state == JG_HTTP_OPEN) {
      connection->state = JG_HTTP_LAST;
    }
    if (is_streaming(connection)) {
      jg_http_connection_close(connection);
    }
  } else if (len < 0) {
    jg_http_connection_close(connection);
  } else if (connection->state == JG_HTTP_OPEN) {
    size_t used = jg_http_parse(connection, buf->base, (size_t)len);
    jg_buf_append(&connection->held, buf->base + used, (size_t)len - used);
    JG_ASSERT(!connection->held.failed);
  }
  jg_http_connection_settle(connection);
  jg_http_server_settle(server);
}

bool jg_http_connection_may_read(const struct jg_http_connection *connection) {
  const struct jg_http_limits *limits = &connection->server->limits;
  return connection->state == JG_HTTP_OPEN && connection->count < limits->pipeline_max &&
         connection->ahead_bytes < JG_HTTP_AHEAD_BYTES && connection->unwritten_bytes < limits->unwritten_bytes_max;
}

static size_t read_bytes(const struct jg_http_work *work) {
  return work->text.len + work->body.len;
}

void jg_http_connection_push(struct jg_http_connection *connection, struct jg_http_work *work) {
  work->next = NULL;
  if (connection->last != NULL) {
    connection->last->next = work;
  } else {
    connection->first = work;
  }
  connection->last = work;
  connection->count++;
  if (work->interim) {
    return;
  }
  work->state = JG_HTTP_REQUEST_WAITING;
  connection->ahead_bytes += read_bytes(work);
  if (connection->waiting == NULL) {
    connection->waiting = work;
  }
}

void jg_http_connection_add_unwritten(struct jg_http_connection *connection, size_t bytes) {
  connection->unwritten_bytes += bytes;
  connection->server->unwritten_bytes += bytes;
}

void jg_http_connection_sub_unwritten(struct jg_http_connection *connection, size_t bytes) {
  JG_ASSERT(bytes <= connection->unwritten_bytes && bytes <= connection->server->unwritten_bytes);
  connection->unwritten_bytes -= bytes;
  connection->server->unwritten_bytes -= bytes;
}

void jg_http_connection_dirty(struct jg_http_connection *connection) {
  if (connection->dirty || connection->settling) {
    return;
  }
  connection->dirty = true;
  connection->dirty_next = connection->server->dirty;
  connection->server->dirty = connection;
}

static bool is_safe(const struct jg_http_work *work) {
  return work->refusal_status != 0 || work->pub.method == JG_HTTP_GET || work->pub.method == JG_HTTP_HEAD;
}

/* An unsafe request runs alone: after all before it were answered, and before all behind it (RFC 9112 section 9.3.2). */
static bool may_run(const struct jg_http_connection *connection) {
  const struct jg_http_work *work = connection->waiting;
  if (work == NULL || connection->unwritten_bytes >= connection->server->limits.unwritten_bytes_max) {
    return false;
  }
  return connection->running == 0 ||
         (is_safe(work) && !connection->running_unsafe && connection->running < JG_HTTP_PARALLEL);
}

static bool may_go_on(const struct jg_http_connection *connection) {
  if (connection->state == JG_HTTP_CLOSING) {
    return false;
  }
  return may_run(connection) || jg_http_write_due(connection) ||
         (connection->held.len != 0 && jg_http_connection_may_read(connection));
}

void jg_http_connection_settle(struct jg_http_connection *connection) {
  JG_ASSERT(!connection->settling);
  connection->settling = true;
  while (may_go_on(connection)) {
    run_waiting(connection);
    jg_http_write_answers(connection);
    parse_held(connection);
  }
  connection->settling = false;
  if (connection->state == JG_HTTP_CLOSING) {
    return;
  }
  bool idle = connection->count == 0 && !connection->writing;
  if (idle && connection->state == JG_HTTP_LAST) {
    if (connection->eof) {
      jg_http_connection_close(connection);
      return;
    }
    begin_linger(connection);
  } else if (connection->state == JG_HTTP_LINGER && connection->eof) {
    jg_http_connection_close(connection);
    return;
  }
  if (is_streaming(connection) && connection->eof) {
    jg_http_connection_close(connection);
    return;
  }
  bool wants = connection->state == JG_HTTP_LINGER || jg_http_connection_may_read(connection) ||
               (connection->state == JG_HTTP_LAST && is_streaming(connection));
  set_reading(connection, wants && !connection->eof);
  jg_http_timeout_set(connection);
}

static void run_waiting(struct jg_http_connection *connection) {
  struct jg_http_server *server = connection->server;
  while (connection->state != JG_HTTP_CLOSING && may_run(connection)) {
    struct jg_http_work *work = connection->waiting;
    connection->waiting = work->next;
    while (connection->waiting != NULL && connection->waiting->interim) {
      connection->waiting = connection->waiting->next;
    }
    connection->ahead_bytes -= read_bytes(work);
    connection->running++;
    connection->running_unsafe = !is_safe(work);
    server->open_requests++;
    work->state = JG_HTTP_REQUEST_RUNNING;
    if (work->refusal_status == 0 && server->unwritten_bytes >= server->limits.all_unwritten_bytes_max) {
      work->refusal_status = 503;
      work->refusal_message = "too many answers wait for their clients";
      jg_http_server_count_refusal(server, 503);
    }
    if (work->refusal_status == 0) {
      server->handler(&work->pub, server->data);
      continue;
    }
    server->refuse(&work->pub, work->refusal_status, work->refusal_message, server->data);
    JG_ASSERT(work->state == JG_HTTP_REQUEST_ANSWERED);
  }
}

static void parse_held(struct jg_http_connection *connection) {
  struct jg_buf *held = &connection->held;
  if (held->len == 0 || connection->state == JG_HTTP_CLOSING || !jg_http_connection_may_read(connection)) {
    return;
  }
  size_t used = jg_http_parse(connection, held->data + connection->held_at, held->len - connection->held_at);
  connection->held_at += used;
  if (connection->held_at == held->len) {
    jg_buf_done(held);
    jg_buf_init(held, JG_HTTP_READ_BYTES);
    connection->held_at = 0;
  }
}

static void set_reading(struct jg_http_connection *connection, bool on) {
  if (connection->reading == on) {
    return;
  }
  connection->reading = on;
  if (on) {
    int error = uv_read_start((uv_stream_t *)&connection->tcp, allocate, read_done);
    JG_ASSERT(error == 0);
  } else {
    (void)uv_read_stop((uv_stream_t *)&connection->tcp);  // It always succeeds.
  }
}

static void shutdown_done(uv_shutdown_t *shutdown, int status) {
  struct jg_http_connection *connection = connection_of(shutdown->data);
  if (status != 0 && connection->state != JG_HTTP_CLOSING) {
    jg_http_connection_close(connection);
    jg_http_server_settle(connection->server);
  }
}

/* Closing with unread bytes would reset the connection, and the client might lose our last answer (RFC 9112 section 9.6). */
static void begin_linger(struct jg_http_connection *connection) {
  connection->state = JG_HTTP_LINGER;
  connection->shutdown.data = connection;
  if (uv_shutdown(&connection->shutdown, (uv_stream_t *)&connection->tcp, shutdown_done) != 0) {
    jg_http_connection_close(connection);
  }
}

void jg_http_connection_close(struct jg_http_connection *connection) {
  if (connection->state == JG_HTTP_CLOSING) {
    return;
  }
  connection->state = JG_HTTP_CLOSING;
  jg_http_timeout_clear(connection);
  if (connection->current != NULL) {
    jg_http_work_recycle(connection->current);
    connection->current = NULL;
  }
  jg_http_write_drop(connection);
  uv_close((uv_handle_t *)&connection->tcp, close_done);
}

static void close_done(uv_handle_t *handle) {
  struct jg_http_connection *connection = connection_of(handle->data);
  struct jg_http_server *server = connection->server;
  JG_ASSERT(connection->written == NULL && connection->streamed == NULL);
  JG_ASSERT(connection->first == NULL && !connection->dirty);
  if (connection->previous != NULL) {
    connection->previous->next = connection->next;
  } else {
    server->connections = connection->next;
  }
  if (connection->next != NULL) {
    connection->next->previous = connection->previous;
  }
  jg_buf_done(&connection->held);
  connection->magic = 0;
  jg_free(connection);
  jg_http_server_connection_gone(server);
}
