#include <stddef.h>

#include "services/changes/hub_internal.h"

/* What the stream's token would need of the log. Under the locks of view and stream. */
static int64_t needs_from(struct jg_hub_stream *stream) {
  if (stream->state == JG_HUB_IDLE) {
    jg_hub_settle(stream);
  }
  return stream->resume;
}

/* One that is behind; true: it still counts. Under all locks. */
static bool hurry(struct jg_hub_stream *stream, int64_t now, struct jg_hub_move *ret_move) {
  if (stream->late_ns == JG_HUB_NOT_LATE) {
    stream->late_ns = now;
  }
  if (now - stream->late_ns < stream->hub->options.trim_grace_ns) {
    return true;
  }
  switch (stream->state) {
    case JG_HUB_IDLE:
      jg_hub_unlink(stream->view, stream);
      jg_hub_step_slow(stream, ret_move);
      return false;
    case JG_HUB_OUT:
      jg_hub_step_slow(stream, ret_move);
      return false;
    case JG_HUB_OPENING:
    case JG_HUB_REFUSED:
    case JG_HUB_SENDING:
    case JG_HUB_SENT:
    case JG_HUB_READING:
    case JG_HUB_ENDING:
      break;
  }
  // Its driver ends it at its next step.
  stream->overdue = true;
  return true;
}

int64_t jg_hub_make_way(struct jg_hub *hub, int64_t tenant, int64_t through) {
  int64_t least = through;
  struct jg_hub_move moves[JG_HUB_MOVES];
  size_t count = 0;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  jg_hub_lock(&hub->mutex);
  for (const struct jg_hub_tail *tail = hub->tails; tail != NULL; tail = tail->next) {
    if (tail->tenant == tenant && tail->through < least) {
      least = tail->through;
    }
  }
  // Every stream that has a view is in this heap.
  for (size_t i = 0; i < hub->timers.count; i++) {
    struct jg_hub_stream *stream =
        (struct jg_hub_stream *)(void *)((char *)hub->timers.heap[i] - offsetof(struct jg_hub_stream, timer));
    struct jg_hub_view *view = stream->view;
    if (view->tail->tenant != tenant) {
      continue;
    }
    jg_hub_lock(&view->mutex);
    jg_hub_lock(&stream->mutex);
    int64_t from = needs_from(stream);
    if (from >= through || stream->state == JG_HUB_ENDING) {
      stream->late_ns = JG_HUB_NOT_LATE;
      stream->overdue = false;
    } else if (count == JG_HUB_MOVES || hurry(stream, now, &moves[count])) {
      least = from < least ? from : least;
    } else {
      count++;
    }
    jg_hub_unlock(&stream->mutex);
    jg_hub_unlock(&view->mutex);
  }
  jg_hub_unlock(&hub->mutex);
  for (size_t i = 0; i < count; i++) {
    jg_hub_make(&moves[i]);
  }
  return least;
}
