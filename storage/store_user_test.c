/* Users and the names of tenants, through the seam; and a writer of users beside a server. */
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

static void assert_code(struct jg_status status, enum jg_code code) {
  if (status.code != code) {
    fail_msg("%s %s: %s", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
  }
}

struct put {
  struct jg_user_row row;
  bool replace;
};

static struct jg_status run_put(struct jg_txn *txn, void *data) {
  const struct put *put = data;
  return jg_txn_user_put(txn, &put->row, put->replace);
}

static struct jg_status run_remove(struct jg_txn *txn, void *data) {
  return jg_txn_user_remove(txn, jg_str_from_cstr(data));
}

struct get {
  const char *name;
  struct jg_user_row row;
};

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  struct get *get = data;
  return jg_txn_user_get(txn, jg_str_from_cstr(get->name), &fixture.arena, &get->row);
}

struct list {
  struct jg_str after;
  size_t count_max;
  struct jg_user_rows rows;
};

static struct jg_status run_list(struct jg_txn *txn, void *data) {
  struct list *list = data;
  return jg_txn_user_list(txn, list->after, list->count_max, &fixture.arena, &list->rows);
}

static struct jg_status put_user(int64_t tenant, const char *name, const char *password, bool replace) {
  struct put put = {{jg_str_from_cstr(name), jg_str_from_cstr(password), 7}, replace};
  return jg_fixture_write(&fixture, tenant, run_put, &put);
}

static struct jg_status remove_user(int64_t tenant, const char *name) {
  return jg_fixture_write(&fixture, tenant, run_remove, (void *)(uintptr_t)name);
}

static struct jg_status get_user(int64_t tenant, const char *name, struct jg_user_row *ret_row) {
  struct get get = {.name = name};
  JG_RETURN_IF_ERROR(jg_fixture_read(&fixture, tenant, run_get, &get));
  *ret_row = get.row;
  return JG_STATUS_OK;
}

static struct jg_status run_state(struct jg_txn *txn, void *data) {
  return jg_txn_tenant_state(txn, &fixture.arena, data);
}

static void test_users(void **state JG_UNUSED) {
  int64_t other = 0;
  struct jg_user_row row = {.created_ticks = 0};
  assert_code(jg_store_tenant(fixture.store, JG_STR("other"), true, &fixture.arena, &other), JG_OK);
  assert_code(get_user(fixture.tenant, "ada", &row), JG_NOT_FOUND);
  assert_code(put_user(fixture.tenant, "ada", "$y$one", false), JG_OK);
  assert_code(put_user(fixture.tenant, "ada", "$y$two", false), JG_ALREADY_EXISTS);
  assert_code(get_user(fixture.tenant, "ada", &row), JG_OK);
  assert_true(jg_str_equal(row.name, JG_STR("ada")) && jg_str_equal(row.password, JG_STR("$y$one")));
  assert_int_equal(row.created_ticks, 7);
  // R7: the same name elsewhere is somebody else; case counts.
  assert_code(get_user(other, "ada", &row), JG_NOT_FOUND);
  assert_code(get_user(fixture.tenant, "Ada", &row), JG_NOT_FOUND);
  assert_code(remove_user(other, "ada"), JG_NOT_FOUND);
  assert_code(put_user(fixture.tenant, "ada", "$y$two", true), JG_OK);
  assert_code(put_user(other, "ada", "$y$three", true), JG_OK);
  assert_code(get_user(fixture.tenant, "ada", &row), JG_OK);
  assert_true(jg_str_equal(row.password, JG_STR("$y$two")));
  assert_code(remove_user(fixture.tenant, "ada"), JG_OK);
  assert_code(remove_user(fixture.tenant, "ada"), JG_NOT_FOUND);
  assert_code(get_user(other, "ada", &row), JG_OK);
  // Users leave the log and its counter alone.
  struct jg_tenant_state counters;
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_state, &counters), JG_OK);
  assert_int_equal(counters.revision, 0);
}

