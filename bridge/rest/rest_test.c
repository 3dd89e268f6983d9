// The door from outside: a real server on loopback over a method table of the test's own.

#include "bridge/rest/rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"
#include "proto/schema/members.h"

#define JOB "00000000-0000-0000-0000-000000000005"
#define OTHER "00000000-0000-0000-0000-000000aaaaaa"
#define CHANGE "/api/Jobs/ChangeToVirtualStatus"
#define JSON "application/json; odata.metadata=minimal; charset=utf-8"
#define BIT(member) (UINT64_C(1) << (member))

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

static int count_of(const char *text, const char *piece) {
  int count = 0;
  for (const char *at = text; (at = strstr(at, piece)) != NULL; at++) {
    count++;
  }
  return count;
}

static const struct {
  const char *method, *target, *fields, *body;
  int status;
  const char *message; /* in the body */
} refusals[] = {
    {"GET", "/", "", NULL, 404, "nothing at this URL"},
    {"GET", "/api/Nope", "", NULL, 404, "nothing at this URL"},
    {"GET", "/api/Jobs(" OTHER ")", "", NULL, 404, "there is no such job"},
    {"GET", "/api/Jobs(nonsense)", "", NULL, 404, "key"},
    {"GET", "/api/Jobs%4", "", NULL, 400, "escape"},
    {"GET", "/api/$batch", "", NULL, 501, "not built"},
    {"GET", "/api/Jobs?a=%", "", NULL, 400, "escape"},
    {"GET", "/api/Jobs?$top=-1", "", NULL, 400, "$top"},
    {"GET", "/api/Jobs?$skip=x", "", NULL, 400, "$skip"},
    {"GET", "/api/Jobs?$skiptoken=x", "", NULL, 400, "$skiptoken is not ours"},
    {"GET", "/api/Jobs?$top=0&$skiptoken=x", "", NULL, 400, "$skiptoken"},
    {"GET", "/api/Jobs?$Top=1", "", NULL, 400, "$Top"},
    {"GET", "/api/Jobs?$filter=", "", NULL, 400, "\"$filter is empty: give it a value, or leave it out\""},
    {"GET", "/api/Jobs?$select=%ff", "", NULL, 400, "\"$select must be UTF-8 without a NUL\""},
    {"GET", "/api/Jobs?$search=x", "", NULL, 501, "$search"},
    {"GET", "/api/Jobs(" JOB ")?$select=foo", "", NULL, 400, "Could not find a property named 'foo' on type 'jobs'."},
    {"GET", "/api/Jobs?$select=id,Name", "", NULL, 400, "'Name'"},
    {"GET", "/api/Jobs?$select=project/nope", "", NULL, 400, "'nope' on type 'project'"},
    {"GET", "/api/Jobs?$select=project($select=id)", "", NULL, 501, "$select of project with options"},
    {"GET", "/api/Jobs?$expand=name", "", NULL, 400, "$expand"},
    {"GET", "/api/Jobs?$expand=nope", "", NULL, 400, "'nope'"},
    {"GET", "/api/Jobs?$expand=project($select=nope)", "", NULL, 400, "'nope' on type 'project'"},
    {"GET", "/api/Jobs?$expand=project($filter=name%20eq%20')')", "", NULL, 501, "$expand of project with $filter"},
    {"GET", "/api/Jobs?$expand=_parent_job($levels=2)", "", NULL, 501, "$expand of _parent_job with $levels"},
    {"GET", "/api/Jobs/$count?$top=1", "", NULL, 400, "\"$top applies"},
    {"GET", "/api/Jobs/$count?$orderby=id", "", NULL, 400, "\"$orderby applies"},
    {"GET", "/api/Jobs/$count?$count=true", "", NULL, 400, "\"$count applies"},
    {"GET", "/api/Jobs/$count?$select=id", "", NULL, 400, "\"$select applies"},
    {"GET", "/api/Jobs(" JOB ")/name?$select=id", "", NULL, 400, "\"$select applies"},
    {"GET", "/api/Jobs(" JOB ")?$filter=id2%20eq%201", "", NULL, 400, "\"$filter applies"},
    {"GET", "/api/Jobs/$changes?$orderby=id", "", NULL, 400, "\"$orderby applies"},
    {"GET", "/api/Jobs/$changes?$filter=id2%20eq%201&$count=true", "", NULL, 400, "\"$count applies"},
    {"GET", "/api/Jobs/$changes?$skiptoken=x", "", NULL, 400, "\"$skiptoken applies"},
    {"GET", "/api/Jobs/$changes?Snapshot=true", "", NULL, 400, "\"Snapshot is not an option of a stream"},
    {"GET", "/api/Jobs/$changes?filter=id2%20gt%205", "", NULL, 400, "\"filter is not an option of a stream"},
    {"GET", "/api/Jobs/$changes?%ff=1", "", NULL, 400, "\"what the query names is not an option"},
    {"GET", "/api/Jobs/$changes?snapshot=false&snapshot=true", "", NULL, 400,
     "\"snapshot stands in the query more than once"},
    {"GET", "/api/Jobs/$changes?view=full&view=basic", "", NULL, 400, "\"view stands in the query more than once"},
    {"GET", "/api/Jobs/$changes?$expand=_parent_job&$select=name", "", NULL, 400, "\"$expand cannot name _parent_job"},
    {"POST", "/api/Jobs?$select=id", WITH_JSON, "{}", 400, "$select"},
    {"GET", "/api/Jobs(" JOB ")?$top=1", "", NULL, 400, "\"$top applies"},
    {"DELETE", "/api/Jobs(" JOB ")?$skip=1", "", NULL, 400, "\"$skip applies"},
    {"POST", "/api/Jobs?$top=1", WITH_JSON, "{}", 400, "$top"},
    {"GET", "/api/Jobs", "Accept: application/xml\r\n", NULL, 406, "application/json"},
    {"GET", "/api/Jobs", "OData-MaxVersion: 3.0\r\n", NULL, 400, "OData-MaxVersion"},
    {"DELETE", "/api/Jobs(" JOB ")", "OData-MaxVersion: 3.0\r\n", NULL, 400, "OData-MaxVersion"},
    {"POST", "/api/Jobs", "Content-Type: application/xml\r\n", "<a/>", 415, "application/json"},
    {"POST", "/api/Jobs", "Content-Type: application/json;charset=latin1\r\n", "{}", 415, "utf-8"},
    {"POST", "/api/Jobs", "", "{}", 415, "application/json"},
    {"PUT", "/api/Jobs(" JOB ")", "Content-Type: text/plain\r\n", "{}", 415, "application/json"},
    {"POST", "/api/Jobs", WITH_JSON, "", 400, ""},
    {"POST", "/api/Jobs", "", NULL, 400, ""},
    {"POST", "/api/Jobs", WITH_JSON, "{", 400, "JSON"},
    {"POST", "/api/Jobs", WITH_JSON, "[]", 400, "object"},
    {"POST", "/api/Jobs", WITH_JSON, "{\"name\":{},\"due_date\":\"never\"}", 400, "; "},
    {"PUT", "/api/Jobs(" JOB ")", WITH_JSON, "{\"id\":\"" OTHER "\"}", 400, "id must be the key of the URL"},
    {"PUT", "/api/Jobs(" JOB ")", WITH_JSON, "{\"id\":\"x\"}", 400, "id"},
    {"PUT", CHANGE, WITH_JSON, "{}", 400, "jobs_id is required"},
    {"PUT", CHANGE, WITH_JSON, "{\"jobs_id\":null}", 400, "jobs_id is required"},
    {"PUT", CHANGE, WITH_JSON, "{\"jobs_id\":1}", 400, "jobs_id must be a string"},
    {"PUT", CHANGE, WITH_JSON, "{\"x\":[", 400, "JSON"},
    {"PUT", CHANGE, WITH_JSON, "{\"jobs_id\":\"x\"", 400, "JSON"},
    {"PUT", CHANGE, WITH_JSON, "{} {}", 400, "JSON"},
    {"PUT", CHANGE, WITH_JSON, "[]", 400, "object"},
    {"PUT", CHANGE, WITH_JSON, "{\"x\":\"\\ud800\"}", 400, "Unicode"},
    {"PUT", CHANGE "?$select=id", WITH_JSON, "{}", 400, "$select"},
    {"PUT", "/api/Jobs(nonsense)", WITH_JSON, "{}", 404, "key"},
};

