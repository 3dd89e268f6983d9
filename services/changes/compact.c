#include "services/changes/compact.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define PASS_SECONDS 2
/* After a write the compactor rests for so many times as long as that took: the writer has others to serve. */
#define REST_TIMES 2
#define REST_NS_MAX INT64_C(100000000)
#define NS_PER_SECOND INT64_C(1000000000)
/* Names and ids of one pass. */
#define ARENA_BYTES ((size_t)1 << 20)
/* Tenants whose log is shown as a metric. */
#define SHOWN_TENANTS 100u
/* A tenant's name has 255 bytes at most, each of which may need an escape. */
#define LABELS_BYTES 528u

struct jg_compactor {
  struct jg_compactor_options options;
  struct jg_metric *dropped, *failures;
  pthread_t thread;
  bool started;

  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t changed;
  bool stopping;
  bool done; /* the read or write that is waited for */
};

/* A read or write that the pass waits for. */
struct step {
  struct jg_compactor *compactor;
  int64_t now_ticks;
  int64_t through;
  struct jg_tenant_state state; /* but its texts */
  int64_t oldest;
  struct jg_status status; /* its texts are not used */
};

static void lock(struct jg_compactor *compactor) {
  JG_ASSERT(pthread_mutex_lock(&compactor->mutex) == 0);
}

static void unlock(struct jg_compactor *compactor) {
  JG_ASSERT(pthread_mutex_unlock(&compactor->mutex) == 0);
}

struct jg_compactor *jg_compactor_create(const struct jg_compactor_options *options) {
  JG_ASSERT(options->store != NULL && options->hub != NULL && options->clock != NULL);
  struct jg_compactor *compactor = jg_alloc_zero(1, sizeof(*compactor));
  compactor->options = *options;
  if (compactor->options.records_max == 0) {
    compactor->options.records_max = JG_COMPACT_RECORDS;
  }
  compactor->dropped = jg_metrics_counter(options->metrics, "jobgate_log_dropped_revisions_total",
                                          "Records of the log that the retention let go.", "");
  compactor->failures = jg_metrics_counter(options->metrics, "jobgate_log_trim_failures_total",
                                           "Reads and writes of the compactor that failed.", "");
  JG_ASSERT(pthread_mutex_init(&compactor->mutex, NULL) == 0);
  pthread_condattr_t attributes;
  JG_ASSERT(pthread_condattr_init(&attributes) == 0);
  JG_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
  JG_ASSERT(pthread_cond_init(&compactor->changed, &attributes) == 0);
  JG_ASSERT(pthread_condattr_destroy(&attributes) == 0);
  return compactor;
}

void jg_compactor_destroy(struct jg_compactor *compactor) {
  if (compactor == NULL) {
    return;
  }
  jg_compactor_stop(compactor);
  JG_ASSERT(pthread_cond_destroy(&compactor->changed) == 0);
  JG_ASSERT(pthread_mutex_destroy(&compactor->mutex) == 0);
  jg_free(compactor);
}

static bool is_stopping(struct jg_compactor *compactor) {
  lock(compactor);
  bool stopping = compactor->stopping;
  unlock(compactor);
  return stopping;
}

static void tell_done(struct jg_compactor *compactor) {
  lock(compactor);
  compactor->done = true;
  JG_ASSERT(pthread_cond_broadcast(&compactor->changed) == 0);
  unlock(compactor);
}

static void await_done(struct jg_compactor *compactor) {
  lock(compactor);
  while (!compactor->done) {
    JG_ASSERT(pthread_cond_wait(&compactor->changed, &compactor->mutex) == 0);
  }
  compactor->done = false;
  unlock(compactor);
}

/* Waits, unless it is to stop; false then. */
static bool wait_ns(struct jg_compactor *compactor, int64_t ns) {
  struct timespec until;
  JG_ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
  int64_t nanos = until.tv_nsec + ns;
  until.tv_sec += (time_t)(nanos / NS_PER_SECOND);
  until.tv_nsec = (long)(nanos % NS_PER_SECOND);
  lock(compactor);
  int error = 0;
  while (!compactor->stopping && error == 0) {
    error = pthread_cond_timedwait(&compactor->changed, &compactor->mutex, &until);
  }
  bool stopping = compactor->stopping;
  unlock(compactor);
  return !stopping;
}

/* ---- what may go ---- */

static struct jg_status read_excess(struct jg_txn *txn, struct step *step, struct jg_arena *arena) {
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, arena, &step->state));
  return jg_txn_log_excess(txn, &step->compactor->options.retention, step->now_ticks, &step->through);
}

static void run_excess(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct step *step = data;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  step->status = jg_status_ok(begun) ? read_excess(txn, step, &arena) : begun;
  jg_arena_done(&arena);
  tell_done(step->compactor);
}

static bool find_excess(struct jg_compactor *compactor, int64_t tenant, struct step *step) {
  *step = (struct step){.compactor = compactor, .now_ticks = jg_clock_now_ticks(compactor->options.clock)};
  struct jg_store_read read = {.tenant = tenant, .run = run_excess, .data = step};
  struct jg_status status = jg_store_submit_read(compactor->options.store, &read);
  if (jg_status_ok(status)) {
    await_done(compactor);
    status = step->status;
  }
  return jg_status_ok(status);
}

/* ---- letting it go ---- */

static struct jg_status run_trim(struct jg_txn *txn, void *data) {
  struct step *step = data;
  return jg_txn_log_trim(txn, step->through, step->compactor->options.records_max, &step->oldest);
}

