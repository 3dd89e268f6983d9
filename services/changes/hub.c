#include "services/changes/hub_internal.h"

#include <time.h>

#include "base/limits.h"
#include "services/changes/snapshot.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define SNAPSHOT_READS_MAX 2
#define RETRY_MS_MIN 500
#define RETRY_MS_PER_STREAM 2
#define RETRY_SPREAD_MS_MIN 1000
#define RETRY_SPREAD_MS_MAX 10000

static void *run(void *data);

static void init_metrics(struct jg_hub_metrics *m, struct jg_metrics *metrics) {
  *m = (struct jg_hub_metrics){
      .streams = jg_metrics_gauge(metrics, "jobgate_watch_streams", "Open streams of changes.", ""),
      .reading = jg_metrics_gauge(metrics, "jobgate_watch_streams_reading",
                                  "Streams for which a page of the log is being read.", ""),
      .messages = jg_metrics_counter(metrics, "jobgate_watch_messages_total", "Messages of changes sent.", ""),
      .changes = jg_metrics_counter(metrics, "jobgate_watch_changes_total", "Changes sent, over all streams.", ""),
      .bookmarks = jg_metrics_counter(metrics, "jobgate_watch_bookmarks_total", "Bookmarks sent.", ""),
      .pages = jg_metrics_counter(metrics, "jobgate_watch_tail_pages_total", "Pages of the log read by the tail.", ""),
      .read_pages = jg_metrics_counter(metrics, "jobgate_watch_catch_up_pages_total",
                                       "Pages of the log read for single streams.", ""),
      .parts = jg_metrics_counter(metrics, "jobgate_watch_snapshot_parts_total", "Parts of snapshots read.", ""),
      .waiting = jg_metrics_gauge(metrics, "jobgate_watch_snapshots_waiting",
                                  "Streams that wait for their turn to read a part of a snapshot.", ""),
      .refused = jg_metrics_counter(metrics, "jobgate_watch_history_lost_total",
                                    "Calls that were refused because the log does not reach back to their start.", ""),
      .ring_bytes = jg_metrics_gauge(metrics, "jobgate_watch_ring_bytes", "Memory of the messages kept.", ""),
      .out_bytes = jg_metrics_gauge(metrics, "jobgate_watch_out_bytes",
                                    "Messages read for single streams that these have not taken.", ""),
      .slow = jg_metrics_counter(metrics, "jobgate_watch_slow_consumers_total",
                                 "Streams that were ended because they took no message.", ""),
      .drained = jg_metrics_counter(metrics, "jobgate_watch_drained_total",
                                    "Streams that were drained: for their age, or as the server stops.", ""),
      .failures = jg_metrics_counter(metrics, "jobgate_watch_tail_failures_total", "Pages that could not be read.", ""),
      .lag = jg_metrics_histogram(metrics, "jobgate_watch_lag_seconds",
                                  "Time from a commit to its message being handed to the streams.", ""),
  };
}

struct jg_hub *jg_hub_create(const struct jg_hub_options *options) {
  JG_ASSERT(options->store != NULL && options->expander != NULL && options->clock != NULL);
  JG_ASSERT(options->ring_bytes_max > 0 && options->streams_max > 0);
  struct jg_hub *hub = jg_alloc_zero(1, sizeof(*hub));
  hub->options = *options;
  if (hub->options.snapshot_reads_max == 0) {
    hub->options.snapshot_reads_max = SNAPSHOT_READS_MAX;
  }
  if (hub->options.out_bytes_max == 0) {
    hub->options.out_bytes_max = JG_LIMIT_HUB_OUT_BYTES;
  }
  if (hub->options.snapshot_page_jobs == 0) {
    hub->options.snapshot_page_jobs = JG_SNAPSHOT_COUNT;
  }
  init_metrics(&hub->metrics, options->metrics);
  hub->penalties = jg_penalties_create();
  hub->budget.bytes_max = options->ring_bytes_max;
  hub->polled_ns = jg_clock_mono_ns(options->clock);
  uint64_t seed;
  jg_random(&seed, sizeof(seed));
  atomic_init(&hub->jitter, seed);
  atomic_init(&hub->hinted, 0);
  atomic_init(&hub->out_bytes, 0);
  atomic_init(&hub->draining, false);

