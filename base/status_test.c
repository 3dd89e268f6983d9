#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_codes(void **state) {
  (void)state;
  const struct {
    enum jg_code code;
    int number, http;
    const char *name;
  } rows[] = {
      {JG_OK, 0, 200, "OK"},
      {JG_CANCELLED, 1, 499, "CANCELLED"},
      {JG_UNKNOWN, 2, 500, "UNKNOWN"},
      {JG_INVALID_ARGUMENT, 3, 400, "INVALID_ARGUMENT"},
      {JG_DEADLINE_EXCEEDED, 4, 504, "DEADLINE_EXCEEDED"},
      {JG_NOT_FOUND, 5, 404, "NOT_FOUND"},
      {JG_ALREADY_EXISTS, 6, 409, "ALREADY_EXISTS"},
      {JG_PERMISSION_DENIED, 7, 403, "PERMISSION_DENIED"},
      {JG_RESOURCE_EXHAUSTED, 8, 429, "RESOURCE_EXHAUSTED"},
      {JG_FAILED_PRECONDITION, 9, 400, "FAILED_PRECONDITION"},
      {JG_ABORTED, 10, 409, "ABORTED"},
      {JG_OUT_OF_RANGE, 11, 400, "OUT_OF_RANGE"},
      {JG_UNIMPLEMENTED, 12, 501, "UNIMPLEMENTED"},
      {JG_INTERNAL, 13, 500, "INTERNAL"},
      {JG_UNAVAILABLE, 14, 503, "UNAVAILABLE"},
      {JG_DATA_LOSS, 15, 500, "DATA_LOSS"},
      {JG_UNAUTHENTICATED, 16, 401, "UNAUTHENTICATED"},
      {(enum jg_code)17, 17, 500, "UNKNOWN"},
      {(enum jg_code) - 1, -1, 500, "UNKNOWN"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal((int)rows[i].code, rows[i].number);
    assert_string_equal(jg_code_name(rows[i].code), rows[i].name);
    assert_int_equal(jg_status_http(jg_status_make(rows[i].code, JG_REASON_NONE, "")), rows[i].http);
  }
}

static void test_reasons_override_http(void **state) {
  (void)state;
  const struct {
    enum jg_code code;
    enum jg_reason reason;
    const char *name;
    int http;
  } rows[] = {
      {JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, "UNRESOLVED_REFERENCE", 422},
      {JG_FAILED_PRECONDITION, JG_REASON_ILLEGAL_TRANSITION, "ILLEGAL_TRANSITION", 409},
      {JG_FAILED_PRECONDITION, JG_REASON_JOB_REFERENCED, "JOB_REFERENCED", 409},
      {JG_FAILED_PRECONDITION, JG_REASON_ENTITY_REFERENCED, "ENTITY_REFERENCED", 409},
      {JG_FAILED_PRECONDITION, JG_REASON_NOT_COMPLETED, "NOT_COMPLETED", 409},
      {JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE, "PARENT_CYCLE", 409},
      {JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "HISTORY_LOST", 410},
      {JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "INVALID_MEMBER", 400},
      {JG_UNAVAILABLE, JG_REASON_NOT_BUILT, "NOT_BUILT", 503},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_string_equal(jg_reason_name(rows[i].reason), rows[i].name);
    assert_int_equal(jg_status_http(jg_status_make(rows[i].code, rows[i].reason, "")), rows[i].http);
  }
}

static struct jg_status fail_when_odd(int number) {
  return number % 2 != 0 ? jg_status_make(JG_ABORTED, JG_REASON_ETAG_MISMATCH, "odd") : JG_STATUS_OK;
}

static struct jg_status call_twice(int first, int second) {
  JG_RETURN_IF_ERROR(fail_when_odd(first));
  JG_RETURN_IF_ERROR(fail_when_odd(second));
  return JG_STATUS_OK;
}

static void test_return_if_error(void **state) {
  (void)state;
  assert_true(jg_status_ok(call_twice(2, 4)));
  assert_int_equal(call_twice(1, 4).code, JG_ABORTED);
  assert_string_equal(call_twice(2, 3).message, "odd");
}

static void test_printf(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1024);
  struct jg_status status = jg_status_printf(&arena, JG_NOT_FOUND, JG_REASON_NONE, "job %d not found", 7);
  assert_int_equal(status.code, JG_NOT_FOUND);
  assert_string_equal(status.message, "job 7 not found");
  assert_null(status.details);
  jg_arena_done(&arena);
}

static void test_field(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1024);
  char field[] = "project.name";
  struct jg_status status = jg_status_field(&arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, field,
                                            "must be at most %d characters", 100);
  field[0] = 'X';
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(status.reason, JG_REASON_INVALID_MEMBER);
  assert_string_equal(status.message, "project.name must be at most 100 characters");
  assert_non_null(status.details);
  assert_int_equal(status.details->violation_count, 1);
  assert_string_equal(status.details->violations[0].field, "project.name");
  assert_string_equal(status.details->violations[0].message, "must be at most 100 characters");
  assert_int_equal(status.details->retry_delay_ms, 0);
  jg_arena_done(&arena);
}

