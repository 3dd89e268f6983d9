// The documents of the API, and the codings of answers and bodies.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/coding/coding.h"
#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"

#define JOB "00000000-0000-0000-0000-000000000005"
#define JOB_PATH "/api/Jobs(" JOB ")"

static const char job_path[] = JOB_PATH;

static int set_up(void **state) {
  (void)state;
  fake_start(251);
  test_door_open((struct jg_rest_options){.embed = true});
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  test_door_close();
  fake_stop();
  return 0;
}

#define JSON_TYPE "application/json; odata.metadata=minimal; charset=utf-8"
#define TEXT_JSON_TYPE "text/json; odata.metadata=minimal; charset=utf-8"

static const struct {
  const char *target, *type, *odata, *piece;
} documents[] = {
    {"/api/$metadata", "application/xml; charset=utf-8", "4.0", "<EntitySet Name=\"Jobs\""},
    {"/API/%24Metadata/", "application/xml; charset=utf-8", "4.0", "<edmx:Edmx Version=\"4.0\""},
    {"/Help", "text/html; charset=utf-8", NULL, "GET-api-Jobs(id)"},
    {"/help/api/get-api-jobs?x=$", "text/html; charset=utf-8", NULL, "Retrieves all the work orders"},
    {"/Help/Api/DELETE-api-Jobs%28id%29", "text/html; charset=utf-8", NULL, "DELETE api/Jobs({id})"},
    {"/Help/ResourceModel/project", "text/html; charset=utf-8", NULL, "is_mobile_installation"},
    {"/openapi.json", "application/json; charset=utf-8", NULL, "\"openapi\":\"3.1.0\""},
};

static void documents_are_served(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(documents); i++) {
    struct jg_test_answer answer = test_door_call("GET", documents[i].target, "Accept: image/png\r\n", NULL);
    if (answer.status != 200 || strstr(answer.body.data, documents[i].piece) == NULL) {
      fail_msg("%s: %d %s", documents[i].target, answer.status, answer.body.data);
    }
    test_door_assert_header(&answer, "content-type", documents[i].type);
    test_door_assert_header(&answer, "odata-version", documents[i].odata);
    test_door_assert_header(&answer, "vary", "Accept-Encoding");
    test_door_assert_header(&answer, "content-encoding", NULL);
    jg_test_answer_done(&answer);
  }
}

static void the_service_document_lists_the_sets(void **state) {
  (void)state;
  static const char *const targets[] = {"/api", "/api/", "/API?x=1"};
  for (size_t i = 0; i < JG_COUNT(targets); i++) {
    struct jg_test_answer answer = test_door_get(targets[i]);
    assert_int_equal(answer.status, 200);
    static const char head[] =
        "{\"@odata.context\":\"http://a.example/api/$metadata\",\"value\":["
        "{\"name\":\"Jobs\",\"kind\":\"EntitySet\",\"url\":\"Jobs\"},{\"name\":\"Project\",\"kind\":\"EntitySet\",";
    assert_memory_equal(answer.body.data, head, sizeof(head) - 1);
    assert_non_null(
        strstr(answer.body.data, "{\"name\":\"JobPlanning\",\"kind\":\"EntitySet\",\"url\":\"JobPlanning\"}]}"));
    test_door_assert_header(&answer, "content-type", JSON_TYPE);
    test_door_assert_header(&answer, "odata-version", "4.0");
    jg_test_answer_done(&answer);
  }
}

static const struct {
  const char *method, *target, *fields;
  int status;
  const char *field, *value;
} refusals[] = {
    {"POST", "/api/$metadata", WITH_JSON, 405, "allow", "GET, HEAD"},
    {"DELETE", "/api/", "", 405, "allow", "GET, HEAD"},
    {"PUT", "/Help", WITH_JSON, 405, "allow", "GET, HEAD"},
    {"GET", "/Help/Api/GET-api-Nothing", "", 404, "allow", NULL},
    {"GET", "/Help/Api", "", 404, "allow", NULL},
    {"GET", "/api?$top=1", "", 400, "odata-version", "4.0"},
    {"GET", "/api/?$format=json", "", 200, "odata-version", "4.0"},
    {"GET", "/api/$metadata", "OData-MaxVersion: 3.0\r\n", 400, "odata-version", "4.0"},
    {"GET", "/api", "Accept: application/xml\r\n", 406, "odata-version", "4.0"},
    {"GET", "/api?$format=json", "Accept: application/atom+xml,application/xml\r\n", 200, "content-type", JSON_TYPE},
    {"GET", "/api?$format=json", "Accept: text/json\r\n", 200, "content-type", JSON_TYPE},
    {"GET", "/api?$nope=json", "Accept: application/xml\r\n", 406, "odata-version", "4.0"},
    {"GET", "/api/Jobs", "Accept-Encoding: identity;q=0\r\n", 406, "content-encoding", NULL},
    {"GET", "/openapi.json", "Accept-Encoding: *;q=0\r\n", 406, "odata-version", NULL},
    {"POST", "/api/Jobs", WITH_JSON "Content-Encoding: br\r\n", 415, "accept-encoding", "gzip, deflate"},
    {"POST", "/api/Jobs", "Content-Type: a/b\r\nContent-Encoding: br\r\n", 415, "accept-encoding", NULL},
    {"POST", "/api/Jobs", WITH_JSON "Content-Encoding: gzip\r\n", 400, "accept-encoding", NULL},
};

