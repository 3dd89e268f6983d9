#include "proto/codec/json_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_context_names_jobs_or_something_else(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    bool foreign;
  } rows[] = {
      {JG_STR("{}"), false},
      {JG_STR("{\"@odata.context\":\"x\"}"), false},
      {JG_STR("{\"@odata.context\":\"http://a.example/api/$metadata\"}"), false},
      {JG_STR("{\"@odata.context\":\"http://a.example/api/$metadata#Jobs\"}"), false},
      {JG_STR("{\"@odata.context\":\"$metadata#jobs\"}"), false},
      {JG_STR("{\"@odata.context\":\"$metadata#Jobs/$entity\"}"), false},
      {JG_STR("{\"@odata.context\":\"$metadata#Jobs(id,project(id,name))\"}"), false},
      {JG_STR("{\"@odata.context\":\"$metadata#Jobs(id,project())/$entity\"}"), false},
      {JG_STR("{\"@context\":\"$metadata#Jobs\"}"), false},
      {JG_STR("{\"\\u0040odata.context\":\"$metadata#\\u004aobs\"}"), false},
      {JG_STR("{\"@odata.context\":7}"), false},
      {JG_STR("{\"x\":{\"@odata.context\":\"#JobType\"}}"), false},
      {JG_STR("{\"x@odata.context\":\"#JobType\"}"), false},
      {JG_STR("{\"@odata.context\":\"$metadata#JobType\"}"), true},
      {JG_STR("{\"@odata.context\":\"$metadata#JobType/$entity\"}"), true},
      {JG_STR("{\"@odata.context\":\"$metadata#JobsOfOld\"}"), true},
      {JG_STR("{\"@odata.context\":\"$metadata#Jobs/$delta\"}"), true},
      {JG_STR("{\"@odata.context\":\"$metadata#Jobs(id)/$delta\"}"), true},
      {JG_STR("{\"@odata.context\":\"$metadata#Jobs(c4724560-42f6-42a7-8b67-0656dc8d7278)/project\"}"), true},
      {JG_STR("{\"@odata.context\":\"$metadata#\"}"), true},
      {JG_STR("{\"@context\":\"$metadata#Skill\"}"), true},
      {JG_STR("{\"@odata.count\":2,\"@odata.context\":\"$metadata#Skill\",\"value\":["), true},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    assert_int_equal(jg_json_control_read(rows[i].text, false).foreign, rows[i].foreign);
    assert_int_equal(jg_json_control_read(rows[i].text, true).foreign, rows[i].foreign && rows[i].text.data[2] == '@');
  }
}

static void a_next_link_tells_of_more(void **state) {
  (void)state;
  assert_true(jg_json_control_read(JG_STR("{\"value\":[],\"@odata.nextLink\":\"x\"}"), false).more);
  assert_true(jg_json_control_read(JG_STR("{\"a\":[{}],\"@nextLink\":\"x\",\"b\":1}"), false).more);
  assert_false(jg_json_control_read(JG_STR("{\"value\":[],\"@odata.nextLink\":\"x\"}"), true).more);
  assert_false(jg_json_control_read(JG_STR("{\"value\":[],\"@odata.nextLink\":null}"), false).more);
  assert_false(jg_json_control_read(JG_STR("{\"value\":[],\"@odata.nextLink\":\"\"}"), false).more);
  assert_false(jg_json_control_read(JG_STR("{\"value\":[{\"@odata.nextLink\":\"x\"}]}"), false).more);
  assert_false(jg_json_control_read(JG_STR("[{\"@odata.nextLink\":\"x\"}]"), false).more);
  assert_false(jg_json_control_read(JG_STR("{oops,\"@odata.nextLink\":\"x\"}"), false).more);
  assert_false(jg_json_control_read(JG_STR(""), false).more);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_context_names_jobs_or_something_else),
      cmocka_unit_test(a_next_link_tells_of_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
