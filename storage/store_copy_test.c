/* jg_store_backup and jg_store_restore: one moment, beside writers; nothing half made; no epoch twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "storage/store_fixture.h"

static struct jg_fixture fixture;
static char backup_path[JG_FIXTURE_PATH_MAX + 16], copy_url[JG_FIXTURE_PATH_MAX + 32];

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  (void)snprintf(backup_path, sizeof(backup_path), "%s/backup", fixture.dir);
  (void)snprintf(copy_url, sizeof(copy_url), "sqlite:%s/copy.db", fixture.dir);
  jg_fixture_open(&fixture);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_fixture_done(&fixture);
  return 0;
}

/* ---- calls ---- */

static void assert_code(struct jg_status status, enum jg_code code, enum jg_reason reason) {
  if (status.code != code || status.reason != reason) {
    fail_msg("%s %s: %s", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
  }
}

static struct jg_store_copied copied;

static struct jg_status backup(const char *path, bool replace) {
  const struct jg_store_copy copy = {.url = jg_str_from_cstr(fixture.url),
                                     .path = jg_str_from_cstr(path),
                                     .replace = replace,
                                     .clock = &fixture.clock.clock};
  return jg_store_backup(&copy, &fixture.arena, &copied);
}

static struct jg_status restore(const char *url, const char *path, bool replace) {
  const struct jg_store_copy copy = {
      .url = jg_str_from_cstr(url), .path = jg_str_from_cstr(path), .replace = replace, .clock = &fixture.clock.clock};
  return jg_store_restore(&copy, &fixture.arena, &copied);
}

static bool is_there(const char *name) {
  char path[JG_FIXTURE_PATH_MAX + 32];
  (void)snprintf(path, sizeof(path), "%s/%s", fixture.dir, name);
  return access(path, F_OK) == 0;
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void create(uint64_t first, uint64_t count, size_t bulk) {
  for (uint64_t i = first; i < first + count; i++) {
    const struct jg_fixture_job job = {.id = i, .name = "job", .bulk = bulk};
    assert_true(jg_status_ok(jg_fixture_create_one(&fixture, &job)));
  }
}

/* What a store holds. */
struct content {
  struct jg_tenant_state tenant;
  size_t jobs, changes;
  bool same_names; /* every job is in the log under its revision */
};

static struct jg_status run_content(struct jg_txn *txn, void *data) {
  struct content *content = data;
  const struct jg_job_query all = {.limit = 1000000, .bytes_max = SIZE_MAX};
  struct jg_job_rows jobs;
  struct jg_changes changes;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, &fixture.arena, &content->tenant));
  JG_RETURN_IF_ERROR(jg_txn_job_list(txn, &all, &fixture.arena, &jobs));
  JG_RETURN_IF_ERROR(jg_txn_changes(txn, 0, SIZE_MAX, SIZE_MAX, &fixture.arena, &changes));
  content->jobs = jobs.count;
  content->changes = changes.count;
  content->same_names = true;
  for (size_t i = 0; i < jobs.count; i++) {
    const struct jg_change *change = &changes.items[jobs.rows[i].revision - 1];
    content->same_names = content->same_names && jg_str_equal(change->payload, jobs.rows[i].payload);
  }
  return JG_STATUS_OK;
}

static struct content content_of(const char *url) {
  struct jg_fixture other = {.options = fixture.options};
  other.options.url = jg_str_from_cstr(url);
  jg_arena_init(&other.arena, 1 << 20);
  jg_fixture_open(&other);
  struct content content;
  assert_true(jg_status_ok(jg_fixture_read(&other, other.tenant, run_content, &content)));
  jg_fixture_close(&other);
  jg_arena_done(&other.arena);
  assert_true(content.same_names);
  return content;
}

/* ---- what comes out ---- */

