#include "base/compiler.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_fit.h"
#include "proto/schema/members.h"
#include "services/jobs/apply.h"
#include "services/jobs/given.h"
#include "services/jobs/jobs.h"
#include "services/jobs/jobs_internal.h"
#include "services/jobs/mask.h"
#include "services/jobs/virtual_status.h"

/* One write under way; in the call's arena. */
struct write {
  struct jg_call *call;
  struct jg_store_write write;
  ProtobufCMessage *job; /* create, update */
  uint64_t present;      /* update */
  struct jg_uuid id;     /* update, delete */
  struct jg_str etag;    /* update, delete; empty: any */
  struct jg_read_mask mask;
  struct jg_jobs_request request; /* create */
  bool validate_only;
  bool validated;        /* set by run: it ended in order to be undone */
  struct jg_parts parts; /* set by run */
  struct jg_answer answer;
};

/* ---- shared ---- */

/* The members that an update changes. */
static struct jg_status read_update_mask(const Google__Protobuf__FieldMask *mask, const ProtobufCMessage *job,
                                         struct jg_arena *arena, uint64_t *ret_present) {
  return jg_mask_read(mask != NULL ? mask->paths : NULL, mask != NULL ? mask->n_paths : 0, job, arena, ret_present);
}

/* REST's bodies came through jg_json_decode, which has done it; there paths are the body's own. What is wrong is told with all
 * else that needs no record. mask: of an update, else NULL. */
static struct jg_status canonicalize(struct jg_call *call, ProtobufCMessage *job,
                                     const Google__Protobuf__FieldMask *mask, bool is_change) {
  struct jg_arena *arena = &call->arena;
  if (call->has_present) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_message_canonicalize(jg_entity(JG_KIND_JOB), job, "job", arena);
  if (jg_status_ok(status)) {
    return JG_STATUS_OK;
  }
  struct jg_job_given given = {
      .job = job, .present = UINT64_MAX, .is_change = is_change, .path = "job", .proto_names = true};
  if (is_change && !jg_status_ok(read_update_mask(mask, job, arena, &given.present))) {
    return status;
  }
  return jg_job_check_given(&given, status, arena);
}

static struct jg_job_apply apply_of(const struct write *write, struct jg_txn *txn, enum jg_job_mode mode) {
  struct jg_call *call = write->call;
  return (struct jg_job_apply){
      .txn = txn,
      .clock = call->app->clock,
      .arena = &call->arena,
      .mode = mode,
      .job = write->job,
      .present = write->present,
      .virtual_statuses = call->app->virtual_statuses,
      .path_prefix = call->has_present ? "" : "job",
      .proto_names = !call->has_present,
  };
}

/* The row that is to be changed, if it is the version that the caller means. */
static struct jg_status read_row(struct write *write, struct jg_txn *txn, struct jg_job_row *ret_row) {
  struct jg_call *call = write->call;
  struct jg_status status = jg_txn_job_get(txn, write->id, &call->arena, ret_row);
  if (status.code == JG_NOT_FOUND) {
    return jg_jobs_not_found(call, write->id);
  }
  JG_RETURN_IF_ERROR(status);
  if (write->etag.len == 0) {
    return JG_STATUS_OK;
  }
  struct jg_str etag = jg_expand_etag(&call->arena, ret_row->id, ret_row->revision);
  if (etag.data == NULL) {
    return jg_jobs_out_of_arena();
  }
  return jg_str_equal(etag, write->etag)
             ? JG_STATUS_OK
             : jg_status_make(JG_ABORTED, JG_REASON_ETAG_MISMATCH, "the job has changed: its etag is another one");
}

/* A client that refuses the answer takes the write for failed. So one that is more than a message is reduced, as in lists. */
static bool reduce_answer(struct write *write, bool nodes) {
  struct jg_call *call = write->call;
  if (call->takes_parts || call->response_bytes_max == 0) {
    return true;
  }
  enum jg_proto_fit fit = jg_proto_fit(&write->parts, nodes, call->response_bytes_max);
  // The first answer given again: what a request created is as small as the request, only what it embeds may be large.
  fit = fit == JG_PROTO_FIT_ID && jg_uuid_is_zero(write->id) ? JG_PROTO_FIT_BASIC : fit;
  return jg_proto_reduce(&write->parts, write->id, fit, &call->arena);
}

static struct jg_status set_answer(struct write *write, bool created) {
  struct jg_arena *arena = &write->call->arena;
  if (write->validate_only) {  // They would name a version that never is.
    write->parts.revision = 0;
    write->parts.etag = JG_STR_NONE;
  }
  JG_RETURN_IF_ERROR(jg_read_mask_apply(&write->mask, &write->parts, 1, arena));
  if (!reduce_answer(write, jg_read_mask_has_nodes(&write->mask))) {
    return jg_jobs_out_of_arena();
  }
  write->answer = (struct jg_answer){.kind = JG_ANSWER_JOB,
                                     .jobs = &write->parts,
                                     .job_count = 1,
                                     .nodes = jg_read_mask_has_nodes(&write->mask),
                                     .created = created};
  write->validated = write->validate_only;
  return write->validate_only ? jg_status_make(JG_CANCELLED, JG_REASON_NONE, "only validated") : JG_STATUS_OK;
}

