#include <stdatomic.h>

#include "base/compiler.h"
#include "cache/cache.h"

static struct jg_str copy_text(char **next, struct jg_str text);

struct jg_cache_value *jg_cache_value_create(const struct jg_cache_key *key, const struct jg_expanded *expanded) {
  size_t bytes = sizeof(struct jg_cache_value);
  JG_ASSERT(jg_size_add(bytes, expanded->proto.len, &bytes));
  JG_ASSERT(jg_size_add(bytes, expanded->json.len, &bytes));
  JG_ASSERT(jg_size_add(bytes, expanded->key.len, &bytes));
  struct jg_cache_value *value = jg_alloc(bytes);
  char *next = (char *)(value + 1);
  atomic_init(&value->refs, 1);
  value->key = *key;
  value->expanded.proto = copy_text(&next, expanded->proto);
  value->expanded.json = copy_text(&next, expanded->json);
  value->expanded.key = copy_text(&next, expanded->key);
  value->bytes = bytes;
  JG_ASSERT(next == (char *)value + bytes);
  return value;
}

struct jg_cache_value *jg_cache_value_ref(struct jg_cache_value *value) {
  // Relaxed: who refs holds a reference already, so nothing is published by it.
  uint32_t refs = atomic_fetch_add_explicit(&value->refs, 1, memory_order_relaxed);
  JG_ASSERT(refs > 0 && refs < UINT32_MAX);
  return value;
}

void jg_cache_value_unref(struct jg_cache_value *value) {
  if (value == NULL) {
    return;
  }
  // Acquire and release: the last holder frees after every other holder's last read.
  uint32_t refs = atomic_fetch_sub_explicit(&value->refs, 1, memory_order_acq_rel);
  JG_ASSERT(refs > 0);
  if (refs == 1) {
    jg_free(value);
  }
}

static struct jg_str copy_text(char **next, struct jg_str text) {
  struct jg_str copy = {*next, text.len};
  if (text.len != 0) {
    memcpy(*next, text.data, text.len);
  }
  *next += text.len;
  return copy;
}

bool jg_cache_keeps(enum jg_kind kind) {
  for (size_t of = 1; of < JG_KIND_COUNT; of++) {
    const struct jg_entity *entity = jg_entity((enum jg_kind)of);
    for (size_t i = 0; entity != NULL && i < entity->relation_count; i++) {
      if (entity->relations[i].target == kind) {
        return true;
      }
    }
  }
  return false;
}
