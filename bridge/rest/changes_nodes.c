// Embedded entities as JSON, by their bytes: jobs embed the same few again and again, so their texts are spliced, not made anew.

#include <pthread.h>

#include <xxhash.h>

#include "bridge/rest/changes_internal.h"

/* A power of two; each holds the last entity that fell into it. */
#define SLOTS 1024u
/* Bytes and text of one; larger ones are rare. So all of them take 32 MiB at most. */
#define ENTRY_BYTES_MAX (32u << 10)

struct slot {
  uint64_t hash;
  enum jg_kind kind;
  struct jg_bytes *proto; /* one reference; NULL: free */
  struct jg_bytes *json;  /* one reference */
};

struct jg_rest_nodes {
  pthread_mutex_t mutex;
  struct slot slots[SLOTS];
};

struct jg_rest_nodes *jg_rest_nodes_create(void) {
  struct jg_rest_nodes *nodes = jg_alloc_zero(1, sizeof(*nodes));
  JG_ASSERT(pthread_mutex_init(&nodes->mutex, NULL) == 0);
  return nodes;
}

static void let_go(const struct slot *slot) {
  jg_bytes_unref(slot->proto);
  jg_bytes_unref(slot->json);
}

void jg_rest_nodes_destroy(struct jg_rest_nodes *nodes) {
  if (nodes == NULL) {
    return;
  }
  for (size_t i = 0; i < SLOTS; i++) {
    let_go(&nodes->slots[i]);
  }
  JG_ASSERT(pthread_mutex_destroy(&nodes->mutex) == 0);
  jg_free(nodes);
}

static uint64_t hash_of(enum jg_kind kind, struct jg_str proto) {
  return XXH3_64bits_withSeed(proto.data, proto.len, (XXH64_hash_t)kind);
}

struct jg_bytes *jg_rest_nodes_find(struct jg_rest_nodes *nodes, enum jg_kind kind, struct jg_str proto) {
  uint64_t hash = hash_of(kind, proto);
  struct slot found = {.proto = NULL};
  JG_ASSERT(pthread_mutex_lock(&nodes->mutex) == 0);
  const struct slot *slot = &nodes->slots[hash % SLOTS];
  if (slot->proto != NULL && slot->hash == hash && slot->kind == kind) {
    found = (struct slot){hash, kind, jg_bytes_ref(slot->proto), jg_bytes_ref(slot->json)};
  }
  JG_ASSERT(pthread_mutex_unlock(&nodes->mutex) == 0);
  // Hashes may be equal by chance or by somebody's will: bytes decide.
  if (found.proto != NULL && jg_str_equal(jg_bytes_str(found.proto), proto)) {
    jg_bytes_unref(found.proto);
    return found.json;
  }
  let_go(&found);
  return NULL;
}

void jg_rest_nodes_keep(struct jg_rest_nodes *nodes, enum jg_kind kind, struct jg_str proto, struct jg_bytes *json) {
  if (proto.len + json->len > ENTRY_BYTES_MAX) {
    return;
  }
  uint64_t hash = hash_of(kind, proto);
  const struct slot kept = {hash, kind, jg_bytes_create(proto), jg_bytes_ref(json)};
  JG_ASSERT(pthread_mutex_lock(&nodes->mutex) == 0);
  struct slot *slot = &nodes->slots[hash % SLOTS];
  const struct slot old = *slot;
  *slot = kept;
  JG_ASSERT(pthread_mutex_unlock(&nodes->mutex) == 0);
  let_go(&old);
}