static void refusals_are_odata_errors(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(refusals); i++) {
    struct jg_test_answer answer =
        test_door_call(refusals[i].method, refusals[i].target, refusals[i].fields, refusals[i].body);
    static const char head[] = "{\"error\":{\"code\":\"\",\"message\":\"";
    bool shaped = strncmp(answer.body.data, head, sizeof(head) - 1) == 0;
    if (answer.status != refusals[i].status || !shaped || strstr(answer.body.data, refusals[i].message) == NULL) {
      fail_msg("%s %s: %d %s", refusals[i].method, refusals[i].target, answer.status, answer.body.data);
    }
    test_door_assert_header(&answer, "content-type", JSON);
    test_door_assert_header(&answer, "odata-version", strcmp(refusals[i].target, "/") == 0 ? NULL : "4.0");
    jg_test_answer_done(&answer);
  }
}

static const struct {
  const char *method, *target, *allow;
} not_allowed[] = {
    {"DELETE", "/api/Jobs", "GET, HEAD, POST"},
    {"PUT", "/api/Jobs", "GET, HEAD, POST"},
    {"PATCH", "/api/Jobs", "GET, HEAD, POST"},
    {"POST", "/api/Jobs(" JOB ")", "GET, HEAD, PUT, PATCH, DELETE"},
    {"GET", CHANGE, "PUT"},
    {"POST", CHANGE, "PUT"},
    {"PROPFIND", "/api/Jobs(" JOB ")", "GET, HEAD, PUT, PATCH, DELETE"},
    {"OPTIONS", "/api/Jobs", "GET, HEAD, POST"},
    {"OPTIONS", "/api/Jobs(" JOB ")", "GET, HEAD, PUT, PATCH, DELETE"},
    {"OPTIONS", "/api/JobStatus", "GET, HEAD"},
    {"OPTIONS", CHANGE, "PUT"},
};

