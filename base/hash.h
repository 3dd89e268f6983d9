/* Mixing of integers for hash tables; not for anything that an attacker must not foresee. Thread: any. */
#ifndef JG_BASE_HASH_H
#define JG_BASE_HASH_H

#include <stdint.h>

/* Every bit of the result depends on every bit of x (the finalizer of MurmurHash3, which is in the public domain). */
static inline uint64_t jg_hash_mix(uint64_t x) {
  x ^= x >> 33;
  x *= UINT64_C(0xff51afd7ed558ccd);
  x ^= x >> 33;
  x *= UINT64_C(0xc4ceb9fe1a85ec53);
  x ^= x >> 33;
  return x;
}

#endif
