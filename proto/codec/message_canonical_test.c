/* jg_message_canonicalize. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "jobgate/v1/job.pb-c.h"
#include "proto/codec/date.h"
#include "proto/codec/message.h"
#include "proto/codec/message_internal.h"
#include "proto/schema/members.h"

#define ARENA_BYTES (4u << 20)

static const struct jg_entity *job_entity(void) {
  return jg_entity(JG_KIND_JOB);
}

static struct jg_status canonicalize_job(Jobgate__V1__Job *job, const char *prefix, struct jg_arena *arena) {
  return jg_message_canonicalize(job_entity(), &job->base, prefix, arena);
}

static void guids_become_canonical(void **state) {
  (void)state;
  static const struct {
    const char *text, *canonical; /* NULL: refused */
  } rows[] = {
      {"", ""},
      {"2044b92d-0abc-4def-8000-00000000000f", "2044b92d-0abc-4def-8000-00000000000f"},
      {"2044B92D-0ABC-4DEF-8000-00000000000F", "2044b92d-0abc-4def-8000-00000000000f"},
      {"{2044B92D-0abc-4def-8000-00000000000F}", "2044b92d-0abc-4def-8000-00000000000f"},
      {"2044B92D0abc4def800000000000000F", "2044b92d-0abc-4def-8000-00000000000f"},
      {"00000000-0000-0000-0000-000000000000", ""},
      {"{00000000-0000-0000-0000-000000000000}", ""},
      {"00000000000000000000000000000000", ""},
      {"x", NULL},
      {"2044b92d-0abc-4def-8000-00000000000", NULL},
      {"2044b92d-0abc-4def-8000-00000000000g", NULL},
      {"2044b92d-0abc-4def-8000-00000000000f ", NULL},
      {"{2044b92d-0abc-4def-8000-00000000000f", NULL},
      {"(2044b92d-0abc-4def-8000-00000000000f)", NULL},
      {"2044b92d0abc4def80000000000000-f", NULL},
      {"{2044b92d0abc4def800000000000000f}", NULL},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
    job.project_id = (char *)rows[i].text;
    struct jg_status status = canonicalize_job(&job, "job", &arena);
    if (rows[i].canonical != NULL) {
      assert_true(jg_status_ok(status));
      assert_string_equal(job.project_id, rows[i].canonical);
    } else {
      assert_string_equal(status.message, "job.project_id must be a GUID");
    }
    jg_arena_done(&arena);
  }
}

static void dates_are_rounded_and_bounded(void **state) {
  (void)state;
  static const struct {
    int64_t seconds;
    int32_t nanos;
    int64_t ticks; /* JG_TICKS_UNSET: no timestamp is left; INT64_MIN: refused */
  } rows[] = {
      {0, 0, 0},
      {0, 150, 2},
      {315532800, 0, JG_TICKS_UNSET},
      {315532800, 49, JG_TICKS_UNSET},
      {INT64_C(-62135596800), 0, JG_TICKS_MIN},
      {INT64_C(253402300799), 999999900, JG_TICKS_MAX},
      {INT64_C(-62135596801), 0, INT64_MIN},
      {INT64_C(253402300800), 0, INT64_MIN},
      {INT64_MAX, 0, INT64_MIN},
      {0, -1, INT64_MIN},
      {0, 1000000000, INT64_MIN},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    timestamp.seconds = rows[i].seconds;
    timestamp.nanos = rows[i].nanos;
    Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
    job.due_date = &timestamp;
    struct jg_status status = canonicalize_job(&job, "", &arena);
    if (rows[i].ticks == INT64_MIN) {
      assert_string_equal(status.message, "due_date must be a date from 0001-01-01 to 9999-12-31");
    } else {
      assert_true(jg_status_ok(status));
      assert_int_equal(job.due_date == NULL, rows[i].ticks == JG_TICKS_UNSET);
      assert_int_equal(jg_member_date(&job.base, &job_entity()->members[JG_JOB_DUE_DATE]), rows[i].ticks);
    }
    jg_arena_done(&arena);
  }
}

/* Statement 15. */
static void date_only_members_lose_their_time(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  timestamp.seconds = 86400 + 3600;
  timestamp.nanos = 100;
  Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
  project.date_built = &timestamp;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.project = &project;
  assert_true(jg_status_ok(canonicalize_job(&job, "", &arena)));
  assert_int_equal(project.date_built->seconds, 86400);
  assert_int_equal(project.date_built->nanos, 0);
  jg_arena_done(&arena);
}

static void decimals_are_finite_and_bounded(void **state) {
  (void)state;
  static const struct {
    double value;
    bool good;
  } rows[] = {{0, true},    {1e15, true},      {-1e15, true},      {49.5, true},    {5e-324, true},
              {NAN, false}, {INFINITY, false}, {-INFINITY, false}, {1.1e15, false}, {-1e300, false}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
    job.db_address_latitude_decimal = rows[i].value;
    struct jg_status status = canonicalize_job(&job, "", &arena);
    assert_int_equal(jg_status_ok(status), rows[i].good);
    if (!rows[i].good) {
      assert_string_equal(status.message, "db_address_latitude_decimal must be a number from -1e15 to 1e15");
    }
    jg_arena_done(&arena);
  }
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.db_address_latitude_decimal = -0.0;
  assert_true(jg_status_ok(canonicalize_job(&job, "", &arena)));
  assert_false(signbit(job.db_address_latitude_decimal));
  jg_arena_done(&arena);
}

