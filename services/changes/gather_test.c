/* Streams that gather the changes of a job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

#define SECOND INT64_C(1000000000)

#define CREATED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED
#define UPDATED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED
#define DELETED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED
#define ENTERED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_ENTERED
#define LEFT JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_LEFT

static const struct fixture_options defaults = {0};

/* token: NULL: from now on. */
static struct client *watch(struct fixture *fixture, const char *token, const char *filter, int64_t seconds) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  Google__Protobuf__Duration window = GOOGLE__PROTOBUF__DURATION__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  if (token != NULL) {
    request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
    request.resume_token = (char *)(uintptr_t)token;
  }
  request.filter = (char *)(uintptr_t)filter;
  request.coalesce_window = &window;
  window.seconds = seconds;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 1);
  wait_for_rest(client);
  return client;
}

static int64_t step(struct fixture *fixture, const struct job_step *one) {
  return write_steps(fixture, one, 1);
}

/* A write that the hub has read when this returns: a stream without a window, which was idle, was sent it, and that comes last. */
static int64_t seen_step(struct fixture *fixture, struct client *plain, const struct job_step *one) {
  int64_t revision = step(fixture, one);
  wait_for_revision(plain, revision);
  wait_for_rest(plain);
  return revision;
}

static const Jobgate__V1__JobChange *change_at(struct client *client, size_t message, size_t index) {
  const Jobgate__V1__WatchJobsResponse *response = message_at(client, message);
  assert_int_equal(response->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES);
  assert_true(index < response->changes->n_changes);
  return response->changes->changes[index];
}

static void changes_of_a_job_come_as_one(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *plain = watch_now(fixture);
  struct client *client = watch(fixture, NULL, "", 10);
  struct client *other = watch(fixture, NULL, "", 10);
  seen_step(fixture, plain, &(struct job_step){.number = 1, .name = "a"});
  seen_step(fixture, plain, &(struct job_step){.number = 2, .name = "b"});
  seen_step(fixture, plain, &(struct job_step){.number = 1, .description = "more"});
  int64_t newest = seen_step(fixture, plain, &(struct job_step){.number = 1, .name = "c"});
  pass_time(fixture, 9 * SECOND);
  assert_int_equal(message_count(client), 1);
  pass_time(fixture, 2 * SECOND);
  wait_for_revision(client, newest);
  wait_for_revision(other, newest);
  assert_int_equal(message_count(client), 2);
  assert_int_equal(message_at(client, 1)->changes->n_changes, 2);
  const Jobgate__V1__JobChange *second = change_at(client, 1, 0);
  const Jobgate__V1__JobChange *first = change_at(client, 1, 1);
  assert_int_equal(second->revision, 2);
  assert_int_equal(first->revision, newest);
  assert_int_equal(first->kind, CREATED);
  assert_string_equal(first->job->name, "c");
  assert_string_equal(first->job->description, "more");
  assert_null(first->changed_fields);
  assert_true(first->transaction_last);
  assert_int_equal(parse_token(message_at(client, 1)->changes->resume_token).revision, newest);

  // What follows has a time of its own.
  seen_step(fixture, plain, &(struct job_step){.number = 2, .name = "d"});
  newest = seen_step(fixture, plain, &(struct job_step){.number = 2, .description = "e"});
  pass_time(fixture, 11 * SECOND);
  wait_for_revision(client, newest);
  const Jobgate__V1__JobChange *updated = change_at(client, 2, 0);
  assert_int_equal(updated->kind, UPDATED);
  assert_int_equal(updated->changed_fields->n_paths, 3);
  assert_int_equal(check_changes(client, 0, NULL, NULL), 3);
  assert_int_equal(check_changes(plain, 0, NULL, NULL), 6);
  client_close(client);
  client_close(other);
  client_close(plain);
  fixture_destroy(fixture);
}

static void what_came_and_went_is_not_shown(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *plain = watch_now(fixture);
  struct client *client = watch(fixture, NULL, "", 10);
  seen_step(fixture, plain, &(struct job_step){.number = 1, .name = "a"});
  int64_t newest = seen_step(fixture, plain, &(struct job_step){.number = 1, .remove = true});
  pass_time(fixture, 11 * SECOND);
  // Nothing to show; a bookmark tells that it is all.
  pass_time_to_revision(client, newest);
  assert_int_equal(check_changes(client, 0, NULL, NULL), 0);
  client_close(client);
  client_close(plain);
  fixture_destroy(fixture);
}

