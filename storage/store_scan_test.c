/* jg_txn_job_scan: every job once, by rid, in parts of bounded work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/schema/members.h"
#include "storage/store_fixture.h"

#define MANY ((uint64_t)JG_JOB_SCAN_LOOKED_MAX + 1000)

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

struct fill {
  uint64_t first, count;
  uint64_t parent; /* of them all, or 0 */
};

/* Names are "even" and "odd". Ids fall, so that the order by id is not that by rid. */
static struct jg_status run_fill(struct jg_txn *txn, void *data) {
  const struct fill *fill = data;
  for (uint64_t i = fill->first; i < fill->first + fill->count; i++) {
    const struct jg_fixture_job job = {
        .id = 1000000 - i, .parent = fill->parent, .name = i % 2 == 0 ? "even" : "odd", .bulk = 100};
    int64_t revision;
    JG_RETURN_IF_ERROR(jg_fixture_create(txn, &fixture.arena, &job, &revision));
  }
  return JG_STATUS_OK;
}

static void fill_family(int64_t tenant, uint64_t parent, uint64_t first, uint64_t count) {
  struct fill jobs = {first, count, parent};
  assert_true(jg_status_ok(jg_fixture_write(&fixture, tenant, run_fill, &jobs)));
}

static struct jg_status run_delete(struct jg_txn *txn, void *data) {
  struct jg_job_row row;
  JG_RETURN_IF_ERROR(jg_txn_job_get(txn, *(struct jg_uuid *)data, &fixture.arena, &row));
  int64_t revision;
  return jg_txn_job_delete(txn, &row, jg_txn_stamp(txn, JG_TICKS_UNSET), &revision);
}

static void fill(int64_t tenant, uint64_t first, uint64_t count) {
  fill_family(tenant, 0, first, count);
}

struct scan {
  struct jg_job_scan wanted;
  struct jg_job_scanned part;
};

static struct jg_status run_scan(struct jg_txn *txn, void *data) {
  struct scan *scan = data;
  return jg_txn_job_scan(txn, &scan->wanted, &fixture.arena, &scan->part);
}

static void scan(int64_t tenant, struct scan *part) {
  assert_true(jg_status_ok(jg_fixture_read(&fixture, tenant, run_scan, part)));
  assert_true(part->part.through_rid >= part->wanted.after_rid);
}

static struct jg_filter name_is_odd(struct jg_filter *member, struct jg_filter *literal) {
  *member = (struct jg_filter){.kind = JG_FILTER_MEMBER, .type = JG_VALUE_STRING};
  member->path.count = 1;
  member->path.steps[0] = &jg_entity(JG_KIND_JOB)->members[JG_JOB_NAME];
  *literal = (struct jg_filter){.kind = JG_FILTER_LITERAL, .type = JG_VALUE_STRING, .string = JG_STR("odd")};
  return (struct jg_filter){.kind = JG_FILTER_EQ, .type = JG_VALUE_BOOL, .arg_count = 2, .args = {member, literal}};
}

static void every_job_comes_once_by_rid(void **state JG_UNUSED) {
  int64_t other;
  assert_true(jg_status_ok(jg_store_tenant(fixture.store, JG_STR("other"), true, &fixture.arena, &other)));
  for (uint64_t i = 0; i < 10; i++) {
    fill(fixture.tenant, i * 10, 10);
    fill(other, i * 3, 3);
  }
  struct scan part = {.wanted = {.limit = 7, .bytes_max = SIZE_MAX}};
  uint64_t seen = 0;
  int64_t rid = 0;
  do {
    scan(fixture.tenant, &part);
    for (size_t i = 0; i < part.part.count; i++) {
      assert_true(part.part.rows[i].rid > rid);
      rid = part.part.rows[i].rid;
      assert_true(jg_uuid_equal(part.part.rows[i].id, jg_fixture_id(1000000 - seen)));
      assert_true(part.part.rows[i].payload.len > 100);
      seen++;
    }
    assert_int_equal(part.part.through_rid, rid);
    assert_true(part.part.more == (seen < 100));
    part.wanted.after_rid = part.part.through_rid;
  } while (part.part.more);
  assert_int_equal(seen, 100);
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 0);
  assert_int_equal(part.part.through_rid, rid);

  // What is written between two parts: a new job comes behind all others, a deleted one does not come.
  struct jg_uuid gone = jg_fixture_id(1000000 - 50);
  assert_true(jg_status_ok(jg_fixture_write(&fixture, fixture.tenant, run_delete, &gone)));
  fill(fixture.tenant, 100, 1);
  part = (struct scan){.wanted = {.limit = 1000, .bytes_max = SIZE_MAX}};
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 100);
  assert_true(jg_uuid_equal(part.part.rows[99].id, jg_fixture_id(1000000 - 100)));
  assert_false(part.part.more);
}

