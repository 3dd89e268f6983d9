#include "base/compiler.h"
#include "base/unicode.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"
#include "services/entities/diff.h"
#include "services/entities/entities_internal.h"

/* One entity to be written. */
struct entity_write {
  struct jg_entities_walk *walk;
  const struct jg_entity *entity;
  ProtobufCMessage *after;        /* all of it, id set */
  const ProtobufCMessage *before; /* NULL: it is new */
  struct jg_uuid id;
  uint64_t changed;
};

static struct jg_status write_strict(struct jg_entities_walk *walk, struct jg_uuid *ret_id);
static struct jg_status write_import(struct jg_entities_walk *walk, struct jg_uuid *ret_id);
static struct jg_status put(const struct entity_write *write);
static struct jg_status check_key(struct jg_entities_walk *walk, size_t depth, const struct jg_member *member,
                                  enum jg_kind kind, struct jg_str key, struct jg_uuid id);

struct jg_status jg_entities_write(struct jg_entities_walk *walk, struct jg_uuid *ret_id) {
  return walk->entities->options.mode == JG_ENTITIES_STRICT ? write_strict(walk, ret_id) : write_import(walk, ret_id);
}

static const struct jg_member *id_member(const struct jg_entity *entity) {
  return &entity->members[entity->id_member];
}

static const struct jg_member *key_member(const struct jg_entity *entity) {
  return &entity->members[entity->key_member];
}

static const struct jg_member *modified_member(const struct jg_entity *entity) {
  return &entity->members[entity->modified_member];
}

static struct jg_status set_id(ProtobufCMessage *message, const struct jg_entity *entity, struct jg_uuid id,
                               struct jg_arena *arena) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  return jg_member_set_str(message, id_member(entity), jg_str_make(text, sizeof(text)), arena) ? JG_STATUS_OK
                                                                                               : jg_diff_out_of_arena();
}

/* R9 for an entity: later than any before it, and than its own last one. */
static struct jg_status stamp(struct entity_write *write) {
  const struct jg_member *modified = modified_member(write->entity);
  int64_t ticks = jg_entities_commit_ticks(write->walk->entities);
  if (write->before != NULL && jg_member_date(write->before, modified) >= ticks) {
    ticks = jg_member_date(write->before, modified) + 1;
  }
  write->changed |= UINT64_C(1) << modified->index;
  return jg_member_set_date(write->after, modified, ticks, write->walk->entities->options.arena)
             ? JG_STATUS_OK
             : jg_diff_out_of_arena();
}

static struct jg_status decode(const struct jg_entity *entity, struct jg_str payload, struct jg_arena *arena,
                               ProtobufCMessage **ret_message) {
  if (jg_status_ok(jg_message_unpack(entity->descriptor, payload, arena, ret_message))) {
    return JG_STATUS_OK;
  }
  return arena->failed ? jg_diff_out_of_arena()
                       : jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "a payload of the record is unreadable");
}

/* ---- STRICT ---- */

/* E4: the key is `found`'s and the id another entity's. An id that nobody has says nothing: the key decides (contract 3.2). */
static struct jg_status check_one(struct jg_entities_walk *walk, struct jg_uuid id, const struct jg_entity_row *found) {
  const struct jg_entity *entity = walk->frames[walk->depth - 1].entity;
  struct jg_entity_row other;
  if (jg_uuid_is_zero(id) || jg_uuid_equal(id, found->id)) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_entities_get(walk->entities, entity->kind, id, &other);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  struct jg_arena *arena = walk->entities->options.arena;
  const struct jg_violation violations[] = {
      {jg_entities_path(walk, walk->depth, key_member(entity)), "belongs to another entity than the id"},
      {jg_entities_path(walk, walk->depth, id_member(entity)),
       jg_arena_printf(arena, "belongs to another entity than the %.*s", JG_STR_ARG(key_member(entity)->name))},
  };
  if (violations[1].message == NULL) {
    return jg_diff_out_of_arena();
  }
  status =
      jg_status_violations(arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, violations, JG_COUNT(violations));
  return status.details != NULL ? status : jg_diff_out_of_arena();
}

