/* A disk that fails: R2 and R3 when a transaction is lost, damage that shows late, and the bound on the WAL (R4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "storage/sqlite/fault_vfs.h"
#include "storage/sqlite/sqlite_internal.h"
#include "storage/assert_status.h"
#include "storage/store_fixture.h"

static struct jg_fixture fixture;
static struct jg_metrics *metrics;

static int setup_process(void **state JG_UNUSED) {
  // Installing a VFS initialises SQLite: what the store configures has to come first, as it does in the server.
  jg_fixture_init(&fixture);
  jg_fixture_open(&fixture);
  jg_fixture_done(&fixture);
  jg_fault_install();
  return 0;
}

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  metrics = jg_metrics_create();
  fixture.options.metrics = metrics;
  jg_fixture_open(&fixture);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fault_disarm();
  jg_fixture_done(&fixture);
  jg_metrics_destroy(metrics);
  return 0;
}

static int64_t metric(const char *name) {
  return jg_metric_get(jg_metrics_counter(metrics, name, "", ""));
}

/* ---- a batch ---- */

struct member {
  struct jg_store_write write;
  struct jg_fixture_gate done;
  uint64_t id;
  int runs;
  int fault;             /* of that read: an SQLite code */
  bool fails;            /* by its own decision */
  uint64_t reads_cold;   /* first reads that job, while reads fail; 0: none */
  struct jg_arena arena; /* of the writer's thread */
};

static struct jg_status member_run(struct jg_txn *txn, void *data) {
  struct member *member = data;
  member->runs++;
  int64_t revision;
  struct jg_fixture_job job = {.id = member->id};
  JG_RETURN_IF_ERROR(jg_fixture_create(txn, &member->arena, &job, &revision));
  if (member->reads_cold != 0 && (member->runs == 1 || member->fault == SQLITE_CORRUPT)) {
    jg_fault_arm(JG_FAULT_READ, member->fault, 1);
    struct jg_job_row row;
    struct jg_status status = jg_txn_job_get(txn, jg_fixture_id(member->reads_cold), &member->arena, &row);
    JG_ASSERT(status.code == JG_UNAVAILABLE || status.code == JG_DATA_LOSS);
    return JG_STATUS_OK;  // a careless caller: the engine's failure stands
  }
  return member->fails ? jg_status_make(JG_ABORTED, JG_REASON_ETAG_MISMATCH, "told to fail") : JG_STATUS_OK;
}

static void member_done(struct jg_status status, void *data) {
  struct member *member = data;
  jg_fixture_gate_open(&member->done, status);
}

static void batch_submit(struct member *members, size_t count, struct jg_fixture_hold *hold) {
  jg_fixture_hold_begin(&fixture, hold, 0);
  for (size_t i = 0; i < count; i++) {
    members[i].write =
        (struct jg_store_write){.tenant = fixture.tenant, .run = member_run, .done = member_done, .data = &members[i]};
    jg_fixture_gate_init(&members[i].done);
    jg_arena_init(&members[i].arena, 1 << 20);
    assert_ok(jg_store_submit(fixture.store, &members[i].write));
  }
}

static void batch_wait(struct member *members, size_t count, struct jg_fixture_hold *hold) {
  jg_fixture_hold_release(hold);
  assert_ok(jg_fixture_hold_wait(hold));
  for (size_t i = 0; i < count; i++) {
    (void)jg_fixture_gate_wait(&members[i].done).code;  // the tests read the gate's status
    jg_arena_done(&members[i].arena);
  }
}

static struct jg_status run_log(struct jg_txn *txn, void *data) {
  return jg_txn_changes(txn, 0, INT_MAX, SIZE_MAX, &fixture.arena, data);
}

/* Every member that is OK is in the log and the only one there, in order. */
static void check_log(const struct member *members, size_t count) {
  struct jg_changes log;
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_log, &log));
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    if (jg_status_ok(members[i].done.status)) {
      assert_true(at < log.count);
      assert_true(jg_uuid_equal(log.items[at].id, jg_fixture_id(members[i].id)));
      assert_int_equal(log.items[at].revision, at + 1);
      assert_true(log.items[at].last);
      at++;
    }
  }
  assert_int_equal(at, log.count);
}

