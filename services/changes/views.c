#include "services/changes/hub_internal.h"

#define TABLE_FIRST 8u

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
  atomic_init(&tail->through, newest);
  atomic_init(&tail->parked, false);
  tail->index = jg_index_create();
  tail->next = hub->tails;
  hub->tails = tail;
  return tail;
}

/* Under hub->mutex. The place in the table where views of that hash begin; the table is there. */
static struct jg_hub_view **bucket_of(const struct jg_hub_tail *tail, const struct jg_view *view) {
  return &tail->table[jg_view_hash(view) & (tail->table_size - 1)];
}

/* Under hub->mutex. */
static void grow_table(struct jg_hub_tail *tail) {
  jg_free(tail->table);
  tail->table_size = tail->table_size == 0 ? TABLE_FIRST : 2 * tail->table_size;
  tail->table = jg_alloc_zero(tail->table_size, sizeof(struct jg_hub_view *));
  for (struct jg_hub_view *view = tail->views; view != NULL; view = view->next) {
    struct jg_hub_view **bucket = bucket_of(tail, view->key.view);
    view->same = *bucket;
    *bucket = view;
  }
}

/* Under hub->mutex. *ret_made: it is new, and owns the view that its key borrows. */
static struct jg_hub_view *view_of(struct jg_hub_tail *tail, const struct jg_view_key *key, bool *ret_made) {
  if (tail->view_count == tail->table_size) {
    grow_table(tail);
  }
  struct jg_hub_view **bucket = bucket_of(tail, key->view);
  *ret_made = false;
  for (struct jg_hub_view *view = *bucket; view != NULL; view = view->same) {
    if (jg_view_equal(view->key.view, key->view)) {
      return view;
    }
  }
  struct jg_hub_view *view = jg_alloc_zero(1, sizeof(*view));
  view->tail = tail;
  view->key = *key;
  JG_ASSERT(pthread_mutex_init(&view->mutex, NULL) == 0);
  // If a page is in hand that is not sifted for this view, it will begin behind that page instead. Relaxed: it is moved under
  // this mutex.
  jg_ring_init(&view->ring, &view->key, atomic_load_explicit(&tail->through, memory_order_relaxed));
  view->next = tail->views;
  tail->views = view;
  view->same = *bucket;
  *bucket = view;
  view->new_next = tail->newcomers;
  tail->newcomers = view;
  tail->view_count++;
  *ret_made = true;
  return view;
}

void jg_hub_list_views(struct jg_hub *hub, struct jg_hub_tail *tail) {
  JG_ASSERT(tail->page == NULL);
  jg_hub_lock(&hub->mutex);
  struct jg_hub_view *view = tail->newcomers;
  tail->newcomers = NULL;
  jg_hub_unlock(&hub->mutex);
  while (view != NULL) {
    struct jg_hub_view *next = view->new_next;
    view->item.view = view->key.view;
    jg_index_add(tail->index, &view->item);
    jg_hub_lock(&view->mutex);
    view->listed = true;
    jg_hub_unlock(&view->mutex);
    view = next;
  }
}

void jg_hub_catch_up(struct jg_hub_view *view) {
  // Acquire: what a page brought was appended before its end was told.
  int64_t through = atomic_load_explicit(&view->tail->through, memory_order_acquire);
  if (view->listed && !view->held && through > view->ring.through) {
    jg_ring_pass(&view->ring, through);
  }
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
  stream->ends_ns = INT64_MAX;
  stream->late_ns = JG_HUB_NOT_LATE;
  if (hub->options.stream_age_ns > 0) {
    // Give or take a tenth, so that streams that began together do not end together.
    int64_t tenth = hub->options.stream_age_ns / 10;
    stream->ends_ns = stream->sent_ns + hub->options.stream_age_ns - tenth + jg_hub_random(hub, 2 * tenth + 1);
  }
  jg_timers_set(&hub->timers, &stream->timer, jg_hub_due_ns(stream, stream->sent_ns));
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

/* Under hub->mutex. Takes out of the tail's lists what nobody watches any more. */
static void unlink_unused(struct jg_hub *hub, struct jg_hub_tail *tail, struct jg_hub_view **dead) {
  for (struct jg_hub_view **view = &tail->views; *view != NULL;) {
    struct jg_hub_view *unused = *view;
    if (unused->streams > 0 || unused->in_fan) {
      hub->emptied = hub->emptied || unused->streams == 0;
      view = &unused->next;
      continue;
    }
    struct jg_hub_view **same = bucket_of(tail, unused->key.view);
    while (*same != unused) {
      same = &(*same)->same;
    }
    *same = unused->same;
    if (unused->listed) {
      jg_index_remove(tail->index, &unused->item);
    } else {
      struct jg_hub_view **newcomer = &tail->newcomers;
      while (*newcomer != unused) {
        newcomer = &(*newcomer)->new_next;
      }
      *newcomer = unused->new_next;
    }
    jg_hub_forget_window(hub, unused);
    *view = unused->next;
    unused->next = *dead;
    *dead = unused;
    tail->view_count--;
  }
}

void jg_hub_reap(struct jg_hub *hub) {
  struct jg_hub_view *dead = NULL;
  jg_hub_lock(&hub->mutex);
  hub->emptied = false;
  for (struct jg_hub_tail **tail = &hub->tails; *tail != NULL;) {
    struct jg_hub_tail *unused = *tail;
    if (unused->page != NULL) {
      // A page is being encoded for its views.
      hub->emptied = true;
    } else {
      unlink_unused(hub, unused, &dead);
    }
    if (unused->views != NULL || unused->page != NULL) {
      tail = &unused->next;
      continue;
    }
    *tail = unused->next;
    jg_index_destroy(unused->index);
    jg_timers_done(&unused->due);
    jg_free(unused->table);
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
    jg_free(view->waiting);
    jg_free(view);
  }
  jg_metric_set(hub->metrics.ring_bytes, (int64_t)hub->budget.bytes);
}
