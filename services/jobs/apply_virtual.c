#include "proto/codec/message.h"
#include "services/entities/diff.h"
#include "services/jobs/apply_internal.h"

/* A configured status as an entity of this tenant: made or renamed at its first use after the configuration said so. */
struct jg_status jg_job_ensure_virtual(const struct jg_job_work *work, const struct jg_virtual_status *wanted,
                                       struct jg_entity_row *ret_row) {
  struct jg_arena *arena = work->apply->arena;
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB_STATUS);
  ProtobufCMessage *message = jg_message_new(entity->descriptor, arena);
  char id[JG_UUID_TEXT_LEN];
  jg_uuid_format(wanted->id, id);
  if (message == NULL ||
      !jg_member_set_str(message, &entity->members[JG_JOB_STATUS_ID], jg_str_make(id, sizeof(id)), arena) ||
      !jg_member_set_str(message, &entity->members[JG_JOB_STATUS_CODE], wanted->code, arena) ||
      !jg_member_set_str(message, &entity->members[JG_JOB_STATUS_NAME], wanted->name, arena)) {
    return jg_diff_out_of_arena();
  }
  JG_RETURN_IF_ERROR(jg_entities_ensure(work->entities, JG_KIND_JOB_STATUS, message, ret_row));
  return jg_uuid_equal(ret_row->id, wanted->id)
             ? JG_STATUS_OK
             : jg_status_printf(arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE,
                                "the code %.*s of a virtual status belongs to another job_status already",
                                JG_STR_ARG(wanted->code));
}

static struct jg_status unknown_target(const struct jg_job_work *work, const char *field) {
  return jg_status_field(work->apply->arena, JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, field,
                         "names no virtual status");
}

struct jg_status jg_job_resolve_virtual(struct jg_job_work *work, const struct jg_entity_row *current) {
  const struct jg_virtual_statuses *statuses = work->apply->virtual_statuses;
  bool completed = current != NULL && (jg_str_equal(current->key, JG_STR("Completed")) ||
                                       jg_virtual_status_by_id(statuses, current->id) != NULL);
  if (!completed) {
    return jg_status_printf(
        work->apply->arena, JG_FAILED_PRECONDITION, JG_REASON_NOT_COMPLETED,
        "the job is %.*s: only a Completed one gets a virtual status",
        JG_STR_ARG(current != NULL ? jg_str_sub(current->key, 0, 100) : JG_STR("without a status")));
  }
  struct jg_uuid id;
  const struct jg_virtual_status *target = NULL;
  JG_RETURN_IF_ERROR(jg_job_id(work, work->given, JG_JOB_JOB_STATUS_ID, &id));
  if (!jg_uuid_is_zero(id)) {  // 77: the id counts
    target = jg_virtual_status_by_id(statuses, id);
    if (target == NULL) {
      return unknown_target(work, "target_job_status_id");
    }
  } else {
    target = jg_virtual_status_by_code(statuses, jg_member_str(work->given, jg_job_member(JG_JOB_JOB_STATUS_CODE)));
    if (target == NULL) {
      return unknown_target(work, "target_job_status_code");
    }
  }
  struct jg_entity_row row;
  JG_RETURN_IF_ERROR(jg_job_ensure_virtual(work, target, &row));
  return jg_job_set_id(work, work->given, JG_JOB_JOB_STATUS_ID, row.id);
}
