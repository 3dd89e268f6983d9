#include "proto/codec/message.h"
#include "services/jobs/apply_internal.h"

struct jg_status jg_job_default_priority(struct jg_job_work *work) {
  if (work->before != NULL || jg_member_filled(work->after, jg_job_member(JG_JOB_JOB_PRIORITY_ID))) {
    return JG_STATUS_OK;
  }
  struct jg_entity_row row;
  struct jg_status status = jg_txn_entity_default(work->apply->txn, JG_KIND_JOB_PRIORITY, work->apply->arena, &row);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  return jg_job_set_id(work, work->after, JG_JOB_JOB_PRIORITY_ID, row.id);
}

struct jg_status jg_job_plan_visit(const struct jg_job_work *work) {
  struct jg_planning_row row = {
      .job_id = work->id,
      .start_ticks = jg_member_date(work->after, jg_job_member(JG_JOB_SUGGESTED_DATE_START)),
  };
  struct jg_uuid status_id;
  JG_RETURN_IF_ERROR(jg_job_id(work, work->after, JG_JOB_SUGGESTED_USER_ID, &row.user_id));
  JG_RETURN_IF_ERROR(jg_job_id(work, work->after, JG_JOB_JOB_STATUS_ID, &status_id));
  if (jg_uuid_is_zero(row.user_id) || row.start_ticks == JG_TICKS_UNSET || jg_uuid_is_zero(status_id)) {
    return JG_STATUS_OK;
  }
  struct jg_entity_row status_row;
  struct jg_status status = jg_entities_get(work->entities, JG_KIND_JOB_STATUS, status_id, &status_row);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;  // An import's, from outside the record.
  }
  JG_RETURN_IF_ERROR(status);
  if (!jg_str_equal(status_row.key, JG_STR("Suggested"))) {
    return JG_STATUS_OK;
  }
  row.id = jg_uuid_new(work->apply->clock);
  row.created_ticks = row.modified_ticks = jg_entities_commit_ticks(work->entities);
  bool added = false;
  return jg_txn_planning_add(work->apply->txn, &row, &added);  // 79: an equal one may stay the only one
}
