// The documents against the schema tables they are made of.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/meta/meta_internal.h"

static const enum jg_kind jobs[] = {JG_KIND_JOB};

/* With a NUL; ended by jg_buf_done. */
static struct jg_buf csdl_of(const enum jg_kind *sets, size_t count) {
  struct jg_buf text;
  jg_buf_init(&text, 1u << 20);
  jg_meta_write_csdl(sets, count, &text);
  jg_buf_append_char(&text, '\0');
  assert_false(text.failed);
  return text;
}

static int count_of(const char *text, const char *piece) {
  int count = 0;
  for (const char *at = text; (at = strstr(at, piece)) != NULL; at++) {
    count++;
  }
  return count;
}

static const struct {
  const char *piece;
  int count; /* -1: some */
} csdl_pieces[] = {
    {"<EntityType Name=\"jobs\">\n        <Key>\n          <PropertyRef Name=\"id\"/>", 1},
    {"<EntityType ", 13},
    {"<ComplexType Name=\"translation\">", 1},
    {"<ComplexType ", 1},
    {"<Property Name=\"_parent_id\" Type=\"Edm.Guid\" Nullable=\"false\">", -1},
    {"<Property Name=\"_parent_jobs_reference_back_office\" Type=\"Edm.String\" Nullable=\"false\">", 1},
    {"<Property Name=\"name\" Type=\"Edm.String\" Nullable=\"false\" MaxLength=\"255\">", 1},
    {"<Property Name=\"estimated_time\" Type=\"Edm.Int32\" Nullable=\"false\">", 1},
    {"<Property Name=\"is_mobile_installation\" Type=\"Edm.Boolean\" Nullable=\"false\">", 1},
    {"<Property Name=\"due_date\" Type=\"Edm.DateTimeOffset\" Nullable=\"false\" Precision=\"7\">", 1},
    {"<Property Name=\"date_built\" Type=\"Edm.DateTimeOffset\" Nullable=\"false\" Precision=\"0\">", 1},
    {"Type=\"Edm.Decimal\" Nullable=\"false\" Scale=\"variable\">", 2},
    {"<Property Name=\"translations\" Type=\"Collection(jobgate.translation)\" Nullable=\"false\">", 1},
    {"<NavigationProperty Name=\"_parent_job\" Type=\"jobgate.jobs\">", 1},
    {"<NavigationProperty Name=\"suggested_user\" Type=\"jobgate.user\">", 1},
    {"<ReferentialConstraint", 0},
    {"String=\"Embedded entity &quot;project&quot; when adding/updating job\"", 1},
    {"<EntitySet Name=\"Jobs\" EntityType=\"jobgate.jobs\">", 1},
    {"<EntitySet ", 1},
    {"<NavigationPropertyBinding Path=\"_parent_job\" Target=\"Jobs\"/>", 1},
    {"<NavigationPropertyBinding ", 1},
};

static void csdl_holds_what_the_schema_says(void **state) {
  (void)state;
  struct jg_buf text = csdl_of(jobs, JG_COUNT(jobs));
  for (size_t i = 0; i < JG_COUNT(csdl_pieces); i++) {
    int count = count_of(text.data, csdl_pieces[i].piece);
    if (csdl_pieces[i].count < 0 ? count == 0 : count != csdl_pieces[i].count) {
      fail_msg("%s: %d", csdl_pieces[i].piece, count);
    }
  }
  int members = 0;
  for (enum jg_kind kind = JG_KIND_NONE; kind < JG_KIND_COUNT; kind++) {
    members += jg_meta_is_type(jg_entity(kind)) ? jg_entity(kind)->member_count : 0;
  }
  assert_int_equal(count_of(text.data, "<Property ") + count_of(text.data, "<NavigationProperty "), members);
  jg_buf_done(&text);
}

static void further_sets_are_bound(void **state) {
  (void)state;
  static const enum jg_kind sets[] = {JG_KIND_JOB, JG_KIND_PROJECT, JG_KIND_SALES_ORGANIZATION};
  struct jg_buf text = csdl_of(sets, JG_COUNT(sets));
  assert_int_equal(count_of(text.data, "<EntitySet "), 3);
  assert_int_equal(count_of(text.data, "<NavigationPropertyBinding Path=\"project\" Target=\"Project\"/>"), 1);
  jg_buf_done(&text);
  const struct jg_meta_options options = {.sets = sets, .set_count = JG_COUNT(sets)};
  struct jg_meta *meta = jg_meta_create(&options);
  jg_buf_init(&text, 4096);
  jg_meta_write_service(meta, JG_STR("http://a/api"), &text);
  assert_true(
      jg_str_equal(jg_buf_str(&text), JG_STR("{\"@odata.context\":\"http://a/api/$metadata\",\"value\":["
                                             "{\"name\":\"Jobs\",\"kind\":\"EntitySet\",\"url\":\"Jobs\"},"
                                             "{\"name\":\"Project\",\"kind\":\"EntitySet\",\"url\":\"Project\"},"
                                             "{\"name\":\"SalesOrganization\",\"kind\":\"EntitySet\","
                                             "\"url\":\"SalesOrganization\"}]}")));
  jg_buf_done(&text);
  jg_meta_destroy(meta);
}

