#include "services/entities/entities.h"

#include "base/compiler.h"
#include "proto/codec/message.h"
#include "services/entities/diff.h"
#include "services/entities/entities_internal.h"

static struct jg_status unresolved_status(const struct jg_entities *entities);
static struct jg_status step(struct jg_entities_walk *walk);
static struct jg_status resolve_one(struct jg_entities_walk *walk, const struct jg_relation *relation);
static struct jg_status finish_relation(struct jg_entities_frame *frame, const struct jg_relation *relation,
                                        struct jg_uuid id, struct jg_arena *arena);

void jg_entities_init(struct jg_entities *entities, const struct jg_entities_options *options) {
  *entities = (struct jg_entities){.options = *options};
}

int64_t jg_entities_commit_ticks(struct jg_entities *entities) {
  if (!entities->stamped) {
    entities->commit_ticks = jg_txn_stamp(entities->options.txn, JG_TICKS_UNSET);
    entities->stamped = true;
  }
  return entities->commit_ticks;
}

struct jg_status jg_entities_resolve(struct jg_entities *entities, const struct jg_entity *owner,
                                     ProtobufCMessage *message, uint64_t touched, const char *path,
                                     uint64_t *ret_resolved) {
  struct jg_entities_walk walk = {.entities = entities, .path = path, .depth = 1};
  walk.frames[0] = (struct jg_entities_frame){.entity = owner, .message = message, .touched = touched};
  if (entities->options.memo != NULL && !entities->memo_begun) {
    JG_RETURN_IF_ERROR(jg_entities_memo_begin(entities->options.memo, entities->options.txn, entities->options.arena));
    entities->memo_begun = true;
  }
  while (walk.depth > 1 || walk.frames[0].next < owner->relation_count) {
    JG_RETURN_IF_ERROR(step(&walk));
  }
  JG_RETURN_IF_ERROR(unresolved_status(entities));
  *ret_resolved = walk.frames[0].resolved;
  return JG_STATUS_OK;
}

struct jg_status jg_entities_ensure(struct jg_entities *entities, enum jg_kind kind, const ProtobufCMessage *message,
                                    struct jg_entity_row *ret_row) {
  JG_ASSERT(entities->options.mode == JG_ENTITIES_STRICT);
  struct jg_entities_walk walk = {.entities = entities, .path = "", .depth = 1};
  walk.frames[0] = (struct jg_entities_frame){
      .entity = jg_entity(kind), .message = jg_diff_copy(message, entities->options.arena), .touched = UINT64_MAX};
  struct jg_uuid id;
  if (walk.frames[0].message == NULL) {
    return jg_diff_out_of_arena();
  }
  JG_RETURN_IF_ERROR(jg_entities_write(&walk, &id));
  return jg_entities_get(entities, kind, id, ret_row);
}

void jg_entities_unresolved(struct jg_entities *entities, const char *path, const char *message) {
  if (entities->unresolved_count < JG_ENTITIES_UNRESOLVED_MAX) {
    entities->unresolved[entities->unresolved_count++] = (struct jg_violation){path, message};
  }
}

/* All that was noted, in one status: who sends ten ids learns of each that is wrong. */
static struct jg_status unresolved_status(const struct jg_entities *entities) {
  struct jg_arena *arena = entities->options.arena;
  size_t count = entities->unresolved_count;
  if (count == 0) {
    return JG_STATUS_OK;
  }
  struct jg_status status =
      jg_status_violations(arena, JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, entities->unresolved, count);
  return status.details != NULL ? status : jg_diff_out_of_arena();
}

/* Looks at the next relation of the message on top, or leaves it when all are resolved. */
static struct jg_status step(struct jg_entities_walk *walk) {
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  if (frame->next < frame->entity->relation_count) {
    return resolve_one(walk, &frame->entity->relations[frame->next++]);
  }
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(jg_entities_write(walk, &id));
  const struct jg_relation *relation = frame->relation;
  if (walk->entities->options.memo != NULL && walk->entities->warnings == frame->warnings) {
    jg_entities_memo_add(walk->entities->options.memo, frame->memo_key, id);
  }
  walk->depth--;
  return finish_relation(&walk->frames[walk->depth - 1], relation, id, walk->entities->options.arena);
}

/* The member at that index if it is given and filled. */
static const struct jg_member *given(const struct jg_entities_frame *frame, uint8_t index) {
  if (index == JG_NO_INDEX || (frame->touched >> index & 1) == 0) {
    return NULL;
  }
  const struct jg_member *member = &frame->entity->members[index];
  return jg_member_filled(frame->message, member) ? member : NULL;
}

static bool is_touched(const struct jg_entities_frame *frame, const struct jg_relation *relation) {
  const uint8_t indexes[] = {relation->id_member, relation->key_member, relation->node_member};
  for (size_t i = 0; i < JG_COUNT(indexes); i++) {
    if (indexes[i] != JG_NO_INDEX && (frame->touched >> indexes[i] & 1) != 0) {
      return true;
    }
  }
  return false;
}

