/* Lists with filters and orders against a plain evaluator over the same jobs, and the limits of filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/sqlite/filter_fixture.h"
#include "storage/sqlite/filter_reference.h"

#define ROUNDS 700
#define ORDER_ROUNDS 150

static struct jg_filter_fixture fixture;
static struct jg_arena arena; /* trees and rows of one round */

static int setup(void **state JG_UNUSED) {
  jg_filter_fixture_init(&fixture, 1);
  jg_arena_init(&arena, (size_t)256 << 20);
  return 0;
}

static int teardown(void **state JG_UNUSED) {
  jg_arena_done(&arena);
  jg_filter_fixture_done(&fixture);
  return 0;
}

struct listing {
  struct jg_job_query query;
  struct jg_job_rows rows;
  struct jg_arena *arena;
};

static struct jg_status run_list(struct jg_txn *txn, void *data) {
  struct listing *listing = data;
  return jg_txn_job_list(txn, &listing->query, listing->arena, &listing->rows);
}

static struct jg_status try_list(const struct jg_job_query *query, struct jg_arena *rows_arena,
                                 struct jg_job_rows *ret_rows) {
  struct listing listing = {.query = *query, .arena = rows_arena};
  struct jg_status status = jg_fixture_read(&fixture.store, fixture.store.tenant, run_list, &listing);
  *ret_rows = listing.rows;
  return status;
}

static struct jg_job_rows list(const struct jg_job_query *query) {
  struct jg_job_rows rows;
  struct jg_status status = try_list(query, &arena, &rows);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", jg_code_name(status.code), status.message);
  }
  return rows;
}

static struct jg_job_query query_of(const struct jg_filter *filter) {
  return (struct jg_job_query){.limit = JG_FILTER_FIXTURE_JOBS, .bytes_max = SIZE_MAX, .filter = filter, .count = true};
}

/* The filter's jobs are those of the reference, in the order of id. */
static size_t check_filter(const struct jg_filter *filter, size_t round) {
  struct jg_job_query query = query_of(filter);
  struct jg_job_rows rows = list(&query);
  size_t count = 0;
  for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
    const struct jg_filter_job *job = &fixture.jobs[i];
    bool found = count < rows.count && jg_uuid_equal(rows.rows[count].id, job->id);
    if (found != jg_filter_reference_matches(filter, job->message, &arena)) {
      fail_msg("round %zu, job %zu: SQL says %d", round, i, found);
    }
    if (found) {
      assert_true(jg_str_equal(rows.rows[count].payload, job->payload));
      count++;
    }
  }
  assert_int_equal(rows.count, count);
  assert_int_equal(rows.total, count);
  assert_false(rows.more);
  return count;
}

static void test_random_filters(void **state JG_UNUSED) {
  size_t some = 0;
  for (size_t round = 0; round < ROUNDS; round++) {
    jg_arena_reset(&arena);
    unsigned depth = 2 + (unsigned)jg_filter_fixture_random(&fixture, 5);
    const struct jg_filter *filter = jg_filter_fixture_tree(&fixture, &arena, JG_VALUE_BOOL, depth);
    size_t count = check_filter(filter, round);
    some += count > 0 && count < JG_FILTER_FIXTURE_JOBS;
  }
  // Filters that tell jobs apart, not ones that are always or never true.
  assert_true(some > ROUNDS / 4);
}

/* ---- orders ---- */

static const struct jg_filter_order *sort_orders;
static size_t sort_count;

static int compare_jobs(const void *a, const void *b) {
  const struct jg_filter_job *x = *(const struct jg_filter_job *const *)a;
  const struct jg_filter_job *y = *(const struct jg_filter_job *const *)b;
  bool descending = false;
  for (size_t i = 0; i < sort_count; i++) {
    descending = sort_orders[i].descending;
    struct jg_job_key p = jg_filter_reference(sort_orders[i].key, x->message, NULL, &arena);
    struct jg_job_key q = jg_filter_reference(sort_orders[i].key, y->message, NULL, &arena);
    int order = jg_filter_reference_compare(&p, &q);
    if (order != 0) {
      return descending ? -order : order;
    }
  }
  int order = memcmp(x->id.bytes, y->id.bytes, sizeof(x->id.bytes));
  return descending ? -order : order;
}

