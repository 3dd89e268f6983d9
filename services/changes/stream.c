#include "services/changes/event.h"
#include "services/changes/hub_internal.h"

/* A client that was too slow is asked to wait so long. */
#define SLOW_RETRY_MS 1000
/* A stream that is busy when its bookmark is due is looked at again after so long. */
#define BUSY_RETRY_NS INT64_C(1000000000)

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

/* May it take messages of its view's ring? Where these gather changes, what a job was at a place inside of one cannot be told
 * from it: such a job may not be in it at all, having come and gone. A stream that stands there reads the log up to its end. */
static bool may_take(struct jg_hub_stream *stream) {
  struct jg_hub_view *view = stream->view;
  jg_hub_catch_up(view);
  if (!jg_hub_gathers(view)) {
    return true;
  }
  // Behind the last of these messages, and not where one is being gathered.
  stream->aligned = stream->aligned || (stream->cursor >= view->gathered && stream->cursor <= view->ring.through);
  return stream->aligned;
}

void jg_hub_settle(struct jg_hub_stream *stream) {
  const struct jg_ring *ring = &stream->view->ring;
  if (stream->phase == JG_HUB_LIVE && may_take(stream) && jg_ring_at_tip(ring, stream->cursor) &&
      stream->cursor <= ring->through) {
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
  // Since it was taken: a client that takes longer for each message than that shall get more than bookmarks.
  if (now_ns - stream->taken_ns >= stream->wish.heartbeat_ns) {
    stream->state = JG_HUB_SENDING;
    stream->sent_ns = now_ns;
    ret_move->kind = JG_HUB_BOOKMARK;
  } else {
    stream->state = JG_HUB_READING;
    ret_move->kind = JG_HUB_READ;
  }
}

/* Nothing to do, unless a bookmark has become due while it was busy. */
static void step_rest(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move) {
  if (now_ns - stream->sent_ns < stream->wish.heartbeat_ns) {
    jg_hub_go_idle(stream);
    return;
  }
  jg_hub_settle(stream);
  stream->state = JG_HUB_SENDING;
  stream->sent_ns = now_ns;
  ret_move->kind = JG_HUB_BOOKMARK;
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
  if (now_ns >= stream->ends_ns || atomic_load_explicit(&stream->hub->draining, memory_order_relaxed)) {
    jg_hub_settle(stream);
    stream->state = JG_HUB_SENDING;
    stream->drained = true;
    stream->sent_ns = now_ns;
    ret_move->kind = JG_HUB_DRAIN;
    return;
  }
  if (stream->overdue) {
    jg_hub_step_slow(stream, ret_move);
    return;
  }
  if (stream->phase != JG_HUB_LIVE) {
    jg_hub_step_part(stream, was_idle, now_ns, ret_move);
    return;
  }
  struct jg_batch batch;
  if (!may_take(stream)) {
    if (stream->cursor < stream->view->ring.through) {
      jg_hub_step_read(stream, now_ns, ret_move);
    } else {
      step_rest(stream, now_ns, ret_move);
    }
    return;
  }
  switch (jg_ring_next(&stream->view->ring, &stream->cursor, &batch)) {
    case JG_RING_FOUND:
      jg_hub_step_send(stream, &batch, now_ns, ret_move);
      return;
    case JG_RING_TIP:
      step_rest(stream, now_ns, ret_move);
      return;
    case JG_RING_BEHIND:
      stream->aligned = false;
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
  jg_hub_settle(stream);
  stream->state = JG_HUB_SENDING;
  stream->sent_ns = now_ns;
}

void jg_hub_step_slow(struct jg_hub_stream *stream, struct jg_hub_move *ret_move) {
  struct jg_arena *arena = &stream->call->arena;
  struct jg_status status = jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_SLOW_CONSUMER,
                                           "the client takes the changes too slowly, go on with its last token");
  char text[JG_TOKEN_TEXT_MAX];
  const struct jg_token token = jg_hub_place(stream);
  const struct jg_str kept = jg_arena_str(arena, jg_str_make(text, jg_token_format(&token, text)));
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  if (details != NULL) {
    details->retry_delay_ms = SLOW_RETRY_MS;
    details->resume_token = kept.data;
    status.details = details;
  }
  jg_metric_add(stream->hub->metrics.slow, 1);
  *ret_move = (struct jg_hub_move){.stream = stream};
  jg_hub_step_end(stream, status, ret_move);
}

int64_t jg_hub_due_ns(const struct jg_hub_stream *stream, int64_t now_ns) {
  int64_t due = stream->sent_ns + stream->wish.heartbeat_ns;
  int64_t stall_ns = stream->hub->options.stall_ns;
  // One that is busy when its bookmark is due is looked at again soon.
  due = due <= now_ns ? now_ns + BUSY_RETRY_NS : due;
  if (stall_ns > 0 && stream->sent_ns + stall_ns > now_ns) {
    due = due < stream->sent_ns + stall_ns ? due : stream->sent_ns + stall_ns;
  }
  return stream->ends_ns > now_ns && stream->ends_ns < due ? stream->ends_ns : due;
}

/* ---- without locks ---- */

// Relaxed in all three: see the member.
void jg_hub_hold(struct jg_hub *hub, size_t bytes) {
  size_t before = atomic_fetch_add_explicit(&hub->out_bytes, bytes, memory_order_relaxed);
  jg_metric_set(hub->metrics.out_bytes, (int64_t)(before + bytes));
}

void jg_hub_let_go(struct jg_hub *hub, size_t bytes) {
  if (bytes > 0) {
    size_t before = atomic_fetch_sub_explicit(&hub->out_bytes, bytes, memory_order_relaxed);
    JG_ASSERT(before >= bytes);
    jg_metric_set(hub->metrics.out_bytes, (int64_t)(before - bytes));
  }
}

bool jg_hub_is_full(struct jg_hub *hub) {
  return atomic_load_explicit(&hub->out_bytes, memory_order_relaxed) >= hub->options.out_bytes_max;
}

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

struct jg_token jg_hub_place(const struct jg_hub_stream *stream) {
  struct jg_token token = jg_view_token(&stream->view->key, stream->resume);
  if (stream->phase == JG_HUB_RESET) {
    return jg_token_lost(&token);
  }
  // Also when all have come: until `synced` is out a client must be told of it anew.
  if (stream->phase != JG_HUB_LIVE) {
    token.in_snapshot = true;
    token.rid = stream->passed_rid;
  }
  return token;
}

struct jg_bytes *jg_hub_message_of(const struct jg_hub_move *move) {
  struct jg_hub_stream *stream = move->stream;
  struct jg_hub *hub = stream->hub;
  if (move->kind == JG_HUB_SEND) {
    stream->message_count++;
    jg_metric_add(hub->metrics.messages, 1);
    jg_metric_add(hub->metrics.changes, move->change_count);
    return move->bytes;
  }
  const struct jg_token token = jg_hub_place(stream);
  switch (move->kind) {
    case JG_HUB_TELL_OPENED: {
      const struct jg_token at = jg_view_token(&stream->view->key, stream->resume);
      return jg_event_opened(&token, &at, stream->id, stream->wish.heartbeat_ns);
    }
    case JG_HUB_BOOKMARK:
      jg_metric_add(hub->metrics.bookmarks, 1);
      return jg_event_bookmark(&token, jg_clock_now_ticks(hub->options.clock));
    case JG_HUB_DRAIN:
      jg_metric_add(hub->metrics.drained, 1);
      stream->retry_delay_ms = jg_hub_retry_delay_ms(hub);
      return jg_event_drain(&token, stream->retry_delay_ms);
    case JG_HUB_TELL_RESET:
      return jg_event_reset(stream->lost_oldest, stream->lost_newest);
    case JG_HUB_TELL_SYNCED:
      return jg_event_synced(&token);
    case JG_HUB_SEND:
    case JG_HUB_STAY:
    case JG_HUB_READ:
    case JG_HUB_END:
      break;
  }
  JG_ASSERT(false);
  return NULL;
}

static struct jg_status drained_status(struct jg_hub_stream *stream) {
  // Relaxed: the drain message that came before this says the same of both.
  bool draining = atomic_load_explicit(&stream->hub->draining, memory_order_relaxed);
  struct jg_status status =
      jg_status_make(JG_UNAVAILABLE, JG_REASON_DRAINING,
                     draining ? "the server is shutting down" : "the stream is old, open it again with its token");
  struct jg_status_details *details = jg_arena_alloc_zero(&stream->call->arena, sizeof(*details));
  if (details != NULL) {
    details->retry_delay_ms = stream->retry_delay_ms;
    status.details = details;
  }
  return status;
}

bool jg_hub_step_given(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move) {
  if (stream->state != JG_HUB_SENT) {
    JG_ASSERT(stream->state == JG_HUB_SENDING);
    stream->state = JG_HUB_OUT;
    return false;
  }
  // It was taken, or not: sent_ok.
  jg_hub_let_go(stream->hub, stream->out_bytes);
  stream->out_bytes = 0;
  stream->taken_ns = now_ns;
  *ret_move = (struct jg_hub_move){.stream = stream};
  if (!stream->sent_ok) {
    jg_hub_step_end(stream, cancelled_status(), ret_move);
  } else if (stream->drained) {
    jg_hub_step_end(stream, drained_status(stream), ret_move);
  } else {
    jg_hub_step(stream, now_ns, ret_move);
  }
  return true;
}

/* The same without locks. */
static bool step_given(struct jg_hub_stream *stream, struct jg_hub_move *ret_move) {
  struct jg_hub_view *view = stream->view;
  int64_t now = jg_clock_mono_ns(stream->hub->options.clock);
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  bool taken = jg_hub_step_given(stream, now, ret_move);
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&view->mutex);
  return taken;
}