/* The whole job as this write leaves it. */
static struct jg_status answer_job(struct write *write, struct jg_txn *txn, const struct jg_job_applied *applied) {
  struct jg_call *call = write->call;
  const struct jg_expand_options options = {.tenant = call->identity.tenant, .in_write = true};
  write->id = applied->row.id;
  JG_RETURN_IF_ERROR(jg_expand_jobs(call->app->expander, txn, &options, &applied->row, 1, &call->arena, &write->parts));
  if (write->request.given) {
    JG_RETURN_IF_ERROR(jg_jobs_request_keep(call, txn, &write->request, &write->parts));
  }
  return set_answer(write, applied->outcome == JG_JOB_CREATED);
}

static void write_done(struct jg_status status, void *data) {
  struct write *write = data;
  if (write->validated && status.code == JG_CANCELLED) {
    status = JG_STATUS_OK;
  }
  jg_call_finish(write->call, status, jg_status_ok(status) ? &write->answer : NULL);
}

/* Ends the call on an error; `parsed` is what looking at the request gave. */
static void submit(struct write *write, struct jg_status parsed,
                   struct jg_status (*run)(struct jg_txn *txn, void *data)) {
  struct jg_call *call = write->call;
  struct jg_status status = parsed;
  if (jg_status_ok(status)) {
    write->write = (struct jg_store_write){.tenant = call->identity.tenant,
                                           .deadline_ns = call->deadline_ns,
                                           .run = run,
                                           .done = write_done,
                                           .data = write};
    status = jg_store_submit(call->app->store, &write->write);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}

static struct write *create_write(struct jg_call *call) {
  struct write *write = jg_arena_alloc_zero(&call->arena, sizeof(*write));
  if (write == NULL) {
    jg_call_fail(call, jg_jobs_out_of_arena());
    return NULL;
  }
  write->call = call;
  return write;
}

static struct jg_status missing_job(struct jg_call *call) {
  return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "job", "is required");
}

/* ---- CreateJob ---- */

static struct jg_status run_create(struct jg_txn *txn, void *data) {
  struct write *write = data;
  write->validated = false;
  if (write->request.given) {
    struct jg_status found = jg_jobs_request_find(write->call, txn, &write->request, &write->parts);
    if (found.code != JG_NOT_FOUND) {
      return jg_status_ok(found) ? set_answer(write, true) : found;
    }
  }
  jg_txn_set_trace(txn, write->call->traceparent);
  const struct jg_job_apply apply = apply_of(write, txn, JG_JOB_CREATE);
  struct jg_job_applied applied;
  JG_RETURN_IF_ERROR(jg_job_apply(&apply, &applied));
  return answer_job(write, txn, &applied);
}

static struct jg_status parse_create(struct write *write) {
  struct jg_call *call = write->call;
  const Jobgate__V1__CreateJobRequest *request = (const Jobgate__V1__CreateJobRequest *)call->request;
  if (request->job == NULL) {
    return missing_job(call);
  }
  write->job = &request->job->base;
  write->validate_only = request->validate_only;
  JG_RETURN_IF_ERROR(canonicalize(call, write->job, NULL, false));
  JG_RETURN_IF_ERROR(jg_jobs_read_mask(call, request->read_mask, &write->mask));
  return jg_jobs_request_read(call, write->validate_only ? "" : request->request_id, write->job, &write->request);
}

void jg_jobs_create(struct jg_call *call) {
  struct write *write = create_write(call);
  if (write != NULL) {
    submit(write, parse_create(write), run_create);
  }
}

/* ---- UpdateJob ---- */

static struct jg_status change(struct write *write, struct jg_txn *txn, enum jg_job_mode mode) {
  write->validated = false;
  jg_txn_set_trace(txn, write->call->traceparent);
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(read_row(write, txn, &row));
  struct jg_job_apply apply = apply_of(write, txn, mode);
  apply.existing = &row;
  struct jg_job_applied applied;
  JG_RETURN_IF_ERROR(jg_job_apply(&apply, &applied));
  return answer_job(write, txn, &applied);
}

static struct jg_status run_update(struct jg_txn *txn, void *data) {
  return change(data, txn, JG_JOB_UPDATE);
}

static struct jg_status parse_update(struct write *write) {
  struct jg_call *call = write->call;
  const Jobgate__V1__UpdateJobRequest *request = (const Jobgate__V1__UpdateJobRequest *)call->request;
  if (request->job == NULL) {
    return missing_job(call);
  }
  write->job = &request->job->base;
  write->validate_only = request->validate_only;
  JG_RETURN_IF_ERROR(canonicalize(call, write->job, request->update_mask, true));
  JG_RETURN_IF_ERROR(jg_jobs_read_mask(call, request->read_mask, &write->mask));
  JG_RETURN_IF_ERROR(jg_jobs_parse_id(call, request->job->id, call->has_present ? "id" : "job.id", &write->id));
  write->etag = jg_str_from_cstr(request->job->etag);
  if (call->has_present) {
    write->present = call->present;
    return JG_STATUS_OK;
  }
  return read_update_mask(request->update_mask, write->job, &call->arena, &write->present);
}