#define MEMBERS 6
/* The third fails by its own decision, the fifth because the first made its id before. */
static void make_members(struct member members[MEMBERS]) {
  for (size_t i = 0; i < MEMBERS; i++) {
    members[i] = (struct member){.id = 100 + i, .fails = i == 2};
  }
  members[4].id = members[0].id;
}

/* How often each ran: those up to the failing one once more, to be undone with it before the batch ran in savepoints. */
static void check_runs(const struct member members[MEMBERS], size_t failing, int runs) {
  for (size_t i = 0; i < MEMBERS; i++) {
    assert_int_equal(members[i].runs, i <= failing ? runs + 1 : runs);
  }
}

static void check_members(const struct member members[MEMBERS], int runs) {
  check_runs(members, 2, runs);
  for (size_t i = 0; i < MEMBERS; i++) {
    if (i == 2) {
      assert_status(members[i].done.status, JG_ABORTED, JG_REASON_ETAG_MISMATCH);
    } else if (i == 4) {
      assert_status(members[i].done.status, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID);
    } else {
      assert_ok(members[i].done.status);
    }
  }
  check_log(members, MEMBERS);
}

static void test_members_fail_alone(void **state JG_UNUSED) {
  struct member members[MEMBERS];
  make_members(members);
  struct jg_fixture_hold hold;
  int64_t commits = metric("jobgate_store_commits_total");
  batch_submit(members, MEMBERS, &hold);
  batch_wait(members, MEMBERS, &hold);
  check_members(members, 1);
  // The hold's and one for all of them.
  assert_int_equal(metric("jobgate_store_commits_total"), commits + 2);
  assert_int_equal(metric("jobgate_store_batch_reruns_total"), 0);
  // The next batches run in savepoints, where nobody runs again.
  struct member more[MEMBERS];
  make_members(more);
  for (size_t i = 0; i < MEMBERS; i++) {
    more[i].id += 1000;
  }
  batch_submit(more, MEMBERS, &hold);
  batch_wait(more, MEMBERS, &hold);
  for (size_t i = 0; i < MEMBERS; i++) {
    assert_int_equal(more[i].runs, 1);
    assert_int_equal(more[i].done.status.code, members[i].done.status.code);
  }
}

/* Each row: the transaction is lost once, and every member runs once more, alone. */
static void test_lost_batch_runs_again(void **state JG_UNUSED) {
  static const struct {
    enum jg_fault_op op;
    int rc;
  } rows[] = {
      {JG_FAULT_WRITE, SQLITE_FULL},
      {JG_FAULT_WRITE, SQLITE_IOERR_WRITE},
      {JG_FAULT_SYNC, SQLITE_IOERR_FSYNC},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    if (i > 0) {
      assert_int_equal(teardown(NULL), 0);
      assert_int_equal(setup(NULL), 0);
    }
    struct member members[MEMBERS];
    make_members(members);
    struct jg_fixture_hold hold;
    batch_submit(members, MEMBERS, &hold);
    jg_fault_arm(rows[i].op, rows[i].rc, 1);
    batch_wait(members, MEMBERS, &hold);
    assert_int_equal(jg_fault_hits(), 1);
    check_members(members, 2);
    assert_int_equal(metric("jobgate_store_batch_reruns_total"), 1);
  }
}

/* Job 1, of which nothing is in the writer's cache, as the first member of what check_log expects. */
static void make_cold_job(struct member *first) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1, .bulk = 30000}));
  jg_fixture_close(&fixture);
  jg_fixture_open(&fixture);
  *first = (struct member){.id = 1, .done.status = JG_STATUS_OK};
}

