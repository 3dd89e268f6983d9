/* Stamps, numbers and the log, through the seam: every engine has to pass this. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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

/* ---- what tests read ---- */

static struct jg_status run_state(struct jg_txn *txn, void *data) {
  return jg_txn_tenant_state(txn, &fixture.arena, data);
}

static struct jg_tenant_state tenant_state(int64_t tenant) {
  struct jg_tenant_state state;
  assert_ok(jg_fixture_read(&fixture, tenant, run_state, &state));
  return state;
}

struct log_read {
  int64_t after;
  size_t count_max, bytes_max;
  struct jg_changes changes;
};

static struct jg_status run_log(struct jg_txn *txn, void *data) {
  struct log_read *read = data;
  return jg_txn_changes(txn, read->after, read->count_max, read->bytes_max, &fixture.arena, &read->changes);
}

static struct jg_changes whole_log(void) {
  struct log_read read = {.count_max = 100000, .bytes_max = SIZE_MAX};
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_log, &read));
  assert_int_equal(read.changes.through_revision, read.changes.count);
  for (size_t i = 0; i < read.changes.count; i++) {
    assert_int_equal(read.changes.items[i].revision, i + 1);
  }
  return read.changes;
}

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  return jg_txn_job_get(txn, jg_fixture_id(1), &fixture.arena, data);
}

/* Creates `first` .. `first + count - 1`. */
struct many {
  uint64_t first, count;
  const char *trace;
};

static struct jg_status run_many(struct jg_txn *txn, void *data) {
  struct many *many = data;
  if (many->trace != NULL) {
    jg_txn_set_trace(txn, jg_str_from_cstr(many->trace));
  }
  for (uint64_t i = 0; i < many->count; i++) {
    struct jg_fixture_job job = {.id = many->first + i};
    int64_t revision;
    JG_RETURN_IF_ERROR(jg_fixture_create(txn, &fixture.arena, &job, &revision));
  }
  return JG_STATUS_OK;
}

/* ---- stamps and id2 ---- */

struct stamps {
  int64_t job_modified, stamp;
  int64_t expected;
};

static struct jg_status run_stamp(struct jg_txn *txn, void *data) {
  struct stamps *stamps = data;
  stamps->stamp = jg_txn_stamp(txn, stamps->job_modified);
  struct jg_fixture_job job = {.id = (uint64_t)stamps->stamp, .modified_ticks = stamps->stamp};
  struct jg_job_put put = {
      .id = jg_fixture_id(job.id),
      .payload = jg_fixture_payload(&fixture.arena, &job),
      .commit_ticks = stamps->stamp,
      .modified_ticks = stamps->stamp,
  };
  int64_t revision;
  return jg_txn_job_put(txn, &put, &fixture.arena, &revision);
}

/* R9, with a clock that stands still, steps forward and goes back, and a restart between. */
static void test_stamps(void **state JG_UNUSED) {
  int64_t start = jg_clock_now_ticks(&fixture.clock.clock), far = start + 1000000;
  const struct {
    int64_t clock, job_modified, expected;
    bool reopen;
  } rows[] = {
      {start, JG_TICKS_UNSET, start, false},
      {start, JG_TICKS_UNSET, start + 1, false},
      {start + 500, JG_TICKS_UNSET, start + 500, false},
      {start - 100000, JG_TICKS_UNSET, start + 501, false},
      {start - 100000, JG_TICKS_UNSET, start + 502, true},
      // A job from the future moves its own time alone.
      {start - 100000, far, far + 1, false},
      {start - 100000, JG_TICKS_UNSET, start + 504, false},
      // A job's own time that is behind changes nothing.
      {start - 100000, start, start + 505, true},
      {far, far, far + 1 /* ties with a stamp that was no tenant's */, false},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    if (rows[i].reopen) {
      jg_fixture_close(&fixture);
      jg_fixture_open(&fixture);
    }
    atomic_store(&fixture.clock.ticks, rows[i].clock);
    struct stamps stamps = {.job_modified = rows[i].job_modified};
    struct jg_status status = jg_fixture_write(&fixture, fixture.tenant, run_stamp, &stamps);
    assert_int_equal(stamps.stamp, rows[i].expected);
    assert_int_equal(status.code, i == JG_COUNT(rows) - 1 ? JG_ALREADY_EXISTS : JG_OK);
  }
}

struct id2 {
  int32_t raise, next;
  bool fails;
};

static struct jg_status run_id2(struct jg_txn *txn, void *data) {
  struct id2 *id2 = data;
  if (id2->raise != 0) {
    JG_RETURN_IF_ERROR(jg_txn_id2_raise(txn, id2->raise));
  }
  JG_RETURN_IF_ERROR(jg_txn_id2_next(txn, &id2->next));
  return id2->fails ? jg_status_make(JG_ABORTED, JG_REASON_NONE, "told to fail") : JG_STATUS_OK;
}

