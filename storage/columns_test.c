#include "storage/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "jobgate/v1/job.pb-c.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"

static const struct jg_entity *job_entity(void) {
  return jg_entity(JG_KIND_JOB);
}

static const struct jg_member *member(uint8_t index) {
  return &job_entity()->members[index];
}

static void test_absent_members(void **state JG_UNUSED) {
  struct jg_columns columns;
  assert_int_equal(jg_columns_take(job_entity(), JG_STR(""), &columns).code, JG_OK);
  size_t expected = 0;
  for (size_t i = 0; i < job_entity()->member_count; i++) {
    expected += (job_entity()->members[i].flags & JG_MEMBER_COLUMN) != 0;
  }
  assert_int_equal(columns.count, expected);
  assert_true(expected > 20);
  for (size_t i = 0; i < columns.count; i++) {
    const struct jg_column *column = &columns.items[i];
    assert_true(i == 0 || column->member->index > columns.items[i - 1].member->index);
    switch ((enum jg_type)column->member->type) {
      case JG_TYPE_STRING:
        assert_int_equal(column->type, JG_COLUMN_TEXT);
        assert_non_null(column->text.data);
        assert_int_equal(column->text.len, 0);
        break;
      case JG_TYPE_GUID:
        assert_int_equal(column->type, JG_COLUMN_GUID);
        assert_true(jg_uuid_is_zero(column->guid));
        break;
      case JG_TYPE_DATE:
        assert_int_equal(column->type, JG_COLUMN_INTEGER);
        assert_true(column->integer == JG_TICKS_UNSET);
        break;
      case JG_TYPE_INTEGER:
        assert_int_equal(column->type, JG_COLUMN_INTEGER);
        assert_int_equal(column->integer, 0);
        break;
      default:
        fail_msg("a column of a type that no test knows");
    }
  }
  assert_null(jg_columns_find(&columns, JG_JOB_DESCRIPTION));
  assert_non_null(jg_columns_find(&columns, JG_JOB_MODIFIED_DATEUTC));
}

/* Against protobuf-c's own encoder. */
static void test_values(void **state JG_UNUSED) {
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  Google__Protobuf__Timestamp before_1970 = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  Google__Protobuf__Timestamp epoch = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
  before_1970.seconds = -62135596800;
  before_1970.nanos = 999999900;
  job.id = (char *)(uintptr_t) "8ba9da71-ef32-423a-bb50-ae767315f55c";
  job.reference_back_office = (char *)(uintptr_t) "R-\xc3\xa9";
  job.description = (char *)(uintptr_t) "no column";
  job.working_sequence = INT32_MIN;
  job.estimated_time = INT32_MAX;
  job.due_date = &before_1970;
  job.date_create = &epoch;
  job.id2 = 7;
  job.revision = 99;
  char packed[1024];
  assert_true(jobgate__v1__job__get_packed_size(&job) <= sizeof(packed));
  size_t len = jobgate__v1__job__pack(&job, (uint8_t *)packed);

  struct jg_columns columns;
  assert_int_equal(jg_columns_take(job_entity(), jg_str_make(packed, len), &columns).code, JG_OK);
  struct jg_uuid id;
  assert_true(jg_uuid_parse(jg_str_from_cstr(job.id), &id));
  assert_true(jg_uuid_equal(jg_columns_find(&columns, JG_JOB_ID)->guid, id));
  assert_true(jg_str_equal(jg_columns_find(&columns, JG_JOB_REFERENCE_BACK_OFFICE)->text, JG_STR("R-\xc3\xa9")));
  assert_int_equal(jg_columns_find(&columns, JG_JOB_WORKING_SEQUENCE)->integer, INT32_MIN);
  assert_int_equal(jg_columns_find(&columns, JG_JOB_ESTIMATED_TIME)->integer, INT32_MAX);
  assert_true(jg_columns_find(&columns, JG_JOB_DUE_DATE)->integer == INT64_C(-621355968000000000) + 9999999);
  assert_int_equal(jg_columns_find(&columns, JG_JOB_DATE_CREATE)->integer, 0);
  assert_true(jg_columns_find(&columns, JG_JOB_DATE_UPDATE)->integer == JG_TICKS_UNSET);
  assert_int_equal(jg_columns_find(&columns, JG_JOB_ID2)->integer, 7);
}

