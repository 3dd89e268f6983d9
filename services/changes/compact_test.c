/* The log is let go by age and by size, and nobody who still reads it is passed without a word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/changes/compact.h"
#include "services/changes/fixture.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define GRACE_NS (30 * NS_PER_SECOND)

static struct jg_compactor *make(struct fixture *fixture, struct jg_retention retention, size_t records_max) {
  const struct jg_compactor_options options = {.store = fixture->store,
                                               .hub = fixture->hub,
                                               .clock = &fixture->clock.clock,
                                               .metrics = fixture->metrics,
                                               .retention = retention,
                                               .records_max = records_max};
  return jg_compactor_create(&options);
}

/* Of the default tenant. */
static int64_t log_metric(struct fixture *fixture, const char *name) {
  char text[80];
  (void)snprintf(text, sizeof(text), "%s{tenant=\"default\"}", name);
  return metric(fixture, text);
}

static int64_t write_singly(struct fixture *fixture, uint64_t count, size_t size) {
  int64_t newest = 0;
  for (uint64_t i = 0; i < count; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, size);
  }
  return newest;
}

static void tenants_are_named(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&(struct fixture_options){0});
  struct jg_arena arena;
  jg_arena_init(&arena, 1 << 16);
  int64_t tenant = 0;
  assert_true(jg_status_ok(jg_store_tenant(fixture->store, JG_STR("a\"b\\c.example"), true, &arena, &tenant)));
  jg_arena_done(&arena);
  int64_t newest = write_jobs(fixture, tenant, 0, 3, 10);
  struct jg_compactor *compactor = make(fixture, (struct jg_retention){0}, 7);
  jg_compactor_pass(compactor);
  assert_int_equal(metric(fixture, "jobgate_log_newest_revision{tenant=\"a\\\"b\\\\c.example\"}"), newest);
  assert_int_equal(log_metric(fixture, "jobgate_log_newest_revision"), 0);
  jg_compactor_destroy(compactor);
  fixture_destroy(fixture);
}

static void by_size(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&(struct fixture_options){0});
  int64_t newest = write_singly(fixture, 100, 1000);
  struct jg_compactor *compactor = make(fixture, (struct jg_retention){.bytes_max = 40000}, 7);
  jg_compactor_pass(compactor);
  int64_t oldest = log_metric(fixture, "jobgate_log_oldest_revision");
  assert_in_range(oldest, 50, 75);
  assert_in_range(log_metric(fixture, "jobgate_log_bytes"), 30000, 40000);
  assert_int_equal(log_metric(fixture, "jobgate_log_newest_revision"), newest);
  assert_int_equal(metric(fixture, "jobgate_log_dropped_revisions_total"), oldest - 1);
  // What is left is readable, what is gone is told.
  struct client *good = watch_from(fixture, token_at(fixture, oldest - 1), 0);
  wait_for_revision(good, newest);
  assert_int_equal(check_changes(good, oldest - 1, NULL, NULL), newest - oldest + 1);
  client_close(good);
  struct client *dead = watch_from(fixture, token_at(fixture, oldest - 2), 0);
  wait_for_finish(dead);
  assert_int_equal(dead->status.details->oldest_revision, oldest);
  client_close(dead);
  jg_compactor_pass(compactor);
  assert_int_equal(log_metric(fixture, "jobgate_log_oldest_revision"), oldest);
  jg_compactor_destroy(compactor);
  fixture_destroy(fixture);
}

static void by_age_with_a_thread(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&(struct fixture_options){0});
  int64_t newest = write_singly(fixture, 20, 10);
  // The record's clock is the system's, the compactor's is the fixture's, which is moved to it and beyond.
  int64_t ahead = jg_clock_now_ticks(jg_clock_system()) - jg_clock_now_ticks(&fixture->clock.clock);
  struct jg_compactor *compactor = make(fixture, (struct jg_retention){.age_ms = 3600000}, 0);
  jg_compactor_start(compactor);
  pass_time(fixture, ahead * 100 + 3700 * NS_PER_SECOND);
  while (metric(fixture, "jobgate_log_dropped_revisions_total") < newest) {
    JG_ASSERT(sched_yield() == 0);
  }
  jg_compactor_stop(compactor);
  assert_int_equal(log_metric(fixture, "jobgate_log_oldest_revision"), newest + 1);
  // New changes come after an empty log.
  struct client *client = watch_from(fixture, token_at(fixture, newest), 0);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  client_close(client);
  jg_compactor_destroy(compactor);
  fixture_destroy(fixture);
}