/* Statement 57: every member that has a maximum, at its edge, in UTF-16 units: U+1F600 counts 2, U+20AC counts 1. */
static void lengths_count_utf16_units(void **state) {
  (void)state;
  static char text[3 * 4001 + 1];
  for (size_t i = 0; i < job_entity()->member_count; i++) {
    const struct jg_member *member = &job_entity()->members[i];
    if (member->type != JG_TYPE_STRING || member->max_utf16 == 0) {
      continue;
    }
    for (int over = 0; over < 2; over++) {
      struct jg_arena arena;
      jg_arena_init(&arena, ARENA_BYTES);
      size_t len = 0;
      size_t units = 0;
      for (; units + 2 <= member->max_utf16; units += 2, len += 4) {
        (void)jg_utf8_put(0x1F600, text + len);
      }
      for (; units < member->max_utf16 + (unsigned)over; units++, len += 3) {
        (void)jg_utf8_put(0x20AC, text + len);
      }
      ProtobufCMessage *job = jg_message_new(job_entity()->descriptor, &arena);
      assert_true(jg_member_set_str(job, member, jg_str_make(text, len), &arena));
      struct jg_status status = jg_message_canonicalize(job_entity(), job, "job", &arena);
      assert_int_equal(jg_status_ok(status), !over);
      if (over) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "job.%.*s must be a string with a maximum length of %u",
                       JG_STR_ARG(member->proto_name), member->max_utf16);
        assert_string_equal(status.message, expected);
        assert_int_equal(status.reason, JG_REASON_INVALID_MEMBER);
      }
      jg_arena_done(&arena);
    }
  }
}

static void nested_paths_are_named(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  Jobgate__V1__SalesOrganization organization = JOBGATE__V1__SALES_ORGANIZATION__INIT;
  organization.db_country_id = (char *)"Belgium";
  Jobgate__V1__EquipmentFamily family = JOBGATE__V1__EQUIPMENT_FAMILY__INIT;
  family.sales_organization = &organization;
  family.parent_id = (char *)"none";
  Jobgate__V1__EquipmentModel model = JOBGATE__V1__EQUIPMENT_MODEL__INIT;
  model.equipment_family = &family;
  Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
  project.equipment_model = &model;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  job.project = &project;
  job.skill_id = (char *)"x";
  struct jg_status status = canonicalize_job(&job, "job", &arena);
  static const char *const fields[] = {
      "job.project.equipment_model.equipment_family.parent_id",
      "job.project.equipment_model.equipment_family.sales_organization.db_country_id",
      "job.skill_id",
  };
  assert_int_equal(status.code, JG_INVALID_ARGUMENT);
  assert_int_equal(status.details->violation_count, JG_COUNT(fields));
  for (size_t i = 0; i < JG_COUNT(fields); i++) {
    assert_string_equal(status.details->violations[i].field, fields[i]);
    assert_string_equal(status.details->violations[i].message, "must be a GUID");
  }
  assert_string_equal(status.message,
                      "job.project.equipment_model.equipment_family.parent_id must be a GUID; "
                      "job.project.equipment_model.equipment_family.sales_organization.db_country_id must be a GUID; "
                      "job.skill_id must be a GUID");
  jg_arena_done(&arena);
}

static void violations_have_a_maximum(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  Jobgate__V1__ParentJob parent = JOBGATE__V1__PARENT_JOB__INIT;
  job.parent_job = &parent;
  for (size_t i = 0; i < job_entity()->member_count; i++) {
    if (job_entity()->members[i].type == JG_TYPE_GUID) {
      assert_true(jg_member_set_str(&job.base, &job_entity()->members[i], JG_STR("x"), &arena));
    }
  }
  const struct jg_entity *entity = jg_entity(JG_KIND_PARENT_JOB);
  for (size_t i = 0; i < entity->member_count; i++) {
    if (entity->members[i].type == JG_TYPE_GUID) {
      assert_true(jg_member_set_str(&parent.base, &entity->members[i], JG_STR("x"), &arena));
    }
  }
  struct jg_status status = canonicalize_job(&job, "", &arena);
  assert_int_equal(status.details->violation_count, JG_VIOLATIONS_MAX);
  assert_string_equal(status.details->violations[2].field, "parent_job.id");
  jg_arena_done(&arena);
}

static void the_cap_is_a_status(void **state) {
  (void)state;
  for (int bad = 0; bad < 2; bad++) {
    bool enough = false;
    for (size_t cap = 16; !enough; cap += 16) {
      struct jg_arena arena;
      jg_arena_init(&arena, cap);
      Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
      Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
      job.id = (char *)"2044B92D-0ABC-4DEF-8000-00000000000F";
      job.due_date = &timestamp;
      job.skill_id = (char *)(bad ? "x" : "");
      struct jg_status status = canonicalize_job(&job, "job", &arena);
      enough = bad ? status.reason == JG_REASON_INVALID_MEMBER : jg_status_ok(status);
      assert_true(enough || (status.code == JG_INVALID_ARGUMENT && status.reason == JG_REASON_LIMIT_EXCEEDED));
      jg_arena_done(&arena);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(guids_become_canonical),
      cmocka_unit_test(dates_are_rounded_and_bounded),
      cmocka_unit_test(date_only_members_lose_their_time),
      cmocka_unit_test(decimals_are_finite_and_bounded),
      cmocka_unit_test(lengths_count_utf16_units),
      cmocka_unit_test(nested_paths_are_named),
      cmocka_unit_test(violations_have_a_maximum),
      cmocka_unit_test(the_cap_is_a_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
