#include "proto/codec/proto_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jobgate/v1/job.pb-c.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_encode.h"
#include "proto/codec/sample.h"

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};
static const struct jg_expanded parent = {.proto = {"\x0a\x00", 2}};
static struct jg_arena arena;
static struct jg_sample sample;

static int setup(void **state) {
  (void)state;
  jg_arena_init(&arena, 1u << 24);
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_job, jg_sample_job_len), &arena);
  jg_sample_expand(&sample, &style);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_sample_done(&sample);
  jg_arena_done(&arena);
  return 0;
}

static struct jg_parts make(bool with_parent) {
  struct jg_parts parts = *jg_sample_job_parts(&sample);
  parts.parent = with_parent ? &parent : NULL;
  parts.revision = 7;
  parts.etag = JG_STR("etag");
  return parts;
}

static void each_limit_has_its_form(void **state) {
  (void)state;
  for (int with_parent = 0; with_parent <= 1; with_parent++) {
    struct jg_parts parts = make(with_parent != 0), bare = make(false);
    size_t full = jg_proto_encode_size(&parts, true), basic = jg_proto_encode_size(&parts, false);
    size_t least = jg_proto_encode_size(&bare, false);
    assert_true(least <= basic && basic < full);
    assert_int_equal(jg_proto_fit(&parts, true, full), JG_PROTO_FIT_WHOLE);
    assert_int_equal(jg_proto_fit(&parts, true, full - 1), JG_PROTO_FIT_BASIC);
    assert_int_equal(jg_proto_fit(&parts, true, least), JG_PROTO_FIT_BASIC);
    assert_int_equal(jg_proto_fit(&parts, true, least - 1), JG_PROTO_FIT_ID);
    assert_int_equal(jg_proto_fit(&parts, true, 0), JG_PROTO_FIT_ID);
    assert_int_equal(jg_proto_fit(&parts, false, basic), JG_PROTO_FIT_WHOLE);
    assert_int_equal(jg_proto_fit(&parts, false, basic - 1), with_parent ? JG_PROTO_FIT_BASIC : JG_PROTO_FIT_ID);
  }
}

static const Jobgate__V1__Job *encode(const struct jg_parts *parts) {
  size_t size = jg_proto_encode_size(parts, true);
  struct jg_buf out = {.data = jg_arena_alloc(&arena, size), .capacity = size, .bytes_max = size};
  jg_proto_encode(parts, true, &out);
  assert_int_equal(out.len, size);
  ProtobufCMessage *message = NULL;
  assert_true(jg_status_ok(jg_message_unpack(&jobgate__v1__job__descriptor, jg_buf_str(&out), &arena, &message)));
  return (const Jobgate__V1__Job *)message;
}

static void each_form_holds_no_more(void **state) {
  (void)state;
  struct jg_parts parts = make(true);
  const Jobgate__V1__Job *whole = encode(&parts);
  struct jg_uuid id;
  assert_true(jg_uuid_parse(jg_str_from_cstr(whole->id), &id));
  assert_true(jg_proto_reduce(&parts, id, JG_PROTO_FIT_WHOLE, &arena));
  assert_non_null(encode(&parts)->project);
  assert_true(jg_proto_reduce(&parts, id, JG_PROTO_FIT_BASIC, &arena));
  const Jobgate__V1__Job *basic = encode(&parts);
  assert_null(basic->project);
  assert_null(basic->parent_job);
  assert_string_equal(basic->name, whole->name);
  assert_string_equal(basic->project_reference_back_office, whole->project_reference_back_office);
  assert_true(jg_proto_reduce(&parts, id, JG_PROTO_FIT_ID, &arena));
  const Jobgate__V1__Job *alone = encode(&parts);
  assert_string_equal(alone->id, whole->id);
  assert_string_equal(alone->name, "");
  assert_string_equal(alone->project_reference_back_office, "");
  assert_int_equal(alone->revision, 7);
  assert_string_equal(alone->etag, "etag");
}

static void a_full_arena_is_told(void **state) {
  (void)state;
  struct jg_arena full;
  jg_arena_init(&full, 8);
  struct jg_parts parts = make(false);
  assert_false(jg_proto_reduce(&parts, (struct jg_uuid){{1}}, JG_PROTO_FIT_BASIC, &full));
  assert_false(jg_proto_reduce(&parts, (struct jg_uuid){{1}}, JG_PROTO_FIT_ID, &full));
  jg_arena_done(&full);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_limit_has_its_form, setup, teardown),
      cmocka_unit_test_setup_teardown(each_form_holds_no_more, setup, teardown),
      cmocka_unit_test_setup_teardown(a_full_arena_is_told, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
