/* What the rules of jobs keep, through the seam: plannings, first answers, defaults; and the migration that brought them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "proto/codec/wire.h"
#include "storage/schema/migrations.h"
#include "storage/store_fixture.h"

#define MIGRATION 4

static struct jg_fixture fixture;
static int64_t other; /* another tenant */

static int setup(void **state JG_UNUSED) {
  jg_fixture_init(&fixture);
  jg_fixture_open(&fixture);
  assert_true(jg_status_ok(jg_store_tenant(fixture.store, JG_STR("other"), true, &fixture.arena, &other)));
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

/* ---- plannings ---- */

struct add {
  struct jg_planning_row row;
  bool added;
};

static struct jg_status run_add(struct jg_txn *txn, void *data) {
  struct add *add = data;
  return jg_txn_planning_add(txn, &add->row, &add->added);
}

/* Ids by number: of the planning, its job, its user. */
static bool add_planning(int64_t tenant, uint64_t id, uint64_t job, uint64_t user, int64_t start) {
  struct add add = {.row = {jg_fixture_id(id), jg_fixture_id(job), jg_fixture_id(user), start, 7, 8}};
  assert_code(jg_fixture_write(&fixture, tenant, run_add, &add), JG_OK);
  return add.added;
}

struct list {
  struct jg_planning_query query;
  struct jg_planning_rows rows;
};

static struct jg_status run_list(struct jg_txn *txn, void *data) {
  struct list *list = data;
  return jg_txn_planning_list(txn, &list->query, &fixture.arena, &list->rows);
}

static struct jg_planning_rows list_plannings(int64_t tenant, struct jg_planning_query query) {
  struct list list = {.query = query};
  assert_code(jg_fixture_read(&fixture, tenant, run_list, &list), JG_OK);
  return list.rows;
}

struct get {
  uint64_t id;
  struct jg_planning_row row;
};

static struct jg_status run_get(struct jg_txn *txn, void *data) {
  struct get *get = data;
  return jg_txn_planning_get(txn, jg_fixture_id(get->id), &get->row);
}

static void test_plannings(void **state JG_UNUSED) {
  assert_true(add_planning(fixture.tenant, 3, 100, 200, 5));
  // Statement 79: no second one of that job, user and start; any other one is another visit.
  assert_false(add_planning(fixture.tenant, 4, 100, 200, 5));
  assert_true(add_planning(fixture.tenant, 2, 100, 200, 6));
  assert_true(add_planning(fixture.tenant, 1, 100, 201, 5));
  assert_true(add_planning(fixture.tenant, 5, 101, 200, 5));
  assert_true(add_planning(other, 3, 100, 200, 5));
  struct get get = {.id = 3};
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_get, &get), JG_OK);
  assert_true(jg_uuid_equal(get.row.job_id, jg_fixture_id(100)) && jg_uuid_equal(get.row.user_id, jg_fixture_id(200)));
  assert_int_equal(get.row.start_ticks, 5);
  assert_int_equal(get.row.created_ticks, 7);
  assert_int_equal(get.row.modified_ticks, 8);
  get.id = 4;
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_get, &get), JG_NOT_FOUND);
  get.id = 1;
  assert_code(jg_fixture_read(&fixture, other, run_get, &get), JG_NOT_FOUND);

  struct jg_planning_rows rows = list_plannings(fixture.tenant, (struct jg_planning_query){.limit = 3});
  assert_int_equal(rows.count, 3);
  assert_true(rows.more);
  assert_true(jg_uuid_equal(rows.rows[0].id, jg_fixture_id(1)) && jg_uuid_equal(rows.rows[2].id, jg_fixture_id(3)));
  rows = list_plannings(fixture.tenant,
                        (struct jg_planning_query){.limit = 3, .has_after = true, .after_id = rows.rows[2].id});
  assert_int_equal(rows.count, 1);
  assert_false(rows.more);
  rows = list_plannings(fixture.tenant,
                        (struct jg_planning_query){.limit = 3, .of_job = true, .job_id = jg_fixture_id(100)});
  assert_int_equal(rows.count, 3);
  assert_false(rows.more);
  rows = list_plannings(
      fixture.tenant,
      (struct jg_planning_query){
          .limit = 3, .of_job = true, .job_id = jg_fixture_id(100), .has_after = true, .after_id = jg_fixture_id(2)});
  assert_int_equal(rows.count, 1);
}

