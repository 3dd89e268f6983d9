#include "server/verify/check.h"

#include <inttypes.h>

#include "server/verify/reference.h"

/* One watcher's stream, gone through from its first event to its last. */
struct walk {
  const struct jg_verify_history *history;
  const struct jg_verify_reference *reference;
  const struct jg_verify_expectation *expectation;
  const struct jg_verify_event *events;
  struct jg_verify_verdict *verdict;
  uint64_t *set;    /* of each job the version that the client holds; 0: none */
  uint64_t *there;  /* scratch: what it should hold */
  size_t opened_at; /* index of the connection's first event */
  int64_t previous; /* revision of the last change on this connection, or where it began */
  int64_t covered;  /* everything up to here was sent, as far as tokens tell: where the next connection goes on */
  size_t next;      /* live: of the expected changes, the one that must come now */
  bool live;        /* not in a snapshot */
  bool positioned;  /* `covered` means something */
};

/* Of what was expected up to `through` nothing came; where, at: what shows it. */
static void skip_missing(struct walk *walk, int64_t through, enum jg_verify_promise promise, const char *where,
                         int64_t at) {
  const struct jg_verify_expectation *expectation = walk->expectation;
  for (; walk->next < expectation->count && expectation->items[walk->next].revision <= through; walk->next++) {
    jg_verify_fail(walk->verdict, promise, "revision %" PRId64 " is missing %s %" PRId64,
                   expectation->items[walk->next].revision, where, at);
  }
}

static void forget(struct walk *walk) {
  memset(walk->set, 0, (walk->history->job_count + 1) * sizeof(*walk->set));
}

/* The first revision at that time or later is the first one that may come. */
static void check_since(struct walk *walk, const struct jg_verify_event *event) {
  const struct jg_verify_reference *reference = walk->reference;
  for (size_t i = 0; i < reference->count; i++) {
    int64_t revision = reference->first + (int64_t)i;
    if (reference->entries[i].known && (reference->entries[i].ticks >= event->ticks) != (revision > event->revision)) {
      jg_verify_fail(walk->verdict, JG_VERIFY_RESUMABLE,
                     "a stream since a time began behind revision %" PRId64 ", but %" PRId64
                     " is on the wrong side of it",
                     event->revision, revision);
      return;
    }
  }
  jg_verify_hold(walk->verdict, JG_VERIFY_RESUMABLE);
}

static void take_opened(struct walk *walk, size_t at) {
  const struct jg_verify_event *event = &walk->events[at];
  walk->opened_at = at;
  if (event->kind == JG_VERIFY_TOKEN) {
    if (walk->live && walk->positioned) {
      // What the log shows between the token and where the stream goes on, it will never bring.
      if (event->revision < walk->covered) {
        jg_verify_fail(walk->verdict, JG_VERIFY_RESUMABLE, "a token at %" PRId64 " opened at %" PRId64, walk->covered,
                       event->revision);
      } else {
        jg_verify_hold(walk->verdict, JG_VERIFY_RESUMABLE);
      }
      walk->next = jg_verify_expect_behind(walk->expectation, walk->covered);
      skip_missing(walk, event->revision, JG_VERIFY_RELIABLE, "between a token and its stream at revision",
                   event->revision);
    }
  } else if (event->kind == JG_VERIFY_SNAPSHOT) {
    forget(walk);
  } else if (event->kind == JG_VERIFY_SINCE) {
    check_since(walk, event);
  }
  walk->previous = event->revision;
  walk->covered = event->revision;
  walk->positioned = true;
  walk->next = jg_verify_expect_behind(walk->expectation, event->revision);
}

/* A change must be newer than all before it on its connection. */
static bool check_order(struct walk *walk, size_t at) {
  int64_t revision = walk->events[at].revision;
  if (revision > walk->previous) {
    jg_verify_hold(walk->verdict, JG_VERIFY_ORDERED);
    jg_verify_hold(walk->verdict, JG_VERIFY_UNIQUE);
    walk->previous = revision;
    return true;
  }
  for (size_t i = walk->opened_at; i < at; i++) {
    if (walk->events[i].type == JG_VERIFY_CHANGE && walk->events[i].revision == revision) {
      jg_verify_fail(walk->verdict, JG_VERIFY_UNIQUE, "revision %" PRId64 " came twice on one stream", revision);
      return false;
    }
  }
  bool from_before = walk->events[walk->opened_at].revision >= revision;
  jg_verify_fail(walk->verdict, from_before ? JG_VERIFY_RESUMABLE : JG_VERIFY_ORDERED,
                 "revision %" PRId64 " came behind %" PRId64, revision, walk->previous);
  return false;
}