static void other_methods_are_405(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(not_allowed); i++) {
    struct jg_test_answer answer = test_door_call(not_allowed[i].method, not_allowed[i].target, "", NULL);
    assert_int_equal(answer.status, strcmp(not_allowed[i].method, "OPTIONS") == 0 ? 204 : 405);
    test_door_assert_header(&answer, "allow", not_allowed[i].allow);
    test_door_assert_header(&answer, "odata-version", "4.0");
    jg_test_answer_done(&answer);
  }
  assert_int_equal(fake_seen().calls, 0);
}

static void the_server_refuses_in_the_same_shape(void **state) {
  (void)state;
  static char cookie[20000] = "Cookie: ";
  memset(cookie + 8, 'x', sizeof(cookie) - 12);
  memcpy(cookie + sizeof(cookie) - 4, "\r\n", 3);
  struct jg_test_answer answer = test_door_call("GET", "/api/Jobs", cookie, NULL);
  assert_int_equal(answer.status, 431);
  assert_string_equal(answer.body.data, "{\"error\":{\"code\":\"\",\"message\":\"the header fields are too large\"}}");
  test_door_assert_header(&answer, "odata-version", "4.0");
  test_door_assert_header(&answer, "connection", "close");
  jg_test_answer_done(&answer);
}

static const struct {
  const char *name;
  enum jg_code code;
  enum jg_reason reason;
  const char *message;
  int64_t retry_ms;
  int status;
  const char *retry_after;
} failures[] = {
    {"unresolved", JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, "project_id is unknown", 0, 422, NULL},
    {"transition", JG_FAILED_PRECONDITION, JG_REASON_ILLEGAL_TRANSITION, "not from here", 0, 409, NULL},
    {"exists", JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_ID, "id exists", 0, 409, NULL},
    {"other", JG_FAILED_PRECONDITION, JG_REASON_NONE, "no", 0, 400, NULL},
    {"overload", JG_RESOURCE_EXHAUSTED, JG_REASON_OVERLOADED, "too much", 0, 429, "1"},
    {"unavailable", JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "store down", 0, 503, "1"},
    {"unavailable for long", JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "store down", 2500, 503, "3"},
    {"late", JG_DEADLINE_EXCEEDED, JG_REASON_NONE, "late", 0, 504, NULL},
    {"internal", JG_INTERNAL, JG_REASON_NONE, "a \"quoted\" \xff", 0, 500, NULL},
    {"loss", JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "damaged", 0, 500, NULL},
};

