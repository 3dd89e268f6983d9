/* Pages, entities, inline reads and deadlines, through the seam: every engine has to pass this. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/limits.h"
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

static void assert_status(struct jg_status status, enum jg_code code, enum jg_reason reason) {
  if (status.code != code || status.reason != reason) {
    fail_msg("%s %s: %s", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
  }
}

static void assert_ok(struct jg_status status) {
  assert_status(status, JG_OK, JG_REASON_NONE);
}

/* ---- pages ---- */

#define JOBS 57
/* Ids 1..57; modified_dateutc goes another way, with ties of three. */
static int64_t modified_of(uint64_t id) {
  return 1000 + (int64_t)(id * 7 % JOBS) / 3;
}

static struct jg_status run_fill(struct jg_txn *txn, void *data) {
  const uint64_t *count = data;
  for (uint64_t id = 1; id <= *count; id++) {
    struct jg_fixture_job job = {.id = id, .modified_ticks = modified_of(id)};
    int64_t revision;
    JG_RETURN_IF_ERROR(jg_fixture_create(txn, &fixture.arena, &job, &revision));
  }
  return JG_STATUS_OK;
}

static void fill(uint64_t count) {
  assert_ok(jg_fixture_write(&fixture, fixture.tenant, run_fill, &count));
}

struct list {
  struct jg_job_query query;
  struct jg_job_rows rows;
};

static struct jg_status run_list(struct jg_txn *txn, void *data) {
  struct list *list = data;
  return jg_txn_job_list(txn, &list->query, &fixture.arena, &list->rows);
}

static struct jg_job_rows read_list(struct jg_job_query query) {
  struct list list = {.query = query};
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_list, &list));
  return list.rows;
}

/* <0, 0, >0 as the order has it. */
static int compare(const struct jg_job_query *query, const struct jg_job_row *a, const struct jg_job_row *b) {
  int result = 0;
  if (query->order == JG_ORDER_MODIFIED) {
    result = (a->modified_ticks > b->modified_ticks) - (a->modified_ticks < b->modified_ticks);
  }
  if (result == 0) {
    result = memcmp(a->id.bytes, b->id.bytes, sizeof(a->id.bytes));
  }
  return query->descending ? -result : result;
}

static void test_keyset_visits_each_row_once(void **state JG_UNUSED) {
  fill(JOBS);
  static const int64_t limits[] = {1, 2, 10, JOBS - 1, JOBS, JOBS + 1, INT64_MAX};
  for (size_t i = 0; i < JG_COUNT(limits) * 4; i++) {
    struct jg_job_query query = {
        .order = i % 2 == 0 ? JG_ORDER_ID : JG_ORDER_MODIFIED,
        .descending = i / 2 % 2 == 1,
        .limit = limits[i / 4],
        .bytes_max = SIZE_MAX,
    };
    bool seen[JOBS + 1] = {false};
    struct jg_job_row before = {0};
    size_t count = 0;
    for (bool more = true; more; query.has_after = true) {
      struct jg_job_rows page = read_list(query);
      assert_true(page.count > 0);
      for (size_t j = 0; j < page.count; j++) {
        const struct jg_job_row *row = &page.rows[j];
        uint8_t id = row->id.bytes[15];
        assert_in_range(id, 1, JOBS);
        assert_false(seen[id]);
        seen[id] = true;
        assert_int_equal(row->modified_ticks, modified_of(id));
        assert_true(count == 0 || compare(&query, &before, row) < 0);
        before = *row;
        count++;
      }
      more = page.more;
      assert_true(!more || (int64_t)page.count == query.limit);
      query.after_id = before.id;
      query.after_modified_ticks = before.modified_ticks;
    }
    assert_int_equal(count, JOBS);
    // Behind the last there is nothing.
    struct jg_job_rows end = read_list(query);
    assert_int_equal(end.count, 0);
    assert_false(end.more);
  }
}

