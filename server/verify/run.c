#include "server/verify/run.h"

#include <stdio.h>
#include <time.h>

#include "server/verify/check.h"
#include "server/verify/run_internal.h"

#define EVENTS_BYTES_MAX ((size_t)2 << 30)
/* A planted fault comes every so many changes. */
#define PLANT_PERIOD 50
/* The first streams see everything and never begin anew: what all others miss, they have. */
#define STEADY_COUNT 2
/* How long the last change may take to every watcher. */
#define SETTLE_NS INT64_C(60000000000)
/* Writers and watchers of a second tenant. */
#define OTHER_COUNT 2

uint64_t jg_verify_random(uint64_t *state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

void jg_verify_pause(int64_t ns) {
  const struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
  (void)nanosleep(&time, NULL);  // cut short by a signal: no harm
}

void jg_verify_give_up(struct jg_verify_run *run, const char *what, struct jg_status status) {
  JG_ASSERT(pthread_mutex_lock(&run->mutex) == 0);
  if (run->problem[0] == '\0') {
    (void)snprintf(run->problem, sizeof(run->problem), "%s: %s: %s", what, jg_code_name(status.code), status.message);
  }
  // Relaxed: a hint to stop.
  atomic_store_explicit(&run->failed, true, memory_order_relaxed);
  JG_ASSERT(pthread_cond_signal(&run->opened) == 0);
  JG_ASSERT(pthread_mutex_unlock(&run->mutex) == 0);
}

/* Half of the streams have filters, in families so that some share theirs. */
static struct jg_verify_view view_of(unsigned number) {
  struct jg_verify_view view = {.entities = number < STEADY_COUNT || number % 8 == 3};
  if (number >= STEADY_COUNT && number % 2 == 0) {
    view.filtered = true;
    view.low = (int32_t)(number / 2 % JG_VERIFY_GROUPS);
    view.high = number % 4 == 0 ? view.low : JG_VERIFY_GROUPS - 1;
  }
  return view;
}

static void side_init(struct jg_verify_side *side, struct jg_verify_run *run, struct jg_grpc_client *client) {
  *side = (struct jg_verify_side){.run = run, .client = client};
  jg_random(side->mark, sizeof(side->mark));
  for (size_t i = 0; i < sizeof(side->mark); i++) {
    (void)snprintf(side->mark_text + 2 * i, 3, "%02x", side->mark[i]);  // fits
  }
  // Untouched pages cost nothing.
  side->writes = jg_alloc_zero(JG_VERIFY_WRITES_MAX, sizeof(*side->writes));
}

struct crew {
  struct jg_verify_writer *writers;
  struct jg_verify_stream *streams;
  unsigned writer_count, stream_count, started_streams, started_writers;
};

static void crew_init(struct crew *crew, struct jg_verify_side *side, unsigned writers, unsigned watchers) {
  const struct jg_verify_settings *settings = &side->run->settings;
  *crew = (struct crew){.writer_count = writers, .stream_count = watchers};
  crew->writers = jg_alloc_zero(writers, sizeof(*crew->writers));
  crew->streams = jg_alloc_zero(watchers, sizeof(*crew->streams));
  for (unsigned i = 0; i < writers; i++) {
    crew->writers[i] = (struct jg_verify_writer){.side = side, .random = settings->seed * 1000003 + i};
  }
  for (unsigned i = 0; i < watchers; i++) {
    crew->streams[i] = (struct jg_verify_stream){.side = side,
                                                 .watcher = {.view = view_of(i)},
                                                 .plant = {.period = PLANT_PERIOD},
                                                 .steady = i < STEADY_COUNT,
                                                 .full = i % 5 == 4,
                                                 .random = settings->seed * 1000003 + 500000 + i};
    // What the steady streams see is the measure: faults go to the others.
    crew->streams[i].plant.fault = i < STEADY_COUNT ? JG_VERIFY_FAULT_NONE : settings->fault;
    jg_buf_init(&crew->streams[i].watcher.events, EVENTS_BYTES_MAX);
  }
}

static void crew_done(struct crew *crew) {
  for (unsigned i = 0; i < crew->stream_count; i++) {
    jg_buf_done(&crew->streams[i].watcher.events);
  }
  jg_free(crew->streams);
  jg_free(crew->writers);
}

static void start_streams(struct crew *crew) {
  for (; crew->started_streams < crew->stream_count; crew->started_streams++) {
    struct jg_verify_stream *stream = &crew->streams[crew->started_streams];
    if (pthread_create(&stream->thread, NULL, jg_verify_stream_main, stream) != 0) {
      jg_verify_give_up(stream->side->run, "no thread", jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_NONE, "limit"));
      return;
    }
  }
}

