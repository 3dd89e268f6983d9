#include "proto/codec/wire_walk.h"

static struct jg_wire_walk ended(struct jg_wire_walk walk) {
  walk.p = walk.end;
  walk.tag = JG_WIRE_WALK_END;
  return walk;
}

struct jg_wire_walk jg_wire_walk_next_slow(struct jg_wire_walk walk) {
  walk.tag_start = walk.p;
  uint64_t tag = 0;
  unsigned shift = 0;
  const unsigned char *p = walk.p;
  while (p < walk.end && shift < 35) {
    unsigned char byte = *p++;
    tag |= (uint64_t)(byte & 0x7F) << shift;
    shift += 7;
    if (byte >= 0x80) {
      continue;
    }
    if (tag < JG_WIRE_WALK_END) {
      walk.tag = (uint32_t)tag;
      walk.p = p;
      return walk;
    }
    break;
  }
  return ended(walk);
}

/* The field of the tag through the general reader, which starts at that tag. */
struct jg_wire_walk jg_wire_walk_take_slow(struct jg_wire_walk walk, struct jg_wire_field *ret_field) {
  struct jg_wire_reader reader;
  jg_wire_reader_init(&reader, jg_str_make((const char *)walk.tag_start, (size_t)(walk.end - walk.tag_start)));
  if (!jg_wire_next(&reader, ret_field)) {
    *ret_field = (struct jg_wire_field){0};
    return ended(walk);
  }
  walk.p = walk.tag_start + ret_field->raw.len;
  jg_wire_walk_next(&walk);
  return walk;
}

struct jg_wire_walk jg_wire_walk_skip(struct jg_wire_walk walk) {
  struct jg_wire_field field;
  return jg_wire_walk_take_slow(walk, &field);
}
