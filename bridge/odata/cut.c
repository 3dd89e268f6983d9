#include "bridge/odata/cut.h"

/* As deep as shapes are. */
#define DEPTH_MAX 8u

/* Where it stands in the text of an entity. */
struct place {
  const struct jg_entity *entity;
  const struct jg_odata_shape *shape;
  size_t next; /* the first member that may come */
  bool any;    /* something was written of it */
};

/* Index behind the string that begins at `at`. A quote ends it unless an odd number of backslashes stands before. */
static size_t skip_string(struct jg_str json, size_t at) {
  JG_ASSERT(json.data[at] == '"');
  const char *begin = json.data + at + 1;
  const char *from = begin;
  for (;;) {
    const char *quote = memchr(from, '"', json.len - (size_t)(from - json.data));
    JG_ASSERT(quote != NULL);
    const char *p = quote;
    while (p > begin && p[-1] == '\\') {
      p--;
    }
    if ((quote - p) % 2 == 0) {
      return (size_t)(quote - json.data) + 1;
    }
    from = quote + 1;
  }
}

static bool opens(char c) {
  return c == '{' || c == '[';
}

static bool closes(char c) {
  return c == '}' || c == ']';
}

/* Index of the comma or bracket behind the value. */
static size_t skip_value(struct jg_str json, size_t at) {
  size_t depth = 0;
  do {
    char c = json.data[at];
    if (c == '"') {
      at = skip_string(json, at);
    } else {
      depth = depth + opens(c) - closes(c);
      at++;
    }
    JG_ASSERT(at < json.len);
  } while (depth > 0 || (json.data[at] != ',' && !closes(json.data[at])));
  return at;
}

/* The member whose name stands at `at`, behind what the place passed; moves on to its value. */
static const struct jg_member *next_member(struct place *place, struct jg_str json, size_t *at) {
  const struct jg_entity *entity = place->entity;
  for (;;) {
    JG_ASSERT(place->next < entity->member_count);
    const struct jg_member *member = &entity->members[place->next++];
    if (jg_str_starts_with(jg_str_sub(json, *at, json.len), member->json_key)) {
      *at += member->json_key.len;
      return member;
    }
  }
}

static void put_name(struct place *place, const struct jg_member *member, struct jg_buf *out) {
  if (place->any) {
    jg_buf_append_char(out, ',');
  }
  place->any = true;
  jg_buf_append_str(out, member->json_key);
}

void jg_odata_cut(struct jg_str json, const struct jg_odata_shape *shape, struct jg_buf *out) {
  struct place places[DEPTH_MAX] = {{.entity = shape->entity, .shape = shape}};
  size_t depth = 1, at = 1;
  JG_ASSERT(json.len >= 2 && json.data[0] == '{');
  jg_buf_append_char(out, '{');
  while (depth > 0) {
    struct place *place = &places[depth - 1];
    JG_ASSERT(at < json.len);
    // Behind the last member that is shown, the rest of the whole text need not be read.
    bool over = depth == 1 && place->next < JG_MEMBERS_MAX && place->shape->members >> place->next == 0;
    if (over || json.data[at] == '}') {
      jg_buf_append_char(out, '}');
      at++;
      depth--;
      continue;
    }
    at += json.data[at] == ',';
    const struct jg_member *member = next_member(place, json, &at);
    const struct jg_odata_shape *below = jg_odata_shape_below(place->shape, member->index);
    bool shown = (place->shape->members >> member->index & 1) != 0;
    if (shown && below != NULL && !below->whole) {
      JG_ASSERT(depth < DEPTH_MAX && json.data[at] == '{');
      put_name(place, member, out);
      jg_buf_append_char(out, '{');
      places[depth++] = (struct place){.entity = below->entity, .shape = below};
      at++;
      continue;
    }
    size_t end = skip_value(json, at);
    if (shown) {
      put_name(place, member, out);
      jg_buf_append_str(out, jg_str_sub(json, at, end - at));
    }
    at = end;
  }
}

struct jg_str jg_odata_member_text(struct jg_str json, const struct jg_entity *entity, const struct jg_member *member) {
  struct place place = {.entity = entity};
  size_t at = 1;
  JG_ASSERT(json.len >= 2 && json.data[0] == '{');
  while (json.data[at] != '}') {
    at += json.data[at] == ',';
    const struct jg_member *next = next_member(&place, json, &at);
    size_t end = skip_value(json, at);
    if (next->index >= member->index) {
      return next == member ? jg_str_sub(json, at, end - at) : JG_STR_NONE;
    }
    at = end;
  }
  return JG_STR_NONE;
}
