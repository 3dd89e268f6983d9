#include "proto/codec/proto_encode.h"

#include "proto/codec/wire.h"
#include "proto/schema/members.h"

static size_t bytes_field_size(uint32_t number, size_t len) {
  return jg_wire_varint_size((uint64_t)number << 3) + jg_wire_varint_size(len) + len;
}

static size_t uint_field_size(uint32_t number, uint64_t value) {
  return value == 0 ? 0 : jg_wire_varint_size((uint64_t)number << 3) + jg_wire_varint_size(value);
}

/* The member of the relation that is emitted from the entity, or NULL. */
static const struct jg_member *derived_member(const struct jg_entity *entity, uint8_t index) {
  return index != JG_NO_INDEX ? &entity->members[index] : NULL;
}

size_t jg_proto_encode_size(const struct jg_parts *parts, bool nodes) {
  const struct jg_entity *entity = parts->entity;
  size_t bytes = parts->payload.len;
  for (size_t i = 0; i < entity->relation_count; i++) {
    const struct jg_expanded *expanded = parts->relations[i];
    if (expanded == NULL) {
      continue;
    }
    const struct jg_member *key = derived_member(entity, entity->relations[i].key_member);
    const struct jg_member *node = derived_member(entity, entity->relations[i].node_member);
    if (key != NULL && expanded->key.len != 0) {
      bytes += bytes_field_size(key->number, expanded->key.len);
    }
    if (nodes && node != NULL && expanded->proto.data != NULL) {
      bytes += bytes_field_size(node->number, expanded->proto.len);
    }
  }
  if (entity->kind == JG_KIND_JOB) {
    JG_ASSERT(entity->members != NULL);
    const uint32_t parent = entity->members[JG_JOB_PARENT_JOB].number;
    bytes += parts->parent != NULL ? bytes_field_size(parent, parts->parent->proto.len) : 0;
    bytes += uint_field_size(JG_JOB_REVISION_NUMBER, (uint64_t)parts->revision);
    bytes += parts->etag.len != 0 ? bytes_field_size(JG_JOB_ETAG_NUMBER, parts->etag.len) : 0;
  }
  return bytes;
}

void jg_proto_encode(const struct jg_parts *parts, bool nodes, struct jg_buf *out) {
  const struct jg_entity *entity = parts->entity;
  jg_buf_append_str(out, parts->payload);
  for (size_t i = 0; i < entity->relation_count; i++) {
    const struct jg_expanded *expanded = parts->relations[i];
    if (expanded == NULL) {
      continue;
    }
    const struct jg_member *key = derived_member(entity, entity->relations[i].key_member);
    const struct jg_member *node = derived_member(entity, entity->relations[i].node_member);
    if (key != NULL && expanded->key.len != 0) {
      jg_wire_put_bytes(out, key->number, expanded->key);
    }
    if (nodes && node != NULL && expanded->proto.data != NULL) {
      jg_wire_put_bytes(out, node->number, expanded->proto);
    }
  }
  if (entity->kind == JG_KIND_JOB) {
    if (parts->parent != NULL) {
      jg_wire_put_bytes(out, entity->members[JG_JOB_PARENT_JOB].number, parts->parent->proto);
    }
    jg_wire_put_uint(out, JG_JOB_REVISION_NUMBER, (uint64_t)parts->revision);
    if (parts->etag.len != 0) {
      jg_wire_put_bytes(out, JG_JOB_ETAG_NUMBER, parts->etag);
    }
  }
}

void jg_proto_encode_field(uint32_t number, const struct jg_parts *parts, bool nodes, struct jg_buf *out) {
  size_t bytes = jg_proto_encode_size(parts, nodes);
  // One growth at most; the pieces then only copy.
  if (jg_buf_reserve(out, bytes_field_size(number, bytes)) == NULL) {
    return;
  }
  jg_wire_put_tag(out, number, JG_WIRE_LEN);
  jg_wire_put_varint(out, bytes);
  jg_proto_encode(parts, nodes, out);
}
