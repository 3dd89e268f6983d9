/* The protobuf wire format, read and written field by field (protobuf.dev, encoding). Thread: any. */
#ifndef JG_PROTO_CODEC_WIRE_H
#define JG_PROTO_CODEC_WIRE_H

#include "base/buf.h"

/* The largest field number. */
#define JG_WIRE_NUMBER_MAX ((1u << 29) - 1)

enum jg_wire_type { JG_WIRE_VARINT = 0, JG_WIRE_FIXED64 = 1, JG_WIRE_LEN = 2, JG_WIRE_FIXED32 = 5 };

struct jg_wire_field {
  uint32_t number;
  enum jg_wire_type type;
  uint64_t value;      /* VARINT, FIXED64, FIXED32 */
  struct jg_str bytes; /* LEN: borrowed */
  struct jg_str raw;   /* tag and value as they stand */
};

struct jg_wire_reader {
  struct jg_str rest;
  bool failed; /* malformed input was met */
};

static inline void jg_wire_reader_init(struct jg_wire_reader *reader, struct jg_str bytes) {
  *reader = (struct jg_wire_reader){bytes, false};
}
/* False at the end and on malformed input (then failed is set). Groups are malformed, and so is field number 0. */
bool jg_wire_next(struct jg_wire_reader *reader, struct jg_wire_field *ret_field);
/* The bits of a FIXED64 as a double. */
static inline double jg_wire_double(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

size_t jg_wire_varint_size(uint64_t value);
void jg_wire_put_varint(struct jg_buf *out, uint64_t value);
void jg_wire_put_tag(struct jg_buf *out, uint32_t number, enum jg_wire_type type);
void jg_wire_put_uint(struct jg_buf *out, uint32_t number, uint64_t value);       /* nothing for 0 */
void jg_wire_put_bytes(struct jg_buf *out, uint32_t number, struct jg_str bytes); /* also when empty */
void jg_wire_put_timestamp(struct jg_buf *out, uint32_t number, int64_t ticks);   /* nothing for JG_TICKS_UNSET */

#endif
