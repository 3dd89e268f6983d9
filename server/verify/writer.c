/* A writer of the stream checker: creates, changes and deletes jobs of its own, and notes what was acknowledged. */
#include <stdio.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "server/verify/run_internal.h"

#define CALL_ARENA_BYTES (1u << 20)
#define CALL_TIMEOUT_MS 10000
#define OWN_JOBS_MAX 64
/* How a call goes on after an answer was lost. */
#define RETRY_PAUSE_NS INT64_C(20000000)

struct own_job {
  uint32_t job;
  int32_t group;
};

struct state {
  struct jg_verify_writer *writer;
  struct jg_arena arena; /* of one call */
  struct own_job jobs[OWN_JOBS_MAX];
  size_t job_count;
};

/* One write, from its number to its answer. */
struct attempt {
  uint64_t version;
  uint32_t job;
  int32_t group;
  bool new_entity; /* CREATE: brings an embedded entity of its own */
};

struct jg_uuid jg_verify_job_id(const struct jg_verify_side *side, uint32_t job) {
  struct jg_uuid id = JG_UUID_ZERO;
  memcpy(id.bytes, side->mark, sizeof(side->mark));
  for (size_t i = 0; i < sizeof(job); i++) {
    id.bytes[15 - i] = (uint8_t)(job >> 8 * i);
  }
  return id;
}

static bool may_retry(struct jg_status status) {
  return status.code == JG_UNAVAILABLE || status.code == JG_DEADLINE_EXCEEDED || status.code == JG_ABORTED;
}

/* Sends it until it is answered: what a killed server did with it shows then. *ret_repeated: an answer was lost. */
static struct jg_status call(struct jg_verify_side *side, const char *path, const ProtobufCMessage *request,
                             struct jg_arena *arena, struct jg_str *ret_answer, bool *ret_repeated) {
  const struct jg_grpc_request grpc = {.path = path, .timeout_ms = CALL_TIMEOUT_MS};
  struct jg_str bytes = jg_message_pack(request, arena);
  JG_ASSERT(bytes.data != NULL);
  *ret_repeated = false;
  int64_t give_up_ns = jg_verify_now_ns() + side->run->settings.patience_ns;
  for (;;) {
    struct jg_status status = jg_grpc_client_unary(side->client, &grpc, bytes, arena, ret_answer);
    if (!may_retry(status) || jg_verify_now_ns() > give_up_ns) {
      return status;
    }
    // Relaxed: a count.
    atomic_fetch_add_explicit(&side->run->retries, 1, memory_order_relaxed);
    *ret_repeated = true;
    jg_verify_pause(RETRY_PAUSE_NS);
  }
}

static struct jg_status revision_of(struct jg_str answer, struct jg_arena *arena, int64_t *ret_revision) {
  ProtobufCMessage *message;
  JG_RETURN_IF_ERROR(jg_message_unpack(&jobgate__v1__job__descriptor, answer, arena, &message));
  *ret_revision = ((const Jobgate__V1__Job *)(const void *)message)->revision;
  return JG_STATUS_OK;
}

/* The texts of one job's write; they live as long as the request. */
struct texts {
  char id[JG_UUID_TEXT_LEN + 1], mark[2 * 8 + 1], name[48], skill[48], request_id[JG_UUID_TEXT_LEN + 1];
  char status[8];
};

static void fill_texts(const struct jg_verify_side *side, const struct attempt *attempt, struct texts *texts) {
  jg_uuid_format(jg_verify_job_id(side, attempt->job), texts->id);
  texts->id[JG_UUID_TEXT_LEN] = '\0';
  memcpy(texts->mark, side->mark_text, sizeof(texts->mark));
  (void)snprintf(texts->name, sizeof(texts->name), "verify-stream %llu", (unsigned long long)attempt->version);
  (void)snprintf(texts->skill, sizeof(texts->skill), "%s-%llu", texts->mark, (unsigned long long)attempt->version);
  memcpy(texts->status, "Open", sizeof("Open"));
  struct jg_uuid request_id = jg_verify_job_id(side, attempt->job);
  request_id.bytes[8] = 0xff;
  jg_uuid_format(request_id, texts->request_id);
  texts->request_id[JG_UUID_TEXT_LEN] = '\0';
}

