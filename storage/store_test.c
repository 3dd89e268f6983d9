/* Tenants, jobs and writes, through the seam: every engine has to pass this. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jobgate/v1/job_status.pb-c.h"
#include "proto/schema/members.h"
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

/* ---- tenants ---- */

static void test_tenants(void **state JG_UNUSED) {
  int64_t other = 0, again = 0, none = 0;
  assert_status(jg_store_tenant(fixture.store, JG_STR("other"), false, &fixture.arena, &none), JG_NOT_FOUND,
                JG_REASON_NONE);
  assert_ok(jg_store_tenant(fixture.store, JG_STR("other"), true, &fixture.arena, &other));
  assert_ok(jg_store_tenant(fixture.store, JG_STR("other"), true, &fixture.arena, &again));
  assert_int_equal(other, again);
  assert_int_not_equal(other, fixture.tenant);
  assert_ok(jg_store_tenant(fixture.store, JG_STR("other"), false, &fixture.arena, &again));
  assert_int_equal(other, again);

  static const char long_name[256] = {0};
  assert_status(jg_store_tenant(fixture.store, JG_STR(""), true, &fixture.arena, &none), JG_INVALID_ARGUMENT,
                JG_REASON_LIMIT_EXCEEDED);
  assert_status(jg_store_tenant(fixture.store, jg_str_make(long_name, 256), true, &fixture.arena, &none),
                JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED);
  assert_ok(jg_store_tenant(fixture.store, jg_str_make(long_name, 255), true, &fixture.arena, &none));

  struct jg_tenant_state mine = tenant_state(fixture.tenant), theirs = tenant_state(other);
  struct jg_uuid epoch;
  assert_true(jg_uuid_parse(mine.epoch, &epoch));
  assert_false(jg_str_equal(mine.epoch, theirs.epoch));
  assert_int_equal(mine.revision, 0);
  assert_int_equal(mine.committed_revision, 0);
  assert_int_equal(mine.entity_revision, 0);
  assert_int_equal(mine.oldest_revision, 1);
  assert_int_equal(mine.id2_last, 0);
  assert_status(jg_fixture_read(&fixture, 4711, run_state, &mine), JG_NOT_FOUND, JG_REASON_NONE);
  // The epoch stays (R5).
  jg_fixture_close(&fixture);
  jg_fixture_open(&fixture);
  assert_true(jg_str_equal(tenant_state(other).epoch, theirs.epoch));
}

static struct jg_status run_seeded(struct jg_txn *txn, void *data) {
  size_t *count = data;
  for (*count = 0; *count < JG_STATUS_ROW_COUNT; ++*count) {
    const struct jg_status_row *row = &jg_status_rows[*count];
    struct jg_entity_row entity;
    JG_RETURN_IF_ERROR(jg_txn_entity_find(txn, JG_KIND_JOB_STATUS, row->code, &fixture.arena, &entity));
    struct jg_uuid id;
    assert_true(jg_uuid_parse(row->id, &id) && jg_uuid_equal(id, entity.id));
    assert_int_equal(entity.revision, 0);
    assert_int_equal(entity.tree_revision, 0);
    Jobgate__V1__JobStatus *status =
        jobgate__v1__job_status__unpack(NULL, entity.payload.len, (const uint8_t *)entity.payload.data);
    assert_non_null(status);
    assert_true(jg_str_equal(jg_str_from_cstr(status->id), row->id));
    assert_true(jg_str_equal(jg_str_from_cstr(status->code), row->code));
    assert_true(jg_str_equal(jg_str_from_cstr(status->name), row->name));
    jobgate__v1__job_status__free_unpacked(status, NULL);
  }
  return JG_STATUS_OK;
}

static void test_tenant_is_seeded(void **state JG_UNUSED) {
  size_t count = 0;
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_seeded, &count));
  assert_int_equal(count, JG_STATUS_ROW_COUNT);
  assert_int_equal(whole_log().count, 0);
}

/* ---- jobs ---- */

