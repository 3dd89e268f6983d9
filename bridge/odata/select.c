#include "bridge/odata/select.h"

/* Of a name that is quoted in a message. */
#define QUOTED_BYTES_MAX 40u
/* The schema's kinds stand at most 5 deep in each other, and none in itself. */
#define DEPTH_MAX 8u

/* Expand options of OData 4.0 (part 1 section 11.2.4.2.1), and $compute, which clients of 4.01 send. */
static const char *const options_not_built[] = {
    "$filter", "$orderby", "$top", "$skip", "$count", "$search", "$levels", "$compute",
};

struct parser {
  struct jg_arena *arena;
  bool embed;
  struct jg_odata_shape *shapes[JG_ODATA_SHAPES_MAX]; /* each behind the one above it */
  size_t shape_count;
};

/* For a message: capped, and nothing but printable ASCII. */
static const char *quotable(struct jg_str name, char out[QUOTED_BYTES_MAX + 1]) {
  size_t len = name.len < QUOTED_BYTES_MAX ? name.len : QUOTED_BYTES_MAX;
  for (size_t i = 0; i < len; i++) {
    bool plain = name.data[i] >= ' ' && name.data[i] < 0x7f;
    out[i] = '?';
    if (plain) {
      out[i] = name.data[i];
    }
  }
  out[len] = '\0';
  return out;
}

static inline uint64_t bit(const struct jg_member *member) {
  JG_ASSERT(member != NULL);
  return UINT64_C(1) << member->index;
}

static uint64_t all_members(const struct jg_entity *entity) {
  JG_ASSERT(entity->member_count > 0 && entity->member_count <= JG_MEMBERS_MAX);
  return UINT64_MAX >> (JG_MEMBERS_MAX - entity->member_count);
}

uint64_t jg_odata_nodes(const struct jg_entity *entity) {
  uint64_t nodes = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    nodes |= (uint64_t)(entity->members[i].type == JG_TYPE_ENTITY) << i;
  }
  return nodes;
}

/* The members that come by $expand alone. */
static uint64_t expand_only(const struct jg_entity *entity) {
  uint64_t members = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    members |= (uint64_t)((entity->members[i].flags & JG_MEMBER_EXPAND_ONLY) != 0) << i;
  }
  return members;
}

/* ---- errors ---- */

static struct jg_status invalid(const struct parser *parser, const char *option, const char *what, struct jg_str name) {
  char quoted[QUOTED_BYTES_MAX + 1];
  return jg_status_field(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, option, what,
                         quotable(name, quoted));
}

static struct jg_status not_built(const struct parser *parser, const char *option, struct jg_str name,
                                  const char *what) {
  char quoted[QUOTED_BYTES_MAX + 1];
  return jg_status_field(parser->arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, option, "of %s with %s is not built yet",
                         quotable(name, quoted), what);
}

static struct jg_status unknown(const struct parser *parser, const struct jg_entity *entity, struct jg_str name) {
  char quoted[QUOTED_BYTES_MAX + 1];
  return jg_status_printf(parser->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                          "The query specified in the URI is not valid. Could not find a property named '%s' on type "
                          "'%.*s'.",
                          quotable(name, quoted), JG_STR_ARG(entity->name));
}

/* A parent holds no entities, though they are members of a job. */
static bool is_job_entity(const struct jg_entity *entity, struct jg_str name) {
  const struct jg_member *member =
      entity->kind == JG_KIND_PARENT_JOB ? jg_entity_member(jg_entity(JG_KIND_JOB), name) : NULL;
  return member != NULL && jg_str_equal(member->name, name) && member->type == JG_TYPE_ENTITY;
}

/* ---- the tree ---- */

static struct jg_odata_shape *find_below(const struct jg_odata_shape *shape, uint8_t member) {
  struct jg_odata_shape *below = shape->below;
  while (below != NULL && below->member != member) {
    below = below->beside;
  }
  return below;
}

const struct jg_odata_shape *jg_odata_shape_below(const struct jg_odata_shape *shape, uint8_t member) {
  return find_below(shape, member);
}

static struct jg_status add_shape(struct parser *parser, const struct jg_entity *entity,
                                  struct jg_odata_shape **ret_shape) {
  struct jg_odata_shape *shape = jg_arena_alloc_zero(parser->arena, sizeof(*shape));
  if (shape == NULL || parser->shape_count == JG_COUNT(parser->shapes)) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "$select and $expand name too much");
  }
  shape->entity = entity;
  parser->shapes[parser->shape_count++] = shape;
  *ret_shape = shape;
  return JG_STATUS_OK;
}

