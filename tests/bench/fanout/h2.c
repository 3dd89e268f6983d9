/* gRPC over HTTP/2 by nghttp2: server streams on some connections, unary writes on one more. */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "proto/codec/wire.h"
#include "tests/bench/fanout/load.h"

#define READ_BYTES (512u << 10)
#define WINDOW_BYTES (16u << 20)
#define STALLED_WINDOW_BYTES (64u << 10)
#define FRAME_HEAD 5

struct h2 {
  struct connection connection;
  struct load *load;
  nghttp2_session *session;
};

struct stream {
  struct load *load;
  bool watches, ready, ok;
  int64_t sent_ns;
  uint8_t *out; /* the request's frame */
  size_t out_len, out_at;
  uint8_t *in; /* what came of a message, its head included */
  size_t in_len, in_capacity;
};

static struct h2 *writer;
static struct h2 *stalled; /* or NULL */

/* Takes the next length-delimited field of that number off the message. False: there is none. */
static bool next_field(struct jg_wire_reader *reader, unsigned number, struct jg_str *ret_value) {
  struct jg_wire_field field;
  while (jg_wire_next(reader, &field)) {
    if (field.number == number && field.type == JG_WIRE_LEN) {
      *ret_value = field.bytes;
      return true;
    }
  }
  return false;
}

/* Goes down the path of fields to the events; the last step may come several times. */
static void find_events(struct load *load, struct jg_str message) {
  const unsigned *path = load->options.event_path;
  struct jg_wire_reader reader;
  struct jg_str field;
  jg_wire_reader_init(&reader, message);
  for (unsigned depth = 0; depth + 1 < load->options.event_depth; depth++) {
    if (!next_field(&reader, path[depth], &field)) {
      return;
    }
    jg_wire_reader_init(&reader, field);
  }
  while (next_field(&reader, path[load->options.event_depth - 1], &field)) {
    take_event(load, field);
  }
}

static void take_message(struct stream *stream, const uint8_t *data, size_t len) {
  if (!stream->ready) {
    stream->ready = true;
    stream->load->ready++;
  }
  stream->load->messages += stream->load->measuring;
  find_events(stream->load, jg_str_make((const char *)data, len));
}

static size_t frame_len(const uint8_t *head) {
  return (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
}

static void keep_rest(struct stream *stream, const uint8_t *data, size_t len) {
  if (stream->in_len + len > stream->in_capacity) {
    stream->in_capacity = 2 * (stream->in_len + len);
    stream->in = realloc(stream->in, stream->in_capacity);
  }
  memcpy(stream->in + stream->in_len, data, len);
  stream->in_len += len;
}

/* Whole messages are read where they lie; what is cut is put together. */
// NOLINTNEXTLINE(readability-function-size): nghttp2 has it so.
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user) {
  (void)flags;
  (void)user;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
  if (stream == NULL || !stream->watches) {
    return 0;
  }
  while (len > 0) {
    if (stream->in_len == 0 && len >= FRAME_HEAD && len >= FRAME_HEAD + frame_len(data)) {
      size_t whole = FRAME_HEAD + frame_len(data);
      take_message(stream, data + FRAME_HEAD, whole - FRAME_HEAD);
      data += whole;
      len -= whole;
      continue;
    }
    size_t wanted = stream->in_len < FRAME_HEAD ? FRAME_HEAD : FRAME_HEAD + frame_len(stream->in);
    size_t part = wanted - stream->in_len < len ? wanted - stream->in_len : len;
    keep_rest(stream, data, part);
    data += part;
    len -= part;
    if (stream->in_len >= FRAME_HEAD && stream->in_len == FRAME_HEAD + frame_len(stream->in)) {
      take_message(stream, stream->in + FRAME_HEAD, stream->in_len - FRAME_HEAD);
      stream->in_len = 0;
    }
  }
  return 0;
}

// NOLINTNEXTLINE(readability-function-size): nghttp2 has it so.
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user) {
  (void)flags;
  (void)user;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (stream != NULL && name_len == 11 && memcmp(name, "grpc-status", 11) == 0) {
    stream->ok = value_len == 1 && value[0] == '0';
  }
  return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user) {
  (void)code;
  (void)user;
  struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
  if (stream == NULL) {
    return 0;
  }
  if (stream->watches) {
    errno = EPIPE;
    fail("a stream ended");
  }
  write_done(stream->load, stream->sent_ns, stream->ok);
  free(stream->out);
  free(stream);
  return 0;
}

