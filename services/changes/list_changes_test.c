/* ListJobChanges on a real record: what a client that asks from time to time must come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/limits.h"
#include "base/str.h"
#include "services/changes/list_changes.h"
#include "services/changes/token.h"
#include "services/jobs/jobs.h"
#include "services/testing/jobs.h"

#define NUMBERS 24
#define FILTER "name eq 'in'"

static struct jg_test_app *app;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

static const char *id_of(unsigned number) {
  return jg_arena_printf(&app->arena, "00000000-0000-4000-8000-%012u", number);
}

static unsigned number_of(const char *id) {
  uint64_t number;
  assert_true(jg_parse_u64(jg_str_from_cstr(id + strlen("00000000-0000-4000-8000-")), &number));
  return (unsigned)number;
}

static void post(unsigned number, const char *name) {
  const char *json =
      jg_arena_printf(&app->arena,
                      "{\"name\":\"%s\",\"project\":{\"reference_back_office\":\"P1\"},\"job_type\":{\"code\":"
                      "\"T1\"},\"job_status_code\":\"Open\",\"id\":\"%s\"}",
                      name, id_of(number));
  (void)jg_test_must_post(app, json);
}

static void rename_to(unsigned number, const char *name) {
  jg_test_must_put(app, id_of(number), jg_arena_printf(&app->arena, "{\"name\":\"%s\"}", name));
}

static void delete (unsigned number) {
  struct jg_test_call *call = jg_test_delete(app, id_of(number), "");
  assert_true(jg_status_ok(call->status));
  jg_test_call_destroy(call);
}

struct asked {
  const char *filter, *token;
  int page_size;
  Jobgate__V1__JobView view;
  const char *path; /* of the mask */
};

static struct jg_test_call *ask(struct asked asked) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__ListJobChangesRequest request = JOBGATE__V1__LIST_JOB_CHANGES_REQUEST__INIT;
  char *paths[] = {(char *)asked.path};
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.n_paths = 1;
  mask.paths = paths;
  request.filter = (char *)(asked.filter != NULL ? asked.filter : "");
  request.resume_token = (char *)(asked.token != NULL ? asked.token : "");
  request.page_size = asked.page_size;
  request.view = asked.view;
  request.read_mask = asked.path != NULL ? &mask : NULL;
  jg_test_call_run(call, jg_changes_list, &request.base);
  return call;
}

static const Jobgate__V1__ListJobChangesResponse *answer_of(struct jg_test_call *call) {
  assert_true(jg_status_ok(call->status));
  assert_int_equal(call->answer.kind, JG_ANSWER_JOBS);
  return (const Jobgate__V1__ListJobChangesResponse *)(const void *)call->answer.message;
}

/* Lives in the app's arena. */
static const char *keep(const char *token) {
  return jg_arena_str(&app->arena, jg_str_from_cstr(token)).data;
}

static const char *token_now(const char *filter) {
  struct jg_test_call *call = ask((struct asked){.filter = filter});
  const Jobgate__V1__ListJobChangesResponse *answer = answer_of(call);
  assert_int_equal(call->answer.job_count + answer->n_deleted_ids + answer->n_left_ids, 0);
  assert_false(answer->more);
  const char *token = keep(answer->resume_token);
  jg_test_call_destroy(call);
  return token;
}

static const char *job_id(struct jg_test_call *call, size_t index) {
  return ((const Jobgate__V1__Job *)(const void *)jg_test_call_proto(call, index))->id;
}

static void each_job_comes_once_as_it_is(void **state) {
  (void)state;
  post(1, "a");
  const char *start = token_now(NULL);
  post(2, "b");
  rename_to(1, "c");
  rename_to(2, "d");
  post(3, "e");
  delete (3);
  post(4, "f");
  rename_to(1, "g");
  struct jg_test_call *call = ask((struct asked){.token = start, .view = JOBGATE__V1__JOB_VIEW__JOB_VIEW_FULL});
  const Jobgate__V1__ListJobChangesResponse *answer = answer_of(call);
  assert_int_equal(call->answer.job_count, 3);  // In the order of their last changes.
  assert_int_equal(number_of(job_id(call, 0)), 2);
  assert_int_equal(number_of(job_id(call, 1)), 4);
  const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)(const void *)jg_test_call_proto(call, 2);
  assert_int_equal(number_of(job->id), 1);
  assert_string_equal(job->name, "g");
  assert_non_null(job->project);
  assert_true(job->revision > 0 && job->etag[0] != '\0');
  // It came and went, but a client that read pages meanwhile may have it.
  assert_int_equal(answer->n_deleted_ids, 1);
  assert_int_equal(number_of(answer->deleted_ids[0]), 3);
  assert_int_equal(answer->n_left_ids, 0);
  assert_false(answer->more);
  const char *end = keep(answer->resume_token);
  jg_test_call_destroy(call);
  call = ask((struct asked){.token = end});
  answer = answer_of(call);
  assert_int_equal(call->answer.job_count + answer->n_deleted_ids, 0);
  assert_string_equal(answer->resume_token, end);
  jg_test_call_destroy(call);
}