static struct jg_status create(struct jg_verify_side *side, const struct attempt *attempt, struct jg_arena *arena,
                               struct jg_verify_write *write) {
  struct texts texts;
  fill_texts(side, attempt, &texts);
  Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
  project.reference_back_office = texts.mark;
  Jobgate__V1__JobType job_type = JOBGATE__V1__JOB_TYPE__INIT;
  job_type.code = texts.mark;
  Jobgate__V1__Skill skill = JOBGATE__V1__SKILL__INIT;
  skill.code = texts.skill;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.id = texts.id;
  job.name = texts.name;
  job.job_status_code = texts.status;
  job.customer_reference = texts.mark;
  job.working_sequence = attempt->group;
  job.project = &project;
  job.job_type = &job_type;
  job.skill = attempt->new_entity ? &skill : NULL;
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  request.job = &job;
  request.request_id = texts.request_id;
  struct jg_str answer;
  JG_RETURN_IF_ERROR(call(side, "/jobgate.v1.JobService/CreateJob", &request.base, arena, &answer, &write->repeated));
  return revision_of(answer, arena, &write->revision);
}

static struct jg_status update(struct jg_verify_side *side, const struct attempt *attempt, struct jg_arena *arena,
                               struct jg_verify_write *write) {
  struct texts texts;
  fill_texts(side, attempt, &texts);
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.id = texts.id;
  job.name = texts.name;
  job.working_sequence = attempt->group;
  char name_path[] = "name", group_path[] = "working_sequence";
  char *paths[] = {name_path, group_path};
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.paths = paths;
  mask.n_paths = JG_COUNT(paths);
  Jobgate__V1__UpdateJobRequest request = JOBGATE__V1__UPDATE_JOB_REQUEST__INIT;
  request.job = &job;
  request.update_mask = &mask;
  struct jg_str answer;
  JG_RETURN_IF_ERROR(call(side, "/jobgate.v1.JobService/UpdateJob", &request.base, arena, &answer, &write->repeated));
  return revision_of(answer, arena, &write->revision);
}

static struct jg_status delete_job(struct jg_verify_side *side, const struct attempt *attempt, struct jg_arena *arena,
                                   struct jg_verify_write *write) {
  struct texts texts;
  fill_texts(side, attempt, &texts);
  Jobgate__V1__DeleteJobRequest request = JOBGATE__V1__DELETE_JOB_REQUEST__INIT;
  request.id = texts.id;
  struct jg_str answer;
  struct jg_status status =
      call(side, "/jobgate.v1.JobService/DeleteJob", &request.base, arena, &answer, &write->repeated);
  // Sent again, it finds what the first one did.
  return status.code == JG_NOT_FOUND && write->repeated ? JG_STATUS_OK : status;
}

/* Takes the next number; false: there are no more. */
static bool begin(struct jg_verify_side *side, struct attempt *attempt) {
  // Relaxed: numbers alone; what is written at them is read after the threads were joined.
  attempt->version = atomic_fetch_add_explicit(&side->write_count, 1, memory_order_relaxed) + 1;
  if (attempt->version > JG_VERIFY_WRITES_MAX) {
    atomic_fetch_sub_explicit(&side->write_count, 1, memory_order_relaxed);
    return false;
  }
  return true;
}

typedef struct jg_status (*operation)(struct jg_verify_side *side, const struct attempt *attempt,
                                      struct jg_arena *arena, struct jg_verify_write *write);

