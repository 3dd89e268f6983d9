#include <unistd.h>

#include "storage/sqlite/sqlite.h"
#include "storage/sqlite/sqlite_internal.h"

/* Statements of a write keep what they may have to undo in memory up to here; SQLite's default is 64 KiB, then a file. */
#define STATEMENT_JOURNAL_BYTES (4 << 20)
/* 512 KiB of marks: jobs that share one spoil each other's ready answers. */
#define MARKS ((size_t)1 << 16)

static struct jg_sqlite_store *store_of(struct jg_store *store) {
  JG_ASSERT(store->magic == JG_STORE_MAGIC && store->ops == &jg_sqlite_ops);
  return (struct jg_sqlite_store *)store;
}

static struct jg_status read_only_store(void) {
  return jg_status_make(JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "the record was opened for reading alone");
}

/* ---- open and close ---- */

static void register_metrics(struct jg_metrics *registry, struct jg_sqlite_metrics *metrics) {
  *metrics = (struct jg_sqlite_metrics){
      .writes = jg_metrics_counter(registry, "jobgate_store_writes_total", "Writes run by the store's writer.", ""),
      .writes_failed =
          jg_metrics_counter(registry, "jobgate_store_writes_failed_total", "Writes that failed and left nothing.", ""),
      .commits = jg_metrics_counter(registry, "jobgate_store_commits_total", "Transactions of the store's writer.", ""),
      .reruns = jg_metrics_counter(registry, "jobgate_store_batch_reruns_total",
                                   "Group commits that were rolled back and run again one by one.", ""),
      .wal_pages = jg_metrics_gauge(registry, "jobgate_store_wal_pages", "Pages in the write-ahead log.", ""),
      .commit = jg_metrics_histogram(registry, "jobgate_store_commit_seconds", "Time of a group's commit.", ""),
      .checkpoint = jg_metrics_histogram(registry, "jobgate_store_checkpoint_seconds", "Time of a checkpoint.", ""),
  };
}

static void close_store(struct jg_store *base) {
  struct jg_sqlite_store *store = store_of(base);
  // The writer last: its close is the one that checkpoints and removes the WAL.
  jg_sqlite_pool_stop(store->pool);
  jg_sqlite_writer_stop(store->writer);
  if (store->lock_fd >= 0) {
    (void)close(store->lock_fd);  // nothing to lose
  }
  jg_marks_destroy(store->base.marks);
  jg_free(store->path);
  store->base.magic = 0;
  jg_free(store);
}

struct jg_status jg_sqlite_store_open(const struct jg_store_options *options, struct jg_str path,
                                      struct jg_arena *arena, struct jg_store **ret_store) {
  // Fails once SQLite is in use, and is then in force already. Statistics would take a global lock at each allocation.
  (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, STATEMENT_JOURNAL_BYTES);
  struct jg_sqlite_store *store = jg_alloc_zero(1, sizeof(*store));
  store->base = (struct jg_store){JG_STORE_MAGIC, &jg_sqlite_ops, NULL};
  // The lock makes every write of jobs and entities one of this process.
  store->base.marks = options->exclusive ? jg_marks_create(MARKS) : NULL;
  store->clock = options->clock;
  store->log = options->log;
  store->lock_fd = -1;
  store->read_only = options->read_only;
  register_metrics(options->metrics, &store->metrics);
  struct jg_sqlite_conn *conn = NULL;
  struct jg_status status = jg_sqlite_open_file(options, path, arena, store, &conn);
  if (jg_status_ok(status)) {
    store->writer = conn != NULL ? jg_sqlite_writer_start(store, conn) : NULL;
    status = jg_sqlite_pool_start(store, options->reader_count, &store->pool);
  }
  if (!jg_status_ok(status)) {
    close_store(&store->base);
    return status;
  }
  *ret_store = &store->base;
  return JG_STATUS_OK;
}

/* ---- tenants: the calls that wait for their answer ---- */

struct tenant_call {
  struct jg_queue_node node; /* in `done` when answered */
  struct jg_queue done;
  struct jg_str name; /* of the tenant, or of the one before it */
  struct jg_status status;
  struct jg_arena *arena;
  struct jg_str found; /* its name, in the arena */
  int64_t tenant;
};

static void tenant_answer(struct tenant_call *call, struct jg_status status) {
  call->status = status;
  JG_ASSERT(jg_status_ok(jg_queue_post(&call->done, &call->node)));
}

static void tenant_read(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct tenant_call *call = data;
  tenant_answer(call,
                jg_status_ok(begun) ? jg_sqlite_tenant_find(jg_sqlite_txn(txn), call->name, &call->tenant) : begun);
}

static void tenant_read_next(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct tenant_call *call = data;
  tenant_answer(call, jg_status_ok(begun) ? jg_sqlite_tenant_after(jg_sqlite_txn(txn), call->name, call->arena,
                                                                   &call->found, &call->tenant)
                                          : begun);
}

static struct jg_status tenant_write(struct jg_txn *txn, void *data) {
  struct tenant_call *call = data;
  return jg_sqlite_tenant_make(jg_sqlite_txn(txn), call->name, &call->tenant);
}

