#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "services/changes/event.h"
#include "services/changes/token.h"

static struct jg_token at(int64_t revision) {
  return (struct jg_token){.tenant = 3, .epoch = {{0xab, 0xcd}}, .revision = revision, .filter_hash = 11};
}

static Jobgate__V1__WatchJobsResponse *decode(struct jg_bytes *bytes) {
  Jobgate__V1__WatchJobsResponse *message =
      jobgate__v1__watch_jobs_response__unpack(NULL, bytes->len, (const uint8_t *)bytes->data);
  assert_non_null(message);
  jg_bytes_unref(bytes);
  return message;
}

static void check_token(const char *text, int64_t revision) {
  struct jg_token token;
  assert_true(jg_status_ok(jg_token_parse(jg_str_from_cstr(text), &token)));
  assert_int_equal(token.revision, revision);
  assert_int_equal(token.tenant, 3);
  assert_true(token.filter_hash == 11);
  assert_true(jg_uuid_equal(token.epoch, at(0).epoch));
}

static void opened(void **state) {
  (void)state;
  const struct jg_token token = at(42);
  Jobgate__V1__WatchJobsResponse *message = decode(jg_event_opened(&token, &token, (struct jg_uuid){{1}}, 7500000000));
  assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_OPENED);
  const Jobgate__V1__WatchOpened *event = message->opened;
  assert_string_equal(event->stream_id, "01000000-0000-0000-0000-000000000000");
  assert_string_equal(event->epoch, "abcd0000-0000-0000-0000-000000000000");
  assert_int_equal(event->heartbeat_interval->seconds, 7);
  assert_int_equal(event->heartbeat_interval->nanos, 500000000);
  assert_int_equal(event->revision, 42);
  check_token(event->resume_token, 42);
  jobgate__v1__watch_jobs_response__free_unpacked(message, NULL);
}

static void bookmark(void **state) {
  (void)state;
  const int64_t revisions[] = {0, 1, INT64_MAX};
  for (size_t i = 0; i < JG_COUNT(revisions); i++) {
    int64_t ticks = INT64_C(17700000000000005);
    const struct jg_token token = at(revisions[i]);
    Jobgate__V1__WatchJobsResponse *message = decode(jg_event_bookmark(&token, ticks));
    assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_BOOKMARK);
    assert_int_equal(message->bookmark->revision, revisions[i]);
    assert_int_equal(message->bookmark->time->seconds, 1770000000);
    assert_int_equal(message->bookmark->time->nanos, 500);
    check_token(message->bookmark->resume_token, revisions[i]);
    jobgate__v1__watch_jobs_response__free_unpacked(message, NULL);
  }
}

static void drain(void **state) {
  (void)state;
  const struct jg_token token = at(5);
  Jobgate__V1__WatchJobsResponse *message = decode(jg_event_drain(&token, 1250));
  assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_DRAIN);
  assert_int_equal(message->drain->retry_delay->seconds, 1);
  assert_int_equal(message->drain->retry_delay->nanos, 250000000);
  check_token(message->drain->resume_token, 5);
  jobgate__v1__watch_jobs_response__free_unpacked(message, NULL);
}

static void reset(void **state) {
  (void)state;
  Jobgate__V1__WatchJobsResponse *message = decode(jg_event_reset(17, 42));
  assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_RESET);
  assert_string_equal(message->reset->reason, "HISTORY_LOST");
  assert_int_equal(message->reset->oldest_revision, 17);
  assert_int_equal(message->reset->newest_revision, 42);
  jobgate__v1__watch_jobs_response__free_unpacked(message, NULL);
}

static void synced(void **state) {
  (void)state;
  const struct jg_token token = at(6);
  Jobgate__V1__WatchJobsResponse *message = decode(jg_event_synced(&token));
  assert_int_equal(message->event_case, JOBGATE__V1__WATCH_JOBS_RESPONSE__EVENT_SYNCED);
  assert_int_equal(message->synced->revision, 6);
  check_token(message->synced->resume_token, 6);
  jobgate__v1__watch_jobs_response__free_unpacked(message, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opened), cmocka_unit_test(bookmark), cmocka_unit_test(drain),
      cmocka_unit_test(reset),  cmocka_unit_test(synced),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
