// Errors as OData spells them (contract section 2.7): {"error":{"code":"","message":"..."}}.

#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"
#include "bridge/rest/rest_internal.h"

#define MESSAGE_BYTES_MAX (8u << 10)
/* A byte of a message takes six at most: \u001f. */
#define ERROR_BYTES_MAX (6 * MESSAGE_BYTES_MAX + 1024)
/* The methods name members of their requests; a REST caller knows them by other names, and its body is the job itself. */
#define JOB_PREFIX "job."
static const struct {
  const char *member, *option;
} option_names[] = {{"page_token", "$skiptoken"},    {"skip", "$skip"},
                    {"filter", "$filter"},           {"heartbeat_interval", "heartbeat"},
                    {"coalesce_window", "coalesce"}, {"read_mask", "$select"}};

void jg_rest_add_header(struct jg_rest_headers *headers, struct jg_str name, struct jg_str value) {
  JG_ASSERT(headers->count < JG_REST_HEADERS_MAX);
  headers->list[headers->count++] = (struct jg_http_header){name, value};
}

void jg_rest_add_content_type(struct jg_rest_headers *headers, bool text_json) {
  jg_rest_add_header(headers, JG_STR("Content-Type"),
                     text_json ? JG_STR("text/json; odata.metadata=minimal; charset=utf-8")
                               : JG_STR("application/json; odata.metadata=minimal; charset=utf-8"));
}

void jg_rest_add_compatible_type(struct jg_rest_headers *headers, bool text_json) {
  jg_rest_add_header(headers, JG_STR("Content-Type"),
                     text_json
                         ? JG_STR("text/json; odata.metadata=minimal; IEEE754Compatible=true; charset=utf-8")
                         : JG_STR("application/json; odata.metadata=minimal; IEEE754Compatible=true; charset=utf-8"));
}

static void append_message(const struct jg_rest *rest, const char *message, struct jg_buf *out) {
  struct jg_str text = jg_str_from_cstr(message);
  if (jg_utf8_valid(text)) {
    jg_json_encode_string(rest->style->escape, text, out);
    return;
  }
  // A quotation that was cut inside a character: JSON cannot hold it.
  jg_buf_append_char(out, '"');
  for (size_t i = 0; i < text.len; i++) {
    bool plain = text.data[i] >= ' ' && text.data[i] < 0x7f && text.data[i] != '"' && text.data[i] != '\\';
    jg_buf_append(out, plain ? &text.data[i] : "?", 1);
  }
  jg_buf_append_char(out, '"');
}

/* What ErrorInfo and RetryInfo say over gRPC; what an error may hold beside its message (OData JSON 4.0 section 19). */
static void append_lost(const struct jg_status_details *lost, struct jg_buf *out) {
  if (lost != NULL) {
    jg_buf_printf(out,
                  ",\"innererror\":{\"reason\":\"%s\",\"oldest_revision\":%" PRId64 ",\"newest_revision\":%" PRId64
                  ",\"retry_delay_ms\":%" PRId64 "}",
                  jg_reason_name(JG_REASON_HISTORY_LOST), lost->oldest_revision, lost->newest_revision,
                  lost->retry_delay_ms);
  }
}

void jg_rest_write_failure(const struct jg_rest *rest, const struct jg_http_request *request,
                           const struct jg_rest_problem *problem, struct jg_rest_failure *ret_failure) {
  struct jg_buf *body = &ret_failure->response.buf;
  struct jg_rest_headers *headers = &ret_failure->headers;
  *ret_failure = (struct jg_rest_failure){.response = {.status = problem->status}};
  jg_buf_init(body, ERROR_BYTES_MAX);
  jg_buf_append_str(body, JG_STR("{\"error\":{\"code\":\"\",\"message\":"));
  append_message(rest, problem->message, body);
  append_lost(problem->lost, body);
  jg_buf_append_str(body, JG_STR("}}"));
  JG_ASSERT(!body->failed);  // Messages are capped by whoever made them.
  jg_rest_add_content_type(headers, problem->text_json);
  if (jg_rest_is_odata(request->path)) {
    jg_rest_add_header(headers, JG_STR("OData-Version"), JG_STR("4.0"));
  }
  if (problem->status == 401) {
    // RFC 7617 section 2.1: names and passwords come in UTF-8.
    jg_rest_add_header(headers, JG_STR("WWW-Authenticate"), JG_STR("Basic realm=\"jobgate\", charset=\"UTF-8\""));
  }
  if (problem->allow != NULL) {
    jg_rest_add_header(headers, JG_STR("Allow"), jg_str_from_cstr(problem->allow));
  }
  if (problem->body_coding) {
    jg_rest_add_header(headers, JG_STR("Accept-Encoding"), JG_STR("gzip, deflate"));
  }
  if (problem->retry_after_s != 0) {
    char *text = ret_failure->retry_after;
    int len = snprintf(text, sizeof(ret_failure->retry_after), "%lld", (long long)problem->retry_after_s);
    jg_rest_add_header(headers, JG_STR("Retry-After"), jg_str_make(text, (size_t)len));
  }
  ret_failure->response.headers = headers->list;
  ret_failure->response.header_count = headers->count;
}