static struct jg_filter_order random_order(void) {
  static const char *const columns[] = {"modified_dateutc", "name", "due_date", "id", "working_sequence", "company_id"};
  static const enum jg_filter_type types[] = {JG_VALUE_STRING,   JG_VALUE_INTEGER, JG_VALUE_DECIMAL, JG_VALUE_GUID,
                                              JG_VALUE_DATETIME, JG_VALUE_DATE,    JG_VALUE_BOOL};
  struct jg_filter_order order = {.descending = jg_filter_fixture_random(&fixture, 2) != 0};
  if (jg_filter_fixture_random(&fixture, 2) == 0) {
    order.key = jg_filter_member(&arena, columns[jg_filter_fixture_random(&fixture, JG_COUNT(columns))]);
  } else {
    order.key = jg_filter_fixture_tree(&fixture, &arena, types[jg_filter_fixture_random(&fixture, JG_COUNT(types))], 3);
  }
  return order;
}

/* A literal orders nothing, and the parser leaves it out. */
static size_t random_orders(struct jg_filter_order *orders, size_t most) {
  size_t count = 0, wanted = 1 + jg_filter_fixture_random(&fixture, most);
  while (count < wanted) {
    orders[count] = random_order();
    count += orders[count].key->kind != JG_FILTER_LITERAL;
  }
  return count;
}

/* Pages that go on behind the last row's keys give every job once, in order. */
static void check_pages(struct jg_job_query *query, const struct jg_filter_job *const *jobs, size_t count,
                        size_t round) {
  size_t seen = 0;
  struct jg_job_rows rows;
  do {
    query->limit = 1 + (int64_t)jg_filter_fixture_random(&fixture, 90);
    rows = list(query);
    assert_int_equal(rows.total, count);
    for (size_t i = 0; i < rows.count; i++, seen++) {
      if (seen >= count || !jg_uuid_equal(rows.rows[i].id, jobs[seen]->id)) {
        fail_msg("round %zu: row %zu is another one", round, seen);
      }
    }
    if (rows.count > 0) {
      query->has_after = true;
      query->after_id = rows.rows[rows.count - 1].id;
      query->after_modified_ticks = rows.rows[rows.count - 1].modified_ticks;
      query->after_keys = query->order_count > 0 ? &rows.keys[(rows.count - 1) * query->order_count] : NULL;
    }
  } while (rows.more);
  assert_int_equal(seen, count);
}

static void test_random_orders(void **state JG_UNUSED) {
  for (size_t round = 0; round < ORDER_ROUNDS; round++) {
    jg_arena_reset(&arena);
    struct jg_filter_order orders[JG_FILTER_ORDER_MAX];
    const struct jg_filter *filter = jg_filter_fixture_tree(&fixture, &arena, JG_VALUE_BOOL, 3);
    struct jg_job_query query = query_of(filter);
    query.orders = sort_orders = orders;
    query.order_count = sort_count = random_orders(orders, round % 10 == 0 ? JG_FILTER_ORDER_MAX : 3);
    const struct jg_filter_job *jobs[JG_FILTER_FIXTURE_JOBS];
    size_t count = 0;
    for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
      if (jg_filter_reference_matches(filter, fixture.jobs[i].message, &arena)) {
        jobs[count++] = &fixture.jobs[i];
      }
    }
    qsort(jobs, count, sizeof(const struct jg_filter_job *), compare_jobs);
    int64_t skip = (int64_t)jg_filter_fixture_random(&fixture, 20);
    query.skip = skip;
    struct jg_job_rows rows = list(&query);
    assert_int_equal(rows.count, count > (size_t)skip ? count - (size_t)skip : 0);
    for (size_t i = 0; i < rows.count; i++) {
      assert_memory_equal(&rows.rows[i].id, &jobs[i + (size_t)skip]->id, sizeof(rows.rows[i].id));
    }
    query.skip = 0;
    check_pages(&query, jobs, count, round);
  }
}

