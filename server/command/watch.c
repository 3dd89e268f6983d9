/* `jobgate watch`: the change stream as NDJSON. Reconnects by itself with the last token; what was printed is never printed
 * again, and nothing is left out. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/json_encode.h"
#include "proto/codec/message.h"
#include "server/command/remote.h"

#define MESSAGE_ARENA_BYTES (64u << 20)
#define LINE_BYTES_MAX (64u << 20)
#define TOKEN_BYTES_MAX 512
#define RETRY_MS_MIN 100
#define RETRY_MS_MAX 5000

static const struct jg_option watch_options[] = {
    JG_OPTION_SERVER,
    JG_OPTION_USER,
    JG_OPTION_PASSWORD_FILE,
    {.name = "resume-token",
     .type = JG_OPTION_TEXT,
     .metavar = "T",
     .help = "go on behind this token; default: from now"},
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
     .help = "end after this many changes; 0: never"},
};

/* The whole watch, over all its connections. */
struct watch {
  const struct jg_options *options;
  struct jg_grpc_client *client;
  struct jg_arena arena; /* of one message */
  struct jg_buf line;
  char token[TOKEN_BYTES_MAX]; /* where to go on; empty: from now */
  int64_t revision;            /* of the last change printed */
  int64_t printed, wanted;
  int64_t retry_ms; /* pause before the next connection */
};

static struct jg_status cannot_write(void) {
  return jg_status_make(JG_DATA_LOSS, JG_REASON_NONE, "cannot write the output");
}

static void keep_token(struct watch *watch, const char *token) {
  size_t len = strlen(token);
  if (len > 0 && len < sizeof watch->token) {
    memcpy(watch->token, token, len + 1);
  }
}

static void append_time(struct jg_buf *out, const Google__Protobuf__Timestamp *time) {
  int64_t ticks;
  char text[JG_DATE_TEXT_MAX];
  if (time != NULL && jg_date_from_timestamp(time->seconds, time->nanos, &ticks)) {
    jg_buf_append(out, text, jg_date_format(ticks, JG_DATE_OFFSET, text));
  }
}

static struct jg_status flush_line(struct watch *watch) {
  jg_buf_append_char(&watch->line, '\n');
  if (watch->line.failed || !jg_command_write(STDOUT_FILENO, jg_buf_str(&watch->line))) {
    return cannot_write();
  }
  jg_buf_clear(&watch->line);
  return JG_STATUS_OK;
}

static const char *kind_name(Jobgate__V1__ChangeKind kind) {
  const ProtobufCEnumValue *value =
      protobuf_c_enum_descriptor_get_value(&jobgate__v1__change_kind__descriptor, (int)kind);
  return value != NULL ? value->name + sizeof "CHANGE_KIND_" - 1 : "UNKNOWN";
}

/* token: "" unless this change is the last of its message. */
static struct jg_status print_change(struct watch *watch, const Jobgate__V1__JobChange *change, const char *token) {
  struct jg_buf *out = &watch->line;
  jg_buf_printf(out, "{\"event\":\"change\",\"revision\":%lld,\"kind\":\"%s\",\"commit_time\":\"",
                (long long)change->revision, kind_name(change->kind));
  append_time(out, change->commit_time);
  jg_buf_printf(out, "\",\"transaction_last\":%s,\"changed_fields\":[", change->transaction_last ? "true" : "false");
  for (size_t i = 0; change->changed_fields != NULL && i < change->changed_fields->n_paths; i++) {
    jg_buf_append_str(out, i > 0 ? JG_STR(",") : JG_STR(""));
    jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_from_cstr(change->changed_fields->paths[i]), out);
  }
  jg_buf_append_str(out, JG_STR("],\"job\":"));
  if (change->kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED && change->job != NULL) {
    jg_buf_printf(out, "{\"id\":\"%s\"}", change->job->id);
  } else if (change->job != NULL) {
    JG_RETURN_IF_ERROR(jg_remote_print_job(&change->job->base, &watch->arena, out));
  } else {
    jg_buf_append_str(out, JG_STR("{}"));
  }
  if (token[0] != '\0') {
    jg_buf_append_str(out, JG_STR(",\"resume_token\":"));
    jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_from_cstr(token), out);
  }
  jg_buf_append_char(out, '}');
  return flush_line(watch);
}

static struct jg_status print_changes(struct watch *watch, const Jobgate__V1__WatchChanges *changes) {
  for (size_t i = 0; i < changes->n_changes; i++) {
    const Jobgate__V1__JobChange *change = changes->changes[i];
    if (change->revision <= watch->revision) {
      continue; /* a request that was cut by a lost connection comes again from its start */
    }
    JG_RETURN_IF_ERROR(print_change(watch, change, i + 1 == changes->n_changes ? changes->resume_token : ""));
    watch->revision = change->revision;
    if (++watch->printed == watch->wanted) {
      return JG_STATUS_OK;
    }
  }
  keep_token(watch, changes->resume_token);
  return JG_STATUS_OK;
}

