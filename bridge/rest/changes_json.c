// Messages of WatchJobs as JSON documents of one line, framed. The jobs in them are printed from their wire bytes as they lie.

#include <inttypes.h>

#include "base/clock.h"
#include "bridge/rest/changes_internal.h"
#include "bridge/rest/changes_job.h"
#include "proto/codec/wire.h"
#include "services/changes/fields.h"

/* Fields of one message above, at most, and one for those that are unknown. */
#define FIELDS_MAX 10u

/* A message of 3 MiB whose every byte needs an escape of six. */
#define PIECE_BYTES_MAX (32u << 20)

/* The fields of a message by number, those that do not repeat; number 0: unknown ones. */
struct fields {
  struct jg_wire_field of[FIELDS_MAX];
};

struct printer {
  const struct jg_rest_changes_style *style;
  struct jg_rest_job_printer jobs;
  struct jg_buf out;
  bool failed;
};

static bool read_fields(struct jg_str message, struct fields *ret_fields) {
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  *ret_fields = (struct fields){0};
  jg_wire_reader_init(&reader, message);
  while (jg_wire_next(&reader, &field)) {
    ret_fields->of[field.number < FIELDS_MAX ? field.number : 0] = field;
  }
  return !reader.failed;
}

static void put(struct printer *printer, const char *text) {
  jg_buf_append_str(&printer->out, jg_str_from_cstr(text));
}

static void put_string(struct printer *printer, const char *name, struct jg_str value) {
  put(printer, name);
  jg_json_encode_string(printer->style->json->escape, value, &printer->out);
}

static void put_integer(struct printer *printer, const char *name, int64_t value) {
  jg_buf_printf(&printer->out, "%s%" PRId64, name, value);
}

/* Seconds and nanos of a Timestamp or a Duration. */
static void read_time(struct printer *printer, struct jg_str message, int64_t *ret_seconds, int32_t *ret_nanos) {
  struct fields fields;
  printer->failed = !read_fields(message, &fields) || printer->failed;
  *ret_seconds = (int64_t)fields.of[JG_FIELD_SECONDS].value;
  *ret_nanos = (int32_t)fields.of[JG_FIELD_NANOS].value;
}

static void put_time(struct printer *printer, const char *name, struct jg_str message) {
  int64_t seconds = 0, ticks = 0;
  int32_t nanos = 0;
  char text[JG_DATE_TEXT_MAX];
  read_time(printer, message, &seconds, &nanos);
  if (!jg_date_from_timestamp(seconds, nanos, &ticks)) {
    printer->failed = true;
    return;
  }
  put_string(printer, name, jg_str_make(text, jg_date_format(ticks, printer->style->json->date, text)));
}

static int64_t duration_ms(struct printer *printer, struct jg_str message) {
  int64_t seconds = 0;
  int32_t nanos = 0;
  read_time(printer, message, &seconds, &nanos);
  return seconds * 1000 + nanos / 1000000;
}

/* ---- what stands around a document ---- */

/* token: where a client goes on that has seen this; data NULL: where it was. */
static void begin(struct printer *printer, const char *event, struct jg_str token, int64_t retry_ms) {
  struct jg_buf *out = &printer->out;
  if (printer->style->framing == JG_REST_EVENTS) {
    jg_buf_printf(out, "event: %s\n", event);
    if (token.data != NULL) {
      jg_buf_printf(out, "id: %.*s\n", JG_STR_ARG(token));
    }
    if (retry_ms > 0) {
      jg_buf_printf(out, "retry: %" PRId64 "\n", retry_ms);
    }
    put(printer, "data: ");
  }
  jg_buf_printf(out, "{\"event\":\"%s\"", event);
}

static void end(struct printer *printer, struct jg_str token) {
  if (token.data != NULL) {
    put_string(printer, ",\"resume_token\":", token);
  }
  put(printer, printer->style->framing == JG_REST_EVENTS ? "}\n\n" : "}\n");
}

/* ---- messages ---- */

static void print_opened(struct printer *printer, const struct fields *f, int64_t retry_ms) {
  struct jg_str token = f->of[JG_FIELD_OPENED_TOKEN].bytes;
  begin(printer, "opened", token, retry_ms);
  put_string(printer, ",\"stream_id\":", f->of[JG_FIELD_OPENED_STREAM_ID].bytes);
  put_integer(printer, ",\"heartbeat_ms\":", duration_ms(printer, f->of[JG_FIELD_OPENED_HEARTBEAT].bytes));
  put_string(printer, ",\"epoch\":", f->of[JG_FIELD_OPENED_EPOCH].bytes);
  put_integer(printer, ",\"revision\":", (int64_t)f->of[JG_FIELD_OPENED_REVISION].value);
  end(printer, token);
}

