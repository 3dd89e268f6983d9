/* Health and reflection, as a client sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <pthread.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "proto/codec/message.h"
#include "server/grpc/fake_server.h"

#define TIMEOUT_MS 60000
#define FILE_COUNT_MAX 64
#define SERVICE "jobgate.test.Fake"

static struct jg_str pack(struct fake_server *fake, const ProtobufCMessage *message) {
  struct jg_str bytes = jg_message_pack(message, &fake->arena);
  assert_non_null(bytes.data);
  return bytes;
}

static const ProtobufCMessage *unpack(struct fake_server *fake, const ProtobufCMessageDescriptor *descriptor,
                                      struct jg_str bytes) {
  ProtobufCMessage *message = NULL;
  assert_true(jg_status_ok(jg_message_unpack(descriptor, bytes, &fake->arena, &message)));
  return message;
}

static struct jg_str health_request(struct fake_server *fake, const char *service) {
  Grpc__Health__V1__HealthCheckRequest message = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  message.service = (char *)(uintptr_t)service;
  return pack(fake, &message.base);
}

static int health_status(struct fake_server *fake, struct jg_str bytes) {
  const ProtobufCMessage *message = unpack(fake, &grpc__health__v1__health_check_response__descriptor, bytes);
  return (int)((const Grpc__Health__V1__HealthCheckResponse *)message)->status;
}

/* The serving status, or minus the code of an error. */
static int check_health(struct fake_server *fake, const char *service) {
  struct jg_grpc_request request = {.path = "/grpc.health.v1.Health/Check", .timeout_ms = TIMEOUT_MS};
  struct jg_str response = JG_STR_NONE;
  struct jg_status status =
      jg_grpc_client_unary(fake->client, &request, health_request(fake, service), &fake->arena, &response);
  return jg_status_ok(status) ? health_status(fake, response) : -(int)status.code;
}

static struct jg_grpc_stream *open_path(struct fake_server *fake, const char *path) {
  struct jg_grpc_request request = {.path = path, .timeout_ms = TIMEOUT_MS};
  struct jg_grpc_stream *stream = NULL;
  assert_true(jg_status_ok(jg_grpc_stream_open(fake->client, &request, &stream)));
  return stream;
}

static struct jg_grpc_stream *watch_health(struct fake_server *fake, const char *service) {
  struct jg_grpc_stream *stream = open_path(fake, "/grpc.health.v1.Health/Watch");
  assert_true(jg_grpc_stream_send(stream, health_request(fake, service)));
  jg_grpc_stream_close_send(stream);
  return stream;
}

/* As check_health. */
static int next_health(struct fake_server *fake, struct jg_grpc_stream *stream) {
  enum jg_grpc_next next;
  struct jg_str message;
  struct jg_status status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
  if (!jg_status_ok(status)) {
    return -(int)status.code;
  }
  assert_int_equal(next, JG_GRPC_NEXT_MESSAGE);
  return health_status(fake, message);
}

enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

static void checks_health(void **state) {
  struct fake_server *fake = *state;
  assert_int_equal(check_health(fake, ""), NOT_SERVING);
  jg_grpc_server_set_serving(fake->server, true);
  assert_int_equal(check_health(fake, ""), SERVING);
  assert_int_equal(check_health(fake, SERVICE), SERVING);
  assert_int_equal(check_health(fake, "jobgate.test"), -JG_NOT_FOUND);
  assert_int_equal(check_health(fake, SERVICE "/Echo"), -JG_NOT_FOUND);
  jg_grpc_server_set_serving(fake->server, false);
  assert_int_equal(check_health(fake, SERVICE), NOT_SERVING);
}

static void *set_serving_often(void *data) {
  struct fake_server *fake = data;
  for (int i = 0; i < 500; i++) {
    jg_grpc_server_set_serving(fake->server, i % 2 == 0);
  }
  jg_grpc_server_set_serving(fake->server, true);
  return NULL;
}