/* The shape of the entity in that member, made if there is none. */
static struct jg_status go_below(struct parser *parser, struct jg_odata_shape *shape, const struct jg_member *member,
                                 struct jg_odata_shape **ret_below) {
  struct jg_odata_shape *below = find_below(shape, member->index);
  if (below == NULL) {
    JG_RETURN_IF_ERROR(add_shape(parser, jg_entity((enum jg_kind)member->target), &below));
    below->member = member->index;
    below->beside = shape->below;
    shape->below = below;
  }
  *ret_below = below;
  return JG_STATUS_OK;
}

/* ---- text ---- */

/* Cuts *rest at the first separator outside parentheses and quotes (a string in a nested $filter); data NULL at the end. */
static struct jg_str next_item(struct jg_str *rest, char separator) {
  struct jg_str text = *rest;
  size_t depth = 0;
  bool quoted = false;
  *rest = JG_STR_NONE;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    quoted = quoted != (c == '\'');
    if (quoted) {
      continue;
    }
    if (c == '(') {
      depth++;
    } else if (c == ')' && depth > 0) {
      depth--;
    } else if (c == separator && depth == 0) {
      *rest = jg_str_sub(text, i + 1, text.len);
      return jg_str_trim(jg_str_sub(text, 0, i));
    }
  }
  return jg_str_trim(text);
}

static struct jg_status find(const struct parser *parser, const char *option, const struct jg_entity *entity,
                             struct jg_str name, const struct jg_member **ret_member) {
  const struct jg_member *member = jg_entity_member(entity, name);
  if (name.len == 0) {
    return invalid(parser, option, "must be names between commas", name);
  }
  if (is_job_entity(entity, name)) {
    return not_built(parser, option, JG_STR("_parent_job"), jg_entity_member(jg_entity(JG_KIND_JOB), name)->name.data);
  }
  if (member == NULL || !jg_str_equal(member->name, name)) {
    return unknown(parser, entity, name);
  }
  *ret_member = member;
  return JG_STATUS_OK;
}

/* ---- $select ---- */

static struct jg_status read_selected(struct parser *parser, struct jg_odata_shape *shape, struct jg_str item) {
  struct jg_str options, rest = jg_str_cut(item, '(', &options);
  do {
    const struct jg_member *member = NULL;
    struct jg_str name = jg_str_trim(jg_str_cut(rest, '/', &rest));
    if (jg_str_equal(name, JG_STR("*")) && rest.data == NULL && options.data == NULL) {
      shape->all = true;
      return JG_STATUS_OK;
    }
    JG_RETURN_IF_ERROR(find(parser, "$select", shape->entity, name, &member));
    shape->named |= bit(member);
    if (rest.data == NULL) {
      shape->bare |= bit(member);
      return options.data == NULL ? JG_STATUS_OK : not_built(parser, "$select", name, "options");
    }
    if (member->type == JG_TYPE_ENTITY_LIST) {
      return not_built(parser, "$select", name, "a path");
    }
    if (member->type != JG_TYPE_ENTITY) {
      return invalid(parser, "$select", "holds a path into %s, which has no members", name);
    }
    // A parent comes by $expand alone; a path into it is as good.
    shape->expanded |= (member->flags & JG_MEMBER_EXPAND_ONLY) != 0 ? bit(member) : 0;
    JG_RETURN_IF_ERROR(go_below(parser, shape, member, &shape));
    shape->selected = true;
  } while (true);
}

static struct jg_status read_select(struct parser *parser, struct jg_odata_shape *shape, struct jg_str text) {
  do {
    JG_RETURN_IF_ERROR(read_selected(parser, shape, next_item(&text, ',')));
  } while (text.data != NULL);
  shape->selected = true;
  return JG_STATUS_OK;
}

/* ---- $expand ---- */

