#include "proto/codec/message.h"
#include "services/entities/entities.h"
#include "services/entityset/entityset.h"
#include "services/entityset/entityset_internal.h"

/* One write under way; in the call's arena. */
struct write {
  struct jg_call *call;
  struct jg_store_read read; /* delete */
  struct jg_store_write write;
  enum jg_kind kind;
  struct jg_entities_upsert upsert;
  struct jg_uuid id; /* delete */
  int64_t revision;  /* delete: of the snapshot in which nothing referred to it */
  struct jg_answer answer;
};

static void write_done(struct jg_status status, void *data) {
  struct write *write = data;
  jg_call_finish(write->call, status, jg_status_ok(status) ? &write->answer : NULL);
}

static struct jg_status submit(struct write *write, struct jg_status (*run)(struct jg_txn *txn, void *data)) {
  struct jg_call *call = write->call;
  write->write = (struct jg_store_write){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run, .done = write_done, .data = write};
  return jg_store_submit(call->app->store, &write->write);
}

/* ---- UpsertEntity ---- */

/* The one that must be there. */
static struct jg_status not_found(const struct write *write) {
  const struct jg_entity *entity = jg_entity(write->kind);
  struct jg_uuid id = JG_UUID_ZERO;
  return jg_uuid_parse(jg_member_str(write->upsert.message, &entity->members[entity->id_member]), &id)
             ? jg_entityset_not_found(write->call, write->kind, id)
             : jg_status_field(&write->call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity",
                               "must have an id");
}

static struct jg_status run_upsert(struct jg_txn *txn, void *data) {
  struct write *write = data;
  struct jg_call *call = write->call;
  jg_txn_set_trace(txn, call->traceparent);
  const struct jg_entities_options options = {.txn = txn,
                                              .clock = call->app->clock,
                                              .arena = &call->arena,
                                              .mode = JG_ENTITIES_STRICT,
                                              .proto_names = !call->has_present};
  struct jg_entities entities;
  struct jg_entity_row row;
  bool created = false;
  jg_entities_init(&entities, &options);
  struct jg_status status = jg_entities_upsert(&entities, &write->upsert, &row, &created);
  if (status.code == JG_NOT_FOUND) {
    return not_found(write);
  }
  JG_RETURN_IF_ERROR(status);
  const struct jg_entity_ref ref = {row.kind, row.id};
  JG_RETURN_IF_ERROR(jg_entityset_answer(call, txn, true, &ref, &write->answer));
  write->answer.created = created;
  return JG_STATUS_OK;
}

/* The members that are said. */
static struct jg_status read_mask(struct write *write, const Google__Protobuf__FieldMask *mask) {
  const struct jg_entity *entity = jg_entity(write->kind);
  struct jg_entities_upsert *upsert = &write->upsert;
  size_t count = mask != NULL ? mask->n_paths : 0;
  for (size_t i = 0; i < entity->member_count && count == 0; i++) {
    upsert->present |= (uint64_t)jg_member_filled(upsert->message, &entity->members[i]) << i;
  }
  for (size_t i = 0; i < count; i++) {
    struct jg_str path = jg_str_from_cstr(mask->paths[i]);
    const struct jg_member *member = jg_entity_member_by_proto(entity, path);
    if (member != NULL) {
      upsert->present |= UINT64_C(1) << member->index;
    } else if (jg_str_equal(path, JG_STR("*"))) {
      upsert->present = UINT64_MAX;
    } else {
      return jg_status_field(&write->call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "update_mask",
                             "names \"%.*s\", which is no member of %.*s", JG_STR_ARG(jg_str_sub(path, 0, 100)),
                             JG_STR_ARG(entity->name));
    }
  }
  return JG_STATUS_OK;
}

static struct jg_status read_mode(struct write *write, Jobgate__V1__WriteMode mode) {
  static const enum jg_entities_upsert_mode modes[] = {
      [JOBGATE__V1__WRITE_MODE__WRITE_MODE_UNSPECIFIED] = JG_ENTITIES_CREATE_OR_UPDATE,
      [JOBGATE__V1__WRITE_MODE__WRITE_MODE_CREATE] = JG_ENTITIES_CREATE,
      [JOBGATE__V1__WRITE_MODE__WRITE_MODE_UPDATE] = JG_ENTITIES_UPDATE,
  };
  if ((unsigned)mode >= JG_COUNT(modes)) {
    return jg_status_field(&write->call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "mode",
                           "must be a WriteMode");
  }
  write->upsert.mode = modes[mode];
  return JG_STATUS_OK;
}

