/* Redis pub/sub (RESP2): a socket a subscriber, one for PUBLISH. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/bench/fanout/load.h"

#define READ_BYTES (256u << 10)

struct subscriber {
  struct connection connection;
  struct load *load;
  bool ready;
  size_t message_len; /* of a message, once one was seen: all are alike */
  uint8_t *rest;
  size_t rest_len;
};

static struct publisher {
  struct connection connection;
  struct load *load;
  int64_t *sent; /* ring of the times of what is out */
  size_t first, count;
} publisher;

#define RING 65536

static void take_messages(struct subscriber *subscriber) {
  size_t at = 0;
  while (at < subscriber->rest_len) {
    uint8_t *data = subscriber->rest + at;
    size_t len = subscriber->rest_len - at;
    if (subscriber->message_len == 0) {
      // *3 $7 message $2 ch $N payload: N tells the length of all.
      uint8_t *third = len > 32 ? memmem(data + 14, len - 14, "\r\n$", 3) : NULL;
      third = third != NULL ? memmem(third + 3, len - (size_t)(third + 3 - data), "\r\n$", 3) : NULL;
      if (third == NULL || memmem(third + 3, len - (size_t)(third + 3 - data), "\r\n", 2) == NULL) {
        break;
      }
      size_t payload = 0;
      uint8_t *digit = third + 3;
      for (; *digit >= '0' && *digit <= '9'; digit++) {
        payload = payload * 10 + (*digit - '0');
      }
      subscriber->message_len = (size_t)(digit + 2 - data) + payload + 2;
    }
    if (len < subscriber->message_len) {
      break;
    }
    subscriber->load->messages += subscriber->load->measuring;
    take_event(subscriber->load, jg_str_make((const char *)data, subscriber->message_len));
    at += subscriber->message_len;
  }
  memmove(subscriber->rest, subscriber->rest + at, subscriber->rest_len - at);
  subscriber->rest_len -= at;
}

static void on_subscriber(struct connection *connection, unsigned events) {
  struct subscriber *subscriber = (struct subscriber *)connection;
  (void)events;
  ssize_t got = read(connection->fd, subscriber->rest + subscriber->rest_len, READ_BYTES - subscriber->rest_len);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) {
      fail("subscriber");
    }
    return;
  }
  subscriber->rest_len += (size_t)got;
  if (!subscriber->ready) {
    // The answer to SUBSCRIBE ends with the count.
    uint8_t *end = memmem(subscriber->rest, subscriber->rest_len, ":1\r\n", 4);
    if (end == NULL) {
      return;
    }
    subscriber->ready = true;
    subscriber->load->ready++;
    size_t used = (size_t)(end + 4 - subscriber->rest);
    memmove(subscriber->rest, subscriber->rest + used, subscriber->rest_len - used);
    subscriber->rest_len -= used;
  }
  take_messages(subscriber);
}

static void on_publisher(struct connection *connection, unsigned events) {
  (void)events;
  char answers[65536];
  ssize_t got = read(connection->fd, answers, sizeof answers);
  for (ssize_t i = 0; i < got; i++) {
    if (answers[i] == '\n' && publisher.count > 0) {
      int64_t sent = publisher.sent[publisher.first++ % RING];
      publisher.count--;
      write_done(publisher.load, sent, true);
    }
  }
}

void resp_write(struct load *load) {
  struct text body = stamped_body(load);
  publisher.sent[(publisher.first + publisher.count++) % RING] = now_ns();
  for (size_t at = 0; at < body.len;) {
    ssize_t sent = write(publisher.connection.fd, body.data + at, body.len - at);
    if (sent < 0 && errno != EAGAIN) {
      fail("publish");
    }
    at += sent > 0 ? (size_t)sent : 0;
  }
}

void resp_open(struct load *load) {
  for (unsigned i = 0; i < load->options.streams; i++) {
    struct subscriber *subscriber = calloc(1, sizeof *subscriber);
    subscriber->connection = (struct connection){connect_to(load->options.address), on_subscriber};
    subscriber->load = load;
    subscriber->rest = malloc(READ_BYTES);
    struct text body = load->options.watch_body;
    if (write(subscriber->connection.fd, body.data, body.len) != (ssize_t)body.len) {
      fail("subscribe");
    }
    watch_fd(load, &subscriber->connection, false);
  }
  publisher.load = load;
  publisher.sent = calloc(RING, sizeof *publisher.sent);
  publisher.connection = (struct connection){connect_to(load->options.address), on_publisher};
  watch_fd(load, &publisher.connection, false);
}
