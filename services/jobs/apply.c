#include "services/jobs/apply.h"

#include "base/compiler.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "services/entities/diff.h"
#include "services/jobs/apply_internal.h"

/* What no strict write takes from a client (65). */
#define MANAGED (JG_MEMBER_SERVER_MANAGED | JG_MEMBER_READ_ONLY | JG_MEMBER_COPIED)

static struct jg_status begin_strict(struct jg_job_work *work);
static struct jg_status apply_strict(struct jg_job_work *work, struct jg_job_applied *ret_applied);
static struct jg_status apply_import(struct jg_job_work *work, struct jg_job_applied *ret_applied);
static struct jg_status put(struct jg_job_work *work, uint64_t changed, struct jg_job_applied *ret_applied);

static struct jg_status work_init(struct jg_job_work *work, const struct jg_job_apply *apply,
                                  struct jg_entities *entities) {
  *work = (struct jg_job_work){
      .apply = apply,
      .entities = entities,
      .mode = apply->mode,
      .path = apply->path_prefix,
      .given = jg_diff_copy(apply->job, apply->arena),
      .present = apply->mode == JG_JOB_CREATE ? UINT64_MAX : apply->present,
      .row = apply->mode == JG_JOB_UPDATE || apply->mode == JG_JOB_CHANGE_STATUS ? apply->existing : NULL,
  };
  return work->given != NULL ? JG_STATUS_OK : jg_diff_out_of_arena();
}

/* A node in the place of _parent_job (contract 3.2): one level, made or changed before its child. */
static struct jg_status apply_parent(struct jg_job_work *child, const ProtobufCMessage *node) {
  struct jg_job_work parent;
  struct jg_job_row row;
  const ProtobufCMessage *none = NULL;
  JG_RETURN_IF_ERROR(jg_job_look_up_parent(child, node, &parent, &row));
  JG_RETURN_IF_ERROR(begin_strict(&parent));
  JG_RETURN_IF_ERROR(jg_job_resolve_parent(&parent, &none));
  JG_ASSERT(none == NULL);  // A ParentJob has no node of its own.
  struct jg_job_applied applied;
  JG_RETURN_IF_ERROR(apply_strict(&parent, &applied));
  return jg_job_set_id(child, child->given, JG_JOB_PARENT_ID, applied.row.id);
}

struct jg_status jg_job_apply(const struct jg_job_apply *apply, struct jg_job_applied *ret_applied) {
  bool strict = apply->mode != JG_JOB_IMPORT;
  struct jg_entities entities;
  const struct jg_entities_options options = {
      .txn = apply->txn,
      .clock = apply->clock,
      .arena = apply->arena,
      .mode = strict ? JG_ENTITIES_STRICT : JG_ENTITIES_IMPORT,
      .proto_names = apply->proto_names,
      .warn = apply->warn,
      .data = apply->data,
      .memo = strict ? NULL : apply->memo,
  };
  jg_entities_init(&entities, &options);
  struct jg_job_work work;
  JG_RETURN_IF_ERROR(work_init(&work, apply, &entities));
  struct jg_job_applied applied;
  if (strict) {
    const ProtobufCMessage *node = NULL;
    JG_RETURN_IF_ERROR(begin_strict(&work));
    JG_RETURN_IF_ERROR(jg_job_resolve_parent(&work, &node));
    if (node != NULL) {
      JG_RETURN_IF_ERROR(apply_parent(&work, node));
    }
    JG_RETURN_IF_ERROR(apply_strict(&work, &applied));
  } else {
    JG_RETURN_IF_ERROR(apply_import(&work, &applied));
  }
  applied.warnings = entities.warnings;
  applied.entities_written = entities.written;
  *ret_applied = applied;
  return JG_STATUS_OK;
}

/* ---- strict ---- */

static struct jg_status decode_before(struct jg_job_work *work) {
  struct jg_status status =
      jg_message_unpack(jg_entity(JG_KIND_JOB)->descriptor, work->row->payload, work->apply->arena, &work->before);
  if (jg_status_ok(status)) {
    return status;
  }
  return work->apply->arena->failed
             ? jg_diff_out_of_arena()
             : jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "a payload of the record is unreadable");
}