static void a_filter_tells_who_left(void **state) {
  (void)state;
  post(1, "in");
  post(2, "out");
  post(3, "in");
  const char *start = token_now(FILTER);
  rename_to(1, "out");
  rename_to(2, "in");
  delete (3);
  post(4, "out");
  post(5, "in");
  rename_to(5, "out");
  rename_to(5, "in");
  struct jg_test_call *call = ask((struct asked){.filter = FILTER, .token = start, .path = "name"});
  const Jobgate__V1__ListJobChangesResponse *answer = answer_of(call);
  assert_int_equal(call->answer.job_count, 2);
  const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)(const void *)jg_test_call_proto(call, 0);
  assert_int_equal(number_of(job->id), 2);
  assert_string_equal(job->job_type_id, "");  // The mask.
  assert_int_equal(number_of(job_id(call, 1)), 5);
  assert_int_equal(answer->n_left_ids, 1);
  assert_int_equal(number_of(answer->left_ids[0]), 1);
  assert_int_equal(answer->n_deleted_ids, 1);
  assert_int_equal(number_of(answer->deleted_ids[0]), 3);
  jg_test_call_destroy(call);
}

static void pages_have_whole_requests(void **state) {
  (void)state;
  const char *token = token_now(NULL);
  for (unsigned i = 0; i < 10; i++) {
    post(i, "a");  // The first one makes entities too.
  }
  size_t jobs = 0, pages = 0;
  for (bool more = true; more; pages++) {
    struct jg_test_call *call = ask((struct asked){.token = token, .page_size = 3});
    const Jobgate__V1__ListJobChangesResponse *answer = answer_of(call);
    assert_in_range(call->answer.job_count, 1, 3);
    for (size_t i = 0; i < call->answer.job_count; i++) {
      assert_int_equal(number_of(job_id(call, i)), jobs++);
    }
    more = answer->more;
    token = keep(answer->resume_token);
    jg_test_call_destroy(call);
  }
  assert_int_equal(jobs, 10);
  assert_int_equal(pages, 4);
}

/* The answer stops before the transport's limit, and goes on with the token. A job that fits no answer is told of all the same. */
static void pages_fit_the_response(void **state) {
  (void)state;
  static const struct {
    size_t bytes_max, pages;
    bool bare;
  } rows[] = {{JG_LIMIT_RESPONSE_BYTES, 1, false}, {50000, 4, false}, {3000, 30, true}};
  char text[4001];
  memset(text, 'd', 4000);
  text[4000] = '\0';
  const char *start = token_now(NULL);
  for (unsigned i = 0; i < 30; i++) {
    (void)jg_test_must_post(
        app, jg_arena_printf(&app->arena, JG_TEST_JOB(",\"id\":\"%s\",\"description\":\"%s\""), id_of(i), text));
  }
  for (size_t r = 0; r < JG_COUNT(rows); r++) {
    size_t jobs = 0, pages = 0;
    const char *token = start;
    for (bool more = true; more; pages++) {
      struct jg_test_call *call = jg_test_call_create(app);
      call->call.response_bytes_max = rows[r].bytes_max;
      Jobgate__V1__ListJobChangesRequest request = JOBGATE__V1__LIST_JOB_CHANGES_REQUEST__INIT;
      request.resume_token = (char *)token;
      jg_test_call_run(call, jg_changes_list, &request.base);
      const Jobgate__V1__ListJobChangesResponse *answer = answer_of(call);
      for (size_t i = 0; i < call->answer.job_count; i++) {
        const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)(const void *)jg_test_call_proto(call, i);
        assert_int_equal(number_of(job->id), jobs++);
        assert_int_equal(job->description[0] == '\0', rows[r].bare);
        assert_true(job->revision > 0);
      }
      more = answer->more;
      token = keep(answer->resume_token);
      jg_test_call_destroy(call);
    }
    assert_int_equal(jobs, 30);
    assert_int_equal(pages, rows[r].pages);
  }
}

