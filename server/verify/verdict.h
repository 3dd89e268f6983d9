/* The promises of WatchJobs, and what speaks against each. Thread: one. */
#ifndef JG_SERVER_VERIFY_VERDICT_H
#define JG_SERVER_VERIFY_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum jg_verify_promise {
  JG_VERIFY_ORDERED,  /* revisions never go back */
  JG_VERIFY_UNIQUE,   /* nothing comes twice on one stream */
  JG_VERIFY_RELIABLE, /* nothing is left out, across reconnects; a snapshot is the state at its revision */
  JG_VERIFY_ATOMIC, /* the changes of one request are told apart from those of others, and no token stands among them */
  JG_VERIFY_RESUMABLE,    /* a stream goes on where its token stands */
  JG_VERIFY_BOOKMARKABLE, /* a bookmark at R: everything up to R was sent */
  JG_VERIFY_FILTER_VIEW,  /* a filter shows exactly what enters, changes and leaves it */
  JG_VERIFY_INTACT,       /* a change holds what was written at its revision */
  JG_VERIFY_TENANT_TIGHT, /* never another tenant's job */
  JG_VERIFY_PROMISE_COUNT
};

struct jg_verify_count {
  uint64_t looked_at; /* how often it could have failed */
  uint64_t failed;
  char first[160]; /* the first failure, for a person */
};

struct jg_verify_verdict {
  struct jg_verify_count promises[JG_VERIFY_PROMISE_COUNT];
};

const char *jg_verify_promise_name(enum jg_verify_promise promise); /* "filter-view" */
/* One look that found nothing wrong. */
static inline void jg_verify_hold(struct jg_verify_verdict *verdict, enum jg_verify_promise promise) {
  verdict->promises[promise].looked_at++;
}
void jg_verify_fail(struct jg_verify_verdict *verdict, enum jg_verify_promise promise, const char *format, ...)
    JG_PRINTF(3, 4);
uint64_t jg_verify_failures(const struct jg_verify_verdict *verdict);

#endif
