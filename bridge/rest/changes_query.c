// What a request for the stream of changes asks: its framing by Accept, a WatchJobsRequest from its query.

#include "base/utf8.h"
#include "bridge/rest/changes_internal.h"
#include "proto/codec/date.h"
#include "proto/codec/message.h"

#define NS_PER_SECOND INT64_C(1000000000)
/* Beyond any limit of the method's, and far from an overflow. */
#define SECONDS_MAX 1000000
/* Of a name that is quoted in an error. */
#define NAME_BYTES_SHOWN 64

/* One request on its way. */
struct reader {
  const struct jg_http_request *http;
  const struct jg_rest_plan *plan;
  struct jg_arena *arena;
  Jobgate__V1__WatchJobsRequest *request;
  const char *start; /* name of the option that says where to start; NULL: none so far */
  uint32_t seen;     /* options by their numbers, as bits */
};

static struct jg_status out_of_memory(void) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the request needs too much memory");
}

static struct jg_status refuse(struct reader *reader, const char *option, const char *expected) {
  return jg_status_field(reader->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, option, "%s", expected);
}

/* ---- Accept ---- */

int jg_rest_changes_framing(const struct jg_http_request *request, enum jg_rest_framing *ret_framing,
                            const char **ret_message) {
  if (jg_http_header(request, JG_STR("accept")).data == NULL) {
    *ret_framing = JG_REST_EVENTS;
    return 0;
  }
  int events = jg_rest_quality(request, JG_STR("text"), JG_STR("event-stream"));
  int lines = jg_rest_quality(request, JG_STR("application"), JG_STR("x-ndjson"));
  if (events <= 0 && lines <= 0) {
    *ret_message = "a stream of changes is text/event-stream or application/x-ndjson: Accept must allow one of them";
    return 406;
  }
  *ret_framing = lines > events ? JG_REST_LINES : JG_REST_EVENTS;
  return 0;
}

/* ---- values ---- */

static struct jg_status read_bool(struct reader *reader, const char *name, struct jg_str value, bool *ret_value) {
  *ret_value = value.data == NULL || jg_str_equal(value, JG_STR("true"));
  if (!*ret_value && !jg_str_equal(value, JG_STR("false"))) {
    return refuse(reader, name, "must be true or false");
  }
  return JG_STATUS_OK;
}

/* Seconds with up to nine decimals: "15", "0.5". NULL if it is none, or at the arena's cap. */
static Google__Protobuf__Duration *read_seconds(struct reader *reader, struct jg_str text) {
  struct jg_str fraction;
  struct jg_str whole = jg_str_cut(text, '.', &fraction);
  uint64_t seconds = 0, nanos = 0;
  bool valid = whole.len > 0 && jg_parse_u64(whole, &seconds) && seconds <= SECONDS_MAX;
  if (fraction.data != NULL) {
    valid = valid && fraction.len > 0 && fraction.len <= 9 && jg_parse_u64(fraction, &nanos);
    for (size_t i = fraction.len; i < 9; i++) {
      nanos *= 10;
    }
  }
  Google__Protobuf__Duration *duration = NULL;
  if (valid) {
    duration = (Google__Protobuf__Duration *)jg_message_new(&google__protobuf__duration__descriptor, reader->arena);
  }
  if (duration != NULL) {
    duration->seconds = (int64_t)seconds;
    duration->nanos = (int32_t)nanos;
  }
  return duration;
}

static struct jg_status read_since(struct reader *reader, struct jg_str text) {
  int64_t ticks = 0;
  if (!jg_date_parse(text, &ticks)) {
    return refuse(reader, "since", "must be a date with time, such as 2026-01-29T07:13:40Z");
  }
  Google__Protobuf__Timestamp *since =
      (Google__Protobuf__Timestamp *)jg_message_new(&google__protobuf__timestamp__descriptor, reader->arena);
  if (since == NULL) {
    return out_of_memory();
  }
  jg_date_to_timestamp(ticks, &since->seconds, &since->nanos);
  reader->request->since = since;
  return JG_STATUS_OK;
}

/* ---- where it starts ---- */

static struct jg_status start_with(struct reader *reader, const char *name,
                                   Jobgate__V1__WatchJobsRequest__StartCase start) {
  if (reader->start != NULL) {
    return jg_status_field(reader->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, name,
                           "cannot stand beside %s: a stream starts at one place", reader->start);
  }
  reader->start = name;
  reader->request->start_case = start;
  return JG_STATUS_OK;
}

