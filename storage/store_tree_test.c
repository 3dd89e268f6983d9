/* Embedded entities and the tree_revision of what embeds them (C1), through the seam: every engine has to pass this. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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

struct entity {
  enum jg_kind kind;
  uint64_t id;
  const char *key;
  struct jg_entity_ref embeds[3];
  size_t embed_count;
  bool update;
  /* results */
  int64_t revision;
};

static struct jg_status run_entity(struct jg_txn *txn, void *data) {
  struct entity *entity = data;
  struct jg_entity_put put = {
      .create = !entity->update,
      .kind = entity->kind,
      .id = jg_fixture_id(entity->id),
      .key = jg_str_from_cstr(entity->key),
      .payload = JG_STR("payload"),
      .changed = entity->update ? 6 : 0,
      .old = entity->update ? JG_STR("before") : JG_STR_NONE,
      .commit_ticks = jg_txn_stamp(txn, JG_TICKS_UNSET),
      .embeds = entity->embeds,
      .embed_count = entity->embed_count,
  };
  return jg_txn_entity_put(txn, &put, &fixture.arena, &entity->revision);
}

static struct jg_status put_entity(struct entity entity) {
  return jg_fixture_write(&fixture, fixture.tenant, run_entity, &entity);
}

struct entity_read {
  enum jg_kind kind;
  uint64_t id;
  struct jg_str key;
  struct jg_entity_row row, found;
  int64_t head;
  struct jg_tenant_state state;
};

static struct jg_status run_entity_read(struct jg_txn *txn, void *data) {
  struct entity_read *read = data;
  JG_RETURN_IF_ERROR(jg_txn_tenant_state(txn, &fixture.arena, &read->state));
  JG_RETURN_IF_ERROR(jg_txn_entity_head(txn, read->kind, jg_fixture_id(read->id), &read->head));
  if (read->key.len > 0) {
    JG_RETURN_IF_ERROR(jg_txn_entity_find(txn, read->kind, read->key, &fixture.arena, &read->found));
  }
  return jg_txn_entity_get(txn, read->kind, jg_fixture_id(read->id), &fixture.arena, &read->row);
}

static int64_t tree_revision(enum jg_kind kind, uint64_t id) {
  struct entity_read read = {.kind = kind, .id = id};
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_entity_read, &read));
  assert_int_equal(read.head, read.row.tree_revision);
  assert_true(read.row.tree_revision >= read.row.revision);
  return read.head;
}

#define FAMILY JG_KIND_EQUIPMENT_FAMILY
#define MODEL JG_KIND_EQUIPMENT_MODEL
#define PROJECT JG_KIND_PROJECT
#define REF(kind, n) \
  {                  \
    (kind), {        \
      { [15] = (n) } \
    }                \
  }

/* family 1 <- model 2 <- project 3; family 1 <- project 4; project 5 alone. Revisions 1 to 5. */
static void put_trees(void) {
  assert_ok(put_entity((struct entity){.kind = FAMILY, .id = 1, .key = "F"}));
  assert_ok(
      put_entity((struct entity){.kind = MODEL, .id = 2, .key = "M", .embeds = {REF(FAMILY, 1)}, .embed_count = 1}));
  assert_ok(
      put_entity((struct entity){.kind = PROJECT, .id = 3, .key = "P3", .embeds = {REF(MODEL, 2)}, .embed_count = 1}));
  // The same family by two of its members.
  assert_ok(put_entity((struct entity){
      .kind = PROJECT, .id = 4, .key = "P4", .embeds = {REF(FAMILY, 1), REF(FAMILY, 1)}, .embed_count = 2}));
  assert_ok(put_entity((struct entity){.kind = PROJECT, .id = 5, .key = ""}));
}

