/* What a stream does when things go on: bookmarks, slow clients, the ring overflowing, the log damaged or out of reach. */
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
    pass_time(fixture, 15 * NS_PER_SECOND - 1);
    // Not yet: whatever comes next is one job's message.
    pass_time(fixture, 1);
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
  pass_time(fixture, 14 * NS_PER_SECOND);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  pass_time(fixture, 14 * NS_PER_SECOND);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 2, 1, 10));
  wait_for_rest(client);
  pass_time(fixture, 15 * NS_PER_SECOND);
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
    pass_time(fixture, 5 * NS_PER_SECOND);
    wait_for_messages(often, 1 + i);
    wait_for_rest(often);
  }
  assert_int_equal(message_count(seldom), 1);
  pass_time(fixture, 5 * NS_PER_SECOND);
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
    pass_time(fixture, 15 * NS_PER_SECOND);
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
  pass_time(fixture, 15 * NS_PER_SECOND);
  wait_for_messages(client, 3);
  assert_int_equal(bookmark_at(client, 2)->revision, 1);
  unblock_readers(fixture);
  wait_for_revision(client, newest);
  assert_int_equal(check_changes(client, 0, NULL, NULL), 4);
  client_close(client);
  fixture_destroy(fixture);
  jg_free(reads);
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
