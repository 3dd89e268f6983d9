/* The writer thread: group commit (R3). It takes what is queued, runs all of it in one transaction, commits, and only then tells
 * anybody, or has them told by the teller.
 * A savepoint around each write would let one be undone alone, but SQLite then copies every page that a write changes first. So
 * there are none until a write fails that has changed rows: that batch is undone whole, and it and some more run in savepoints. */
#include <pthread.h>

#include "storage/sqlite/sqlite_internal.h"

#define WRITER_MAGIC 0x6a677772u /* "jgwr" */
/* To tell fewer writes than this takes no longer than to wake another thread. */
#define TOLD_APART_MIN 4
/* Batches in savepoints from such a failure on: whoever fails all the time makes one batch in so many run twice. */
#define GUARDED_BATCHES 64

struct jg_sqlite_writer {
  uint32_t magic;
  struct jg_sqlite_store *store;
  struct jg_sqlite_conn *conn;     /* owned; the thread's */
  struct jg_sqlite_teller *teller; /* owned */
  struct jg_queue queue;
  pthread_t thread;
  size_t batch_max;
  size_t guarded;               /* batches that still run in savepoints */
  bool spoilt;                  /* the transaction holds changes of a write that failed, outside a savepoint */
  jg_store_committed committed; /* NULL: nobody listens */
  void *committed_data;
  /* The batch under way; the thread's. */
  struct jg_store_write *writes[JG_LIMIT_WRITE_BATCH];
  struct jg_status statuses[JG_LIMIT_WRITE_BATCH];
  struct jg_sqlite_counters counters[JG_LIMIT_WRITE_BATCH]; /* of the tenants in the transaction */
  size_t counter_count;
  struct jg_sqlite_record record;
};

/* ---- one write ---- */

/* The tenant's counters in this transaction, read at its first write. */
static struct jg_status find_counters(struct jg_sqlite_writer *writer, struct jg_sqlite_txn *txn,
                                      struct jg_sqlite_counters **ret_counters) {
  for (size_t i = 0; i < writer->counter_count; i++) {
    if (writer->counters[i].tenant == txn->tenant) {
      *ret_counters = &writer->counters[i];
      return JG_STATUS_OK;
    }
  }
  JG_ASSERT(writer->counter_count < JG_LIMIT_WRITE_BATCH);
  struct jg_sqlite_counters *counters = &writer->counters[writer->counter_count];
  JG_RETURN_IF_ERROR(jg_sqlite_counters_load(txn, txn->tenant, counters));
  writer->counter_count++;
  *ret_counters = counters;
  return JG_STATUS_OK;
}

static struct jg_status run_and_log(struct jg_sqlite_writer *writer, struct jg_sqlite_txn *txn,
                                    struct jg_store_write *write) {
  // Tenant 0: the store's own writes, which belong to none.
  if (write->tenant != 0) {
    JG_RETURN_IF_ERROR(find_counters(writer, txn, &txn->counters));
    txn->log_revision = txn->counters->revision;
  }
  struct jg_sqlite_counters before = txn->counters != NULL ? *txn->counters : (struct jg_sqlite_counters){0};
  writer->record.held = false;
  struct jg_status status = write->run(&txn->base, write->data);
  if (jg_status_ok(status) && jg_status_ok(txn->failure)) {
    status = jg_sqlite_log_finish(txn);
  }
  // A write must not survive a statement that the engine failed, whatever it made of it.
  if (!jg_status_ok(txn->failure)) {
    status = txn->failure;
  }
  if (!jg_status_ok(status) && txn->counters != NULL) {
    *txn->counters = before;
  }
  return status;
}

/* Runs one write of the open transaction. False if the transaction is gone or unusable: then no status was set. alone: it is the
 * only one of its transaction, which ends with it. */
