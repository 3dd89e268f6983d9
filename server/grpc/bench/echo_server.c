/* The peer of the unary benchmark: the least that answers GetJob on the same C core with the same settings and threads, and the
 * same bytes every time. What jobgate needs more than this is its own work.
 *   echo_server HOST:PORT THREADS FILE     FILE: a Job's protobuf bytes
 * Prints one line of JSON with the bound address, ends on SIGTERM or SIGINT. */
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/limits.h"
#include "base/str.h"
#include "server/grpc/args.h"
#include "server/grpc/core.h"

#define PATH "/jobgate.v1.JobService/GetJob"
#define SLOTS 128
#define THREADS_MAX 64
#define FILE_BYTES_MAX (1u << 20)
#define STREAMS_MAX 1000
#define GRACE_MS 2000

struct queue;

/* A slot and its call in one. */
struct slot {
  struct queue *queue;
  bool answering;
  grpc_call *call;
  gpr_timespec deadline;
  grpc_metadata_array metadata;
  grpc_byte_buffer *payload;
  grpc_byte_buffer *answer;
  int cancelled;
};

struct queue {
  grpc_server *server;
  void *method;
  grpc_slice bytes;
  grpc_completion_queue *core;
  pthread_t thread;
  size_t outstanding;
};

static void arm(struct queue *queue) {
  struct slot *slot = jg_alloc_zero(1, sizeof(*slot));
  slot->queue = queue;
  grpc_metadata_array_init(&slot->metadata);
  queue->outstanding++;
  grpc_call_error error =
      grpc_server_request_registered_call(queue->server, queue->method, &slot->call, &slot->deadline, &slot->metadata,
                                          &slot->payload, queue->core, queue->core, slot);
  JG_ASSERT(error == GRPC_CALL_OK);
}

static void answer(struct slot *slot) {
  slot->answering = true;
  slot->answer = grpc_raw_byte_buffer_create(&slot->queue->bytes, 1);
  grpc_op ops[4] = {{.op = GRPC_OP_SEND_INITIAL_METADATA},
                    {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = slot->answer},
                    {.op = GRPC_OP_SEND_STATUS_FROM_SERVER, .data.send_status_from_server.status = GRPC_STATUS_OK},
                    {.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &slot->cancelled}};
  jg_grpc_core_start(slot->call, ops, JG_COUNT(ops), slot);
}

static void drop(struct slot *slot) {
  if (slot->answer != NULL) {
    grpc_byte_buffer_destroy(slot->answer);
  }
  if (slot->payload != NULL) {
    grpc_byte_buffer_destroy(slot->payload);
  }
  if (slot->call != NULL) {
    grpc_call_unref(slot->call);
  }
  grpc_metadata_array_destroy(&slot->metadata);
  slot->queue->outstanding--;
  jg_free(slot);
}

static void *serve(void *data) {
  struct queue *queue = data;
  for (;;) {
    grpc_event event = jg_grpc_core_next(queue->core);
    if (event.type == GRPC_QUEUE_SHUTDOWN) {
      return NULL;
    }
    struct slot *slot = event.tag;
    if (slot->answering || event.success == 0) {
      drop(slot);
    } else {
      arm(queue);
      answer(slot);
    }
    if (queue->outstanding == 0) {
      grpc_completion_queue_shutdown(queue->core);
    }
  }
}

static bool read_file(const char *path, grpc_slice *ret_bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return false;
  }
  char *data = jg_alloc(FILE_BYTES_MAX);
  size_t len = fread(data, 1, FILE_BYTES_MAX, file);
  bool whole = ferror(file) == 0 && feof(file) != 0;
  (void)fclose(file);  // Nothing was written.
  if (whole) {
    *ret_bytes = grpc_slice_from_copied_buffer(data, len);
  }
  jg_free(data);
  return whole;
}

