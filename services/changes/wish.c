#include "services/changes/wish.h"

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

static struct jg_status not_built(struct jg_arena *arena, const char *field, const char *what) {
  return jg_status_field(arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, field, "%s", what);
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
      return not_built(arena, "start", "of kind snapshot is not built yet; use now or resume_token");
    case JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE:
      return not_built(arena, "start", "of kind since is not built yet; use now or resume_token");
    default:
      return refuse(arena, "start", "must be one of now and resume_token");
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

static void destroy_view(void *data) {
  struct jg_wish_owner *owner = data;
  jg_view_destroy(owner->view);
}

static struct jg_status take_view(const Jobgate__V1__WatchJobsRequest *request, struct jg_arena *arena,
                                  struct jg_wish *wish) {
  struct jg_view_options options = {.filter = jg_str_from_cstr(request->filter)};
  const Google__Protobuf__FieldMask *mask = request->read_mask;
  JG_RETURN_IF_ERROR(
      jg_read_mask_read(mask != NULL ? mask->paths : NULL, mask != NULL ? mask->n_paths : 0, arena, &options.mask));
  if (jg_read_mask_has_parent(&options.mask)) {
    return refuse(arena, "read_mask",
                  "names \"parent_job\", which no stream brings: its changes are those of another job");
  }
  JG_RETURN_IF_ERROR(jg_read_mask_view(&options.mask, request->view, false, arena, &options.nodes));
  if (request->entity_changes) {
    return not_built(arena, "entity_changes", "is not built yet; leave it out");
  }
  if (request->coalesce_window != NULL) {
    return not_built(arena, "coalesce_window", "is not built yet; leave it out");
  }
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

struct jg_status jg_wish_take(const Jobgate__V1__WatchJobsRequest *request, struct jg_arena *arena,
                              struct jg_wish *ret_wish) {
  struct jg_wish wish = {0};
  JG_RETURN_IF_ERROR(take_view(request, arena, &wish));
  JG_RETURN_IF_ERROR(take_heartbeat(request->heartbeat_interval, arena, &wish));
  JG_RETURN_IF_ERROR(take_start(request, arena, &wish));
  *ret_wish = wish;
  return JG_STATUS_OK;
}

struct jg_view *jg_wish_give_view(struct jg_wish *wish) {
  struct jg_view *view = wish->owner->view;
  JG_ASSERT(view != NULL);
  wish->owner->view = NULL;
  return view;
}