static bool run_write(struct jg_sqlite_writer *writer, size_t index, bool alone) {
  struct jg_store_write *write = writer->writes[index];
  if (write->deadline_ns != 0 && jg_clock_mono_ns(writer->store->clock) >= write->deadline_ns) {
    writer->statuses[index] =
        jg_status_make(JG_DEADLINE_EXCEEDED, JG_REASON_NONE, "the deadline passed before the write began");
    return true;
  }
  bool guarded = writer->guarded > 0 && !alone;
  if (guarded && jg_sqlite_conn_exec(writer->conn, JG_SQLITE_SAVEPOINT) != SQLITE_OK) {
    return false;
  }
  int changes = sqlite3_total_changes(writer->conn->db);
  struct jg_sqlite_txn txn;
  jg_sqlite_txn_init(&txn, writer->conn, write->tenant);
  txn.record = &writer->record;
  struct jg_status status = run_and_log(writer, &txn, write);
  txn.base.magic = 0;
  // Some errors (disk full, I/O) roll everything back at once.
  if (sqlite3_get_autocommit(writer->conn->db)) {
    return false;
  }
  if (!jg_status_ok(status)) {
    writer->conn->undone++;
    bool changed = sqlite3_total_changes(writer->conn->db) != changes || !jg_status_ok(txn.failure);
    if (!guarded && !alone && changed) {
      writer->spoilt = true;
      return false;
    }
    if (guarded && jg_sqlite_conn_exec(writer->conn, JG_SQLITE_ROLLBACK_TO) != SQLITE_OK) {
      return false;
    }
  }
  if (guarded && jg_sqlite_conn_exec(writer->conn, JG_SQLITE_RELEASE) != SQLITE_OK) {
    return false;
  }
  writer->statuses[index] = status;
  return true;
}

/* ---- one transaction ---- */

static struct jg_status store_counters(struct jg_sqlite_writer *writer) {
  struct jg_sqlite_txn txn;
  jg_sqlite_txn_init(&txn, writer->conn, 0);
  for (size_t i = 0; i < writer->counter_count; i++) {
    if (writer->counters[i].dirty) {
      JG_RETURN_IF_ERROR(jg_sqlite_counters_store(&txn, &writer->counters[i]));
    }
  }
  return JG_STATUS_OK;
}

static int commit(struct jg_sqlite_writer *writer) {
  int64_t begun_ns = jg_clock_mono_ns(writer->store->clock);
  int rc = jg_sqlite_conn_exec(writer->conn, JG_SQLITE_COMMIT);
  jg_metric_add(writer->store->metrics.commits, rc == SQLITE_OK);
  jg_histogram_observe_ns(writer->store->metrics.commit, jg_clock_mono_ns(writer->store->clock) - begun_ns);
  return rc;
}

/* Why the open transaction cannot go on. */
static struct jg_status lost_transaction(struct jg_sqlite_writer *writer) {
  struct jg_status status = jg_sqlite_status(sqlite3_extended_errcode(writer->conn->db));
  return jg_status_ok(status)
             ? jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the record rolled the write back")
             : status;
}

/* Writes [first, first + count) in one transaction. On OK each has its status and is durable; else none of them happened, and
 * *ret_begun tells whether one could be begun at all. */
static struct jg_status run_transaction(struct jg_sqlite_writer *writer, size_t first, size_t count, bool *ret_begun) {
  writer->counter_count = 0;
  int rc = jg_sqlite_conn_exec(writer->conn, JG_SQLITE_BEGIN_WRITE);
  *ret_begun = rc == SQLITE_OK;
  if (rc != SQLITE_OK) {
    return jg_sqlite_status(rc);
  }
  struct jg_status status = JG_STATUS_OK;
  bool any = false;
  for (size_t i = first; i < first + count && jg_status_ok(status); i++) {
    if (run_write(writer, i, count == 1)) {
      any = any || jg_status_ok(writer->statuses[i]);
    } else {
      status = lost_transaction(writer);
    }
  }
  // If all failed there is nothing to commit, and what they failed of must not become a failing disk.
  if (jg_status_ok(status) && any) {
    status = store_counters(writer);
    if (jg_status_ok(status)) {
      status = jg_sqlite_status(commit(writer));
    }
  }
  if (!jg_status_ok(status) || !any) {
    writer->counter_count = 0;
    writer->conn->undone++;
    jg_sqlite_conn_rollback(writer->conn);
  }
  return status;
}

