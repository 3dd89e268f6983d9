/* What a stream brings: its messages, its refusals, its promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

static const struct fixture_options defaults = {0};

static const Jobgate__V1__JobChange *change_at(struct client *client, size_t message, size_t index) {
  const Jobgate__V1__WatchJobsResponse *response = message_at(client, message);
  assert_int_equal(response->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES);
  assert_true(index < response->changes->n_changes);
  return response->changes->changes[index];
}

static void every_kind_of_change(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_now(fixture);
  const Jobgate__V1__WatchJobsResponse *first = message_at(client, 0);
  assert_int_equal(first->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_OPENED);
  assert_int_equal(first->opened->revision, 0);
  assert_int_equal(first->opened->heartbeat_interval->seconds, 15);
  assert_int_equal(strlen(first->opened->stream_id), JG_UUID_TEXT_LEN);
  assert_int_equal(parse_token(first->opened->resume_token).revision, 0);

  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 10));
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 1, 1, 20));
  wait_for_revision(client, delete_job(fixture, 1));
  const char *token = NULL;
  assert_int_equal(check_changes(client, 0, NULL, &token), 3);
  assert_int_equal(parse_token(token).revision, 3);
  struct jg_uuid epoch;
  assert_true(jg_uuid_parse(jg_str_from_cstr(first->opened->epoch), &epoch));
  assert_true(jg_uuid_equal(epoch, parse_token(token).epoch));

  const Jobgate__V1__JobChange *created = change_at(client, 1, 0);
  assert_int_equal(created->kind, JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED);
  assert_int_equal(created->revision, 1);
  assert_true(created->commit_time->seconds > 1700000000);
  assert_string_equal(created->job->name, "a job");
  assert_int_equal(strlen(created->job->description), 10);
  assert_int_equal(created->job->revision, 1);
  assert_string_not_equal(created->job->etag, "");
  assert_null(created->changed_fields);
  assert_true(created->transaction_last);
  assert_string_equal(created->traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

  const Jobgate__V1__JobChange *updated = change_at(client, 2, 0);
  assert_int_equal(updated->kind, JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED);
  assert_int_equal(strlen(updated->job->description), 20);
  assert_int_equal(updated->changed_fields->n_paths, 1);
  assert_string_equal(updated->changed_fields->paths[0], "description");

  const Jobgate__V1__JobChange *deleted = change_at(client, 3, 0);
  assert_int_equal(deleted->kind, JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED);
  assert_string_equal(deleted->job->id, created->job->id);
  Jobgate__V1__Job alone = JOBGATE__V1__JOB__INIT;
  alone.id = deleted->job->id;
  assert_int_equal(jobgate__v1__job__get_packed_size(deleted->job), jobgate__v1__job__get_packed_size(&alone));
  assert_null(deleted->changed_fields);
  assert_string_equal(deleted->traceparent, "");
  client_close(client);
  fixture_destroy(fixture);
}

static void views(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  const char *start = token_at(fixture, 0);
  struct client *basic = watch_from(fixture, start, JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC);
  struct client *full = watch_from(fixture, start, JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL);
  wait_for_messages(basic, 1);
  wait_for_messages(full, 1);
  int64_t revision = write_project_and_job(fixture, 5, false);
  assert_int_equal(revision, 2);
  // By the tail, and by the log.
  struct client *late = watch_from(fixture, start, JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL);
  wait_for_revision(basic, revision);
  wait_for_revision(full, revision);
  wait_for_revision(late, revision);
  struct client *const clients[] = {basic, full, late};
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    const Jobgate__V1__JobChange *change = change_at(clients[i], 1, 0);
    assert_int_equal(change->revision, 2);
    assert_string_equal(change->job->project_reference_back_office, "P5");
    if (i == 0) {
      assert_null(change->job->project);
    } else {
      assert_string_equal(change->job->project->reference_back_office, "P5");
      assert_string_equal(change->job->project->id, change->job->project_id);
    }
    assert_int_equal(check_changes(clients[i], 0, NULL, NULL), 1);
    client_close(clients[i]);
  }
  fixture_destroy(fixture);
}

/* ---- refusals ---- */

