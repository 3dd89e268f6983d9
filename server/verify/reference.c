#include "server/verify/reference.h"

#include <inttypes.h>

#define NO_GROUP INT32_MIN

static bool is_deleted(const struct jg_verify_event *event) {
  return event->kind == JG_VERIFY_DELETED;
}

/* The first and last revision that anybody saw. */
static void find_range(const struct jg_verify_history *history, int64_t *ret_first, int64_t *ret_last) {
  int64_t first = INT64_MAX, last = 0;
  for (size_t i = 0; i < history->watcher_count; i++) {
    const struct jg_verify_event *events = jg_verify_events(&history->watchers[i]);
    for (size_t k = 0; k < jg_verify_event_count(&history->watchers[i]); k++) {
      if (events[k].type == JG_VERIFY_CHANGE) {
        first = events[k].revision < first ? events[k].revision : first;
        last = events[k].revision > last ? events[k].revision : last;
      }
    }
  }
  *ret_first = first;
  *ret_last = last;
}

/* Does the change say what those before it said about its revision? */
static void merge(struct jg_verify_entry *entry, const struct jg_verify_event *event, bool tells_last,
                  struct jg_verify_verdict *verdict) {
  const struct jg_verify_entry seen = {.ticks = event->ticks,
                                       .version = event->version,
                                       .job = event->job,
                                       .kind = is_deleted(event) ? JG_VERIFY_DELETED : 0,
                                       .known = true,
                                       .entity = event->entity};
  if (!entry->known) {
    *entry = seen;
  } else if (entry->job != seen.job || entry->version != seen.version || entry->kind != seen.kind ||
             entry->entity != seen.entity || entry->ticks != seen.ticks) {
    jg_verify_fail(verdict, JG_VERIFY_INTACT, "revision %" PRId64 " is not the same on all streams", event->revision);
  } else {
    jg_verify_hold(verdict, JG_VERIFY_INTACT);
  }
  if (tells_last && entry->last_known && entry->last != event->last) {
    jg_verify_fail(verdict, JG_VERIFY_ATOMIC, "streams differ about revision %" PRId64 " ending its request",
                   event->revision);
  }
  if (tells_last && !entry->last_known) {
    entry->last = event->last;
    entry->last_known = true;
  }
}

static void collect(struct jg_verify_reference *reference, const struct jg_verify_history *history,
                    struct jg_verify_verdict *verdict) {
  for (size_t i = 0; i < history->watcher_count; i++) {
    const struct jg_verify_watcher *watcher = &history->watchers[i];
    const struct jg_verify_event *events = jg_verify_events(watcher);
    // What ends a request is told by streams that leave nothing of it out.
    bool sees_all = watcher->view.entities && !watcher->view.filtered;
    bool live = false;
    for (size_t k = 0; k < jg_verify_event_count(watcher); k++) {
      live = jg_verify_is_live(&events[k], live);
      if (events[k].type == JG_VERIFY_CHANGE && !events[k].stranger) {
        merge(&reference->entries[events[k].revision - reference->first], &events[k], sees_all && live, verdict);
      }
    }
  }
}

/* Each of the run's jobs is created first, goes from write to write in their order, and is not seen again once deleted. */
static void tell_kinds(struct jg_verify_reference *reference, const struct jg_verify_history *history,
                       struct jg_verify_verdict *verdict) {
  uint64_t *newest = jg_alloc_zero(history->job_count + 1, sizeof(*newest));
  for (size_t i = 0; i < reference->count; i++) {
    struct jg_verify_entry *entry = &reference->entries[i];
    if (!entry->known || entry->entity || entry->job == JG_VERIFY_FOREIGN) {
      continue;
    }
    int64_t revision = reference->first + (int64_t)i;
    uint64_t before = newest[entry->job];
    if (entry->kind == JG_VERIFY_DELETED) {
      newest[entry->job] = UINT64_MAX;
    } else {
      entry->kind = before == 0 ? JG_VERIFY_CREATED : JG_VERIFY_UPDATED;
      newest[entry->job] = entry->version;
    }
    bool in_order = before != UINT64_MAX && (entry->kind == JG_VERIFY_DELETED || entry->version >= before);
    if (in_order) {
      jg_verify_hold(verdict, JG_VERIFY_ORDERED);
    } else {
      jg_verify_fail(verdict, JG_VERIFY_ORDERED,
                     "revision %" PRId64 " brings write %" PRIu64 " of a job behind a newer one", revision,
                     entry->version);
    }
  }
  jg_free(newest);
}

