#include "services/changes/hub_internal.h"

/* Where the wish says that the stream goes on in the log. */
static struct jg_status take_cursor(struct jg_hub_stream *stream, struct jg_txn *txn, const struct jg_view_key *key,
                                    const struct jg_tenant_state *state) {
  const struct jg_wish *wish = &stream->wish;
  struct jg_arena *arena = &stream->call->arena;
  const struct jg_token expected = jg_view_token(key, 0);
  switch (wish->start) {
    case JG_START_NOW:
      stream->cursor = state->revision;
      break;
    case JG_START_SNAPSHOT:
      stream->cursor = state->revision;
      stream->phase = JG_HUB_SNAPSHOT;
      break;
    case JG_START_SINCE:
      // A time to come is now: which of two clocks is ahead decides no more than that.
      JG_RETURN_IF_ERROR(jg_txn_revision_before(txn, wish->since_ticks, arena, &stream->cursor));
      break;
    case JG_START_TOKEN:
      JG_RETURN_IF_ERROR(jg_token_check(&wish->token, &expected, state->oldest_revision, state->revision, arena));
      stream->cursor = wish->token.revision;
      stream->passed_rid = wish->token.rid;
      stream->phase = wish->token.in_snapshot ? JG_HUB_SNAPSHOT : JG_HUB_LIVE;
      break;
  }
  stream->resume = stream->cursor;
  return JG_STATUS_OK;
}

/* Finds out where the stream starts, in one snapshot. */
static struct jg_status take_position(struct jg_hub_stream *stream, struct jg_txn *txn, struct jg_view_key *ret_key,
                                      int64_t *ret_newest) {
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, &stream->call->arena, &state));
  struct jg_uuid epoch;
  if (!jg_uuid_parse(state.epoch, &epoch)) {
    return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the record's epoch is damaged");
  }
  const struct jg_view_key key = jg_view_key_make(stream->call->identity.tenant, epoch, stream->wish.view);
  struct jg_status status = take_cursor(stream, txn, &key, &state);
  if (!jg_status_ok(status) && !jg_hub_begin_anew(stream, status)) {
    return status;
  }
  *ret_key = key;
  *ret_newest = state.revision;
  return JG_STATUS_OK;
}

/* On a reader. The stream is OPENING, so it is ours; once `opened` is out, on_sent drives it. */
static void open_stream(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct jg_hub_stream *stream = data;
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC && stream->state == JG_HUB_OPENING);
  struct jg_view_key key;
  int64_t newest = 0;
  struct jg_status status = jg_status_copy(&stream->call->arena, begun);
  if (jg_status_ok(status)) {
    status = take_position(stream, txn, &key, &newest);
  }
  if (!jg_status_ok(status)) {
    jg_hub_refuse(stream, status);
    return;
  }
  jg_hub_attach(stream->hub, stream, &key, newest);
  jg_hub_lock(&stream->mutex);
  bool cancelled = stream->cancelled;
  stream->state = cancelled ? JG_HUB_ENDING : JG_HUB_SENDING;
  jg_hub_unlock(&stream->mutex);
  if (cancelled) {
    jg_hub_end(stream, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the client has gone"));
    return;
  }
  const struct jg_hub_move move = {.kind = JG_HUB_TELL_OPENED, .stream = stream};
  jg_hub_make(&move);
}

void jg_hub_stream_init(struct jg_hub_stream *stream, struct jg_hub *hub, struct jg_call *call) {
  stream->magic = JG_HUB_STREAM_MAGIC;
  stream->hub = hub;
  stream->call = call;
  JG_ASSERT(pthread_mutex_init(&stream->mutex, NULL) == 0);
  stream->state = JG_HUB_OPENING;
  call->stream = stream;
  call->on_cancelled = jg_hub_on_cancelled;
}

void jg_hub_watch(struct jg_call *call) {
  struct jg_hub *hub = call->app->hub;
  struct jg_wish wish = {0};
  struct jg_status status = jg_wish_take((const Jobgate__V1__WatchJobsRequest *)(const void *)call->request,
                                         call->app->fold_case, &call->arena, &wish);
  if (jg_status_ok(status)) {
    status = jg_hub_admit(hub, &call->arena);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
    return;
  }
  struct jg_hub_stream *stream = jg_arena_alloc_zero(&call->arena, sizeof(*stream));
  if (stream == NULL) {
    jg_call_fail(call, jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call has no memory left"));
    jg_hub_dismiss(hub);
    return;
  }
  jg_hub_stream_init(stream, hub, call);
  stream->id = jg_uuid_new(hub->options.clock);
  stream->wish = wish;
  call->on_sent = jg_hub_on_sent;
  stream->read = (struct jg_store_read){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = open_stream, .data = stream};
  status = jg_store_submit_read(hub->options.store, &stream->read);
  if (!jg_status_ok(status)) {
    // Still the handler's own thread: no callback can have come.
    stream->state = JG_HUB_ENDING;
    jg_hub_end(stream, status);
  }
}
