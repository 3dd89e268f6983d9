#include "base/compiler.h"
#include "base/limits.h"
#include "cache/answers.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/wire.h"
#include "services/jobs/jobs.h"
#include "services/jobs/jobs_internal.h"

/* Payloads that one batch reads, where the response has no limit of its own. */
#define BATCH_BYTES_MAX ((size_t)16 << 20)
/* A GUID in `missing`, `unread` or `reduced_ids`, with tag and length; none is in two of them. */
#define ID_FIELD_BYTES (JG_UUID_TEXT_LEN + 2)

/* ---- GetJob ---- */

struct get {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_uuid id;
  bool nodes;
  bool memory_only;
  struct jg_read_mask mask;
  struct jg_job_row row;
  struct jg_parts parts;
  int64_t revision; /* of the snapshot; 0: the answer is not kept */
};

static struct jg_answer_key answer_key(const struct get *get) {
  return (struct jg_answer_key){.tenant = get->call->identity.tenant, .id = get->id, .nodes = get->nodes};
}

/* Ready answers are whole jobs, for transports that send them as they are. */
static bool keeps_answers(const struct get *get) {
  return get->call->takes_ready && get->call->app->answers != NULL && get->mask.all &&
         !jg_read_mask_has_parent(&get->mask);
}

static struct jg_status read_job(struct jg_txn *txn, void *data) {
  struct get *get = data;
  struct jg_call *call = get->call;
  struct jg_status status = jg_txn_job_get(txn, get->id, &call->arena, &get->row);
  if (!jg_status_ok(status)) {
    return status;
  }
  if (keeps_answers(get)) {
    struct jg_tenant_state tenant;
    JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, &call->arena, &tenant));
    get->revision = tenant.revision;
  }
  const struct jg_expand_options options = {.tenant = call->identity.tenant,
                                            .memory_only = get->memory_only,
                                            .unshown = jg_read_mask_unshown(&get->mask, get->nodes)};
  JG_RETURN_IF_ERROR(jg_expand_jobs(call->app->expander, txn, &options, &get->row, 1, &call->arena, &get->parts));
  if (jg_read_mask_has_parent(&get->mask)) {
    struct jg_jobs_page page = {&get->row, &get->parts, 1, SIZE_MAX};
    JG_RETURN_IF_ERROR(jg_jobs_parents(call, txn, &page));
  }
  return jg_read_mask_apply(&get->mask, &get->parts, 1, &call->arena);
}

/* Gives the answer that was kept, if it is certain that it still holds. */
static bool finish_from_memory(struct get *get) {
  struct jg_call *call = get->call;
  if (!keeps_answers(get)) {
    return false;
  }
  int64_t revision;
  struct jg_answer_key key = answer_key(get);
  struct jg_bytes *ready = jg_answers_get(call->app->answers, &key, &revision);
  if (ready == NULL || !jg_store_unchanged(call->app->store, key.tenant, key.id, revision)) {
    jg_bytes_unref(ready);
    return false;
  }
  const struct jg_answer answer = {.kind = JG_ANSWER_READY, .ready = ready};
  jg_call_finish(call, JG_STATUS_OK, &answer);
  return true;
}

/* Encodes the answer once, for this caller and the next ones. */
static void finish_and_keep(struct get *get) {
  size_t size = jg_proto_encode_size(&get->parts, get->nodes);
  struct jg_bytes *ready = jg_bytes_create_room(size);
  struct jg_buf out = {.data = ready->data, .capacity = size, .bytes_max = size};
  jg_proto_encode(&get->parts, get->nodes, &out);
  JG_ASSERT(!out.failed && out.len == size);
  struct jg_answer_key key = answer_key(get);
  jg_answers_put(get->call->app->answers, &key, get->revision, ready);
  const struct jg_answer answer = {.kind = JG_ANSWER_READY, .ready = ready};
  jg_call_finish(get->call, JG_STATUS_OK, &answer);
}

static void finish_get(struct get *get, struct jg_status status) {
  struct jg_call *call = get->call;
  if (status.code == JG_NOT_FOUND) {
    status = jg_jobs_not_found(call, get->id);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
    return;
  }
  if (get->revision > 0) {
    finish_and_keep(get);
    return;
  }
  const struct jg_answer answer = {.kind = JG_ANSWER_JOB, .jobs = &get->parts, .job_count = 1, .nodes = get->nodes};
  jg_call_finish(call, status, &answer);
}

static void run_get(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct get *get = data;
  finish_get(get, jg_status_ok(begun) ? read_job(txn, get) : begun);
}

