/* Any body of ChangeToVirtualStatus: what is taken is text, and the same when it is written as JSON and read again. */
#include "bridge/rest/change.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/utf8.h"
#include "proto/codec/json_encode.h"
#include "tests/fuzz/target.h"

static void check_text(struct jg_str text) {
  JG_ASSERT(jg_utf8_valid(text) && jg_str_find(text, '\0', 0) == SIZE_MAX);
}

static void put_member(char before, const char *name, struct jg_str text, struct jg_buf *out) {
  jg_buf_printf(out, "%c\"%s\":", before, name);
  if (text.data != NULL) {
    jg_json_encode_string(JG_JSON_ESCAPE_ODATA, text, out);
  } else {
    jg_buf_append_str(out, JG_STR("null"));
  }
}

static void check_change(const struct jg_rest_change *change, struct jg_arena *arena) {
  struct jg_buf body;
  struct jg_rest_change again;
  check_text(change->jobs_id);
  check_text(change->target_id);
  check_text(change->target_code);
  jg_buf_init(&body, JG_FUZZ_ARENA_BYTES);
  put_member('{', "TARGET_JOB_STATUS_CODE", change->target_code, &body);
  put_member(',', "jobs_id", change->jobs_id, &body);
  put_member(',', "target_job_status_id", change->target_id, &body);
  jg_buf_append_char(&body, '}');
  struct jg_status status = jg_rest_read_change(jg_buf_str(&body), arena, &again);
  JG_ASSERT(jg_status_ok(status) && jg_str_equal(again.jobs_id, change->jobs_id));
  JG_ASSERT(jg_str_equal(again.target_id, change->target_id) && jg_str_equal(again.target_code, change->target_code));
  JG_ASSERT((again.jobs_id.data == NULL) == (change->jobs_id.data == NULL));
  jg_buf_done(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  struct jg_rest_change change;
  struct jg_status status = jg_rest_read_change(jg_str_make((const char *)data, size), &arena, &change);
  if (jg_status_ok(status)) {
    check_change(&change, &arena);
  } else {
    JG_ASSERT(status.code == JG_INVALID_ARGUMENT && status.message[0] != '\0');
  }
  jg_arena_done(&arena);
  return 0;
}
