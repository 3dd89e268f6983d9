// What $select, $expand and $count make of an answer, from outside.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"

#define JOB "00000000-0000-0000-0000-000000000005"

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

#define CONTEXT "{\"@odata.context\":\"http://a.example/api/$metadata#Jobs"
#define PROJECT ",\"project\":{\"id\":\"p\"}"

static const struct {
  const char *target;
  int view;
  const char *body;    /* NULL: */
  int projects, names; /* the members in it */
} selections[] = {
    {"/api/Jobs(" JOB ")?$select=id", 1, CONTEXT "(id)/$entity\",\"id\":\"" JOB "\"}", 0, 0},
    {"/api/Jobs(" JOB ")?$select=name,id", 1, CONTEXT "(id,name)/$entity\",\"id\":\"" JOB "\",\"name\":\"job\"}", 0, 0},
    {"/api/Jobs(" JOB ")?$select=project,id", 2, CONTEXT "(id,project)/$entity\",\"id\":\"" JOB "\"" PROJECT "}", 0, 0},
    {"/api/Jobs(" JOB ")?$select=id&$expand=project", 2, CONTEXT "(id)/$entity\",\"id\":\"" JOB "\"" PROJECT "}", 0, 0},
    {"/api/Jobs(" JOB ")?$select=skill", 2, CONTEXT "(skill)/$entity\"}", 0, 0},
    {"/api/Jobs(" JOB ")?$select=*", 2, NULL, 1, 1},
    {"/api/Jobs(" JOB ")?$expand=skill", 2, NULL, 1, 1},
    {"/api/Jobs?$top=2&$skip=5&$select=name", 1, CONTEXT "(name)\",\"value\":[{\"name\":\"job\"},{\"name\":\"job\"}]}",
     0, 0},
    {"/api/Jobs?$top=2&$expand=project", 2, NULL, 2, 2},
    // The parent stands behind _parent_id, and comes if it is expanded alone (statement 3).
    {"/api/Jobs(" JOB ")?$select=id,_parent_id,name&$expand=_parent_job", 1,
     CONTEXT "(id,_parent_id,name)/$entity\",\"id\":\"" JOB "\",\"_parent_id\":\"00000000-0000-0000-0000-000000000000\""
             ",\"_parent_job\":{\"id\":\"q\",\"name\":\"r\"},\"name\":\"job\"}",
     0, 0},
    {"/api/Jobs(" JOB ")?$select=id,_parent_job", 1, CONTEXT "(id,_parent_job)/$entity\",\"id\":\"" JOB "\"}", 0, 0},
    {"/api/Jobs?$top=1&$skip=5&$select=id&$expand=_parent_job($select=name)", 1,
     CONTEXT "(id,_parent_job(name))\",\"value\":[{\"id\":\"" JOB "\",\"_parent_job\":{\"name\":\"r\"}}]}", 0, 0},
    {"/api/Jobs?$top=2&$expand=_parent_job", 2, NULL, 2, 4},
    {"/api/Jobs?$top=2&$expand=*", 2, NULL, 2, 4},
    // What is embedded is cut too.
    {"/api/Jobs(" JOB ")?$select=id&$expand=project($select=id)", 2,
     CONTEXT "(id,project(id))/$entity\",\"id\":\"" JOB "\"" PROJECT "}", 0, 0},
    {"/api/Jobs(" JOB ")?$select=project/name", 2, CONTEXT "(project(name))/$entity\",\"project\":{}}", 0, 0},
    {"/api/Jobs(" JOB ")?$expand=project($select=name)", 2, NULL, 0, 1},
    {"/api/Jobs(" JOB ")?$expand=project($expand=project_status($select=id))", 2, NULL, 1, 1},
};

