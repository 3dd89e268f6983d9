/* What a stream does when things go on: bookmarks, slow clients, the ring overflowing, drains, cancellations, many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "services/changes/fixture.h"

#define NS_PER_SECOND INT64_C(1000000000)

static const struct fixture_options defaults = {0};
/* Nothing stays in the ring: every stream reads the log. */
static const struct fixture_options no_ring = {.ring_bytes_max = 1};

/* Moves the hub's clock and lets it look at it. */
static void pass_seconds(struct fixture *fixture, int64_t ns) {
  jg_clock_manual_advance_ns(&fixture->clock, ns);
  jg_hub_hint(fixture->tenant, 0, fixture->hub);
}

static const Jobgate__V1__WatchBookmark *bookmark_at(struct client *client, size_t message) {
  assert_int_equal(message_at(client, message)->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK);
  return message_at(client, message)->bookmark;
}

/* ---- bookmarks ---- */

static void bookmarks_when_nothing_ever_happens(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_now(fixture);
  for (size_t i = 1; i <= 3; i++) {
    pass_seconds(fixture, 15 * NS_PER_SECOND - 1);
    // Not yet: whatever comes next is one job's message.
    pass_seconds(fixture, 1);
    wait_for_messages(client, 1 + i);
    assert_int_equal(bookmark_at(client, i)->revision, 0);
    assert_int_equal(parse_token(bookmark_at(client, i)->resume_token).revision, 0);
    assert_int_equal(bookmark_at(client, i)->time->seconds, 1767225600 + 15 * (int64_t)i);
    wait_for_rest(client);
  }
  assert_int_equal(message_count(client), 4);
  assert_int_equal(metric(fixture, "jobgate_watch_bookmarks_total"), 3);
  client_close(client);
  fixture_destroy(fixture);
}

static void a_message_postpones_the_bookmark(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_now(fixture);
  pass_seconds(fixture, 14 * NS_PER_SECOND);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  pass_seconds(fixture, 14 * NS_PER_SECOND);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 2, 1, 10));
  wait_for_rest(client);
  pass_seconds(fixture, 15 * NS_PER_SECOND);
  wait_for_messages(client, 4);
  assert_int_equal(bookmark_at(client, 3)->revision, 2);
  assert_int_equal(check_changes(client, 0, NULL, NULL), 2);
  client_close(client);
  fixture_destroy(fixture);
}

static struct client *watch_every(struct fixture *fixture, int64_t seconds) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  Google__Protobuf__Duration interval = GOOGLE__PROTOBUF__DURATION__INIT;
  interval.seconds = seconds;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  request.heartbeat_interval = &interval;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 1);
  wait_for_rest(client);
  assert_int_equal(message_at(client, 0)->opened->heartbeat_interval->seconds, seconds);
  return client;
}

static void each_stream_has_its_interval(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *often = watch_every(fixture, 5);
  struct client *seldom = watch_every(fixture, 300);
  for (size_t i = 1; i <= 59; i++) {
    pass_seconds(fixture, 5 * NS_PER_SECOND);
    wait_for_messages(often, 1 + i);
    wait_for_rest(often);
  }
  assert_int_equal(message_count(seldom), 1);
  pass_seconds(fixture, 5 * NS_PER_SECOND);
  wait_for_messages(seldom, 2);
  assert_int_equal(bookmark_at(seldom, 1)->revision, 0);
  client_close(often);
  client_close(seldom);
  fixture_destroy(fixture);
}

