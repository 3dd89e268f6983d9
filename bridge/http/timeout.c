// Time-outs: one list per kind. All of a kind last equally long, so that a list in the order of its starts is in the order of
// its ends, and a sweep looks at what is due alone.

#include "bridge/http/http_internal.h"

#define NS_PER_MS INT64_C(1000000)

static int64_t duration_ns(const struct jg_http_server *server, enum jg_http_timeout kind) {
  const struct jg_http_limits *limits = &server->limits;
  const int64_t ms[JG_HTTP_TIMEOUT_COUNT] = {
      [JG_HTTP_TIMEOUT_HEAD] = limits->head_timeout_ms,         [JG_HTTP_TIMEOUT_BODY] = limits->body_timeout_ms,
      [JG_HTTP_TIMEOUT_IDLE] = limits->idle_timeout_ms,         [JG_HTTP_TIMEOUT_WRITE] = limits->write_timeout_ms,
      [JG_HTTP_TIMEOUT_LINGER] = limits->linger_timeout_ms,     [JG_HTTP_TIMEOUT_DRAIN_IDLE] = limits->drain_idle_ms,
      [JG_HTTP_TIMEOUT_DRAIN_LINGER] = limits->drain_linger_ms,
  };
  return ms[kind] * NS_PER_MS;
}

/* What the connection is waiting for from its client. */
static enum jg_http_timeout kind_of(const struct jg_http_connection *connection) {
  if (connection->state == JG_HTTP_LINGER) {
    return connection->server->draining ? JG_HTTP_TIMEOUT_DRAIN_LINGER : JG_HTTP_TIMEOUT_LINGER;
  }
  if (connection->writing) {
    return JG_HTTP_TIMEOUT_WRITE;
  }
  if (!jg_http_connection_may_read(connection)) {
    return JG_HTTP_TIMEOUT_NONE;  // It waits for us.
  }
  if (connection->current != NULL) {
    return connection->current->head_done ? JG_HTTP_TIMEOUT_BODY : JG_HTTP_TIMEOUT_HEAD;
  }
  if (connection->count != 0) {
    return JG_HTTP_TIMEOUT_NONE;
  }
  return connection->server->draining ? JG_HTTP_TIMEOUT_DRAIN_IDLE : JG_HTTP_TIMEOUT_IDLE;
}

static uint64_t progress(const struct jg_http_connection *connection) {
  return connection->submitted_bytes - uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp);
}

void jg_http_timeout_clear(struct jg_http_connection *connection) {
  struct jg_http_server *server = connection->server;
  enum jg_http_timeout kind = connection->timeout;
  if (kind == JG_HTTP_TIMEOUT_NONE) {
    return;
  }
  if (connection->timeout_previous != NULL) {
    connection->timeout_previous->timeout_next = connection->timeout_next;
  } else {
    server->timeout_first[kind] = connection->timeout_next;
  }
  if (connection->timeout_next != NULL) {
    connection->timeout_next->timeout_previous = connection->timeout_previous;
  } else {
    server->timeout_last[kind] = connection->timeout_previous;
  }
  connection->timeout_previous = connection->timeout_next = NULL;
  connection->timeout = JG_HTTP_TIMEOUT_NONE;
}

static void start(struct jg_http_connection *connection, enum jg_http_timeout kind) {
  struct jg_http_server *server = connection->server;
  connection->timeout = kind;
  connection->timeout_serial = connection->serial;
  connection->timeout_progress = progress(connection);
  connection->deadline_ns = jg_clock_mono_ns(server->clock) + duration_ns(server, kind);
  connection->timeout_previous = server->timeout_last[kind];
  if (connection->timeout_previous != NULL) {
    connection->timeout_previous->timeout_next = connection;
  } else {
    server->timeout_first[kind] = connection;
  }
  server->timeout_last[kind] = connection;
}

void jg_http_timeout_set(struct jg_http_connection *connection) {
  enum jg_http_timeout kind = kind_of(connection);
  // The serial tells one request's time from the next one's.
  if (kind == connection->timeout && connection->serial == connection->timeout_serial) {
    return;
  }
  jg_http_timeout_clear(connection);
  if (kind != JG_HTTP_TIMEOUT_NONE) {
    start(connection, kind);
  }
}

static void expire(struct jg_http_connection *connection) {
  struct jg_http_server *server = connection->server;
  enum jg_http_timeout kind = connection->timeout;
  if (kind == JG_HTTP_TIMEOUT_WRITE && progress(connection) != connection->timeout_progress) {
    jg_http_timeout_clear(connection);
    start(connection, kind);
    return;
  }
  if (kind == JG_HTTP_TIMEOUT_DRAIN_IDLE) {
    connection->state = JG_HTTP_LAST;
    jg_http_connection_settle(connection);
    return;
  }
  jg_metric_add(server->timeouts, 1);
  if (kind != JG_HTTP_TIMEOUT_HEAD && kind != JG_HTTP_TIMEOUT_BODY) {
    jg_http_connection_close(connection);
    return;
  }
  jg_http_parse_refuse(connection, 408, "the request did not arrive in time");
  jg_http_connection_settle(connection);
}

void jg_http_timeout_sweep(struct jg_http_server *server) {
  int64_t now_ns = jg_clock_mono_ns(server->clock);
  for (size_t kind = 0; kind < JG_HTTP_TIMEOUT_COUNT; kind++) {
    struct jg_http_connection *connection = server->timeout_first[kind];
    while (connection != NULL && connection->deadline_ns <= now_ns) {
      expire(connection);
      // An expired connection has left the list or stands at its end with a later deadline.
      connection = server->timeout_first[kind];
    }
  }
}
