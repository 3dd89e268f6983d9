/* What a filter lets through: which changes, of what kind, with which old values; and that the set a stream makes is the list's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/schema/schema.h"
#include "services/changes/fixture.h"
#include "services/filter/parse.h"

static const struct fixture_options defaults = {0};

#define CREATED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_CREATED
#define UPDATED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_UPDATED
#define DELETED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_DELETED
#define ENTERED JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_ENTERED
#define LEFT JOBGATE__V1__CHANGE_KIND__CHANGE_KIND_LEFT

static int64_t step(struct fixture *fixture, const struct job_step *one) {
  return write_steps(fixture, one, 1);
}

/* The n-th change that a client got. */
static const Jobgate__V1__JobChange *change_at(struct client *client, size_t n) {
  for (size_t i = 0; i < message_count(client); i++) {
    const Jobgate__V1__WatchJobsResponse *message = message_at(client, i);
    if (message->event_case != JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_CHANGES) {
      continue;
    }
    if (n < message->changes->n_changes) {
      return message->changes->changes[n];
    }
    n -= message->changes->n_changes;
  }
  fail_msg("%s", "there are fewer changes");
  return NULL;
}

static void check_kinds(struct client *client, const Jobgate__V1__ChangeKind *kinds, size_t count) {
  assert_int_equal(check_changes(client, 0, NULL, NULL), count);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(change_at(client, i)->kind, kinds[i]);
  }
}

static void jobs_enter_and_leave(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_filter(fixture, "name eq 'in'");
  step(fixture, &(struct job_step){.number = 1, .name = "out"});
  step(fixture, &(struct job_step){.number = 1, .name = "in"});
  step(fixture, &(struct job_step){.number = 1, .description = "more"});
  step(fixture, &(struct job_step){.number = 1, .name = "out", .description = "less"});
  step(fixture, &(struct job_step){.number = 1, .remove = true});
  step(fixture, &(struct job_step){.number = 2, .name = "in"});
  wait_for_revision(client, step(fixture, &(struct job_step){.number = 2, .remove = true}));
  const Jobgate__V1__ChangeKind kinds[] = {ENTERED, UPDATED, LEFT, CREATED, DELETED};
  check_kinds(client, kinds, JG_COUNT(kinds));

  const Jobgate__V1__JobChange *entered = change_at(client, 0);
  assert_string_equal(entered->job->name, "in");
  assert_string_equal(entered->before->name, "out");
  assert_string_equal(entered->before->id, "");
  assert_int_equal(entered->changed_fields->n_paths, 2);
  assert_true(entered->transaction_last);
  // The filter reads nothing of what changed.
  assert_string_equal(change_at(client, 1)->job->description, "more");
  assert_null(change_at(client, 1)->before);
  // As it is now: whoever leaves may be shown once more.
  const Jobgate__V1__JobChange *left = change_at(client, 2);
  assert_string_equal(left->job->name, "out");
  assert_string_equal(left->job->description, "less");
  assert_string_equal(left->before->name, "in");
  assert_string_equal(left->before->description, "");
  assert_int_equal(left->changed_fields->n_paths, 3);
  assert_null(change_at(client, 3)->before);
  assert_null(change_at(client, 3)->changed_fields);
  const Jobgate__V1__JobChange *deleted = change_at(client, 4);
  assert_string_equal(deleted->before->name, "in");
  assert_string_equal(deleted->job->name, "");
  client_close(client);
  fixture_destroy(fixture);
}

static void a_default_value_is_a_value(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_filter(fixture, "description eq ''");
  step(fixture, &(struct job_step){.number = 1, .name = "a"});
  step(fixture, &(struct job_step){.number = 1, .description = "b"});
  wait_for_revision(client, step(fixture, &(struct job_step){.number = 1, .description = ""}));
  const Jobgate__V1__ChangeKind kinds[] = {CREATED, LEFT, ENTERED};
  check_kinds(client, kinds, JG_COUNT(kinds));
  // It was empty, which is told by an empty job.
  assert_non_null(change_at(client, 1)->before);
  assert_string_equal(change_at(client, 1)->before->description, "");
  assert_string_equal(change_at(client, 2)->before->description, "b");
  client_close(client);
  fixture_destroy(fixture);
}

