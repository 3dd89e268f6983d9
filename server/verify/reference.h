/* The log as all watchers together saw it, and what each view of it had to show. Thread: one. */
#ifndef JG_SERVER_VERIFY_REFERENCE_H
#define JG_SERVER_VERIFY_REFERENCE_H

#include "server/verify/history.h"
#include "server/verify/verdict.h"

/* One revision. */
struct jg_verify_entry {
  int64_t ticks;
  uint64_t version; /* 0: deleted, or foreign */
  uint32_t job;
  uint8_t kind; /* CREATED, UPDATED or DELETED; 0: foreign, not known */
  bool known;   /* somebody saw it */
  bool entity;
  bool last, last_known; /* ends its request: only who sees entities too can tell */
};

struct jg_verify_reference {
  int64_t first; /* revision of entries[0] */
  struct jg_verify_entry *entries;
  size_t count;
};

/* What a view had to show of one revision. */
struct jg_verify_expected {
  int64_t revision;
  uint64_t version;
  uint32_t job;
  uint8_t kind; /* 0: any */
  bool entity;
  bool last, last_known;
};
struct jg_verify_expectation {
  struct jg_verify_view view;
  struct jg_verify_expected *items; /* by revision */
  size_t count;
};

/* Puts the log together. Watchers that tell different things about one revision, and acknowledged writes that are missing or
 * of other content, are failures. */
void jg_verify_reference_init(struct jg_verify_reference *reference, const struct jg_verify_history *history,
                              struct jg_verify_verdict *verdict);
void jg_verify_reference_done(struct jg_verify_reference *reference);

/* The history is needed for the groups of jobs. */
void jg_verify_expect_init(struct jg_verify_expectation *expectation, const struct jg_verify_reference *reference,
                           const struct jg_verify_history *history, const struct jg_verify_view *view);
void jg_verify_expect_done(struct jg_verify_expectation *expectation);
/* Index of the first item whose revision is greater. */
size_t jg_verify_expect_behind(const struct jg_verify_expectation *expectation, int64_t revision);

#endif
