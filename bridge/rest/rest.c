#include "bridge/rest/rest.h"

#include <stdio.h>

#include "bridge/odata/percent.h"
#include "bridge/rest/changes_internal.h"
#include "bridge/rest/rest_internal.h"

#define NS_PER_MS INT64_C(1000000)
#define CALL_TIMEOUT_MS INT64_C(30000)
#define STREAMS_MAX ((size_t)JG_LIMIT_HTTP_CONNECTIONS / 5 * 4)

static const char set_allow[] = "GET, HEAD, POST";
static const char one_allow[] = "GET, HEAD, PUT, PATCH, DELETE";
static const char read_allow[] = "GET, HEAD";
static const char all_allow[] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/* What is routed: every entity that has a set (proto/schema), in the order of the documents. */
static const enum jg_kind sets[] = {JG_KIND_JOB,
                                    JG_KIND_PROJECT,
                                    JG_KIND_EQUIPMENT_FAMILY,
                                    JG_KIND_EQUIPMENT_MODEL,
                                    JG_KIND_EQUIPMENT_BRAND,
                                    JG_KIND_PROJECT_STATUS,
                                    JG_KIND_JOB_TYPE,
                                    JG_KIND_JOB_PRIORITY,
                                    JG_KIND_USER,
                                    JG_KIND_SKILL,
                                    JG_KIND_SALES_ORGANIZATION,
                                    JG_KIND_JOB_STATUS,
                                    JG_KIND_JOB_PLANNING};

static void refuse(struct jg_rest *rest, struct jg_http_request *request, int status, const char *message,
                   bool text_json);

