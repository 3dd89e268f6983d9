/* Any text into any entity: a refusal names what is wrong; what is taken comes out of our own encoder and is taken again, as
 * the same message. */
#include "proto/codec/json_decode.h"

#include "base/arena.h"
#include "base/buf.h"
#include "proto/codec/json_message.h"
#include "proto/codec/message.h"
#include "tests/fuzz/target.h"

#define TEXT_BYTES_MAX (8u << 20)

static void check_round_trip(const struct jg_entity *entity, const ProtobufCMessage *message, struct jg_arena *arena) {
  struct jg_buf json;
  jg_buf_init(&json, TEXT_BYTES_MAX);
  const struct jg_json_style style = {0};
  struct jg_status status = jg_json_encode_message(&style, entity, message, arena, &json);
  JG_ASSERT(jg_status_ok(status) && !json.failed);
  struct jg_json_decoded again;
  status = jg_json_decode(entity, jg_buf_str(&json), arena, &again);
  JG_ASSERT(jg_status_ok(status));
  struct jg_str first = jg_message_pack(message, arena);
  struct jg_str second = jg_message_pack(again.message, arena);
  JG_ASSERT(first.data != NULL && jg_str_equal(first, second));
  jg_buf_done(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct jg_str text = jg_str_make((const char *)data, size);
  const struct jg_entity *entity = jg_entity((enum jg_kind)(1 + jg_fuzz_choice(&text, JG_KIND_COUNT - 1)));
  if (entity == NULL) {
    return -1;
  }
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  struct jg_json_decoded decoded;
  struct jg_status status = jg_json_decode(entity, text, &arena, &decoded);
  if (jg_status_ok(status)) {
    check_round_trip(entity, decoded.message, &arena);
  } else {
    JG_ASSERT(status.code == JG_INVALID_ARGUMENT && status.message[0] != '\0');
  }
  jg_arena_done(&arena);
  return 0;
}
