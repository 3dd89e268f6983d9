#include "base/uuid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define TICKS_PER_MS (JG_TICKS_PER_SECOND / 1000)
#define IS_DIGIT 0x10u /* above the digit's value */

/* Where each byte's two digits stand in the text. */
static const uint8_t text_at[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

static const uint8_t digits[256] = {
    ['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15, ['6'] = 0x16, ['7'] = 0x17,
    ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1A, ['b'] = 0x1B, ['c'] = 0x1C, ['d'] = 0x1D, ['e'] = 0x1E, ['f'] = 0x1F,
    ['A'] = 0x1A, ['B'] = 0x1B, ['C'] = 0x1C, ['D'] = 0x1D, ['E'] = 0x1E, ['F'] = 0x1F,
};

JG_HOT bool jg_uuid_parse(struct jg_str text, struct jg_uuid *ret_uuid) {
  if (text.len != JG_UUID_TEXT_LEN) {
    return false;
  }
  const unsigned char *p = (const unsigned char *)text.data;
  struct jg_uuid uuid;
  unsigned all_digits = IS_DIGIT;
  for (size_t i = 0; i < JG_COUNT(text_at); i++) {
    unsigned high = digits[p[text_at[i]]];
    unsigned low = digits[p[text_at[i] + 1]];
    all_digits &= high & low;
    uuid.bytes[i] = (uint8_t)((high << 4) | (low & 0x0F));
  }
  if (all_digits == 0 || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-') {
    return false;
  }
  *ret_uuid = uuid;
  return true;
}

JG_HOT void jg_uuid_format(struct jg_uuid uuid, char out[JG_UUID_TEXT_LEN]) {
  static const char hex[] = "0123456789abcdef";
  for (size_t i = 0; i < JG_COUNT(text_at); i++) {
    out[text_at[i]] = hex[uuid.bytes[i] >> 4];
    out[text_at[i] + 1] = hex[uuid.bytes[i] & 0x0F];
  }
  out[8] = out[13] = out[18] = out[23] = '-';
}

struct jg_uuid jg_uuid_v7(int64_t now_ticks, const uint8_t random[10]) {
  // RFC 9562 section 5.7: 48 bits of Unix milliseconds, version, 12 random bits, variant, 62 random bits.
  uint64_t ms = now_ticks > 0 ? (uint64_t)(now_ticks / TICKS_PER_MS) : 0;
  struct jg_uuid uuid;
  for (size_t i = 0; i < 6; i++) {
    uuid.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
  }
  memcpy(uuid.bytes + 6, random, 10);
  uuid.bytes[6] = (uint8_t)(0x70 | (uuid.bytes[6] & 0x0F));
  uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3F));
  return uuid;
}

bool jg_uuid_is_zero(struct jg_uuid uuid) {
  return jg_uuid_equal(uuid, JG_UUID_ZERO);
}

void jg_random(void *out, size_t len) {
  unsigned char *p = out;
  while (len > 0) {
    ssize_t got = getrandom(p, len, 0);
    if (got < 0 && errno != EINTR) {
      // Ids and tokens of a guessable generator would be worse than none.
      perror("getrandom");
      abort();
    }
    if (got > 0) {
      p += got;
      len -= (size_t)got;
    }
  }
}

struct jg_uuid jg_uuid_new(const struct jg_clock *clock) {
  uint8_t random[10];
  jg_random(random, sizeof(random));
  return jg_uuid_v7(jg_clock_now_ticks(clock), random);
}
