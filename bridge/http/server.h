/* An HTTP/1.1 server (RFC 9110, RFC 9112) on one libuv loop thread of its own: keep-alive, pipelining, chunked and sized
 * request bodies, limits and time-outs on everything a client can grow. It knows no route: one handler gets every request,
 * may answer from any thread, and answers leave in the order of the requests.
 * Pipelined requests run side by side only while all of them are GET or HEAD (RFC 9112 section 9.3.2). */
#ifndef JG_BRIDGE_HTTP_SERVER_H
#define JG_BRIDGE_HTTP_SERVER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/status.h"

struct jg_http_server;

enum jg_http_method {
  JG_HTTP_GET,
  JG_HTTP_HEAD,
  JG_HTTP_POST,
  JG_HTTP_PUT,
  JG_HTTP_PATCH,
  JG_HTTP_DELETE,
  JG_HTTP_OPTIONS,
  JG_HTTP_OTHER, /* any further method that the parser knows; see method_name */
  JG_HTTP_METHOD_COUNT
};

struct jg_http_header {
  struct jg_str name;  /* as sent; names compare without case */
  struct jg_str value; /* without white space around it */
};

/* One request. Made by the server; read by the handler and whoever it hands the request to, until it is answered. Plain
 * value so that handlers read it directly; only the members from route on are theirs to set. Thread: one at a time. */
struct jg_http_request {
  uint32_t magic;
  enum jg_http_method method;
  struct jg_str method_name; /* "GET"; empty if the request line was unreadable */
  struct jg_str target;      /* as sent */
  struct jg_str path;        /* raw, escapes as sent; begins with '/', or is "*"; empty if it was unreadable */
  struct jg_str query;       /* raw, what follows '?'; data NULL if there is no '?' */
  /* Authority of an absolute target, else Host: letters, digits, ".-_~", an optional port, or [IPv6]. HTTP/1.0 without one
   * and an empty one: the server's own address. */
  struct jg_str host;
  const struct jg_http_header *headers;
  size_t header_count;
  struct jg_str body;
  bool http_1_0;
  bool peer_loopback;
  struct jg_ip peer;
  int64_t received_ns; /* monotonic: when it was complete */

  struct jg_arena arena; /* for what belongs to this request; ends after its answer has left */
  const char *route;     /* static text for metrics; "none" unless the handler sets it */
  void *context;         /* the handler's */
  /* Set inside the handler or never: called on the loop, at most once, when the client is gone before the answer was given.
   * The request must still be answered. */
  void (*on_gone)(struct jg_http_request *request);
  /* Of a streamed answer alone: set before it starts. See jg_http_stream_start. */
  void (*on_sent)(struct jg_http_request *request, bool ok);
  /* Go with whatever answers it, in front of the answer's own. Set inside the handler; static, or in the request's arena. */
  const struct jg_http_header *added_headers;
  size_t added_header_count;
};

/* An answer. Date, Content-Length and Connection are the server's to write. A HEAD request gets the head alone. */
struct jg_http_response {
  int status; /* 200 to 599 */
  /* Borrowed during the call. Names and values hold no CR, LF or NUL. */
  const struct jg_http_header *headers;
  size_t header_count;
  /* The body is at most one of these three; none of them is copied. */
  struct jg_str text;      /* static, or in the request's arena */
  struct jg_buf buf;       /* takes */
  struct jg_bytes *shared; /* takes one reference */
  bool close;              /* end the connection after it */
};

/* Called on the loop with a complete request; must not block. It answers with jg_http_respond, now or later. */
typedef void (*jg_http_handler)(struct jg_http_request *request, void *data);
/* Called on the loop instead of the handler for a request that the server itself refuses: 400, 408, 413, 414, 417, 431, 501,
 * 503 or 505. It must answer at once, with that status; the connection ends after it, but for a 503 about other clients'
 * answers. message: static, lower case. */
typedef void (*jg_http_refuse)(struct jg_http_request *request, int status, const char *message, void *data);
/* Called on the loop for every answered request (refusals too) once the answer has left or was given up, just before the
 * request goes. status: what was sent, or 499 if the client was gone before an answer's end or a streamed answer's head.
 * body_bytes: sent. */
typedef void (*jg_http_done)(struct jg_http_request *request, int status, size_t body_bytes, void *data);

/* A member that is 0 takes the default that stands behind it. */
struct jg_http_limits {
  size_t connections_max;     /* JG_LIMIT_HTTP_CONNECTIONS; then accepting pauses */
  size_t pipeline_max;        /* JG_LIMIT_HTTP_PIPELINE requests read ahead; then reading pauses */
  size_t header_bytes_max;    /* JG_LIMIT_HEADER_BYTES: 431; more than 100 fields too */
  size_t target_bytes_max;    /* JG_LIMIT_TARGET_BYTES: 414 */
  size_t body_bytes_max;      /* JG_LIMIT_BODY_BYTES: 413 */
  size_t unwritten_bytes_max; /* 1 MiB of answers waiting for the client; then reading and new calls pause */
  /* Of all connections together: bodies that were read for requests that are not over, and answers that are not written.
   * 256 MiB and 512 MiB; beyond, requests are refused with 503. */
  size_t all_bodies_bytes_max;
  size_t all_unwritten_bytes_max;
  int64_t head_timeout_ms;   /* 10,000, from a request's first byte to the end of its head: 408 */
  int64_t body_timeout_ms;   /* 60,000, from there to the end of its body: 408 */
  int64_t idle_timeout_ms;   /* 75,000 without a request: the connection is closed */
  int64_t write_timeout_ms;  /* 30,000 without progress of an answer: the connection is cut */
  int64_t linger_timeout_ms; /* 2,000 of waiting for the client's end after our own (RFC 9112 section 9.6) */
  /* While it drains: 20 that idle connections get for a request that is on its way, and new ones to come in; then 100 instead of
   * linger_timeout_ms, as a client that keeps connections for later looks at none of them now. */
  int64_t drain_idle_ms;
  int64_t drain_linger_ms;
  int64_t tick_ms; /* 250, or 10 while it drains: how often time-outs are looked at; time itself comes from the clock */
};

