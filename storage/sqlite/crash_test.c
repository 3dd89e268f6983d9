/* kill -9 in the middle of writing: what was answered is there, the log is dense, the file is whole (R1, R2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/store_fixture.h"

#define ROUNDS 4
#define THREADS 16
#define ANSWERS 400 /* then it is killed */
#define IDS_PER_THREAD 100000

static struct jg_fixture fixture;

struct child {
  int round, pipe;
  uint64_t thread;
};

static void *child_thread(void *data) {
  const struct child *child = data;
  uint64_t first = ((uint64_t)child->round * THREADS + child->thread) * IDS_PER_THREAD;
  struct jg_fixture own = fixture;
  jg_arena_init(&own.arena, (size_t)64 << 20);
  for (uint64_t id = first + 1; id < first + IDS_PER_THREAD; id++) {
    struct jg_fixture_job job = {.id = id, .bulk = id % 7 * 1000};
    if (!jg_status_ok(jg_fixture_create_one(&own, &job)) || write(child->pipe, &id, sizeof(id)) != sizeof(id)) {
      _exit(1);
    }
    jg_arena_reset(&own.arena);
  }
  _exit(2);
}

static void child_main(int round, int pipe) {
  jg_fixture_open(&fixture);
  struct child children[THREADS];
  pthread_t thread;
  for (uint64_t i = 0; i < THREADS; i++) {
    children[i] = (struct child){round, pipe, i};
    JG_ASSERT(pthread_create(&thread, NULL, child_thread, &children[i]) == 0);
  }
  for (;;) {
    (void)pause();
  }
}

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  struct jg_job_row row;
  return jg_txn_job_get(txn, jg_fixture_id(*(const uint64_t *)data), &fixture.arena, &row);
}

static struct jg_status run_log(struct jg_txn *txn, void *data) {
  return jg_txn_changes(txn, 0, SIZE_MAX, SIZE_MAX, &fixture.arena, data);
}

static int64_t sql_int(const char *sql) {
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(stmt, 0);
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return value;
}

/* Answers of a child until it is killed, and those that were still in the pipe. */
static size_t read_answers(pid_t child, int pipe, uint64_t *ids, size_t count_max) {
  size_t count = 0;
  bool killed = false;
  while (count < count_max && read(pipe, &ids[count], sizeof(ids[0])) == sizeof(ids[0])) {
    count++;
    if (count >= ANSWERS && !killed) {
      assert_int_equal(kill(child, SIGKILL), 0);
      killed = true;
    }
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return count;
}

static void check(const uint64_t *ids, size_t count) {
  // Before any clean close: the WAL is as the kill left it.
  jg_fixture_open(&fixture);
  for (size_t i = 0; i < count; i++) {
    uint64_t id = ids[i];
    assert_int_equal(jg_fixture_read(&fixture, fixture.tenant, run_get, &id).code, JG_OK);
  }
  struct jg_changes log;
  assert_int_equal(jg_fixture_read(&fixture, fixture.tenant, run_log, &log).code, JG_OK);
  assert_true(log.count >= count);
  size_t log_count = log.count;
  jg_fixture_close(&fixture);
  jg_arena_reset(&fixture.arena);
  assert_int_equal(sql_int("SELECT count(*) FROM jobs"), log_count);
  assert_int_equal(sql_int("SELECT count(*) FROM jobs JOIN changes ON changes.tenant = jobs.tenant AND "
                           "changes.revision = jobs.revision AND changes.id = jobs.id AND changes.job_rid = jobs.rid"),
                   log_count);
  assert_int_equal(sql_int("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static void test_killed_writer(void **state JG_UNUSED) {
  static uint64_t ids[ROUNDS * ANSWERS * 8];
  size_t count = 0;
  jg_fixture_init(&fixture);
  fixture.options.clock = jg_clock_system();
  for (int round = 0; round < ROUNDS; round++) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      (void)close(fds[0]);  // the parent's
      child_main(round, fds[1]);
    }
    assert_int_equal(close(fds[1]), 0);
    count += read_answers(child, fds[0], ids + count, JG_COUNT(ids) - count);
    assert_int_equal(close(fds[0]), 0);
    check(ids, count);
  }
  jg_fixture_done(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_killed_writer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
