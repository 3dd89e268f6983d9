#include "proto/codec/json_decode.h"

#include "proto/codec/date.h"
#include "proto/codec/json_number.h"
#include "proto/codec/json_reader.h"
#include "proto/codec/message_internal.h"

#define ITEMS_FIRST 8u
#define TICKS_PER_MILLISECOND (JG_TICKS_PER_SECOND / 1000)

/* One object that is being read, and the list in it if one is open. */
struct frame {
  const struct jg_entity *entity;
  ProtobufCMessage *message;
  const struct jg_member *list; /* NULL: none */
  ProtobufCMessage **items;
  size_t item_count, item_room;
  size_t element;     /* of the array, counting those that were refused */
  size_t next_member; /* the one behind the last that was named */
};

struct decode {
  struct jg_json_reader reader;
  struct jg_arena *arena;
  struct jg_violations violations;
  struct frame frames[JG_ENTITY_DEPTH_MAX];
  struct jg_path_step steps[JG_ENTITY_DEPTH_MAX]; /* how frames[i] hangs in frames[i - 1] */
  size_t depth;
  uint64_t present;
  uint64_t parent_nodes;
  uint8_t oddities_before; /* those of what stands before the value that is being read */
};

static struct jg_status read_object(struct decode *decode);
static struct jg_status finish(struct decode *decode);

struct jg_status jg_json_decode(const struct jg_entity *entity, struct jg_str text, struct jg_arena *arena,
                                struct jg_json_decoded *ret_decoded) {
  struct decode decode = {.arena = arena, .violations = {.arena = arena, .prefix = ""}};
  jg_json_reader_init(&decode.reader, text, arena);
  enum jg_json_token token = jg_json_next(&decode.reader);
  if (token == JG_JSON_ERROR) {
    return jg_json_reader_status(&decode.reader);
  }
  if (token != JG_JSON_OBJECT_BEGIN) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "a JSON object was expected");
  }
  ProtobufCMessage *message = jg_message_new(entity->descriptor, arena);
  if (message == NULL) {
    return jg_message_too_large();
  }
  decode.frames[0] = (struct frame){.entity = entity, .message = message};
  decode.depth = 1;
  JG_RETURN_IF_ERROR(read_object(&decode));
  JG_RETURN_IF_ERROR(finish(&decode));
  jg_message_canonicalize_into(entity, message, &decode.violations);
  struct jg_status status = jg_violations_status(&decode.violations);
  if (jg_status_ok(status) || status.reason == JG_REASON_INVALID_MEMBER) {
    *ret_decoded =
        (struct jg_json_decoded){.message = message, .present = decode.present, .parent_nodes = decode.parent_nodes};
  }
  return status;
}

static struct jg_status reader_status(const struct decode *decode) {
  return decode->arena->failed ? jg_message_too_large() : jg_json_reader_status(&decode->reader);
}

/* Nothing may follow the object, and what was skipped must hold no oddity either. */
static struct jg_status finish(struct decode *decode) {
  if (jg_json_next(&decode->reader) != JG_JSON_END) {
    return reader_status(decode);
  }
  if (decode->reader.oddities != 0) {
    size_t line = 0;
    size_t column = 0;
    jg_json_reader_locate(&decode->reader, decode->reader.odd_start, &line, &column);
    return jg_status_printf(decode->arena, JG_INVALID_ARGUMENT, JG_REASON_NONE,
                            "the string at line %zu, column %zu holds a NUL character or half a surrogate pair", line,
                            column);
  }
  return JG_STATUS_OK;
}

/* Skips the value and notes what was expected. False: malformed. */
static bool refuse(struct decode *decode, const struct jg_member *member, enum jg_json_token token,
                   const char *expected) {
  jg_violations_add(&decode->violations, decode->steps, decode->depth, member, "%s", expected);
  return jg_json_skip(&decode->reader, token);
}

static void out_of_memory(struct decode *decode) {
  decode->violations.out_of_memory = true;
}