static void bytes_end_a_part(void **state JG_UNUSED) {
  fill(fixture.tenant, 0, 5);
  struct scan part = {.wanted = {.limit = 100, .bytes_max = 0}};
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 1); /* at least one comes */
  assert_true(part.part.more);
  part.wanted.bytes_max = part.part.rows[0].payload.len + 1;
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 2);
}

static void a_filter_ends_no_part(void **state JG_UNUSED) {
  fill(fixture.tenant, 0, 20);
  struct jg_filter member, literal, filter = name_is_odd(&member, &literal);
  struct scan part = {.wanted = {.limit = 3, .bytes_max = SIZE_MAX, .filter = &filter}};
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 3);
  assert_int_equal(part.part.through_rid, part.part.rows[2].rid);
  assert_true(part.part.more);
  part.wanted.limit = 10;
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 10); /* the last one is odd */
  assert_false(part.part.more);
  const struct jg_filter null = {.kind = JG_FILTER_LITERAL, .type = JG_VALUE_NULL};
  part.wanted.filter = &null;
  part.wanted.limit = 1;
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 0);
  assert_false(part.part.more); /* all were looked at */
  assert_true(part.part.through_rid > 0);
}

static void work_is_bounded(void **state JG_UNUSED) {
  fill(fixture.tenant, 0, MANY);
  struct jg_filter member, literal, filter = name_is_odd(&member, &literal);
  literal.string = JG_STR("nothing");
  struct scan part = {.wanted = {.limit = SIZE_MAX, .bytes_max = SIZE_MAX, .filter = &filter}};
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 0);
  assert_true(part.part.more);
  part.wanted.after_rid = part.part.through_rid;
  part.wanted.filter = NULL;
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, MANY - JG_JOB_SCAN_LOOKED_MAX);
  assert_false(part.part.more);
  part.wanted.after_rid = 0;
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, JG_JOB_SCAN_LOOKED_MAX);
  assert_true(part.part.more);
}

/* ---- filters that an index of their own serves ---- */

/* member = literal; of a GUID: jg_fixture_id(n). */
struct equals {
  struct jg_filter member, literal, node;
};

static const struct jg_filter *equals(struct equals *equals, uint8_t member, enum jg_filter_type type, uint64_t n) {
  equals->member = (struct jg_filter){.kind = JG_FILTER_MEMBER, .type = type};
  equals->member.path.count = 1;
  equals->member.path.steps[0] = &jg_entity(JG_KIND_JOB)->members[member];
  equals->literal = (struct jg_filter){.kind = JG_FILTER_LITERAL, .type = type, .string = JG_STR("odd")};
  equals->literal.uuid = jg_fixture_id(n);
  equals->node = (struct jg_filter){
      .kind = JG_FILTER_EQ, .type = JG_VALUE_BOOL, .arg_count = 2, .args = {&equals->member, &equals->literal}};
  return &equals->node;
}

static struct jg_filter both(enum jg_filter_kind kind, const struct jg_filter *a, const struct jg_filter *b) {
  return (struct jg_filter){.kind = kind, .type = JG_VALUE_BOOL, .arg_count = 2, .args = {a, b}};
}

/* How many come in all, in parts of the limit; checks the order, and that they are odd if they shall be. */
static size_t count_matches(const struct jg_filter *filter, size_t limit) {
  struct scan part = {.wanted = {.limit = limit, .bytes_max = SIZE_MAX, .filter = filter}};
  size_t count = 0;
  int64_t rid = 0;
  do {
    scan(fixture.tenant, &part);
    assert_true(part.part.count <= limit);
    for (size_t i = 0; i < part.part.count; i++) {
      assert_true(part.part.rows[i].rid > rid && part.part.rows[i].rid <= part.part.through_rid);
      rid = part.part.rows[i].rid;
    }
    assert_true(!part.part.more || part.part.through_rid > part.wanted.after_rid);
    count += part.part.count;
    part.wanted.after_rid = part.part.through_rid;
    jg_arena_reset(&fixture.arena);
  } while (part.part.more);
  // Nothing is left behind the last part.
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 0);
  assert_int_equal(part.part.through_rid, part.wanted.after_rid);
  return count;
}

