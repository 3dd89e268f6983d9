/* The two back ends of a filter agree: for random trees over random jobs, the list that SQL makes holds exactly the jobs that the
 * predicate takes, and the keys by which it is ordered are those that the predicate computes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/codec/message.h"
#include "proto/schema/members.h"
#include "services/filter/predicate.h"
#include "storage/sqlite/filter_fixture.h"

#define SEEDS 3
#define FILTERS 1000 /* of each seed */
#define ORDERS 300

static struct jg_filter_fixture fixture;
static struct jg_arena arena;   /* of one round */
static struct jg_arena scratch; /* of one job */
static struct jg_parts parts[JG_FILTER_FIXTURE_JOBS];

static const struct jg_expanded *expand(const struct jg_relation *relation, const ProtobufCMessage *job) {
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  struct jg_expanded *expanded = jg_arena_alloc_zero(&fixture.store.arena, sizeof(*expanded));
  assert_non_null(expanded);
  if (jg_member_str(job, &entity->members[relation->id_member]).len == 0) {
    return NULL;
  }
  expanded->key = jg_member_str(job, &entity->members[relation->key_member]);
  expanded->proto = JG_STR("");
  if (relation->node_member != JG_NO_INDEX) {
    expanded->proto =
        jg_message_pack(jg_member_node(job, &entity->members[relation->node_member]), &fixture.store.arena);
    assert_non_null(expanded->proto.data);
  }
  return expanded;
}

static const struct jg_expanded *parent_of(const ProtobufCMessage *job) {
  const ProtobufCMessage *parent = jg_member_node(job, &jg_entity(JG_KIND_JOB)->members[JG_JOB_PARENT_JOB]);
  struct jg_expanded *expanded = jg_arena_alloc_zero(&fixture.store.arena, sizeof(*expanded));
  assert_non_null(expanded);
  if (parent == NULL) {
    return NULL;
  }
  expanded->proto = jg_message_pack(parent, &fixture.store.arena);
  assert_non_null(expanded->proto.data);
  return expanded;
}

static void fill(uint64_t seed) {
  jg_filter_fixture_init(&fixture, seed);
  jg_arena_init(&arena, (size_t)256 << 20);
  jg_arena_init(&scratch, (size_t)64 << 20);
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
    parts[i] = (struct jg_parts){.entity = entity, .payload = fixture.jobs[i].payload};
    for (size_t r = 0; r < entity->relation_count; r++) {
      parts[i].relations[r] = expand(&entity->relations[r], fixture.jobs[i].message);
    }
    parts[i].parent = parent_of(fixture.jobs[i].message);
  }
}

static void empty(void) {
  jg_arena_done(&scratch);
  jg_arena_done(&arena);
  jg_filter_fixture_done(&fixture);
}

struct listing {
  struct jg_job_query query;
  struct jg_job_rows rows;
};

static struct jg_status run_list(struct jg_txn *txn, void *data) {
  struct listing *listing = data;
  return jg_txn_job_list(txn, &listing->query, &arena, &listing->rows);
}

static void list(struct listing *listing) {
  listing->query.limit = JG_FILTER_FIXTURE_JOBS;
  listing->query.bytes_max = SIZE_MAX;
  struct jg_status status = jg_fixture_read(&fixture.store, fixture.store.tenant, run_list, listing);
  if (!jg_status_ok(status)) {
    fail_msg("%s: %s", jg_code_name(status.code), status.message);
  }
}

static void check_filter(const struct jg_filter *filter, uint64_t seed, size_t round) {
  const struct jg_filter_program *program = NULL;
  assert_true(jg_status_ok(jg_filter_compile(jg_entity(JG_KIND_JOB), filter, &arena, &program)));
  struct listing listing = {.query = {.filter = filter}};
  list(&listing);
  size_t count = 0;
  for (size_t i = 0; i < JG_FILTER_FIXTURE_JOBS; i++) {
    bool listed = count < listing.rows.count && jg_uuid_equal(listing.rows.rows[count].id, fixture.jobs[i].id);
    bool matches = false;
    jg_arena_reset(&scratch);
    assert_true(jg_status_ok(jg_filter_matches(program, &parts[i], &scratch, &matches)));
    if (listed != matches) {
      fail_msg("seed %llu, round %zu, job %zu: SQL says %d", (unsigned long long)seed, round, i, listed);
    }
    count += listed;
  }
  assert_int_equal(count, listing.rows.count);
}

