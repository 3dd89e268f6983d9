#include "services/changes/hub_internal.h"
#include "services/changes/snapshot.h"

/* ---- under the locks of view and stream ---- */

bool jg_hub_begin_anew(struct jg_hub_stream *stream, struct jg_status status) {
  const struct jg_status_details *details = status.details;
  if (status.reason != JG_REASON_HISTORY_LOST || !stream->wish.snapshot_on_reset || details == NULL) {
    return false;
  }
  stream->phase = JG_HUB_RESET;
  stream->lost_oldest = details->oldest_revision;
  stream->lost_newest = details->newest_revision;
  stream->cursor = details->newest_revision;
  stream->resume = details->newest_revision;
  stream->passed_rid = 0;
  stream->aligned = false;
  return true;
}

static void step_page(struct jg_hub_stream *stream, struct jg_hub_move *ret_move) {
  ret_move->kind = JG_HUB_SEND;
  ret_move->bytes = stream->page;
  stream->out_bytes = stream->page->len;
  stream->page = NULL;
  stream->passed_rid = stream->page_rid;
  stream->phase = stream->page_last ? JG_HUB_SYNC : JG_HUB_SNAPSHOT;
}

void jg_hub_step_part(struct jg_hub_stream *stream, bool was_idle, int64_t now_ns, struct jg_hub_move *ret_move) {
  if (stream->phase == JG_HUB_SNAPSHOT && stream->page == NULL) {
    if (was_idle && stream->waiting) {
      jg_hub_go_idle(stream);
    } else {
      jg_hub_step_read(stream, now_ns, ret_move);
    }
    return;
  }
  stream->state = JG_HUB_SENDING;
  stream->sent_ns = now_ns;
  if (stream->phase == JG_HUB_RESET) {
    stream->phase = JG_HUB_SNAPSHOT;
    ret_move->kind = JG_HUB_TELL_RESET;
  } else if (stream->page != NULL) {
    step_page(stream, ret_move);
  } else {
    JG_ASSERT(stream->phase == JG_HUB_SYNC && stream->resume == stream->cursor);
    stream->phase = JG_HUB_LIVE;
    ret_move->kind = JG_HUB_TELL_SYNCED;
  }
}

/* A part that was read. */
struct found_part {
  struct jg_status status; /* lives in the call's arena or is static */
  struct jg_snapshot_part part;
};

static void step_found(struct jg_hub_stream *stream, struct found_part *found, int64_t now_ns,
                       struct jg_hub_move *ret_move) {
  struct jg_snapshot_part *part = &found->part;
  if (jg_hub_is_over(stream)) {
    jg_bytes_unref(part->changes.bytes);
    jg_bytes_unref(part->page);
    jg_hub_step(stream, now_ns, ret_move);
    return;
  }
  if (found->status.code == JG_UNAVAILABLE) {
    jg_hub_park(stream);
    return;
  }
  if (!jg_status_ok(found->status)) {
    if (jg_hub_begin_anew(stream, found->status)) {
      jg_hub_step(stream, now_ns, ret_move);
    } else {
      jg_hub_step_end(stream, found->status, ret_move);
    }
    return;
  }
  if (part->page != NULL) {
    stream->page = part->page;
    jg_hub_hold(stream->hub, part->page->len);
    stream->page_rid = part->rid;
    stream->page_last = part->complete;
  } else {
    stream->passed_rid = part->rid;
    stream->phase = part->complete ? JG_HUB_SYNC : JG_HUB_SNAPSHOT;
  }
  if (part->has_changes) {
    stream->out_bytes = part->changes.bytes->len;
    jg_hub_hold(stream->hub, stream->out_bytes);
    jg_hub_step_send(stream, &part->changes, now_ns, ret_move);
  } else {
    stream->cursor = part->revision;
    stream->resume = part->revision;
    jg_hub_step(stream, now_ns, ret_move);
  }
}

/* ---- turns: under hub->mutex ---- */

static void wait_for_turn(struct jg_hub *hub, struct jg_hub_stream *stream) {
  if (stream->waiting) {
    return;  // It keeps its place.
  }
  stream->waiting = true;
  stream->waiting_before = hub->waiting_last;
  stream->waiting_after = NULL;
  *(hub->waiting_last != NULL ? &hub->waiting_last->waiting_after : &hub->waiting_first) = stream;
  hub->waiting_last = stream;
  jg_metric_add(hub->metrics.waiting, 1);
}

void jg_hub_forget_turn(struct jg_hub *hub, struct jg_hub_stream *stream) {
  if (!stream->waiting) {
    return;
  }
  stream->waiting = false;
  jg_metric_add(hub->metrics.waiting, -1);
  *(stream->waiting_before != NULL ? &stream->waiting_before->waiting_after : &hub->waiting_first) =
      stream->waiting_after;
  *(stream->waiting_after != NULL ? &stream->waiting_after->waiting_before : &hub->waiting_last) =
      stream->waiting_before;
}