static void start_writers(struct crew *crew) {
  for (; crew->started_writers < crew->writer_count; crew->started_writers++) {
    struct jg_verify_writer *writer = &crew->writers[crew->started_writers];
    if (pthread_create(&writer->thread, NULL, jg_verify_writer_main, writer) != 0) {
      jg_verify_give_up(writer->side->run, "no thread", jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_NONE, "limit"));
      return;
    }
  }
}

/* Nothing is written before every stream is there once: what came before would be nobody's. */
static void await_opened(struct jg_verify_run *run) {
  int64_t until_ns = jg_verify_now_ns() + run->settings.patience_ns;
  const struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};
  int error = 0;
  JG_ASSERT(pthread_mutex_lock(&run->mutex) == 0);
  while (run->to_open > 0 && run->problem[0] == '\0' && error == 0) {
    error = pthread_cond_timedwait(&run->opened, &run->mutex, &until);
  }
  JG_ASSERT(pthread_mutex_unlock(&run->mutex) == 0);
  if (error != 0) {
    jg_verify_give_up(run, "some streams did not open",
                      jg_status_make(JG_DEADLINE_EXCEEDED, JG_REASON_NONE, "the server took longer than --patience"));
  }
}

static void join_writers(struct crew *crew) {
  for (unsigned i = 0; i < crew->started_writers; i++) {
    JG_ASSERT(pthread_join(crew->writers[i].thread, NULL) == 0);
  }
}

static void join_streams(struct crew *crew) {
  for (unsigned i = 0; i < crew->started_streams; i++) {
    JG_ASSERT(pthread_join(crew->streams[i].thread, NULL) == 0);
  }
}

/* Writers have ended: one more job, and everybody has to get to it. */
static void fence(struct jg_verify_side *side, struct jg_arena *arena) {
  struct jg_verify_run *run = side->run;
  int64_t revision = 0;
  if (atomic_load_explicit(&run->failed, memory_order_relaxed)) {  // as everywhere: a hint to stop
    return;
  }
  struct jg_status status = jg_verify_fence(side, arena, &revision);
  if (!jg_status_ok(status)) {
    jg_verify_give_up(run, "the last write failed", status);
    return;
  }
  side->settled_ns = jg_verify_now_ns() + SETTLE_NS;
  // Release: whoever sees it ends; see is_over in watcher.c.
  atomic_store_explicit(&side->final_revision, revision, memory_order_release);
}

static void judge(struct jg_verify_side *side, const struct crew *crew, struct jg_verify_report *report) {
  struct jg_verify_watcher *watchers = jg_alloc(crew->stream_count * sizeof(*watchers));
  for (unsigned i = 0; i < crew->stream_count; i++) {
    watchers[i] = crew->streams[i].watcher;
    JG_ASSERT(!watchers[i].events.failed);
    report->changes += jg_verify_event_count(&watchers[i]);
  }
  // Relaxed: every thread was joined.
  uint64_t writes = atomic_load_explicit(&side->write_count, memory_order_relaxed);
  const struct jg_verify_history history = {
      .watchers = watchers,
      .watcher_count = crew->stream_count,
      .writes = side->writes,
      .write_count = writes,
      .job_count = atomic_load_explicit(&side->job_count, memory_order_relaxed),
      .final_revision = atomic_load_explicit(&side->final_revision, memory_order_relaxed)};
  jg_verify_check(&history, &report->verdict);
  report->writes += writes;
  report->jobs += history.job_count;
  report->final_revision =
      history.final_revision > report->final_revision ? history.final_revision : report->final_revision;
  jg_free(watchers);
}

