#include <stddef.h>

#include "services/changes/hub_internal.h"

#define NS_PER_TICK 100
/* When too much is out, whoever has taken nothing for so long makes room. */
#define RELIEF_NS INT64_C(5000000000)

static void untouch(struct jg_hub_view *view) {
  view->touched = false;
  view->failed = false;
  view->picks = (struct jg_picks){0};
  view->fresh = (struct jg_batches){0};
}

static void drop_fresh(struct jg_hub_page *page) {
  for (struct jg_hub_view *view = page->touched; view != NULL; view = view->touched_next) {
    for (size_t i = 0; i < view->fresh.count; i++) {
      jg_bytes_unref(view->fresh.items[i].bytes);
    }
    untouch(view);
  }
  page->touched = NULL;
}

static struct jg_status read_state(struct jg_txn *txn, struct jg_hub_page *page) {
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, &page->arena, &state));
  page->through = state.revision;
  return JG_STATUS_OK;
}

/* A change may matter to the view. A filter that fails is its view's own matter: the view is not fed, so that its streams read
 * the log and end with that status. */
static struct jg_status offer(struct jg_index_item *item, size_t change, void *data) {
  struct jg_hub_page *page = data;
  struct jg_hub_view *view = (struct jg_hub_view *)(void *)((char *)item - offsetof(struct jg_hub_view, item));
  if (view->failed) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_sift_pick(&page->sift, item->view, change, &view->picks);
  view->failed = status.code == JG_INVALID_ARGUMENT;
  if (!view->touched && (view->failed || view->picks.count > 0)) {
    view->touched = true;
    view->touched_next = page->touched;
    page->touched = view;
  }
  return view->failed ? JG_STATUS_OK : status;
}

/* Finds out what which view shows of a page: each view that has to be asked about every change, the others about what the index
 * finds for them. */
static struct jg_status sift_page(struct jg_hub_page *page) {
  struct jg_index *index = page->tail->index;
  const struct jg_changes *changes = page->sift.changes;
  for (size_t i = 0; i < changes->count; i++) {
    if (changes->items[i].kind == JG_KIND_JOB) {
      for (struct jg_index_item *item = jg_index_unfiled(index); item != NULL; item = item->after) {
        JG_RETURN_IF_ERROR(offer(item, i, page));
      }
      JG_RETURN_IF_ERROR(jg_index_search(index, &page->sift, i, offer, page));
    } else {
      for (struct jg_index_item *item = jg_index_entities(index); item != NULL; item = item->entity_after) {
        JG_RETURN_IF_ERROR(offer(item, i, page));
      }
    }
  }
  return JG_STATUS_OK;
}

static struct jg_status encode_page(struct jg_hub_page *page, int64_t after) {
  JG_RETURN_IF_ERROR(sift_page(page));
  for (struct jg_hub_view *view = page->touched; view != NULL; view = view->touched_next) {
    const struct jg_batch_source source = {
        .key = &view->key, .expander = page->sift.options.expander, .txn = page->sift.options.txn};
    if (!view->failed && !jg_hub_gathers(view)) {
      JG_RETURN_IF_ERROR(jg_batch_encode_picks(&source, &page->sift, &view->picks, after, &view->fresh));
    }
  }
  return JG_STATUS_OK;
}

static struct jg_status read_changes(struct jg_txn *txn, struct jg_hub_page *page) {
  struct jg_changes *changes = &page->changes;
  int64_t after = atomic_load_explicit(&page->tail->through, memory_order_relaxed);  // it stands while a page is out
  JG_RETURN_IF_ERROR(jg_txn_changes(txn, after, JG_HUB_PAGE_COUNT, JG_HUB_PAGE_BYTES, &page->arena, changes));
  page->through = changes->through_revision;
  if (changes->count == 0) {
    return JG_STATUS_OK;
  }
  page->commit_ticks = changes->items[changes->count - 1].commit_ticks;
  const struct jg_sift_options options = {
      .expander = page->hub->options.expander, .txn = txn, .tenant = page->tail->tenant};
  JG_RETURN_IF_ERROR(jg_sift_init(&page->sift, &options, changes, &page->arena));
  struct jg_status status = encode_page(page, after);
  jg_sift_done(&page->sift);
  return status;
}