static void test_id2(void **state JG_UNUSED) {
  static const struct {
    int32_t raise;
    bool fails, reopen;
    int32_t expected;
    enum jg_code code;
  } rows[] = {
      {0, false, false, 1, JG_OK},
      {0, true, false, 2, JG_ABORTED},
      {0, false, false, 2, JG_OK},
      {100, false, false, 101, JG_OK},
      {50, false, true, 102, JG_OK},
      {-5, false, true, 103, JG_OK},
      {INT32_MAX - 1, false, false, INT32_MAX, JG_OK},
      {0, false, true, 0, JG_RESOURCE_EXHAUSTED},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    if (rows[i].reopen) {
      jg_fixture_close(&fixture);
      jg_fixture_open(&fixture);
    }
    struct id2 id2 = {.raise = rows[i].raise, .fails = rows[i].fails};
    assert_int_equal(jg_fixture_write(&fixture, fixture.tenant, run_id2, &id2).code, rows[i].code);
    assert_int_equal(id2.next, rows[i].expected);
  }
  assert_int_equal(tenant_state(fixture.tenant).id2_last, INT32_MAX);
}

static void test_trace_length(void **state JG_UNUSED) {
  static char trace[130];
  memset(trace, 'x', 129);
  struct many too_long = {.first = 1, .count = 1, .trace = trace}, longest = {.first = 2, .count = 1};
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &too_long));
  trace[128] = '\0';
  longest.trace = trace;
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &longest));
  struct jg_changes log = whole_log();
  assert_int_equal(log.items[0].trace.len, 0);
  assert_int_equal(log.items[1].trace.len, 128);
}

/* ---- the log ---- */

static void test_log_pages_hold_whole_requests(void **state JG_UNUSED) {
  // Requests of 1, 4, 1 and 2 changes: revisions 1; 2-5; 6; 7-8.
  static const uint64_t sizes[] = {1, 4, 1, 2};
  uint64_t next = 1;
  for (size_t i = 0; i < JG_COUNT(sizes); i++) {
    struct many many = {.first = next, .count = sizes[i]};
    assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &many));
    next += sizes[i];
  }
  struct jg_changes log = whole_log();
  size_t one = log.items[1].payload.len, four = 0;
  for (size_t i = 1; i < 5; i++) {
    four += log.items[i].payload.len;
  }
  const struct {
    int64_t after;
    size_t count_max, bytes_max;
    int64_t through;
  } rows[] = {
      {0, 100, SIZE_MAX, 8}, {0, 1, SIZE_MAX, 1}, {1, 1, SIZE_MAX, 5},   {1, 4, SIZE_MAX, 5}, {1, 5, SIZE_MAX, 6},
      {0, 2, SIZE_MAX, 5},   {0, 100, 1, 1},      {1, 100, one, 5},      {1, 100, four, 5},   {1, 100, four + 1, 6},
      {5, 100, 0, 6},        {6, 1, SIZE_MAX, 8}, {8, 100, SIZE_MAX, 8}, {3, 1, SIZE_MAX, 5},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct log_read read = {.after = rows[i].after, .count_max = rows[i].count_max, .bytes_max = rows[i].bytes_max};
    assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_log, &read));
    assert_int_equal(read.changes.through_revision, rows[i].through);
    assert_int_equal(read.changes.count, rows[i].through - rows[i].after);
  }
  static const int64_t lost[] = {-1, 9, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < JG_COUNT(lost); i++) {
    struct log_read read = {.after = lost[i], .count_max = 1, .bytes_max = 1};
    struct jg_status status = jg_fixture_read(&fixture, fixture.tenant, run_log, &read);
    assert_status(status, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST);
    assert_int_equal(status.details->oldest_revision, 1);
    assert_int_equal(status.details->newest_revision, 8);
  }
}

/* A write sees the log as it was before it. */
static struct jg_status run_log_in_write(struct jg_txn *txn, void *data) {
  struct many many = {.first = 50, .count = 2};
  JG_RETURN_IF_ERROR(run_many(txn, &many));
  return run_log(txn, data);
}

static void test_log_in_a_write(void **state JG_UNUSED) {
  struct many many = {.first = 1, .count = 3};
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &many));
  struct log_read read = {.count_max = 100, .bytes_max = SIZE_MAX};
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_log_in_write, &read));
  assert_int_equal(read.changes.through_revision, 3);
  assert_int_equal(whole_log().count, 5);
}

static void test_log_beyond_the_arena(void **state JG_UNUSED) {
  struct jg_fixture_job job = {.id = 1, .bulk = 100000};
  assert_ok(jg_fixture_create_one(&fixture, &job));
  struct jg_arena kept = fixture.arena;
  jg_arena_init(&fixture.arena, 50000);
  struct log_read read = {.count_max = 1, .bytes_max = 1};
  struct jg_status log = jg_fixture_read(&fixture, fixture.tenant, run_log, &read);
  struct jg_job_row job_row;
  struct jg_status row = jg_fixture_read(&fixture, fixture.tenant, run_get, &job_row);
  jg_arena_done(&fixture.arena);
  fixture.arena = kept;
  assert_status(log, JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED);
  assert_status(row, JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_stamps),         TEST(test_id2),
      TEST(test_trace_length),   TEST(test_log_pages_hold_whole_requests),
      TEST(test_log_in_a_write), TEST(test_log_beyond_the_arena),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