/* An error in the middle that makes SQLite roll everything back at once. */
static void test_batch_rolled_back_in_the_middle(void **state JG_UNUSED) {
  struct member members[MEMBERS + 1];
  make_cold_job(&members[0]);
  make_members(members + 1);
  members[2].reads_cold = 1;
  members[2].fault = SQLITE_IOERR_READ;
  struct jg_fixture_hold hold;
  batch_submit(members + 1, MEMBERS, &hold);
  batch_wait(members + 1, MEMBERS, &hold);
  assert_int_equal(jg_fault_hits(), 1);
  assert_int_equal(metric("jobgate_store_batch_reruns_total"), 1);
  assert_int_equal(members[1].runs, 2);
  assert_int_equal(members[2].runs, 2);
  assert_int_equal(members[3].runs, 1);
  assert_ok(members[2].done.status);
  check_log(members, MEMBERS + 1);
}

/* A damaged page that one member meets, whose run takes no notice: SQLite refuses to commit what stands beside it, so the
 * others get their own transactions, and it fails alone. */
static void test_engine_failure_stands(void **state JG_UNUSED) {
  struct member members[MEMBERS + 1];
  make_cold_job(&members[0]);
  make_members(members + 1);
  members[2].reads_cold = 1;
  members[2].fault = SQLITE_CORRUPT;
  struct jg_fixture_hold hold;
  batch_submit(members + 1, MEMBERS, &hold);
  batch_wait(members + 1, MEMBERS, &hold);
  assert_status(members[2].done.status, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
  for (size_t i = 1; i <= MEMBERS; i++) {
    assert_int_equal(jg_status_ok(members[i].done.status), i == 1 || i == 4 || i == 6);
  }
  check_runs(members + 1, 1, 2);
  assert_int_equal(metric("jobgate_store_batch_reruns_total"), 1);
  check_log(members, MEMBERS + 1);
}

/* A disk that stays full fails everybody, and nothing else: when it has room again the log goes on without a gap. */
static void test_full_disk(void **state JG_UNUSED) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 100}));
  struct member members[MEMBERS];
  make_members(members);
  struct jg_fixture_hold hold;
  batch_submit(members, MEMBERS, &hold);
  jg_fault_arm(JG_FAULT_WRITE, SQLITE_FULL, INT_MAX);
  batch_wait(members, MEMBERS, &hold);
  check_runs(members, 2, 2);
  for (size_t i = 0; i < MEMBERS; i++) {
    if (i == 2) {
      assert_status(members[i].done.status, JG_ABORTED, JG_REASON_ETAG_MISMATCH);
    } else if (i % 4 == 0) {
      assert_status(members[i].done.status, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID);
    } else {
      assert_status(members[i].done.status, JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE);
    }
  }
  // Reading goes on meanwhile.
  struct jg_changes log;
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_log, &log));
  assert_int_equal(log.count, 1);
  jg_fault_disarm();
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 7}));
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_log, &log));
  assert_int_equal(log.count, 2);
}

/* Not even a transaction can be begun: nobody runs, everybody hears it. */
static void test_no_transaction(void **state JG_UNUSED) {
  struct member members[MEMBERS];
  make_members(members);
  struct jg_fixture_hold hold;
  batch_submit(members, MEMBERS, &hold);
  jg_fault_arm(JG_FAULT_LOCK, SQLITE_IOERR_SHMLOCK, INT_MAX);
  batch_wait(members, MEMBERS, &hold);
  for (size_t i = 0; i < MEMBERS; i++) {
    assert_int_equal(members[i].runs, 0);
    assert_status(members[i].done.status, JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE);
  }
  jg_fault_disarm();
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 7}));
}

/* ---- reads ---- */

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  return jg_txn_job_get(txn, jg_fixture_id(1), &fixture.arena, data);
}

