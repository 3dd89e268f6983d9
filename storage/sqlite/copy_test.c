/* Backup and restore where files are old, new, damaged or left over, and where the disk fails. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/buf.h"
#include "storage/schema/migrations.h"
#include "storage/sqlite/fault_vfs.h"
#include "storage/sqlite/sqlite_internal.h"
#include "storage/store_fixture.h"

#define JOBS 50

static struct jg_fixture fixture;
static char backup_path[JG_FIXTURE_PATH_MAX + 16], partial_path[JG_FIXTURE_PATH_MAX + 32];

/* A store of JOBS jobs, closed, and its backup. */
static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  (void)snprintf(backup_path, sizeof(backup_path), "%s/backup", fixture.dir);
  (void)snprintf(partial_path, sizeof(partial_path), "%s.partial", fixture.path);
  jg_fixture_open(&fixture);
  for (uint64_t i = 1; i <= JOBS; i++) {
    const struct jg_fixture_job job = {.id = i, .name = "job", .bulk = 5000};
    assert_true(jg_status_ok(jg_fixture_create_one(&fixture, &job)));
  }
  jg_fixture_close(&fixture);
  const struct jg_store_copy copy = {
      .url = jg_str_from_cstr(fixture.url), .path = jg_str_from_cstr(backup_path), .clock = &fixture.clock.clock};
  struct jg_store_copied copied;
  assert_true(jg_status_ok(jg_store_backup(&copy, &fixture.arena, &copied)));
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fault_disarm();
  jg_fixture_done(&fixture);
  return 0;
}

static struct jg_status restore(void) {
  const struct jg_store_copy copy = {.url = jg_str_from_cstr(fixture.url),
                                     .path = jg_str_from_cstr(backup_path),
                                     .replace = true,
                                     .clock = &fixture.clock.clock};
  struct jg_store_copied copied;
  struct jg_status status = jg_store_restore(&copy, &fixture.arena, &copied);
  assert_true(access(partial_path, F_OK) != 0 || status.reason == JG_REASON_STORE_LOCKED);
  return status;
}

static struct jg_status again(void) {
  const struct jg_store_copy copy = {.url = jg_str_from_cstr(fixture.url),
                                     .path = jg_str_from_cstr(backup_path),
                                     .replace = true,
                                     .clock = &fixture.clock.clock};
  struct jg_store_copied copied;
  return jg_store_backup(&copy, &fixture.arena, &copied);
}

