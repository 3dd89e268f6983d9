// Printed messages, by the message's address: an entry holds a reference, so that the address stands for nothing else.

#include <pthread.h>

#include "bridge/rest/changes_internal.h"

/* Streams in step want the newest few of each view. */
#define ENTRIES 64u
/* Messages and their texts. */
#define BYTES_MAX (32u << 20)

struct entry {
  struct jg_bytes *message; /* one reference; NULL: free */
  struct jg_bytes *piece;   /* one reference */
  enum jg_rest_framing framing;
  bool some;
  uint64_t members;
};

struct jg_rest_changes_cache {
  pthread_mutex_t mutex;
  struct entry entries[ENTRIES]; /* a ring: `next` is the oldest */
  size_t next;
  size_t bytes;
};

static void lock(struct jg_rest_changes_cache *cache) {
  JG_ASSERT(pthread_mutex_lock(&cache->mutex) == 0);
}

static void unlock(struct jg_rest_changes_cache *cache) {
  JG_ASSERT(pthread_mutex_unlock(&cache->mutex) == 0);
}

struct jg_rest_changes_cache *jg_rest_changes_cache_create(void) {
  struct jg_rest_changes_cache *cache = jg_alloc_zero(1, sizeof(*cache));
  JG_ASSERT(pthread_mutex_init(&cache->mutex, NULL) == 0);
  return cache;
}

static size_t entry_bytes(const struct entry *entry) {
  return entry->message->len + entry->piece->len;
}

/* Returns what was there, for the caller to let go of outside the lock. */
static struct entry take_out(struct jg_rest_changes_cache *cache, size_t index) {
  struct entry old = cache->entries[index];
  if (old.message != NULL) {
    cache->bytes -= entry_bytes(&old);
  }
  cache->entries[index] = (struct entry){.message = NULL};
  return old;
}

static void let_go(const struct entry *entry) {
  jg_bytes_unref(entry->message);
  jg_bytes_unref(entry->piece);
}

void jg_rest_changes_cache_destroy(struct jg_rest_changes_cache *cache) {
  if (cache == NULL) {
    return;
  }
  for (size_t i = 0; i < ENTRIES; i++) {
    let_go(&cache->entries[i]);
  }
  JG_ASSERT(pthread_mutex_destroy(&cache->mutex) == 0);
  jg_free(cache);
}

static struct jg_bytes *find(struct jg_rest_changes_cache *cache, const struct jg_rest_changes_style *style,
                             const struct jg_bytes *message) {
  struct jg_bytes *piece = NULL;
  lock(cache);
  for (size_t i = 0; i < ENTRIES && piece == NULL; i++) {
    const struct entry *entry = &cache->entries[i];
    if (entry->message == message && entry->framing == style->framing && entry->some == style->some &&
        entry->members == style->members) {
      piece = jg_bytes_ref(entry->piece);
    }
  }
  unlock(cache);
  return piece;
}

static void keep(struct jg_rest_changes_cache *cache, const struct entry *entry) {
  struct entry dropped[ENTRIES];
  size_t count = 0;
  lock(cache);
  dropped[count++] = take_out(cache, cache->next);
  cache->entries[cache->next] = *entry;
  cache->next = (cache->next + 1) % ENTRIES;
  cache->bytes += entry_bytes(entry);
  for (size_t i = 0; i + 1 < ENTRIES && cache->bytes > BYTES_MAX; i++) {
    dropped[count++] = take_out(cache, (cache->next + i) % ENTRIES);
  }
  unlock(cache);
  for (size_t i = 0; i < count; i++) {
    let_go(&dropped[i]);
  }
}

struct jg_bytes *jg_rest_changes_cache_print(struct jg_rest_changes_cache *cache,
                                             const struct jg_rest_changes_style *style, struct jg_bytes *message,
                                             int64_t retry_ms) {
  // Relaxed: a guess. A message that nobody else holds is of one stream alone.
  bool shared = atomic_load_explicit(&message->refs, memory_order_relaxed) > 1;
  struct jg_bytes *piece = shared ? find(cache, style, message) : NULL;
  if (piece != NULL) {
    return piece;
  }
  piece = jg_rest_changes_print(style, jg_bytes_str(message), retry_ms);
  if (piece != NULL && shared && message->len + piece->len <= BYTES_MAX) {
    const struct entry entry = {jg_bytes_ref(message), jg_bytes_ref(piece), style->framing, style->some,
                                style->members};
    keep(cache, &entry);
  }
  return piece;
}
