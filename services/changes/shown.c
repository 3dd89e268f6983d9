#include "services/changes/shown.h"

#include "proto/codec/proto_encode.h"
#include "proto/codec/wire.h"

/* What is left when nothing but the id is sent. */
static struct jg_parts id_alone(const struct jg_entity *entity, struct jg_uuid id, struct jg_shown *shown) {
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(id, text);
  struct jg_buf buf = {.data = shown->alone, .capacity = sizeof(shown->alone), .bytes_max = sizeof(shown->alone)};
  jg_wire_put_bytes(&buf, entity->members[entity->id_member].number, jg_str_make(text, sizeof(text)));
  JG_ASSERT(!buf.failed);
  return (struct jg_parts){.entity = entity, .payload = jg_buf_str(&buf)};
}

void jg_shown_make(const struct jg_view_key *key, struct jg_uuid id, const struct jg_parts *job, size_t bytes_max,
                   struct jg_shown *ret_shown) {
  if (job == NULL) {
    ret_shown->nodes = false;
    ret_shown->parts = id_alone(jg_entity(JG_KIND_JOB), id, ret_shown);
    return;
  }
  ret_shown->parts = *job;
  ret_shown->nodes = key->nodes && jg_proto_encode_size(job, true) <= bytes_max;
  if (!ret_shown->nodes && jg_proto_encode_size(job, false) > bytes_max) {
    ret_shown->parts = id_alone(jg_entity(JG_KIND_JOB), id, ret_shown);
    ret_shown->parts.revision = job->revision;
    ret_shown->parts.etag = job->etag;
  }
}

void jg_shown_make_entity(const struct jg_view_key *key, const struct jg_change *change, const struct jg_parts *entity,
                          size_t bytes_max, struct jg_shown *ret_shown) {
  ret_shown->nodes = key->nodes && entity != NULL && jg_proto_encode_size(entity, true) <= bytes_max;
  bool whole = entity != NULL && jg_proto_encode_size(entity, ret_shown->nodes) <= bytes_max;
  ret_shown->parts = whole ? *entity : id_alone(jg_entity(change->kind), change->id, ret_shown);
}

size_t jg_shown_size(const struct jg_shown *shown) {
  return jg_proto_encode_size(&shown->parts, shown->nodes);
}

void jg_shown_put(const struct jg_shown *shown, uint32_t number, struct jg_buf *out) {
  jg_proto_encode_field(number, &shown->parts, shown->nodes, out);
}
