#include "base/compiler.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "services/entities/diff.h"
#include "services/jobs/apply_internal.h"

#define PARENT_BITS \
  (JG_JOB_BIT(JG_JOB_PARENT_ID) | JG_JOB_BIT(JG_JOB_PARENT_JOB) | JG_JOB_BIT(JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE))

static struct jg_status set_parent(struct jg_job_work *work, struct jg_uuid id, size_t member) {
  if (!jg_uuid_is_zero(id) && jg_uuid_equal(id, work->id)) {
    return jg_status_field(work->apply->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                           jg_job_path(work, jg_job_member(member)), "must not name the job itself");
  }
  work->present |= JG_JOB_BIT(JG_JOB_PARENT_ID);
  work->parent_by = member;
  return jg_job_set_id(work, work->given, JG_JOB_PARENT_ID, id);
}

static struct jg_status resolve_id(struct jg_job_work *work, struct jg_uuid id) {
  struct jg_uuid old = JG_UUID_ZERO;
  if (work->before != NULL) {
    JG_RETURN_IF_ERROR(jg_job_id(work, work->before, JG_JOB_PARENT_ID, &old));
  }
  // An imported job's parent may be outside the record: what stands there may stay.
  if (!jg_uuid_equal(id, old) && !jg_uuid_equal(id, work->id)) {
    struct jg_job_row row;
    struct jg_status status = jg_txn_job_get(work->apply->txn, id, work->apply->arena, &row);
    if (status.code == JG_NOT_FOUND) {
      return jg_job_unresolved(work, JG_JOB_PARENT_ID, "job");
    }
    JG_RETURN_IF_ERROR(status);
  }
  return set_parent(work, id, JG_JOB_PARENT_ID);
}

static struct jg_status resolve_reference(struct jg_job_work *work, struct jg_str reference) {
  const size_t member = JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE;
  const struct jg_member *text = jg_job_member(member);
  struct jg_job_row row;
  struct jg_status status = jg_txn_job_find(work->apply->txn, reference, work->apply->arena, &row);
  if (status.code != JG_NOT_FOUND) {
    JG_RETURN_IF_ERROR(status);
    return set_parent(work, row.id, member);
  }
  if (work->before != NULL && jg_str_equal(jg_member_str(work->before, text), reference)) {
    work->present &= ~PARENT_BITS;  // As above.
    return JG_STATUS_OK;
  }
  return jg_job_unresolved(work, member, "job");
}

struct jg_status jg_job_resolve_parent(struct jg_job_work *work, const ProtobufCMessage **ret_node) {
  *ret_node = NULL;
  if ((work->present & PARENT_BITS) == 0) {
    return JG_STATUS_OK;
  }
  if (jg_job_given(work, JG_JOB_PARENT_ID)) {
    struct jg_uuid id;
    JG_RETURN_IF_ERROR(jg_job_id(work, work->given, JG_JOB_PARENT_ID, &id));
    if (!jg_uuid_is_zero(id)) {
      return resolve_id(work, id);
    }
  }
  if (jg_job_given(work, JG_JOB_PARENT_JOB)) {
    *ret_node = jg_member_node(work->given, jg_job_member(JG_JOB_PARENT_JOB));
    if (*ret_node != NULL) {
      work->present |= JG_JOB_BIT(JG_JOB_PARENT_ID);  // The caller sets it.
      work->parent_by = JG_JOB_PARENT_JOB;
      return JG_STATUS_OK;
    }
  }
  if (jg_job_given(work, JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE)) {
    struct jg_str reference = jg_member_str(work->given, jg_job_member(JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE));
    if (reference.len != 0) {
      return resolve_reference(work, reference);
    }
  }
  return set_parent(work, JG_UUID_ZERO, JG_JOB_PARENT_ID);
}

/* A ParentJob's members have the numbers of a Job's, so its bytes are those of a Job. */
static struct jg_status as_job(struct jg_job_work *parent, const ProtobufCMessage *node) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct jg_str bytes = jg_message_pack(node, parent->apply->arena);
  if (bytes.data == NULL) {
    return jg_diff_out_of_arena();
  }
  JG_RETURN_IF_ERROR(jg_message_unpack(job->descriptor, bytes, parent->apply->arena, &parent->given));
  for (size_t i = 0; i < job->member_count; i++) {
    if (jg_member_filled(parent->given, &job->members[i])) {
      parent->present |= JG_JOB_BIT(i);
    }
  }
  return JG_STATUS_OK;
}

/* Not two: the reference is `found`'s, and the id another job's. One that nobody has says nothing, as in entities. */
static struct jg_status check_one(const struct jg_job_work *parent, struct jg_uuid id, const struct jg_job_row *found) {
  struct jg_arena *arena = parent->apply->arena;
  struct jg_job_row other;
  if (jg_uuid_is_zero(id) || jg_uuid_equal(id, found->id)) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_txn_job_get(parent->apply->txn, id, arena, &other);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  const struct jg_violation violations[] = {
      {jg_job_path(parent, jg_job_member(JG_JOB_REFERENCE_BACK_OFFICE)), "belongs to another job than the id"},
      {jg_job_path(parent, jg_job_member(JG_JOB_ID)), "belongs to another job than the reference_back_office"},
  };
  status =
      jg_status_violations(arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, violations, JG_COUNT(violations));
  return status.details != NULL ? status : jg_diff_out_of_arena();
}

