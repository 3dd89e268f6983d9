/* The log's old end (R6): what a time means in it, what retention lets go, and what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "storage/store_fixture.h"

#define SECOND JG_TICKS_PER_SECOND

static struct jg_fixture fixture;
static uint64_t next_id;
static int64_t start_ticks;

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  jg_fixture_open(&fixture);
  next_id = 1;
  start_ticks = jg_clock_now_ticks(&fixture.clock.clock);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fixture_done(&fixture);
  return 0;
}

/* ---- calls ---- */

struct request {
  size_t count, bulk;
  bool fails;
};

/* Each record has a stamp of its own. */
static struct jg_status run_request(struct jg_txn *txn, void *data) {
  const struct request *request = data;
  for (size_t i = 0; i < request->count; i++) {
    const struct jg_fixture_job job = {.id = next_id++, .name = "job", .bulk = request->bulk};
    int64_t revision;
    JG_RETURN_IF_ERROR(jg_fixture_create(txn, &fixture.arena, &job, &revision));
  }
  return request->fails ? jg_status_make(JG_ABORTED, JG_REASON_NONE, "undone") : JG_STATUS_OK;
}

static void write_request(size_t count, size_t bulk) {
  struct request request = {.count = count, .bulk = bulk};
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_request, &request)));
}

static struct jg_status run_state(struct jg_txn *txn, void *data) {
  return jg_txn_tenant_state(txn, &fixture.arena, data);
}

static struct jg_tenant_state state_of(void) {
  struct jg_tenant_state tenant;
  assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_state, &tenant)));
  return tenant;
}

struct before {
  int64_t ticks, revision;
};

static struct jg_status run_before(struct jg_txn *txn, void *data) {
  struct before *before = data;
  return jg_txn_revision_before(txn, before->ticks, &fixture.arena, &before->revision);
}

/* -1: HISTORY_LOST */
static int64_t revision_before(int64_t ticks) {
  struct before before = {.ticks = ticks, .revision = -1};
  struct jg_status status = jg_fixture_read(&fixture, fixture.tenant, run_before, &before);
  if (!jg_status_ok(status)) {
    assert_int_equal(status.code, JG_OUT_OF_RANGE);
    assert_int_equal(status.reason, JG_REASON_HISTORY_LOST);
    assert_non_null(status.details);
    assert_int_equal(status.details->oldest_revision, state_of().oldest_revision);
    assert_int_equal(status.details->newest_revision, state_of().revision);
  }
  return before.revision;
}

struct excess {
  struct jg_retention retention;
  int64_t now_ticks, through;
};

static struct jg_status run_excess(struct jg_txn *txn, void *data) {
  struct excess *excess = data;
  return jg_txn_log_excess(txn, &excess->retention, excess->now_ticks, &excess->through);
}

static int64_t excess_of(int64_t age_ms, int64_t bytes_max) {
  struct excess excess = {.retention = {age_ms, bytes_max}, .now_ticks = jg_clock_now_ticks(&fixture.clock.clock)};
  assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_excess, &excess)));
  return excess.through;
}

struct trim {
  int64_t through;
  size_t count_max;
  int64_t oldest;
  bool fails;
};

static struct jg_status run_trim(struct jg_txn *txn, void *data) {
  struct trim *trim = data;
  JG_RETURN_IF_ERROR(jg_txn_log_trim(txn, trim->through, trim->count_max, &trim->oldest));
  return trim->fails ? jg_status_make(JG_ABORTED, JG_REASON_NONE, "undone") : JG_STATUS_OK;
}

static int64_t trim(int64_t through, size_t count_max) {
  struct trim trim = {.through = through, .count_max = count_max};
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_trim, &trim)));
  assert_int_equal(state_of().oldest_revision, trim.oldest);
  return trim.oldest;
}

struct reading {
  int64_t after;
  struct jg_changes changes;
};

static struct jg_status run_changes(struct jg_txn *txn, void *data) {
  struct reading *reading = data;
  return jg_txn_changes(txn, reading->after, SIZE_MAX, SIZE_MAX, &fixture.arena, &reading->changes);
}