static void keep(struct walk *walk, const struct jg_verify_event *event) {
  if (event->job != JG_VERIFY_FOREIGN && !event->entity) {
    bool gone = event->kind == JG_VERIFY_DELETED || event->kind == JG_VERIFY_LEFT;
    walk->set[event->job] = gone ? 0 : event->version;
  }
}

/* Live: exactly what the log has for this view comes, one after the other. */
static void check_expected(struct walk *walk, const struct jg_verify_event *event) {
  struct jg_verify_verdict *verdict = walk->verdict;
  skip_missing(walk, event->revision - 1, JG_VERIFY_RELIABLE, "before revision", event->revision);
  const struct jg_verify_expectation *expectation = walk->expectation;
  const struct jg_verify_expected *expected = walk->next < expectation->count ? &expectation->items[walk->next] : NULL;
  if (expected == NULL || expected->revision != event->revision) {
    jg_verify_fail(verdict, JG_VERIFY_FILTER_VIEW, "revision %" PRId64 " came although the view does not show it",
                   event->revision);
    return;
  }
  walk->next++;
  if (expected->kind != 0 && expected->kind != event->kind) {
    jg_verify_fail(verdict, JG_VERIFY_FILTER_VIEW, "revision %" PRId64 " is of kind %d instead of %d", event->revision,
                   event->kind, expected->kind);
  } else {
    jg_verify_hold(verdict, JG_VERIFY_FILTER_VIEW);
  }
  if (expected->job != event->job || expected->version != event->version || expected->entity != event->entity) {
    jg_verify_fail(verdict, JG_VERIFY_INTACT, "revision %" PRId64 " brings other content than elsewhere",
                   event->revision);
  } else {
    jg_verify_hold(verdict, JG_VERIFY_INTACT);
  }
  if (expected->last_known && expected->last != event->last) {
    jg_verify_fail(verdict, JG_VERIFY_ATOMIC, "revision %" PRId64 " %s its request on this stream", event->revision,
                   event->last ? "ends" : "does not end");
  } else {
    jg_verify_hold(verdict, JG_VERIFY_ATOMIC);
  }
}

static void take_change(struct walk *walk, size_t at) {
  const struct jg_verify_event *event = &walk->events[at];
  if (!check_order(walk, at)) {
    return;
  }
  if (walk->live) {
    check_expected(walk, event);
  }
  keep(walk, event);
  if (event->token && !event->last) {
    jg_verify_fail(walk->verdict, JG_VERIFY_ATOMIC, "a token stands behind revision %" PRId64 ", inside its request",
                   event->revision);
  }
  if (event->token) {
    walk->covered = event->revision;
  }
}

/* What the client must hold at a revision. */
static void fold(struct walk *walk, int64_t revision) {
  const struct jg_verify_expectation *expectation = walk->expectation;
  memset(walk->there, 0, (walk->history->job_count + 1) * sizeof(*walk->there));
  for (size_t i = 0; i < expectation->count && expectation->items[i].revision <= revision; i++) {
    const struct jg_verify_expected *item = &expectation->items[i];
    if (item->job != JG_VERIFY_FOREIGN && !item->entity) {
      bool gone = item->kind == JG_VERIFY_DELETED || item->kind == JG_VERIFY_LEFT;
      walk->there[item->job] = gone ? 0 : item->version;
    }
  }
}

static void take_synced(struct walk *walk, const struct jg_verify_event *event) {
  fold(walk, event->revision);
  for (uint32_t job = 0; job < walk->history->job_count; job++) {
    if (walk->set[job] == walk->there[job]) {
      jg_verify_hold(walk->verdict, JG_VERIFY_RELIABLE);
    } else {
      jg_verify_fail(walk->verdict, JG_VERIFY_RELIABLE,
                     "synced at %" PRId64 " with write %" PRIu64 " of job %" PRIu32 " instead of %" PRIu64,
                     event->revision, walk->set[job], job, walk->there[job]);
    }
  }
  if (event->revision < walk->previous) {
    jg_verify_fail(walk->verdict, JG_VERIFY_ORDERED, "synced at %" PRId64 " behind %" PRId64, event->revision,
                   walk->previous);
  }
  walk->previous = walk->covered = event->revision;
  walk->next = jg_verify_expect_behind(walk->expectation, event->revision);
}

