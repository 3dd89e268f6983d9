/* For the tests of this folder: a real record, cache and hub, and clients behind a sink that the test controls.
 * Clients keep the promises of services/call.h: callbacks of one call come on one thread, none begins after finish. */
#ifndef JG_SERVICES_CHANGES_FIXTURE_H
#define JG_SERVICES_CHANGES_FIXTURE_H

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "services/changes/hub.h"
#include "services/changes/token.h"
#include "storage/store.h"

#define TRANSPORT_COUNT 2
#define READER_COUNT 2
/* A wait that takes so long is a failure. */
#define WAIT_SECONDS 30

/* One call, its answer recorded. Everything behind `mutex` of the fixture but the call. */
struct client {
  struct jg_call call;
  struct fixture *fixture;
  struct client *next_ready;
  bool ready, cancel; /* work for its transport thread */
  bool in_callback;

  bool hold; /* the message that is out is not acknowledged until release */
  bool step; /* but for this one */
  bool out;
  Jobgate__V1__WatchJobsResponse **messages;
  size_t message_count, message_capacity;
  bool finished;
  struct jg_status status; /* texts are copied to `memory` */
  struct jg_arena memory;
};

struct transport {
  struct fixture *fixture;
  pthread_t thread;
  struct client *first, *last;
  pthread_cond_t wake;
};

struct fixture {
  struct jg_arena arena;
  char path[512];
  struct jg_metrics *metrics;
  struct jg_clock_manual clock; /* the hub's and the calls' */
  struct jg_store *store;
  struct jg_cache *cache;
  struct jg_expander *expander;
  struct jg_hub *hub;
  struct jg_app app;
  int64_t tenant;

  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool stopping;
  struct transport transports[TRANSPORT_COUNT];

  /* Called on the tail thread when it has given away the messages of some streams. NULL: nobody. Set while nothing happens. */
  void (*on_send_all)(struct fixture *fixture, const struct jg_send *sends, size_t count);

  /* Readers that block on purpose. */
  struct jg_store_read blockers[READER_COUNT];
  size_t blocked;
  bool blocking;
};

static inline void fixture_lock(struct fixture *fixture) {
  JG_ASSERT(pthread_mutex_lock(&fixture->mutex) == 0);
}
static inline void fixture_unlock(struct fixture *fixture) {
  JG_ASSERT(pthread_mutex_unlock(&fixture->mutex) == 0);
}
/* Something that a test may wait for has changed. Under the mutex. */
static inline void fixture_tell(struct fixture *fixture) {
  JG_ASSERT(pthread_cond_broadcast(&fixture->changed) == 0);
}
static inline void fixture_await_change(struct fixture *fixture, const struct timespec *until) {
  JG_ASSERT(pthread_cond_timedwait(&fixture->changed, &fixture->mutex, until) == 0);
}
static inline struct timespec fixture_deadline(void) {
  struct timespec until;
  JG_ASSERT(clock_gettime(CLOCK_REALTIME, &until) == 0);
  until.tv_sec += WAIT_SECONDS;
  return until;
}
void *transport_main(void *data); /* a struct transport */

struct fixture_options {
  size_t ring_bytes_max;                          /* 0: much */
  size_t streams_max;                             /* 0: many */
  size_t snapshot_reads_max, snapshot_page_jobs;  /* 0: the hub's own */
  int64_t stall_ns, stream_age_ns, trim_grace_ns; /* 0: none */
  size_t out_bytes_max;                           /* 0: much */
};
struct fixture *fixture_create(const struct fixture_options *options);
void fixture_destroy(struct fixture *fixture); /* no client may be left */

/* ---- writes: one request each; they return when it is durable, with the newest revision ---- */

