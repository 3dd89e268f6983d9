/* Clients that take their messages slowly or not at all, what they may hold, and how old a stream gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define STALL_NS (60 * NS_PER_SECOND)

/* Ended as a slow one; returns its token. */
static struct jg_token check_slow(struct client *client) {
  wait_for_finish(client);
  assert_int_equal(client->status.code, JG_RESOURCE_EXHAUSTED);
  assert_int_equal(client->status.reason, JG_REASON_SLOW_CONSUMER);
  assert_true(client->status.details->retry_delay_ms > 0);
  return parse_token(client->status.details->resume_token);
}

/* 50 MB behind: it costs one message, writers and others notice nothing, and its token leads to all that it missed. */
static void a_stalled_client_is_ended(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = (size_t)8 << 20, .stall_ns = STALL_NS};
  struct fixture *fixture = fixture_create(&options);
  struct client *live = watch_now(fixture);
  struct client *slow = watch_now(fixture);
  client_hold(slow);
  int64_t newest = 0;
  for (uint64_t i = 0; i < 500; i++) {
    newest = write_jobs(fixture, fixture->tenant, i % 50, 1, 100000);
    wait_for_revision(live, newest);
  }
  assert_true(metric(fixture, "jobgate_watch_ring_bytes") <= (int64_t)8 << 20);
  assert_int_equal(message_count(slow), 2);
  wait_for_rest(live);
  pass_time(fixture, STALL_NS - 1);
  wait_for_rest(live);
  assert_false(client_is_finished(slow));
  pass_time(fixture, 1);
  struct jg_token token = check_slow(slow);
  int64_t has = (int64_t)check_changes(slow, 0, NULL, NULL);
  assert_int_equal(token.revision, has);
  assert_int_equal(metric(fixture, "jobgate_watch_slow_consumers_total"), 1);
  struct client *again = watch_from(fixture, slow->status.details->resume_token, 0);
  wait_for_revision(again, newest);
  assert_int_equal(check_changes(again, has, NULL, NULL), newest - has);
  assert_int_equal(check_changes(live, 0, NULL, NULL), newest);
  client_close(again);
  client_close(slow);
  client_close(live);
  fixture_destroy(fixture);
}

/* Slow is not stalled: one message within the time is enough. */
static void a_slow_client_goes_on(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 1, .stall_ns = STALL_NS};
  struct fixture *fixture = fixture_create(&options);
  struct client *slow = watch_now(fixture);
  client_hold(slow);
  for (uint64_t i = 0; i < 12; i++) {
    (void)write_jobs(fixture, fixture->tenant, i, 3, 100000);
  }
  size_t count = 2;
  for (; check_changes(slow, 0, NULL, NULL) < 36; count++) {
    wait_for_messages(slow, count);
    pass_time(fixture, STALL_NS - 1);
    client_step(slow);
    wait_for_messages(slow, count + 1);
  }
  assert_false(client_is_finished(slow));
  client_close(slow);
  fixture_destroy(fixture);
}

/* Who is behind may hold so much together; then the others wait until the stalled ones make room. */
static void what_is_out_is_bounded(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 1, .out_bytes_max = 250000};
  struct fixture *fixture = fixture_create(&options);
  int64_t newest = 0;
  const char *start = token_at(fixture, 0);
  for (uint64_t i = 0; i < 8; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, 100000);
  }
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
  request.resume_token = (char *)(uintptr_t)start;
  struct client *stalled = client_open(fixture, fixture->tenant, &request, true);
  wait_for_messages(stalled, 1);
  client_step(stalled);
  wait_for_messages(stalled, 2);
  assert_true(metric(fixture, "jobgate_watch_out_bytes") > 250000);
  // A snapshot and one that is behind.
  struct client *snapshot = watch_snapshot(fixture, false);
  struct client *behind = watch_from(fixture, start, JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL);
  wait_for_messages(snapshot, 1);
  wait_for_messages(behind, 1);
  wait_for_rest(snapshot);
  wait_for_rest(behind);
  assert_int_equal(message_count(snapshot), 1);
  assert_int_equal(message_count(behind), 1);
  // They get bookmarks meanwhile, but nothing to hold.
  pass_time(fixture, 5 * NS_PER_SECOND - 1);
  assert_false(client_is_finished(stalled));
  pass_time(fixture, 1);
  assert_true(check_slow(stalled).revision >= 3);
  wait_for_revision(behind, newest);
  wait_for_messages(snapshot, 5);
  assert_int_equal(check_changes(behind, 0, NULL, NULL), newest);
  while (metric(fixture, "jobgate_watch_out_bytes") > 0) {
    JG_ASSERT(sched_yield() == 0);
  }
  client_close(stalled);
  client_close(snapshot);
  client_close(behind);
  fixture_destroy(fixture);
}

/* ---- age ---- */

#define AGED 40

