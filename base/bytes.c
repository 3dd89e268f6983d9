#include "base/bytes.h"

struct jg_bytes *jg_bytes_create(struct jg_str s) {
  struct jg_bytes *bytes = jg_bytes_create_room(s.len);
  if (s.len != 0) {
    memcpy(bytes->data, s.data, s.len);
  }
  return bytes;
}

struct jg_bytes *jg_bytes_create_room(size_t len) {
  size_t total = 0;
  JG_ASSERT(jg_size_add(sizeof(struct jg_bytes), len, &total));
  struct jg_bytes *bytes = jg_alloc(total);
  atomic_init(&bytes->refs, 1);
  bytes->reserved = 0;
  bytes->len = len;
  return bytes;
}

struct jg_bytes *jg_bytes_ref(struct jg_bytes *bytes) {
  // Relaxed: whoever hands over the pointer already orders the contents.
  uint32_t before = atomic_fetch_add_explicit(&bytes->refs, 1, memory_order_relaxed);
  JG_ASSERT(before != 0 && before < UINT32_MAX);
  return bytes;
}

void jg_bytes_unref(struct jg_bytes *bytes) {
  if (bytes == NULL) {
    return;
  }
  // Release: our last reads come before the free; acquire: the one who frees sees everybody's.
  uint32_t before = atomic_fetch_sub_explicit(&bytes->refs, 1, memory_order_acq_rel);
  JG_ASSERT(before != 0);
  if (before == 1) {
    jg_free(bytes);
  }
}