struct job_read {
  struct jg_uuid id;
  struct jg_str reference;
  struct jg_job_row row;
  bool is_parent;
};

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  struct job_read *read = data;
  JG_RETURN_IF_ERROR(jg_txn_job_is_parent(txn, read->id, &read->is_parent));
  return jg_txn_job_get(txn, read->id, &fixture.arena, &read->row);
}

static struct jg_status run_find(struct jg_txn *txn, void *data) {
  struct job_read *read = data;
  return jg_txn_job_find(txn, read->reference, &fixture.arena, &read->row);
}

static struct jg_status get(uint64_t id, struct job_read *ret_read) {
  *ret_read = (struct job_read){.id = jg_fixture_id(id)};
  return jg_fixture_read(&fixture, fixture.tenant, run_get, ret_read);
}

/* Renames job 1 to "b", and its reference to what `data` says. */
static struct jg_status run_update(struct jg_txn *txn, void *data) {
  const char *const *reference = data;
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(1), &fixture.arena, &row));
  int64_t stamp = jg_txn_stamp(txn, row.modified_ticks);
  struct jg_fixture_job job = {.id = 1, .reference = *reference, .name = "b", .modified_ticks = stamp};
  struct jg_job_put put = {
      .rid = row.rid,
      .id = row.id,
      .payload = jg_fixture_payload(&fixture.arena, &job),
      .changed = UINT64_C(1) << 63 | UINT64_C(1) << JG_JOB_NAME,
      .old = JG_STR("old"),
      .commit_ticks = stamp,
      .modified_ticks = stamp,
  };
  int64_t revision;
  return jg_txn_job_put(txn, &put, &fixture.arena, &revision);
}

static struct jg_status update(const char *reference) {
  return jg_fixture_write(&fixture, fixture.tenant, run_update, &reference);
}

static struct jg_status run_delete(struct jg_txn *txn, void *data JG_UNUSED) {
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(1), &fixture.arena, &row));
  int64_t revision;
  JG_RETURN_IF_ERROR(jg_txn_job_delete(txn, &row, jg_txn_stamp(txn, row.modified_ticks), &revision));
  // It is gone for the rest of this write too.
  assert_int_equal(jg_txn_job_delete(txn, &row, 0, &revision).code, JG_NOT_FOUND);
  return JG_STATUS_OK;
}

static void test_job_lifecycle(void **state JG_UNUSED) {
  struct jg_fixture_job job = {.id = 1, .reference = "R-1", .name = "a"};
  assert_ok(jg_fixture_create_one(&fixture, &job));
  struct job_read created, updated, found = {.reference = JG_STR("R-1")};
  assert_ok(get(1, &created));
  assert_int_equal(created.row.revision, 1);
  assert_true(created.row.rid > 0);
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_find, &found));
  assert_int_equal(found.row.rid, created.row.rid);
  assert_true(jg_str_equal(found.row.payload, created.row.payload));

  assert_ok(update("R-2"));
  assert_ok(get(1, &updated));
  assert_int_equal(updated.row.rid, created.row.rid);
  assert_int_equal(updated.row.revision, 2);
  assert_true(updated.row.modified_ticks > created.row.modified_ticks);
  assert_status(jg_fixture_read(&fixture, fixture.tenant, run_find, &found), JG_NOT_FOUND, JG_REASON_NONE);
  found.reference = JG_STR("R-2");
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_find, &found));

  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_delete, NULL));
  assert_status(get(1, &found), JG_NOT_FOUND, JG_REASON_NONE);
  assert_status(update(""), JG_NOT_FOUND, JG_REASON_NONE);

  // The same id again is another row.
  assert_ok(jg_fixture_create_one(&fixture, &job));
  assert_ok(get(1, &found));
  assert_true(found.row.rid > created.row.rid);

  struct jg_changes log = whole_log();
  assert_int_equal(log.count, 4);
  static const enum jg_change_kind kinds[] = {JG_CHANGE_CREATED, JG_CHANGE_UPDATED, JG_CHANGE_DELETED,
                                              JG_CHANGE_CREATED};
  for (size_t i = 0; i < log.count; i++) {
    assert_int_equal(log.items[i].change, kinds[i]);
    assert_int_equal(log.items[i].kind, JG_KIND_JOB);
    assert_true(log.items[i].last);
    assert_true(jg_uuid_equal(log.items[i].id, jg_fixture_id(1)));
    assert_int_equal(log.items[i].rid, i < 3 ? created.row.rid : found.row.rid);
    assert_true(i == 0 || log.items[i].commit_ticks > log.items[i - 1].commit_ticks);
  }
  assert_true(jg_str_equal(log.items[0].payload, created.row.payload));
  assert_int_equal(log.items[0].old.len, 0);
  assert_true(jg_str_equal(log.items[1].payload, updated.row.payload));
  assert_true(jg_str_equal(log.items[1].old, JG_STR("old")));
  assert_true(log.items[1].changed == (UINT64_C(1) << 63 | UINT64_C(1) << JG_JOB_NAME));
  assert_int_equal(log.items[2].payload.len, 0);
  assert_true(jg_str_equal(log.items[2].old, updated.row.payload));
}

