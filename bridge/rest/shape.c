// What an answer shows of an entity (statements 3, 41 and 44).

#include "bridge/odata/cut.h"
#include "bridge/rest/rest_internal.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"

/* Of the embedded entities of one job, cut. */
#define CUT_BYTES_MAX (64u << 20)

/* Some embedded entity that comes is not whole. */
static bool is_cut(const struct jg_odata_shape *tree) {
  for (const struct jg_odata_shape *below = tree->below; below != NULL; below = below->beside) {
    if ((tree->members >> below->member & 1) != 0 && !below->whole) {
      return true;
    }
  }
  return false;
}

static uint64_t parent_member(const struct jg_entity *entity) {
  return entity->kind == JG_KIND_JOB ? UINT64_C(1) << JG_JOB_PARENT_JOB : 0;
}

struct jg_status jg_rest_shape_of(const struct jg_entity *entity, const struct jg_odata_query *query, bool embed,
                                  struct jg_arena *arena, struct jg_rest_shape *ret_shape) {
  const uint64_t parent = parent_member(entity);
  const uint64_t nodes = jg_odata_nodes(entity) & ~parent;
  if (query->select.data == NULL && query->expand.data == NULL) {
    *ret_shape = (struct jg_rest_shape){.nodes = embed && nodes != 0};
    return JG_STATUS_OK;
  }
  const struct jg_odata_wish wish = {query->select, query->expand, embed};
  struct jg_rest_shape shape = {.some = true};
  JG_RETURN_IF_ERROR(jg_odata_shape_parse(&wish, entity, arena, &shape.tree));
  shape.members = shape.tree->members;
  shape.nodes = (shape.members & nodes) != 0;
  shape.parent = (shape.members & parent) != 0;
  shape.cut = is_cut(shape.tree);
  // All members, with all embedded entities or none, is what the encoder does best.
  const uint64_t all = UINT64_MAX >> (JG_MEMBERS_MAX - entity->member_count) & ~parent;
  shape.some = shape.parent || shape.cut || (shape.members != all && shape.members != (all & ~nodes));
  *ret_shape = shape;
  return JG_STATUS_OK;
}

Google__Protobuf__FieldMask *jg_rest_mask_of(const struct jg_entity *entity, uint64_t members, struct jg_arena *arena) {
  Google__Protobuf__FieldMask *mask =
      (Google__Protobuf__FieldMask *)jg_message_new(&google__protobuf__field_mask__descriptor, arena);
  char **paths = jg_arena_alloc(arena, entity->member_count * sizeof(*paths));
  if (mask == NULL || paths == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < entity->member_count; i++) {
    if (members >> i & 1) {
      struct jg_str path = jg_arena_str(arena, entity->members[i].proto_name);
      if (path.data == NULL) {
        return NULL;
      }
      paths[mask->n_paths++] = (char *)path.data;
    }
  }
  mask->paths = paths;
  return mask;
}

/* An embedded entity that is to be cut: where it stands in the text, and who refers to it. */
struct piece {
  const struct jg_expanded **place;
  struct jg_expanded expanded;
  size_t from, to;
};

/* Cuts what *place refers to, if the tree says so. */
static size_t cut_one(const struct jg_odata_shape *tree, uint8_t member, const struct jg_expanded **place,
                      struct jg_buf *text, struct piece *piece) {
  const struct jg_odata_shape *below = member != JG_NO_INDEX ? jg_odata_shape_below(tree, member) : NULL;
  bool shown = below != NULL && (tree->members >> member & 1) != 0 && !below->whole;
  if (!shown || *place == NULL || (*place)->json.len == 0) {
    return 0;
  }
  *piece = (struct piece){.place = place, .expanded = **place, .from = text->len};
  jg_odata_cut((*place)->json, below, text);
  piece->to = text->len;
  return 1;
}

static void write_cut(const struct jg_rest_call *call, const struct jg_parts *whole, struct jg_str context,
                      struct jg_buf *out) {
  const struct jg_odata_shape *tree = call->shape.tree;
  struct jg_parts parts = *whole;
  struct piece pieces[JG_RELATIONS_MAX + 1];
  size_t count = 0;
  struct jg_buf text;
  jg_buf_init(&text, CUT_BYTES_MAX);
  for (size_t r = 0; r < parts.entity->relation_count; r++) {
    count += cut_one(tree, parts.entity->relations[r].node_member, &parts.relations[r], &text, &pieces[count]);
  }
  count += cut_one(tree, JG_JOB_PARENT_JOB, &parts.parent, &text, &pieces[count]);
  // The text has moved while it grew.
  for (size_t i = 0; i < count && !text.failed; i++) {
    pieces[i].expanded.json = jg_str_make(text.data + pieces[i].from, pieces[i].to - pieces[i].from);
    *pieces[i].place = &pieces[i].expanded;
  }
  out->failed = out->failed || text.failed;
  jg_json_encode_members(call->rest->style, &parts, context, call->shape.members, out);
  jg_buf_done(&text);
}

void jg_rest_write_shaped(const struct jg_rest_call *call, const struct jg_parts *parts, struct jg_str context,
                          bool nodes, struct jg_buf *out) {
  if (call->shape.cut) {
    write_cut(call, parts, context, out);
  } else if (call->shape.some) {
    jg_json_encode_members(call->rest->style, parts, context, call->shape.members, out);
  } else {
    jg_json_encode(call->rest->style, parts, context, nodes, out);
  }
}
