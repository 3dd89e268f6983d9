/* A stream of JSON values: the jobs cut out of it, and what is wrong with it, do not depend on how it comes in pieces. */
#include "proto/codec/json_split.h"

#include <stdio.h>

#include "base/arena.h"
#include "tests/fuzz/target.h"

#define VALUE_BYTES_MAX 4096

struct seen {
  uint64_t jobs; /* FNV-1a of every job and its line */
  int64_t count;
  bool valid, too_long;
  char message[160];
};

static void add(struct seen *seen, const void *bytes, size_t len) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < len; i++) {
    seen->jobs = (seen->jobs ^ at[i]) * UINT64_C(1099511628211);
  }
}

static struct jg_status see_job(struct jg_str text, int64_t number, int64_t line, void *data) {
  struct seen *seen = data;
  JG_ASSERT(text.len > 0 && text.len <= VALUE_BYTES_MAX);
  JG_ASSERT(number == seen->count + 1 && line >= 1);
  seen->count = number;
  add(seen, text.data, text.len);
  add(seen, &line, sizeof line);
  return JG_STATUS_OK;
}

/* step: bytes a feed. */
static struct seen split(struct jg_str text, size_t step) {
  struct seen seen = {.jobs = UINT64_C(14695981039346656037)};
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  struct jg_json_split *split = jg_json_split_create(VALUE_BYTES_MAX);
  struct jg_status status = JG_STATUS_OK;
  for (size_t at = 0; at < text.len && jg_status_ok(status); at += step) {
    status = jg_json_split_feed(split, jg_str_sub(text, at, step), &arena, see_job, &seen);
  }
  if (jg_status_ok(status)) {
    status = jg_json_split_end(split, &arena);
  }
  JG_ASSERT(jg_status_ok(status) || status.code == JG_INVALID_ARGUMENT);
  seen.valid = jg_status_ok(status);
  seen.too_long = status.reason == JG_REASON_LIMIT_EXCEEDED;
  (void)snprintf(seen.message, sizeof seen.message, "%s", status.message);  // the longest is shorter
  jg_json_split_destroy(split);
  jg_arena_done(&arena);
  return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_str text = jg_str_make((const char *)data, size);
  size_t step = 1 + jg_fuzz_choice(&text, 64);
  struct seen whole = split(text, SIZE_MAX / 2);
  struct seen pieces = split(text, step);
  JG_ASSERT(whole.count == pieces.count && whole.jobs == pieces.jobs && whole.valid == pieces.valid);
  // Of a value that is too long and also wrong further on, the pieces tell which of it is met first.
  JG_ASSERT(whole.too_long || pieces.too_long || strcmp(whole.message, pieces.message) == 0);
  return 0;
}
