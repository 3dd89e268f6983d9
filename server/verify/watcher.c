/* A watcher of the stream checker: one stream after the other, each ended at a random moment and gone on with by its token, or
 * begun anew; notes what it received. */
#include <stdio.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/message.h"
#include "server/verify/run_internal.h"

#define MESSAGE_ARENA_BYTES (64u << 20)
#define TOKEN_BYTES_MAX 512
#define FILTER_BYTES_MAX 160
#define HEARTBEAT_SECONDS 5
/* A silence of so long is a dead connection. */
#define SILENCE_NS (HEARTBEAT_SECONDS * INT64_C(2500000000))
#define RETRY_PAUSE_NS INT64_C(50000000)
static const char name_prefix[] = "verify-stream ";

struct state {
  struct jg_verify_stream *stream;
  struct jg_arena arena; /* of one message */
  char token[TOKEN_BYTES_MAX];
  char filter[FILTER_BYTES_MAX];
  enum jg_verify_start start; /* of the next connection */
  int64_t since_ticks;
  int64_t last_ticks; /* commit time of the newest change seen; 0: none */
  int64_t revision;   /* everything up to here was sent */
  int64_t retry_ns;   /* what a drain message asks for */
  bool live;          /* not in a snapshot */
  bool was_open;
};

static uint64_t dice(struct state *state) {
  return jg_verify_random(&state->stream->random);
}

static void record(struct state *state, const struct jg_verify_event *event) {
  jg_verify_plant_record(&state->stream->plant, &state->stream->watcher, event);
}

static void keep_token(struct state *state, const char *token) {
  size_t len = strlen(token);
  if (len > 0 && len < sizeof(state->token)) {
    memcpy(state->token, token, len + 1);
  }
}

/* Whose job is it, and which? The numbers of the other tenant's jobs, and any that this side never gave, are nothing here. */
static void tell_job(const struct state *state, const char *id, struct jg_verify_event *event) {
  struct jg_verify_side *side = state->stream->side;
  const struct jg_verify_run *run = side->run;
  struct jg_uuid uuid;
  event->job = JG_VERIFY_FOREIGN;
  if (!jg_uuid_parse(jg_str_from_cstr(id), &uuid)) {
    return;
  }
  for (size_t i = 0; i < run->side_count; i++) {
    if (&run->sides[i] != side && memcmp(uuid.bytes, run->sides[i].mark, sizeof(side->mark)) == 0) {
      event->stranger = true;
    }
  }
  if (memcmp(uuid.bytes, side->mark, sizeof(side->mark)) == 0) {
    uint32_t job = (uint32_t)uuid.bytes[12] << 24 | (uint32_t)uuid.bytes[13] << 16 | (uint32_t)uuid.bytes[14] << 8 |
                   uuid.bytes[15];
    // Relaxed: a number is given before its job is sent to the server that brings it here.
    event->job = job < atomic_load_explicit(&side->job_count, memory_order_relaxed) ? job : JG_VERIFY_FOREIGN;
  }
}

static void tell_version(const char *name, struct jg_verify_event *event) {
  if (event->job == JG_VERIFY_FOREIGN || strncmp(name, name_prefix, sizeof(name_prefix) - 1) != 0) {
    return;
  }
  for (const char *digit = name + sizeof(name_prefix) - 1; *digit >= '0' && *digit <= '9'; digit++) {
    event->version = event->version * 10 + (uint64_t)(*digit - '0');
  }
}

static void take_change(struct state *state, const Jobgate__V1__JobChange *change, bool token) {
  struct jg_verify_event event = {.type = JG_VERIFY_CHANGE,
                                  .revision = change->revision,
                                  .kind = (uint8_t)change->kind,
                                  .last = change->transaction_last != 0,
                                  .token = token,
                                  .job = JG_VERIFY_FOREIGN,
                                  .entity = change->entity != NULL};
  if (change->commit_time != NULL &&
      jg_date_from_timestamp(change->commit_time->seconds, change->commit_time->nanos, &event.ticks)) {
    state->last_ticks = event.ticks;
  }
  if (change->job != NULL) {
    tell_job(state, change->job->id, &event);
    if (change->kind != JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED) {
      tell_version(change->job->name, &event);
    }
  }
  record(state, &event);
}

static void take_snapshot(struct state *state, const Jobgate__V1__WatchSnapshot *snapshot) {
  for (size_t i = 0; i < snapshot->n_jobs; i++) {
    struct jg_verify_event event = {.type = JG_VERIFY_JOB};
    tell_job(state, snapshot->jobs[i]->id, &event);
    tell_version(snapshot->jobs[i]->name, &event);
    record(state, &event);
  }
  keep_token(state, snapshot->resume_token);
}

