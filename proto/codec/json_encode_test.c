#include "proto/codec/json_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/codec/json_encode_internal.h"
#include "proto/codec/json_reader.h"
#include "proto/codec/sample.h"
#include "proto/codec/wire.h"
#include "proto/schema/members.h"

#define ARENA_BYTES (4u << 20)
#define OUT_BYTES (1u << 20)

static const struct jg_json_style json_style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};
static const struct jg_json_style odata_style = {JG_JSON_ESCAPE_ODATA, JG_DATE_Z};

static const char default_job[] =
    "{\"id\":\"00000000-0000-0000-0000-000000000000\",\"_parent_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"_parent_jobs_reference_back_office\":\"\",\"project_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"project_reference_back_office\":\"\",\"job_type_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"job_type_code\":\"\",\"job_priority_id\":\"00000000-0000-0000-0000-000000000000\",\"job_priority_code\":\"\","
    "\"job_status_id\":\"00000000-0000-0000-0000-000000000000\",\"job_status_code\":\"\","
    "\"db_address_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"contact_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"requested_by_company_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"requested_by_contact_id\":\"00000000-0000-0000-0000-000000000000\",\"reference_back_office\":\"\",\"name\":\"\","
    "\"description\":\"\",\"working_sequence\":0,\"internal_memo\":\"\",\"prejob_information\":\"\","
    "\"estimated_time\":0,\"earliest_date_plannable\":\"1980-01-01T00:00:00+00:00\","
    "\"due_date\":\"1980-01-01T00:00:00+00:00\",\"date_create\":\"1980-01-01T00:00:00+00:00\","
    "\"date_update\":\"1980-01-01T00:00:00+00:00\",\"date_closed\":\"1980-01-01T00:00:00+00:00\","
    "\"suggested_user_id\":\"00000000-0000-0000-0000-000000000000\",\"suggested_user_code\":\"\","
    "\"suggested_date_start\":\"1980-01-01T00:00:00+00:00\",\"skill_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"skill_code\":\"\",\"customer_reference\":\"\","
    "\"approval_responsible_user_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"date_reported_by_company\":\"1980-01-01T00:00:00+00:00\",\"id2\":0,"
    "\"company_id\":\"00000000-0000-0000-0000-000000000000\",\"company_code\":\"\",\"db_address_name\":\"\","
    "\"db_address_street\":\"\",\"db_address_street2\":\"\",\"db_address_street_number\":\"\",\"db_address_city\":\"\","
    "\"db_address_zip\":\"\",\"db_address_db_country_id\":\"00000000-0000-0000-0000-000000000000\","
    "\"db_address_db_country_code\":\"\",\"db_address_phone\":\"\",\"db_address_email\":\"\","
    "\"db_address_latitude_decimal\":0.0,\"db_address_longitude_decimal\":0.0,\"estimated_quantity_remark\":\"\","
    "\"modified_dateutc\":\"1980-01-01T00:00:00+00:00\"}";

struct fixture {
  struct jg_arena arena;
  struct jg_buf out;
  struct jg_buf payload;
};

static int set_up(void **state) {
  struct fixture *fixture = jg_alloc_zero(1, sizeof(*fixture));
  jg_arena_init(&fixture->arena, ARENA_BYTES);
  jg_buf_init(&fixture->out, OUT_BYTES);
  jg_buf_init(&fixture->payload, OUT_BYTES);
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  jg_buf_done(&fixture->out);
  jg_buf_done(&fixture->payload);
  jg_arena_done(&fixture->arena);
  jg_free(fixture);
  return 0;
}

static void assert_out(const struct fixture *fixture, struct jg_str expected) {
  assert_false(fixture->out.failed);
  if (!jg_str_equal(jg_buf_str(&fixture->out), expected)) {
    fail_msg("%.*s\n!=\n%.*s", JG_STR_ARG(jg_buf_str(&fixture->out)), JG_STR_ARG(expected));
  }
}

