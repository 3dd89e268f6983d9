/* Opening: every refusal, creation, the lock, and beside a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/sqlite/sqlite_internal.h"
#include "storage/assert_status.h"
#include "storage/store_fixture.h"

static struct jg_fixture fixture;

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fixture_done(&fixture);
  return 0;
}

/* Refused, in words that name the path. */
static void assert_refused(enum jg_code code, enum jg_reason reason) {
  struct jg_status status = jg_fixture_try(&fixture);
  assert_status(status, code, reason);
  if (strstr(status.message, fixture.dir) == NULL) {
    fail_msg("no path in: %s", status.message);
  }
}

static void write_file(const char *path, const char *data, size_t len) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static size_t read_file(const char *path, char *out, size_t bytes_max) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  size_t len = fread(out, 1, bytes_max, file);
  assert_int_equal(fclose(file), 0);
  return len;
}

static void exec_sql(const char *path, const char *sql) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static bool exists(const char *name) {
  char path[JG_FIXTURE_PATH_MAX * 2];
  (void)snprintf(path, sizeof(path), "%s/%s", fixture.dir, name);
  return access(path, F_OK) == 0;
}

static void make_store(void) {
  jg_fixture_open(&fixture);
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  jg_fixture_close(&fixture);
}

/* ---- URLs ---- */

static void test_urls(void **state JG_UNUSED) {
  static char long_url[600] = "sqlite:/";
  memset(long_url + 8, 'a', sizeof(long_url) - 8);
  const struct {
    struct jg_str url;
    enum jg_code code;
    enum jg_reason reason;
  } rows[] = {
      {JG_STR(""), JG_INVALID_ARGUMENT, JG_REASON_NONE},
      {JG_STR("jobgate.db"), JG_INVALID_ARGUMENT, JG_REASON_NONE},
      {JG_STR("mysql://x"), JG_INVALID_ARGUMENT, JG_REASON_NONE},
      {JG_STR("postgresql://u:p@h/db"), JG_INVALID_ARGUMENT, JG_REASON_NOT_BUILT},
      {JG_STR("sqlite:"), JG_INVALID_ARGUMENT, JG_REASON_NONE},
      {JG_STR("sqlite::memory:"), JG_INVALID_ARGUMENT, JG_REASON_NONE},
      {JG_STR("sqlite:a\0b"), JG_INVALID_ARGUMENT, JG_REASON_NONE},
      {JG_STR("sqlite:/tmp/"), JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN},
      {JG_STR("sqlite:nowhere/"), JG_INVALID_ARGUMENT, JG_REASON_NONE},
      {JG_STR("sqlite:/no-such-dir/x.db"), JG_NOT_FOUND, JG_REASON_NONE},
      {jg_str_make(long_url, sizeof(long_url)), JG_INVALID_ARGUMENT, JG_REASON_NONE},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    fixture.options.url = rows[i].url;
    struct jg_status status = jg_fixture_try(&fixture);
    assert_status(status, rows[i].code, rows[i].reason);
    assert_null(strstr(status.message, "u:p"));
    // The form alone is known beforehand.
    status = jg_store_check_url(rows[i].url, &fixture.arena);
    assert_int_equal(jg_status_ok(status), jg_str_starts_with(rows[i].url, JG_STR("sqlite:")) && rows[i].url.len > 7);
    assert_null(strstr(status.message, "u:p"));
  }
}

static void test_relative_path(void **state JG_UNUSED) {
  char before[4096];
  assert_non_null(getcwd(before, sizeof(before)));
  assert_int_equal(chdir(fixture.dir), 0);
  // Not a URI of SQLite's.
  fixture.options.url = JG_STR("sqlite:file:x.db?mode=memory");
  jg_fixture_open(&fixture);
  jg_fixture_close(&fixture);
  assert_int_equal(chdir(before), 0);
  assert_true(exists("file:x.db?mode=memory"));
}

/* ---- creation ---- */