/* The row that a parent's node means: by its reference, else by its id. NOT_FOUND. */
static struct jg_status find_parent(const struct jg_job_work *parent, struct jg_str reference, struct jg_uuid id,
                                    struct jg_job_row *ret_row) {
  if (reference.len != 0) {
    struct jg_status status = jg_txn_job_find(parent->apply->txn, reference, parent->apply->arena, ret_row);
    if (status.code != JG_NOT_FOUND) {
      JG_RETURN_IF_ERROR(status);
      return check_one(parent, id, ret_row);
    }
  }
  return jg_uuid_is_zero(id) ? jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such job")
                             : jg_txn_job_get(parent->apply->txn, id, parent->apply->arena, ret_row);
}

struct jg_status jg_job_look_up_parent(struct jg_job_work *child, const ProtobufCMessage *node,
                                       struct jg_job_work *ret_parent, struct jg_job_row *ret_row) {
  struct jg_job_work parent = {
      .apply = child->apply,
      .entities = child->entities,
      .path = jg_job_path(child, jg_job_member(JG_JOB_PARENT_JOB)),
      .mode = JG_JOB_CREATE,
      .is_parent = true,
  };
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(as_job(&parent, node));
  JG_RETURN_IF_ERROR(jg_job_id(&parent, parent.given, JG_JOB_ID, &id));
  struct jg_str reference = jg_member_str(parent.given, jg_job_member(JG_JOB_REFERENCE_BACK_OFFICE));
  if (reference.len == 0 && jg_uuid_is_zero(id)) {
    return jg_status_field(child->apply->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, parent.path,
                           "must have a reference_back_office or an id");
  }
  struct jg_status status = find_parent(&parent, reference, id, ret_row);
  if (status.code == JG_NOT_FOUND) {
    parent.present = UINT64_MAX;
  } else {
    JG_RETURN_IF_ERROR(status);
    parent.mode = JG_JOB_UPDATE;
    parent.row = ret_row;
    id = ret_row->id;
  }
  if (jg_uuid_equal(id, child->id)) {
    return jg_status_field(child->apply->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, parent.path,
                           "must not name the job itself");
  }
  *ret_parent = parent;
  return JG_STATUS_OK;
}

struct jg_uuid jg_job_parent_of(struct jg_str payload) {
  const struct jg_member *member = jg_job_member(JG_JOB_PARENT_ID);
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  struct jg_uuid id = JG_UUID_ZERO;
  jg_wire_reader_init(&reader, payload);
  // Fields ascend, so nothing of it comes behind.
  while (jg_wire_next(&reader, &field) && field.number <= member->number) {
    if (field.number == member->number && !jg_uuid_parse(field.bytes, &id)) {
      return JG_UUID_ZERO;
    }
  }
  return id;
}

/* Goes up from a new parent: this job must not be above it. Imports, which look at no parents, may have left a cycle there: the
 * limit ends it. Each step is one indexed read, whose memory is given back. */
static struct jg_status check_ancestors(const struct jg_job_work *work, const struct jg_job_row *parent) {
  struct jg_arena *arena = work->apply->arena;
  const char *path = jg_job_path(work, jg_job_member(work->parent_by));
  struct jg_uuid id = jg_job_parent_of(parent->payload);
  struct jg_arena step;
  struct jg_status status = JG_STATUS_OK;
  jg_arena_init(&step, arena->bytes_max);
  for (size_t above = 1; !jg_uuid_is_zero(id) && jg_status_ok(status); above++) {
    struct jg_job_row row;
    if (jg_uuid_equal(id, work->id)) {
      status = jg_status_field(arena, JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE, path, "is below the job itself");
    } else if (above == JG_JOB_ANCESTORS_MAX) {
      status = jg_status_field(arena, JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE, path,
                               "has %d jobs above it, or is in a cycle of them", JG_JOB_ANCESTORS_MAX);
    } else {
      jg_arena_reset(&step);
      status = jg_txn_job_get(work->apply->txn, id, &step, &row);
      id = jg_status_ok(status) ? jg_job_parent_of(row.payload) : JG_UUID_ZERO;
    }
  }
  if (status.code == JG_NOT_FOUND) {
    status = JG_STATUS_OK;  // Outside the record: nothing is above it.
  } else if (!jg_status_ok(status)) {
    status = jg_status_copy(arena, status);
  }
  jg_arena_done(&step);
  return status;
}

struct jg_status jg_job_copy_parent(struct jg_job_work *work) {
  const struct jg_member *member = jg_job_member(JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE);
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(jg_job_id(work, work->after, JG_JOB_PARENT_ID, &id));
  if (jg_uuid_is_zero(id)) {
    if ((work->present & PARENT_BITS) != 0) {
      jg_member_clear(work->after, member);
    }
    return JG_STATUS_OK;
  }
  struct jg_job_row row;
  struct jg_status status = jg_txn_job_get(work->apply->txn, id, work->apply->arena, &row);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;  // Outside the record: what stands there stays.
  }
  JG_RETURN_IF_ERROR(status);
  bool strict = work->mode != JG_JOB_IMPORT;
  if (strict && (work->before == NULL || !jg_uuid_equal(jg_job_parent_of(work->row->payload), id))) {
    JG_RETURN_IF_ERROR(check_ancestors(work, &row));
  }
  ProtobufCMessage *parent = NULL;
  JG_RETURN_IF_ERROR(jg_message_unpack(jg_entity(JG_KIND_JOB)->descriptor, row.payload, work->apply->arena, &parent));
  struct jg_str reference = jg_member_str(parent, jg_job_member(JG_JOB_REFERENCE_BACK_OFFICE));
  return jg_member_set_str(work->after, member, reference, work->apply->arena) ? JG_STATUS_OK : jg_diff_out_of_arena();
}