static struct jg_status push(struct jg_entities_walk *walk, const struct jg_relation *relation,
                             const ProtobufCMessage *node, struct jg_uuid beside_id) {
  JG_ASSERT(walk->depth < JG_ENTITIES_DEPTH_MAX);
  struct jg_arena *arena = walk->entities->options.arena;
  const struct jg_entities_memo *memo = walk->entities->options.memo;
  struct jg_memo_key key = {0, 0};
  if (memo != NULL) {
    struct jg_str bytes = jg_message_pack(node, arena);
    if (bytes.data == NULL) {
      return jg_diff_out_of_arena();
    }
    key = jg_memo_key_node((enum jg_kind)relation->target, bytes, beside_id);
    struct jg_uuid id;
    if (jg_entities_memo_find(memo, key, &id)) {
      return finish_relation(&walk->frames[walk->depth - 1], relation, id, arena);
    }
  }
  struct jg_entities_frame *frame = &walk->frames[walk->depth++];
  *frame = (struct jg_entities_frame){
      .entity = jg_entity((enum jg_kind)relation->target),
      .message = jg_diff_copy(node, arena),
      // Both modes: all that a node has is given. What is not filled does not change anything in STRICT, and in IMPORT it does.
      .touched = UINT64_MAX,
      .relation = relation,
      .beside_id = beside_id,
      .memo_key = key,
      .warnings = walk->entities->warnings,
  };
  return frame->message != NULL ? JG_STATUS_OK : jg_diff_out_of_arena();
}

/* Goes on, to find the others: the write fails at the end of the walk. */
static struct jg_status unresolved(struct jg_entities_walk *walk, const struct jg_relation *relation,
                                   const struct jg_member *member) {
  struct jg_arena *arena = walk->entities->options.arena;
  const struct jg_entity *target = jg_entity((enum jg_kind)relation->target);
  const char *message = jg_arena_printf(arena, "names no %.*s", JG_STR_ARG(target->name));
  if (message == NULL) {
    return jg_diff_out_of_arena();
  }
  jg_entities_unresolved(walk->entities, jg_entities_path(walk, walk->depth, member), message);
  return finish_relation(&walk->frames[walk->depth - 1], relation, JG_UUID_ZERO, arena);
}

/* By x_id. */
static struct jg_status resolve_id(struct jg_entities_walk *walk, const struct jg_relation *relation,
                                   const struct jg_member *id_member, struct jg_uuid id) {
  struct jg_entities *entities = walk->entities;
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  struct jg_entities_memo *memo = entities->options.memo;
  struct jg_memo_key key = jg_memo_key_id((enum jg_kind)relation->target, id);
  struct jg_uuid known;
  if (memo != NULL && jg_entities_memo_find(memo, key, &known)) {
    return finish_relation(frame, relation, id, entities->options.arena);
  }
  struct jg_entity_row row;
  struct jg_status status = jg_entities_get(entities, (enum jg_kind)relation->target, id, &row);
  if (status.code == JG_NOT_FOUND) {
    if (entities->options.mode == JG_ENTITIES_STRICT) {
      return unresolved(walk, relation, id_member);
    }
    const struct jg_member *key_member = given(frame, relation->key_member);
    status = jg_entities_register(walk, relation, id,
                                  key_member != NULL ? jg_member_str(frame->message, key_member) : JG_STR_NONE);
  }
  JG_RETURN_IF_ERROR(status);
  if (memo != NULL) {
    jg_entities_memo_add(memo, key, id);
  }
  return finish_relation(frame, relation, id, entities->options.arena);
}

/* By x_code. */
static struct jg_status resolve_key(struct jg_entities_walk *walk, const struct jg_relation *relation,
                                    const struct jg_member *key_member) {
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  struct jg_entity_row row;
  struct jg_status status =
      jg_entities_find(walk->entities, (enum jg_kind)relation->target, jg_member_str(frame->message, key_member), &row);
  if (status.code == JG_NOT_FOUND) {
    return unresolved(walk, relation, key_member);
  }
  JG_RETURN_IF_ERROR(status);
  return finish_relation(frame, relation, row.id, walk->entities->options.arena);
}