static void tenant_written(struct jg_status status, void *data) {
  tenant_answer(data, status);
}

static struct jg_status tenant(struct jg_store *base, struct jg_str name, bool create, struct jg_arena *arena,
                               int64_t *ret_tenant) {
  struct jg_sqlite_store *store = store_of(base);
  struct tenant_call call = {.name = name, .arena = arena};
  jg_queue_init(&call.done, 1, NULL, NULL);
  struct jg_store_read read = {.run = tenant_read, .data = &call};
  struct jg_store_write write = {.run = tenant_write, .done = tenant_written, .data = &call};
  struct jg_status status = jg_sqlite_pool_submit(store->pool, &read);
  if (jg_status_ok(status)) {
    JG_ASSERT(jg_queue_take(&call.done, -1) == &call.node);
    status = call.status;
  }
  if (status.code == JG_NOT_FOUND && create) {
    status = store->writer != NULL ? jg_sqlite_writer_submit(store->writer, &write) : read_only_store();
    if (jg_status_ok(status)) {
      JG_ASSERT(jg_queue_take(&call.done, -1) == &call.node);
      status = call.status;
    }
  }
  jg_queue_done(&call.done);
  JG_RETURN_IF_ERROR(status);
  *ret_tenant = call.tenant;
  return JG_STATUS_OK;
}

static struct jg_status tenant_next(struct jg_store *base, struct jg_str after, struct jg_arena *arena,
                                    struct jg_str *ret_name, int64_t *ret_tenant) {
  struct tenant_call call = {.name = after, .arena = arena};
  jg_queue_init(&call.done, 1, NULL, NULL);
  struct jg_store_read read = {.run = tenant_read_next, .data = &call};
  struct jg_status status = jg_sqlite_pool_submit(store_of(base)->pool, &read);
  if (jg_status_ok(status)) {
    JG_ASSERT(jg_queue_take(&call.done, -1) == &call.node);
    status = call.status;
  }
  jg_queue_done(&call.done);
  JG_RETURN_IF_ERROR(status);
  *ret_name = call.found;
  *ret_tenant = call.tenant;
  return JG_STATUS_OK;
}

/* ---- the table ---- */

static void listen(struct jg_store *store, jg_store_committed committed, void *data) {
  struct jg_sqlite_writer *writer = store_of(store)->writer;
  if (writer != NULL) {
    jg_sqlite_writer_listen(writer, committed, data);
  }
}

static struct jg_status submit(struct jg_store *store, struct jg_store_write *write) {
  struct jg_sqlite_writer *writer = store_of(store)->writer;
  JG_ASSERT(write->tenant > 0);
  return writer != NULL ? jg_sqlite_writer_submit(writer, write) : read_only_store();
}

static struct jg_status submit_read(struct jg_store *store, struct jg_store_read *read) {
  return jg_sqlite_pool_submit(store_of(store)->pool, read);
}

static struct jg_status read_inline(struct jg_store *store, int64_t tenant_number,
                                    struct jg_status (*run)(struct jg_txn *txn, void *data), void *data) {
  return jg_sqlite_pool_read_inline(store_of(store)->pool, tenant_number, run, data);
}

const struct jg_store_ops jg_sqlite_ops = {
    .close = close_store,
    .tenant = tenant,
    .tenant_next = tenant_next,
    .listen = listen,
    .submit = submit,
    .submit_read = submit_read,
    .read_inline = read_inline,
    .tenant_state = jg_sqlite_tenant_state,
    .job_get = jg_sqlite_job_get,
    .job_find = jg_sqlite_job_find,
    .job_is_parent = jg_sqlite_job_is_parent,
    .job_list = jg_sqlite_job_list,
    .job_scan = jg_sqlite_job_scan,
    .entity_get = jg_sqlite_entity_get,
    .entity_find = jg_sqlite_entity_find,
    .entity_head = jg_sqlite_entity_head,
    .changes = jg_sqlite_changes,
    .revision_before = jg_sqlite_revision_before,
    .log_excess = jg_sqlite_log_excess,
    .log_trim = jg_sqlite_log_trim,
    .entity_default = jg_sqlite_entity_default,
    .planning_get = jg_sqlite_planning_get,
    .planning_list = jg_sqlite_planning_list,
    .planning_add = jg_sqlite_planning_add,
    .answer_get = jg_sqlite_answer_get,
    .answer_put = jg_sqlite_answer_put,
    .user_get = jg_sqlite_user_get,
    .user_list = jg_sqlite_user_list,
    .user_put = jg_sqlite_user_put,
    .user_remove = jg_sqlite_user_remove,
    .stamp = jg_sqlite_stamp,
    .id2_next = jg_sqlite_id2_next,
    .id2_raise = jg_sqlite_id2_raise,
    .set_trace = jg_sqlite_set_trace,
    .job_put = jg_sqlite_job_put,
    .job_delete = jg_sqlite_job_delete,
    .entity_list = jg_sqlite_entity_list,
    .entity_is_referenced = jg_sqlite_entity_is_referenced,
    .entity_delete = jg_sqlite_entity_delete,
    .entity_put = jg_sqlite_entity_put,
};
