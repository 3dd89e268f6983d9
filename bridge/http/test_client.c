#include "bridge/http/test_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES_MAX (512u << 20)
#define PATIENCE_MS 20000

void jg_test_client_open(struct jg_test_client *client, uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  JG_ASSERT(client->fd >= 0);
  int on = 1;
  JG_ASSERT(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
  JG_ASSERT(connect(client->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
  jg_buf_init(&client->in, BYTES_MAX);
}

void jg_test_client_close(struct jg_test_client *client) {
  (void)close(client->fd);  // A socket: nothing to flush.
  jg_buf_done(&client->in);
  client->fd = -1;
}

bool jg_test_client_try_send(struct jg_test_client *client, struct jg_str bytes) {
  while (bytes.len != 0) {
    ssize_t sent = send(client->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0) {
      return false;
    }
    bytes = jg_str_sub(bytes, (size_t)sent, bytes.len);
  }
  return true;
}

void jg_test_client_send(struct jg_test_client *client, struct jg_str bytes) {
  JG_ASSERT(jg_test_client_try_send(client, bytes));
}

void jg_test_client_send_text(struct jg_test_client *client, const char *text) {
  jg_test_client_send(client, jg_str_from_cstr(text));
}

void jg_test_client_send_slowly(struct jg_test_client *client, const char *text) {
  for (const char *p = text; *p != '\0'; p++) {
    if (!jg_test_client_try_send(client, jg_str_make(p, 1))) {
      return;
    }
  }
}

void jg_test_client_shutdown(struct jg_test_client *client) {
  JG_ASSERT(shutdown(client->fd, SHUT_WR) == 0);
}

static bool wait_readable(struct jg_test_client *client, int timeout_ms) {
  struct pollfd fd = {.fd = client->fd, .events = POLLIN};
  int ready = poll(&fd, 1, timeout_ms);
  JG_ASSERT(ready >= 0);
  return ready > 0;
}

/* Bytes read; 0 at the end. */
static size_t read_more(struct jg_test_client *client) {
  JG_ASSERT(wait_readable(client, PATIENCE_MS));
  char *room = jg_buf_reserve(&client->in, 64u << 10);
  JG_ASSERT(room != NULL);
  ssize_t got = recv(client->fd, room, 64u << 10, 0);
  if (got < 0) {
    JG_ASSERT(errno == ECONNRESET);
    return 0;
  }
  client->in.len += (size_t)got;
  return (size_t)got;
}

static void drop(struct jg_buf *buf, size_t len) {
  memmove(buf->data, buf->data + len, buf->len - len);
  buf->len -= len;
}

static size_t head_length(const struct jg_buf *in) {
  const char *end = in->len != 0 ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
  return end != NULL ? (size_t)(end - in->data) + 4 : 0;
}

void jg_test_client_read_head(struct jg_test_client *client, struct jg_test_answer *ret_answer) {
  size_t head_len = 0;
  while ((head_len = head_length(&client->in)) == 0) {
    JG_ASSERT(read_more(client) != 0);
  }
  jg_buf_init(&ret_answer->head, BYTES_MAX);
  jg_buf_init(&ret_answer->body, BYTES_MAX);
  jg_buf_append(&ret_answer->head, client->in.data, head_len - 2);
  drop(&client->in, head_len);
  struct jg_str line = jg_buf_str(&ret_answer->head);
  uint64_t number = 0;
  JG_ASSERT(jg_str_starts_with(line, JG_STR("HTTP/1.1 ")));
  JG_ASSERT(jg_parse_u64(jg_str_sub(line, 9, 3), &number));
  ret_answer->status = (int)number;
}

void jg_test_client_read(struct jg_test_client *client, bool head, struct jg_test_answer *ret_answer) {
  jg_test_client_read_head(client, ret_answer);
  int number = ret_answer->status;
  struct jg_str length = jg_test_answer_header(ret_answer, "content-length");
  bool bodiless = head || number < 200 || number == 204 || number == 304;
  if (bodiless) {
    return;
  }
  uint64_t bytes = 0;
  JG_ASSERT(jg_parse_u64(length, &bytes));
  while (client->in.len < bytes) {
    JG_ASSERT(read_more(client) != 0);
  }
  jg_buf_append(&ret_answer->body, client->in.data, bytes);
  if (bytes != 0) {
    drop(&client->in, bytes);
  }
}

static void need(struct jg_test_client *client, size_t bytes) {
  while (client->in.len < bytes) {
    JG_ASSERT(read_more(client) != 0);
  }
}

bool jg_test_client_read_chunk(struct jg_test_client *client, struct jg_buf *out) {
  const char *end = NULL;
  while ((end = client->in.len != 0 ? memmem(client->in.data, client->in.len, "\r\n", 2) : NULL) == NULL) {
    JG_ASSERT(read_more(client) != 0);
  }
  size_t digits = (size_t)(end - client->in.data), size = 0;
  JG_ASSERT(digits > 0 && digits <= 8);
  for (size_t i = 0; i < digits; i++) {
    char c = client->in.data[i];
    JG_ASSERT((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
    size = size * 16 + (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  need(client, digits + 2 + size + 2);
  jg_buf_append(out, client->in.data + digits + 2, size);
  JG_ASSERT(memcmp(client->in.data + digits + 2 + size, "\r\n", 2) == 0);
  drop(&client->in, digits + 2 + size + 2);
  return size != 0;
}

void jg_test_client_read_rest(struct jg_test_client *client, struct jg_buf *out) {
  while (read_more(client) != 0) {
  }
  jg_buf_append(out, client->in.data, client->in.len);
  jg_buf_clear(&client->in);
}

bool jg_test_client_at_end(struct jg_test_client *client) {
  return client->in.len == 0 && read_more(client) == 0;
}

bool jg_test_client_silent(struct jg_test_client *client) {
  return client->in.len == 0 && !wait_readable(client, 0);
}

struct jg_str jg_test_answer_header(const struct jg_test_answer *answer, const char *name) {
  struct jg_str rest = jg_buf_str(&answer->head);
  while (rest.data != NULL && rest.len != 0) {
    struct jg_str line = jg_str_cut(rest, '\n', &rest);
    struct jg_str value;
    struct jg_str field = jg_str_cut(line, ':', &value);
    if (value.data != NULL && jg_str_equal_nocase(field, jg_str_from_cstr(name))) {
      return jg_str_trim(jg_str_sub(value, 0, value.len - 1));
    }
  }
  return JG_STR_NONE;
}

void jg_test_answer_done(struct jg_test_answer *answer) {
  jg_buf_done(&answer->head);
  jg_buf_done(&answer->body);
}