struct jg_uuid job_id(uint64_t number);
/* Makes or changes the jobs [first, first + count); `size`: bytes of their description. */
int64_t write_jobs(struct fixture *fixture, int64_t tenant, uint64_t first, size_t count, size_t size);
int64_t delete_job(struct fixture *fixture, uint64_t number);
/* Drops the log's records up to there, as the compactor does. */
void trim_log(struct fixture *fixture, int64_t through);
/* A project, and a job that refers to it; job_first: the order of the two changes. */
int64_t write_project_and_job(struct fixture *fixture, uint64_t number, bool job_first);
int64_t write_project(struct fixture *fixture, uint64_t number);
/* Any request. */
void write_request(struct fixture *fixture, int64_t tenant, struct jg_status (*run)(struct jg_txn *txn, void *data),
                   void *data);

/* What becomes of one job in a request, logged with the old values of what changes. Made if there is none. */
struct job_step {
  uint64_t number;
  const char *name, *description, *status_id; /* NULL: as it was */
  int32_t id2;                                /* 0: as it was */
  bool remove;
};
/* One request. */
int64_t write_steps(struct fixture *fixture, const struct job_step *steps, size_t count);

/* Moves the hub's clock and lets it look at it. */
void pass_time(struct fixture *fixture, int64_t ns);
/* Runs SQL on the record's file, beside the store. */
void run_sql(struct fixture *fixture, const char *sql);
/* Keeps all readers busy; returns when they are. */
void block_readers(struct fixture *fixture);
void unblock_readers(struct fixture *fixture);

/* ---- clients ---- */

/* Opens a stream; request: its fields beside the start are optional. hold: the first message is not acknowledged. */
struct client *client_open(struct fixture *fixture, int64_t tenant, const Jobgate__V1__WatchJobsRequest *request,
                           bool hold);
struct client *watch_now(struct fixture *fixture); /* returns when it is open and at rest */
/* From the snapshot; returns at once. */
struct client *watch_snapshot(struct fixture *fixture, bool hold);
struct client *watch_from(struct fixture *fixture, const char *token, Jobgate__V1__JobView view);
/* Not a stream: ListJobChanges behind a token that is refused. Returns at once. */
struct client *list_from(struct fixture *fixture, const char *token);
/* The same behind its read, which knows the true time alone: a call that ends in left_ns of the hub's clock. */
struct client *refuse_within(struct fixture *fixture, const struct jg_token *token, int64_t left_ns);
/* Cancels it if it has not finished, waits for that, frees it. */
void client_close(struct client *client);

struct client *client_of(struct jg_call *call);
struct client *watch_filter(struct fixture *fixture, const char *filter); /* from now on, BASIC */

bool client_is_finished(struct client *client);
void client_cancel(struct client *client); /* returns at once */
void client_hold(struct client *client);
void client_release(struct client *client);
void client_step(struct client *client); /* acknowledges the one message that is out; hold stays */

/* Wait; the test fails if it takes too long. */
void wait_for_messages(struct client *client, size_t count);
void wait_for_revision(struct client *client, int64_t revision); /* of a change or a bookmark */
/* Lets time pass until a bookmark says that all up to there was sent. One step may not do: a stream that is just sending gets its
 * bookmark later. */
void pass_time_to_revision(struct client *client, int64_t revision);
void wait_for_finish(struct client *client);
void wait_for_rest(struct client *client); /* what was sent is acknowledged, and what that led to is done */

size_t message_count(struct client *client);
const Jobgate__V1__WatchJobsResponse *message_at(struct client *client, size_t index); /* lives until the close */

/* The same; the test fails if it is another kind. */
const Jobgate__V1__WatchSnapshot *part_at(struct client *client, size_t index);
const Jobgate__V1__WatchChanges *changes_at(struct client *client, size_t index);
const Jobgate__V1__WatchSynced *synced_at(struct client *client, size_t index);

/* The revisions of all changes so far: strictly rising. Returns how many, and the newest token. */
size_t check_changes(struct client *client, int64_t after, int64_t *ret_revisions, const char **ret_token);
/* Text of a token at a revision of the default tenant; lives in the fixture. */
const char *token_at(struct fixture *fixture, int64_t revision);
struct jg_token parse_token(const char *text);

/* A metric's value by name, without labels. */
int64_t metric(struct fixture *fixture, const char *name);

#endif