static void carry_out(struct jg_verify_run *run, struct crew *crews, struct jg_arena *arena) {
  for (size_t i = 0; i < run->side_count; i++) {
    start_streams(&crews[i]);
  }
  await_opened(run);
  run->stop_ns = jg_verify_now_ns() + run->settings.duration_ns;
  for (size_t i = 0; i < run->side_count; i++) {
    start_writers(&crews[i]);
  }
  for (size_t i = 0; i < run->side_count; i++) {
    join_writers(&crews[i]);
    fence(&run->sides[i], arena);
  }
  for (size_t i = 0; i < run->side_count; i++) {
    join_streams(&crews[i]);
  }
}

static void run_init(struct jg_verify_run *run, const struct jg_verify_settings *settings,
                     struct jg_grpc_client **clients, size_t client_count) {
  *run = (struct jg_verify_run){.settings = *settings, .side_count = client_count};
  JG_ASSERT(pthread_mutex_init(&run->mutex, NULL) == 0);
  pthread_condattr_t attributes;
  JG_ASSERT(pthread_condattr_init(&attributes) == 0);
  JG_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
  JG_ASSERT(pthread_cond_init(&run->opened, &attributes) == 0);
  JG_ASSERT(pthread_condattr_destroy(&attributes) == 0);
  for (size_t i = 0; i < client_count; i++) {
    side_init(&run->sides[i], run, clients[i]);
  }
}

static void run_done(struct jg_verify_run *run) {
  for (size_t i = 0; i < run->side_count; i++) {
    jg_free(run->sides[i].writes);
  }
  (void)pthread_cond_destroy(&run->opened);  // no thread is left
  (void)pthread_mutex_destroy(&run->mutex);  // as above
}

struct jg_status jg_verify_run(const struct jg_verify_settings *settings, struct jg_grpc_client **clients,
                               size_t client_count, struct jg_arena *arena, struct jg_verify_report *ret_report) {
  struct jg_verify_run run;
  struct crew crews[JG_COUNT(run.sides)];
  JG_ASSERT(client_count > 0 && client_count <= JG_COUNT(run.sides));
  run_init(&run, settings, clients, client_count);
  for (size_t i = 0; i < client_count; i++) {
    unsigned other = OTHER_COUNT;
    crew_init(&crews[i], &run.sides[i], i == 0 ? settings->writers : other, i == 0 ? settings->watchers : other);
    run.to_open += crews[i].stream_count;
  }
  carry_out(&run, crews, arena);
  struct jg_status status = JG_STATUS_OK;
  if (run.problem[0] != '\0') {
    status = jg_status_printf(arena, JG_UNKNOWN, JG_REASON_NONE, "%s", run.problem);
  } else {
    struct jg_verify_report report = {
        // Relaxed: every thread was joined.
        .connections = atomic_load_explicit(&run.connections, memory_order_relaxed),
        .retries = atomic_load_explicit(&run.retries, memory_order_relaxed),
        .lost_histories = atomic_load_explicit(&run.lost_histories, memory_order_relaxed)};
    for (size_t i = 0; i < client_count; i++) {
      judge(&run.sides[i], &crews[i], &report);
    }
    *ret_report = report;
  }
  for (size_t i = 0; i < client_count; i++) {
    crew_done(&crews[i]);
  }
  run_done(&run);
  return status;
}