static void test_last_of_a_repeated_field_counts(void **state JG_UNUSED) {
  struct jg_buf payload;
  jg_buf_init(&payload, 1000);
  jg_wire_put_bytes(&payload, member(JG_JOB_NAME)->number, JG_STR("first"));
  jg_wire_put_bytes(&payload, member(JG_JOB_PARENT_ID)->number, JG_STR("8ba9da71-ef32-423a-bb50-ae767315f55c"));
  jg_wire_put_bytes(&payload, member(JG_JOB_NAME)->number, JG_STR("second"));
  jg_wire_put_bytes(&payload, member(JG_JOB_PARENT_ID)->number, JG_STR(""));
  struct jg_columns columns;
  assert_int_equal(jg_columns_take(job_entity(), jg_buf_str(&payload), &columns).code, JG_OK);
  assert_true(jg_str_equal(jg_columns_find(&columns, JG_JOB_NAME)->text, JG_STR("second")));
  assert_true(jg_uuid_is_zero(jg_columns_find(&columns, JG_JOB_PARENT_ID)->guid));
  jg_buf_done(&payload);
}

static void test_malformed_payloads(void **state JG_UNUSED) {
  struct jg_buf text, guid, seconds, timestamp;
  jg_buf_init(&text, 100);
  jg_wire_put_uint(&text, member(JG_JOB_NAME)->number, 1);
  jg_buf_init(&guid, 100);
  jg_wire_put_bytes(&guid, member(JG_JOB_ID)->number, JG_STR("8ba9da71-ef32-423a-bb50-ae767315f55"));
  jg_buf_init(&seconds, 100);
  jg_wire_put_uint(&seconds, 1, UINT64_MAX / 2);
  jg_buf_init(&timestamp, 100);
  jg_wire_put_bytes(&timestamp, member(JG_JOB_DUE_DATE)->number, jg_buf_str(&seconds));
  const struct jg_str rows[] = {
      JG_STR("\xff"), JG_STR("\x0a\x05id"), jg_buf_str(&text), jg_buf_str(&guid), jg_buf_str(&timestamp),
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_columns columns;
    assert_int_equal(jg_columns_take(job_entity(), rows[i], &columns).code, JG_INTERNAL);
  }
  jg_buf_done(&text);
  jg_buf_done(&guid);
  jg_buf_done(&seconds);
  jg_buf_done(&timestamp);
}

/* Members with and without a column, one at a time; what lies behind the member is not read. */
static void test_single_members(void **state JG_UNUSED) {
  struct jg_buf payload, wrong;
  jg_buf_init(&payload, 1000);
  jg_wire_put_bytes(&payload, member(JG_JOB_DESCRIPTION)->number, JG_STR("first"));
  jg_wire_put_bytes(&payload, member(JG_JOB_DESCRIPTION)->number, JG_STR("text"));
  jg_wire_put_uint(&payload, member(JG_JOB_WORKING_SEQUENCE)->number, 7);
  jg_buf_append(&payload, "\xff", 1);
  struct jg_column column;
  assert_int_equal(jg_columns_member(member(JG_JOB_DESCRIPTION), jg_buf_str(&payload), &column).code, JG_OK);
  assert_true(jg_str_equal(column.text, JG_STR("text")));
  assert_int_equal(jg_columns_member(member(JG_JOB_ID), jg_buf_str(&payload), &column).code, JG_OK);
  assert_true(jg_uuid_is_zero(column.guid));
  assert_int_equal(jg_columns_member(member(JG_JOB_DUE_DATE), jg_buf_str(&payload), &column).code, JG_INTERNAL);
  assert_int_equal(jg_columns_member(member(JG_JOB_DUE_DATE), JG_STR(""), &column).code, JG_OK);
  assert_true(column.integer == JG_TICKS_UNSET);
  jg_buf_init(&wrong, 100);
  jg_wire_put_bytes(&wrong, member(JG_JOB_DB_ADDRESS_LATITUDE_DECIMAL)->number, JG_STR("x"));
  assert_int_equal(jg_columns_member(member(JG_JOB_DB_ADDRESS_LATITUDE_DECIMAL), jg_buf_str(&wrong), &column).code,
                   JG_INTERNAL);
  jg_buf_done(&payload);
  jg_buf_done(&wrong);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_absent_members),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_last_of_a_repeated_field_counts),
      cmocka_unit_test(test_malformed_payloads),
      cmocka_unit_test(test_single_members),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
