#include "services/plannings/plannings.h"

#include <xxhash.h>

#include "base/limits.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"
#include "services/jobs/page_token.h"

/* Keeps tokens of this list and of ListJobs apart. */
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

/* Submits the read, or ends the call. */
static void submit(struct jg_call *call, struct jg_status parsed, struct jg_store_read *read) {
  struct jg_status status = parsed;
  if (jg_status_ok(status)) {
    read->tenant = call->identity.tenant;
    read->deadline_ns = call->deadline_ns;
    status = jg_store_submit_read(call->app->store, read);
  }
  if (!jg_status_ok(status)) {
    jg_call_fail(call, status);
  }
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

/* ---- GetJobPlanning ---- */

struct get {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_uuid id;
};

static void run_get(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct get *get = data;
  struct jg_call *call = get->call;
  struct jg_planning_row row = {.start_ticks = 0};
  Jobgate__V1__JobPlanning *message = NULL;
  struct jg_status status = jg_status_ok(begun) ? jg_txn_planning_get(txn, get->id, &row) : begun;
  if (status.code == JG_NOT_FOUND) {
    char text[JG_UUID_TEXT_LEN];
    jg_uuid_format(get->id, text);
    status = jg_status_printf(&call->arena, JG_NOT_FOUND, JG_REASON_NONE, "there is no job_planning %.*s",
                              JG_UUID_TEXT_LEN, text);
  }
  if (jg_status_ok(status)) {
    message = make_message(&row, &call->arena);
    status = message != NULL ? status : out_of_arena();
  }
  const struct jg_answer answer = {.kind = JG_ANSWER_MESSAGE, .message = message != NULL ? &message->base : NULL};
  jg_call_finish(call, status, jg_status_ok(status) ? &answer : NULL);
}

void jg_plannings_get(struct jg_call *call) {
  const Jobgate__V1__GetJobPlanningRequest *request = (const Jobgate__V1__GetJobPlanningRequest *)call->request;
  struct get *get = jg_arena_alloc_zero(&call->arena, sizeof(*get));
  if (get == NULL) {
    jg_call_fail(call, out_of_arena());
    return;
  }
  get->call = call;
  get->read = (struct jg_store_read){.run = run_get, .data = get};
  submit(call, parse_id(call, request->id, "id", &get->id), &get->read);
}

/* ---- ListJobPlannings ---- */

struct list {
  struct jg_call *call;
  struct jg_store_read read;
  struct jg_planning_query query;
  uint64_t filter_hash;
};

static struct jg_status parse_token(struct list *list, struct jg_str text) {
  struct jg_call *call = list->call;
  struct jg_page_token token;
  if (!jg_page_token_parse(text, call->identity.tenant, &call->arena, &token)) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token",
                           "must be the next_page_token of an earlier answer");
  }
  if (token.filter_hash != list->filter_hash) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token",
                           "belongs to another list");
  }
  list->query.has_after = true;
  list->query.after_id = token.id;
  return JG_STATUS_OK;
}

static struct jg_status parse_list(struct list *list) {
  struct jg_call *call = list->call;
  const Jobgate__V1__ListJobPlanningsRequest *request = (const Jobgate__V1__ListJobPlanningsRequest *)call->request;
  if (request->jobs_id[0] != '\0') {
    JG_RETURN_IF_ERROR(parse_id(call, request->jobs_id, "jobs_id", &list->query.job_id));
    list->query.of_job = true;
  }
  if (request->page_size < 0 || request->page_size > JG_LIMIT_PAGE_SIZE) {
    return jg_status_field(&call->arena, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "page_size",
                           "must be from 1 to %d, or 0 for %d", JG_LIMIT_PAGE_SIZE, JG_LIMIT_PAGE_SIZE_DEFAULT);
  }
  list->query.limit = request->page_size != 0 ? (size_t)request->page_size : JG_LIMIT_PAGE_SIZE_DEFAULT;
  list->filter_hash =
      XXH3_64bits_withSeed(list->query.job_id.bytes, sizeof(list->query.job_id.bytes), TOKEN_SEED + list->query.of_job);
  struct jg_str token = jg_str_from_cstr(request->page_token);
  return token.len != 0 ? parse_token(list, token) : JG_STATUS_OK;
}

/* The page is small: 1,000 visits are 150 kB. */
static struct jg_status read_list(struct list *list, struct jg_txn *txn,
                                  Jobgate__V1__ListJobPlanningsResponse *response) {
  struct jg_arena *arena = &list->call->arena;
  struct jg_planning_rows rows;
  JG_RETURN_IF_ERROR(jg_txn_planning_list(txn, &list->query, arena, &rows));
  Jobgate__V1__JobPlanning **items = jg_arena_alloc(arena, (rows.count + 1) * sizeof(Jobgate__V1__JobPlanning *));
  if (items == NULL) {
    return out_of_arena();
  }
  for (size_t i = 0; i < rows.count; i++) {
    items[i] = make_message(&rows.rows[i], arena);
    if (items[i] == NULL) {
      return out_of_arena();
    }
  }
  response->job_plannings = items;
  response->n_job_plannings = rows.count;
  if (!rows.more) {
    return JG_STATUS_OK;
  }
  const struct jg_page_token token = {
      .filter_hash = list->filter_hash, .by_key = true, .id = rows.rows[rows.count - 1].id};
  struct jg_str text = jg_page_token_format(&token, list->call->identity.tenant, arena);
  if (text.data == NULL) {
    return out_of_arena();
  }
  response->next_page_token = (char *)text.data;
  return JG_STATUS_OK;
}

static void run_list(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct list *list = data;
  Jobgate__V1__ListJobPlanningsResponse response = JOBGATE__V1__LIST_JOB_PLANNINGS_RESPONSE__INIT;
  struct jg_status status = jg_status_ok(begun) ? read_list(list, txn, &response) : begun;
  Jobgate__V1__ListJobPlanningsResponse *kept = jg_arena_alloc(&list->call->arena, sizeof(*kept));
  if (jg_status_ok(status) && kept == NULL) {
    status = out_of_arena();
  }
  struct jg_answer answer = {.kind = JG_ANSWER_MESSAGE};
  if (jg_status_ok(status)) {
    *kept = response;
    answer.message = &kept->base;
    answer.next_page_token = jg_str_from_cstr(response.next_page_token);
  }
  jg_call_finish(list->call, status, jg_status_ok(status) ? &answer : NULL);
}

void jg_plannings_list(struct jg_call *call) {
  struct list *list = jg_arena_alloc_zero(&call->arena, sizeof(*list));
  if (list == NULL) {
    jg_call_fail(call, out_of_arena());
    return;
  }
  list->call = call;
  list->read = (struct jg_store_read){.run = run_list, .data = list};
  submit(call, parse_list(list), &list->read);
}
