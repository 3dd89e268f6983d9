#include "proto/codec/message.h"
#include "services/entityset/entityset.h"
#include "services/entityset/entityset_internal.h"
#include "services/expand/expand.h"

/* ---- shared ---- */

static const ProtobufCFieldDescriptor *field_of(enum jg_kind kind) {
  return protobuf_c_message_descriptor_get_field(&jobgate__v1__any_entity__descriptor, (unsigned)kind);
}

struct jg_status jg_entityset_kind(struct jg_call *call, Jobgate__V1__EntityKind kind, enum jg_kind *ret_kind) {
  if (kind <= 0 || (int)kind >= JG_KIND_COUNT || field_of((enum jg_kind)kind) == NULL) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "kind",
                           "must be a kind of entity that jobs embed, or ENTITY_KIND_JOB_STATUS");
  }
  *ret_kind = (enum jg_kind)kind;
  return JG_STATUS_OK;
}

struct jg_status jg_entityset_writable(enum jg_kind kind) {
  return kind != JG_KIND_JOB_STATUS ? JG_STATUS_OK
                                    : jg_status_make(JG_FAILED_PRECONDITION, JG_REASON_ENTITY_READ_ONLY,
                                                     "job statuses are read-only: they come with the record and by "
                                                     "configuration");
}

struct jg_status jg_entityset_id(struct jg_call *call, const char *text, struct jg_uuid *ret_id) {
  struct jg_uuid id;
  if (!jg_uuid_parse(jg_str_from_cstr(text), &id) || jg_uuid_is_zero(id)) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id",
                           "must be a GUID that is not zero");
  }
  *ret_id = id;
  return JG_STATUS_OK;
}

struct jg_status jg_entityset_not_found(struct jg_call *call, enum jg_kind kind, struct jg_uuid id) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  struct jg_status status =
      jg_status_printf(&call->arena, JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "there is no %.*s %.*s",
                       JG_STR_ARG(jg_entity(kind)->name), JG_UUID_TEXT_LEN, text);
  return jg_status_about(&call->arena, status, jg_entity(kind)->message_name, jg_str_make(text, sizeof(text)));
}

struct jg_status jg_entityset_out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
}

struct jg_status jg_entityset_message(enum jg_kind kind, struct jg_str expanded, struct jg_arena *arena,
                                      Jobgate__V1__AnyEntity **ret_message) {
  Jobgate__V1__AnyEntity *any = jg_arena_alloc(arena, sizeof(*any));
  if (any == NULL) {
    return jg_entityset_out_of_arena();
  }
  jobgate__v1__any_entity__init(any);
  const ProtobufCFieldDescriptor *field = field_of(kind);
  ProtobufCMessage *content = NULL;
  if (!jg_status_ok(jg_message_unpack(field->descriptor, expanded, arena, &content))) {
    return arena->failed
               ? jg_entityset_out_of_arena()
               : jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "an entity of the record is unreadable");
  }
  memcpy((char *)any + field->offset, &content, sizeof(ProtobufCMessage *));
  any->entity_case = (Jobgate__V1__AnyEntity__EntityCase)kind;
  *ret_message = any;
  return JG_STATUS_OK;
}

enum jg_kind jg_entityset_content(const Jobgate__V1__AnyEntity *entity, ProtobufCMessage **ret_content) {
  enum jg_kind kind = entity != NULL ? (enum jg_kind)entity->entity_case : JG_KIND_NONE;
  if (kind == JG_KIND_NONE) {
    return kind;
  }
  memcpy(ret_content, (const char *)entity + field_of(kind)->offset, sizeof(ProtobufCMessage *));
  return *ret_content != NULL ? kind : JG_KIND_NONE;
}

/* The entity as parts, for a transport that writes them itself. */
static struct jg_status answer_parts(struct jg_call *call, struct jg_txn *txn, const struct jg_expand_options *options,
                                     const struct jg_entity_ref *ref, struct jg_answer *ret_answer) {
  const struct jg_entity *entity = jg_entity(ref->kind);
  struct jg_parts *parts = jg_arena_alloc_zero(&call->arena, sizeof(*parts));
  struct jg_entity_row row;
  struct jg_entity_ref refs[JG_RELATIONS_MAX];
  if (parts == NULL) {
    return jg_entityset_out_of_arena();
  }
  struct jg_status status = jg_txn_entity_get(txn, ref->kind, ref->id, &call->arena, &row);
  if (status.code == JG_NOT_FOUND) {
    return jg_entityset_not_found(call, ref->kind, ref->id);
  }
  JG_RETURN_IF_ERROR(status);
  parts->entity = entity;
  parts->payload = row.payload;
  JG_RETURN_IF_ERROR(jg_expand_refs(entity, row.payload, refs));
  JG_RETURN_IF_ERROR(jg_expand_entities(call->app->expander, txn, options, refs, entity->relation_count, &call->arena,
                                        parts->relations));
  *ret_answer = (struct jg_answer){.kind = JG_ANSWER_JOB, .jobs = parts, .job_count = 1, .nodes = true};
  return JG_STATUS_OK;
}

struct jg_status jg_entityset_answer(struct jg_call *call, struct jg_txn *txn, bool in_write,
                                     const struct jg_entity_ref *ref, struct jg_answer *ret_answer) {
  const struct jg_expand_options options = {.tenant = call->identity.tenant, .in_write = in_write};
  if (call->takes_parts) {
    return answer_parts(call, txn, &options, ref, ret_answer);
  }
  const struct jg_expanded *expanded = NULL;
  JG_RETURN_IF_ERROR(jg_expand_entities(call->app->expander, txn, &options, ref, 1, &call->arena, &expanded));
  if (expanded == NULL) {
    return jg_entityset_not_found(call, ref->kind, ref->id);
  }
  Jobgate__V1__AnyEntity *message = NULL;
  JG_RETURN_IF_ERROR(jg_entityset_message(ref->kind, expanded->proto, &call->arena, &message));
  *ret_answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = &message->base};
  return JG_STATUS_OK;
}

/* ---- GetEntity ---- */

struct get {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_entity_ref ref;
};

static void run_get(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct get *get = data;
  struct jg_answer answer;
  struct jg_status status =
      jg_status_ok(begun) ? jg_entityset_answer(get->call, txn, false, &get->ref, &answer) : begun;
  jg_call_finish(get->call, status, jg_status_ok(status) ? &answer : NULL);
}

static struct jg_status begin_get(struct jg_call *call) {
  const Jobgate__V1__GetEntityRequest *request = (const Jobgate__V1__GetEntityRequest *)call->request;
  struct get *get = jg_arena_alloc_zero(&call->arena, sizeof(*get));
  if (get == NULL) {
    return jg_entityset_out_of_arena();
  }
  get->call = call;
  JG_RETURN_IF_ERROR(jg_entityset_kind(call, request->kind, &get->ref.kind));
  JG_RETURN_IF_ERROR(jg_entityset_id(call, request->id, &get->ref.id));
  get->read = (struct jg_store_read){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_get, .data = get};
  return jg_store_submit_read(call->app->store, &get->read);
}

void jg_entityset_get(struct jg_call *call) {
  struct jg_status status = begin_get(call);
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}