/* What stands there, and the job's id. */
static struct jg_status begin_strict(struct jg_job_work *work) {
  if (work->row != NULL) {
    work->id = work->row->id;
    return decode_before(work);
  }
  JG_RETURN_IF_ERROR(jg_job_id(work, work->given, JG_JOB_ID, &work->id));
  if (jg_uuid_is_zero(work->id)) {
    work->id = jg_uuid_new(work->apply->clock);
  }
  return JG_STATUS_OK;
}

/* The members that the request changes, over what stands there (85). */
static struct jg_status merge(struct jg_job_work *work, uint64_t resolved) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  work->after = work->before != NULL ? jg_diff_copy(work->before, work->apply->arena)
                                     : jg_message_new(job->descriptor, work->apply->arena);
  if (work->after == NULL) {
    return jg_diff_out_of_arena();
  }
  for (size_t i = 0; i < job->member_count; i++) {
    const struct jg_member *member = &job->members[i];
    bool changes = member->relation == JG_NO_INDEX ? jg_job_given(work, i) : (resolved >> i & 1) != 0;
    if (changes && i != JG_JOB_ID && (member->flags & MANAGED) == 0 && jg_diff_stored(job, member)) {
      jg_member_share(work->after, work->given, member);
    }
  }
  return jg_job_set_id(work, work->after, JG_JOB_ID, work->id);
}

/* Server-managed members, and the copies that are made at each write (66, 67, 81, 87; R9). */
static struct jg_status manage(struct jg_job_work *work) {
  struct jg_arena *arena = work->apply->arena;
  ProtobufCMessage *after = work->after;
  int64_t now = jg_entities_commit_ticks(work->entities);
  if (work->row != NULL && work->row->modified_ticks >= now) {
    now = work->row->modified_ticks + 1;
  }
  bool fits = jg_member_set_date(after, jg_job_member(JG_JOB_DATE_UPDATE), now, arena) &&
              jg_member_set_date(after, jg_job_member(JG_JOB_MODIFIED_DATEUTC), now, arena);
  if (work->before == NULL) {
    int32_t id2 = 0;
    JG_RETURN_IF_ERROR(jg_txn_id2_next(work->apply->txn, &id2));
    jg_member_set_int(after, jg_job_member(JG_JOB_ID2), id2);
    fits = fits && jg_member_set_date(after, jg_job_member(JG_JOB_DATE_CREATE), now, arena);
  }
  if (work->completes) {
    fits = fits && jg_member_set_date(after, jg_job_member(JG_JOB_DATE_CLOSED), now, arena);
  }
  return fits ? JG_STATUS_OK : jg_diff_out_of_arena();
}

static struct jg_status copy_company(struct jg_job_work *work, const struct jg_job_project *project) {
  struct jg_arena *arena = work->apply->arena;
  return jg_member_set_str(work->after, jg_job_member(JG_JOB_COMPANY_ID), project->company_id, arena) &&
                 jg_member_set_str(work->after, jg_job_member(JG_JOB_COMPANY_CODE), project->company_code, arena)
             ? JG_STATUS_OK
             : jg_diff_out_of_arena();
}

static bool has_company_of(const ProtobufCMessage *job, const struct jg_job_project *project) {
  return jg_str_equal(jg_member_str(job, jg_job_member(JG_JOB_COMPANY_ID)), project->company_id) &&
         jg_str_equal(jg_member_str(job, jg_job_member(JG_JOB_COMPANY_CODE)), project->company_code);
}

/* 67, where this write gave the job its project; or that project another company, and the job had the old one. What an import
 * brought stays (85). */
static struct jg_status follow_project(struct jg_job_work *work) {
  JG_RETURN_IF_ERROR(jg_job_read_project(work, work->after, &work->project));
  work->moves = work->before == NULL || !jg_member_equal(work->before, work->after, jg_job_member(JG_JOB_PROJECT_ID));
  return work->moves || has_company_of(work->before, &work->project_before) ? copy_company(work, &work->project)
                                                                            : JG_STATUS_OK;
}

