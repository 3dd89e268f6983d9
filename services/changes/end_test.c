/* How streams end: drains, cancellations in every state, and many streams, writers and reconnections at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

#define NS_PER_SECOND INT64_C(1000000000)

static const struct fixture_options defaults = {0};
/* Nothing stays in the ring: every stream reads the log. */
static const struct fixture_options no_ring = {.ring_bytes_max = 1};

static void check_drained(struct client *client, int64_t revision) {
  wait_for_finish(client);
  assert_int_equal(client->status.code, JG_UNAVAILABLE);
  assert_int_equal(client->status.reason, JG_REASON_DRAINING);
  const Jobgate__V1__WatchJobsResponse *last = message_at(client, message_count(client) - 1);
  assert_int_equal(last->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN);
  assert_int_equal(parse_token(last->drain->resume_token).revision, revision);
  int64_t delay_ms = last->drain->retry_delay->seconds * 1000 + last->drain->retry_delay->nanos / 1000000;
  assert_in_range(delay_ms, 500, 10500);
  assert_int_equal(client->status.details->retry_delay_ms, delay_ms);
}

static void drain(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *idle = watch_now(fixture);
  struct client *slow = watch_now(fixture);
  client_hold(slow);
  int64_t first = write_jobs(fixture, fixture->tenant, 1, 1, 10);
  wait_for_revision(idle, first);
  wait_for_revision(slow, first);
  int64_t newest = write_jobs(fixture, fixture->tenant, 2, 1, 10);
  wait_for_revision(idle, newest);
  block_readers(fixture);
  struct client *opening = watch_from(fixture, message_at(idle, 1)->changes->resume_token, 0);
  jg_hub_drain(fixture->hub);
  check_drained(idle, newest);
  // The slow one gets no more changes; what it missed is behind its token.
  client_release(slow);
  check_drained(slow, first);
  unblock_readers(fixture);
  check_drained(opening, first);
  assert_int_equal(metric(fixture, "jobgate_watch_drained_total"), 3);
  struct client *refused = watch_from(fixture, message_at(idle, 1)->changes->resume_token, 0);
  wait_for_finish(refused);
  assert_int_equal(refused->status.reason, JG_REASON_DRAINING);
  assert_true(refused->status.details->retry_delay_ms > 0);
  assert_int_equal(message_count(refused), 0);
  client_close(refused);
  client_close(opening);
  client_close(slow);
  client_close(idle);
  fixture_destroy(fixture);
}

/* In the middle of a request that is more than a message: the token stands before the request. */
static void drain_inside_a_request(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_now(fixture);
  int64_t before = write_jobs(fixture, fixture->tenant, 1, 2, 10);
  wait_for_revision(client, before);
  wait_for_rest(client);
  client_hold(client);
  (void)write_jobs(fixture, fixture->tenant, 10, 70, 100000);
  wait_for_messages(client, 3);
  assert_string_equal(message_at(client, 2)->changes->resume_token, "");
  jg_hub_drain(fixture->hub);
  client_release(client);
  check_drained(client, before);
  client_close(client);
  fixture_destroy(fixture);
}

static void check_cancelled(struct client *client) {
  wait_for_finish(client);
  assert_int_equal(client->status.code, JG_CANCELLED);
  client_close(client);
}

static void cancel_in_every_state(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&no_ring);
  // IDLE (or about to be).
  struct client *idle = watch_now(fixture);
  client_cancel(idle);
  check_cancelled(idle);
  // SENDING: it ends once the message is accounted for.
  struct client *sending = watch_now(fixture);
  client_hold(sending);
  wait_for_revision(sending, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  client_cancel(sending);
  client_release(sending);
  check_cancelled(sending);
  // READING and OPENING.
  struct client *reading = watch_now(fixture);
  client_hold(reading);
  wait_for_revision(reading, write_jobs(fixture, fixture->tenant, 2, 1, 10));
  struct client *drained = watch_now(fixture);
  // Once another stream has it, the tail has passed it: the one that comes later must read.
  wait_for_revision(drained, write_jobs(fixture, fixture->tenant, 3, 1, 10));
  wait_for_rest(drained);
  const char *start = message_at(reading, 0)->opened->resume_token;
  block_readers(fixture);
  client_release(reading);
  while (metric(fixture, "jobgate_watch_streams_reading") == 0) {
    JG_ASSERT(sched_yield() == 0);
  }
  struct client *opening = watch_from(fixture, start, 0);
  client_cancel(reading);
  client_cancel(opening);
  const struct timespec until = fixture_deadline();
  fixture_lock(fixture);
  while (reading->cancel || opening->cancel || reading->in_callback || opening->in_callback) {
    fixture_await_change(fixture, &until);
  }
  assert_false(reading->finished);
  assert_false(opening->finished);
  fixture_unlock(fixture);
  unblock_readers(fixture);
  assert_int_equal(message_count(opening), 0);
  check_cancelled(reading);
  check_cancelled(opening);
  // ENDING by a drain: the cancellation comes too late or just in time.
  client_hold(drained);
  jg_hub_drain(fixture->hub);
  wait_for_messages(drained, 3);
  client_cancel(drained);
  client_release(drained);
  wait_for_finish(drained);
  assert_true(drained->status.code == JG_UNAVAILABLE || drained->status.code == JG_CANCELLED);
  client_close(drained);
  fixture_destroy(fixture);
}