static void test_copy(void **state) {
  (void)state;
  struct jg_arena from, to;
  jg_arena_init(&from, 4096);
  jg_arena_init(&to, 4096);
  char field[] = "name", message[] = "bad";
  struct jg_violation violations[] = {{field, message}, {"code", "worse"}};
  struct jg_status_details details = {violations, 2, 250, 10, 20, "AgB", NULL, NULL};
  struct jg_status status = jg_status_printf(&from, JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "too %s", "old");
  status.details = &details;
  struct jg_status copy = jg_status_copy(&to, status);
  jg_arena_done(&from);
  memset(field, 'x', sizeof(field) - 1);
  memset(message, 'x', sizeof(message) - 1);
  memset(violations, 0, sizeof(violations));
  memset(&details, 0, sizeof(details));
  assert_int_equal(copy.code, JG_OUT_OF_RANGE);
  assert_int_equal(copy.reason, JG_REASON_HISTORY_LOST);
  assert_string_equal(copy.message, "too old");
  assert_int_equal(copy.details->violation_count, 2);
  assert_string_equal(copy.details->violations[0].field, "name");
  assert_string_equal(copy.details->violations[0].message, "bad");
  assert_string_equal(copy.details->violations[1].field, "code");
  assert_string_equal(copy.details->violations[1].message, "worse");
  assert_int_equal(copy.details->retry_delay_ms, 250);
  assert_int_equal(copy.details->oldest_revision, 10);
  assert_int_equal(copy.details->newest_revision, 20);
  assert_string_equal(copy.details->resume_token, "AgB");
  copy = jg_status_copy(&to, JG_STATUS_OK);
  assert_true(jg_status_ok(copy));
  assert_string_equal(copy.message, "");
  assert_null(copy.details);
  jg_arena_done(&to);
}

static void check_usable(struct jg_status status) {
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(status.reason, JG_REASON_INVALID_MEMBER);
  assert_non_null(status.message);
  assert_true(strlen(status.message) > 0);
  assert_null(strchr(status.message, '%'));
  if (status.details != NULL) {
    assert_int_equal(status.details->violation_count, 1);
    assert_string_equal(status.details->violations[0].field, "name");
    assert_string_equal(status.details->violations[0].message, "must be short");
  }
}

static void test_every_cap_degrades(void **state) {
  (void)state;
  struct jg_violation violation = {"name", "must be short"};
  struct jg_status_details details = {.violations = &violation, .violation_count = 1};
  struct jg_status original = {JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "name must be short", &details};
  size_t complete = 0;
  for (size_t cap = 1; cap <= 256; cap++) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    struct jg_status status =
        jg_status_field(&arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "name", "must be %s", "short");
    check_usable(status);
    complete += status.details != NULL;
    jg_arena_reset(&arena);
    check_usable(jg_status_printf(&arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "%s", "a text of its own"));
    jg_arena_reset(&arena);
    status = jg_status_copy(&arena, original);
    check_usable(status);
    complete += status.details != NULL;
    jg_arena_done(&arena);
  }
  assert_true(complete > 0);
}

static void test_every_code_has_a_stand_in(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1);
  for (int code = JG_CANCELLED; code <= JG_UNAUTHENTICATED + 1; code++) {
    struct jg_status status = jg_status_printf(&arena, (enum jg_code)code, JG_REASON_NONE, "%d", code);
    assert_int_equal((int)status.code, code);
    assert_true(strlen(status.message) > 0);
  }
  jg_arena_done(&arena);
}

static void test_about(void **state) {
  (void)state;
  struct jg_arena from, to;
  jg_arena_init(&from, 4096);
  jg_arena_init(&to, 4096);
  struct jg_status field = jg_status_field(&from, JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE, "f", "is wrong");
  struct jg_status status = jg_status_about(&from, field, JG_STR("jobgate.v1.Job"), JG_STR("id"));
  assert_string_equal(status.message, "f is wrong");
  status = jg_status_copy(&to, status);
  jg_arena_done(&from);
  assert_int_equal(status.details->violation_count, 1);
  assert_string_equal(status.details->resource_type, "jobgate.v1.Job");
  assert_string_equal(status.details->resource_name, "id");
  jg_arena_done(&to);
  // At the cap it is about nothing, and what it says stays.
  jg_arena_init(&to, 64);
  status = jg_status_about(&to, jg_status_make(JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "none"), JG_STR("t"),
                           JG_STR("n"));
  assert_null(status.details);
  assert_string_equal(status.message, "none");
  jg_arena_done(&to);
}

static void test_violations(void **state) {
  (void)state;
  const struct jg_violation rows[] = {{"name", "is required"}, {"estimated_time", "must not be negative"}};
  for (size_t cap = 16;; cap += 16) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    struct jg_status status =
        jg_status_violations(&arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, rows, JG_COUNT(rows));
    assert_int_equal(status.code, JG_INVALID_ARGUMENT);
    assert_int_equal(status.reason, JG_REASON_INVALID_MEMBER);
    bool complete = status.details != NULL;
    if (complete) {
      assert_string_equal(status.message, "name is required; estimated_time must not be negative");
      assert_int_equal(status.details->violation_count, 2);
      assert_string_equal(status.details->violations[1].field, "estimated_time");
    } else {
      assert_string_equal(status.message, "the request is not valid");
    }
    jg_arena_done(&arena);
    if (complete) {
      return;
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_codes),
      cmocka_unit_test(test_reasons_override_http),
      cmocka_unit_test(test_return_if_error),
      cmocka_unit_test(test_printf),
      cmocka_unit_test(test_field),
      cmocka_unit_test(test_violations),
      cmocka_unit_test(test_about),
      cmocka_unit_test(test_copy),
      cmocka_unit_test(test_every_cap_degrades),
      cmocka_unit_test(test_every_code_has_a_stand_in),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
