#include <unistd.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/json_encode.h"
#include "proto/codec/json_message.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "server/command/watch_internal.h"
#include "services/changes/fields.h"
#include "services/changes/token.h"

static struct jg_status cannot_write(void) {
  return jg_status_make(JG_DATA_LOSS, JG_REASON_NONE, "cannot write the output");
}

static void keep_token(struct jg_watch *watch, const char *token) {
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

static struct jg_status flush_line(struct jg_watch *watch) {
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

/* ,"resume_token":"..." unless it is empty */
static void append_token(struct jg_buf *out, const char *token) {
  if (token[0] != '\0') {
    jg_buf_append_str(out, JG_STR(",\"resume_token\":"));
    jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_from_cstr(token), out);
  }
}

/* An entity of any kind; of a deleted one the id is all there is. */
static struct jg_status append_entity(struct jg_watch *watch, enum jg_kind kind, const ProtobufCMessage *message,
                                      bool deleted) {
  static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};
  const struct jg_entity *entity = jg_entity(kind);
  if (!deleted) {
    return jg_json_encode_message(&style, entity, message, &watch->arena, &watch->line);
  }
  struct jg_str id = jg_member_str(message, &entity->members[entity->id_member]);
  jg_buf_printf(&watch->line, "{\"id\":\"%.*s\"}", JG_STR_ARG(id));
  return JG_STATUS_OK;
}

static struct jg_status append_subject(struct jg_watch *watch, const Jobgate__V1__JobChange *change) {
  bool deleted = change->kind == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
  if (change->entity != NULL && change->entity->entity_case != JOBGATE__V1__ANY_ENTITY__ENTITY__NOT_SET) {
    // The number of the field is that of the kind (entity_service.proto).
    enum jg_kind kind = (enum jg_kind)change->entity->entity_case;
    jg_buf_printf(&watch->line, "],\"entity_kind\":\"%.*s\",\"entity\":", JG_STR_ARG(jg_entity(kind)->name));
    return append_entity(watch, kind, &change->entity->project->base, deleted);
  }
  jg_buf_append_str(&watch->line, JG_STR("],\"job\":"));
  if (change->job == NULL) {
    jg_buf_append_str(&watch->line, JG_STR("{}"));
    return JG_STATUS_OK;
  }
  return append_entity(watch, JG_KIND_JOB, &change->job->base, deleted);
}

/* The old values, of those members alone that stand in the bytes: a message that is decoded does not tell. */
static bool append_before(struct jg_buf *out, struct jg_str change) {
  static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};
  struct jg_parts before = {.entity = jg_entity(JG_KIND_JOB)};
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, change);
  while (jg_wire_next(&reader, &field)) {
    before.payload = field.number == JG_FIELD_CHANGE_BEFORE ? field.bytes : before.payload;
  }
  uint64_t members = 0;
  jg_wire_reader_init(&reader, before.payload);
  while (jg_wire_next(&reader, &field)) {
    const struct jg_member *member = jg_entity_member_by_number(before.entity, field.number);
    members |= member != NULL ? UINT64_C(1) << member->index : 0;
  }
  if (before.payload.data != NULL) {
    jg_buf_append_str(out, JG_STR(",\"before\":"));
    jg_json_encode_members(&style, &before, JG_STR_NONE, members, out);
  }
  return !reader.failed;
}

/* A change with its bytes. */
struct change {
  const Jobgate__V1__JobChange *message;
  struct jg_str bytes;
};

/* token: "" inside a request. */
static struct jg_status print_change(struct jg_watch *watch, struct change of, const char *token) {
  const Jobgate__V1__JobChange *change = of.message;
  struct jg_buf *out = &watch->line;
  jg_buf_printf(out, "{\"event\":\"change\",\"revision\":%lld,\"kind\":\"%s\",\"commit_time\":\"",
                (long long)change->revision, kind_name(change->kind));
  append_time(out, change->commit_time);
  jg_buf_printf(out, "\",\"transaction_last\":%s,\"changed_fields\":[", change->transaction_last ? "true" : "false");
  for (size_t i = 0; change->changed_fields != NULL && i < change->changed_fields->n_paths; i++) {
    jg_buf_append_str(out, i > 0 ? JG_STR(",") : JG_STR(""));
    jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_from_cstr(change->changed_fields->paths[i]), out);
  }
  JG_RETURN_IF_ERROR(append_subject(watch, change));
  if (!append_before(out, of.bytes)) {
    return jg_status_make(JG_DATA_LOSS, JG_REASON_NONE, "the server sent a change that cannot be read");
  }
  if (change->traceparent[0] != '\0') {
    jg_buf_append_str(out, JG_STR(",\"traceparent\":"));
    jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_from_cstr(change->traceparent), out);
  }
  append_token(out, token);
  watch->inside = token[0] == '\0';
  jg_buf_append_char(out, '}');
  return flush_line(watch);
}

/* Where to go on behind a change: behind the last one of a request, so that who ends there has a place. That of a message, whose
 * token is of the same version as this program, is moved to it; of another version it is the message's alone. So it is where changes
 * are gathered: among these a job may stand that began before, as what became of it since then. */
