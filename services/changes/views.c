#include "services/changes/hub_internal.h"

/* Under hub->mutex. */
static struct jg_hub_tail *tail_of(struct jg_hub *hub, const struct jg_view_key *key, int64_t newest) {
  for (struct jg_hub_tail *tail = hub->tails; tail != NULL; tail = tail->next) {
    if (tail->tenant == key->tenant && jg_uuid_equal(tail->epoch, key->epoch)) {
      return tail;
    }
  }
  struct jg_hub_tail *tail = jg_alloc_zero(1, sizeof(*tail));
  tail->tenant = key->tenant;
  tail->epoch = key->epoch;
  // What is older is read by the streams that want it, in parallel (H3).
  tail->through = newest;
  tail->next = hub->tails;
  hub->tails = tail;
  return tail;
}

/* Under hub->mutex. *ret_made: it is new, and owns the view that its key borrows. */
static struct jg_hub_view *view_of(struct jg_hub_tail *tail, const struct jg_view_key *key, bool *ret_made) {
  *ret_made = false;
  for (struct jg_hub_view *view = tail->views; view != NULL; view = view->next) {
    if (jg_view_equal(view->key.view, key->view)) {
      return view;
    }
  }
  struct jg_hub_view *view = jg_alloc_zero(1, sizeof(*view));
  view->tail = tail;
  view->key = *key;
  JG_ASSERT(pthread_mutex_init(&view->mutex, NULL) == 0);
  // If a page is in hand that is not encoded for this view, it will begin behind that page instead.
  jg_ring_init(&view->ring, &view->key, tail->through);
  view->next = tail->views;
  tail->views = view;
  *ret_made = true;
  return view;
}

void jg_hub_attach(struct jg_hub *hub, struct jg_hub_stream *stream, const struct jg_view_key *key, int64_t newest) {
  jg_hub_lock(&hub->mutex);
  struct jg_hub_tail *tail = tail_of(hub, key, newest);
  bool made = false;
  JG_ASSERT(key->view == stream->wish.view);
  struct jg_view *shown = jg_wish_give_view(&stream->wish);
  stream->view = view_of(tail, key, &made);
  stream->wish.view = stream->view->key.view;
  stream->view->streams++;
  stream->sent_ns = jg_clock_mono_ns(hub->options.clock);
  jg_timers_set(&hub->timers, &stream->timer, stream->sent_ns + stream->wish.heartbeat_ns);
  bool first = stream->view->streams == 1;
  if (made) {
    stream->view->shown = shown;
  }
  jg_hub_unlock(&hub->mutex);
  if (!made) {
    jg_view_destroy(shown);
  }
  if (first) {
    jg_hub_wake(hub);  // It may have been asleep for want of streams.
  }
}

void jg_hub_detach(struct jg_hub *hub, struct jg_hub_stream *stream) {
  if (stream->view == NULL) {
    jg_hub_lock(&hub->mutex);
    jg_timers_remove(&hub->refused, &stream->timer);
    jg_hub_unlock(&hub->mutex);
    return;
  }
  jg_hub_lock(&hub->mutex);
  jg_timers_remove(&hub->timers, &stream->timer);
  jg_hub_forget_turn(hub, stream);
  bool last = --stream->view->streams == 0;
  hub->emptied |= last;
  jg_hub_unlock(&hub->mutex);
  if (last) {
    jg_hub_wake(hub);
  }
}

void jg_hub_reap(struct jg_hub *hub) {
  struct jg_hub_view *dead = NULL;
  jg_hub_lock(&hub->mutex);
  hub->emptied = false;
  for (struct jg_hub_tail **tail = &hub->tails; *tail != NULL;) {
    if ((*tail)->page != NULL) {
      // A page is being encoded for its views; its coming wakes us.
      hub->emptied = true;
      tail = &(*tail)->next;
      continue;
    }
    for (struct jg_hub_view **view = &(*tail)->views; *view != NULL;) {
      if ((*view)->streams > 0) {
        view = &(*view)->next;
        continue;
      }
      struct jg_hub_view *unused = *view;
      *view = unused->next;
      unused->next = dead;
      dead = unused;
    }
    if ((*tail)->views != NULL) {
      tail = &(*tail)->next;
      continue;
    }
    struct jg_hub_tail *unused = *tail;
    *tail = unused->next;
    jg_free(unused);
  }
  jg_hub_unlock(&hub->mutex);
  while (dead != NULL) {
    struct jg_hub_view *view = dead;
    dead = view->next;
    JG_ASSERT(view->idle_first == NULL);
    jg_ring_done(&view->ring, &hub->budget);
    JG_ASSERT(pthread_mutex_destroy(&view->mutex) == 0);
    jg_view_destroy(view->shown);
    jg_free(view);
  }
  jg_metric_set(hub->metrics.ring_bytes, (int64_t)hub->budget.bytes);
}
