/* `jobgate get` and `jobgate list`: jobs of a server as compact legacy JSON, one a line. */
#include <unistd.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "server/command/remote.h"

/* A job may have some 30 MiB, as bytes, as a message and as JSON. */
#define PAGE_ARENA_BYTES (256u << 20)
#define TEXT_BYTES_MAX (256u << 20)

static const struct jg_option get_options[] = {JG_OPTION_SERVER, JG_OPTION_USER, JG_OPTION_PASSWORD_FILE};

static const struct jg_option list_options[] = {
    JG_OPTION_SERVER,
    JG_OPTION_USER,
    JG_OPTION_PASSWORD_FILE,
    {.name = "filter",
     .type = JG_OPTION_TEXT,
     .value = "",
     .metavar = "F",
     .help = "only jobs that match: an OData $filter"},
    {.name = "order-by",
     .type = JG_OPTION_CHOICE,
     .value = "id",
     .choices = "id|id desc|modified_dateutc|modified_dateutc desc",
     .help = "order of the jobs"},
    {.name = "limit",
     .type = JG_OPTION_INTEGER,
     .value = "0",
     .min = 0,
     .max = INT64_MAX,
     .metavar = "N",
     .help = "most jobs to print; 0: all"},
};

/* Prints one job and a line feed. */
static struct jg_status print_line(const ProtobufCMessage *job, struct jg_arena *arena, struct jg_buf *out) {
  jg_buf_clear(out);
  JG_RETURN_IF_ERROR(jg_remote_print_job(job, arena, out));
  jg_buf_append_char(out, '\n');
  if (!jg_command_write(STDOUT_FILENO, jg_buf_str(out))) {
    return jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "cannot write the output");
  }
  return JG_STATUS_OK;
}

static struct jg_status get_one(struct jg_grpc_client *client, const char *id, struct jg_arena *arena,
                                struct jg_buf *out) {
  Jobgate__V1__GetJobRequest request = JOBGATE__V1__GET_JOB_REQUEST__INIT;
  request.id = (char *)id;
  ProtobufCMessage *job;
  JG_RETURN_IF_ERROR(jg_remote_call(client, "/jobgate.v1.JobService/GetJob", &request.base,
                                    &jobgate__v1__job__descriptor, arena, &job));
  return print_line(job, arena, out);
}

static int run_get(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_grpc_client *client = NULL;
  struct jg_status opened = jg_remote_open(options, arena, &client);
  if (!jg_status_ok(opened)) {
    return jg_command_usage(opened);
  }
  struct jg_buf out;
  jg_buf_init(&out, TEXT_BYTES_MAX);
  int code = JG_EXIT_OK;
  for (size_t i = 0; i < options->operand_count; i++) {
    struct jg_status status = get_one(client, options->operands[i], arena, &out);
    if (!jg_status_ok(status)) {
      code = jg_command_fail(status);
    }
  }
  jg_buf_done(&out);
  jg_grpc_client_destroy(client);
  return code;
}

/* A job that the list shows in part is read by itself. */
static bool is_reduced(const Jobgate__V1__ListJobsResponse *response, const char *id) {
  for (size_t i = 0; i < response->n_reduced_ids; i++) {
    if (strcmp(response->reduced_ids[i], id) == 0) {
      return true;
    }
  }
  return false;
}

/* Prints one page; *token becomes the next one's (in the arena), NULL at the end. *left counts down unless it was 0 from the start. */
static struct jg_status list_page(struct jg_grpc_client *client, const struct jg_options *options,
                                  struct jg_arena *arena, const char **token, int64_t *left, struct jg_buf *out) {
  Jobgate__V1__ListJobsRequest request = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  request.filter = (char *)jg_options_text(options, "filter");
  request.order_by = (char *)jg_options_text(options, "order-by");
  request.page_token = (char *)*token;
  request.view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL;
  request.page_size = *left > 0 && *left < 100 ? (int32_t)*left : 100;
  ProtobufCMessage *message;
  JG_RETURN_IF_ERROR(jg_remote_call(client, "/jobgate.v1.JobService/ListJobs", &request.base,
                                    &jobgate__v1__list_jobs_response__descriptor, arena, &message));
  const Jobgate__V1__ListJobsResponse *response = (const Jobgate__V1__ListJobsResponse *)message;
  for (size_t i = 0; i < response->n_jobs; i++) {
    const Jobgate__V1__Job *job = response->jobs[i];
    JG_RETURN_IF_ERROR(is_reduced(response, job->id) ? get_one(client, job->id, arena, out)
                                                     : print_line(&job->base, arena, out));
  }
  bool enough = *left > 0 && *left <= (int64_t)response->n_jobs;
  *left -= *left > 0 ? (int64_t)response->n_jobs : 0;
  struct jg_str next = jg_str_from_cstr(response->next_page_token);
  *token = enough || next.len == 0 ? NULL : jg_arena_str(arena, next).data;
  return JG_STATUS_OK;
}

static int run_list(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_grpc_client *client = NULL;
  struct jg_status status = jg_remote_open(options, arena, &client);
  if (!jg_status_ok(status)) {
    return jg_command_usage(status);
  }
  struct jg_buf out;
  jg_buf_init(&out, TEXT_BYTES_MAX);
  /* The token of a page must outlive that page's arena: two arenas take turns. */
  struct jg_arena pages[2];
  jg_arena_init(&pages[0], PAGE_ARENA_BYTES);
  jg_arena_init(&pages[1], PAGE_ARENA_BYTES);
  const char *token = "";
  int64_t left = jg_options_integer(options, "limit");
  for (size_t turn = 0; token != NULL && jg_status_ok(status); turn ^= 1) {
    jg_arena_reset(&pages[turn]);
    status = list_page(client, options, &pages[turn], &token, &left, &out);
  }
  int code = jg_status_ok(status) ? JG_EXIT_OK : jg_command_fail(status);
  jg_arena_done(&pages[0]);
  jg_arena_done(&pages[1]);
  jg_buf_done(&out);
  jg_grpc_client_destroy(client);
  return code;
}

const struct jg_command jg_command_get = {
    .name = "get",
    .operands = "ID...",
    .help = "print jobs of a server by id",
    .options = get_options,
    .option_count = JG_COUNT(get_options),
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .run = run_get,
};

const struct jg_command jg_command_list = {
    .name = "list",
    .operands = "",
    .help = "print the jobs of a server",
    .options = list_options,
    .option_count = JG_COUNT(list_options),
    .run = run_list,
};
