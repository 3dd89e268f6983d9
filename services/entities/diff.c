#include "services/entities/diff.h"

#include "proto/codec/message.h"

bool jg_diff_stored(const struct jg_entity *entity, const struct jg_member *member) {
  if ((member->flags & JG_MEMBER_EXPAND_ONLY) != 0) {
    return false;
  }
  return member->relation == JG_NO_INDEX || entity->relations[member->relation].id_member == member->index;
}

ProtobufCMessage *jg_diff_copy(const ProtobufCMessage *message, struct jg_arena *arena) {
  ProtobufCMessage *copy = jg_arena_alloc(arena, message->descriptor->sizeof_message);
  if (copy != NULL) {
    memcpy(copy, message, message->descriptor->sizeof_message);
  }
  return copy;
}

uint64_t jg_diff_changed(const struct jg_entity *entity, const ProtobufCMessage *before,
                         const ProtobufCMessage *after) {
  uint64_t changed = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    if (jg_diff_stored(entity, member) && !jg_member_equal(before, after, member)) {
      changed |= UINT64_C(1) << i;
    }
  }
  return changed;
}

struct jg_status jg_diff_old(const struct jg_entity *entity, const ProtobufCMessage *before, uint64_t changed,
                             struct jg_arena *arena, struct jg_str *ret_old) {
  ProtobufCMessage *old = jg_message_new(entity->descriptor, arena);
  if (old == NULL) {
    return jg_diff_out_of_arena();
  }
  for (size_t i = 0; i < entity->member_count; i++) {
    if ((changed >> i & 1) != 0) {
      jg_member_share(old, before, &entity->members[i]);
    }
  }
  struct jg_str payload = jg_message_pack_payload(entity, old, arena);
  if (payload.data == NULL) {
    return jg_diff_out_of_arena();
  }
  *ret_old = payload;
  return JG_STATUS_OK;
}

struct jg_status jg_diff_out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the call's memory is used up");
}
