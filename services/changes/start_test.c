/* Where a stream can start: a time, a snapshot, the middle of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

#define NS_PER_SECOND INT64_C(1000000000)
#define TICKS_PER_SECOND INT64_C(10000000)

static const struct fixture_options defaults = {0};
static const struct fixture_options two_a_part = {.snapshot_page_jobs = 2};

static void is_job(const Jobgate__V1__Job *job, uint64_t number) {
  char text[JG_UUID_TEXT_LEN + 1];
  jg_uuid_format(job_id(number), text);
  text[JG_UUID_TEXT_LEN] = '\0';
  assert_string_equal(job->id, text);
}

static void is_token(const char *text, int64_t revision, bool in_snapshot) {
  struct jg_token token = parse_token(text);
  assert_int_equal(token.revision, revision);
  assert_int_equal(token.in_snapshot, in_snapshot);
}

/* ---- since ---- */

static struct client *watch_since(struct fixture *fixture, int64_t ticks, int32_t more_ns, bool reset) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Timestamp since = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  since.seconds = ticks / TICKS_PER_SECOND;
  since.nanos = (int32_t)(ticks % TICKS_PER_SECOND) * 100 + more_ns;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE;
  request.since = &since;
  request.snapshot_on_reset = reset;
  return client_open(fixture, fixture->tenant, &request, false);
}

static int64_t ticks_of(const Google__Protobuf__Timestamp *time) {
  return time->seconds * TICKS_PER_SECOND + time->nanos / 100;
}

static void since_a_time(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *live = watch_now(fixture);
  (void)write_jobs(fixture, fixture->tenant, 1, 1, 10);
  (void)write_jobs(fixture, fixture->tenant, 2, 3, 10);  // each job has its own stamp
  int64_t newest = write_jobs(fixture, fixture->tenant, 9, 1, 10);
  wait_for_revision(live, newest);
  int64_t first = ticks_of(changes_at(live, 1)->changes[0]->commit_time);
  const Jobgate__V1__WatchChanges *end = changes_at(live, message_count(live) - 1);
  int64_t last = ticks_of(end->changes[end->n_changes - 1]->commit_time);
  const struct {
    int64_t ticks;
    int32_t more_ns;
    int64_t revision; /* behind which it starts */
  } cases[] = {
      {0, 0, 0},          // before everything
      {first, 0, 0},      // at it
      {first, 1, 1},      // the first whole tick after it
      {first + 1, 0, 1},  // and so
      {last, 0, newest - 1},
      {last, 99, newest},
      {last + TICKS_PER_SECOND, 0, newest},  // to come
  };
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    struct client *client = watch_since(fixture, cases[i].ticks, cases[i].more_ns, false);
    wait_for_messages(client, 1);
    assert_int_equal(message_at(client, 0)->opened->revision, cases[i].revision);
    is_token(message_at(client, 0)->opened->resume_token, cases[i].revision, false);
    if (cases[i].revision < newest) {
      wait_for_revision(client, newest);
    }
    assert_int_equal(check_changes(client, cases[i].revision, NULL, NULL), newest - cases[i].revision);
    client_close(client);
  }
  client_close(live);
  fixture_destroy(fixture);
}

static void since_a_time_that_was_trimmed(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  int64_t newest = 0;
  for (uint64_t i = 1; i <= 9; i++) {
    newest = write_jobs(fixture, fixture->tenant, i, 1, 10);
  }
  trim_log(fixture, 3);
  struct client *client = watch_since(fixture, 0, 0, false);
  wait_for_finish(client);
  assert_int_equal(client->status.code, JG_OUT_OF_RANGE);
  assert_int_equal(client->status.reason, JG_REASON_HISTORY_LOST);
  assert_int_equal(client->status.details->oldest_revision, 4);
  assert_int_equal(client->status.details->newest_revision, newest);
  client_close(client);
  client = watch_since(fixture, 0, 0, true);
  wait_for_messages(client, 4);
  const Jobgate__V1__WatchReset *reset = message_at(client, 1)->reset;
  assert_string_equal(reset->reason, "HISTORY_LOST");
  assert_int_equal(reset->oldest_revision, 4);
  assert_int_equal(reset->newest_revision, newest);
  assert_int_equal(part_at(client, 2)->n_jobs, 9);
  assert_int_equal(synced_at(client, 3)->revision, newest);
  client_close(client);
  fixture_destroy(fixture);
}

/* ---- snapshot ---- */

