#include "services/changes/wish.h"

#include "proto/codec/date.h"

#define NS_PER_TICK 100
#define NS_PER_SECOND INT64_C(1000000000)
#define HEARTBEAT_SECONDS_MIN 5
#define HEARTBEAT_SECONDS_MAX 300
#define HEARTBEAT_SECONDS_DEFAULT 15

/* Frees the view with the arena. */
struct jg_wish_owner {
  struct jg_view *view; /* NULL once it was given */
};

static struct jg_status refuse(struct jg_arena *arena, const char *field, const char *expected) {
  return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, field, "%s", expected);
}

/* Commits have whole ticks: the first one at that time or later is the first one at the next whole tick or later. */
static struct jg_status take_since(const Google__Protobuf__Timestamp *since, struct jg_arena *arena,
                                   struct jg_wish *wish) {
  int32_t rest = since->nanos % NS_PER_TICK;
  if (rest < 0 || !jg_date_from_timestamp(since->seconds, since->nanos - rest, &wish->since_ticks)) {
    return refuse(arena, "since", "must be a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z");
  }
  wish->since_ticks += rest > 0;
  return JG_STATUS_OK;
}

static struct jg_status take_start(const Jobgate__V1__WatchJobsRequest *request, struct jg_arena *arena,
                                   struct jg_wish *wish) {
  switch (request->start_case) {
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW:
      wish->start = JG_START_NOW;
      return JG_STATUS_OK;
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN:
      wish->start = JG_START_TOKEN;
      return jg_token_parse(jg_str_from_cstr(request->resume_token), &wish->token);
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT:
      wish->start = JG_START_SNAPSHOT;
      return JG_STATUS_OK;
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE:
      wish->start = JG_START_SINCE;
      return take_since(request->since, arena, wish);
    default:
      return refuse(arena, "start", "must be one of now, resume_token, snapshot and since");
  }
}

static struct jg_status take_heartbeat(const Google__Protobuf__Duration *interval, struct jg_arena *arena,
                                       struct jg_wish *wish) {
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

static struct jg_status take_window(const Google__Protobuf__Duration *window, struct jg_arena *arena, int64_t *ret_ns) {
  *ret_ns = 0;
  if (window == NULL) {
    return JG_STATUS_OK;
  }
  bool in_range = window->seconds >= 0 && window->seconds <= JG_VIEW_COALESCE_NS_MAX / NS_PER_SECOND &&
                  window->nanos >= 0 && window->nanos < NS_PER_SECOND;
  int64_t ns = in_range ? window->seconds * NS_PER_SECOND + window->nanos : -1;
  if (ns < 0 || ns > JG_VIEW_COALESCE_NS_MAX) {
    return refuse(arena, "coalesce_window", "must be from 0 to 60 seconds");
  }
  *ret_ns = ns;
  return JG_STATUS_OK;
}

static void destroy_view(void *data) {
  struct jg_wish_owner *owner = data;
  jg_view_destroy(owner->view);
}

static struct jg_status take_view(const Jobgate__V1__WatchJobsRequest *request, bool fold_case, struct jg_arena *arena,
                                  struct jg_wish *wish) {
  struct jg_view_options options = {
      .filter = jg_str_from_cstr(request->filter), .fold_case = fold_case, .entity_changes = request->entity_changes};
  const Google__Protobuf__FieldMask *mask = request->read_mask;
  JG_RETURN_IF_ERROR(
      jg_read_mask_read(mask != NULL ? mask->paths : NULL, mask != NULL ? mask->n_paths : 0, arena, &options.mask));
  if (jg_read_mask_has_parent(&options.mask)) {
    return refuse(arena, "read_mask",
                  "names \"parent_job\", which no stream brings: its changes are those of another job");
  }
  JG_RETURN_IF_ERROR(jg_read_mask_view(&options.mask, request->view, false, arena, &options.nodes));
  JG_RETURN_IF_ERROR(take_window(request->coalesce_window, arena, &options.coalesce_ns));
  struct jg_wish_owner *owner = jg_arena_alloc_zero(arena, sizeof(*owner));
  if (owner == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call has no memory left");
  }
  JG_RETURN_IF_ERROR(jg_view_create(&options, arena, &owner->view));
  wish->view = owner->view;
  wish->owner = owner;
  if (!jg_arena_defer(arena, destroy_view, owner)) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call has no memory left");
  }
  return JG_STATUS_OK;
}

struct jg_status jg_wish_take(const Jobgate__V1__WatchJobsRequest *request, bool fold_case, struct jg_arena *arena,
                              struct jg_wish *ret_wish) {
  struct jg_wish wish = {0};
  JG_RETURN_IF_ERROR(take_view(request, fold_case, arena, &wish));
  JG_RETURN_IF_ERROR(take_heartbeat(request->heartbeat_interval, arena, &wish));
  JG_RETURN_IF_ERROR(take_start(request, arena, &wish));
  wish.snapshot_on_reset = request->snapshot_on_reset != 0;
  *ret_wish = wish;
  return JG_STATUS_OK;
}

struct jg_view *jg_wish_give_view(struct jg_wish *wish) {
  struct jg_view *view = wish->owner->view;
  JG_ASSERT(view != NULL);
  wish->owner->view = NULL;
  return view;
}
