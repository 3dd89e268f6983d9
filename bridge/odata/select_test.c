#include "bridge/odata/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/schema/members.h"

#define BIT(member) (UINT64_C(1) << (member))
#define NODES                                                                                       \
  (BIT(JG_JOB_PARENT_JOB) | BIT(JG_JOB_PROJECT) | BIT(JG_JOB_JOB_TYPE) | BIT(JG_JOB_JOB_PRIORITY) | \
   BIT(JG_JOB_SUGGESTED_USER) | BIT(JG_JOB_SKILL))

static const struct {
  const char *text;
  bool expand;
  enum jg_code code;
  uint64_t members;
  bool all;
  const char *said; /* the context's list, or in the message */
} cases[] = {
    {"id", false, JG_OK, BIT(JG_JOB_ID), false, "(id)"},
    {"name,id", false, JG_OK, BIT(JG_JOB_ID) | BIT(JG_JOB_NAME), false, "(id,name)"},
    {" name , id ,id", false, JG_OK, BIT(JG_JOB_ID) | BIT(JG_JOB_NAME), false, "(id,name)"},
    {"modified_dateutc,_parent_id", false, JG_OK, BIT(JG_JOB_MODIFIED_DATEUTC) | BIT(JG_JOB_PARENT_ID), false,
     "(_parent_id,modified_dateutc)"},
    {"project", false, JG_OK, BIT(JG_JOB_PROJECT), false, "(project)"},
    {"*", false, JG_OK, 0, true, "(*)"},
    {"id,*", false, JG_OK, BIT(JG_JOB_ID), true, "(*)"},
    {"foo", false, JG_INVALID_ARGUMENT, 0, false, "Could not find a property named 'foo' on type 'jobs'."},
    {"id,Name", false, JG_INVALID_ARGUMENT, 0, false, "'Name'"},
    {"foo/bar", false, JG_INVALID_ARGUMENT, 0, false, "'foo'"},
    {"f\xc3\xa9\n", false, JG_INVALID_ARGUMENT, 0, false, "property named 'f"},
    {"", false, JG_INVALID_ARGUMENT, 0, false, "$select"},
    {"id,", false, JG_INVALID_ARGUMENT, 0, false, "$select"},
    {",id", false, JG_INVALID_ARGUMENT, 0, false, "$select"},
    {"project/name", false, JG_UNIMPLEMENTED, 0, false, "$select of project"},
    {"_parent_job", false, JG_UNIMPLEMENTED, 0, false, "$select of _parent_job"},
    {"project", true, JG_OK, BIT(JG_JOB_PROJECT), false, NULL},
    {"skill, job_type,project,job_priority,suggested_user", true, JG_OK, NODES & ~BIT(JG_JOB_PARENT_JOB), false, NULL},
    {"foo", true, JG_INVALID_ARGUMENT, 0, false, "Could not find a property named 'foo' on type 'jobs'."},
    {"Project", true, JG_INVALID_ARGUMENT, 0, false, "'Project'"},
    {"name", true, JG_INVALID_ARGUMENT, 0, false, "name is none"},
    {"", true, JG_INVALID_ARGUMENT, 0, false, "$expand"},
    {"project,", true, JG_INVALID_ARGUMENT, 0, false, "$expand"},
    {"*", true, JG_INVALID_ARGUMENT, 0, false, "'*'"},
    {"project($select=id)", true, JG_UNIMPLEMENTED, 0, false, "$expand of project"},
    {"project($select=id,name;$top=1),skill", true, JG_UNIMPLEMENTED, 0, false, "$expand of project"},
    {"project/equipment_model", true, JG_UNIMPLEMENTED, 0, false, "$expand of project"},
    {"_parent_job", true, JG_UNIMPLEMENTED, 0, false, "$expand of _parent_job"},
};

static void lists_of_names(void **state) {
  (void)state;
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1u << 16);
    struct jg_odata_selection selection = {.all = false};
    struct jg_str text = jg_str_from_cstr(cases[i].text);
    struct jg_status status = cases[i].expand ? jg_odata_expand_parse(text, job, &arena, &selection.members)
                                              : jg_odata_select_parse(text, job, &arena, &selection);
    if (status.code != cases[i].code || (status.code != JG_OK && strstr(status.message, cases[i].said) == NULL)) {
      fail_msg("%s: %d %s", cases[i].text, status.code, status.message);
    }
    if (status.code == JG_OK && (selection.members != cases[i].members || selection.all != cases[i].all)) {
      fail_msg("%s: %llx", cases[i].text, (unsigned long long)selection.members);
    }
    if (status.code == JG_OK && cases[i].said != NULL) {
      struct jg_buf list;
      jg_buf_init(&list, 4096);
      jg_odata_write_selection(job, &selection, &list);
      assert_true(jg_str_equal(jg_buf_str(&list), jg_str_from_cstr(cases[i].said)));
      jg_buf_done(&list);
    }
    jg_arena_done(&arena);
  }
  assert_true(jg_odata_nodes(job) == NODES);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lists_of_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
