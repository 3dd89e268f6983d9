/* Pages of jobs, through the seam: every engine has to pass this. */
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

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_keyset_visits_each_row_once), TEST(test_skip),       TEST(test_keyset_needs_no_row),
      TEST(test_pages_end_by_bytes),          TEST(test_empty_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