static void operations_follow_the_sets(void **state) {
  (void)state;
  static const enum jg_kind sets[] = {JG_KIND_JOB, JG_KIND_JOB_TYPE, JG_KIND_JOB_STATUS};
  static const struct {
    const char *text; /* method, path, summary */
  } operations[] = {
      {"GET Jobs Retrieves all the work orders"},
      {"GET Jobs({id}) Retrieves a work order"},
      {"POST Jobs Adds a work order"},
      {"PUT Jobs({id}) Updates a work order: what is left out of the body stays as it is"},
      {"PATCH Jobs({id}) Updates a work order, just as PUT"},
      {"DELETE Jobs({id}) Deletes a work order"},
      {"GET Jobs/$count Retrieves the number of work orders"},
      {"GET Jobs/$changes Streams each change of a work order as it is committed"},
      {"PUT Jobs/ChangeToVirtualStatus Gives a Completed work order one of the virtual statuses below Completed"},
      {"GET JobType Retrieves all the job types"},
      {"GET JobType({id}) Retrieves a job type"},
      {"POST JobType Adds a job type"},
      {"PUT JobType({id}) Updates a job type: what is left out of the body stays as it is"},
      {"PATCH JobType({id}) Updates a job type, just as PUT"},
      {"DELETE JobType({id}) Deletes a job type"},
      {"GET JobType/$count Retrieves the number of job types"},
      {"GET JobStatus Retrieves all the job statuses"},
      {"GET JobStatus({id}) Retrieves a job status"},
      {"GET JobStatus/$count Retrieves the number of job statuses"},
  };
  struct jg_meta_api *api = jg_meta_api_create(sets, JG_COUNT(sets));
  assert_int_equal(api->count, JG_COUNT(operations));
  for (size_t i = 0; i < api->count; i++) {
    const struct jg_meta_operation *operation = &api->operations[i];
    char text[256];
    (void)snprintf(text, sizeof(text), "%s %s %s", operation->method, operation->path, operation->summary);
    assert_string_equal(text, operations[i].text);
  }
  jg_free(api);
}

static void samples_count_values_alone(void **state) {
  (void)state;
  struct jg_buf text;
  jg_buf_init(&text, 1u << 20);
  jg_meta_write_sample(jg_entity(JG_KIND_TRANSLATION), &text);
  assert_true(jg_str_equal(jg_buf_str(&text), JG_STR("{\n  \"field_name\": \"sample string 1\",\n"
                                                     "  \"language_code\": \"sample string 2\",\n"
                                                     "  \"value_translated\": \"sample string 3\"\n}")));
  jg_buf_clear(&text);
  jg_meta_write_sample(jg_entity(JG_KIND_JOB), &text);
  jg_buf_append_char(&text, '\0');
  assert_null(strstr(text.data, "_parent_job\""));
  assert_non_null(strstr(text.data, "\n  \"working_sequence\": 19,\n"));
  assert_non_null(strstr(text.data, "\n  \"db_address_latitude_decimal\": 49.0,\n"));
  assert_non_null(strstr(text.data, "\n    \"date_built\": \"2026-01-29T00:00:00+00:00\",\n"));
  assert_int_equal(count_of(text.data, "\"value_translated\": \"sample string 3\""), 2);
  jg_buf_done(&text);
}

static void texts_are_escaped(void **state) {
  (void)state;
  struct jg_buf text;
  jg_buf_init(&text, 256);
  jg_meta_escape(JG_STR("<a href=\"x\">&'</a>"), &text);
  assert_true(jg_str_equal(jg_buf_str(&text), JG_STR("&lt;a href=&quot;x&quot;&gt;&amp;&#39;&lt;/a&gt;")));
  jg_buf_done(&text);
  assert_true(jg_str_equal(jg_meta_doc(JG_STR("Latitude.")), JG_STR("Latitude")));
  assert_true(jg_str_equal(jg_meta_doc(JG_STR("(Call,...).")), JG_STR("(Call,...)")));
  assert_int_equal(jg_meta_doc(JG_STR("")).len, 0);
}

static const struct {
  const char *path;
  bool found;
} paths[] = {
    {"/api/$metadata", true},
    {"/API/$METADATA/", true},
    {"/Help", true},
    {"/Help/", true},
    {"/help/api/post-api-jobs", true},
    {"/Help/Api/PATCH-api-Jobs(id)", true},
    {"/Help/Api/GET-api-Jobs-$count", true},
    {"/Help/Api/PUT-api-Jobs-ChangeToVirtualStatus", true},
    {"/Help/Api/GET-api-Jobs-$changes", true},
    {"/Help/Api/GET-api-JobType", false},
    {"/Help/ResourceModel/translation", true},
    {"/openapi.json", true},
    {"", false},
    {"/", false},
    {"/Help//", false},
    {"/Help/Api", false},
    {"/Help/Api/GET-api-Jobs(", false},
};

static void documents_are_found(void **state) {
  (void)state;
  const struct jg_meta_options options = {.sets = jobs, .set_count = JG_COUNT(jobs)};
  struct jg_meta *meta = jg_meta_create(&options);
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    const struct jg_meta_document *document = jg_meta_find(meta, jg_str_from_cstr(paths[i].path));
    if ((document != NULL) != paths[i].found) {
      fail_msg("%s", paths[i].path);
    }
    for (enum jg_coding coding = JG_CODING_GZIP; document != NULL && coding < JG_CODING_COUNT; coding++) {
      struct jg_buf text;
      jg_buf_init(&text, 1u << 20);
      assert_true(jg_status_ok(jg_coding_expand(coding, jg_bytes_str(document->forms[coding]), &text)));
      assert_true(jg_str_equal(jg_buf_str(&text), jg_bytes_str(document->forms[JG_CODING_IDENTITY])));
      jg_buf_done(&text);
    }
  }
  jg_meta_destroy(meta);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(csdl_holds_what_the_schema_says),
      cmocka_unit_test(further_sets_are_bound),
      cmocka_unit_test(operations_follow_the_sets),
      cmocka_unit_test(samples_count_values_alone),
      cmocka_unit_test(texts_are_escaped),
      cmocka_unit_test(documents_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
