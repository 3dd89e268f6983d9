#include "base/compiler.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
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

/* A string member of a payload; empty if it is not there. */
static struct jg_str payload_str(struct jg_str payload, const struct jg_member *member) {
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  struct jg_str text = JG_STR_NONE;
  jg_wire_reader_init(&reader, payload);
  while (jg_wire_next(&reader, &field) && field.number <= member->number) {
    text = field.number == member->number ? field.bytes : text;
  }
  return text;
}

static struct jg_uuid payload_id(struct jg_str payload, const struct jg_member *member) {
  struct jg_uuid id;
  return jg_uuid_parse(payload_str(payload, member), &id) ? id : JG_UUID_ZERO;
}

/* A parent on its way into the node on top of the walk. */
struct parent {
  struct jg_entities_walk *walk;
  const struct jg_entity *entity;
  const struct jg_member *id_member;
  const struct jg_member *named_by; /* its id or its key */
  const struct jg_entity_row *row;  /* of the node itself; payload empty: it is new */
};

/* Goes up from a new parent, as for jobs: the entity must not be above it. Each step is one indexed read. */
static struct jg_status check_ancestors(const struct parent *parent, const struct jg_entity_row *first) {
  struct jg_entities *entities = parent->walk->entities;
  struct jg_arena *arena = entities->options.arena;
  const char *path = jg_entities_path(parent->walk, parent->walk->depth, parent->named_by);
  struct jg_uuid id = payload_id(first->payload, parent->id_member);
  struct jg_arena step;
  struct jg_status status = JG_STATUS_OK;
  jg_arena_init(&step, arena->bytes_max);
  for (size_t above = 1; !jg_uuid_is_zero(id) && jg_status_ok(status); above++) {
    struct jg_entity_row row;
    if (jg_uuid_equal(id, parent->row->id)) {
      status =
          jg_status_field(arena, JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE, path, "is below the entity itself");
    } else if (above == JG_ENTITIES_ANCESTORS_MAX) {
      status = jg_status_field(arena, JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE, path,
                               "has %d entities above it, or is in a cycle of them", JG_ENTITIES_ANCESTORS_MAX);
    } else {
      jg_arena_reset(&step);
      status = jg_txn_entity_get(entities->options.txn, parent->entity->kind, id, &step, &row);
      id = jg_status_ok(status) ? payload_id(row.payload, parent->id_member) : JG_UUID_ZERO;
    }
  }
  if (status.code == JG_NOT_FOUND) {
    status = JG_STATUS_OK;  // Outside the record: nothing is above it.
  } else if (!jg_status_ok(status)) {
    status = jg_status_copy(arena, status);
  }
  jg_arena_done(&step);
  return status;
}

/* An import's parent may be outside the record: what stands there may stay. */
static struct jg_status not_found(const struct parent *parent) {
  struct jg_entities_walk *walk = parent->walk;
  struct jg_str given = jg_member_str(walk->frames[walk->depth - 1].message, parent->named_by);
  if (jg_str_equal(payload_str(parent->row->payload, parent->named_by), given)) {
    return JG_STATUS_OK;
  }
  const char *message =
      jg_arena_printf(walk->entities->options.arena, "names no %.*s", JG_STR_ARG(parent->entity->name));
  if (message == NULL) {
    return jg_diff_out_of_arena();
  }
  jg_entities_unresolved(walk->entities, jg_entities_path(walk, walk->depth, parent->named_by), message);
  return JG_STATUS_OK;
}

/* What the node says about a parent; named_by NULL: nothing. */
static struct jg_status read_parent(struct parent *parent, const struct parent_members *members, struct jg_uuid *ret_id,
                                    struct jg_str *ret_key) {
  const struct jg_entities_walk *walk = parent->walk;
  const struct jg_member *all = parent->entity->members;
  parent->id_member = &all[members->id];
  JG_RETURN_IF_ERROR(jg_entities_id(walk, walk->depth, parent->id_member, ret_id));
  *ret_key = jg_member_str(walk->frames[walk->depth - 1].message, &all[members->key]);
  if (!jg_uuid_is_zero(*ret_id)) {
    parent->named_by = parent->id_member;
  } else if (ret_key->len != 0) {
    parent->named_by = &all[members->key];
  }
  return JG_STATUS_OK;
}

/* Its id, its key, and the root of its tree, into the node. */
static struct jg_status take_over(const struct parent *parent, const struct parent_members *members,
                                  const struct jg_entity_row *found) {
  struct jg_entities_walk *walk = parent->walk;
  ProtobufCMessage *message = walk->frames[walk->depth - 1].message;
  struct jg_arena *arena = walk->entities->options.arena;
  const struct jg_member *all = parent->entity->members;
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(found->id, text);
  if (!jg_member_set_str(message, parent->id_member, jg_str_make(text, sizeof(text)), arena) ||
      !jg_member_set_str(message, &all[members->key], found->key, arena)) {
    return jg_diff_out_of_arena();
  }
  return members->root != JG_NO_INDEX ? copy_root(walk, found, &all[members->root]) : JG_STATUS_OK;
}

struct jg_status jg_entities_copy_parent(struct jg_entities_walk *walk, const struct jg_entity_row *row) {
  struct parent parent = {.walk = walk, .entity = walk->frames[walk->depth - 1].entity, .row = row};
  const struct parent_members *members = NULL;
  for (size_t i = 0; i < JG_COUNT(parents); i++) {
    members = parents[i].kind == parent.entity->kind ? &parents[i] : members;
  }
  if (members == NULL) {
    return JG_STATUS_OK;
  }
  struct jg_uuid id;
  struct jg_str key;
  struct jg_entity_row found = {.id = JG_UUID_ZERO};
  JG_RETURN_IF_ERROR(read_parent(&parent, members, &id, &key));
  if (parent.named_by == NULL) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_uuid_is_zero(id) ? jg_entities_find(walk->entities, parent.entity->kind, key, &found)
                                                : jg_entities_get(walk->entities, parent.entity->kind, id, &found);
  bool is_known = status.code != JG_NOT_FOUND;
  if (is_known) {
    JG_RETURN_IF_ERROR(status);
    id = found.id;
  }
  if (jg_uuid_equal(id, row->id)) {
    return jg_status_field(walk->entities->options.arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                           jg_entities_path(walk, walk->depth, parent.named_by), "must not name the entity itself");
  }
  if (!is_known) {
    return not_found(&parent);
  }
  if (!jg_uuid_equal(payload_id(row->payload, parent.id_member), id)) {
    JG_RETURN_IF_ERROR(check_ancestors(&parent, &found));
  }
  return take_over(&parent, members, &found);
}
