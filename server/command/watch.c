/* `jobgate watch`: the change stream as NDJSON. Reconnects by itself with the last token; what was printed is never printed
 * again, and nothing is left out. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/message.h"
#include "server/command/watch_internal.h"

#define MESSAGE_ARENA_BYTES (64u << 20)
#define LINE_BYTES_MAX (64u << 20)
#define RETRY_MS_MAX 5000

static const struct jg_option watch_options[] = {
    JG_OPTION_SERVER,
    JG_OPTION_USER,
    JG_OPTION_PASSWORD_FILE,
    {.name = "resume-token",
     .type = JG_OPTION_TEXT,
     .metavar = "T",
     .help = "go on behind this token; default: from now, or as below"},
    {.name = "snapshot", .type = JG_OPTION_FLAG, .value = "false", .help = "begin with all jobs as they are"},
    {.name = "since",
     .type = JG_OPTION_TEXT,
     .metavar = "TIME",
     .help = "begin with the first change of this time or later"},
    {.name = "filter",
     .type = JG_OPTION_TEXT,
     .value = "",
     .metavar = "F",
     .help = "only jobs that match: an OData $filter over members that jobs themselves hold"},
    {.name = "view",
     .type = JG_OPTION_CHOICE,
     .value = "basic",
     .choices = "basic|full",
     .help = "embedded entities or not"},
    {.name = "heartbeat",
     .type = JG_OPTION_INTEGER,
     .value = "15",
     .min = 5,
     .max = 300,
     .metavar = "SECONDS",
     .help = "time between bookmarks while nothing happens"},
    {.name = "count",
     .type = JG_OPTION_INTEGER,
     .value = "0",
     .min = 0,
     .max = INT64_MAX,
     .metavar = "N",
     .help =
         "end after this many changes and jobs of a snapshot; 0: never. Each change that ends a request has a token"},
    {.name = "until-synced",
     .type = JG_OPTION_FLAG,
     .value = "false",
     .help = "end when the snapshot is complete: of --snapshot, or that --resume-token stands in"},
    {.name = "entity-changes",
     .type = JG_OPTION_FLAG,
     .value = "false",
     .help = "also the changes of embedded entities"},
    {.name = "coalesce",
     .type = JG_OPTION_INTEGER,
     .value = "0",
     .min = 0,
     .max = 60000,
     .metavar = "MS",
     .help = "changes of one job within this time come as one"},
    {.name = "snapshot-on-reset",
     .type = JG_OPTION_FLAG,
     .value = "false",
     .help = "begin anew with a snapshot if the history behind the token is lost"},
};

/* The start that the settings ask for, if there is no token yet. */
struct start {
  Google__Protobuf__Empty empty;
  Google__Protobuf__Timestamp since;
};

static void choose_start(const struct jg_watch *watch, Jobgate__V1__WatchJobsRequest *request, struct start *start) {
  google__protobuf__empty__init(&start->empty);
  google__protobuf__timestamp__init(&start->since);
  if (jg_options_text(watch->options, "since") != NULL) {
    jg_date_to_timestamp(watch->since_ticks, &start->since.seconds, &start->since.nanos);
    request->start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE;
    request->since = &start->since;
  } else if (jg_options_integer(watch->options, "snapshot") != 0) {
    request->start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT;
    request->snapshot = &start->empty;
  } else {
    request->start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
    request->now = &start->empty;
  }
}

static struct jg_status pack_request(struct jg_watch *watch, struct jg_str *ret_bytes) {
  const struct jg_options *options = watch->options;
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Duration heartbeat = GOOGLE__PROTOBUF__DURATION__INIT;
  Google__Protobuf__Duration coalesce = GOOGLE__PROTOBUF__DURATION__INIT;
  struct start start;
  heartbeat.seconds = jg_options_integer(options, "heartbeat");
  request.heartbeat_interval = &heartbeat;
  int64_t coalesce_ms = jg_options_integer(options, "coalesce");
  coalesce.seconds = coalesce_ms / 1000;
  coalesce.nanos = (int32_t)(coalesce_ms % 1000 * 1000000);
  request.coalesce_window = coalesce_ms > 0 ? &coalesce : NULL;
  bool full = strcmp(jg_options_text(options, "view"), "full") == 0;
  request.view = full ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
  request.filter = (char *)jg_options_text(options, "filter");
  request.entity_changes = (protobuf_c_boolean)jg_options_integer(options, "entity-changes");
  request.snapshot_on_reset = (protobuf_c_boolean)jg_options_integer(options, "snapshot-on-reset");
  if (watch->token[0] != '\0') {
    request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
    request.resume_token = watch->token;
  } else {
    choose_start(watch, &request, &start);
  }
  *ret_bytes = jg_message_pack(&request.base, &watch->arena);
  return JG_STATUS_OK;
}

