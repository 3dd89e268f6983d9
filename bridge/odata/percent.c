#include "bridge/odata/percent.h"

static int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool jg_percent_decode(struct jg_arena *arena, struct jg_str text, bool plus_is_space, struct jg_str *ret_decoded) {
  bool plain = jg_str_find(text, '%', 0) == SIZE_MAX && (!plus_is_space || jg_str_find(text, '+', 0) == SIZE_MAX);
  if (plain) {
    *ret_decoded = text;
    return true;
  }
  // First the check: a malformed escape is told even at the arena's cap.
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] == '%' &&
        (text.len - i < 3 || hex_value(text.data[i + 1]) < 0 || hex_value(text.data[i + 2]) < 0)) {
      return false;
    }
  }
  char *out = jg_arena_alloc(arena, text.len);
  size_t len = 0;
  for (size_t i = 0; out != NULL && i < text.len; i++) {
    char c = text.data[i];
    if (c == '%') {
      c = (char)(hex_value(text.data[i + 1]) * 16 + hex_value(text.data[i + 2]));
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    out[len++] = c;
  }
  *ret_decoded = jg_str_make(out, len);
  return true;
}

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void jg_percent_encode(struct jg_str text, struct jg_buf *out) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (is_unreserved(text.data[i])) {
      jg_buf_append_char(out, text.data[i]);
      continue;
    }
    const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
    jg_buf_append(out, escape, sizeof(escape));
  }
}