static void read_page(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct jg_hub_page *page = data;
  struct jg_hub *hub = page->hub;
  if (!jg_status_ok(begun)) {
    page->status = jg_status_copy(&page->arena, begun);
  } else {
    page->status = page->window != NULL ? jg_hub_read_window(txn, page)
                   : page->state_only   ? read_state(txn, page)
                                        : read_changes(txn, page);
  }
  jg_hub_lock(&hub->wake_mutex);
  page->done = true;
  hub->woken = true;
  JG_ASSERT(pthread_cond_signal(&hub->wake) == 0);
  jg_hub_unlock(&hub->wake_mutex);
}

/* window: read what was gathered for it; NULL: the next page of the log, or where it ends. */
static void start_page(struct jg_hub *hub, struct jg_hub_tail *tail, bool state_only, struct jg_hub_view *window) {
  JG_ASSERT(tail->page == NULL);
  struct jg_hub_page *page = jg_alloc_zero(1, sizeof(*page));
  page->hub = hub;
  page->tail = tail;
  page->state_only = state_only;
  page->read = (struct jg_store_read){.tenant = tail->tenant, .run = read_page, .data = page, .urgent = true};
  jg_arena_init(&page->arena, JG_HUB_PAGE_ARENA_BYTES);
  if (window != NULL) {
    jg_hub_begin_window(page, window);
  } else {
    jg_hub_list_views(hub, tail);
    tail->again = false;
  }
  tail->window_last = window != NULL;
  tail->page = page;
  jg_metric_add(hub->metrics.pages, 1);
  struct jg_status status = jg_store_submit_read(hub->options.store, &page->read);
  if (!jg_status_ok(status)) {
    page->status = status;
    page->done = true;
  }
}

static bool is_done(struct jg_hub *hub, const struct jg_hub_page *page) {
  jg_hub_lock(&hub->wake_mutex);
  bool done = page->done;
  jg_hub_unlock(&hub->wake_mutex);
  return done;
}

static void end_page(struct jg_hub_page *page) {
  page->tail->page = NULL;
  jg_arena_done(&page->arena);
  jg_free(page);
}

static void shrink_rings(struct jg_hub *hub) {
  for (struct jg_ring *ring; (ring = jg_ring_over_budget(&hub->budget)) != NULL;) {
    struct jg_hub_view *view = (struct jg_hub_view *)(void *)((char *)ring - offsetof(struct jg_hub_view, ring));
    jg_hub_lock(&view->mutex);
    jg_ring_drop_oldest(&view->ring, &hub->budget);
    jg_hub_unlock(&view->mutex);
  }
  jg_metric_set(hub->metrics.ring_bytes, (int64_t)hub->budget.bytes);
}

void jg_hub_restart(struct jg_hub *hub, struct jg_hub_view *view, int64_t through) {
  jg_hub_forget_window(hub, view);
  jg_hub_lock(&view->mutex);
  view->held = false;
  view->gathered = through;
  jg_ring_restart(&view->ring, &hub->budget, through);
  jg_hub_unlock(&view->mutex);
}

void jg_hub_append_fresh(struct jg_hub *hub, struct jg_hub_view *view) {
  jg_hub_lock(&view->mutex);
  jg_hub_catch_up(view);
  for (size_t i = 0; i < view->fresh.count; i++) {
    jg_ring_append(&view->ring, &hub->budget, &view->fresh.items[i]);
  }
  if (view->fresh.through > view->ring.through) {
    jg_ring_pass(&view->ring, view->fresh.through);
  }
  jg_hub_unlock(&view->mutex);
}

