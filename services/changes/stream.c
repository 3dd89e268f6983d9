#include "services/changes/event.h"
#include "services/changes/hub_internal.h"

static void read_log(struct jg_txn *txn, struct jg_status begun, void *data);

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

static void go_idle(struct jg_hub_stream *stream) {
  stream->state = JG_HUB_IDLE;
  list(stream->view, stream);
}

/* It cannot read now. The poll comes back to it, and to its end too if it is cancelled. */
static void park(struct jg_hub_stream *stream) {
  go_idle(stream);
  stream->view->parked = true;
}

static bool is_cancelled(struct jg_hub_stream *stream) {
  // The call's own flag too: a cancellation that came before on_cancelled was set has told nobody.
  return stream->cancelled || atomic_load_explicit(&stream->call->cancelled, memory_order_relaxed);
}

static void step_end(struct jg_hub_stream *stream, struct jg_status status, struct jg_hub_move *ret_move) {
  stream->state = JG_HUB_ENDING;
  ret_move->kind = JG_HUB_END;
  ret_move->status = status;
}

/* Everything known was sent: what shows nothing to this view counts as sent. */
static void settle(struct jg_hub_stream *stream) {
  const struct jg_ring *ring = &stream->view->ring;
  if (jg_ring_at_tip(ring, stream->cursor) && stream->cursor <= ring->through) {
    stream->cursor = ring->through;
    stream->resume = ring->through;
  }
}

