#include "proto/codec/message.h"
#include "proto/schema/members.h"
#include "services/changes/fixture.h"
#include "services/entities/diff.h"

struct steps {
  const struct job_step *steps;
  size_t count;
  int64_t revision;
};

static const struct jg_member *member(size_t index) {
  return &jg_entity(JG_KIND_JOB)->members[index];
}

static void set_text(ProtobufCMessage *job, size_t index, const char *text, struct jg_arena *arena) {
  if (text != NULL) {
    JG_ASSERT(jg_member_set_str(job, member(index), jg_str_from_cstr(text), arena));
  }
}

static struct jg_status put_step(struct jg_txn *txn, const struct job_step *step, struct jg_arena *arena,
                                 int64_t *ret_revision) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  struct jg_job_put put = {.id = job_id(step->number), .modified_ticks = JG_TICKS_UNSET};
  struct jg_job_row row;
  ProtobufCMessage *before = jg_message_new(entity->descriptor, arena);
  struct jg_status status = jg_txn_job_get(txn, put.id, arena, &row);
  if (jg_status_ok(status)) {
    put.rid = row.rid;
    put.modified_ticks = row.modified_ticks;
    JG_RETURN_IF_ERROR(jg_message_unpack(entity->descriptor, row.payload, arena, &before));
  } else if (status.code != JG_NOT_FOUND || step->remove) {
    return status;
  }
  put.commit_ticks = jg_txn_stamp(txn, put.modified_ticks);
  if (step->remove) {
    return jg_txn_job_delete(txn, &row, put.commit_ticks, ret_revision);
  }
  ProtobufCMessage *after = jg_diff_copy(before, arena);
  char id[JG_UUID_TEXT_LEN + 1] = {0};
  jg_uuid_format(put.id, id);
  set_text(after, JG_JOB_ID, id, arena);
  set_text(after, JG_JOB_NAME, step->name, arena);
  set_text(after, JG_JOB_DESCRIPTION, step->description, arena);
  set_text(after, JG_JOB_JOB_STATUS_ID, step->status_id, arena);
  if (step->id2 != 0) {
    jg_member_set_int(after, member(JG_JOB_ID2), step->id2);
  }
  JG_ASSERT(jg_member_set_date(after, member(JG_JOB_MODIFIED_DATEUTC), put.commit_ticks, arena));
  put.modified_ticks = put.commit_ticks;
  put.payload = jg_message_pack_payload(entity, after, arena);
  if (put.rid != 0) {
    put.changed = jg_diff_changed(entity, before, after);
    JG_RETURN_IF_ERROR(jg_diff_old(entity, before, put.changed, arena, &put.old));
  }
  return jg_txn_job_put(txn, &put, arena, ret_revision);
}

static struct jg_status run_steps(struct jg_txn *txn, void *data) {
  struct steps *steps = data;
  struct jg_arena arena;
  jg_arena_init(&arena, (size_t)64 << 20);
  struct jg_status status = JG_STATUS_OK;
  for (size_t i = 0; i < steps->count && jg_status_ok(status); i++) {
    status = put_step(txn, &steps->steps[i], &arena, &steps->revision);
  }
  // Nobody expects an error, and it would not outlive the arena.
  JG_ASSERT(jg_status_ok(status));
  jg_arena_done(&arena);
  return JG_STATUS_OK;
}

int64_t write_steps(struct fixture *fixture, const struct job_step *steps, size_t count) {
  struct steps write = {.steps = steps, .count = count};
  write_request(fixture, fixture->tenant, run_steps, &write);
  return write.revision;
}
