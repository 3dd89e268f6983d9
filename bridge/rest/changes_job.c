#include "bridge/rest/changes_job.h"

#include "proto/codec/json_message.h"
#include "proto/codec/message.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"

/* Texts of embedded entities, and what decoding them takes. */
#define ARENA_BYTES_MAX (64u << 20)
#define NODE_BYTES_MAX (16u << 20)

/* A job's bytes, taken apart. */
struct apart {
  struct jg_parts parts;
  struct jg_expanded expanded[JG_RELATIONS_MAX];
  struct jg_expanded parent;
  bool nodes;    /* an embedded entity is there */
  uint64_t here; /* bit i: member i stands in the payload */
};

void jg_rest_job_printer_init(struct jg_rest_job_printer *printer, const struct jg_rest_changes_style *style) {
  *printer = (struct jg_rest_job_printer){.style = style};
  jg_arena_init(&printer->arena, ARENA_BYTES_MAX);
}

void jg_rest_job_printer_done(struct jg_rest_job_printer *printer) {
  jg_arena_done(&printer->arena);
}

/* The legacy JSON of encoded bytes, decoded: in the arena; data NULL if they are none, or at the cap. */
static struct jg_str print_whole(struct jg_rest_job_printer *printer, const struct jg_entity *entity,
                                 struct jg_str proto) {
  ProtobufCMessage *message = NULL;
  struct jg_buf json;
  jg_buf_init(&json, NODE_BYTES_MAX);
  struct jg_status status = jg_message_unpack(entity->descriptor, proto, &printer->arena, &message);
  if (jg_status_ok(status)) {
    status = jg_json_encode_message(printer->style->json, entity, message, &printer->arena, &json);
  }
  struct jg_str text = jg_status_ok(status) ? jg_arena_str(&printer->arena, jg_buf_str(&json)) : JG_STR_NONE;
  jg_buf_done(&json);
  return text;
}

static void unref(void *data) {
  jg_bytes_unref(data);
}

/* Lives as long as the printer. */
static struct jg_str print_node(struct jg_rest_job_printer *printer, const struct jg_entity *entity,
                                struct jg_str proto) {
  struct jg_rest_nodes *nodes = printer->style->nodes;
  if (nodes == NULL) {
    return print_whole(printer, entity, proto);
  }
  struct jg_bytes *json = jg_rest_nodes_find(nodes, entity->kind, proto);
  if (json == NULL) {
    struct jg_str text = print_whole(printer, entity, proto);
    if (text.data == NULL) {
      return text;
    }
    json = jg_bytes_create(text);
    jg_rest_nodes_keep(nodes, entity->kind, proto, json);
  }
  return jg_arena_defer(&printer->arena, unref, json) ? jg_bytes_str(json) : JG_STR_NONE;
}

/* One field behind the payload: a node, a key, the parent, or gRPC's own. */
static bool take_appended(struct jg_rest_job_printer *printer, const struct jg_member *member, struct jg_str bytes,
                          struct apart *apart) {
  if ((member->flags & JG_MEMBER_EXPAND_ONLY) != 0) {
    apart->parent.json = print_whole(printer, jg_entity((enum jg_kind)member->target), bytes);
    apart->parts.parent = &apart->parent;
    return apart->parent.json.data != NULL;
  }
  size_t relation = member->relation;
  if (relation >= apart->parts.entity->relation_count) {
    return false;
  }
  struct jg_expanded *expanded = &apart->expanded[relation];
  apart->parts.relations[relation] = expanded;
  if (member->type != JG_TYPE_ENTITY) {
    expanded->key = bytes;
    return true;
  }
  expanded->json = print_node(printer, jg_entity((enum jg_kind)member->target), bytes);
  apart->nodes = true;
  return expanded->json.data != NULL;
}

static bool is_appended(const struct jg_member *member) {
  return member->type == JG_TYPE_ENTITY || (member->flags & JG_MEMBER_DERIVED_KEY) != 0;
}

static bool take_apart(struct jg_rest_job_printer *printer, struct jg_str job, struct apart *ret_apart) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  bool behind = false;
  *ret_apart = (struct apart){.parts = {.entity = entity, .payload = job}};
  jg_wire_reader_init(&reader, job);
  for (;;) {
    size_t at = job.len - reader.rest.len;
    if (!jg_wire_next(&reader, &field)) {
      return !reader.failed;
    }
    const struct jg_member *member = jg_entity_member_by_number(entity, field.number);
    bool own = member != NULL && !is_appended(member);
    if (own) {
      ret_apart->here |= UINT64_C(1) << member->index;
    } else if (!behind) {
      behind = true;
      ret_apart->parts.payload = jg_str_sub(job, 0, at);
    }
    if (own && behind) {
      return false;  // The encoder writes no such thing.
    }
    if (member != NULL && !own && !take_appended(printer, member, field.bytes, ret_apart)) {
      return false;
    }
  }
}

static void print_members(struct jg_rest_job_printer *printer, const struct apart *apart, uint64_t members,
                          struct jg_buf *out) {
  jg_json_encode_members(printer->style->json, &apart->parts, JG_STR_NONE, members, out);
}

bool jg_rest_print_job(struct jg_rest_job_printer *printer, struct jg_str job, bool deleted, struct jg_buf *out) {
  const uint64_t id = UINT64_C(1) << JG_JOB_ID;
  struct apart apart;
  if (!take_apart(printer, job, &apart)) {
    return false;
  }
  if (deleted || (apart.here == id && !printer->style->some)) {
    // Every stored job has its dates: bytes without them are one that was too large.
    print_members(printer, &apart, id, out);
  } else if (printer->style->some) {
    print_members(printer, &apart, printer->style->members, out);
  } else {
    jg_json_encode(printer->style->json, &apart.parts, JG_STR_NONE, apart.nodes, out);
  }
  return true;
}

bool jg_rest_print_before(struct jg_rest_job_printer *printer, struct jg_str job, struct jg_buf *out) {
  struct apart apart;
  if (!take_apart(printer, job, &apart)) {
    return false;
  }
  print_members(printer, &apart, apart.here, out);
  return true;
}

/* The id of encoded bytes, as {"id":"..."}. */
static void print_id(const struct jg_rest_job_printer *printer, const struct jg_entity *entity, struct jg_str proto,
                     struct jg_buf *out) {
  const struct jg_parts parts = {.entity = entity, .payload = proto};
  jg_json_encode_members(printer->style->json, &parts, JG_STR_NONE, UINT64_C(1) << entity->id_member, out);
}

bool jg_rest_print_entity(struct jg_rest_job_printer *printer, struct jg_str any_entity, bool deleted,
                          const struct jg_entity **ret_entity, struct jg_buf *out) {
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  jg_wire_reader_init(&reader, any_entity);
  // The number of a field is that of its kind (entity_service.proto).
  if (!jg_wire_next(&reader, &field) || field.number >= JG_KIND_COUNT || field.type != JG_WIRE_LEN) {
    return false;
  }
  const struct jg_entity *entity = jg_entity((enum jg_kind)field.number);
  *ret_entity = entity;
  jg_buf_printf(out, ",\"entity_kind\":\"%.*s\",\"entity\":", JG_STR_ARG(entity->name));
  if (deleted) {
    print_id(printer, entity, field.bytes, out);
    return true;
  }
  struct jg_str json = print_whole(printer, entity, field.bytes);
  jg_buf_append_str(out, json);
  return json.data != NULL;
}
