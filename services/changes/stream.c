#include "services/changes/event.h"
#include "services/changes/hub_internal.h"

static struct jg_status cancelled_status(void) {
  return jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the client has gone");
}

/* ---- under the locks of view and stream ---- */

static void list(struct jg_hub_view *view, struct jg_hub_stream *stream) {
  JG_ASSERT(!stream->linked);
  stream->linked = true;
  stream->idle_before = view->idle_last;
  stream->idle_after = NULL;
  *(view->idle_last != NULL ? &view->idle_last->idle_after : &view->idle_first) = stream;
  view->idle_last = stream;
  view->idle_count++;
}

void jg_hub_unlink(struct jg_hub_view *view, struct jg_hub_stream *stream) {
  if (!stream->linked) {
    return;
  }
  stream->linked = false;
  *(stream->idle_before != NULL ? &stream->idle_before->idle_after : &view->idle_first) = stream->idle_after;
  *(stream->idle_after != NULL ? &stream->idle_after->idle_before : &view->idle_last) = stream->idle_before;
  view->idle_count--;
}

void jg_hub_go_idle(struct jg_hub_stream *stream) {
  stream->state = JG_HUB_IDLE;
  list(stream->view, stream);
}

/* The poll comes back to its end too, if it is cancelled. */
void jg_hub_park(struct jg_hub_stream *stream) {
  jg_hub_go_idle(stream);
  stream->view->parked = true;
  atomic_store_explicit(&stream->view->tail->parked, true, memory_order_relaxed);  // see the member
}

static bool is_cancelled(struct jg_hub_stream *stream) {
  // The call's own flag too: a cancellation that came before on_cancelled was set has told nobody.
  return stream->cancelled || atomic_load_explicit(&stream->call->cancelled, memory_order_relaxed);
}

void jg_hub_step_end(struct jg_hub_stream *stream, struct jg_status status, struct jg_hub_move *ret_move) {
  stream->state = JG_HUB_ENDING;
  ret_move->kind = JG_HUB_END;
  ret_move->status = status;
}

/* Everything known was sent: what shows nothing to this view counts as sent. */
static void settle(struct jg_hub_stream *stream) {
  jg_hub_catch_up(stream->view);
  const struct jg_ring *ring = &stream->view->ring;
  if (stream->phase == JG_HUB_LIVE && jg_ring_at_tip(ring, stream->cursor) && stream->cursor <= ring->through) {
    stream->cursor = ring->through;
    stream->resume = ring->through;
  }
}

void jg_hub_step_send(struct jg_hub_stream *stream, const struct jg_batch *batch, int64_t now_ns,
                      struct jg_hub_move *ret_move) {
  JG_ASSERT(batch->through > stream->cursor);
  stream->state = JG_HUB_SENDING;
  stream->sent_ns = now_ns;
  stream->cursor = batch->through;
  if (batch->resumable) {
    stream->resume = batch->through;
  }
  ret_move->kind = JG_HUB_SEND;
  ret_move->bytes = batch->bytes;
  ret_move->change_count = batch->change_count;
}

bool jg_hub_is_over(struct jg_hub_stream *stream) {
  // Relaxed: see the member.
  return is_cancelled(stream) || atomic_load_explicit(&stream->hub->draining, memory_order_relaxed);
}

void jg_hub_step_read(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move) {
  if (now_ns - stream->sent_ns >= stream->wish.heartbeat_ns) {
    stream->state = JG_HUB_SENDING;
    stream->sent_ns = now_ns;
    ret_move->kind = JG_HUB_BOOKMARK;
  } else {
    stream->state = JG_HUB_READING;
    ret_move->kind = JG_HUB_READ;
  }
}

void jg_hub_step(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move) {
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC && !stream->linked && stream->state != JG_HUB_ENDING);
  *ret_move = (struct jg_hub_move){.kind = JG_HUB_STAY, .stream = stream};
  bool was_idle = stream->state == JG_HUB_IDLE;
  if (is_cancelled(stream)) {
    jg_hub_step_end(stream, cancelled_status(), ret_move);
    return;
  }
  // Relaxed: see the member.
  if (atomic_load_explicit(&stream->hub->draining, memory_order_relaxed)) {
    settle(stream);
    stream->state = JG_HUB_SENDING;
    stream->drained = true;
    stream->sent_ns = now_ns;
    ret_move->kind = JG_HUB_DRAIN;
    return;
  }
  if (stream->phase != JG_HUB_LIVE) {
    jg_hub_step_part(stream, was_idle, now_ns, ret_move);
    return;
  }
  struct jg_batch batch;
  switch (jg_ring_next(&stream->view->ring, &stream->cursor, &batch)) {
    case JG_RING_FOUND:
      jg_hub_step_send(stream, &batch, now_ns, ret_move);
      return;
    case JG_RING_TIP:
      jg_hub_go_idle(stream);
      return;
    case JG_RING_BEHIND:
      jg_hub_step_read(stream, now_ns, ret_move);
      return;
  }
}

void jg_hub_step_bookmark(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move) {
  JG_ASSERT(stream->state == JG_HUB_IDLE && !stream->linked);
  *ret_move = (struct jg_hub_move){.kind = JG_HUB_BOOKMARK, .stream = stream};
  if (is_cancelled(stream)) {
    jg_hub_step_end(stream, cancelled_status(), ret_move);
    return;
  }
  settle(stream);
  stream->state = JG_HUB_SENDING;
  stream->sent_ns = now_ns;
}

/* ---- without locks ---- */

