/* What a write hears of its end, and when, through the seam: every engine has to pass this. Under tsan too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/store_fixture.h"

#define WRITES 40

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

/* A job of its own; `done` is the test's. */
struct member {
  struct jg_store_write write;
  struct jg_arena arena;
  uint64_t id;
  int64_t revision;
  struct jg_fixture_gate gate;
};

static struct jg_status run_member(struct jg_txn *txn, void *data) {
  struct member *member = data;
  struct jg_fixture_job job = {.id = member->id};
  return jg_fixture_create(txn, &member->arena, &job, &member->revision);
}

static void done_member(struct jg_status status, void *data) {
  struct member *member = data;
  jg_fixture_gate_open(&member->gate, status);
}

static void member_init(struct member *member, uint64_t id) {
  *member = (struct member){.id = id};
  member->write =
      (struct jg_store_write){.tenant = fixture.tenant, .run = run_member, .done = done_member, .data = member};
  jg_arena_init(&member->arena, 100000);
  jg_fixture_gate_init(&member->gate);
}

static void submit(struct member *member) {
  JG_ASSERT(jg_status_ok(jg_store_submit(fixture.store, &member->write)));
}

static struct jg_status wait_for(struct member *member) {
  struct jg_status status = jg_fixture_gate_wait(&member->gate);
  jg_arena_done(&member->arena);
  return status;
}

/* ---- order ---- */

static int64_t told; /* newest revision; plain: ends are told one at a time */
static struct member after[WRITES];

static void done_in_order(struct jg_status status, void *data) {
  struct member *member = data;
  JG_ASSERT(jg_status_ok(status) && member->revision == told + 1);
  told = member->revision;
  // Batches of many and of one, told on one thread or another.
  if (member->id <= WRITES) {
    submit(&after[member->id - 1]);
  }
  done_member(status, data);
}

static void test_in_the_order_of_commits(void **state JG_UNUSED) {
  static struct member members[WRITES];
  told = 0;
  for (size_t i = 0; i < WRITES; i++) {
    member_init(&members[i], i + 1);
    member_init(&after[i], WRITES + i + 1);
    members[i].write.done = after[i].write.done = done_in_order;
  }
  struct jg_fixture_hold hold;
  jg_fixture_hold_begin(&fixture, &hold, 0);
  for (size_t i = 0; i < WRITES; i++) {
    submit(&members[i]);
  }
  jg_fixture_hold_release(&hold);
  assert_true(jg_status_ok(jg_fixture_hold_wait(&hold)));
  for (size_t i = 0; i < WRITES; i++) {
    assert_true(jg_status_ok(wait_for(&members[i])));
    assert_true(jg_status_ok(wait_for(&after[i])));
  }
}

/* ---- beside later writes ---- */

static struct member later;
static struct jg_fixture_gate ran;

static struct jg_status run_later(struct jg_txn *txn, void *data) {
  jg_fixture_gate_open(&ran, JG_STATUS_OK);
  return run_member(txn, data);
}

static void done_after_later(struct jg_status status, void *data) {
  submit(&later);
  JG_ASSERT(jg_status_ok(jg_fixture_gate_wait(&ran)));
  done_member(status, data);
}

/* A slow answer of a batch: the writer goes on. (Blocking is not allowed; the gate stands for an answer that takes its time.) */
static void test_later_writes_do_not_wait_for_answers(void **state JG_UNUSED) {
  static struct member members[WRITES];
  for (size_t i = 0; i < WRITES; i++) {
    member_init(&members[i], i + 1);
  }
  members[0].write.done = done_after_later;
  member_init(&later, 1000);
  later.write.run = run_later;
  jg_fixture_gate_init(&ran);
  struct jg_fixture_hold hold;
  jg_fixture_hold_begin(&fixture, &hold, 0);
  for (size_t i = 0; i < WRITES; i++) {
    submit(&members[i]);
  }
  jg_fixture_hold_release(&hold);
  assert_true(jg_status_ok(jg_fixture_hold_wait(&hold)));
  for (size_t i = 0; i < WRITES; i++) {
    assert_true(jg_status_ok(wait_for(&members[i])));
  }
  assert_true(jg_status_ok(wait_for(&later)));
}

/* ---- failures first ---- */

static bool failure_told; /* plain: told on the writer, or before it goes on */
static bool later_submitted;

static struct jg_status run_and_fail(struct jg_txn *txn, void *data) {
  JG_RETURN_IF_ERROR(run_member(txn, data));
  if (!later_submitted) {  // it may run again
    later_submitted = true;
    submit(&later);
  }
  return jg_status_make(JG_ABORTED, JG_REASON_NONE, "told to fail");
}

static void done_failure(struct jg_status status, void *data) {
  failure_told = true;
  done_member(status, data);
}

static struct jg_status run_after_failure(struct jg_txn *txn, void *data) {
  JG_ASSERT(failure_told);
  return run_member(txn, data);
}

static void test_failures_are_told_before_the_next_run(void **state JG_UNUSED) {
  static struct member members[WRITES];
  for (int round = 0; round < 20; round++) {
    failure_told = later_submitted = false;
    for (size_t i = 0; i < WRITES; i++) {
      member_init(&members[i], (uint64_t)round * 1000 + i + 1);
    }
    member_init(&later, (uint64_t)round * 1000 + 999);
    later.write.run = run_after_failure;
    members[WRITES - 1].write.run = run_and_fail;
    members[WRITES - 1].write.done = done_failure;
    struct jg_fixture_hold hold;
    jg_fixture_hold_begin(&fixture, &hold, 0);
    for (size_t i = 0; i < WRITES; i++) {
      submit(&members[i]);
    }
    jg_fixture_hold_release(&hold);
    assert_true(jg_status_ok(jg_fixture_hold_wait(&hold)));
    for (size_t i = 0; i < WRITES; i++) {
      assert_int_equal(wait_for(&members[i]).code, i == WRITES - 1 ? JG_ABORTED : JG_OK);
    }
    assert_true(jg_status_ok(wait_for(&later)));
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_in_the_order_of_commits),
      TEST(test_later_writes_do_not_wait_for_answers),
      TEST(test_failures_are_told_before_the_next_run),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