void jg_jobs_get(struct jg_call *call) {
  const Jobgate__V1__GetJobRequest *request = (const Jobgate__V1__GetJobRequest *)call->request;
  struct get *get = jg_arena_alloc(&call->arena, sizeof(*get));
  if (get == NULL) {
    jg_call_fail(call, jg_jobs_out_of_arena());
    return;
  }
  *get = (struct get){.call = call, .memory_only = true};
  struct jg_status status = jg_jobs_parse_id(call, request->id, "id", &get->id);
  if (jg_status_ok(status)) {
    status = jg_jobs_read_mask(call, request->read_mask, &get->mask);
  }
  if (jg_status_ok(status)) {
    status = jg_jobs_view(call, request->view, true, &get->mask, &get->nodes);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
    return;
  }
  if (finish_from_memory(get)) {
    return;
  }
  // One point read and what is in memory: on this thread. Anything else goes to a reader.
  if (!jg_read_mask_has_parent(&get->mask)) {
    status = jg_store_read_inline(call->app->store, call->identity.tenant, read_job, get);
    if (status.code != JG_UNAVAILABLE) {
      finish_get(get, status);
      return;
    }
  }
  get->memory_only = false;
  get->read = (struct jg_store_read){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_get, .data = get};
  status = jg_store_submit_read(call->app->store, &get->read);
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}

/* ---- BatchGetJobs ---- */

struct batch {
  struct jg_call *call;
  struct jg_store_read read;
  bool nodes;
  struct jg_read_mask mask;
  size_t id_count;
  struct jg_uuid *ids;
  bool *missing;    /* by index of ids */
  size_t *index_of; /* of the rows, into ids */
  struct jg_job_row *rows;
  struct jg_parts *parts;
  size_t row_count;
  size_t read_count; /* ids that were looked for */
};

/* Reads until the payloads alone would fill the response. */
static struct jg_status read_rows(struct batch *batch, struct jg_txn *txn) {
  struct jg_call *call = batch->call;
  size_t bytes_max = call->response_bytes_max != 0 ? call->response_bytes_max : BATCH_BYTES_MAX;
  size_t bytes = 0;
  while (batch->read_count < batch->id_count && bytes < bytes_max) {
    size_t i = batch->read_count++;
    struct jg_job_row *row = &batch->rows[batch->row_count];
    struct jg_status status = jg_txn_job_get(txn, batch->ids[i], &call->arena, row);
    if (status.code == JG_NOT_FOUND) {
      batch->missing[i] = true;
      continue;
    }
    JG_RETURN_IF_ERROR(status);
    bytes += row->payload.len;
    batch->index_of[batch->row_count++] = i;
  }
  return JG_STATUS_OK;
}

/* The texts of the ids that `pick` names. */
static struct jg_status list_ids(struct batch *batch, const bool *pick, char ***ret_texts, size_t *ret_count) {
  struct jg_arena *arena = &batch->call->arena;
  char **texts = jg_arena_alloc(arena, batch->id_count * sizeof(texts[0]));
  size_t count = 0;
  if (texts == NULL) {
    return jg_jobs_out_of_arena();
  }
  for (size_t i = 0; i < batch->id_count; i++) {
    if (!pick[i]) {
      continue;
    }
    texts[count] = jg_jobs_id_text(batch->call, batch->ids[i]);
    if (texts[count++] == NULL) {
      return jg_jobs_out_of_arena();
    }
  }
  *ret_texts = texts;
  *ret_count = count;
  return JG_STATUS_OK;
}

/* What does not fit with its parents is unread. */
static struct jg_status add_parents(struct batch *batch, struct jg_txn *txn) {
  size_t bytes_max = batch->call->response_bytes_max != 0 ? batch->call->response_bytes_max : BATCH_BYTES_MAX;
  struct jg_jobs_page page = {batch->rows, batch->parts, batch->row_count, bytes_max};
  JG_RETURN_IF_ERROR(jg_jobs_parents(batch->call, txn, &page));
  if (page.count < batch->row_count) {
    batch->read_count = batch->index_of[page.count];
    batch->row_count = page.count;
  }
  return JG_STATUS_OK;
}

static struct jg_status read_batch(struct batch *batch, struct jg_txn *txn, struct jg_answer *answer) {
  struct jg_call *call = batch->call;
  const struct jg_expand_options options = {.tenant = call->identity.tenant,
                                            .unshown = jg_read_mask_unshown(&batch->mask, batch->nodes)};
  JG_RETURN_IF_ERROR(read_rows(batch, txn));
  JG_RETURN_IF_ERROR(
      jg_expand_jobs(call->app->expander, txn, &options, batch->rows, batch->row_count, &call->arena, batch->parts));
  if (jg_read_mask_has_parent(&batch->mask)) {
    JG_RETURN_IF_ERROR(add_parents(batch, txn));
  }
  JG_RETURN_IF_ERROR(jg_read_mask_apply(&batch->mask, batch->parts, batch->row_count, &call->arena));
  size_t bytes_max = call->response_bytes_max;
  if (bytes_max != 0) {
    size_t id_bytes = batch->id_count * ID_FIELD_BYTES;
    bytes_max = bytes_max > id_bytes ? bytes_max - id_bytes : 1;
  }
  struct jg_jobs_page page = {batch->rows, batch->parts, batch->row_count, bytes_max};
  struct jg_jobs_reduced reduced;
  JG_RETURN_IF_ERROR(jg_jobs_fit(call, &page, batch->nodes, &reduced));
  size_t first_unread = page.count < batch->row_count ? batch->index_of[page.count] : batch->read_count;
  bool *unread = jg_arena_alloc(&call->arena, batch->id_count * sizeof(unread[0]));
  Jobgate__V1__BatchGetJobsResponse *response = jg_arena_alloc(&call->arena, sizeof(*response));
  if (unread == NULL || response == NULL) {
    return jg_jobs_out_of_arena();
  }
  for (size_t i = 0; i < batch->id_count; i++) {
    unread[i] = i >= first_unread && !batch->missing[i];
  }
  jobgate__v1__batch_get_jobs_response__init(response);
  JG_RETURN_IF_ERROR(list_ids(batch, batch->missing, &response->missing, &response->n_missing));
  JG_RETURN_IF_ERROR(list_ids(batch, unread, &response->unread, &response->n_unread));
  *answer = (struct jg_answer){.kind = JG_ANSWER_JOBS,
                               .message = &response->base,
                               .jobs = batch->parts,
                               .job_count = page.count,
                               .nodes = batch->nodes};
  response->reduced_ids = reduced.ids;
  response->n_reduced_ids = reduced.count;
  return JG_STATUS_OK;
}