static void test_skip(void **state JG_UNUSED) {
  fill(JOBS);
  for (size_t i = 0; i < 4; i++) {
    struct jg_job_query all = {
        .order = i % 2 == 0 ? JG_ORDER_ID : JG_ORDER_MODIFIED,
        .descending = i / 2 == 1,
        .limit = JOBS,
        .bytes_max = SIZE_MAX,
    };
    struct jg_job_rows rows = read_list(all);
    assert_int_equal(rows.count, JOBS);
    static const int64_t skips[] = {0, 1, 20, JOBS - 1, JOBS, JOBS + 1, INT64_MAX};
    for (size_t j = 0; j < JG_COUNT(skips) * 2; j++) {
      // The second time behind the fifth row.
      struct jg_job_query query = all;
      query.limit = 3;
      query.skip = skips[j / 2];
      query.has_after = j % 2 == 1;
      query.after_id = rows.rows[4].id;
      query.after_modified_ticks = rows.rows[4].modified_ticks;
      size_t from = query.has_after ? 5 : 0;
      size_t left = query.skip < (int64_t)(JOBS - from) ? JOBS - from - (size_t)query.skip : 0;
      struct jg_job_rows page = read_list(query);
      assert_int_equal(page.count, left < 3 ? left : 3);
      assert_int_equal(page.more, left > 3);
      if (left > 0) {
        assert_int_equal(page.rows[0].rid, rows.rows[from + (size_t)query.skip].rid);
      }
    }
  }
}

/* A key whose row is gone, or that never was one, is still a place. */
static void test_keyset_needs_no_row(void **state JG_UNUSED) {
  fill(10);
  struct jg_job_query query = {.limit = 1, .bytes_max = SIZE_MAX, .has_after = true, .after_id = jg_fixture_id(300)};
  query.after_id.bytes[0] = 0;
  assert_int_equal(read_list(query).count, 0);
  query.descending = true;
  assert_int_equal(read_list(query).rows[0].id.bytes[15], 10);
  query = (struct jg_job_query){.order = JG_ORDER_MODIFIED,
                                .limit = 100,
                                .bytes_max = SIZE_MAX,
                                .has_after = true,
                                .after_modified_ticks = INT64_MIN};
  assert_int_equal(read_list(query).count, 10);
  query.after_modified_ticks = INT64_MAX;
  assert_int_equal(read_list(query).count, 0);
}

static void test_pages_end_by_bytes(void **state JG_UNUSED) {
  fill(5);
  size_t one = read_list((struct jg_job_query){.limit = 1, .bytes_max = SIZE_MAX}).rows[0].payload.len;
  const struct {
    size_t bytes_max, count;
    bool more;
  } rows[] = {{0, 1, true},
              {1, 1, true},
              {one, 1, true},
              {one + 1, 2, true},
              {one * 4 + 1, 5, false},
              {one * 5, 5, false},
              {one * 5 + 1, 5, false},
              {one * 4, 4, true}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_job_rows page = read_list((struct jg_job_query){.limit = 100, .bytes_max = rows[i].bytes_max});
    assert_int_equal(page.count, rows[i].count);
    assert_int_equal(page.more, rows[i].more);
  }
}

static void test_empty_list(void **state JG_UNUSED) {
  struct jg_job_rows page = read_list((struct jg_job_query){.limit = 1, .bytes_max = SIZE_MAX, .skip = 3});
  assert_int_equal(page.count, 0);
  assert_false(page.more);
}

/* ---- entities ---- */

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

/* ---- inline reads ---- */

static struct jg_status run_inline(struct jg_txn *txn, void *data) {
  struct jg_job_row *row = data;
  return jg_txn_job_get(txn, jg_fixture_id(1), &fixture.arena, row);
}

static void *thread_inline(void *data) {
  struct jg_job_row row;
  bool *ok = data;
  *ok = jg_status_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
  return NULL;
}