/* E2: by key, else by id. NOT_FOUND. */
static struct jg_status look_up(struct jg_entities_walk *walk, struct jg_str key, struct jg_uuid id,
                                struct jg_entity_row *ret_row) {
  enum jg_kind kind = walk->frames[walk->depth - 1].entity->kind;
  if (key.len != 0) {
    struct jg_status status = jg_entities_find(walk->entities, kind, key, ret_row);
    if (status.code != JG_NOT_FOUND) {
      JG_RETURN_IF_ERROR(status);
      return check_one(walk, id, ret_row);
    }
  }
  return jg_uuid_is_zero(id) ? jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such entity")
                             : jg_entities_get(walk->entities, kind, id, ret_row);
}

/* E3: the filled and different members. */
static struct jg_status merge(struct jg_entities_walk *walk, const struct jg_entity_row *row) {
  const struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  const struct jg_entity *entity = frame->entity;
  struct jg_arena *arena = walk->entities->options.arena;
  ProtobufCMessage *before = NULL;
  JG_RETURN_IF_ERROR(decode(entity, row->payload, arena, &before));
  struct entity_write write = {.walk = walk, .entity = entity, .before = before, .id = row->id};
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    bool managed = (member->flags & (JG_MEMBER_READ_ONLY | JG_MEMBER_SERVER_MANAGED)) != 0;
    if (managed || i == entity->id_member || !jg_diff_stored(entity, member) ||
        !jg_member_filled(frame->message, member) || jg_member_equal(before, frame->message, member)) {
      continue;
    }
    if (write.after == NULL && (write.after = jg_diff_copy(before, arena)) == NULL) {
      return jg_diff_out_of_arena();
    }
    write.changed |= UINT64_C(1) << i;
    jg_member_share(write.after, frame->message, member);
  }
  if (write.changed == 0) {
    return JG_STATUS_OK;  // Statement 70.
  }
  JG_RETURN_IF_ERROR(stamp(&write));
  return put(&write);
}

static struct jg_status write_strict(struct jg_entities_walk *walk, struct jg_uuid *ret_id) {
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  const struct jg_entity *entity = frame->entity;
  struct jg_arena *arena = walk->entities->options.arena;
  struct jg_str key = jg_member_str(frame->message, key_member(entity));
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(jg_entities_id(walk, walk->depth, id_member(entity), &id));
  if (key.len == 0 && jg_uuid_is_zero(id)) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                           jg_entities_path(walk, walk->depth, NULL), "must have a %.*s or an id",
                           JG_STR_ARG(key_member(entity)->name));
  }
  struct jg_entity_row row = {.id = id};
  struct jg_status status = look_up(walk, key, id, &row);
  bool is_new = status.code == JG_NOT_FOUND;
  if (!is_new) {
    JG_RETURN_IF_ERROR(status);
  } else if (jg_uuid_is_zero(id)) {
    row.id = jg_uuid_new(walk->entities->options.clock);
  }
  JG_RETURN_IF_ERROR(jg_entities_copy_parent(walk, &row));
  *ret_id = row.id;
  if (!is_new) {
    return merge(walk, &row);
  }
  struct entity_write write = {.walk = walk, .entity = entity, .after = frame->message, .id = row.id};
  JG_RETURN_IF_ERROR(set_id(write.after, entity, row.id, arena));
  JG_RETURN_IF_ERROR(stamp(&write));
  return put(&write);
}

/* ---- upsert ---- */

/* By its id, else by its key. NOT_FOUND: it is new; then *ret_row has its id, which may be zero. */
static struct jg_status find_upserted(struct jg_entities_walk *walk, enum jg_entities_upsert_mode mode,
                                      struct jg_entity_row *ret_row) {
  const struct jg_entity *entity = walk->frames[0].entity;
  struct jg_str key = jg_member_str(walk->frames[0].message, key_member(entity));
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(jg_entities_id(walk, 1, id_member(entity), &id));
  if (mode == JG_ENTITIES_CREATE_OR_UPDATE && key.len == 0 && jg_uuid_is_zero(id)) {
    return jg_status_field(walk->entities->options.arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, walk->path,
                           "must have a %.*s or an id", JG_STR_ARG(key_member(entity)->proto_name));
  }
  bool by_key = mode == JG_ENTITIES_CREATE_OR_UPDATE && jg_uuid_is_zero(id);
  struct jg_status status = look_up(walk, by_key ? key : JG_STR_NONE, id, ret_row);
  if (status.code == JG_NOT_FOUND) {
    *ret_row = (struct jg_entity_row){.id = id};
  } else if (jg_status_ok(status) && mode == JG_ENTITIES_CREATE) {
    return jg_status_field(walk->entities->options.arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID,
                           jg_entities_path(walk, 1, id_member(entity)), "belongs to a %.*s already",
                           JG_STR_ARG(entity->name));
  }
  return status;
}