static void everything_is_kept_by_no_limit(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&(struct fixture_options){0});
  (void)write_singly(fixture, 5, 10);
  struct jg_compactor *compactor = make(fixture, (struct jg_retention){0}, 0);
  jg_compactor_pass(compactor);
  assert_int_equal(log_metric(fixture, "jobgate_log_oldest_revision"), 1);
  jg_compactor_destroy(compactor);
  fixture_destroy(fixture);
}

/* ---- streams ---- */

static const struct jg_retention little = {.bytes_max = 1};

/* One at the tip and one that catches up in time go on; what the latter needs is kept. */
static void who_catches_up_is_waited_for(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 1, .trim_grace_ns = GRACE_NS};
  struct fixture *fixture = fixture_create(&options);
  struct client *live = watch_now(fixture);
  struct client *slow = watch_now(fixture);
  client_hold(slow);
  int64_t newest = write_singly(fixture, 30, 1000);
  wait_for_revision(live, newest);
  wait_for_rest(live);
  int64_t has = (int64_t)check_changes(slow, 0, NULL, NULL);
  assert_true(has > 0 && has < newest);
  struct jg_compactor *compactor = make(fixture, little, 0);
  jg_compactor_pass(compactor);
  assert_int_equal(log_metric(fixture, "jobgate_log_oldest_revision"), has + 1);
  pass_time(fixture, GRACE_NS - 1);
  jg_compactor_pass(compactor);
  assert_int_equal(log_metric(fixture, "jobgate_log_oldest_revision"), has + 1);
  client_release(slow);
  wait_for_revision(slow, newest);
  wait_for_rest(slow);
  pass_time(fixture, 2 * GRACE_NS);
  jg_compactor_pass(compactor);
  assert_true(log_metric(fixture, "jobgate_log_oldest_revision") > newest - 1);
  assert_int_equal(check_changes(slow, 0, NULL, NULL), newest);
  // Both go on.
  newest = write_jobs(fixture, fixture->tenant, 1, 1, 10);
  wait_for_revision(live, newest);
  wait_for_revision(slow, newest);
  client_close(live);
  client_close(slow);
  jg_compactor_destroy(compactor);
  fixture_destroy(fixture);
}

static void who_does_not_is_told(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 1, .trim_grace_ns = GRACE_NS};
  struct fixture *fixture = fixture_create(&options);
  (void)write_singly(fixture, 5, 10);
  struct client *stalled = watch_now(fixture);
  client_hold(stalled);
  struct client *snapshot = watch_snapshot(fixture, true);
  wait_for_messages(snapshot, 1);
  int64_t newest = write_singly(fixture, 30, 1000);
  wait_for_messages(stalled, 2);
  int64_t has = 5 + (int64_t)check_changes(stalled, 5, NULL, NULL);
  struct jg_compactor *compactor = make(fixture, little, 0);
  jg_compactor_pass(compactor);
  assert_int_equal(log_metric(fixture, "jobgate_log_oldest_revision"), 6);
  pass_time(fixture, GRACE_NS);
  jg_compactor_pass(compactor);
  struct client *const clients[] = {stalled, snapshot};
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    wait_for_finish(clients[i]);
    assert_int_equal(clients[i]->status.code, JG_RESOURCE_EXHAUSTED);
    assert_int_equal(clients[i]->status.reason, JG_REASON_SLOW_CONSUMER);
    struct jg_token token = parse_token(clients[i]->status.details->resume_token);
    assert_int_equal(token.revision, i == 0 ? has : 5);
    assert_int_equal(token.in_snapshot, i == 1);
  }
  assert_int_equal(log_metric(fixture, "jobgate_log_oldest_revision"), newest + 1);
  // Too late now: it begins anew, on one stream if it likes.
  struct client *again = watch_from(fixture, stalled->status.details->resume_token, 0);
  wait_for_finish(again);
  assert_int_equal(again->status.reason, JG_REASON_HISTORY_LOST);
  client_close(again);
  client_close(stalled);
  client_close(snapshot);
  jg_compactor_destroy(compactor);
  fixture_destroy(fixture);
}