static void refusals_tell_why(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(refusals); i++) {
    bool body = refusals[i].method[0] == 'P';
    struct jg_test_answer answer =
        test_door_call(refusals[i].method, refusals[i].target, refusals[i].fields, body ? "{}" : NULL);
    if (answer.status != refusals[i].status) {
      fail_msg("%s %s: %d", refusals[i].method, refusals[i].target, answer.status);
    }
    test_door_assert_header(&answer, refusals[i].field, refusals[i].value);
    jg_test_answer_done(&answer);
  }
  assert_int_equal(fake_seen().calls, 0);
}

/* OData 4.0 part 1, 11.2.11. */
static const struct {
  const char *target, *accept;
  int status;
  const char *type; /* of the answer, unless it is refused */
} formats[] = {
    {"/api/$metadata?$format=json", "", 406, JSON_TYPE},
    {"/api/$metadata?$format=xml", "", 200, "application/xml; charset=utf-8"},
    {"/api/$metadata?$format=application/xml", "", 200, "application/xml; charset=utf-8"},
    {"/api/Jobs?$format=text/json", "", 200, TEXT_JSON_TYPE},
    {"/api/Jobs?$format=TEXT/JSON", "Accept: application/json\r\n", 200, TEXT_JSON_TYPE},
    {"/api/Jobs?$format=application/json;odata.metadata=none", "", 200, JSON_TYPE},
    {"/api/Jobs?$format=application/xml", "", 406, JSON_TYPE},
    {"/api/Jobs?$format=atom", "", 406, JSON_TYPE},
    {"/api/Jobs?$format=json;odata.metadata=none", "", 406, JSON_TYPE},
    {"/api/Jobs/$count?$format=text/plain", "", 200, "text/plain; charset=utf-8"},
    {"/api/Jobs/$count?$format=json", "", 406, JSON_TYPE},
};

static void formats_are_chosen(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(formats); i++) {
    struct jg_test_answer answer = test_door_call("GET", formats[i].target, formats[i].accept, NULL);
    if (answer.status != formats[i].status) {
      fail_msg("%s: %d", formats[i].target, answer.status);
    }
    test_door_assert_header(&answer, "content-type", formats[i].type);
    assert_true(answer.status == 200 || strstr(answer.body.data, "\"$format must be ") != NULL);
    jg_test_answer_done(&answer);
  }
}

/* The body of an answer, decoded, with a NUL. */
static struct jg_buf decoded(const struct jg_test_answer *answer, enum jg_coding coding) {
  struct jg_buf text;
  jg_buf_init(&text, 64u << 20);
  struct jg_status status = jg_coding_expand(coding, jg_str_make(answer->body.data, answer->body.len - 1), &text);
  assert_true(jg_status_ok(status));
  jg_buf_append_char(&text, '\0');
  return text;
}