/* The members of `after` that were said, taken over into a copy of `before`. */
static struct jg_status take_over(struct entity_write *write, uint64_t said) {
  const struct jg_entity *entity = write->entity;
  ProtobufCMessage *from = write->after;
  write->after = jg_diff_copy(write->before, write->walk->entities->options.arena);
  if (write->after == NULL) {
    return jg_diff_out_of_arena();
  }
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    bool managed = (member->flags & (JG_MEMBER_READ_ONLY | JG_MEMBER_SERVER_MANAGED)) != 0;
    if ((said >> i & 1) == 0 || managed || i == entity->id_member || !jg_diff_stored(entity, member) ||
        jg_member_equal(write->before, from, member)) {
      continue;
    }
    write->changed |= UINT64_C(1) << i;
    jg_member_share(write->after, from, member);
  }
  return JG_STATUS_OK;
}

/* White space alone fills nothing, as in jobs (56). */
static bool is_missing(const ProtobufCMessage *message, const struct jg_member *member) {
  return !jg_member_filled(message, member) ||
         (member->type == JG_TYPE_STRING && jg_unicode_trim(jg_member_str(message, member)).len == 0);
}

/* What the schema asks for, of a new one or where it was changed: an older one may lack it. And the key is its own. */
static struct jg_status check_upserted(struct entity_write *write) {
  const struct jg_entity *entity = write->entity;
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[i];
    bool said = write->before == NULL || (write->changed >> i & 1) != 0;
    if (said && (member->flags & JG_MEMBER_REQUIRED) != 0 && is_missing(write->after, member)) {
      return jg_status_field(write->walk->entities->options.arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                             jg_entities_path(write->walk, 1, member), "is required");
    }
  }
  struct jg_str key = jg_member_str(write->after, key_member(entity));
  return key.len == 0 ? JG_STATUS_OK : check_key(write->walk, 1, key_member(entity), entity->kind, key, write->id);
}

/* Makes the message of the root what was said alone; *said grows by what belongs together. */
static void forget_the_rest(struct jg_entities_frame *frame, uint64_t *said) {
  *said |= jg_entities_parent_members(frame->entity->kind, *said);
  for (size_t i = 0; i < frame->entity->member_count; i++) {
    if ((*said >> i & 1) == 0) {
      jg_member_clear(frame->message, &frame->entity->members[i]);
    }
  }
}

struct jg_status jg_entities_upsert(struct jg_entities *entities, const struct jg_entities_upsert *upsert,
                                    struct jg_entity_row *ret_row, bool *ret_created) {
  JG_ASSERT(entities->options.mode == JG_ENTITIES_STRICT);
  struct jg_arena *arena = entities->options.arena;
  const struct jg_entity *entity = jg_entity(upsert->kind);
  struct jg_entities_walk walk = {.entities = entities, .path = upsert->path, .depth = 1};
  struct jg_entities_frame *frame = &walk.frames[0];
  *frame = (struct jg_entities_frame){.entity = entity, .message = jg_diff_copy(upsert->message, arena)};
  struct entity_write write = {.walk = &walk, .entity = entity, .after = frame->message};
  if (write.after == NULL) {
    return jg_diff_out_of_arena();
  }
  struct jg_entity_row row = {0};
  struct jg_status status = find_upserted(&walk, upsert->mode, &row);
  bool is_new = status.code == JG_NOT_FOUND;
  if (!is_new || upsert->mode == JG_ENTITIES_UPDATE) {
    JG_RETURN_IF_ERROR(status);
  }
  uint64_t said = is_new ? UINT64_MAX : upsert->present, resolved = 0;
  forget_the_rest(frame, &said);
  if (is_new && jg_uuid_is_zero(row.id)) {
    row.id = jg_uuid_new(entities->options.clock);
  }
  write.id = row.id;
  JG_RETURN_IF_ERROR(jg_entities_copy_parent(&walk, &row));
  JG_RETURN_IF_ERROR(jg_entities_resolve(entities, entity, frame->message, said, upsert->path, &resolved));
  if (is_new) {
    JG_RETURN_IF_ERROR(set_id(write.after, entity, write.id, arena));
  } else {
    ProtobufCMessage *before = NULL;
    JG_RETURN_IF_ERROR(decode(entity, row.payload, arena, &before));
    write.before = before;
    JG_RETURN_IF_ERROR(take_over(&write, said | resolved));
  }
  JG_RETURN_IF_ERROR(check_upserted(&write));
  if (is_new || write.changed != 0) {
    JG_RETURN_IF_ERROR(stamp(&write));
    JG_RETURN_IF_ERROR(put(&write));
  }
  *ret_created = is_new;
  return jg_entities_get(entities, upsert->kind, write.id, ret_row);
}

