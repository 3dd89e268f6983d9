/* Reads: a few threads that take queued reads, one of them the urgent ones alone, and a connection per thread for reads that are
 * done where they are asked for. */
#include <pthread.h>

#include "storage/sqlite/sqlite_internal.h"

#define READER_MAGIC 0x6a677264u /* "jgrd" */
#define INLINE_MAGIC 0x6a67696eu /* "jgin" */

struct reader {
  uint32_t magic;
  struct jg_queue *queue;      /* the pool's */
  struct jg_sqlite_conn *conn; /* owned; the thread's */
  pthread_t thread;
};

/* A thread's own connection, in the pool's list so that the close finds it. */
struct inline_conn {
  uint32_t magic;
  bool busy; /* a read is under way: reads do not nest */
  struct jg_sqlite_pool *pool;
  struct jg_sqlite_conn *conn;
  struct inline_conn *next, **link;
};

struct jg_sqlite_pool {
  struct jg_sqlite_store *store;
  struct jg_queue queue, urgent_queue;
  struct reader *readers; /* the first one takes urgent_queue */
  unsigned reader_count;  /* started */
  pthread_key_t key;      /* struct inline_conn */
  pthread_mutex_t mutex;  /* of the list alone */
  struct inline_conn *conns;
};

/* ---- readers ---- */

/* A snapshot is taken by the first statement and kept to the end. */
static struct jg_status begin(struct jg_sqlite_conn *conn, int64_t deadline_ns) {
  if (deadline_ns != 0 && jg_clock_mono_ns(conn->clock) >= deadline_ns) {
    return jg_status_make(JG_DEADLINE_EXCEEDED, JG_REASON_NONE, "the deadline passed before the read began");
  }
  struct jg_status status = jg_sqlite_status(jg_sqlite_conn_exec(conn, JG_SQLITE_BEGIN_READ));
  if (jg_status_ok(status)) {
    conn->deadline_ns = deadline_ns;
  }
  return status;
}

static void end(struct jg_sqlite_conn *conn) {
  conn->deadline_ns = 0;
  jg_sqlite_conn_rollback(conn);  // nothing was written
}

static void *reader_main(void *data) {
  struct reader *reader = data;
  JG_ASSERT(reader->magic == READER_MAGIC);
  for (;;) {
    struct jg_store_read *read = (struct jg_store_read *)jg_queue_take(reader->queue, -1);
    if (read == NULL) {
      return NULL;
    }
    struct jg_status begun = begin(reader->conn, read->deadline_ns);
    if (!jg_status_ok(begun)) {
      read->run(NULL, begun, read->data);
      continue;
    }
    struct jg_sqlite_txn txn;
    jg_sqlite_txn_init(&txn, reader->conn, read->tenant);
    read->run(&txn.base, begun, read->data);  // read may be gone now
    txn.base.magic = 0;
    end(reader->conn);
  }
}

