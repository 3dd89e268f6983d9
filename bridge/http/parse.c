// From bytes to requests: llhttp's callbacks. A refusal inside a callback is remembered and ends the parse.

#include "bridge/http/http_internal.h"

static int on_message_begin(llhttp_t *parser);
static int on_url(llhttp_t *parser, const char *at, size_t len);
static int on_url_complete(llhttp_t *parser);
static int on_header_field(llhttp_t *parser, const char *at, size_t len);
static int on_header_value(llhttp_t *parser, const char *at, size_t len);
static int on_headers_complete(llhttp_t *parser);
static int on_body(llhttp_t *parser, const char *at, size_t len);
static int on_message_complete(llhttp_t *parser);

const llhttp_settings_t jg_http_parser_settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void refuse_parser_error(struct jg_http_connection *connection, llhttp_errno_t error, struct jg_str input);
static void keep_last_bytes(struct jg_http_connection *connection, const char *data, size_t len);
static bool look_into_gap(struct jg_http_connection *connection, const char *end);
static void finish_request(struct jg_http_connection *connection);
static void expose_target(struct jg_http_work *work);

size_t jg_http_parse(struct jg_http_connection *connection, const char *data, size_t len) {
  llhttp_t *parser = &connection->parser;
  size_t used = 0;
  while (used < len && jg_http_connection_may_read(connection)) {
    // The callbacks look one byte back: at the start of a chunk that is the last byte of the one before.
    connection->chunk = connection->gap = data + used;
    llhttp_errno_t error = llhttp_execute(parser, data + used, len - used);
    if (error == HPE_OK) {
      (void)look_into_gap(connection, data + len);  // Remembered for the next chunk.
      keep_last_bytes(connection, data + used, len - used);
      return len;
    }
    if (error != HPE_PAUSED) {
      refuse_parser_error(connection, error, jg_str_make(data + used, len - used));
      return len;
    }
    size_t at = (size_t)(llhttp_get_error_pos(parser) - data);
    JG_ASSERT(at >= used && at <= len);
    keep_last_bytes(connection, data + used, at - used);
    used = at;
    llhttp_resume(parser);
    finish_request(connection);
  }
  return connection->state == JG_HTTP_OPEN ? used : len;
}

void jg_http_parse_refuse(struct jg_http_connection *connection, int status, const char *message) {
  struct jg_http_work *work = connection->current;
  connection->current = NULL;
  if (work == NULL) {
    work = jg_http_work_create(connection->server);
    work->connection = connection;
  }
  if (!work->head_done && work->target_done) {
    expose_target(work);
    if (work->pub.path.len == 0 || work->pub.path.data[0] != '/') {
      work->pub.path = work->pub.query = JG_STR_NONE;
    }
  }
  work->refusal_status = status;
  work->refusal_message = message;
  work->keep_alive = false;
  work->pub.peer_loopback = connection->peer_loopback;
  work->pub.peer = connection->peer;
  work->pub.received_ns = jg_clock_mono_ns(connection->server->clock);
  connection->state = JG_HTTP_LAST;
  jg_http_server_count_refusal(connection->server, status);
  jg_http_connection_push(connection, work);
}

/* What stands before the first space is a method (RFC 9110 section 9.1), or may become one: a token (section 5.6.2). */
static bool begins_with_token(struct jg_str input) {
  static const char others[] = "!#$%&'*+-.^_`|~";
  size_t len = jg_str_find(input, ' ', 0);
  len = len != SIZE_MAX ? len : input.len;
  for (size_t i = 0; i < len; i++) {
    char c = input.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && (c == '\0' || strchr(others, c) == NULL)) {
      return false;
    }
  }
  return len != 0;
}

