/* One run of the stream checker against a server: writers and watchers as threads, then the verdict. Thread: main. */
#ifndef JG_SERVER_VERIFY_RUN_H
#define JG_SERVER_VERIFY_RUN_H

#include "base/status.h"
#include "server/grpc/client.h"
#include "server/verify/plant.h"
#include "server/verify/verdict.h"

struct jg_verify_settings {
  unsigned writers, watchers; /* of the first tenant; a second one has two of each */
  int64_t rate;               /* writes a second, over all writers */
  int64_t duration_ns;        /* how long is written */
  int64_t patience_ns;  /* how long a write that is not answered is sent again; and streams may take to open first */
  int64_t reconnect_ns; /* mean time of a connection */
  uint64_t seed;
  enum jg_verify_fault fault; /* planted into what is received */
};

struct jg_verify_report {
  struct jg_verify_verdict verdict;
  uint64_t writes, jobs, changes; /* acknowledged writes; jobs made; changes received */
  uint64_t connections, retries, lost_histories;
  int64_t final_revision;
};

/* clients: one for each tenant, 1 or 2; borrowed. An error is why there is no verdict: a server that stays away, a call that is
 * refused. Its texts live in the arena. */
JG_MUST_CHECK struct jg_status jg_verify_run(const struct jg_verify_settings *settings, struct jg_grpc_client **clients,
                                             size_t client_count, struct jg_arena *arena,
                                             struct jg_verify_report *ret_report);

#endif