/* As jg_date_parse, and Json.NET's old "/Date(ms)/", whose offset says nothing about the instant. */
static bool parse_date(struct jg_str text, int64_t *ret_ticks) {
  const struct jg_str head = JG_STR("/Date(");
  const struct jg_str tail = JG_STR(")/");
  if (text.len <= head.len + tail.len || !jg_str_starts_with(text, head) || !jg_str_ends_with(text, tail)) {
    return jg_date_parse(text, ret_ticks);
  }
  struct jg_str number = jg_str_sub(text, head.len, text.len - head.len - tail.len);
  if (number.len > 5 && (number.data[number.len - 5] == '+' || number.data[number.len - 5] == '-')) {
    int64_t offset = 0;
    if (number.data[number.len - 4] == '-' || !jg_parse_i64(jg_str_sub(number, number.len - 4, 4), &offset)) {
      return false;
    }
    number.len -= 5;
  }
  int64_t milliseconds = 0;
  if (!jg_parse_i64(number, &milliseconds) || milliseconds < JG_TICKS_MIN / TICKS_PER_MILLISECOND ||
      milliseconds > JG_TICKS_MAX / TICKS_PER_MILLISECOND) {
    return false;
  }
  *ret_ticks = milliseconds * TICKS_PER_MILLISECOND;
  return true;
}

/* The number that a token is, be it in quotes ("22" is 22). */
static bool number_text(struct decode *decode, enum jg_json_token token, struct jg_str *ret_text) {
  *ret_text = decode->reader.text;
  if (token != JG_JSON_STRING) {
    return token == JG_JSON_NUMBER;
  }
  struct jg_json_reader inner;
  jg_json_reader_init(&inner, decode->reader.text, NULL);
  if (jg_json_next(&inner) != JG_JSON_NUMBER) {
    return false;
  }
  *ret_text = inner.text;
  return jg_json_next(&inner) == JG_JSON_END;
}

static bool read_string(struct decode *decode, ProtobufCMessage *message, const struct jg_member *member,
                        enum jg_json_token token) {
  if (token != JG_JSON_STRING) {
    return refuse(decode, member, token, member->type == JG_TYPE_GUID ? "must be a GUID" : "must be a string");
  }
  if (decode->oddities_before != 0) {
    return true;  // finish() refuses the text for that one; this string may hold the same kind unseen, so it is not stored.
  }
  if (decode->reader.oddities != 0) {
    // Named here, so that it does not count at the end again.
    decode->reader.oddities = 0;
    return refuse(decode, member, token, "must not contain a NUL character or half a surrogate pair");
  }
  if (!jg_member_set_str(message, member, decode->reader.text, decode->arena)) {
    out_of_memory(decode);
  }
  return true;
}

static bool read_integer(struct decode *decode, ProtobufCMessage *message, const struct jg_member *member,
                         enum jg_json_token token) {
  struct jg_str text = JG_STR_NONE;
  int32_t value = 0;
  if (!number_text(decode, token, &text) || !jg_json_number_int(text, &value)) {
    return refuse(decode, member, token, "must be an integer from -2147483648 to 2147483647");
  }
  jg_member_set_int(message, member, value);
  return true;
}

static bool read_decimal(struct decode *decode, ProtobufCMessage *message, const struct jg_member *member,
                         enum jg_json_token token) {
  struct jg_str text = JG_STR_NONE;
  double value = 0;
  if (!number_text(decode, token, &text)) {
    return refuse(decode, member, token, "must be a number");
  }
  if (!jg_json_number_double(text, decode->arena, &value)) {
    out_of_memory(decode);
    return true;
  }
  jg_member_set_decimal(message, member, value);
  return true;
}