void jg_hub_put_off(struct jg_hub_stream *stream) {
  struct jg_hub_view *view = stream->view;
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  bool cancelled = is_cancelled(stream);
  if (cancelled) {
    stream->state = JG_HUB_ENDING;
  } else {
    jg_hub_park(stream);
  }
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&view->mutex);
  if (cancelled) {
    jg_hub_end(stream, cancelled_status());
  }
}

static void send_message(struct jg_hub_stream *stream, struct jg_bytes *message) {
  stream->call->sink->send(stream->call, message);
}

struct jg_token jg_hub_place(const struct jg_hub_stream *stream) {
  struct jg_token token = jg_view_token(&stream->view->key, stream->resume);
  // Also when all have come: until `synced` is out a client must be told of it anew.
  if (stream->phase != JG_HUB_LIVE) {
    token.in_snapshot = true;
    token.rid = stream->passed_rid;
  }
  return token;
}

void jg_hub_make(const struct jg_hub_move *move) {
  struct jg_hub_stream *stream = move->stream;
  struct jg_hub *hub = stream->hub;
  struct jg_token token;
  switch (move->kind) {
    case JG_HUB_STAY:
      return;
    case JG_HUB_SEND:
      stream->message_count++;
      jg_metric_add(hub->metrics.messages, 1);
      jg_metric_add(hub->metrics.changes, move->change_count);
      send_message(stream, move->bytes);
      return;
    case JG_HUB_BOOKMARK:
      jg_metric_add(hub->metrics.bookmarks, 1);
      token = jg_hub_place(stream);
      send_message(stream, jg_event_bookmark(&token, jg_clock_now_ticks(hub->options.clock)));
      return;
    case JG_HUB_DRAIN:
      stream->retry_delay_ms = jg_hub_retry_delay_ms(hub);
      token = jg_hub_place(stream);
      send_message(stream, jg_event_drain(&token, stream->retry_delay_ms));
      return;
    case JG_HUB_TELL_RESET:
      send_message(stream, jg_event_reset(stream->lost_oldest, stream->lost_newest));
      return;
    case JG_HUB_TELL_SYNCED:
      token = jg_hub_place(stream);
      send_message(stream, jg_event_synced(&token));
      return;
    case JG_HUB_READ:
      if (stream->phase == JG_HUB_LIVE) {
        jg_hub_read(stream);
      } else {
        jg_hub_read_part(stream);
      }
      return;
    case JG_HUB_END:
      jg_hub_end(stream, move->status);
      return;
  }
}

void jg_hub_end(struct jg_hub_stream *stream, struct jg_status status) {
  JG_ASSERT(stream->state == JG_HUB_ENDING);
  struct jg_hub *hub = stream->hub;
  struct jg_call *call = stream->call;
  jg_hub_detach(hub, stream);
  jg_bytes_unref(stream->page);
  stream->page = NULL;
  // One that never opened is an error of its caller, which the access log has.
  if (stream->view != NULL && status.code != JG_CANCELLED) {
    char id[JG_UUID_TEXT_LEN];
    jg_uuid_format(stream->id, id);
    jg_log(hub->options.log, JG_LOG_INFO, "watch_ended", JG_LOG_S("stream", jg_str_make(id, sizeof(id))),
           JG_LOG_C("code", jg_code_name(status.code)), JG_LOG_C("reason", jg_reason_name(status.reason)),
           JG_LOG_I("tenant", call->identity.tenant), JG_LOG_I("revision", stream->resume),
           JG_LOG_I("messages", stream->message_count));
  }
  jg_call_finish(call, status, NULL);
  jg_hub_dismiss(hub);
}

static struct jg_status drained_status(struct jg_hub_stream *stream) {
  struct jg_status status = jg_status_make(JG_UNAVAILABLE, JG_REASON_DRAINING, "the server is shutting down");
  struct jg_status_details *details = jg_arena_alloc_zero(&stream->call->arena, sizeof(*details));
  if (details != NULL) {
    details->retry_delay_ms = stream->retry_delay_ms;
    status.details = details;
  }
  return status;
}

void jg_hub_on_sent(struct jg_call *call, bool ok) {
  struct jg_hub_stream *stream = call->stream;
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC);
  struct jg_hub_view *view = stream->view;
  struct jg_hub_move move = {.stream = stream};
  int64_t now = jg_clock_mono_ns(stream->hub->options.clock);
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  JG_ASSERT(stream->state == JG_HUB_SENDING);
  if (!ok) {
    jg_hub_step_end(stream, cancelled_status(), &move);
  } else if (stream->drained) {
    jg_hub_step_end(stream, drained_status(stream), &move);
  } else {
    jg_hub_step(stream, now, &move);
  }
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&view->mutex);
  jg_hub_make(&move);
}

void jg_hub_on_cancelled(struct jg_call *call) {
  // The stream may have been ended by another thread that is inside `finish`: until we return its memory stays (services/call.h),
  // but nothing else of it may be touched, unless it is ours to end.
  struct jg_hub_stream *stream = call->stream;
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC);
  jg_hub_lock(&stream->mutex);
  stream->cancelled = true;
  bool idle = stream->state == JG_HUB_IDLE;
  bool ours = idle || stream->state == JG_HUB_REFUSED;
  if (ours) {
    stream->state = JG_HUB_ENDING;
  }
  jg_hub_unlock(&stream->mutex);
  if (!ours) {
    return;  // Its driver sees it at its next step.
  }
  if (idle) {
    struct jg_hub_view *view = stream->view;
    jg_hub_lock(&view->mutex);
    jg_hub_unlink(view, stream);
    jg_hub_unlock(&view->mutex);
  }
  jg_hub_end(stream, cancelled_status());
}
