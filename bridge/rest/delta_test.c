// Collections that are tracked, and their delta links, over methods that the test plays.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/message.h"
#include "proto/schema/members.h"

#define TRACK "Prefer: odata.track-changes\r\n"
#define ID "00000000-0000-4000-8000-000000000001"
#define GONE "00000000-0000-4000-8000-000000000002"
#define LEFT "00000000-0000-4000-8000-000000000003"

static struct jg_method methods[JG_METHOD_COUNT];
/* Asked and answered on the server's loop, while the test waits for the answer. */
static struct played {
  struct jg_status status; /* of ListJobChanges */
  bool more;
  int changes_asked, lists_asked;
  char token[64], filter[64], page_token[64];
  int view;
  bool last_page;
} played;

static void keep(char out[64], const char *text) {
  size_t len = strlen(text) < 63 ? strlen(text) : 63;
  memcpy(out, text, len);
  out[len] = '\0';
}

static struct jg_parts *make_job(struct jg_call *call) {
  Jobgate__V1__Job *job = (Jobgate__V1__Job *)jg_message_new(&jobgate__v1__job__descriptor, &call->arena);
  struct jg_parts *parts = jg_arena_alloc_zero(&call->arena, sizeof(*parts));
  JG_ASSERT(job != NULL && parts != NULL);
  job->id = (char *)ID;
  job->name = (char *)"n";
  parts->entity = jg_entity(JG_KIND_JOB);
  parts->payload = jg_message_pack_payload(parts->entity, &job->base, &call->arena);
  return parts;
}