static void bad_requests(void **state) {
  (void)state;
  post(1, "in");
  const char *all = token_now(NULL), *filtered = token_now(FILTER);
  jg_test_assert_fails(ask((struct asked){.token = "garbage"}), JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN,
                       "resume_token");
  jg_test_assert_fails(ask((struct asked){.token = filtered}), JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN,
                       "resume_token");
  jg_test_assert_fails(ask((struct asked){.token = all, .filter = FILTER}), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_TOKEN, "resume_token");
  jg_test_assert_fails(ask((struct asked){.filter = "project/name eq 'x'"}), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "filter");
  jg_test_assert_fails(ask((struct asked){.page_size = -1}), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                       "page_size");
  // More than a page holds is a page (AIP-158).
  struct jg_test_call *large = ask((struct asked){.page_size = JG_LIMIT_PAGE_SIZE + 1});
  assert_true(jg_status_ok(large->status));
  jg_test_call_destroy(large);
  jg_test_assert_fails(ask((struct asked){.view = (Jobgate__V1__JobView)7}), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "view");
  jg_test_assert_fails(ask((struct asked){.path = "nothing"}), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                       "read_mask");
  jg_test_assert_fails(ask((struct asked){.path = "parent_job"}), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                       "read_mask");
  struct jg_token token;
  assert_true(jg_status_ok(jg_token_parse(jg_str_from_cstr(all), &token)));
  char text[JG_TOKEN_TEXT_MAX + 1];
  token.in_snapshot = true;
  text[jg_token_format(&token, text)] = '\0';
  jg_test_assert_fails(ask((struct asked){.token = text}), JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN,
                       "resume_token");
  token.in_snapshot = false;
  token.revision += 1000;
  text[jg_token_format(&token, text)] = '\0';
  jg_test_assert_fails(ask((struct asked){.token = text}), JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "");
}

/* ---- as a property: what a client has after the last page is the list ---- */

static const char *const names[] = {"in", "out", "in2"};

/* By number: its name; NULL: it is not there. */
struct model {
  const char *jobs[NUMBERS];
};

static struct model record, client;
static uint64_t random_state;

/* Below `limit`; the same numbers in each run (xorshift64). */
static unsigned dice(unsigned limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (unsigned)(random_state % limit);
}

static void write_something(void) {
  unsigned number = dice(NUMBERS);
  const char *name = names[dice(JG_COUNT(names))];
  if (record.jobs[number] == NULL) {
    post(number, name);
  } else if (dice(4) == 0) {
    delete (number);
    name = NULL;
  } else {
    rename_to(number, name);
  }
  record.jobs[number] = name;
}

/* What a list of the filter, or of all, has of that job; NULL: nothing. */
static const char *listed(unsigned number, bool filtered) {
  const char *name = record.jobs[number];
  return filtered && name != names[0] ? NULL : name;
}

/* As a client of pages would: some of the jobs now, the others after more writes. */
static void load(bool filtered) {
  for (unsigned i = 0; i < NUMBERS; i++) {
    if (i == NUMBERS / 2) {
      for (unsigned more = dice(6); more > 0; more--) {
        write_something();
      }
    }
    client.jobs[i] = listed(i, filtered);
  }
}

static void apply(struct jg_test_call *call) {
  const Jobgate__V1__ListJobChangesResponse *answer = answer_of(call);
  for (size_t i = 0; i < call->answer.job_count; i++) {
    const Jobgate__V1__Job *job = (const Jobgate__V1__Job *)(const void *)jg_test_call_proto(call, i);
    client.jobs[number_of(job->id)] = NULL;
    for (size_t n = 0; n < JG_COUNT(names); n++) {
      if (strcmp(job->name, names[n]) == 0) {
        client.jobs[number_of(job->id)] = names[n];
      }
    }
  }
  for (size_t i = 0; i < answer->n_deleted_ids; i++) {
    client.jobs[number_of(answer->deleted_ids[i])] = NULL;
  }
  for (size_t i = 0; i < answer->n_left_ids; i++) {
    client.jobs[number_of(answer->left_ids[i])] = NULL;
  }
}

static const char *catch_up(const char *filter, const char *token) {
  for (bool more = true; more;) {
    struct jg_test_call *call = ask((struct asked){.filter = filter, .token = token, .page_size = 1 + (int)dice(5)});
    apply(call);
    more = answer_of(call)->more;
    token = keep(answer_of(call)->resume_token);
    jg_test_call_destroy(call);
    if (more && dice(3) == 0) {
      write_something();
    }
  }
  return token;
}

static void the_client_comes_to_the_list(void **state) {
  (void)state;
  random_state = UINT64_C(4711);
  record = (struct model){{NULL}};
  for (unsigned round = 0; round < 12; round++) {
    bool filtered = round % 2 == 0;
    const char *filter = filtered ? FILTER : NULL;
    for (int i = 0; i < 10; i++) {
      write_something();
    }
    const char *token = token_now(filter);
    load(filtered);
    for (int turn = 0; turn < 4; turn++) {
      for (unsigned i = dice(15); i > 0; i--) {
        write_something();
      }
      token = catch_up(filter, token);
      for (unsigned i = 0; i < NUMBERS; i++) {
        assert_ptr_equal(client.jobs[i], listed(i, filtered));
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_job_comes_once_as_it_is, setup, teardown),
      cmocka_unit_test_setup_teardown(a_filter_tells_who_left, setup, teardown),
      cmocka_unit_test_setup_teardown(pages_have_whole_requests, setup, teardown),
      cmocka_unit_test_setup_teardown(pages_fit_the_response, setup, teardown),
      cmocka_unit_test_setup_teardown(bad_requests, setup, teardown),
      cmocka_unit_test_setup_teardown(the_client_comes_to_the_list, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
