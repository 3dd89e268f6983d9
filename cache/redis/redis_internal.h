/* Included by cache/redis alone: what the level, its loop and the asks share. */
#ifndef JG_CACHE_REDIS_REDIS_INTERNAL_H
#define JG_CACHE_REDIS_REDIS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/compiler.h"
#include "base/queue.h"
#include "cache/redis/breaker.h"
#include "cache/redis/finder.h"
#include "cache/redis/redis.h"
#include "cache/redis/stored.h"

#define JG_REDIS_MAGIC 0x72656469u                  /* "redi" */
#define JG_REDIS_CONNECT_MS 1000                    /* from opening a connection to its first answers */
#define JG_REDIS_PUT_NS INT64_C(1000000000)         /* nobody waits for a put: this only finds a server that hangs */
#define JG_REDIS_LEASE_MS 500                       /* how long a lease keeps the others waiting, if its holder dies */
#define JG_REDIS_QUEUE_MAX 4096                     /* asks and puts waiting for the loop */
#define JG_REDIS_PUT_BYTES_MAX ((size_t)32 << 20)   /* of values on their way; more are dropped */
#define JG_REDIS_UNSENT_BYTES_MAX ((size_t)8 << 20) /* in the connection's buffer */
#define JG_REDIS_KEYS_PER_MGET 128
#define JG_REDIS_HOLDER_BYTES 16 /* of what a lease holds */
/* A server that was full has room again if so many values as the refused one fit, and so much in any case: less, and the next
 * value would be refused again. */
#define JG_REDIS_ROOM_VALUES 8
#define JG_REDIS_ROOM_BYTES_MIN ((size_t)64 << 10)

enum jg_redis_side { JG_REDIS_READS, JG_REDIS_WRITES, JG_REDIS_SIDES };

enum jg_redis_ask_kind {
  JG_REDIS_GET,
  JG_REDIS_CLAIM,       /* leases */
  JG_REDIS_PUT,         /* nobody waits */
  JG_REDIS_PROBE_READ,  /* the loop's own */
  JG_REDIS_PROBE_WRITE, /* the loop's own */
};

/* Of a key's lease. OURS: another thread of this process asked for it first. */
enum jg_redis_lease { JG_REDIS_LEASE_LOST, JG_REDIS_LEASE_WON, JG_REDIS_LEASE_OURS };

/* One piece of work for the connection. Shared by the loop and whoever waits; each drops its reference, in any order. The loop
 * writes results before it posts to `done`; who gives up waiting does not look at them. */
struct jg_redis_ask {
  struct jg_queue_node node; /* in the loop's queue */
  _Atomic uint32_t refs;
  enum jg_redis_ask_kind kind;
  int64_t begin_ns, deadline_ns;
  size_t count;
  struct jg_cache_key *keys;      /* behind the struct */
  struct jg_cache_value **values; /* behind the struct; GET: found, PUT: [0] is what is put; owned */
  uint8_t *leases;                /* behind the struct; CLAIM: enum jg_redis_lease */
  struct jg_queue done;           /* of one: done_node, posted when finished */
  struct jg_queue_node done_node;
  /* The loop's alone: */
  struct jg_redis *redis;
  struct jg_redis_ask *before, *after; /* by deadline, while in flight */
  size_t pending;                      /* replies to come */
  size_t answered;                     /* keys whose reply came; CLAIM: its SETs' first, then its MGETs' */
  size_t stored_bytes;                 /* PUT: of the value as Redis gets it */
  bool in_flight;
  enum jg_redis_reason reason; /* the first thing that went wrong */
};

struct jg_redis_meters {
  struct jg_metric *hits[JG_KIND_COUNT], *misses[JG_KIND_COUNT], *refused[JG_KIND_COUNT];
  struct jg_histogram *ages[JG_KIND_COUNT];
  struct jg_metric *failures[JG_REDIS_REASON_COUNT];
  struct jg_metric *skipped, *dropped, *connects;
  struct jg_metric *bytes_read, *bytes_written;
  struct jg_metric *leases[3];
  struct jg_metric *states[JG_REDIS_SIDES], *changes[JG_REDIS_SIDES][3];
  struct jg_histogram *get_seconds;
};