static void watches_health(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *all = watch_health(fake, "");
  struct jg_grpc_stream *one = watch_health(fake, SERVICE);
  struct jg_grpc_stream *none = watch_health(fake, "unknown");
  assert_int_equal(next_health(fake, all), NOT_SERVING);
  assert_int_equal(next_health(fake, one), NOT_SERVING);
  assert_int_equal(next_health(fake, none), SERVICE_UNKNOWN);
  jg_grpc_server_set_serving(fake->server, true);
  assert_int_equal(next_health(fake, all), SERVING);
  assert_int_equal(next_health(fake, one), SERVING);
  jg_grpc_stream_destroy(one);
  // Changes may be merged, but the last one is always told.
  jg_grpc_server_set_serving(fake->server, false);
  assert_int_equal(next_health(fake, all), NOT_SERVING);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, set_serving_often, fake), 0);
  for (int i = 0; i < 20; i++) {
    jg_grpc_stream_destroy(watch_health(fake, ""));
  }
  assert_int_equal(pthread_join(thread, NULL), 0);
  int last = NOT_SERVING;
  do {
    last = next_health(fake, all);
  } while (last != SERVING);
  fake_server_stop(fake, TIMEOUT_MS);
  // Ends without waiting for the grace, and with a last word.
  int before = last;
  while (last >= 0) {
    before = last;
    last = next_health(fake, all);
  }
  assert_int_equal(before, NOT_SERVING);
  assert_int_equal(last, -JG_UNAVAILABLE);
  assert_int_equal(next_health(fake, none), -JG_UNAVAILABLE);
  jg_grpc_stream_destroy(all);
  jg_grpc_stream_destroy(none);
}

static const char *const reflection_paths[] = {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                               "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

static const Grpc__Reflection__V1__ServerReflectionResponse *reflect(
    struct fake_server *fake, struct jg_grpc_stream *stream,
    const Grpc__Reflection__V1__ServerReflectionRequest *request) {
  struct jg_str bytes = pack(fake, &request->base);
  assert_true(jg_grpc_stream_send(stream, bytes));
  enum jg_grpc_next next;
  struct jg_str message;
  assert_true(jg_status_ok(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message)));
  assert_int_equal(next, JG_GRPC_NEXT_MESSAGE);
  const Grpc__Reflection__V1__ServerReflectionResponse *response =
      (const Grpc__Reflection__V1__ServerReflectionResponse *)unpack(
          fake, &grpc__reflection__v1__server_reflection_response__descriptor, message);
  assert_string_equal(response->valid_host, request->host);
  assert_non_null(response->original_request);
  assert_int_equal(response->original_request->message_request_case, request->message_request_case);
  return response;
}

static Grpc__Reflection__V1__ServerReflectionRequest ask(int which, const char *text) {
  Grpc__Reflection__V1__ServerReflectionRequest request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  request.host = (char *)(uintptr_t) "host";
  request.message_request_case = (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)which;
  request.file_by_filename = (char *)(uintptr_t)text; /* of a union: whichever text it is */
  return request;
}

/* The first file of the answer has the name, and everything it imports stands in the answer. */
static void expect_files(struct fake_server *fake, const Grpc__Reflection__V1__ServerReflectionResponse *response,
                         const char *name) {
  assert_int_equal(response->message_response_case,
                   GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE);
  const Grpc__Reflection__V1__FileDescriptorResponse *files = response->file_descriptor_response;
  if (files->n_file_descriptor_proto == 0 || files->n_file_descriptor_proto > FILE_COUNT_MAX) {
    fail_msg("%zu files", files->n_file_descriptor_proto);
    return;
  }
  const Google__Protobuf__FileDescriptorProto *unpacked[FILE_COUNT_MAX];
  ProtobufCAllocator *allocator = jg_message_allocator(&fake->arena);
  for (size_t i = 0; i < files->n_file_descriptor_proto; i++) {
    unpacked[i] = google__protobuf__file_descriptor_proto__unpack(allocator, files->file_descriptor_proto[i].len,
                                                                  files->file_descriptor_proto[i].data);
    assert_non_null(unpacked[i]);
  }
  assert_string_equal(unpacked[0]->name, name);
  for (size_t i = 0; i < files->n_file_descriptor_proto; i++) {
    for (size_t d = 0; d < unpacked[i]->n_dependency; d++) {
      size_t found = 0;
      for (size_t k = 0; k < files->n_file_descriptor_proto; k++) {
        found += strcmp(unpacked[k]->name, unpacked[i]->dependency[d]) == 0;
      }
      assert_int_equal(found, 1);
    }
  }
}

static void expect_error(const Grpc__Reflection__V1__ServerReflectionResponse *response, enum jg_code code) {
  assert_int_equal(response->message_response_case,
                   GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE);
  assert_int_equal(response->error_response->error_code, code);
}

#define ASK(which) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##which

