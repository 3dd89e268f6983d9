#include "services/changes/shown.h"

#include "proto/codec/proto_encode.h"
#include "proto/codec/proto_fit.h"

/* What is left when nothing but the id is sent. */
static struct jg_parts id_alone(const struct jg_entity *entity, struct jg_uuid id, struct jg_shown *shown) {
  return (struct jg_parts){.entity = entity, .payload = jg_proto_id_payload(entity, id, shown->alone)};
}

void jg_shown_make(const struct jg_view_key *key, struct jg_uuid id, const struct jg_parts *job, size_t bytes_max,
                   struct jg_shown *ret_shown) {
  if (job == NULL) {
    ret_shown->nodes = false;
    ret_shown->parts = id_alone(jg_entity(JG_KIND_JOB), id, ret_shown);
    return;
  }
  enum jg_proto_fit fit = jg_proto_fit(job, key->nodes, bytes_max);
  ret_shown->parts = *job;
  ret_shown->nodes = key->nodes && fit == JG_PROTO_FIT_WHOLE;
  if (fit == JG_PROTO_FIT_ID) {
    ret_shown->parts = id_alone(jg_entity(JG_KIND_JOB), id, ret_shown);
    ret_shown->parts.revision = job->revision;
    ret_shown->parts.etag = job->etag;
  }
}

void jg_shown_make_entity(const struct jg_view_key *key, const struct jg_change *change, const struct jg_parts *entity,
                          size_t bytes_max, struct jg_shown *ret_shown) {
  enum jg_proto_fit fit = entity != NULL ? jg_proto_fit(entity, key->nodes, bytes_max) : JG_PROTO_FIT_ID;
  ret_shown->nodes = key->nodes && fit == JG_PROTO_FIT_WHOLE;
  ret_shown->parts = fit != JG_PROTO_FIT_ID ? *entity : id_alone(jg_entity(change->kind), change->id, ret_shown);
}

size_t jg_shown_size(const struct jg_shown *shown) {
  return jg_proto_encode_size(&shown->parts, shown->nodes);
}

void jg_shown_put(const struct jg_shown *shown, uint32_t number, struct jg_buf *out) {
  jg_proto_encode_field(number, &shown->parts, shown->nodes, out);
}
