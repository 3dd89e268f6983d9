/* Many threads on one store: group commit, the listener, and reads beside it. Under tsan too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "storage/store_fixture.h"

#define THREADS 64
#define WRITES 20
#define READERS 4

static struct jg_fixture fixture;
static struct jg_metrics *metrics;
static int64_t tenants[2];
static _Atomic int64_t committed[2]; /* what the listener heard */
static _Atomic bool stop;

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  metrics = jg_metrics_create();
  fixture.options.metrics = metrics;
  fixture.options.clock = jg_clock_system();
  jg_fixture_open(&fixture);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fixture_done(&fixture);
  jg_metrics_destroy(metrics);
  return 0;
}

static void heard(int64_t tenant, int64_t revision, void *data) {
  JG_ASSERT(data == &fixture);
  size_t index = tenant == tenants[1];
  JG_ASSERT(tenant == tenants[index]);
  // Every commit, in order.
  JG_ASSERT(revision > atomic_load(&committed[index]));
  atomic_store(&committed[index], revision);
}

struct writing {
  struct jg_arena arena;
  uint64_t id;
  bool fails;
  int64_t revision;
};

static struct jg_status run_write(struct jg_txn *txn, void *data) {
  struct writing *writing = data;
  struct jg_fixture_job job = {.id = writing->id};
  JG_RETURN_IF_ERROR(jg_fixture_create(txn, &writing->arena, &job, &writing->revision));
  return writing->fails ? jg_status_make(JG_ABORTED, JG_REASON_NONE, "told to fail") : JG_STATUS_OK;
}

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  struct writing *writing = data;
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(writing->id), &writing->arena, &row));
  JG_ASSERT(row.revision == writing->revision);
  return JG_STATUS_OK;
}

static void *writer_thread(void *data) {
  uint64_t thread = *(const uint64_t *)data;
  struct writing writing;
  jg_arena_init(&writing.arena, 1 << 20);
  for (uint64_t i = 0; i < WRITES; i++) {
    writing.id = thread * WRITES + i + 1;
    writing.fails = i % 5 == 4;
    int64_t tenant = tenants[thread % 2];
    struct jg_status status = jg_fixture_write(&fixture, tenant, run_write, &writing);
    JG_ASSERT(status.code == (writing.fails ? JG_ABORTED : JG_OK));
    // What was answered is there, on this thread at once and on any reader.
    enum jg_code expected = writing.fails ? JG_NOT_FOUND : JG_OK;
    JG_ASSERT(jg_store_read_inline(fixture.store, tenant, run_get, &writing).code == expected);
    JG_ASSERT(jg_fixture_read(&fixture, tenant, run_get, &writing).code == expected);
    jg_arena_reset(&writing.arena);
  }
  jg_arena_done(&writing.arena);
  return NULL;
}

struct tail {
  struct jg_arena arena;
  int64_t after;
};

static struct jg_status run_tail(struct jg_txn *txn, void *data) {
  struct tail *tail = data;
  struct jg_changes changes;
  JG_RETURN_IF_ERROR(jg_txn_changes(txn, tail->after, 10, SIZE_MAX, &tail->arena, &changes));
  for (size_t i = 0; i < changes.count; i++) {
    JG_ASSERT(changes.items[i].revision == tail->after + 1);
    tail->after++;
  }
  return JG_STATUS_OK;
}

/* Follows the log while it grows: never a gap, never back. */
static void *tail_thread(void *data) {
  size_t index = *(const uint64_t *)data % 2;
  struct tail tail = {.after = 0};
  jg_arena_init(&tail.arena, 1 << 20);
  int64_t until = -1;
  while (until < 0 || tail.after < until) {
    if (atomic_load(&stop)) {
      until = atomic_load(&committed[index]);
    }
    JG_ASSERT(jg_status_ok(jg_fixture_read(&fixture, tenants[index], run_tail, &tail)));
    jg_arena_reset(&tail.arena);
  }
  jg_arena_done(&tail.arena);
  return NULL;
}