static void run_batch(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct batch *batch = data;
  struct jg_answer answer;
  if (jg_jobs_ended_early(batch->call)) {
    return;
  }
  struct jg_status status = jg_status_ok(begun) ? read_batch(batch, txn, &answer) : begun;
  jg_call_finish(batch->call, status, jg_status_ok(status) ? &answer : NULL);
}

static struct jg_status begin_batch(struct jg_call *call) {
  const Jobgate__V1__BatchGetJobsRequest *request = (const Jobgate__V1__BatchGetJobsRequest *)call->request;
  struct jg_arena *arena = &call->arena;
  size_t count = request->n_ids;
  if (count > JG_LIMIT_BATCH_IDS) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "ids", "must be at most %d",
                           JG_LIMIT_BATCH_IDS);
  }
  struct batch *batch = jg_arena_alloc_zero(arena, sizeof(*batch));
  if (batch == NULL) {
    return jg_jobs_out_of_arena();
  }
  batch->call = call;
  batch->id_count = count;
  batch->ids = jg_arena_alloc(arena, count * sizeof(batch->ids[0]));
  batch->missing = jg_arena_alloc_zero(arena, count * sizeof(batch->missing[0]));
  batch->index_of = jg_arena_alloc(arena, count * sizeof(batch->index_of[0]));
  batch->rows = jg_arena_alloc(arena, count * sizeof(batch->rows[0]));
  batch->parts = jg_arena_alloc(arena, count * sizeof(batch->parts[0]));
  if (batch->ids == NULL || batch->missing == NULL || batch->index_of == NULL || batch->rows == NULL ||
      batch->parts == NULL) {
    return jg_jobs_out_of_arena();
  }
  JG_RETURN_IF_ERROR(jg_jobs_read_mask(call, request->read_mask, &batch->mask));
  JG_RETURN_IF_ERROR(jg_jobs_view(call, request->view, true, &batch->mask, &batch->nodes));
  for (size_t i = 0; i < count; i++) {
    // The index is only spelled out for an id that is wrong.
    if (!jg_uuid_parse(jg_str_from_cstr(request->ids[i]), &batch->ids[i])) {
      const char *field = jg_arena_printf(arena, "ids[%zu]", i);
      return jg_jobs_parse_id(call, request->ids[i], field != NULL ? field : "ids", &batch->ids[i]);
    }
  }
  batch->read = (struct jg_store_read){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_batch, .data = batch};
  return jg_store_submit_read(call->app->store, &batch->read);
}

void jg_jobs_batch_get(struct jg_call *call) {
  struct jg_status status = begin_batch(call);
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}

/* ---- shared ---- */

struct jg_status jg_jobs_parse_id(struct jg_call *call, const char *text, const char *field, struct jg_uuid *ret_id) {
  struct jg_uuid id;
  if (!jg_uuid_parse(jg_str_from_cstr(text), &id) || jg_uuid_is_zero(id)) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, field,
                           "must be a GUID that is not zero");
  }
  *ret_id = id;
  return JG_STATUS_OK;
}

struct jg_status jg_jobs_not_found(struct jg_call *call, struct jg_uuid id) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  struct jg_status status = jg_status_printf(&call->arena, JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND,
                                             "there is no job %.*s", JG_UUID_TEXT_LEN, text);
  return jg_status_about(&call->arena, status, jg_entity(JG_KIND_JOB)->message_name, jg_str_make(text, sizeof(text)));
}

struct jg_status jg_jobs_view(struct jg_call *call, Jobgate__V1__JobView view, bool unspecified_is_full,
                              const struct jg_read_mask *mask, bool *ret_nodes) {
  return jg_read_mask_view(mask, view, unspecified_is_full, &call->arena, ret_nodes);
}

struct jg_status jg_jobs_out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
}

bool jg_jobs_ended_early(struct jg_call *call) {
  // Relaxed: a hint; nothing else is read on the strength of it.
  if (!atomic_load_explicit(&call->cancelled, memory_order_relaxed)) {
    return false;
  }
  jg_call_fail(call, jg_status_make(JG_CANCELLED, JG_REASON_NONE, "the caller is gone"));
  return true;
}