/* {"event":"opened"|"bookmark",...} */
static struct jg_status print_position(struct watch *watch, const char *event, int64_t revision, const char *token) {
  keep_token(watch, token);
  jg_buf_printf(&watch->line, "{\"event\":\"%s\",\"revision\":%lld,\"resume_token\":", event, (long long)revision);
  jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_from_cstr(token), &watch->line);
  jg_buf_append_char(&watch->line, '}');
  return flush_line(watch);
}

static struct jg_status take_message(struct watch *watch, struct jg_str bytes) {
  ProtobufCMessage *message;
  JG_RETURN_IF_ERROR(jg_message_unpack(&jobgate__v1__watch_jobs_response__descriptor, bytes, &watch->arena, &message));
  const Jobgate__V1__WatchJobsResponse *response = (const Jobgate__V1__WatchJobsResponse *)message;
  watch->retry_ms = RETRY_MS_MIN;
  switch (response->event_case) {
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_OPENED:
      return print_position(watch, "opened", response->opened->revision, response->opened->resume_token);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES:
      return print_changes(watch, response->changes);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK:
      return print_position(watch, "bookmark", response->bookmark->revision, response->bookmark->resume_token);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN:
      keep_token(watch, response->drain->resume_token);
      if (response->drain->retry_delay != NULL) {
        watch->retry_ms = response->drain->retry_delay->seconds * 1000 + response->drain->retry_delay->nanos / 1000000;
      }
      return JG_STATUS_OK;
    default:
      return JG_STATUS_OK; /* of a newer server */
  }
}

static struct jg_str pack_request(struct watch *watch) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  Google__Protobuf__Duration heartbeat = GOOGLE__PROTOBUF__DURATION__INIT;
  heartbeat.seconds = jg_options_integer(watch->options, "heartbeat");
  request.heartbeat_interval = &heartbeat;
  bool full = strcmp(jg_options_text(watch->options, "view"), "full") == 0;
  request.view = full ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
  if (watch->token[0] != '\0') {
    request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
    request.resume_token = watch->token;
  } else {
    request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
    request.now = &now;
  }
  return jg_message_pack(&request.base, &watch->arena);
}

/* One connection: until it ends, or enough was printed. A silence of 2.5 heartbeats is a dead connection. */
static struct jg_status watch_once(struct watch *watch) {
  const struct jg_grpc_request call = {.path = "/jobgate.v1.JobService/WatchJobs"};
  struct jg_grpc_stream *stream;
  JG_RETURN_IF_ERROR(jg_grpc_stream_open(watch->client, &call, &stream));
  struct jg_status status = JG_STATUS_OK;
  if (jg_grpc_stream_send(stream, pack_request(watch))) {
    jg_grpc_stream_close_send(stream);
  }
  int64_t silence_ms = jg_options_integer(watch->options, "heartbeat") * 2500;
  while (jg_status_ok(status) && (watch->wanted == 0 || watch->printed < watch->wanted)) {
    enum jg_grpc_next next;
    struct jg_str message;
    jg_arena_reset(&watch->arena);
    status = jg_grpc_stream_next(stream, silence_ms, &watch->arena, &next, &message);
    if (jg_status_ok(status) && next == JG_GRPC_NEXT_MESSAGE) {
      status = take_message(watch, message);
    } else if (jg_status_ok(status)) {
      status = jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "the stream fell silent");
    }
  }
  jg_grpc_stream_destroy(stream);
  return status;
}

static void pause_before_retry(struct watch *watch) {
  uint16_t random;
  jg_random(&random, sizeof random);
  int64_t ms = watch->retry_ms + watch->retry_ms * random / UINT16_MAX / 2;
  const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
  watch->retry_ms = watch->retry_ms * 2 < RETRY_MS_MAX ? watch->retry_ms * 2 : RETRY_MS_MAX;
}

static int run_watch(const struct jg_options *options, struct jg_arena *arena) {
  struct watch watch = {.options = options, .wanted = jg_options_integer(options, "count"), .retry_ms = RETRY_MS_MIN};
  struct jg_status opened = jg_remote_open(options, arena, &watch.client);
  if (!jg_status_ok(opened)) {
    return jg_command_usage(opened);
  }
  jg_arena_init(&watch.arena, MESSAGE_ARENA_BYTES);
  jg_buf_init(&watch.line, LINE_BYTES_MAX);
  const char *token = jg_options_text(options, "resume-token");
  keep_token(&watch, token != NULL ? token : "");
  bool first = true;
  struct jg_status status;
  for (;;) {
    status = watch_once(&watch);
    /* Only what can pass by waiting is tried again, and a server that was never there is an error. */
    bool again = status.code == JG_UNAVAILABLE && !(first && watch.token[0] == '\0');
    if (!again) {
      break;
    }
    first = false;
    fprintf(stderr, "jobgate: %s; going on\n", status.message);
    pause_before_retry(&watch);
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