/* ---- IMPORT ---- */

/* E8: no other id may have that key. */
static struct jg_status check_key(struct jg_entities_walk *walk, size_t depth, const struct jg_member *member,
                                  enum jg_kind kind, struct jg_str key, struct jg_uuid id) {
  struct jg_entity_row other;
  struct jg_status status = jg_entities_find(walk->entities, kind, key, &other);
  if (status.code == JG_NOT_FOUND) {
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  return jg_uuid_equal(other.id, id)
             ? JG_STATUS_OK
             : jg_status_field(walk->entities->options.arena, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE,
                               jg_entities_path(walk, depth, member), "belongs to another id already");
}

/* E6: its id, else the x_id beside it, else that of the entity with its key, else a new one. */
static struct jg_status choose_id(struct jg_entities_walk *walk, struct jg_uuid *ret_id) {
  const struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  const struct jg_entity *entity = frame->entity;
  struct jg_uuid id;
  JG_RETURN_IF_ERROR(jg_entities_id(walk, walk->depth, id_member(entity), &id));
  if (jg_uuid_is_zero(id)) {
    id = frame->beside_id;
  } else if (!jg_uuid_is_zero(frame->beside_id) && !jg_uuid_equal(id, frame->beside_id)) {
    const struct jg_entity *owner = walk->frames[walk->depth - 2].entity;
    jg_entities_warning(walk, walk->depth - 1, &owner->members[frame->relation->id_member],
                        "differs from the id of its node, which wins");
  }
  if (!jg_uuid_is_zero(id)) {
    *ret_id = id;
    return JG_STATUS_OK;
  }
  struct jg_str key = jg_member_str(frame->message, key_member(entity));
  if (key.len == 0) {
    return jg_status_field(walk->entities->options.arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                           jg_entities_path(walk, walk->depth, NULL), "must have an id or a %.*s",
                           JG_STR_ARG(key_member(entity)->name));
  }
  struct jg_entity_row row;
  struct jg_status status = jg_entities_find(walk->entities, entity->kind, key, &row);
  if (status.code == JG_NOT_FOUND) {
    *ret_id = jg_uuid_new(walk->entities->options.clock);
    return JG_STATUS_OK;
  }
  JG_RETURN_IF_ERROR(status);
  *ret_id = row.id;
  return JG_STATUS_OK;
}

/* The node in the place of the entity that stands there. */
static struct jg_status replace(struct entity_write *write, const struct jg_entity_row *row) {
  struct jg_arena *arena = write->walk->entities->options.arena;
  struct jg_str same = jg_message_pack_payload(write->entity, write->after, arena);
  if (same.data == NULL) {
    return jg_diff_out_of_arena();
  }
  if (jg_str_equal(same, row->payload)) {
    return JG_STATUS_OK;
  }
  ProtobufCMessage *before = NULL;
  JG_RETURN_IF_ERROR(decode(write->entity, row->payload, arena, &before));
  write->before = before;
  write->changed = jg_diff_changed(write->entity, before, write->after);
  const struct jg_member *modified = modified_member(write->entity);
  if (!jg_member_filled(write->after, modified)) {
    // The node does not say when: that alone is no change, and with another one it is now.
    write->changed &= ~(UINT64_C(1) << modified->index);
    if (write->changed != 0) {
      JG_RETURN_IF_ERROR(stamp(write));
    }
  }
  return write->changed != 0 ? put(write) : JG_STATUS_OK;
}

static struct jg_status write_import(struct jg_entities_walk *walk, struct jg_uuid *ret_id) {
  struct jg_entities_frame *frame = &walk->frames[walk->depth - 1];
  struct entity_write write = {.walk = walk, .entity = frame->entity, .after = frame->message};
  JG_RETURN_IF_ERROR(choose_id(walk, &write.id));
  *ret_id = write.id;
  JG_RETURN_IF_ERROR(set_id(write.after, write.entity, write.id, walk->entities->options.arena));
  struct jg_entity_row row;
  struct jg_status status = jg_entities_get(walk->entities, write.entity->kind, write.id, &row);
  bool is_new = status.code == JG_NOT_FOUND;
  if (!is_new) {
    JG_RETURN_IF_ERROR(status);
  }
  struct jg_str key = jg_member_str(write.after, key_member(write.entity));
  if (key.len != 0 && (is_new || !jg_str_equal(key, row.key))) {
    JG_RETURN_IF_ERROR(check_key(walk, walk->depth, key_member(write.entity), write.entity->kind, key, write.id));
  }
  return is_new ? put(&write) : replace(&write, &row);
}

struct jg_status jg_entities_register(struct jg_entities_walk *walk, const struct jg_relation *relation,
                                      struct jg_uuid id, struct jg_str key) {
  const struct jg_entity *owner = walk->frames[walk->depth - 1].entity;
  struct jg_arena *arena = walk->entities->options.arena;
  struct entity_write write = {.walk = walk, .entity = jg_entity((enum jg_kind)relation->target), .id = id};
  if (key.len != 0) {
    JG_RETURN_IF_ERROR(
        check_key(walk, walk->depth, &owner->members[relation->key_member], write.entity->kind, key, id));
  }
  write.after = jg_message_new(write.entity->descriptor, arena);
  if (write.after == NULL || !jg_member_set_str(write.after, key_member(write.entity), key, arena)) {
    return jg_diff_out_of_arena();
  }
  JG_RETURN_IF_ERROR(set_id(write.after, write.entity, id, arena));
  if (write.entity->kind != JG_KIND_JOB_STATUS) {
    jg_entities_warning(walk, walk->depth, &owner->members[relation->id_member],
                        "names nothing known: an entity of that id and key was made");
  }
  return put(&write);
}

/* ---- both ---- */

static struct jg_status put(const struct entity_write *write) {
  struct jg_entities *entities = write->walk->entities;
  const struct jg_entity *entity = write->entity;
  struct jg_entity_ref embeds[JG_RELATIONS_MAX];
  struct jg_entity_put entity_put = {
      .create = write->before == NULL,
      .kind = entity->kind,
      .id = write->id,
      .key = jg_member_str(write->after, key_member(entity)),
      .payload = jg_message_pack_payload(entity, write->after, entities->options.arena),
      // Jobs take a default of this kind alone.
      .is_default = entity->kind == JG_KIND_JOB_PRIORITY &&
                    jg_member_bool(write->after, &entity->members[JG_JOB_PRIORITY_IS_DEFAULT]),
      .commit_ticks = jg_entities_commit_ticks(entities),
      .embeds = embeds,
  };
  if (entity_put.payload.data == NULL) {
    return jg_diff_out_of_arena();
  }
  for (size_t i = 0; i < entity->relation_count; i++) {
    struct jg_str id = jg_member_str(write->after, &entity->members[entity->relations[i].id_member]);
    if (id.len != 0 && jg_uuid_parse(id, &embeds[entity_put.embed_count].id)) {
      embeds[entity_put.embed_count++].kind = (enum jg_kind)entity->relations[i].target;
    }
  }
  if (write->before != NULL) {
    entity_put.changed = write->changed;
    JG_RETURN_IF_ERROR(jg_diff_old(entity, write->before, write->changed, entities->options.arena, &entity_put.old));
  }
  struct jg_entity_row row = {
      .kind = entity->kind, .id = write->id, .key = entity_put.key, .payload = entity_put.payload};
  JG_RETURN_IF_ERROR(jg_txn_entity_put(entities->options.txn, &entity_put, entities->options.arena, &row.revision));
  row.tree_revision = row.revision;
  entities->written++;
  if (entities->options.memo != NULL) {
    jg_entities_memo_written(entities->options.memo, row.revision, entity_put.create);
  }
  jg_entities_remember(entities, &row);
  return JG_STATUS_OK;
}
