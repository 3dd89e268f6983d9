// From a request to a call of a method.

#include "base/utf8.h"
#include "bridge/rest/change.h"
#include "bridge/rest/rest_internal.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/json_decode.h"
#include "proto/codec/message.h"
#include "services/filter/parse.h"
#include "services/jobs/given.h"

#define TRACEPARENT_LEN 55u
/* Lists stop before this; JSON is larger than the bytes that count, within the cap of answer.c. */
#define RESPONSE_BYTES_MAX (16u << 20)

struct jg_status jg_rest_out_of_memory(void) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the request needs too much memory");
}

/* W3C trace context, version 00: "00-" 32 hex "-" 16 hex "-" 2 hex. Anything else is dropped, as the standard says. */
static struct jg_str traceparent(const struct jg_http_request *request) {
  struct jg_str text = jg_http_header(request, JG_STR("traceparent"));
  if (text.len != TRACEPARENT_LEN) {
    return JG_STR_NONE;
  }
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    bool hyphen = i == 2 || i == 35 || i == 52;
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (hyphen ? c != '-' : !hex) {
      return JG_STR_NONE;
    }
  }
  return text;
}

static void client_gone(struct jg_http_request *request) {
  struct jg_rest_call *call = request->context;
  // Relaxed: it publishes nothing, the handler only stops early.
  atomic_store_explicit(&call->call.cancelled, true, memory_order_relaxed);
}

/* NULL at the arena's cap. */
static struct jg_rest_call *make_call(struct jg_rest *rest, struct jg_http_request *request,
                                      const struct jg_rest_plan *plan) {
  struct jg_rest_call *call = jg_arena_alloc_zero(&request->arena, sizeof(*call));
  struct jg_str base = jg_rest_base(rest, request, &request->arena);
  if (call == NULL || base.data == NULL) {
    return NULL;
  }
  call->call.magic = JG_CALL_MAGIC;
  jg_arena_init(&call->call.arena, JG_LIMIT_CALL_ARENA_BYTES);
  call->call.app = rest->app;
  call->call.sink = &jg_rest_sink;
  call->call.identity =
      (struct jg_identity){.tenant = jg_rest_tenant(rest, request), .loopback = request->peer_loopback};
  call->call.started_ns = request->received_ns;
  call->call.deadline_ns = request->received_ns + rest->call_timeout_ns;
  call->call.traceparent = traceparent(request);
  call->call.response_bytes_max = RESPONSE_BYTES_MAX;
  call->call.takes_parts = true;
  call->rest = rest;
  call->http = request;
  call->entity = plan->target.entity;
  call->query = plan->query;
  call->shape = plan->shape;
  call->wishes = plan->wishes;
  call->way = plan->target.way;
  call->property = plan->target.property;
  call->raw = plan->route == JG_REST_VALUE;
  call->count = plan->route == JG_REST_COUNT;
  call->base = base;
  call->page_size = rest->page_size;
  bool reads = request->method == JG_HTTP_GET || request->method == JG_HTTP_HEAD;
  if (reads && (plan->route == JG_REST_JOBS || plan->route == JG_REST_ENTITIES)) {
    call->page_preference = jg_rest_wants_page(request, rest->page_size, &call->page_size);
  }
  request->context = call;
  request->on_gone = client_gone;
  return call;
}

static enum _Jobgate__V1__JobView view(const struct jg_rest_call *call) {
  return call->shape.nodes ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC;
}

char *jg_rest_key_text(struct jg_rest_call *call, struct jg_uuid key) {
  char *text = jg_arena_alloc(&call->call.arena, JG_UUID_TEXT_LEN + 1);
  if (text != NULL) {
    jg_uuid_format(key, text);
    text[JG_UUID_TEXT_LEN] = '\0';
  }
  return text;
}

