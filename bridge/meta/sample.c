// The sample object of a help page, by the rules of the generator that made the pages of old: values are counted through one
// object, embedded objects are not; each type has one object, shown wherever it occurs; a list shows it twice; a loop is left
// out (contract section 0).

#include "base/uuid.h"
#include "bridge/meta/meta_internal.h"

#define DEPTH_MAX 16
#define LIST_COUNT 2
/* The moment at which the page of old was made. */
#define NOW "2026-01-29T07:13:40.7184075+00:00"
#define TODAY "2026-01-29T00:00:00+00:00"

/* One object that is being written. */
struct frame {
  const struct jg_entity *entity;
  size_t index;   /* its next member */
  size_t ordinal; /* of its last value */
  size_t repeats; /* objects of the list behind this one */
  bool in_list;
  bool first;
};

struct writer {
  struct jg_buf *out;
  struct frame frames[DEPTH_MAX];
  size_t depth;
  size_t indent;
};

static void new_line(struct writer *writer) {
  jg_buf_append_char(writer->out, '\n');
  for (size_t i = 0; i < writer->indent; i++) {
    jg_buf_append_str(writer->out, JG_STR("  "));
  }
}

static void open_object(struct writer *writer, const struct jg_entity *entity, bool in_list) {
  JG_ASSERT(writer->depth < DEPTH_MAX);
  if (in_list) {
    jg_buf_append_char(writer->out, '[');
    writer->indent++;
    new_line(writer);
  }
  jg_buf_append_char(writer->out, '{');
  writer->indent++;
  writer->frames[writer->depth++] =
      (struct frame){.entity = entity, .repeats = in_list ? LIST_COUNT - 1 : 0, .in_list = in_list, .first = true};
}

static void close_object(struct writer *writer) {
  struct frame *frame = &writer->frames[writer->depth - 1];
  writer->indent--;
  new_line(writer);
  jg_buf_append_char(writer->out, '}');
  if (frame->repeats != 0) {
    frame->repeats--;
    frame->index = frame->ordinal = 0;
    frame->first = true;
    jg_buf_append_char(writer->out, ',');
    new_line(writer);
    jg_buf_append_char(writer->out, '{');
    writer->indent++;
    return;
  }
  if (frame->in_list) {
    writer->indent--;
    new_line(writer);
    jg_buf_append_char(writer->out, ']');
  }
  writer->depth--;
}

/* FNV-1a. */
static uint64_t hash(uint64_t h, struct jg_str text) {
  for (size_t i = 0; i < text.len; i++) {
    h = (h ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
  }
  return h;
}

/* Always the same for a member, and another for each; of version 4 by its looks. */
static void write_guid(const struct jg_entity *entity, const struct jg_member *member, struct jg_buf *out) {
  struct jg_uuid uuid;
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < 2; i++) {
    h = hash(hash(hash(h, entity->name), JG_STR(".")), member->name);
    memcpy(uuid.bytes + i * sizeof(h), &h, sizeof(h));
  }
  uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
  uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(uuid, text);
  jg_buf_printf(out, "\"%.*s\"", JG_UUID_TEXT_LEN, text);
}

static void write_value(const struct jg_entity *entity, const struct jg_member *member, size_t ordinal,
                        struct jg_buf *out) {
  switch (member->type) {
    case JG_TYPE_GUID:
      write_guid(entity, member, out);
      break;
    case JG_TYPE_INTEGER:
      jg_buf_printf(out, "%zu", ordinal);
      break;
    case JG_TYPE_BOOL:
      jg_buf_append_str(out, JG_STR("true"));
      break;
    case JG_TYPE_DATE:
      jg_buf_append_str(out, member->flags & JG_MEMBER_DATE_ONLY ? JG_STR("\"" TODAY "\"") : JG_STR("\"" NOW "\""));
      break;
    case JG_TYPE_DECIMAL:
      jg_buf_printf(out, "%zu.0", ordinal);
      break;
    default:
      JG_ASSERT(member->type == JG_TYPE_STRING);
      jg_buf_printf(out, "\"sample string %zu\"", ordinal);
  }
}

static void write_member(struct writer *writer, struct frame *frame, const struct jg_member *member) {
  if (!frame->first) {
    jg_buf_append_char(writer->out, ',');
  }
  frame->first = false;
  new_line(writer);
  jg_buf_printf(writer->out, "\"%.*s\": ", JG_STR_ARG(member->name));
  if (member->type == JG_TYPE_ENTITY || member->type == JG_TYPE_ENTITY_LIST) {
    open_object(writer, jg_entity(member->target), member->type == JG_TYPE_ENTITY_LIST);
    return;
  }
  frame->ordinal++;
  write_value(frame->entity, member, frame->ordinal, writer->out);
}

void jg_meta_write_sample(const struct jg_entity *entity, struct jg_buf *out) {
  struct writer writer = {.out = out};
  open_object(&writer, entity, false);
  while (writer.depth != 0) {
    struct frame *frame = &writer.frames[writer.depth - 1];
    if (frame->index == frame->entity->member_count) {
      close_object(&writer);
      continue;
    }
    const struct jg_member *member = &frame->entity->members[frame->index++];
    if (!(member->flags & JG_MEMBER_EXPAND_ONLY)) {
      write_member(&writer, frame, member);
    }
  }
}
