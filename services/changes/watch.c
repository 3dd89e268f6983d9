#include "jobgate/v1/job_service.pb-c.h"
#include "services/changes/event.h"
#include "services/changes/hub_internal.h"
#include "services/changes/token.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define HEARTBEAT_SECONDS_MIN 5
#define HEARTBEAT_SECONDS_MAX 300
#define HEARTBEAT_SECONDS_DEFAULT 15

/* What a request asks for. */
struct wish {
  bool nodes;
  int64_t heartbeat_ns;
  bool from_token;
  struct jg_token token;
};

static struct jg_status refuse(struct jg_arena *arena, const char *field, const char *expected) {
  return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, field, "%s", expected);
}

static struct jg_status not_built(struct jg_arena *arena, const char *field, const char *what) {
  return jg_status_field(arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, field, "%s", what);
}

static struct jg_status take_start(const Jobgate__V1__WatchJobsRequest *request, struct jg_arena *arena,
                                   struct wish *wish) {
  switch (request->start_case) {
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW:
      return JG_STATUS_OK;
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN:
      wish->from_token = true;
      return jg_token_parse(jg_str_from_cstr(request->resume_token), &wish->token);
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT:
      return not_built(arena, "start", "of kind snapshot is not built yet; use now or resume_token");
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE:
      return not_built(arena, "start", "of kind since is not built yet; use now or resume_token");
    default:
      return refuse(arena, "start", "must be one of now and resume_token");
  }
}

static struct jg_status take_heartbeat(const Google__Protobuf__Duration *interval, struct jg_arena *arena,
                                       struct wish *wish) {
  wish->heartbeat_ns = HEARTBEAT_SECONDS_DEFAULT * NS_PER_SECOND;
  if (interval == NULL) {
    return JG_STATUS_OK;
  }
  bool in_range = interval->seconds >= HEARTBEAT_SECONDS_MIN && interval->seconds <= HEARTBEAT_SECONDS_MAX &&
                  interval->nanos >= 0 && interval->nanos < NS_PER_SECOND;
  if (in_range) {
    wish->heartbeat_ns = interval->seconds * NS_PER_SECOND + interval->nanos;
  }
  if (!in_range || wish->heartbeat_ns > HEARTBEAT_SECONDS_MAX * NS_PER_SECOND) {
    return refuse(arena, "heartbeat_interval", "must be from 5 to 300 seconds");
  }
  return JG_STATUS_OK;
}

static struct jg_status take_wish(const Jobgate__V1__WatchJobsRequest *request, struct jg_arena *arena,
                                  struct wish *ret_wish) {
  struct wish wish = {0};
  if (request->filter[0] != '\0') {
    return not_built(arena, "filter", "is not built yet; leave it empty");
  }
  switch (request->view) {
    case JOBGATE__V1__JOB_VIEW__JOB_VIEW_UNSPECIFIED:
    case JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC:
      break;
    case JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL:
      wish.nodes = true;
      break;
    default:
      return refuse(arena, "view", "must be JOB_VIEW_BASIC or JOB_VIEW_FULL");
  }
  JG_RETURN_IF_ERROR(take_heartbeat(request->heartbeat_interval, arena, &wish));
  JG_RETURN_IF_ERROR(take_start(request, arena, &wish));
  *ret_wish = wish;
  return JG_STATUS_OK;
}

/* Finds out where the stream starts, in one snapshot. */
static struct jg_status take_position(struct jg_hub_stream *stream, struct jg_txn *txn, struct jg_view_key *ret_key,
                                      int64_t *ret_newest) {
  struct jg_arena *arena = &stream->call->arena;
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, arena, &state));
  struct jg_view_key key = {.tenant = stream->call->identity.tenant, .nodes = stream->nodes};
  if (!jg_uuid_parse(state.epoch, &key.epoch)) {
    return jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the record's epoch is damaged");
  }
  stream->cursor = state.revision;
  if (stream->from_token) {
    const struct jg_token expected = {key.tenant, key.epoch, 0, key.filter_hash};
    JG_RETURN_IF_ERROR(jg_token_check(&stream->token, &expected, state.oldest_revision, state.revision, arena));
    stream->cursor = stream->token.revision;
  }
  stream->resume = stream->cursor;
  *ret_key = key;
  *ret_newest = state.revision;
  return JG_STATUS_OK;
}

/* On a reader. The stream is OPENING, so it is ours; once `opened` is out, on_sent drives it. */
static void open_stream(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct jg_hub_stream *stream = data;
  JG_ASSERT(stream->magic == JG_HUB_STREAM_MAGIC && stream->state == JG_HUB_OPENING);
  struct jg_call *call = stream->call;
  struct jg_view_key key;
  int64_t newest = 0;
  struct jg_status status = jg_status_copy(&call->arena, begun);
  if (jg_status_ok(status)) {
    status = take_position(stream, txn, &key, &newest);
  }
  if (jg_status_ok(status)) {
    jg_hub_attach(stream->hub, stream, &key, newest);
  }
  jg_hub_lock(&stream->mutex);
  bool cancelled = stream->cancelled;
  bool ending = cancelled || !jg_status_ok(status);
  stream->state = ending ? JG_HUB_ENDING : JG_HUB_SENDING;
  jg_hub_unlock(&stream->mutex);
  if (ending) {
    jg_hub_end(stream, cancelled ? jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the client has gone") : status);
    return;
  }
  call->sink->send(call, jg_event_opened(&stream->view->key, stream->id, stream->heartbeat_ns, stream->cursor));
}

void jg_hub_watch(struct jg_call *call) {
  struct jg_hub *hub = call->app->hub;
  struct wish wish = {0};
  struct jg_status status =
      take_wish((const Jobgate__V1__WatchJobsRequest *)(const void *)call->request, &call->arena, &wish);
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
  stream->magic = JG_HUB_STREAM_MAGIC;
  stream->hub = hub;
  stream->call = call;
  stream->id = jg_uuid_new(hub->options.clock);
  JG_ASSERT(pthread_mutex_init(&stream->mutex, NULL) == 0);
  stream->state = JG_HUB_OPENING;
  stream->heartbeat_ns = wish.heartbeat_ns;
  stream->from_token = wish.from_token;
  stream->token = wish.token;
  stream->nodes = wish.nodes;
  call->stream = stream;
  call->on_sent = jg_hub_on_sent;
  call->on_cancelled = jg_hub_on_cancelled;
  stream->read = (struct jg_store_read){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = open_stream, .data = stream};
  status = jg_store_submit_read(hub->options.store, &stream->read);
  if (!jg_status_ok(status)) {
    // Still the handler's own thread: no callback can have come.
    stream->state = JG_HUB_ENDING;
    jg_hub_end(stream, status);
  }
}