/* Puts a page into the rings of the views that it touches; then the others may pass over it. */
static void publish(struct jg_hub_page *page) {
  struct jg_hub *hub = page->hub;
  struct jg_hub_tail *tail = page->tail;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  for (struct jg_hub_view *view = page->touched; view != NULL; view = view->touched_next) {
    if (view->failed) {
      jg_hub_restart(hub, view, page->through);
    } else if (jg_hub_gathers(view)) {
      jg_hub_gather(page, view, now);
    } else {
      jg_hub_append_fresh(hub, view);
    }
    untouch(view);
  }
  jg_hub_lock(&hub->mutex);
  struct jg_hub_view *newcomers = tail->newcomers;
  for (struct jg_hub_view *view = newcomers; view != NULL; view = view->new_next) {
    jg_hub_restart(hub, view, page->through);
  }
  atomic_store_explicit(&tail->through, page->through, memory_order_release);
  jg_hub_unlock(&hub->mutex);
  shrink_rings(hub);
  for (struct jg_hub_view *view = page->touched; view != NULL; view = view->touched_next) {
    jg_hub_fan_add(hub, view);
  }
  for (struct jg_hub_view *view = newcomers; view != NULL; view = view->new_next) {
    jg_hub_fan_add(hub, view);
  }
}

/* The tail goes to the end of the log without what is between. */
static void skip_to(struct jg_hub_page *page) {
  struct jg_hub *hub = page->hub;
  struct jg_hub_tail *tail = page->tail;
  jg_hub_lock(&hub->mutex);
  struct jg_hub_view *views = tail->views;
  for (struct jg_hub_view *view = views; view != NULL; view = view->next) {
    jg_hub_restart(hub, view, page->through);
  }
  atomic_store_explicit(&tail->through, page->through, memory_order_release);
  jg_hub_unlock(&hub->mutex);
  shrink_rings(hub);
  for (struct jg_hub_view *view = views; view != NULL; view = view->next) {
    jg_hub_fan_add(hub, view);
  }
}

static void observe_lag(struct jg_hub *hub, int64_t commit_ticks) {
  int64_t ticks = jg_clock_now_ticks(hub->options.clock) - commit_ticks;
  jg_histogram_observe_ns(hub->metrics.lag, ticks > 0 ? ticks * NS_PER_TICK : 0);
}

/* If the log cannot be read, and not for a passing reason (a record is damaged, too large, or gone), the tail goes to the end
 * of the log instead: each stream is sent to read the log itself, and ends with the status that it then gets. */
static void take_failure(struct jg_hub_page *page) {
  struct jg_hub *hub = page->hub;
  struct jg_hub_tail *tail = page->tail;
  jg_metric_add(hub->metrics.failures, 1);
  if (!hub->failing) {
    hub->failing = true;
    jg_log(hub->options.log, JG_LOG_WARN, "watch_tail_failed", JG_LOG_C("code", jg_code_name(page->status.code)),
           JG_LOG_C("reason", jg_reason_name(page->status.reason)), JG_LOG_I("tenant", tail->tenant),
           JG_LOG_I("revision", atomic_load_explicit(&tail->through, memory_order_relaxed)));
  }
  bool passing = page->status.code == JG_UNAVAILABLE || page->status.code == JG_DEADLINE_EXCEEDED;
  bool skip = !passing && !page->state_only;
  drop_fresh(page);
  end_page(page);
  if (skip) {
    start_page(hub, tail, true, NULL);
  }
}

static void take_page(struct jg_hub_page *page) {
  struct jg_hub *hub = page->hub;
  struct jg_hub_tail *tail = page->tail;
  if (page->window != NULL) {
    struct jg_hub_view *view = page->window;
    jg_hub_take_window(page);
    // The ring has the messages, or the page none.
    untouch(view);
    shrink_rings(hub);
    jg_hub_fan_add(hub, view);
  } else if (!jg_status_ok(page->status)) {
    take_failure(page);
    return;
  } else if (page->state_only) {
    skip_to(page);
  } else {
    hub->failing = false;
    if (page->changes.count > 0) {
      tail->again = true;
      observe_lag(hub, page->commit_ticks);
      publish(page);
    }
  }
  end_page(page);
}

