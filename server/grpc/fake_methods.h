/* For tests: a table of methods with every shape of call, whose handlers answer from a thread of their own where real ones
 * would answer from the store's. Thread: the test's. */
#ifndef JG_SERVER_GRPC_FAKE_METHODS_H
#define JG_SERVER_GRPC_FAKE_METHODS_H

#include "server/grpc/server.h"

/* Paths: "/jobgate.test.Fake/" and the name. Request of the unary ones and of Numbers: ListJobsRequest. */
enum fake_method {
  FAKE_ECHO,   /* the request itself, inline; limit 100,000 bytes */
  FAKE_SMALL,  /* the same with a limit of 1,000 bytes */
  FAKE_THREAD, /* the same, from the worker */
  FAKE_CONTEXT, /* what the handler sees: filter = traceparent, page_size = deadline in ms, skip = loopback, page_token = tenant */
  FAKE_FAIL,    /* an error by `filter`: violations, history, retry, internal */
  FAKE_HOLD,    /* answers when fake_release is called */
  FAKE_LOCAL,   /* the request itself, on loopback only */
  FAKE_NUMBERS, /* streams the texts "0", "1", ... up to page_size from the worker, then OK */
  FAKE_LAST,    /* streams one message and ends at once, from inside the handler: OUT_OF_RANGE */
  FAKE_FAN,     /* streams the texts of fake_fan_out until it is cancelled or fake_fan_end */
  FAKE_FOREVER, /* streams one message and stays open until it is cancelled */
  FAKE_COUNT, /* client stream: ImportJobsResponse, created = messages, updated = bytes; "ack" is sent back, "stop" is ABORTED */
  FAKE_METHOD_COUNT
};

extern const struct jg_method fake_methods[FAKE_METHOD_COUNT];

void fake_start(void);
void fake_stop(void);
/* Waits until a call of FAKE_HOLD has arrived. */
void fake_wait_held(void);
/* How many have. */
size_t fake_held_count(void);
/* Answers the calls of FAKE_HOLD, from this thread; later ones are answered at once. */
void fake_release(void);
/* Sends the text to all streams of FAKE_FAN at once, from this thread, and waits until it has left to each; ends those that are
 * cancelled. Returns to how many it was sent. */
size_t fake_fan_out(const char *text);
/* Waits until so many of these have arrived. */
void fake_wait_fan(size_t count);
/* On how many threads they did. */
size_t fake_fan_threads(void);
/* Waits until all of these are cancelled. */
void fake_wait_fan_over(void);
/* Ends them OK. */
void fake_fan_end(void);
/* Waits until `count` streams in all were cancelled. */
void fake_wait_cancelled(int count);

#endif