static void take_bookmark(struct walk *walk, const struct jg_verify_event *event) {
  if (event->revision < walk->previous) {
    jg_verify_fail(walk->verdict, JG_VERIFY_ORDERED, "a bookmark at %" PRId64 " came behind %" PRId64, event->revision,
                   walk->previous);
    return;
  }
  jg_verify_hold(walk->verdict, JG_VERIFY_BOOKMARKABLE);
  if (walk->live) {
    skip_missing(walk, event->revision, JG_VERIFY_BOOKMARKABLE, "although a bookmark stands at revision",
                 event->revision);
    walk->covered = walk->previous = event->revision;
  }
}

static void take_event(struct walk *walk, size_t at) {
  const struct jg_verify_event *event = &walk->events[at];
  if (event->stranger) {
    jg_verify_fail(walk->verdict, JG_VERIFY_TENANT_TIGHT, "a job of the other tenant came at revision %" PRId64,
                   event->revision);
    // Its message may have brought others, which its token leads behind.
    walk->covered = event->token ? event->revision : walk->covered;
    return;
  }
  switch ((enum jg_verify_event_type)event->type) {
    case JG_VERIFY_OPENED:
      take_opened(walk, at);
      return;
    case JG_VERIFY_RESET:
      forget(walk);
      return;
    case JG_VERIFY_JOB:
      jg_verify_hold(walk->verdict, JG_VERIFY_TENANT_TIGHT);
      keep(walk, event);
      return;
    case JG_VERIFY_SYNCED:
      take_synced(walk, event);
      return;
    case JG_VERIFY_CHANGE:
      jg_verify_hold(walk->verdict, JG_VERIFY_TENANT_TIGHT);
      take_change(walk, at);
      return;
    case JG_VERIFY_BOOKMARK:
      take_bookmark(walk, event);
      return;
  }
}

static bool same_view(const struct jg_verify_view *a, const struct jg_verify_view *b) {
  return a->filtered == b->filtered && a->low == b->low && a->high == b->high && a->entities == b->entities;
}

static void check_watcher(struct walk *walk, const struct jg_verify_watcher *watcher) {
  size_t count = jg_verify_event_count(watcher);
  walk->events = jg_verify_events(watcher);
  walk->live = walk->positioned = false;
  walk->covered = walk->previous = 0;
  walk->next = 0;
  memset(walk->set, 0, (walk->history->job_count + 1) * sizeof(*walk->set));
  for (size_t at = 0; at < count; at++) {
    take_event(walk, at);
    walk->live = jg_verify_is_live(&walk->events[at], walk->live);
  }
  if (walk->live && walk->covered >= walk->history->final_revision) {
    jg_verify_hold(walk->verdict, JG_VERIFY_RELIABLE);
  } else {
    jg_verify_fail(walk->verdict, JG_VERIFY_RELIABLE, "a stream came to %" PRId64 " and not to the end, %" PRId64,
                   walk->covered, walk->history->final_revision);
  }
}

void jg_verify_check(const struct jg_verify_history *history, struct jg_verify_verdict *verdict) {
  struct jg_verify_reference reference;
  jg_verify_reference_init(&reference, history, verdict);
  struct walk walk = {.history = history, .reference = &reference, .verdict = verdict};
  walk.set = jg_alloc_zero(history->job_count + 1, sizeof(*walk.set));
  walk.there = jg_alloc_zero(history->job_count + 1, sizeof(*walk.there));
  struct jg_verify_expectation expectation = {0};
  for (size_t i = 0; i < history->watcher_count; i++) {
    const struct jg_verify_watcher *watcher = &history->watchers[i];
    if (i == 0 || !same_view(&watcher->view, &expectation.view)) {
      jg_verify_expect_done(&expectation);
      jg_verify_expect_init(&expectation, &reference, history, &watcher->view);
    }
    walk.expectation = &expectation;
    check_watcher(&walk, watcher);
  }
  jg_verify_expect_done(&expectation);
  jg_free(walk.there);
  jg_free(walk.set);
  jg_verify_reference_done(&reference);
}