/* Members of the object, whose text must be JSON. */
static size_t member_count(struct jg_str text) {
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, NULL);
  assert_int_equal(jg_json_next(&reader), JG_JSON_OBJECT_BEGIN);
  size_t count = 0;
  for (;;) {
    enum jg_json_token token = jg_json_next(&reader);
    if (token == JG_JSON_OBJECT_END) {
      break;
    }
    assert_int_equal(token, JG_JSON_NAME);
    count++;
    token = jg_json_next(&reader);
    assert_int_not_equal(token, JG_JSON_NULL);
    assert_true(jg_json_skip(&reader, token));
  }
  assert_int_equal(jg_json_next(&reader), JG_JSON_END);
  return count;
}

static void the_sample_comes_back_literally(void **state) {
  struct fixture *fixture = *state;
  struct jg_str text = jg_str_make((const char *)jg_sample_job, jg_sample_job_len);
  struct jg_sample sample;
  jg_sample_init(&sample, text, &fixture->arena);
  jg_sample_expand(&sample, &json_style);
  jg_json_encode(&json_style, jg_sample_job_parts(&sample), JG_STR_NONE, true, &fixture->out);
  assert_out(fixture, jg_sample_compact(text, &fixture->arena));
  jg_sample_done(&sample);
}

/* Statements 1, 3 and 4; the order is the sample's. */
static void every_entity_has_its_members(void **state) {
  struct fixture *fixture = *state;
  static const size_t counts[JG_KIND_COUNT] = {
      [JG_KIND_JOB] = 57,
      [JG_KIND_PROJECT] = 48,
      [JG_KIND_EQUIPMENT_FAMILY] = 10,
      [JG_KIND_EQUIPMENT_MODEL] = 20,
      [JG_KIND_EQUIPMENT_BRAND] = 7,
      [JG_KIND_PROJECT_STATUS] = 9,
      [JG_KIND_JOB_TYPE] = 7,
      [JG_KIND_JOB_PRIORITY] = 9,
      [JG_KIND_USER] = 41,
      [JG_KIND_SKILL] = 8,
      [JG_KIND_SALES_ORGANIZATION] = 21,
  };
  struct jg_sample sample;
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_raw_job, jg_sample_raw_job_len), &fixture->arena);
  jg_sample_expand(&sample, &json_style);
  bool seen[JG_KIND_COUNT] = {false};
  for (size_t i = 0; i < sample.count; i++) {
    const struct jg_parts *parts = &sample.nodes[i].parts;
    jg_buf_clear(&fixture->out);
    jg_json_encode(&json_style, parts, JG_STR_NONE, true, &fixture->out);
    assert_int_equal(member_count(jg_buf_str(&fixture->out)), counts[parts->entity->kind]);
    seen[parts->entity->kind] = true;
  }
  for (size_t kind = 0; kind < JG_KIND_COUNT; kind++) {
    assert_int_equal(seen[kind], counts[kind] != 0);
  }
  jg_sample_done(&sample);
}

static void an_empty_payload_is_all_defaults(void **state) {
  struct fixture *fixture = *state;
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  assert_out(fixture, jg_str_from_cstr(default_job));
  jg_buf_clear(&fixture->out);
  jg_json_encode(&odata_style, &parts, JG_STR_NONE, true, &fixture->out);
  assert_non_null(memmem(fixture->out.data, fixture->out.len, "\"due_date\":\"1980-01-01T00:00:00.000Z\",", 38));
  parts.entity = jg_entity(JG_KIND_EQUIPMENT_MODEL);
  jg_buf_clear(&fixture->out);
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  assert_non_null(memmem(fixture->out.data, fixture->out.len, ",\"translations\":[],\"modified_dateutc\":", 38));
}

static void the_context_stands_first(void **state) {
  struct fixture *fixture = *state;
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  jg_json_encode(&json_style, &parts, JG_STR("http://h/api/$metadata#\"x\""), true, &fixture->out);
  static const char head[] = "{\"@odata.context\":\"http://h/api/$metadata#\\\"x\\\"\",";
  assert_memory_equal(fixture->out.data, head, sizeof(head) - 1);
  assert_memory_equal(fixture->out.data + sizeof(head) - 1, default_job + 1, sizeof(default_job) - 2);
  assert_int_equal(fixture->out.len, sizeof(head) - 1 + sizeof(default_job) - 2);
}

