#include "server/grpc/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "server/grpc/payload.h"

#define JOB_COUNT 300

static int setup(void **state) {
  static struct jg_arena arena;
  jg_arena_init(&arena, 16u << 20);
  *state = &arena;
  return 0;
}

static int teardown(void **state) {
  jg_arena_done(*state);
  return 0;
}

static struct jg_parts make_job(struct jg_arena *arena, int number) {
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.name = (char *)(uintptr_t)jg_arena_printf(arena, "job %d", number);
  assert_non_null(job.name);
  struct jg_parts parts = {
      .entity = jg_entity(JG_KIND_JOB), .payload = jg_message_pack(&job.base, arena), .revision = 1000 + number};
  parts.etag = jg_str_from_cstr(job.name);
  return parts;
}

static void expect_job(const Jobgate__V1__Job *job, int number) {
  char name[32];
  (void)snprintf(name, sizeof(name), "job %d", number);
  assert_string_equal(job->name, name);
  assert_string_equal(job->etag, name);
  assert_int_equal(job->revision, 1000 + number);
}

static const ProtobufCMessage *encode(struct jg_arena *arena, const struct jg_answer *answer,
                                      const ProtobufCMessageDescriptor *descriptor) {
  grpc_slice slice = jg_grpc_answer_encode(answer);
  ProtobufCMessage *message = NULL;
  assert_true(jg_status_ok(jg_message_unpack(descriptor, jg_grpc_slice_str(&slice), arena, &message)));
  grpc_slice_unref(slice);
  return message;
}

static void encodes_a_job(void **state) {
  struct jg_parts job = make_job(*state, 7);
  struct jg_answer answer = {.kind = JG_ANSWER_JOB, .jobs = &job, .job_count = 1, .nodes = true};
  expect_job((const Jobgate__V1__Job *)encode(*state, &answer, &jobgate__v1__job__descriptor), 7);
}

static void encodes_a_message(void **state) {
  // Empty, as long as an inlined slice, and longer.
  static const char *const tokens[] = {"", "a", "0123456789012345678901234567890123456789"};
  for (size_t i = 0; i < JG_COUNT(tokens); i++) {
    Jobgate__V1__ListJobsResponse message = JOBGATE__V1__LIST_JOBS_RESPONSE__INIT;
    message.next_page_token = (char *)(uintptr_t)tokens[i];
    struct jg_answer answer = {.kind = JG_ANSWER_MESSAGE, .message = &message.base};
    const Jobgate__V1__ListJobsResponse *back =
        (const Jobgate__V1__ListJobsResponse *)encode(*state, &answer, &jobgate__v1__list_jobs_response__descriptor);
    assert_string_equal(back->next_page_token, tokens[i]);
    assert_int_equal(back->n_jobs, 0);
  }
}

static void encodes_jobs_and_the_rest(void **state) {
  static const size_t counts[] = {0, 1, 2, JOB_COUNT};
  static struct jg_parts jobs[JOB_COUNT];
  for (int i = 0; i < JOB_COUNT; i++) {
    jobs[i] = make_job(*state, i);
  }
  for (size_t c = 0; c < JG_COUNT(counts); c++) {
    for (int with = 0; with < 2; with++) {
      Jobgate__V1__ListJobsResponse message = JOBGATE__V1__LIST_JOBS_RESPONSE__INIT;
      message.next_page_token = (char *)(uintptr_t) "next";
      struct jg_answer answer = {
          .kind = JG_ANSWER_JOBS, .message = with != 0 ? &message.base : NULL, .jobs = jobs, .job_count = counts[c]};
      const Jobgate__V1__ListJobsResponse *back =
          (const Jobgate__V1__ListJobsResponse *)encode(*state, &answer, &jobgate__v1__list_jobs_response__descriptor);
      assert_int_equal(back->n_jobs, counts[c]);
      for (size_t i = 0; i < counts[c]; i++) {
        expect_job(back->jobs[i], (int)i);
      }
      assert_string_equal(back->next_page_token, with != 0 ? "next" : "");
    }
  }
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {CASE(encodes_a_job), CASE(encodes_a_message), CASE(encodes_jobs_and_the_rest)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