/* What was acknowledged is in the log, at the revision that the answer told. */
static void check_writes(const struct jg_verify_reference *reference, const struct jg_verify_history *history,
                         struct jg_verify_verdict *verdict) {
  bool *deleted = jg_alloc_zero(history->job_count + 1, sizeof(*deleted));
  for (size_t i = 0; i < reference->count; i++) {
    const struct jg_verify_entry *entry = &reference->entries[i];
    if (entry->known && !entry->entity && entry->kind == JG_VERIFY_DELETED && entry->job != JG_VERIFY_FOREIGN) {
      deleted[entry->job] = true;
    }
  }
  for (size_t i = 0; i < history->write_count; i++) {
    const struct jg_verify_write *write = &history->writes[i];
    if (write->outcome != JG_VERIFY_DONE) {
      continue;
    }
    bool found;
    if (write->deletes) {
      found = deleted[write->job];
    } else {
      int64_t at = write->revision - reference->first;
      found = at >= 0 && (size_t)at < reference->count && reference->entries[at].known &&
              reference->entries[at].job == write->job && reference->entries[at].version == i + 1;
    }
    if (found) {
      jg_verify_hold(verdict, JG_VERIFY_RELIABLE);
    } else {
      jg_verify_fail(verdict, JG_VERIFY_RELIABLE, "acknowledged write %zu (revision %" PRId64 ") came on no stream",
                     i + 1, write->revision);
    }
  }
  jg_free(deleted);
}

void jg_verify_reference_init(struct jg_verify_reference *reference, const struct jg_verify_history *history,
                              struct jg_verify_verdict *verdict) {
  int64_t last;
  *reference = (struct jg_verify_reference){0};
  find_range(history, &reference->first, &last);
  if (reference->first <= last) {
    reference->count = (size_t)(last - reference->first + 1);
    reference->entries = jg_alloc_zero(reference->count, sizeof(*reference->entries));
  }
  collect(reference, history, verdict);
  tell_kinds(reference, history, verdict);
  check_writes(reference, history, verdict);
}

void jg_verify_reference_done(struct jg_verify_reference *reference) {
  jg_free(reference->entries);
}

static bool in_view(const struct jg_verify_view *view, int32_t group) {
  return group != NO_GROUP && group >= view->low && group <= view->high;
}

/* What the view shows of an entry; false: nothing. groups: of each job before it, and then after it. */
static bool shows(const struct jg_verify_view *view, const struct jg_verify_entry *entry,
                  const struct jg_verify_history *history, int32_t *groups, uint8_t *ret_kind) {
  *ret_kind = entry->kind;
  if (entry->entity) {
    *ret_kind = 0;
    return view->entities;
  }
  if (entry->job == JG_VERIFY_FOREIGN) {
    *ret_kind = 0;
    return !view->filtered;
  }
  bool knows = entry->version > 0 && entry->version <= history->write_count;
  int32_t group = knows ? history->writes[entry->version - 1].group : NO_GROUP;
  bool before = in_view(view, groups[entry->job]);
  bool after = in_view(view, group);
  groups[entry->job] = group;
  if (!view->filtered) {
    return true;
  }
  if (after && !before && entry->kind != JG_VERIFY_CREATED) {
    *ret_kind = JG_VERIFY_ENTERED;
  } else if (before && !after && entry->kind != JG_VERIFY_DELETED) {
    *ret_kind = JG_VERIFY_LEFT;
  }
  return before || after;
}

void jg_verify_expect_init(struct jg_verify_expectation *expectation, const struct jg_verify_reference *reference,
                           const struct jg_verify_history *history, const struct jg_verify_view *view) {
  *expectation = (struct jg_verify_expectation){.view = *view};
  expectation->items = jg_alloc_zero(reference->count + 1, sizeof(*expectation->items));
  int32_t *groups = jg_alloc((history->job_count + 1) * sizeof(*groups));
  for (uint32_t i = 0; i <= history->job_count; i++) {
    groups[i] = NO_GROUP;
  }
  size_t request_at = 0;  // the first item of the request that is gone through
  bool whole = true;      // every revision of that request is known
  for (size_t i = 0; i < reference->count; i++) {
    const struct jg_verify_entry *entry = &reference->entries[i];
    uint8_t kind;
    whole = whole && entry->last_known;
    if (entry->known && shows(view, entry, history, groups, &kind)) {
      expectation->items[expectation->count++] = (struct jg_verify_expected){.revision = reference->first + (int64_t)i,
                                                                             .version = entry->version,
                                                                             .job = entry->job,
                                                                             .kind = kind,
                                                                             .entity = entry->entity};
    }
    if (entry->last_known && entry->last) {
      for (size_t k = request_at; whole && k < expectation->count; k++) {
        expectation->items[k].last_known = true;
        expectation->items[k].last = k + 1 == expectation->count;
      }
      request_at = expectation->count;
      whole = true;
    }
  }
  jg_free(groups);
}

void jg_verify_expect_done(struct jg_verify_expectation *expectation) {
  jg_free(expectation->items);
}

size_t jg_verify_expect_behind(const struct jg_verify_expectation *expectation, int64_t revision) {
  size_t low = 0, high = expectation->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (expectation->items[middle].revision > revision) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}
