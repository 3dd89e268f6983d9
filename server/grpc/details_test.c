#include "server/grpc/details.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/codec/message.h"

static int setup(void **state) {
  static struct jg_arena arena;
  jg_arena_init(&arena, 1u << 20);
  *state = &arena;
  return 0;
}

static int teardown(void **state) {
  jg_arena_done(*state);
  return 0;
}

static struct jg_status round_trip(struct jg_status status, struct jg_arena *arena) {
  struct jg_str bytes = jg_grpc_details_pack(status, arena);
  assert_true(bytes.len <= JG_GRPC_DETAILS_BYTES_MAX);
  return jg_grpc_details_unpack(status.code, jg_grpc_details_message(status), bytes, arena);
}

static void says_nothing_where_nothing_is(void **state) {
  struct jg_status status = jg_status_make(JG_NOT_FOUND, JG_REASON_NONE, "no such job");
  assert_null(jg_grpc_details_pack(status, *state).data);
  struct jg_status back = round_trip(status, *state);
  assert_int_equal(back.code, JG_NOT_FOUND);
  assert_string_equal(back.message, "no such job");
}

static void keeps_every_reason(void **state) {
  static const enum jg_reason reasons[] = {
#define REASON(name, http) JG_REASON_##name,
      JG_REASON_TABLE(REASON)
#undef REASON
  };
  for (size_t i = 0; i < JG_COUNT(reasons); i++) {
    struct jg_status back = round_trip(jg_status_make(JG_ABORTED, reasons[i], "text"), *state);
    assert_int_equal(back.reason, reasons[i]);
  }
}

static void keeps_all_details_together(void **state) {
  static const struct jg_violation violations[] = {{"a", "must be set"}, {"b.c", ""}};
  struct jg_status_details details = {.violations = violations,
                                      .violation_count = 2,
                                      .retry_delay_ms = 61001,
                                      .oldest_revision = -1,
                                      .newest_revision = INT64_MAX,
                                      .resume_token = "AgB",
                                      .resource_type = "jobgate.v1.Job",
                                      .resource_name = "0f1e"};
  struct jg_status status = {JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "gone", &details};
  struct jg_status back = round_trip(status, *state);
  assert_int_equal(back.reason, JG_REASON_HISTORY_LOST);
  assert_int_equal(back.details->violation_count, 2);
  assert_string_equal(back.details->violations[0].field, "a");
  assert_string_equal(back.details->violations[0].message, "must be set");
  assert_string_equal(back.details->violations[1].field, "b.c");
  assert_int_equal(back.details->retry_delay_ms, 61001);
  assert_int_equal(back.details->oldest_revision, -1);
  assert_int_equal(back.details->newest_revision, INT64_MAX);
  assert_string_equal(back.details->resume_token, "AgB");
  assert_string_equal(back.details->resource_type, "jobgate.v1.Job");
  assert_string_equal(back.details->resource_name, "0f1e");
}

/* The detail of that type; fails if there is none. */
static const ProtobufCMessage *detail(struct jg_status status, const ProtobufCMessageDescriptor *type,
                                      struct jg_arena *arena) {
  struct jg_str bytes = jg_grpc_details_pack(status, arena);
  ProtobufCMessage *packed = NULL;
  assert_true(jg_status_ok(jg_message_unpack(&google__rpc__status__descriptor, bytes, arena, &packed)));
  const Google__Rpc__Status *known = (const Google__Rpc__Status *)packed;
  for (size_t i = 0; i < known->n_details; i++) {
    const Google__Protobuf__Any *any = known->details[i];
    if (strcmp(strrchr(any->type_url, '/') + 1, type->name) == 0) {
      ProtobufCMessage *message = NULL;
      struct jg_str value = jg_str_make((const char *)any->value.data, any->value.len);
      assert_true(jg_status_ok(jg_message_unpack(type, value, arena, &message)));
      return message;
    }
  }
  fail_msg("no %s", type->name);
  return NULL;
}

/* The state's refusals come as PreconditionFailure too: by members, else about the resource. */
static void tells_preconditions(void **state) {
  const ProtobufCMessageDescriptor *type = &google__rpc__precondition_failure__descriptor;
  struct jg_status status = jg_status_field(*state, JG_FAILED_PRECONDITION, JG_REASON_ILLEGAL_TRANSITION, "job.status",
                                            "cannot become Open, it is Planned");
  const Google__Rpc__PreconditionFailure *failure =
      (const Google__Rpc__PreconditionFailure *)detail(status, type, *state);
  assert_int_equal(failure->n_violations, 1);
  assert_string_equal(failure->violations[0]->type, "ILLEGAL_TRANSITION");
  assert_string_equal(failure->violations[0]->subject, "job.status");
  assert_string_equal(failure->violations[0]->description, "cannot become Open, it is Planned");
  assert_int_equal(round_trip(status, *state).details->violation_count, 1);

  status = jg_status_make(JG_FAILED_PRECONDITION, JG_REASON_JOB_REFERENCED, "is a parent");
  status = jg_status_about(*state, status, JG_STR("jobgate.v1.Job"), JG_STR("0f1e"));
  failure = (const Google__Rpc__PreconditionFailure *)detail(status, type, *state);
  assert_string_equal(failure->violations[0]->type, "JOB_REFERENCED");
  assert_string_equal(failure->violations[0]->subject, "0f1e");
  assert_string_equal(failure->violations[0]->description, "is a parent");
  const Google__Rpc__ResourceInfo *resource =
      (const Google__Rpc__ResourceInfo *)detail(status, &google__rpc__resource_info__descriptor, *state);
  assert_string_equal(resource->resource_type, "jobgate.v1.Job");
  assert_string_equal(resource->resource_name, "0f1e");
  assert_string_equal(resource->description, "is a parent");
}