static void test_duplicates(void **state JG_UNUSED) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1, .reference = "R-1"}));
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 2, .reference = "R-2"}));
  static const struct {
    struct jg_fixture_job job;
    enum jg_reason reason;
  } rows[] = {
      {{.id = 1}, JG_REASON_DUPLICATE_ID},
      {{.id = 1, .reference = "R-2"}, JG_REASON_DUPLICATE_ID},
      {{.id = 3, .reference = "R-2"}, JG_REASON_DUPLICATE_REFERENCE},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_status(jg_fixture_create_one(&fixture, &rows[i].job), JG_ALREADY_EXISTS, rows[i].reason);
  }
  assert_status(update("R-2"), JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE);
  // Empty references are not alike, and what failed took no revision.
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 4, .reference = ""}));
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 5}));
  assert_int_equal(whole_log().count, 4);
}

static void test_tenants_do_not_meet(void **state JG_UNUSED) {
  struct jg_fixture_job job = {.id = 1, .reference = "R-1"};
  assert_ok(jg_fixture_create_one(&fixture, &job));
  int64_t first = fixture.tenant;
  assert_ok(jg_store_tenant(fixture.store, JG_STR("other"), true, &fixture.arena, &fixture.tenant));
  struct job_read read;
  assert_status(get(1, &read), JG_NOT_FOUND, JG_REASON_NONE);
  read = (struct job_read){.reference = JG_STR("R-1")};
  assert_status(jg_fixture_read(&fixture, fixture.tenant, run_find, &read), JG_NOT_FOUND, JG_REASON_NONE);
  assert_int_equal(whole_log().count, 0);
  assert_ok(jg_fixture_create_one(&fixture, &job));
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 2, .parent = 1}));
  assert_int_equal(tenant_state(fixture.tenant).revision, 2);
  assert_int_equal(tenant_state(first).revision, 1);
  fixture.tenant = first;
  assert_ok(get(1, &read));
  assert_false(read.is_parent);
}

static void test_parents(void **state JG_UNUSED) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 2, .parent = 1}));
  // A job that names itself keeps nobody from deleting it.
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 3, .parent = 3}));
  struct job_read read;
  for (uint64_t id = 1; id <= 3; id++) {
    assert_ok(get(id, &read));
    assert_int_equal(read.is_parent, id == 1);
  }
}

/* The key members of a put are those of its payload. */
static struct jg_status run_inconsistent(struct jg_txn *txn, void *data) {
  const char *what = *(const char *const *)data;
  struct jg_fixture_job job = {.id = 9, .modified_ticks = 5};
  struct jg_job_put put = {.id = jg_fixture_id(9),
                           .payload = jg_fixture_payload(&fixture.arena, &job),
                           .commit_ticks = 5,
                           .modified_ticks = 5};
  if (what[0] == 'i') {
    put.id = jg_fixture_id(8);
  } else if (what[0] == 'm') {
    put.modified_ticks = 6;
  } else {
    put.payload = JG_STR("\xff\xff");
  }
  int64_t revision;
  return jg_txn_job_put(txn, &put, &fixture.arena, &revision);
}