static struct jg_status run_delete(struct jg_txn *txn, void *data JG_UNUSED) {
  struct jg_job_row row;
  int64_t revision;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(100), &fixture.arena, &row));
  return jg_txn_job_delete(txn, &row, jg_txn_stamp(txn, JG_TICKS_UNSET), &revision);
}

static void test_plannings_go_with_their_job(void **state JG_UNUSED) {
  assert_code(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 100}), JG_OK);
  assert_true(add_planning(fixture.tenant, 1, 100, 200, 5));
  assert_true(add_planning(fixture.tenant, 2, 101, 200, 5));
  assert_true(add_planning(other, 3, 100, 200, 5));
  assert_code(jg_fixture_write(&fixture, fixture.tenant, run_delete, NULL), JG_OK);
  assert_int_equal(list_plannings(fixture.tenant, (struct jg_planning_query){.limit = 9}).count, 1);
  assert_int_equal(list_plannings(other, (struct jg_planning_query){.limit = 9}).count, 1);
}

/* ---- first answers ---- */

struct keep {
  uint64_t id;
  struct jg_kept_answer answer;
  int64_t expired_ticks;
};

static struct jg_status run_keep(struct jg_txn *txn, void *data) {
  const struct keep *keep = data;
  return jg_txn_answer_put(txn, jg_fixture_id(keep->id), &keep->answer, keep->expired_ticks);
}

static struct jg_status run_kept(struct jg_txn *txn, void *data) {
  struct keep *keep = data;
  return jg_txn_answer_get(txn, jg_fixture_id(keep->id), &fixture.arena, &keep->answer);
}

static void keep_answer(int64_t tenant, uint64_t id, const char *bytes, int64_t created, int64_t expired) {
  struct keep keep = {
      id, {.hash = "0123456789abcde", .created_ticks = created, .bytes = jg_str_from_cstr(bytes)}, expired};
  assert_code(jg_fixture_write(&fixture, tenant, run_keep, &keep), JG_OK);
}

static enum jg_code kept(int64_t tenant, uint64_t id, struct keep *ret_keep) {
  ret_keep->id = id;
  return jg_fixture_read(&fixture, tenant, run_kept, ret_keep).code;
}

static void test_answers(void **state JG_UNUSED) {
  struct keep keep;
  assert_int_equal(kept(fixture.tenant, 1, &keep), JG_NOT_FOUND);
  keep_answer(fixture.tenant, 1, "one", 10, 0);
  assert_int_equal(kept(fixture.tenant, 1, &keep), JG_OK);
  assert_true(jg_str_equal(keep.answer.bytes, JG_STR("one")));
  assert_memory_equal(keep.answer.hash, "0123456789abcde", 16);
  assert_int_equal(keep.answer.created_ticks, 10);
  assert_int_equal(kept(other, 1, &keep), JG_NOT_FOUND);
  keep_answer(other, 1, "theirs", 10, 0);
  keep_answer(fixture.tenant, 1, "again", 11, 0);
  assert_int_equal(kept(fixture.tenant, 1, &keep), JG_OK);
  assert_true(jg_str_equal(keep.answer.bytes, JG_STR("again")));
}

/* What is old goes in batches, the oldest first, and nobody else's. */
static void test_old_answers_go(void **state JG_UNUSED) {
  struct keep keep;
  for (uint64_t i = 1; i <= 12; i++) {
    keep_answer(fixture.tenant, i, "", (int64_t)i, 0);
  }
  keep_answer(other, 1, "", 1, 0);
  keep_answer(fixture.tenant, 100, "", 50, 10);
  assert_int_equal(kept(fixture.tenant, 8, &keep), JG_NOT_FOUND);
  assert_int_equal(kept(fixture.tenant, 9, &keep), JG_OK);
  keep_answer(fixture.tenant, 101, "", 51, 10);
  assert_int_equal(kept(fixture.tenant, 10, &keep), JG_NOT_FOUND);
  assert_int_equal(kept(fixture.tenant, 11, &keep), JG_OK);
  assert_int_equal(kept(fixture.tenant, 100, &keep), JG_OK);
  assert_int_equal(kept(other, 1, &keep), JG_OK);
}

/* ---- defaults ---- */