static void test_list(void **state JG_UNUSED) {
  static const char *const names[] = {"Zoe", "ada", "bob"};
  for (size_t i = 0; i < JG_COUNT(names); i++) {
    assert_code(put_user(fixture.tenant, names[JG_COUNT(names) - 1 - i], "$y$", false), JG_OK);
  }
  struct list list = {.count_max = 2};
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_list, &list), JG_OK);
  assert_int_equal(list.rows.count, 2);
  assert_true(jg_str_equal(list.rows.rows[0].name, JG_STR("Zoe")));
  assert_true(jg_str_equal(list.rows.rows[1].name, JG_STR("ada")));
  list.after = list.rows.rows[1].name;
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_list, &list), JG_OK);
  assert_int_equal(list.rows.count, 1);
  assert_true(jg_str_equal(list.rows.rows[0].name, JG_STR("bob")));
  list.after = list.rows.rows[0].name;
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_list, &list), JG_OK);
  assert_int_equal(list.rows.count, 0);
}

static void test_tenant_names(void **state JG_UNUSED) {
  int64_t upper = 0, lower = 0;
  assert_code(jg_store_tenant(fixture.store, JG_STR("TESTAPI.\xc3\x84"), true, &fixture.arena, &upper), JG_OK);
  assert_code(jg_store_tenant(fixture.store, JG_STR("testapi.\xc3\xa4"), false, &fixture.arena, &lower), JG_OK);
  assert_int_equal(upper, lower);
  assert_code(jg_store_tenant(fixture.store, JG_STR("\xff"), true, &fixture.arena, &lower), JG_INVALID_ARGUMENT);
  struct jg_str name = JG_STR_NONE;
  int64_t tenant = 0;
  assert_code(jg_store_tenant_next(fixture.store, JG_STR(""), &fixture.arena, &name, &tenant), JG_OK);
  assert_true(jg_str_equal(name, JG_TENANT_DEFAULT));
  assert_int_equal(tenant, fixture.tenant);
  assert_code(jg_store_tenant_next(fixture.store, name, &fixture.arena, &name, &tenant), JG_OK);
  assert_true(jg_str_equal(name, JG_STR("testapi.\xc3\xa4")));
  assert_int_equal(tenant, upper);
  assert_code(jg_store_tenant_next(fixture.store, name, &fixture.arena, &name, &tenant), JG_NOT_FOUND);
}

/* While one store holds the lock, another one writes users and makes a tenant; the first goes on writing and sees both. */
static void test_beside(void **state JG_UNUSED) {
  struct jg_store *server = fixture.store;
  fixture.options.exclusive = false;
  fixture.options.create = false;
  assert_code(jg_store_open(&fixture.options, &fixture.arena, &fixture.store), JG_OK);
  int64_t tenant = 0, seen = 0;
  assert_code(jg_store_tenant(fixture.store, JG_STR("beside"), true, &fixture.arena, &tenant), JG_OK);
  assert_code(put_user(tenant, "ada", "$y$one", false), JG_OK);
  struct jg_store *side = fixture.store;
  fixture.store = server;
  struct jg_user_row row = {.created_ticks = 0};
  assert_code(jg_store_tenant(server, JG_STR("beside"), false, &fixture.arena, &seen), JG_OK);
  assert_int_equal(seen, tenant);
  assert_code(get_user(tenant, "ada", &row), JG_OK);
  assert_code(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}), JG_OK);
  fixture.store = side;
  assert_code(remove_user(tenant, "ada"), JG_OK);
  jg_store_close(side);
  fixture.store = server;
  assert_code(get_user(tenant, "ada", &row), JG_NOT_FOUND);
  assert_code(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 2}), JG_OK);
  struct jg_tenant_state counters;
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_state, &counters), JG_OK);
  assert_int_equal(counters.revision, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_users, setup, teardown),
      cmocka_unit_test_setup_teardown(test_list, setup, teardown),
      cmocka_unit_test_setup_teardown(test_tenant_names, setup, teardown),
      cmocka_unit_test_setup_teardown(test_beside, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