static int64_t pragma_of(const char *sql) {
  sqlite3 *db = NULL;
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(sqlite3_open_v2(fixture.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(stmt, 0);
  assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  return value;
}

static void test_creation(void **state JG_UNUSED) {
  fixture.options.create = false;
  assert_refused(JG_NOT_FOUND, JG_REASON_NONE);
  write_file(fixture.path, "", 0);
  assert_refused(JG_NOT_FOUND, JG_REASON_NONE);
  assert_false(exists("jobgate.db.lock"));
  fixture.options.create = true;
  make_store();
  assert_int_equal(pragma_of("PRAGMA application_id"), JG_SQLITE_APPLICATION_ID);
  assert_true(pragma_of("PRAGMA user_version") >= 1);
  assert_int_equal(pragma_of("PRAGMA page_size"), JG_SQLITE_PAGE_BYTES);
  assert_int_equal(pragma_of("SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
  fixture.options.create = false;
  jg_fixture_open(&fixture);
}

/* A process that died between the file and its first migration. */
static void test_half_made_database(void **state JG_UNUSED) {
  exec_sql(fixture.path, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL");
  fixture.options.create = false;
  assert_refused(JG_NOT_FOUND, JG_REASON_NONE);
  fixture.options.create = true;
  make_store();
}

/* ---- refusals ---- */

static void test_foreign_files(void **state JG_UNUSED) {
  static char text[5000];
  memset(text, 'x', sizeof(text));
  const struct {
    const char *sql; /* or text of that length */
    size_t len;
  } rows[] = {
      {NULL, 1},
      {NULL, 100},
      {NULL, sizeof(text)},
      {"CREATE TABLE jobs(a)", 0},
      {"PRAGMA application_id=77", 0},
      {"PRAGMA user_version=1", 0},
      {"PRAGMA journal_mode=WAL; CREATE TABLE notes(a); INSERT INTO notes VALUES(1)", 0},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    (void)unlink(fixture.path);
    if (rows[i].sql != NULL) {
      exec_sql(fixture.path, rows[i].sql);
    } else {
      write_file(fixture.path, text, rows[i].len);
    }
    static char before[20000], after[20000];
    size_t len = read_file(fixture.path, before, sizeof(before));
    for (int mode = 0; mode < 3; mode++) {
      fixture.options.create = mode == 0;
      fixture.options.exclusive = mode != 2;
      fixture.options.read_only = mode == 2;
      assert_refused(JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN);
    }
    assert_int_equal(read_file(fixture.path, after, sizeof(after)), len);
    assert_memory_equal(before, after, len);
    assert_false(exists("jobgate.db.lock"));
  }
}

static void test_directory(void **state JG_UNUSED) {
  assert_int_equal(mkdir(fixture.path, 0700), 0);
  assert_refused(JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN);
  assert_int_equal(rmdir(fixture.path), 0);
}

static void test_newer(void **state JG_UNUSED) {
  make_store();
  exec_sql(fixture.path, "PRAGMA user_version=1000");
  assert_refused(JG_FAILED_PRECONDITION, JG_REASON_STORE_NEWER);
  fixture.options.exclusive = fixture.options.create = false;
  fixture.options.read_only = true;
  assert_refused(JG_FAILED_PRECONDITION, JG_REASON_STORE_NEWER);
}

static void test_corrupt(void **state JG_UNUSED) {
  static const char *const rows[] = {
      "DROP TABLE entity_edges",
      "ALTER TABLE jobs RENAME COLUMN due_date TO other",
      "DELETE FROM changes",
      "UPDATE tenants SET revision = 5",
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    (void)unlink(fixture.path);
    make_store();
    exec_sql(fixture.path, rows[i]);
    assert_refused(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
  }
  // A file that was cut off, or overwritten behind its first page.
  (void)unlink(fixture.path);
  make_store();
  static char all[1 << 20];
  size_t len = read_file(fixture.path, all, sizeof(all));
  assert_true(len > (size_t)3 * JG_SQLITE_PAGE_BYTES && len < sizeof(all));
  assert_int_equal(truncate(fixture.path, (off_t)2 * JG_SQLITE_PAGE_BYTES), 0);
  assert_refused(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
  memset(all + JG_SQLITE_PAGE_BYTES, 0x5a, len - JG_SQLITE_PAGE_BYTES);
  write_file(fixture.path, all, len);
  assert_refused(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT);
}

/* Root writes everywhere, so a child gives its rights away first. */
static void in_child(void (*body)(void)) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
      _exit(3);
    }
    body();
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void refuse_read_only(void) {
  if (access(fixture.dir, X_OK) != 0) {
    _exit(0);  // the test's own folder is closed to nobody: nothing to see
  }
  struct jg_status status = jg_fixture_try(&fixture);
  bool ok = status.code == JG_FAILED_PRECONDITION && status.reason == JG_REASON_STORE_READ_ONLY &&
            strstr(status.message, fixture.dir) != NULL;
  if (!ok) {
    (void)fprintf(stderr, "%s %s: %s\n", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
    _exit(1);
  }
}

static void test_read_only_files(void **state JG_UNUSED) {
  make_store();
  // The directory writable, the file not; then the file, but not the directory; then neither, and nothing to open.
  assert_int_equal(chmod(fixture.dir, 0777), 0);
  assert_int_equal(chmod(fixture.path, 0444), 0);
  in_child(refuse_read_only);
  assert_int_equal(chmod(fixture.dir, 0555), 0);
  assert_int_equal(chmod(fixture.path, 0666), 0);
  in_child(refuse_read_only);
  assert_int_equal(unlink(fixture.path), 0);
  in_child(refuse_read_only);
  assert_int_equal(chmod(fixture.dir, 0755), 0);
}

static void test_links(void **state JG_UNUSED) {
  char link[JG_FIXTURE_PATH_MAX + 16], url[JG_FIXTURE_PATH_MAX + 32];
  (void)snprintf(link, sizeof(link), "%s/link.db", fixture.dir);
  (void)snprintf(url, sizeof(url), "sqlite:%s", link);
  assert_int_equal(symlink("jobgate.db", link), 0);
  struct jg_str direct = fixture.options.url;
  fixture.options.url = jg_str_from_cstr(url);
  assert_refused(JG_NOT_FOUND, JG_REASON_NONE);
  fixture.options.url = direct;
  jg_fixture_open(&fixture);
  // By another name it is the same database, and held.
  fixture.options.url = jg_str_from_cstr(url);
  assert_refused(JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED);
  fixture.options.url = direct;
}

/* ---- the lock ---- */

static void test_lock_in_process(void **state JG_UNUSED) {
  jg_fixture_open(&fixture);
  struct jg_status status = jg_fixture_try(&fixture);
  assert_status(status, JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED);
  assert_non_null(strstr(status.message, fixture.path));
  assert_non_null(strstr(status.message, "another jobgate"));
  // The refused one took nothing from the holder.
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  jg_fixture_close(&fixture);
  assert_ok(jg_fixture_try(&fixture));
}

static void test_lock_of_a_killed_process(void **state JG_UNUSED) {
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    jg_fixture_open(&fixture);
    ssize_t written = write(ready[1], "r", 1);
    for (;;) {
      (void)pause();
      (void)written;
    }
  }
  assert_int_equal(close(ready[1]), 0);
  char byte = 0;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  assert_int_equal(close(ready[0]), 0);
  struct jg_status status = jg_fixture_try(&fixture);
  char pid[32];
  (void)snprintf(pid, sizeof(pid), "process %ld", (long)child);
  bool named = strstr(status.message, pid) != NULL;
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_status(status, JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED);
  assert_true(named);
  assert_ok(jg_fixture_try(&fixture));
}

/* ---- beside a server ---- */

struct seen {
  struct jg_job_row row;
  struct jg_arena *arena;
};

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  struct seen *seen = data;
  return jg_txn_job_get(txn, jg_fixture_id(1), seen->arena, &seen->row);
}

static struct jg_status run_nothing(struct jg_txn *txn JG_UNUSED, void *data JG_UNUSED) {
  return JG_STATUS_OK;
}

static void test_read_only_beside_a_server(void **state JG_UNUSED) {
  jg_fixture_open(&fixture);
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  struct jg_fixture reader = fixture;
  jg_arena_init(&reader.arena, 1 << 20);
  reader.options.url = jg_str_from_cstr(reader.url);
  reader.options.exclusive = reader.options.create = false;
  reader.options.read_only = true;
  reader.store = NULL;
  jg_fixture_open(&reader);
  assert_int_equal(reader.tenant, fixture.tenant);
  struct seen seen = {.arena = &reader.arena};
  assert_ok(jg_fixture_read(&reader, reader.tenant, run_get, &seen));
  assert_ok(jg_store_read_inline(reader.store, reader.tenant, run_get, &seen));
  assert_status(jg_fixture_write(&reader, reader.tenant, run_nothing, NULL), JG_FAILED_PRECONDITION,
                JG_REASON_STORE_READ_ONLY);
  int64_t tenant;
  assert_status(jg_store_tenant(reader.store, JG_STR("new"), true, &reader.arena, &tenant), JG_FAILED_PRECONDITION,
                JG_REASON_STORE_READ_ONLY);
  // The server goes on, and the reader sees it.
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 2}));
  jg_fixture_close(&reader);
  jg_arena_done(&reader.arena);
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 3}));
}