static void a_restored_store_is_the_same_under_another_epoch(void **state JG_UNUSED) {
  create(1, 20, 500);
  assert_code(backup(backup_path, false), JG_OK, JG_REASON_NONE);
  assert_int_equal(copied.tenants, 1);
  assert_int_equal(copied.jobs, 20);
  struct stat file;
  assert_int_equal(stat(backup_path, &file), 0);
  assert_int_equal(copied.bytes, file.st_size);
  assert_false(is_there("backup.partial"));
  assert_false(is_there("backup-wal"));
  assert_false(is_there("backup.lock"));
  create(21, 5, 500);
  assert_code(restore(copy_url, backup_path, false), JG_OK, JG_REASON_NONE);
  assert_int_equal(copied.jobs, 20);
  assert_false(is_there("copy.db.partial"));
  struct content first = content_of(copy_url);
  assert_int_equal(first.jobs, 20);
  assert_int_equal(first.changes, 20);
  assert_int_equal(first.tenant.revision, 20);
  // Again from the same file: another epoch.
  assert_code(restore(copy_url, backup_path, true), JG_OK, JG_REASON_NONE);
  struct content second = content_of(copy_url);
  assert_int_equal(second.jobs, 20);
  struct content original;
  assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_content, &original)));
  assert_int_equal(original.jobs, 25);
  char backup_url[JG_FIXTURE_PATH_MAX + 32];
  (void)snprintf(backup_url, sizeof(backup_url), "sqlite:%s", backup_path);
  struct content served = content_of(backup_url);
  assert_false(jg_str_equal(first.tenant.epoch, second.tenant.epoch));
  assert_false(jg_str_equal(first.tenant.epoch, original.tenant.epoch));
  assert_false(jg_str_equal(second.tenant.epoch, original.tenant.epoch));
  assert_false(jg_str_equal(served.tenant.epoch, original.tenant.epoch));
}

static _Atomic bool stop;

static void *write_on(void *data) {
  struct jg_fixture *writer = data;
  for (uint64_t i = 1000; !atomic_load(&stop); i++) {
    const struct jg_fixture_job job = {.id = i, .name = "job", .bulk = 500};
    JG_ASSERT(jg_status_ok(jg_fixture_create_one(writer, &job)));
    jg_arena_reset(&writer->arena);
  }
  return NULL;
}

struct progress {
  int64_t done, total;
  int calls;
};

static void progressed(int64_t done_bytes, int64_t total_bytes, void *data) {
  struct progress *progress = data;
  JG_ASSERT(done_bytes >= progress->done && done_bytes <= total_bytes);
  *progress = (struct progress){done_bytes, total_bytes, progress->calls + 1};
}

static void a_backup_is_one_moment_beside_writers(void **state JG_UNUSED) {
  create(1, 100, 100000);  // 20 MB: a copy of several steps
  struct jg_fixture writer = {.store = fixture.store, .tenant = fixture.tenant};
  jg_arena_init(&writer.arena, 1 << 20);
  pthread_t thread;
  atomic_store(&stop, false);
  assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
  size_t before = 0;
  for (int i = 0; i < 5; i++) {
    struct progress progress = {0};
    const struct jg_store_copy copy = {.url = jg_str_from_cstr(fixture.url),
                                       .path = jg_str_from_cstr(backup_path),
                                       .replace = true,
                                       .clock = jg_clock_system(),
                                       .progress = progressed,
                                       .data = &progress};
    assert_code(jg_store_backup(&copy, &fixture.arena, &copied), JG_OK, JG_REASON_NONE);
    assert_int_equal(progress.done, progress.total);
    assert_true(progress.calls > 4);
    assert_code(restore(copy_url, backup_path, true), JG_OK, JG_REASON_NONE);
    struct content content = content_of(copy_url);
    assert_int_equal(content.jobs, (size_t)copied.jobs);
    assert_int_equal(content.changes, content.jobs);
    assert_true(content.jobs >= before);
    before = content.jobs;
  }
  atomic_store(&stop, true);
  assert_int_equal(pthread_join(thread, NULL), 0);
  jg_arena_done(&writer.arena);
}

/* ---- what is refused ---- */

