#include "base/utf8.h"
#include "proto/codec/message_internal.h"
#include "proto/codec/wire.h"

/* protobuf-c recurses into submessages without a limit; this is ours. */
#define DEPTH_MAX 16u
#define VARINT_BYTES_MAX 10u

/* One message that is being walked. */
struct frame {
  const ProtobufCMessageDescriptor *descriptor;
  struct jg_str whole;
  struct jg_wire_reader reader;
  const ProtobufCFieldDescriptor *field; /* the one last read; NULL: unknown */
  const char *field_start;
};

struct check {
  struct frame frames[DEPTH_MAX];
  size_t depth;
  struct jg_arena *arena;
  bool misfits; /* a field of another wire type was seen */
};

/* While fields are taken out: where the length of a message stands in the copy. */
struct copy_frame {
  const ProtobufCMessageDescriptor *descriptor;
  struct jg_wire_reader reader;
  char *length;
  size_t length_width;
};

static enum jg_wire_type wire_type_of(ProtobufCType type) {
  switch (type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
      return JG_WIRE_FIXED32;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
      return JG_WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
      return JG_WIRE_LEN;
    default:
      return JG_WIRE_VARINT;
  }
}

/* Repeated numbers may come one by one or packed, whatever the schema says. */
static bool is_packed(const ProtobufCFieldDescriptor *field, enum jg_wire_type type) {
  return field->label == PROTOBUF_C_LABEL_REPEATED && type == JG_WIRE_LEN && wire_type_of(field->type) != JG_WIRE_LEN;
}

static bool fits(const ProtobufCFieldDescriptor *field, enum jg_wire_type type) {
  return wire_type_of(field->type) == type || is_packed(field, type);
}

static bool packed_valid(ProtobufCType type, struct jg_str bytes) {
  enum jg_wire_type element = wire_type_of(type);
  if (element == JG_WIRE_FIXED32) {
    return bytes.len % 4 == 0;
  }
  if (element == JG_WIRE_FIXED64) {
    return bytes.len % 8 == 0;
  }
  size_t run = 0;
  for (size_t i = 0; i < bytes.len; i++) {
    run = (unsigned char)bytes.data[i] < 0x80 ? 0 : run + 1;
    if (run == VARINT_BYTES_MAX) {
      return false;
    }
  }
  return run == 0;
}

/* Which one of a repeated field the last one read is. */
static size_t item_index(const struct frame *frame) {
  struct jg_wire_reader reader;
  struct jg_wire_field field;
  size_t index = 0;
  jg_wire_reader_init(&reader, frame->whole);
  while (jg_wire_next(&reader, &field) && field.raw.data < frame->field_start) {
    index += field.number == frame->field->id && fits(frame->field, field.type);
  }
  return index;
}

/* The path of the field last read in the innermost frame; without one, of the message around it. "" for the root. */
static const char *path_of(const struct check *check) {
  const char *path = "";
  for (size_t i = 0; i < check->depth; i++) {
    const struct frame *frame = &check->frames[i];
    if (frame->field == NULL || path == NULL) {
      break;
    }
    const char *dot = i > 0 ? "." : "";
    if (frame->field->label == PROTOBUF_C_LABEL_REPEATED && frame->field->type == PROTOBUF_C_TYPE_MESSAGE) {
      path = jg_arena_printf(check->arena, "%s%s%s[%zu]", path, dot, frame->field->name, item_index(frame));
    } else {
      path = jg_arena_printf(check->arena, "%s%s%s", path, dot, frame->field->name);
    }
  }
  return path;
}

static struct jg_status refuse(const struct check *check, enum jg_reason reason, const char *what) {
  const char *path = path_of(check);
  if (path == NULL) {
    return jg_message_too_large();
  }
  if (path[0] == '\0') {
    return jg_status_printf(check->arena, JG_INVALID_ARGUMENT, reason, "the message %s", what);
  }
  return jg_status_field(check->arena, JG_INVALID_ARGUMENT, reason, path, "%s", what);
}

static struct jg_status push(struct check *check, const ProtobufCMessageDescriptor *descriptor, struct jg_str bytes) {
  if (check->depth == DEPTH_MAX) {
    return refuse(check, JG_REASON_LIMIT_EXCEEDED, "is nested too deeply");
  }
  struct frame *frame = &check->frames[check->depth++];
  *frame = (struct frame){.descriptor = descriptor, .whole = bytes};
  jg_wire_reader_init(&frame->reader, bytes);
  return JG_STATUS_OK;
}