static void print_bookmark(struct printer *printer, const struct fields *f) {
  struct jg_str token = f->of[JG_FIELD_BOOKMARK_TOKEN].bytes;
  if (printer->style->framing == JG_REST_EVENTS) {
    // A comment, for whoever looks at the bytes; clients that listen for no bookmarks keep its id all the same.
    put(printer, ": heartbeat\n");
  }
  begin(printer, "bookmark", token, 0);
  put_integer(printer, ",\"revision\":", (int64_t)f->of[JG_FIELD_BOOKMARK_REVISION].value);
  put_time(printer, ",\"time\":", f->of[JG_FIELD_BOOKMARK_TIME].bytes);
  end(printer, token);
}

static void print_drain(struct printer *printer, const struct fields *f) {
  struct jg_str token = f->of[JG_FIELD_DRAIN_TOKEN].bytes;
  int64_t delay_ms = duration_ms(printer, f->of[JG_FIELD_DRAIN_RETRY_DELAY].bytes);
  begin(printer, "drain", token, delay_ms);
  put_integer(printer, ",\"retry_delay_ms\":", delay_ms);
  end(printer, token);
}

static void print_synced(struct printer *printer, const struct fields *f) {
  struct jg_str token = f->of[JG_FIELD_SYNCED_TOKEN].bytes;
  begin(printer, "synced", token, 0);
  put_integer(printer, ",\"revision\":", (int64_t)f->of[JG_FIELD_SYNCED_REVISION].value);
  end(printer, token);
}

static void print_reset(struct printer *printer, const struct fields *f) {
  begin(printer, "reset", JG_STR_NONE, 0);
  put_string(printer, ",\"reason\":", f->of[JG_FIELD_RESET_REASON].bytes);
  put_integer(printer, ",\"oldest_revision\":", (int64_t)f->of[JG_FIELD_RESET_OLDEST].value);
  put_integer(printer, ",\"newest_revision\":", (int64_t)f->of[JG_FIELD_RESET_NEWEST].value);
  end(printer, JG_STR_NONE);
}

static const char *kind_name(uint64_t kind) {
  const ProtobufCEnumValue *value = NULL;
  if (kind <= INT32_MAX) {
    value = protobuf_c_enum_descriptor_get_value(&jobgate__v1__change_kind__descriptor, (int)kind);
  }
  return value != NULL ? value->name + sizeof("CHANGE_KIND_") - 1 : "UNKNOWN";
}

/* A mask's paths by their legacy names. entity: whose members they are; NULL: as they are. */
static void put_changed_fields(struct printer *printer, struct jg_str mask, const struct jg_entity *entity) {
  struct jg_wire_reader reader;
  struct jg_wire_field path;
  const char *separator = "";
  put(printer, ",\"changed_fields\":[");
  jg_wire_reader_init(&reader, mask);
  while (jg_wire_next(&reader, &path)) {
    const struct jg_member *member = entity != NULL ? jg_entity_member_by_proto(entity, path.bytes) : NULL;
    put_string(printer, separator, member != NULL ? member->name : path.bytes);
    separator = ",";
  }
  put(printer, "]");
  printer->failed = printer->failed || reader.failed;
}

static void print_change(struct printer *printer, struct jg_str message) {
  struct fields f;
  printer->failed = !read_fields(message, &f) || printer->failed;
  bool deleted = f.of[JG_FIELD_CHANGE_KIND].value == JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
  put_integer(printer, "{\"revision\":", (int64_t)f.of[JG_FIELD_CHANGE_REVISION].value);
  jg_buf_printf(&printer->out, ",\"kind\":\"%s\"", kind_name(f.of[JG_FIELD_CHANGE_KIND].value));
  put_time(printer, ",\"commit_time\":", f.of[JG_FIELD_CHANGE_COMMIT_TIME].bytes);
  jg_buf_printf(&printer->out, ",\"transaction_last\":%s",
                f.of[JG_FIELD_CHANGE_TRANSACTION_LAST].value != 0 ? "true" : "false");
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  bool ok = true;
  if (f.of[JG_FIELD_CHANGE_ENTITY].bytes.data != NULL) {
    ok = jg_rest_print_entity(&printer->jobs, f.of[JG_FIELD_CHANGE_ENTITY].bytes, deleted, &entity, &printer->out);
  } else {
    put(printer, ",\"job\":");
    ok = jg_rest_print_job(&printer->jobs, f.of[JG_FIELD_CHANGE_JOB].bytes, deleted, &printer->out);
  }
  put_changed_fields(printer, f.of[JG_FIELD_CHANGE_CHANGED_FIELDS].bytes, entity);
  if (ok && f.of[JG_FIELD_CHANGE_BEFORE].bytes.data != NULL) {
    put(printer, ",\"before\":");
    ok = jg_rest_print_before(&printer->jobs, f.of[JG_FIELD_CHANGE_BEFORE].bytes, &printer->out);
  }
  if (f.of[JG_FIELD_CHANGE_TRACEPARENT].bytes.len > 0) {
    put_string(printer, ",\"traceparent\":", f.of[JG_FIELD_CHANGE_TRACEPARENT].bytes);
  }
  put(printer, "}");
  printer->failed = printer->failed || !ok;
}

