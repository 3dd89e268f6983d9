#include "services/plannings/plannings.h"

#include <xxhash.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"
#include "services/entityset/page.h"

/* Keeps tokens of this list and of other ones apart. */
#define TOKEN_SEED UINT64_C(0x6a706c616e6e696e)

static struct jg_status out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
}

static struct jg_status parse_id(struct jg_call *call, const char *text, const char *field, struct jg_uuid *ret_id) {
  struct jg_uuid id;
  if (!jg_uuid_parse(jg_str_from_cstr(text), &id) || jg_uuid_is_zero(id)) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, field,
                           "must be a GUID that is not zero");
  }
  *ret_id = id;
  return JG_STATUS_OK;
}

static bool set_id(ProtobufCMessage *message, size_t member, struct jg_uuid id, struct jg_arena *arena) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  return jg_member_set_str(message, &jg_entity(JG_KIND_JOB_PLANNING)->members[member], jg_str_make(text, sizeof(text)),
                           arena);
}

/* NULL at the arena's cap. */
static Jobgate__V1__JobPlanning *make_message(const struct jg_planning_row *row, struct jg_arena *arena) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB_PLANNING);
  ProtobufCMessage *message = jg_message_new(entity->descriptor, arena);
  const struct jg_member *members = entity->members;
  bool made = message != NULL && set_id(message, JG_JOB_PLANNING_ID, row->id, arena) &&
              set_id(message, JG_JOB_PLANNING_JOBS_ID, row->job_id, arena) &&
              set_id(message, JG_JOB_PLANNING_USER_ID, row->user_id, arena) &&
              jg_member_set_date(message, &members[JG_JOB_PLANNING_DATE_START], row->start_ticks, arena) &&
              jg_member_set_date(message, &members[JG_JOB_PLANNING_DATE_CREATE], row->created_ticks, arena) &&
              jg_member_set_date(message, &members[JG_JOB_PLANNING_MODIFIED_DATEUTC], row->modified_ticks, arena);
  return made ? (Jobgate__V1__JobPlanning *)message : NULL;
}

/* The visit as the payload that predicates and encoders read. */
static struct jg_status make_row(const struct jg_planning_row *planning, struct jg_arena *arena,
                                 struct jg_entity_row *ret_row) {
  Jobgate__V1__JobPlanning *message = make_message(planning, arena);
  *ret_row = (struct jg_entity_row){.kind = JG_KIND_JOB_PLANNING, .id = planning->id};
  if (message != NULL) {
    ret_row->payload = jg_message_pack_payload(jg_entity(JG_KIND_JOB_PLANNING), &message->base, arena);
  }
  return ret_row->payload.data != NULL ? JG_STATUS_OK : out_of_arena();
}

/* ---- GetJobPlanning ---- */

struct get {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_uuid id;
};

static struct jg_status read_get(struct get *get, struct jg_txn *txn, struct jg_answer *ret_answer) {
  struct jg_call *call = get->call;
  struct jg_planning_row planning;
  struct jg_status status = jg_txn_planning_get(txn, get->id, &planning);
  if (status.code == JG_NOT_FOUND) {
    char text[JG_UUID_TEXT_LEN];
    jg_uuid_format(get->id, text);
    status = jg_status_printf(&call->arena, JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "there is no job_planning %.*s",
                              JG_UUID_TEXT_LEN, text);
    return jg_status_about(&call->arena, status, jg_entity(JG_KIND_JOB_PLANNING)->message_name,
                           jg_str_make(text, sizeof(text)));
  }
  JG_RETURN_IF_ERROR(status);
  if (!call->takes_parts) {
    Jobgate__V1__JobPlanning *message = make_message(&planning, &call->arena);
    *ret_answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = message != NULL ? &message->base : NULL};
    return message != NULL ? JG_STATUS_OK : out_of_arena();
  }
  struct jg_parts *parts = jg_arena_alloc_zero(&call->arena, sizeof(*parts));
  struct jg_entity_row row;
  if (parts == NULL) {
    return out_of_arena();
  }
  JG_RETURN_IF_ERROR(make_row(&planning, &call->arena, &row));
  parts->entity = jg_entity(JG_KIND_JOB_PLANNING);
  parts->payload = row.payload;
  *ret_answer = (struct jg_answer){.kind = JG_ANSWER_JOB, .jobs = parts, .job_count = 1};
  return JG_STATUS_OK;
}

static void run_get(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct get *get = data;
  struct jg_answer answer;
  struct jg_status status = jg_status_ok(begun) ? read_get(get, txn, &answer) : begun;
  jg_call_finish(get->call, status, jg_status_ok(status) ? &answer : NULL);
}

