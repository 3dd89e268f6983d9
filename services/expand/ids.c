#include "proto/codec/wire.h"
#include "services/expand/expand_internal.h"

struct jg_status jg_expand_ids(const struct jg_entity *entity, struct jg_str payload,
                               struct jg_head_key ret_ids[JG_RELATIONS_MAX]) {
  for (size_t i = 0; i < entity->relation_count; i++) {
    ret_ids[i].kind = JG_KIND_NONE;
  }
  // Fields ascend, and so do the relations' id members: one pass, no further than the last of them.
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, payload);
  struct jg_wire_field field;
  size_t next = 0;
  while (next < entity->relation_count && jg_wire_next(&reader, &field)) {
    while (next < entity->relation_count && entity->members[entity->relations[next].id_member].number < field.number) {
      next++;
    }
    if (next == entity->relation_count || entity->members[entity->relations[next].id_member].number != field.number) {
      continue;
    }
    struct jg_uuid id;
    if (field.type != JG_WIRE_LEN || !jg_uuid_parse(field.bytes, &id)) {
      reader.failed = true;
      break;
    }
    if (!jg_uuid_is_zero(id)) {
      ret_ids[next] = (struct jg_head_key){id, (enum jg_kind)entity->relations[next].target};
    }
    next++;
  }
  return reader.failed ? jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "a payload of the record is unreadable")
                       : JG_STATUS_OK;
}
