/* For the .c files and tests of bridge/http alone. All of it belongs to the server's loop thread unless said otherwise. */
#ifndef JG_BRIDGE_HTTP_HTTP_INTERNAL_H
#define JG_BRIDGE_HTTP_HTTP_INTERNAL_H

#include <pthread.h>

#include <llhttp.h>
#include <uv.h>

#include "base/queue.h"
#include "bridge/http/server.h"

struct jg_http_connection;

#define JG_HTTP_HEADERS_MAX 100u /* fields of one request: 431 */
#define JG_HTTP_REQUEST_ARENA_BYTES (1u << 20)
#define JG_HTTP_READ_BYTES (64u << 10)   /* one read */
#define JG_HTTP_AHEAD_BYTES (256u << 10) /* of requests that wait for earlier ones; then reading pauses */
#define JG_HTTP_PARALLEL 8u              /* calls of one connection at a time */
#define JG_HTTP_WRITE_BATCH 64u          /* answers in one write */
#define JG_HTTP_TAIL_BYTES 72u           /* Date, Connection and the empty line */
#define JG_HTTP_ADDRESS_BYTES 64u        /* "[IPv6]:port" */

enum jg_http_request_state {
  JG_HTTP_REQUEST_READING,
  JG_HTTP_REQUEST_WAITING,   /* complete, for its turn */
  JG_HTTP_REQUEST_RUNNING,   /* with its handler, on any thread */
  JG_HTTP_REQUEST_STREAMING, /* its answer has begun and comes in pieces */
  JG_HTTP_REQUEST_ANSWERED
};

enum jg_http_stream_step { JG_HTTP_STREAM_NONE, JG_HTTP_STREAM_START, JG_HTTP_STREAM_SEND, JG_HTTP_STREAM_END };

#define JG_HTTP_CHUNK_BYTES 20u /* a size of 64 bits in hex, and the line's end */

/* A streamed answer. `given` and `piece` are written by the thread that gives the step, then handed over with the request; the
 * rest is the loop's. */
struct jg_http_stream {
  enum jg_http_stream_step given; /* on its way to the loop */
  struct jg_bytes *piece;         /* one reference; NULL: none */
  bool complete;                  /* END: the body is whole */
  enum jg_http_stream_step due;   /* arrived, and not written yet */
  bool head_sent;
  bool chunked;  /* HTTP/1.1; else the connection's end is the body's */
  bool bodiless; /* HEAD: pieces are dropped */
  bool last;     /* the connection ends after it, as its head says */
  char chunk[JG_HTTP_CHUNK_BYTES];
  size_t counted;    /* of the piece, in the connection's unwritten_bytes */
  size_t sent_bytes; /* of pieces */
};

struct jg_http_span {
  uint32_t name_at, name_len, value_at, value_len; /* in text */
};

struct jg_http_work {
  struct jg_queue_node node; /* in the queue of answers, and in the free list */
  struct jg_http_request pub;
  struct jg_http_server *server;
  struct jg_http_connection *connection; /* NULL: the client is gone */
  struct jg_http_work *next;             /* in the connection's order */
  enum jg_http_request_state state;

  /* Reading. */
  struct jg_buf text;  /* the target, then names and values */
  struct jg_buf spans; /* struct jg_http_span */
  struct jg_buf body;
  size_t target_len;
  size_t header_bytes;
  bool target_done;
  bool head_done;
  bool in_value;
  bool keep_alive;
  bool resumed;       /* in the queue of answers without one: for the handler again */
  int refusal_status; /* 0: none */
  const char *refusal_message;

  /* The answer: written by the thread that answers, then handed over with the request. */
  bool interim; /* a 100 Continue, not an answer */
  bool close;
  int status;
  struct jg_str head; /* status line and fields; static or in the request's arena */
  struct jg_str answer;
  struct jg_buf answer_buf;
  struct jg_bytes *answer_shared;
  char tail[JG_HTTP_TAIL_BYTES];
  size_t tail_len;
  size_t answer_bytes; /* counted in the connection's unwritten_bytes */
  struct jg_http_stream stream;
};

enum jg_http_timeout {
  JG_HTTP_TIMEOUT_HEAD,
  JG_HTTP_TIMEOUT_BODY,
  JG_HTTP_TIMEOUT_IDLE,
  JG_HTTP_TIMEOUT_WRITE,
  JG_HTTP_TIMEOUT_LINGER,
  JG_HTTP_TIMEOUT_DRAIN_IDLE,
  JG_HTTP_TIMEOUT_DRAIN_LINGER,
  JG_HTTP_TIMEOUT_COUNT,
  JG_HTTP_TIMEOUT_NONE = JG_HTTP_TIMEOUT_COUNT
};

enum jg_http_connection_state {
  JG_HTTP_OPEN,
  JG_HTTP_LAST,   /* reads no more requests: ends after the answers it owes */
  JG_HTTP_LINGER, /* our side is shut: waits for the client's end */
  JG_HTTP_CLOSING /* uv_close was called */
};