static struct jg_status apply_strict(struct jg_job_work *work, struct jg_job_applied *ret_applied) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  if (work->mode != JG_JOB_CHANGE_STATUS) {  // An imported job may lack what is required.
    JG_RETURN_IF_ERROR(jg_job_check_required(work));
  }
  JG_RETURN_IF_ERROR(jg_job_resolve_status(work));
  if (work->before != NULL) {
    JG_RETURN_IF_ERROR(jg_job_read_project(work, work->before, &work->project_before));
  }
  uint64_t resolved = 0;
  uint64_t status_bits = JG_JOB_BIT(JG_JOB_JOB_STATUS_ID) | JG_JOB_BIT(JG_JOB_JOB_STATUS_CODE);
  JG_RETURN_IF_ERROR(
      jg_entities_resolve(work->entities, job, work->given, work->present & ~status_bits, work->path, &resolved));
  if ((work->present & status_bits) != 0) {
    resolved |= JG_JOB_BIT(JG_JOB_JOB_STATUS_ID);
  }
  JG_RETURN_IF_ERROR(merge(work, resolved));
  JG_RETURN_IF_ERROR(jg_job_default_priority(work));
  JG_RETURN_IF_ERROR(jg_job_copy_parent(work));
  JG_RETURN_IF_ERROR(follow_project(work));
  JG_RETURN_IF_ERROR(jg_job_check_address(work));
  if (work->is_parent && work->before != NULL && jg_diff_changed(job, work->before, work->after) == 0) {
    *ret_applied = (struct jg_job_applied){.row = *work->row, .outcome = JG_JOB_UNCHANGED};
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(manage(work));
  uint64_t changed = work->before != NULL ? jg_diff_changed(job, work->before, work->after) : 0;
  JG_RETURN_IF_ERROR(put(work, changed, ret_applied));
  return jg_job_plan_visit(work);
}

/* ---- import ---- */

/* I2 where the input says nothing: what stands there, else what a strict write would set. */
static struct jg_status fill_absent(struct jg_job_work *work) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct jg_arena *arena = work->apply->arena;
  for (size_t i = 0; i < job->member_count && work->before != NULL; i++) {
    if ((job->members[i].flags & MANAGED) != 0 && !jg_job_given(work, i)) {
      jg_member_share(work->after, work->before, &job->members[i]);
    }
  }
  if (work->before != NULL) {
    return JG_STATUS_OK;
  }
  static const uint8_t dates[] = {JG_JOB_DATE_CREATE, JG_JOB_DATE_UPDATE, JG_JOB_MODIFIED_DATEUTC};
  for (size_t i = 0; i < JG_COUNT(dates); i++) {
    if (!jg_job_given(work, dates[i]) &&
        !jg_member_set_date(work->after, jg_job_member(dates[i]), jg_entities_commit_ticks(work->entities), arena)) {
      return jg_diff_out_of_arena();
    }
  }
  if (!jg_job_given(work, JG_JOB_ID2)) {
    int32_t id2 = 0;
    JG_RETURN_IF_ERROR(jg_txn_id2_next(work->apply->txn, &id2));
    jg_member_set_int(work->after, jg_job_member(JG_JOB_ID2), id2);
  }
  if (!jg_job_given(work, JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE)) {
    JG_RETURN_IF_ERROR(jg_job_copy_parent(work));
  }
  uint64_t company = JG_JOB_BIT(JG_JOB_COMPANY_ID) | JG_JOB_BIT(JG_JOB_COMPANY_CODE);
  if ((work->present & company) != 0) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(jg_job_read_project(work, work->after, &work->project));
  return copy_company(work, &work->project);
}

/* A parent's node names the parent and no more: the parent comes as a job of its own. */
static struct jg_status read_parent_node(struct jg_job_work *work) {
  const ProtobufCMessage *node = jg_member_node(work->given, jg_job_member(JG_JOB_PARENT_JOB));
  if (node == NULL) {
    return JG_STATUS_OK;
  }
  const struct jg_entity *parent = jg_entity(JG_KIND_PARENT_JOB);
  static const struct {
    uint8_t from, to;
  } copies[] = {{JG_PARENT_JOB_ID, JG_JOB_PARENT_ID},
                {JG_PARENT_JOB_REFERENCE_BACK_OFFICE, JG_JOB_PARENT_JOBS_REFERENCE_BACK_OFFICE}};
  for (size_t i = 0; i < JG_COUNT(copies); i++) {
    if (jg_member_filled(work->given, jg_job_member(copies[i].to))) {
      continue;
    }
    work->present |= JG_JOB_BIT(copies[i].to);
    if (!jg_member_set_str(work->given, jg_job_member(copies[i].to),
                           jg_member_str(node, &parent->members[copies[i].from]), work->apply->arena)) {
      return jg_diff_out_of_arena();
    }
  }
  return JG_STATUS_OK;
}