static bool read_bool(struct decode *decode, ProtobufCMessage *message, const struct jg_member *member,
                      enum jg_json_token token) {
  bool is_true = token == JG_JSON_TRUE;
  bool is_false = token == JG_JSON_FALSE;
  if (token == JG_JSON_STRING) {
    is_true = jg_str_equal_nocase(decode->reader.text, JG_STR("true"));
    is_false = jg_str_equal_nocase(decode->reader.text, JG_STR("false"));
  }
  if (!is_true && !is_false) {
    return refuse(decode, member, token, "must be true or false");
  }
  jg_member_set_bool(message, member, is_true);
  return true;
}

static bool read_date(struct decode *decode, ProtobufCMessage *message, const struct jg_member *member,
                      enum jg_json_token token) {
  int64_t ticks = 0;
  if (token != JG_JSON_STRING || !parse_date(decode->reader.text, &ticks)) {
    return refuse(decode, member, token, "must be a date from 0001-01-01 to 9999-12-31, as in 2026-01-29T07:13:40Z");
  }
  if (!jg_member_set_date(message, member, ticks, decode->arena)) {
    out_of_memory(decode);
  }
  return true;
}

/* A message of the member's entity that is to be read next; NULL at the arena's cap. */
static ProtobufCMessage *push(struct decode *decode, const struct jg_member *member, size_t item) {
  JG_ASSERT(decode->depth < JG_ENTITY_DEPTH_MAX);
  const struct jg_entity *target = jg_entity((enum jg_kind)member->target);
  JG_ASSERT(target != NULL);
  ProtobufCMessage *message = jg_message_new(target->descriptor, decode->arena);
  if (message == NULL) {
    out_of_memory(decode);
    return NULL;
  }
  decode->steps[decode->depth] = (struct jg_path_step){member, item};
  decode->frames[decode->depth++] = (struct frame){.entity = target, .message = message};
  return message;
}

/* The value of a known member. False: malformed. */
static bool read_member(struct decode *decode, const struct jg_member *member, enum jg_json_token token) {
  struct frame *frame = &decode->frames[decode->depth - 1];
  if (decode->depth == 1) {
    uint64_t bit = UINT64_C(1) << member->index;
    decode->present = token == JG_JSON_NULL ? decode->present & ~bit : decode->present | bit;
  }
  if (token == JG_JSON_NULL) {
    jg_member_clear(frame->message, member);
    return true;
  }
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
    case JG_TYPE_GUID:
      return read_string(decode, frame->message, member, token);
    case JG_TYPE_INTEGER:
      return read_integer(decode, frame->message, member, token);
    case JG_TYPE_BOOL:
      return read_bool(decode, frame->message, member, token);
    case JG_TYPE_DATE:
      return read_date(decode, frame->message, member, token);
    case JG_TYPE_DECIMAL:
      return read_decimal(decode, frame->message, member, token);
    case JG_TYPE_ENTITY:
      if (token != JG_JSON_OBJECT_BEGIN) {
        return refuse(decode, member, token, "must be an object");
      }
      // Of a repeated name the last wins as a whole: nothing is merged.
      decode->parent_nodes = member->target == JG_KIND_PARENT_JOB ? 0 : decode->parent_nodes;
      jg_member_set_node(frame->message, member, push(decode, member, JG_PATH_NO_ITEM));
      return true;
    case JG_TYPE_ENTITY_LIST:
      if (token != JG_JSON_ARRAY_BEGIN) {
        return refuse(decode, member, token, "must be an array");
      }
      frame->list = member;
      frame->items = NULL;
      frame->item_count = 0;
      frame->item_room = 0;
      frame->element = 0;
      return true;
  }
  return false;
}

static bool grow_items(struct decode *decode, struct frame *frame) {
  if (frame->item_count < frame->item_room) {
    return true;
  }
  size_t room = frame->item_room == 0 ? ITEMS_FIRST : frame->item_room * 2;
  ProtobufCMessage **items = jg_arena_alloc(decode->arena, room * sizeof(ProtobufCMessage *));
  if (items == NULL) {
    out_of_memory(decode);
    return false;
  }
  if (frame->item_count > 0) {
    memcpy(items, frame->items, frame->item_count * sizeof(ProtobufCMessage *));
  }
  frame->items = items;
  frame->item_room = room;
  return true;
}

