/* A load for change streams, the same for every peer: subscribers on many streams, writers beside them, one thread, one epoll.
 * Only for this folder. */
#ifndef JG_TESTS_BENCH_FANOUT_LOAD_H
#define JG_TESTS_BENCH_FANOUT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* In the body of a write and so in its events: replaced by 'T' and the time of sending, 16 hexadecimal digits. */
#define MARK "T0123456789abcdef"
#define MARK_LEN 17
#define EVENT_PATH_MAX 4

struct text {
  char *data;
  size_t len;
};

struct options {
  const char *address; /* "H:P" */
  bool resp;           /* Redis instead of gRPC */
  bool keep_open;      /* watch requests are not ended: a bidirectional stream */
  unsigned streams, connections;
  unsigned stalled; /* gRPC: more streams, on a connection of their own that is not read once they are open */
  unsigned writers; /* calls at once, or with a rate as many as it takes */
  unsigned rate;    /* writes a second; 0: as fast as they are answered */
  unsigned seconds;
  const char *watch_path, *write_path; /* gRPC */
  struct text watch_body, write_body;  /* messages; Redis: commands */
  unsigned event_path[EVENT_PATH_MAX]; /* fields that lead from a watch message to its events */
  unsigned event_depth;
  unsigned time_field; /* of an event: google.protobuf.Timestamp of its commit; 0: none */
};

struct samples {
  int64_t *ns;
  size_t count, capacity;
};

struct load {
  struct options options;
  int epoll;
  size_t mark_at; /* in the body of the writes */
  unsigned ready; /* streams that have answered */
  bool measuring;
  uint64_t events, messages, writes, failed_writes;
  unsigned writing; /* writes that are out */
  struct samples write_ns, event_ns, commit_ns;
  uint64_t event_turn; /* every so many events one is a sample */
};

/* A connection as the loop sees it: first member of each kind's. */
struct connection {
  int fd;
  void (*on_event)(struct connection *connection, unsigned events);
};

int64_t now_ns(void); /* monotonic */
int64_t wall_ns(void);
void fail(const char *what);
int connect_to(const char *address);
void watch_fd(struct load *load, struct connection *connection, bool writable);
void sample(struct samples *samples, int64_t ns);
/* One event's bytes came. */
void take_event(struct load *load, struct jg_str event);
/* The write's body with the time of now; lives until the next one. */
struct text stamped_body(struct load *load);
void write_done(struct load *load, int64_t sent_ns, bool ok);

/* h2.c, resp.c: open `streams` subscriptions over the connections, and one connection for writes. */
void h2_open(struct load *load);
/* The stalled streams are open: their connection is read no more. */
void h2_stall(struct load *load);
void h2_write(struct load *load);
void resp_open(struct load *load);
void resp_write(struct load *load);

#endif