static void selections_cut_the_answer(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(selections); i++) {
    struct jg_test_answer answer = test_door_get(selections[i].target);
    assert_int_equal(answer.status, 200);
    if (selections[i].body != NULL) {
      assert_string_equal(answer.body.data, selections[i].body);
    } else {
      assert_int_equal(count_of(answer.body.data, PROJECT), selections[i].projects);
      assert_int_equal(count_of(answer.body.data, "\"name\":"), selections[i].names);
    }
    assert_int_equal(fake_seen().view, selections[i].view);
    jg_test_answer_done(&answer);
  }
  struct jg_test_answer answer = test_door_get("/api/Jobs?$select=id,name&$expand=project&$skip=1");
  assert_non_null(strstr(answer.body.data, "/api/Jobs?$select=id%2Cname&$expand=project&$skip=101&$skiptoken="));
  jg_test_answer_done(&answer);
}

/* What is not selected is not read either. */
static void selections_are_all_that_is_read(void **state) {
  (void)state;
  static const struct {
    const char *target, *mask;
  } rows[] = {
      {"/api/Jobs?$top=1&$select=id,name", ",id,name"},
      {"/api/Jobs(" JOB ")?$select=name,project/name", ",project,name"},
      {"/api/Jobs?$top=1&$select=project_reference_back_office&$expand=_parent_job",
       ",parent_job,project_reference_back_office"},
      {"/api/Jobs?$top=1&$select=*", ""},
      {"/api/Jobs?$top=1", ""},
      {"/api/Jobs?$top=1&$expand=_parent_job", ",*,parent_job"},
      {"/api/Jobs(" JOB ")/project?$select=id", ""},  // of the project
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_test_answer answer = test_door_get(rows[i].target);
    assert_int_equal(answer.status, 200);
    assert_string_equal(fake_seen().mask, rows[i].mask);
    jg_test_answer_done(&answer);
  }
}

static void a_count_is_a_bare_number(void **state) {
  (void)state;
  struct jg_test_answer answer = test_door_call("GET", "/api/Jobs/$count", "Accept: application/xml\r\n", NULL);
  assert_int_equal(answer.status, 200);
  assert_string_equal(answer.body.data, "251");
  test_door_assert_header(&answer, "content-type", "text/plain; charset=utf-8");
  assert_int_equal(fake_seen().page_size, 1);
  assert_int_equal(fake_seen().view, 1);
  jg_test_answer_done(&answer);
  answer = test_door_call("POST", "/api/Jobs/$count", "", NULL);
  assert_int_equal(answer.status, 405);
  jg_test_answer_done(&answer);
}

/* Without embedding by default, what is expanded or selected comes all the same. */
static void expansions_add_what_is_not_embedded(void **state) {
  (void)state;
  static const struct {
    const char *query;
    int projects, names;
  } cases[] = {{"", 0, 1},
               {"?$expand=project", 1, 1},
               {"?$expand=skill", 0, 1},
               {"?$select=*", 0, 1},
               {"?$select=*,project", 1, 1},
               {"?$select=id,project", 1, 0},
               {"?$expand=_parent_job", 0, 2},
               {"?$expand=project($expand=project_status)", 1, 1},
               {"?$expand=project($select=name)", 0, 1}};
  test_door_close();
  test_door_open((struct jg_rest_options){.page_size = 3});
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    char target[128];
    snprintf(target, sizeof(target), "/api/Jobs(" JOB ")%s", cases[i].query);
    struct jg_test_answer answer = test_door_get(target);
    assert_int_equal(answer.status, 200);
    assert_int_equal(count_of(answer.body.data, PROJECT), cases[i].projects);
    assert_int_equal(count_of(answer.body.data, "\"name\":"), cases[i].names);
    jg_test_answer_done(&answer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(selections_cut_the_answer, set_up, tear_down),
      cmocka_unit_test_setup_teardown(selections_are_all_that_is_read, set_up, tear_down),
      cmocka_unit_test_setup_teardown(expansions_add_what_is_not_embedded, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_count_is_a_bare_number, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
