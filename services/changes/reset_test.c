/* What comes when the history behind a place is lost and the client said that it may be a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

static const struct fixture_options defaults = {0};

static struct client *watch_or_reset(struct fixture *fixture, const char *token, bool hold) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
  request.resume_token = (char *)(uintptr_t)token;
  request.snapshot_on_reset = true;
  return client_open(fixture, fixture->tenant, &request, hold);
}

static void a_reset_for_each_lost_token(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  int64_t newest = 0;
  for (uint64_t i = 1; i <= 9; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, 10);
  }
  const struct jg_token good = parse_token(token_at(fixture, newest));
  trim_log(fixture, 3);
  struct jg_token lost[] = {good, good, good, good};
  lost[0].revision = 2;
  lost[1].revision = newest + 1;
  lost[2].epoch.bytes[0] ^= 1;
  lost[3].revision = 2;
  lost[3].in_snapshot = true;
  lost[3].rid = 5;
  for (size_t i = 0; i < JG_COUNT(lost); i++) {
    char text[JG_TOKEN_TEXT_MAX + 1];
    text[jg_token_format(&lost[i], text)] = '\0';
    struct client *client = watch_or_reset(fixture, text, false);
    wait_for_messages(client, 4);
    assert_int_equal(message_at(client, 0)->opened->revision, newest);
    assert_int_equal(message_at(client, 1)->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_RESET);
    assert_int_equal(message_at(client, 1)->reset->oldest_revision, 4);
    assert_int_equal(part_at(client, 2)->n_jobs, 9);
    assert_int_equal(synced_at(client, 3)->revision, newest);
    client_close(client);
  }
  // A token that is wrong is wrong all the same.
  struct jg_token other = good;
  other.filter_hash = 1;
  char text[JG_TOKEN_TEXT_MAX + 1];
  text[jg_token_format(&other, text)] = '\0';
  struct client *client = watch_or_reset(fixture, text, false);
  wait_for_finish(client);
  assert_int_equal(client->status.reason, JG_REASON_INVALID_TOKEN);
  client_close(client);
  fixture_destroy(fixture);
}

/* On an open stream whose client was too slow, and in the middle of a snapshot. */
static void a_reset_while_it_slept(void **state) {
  (void)state;
  const struct fixture_options options = {.ring_bytes_max = 1, .snapshot_page_jobs = 2};
  struct fixture *fixture = fixture_create(&options);
  int64_t newest = write_jobs(fixture, fixture->tenant, 1, 6, 10);
  const char *here = token_at(fixture, newest);
  struct client *live = watch_or_reset(fixture, here, true);
  wait_for_messages(live, 1);
  client_step(live);
  struct jg_token token = parse_token(here);
  token.in_snapshot = true;
  char text[JG_TOKEN_TEXT_MAX + 1];
  text[jg_token_format(&token, text)] = '\0';
  struct client *middle = watch_or_reset(fixture, text, true);
  wait_for_messages(middle, 1);
  client_step(middle);
  wait_for_messages(middle, 2);
  for (uint64_t i = 1; i <= 6; i++) {
    (void)write_jobs(fixture, fixture->tenant, i, 1, 20);
  }
  wait_for_revision(live, newest + 1);
  for (uint64_t i = 1; i <= 6; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, 30);
  }
  trim_log(fixture, newest - 1);
  client_release(live);
  client_release(middle);
  struct client *const clients[] = {live, middle};
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    wait_for_messages(clients[i], 7);
    assert_int_equal(message_at(clients[i], 2)->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_RESET);
    assert_int_equal(message_at(clients[i], 2)->reset->oldest_revision, newest);
    for (size_t j = 3; j < 6; j++) {
      assert_int_equal(part_at(clients[i], j)->n_jobs, 2);
    }
    assert_int_equal(synced_at(clients[i], 6)->revision, newest);
    client_close(clients[i]);
  }
  fixture_destroy(fixture);
}