static struct jg_status read_after(int64_t after, struct reading *reading) {
  *reading = (struct reading){.after = after};
  return jg_fixture_read(&fixture, fixture.tenant, run_changes, reading);
}

/* The log holds exactly what the counters say, and begins with a request. */
static void check_log(void) {
  struct jg_tenant_state tenant = state_of();
  struct reading log;
  assert_true(jg_status_ok(read_after(tenant.oldest_revision - 1, &log)));
  assert_int_equal(log.changes.count, (size_t)(tenant.revision - tenant.oldest_revision + 1));
  int64_t bytes = 0;
  for (size_t i = 0; i < log.changes.count; i++) {
    const struct jg_change *change = &log.changes.items[i];
    bytes += (int64_t)(change->payload.len + change->old.len) + JG_CHANGE_BYTES;
  }
  assert_int_equal(tenant.log_bytes, bytes);
  if (tenant.oldest_revision > 1) {
    struct jg_status status = read_after(tenant.oldest_revision - 2, &log);
    assert_int_equal(status.reason, JG_REASON_HISTORY_LOST);
    assert_int_equal(status.details->oldest_revision, tenant.oldest_revision);
  }
}

/* Of the records up to there, while nothing was trimmed. */
static int64_t bytes_through(int64_t revision) {
  struct reading log;
  assert_true(jg_status_ok(read_after(0, &log)));
  int64_t bytes = 0;
  for (int64_t i = 0; i < revision; i++) {
    bytes += (int64_t)log.changes.items[i].payload.len + JG_CHANGE_BYTES;
  }
  return bytes;
}

/* Requests of these sizes, a second apart. */
static void write_log(const size_t *counts, size_t count) {
  for (size_t i = 0; i < count; i++) {
    write_request(counts[i], 0);
    jg_clock_manual_advance_ns(&fixture.clock, INT64_C(1000000000));
  }
}

/* ---- a time in the log ---- */

static void a_time_is_found_by_halves(void **state JG_UNUSED) {
  assert_int_equal(revision_before(start_ticks), 0); /* nothing yet */
  const size_t counts[] = {1, 3, 2};                 /* ends 1, 4, 6 */
  write_log(counts, JG_COUNT(counts));
  const struct before rows[] = {
      {INT64_MIN, 0},
      {start_ticks, 0},
      {start_ticks + 1, 1},
      {start_ticks + SECOND, 1},
      {start_ticks + SECOND + 1, 1}, /* in the middle of a request: all of it comes */
      {start_ticks + SECOND + 2, 1},
      {start_ticks + SECOND + 3, 4},
      {start_ticks + 2 * SECOND, 4},
      {start_ticks + 2 * SECOND + 1, 4},
      {start_ticks + 2 * SECOND + 2, 6},
      {INT64_MAX, 6},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(revision_before(rows[i].ticks), rows[i].revision);
  }
}

static void a_trimmed_log_says_what_it_knows(void **state JG_UNUSED) {
  const size_t counts[] = {1, 3, 2};
  write_log(counts, JG_COUNT(counts));
  assert_int_equal(trim(4, 100), 5);
  assert_int_equal(revision_before(start_ticks + SECOND), -1);
  assert_int_equal(revision_before(start_ticks + SECOND + 2), -1);
  assert_int_equal(revision_before(start_ticks + SECOND + 3), 4); /* all that went was older */
  assert_int_equal(revision_before(start_ticks + 2 * SECOND + 2), 6);
  assert_int_equal(trim(6, 100), 7);
  assert_int_equal(revision_before(start_ticks + 2 * SECOND + 1), -1);
  assert_int_equal(revision_before(start_ticks + 2 * SECOND + 2), 6);
}

/* ---- trimming ---- */

static void whole_requests_go(void **state JG_UNUSED) {
  const size_t counts[] = {1, 3, 2, 1}; /* ends 1, 4, 6, 7 */
  write_log(counts, JG_COUNT(counts));
  assert_int_equal(trim(0, 10), 1);
  assert_int_equal(trim(-5, 10), 1);
  assert_int_equal(trim(3, 10), 2); /* 3 stands within a request */
  check_log();
  assert_int_equal(trim(3, 10), 2);
  assert_int_equal(trim(3, 1), 2);
  assert_int_equal(trim(7, 2), 5); /* a request of more records than count_max goes whole */
  check_log();
  assert_int_equal(trim(7, 2), 7);
  check_log();
  assert_int_equal(trim(INT64_MAX, 2), 8);
  check_log();
  assert_int_equal(state_of().log_bytes, 0);
  assert_int_equal(trim(INT64_MAX, 2), 8);
  write_request(2, 10);
  assert_int_equal(state_of().revision, 9);
  check_log();
}

