/* For tests: a method table over jobs that are made up, whose handlers answer from a thread of their own, as the store's
 * would. One at a time in a process. Thread: the test's. */
#ifndef JG_BRIDGE_REST_FAKE_METHODS_H
#define JG_BRIDGE_REST_FAKE_METHODS_H

#include "services/method.h"

extern const struct jg_method fake_methods[JG_METHOD_COUNT];

/* What the last call brought. */
struct fake_seen {
  int calls;
  enum jg_method_index method;
  char id[64], name[64], page_token[64], traceparent[64];
  char mask[64]; /* paths of the read_mask, each behind a comma; empty: none */
  int page_size, skip, view;
  bool has_present;
  uint64_t present;
  int64_t tenant, deadline_ns, started_ns;
  bool loopback;
};

/* job_count: jobs that ListJobs pages through; the id of job i is 00000000-0000-0000-0000-00000000000i, GetJob knows them
 * alone. Pages go on by a token that needs escapes in a URL. Each job has a project whose JSON is {"id":"p"},
 * and a parent, if a read asks for it: {"id":"q","name":"r"}. */
void fake_start(int job_count);
void fake_stop(void);
struct fake_seen fake_seen(void);
/* The next call fails so; its texts must be static. */
void fake_fail_next(struct jg_status status);
/* Name of every job from now on; static. */
void fake_name_jobs(const char *name);

#endif