static void test_inline_reads(void **state JG_UNUSED) {
  struct jg_job_row row;
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row), JG_NOT_FOUND, JG_REASON_NONE);
  // What was committed is seen at once.
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
  assert_int_equal(row.revision, 1);
  // A scan is refused, and the next point read is none the worse.
  struct list list = {.query = {.limit = 1, .bytes_max = 1}};
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_list, &list), JG_UNAVAILABLE,
                JG_REASON_STORE_UNAVAILABLE);
  struct jg_changes log;
  assert_status(jg_store_read_inline(fixture.store, fixture.tenant, run_entity_log, &log), JG_UNAVAILABLE,
                JG_REASON_STORE_UNAVAILABLE);
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
  // A thread's connection ends with it, whether the store is closed before or after.
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    bool ok = false;
    assert_int_equal(pthread_create(&thread, NULL, thread_inline, &ok), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(ok);
  }
  jg_fixture_close(&fixture);
  jg_fixture_open(&fixture);
  assert_ok(jg_store_read_inline(fixture.store, fixture.tenant, run_inline, &row));
}

/* More point reads than one inline read may hold. */
static struct jg_status run_many_points(struct jg_txn *txn, void *data) {
  struct jg_job_row row;
  for (int i = 0; i < 100000; i++) {
    JG_RETURN_IF_ERROR(jg_txn_job_get(txn, jg_fixture_id(1), data, &row));
    jg_arena_reset(data);
  }
  return JG_STATUS_OK;
}

static void test_inline_reads_are_bounded(void **state JG_UNUSED) {
  assert_ok(jg_fixture_create_one(&fixture, &(struct jg_fixture_job){.id = 1}));
  struct jg_arena arena;
  jg_arena_init(&arena, 100000);
  struct jg_status status = jg_store_read_inline(fixture.store, fixture.tenant, run_many_points, &arena);
  jg_arena_done(&arena);
  assert_status(status, JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE);
}

/* ---- deadlines (R8) ---- */

/* Each look at the monotonic clock is a millisecond: a deadline comes near with the work, not with the machine's load. */
struct stepping_clock {
  struct jg_clock clock;
  _Atomic int64_t ns;
};

static int64_t stepping_now(const struct jg_clock *clock JG_UNUSED) {
  return INT64_C(1769670820) * JG_TICKS_PER_SECOND;
}

static int64_t stepping_mono(const struct jg_clock *clock) {
  struct stepping_clock *stepping = (struct stepping_clock *)(uintptr_t)clock;
  return atomic_fetch_add(&stepping->ns, 1000000) + 1000000;
}

static struct jg_status run_deep_skip(struct jg_txn *txn, void *data) {
  struct list *list = data;
  list->query = (struct jg_job_query){.limit = 1, .skip = 4000, .bytes_max = SIZE_MAX};
  return run_list(txn, list);
}

static void test_read_deadline(void **state JG_UNUSED) {
  static struct stepping_clock stepping = {.clock = {.now_ticks = stepping_now, .mono_ns = stepping_mono}, .ns = 1};
  fill(5000);
  jg_fixture_close(&fixture);
  fixture.options.clock = &stepping.clock;
  jg_fixture_open(&fixture);
  struct list list;
  // The clock is looked at once before the read, once a statement, and every thousand steps in one.
  static const struct {
    int64_t after_ms;
    enum jg_code code;
  } rows[] = {
      {0, JG_DEADLINE_EXCEEDED},
      {1, JG_DEADLINE_EXCEEDED},
      {2, JG_DEADLINE_EXCEEDED},
      {5, JG_DEADLINE_EXCEEDED},
      {1000, JG_OK},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    int64_t deadline_ns = atomic_load(&stepping.ns) + rows[i].after_ms * 1000000;
    struct jg_status status = jg_fixture_read_until(&fixture, fixture.tenant, deadline_ns, run_deep_skip, &list);
    assert_status(status, rows[i].code, JG_REASON_NONE);
  }
  // The reader is none the worse.
  assert_ok(jg_fixture_read(&fixture, fixture.tenant, run_deep_skip, &list));
  assert_int_equal(list.rows.count, 1);
}

