/* The cache of expanded embedded entities: an in-process level, and Redis behind it if the URL says so.
 * C1 Entries are immutable: the key carries tree_revision, so an entry is never wrong and never invalidated; old ones age out.
 * C3 One load per key at a time: by flights in the process, by leases in Redis across processes.
 * C4 Every failure is a miss. C5 Keys are asked in one batch. C7 A value whose key does not match is a miss. */
#ifndef JG_CACHE_CACHE_H
#define JG_CACHE_CACHE_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/status.h"
#include "base/uuid.h"
#include "proto/codec/parts.h"

struct jg_cache;

struct jg_cache_key {
  int64_t tenant;
  struct jg_uuid epoch;
  struct jg_uuid id;
  int64_t tree_revision;
  enum jg_kind kind;
};

static inline bool jg_cache_key_equal(const struct jg_cache_key *a, const struct jg_cache_key *b) {
  return a->tree_revision == b->tree_revision && a->kind == b->kind && a->tenant == b->tenant &&
         jg_uuid_equal(a->id, b->id) && jg_uuid_equal(a->epoch, b->epoch);
}

/* An immutable, reference-counted value. Both forms, so that either door splices. */
struct jg_cache_value {
  _Atomic uint32_t refs;
  struct jg_cache_key key;
  struct jg_expanded expanded; /* points behind this struct */
  size_t bytes;                /* memory of the whole value */
};

/* Copies the three texts; the caller owns one reference. */
struct jg_cache_value *jg_cache_value_create(const struct jg_cache_key *key, const struct jg_expanded *expanded);
struct jg_cache_value *jg_cache_value_ref(struct jg_cache_value *value);
void jg_cache_value_unref(struct jg_cache_value *value); /* NULL is allowed */

/* Whether entities of this kind are embedded in others, so that the cache may be asked for them. */
bool jg_cache_keeps(enum jg_kind kind);

struct jg_cache_options {
  struct jg_str url;          /* "memory:", "redis://...", "redis+sentinel://..." (cache/redis/url.h) */
  size_t bytes_max;           /* of the in-process level */
  struct jg_metrics *metrics; /* borrows until destroy; NULL allowed */
  /* Of the shared level: */
  uint64_t form;                /* stands for schema and JSON style: values of another form are never seen */
  int64_t budget_ms;            /* of one get; 0: 50 */
  int64_t ttl_seconds;          /* 0: a day */
  const struct jg_clock *clock; /* borrows until destroy */
  const struct jg_log *log;     /* borrows until destroy; NULL allowed */
};
/* The URL alone. INVALID_ARGUMENT: unknown or malformed; UNIMPLEMENTED: rediss:// without TLS. No message quotes a secret. */
JG_MUST_CHECK struct jg_status jg_cache_check_url(struct jg_str url, struct jg_arena *arena);
/* Statuses of jg_cache_check_url. A shared level that cannot be reached is no error. Thread: main. */
JG_MUST_CHECK struct jg_status jg_cache_create(const struct jg_cache_options *options, struct jg_arena *arena,
                                               struct jg_cache **ret_cache);
void jg_cache_destroy(struct jg_cache *cache); /* NULL is allowed; values given out stay valid */

/* The in-process level alone: never blocks but for a look-up's lock. values[i] is a reference the caller owns, or NULL.
 * Returns how many were found. Thread: any. */
size_t jg_cache_peek(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                     struct jg_cache_value **ret_values);
/* All levels, one batch; may wait for the shared level within its time budget, so only where blocking is allowed (readers,
 * writer, hub). Same results as peek. */
size_t jg_cache_get(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                    struct jg_cache_value **ret_values);
/* Offers a value to every level (takes a reference of its own). Built from committed data only (C1). Thread: any. */
void jg_cache_put(struct jg_cache *cache, struct jg_cache_value *value);

/* ---- C3: who loads what was not found ---- */

/* Across processes: ret_mine[i] is false if another process took the lease of keys[i] a moment ago and is expected to offer its
 * value; of what another thread of this process took it is true: there jg_cache_load_begin keeps them apart. One batch to the shared
 * level, within its time budget; without one all are the caller's. Thread: any that may block. */
void jg_cache_claim(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count, bool *ret_mine);
/* Looks for others' values of keys[i] where values[i] is NULL, again and again for some 20 ms at most; fills those found and
 * returns how many. */
size_t jg_cache_await(struct jg_cache *cache, const struct jg_cache_key *keys, size_t count,
                      struct jg_cache_value **values);
/* In the process: true: the caller loads and ends it by jg_cache_load_end, whatever comes of it. False: *ret_value is what another
 * thread loaded, a reference that the caller owns; or NULL: that failed, or took too long (a second; not at all unless may_wait),
 * and the caller loads without telling anybody. Who loads a key may begin loads of what it embeds, and of nothing else: waits
 * then go down the schema's kinds and never in a circle. */
bool jg_cache_load_begin(struct jg_cache *cache, const struct jg_cache_key *key, bool may_wait,
                         struct jg_cache_value **ret_value);
/* value: NULL if nothing came of it; else it was put already. Borrows. */
void jg_cache_load_end(struct jg_cache *cache, const struct jg_cache_key *key, struct jg_cache_value *value);

/* How the shared level stands now. Texts are static or live as long as the cache. */
struct jg_cache_health {
  const char *address; /* without secrets; NULL: there is no shared level */
  bool readable, writable;
  const char *read_meaning, *write_meaning; /* why not */
  int64_t round_trip_ns;                    /* of the last probe; 0: none yet */
};
void jg_cache_health(struct jg_cache *cache, struct jg_cache_health *ret_health);

#endif
