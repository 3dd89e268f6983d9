#include "services/jobs/page_token.h"

#include <xxhash.h>

#include "base/compiler.h"

/* version, order, filter hash, id, time, sum: a multiple of 3 bytes, so that each token has one spelling. */
#define VERSION 1u
#define SUM_AT 34u
#define TOKEN_BYTES 42u
_Static_assert(TOKEN_BYTES % 3 == 0 && TOKEN_BYTES / 3 * 4 == JG_PAGE_TOKEN_LEN, "base64 without spare bits");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put_u64(uint8_t *out, uint64_t value) {
  for (size_t i = 0; i < 8; i++) {
    out[i] = (uint8_t)(value >> (56 - 8 * i));
  }
}

static uint64_t take_u64(const uint8_t *bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; i++) {
    value = value << 8 | bytes[i];
  }
  return value;
}

/* No secret: it tells slips and mix-ups, and a forged key only names a place in the caller's own jobs. */
static uint64_t sum_of(const uint8_t bytes[TOKEN_BYTES], int64_t tenant) {
  return XXH3_64bits_withSeed(bytes, SUM_AT, (uint64_t)tenant);
}

void jg_page_token_format(const struct jg_page_token *token, int64_t tenant, char out[JG_PAGE_TOKEN_LEN]) {
  uint8_t bytes[TOKEN_BYTES];
  bytes[0] = VERSION;
  bytes[1] = (uint8_t)((unsigned)token->order << 1 | token->descending);
  put_u64(bytes + 2, token->filter_hash);
  memcpy(bytes + 10, token->id.bytes, sizeof(token->id.bytes));
  put_u64(bytes + 26, (uint64_t)token->modified_ticks);
  put_u64(bytes + SUM_AT, sum_of(bytes, tenant));
  for (size_t i = 0; i < TOKEN_BYTES / 3; i++) {
    uint32_t group = (uint32_t)bytes[3 * i] << 16 | (uint32_t)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];
    for (size_t j = 0; j < 4; j++) {
      out[4 * i + j] = alphabet[group >> (18 - 6 * j) & 63];
    }
  }
}

static bool decode(struct jg_str text, uint8_t bytes[TOKEN_BYTES]) {
  if (text.len != JG_PAGE_TOKEN_LEN) {
    return false;
  }
  for (size_t i = 0; i < TOKEN_BYTES / 3; i++) {
    uint32_t group = 0;
    for (size_t j = 0; j < 4; j++) {
      const char *at = memchr(alphabet, text.data[4 * i + j], sizeof(alphabet) - 1);
      if (at == NULL) {
        return false;
      }
      group = group << 6 | (uint32_t)(at - alphabet);
    }
    for (size_t j = 0; j < 3; j++) {
      bytes[3 * i + j] = (uint8_t)(group >> (16 - 8 * j));
    }
  }
  return true;
}

bool jg_page_token_parse(struct jg_str text, int64_t tenant, struct jg_page_token *ret_token) {
  uint8_t bytes[TOKEN_BYTES];
  if (!decode(text, bytes) || bytes[0] != VERSION || bytes[1] > (JG_ORDER_MODIFIED << 1 | 1) ||
      take_u64(bytes + SUM_AT) != sum_of(bytes, tenant)) {
    return false;
  }
  *ret_token = (struct jg_page_token){
      .order = (enum jg_job_order)(bytes[1] >> 1),
      .descending = (bytes[1] & 1) != 0,
      .filter_hash = take_u64(bytes + 2),
      .modified_ticks = (int64_t)take_u64(bytes + 26),
  };
  memcpy(ret_token->id.bytes, bytes + 10, sizeof(ret_token->id.bytes));
  return true;
}