static void snapshot_of_nothing(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_snapshot(fixture, false);
  wait_for_messages(client, 2);
  assert_int_equal(message_at(client, 0)->opened->revision, 0);
  is_token(message_at(client, 0)->opened->resume_token, 0, true);
  assert_int_equal(synced_at(client, 1)->revision, 0);
  is_token(synced_at(client, 1)->resume_token, 0, false);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  assert_int_equal(check_changes(client, 0, NULL, NULL), 1);
  client_close(client);
  fixture_destroy(fixture);
}

static void snapshot_then_live(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&two_a_part);
  (void)write_jobs(fixture, fixture->tenant, 1, 6, 10);
  int64_t newest = delete_job(fixture, 2);
  struct client *client = watch_snapshot(fixture, false);
  wait_for_messages(client, 5);
  assert_int_equal(message_at(client, 0)->opened->revision, newest);
  const uint64_t numbers[] = {1, 3, 4, 5, 6};
  size_t n = 0;
  for (size_t i = 1; i <= 3; i++) {
    const Jobgate__V1__WatchSnapshot *part = part_at(client, i);
    is_token(part->resume_token, newest, true);
    for (size_t j = 0; j < part->n_jobs; j++) {
      is_job(part->jobs[j], numbers[n]);
      assert_int_equal(part->jobs[j]->revision, numbers[n]);
      assert_true(part->jobs[j]->etag[0] != '\0');
      n++;
    }
  }
  assert_int_equal(n, 5);
  assert_int_equal(synced_at(client, 4)->revision, newest);
  is_token(synced_at(client, 4)->resume_token, newest, false);
  int64_t next = write_jobs(fixture, fixture->tenant, 3, 1, 20);
  wait_for_revision(client, next);
  assert_int_equal(check_changes(client, newest, NULL, NULL), 1);
  assert_int_equal(metric(fixture, "jobgate_watch_snapshot_parts_total"), 3);
  client_close(client);
  fixture_destroy(fixture);
}

static void snapshot_in_a_full_view(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  int64_t newest = write_project_and_job(fixture, 5, false);
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty snapshot = GOOGLE__PROTOBUF__EMPTY__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT;
  request.snapshot = &snapshot;
  request.view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 3);
  assert_string_equal(part_at(client, 1)->jobs[0]->project->reference_back_office, "P5");
  assert_int_equal(synced_at(client, 2)->revision, newest);
  client_close(client);
  fixture_destroy(fixture);
}

static void snapshot_of_a_filter(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&two_a_part);
  for (uint64_t i = 1; i <= 9; i++) {
    const struct job_step step = {.number = i, .name = i % 3 == 0 ? "in" : "out", .description = "long"};
    (void)write_steps(fixture, &step, 1);
  }
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty snapshot = GOOGLE__PROTOBUF__EMPTY__INIT;
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  char name[] = "name";
  char filter[] = "name eq 'in'";
  char *paths[] = {name};
  mask.paths = paths;
  mask.n_paths = 1;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT;
  request.snapshot = &snapshot;
  request.filter = filter;
  request.read_mask = &mask;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 4);
  assert_int_equal(part_at(client, 1)->n_jobs, 2);
  assert_int_equal(part_at(client, 2)->n_jobs, 1);
  is_job(part_at(client, 1)->jobs[1], 6);
  assert_string_equal(part_at(client, 1)->jobs[1]->name, "in");
  assert_string_equal(part_at(client, 1)->jobs[1]->description, "");
  assert_int_equal(synced_at(client, 3)->revision, 9);
  client_close(client);
  fixture_destroy(fixture);
}

/* 256 KiB make a message; a job beyond any message goes as its id. */
static void parts_are_messages(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  (void)write_jobs(fixture, fixture->tenant, 1, 12, 100000);
  (void)write_jobs(fixture, fixture->tenant, 20, 1, (size_t)4 << 20);
  int64_t newest = write_jobs(fixture, fixture->tenant, 30, 1, 10);
  struct client *client = watch_snapshot(fixture, false);
  wait_for_messages(client, 7);
  const size_t counts[] = {3, 3, 3, 3};
  for (size_t i = 0; i < JG_COUNT(counts); i++) {
    assert_int_equal(part_at(client, i + 1)->n_jobs, counts[i]);
  }
  size_t rest = 0;
  size_t i = 5;
  for (; message_at(client, i)->event_case == JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SNAPSHOT; i++) {
    for (size_t j = 0; j < part_at(client, i)->n_jobs; j++) {
      const Jobgate__V1__Job *job = part_at(client, i)->jobs[j];
      is_job(job, rest == 0 ? 20 : 30);
      assert_string_equal(job->description, rest == 0 ? "" : "xxxxxxxxxx");
      assert_int_equal(job->revision, rest == 0 ? 13 : 14);
      rest++;
    }
    wait_for_messages(client, i + 2);
  }
  assert_int_equal(rest, 2);
  assert_int_equal(synced_at(client, i)->revision, newest);
  client_close(client);
  fixture_destroy(fixture);
}