static void a_selective_filter_looks_at_few(void **state JG_UNUSED) {
  fill(fixture.tenant, 0, MANY);
  fill_family(fixture.tenant, 7, MANY, 30);
  fill(fixture.tenant, MANY + 30, MANY);
  fill_family(fixture.tenant, 7, 2 * MANY + 30, 11);
  fill(fixture.tenant, 2 * MANY + 41, 5);
  struct equals parent, name, first, second;
  const struct jg_filter *family = equals(&parent, JG_JOB_PARENT_ID, JG_VALUE_GUID, 7);
  const struct jg_filter *odd = equals(&name, JG_JOB_NAME, JG_VALUE_STRING, 0);
  const struct jg_filter *one = equals(&first, JG_JOB_ID, JG_VALUE_GUID, 1000000 - 3);
  const struct jg_filter *other = equals(&second, JG_JOB_ID, JG_VALUE_GUID, 1000000 - (MANY + 100));
  struct scan part = {.wanted = {.limit = 100, .bytes_max = SIZE_MAX, .filter = family}};
  scan(fixture.tenant, &part);
  assert_int_equal(part.part.count, 41); /* all in one part, over more jobs than one may look at */
  assert_false(part.part.more);
  assert_int_equal(count_matches(family, 100), 41);
  assert_int_equal(count_matches(family, 41), 41);
  assert_int_equal(count_matches(family, 7), 41);
  struct jg_filter filter = both(JG_FILTER_AND, odd, family);
  assert_int_equal(count_matches(&filter, 100), 20);
  assert_int_equal(count_matches(&filter, 3), 20);
  filter = both(JG_FILTER_OR, one, other);
  assert_int_equal(count_matches(&filter, 100), 2);
  assert_int_equal(count_matches(&filter, 1), 2);
  // Half of an or is no way in.
  filter = both(JG_FILTER_OR, one, odd);
  assert_int_equal(count_matches(&filter, 1000), (MANY + MANY + 46) / 2);
}

/* What seemed selective is not: too many match, or too many are looked at. */
static void a_filter_that_is_not_selective_is_scanned(void **state JG_UNUSED) {
  fill_family(fixture.tenant, 7, 0, MANY);
  fill_family(fixture.tenant, 8, MANY, 3 * MANY);
  fill(fixture.tenant, 4 * MANY, 3);
  struct equals parent, name;
  const struct jg_filter *family = equals(&parent, JG_JOB_PARENT_ID, JG_VALUE_GUID, 7);
  assert_int_equal(count_matches(family, 1000), MANY);
  family = equals(&parent, JG_JOB_PARENT_ID, JG_VALUE_GUID, 8);
  const struct jg_filter *none = equals(&name, JG_JOB_NAME, JG_VALUE_STRING, 0);
  name.literal.string = JG_STR("nobody");
  struct jg_filter filter = both(JG_FILTER_AND, family, none);
  struct scan part = {.wanted = {.limit = 100, .bytes_max = SIZE_MAX, .filter = &filter}};
  scan(fixture.tenant, &part);
  assert_true(part.part.more); /* it had to look at the jobs */
  assert_int_equal(count_matches(&filter, 100), 0);
}

static void it_is_no_inline_read(void **state JG_UNUSED) {
  struct scan part = {.wanted = {.limit = 1}};
  assert_int_equal(jg_store_read_inline(fixture.store, fixture.tenant, run_scan, &part).code, JG_UNAVAILABLE);
}

static void a_small_arena_is_a_status(void **state JG_UNUSED) {
  fill(fixture.tenant, 0, 100);
  struct jg_arena arena = fixture.arena;
  for (size_t cap = 1; cap < 60000; cap += 5000) {
    jg_arena_init(&fixture.arena, cap);
    struct scan part = {.wanted = {.limit = 100, .bytes_max = SIZE_MAX}, .part = {.through_rid = -7}};
    struct jg_status status = jg_fixture_read(&fixture, fixture.tenant, run_scan, &part);
    if (!jg_status_ok(status)) {
      assert_int_equal(status.code, JG_RESOURCE_EXHAUSTED);
      assert_int_equal(part.part.through_rid, -7);
    } else {
      assert_int_equal(part.part.count, 100);
    }
    jg_arena_done(&fixture.arena);
  }
  fixture.arena = arena;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_job_comes_once_by_rid, setup, teardown),
      cmocka_unit_test_setup_teardown(bytes_end_a_part, setup, teardown),
      cmocka_unit_test_setup_teardown(a_filter_ends_no_part, setup, teardown),
      cmocka_unit_test_setup_teardown(work_is_bounded, setup, teardown),
      cmocka_unit_test_setup_teardown(a_selective_filter_looks_at_few, setup, teardown),
      cmocka_unit_test_setup_teardown(a_filter_that_is_not_selective_is_scanned, setup, teardown),
      cmocka_unit_test_setup_teardown(it_is_no_inline_read, setup, teardown),
      cmocka_unit_test_setup_teardown(a_small_arena_is_a_status, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
