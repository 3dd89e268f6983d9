#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/message_internal.h"

#define DECIMAL_LIMIT 1e15
#define MESSAGE_BYTES_MAX 200u

/* One entity that is being walked. */
struct frame {
  const struct jg_entity *entity;
  ProtobufCMessage *message;
  size_t next; /* member */
  size_t item; /* of the list at `next` */
};

struct walk {
  struct frame frames[JG_ENTITY_DEPTH_MAX];
  struct jg_path_step steps[JG_ENTITY_DEPTH_MAX]; /* how frames[i] hangs in frames[i - 1] */
  size_t depth;
};

struct jg_status jg_message_too_large(void) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED,
                        "the request needs more memory than a request may take");
}

static const char *append_step(const struct jg_violations *violations, const char *path, const struct jg_member *member,
                               size_t item) {
  struct jg_str name = violations->proto_names ? member->proto_name : member->name;
  const char *dot = path[0] != '\0' ? "." : "";
  if (item == JG_PATH_NO_ITEM) {
    return jg_arena_printf(violations->arena, "%s%s%.*s", path, dot, JG_STR_ARG(name));
  }
  return jg_arena_printf(violations->arena, "%s%s%.*s[%zu]", path, dot, JG_STR_ARG(name), item);
}

void jg_violations_add(struct jg_violations *violations, const struct jg_path_step *steps, size_t count,
                       const struct jg_member *member, const char *format, ...) {
  if (violations->count == JG_VIOLATIONS_MAX || violations->out_of_memory) {
    return;
  }
  const char *path = violations->prefix;
  for (size_t i = 1; i < count && path != NULL; i++) {
    path = append_step(violations, path, steps[i].member, steps[i].item);
  }
  if (member != NULL && path != NULL) {
    path = append_step(violations, path, member, JG_PATH_NO_ITEM);
  }
  char text[MESSAGE_BYTES_MAX];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof(text), format, args);  // Our own texts: they fit.
  va_end(args);
  struct jg_str message = jg_arena_str(violations->arena, jg_str_from_cstr(text));
  if (path == NULL || message.data == NULL) {
    violations->out_of_memory = true;
    return;
  }
  violations->items[violations->count++] = (struct jg_violation){.field = path, .message = message.data};
}

struct jg_status jg_violations_status(const struct jg_violations *violations) {
  if (violations->out_of_memory) {
    return jg_message_too_large();
  }
  if (violations->count == 0) {
    return JG_STATUS_OK;
  }
  struct jg_status status = jg_status_violations(violations->arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                                                 violations->items, violations->count);
  return status.details != NULL ? status : jg_message_too_large();
}

bool jg_guid_parse(struct jg_str text, struct jg_uuid *ret_uuid) {
  if (text.len == 0) {
    *ret_uuid = JG_UUID_ZERO;
    return true;
  }
  if (text.len == JG_UUID_TEXT_LEN + 2 && text.data[0] == '{' && text.data[text.len - 1] == '}') {
    return jg_uuid_parse(jg_str_sub(text, 1, JG_UUID_TEXT_LEN), ret_uuid);
  }
  if (text.len != 32) {
    return jg_uuid_parse(text, ret_uuid);
  }
  char hyphenated[JG_UUID_TEXT_LEN];
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (i == 8 || i == 12 || i == 16 || i == 20) {
      hyphenated[len++] = '-';
    }
    hyphenated[len++] = text.data[i];
  }
  return jg_uuid_parse(jg_str_make(hyphenated, len), ret_uuid);
}

static void add(struct jg_violations *violations, const struct walk *walk, const struct jg_member *member,
                const char *text) {
  jg_violations_add(violations, walk->steps, walk->depth, member, "%s", text);
}

static void check_guid(struct jg_violations *violations, const struct walk *walk, ProtobufCMessage *message,
                       const struct jg_member *member) {
  struct jg_str text = jg_member_str(message, member);
  struct jg_uuid uuid = JG_UUID_ZERO;
  if (!jg_guid_parse(text, &uuid)) {
    add(violations, walk, member, "must be a GUID");
    return;
  }
  char canonical[JG_UUID_TEXT_LEN];
  struct jg_str value = JG_STR_NONE;
  if (!jg_uuid_is_zero(uuid)) {
    jg_uuid_format(uuid, canonical);
    value = jg_str_make(canonical, sizeof(canonical));
  }
  if (!jg_str_equal(value, text) && !jg_member_set_str(message, member, value, violations->arena)) {
    violations->out_of_memory = true;
  }
}

