#include "server/grpc/fake_server.h"

#include <stdio.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "proto/schema/schema.h"

static struct fake_server *create(const char *address, unsigned threads, int log_fd,
                                  struct jg_identity_service *identity) {
  struct fake_server *fake = jg_alloc_zero(1, sizeof(*fake));
  jg_arena_init(&fake->arena, 64u << 20);
  fake->app.clock = jg_clock_system();
  fake->app.metrics = jg_metrics_create();
  fake->log = (struct jg_log){.format = JG_LOG_JSON, .level_min = JG_LOG_INFO, .fd = log_fd, .clock = fake->app.clock};
  fake->app.log = log_fd >= 0 ? &fake->log : NULL;
  fake_start();
  struct jg_grpc_server_options options = {.app = &fake->app,
                                           .address = jg_str_from_cstr(address),
                                           .threads = threads,
                                           .stream_threads = threads,
                                           .identity = identity,
                                           .tenant = FAKE_TENANT,
                                           .methods = fake_methods,
                                           .method_count = FAKE_METHOD_COUNT,
                                           .descriptor_set = jg_schema_descriptor_set(),
                                           .receive_bytes_max = FAKE_RECEIVE_BYTES_MAX,
                                           .metadata_bytes_max = FAKE_METADATA_BYTES_MAX};
  struct jg_status status = jg_grpc_server_start(&options, &fake->arena, &fake->server);
  JG_ASSERT(jg_status_ok(status));
  (void)snprintf(fake->address, sizeof(fake->address), "127.0.0.1:%u", jg_grpc_server_port(fake->server));
  fake->client = jg_grpc_client_create(jg_str_from_cstr(fake->address));
  return fake;
}

struct fake_server *fake_server_create(const char *address, unsigned threads, int log_fd) {
  return create(address, threads, log_fd, NULL);
}

struct fake_server *fake_server_create_guarded(struct jg_identity_service *identity) {
  return create("127.0.0.1:0", 2, -1, identity);
}

void fake_server_stop(struct fake_server *fake, int64_t grace_ms) {
  jg_grpc_server_stop(fake->server, grace_ms);
  fake->stopped = true;
}

void fake_server_destroy(struct fake_server *fake) {
  if (!fake->stopped) {
    fake_server_stop(fake, 5000);
  }
  jg_grpc_server_destroy(fake->server);
  jg_grpc_client_destroy(fake->client);
  fake_stop();
  jg_metrics_destroy(fake->app.metrics);
  jg_arena_done(&fake->arena);
  jg_free(fake);
}

int fake_server_setup(void **state) {
  *state = fake_server_create("127.0.0.1:0", 2, -1);
  return 0;
}

int fake_server_teardown(void **state) {
  fake_server_destroy(*state);
  return 0;
}

struct jg_str fake_request(struct fake_server *fake, const char *filter, int page_size) {
  Jobgate__V1__ListJobsRequest message = JOBGATE__V1__LIST_JOBS_REQUEST__INIT;
  message.filter = (char *)(uintptr_t)filter;
  message.page_size = page_size;
  struct jg_str bytes = jg_message_pack(&message.base, &fake->arena);
  JG_ASSERT(bytes.data != NULL);
  return bytes;
}

struct jg_status fake_call(struct fake_server *fake, const char *method, struct jg_str message, struct jg_str *ret) {
  const char *path = jg_arena_printf(&fake->arena, "/jobgate.test.Fake/%s", method);
  JG_ASSERT(path != NULL);
  struct jg_grpc_request request = {.path = path, .timeout_ms = 30000};
  return jg_grpc_client_unary(fake->client, &request, message, &fake->arena, ret);
}

struct jg_grpc_stream *fake_open(struct fake_server *fake, const char *method, struct jg_str message,
                                 int64_t timeout_ms) {
  const char *path = jg_arena_printf(&fake->arena, "/jobgate.test.Fake/%s", method);
  JG_ASSERT(path != NULL);
  struct jg_grpc_request request = {.path = path, .timeout_ms = timeout_ms};
  struct jg_grpc_stream *stream = NULL;
  struct jg_status status = jg_grpc_stream_open(fake->client, &request, &stream);
  JG_ASSERT(jg_status_ok(status));
  if (message.data != NULL) {
    bool sent = jg_grpc_stream_send(stream, message);
    JG_ASSERT(sent);
    jg_grpc_stream_close_send(stream);
  }
  return stream;
}