static void entities_move_the_bookmark_alone(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_now(fixture);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  assert_int_equal(write_project(fixture, 1), 2);
  assert_int_equal(write_project(fixture, 1), 3);
  while (metric(fixture, "jobgate_watch_tail_pages_total") == 0) {
    JG_ASSERT(sched_yield() == 0);
  }
  // The tail may not have seen both yet: bookmarks go on until one tells.
  size_t count = 2;
  do {
    wait_for_rest(client);
    pass_seconds(fixture, 15 * NS_PER_SECOND);
    wait_for_messages(client, ++count);
  } while (bookmark_at(client, count - 1)->revision < 3);
  assert_int_equal(parse_token(bookmark_at(client, count - 1)->resume_token).revision, 3);
  // From there a stream gets what comes behind, once.
  struct client *late = watch_from(fixture, bookmark_at(client, count - 1)->resume_token, 0);
  int64_t newest = write_jobs(fixture, fixture->tenant, 2, 1, 10);
  wait_for_revision(late, newest);
  assert_int_equal(check_changes(late, 3, NULL, NULL), 1);
  client_close(late);
  client_close(client);
  fixture_destroy(fixture);
}

/* ---- the ring, the log, slow clients ---- */

static void every_stream_reads_the_log_if_it_must(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&no_ring);
  struct client *clients[4];
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    clients[i] = watch_now(fixture);
  }
  int64_t newest = 0;
  for (uint64_t i = 0; i < 50; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1 + i % 3, 1000);
  }
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    wait_for_revision(clients[i], newest);
    assert_int_equal(check_changes(clients[i], 0, NULL, NULL), newest);
    client_close(clients[i]);
  }
  assert_true(metric(fixture, "jobgate_watch_catch_up_pages_total") > 0);
  assert_int_equal(metric(fixture, "jobgate_watch_ring_bytes"), 0);
  fixture_destroy(fixture);
}

static void overflow_log_and_back_into_the_ring(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 100000};
  struct fixture *fixture = fixture_create(&options);
  struct client *fast = watch_now(fixture);
  struct client *slow = watch_now(fixture);
  client_hold(slow);
  int64_t newest = 0;
  for (uint64_t i = 0; i < 300; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, 2000);
    if (i % 10 == 9) {
      // Others are not delayed by the slow one.
      wait_for_revision(fast, newest);
    }
  }
  assert_int_equal(check_changes(fast, 0, NULL, NULL), newest);
  assert_true(message_count(slow) <= 2);
  assert_true(metric(fixture, "jobgate_watch_ring_bytes") <= 100000);
  assert_int_equal(metric(fixture, "jobgate_watch_catch_up_pages_total"), 0);
  client_release(slow);
  wait_for_revision(slow, newest);
  assert_int_equal(check_changes(slow, 0, NULL, NULL), newest);
  int64_t pages = metric(fixture, "jobgate_watch_catch_up_pages_total");
  assert_in_range(pages, 1, 10);
  // Back in the ring: no page is read for it any more.
  newest = write_jobs(fixture, fixture->tenant, 1000, 5, 100);
  wait_for_revision(slow, newest);
  wait_for_revision(fast, newest);
  assert_int_equal(check_changes(slow, 0, NULL, NULL), newest);
  assert_int_equal(metric(fixture, "jobgate_watch_catch_up_pages_total"), pages);
  client_close(slow);
  client_close(fast);
  fixture_destroy(fixture);
}

static void a_laggard_in_the_ring_gets_joined_messages(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *fast = watch_now(fixture);
  struct client *slow = watch_now(fixture);
  client_hold(slow);
  int64_t newest = 0;
  for (uint64_t i = 0; i < 100; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, 100);
    wait_for_revision(fast, newest);
  }
  client_release(slow);
  wait_for_revision(slow, newest);
  assert_int_equal(check_changes(slow, 0, NULL, NULL), newest);
  assert_in_range(message_count(slow), 2, 6);
  assert_int_equal(metric(fixture, "jobgate_watch_catch_up_pages_total"), 0);
  client_close(slow);
  client_close(fast);
  fixture_destroy(fixture);
}