struct refusal {
  const char *what;
  enum { NO_START, NOW, TOKEN, SINCE } start;
  const char *token, *filter;
  int view;
  int64_t seconds; /* of the heartbeat interval or the time; 0: none */
  int32_t nanos;
  enum jg_code code;
  enum jg_reason reason;
  const char *field;
};

static void refusals(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  const struct refusal refused[] = {
      {"no start", NO_START, 0, 0, 0, 0, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "start"},
      {"since", SINCE, 0, 0, 0, 0, -1, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "since"},
      {"since nanos", SINCE, 0, 0, 0, 0, 1000000000, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "since"},
      {"since ever", SINCE, 0, 0, 0, INT64_MAX, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "since"},
      {"filter", NOW, 0, "name eq", 0, 0, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "filter"},
      {"embedded", NOW, 0, "project/name eq 'x'", 0, 0, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "filter"},
      {"view", NOW, 0, 0, 3, 0, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "view"},
      {"view below", NOW, 0, 0, -1, 0, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "view"},
      {"4.999999999 s", NOW, 0, 0, 0, 4, 999999999, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
       "heartbeat_interval"},
      {"300.000000001 s", NOW, 0, 0, 0, 300, 1, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "heartbeat_interval"},
      {"negative", NOW, 0, 0, 0, -15, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "heartbeat_interval"},
      {"nanos", NOW, 0, 0, 0, 15, 1000000000, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "heartbeat_interval"},
      {"huge", NOW, 0, 0, 0, INT64_MAX, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "heartbeat_interval"},
      {"empty token", TOKEN, "", 0, 0, 0, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "resume_token"},
      {"garbage", TOKEN, "abc", 0, 0, 0, 0, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "resume_token"},
  };
  for (size_t i = 0; i < JG_COUNT(refused); i++) {
    const struct refusal *c = &refused[i];
    Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
    Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Google__Protobuf__Duration interval = GOOGLE__PROTOBUF__DURATION__INIT;
    switch (c->start) {
      case NO_START:
        break;
      case NOW:
        request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
        request.now = &empty;
        break;
      case TOKEN:
        request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
        request.resume_token = (char *)(uintptr_t)c->token;
        break;
      case SINCE:
        request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_SINCE;
        request.since = &time;
        time.seconds = c->seconds;
        time.nanos = c->nanos;
        break;
    }
    request.filter = c->filter != NULL ? (char *)(uintptr_t)c->filter : request.filter;
    request.view = (Jobgate__V1__JobView)c->view;
    if (c->seconds != 0 && c->start != SINCE) {
      interval.seconds = c->seconds;
      interval.nanos = c->nanos;
      request.heartbeat_interval = &interval;
    }
    print_message("%s\n", c->what);
    struct client *client = client_open(fixture, fixture->tenant, &request, false);
    wait_for_finish(client);
    assert_int_equal(client->status.code, c->code);
    assert_int_equal(client->status.reason, c->reason);
    assert_int_equal(client->status.details->violation_count, 1);
    assert_string_equal(client->status.details->violations[0].field, c->field);
    assert_int_equal(message_count(client), 0);
    client_close(client);
  }
  assert_int_equal(metric(fixture, "jobgate_watch_streams"), 0);
  fixture_destroy(fixture);
}

static void tokens_of_elsewhere(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  int64_t newest = write_jobs(fixture, fixture->tenant, 1, 10, 10);
  const struct jg_token good = parse_token(token_at(fixture, newest));
  run_sql(fixture, "DELETE FROM changes WHERE revision <= 3; UPDATE tenants SET oldest_revision = 4");
  struct {
    struct jg_token token;
    enum jg_code code;
    enum jg_reason reason;
  } cases[] = {
      {good, JG_OK, JG_REASON_NONE},
      {good, JG_OK, JG_REASON_NONE},
      {good, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST},
      {good, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST},
      {good, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST},
      {good, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN},
      {good, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN},
  };
  cases[1].token.revision = 3;           // the next one is the oldest kept
  cases[2].token.revision = 2;           // compacted
  cases[3].token.revision = newest + 1;  // ahead
  cases[4].token.epoch.bytes[0] ^= 1;
  cases[5].token.tenant++;
  cases[6].token.filter_hash = 1;
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    char text[JG_TOKEN_TEXT_MAX + 1];
    text[jg_token_format(&cases[i].token, text)] = '\0';
    struct client *client = watch_from(fixture, text, JOBGATE__V1__JOB_VIEW__JOB_VIEW_UNSPECIFIED);
    if (cases[i].code == JG_OK) {
      wait_for_messages(client, 1);
      assert_int_equal(message_at(client, 0)->opened->revision, cases[i].token.revision);
    } else {
      wait_for_finish(client);
      assert_int_equal(message_count(client), 0);
      assert_int_equal(client->status.code, cases[i].code);
      assert_int_equal(client->status.reason, cases[i].reason);
    }
    if (cases[i].code == JG_OUT_OF_RANGE) {
      assert_int_equal(client->status.details->oldest_revision, 4);
      assert_int_equal(client->status.details->newest_revision, newest);
      assert_true(client->status.details->retry_delay_ms > 0);
    }
    client_close(client);
  }
  fixture_destroy(fixture);
}

