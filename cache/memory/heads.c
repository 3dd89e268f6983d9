#include "cache/memory/heads.h"

#include <pthread.h>
#include <xxhash.h>

#include "base/compiler.h"

#define SHARD_COUNT ((size_t)16)
#define SHARD_BITS 4
#define WAYS ((size_t)4) /* places for a key */

struct head {
  struct jg_uuid id;
  int64_t tenant;
  int64_t entity_revision;
  int64_t head;
  uint32_t kind; /* JG_KIND_NONE: a free place */
};

struct shard {
  pthread_mutex_t mutex;
  struct head *heads;
  uint32_t next_way; /* whose turn it is to be overwritten */
  char apart[64];    /* no cache line is shared with the next one */
};

struct jg_heads {
  size_t bucket_mask; /* buckets of a shard - 1 */
  struct shard shards[SHARD_COUNT];
};

struct jg_heads *jg_heads_create(size_t count_max) {
  JG_ASSERT(count_max >= SHARD_COUNT * WAYS);
  struct jg_heads *heads = jg_alloc_zero(1, sizeof(*heads));
  size_t buckets = 1;
  while (buckets * WAYS * SHARD_COUNT < count_max) {
    buckets *= 2;
  }
  heads->bucket_mask = buckets - 1;
  for (size_t i = 0; i < SHARD_COUNT; i++) {
    JG_ASSERT(pthread_mutex_init(&heads->shards[i].mutex, NULL) == 0);
    heads->shards[i].heads = jg_alloc_zero(buckets * WAYS, sizeof(struct head));
  }
  return heads;
}

void jg_heads_destroy(struct jg_heads *heads) {
  if (heads == NULL) {
    return;
  }
  for (size_t i = 0; i < SHARD_COUNT; i++) {
    jg_free(heads->shards[i].heads);
    (void)pthread_mutex_destroy(&heads->shards[i].mutex);  // Nobody holds it any more.
  }
  jg_free(heads);
}

/* The bucket of a key and its shard. */
static struct head *bucket_of(struct jg_heads *heads, int64_t tenant, const struct jg_head_key *key,
                              struct shard **ret_shard) {
  uint64_t hash =
      XXH3_64bits_withSeed(key->id.bytes, sizeof(key->id.bytes), (uint64_t)tenant * JG_KIND_COUNT + key->kind);
  *ret_shard = &heads->shards[hash >> (64 - SHARD_BITS)];
  return &(*ret_shard)->heads[(hash & heads->bucket_mask) * WAYS];
}

static bool is_key(const struct head *head, int64_t tenant, const struct jg_head_key *key) {
  return head->kind == (uint32_t)key->kind && head->tenant == tenant && jg_uuid_equal(head->id, key->id);
}

size_t jg_heads_get(struct jg_heads *heads, int64_t tenant, int64_t entity_revision, const struct jg_head_key *keys,
                    size_t count, int64_t *ret_heads) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    struct shard *shard = NULL;
    const struct head *bucket = bucket_of(heads, tenant, &keys[i], &shard);
    int64_t result = JG_HEAD_UNKNOWN;
    JG_ASSERT(pthread_mutex_lock(&shard->mutex) == 0);
    for (size_t way = 0; way < WAYS; way++) {
      if (bucket[way].entity_revision == entity_revision && is_key(&bucket[way], tenant, &keys[i])) {
        result = bucket[way].head;
        break;
      }
    }
    JG_ASSERT(pthread_mutex_unlock(&shard->mutex) == 0);
    ret_heads[i] = result;
    found += result != JG_HEAD_UNKNOWN;
  }
  return found;
}

void jg_heads_put(struct jg_heads *heads, int64_t tenant, int64_t entity_revision, const struct jg_head_key *key,
                  int64_t head) {
  JG_ASSERT(head >= JG_HEAD_MISSING && key->kind != JG_KIND_NONE);
  struct shard *shard = NULL;
  struct head *bucket = bucket_of(heads, tenant, key, &shard);
  JG_ASSERT(pthread_mutex_lock(&shard->mutex) == 0);
  struct head *place = NULL;
  for (size_t way = 0; way < WAYS && (place == NULL || !is_key(place, tenant, key)); way++) {
    if (bucket[way].kind == JG_KIND_NONE || is_key(&bucket[way], tenant, key)) {
      place = &bucket[way];
    }
  }
  if (place == NULL) {
    place = &bucket[shard->next_way++ % WAYS];
  }
  // A reader of an older snapshot may come last: the newer entry is the one that will be asked for.
  if (!is_key(place, tenant, key) || place->entity_revision <= entity_revision) {
    *place = (struct head){key->id, tenant, entity_revision, head, (uint32_t)key->kind};
  }
  JG_ASSERT(pthread_mutex_unlock(&shard->mutex) == 0);
}