  JG_ASSERT(pthread_mutex_init(&hub->mutex, NULL) == 0);
  JG_ASSERT(pthread_cond_init(&hub->deserted, NULL) == 0);
  JG_ASSERT(pthread_mutex_init(&hub->wake_mutex, NULL) == 0);
  pthread_condattr_t attributes;
  JG_ASSERT(pthread_condattr_init(&attributes) == 0);
  JG_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
  JG_ASSERT(pthread_cond_init(&hub->wake, &attributes) == 0);
  JG_ASSERT(pthread_condattr_destroy(&attributes) == 0);
  JG_ASSERT(pthread_create(&hub->thread, NULL, run, hub) == 0);
  return hub;
}

void jg_hub_drain(struct jg_hub *hub) {
  jg_hub_lock(&hub->mutex);
  atomic_store_explicit(&hub->draining, true, memory_order_relaxed);  // the locks order it, see hub_internal.h
  jg_hub_unlock(&hub->mutex);
  jg_hub_wake(hub);
}

size_t jg_hub_stream_count(struct jg_hub *hub) {
  jg_hub_lock(&hub->mutex);
  size_t count = hub->stream_count;
  jg_hub_unlock(&hub->mutex);
  return count;
}

void jg_hub_stop(struct jg_hub *hub) {
  if (hub == NULL) {
    return;
  }
  jg_hub_lock(&hub->mutex);
  // A stream counts until after its call's finish has returned.
  while (hub->stream_count > 0) {
    JG_ASSERT(pthread_cond_wait(&hub->deserted, &hub->mutex) == 0);
  }
  bool stopped = hub->stopping;
  hub->stopping = true;
  jg_hub_unlock(&hub->mutex);
  if (stopped) {
    return;
  }
  jg_hub_wake(hub);
  JG_ASSERT(pthread_join(hub->thread, NULL) == 0);
  jg_hub_reap(hub);
}

void jg_hub_destroy(struct jg_hub *hub) {
  if (hub == NULL) {
    return;
  }
  jg_hub_stop(hub);
  JG_ASSERT(hub->tails == NULL && hub->budget.bytes == 0);
  jg_timers_done(&hub->timers);
  jg_timers_done(&hub->windows);
  jg_timers_done(&hub->refused);
  jg_penalties_destroy(hub->penalties);
  JG_ASSERT(pthread_cond_destroy(&hub->wake) == 0);
  JG_ASSERT(pthread_mutex_destroy(&hub->wake_mutex) == 0);
  JG_ASSERT(pthread_cond_destroy(&hub->deserted) == 0);
  JG_ASSERT(pthread_mutex_destroy(&hub->mutex) == 0);
  jg_free(hub);
}

void jg_hub_wake(struct jg_hub *hub) {
  jg_hub_lock(&hub->wake_mutex);
  hub->woken = true;
  JG_ASSERT(pthread_cond_signal(&hub->wake) == 0);
  jg_hub_unlock(&hub->wake_mutex);
}

static uint64_t hint_bit(int64_t tenant) {
  return UINT64_C(1) << ((uint64_t)tenant % 64);
}

void jg_hub_hint(int64_t tenant, int64_t revision, void *hub) {
  (void)revision;  // The log itself says how far it reaches.
  struct jg_hub *self = hub;
  // Release, with the taker's acquire: the commit is seen by whoever sees the bit.
  if (atomic_fetch_or_explicit(&self->hinted, hint_bit(tenant), memory_order_acq_rel) == 0) {
    jg_hub_wake(self);
  }
}

