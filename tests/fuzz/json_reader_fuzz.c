/* Any text: the reader ends, stays within its limits, and says the same with and without an arena, walking and skipping. */
#include "proto/codec/json_reader.h"

#include "base/arena.h"
#include "tests/fuzz/target.h"

/* Walks to the end; true if the text is one JSON value. */
static bool walk(struct jg_str text, struct jg_arena *arena, uint64_t *ret_tokens) {
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, arena);
  uint64_t tokens = 0;
  for (;;) {
    enum jg_json_token token = jg_json_next(&reader);
    tokens = tokens * 31 + (uint64_t)token;
    JG_ASSERT(reader.depth <= JG_LIMIT_JSON_DEPTH && reader.position <= text.len);
    if (token == JG_JSON_ERROR) {
      struct jg_status status = jg_json_reader_status(&reader);
      JG_ASSERT(status.code == JG_INVALID_ARGUMENT && status.message[0] != '\0');
      break;
    }
    if (token == JG_JSON_END) {
      break;
    }
    JG_ASSERT(reader.raw_start < text.len);
    size_t line, column;
    jg_json_reader_locate(&reader, reader.raw_start, &line, &column);
    JG_ASSERT(line >= 1 && column >= 1);
  }
  *ret_tokens = tokens;
  return reader.error == NULL;
}

static bool skip(struct jg_str text) {
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, NULL);
  enum jg_json_token token = jg_json_next(&reader);
  return token != JG_JSON_ERROR && jg_json_skip(&reader, token) && jg_json_next(&reader) == JG_JSON_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_str text = jg_str_make((const char *)data, size);
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  uint64_t with, without;
  bool valid = walk(text, &arena, &with);
  JG_ASSERT(walk(text, NULL, &without) == valid);
  JG_ASSERT(with == without);
  JG_ASSERT(skip(text) == valid);
  jg_arena_done(&arena);
  return 0;
}
