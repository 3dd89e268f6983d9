#include "services/changes/hub_internal.h"

/* Steps idle streams, at most *left of them and JG_HUB_MOVES under one hold of the lock. Returns how many have something to do. */
static size_t step_idle(struct jg_hub *hub, struct jg_hub_view *view, size_t *left, struct jg_hub_move *moves) {
  size_t count = 0;
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  jg_hub_lock(&view->mutex);
  for (; *left > 0 && view->idle_first != NULL && count < JG_HUB_MOVES; (*left)--) {
    struct jg_hub_stream *stream = view->idle_first;
    jg_hub_unlink(view, stream);
    jg_hub_lock(&stream->mutex);
    // One that is being cancelled is only taken out of the list: its canceller waits for our lock and goes on.
    if (stream->state == JG_HUB_IDLE) {
      jg_hub_step(stream, now, &moves[count]);
      count += moves[count].kind != JG_HUB_STAY;
    }
    jg_hub_unlock(&stream->mutex);
  }
  *left = view->idle_first != NULL ? *left : 0;
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

void jg_hub_fan_gather(struct jg_hub *hub, struct jg_hub_view *view) {
  struct jg_hub_fan *fan = &hub->fan;
  jg_hub_lock(&view->mutex);
  view->parked = false;
  // Those who come back meanwhile have seen what there is; a later page takes them.
  size_t left = view->idle_count;
  jg_hub_unlock(&view->mutex);
  while (left > 0) {
    if (fan->count + JG_HUB_MOVES > JG_HUB_FAN_MAX) {
      make_all(fan);
    }
    fan->count += step_idle(hub, view, &left, &fan->moves[fan->count]);
  }
}

void jg_hub_fan_send(struct jg_hub *hub) {
  make_all(&hub->fan);
}