static void statuses_are_mapped(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(failures); i++) {
    struct jg_status_details details = {.retry_delay_ms = failures[i].retry_ms};
    struct jg_status status = jg_status_make(failures[i].code, failures[i].reason, failures[i].message);
    status.details = &details;
    fake_fail_next(status);
    struct jg_test_answer answer = test_door_get("/api/Jobs");
    if (answer.status != failures[i].status) {
      fail_msg("%s: %d", failures[i].name, answer.status);
    }
    test_door_assert_header(&answer, "retry-after", failures[i].retry_after);
    jg_test_answer_done(&answer);
  }
  const struct jg_violation violations[] = {{"job.name", "must be filled"}, {"project.job.x", "is odd"}};
  const struct jg_status_details details = {.violations = violations, .violation_count = 2};
  fake_fail_next((struct jg_status){JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "2 members are wrong", &details});
  struct jg_test_answer answer = test_door_get("/api/Jobs");
  assert_string_equal(answer.body.data,
                      "{\"error\":{\"code\":\"\",\"message\":\"name must be filled; "
                      "project.job.x is odd\"}}");
  jg_test_answer_done(&answer);
}

static void a_list_is_wrapped(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_get("/api/jobs?$top=2&$skip=5");
  assert_int_equal(answer.status, 200);
  test_door_assert_header(&answer, "content-type", JSON);
  test_door_assert_header(&answer, "odata-version", "4.0");
  static const char head[] =
      "{\"@odata.context\":\"http://a.example/api/$metadata#Jobs\",\"value\":[{\"id\":\"" JOB "\",";
  assert_memory_equal(answer.body.data, head, sizeof(head) - 1);
  assert_int_equal(count_of(answer.body.data, "\"project\":{\"id\":\"p\"}"), 2);
  assert_int_equal(count_of(answer.body.data, "@odata"), 1);  // No link: $top is served.
  assert_string_equal(answer.body.data + answer.body.len - 4, "}]}");
  jg_test_answer_done(&answer);
  struct fake_seen seen = fake_seen();
  assert_int_equal(seen.method, JG_METHOD_LIST_JOBS);
  assert_int_equal(seen.page_size, 2);
  assert_int_equal(seen.skip, 5);
  assert_int_equal(seen.view, 2);
  assert_int_equal(seen.tenant, 7);
  assert_true(seen.loopback);
  assert_int_equal(seen.deadline_ns - seen.started_ns, INT64_C(30000000000));
}

static void one_job_stands_alone(void **state) {
  (void)state;
  static const char head[] =
      "{\"@odata.context\":\"http://a.example/api/$metadata#Jobs/$entity\",\"id\":\"" JOB "\",\"_parent_id\":";
  const char *const targets[] = {"/api/Jobs(" JOB ")", "/API/jobs%28" JOB "%29?x=y", "/api/Jobs(" JOB ")?"};
  for (size_t i = 0; i < JG_COUNT(targets); i++) {
    struct jg_test_answer answer =
        test_door_call("GET", targets[i], "X-Api-Version: 1\r\nIf-Match: *\r\nOData-MaxVersion: 4.0\r\n", NULL);
    assert_int_equal(answer.status, 200);
    assert_memory_equal(answer.body.data, head, sizeof(head) - 1);
    test_door_assert_header(&answer, "content-type", JSON);
    test_door_assert_header(&answer, "etag", NULL);
    jg_test_answer_done(&answer);
  }
  struct jg_test_answer answer = test_door_call("GET", targets[0], "Accept: text/json\r\n", NULL);
  test_door_assert_header(&answer, "content-type", "text/json; odata.metadata=minimal; charset=utf-8");
  char length[16];
  snprintf(length, sizeof(length), "%zu", answer.body.len - 1);
  jg_test_answer_done(&answer);
  answer = test_door_call("HEAD", targets[0], "", NULL);
  assert_int_equal(answer.status, 200);
  test_door_assert_header(&answer, "content-length", length);
  jg_test_answer_done(&answer);
}

