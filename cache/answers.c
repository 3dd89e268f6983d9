#include "cache/answers.h"

#include <pthread.h>
#include <string.h>

#include "base/compiler.h"
#include "base/hash.h"

#define SETS 4096u
#define WAYS 4u
/* Locks and shares of the bytes; a power of two. */
#define SHARDS 64u

struct slot {
  struct jg_answer_key key;
  int64_t revision;
  struct jg_bytes *message; /* owned reference; NULL: free */
};

struct set {
  struct slot slots[WAYS];
  uint8_t next; /* the way that is given away next */
};

struct shard {
  pthread_mutex_t mutex;
  size_t bytes;
  uint32_t hand; /* the set that gives way when the bytes run out */
};

struct jg_answers {
  size_t shard_bytes_max;
  struct jg_metric *hits, *misses, *bytes;
  struct shard shards[SHARDS];
  struct set sets[SETS];
};

struct jg_answers *jg_answers_create(size_t bytes_max, struct jg_metrics *metrics) {
  struct jg_answers *answers = jg_alloc_zero(1, sizeof(*answers));
  answers->shard_bytes_max = bytes_max / SHARDS;
  const char *help = "Look-ups of ready answers of single jobs.";
  answers->hits = jg_metrics_counter(metrics, "jobgate_answer_cache_lookups_total", help, "result=\"hit\"");
  answers->misses = jg_metrics_counter(metrics, "jobgate_answer_cache_lookups_total", help, "result=\"miss\"");
  answers->bytes = jg_metrics_gauge(metrics, "jobgate_answer_cache_bytes", "Bytes of ready answers kept.", "");
  for (size_t i = 0; i < SHARDS; i++) {
    pthread_mutex_init(&answers->shards[i].mutex, NULL);
  }
  return answers;
}

static void drop(struct jg_answers *answers, struct shard *shard, struct slot *slot) {
  if (slot->message != NULL) {
    shard->bytes -= slot->message->len;
    jg_metric_add(answers->bytes, -(int64_t)slot->message->len);
    jg_bytes_unref(slot->message);
    slot->message = NULL;
  }
}

void jg_answers_destroy(struct jg_answers *answers) {
  if (answers == NULL) {
    return;
  }
  for (size_t i = 0; i < SETS; i++) {
    for (size_t way = 0; way < WAYS; way++) {
      drop(answers, &answers->shards[i % SHARDS], &answers->sets[i].slots[way]);
    }
  }
  for (size_t i = 0; i < SHARDS; i++) {
    pthread_mutex_destroy(&answers->shards[i].mutex);
  }
  jg_free(answers);
}

static size_t set_of(const struct jg_answer_key *key) {
  uint64_t low;
  memcpy(&low, key->id.bytes + 8, sizeof low);
  return (size_t)jg_hash_mix(low ^ (uint64_t)key->tenant << 1 ^ key->nodes) % SETS;
}

static struct slot *find(struct set *set, const struct jg_answer_key *key) {
  for (size_t way = 0; way < WAYS; way++) {
    struct slot *slot = &set->slots[way];
    if (slot->message != NULL && slot->key.tenant == key->tenant && slot->key.nodes == key->nodes &&
        jg_uuid_equal(slot->key.id, key->id)) {
      return slot;
    }
  }
  return NULL;
}

struct jg_bytes *jg_answers_get(struct jg_answers *answers, const struct jg_answer_key *key, int64_t *ret_revision) {
  size_t index = set_of(key);
  struct shard *shard = &answers->shards[index % SHARDS];
  struct jg_bytes *message = NULL;
  pthread_mutex_lock(&shard->mutex);
  struct slot *slot = find(&answers->sets[index], key);
  if (slot != NULL) {
    message = jg_bytes_ref(slot->message);
    *ret_revision = slot->revision;
  }
  pthread_mutex_unlock(&shard->mutex);
  jg_metric_add(message != NULL ? answers->hits : answers->misses, 1);
  return message;
}

/* Sets of the shard give way in turn until there is room. */
static void make_room(struct jg_answers *answers, struct shard *shard, size_t shard_index, size_t bytes) {
  while (shard->bytes + bytes > answers->shard_bytes_max) {
    struct set *set = &answers->sets[(size_t)shard->hand * SHARDS + shard_index];
    for (size_t way = 0; way < WAYS; way++) {
      drop(answers, shard, &set->slots[way]);
    }
    shard->hand = (shard->hand + 1) % (SETS / SHARDS);
  }
}

void jg_answers_put(struct jg_answers *answers, const struct jg_answer_key *key, int64_t revision,
                    struct jg_bytes *message) {
  if (message->len > answers->shard_bytes_max / WAYS) {
    return;
  }
  size_t index = set_of(key);
  struct shard *shard = &answers->shards[index % SHARDS];
  struct set *set = &answers->sets[index];
  pthread_mutex_lock(&shard->mutex);
  struct slot *slot = find(set, key);
  if (slot == NULL || slot->revision <= revision) {
    if (slot == NULL) {
      slot = &set->slots[set->next++ % WAYS];
    }
    drop(answers, shard, slot);
    make_room(answers, shard, index % SHARDS, message->len);
    *slot = (struct slot){*key, revision, jg_bytes_ref(message)};
    shard->bytes += message->len;
    jg_metric_add(answers->bytes, (int64_t)message->len);
  }
  pthread_mutex_unlock(&shard->mutex);
}