/* One connection: until it ends, or enough was printed. A silence of 2.5 heartbeats is a dead connection. */
static struct jg_status watch_once(struct jg_watch *watch) {
  const struct jg_grpc_request call = {.path = "/jobgate.v1.JobService/WatchJobs"};
  struct jg_grpc_stream *stream;
  JG_RETURN_IF_ERROR(jg_grpc_stream_open(watch->client, &call, &stream));
  struct jg_str request = JG_STR_NONE;
  struct jg_status status = pack_request(watch, &request);
  if (jg_status_ok(status) && jg_grpc_stream_send(stream, request)) {
    jg_grpc_stream_close_send(stream);
  }
  int64_t silence_ms = jg_options_integer(watch->options, "heartbeat") * 2500;
  while (jg_status_ok(status) && !jg_watch_is_over(watch)) {
    enum jg_grpc_next next;
    struct jg_str message;
    jg_arena_reset(&watch->arena);
    status = jg_grpc_stream_next(stream, silence_ms, &watch->arena, &next, &message);
    if (jg_status_ok(status) && next == JG_GRPC_NEXT_MESSAGE) {
      status = jg_watch_take(watch, message);
    } else if (jg_status_ok(status)) {
      status = jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "the stream fell silent");
    }
  }
  jg_grpc_stream_destroy(stream);
  return status;
}

static void pause_before_retry(struct jg_watch *watch) {
  uint16_t random;
  jg_random(&random, sizeof random);
  int64_t ms = watch->retry_ms + watch->retry_ms * random / UINT16_MAX / 2;
  const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
  watch->retry_ms = watch->retry_ms * 2 < RETRY_MS_MAX ? watch->retry_ms * 2 : RETRY_MS_MAX;
}

static struct jg_status refuse(const char *message) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, message);
}

/* A stream starts at one place, which the settings must name: one that was passed over would leave changes out without a word. */
static struct jg_status take_start(struct jg_watch *watch) {
  const char *token = jg_options_text(watch->options, "resume-token");
  const char *since = jg_options_text(watch->options, "since");
  bool snapshot = jg_options_integer(watch->options, "snapshot") != 0;
  if ((token != NULL) + (since != NULL) + snapshot > 1) {
    return refuse("only one of --resume-token, --snapshot and --since: a stream starts at one place");
  }
  if (watch->until_synced && token == NULL && !snapshot) {
    return refuse("--until-synced needs --snapshot, or a --resume-token that stands in one: it would never end");
  }
  if (since != NULL && !jg_date_parse(jg_str_from_cstr(since), &watch->since_ticks)) {
    return refuse("--since must be a date with time, as 2026-01-29T07:13:40Z");
  }
  size_t len = token != NULL ? strlen(token) : 0;
  if (token != NULL && (len == 0 || len >= sizeof(watch->token))) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN,
                          "--resume-token must be a token of this server as it was sent");
  }
  if (token != NULL) {
    memcpy(watch->token, token, len + 1);
  }
  return JG_STATUS_OK;
}

static int run_watch(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_watch watch = {.options = options,
                           .wanted = jg_options_integer(options, "count"),
                           .until_synced = jg_options_integer(options, "until-synced") != 0,
                           .retry_ms = JG_WATCH_RETRY_MS_MIN};
  struct jg_status opened = take_start(&watch);
  if (jg_status_ok(opened)) {
    opened = jg_remote_open(options, arena, &watch.client);
  }
  if (!jg_status_ok(opened)) {
    return jg_command_usage(opened);
  }
  jg_arena_init(&watch.arena, MESSAGE_ARENA_BYTES);
  jg_buf_init(&watch.line, LINE_BYTES_MAX);
  struct jg_status status;
  for (;;) {
    status = watch_once(&watch);
    /* Only what can pass by waiting is tried again, and a server that was never there is an error. A slow consumer is sent away
     * with RESOURCE_EXHAUSTED. */
    bool may_pass = status.code == JG_UNAVAILABLE || status.code == JG_RESOURCE_EXHAUSTED;
    if (!may_pass || !watch.was_open) {
      break;
    }
    fprintf(stderr, "jobgate: %s; going on\n", status.message);
    pause_before_retry(&watch);
  }
  if (jg_status_ok(status) && watch.inside) {
    (void)fputs("jobgate: ended inside a request or a part of the snapshot: its token would lead before that\n",
                stderr);
  }
  int code = jg_status_ok(status) ? JG_EXIT_OK : jg_command_fail(status);
  jg_buf_done(&watch.line);
  jg_arena_done(&watch.arena);
  jg_grpc_client_destroy(watch.client);
  return code;
}

const struct jg_command jg_command_watch = {
    .name = "watch",
    .operands = "",
    .help = "print every change of jobs as it is committed",
    .options = watch_options,
    .option_count = JG_COUNT(watch_options),
    .run = run_watch,
};
