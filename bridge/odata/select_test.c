#include "bridge/odata/select.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/schema/members.h"

#define BIT(member) (UINT64_C(1) << (member))
#define NODES                                                                                           \
  (BIT(JG_JOB_PROJECT) | BIT(JG_JOB_JOB_TYPE) | BIT(JG_JOB_JOB_PRIORITY) | BIT(JG_JOB_SUGGESTED_USER) | \
   BIT(JG_JOB_SKILL))
#define PARENT BIT(JG_JOB_PARENT_JOB)
#define MEMBERS (UINT64_MAX >> (JG_MEMBERS_MAX - 58))
#define ALL (MEMBERS & ~PARENT)
#define PLAIN (ALL & ~NODES)

static const struct {
  const char *select, *expand;
  bool embed;
  uint64_t members;
  bool whole;
  const char *context; /* the list */
} good[] = {
    {NULL, NULL, true, ALL, true, ""},
    {NULL, NULL, false, PLAIN, false, ""},
    {"id", NULL, true, BIT(JG_JOB_ID), false, "(id)"},
    {"name,id", NULL, true, BIT(JG_JOB_ID) | BIT(JG_JOB_NAME), false, "(id,name)"},
    {" name , id ,id", NULL, true, BIT(JG_JOB_ID) | BIT(JG_JOB_NAME), false, "(id,name)"},
    {"modified_dateutc,_parent_id", NULL, true, BIT(JG_JOB_MODIFIED_DATEUTC) | BIT(JG_JOB_PARENT_ID), false,
     "(_parent_id,modified_dateutc)"},
    {"project", NULL, true, BIT(JG_JOB_PROJECT), false, "(project)"},
    {"*", NULL, true, ALL, true, "(*)"},
    {"id,*", NULL, true, ALL, true, "(*)"},
    {"*", NULL, false, PLAIN, false, "(*)"},
    {"*,project", NULL, false, PLAIN | BIT(JG_JOB_PROJECT), false, "(*)"},
    // $expand adds to what holds without it.
    {NULL, "project", true, ALL, true, ""},
    {NULL, "project", false, PLAIN | BIT(JG_JOB_PROJECT), false, ""},
    {"id", "project", true, BIT(JG_JOB_ID) | BIT(JG_JOB_PROJECT), false, "(id)"},
    {NULL, "skill, job_type,project,job_priority,suggested_user", false, ALL, false, ""},
    {NULL, "*", false, MEMBERS, false, ""},
    // The parent comes when it is expanded (statement 3).
    {NULL, "_parent_job", true, MEMBERS, false, ""},
    {NULL, "_parent_job", false, PLAIN | PARENT, false, ""},
    {"_parent_job", NULL, true, 0, false, "(_parent_job)"},
    {"id,_parent_job", "_parent_job", true, BIT(JG_JOB_ID) | PARENT, false, "(id,_parent_job)"},
    {"_parent_job/id", NULL, true, PARENT, false, "(_parent_job(id))"},
    {"id,_parent_job,_parent_job/id", NULL, false, BIT(JG_JOB_ID) | PARENT, false, "(id,_parent_job(*))"},
    // Paths and options.
    {"id,project/name", NULL, true, BIT(JG_JOB_ID) | BIT(JG_JOB_PROJECT), false, "(id,project(name))"},
    {"project/name,project/equipment_model/id,project/id", NULL, true, BIT(JG_JOB_PROJECT), false,
     "(project(id,equipment_model(id),name))"},
    {"project,project/name", NULL, true, BIT(JG_JOB_PROJECT), false, "(project(*))"},
    {"project/*", NULL, true, BIT(JG_JOB_PROJECT), false, "(project(*))"},
    {NULL, "project($select=name, id)", true, ALL, false, "(project(id,name))"},
    {NULL, "project( $select = * )", true, ALL, true, "(project(*))"},
    {NULL, "project($expand=equipment_model)", true, ALL, true, ""},
    {"id", "project($select=id;$expand=equipment_model($select=code)),skill($select=name)", true,
     BIT(JG_JOB_ID) | BIT(JG_JOB_PROJECT) | BIT(JG_JOB_SKILL), false,
     "(id,project(id,equipment_model(code)),skill(name))"},
    {"project", "project($select=id)", true, BIT(JG_JOB_PROJECT), false, "(project(id))"},
    {"project/name", "project($select=id)", true, BIT(JG_JOB_PROJECT), false, "(project(id,name))"},
    {"id", "project/equipment_model", true, BIT(JG_JOB_ID) | BIT(JG_JOB_PROJECT), false, "(id)"},
    {NULL, "_parent_job($select=id,name)", true, MEMBERS, false, "(_parent_job(id,name))"},
    {NULL, "project($expand=equipment_model($expand=equipment_family($expand=sales_organization($select=id))))", true,
     ALL, false, "(project(equipment_model(equipment_family(sales_organization(id)))))"},
};