static void relations_give_node_and_key(void **state) {
  struct fixture *fixture = *state;
  struct jg_expanded type = {.json = JG_STR("{\"x\":1}"), .key = JG_STR("a\"b")};
  struct jg_expanded status = {.key = JG_STR("Open")};
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  parts.relations[JG_JOB_REL_JOB_TYPE] = &type;
  parts.relations[JG_JOB_REL_JOB_STATUS] = &status;
  static const char with_node[] = "\"job_type_code\":\"a\\\"b\",\"job_type\":{\"x\":1},\"job_priority_id\":";
  static const char without[] = "\"job_type_code\":\"a\\\"b\",\"job_priority_id\":";
  static const char status_key[] = "\"job_status_code\":\"Open\",\"db_address_id\":";
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  assert_non_null(memmem(fixture->out.data, fixture->out.len, with_node, sizeof(with_node) - 1));
  assert_non_null(memmem(fixture->out.data, fixture->out.len, status_key, sizeof(status_key) - 1));
  assert_null(memmem(fixture->out.data, fixture->out.len, "\"job_status\":", 13));
  assert_null(memmem(fixture->out.data, fixture->out.len, "\"_parent_job\":", 14));
  assert_int_equal(member_count(jg_buf_str(&fixture->out)), 52 + 1);
  jg_buf_clear(&fixture->out);
  jg_json_encode(&json_style, &parts, JG_STR_NONE, false, &fixture->out);
  assert_non_null(memmem(fixture->out.data, fixture->out.len, without, sizeof(without) - 1));
  assert_int_equal(member_count(jg_buf_str(&fixture->out)), 52);
}

static void some_members_are_written_alone(void **state) {
  struct fixture *fixture = *state;
  struct jg_expanded type = {.json = JG_STR("{\"x\":1}"), .key = JG_STR("T")};
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  parts.relations[JG_JOB_REL_JOB_TYPE] = &type;
  const struct {
    uint64_t members;
    const char *context, *json;
  } cases[] = {
      {UINT64_C(1) << JG_JOB_NAME | UINT64_C(1) << JG_JOB_ID2, NULL, "{\"name\":\"\",\"id2\":0}"},
      {UINT64_C(1) << JG_JOB_NAME, "c", "{\"@odata.context\":\"c\",\"name\":\"\"}"},
      {UINT64_C(1) << JG_JOB_JOB_TYPE | UINT64_C(1) << JG_JOB_JOB_TYPE_CODE, NULL,
       "{\"job_type_code\":\"T\",\"job_type\":{\"x\":1}}"},
      {UINT64_C(1) << JG_JOB_PROJECT, NULL, "{}"},
      {UINT64_C(1) << JG_JOB_PROJECT, "c", "{\"@odata.context\":\"c\"}"},
      {UINT64_C(1) << JG_JOB_PARENT_JOB, NULL, "{}"},
      {0, NULL, "{}"},
  };
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    jg_buf_clear(&fixture->out);
    jg_json_encode_members(&json_style, &parts, jg_str_from_cstr(cases[i].context), cases[i].members, &fixture->out);
    assert_out(fixture, jg_str_from_cstr(cases[i].json));
  }
  // A parent comes where it is named, in its place, and nowhere else (statement 3).
  const struct jg_expanded parent = {.json = JG_STR("{\"id\":\"p\"}")};
  parts.parent = &parent;
  jg_buf_clear(&fixture->out);
  const uint64_t family =
      UINT64_C(1) << JG_JOB_PARENT_ID | UINT64_C(1) << JG_JOB_PARENT_JOB | UINT64_C(1) << JG_JOB_NAME;
  jg_json_encode_members(&json_style, &parts, JG_STR_NONE, family, &fixture->out);
  assert_out(fixture, JG_STR("{\"_parent_id\":\"00000000-0000-0000-0000-000000000000\",\"_parent_job\":{\"id\":\"p\"},"
                             "\"name\":\"\"}"));
  jg_buf_clear(&fixture->out);
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  jg_buf_append_char(&fixture->out, '\0');
  assert_null(strstr(fixture->out.data, "_parent_job\""));
  parts.parent = NULL;
  // What is passed over does not hide what follows, on the sample's full payload.
  struct jg_buf all;
  jg_buf_init(&all, OUT_BYTES);
  struct jg_sample sample;
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_job, jg_sample_job_len), &fixture->arena);
  jg_sample_expand(&sample, &json_style);
  jg_json_encode(&json_style, jg_sample_job_parts(&sample), JG_STR_NONE, true, &all);
  jg_buf_clear(&fixture->out);
  jg_json_encode_members(&json_style, jg_sample_job_parts(&sample), JG_STR_NONE, UINT64_MAX, &fixture->out);
  assert_out(fixture, jg_buf_str(&all));
  for (size_t i = 0; i < parts.entity->member_count; i++) {
    jg_buf_clear(&fixture->out);
    jg_json_encode_members(&json_style, jg_sample_job_parts(&sample), JG_STR_NONE, UINT64_C(1) << i, &fixture->out);
    assert_non_null(memmem(all.data, all.len, fixture->out.data + 1, fixture->out.len - 2));
  }
  jg_sample_done(&sample);
  jg_buf_done(&all);
}