#define JG_HTTP_CONNECTION_MAGIC 0x4a474843u /* "JGHC" */

struct jg_http_connection {
  uint32_t magic;
  struct jg_http_server *server;
  uv_tcp_t tcp;
  llhttp_t parser;
  enum jg_http_connection_state state;
  bool eof;      /* the client's side is shut */
  bool reading;  /* uv_read_start is on */
  bool settling; /* inside jg_http_connection_settle */
  bool dirty;    /* in the server's dirty list */
  bool writing;  /* `write` is out */
  bool peer_loopback;
  struct jg_ip peer;
  const char *chunk;  /* what the parser is looking at */
  char last_bytes[2]; /* of what it saw before that, the newer one last */
  const char *gap;    /* in chunk: where the space between a field's name and its value begins */
  bool gap_open;      /* no byte of the value has come */
  bool gap_broken;    /* a line ended in it */
  int refusal_status; /* set inside the parser; 0: none */
  const char *refusal_message;
  struct jg_http_work *current; /* being read */
  /* In the order of arrival; owns them until they are written. */
  struct jg_http_work *first, *last;
  struct jg_http_work *waiting; /* the first of them that is WAITING */
  size_t count;
  size_t running;
  bool running_unsafe;    /* the one that runs may change something */
  size_t ahead_bytes;     /* of the WAITING ones */
  size_t unwritten_bytes; /* of answers, in the order or being written */
  uint64_t serial;        /* counts requests begun */
  struct jg_buf held;     /* read, but not parsed yet */
  size_t held_at;
  uv_write_t write;
  uv_shutdown_t shutdown;
  struct jg_http_work *written;  /* what `write` holds: answers, or */
  struct jg_http_work *streamed; /* the one whose piece it holds */
  unsigned pieces_at_once;       /* that went straight into the socket since the loop came round */
  uint64_t submitted_bytes;      /* ever given to uv_write */
  enum jg_http_timeout timeout;
  uint64_t timeout_serial;
  uint64_t timeout_progress;
  int64_t deadline_ns;
  struct jg_http_connection *timeout_previous, *timeout_next;
  struct jg_http_connection *previous, *next; /* all of the server */
  struct jg_http_connection *dirty_next;
};

enum jg_http_refusal { /* index of the server's counters */
                       JG_HTTP_REFUSED_400,
                       JG_HTTP_REFUSED_408,
                       JG_HTTP_REFUSED_413,
                       JG_HTTP_REFUSED_414,
                       JG_HTTP_REFUSED_417,
                       JG_HTTP_REFUSED_431,
                       JG_HTTP_REFUSED_501,
                       JG_HTTP_REFUSED_503,
                       JG_HTTP_REFUSED_505,
                       JG_HTTP_REFUSED_COUNT
};

#define JG_HTTP_SERVER_MAGIC 0x4a474853u /* "JGHS" */

struct jg_http_server {
  uint32_t magic;
  const char *name;
  struct jg_str address_asked; /* owned */
  jg_http_handler handler;
  jg_http_refuse refuse;
  jg_http_done done;
  void *data;
  struct jg_http_limits limits; /* no zeros */
  const struct jg_clock *clock;
  const struct jg_log *log;

  uv_loop_t loop;
  uv_tcp_t listener;
  uv_async_t wake;
  uv_timer_t tick;
  pthread_t thread;
  pthread_t loop_thread; /* the same, set by itself */
  bool started, joined;
  uint16_t port;
  char address[JG_HTTP_ADDRESS_BYTES];

  struct jg_queue answers;  /* struct jg_http_work, from any thread */
  struct jg_queue bufs;     /* struct spare_buf, from and to any thread */
  struct jg_queue commands; /* struct drain_command, from any thread */

  bool ticking;
  bool accept_paused;
  bool draining;
  bool barred; /* draining: no connection begins any more */
  bool closed; /* and none is accepted */
  int64_t drain_close_ns, drain_deadline_ns;
  size_t connection_count;
  size_t body_bytes;      /* of all requests */
  size_t unwritten_bytes; /* of all connections */
  size_t open_requests;   /* given to the handler and not gone yet */
  struct jg_http_connection *connections;
  struct jg_http_connection *dirty;
  struct jg_http_connection *timeout_first[JG_HTTP_TIMEOUT_COUNT], *timeout_last[JG_HTTP_TIMEOUT_COUNT];
  struct jg_queue_node *spare; /* requests to use again */
  size_t spare_count;
  int64_t date_second;
  char date[40]; /* "Date: ...\r\n" */

  struct jg_metric *connections_open, *connections_total, *accept_pauses, *timeouts;
  struct jg_metric *refused[JG_HTTP_REFUSED_COUNT];
  char read_buffer[JG_HTTP_READ_BYTES];
};