static struct jg_status parse(const char *select, const char *expand, bool embed, struct jg_arena *arena,
                              const struct jg_odata_shape **ret_shape) {
  const struct jg_odata_wish wish = {jg_str_from_cstr(select), jg_str_from_cstr(expand), embed};
  return jg_odata_shape_parse(&wish, jg_entity(JG_KIND_JOB), arena, ret_shape);
}

static void shapes(void **state) {
  (void)state;
  assert_true(jg_odata_nodes(jg_entity(JG_KIND_JOB)) == (NODES | PARENT));
  assert_int_equal(jg_entity(JG_KIND_JOB)->member_count, 58);
  for (size_t i = 0; i < JG_COUNT(good); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1u << 16);
    const struct jg_odata_shape *shape = NULL;
    struct jg_status status = parse(good[i].select, good[i].expand, good[i].embed, &arena, &shape);
    if (!jg_status_ok(status) || shape->members != good[i].members || shape->whole != good[i].whole) {
      fail_msg("case %zu: %s %llx %d", i, status.message, shape != NULL ? (unsigned long long)shape->members : 0,
               shape != NULL && shape->whole);
    }
    struct jg_buf list;
    jg_buf_init(&list, 4096);
    jg_odata_write_selection(shape, &list);
    jg_buf_append_char(&list, '\0');
    assert_string_equal(list.data, good[i].context);
    jg_buf_done(&list);
    jg_arena_done(&arena);
  }
}

static const struct {
  const char *select, *expand;
  enum jg_code code;
  const char *said;
} bad[] = {
    {"foo", NULL, JG_INVALID_ARGUMENT, "Could not find a property named 'foo' on type 'jobs'."},
    {"id,Name", NULL, JG_INVALID_ARGUMENT, "'Name'"},
    {"foo/bar", NULL, JG_INVALID_ARGUMENT, "'foo'"},
    {"project/foo", NULL, JG_INVALID_ARGUMENT, "'foo' on type 'project'"},
    {"f\xc3\xa9\n", NULL, JG_INVALID_ARGUMENT, "property named 'f"},
    {"", NULL, JG_INVALID_ARGUMENT, "$select"},
    {"id,", NULL, JG_INVALID_ARGUMENT, "$select"},
    {",id", NULL, JG_INVALID_ARGUMENT, "$select"},
    {"project/", NULL, JG_INVALID_ARGUMENT, "$select"},
    {"/name", NULL, JG_INVALID_ARGUMENT, "$select"},
    {"name/id", NULL, JG_INVALID_ARGUMENT, "$select holds a path into name"},
    {"project/equipment_model/translations/x", NULL, JG_UNIMPLEMENTED, "$select of translations with a path"},
    {"project($select=id)", NULL, JG_UNIMPLEMENTED, "$select of project with options"},
    {"*/id", NULL, JG_INVALID_ARGUMENT, "'*'"},
    {NULL, "foo", JG_INVALID_ARGUMENT, "Could not find a property named 'foo' on type 'jobs'."},
    {NULL, "Project", JG_INVALID_ARGUMENT, "'Project'"},
    {NULL, "name", JG_INVALID_ARGUMENT, "name is none"},
    {NULL, "", JG_INVALID_ARGUMENT, "$expand"},
    {NULL, "project,", JG_INVALID_ARGUMENT, "$expand"},
    {NULL, "project/", JG_INVALID_ARGUMENT, "$expand"},
    {NULL, "project/name", JG_INVALID_ARGUMENT, "name is none"},
    {NULL, "project/skill", JG_INVALID_ARGUMENT, "'skill' on type 'project'"},
    {NULL, "project/equipment_model/translations", JG_INVALID_ARGUMENT, "translations is none"},
    {NULL, "_parent_job/project", JG_UNIMPLEMENTED, "$expand of _parent_job with project is not built"},
    {NULL, "_parent_job($expand=project)", JG_UNIMPLEMENTED, "$expand of _parent_job with project is not built"},
    {NULL, "_parent_job($expand=_parent_job)", JG_UNIMPLEMENTED, "$expand of _parent_job with _parent_job"},
    {NULL, "_parent_job($select=project)", JG_UNIMPLEMENTED, "$select of _parent_job with project"},
    {"_parent_job/project/name", NULL, JG_UNIMPLEMENTED, "$select of _parent_job with project"},
    {NULL, "_parent_job($expand=Project)", JG_INVALID_ARGUMENT, "'Project' on type 'jobs'"},
    {NULL, "_parent_job($select=foo)", JG_INVALID_ARGUMENT, "'foo' on type 'jobs'"},
    {NULL, "project()", JG_INVALID_ARGUMENT, "expand option"},
    {NULL, "project(", JG_INVALID_ARGUMENT, "parenthesis"},
    {NULL, "project($select=id", JG_INVALID_ARGUMENT, "parenthesis"},
    {NULL, "project($select=id)x", JG_INVALID_ARGUMENT, "parenthesis"},
    {NULL, "project($select=id))", JG_INVALID_ARGUMENT, "parenthesis"},
    {NULL, "project)", JG_INVALID_ARGUMENT, "'project)'"},
    {NULL, "($select=id)", JG_INVALID_ARGUMENT, "$expand"},
    {NULL, "project($select)", JG_INVALID_ARGUMENT, "$select in parentheses"},
    {NULL, "project($select=)", JG_INVALID_ARGUMENT, "$select"},
    {NULL, "project($select=id;$select=id)", JG_INVALID_ARGUMENT, "$select in parentheses once"},
    {NULL, "project($select=id),project($select=name)", JG_INVALID_ARGUMENT, "options of project once"},
    {NULL, "project($select=foo)", JG_INVALID_ARGUMENT, "'foo' on type 'project'"},
    {NULL, "project($foo=1)", JG_INVALID_ARGUMENT, "'$foo'"},
    {NULL, "project($Select=id)", JG_INVALID_ARGUMENT, "'$Select'"},
    {NULL, "project(select=id)", JG_INVALID_ARGUMENT, "'select'"},
    {NULL, "project($select=id,name;$top=1),skill", JG_UNIMPLEMENTED, "$expand of project with $top"},
    {NULL, "suggested_user($filter=name eq 'a)';$select=id)", JG_UNIMPLEMENTED,
     "$expand of suggested_user with $filter"},
    {NULL, "_parent_job($levels=2)", JG_UNIMPLEMENTED, "$expand of _parent_job with $levels"},
    {NULL, "project($search=x)", JG_UNIMPLEMENTED, "$expand of project with $search"},
    {NULL, "project/$ref", JG_UNIMPLEMENTED, "$expand of project with $ref"},
    {NULL, "project/$count", JG_UNIMPLEMENTED, "$expand of project with $count"},
    {NULL, "*($levels=2)", JG_UNIMPLEMENTED, "$expand of *"},
    {NULL, "*/$ref", JG_UNIMPLEMENTED, "$expand of *"},
};