/* Between two parts: what changes of jobs that were sent goes before the next part, what changes of the others goes into it. */
static void changes_between_parts(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&two_a_part);
  (void)write_jobs(fixture, fixture->tenant, 1, 6, 10);
  struct client *client = watch_snapshot(fixture, true);
  wait_for_messages(client, 1);
  client_step(client);
  wait_for_messages(client, 2);  // jobs 1 and 2 are out
  assert_int_equal(part_at(client, 1)->n_jobs, 2);
  (void)write_jobs(fixture, fixture->tenant, 2, 2, 20);  // 7: job 2, sent; 8: job 3, not yet
  (void)delete_job(fixture, 1);                          // 9: sent
  (void)delete_job(fixture, 4);                          // 10: not yet
  int64_t newest = write_jobs(fixture, fixture->tenant, 7, 1, 10);
  client_release(client);
  wait_for_messages(client, 6);
  const Jobgate__V1__WatchChanges *changes = changes_at(client, 2);
  assert_int_equal(changes->n_changes, 2);
  is_job(changes->changes[0]->job, 2);
  assert_int_equal(changes->changes[0]->revision, 7);
  assert_true(changes->changes[0]->transaction_last);  // of what is sent of the request
  is_job(changes->changes[1]->job, 1);
  assert_int_equal(changes->changes[1]->kind, JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED);
  is_token(changes->resume_token, newest, true);
  is_job(part_at(client, 3)->jobs[0], 3);
  assert_int_equal(part_at(client, 3)->jobs[0]->revision, 8);
  is_job(part_at(client, 3)->jobs[1], 5);
  is_job(part_at(client, 4)->jobs[0], 6);
  is_job(part_at(client, 4)->jobs[1], 7);
  assert_int_equal(synced_at(client, 5)->revision, newest);
  client_close(client);
  fixture_destroy(fixture);
}

/* From the token of each message of a snapshot the rest of it comes, and nothing that was sent. */
static void tokens_in_the_middle(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&two_a_part);
  (void)write_jobs(fixture, fixture->tenant, 1, 6, 10);
  struct client *first = watch_snapshot(fixture, false);
  wait_for_messages(first, 5);
  int64_t newest = write_jobs(fixture, fixture->tenant, 1, 6, 20);
  for (size_t i = 0; i <= 3; i++) {
    const char *token = i == 0 ? message_at(first, 0)->opened->resume_token : part_at(first, i)->resume_token;
    struct client *client = watch_from(fixture, token, 0);
    size_t at = 1;
    if (i > 0) {
      wait_for_messages(client, 2);
      const Jobgate__V1__WatchChanges *changes = changes_at(client, 1);
      assert_int_equal(changes->n_changes, 2 * i);
      for (size_t j = 0; j < 2 * i; j++) {
        is_job(changes->changes[j]->job, 1 + j);
      }
      at = 2;
    }
    wait_for_messages(client, at + 3 - i + 1);
    for (size_t j = i; j < 3; j++) {
      const Jobgate__V1__WatchSnapshot *part = part_at(client, at++);
      assert_int_equal(part->n_jobs, 2);
      is_job(part->jobs[0], 1 + 2 * j);
      assert_int_equal(part->jobs[0]->revision, 7 + 2 * j);
    }
    assert_int_equal(synced_at(client, at)->revision, newest);
    client_close(client);
  }
  client_close(first);
  fixture_destroy(fixture);
}

/* ---- turns ---- */

static void open_at_rest(struct fixture *fixture, struct client **clients, size_t count) {
  for (size_t i = 0; i < count; i++) {
    clients[i] = watch_snapshot(fixture, true);
    wait_for_messages(clients[i], 1);
  }
}

