// Calls of the sets beside Jobs: what jobs embed (EntityService), and planned visits. Options, bodies and answers are as those of
// Jobs.

#include "bridge/rest/rest_internal.h"
#include "jobgate/v1/entity_service.pb-c.h"
#include "proto/codec/json_decode.h"
#include "proto/codec/message.h"

enum jg_method_index jg_rest_entity_method(const struct jg_http_request *request, const struct jg_rest_plan *plan) {
  bool one = plan->route != JG_REST_ENTITIES && plan->route != JG_REST_COUNT;
  if (plan->target.entity->kind == JG_KIND_JOB_PLANNING) {
    return one ? JG_METHOD_GET_JOB_PLANNING : JG_METHOD_LIST_JOB_PLANNINGS;
  }
  switch (request->method) {
    case JG_HTTP_POST:
    case JG_HTTP_PUT:
    case JG_HTTP_PATCH:
      return JG_METHOD_UPSERT_ENTITY;
    case JG_HTTP_DELETE:
      return JG_METHOD_DELETE_ENTITY;
    default:
      return one ? JG_METHOD_GET_ENTITY : JG_METHOD_LIST_ENTITIES;
  }
}

/* EntityService's requests say the kind, which an entity has by the same number (proto/schema). */
static void set_kind(const struct jg_rest_call *call, ProtobufCMessage *request) {
  if (call->entity->kind != JG_KIND_JOB_PLANNING) {
    *(Jobgate__V1__EntityKind *)jg_rest_field(request, "kind", PROTOBUF_C_TYPE_ENUM) =
        (Jobgate__V1__EntityKind)call->entity->kind;
  }
}

static struct jg_status set_list(struct jg_rest_call *call) {
  ProtobufCMessage *request = jg_rest_new_list(call);
  if (request == NULL) {
    return jg_rest_out_of_memory();
  }
  set_kind(call, request);
  return JG_STATUS_OK;
}

/* One entity, to be read or deleted. */
static struct jg_status set_one(struct jg_rest_call *call, char *key) {
  ProtobufCMessage *request = jg_message_new(call->call.method->request, &call->call.arena);
  if (request == NULL) {
    return jg_rest_out_of_memory();
  }
  set_kind(call, request);
  *(char **)jg_rest_field(request, "id", PROTOBUF_C_TYPE_STRING) = key;
  call->call.request = request;
  return JG_STATUS_OK;
}

/* The URL's key is the entity's; the body may repeat it (statement 86). */
static struct jg_status take_key(struct jg_rest_call *call, const char *key, ProtobufCMessage *message) {
  struct jg_arena *arena = &call->call.arena;
  const struct jg_member *id = &call->entity->members[call->entity->id_member];
  struct jg_str given = jg_member_str(message, id), wanted = jg_str_from_cstr(key);
  if (given.len != 0 && !jg_str_equal(given, wanted)) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id",
                           "must be the key of the URL, or be left out");
  }
  return jg_member_set_str(message, id, wanted, arena) ? JG_STATUS_OK : jg_rest_out_of_memory();
}

/* key: of the URL; NULL: the entity is to be made. */
static struct jg_status set_upsert(struct jg_rest_call *call, const char *key, struct jg_str body) {
  struct jg_arena *arena = &call->call.arena;
  Jobgate__V1__UpsertEntityRequest *request =
      (Jobgate__V1__UpsertEntityRequest *)jg_message_new(call->call.method->request, arena);
  Jobgate__V1__AnyEntity *any = (Jobgate__V1__AnyEntity *)jg_message_new(&jobgate__v1__any_entity__descriptor, arena);
  struct jg_json_decoded decoded;
  if (request == NULL || any == NULL) {
    return jg_rest_out_of_memory();
  }
  JG_RETURN_IF_ERROR(jg_json_decode(call->entity, body, arena, &decoded));
  if (key != NULL) {
    JG_RETURN_IF_ERROR(take_key(call, key, decoded.message));
  }
  const ProtobufCFieldDescriptor *field =
      protobuf_c_message_descriptor_get_field(any->base.descriptor, (unsigned)call->entity->kind);
  JG_ASSERT(field != NULL);
  memcpy((char *)any + field->offset, &decoded.message, sizeof(ProtobufCMessage *));
  any->entity_case = (Jobgate__V1__AnyEntity__EntityCase)call->entity->kind;
  request->entity = any;
  request->mode = key != NULL ? JOBGATE__V1__WRITE_MODE__WRITE_MODE_UPDATE : JOBGATE__V1__WRITE_MODE__WRITE_MODE_CREATE;
  call->call.has_present = true;
  call->call.present = decoded.present;
  call->call.request = &request->base;
  return JG_STATUS_OK;
}

struct jg_status jg_rest_set_entity_request(struct jg_rest_call *call, enum jg_method_index method,
                                            const struct jg_rest_plan *plan) {
  char *key = jg_rest_key_text(call, plan->target.key);
  if (key == NULL) {
    return jg_rest_out_of_memory();
  }
  switch (method) {
    case JG_METHOD_UPSERT_ENTITY:
      return set_upsert(call, plan->route == JG_REST_ENTITIES ? NULL : key, plan->body);
    case JG_METHOD_LIST_ENTITIES:
    case JG_METHOD_LIST_JOB_PLANNINGS:
      return set_list(call);
    default:
      return set_one(call, key);
  }
}