struct timed_write {
  struct jg_store_write write;
  struct jg_fixture_gate done;
  bool ran;
};

static struct jg_status timed_run(struct jg_txn *txn JG_UNUSED, void *data) {
  struct timed_write *timed = data;
  timed->ran = true;
  return JG_STATUS_OK;
}

static void timed_done(struct jg_status status, void *data) {
  struct timed_write *timed = data;
  jg_fixture_gate_open(&timed->done, status);
}

static void test_write_deadline(void **state JG_UNUSED) {
  int64_t now = jg_clock_mono_ns(&fixture.clock.clock);
  struct jg_fixture_hold hold;
  jg_fixture_hold_begin(&fixture, &hold, now + 50);
  struct timed_write writes[2] = {0};
  for (size_t i = 0; i < JG_COUNT(writes); i++) {
    jg_fixture_gate_init(&writes[i].done);
    writes[i].write = (struct jg_store_write){.tenant = fixture.tenant,
                                              .deadline_ns = now + 100 + (int64_t)i,
                                              .run = timed_run,
                                              .done = timed_done,
                                              .data = &writes[i]};
    assert_ok(jg_store_submit(fixture.store, &writes[i].write));
  }
  jg_clock_manual_advance_ns(&fixture.clock, 100);
  jg_fixture_hold_release(&hold);
  // What has begun is never interrupted.
  assert_ok(jg_fixture_hold_wait(&hold));
  assert_status(jg_fixture_gate_wait(&writes[0].done), JG_DEADLINE_EXCEEDED, JG_REASON_NONE);
  assert_false(writes[0].ran);
  assert_ok(jg_fixture_gate_wait(&writes[1].done));
}

/* ---- bounds of the queues, and the close ---- */

static _Atomic int64_t done_count;

static void count_done(struct jg_status status, void *data JG_UNUSED) {
  JG_ASSERT(jg_status_ok(status));
  atomic_fetch_add(&done_count, 1);
}

static struct jg_status run_nothing(struct jg_txn *txn JG_UNUSED, void *data JG_UNUSED) {
  return JG_STATUS_OK;
}

static void test_write_queue_is_bounded_and_drained(void **state JG_UNUSED) {
  struct jg_fixture_hold hold;
  jg_fixture_hold_begin(&fixture, &hold, 0);
  struct jg_store_write *writes = jg_alloc_zero(JG_LIMIT_WRITE_QUEUE + 1, sizeof(*writes));
  atomic_store(&done_count, 0);
  for (size_t i = 0; i <= JG_LIMIT_WRITE_QUEUE; i++) {
    writes[i] = (struct jg_store_write){.tenant = fixture.tenant, .run = run_nothing, .done = count_done};
    struct jg_status status = jg_store_submit(fixture.store, &writes[i]);
    if (i < JG_LIMIT_WRITE_QUEUE) {
      assert_ok(status);
    } else {
      assert_status(status, JG_UNAVAILABLE, JG_REASON_OVERLOADED);
    }
  }
  jg_fixture_hold_release(&hold);
  // The close waits for all of them.
  jg_fixture_close(&fixture);
  assert_ok(jg_fixture_hold_wait(&hold));
  assert_int_equal(atomic_load(&done_count), JG_LIMIT_WRITE_QUEUE);
  jg_free(writes);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_keyset_visits_each_row_once),
      TEST(test_skip),
      TEST(test_keyset_needs_no_row),
      TEST(test_pages_end_by_bytes),
      TEST(test_empty_list),
      TEST(test_tree_revision),
      TEST(test_entities),
      TEST(test_entity_changes_are_logged),
      TEST(test_inline_reads),
      TEST(test_inline_reads_are_bounded),
      TEST(test_read_deadline),
      TEST(test_write_deadline),
      TEST(test_write_queue_is_bounded_and_drained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