static void post_creates(void **state) {
  (void)state;
  const char *trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  struct jg_test_answer answer =
      test_door_call("POST", "/api/Jobs",
                     "content-type: text/json; charset=UTF-8\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-"
                     "b7ad6b7169203331-01\r\n",
                     "{\"@odata.context\":\"x\",\"ID\":\"" OTHER "\",\"Name\":\"n\",\"due_date\":null,\"later\":1}");
  assert_int_equal(answer.status, 201);
  test_door_assert_header(&answer, "location", "http://a.example/api/Jobs(" OTHER ")");
  test_door_assert_header(&answer, "preference-applied", NULL);
  assert_non_null(strstr(answer.body.data, "#Jobs/$entity\",\"id\":\"" OTHER "\""));
  assert_non_null(strstr(answer.body.data, "\"name\":\"n\""));
  jg_test_answer_done(&answer);
  struct fake_seen seen = fake_seen();
  assert_int_equal(seen.method, JG_METHOD_CREATE_JOB);
  assert_true(seen.has_present);
  assert_int_equal(seen.present, BIT(JG_JOB_ID) | BIT(JG_JOB_NAME));
  assert_string_equal(seen.traceparent, trace);
  answer = test_door_call("POST", "/api/Jobs", WITH_JSON "prefer: Return=Minimal\r\ntraceparent: nonsense\r\n", "{}");
  assert_int_equal(answer.status, 201);
  test_door_assert_header(&answer, "preference-applied", "return=minimal");
  test_door_assert_header(&answer, "location", "http://a.example/api/Jobs(00000000-0000-0000-0000-0000000000ff)");
  assert_string_equal(answer.body.data,
                      "{\"@odata.context\":\"http://a.example/api/$metadata#Jobs/$entity\","
                      "\"id\":\"00000000-0000-0000-0000-0000000000ff\"}");
  assert_string_equal(fake_seen().traceparent, "");
  jg_test_answer_done(&answer);
}

static void put_and_patch_change(void **state) {
  (void)state;
  const char *const methods[] = {"PUT", "PATCH"};
  const char *const bodies[] = {"{\"name\":\"n\"}", "{\"name\":\"n\",\"id\":\"" JOB "\"}",
                                "{\"name\":\"n\",\"id\":\"00000000-0000-0000-0000-000000000000\"}"};
  for (size_t m = 0; m < 2; m++) {
    for (size_t b = 0; b < 3; b++) {
      struct jg_test_answer answer = test_door_call(methods[m], "/api/Jobs(" JOB ")", WITH_JSON, bodies[b]);
      assert_int_equal(answer.status, 200);
      test_door_assert_header(&answer, "location", NULL);
      assert_non_null(strstr(answer.body.data, "\"id\":\"" JOB "\""));
      jg_test_answer_done(&answer);
      struct fake_seen seen = fake_seen();
      assert_int_equal(seen.method, JG_METHOD_UPDATE_JOB);
      assert_string_equal(seen.id, JOB);
      assert_int_equal(seen.present & ~BIT(JG_JOB_ID), BIT(JG_JOB_NAME));
    }
  }
  struct jg_test_answer answer =
      test_door_call("PUT", "/api/Jobs(" JOB ")", WITH_JSON "Prefer: return=representation\r\n", "{}");
  test_door_assert_header(&answer, "preference-applied", "return=representation");
  assert_non_null(strstr(answer.body.data, "\"name\":"));
  jg_test_answer_done(&answer);
  answer = test_door_call("PUT", "/api/Jobs(" JOB ")", WITH_JSON "Prefer: return=minimal\r\n", "{}");
  assert_int_equal(answer.status, 200);
  assert_int_equal(count_of(answer.body.data, ":\""), 2);
  jg_test_answer_done(&answer);
}

static void a_virtual_status_is_a_call_of_its_own(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_call("PUT", CHANGE, WITH_JSON,
                                                "{\"a\":[{}],\"Jobs_ID\":\"" JOB
                                                "\",\"target_job_status_id\":null,\"target_job_status_code\":\"V\"}");
  assert_int_equal(answer.status, 200);
  assert_non_null(strstr(answer.body.data, "#Jobs/$entity\",\"id\":\"" JOB "\""));
  jg_test_answer_done(&answer);
  struct fake_seen seen = fake_seen();
  assert_int_equal(seen.method, JG_METHOD_CHANGE_JOB_STATUS);
  assert_true(seen.has_present);
  assert_string_equal(seen.id, JOB);
  assert_string_equal(seen.page_token, "");
  assert_string_equal(seen.name, "V");
}