/* As many members as BadRequest can tell of, twice, stay below the limit. */
static void many_preconditions_fit(void **state) {
  static char text[200];
  memset(text, 'a', sizeof(text) - 1);
  struct jg_violation violations[20];
  for (size_t i = 0; i < JG_COUNT(violations); i++) {
    violations[i] = (struct jg_violation){"member", text};
  }
  struct jg_status status =
      jg_status_violations(*state, JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, violations, 20);
  size_t kept = round_trip(status, *state).details->violation_count;
  assert_true(kept > 4 && kept < 20);
}

static void leaves_out_what_does_not_fit(void **state) {
  static char text[2000];
  memset(text, 'a', sizeof(text) - 1);
  struct jg_violation violations[20];
  for (size_t i = 0; i < JG_COUNT(violations); i++) {
    violations[i] = (struct jg_violation){"member", text + 1000 + i};
  }
  struct jg_status_details details = {.violations = violations, .violation_count = JG_COUNT(violations)};
  struct jg_status status = {JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, text, &details};
  struct jg_status back = round_trip(status, *state);
  assert_int_equal(back.reason, JG_REASON_INVALID_MEMBER);
  assert_int_equal(back.details->violation_count, 2);
  // One that is too long alone leaves the rest of the details.
  static char longer[5000];
  memset(longer, 'b', sizeof(longer) - 1);
  violations[0].message = longer;
  back = round_trip(status, *state);
  assert_int_equal(back.reason, JG_REASON_INVALID_MEMBER);
  assert_int_equal(back.details->violation_count, 0);
}

static void cuts_messages_between_characters(void **state) {
  (void)state;
  char text[JG_GRPC_MESSAGE_BYTES_MAX + 10];
  memset(text, 'a', sizeof(text));
  text[JG_GRPC_MESSAGE_BYTES_MAX] = '\0';
  struct jg_status status = jg_status_make(JG_ABORTED, JG_REASON_NONE, text);
  assert_int_equal(jg_grpc_details_message(status).len, JG_GRPC_MESSAGE_BYTES_MAX);
  memset(text, 'a', sizeof(text));
  memcpy(text + JG_GRPC_MESSAGE_BYTES_MAX - 2, "\xe2\x82\xac", 4); /* three bytes, one too many */
  assert_int_equal(jg_grpc_details_message(status).len, JG_GRPC_MESSAGE_BYTES_MAX - 2);
  memcpy(text + JG_GRPC_MESSAGE_BYTES_MAX - 3, "\xe2\x82\xac", 4);
  assert_int_equal(jg_grpc_details_message(status).len, JG_GRPC_MESSAGE_BYTES_MAX);
}

static void takes_malformed_bytes_for_none(void **state) {
  static const struct jg_str rows[] = {
      {"\xff", 1},
      {"\x1a\x05hello", 7},      /* a detail that is no Any */
      {"\x1a\x04\x0a\x02hi", 6}, /* of no known type */
      {"\x1a\x02\x12\x00", 4},   /* of no type */
      {"\x1a\x2d\x0a\x28type.googleapis.com/google.rpc.ErrorInfo\x12\x01\xff", 47} /* whose value is malformed */};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_status status = jg_grpc_details_unpack(JG_ABORTED, JG_STR("text"), rows[i], *state);
    assert_int_equal(status.code, JG_ABORTED);
    assert_int_equal(status.reason, JG_REASON_NONE);
    assert_string_equal(status.message, "text");
  }
}

static void survives_full_arenas(void **state) {
  (void)state;
  static const struct jg_violation violations[] = {{"a", "must be set"}};
  struct jg_status_details details = {.violations = violations, .violation_count = 1, .retry_delay_ms = 1};
  struct jg_status status = {JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "wrong", &details};
  bool whole = false;
  for (size_t cap = 16; !whole && cap < 65536; cap += 16) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    struct jg_str bytes = jg_grpc_details_pack(status, &arena);
    struct jg_status back = jg_grpc_details_unpack(status.code, JG_STR("wrong"), bytes, &arena);
    assert_int_equal(back.code, JG_INVALID_ARGUMENT);
    whole = back.details != NULL && back.details->violation_count == 1 && back.details->retry_delay_ms == 1;
    jg_arena_done(&arena);
  }
  assert_true(whole);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(says_nothing_where_nothing_is),
      CASE(keeps_every_reason),
      CASE(keeps_all_details_together),
      CASE(tells_preconditions),
      CASE(many_preconditions_fit),
      CASE(leaves_out_what_does_not_fit),
      CASE(cuts_messages_between_characters),
      CASE(takes_malformed_bytes_for_none),
      CASE(survives_full_arenas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
