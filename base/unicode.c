#include "base/unicode.h"

#include <utf8proc.h>

#include "base/utf8.h"

/* The first byte of a code point above U+FFFF: two UTF-16 units. */
#define FOUR_BYTES 0xF0

static size_t map_case(struct jg_str s, utf8proc_int32_t (*map)(utf8proc_int32_t), char first, char last, char *out) {
  size_t written = 0;
  for (size_t at = 0; at < s.len;) {
    char c = s.data[at];
    if ((unsigned char)c < 0x80) {
      out[written++] = (char)(c >= first && c <= last ? c ^ ('a' ^ 'A') : c);
      at++;
      continue;
    }
    uint32_t code_point = jg_utf8_next(s, &at);
    written += jg_utf8_put((uint32_t)map((utf8proc_int32_t)code_point), out + written);
  }
  return written;
}

size_t jg_unicode_lower(struct jg_str s, char *out) {
  return map_case(s, utf8proc_tolower, 'A', 'Z', out);
}

size_t jg_unicode_upper(struct jg_str s, char *out) {
  return map_case(s, utf8proc_toupper, 'a', 'z', out);
}

int64_t jg_unicode_index_of(struct jg_str s, struct jg_str part) {
  if (part.len == 0) {
    return 0;
  }
  // Valid UTF-8 is found at the beginning of a code point alone.
  const char *found = s.len != 0 ? memmem(s.data, s.len, part.data, part.len) : NULL;
  if (found == NULL) {
    return -1;
  }
  return (int64_t)jg_utf8_utf16_length(jg_str_make(s.data, (size_t)(found - s.data)));
}

static bool continues(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* Moves `at` over code points that end at or before `units` more UTF-16 units; what is left of them comes back. */
static size_t advance(struct jg_str s, size_t *at, size_t units) {
  while (*at < s.len && units > 0) {
    size_t own = (unsigned char)s.data[*at] >= FOUR_BYTES ? 2 : 1;
    if (own > units) {
      break;
    }
    units -= own;
    do {
      (*at)++;
    } while (*at < s.len && continues(s.data[*at]));
  }
  return units;
}

struct jg_str jg_unicode_substring(struct jg_str s, int64_t start, int64_t count) {
  size_t units = count > 0 ? (size_t)count : 0;
  size_t from = 0;
  if (start > 0 && advance(s, &from, (size_t)start) == 1 && from < s.len) {
    // The start is inside a pair: its second half is one of the units asked for, and is left out.
    (void)advance(s, &from, 2);
    units -= units > 0;
  }
  size_t to = from;
  (void)advance(s, &to, units);
  return jg_str_sub(s, from, to - from);
}

static bool is_space(uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

struct jg_str jg_unicode_trim(struct jg_str s) {
  size_t from = 0;
  for (size_t at = 0; at < s.len && is_space(jg_utf8_next(s, &at));) {
    from = at;
  }
  size_t to = s.len;
  while (to > from) {
    size_t last = to - 1;
    while (last > from && continues(s.data[last])) {
      last--;
    }
    size_t at = last;
    if (!is_space(jg_utf8_next(s, &at))) {
      break;
    }
    to = last;
  }
  return jg_str_sub(s, from, to - from);
}