static void delete_answers_nothing(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_call("DELETE", "/api/Jobs(" JOB ")", "Accept: application/xml\r\n", NULL);
  assert_int_equal(answer.status, 204);
  test_door_assert_header(&answer, "odata-version", "4.0");
  test_door_assert_header(&answer, "content-type", NULL);
  test_door_assert_header(&answer, "content-length", NULL);
  jg_test_answer_done(&answer);
  assert_int_equal(fake_seen().method, JG_METHOD_DELETE_JOB);
  assert_string_equal(fake_seen().id, JOB);
}

static void settings_change_page_base_and_embedding(void **state) {
  (void)state;
  test_door_close();
  test_door_open((struct jg_rest_options){
      .public_url = JG_STR("https://jobs.example.com/gate"), .page_size = 3, .call_timeout_ms = 5});
  struct jg_test_answer answer = test_door_get("/api/Jobs");
  static const char head[] = "{\"@odata.context\":\"https://jobs.example.com/gate/api/$metadata#Jobs\",\"value\":[";
  assert_memory_equal(answer.body.data, head, sizeof(head) - 1);
  assert_int_equal(count_of(answer.body.data, "\"name\":"), 3);
  assert_int_equal(count_of(answer.body.data, "\"project\":"), 0);
  assert_non_null(strstr(answer.body.data, "\"https://jobs.example.com/gate/api/Jobs?$skip=3&$skiptoken="));
  jg_test_answer_done(&answer);
  struct fake_seen seen = fake_seen();
  assert_int_equal(seen.view, 1);
  assert_int_equal(seen.page_size, 3);
  assert_int_equal(seen.deadline_ns - seen.started_ns, 5000000);
  answer = test_door_call("POST", "/api/Jobs", WITH_JSON, "{}");
  assert_int_equal(count_of(answer.body.data, "\"project\":"), 0);
  jg_test_answer_done(&answer);
}

static void calls_are_counted(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_get("/api/Jobs?$top=1");
  jg_test_answer_done(&answer);
  answer = test_door_call("POST", "/api/Jobs", WITH_JSON, "{}");
  jg_test_answer_done(&answer);
  answer = test_door_get("/api/Jobs(nonsense)");
  jg_test_answer_done(&answer);
  // Counting comes after the answer: another exchange lets the loop get there.
  answer = test_door_get("/");
  jg_test_answer_done(&answer);
  struct jg_buf text;
  jg_buf_init(&text, 1u << 20);
  jg_metrics_write(test_door_metrics(), &text);
  jg_buf_append_char(&text, '\0');
  assert_non_null(strstr(text.data, "http_requests_total{route=\"jobs\",method=\"GET\",status=\"200\"} 1\n"));
  assert_non_null(strstr(text.data, "http_requests_total{route=\"jobs\",method=\"POST\",status=\"201\"} 1\n"));
  assert_non_null(strstr(text.data, "http_requests_total{route=\"none\",method=\"GET\",status=\"404\"} "));
  assert_non_null(strstr(text.data, "http_request_seconds_count{route=\"jobs\",method=\"GET\"} 1\n"));
  jg_buf_done(&text);
}

/* A page that outgrows every guess of its size: each character takes six bytes. */
static void escapes_do_not_break_a_page(void **state) {
  (void)state;
  static char name[20001];
  memset(name, '\x01', sizeof(name) - 1);
  fake_name_jobs(name);
  struct jg_test_answer answer = test_door_get("/api/Jobs");
  assert_int_equal(answer.status, 200);
  assert_true(answer.body.len > (size_t)100 * 6 * 20000);
  assert_int_equal(count_of(answer.body.data, "\"name\":\"\\u0001"), 100);
  jg_test_answer_done(&answer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(refusals_are_odata_errors, set_up, tear_down),
      cmocka_unit_test_setup_teardown(other_methods_are_405, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_server_refuses_in_the_same_shape, set_up, tear_down),
      cmocka_unit_test_setup_teardown(statuses_are_mapped, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_list_is_wrapped, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_job_stands_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(post_creates, set_up, tear_down),
      cmocka_unit_test_setup_teardown(put_and_patch_change, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_virtual_status_is_a_call_of_its_own, set_up, tear_down),
      cmocka_unit_test_setup_teardown(delete_answers_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(settings_change_page_base_and_embedding, set_up, tear_down),
      cmocka_unit_test_setup_teardown(calls_are_counted, set_up, tear_down),
      cmocka_unit_test_setup_teardown(escapes_do_not_break_a_page, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
