/* What tokens are made of: base64url (RFC 4648 section 5) of whole groups, so that there is no padding, no spare bit and one
 * spelling of each token; and big-endian integers in their bytes. Thread: any. */
#ifndef JG_BASE_BASE64URL_H
#define JG_BASE_BASE64URL_H

#include "base/compiler.h"
#include "base/str.h"

/* len: a multiple of 3. Writes len / 3 * 4 characters, no NUL. */
void jg_base64url_encode(const uint8_t *bytes, size_t len, char *out);
/* Writes text.len / 4 * 3 bytes. False if the length is no multiple of 4 or a character is none of the alphabet's; what was
 * written then means nothing. */
JG_MUST_CHECK bool jg_base64url_decode(struct jg_str text, uint8_t *out);

static inline void jg_put_be64(uint8_t out[8], uint64_t value) {
  for (size_t i = 0; i < 8; i++) {
    out[i] = (uint8_t)(value >> (56 - 8 * i));
  }
}

static inline uint64_t jg_take_be64(const uint8_t bytes[8]) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; i++) {
    value = value << 8 | bytes[i];
  }
  return value;
}

#endif