static void finds_files(void **state) {
  static const struct {
    int which;
    const char *text;
    const char *file; /* NULL: NOT_FOUND */
  } rows[] = {
      {ASK(FILE_BY_FILENAME), "jobgate/v1/job_service.proto", "jobgate/v1/job_service.proto"},
      {ASK(FILE_BY_FILENAME), "google/protobuf/timestamp.proto", "google/protobuf/timestamp.proto"},
      {ASK(FILE_BY_FILENAME), "jobgate/v1/nothing.proto", NULL},
      {ASK(FILE_BY_FILENAME), "", NULL},
      {ASK(FILE_CONTAINING_SYMBOL), "jobgate.v1.JobService", "jobgate/v1/job_service.proto"},
      {ASK(FILE_CONTAINING_SYMBOL), "jobgate.v1.JobService.GetJob", "jobgate/v1/job_service.proto"},
      {ASK(FILE_CONTAINING_SYMBOL), "jobgate.v1.JobView", "jobgate/v1/job_service.proto"},
      {ASK(FILE_CONTAINING_SYMBOL), "jobgate.v1.Job", "jobgate/v1/job.proto"},
      {ASK(FILE_CONTAINING_SYMBOL), "google.rpc.BadRequest.FieldViolation", "google/rpc/error_details.proto"},
      {ASK(FILE_CONTAINING_SYMBOL), "grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"},
      {ASK(FILE_CONTAINING_SYMBOL), "jobgate.v1.JobService.", NULL},
      {ASK(FILE_CONTAINING_SYMBOL), "jobgate.v1", NULL},
      {ASK(FILE_CONTAINING_SYMBOL), "", NULL},
      {ASK(ALL_EXTENSION_NUMBERS_OF_TYPE), "google.protobuf.FieldOptions", NULL},
  };
  struct fake_server *fake = *state;
  for (size_t p = 0; p < JG_COUNT(reflection_paths); p++) {
    struct jg_grpc_stream *stream = open_path(fake, reflection_paths[p]);
    for (size_t i = 0; i < JG_COUNT(rows); i++) {
      Grpc__Reflection__V1__ServerReflectionRequest request = ask(rows[i].which, rows[i].text);
      const Grpc__Reflection__V1__ServerReflectionResponse *response = reflect(fake, stream, &request);
      if (rows[i].file != NULL) {
        expect_files(fake, response, rows[i].file);
      } else {
        expect_error(response, JG_NOT_FOUND);
      }
    }
    jg_grpc_stream_close_send(stream);
    enum jg_grpc_next next;
    struct jg_str message;
    assert_true(jg_status_ok(jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message)));
    assert_int_equal(next, JG_GRPC_NEXT_END);
    jg_grpc_stream_destroy(stream);
  }
}

static void lists_services(void **state) {
  static const char *const names[] = {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                      "grpc.reflection.v1alpha.ServerReflection"};
  struct fake_server *fake = *state;
  struct jg_grpc_stream *stream = open_path(fake, reflection_paths[0]);
  Grpc__Reflection__V1__ServerReflectionRequest request = ask(ASK(LIST_SERVICES), "*");
  const Grpc__Reflection__V1__ServerReflectionResponse *response = reflect(fake, stream, &request);
  assert_int_equal(response->message_response_case,
                   GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE);
  assert_int_equal(response->list_services_response->n_service, JG_COUNT(names));
  for (size_t i = 0; i < JG_COUNT(names); i++) {
    assert_string_equal(response->list_services_response->service[i]->name, names[i]);
  }
  jg_grpc_stream_destroy(stream);
}

static void refuses_odd_requests(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *stream = open_path(fake, reflection_paths[0]);
  Grpc__Reflection__V1__ServerReflectionRequest request = ask(0, "");
  expect_error(reflect(fake, stream, &request), JG_INVALID_ARGUMENT);
  Grpc__Reflection__V1__ExtensionRequest extension = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
  request = ask(ASK(FILE_CONTAINING_EXTENSION), NULL);
  request.file_containing_extension = &extension;
  expect_error(reflect(fake, stream, &request), JG_NOT_FOUND);
  assert_true(jg_grpc_stream_send(stream, JG_STR("\xff")));
  enum jg_grpc_next next;
  struct jg_str message;
  struct jg_status status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  jg_grpc_stream_destroy(stream);
}

static void stop_ends_reflection(void **state) {
  struct fake_server *fake = *state;
  struct jg_grpc_stream *stream = open_path(fake, reflection_paths[0]);
  Grpc__Reflection__V1__ServerReflectionRequest request = ask(ASK(LIST_SERVICES), "");
  (void)reflect(fake, stream, &request);
  fake_server_stop(fake, TIMEOUT_MS);
  enum jg_grpc_next next;
  struct jg_str message;
  struct jg_status status = jg_grpc_stream_next(stream, -1, &fake->arena, &next, &message);
  assert_int_equal(status.code, JG_UNAVAILABLE);
  assert_int_equal(status.reason, JG_REASON_DRAINING);
  jg_grpc_stream_destroy(stream);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_server_setup, fake_server_teardown)
  const struct CMUnitTest tests[] = {
      CASE(checks_health),  CASE(watches_health),       CASE(finds_files),
      CASE(lists_services), CASE(refuses_odd_requests), CASE(stop_ends_reflection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