static const char *rest_name(const char *field) {
  struct jg_str text = jg_str_from_cstr(field);
  for (size_t i = 0; i < JG_COUNT(option_names); i++) {
    if (jg_str_equal(text, jg_str_from_cstr(option_names[i].member))) {
      return option_names[i].option;
    }
  }
  return jg_str_starts_with(text, JG_STR(JOB_PREFIX)) ? field + strlen(JOB_PREFIX) : field;
}

/* Of an expression the message tells what is wrong in it, of all else what was expected of the member. */
static bool is_told_apart(struct jg_status status, const struct jg_violation *violation) {
  size_t len = strlen(violation->field);
  return strncmp(status.message, violation->field, len) == 0 && strncmp(status.message + len, ": ", 2) == 0;
}

/* Every violation with its member, or the status' own message, with a NUL; within MESSAGE_BYTES_MAX. */
static void join_message(struct jg_status status, struct jg_buf *out) {
  const struct jg_status_details *details = status.details;
  size_t count = details != NULL ? details->violation_count : 0;
  for (size_t i = 0; i < count; i++) {
    const struct jg_violation *violation = &details->violations[i];
    jg_buf_printf(out, "%s%s%s %s", i != 0 ? "; " : "", rest_name(violation->field),
                  is_told_apart(status, violation) ? ":" : "", violation->message);
  }
  if (count == 0) {
    jg_buf_append_str(out, jg_str_from_cstr(status.message));
  }
  jg_buf_append_char(out, '\0');
  if (out->failed) {
    jg_buf_clear(out);
    jg_buf_append(out, "the request is not valid", sizeof("the request is not valid"));
  }
}

/* What is nobody's fault but ours is logged with its cause, as over gRPC; the metrics count all else. The target may hold what
 * belongs in no log. */
static void log_fault(const struct jg_rest *rest, const struct jg_http_request *request, struct jg_status status) {
  bool fault = status.code == JG_INTERNAL || status.code == JG_UNKNOWN || status.code == JG_DATA_LOSS;
  const struct jg_log *log = rest->app->log;
  if (!fault || log == NULL || log->level_min > JG_LOG_INFO) {
    return;
  }
  int64_t ns = jg_clock_mono_ns(rest->app->clock) - request->received_ns;
  jg_log(log, JG_LOG_INFO, "http_fault", JG_LOG_C("method", jg_http_method_name(request->method)),
         JG_LOG_C("route", request->route), JG_LOG_I("status", jg_status_http(status)),
         JG_LOG_C("code", jg_code_name(status.code)), JG_LOG_C("reason", jg_reason_name(status.reason)),
         JG_LOG_C("message", status.message), JG_LOG_I("duration_us", ns / 1000));
}

void jg_rest_write_status(const struct jg_rest *rest, const struct jg_http_request *request, struct jg_status status,
                          bool text_json, struct jg_rest_failure *ret_failure) {
  log_fault(rest, request, status);
  struct jg_buf message;
  jg_buf_init(&message, MESSAGE_BYTES_MAX);
  join_message(status, &message);
  struct jg_rest_problem problem = {.status = jg_status_http(status), .message = message.data, .text_json = text_json};
  problem.lost = status.reason == JG_REASON_HISTORY_LOST ? status.details : NULL;
  if (problem.status == 503 || problem.status == 429 || problem.lost != NULL) {
    int64_t delay_ms = status.details != NULL ? status.details->retry_delay_ms : 0;
    problem.retry_after_s = delay_ms > 1000 ? (delay_ms + 999) / 1000 : 1;
  }
  jg_rest_write_failure(rest, request, &problem, ret_failure);
  jg_buf_done(&message);
}

void jg_rest_fail(const struct jg_rest *rest, struct jg_http_request *request, const struct jg_rest_problem *problem) {
  struct jg_rest_failure failure;
  jg_rest_write_failure(rest, request, problem, &failure);
  jg_http_respond(request, &failure.response);
}

void jg_rest_fail_status(const struct jg_rest *rest, struct jg_http_request *request, struct jg_status status,
                         bool text_json) {
  struct jg_rest_failure failure;
  jg_rest_write_status(rest, request, status, text_json, &failure);
  jg_http_respond(request, &failure.response);
}