static void test_inconsistent_puts(void **state JG_UNUSED) {
  static const char *rows[] = {"id", "modified", "payload"};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_status(jg_fixture_write(&fixture, fixture.tenant, run_inconsistent, &rows[i]), JG_INTERNAL, JG_REASON_NONE);
  }
  assert_int_equal(whole_log().count, 0);
}

/* ---- one write: savepoint, revisions, order ---- */

/* Creates `first` .. `first + count - 1`, and fails at the end if so told. */
struct many {
  uint64_t first, count;
  bool fails, goes_on;
  const char *trace;
  int64_t seen_revision, seen_committed;
};

static struct jg_status run_many(struct jg_txn *txn, void *data) {
  struct many *many = data;
  if (many->trace != NULL) {
    jg_txn_set_trace(txn, jg_str_from_cstr(many->trace));
  }
  for (uint64_t i = 0; i < many->count; i++) {
    struct jg_fixture_job job = {.id = many->first + i};
    int64_t revision;
    struct jg_status status = jg_fixture_create(txn, &fixture.arena, &job, &revision);
    if (!jg_status_ok(status) && !many->goes_on) {
      return status;
    }
  }
  struct jg_tenant_state state;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, &fixture.arena, &state));
  many->seen_revision = state.revision;
  many->seen_committed = state.committed_revision;
  return many->fails ? jg_status_make(JG_ABORTED, JG_REASON_ETAG_MISMATCH, "told to fail") : JG_STATUS_OK;
}

static void test_failed_writes_give_revisions_back(void **state JG_UNUSED) {
  struct many ok = {.first = 1, .count = 3, .trace = "00-abc"}, fails = {.first = 10, .count = 5, .fails = true};
  struct many again = {.first = 3, .count = 3}, after = {.first = 20, .count = 2};
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &ok));
  assert_status(jg_fixture_write(&fixture, fixture.tenant, run_many, &fails), JG_ABORTED, JG_REASON_ETAG_MISMATCH);
  assert_int_equal(fails.seen_revision, 8);
  assert_int_equal(fails.seen_committed, 3);
  assert_status(jg_fixture_write(&fixture, fixture.tenant, run_many, &again), JG_ALREADY_EXISTS,
                JG_REASON_DUPLICATE_ID);
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &after));
  assert_int_equal(after.seen_revision, 5);
  struct jg_changes log = whole_log();
  assert_int_equal(log.count, 5);
  struct job_read read;
  assert_status(get(10, &read), JG_NOT_FOUND, JG_REASON_NONE);
  for (size_t i = 0; i < log.count; i++) {
    assert_int_equal(log.items[i].last, i == 2 || i == 4);
    assert_true(jg_str_equal(log.items[i].trace, i < 3 ? JG_STR("00-abc") : JG_STR("")));
  }
}

/* A write may go on after a duplicate: the statement alone was undone. */
static void test_write_goes_on_after_duplicate(void **state JG_UNUSED) {
  struct many first = {.first = 5, .count = 1}, second = {.first = 4, .count = 3, .goes_on = true};
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &first));
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_many, &second));
  struct jg_changes log = whole_log();
  assert_int_equal(log.count, 3);
  assert_true(jg_uuid_equal(log.items[2].id, jg_fixture_id(6)));
  assert_false(log.items[1].last);
  assert_true(log.items[2].last);
}

static struct jg_status run_nothing(struct jg_txn *txn, void *data JG_UNUSED) {
  // A stamp without a change leaves nothing either.
  (void)jg_txn_stamp(txn, JG_TICKS_UNSET);
  return JG_STATUS_OK;
}

static void test_write_without_revision(void **state JG_UNUSED) {
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_nothing, NULL));
  assert_int_equal(tenant_state(fixture.tenant).revision, 0);
  assert_status(jg_fixture_write(&fixture, 4711, run_nothing, NULL), JG_NOT_FOUND, JG_REASON_NONE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_tenants),
      TEST(test_tenant_is_seeded),
      TEST(test_job_lifecycle),
      TEST(test_duplicates),
      TEST(test_tenants_do_not_meet),
      TEST(test_parents),
      TEST(test_inconsistent_puts),
      TEST(test_failed_writes_give_revisions_back),
      TEST(test_write_goes_on_after_duplicate),
      TEST(test_write_without_revision),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
