/* One run of `jobgate verify-stream`: only for run.c, writer.c and watcher.c. A side is one tenant of the server with its
 * writers and watchers; each of them is a thread with memory of its own that main reads after it has ended. */
#ifndef JG_SERVER_VERIFY_RUN_INTERNAL_H
#define JG_SERVER_VERIFY_RUN_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "server/verify/run.h"

/* Writes take their numbers (versions) here; more than these are not made. */
#define JG_VERIFY_WRITES_MAX 4000000u
/* Groups of jobs: filters ask for some of them. */
#define JG_VERIFY_GROUPS 8

struct jg_verify_run;

struct jg_verify_side {
  struct jg_verify_run *run;
  struct jg_grpc_client *client;
  uint8_t mark[8];                /* the first half of the ids of its jobs */
  char mark_text[2 * 8 + 1];      /* as its jobs and their entities carry it */
  struct jg_verify_write *writes; /* version - 1; each is its writer's */
  _Atomic uint64_t write_count;
  _Atomic uint32_t job_count;
  int64_t settled_ns;             /* monotonic: who is not at final_revision then never comes; set before it */
  _Atomic int64_t final_revision; /* 0: writers are still at it */
};

struct jg_verify_run {
  struct jg_verify_settings settings;
  struct jg_verify_side sides[2]; /* the second one: of --other-user */
  size_t side_count;
  int64_t stop_ns; /* writers stop: monotonic */
  _Atomic bool failed;
  _Atomic uint64_t connections, retries, lost_histories;
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t opened; /* on the monotonic clock */
  unsigned to_open;      /* watchers that have to be there before anything is written */
  char problem[256];     /* why the run came to no verdict */
};

struct jg_verify_writer {
  struct jg_verify_side *side;
  uint64_t random;
  pthread_t thread;
};

struct jg_verify_stream {
  struct jg_verify_side *side;
  struct jg_verify_watcher watcher;
  struct jg_verify_plant plant;
  bool steady; /* never begins anew: what it sees is the measure of the others */
  bool full;   /* JOB_VIEW_FULL */
  uint64_t random;
  pthread_t thread;
};

/* data: the struct above. */
void *jg_verify_writer_main(void *data);
void *jg_verify_stream_main(void *data);
/* Writes one more job, so that its revision is greater than those of all before. */
JG_MUST_CHECK struct jg_status jg_verify_fence(struct jg_verify_side *side, struct jg_arena *arena,
                                               int64_t *ret_revision);
/* Ends the run without a verdict; the first one counts. */
void jg_verify_give_up(struct jg_verify_run *run, const char *what, struct jg_status status);

/* splitmix64: the same seed makes the same run, as far as threads let it. */
uint64_t jg_verify_random(uint64_t *state);
void jg_verify_pause(int64_t ns);
static inline int64_t jg_verify_now_ns(void) {
  return jg_clock_mono_ns(jg_clock_system());
}

struct jg_uuid jg_verify_job_id(const struct jg_verify_side *side, uint32_t job);

#endif
