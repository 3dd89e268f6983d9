#include "proto/codec/json_encode.h"

#include "proto/codec/json_encode_internal.h"
#include "proto/codec/wire_walk.h"

/* Room that a member takes beside the bytes of its string: its key, and the longest value that is neither string nor list. */
#define VALUE_BYTES_MAX 48u
#define MEMBER_BYTES_MAX (JG_JSON_KEY_BYTES_MAX + VALUE_BYTES_MAX)
#define GROWTH_BYTES 1024u

#define CONTEXT_KEY "{\"@odata.context\":"

/* Where it writes to. Functions take the place p in the buffer and return the one behind what they wrote, or NULL when the
 * buffer is at its maximum. The room before `end` is promised to what is still to come, except for `spare` bytes: an
 * escape or a list takes from those, and growing adds to them. */
struct writer {
  char *end;
  size_t spare;
  struct jg_buf *out;
  enum jg_json_escape escape;
  enum jg_date_style date;
};

/* What is written of an entity. */
struct wanted {
  bool nodes;
  bool some;        /* `members` alone; else all */
  uint64_t members; /* bit i: member i */
};

static char *encode_all(struct writer *w, char *p, const struct jg_parts *parts, struct jg_str context, bool nodes);
static char *encode_some(struct writer *w, char *p, const struct jg_parts *parts, struct jg_str context,
                         uint64_t members);

/* What a job certainly needs, if its strings need no escapes. */
static size_t promised_bytes(const struct jg_parts *parts, struct jg_str context, bool nodes) {
  size_t bytes = sizeof(CONTEXT_KEY) + context.len + parts->payload.len + JG_JSON_BLOCK +
                 (size_t)parts->entity->member_count * MEMBER_BYTES_MAX;
  for (size_t i = 0; i < parts->entity->relation_count; i++) {
    if (parts->relations[i] != NULL) {
      bytes += parts->relations[i]->key.len + (nodes ? parts->relations[i]->json.len : 0);
    }
  }
  return bytes + (parts->parent != NULL ? parts->parent->json.len : 0);
}

/* False when the room that escapes may need is not there; nothing is then appended. */
static bool encode_into(const struct jg_json_style *style, const struct jg_parts *parts, struct jg_str context,
                        struct wanted wanted, struct jg_buf *out) {
  size_t spare = parts->payload.len / 4 + GROWTH_BYTES;
  size_t room = promised_bytes(parts, context, wanted.nodes) + spare;
  if (out->failed || room > out->bytes_max - out->len) {
    return false;
  }
  size_t from = out->len;
  char *p = jg_buf_reserve(out, room);
  struct writer w = {.end = p + room, .spare = spare, .out = out, .escape = style->escape, .date = style->date};
  p = wanted.some ? encode_some(&w, p, parts, context, wanted.members)
                  : encode_all(&w, p, parts, context, wanted.nodes);
  JG_ASSERT(p <= w.end);
  out->len = p != NULL ? (size_t)(p - out->data) : from;
  return p != NULL;
}

static void append(const struct jg_json_style *style, const struct jg_parts *parts, struct jg_str context,
                   struct wanted wanted, struct jg_buf *out) {
  if (JG_LIKELY(encode_into(style, parts, context, wanted, out)) || out->failed) {
    return;
  }
  // Near the buffer's maximum the generous room does not fit, though the text may. What is written here is bounded by
  // the payload.
  struct jg_buf text;
  jg_buf_init(&text, SIZE_MAX / 2);
  bool encoded = encode_into(style, parts, context, wanted, &text);
  JG_ASSERT(encoded);
  jg_buf_append_str(out, jg_buf_str(&text));
  jg_buf_done(&text);
}

void jg_json_encode(const struct jg_json_style *style, const struct jg_parts *parts, struct jg_str context, bool nodes,
                    struct jg_buf *out) {
  append(style, parts, context, (struct wanted){.nodes = nodes}, out);
}

void jg_json_encode_members(const struct jg_json_style *style, const struct jg_parts *parts, struct jg_str context,
                            uint64_t members, struct jg_buf *out) {
  append(style, parts, context, (struct wanted){.nodes = true, .some = true, .members = members}, out);
}