static void take_changes(struct state *state, const Jobgate__V1__WatchChanges *changes) {
  bool token = changes->resume_token[0] != '\0';
  for (size_t i = 0; i < changes->n_changes; i++) {
    take_change(state, changes->changes[i], token && i + 1 == changes->n_changes);
    if (token && state->live) {
      state->revision = changes->changes[i]->revision;
    }
  }
  keep_token(state, changes->resume_token);
}

static void take_opened(struct state *state, const Jobgate__V1__WatchOpened *opened) {
  struct jg_verify_run *run = state->stream->side->run;
  const struct jg_verify_event event = {.type = JG_VERIFY_OPENED,
                                        .kind = (uint8_t)state->start,
                                        .revision = opened->revision,
                                        .ticks = state->since_ticks,
                                        .job = JG_VERIFY_FOREIGN};
  record(state, &event);
  keep_token(state, opened->resume_token);
  // A token goes on where it was made, in a snapshot or behind it.
  if (state->start != JG_VERIFY_TOKEN) {
    state->live = state->start != JG_VERIFY_SNAPSHOT;
  }
  state->start = JG_VERIFY_TOKEN;
  state->revision = opened->revision;
  // Relaxed: a count.
  atomic_fetch_add_explicit(&run->connections, 1, memory_order_relaxed);
  if (!state->was_open) {
    state->was_open = true;
    JG_ASSERT(pthread_mutex_lock(&run->mutex) == 0);
    run->to_open--;
    JG_ASSERT(pthread_cond_signal(&run->opened) == 0);
    JG_ASSERT(pthread_mutex_unlock(&run->mutex) == 0);
  }
}

static void take_position(struct state *state, enum jg_verify_event_type type, int64_t revision, const char *token) {
  const struct jg_verify_event event = {.type = (uint8_t)type, .revision = revision, .job = JG_VERIFY_FOREIGN};
  record(state, &event);
  keep_token(state, token);
  state->live = state->live || type == JG_VERIFY_SYNCED;
  if (state->live) {
    state->revision = revision;
  }
}

static struct jg_status take_message(struct state *state, struct jg_str bytes) {
  ProtobufCMessage *message;
  JG_RETURN_IF_ERROR(jg_message_unpack(&jobgate__v1__watch_jobs_response__descriptor, bytes, &state->arena, &message));
  const Jobgate__V1__WatchJobsResponse *response = (const Jobgate__V1__WatchJobsResponse *)(const void *)message;
  switch (response->event_case) {
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_OPENED:
      take_opened(state, response->opened);
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES:
      take_changes(state, response->changes);
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SNAPSHOT:
      take_snapshot(state, response->snapshot);
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SYNCED:
      take_position(state, JG_VERIFY_SYNCED, response->synced->revision, response->synced->resume_token);
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK:
      take_position(state, JG_VERIFY_BOOKMARK, response->bookmark->revision, response->bookmark->resume_token);
      break;
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_RESET: {
      const struct jg_verify_event event = {.type = JG_VERIFY_RESET, .job = JG_VERIFY_FOREIGN};
      record(state, &event);
      state->live = false;
      break;
    }
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN:
      keep_token(state, response->drain->resume_token);
      if (response->drain->retry_delay != NULL) {
        state->retry_ns =
            response->drain->retry_delay->seconds * INT64_C(1000000000) + response->drain->retry_delay->nanos;
      }
      break;
    default:
      break;  // of a newer server
  }
  return JG_STATUS_OK;
}

static struct jg_str pack_request(struct state *state) {
  const struct jg_verify_stream *stream = state->stream;
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
  Google__Protobuf__Timestamp since = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Google__Protobuf__Duration heartbeat = GOOGLE__PROTOBUF__DURATION__INIT;
  heartbeat.seconds = HEARTBEAT_SECONDS;
  request.heartbeat_interval = &heartbeat;
  request.view = stream->full ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
  request.filter = state->filter;
  request.entity_changes = stream->watcher.view.entities;
  switch (state->start) {
    case JG_VERIFY_NOW:
      request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
      request.now = &empty;
      break;
    case JG_VERIFY_TOKEN:
      request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
      request.resume_token = state->token;
      break;
    case JG_VERIFY_SNAPSHOT:
      request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT;
      request.snapshot = &empty;
      break;
    case JG_VERIFY_SINCE:
      request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE;
      jg_date_to_timestamp(state->since_ticks, &since.seconds, &since.nanos);
      request.since = &since;
      break;
  }
  return jg_message_pack(&request.base, &state->arena);
}

static bool is_over(const struct state *state) {
  const struct jg_verify_side *side = state->stream->side;
  // Acquire: with it comes what main knows of the last write; relaxed: a hint to stop.
  int64_t final_revision = atomic_load_explicit(&side->final_revision, memory_order_acquire);
  bool there = final_revision > 0 && state->live && state->revision >= final_revision;
  bool late = final_revision > 0 && jg_verify_now_ns() > side->settled_ns;
  return there || late || atomic_load_explicit(&side->run->failed, memory_order_relaxed);
}

