#include "proto/codec/json_message.h"

#include "proto/codec/message.h"

/* Job, project, model, brand, sales organization: the schema is not recursive, so this is its height. */
#define DEPTH_MAX 5
#define NODE_BYTES_MAX (16u << 20)

struct frame {
  const struct jg_entity *entity;
  const ProtobufCMessage *message;
  struct jg_parts parts;
  struct jg_expanded expanded[JG_RELATIONS_MAX];
  uint8_t relation; /* the next one to look at */
};

static struct jg_status out_of_arena(void) {
  return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the message is too large to print");
}

static void begin(struct frame *frame, const struct jg_entity *entity, const ProtobufCMessage *message) {
  *frame = (struct frame){.entity = entity, .message = message, .parts = {.entity = entity}};
}

/* The relation's key as the message has it; its node's JSON comes later. False if neither is there. */
static bool begin_relation(struct frame *frame, const struct jg_relation *relation, ProtobufCMessage **ret_node) {
  *ret_node = relation->node_member == JG_NO_INDEX
                  ? NULL
                  : jg_member_node(frame->message, &frame->entity->members[relation->node_member]);
  struct jg_expanded *expanded = &frame->expanded[frame->relation];
  if (relation->key_member != JG_NO_INDEX) {
    expanded->key = jg_member_str(frame->message, &frame->entity->members[relation->key_member]);
  }
  return *ret_node != NULL || expanded->key.len > 0;
}

struct jg_status jg_json_encode_message(const struct jg_json_style *style, const struct jg_entity *entity,
                                        const ProtobufCMessage *message, struct jg_arena *arena, struct jg_buf *out) {
  struct frame stack[DEPTH_MAX];
  size_t depth = 0;
  begin(&stack[0], entity, message);
  for (;;) {
    struct frame *top = &stack[depth];
    if (top->relation < top->entity->relation_count) {
      const struct jg_relation *relation = &top->entity->relations[top->relation];
      ProtobufCMessage *node;
      if (begin_relation(top, relation, &node)) {
        top->parts.relations[top->relation] = &top->expanded[top->relation];
      }
      if (node != NULL) {
        JG_ASSERT(depth + 1 < DEPTH_MAX);
        begin(&stack[++depth], jg_entity(relation->target), node);
      } else {
        top->relation++;
      }
      continue;
    }
    top->parts.payload = jg_message_pack_payload(top->entity, top->message, arena);
    if (top->parts.payload.data == NULL) {
      return out_of_arena();
    }
    if (depth == 0) {
      jg_json_encode(style, &top->parts, JG_STR_NONE, true, out);
      return out->failed ? out_of_arena() : JG_STATUS_OK;
    }
    struct jg_buf json;
    jg_buf_init(&json, NODE_BYTES_MAX);
    jg_json_encode(style, &top->parts, JG_STR_NONE, true, &json);
    struct jg_str text = json.failed ? JG_STR_NONE : jg_arena_str(arena, jg_buf_str(&json));
    jg_buf_done(&json);
    if (text.data == NULL) {
      return out_of_arena();
    }
    struct frame *parent = &stack[--depth];
    parent->expanded[parent->relation++].json = text;
  }
}