static void history_lost_while_it_slept(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&no_ring);
  struct client *slow = watch_now(fixture);
  client_hold(slow);
  int64_t first = write_jobs(fixture, fixture->tenant, 1, 1, 10);
  wait_for_revision(slow, first);
  (void)write_jobs(fixture, fixture->tenant, 2, 8, 10);
  run_sql(fixture, "DELETE FROM changes WHERE revision <= 5; UPDATE tenants SET oldest_revision = 6");
  client_release(slow);
  wait_for_finish(slow);
  assert_int_equal(slow->status.code, JG_OUT_OF_RANGE);
  assert_int_equal(slow->status.reason, JG_REASON_HISTORY_LOST);
  assert_int_equal(slow->status.details->oldest_revision, 6);
  assert_int_equal(slow->status.details->newest_revision, 9);
  assert_true(slow->status.details->retry_delay_ms > 0);
  client_close(slow);
  fixture_destroy(fixture);
}

/* A record that nobody can read ends the streams with its status, and the hub goes on with what is behind it. */
static void a_damaged_record_is_told(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *live = watch_now(fixture);
  wait_for_revision(live, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  run_sql(fixture,
          "CREATE TRIGGER damage AFTER INSERT ON changes WHEN new.revision = 2 BEGIN "
          "UPDATE changes SET kind = 99 WHERE revision = 2; END");
  (void)write_jobs(fixture, fixture->tenant, 2, 1, 10);
  wait_for_finish(live);
  assert_int_equal(live->status.code, JG_DATA_LOSS);
  assert_int_equal(check_changes(live, 0, NULL, NULL), 1);
  client_close(live);
  struct client *next = watch_now(fixture);
  wait_for_revision(next, write_jobs(fixture, fixture->tenant, 3, 1, 10));
  assert_int_equal(check_changes(next, 2, NULL, NULL), 1);
  client_close(next);
  fixture_destroy(fixture);
}

static void idle_read(struct jg_txn *txn, struct jg_status begun, void *data) {
  (void)txn;
  (void)begun;
  struct fixture *fixture = data;
  fixture_lock(fixture);
  fixture_tell(fixture);
  fixture_unlock(fixture);
}

static void a_full_queue_of_reads_is_waited_for(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&no_ring);
  struct client *client = watch_now(fixture);
  client_hold(client);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  int64_t newest = write_jobs(fixture, fixture->tenant, 2, 3, 10);
  block_readers(fixture);
  struct jg_store_read *reads = jg_alloc_zero(JG_LIMIT_READ_QUEUE, sizeof(*reads));
  // The tail's own page may have taken a place.
  struct jg_status status = JG_STATUS_OK;
  for (size_t i = 0; i < JG_LIMIT_READ_QUEUE && jg_status_ok(status); i++) {
    reads[i] = (struct jg_store_read){.tenant = fixture->tenant, .run = idle_read, .data = fixture};
    status = jg_store_submit_read(fixture->store, &reads[i]);
  }
  client_release(client);
  // It is parked, but a heartbeat still comes, and tells no more than was sent.
  wait_for_rest(client);
  pass_seconds(fixture, 15 * NS_PER_SECOND);
  wait_for_messages(client, 3);
  assert_int_equal(bookmark_at(client, 2)->revision, 1);
  unblock_readers(fixture);
  wait_for_revision(client, newest);
  assert_int_equal(check_changes(client, 0, NULL, NULL), 4);
  client_close(client);
  fixture_destroy(fixture);
  jg_free(reads);
}

/* ---- ends ---- */

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
      pass_seconds(fixture, NS_PER_SECOND);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bookmarks_when_nothing_ever_happens),
      cmocka_unit_test(a_message_postpones_the_bookmark),
      cmocka_unit_test(each_stream_has_its_interval),
      cmocka_unit_test(entities_move_the_bookmark_alone),
      cmocka_unit_test(every_stream_reads_the_log_if_it_must),
      cmocka_unit_test(overflow_log_and_back_into_the_ring),
      cmocka_unit_test(a_laggard_in_the_ring_gets_joined_messages),
      cmocka_unit_test(history_lost_while_it_slept),
      cmocka_unit_test(a_damaged_record_is_told),
      cmocka_unit_test(a_full_queue_of_reads_is_waited_for),
      cmocka_unit_test(drain),
      cmocka_unit_test(cancel_in_every_state),
      cmocka_unit_test(many_streams_and_writers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