/* Short texts of ours, without a call. */
static inline char *put_text(char *p, const char *text, size_t len) {
  if (len >= 16) {
    for (size_t at = 0; at + 16 <= len; at += 16) {
      memcpy(p + at, text + at, 16);
    }
    memcpy(p + len - 16, text + len - 16, 16);
  } else if (len >= 8) {
    memcpy(p, text, 8);
    memcpy(p + len - 8, text + len - 8, 8);
  } else if (len >= 4) {
    memcpy(p, text, 4);
    memcpy(p + len - 4, text + len - 4, 4);
  } else {
    for (size_t i = 0; i < len; i++) {
      p[i] = text[i];
    }
  }
  return p + len;
}

#define PUT_LITERAL(p, literal) ((char *)memcpy(p, literal, sizeof(literal) - 1) + sizeof(literal) - 1)

/* Takes bytes from the spare room; the buffer grows if there are too few. */
static char *take_spare(struct writer *w, char *p, size_t bytes) {
  if (w->spare >= bytes) {
    w->spare -= bytes;
    return p;
  }
  size_t room = (size_t)(w->end - p) + bytes + GROWTH_BYTES;
  w->out->len = (size_t)(p - w->out->data);
  if (room > w->out->bytes_max - w->out->len) {
    return NULL;
  }
  p = jg_buf_reserve(w->out, room);
  w->end = p + room;
  w->spare += GROWTH_BYTES;
  return p;
}

/* A string, behind its quote, in which something may need an escape. */
static char *put_escaped(struct writer *w, char *p, struct jg_str s) {
  size_t bytes = jg_json_escaped_bytes(w->escape, s);
  p = take_spare(w, p, bytes - s.len);
  if (p == NULL) {
    return NULL;
  }
  p = jg_json_put_escaped(w->escape, s, p, w->end);
  return PUT_LITERAL(p, "\",");
}

/* With its quotes and a comma. readable: bytes from s.data on that may be read. */
static JG_ALWAYS_INLINE char *put_string_as(struct writer *w, enum jg_json_escape escape, char *p, struct jg_str s,
                                            size_t readable) {
  *p++ = '"';
  uint32_t special = 0;
  if (s.len >= JG_JSON_BLOCK) {
    size_t last = s.len - JG_JSON_BLOCK;
    for (size_t at = 0; at < last; at += JG_JSON_BLOCK) {
      special |= jg_json_copy_block(escape, s.data + at, p + at);
    }
    special |= jg_json_copy_block(escape, s.data + last, p + last);
  } else if (JG_LIKELY(readable >= JG_JSON_BLOCK)) {
    special = jg_json_copy_block(escape, s.data, p) & ((1u << s.len) - 1);
  } else if (s.len != 0) {
    char block[JG_JSON_BLOCK] = {0};
    memcpy(block, s.data, s.len);
    special = jg_json_copy_block(escape, block, p) & ((1u << s.len) - 1);
  }
  if (JG_UNLIKELY(special != 0)) {
    return put_escaped(w, p, s);
  }
  return PUT_LITERAL(p + s.len, "\",");
}

static JG_ALWAYS_INLINE char *put_string(struct writer *w, char *p, struct jg_str s, size_t readable) {
  return w->escape == JG_JSON_ESCAPE_JSON ? put_string_as(w, JG_JSON_ESCAPE_JSON, p, s, readable)
                                          : put_string_as(w, JG_JSON_ESCAPE_ODATA, p, s, readable);
}

