// Streamed answers: one piece at a time, each followed by its on_sent.

#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "bridge/http/http_internal.h"

/* Pieces that one connection may push into its socket before the loop looks at the others. */
#define PIECES_AT_ONCE 8u

static void give(struct jg_http_work *work, enum jg_http_stream_step step, struct jg_bytes *piece) {
  JG_ASSERT(work->stream.given == JG_HTTP_STREAM_NONE && work->stream.piece == NULL);
  work->stream.given = step;
  work->stream.piece = piece;
  if (jg_http_server_on_loop(work->server)) {
    jg_http_stream_arrived(work);
    return;
  }
  struct jg_status posted = jg_queue_post(&work->server->answers, &work->node);
  JG_ASSERT(jg_status_ok(posted));  // One step at a time: as in jg_http_respond.
}

void jg_http_stream_start(struct jg_http_request *request, struct jg_http_response *response) {
  struct jg_http_work *work = jg_http_work_of(request);
  JG_ASSERT(request->on_sent != NULL && response->text.data == NULL && response->buf.data == NULL);
  JG_ASSERT(response->status >= 200 && response->status < 600 && response->status != 204 && response->status != 304);
  struct jg_bytes *piece = response->shared;
  response->shared = NULL;
  work->status = response->status;
  work->close = response->close || request->http_1_0;
  work->stream.chunked = !request->http_1_0;
  work->stream.bodiless = request->method == JG_HTTP_HEAD;
  struct jg_str framing = work->stream.chunked ? JG_STR("Transfer-Encoding: chunked\r\n") : JG_STR("");
  if (!jg_http_work_build_head(work, response, framing)) {
    // As a handler's answer that fills its arena: the head tells, and the pieces are dropped.
    work->status = 500;
    work->stream.bodiless = true;
    work->head = JG_STR("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n");
  }
  give(work, JG_HTTP_STREAM_START, piece);
}

void jg_http_stream_send(struct jg_http_request *request, struct jg_bytes *piece) {
  JG_ASSERT(piece != NULL);
  give(jg_http_work_of(request), JG_HTTP_STREAM_SEND, piece);
}

void jg_http_stream_end(struct jg_http_request *request, bool complete) {
  struct jg_http_work *work = jg_http_work_of(request);
  work->stream.complete = complete;
  give(work, JG_HTTP_STREAM_END, NULL);
}

static void drop_piece(struct jg_http_stream *stream) {
  jg_bytes_unref(stream->piece);
  stream->piece = NULL;
}

/* The step is done: the handler's turn, or the end of all. */
static void end_step(struct jg_http_work *work, bool ok) {
  struct jg_http_stream *stream = &work->stream;
  enum jg_http_stream_step step = stream->due;
  JG_ASSERT(step != JG_HTTP_STREAM_NONE);
  stream->due = JG_HTTP_STREAM_NONE;
  drop_piece(stream);
  if (step == JG_HTTP_STREAM_END) {
    jg_http_work_end(work, stream->head_sent ? work->status : 499);
    return;
  }
  work->pub.on_sent(&work->pub, ok);
}

void jg_http_stream_arrived(struct jg_http_work *work) {
  struct jg_http_stream *stream = &work->stream;
  struct jg_http_connection *connection = work->connection;
  enum jg_http_stream_step step = stream->given;
  stream->given = JG_HTTP_STREAM_NONE;
  JG_ASSERT(stream->due == JG_HTTP_STREAM_NONE);
  JG_ASSERT(work->state == (step == JG_HTTP_STREAM_START ? JG_HTTP_REQUEST_RUNNING : JG_HTTP_REQUEST_STREAMING));
  stream->due = step;
  work->state = JG_HTTP_REQUEST_STREAMING;
  if (connection == NULL) {
    end_step(work, false);
    return;
  }
  jg_http_connection_dirty(connection);
}

void jg_http_stream_drop(struct jg_http_work *work) {
  struct jg_http_stream *stream = &work->stream;
  bool out = work->connection->streamed == work;
  bool due = stream->due != JG_HTTP_STREAM_NONE;
  bool ending = stream->due == JG_HTTP_STREAM_END;
  work->connection = NULL;
  if (!ending && work->pub.on_gone != NULL) {
    // With nothing under way the handler may end it at once: then the request is gone.
    work->pub.on_gone(&work->pub);
  }
  if (due && !out) {
    end_step(work, false);
  }
}