struct jg_http_server_options {
  const char *name; /* static; label "server" of its metrics: "http", "admin" */
  /* "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; port 0 picks a free one. Borrowed during create. */
  struct jg_str address;
  jg_http_handler handler;
  jg_http_refuse refuse; /* NULL: text/plain */
  jg_http_done done;     /* NULL: none */
  void *data;            /* of the three; borrowed until destroy */
  struct jg_http_limits limits;
  const struct jg_clock *clock;
  struct jg_metrics *metrics; /* NULL is allowed */
  const struct jg_log *log;   /* NULL is allowed */
};

/* Never fails; nothing runs yet. Thread: any, for this and the five below, but not the loop. */
struct jg_http_server *jg_http_server_create(const struct jg_http_server_options *options);
/* Binds, listens and starts the loop thread. INVALID_ARGUMENT: address; UNAVAILABLE: it cannot be listened on. Texts in arena.
 * Call it once. */
JG_MUST_CHECK struct jg_status jg_http_server_start(struct jg_http_server *server, struct jg_arena *arena);
/* After start: the real port, and "127.0.0.1:40031" (lives as long as the server). */
uint16_t jg_http_server_port(const struct jg_http_server *server);
struct jg_str jg_http_server_address(const struct jg_http_server *server);
/* Begins the end and returns at once: answers say Connection: close, a moment later (drain_idle_ms) accepting stops and idle
 * connections close, the others finish their open requests; after grace_ms (of the clock; 0: now) what is left is cut. May be
 * repeated with a shorter grace. */
void jg_http_server_drain(struct jg_http_server *server, int64_t grace_ms);
/* Waits until the loop has ended: all connections closed and every request answered by its handler, so stop the store after
 * this. Drains with grace 0 unless a drain has begun. Does nothing if the server is not started. */
void jg_http_server_stop(struct jg_http_server *server);
void jg_http_server_destroy(struct jg_http_server *server); /* stopped or never started; NULL is allowed */

/* Answers: exactly once; the request is gone afterwards. Takes the response's buf and shared. Thread: any. */
void jg_http_respond(struct jg_http_request *request, struct jg_http_response *response);

/* Answers in pieces, for a body whose length nobody knows (RFC 9112 section 7.1): chunked; to an HTTP/1.0 client up to the
 * connection's end. Three kinds of steps, one at a time: start, send as often as wanted, end. After start and each send comes
 * request->on_sent on the loop, then the next step may be given, from any thread, inside on_sent too; so one piece waits for the
 * client, beside what the socket holds. on_sent with ok false: the client is gone, or asked for the head alone (HEAD): nothing
 * more is sent, and the next step must be the end. on_gone comes at any time, at most once: also while a step is under way, whose
 * on_sent comes all the same, and until the loop has seen the end, while the request's memory stands. A client that shuts its
 * side counts as gone. A client that takes nothing for write_timeout_ms is
 * cut.
 * start: with a status and headers as in jg_http_respond; the first piece is in response->shared, or there is none.
 * send: takes one reference; an empty piece sends nothing. end: the request is gone afterwards; complete: false cuts the
 * connection, so that the client sees that something is missing. Thread: any. */
void jg_http_stream_start(struct jg_http_request *request, struct jg_http_response *response);
void jg_http_stream_send(struct jg_http_request *request, struct jg_bytes *piece);
void jg_http_stream_end(struct jg_http_request *request, bool complete);

/* Calls the handler once more with a request that it put aside; on its own loop. For a handler that had to wait for something.
 * Thread: any but the loop; the request is not the caller's any more. */
void jg_http_resume(struct jg_http_request *request);

/* An empty buffer for a large body, best from those that earlier answers left: their pages are there already, which makes a
 * megabyte twice as fast. Gives: pass it on in response.buf, or end it by jg_buf_done. Thread: any. */
struct jg_buf jg_http_take_buf(struct jg_http_request *request, size_t bytes_max);

/* Ends such a buffer that no response takes: later answers get it. Takes. Thread: any. */
void jg_http_leave_buf(struct jg_http_request *request, struct jg_buf *buf);

/* The first header of that name (lower or any case), data NULL if there is none. */
struct jg_str jg_http_header(const struct jg_http_request *request, struct jg_str name);
/* Index of the next header of that name at or after `from`, or header_count. */
size_t jg_http_header_next(const struct jg_http_request *request, struct jg_str name, size_t from);
/* An authority as `host` describes it. Thread: any. */
bool jg_http_host_valid(struct jg_str host);
/* "GET", "OTHER" for the last; static. */
const char *jg_http_method_name(enum jg_http_method method);

#endif