static void stop(grpc_server *server, grpc_completion_queue *shutdown_queue) {
  grpc_server_shutdown_and_notify(server, shutdown_queue, server);
  gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(GRACE_MS, GPR_TIMESPAN));
  if (jg_grpc_core_pluck(shutdown_queue, server, deadline).type == GRPC_QUEUE_TIMEOUT) {
    grpc_server_cancel_all_calls(server);
    (void)jg_grpc_core_pluck(shutdown_queue, server, gpr_inf_future(GPR_CLOCK_MONOTONIC));  // Always comes.
  }
}

/* Serves until a signal of the set comes. */
static int run(const char *address, unsigned thread_count, grpc_slice bytes, const sigset_t *signals) {
  struct jg_grpc_args args;
  jg_grpc_args_init(&args, (size_t)4 * JG_LIMIT_BODY_BYTES, (size_t)2 * JG_LIMIT_HEADER_BYTES, STREAMS_MAX);
  grpc_server *server = grpc_server_create(&args.args, NULL);
  void *method = grpc_server_register_method(server, PATH, NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
  static struct queue queues[THREADS_MAX];
  for (unsigned i = 0; i < thread_count; i++) {
    queues[i] = (struct queue){.server = server, .method = method, .bytes = bytes};
    queues[i].core = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(server, queues[i].core, NULL);
  }
  grpc_completion_queue *shutdown_queue = grpc_completion_queue_create_for_pluck(NULL);
  grpc_server_register_completion_queue(server, shutdown_queue, NULL);
  grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
  int port = grpc_server_add_http2_port(server, address, credentials);
  grpc_server_credentials_release(credentials);
  if (port <= 0) {
    (void)fprintf(stderr, "cannot listen on %s\n", address);
    return 1;
  }
  grpc_server_start(server);
  for (unsigned i = 0; i < thread_count; i++) {
    for (int s = 0; s < SLOTS; s++) {
      arm(&queues[i]);
    }
    JG_ASSERT(pthread_create(&queues[i].thread, NULL, serve, &queues[i]) == 0);
  }
  (void)printf("{\"event\":\"ready\",\"grpc\":\"%.*s:%d\"}\n", (int)(strrchr(address, ':') - address), address, port);
  (void)fflush(stdout);
  int signal_number = 0;
  JG_ASSERT(sigwait(signals, &signal_number) == 0);
  stop(server, shutdown_queue);
  for (unsigned i = 0; i < thread_count; i++) {
    JG_ASSERT(pthread_join(queues[i].thread, NULL) == 0);
  }
  grpc_completion_queue_shutdown(shutdown_queue);
  grpc_server_destroy(server);
  for (unsigned i = 0; i < thread_count; i++) {
    grpc_completion_queue_destroy(queues[i].core);
  }
  grpc_completion_queue_destroy(shutdown_queue);
  return 0;
}

int main(int argc, char **argv) {
  uint64_t thread_count = 0;
  if (argc != 4 || strrchr(argv[1], ':') == NULL || !jg_parse_u64(jg_str_from_cstr(argv[2]), &thread_count) ||
      thread_count < 1 || thread_count > THREADS_MAX) {
    (void)fprintf(stderr, "usage: echo_server HOST:PORT THREADS FILE\n");
    return 2;
  }
  // Blocked here and in all threads that follow, so that sigwait gets them.
  sigset_t signals;
  JG_ASSERT(sigemptyset(&signals) == 0 && sigaddset(&signals, SIGTERM) == 0 && sigaddset(&signals, SIGINT) == 0);
  JG_ASSERT(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
  jg_grpc_core_init();
  grpc_slice bytes;
  if (!read_file(argv[3], &bytes)) {
    (void)fprintf(stderr, "cannot read %s\n", argv[3]);
    return 1;
  }
  int result = run(argv[1], (unsigned)thread_count, bytes, &signals);
  grpc_slice_unref(bytes);
  jg_grpc_core_done();
  return result;
}