static inline char *put_integer(char *p, int32_t value) {
  uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
  if (value < 0) {
    *p++ = '-';
  }
  char digits[10];
  size_t at = sizeof(digits);
  do {
    digits[--at] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  for (; at < sizeof(digits); at++) {
    *p++ = digits[at];
  }
  return p;
}

/* The ticks of a google.protobuf.Timestamp's bytes; what is no date counts as unset. */
static inline int64_t timestamp_ticks(struct jg_str bytes) {
  struct jg_wire_walk walk;
  jg_wire_walk_start(&walk, bytes);
  uint64_t seconds = jg_wire_walk_find(&walk, 1, JG_WIRE_VARINT) ? jg_wire_walk_take_varint(&walk) : 0;
  uint64_t nanos = jg_wire_walk_find(&walk, 2, JG_WIRE_VARINT) ? jg_wire_walk_take_varint(&walk) : 0;
  int64_t ticks = 0;
  return jg_date_from_timestamp((int64_t)seconds, (int32_t)(uint32_t)nanos, &ticks) ? ticks : JG_TICKS_UNSET;
}

static char *put_date(struct writer *w, char *p, int64_t ticks) {
  *p++ = '"';
  p += jg_date_format(ticks, w->date, p);
  return PUT_LITERAL(p, "\",");
}

static char *put_decimal(struct writer *w, char *p, double value) {
  char text[JG_JSON_DECIMAL_MAX];
  size_t len = jg_json_put_decimal(value, text);
  if (len > VALUE_BYTES_MAX - 1) {
    p = take_spare(w, p, len);
    if (p == NULL) {
      return NULL;
    }
  }
  memcpy(p, text, len);
  p[len] = ',';
  return p + len + 1;
}

/* A member that is neither entity nor list, with its key. Absent: the default. */
static JG_ALWAYS_INLINE char *put_scalar(struct writer *w, char *p, const struct jg_member *member,
                                         struct jg_wire_walk *walk) {
  uint32_t number = member->number;
  p = put_text(p, member->json_key.data, member->json_key.len);
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
    case JG_TYPE_GUID: {
      struct jg_str s = jg_wire_walk_find(walk, number, JG_WIRE_LEN) ? jg_wire_walk_take_bytes(walk) : JG_STR_NONE;
      if (s.len != 0) {
        return put_string(w, p, s, (size_t)(walk->end - (const unsigned char *)s.data));
      }
      return member->type == JG_TYPE_GUID ? PUT_LITERAL(p, "\"00000000-0000-0000-0000-000000000000\",")
                                          : PUT_LITERAL(p, "\"\",");
    }
    case JG_TYPE_INTEGER: {
      uint64_t value = jg_wire_walk_find(walk, number, JG_WIRE_VARINT) ? jg_wire_walk_take_varint(walk) : 0;
      p = put_integer(p, (int32_t)(uint32_t)value);
      *p++ = ',';
      return p;
    }
    case JG_TYPE_BOOL: {
      uint64_t value = jg_wire_walk_find(walk, number, JG_WIRE_VARINT) ? jg_wire_walk_take_varint(walk) : 0;
      return value != 0 ? PUT_LITERAL(p, "true,") : PUT_LITERAL(p, "false,");
    }
    case JG_TYPE_DATE: {
      bool present = jg_wire_walk_find(walk, number, JG_WIRE_LEN);
      return put_date(w, p, present ? timestamp_ticks(jg_wire_walk_take_bytes(walk)) : JG_TICKS_UNSET);
    }
    case JG_TYPE_DECIMAL: {
      uint64_t bits = jg_wire_walk_find(walk, number, JG_WIRE_FIXED64) ? jg_wire_walk_take_fixed64(walk) : 0;
      return put_decimal(w, p, jg_wire_double(bits));
    }
    default:
      JG_ASSERT(false);  // Entities and lists do not come here.
      return NULL;
  }
}

/* The comma behind the last member becomes the brace. */
static char *close_object(char *p) {
  JG_ASSERT(p[-1] == ',');
  p[-1] = '}';
  return p;
}

/* Items hold scalars alone, as the schema's test asserts. */
JG_NEVER_INLINE static char *put_item(struct writer *w, char *p, const struct jg_entity *entity, struct jg_str bytes) {
  struct jg_wire_walk walk;
  jg_wire_walk_start(&walk, bytes);
  *p++ = '{';
  for (size_t i = 0; i < entity->member_count; i++) {
    p = put_scalar(w, p, &entity->members[i], &walk);
    if (p == NULL) {
      return NULL;
    }
  }
  return close_object(p);
}

