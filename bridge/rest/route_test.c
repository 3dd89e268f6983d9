// Paths to routes, and links.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/rest/rest_internal.h"

#define KEY "2044b92d-5f11-4c3a-a5c5-0a94e2a5f001"
#define ZERO "00000000-0000-0000-0000-000000000000"
#define UPPER "2044B92D-5F11-4C3A-A5C5-0A94E2A5F001"

static const struct {
  const char *path;
  enum jg_rest_route route;
} paths[] = {
    {"/api/Jobs", JG_REST_JOBS},
    {"/api/Jobs/", JG_REST_JOBS},
    {"/API/JOBS", JG_REST_JOBS},
    {"/api/jobs", JG_REST_JOBS},
    {"/%61pi/%4aobs", JG_REST_JOBS},
    {"/api/Jobs(" KEY ")", JG_REST_JOB},
    {"/api/Jobs(" UPPER ")", JG_REST_JOB},
    {"/api/jobs%28" KEY "%29", JG_REST_JOB},
    {"/api/Jobs(" KEY ")/", JG_REST_JOB},
    {"/api/Jobs(" KEY, JG_REST_BAD_KEY},
    {"/api/Jobs(" KEY "))", JG_REST_BAD_KEY},
    {"/api/Jobs(id=" KEY ")", JG_REST_JOB},
    {"/api/Jobs(id%3D" KEY ")/name", JG_REST_PROPERTY},
    {"/api/JobType(id=" KEY ")", JG_REST_ENTITY},
    {"/api/Jobs(ID=" KEY ")", JG_REST_BAD_KEY},
    {"/api/Jobs(name=" KEY ")", JG_REST_BAD_KEY},
    {"/api/Jobs(id=id=" KEY ")", JG_REST_BAD_KEY},
    {"/api/Jobs(id=)", JG_REST_BAD_KEY},
    {"/api/Jobs('" KEY "')", JG_REST_BAD_KEY},
    {"/api/Jobs({" KEY "})", JG_REST_BAD_KEY},
    {"/api/Jobs( " KEY ")", JG_REST_BAD_KEY},
    {"/api/Jobs(+" KEY ")", JG_REST_BAD_KEY},
    {"/api/Jobs(1)", JG_REST_BAD_KEY},
    {"/api/Jobs(" ZERO ")", JG_REST_BAD_KEY},
    {"/api/Project(id=" ZERO ")/equipment_family", JG_REST_BAD_KEY},
    {"/api/Jobs()", JG_REST_BAD_KEY},
    {"/api/Jobs(", JG_REST_BAD_KEY},
    {"/api/Jobs(" KEY ")x", JG_REST_BAD_KEY},
    {"/api/Jobs(" KEY "%00)", JG_REST_BAD_KEY},
    {"/api/Jobs%2", JG_REST_BAD_PATH},
    {"/%", JG_REST_BAD_PATH},
    {"/api/Jobs%zz", JG_REST_BAD_PATH},
    {"/api", JG_REST_SERVICE},
    {"/api/", JG_REST_SERVICE},
    {"/api/$metadata", JG_REST_METADATA},
    {"/api/%24metadata", JG_REST_METADATA},
    {"/api/$batch", JG_REST_NOT_BUILT},
    {"/api/Jobs/$count", JG_REST_COUNT},
    {"/api/jobs/%24count/", JG_REST_COUNT},
    {"/api/Jobs/$count/x", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/$count", JG_REST_NONE},
    {"/api/jobs/changetovirtualstatus", JG_REST_CHANGE},
    {"/help", JG_REST_HELP},
    {"/Help/Api/GET-api-Jobs(id)", JG_REST_HELP},
    {"/openapi.json", JG_REST_OPENAPI},
    {"/openapi.json/x", JG_REST_NONE},
    {"/api/$metadata/x", JG_REST_NONE},
    {"/Helps", JG_REST_NONE},
    {"", JG_REST_NONE},
    {"*", JG_REST_NONE},
    {"/", JG_REST_NONE},
    {"//api/Jobs", JG_REST_NONE},
    {"/api//Jobs", JG_REST_NONE},
    {"/api/Jobs//", JG_REST_NONE},
    {"/api/Job", JG_REST_NONE},
    {"/api/Jobsx", JG_REST_NONE},
    {"/api/Projects(" KEY ")", JG_REST_NONE},
    {"/apis/Jobs", JG_REST_NONE},
    {"/api%2fJobs", JG_REST_NONE},
    {"/api/Jobs%00", JG_REST_NONE},
    {"/api/Jobs+", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/name", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/_Parent_Id/", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/name/$value", JG_REST_VALUE},
    {"/api/Jobs(" KEY ")/due_date/%24value/", JG_REST_VALUE},
    {"/api/Jobs(" KEY ")/project", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/_parent_job", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/project/$value", JG_REST_NOT_BUILT},
    {"/api/Jobs(" KEY ")/project/name", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/Project/NAME/%24value/", JG_REST_VALUE},
    {"/api/Jobs(" KEY ")/project/equipment_model", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/project/equipment_model/equipment_brand/sales_organization/code/$value", JG_REST_VALUE},
    {"/api/Jobs(" KEY ")/project/equipment_model/translations", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/project/equipment_model/translations/$value", JG_REST_NOT_BUILT},
    {"/api/Jobs(" KEY ")/project/equipment_model/translations/field_name", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/project/equipment_model/$value", JG_REST_NOT_BUILT},
    {"/api/Jobs(" KEY ")/project/nothing", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/project/nothing/name", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/project/name/name", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/project/name/$value/x", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/project/$count", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/_parent_job/name", JG_REST_PROPERTY},
    {"/api/Jobs(" KEY ")/_parent_job/project/name", JG_REST_NOT_BUILT},
    {"/api/Jobs(" KEY ")/_parent_job/_parent_job", JG_REST_NOT_BUILT},
    {"/api/Jobs(" KEY ")/_parent_job/nothing", JG_REST_NONE},
    {"/api/Jobs(x)/project/name", JG_REST_BAD_KEY},
    {"/api/Jobs/project/name", JG_REST_NONE},
    {"/api/EquipmentModel(" KEY ")/translations", JG_REST_PROPERTY},
    {"/api/EquipmentModel(" KEY ")/translations/$value", JG_REST_NOT_BUILT},
    {"/api/Jobs(" KEY ")/_parent_job/$value", JG_REST_NOT_BUILT},
    {"/api/Jobs(" KEY ")/nothing", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/revision", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/name/value", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/$value", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/name/$value/x", JG_REST_NONE},
    {"/api/Jobs(x)/name", JG_REST_BAD_KEY},
    {"/api/Jobs/name", JG_REST_NONE},
    {"/api/Jobs/a/b/c/d/e/f", JG_REST_NONE},
    {"/api/Jobs(" KEY ")/project/project/project/project/project/project/project/name", JG_REST_NONE},
    {"/favicon.ico", JG_REST_NONE},
    {"/api/JobType", JG_REST_ENTITIES},
    {"/API/jobtype/", JG_REST_ENTITIES},
    {"/api/JobType(" UPPER ")", JG_REST_ENTITY},
    {"/api/JobType(x)", JG_REST_BAD_KEY},
    {"/api/JobType/$count", JG_REST_COUNT},
    {"/api/JobType/ChangeToVirtualStatus", JG_REST_NONE},
    {"/api/JobType(" KEY ")/name", JG_REST_PROPERTY},
    {"/api/JobType(" KEY ")/name/$value", JG_REST_VALUE},
    {"/api/JobType(" KEY ")/sales_organization_code", JG_REST_NONE},
    {"/api/Skill(" KEY ")/sales_organization", JG_REST_PROPERTY},
    {"/api/Skill(" KEY ")/sales_organization/name", JG_REST_PROPERTY},
    {"/api/Project(" KEY ")/equipment_model/name/$value", JG_REST_VALUE},
    {"/api/JobStatus", JG_REST_ENTITIES},
    {"/api/JobPlanning(" KEY ")", JG_REST_ENTITY},
    {"/api/job_type", JG_REST_NONE},
    {"/api/Translation", JG_REST_NONE},
    {"/api/(" KEY ")", JG_REST_NONE},
};

static void paths_are_routed(void **state) {
  (void)state;
  struct jg_uuid expected;
  assert_true(jg_uuid_parse(JG_STR(KEY), &expected));
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 4096);
    struct jg_rest_target target = {.property = NULL};
    enum jg_rest_route route = jg_rest_route_of(jg_str_from_cstr(paths[i].path), &arena, &target);
    if (route != paths[i].route) {
      fail_msg("%s: %d", paths[i].path, route);
    }
    bool member = route == JG_REST_PROPERTY || route == JG_REST_VALUE;
    assert_true(!(member || route == JG_REST_JOB) || jg_uuid_equal(target.key, expected));
    assert_int_equal(target.property != NULL, member);
    jg_arena_done(&arena);
  }
}

static void odata_paths_are_known(void **state) {
  (void)state;
  assert_true(jg_rest_is_odata(JG_STR("/api")));
  assert_true(jg_rest_is_odata(JG_STR("/API/nothing")));
  assert_true(jg_rest_is_odata(JG_STR_NONE));
  assert_false(jg_rest_is_odata(JG_STR("/apis")));
  assert_false(jg_rest_is_odata(JG_STR("/")));
}

static const struct {
  const char *url;
  bool valid;
} urls[] = {
    {"http://a", true},
    {"https://jobs.example.com:8443", true},
    {"https://[::1]:80/a/b-c_d.e~f", true},
    {"", false},
    {"http://", false},
    {"https:///a", false},
    {"ftp://a", false},
    {"HTTP://a", false},
    {"a.example.com", false},
    {"http://a/", false},
    {"http://a/b/", false},
    {"http://a//b", false},
    {"http://a?b", false},
    {"http://a/b?c", false},
    {"http://a/b#c", false},
    {"http://a/b c", false},
    {"http://u@a", false},
    {"http://a\"", false},
    {"http://a/%41", false},
};

static void public_urls_are_checked(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(urls); i++) {
    if (jg_rest_public_url_valid(jg_str_from_cstr(urls[i].url)) != urls[i].valid) {
      fail_msg("%s", urls[i].url);
    }
  }
}

static const struct {
  const char *query;
  int64_t served;
  const char *link;
} links[] = {
    {"", 100, "http://a/api/Jobs?$skip=100&$skiptoken=T"},
    {"$top=250", 100, "http://a/api/Jobs?$top=150&$skip=100&$skiptoken=T"},
    {"$skip=100&$skiptoken=old", 50, "http://a/api/Jobs?$skip=150&$skiptoken=T"},
    {"a=b+c&$top=9&&%26=%3D&d&e=", 1, "http://a/api/Jobs?$top=8&$skip=1&$skiptoken=T&a=b%20c&%26=%3D&d&e="},
    {"$format=JSON", 100, "http://a/api/Jobs?$format=JSON&$skip=100&$skiptoken=T"},
    {"$format=application/json;odata.metadata%3Dminimal", 100,
     "http://a/api/Jobs?$format=application%2Fjson%3Bodata.metadata%3Dminimal&$skip=100&$skiptoken=T"},
    {"$skip=2147483647", 100, "http://a/api/Jobs?$skip=2147483647&$skiptoken=T"},
};

static void next_links_keep_the_query(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(links); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 65536);
    struct jg_odata_query query;
    struct jg_status status = jg_odata_query_parse(jg_str_from_cstr(links[i].query), &arena, &query);
    assert_true(jg_status_ok(status));
    struct jg_buf out;
    jg_buf_init(&out, 65536);
    const struct jg_rest_page page = {jg_entity(JG_KIND_JOB), &query, links[i].served, JG_STR("T"), JG_STR_NONE};
    jg_rest_next_link(JG_STR("http://a/api"), &page, &out);
    jg_buf_append_char(&out, '\0');
    assert_string_equal(out.data, links[i].link);
    jg_buf_done(&out);
    jg_arena_done(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_are_routed),
      cmocka_unit_test(odata_paths_are_known),
      cmocka_unit_test(public_urls_are_checked),
      cmocka_unit_test(next_links_keep_the_query),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