static void trim_done(struct jg_status status, void *data) {
  struct step *step = data;
  step->status = status;
  tell_done(step->compactor);
}

static bool trim(struct jg_compactor *compactor, int64_t tenant, struct step *step) {
  struct jg_store_write write = {.tenant = tenant, .run = run_trim, .done = trim_done, .data = step};
  struct jg_status status = jg_store_submit(compactor->options.store, &write);
  if (jg_status_ok(status)) {
    await_done(compactor);
    status = step->status;
  }
  return jg_status_ok(status);
}

/* Up to step->through, one short write after another: what is queued meanwhile goes between them. */
static bool trim_all(struct jg_compactor *compactor, int64_t tenant, struct step *step) {
  int64_t before = step->state.oldest_revision;
  int64_t rest_ns = 0;
  while (before <= step->through && wait_ns(compactor, rest_ns)) {
    int64_t began = jg_clock_mono_ns(jg_clock_system());
    if (!trim(compactor, tenant, step)) {
      return false;
    }
    rest_ns = (jg_clock_mono_ns(jg_clock_system()) - began) * REST_TIMES;
    rest_ns = rest_ns < REST_NS_MAX ? rest_ns : REST_NS_MAX;
    if (step->oldest <= before) {
      break;  // The rest belongs to a request that goes on beyond it.
    }
    jg_metric_add(compactor->dropped, step->oldest - before);
    before = step->oldest;
  }
  step->state.oldest_revision = before;
  return true;
}

/* tenant="north"; the text format of metrics escapes backslash, quote and line end. A name is short. */
static void write_labels(struct jg_str name, char labels[LABELS_BYTES]) {
  static const struct jg_str start = {"tenant=\"", 8};
  JG_ASSERT(start.len + 2 * name.len + 2 <= LABELS_BYTES);
  memcpy(labels, start.data, start.len);
  size_t len = start.len;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.data[i];
    if (c == '\\' || c == '"' || c == '\n') {
      labels[len++] = '\\';
    }
    labels[len++] = (char)(c == '\n' ? 'n' : c);
  }
  labels[len++] = '"';
  labels[len] = '\0';
}

static void show(struct jg_compactor *compactor, struct jg_str name, const struct jg_tenant_state *state) {
  char labels[LABELS_BYTES];
  write_labels(name, labels);
  struct jg_metrics *metrics = compactor->options.metrics;
  jg_metric_set(jg_metrics_gauge(metrics, "jobgate_log_oldest_revision", "Oldest revision kept in the log.", labels),
                state->oldest_revision);
  jg_metric_set(jg_metrics_gauge(metrics, "jobgate_log_newest_revision", "Newest revision.", labels), state->revision);
  jg_metric_set(jg_metrics_gauge(metrics, "jobgate_log_bytes", "Size of the log as the retention counts it.", labels),
                state->log_bytes);
}

/* shown: the name by which metrics tell of it; NULL: they do not. False: something failed; the next pass tries again. */
static bool compact(struct jg_compactor *compactor, int64_t tenant, const struct jg_str *shown) {
  struct step step;
  for (;;) {
    if (!find_excess(compactor, tenant, &step)) {
      return false;
    }
    int64_t oldest = step.state.oldest_revision;
    if (step.through >= oldest) {
      step.through = jg_hub_make_way(compactor->options.hub, tenant, step.through);
    }
    bool ok = step.through < oldest || trim_all(compactor, tenant, &step);
    if (shown != NULL) {
      show(compactor, *shown, &step.state);
    }
    // A large excess is found part by part.
    if (!ok || step.state.oldest_revision == oldest || is_stopping(compactor)) {
      return ok;
    }
  }
}

void jg_compactor_pass(struct jg_compactor *compactor) {
  struct jg_arena arenas[2];
  jg_arena_init(&arenas[0], ARENA_BYTES);
  jg_arena_init(&arenas[1], ARENA_BYTES);
  struct jg_str name = JG_STR("");
  int64_t tenant = 0;
  bool ok = true;
  for (size_t i = 0; !is_stopping(compactor); i++) {
    // Each name lives until the next one is found.
    struct jg_arena *arena = &arenas[i % 2];
    jg_arena_reset(arena);
    struct jg_status status = jg_store_tenant_next(compactor->options.store, name, arena, &name, &tenant);
    if (!jg_status_ok(status)) {
      ok = ok && status.code == JG_NOT_FOUND;
      break;
    }
    ok = compact(compactor, tenant, i < SHOWN_TENANTS ? &name : NULL) && ok;
  }
  jg_arena_done(&arenas[0]);
  jg_arena_done(&arenas[1]);
  if (!ok) {
    jg_metric_add(compactor->failures, 1);
  }
}

/* ---- the thread ---- */

static void *run(void *data) {
  struct jg_compactor *compactor = data;
  while (wait_ns(compactor, PASS_SECONDS * NS_PER_SECOND)) {
    jg_compactor_pass(compactor);
  }
  return NULL;
}

void jg_compactor_start(struct jg_compactor *compactor) {
  JG_ASSERT(!compactor->started);
  compactor->started = true;
  JG_ASSERT(pthread_create(&compactor->thread, NULL, run, compactor) == 0);
}

void jg_compactor_stop(struct jg_compactor *compactor) {
  if (compactor == NULL || !compactor->started) {
    return;
  }
  lock(compactor);
  compactor->stopping = true;
  JG_ASSERT(pthread_cond_broadcast(&compactor->changed) == 0);
  unlock(compactor);
  JG_ASSERT(pthread_join(compactor->thread, NULL) == 0);
  compactor->started = false;
}