/* A JobPriority as it is stored. In the fixture's arena. */
static struct jg_str priority(uint64_t id, size_t name_bytes, bool is_default, uint64_t sequence) {
  char name[200], text[JG_UUID_TEXT_LEN];
  memset(name, 'n', sizeof(name));
  jg_uuid_format(jg_fixture_id(id), text);
  struct jg_buf out;
  jg_buf_init(&out, 1000);
  jg_wire_put_bytes(&out, 1, jg_str_make(text, sizeof(text)));
  if (name_bytes > 0) {
    jg_wire_put_bytes(&out, 2, jg_str_make(name, name_bytes));
  }
  jg_wire_put_uint(&out, 3, is_default);
  jg_wire_put_uint(&out, 4, sequence);
  struct jg_str copy = jg_arena_str(&fixture.arena, jg_buf_str(&out));
  jg_buf_done(&out);
  assert_non_null(copy.data);
  return copy;
}

static struct jg_status run_put(struct jg_txn *txn, void *data) {
  struct jg_entity_put *put = data;
  int64_t revision;
  put->commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET);
  return jg_txn_entity_put(txn, put, &fixture.arena, &revision);
}

static void put_priority(bool create, uint64_t id, bool is_default, uint64_t sequence) {
  struct jg_entity_put put = {.create = create,
                              .kind = JG_KIND_JOB_PRIORITY,
                              .id = jg_fixture_id(id),
                              .payload = priority(id, 1, is_default, sequence),
                              .is_default = is_default};
  assert_code(jg_fixture_write(&fixture, fixture.tenant, run_put, &put), JG_OK);
}

static struct jg_status run_default(struct jg_txn *txn, void *data) {
  return jg_txn_entity_default(txn, JG_KIND_JOB_PRIORITY, &fixture.arena, data);
}

static void assert_default(uint64_t id) {
  struct jg_entity_row row;
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_default, &row), JG_OK);
  assert_true(jg_uuid_equal(row.id, jg_fixture_id(id)));
}

static void test_defaults(void **state JG_UNUSED) {
  struct jg_entity_row row;
  put_priority(true, 1, false, 1);
  assert_code(jg_fixture_read(&fixture, fixture.tenant, run_default, &row), JG_NOT_FOUND);
  put_priority(true, 3, true, 2);
  put_priority(true, 4, true, 2);
  assert_default(3);
  put_priority(true, 5, true, 1);
  assert_default(5);
  put_priority(false, 5, false, 1);
  assert_default(3);
  assert_code(jg_fixture_read(&fixture, other, run_default, &row), JG_NOT_FOUND);
}

/* A record of before the migration: its defaults are found by the bytes of their payloads. */
static void test_defaults_of_before(void **state JG_UNUSED) {
  static const struct {
    size_t name_bytes;
    bool is_default;
  } rows[] = {{0, true}, {0, false}, {1, true}, {6, false}, {127, true}, {128, true}, {150, true}, {150, false}};
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  for (size_t i = 0; i < MIGRATION - 1; i++) {
    assert_int_equal(sqlite3_exec(db, jg_sqlite_migrations[i].sql, NULL, NULL, NULL), SQLITE_OK);
  }
  sqlite3_stmt *stmt = NULL;
  assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO entities VALUES(?1, 1, 8, ?2, '', 1, 1, ?3)", -1, &stmt, NULL),
                   SQLITE_OK);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_str payload = priority(i, rows[i].name_bytes, rows[i].is_default, 9);
    struct jg_uuid id = jg_fixture_id(i);
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)i);
    (void)sqlite3_bind_blob(stmt, 2, id.bytes, sizeof(id.bytes), SQLITE_TRANSIENT);
    (void)sqlite3_bind_blob(stmt, 3, payload.data, (int)payload.len, SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    (void)sqlite3_reset(stmt);
  }
  (void)sqlite3_finalize(stmt);
  assert_int_equal(sqlite3_exec(db, jg_sqlite_migrations[MIGRATION - 1].sql, NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db, "SELECT is_default FROM entities ORDER BY rid", -1, &stmt, NULL), SQLITE_OK);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), rows[i].is_default);
  }
  (void)sqlite3_finalize(stmt);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_plannings), TEST(test_plannings_go_with_their_job), TEST(test_answers), TEST(test_old_answers_go),
      TEST(test_defaults),  TEST(test_defaults_of_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
