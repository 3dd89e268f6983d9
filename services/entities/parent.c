#include "base/compiler.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"
#include "services/entities/diff.h"
#include "services/entities/entities_internal.h"

/* The members by which a kind names its parent of the same kind. */
struct parent_members {
  enum jg_kind kind;
  uint8_t id, key, root;
};
static const struct parent_members parents[] = {
    {JG_KIND_PROJECT, JG_PROJECT_PARENT_ID, JG_PROJECT_PARENT_REFERENCE_BACK_OFFICE, JG_PROJECT_ROOT_PARENT_ID},
    {JG_KIND_EQUIPMENT_FAMILY, JG_EQUIPMENT_FAMILY_PARENT_ID, JG_EQUIPMENT_FAMILY_PARENT_CODE, JG_NO_INDEX},
};

uint64_t jg_entities_parent_members(enum jg_kind kind, uint64_t said) {
  for (size_t i = 0; i < JG_COUNT(parents); i++) {
    uint64_t names = UINT64_C(1) << parents[i].id | UINT64_C(1) << parents[i].key;
    if (parents[i].kind == kind && (said & names) != 0) {
      return names | (parents[i].root != JG_NO_INDEX ? UINT64_C(1) << parents[i].root : 0);
    }
  }
  return 0;
}

/* The root of a parent's tree: its own root, or itself. */
static struct jg_status copy_root(struct jg_entities_walk *walk, const struct jg_entity_row *parent,
                                  const struct jg_member *root) {
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  struct jg_arena *arena = walk->entities->options.arena;
  ProtobufCMessage *message = NULL;
  JG_RETURN_IF_ERROR(jg_message_unpack(frame->entity->descriptor, parent->payload, arena, &message));
  struct jg_str id = jg_member_str(message, root);
  if (id.len == 0) {
    id = jg_member_str(message, &frame->entity->members[frame->entity->id_member]);
  }
  return jg_member_set_str(frame->message, root, id, arena) ? JG_STATUS_OK : jg_diff_out_of_arena();
}

struct jg_status jg_entities_copy_parent(struct jg_entities_walk *walk, struct jg_uuid id) {
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  struct jg_arena *arena = walk->entities->options.arena;
  const struct parent_members *members = NULL;
  for (size_t i = 0; i < JG_COUNT(parents); i++) {
    members = parents[i].kind == frame->entity->kind ? &parents[i] : members;
  }
  if (members == NULL) {
    return JG_STATUS_OK;
  }
  const struct jg_member *id_member = &frame->entity->members[members->id];
  const struct jg_member *key_member = &frame->entity->members[members->key];
  struct jg_uuid parent_id;
  JG_RETURN_IF_ERROR(jg_entities_id(walk, walk->depth, id_member, &parent_id));
  struct jg_str parent_key = jg_member_str(frame->message, key_member);
  if (jg_uuid_is_zero(parent_id) && parent_key.len == 0) {
    return JG_STATUS_OK;
  }
  struct jg_entity_row parent;
  struct jg_status status = jg_uuid_is_zero(parent_id)
                                ? jg_entities_find(walk->entities, frame->entity->kind, parent_key, &parent)
                                : jg_entities_get(walk->entities, frame->entity->kind, parent_id, &parent);
  bool found = status.code != JG_NOT_FOUND;
  if (found) {
    JG_RETURN_IF_ERROR(status);
    parent_id = parent.id;
  }
  if (jg_uuid_equal(parent_id, id)) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                           jg_entities_path(walk, walk->depth, id_member), "must not name the entity itself");
  }
  if (!found) {
    return JG_STATUS_OK;  // Kept as given.
  }
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(parent.id, text);
  if (!jg_member_set_str(frame->message, id_member, jg_str_make(text, sizeof(text)), arena) ||
      !jg_member_set_str(frame->message, key_member, parent.key, arena)) {
    return jg_diff_out_of_arena();
  }
  return members->root != JG_NO_INDEX ? copy_root(walk, &parent, &frame->entity->members[members->root]) : JG_STATUS_OK;
}