static void lists_are_written_from_the_wire(void **state) {
  struct fixture *fixture = *state;
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_EQUIPMENT_MODEL)};
  jg_wire_put_bytes(&fixture->payload, 18, JG_STR(""));  // A wrong wire type: as good as absent.
  jg_wire_put_bytes(&fixture->payload, 19, JG_STR("\x0a\x04name\x12\x02nl\x1a\x02\xc3\xa9"));
  jg_wire_put_bytes(&fixture->payload, 19, JG_STR(""));
  jg_wire_put_bytes(&fixture->payload, 19, JG_STR("\x12\x02\n\""));
  jg_wire_put_timestamp(&fixture->payload, 20, 0);
  parts.payload = jg_buf_str(&fixture->payload);
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  static const char tail[] =
      "\"warranty_period_nb_months\":0,\"translations\":["
      "{\"field_name\":\"name\",\"language_code\":\"nl\",\"value_translated\":\"\xc3\xa9\"},"
      "{\"field_name\":\"\",\"language_code\":\"\",\"value_translated\":\"\"},"
      "{\"field_name\":\"\",\"language_code\":\"\\n\\\"\",\"value_translated\":\"\"}],"
      "\"modified_dateutc\":\"1970-01-01T00:00:00+00:00\"}";
  assert_true(jg_str_ends_with(jg_buf_str(&fixture->out), jg_str_from_cstr(tail)));
  // More items than the spare room holds.
  for (int i = 0; i < 200; i++) {
    jg_buf_clear(&fixture->payload);
    for (int item = 0; item < i; item++) {
      jg_wire_put_bytes(&fixture->payload, 19, JG_STR(""));
    }
    parts.payload = jg_buf_str(&fixture->payload);
    jg_buf_clear(&fixture->out);
    jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
    assert_int_equal(member_count(jg_buf_str(&fixture->out)), 17);
  }
}

static void unknown_fields_are_passed_over(void **state) {
  struct fixture *fixture = *state;
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  jg_wire_put_uint(&fixture->payload, 3, 7);   // A number between two members.
  jg_wire_put_uint(&fixture->payload, 20, 7);  // A wrong wire type.
  jg_wire_put_bytes(&fixture->payload, 21, JG_STR("a name"));
  jg_wire_put_uint(&fixture->payload, 58, 7);
  for (uint32_t number = 100; number < 400; number++) {
    jg_wire_put_bytes(&fixture->payload, number, JG_STR("unknown"));
  }
  jg_wire_put_uint(&fixture->payload, JG_WIRE_NUMBER_MAX, UINT64_MAX);
  parts.payload = jg_buf_str(&fixture->payload);
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  struct jg_buf expected;
  jg_buf_init(&expected, OUT_BYTES);
  const char *name = strstr(default_job, "\"name\":\"\"");
  jg_buf_append(&expected, default_job, (size_t)(name - default_job));
  jg_buf_append_str(&expected, JG_STR("\"name\":\"a name\""));
  jg_buf_append_str(&expected, jg_str_from_cstr(name + strlen("\"name\":\"\"")));
  assert_out(fixture, jg_buf_str(&expected));
  jg_buf_done(&expected);
}