/* What stands under the job's id, if anything. */
static struct jg_status read_before(struct jg_job_work *work, struct jg_job_row *row) {
  JG_RETURN_IF_ERROR(jg_job_id(work, work->given, JG_JOB_ID, &work->id));
  if (jg_uuid_is_zero(work->id)) {
    work->id = jg_uuid_new(work->apply->clock);
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_txn_job_get(work->apply->txn, work->id, work->apply->arena, row);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  work->row = row;
  return decode_before(work);
}

/* A changed job whose input does not say when: it is now. */
static struct jg_status stamp_absent(struct jg_job_work *work, uint64_t *changed) {
  static const uint8_t dates[] = {JG_JOB_DATE_UPDATE, JG_JOB_MODIFIED_DATEUTC};
  int64_t now = jg_entities_commit_ticks(work->entities);
  if (work->row->modified_ticks >= now) {
    now = work->row->modified_ticks + 1;
  }
  for (size_t i = 0; i < JG_COUNT(dates); i++) {
    if (jg_job_given(work, dates[i])) {
      continue;
    }
    *changed |= JG_JOB_BIT(dates[i]);
    if (!jg_member_set_date(work->after, jg_job_member(dates[i]), now, work->apply->arena)) {
      return jg_diff_out_of_arena();
    }
  }
  return JG_STATUS_OK;
}

static struct jg_status apply_import(struct jg_job_work *work, struct jg_job_applied *ret_applied) {
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct jg_arena *arena = work->apply->arena;
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(read_before(work, &row));
  JG_RETURN_IF_ERROR(read_parent_node(work));
  uint64_t resolved = 0;
  JG_RETURN_IF_ERROR(jg_entities_resolve(work->entities, job, work->given, UINT64_MAX, work->path, &resolved));
  // The job becomes what was given: what was not is at its default.
  work->after = jg_diff_copy(work->given, arena);
  if (work->after == NULL) {
    return jg_diff_out_of_arena();
  }
  JG_RETURN_IF_ERROR(jg_job_set_id(work, work->after, JG_JOB_ID, work->id));
  JG_RETURN_IF_ERROR(fill_absent(work));
  int32_t id2 = jg_member_int(work->after, jg_job_member(JG_JOB_ID2));
  if (id2 > 0) {
    JG_RETURN_IF_ERROR(jg_txn_id2_raise(work->apply->txn, id2));
  }
  if (work->before == NULL) {
    return put(work, 0, ret_applied);
  }
  uint64_t changed = jg_diff_changed(job, work->before, work->after);
  if (changed == 0) {
    *ret_applied = (struct jg_job_applied){.row = *work->row, .outcome = JG_JOB_UNCHANGED};
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(stamp_absent(work, &changed));
  return put(work, changed, ret_applied);
}

/* ---- both ---- */

/* The record's refusal, naming the member. */
static struct jg_status name_duplicate(const struct jg_job_work *work, struct jg_status status) {
  if (status.reason == JG_REASON_DUPLICATE_ID) {
    return jg_status_field(work->apply->arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID,
                           jg_job_path(work, jg_job_member(JG_JOB_ID)), "belongs to a job already");
  }
  if (status.reason == JG_REASON_DUPLICATE_REFERENCE) {
    return jg_status_field(work->apply->arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE,
                           jg_job_path(work, jg_job_member(JG_JOB_REFERENCE_BACK_OFFICE)),
                           "belongs to another job already");
  }
  return status;
}

static struct jg_status put(struct jg_job_work *work, uint64_t changed, struct jg_job_applied *ret_applied) {
  struct jg_arena *arena = work->apply->arena;
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  struct jg_job_put job_put = {
      .rid = work->row != NULL ? work->row->rid : 0,
      .id = work->id,
      .payload = jg_message_pack_payload(job, work->after, arena),
      .changed = changed,
      .commit_ticks = jg_entities_commit_ticks(work->entities),
      .modified_ticks = jg_member_date(work->after, jg_job_member(JG_JOB_MODIFIED_DATEUTC)),
  };
  if (job_put.payload.data == NULL) {
    return jg_diff_out_of_arena();
  }
  if (work->before != NULL) {
    JG_RETURN_IF_ERROR(jg_diff_old(job, work->before, changed, arena, &job_put.old));
  }
  struct jg_job_applied applied = {
      .row = {.rid = job_put.rid,
              .id = job_put.id,
              .modified_ticks = job_put.modified_ticks,
              .payload = job_put.payload},
      .outcome = work->before != NULL ? JG_JOB_UPDATED : JG_JOB_CREATED,
  };
  struct jg_status status = jg_txn_job_put(work->apply->txn, &job_put, arena, &applied.row.revision);
  if (!jg_status_ok(status)) {
    return name_duplicate(work, status);
  }
  *ret_applied = applied;
  return JG_STATUS_OK;
}

const char *jg_job_path(const struct jg_job_work *work, const struct jg_member *member) {
  struct jg_str name = work->apply->proto_names ? member->proto_name : member->name;
  const char *path =
      jg_arena_printf(work->apply->arena, work->path[0] != '\0' ? "%s.%.*s" : "%s%.*s", work->path, JG_STR_ARG(name));
  return path != NULL ? path : "";
}

struct jg_status jg_job_id(const struct jg_job_work *work, const ProtobufCMessage *message, size_t member,
                           struct jg_uuid *ret_id) {
  struct jg_str text = jg_member_str(message, jg_job_member(member));
  *ret_id = JG_UUID_ZERO;
  if (text.len != 0 && !jg_uuid_parse(text, ret_id)) {
    return jg_status_field(work->apply->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                           jg_job_path(work, jg_job_member(member)), "must be a GUID");
  }
  return JG_STATUS_OK;
}

struct jg_status jg_job_set_id(const struct jg_job_work *work, ProtobufCMessage *message, size_t member,
                               struct jg_uuid id) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  struct jg_str value = jg_uuid_is_zero(id) ? JG_STR_NONE : jg_str_make(text, sizeof(text));
  return jg_member_set_str(message, jg_job_member(member), value, work->apply->arena) ? JG_STATUS_OK
                                                                                      : jg_diff_out_of_arena();
}

struct jg_status jg_job_unresolved(const struct jg_job_work *work, size_t member, const char *what) {
  const char *message = jg_arena_printf(work->apply->arena, "names no %s", what);
  if (message == NULL) {
    return jg_diff_out_of_arena();
  }
  jg_entities_unresolved(work->entities, jg_job_path(work, jg_job_member(member)), message);
  return JG_STATUS_OK;
}

struct jg_status jg_job_read_project(const struct jg_job_work *work, const ProtobufCMessage *message,
                                     struct jg_job_project *ret_project) {
  struct jg_job_project found = {JG_STR_NONE, JG_STR_NONE, false};
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(jg_job_id(work, message, JG_JOB_PROJECT_ID, &id));
  struct jg_entity_row row = {.payload = JG_STR_NONE};
  if (!jg_uuid_is_zero(id)) {
    struct jg_status status = jg_entities_get(work->entities, JG_KIND_PROJECT, id, &row);
    if (status.code != JG_NOT_FOUND) {
      JG_RETURN_IF_ERROR(status);
    }
  }
  const struct jg_member *members = jg_entity(JG_KIND_PROJECT)->members;
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, row.payload);
  while (jg_wire_next(&reader, &field)) {
    if (field.number == members[JG_PROJECT_COMPANY_ID].number) {
      found.company_id = field.bytes;
    } else if (field.number == members[JG_PROJECT_COMPANY_CODE].number) {
      found.company_code = field.bytes;
    } else if (field.number == members[JG_PROJECT_IS_MOBILE_INSTALLATION].number) {
      found.is_mobile_installation = field.value != 0;
    }
  }
  *ret_project = found;
  return JG_STATUS_OK;
}