/* One whose read is under way is ended by that read. */
static void who_reads_is_told_by_its_driver(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 1, .trim_grace_ns = GRACE_NS};
  struct fixture *fixture = fixture_create(&options);
  struct client *reading = watch_now(fixture);
  client_hold(reading);
  (void)write_singly(fixture, 1, 1000);
  wait_for_messages(reading, 2);
  (void)write_singly(fixture, 5, 1000);
  block_readers(fixture);
  client_release(reading);
  while (metric(fixture, "jobgate_watch_streams_reading") == 0) {
    JG_ASSERT(sched_yield() == 0);
  }
  int64_t from = jg_hub_make_way(fixture->hub, fixture->tenant, 4);
  assert_true(from < 4);
  pass_time(fixture, GRACE_NS);
  assert_int_equal(jg_hub_make_way(fixture->hub, fixture->tenant, 4), from);
  unblock_readers(fixture);
  // It gets what was read, or nothing, and then its end.
  wait_for_finish(reading);
  assert_int_equal(reading->status.reason, JG_REASON_SLOW_CONSUMER);
  client_close(reading);
  fixture_destroy(fixture);
}

/* Writers, streams that come and go, and the compactor at once: nobody has a gap, and everybody who ends is told why. */
#define STREAMS 16

static void all_at_once(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 20000, .trim_grace_ns = 1, .snapshot_page_jobs = 4};
  struct fixture *fixture = fixture_create(&options);
  (void)write_singly(fixture, 5, 100);
  struct jg_compactor *compactor = make(fixture, (struct jg_retention){.bytes_max = 20000}, 3);
  struct client *clients[STREAMS] = {NULL};
  int64_t starts[STREAMS] = {0};
  uint32_t seed = 3;
  size_t told = 0;
  for (size_t round = 0; round < 600; round++) {
    seed = seed * 1664525u + 1013904223u;
    size_t i = (seed >> 8) % STREAMS;
    (void)write_jobs(fixture, fixture->tenant, round % 41, 1 + round % 5, 300);
    if (round % 5 == 0) {
      pass_time(fixture, 1);
      jg_compactor_pass(compactor);
    }
    if (clients[i] == NULL) {
      clients[i] = watch_now(fixture);
      starts[i] = message_at(clients[i], 0)->opened->revision;
      continue;
    }
    fixture_lock(fixture);
    bool finished = clients[i]->finished;
    fixture_unlock(fixture);
    if (finished) {
      assert_true(clients[i]->status.reason == JG_REASON_SLOW_CONSUMER ||
                  clients[i]->status.reason == JG_REASON_HISTORY_LOST);
      // Revisions are dense and all are jobs': rising by one each, from the start on.
      int64_t *revisions = jg_alloc(sizeof(*revisions) * 4000);
      size_t count = check_changes(clients[i], starts[i], revisions, NULL);
      for (size_t j = 0; j < count; j++) {
        assert_int_equal(revisions[j], starts[i] + 1 + (int64_t)j);
      }
      jg_free(revisions);
      client_close(clients[i]);
      clients[i] = NULL;
      told++;
    } else if (seed >> 31 == 0) {
      client_hold(clients[i]);
    } else {
      client_release(clients[i]);
    }
  }
  assert_true(told > 0);
  assert_true(log_metric(fixture, "jobgate_log_oldest_revision") > 500);
  for (size_t i = 0; i < STREAMS; i++) {
    if (clients[i] != NULL) {
      client_close(clients[i]);
    }
  }
  jg_compactor_destroy(compactor);
  fixture_destroy(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tenants_are_named),
      cmocka_unit_test(by_size),
      cmocka_unit_test(by_age_with_a_thread),
      cmocka_unit_test(everything_is_kept_by_no_limit),
      cmocka_unit_test(who_catches_up_is_waited_for),
      cmocka_unit_test(who_does_not_is_told),
      cmocka_unit_test(who_reads_is_told_by_its_driver),
      cmocka_unit_test(all_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
