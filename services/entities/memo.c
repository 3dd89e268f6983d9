#include "services/entities/memo.h"

#include <xxhash.h>

#include "base/compiler.h"

/* A power of two; 40 bytes each. */
#define SLOTS 8192u
/* Keeps ids and nodes apart. */
#define NODE_SEED UINT64_C(0x6e6f6465)
#define ID_SEED UINT64_C(0x6964)

struct slot {
  struct jg_memo_key key;
  struct jg_uuid id;
  uint64_t generation; /* another one than the memo's: empty */
};

struct jg_entities_memo {
  uint64_t generation; /* from 1 */
  /* The state in which what is here was seen. */
  int64_t entity_revision;
  uint64_t undone;
  struct slot slots[SLOTS];
};

struct jg_entities_memo *jg_entities_memo_create(void) {
  struct jg_entities_memo *memo = jg_alloc_zero(1, sizeof(*memo));
  memo->generation = 1;
  memo->entity_revision = -1;
  return memo;
}

void jg_entities_memo_destroy(struct jg_entities_memo *memo) {
  jg_free(memo);
}

/* 128 bits of hash stand for the node: no secret, and whoever makes two nodes collide spoils his own import. */
static struct jg_memo_key key_of(const void *bytes, size_t len, uint64_t seed) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, len, seed);
  return (struct jg_memo_key){hash.low64, hash.high64};
}

struct jg_memo_key jg_memo_key_node(enum jg_kind kind, struct jg_str bytes, struct jg_uuid beside_id) {
  uint64_t seed = XXH3_64bits_withSeed(beside_id.bytes, sizeof(beside_id.bytes), NODE_SEED + kind);
  return key_of(bytes.data, bytes.len, seed);
}

struct jg_memo_key jg_memo_key_id(enum jg_kind kind, struct jg_uuid id) {
  return key_of(id.bytes, sizeof(id.bytes), (ID_SEED << 8) + kind);
}

struct jg_status jg_entities_memo_begin(struct jg_entities_memo *memo, struct jg_txn *txn, struct jg_arena *arena) {
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, arena, &state));
  // As long as nothing was undone, revisions are given once, so an equal one means that nothing has changed.
  if (state.entity_revision != memo->entity_revision || state.undone != memo->undone) {
    memo->generation++;
    memo->entity_revision = state.entity_revision;
    memo->undone = state.undone;
  }
  return JG_STATUS_OK;
}

bool jg_entities_memo_find(const struct jg_entities_memo *memo, struct jg_memo_key key, struct jg_uuid *ret_id) {
  const struct slot *slot = &memo->slots[key.low & (SLOTS - 1)];
  if (slot->generation != memo->generation || slot->key.low != key.low || slot->key.high != key.high) {
    return false;
  }
  *ret_id = slot->id;
  return true;
}

void jg_entities_memo_add(struct jg_entities_memo *memo, struct jg_memo_key key, struct jg_uuid id) {
  memo->slots[key.low & (SLOTS - 1)] = (struct slot){.key = key, .id = id, .generation = memo->generation};
}

void jg_entities_memo_written(struct jg_entities_memo *memo, int64_t revision, bool created) {
  JG_ASSERT(revision > memo->entity_revision);
  memo->entity_revision = revision;
  memo->generation += !created;
}