static void refuse_method(struct jg_http_connection *connection, struct jg_str input) {
  // Lines that may stand before a request; the chunk may begin inside of one.
  while (input.len > 0 && (input.data[0] == '\r' || input.data[0] == '\n')) {
    input = jg_str_sub(input, 1, input.len);
  }
  if (begins_with_token(input)) {
    jg_http_parse_refuse(connection, 501, "the method is unknown");
  } else {
    jg_http_parse_refuse(connection, 400, "the method is malformed");
  }
}

/* input: what the parser was given, the error lies in it. */
static void refuse_target(struct jg_http_connection *connection, struct jg_str input) {
  const char *at = llhttp_get_error_pos(&connection->parser);
  bool inside = at >= input.data && at < input.data + input.len;
  if (inside && ((unsigned char)*at & 0x80) != 0) {
    jg_http_parse_refuse(
        connection, 400,
        "the request target holds bytes beyond ASCII: percent-encode the UTF-8, as in %C3%A9 for U+00E9");
  } else {
    jg_http_parse_refuse(connection, 400, "the request target is malformed");
  }
}

static void refuse_parser_error(struct jg_http_connection *connection, llhttp_errno_t error, struct jg_str input) {
  const llhttp_t *parser = &connection->parser;
  if (connection->refusal_status != 0) {
    jg_http_parse_refuse(connection, connection->refusal_status, connection->refusal_message);
    return;
  }
  switch (error) {
    case HPE_PAUSED_H2_UPGRADE:
      jg_http_parse_refuse(connection, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
      return;
    case HPE_INVALID_VERSION:
      if (parser->http_major == 1 && parser->http_minor <= 1) {
        break;
      }
      jg_http_parse_refuse(connection, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
      return;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
      jg_http_parse_refuse(connection, 400, "the length of the body is not stated clearly");
      return;
    case HPE_INVALID_CHUNK_SIZE:
      jg_http_parse_refuse(connection, 400, "a chunk of the body is malformed");
      return;
    case HPE_INVALID_METHOD:
      refuse_method(connection, input);
      return;
    case HPE_INVALID_URL:
      refuse_target(connection, input);
      return;
    default:
      break;
  }
  jg_http_parse_refuse(connection, 400, "the request is malformed");
}

/* What stops the parser from inside a callback. */
static int refuse(struct jg_http_connection *connection, int status, const char *message) {
  connection->refusal_status = status;
  connection->refusal_message = message;
  return -1;
}

static int on_message_begin(llhttp_t *parser) {
  struct jg_http_connection *connection = parser->data;
  JG_ASSERT(connection->current == NULL);
  connection->current = jg_http_work_create(connection->server);
  connection->current->connection = connection;
  connection->serial++;
  return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len) {
  struct jg_http_connection *connection = parser->data;
  struct jg_http_work *work = connection->current;
  if (len > connection->server->limits.target_bytes_max - work->target_len) {
    return refuse(connection, 414, "the request target is too long");
  }
  jg_buf_append(&work->text, at, len);
  work->target_len += len;
  return 0;
}

static int on_url_complete(llhttp_t *parser) {
  struct jg_http_connection *connection = parser->data;
  connection->current->target_done = true;
  return 0;
}

static void keep_last_bytes(struct jg_http_connection *connection, const char *data, size_t len) {
  for (size_t i = len > 2 ? len - 2 : 0; i < len; i++) {
    connection->last_bytes[0] = connection->last_bytes[1];
    connection->last_bytes[1] = data[i];
  }
}

/* The byte that stands `back` (1 or 2) before `at`. */
static char byte_before(const struct jg_http_connection *connection, const char *at, size_t back) {
  size_t here = (size_t)(at - connection->chunk);
  if (here >= back) {
    return *(at - back);
  }
  return connection->last_bytes[2 - (back - here)];
}

/* Whether a line ended between a field's colon and its value: up to `end`, and in the chunks before. */
static bool look_into_gap(struct jg_http_connection *connection, const char *end) {
  if (connection->gap_open && memchr(connection->gap, '\n', (size_t)(end - connection->gap)) != NULL) {
    connection->gap_broken = true;
  }
  return connection->gap_open && connection->gap_broken;
}

static bool count_header_bytes(struct jg_http_connection *connection, size_t len) {
  struct jg_http_work *work = connection->current;
  if (len > connection->server->limits.header_bytes_max - work->header_bytes) {
    return false;
  }
  work->header_bytes += len;
  return true;
}

static struct jg_http_span *last_span(struct jg_http_work *work) {
  JG_ASSERT(work->spans.len >= sizeof(struct jg_http_span));
  return (struct jg_http_span *)(void *)(work->spans.data + work->spans.len - sizeof(struct jg_http_span));
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len) {
  struct jg_http_connection *connection = parser->data;
  struct jg_http_work *work = connection->current;
  bool begins = work->in_value || work->header_bytes == 0;
  // Four bytes more for each field: the colon, the space and the end of the line.
  if (!count_header_bytes(connection, len + (begins ? 4 : 0))) {
    return refuse(connection, 431, "the header fields are too large");
  }
  // A line ends with CRLF; parsers that took CR alone were used to smuggle fields past others (RFC 9112 section 2.2).
  if (begins && (byte_before(connection, at, 1) != '\n' || byte_before(connection, at, 2) != '\r')) {
    return refuse(connection, 400, "a header line does not end with CRLF");
  }
  work->in_value = false;
  connection->gap = at + len;
  connection->gap_open = true;
  connection->gap_broken = false;
  if (work->head_done) {
    return 0;  // Trailers are counted, and dropped.
  }
  if (begins) {
    struct jg_http_span span = {.name_at = (uint32_t)work->text.len};
    jg_buf_append(&work->spans, &span, sizeof(span));
    if (work->spans.failed) {
      return refuse(connection, 431, "there are too many header fields");
    }
  }
  jg_buf_append(&work->text, at, len);
  last_span(work)->name_len += (uint32_t)len;
  return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len) {
  struct jg_http_connection *connection = parser->data;
  struct jg_http_work *work = connection->current;
  if (!count_header_bytes(connection, len)) {
    return refuse(connection, 431, "the header fields are too large");
  }
  // A folded line (RFC 9112 section 5.2): the parser swallows its white space before the value, and hands it over as the next
  // piece of the value later.
  if (len != 0 && (look_into_gap(connection, at) || byte_before(connection, at, 1) == '\n')) {
    return refuse(connection, 400, "a header field is folded over two lines");
  }
  connection->gap_open = connection->gap_open && len == 0;
  bool begins = !work->in_value;
  work->in_value = true;
  if (work->head_done) {
    return 0;
  }
  struct jg_http_span *span = last_span(work);
  if (begins) {
    if (span->name_len == 0) {
      return refuse(connection, 400, "a header field has no name");
    }
    span->value_at = (uint32_t)work->text.len;
  }
  jg_buf_append(&work->text, at, len);
  span->value_len += (uint32_t)len;
  return 0;
}

static enum jg_http_method method_of(uint8_t method) {
  switch (method) {
    case HTTP_GET:
      return JG_HTTP_GET;
    case HTTP_HEAD:
      return JG_HTTP_HEAD;
    case HTTP_POST:
      return JG_HTTP_POST;
    case HTTP_PUT:
      return JG_HTTP_PUT;
    case HTTP_PATCH:
      return JG_HTTP_PATCH;
    case HTTP_DELETE:
      return JG_HTTP_DELETE;
    case HTTP_OPTIONS:
      return JG_HTTP_OPTIONS;
    default:
      return JG_HTTP_OTHER;
  }
}

static void expose_target(struct jg_http_work *work) {
  struct jg_http_request *request = &work->pub;
  request->target = jg_str_sub(jg_buf_str(&work->text), 0, work->target_len);
  request->path = jg_str_cut(request->target, '?', &request->query);
}

/* From here on text does not move any more. */
static bool expose_headers(struct jg_http_work *work) {
  struct jg_http_request *request = &work->pub;
  size_t count = work->spans.len / sizeof(struct jg_http_span);
  struct jg_http_header *headers = jg_arena_alloc(&request->arena, count * sizeof(*headers));
  if (headers == NULL) {
    return false;
  }
  const struct jg_http_span *spans = (const struct jg_http_span *)(const void *)work->spans.data;
  for (size_t i = 0; i < count; i++) {
    headers[i].name = jg_str_make(work->text.data + spans[i].name_at, spans[i].name_len);
    headers[i].value = jg_str_trim(jg_str_make(work->text.data + spans[i].value_at, spans[i].value_len));
  }
  request->headers = headers;
  request->header_count = count;
  return true;
}

static int on_headers_complete(llhttp_t *parser) {
  struct jg_http_connection *connection = parser->data;
  struct jg_http_work *work = connection->current;
  struct jg_http_request *request = &work->pub;
  if (parser->http_major != 1 || parser->http_minor > 1) {
    return refuse(connection, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  if (parser->method == HTTP_SOURCE || parser->method > HTTP_PRI) {
    return refuse(connection, 501, "the method is not of HTTP");
  }
  JG_ASSERT(!work->text.failed);
  request->method = method_of(parser->method);
  request->method_name = jg_str_from_cstr(llhttp_method_name(parser->method));
  request->http_1_0 = parser->http_minor == 0;
  request->peer_loopback = connection->peer_loopback;
  request->peer = connection->peer;
  expose_target(work);
  if (!expose_headers(work)) {
    return refuse(connection, 431, "the header fields are too large");
  }
  work->head_done = true;
  connection->gap_open = false;
  const char *message = NULL;
  bool sized = (parser->flags & F_CONTENT_LENGTH) != 0;
  uint64_t content_length = sized ? parser->content_length : 0;
  int status = jg_http_head_check(work, &connection->server->limits, content_length, &message);
  if (status != 0) {
    return refuse(connection, status, message);
  }
  // An Upgrade is an offer that may be ignored (RFC 9110 section 7.8); the parser would stop for it.
  parser->upgrade = 0;
  bool has_body = content_length != 0 || (parser->flags & F_CHUNKED) != 0;
  if (has_body && jg_http_head_expects(request)) {
    struct jg_http_work *interim = jg_http_work_create(connection->server);
    interim->connection = connection;
    interim->interim = true;
    interim->keep_alive = true;
    interim->head = JG_STR("HTTP/1.1 100 Continue\r\n\r\n");
    interim->answer_bytes = interim->head.len;
    interim->state = JG_HTTP_REQUEST_ANSWERED;
    jg_http_connection_add_unwritten(connection, interim->answer_bytes);
    jg_http_connection_push(connection, interim);
  }
  return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len) {
  struct jg_http_connection *connection = parser->data;
  struct jg_http_server *server = connection->server;
  struct jg_buf *body = &connection->current->body;
  size_t before = body->len;
  jg_buf_append(body, at, len);
  server->body_bytes += body->len - before;
  if (body->failed) {
    return refuse(connection, 413, "the body is too large");
  }
  if (server->body_bytes > server->limits.all_bodies_bytes_max) {
    return refuse(connection, 503, "too much is being received");
  }
  return 0;
}

/* Pauses the parser, so that the next request is looked at only if it may be. */
static int on_message_complete(llhttp_t *parser) {
  struct jg_http_connection *connection = parser->data;
  connection->current->keep_alive = llhttp_should_keep_alive(parser) != 0;
  return HPE_PAUSED;
}

static void finish_request(struct jg_http_connection *connection) {
  struct jg_http_work *work = connection->current;
  connection->current = NULL;
  work->pub.body = jg_buf_str(&work->body);
  work->pub.received_ns = jg_clock_mono_ns(connection->server->clock);
  if (!work->keep_alive) {
    connection->state = JG_HTTP_LAST;
  }
  jg_http_connection_push(connection, work);
}