static void what_is_left_opens(void **state JG_UNUSED) {
  const size_t counts[] = {2, 2};
  write_log(counts, JG_COUNT(counts));
  for (int64_t through = 2; through <= 4; through += 2) {
    assert_int_equal(trim(through, 100), through + 1);
    int64_t bytes = state_of().log_bytes;
    jg_fixture_close(&fixture);
    jg_fixture_open(&fixture);
    assert_int_equal(state_of().oldest_revision, through + 1);
    assert_int_equal(state_of().log_bytes, bytes);
    check_log();
  }
}

static void an_undone_write_leaves_the_log(void **state JG_UNUSED) {
  const size_t counts[] = {2, 2};
  write_log(counts, JG_COUNT(counts));
  struct trim undone = {.through = 2, .count_max = 10, .fails = true};
  assert_int_equal(jg_fixture_write(&fixture, fixture.tenant, run_trim, &undone).code, JG_ABORTED);
  assert_int_equal(state_of().oldest_revision, 1);
  struct request request = {.count = 3, .bulk = 100, .fails = true};
  assert_int_equal(jg_fixture_write(&fixture, fixture.tenant, run_request, &request).code, JG_ABORTED);
  check_log();
}

struct both {
  struct trim trim;
  struct request request;
  struct reading reading;
};

/* What the write itself has added is no part of the log yet; what it trimmed is none any more. */
static struct jg_status run_both(struct jg_txn *txn, void *data) {
  struct both *both = data;
  JG_RETURN_IF_ERROR(run_request(txn, &both->request));
  JG_RETURN_IF_ERROR(run_trim(txn, &both->trim));
  struct jg_status lost = jg_txn_changes(txn, 0, SIZE_MAX, SIZE_MAX, &fixture.arena, &both->reading.changes);
  JG_ASSERT(lost.reason == JG_REASON_HISTORY_LOST && lost.details->oldest_revision == both->trim.oldest);
  return jg_txn_changes(txn, both->reading.after, SIZE_MAX, SIZE_MAX, &fixture.arena, &both->reading.changes);
}

static void a_write_may_trim_and_write(void **state JG_UNUSED) {
  const size_t counts[] = {2, 1};
  write_log(counts, JG_COUNT(counts));
  struct both both = {.trim = {.through = INT64_MAX, .count_max = 2}, .request = {.count = 2}, .reading = {.after = 2}};
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_both, &both)));
  assert_int_equal(both.trim.oldest, 3);
  assert_int_equal(both.reading.changes.count, 1);
  assert_int_equal(both.reading.changes.through_revision, 3);
  check_log();
  assert_int_equal(state_of().revision, 5);
}

/* ---- what may go ---- */

static void age_lets_go(void **state JG_UNUSED) {
  assert_int_equal(excess_of(1, 0), 0); /* of an empty log */
  const size_t counts[] = {1, 3, 2};    /* ends 1, 4, 6; ages now 3, 2 and 1 seconds */
  write_log(counts, JG_COUNT(counts));
  assert_int_equal(excess_of(0, 0), 0);
  assert_int_equal(excess_of(INT64_MAX, 0), 0);
  assert_int_equal(excess_of(3000, 0), 0); /* not older than that */
  assert_int_equal(excess_of(2999, 0), 1);
  assert_int_equal(excess_of(1999, 0), 4);
  assert_int_equal(excess_of(1, 0), 6);
  assert_int_equal(trim(1, 10), 2);
  assert_int_equal(excess_of(2999, 0), 1);
  assert_int_equal(excess_of(1999, 0), 4);
}

