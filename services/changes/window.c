#include <stddef.h>

#include "services/changes/hub_internal.h"

/* A read that failed for a passing reason is tried again after so long. */
#define RETRY_NS INT64_C(100000000)

void jg_hub_gather(struct jg_hub_page *page, struct jg_hub_view *view, int64_t now_ns) {
  jg_hub_lock(&view->mutex);
  // What lies before this page showed nothing, unless there is a window already.
  jg_hub_catch_up(view);
  view->held = true;
  jg_hub_unlock(&view->mutex);
  if (view->waiting == NULL) {
    view->waiting = jg_alloc(JG_HUB_WAITING_MAX * sizeof(view->waiting[0]));
  }
  for (size_t i = 0; i < view->picks.count && view->waiting_count <= JG_HUB_WAITING_MAX; i++) {
    if (view->waiting_count < JG_HUB_WAITING_MAX) {
      view->waiting[view->waiting_count] = page->changes.items[view->picks.items[i].index].revision;
    }
    view->waiting_count++;
  }
  if (view->window.place == 0) {
    jg_timers_set(&page->hub->windows, &view->window, now_ns + view->key.view->coalesce_ns);
  }
}

/* The heap that its window is in, if it is in one. */
static struct jg_timers *heap_of(struct jg_hub *hub, struct jg_hub_view *view) {
  return view->due ? &view->tail->due : &hub->windows;
}

void jg_hub_forget_window(struct jg_hub *hub, struct jg_hub_view *view) {
  jg_timers_remove(heap_of(hub, view), &view->window);
  view->due = false;
  view->waiting_count = 0;
}

static struct jg_hub_view *first_of(const struct jg_timers *timers) {
  struct jg_timer *first = jg_timers_first(timers);
  return first != NULL ? (struct jg_hub_view *)(void *)((char *)first - offsetof(struct jg_hub_view, window)) : NULL;
}

void jg_hub_collect_windows(struct jg_hub *hub) {
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  for (struct jg_hub_view *view; (view = first_of(&hub->windows)) != NULL && view->window.due_ns <= now;) {
    jg_timers_remove(&hub->windows, &view->window);
    view->due = true;
    jg_timers_set(&view->tail->due, &view->window, view->window.due_ns);
  }
}

struct jg_hub_view *jg_hub_next_window(struct jg_hub_tail *tail) {
  struct jg_hub_view *view = first_of(&tail->due);
  if (view != NULL) {
    jg_timers_remove(&tail->due, &view->window);
    view->due = false;
  }
  return view;
}

void jg_hub_begin_window(struct jg_hub_page *page, struct jg_hub_view *view) {
  page->window = view;
  jg_hub_lock(&view->mutex);
  page->after = view->ring.through;
  jg_hub_unlock(&view->mutex);
  page->limit = atomic_load_explicit(&page->tail->through, memory_order_relaxed);  // it stands while a page is out
}

/* Cuts off what the tail has not come to. */
static void trim(struct jg_changes *changes, int64_t limit) {
  while (changes->count > 0 && changes->items[changes->count - 1].revision > limit) {
    changes->count--;
  }
  changes->through_revision = changes->through_revision < limit ? changes->through_revision : limit;
}

/* Reads the requests of the changes that wait, and nothing between them. */
static struct jg_status read_waiting(struct jg_txn *txn, struct jg_hub_page *page) {
  const struct jg_hub_view *view = page->window;
  struct jg_changes all = {.through_revision = page->after};
  size_t capacity = 0;
  for (size_t i = 0; i < view->waiting_count; i++) {
    if (view->waiting[i] <= all.through_revision) {
      continue;
    }
    struct jg_changes some;
    JG_RETURN_IF_ERROR(jg_txn_changes(txn, view->waiting[i] - 1, 1, 1, &page->arena, &some));
    if (all.count + some.count > capacity) {
      capacity = 2 * (all.count + some.count);
      struct jg_change *items = jg_arena_alloc(&page->arena, capacity * sizeof(*items));
      if (items == NULL) {
        return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a page of changes is too large");
      }
      if (all.count > 0) {
        memcpy(items, all.items, all.count * sizeof(*items));
      }
      all.items = items;
    }
    if (some.count > 0) {
      memcpy(all.items + all.count, some.items, some.count * sizeof(some.items[0]));
    }
    all.count += some.count;
    all.through_revision = some.through_revision;
  }
  all.through_revision = page->limit;
  page->changes = all;
  return JG_STATUS_OK;
}

struct jg_status jg_hub_read_window(struct jg_txn *txn, struct jg_hub_page *page) {
  struct jg_hub_view *view = page->window;
  if (view->waiting_count <= JG_HUB_WAITING_MAX) {
    JG_RETURN_IF_ERROR(read_waiting(txn, page));
  } else {
    JG_RETURN_IF_ERROR(
        jg_txn_changes(txn, page->after, JG_HUB_WINDOW_COUNT, JG_HUB_WINDOW_BYTES, &page->arena, &page->changes));
    trim(&page->changes, page->limit);
  }
  const struct jg_batch_source source = {.key = &view->key, .expander = page->hub->options.expander, .txn = txn};
  page->touched = view;
  view->touched_next = NULL;
  JG_RETURN_IF_ERROR(jg_batch_encode(&source, &page->changes, page->after, SIZE_MAX, &page->arena, &view->fresh));
  page->through = view->fresh.through;
  return JG_STATUS_OK;
}

/* What was sent waits no more. Returns whether something still does. */
static bool still_waits(struct jg_hub_view *view, int64_t through, int64_t limit) {
  if (through >= limit) {
    view->waiting_count = 0;
    return false;
  }
  size_t left = 0;
  for (size_t i = 0; i < view->waiting_count && view->waiting_count <= JG_HUB_WAITING_MAX; i++) {
    if (view->waiting[i] > through) {
      view->waiting[left++] = view->waiting[i];
    }
  }
  view->waiting_count = view->waiting_count <= JG_HUB_WAITING_MAX ? left : view->waiting_count;
  return true;
}

void jg_hub_take_window(struct jg_hub_page *page) {
  struct jg_hub *hub = page->hub;
  struct jg_hub_view *view = page->window;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  if (!jg_status_ok(page->status)) {
    jg_metric_add(hub->metrics.failures, 1);
    bool passing = page->status.code == JG_UNAVAILABLE || page->status.code == JG_DEADLINE_EXCEEDED;
    if (passing) {
      jg_timers_set(&hub->windows, &view->window, now + RETRY_NS);
      return;
    }
    jg_hub_forget_window(hub, view);
    jg_hub_restart(hub, view, page->limit);
    return;
  }
  bool waits = still_waits(view, page->through, page->limit);
  jg_hub_append_fresh(hub, view);
  jg_hub_lock(&view->mutex);
  if (page->through > view->ring.through) {
    jg_ring_pass(&view->ring, page->through);
  }
  view->held = waits;
  view->gathered = page->through;
  jg_hub_unlock(&view->mutex);
  if (waits) {
    // What is left was written about now, or did not fit.
    jg_timers_set(&hub->windows, &view->window, now + view->key.view->coalesce_ns);
  }
}
