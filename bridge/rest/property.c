// One member of an entity (OData 4.0 part 1 sections 11.2.3 and 11.2.6, part 2 section 4.6). It is cut out of the entity's JSON,
// so that it shows what the entity shows.

#include "base/utf8.h"
#include "bridge/odata/cut.h"
#include "bridge/rest/rest_internal.h"

#define JOB_BYTES_MAX (64u << 20)

static uint32_t hex(struct jg_str text, size_t at) {
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; i++) {
    char c = text.data[i];
    value = value * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

/* Appends what an escape of our own encoder means; at: of the character behind its backslash. Returns the index behind it. */
static size_t unescape(struct jg_str text, size_t at, struct jg_buf *out) {
  static const char short_forms[] = "b\bf\fn\nr\rt\t";
  char c = text.data[at];
  if (c != 'u') {
    const char *form = strchr(short_forms, c);
    jg_buf_append(out, form != NULL ? form + 1 : text.data + at, 1);
    return at + 1;
  }
  uint32_t point = hex(text, at + 1);
  at += 5;
  if (point >= 0xd800 && point < 0xdc00) {
    point = 0x10000 + ((point - 0xd800) << 10) + (hex(text, at + 2) - 0xdc00);
    at += 6;
  }
  char bytes[4];
  jg_buf_append(out, bytes, jg_utf8_put(point, bytes));
  return at;
}

static void append_raw(struct jg_str value, struct jg_buf *out) {
  if (value.data[0] != '"') {
    jg_buf_append_str(out, value);
    return;
  }
  size_t at = 1;
  while (at + 1 < value.len) {
    if (value.data[at] == '\\') {
      at = unescape(value, at + 1, out);
    } else {
      jg_buf_append_char(out, value.data[at++]);
    }
  }
}

/* The JSON of an embedded entity; data NULL: it is not there. */
static struct jg_str related(const struct jg_parts *parts, const struct jg_member *member) {
  bool parent = (member->flags & JG_MEMBER_EXPAND_ONLY) != 0;
  const struct jg_expanded *expanded = parent ? parts->parent : parts->relations[member->relation];
  return expanded != NULL && expanded->json.len != 0 ? expanded->json : JG_STR_NONE;
}

/* The set that has the entity's canonical URL. */
static struct jg_str set_of(const struct jg_entity *entity) {
  return entity->kind == JG_KIND_PARENT_JOB ? jg_entity(JG_KIND_JOB)->entity_set : entity->entity_set;
}

/* An embedded entity by itself (OData 4.0 part 1 section 11.2.6): as its own set shows it. */
static void write_related(struct jg_arena *arena, const struct jg_rest_call *call, struct jg_str json,
                          struct jg_buf *out) {
  const struct jg_entity *entity = jg_entity((enum jg_kind)call->property->target);
  struct jg_str set = set_of(entity);
  const struct jg_odata_shape *tree = call->shape.tree;
  if (tree == NULL) {
    const struct jg_odata_wish wish = {.select = JG_STR_NONE, .expand = JG_STR_NONE, .embed = call->rest->embed};
    out->failed = out->failed || !jg_status_ok(jg_odata_shape_parse(&wish, entity, arena, &tree));
  }
  struct jg_buf context, text;
  jg_buf_init(&context, 64u << 10);
  jg_buf_init(&text, JOB_BYTES_MAX);
  if (!out->failed) {
    jg_buf_printf(&context, "%.*s/$metadata#%.*s", JG_STR_ARG(call->base), JG_STR_ARG(set));
    jg_odata_write_selection(tree, &context);
    jg_buf_append_str(&context, JG_STR("/$entity"));
    jg_odata_cut(json, tree, &text);
    jg_buf_append_str(out, JG_STR("{\"@odata.context\":"));
    jg_json_encode_string(call->rest->style->escape, jg_buf_str(&context), out);
    // Behind its brace; "{}" holds nothing that a comma could stand before.
    jg_buf_append_str(out, text.len > 2 ? JG_STR(",") : JG_STR(""));
    jg_buf_append_str(out, jg_str_sub(jg_buf_str(&text), 1, text.len));
  }
  out->failed = out->failed || text.failed || context.failed;
  jg_buf_done(&text);
  jg_buf_done(&context);
}

/* Who holds a value, for its context URL: the entity's canonical URL (OData 4.0 part 1 section 10, "Property Value"). */
struct holder {
  const struct jg_entity *entity;
  struct jg_str id;
};

static void write_value(const struct jg_rest_call *call, const struct holder *holder, struct jg_str text,
                        struct jg_buf *out) {
  struct jg_buf context;
  if (call->raw) {
    append_raw(text, out);
    return;
  }
  jg_buf_init(&context, 64u << 10);
  jg_buf_printf(&context, "%.*s/$metadata#%.*s(%.*s)/%.*s", JG_STR_ARG(call->base), JG_STR_ARG(set_of(holder->entity)),
                JG_STR_ARG(holder->id), JG_STR_ARG(call->property->name));
  jg_buf_append_str(out, JG_STR("{\"@odata.context\":"));
  jg_json_encode_string(call->rest->style->escape, jg_buf_str(&context), out);
  jg_buf_append_str(out, JG_STR(",\"value\":"));
  jg_buf_append_str(out, text);
  jg_buf_append_char(out, '}');
  out->failed = out->failed || context.failed;
  jg_buf_done(&context);
}

/* A member of the entity that the way leads to. What should stand in an entity that is not there is null, as in $filter. */
static bool write_below(struct jg_rest_call *call, const struct jg_parts *parts, struct jg_buf *out) {
  const struct jg_rest_way *way = &call->way;
  struct jg_str json = related(parts, way->steps[0]);
  const struct jg_entity *entity = jg_entity((enum jg_kind)way->steps[0]->target);
  for (size_t i = 1; i < way->count && json.data != NULL; i++) {
    json = jg_odata_member_text(json, entity, way->steps[i]);
    entity = jg_entity((enum jg_kind)way->steps[i]->target);
  }
  struct jg_str text = json.data != NULL ? jg_odata_member_text(json, entity, call->property) : JG_STR_NONE;
  if (text.data == NULL) {
    return false;
  }
  if (call->property->type == JG_TYPE_ENTITY) {
    write_related(&call->call.arena, call, text, out);
    return true;
  }
  struct jg_str id = jg_odata_member_text(json, entity, &entity->members[entity->id_member]);
  JG_ASSERT(id.len >= 2);
  const struct holder holder = {entity, jg_str_sub(id, 1, id.len - 2)};  // Without its quotes.
  write_value(call, &holder, text, out);
  return true;
}

bool jg_rest_write_property(struct jg_rest_call *call, const struct jg_parts *parts, struct jg_str id,
                            struct jg_buf *out) {
  if (call->way.count > 0) {
    return write_below(call, parts, out);
  }
  if (call->property->type == JG_TYPE_ENTITY) {
    struct jg_str json = related(parts, call->property);
    if (json.data != NULL) {
      write_related(&call->call.arena, call, json, out);
    }
    return json.data != NULL;
  }
  struct jg_buf job;
  jg_buf_init(&job, JOB_BYTES_MAX);
  jg_json_encode(call->rest->style, parts, JG_STR_NONE, false, &job);
  if (job.failed) {
    out->failed = true;
  } else {
    const struct holder holder = {parts->entity, id};
    write_value(call, &holder, jg_odata_member_text(jg_buf_str(&job), parts->entity, call->property), out);
  }
  jg_buf_done(&job);
  return true;
}
