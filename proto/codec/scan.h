/* The search for the end of a plain run in a JSON string, 16 bytes at a time. Only for the modules of this folder.
 * Thread: any. */
#ifndef JG_PROTO_CODEC_SCAN_H
#define JG_PROTO_CODEC_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A quote, a backslash or a control character. */
static inline bool jg_scan_special(unsigned char c) {
  return c == '"' || c == '\\' || c < 0x20;
}

/* The same for eight bytes at once: the high bit of a byte is set where it is special. The lowest set one is exact; above
 * it a borrow may set more, which does not matter to whoever asks for the first. */
static inline uint64_t jg_scan_special_word(uint64_t word) {
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t quote = word ^ (ones * '"');
  uint64_t backslash = word ^ (ones * '\\');
  uint64_t found = (quote - ones) & ~quote;
  found |= (backslash - ones) & ~backslash;
  found |= (word - ones * 0x20) & ~word;
  return found & (ones << 7);
}

/* The first special byte of [p, end), or end: where there is no SSE2. */
static inline const char *jg_scan_plain_portable(const char *p, const char *end) {
  for (; end - p >= 8; p += 8) {
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    if (jg_scan_special_word(word) != 0) {
      break;  // The loop below finds which.
    }
  }
  while (p < end && !jg_scan_special((unsigned char)*p)) {
    p++;
  }
  return p;
}

/* The first special byte of [p, end), or end. */
static inline const char *jg_scan_plain(const char *p, const char *end) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  const __m128i control_max = _mm_set1_epi8(0x1f);
  for (; end - p >= 16; p += 16) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
    found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_min_epu8(bytes, control_max), bytes));
    int mask = _mm_movemask_epi8(found);
    if (mask != 0) {
      return p + __builtin_ctz((unsigned)mask);
    }
  }
#endif
  return jg_scan_plain_portable(p, end);
}

#endif
