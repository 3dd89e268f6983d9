#include "base/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void jg_base64url_encode(const uint8_t *bytes, size_t len, char *out) {
  JG_ASSERT(len % 3 == 0);
  for (size_t i = 0; i < len; i += 3) {
    uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
    for (size_t j = 0; j < 4; j++) {
      *out++ = alphabet[group >> (18 - 6 * j) & 63];
    }
  }
}

static int value_of(char c) {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool jg_base64url_decode(struct jg_str text, uint8_t *out) {
  if (text.len % 4 != 0) {
    return false;
  }
  for (size_t i = 0; i < text.len; i += 4) {
    uint32_t group = 0;
    for (size_t j = 0; j < 4; j++) {
      int value = value_of(text.data[i + j]);
      if (value < 0) {
        return false;
      }
      group = group << 6 | (uint32_t)value;
    }
    *out++ = (uint8_t)(group >> 16);
    *out++ = (uint8_t)(group >> 8);
    *out++ = (uint8_t)group;
  }
  return true;
}
