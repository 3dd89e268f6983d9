#include "proto/codec/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "jobgate/v1/equipment_model.pb-c.h"
#include "jobgate/v1/job.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/json_decode.h"
#include "proto/codec/sample.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"

#define ARENA_BYTES (4u << 20)

static const struct jg_member *job_member(size_t index) {
  return &jg_entity(JG_KIND_JOB)->members[index];
}

static ProtobufCMessage *new_job(struct jg_arena *arena) {
  ProtobufCMessage *message = jg_message_new(&jobgate__v1__job__descriptor, arena);
  assert_non_null(message);
  return message;
}

static ProtobufCMessage *sample_job(struct jg_arena *arena) {
  struct jg_json_decoded decoded = {0};
  struct jg_str text = jg_str_make((const char *)jg_sample_job, jg_sample_job_len);
  assert_true(jg_status_ok(jg_json_decode(jg_entity(JG_KIND_JOB), text, arena, &decoded)));
  return decoded.message;
}

static void a_new_message_is_all_defaults(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  ProtobufCMessage *message = new_job(&arena);
  for (size_t i = 0; i < jg_entity(JG_KIND_JOB)->member_count; i++) {
    assert_false(jg_member_filled(message, job_member(i)));
  }
  assert_int_equal(jg_message_pack(message, &arena).len, 0);
  jg_arena_done(&arena);
}

static void members_are_set_read_and_cleared(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  ProtobufCMessage *message = new_job(&arena);
  ProtobufCMessage *other = new_job(&arena);
  assert_true(jg_member_set_str(message, job_member(JG_JOB_NAME), JG_STR("name"), &arena));
  assert_true(
      jg_member_set_str(message, job_member(JG_JOB_ID), JG_STR("2044b92d-0000-4000-8000-000000000001"), &arena));
  jg_member_set_int(message, job_member(JG_JOB_ID2), -7);
  assert_true(jg_member_set_date(message, job_member(JG_JOB_DUE_DATE), -1, &arena));
  jg_member_set_decimal(message, job_member(JG_JOB_DB_ADDRESS_LATITUDE_DECIMAL), 50.5);
  jg_member_set_node(message, job_member(JG_JOB_PARENT_JOB),
                     jg_message_new(&jobgate__v1__parent_job__descriptor, &arena));
  assert_true(jg_str_equal(jg_member_str(message, job_member(JG_JOB_NAME)), JG_STR("name")));
  assert_int_equal(jg_member_int(message, job_member(JG_JOB_ID2)), -7);
  assert_int_equal(jg_member_date(message, job_member(JG_JOB_DUE_DATE)), -1);
  assert_true(jg_member_decimal(message, job_member(JG_JOB_DB_ADDRESS_LATITUDE_DECIMAL)) == 50.5);
  assert_non_null(jg_member_node(message, job_member(JG_JOB_PARENT_JOB)));
  size_t filled = 0;
  for (size_t i = 0; i < jg_entity(JG_KIND_JOB)->member_count; i++) {
    const struct jg_member *member = job_member(i);
    bool is_filled = jg_member_filled(message, member);
    filled += is_filled;
    assert_int_equal(jg_member_equal(message, other, member), !is_filled || member->type == JG_TYPE_ENTITY);
    jg_member_share(other, message, member);
    assert_true(jg_member_equal(message, other, member));
    assert_int_equal(jg_member_filled(other, member), is_filled);
    jg_member_clear(message, member);
    assert_false(jg_member_filled(message, member));
  }
  assert_int_equal(filled, 6);
  assert_int_equal(jg_message_pack(message, &arena).len, 0);
  assert_int_not_equal(jg_message_pack(other, &arena).len, 0);
  jg_arena_done(&arena);
}