/* name: of the entity that the options are about. */
static struct jg_status read_option(struct parser *parser, struct jg_odata_shape *shape, struct jg_str name,
                                    struct jg_str item) {
  struct jg_str value, option = jg_str_trim(jg_str_cut(item, '=', &value));
  struct jg_str *text = NULL;
  if (jg_str_equal(option, JG_STR("$select"))) {
    text = &shape->select_text;
  } else if (jg_str_equal(option, JG_STR("$expand"))) {
    text = &shape->expand_text;
  }
  if (text != NULL && (text->data != NULL || value.data == NULL)) {
    return invalid(parser, "$expand", "must give %s in parentheses once, with a value", option);
  }
  if (text != NULL) {
    *text = value;
    return JG_STATUS_OK;
  }
  for (size_t i = 0; i < JG_COUNT(options_not_built); i++) {
    if (jg_str_equal(option, jg_str_from_cstr(options_not_built[i]))) {
      return not_built(parser, "$expand", name, options_not_built[i]);
    }
  }
  return invalid(parser, "$expand", "holds '%s', which is no expand option", option);
}

/* The parenthesis that was opened before this text ends it. */
static bool is_closed(struct jg_str text) {
  size_t depth = 1;
  bool quoted = false;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    quoted = quoted != (c == '\'');
    if (quoted || (c != '(' && c != ')')) {
      continue;
    }
    depth = c == '(' ? depth + 1 : depth - 1;
    if (depth == 0) {
      return i + 1 == text.len;
    }
  }
  return false;
}

static struct jg_status read_options(struct parser *parser, struct jg_odata_shape *shape, struct jg_str name,
                                     struct jg_str options) {
  if (!is_closed(options)) {
    return invalid(parser, "$expand", "must end with the parenthesis that closes the options of %s", name);
  }
  if (shape->has_options) {
    return invalid(parser, "$expand", "must give the options of %s once", name);
  }
  shape->has_options = true;
  struct jg_str rest = jg_str_sub(options, 0, options.len - 1);
  do {
    JG_RETURN_IF_ERROR(read_option(parser, shape, name, next_item(&rest, ';')));
  } while (rest.data != NULL);
  return JG_STATUS_OK;
}

static struct jg_status find_expanded(const struct parser *parser, const struct jg_entity *entity, struct jg_str name,
                                      const struct jg_member **ret_member) {
  const struct jg_member *member = NULL;
  JG_RETURN_IF_ERROR(find(parser, "$expand", entity, name, &member));
  JG_ASSERT(member != NULL);
  if (member->type != JG_TYPE_ENTITY) {
    return invalid(parser, "$expand", "must name embedded entities: %s is none", name);
  }
  *ret_member = member;
  return JG_STATUS_OK;
}

static struct jg_status read_expanded(struct parser *parser, struct jg_odata_shape *shape, struct jg_str item) {
  struct jg_str options, rest = jg_str_cut(item, '(', &options);
  do {
    const struct jg_member *member = NULL;
    struct jg_str next, name = jg_str_trim(jg_str_cut(rest, '/', &rest));
    if (jg_str_equal(name, JG_STR("*"))) {
      shape->expanded |= jg_odata_nodes(shape->entity);
      return rest.data == NULL && options.data == NULL ? JG_STATUS_OK
                                                       : not_built(parser, "$expand", name, "a path or options");
    }
    JG_RETURN_IF_ERROR(find_expanded(parser, shape->entity, name, &member));
    JG_ASSERT(member != NULL);
    shape->expanded |= bit(member);
    next = jg_str_trim(rest);
    if (jg_str_equal(next, JG_STR("$ref")) || jg_str_equal(next, JG_STR("$count"))) {
      return not_built(parser, "$expand", name, next.data[1] == 'r' ? "$ref" : "$count");
    }
    if (rest.data != NULL || options.data != NULL) {
      JG_RETURN_IF_ERROR(go_below(parser, shape, member, &shape));
    }
    if (rest.data == NULL) {
      return options.data != NULL ? read_options(parser, shape, name, options) : JG_STATUS_OK;
    }
  } while (true);
}

static struct jg_status read_expand(struct parser *parser, struct jg_odata_shape *shape, struct jg_str text) {
  do {
    JG_RETURN_IF_ERROR(read_expanded(parser, shape, next_item(&text, ',')));
  } while (text.data != NULL);
  return JG_STATUS_OK;
}

/* ---- what follows ---- */

