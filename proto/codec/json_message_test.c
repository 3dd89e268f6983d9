#include "proto/codec/json_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/codec/json_decode.h"
#include "proto/codec/message.h"
#include "proto/codec/sample.h"
#include "proto/schema/members.h"

#define ARENA_BYTES (8u << 20)
#define OUT_BYTES (1u << 20)

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};

static ProtobufCMessage *decode(struct jg_str text, struct jg_arena *arena) {
  struct jg_json_decoded decoded = {0};
  assert_true(jg_status_ok(jg_json_decode(jg_entity(JG_KIND_JOB), text, arena, &decoded)));
  return decoded.message;
}

static void the_sample_comes_back_literally(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_buf out;
  jg_buf_init(&out, OUT_BYTES);
  struct jg_str text = jg_str_make((const char *)jg_sample_job, jg_sample_job_len);
  ProtobufCMessage *message = decode(text, &arena);
  assert_true(jg_status_ok(jg_json_encode_message(&style, jg_entity(JG_KIND_JOB), message, &arena, &out)));
  assert_true(jg_str_equal(jg_buf_str(&out), jg_sample_compact(text, &arena)));
  jg_buf_done(&out);
  jg_arena_done(&arena);
}

static void keys_come_without_nodes(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_buf out;
  jg_buf_init(&out, OUT_BYTES);
  ProtobufCMessage *message = decode(JG_STR("{\"skill_code\":\"x\",\"job_status_code\":\"Open\"}"), &arena);
  assert_true(jg_status_ok(jg_json_encode_message(&style, jg_entity(JG_KIND_JOB), message, &arena, &out)));
  static const char skill[] = "\"skill_code\":\"x\",\"customer_reference\":";
  static const char status[] = "\"job_status_code\":\"Open\",";
  assert_non_null(memmem(out.data, out.len, skill, sizeof(skill) - 1));
  assert_non_null(memmem(out.data, out.len, status, sizeof(status) - 1));
  jg_buf_done(&out);
  jg_arena_done(&arena);
}

static void the_caps_are_statuses(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  ProtobufCMessage *message = decode(jg_str_make((const char *)jg_sample_job, jg_sample_job_len), &arena);
  bool enough = false;
  for (size_t cap = 64; !enough; cap *= 2) {
    struct jg_arena scratch;
    jg_arena_init(&scratch, cap);
    struct jg_buf out;
    jg_buf_init(&out, OUT_BYTES);
    struct jg_status status = jg_json_encode_message(&style, jg_entity(JG_KIND_JOB), message, &scratch, &out);
    enough = jg_status_ok(status);
    assert_true(enough || status.code == JG_RESOURCE_EXHAUSTED);
    jg_buf_done(&out);
    jg_arena_done(&scratch);
  }
  struct jg_buf small;
  jg_buf_init(&small, 100);
  assert_int_equal(jg_json_encode_message(&style, jg_entity(JG_KIND_JOB), message, &arena, &small).code,
                   JG_RESOURCE_EXHAUSTED);
  jg_buf_done(&small);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_sample_comes_back_literally),
      cmocka_unit_test(keys_come_without_nodes),
      cmocka_unit_test(the_caps_are_statuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