bool jg_rest_path_valid(struct jg_str path) {
  if (path.len != 0 && path.data[0] != '/') {
    return false;
  }
  for (size_t i = 0; i < path.len; i++) {
    char c = path.data[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    bool slash = c == '/' && i + 1 < path.len && path.data[i + 1] != '/';
    if (!plain && !slash) {
      return false;
    }
  }
  return true;
}

bool jg_rest_public_url_valid(struct jg_str public_url) {
  size_t scheme = 0;
  if (jg_str_starts_with(public_url, JG_STR("http://"))) {
    scheme = 7;
  } else if (jg_str_starts_with(public_url, JG_STR("https://"))) {
    scheme = 8;
  }
  struct jg_str rest = jg_str_sub(public_url, scheme, public_url.len);
  size_t slash = jg_str_find(rest, '/', 0);
  struct jg_str host = jg_str_sub(rest, 0, slash);
  struct jg_str path = slash != SIZE_MAX ? jg_str_sub(rest, slash, rest.len) : JG_STR_NONE;
  return scheme != 0 && public_url.len < 1024 && jg_http_host_valid(host) && jg_rest_path_valid(path);
}

/* data NULL of an empty one. */
static struct jg_str copy_text(struct jg_str text) {
  if (text.len == 0) {
    return JG_STR_NONE;
  }
  char *copy = jg_alloc(text.len);
  memcpy(copy, text.data, text.len);
  return jg_str_make(copy, text.len);
}

struct jg_rest *jg_rest_create(const struct jg_rest_options *options) {
  JG_ASSERT(options->app != NULL && options->methods != NULL && options->style != NULL);
  JG_ASSERT(options->page_size <= JG_LIMIT_PAGE_SIZE);
  JG_ASSERT(options->public_url.len == 0 || jg_rest_public_url_valid(options->public_url));
  JG_ASSERT(options->cors_origins.len == 0 || jg_rest_cors_origins_valid(options->cors_origins));
  struct jg_rest *rest = jg_alloc_zero(1, sizeof(*rest));
  rest->app = options->app;
  rest->methods = options->methods;
  rest->style = options->style;
  rest->public_url = copy_text(options->public_url);
  rest->cors_origins = copy_text(options->cors_origins);
  rest->changes = jg_rest_changes_cache_create();
  rest->nodes = jg_rest_nodes_create();
  rest->streams_max = options->streams_max != 0 ? options->streams_max : STREAMS_MAX;
  const struct jg_meta_options meta = {.sets = sets, .set_count = JG_COUNT(sets), .public_url = options->public_url};
  rest->meta = jg_meta_create(&meta);
  rest->trusted_proxies = options->trusted_proxies;
  rest->trusted_proxy_count = options->trusted_proxy_count;
  rest->page_size = options->page_size != 0 ? options->page_size : JG_LIMIT_PAGE_SIZE_DEFAULT;
  rest->embed = options->embed;
  rest->tenant = options->tenant;
  rest->identity = options->identity;
  rest->call_timeout_ns = (options->call_timeout_ms > 0 ? options->call_timeout_ms : CALL_TIMEOUT_MS) * NS_PER_MS;
  return rest;
}

void jg_rest_destroy(struct jg_rest *rest) {
  if (rest == NULL) {
    return;
  }
  jg_meta_destroy(rest->meta);
  JG_ASSERT(rest->stream_count == 0);
  jg_rest_changes_cache_destroy(rest->changes);
  jg_rest_nodes_destroy(rest->nodes);
  jg_free((void *)rest->public_url.data);
  jg_free((void *)rest->cors_origins.data);
  jg_free(rest);
}

static bool is_read(const struct jg_http_request *request) {
  return request->method == JG_HTTP_GET || request->method == JG_HTTP_HEAD;
}

static bool has_body(const struct jg_http_request *request) {
  return request->method == JG_HTTP_POST || request->method == JG_HTTP_PUT || request->method == JG_HTTP_PATCH;
}

/* Statuses come with the record, visits from writes of jobs. */
static bool is_read_only(const struct jg_entity *entity) {
  return entity->kind == JG_KIND_JOB_STATUS || entity->kind == JG_KIND_JOB_PLANNING;
}

static bool is_set(enum jg_rest_route route) {
  return route == JG_REST_JOBS || route == JG_REST_ENTITIES;
}

static bool is_one(enum jg_rest_route route) {
  return route == JG_REST_JOB || route == JG_REST_ENTITY;
}

static bool is_allowed(const struct jg_http_request *request, const struct jg_rest_plan *plan) {
  if (plan->route == JG_REST_CHANGE) {
    return request->method == JG_HTTP_PUT;
  }
  if (is_read(request)) {
    return true;
  }
  if (is_read_only(plan->target.entity)) {
    return false;
  }
  switch (plan->route) {
    case JG_REST_JOBS:
    case JG_REST_ENTITIES:
      return request->method == JG_HTTP_POST;
    case JG_REST_JOB:
    case JG_REST_ENTITY:
      return request->method == JG_HTTP_PUT || request->method == JG_HTTP_PATCH || request->method == JG_HTTP_DELETE;
    default:
      return false;
  }
}

static const char *allow_of(const struct jg_rest_plan *plan) {
  if (plan->route == JG_REST_CHANGE) {
    return "PUT";
  }
  if (is_read_only(plan->target.entity)) {
    return read_allow;
  }
  if (is_set(plan->route)) {
    return set_allow;
  }
  return is_one(plan->route) ? one_allow : read_allow;
}

/* What a resource is for, and of "*" the server (RFC 9110 section 9.3.7). */
static void answer_options(struct jg_http_request *request, const char *allow) {
  struct jg_http_response response = {.status = 204};
  struct jg_rest_headers headers = {.count = 0};
  if (jg_rest_is_odata(request->path)) {
    jg_rest_add_header(&headers, JG_STR("OData-Version"), JG_STR("4.0"));
  }
  jg_rest_add_header(&headers, JG_STR("Allow"), jg_str_from_cstr(allow));
  jg_rest_respond(request, (struct jg_rest_wishes){.minimal = false}, &headers, &response);
}

/* True if the path names something that is served; else it is refused. */
static bool check_route(struct jg_rest *rest, struct jg_http_request *request, enum jg_rest_route route) {
  switch (route) {
    case JG_REST_JOBS:
    case JG_REST_JOB:
    case JG_REST_SERVICE:
    case JG_REST_METADATA:
    case JG_REST_HELP:
    case JG_REST_OPENAPI:
    case JG_REST_PROPERTY:
    case JG_REST_VALUE:
    case JG_REST_COUNT:
    case JG_REST_CHANGE:
    case JG_REST_ENTITIES:
    case JG_REST_ENTITY:
    case JG_REST_CHANGES:
      return true;
    case JG_REST_BAD_KEY:
      refuse(rest, request, 404, "there is nothing of that key: the key in the URL is not a GUID, or is zero", false);
      return false;
    case JG_REST_BAD_PATH:
      refuse(rest, request, 400, "the path holds a malformed percent escape", false);
      return false;
    case JG_REST_NOT_BUILT:
      refuse(rest, request, 501, "this resource is not built yet", false);
      return false;
    default:
      refuse(rest, request, 404, "there is nothing at this URL", false);
      return false;
  }
}

static int check_method(const struct jg_http_request *request, const struct jg_rest_plan *plan,
                        const char **ret_message) {
  int status = jg_rest_is_odata(request->path) ? jg_rest_check_versions(request, ret_message) : 0;
  if (status == 0 && !is_allowed(request, plan)) {
    *ret_message = "the resource does not support this method";
    status = 405;
  }
  return status;
}

/* Media types and codings, of the answer and of the body. */
static int check_types(const struct jg_http_request *request, struct jg_rest_plan *plan, const char **ret_message) {
  int status = 0;
  // A DELETE answers without a body: there is no type to disagree about.
  if (request->method != JG_HTTP_DELETE) {
    // $format is stronger than Accept (OData 4.0 part 1, 11.2.10).
    if (plan->query.format.data != NULL && plan->route != JG_REST_CHANGES) {
      status = jg_rest_check_format(plan->query.format, plan->route, &plan->wishes, ret_message);
    } else if (!jg_rest_has_one_type(plan->route)) {
      status = jg_rest_check_accept(request, &plan->wishes, ret_message);
    }
    // A stream is never coded: its pieces are small, and a coder holds them back.
    bool coded = status == 0 && plan->route != JG_REST_CHANGES;
    status = coded ? jg_rest_check_coding(request, &plan->wishes, ret_message) : status;
  }
  if (status == 0 && has_body(request)) {
    jg_rest_read_prefer(request, &plan->wishes);
    status = jg_rest_check_body_type(request, ret_message);
  }
  return status;
}

/* True if the request may be answered; else it is refused. */
static bool check_request(struct jg_rest *rest, struct jg_http_request *request, struct jg_rest_plan *plan) {
  struct jg_rest_problem problem = {.message = NULL};
  problem.status = check_method(request, plan, &problem.message);
  problem.allow = problem.status == 405 ? allow_of(plan) : NULL;
  if (problem.status == 0) {
    problem.status = check_types(request, plan, &problem.message);
  }
  if (problem.status == 0 && has_body(request)) {
    problem.status = jg_rest_check_body_coding(request, &plan->body_coding, &problem.message);
    problem.body_coding = problem.status != 0;
  }
  if (problem.status != 0) {
    problem.text_json = plan->wishes.text_json;
    jg_rest_fail(rest, request, &problem);
    return false;
  }
  return true;
}

/* The first option that the request gives and that goes with reading a collection alone; NULL: none. */
static const char *option_of_collections(const struct jg_rest_plan *plan) {
  const struct jg_odata_query *query = &plan->query;
  bool filters = plan->route == JG_REST_COUNT || plan->route == JG_REST_CHANGES;
  const struct {
    bool given;
    const char *name;
  } options[] = {
      {query->deltatoken.data != NULL, "$deltatoken"},
      {query->has_top, "$top"},
      {query->has_skip, "$skip"},
      {query->skiptoken.data != NULL, "$skiptoken"},
      {query->filter.data != NULL && !filters, "$filter"},
      {query->orderby.data != NULL, "$orderby"},
      {query->has_count, "$count"},
  };
  for (size_t i = 0; i < JG_COUNT(options); i++) {
    if (options[i].given) {
      return options[i].name;
    }
  }
  return NULL;
}

static struct jg_status check_query(struct jg_http_request *request, const struct jg_rest_plan *plan) {
  const enum jg_rest_route route = plan->route;
  const struct jg_odata_query *query = &plan->query;
  bool entity = is_one(route) || (route == JG_REST_PROPERTY && plan->target.property->type == JG_TYPE_ENTITY);
  if (query->format.data != NULL && route == JG_REST_CHANGES) {
    return jg_status_make(JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, "$format is not built for this resource");
  }
  if (query->deltatoken.data != NULL && route != JG_REST_JOBS && is_set(route)) {
    return jg_status_make(JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, "$deltatoken is built for Jobs alone");
  }
  if (is_set(route) && is_read(request)) {
    return JG_STATUS_OK;
  }
  const char *option = option_of_collections(plan);
  const char *meant = "applies to reading the collection alone";
  if (option == NULL && ((!entity && route != JG_REST_CHANGES) || !is_read(request))) {
    option = query->select.data != NULL ? "$select" : query->expand.data != NULL ? "$expand" : NULL;
    meant = "applies to reading entities alone";
  }
  if (option != NULL) {
    return jg_status_field(&request->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, option, "%s", meant);
  }
  return JG_STATUS_OK;
}

/* RFC 8259 section 8.1 lets a reader pass over a byte order mark. ASP.NET's did, so .NET clients whose writers put one in front
 * of UTF-8 never knew of it. */
static struct jg_str without_mark(struct jg_str body) {
  struct jg_str mark = JG_STR("\xEF\xBB\xBF");
  return jg_str_starts_with(body, mark) ? jg_str_sub(body, mark.len, body.len) : body;
}

/* The body as the decoder wants it; what had to be made is in *out, for the caller to end. False if it was refused. */
static bool read_body(struct jg_rest *rest, struct jg_http_request *request, struct jg_rest_plan *plan,
                      struct jg_buf *out) {
  jg_buf_init(out, JG_LIMIT_BODY_BYTES);
  plan->body = without_mark(request->body);
  if (plan->body_coding == JG_CODING_IDENTITY || request->body.len == 0) {
    return true;
  }
  struct jg_status status = jg_coding_expand(plan->body_coding, request->body, out);
  if (!jg_status_ok(status)) {
    jg_buf_done(out);
    refuse(rest, request, status.reason == JG_REASON_LIMIT_EXCEEDED ? 413 : 400, status.message,
           plan->wishes.text_json);
    return false;
  }
  plan->body = without_mark(jg_buf_str(out));
  return true;
}

/* A GET or HEAD that needs no method. */
static void answer_document(struct jg_rest *rest, struct jg_http_request *request, const struct jg_rest_plan *plan) {
  struct jg_str path;
  if (plan->route == JG_REST_SERVICE) {
    jg_rest_answer_service(rest, request, plan->wishes);
    return;
  }
  const struct jg_meta_document *document = NULL;
  if (jg_percent_decode(&request->arena, request->path, false, &path)) {
    document = jg_meta_find(rest->meta, path);
  }
  if (document == NULL) {
    refuse(rest, request, 404, "there is no such page", false);
    return;
  }
  jg_rest_answer_document(request, document, plan->wishes);
}

/* The route leads to a method. */
static bool is_call(enum jg_rest_route route) {
  return is_set(route) || is_one(route) || route == JG_REST_PROPERTY || route == JG_REST_VALUE ||
         route == JG_REST_COUNT || route == JG_REST_CHANGE || route == JG_REST_CHANGES;
}

void jg_rest_admitted(struct jg_http_request *request, void *data) {
  struct jg_rest *rest = data;
  struct jg_rest_plan plan = {.body_coding = JG_CODING_IDENTITY};
  plan.route = jg_rest_route_of(request->path, &request->arena, &plan.target);
  request->route = jg_rest_route_name(plan.route);
  bool asks = request->method == JG_HTTP_OPTIONS;
  if (asks && jg_str_equal(request->path, JG_STR("*"))) {
    answer_options(request, all_allow);
    return;
  }
  if (!check_route(rest, request, plan.route)) {
    return;
  }
  if (asks) {
    answer_options(request, allow_of(&plan));
    return;
  }
  struct jg_status status = JG_STATUS_OK;
  if (jg_rest_is_odata(request->path)) {
    status = jg_odata_query_parse(request->query, &request->arena, &plan.query);
  }
  // What is wrong with the query is told last.
  if (!check_request(rest, request, &plan)) {
    return;
  }
  if (jg_status_ok(status)) {
    status = check_query(request, &plan);
  }
  if (jg_status_ok(status)) {
    status = jg_rest_shape_of(jg_rest_shown(&plan.target), &plan.query, rest->embed, &request->arena, &plan.shape);
  }
  if (!jg_status_ok(status)) {
    jg_rest_fail_status(rest, request, status, plan.wishes.text_json);
    return;
  }
  if (!is_call(plan.route)) {
    answer_document(rest, request, &plan);
    return;
  }
  if (plan.route == JG_REST_CHANGES) {
    jg_rest_watch(rest, request, &plan);
    return;
  }
  struct jg_buf body;
  if (read_body(rest, request, &plan, &body)) {
    jg_rest_call(rest, request, &plan);
    jg_buf_done(&body);
  }
}

static void refuse(struct jg_rest *rest, struct jg_http_request *request, int status, const char *message,
                   bool text_json) {
  const struct jg_rest_problem problem = {
      .status = status, .message = message, .text_json = text_json, .retry_after_s = status == 503 ? 1 : 0};
  jg_rest_fail(rest, request, &problem);
}

void jg_rest_refuse(struct jg_http_request *request, int status, const char *message, void *data) {
  refuse(data, request, status, message, false);
}

static enum jg_rest_route route_by_name(const char *name) {
  enum jg_rest_route route = JG_REST_NONE;
  for (enum jg_rest_route r = JG_REST_NONE; r < JG_REST_ROUTE_COUNT; r++) {
    if (strcmp(jg_rest_route_name(r), name) == 0) {
      route = r;
    }
  }
  return route;
}

static void count_request(struct jg_rest *rest, enum jg_rest_route route, enum jg_http_method method, int status,
                          int64_t ns) {
  JG_ASSERT(status >= JG_REST_STATUS_MIN && status < JG_REST_STATUS_MIN + JG_REST_STATUS_COUNT);
  struct jg_metric **requests = &rest->requests[route][method][status - JG_REST_STATUS_MIN];
  struct jg_histogram **seconds = &rest->seconds[route][method];
  char labels[96];
  if (*requests == NULL) {
    (void)snprintf(labels, sizeof(labels), "route=\"%s\",method=\"%s\",status=\"%d\"", jg_rest_route_name(route),
                   jg_http_method_name(method), status);  // All three are short and ours.
    *requests = jg_metrics_counter(rest->app->metrics, "http_requests_total", "HTTP requests answered.", labels);
  }
  if (*seconds == NULL) {
    (void)snprintf(labels, sizeof(labels), "route=\"%s\",method=\"%s\"", jg_rest_route_name(route),
                   jg_http_method_name(method));
    *seconds = jg_metrics_histogram(rest->app->metrics, "http_request_seconds",
                                    "From a request's last byte until its answer has left.", labels);
  }
  jg_metric_add(*requests, 1);
  jg_histogram_observe_ns(*seconds, ns);
}

void jg_rest_done(struct jg_http_request *request, int status, size_t body_bytes, void *data) {
  struct jg_rest *rest = data;
  int64_t ns = jg_clock_mono_ns(rest->app->clock) - request->received_ns;
  count_request(rest, route_by_name(request->route), request->method, status, ns);
  const struct jg_log *log = rest->app->log;
  if (log != NULL && log->level_min <= JG_LOG_DEBUG) {
    jg_log(log, JG_LOG_DEBUG, "http_call", JG_LOG_C("method", jg_http_method_name(request->method)),
           JG_LOG_C("route", request->route), JG_LOG_I("status", status), JG_LOG_I("bytes", (int64_t)body_bytes),
           JG_LOG_I("duration_us", ns / 1000));
  }
}