/* A stored payload is ours, but a damaged one must neither crash nor break the JSON around it. */
static void damaged_payloads_still_make_json(void **state) {
  struct fixture *fixture = *state;
  struct jg_sample sample;
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_job, jg_sample_job_len), &fixture->arena);
  struct jg_parts parts = *jg_sample_job_parts(&sample);
  struct jg_str whole = parts.payload;
  for (size_t len = 0; len <= whole.len; len++) {
    char *cut = jg_alloc(len);
    memcpy(cut, whole.data, len);
    parts.payload = jg_str_make(cut, len);
    jg_buf_clear(&fixture->out);
    jg_json_encode(&json_style, &parts, JG_STR_NONE, false, &fixture->out);
    assert_int_equal(member_count(jg_buf_str(&fixture->out)), 52);
    jg_free(cut);
  }
  jg_sample_done(&sample);
}

static void no_byte_beyond_the_payload_is_read(void **state) {
  struct fixture *fixture = *state;
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  for (size_t len = 1; len < 50; len++) {
    for (size_t special = 0; special <= len; special++) {
      char text[50];
      memset(text, 'x', len);
      if (special < len) {
        text[special] = '\n';
      }
      jg_buf_clear(&fixture->payload);
      jg_wire_put_bytes(&fixture->payload, 57, jg_str_make(text, len));
      // A copy of exactly its size, so that a byte read too far is caught.
      char *exact = jg_alloc(fixture->payload.len);
      memcpy(exact, fixture->payload.data, fixture->payload.len);
      parts.payload = jg_str_make(exact, fixture->payload.len);
      jg_buf_clear(&fixture->out);
      jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
      struct jg_buf expected;
      jg_buf_init(&expected, OUT_BYTES);
      jg_buf_append_str(&expected, JG_STR("\"estimated_quantity_remark\":"));
      jg_json_encode_string(JG_JSON_ESCAPE_JSON, jg_str_make(text, len), &expected);
      jg_buf_append_str(&expected, JG_STR(",\"modified_dateutc\":\"1980-01-01T00:00:00+00:00\"}"));
      assert_true(jg_str_ends_with(jg_buf_str(&fixture->out), jg_buf_str(&expected)));
      jg_buf_done(&expected);
      jg_free(exact);
    }
  }
}

static void escapes_make_the_buffer_grow(void **state) {
  struct fixture *fixture = *state;
  static char text[20000];
  memset(text, 1, sizeof(text));
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  jg_wire_put_bytes(&fixture->payload, 22, jg_str_make(text, sizeof(text)));
  jg_wire_put_bytes(&fixture->payload, 24, jg_str_make(text, sizeof(text)));
  parts.payload = jg_buf_str(&fixture->payload);
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  assert_false(fixture->out.failed);
  assert_int_equal(fixture->out.len, sizeof(default_job) - 1 + sizeof(text) * 2 * 6);
  assert_int_equal(member_count(jg_buf_str(&fixture->out)), 52);
}

