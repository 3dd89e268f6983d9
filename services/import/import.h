/* Imports: a snapshot of another server, taken job by job under rules of their own. Jobs are decoded on the feeding thread and
 * written by the store's writer, many to a transaction; at most `window` are under way, so memory is bounded.
 * I1 Upsert by id; an identical record makes no revision. A job without an id gets one.
 * I2 Server-managed members are kept as given; an imported id2 raises the counter, an imported modified_dateutc does not move
 *    the clock.
 * I3 Lengths and types are enforced; required groups and transitions are not.
 * I4 A node replaces the entity of its id; the last one wins. Where an x_id differs from its node's id the node wins: a warning.
 * I5 An x_id without node and without such an entity makes an entity of that id and x_code: a warning.
 * I6 An unknown x_code alone, or the same code with another id, rejects that job.
 * I7 An unknown status (id and code) is registered.
 * I8 An object that holds no member of a job, as an error's body does, or whose context names another set, is refused. */
#ifndef JG_SERVICES_IMPORT_IMPORT_H
#define JG_SERVICES_IMPORT_IMPORT_H

#include "services/call.h"

struct jg_import;

struct jg_import_summary {
  int64_t created, updated, unchanged, rejected, warnings, entities_written;
  bool more; /* the last page of the input names a next one */
};

/* A refusal or a warning. number, line: of the job in the input, from 1. Texts are borrowed during the call. */
struct jg_import_problem {
  bool warning;
  int64_t number, line;
  const char *field; /* "" if none */
  const char *message;
};

struct jg_import_options {
  const struct jg_app *app;
  int64_t tenant;
  bool skip_errors; /* --on-error skip: leave out what is refused and go on; else stop at the first refusal */
  unsigned window;  /* jobs under way, 1..4096 */
  /* On the feeding thread, in the order of the input. NULL allowed. */
  void (*problem)(const struct jg_import_problem *problem, void *data);
  void *data;
};

struct jg_import *jg_import_create(const struct jg_import_options *options);
/* Waits for what is under way, and reports none of it. NULL is allowed. */
void jg_import_destroy(struct jg_import *import);
/* Takes any cut of the input (proto/codec/json_split.h), which may begin with a byte order mark. Blocks while the window is full. An error ends the import: a refusal
 * (without skip_errors; it was reported too), unreadable input, or a failing store; jobs before it stay, and later calls return
 * it again. Thread: one that may block. */
JG_MUST_CHECK struct jg_status jg_import_feed(struct jg_import *import, struct jg_str bytes, struct jg_arena *arena);
/* The end of the input; waits for everything. */
JG_MUST_CHECK struct jg_status jg_import_end(struct jg_import *import, struct jg_arena *arena);
/* So far; exact after an end or an error. */
struct jg_import_summary jg_import_summary(const struct jg_import *import);

/* The handler of ImportJobs: messages are fed in order on a thread of the import's own. */
void jg_import_handle(struct jg_call *call);

#endif