static void old_streams_are_drained(void **state) {
  (void)state;
  const struct fixture_options options = {.stream_age_ns = 100 * NS_PER_SECOND};
  struct fixture *fixture = fixture_create(&options);
  struct client *clients[AGED];
  for (size_t i = 0; i < AGED; i++) {
    clients[i] = watch_now(fixture);
  }
  int64_t newest = write_jobs(fixture, fixture->tenant, 1, 1, 10);
  for (size_t i = 0; i < AGED; i++) {
    wait_for_revision(clients[i], newest);
    wait_for_rest(clients[i]);
  }
  pass_time(fixture, 90 * NS_PER_SECOND - 1);
  for (size_t i = 0; i < AGED; i++) {
    wait_for_messages(clients[i], 3);  // a bookmark
    wait_for_rest(clients[i]);
    assert_false(client_is_finished(clients[i]));
  }
  // About half of them by now.
  pass_time(fixture, 10 * NS_PER_SECOND);
  size_t finished = 0;
  for (size_t i = 0; i < AGED; i++) {
    wait_for_rest(clients[i]);
    finished += client_is_finished(clients[i]);
  }
  assert_in_range(finished, 0, AGED - 1);
  pass_time(fixture, 10 * NS_PER_SECOND + 1);
  for (size_t i = 0; i < AGED; i++) {
    wait_for_finish(clients[i]);
    assert_int_equal(clients[i]->status.code, JG_UNAVAILABLE);
    assert_int_equal(clients[i]->status.reason, JG_REASON_DRAINING);
    const Jobgate__V1__WatchJobsResponse *last = message_at(clients[i], message_count(clients[i]) - 1);
    assert_int_equal(last->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN);
    assert_int_equal(parse_token(last->drain->resume_token).revision, newest);
    int64_t delay_ms = last->drain->retry_delay->seconds * 1000 + last->drain->retry_delay->nanos / 1000000;
    assert_int_equal(clients[i]->status.details->retry_delay_ms, delay_ms);
    client_close(clients[i]);
  }
  // A new one is young.
  client_close(watch_now(fixture));
  fixture_destroy(fixture);
}

/* A busy stream too: at its next step. */
static void an_old_busy_stream_is_drained(void **state) {
  (void)state;
  const struct fixture_options options = {.stream_age_ns = 100 * NS_PER_SECOND};
  struct fixture *fixture = fixture_create(&options);
  struct client *client = watch_now(fixture);
  client_hold(client);
  int64_t first = write_jobs(fixture, fixture->tenant, 1, 1, 10);
  wait_for_revision(client, first);
  (void)write_jobs(fixture, fixture->tenant, 2, 1, 10);
  pass_time(fixture, 111 * NS_PER_SECOND);
  client_release(client);
  wait_for_finish(client);
  assert_int_equal(client->status.reason, JG_REASON_DRAINING);
  const Jobgate__V1__WatchJobsResponse *last = message_at(client, message_count(client) - 1);
  assert_int_equal(parse_token(last->drain->resume_token).revision, first);
  client_close(client);
  fixture_destroy(fixture);
}

/* ---- many threads ---- */

#define STREAMS 32

/* The end for slowness meets the message being taken, the cancellation and the drain. */
static void ends_meet(void **state) {
  (void)state;
  const struct fixture_options options = {
      .ring_bytes_max = 40000, .stall_ns = 2 * NS_PER_SECOND, .out_bytes_max = 20000, .snapshot_page_jobs = 3};
  struct fixture *fixture = fixture_create(&options);
  struct client *clients[STREAMS] = {NULL};
  uint32_t seed = 11;
  int64_t slow = 0;
  for (size_t round = 0; round < 1500; round++) {
    seed = seed * 1664525u + 1013904223u;
    struct client **client = &clients[(seed >> 8) % STREAMS];
    if (*client != NULL && client_is_finished(*client)) {
      if ((*client)->status.code != JG_CANCELLED) {
        (void)check_slow(*client);
        slow++;
      }
      client_close(*client);
      *client = NULL;
    }
    switch (seed >> 29) {
      case 0:
      case 1:
        (void)write_jobs(fixture, fixture->tenant, round % 37, 1 + round % 3, 1000);
        break;
      case 2:
        pass_time(fixture, NS_PER_SECOND / 2);
        break;
      case 3:
        if (*client != NULL) {
          client_cancel(*client);
        }
        break;
      default:
        if (*client == NULL) {
          *client = watch_snapshot(fixture, (seed & 128) != 0);
        } else if ((seed & 64) != 0) {
          client_hold(*client);
        } else {
          client_release(*client);
        }
    }
  }
  assert_true(slow > 0);
  jg_hub_drain(fixture->hub);
  for (size_t i = 0; i < STREAMS; i++) {
    if (clients[i] != NULL) {
      client_close(clients[i]);
    }
  }
  assert_int_equal(metric(fixture, "jobgate_watch_out_bytes"), 0);
  fixture_destroy(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_stalled_client_is_ended),     cmocka_unit_test(a_slow_client_goes_on),
      cmocka_unit_test(what_is_out_is_bounded),        cmocka_unit_test(old_streams_are_drained),
      cmocka_unit_test(an_old_busy_stream_is_drained), cmocka_unit_test(ends_meet),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
