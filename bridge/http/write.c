// Answers out, in the order of their requests.

#include "bridge/http/http_internal.h"

static void write_done(uv_write_t *write, int status);

static bool is_answered(const struct jg_http_connection *connection) {
  return connection->first != NULL && connection->first->state == JG_HTTP_REQUEST_ANSWERED;
}

bool jg_http_write_due(const struct jg_http_connection *connection) {
  return !connection->writing && (is_answered(connection) || jg_http_stream_due(connection));
}

/* Ends requests of a list that was cut off the order; status 0: each one's own. */
static void end_list(struct jg_http_connection *connection, struct jg_http_work *work, int status) {
  while (work != NULL) {
    struct jg_http_work *next = work->next;
    jg_http_connection_sub_unwritten(connection, work->answer_bytes);
    jg_http_work_end(work, status != 0 ? status : work->status);
    work = next;
  }
}

/* Drops a request that is still in the order, whatever its state. */
static void drop(struct jg_http_connection *connection, struct jg_http_work *work) {
  switch (work->state) {
    case JG_HTTP_REQUEST_WAITING:
      jg_http_work_recycle(work);
      return;
    case JG_HTTP_REQUEST_RUNNING:
      work->connection = NULL;  // It ends when its handler answers.
      if (work->pub.on_gone != NULL) {
        work->pub.on_gone(&work->pub);
      }
      return;
    case JG_HTTP_REQUEST_STREAMING:
      jg_http_stream_drop(work);
      return;
    default:
      work->next = NULL;
      end_list(connection, work, 499);
  }
}

void jg_http_write_drop(struct jg_http_connection *connection) {
  struct jg_http_work *work = connection->first;
  connection->first = connection->last = connection->waiting = NULL;
  connection->count = connection->running = connection->ahead_bytes = 0;
  while (work != NULL) {
    struct jg_http_work *next = work->next;
    drop(connection, work);
    work = next;
  }
}

/* Whether the connection ends after this answer. */
static bool is_last(const struct jg_http_connection *connection, const struct jg_http_work *work) {
  if (work->interim) {
    return false;
  }
  if (work->close || !work->keep_alive) {
    return true;
  }
  bool ending = connection->state == JG_HTTP_LAST || connection->server->draining;
  return ending && work->next == NULL && connection->current == NULL && connection->held.len == 0;
}

bool jg_http_write_finish_head(struct jg_http_connection *connection, struct jg_http_work *work) {
  bool last = is_last(connection, work);
  if (work->interim) {
    return false;
  }
  struct jg_str connection_field = JG_STR_NONE;
  if (last) {
    connection_field = JG_STR("Connection: close\r\n");
  } else if (work->pub.http_1_0) {
    connection_field = JG_STR("Connection: keep-alive\r\n");
  }
  struct jg_str date = jg_http_server_date(connection->server);
  JG_ASSERT(date.len + connection_field.len + 2 <= sizeof(work->tail));
  memcpy(work->tail, date.data, date.len);
  if (connection_field.len != 0) {
    memcpy(work->tail + date.len, connection_field.data, connection_field.len);
  }
  work->tail_len = date.len + connection_field.len;
  memcpy(work->tail + work->tail_len, "\r\n", 2);
  work->tail_len += 2;
  return last;
}

static size_t add(uv_buf_t *bufs, size_t count, const char *data, size_t len) {
  if (len == 0) {
    return count;
  }
  JG_ASSERT(len <= UINT32_MAX);
  bufs[count] = uv_buf_init((char *)data, (unsigned int)len);
  return count + 1;
}

struct batch {
  uv_buf_t bufs[3 * JG_HTTP_WRITE_BATCH];
  size_t count;
};

/* Cuts what is due off the order and fills the batch. */
static struct jg_http_work *gather(struct jg_http_connection *connection, struct batch *batch) {
  struct jg_http_work *first = connection->first, *end = NULL;
  bool last = false;
  for (size_t i = 0; i < JG_HTTP_WRITE_BATCH && is_answered(connection) && !last; i++) {
    struct jg_http_work *work = connection->first;
    last = jg_http_write_finish_head(connection, work);
    batch->count = add(batch->bufs, batch->count, work->head.data, work->head.len);
    batch->count = add(batch->bufs, batch->count, work->tail, work->tail_len);
    batch->count = add(batch->bufs, batch->count, work->answer.data, work->answer.len);
    connection->first = work->next;
    connection->count--;
    end = work;
  }
  end->next = NULL;
  if (connection->first == NULL) {
    connection->last = NULL;
  }
  if (last) {
    // Nothing may follow it; an answer that asked for the end leaves the requests behind it unanswered.
    jg_http_write_drop(connection);
    connection->state = JG_HTTP_LAST;
  }
  return first;
}

ssize_t jg_http_write_bufs(struct jg_http_connection *connection, uv_buf_t *bufs, size_t count, bool at_once) {
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  // Most answers fit the socket's buffer: then no request of libuv's is needed, and the answer is gone at once.
  int written = at_once ? uv_try_write(stream, bufs, (unsigned int)count) : 0;
  if (written < 0 && written != UV_EAGAIN) {
    return written;
  }
  size_t done = written > 0 ? (size_t)written : 0;
  while (count > 0 && done >= bufs->len) {
    done -= bufs->len;
    bufs++;
    count--;
  }
  if (count == 0) {
    return 0;
  }
  bufs->base += done;
  bufs->len -= done;
  size_t left = 0;
  for (size_t i = 0; i < count; i++) {
    left += bufs[i].len;
  }
  connection->writing = true;
  connection->submitted_bytes += left;
  connection->write.data = connection;
  int error = uv_write(&connection->write, stream, bufs, (unsigned int)count, write_done);
  JG_ASSERT(error == 0);
  return (ssize_t)left;
}

static void write_list(struct jg_http_connection *connection) {
  struct batch batch = {.count = 0};
  struct jg_http_work *list = gather(connection, &batch);
  ssize_t left = jg_http_write_bufs(connection, batch.bufs, batch.count, true);
  if (left > 0) {
    connection->written = list;
    return;
  }
  end_list(connection, list, left == 0 ? 0 : 499);
  if (left < 0) {
    jg_http_connection_close(connection);
  }
}

void jg_http_write_answers(struct jg_http_connection *connection) {
  if (connection->state == JG_HTTP_CLOSING || !jg_http_write_due(connection)) {
    return;
  }
  if (is_answered(connection)) {
    write_list(connection);
  } else {
    jg_http_stream_write(connection);
  }
}

static void write_done(uv_write_t *write, int status) {
  struct jg_http_connection *connection = write->data;
  JG_ASSERT(connection->magic == JG_HTTP_CONNECTION_MAGIC);
  struct jg_http_server *server = connection->server;
  struct jg_http_work *list = connection->written;
  struct jg_http_work *streamed = connection->streamed;
  connection->written = connection->streamed = NULL;
  connection->writing = false;
  connection->pieces_at_once = 0;
  end_list(connection, list, status == 0 ? 0 : 499);
  if (streamed != NULL) {
    jg_http_connection_sub_unwritten(connection, streamed->stream.counted);
    streamed->stream.counted = 0;
    jg_http_stream_written(streamed, status == 0);
  }
  if (status != 0) {
    jg_http_connection_close(connection);
  }
  if (connection->state != JG_HTTP_CLOSING) {
    jg_http_connection_settle(connection);
  }
  jg_http_server_settle(server);
}