/* What repeats in a message: changes, or jobs. */
static void print_items(struct printer *printer, struct jg_str message, uint32_t number, bool changes) {
  struct jg_wire_reader reader;
  struct jg_wire_field item;
  bool first = true;
  jg_wire_reader_init(&reader, message);
  while (jg_wire_next(&reader, &item)) {
    if (item.number != number) {
      continue;
    }
    put(printer, first ? "" : ",");
    first = false;
    if (changes) {
      print_change(printer, item.bytes);
    } else {
      printer->failed = !jg_rest_print_job(&printer->jobs, item.bytes, false, &printer->out) || printer->failed;
    }
  }
  put(printer, "]");
}

static void print_many(struct printer *printer, struct jg_str message, bool changes) {
  struct fields f;
  printer->failed = !read_fields(message, &f) || printer->failed;
  struct jg_str token = f.of[changes ? JG_FIELD_CHANGES_TOKEN : JG_FIELD_SNAPSHOT_TOKEN].bytes;
  token = token.len > 0 ? token : JG_STR_NONE;
  begin(printer, changes ? "changes" : "snapshot", token, 0);
  put(printer, changes ? ",\"changes\":[" : ",\"jobs\":[");
  print_items(printer, message, changes ? JG_FIELD_CHANGES_CHANGES : JG_FIELD_SNAPSHOT_JOBS, changes);
  end(printer, token);
}

static void print(struct printer *printer, const struct jg_wire_field *event, int64_t retry_ms) {
  struct fields f;
  if (event->number == JG_FIELD_RESPONSE_CHANGES || event->number == JG_FIELD_RESPONSE_SNAPSHOT) {
    print_many(printer, event->bytes, event->number == JG_FIELD_RESPONSE_CHANGES);
    return;
  }
  printer->failed = !read_fields(event->bytes, &f) || printer->failed;
  switch (event->number) {
    case JG_FIELD_RESPONSE_OPENED:
      print_opened(printer, &f, retry_ms);
      return;
    case JG_FIELD_RESPONSE_BOOKMARK:
      print_bookmark(printer, &f);
      return;
    case JG_FIELD_RESPONSE_DRAIN:
      print_drain(printer, &f);
      return;
    case JG_FIELD_RESPONSE_SYNCED:
      print_synced(printer, &f);
      return;
    case JG_FIELD_RESPONSE_RESET:
      print_reset(printer, &f);
      return;
    default:
      printer->failed = true;
  }
}

/* What was printed, or NULL. */
static struct jg_bytes *finish(struct printer *printer) {
  struct jg_bytes *piece = NULL;
  if (!printer->failed && !printer->out.failed) {
    piece = jg_bytes_create(jg_buf_str(&printer->out));
  }
  jg_buf_done(&printer->out);
  return piece;
}

struct jg_bytes *jg_rest_changes_print(const struct jg_rest_changes_style *style, struct jg_str message,
                                       int64_t retry_ms) {
  struct printer printer = {.style = style};
  struct jg_wire_reader reader;
  struct jg_wire_field event;
  jg_wire_reader_init(&reader, message);
  if (!jg_wire_next(&reader, &event)) {
    return NULL;
  }
  jg_rest_job_printer_init(&printer.jobs, style);
  jg_buf_init(&printer.out, PIECE_BYTES_MAX);
  print(&printer, &event, retry_ms);
  jg_rest_job_printer_done(&printer.jobs);
  return finish(&printer);
}

struct jg_bytes *jg_rest_changes_print_error(const struct jg_rest_changes_style *style, struct jg_status status) {
  struct printer printer = {.style = style};
  const struct jg_status_details none = {.resume_token = NULL};
  const struct jg_status_details *details = status.details != NULL ? status.details : &none;
  struct jg_str token = jg_str_from_cstr(details->resume_token);
  jg_buf_init(&printer.out, PIECE_BYTES_MAX);
  begin(&printer, "error", token, details->retry_delay_ms);
  put_integer(&printer, ",\"status\":", jg_status_http(status));
  if (status.reason != JG_REASON_NONE) {
    put_string(&printer, ",\"reason\":", jg_str_from_cstr(jg_reason_name(status.reason)));
  }
  if (status.reason == JG_REASON_HISTORY_LOST) {
    put_integer(&printer, ",\"oldest_revision\":", details->oldest_revision);
    put_integer(&printer, ",\"newest_revision\":", details->newest_revision);
  }
  if (details->retry_delay_ms > 0) {
    put_integer(&printer, ",\"retry_delay_ms\":", details->retry_delay_ms);
  }
  put_string(&printer, ",\"error\":{\"code\":\"\",\"message\":", jg_str_from_cstr(status.message));
  put(&printer, "}");
  end(&printer, token);
  return finish(&printer);
}