struct jg_status jg_hub_admit(struct jg_hub *hub, struct jg_arena *arena) {
  jg_hub_lock(&hub->mutex);
  // Relaxed: read under the mutex that its writer holds.
  bool draining = atomic_load_explicit(&hub->draining, memory_order_relaxed);
  bool full = hub->stream_count >= hub->options.streams_max;
  if (!draining && !full) {
    hub->stream_count++;
    jg_metric_set(hub->metrics.streams, (int64_t)hub->stream_count);
  }
  jg_hub_unlock(&hub->mutex);
  if (!draining && !full) {
    return JG_STATUS_OK;
  }
  struct jg_status status =
      draining ? jg_status_make(JG_UNAVAILABLE, JG_REASON_DRAINING, "the server is shutting down")
               : jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_OVERLOADED, "too many streams are open");
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  if (details != NULL) {
    details->retry_delay_ms = jg_hub_retry_delay_ms(hub);
    status.details = details;
  }
  return status;
}

void jg_hub_dismiss(struct jg_hub *hub) {
  jg_hub_lock(&hub->mutex);
  hub->stream_count--;
  jg_metric_set(hub->metrics.streams, (int64_t)hub->stream_count);
  if (hub->stream_count == 0) {
    JG_ASSERT(pthread_cond_signal(&hub->deserted) == 0);
  }
  jg_hub_unlock(&hub->mutex);  // The hub may be gone now.
}

int64_t jg_hub_random(struct jg_hub *hub, int64_t below) {
  JG_ASSERT(below > 0);
  // SplitMix64, which needs no more than a counter. Relaxed: any order gives other numbers.
  uint64_t z = atomic_fetch_add_explicit(&hub->jitter, UINT64_C(0x9e3779b97f4a7c15), memory_order_relaxed);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  z ^= z >> 31;
  return (int64_t)(z % (uint64_t)below);
}

int64_t jg_hub_retry_delay_ms(struct jg_hub *hub) {
  int64_t spread = (int64_t)jg_hub_stream_count(hub) * RETRY_MS_PER_STREAM;
  spread = spread < RETRY_SPREAD_MS_MIN ? RETRY_SPREAD_MS_MIN : spread;
  spread = spread > RETRY_SPREAD_MS_MAX ? RETRY_SPREAD_MS_MAX : spread;
  return RETRY_MS_MIN + jg_hub_random(hub, spread);
}

/* ---- the tail thread ---- */

/* Waits until somebody wakes it or timeout_ns (< 0: forever) have passed; false then. */
static bool wait_for_wake(struct jg_hub *hub, int64_t timeout_ns) {
  struct timespec until;
  JG_ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
  if (timeout_ns > 0) {
    until.tv_sec += (time_t)(timeout_ns / NS_PER_SECOND);
    until.tv_nsec += (long)(timeout_ns % NS_PER_SECOND);
    if (until.tv_nsec >= NS_PER_SECOND) {
      until.tv_sec++;
      until.tv_nsec -= NS_PER_SECOND;
    }
  }
  jg_hub_lock(&hub->wake_mutex);
  int error = 0;
  while (!hub->woken && error == 0 && timeout_ns != 0) {
    error = timeout_ns < 0 ? pthread_cond_wait(&hub->wake, &hub->wake_mutex)
                           : pthread_cond_timedwait(&hub->wake, &hub->wake_mutex, &until);
  }
  bool woken = hub->woken;
  hub->woken = false;
  jg_hub_unlock(&hub->wake_mutex);
  return woken;
}

/* How long there is nothing to do if nobody wakes us. */
static int64_t idle_ns(struct jg_hub *hub) {
  jg_hub_lock(&hub->mutex);
  int64_t timeout = hub->tails != NULL ? JG_HUB_POLL_NS : -1;
  const struct jg_timer *const firsts[] = {jg_timers_first(&hub->timers), jg_timers_first(&hub->refused),
                                           jg_timers_first(&hub->windows)};
  for (size_t i = 0; i < JG_COUNT(firsts); i++) {
    if (firsts[i] != NULL) {
      int64_t left = firsts[i]->due_ns - jg_clock_mono_ns(hub->options.clock);
      left = left < 0 ? 0 : left;
      timeout = timeout < 0 || left < timeout ? left : timeout;
    }
  }
  jg_hub_unlock(&hub->mutex);
  return timeout;
}

