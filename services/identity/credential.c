#include "services/identity/credential.h"

#include "base/utf8.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
#define PADDING 64 /* its index */

static int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Canonical base64 alone (RFC 4648 section 3.5): padded, no other characters, no bits left over, so that one credential has one
 * spelling. `out` has room for three bytes for each four characters. */
static bool decode(struct jg_str text, char *out, size_t *ret_len) {
  if (text.len == 0 || text.len % 4 != 0) {
    return false;
  }
  size_t padding = text.data[text.len - 1] != '=' ? 0 : text.data[text.len - 2] != '=' ? 1 : 2;
  size_t digits = text.len - padding, len = 0;
  uint32_t bits = 0;
  for (size_t i = 0; i < digits; i++) {
    int digit = digit_of(text.data[i]);
    if (digit < 0) {
      return false;
    }
    bits = bits << 6 | (uint32_t)digit;
    if (i % 4 != 0) {
      unsigned left = 6 - 2 * (unsigned)(i % 4);
      out[len++] = (char)(bits >> left & 0xff);
      bits &= (1u << left) - 1;
    }
  }
  *ret_len = len;
  return bits == 0;
}

bool jg_credential_part_valid(struct jg_str part) {
  if (part.len == 0 || part.len > JG_CREDENTIAL_PART_BYTES_MAX || !jg_utf8_valid(part)) {
    return false;
  }
  for (size_t i = 0; i < part.len; i++) {
    // RFC 7617 section 2: no control characters. A NUL would end the password where the hash is made.
    unsigned char c = (unsigned char)part.data[i];
    if (c < 0x20 || c == 0x7f) {
      return false;
    }
  }
  return true;
}

static size_t last_at(struct jg_str text) {
  for (size_t i = text.len; i > 0; i--) {
    if (text.data[i - 1] == '@') {
      return i - 1;
    }
  }
  return SIZE_MAX;
}

static bool split(struct jg_str text, struct jg_credential *credential) {
  size_t colon = jg_str_find(text, ':', 0), at = last_at(text);
  if (colon == SIZE_MAX || at == SIZE_MAX || at < colon) {
    return false;
  }
  credential->user = jg_str_sub(text, 0, colon);
  credential->password = jg_str_sub(text, colon + 1, at - colon - 1);
  credential->domain = jg_str_sub(text, at + 1, text.len);
  return jg_credential_part_valid(credential->user) && jg_credential_part_valid(credential->password) &&
         jg_credential_part_valid(credential->domain);
}

bool jg_credential_parse(struct jg_str authorization, struct jg_credential *credential) {
  struct jg_str rest = JG_STR_NONE;
  struct jg_str scheme = jg_str_cut(authorization, ' ', &rest);
  struct jg_str token = jg_str_trim(rest);
  size_t len = 0;
  bool ok = jg_str_equal_nocase(scheme, JG_STR("basic")) && token.len <= sizeof(credential->text) / 3 * 4 &&
            decode(token, credential->text, &len) && split(jg_str_make(credential->text, len), credential);
  if (!ok) {
    jg_credential_done(credential);
  }
  return ok;
}

void jg_credential_done(struct jg_credential *credential) {
  explicit_bzero(credential, sizeof(*credential));
}

bool jg_credential_parse_user(struct jg_str text, struct jg_str *ret_user, struct jg_str *ret_domain) {
  size_t at = last_at(text);
  if (at == SIZE_MAX) {
    return false;
  }
  struct jg_str user = jg_str_sub(text, 0, at), domain = jg_str_sub(text, at + 1, text.len);
  if (!jg_credential_part_valid(user) || !jg_credential_part_valid(domain) || jg_str_find(user, ':', 0) != SIZE_MAX) {
    return false;
  }
  *ret_user = user;
  *ret_domain = domain;
  return true;
}

static char *put(char *out, struct jg_str s) {
  memcpy(out, s.data, s.len);
  return out + s.len;
}

size_t jg_credential_format(struct jg_str user, struct jg_str password, struct jg_str domain,
                            char out[JG_CREDENTIAL_HEADER_BYTES_MAX]) {
  JG_ASSERT(jg_credential_part_valid(user) && jg_credential_part_valid(password) && jg_credential_part_valid(domain));
  char text[JG_CREDENTIAL_BYTES_MAX + 2] = {0}; /* read in threes */
  char *end = put(put(put(put(put(text, user), JG_STR(":")), password), JG_STR("@")), domain);
  size_t len = (size_t)(end - text);
  char *next = put(out, JG_STR("Basic "));
  for (size_t i = 0; i < len; i += 3) {
    uint32_t bits = (uint32_t)(unsigned char)text[i] << 16 | (uint32_t)(unsigned char)text[i + 1] << 8 |
                    (uint32_t)(unsigned char)text[i + 2];
    *next++ = alphabet[bits >> 18];
    *next++ = alphabet[bits >> 12 & 63];
    *next++ = alphabet[i + 1 < len ? bits >> 6 & 63 : PADDING];
    *next++ = alphabet[i + 2 < len ? bits & 63 : PADDING];
  }
  explicit_bzero(text, sizeof(text));
  return (size_t)(next - out);
}