static struct jg_status start_empty(struct reader *reader, const char *name, struct jg_str value,
                                    Jobgate__V1__WatchJobsRequest__StartCase start) {
  bool wanted = false;
  JG_RETURN_IF_ERROR(read_bool(reader, name, value, &wanted));
  if (!wanted) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(start_with(reader, name, start));
  // `now` and `snapshot` are of one type in one union.
  reader->request->now = (Google__Protobuf__Empty *)jg_message_new(&google__protobuf__empty__descriptor, reader->arena);
  return reader->request->now != NULL ? JG_STATUS_OK : out_of_memory();
}

static struct jg_status start_at_token(struct reader *reader, const char *name, struct jg_str text) {
  JG_RETURN_IF_ERROR(start_with(reader, name, JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN));
  if (!jg_utf8_valid(text) || jg_str_find(text, '\0', 0) != SIZE_MAX) {
    return refuse(reader, name, "must be a token of this server as it was sent");
  }
  struct jg_str token = jg_arena_str(reader->arena, text);
  reader->request->resume_token = (char *)token.data;
  return token.data != NULL ? JG_STATUS_OK : out_of_memory();
}

enum option { NOW, SNAPSHOT, RESUME_TOKEN, SINCE, HEARTBEAT, COALESCE, ENTITY_CHANGES, ON_RESET, VIEW, OPTION_COUNT };
static const char *const option_names[] = {
    [NOW] = "now",
    [SNAPSHOT] = "snapshot",
    [RESUME_TOKEN] = "resume_token",
    [SINCE] = "since",
    [HEARTBEAT] = "heartbeat",
    [COALESCE] = "coalesce",
    [ENTITY_CHANGES] = "entity_changes",
    [ON_RESET] = "snapshot_on_reset",
    [VIEW] = "view",
};
_Static_assert(JG_COUNT(option_names) == OPTION_COUNT, "a name for each option");

static struct jg_status take_seconds(struct reader *reader, const char *name, struct jg_str value,
                                     Google__Protobuf__Duration **ret_duration) {
  *ret_duration = read_seconds(reader, value);
  return *ret_duration != NULL ? JG_STATUS_OK : refuse(reader, name, "must be seconds");
}

static struct jg_status take_view(struct reader *reader, struct jg_str value) {
  bool full = jg_str_equal(value, JG_STR("full"));
  reader->request->view = full ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
  if (!full && !jg_str_equal(value, JG_STR("basic"))) {
    return refuse(reader, "view", "must be basic or full");
  }
  return JG_STATUS_OK;
}

static struct jg_status take_value(struct reader *reader, enum option option, struct jg_str value) {
  Jobgate__V1__WatchJobsRequest *request = reader->request;
  const char *name = option_names[option];
  bool flag = false;
  struct jg_status status;
  switch (option) {
    case NOW:
      return start_empty(reader, name, value, JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW);
    case SNAPSHOT:
      return start_empty(reader, name, value, JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT);
    case RESUME_TOKEN:
      return start_at_token(reader, name, value);
    case SINCE:
      JG_RETURN_IF_ERROR(start_with(reader, name, JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE));
      return read_since(reader, value);
    case HEARTBEAT:
      return take_seconds(reader, name, value, &request->heartbeat_interval);
    case COALESCE:
      return take_seconds(reader, name, value, &request->coalesce_window);
    case ENTITY_CHANGES:
      status = read_bool(reader, name, value, &flag);
      request->entity_changes = flag;
      return status;
    case ON_RESET:
      status = read_bool(reader, name, value, &flag);
      request->snapshot_on_reset = flag;
      return status;
    case VIEW:
      return take_view(reader, value);
    case OPTION_COUNT:
      break;
  }
  JG_ASSERT(false);
  return JG_STATUS_OK;
}

/* Elsewhere an option without `$` is the caller's own (contract statement 46). Here it may be a slip that would leave the snapshot or
 * the filter out without a word. */
