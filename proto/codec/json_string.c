#include "base/utf8.h"
#include "proto/codec/json_encode_internal.h"

/* "\ud83d\ude00" */
#define ESCAPE_MAX 12

static const char hex_digits[] = "0123456789abcdef";

static char *put_unit(char *out, uint32_t unit) {
  out[0] = '\\';
  out[1] = 'u';
  out[2] = hex_digits[unit >> 12];
  out[3] = hex_digits[unit >> 8 & 15];
  out[4] = hex_digits[unit >> 4 & 15];
  out[5] = hex_digits[unit & 15];
  return out + 6;
}

/* The letter of a two-character escape, or 0. */
static char short_escape(unsigned char c) {
  switch (c) {
    case '"':
    case '\\':
      return (char)c;
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

/* Writes the code point at *at as it is to stand in JSON and moves behind it; of one that needs no look it may be a single
 * byte, since a plain block may end within it. Returns the bytes written. */
static size_t put_code_point(enum jg_json_escape escape, struct jg_str s, size_t *at, char out[ESCAPE_MAX]) {
  unsigned char c = (unsigned char)s.data[*at];
  if (c < 0x80) {
    ++*at;
    char letter = short_escape(c);
    if (letter != 0) {
      out[0] = '\\';
      out[1] = letter;
      return 2;
    }
    if (c < 0x20) {
      return (size_t)(put_unit(out, c) - out);
    }
    out[0] = (char)c;
    return 1;
  }
  if (escape == JG_JSON_ESCAPE_JSON && c != 0xC2 && c != 0xE2) {
    ++*at;
    out[0] = (char)c;
    return 1;
  }
  size_t from = *at;
  // A damaged record must not end the process: what is no UTF-8 becomes U+FFFD.
  struct jg_str sequence = jg_str_sub(s, from, c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2);
  if (JG_UNLIKELY(!jg_utf8_valid(sequence))) {
    ++*at;
    return (size_t)(put_unit(out, 0xFFFD) - out);
  }
  uint32_t code_point = jg_utf8_next(s, at);
  if (code_point >= 0x10000 && escape == JG_JSON_ESCAPE_ODATA) {
    char *end = put_unit(out, 0xD800 + ((code_point - 0x10000) >> 10));
    return (size_t)(put_unit(end, 0xDC00 + ((code_point - 0x10000) & 0x3FF)) - out);
  }
  if (escape == JG_JSON_ESCAPE_ODATA || code_point == 0x85 || code_point == 0x2028 || code_point == 0x2029) {
    return (size_t)(put_unit(out, code_point) - out);
  }
  memcpy(out, s.data + from, *at - from);
  return *at - from;
}

size_t jg_json_escaped_bytes(enum jg_json_escape escape, struct jg_str s) {
  char copy[JG_JSON_BLOCK];
  char escaped[ESCAPE_MAX];
  size_t bytes = 0;
  size_t at = 0;
  while (at < s.len) {
    if (s.len - at >= JG_JSON_BLOCK) {
      uint32_t special = jg_json_copy_block(escape, s.data + at, copy);
      size_t plain = special == 0 ? JG_JSON_BLOCK : (size_t)__builtin_ctz(special);
      at += plain;
      bytes += plain;
      if (special == 0) {
        continue;
      }
    }
    bytes += put_code_point(escape, s, &at, escaped);
  }
  return bytes;
}

char *jg_json_put_escaped(enum jg_json_escape escape, struct jg_str s, char *out, const char *out_end) {
  char escaped[ESCAPE_MAX];
  size_t at = 0;
  while (at < s.len) {
    if (s.len - at >= JG_JSON_BLOCK && out_end - out >= JG_JSON_BLOCK) {
      uint32_t special = jg_json_copy_block(escape, s.data + at, out);
      size_t plain = special == 0 ? JG_JSON_BLOCK : (size_t)__builtin_ctz(special);
      at += plain;
      out += plain;
      if (special == 0) {
        continue;
      }
    }
    size_t bytes = put_code_point(escape, s, &at, escaped);
    memcpy(out, escaped, bytes);
    out += bytes;
  }
  return out;
}

void jg_json_encode_string(enum jg_json_escape escape, struct jg_str s, struct jg_buf *out) {
  size_t bytes = jg_json_escaped_bytes(escape, s) + 2;
  char *p = jg_buf_reserve(out, bytes);
  if (p == NULL) {
    return;
  }
  char *end = p + bytes;
  *p++ = '"';
  p = jg_json_put_escaped(escape, s, p, end);
  *p++ = '"';
  JG_ASSERT(p == end);
  out->len += bytes;
}