/* Tells the members [first, first + count). A write may be gone as soon as it was told. */
static void tell(struct jg_sqlite_writer *writer, size_t first, size_t count) {
  for (size_t i = first; i < first + count; i++) {
    struct jg_store_write *write = writer->writes[i];
    writer->writes[i] = NULL;
    write->done(writer->statuses[i], write->data);
  }
}

/* The same on the teller's thread. */
static void have_told(struct jg_sqlite_writer *writer, size_t first, size_t count) {
  struct jg_queue_node *next = NULL;
  for (size_t i = first + count; i-- > first;) {
    struct jg_queue_node *node = &writer->writes[i]->node;
    node->next = next;
    next = node;
    writer->writes[i] = NULL;
  }
  jg_sqlite_teller_give(writer->teller, next);
}

/* Has the members told, in the order of their commits, then tells the listener. A failure is told before any later write runs:
 * whoever sent that one too can still refuse it. */
static void finish(struct jg_sqlite_writer *writer, size_t first, size_t count) {
  struct jg_sqlite_metrics *metrics = &writer->store->metrics;
  int64_t failed = 0;
  for (size_t i = first; i < first + count; i++) {
    failed += !jg_status_ok(writer->statuses[i]);
  }
  jg_metric_add(metrics->writes, (int64_t)count);
  jg_metric_add(metrics->writes_failed, failed);
  if (failed > 0) {
    jg_sqlite_teller_settle(writer->teller);
    tell(writer, first, count);
  } else if (count < TOLD_APART_MIN && jg_sqlite_teller_is_idle(writer->teller)) {
    tell(writer, first, count);
  } else {
    have_told(writer, first, count);
  }
  for (size_t i = 0; i < writer->counter_count && writer->committed != NULL; i++) {
    const struct jg_sqlite_counters *counters = &writer->counters[i];
    if (counters->revision != counters->committed_revision) {
      writer->committed(counters->tenant, counters->revision, writer->committed_data);
    }
  }
}

static void run_batch(struct jg_sqlite_writer *writer, size_t count) {
  bool begun = false;
  writer->guarded -= writer->guarded > 0;
  struct jg_status status = run_transaction(writer, 0, count, &begun);
  if (writer->spoilt) {
    writer->spoilt = false;
    writer->guarded = GUARDED_BATCHES;
    status = run_transaction(writer, 0, count, &begun);
  }
  if (jg_status_ok(status)) {
    finish(writer, 0, count);
    return;
  }
  // R3: what failed is the transaction, not its members. Each gets one more run of its own, in their order, since a later one
  // may rest on an earlier one. If not even a transaction can be begun, that is no use.
  jg_metric_add(writer->store->metrics.reruns, 1);
  for (size_t i = 0; i < count; i++) {
    if (begun) {
      status = run_transaction(writer, i, 1, &begun);
    }
    if (!jg_status_ok(status)) {
      writer->statuses[i] = status;
    }
    finish(writer, i, 1);
  }
}

/* R4: in the writer, between two batches, as soon as the WAL is long: everybody has been answered, and only the next ones wait.
 * A PASSIVE checkpoint waits for no reader; what a reader holds back is tried again after the next commit. */
