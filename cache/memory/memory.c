#include "cache/memory/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/compiler.h"

#define SHARD_COUNT_MAX 16u
/* Below twice this a shard would be too small for the largest values, so there are fewer of them. */
#define SHARD_BYTES_MIN ((size_t)8 << 20)
#define SLOT_COUNT_MIN 64u
#define VICTIMS_MAX 16u

/* Open addressing with linear probing; a deletion moves later ones back, so there are no tombstones. */
struct slot {
  struct jg_cache_value *value; /* owns a reference; NULL: free */
  uint64_t hash;
  bool referenced; /* since the hand came by */
};
/* What an entry costs beside its value: the table is between 3/8 and 3/4 full. */
#define ENTRY_BYTES (2 * sizeof(struct slot))

struct shard {
  pthread_mutex_t mutex;
  struct slot *slots;
  size_t mask; /* slot count - 1, a power of two */
  size_t count;
  size_t bytes;
  size_t hand;    /* CLOCK's, an index of slots */
  char apart[64]; /* no cache line is shared with the next one */
};

#define MEMORY_MAGIC 0x4a474d4cu /* "JGML" */
struct memory {
  struct jg_cache_level level;
  uint32_t magic;
  unsigned shard_bits;
  size_t shard_bytes_max;
  struct jg_metric *hits[JG_KIND_COUNT];
  struct jg_metric *misses[JG_KIND_COUNT];
  struct jg_metric *evictions[JG_KIND_COUNT];
  struct jg_metric *bytes[JG_KIND_COUNT];
  struct shard shards[SHARD_COUNT_MAX];
};

static void register_metrics(struct memory *memory, struct jg_metrics *metrics);
static void memory_destroy(struct jg_cache_level *level);
static size_t memory_get(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count,
                         struct jg_cache_value **ret_values);
static struct jg_cache_value *memory_again(struct jg_cache_level *level, const struct jg_cache_key *key);
static void memory_put(struct jg_cache_level *level, struct jg_cache_value *value);

static const struct jg_cache_level_ops memory_ops = {
    .destroy = memory_destroy, .get = memory_get, .again = memory_again, .put = memory_put};

struct jg_cache_level *jg_cache_memory_create(size_t bytes_max, struct jg_metrics *metrics) {
  JG_ASSERT(bytes_max > 0);
  struct memory *memory = jg_alloc_zero(1, sizeof(*memory));
  memory->level.ops = &memory_ops;
  memory->magic = MEMORY_MAGIC;
  while ((2u << memory->shard_bits) <= SHARD_COUNT_MAX && bytes_max / (2u << memory->shard_bits) >= SHARD_BYTES_MIN) {
    memory->shard_bits++;
  }
  memory->shard_bytes_max = bytes_max >> memory->shard_bits;
  for (size_t i = 0; i < (size_t)1 << memory->shard_bits; i++) {
    struct shard *shard = &memory->shards[i];
    JG_ASSERT(pthread_mutex_init(&shard->mutex, NULL) == 0);
    shard->slots = jg_alloc_zero(SLOT_COUNT_MIN, sizeof(struct slot));
    shard->mask = SLOT_COUNT_MIN - 1;
  }
  register_metrics(memory, metrics);
  return &memory->level;
}

static void register_metrics(struct memory *memory, struct jg_metrics *metrics) {
  for (unsigned kind = 0; kind < JG_KIND_COUNT; kind++) {
    const struct jg_entity *entity = jg_entity((enum jg_kind)kind);
    struct jg_metrics *registry = jg_cache_keeps((enum jg_kind)kind) ? metrics : NULL;
    char labels[96];
    (void)snprintf(labels, sizeof(labels), "level=\"memory\",kind=\"%.*s\"",
                   JG_STR_ARG(entity != NULL ? entity->name : JG_STR("none")));  // Names are shorter than 60.
    memory->hits[kind] =
        jg_metrics_counter(registry, "jobgate_cache_hits_total", "Look-ups that found a value.", labels);
    memory->misses[kind] =
        jg_metrics_counter(registry, "jobgate_cache_misses_total", "Look-ups that found nothing.", labels);
    memory->evictions[kind] =
        jg_metrics_counter(registry, "jobgate_cache_evictions_total", "Values dropped to make room.", labels);
    memory->bytes[kind] = jg_metrics_gauge(registry, "jobgate_cache_bytes", "Memory of the values held.", labels);
  }
}