/* Their names begin with '@'. */
struct jg_filter_alias *jg_rest_aliases(const struct jg_odata_query *query, struct jg_arena *arena, size_t *ret_count) {
  struct jg_filter_alias *aliases = jg_arena_alloc(arena, (query->custom_count + 1) * sizeof(aliases[0]));
  size_t count = 0;
  for (size_t i = 0; i < query->custom_count && aliases != NULL; i++) {
    const struct jg_odata_option *option = &query->custom[i];
    if (option->name.len > 1 && option->name.data[0] == '@' && option->value.data != NULL &&
        jg_utf8_valid(option->value) && jg_str_find(option->value, '\0', 0) == SIZE_MAX) {
      aliases[count++] = (struct jg_filter_alias){option->name, option->value};
    }
  }
  *ret_count = count;
  return aliases;
}

/* What $select names, or everything, and the parents, which come by name alone. False at the arena's cap. */
static bool set_mask(struct jg_rest_call *call, Google__Protobuf__FieldMask **ret_mask) {
  static const char *const paths[] = {"*", "parent_job"};
  if (call->query.select.data != NULL && call->shape.some && call->property == NULL) {
    *ret_mask = jg_rest_mask_of(call->entity, call->shape.members, &call->call.arena);
    return *ret_mask != NULL;
  }
  const struct jg_member *first = call->way.count > 0 ? call->way.steps[0] : call->property;
  bool parent = first != NULL && (first->flags & JG_MEMBER_EXPAND_ONLY) != 0;
  if (!call->shape.parent && !parent) {
    return true;
  }
  Google__Protobuf__FieldMask *mask =
      (Google__Protobuf__FieldMask *)jg_message_new(&google__protobuf__field_mask__descriptor, &call->call.arena);
  if (mask == NULL) {
    return false;
  }
  mask->paths = (char **)paths;
  mask->n_paths = JG_COUNT(paths);
  *ret_mask = mask;
  return true;
}

void *jg_rest_field(ProtobufCMessage *request, const char *name, ProtobufCType type) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(request->descriptor, name);
  JG_ASSERT(field != NULL && field->type == type && field->label != PROTOBUF_C_LABEL_REPEATED);
  return (char *)request + field->offset;
}

ProtobufCMessage *jg_rest_new_list(struct jg_rest_call *call) {
  const struct jg_odata_query *query = &call->query;
  ProtobufCMessage *list = jg_message_new(call->call.method->request, &call->call.arena);
  struct jg_str token = jg_arena_str(&call->call.arena, query->skiptoken);
  struct jg_str filter = jg_arena_str(&call->call.arena, query->filter);
  struct jg_str order = jg_arena_str(&call->call.arena, query->orderby);
  call->call.aliases = jg_rest_aliases(query, &call->call.arena, &call->call.alias_count);
  if (list == NULL || token.data == NULL || filter.data == NULL || order.data == NULL || call->call.aliases == NULL) {
    return NULL;
  }
  int64_t page_size = (int64_t)call->page_size;
  if (query->has_top && query->top < page_size) {
    // For $top=0 one row is read and not shown: its other options are checked all the same (0 would mean the default).
    page_size = query->top > 0 ? query->top : 1;
  }
  if (call->count) {
    page_size = 1;  // Not shown.
  }
  *(char **)jg_rest_field(list, "filter", PROTOBUF_C_TYPE_STRING) = (char *)filter.data;
  *(char **)jg_rest_field(list, "order_by", PROTOBUF_C_TYPE_STRING) = (char *)order.data;
  *(char **)jg_rest_field(list, "page_token", PROTOBUF_C_TYPE_STRING) = (char *)token.data;
  *(int32_t *)jg_rest_field(list, "page_size", PROTOBUF_C_TYPE_INT32) = (int32_t)page_size;
  *(int32_t *)jg_rest_field(list, "skip", PROTOBUF_C_TYPE_INT32) = (int32_t)query->skip;
  *(protobuf_c_boolean *)jg_rest_field(list, "count", PROTOBUF_C_TYPE_BOOL) = query->count || call->count;
  call->call.odata_names = true;
  call->call.request = list;
  return list;
}

static struct jg_status set_list_request(struct jg_rest_call *call) {
  Jobgate__V1__ListJobsRequest *list = (Jobgate__V1__ListJobsRequest *)jg_rest_new_list(call);
  if (list == NULL || !set_mask(call, &list->read_mask)) {
    return jg_rest_out_of_memory();
  }
  list->view = call->count ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC : view(call);
  return JG_STATUS_OK;
}