static void checkpoint(struct jg_sqlite_writer *writer) {
  struct jg_sqlite_store *store = writer->store;
  jg_metric_set(store->metrics.wal_pages, writer->conn->wal_pages);
  if (writer->conn->wal_pages < JG_SQLITE_CHECKPOINT_PAGES) {
    return;
  }
  int64_t begun_ns = jg_clock_mono_ns(store->clock);
  int pages = 0, done = 0;
  int rc = sqlite3_wal_checkpoint_v2(writer->conn->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
  jg_histogram_observe_ns(store->metrics.checkpoint, jg_clock_mono_ns(store->clock) - begun_ns);
  jg_log(store->log, JG_LOG_DEBUG, "store_checkpoint", JG_LOG_I("result", rc), JG_LOG_I("pages", pages),
         JG_LOG_I("done", done));
  // The WAL starts anew with the next commit, whose hook tells its length.
  writer->conn->wal_pages = 0;
}

/* ---- the thread ---- */

static size_t take_batch(struct jg_sqlite_writer *writer) {
  struct jg_queue_node *node = jg_queue_take(&writer->queue, -1);
  if (node == NULL) {
    return 0;
  }
  size_t count = 0;
  writer->writes[count++] = (struct jg_store_write *)node;
  node = writer->batch_max > 1 ? jg_queue_take_all(&writer->queue, writer->batch_max - 1) : NULL;
  while (node != NULL) {
    JG_ASSERT(count < writer->batch_max);
    writer->writes[count++] = (struct jg_store_write *)node;
    node = node->next;
  }
  return count;
}

static void *writer_main(void *data) {
  struct jg_sqlite_writer *writer = data;
  JG_ASSERT(writer->magic == WRITER_MAGIC);
  for (;;) {
    size_t count = take_batch(writer);
    if (count == 0) {
      return NULL;
    }
    run_batch(writer, count);
    checkpoint(writer);
  }
}

struct jg_sqlite_writer *jg_sqlite_writer_start(struct jg_sqlite_store *store, struct jg_sqlite_conn *conn) {
  struct jg_sqlite_writer *writer = jg_alloc_zero(1, sizeof(*writer));
  writer->magic = WRITER_MAGIC;
  writer->store = store;
  writer->conn = conn;
  writer->batch_max = JG_LIMIT_WRITE_BATCH;
  writer->record.marks = store->base.marks;
  jg_buf_init(&writer->record.bytes, JG_SQLITE_RECORD_BYTES_MAX);
  jg_queue_init(&writer->queue, JG_LIMIT_WRITE_QUEUE, NULL, NULL);
  writer->teller = jg_sqlite_teller_start();
  JG_ASSERT(pthread_create(&writer->thread, NULL, writer_main, writer) == 0);
  return writer;
}

void jg_sqlite_writer_stop(struct jg_sqlite_writer *writer) {
  if (writer == NULL) {
    return;
  }
  JG_ASSERT(writer->magic == WRITER_MAGIC);
  jg_queue_close(&writer->queue);
  JG_ASSERT(pthread_join(writer->thread, NULL) == 0);
  jg_sqlite_teller_stop(writer->teller);
  jg_queue_done(&writer->queue);
  jg_buf_done(&writer->record.bytes);
  jg_sqlite_conn_close(writer->conn);
  writer->magic = 0;
  jg_free(writer);
}

struct jg_status jg_sqlite_writer_submit(struct jg_sqlite_writer *writer, struct jg_store_write *write) {
  struct jg_status status = jg_queue_post(&writer->queue, &write->node);
  if (status.code == JG_RESOURCE_EXHAUSTED) {
    return jg_status_make(JG_UNAVAILABLE, JG_REASON_OVERLOADED, "too many writes are waiting");
  }
  return status;
}

void jg_sqlite_writer_listen(struct jg_sqlite_writer *writer, jg_store_committed committed, void *data) {
  writer->committed = committed;
  writer->committed_data = data;
}

void jg_sqlite_writer_set_batch_max(struct jg_sqlite_writer *writer, size_t count_max) {
  JG_ASSERT(count_max >= 1 && count_max <= JG_LIMIT_WRITE_BATCH);
  writer->batch_max = count_max;
}