static void too_many_streams(void **state) {
  (void)state;
  const struct fixture_options options = {.streams_max = 2};
  struct fixture *fixture = fixture_create(&options);
  struct client *first = watch_now(fixture);
  struct client *second = watch_now(fixture);
  const char *token = message_at(first, 0)->opened->resume_token;
  struct client *third = watch_from(fixture, token, JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL);
  wait_for_finish(third);
  assert_int_equal(third->status.code, JG_RESOURCE_EXHAUSTED);
  assert_int_equal(third->status.reason, JG_REASON_OVERLOADED);
  assert_true(third->status.details->retry_delay_ms > 0);
  client_close(third);
  client_close(second);
  while (jg_hub_stream_count(fixture->hub) > 1) {
    JG_ASSERT(sched_yield() == 0);
  }
  client_close(watch_now(fixture));
  client_close(first);
  fixture_destroy(fixture);
}

/* ---- promises ---- */

#define LOG_MAX 400

/* Requests of every size, entities between them, before them and behind them. Returns the newest revision. */
static int64_t write_history(struct fixture *fixture) {
  int64_t revision = 0;
  for (uint64_t i = 0; i < 20; i++) {
    revision = write_jobs(fixture, fixture->tenant, i, 1 + i % 4, 50);
    if (i % 3 == 0) {
      revision = write_project(fixture, i);
    }
    if (i % 5 == 0) {
      revision = write_project_and_job(fixture, 1000 + i, i % 2 == 0);
    }
    if (i % 7 == 6) {
      revision = delete_job(fixture, i);
    }
  }
  assert_true(revision < LOG_MAX);
  return revision;
}

static void resume_at_every_revision(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *live = watch_now(fixture);
  const char *start = message_at(live, 0)->opened->resume_token;
  int64_t newest = write_history(fixture);
  wait_for_revision(live, newest - 2);
  newest = write_jobs(fixture, fixture->tenant, 1, 1, 50);
  wait_for_revision(live, newest);
  int64_t all[LOG_MAX];
  size_t count = check_changes(live, 0, all, NULL);
  struct jg_token token = parse_token(start);
  for (int64_t revision = 0; revision <= newest; revision++) {
    token.revision = revision;
    char text[JG_TOKEN_TEXT_MAX + 1];
    text[jg_token_format(&token, text)] = '\0';
    struct client *client = watch_from(fixture, text, JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC);
    wait_for_messages(client, 1);
    size_t skipped = 0;
    while (skipped < count && all[skipped] <= revision) {
      skipped++;
    }
    if (skipped < count) {
      wait_for_revision(client, newest);
    }
    int64_t got[LOG_MAX];
    assert_int_equal(check_changes(client, revision, got, NULL), count - skipped);
    assert_memory_equal(got, all + skipped, (count - skipped) * sizeof(got[0]));
    client_close(client);
  }
  client_close(live);
  fixture_destroy(fixture);
}