static void a_status_code_stands_for_its_id(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  char filter[128];
  (void)snprintf(filter, sizeof(filter), "job_status_code eq '%s'", jg_status_rows[1].code.data);
  struct client *client = watch_filter(fixture, filter);
  const char *zero = jg_status_rows[0].id.data;
  const char *one = jg_status_rows[1].id.data;
  step(fixture, &(struct job_step){.number = 1, .status_id = zero});
  step(fixture, &(struct job_step){.number = 1, .status_id = one});
  wait_for_revision(client, step(fixture, &(struct job_step){.number = 1, .status_id = zero}));
  const Jobgate__V1__ChangeKind kinds[] = {ENTERED, LEFT};
  check_kinds(client, kinds, JG_COUNT(kinds));
  assert_string_equal(change_at(client, 0)->before->job_status_code, jg_status_rows[0].code.data);
  assert_string_equal(change_at(client, 0)->before->job_status_id, zero);
  assert_string_equal(change_at(client, 0)->job->job_status_code, jg_status_rows[1].code.data);
  assert_string_equal(change_at(client, 1)->before->job_status_code, jg_status_rows[1].code.data);
  client_close(client);
  fixture_destroy(fixture);
}

static void the_last_change_that_is_shown_ends_its_request(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_filter(fixture, "name eq 'in'");
  const struct job_step steps[] = {{.number = 1, .name = "in"},
                                   {.number = 2, .name = "out"},
                                   {.number = 3, .name = "in"},
                                   {.number = 4, .name = "out"}};
  write_steps(fixture, steps, JG_COUNT(steps));
  wait_for_revision(client, step(fixture, &(struct job_step){.number = 5, .name = "in"}));
  assert_int_equal(check_changes(client, 0, NULL, NULL), 3);
  assert_false(change_at(client, 0)->transaction_last);
  assert_true(change_at(client, 1)->transaction_last);
  assert_int_equal(change_at(client, 1)->revision, 3);
  client_close(client);
  fixture_destroy(fixture);
}

static void a_bookmark_comes_where_nothing_matches(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_filter(fixture, "name eq 'never'");
  struct client *all = watch_now(fixture);
  int64_t newest = step(fixture, &(struct job_step){.number = 1, .name = "x"});
  wait_for_revision(all, newest);
  pass_time_to_revision(client, newest);
  assert_int_equal(check_changes(client, 0, NULL, NULL), 0);
  client_close(client);
  client_close(all);
  fixture_destroy(fixture);
}