static void nothing_is_replaced_unasked(void **state JG_UNUSED) {
  create(1, 2, 500);
  assert_code(backup(backup_path, false), JG_OK, JG_REASON_NONE);
  assert_code(backup(backup_path, false), JG_ALREADY_EXISTS, JG_REASON_NONE);
  assert_code(backup(backup_path, true), JG_OK, JG_REASON_NONE);
  assert_code(restore(copy_url, backup_path, false), JG_OK, JG_REASON_NONE);
  assert_code(restore(copy_url, backup_path, false), JG_ALREADY_EXISTS, JG_REASON_NONE);
  // What is not a record of ours is not even replaced when asked to.
  char text_path[JG_FIXTURE_PATH_MAX + 32], text_url[JG_FIXTURE_PATH_MAX + 48];
  (void)snprintf(text_path, sizeof(text_path), "%s/text", fixture.dir);
  (void)snprintf(text_url, sizeof(text_url), "sqlite:%s", text_path);
  write_file(text_path, "a letter");
  assert_code(backup(text_path, true), JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN);
  assert_code(restore(text_url, backup_path, true), JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN);
  assert_code(restore(copy_url, text_path, true), JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN);
  assert_int_equal(content_of(copy_url).jobs, 2);
  // An empty file holds nothing.
  write_file(text_path, "");
  assert_code(restore(copy_url, text_path, true), JG_NOT_FOUND, JG_REASON_NONE);
  assert_code(backup(text_path, false), JG_OK, JG_REASON_NONE);
}

static void names_must_make_sense(void **state JG_UNUSED) {
  create(1, 1, 500);
  assert_code(backup(fixture.path, true), JG_INVALID_ARGUMENT, JG_REASON_NONE);
  assert_code(restore(fixture.url, fixture.path, true), JG_INVALID_ARGUMENT, JG_REASON_NONE);
  assert_code(backup("", false), JG_INVALID_ARGUMENT, JG_REASON_NONE);
  assert_code(backup(fixture.dir, true), JG_FAILED_PRECONDITION, JG_REASON_STORE_FOREIGN);
  assert_code(backup("/nowhere/backup", false), JG_NOT_FOUND, JG_REASON_NONE);
  assert_code(restore(copy_url, backup_path, false), JG_NOT_FOUND, JG_REASON_NONE);
  assert_code(restore("copy.db", backup_path, false), JG_INVALID_ARGUMENT, JG_REASON_NONE);
  const struct jg_store_copy missing = {
      .url = jg_str_from_cstr(copy_url), .path = jg_str_from_cstr(backup_path), .clock = &fixture.clock.clock};
  assert_code(jg_store_backup(&missing, &fixture.arena, &copied), JG_NOT_FOUND, JG_REASON_NONE);
  assert_false(is_there("backup"));
  assert_false(is_there("backup.partial"));
  assert_false(is_there("copy.db.lock"));
}

static void a_store_in_use_is_not_restored(void **state JG_UNUSED) {
  create(1, 1, 500);
  assert_code(backup(backup_path, false), JG_OK, JG_REASON_NONE);
  create(2, 1, 500);
  assert_code(restore(fixture.url, backup_path, true), JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED);
  // Nor is one that a server holds overwritten by a backup of another.
  assert_code(restore(copy_url, backup_path, false), JG_OK, JG_REASON_NONE);
  const struct jg_store_copy onto = {.url = jg_str_from_cstr(copy_url),
                                     .path = jg_str_from_cstr(fixture.path),
                                     .replace = true,
                                     .clock = &fixture.clock.clock};
  assert_code(jg_store_backup(&onto, &fixture.arena, &copied), JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED);
  // A reader beside it holds no lock of ours, but the database.
  jg_fixture_close(&fixture);
  fixture.options.read_only = true;
  fixture.options.exclusive = fixture.options.create = false;
  jg_fixture_open(&fixture);
  assert_code(restore(fixture.url, backup_path, true), JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED);
  assert_false(is_there("jobgate.db.partial"));
  jg_fixture_close(&fixture);
  fixture.options.read_only = false;
  fixture.options.exclusive = true;
  assert_int_equal(content_of(fixture.url).jobs, 2);
  assert_code(restore(fixture.url, backup_path, true), JG_OK, JG_REASON_NONE);
  assert_int_equal(content_of(fixture.url).jobs, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_restored_store_is_the_same_under_another_epoch, setup, teardown),
      cmocka_unit_test_setup_teardown(a_backup_is_one_moment_beside_writers, setup, teardown),
      cmocka_unit_test_setup_teardown(nothing_is_replaced_unasked, setup, teardown),
      cmocka_unit_test_setup_teardown(names_must_make_sense, setup, teardown),
      cmocka_unit_test_setup_teardown(a_store_in_use_is_not_restored, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
