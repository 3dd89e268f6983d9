#include "base/compiler.h"
#include "proto/codec/message.h"
#include "services/entities/diff.h"
#include "services/jobs/apply_internal.h"

/* Row of jg_status_rows, or this: a status that an import registered. */
#define NOT_IN_TABLE SIZE_MAX

static size_t row_of(struct jg_str code) {
  for (size_t i = 0; i < JG_STATUS_ROW_COUNT; i++) {
    if (jg_str_equal(jg_status_rows[i].code, code)) {
      return i;
    }
  }
  return NOT_IN_TABLE;
}

/* The status that stands there; false if there is none. */
static struct jg_status read_current(const struct jg_job_work *work, struct jg_entity_row *row, bool *ret_has) {
  *ret_has = false;
  if (work->before == NULL) {
    return JG_STATUS_OK;
  }
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(jg_job_id(work, work->before, JG_JOB_JOB_STATUS_ID, &id));
  if (jg_uuid_is_zero(id)) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_entities_get(work->entities, JG_KIND_JOB_STATUS, id, row);
  if (status.code == JG_NOT_FOUND) {
    *row = (struct jg_entity_row){.kind = JG_KIND_JOB_STATUS, .id = id};
  } else if (!jg_status_ok(status)) {
    return status;
  }
  *ret_has = true;
  return JG_STATUS_OK;
}

/* By code: one of those that a write may use (77), or the one that stands there. NOT_FOUND. */
static struct jg_status find_by_code(const struct jg_job_work *work, struct jg_str code,
                                     const struct jg_entity_row *current, struct jg_entity_row *ret_row) {
  if (current != NULL && jg_status_code_equal(current->key, code)) {
    *ret_row = *current;
    return JG_STATUS_OK;
  }
  for (size_t i = 0; i < JG_STATUS_ROW_COUNT; i++) {
    if (!jg_status_rows[i].accepted_as_code || !jg_status_code_equal(jg_status_rows[i].code, code)) {
      continue;
    }
    struct jg_status status = jg_entities_find(work->entities, JG_KIND_JOB_STATUS, jg_status_rows[i].code, ret_row);
    if (status.code != JG_NOT_FOUND) {
      return status;
    }
  }
  return jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such job_status");
}

/* Contract 3.3 and statuses.tsv. A status that an import registered is left for any of the table; a virtual one, which counts
 * as Completed, for none. */
static bool may_become(const struct jg_job_work *work, const struct jg_entity_row *from,
                       const struct jg_entity_row *to) {
  if (jg_virtual_status_by_id(work->apply->virtual_statuses, from->id) != NULL) {
    return false;
  }
  size_t from_row = row_of(from->key), to_row = row_of(to->key);
  if (to_row == NOT_IN_TABLE) {
    return false;
  }
  return from_row == NOT_IN_TABLE || (jg_status_rows[from_row].may_become >> to_row & 1) != 0;
}

static struct jg_status set_status(struct jg_job_work *work, const struct jg_entity_row *current,
                                   const struct jg_entity_row *next, size_t member) {
  bool same = current != NULL && jg_uuid_equal(current->id, next->id);
  if (current != NULL && !same && !may_become(work, current, next)) {
    return jg_status_field(work->apply->arena, JG_FAILED_PRECONDITION, JG_REASON_ILLEGAL_TRANSITION,
                           jg_job_path(work, jg_job_member(member)), "cannot become %.*s, it is %.*s",
                           JG_STR_ARG(jg_str_sub(next->key, 0, 100)), JG_STR_ARG(jg_str_sub(current->key, 0, 100)));
  }
  work->completes = !same && jg_str_equal(next->key, JG_STR("Completed"));
  return jg_job_set_id(work, work->given, JG_JOB_JOB_STATUS_ID, next->id);
}

struct jg_status jg_job_resolve_status(struct jg_job_work *work) {
  struct jg_entity_row row, next;
  bool has_current = false;
  struct jg_uuid id = JG_UUID_ZERO;
  struct jg_str code = JG_STR_NONE;
  if (jg_job_given(work, JG_JOB_JOB_STATUS_ID)) {
    JG_RETURN_IF_ERROR(jg_job_id(work, work->given, JG_JOB_JOB_STATUS_ID, &id));
  }
  if (jg_job_given(work, JG_JOB_JOB_STATUS_CODE)) {
    code = jg_member_str(work->given, jg_job_member(JG_JOB_JOB_STATUS_CODE));
  }
  if (jg_uuid_is_zero(id) && code.len == 0) {
    return JG_STATUS_OK;  // Nothing given; or emptied, which the required group has refused.
  }
  JG_RETURN_IF_ERROR(read_current(work, &row, &has_current));
  const struct jg_entity_row *current = has_current ? &row : NULL;
  if (work->mode == JG_JOB_CHANGE_STATUS) {
    return jg_job_resolve_virtual(work, current);
  }
  if (jg_uuid_is_zero(id)) {
    struct jg_status found = find_by_code(work, code, current, &next);
    if (found.code == JG_NOT_FOUND) {
      return jg_job_unresolved(work, JG_JOB_JOB_STATUS_CODE, "job_status that a write may set by its code");
    }
    JG_RETURN_IF_ERROR(found);
    return set_status(work, current, &next, JG_JOB_JOB_STATUS_CODE);
  }
  struct jg_status status = jg_entities_get(work->entities, JG_KIND_JOB_STATUS, id, &next);
  const struct jg_virtual_status *listed = jg_virtual_status_by_id(work->apply->virtual_statuses, id);
  if (status.code == JG_NOT_FOUND && listed != NULL) {
    status = jg_job_ensure_virtual(work, listed, &next);  // known, though nobody has used it yet
  }
  if (status.code == JG_NOT_FOUND) {
    return jg_job_unresolved(work, JG_JOB_JOB_STATUS_ID, "job_status");
  }
  JG_RETURN_IF_ERROR(status);
  return set_status(work, current, &next, JG_JOB_JOB_STATUS_ID);
}