static struct jg_status reader_start(struct jg_sqlite_store *store, struct jg_queue *queue, struct reader *reader) {
  reader->magic = READER_MAGIC;
  reader->queue = queue;
  int rc =
      jg_sqlite_conn_open(store->path, JG_SQLITE_READER, jg_sqlite_reader_access(store), store->clock, &reader->conn);
  if (rc != SQLITE_OK) {
    return jg_sqlite_status(rc);
  }
  JG_ASSERT(pthread_create(&reader->thread, NULL, reader_main, reader) == 0);
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_pool_submit(struct jg_sqlite_pool *pool, struct jg_store_read *read) {
  struct jg_status status = jg_queue_post(read->urgent ? &pool->urgent_queue : &pool->queue, &read->node);
  if (status.code == JG_RESOURCE_EXHAUSTED) {
    return jg_status_make(JG_UNAVAILABLE, JG_REASON_OVERLOADED, "too many reads are waiting");
  }
  return status;
}

/* ---- inline reads ---- */

static void inline_close(struct inline_conn *own) {
  JG_ASSERT(own->magic == INLINE_MAGIC && !own->busy);
  jg_sqlite_conn_close(own->conn);
  own->magic = 0;
  jg_free(own);
}

/* The thread ends before the store does. */
static void thread_ended(void *data) {
  struct inline_conn *own = data;
  JG_ASSERT(own->magic == INLINE_MAGIC);
  struct jg_sqlite_pool *pool = own->pool;
  JG_ASSERT(pthread_mutex_lock(&pool->mutex) == 0);
  *own->link = own->next;
  if (own->next != NULL) {
    own->next->link = own->link;
  }
  JG_ASSERT(pthread_mutex_unlock(&pool->mutex) == 0);
  inline_close(own);
}

/* This thread's connection, opened at its first read; NULL if that fails. */
static struct inline_conn *inline_get(struct jg_sqlite_pool *pool) {
  struct inline_conn *own = pthread_getspecific(pool->key);
  if (own != NULL) {
    JG_ASSERT(own->magic == INLINE_MAGIC && own->pool == pool);
    return own;
  }
  struct jg_sqlite_conn *conn = NULL;
  struct jg_sqlite_store *store = pool->store;
  if (jg_sqlite_conn_open(store->path, JG_SQLITE_INLINE, jg_sqlite_reader_access(store), store->clock, &conn) !=
      SQLITE_OK) {
    return NULL;
  }
  own = jg_alloc_zero(1, sizeof(*own));
  own->magic = INLINE_MAGIC;
  own->pool = pool;
  own->conn = conn;
  JG_ASSERT(pthread_mutex_lock(&pool->mutex) == 0);
  own->next = pool->conns;
  own->link = &pool->conns;
  if (own->next != NULL) {
    own->next->link = &own->next;
  }
  pool->conns = own;
  JG_ASSERT(pthread_mutex_unlock(&pool->mutex) == 0);
  JG_ASSERT(pthread_setspecific(pool->key, own) == 0);
  return own;
}

struct jg_status jg_sqlite_pool_read_inline(struct jg_sqlite_pool *pool, int64_t tenant,
                                            struct jg_status (*run)(struct jg_txn *txn, void *data), void *data) {
  struct inline_conn *own = inline_get(pool);
  if (own == NULL) {
    return jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the record's files cannot be opened");
  }
  JG_ASSERT(!own->busy);
  JG_RETURN_IF_ERROR(begin(own->conn, 0));
  own->busy = true;
  jg_sqlite_conn_bound_work(own->conn);
  struct jg_sqlite_txn txn;
  jg_sqlite_txn_init(&txn, own->conn, tenant);
  struct jg_status status = run(&txn.base, data);
  txn.base.magic = 0;
  end(own->conn);
  own->busy = false;
  return jg_status_ok(txn.failure) ? status : txn.failure;
}

/* ---- both ---- */

struct jg_status jg_sqlite_pool_start(struct jg_sqlite_store *store, unsigned reader_count,
                                      struct jg_sqlite_pool **ret_pool) {
  struct jg_sqlite_pool *pool = jg_alloc_zero(1, sizeof(*pool));
  pool->store = store;
  unsigned count = reader_count + 1;
  pool->readers = jg_alloc_zero(count, sizeof(*pool->readers));
  jg_queue_init(&pool->queue, JG_LIMIT_READ_QUEUE, NULL, NULL);
  jg_queue_init(&pool->urgent_queue, JG_LIMIT_READ_QUEUE, NULL, NULL);
  JG_ASSERT(pthread_mutex_init(&pool->mutex, NULL) == 0);
  JG_ASSERT(pthread_key_create(&pool->key, thread_ended) == 0);
  struct jg_status status = JG_STATUS_OK;
  while (pool->reader_count < count && jg_status_ok(status)) {
    struct jg_queue *queue = pool->reader_count == 0 ? &pool->urgent_queue : &pool->queue;
    status = reader_start(store, queue, &pool->readers[pool->reader_count]);
    pool->reader_count += jg_status_ok(status);
  }
  if (!jg_status_ok(status)) {
    jg_sqlite_pool_stop(pool);
    return status;
  }
  *ret_pool = pool;
  return JG_STATUS_OK;
}

void jg_sqlite_pool_stop(struct jg_sqlite_pool *pool) {
  if (pool == NULL) {
    return;
  }
  jg_queue_close(&pool->queue);
  jg_queue_close(&pool->urgent_queue);
  for (unsigned i = 0; i < pool->reader_count; i++) {
    JG_ASSERT(pthread_join(pool->readers[i].thread, NULL) == 0);
    jg_sqlite_conn_close(pool->readers[i].conn);
    pool->readers[i].magic = 0;
  }
  // Threads that live on keep no pointer: the key is gone before what it named.
  JG_ASSERT(pthread_key_delete(pool->key) == 0);
  while (pool->conns != NULL) {
    struct inline_conn *own = pool->conns;
    pool->conns = own->next;
    inline_close(own);
  }
  JG_ASSERT(pthread_mutex_destroy(&pool->mutex) == 0);
  jg_queue_done(&pool->queue);
  jg_queue_done(&pool->urgent_queue);
  jg_free(pool->readers);
  jg_free(pool);
}
