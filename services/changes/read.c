#include "services/changes/hub_internal.h"

/* What a read for one stream found. */
struct found {
  struct jg_status status; /* lives in the call's arena or is static */
  bool has_batch;
  bool is_new;           /* and good for others at the same place */
  struct jg_batch batch; /* one reference */
  int64_t through;
};

struct jg_status jg_hub_keep(struct jg_hub_stream *stream, struct jg_status status) {
  if (jg_status_ok(status)) {
    return JG_STATUS_OK;
  }
  if (status.code == JG_UNAVAILABLE) {
    return jg_status_make(status.code, status.reason, "the log cannot be read now");
  }
  return jg_status_copy(&stream->call->arena, status);
}

struct jg_status jg_hub_history_lost(struct jg_hub_stream *stream, struct jg_txn *txn) {
  struct jg_arena *arena = &stream->call->arena;
  const struct jg_view_key *key = &stream->view->key;
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, arena, &state));
  const struct jg_token here = jg_view_token(key, stream->resume);
  return jg_token_check(&here, &here, state.oldest_revision, state.revision, arena);
}

/* Up to where a stream reads by itself: where changes are gathered, no further than its ring reaches, so that it comes to stand
 * between two messages of that and takes them from there on. */
static int64_t limit_of(struct jg_hub_view *view) {
  jg_hub_lock(&view->mutex);
  jg_hub_catch_up(view);
  int64_t limit = jg_hub_gathers(view) ? view->ring.through : INT64_MAX;
  jg_hub_unlock(&view->mutex);
  return limit;
}

static struct jg_status find_page(struct jg_hub_stream *stream, struct jg_txn *txn, struct jg_arena *arena,
                                  struct found *found) {
  struct jg_changes changes;
  JG_RETURN_IF_ERROR(jg_txn_changes(txn, stream->cursor, JG_HUB_PAGE_COUNT, JG_HUB_PAGE_BYTES, arena, &changes));
  int64_t limit = limit_of(stream->view);
  limit = limit > stream->cursor ? limit : stream->cursor;
  while (changes.count > 0 && changes.items[changes.count - 1].revision > limit) {
    changes.count--;
  }
  changes.through_revision = changes.through_revision < limit ? changes.through_revision : limit;
  const struct jg_batch_source source = {
      .key = &stream->view->key, .expander = stream->hub->options.expander, .txn = txn};
  struct jg_batches batches;
  // One message: a stream holds no queue (H1). What it leaves of a large request is read again for the next one.
  JG_RETURN_IF_ERROR(jg_batch_encode(&source, &changes, stream->cursor, 1, arena, &batches));
  found->through = batches.through;
  if (batches.count > 0) {
    found->batch = batches.items[0];
    found->has_batch = true;
    // One that gathers is, if it ends where the ring's messages do.
    found->is_new = !jg_hub_gathers(stream->view) || found->through == limit;
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
    struct jg_status told = jg_hub_history_lost(stream, txn);
    status = jg_status_ok(told) ? status : told;
  }
  found->status = jg_hub_keep(stream, status);
  jg_arena_done(&arena);
}

/* Under the locks of view and stream. */
static void step_found(struct jg_hub_stream *stream, struct found *found, int64_t now_ns,
                       struct jg_hub_move *ret_move) {
  if (jg_hub_is_over(stream)) {
    if (found->has_batch) {
      jg_bytes_unref(found->batch.bytes);
    }
    jg_hub_step(stream, now_ns, ret_move);
  } else if (found->has_batch) {
    if (found->is_new) {
      jg_ring_remember(&stream->view->ring, &found->batch);
      stream->out_bytes = found->batch.bytes->len;
      jg_hub_hold(stream->hub, stream->out_bytes);
    }
    jg_hub_step_send(stream, &found->batch, now_ns, ret_move);
  } else if (found->status.code == JG_UNAVAILABLE ||
             (jg_status_ok(found->status) && found->through == stream->cursor)) {
    // Or the tail has seen more than this snapshot: a reader that lags (a replica) catches up with time.
    jg_hub_park(stream);
  } else if (jg_hub_begin_anew(stream, found->status)) {
    jg_hub_step(stream, now_ns, ret_move);
  } else if (!jg_status_ok(found->status)) {
    jg_hub_step_end(stream, found->status, ret_move);
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
    found.status = jg_hub_keep(stream, begun);
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

void jg_hub_read(struct jg_hub_stream *stream) {
  struct jg_hub *hub = stream->hub;
  if (jg_hub_is_full(hub)) {
    jg_hub_put_off(stream);
    return;
  }
  stream->read = (struct jg_store_read){
      .tenant = stream->view->key.tenant, .deadline_ns = stream->call->deadline_ns, .run = read_log, .data = stream};
  jg_metric_add(hub->metrics.reading, 1);
  if (!jg_status_ok(jg_store_submit_read(hub->options.store, &stream->read))) {
    // The queue is full.
    jg_metric_add(hub->metrics.reading, -1);
    jg_hub_put_off(stream);
  }
}