static void defaults_in_other_spellings_are_not_filled(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  ProtobufCMessage *message = new_job(&arena);
  ProtobufCMessage *empty = new_job(&arena);
  const struct jg_member *guid = job_member(JG_JOB_PROJECT_ID);
  const struct jg_member *date = job_member(JG_JOB_DUE_DATE);
  assert_true(jg_member_set_str(message, guid, JG_STR("00000000-0000-0000-0000-000000000000"), &arena));
  assert_false(jg_member_filled(message, guid));
  assert_true(jg_member_equal(message, empty, guid));
  assert_true(jg_member_set_date(message, date, 0, &arena));
  assert_true(jg_member_filled(message, date));
  assert_true(jg_member_set_date(message, date, JG_TICKS_UNSET, &arena));
  assert_null(((Jobgate__V1__Job *)message)->due_date);
  Google__Protobuf__Timestamp unset = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  unset.seconds = 315532800;
  ((Jobgate__V1__Job *)message)->due_date = &unset;
  assert_false(jg_member_filled(message, date));
  unset.nanos = -1;  // No date at all.
  assert_int_equal(jg_member_date(message, date), JG_TICKS_UNSET);
  jg_arena_done(&arena);
}

static void lists_compare_by_content(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  const struct jg_member *list = &jg_entity(JG_KIND_EQUIPMENT_MODEL)->members[JG_EQUIPMENT_MODEL_TRANSLATIONS];
  const struct jg_member *value = &jg_entity(JG_KIND_TRANSLATION)->members[JG_TRANSLATION_VALUE_TRANSLATED];
  ProtobufCMessage *models[2];
  ProtobufCMessage *items[2][2];
  for (size_t m = 0; m < 2; m++) {
    models[m] = jg_message_new(&jobgate__v1__equipment_model__descriptor, &arena);
    for (size_t i = 0; i < 2; i++) {
      items[m][i] = jg_message_new(&jobgate__v1__translation__descriptor, &arena);
      assert_true(jg_member_set_str(items[m][i], value, i == 0 ? JG_STR("a") : JG_STR("b"), &arena));
    }
    jg_member_set_items(models[m], list, items[m], 2);
  }
  assert_true(jg_member_equal(models[0], models[1], list));
  assert_int_equal(jg_member_count(models[0], list), 2);
  assert_ptr_equal(jg_member_item(models[0], list, 1), items[0][1]);
  assert_true(jg_member_set_str(items[1][1], value, JG_STR("c"), &arena));
  assert_false(jg_member_equal(models[0], models[1], list));
  jg_member_set_items(models[1], list, items[0], 1);
  assert_false(jg_member_equal(models[0], models[1], list));
  jg_member_share(models[1], models[0], list);
  assert_true(jg_member_equal(models[0], models[1], list));
  jg_member_clear(models[1], list);
  assert_false(jg_member_filled(models[1], list));
  jg_arena_done(&arena);
}

static void the_payload_leaves_out_what_is_not_stored(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  ProtobufCMessage *message = sample_job(&arena);
  Jobgate__V1__Job *job = (Jobgate__V1__Job *)message;
  job->revision = 7;
  job->etag = (char *)"etag";
  ProtobufCMessageUnknownField unknown = {
      .tag = 400, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = (uint8_t *)"\x01"};
  message->n_unknown_fields = 1;
  message->unknown_fields = &unknown;
  struct jg_str payload = jg_message_pack_payload(jg_entity(JG_KIND_JOB), message, &arena);
  assert_non_null(payload.data);
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  uint32_t last = 0;
  size_t count = 0;
  for (jg_wire_reader_init(&reader, payload); jg_wire_next(&reader, &field); count++) {
    const struct jg_member *member = jg_entity_member_by_number(jg_entity(JG_KIND_JOB), field.number);
    assert_non_null(member);
    assert_int_not_equal(member->type, JG_TYPE_ENTITY);
    assert_int_equal(member->flags & JG_MEMBER_DERIVED_KEY, 0);
    assert_true(field.number > last);
    last = field.number;
  }
  assert_false(reader.failed);
  assert_int_equal(count, 57 - 5 - 6);
  // The message itself is as it was.
  assert_string_equal(job->etag, "etag");
  assert_non_null(job->project);
  assert_int_equal(message->n_unknown_fields, 1);
  jg_arena_done(&arena);
}