static void numbers_and_dates_keep_their_edges(void **state) {
  struct fixture *fixture = *state;
  struct jg_parts parts = {.entity = jg_entity(JG_KIND_JOB)};
  jg_wire_put_uint(&fixture->payload, 23, (uint64_t)(int64_t)INT32_MIN);
  jg_wire_put_uint(&fixture->payload, 26, INT32_MAX);
  jg_wire_put_timestamp(&fixture->payload, 27, JG_TICKS_MIN);
  jg_wire_put_timestamp(&fixture->payload, 28, JG_TICKS_MAX);
  jg_wire_put_bytes(&fixture->payload, 29, JG_STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"));  // No date.
  jg_wire_put_tag(&fixture->payload, 55, JG_WIRE_FIXED64);
  double tiny = 5e-324;
  jg_buf_append(&fixture->payload, &tiny, sizeof(tiny));
  parts.payload = jg_buf_str(&fixture->payload);
  jg_json_encode(&json_style, &parts, JG_STR_NONE, true, &fixture->out);
  static const char *const expected[] = {
      "\"working_sequence\":-2147483648,",
      "\"estimated_time\":2147483647,",
      "\"earliest_date_plannable\":\"0001-01-01T00:00:00+00:00\",",
      "\"due_date\":\"9999-12-31T23:59:59.9999999+00:00\",",
      "\"date_create\":\"1980-01-01T00:00:00+00:00\",",
      "0000000000000005,\"db_address_longitude_decimal\":0.0,",
  };
  for (size_t i = 0; i < JG_COUNT(expected); i++) {
    assert_non_null(memmem(fixture->out.data, fixture->out.len, expected[i], strlen(expected[i])));
  }
  assert_int_equal(member_count(jg_buf_str(&fixture->out)), 52);
}

static void the_maximum_is_met_exactly(void **state) {
  struct fixture *fixture = *state;
  struct jg_sample sample;
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_job, jg_sample_job_len), &fixture->arena);
  jg_sample_expand(&sample, &odata_style);
  jg_json_encode(&odata_style, jg_sample_job_parts(&sample), JG_STR_NONE, true, &fixture->out);
  size_t exact = fixture->out.len;
  static const char head[] = "before";
  for (size_t max = exact - 40; max < exact + 60; max += 5) {
    struct jg_buf buf;
    jg_buf_init(&buf, max + sizeof(head));
    jg_buf_append(&buf, head, sizeof(head));
    jg_json_encode(&odata_style, jg_sample_job_parts(&sample), JG_STR_NONE, true, &buf);
    assert_int_equal(buf.failed, max < exact);
    assert_int_equal(buf.len, sizeof(head) + (buf.failed ? 0 : exact));
    assert_memory_equal(buf.data, head, sizeof(head));
    if (!buf.failed) {
      assert_memory_equal(buf.data + sizeof(head), fixture->out.data, exact);
    }
    size_t len = buf.len;
    jg_json_encode(&odata_style, jg_sample_job_parts(&sample), JG_STR_NONE, true, &buf);
    assert_true(buf.failed);
    assert_int_equal(buf.len, len);
    jg_buf_done(&buf);
  }
  jg_sample_done(&sample);
}

/* What the encoder takes for granted of the tables. */
static void the_schema_fits_the_encoder(void **state) {
  (void)state;
  for (int kind = 1; kind < JG_KIND_COUNT; kind++) {
    const struct jg_entity *entity = jg_entity((enum jg_kind)kind);
    uint32_t number = 0;
    for (size_t i = 0; entity != NULL && i < entity->member_count; i++) {
      const struct jg_member *member = &entity->members[i];
      assert_in_range(member->json_key.len, 4, JG_JSON_KEY_BYTES_MAX);
      assert_true(member->number > number && member->number < JG_JOB_REVISION_NUMBER);
      number = member->number;
      const struct jg_entity *target = jg_entity((enum jg_kind)member->target);
      for (size_t t = 0; member->type == JG_TYPE_ENTITY_LIST && t < target->member_count; t++) {
        assert_int_not_equal(target->members[t].type, JG_TYPE_ENTITY);
        assert_int_not_equal(target->members[t].type, JG_TYPE_ENTITY_LIST);
        assert_int_equal(target->members[t].flags & JG_MEMBER_DERIVED_KEY, 0);
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_sample_comes_back_literally, set_up, tear_down),
      cmocka_unit_test_setup_teardown(every_entity_has_its_members, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_empty_payload_is_all_defaults, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_context_stands_first, set_up, tear_down),
      cmocka_unit_test_setup_teardown(relations_give_node_and_key, set_up, tear_down),
      cmocka_unit_test_setup_teardown(some_members_are_written_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(lists_are_written_from_the_wire, set_up, tear_down),
      cmocka_unit_test_setup_teardown(unknown_fields_are_passed_over, set_up, tear_down),
      cmocka_unit_test_setup_teardown(damaged_payloads_still_make_json, set_up, tear_down),
      cmocka_unit_test_setup_teardown(no_byte_beyond_the_payload_is_read, set_up, tear_down),
      cmocka_unit_test_setup_teardown(escapes_make_the_buffer_grow, set_up, tear_down),
      cmocka_unit_test_setup_teardown(numbers_and_dates_keep_their_edges, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_maximum_is_met_exactly, set_up, tear_down),
      cmocka_unit_test(the_schema_fits_the_encoder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