static const char *token_behind(const struct jg_watch *watch, const Jobgate__V1__WatchChanges *changes, size_t index,
                                char text[JG_TOKEN_TEXT_MAX + 1]) {
  struct jg_token token;
  if (index + 1 == changes->n_changes) {
    return changes->resume_token;
  }
  if (!changes->changes[index]->transaction_last || jg_options_integer(watch->options, "coalesce") > 0 ||
      !jg_status_ok(jg_token_parse(jg_str_from_cstr(changes->resume_token), &token))) {
    return "";
  }
  token.revision = changes->changes[index]->revision;
  text[jg_token_format(&token, text)] = '\0';
  return text;
}

static struct jg_status print_changes(struct jg_watch *watch, const Jobgate__V1__WatchChanges *changes,
                                      struct jg_str bytes) {
  struct jg_wire_reader reader;
  struct jg_wire_field field = {0};
  jg_wire_reader_init(&reader, bytes);
  for (size_t i = 0; i < changes->n_changes; i++) {
    const Jobgate__V1__JobChange *change = changes->changes[i];
    char text[JG_TOKEN_TEXT_MAX + 1];
    // The message was decoded from these bytes: they hold as many.
    while (jg_wire_next(&reader, &field) && field.number != JG_FIELD_CHANGES_CHANGES) {
    }
    if (change->revision <= watch->revision) {
      continue; /* a request that was cut by a lost connection comes again from its start */
    }
    JG_RETURN_IF_ERROR(
        print_change(watch, (struct change){change, field.bytes}, token_behind(watch, changes, i, text)));
    watch->revision = change->revision;
    watch->printed++;
    if (jg_watch_is_over(watch)) {
      return JG_STATUS_OK;
    }
  }
  keep_token(watch, changes->resume_token);
  return JG_STATUS_OK;
}

static struct jg_status print_snapshot(struct jg_watch *watch, const Jobgate__V1__WatchSnapshot *snapshot) {
  for (size_t i = 0; i < snapshot->n_jobs; i++) {
    jg_buf_append_str(&watch->line, JG_STR("{\"event\":\"job\",\"job\":"));
    JG_RETURN_IF_ERROR(append_entity(watch, JG_KIND_JOB, &snapshot->jobs[i]->base, false));
    watch->inside = i + 1 < snapshot->n_jobs;
    append_token(&watch->line, watch->inside ? "" : snapshot->resume_token);
    jg_buf_append_char(&watch->line, '}');
    JG_RETURN_IF_ERROR(flush_line(watch));
    watch->printed++;
    if (jg_watch_is_over(watch)) {
      return JG_STATUS_OK;
    }
  }
  keep_token(watch, snapshot->resume_token);
  return JG_STATUS_OK;
}

/* {"event":"opened"|"bookmark"|"synced",...} */
static struct jg_status print_position(struct jg_watch *watch, const char *event, int64_t revision, const char *token) {
  keep_token(watch, token);
  jg_buf_printf(&watch->line, "{\"event\":\"%s\",\"revision\":%lld", event, (long long)revision);
  append_token(&watch->line, token);
  jg_buf_append_char(&watch->line, '}');
  return flush_line(watch);
}

static struct jg_status print_reset(struct jg_watch *watch, const Jobgate__V1__WatchReset *reset) {
  watch->revision = 0; /* another epoch's numbers begin anew */
  jg_buf_append_str(&watch->line, JG_STR("{\"event\":\"reset\",\"reason\":"));
  jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_from_cstr(reset->reason), &watch->line);
  jg_buf_printf(&watch->line, ",\"oldest_revision\":%lld,\"newest_revision\":%lld}", (long long)reset->oldest_revision,
                (long long)reset->newest_revision);
  return flush_line(watch);
}

static void take_drain(struct jg_watch *watch, const Jobgate__V1__WatchDrain *drain) {
  keep_token(watch, drain->resume_token);
  if (drain->retry_delay != NULL) {
    watch->retry_ms = drain->retry_delay->seconds * 1000 + drain->retry_delay->nanos / 1000000;
  }
}

/* The event's own bytes. */
static struct jg_str event_of(struct jg_str message) {
  struct jg_wire_reader reader;
  struct jg_wire_field field = {0};
  jg_wire_reader_init(&reader, message);
  (void)jg_wire_next(&reader, &field);  // The message was decoded from these bytes.
  return field.bytes;
}

struct jg_status jg_watch_take(struct jg_watch *watch, struct jg_str bytes) {
  ProtobufCMessage *message;
  JG_RETURN_IF_ERROR(jg_message_unpack(&jobgate__v1__watch_jobs_response__descriptor, bytes, &watch->arena, &message));
  const Jobgate__V1__WatchJobsResponse *response = (const Jobgate__V1__WatchJobsResponse *)message;
  watch->retry_ms = JG_WATCH_RETRY_MS_MIN;
  watch->was_open = true;
  switch (response->event_case) {
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_OPENED:
      return print_position(watch, "opened", response->opened->revision, response->opened->resume_token);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES:
      return print_changes(watch, response->changes, event_of(bytes));
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK:
      return print_position(watch, "bookmark", response->bookmark->revision, response->bookmark->resume_token);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SNAPSHOT:
      return print_snapshot(watch, response->snapshot);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SYNCED:
      watch->over = watch->until_synced;
      return print_position(watch, "synced", response->synced->revision, response->synced->resume_token);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_RESET:
      return print_reset(watch, response->reset);
    case JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN:
      take_drain(watch, response->drain);
      return JG_STATUS_OK;
    default:
      return JG_STATUS_OK; /* of a newer server */
  }
}