static ssize_t send_bytes(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *user) {
  (void)session;
  (void)flags;
  struct h2 *h2 = user;
  ssize_t sent = write(h2->connection.fd, data, len);
  if (sent < 0) {
    return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK : NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  return sent;
}

// NOLINTNEXTLINE(readability-function-size): nghttp2 has it so.
static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *to, size_t len, uint32_t *flags,
                        nghttp2_data_source *source, void *user) {
  (void)session;
  (void)id;
  (void)user;
  struct stream *stream = source->ptr;
  size_t part = stream->out_len - stream->out_at < len ? stream->out_len - stream->out_at : len;
  memcpy(to, stream->out + stream->out_at, part);
  stream->out_at += part;
  if (stream->out_at == stream->out_len && stream->watches && stream->load->options.keep_open) {
    return part > 0 ? (ssize_t)part : NGHTTP2_ERR_DEFERRED;
  }
  if (stream->out_at == stream->out_len) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return (ssize_t)part;
}

static void flush(struct h2 *h2) {
  if (nghttp2_session_send(h2->session) != 0) {
    fail("send");
  }
  watch_fd(h2->load, &h2->connection, nghttp2_session_want_write(h2->session) != 0);
}

static void on_connection(struct connection *connection, unsigned events) {
  struct h2 *h2 = (struct h2 *)connection;
  static uint8_t bytes[READ_BYTES];
  if (events & EPOLLIN) {
    ssize_t got = read(connection->fd, bytes, sizeof bytes);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
      fail("the server closed a connection");
    }
    if (got > 0 && nghttp2_session_mem_recv(h2->session, bytes, (size_t)got) < 0) {
      errno = EPROTO;
      fail("HTTP/2");
    }
  }
  flush(h2);
}

/* window_bytes: of each stream, beyond which a server may not send what is not read. */
static struct h2 *open_connection(struct load *load, uint32_t window_bytes) {
  struct h2 *h2 = calloc(1, sizeof *h2);
  h2->connection = (struct connection){connect_to(load->options.address), on_connection};
  h2->load = load;
  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  nghttp2_session_client_new(&h2->session, callbacks, h2);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window_bytes},
                                             {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
  nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, (int32_t)(4 * window_bytes));
  flush(h2);
  return h2;
}

#define HEADER(name, value) \
  { (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE }

static void submit(struct h2 *h2, const char *path, struct text body, bool watches) {
  struct stream *stream = calloc(1, sizeof *stream);
  *stream =
      (struct stream){.load = h2->load, .watches = watches, .sent_ns = now_ns(), .out_len = FRAME_HEAD + body.len};
  stream->out = malloc(stream->out_len);
  const uint8_t head[FRAME_HEAD] = {0, (uint8_t)(body.len >> 24), (uint8_t)(body.len >> 16), (uint8_t)(body.len >> 8),
                                    (uint8_t)body.len};
  memcpy(stream->out, head, FRAME_HEAD);
  memcpy(stream->out + FRAME_HEAD, body.data, body.len);
  const nghttp2_nv headers[] = {HEADER(":method", "POST"),
                                HEADER(":scheme", "http"),
                                HEADER(":path", path),
                                HEADER(":authority", h2->load->options.address),
                                HEADER("content-type", "application/grpc"),
                                HEADER("te", "trailers")};
  const nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_out};
  if (nghttp2_submit_request(h2->session, NULL, headers, sizeof headers / sizeof *headers, &provider, stream) < 0) {
    errno = EPROTO;
    fail("submit");
  }
}

void h2_write(struct load *load) {
  submit(writer, load->options.write_path, stamped_body(load), false);
  flush(writer);
}

void h2_stall(struct load *load) {
  if (stalled != NULL) {
    epoll_ctl(load->epoll, EPOLL_CTL_DEL, stalled->connection.fd, NULL);
  }
}

void h2_open(struct load *load) {
  const struct options *options = &load->options;
  for (unsigned i = 0; i < options->connections && options->streams > 0; i++) {
    struct h2 *h2 = open_connection(load, WINDOW_BYTES);
    unsigned share = options->streams / options->connections + (i < options->streams % options->connections);
    for (unsigned k = 0; k < share; k++) {
      submit(h2, options->watch_path, options->watch_body, true);
    }
    flush(h2);
  }
  if (options->stalled > 0) {
    stalled = open_connection(load, STALLED_WINDOW_BYTES);
    for (unsigned i = 0; i < options->stalled; i++) {
      submit(stalled, options->watch_path, options->watch_body, true);
    }
    flush(stalled);
  }
  writer = open_connection(load, WINDOW_BYTES);
}
