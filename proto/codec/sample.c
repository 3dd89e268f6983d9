#include "proto/codec/sample.h"

#include "proto/codec/json_decode.h"
#include "proto/codec/message.h"
#include "proto/codec/proto_encode.h"

#define EXPANDED_BYTES_MAX (1u << 20)

/* A message whose relations are being looked at. */
struct open {
  const struct jg_entity *entity;
  ProtobufCMessage *message;
  struct jg_parts parts;
  size_t relation; /* the next one */
};

static struct jg_str key_of(const struct open *open, const struct jg_relation *relation, const ProtobufCMessage *node) {
  const struct jg_entity *target = jg_entity((enum jg_kind)relation->target);
  if (node != NULL) {
    return jg_member_str(node, &target->members[target->key_member]);
  }
  return jg_member_str(open->message, &open->entity->members[relation->key_member]);
}

static struct jg_sample_node *add_node(struct jg_sample *sample, const struct open *open) {
  JG_ASSERT(sample->count < JG_SAMPLE_NODES_MAX);
  struct jg_sample_node *node = &sample->nodes[sample->count++];
  *node = (struct jg_sample_node){.parts = open->parts};
  node->parts.entity = open->entity;
  node->parts.payload = jg_message_pack_payload(open->entity, open->message, sample->arena);
  JG_ASSERT(node->parts.payload.data != NULL);
  jg_buf_init(&node->json, EXPANDED_BYTES_MAX);
  jg_buf_init(&node->proto, EXPANDED_BYTES_MAX);
  return node;
}

void jg_sample_init(struct jg_sample *sample, struct jg_str text, struct jg_arena *arena) {
  *sample = (struct jg_sample){.arena = arena};
  struct jg_json_decoded decoded = {0};
  struct open stack[8] = {{.entity = jg_entity(JG_KIND_JOB)}};
  struct jg_status status = jg_json_decode(stack[0].entity, text, arena, &decoded);
  JG_ASSERT(jg_status_ok(status));
  stack[0].message = decoded.message;
  for (size_t depth = 1; depth > 0;) {
    struct open *open = &stack[depth - 1];
    if (open->relation == open->entity->relation_count) {
      struct jg_sample_node *node = add_node(sample, open);
      depth--;
      if (depth > 0) {
        struct open *parent = &stack[depth - 1];
        const struct jg_relation *relation = &parent->entity->relations[parent->relation];
        node->expanded.key = key_of(parent, relation, open->message);
        parent->parts.relations[parent->relation++] = &node->expanded;
      }
      continue;
    }
    const struct jg_relation *relation = &open->entity->relations[open->relation];
    ProtobufCMessage *message = relation->node_member != JG_NO_INDEX
                                    ? jg_member_node(open->message, &open->entity->members[relation->node_member])
                                    : NULL;
    if (message != NULL) {
      stack[depth++] = (struct open){.entity = jg_entity((enum jg_kind)relation->target), .message = message};
      continue;
    }
    if (relation->key_member != JG_NO_INDEX) {
      JG_ASSERT(sample->key_count < JG_SAMPLE_NODES_MAX);
      struct jg_expanded *key = &sample->keys[sample->key_count++];
      key->key = key_of(open, relation, NULL);
      open->parts.relations[open->relation] = key;
    }
    open->relation++;
  }
}

void jg_sample_done(struct jg_sample *sample) {
  for (size_t i = 0; i < sample->count; i++) {
    jg_buf_done(&sample->nodes[i].json);
    jg_buf_done(&sample->nodes[i].proto);
  }
  sample->count = 0;
}

void jg_sample_expand(struct jg_sample *sample, const struct jg_json_style *style) {
  for (size_t i = 0; i + 1 < sample->count; i++) {
    struct jg_sample_node *node = &sample->nodes[i];
    jg_buf_clear(&node->json);
    jg_buf_clear(&node->proto);
    jg_json_encode(style, &node->parts, JG_STR_NONE, true, &node->json);
    jg_proto_encode(&node->parts, true, &node->proto);
    JG_ASSERT(!node->json.failed && !node->proto.failed);
    node->expanded.json = jg_buf_str(&node->json);
    node->expanded.proto = jg_buf_str(&node->proto);
  }
}

const struct jg_parts *jg_sample_job_parts(const struct jg_sample *sample) {
  JG_ASSERT(sample->count > 0);
  return &sample->nodes[sample->count - 1].parts;
}

struct jg_str jg_sample_compact(struct jg_str text, struct jg_arena *arena) {
  char *out = jg_arena_alloc(arena, text.len);
  JG_ASSERT(out != NULL);
  size_t len = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (in_string && c == '\\') {
      out[len++] = c;
      out[len++] = text.data[++i];
      continue;
    }
    in_string = in_string != (c == '"');
    if (in_string || (c != ' ' && c != '\n' && c != '\r' && c != '\t')) {
      out[len++] = c;
    }
  }
  return jg_str_make(out, len);
}