/* Idle streams are told to go, or tried again. */
static void go_over_views(struct jg_hub *hub, struct jg_hub_tail *tail, bool draining) {
  bool parked = atomic_exchange_explicit(&tail->parked, false, memory_order_relaxed);  // see the member
  if (!draining && !parked) {
    return;
  }
  jg_hub_lock(&hub->mutex);
  struct jg_hub_view *views = tail->views;
  jg_hub_unlock(&hub->mutex);
  for (struct jg_hub_view *view = views; view != NULL; view = view->next) {
    jg_hub_lock(&view->mutex);
    bool due = draining ? view->idle_count > 0 : view->parked;
    jg_hub_unlock(&view->mutex);
    if (due) {
      jg_hub_fan_add(hub, view);
    }
  }
}

/* One round over the tails. A page is wanted of those that a hint names, and if `poll` of all of them in turn: with many
 * tenants the poll takes more rounds, not more reads a second. */
static void go_round(struct jg_hub *hub, bool poll) {
  // Acquire: see jg_hub_hint.
  uint64_t hinted = atomic_exchange_explicit(&hub->hinted, 0, memory_order_acq_rel);
  jg_hub_lock(&hub->mutex);
  struct jg_hub_tail *tails = hub->tails;
  bool draining = atomic_load_explicit(&hub->draining, memory_order_relaxed);  // written under this mutex
  jg_hub_unlock(&hub->mutex);
  size_t count = 0;
  for (const struct jg_hub_tail *tail = tails; tail != NULL; tail = tail->next) {
    count++;
  }
  size_t rounds = (count + JG_HUB_POLL_TAILS - 1) / JG_HUB_POLL_TAILS;
  hub->poll_round += poll;
  size_t index = 0;
  for (struct jg_hub_tail *tail = tails; tail != NULL; tail = tail->next, index++) {
    bool polled = poll && index % rounds == hub->poll_round % rounds;
    if (draining || poll) {
      go_over_views(hub, tail, draining);
    }
    jg_hub_pass(hub, tail, !draining && (polled || (hinted & hint_bit(tail->tenant)) != 0));
  }
}

/* No page may be out when the thread ends. */
static void abandon_pages(struct jg_hub *hub) {
  for (struct jg_hub_tail *tail = hub->tails; tail != NULL; tail = tail->next) {
    while (!jg_hub_abandon(hub, tail)) {
      (void)wait_for_wake(hub, -1);
    }
  }
}

/* Everything that is not the fan-out. poll: also what nobody wakes us for. */
static void look_around(struct jg_hub *hub, bool poll, bool emptied) {
  if (poll && emptied) {
    // Not at once: it goes over all views, and clients often go together.
    jg_hub_reap(hub);
  }
  if (poll) {
    jg_hub_give_turns(hub);
  }
  jg_hub_collect_windows(hub);
  go_round(hub, poll);
  jg_hub_beat(hub);
  jg_hub_answer_refused(hub);
  jg_hub_relieve(hub);
}

static void *run(void *data) {
  struct jg_hub *hub = data;
  for (;;) {
    bool busy = jg_hub_fan_lasts(hub) || hub->fan.waits;
    bool woken = wait_for_wake(hub, busy ? 0 : idle_ns(hub));
    jg_hub_lock(&hub->mutex);
    bool stopping = hub->stopping;
    bool emptied = hub->emptied;
    jg_hub_unlock(&hub->mutex);
    if (stopping) {
      abandon_pages(hub);
      return NULL;
    }
    int64_t now = jg_clock_mono_ns(hub->options.clock);
    bool poll = (!woken && !busy) || now - hub->polled_ns >= JG_HUB_POLL_NS;
    hub->polled_ns = poll ? now : hub->polled_ns;
    if (woken || poll || hub->fan.waits) {
      hub->fan.waits = false;
      look_around(hub, poll, emptied);
    }
    jg_hub_fan_out(hub);
  }
}