static void list_changes(struct jg_call *call) {
  const Jobgate__V1__ListJobChangesRequest *request =
      (const Jobgate__V1__ListJobChangesRequest *)(const void *)call->request;
  played.changes_asked++;
  keep(played.token, request->resume_token);
  keep(played.filter, request->filter);
  played.view = (int)request->view;
  if (!jg_status_ok(played.status)) {
    jg_call_fail(call, played.status);
    return;
  }
  static char *gone[] = {(char *)GONE};
  static char *left[] = {(char *)LEFT};
  Jobgate__V1__ListJobChangesResponse response = JOBGATE__V1__LIST_JOB_CHANGES_RESPONSE__INIT;
  bool delta = request->resume_token[0] != '\0';
  response.resume_token = (char *)(delta ? "T-2" : "T-1");
  response.more = delta && played.more;
  response.n_deleted_ids = response.n_left_ids = delta;
  response.deleted_ids = gone;
  response.left_ids = left;
  const struct jg_answer answer = {
      .kind = JG_ANSWER_JOBS, .message = &response.base, .jobs = make_job(call), .job_count = delta};
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

static void list_jobs(struct jg_call *call) {
  const Jobgate__V1__ListJobsRequest *request = (const Jobgate__V1__ListJobsRequest *)(const void *)call->request;
  played.lists_asked++;
  keep(played.page_token, request->page_token);
  struct jg_answer answer = {.kind = JG_ANSWER_JOBS, .jobs = make_job(call), .job_count = 1};
  answer.next_page_token = played.last_page ? JG_STR_NONE : JG_STR("next");
  jg_call_finish(call, JG_STATUS_OK, &answer);
}

static int set_up(void **state) {
  (void)state;
  played = (struct played){.last_page = true};
  memcpy(methods, fake_methods, sizeof(methods));
  methods[JG_METHOD_LIST_JOB_CHANGES].handle = list_changes;
  methods[JG_METHOD_LIST_JOBS] = fake_methods[JG_METHOD_LIST_JOBS];
  methods[JG_METHOD_LIST_JOBS].handle = list_jobs;
  fake_start(0);
  test_door_open((struct jg_rest_options){.methods = methods});
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  test_door_close();
  fake_stop();
  return 0;
}

static void expect(const struct jg_test_answer *answer, const char *pieces[]) {
  for (size_t i = 0; pieces[i] != NULL; i++) {
    if (strstr(answer->body.data, pieces[i]) == NULL) {
      size_t len = answer->body.len < 400 ? 0 : answer->body.len - 400;
      fail_msg("%s not in ...%s", pieces[i], answer->body.data + len);
    }
  }
}

static void pages_carry_the_place_of_the_first(void **state) {
  (void)state;
  played.last_page = false;
  struct jg_test_answer answer = test_door_call("GET", "/api/Jobs?$filter=name%20eq%20@n&@n='x'", TRACK, NULL);
  assert_int_equal(answer.status, 200);
  test_door_assert_header(&answer, "preference-applied", "odata.track-changes");
  expect(&answer,
         (const char *[]){"\"@odata.nextLink\":\"http://a.example/api/Jobs?$filter=name%20eq%20%40n&$deltatoken=T-1&"
                          "$skip=1&$skiptoken=next&%40n=%27x%27\"}",
                          NULL});
  assert_null(strstr(answer.body.data, "deltaLink"));
  assert_string_equal(played.token, "");
  assert_string_equal(played.filter, "name eq 'x'");  // Methods have no aliases.
  jg_test_answer_done(&answer);
  played.last_page = true;
  answer = test_door_get("/api/Jobs?$filter=name%20eq%20@n&$deltatoken=T-1&$skip=1&$skiptoken=next&@n='x'");
  assert_int_equal(played.changes_asked, 1);
  assert_string_equal(played.page_token, "next");
  test_door_assert_header(&answer, "preference-applied", NULL);
  expect(&answer,
         (const char *[]){"\"@odata.deltaLink\":\"http://a.example/api/Jobs?$filter=name%20eq%20%40n&$deltatoken=T-1&"
                          "%40n=%27x%27\"}",
                          NULL});
  jg_test_answer_done(&answer);
}

static void what_cannot_be_tracked_is_read_all_the_same(void **state) {
  (void)state;
  static const struct {
    const char *target;
    struct jg_status status;
    int asked, answered;
  } rows[] = {
      {"/api/Jobs?$top=1", {JG_OK, JG_REASON_NONE, "", NULL}, 0, 200},
      {"/api/Jobs?$expand=_parent_job", {JG_OK, JG_REASON_NONE, "", NULL}, 0, 200},
      {"/api/Jobs?$filter=project/name%20eq%20@p&@p='x'", {JG_OK, JG_REASON_NONE, "", NULL}, 0, 200},
      {"/api/Jobs", {JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "no", NULL}, 1, 200},
      {"/api/Jobs", {JG_UNIMPLEMENTED, JG_REASON_NOT_BUILT, "no", NULL}, 1, 200},
      {"/api/Jobs", {JG_UNAVAILABLE, JG_REASON_OVERLOADED, "no", NULL}, 1, 503},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    played = (struct played){.status = rows[i].status, .last_page = true};
    struct jg_test_answer answer = test_door_call("GET", rows[i].target, TRACK, NULL);
    assert_int_equal(answer.status, rows[i].answered);
    assert_int_equal(played.changes_asked, rows[i].asked);
    assert_int_equal(played.lists_asked, rows[i].answered == 200);
    test_door_assert_header(&answer, "preference-applied", NULL);
    assert_null(strstr(answer.body.data, "deltaLink"));
    jg_test_answer_done(&answer);
  }
}

static void deltas_tell_what_came_and_went(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_get("/api/Jobs?$select=name&$deltatoken=T-1&mine=1");
  assert_int_equal(answer.status, 200);
  assert_string_equal(played.token, "T-1");
  assert_int_equal(played.view, JOBGATE__V1__JOB_VIEW__JOB_VIEW_BASIC);
  assert_int_equal(played.lists_asked, 0);
  assert_string_equal(answer.body.data,
                      "{\"@odata.context\":\"http://a.example/api/$metadata#Jobs(name)/$delta\",\"value\":["
                      "{\"id\":\"" ID
                      "\",\"name\":\"n\"},"
                      "{\"@removed\":{\"reason\":\"deleted\"},\"id\":\"" GONE
                      "\"},"
                      "{\"@removed\":{\"reason\":\"changed\"},\"id\":\"" LEFT
                      "\"}],"
                      "\"@odata.deltaLink\":\"http://a.example/api/Jobs?$select=name&$deltatoken=T-2&mine=1\"}");
  jg_test_answer_done(&answer);
  played.more = true;
  answer = test_door_get("/api/Jobs?$deltatoken=T-1");
  expect(&answer,
         (const char *[]){"\"@odata.nextLink\":\"http://a.example/api/Jobs?$deltatoken=T-2\"}", "#Jobs/$delta", NULL});
  jg_test_answer_done(&answer);
}

static void what_is_gone_comes_as_the_client_reads_it(void **state) {
  (void)state;
  static const char later[] = "{\"@removed\":{\"reason\":\"deleted\"},\"id\":\"" GONE
                              "\"},{\"@removed\":{\"reason\":\"changed\"},\"id\":\"" LEFT "\"}]";
  static const char old[] =
      "},{\"@odata.context\":\"#Jobs/$deletedEntity\",\"id\":\"Jobs(" GONE
      ")\",\"reason\":\"deleted\"},{\"@odata.context\":\"#Jobs/$deletedEntity\",\"id\":\"Jobs(" LEFT
      ")\",\"reason\":\"changed\"}]";
  static const struct {
    const char *fields, *piece;
  } rows[] = {
      {"", later},
      {"OData-Version: 4.0\r\n", later},
      {"OData-MaxVersion: 4.01\r\n", later},
      {"OData-MaxVersion: 5.0\r\n", later},
      {"OData-MaxVersion: 4.0\r\n", old},
      {"OData-MaxVersion: 4\r\n", old},
      {"OData-Version: 4.0;NetFx\r\nOData-MaxVersion: 4.0;NetFx\r\n", old},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_answer answer =
        test_door_call("GET", "/api/Jobs?$select=name&$deltatoken=T-1", rows[i].fields, NULL);
    assert_int_equal(answer.status, 200);
    test_door_assert_header(&answer, "odata-version", "4.0");
    expect(&answer, (const char *[]){rows[i].piece, NULL});
    jg_test_answer_done(&answer);
  }
}

static void refusals_speak_of_the_option(void **state) {
  (void)state;
  static const struct jg_violation violation = {"resume_token", "must be one"};
  static const struct jg_status_details details = {.violations = &violation, .violation_count = 1};
  static const struct {
    const char *target;
    struct jg_status status;
    int answered;
    const char *message;
  } rows[] = {
      {"/api/Jobs?$deltatoken=x",
       {JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "", &details},
       400,
       "\"$deltatoken must be one\""},
      {"/api/Jobs?$deltatoken=x", {JG_OUT_OF_RANGE, JG_REASON_HISTORY_LOST, "", NULL}, 410, "read the collection anew"},
      {"/api/Jobs?$deltatoken=x&$top=1", {JG_OK, JG_REASON_NONE, "", NULL}, 400, "$deltatoken"},
      {"/api/Jobs?$deltatoken=x&$count=true", {JG_OK, JG_REASON_NONE, "", NULL}, 400, "$deltatoken"},
      {"/api/Jobs?$deltatoken=x&$expand=_parent_job", {JG_OK, JG_REASON_NONE, "", NULL}, 501, "$deltatoken"},
      {"/api/Jobs/$count?$deltatoken=x", {JG_OK, JG_REASON_NONE, "", NULL}, 400, "$deltatoken"},
      {"/api/Jobs/$changes?$deltatoken=x", {JG_OK, JG_REASON_NONE, "", NULL}, 400, "$deltatoken"},
      {"/api/Project?$deltatoken=x", {JG_OK, JG_REASON_NONE, "", NULL}, 501, "$deltatoken"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    played.status = rows[i].status;
    struct jg_test_answer answer = test_door_get(rows[i].target);
    assert_int_equal(answer.status, rows[i].answered);
    expect(&answer, (const char *[]){rows[i].message, NULL});
    jg_test_answer_done(&answer);
  }
}

#define DOOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      DOOR_TEST(pages_carry_the_place_of_the_first), DOOR_TEST(what_cannot_be_tracked_is_read_all_the_same),
      DOOR_TEST(deltas_tell_what_came_and_went),     DOOR_TEST(what_is_gone_comes_as_the_client_reads_it),
      DOOR_TEST(refusals_speak_of_the_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