struct jg_redis {
  struct jg_cache_level level; /* first: the level's table */
  uint32_t magic;
  struct jg_arena arena; /* of url and its texts; thread: main, then nobody changes it */
  struct jg_redis_url url;
  const char *address;                    /* without secrets */
  char holder[JG_REDIS_HOLDER_BYTES + 1]; /* random: what this process' leases hold */
  struct jg_redis_options options;
  struct jg_redis_meters meters;
  pthread_t thread;
  uv_loop_t loop;
  uv_async_t wake;
  uv_timer_t timer; /* the one timer: of the next deadline or probe */
  struct jg_queue queue;
  struct jg_queue settled; /* of one: posted when the first attempt has ended */
  struct jg_queue_node settled_node;
  _Atomic bool stopping;
  /* What callers look at before they post; the loop sets it. */
  _Atomic bool open_for[JG_REDIS_SIDES];
  _Atomic int reason[JG_REDIS_SIDES]; /* why not */
  _Atomic int64_t round_trip_ns;      /* of the last probe */
  _Atomic size_t put_bytes;
  /* The loop's alone: */
  struct jg_breaker breakers[JG_REDIS_SIDES];
  enum jg_breaker_state shown[JG_REDIS_SIDES];
  bool told[JG_REDIS_SIDES], told_open[JG_REDIS_SIDES]; /* what the log last said */
  bool is_settled;
  bool reads_failed; /* so the connection is given up */
  struct jg_redis_link *link;
  bool link_is_up;
  int64_t heard_ns;               /* when its last reply came */
  struct jg_redis_finder *finder; /* NULL: no Sentinel */
  struct jg_redis_endpoint endpoint;
  unsigned attempt;
  struct jg_redis_ask *first, *last; /* in flight, by deadline */
  struct jg_buf scratch;             /* one value on its way out */
  size_t room_bytes;                 /* that a write probe asks for; 0: the server was not full lately */
  uint64_t random;
};

/* ask.c */
struct jg_redis_ask *jg_redis_ask_create(struct jg_redis *redis, enum jg_redis_ask_kind kind,
                                         const struct jg_cache_key *keys, size_t count);
void jg_redis_ask_unref(struct jg_redis_ask *ask);
/* Loop: sends it, or finishes it at once. Takes the loop's reference. */
void jg_redis_ask_begin(struct jg_redis_ask *ask);
/* Loop: finishes those whose time is over. */
void jg_redis_asks_expire(struct jg_redis *redis, int64_t now_ns);

/* reply.c. Loop: what a reply says of keys [from, from + count) of the ask; NONE if it is what was asked for. */
enum jg_redis_reason jg_redis_reply_take(struct jg_redis_ask *ask, const struct redisReply *reply);

/* loop.c */
void jg_redis_loop_start(struct jg_redis *redis);
void jg_redis_loop_stop(struct jg_redis *redis);
/* Loop: a command of this side went well or not. */
void jg_redis_outcome(struct jg_redis *redis, enum jg_redis_side side, enum jg_redis_reason reason);
/* Loop: ends the connection. */
void jg_redis_hang_up(struct jg_redis *redis, enum jg_redis_reason reason);
uint32_t jg_redis_random(struct jg_redis *redis);

/* meters.c */
void jg_redis_meters_init(struct jg_redis_meters *meters, struct jg_metrics *metrics);
/* Loop: shows a side's state: flags, metrics, and a line of the log if it closed or opened. */
void jg_redis_show(struct jg_redis *redis, enum jg_redis_side side, enum jg_redis_reason reason);

static inline struct jg_redis *jg_redis_of(struct jg_cache_level *level) {
  struct jg_redis *redis = (struct jg_redis *)level;
  JG_ASSERT(redis->magic == JG_REDIS_MAGIC);
  return redis;
}

#endif