static void test_read_errors(void **state JG_UNUSED) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1, .bulk = 30000}));
  jg_fixture_close(&fixture);
  fixture.options.reader_count = 1;
  static const struct {
    int rc;
    enum jg_code code;
    enum jg_reason reason;
  } rows[] = {
      {SQLITE_IOERR_READ, JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE},
      {SQLITE_IOERR_CORRUPTFS, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT},
      {SQLITE_CORRUPT, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_fixture_open(&fixture);
    struct jg_job_row row;
    jg_fault_arm(JG_FAULT_READ, rows[i].rc, 1);
    assert_status(jg_fixture_read(&fixture, fixture.tenant, run_get, &row), rows[i].code, rows[i].reason);
    assert_int_equal(jg_fault_hits(), 1);
    assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_get, &row));
    jg_fixture_close(&fixture);
  }
}

/* An inline read never waits: what cannot be had at once is for the readers. */
static void test_inline_read_does_not_wait(void **state JG_UNUSED) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  struct jg_job_row row;
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_get, &row));
  jg_fault_arm(JG_FAULT_LOCK, SQLITE_IOERR_SHMLOCK, 1);
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_get, &row), JG_UNAVAILABLE,
                JG_REASON_STORE_UNAVAILABLE);
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_get, &row));
}

/* Damage in the middle of the file shows when it is read, as DATA_LOSS, to readers and to the writer. */
static void test_damage_shows_when_read(void **state JG_UNUSED) {
  for (uint64_t id = 1; id <= 50; id++) {
    assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = id, .bulk = 3000}));
  }
  jg_fixture_close(&fixture);
  // The tree of jobs, all of it.
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'jobs'", -1, &stmt, NULL),
                   SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  long root = (long)sqlite3_column_int64(stmt, 0);
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  FILE *file = fopen(fixture.path, "r+");
  assert_non_null(file);
  static const char garbage[JG_SQLITE_PAGE_BYTES] = {1, 2, 3};
  assert_int_equal(fseek(file, (root - 1) * JG_SQLITE_PAGE_BYTES, SEEK_SET), 0);
  assert_int_equal(fwrite(garbage, 1, sizeof(garbage), file), sizeof(garbage));
  assert_int_equal(fclose(file), 0);

  jg_fixture_open(&fixture);
  struct jg_job_row row;
  assert_status(jg_fixture_read(&fixture, fixture.tenant, run_get, &row), JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_get, &row), JG_DATA_LOSS,
                JG_REASON_STORE_CORRUPT);
  assert_status(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 99}), JG_DATA_LOSS,
                JG_REASON_STORE_CORRUPT);
  // What is whole is still there.
  struct jg_changes log;
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_log, &log));
  assert_int_equal(log.count, 50);
}

/* ---- R4 ---- */

static off_t wal_bytes(void) {
  char path[JG_FIXTURE_PATH_MAX + 32];
  (void)snprintf(path, sizeof(path), "%s-wal", fixture.path);
  struct stat file;
  assert_int_equal(stat(path, &file), 0);
  return file.st_size;
}

static void test_wal_is_bounded(void **state JG_UNUSED) {
  const off_t limit = (off_t)JG_SQLITE_CHECKPOINT_PAGES * (JG_SQLITE_PAGE_BYTES + 24);
  off_t longest = 0;
  struct jg_job_row row;
  // Some 10 pages each: the limit is met several times, with reads between.
  for (uint64_t id = 1; id <= 1500; id++) {
    assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = id, .bulk = 16000}));
    assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_get, &row));
    off_t bytes = wal_bytes();
    longest = bytes > longest ? bytes : longest;
  }
  assert_true(longest > limit / 2);
  assert_true(longest < limit + limit / 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_members_fail_alone),
      TEST(test_lost_batch_runs_again),
      TEST(test_batch_rolled_back_in_the_middle),
      TEST(test_engine_failure_stands),
      TEST(test_full_disk),
      TEST(test_no_transaction),
      TEST(test_read_errors),
      TEST(test_inline_read_does_not_wait),
      TEST(test_damage_shows_when_read),
      TEST(test_wal_is_bounded),
  };
  return cmocka_run_group_tests(tests, setup_process, NULL);
}
