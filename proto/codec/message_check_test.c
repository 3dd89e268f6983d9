/* jg_message_unpack on bytes that no friend sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "jobgate/v1/equipment_model.pb-c.h"
#include "jobgate/v1/job.pb-c.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"

#define ARENA_BYTES (4u << 20)
#define OUT_BYTES (1u << 20)

struct fixture {
  struct jg_arena arena;
  struct jg_buf a, b;
};

static int set_up(void **state) {
  struct fixture *fixture = jg_alloc_zero(1, sizeof(*fixture));
  jg_arena_init(&fixture->arena, ARENA_BYTES);
  jg_buf_init(&fixture->a, OUT_BYTES);
  jg_buf_init(&fixture->b, OUT_BYTES);
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  jg_buf_done(&fixture->a);
  jg_buf_done(&fixture->b);
  jg_arena_done(&fixture->arena);
  jg_free(fixture);
  return 0;
}

/* Puts what buf holds into a field of that number. */
static void wrap(struct fixture *fixture, uint32_t number, struct jg_buf *buf) {
  struct jg_buf *other = buf == &fixture->a ? &fixture->b : &fixture->a;
  jg_buf_clear(other);
  jg_wire_put_bytes(other, number, jg_buf_str(buf));
  struct jg_buf swapped = *buf;
  *buf = *other;
  *other = swapped;
}

static void assert_refused(struct fixture *fixture, const ProtobufCMessageDescriptor *descriptor, struct jg_str bytes,
                           const char *field, const char *message) {
  ProtobufCMessage *out = NULL;
  struct jg_status status = jg_message_unpack(descriptor, bytes, &fixture->arena, &out);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_null(out);
  assert_string_equal(status.message, message);
  if (field == NULL) {
    assert_null(status.details);
  } else {
    assert_int_equal(status.details->violation_count, 1);
    assert_string_equal(status.details->violations[0].field, field);
  }
}

static void bad_strings_are_named_by_their_path(void **state) {
  struct fixture *fixture = *state;
  const ProtobufCMessageDescriptor *job = &jobgate__v1__job__descriptor;
  assert_refused(fixture, job, JG_STR("\x0a\x01\xff"), "id", "id must be valid UTF-8");
  assert_refused(fixture, job, JG_STR("\xaa\x01\x03x\0y"), "name", "name must not contain a NUL character");
  jg_wire_put_bytes(&fixture->a, 2, JG_STR("\xed\xa0\x80"));
  wrap(fixture, 10, &fixture->a);
  wrap(fixture, 7, &fixture->a);
  assert_refused(fixture, job, jg_buf_str(&fixture->a), "project.equipment_model.code",
                 "project.equipment_model.code must be valid UTF-8");
  // In a list, behind other items and other fields.
  jg_buf_clear(&fixture->a);
  jg_wire_put_bytes(&fixture->a, 19, JG_STR(""));
  jg_wire_put_bytes(&fixture->a, 4, JG_STR("text"));
  jg_wire_put_bytes(&fixture->a, 19, JG_STR("\x0a\x01\xc0"));
  wrap(fixture, 10, &fixture->a);
  wrap(fixture, 7, &fixture->a);
  wrap(fixture, 1, &fixture->a);
  assert_refused(fixture, &jobgate__v1__create_job_request__descriptor, jg_buf_str(&fixture->a),
                 "job.project.equipment_model.translations[1].field_name",
                 "job.project.equipment_model.translations[1].field_name must be valid UTF-8");
  assert_refused(fixture, &jobgate__v1__batch_get_jobs_request__descriptor, JG_STR("\x0a\x01x\x0a\x01\x80"), "ids",
                 "ids must be valid UTF-8");
}