static struct jg_status carry_out(struct jg_verify_side *side, operation run, const struct attempt *attempt,
                                  struct jg_arena *arena) {
  struct jg_verify_write *write = &side->writes[attempt->version - 1];
  *write = (struct jg_verify_write){.job = attempt->job, .group = attempt->group, .deletes = run == delete_job};
  jg_arena_reset(arena);
  struct jg_status status = run(side, attempt, arena, write);
  if (jg_status_ok(status)) {
    write->outcome = JG_VERIFY_DONE;
  }
  return status;
}

static struct jg_status create_one(struct state *state) {
  struct jg_verify_writer *writer = state->writer;
  uint64_t dice = jg_verify_random(&writer->random);
  struct attempt attempt = {.group = (int32_t)(dice % JG_VERIFY_GROUPS), .new_entity = (dice >> 8) % 4 == 0};
  if (!begin(writer->side, &attempt)) {
    return JG_STATUS_OK;
  }
  attempt.job = atomic_fetch_add_explicit(&writer->side->job_count, 1, memory_order_relaxed);  // as in begin
  JG_RETURN_IF_ERROR(carry_out(writer->side, create, &attempt, &state->arena));
  state->jobs[state->job_count++] = (struct own_job){attempt.job, attempt.group};
  return JG_STATUS_OK;
}

static struct jg_status change_one(struct state *state, bool deletes) {
  struct jg_verify_writer *writer = state->writer;
  struct attempt attempt = {0};
  if (!begin(writer->side, &attempt)) {
    return JG_STATUS_OK;
  }
  uint64_t dice = jg_verify_random(&writer->random);
  size_t at = (size_t)(dice % state->job_count);
  attempt.job = state->jobs[at].job;
  attempt.group = (dice >> 32) % 2 == 0 ? state->jobs[at].group : (int32_t)((dice >> 40) % JG_VERIFY_GROUPS);
  JG_RETURN_IF_ERROR(carry_out(writer->side, deletes ? delete_job : update, &attempt, &state->arena));
  if (deletes) {
    state->jobs[at] = state->jobs[--state->job_count];
  } else {
    state->jobs[at].group = attempt.group;
  }
  return JG_STATUS_OK;
}

static struct jg_status write_one(struct state *state) {
  uint64_t dice = jg_verify_random(&state->writer->random) % 100;
  if (state->job_count == 0 || (dice < 35 && state->job_count < OWN_JOBS_MAX)) {
    return create_one(state);
  }
  return change_one(state, dice >= 85);
}

void *jg_verify_writer_main(void *data) {
  struct jg_verify_writer *writer = data;
  struct jg_verify_run *run = writer->side->run;
  struct state state = {.writer = writer};
  jg_arena_init(&state.arena, CALL_ARENA_BYTES);
  int64_t period_ns = INT64_C(1000000000) * run->settings.writers / run->settings.rate;
  int64_t due_ns = jg_verify_now_ns();
  // Relaxed: only a hint to stop early.
  while (jg_verify_now_ns() < run->stop_ns && !atomic_load_explicit(&run->failed, memory_order_relaxed)) {
    struct jg_status status = write_one(&state);
    if (!jg_status_ok(status)) {
      jg_verify_give_up(run, "a write failed", status);
      break;
    }
    due_ns += period_ns;
    int64_t wait_ns = due_ns - jg_verify_now_ns();
    if (wait_ns > 0) {
      jg_verify_pause(wait_ns);
    } else {
      due_ns = jg_verify_now_ns();
    }
  }
  jg_arena_done(&state.arena);
  return NULL;
}

struct jg_status jg_verify_fence(struct jg_verify_side *side, struct jg_arena *arena, int64_t *ret_revision) {
  struct attempt attempt = {0};
  if (!begin(side, &attempt)) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "too many writes for one run");
  }
  attempt.job = atomic_fetch_add_explicit(&side->job_count, 1, memory_order_relaxed);  // as in begin
  JG_RETURN_IF_ERROR(carry_out(side, create, &attempt, arena));
  *ret_revision = side->writes[attempt.version - 1].revision;
  return JG_STATUS_OK;
}