/* ---- many threads ---- */

#define STREAMS 64
#define WRITERS 4
#define WRITES 60
#define JOBS_PER_WRITER 100000

struct writer {
  struct fixture *fixture;
  pthread_t thread;
  uint64_t number;
  int64_t newest;
};

static void *write_many(void *data) {
  struct writer *writer = data;
  uint64_t first = 10 + writer->number * JOBS_PER_WRITER;
  for (uint64_t i = 0; i < WRITES; i++) {
    int64_t newest = write_jobs(writer->fixture, writer->fixture->tenant, first + i % 17, 1 + i % 4, 300);
    writer->newest = newest > writer->newest ? newest : writer->newest;
  }
  return NULL;
}

static void many_streams_and_writers(void **state) {
  (void)state;
  // Small enough that those who sleep must read the log.
  const struct fixture_options options = {.ring_bytes_max = 40000};
  struct fixture *fixture = fixture_create(&options);
  struct client *clients[STREAMS];
  for (size_t i = 0; i < STREAMS; i++) {
    clients[i] = watch_now(fixture);
  }
  struct writer writers[WRITERS];
  for (size_t i = 0; i < WRITERS; i++) {
    writers[i] = (struct writer){.fixture = fixture, .number = i};
    JG_ASSERT(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]) == 0);
  }
  // Meanwhile streams stop and go on, break off and come back where they were.
  uint32_t seed = 7;
  size_t reopened = 0;
  int64_t starts[STREAMS] = {0};
  for (size_t round = 0; round < 200; round++) {
    seed = seed * 1664525u + 1013904223u;
    size_t i = (seed >> 16) % STREAMS;
    if (seed >> 30 == 0) {
      client_hold(clients[i]);
    } else if (seed >> 30 == 1) {
      pass_time(fixture, NS_PER_SECOND);
    } else if (seed >> 30 == 2) {
      client_release(clients[i]);
    } else {
      const char *token = message_at(clients[i], 0)->opened->resume_token;
      (void)check_changes(clients[i], starts[i], NULL, &token);
      struct client *next = watch_from(fixture, token, i % 2 == 0 ? JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL : 0);
      starts[i] = parse_token(token).revision;
      client_cancel(clients[i]);
      client_close(clients[i]);
      wait_for_messages(next, 1);
      assert_int_equal(message_at(next, 0)->opened->revision, starts[i]);
      clients[i] = next;
      reopened++;
    }
  }
  int64_t newest = 0;
  for (size_t i = 0; i < WRITERS; i++) {
    JG_ASSERT(pthread_join(writers[i].thread, NULL) == 0);
    newest = writers[i].newest > newest ? writers[i].newest : newest;
  }
  assert_true(reopened > 0);
  for (size_t i = 0; i < STREAMS; i++) {
    client_release(clients[i]);
    if (starts[i] < newest) {
      wait_for_revision(clients[i], newest);
    }
    // Revisions are dense and all are jobs' (R1): as many as that, rising, is all of them.
    assert_int_equal(check_changes(clients[i], starts[i], NULL, NULL), newest - starts[i]);
  }
  jg_hub_drain(fixture->hub);
  for (size_t i = 0; i < STREAMS; i++) {
    check_drained(clients[i], newest);
    client_close(clients[i]);
  }
  fixture_destroy(fixture);
}

/* A client hears of its end while the thread that ended it is still about to let go of the hub. */
static void stop_right_behind_the_last_end(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    struct fixture *fixture = fixture_create(&defaults);
    struct client *client = watch_now(fixture);
    jg_hub_drain(fixture->hub);
    wait_for_finish(client);
    client_close(client);
    jg_hub_stop(fixture->hub);
    fixture_destroy(fixture);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stop_right_behind_the_last_end), cmocka_unit_test(drain),
      cmocka_unit_test(drain_inside_a_request),         cmocka_unit_test(cancel_in_every_state),
      cmocka_unit_test(many_streams_and_writers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
