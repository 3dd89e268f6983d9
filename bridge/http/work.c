// Requests from their first byte until their answer has left, and jg_http_respond.

#include <stdio.h>

#include "bridge/http/http_internal.h"

#define REQUEST_MAGIC 0x4a474851u /* "JGHQ" */
#define SPARES_MAX 64u
/* Buffers above this are not kept for the next request. */
#define KEPT_BYTES 4096u
/* Bodies of this size leave their buffer to later ones: smaller ones cost nothing, larger ones hold too much. */
#define SPARE_BUF_BYTES_MIN (64u << 10)
#define SPARE_BUF_BYTES_MAX (4u << 20)

/* At the start of a buffer that nobody uses. */
struct spare_buf {
  struct jg_queue_node node;
  size_t capacity;
};

struct status_row {
  int status;
  const char *line;
};

static const struct status_row status_lines[] = {
    {200, "HTTP/1.1 200 OK\r\n"},
    {201, "HTTP/1.1 201 Created\r\n"},
    {202, "HTTP/1.1 202 Accepted\r\n"},
    {204, "HTTP/1.1 204 No Content\r\n"},
    {304, "HTTP/1.1 304 Not Modified\r\n"},
    {400, "HTTP/1.1 400 Bad Request\r\n"},
    {401, "HTTP/1.1 401 Unauthorized\r\n"},
    {403, "HTTP/1.1 403 Forbidden\r\n"},
    {404, "HTTP/1.1 404 Not Found\r\n"},
    {405, "HTTP/1.1 405 Method Not Allowed\r\n"},
    {406, "HTTP/1.1 406 Not Acceptable\r\n"},
    {408, "HTTP/1.1 408 Request Timeout\r\n"},
    {409, "HTTP/1.1 409 Conflict\r\n"},
    {410, "HTTP/1.1 410 Gone\r\n"},
    {411, "HTTP/1.1 411 Length Required\r\n"},
    {413, "HTTP/1.1 413 Content Too Large\r\n"},
    {414, "HTTP/1.1 414 URI Too Long\r\n"},
    {415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
    {417, "HTTP/1.1 417 Expectation Failed\r\n"},
    {422, "HTTP/1.1 422 Unprocessable Content\r\n"},
    {429, "HTTP/1.1 429 Too Many Requests\r\n"},
    {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    {500, "HTTP/1.1 500 Internal Server Error\r\n"},
    {501, "HTTP/1.1 501 Not Implemented\r\n"},
    {503, "HTTP/1.1 503 Service Unavailable\r\n"},
    {504, "HTTP/1.1 504 Gateway Timeout\r\n"},
    {505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
};

static const char *const method_names[JG_HTTP_METHOD_COUNT] = {"GET",   "HEAD",   "POST",    "PUT",
                                                               "PATCH", "DELETE", "OPTIONS", "OTHER"};

static void answer_head(struct jg_http_work *work, const struct jg_http_response *response);
static void drop_answer(struct jg_http_work *work);

struct jg_http_work *jg_http_work_create(struct jg_http_server *server) {
  struct jg_http_work *work = NULL;
  if (server->spare != NULL) {
    work = (struct jg_http_work *)server->spare;
    server->spare = work->node.next;
    server->spare_count--;
  } else {
    work = jg_alloc_zero(1, sizeof(*work));
    work->server = server;
    jg_buf_init(&work->text, server->limits.target_bytes_max + server->limits.header_bytes_max);
    jg_buf_init(&work->spans, JG_HTTP_HEADERS_MAX * sizeof(struct jg_http_span));
    jg_buf_init(&work->body, server->limits.body_bytes_max);
    jg_arena_init(&work->pub.arena, JG_HTTP_REQUEST_ARENA_BYTES);
  }
  work->pub.magic = REQUEST_MAGIC;
  work->pub.method = JG_HTTP_OTHER;
  work->pub.route = "none";
  return work;
}

static void clear_buf(struct jg_buf *buf) {
  if (buf->capacity > KEPT_BYTES) {
    size_t bytes_max = buf->bytes_max;
    jg_buf_done(buf);
    jg_buf_init(buf, bytes_max);
    return;
  }
  jg_buf_clear(buf);
}

static void free_work(struct jg_http_work *work) {
  jg_arena_done(&work->pub.arena);
  jg_buf_done(&work->text);
  jg_buf_done(&work->spans);
  jg_buf_done(&work->body);
  jg_free(work);
}

void jg_http_work_recycle(struct jg_http_work *work) {
  struct jg_http_server *server = work->server;
  JG_ASSERT(jg_http_server_on_loop(server));
  drop_answer(work);
  JG_ASSERT(work->body.len <= server->body_bytes);
  server->body_bytes -= work->body.len;
  work->pub.magic = 0;
  if (server->spare_count >= SPARES_MAX) {
    free_work(work);
    return;
  }
  clear_buf(&work->text);
  clear_buf(&work->spans);
  clear_buf(&work->body);
  jg_arena_reset(&work->pub.arena);
  struct jg_http_work clean = {.server = server,
                               .pub = {.arena = work->pub.arena},
                               .text = work->text,
                               .spans = work->spans,
                               .body = work->body};
  *work = clean;
  work->node.next = server->spare;
  server->spare = &work->node;
  server->spare_count++;
}

void jg_http_work_free_spares(struct jg_http_server *server) {
  while (server->spare != NULL) {
    struct jg_http_work *work = (struct jg_http_work *)server->spare;
    server->spare = work->node.next;
    free_work(work);
  }
  server->spare_count = 0;
  struct jg_queue_node *node = jg_queue_take_all(&server->bufs, 0);
  while (node != NULL) {
    struct jg_queue_node *next = node->next;
    jg_free(node);
    node = next;
  }
}

struct jg_buf jg_http_take_buf(struct jg_http_request *request, size_t bytes_max) {
  struct jg_http_server *server = jg_http_work_of(request)->server;
  struct jg_buf buf;
  jg_buf_init(&buf, bytes_max);
  struct jg_queue_node *node = jg_queue_take_all(&server->bufs, 1);
  if (node != NULL) {
    buf.capacity = ((struct spare_buf *)node)->capacity;
    buf.data = (char *)node;
  }
  return buf;
}

/* Takes the buffer. */
static void leave_buf(struct jg_http_server *server, struct jg_buf *buf) {
  struct spare_buf *spare = (struct spare_buf *)(void *)buf->data;
  if (buf->capacity >= SPARE_BUF_BYTES_MIN && buf->capacity <= SPARE_BUF_BYTES_MAX) {
    spare->capacity = buf->capacity;
    if (jg_status_ok(jg_queue_post(&server->bufs, &spare->node))) {
      *buf = (struct jg_buf){0};
      return;
    }
  }
  jg_buf_done(buf);  // There are enough of them, or it is of another size.
}

void jg_http_leave_buf(struct jg_http_request *request, struct jg_buf *buf) {
  leave_buf(jg_http_work_of(request)->server, buf);
}

struct jg_http_work *jg_http_work_of(struct jg_http_request *request) {
  JG_ASSERT(request->magic == REQUEST_MAGIC);
  return (struct jg_http_work *)((char *)request - offsetof(struct jg_http_work, pub));
}

void jg_http_respond(struct jg_http_request *request, struct jg_http_response *response) {
  struct jg_http_work *work = jg_http_work_of(request);
  JG_ASSERT(work->state == JG_HTTP_REQUEST_RUNNING);
  JG_ASSERT(response->status >= 200 && response->status < 600);
  work->status = response->status;
  work->close = response->close;
  work->answer = response->text;
  if (response->shared != NULL) {
    work->answer = jg_bytes_str(response->shared);
  } else if (response->buf.data != NULL) {
    work->answer = jg_buf_str(&response->buf);
  }
  work->answer_buf = response->buf;
  work->answer_shared = response->shared;
  response->buf = (struct jg_buf){0};
  response->shared = NULL;
  answer_head(work, response);
  if (request->method == JG_HTTP_HEAD || work->status == 204 || work->status == 304) {
    drop_answer(work);
  }
  struct jg_http_server *server = work->server;
  if (jg_http_server_on_loop(server)) {
    jg_http_work_complete(work);
    return;
  }
  // The queue holds as many as there can be open requests, and is closed after the last of them.
  struct jg_status posted = jg_queue_post(&server->answers, &work->node);
  JG_ASSERT(jg_status_ok(posted));
}

void jg_http_resume(struct jg_http_request *request) {
  struct jg_http_work *work = jg_http_work_of(request);
  JG_ASSERT(work->state == JG_HTTP_REQUEST_RUNNING);
  JG_ASSERT(!jg_http_server_on_loop(work->server));
  work->resumed = true;
  struct jg_status posted = jg_queue_post(&work->server->answers, &work->node);
  JG_ASSERT(jg_status_ok(posted));  // As in jg_http_respond.
}

void jg_http_work_arrived(struct jg_http_work *work) {
  if (work->stream.given != JG_HTTP_STREAM_NONE) {
    jg_http_stream_arrived(work);
    return;
  }
  if (!work->resumed) {
    jg_http_work_complete(work);
    return;
  }
  work->resumed = false;
  work->server->handler(&work->pub, work->server->data);
}

void jg_http_work_complete(struct jg_http_work *work) {
  JG_ASSERT(work->state == JG_HTTP_REQUEST_RUNNING);
  work->state = JG_HTTP_REQUEST_ANSWERED;
  struct jg_http_connection *connection = work->connection;
  if (connection == NULL) {
    jg_http_work_end(work, 499);
    return;
  }
  JG_ASSERT(connection->running > 0);
  connection->running--;
  work->answer_bytes = work->head.len + work->answer.len;
  jg_http_connection_add_unwritten(connection, work->answer_bytes);
  jg_http_connection_dirty(connection);
}

void jg_http_work_end(struct jg_http_work *work, int status) {
  struct jg_http_server *server = work->server;
  if (!work->interim) {
    JG_ASSERT(server->open_requests > 0);
    server->open_requests--;
    if (server->done != NULL) {
      size_t body_bytes = status == 499 ? 0 : work->answer.len + work->stream.sent_bytes;
      server->done(&work->pub, status, body_bytes, server->data);
    }
  }
  jg_http_work_recycle(work);
}

struct jg_str jg_http_header(const struct jg_http_request *request, struct jg_str name) {
  size_t index = jg_http_header_next(request, name, 0);
  return index < request->header_count ? request->headers[index].value : JG_STR_NONE;
}

size_t jg_http_header_next(const struct jg_http_request *request, struct jg_str name, size_t from) {
  size_t index = from;
  while (index < request->header_count && !jg_str_equal_nocase(request->headers[index].name, name)) {
    index++;
  }
  return index;
}

const char *jg_http_method_name(enum jg_http_method method) {
  JG_ASSERT((size_t)method < JG_HTTP_METHOD_COUNT);
  return method_names[method];
}

static struct jg_str status_line(int status, char scratch[32]) {
  for (size_t i = 0; i < JG_COUNT(status_lines); i++) {
    if (status_lines[i].status == status) {
      return jg_str_from_cstr(status_lines[i].line);
    }
  }
  // The reason phrase may be empty, its space may not (RFC 9112 section 4).
  int len = snprintf(scratch, 32, "HTTP/1.1 %d \r\n", status);
  return jg_str_make(scratch, (size_t)len);
}

static char *put(char *out, struct jg_str s) {
  if (s.len != 0) {
    memcpy(out, s.data, s.len);
  }
  return out + s.len;
}

static bool field_safe(struct jg_str s) {
  for (size_t i = 0; i < s.len; i++) {
    if (s.data[i] == '\r' || s.data[i] == '\n' || s.data[i] == '\0') {
      return false;
    }
  }
  return true;
}

static size_t fields_size(const struct jg_http_header *headers, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    JG_ASSERT(field_safe(headers[i].name) && field_safe(headers[i].value));
    bytes += headers[i].name.len + headers[i].value.len + 4;
  }
  return bytes;
}

static char *put_fields(char *out, const struct jg_http_header *headers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    out = put(out, headers[i].name);
    out = put(out, JG_STR(": "));
    out = put(out, headers[i].value);
    out = put(out, JG_STR("\r\n"));
  }
  return out;
}

bool jg_http_work_build_head(struct jg_http_work *work, const struct jg_http_response *response,
                             struct jg_str framing) {
  const struct jg_http_request *request = &work->pub;
  char line_scratch[32];
  struct jg_str line = status_line(response->status, line_scratch);
  size_t bytes = line.len + fields_size(request->added_headers, request->added_header_count) +
                 fields_size(response->headers, response->header_count) + framing.len;
  char *head = jg_arena_alloc(&work->pub.arena, bytes);
  if (head == NULL) {
    return false;
  }
  char *out = put(head, line);
  out = put_fields(out, request->added_headers, request->added_header_count);
  out = put_fields(out, response->headers, response->header_count);
  out = put(out, framing);
  JG_ASSERT((size_t)(out - head) == bytes);
  work->head = jg_str_make(head, bytes);
  return true;
}

static void answer_head(struct jg_http_work *work, const struct jg_http_response *response) {
  char length[48];
  int length_len = 0;
  if (response->status != 204 && response->status != 304) {
    length_len = snprintf(length, sizeof(length), "Content-Length: %zu\r\n", work->answer.len);
  }
  if (!jg_http_work_build_head(work, response, jg_str_make(length, (size_t)length_len))) {
    // The handler filled the request's arena: its answer is lost, but not the connection's order.
    drop_answer(work);
    work->status = 500;
    work->head = JG_STR("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n");
  }
}

static void drop_answer(struct jg_http_work *work) {
  leave_buf(work->server, &work->answer_buf);
  jg_bytes_unref(work->answer_shared);
  work->answer_shared = NULL;
  work->answer = JG_STR_NONE;
  jg_bytes_unref(work->stream.piece);
  work->stream.piece = NULL;
}
