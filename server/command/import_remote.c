/* `jobgate import --server`: the same text, as the messages of one ImportJobs call. */
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "server/command/import_internal.h"
#include "server/command/remote.h"

#define CHUNK_BYTES ((size_t)64 << 10)
#define RESPONSE_BYTES (16u << 20)

static void cancel(void *data) {
  struct jg_grpc_stream *stream = data;
  jg_grpc_stream_cancel(stream);
}

static bool send_chunk(struct jg_grpc_stream *stream, const struct jg_import_run *run, char *bytes, size_t len,
                       struct jg_arena *scratch) {
  Jobgate__V1__ImportJobsRequest request = JOBGATE__V1__IMPORT_JOBS_REQUEST__INIT;
  request.json.data = (uint8_t *)bytes;
  request.json.len = len;
  request.on_error = run->skip_errors ? JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_SKIP
                                      : JOBGATE__V1__IMPORT_ON_ERROR__IMPORT_ON_ERROR_STOP;
  jg_arena_reset(scratch);
  struct jg_str message = jg_message_pack(&request.base, scratch);
  JG_ASSERT(message.data != NULL); /* the arena has room for a chunk */
  return jg_grpc_stream_send(stream, message);
}

/* Until the input's end, or until the server has heard enough. */
static struct jg_status send_all(struct jg_grpc_stream *stream, struct jg_import_run *run, char *buffer,
                                 struct jg_arena *scratch) {
  int64_t sent = 0;
  for (;;) {
    size_t len = 0;
    JG_RETURN_IF_ERROR(jg_import_input_read(&run->input, buffer, CHUNK_BYTES, run->arena, &len));
    // One message at least: it tells what to do about refusals.
    if (len > 0 || sent == 0) {
      if (!send_chunk(stream, run, buffer, len, scratch)) {
        return JG_STATUS_OK;
      }
      sent += (int64_t)len;
      jg_import_run_progress(run, sent >> 10, "KiB");
    }
    if (len == 0) {
      jg_grpc_stream_close_send(stream);
      return JG_STATUS_OK;
    }
  }
}

static void take_summary(struct jg_import_run *run, const Jobgate__V1__ImportJobsResponse *response) {
  run->summary = (struct jg_import_summary){
      .created = response->created,
      .updated = response->updated,
      .unchanged = response->unchanged,
      .rejected = response->rejected,
      .warnings = response->warnings,
      .entities_written = response->entities_written,
      .more = response->more != 0,
  };
  for (size_t i = 0; i < response->n_problems; i++) {
    const Jobgate__V1__ImportProblem *item = response->problems[i];
    const struct jg_import_problem problem = {.warning = item->warning != 0,
                                              .number = item->number,
                                              .line = item->line,
                                              .field = item->field,
                                              .message = item->message};
    jg_import_run_problem(&problem, run);
  }
}

static struct jg_status receive_summary(struct jg_grpc_stream *stream, struct jg_import_run *run) {
  enum jg_grpc_next next;
  struct jg_str bytes = JG_STR_NONE;
  JG_RETURN_IF_ERROR(jg_grpc_stream_next(stream, -1, run->arena, &next, &bytes));
  if (next != JG_GRPC_NEXT_MESSAGE) {
    return jg_status_make(JG_INTERNAL, JG_REASON_NONE, "the server ended the import without a summary");
  }
  struct jg_arena arena;
  jg_arena_init(&arena, RESPONSE_BYTES);
  ProtobufCMessage *message = NULL;
  struct jg_status status = jg_message_unpack(&jobgate__v1__import_jobs_response__descriptor, bytes, &arena, &message);
  status = jg_status_copy(run->arena, status);
  if (jg_status_ok(status)) {
    take_summary(run, (const Jobgate__V1__ImportJobsResponse *)message);
  }
  jg_arena_done(&arena);
  return status;
}

static struct jg_status exchange(struct jg_grpc_stream *stream, struct jg_import_run *run) {
  struct jg_arena scratch;
  jg_arena_init(&scratch, 4 * CHUNK_BYTES);
  char *buffer = jg_alloc(CHUNK_BYTES);
  jg_import_input_watch(&run->input, cancel, stream);
  struct jg_status status = send_all(stream, run, buffer, &scratch);
  if (jg_status_ok(status)) {
    status = receive_summary(stream, run);
  }
  jg_import_input_unwatch(&run->input);
  jg_free(buffer);
  jg_arena_done(&scratch);
  return status;
}

struct jg_status jg_import_run_remote(struct jg_import_run *run) {
  struct jg_grpc_client *client = NULL;
  JG_RETURN_IF_ERROR(jg_remote_open(run->options, run->arena, &client));
  const struct jg_grpc_request request = {.path = "/jobgate.v1.JobService/ImportJobs"};
  struct jg_grpc_stream *stream = NULL;
  struct jg_status status = jg_grpc_stream_open(client, &request, &stream);
  if (jg_status_ok(status)) {
    status = exchange(stream, run);
  }
  jg_grpc_stream_destroy(stream);
  jg_grpc_client_destroy(client);
  return status;
}