/* One known field whose wire type fits. */
static struct jg_status check_field(struct check *check, const struct jg_wire_field *field) {
  const ProtobufCFieldDescriptor *known = check->frames[check->depth - 1].field;
  if (known->type == PROTOBUF_C_TYPE_STRING) {
    if (field->bytes.len != 0 && memchr(field->bytes.data, '\0', field->bytes.len) != NULL) {
      return refuse(check, JG_REASON_INVALID_MEMBER, "must not contain a NUL character");
    }
    return jg_utf8_valid(field->bytes) ? JG_STATUS_OK : refuse(check, JG_REASON_INVALID_MEMBER, "must be valid UTF-8");
  }
  if (known->type == PROTOBUF_C_TYPE_MESSAGE) {
    return push(check, known->descriptor, field->bytes);
  }
  if (is_packed(known, field->type) && !packed_valid(known->type, field->bytes)) {
    return refuse(check, JG_REASON_INVALID_MEMBER, "is malformed");
  }
  return JG_STATUS_OK;
}

static struct jg_status walk(struct check *check) {
  while (check->depth > 0) {
    struct frame *frame = &check->frames[check->depth - 1];
    struct jg_wire_field field;
    if (!jg_wire_next(&frame->reader, &field)) {
      frame->field = NULL;
      if (frame->reader.failed) {
        return refuse(check, JG_REASON_NONE, "is malformed");
      }
      check->depth--;
      continue;
    }
    frame->field = protobuf_c_message_descriptor_get_field(frame->descriptor, field.number);
    frame->field_start = field.raw.data;
    if (frame->field != NULL && !fits(frame->field, field.type)) {
      check->misfits = true;
    } else if (frame->field != NULL) {
      JG_RETURN_IF_ERROR(check_field(check, &field));
    }
  }
  return JG_STATUS_OK;
}

/* A message got shorter: its new length, in as many bytes as the old one had. */
static void patch_length(const struct copy_frame *frame, const char *end) {
  size_t len = (size_t)(end - (frame->length + frame->length_width));
  for (size_t i = 0; i < frame->length_width; i++) {
    frame->length[i] = (char)((len & 0x7F) | (i + 1 < frame->length_width ? 0x80 : 0));
    len >>= 7;
  }
}

static size_t varint_width(const char *p) {
  size_t width = 1;
  while ((unsigned char)p[width - 1] >= 0x80) {
    width++;
  }
  return width;
}

/* Copies checked bytes but for the fields whose wire type does not fit. */
static struct jg_str copy_fitting(const ProtobufCMessageDescriptor *descriptor, struct jg_str bytes, char *out) {
  struct copy_frame frames[DEPTH_MAX];
  size_t depth = 1;
  char *p = out;
  frames[0] = (struct copy_frame){.descriptor = descriptor};
  jg_wire_reader_init(&frames[0].reader, bytes);
  while (depth > 0) {
    struct copy_frame *frame = &frames[depth - 1];
    struct jg_wire_field field;
    if (!jg_wire_next(&frame->reader, &field)) {
      if (frame->length != NULL) {
        patch_length(frame, p);
      }
      depth--;
      continue;
    }
    const ProtobufCFieldDescriptor *known = protobuf_c_message_descriptor_get_field(frame->descriptor, field.number);
    if (known != NULL && !fits(known, field.type)) {
      continue;
    }
    bool nested = known != NULL && known->type == PROTOBUF_C_TYPE_MESSAGE;
    size_t head = field.raw.len - (nested ? field.bytes.len : 0);
    memcpy(p, field.raw.data, head);
    if (nested) {
      JG_ASSERT(depth < DEPTH_MAX);
      size_t tag_width = varint_width(p);
      frames[depth] = (struct copy_frame){
          .descriptor = known->descriptor, .length = p + tag_width, .length_width = head - tag_width};
      jg_wire_reader_init(&frames[depth++].reader, field.bytes);
    }
    p += head;
  }
  return jg_str_make(out, (size_t)(p - out));
}

struct jg_status jg_message_check(const ProtobufCMessageDescriptor *descriptor, struct jg_str bytes,
                                  struct jg_arena *arena, struct jg_str *ret_bytes) {
  struct check check = {.depth = 0, .arena = arena};
  JG_RETURN_IF_ERROR(push(&check, descriptor, bytes));
  JG_RETURN_IF_ERROR(walk(&check));
  if (!check.misfits) {
    *ret_bytes = bytes;
    return JG_STATUS_OK;
  }
  char *copy = jg_arena_alloc(arena, bytes.len);
  if (copy == NULL) {
    return jg_message_too_large();
  }
  *ret_bytes = copy_fitting(descriptor, bytes, copy);
  return JG_STATUS_OK;
}