/* `order` and `descending`, with a filter and without one. */
static void test_plain_orders(void **state JG_UNUSED) {
  for (unsigned bits = 0; bits < 8; bits++) {
    jg_arena_reset(&arena);
    const struct jg_filter_order by_modified = {jg_filter_member(&arena, "modified_dateutc"), (bits & 1) != 0};
    const struct jg_filter_order by_id = {jg_filter_member(&arena, "id"), (bits & 1) != 0};
    struct jg_filter *filter = jg_filter_node(&arena, JG_FILTER_GE, JG_VALUE_BOOL, by_modified.key,
                                              jg_filter_integer(&arena, JG_VALUE_DATETIME, JG_TICKS_UNSET), NULL);
    struct jg_job_query query = query_of((bits & 4) != 0 ? filter : NULL);
    query.descending = (bits & 1) != 0;
    query.order = (bits & 2) != 0 ? JG_ORDER_MODIFIED : JG_ORDER_ID;
    sort_orders = (bits & 2) != 0 ? &by_modified : &by_id;
    sort_count = 1;
    const struct jg_filter_job *jobs[JG_FILTER_FIXTURE_JOBS];
    size_t count = 0;
    for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
      if ((bits & 4) == 0 || jg_filter_reference_matches(filter, fixture.jobs[i].message, &arena)) {
        jobs[count++] = &fixture.jobs[i];
      }
    }
    qsort(jobs, count, sizeof(const struct jg_filter_job *), compare_jobs);
    check_pages(&query, jobs, count, bits);
  }
}

/* ---- trees by hand ---- */

static struct jg_filter *two(enum jg_filter_kind kind, const struct jg_filter *a, const struct jg_filter *b) {
  return jg_filter_node(&arena, kind, JG_VALUE_BOOL, a, b, NULL);
}

static struct jg_filter *text_equals(const char *path, const char *text) {
  return two(JG_FILTER_EQ, jg_filter_member(&arena, path), jg_filter_text(&arena, text));
}

static void test_chosen_filters(void **state JG_UNUSED) {
  jg_arena_reset(&arena);
  struct jg_filter *deep = jg_filter_member(&arena, "project/equipment_model/equipment_brand/sales_organization/name");
  struct jg_filter *list_path = jg_filter_member(&arena, "project/equipment_model/translations");
  const struct jg_filter *rows[] = {
      // Keys: of the job "" without the relation (F2), behind a relation null.
      text_equals("project_reference_back_office", ""),
      text_equals("project_reference_back_office", "C1"),
      text_equals("project/reference_back_office", ""),
      text_equals("project/reference_back_office", "C1"),
      text_equals("project/equipment_model_code", ""),
      text_equals("project/equipment_model_code", "C2"),
      text_equals("job_status_code", jg_status_rows[1].code.data),
      text_equals("job_status_code", "no such status"),
      two(JG_FILTER_NE, jg_filter_member(&arena, "skill_code"), jg_filter_text(&arena, "C1")),
      two(JG_FILTER_EQ, jg_filter_text(&arena, "C1"), jg_filter_member(&arena, "job_type_code")),
      two(JG_FILTER_EQ, jg_filter_member(&arena, "job_type_code"), jg_filter_member(&arena, "job_priority_code")),
      two(JG_FILTER_EQ, jg_filter_member(&arena, "project/id"), jg_filter_null(&arena)),
      two(JG_FILTER_NE, deep, jg_filter_null(&arena)),
      two(JG_FILTER_LE, jg_filter_null(&arena), deep),
      // Of the parent, which may not be there.
      text_equals("_parent_job/name", ""),
      two(JG_FILTER_EQ, jg_filter_member(&arena, "_parent_job/id"), jg_filter_null(&arena)),
      two(JG_FILTER_EQ, jg_filter_member(&arena, "_parent_job/id"), jg_filter_member(&arena, "_parent_id")),
      text_equals("_parent_job/project_reference_back_office", ""),
      text_equals("_parent_job/project_reference_back_office", "C1"),
      text_equals("_parent_job/reference_back_office", "R4"),
      two(JG_FILTER_EQ, jg_filter_member(&arena, "_parent_job/job_status_code"),
          jg_filter_member(&arena, "job_status_code")),
      text_equals("reference_back_office", ""),
      text_equals("reference_back_office", "R100"),
      two(JG_FILTER_STARTSWITH, jg_filter_member(&arena, "reference_back_office"), jg_filter_text(&arena, "R1")),
      two(JG_FILTER_STARTSWITH, jg_filter_member(&arena, "reference_back_office"), jg_filter_text(&arena, "")),
      two(JG_FILTER_STARTSWITH, jg_filter_member(&arena, "name"), jg_filter_text(&arena, "\xc3\x84")),
      two(JG_FILTER_EQ, jg_filter_member(&arena, "_parent_id"), jg_filter_guid(&arena, JG_UUID_ZERO)),
      two(JG_FILTER_EQ, jg_filter_member(&arena, "_parent_id"), jg_filter_guid(&arena, jg_fixture_id(3))),
      two(JG_FILTER_GT, jg_filter_decimal(&arena, 1.5), jg_filter_member(&arena, "working_sequence")),
      // 2^53 + 1 beside a decimal is 2^53.
      two(JG_FILTER_EQ, jg_filter_integer(&arena, JG_VALUE_INTEGER, INT64_C(9007199254740993)),
          jg_filter_decimal(&arena, 9007199254740992.0)),
      two(JG_FILTER_ANY, list_path, NULL),
      two(JG_FILTER_ALL, list_path, text_equals("$/field_name", "a")),
      two(JG_FILTER_ANY, list_path,
          two(JG_FILTER_EQ, jg_filter_member(&arena, "$/value_translated"), jg_filter_member(&arena, "name"))),
      // The variable of the innermost one.
      two(JG_FILTER_ANY, list_path,
          two(JG_FILTER_AND, two(JG_FILTER_ANY, list_path, text_equals("$/field_name", "ab")),
              text_equals("$/field_name", "A"))),
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    (void)check_filter(rows[i], i);
  }
}