static void size_lets_go(void **state JG_UNUSED) {
  const size_t counts[] = {1, 3, 2}; /* ends 1, 4, 6 */
  write_log(counts, JG_COUNT(counts));
  int64_t all = state_of().log_bytes, one = bytes_through(1), four = bytes_through(4);
  assert_int_equal(excess_of(0, all), 0);
  assert_int_equal(excess_of(0, all - 1), 1);
  assert_int_equal(excess_of(0, all - one), 1);
  assert_int_equal(excess_of(0, all - one - 1), 4); /* a request goes whole */
  assert_int_equal(excess_of(0, all - four), 4);
  assert_int_equal(excess_of(0, all - four - 1), 6);
  assert_int_equal(excess_of(1999, all - 1), 4); /* both hold */
  assert_int_equal(excess_of(2999, all - four), 4);
  assert_int_equal(trim(1, 10), 2);
  assert_int_equal(excess_of(0, all - one), 1);
  assert_int_equal(excess_of(0, all - one - 1), 4);
  assert_int_equal(trim(excess_of(0, 1), 10), 7);
  assert_int_equal(excess_of(1, 1), 6);
}

static void a_large_excess_comes_in_parts(void **state JG_UNUSED) {
  write_request(JG_LOG_EXCESS_LOOKED_MAX + 10, 0); /* more than one call adds up */
  write_request(1, 0);
  write_request(JG_LOG_EXCESS_LOOKED_MAX - 1, 0);
  write_request(1, 0);
  int64_t first = JG_LOG_EXCESS_LOOKED_MAX + 10;
  assert_int_equal(excess_of(0, 1), first);
  assert_int_equal(trim(first, 1), first + 1);
  assert_int_equal(excess_of(0, 1), first + JG_LOG_EXCESS_LOOKED_MAX);
  check_log();
}

/* ---- the file ---- */

static int64_t file_bytes(void) {
  struct stat file;
  assert_int_equal(stat(fixture.path, &file), 0);
  return file.st_size;
}

static struct jg_status run_update(struct jg_txn *txn, void *data JG_UNUSED) {
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(1), &fixture.arena, &row));
  int64_t stamp = jg_txn_stamp(txn, row.modified_ticks);
  const struct jg_fixture_job job = {.id = 1, .name = "job", .bulk = 20000, .modified_ticks = stamp};
  const struct jg_job_put put = {
      .rid = row.rid,
      .id = row.id,
      .payload = jg_fixture_payload(&fixture.arena, &job),
      .changed = 1,
      .old = JG_STR("old"),
      .commit_ticks = stamp,
      .modified_ticks = stamp,
  };
  int64_t revision;
  return jg_txn_job_put(txn, &put, &fixture.arena, &revision);
}

static void freed_pages_are_used_again(void **state JG_UNUSED) {
  write_request(1, 20000);
  int64_t before = 0;
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 50; i++) {
      assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_update, NULL)));
    }
    check_log();
    int64_t through = excess_of(0, 200000);
    while (trim(through, 16) <= through) {
    }
    assert_true(state_of().log_bytes <= 200000);
    jg_arena_reset(&fixture.arena);
    // Closed, so that the file holds what the WAL held.
    jg_fixture_close(&fixture);
    if (round == 1) {
      before = file_bytes();
    }
    jg_fixture_open(&fixture);
  }
  assert_true(file_bytes() <= before + before / 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_time_is_found_by_halves, setup, teardown),
      cmocka_unit_test_setup_teardown(a_trimmed_log_says_what_it_knows, setup, teardown),
      cmocka_unit_test_setup_teardown(whole_requests_go, setup, teardown),
      cmocka_unit_test_setup_teardown(what_is_left_opens, setup, teardown),
      cmocka_unit_test_setup_teardown(an_undone_write_leaves_the_log, setup, teardown),
      cmocka_unit_test_setup_teardown(a_write_may_trim_and_write, setup, teardown),
      cmocka_unit_test_setup_teardown(age_lets_go, setup, teardown),
      cmocka_unit_test_setup_teardown(size_lets_go, setup, teardown),
      cmocka_unit_test_setup_teardown(a_large_excess_comes_in_parts, setup, teardown),
      cmocka_unit_test_setup_teardown(freed_pages_are_used_again, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