static struct jg_status set_get_request(struct jg_rest_call *call, struct jg_uuid key) {
  Jobgate__V1__GetJobRequest *get =
      (Jobgate__V1__GetJobRequest *)jg_message_new(call->call.method->request, &call->call.arena);
  if (get == NULL || (get->id = jg_rest_key_text(call, key)) == NULL || !set_mask(call, &get->read_mask)) {
    return jg_rest_out_of_memory();
  }
  get->view = call->property != NULL ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC : view(call);
  if (call->property != NULL && (call->way.count > 0 || call->property->type == JG_TYPE_ENTITY)) {
    get->view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL;
  }
  call->call.request = &get->base;
  return JG_STATUS_OK;
}

static struct jg_status set_delete_request(struct jg_rest_call *call, struct jg_uuid key) {
  Jobgate__V1__DeleteJobRequest *delete =
      (Jobgate__V1__DeleteJobRequest *)jg_message_new(call->call.method->request, &call->call.arena);
  if (delete == NULL || (delete->id = jg_rest_key_text(call, key)) == NULL) {
    return jg_rest_out_of_memory();
  }
  call->call.request = &delete->base;
  return JG_STATUS_OK;
}

/* What is wrong is told with all else that needs no record, and entities in a parent, which a request cannot hold, here alone. */
static struct jg_status decode_body(struct jg_rest_call *call, struct jg_str body, bool is_change,
                                    Jobgate__V1__Job **ret_job) {
  struct jg_arena *arena = &call->call.arena;
  struct jg_json_decoded decoded = {.message = NULL};
  struct jg_status status = jg_json_decode(jg_entity(JG_KIND_JOB), body, arena, &decoded);
  if (decoded.message != NULL && (!jg_status_ok(status) || decoded.parent_nodes != 0)) {
    const struct jg_job_given given = {.job = decoded.message,
                                       .present = is_change ? decoded.present : UINT64_MAX,
                                       .is_change = is_change,
                                       .parent_nodes = decoded.parent_nodes,
                                       .path = ""};
    status = jg_job_check_given(&given, status, arena);
  }
  JG_RETURN_IF_ERROR(status);
  call->call.has_present = true;
  call->call.present = decoded.present;
  *ret_job = (Jobgate__V1__Job *)decoded.message;
  return JG_STATUS_OK;
}

static struct jg_status set_create_request(struct jg_rest_call *call, struct jg_str body) {
  Jobgate__V1__CreateJobRequest *create =
      (Jobgate__V1__CreateJobRequest *)jg_message_new(call->call.method->request, &call->call.arena);
  if (create == NULL) {
    return jg_rest_out_of_memory();
  }
  call->call.request = &create->base;
  return decode_body(call, body, false, &create->job);
}

static struct jg_status set_update_request(struct jg_rest_call *call, struct jg_uuid key, struct jg_str body) {
  Jobgate__V1__UpdateJobRequest *update =
      (Jobgate__V1__UpdateJobRequest *)jg_message_new(call->call.method->request, &call->call.arena);
  char *id = jg_rest_key_text(call, key);
  if (update == NULL || id == NULL) {
    return jg_rest_out_of_memory();
  }
  Jobgate__V1__Job *job = NULL;
  JG_RETURN_IF_ERROR(decode_body(call, body, true, &job));
  struct jg_str body_id = jg_str_from_cstr(job->id);
  if (body_id.len != 0 && !jg_str_equal(body_id, jg_str_from_cstr(id))) {
    return jg_status_field(&call->call.arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id",
                           "must be the key of the URL, or be left out");
  }
  job->id = id;
  update->job = job;
  call->call.request = &update->base;
  return JG_STATUS_OK;
}