/* What is shown of one entity; those in it that nothing was said about may need a shape then. */
static struct jg_status show(struct parser *parser, struct jg_odata_shape *shape) {
  const struct jg_entity *entity = shape->entity;
  const uint64_t nodes = jg_odata_nodes(entity);
  shape->members = shape->named | shape->expanded;
  if (!shape->selected || shape->all) {
    shape->members |= parser->embed ? all_members(entity) : all_members(entity) & ~nodes;
  }
  shape->members &= ~expand_only(entity) | shape->expanded;
  for (struct jg_odata_shape *below = shape->below; below != NULL; below = below->beside) {
    // What is named as a whole, beside paths into it, is whole, unless options cut it.
    bool bare = (shape->bare >> below->member & 1) != 0;
    below->all = below->all || (bare && below->selected && !below->has_options);
  }
  for (size_t i = 0; i < entity->member_count && !parser->embed; i++) {
    struct jg_odata_shape *below = NULL;
    if ((shape->members & nodes) >> i & 1) {
      JG_RETURN_IF_ERROR(go_below(parser, shape, &entity->members[i], &below));
    }
  }
  return JG_STATUS_OK;
}

/* Those below are complete. */
static void complete(struct jg_odata_shape *shape) {
  shape->whole = shape->members == (all_members(shape->entity) & ~expand_only(shape->entity));
  shape->listed = shape->selected;
  for (const struct jg_odata_shape *below = shape->below; below != NULL; below = below->beside) {
    shape->whole = shape->whole && below->whole;
    shape->listed = shape->listed || below->listed;
  }
}

struct jg_status jg_odata_shape_parse(const struct jg_odata_wish *wish, const struct jg_entity *entity,
                                      struct jg_arena *arena, const struct jg_odata_shape **ret_shape) {
  struct parser parser = {.arena = arena, .embed = wish->embed};
  struct jg_odata_shape *root = NULL;
  JG_RETURN_IF_ERROR(add_shape(&parser, entity, &root));
  root->select_text = wish->select;
  root->expand_text = wish->expand;
  // Those below are made on the way, always behind what is above them.
  for (size_t i = 0; i < parser.shape_count; i++) {
    struct jg_odata_shape *shape = parser.shapes[i];
    if (shape->select_text.data != NULL) {
      JG_RETURN_IF_ERROR(read_select(&parser, shape, shape->select_text));
    }
    if (shape->expand_text.data != NULL) {
      JG_RETURN_IF_ERROR(read_expand(&parser, shape, shape->expand_text));
    }
  }
  for (size_t i = 0; i < parser.shape_count; i++) {
    JG_RETURN_IF_ERROR(show(&parser, parser.shapes[i]));
  }
  for (size_t i = parser.shape_count; i > 0; i--) {
    complete(parser.shapes[i - 1]);
  }
  *ret_shape = root;
  return JG_STATUS_OK;
}

/* ---- context ---- */

struct place {
  const struct jg_odata_shape *shape;
  size_t next; /* member to look at */
  char before; /* of the next name */
};

/* The next member of the list; NULL at its end. below: what is listed of it, or NULL. */
static const struct jg_member *next_listed(struct place *place, const struct jg_odata_shape **ret_below) {
  const struct jg_odata_shape *shape = place->shape;
  const uint64_t named = shape->all ? 0 : shape->named;
  while (place->next < shape->entity->member_count) {
    size_t i = place->next++;
    const struct jg_odata_shape *below = find_below(shape, (uint8_t)i);
    *ret_below = below != NULL && below->listed ? below : NULL;
    if ((named >> i & 1) != 0 || *ret_below != NULL) {
      return &shape->entity->members[i];
    }
  }
  return NULL;
}

static char put_before(char before, struct jg_str name, struct jg_buf *out) {
  jg_buf_append_char(out, before);
  jg_buf_append_str(out, name);
  return ',';
}

void jg_odata_write_selection(const struct jg_odata_shape *shape, struct jg_buf *out) {
  struct place places[DEPTH_MAX] = {{.shape = shape, .before = '('}};
  size_t depth = shape->listed ? 1 : 0;
  while (depth > 0) {
    struct place *place = &places[depth - 1];
    if (place->next == 0 && place->shape->all) {
      place->before = put_before(place->before, JG_STR("*"), out);
    }
    const struct jg_odata_shape *below = NULL;
    const struct jg_member *member = next_listed(place, &below);
    if (member == NULL) {
      jg_buf_append_char(out, ')');
      depth--;
      continue;
    }
    place->before = put_before(place->before, member->name, out);
    if (below != NULL) {
      JG_ASSERT(depth < DEPTH_MAX);
      places[depth++] = (struct place){.shape = below, .before = '('};
    }
  }
}
