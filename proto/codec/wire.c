#include "proto/codec/wire.h"

#include "base/clock.h"
#include "proto/codec/date.h"

#define VARINT_BYTES_MAX 10u
#define TAG_BYTES_MAX 5u

static char *put_varint(char *p, uint64_t value) {
  while (value >= 0x80) {
    *p++ = (char)(value | 0x80);
    value >>= 7;
  }
  *p++ = (char)value;
  return p;
}

/* The byte behind the varint, or NULL. Bits beyond the 64th are dropped, as every protobuf library does. */
static const unsigned char *take_varint(const unsigned char *p, const unsigned char *end, size_t bytes_max,
                                        uint64_t *ret_value) {
  if ((size_t)(end - p) < bytes_max) {
    bytes_max = (size_t)(end - p);
  }
  uint64_t value = 0;
  for (size_t i = 0; i < bytes_max; i++) {
    value |= (uint64_t)(p[i] & 0x7F) << (7 * i);
    if (p[i] < 0x80) {
      *ret_value = value;
      return p + i + 1;
    }
  }
  return NULL;
}

static const unsigned char *take_fixed(const unsigned char *p, const unsigned char *end, size_t bytes,
                                       uint64_t *ret_value) {
  if ((size_t)(end - p) < bytes) {
    return NULL;
  }
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; i++) {
    value |= (uint64_t)p[i] << (8 * i);
  }
  *ret_value = value;
  return p + bytes;
}

static bool fail(struct jg_wire_reader *reader) {
  reader->failed = true;
  reader->rest = JG_STR_NONE;
  return false;
}

JG_HOT bool jg_wire_next(struct jg_wire_reader *reader, struct jg_wire_field *ret_field) {
  const unsigned char *start = (const unsigned char *)reader->rest.data;
  if (reader->rest.len == 0) {
    return false;
  }
  const unsigned char *end = start + reader->rest.len;
  uint64_t tag = 0;
  const unsigned char *p = take_varint(start, end, TAG_BYTES_MAX, &tag);
  if (p == NULL || tag > UINT32_MAX || tag >> 3 == 0) {
    return fail(reader);
  }
  struct jg_wire_field field = {.number = (uint32_t)(tag >> 3), .type = (enum jg_wire_type)(tag & 7)};
  switch (field.type) {
    case JG_WIRE_VARINT:
      p = take_varint(p, end, VARINT_BYTES_MAX, &field.value);
      break;
    case JG_WIRE_FIXED64:
      p = take_fixed(p, end, 8, &field.value);
      break;
    case JG_WIRE_FIXED32:
      p = take_fixed(p, end, 4, &field.value);
      break;
    case JG_WIRE_LEN: {
      uint64_t len = 0;
      p = take_varint(p, end, VARINT_BYTES_MAX, &len);
      if (p == NULL || len > (size_t)(end - p)) {
        return fail(reader);
      }
      field.bytes = jg_str_make((const char *)p, (size_t)len);
      p += len;
      break;
    }
    default:
      return fail(reader);  // Groups, and the two types that do not exist.
  }
  if (p == NULL) {
    return fail(reader);
  }
  field.raw = jg_str_make((const char *)start, (size_t)(p - start));
  reader->rest = jg_str_make((const char *)p, (size_t)(end - p));
  *ret_field = field;
  return true;
}

size_t jg_wire_varint_size(uint64_t value) {
  // 64 - clz bits, seven of them in a byte; zero takes one byte.
  return (size_t)(70 - __builtin_clzll(value | 1)) / 7;
}

void jg_wire_put_varint(struct jg_buf *out, uint64_t value) {
  char *p = jg_buf_reserve(out, jg_wire_varint_size(value));
  if (p != NULL) {
    out->len += (size_t)(put_varint(p, value) - p);
  }
}

void jg_wire_put_tag(struct jg_buf *out, uint32_t number, enum jg_wire_type type) {
  JG_ASSERT(number > 0 && number <= JG_WIRE_NUMBER_MAX);
  jg_wire_put_varint(out, (uint64_t)number << 3 | (uint64_t)type);
}

void jg_wire_put_uint(struct jg_buf *out, uint32_t number, uint64_t value) {
  if (value != 0) {
    jg_wire_put_tag(out, number, JG_WIRE_VARINT);
    jg_wire_put_varint(out, value);
  }
}

void jg_wire_put_bytes(struct jg_buf *out, uint32_t number, struct jg_str bytes) {
  jg_wire_put_tag(out, number, JG_WIRE_LEN);
  jg_wire_put_varint(out, bytes.len);
  jg_buf_append_str(out, bytes);
}

void jg_wire_put_timestamp(struct jg_buf *out, uint32_t number, int64_t ticks) {
  if (ticks == JG_TICKS_UNSET) {
    return;
  }
  int64_t seconds = 0;
  int32_t nanos = 0;
  jg_date_to_timestamp(ticks, &seconds, &nanos);
  char body[2 * (1 + VARINT_BYTES_MAX)];
  char *p = body;
  if (seconds != 0) {
    *p++ = 1 << 3 | JG_WIRE_VARINT;
    p = put_varint(p, (uint64_t)seconds);
  }
  if (nanos != 0) {
    *p++ = 2 << 3 | JG_WIRE_VARINT;
    p = put_varint(p, (uint64_t)nanos);
  }
  jg_wire_put_bytes(out, number, jg_str_make(body, (size_t)(p - body)));
}