/* One connection, until its time is over. */
static struct jg_status watch_once(struct state *state, int64_t end_ns) {
  const struct jg_grpc_request call = {.path = "/jobgate.v1.JobService/WatchJobs"};
  struct jg_grpc_stream *grpc;
  jg_arena_reset(&state->arena);
  JG_RETURN_IF_ERROR(jg_grpc_stream_open(state->stream->side->client, &call, &grpc));
  if (jg_grpc_stream_send(grpc, pack_request(state))) {
    jg_grpc_stream_close_send(grpc);
  }
  struct jg_status status = JG_STATUS_OK;
  int64_t heard_ns = jg_verify_now_ns();
  for (int64_t now = heard_ns; jg_status_ok(status) && now < end_ns && !is_over(state); now = jg_verify_now_ns()) {
    enum jg_grpc_next next;
    struct jg_str message;
    int64_t left_ms = (end_ns - now) / 1000000 + 1;
    jg_arena_reset(&state->arena);
    status = jg_grpc_stream_next(grpc, left_ms < 500 ? left_ms : 500, &state->arena, &next, &message);
    if (jg_status_ok(status) && next == JG_GRPC_NEXT_MESSAGE) {
      heard_ns = jg_verify_now_ns();
      status = take_message(state, message);
    } else if (jg_status_ok(status) && (next == JG_GRPC_NEXT_END || jg_verify_now_ns() - heard_ns > SILENCE_NS)) {
      status = jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "the stream fell silent");
    }
  }
  jg_grpc_stream_destroy(grpc);
  return status;
}

/* Mostly the token; now and then from the beginning, as new clients do. */
static void choose_start(struct state *state) {
  uint64_t roll = dice(state) % 100;
  if (state->token[0] == '\0') {
    state->start = state->stream->steady || roll < 50 ? JG_VERIFY_NOW : JG_VERIFY_SNAPSHOT;
  } else if (!state->stream->steady && roll < 4 && state->last_ticks != 0) {
    state->start = JG_VERIFY_SINCE;
    state->since_ticks = state->last_ticks;
  } else if (!state->stream->steady && roll < 12) {
    state->start = roll < 6 ? JG_VERIFY_NOW : JG_VERIFY_SNAPSHOT;
  }
}

/* What ends by the server's will or the network's is gone on with; anything else ends the run. */
static bool go_on(struct state *state, struct jg_status status) {
  struct jg_verify_run *run = state->stream->side->run;
  int64_t wait_ns = state->retry_ns;
  state->retry_ns = 0;
  if (jg_status_ok(status)) {
    return true;
  }
  if (status.reason == JG_REASON_HISTORY_LOST && !state->stream->steady) {
    // Relaxed: a count.
    atomic_fetch_add_explicit(&run->lost_histories, 1, memory_order_relaxed);
    state->start = JG_VERIFY_SNAPSHOT;
  } else if (status.code == JG_UNAVAILABLE && atomic_load_explicit(&run->connections, memory_order_relaxed) == 0) {
    // Nobody has been in yet: this server is not away, it was never there. Relaxed: a count.
    jg_verify_give_up(run, "no stream opened", status);
    return false;
  } else if (status.code != JG_UNAVAILABLE && status.code != JG_RESOURCE_EXHAUSTED) {
    jg_verify_give_up(run, "a stream failed", status);
    return false;
  }
  if (wait_ns == 0 && status.details != NULL) {
    wait_ns = status.details->retry_delay_ms * 1000000;
  }
  wait_ns = wait_ns > 0 && wait_ns < RETRY_PAUSE_NS * 20 ? wait_ns : RETRY_PAUSE_NS;
  jg_verify_pause(wait_ns / 2 + (int64_t)(dice(state) % (uint64_t)wait_ns));
  return true;
}

void *jg_verify_stream_main(void *data) {
  struct jg_verify_stream *stream = data;
  const struct jg_verify_view *view = &stream->watcher.view;
  struct state state = {.stream = stream, .start = JG_VERIFY_TOKEN};
  jg_arena_init(&state.arena, MESSAGE_ARENA_BYTES);
  if (view->filtered) {
    (void)snprintf(state.filter, sizeof(state.filter),
                   "customer_reference eq '%s' and working_sequence ge %d and working_sequence le %d",
                   stream->side->mark_text, view->low,
                   view->high);  // fits
  }
  while (!is_over(&state)) {
    if (state.start == JG_VERIFY_TOKEN) {
      choose_start(&state);
    }
    // Exponential around the mean would want logarithms; even between nothing and twice the mean does as well.
    int64_t length_ns = (int64_t)(dice(&state) % (uint64_t)(2 * stream->side->run->settings.reconnect_ns));
    struct jg_status status = watch_once(&state, jg_verify_now_ns() + length_ns);
    if (!go_on(&state, status)) {
      break;
    }
  }
  jg_arena_done(&state.arena);
  return NULL;
}