static void answers_are_coded(void **state) {
  (void)state;
  static const char *const targets[] = {job_path, "/api/Jobs", "/api/$metadata", "/Help", "/openapi.json"};
  static const char *const names[] = {NULL, "gzip", "deflate"};
  for (size_t i = 0; i < JG_COUNT(targets); i++) {
    struct jg_test_answer plain = test_door_get(targets[i]);
    for (enum jg_coding coding = JG_CODING_GZIP; coding < JG_CODING_COUNT; coding++) {
      char fields[64], length[32];
      (void)snprintf(fields, sizeof(fields), "Accept-Encoding: %s\r\n", names[coding]);
      struct jg_test_answer answer = test_door_call("GET", targets[i], fields, NULL);
      test_door_assert_header(&answer, "content-encoding", names[coding]);
      test_door_assert_header(&answer, "vary", "Accept-Encoding");
      assert_true(answer.body.len < plain.body.len);
      struct jg_buf text = decoded(&answer, coding);
      assert_string_equal(text.data, plain.body.data);
      (void)snprintf(length, sizeof(length), "%zu", answer.body.len - 1);
      jg_buf_done(&text);
      jg_test_answer_done(&answer);
      answer = test_door_call("HEAD", targets[i], fields, NULL);
      test_door_assert_header(&answer, "content-encoding", names[coding]);
      test_door_assert_header(&answer, "content-length", length);
      jg_test_answer_done(&answer);
    }
    jg_test_answer_done(&plain);
  }
}

static void small_answers_stay_as_they_are(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_call("GET", "/api", "Accept-Encoding: gzip\r\n", NULL);
  test_door_assert_header(&answer, "content-encoding", NULL);
  test_door_assert_header(&answer, "vary", "Accept-Encoding");
  jg_test_answer_done(&answer);
  answer = test_door_call("GET", "/api", "Accept-Encoding: gzip, identity;q=0\r\n", NULL);
  test_door_assert_header(&answer, "content-encoding", "gzip");
  struct jg_buf text = decoded(&answer, JG_CODING_GZIP);
  assert_non_null(strstr(text.data, "\"Jobs\""));
  jg_buf_done(&text);
  jg_test_answer_done(&answer);
  answer = test_door_call("GET", "/api/Jobs(nonsense)", "Accept-Encoding: gzip, identity;q=0\r\n", NULL);
  assert_int_equal(answer.status, 404);
  test_door_assert_header(&answer, "content-encoding", NULL);
  jg_test_answer_done(&answer);
  answer = test_door_call("DELETE", "/api/Jobs(" JOB ")", "Accept-Encoding: gzip, identity;q=0\r\n", NULL);
  assert_int_equal(answer.status, 204);
  test_door_assert_header(&answer, "vary", NULL);
  jg_test_answer_done(&answer);
}

static struct jg_test_answer post_coded(enum jg_coding coding, struct jg_str body) {
  struct jg_buf coded;
  jg_buf_init(&coded, 1u << 20);
  jg_coding_compress(coding, JG_CODING_FAST, body, &coded);
  assert_false(coded.failed);
  char fields[96];
  (void)snprintf(fields, sizeof(fields), WITH_JSON "Content-Encoding: %s\r\n", jg_coding_name(coding).data);
  struct jg_test_answer answer = test_door_send("POST", "/api/Jobs", fields, jg_buf_str(&coded));
  jg_buf_done(&coded);
  return answer;
}

static void bodies_are_decoded(void **state) {
  (void)state;
  static char large[JG_LIMIT_BODY_BYTES + 1];
  memset(large, ' ', sizeof(large));
  large[0] = '{';
  large[1] = '}';
  for (enum jg_coding coding = JG_CODING_GZIP; coding < JG_CODING_COUNT; coding++) {
    struct jg_test_answer answer = post_coded(coding, JG_STR("{\"name\":\"coded\"}"));
    assert_int_equal(answer.status, 201);
    assert_non_null(strstr(answer.body.data, "\"name\":\"coded\""));
    jg_test_answer_done(&answer);
    answer = post_coded(coding, jg_str_make(large, JG_LIMIT_BODY_BYTES));
    assert_int_equal(answer.status, 201);
    jg_test_answer_done(&answer);
    answer = post_coded(coding, jg_str_make(large, sizeof(large)));
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.body.data, "too large"));
    test_door_assert_header(&answer, "odata-version", "4.0");
    jg_test_answer_done(&answer);
  }
  // An empty body has no coding to speak of: the decoder says what is missing.
  struct jg_test_answer answer = test_door_call("POST", "/api/Jobs", WITH_JSON "Content-Encoding: gzip\r\n", "");
  assert_int_equal(answer.status, 400);
  assert_null(strstr(answer.body.data, "Content-Encoding"));
  jg_test_answer_done(&answer);
}