static void step_send(struct jg_hub_stream *stream, const struct jg_batch *batch, int64_t now_ns,
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

void jg_hub_step(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move) {
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC && !stream->linked && stream->state != JG_HUB_ENDING);
  *ret_move = (struct jg_hub_move){.kind = JG_HUB_STAY, .stream = stream};
  if (is_cancelled(stream)) {
    step_end(stream, cancelled_status(), ret_move);
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
  struct jg_batch batch;
  switch (jg_ring_next(&stream->view->ring, &stream->cursor, &batch)) {
    case JG_RING_FOUND:
      step_send(stream, &batch, now_ns, ret_move);
      return;
    case JG_RING_TIP:
      go_idle(stream);
      return;
    case JG_RING_BEHIND:
      stream->state = JG_HUB_READING;
      ret_move->kind = JG_HUB_READ;
      return;
  }
}

void jg_hub_step_bookmark(struct jg_hub_stream *stream, int64_t now_ns, struct jg_hub_move *ret_move) {
  JG_ASSERT(stream->state == JG_HUB_IDLE && !stream->linked);
  *ret_move = (struct jg_hub_move){.kind = JG_HUB_BOOKMARK, .stream = stream};
  if (is_cancelled(stream)) {
    step_end(stream, cancelled_status(), ret_move);
    return;
  }
  settle(stream);
  stream->state = JG_HUB_SENDING;
  stream->sent_ns = now_ns;
}

/* ---- without locks ---- */

static void submit_read(struct jg_hub_stream *stream) {
  struct jg_hub *hub = stream->hub;
  stream->read = (struct jg_store_read){
      .tenant = stream->view->key.tenant, .deadline_ns = stream->call->deadline_ns, .run = read_log, .data = stream};
  jg_metric_add(hub->metrics.reading, 1);
  if (jg_status_ok(jg_store_submit_read(hub->options.store, &stream->read))) {
    return;
  }
  // The queue is full.
  jg_metric_add(hub->metrics.reading, -1);
  struct jg_hub_view *view = stream->view;
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  bool cancelled = is_cancelled(stream);
  if (cancelled) {
    stream->state = JG_HUB_ENDING;
  } else {
    park(stream);
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

/* Where the stream stands: what it needs to go on. */
static struct jg_token place(const struct jg_hub_stream *stream) {
  return jg_view_token(&stream->view->key, stream->resume);
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
      token = place(stream);
      send_message(stream, jg_event_bookmark(&token, jg_clock_now_ticks(hub->options.clock)));
      return;
    case JG_HUB_DRAIN:
      stream->retry_delay_ms = jg_hub_retry_delay_ms(hub);
      token = place(stream);
      send_message(stream, jg_event_drain(&token, stream->retry_delay_ms));
      return;
    case JG_HUB_READ:
      submit_read(stream);
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
    step_end(stream, cancelled_status(), &move);
  } else if (stream->drained) {
    step_end(stream, drained_status(stream), &move);
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
  bool ours = stream->state == JG_HUB_IDLE;
  if (ours) {
    stream->state = JG_HUB_ENDING;
  }
  jg_hub_unlock(&stream->mutex);
  if (!ours) {
    return;  // Its driver sees it at its next step.
  }
  struct jg_hub_view *view = stream->view;
  jg_hub_lock(&view->mutex);
  jg_hub_unlink(view, stream);
  jg_hub_unlock(&view->mutex);
  jg_hub_end(stream, cancelled_status());
}

/* ---- H3: on a reader ---- */

/* What a read for one stream found. */
struct found {
  struct jg_status status; /* lives in the call's arena or is static */
  bool has_batch, is_new;
  struct jg_batch batch; /* one reference */
  int64_t through;
};

/* A status that outlives the read, without taking memory from a call that may park for hours. */
static struct jg_status keep(struct jg_hub_stream *stream, struct jg_status status) {
  if (jg_status_ok(status)) {
    return JG_STATUS_OK;
  }
  if (status.code == JG_UNAVAILABLE) {
    return jg_status_make(status.code, status.reason, "the log cannot be read now");
  }
  return jg_status_copy(&stream->call->arena, status);
}

/* The log no longer reaches back, and says so with what is left of it. */
static struct jg_status history_lost(struct jg_hub_stream *stream, struct jg_txn *txn) {
  struct jg_arena *arena = &stream->call->arena;
  const struct jg_view_key *key = &stream->view->key;
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, arena, &state));
  const struct jg_token here = jg_view_token(key, stream->resume);
  return jg_token_check(&here, &here, state.oldest_revision, state.revision, arena);
}

static struct jg_status find_page(struct jg_hub_stream *stream, struct jg_txn *txn, struct jg_arena *arena,
                                  struct found *found) {
  struct jg_changes changes;
  JG_RETURN_IF_ERROR(jg_txn_changes(txn, stream->cursor, JG_HUB_PAGE_COUNT, JG_HUB_PAGE_BYTES, arena, &changes));
  const struct jg_batch_source source = {
      .key = &stream->view->key, .expander = stream->hub->options.expander, .txn = txn};
  struct jg_batches batches;
  // One message: a stream holds no queue (H1). What it leaves of a large request is read again for the next one.
  JG_RETURN_IF_ERROR(jg_batch_encode(&source, &changes, stream->cursor, 1, arena, &batches));
  found->through = batches.through;
  if (batches.count > 0) {
    found->batch = batches.items[0];
    found->has_batch = found->is_new = true;
  }
  return JG_STATUS_OK;
}

static void find_next(struct jg_hub_stream *stream, struct jg_txn *txn, struct found *found) {
  struct jg_hub_view *view = stream->view;
  jg_hub_lock(&view->mutex);
  found->has_batch = jg_ring_recall(&view->ring, stream->cursor, &found->batch);
  jg_hub_unlock(&view->mutex);
  found->status = JG_STATUS_OK;
  if (found->has_batch) {
    return;
  }
  struct jg_arena arena;
  jg_arena_init(&arena, JG_HUB_PAGE_ARENA_BYTES);
  struct jg_status status = find_page(stream, txn, &arena, found);
  jg_metric_add(stream->hub->metrics.read_pages, 1);
  if (status.reason == JG_REASON_HISTORY_LOST) {
    struct jg_status told = history_lost(stream, txn);
    status = jg_status_ok(told) ? status : told;
  }
  found->status = keep(stream, status);
  jg_arena_done(&arena);
}

/* Under the locks of view and stream. */
static void step_found(struct jg_hub_stream *stream, struct found *found, int64_t now_ns,
                       struct jg_hub_move *ret_move) {
  bool stop =
      is_cancelled(stream) || atomic_load_explicit(&stream->hub->draining, memory_order_relaxed);  // as in jg_hub_step
  if (stop) {
    if (found->has_batch) {
      jg_bytes_unref(found->batch.bytes);
    }
    jg_hub_step(stream, now_ns, ret_move);
  } else if (found->has_batch) {
    if (found->is_new) {
      jg_ring_remember(&stream->view->ring, &found->batch);
    }
    step_send(stream, &found->batch, now_ns, ret_move);
  } else if (found->status.code == JG_UNAVAILABLE ||
             (jg_status_ok(found->status) && found->through == stream->cursor)) {
    // Or the tail has seen more than this snapshot: a reader that lags (a replica) catches up with time.
    park(stream);
  } else if (!jg_status_ok(found->status)) {
    step_end(stream, found->status, ret_move);
  } else {
    stream->cursor = found->through;
    stream->resume = found->through;
    jg_hub_step(stream, now_ns, ret_move);
  }
}

static void read_log(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct jg_hub_stream *stream = data;
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC && stream->state == JG_HUB_READING);
  struct jg_hub *hub = stream->hub;
  jg_metric_add(hub->metrics.reading, -1);
  struct found found = {.through = stream->cursor};
  if (jg_status_ok(begun)) {
    find_next(stream, txn, &found);
  } else {
    found.status = keep(stream, begun);
  }
  int64_t now = jg_clock_mono_ns(hub->options.clock);
  struct jg_hub_view *view = stream->view;
  struct jg_hub_move move = {.stream = stream};
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  step_found(stream, &found, now, &move);
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&view->mutex);
  jg_hub_make(&move);
}