static void refusals_name_the_option(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(bad); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1u << 16);
    const struct jg_odata_shape *shape = NULL;
    struct jg_status status = parse(bad[i].select, bad[i].expand, true, &arena, &shape);
    if (status.code != bad[i].code || strstr(status.message, bad[i].said) == NULL) {
      fail_msg("case %zu (%s): %d %s", i, bad[i].said, status.code, status.message);
    }
    jg_arena_done(&arena);
  }
}

/* Without embedding, what is expanded shows no entities of its own, unless those are expanded too. */
static void expansion_is_one_level(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 16);
  const struct jg_odata_shape *shape = NULL;
  struct jg_status status = parse(NULL, "project($expand=project_status),job_type", false, &arena, &shape);
  assert_true(jg_status_ok(status));
  const struct jg_odata_shape *project = jg_odata_shape_below(shape, JG_JOB_PROJECT);
  assert_true((project->members & jg_odata_nodes(project->entity)) == BIT(JG_PROJECT_PROJECT_STATUS));
  const struct jg_odata_shape *project_status = jg_odata_shape_below(project, JG_PROJECT_PROJECT_STATUS);
  assert_true((project_status->members & jg_odata_nodes(project_status->entity)) == 0);
  assert_false(project_status->whole);
  assert_true(jg_odata_shape_below(shape, JG_JOB_JOB_TYPE)->whole);
  assert_null(jg_odata_shape_below(shape, JG_JOB_SKILL));
  jg_arena_done(&arena);
}

static void small_arenas_are_told(void **state) {
  (void)state;
  bool done = false;
  for (size_t cap = 1; !done; cap += 64) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    const struct jg_odata_shape *shape = NULL;
    struct jg_status status =
        parse("id,project/name", "skill($select=id;$expand=sales_organization)", false, &arena, &shape);
    done = jg_status_ok(status);
    assert_true(done || status.code == JG_INVALID_ARGUMENT);
    jg_arena_done(&arena);
    assert_true(cap < 1u << 16);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(shapes), cmocka_unit_test(refusals_name_the_option),
                                     cmocka_unit_test(expansion_is_one_level), cmocka_unit_test(small_arenas_are_told)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
