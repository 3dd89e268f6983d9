/* The input of an import: FILE or standard input, read until its end or the first SIGINT or SIGTERM. A second signal ends the
 * process at once. For import.c, import_remote.c and their tests alone. Thread: main, but for what is said. */
#ifndef JG_SERVER_COMMAND_IMPORT_INPUT_H
#define JG_SERVER_COMMAND_IMPORT_INPUT_H

#include <pthread.h>
#include <signal.h>

#include "base/status.h"

/* Full here so that it lives in its owner's struct; the members are the module's own. */
struct jg_import_input {
  const char *name; /* for messages; borrowed */
  int fd;
  int signals;   /* signalfd */
  int stop;      /* eventfd, readable after the first signal */
  int quit;      /* eventfd: ends the thread */
  sigset_t mask; /* of the thread, as it was */
  bool watching; /* the signal thread runs */
  pthread_t thread;
  void (*interrupt)(void *data);
  void *data;
};

/* path: "-" is standard input; borrows it until close. Blocks both signals in this thread and all that it will make, so call it
 * before any other thread is made. NOT_FOUND, PERMISSION_DENIED or UNAVAILABLE: the file. */
JG_MUST_CHECK struct jg_status jg_import_input_open(struct jg_import_input *input, const char *path,
                                                    struct jg_arena *arena);
/* From now on a signal is noticed. interrupt: NULL, or called at the first one, on a thread of its own. */
void jg_import_input_watch(struct jg_import_input *input, void (*interrupt)(void *data), void *data);
/* Waits for some bytes; *ret_len 0 at the end, and after a signal. UNAVAILABLE: they cannot be read. */
JG_MUST_CHECK struct jg_status jg_import_input_read(struct jg_import_input *input, char *buffer, size_t bytes_max,
                                                    struct jg_arena *arena, size_t *ret_len);
/* A signal came. */
bool jg_import_input_interrupted(const struct jg_import_input *input);
/* After it no interrupt comes. Twice is allowed. */
void jg_import_input_unwatch(struct jg_import_input *input);
/* Unwatches, closes, and takes signals as before. */
void jg_import_input_close(struct jg_import_input *input);

#endif