static void a_byte_order_mark_is_passed_over(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_call("POST", "/api/Jobs", WITH_JSON, "\xEF\xBB\xBF{\"name\":\"marked\"}");
  assert_int_equal(answer.status, 201);
  assert_non_null(strstr(answer.body.data, "\"name\":\"marked\""));
  jg_test_answer_done(&answer);
  answer = post_coded(JG_CODING_GZIP, JG_STR("\xEF\xBB\xBF{\"name\":\"marked\"}"));
  assert_int_equal(answer.status, 201);
  jg_test_answer_done(&answer);
  static const char *const bad[] = {"\xEF\xBB\xBF", "\xEF\xBB\xBF\xEF\xBB\xBF{}", " \xEF\xBB\xBF{}", "\xEF\xBB{}"};
  for (size_t i = 0; i < JG_COUNT(bad); i++) {
    answer = test_door_call("POST", "/api/Jobs", WITH_JSON, bad[i]);
    assert_int_equal(answer.status, 400);
    jg_test_answer_done(&answer);
  }
}

#define NAME "a \"b\" \\ / \n\x01 \xc3\xa9 \xf0\x9f\x99\x82 \xe2\x80\xa8"

static const struct {
  const char *member, *name, *value;
  bool quoted;
} members[] = {
    {"id", "id", JOB, true},
    {"_parent_id", "_parent_id", "00000000-0000-0000-0000-000000000000", true},
    {"project_reference_back_office", "project_reference_back_office", "P-1", true},
    {"description", "description", "", true},
    {"id2", "id2", "0", false},
    {"due_date", "due_date", "1980-01-01T00:00:00+00:00", true},
    {"db_address_latitude_decimal", "db_address_latitude_decimal", "0.0", false},
    {"MODIFIED_dateutc", "modified_dateutc", "1980-01-01T00:00:00+00:00", true},
};

static void members_stand_alone(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(members); i++) {
    char target[128], json[256];
    const char *quote = members[i].quoted ? "\"" : "";
    (void)snprintf(target, sizeof(target), "%s/%s/$value", JOB_PATH, members[i].member);
    struct jg_test_answer answer = test_door_call("GET", target, "Accept: image/png\r\n", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body.data, members[i].value);
    test_door_assert_header(&answer, "content-type", "text/plain; charset=utf-8");
    test_door_assert_header(&answer, "odata-version", "4.0");
    jg_test_answer_done(&answer);
    (void)snprintf(target, sizeof(target), "%s/%s", JOB_PATH, members[i].member);
    (void)snprintf(json, sizeof(json),
                   "{\"@odata.context\":\"http://a.example/api/$metadata#Jobs(%s)/%s\",\"value\":%s%s%s}", JOB,
                   members[i].name, quote, members[i].value, quote);
    answer = test_door_get(target);
    assert_string_equal(answer.body.data, json);
    jg_test_answer_done(&answer);
    assert_int_equal(fake_seen().view, 1);
  }
}

static void bare_texts_are_unescaped(void **state) {
  (void)state;
  static const enum jg_json_escape escapes[] = {JG_JSON_ESCAPE_JSON, JG_JSON_ESCAPE_ODATA};
  for (size_t i = 0; i < JG_COUNT(escapes); i++) {
    const struct jg_json_style style = {escapes[i], JG_DATE_OFFSET};
    test_door_close();
    test_door_open((struct jg_rest_options){.style = &style});
    fake_name_jobs(NAME);
    struct jg_test_answer answer = test_door_get(JOB_PATH "/name/$value");
    assert_string_equal(answer.body.data, NAME);
    jg_test_answer_done(&answer);
  }
}

static const struct {
  const char *path, *answer;
} embedded[] = {
    {"/project", "#Project/$entity\",\"id\":\"p\"}"},
    {"/PROJECT", "#Project/$entity\",\"id\":\"p\"}"},
    {"/project?$select=id", "#Project(id)/$entity\",\"id\":\"p\"}"},
    {"/project?$select=name", "#Project(name)/$entity\"}"},
    {"/project?$expand=project_status($select=id)", "#Project(project_status(id))/$entity\",\"id\":\"p\"}"},
    {"/_parent_job", "#Jobs/$entity\",\"id\":\"q\",\"name\":\"r\"}"},
    {"/_parent_job?$select=name", "#Jobs(name)/$entity\",\"name\":\"r\"}"},
    {"/_parent_job/name", "#Jobs(q)/name\",\"value\":\"r\"}"},
    {"/project/ID", "#Project(p)/id\",\"value\":\"p\"}"},
};

