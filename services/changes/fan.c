#include "services/changes/hub_internal.h"

static void push(struct jg_hub_fan *fan, struct jg_hub_view *view) {
  view->fan_next = NULL;
  *(fan->first != NULL ? &fan->last->fan_next : &fan->first) = view;
  fan->last = view;
}

/* Steps idle streams, JG_HUB_MOVES under one hold of the lock. Returns how many have something to do. */
static size_t step_idle(struct jg_hub *hub, struct jg_hub_view *view, struct jg_hub_move *moves) {
  size_t count = 0;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  jg_hub_lock(&view->mutex);
  for (size_t i = 0; i < JG_HUB_MOVES && view->fan_left > 0 && view->idle_first != NULL; i++) {
    struct jg_hub_stream *stream = view->idle_first;
    view->fan_left--;
    jg_hub_unlink(view, stream);
    jg_hub_lock(&stream->mutex);
    // One that is being cancelled is only taken out of the list: its canceller waits for our lock and goes on.
    if (stream->state == JG_HUB_IDLE) {
      jg_hub_step(stream, now, &moves[count]);
      count += moves[count].kind != JG_HUB_STAY;
    }
    jg_hub_unlock(&stream->mutex);
  }
  view->fan_left = view->idle_first != NULL ? view->fan_left : 0;
  jg_hub_unlock(&view->mutex);
  return count;
}

static bool is_message(const struct jg_hub_move *move) {
  return move->kind != JG_HUB_STAY && move->kind != JG_HUB_READ && move->kind != JG_HUB_END;
}

/* Makes the moves that are no messages. Returns how many messages are left, in fan->sends: those of one transport that can send
 * them together, the others are sent. */
static size_t pick_messages(struct jg_hub_fan *fan) {
  const struct jg_call_sink *sink = NULL;
  size_t count = 0;
  for (size_t i = 0; i < fan->count; i++) {
    const struct jg_hub_move *move = &fan->moves[i];
    struct jg_call *call = move->stream->call;
    if (!is_message(move) || call->sink->send_all == NULL || (sink != NULL && call->sink != sink)) {
      jg_hub_make(move);
      continue;
    }
    sink = call->sink;
    fan->sends[count++] = (struct jg_send){call, jg_hub_message_of(move)};
  }
  return count;
}

/* Moves those on whose message was taken, into fan->moves: they stood at the tip of a ring that does not grow meanwhile, so that
 * comes to an end. The others are no longer ours, and may be gone. */
static void go_on(struct jg_hub *hub, size_t sent) {
  struct jg_hub_fan *fan = &hub->fan;
  struct jg_hub_view *view = NULL;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  fan->count = 0;
  for (size_t i = 0; i < sent; i++) {
    struct jg_hub_stream *stream = fan->sends[i].call->stream;
    if (stream->view != view) {
      if (view != NULL) {
        jg_hub_unlock(&view->mutex);
      }
      view = stream->view;
      jg_hub_lock(&view->mutex);
    }
    struct jg_hub_move *move = &fan->moves[fan->count];
    jg_hub_lock(&stream->mutex);
    bool taken = jg_hub_step_given(stream, now, move);
    jg_hub_unlock(&stream->mutex);
    fan->count += taken && move->kind != JG_HUB_STAY;
  }
  if (view != NULL) {
    jg_hub_unlock(&view->mutex);
  }
}

static void make_all(struct jg_hub *hub) {
  struct jg_hub_fan *fan = &hub->fan;
  while (fan->count > 0) {
    size_t count = pick_messages(fan);
    if (count > 0) {
      fan->sends[0].call->sink->send_all(fan->sends, count);
    }
    go_on(hub, count);
  }
}

void jg_hub_fan_add(struct jg_hub *hub, struct jg_hub_view *view) {
  struct jg_hub_fan *fan = &hub->fan;
  fan->moved = 0;
  jg_hub_lock(&view->mutex);
  view->parked = false;
  // Those who come back meanwhile, behind the others, have seen what there is.
  view->fan_left = view->idle_count;
  jg_hub_unlock(&view->mutex);
  if (view->fan_left > 0 && !view->in_fan) {
    view->in_fan = true;
    push(fan, view);
  }
}

void jg_hub_fan_out(struct jg_hub *hub) {
  struct jg_hub_fan *fan = &hub->fan;
  while (fan->first != NULL && fan->count + JG_HUB_MOVES <= JG_HUB_FAN_MAX) {
    struct jg_hub_view *view = fan->first;
    fan->first = view->fan_next;
    fan->count += step_idle(hub, view, &fan->moves[fan->count]);
    view->in_fan = view->fan_left > 0;
    if (view->in_fan) {
      push(fan, view);
    }
  }
  fan->moved += fan->count;
  make_all(hub);
}