static void those_who_wait_get_bookmarks(void **state) {
  (void)state;
  const struct fixture_options options = {.snapshot_page_jobs = 2, .snapshot_reads_max = 1};
  struct fixture *fixture = fixture_create(&options);
  int64_t newest = write_jobs(fixture, fixture->tenant, 1, 6, 10);
  struct client *clients[3];
  open_at_rest(fixture, clients, JG_COUNT(clients));
  block_readers(fixture);
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    client_release(clients[i]);
    wait_for_rest(clients[i]);
  }
  while (metric(fixture, "jobgate_watch_snapshots_waiting") < 2) {
    JG_ASSERT(sched_yield() == 0);
  }
  assert_int_equal(metric(fixture, "jobgate_watch_streams_reading"), 1);
  pass_time(fixture, 15 * NS_PER_SECOND);
  for (size_t i = 1; i < JG_COUNT(clients); i++) {
    wait_for_messages(clients[i], 2);
    const Jobgate__V1__WatchJobsResponse *message = message_at(clients[i], 1);
    assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK);
    is_token(message->bookmark->resume_token, newest, true);
  }
  while (metric(fixture, "jobgate_watch_snapshots_waiting") < 2) {
    JG_ASSERT(sched_yield() == 0);
  }
  // One that goes away gives up its place.
  client_close(clients[1]);
  assert_int_equal(metric(fixture, "jobgate_watch_snapshots_waiting"), 1);
  unblock_readers(fixture);
  wait_for_messages(clients[0], 5);
  assert_int_equal(synced_at(clients[0], 4)->revision, newest);
  wait_for_messages(clients[2], 6);
  assert_int_equal(synced_at(clients[2], 5)->revision, newest);
  assert_int_equal(metric(fixture, "jobgate_watch_snapshots_waiting"), 0);
  client_close(clients[0]);
  client_close(clients[2]);
  fixture_destroy(fixture);
}

/* Whoever reads on and on and finds nothing is told that it is alive. */
static void bookmarks_while_nothing_matches(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  int64_t newest = write_jobs(fixture, fixture->tenant, 1, JG_JOB_SCAN_LOOKED_MAX + 10, 10);
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty snapshot = GOOGLE__PROTOBUF__EMPTY__INIT;
  char filter[] = "name eq 'none has it'";
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SNAPSHOT;
  request.snapshot = &snapshot;
  request.filter = filter;
  struct client *client = client_open(fixture, fixture->tenant, &request, true);
  wait_for_messages(client, 1);
  block_readers(fixture);
  client_release(client);
  while (metric(fixture, "jobgate_watch_streams_reading") == 0) {
    JG_ASSERT(sched_yield() == 0);
  }
  pass_time(fixture, 15 * NS_PER_SECOND);
  unblock_readers(fixture);
  wait_for_messages(client, 3);
  const Jobgate__V1__WatchJobsResponse *message = message_at(client, 1);
  assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK);
  is_token(message->bookmark->resume_token, newest, true);
  assert_true(parse_token(message->bookmark->resume_token).rid > 0);
  assert_int_equal(synced_at(client, 2)->revision, newest);
  client_close(client);
  fixture_destroy(fixture);
}

static void drain_in_a_snapshot(void **state) {
  (void)state;
  const struct fixture_options options = {.snapshot_page_jobs = 2, .snapshot_reads_max = 1};
  struct fixture *fixture = fixture_create(&options);
  int64_t newest = write_jobs(fixture, fixture->tenant, 1, 6, 10);
  struct client *out = watch_snapshot(fixture, true);
  wait_for_messages(out, 1);
  client_step(out);
  wait_for_messages(out, 2);
  struct client *clients[2];
  open_at_rest(fixture, clients, JG_COUNT(clients));
  block_readers(fixture);
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    client_release(clients[i]);
    wait_for_rest(clients[i]);
  }
  jg_hub_drain(fixture->hub);
  client_release(out);
  wait_for_finish(out);
  wait_for_finish(clients[1]);  // it waited for its turn
  unblock_readers(fixture);
  wait_for_finish(clients[0]);
  is_token(message_at(clients[0], 1)->drain->resume_token, newest, true);
  is_token(message_at(clients[1], 1)->drain->resume_token, newest, true);
  size_t last = message_count(out) - 1;
  struct jg_token token = parse_token(message_at(out, last)->drain->resume_token);
  assert_true(token.in_snapshot && token.rid > 0);
  client_close(out);
  client_close(clients[0]);
  client_close(clients[1]);
  fixture_destroy(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(since_a_time),
      cmocka_unit_test(since_a_time_that_was_trimmed),
      cmocka_unit_test(snapshot_of_nothing),
      cmocka_unit_test(snapshot_then_live),
      cmocka_unit_test(snapshot_in_a_full_view),
      cmocka_unit_test(snapshot_of_a_filter),
      cmocka_unit_test(parts_are_messages),
      cmocka_unit_test(changes_between_parts),
      cmocka_unit_test(tokens_in_the_middle),
      cmocka_unit_test(those_who_wait_get_bookmarks),
      cmocka_unit_test(bookmarks_while_nothing_matches),
      cmocka_unit_test(drain_in_a_snapshot),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