static void a_token_fits_its_filter_in_any_spelling(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  struct client *client = watch_filter(fixture, "name eq 'in'");
  wait_for_revision(client, step(fixture, &(struct job_step){.number = 1, .name = "in"}));
  const char *token = NULL;
  check_changes(client, 0, NULL, &token);
  step(fixture, &(struct job_step){.number = 2, .name = "in"});
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_RESUME_TOKEN;
  request.resume_token = (char *)(uintptr_t)token;
  request.filter = (char *)(uintptr_t) "( name  eq 'in')";
  request.view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL;
  struct client *again = client_open(fixture, fixture->tenant, &request, false);
  wait_for_revision(again, 2);
  assert_int_equal(check_changes(again, 1, NULL, NULL), 1);
  client_close(again);

  request.filter = (char *)(uintptr_t) "name eq 'out'";
  struct client *other = client_open(fixture, fixture->tenant, &request, false);
  wait_for_finish(other);
  assert_int_equal(other->status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(other->status.reason, JG_REASON_INVALID_TOKEN);
  client_close(other);
  client_close(client);
  fixture_destroy(fixture);
}

static void a_filter_that_fails_ends_its_own_streams_alone(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  // Doubled so often that the text is too long for a run of the filter.
  const char *text = "description";
  for (size_t i = 0; i < 6; i++) {
    text = jg_arena_printf(&fixture->arena, "concat(%s,%s)", text, text);
    assert_non_null(text);
  }
  const char *filter = jg_arena_printf(&fixture->arena, "length(%s) eq 1", text);
  struct client *client = watch_filter(fixture, filter);
  struct client *other = watch_filter(fixture, "name eq 'in'");
  struct client *all = watch_now(fixture);
  char *long_text = jg_alloc((2u << 20) + 1);
  memset(long_text, 'x', 2u << 20);
  long_text[2u << 20] = '\0';
  int64_t newest = step(fixture, &(struct job_step){.number = 1, .name = "in", .description = long_text});
  jg_free(long_text);
  wait_for_revision(other, newest);
  wait_for_revision(all, newest);
  wait_for_finish(client);
  assert_int_equal(client->status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(client->status.reason, JG_REASON_LIMIT_EXCEEDED);
  client_close(client);
  client_close(other);
  client_close(all);
  fixture_destroy(fixture);
}

static void a_mask_leaves_the_id_and_what_it_names(void **state) {
  (void)state;
  struct fixture *fixture = fixture_create(&defaults);
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  char *paths[] = {(char *)(uintptr_t) "project"};
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  request.read_mask = &mask;
  mask.paths = paths;
  mask.n_paths = 1;
  struct client *project = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(project, 1);
  paths[0] = (char *)(uintptr_t) "revision";
  struct client *revision = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(revision, 1);
  int64_t newest = write_project_and_job(fixture, 7, false);
  wait_for_revision(project, newest);
  wait_for_revision(revision, newest);
  // An unspecified view brings the node that a mask names, as in GetJob.
  const Jobgate__V1__Job *job = change_at(project, 0)->job;
  assert_int_equal(strlen(job->id), JG_UUID_TEXT_LEN);
  assert_string_equal(job->name, "");
  assert_string_equal(job->project_id, "");
  assert_string_equal(job->project->reference_back_office, "P7");
  assert_int_equal(job->revision, 0);
  job = change_at(revision, 0)->job;
  assert_int_equal(strlen(job->id), JG_UUID_TEXT_LEN);
  assert_string_equal(job->name, "");
  assert_null(job->project);
  assert_int_equal(job->revision, newest);
  assert_string_equal(job->etag, "");
  client_close(project);
  client_close(revision);

  paths[0] = (char *)(uintptr_t) "parent_job";
  struct client *parent = client_open(fixture, fixture->tenant, &request, false);
  wait_for_finish(parent);
  assert_int_equal(parent->status.code, JG_INVALID_ARGUMENT);
  assert_string_equal(parent->status.details->violations[0].field, "read_mask");
  client_close(parent);
  fixture_destroy(fixture);
}

/* ---- the set that a stream makes is the set that a list shows ---- */

#define JOBS 40
#define REQUESTS 400

static const char *const filters[] = {
    "name eq 'a'",
    "name eq 'a' or name eq 'b'",
    "id2 gt 3 and description eq 'x'",
    "not (name eq 'c')",
    "job_status_code eq 'Planned' and id2 le 5",
    "contains(name,'b') or length(description) ge 1",
    "description eq '' and name ne ''",
};

static uint64_t next_random(uint64_t *seed) {
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *seed >> 33;
}

static const char *pick(uint64_t *seed, const char *const *texts, size_t count) {
  uint64_t i = next_random(seed) % (count + 1);
  return i < count ? texts[i] : NULL;
}

static void write_at_random(struct fixture *fixture, uint64_t *seed, bool exists[JOBS]) {
  static const char *const names[] = {"", "a", "b", "c", "ab"};
  static const char *const descriptions[] = {"", "x", "yy"};
  const char *statuses[4];
  for (size_t i = 0; i < JG_COUNT(statuses); i++) {
    statuses[i] = jg_status_rows[i].id.data;
  }
  struct job_step steps[4];
  size_t count = 1 + next_random(seed) % JG_COUNT(steps);
  for (size_t i = 0; i < count; i++) {
    uint64_t number = next_random(seed) % JOBS;
    bool remove = exists[number] && next_random(seed) % 5 == 0;
    steps[i] = (struct job_step){.number = number,
                                 .name = pick(seed, names, JG_COUNT(names)),
                                 .description = pick(seed, descriptions, JG_COUNT(descriptions)),
                                 .status_id = pick(seed, statuses, JG_COUNT(statuses)),
                                 .id2 = (int32_t)(next_random(seed) % 8),
                                 .remove = remove};
    exists[number] = !remove;
  }
  write_steps(fixture, steps, count);
}

/* Applies a stream to a set. A change that cannot happen to it fails. */
static void fold(struct client *client, bool in[JOBS]) {
  size_t count = check_changes(client, 0, NULL, NULL);
  for (size_t i = 0; i < count; i++) {
    const Jobgate__V1__JobChange *change = change_at(client, i);
    struct jg_uuid id;
    assert_true(jg_uuid_parse(jg_str_from_cstr(change->job->id), &id));
    size_t number = id.bytes[15];
    assert_true(number < JOBS);
    bool enters = change->kind == CREATED || change->kind == ENTERED;
    assert_int_equal(in[number], !enters);
    in[number] = enters || change->kind == UPDATED;
  }
}

struct listing {
  struct jg_store_read read;
  struct fixture *fixture;
  const char *filter;
  bool in[JOBS];
  bool done;
};

static void run_listing(struct jg_txn *txn, struct jg_status begun, void *data) {
  struct listing *listing = data;
  JG_ASSERT(jg_status_ok(begun));
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 24);
  const struct jg_filter_options options = {.entity = jg_entity(JG_KIND_JOB), .field = "filter"};
  const struct jg_filter *filter = NULL;
  JG_ASSERT(jg_status_ok(jg_filter_parse(jg_str_from_cstr(listing->filter), &options, &arena, &filter)));
  const struct jg_job_query query = {.limit = 1000, .bytes_max = 1u << 24, .filter = filter};
  struct jg_job_rows rows;
  JG_ASSERT(jg_status_ok(jg_txn_job_list(txn, &query, &arena, &rows)));
  for (size_t i = 0; i < rows.count; i++) {
    listing->in[rows.rows[i].id.bytes[15]] = true;
  }
  jg_arena_done(&arena);
  fixture_lock(listing->fixture);
  listing->done = true;
  fixture_tell(listing->fixture);
  fixture_unlock(listing->fixture);
}

static void check_listing(struct fixture *fixture, const char *filter, const bool in[JOBS]) {
  struct listing listing = {.fixture = fixture, .filter = filter};
  listing.read = (struct jg_store_read){.tenant = fixture->tenant, .run = run_listing, .data = &listing};
  assert_true(jg_status_ok(jg_store_submit_read(fixture->store, &listing.read)));
  const struct timespec until = fixture_deadline();
  fixture_lock(fixture);
  while (!listing.done) {
    fixture_await_change(fixture, &until);
  }
  fixture_unlock(fixture);
  for (size_t i = 0; i < JOBS; i++) {
    assert_int_equal(listing.in[i], in[i]);
  }
}

/* window_ms: of gathering; 0: none. */
static struct client *watch_gathered(struct fixture *fixture, const char *filter, int64_t window_ms) {
  Jobgate__V1__WatchJobsRequest request = JOBGATE__V1__WATCH_JOBS_REQUEST__INIT;
  Google__Protobuf__Empty now = GOOGLE__PROTOBUF__EMPTY__INIT;
  Google__Protobuf__Duration window = GOOGLE__PROTOBUF__DURATION__INIT;
  request.start_case = JOBGATE__V1__WATCH_JOBS_REQUEST__START_NOW;
  request.now = &now;
  request.filter = (char *)(uintptr_t)filter;
  request.coalesce_window = &window;
  window.seconds = window_ms / 1000;
  window.nanos = (int32_t)(window_ms % 1000) * 1000000;
  struct client *client = client_open(fixture, fixture->tenant, &request, false);
  wait_for_messages(client, 1);
  wait_for_rest(client);
  return client;
}

static void check_sets(const struct fixture_options *options, int64_t window_ms) {
  struct fixture *fixture = fixture_create(options);
  struct client *clients[JG_COUNT(filters)];
  for (size_t i = 0; i < JG_COUNT(filters); i++) {
    clients[i] = watch_gathered(fixture, filters[i], window_ms);
  }
  uint64_t seed = 7;
  bool exists[JOBS] = {false};
  for (size_t i = 0; i < REQUESTS; i++) {
    write_at_random(fixture, &seed, exists);
    if (window_ms > 0) {
      pass_time(fixture, INT64_C(100000000));
    }
  }
  int64_t newest = step(fixture, &(struct job_step){.number = 0, .name = "c"});
  for (size_t i = 0; i < JG_COUNT(filters); i++) {
    struct client *client = clients[i];
    pass_time_to_revision(client, newest);
    bool in[JOBS] = {false};
    fold(client, in);
    check_listing(fixture, filters[i], in);
    client_close(client);
  }
  fixture_destroy(fixture);
}

static void a_stream_makes_the_lists_set(void **state) {
  (void)state;
  check_sets(&defaults, 0);
}

static void a_stream_that_reads_the_log_makes_it_too(void **state) {
  (void)state;
  check_sets(&(const struct fixture_options){.ring_bytes_max = 2000}, 0);
}

static void gathered_changes_make_it_too(void **state) {
  (void)state;
  check_sets(&defaults, 1000);
  check_sets(&defaults, 350);
}

static void gathered_changes_from_the_log_make_it_too(void **state) {
  (void)state;
  check_sets(&(const struct fixture_options){.ring_bytes_max = 2000}, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(jobs_enter_and_leave),
      cmocka_unit_test(a_default_value_is_a_value),
      cmocka_unit_test(a_status_code_stands_for_its_id),
      cmocka_unit_test(the_last_change_that_is_shown_ends_its_request),
      cmocka_unit_test(a_bookmark_comes_where_nothing_matches),
      cmocka_unit_test(a_token_fits_its_filter_in_any_spelling),
      cmocka_unit_test(a_filter_that_fails_ends_its_own_streams_alone),
      cmocka_unit_test(a_mask_leaves_the_id_and_what_it_names),
      cmocka_unit_test(a_stream_makes_the_lists_set),
      cmocka_unit_test(a_stream_that_reads_the_log_makes_it_too),
      cmocka_unit_test(gathered_changes_make_it_too),
      cmocka_unit_test(gathered_changes_from_the_log_make_it_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