/* Checks are the method's; has_present lets it name members as the body does. */
static struct jg_status set_change_request(struct jg_rest_call *call, struct jg_str body) {
  struct jg_arena *arena = &call->call.arena;
  Jobgate__V1__ChangeJobStatusRequest *change =
      (Jobgate__V1__ChangeJobStatusRequest *)jg_message_new(call->call.method->request, arena);
  struct jg_rest_change texts;
  JG_RETURN_IF_ERROR(jg_rest_read_change(body, arena, &texts));
  if (texts.jobs_id.len == 0) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "jobs_id", "is required");
  }
  struct jg_str id = jg_arena_str(arena, texts.jobs_id);
  struct jg_str target = jg_arena_str(arena, texts.target_id);
  struct jg_str code = jg_arena_str(arena, texts.target_code);
  if (change == NULL || id.data == NULL || target.data == NULL || code.data == NULL) {
    return jg_rest_out_of_memory();
  }
  change->id = (char *)id.data;
  change->target_job_status_id = (char *)target.data;
  change->target_job_status_code = (char *)code.data;
  call->call.has_present = true;
  call->call.request = &change->base;
  return JG_STATUS_OK;
}

static enum jg_method_index method_of(const struct jg_http_request *request, const struct jg_rest_plan *plan) {
  enum jg_rest_route route = plan->route;
  if (plan->target.entity->kind != JG_KIND_JOB) {
    return jg_rest_entity_method(request, plan);
  }
  if (route == JG_REST_CHANGE) {
    return JG_METHOD_CHANGE_JOB_STATUS;
  }
  switch (request->method) {
    case JG_HTTP_POST:
      return JG_METHOD_CREATE_JOB;
    case JG_HTTP_PUT:
    case JG_HTTP_PATCH:
      return JG_METHOD_UPDATE_JOB;
    case JG_HTTP_DELETE:
      return JG_METHOD_DELETE_JOB;
    default:
      break;
  }
  if (route != JG_REST_JOBS && route != JG_REST_COUNT) {
    return JG_METHOD_GET_JOB;
  }
  bool delta = plan->query.deltatoken.data != NULL && plan->query.skiptoken.data == NULL;
  return delta ? JG_METHOD_LIST_JOB_CHANGES : JG_METHOD_LIST_JOBS;
}

static struct jg_status set_request(struct jg_rest_call *call, enum jg_method_index method,
                                    const struct jg_rest_plan *plan) {
  if (call->entity->kind != JG_KIND_JOB) {
    return jg_rest_set_entity_request(call, method, plan);
  }
  switch (method) {
    case JG_METHOD_CREATE_JOB:
      return set_create_request(call, plan->body);
    case JG_METHOD_UPDATE_JOB:
      return set_update_request(call, plan->target.key, plan->body);
    case JG_METHOD_CHANGE_JOB_STATUS:
      return set_change_request(call, plan->body);
    case JG_METHOD_DELETE_JOB:
      return set_delete_request(call, plan->target.key);
    case JG_METHOD_LIST_JOBS:
      return set_list_request(call);
    case JG_METHOD_LIST_JOB_CHANGES:
      JG_RETURN_IF_ERROR(jg_rest_set_delta_request(call));
      *(int32_t *)jg_rest_field(call->call.request, "page_size", PROTOBUF_C_TYPE_INT32) = (int32_t)call->page_size;
      return JG_STATUS_OK;
    default:
      return set_get_request(call, plan->target.key);
  }
}

static void start(struct jg_rest_call *call, enum jg_method_index method, const struct jg_rest_plan *plan) {
  call->call.method = &call->rest->methods[method];
  struct jg_status status = set_request(call, method, plan);
  if (jg_status_ok(status)) {
    call->call.method->handle(&call->call);
  } else {
    jg_call_fail(&call->call, status);
  }
}

void jg_rest_list_jobs(struct jg_rest_call *call) {
  start(call, JG_METHOD_LIST_JOBS, NULL);
}

void jg_rest_call(struct jg_rest *rest, struct jg_http_request *request, const struct jg_rest_plan *plan) {
  struct jg_rest_call *call = make_call(rest, request, plan);
  if (call == NULL) {
    jg_rest_fail_status(rest, request, jg_rest_out_of_memory(), plan->wishes.text_json);
    return;
  }
  enum jg_method_index method = method_of(request, plan);
  if (method == JG_METHOD_LIST_JOBS && plan->query.deltatoken.data != NULL) {
    call->delta_token = plan->query.deltatoken;  // Of pages behind the first one.
    jg_rest_keep_id(call);
  }
  if (method != JG_METHOD_LIST_JOBS || call->count || !jg_rest_track(call)) {
    start(call, method, plan);
  }
}
