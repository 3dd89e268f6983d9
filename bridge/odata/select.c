#include "bridge/odata/select.h"

/* Of a name that is quoted in a message. */
#define QUOTED_BYTES_MAX 40u

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

uint64_t jg_odata_nodes(const struct jg_entity *entity) {
  uint64_t nodes = 0;
  for (size_t i = 0; i < entity->member_count; i++) {
    nodes |= (uint64_t)(entity->members[i].type == JG_TYPE_ENTITY) << i;
  }
  return nodes;
}

static struct jg_status unknown(const struct jg_entity *entity, struct jg_str name, struct jg_arena *arena) {
  char quoted[QUOTED_BYTES_MAX + 1];
  return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                          "The query specified in the URI is not valid. Could not find a property named '%s' on type "
                          "'%.*s'.",
                          quotable(name, quoted), JG_STR_ARG(entity->name));
}

/* One name of the list. stops: what ends a name and begins what is not built. */
static struct jg_status find(struct jg_str item, const char *option, const char *stops, const struct jg_entity *entity,
                             struct jg_arena *arena, const struct jg_member **ret_member) {
  size_t len = 0;
  while (len < item.len && strchr(stops, item.data[len]) == NULL) {
    len++;
  }
  struct jg_str name = jg_str_trim(jg_str_sub(item, 0, len));
  const struct jg_member *member = jg_entity_member(entity, name);
  if (name.len == 0) {
    return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, option,
                           "must be names between commas");
  }
  if (member == NULL || !jg_str_equal(member->name, name)) {
    return unknown(entity, name, arena);
  }
  if (len < item.len || (member->flags & JG_MEMBER_EXPAND_ONLY) != 0) {
    return jg_status_field(arena, JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, option, "of %.*s%s is not built yet",
                           JG_STR_ARG(name), len < item.len ? " with a path or options" : "");
  }
  *ret_member = member;
  return JG_STATUS_OK;
}

struct jg_status jg_odata_select_parse(struct jg_str text, const struct jg_entity *entity, struct jg_arena *arena,
                                       struct jg_odata_selection *ret_selection) {
  struct jg_odata_selection selection = {.members = 0};
  struct jg_str rest = text;
  do {
    struct jg_str item = jg_str_trim(jg_str_cut(rest, ',', &rest));
    if (jg_str_equal(item, JG_STR("*"))) {
      selection.all = true;
      continue;
    }
    const struct jg_member *member = NULL;
    JG_RETURN_IF_ERROR(find(item, "$select", "/(", entity, arena, &member));
    selection.members |= UINT64_C(1) << member->index;
  } while (rest.data != NULL);
  *ret_selection = selection;
  return JG_STATUS_OK;
}

struct jg_status jg_odata_expand_parse(struct jg_str text, const struct jg_entity *entity, struct jg_arena *arena,
                                       uint64_t *ret_nodes) {
  uint64_t nodes = 0;
  // Options in parentheses hold commas themselves; what stands before the first one is read all the same.
  struct jg_str rest = text;
  do {
    struct jg_str item = jg_str_trim(jg_str_cut(rest, ',', &rest));
    const struct jg_member *member = NULL;
    JG_RETURN_IF_ERROR(find(item, "$expand", "/(", entity, arena, &member));
    JG_ASSERT(member != NULL);
    if (member->type != JG_TYPE_ENTITY) {
      return jg_status_field(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "$expand",
                             "must name embedded entities: %.*s is none", JG_STR_ARG(member->name));
    }
    nodes |= UINT64_C(1) << member->index;
  } while (rest.data != NULL);
  *ret_nodes = nodes;
  return JG_STATUS_OK;
}

void jg_odata_write_selection(const struct jg_entity *entity, const struct jg_odata_selection *selection,
                              struct jg_buf *out) {
  char before = '(';
  if (selection->all) {
    jg_buf_append_str(out, JG_STR("(*)"));
    return;
  }
  for (size_t i = 0; i < entity->member_count; i++) {
    if ((selection->members >> i & 1) != 0) {
      jg_buf_append_char(out, before);
      jg_buf_append_str(out, entity->members[i].name);
      before = ',';
    }
  }
  jg_buf_append_char(out, ')');
}
