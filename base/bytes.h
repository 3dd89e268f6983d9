/* Immutable, reference-counted bytes: what threads share without copying. Thread: any. */
#ifndef JG_BASE_BYTES_H
#define JG_BASE_BYTES_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/str.h"

/* Full here so that readers index it inline; only bytes.c writes it. */
struct jg_bytes {
  _Atomic uint32_t refs;
  uint32_t reserved;
  size_t len;
  char data[];
};

/* Copies `s`; the caller owns one reference. */
struct jg_bytes *jg_bytes_create(struct jg_str s);
/* Uninitialised room for len bytes, to be filled before the first share. */
struct jg_bytes *jg_bytes_create_room(size_t len);
struct jg_bytes *jg_bytes_ref(struct jg_bytes *bytes);
void jg_bytes_unref(struct jg_bytes *bytes); /* NULL is allowed */
static inline struct jg_str jg_bytes_str(const struct jg_bytes *bytes) {
  return (struct jg_str){bytes->data, bytes->len};
}

#endif
