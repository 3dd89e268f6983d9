/* Who repeats a token that is dead waits longer and longer for the answer, and costs little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

#define NS_PER_MS INT64_C(1000000)
#define STORM 1000

/* Twice what is open at once: a client hears of its end shortly before its stream ceases to count. */
static const struct fixture_options defaults = {.streams_max = (size_t)2 * STORM};

/* A record whose log begins behind revision 5; the token of revision 1, which is dead. */
static struct jg_token make_dead(struct fixture *fixture) {
  for (uint64_t i = 1; i <= 9; i++) {
    (void)write_jobs(fixture, fixture->tenant, i, 1, 10);
  }
  struct jg_token token = parse_token(token_at(fixture, 1));
  trim_log(fixture, 5);
  return token;
}

static struct client *watch_token(struct fixture *fixture, const struct jg_token *token) {
  char text[JG_TOKEN_TEXT_MAX + 1];
  text[jg_token_format(token, text)] = '\0';
  return watch_from(fixture, text, 0);
}

static void close_refused(struct client *client, int64_t next_ms) {
  wait_for_finish(client);
  assert_int_equal(client->status.code, JG_OUT_OF_RANGE);
  assert_int_equal(client->status.reason, JG_REASON_HISTORY_LOST);
  assert_int_equal(client->status.details->oldest_revision, 6);
  assert_int_equal(client->status.details->newest_revision, 9);
  assert_int_equal(client->status.details->retry_delay_ms, next_ms);
  client_close(client);
}

static void wait_for_refused(struct fixture *fixture, int64_t count) {
  while (metric(fixture, "jobgate_watch_history_lost_total") < count) {
    JG_ASSERT(sched_yield() == 0);
  }
}

static void longer_and_longer(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  const struct jg_token token = make_dead(fixture);
  close_refused(watch_token(fixture, &token), 100);
  int64_t delay_ms = 100;
  for (int64_t i = 2; i <= 10; i++) {
    struct client *client = watch_token(fixture, &token);
    wait_for_refused(fixture, i);
    pass_time(fixture, delay_ms * NS_PER_MS - 1);
    assert_false(client_is_finished(client));
    pass_time(fixture, 1);
    delay_ms = delay_ms < 6400 ? delay_ms * 2 : delay_ms;
    close_refused(client, delay_ms);
  }
  // Who waits as it was told is answered at once.
  pass_time(fixture, delay_ms * NS_PER_MS);
  close_refused(watch_token(fixture, &token), delay_ms);
  fixture_destroy(fixture);
}

/* One table for all doors of the log: who changes the door goes on where it was. */
static void on_every_door(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  const struct jg_token token = make_dead(fixture);
  char text[JG_TOKEN_TEXT_MAX + 1];
  text[jg_token_format(&token, text)] = '\0';
  close_refused(list_from(fixture, text), 100);
  int64_t delay_ms = 100;
  for (int64_t i = 2; i <= 8; i++) {
    struct client *client = i % 3 == 0 ? watch_token(fixture, &token) : list_from(fixture, text);
    wait_for_refused(fixture, i);
    pass_time(fixture, delay_ms * NS_PER_MS - 1);
    assert_false(client_is_finished(client));
    pass_time(fixture, 1);
    delay_ms = delay_ms < 6400 ? delay_ms * 2 : delay_ms;
    close_refused(client, delay_ms);
  }
  // A call that ends before gets its answer while it waits for one.
  struct client *hasty = refuse_within(fixture, &token, 2000 * NS_PER_MS);
  wait_for_refused(fixture, 9);
  pass_time(fixture, 1000 * NS_PER_MS);
  close_refused(hasty, 6400);
  // A server that drains holds nobody back, neither those who wait nor who comes then.
  struct client *waits = list_from(fixture, text);
  wait_for_refused(fixture, 10);
  jg_hub_drain(fixture->hub);
  close_refused(waits, 6400);
  struct client *late = list_from(fixture, text);
  wait_for_finish(late);
  assert_int_equal(late->status.reason, JG_REASON_HISTORY_LOST);
  client_close(late);
  fixture_destroy(fixture);
}

static void cancelled_and_drained_meanwhile(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  const struct jg_token token = make_dead(fixture);
  close_refused(watch_token(fixture, &token), 100);
  struct client *cancelled = watch_token(fixture, &token);
  struct client *drained = watch_token(fixture, &token);
  wait_for_refused(fixture, 3);
  client_cancel(cancelled);
  wait_for_finish(cancelled);
  assert_int_equal(cancelled->status.code, JG_CANCELLED);
  client_close(cancelled);
  assert_false(client_is_finished(drained));
  jg_hub_drain(fixture->hub);
  wait_for_finish(drained);
  assert_int_equal(drained->status.reason, JG_REASON_HISTORY_LOST);
  client_close(drained);
  fixture_destroy(fixture);
}

/* Each with a token of its own, or all with the same: whoever insists holds a place and nothing else until its time comes. */
static void storm(bool same) {
  struct fixture *fixture = fixture_create(&defaults);
  struct jg_token token = make_dead(fixture);
  struct client *live = watch_now(fixture);
  struct client *clients[STORM];
  int64_t refused = 0;
  for (size_t round = 0; round < 3; round++) {
    for (size_t i = 0; i < STORM; i++) {
      // A token of another history is dead as well.
      token.epoch.bytes[0] = same ? token.epoch.bytes[0] : (uint8_t)i;
      token.epoch.bytes[1] = same ? token.epoch.bytes[1] : (uint8_t)(i >> 8);
      clients[i] = watch_token(fixture, &token);
    }
    refused += STORM;
    wait_for_refused(fixture, refused);
    size_t at_once = 0;
    for (size_t i = 0; i < STORM && round > 0; i++) {
      at_once += client_is_finished(clients[i]);
    }
    assert_int_equal(at_once, 0);
    // Others notice nothing.
    wait_for_revision(live, write_jobs(fixture, fixture->tenant, 1, 1, 10));
    // They come back as soon as they are answered.
    pass_time(fixture, (same ? 6400 : 100 * (int64_t)round) * NS_PER_MS);
    for (size_t i = 0; i < STORM; i++) {
      wait_for_finish(clients[i]);
      assert_int_equal(clients[i]->status.reason, JG_REASON_HISTORY_LOST);
      assert_in_range(clients[i]->status.details->retry_delay_ms, 100, 6400);
      client_close(clients[i]);
    }
  }
  client_close(live);
  fixture_destroy(fixture);
}

static void a_storm_of_tokens(void **state) {
  (void)state;
  storm(false);
}

static void a_storm_of_one_token(void **state) {
  (void)state;
  storm(true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(longer_and_longer),
      cmocka_unit_test(on_every_door),
      cmocka_unit_test(cancelled_and_drained_meanwhile),
      cmocka_unit_test(a_storm_of_tokens),
      cmocka_unit_test(a_storm_of_one_token),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
