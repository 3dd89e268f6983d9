/* Any bytes as any message that a client sends: a refusal names what is wrong; what is taken is UTF-8 without NUL, and packs
 * to bytes that are taken again. Entities are made canonical, twice with the same result. */
#include "base/arena.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "tests/fuzz/target.h"

static void check_canonical(const struct jg_entity *entity, ProtobufCMessage *message, struct jg_arena *arena) {
  if (!jg_status_ok(jg_message_canonicalize(entity, message, "", arena))) {
    return;
  }
  struct jg_str once = jg_message_pack(message, arena);
  struct jg_status status = jg_message_canonicalize(entity, message, "", arena);
  JG_ASSERT(jg_status_ok(status));
  JG_ASSERT(once.data != NULL && jg_str_equal(once, jg_message_pack(message, arena)));
  struct jg_str payload = jg_message_pack_payload(entity, message, arena);
  ProtobufCMessage *stored;
  status = jg_message_unpack(entity->descriptor, payload, arena, &stored);
  JG_ASSERT(payload.data != NULL && jg_status_ok(status));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const ProtobufCMessageDescriptor *const requests[] = {
      &jobgate__v1__create_job_request__descriptor, &jobgate__v1__update_job_request__descriptor,
      &jobgate__v1__list_jobs_request__descriptor,  &jobgate__v1__batch_get_jobs_request__descriptor,
      &jobgate__v1__watch_jobs_request__descriptor, &jobgate__v1__import_jobs_request__descriptor,
  };
  struct jg_str bytes = jg_str_make((const char *)data, size);
  size_t choice = jg_fuzz_choice(&bytes, JG_KIND_COUNT - 1 + JG_COUNT(requests));
  const struct jg_entity *entity = choice < JG_KIND_COUNT - 1 ? jg_entity((enum jg_kind)(choice + 1)) : NULL;
  if (entity == NULL && choice < JG_KIND_COUNT - 1) {
    return -1;
  }
  const ProtobufCMessageDescriptor *descriptor =
      entity != NULL ? entity->descriptor : requests[choice - (JG_KIND_COUNT - 1)];
  struct jg_arena arena;
  jg_arena_init(&arena, JG_FUZZ_ARENA_BYTES);
  ProtobufCMessage *message;
  struct jg_status status = jg_message_unpack(descriptor, bytes, &arena, &message);
  if (jg_status_ok(status)) {
    struct jg_str packed = jg_message_pack(message, &arena);
    ProtobufCMessage *again;
    status = jg_message_unpack(descriptor, packed, &arena, &again);
    JG_ASSERT(packed.data != NULL && jg_status_ok(status));
    JG_ASSERT(jg_str_equal(packed, jg_message_pack(again, &arena)));
    if (entity != NULL) {
      check_canonical(entity, message, &arena);
    }
  } else {
    JG_ASSERT(status.code == JG_INVALID_ARGUMENT && status.message[0] != '\0');
  }
  jg_arena_done(&arena);
  return 0;
}
