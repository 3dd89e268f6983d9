/* A page goes to more streams than are moved at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/fixture.h"
#include "services/changes/hub_internal.h"

#define CLIENTS ((size_t)600)
/* Moved before the log is read again, and while that read is under way. */
#define EARLY (JG_HUB_FAN_PAGE + JG_HUB_FAN_MAX)

static const struct fixture_options defaults = {0};
static struct client *clients[CLIENTS];
static size_t rounds;
static int64_t written;

static void close_all(struct fixture *fixture, size_t count) {
  for (size_t i = 0; i < count; i++) {
    client_close(clients[i]);
  }
  fixture_destroy(fixture);
}

/* The second job is written behind the first round; the third one ends when the tail has what was read of it. */
static void write_meanwhile(struct fixture *fixture, const struct jg_send *sends, size_t count) {
  (void)sends;
  (void)count;
  rounds++;
  if (rounds == 1) {
    written = write_jobs(fixture, fixture->tenant, 2, 1, 10);
  }
  for (bool read = rounds != EARLY / JG_HUB_FAN_MAX; !read; (void)sched_yield()) {
    jg_hub_lock(&fixture->hub->wake_mutex);
    read = fixture->hub->woken;
    jg_hub_unlock(&fixture->hub->wake_mutex);
  }
}

static void what_comes_meanwhile_goes_to_the_others_at_once(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  for (size_t i = 0; i < CLIENTS; i++) {
    clients[i] = watch_now(fixture);
  }
  rounds = 0;
  fixture->on_send_all = write_meanwhile;
  (void)write_jobs(fixture, fixture->tenant, 1, 1, 10);
  for (size_t i = 0; i < CLIENTS; i++) {
    wait_for_revision(clients[i], 2);
    wait_for_rest(clients[i]);
    assert_int_equal(check_changes(clients[i], 0, NULL, NULL), 2);
    // `opened`, then the two changes: one by one, or together.
    assert_int_equal(message_count(clients[i]), i < EARLY ? 3 : 2);
  }
  assert_int_equal(written, 2);
  close_all(fixture, CLIENTS);
}

static size_t seen[2];

/* How many of which half of the clients are in the first round. */
static void count_halves(struct fixture *fixture, const struct jg_send *sends, size_t count) {
  (void)fixture;
  for (size_t i = 0; i < count && rounds == 0; i++) {
    size_t number = 0;
    while (clients[number] != client_of(sends[i].call)) {
      number++;
    }
    seen[number >= CLIENTS / 2]++;
  }
  rounds++;
}

static void views_take_turns(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  for (size_t i = 0; i < CLIENTS; i++) {
    clients[i] = i < CLIENTS / 2 ? watch_now(fixture) : watch_filter(fixture, "id2 ne 7");
    wait_for_rest(clients[i]);
  }
  rounds = 0;
  fixture->on_send_all = count_halves;
  (void)write_jobs(fixture, fixture->tenant, 1, 1, 10);
  for (size_t i = 0; i < CLIENTS; i++) {
    wait_for_revision(clients[i], 1);
  }
  assert_int_equal(seen[0], JG_HUB_MOVES);
  assert_int_equal(seen[1], JG_HUB_MOVES);
  close_all(fixture, CLIENTS);
}

/* All go in the middle of it: the view stays until it has had its turn. */
static void cancel_all(struct fixture *fixture, const struct jg_send *sends, size_t count) {
  (void)fixture;
  (void)sends;
  (void)count;
  for (size_t i = 0; i < CLIENTS && rounds == 0; i++) {
    client_cancel(clients[i]);
  }
  rounds++;
}

static void streams_that_go_meanwhile(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  for (size_t i = 0; i < CLIENTS; i++) {
    clients[i] = watch_now(fixture);
  }
  rounds = 0;
  fixture->on_send_all = cancel_all;
  (void)write_jobs(fixture, fixture->tenant, 1, 1, 10);
  for (size_t i = 0; i < CLIENTS; i++) {
    wait_for_finish(clients[i]);
    assert_int_equal(clients[i]->status.code, JG_CANCELLED);
  }
  // And the next ones are served.
  struct client *client = watch_now(fixture);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 2, 1, 10));
  client_close(client);
  close_all(fixture, CLIENTS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_comes_meanwhile_goes_to_the_others_at_once),
      cmocka_unit_test(views_take_turns),
      cmocka_unit_test(streams_that_go_meanwhile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
