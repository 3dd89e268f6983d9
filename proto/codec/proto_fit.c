#include "proto/codec/proto_fit.h"

#include "proto/codec/proto_encode.h"
#include "proto/codec/wire.h"

enum jg_proto_fit jg_proto_fit(const struct jg_parts *parts, bool nodes, size_t bytes_max) {
  if (jg_proto_encode_size(parts, nodes) <= bytes_max) {
    return JG_PROTO_FIT_WHOLE;
  }
  struct jg_parts basic = *parts;
  basic.parent = NULL;
  return jg_proto_encode_size(&basic, false) <= bytes_max ? JG_PROTO_FIT_BASIC : JG_PROTO_FIT_ID;
}

/* Of embedded entities only the keys stay, which are the entity's own members. */
static bool drop_nodes(struct jg_parts *parts, struct jg_arena *arena) {
  parts->parent = NULL;
  for (size_t i = 0; i < parts->entity->relation_count; i++) {
    if (parts->relations[i] == NULL) {
      continue;
    }
    struct jg_expanded *key = jg_arena_alloc(arena, sizeof(*key));
    if (key == NULL) {
      return false;
    }
    *key = (struct jg_expanded){JG_STR_NONE, JG_STR_NONE, parts->relations[i]->key};
    parts->relations[i] = key;
  }
  return true;
}

static bool drop_members(struct jg_parts *parts, struct jg_uuid id, struct jg_arena *arena) {
  char *room = jg_arena_alloc(arena, JG_PROTO_ID_BYTES);
  if (room == NULL) {
    return false;
  }
  *parts = (struct jg_parts){.entity = parts->entity,
                             .payload = jg_proto_id_payload(parts->entity, id, room),
                             .revision = parts->revision,
                             .etag = parts->etag};
  return true;
}

bool jg_proto_reduce(struct jg_parts *parts, struct jg_uuid id, enum jg_proto_fit fit, struct jg_arena *arena) {
  switch (fit) {
    case JG_PROTO_FIT_BASIC:
      return drop_nodes(parts, arena);
    case JG_PROTO_FIT_ID:
      return drop_members(parts, id, arena);
    case JG_PROTO_FIT_WHOLE:
      break;
  }
  return true;
}

struct jg_str jg_proto_id_payload(const struct jg_entity *entity, struct jg_uuid id, char room[JG_PROTO_ID_BYTES]) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  struct jg_buf buf = {.capacity = JG_PROTO_ID_BYTES, .bytes_max = JG_PROTO_ID_BYTES};
  buf.data = room;
  jg_wire_put_bytes(&buf, entity->members[entity->id_member].number, jg_str_make(text, sizeof(text)));
  JG_ASSERT(!buf.failed);
  return jg_buf_str(&buf);
}