static void a_request_is_one_message(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *live = watch_now(fixture);
  const char *start = message_at(live, 0)->opened->resume_token;
  wait_for_revision(live, write_jobs(fixture, fixture->tenant, 1, 5, 100));
  // A job's change whose request ends with an entity's: the last one that is shown says so.
  int64_t newest = write_project_and_job(fixture, 50, true);
  wait_for_revision(live, newest - 1);
  struct client *late = watch_from(fixture, start, JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC);
  wait_for_revision(late, newest - 1);
  assert_int_equal(message_at(live, 1)->changes->n_changes, 5);
  assert_int_equal(parse_token(message_at(live, 1)->changes->resume_token).revision, 5);
  assert_int_equal(parse_token(message_at(live, 2)->changes->resume_token).revision, newest);
  struct client *const clients[] = {live, late};
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    const Jobgate__V1__WatchChanges *changes = message_at(clients[i], 1)->changes;
    for (size_t j = 0; j < 5; j++) {
      assert_int_equal(changes->changes[j]->transaction_last, j == 4);
    }
    assert_int_equal(check_changes(clients[i], 0, NULL, NULL), 6);
    client_close(clients[i]);
  }
  fixture_destroy(fixture);
}

static void a_request_beyond_a_message_is_split(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *live = watch_now(fixture);
  const char *start = message_at(live, 0)->opened->resume_token;
  (void)write_jobs(fixture, fixture->tenant, 1000, 3, 100);
  (void)write_jobs(fixture, fixture->tenant, 1, 90, 100000);
  int64_t newest = write_jobs(fixture, fixture->tenant, 2000, 1, 100);
  wait_for_revision(live, newest);
  struct client *late = watch_from(fixture, start, JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC);
  wait_for_revision(late, newest);
  struct client *const clients[] = {live, late};
  for (size_t i = 0; i < JG_COUNT(clients); i++) {
    assert_int_equal(check_changes(clients[i], 0, NULL, NULL), 94);
    size_t without = 0;
    for (size_t j = 1; j < message_count(clients[i]); j++) {
      without += message_at(clients[i], j)->changes->resume_token[0] == '\0';
    }
    assert_in_range(without, 2, 4);
    client_close(clients[i]);
  }
  // Resumed in the middle of it, as a replica's stream would be that another one had split elsewhere.
  struct client *middle = watch_from(fixture, token_at(fixture, 40), JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC);
  wait_for_revision(middle, newest);
  assert_int_equal(check_changes(middle, 40, NULL, NULL), 54);
  client_close(middle);
  fixture_destroy(fixture);
}

static void a_job_beyond_a_message_is_named_only(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_now(fixture);
  (void)write_jobs(fixture, fixture->tenant, 1, 1, 4u << 20);
  int64_t newest = write_jobs(fixture, fixture->tenant, 2, 1, 10);
  wait_for_revision(client, newest);
  const Jobgate__V1__JobChange *change = change_at(client, 1, 0);
  assert_int_equal(change->job->revision, 1);
  assert_string_not_equal(change->job->etag, "");
  assert_string_not_equal(change->job->id, "");
  assert_string_equal(change->job->name, "");
  assert_int_equal(check_changes(client, 0, NULL, NULL), 2);
  client_close(client);
  fixture_destroy(fixture);
}

static void tenants_are_apart(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  int64_t other = 0;
  assert_true(jg_status_ok(jg_store_tenant(fixture->store, JG_STR("other"), true, &fixture->arena, &other)));
  struct client *client = watch_now(fixture);
  (void)write_jobs(fixture, other, 1, 7, 10);
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  struct client *theirs = client_open(fixture, other, &request, false);
  wait_for_messages(theirs, 1);
  assert_int_equal(message_at(theirs, 0)->opened->revision, 7);
  wait_for_revision(client, write_jobs(fixture, fixture->tenant, 100, 2, 10));
  wait_for_revision(theirs, write_jobs(fixture, other, 200, 1, 10));
  assert_int_equal(check_changes(client, 0, NULL, NULL), 2);
  assert_int_equal(check_changes(theirs, 7, NULL, NULL), 1);
  client_close(theirs);
  client_close(client);
  fixture_destroy(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_change),
      cmocka_unit_test(views),
      cmocka_unit_test(refusals),
      cmocka_unit_test(tokens_of_elsewhere),
      cmocka_unit_test(too_many_streams),
      cmocka_unit_test(resume_at_every_revision),
      cmocka_unit_test(a_request_is_one_message),
      cmocka_unit_test(a_request_beyond_a_message_is_split),
      cmocka_unit_test(a_job_beyond_a_message_is_named_only),
      cmocka_unit_test(tenants_are_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