bool jg_http_stream_due(const struct jg_http_connection *connection) {
  const struct jg_http_work *work = connection->first;
  return work != NULL && work->state == JG_HTTP_REQUEST_STREAMING && work->stream.due != JG_HTTP_STREAM_NONE;
}

/* A peer that vanished acknowledges nothing: the kernel gives up on it when we would. Best effort. */
static void limit_silence(const struct jg_http_connection *connection) {
  uv_os_fd_t fd;
  int64_t ms = connection->server->limits.write_timeout_ms;
  unsigned int timeout_ms = ms < UINT32_MAX ? (unsigned int)ms : UINT32_MAX;
  if (uv_fileno((const uv_handle_t *)&connection->tcp, &fd) == 0) {
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
  }
}

static size_t add(uv_buf_t *bufs, size_t count, struct jg_str bytes) {
  JG_ASSERT(bytes.len <= UINT32_MAX);
  if (bytes.len != 0) {
    bufs[count++] = uv_buf_init((char *)bytes.data, (unsigned int)bytes.len);
  }
  return count;
}

/* What this step puts on the wire: the head before the first piece, the piece in its frame, the mark of the end. */
static size_t gather(struct jg_http_connection *connection, struct jg_http_work *work, uv_buf_t *bufs) {
  struct jg_http_stream *stream = &work->stream;
  size_t count = 0;
  if (!stream->head_sent) {
    stream->last = jg_http_write_finish_head(connection, work);
    stream->head_sent = true;
    limit_silence(connection);
    count = add(bufs, count, work->head);
    count = add(bufs, count, jg_str_make(work->tail, work->tail_len));
  }
  struct jg_str piece = stream->piece != NULL ? jg_bytes_str(stream->piece) : JG_STR("");
  if (stream->bodiless) {
    return count;
  }
  if (piece.len != 0 && stream->chunked) {
    int len = snprintf(stream->chunk, sizeof(stream->chunk), "%zx\r\n", piece.len);
    count = add(bufs, count, jg_str_make(stream->chunk, (size_t)len));
    count = add(bufs, count, piece);
    count = add(bufs, count, JG_STR("\r\n"));
  } else {
    count = add(bufs, count, piece);
  }
  stream->sent_bytes += piece.len;
  if (stream->due == JG_HTTP_STREAM_END && stream->chunked) {
    count = add(bufs, count, JG_STR("0\r\n\r\n"));
  }
  return count;
}

/* How much of the piece's memory this client holds back: many may wait for the same one. */
static size_t share_of(const struct jg_bytes *piece, size_t left) {
  if (piece == NULL) {
    return left;
  }
  // Relaxed: a guess is enough, and it is never 0, as one reference is ours.
  return left / atomic_load_explicit(&piece->refs, memory_order_relaxed);
}

void jg_http_stream_write(struct jg_http_connection *connection) {
  struct jg_http_work *work = connection->first;
  struct jg_http_stream *stream = &work->stream;
  if (stream->due == JG_HTTP_STREAM_END && !stream->complete) {
    jg_http_connection_close(connection);
    return;
  }
  uv_buf_t bufs[6];
  size_t count = gather(connection, work, bufs);
  ssize_t left = 0;
  if (count != 0) {
    left = jg_http_write_bufs(connection, bufs, count, connection->pieces_at_once++ < PIECES_AT_ONCE);
  }
  if (left < 0) {
    jg_http_connection_close(connection);
  } else if (left > 0) {
    connection->streamed = work;
    stream->counted = share_of(stream->piece, (size_t)left);
    jg_http_connection_add_unwritten(connection, stream->counted);
  } else {
    jg_http_stream_written(work, true);
  }
}

/* Takes the first request off the connection's order. */
static void leave_order(struct jg_http_connection *connection, struct jg_http_work *work) {
  JG_ASSERT(connection->first == work && connection->count > 0 && connection->running > 0);
  connection->first = work->next;
  if (connection->first == NULL) {
    connection->last = NULL;
  }
  connection->count--;
  connection->running--;
  if (work->stream.last) {
    // Its head has said so; nothing may follow.
    jg_http_write_drop(connection);
    connection->state = JG_HTTP_LAST;
  }
}

void jg_http_stream_written(struct jg_http_work *work, bool ok) {
  struct jg_http_connection *connection = work->connection;
  if (work->stream.due == JG_HTTP_STREAM_END && connection != NULL) {
    leave_order(connection, work);
  }
  end_step(work, ok && connection != NULL && !work->stream.bodiless);
}
