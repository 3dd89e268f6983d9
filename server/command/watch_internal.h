/* `jobgate watch`: only for watch.c (connections) and watch_print.c (what is printed). */
#ifndef JG_SERVER_COMMAND_WATCH_INTERNAL_H
#define JG_SERVER_COMMAND_WATCH_INTERNAL_H

#include "server/command/remote.h"

#define JG_WATCH_TOKEN_BYTES_MAX 512
#define JG_WATCH_RETRY_MS_MIN 100

/* The whole watch, over all its connections. */
struct jg_watch {
  const struct jg_options *options;
  struct jg_grpc_client *client;
  struct jg_arena arena; /* of one message */
  struct jg_buf line;
  char token[JG_WATCH_TOKEN_BYTES_MAX]; /* where to go on; empty: where the settings say */
  int64_t since_ticks;                  /* of --since */
  bool was_open;                        /* the server has said something */
  int64_t revision;                     /* of the last change printed */
  int64_t printed, wanted;              /* changes and jobs of a snapshot; wanted 0: no end */
  bool inside;                          /* the last line has no token: what it stands in comes whole again */
  bool until_synced, over;
  int64_t retry_ms; /* pause before the next connection */
};

/* Prints what a message of the stream holds and keeps its token. What was printed is not printed again. DATA_LOSS: the output
 * cannot be written; statuses of jg_message_unpack. */
JG_MUST_CHECK struct jg_status jg_watch_take(struct jg_watch *watch, struct jg_str message);
static inline bool jg_watch_is_over(const struct jg_watch *watch) {
  return watch->over || (watch->wanted > 0 && watch->printed >= watch->wanted);
}

#endif