static void assert_code(struct jg_status status, enum jg_code code, enum jg_reason reason) {
  if (status.code != code || status.reason != reason) {
    fail_msg("%s %s: %s", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
  }
}

static int64_t int_of(const char *path, const char *sql) {
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(stmt, 0);
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return value;
}

static void exec_in(const char *path, const char *sql) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
    fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  }
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The store is whole and has that many jobs. */
static void assert_jobs(int64_t jobs) {
  jg_fixture_open(&fixture);
  jg_fixture_close(&fixture);
  assert_int_equal(int_of(fixture.path, "SELECT count(*) FROM jobs"), jobs);
  assert_int_equal(int_of(fixture.path, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
}

static void overwrite(const char *path, off_t offset, size_t len) {
  char zero[8192] = {0};
  assert_true(len <= sizeof(zero));
  int fd = open(path, O_RDWR | O_CLOEXEC);
  assert_true(fd >= 0);
  assert_int_equal(pwrite(fd, zero, len, offset), (ssize_t)len);
  assert_int_equal(close(fd), 0);
}

static void a_backup_stands_alone(void **state JG_UNUSED) {
  assert_int_equal(chmod(backup_path, 0400), 0);
  assert_int_equal(int_of(backup_path, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode='delete'"), 1);
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_jobs(JOBS);
}

static void permissions_stay(void **state JG_UNUSED) {
  struct stat file;
  assert_int_equal(chmod(fixture.path, 0640), 0);
  assert_code(again(), JG_OK, JG_REASON_NONE);
  assert_int_equal(stat(backup_path, &file), 0);
  assert_int_equal(file.st_mode & 0777, 0640);
  assert_int_equal(chmod(fixture.path, 0600), 0);
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_int_equal(stat(fixture.path, &file), 0);
  assert_int_equal(file.st_mode & 0777, 0600);
}

static void a_damaged_file_changes_nothing(void **state JG_UNUSED) {
  struct stat file;
  assert_int_equal(stat(backup_path, &file), 0);
  exec_in(fixture.path, "UPDATE jobs SET name='kept'");
  // Each page alone, but the first, which says what the file is.
  for (off_t page = 1; page < file.st_size / JG_SQLITE_PAGE_BYTES; page += 7) {
    overwrite(backup_path, page * JG_SQLITE_PAGE_BYTES, JG_SQLITE_PAGE_BYTES);
    struct jg_status status = restore();
    // A page within a large value is data like any other: what it was nobody can tell.
    if (!jg_status_ok(status)) {
      assert_code(status, JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
      assert_int_equal(int_of(fixture.path, "SELECT count(*) FROM jobs WHERE name='kept'"), JOBS);
    } else {
      exec_in(fixture.path, "UPDATE jobs SET name='kept'");
    }
    assert_int_equal(remove(backup_path), 0);
    assert_code(again(), JG_OK, JG_REASON_NONE);
  }
  assert_int_equal(truncate(backup_path, file.st_size / 2 / JG_SQLITE_PAGE_BYTES * JG_SQLITE_PAGE_BYTES), 0);
  assert_code(restore(), JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
  assert_jobs(JOBS);
}

static void a_damaged_store_makes_no_backup(void **state JG_UNUSED) {
  for (off_t page = 20; page < 60; page++) {
    overwrite(fixture.path, page * JG_SQLITE_PAGE_BYTES, JG_SQLITE_PAGE_BYTES);
  }
  assert_code(again(), JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_jobs(JOBS);
}

static void a_log_with_a_gap_is_damaged(void **state JG_UNUSED) {
  exec_in(backup_path, "DELETE FROM changes WHERE revision=7");
  assert_code(restore(), JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
  assert_jobs(JOBS);
}

static void a_damaged_store_may_be_replaced(void **state JG_UNUSED) {
  for (off_t page = 1; page < 10; page++) {
    overwrite(fixture.path, page * JG_SQLITE_PAGE_BYTES, JG_SQLITE_PAGE_BYTES);
  }
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_jobs(JOBS);
}

static void versions_count(void **state JG_UNUSED) {
  exec_in(backup_path, "PRAGMA user_version=999");
  assert_code(restore(), JG_FAILED_PRECONDITION, JG_REASON_STORE_NEWER);
  // A newer store may be replaced: that is the way back from a newer program.
  assert_code(again(), JG_OK, JG_REASON_NONE);
  exec_in(fixture.path, "PRAGMA user_version=999");
  assert_code(again(), JG_FAILED_PRECONDITION, JG_REASON_STORE_NEWER);
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_jobs(JOBS);
}

static void an_older_file_is_migrated(void **state JG_UNUSED) {
  assert_int_equal(remove(backup_path), 0);
  exec_in(backup_path, jg_sqlite_migrations[0].sql);
  struct jg_buf sql;
  jg_buf_init(&sql, 1000);
  jg_buf_printf(&sql, "PRAGMA user_version=1; PRAGMA application_id=%d;", JG_SQLITE_APPLICATION_ID);
  jg_buf_append_char(&sql, '\0');
  exec_in(backup_path, sql.data);
  jg_buf_done(&sql);
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_int_equal(int_of(fixture.path, "PRAGMA user_version"), (int64_t)jg_sqlite_migration_count);
  assert_jobs(0);
}

static void what_was_left_over_does_no_harm(void **state JG_UNUSED) {
  char path[JG_FIXTURE_PATH_MAX + 32];
  static const char *const names[] = {"jobgate.db.partial", "jobgate.db.partial-wal", "jobgate.db-wal",
                                      "jobgate.db-journal"};
  for (size_t i = 0; i < JG_COUNT(names); i++) {
    (void)snprintf(path, sizeof(path), "%s/%s", fixture.dir, names[i]);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("left by a process that died", file) >= 0);
    assert_int_equal(fclose(file), 0);
  }
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_true(access(path, F_OK) != 0);
  assert_jobs(JOBS);
  // One that somebody holds is somebody's.
  int fd = open(partial_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
  assert_code(restore(), JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED);
  assert_int_equal(close(fd), 0);
  assert_code(restore(), JG_OK, JG_REASON_NONE);
}

/* A disk that is full, or fails: an error, and what was there before stays whole. */
static void a_full_disk_changes_nothing(void **state JG_UNUSED) {
  exec_in(fixture.path, "UPDATE jobs SET name='kept'");
  jg_fault_arm(JG_FAULT_WRITE, SQLITE_FULL, 1 << 20);
  assert_code(restore(), JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE);
  assert_true(jg_fault_hits() > 0);
  jg_fault_arm(JG_FAULT_WRITE, SQLITE_IOERR_WRITE, 1);
  assert_code(again(), JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE);
  assert_int_equal(jg_fault_hits(), 1);
  jg_fault_disarm();
  assert_int_equal(int_of(fixture.path, "SELECT count(*) FROM jobs WHERE name='kept'"), JOBS);
  assert_int_equal(int_of(backup_path, "SELECT count(*) FROM jobs WHERE name<>'kept'"), JOBS);
  jg_fault_arm(JG_FAULT_READ, SQLITE_IOERR_READ, 1 << 20);
  assert_false(jg_status_ok(restore()));
  jg_fault_disarm();
  assert_int_equal(int_of(fixture.path, "SELECT count(*) FROM jobs WHERE name='kept'"), JOBS);
  assert_code(restore(), JG_OK, JG_REASON_NONE);
  assert_int_equal(int_of(fixture.path, "SELECT count(*) FROM jobs WHERE name<>'kept'"), JOBS);
}

int main(void) {
  jg_fault_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_backup_stands_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(permissions_stay, setup, teardown),
      cmocka_unit_test_setup_teardown(a_damaged_file_changes_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(a_damaged_store_makes_no_backup, setup, teardown),
      cmocka_unit_test_setup_teardown(a_log_with_a_gap_is_damaged, setup, teardown),
      cmocka_unit_test_setup_teardown(a_damaged_store_may_be_replaced, setup, teardown),
      cmocka_unit_test_setup_teardown(versions_count, setup, teardown),
      cmocka_unit_test_setup_teardown(an_older_file_is_migrated, setup, teardown),
      cmocka_unit_test_setup_teardown(what_was_left_over_does_no_harm, setup, teardown),
      cmocka_unit_test_setup_teardown(a_full_disk_changes_nothing, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
