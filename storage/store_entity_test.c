/* Embedded entities as a set of their own: pages, references, deletion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"
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

/* ---- writes and reads of the tests ---- */

struct entity {
  enum jg_kind kind;
  uint64_t id;
  struct jg_entity_ref embeds; /* kind NONE: none */
};

static struct jg_status run_put(struct jg_txn *txn, void *data) {
  const struct entity *entity = data;
  struct jg_entity_put put = {.create = true,
                              .kind = entity->kind,
                              .id = jg_fixture_id(entity->id),
                              .payload = JG_STR("0123456789"),
                              .embeds = &entity->embeds,
                              .embed_count = entity->embeds.kind != JG_KIND_NONE,
                              .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET)};
  int64_t revision;
  return jg_txn_entity_put(txn, &put, &fixture.arena, &revision);
}

static void put(enum jg_kind kind, uint64_t id) {
  struct entity entity = {.kind = kind, .id = id};
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_put, &entity)));
}

static struct jg_status run_delete(struct jg_txn *txn, void *data) {
  const struct entity *entity = data;
  const struct jg_entity_row row = {
      .kind = entity->kind, .id = jg_fixture_id(entity->id), .payload = JG_STR("0123456789")};
  int64_t revision;
  return jg_txn_entity_delete(txn, &row, jg_txn_stamp(txn, JG_TICKS_UNSET), &revision);
}

static struct jg_status remove_one(enum jg_kind kind, uint64_t id) {
  struct entity entity = {.kind = kind, .id = id};
  return jg_fixture_write(&fixture, fixture.tenant, run_delete, &entity);
}

struct question {
  enum jg_kind kind;
  uint64_t id;
  int64_t after;
  bool answer;
};

static struct jg_status run_ask(struct jg_txn *txn, void *data) {
  struct question *question = data;
  return jg_txn_entity_is_referenced(txn, question->kind, jg_fixture_id(question->id), question->after,
                                     &question->answer);
}

/* In a read, or in a write as a deletion asks. */
static bool is_referenced(enum jg_kind kind, uint64_t id, int64_t after) {
  struct question question = {kind, id, after, false};
  assert_true(jg_status_ok(after > 0 ? jg_fixture_write(&fixture, fixture.tenant, run_ask, &question)
                                     : jg_fixture_read(&fixture, fixture.tenant, run_ask, &question)));
  return question.answer;
}

static struct jg_status run_state(struct jg_txn *txn, void *data) {
  return jg_txn_tenant_state(txn, &fixture.arena, data);
}

static struct jg_tenant_state state_now(void) {
  struct jg_tenant_state tenant;
  assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_state, &tenant)));
  return tenant;
}

struct job {
  uint64_t id, entity;
  unsigned member;
};

/* A job one of whose columns names an entity. */
static struct jg_status run_job(struct jg_txn *txn, void *data) {
  const struct job *job = data;
  int64_t stamp = jg_txn_stamp(txn, JG_TICKS_UNSET);
  const struct jg_member *members = jg_entity(JG_KIND_JOB)->members;
  struct jg_buf out;
  jg_buf_init(&out, 1000);
  char text[JG_UUID_TEXT_LEN];
  jg_uuid_format(jg_fixture_id(job->id), text);
  jg_wire_put_bytes(&out, members[JG_JOB_ID].number, jg_str_make(text, sizeof(text)));
  jg_uuid_format(jg_fixture_id(job->entity), text);
  jg_wire_put_bytes(&out, members[job->member].number, jg_str_make(text, sizeof(text)));
  jg_wire_put_timestamp(&out, members[JG_JOB_MODIFIED_DATEUTC].number, stamp);
  const struct jg_job_put job_put = {
      .id = jg_fixture_id(job->id), .payload = jg_buf_str(&out), .commit_ticks = stamp, .modified_ticks = stamp};
  int64_t revision;
  struct jg_status status = jg_txn_job_put(txn, &job_put, &fixture.arena, &revision);
  jg_buf_done(&out);
  return status;
}

/* ---- tests ---- */

struct page {
  struct jg_entity_query query;
  struct jg_entity_rows rows;
};

static struct jg_status run_list(struct jg_txn *txn, void *data) {
  struct page *page = data;
  return jg_txn_entity_list(txn, &page->query, &fixture.arena, &page->rows);
}

static void pages_are_by_id_and_of_one_kind(void **state JG_UNUSED) {
  for (uint64_t n = 5; n >= 1; n--) {
    put(JG_KIND_SKILL, n);
  }
  put(JG_KIND_USER, 3);
  static const struct {
    uint64_t after; /* 0: from the start */
    size_t limit, bytes_max, count;
    bool more;
  } rows[] = {{0, 5, SIZE_MAX, 5, false}, {0, 2, SIZE_MAX, 2, true}, {2, 3, SIZE_MAX, 3, false},
              {5, 3, SIZE_MAX, 0, false}, {0, 9, 1, 1, true},        {0, 9, 20, 2, true},
              {4, 1, 0, 1, false}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct page page = {.query = {.kind = JG_KIND_SKILL,
                                  .has_after = rows[i].after != 0,
                                  .after_id = jg_fixture_id(rows[i].after),
                                  .limit = rows[i].limit,
                                  .bytes_max = rows[i].bytes_max}};
    assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_list, &page)));
    assert_int_equal(page.rows.count, rows[i].count);
    assert_int_equal(page.rows.more, rows[i].more);
    for (size_t n = 0; n < page.rows.count; n++) {
      assert_true(jg_uuid_equal(page.rows.rows[n].id, jg_fixture_id(rows[i].after + n + 1)));
      assert_int_equal(page.rows.rows[n].kind, JG_KIND_SKILL);
    }
  }
}