/* What gRPC brought; a JSON body has been read by its decoder, and its paths are its own. */
static struct jg_status read_message(struct write *write, ProtobufCMessage *message,
                                     const Google__Protobuf__FieldMask *mask) {
  const struct jg_entity *entity = jg_entity(write->kind);
  struct jg_arena *arena = &write->call->arena;
  write->upsert.path = jg_arena_printf(arena, "entity.%.*s", JG_STR_ARG(entity->name));
  if (write->upsert.path == NULL) {
    return jg_entityset_out_of_arena();
  }
  JG_RETURN_IF_ERROR(jg_message_canonicalize(entity, message, write->upsert.path, arena));
  return read_mask(write, mask);
}

static struct jg_status begin_upsert(struct jg_call *call) {
  const Jobgate__V1__UpsertEntityRequest *request = (const Jobgate__V1__UpsertEntityRequest *)call->request;
  struct write *write = jg_arena_alloc_zero(&call->arena, sizeof(*write));
  if (write == NULL) {
    return jg_entityset_out_of_arena();
  }
  write->call = call;
  ProtobufCMessage *content = NULL;
  write->kind = jg_entityset_content(request->entity, &content);
  if (write->kind == JG_KIND_NONE) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity", "is required");
  }
  JG_RETURN_IF_ERROR(jg_entityset_writable(write->kind));
  JG_RETURN_IF_ERROR(read_mode(write, request->mode));
  write->upsert.kind = write->kind;
  write->upsert.message = content;
  if (call->has_present) {
    write->upsert.path = "";
    write->upsert.present = call->present;
  } else {
    JG_RETURN_IF_ERROR(read_message(write, content, request->update_mask));
  }
  return submit(write, run_upsert);
}

void jg_entityset_upsert(struct jg_call *call) {
  struct jg_status status = begin_upsert(call);
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}

/* ---- DeleteEntity ---- */

/* The row, if nothing refers to it. after_revision as in jg_txn_entity_is_referenced. */
static struct jg_status check(struct write *write, struct jg_txn *txn, int64_t after_revision,
                              struct jg_entity_row *ret_row) {
  struct jg_arena *arena = &write->call->arena;
  struct jg_status status = jg_txn_entity_get(txn, write->kind, write->id, arena, ret_row);
  if (status.code == JG_NOT_FOUND) {
    return jg_entityset_not_found(write->call, write->kind, write->id);
  }
  JG_RETURN_IF_ERROR(status);
  bool referenced = false;
  JG_RETURN_IF_ERROR(jg_txn_entity_is_referenced(txn, write->kind, write->id, after_revision, &referenced));
  if (!referenced) {
    return JG_STATUS_OK;
  }
  char id[JG_UUID_TEXT_LEN];
  jg_uuid_format(write->id, id);
  return jg_status_about(arena,
                         jg_status_make(JG_FAILED_PRECONDITION, JG_REASON_ENTITY_REFERENCED,
                                        "a job or another entity refers to the entity, which cannot be deleted"),
                         jg_entity(write->kind)->message_name, jg_str_make(id, sizeof(id)));
}

static struct jg_status run_delete(struct jg_txn *txn, void *data) {
  struct write *write = data;
  jg_txn_set_trace(txn, write->call->traceparent);
  struct jg_entity_row row;
  JG_RETURN_IF_ERROR(check(write, txn, write->revision, &row));
  int64_t revision = 0;
  return jg_txn_entity_delete(txn, &row, jg_txn_stamp(txn, JG_TICKS_UNSET), &revision);
}

/* Going through all jobs is for a reader: the writer looks at those alone that changed since. */
static void run_check(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct write *write = data;
  struct jg_status status = begun;
  struct jg_entity_row row;
  struct jg_tenant_state tenant = {.revision = 0};
  if (jg_status_ok(status)) {
    status = jg_txn_tenant_state(txn, &write->call->arena, &tenant);
  }
  if (jg_status_ok(status)) {
    status = check(write, txn, 0, &row);
  }
  if (jg_status_ok(status)) {
    write->revision = tenant.revision;
    status = submit(write, run_delete);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(write->call, status);
  }
}

static struct jg_status begin_delete(struct jg_call *call) {
  const Jobgate__V1__DeleteEntityRequest *request = (const Jobgate__V1__DeleteEntityRequest *)call->request;
  struct write *write = jg_arena_alloc_zero(&call->arena, sizeof(*write));
  Google__Protobuf__Empty *empty = jg_arena_alloc(&call->arena, sizeof(*empty));
  if (write == NULL || empty == NULL) {
    return jg_entityset_out_of_arena();
  }
  google__protobuf__empty__init(empty);
  write->call = call;
  write->answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = &empty->base};
  JG_RETURN_IF_ERROR(jg_entityset_kind(call, request->kind, &write->kind));
  JG_RETURN_IF_ERROR(jg_entityset_id(call, request->id, &write->id));
  JG_RETURN_IF_ERROR(jg_entityset_writable(write->kind));
  write->read = (struct jg_store_read){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_check, .data = write};
  return jg_store_submit_read(call->app->store, &write->read);
}

void jg_entityset_delete(struct jg_call *call) {
  struct jg_status status = begin_delete(call);
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}