/* An element of the open list, or its end. False: malformed. */
static bool read_element(struct decode *decode, enum jg_json_token token) {
  struct frame *frame = &decode->frames[decode->depth - 1];
  if (token == JG_JSON_ARRAY_END) {
    jg_member_set_items(frame->message, frame->list, frame->items, frame->item_count);
    frame->list = NULL;
    return true;
  }
  size_t element = frame->element++;
  if (token != JG_JSON_OBJECT_BEGIN) {
    struct jg_path_step steps[JG_ENTITY_DEPTH_MAX + 1];
    memcpy(steps, decode->steps, decode->depth * sizeof(steps[0]));
    steps[decode->depth] = (struct jg_path_step){frame->list, element};
    jg_violations_add(&decode->violations, steps, decode->depth + 1, NULL, "must be an object");
    return jg_json_skip(&decode->reader, token);
  }
  if (grow_items(decode, frame)) {
    frame->items[frame->item_count++] = push(decode, frame->list, element);
  }
  return true;
}

/* NULL if unknown. Most clients write members in the order in which they read them: the next one is tried first, and the
 * one behind it, since an answer leaves out what is expanded only. */
static const struct jg_member *find_member(struct frame *frame, struct jg_str name) {
  size_t end = frame->entity->member_count;
  for (size_t i = frame->next_member; i < end && i < frame->next_member + 2; i++) {
    if (jg_str_equal(frame->entity->members[i].name, name)) {
      frame->next_member = i + 1;
      return &frame->entity->members[i];
    }
  }
  const struct jg_member *member = jg_entity_member(frame->entity, name);
  if (member != NULL) {
    frame->next_member = (size_t)member->index + 1;
  }
  return member;
}

/* The bit of a Job's embedded entity whose name stands in a parent, which has none; 0 for any other unknown name. */
static uint64_t parent_node_bit(const struct frame *frame, struct jg_str name) {
  if (frame->entity->kind != JG_KIND_PARENT_JOB) {
    return 0;
  }
  const struct jg_member *member = jg_entity_member(jg_entity(JG_KIND_JOB), name);
  return member != NULL && member->type == JG_TYPE_ENTITY ? UINT64_C(1) << member->index : 0;
}

/* A member's name was read. False: malformed. */
static bool read_named(struct decode *decode) {
  const struct jg_member *member = find_member(&decode->frames[decode->depth - 1], decode->reader.text);
  uint64_t bit = member == NULL ? parent_node_bit(&decode->frames[decode->depth - 1], decode->reader.text) : 0;
  decode->oddities_before = decode->reader.oddities;
  enum jg_json_token token = jg_json_next(&decode->reader);
  if (token == JG_JSON_ERROR) {
    return false;
  }
  if (member != NULL) {
    return read_member(decode, member, token);
  }
  decode->parent_nodes |= token == JG_JSON_OBJECT_BEGIN ? bit : 0;
  return jg_json_skip(&decode->reader, token);
}

/* From behind the root's brace to behind the one that closes it. */
static struct jg_status read_object(struct decode *decode) {
  while (decode->depth > 0) {
    enum jg_json_token token = jg_json_next(&decode->reader);
    bool well_formed = token != JG_JSON_ERROR;
    if (well_formed) {
      if (decode->frames[decode->depth - 1].list != NULL) {
        well_formed = read_element(decode, token);
      } else if (token == JG_JSON_OBJECT_END) {
        decode->depth--;
      } else {
        well_formed = read_named(decode);
      }
    }
    if (!well_formed) {
      return reader_status(decode);
    }
    if (decode->violations.out_of_memory) {
      return jg_message_too_large();
    }
  }
  return JG_STATUS_OK;
}