void jg_hub_pass(struct jg_hub *hub, struct jg_hub_tail *tail, bool wanted) {
  if (tail->page != NULL && is_done(hub, tail->page)) {
    take_page(tail->page);
  }
  tail->again = tail->again || wanted;
  // A page that is out may have been read before the commit that is hinted at: the next one follows it.
  if (tail->page != NULL) {
    return;
  }
  if (jg_hub_fan_lasts(hub) && hub->fan.moved < JG_HUB_FAN_PAGE) {
    hub->fan.waits = true;
    return;
  }
  bool page_first = tail->again && tail->window_last;
  struct jg_hub_view *window = page_first ? NULL : jg_hub_next_window(tail);
  if (window != NULL || tail->again) {
    start_page(hub, tail, false, window);
  }
}

bool jg_hub_abandon(struct jg_hub *hub, struct jg_hub_tail *tail) {
  if (tail->page == NULL) {
    return true;
  }
  if (!is_done(hub, tail->page)) {
    return false;
  }
  drop_fresh(tail->page);
  end_page(tail->page);
  return true;
}

/* Under hub->mutex: moves one stream whose time has come, and sets its next one. */
static void beat_one(struct jg_hub *hub, struct jg_hub_stream *stream, int64_t now, struct jg_hub_move *ret_move) {
  struct jg_hub_view *view = stream->view;
  ret_move->kind = JG_HUB_STAY;
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  bool stalled = hub->options.stall_ns > 0 && now - stream->sent_ns >= hub->options.stall_ns;
  if (stream->state == JG_HUB_OUT && stalled) {
    jg_hub_step_slow(stream, ret_move);
  } else if (stream->state == JG_HUB_IDLE && now >= stream->ends_ns) {
    jg_hub_unlink(view, stream);
    jg_hub_step(stream, now, ret_move);
  } else if (stream->state == JG_HUB_IDLE && now - stream->sent_ns >= stream->wish.heartbeat_ns) {
    jg_hub_unlink(view, stream);
    jg_hub_step_bookmark(stream, now, ret_move);
  }
  int64_t due = jg_hub_due_ns(stream, now);
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&view->mutex);
  jg_timers_set(&hub->timers, &stream->timer, due);
}

void jg_hub_beat(struct jg_hub *hub) {
  struct jg_hub_move moves[JG_HUB_MOVES];
  size_t count;
  do {
    count = 0;
    int64_t now = jg_clock_mono_ns(hub->options.clock);
    jg_hub_lock(&hub->mutex);
    for (struct jg_timer *first; count < JG_HUB_MOVES; count += moves[count].kind != JG_HUB_STAY) {
      first = jg_timers_first(&hub->timers);
      if (first == NULL || first->due_ns > now) {
        break;
      }
      // A stream leaves the heap under this lock before it ends, so it is there.
      struct jg_hub_stream *stream =
          (struct jg_hub_stream *)(void *)((char *)first - offsetof(struct jg_hub_stream, timer));
      beat_one(hub, stream, now, &moves[count]);
    }
    jg_hub_unlock(&hub->mutex);
    for (size_t i = 0; i < count; i++) {
      jg_hub_make(&moves[i]);
    }
  } while (count == JG_HUB_MOVES);
}

void jg_hub_relieve(struct jg_hub *hub) {
  if (!jg_hub_is_full(hub)) {
    return;
  }
  struct jg_hub_move moves[JG_HUB_MOVES];
  size_t count = 0;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  jg_hub_lock(&hub->mutex);
  for (size_t i = 0; i < hub->timers.count && count < JG_HUB_MOVES; i++) {
    struct jg_hub_stream *stream =
        (struct jg_hub_stream *)(void *)((char *)hub->timers.heap[i] - offsetof(struct jg_hub_stream, timer));
    jg_hub_lock(&stream->mutex);
    if (stream->state == JG_HUB_OUT && stream->out_bytes > 0 && now - stream->sent_ns >= RELIEF_NS) {
      jg_hub_step_slow(stream, &moves[count++]);
    }
    jg_hub_unlock(&stream->mutex);
  }
  jg_hub_unlock(&hub->mutex);
  for (size_t i = 0; i < count; i++) {
    jg_hub_make(&moves[i]);
  }
}