static void test_filters(void **state JG_UNUSED) {
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    fill(seed);
    for (size_t round = 0; round < FILTERS; round++) {
      jg_arena_reset(&arena);
      unsigned depth = 2 + (unsigned)jg_filter_fixture_random(&fixture, 6);
      check_filter(jg_filter_fixture_tree(&fixture, &arena, JG_VALUE_BOOL, depth), seed, round);
    }
    empty();
  }
}

static void assert_same(const struct jg_job_key *key, const struct jg_filter_value *value) {
  assert_int_equal(key->type, value->type);
  switch (key->type) {
    case JG_VALUE_NULL:
      break;
    case JG_VALUE_STRING:
      assert_true(jg_str_equal(key->string, value->string));
      break;
    case JG_VALUE_GUID:
      assert_true(jg_uuid_equal(key->uuid, value->uuid));
      break;
    case JG_VALUE_DECIMAL:
      assert_memory_equal(&key->decimal, &value->decimal, sizeof(key->decimal));
      break;
    default:
      assert_int_equal(key->integer, value->integer);
      break;
  }
}

static size_t index_of(struct jg_uuid id) {
  size_t index = 0;
  while (!jg_uuid_equal(fixture.jobs[index].id, id)) {
    index++;
    assert_true(index < JG_FILTER_FIXTURE_JOBS);
  }
  return index;
}

/* Every key of every row, and no row before the one it follows. */
static void check_order(const struct jg_filter_order *orders, size_t count) {
  const struct jg_filter_program *program = NULL;
  assert_true(jg_status_ok(jg_filter_compile_order(jg_entity(JG_KIND_JOB), orders, count, &arena, &program)));
  struct listing listing = {.query = {.orders = orders, .order_count = count}};
  list(&listing);
  assert_int_equal(listing.rows.count, JG_FILTER_FIXTURE_JOBS);
  jg_arena_reset(&scratch);
  struct jg_filter_value values[2][JG_FILTER_ORDER_MAX];
  for (size_t i = 0; i < listing.rows.count; i++) {
    const struct jg_parts *row = &parts[index_of(listing.rows.rows[i].id)];
    assert_true(jg_status_ok(jg_filter_keys(program, row, &scratch, values[i % 2])));
    for (size_t k = 0; k < count; k++) {
      assert_same(&listing.rows.keys[i * count + k], &values[i % 2][k]);
    }
    if (i > 0) {
      assert_true(jg_filter_compare_keys(orders, count, values[(i - 1) % 2], values[i % 2]) <= 0);
    }
  }
}

static void test_orders(void **state JG_UNUSED) {
  static const enum jg_filter_type types[] = {JG_VALUE_STRING, JG_VALUE_INTEGER,  JG_VALUE_DECIMAL,
                                              JG_VALUE_GUID,   JG_VALUE_DATETIME, JG_VALUE_DATE,
                                              JG_VALUE_BOOL,   JG_VALUE_TIMEOFDAY};
  fill(SEEDS + 1);
  for (size_t round = 0; round < ORDERS; round++) {
    jg_arena_reset(&arena);
    struct jg_filter_order orders[2];
    for (size_t i = 0; i < JG_COUNT(orders); i++) {
      do {
        enum jg_filter_type type = types[jg_filter_fixture_random(&fixture, JG_COUNT(types))];
        orders[i].key = jg_filter_fixture_tree(&fixture, &arena, type, 4);
      } while (orders[i].key->kind == JG_FILTER_LITERAL);  // the parser leaves these out
      orders[i].descending = jg_filter_fixture_random(&fixture, 2) != 0;
    }
    check_order(orders, JG_COUNT(orders));
  }
  empty();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_filters),
      cmocka_unit_test(test_orders),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