static void unknown_fields_of_list_items_are_not_stored(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  const struct jg_entity *entity = jg_entity(JG_KIND_EQUIPMENT_MODEL);
  ProtobufCMessage *message = NULL;
  struct jg_str bytes = JG_STR("\x9a\x01\x05\x0a\x01x\x28\x01\x9a\x01\x03\x0a\x01y");
  assert_true(jg_status_ok(jg_message_unpack(entity->descriptor, bytes, &arena, &message)));
  struct jg_str payload = jg_message_pack_payload(entity, message, &arena);
  assert_true(jg_str_equal(payload, JG_STR("\x9a\x01\x03\x0a\x01x\x9a\x01\x03\x0a\x01y")));
  assert_int_equal(jg_message_pack(message, &arena).len, 14);
  jg_arena_done(&arena);
}

static void packing_and_unpacking_are_inverse(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  ProtobufCMessage *message = sample_job(&arena);
  struct jg_str packed = jg_message_pack(message, &arena);
  ProtobufCMessage *back = NULL;
  assert_true(jg_status_ok(jg_message_unpack(&jobgate__v1__job__descriptor, packed, &arena, &back)));
  for (size_t i = 0; i < jg_entity(JG_KIND_JOB)->member_count; i++) {
    assert_true(jg_member_equal(message, back, job_member(i)));
  }
  assert_true(jg_str_equal(jg_message_pack(back, &arena), packed));
  jg_arena_done(&arena);
}

/* Every cap from nothing to enough either fails cleanly or works. */
static void the_cap_is_a_status(void **state) {
  (void)state;
  struct jg_arena outer;
  jg_arena_init(&outer, ARENA_BYTES);
  ProtobufCMessage *message = sample_job(&outer);
  struct jg_str packed = jg_message_pack(message, &outer);
  bool unpacked = false;
  bool stored = false;
  for (size_t cap = 16; !unpacked || !stored; cap += cap / 16 + 16) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    ProtobufCMessage *back = NULL;
    struct jg_status status = jg_message_unpack(&jobgate__v1__job__descriptor, packed, &arena, &back);
    unpacked = jg_status_ok(status);
    assert_int_equal(back != NULL, unpacked);
    assert_true(unpacked || (status.code == JG_INVALID_ARGUMENT && status.reason == JG_REASON_LIMIT_EXCEEDED));
    jg_arena_done(&arena);
    jg_arena_init(&arena, cap);
    stored = jg_message_pack_payload(jg_entity(JG_KIND_JOB), message, &arena).data != NULL;
    assert_int_equal(stored, !arena.failed);
    assert_true(jg_message_new(&jobgate__v1__job__descriptor, &arena) != NULL || arena.failed);
    jg_arena_done(&arena);
  }
  struct jg_arena tiny;
  jg_arena_init(&tiny, 16);
  assert_null(jg_message_allocator(&tiny));
  assert_false(jg_member_set_str(message, job_member(JG_JOB_NAME), JG_STR("more than sixteen bytes"), &tiny));
  assert_false(jg_member_set_date(message, job_member(JG_JOB_DUE_DATE), 5, &tiny));
  jg_arena_done(&tiny);
  jg_arena_done(&outer);
}

static void the_allocator_lives_in_the_arena(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  ProtobufCAllocator *allocator = jg_message_allocator(&arena);
  assert_non_null(allocator);
  Jobgate__V1__Job *job = jobgate__v1__job__unpack(allocator, 3, (const uint8_t *)"\x0a\x01x");
  assert_non_null(job);
  assert_string_equal(job->id, "x");
  jobgate__v1__job__free_unpacked(job, allocator);
  assert_string_equal(job->id, "x");
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_message_is_all_defaults),
      cmocka_unit_test(members_are_set_read_and_cleared),
      cmocka_unit_test(defaults_in_other_spellings_are_not_filled),
      cmocka_unit_test(lists_compare_by_content),
      cmocka_unit_test(the_payload_leaves_out_what_is_not_stored),
      cmocka_unit_test(unknown_fields_of_list_items_are_not_stored),
      cmocka_unit_test(packing_and_unpacking_are_inverse),
      cmocka_unit_test(the_cap_is_a_status),
      cmocka_unit_test(the_allocator_lives_in_the_arena),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