static struct jg_status refuse_unknown(struct reader *reader, struct jg_str name) {
  // What is quoted is printed as text, and short.
  bool shown = name.len <= NAME_BYTES_SHOWN && jg_utf8_valid(name);
  return jg_status_printf(reader->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                          "%.*s is not an option of a stream of changes: these are now, snapshot, resume_token, since, "
                          "heartbeat, coalesce, entity_changes, snapshot_on_reset, view, $filter, $select and $expand",
                          JG_STR_ARG(shown ? name : JG_STR("what the query names")));
}

static struct jg_status take_option(struct reader *reader, const struct jg_odata_option *option) {
  struct jg_str name = option->name;
  if (name.len == 0 || name.data[0] == '@') {
    return JG_STATUS_OK;  // A parameter alias.
  }
  for (size_t i = 0; i < JG_COUNT(option_names); i++) {
    if (!jg_str_equal(name, jg_str_from_cstr(option_names[i]))) {
      continue;
    }
    if ((reader->seen & 1u << i) != 0) {
      return refuse(reader, option_names[i], "stands in the query more than once");
    }
    reader->seen |= 1u << i;
    return take_value(reader, (enum option)i, option->value);
  }
  return refuse_unknown(reader, name);
}

/* ---- what it shows ---- */

static struct jg_status set_shape(struct reader *reader, struct jg_rest_changes_query *query) {
  const struct jg_odata_query *odata = &reader->plan->query;
  const struct jg_entity *job = reader->plan->target.entity;
  struct jg_rest_shape shape;
  if (odata->select.data == NULL && odata->expand.data == NULL) {
    return JG_STATUS_OK;
  }
  if (reader->request->view != JOBGATE__V1__JOB_VIEW__JOB_VIEW_UNSPECIFIED) {
    return refuse(reader, "view", "cannot stand beside $select or $expand");
  }
  // What comes of an embedded entity comes whole. Streams go without those that are not asked for, whatever pages do.
  JG_RETURN_IF_ERROR(jg_rest_shape_of(job, odata, true, reader->arena, &shape));
  if (shape.parent) {
    return refuse(reader, "$expand", "cannot name _parent_job, which no stream brings: its changes are another job's");
  }
  if (shape.cut) {
    return jg_status_field(reader->arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, "$select",
                           "of what is in embedded entities is not built for streams");
  }
  const uint64_t nodes = jg_odata_nodes(job);
  uint64_t members = shape.members;
  if (!shape.tree->selected || shape.tree->all) {
    members &= ~nodes | shape.tree->expanded;
  }
  bool full = (members & nodes) != 0;
  reader->request->view = full ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
  if ((members | nodes) == UINT64_MAX >> (JG_MEMBERS_MAX - job->member_count) && !full) {
    return JG_STATUS_OK;
  }
  query->some = true;
  query->members = members | UINT64_C(1) << job->id_member;
  reader->request->read_mask = jg_rest_mask_of(job, query->members, reader->arena);
  return reader->request->read_mask != NULL ? JG_STATUS_OK : out_of_memory();
}

struct jg_status jg_rest_changes_read(const struct jg_app *app, const struct jg_http_request *http,
                                      const struct jg_rest_plan *plan, struct jg_arena *arena,
                                      struct jg_rest_changes_query *query) {
  struct reader reader = {.http = http, .plan = plan, .arena = arena};
  reader.request = (Jobgate__V1__WatchJobsRequest *)jg_message_new(&jobgate__v1__watch_jobs_request__descriptor, arena);
  if (reader.request == NULL) {
    return out_of_memory();
  }
  JG_RETURN_IF_ERROR(jg_rest_stored_filter(app, &plan->query, arena, &reader.request->filter));
  for (size_t i = 0; i < plan->query.custom_count; i++) {
    JG_RETURN_IF_ERROR(take_option(&reader, &plan->query.custom[i]));
  }
  JG_RETURN_IF_ERROR(set_shape(&reader, query));
  struct jg_str last = jg_http_header(http, JG_STR("last-event-id"));
  if (last.len > 0) {
    // A client that reconnects asks the same URL again: what it has heard since counts more than where it began.
    reader.start = NULL;
    JG_RETURN_IF_ERROR(start_at_token(&reader, "Last-Event-ID", last));
  }
  if (reader.start == NULL) {
    JG_RETURN_IF_ERROR(start_empty(&reader, "now", JG_STR("true"), JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW));
  }
  query->request = reader.request;
  return JG_STATUS_OK;
}
