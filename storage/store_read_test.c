/* Inline reads, deadlines and the bounds of the queues, through the seam: every engine has to pass this. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/limits.h"
#include "storage/assert_status.h"
#include "storage/store_fixture.h"

static struct jg_fixture fixture;

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  jg_fixture_open(&fixture);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fixture_done(&fixture);
  return 0;
}

struct list {
  struct jg_job_query query;
  struct jg_job_rows rows;
};

static struct jg_status run_list(struct jg_txn *txn, void *data) {
  struct list *list = data;
  return jg_txn_job_list(txn, &list->query, &fixture.arena, &list->rows);
}

/* ---- inline reads ---- */

static struct jg_status run_log(struct jg_txn *txn, void *data) {
  return jg_txn_changes(txn, 0, 100, SIZE_MAX, &fixture.arena, data);
}

static struct jg_status run_inline(struct jg_txn *txn, void *data) {
  struct jg_job_row *row = data;
  return jg_txn_job_get(txn, jg_fixture_id(1), &fixture.arena, row);
}

static void *thread_inline(void *data) {
  struct jg_job_row row;
  bool *ok = data;
  *ok = jg_status_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
  return NULL;
}

static void test_inline_reads(void **state JG_UNUSED) {
  struct jg_job_row row;
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row), JG_NOT_FOUND, JG_REASON_NONE);
  // What was committed is seen at once.
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
  assert_int_equal(row.revision, 1);
  // A scan is refused, and the next point read is none the worse.
  struct list list = {.query = {.limit = 1, .bytes_max = 1}};
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_list, &list), JG_UNAVAILABLE,
                JG_REASON_STORE_UNAVAILABLE);
  struct jg_changes log;
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_log, &log), JG_UNAVAILABLE,
                JG_REASON_STORE_UNAVAILABLE);
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
  // A thread's connection ends with it, whether the store is closed before or after.
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    bool ok = false;
    assert_int_equal(pthread_create(&thread, NULL, thread_inline, &ok), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(ok);
  }
  jg_fixture_close(&fixture);
  jg_fixture_open(&fixture);
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
}

/* More point reads than one inline read may hold. */
static struct jg_status run_many_points(struct jg_txn *txn, void *data) {
  struct jg_job_row row;
  for (int i = 0; i < 100000; i++) {
    JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(1), data, &row));
    jg_arena_reset(data);
  }
  return JG_STATUS_OK;
}

static void test_inline_reads_are_bounded(void **state JG_UNUSED) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  struct jg_arena arena;
  jg_arena_init(&arena, 100000);
  struct jg_status status = jg_store_read_inline(fixture.store, fixture.tenant, run_many_points, &arena);
  jg_arena_done(&arena);
  assert_status(status, JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE);
}

/* ---- deadlines (R8) ---- */

/* Each look at the monotonic clock is a millisecond: a deadline comes near with the work, not with the machine's load. */
struct stepping_clock {
  struct jg_clock clock;
  _Atomic int64_t ns;
};

static int64_t stepping_now(const struct jg_clock *clock JG_UNUSED) {
  return INT64_C(1769670820) * JG_TICKS_PER_SECOND;
}

static int64_t stepping_mono(const struct jg_clock *clock) {
  struct stepping_clock *stepping = (struct stepping_clock *)(uintptr_t)clock;
  return atomic_fetch_add(&stepping->ns, 1000000) + 1000000;
}

static struct jg_status run_fill(struct jg_txn *txn, void *data) {
  const uint64_t *count = data;
  for (uint64_t id = 1; id <= *count; id++) {
    struct jg_fixture_job job = {.id = id};
    int64_t revision;
    JG_RETURN_IF_ERROR(jg_fixture_create(txn, &fixture.arena, &job, &revision));
  }
  return JG_STATUS_OK;
}

static struct jg_status run_deep_skip(struct jg_txn *txn, void *data) {
  struct list *list = data;
  list->query = (struct jg_job_query){.limit = 1, .skip = 4000, .bytes_max = SIZE_MAX};
  return run_list(txn, list);
}