static void malformed_bytes_are_refused_where_they_are(void **state) {
  struct fixture *fixture = *state;
  const ProtobufCMessageDescriptor *job = &jobgate__v1__job__descriptor;
  assert_refused(fixture, job, JG_STR("\x0a\x05x"), NULL, "the message is malformed");
  assert_refused(fixture, job, JG_STR("\x00\x00"), NULL, "the message is malformed");
  assert_refused(fixture, job, JG_STR("\xbb\x06\xbc\x06"), NULL, "the message is malformed");
  assert_refused(fixture, job, JG_STR("\x3a\x03\x52\x05x"), "project", "project is malformed");
  assert_refused(fixture, job, JG_STR("\x3a\x04\x52\x02\x0a\x05"), "project.equipment_model",
                 "project.equipment_model is malformed");
  // protobuf-c takes lengths of five bytes at most; more is legal but nobody writes it.
  assert_refused(fixture, job, JG_STR("\x0a\x81\x80\x80\x80\x80\x00x"), NULL, "the message is malformed");
}

static void wrong_wire_types_count_as_unknown(void **state) {
  struct fixture *fixture = *state;
  ProtobufCMessage *message = NULL;
  // id as a varint, name as it should be, id2 as bytes, a latitude of 32 bits.
  jg_wire_put_uint(&fixture->a, 1, 5);
  jg_wire_put_bytes(&fixture->a, 21, JG_STR("a name"));
  jg_wire_put_bytes(&fixture->a, 42, JG_STR("x"));
  jg_buf_append_str(&fixture->a, JG_STR("\xbd\x03\x01\x02\x03\x04"));
  jg_wire_put_bytes(&fixture->b, 2, JG_STR("a code"));
  jg_wire_put_uint(&fixture->b, 3, 5);
  jg_wire_put_uint(&fixture->b, 19, 5);
  jg_wire_put_bytes(&fixture->b, 19, JG_STR("\x08\x01\x12\x02nl"));
  jg_wire_put_bytes(&fixture->b, 4, JG_STR("a description"));
  jg_wire_put_tag(&fixture->a, 7, JG_WIRE_LEN);
  jg_wire_put_varint(&fixture->a, fixture->b.len + 2);
  jg_wire_put_bytes(&fixture->a, 10, jg_buf_str(&fixture->b));
  jg_wire_put_bytes(&fixture->a, 22, JG_STR("more"));
  struct jg_str bytes = jg_buf_str(&fixture->a);
  assert_true(jg_status_ok(jg_message_unpack(&jobgate__v1__job__descriptor, bytes, &fixture->arena, &message)));
  const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)message;
  assert_string_equal(job->id, "");
  assert_string_equal(job->name, "a name");
  assert_int_equal(job->id2, 0);
  assert_true(job->db_address_latitude_decimal == 0);
  assert_string_equal(job->description, "more");
  const Jobgate__V1__EquipmentModel *model = job->project->equipment_model;
  assert_string_equal(model->code, "a code");
  assert_string_equal(model->name, "");
  assert_string_equal(model->description, "a description");
  assert_int_equal(model->n_translations, 1);
  assert_string_equal(model->translations[0]->field_name, "");
  assert_string_equal(model->translations[0]->language_code, "nl");
}