static void test_group_commit(void **state JG_UNUSED) {
  tenants[0] = fixture.tenant;
  struct jg_status made = jg_store_tenant(fixture.store, JG_STR("other"), true, &fixture.arena, &tenants[1]);
  assert_int_equal(made.code, JG_OK);
  jg_store_listen(fixture.store, heard, &fixture);
  pthread_t threads[THREADS + READERS];
  uint64_t numbers[THREADS + READERS];
  for (size_t i = 0; i < THREADS + READERS; i++) {
    numbers[i] = i;
    assert_int_equal(pthread_create(&threads[i], NULL, i < THREADS ? writer_thread : tail_thread, &numbers[i]), 0);
  }
  for (size_t i = 0; i < THREADS + READERS; i++) {
    if (i == THREADS) {
      atomic_store(&stop, true);
    }
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  // One in five failed and gave its revision back.
  int64_t expected = THREADS / 2 * WRITES * 4 / 5;
  // The listener is told after the members; the close waits for it.
  jg_fixture_close(&fixture);
  assert_int_equal(atomic_load(&committed[0]), expected);
  assert_int_equal(atomic_load(&committed[1]), expected);
  int64_t writes = jg_metric_get(jg_metrics_counter(metrics, "jobgate_store_writes_total", "", ""));
  int64_t commits = jg_metric_get(jg_metrics_counter(metrics, "jobgate_store_commits_total", "", ""));
  assert_int_equal(writes, THREADS * WRITES + 2);
  assert_true(commits < writes / 2);
}

/* Stands on a reader until it is released. */
struct slow_read {
  struct jg_store_read read;
  struct jg_fixture_gate entered, released, done;
};

static void run_slow(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct slow_read *slow = data;
  JG_ASSERT(txn != NULL && jg_status_ok(begun));
  jg_fixture_gate_open(&slow->entered, JG_STATUS_OK);
  jg_fixture_gate_open(&slow->done, jg_fixture_gate_wait(&slow->released));
}

static void slow_begin(struct slow_read *slow) {
  slow->read = (struct jg_store_read){.tenant = fixture.tenant, .run = run_slow, .data = slow};
  jg_fixture_gate_init(&slow->entered);
  jg_fixture_gate_init(&slow->released);
  jg_fixture_gate_init(&slow->done);
  assert_true(jg_status_ok(jg_store_submit_read(fixture.store, &slow->read)));
}

static void run_urgent(struct jg_txn *txn, struct jg_status begun, void *data) {
  JG_ASSERT(txn != NULL || !jg_status_ok(begun));
  jg_fixture_gate_open(data, begun);
}

/* Every reader is taken and another read waits: an urgent one is answered all the same. */
static void test_urgent_reads_wait_for_no_other(void **state JG_UNUSED) {
  struct slow_read slow[3];
  assert_int_equal(fixture.options.reader_count, 2);
  for (size_t i = 0; i < JG_COUNT(slow); i++) {
    slow_begin(&slow[i]);
  }
  for (size_t i = 0; i < 2; i++) {
    assert_true(jg_status_ok(jg_fixture_gate_wait(&slow[i].entered)));
  }
  struct jg_fixture_gate gate;
  jg_fixture_gate_init(&gate);
  struct jg_store_read urgent = {.tenant = fixture.tenant, .run = run_urgent, .data = &gate, .urgent = true};
  assert_true(jg_status_ok(jg_store_submit_read(fixture.store, &urgent)));
  assert_true(jg_status_ok(jg_fixture_gate_wait(&gate)));
  for (size_t i = 0; i < JG_COUNT(slow); i++) {
    if (i == 2) {
      assert_true(jg_status_ok(jg_fixture_gate_wait(&slow[i].entered)));
    }
    jg_fixture_gate_open(&slow[i].released, JG_STATUS_OK);
    assert_true(jg_status_ok(jg_fixture_gate_wait(&slow[i].done)));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_group_commit, setup, teardown),
      cmocka_unit_test_setup_teardown(test_urgent_reads_wait_for_no_other, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