void jg_jobs_update(struct jg_call *call) {
  struct write *write = create_write(call);
  if (write != NULL) {
    submit(write, parse_update(write), run_update);
  }
}

/* ---- ChangeJobStatus ---- */

static struct jg_status run_change_status(struct jg_txn *txn, void *data) {
  return change(data, txn, JG_JOB_CHANGE_STATUS);
}

static struct jg_status parse_change_status(struct write *write) {
  struct jg_call *call = write->call;
  const Jobgate__V1__ChangeJobStatusRequest *request = (const Jobgate__V1__ChangeJobStatusRequest *)call->request;
  struct jg_uuid target = JG_UUID_ZERO;
  JG_RETURN_IF_ERROR(jg_jobs_read_mask(call, request->read_mask, &write->mask));
  JG_RETURN_IF_ERROR(jg_jobs_parse_id(call, request->id, call->has_present ? "jobs_id" : "id", &write->id));
  if (request->target_job_status_id[0] != '\0' &&
      !jg_uuid_parse(jg_str_from_cstr(request->target_job_status_id), &target)) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "target_job_status_id",
                           "must be a GUID");
  }
  if (jg_uuid_is_zero(target) && request->target_job_status_code[0] == '\0') {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "target_job_status_id",
                           "is required unless target_job_status_code is given");
  }
  Jobgate__V1__Job *job = jg_arena_alloc(&call->arena, sizeof(*job));
  if (job == NULL) {
    return jg_jobs_out_of_arena();
  }
  jobgate__v1__job__init(job);
  job->id = request->id;
  job->job_status_id = request->target_job_status_id;
  job->job_status_code = request->target_job_status_code;
  write->job = &job->base;
  write->present = UINT64_C(1) << JG_JOB_JOB_STATUS_ID | UINT64_C(1) << JG_JOB_JOB_STATUS_CODE;
  write->etag = jg_str_from_cstr(request->etag);
  return JG_STATUS_OK;
}

void jg_jobs_change_status(struct jg_call *call) {
  struct write *write = create_write(call);
  if (write != NULL) {
    submit(write, parse_change_status(write), run_change_status);
  }
}

/* ---- DeleteJob ---- */

/* message: static. */
static struct jg_status not_deletable(const struct write *write, const char *message) {
  char id[JG_UUID_TEXT_LEN];
  jg_uuid_format(write->id, id);
  return jg_status_about(&write->call->arena, jg_status_make(JG_FAILED_PRECONDITION, JG_REASON_JOB_REFERENCED, message),
                         jg_entity(JG_KIND_JOB)->message_name, jg_str_make(id, sizeof(id)));
}

/* The guard: 409 when the job is referenced or Completed (contract 3.4). */
static struct jg_status check_deletable(struct write *write, struct jg_txn *txn, const struct jg_job_row *row) {
  struct jg_arena *arena = &write->call->arena;
  bool is_parent = false;
  JG_RETURN_IF_ERROR(jg_txn_job_is_parent(txn, row->id, &is_parent));
  if (is_parent) {
    return not_deletable(write, "the job is the parent of another one and cannot be deleted");
  }
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  ProtobufCMessage *job = NULL;
  JG_RETURN_IF_ERROR(jg_message_unpack(entity->descriptor, row->payload, arena, &job));
  struct jg_uuid id;
  struct jg_entity_row status_row;
  if (!jg_uuid_parse(jg_member_str(job, &entity->members[JG_JOB_JOB_STATUS_ID]), &id)) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_txn_entity_get(txn, JG_KIND_JOB_STATUS, id, arena, &status_row);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  bool completed = jg_str_equal(status_row.key, JG_STR("Completed")) ||
                   jg_virtual_status_by_id(write->call->app->virtual_statuses, id) != NULL;
  return completed ? not_deletable(write, "the job is Completed and cannot be deleted") : JG_STATUS_OK;
}

static struct jg_status run_delete(struct jg_txn *txn, void *data) {
  struct write *write = data;
  jg_txn_set_trace(txn, write->call->traceparent);
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(read_row(write, txn, &row));
  JG_RETURN_IF_ERROR(check_deletable(write, txn, &row));
  int64_t revision = 0;
  return jg_txn_job_delete(txn, &row, jg_txn_stamp(txn, JG_TICKS_UNSET), &revision);
}

void jg_jobs_delete(struct jg_call *call) {
  const Jobgate__V1__DeleteJobRequest *request = (const Jobgate__V1__DeleteJobRequest *)call->request;
  struct write *write = create_write(call);
  if (write == NULL) {
    return;
  }
  struct jg_status status = jg_jobs_parse_id(call, request->id, "id", &write->id);
  write->etag = jg_str_from_cstr(request->etag);
  Google__Protobuf__Empty *empty = jg_arena_alloc(&call->arena, sizeof(*empty));
  if (empty == NULL) {
    status = jg_jobs_out_of_arena();
  } else {
    google__protobuf__empty__init(empty);
    write->answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = &empty->base};
  }
  submit(write, status, run_delete);
}
