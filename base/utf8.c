#include "base/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define LOW_BITS UINT64_C(0x0101010101010101)

static uint64_t load_word(const unsigned char *p) {
  uint64_t word;
  memcpy(&word, p, sizeof(word));
  return word;
}

static bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

/* Bytes of the well-formed sequence at p, 0 if there is none (RFC 3629 section 4, UTF8-2 to UTF8-4).
 * The second byte alone tells overlong forms, surrogates and code points above U+10FFFF. */
static size_t sequence_length(const unsigned char *p, size_t left) {
  unsigned char lead = p[0];
  if (lead < 0xC2) {
    return 0;
  }
  if (lead < 0xE0) {
    return left >= 2 && is_continuation(p[1]) ? 2 : 0;
  }
  if (lead < 0xF0) {
    unsigned char low = lead == 0xE0 ? 0xA0 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : 0xBF;
    return left >= 3 && p[1] >= low && p[1] <= high && is_continuation(p[2]) ? 3 : 0;
  }
  if (lead < 0xF5) {
    unsigned char low = lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xF4 ? 0x8F : 0xBF;
    return left >= 4 && p[1] >= low && p[1] <= high && is_continuation(p[2]) && is_continuation(p[3]) ? 4 : 0;
  }
  return 0;
}

bool jg_utf8_valid(struct jg_str s) {
  const unsigned char *p = (const unsigned char *)s.data;
  size_t i = 0;
  while (i < s.len) {
    if (p[i] < 0x80) {
      // Text is mostly ASCII: 16 bytes a step while no high bit is set.
      while (s.len - i >= 16 && ((load_word(p + i) | load_word(p + i + 8)) & HIGH_BITS) == 0) {
        i += 16;
      }
      while (i < s.len && p[i] < 0x80) {
        i++;
      }
      continue;
    }
    size_t len = sequence_length(p + i, s.len - i);
    if (len == 0) {
      return false;
    }
    i += len;
  }
  return true;
}

size_t jg_utf8_utf16_length(struct jg_str s) {
  const unsigned char *p = (const unsigned char *)s.data;
  size_t units = 0;
  size_t i = 0;
  // Every byte but a continuation begins a code point; a lead of 0xF0 or more needs a surrogate pair.
  for (; s.len - i >= 8; i += 8) {
    uint64_t word = load_word(p + i);
    units += 8;
    if ((word & HIGH_BITS) != 0) {
      uint64_t continuations = (word >> 7) & ~(word >> 6) & LOW_BITS;
      uint64_t quads = (word >> 7) & (word >> 6) & (word >> 5) & (word >> 4) & LOW_BITS;
      // The product's top byte is the sum of the eight bytes.
      units -= (continuations * LOW_BITS) >> 56;
      units += (quads * LOW_BITS) >> 56;
    }
  }
  for (; i < s.len; i++) {
    units += (size_t)!is_continuation(p[i]) + (size_t)(p[i] >= 0xF0);
  }
  return units;
}

uint32_t jg_utf8_next(struct jg_str s, size_t *index) {
  JG_ASSERT(*index < s.len);
  const unsigned char *p = (const unsigned char *)s.data + *index;
  if (p[0] < 0x80) {
    *index += 1;
    return p[0];
  }
  size_t len = sequence_length(p, s.len - *index);
  JG_ASSERT(len != 0);
  *index += len;
  uint32_t code_point = p[0] & (0x7Fu >> len);
  for (size_t i = 1; i < len; i++) {
    code_point = (code_point << 6) | (p[i] & 0x3Fu);
  }
  return code_point;
}

size_t jg_utf8_put(uint32_t code_point, char *out) {
  JG_ASSERT(code_point <= 0x10FFFF);
  JG_ASSERT(code_point < 0xD800 || code_point > 0xDFFF);
  if (code_point < 0x80) {
    out[0] = (char)code_point;
    return 1;
  }
  if (code_point < 0x800) {
    out[0] = (char)(0xC0 | (code_point >> 6));
    out[1] = (char)(0x80 | (code_point & 0x3F));
    return 2;
  }
  if (code_point < 0x10000) {
    out[0] = (char)(0xE0 | (code_point >> 12));
    out[1] = (char)(0x80 | ((code_point >> 6) & 0x3F));
    out[2] = (char)(0x80 | (code_point & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | (code_point >> 18));
  out[1] = (char)(0x80 | ((code_point >> 12) & 0x3F));
  out[2] = (char)(0x80 | ((code_point >> 6) & 0x3F));
  out[3] = (char)(0x80 | (code_point & 0x3F));
  return 4;
}
