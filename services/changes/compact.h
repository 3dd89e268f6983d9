/* The compactor: lets go what the retention (R6) no longer keeps of each tenant's log, in short writes, and never what a stream
 * still needs unless the hub has told it: who is behind gets a while to catch up, then its end with its last token. */
#ifndef JG_SERVICES_CHANGES_COMPACT_H
#define JG_SERVICES_CHANGES_COMPACT_H

#include "services/changes/hub.h"

struct jg_compactor;

struct jg_compactor_options {
  struct jg_store *store;
  struct jg_hub *hub;
  const struct jg_clock *clock;
  struct jg_metrics *metrics;
  struct jg_retention retention;
  size_t records_max; /* that one write drops; 0: JG_COMPACT_RECORDS */
};

/* Few enough that a write in the queue behind it does not notice. */
#define JG_COMPACT_RECORDS 1000u

/* Borrows what the options name until destroy. Starts nothing. Thread: main. */
struct jg_compactor *jg_compactor_create(const struct jg_compactor_options *options);
/* Looks at every tenant once, and waits until what may go is gone. One at a time. Thread: any that may block. */
void jg_compactor_pass(struct jg_compactor *compactor);
/* A thread of its own that does so every two seconds. Thread: main. */
void jg_compactor_start(struct jg_compactor *compactor);
/* Ends the thread, within a write: before jg_hub_stop and jg_store_close. Thread: main. */
void jg_compactor_stop(struct jg_compactor *compactor);    /* NULL is allowed; and so if it was not started */
void jg_compactor_destroy(struct jg_compactor *compactor); /* NULL is allowed */

#endif
