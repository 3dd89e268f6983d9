#include "bridge/odata/cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/codec/json_encode.h"
#include "proto/codec/sample.h"
#include "proto/schema/members.h"

static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};

static struct {
  struct jg_arena arena;
  struct jg_buf json; /* the sample, whole */
} fixture;

static int setup(void **state) {
  (void)state;
  struct jg_sample sample;
  jg_arena_init(&fixture.arena, 8u << 20);
  jg_buf_init(&fixture.json, 1u << 20);
  jg_sample_init(&sample, jg_str_make((const char *)jg_sample_job, jg_sample_job_len), &fixture.arena);
  jg_sample_expand(&sample, &style);
  jg_json_encode(&style, jg_sample_job_parts(&sample), JG_STR_NONE, true, &fixture.json);
  jg_sample_done(&sample);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_buf_done(&fixture.json);
  jg_arena_done(&fixture.arena);
  return 0;
}

static struct jg_buf cut(enum jg_kind kind, struct jg_str json, struct jg_odata_wish wish) {
  const struct jg_odata_shape *shape = NULL;
  struct jg_status status = jg_odata_shape_parse(&wish, jg_entity(kind), &fixture.arena, &shape);
  assert_true(jg_status_ok(status));
  struct jg_buf out;
  jg_buf_init(&out, 1u << 20);
  jg_odata_cut(json, shape, &out);
  assert_false(out.failed);
  return out;
}

static void everything_stays_as_it_is(void **state) {
  (void)state;
  struct jg_buf out = cut(JG_KIND_JOB, jg_buf_str(&fixture.json), (struct jg_odata_wish){.embed = true});
  assert_true(jg_str_equal(jg_buf_str(&out), jg_buf_str(&fixture.json)));
  jg_buf_done(&out);
}

/* Brackets and quotes in strings, missing entities, lists, words, numbers. */
#define MODEL                                                                                                     \
  "{\"id\":\"m\",\"code\":\"a\\\"}],{\",\"equipment_brand_id\":\"b\",\"equipment_brand\":{\"id\":\"b\",\"name\":" \
  "\"\\\\\","                                                                                                     \
  "\"code\":\"}\"},\"warranty_period_nb_months\":12,\"translations\":[{\"field_name\":\"]\"},{}],"                \
  "\"modified_dateutc\":\"d\"}"

static const struct {
  const char *select, *expand;
  bool embed;
  const char *json;
} cases[] = {
    {NULL, NULL, true, MODEL},
    {"id", NULL, true, "{\"id\":\"m\"}"},
    {"code,modified_dateutc", NULL, true, "{\"code\":\"a\\\"}],{\",\"modified_dateutc\":\"d\"}"},
    {"translations", NULL, true, "{\"translations\":[{\"field_name\":\"]\"},{}]}"},
    {"warranty_period_nb_months", NULL, true, "{\"warranty_period_nb_months\":12}"},
    {"sales_organization", NULL, true, "{}"},
    {"equipment_brand", NULL, true, "{\"equipment_brand\":{\"id\":\"b\",\"name\":\"\\\\\",\"code\":\"}\"}}"},
    {"id", "equipment_brand($select=code)", true, "{\"id\":\"m\",\"equipment_brand\":{\"code\":\"}\"}}"},
    {"id,equipment_brand/name", NULL, true, "{\"id\":\"m\",\"equipment_brand\":{\"name\":\"\\\\\"}}"},
    {"id", "equipment_brand($select=sales_organization)", true, "{\"id\":\"m\",\"equipment_brand\":{}}"},
    {"id,translations", "equipment_brand", false,
     "{\"id\":\"m\",\"equipment_brand\":{\"id\":\"b\",\"name\":\"\\\\\",\"code\":\"}\"},\"translations\":[{\"field_"
     "name\":"
     "\"]\"},{}]}"},
};

static void shapes_cut(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    struct jg_odata_wish wish = {jg_str_from_cstr(cases[i].select), jg_str_from_cstr(cases[i].expand), cases[i].embed};
    struct jg_buf out = cut(JG_KIND_EQUIPMENT_MODEL, JG_STR(MODEL), wish);
    jg_buf_append_char(&out, '\0');
    assert_string_equal(out.data, cases[i].json);
    jg_buf_done(&out);
  }
}

static void five_levels(void **state) {
  (void)state;
  const struct jg_odata_wish wish = {
      JG_STR("id"),
      JG_STR("project($select=id;$expand=equipment_model($select=id;$expand=equipment_family($select=id;"
             "$expand=sales_organization($select=code))))"),
      true};
  struct jg_buf out = cut(JG_KIND_JOB, jg_buf_str(&fixture.json), wish);
  jg_buf_append_char(&out, '\0');
  assert_non_null(strstr(out.data, "\",\"equipment_model\":{\"id\":\""));
  assert_non_null(strstr(out.data, "\",\"equipment_family\":{\"id\":\""));
  assert_non_null(strstr(out.data, "\",\"sales_organization\":{\"code\":\"sample string 2\"}}}}}"));
  assert_null(strstr(out.data, "name"));
  jg_buf_done(&out);
}

static void one_member(void **state) {
  (void)state;
  const struct jg_entity *model = jg_entity(JG_KIND_EQUIPMENT_MODEL);
  static const struct {
    uint8_t member;
    const char *text;
  } rows[] = {{JG_EQUIPMENT_MODEL_ID, "\"m\""},
              {JG_EQUIPMENT_MODEL_CODE, "\"a\\\"}],{\""},
              {JG_EQUIPMENT_MODEL_WARRANTY_PERIOD_NB_MONTHS, "12"},
              {JG_EQUIPMENT_MODEL_MODIFIED_DATEUTC, "\"d\""}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_str text = jg_odata_member_text(JG_STR(MODEL), model, &model->members[rows[i].member]);
    assert_true(jg_str_equal(text, jg_str_from_cstr(rows[i].text)));
  }
  // What the text does not hold: in front of what it holds, between, behind, and in nothing.
  const struct jg_member *id = &model->members[JG_EQUIPMENT_MODEL_ID];
  const struct jg_member *brand = &model->members[JG_EQUIPMENT_MODEL_EQUIPMENT_BRAND];
  static const char *const without[] = {"{}", "{\"code\":\"c\"}", "{\"equipment_family_id\":\"f\"}"};
  for (size_t i = 0; i < JG_COUNT(without); i++) {
    assert_null(jg_odata_member_text(jg_str_from_cstr(without[i]), model, id).data);
    assert_null(jg_odata_member_text(jg_str_from_cstr(without[i]), model, brand).data);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(everything_stays_as_it_is, setup, teardown),
      cmocka_unit_test_setup_teardown(shapes_cut, setup, teardown),
      cmocka_unit_test_setup_teardown(five_levels, setup, teardown),
      cmocka_unit_test_setup_teardown(one_member, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