static inline char *put_list(struct writer *w, char *p, const struct jg_member *member, struct jg_wire_walk *walk) {
  const struct jg_entity *target = jg_entity((enum jg_kind)member->target);
  JG_ASSERT(target != NULL);
  p = put_text(p, member->json_key.data, member->json_key.len);
  *p++ = '[';
  bool any = false;
  for (; jg_wire_walk_find(walk, member->number, JG_WIRE_LEN); any = true) {
    struct jg_str item = jg_wire_walk_take_bytes(walk);
    p = take_spare(w, p, (size_t)target->member_count * MEMBER_BYTES_MAX + 2);
    p = p != NULL ? put_item(w, p, target, item) : NULL;
    if (p == NULL) {
      return NULL;
    }
    *p++ = ',';
  }
  return PUT_LITERAL(p - any, "],");
}

static char *put_node(char *p, const struct jg_member *member, struct jg_str json) {
  p = put_text(p, member->json_key.data, member->json_key.len);
  memcpy(p, json.data, json.len);
  p[json.len] = ',';
  return p + json.len + 1;
}

static char *put_key(struct writer *w, char *p, const struct jg_member *member, const struct jg_expanded *expanded) {
  struct jg_str key = expanded != NULL ? expanded->key : JG_STR_NONE;
  return put_string(w, put_text(p, member->json_key.data, member->json_key.len), key, key.len);
}

static const struct jg_expanded *relation_of(const struct jg_parts *parts, const struct jg_member *member) {
  JG_ASSERT(member->relation < parts->entity->relation_count);
  return parts->relations[member->relation];
}

/* The embedded entity that stands in a member's place; NULL: none. The parent job comes only where members are named. */
static JG_ALWAYS_INLINE const struct jg_expanded *node_of(const struct jg_parts *parts, const struct jg_member *member,
                                                          bool nodes, bool some) {
  if ((member->flags & JG_MEMBER_EXPAND_ONLY) != 0) {
    return some ? parts->parent : NULL;
  }
  return nodes ? relation_of(parts, member) : NULL;
}

/* Inlined twice: what writes all members asks nothing about each. One loop over all types is the hot path, so it stays whole. */
// NOLINTNEXTLINE(readability-function-size)
static JG_ALWAYS_INLINE char *encode(struct writer *w, char *p, const struct jg_parts *parts, struct jg_str context,
                                     bool nodes, bool some, uint64_t members) {
  struct jg_wire_walk walk;
  jg_wire_walk_start(&walk, parts->payload);
  if (context.data != NULL) {
    p = put_string(w, PUT_LITERAL(p, CONTEXT_KEY), context, context.len);
  } else {
    *p++ = '{';
  }
  const struct jg_member *member = parts->entity->members;
  const struct jg_member *end = member + parts->entity->member_count;
  for (; member < end && p != NULL; member++) {
    if (some && (members >> member->index & 1) == 0) {
      continue;
    }
    if (member->type == JG_TYPE_ENTITY) {
      const struct jg_expanded *expanded = node_of(parts, member, nodes, some);
      if (expanded != NULL && expanded->json.len != 0) {
        p = put_node(p, member, expanded->json);
      }
    } else if ((member->flags & JG_MEMBER_DERIVED_KEY) != 0) {
      p = put_key(w, p, member, relation_of(parts, member));
    } else if (member->type == JG_TYPE_ENTITY_LIST) {
      p = put_list(w, p, member, &walk);
    } else {
      p = put_scalar(w, p, member, &walk);
    }
  }
  if (p == NULL) {
    return NULL;
  }
  // Nothing that was asked for may be there.
  return some && p[-1] == '{' ? PUT_LITERAL(p, "}") : close_object(p);
}

JG_HOT static char *encode_all(struct writer *w, char *p, const struct jg_parts *parts, struct jg_str context,
                               bool nodes) {
  return encode(w, p, parts, context, nodes, false, 0);
}

JG_NEVER_INLINE static char *encode_some(struct writer *w, char *p, const struct jg_parts *parts, struct jg_str context,
                                         uint64_t members) {
  return encode(w, p, parts, context, true, true, members);
}