static void test_read_deadline(void **state JG_UNUSED) {
  static struct stepping_clock stepping = {.clock = {.now_ticks = stepping_now, .mono_ns = stepping_mono}, .ns = 1};
  uint64_t count = 5000;
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_fill, &count));
  jg_fixture_close(&fixture);
  fixture.options.clock = &stepping.clock;
  jg_fixture_open(&fixture);
  struct list list;
  // The clock is looked at once before the read, once a statement, and every thousand steps in one.
  static const struct {
    int64_t after_ms;
    enum jg_code code;
  } rows[] = {
      {0, JG_DEADLINE_EXCEEDED},
      {1, JG_DEADLINE_EXCEEDED},
      {2, JG_DEADLINE_EXCEEDED},
      {5, JG_DEADLINE_EXCEEDED},
      {1000, JG_OK},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int64_t deadline_ns = atomic_load(&stepping.ns) + rows[i].after_ms * 1000000;
    struct jg_status status = jg_fixture_read_until(&fixture, fixture.tenant, deadline_ns, run_deep_skip, &list);
    assert_status(status, rows[i].code, JG_REASON_NONE);
  }
  // The reader is none the worse.
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_deep_skip, &list));
  assert_int_equal(list.rows.count, 1);
}

struct timed_write {
  struct jg_store_write write;
  struct jg_fixture_gate done;
  bool ran;
};

static struct jg_status timed_run(struct jg_txn *txn JG_UNUSED, void *data) {
  struct timed_write *timed = data;
  timed->ran = true;
  return JG_STATUS_OK;
}

static void timed_done(struct jg_status status, void *data) {
  struct timed_write *timed = data;
  jg_fixture_gate_open(&timed->done, status);
}

static void test_write_deadline(void **state JG_UNUSED) {
  int64_t now = jg_clock_mono_ns(&fixture.clock.clock);
  struct jg_fixture_hold hold;
  jg_fixture_hold_begin(&fixture, &hold, now + 50);
  struct timed_write writes[2] = {0};
  for (size_t i = 0; i < JG_COUNT(writes); i++) {
    jg_fixture_gate_init(&writes[i].done);
    writes[i].write = (struct jg_store_write){.tenant = fixture.tenant,
                                              .deadline_ns = now + 100 + (int64_t)i,
                                              .run = timed_run,
                                              .done = timed_done,
                                              .data = &writes[i]};
    assert_ok(jg_store_submit(fixture.store, &writes[i].write));
  }
  jg_clock_manual_advance_ns(&fixture.clock, 100);
  jg_fixture_hold_release(&hold);
  // What has begun is never interrupted.
  assert_ok(jg_fixture_hold_wait(&hold));
  assert_status(jg_fixture_gate_wait(&writes[0].done), JG_DEADLINE_EXCEEDED, JG_REASON_NONE);
  assert_false(writes[0].ran);
  assert_ok(jg_fixture_gate_wait(&writes[1].done));
}

/* ---- bounds of the queues, and the close ---- */

static _Atomic int64_t done_count;

static void count_done(struct jg_status status, void *data JG_UNUSED) {
  JG_ASSERT(jg_status_ok(status));
  atomic_fetch_add(&done_count, 1);
}

static struct jg_status run_nothing(struct jg_txn *txn JG_UNUSED, void *data JG_UNUSED) {
  return JG_STATUS_OK;
}

static void test_write_queue_is_bounded_and_drained(void **state JG_UNUSED) {
  struct jg_fixture_hold hold;
  jg_fixture_hold_begin(&fixture, &hold, 0);
  struct jg_store_write *writes = jg_alloc_zero(JG_LIMIT_WRITE_QUEUE + 1, sizeof(*writes));
  atomic_store(&done_count, 0);
  for (size_t i = 0; i <= JG_LIMIT_WRITE_QUEUE; i++) {
    writes[i] = (struct jg_store_write){.tenant = fixture.tenant, .run = run_nothing, .done = count_done};
    struct jg_status status = jg_store_submit(fixture.store, &writes[i]);
    if (i < JG_LIMIT_WRITE_QUEUE) {
      assert_ok(status);
    } else {
      assert_status(status, JG_UNAVAILABLE, JG_REASON_OVERLOADED);
    }
  }
  jg_fixture_hold_release(&hold);
  // The close waits for all of them.
  jg_fixture_close(&fixture);
  assert_ok(jg_fixture_hold_wait(&hold));
  assert_int_equal(atomic_load(&done_count), JG_LIMIT_WRITE_QUEUE);
  jg_free(writes);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_inline_reads),   TEST(test_inline_reads_are_bounded),           TEST(test_read_deadline),
      TEST(test_write_deadline), TEST(test_write_queue_is_bounded_and_drained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