/* A client that has heard no `reset` yet must hear it, whatever token it goes on with. */
static void is_owed(struct fixture *fixture, const char *token, int64_t newest) {
  assert_true(token != NULL && token[0] != '\0');
  struct client *again = watch_or_reset(fixture, token, false);
  wait_for_messages(again, 4);
  assert_int_equal(message_at(again, 1)->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_RESET);
  assert_int_equal(synced_at(again, 3)->revision, newest);
  client_close(again);
}

/* By its token, and by its time. */
static struct client *watch_lost(struct fixture *fixture, bool since) {
  Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE;
  request.since = &time;
  request.snapshot_on_reset = true;
  return since ? client_open(fixture, fixture->tenant, &request, true)
               : watch_or_reset(fixture, token_at(fixture, 1), true);
}

static int64_t write_and_lose(struct fixture *fixture) {
  int64_t newest = 0;
  for (uint64_t i = 1; i <= 5; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, 10);
  }
  trim_log(fixture, 3);
  return newest;
}

static void a_break_before_the_reset(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  int64_t newest = write_and_lose(fixture);
  for (int since = 0; since <= 1; since++) {
    struct client *client = watch_lost(fixture, since != 0);
    wait_for_messages(client, 1);
    const Jobgate__V1__WatchOpened *opened = message_at(client, 0)->opened;
    assert_int_equal(opened->revision, newest);
    assert_string_not_equal(opened->epoch, "00000000-0000-0000-0000-000000000000");
    is_owed(fixture, opened->resume_token, newest);
    // Behind the reset, which has no token, it is still the one that the client has.
    client_step(client);
    wait_for_messages(client, 2);
    is_owed(fixture, opened->resume_token, newest);
    client_step(client);
    wait_for_messages(client, 3);
    assert_true(parse_token(part_at(client, 2)->resume_token).in_snapshot);
    client_close(client);
  }
  fixture_destroy(fixture);
}

static void a_drain_before_the_reset(void **state) {
  (void)state;
  const struct fixture_options options = {.stream_age_ns = 1000000000};
  struct fixture *fixture = fixture_create(&options);
  int64_t newest = write_and_lose(fixture);
  struct client *client = watch_lost(fixture, false);
  wait_for_messages(client, 1);
  pass_time(fixture, 1200000000);
  client_release(client);
  wait_for_finish(client);
  const Jobgate__V1__WatchJobsResponse *last = message_at(client, message_count(client) - 1);
  assert_int_equal(last->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN);
  is_owed(fixture, last->drain->resume_token, newest);
  // Who wants an error instead gets that.
  struct client *plain = watch_from(fixture, last->drain->resume_token, 0);
  wait_for_finish(plain);
  assert_int_equal(plain->status.reason, JG_REASON_HISTORY_LOST);
  client_close(plain);
  client_close(client);
  fixture_destroy(fixture);
}

static void a_slow_end_before_the_reset(void **state) {
  (void)state;
  const struct fixture_options options = {.stall_ns = 1000000000};
  struct fixture *fixture = fixture_create(&options);
  int64_t newest = write_and_lose(fixture);
  struct client *client = watch_lost(fixture, false);
  wait_for_messages(client, 1);
  // A stream that is still giving its message to the sink is looked at again a second later.
  do {
    pass_time(fixture, 1000000000);
    JG_ASSERT(sched_yield() == 0);
  } while (!client_is_finished(client));
  assert_int_equal(client->status.reason, JG_REASON_SLOW_CONSUMER);
  is_owed(fixture, client->status.details->resume_token, newest);
  client_close(client);
  fixture_destroy(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reset_for_each_lost_token), cmocka_unit_test(a_reset_while_it_slept),
      cmocka_unit_test(a_break_before_the_reset),    cmocka_unit_test(a_drain_before_the_reset),
      cmocka_unit_test(a_slow_end_before_the_reset),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
