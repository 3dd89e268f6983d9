/* Faults that are planted into what a watcher received, to show that the checker finds them. Thread: its watcher's. */
#ifndef JG_SERVER_VERIFY_PLANT_H
#define JG_SERVER_VERIFY_PLANT_H

#include "server/verify/history.h"

enum jg_verify_fault {
  JG_VERIFY_FAULT_NONE,
  JG_VERIFY_FAULT_DROP,    /* a change does not come */
  JG_VERIFY_FAULT_REPEAT,  /* it comes twice */
  JG_VERIFY_FAULT_REORDER, /* it comes behind the next one */
  JG_VERIFY_FAULT_TEAR,    /* its request ends in another place */
  JG_VERIFY_FAULT_SPOIL,   /* it holds another write's content */
  JG_VERIFY_FAULT_LEAK,    /* it is another tenant's */
  JG_VERIFY_FAULT_REWIND,  /* a stream opens before its token */
  JG_VERIFY_FAULT_BOAST,   /* a bookmark comes instead of it */
  JG_VERIFY_FAULT_RELABEL, /* it is of another kind than its view shows */
  JG_VERIFY_FAULT_COUNT
};
#define JG_VERIFY_FAULT_CHOICES "none|drop|repeat|reorder|tear|spoil|leak|rewind|boast|relabel"

/* By its name in the choices, which it must be. */
enum jg_verify_fault jg_verify_fault_parse(const char *name);

struct jg_verify_plant {
  enum jg_verify_fault fault;
  uint64_t period; /* every so many changes; REWIND: every resume */
  uint64_t seen;
  bool held; /* REORDER: a change waits for the next one */
  struct jg_verify_event waiting;
};

/* Records the event, damaged if its turn has come. */
void jg_verify_plant_record(struct jg_verify_plant *plant, struct jg_verify_watcher *watcher,
                            const struct jg_verify_event *event);

#endif
