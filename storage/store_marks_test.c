/* jg_store_unchanged: certain that nothing changed, or not certain; never wrongly certain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

static struct jg_status run_state(struct jg_txn *txn, void *data) {
  return jg_txn_tenant_state(txn, &fixture.arena, data);
}

static int64_t newest_revision(void) {
  struct jg_tenant_state tenant;
  assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_state, &tenant)));
  return tenant.revision;
}

static bool unchanged(uint64_t n, int64_t revision) {
  return jg_store_unchanged(fixture.store, fixture.tenant, jg_fixture_id(n), revision);
}

static void create(uint64_t n) {
  const struct jg_fixture_job job = {.id = n, .name = "job"};
  assert_true(jg_status_ok(jg_fixture_create_one(&fixture, &job)));
}

static struct jg_status run_entity(struct jg_txn *txn, void *data JG_UNUSED) {
  struct jg_entity_put put = {.create = true,
                              .kind = JG_KIND_SKILL,
                              .id = jg_fixture_id(900),
                              .key = JG_STR("S"),
                              .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET)};
  int64_t revision;
  return jg_txn_entity_put(txn, &put, &fixture.arena, &revision);
}

static struct jg_status run_delete(struct jg_txn *txn, void *data) {
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, *(struct jg_uuid *)data, &fixture.arena, &row));
  int64_t revision;
  return jg_txn_job_delete(txn, &row, jg_txn_stamp(txn, row.modified_ticks), &revision);
}

static void a_change_is_seen_as_soon_as_it_is_acknowledged(void **state JG_UNUSED) {
  create(1);
  int64_t read_at = newest_revision();
  assert_true(unchanged(1, read_at));
  assert_false(unchanged(1, read_at - 1));
  create(2);
  assert_true(unchanged(1, read_at)); /* another job's change is not this one's */
  assert_false(unchanged(2, read_at));
  struct jg_uuid id = jg_fixture_id(1);
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_delete, &id)));
  assert_false(unchanged(1, read_at));
}

static void an_entity_changes_all_jobs(void **state JG_UNUSED) {
  create(1);
  int64_t read_at = newest_revision();
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_entity, NULL)));
  assert_false(unchanged(1, read_at));
  assert_true(unchanged(1, newest_revision()));
}

static struct jg_status run_undone(struct jg_txn *txn, void *data) {
  JG_RETURN_IF_ERROR(run_delete(txn, data));
  return jg_status_make(JG_ABORTED, JG_REASON_NONE, "undone");
}

static void an_undone_change_is_never_wrongly_certain(void **state JG_UNUSED) {
  create(1);
  int64_t read_at = newest_revision();
  struct jg_uuid id = jg_fixture_id(1);
  assert_int_equal(jg_fixture_write(&fixture, fixture.tenant, run_undone, &id).code, JG_ABORTED);
  assert_false(unchanged(1, read_at)); /* not certain, though it is the same */
  create(2);                           /* takes the revision that was given back */
  assert_true(unchanged(1, newest_revision()));
}

static void nothing_is_certain_without_the_lock(void **state JG_UNUSED) {
  create(1);
  int64_t read_at = newest_revision();
  jg_fixture_close(&fixture);
  fixture.options.exclusive = false;
  fixture.options.read_only = true;
  fixture.options.create = false;
  jg_fixture_open(&fixture);
  assert_false(unchanged(1, read_at));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_change_is_seen_as_soon_as_it_is_acknowledged, setup, teardown),
      cmocka_unit_test_setup_teardown(an_entity_changes_all_jobs, setup, teardown),
      cmocka_unit_test_setup_teardown(an_undone_change_is_never_wrongly_certain, setup, teardown),
      cmocka_unit_test_setup_teardown(nothing_is_certain_without_the_lock, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