static void kinds_follow_the_states_around(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  step(fixture, &(struct job_step){.number = 1, .name = "in"});
  step(fixture, &(struct job_step){.number = 2, .name = "out"});
  step(fixture, &(struct job_step){.number = 3, .name = "in"});
  step(fixture, &(struct job_step){.number = 4, .name = "out"});
  step(fixture, &(struct job_step){.number = 5, .name = "in"});
  struct client *plain = watch_now(fixture);
  struct client *client = watch(fixture, NULL, "name eq 'in'", 10);
  seen_step(fixture, plain, &(struct job_step){.number = 1, .name = "out"});
  seen_step(fixture, plain, &(struct job_step){.number = 1, .name = "in"});  // back again
  seen_step(fixture, plain, &(struct job_step){.number = 2, .name = "in"});
  seen_step(fixture, plain, &(struct job_step){.number = 2, .name = "out"});  // and gone again
  seen_step(fixture, plain, &(struct job_step){.number = 3, .description = "x"});
  seen_step(fixture, plain, &(struct job_step){.number = 3, .name = "out"});
  seen_step(fixture, plain, &(struct job_step){.number = 4, .name = "in"});
  seen_step(fixture, plain, &(struct job_step){.number = 4, .description = "y"});
  seen_step(fixture, plain, &(struct job_step){.number = 5, .remove = true});
  int64_t newest = seen_step(fixture, plain, &(struct job_step){.number = 6, .name = "out"});
  pass_time(fixture, 11 * SECOND);
  // The last one does not concern it.
  wait_for_revision(client, newest - 1);
  assert_int_equal(message_at(client, 1)->changes->n_changes, 4);
  const struct {
    Jobgate__V1__ChangeKind kind;
    const char *before;
  } expected[] = {{UPDATED, "in"}, {LEFT, "in"}, {ENTERED, "out"}, {DELETED, "in"}};
  for (size_t i = 0; i < JG_COUNT(expected); i++) {
    const Jobgate__V1__JobChange *change = change_at(client, 1, i);
    assert_int_equal(change->kind, expected[i].kind);
    assert_string_equal(change->before->name, expected[i].before);
    assert_string_equal(change->before->description, "");
  }
  client_close(client);
  client_close(plain);
  fixture_destroy(fixture);
}

/* What a job was in the middle of a gathered message is not in it: who comes there reads it from the log. */
static void whoever_joins_in_the_middle_misses_nothing(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *plain = watch_now(fixture);
  struct client *early = watch(fixture, NULL, "", 10);
  seen_step(fixture, plain, &(struct job_step){.number = 1, .name = "a"});
  int64_t middle = seen_step(fixture, plain, &(struct job_step){.number = 2, .name = "b"});
  // Both jobs are there when it begins.
  struct client *late = watch(fixture, NULL, "", 10);
  assert_int_equal(message_at(late, 0)->opened->revision, middle);
  seen_step(fixture, plain, &(struct job_step){.number = 1, .remove = true});
  int64_t newest = seen_step(fixture, plain, &(struct job_step){.number = 2, .name = "c"});
  pass_time(fixture, 11 * SECOND);
  wait_for_revision(early, newest);
  wait_for_revision(late, newest);
  assert_int_equal(check_changes(early, 0, NULL, NULL), 1);
  assert_int_equal(change_at(early, 1, 0)->kind, CREATED);
  assert_int_equal(check_changes(late, middle, NULL, NULL), 2);
  assert_int_equal(change_at(late, 1, 0)->kind, DELETED);
  assert_int_equal(change_at(late, 1, 1)->kind, UPDATED);
  // From now on both take the same messages.
  int64_t pages = metric(fixture, "jobgate_watch_catch_up_pages_total");
  newest = seen_step(fixture, plain, &(struct job_step){.number = 3, .name = "d"});
  pass_time(fixture, 11 * SECOND);
  wait_for_revision(early, newest);
  wait_for_revision(late, newest);
  assert_int_equal(metric(fixture, "jobgate_watch_catch_up_pages_total"), pages);
  client_close(early);
  client_close(late);
  client_close(plain);
  fixture_destroy(fixture);
}