static void check_date(struct jg_violations *violations, const struct walk *walk, ProtobufCMessage *message,
                       const struct jg_member *member) {
  const Google__Protobuf__Timestamp *timestamp = jg_member_timestamp(message, member);
  if (timestamp == NULL) {
    return;
  }
  int64_t ticks = 0;
  if (!jg_date_from_timestamp(timestamp->seconds, timestamp->nanos, &ticks)) {
    add(violations, walk, member, "must be a date from 0001-01-01 to 9999-12-31");
    return;
  }
  if ((member->flags & JG_MEMBER_DATE_ONLY) != 0) {
    ticks = jg_date_midnight(ticks);
  }
  if (!jg_member_set_date(message, member, ticks, violations->arena)) {
    violations->out_of_memory = true;
  }
}

static void check_decimal(struct jg_violations *violations, const struct walk *walk, ProtobufCMessage *message,
                          const struct jg_member *member) {
  double value = jg_member_decimal(message, member);
  if (!isfinite(value) || fabs(value) > DECIMAL_LIMIT) {
    add(violations, walk, member, "must be a number from -1e15 to 1e15");
  } else if (value == 0) {
    jg_member_set_decimal(message, member, 0);  // A negative zero is no other number.
  }
}

static void check_scalar(struct jg_violations *violations, const struct walk *walk, ProtobufCMessage *message,
                         const struct jg_member *member) {
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      // UTF-16 units are never more than bytes.
      if (member->max_utf16 != 0) {
        struct jg_str text = jg_member_str(message, member);
        if (text.len > member->max_utf16 && jg_utf8_utf16_length(text) > member->max_utf16) {
          jg_violations_add(violations, walk->steps, walk->depth, member,
                            "must be a string with a maximum length of %u", member->max_utf16);
        }
      }
      break;
    case JG_TYPE_GUID:
      check_guid(violations, walk, message, member);
      break;
    case JG_TYPE_DATE:
      check_date(violations, walk, message, member);
      break;
    case JG_TYPE_DECIMAL:
      check_decimal(violations, walk, message, member);
      break;
    default:
      break;
  }
}

static void push(struct walk *walk, const struct jg_member *member, size_t item, ProtobufCMessage *message) {
  JG_ASSERT(walk->depth < JG_ENTITY_DEPTH_MAX);
  const struct jg_entity *entity = jg_entity((enum jg_kind)member->target);
  JG_ASSERT(entity != NULL);
  walk->steps[walk->depth] = (struct jg_path_step){member, item};
  walk->frames[walk->depth++] = (struct frame){.entity = entity, .message = message};
}

/* The next member of the innermost entity. */
static void step(struct walk *walk, struct jg_violations *violations) {
  struct frame *frame = &walk->frames[walk->depth - 1];
  if (frame->next == frame->entity->member_count) {
    walk->depth--;
    return;
  }
  const struct jg_member *member = &frame->entity->members[frame->next];
  if (member->type == JG_TYPE_ENTITY_LIST && frame->item < jg_member_count(frame->message, member)) {
    size_t item = frame->item++;
    push(walk, member, item, jg_member_item(frame->message, member, item));
    return;
  }
  frame->next++;
  frame->item = 0;
  if (member->type != JG_TYPE_ENTITY) {
    check_scalar(violations, walk, frame->message, member);
  } else if (jg_member_node(frame->message, member) != NULL) {
    push(walk, member, JG_PATH_NO_ITEM, jg_member_node(frame->message, member));
  }
}

void jg_message_canonicalize_into(const struct jg_entity *entity, ProtobufCMessage *message,
                                  struct jg_violations *violations) {
  JG_ASSERT(message->descriptor == entity->descriptor);
  struct walk walk = {.depth = 1};
  walk.frames[0] = (struct frame){.entity = entity, .message = message};
  while (walk.depth > 0 && !violations->out_of_memory && violations->count < JG_VIOLATIONS_MAX) {
    step(&walk, violations);
  }
}

struct jg_status jg_message_canonicalize(const struct jg_entity *entity, ProtobufCMessage *message,
                                         const char *path_prefix, struct jg_arena *arena) {
  struct jg_violations violations = {.arena = arena, .prefix = path_prefix, .proto_names = true};
  jg_message_canonicalize_into(entity, message, &violations);
  return jg_violations_status(&violations);
}