/* file_descriptor_proto.public_dependency is a repeated int32 without [packed]; location.path is packed. */
static void packed_numbers_come_in_both_forms(void **state) {
  struct fixture *fixture = *state;
  const ProtobufCMessageDescriptor *location = &google__protobuf__source_code_info__location__descriptor;
  ProtobufCMessage *message = NULL;
  struct jg_str mixed = JG_STR("\x0a\x03\x01\x96\x01\x08\x07\x0a\x00");
  assert_true(jg_status_ok(jg_message_unpack(location, mixed, &fixture->arena, &message)));
  const Google__Protobuf__SourceCodeInfo__Location *read = (const Google__Protobuf__SourceCodeInfo__Location *)message;
  assert_int_equal(read->n_path, 3);
  assert_int_equal(read->path[1], 150);
  assert_int_equal(read->path[2], 7);
  assert_refused(fixture, location, JG_STR("\x0a\x02\x01\x96"), "path", "path is malformed");
  assert_refused(fixture, location, JG_STR("\x0a\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "path",
                 "path is malformed");
  // Another wire type than both forms is unknown.
  assert_true(jg_status_ok(jg_message_unpack(location, JG_STR("\x0d\x01\x02\x03\x04"), &fixture->arena, &message)));
  assert_int_equal(((const Google__Protobuf__SourceCodeInfo__Location *)message)->n_path, 0);
}

/* DescriptorProto.nested_type (3) is recursive; no message of ours that a client sends is. */
static void nesting_is_limited(void **state) {
  struct fixture *fixture = *state;
  const ProtobufCMessageDescriptor *descriptor = &google__protobuf__descriptor_proto__descriptor;
  ProtobufCMessage *message = NULL;
  jg_wire_put_bytes(&fixture->a, 1, JG_STR("x"));
  for (int depth = 1; depth < 16; depth++) {
    wrap(fixture, 3, &fixture->a);
  }
  assert_true(jg_status_ok(jg_message_unpack(descriptor, jg_buf_str(&fixture->a), &fixture->arena, &message)));
  wrap(fixture, 3, &fixture->a);
  struct jg_status status = jg_message_unpack(descriptor, jg_buf_str(&fixture->a), &fixture->arena, &message);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(status.reason, JG_REASON_LIMIT_EXCEEDED);
  for (int depth = 0; depth < 10000; depth++) {
    wrap(fixture, 3, &fixture->a);
  }
  status = jg_message_unpack(descriptor, jg_buf_str(&fixture->a), &fixture->arena, &message);
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
}

static void unknown_fields_are_kept_for_the_caller(void **state) {
  struct fixture *fixture = *state;
  ProtobufCMessage *message = NULL;
  struct jg_str bytes = JG_STR("\x0a\x01x\xc2\x3e\x02\xff\xfe");
  assert_true(jg_status_ok(jg_message_unpack(&jobgate__v1__job__descriptor, bytes, &fixture->arena, &message)));
  assert_int_equal(message->n_unknown_fields, 1);
  assert_true(jg_str_equal(jg_message_pack(message, &fixture->arena), bytes));
  assert_true(jg_status_ok(jg_message_unpack(&jobgate__v1__job__descriptor, JG_STR_NONE, &fixture->arena, &message)));
}

/* Bytes that are damaged at random give a message or a status, and nothing else. */
static void damaged_bytes_never_crash(void **state) {
  struct fixture *fixture = *state;
  jg_wire_put_bytes(&fixture->b, 19, JG_STR("\x0a\x04name\x12\x02nl\x1a\x05value"));
  jg_wire_put_timestamp(&fixture->b, 20, 12345678901234567);
  jg_wire_put_bytes(&fixture->a, 10, jg_buf_str(&fixture->b));
  wrap(fixture, 7, &fixture->a);
  jg_wire_put_bytes(&fixture->a, 21, JG_STR("a name"));
  jg_wire_put_uint(&fixture->a, 42, 12345);
  uint64_t random = 88172645463325252u;
  size_t good = 0;
  for (int i = 0; i < 20000; i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1u << 16);
    struct jg_str copy = jg_arena_str(&arena, jg_buf_str(&fixture->a));
    for (int change = 0; change < 3; change++) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      ((char *)copy.data)[random % copy.len] = (char)(random >> 32);
    }
    copy.len -= random >> 60;
    ProtobufCMessage *message = NULL;
    struct jg_status status = jg_message_unpack(&jobgate__v1__job__descriptor, copy, &arena, &message);
    assert_int_equal(message != NULL, jg_status_ok(status));
    assert_true(jg_status_ok(status) || status.code == JG_INVALID_ARGUMENT);
    good += jg_status_ok(status);
    jg_arena_done(&arena);
  }
  assert_in_range(good, 100, 19900);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(bad_strings_are_named_by_their_path, set_up, tear_down),
      cmocka_unit_test_setup_teardown(malformed_bytes_are_refused_where_they_are, set_up, tear_down),
      cmocka_unit_test_setup_teardown(wrong_wire_types_count_as_unknown, set_up, tear_down),
      cmocka_unit_test_setup_teardown(packed_numbers_come_in_both_forms, set_up, tear_down),
      cmocka_unit_test_setup_teardown(nesting_is_limited, set_up, tear_down),
      cmocka_unit_test_setup_teardown(unknown_fields_are_kept_for_the_caller, set_up, tear_down),
      cmocka_unit_test_setup_teardown(damaged_bytes_never_crash, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