/* work.c */
struct jg_http_work *jg_http_work_create(struct jg_http_server *server);
void jg_http_work_recycle(struct jg_http_work *work);         /* frees what it holds */
void jg_http_work_free_spares(struct jg_http_server *server); /* and buffers */
struct jg_http_work *jg_http_work_of(struct jg_http_request *request);
/* What came by the queue of answers: an answer, or a request for the handler. */
void jg_http_work_arrived(struct jg_http_work *work);
/* The answer goes to its connection, or is dropped if that is gone. */
void jg_http_work_complete(struct jg_http_work *work);
/* It has left (or not: status 499): tells `done` and recycles. */
void jg_http_work_end(struct jg_http_work *work, int status);
/* The head but for what the loop adds; framing: the field that says where the body ends, or empty. False at the arena's cap. */
bool jg_http_work_build_head(struct jg_http_work *work, const struct jg_http_response *response, struct jg_str framing);

/* stream.c */
/* A step of a streamed answer came by the queue of answers. */
void jg_http_stream_arrived(struct jg_http_work *work);
/* The first request in the order is streamed and has something to write. */
bool jg_http_stream_due(const struct jg_http_connection *connection);
/* Writes that; closes on an error. */
void jg_http_stream_write(struct jg_http_connection *connection);
/* What was out has left, or will not. The request's connection may be gone. */
void jg_http_stream_written(struct jg_http_work *work, bool ok);
/* Its connection is gone: tells its handler. */
void jg_http_stream_drop(struct jg_http_work *work);

/* head.c: pure. What of a complete head is refused: 0 or a status with *ret_message.
 * Fills the request's path, query and host. content_length: 0 if chunked or none. */
int jg_http_head_check(struct jg_http_work *work, const struct jg_http_limits *limits, uint64_t content_length,
                       const char **ret_message);
/* The head asks for 100 Continue. */
bool jg_http_head_expects(const struct jg_http_request *request);

/* parse.c */
extern const llhttp_settings_t jg_http_parser_settings;
/* Parses until the end or until the connection may read no more; returns the bytes used. */
size_t jg_http_parse(struct jg_http_connection *connection, const char *data, size_t len);
/* Puts a refusal in the order, with what was read so far; nothing is read after it. */
void jg_http_parse_refuse(struct jg_http_connection *connection, int status, const char *message);

/* connection.c */
/* A connection of this socket, which it takes; -1: of the one that the listener holds. */
void jg_http_connection_accept(struct jg_http_server *server, int fd);
/* Goes on as far as it can: calls, writes, parses what is held, sets reading and time-outs, ends. */
void jg_http_connection_settle(struct jg_http_connection *connection);
bool jg_http_connection_may_read(const struct jg_http_connection *connection);
void jg_http_connection_push(struct jg_http_connection *connection, struct jg_http_work *work);
/* An answer waits to be written, or no longer does. */
void jg_http_connection_add_unwritten(struct jg_http_connection *connection, size_t bytes);
void jg_http_connection_sub_unwritten(struct jg_http_connection *connection, size_t bytes);
void jg_http_connection_dirty(struct jg_http_connection *connection);
/* Ends it at once; requests with their handlers are told. */
void jg_http_connection_close(struct jg_http_connection *connection);

/* write.c */
/* Date, Connection and the empty line, behind the answer's head; returns whether the connection ends after it. */
bool jg_http_write_finish_head(struct jg_http_connection *connection, struct jg_http_work *work);
/* Writes what the socket takes at once of these, the rest by connection->write, whose end is write_done's. Returns the bytes
 * left for that, or a negative error. at_once: false if all of it is to wait for the loop. */
ssize_t jg_http_write_bufs(struct jg_http_connection *connection, uv_buf_t *bufs, size_t count, bool at_once);
/* Writes answers that are due; closes on an error. */
void jg_http_write_answers(struct jg_http_connection *connection);
bool jg_http_write_due(const struct jg_http_connection *connection);
/* Drops every request in the order; those with their handlers are told, and end when answered. */
void jg_http_write_drop(struct jg_http_connection *connection);

/* timeout.c */
void jg_http_timeout_set(struct jg_http_connection *connection);
void jg_http_timeout_clear(struct jg_http_connection *connection);
void jg_http_timeout_sweep(struct jg_http_server *server);

/* server.c */
bool jg_http_server_on_loop(const struct jg_http_server *server);
/* Settles all dirty connections, then ends the loop if a drain is complete. */
void jg_http_server_settle(struct jg_http_server *server);
/* A connection's memory has gone: room for another one. */
void jg_http_server_connection_gone(struct jg_http_server *server);
struct jg_str jg_http_server_date(struct jg_http_server *server);
void jg_http_server_count_refusal(struct jg_http_server *server, int status);

/* listen.c: "H:P" to an address. False if it is malformed or the name is unknown. Blocks on a name. */
bool jg_http_listen_resolve(struct jg_str address, struct sockaddr_storage *ret_address);
/* "127.0.0.1:80" or "[::1]:80" with a NUL. */
void jg_http_listen_format(const struct sockaddr_storage *address, char out[JG_HTTP_ADDRESS_BYTES], uint16_t *ret_port);

#endif
