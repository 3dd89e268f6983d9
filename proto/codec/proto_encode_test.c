#include "proto/codec/proto_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jobgate/v1/job.pb-c.h"
#include "proto/codec/json_decode.h"
#include "proto/codec/message.h"
#include "proto/codec/sample.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"

#define ARENA_BYTES (8u << 20)
#define OUT_BYTES (1u << 20)

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};

static ProtobufCMessage *unpack(const struct jg_buf *buf, struct jg_arena *arena) {
  ProtobufCMessage *message = NULL;
  assert_false(buf->failed);
  assert_true(jg_status_ok(jg_message_unpack(&jobgate__v1__job__descriptor, jg_buf_str(buf), arena, &message)));
  return message;
}

/* Statement 100, seen from protobuf: what is spliced is what the client's JSON held. */
static void the_sample_comes_back(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_buf out;
  jg_buf_init(&out, OUT_BYTES);
  struct jg_str text = jg_str_make((const char *)jg_sample_job, jg_sample_job_len);
  struct jg_sample sample;
  jg_sample_init(&sample, text, &arena);
  jg_sample_expand(&sample, &style);
  struct jg_json_decoded decoded = {0};
  assert_true(jg_status_ok(jg_json_decode(jg_entity(JG_KIND_JOB), text, &arena, &decoded)));
  jg_proto_encode(jg_sample_job_parts(&sample), true, &out);
  assert_int_equal(out.len, jg_proto_encode_size(jg_sample_job_parts(&sample), true));
  struct jg_str back = jg_message_pack(unpack(&out, &arena), &arena);
  assert_true(jg_str_equal(back, jg_message_pack(decoded.message, &arena)));
  jg_sample_done(&sample);
  jg_buf_done(&out);
  jg_arena_done(&arena);
}

static void basic_views_have_keys_without_nodes(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_buf out;
  jg_buf_init(&out, OUT_BYTES);
  struct jg_expanded type = {.proto = JG_STR("\x12\x01t"), .key = JG_STR("TYPE")};
  struct jg_expanded empty = {.proto = JG_STR("")};
  struct jg_expanded status = {.key = JG_STR("Open")};
  struct jg_parts parts = {
      .entity = jg_entity(JG_KIND_JOB), .payload = JG_STR("\xaa\x01\x01n"), .revision = INT64_MAX, .etag = JG_STR("e")};
  parts.relations[JG_JOB_REL_JOB_TYPE] = &type;
  parts.relations[JG_JOB_REL_SKILL] = &empty;
  parts.relations[JG_JOB_REL_JOB_STATUS] = &status;
  for (int nodes = 0; nodes < 2; nodes++) {
    jg_buf_clear(&out);
    jg_proto_encode(&parts, nodes != 0, &out);
    assert_int_equal(out.len, jg_proto_encode_size(&parts, nodes != 0));
    const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)unpack(&out, &arena);
    assert_string_equal(job->name, "n");
    assert_string_equal(job->job_type_code, "TYPE");
    assert_string_equal(job->job_status_code, "Open");
    assert_string_equal(job->skill_code, "");
    assert_int_equal(job->job_type != NULL, nodes);
    assert_int_equal(job->skill != NULL, nodes);
    assert_null(job->project);
    assert_int_equal(job->revision, INT64_MAX);
    assert_string_equal(job->etag, "e");
    if (job->job_type != NULL) {
      assert_string_equal(job->job_type->name, "t");
    }
  }
  parts.revision = 0;
  parts.etag = JG_STR_NONE;
  memset(parts.relations, 0, sizeof(parts.relations));
  jg_buf_clear(&out);
  jg_proto_encode(&parts, true, &out);
  assert_true(jg_str_equal(jg_buf_str(&out), parts.payload));
  assert_int_equal(jg_proto_encode_size(&parts, true), out.len);
  jg_buf_done(&out);
  jg_arena_done(&arena);
}

static void a_parent_comes_if_it_is_there(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_buf out;
  jg_buf_init(&out, OUT_BYTES);
  const struct jg_expanded parent = {.proto = JG_STR("\xaa\x01\x01p")};
  const struct jg_parts parts = {
      .entity = jg_entity(JG_KIND_JOB), .payload = JG_STR("\xaa\x01\x01n"), .parent = &parent};
  jg_proto_encode(&parts, false, &out);
  assert_int_equal(out.len, jg_proto_encode_size(&parts, false));
  const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)unpack(&out, &arena);
  assert_string_equal(job->name, "n");
  assert_non_null(job->parent_job);
  if (job->parent_job != NULL) {
    assert_string_equal(job->parent_job->name, "p");
  }
  jg_buf_done(&out);
  jg_arena_done(&arena);
}

static void a_field_has_tag_and_length(void **state) {
  (void)state;
  struct jg_buf out;
  jg_buf_init(&out, OUT_BYTES);
  static char name[300];
  memset(name, 'x', sizeof(name));
  struct jg_buf payload;
  jg_buf_init(&payload, OUT_BYTES);
  jg_wire_put_bytes(&payload, 21, jg_str_make(name, sizeof(name)));
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB), .payload = jg_buf_str(&payload)};
  jg_proto_encode_field(1, &parts, true, &out);
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, jg_buf_str(&out));
  assert_true(jg_wire_next(&reader, &field));
  assert_int_equal(field.number, 1);
  assert_true(jg_str_equal(field.bytes, parts.payload));
  assert_false(jg_wire_next(&reader, &field));
  size_t exact = out.len;
  for (size_t max = 0; max <= exact; max++) {
    struct jg_buf small;
    jg_buf_init(&small, max);
    jg_proto_encode_field(1, &parts, true, &small);
    assert_int_equal(small.failed, max < exact);
    assert_int_equal(small.len, max < exact ? 0 : exact);
    jg_buf_done(&small);
  }
  jg_buf_done(&payload);
  jg_buf_done(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_sample_comes_back),
      cmocka_unit_test(basic_views_have_keys_without_nodes),
      cmocka_unit_test(a_parent_comes_if_it_is_there),
      cmocka_unit_test(a_field_has_tag_and_length),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