static struct memory *memory_of(struct jg_cache_level *level) {
  struct memory *memory = (struct memory *)level;
  JG_ASSERT(memory->magic == MEMORY_MAGIC);
  return memory;
}

static void lock(struct shard *shard) {
  JG_ASSERT(pthread_mutex_lock(&shard->mutex) == 0);
}

static void unlock(struct shard *shard) {
  JG_ASSERT(pthread_mutex_unlock(&shard->mutex) == 0);
}

static void memory_destroy(struct jg_cache_level *level) {
  struct memory *memory = memory_of(level);
  memory->magic = 0;
  for (size_t i = 0; i < (size_t)1 << memory->shard_bits; i++) {
    struct shard *shard = &memory->shards[i];
    for (size_t j = 0; j <= shard->mask; j++) {
      jg_cache_value_unref(shard->slots[j].value);
    }
    jg_free(shard->slots);
    (void)pthread_mutex_destroy(&shard->mutex);  // Nobody holds it any more.
  }
  jg_free(memory);
}

/* Of the members alone: the struct's padding may hold anything. */
static uint64_t hash_key(const struct jg_cache_key *key) {
  unsigned char bytes[sizeof(key->tenant) + 2 * sizeof(struct jg_uuid) + sizeof(key->tree_revision) + sizeof(uint32_t)];
  unsigned char *next = bytes;
  uint32_t kind = (uint32_t)key->kind;
  memcpy(next, key->id.bytes, sizeof(key->id.bytes));
  next += sizeof(key->id.bytes);
  memcpy(next, key->epoch.bytes, sizeof(key->epoch.bytes));
  next += sizeof(key->epoch.bytes);
  memcpy(next, &key->tenant, sizeof(key->tenant));
  next += sizeof(key->tenant);
  memcpy(next, &key->tree_revision, sizeof(key->tree_revision));
  next += sizeof(key->tree_revision);
  memcpy(next, &kind, sizeof(kind));
  return XXH3_64bits(bytes, sizeof(bytes));
}

/* The top bits choose the shard, the low ones the slot. */
static struct shard *shard_of(struct memory *memory, uint64_t hash) {
  return &memory->shards[memory->shard_bits == 0 ? 0 : hash >> (64 - memory->shard_bits)];
}

/* The key's slot, or the free one where it belongs. The table is never full. */
static struct slot *find(struct shard *shard, const struct jg_cache_key *key, uint64_t hash) {
  for (size_t i = hash & shard->mask;; i = (i + 1) & shard->mask) {
    struct slot *slot = &shard->slots[i];
    if (slot->value == NULL || (slot->hash == hash && jg_cache_key_equal(&slot->value->key, key))) {
      return slot;
    }
  }
}

static struct jg_cache_value *memory_again(struct jg_cache_level *level, const struct jg_cache_key *key) {
  struct memory *memory = memory_of(level);
  JG_ASSERT((unsigned)key->kind < JG_KIND_COUNT);
  uint64_t hash = hash_key(key);
  struct shard *shard = shard_of(memory, hash);
  lock(shard);
  struct slot *slot = find(shard, key, hash);
  struct jg_cache_value *value = slot->value;
  if (value != NULL) {
    slot->referenced = true;
    (void)jg_cache_value_ref(value);
  }
  unlock(shard);
  return value;
}

static size_t memory_get(struct jg_cache_level *level, const struct jg_cache_key *keys, size_t count,
                         struct jg_cache_value **ret_values) {
  struct memory *memory = memory_of(level);
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    ret_values[i] = memory_again(level, &keys[i]);
    found += ret_values[i] != NULL;
    jg_metric_add(ret_values[i] != NULL ? memory->hits[keys[i].kind] : memory->misses[keys[i].kind], 1);
  }
  return found;
}