/* Each column by which a job names an entity guards it, for its own kind alone; and the log tells of jobs changed later. */
static void jobs_refer(void **state JG_UNUSED) {
  static const struct {
    unsigned member;
    enum jg_kind kind;
  } rows[] = {{JG_JOB_PROJECT_ID, JG_KIND_PROJECT},
              {JG_JOB_JOB_TYPE_ID, JG_KIND_JOB_TYPE},
              {JG_JOB_JOB_PRIORITY_ID, JG_KIND_JOB_PRIORITY},
              {JG_JOB_JOB_STATUS_ID, JG_KIND_JOB_STATUS},
              {JG_JOB_SUGGESTED_USER_ID, JG_KIND_USER},
              {JG_JOB_APPROVAL_RESPONSIBLE_USER_ID, JG_KIND_USER},
              {JG_JOB_SKILL_ID, JG_KIND_SKILL}};
  put(JG_KIND_SKILL, 1);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct job job = {.id = 100 + i, .entity = 200 + i, .member = rows[i].member};
    int64_t before = state_now().revision;
    assert_false(is_referenced(rows[i].kind, job.entity, 0));
    assert_false(is_referenced(rows[i].kind, job.entity, before));
    assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_job, &job)));
    assert_true(is_referenced(rows[i].kind, job.entity, 0));
    assert_true(is_referenced(rows[i].kind, job.entity, before));
    assert_false(is_referenced(rows[i].kind, job.entity, before + 1));
    assert_false(is_referenced(JG_KIND_EQUIPMENT_BRAND, job.entity, 0));
    assert_false(is_referenced(rows[i].kind, 1, 0));
  }
}

static struct jg_status run_planning(struct jg_txn *txn, void *data JG_UNUSED) {
  const struct jg_planning_row row = {
      .id = jg_fixture_id(900), .job_id = jg_fixture_id(1), .user_id = jg_fixture_id(2), .start_ticks = 1};
  bool added;
  const struct jg_fixture_job job = {.id = 1, .name = "job"};
  int64_t revision;
  JG_RETURN_IF_ERROR(jg_fixture_create(txn, &fixture.arena, &job, &revision));
  return jg_txn_planning_add(txn, &row, &added);
}

static void plannings_refer_to_users(void **state JG_UNUSED) {
  put(JG_KIND_SKILL, 1);
  int64_t before = state_now().revision;
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_planning, NULL)));
  assert_true(is_referenced(JG_KIND_USER, 2, 0));
  assert_true(is_referenced(JG_KIND_USER, 2, before));
  assert_false(is_referenced(JG_KIND_USER, 2, before + 1));
  assert_false(is_referenced(JG_KIND_SKILL, 2, 0));
}

struct log {
  int64_t after;
  struct jg_changes changes;
};

static struct jg_status run_changes(struct jg_txn *txn, void *data) {
  struct log *log = data;
  return jg_txn_changes(txn, log->after, 10, SIZE_MAX, &fixture.arena, &log->changes);
}

static void a_deletion_is_logged_and_frees_what_was_embedded(void **state JG_UNUSED) {
  put(JG_KIND_SALES_ORGANIZATION, 1);
  struct entity user = {JG_KIND_USER, 2, {JG_KIND_SALES_ORGANIZATION, jg_fixture_id(1)}};
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_put, &user)));
  assert_true(is_referenced(JG_KIND_SALES_ORGANIZATION, 1, 0));
  struct jg_tenant_state before = state_now();
  assert_true(jg_status_ok(remove_one(JG_KIND_USER, 2)));
  struct jg_tenant_state after = state_now();
  assert_int_equal(after.revision, before.revision + 1);
  assert_int_equal(after.entity_revision, after.revision);
  assert_false(jg_store_unchanged(fixture.store, fixture.tenant, jg_fixture_id(7), before.revision));
  assert_true(jg_store_unchanged(fixture.store, fixture.tenant, jg_fixture_id(7), after.revision));
  struct log log = {.after = before.revision};
  assert_true(jg_status_ok(jg_fixture_read(&fixture, fixture.tenant, run_changes, &log)));
  assert_int_equal(log.changes.count, 1);
  const struct jg_change *change = &log.changes.items[0];
  assert_int_equal(change->change, JG_CHANGE_DELETED);
  assert_int_equal(change->kind, JG_KIND_USER);
  assert_true(change->last && change->payload.len == 0 && jg_str_equal(change->old, JG_STR("0123456789")));
  assert_false(is_referenced(JG_KIND_SALES_ORGANIZATION, 1, 0));
  assert_int_equal(remove_one(JG_KIND_USER, 2).code, JG_NOT_FOUND);
  assert_int_equal(remove_one(JG_KIND_SKILL, 1).code, JG_NOT_FOUND);
  assert_int_equal(state_now().revision, after.revision);
  assert_true(jg_status_ok(remove_one(JG_KIND_SALES_ORGANIZATION, 1)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(pages_are_by_id_and_of_one_kind, setup, teardown),
      cmocka_unit_test_setup_teardown(jobs_refer, setup, teardown),
      cmocka_unit_test_setup_teardown(plannings_refer_to_users, setup, teardown),
      cmocka_unit_test_setup_teardown(a_deletion_is_logged_and_frees_what_was_embedded, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
