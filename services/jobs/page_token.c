#include "services/jobs/page_token.h"

#include <xxhash.h>

#include "base/base64url.h"
#include "base/compiler.h"

/* version, by key, bytes of keys, filter hash, order hash, rows passed, id, keys, zeros up to a multiple of 3 with the sum, sum: so that
 * each token has one spelling. */
#define VERSION 2u
#define KEYS_AT 44u
#define SUM_BYTES 8u
_Static_assert(KEYS_AT + SUM_BYTES == 52, "JG_PAGE_TOKEN_LEN counts them");

/* No secret: it tells slips and mix-ups, and a forged key only names a place in the caller's own jobs. */
static uint64_t sum_of(const uint8_t *bytes, size_t len, int64_t tenant) {
  return XXH3_64bits_withSeed(bytes, len, (uint64_t)tenant);
}

struct jg_str jg_page_token_format(const struct jg_page_token *token, int64_t tenant, struct jg_arena *arena) {
  JG_ASSERT(token->keys.len <= JG_PAGE_TOKEN_KEYS_MAX && token->passed >= 0);
  size_t text_len = JG_PAGE_TOKEN_LEN(token->keys.len);
  size_t len = text_len / 4 * 3;
  uint8_t *bytes = jg_arena_alloc_zero(arena, len);
  char *text = jg_arena_alloc(arena, text_len + 1);
  if (bytes == NULL || text == NULL) {
    return JG_STR_NONE;
  }
  bytes[0] = VERSION;
  bytes[1] = token->by_key;
  bytes[2] = (uint8_t)(token->keys.len >> 8);
  bytes[3] = (uint8_t)token->keys.len;
  jg_put_be64(bytes + 4, token->filter_hash);
  jg_put_be64(bytes + 12, token->order_hash);
  jg_put_be64(bytes + 20, (uint64_t)token->passed);
  memcpy(bytes + 28, token->id.bytes, sizeof(token->id.bytes));
  if (token->keys.len != 0) {
    memcpy(bytes + KEYS_AT, token->keys.data, token->keys.len);
  }
  jg_put_be64(bytes + len - SUM_BYTES, sum_of(bytes, len - SUM_BYTES, tenant));
  jg_base64url_encode(bytes, len, text);
  text[text_len] = '\0';
  return jg_str_make(text, text_len);
}

bool jg_page_token_parse(struct jg_str text, int64_t tenant, struct jg_arena *arena, struct jg_page_token *ret_token) {
  if (text.len % 4 != 0 || text.len < JG_PAGE_TOKEN_LEN(0) || text.len > JG_PAGE_TOKEN_LEN_MAX) {
    return false;
  }
  size_t len = text.len / 4 * 3;
  uint8_t *bytes = jg_arena_alloc(arena, len);
  if (bytes == NULL || !jg_base64url_decode(text, bytes) || bytes[0] != VERSION || bytes[1] > 1 ||
      jg_take_be64(bytes + len - SUM_BYTES) != sum_of(bytes, len - SUM_BYTES, tenant)) {
    return false;
  }
  size_t keys_len = (size_t)bytes[2] << 8 | bytes[3];
  int64_t passed = (int64_t)jg_take_be64(bytes + 20);
  if (JG_PAGE_TOKEN_LEN(keys_len) != text.len || passed < 0) {
    return false;
  }
  *ret_token = (struct jg_page_token){.filter_hash = jg_take_be64(bytes + 4),
                                      .order_hash = jg_take_be64(bytes + 12),
                                      .passed = passed,
                                      .by_key = bytes[1] != 0,
                                      .keys = jg_str_make((const char *)bytes + KEYS_AT, keys_len)};
  memcpy(ret_token->id.bytes, bytes + 28, sizeof(ret_token->id.bytes));
  return true;
}
