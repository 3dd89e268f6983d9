/* The fields of a stored payload beside the members of the schema: both ascend, so that one pass finds each. Inline, because
 * a job has sixty of them. Only for the modules of this folder. Thread: any. */
#ifndef JG_PROTO_CODEC_WIRE_WALK_H
#define JG_PROTO_CODEC_WIRE_WALK_H

#include "proto/codec/wire.h"

/* Stands behind the tag of the next field. At the end, and where the bytes are malformed, the tag is JG_WIRE_WALK_END. */
struct jg_wire_walk {
  const unsigned char *p;
  const unsigned char *end;
  const unsigned char *tag_start;
  uint32_t tag;
};

#define JG_WIRE_WALK_END UINT32_MAX

/* What the inline functions below leave to do: the end, long varints, bounds. They take the walk by value, so that the
 * caller's stays in registers. */
struct jg_wire_walk jg_wire_walk_next_slow(struct jg_wire_walk walk);
struct jg_wire_walk jg_wire_walk_skip(struct jg_wire_walk walk);
struct jg_wire_walk jg_wire_walk_take_slow(struct jg_wire_walk walk, struct jg_wire_field *ret_field);

static inline void jg_wire_walk_next(struct jg_wire_walk *walk) {
  const unsigned char *p = walk->p;
  if (JG_LIKELY(walk->end - p >= 2)) {
    walk->tag_start = p;
    if (p[0] < 0x80) {
      walk->tag = p[0];
      walk->p = p + 1;
      return;
    }
    if (JG_LIKELY(p[1] < 0x80)) {
      walk->tag = (p[0] & 0x7Fu) | (uint32_t)p[1] << 7;
      walk->p = p + 2;
      return;
    }
  } else if (p == walk->end) {
    walk->tag = JG_WIRE_WALK_END;
    return;
  }
  *walk = jg_wire_walk_next_slow(*walk);
}

static inline void jg_wire_walk_start(struct jg_wire_walk *walk, struct jg_str payload) {
  walk->p = (const unsigned char *)(payload.len != 0 ? payload.data : "");
  walk->tag_start = walk->p;
  walk->tag = 0;
  walk->end = walk->p + payload.len;
  jg_wire_walk_next(walk);
}

/* True if the next field, once those of lower numbers are passed over, has that number and wire type. Its value is then to
 * be taken. */
static inline bool jg_wire_walk_find(struct jg_wire_walk *walk, uint32_t number, enum jg_wire_type type) {
  while (JG_UNLIKELY(walk->tag < number << 3)) {
    *walk = jg_wire_walk_skip(*walk);
  }
  return walk->tag == (number << 3 | (uint32_t)type);
}

/* Each of these takes the value and moves on to the next field. What is malformed ends the walk and is 0, or empty. */
static inline uint64_t jg_wire_walk_take_varint(struct jg_wire_walk *walk) {
  const unsigned char *p = walk->p;
  uint64_t value = 0;
  if (JG_LIKELY(walk->end - p >= 2)) {
    value = p[0];
    p++;
    if (value >= 0x80) {
      value = (value & 0x7F) | (uint64_t)(p[0] & 0x7F) << 7;
      // Seconds of this century and most nanoseconds take five bytes.
      for (unsigned shift = 14; *p++ >= 0x80; shift += 7) {
        if (JG_UNLIKELY(p == walk->end || shift > 56)) {
          goto slow;
        }
        value |= (uint64_t)(*p & 0x7F) << shift;
      }
    }
    walk->p = p;
    jg_wire_walk_next(walk);
    return value;
  }
slow:;
  struct jg_wire_field field;
  *walk = jg_wire_walk_take_slow(*walk, &field);
  return field.value;
}

static inline struct jg_str jg_wire_walk_take_bytes(struct jg_wire_walk *walk) {
  const unsigned char *p = walk->p;
  if (JG_LIKELY(walk->end - p >= 2)) {
    size_t len = p[0];
    const unsigned char *data = p + 1;
    if (len >= 0x80) {
      len = p[1] < 0x80 ? (len & 0x7F) | (size_t)p[1] << 7 : SIZE_MAX;
      data = p + 2;
    }
    if (JG_LIKELY(len <= (size_t)(walk->end - data))) {
      walk->p = data + len;
      jg_wire_walk_next(walk);
      return jg_str_make((const char *)data, len);
    }
  }
  struct jg_wire_field field;
  *walk = jg_wire_walk_take_slow(*walk, &field);
  return field.bytes;
}

static inline uint64_t jg_wire_walk_take_fixed64(struct jg_wire_walk *walk) {
  const unsigned char *p = walk->p;
  if (JG_UNLIKELY(walk->end - p < 8)) {
    walk->tag = JG_WIRE_WALK_END;
    return 0;
  }
  uint64_t value = 0;
  for (unsigned i = 0; i < 8; i++) {
    value |= (uint64_t)p[i] << (8 * i);
  }
  walk->p = p + 8;
  jg_wire_walk_next(walk);
  return value;
}

#endif