static void test_read_only_alone(void **state JG_UNUSED) {
  fixture.options.exclusive = fixture.options.create = false;
  fixture.options.read_only = true;
  assert_refused(JG_NOT_FOUND, JG_REASON_NONE);
  fixture.options = (struct jg_store_options){
      .url = fixture.options.url, .create = true, .exclusive = true, .reader_count = 1, .clock = &fixture.clock.clock};
  make_store();
  fixture.options.exclusive = fixture.options.create = false;
  fixture.options.read_only = true;
  jg_fixture_open(&fixture);
  struct seen seen = {.arena = &fixture.arena};
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_get, &seen));
}

/* Another writer without the lock, as `user add` is. */
static void test_two_writers(void **state JG_UNUSED) {
  jg_fixture_open(&fixture);
  struct jg_fixture other = fixture;
  jg_arena_init(&other.arena, 1 << 20);
  other.options.url = jg_str_from_cstr(other.url);
  other.options.exclusive = false;
  other.store = NULL;
  jg_fixture_open(&other);
  for (uint64_t i = 1; i <= 20; i++) {
    assert_ok(jg_fixture_create_one(i % 2 == 0 ? &fixture : &other, &(struct jg_fixture_job){.id = i}));
  }
  jg_fixture_close(&other);
  jg_arena_done(&other.arena);
  assert_int_equal(pragma_of("SELECT revision FROM tenants WHERE name = 'default'"), 20);
  assert_int_equal(pragma_of("SELECT count(*) FROM changes"), 20);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_urls),
      TEST(test_relative_path),
      TEST(test_creation),
      TEST(test_half_made_database),
      TEST(test_foreign_files),
      TEST(test_directory),
      TEST(test_newer),
      TEST(test_corrupt),
      TEST(test_read_only_files),
      TEST(test_links),
      TEST(test_lock_in_process),
      TEST(test_lock_of_a_killed_process),
      TEST(test_read_only_beside_a_server),
      TEST(test_read_only_alone),
      TEST(test_two_writers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
