/* Changes of embedded entities on streams that ask for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/fixture.h"

static const struct fixture_options defaults = {0};

static struct client *watch_entities(struct fixture *fixture, const char *filter, Jobgate__V1__JobView view) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  request.filter = (char *)(uintptr_t)filter;
  request.entity_changes = true;
  request.view = view;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 1);
  wait_for_rest(client);
  return client;
}

static const Jobgate__V1__JobChange *change_at(struct client *client, size_t message, size_t index) {
  const Jobgate__V1__WatchJobsResponse *response = message_at(client, message);
  assert_int_equal(response->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES);
  assert_true(index < response->changes->n_changes);
  return response->changes->changes[index];
}

static void entities_come_among_the_jobs(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_entities(fixture, "", JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC);
  struct client *jobs = watch_now(fixture);
  int64_t first = write_project_and_job(fixture, 5, false);
  wait_for_revision(client, first);
  const Jobgate__V1__JobChange *project = change_at(client, 1, 0);
  assert_int_equal(project->kind, JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED);
  assert_null(project->job);
  assert_int_equal(project->entity->entity_case, JOBGATE__V1__ANY_ENTITY__ENTITY_PROJECT);
  assert_string_equal(project->entity->project->reference_back_office, "P5");
  assert_false(project->transaction_last);
  assert_true(project->commit_time->seconds > 1700000000);
  const Jobgate__V1__JobChange *job = change_at(client, 1, 1);
  assert_null(job->entity);
  assert_string_equal(job->job->project_id, project->entity->project->id);
  assert_true(job->transaction_last);
  assert_int_equal(job->revision, project->revision + 1);

  // The job does not change with its project.
  int64_t second = write_project(fixture, 5);
  wait_for_revision(client, second);
  const Jobgate__V1__JobChange *updated = change_at(client, 2, 0);
  assert_int_equal(updated->kind, JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED);
  assert_int_equal(updated->changed_fields->n_paths, 1);
  assert_true(updated->transaction_last);
  assert_int_equal(message_at(client, 2)->changes->n_changes, 1);
  int64_t third = write_jobs(fixture, fixture->tenant, 9, 1, 1);
  wait_for_revision(jobs, third);
  assert_int_equal(check_changes(jobs, 0, NULL, NULL), 2);
  client_close(client);
  client_close(jobs);
  fixture_destroy(fixture);
}

static void a_filter_does_not_hide_them(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_entities(fixture, "name eq 'none'", JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL);
  write_jobs(fixture, fixture->tenant, 1, 1, 1);
  // The job behind the entity in one request is not shown, so the entity is the last one.
  wait_for_revision(client, write_project_and_job(fixture, 5, false) - 1);
  assert_int_equal(check_changes(client, 0, NULL, NULL), 1);
  assert_true(change_at(client, 1, 0)->transaction_last);
  assert_int_equal(parse_token(message_at(client, 1)->changes->resume_token).revision, 3);
  client_close(client);
  fixture_destroy(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entities_come_among_the_jobs),
      cmocka_unit_test(a_filter_does_not_hide_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
