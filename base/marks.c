#include "base/marks.h"

#include <stdatomic.h>

#include "base/compiler.h"
#include "base/hash.h"

struct jg_marks {
  size_t mask;
  _Atomic int64_t slots[];
};

struct jg_marks *jg_marks_create(size_t slots) {
  JG_ASSERT(slots > 0 && (slots & (slots - 1)) == 0);
  struct jg_marks *marks = jg_alloc_zero(1, sizeof(*marks) + slots * sizeof(marks->slots[0]));
  marks->mask = slots - 1;
  return marks;
}

void jg_marks_destroy(struct jg_marks *marks) {
  jg_free(marks);
}

static size_t slot_of(const struct jg_marks *marks, uint64_t key) {
  return (size_t)jg_hash_mix(key) & marks->mask;
}

void jg_marks_raise(struct jg_marks *marks, uint64_t key, int64_t value) {
  _Atomic int64_t *slot = &marks->slots[slot_of(marks, key)];
  int64_t old = atomic_load_explicit(slot, memory_order_relaxed);
  // Release: who sees the mark sees what was done before it was raised.
  while (old < value &&
         !atomic_compare_exchange_weak_explicit(slot, &old, value, memory_order_release, memory_order_relaxed)) {
  }
}

int64_t jg_marks_get(const struct jg_marks *marks, uint64_t key) {
  return atomic_load_explicit(&marks->slots[slot_of(marks, key)], memory_order_acquire);
}