static void a_job_that_went_in_a_window_without_messages_is_told(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *plain = watch_now(fixture);
  struct client *early = watch(fixture, NULL, "", 10);
  seen_step(fixture, plain, &(struct job_step){.number = 1, .name = "a"});
  struct client *late = watch(fixture, NULL, "", 10);
  int64_t newest = seen_step(fixture, plain, &(struct job_step){.number = 1, .remove = true});
  pass_time(fixture, 11 * SECOND);
  wait_for_revision(late, newest);
  assert_int_equal(change_at(late, 1, 0)->kind, DELETED);
  assert_int_equal(check_changes(early, 0, NULL, NULL), 0);
  client_close(early);
  client_close(late);
  client_close(plain);
  fixture_destroy(fixture);
}

static void old_changes_are_gathered_at_once(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  const char *start = token_at(fixture, 0);
  for (size_t i = 0; i < 1200; i++) {
    char text[16];
    (void)snprintf(text, sizeof(text), "%zu", i);
    step(fixture, &(struct job_step){.number = 1 + i % 3, .name = text});
  }
  struct client *client = watch(fixture, start, "", 60);
  // A tail that was there before, for the token, may meet the last change after the view: to that it is a new one, and waits.
  pass_time_to_revision(client, 1200);
  // At most three a page of the log.
  assert_in_range(check_changes(client, 0, NULL, NULL), 3, 12);
  client_close(client);
  fixture_destroy(fixture);
}

/* More than a view notes one by one, and more than one message holds. */
static void many_changes_are_gathered(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *plain = watch_now(fixture);
  struct client *client = watch(fixture, NULL, "", 10);
  struct client *filtered = watch(fixture, NULL, "description ne ''", 10);
  int64_t newest = 0;
  for (size_t i = 0; i < 3; i++) {
    newest = write_jobs(fixture, fixture->tenant, 1, 400, 20000);
    wait_for_revision(plain, newest);
    wait_for_rest(plain);
  }
  pass_time(fixture, 11 * SECOND);
  wait_for_revision(client, newest);
  wait_for_revision(filtered, newest);
  // 8 MB of jobs, which each come once or twice: no message may hold them all.
  assert_in_range(check_changes(client, 0, NULL, NULL), 400, 1200);
  assert_in_range(check_changes(filtered, 0, NULL, NULL), 400, 1200);
  client_close(client);
  client_close(filtered);
  client_close(plain);
  fixture_destroy(fixture);
}

static void windows_have_limits(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  const struct {
    int64_t seconds;
    int32_t nanos;
    bool taken;
  } cases[] = {{0, 0, true},   {0, 1, true},   {60, 0, true},          {60, 1, false},       {61, 0, false},
               {-1, 0, false}, {1, -1, false}, {1, 1000000000, false}, {INT64_MAX, 0, false}};
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
    Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
    Google__Protobuf__Duration window = GOOGLE__PROTOBUF__DURATION__INIT;
    request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
    request.now = &now;
    request.coalesce_window = &window;
    window.seconds = cases[i].seconds;
    window.nanos = cases[i].nanos;
    struct client *client = client_open(fixture, fixture->tenant, &request, false);
    if (cases[i].taken) {
      wait_for_messages(client, 1);
    } else {
      wait_for_finish(client);
      assert_int_equal(client->status.code, JG_INVALID_ARGUMENT);
      assert_string_equal(client->status.details->violations[0].field, "coalesce_window");
    }
    client_close(client);
  }
  fixture_destroy(fixture);
}

/* Windows that are open, due or being read when their streams go. */
static void views_go_while_they_gather(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *plain = watch_now(fixture);
  for (size_t i = 0; i < 30; i++) {
    struct client *client = watch(fixture, NULL, i % 2 == 0 ? "" : "name eq 'x'", 1);
    seen_step(fixture, plain, &(struct job_step){.number = i, .name = "x"});
    if (i % 3 != 0) {
      pass_time(fixture, 2 * SECOND);
    }
    client_close(client);
  }
  client_close(plain);
  fixture_destroy(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changes_of_a_job_come_as_one),
      cmocka_unit_test(what_came_and_went_is_not_shown),
      cmocka_unit_test(kinds_follow_the_states_around),
      cmocka_unit_test(whoever_joins_in_the_middle_misses_nothing),
      cmocka_unit_test(a_job_that_went_in_a_window_without_messages_is_told),
      cmocka_unit_test(old_changes_are_gathered_at_once),
      cmocka_unit_test(many_changes_are_gathered),
      cmocka_unit_test(windows_have_limits),
      cmocka_unit_test(views_go_while_they_gather),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