void jg_plannings_get(struct jg_call *call) {
  const Jobgate__V1__GetJobPlanningRequest *request = (const Jobgate__V1__GetJobPlanningRequest *)call->request;
  struct get *get = jg_arena_alloc_zero(&call->arena, sizeof(*get));
  if (get == NULL) {
    jg_call_fail(call, out_of_arena());
    return;
  }
  get->call = call;
  get->read = (struct jg_store_read){
      .tenant = call->identity.tenant, .deadline_ns = call->deadline_ns, .run = run_get, .data = get};
  struct jg_status status = parse_id(call, request->id, "id", &get->id);
  if (jg_status_ok(status)) {
    status = jg_store_submit_read(call->app->store, &get->read);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
}

/* ---- ListJobPlannings ---- */

struct list {
  struct jg_call *call;
  bool of_job, count;
  struct jg_uuid job_id;
};

static struct jg_status read_rows(struct jg_txn *txn, const struct jg_entityset_want *want, struct jg_arena *arena,
                                  struct jg_entity_rows *ret_rows, void *data) {
  const struct list *list = data;
  struct jg_planning_row one;
  struct jg_planning_rows plannings = {.rows = &one, .count = 1};
  if (want->exact) {
    JG_RETURN_IF_ERROR(jg_txn_planning_get(txn, want->id, &one));
  } else {
    const struct jg_planning_query query = {.of_job = list->of_job,
                                            .has_after = want->has_after,
                                            .job_id = list->job_id,
                                            .after_id = want->id,
                                            .limit = want->limit};
    JG_RETURN_IF_ERROR(jg_txn_planning_list(txn, &query, arena, &plannings));
  }
  struct jg_entity_row *rows = jg_arena_alloc(arena, (plannings.count + 1) * sizeof(rows[0]));
  if (rows == NULL) {
    return out_of_arena();
  }
  for (size_t i = 0; i < plannings.count; i++) {
    JG_RETURN_IF_ERROR(make_row(&plannings.rows[i], arena, &rows[i]));
  }
  *ret_rows = (struct jg_entity_rows){.rows = rows, .count = plannings.count, .more = plannings.more};
  return JG_STATUS_OK;
}

/* The record finds the visits of a job by an index. */
static void take_equal(const struct jg_member *member, const struct jg_filter *literal, void *data) {
  struct list *list = data;
  if (!list->of_job && member->index == JG_JOB_PLANNING_JOBS_ID && literal->type == JG_VALUE_GUID) {
    list->of_job = true;
    list->job_id = literal->uuid;
  }
}

static struct jg_status write_response(const struct jg_entityset_rows *rows, struct jg_answer *ret_answer, void *data) {
  const struct list *list = data;
  struct jg_arena *arena = &list->call->arena;
  Jobgate__V1__ListJobPlanningsResponse *response = jg_arena_alloc(arena, sizeof(*response));
  Jobgate__V1__JobPlanning **items = jg_arena_alloc(arena, (rows->count + 1) * sizeof(Jobgate__V1__JobPlanning *));
  if (response == NULL || items == NULL) {
    return out_of_arena();
  }
  jobgate__v1__list_job_plannings_response__init(response);
  for (size_t i = 0; i < rows->count; i++) {
    ProtobufCMessage *item = NULL;
    JG_RETURN_IF_ERROR(jg_message_unpack(&jobgate__v1__job_planning__descriptor, rows->parts[i].payload, arena, &item));
    items[i] = (Jobgate__V1__JobPlanning *)item;
  }
  response->job_plannings = items;
  response->n_job_plannings = rows->count;
  response->total_size = list->count ? rows->total : 0;
  if (rows->next_page_token.len != 0) {
    response->next_page_token = (char *)rows->next_page_token.data;
  }
  *ret_answer = (struct jg_answer){.kind = JG_ANSWER_MESSAGE, .message = &response->base};
  return JG_STATUS_OK;
}

void jg_plannings_list(struct jg_call *call) {
  const Jobgate__V1__ListJobPlanningsRequest *request = (const Jobgate__V1__ListJobPlanningsRequest *)call->request;
  struct list *list = jg_arena_alloc_zero(&call->arena, sizeof(*list));
  if (list == NULL) {
    jg_call_fail(call, out_of_arena());
    return;
  }
  list->call = call;
  list->count = request->count;
  list->of_job = request->jobs_id[0] != '\0';
  struct jg_status status = JG_STATUS_OK;
  if (list->of_job) {
    status = parse_id(call, request->jobs_id, "jobs_id", &list->job_id);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
    return;
  }
  uint64_t seed = XXH3_64bits_withSeed(list->job_id.bytes, sizeof(list->job_id.bytes), TOKEN_SEED + list->of_job);
  const struct jg_entityset_list wanted = {.entity = jg_entity(JG_KIND_JOB_PLANNING),
                                           .filter = request->filter,
                                           .order_by = request->order_by,
                                           .page_token = request->page_token,
                                           .page_size = request->page_size,
                                           .skip = request->skip,
                                           .count = request->count,
                                           .seed = seed,
                                           .equal = take_equal,
                                           .read = read_rows,
                                           .write = write_response,
                                           .data = list};
  jg_entityset_page_answer(call, &wanted);
}
