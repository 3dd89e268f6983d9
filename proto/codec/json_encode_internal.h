/* Included by json_encode.c, json_string.c, json_decimal.c and their tests alone: how the encoder writes into room that it
 * reserved. */
#ifndef JG_PROTO_CODEC_JSON_ENCODE_INTERNAL_H
#define JG_PROTO_CODEC_JSON_ENCODE_INTERNAL_H

#include "proto/codec/json_encode.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A member's key: its name, two quotes and a colon. */
#define JG_JSON_KEY_BYTES_MAX 48u

/* Strings are copied by blocks. */
#define JG_JSON_BLOCK 16

/* The longest: the smallest denormals, "-0." with 323 zeros and up to 17 digits. */
#define JG_JSON_DECIMAL_MAX 352

/* Bytes that s takes when escaped, without quotes. */
size_t jg_json_escaped_bytes(enum jg_json_escape escape, struct jg_str s);
/* Writes s escaped, without quotes, and returns the end; what jg_json_escaped_bytes says must fit before out_end. */
char *jg_json_put_escaped(enum jg_json_escape escape, struct jg_str s, char *out, const char *out_end);

/* Writes the text and returns its length; no NUL. NaN and infinities, which no message holds, come as 0.0. */
size_t jg_json_put_decimal(double value, char out[JG_JSON_DECIMAL_MAX]);

/* Eight bytes at once: the high bit of a byte is set where the byte needs an escape, or (JSON style) may begin U+0085,
 * U+2028 or U+2029. The lowest bit set is exact, those above it may be set wrongly. */
static inline uint64_t jg_json_special_word(enum jg_json_escape escape, uint64_t word) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t quote = word ^ (ones * '"');
  uint64_t backslash = word ^ (ones * '\\');
  uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word);
  if (escape == JG_JSON_ESCAPE_ODATA) {
    found |= word;
  } else {
    uint64_t lead_c2 = word ^ (ones * 0xC2);
    uint64_t lead_e2 = word ^ (ones * 0xE2);
    found |= ((lead_c2 - ones) & ~lead_c2) | ((lead_e2 - ones) & ~lead_e2);
  }
  return found & (ones << 7);
}

/* Copies a block and returns a bit for each byte that is special as above; again the lowest one is exact. */
static inline uint32_t jg_json_copy_block_portable(enum jg_json_escape escape, const char *s, char *out) {
  uint32_t bits = 0;
  for (size_t half = 0; half < 2; half++) {
    uint64_t word;
    memcpy(&word, s + half * 8, 8);
    memcpy(out + half * 8, &word, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    // The product gathers the eight high bits in its top byte.
    uint64_t found = jg_json_special_word(escape, word) >> 7;
    bits |= (uint32_t)(found * UINT64_C(0x0102040810204080) >> 56) << (half * 8);
  }
  return bits;
}

static inline uint32_t jg_json_copy_block(enum jg_json_escape escape, const char *s, char *out) {
#ifdef __SSE2__
  __m128i block = _mm_loadu_si128((const __m128i *)(const void *)s);
  _mm_storeu_si128((__m128i *)(void *)out, block);
  __m128i found = _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
  if (escape == JG_JSON_ESCAPE_ODATA) {
    // As signed bytes, what is above 0x7f is below 0x20 too.
    found = _mm_or_si128(found, _mm_cmplt_epi8(block, _mm_set1_epi8(0x20)));
  } else {
    found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block));
    found = _mm_or_si128(found, _mm_cmpeq_epi8(block, _mm_set1_epi8((char)0xC2)));
    found = _mm_or_si128(found, _mm_cmpeq_epi8(block, _mm_set1_epi8((char)0xE2)));
  }
  return (uint32_t)_mm_movemask_epi8(found);
#else
  return jg_json_copy_block_portable(escape, s, out);
#endif
}

#endif