static struct jg_status resolve_one(struct jg_entities_walk *walk, const struct jg_relation *relation) {
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  if (!is_touched(frame, relation)) {
    return JG_STATUS_OK;
  }
  const struct jg_member *id_member = given(frame, relation->id_member);
  const struct jg_member *key_member = given(frame, relation->key_member);
  const struct jg_member *node_member = given(frame, relation->node_member);
  struct jg_uuid id = JG_UUID_ZERO;
  if (id_member != NULL) {
    JG_RETURN_IF_ERROR(jg_entities_id(walk, walk->depth, id_member, &id));
  }
  bool strict = walk->entities->options.mode == JG_ENTITIES_STRICT;
  if (!jg_uuid_is_zero(id) && (strict || node_member == NULL)) {
    return resolve_id(walk, relation, id_member, id);
  }
  if (node_member != NULL) {
    return push(walk, relation, jg_member_node(frame->message, node_member), id);
  }
  if (key_member != NULL) {
    return resolve_key(walk, relation, key_member);
  }
  return finish_relation(frame, relation, JG_UUID_ZERO, walk->entities->options.arena);
}

static struct jg_status finish_relation(struct jg_entities_frame *frame, const struct jg_relation *relation,
                                        struct jg_uuid id, struct jg_arena *arena) {
  const struct jg_member *member = &frame->entity->members[relation->id_member];
  frame->resolved |= UINT64_C(1) << relation->id_member;
  if (jg_uuid_is_zero(id)) {
    jg_member_clear(frame->message, member);
    return JG_STATUS_OK;
  }
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  return jg_member_set_str(frame->message, member, jg_str_make(text, sizeof(text)), arena) ? JG_STATUS_OK
                                                                                           : jg_diff_out_of_arena();
}

const char *jg_entities_path(const struct jg_entities_walk *walk, size_t depth, const struct jg_member *member) {
  struct jg_arena *arena = walk->entities->options.arena;
  const char *path = walk->path;
  for (size_t i = 1; i <= depth && path != NULL; i++) {
    struct jg_str name = JG_STR_NONE;
    if (i < depth) {
      name = walk->frames[i].relation->name;
    } else if (member != NULL) {
      name = walk->entities->options.proto_names ? member->proto_name : member->name;
    }
    if (name.len != 0) {
      path = jg_arena_printf(arena, path[0] != '\0' ? "%s.%.*s" : "%s%.*s", path, JG_STR_ARG(name));
    }
  }
  return path != NULL ? path : "";
}

struct jg_status jg_entities_id(const struct jg_entities_walk *walk, size_t depth, const struct jg_member *member,
                                struct jg_uuid *ret_id) {
  struct jg_str text = jg_member_str(walk->frames[depth - 1].message, member);
  *ret_id = JG_UUID_ZERO;
  if (text.len != 0 && !jg_uuid_parse(text, ret_id)) {
    return jg_status_field(walk->entities->options.arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                           jg_entities_path(walk, depth, member), "must be a GUID");
  }
  return JG_STATUS_OK;
}

void jg_entities_warning(const struct jg_entities_walk *walk, size_t depth, const struct jg_member *member,
                         const char *message) {
  struct jg_entities *entities = walk->entities;
  entities->warnings++;
  if (entities->options.warn != NULL) {
    entities->options.warn(jg_entities_path(walk, depth, member), message, entities->options.data);
  }
}

struct jg_status jg_entities_get(struct jg_entities *entities, enum jg_kind kind, struct jg_uuid id,
                                 struct jg_entity_row *ret_row) {
  for (size_t i = 0; i < entities->seen_count && i < JG_ENTITIES_SEEN_MAX; i++) {
    if (entities->seen[i].kind == kind && jg_uuid_equal(entities->seen[i].id, id)) {
      *ret_row = entities->seen[i];
      return JG_STATUS_OK;
    }
  }
  JG_RETURN_IF_ERROR(jg_txn_entity_get(entities->options.txn, kind, id, entities->options.arena, ret_row));
  jg_entities_remember(entities, ret_row);
  return JG_STATUS_OK;
}

struct jg_status jg_entities_find(struct jg_entities *entities, enum jg_kind kind, struct jg_str key,
                                  struct jg_entity_row *ret_row) {
  JG_ASSERT(key.len > 0);
  for (size_t i = 0; i < entities->seen_count && i < JG_ENTITIES_SEEN_MAX; i++) {
    if (entities->seen[i].kind == kind && jg_str_equal(entities->seen[i].key, key)) {
      *ret_row = entities->seen[i];
      return JG_STATUS_OK;
    }
  }
  JG_RETURN_IF_ERROR(jg_txn_entity_find(entities->options.txn, kind, key, entities->options.arena, ret_row));
  jg_entities_remember(entities, ret_row);
  return JG_STATUS_OK;
}

void jg_entities_remember(struct jg_entities *entities, const struct jg_entity_row *row) {
  for (size_t i = 0; i < entities->seen_count && i < JG_ENTITIES_SEEN_MAX; i++) {
    if (entities->seen[i].kind == row->kind && jg_uuid_equal(entities->seen[i].id, row->id)) {
      entities->seen[i] = *row;
      return;
    }
  }
  entities->seen[entities->seen_count++ % JG_ENTITIES_SEEN_MAX] = *row;
}