/* Takes a value out and closes the gap: each one behind it moves back unless it already stands at or after its own place. */
static struct jg_cache_value *remove_slot(struct shard *shard, size_t gap) {
  struct jg_cache_value *value = shard->slots[gap].value;
  for (size_t i = (gap + 1) & shard->mask; shard->slots[i].value != NULL; i = (i + 1) & shard->mask) {
    size_t home = shard->slots[i].hash & shard->mask;
    if (((i - home) & shard->mask) >= ((i - gap) & shard->mask)) {
      shard->slots[gap] = shard->slots[i];
      gap = i;
    }
  }
  shard->slots[gap] = (struct slot){0};
  shard->count--;
  shard->bytes -= value->bytes + ENTRY_BYTES;
  return value;
}

/* CLOCK: what was asked for since the hand's last round stays for another one. At least one value must be there. */
static struct jg_cache_value *evict_one(struct shard *shard) {
  JG_ASSERT(shard->count > 0);
  for (;;) {
    size_t at = shard->hand & shard->mask;
    struct slot *slot = &shard->slots[at];
    if (slot->value != NULL && !slot->referenced) {
      return remove_slot(shard, at);  // The hand stays: another one may have moved here.
    }
    slot->referenced = false;
    shard->hand = at + 1;
  }
}

static void grow(struct shard *shard) {
  struct slot *old = shard->slots;
  size_t old_count = shard->mask + 1;
  shard->slots = jg_alloc_zero(old_count * 2, sizeof(struct slot));
  shard->mask = old_count * 2 - 1;
  for (size_t i = 0; i < old_count; i++) {
    if (old[i].value != NULL) {
      *find(shard, &old[i].value->key, old[i].hash) = old[i];
    }
  }
  jg_free(old);
}

/* Under the lock. Puts the value in if there is room; else takes victims out, as many as fit the array. Returns how many. */
static size_t insert_or_evict(struct memory *memory, struct shard *shard, struct jg_cache_value *value, uint64_t hash,
                              struct jg_cache_value *victims[VICTIMS_MAX], bool *ret_done) {
  size_t cost = value->bytes + ENTRY_BYTES;
  struct slot *slot = find(shard, &value->key, hash);
  *ret_done = true;
  if (slot->value != NULL) {
    return 0;  // C1: an equal key is an equal value.
  }
  size_t count = 0;
  while (shard->bytes + cost > memory->shard_bytes_max && count < VICTIMS_MAX) {
    victims[count++] = evict_one(shard);
  }
  if (shard->bytes + cost > memory->shard_bytes_max) {
    *ret_done = false;
    return count;
  }
  if ((shard->count + 1) * 4 > (shard->mask + 1) * 3) {
    grow(shard);
  }
  *find(shard, &value->key, hash) = (struct slot){jg_cache_value_ref(value), hash, false};
  shard->count++;
  shard->bytes += cost;
  jg_metric_add(memory->bytes[value->key.kind], (int64_t)cost);
  return count;
}

static void memory_put(struct jg_cache_level *level, struct jg_cache_value *value) {
  struct memory *memory = memory_of(level);
  JG_ASSERT((unsigned)value->key.kind < JG_KIND_COUNT);
  if (value->bytes + ENTRY_BYTES > memory->shard_bytes_max) {
    return;
  }
  uint64_t hash = hash_key(&value->key);
  struct shard *shard = shard_of(memory, hash);
  for (bool done = false; !done;) {
    struct jg_cache_value *victims[VICTIMS_MAX];
    lock(shard);
    size_t count = insert_or_evict(memory, shard, value, hash, victims, &done);
    unlock(shard);
    for (size_t i = 0; i < count; i++) {
      enum jg_kind kind = victims[i]->key.kind;
      jg_metric_add(memory->evictions[kind], 1);
      jg_metric_add(memory->bytes[kind], -(int64_t)(victims[i]->bytes + ENTRY_BYTES));
      jg_cache_value_unref(victims[i]);
    }
  }
}