/* As deep as a tree may be, in every way that text could nest. */
static void test_deep_filters(void **state JG_UNUSED) {
  for (unsigned shape = 0; shape < 8; shape++) {
    jg_arena_reset(&arena);
    // A column's comparison is said natively; a boolean leaf is one node, so that the tree may be as deep as it gets.
    bool native = shape < 4;
    struct jg_filter *term = native ? text_equals("name", "a") : jg_filter_member(&arena, "job_type/is_default");
    struct jg_filter *filter = term;
    struct jg_filter *text = jg_filter_member(&arena, "name");
    for (unsigned depth = 2; depth < (native ? JG_FILTER_NODES_MAX / 4 : JG_FILTER_DEPTH_MAX - 1); depth++) {
      enum jg_filter_kind kind = shape % 4 == 1 || (shape % 4 == 2 && depth % 2 == 0) ? JG_FILTER_OR : JG_FILTER_AND;
      if (shape < 3 || shape == 5) {
        filter = two(kind, term, filter);
      } else if (shape == 3 || shape == 4) {
        filter = two(kind, filter, term);
      } else if (shape == 6) {
        filter = two(JG_FILTER_NOT, filter, NULL);
      } else {
        text = jg_filter_node(&arena, JG_FILTER_TOLOWER, JG_VALUE_STRING, text, NULL, NULL);
        filter = two(JG_FILTER_EQ, text, jg_filter_text(&arena, "a"));
      }
    }
    (void)check_filter(filter, shape);
  }
}

/* ---- limits and refusals ---- */

static void assert_refused(const struct jg_job_query *query, enum jg_code code, enum jg_reason reason) {
  struct jg_job_rows rows;
  struct jg_status status = try_list(query, &arena, &rows);
  assert_int_equal(status.code, code);
  assert_int_equal(status.reason, reason);
}

static void test_too_many_nodes(void **state JG_UNUSED) {
  jg_arena_reset(&arena);
  struct jg_filter *balanced[8] = {text_equals("name", "a")}; /* 3 nodes, then 7, 15, ... 383 */
  for (size_t i = 1; i < JG_COUNT(balanced); i++) {
    balanced[i] = two(JG_FILTER_OR, balanced[i - 1], balanced[i - 1]);
  }
  (void)check_filter(balanced[5], 5);
  struct jg_job_query query = query_of(balanced[7]);
  assert_refused(&query, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED);
  const struct jg_filter_order order = {.key = balanced[7]};
  query = query_of(NULL);
  query.orders = &order;
  query.order_count = 1;
  assert_refused(&query, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED);
}

static void test_texts_without_end(void **state JG_UNUSED) {
  jg_arena_reset(&arena);
  static char long_text[2 << 20];
  memset(long_text, 'x', sizeof(long_text) - 1);
  struct jg_filter *text = jg_filter_text(&arena, long_text);
  for (size_t i = 0; i < 6; i++) {
    text = jg_filter_node(&arena, JG_FILTER_CONCAT, JG_VALUE_STRING, text, text, NULL);
  }
  struct jg_job_query query = query_of(two(JG_FILTER_EQ, text, jg_filter_member(&arena, "name")));
  assert_refused(&query, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED);
}