static void embedded_entities_stand_alone(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(embedded); i++) {
    char target[128], expected[256];
    (void)snprintf(target, sizeof(target), "%s%s", JOB_PATH, embedded[i].path);
    (void)snprintf(expected, sizeof(expected), "{\"@odata.context\":\"http://a.example/api/$metadata%s",
                   embedded[i].answer);
    struct jg_test_answer answer = test_door_get(target);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body.data, expected);
    jg_test_answer_done(&answer);
  }
  struct jg_test_answer answer = test_door_get(JOB_PATH "/project/id/$value");
  assert_string_equal(answer.body.data, "p");
  test_door_assert_header(&answer, "content-type", "text/plain; charset=utf-8");
  jg_test_answer_done(&answer);
}

/* What a job does not have (OData 4.0 part 1 section 11.2.6), and what would stand in that: null (11.2.3). */
static void what_is_not_there_has_no_content(void **state) {
  (void)state;
  static const char *const paths[] = {"/skill",
                                      "/skill/name",
                                      "/skill/name/$value",
                                      "/skill/sales_organization/name",
                                      "/project/equipment_model",
                                      "/project/equipment_model/equipment_brand/code"};
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    char target[128];
    (void)snprintf(target, sizeof(target), "%s%s", JOB_PATH, paths[i]);
    struct jg_test_answer answer = test_door_get(target);
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer.body.data, "");
    test_door_assert_header(&answer, "content-type", NULL);
    test_door_assert_header(&answer, "odata-version", "4.0");
    jg_test_answer_done(&answer);
  }
}

static const struct {
  const char *method, *target;
  int status;
} member_refusals[] = {
    {"GET", "/api/Jobs(00000000-0000-0000-0000-000000aaaaaa)/name", 404},
    {"GET", JOB_PATH "/nothing", 404},
    {"GET", JOB_PATH "/project/$value", 501},
    {"GET", JOB_PATH "/project/equipment_model/$value", 501},
    {"GET", JOB_PATH "/_parent_job/project", 501},
    {"GET", JOB_PATH "/project/nothing", 404},
    {"GET", "/api/Jobs(00000000-0000-0000-0000-000000aaaaaa)/project/name", 404},
    {"GET", JOB_PATH "/project/name?$select=id", 400},
    {"PUT", JOB_PATH "/project/name", 405},
    {"GET", JOB_PATH "/project?$top=1", 400},
    {"GET", JOB_PATH "/project?$select=nope", 400},
    {"PUT", JOB_PATH "/project", 405},
    {"GET", JOB_PATH "/name?$top=1", 400},
    {"DELETE", JOB_PATH "/name", 405},
    {"PATCH", JOB_PATH "/name/$value", 405},
};

static void members_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(member_refusals); i++) {
    struct jg_test_answer answer = test_door_call(member_refusals[i].method, member_refusals[i].target, "", NULL);
    if (answer.status != member_refusals[i].status) {
      fail_msg("%s: %d", member_refusals[i].target, answer.status);
    }
    test_door_assert_header(&answer, "allow", answer.status == 405 ? "GET, HEAD" : NULL);
    jg_test_answer_done(&answer);
  }
}

static void links_follow_the_public_url(void **state) {
  (void)state;
  test_door_close();
  test_door_open((struct jg_rest_options){.public_url = JG_STR("https://jobs.example.com/gate")});
  struct jg_test_answer answer = test_door_get("/Help");
  assert_non_null(strstr(answer.body.data, "href=\"/gate/Help/Api/GET-api-Jobs\""));
  jg_test_answer_done(&answer);
  answer = test_door_get("/openapi.json");
  assert_non_null(strstr(answer.body.data, "{\"url\":\"https://jobs.example.com/gate/api\"}"));
  jg_test_answer_done(&answer);
  answer = test_door_get("/api");
  assert_non_null(strstr(answer.body.data, "\"https://jobs.example.com/gate/api/$metadata\""));
  jg_test_answer_done(&answer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(documents_are_served, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_service_document_lists_the_sets, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refusals_tell_why, set_up, tear_down),
      cmocka_unit_test_setup_teardown(formats_are_chosen, set_up, tear_down),
      cmocka_unit_test_setup_teardown(answers_are_coded, set_up, tear_down),
      cmocka_unit_test_setup_teardown(small_answers_stay_as_they_are, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bodies_are_decoded, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_byte_order_mark_is_passed_over, set_up, tear_down),
      cmocka_unit_test_setup_teardown(members_stand_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bare_texts_are_unescaped, set_up, tear_down),
      cmocka_unit_test_setup_teardown(embedded_entities_stand_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_not_there_has_no_content, set_up, tear_down),
      cmocka_unit_test_setup_teardown(members_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(links_follow_the_public_url, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