void jg_hub_make(const struct jg_hub_move *move) {
  struct jg_hub_move next = *move;
  for (;;) {
    struct jg_hub_stream *stream = next.stream;
    switch (next.kind) {
      case JG_HUB_STAY:
        return;
      case JG_HUB_READ:
        if (stream->phase == JG_HUB_LIVE) {
          jg_hub_read(stream);
        } else {
          jg_hub_read_part(stream);
        }
        return;
      case JG_HUB_END:
        jg_hub_end(stream, next.status);
        return;
      default:
        stream->call->sink->send(stream->call, jg_hub_message_of(&next));
        if (!step_given(stream, &next)) {
          return;
        }
    }
  }
}

void jg_hub_end(struct jg_hub_stream *stream, struct jg_status status) {
  JG_ASSERT(stream->state == JG_HUB_ENDING);
  struct jg_hub *hub = stream->hub;
  struct jg_call *call = stream->call;
  jg_hub_detach(hub, stream);
  jg_hub_let_go(hub, stream->out_bytes);
  if (stream->page != NULL) {
    jg_hub_let_go(hub, stream->page->len);
    jg_bytes_unref(stream->page);
    stream->page = NULL;
  }
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

void jg_hub_on_sent(struct jg_call *call, bool ok) {
  // As in on_cancelled: another thread may have ended the stream.
  struct jg_hub_stream *stream = call->stream;
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC);
  jg_hub_lock(&stream->mutex);
  bool ours = stream->state == JG_HUB_OUT;
  if (ours || stream->state == JG_HUB_SENDING) {
    stream->state = JG_HUB_SENT;
    stream->sent_ok = ok;
  }
  jg_hub_unlock(&stream->mutex);
  struct jg_hub_move move;
  if (ours && step_given(stream, &move)) {
    jg_hub_make(&move);
  }
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