static bool has_turns(struct jg_hub *hub) {
  return hub->turns_taken < hub->options.snapshot_reads_max && !jg_hub_is_full(hub);
}

/* ---- without locks ---- */

static void end_turn(struct jg_hub *hub) {
  jg_hub_lock(&hub->mutex);
  JG_ASSERT(hub->turns_taken > 0);
  hub->turns_taken--;
  jg_hub_unlock(&hub->mutex);
}

/* On a reader. */
static void read_part(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct jg_hub_stream *stream = data;
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC && stream->state == JG_HUB_READING);
  struct jg_hub *hub = stream->hub;
  struct found_part found = {0};
  struct jg_arena arena;
  jg_arena_init(&arena, JG_HUB_PAGE_ARENA_BYTES);
  struct jg_status status = begun;
  if (jg_status_ok(begun)) {
    const struct jg_batch_source source = {.key = &stream->view->key,
                                           .expander = hub->options.expander,
                                           .txn = txn,
                                           .in_snapshot = true,
                                           .passed_rid = stream->passed_rid};
    status = jg_snapshot_read(&source, stream->cursor, hub->options.snapshot_page_jobs, &arena, &found.part);
  }
  if (status.reason == JG_REASON_HISTORY_LOST) {
    struct jg_status told = jg_hub_history_lost(stream, txn);
    status = jg_status_ok(told) ? status : told;
  }
  found.status = jg_hub_keep(stream, status);
  jg_arena_done(&arena);
  jg_metric_add(hub->metrics.reading, -1);
  jg_metric_add(hub->metrics.parts, 1);
  end_turn(hub);

  int64_t now = jg_clock_mono_ns(hub->options.clock);
  struct jg_hub_view *view = stream->view;
  struct jg_hub_move move = {.stream = stream};
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  step_found(stream, &found, now, &move);
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&view->mutex);
  jg_hub_make(&move);
  jg_hub_give_turns(hub);
}

/* With a turn. */
static void submit(struct jg_hub_stream *stream) {
  struct jg_hub *hub = stream->hub;
  stream->read = (struct jg_store_read){
      .tenant = stream->view->key.tenant, .deadline_ns = stream->call->deadline_ns, .run = read_part, .data = stream};
  jg_metric_add(hub->metrics.reading, 1);
  if (!jg_status_ok(jg_store_submit_read(hub->options.store, &stream->read))) {
    // The queue is full.
    jg_metric_add(hub->metrics.reading, -1);
    end_turn(hub);
    jg_hub_put_off(stream);
  }
}

void jg_hub_read_part(struct jg_hub_stream *stream) {
  struct jg_hub *hub = stream->hub;
  struct jg_hub_view *view = stream->view;
  jg_hub_lock(&hub->mutex);
  jg_hub_lock(&view->mutex);
  jg_hub_lock(&stream->mutex);
  // Those who wait for longer come first.
  bool turn = has_turns(hub) && (hub->waiting_first == NULL || hub->waiting_first == stream);
  bool over = !turn && jg_hub_is_over(stream);
  if (turn) {
    jg_hub_forget_turn(hub, stream);
    hub->turns_taken++;
  } else if (!over) {
    wait_for_turn(hub, stream);
    jg_hub_go_idle(stream);
  }
  jg_hub_unlock(&stream->mutex);
  jg_hub_unlock(&view->mutex);
  jg_hub_unlock(&hub->mutex);
  if (turn) {
    submit(stream);
  } else if (over) {
    jg_hub_put_off(stream);
  } else {
    // A turn may have become free meanwhile.
    jg_hub_give_turns(hub);
  }
}

void jg_hub_give_turns(struct jg_hub *hub) {
  struct jg_hub_stream *given[JG_HUB_MOVES];
  size_t count = 0;
  jg_hub_lock(&hub->mutex);
  struct jg_hub_stream *next = hub->waiting_first;
  while (next != NULL && has_turns(hub) && count < JG_HUB_MOVES) {
    struct jg_hub_stream *stream = next;
    next = stream->waiting_after;
    // It leaves the list under hub->mutex before it ends, so it is there.
    struct jg_hub_view *view = stream->view;
    jg_hub_lock(&view->mutex);
    jg_hub_lock(&stream->mutex);
    // One that is getting a bookmark keeps its place, and asks again when that is out.
    if (stream->state == JG_HUB_IDLE) {
      jg_hub_unlink(view, stream);
      jg_hub_forget_turn(hub, stream);
      stream->state = JG_HUB_READING;
      hub->turns_taken++;
      given[count++] = stream;
    }
    jg_hub_unlock(&stream->mutex);
    jg_hub_unlock(&view->mutex);
  }
  jg_hub_unlock(&hub->mutex);
  for (size_t i = 0; i < count; i++) {
    submit(given[i]);
  }
}
