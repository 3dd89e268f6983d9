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

/* Makes the moves; messages leave together where a transport can do that. A stream whose message was taken by then is moved on,
 * together with the others again: it stood at the tip of a ring that does not grow meanwhile, so that comes to an end. */
static void make_all(struct jg_hub_fan *fan) {
  while (fan->count > 0) {
    const struct jg_call_sink *sink = NULL;
    size_t sent = 0;
    for (size_t i = 0; i < fan->count; i++) {
      const struct jg_hub_move move = fan->moves[i];
      const struct jg_call_sink *own = move.stream->call->sink;
      if (!is_message(&move) || own->send_all == NULL || (sink != NULL && own != sink)) {
        jg_hub_make(&move);
        continue;
      }
      sink = own;
      fan->sends[sent] = (struct jg_send){move.stream->call, jg_hub_message_of(&move)};
      fan->moves[sent++] = move;
    }
    if (sent > 0) {
      sink->send_all(fan->sends, sent);
    }
    fan->count = 0;
    for (size_t i = 0; i < sent; i++) {
      // Its place is free, it was looked at already. A stream that stays is nobody's now, and may be gone.
      struct jg_hub_move *next = &fan->moves[fan->count];
      fan->count += jg_hub_was_taken(fan->moves[i].stream, next) && next->kind != JG_HUB_STAY;
    }
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
  make_all(fan);
}