static void test_tree_revision(void **state JG_UNUSED) {
  put_trees();
  const struct {
    struct entity put;
    int64_t family, model, project3, project4, project5;
  } rows[] = {
      {{.kind = FAMILY, .id = 1, .key = "F", .update = true}, 6, 6, 6, 6, 5},
      {{.kind = MODEL, .id = 2, .key = "M", .embeds = {REF(FAMILY, 1)}, .embed_count = 1, .update = true},
       6,
       7,
       7,
       6,
       5},
      {{.kind = PROJECT, .id = 4, .key = "P4", .embeds = {REF(FAMILY, 1)}, .embed_count = 1, .update = true},
       6,
       7,
       7,
       8,
       5},
      // The model lets the family go: its changes no longer reach project 3.
      {{.kind = MODEL, .id = 2, .key = "M", .update = true}, 6, 9, 9, 8, 5},
      {{.kind = FAMILY, .id = 1, .key = "F", .update = true}, 10, 9, 9, 10, 5},
      // Project 5 takes a model that is not there yet, then it comes.
      {{.kind = PROJECT, .id = 5, .key = "", .embeds = {REF(MODEL, 9)}, .embed_count = 1, .update = true},
       10,
       9,
       9,
       10,
       11},
      {{.kind = MODEL, .id = 9, .key = "M9"}, 10, 9, 9, 10, 12},
      // A cycle ends.
      {{.kind = FAMILY, .id = 1, .key = "F", .embeds = {REF(PROJECT, 4)}, .embed_count = 1, .update = true},
       13,
       9,
       9,
       13,
       12},
      {{.kind = PROJECT, .id = 4, .key = "P4", .embeds = {REF(FAMILY, 1)}, .embed_count = 1, .update = true},
       14,
       9,
       9,
       14,
       12},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_ok(put_entity(rows[i].put));
    assert_int_equal(tree_revision(FAMILY, 1), rows[i].family);
    assert_int_equal(tree_revision(MODEL, 2), rows[i].model);
    assert_int_equal(tree_revision(PROJECT, 3), rows[i].project3);
    assert_int_equal(tree_revision(PROJECT, 4), rows[i].project4);
    assert_int_equal(tree_revision(PROJECT, 5), rows[i].project5);
  }
}

static void test_entities(void **state JG_UNUSED) {
  put_trees();
  struct entity_read read = {.kind = PROJECT, .id = 3, .key = JG_STR("P3")};
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_entity_read, &read));
  assert_int_equal(read.row.kind, PROJECT);
  assert_true(jg_uuid_equal(read.row.id, jg_fixture_id(3)));
  assert_true(jg_str_equal(read.row.key, JG_STR("P3")));
  assert_true(jg_str_equal(read.row.payload, JG_STR("payload")));
  assert_int_equal(read.row.revision, 3);
  assert_true(jg_uuid_equal(read.found.id, read.row.id));
  assert_int_equal(read.state.entity_revision, 5);
  static const struct {
    struct entity put;
    enum jg_code code;
    enum jg_reason reason;
  } rows[] = {
      {{.kind = PROJECT, .id = 3, .key = "new"}, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID},
      {{.kind = PROJECT, .id = 6, .key = "P3"}, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE},
      {{.kind = PROJECT, .id = 3, .key = "P4", .update = true}, JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE},
      {{.kind = PROJECT, .id = 6, .key = "x", .update = true}, JG_NOT_FOUND, JG_REASON_NONE},
      // The same key and the same id of another kind, and a second empty key.
      {{.kind = MODEL, .id = 3, .key = "P3"}, JG_OK, JG_REASON_NONE},
      {{.kind = PROJECT, .id = 7, .key = ""}, JG_OK, JG_REASON_NONE},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_status(put_entity(rows[i].put), rows[i].code, rows[i].reason);
  }
  // Jobs do not move the entities' revision.
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_entity_read, &read));
  assert_int_equal(read.state.revision, 8);
  assert_int_equal(read.state.entity_revision, 7);
  read = (struct entity_read){.kind = PROJECT, .id = 99};
  assert_status(jg_fixture_read(&fixture, fixture.tenant, run_entity_read, &read), JG_NOT_FOUND, JG_REASON_NONE);
  read = (struct entity_read){.kind = PROJECT, .id = 3, .key = JG_STR("F")};
  assert_status(jg_fixture_read(&fixture, fixture.tenant, run_entity_read, &read), JG_NOT_FOUND, JG_REASON_NONE);
}

static struct jg_status run_entity_log(struct jg_txn *txn, void *data) {
  return jg_txn_changes(txn, 0, 100, SIZE_MAX, &fixture.arena, data);
}

static void test_entity_changes_are_logged(void **state JG_UNUSED) {
  assert_ok(put_entity((struct entity){.kind = FAMILY, .id = 1, .key = "F"}));
  assert_ok(put_entity((struct entity){.kind = FAMILY, .id = 1, .key = "F", .update = true}));
  struct jg_changes log;
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_entity_log, &log));
  assert_int_equal(log.count, 2);
  for (size_t i = 0; i < log.count; i++) {
    assert_int_equal(log.items[i].kind, FAMILY);
    assert_int_equal(log.items[i].rid, 0);
    assert_int_equal(log.items[i].change, i == 0 ? JG_CHANGE_CREATED : JG_CHANGE_UPDATED);
    assert_int_equal(log.items[i].changed, i == 0 ? 0 : 6);
    assert_true(jg_str_equal(log.items[i].old, i == 0 ? JG_STR("") : JG_STR("before")));
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_tree_revision),
      TEST(test_entities),
      TEST(test_entity_changes_are_logged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