static void test_keys_of_another_order(void **state JG_UNUSED) {
  jg_arena_reset(&arena);
  const struct jg_filter_order orders[] = {{jg_filter_member(&arena, "name"), false},
                                           {jg_filter_member(&arena, "project/name"), true}};
  struct jg_job_key keys[] = {{.type = JG_VALUE_STRING, .string = JG_STR("a")}, {.type = JG_VALUE_NULL}};
  struct jg_job_query query = query_of(NULL);
  query.orders = orders;
  query.order_count = 2;
  query.has_after = true;
  query.after_keys = keys;
  (void)list(&query);
  keys[1].type = JG_VALUE_INTEGER;
  assert_refused(&query, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN);
  keys[1].type = JG_VALUE_STRING;
  keys[0].type = JG_VALUE_NULL;  // a column never is
  assert_refused(&query, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN);
}

/* Every allocation may meet the call's cap. */
static void test_arena_caps(void **state JG_UNUSED) {
  jg_arena_reset(&arena);
  const struct jg_filter_order orders[] = {{jg_filter_member(&arena, "project/name"), false}};
  struct jg_job_query query = query_of(text_equals("project/name", "a"));
  query.orders = orders;
  query.order_count = 1;
  size_t refused = 0;
  for (size_t cap = 64;; cap += cap / 8) {
    struct jg_arena small;
    struct jg_job_rows rows;
    jg_arena_init(&small, cap);
    struct jg_status status = try_list(&query, &small, &rows);
    jg_arena_done(&small);
    if (jg_status_ok(status)) {
      break;
    }
    assert_int_equal(status.code, JG_RESOURCE_EXHAUSTED);
    refused++;
  }
  assert_true(refused > 5);
}

static void test_bytes_max(void **state JG_UNUSED) {
  jg_arena_reset(&arena);
  struct jg_job_query query = query_of(jg_filter_integer(&arena, JG_VALUE_BOOL, 1));
  query.bytes_max = 1;
  struct jg_job_rows rows = list(&query);
  assert_int_equal(rows.count, 1);
  assert_int_equal(rows.total, JG_FILTER_FIXTURE_JOBS);
  assert_true(rows.more);
  query = query_of(jg_filter_null(&arena));
  assert_int_equal(list(&query).count, 0);
}

/* A clock that moves at each look: the scan meets it. */
struct ticking {
  struct jg_clock clock;
  _Atomic int64_t ns;
};
static int64_t ticking_mono(const struct jg_clock *clock) {
  return atomic_fetch_add(&((struct ticking *)(uintptr_t)clock)->ns, 1);
}
static int64_t ticking_now(const struct jg_clock *clock) {
  return ticking_mono(clock);
}

static void test_deadline(void **state JG_UNUSED) {
  jg_arena_reset(&arena);
  jg_fixture_close(&fixture.store);
  struct ticking ticking = {.clock = {.now_ticks = ticking_now, .mono_ns = ticking_mono}};
  fixture.store.options.clock = &ticking.clock;
  jg_fixture_open(&fixture.store);
  struct jg_filter *project = jg_filter_member(&arena, "project/name");
  struct listing listing = {.query = query_of(two(JG_FILTER_NE, project, project)), .arena = &arena};
  // The scan has some thousands of steps: it begins before the deadline.
  struct jg_status status =
      jg_fixture_read_until(&fixture.store, fixture.store.tenant, atomic_load(&ticking.ns) + 4, run_list, &listing);
  assert_int_equal(status.code, JG_DEADLINE_EXCEEDED);
  jg_fixture_close(&fixture.store);
  fixture.store.options.clock = &fixture.store.clock.clock;
  jg_fixture_open(&fixture.store);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_filters),    cmocka_unit_test(test_random_orders),
      cmocka_unit_test(test_plain_orders),      cmocka_unit_test(test_chosen_filters),
      cmocka_unit_test(test_deep_filters),      cmocka_unit_test(test_too_many_nodes),
      cmocka_unit_test(test_texts_without_end), cmocka_unit_test(test_keys_of_another_order),
      cmocka_unit_test(test_arena_caps),        cmocka_unit_test(test_bytes_max),
      cmocka_unit_test(test_deadline),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
