/* Embedded entities in strict writes (E1 to E5), through CreateJob and UpdateJob; numbers are the contract's statements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "base/compiler.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define NOBODY "99999999-9999-4999-8999-999999999999"
#define ZERO "00000000-0000-0000-0000-000000000000"

/* A job whose project is `project`, an object's members. */
#define WITH_PROJECT(project) \
  "{\"name\":\"n\",\"project\":{" project "},\"job_type\":{\"code\":\"T1\"},\"job_status_code\":\"Open\"}"
#define SO "\"sales_organization\":{\"code\":\"SO\",\"name\":\"so\"}"
#define DEEP                                                                                                  \
  "\"reference_back_office\":\"P1\",\"name\":\"p\",\"equipment_family\":{\"code\":\"F\",\"name\":\"f\"," SO   \
  "},"                                                                                                        \
  "\"equipment_model\":{\"code\":\"M\",\"name\":\"m\",\"equipment_brand\":{\"code\":\"B\",\"name\":\"b\"," SO \
  "},"                                                                                                        \
  "\"equipment_family\":{\"code\":\"F\"}," SO                                                                 \
  ",\"translations\":[{\"field_name\":\"name\","                                                              \
  "\"language_code\":\"fr\",\"value_translated\":\"t\"}]},\"project_status\":{\"code\":\"PS\",\"name\":\"ps\"," SO "}"

static struct jg_test_app *app;

static int setup(void **state) {
  (void)state;
  app = jg_test_app_create();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_test_app_destroy(app);
  return 0;
}

static const char *keep(const char *text) {
  return jg_arena_str(&app->arena, jg_str_from_cstr(text)).data;
}

static void test_69_74_depth_first(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(app, WITH_PROJECT(DEEP));
  // Sales organization, family, brand, model, project status, project, job type, job: one each.
  assert_int_equal(jg_test_revision(app), 8);
  static const char *const paths[] = {"project", "project.equipment_family", "project.equipment_model",
                                      "project.equipment_model.equipment_brand", "project.project_status"};
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    const char *id = jg_arena_printf(&app->arena, "%s.id", paths[i]);
    const char *beside = jg_arena_printf(&app->arena, "%s_id", paths[i]);
    assert_string_equal(jg_test_get(call, id), jg_test_get(call, beside));
    assert_string_not_equal(jg_test_get(call, id), ZERO);
  }
  jg_test_assert_get(call, "project.equipment_family_code", "F");
  jg_test_assert_get(call, "project.equipment_model.equipment_family.name", "f");
  jg_test_assert_get(call, "project.equipment_model.translations", "[");
  jg_test_assert_get(call, "project.project_status.sales_organization.name", "so");
  jg_test_assert_get(call, "project.equipment_model.equipment_brand.sales_organization_code", "SO");
  jg_test_call_destroy(call);
}

static void test_70_known_ones_are_left_alone(void **state) {
  (void)state;
  struct jg_test_call *first = jg_test_post(app, WITH_PROJECT(DEEP));
  int64_t revision = jg_test_revision(app);
  jg_clock_manual_advance_ns(&app->clock, 1000000000);
  struct jg_test_call *again = jg_test_post(app, WITH_PROJECT(DEEP));
  assert_int_equal(jg_test_revision(app), revision + 1);
  static const char *const paths[] = {"project.id", "project.modified_dateutc",
                                      "project.equipment_model.equipment_brand.modified_dateutc",
                                      "project.equipment_family.sales_organization.modified_dateutc"};
  for (size_t i = 0; i < JG_COUNT(paths); i++) {
    assert_string_equal(jg_test_get(again, paths[i]), jg_test_get(first, paths[i]));
  }
  jg_test_call_destroy(first);
  jg_test_call_destroy(again);
}

/* Statements 71 and 75: filled and different members change, and every job that embeds it shows that, the cache warm. */
static void test_71_75_filled_and_different(void **state) {
  (void)state;
  const char *job = jg_test_must_post(app, WITH_PROJECT(DEEP ",\"is_mobile_installation\":false,\"barcode\":\"x\""));
  struct jg_test_call *before = jg_test_fetch(app, job);
  const char *modified = keep(jg_test_get(before, "project.equipment_model.sales_organization.modified_dateutc"));
  jg_test_call_destroy(before);
  int64_t revision = jg_test_revision(app);
  // A sales organization four levels down; its own empty members are no change.
  (void)jg_test_must_post(
      app, WITH_PROJECT("\"reference_back_office\":\"P2\",\"project_status\":{\"code\":\"PS\",\"name\":\"\","
                        "\"is_default\":false,\"sales_organization\":{\"code\":\"SO\",\"name\":\"renamed\"}}"));
  // The organization, the new project, the job: the status itself did not change.
  assert_int_equal(jg_test_revision(app), revision + 3);
  for (int round = 0; round < 2; round++) {
    struct jg_test_call *call = jg_test_fetch(app, job);
    static const char *const paths[] = {"project.equipment_family.sales_organization.name",
                                        "project.equipment_model.sales_organization.name",
                                        "project.equipment_model.equipment_brand.sales_organization.name",
                                        "project.project_status.sales_organization.name"};
    for (size_t i = 0; i < JG_COUNT(paths); i++) {
      jg_test_assert_get(call, paths[i], "renamed");
    }
    assert_true(strcmp(jg_test_get(call, "project.equipment_model.sales_organization.modified_dateutc"), modified) > 0);
    jg_test_assert_get(call, "project.project_status.name", "ps");
    jg_test_assert_get(call, "project.barcode", "x");
    jg_test_call_destroy(call);
    jg_test_app_forget(app);
  }
}

/* Statement 68: the id decides; the node beside it is not even looked at. */
static void test_68_id_before_node_before_code(void **state) {
  (void)state;
  struct jg_test_call *first = jg_test_post(app, WITH_PROJECT("\"reference_back_office\":\"P1\",\"name\":\"one\""));
  (void)jg_test_must_post(app, WITH_PROJECT("\"reference_back_office\":\"P2\",\"name\":\"two\""));
  const char *id = keep(jg_test_get(first, "project_id"));
  jg_test_call_destroy(first);
  const char *json = jg_arena_printf(
      &app->arena,
      "{\"name\":\"n\",\"project_id\":\"%s\",\"project\":{\"reference_back_office\":\"P2\",\"name\":\"changed\"},"
      "\"project_reference_back_office\":\"P2\",\"job_type\":{\"code\":\"T1\"},\"job_type_code\":\"nope\","
      "\"job_status_code\":\"Open\"}",
      id);
  int64_t revision = jg_test_revision(app);
  struct jg_test_call *call = jg_test_post(app, json);
  jg_test_assert_get(call, "project.name", "one");
  jg_test_assert_get(call, "project_reference_back_office", "P1");
  jg_test_assert_get(call, "job_type_code", "T1");
  assert_int_equal(jg_test_revision(app), revision + 1);
  jg_test_call_destroy(call);
  // The zero GUID is no id.
  call = jg_test_post(
      app, WITH_PROJECT("\"reference_back_office\":\"P2\"},\"project_id\":\"" ZERO "\",\"skill\":{\"code\":\"S\""));
  jg_test_assert_get(call, "project.name", "two");
  jg_test_call_destroy(call);
}

static void test_72_73_by_code_alone(void **state) {
  (void)state;
  (void)jg_test_must_post(app, WITH_PROJECT("\"reference_back_office\":\"P1\",\"name\":\"one\""));
  struct jg_test_call *call = jg_test_post(app,
                                           "{\"name\":\"n\",\"project_reference_back_office\":\"P1\","
                                           "\"job_type_code\":\"T1\",\"job_status_code\":\"Open\"}");
  jg_test_assert_get(call, "project.name", "one");
  jg_test_call_destroy(call);
  // Codes are compared as they are.
  jg_test_assert_fails(jg_test_post(app,
                                    "{\"name\":\"n\",\"project_reference_back_office\":\"p1\","
                                    "\"job_type_code\":\"T1\",\"job_status_code\":\"Open\"}"),
                       JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, "project_reference_back_office");
}

/* E2: a node without a key is looked up by its id, and made with it; a key beside a known id is a new key for it. */
static void test_node_by_id(void **state) {
  (void)state;
  struct jg_test_call *call = jg_test_post(app, WITH_PROJECT("\"id\":\"" ID "\",\"name\":\"one\""));
  jg_test_assert_get(call, "project_id", ID);
  jg_test_assert_get(call, "project_reference_back_office", "");
  jg_test_call_destroy(call);
  call = jg_test_post(app, WITH_PROJECT("\"id\":\"" ID "\",\"reference_back_office\":\"K\""));
  jg_test_assert_get(call, "project_id", ID);
  jg_test_assert_get(call, "project.name", "one");
  jg_test_assert_get(call, "project_reference_back_office", "K");
  jg_test_call_destroy(call);
  // Its key finds it, whatever id that nobody has stands beside.
  call = jg_test_post(app, WITH_PROJECT("\"id\":\"" NOBODY "\",\"reference_back_office\":\"K\""));
  jg_test_assert_get(call, "project_id", ID);
  jg_test_call_destroy(call);
}

/* A node whose id is one entity and whose key another: neither is chosen, changed or renamed. */
static void test_r3_68_a_node_of_two_entities(void **state) {
  (void)state;
  (void)jg_test_must_post(app, WITH_PROJECT("\"id\":\"" ID "\",\"reference_back_office\":\"P1\""));
  (void)jg_test_must_post(app, WITH_PROJECT("\"id\":\"" NOBODY "\",\"reference_back_office\":\"P2\",\"name\":\"two\""));
  int64_t revision = jg_test_revision(app);
  static const char *const fields[] = {"project.id", "project.reference_back_office"};
  for (size_t i = 0; i < JG_COUNT(fields); i++) {
    jg_test_assert_fails(
        jg_test_post(app, WITH_PROJECT("\"id\":\"" ID "\",\"reference_back_office\":\"P2\",\"name\":\"changed\"")),
        JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, fields[i]);
  }
  // Nested nodes and gRPC's names; both members of one entity are fine.
  Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  project.id = (char *)ID;
  project.reference_back_office = (char *)"P2";
  job.name = (char *)"n";
  job.job_type_code = (char *)"T1";
  job.job_status_code = (char *)"Open";
  job.project = &project;
  jg_test_assert_fails(jg_test_create(app, &job), JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, "job.project.id");
  assert_int_equal(jg_test_revision(app), revision);
  project.reference_back_office = (char *)"P1";
  jg_test_call_destroy(jg_test_create(app, &job));
  assert_int_equal(jg_test_revision(app), revision + 1);
}

static void test_node_without_key_and_id(void **state) {
  (void)state;
  static const struct {
    const char *json, *field;
  } rows[] = {
      {WITH_PROJECT(""), "project"},
      {WITH_PROJECT("\"name\":\"x\",\"id\":\"" ZERO "\""), "project"},
      {WITH_PROJECT("\"reference_back_office\":\"P\",\"equipment_model\":{\"code\":\"M\",\"equipment_family\":{}}"),
       "project.equipment_model.equipment_family"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_assert_fails(jg_test_post(app, rows[i].json), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, rows[i].field);
  }
  assert_int_equal(jg_test_revision(app), 0);
}

/* Statement 57 in nested nodes, under gRPC's names. */
static void test_57_nested_lengths(void **state) {
  (void)state;
  char text[52];
  memset(text, 'x', sizeof(text));
  text[51] = '\0';
  Jobgate__V1__EquipmentFamily family = JOBGATE__V1__EQUIPMENT_FAMILY__INIT;
  Jobgate__V1__Project project = JOBGATE__V1__PROJECT__INIT;
  Jobgate__V1__Job job = JOBGATE__V1__JOB__INIT;
  family.code = text;
  project.equipment_family = &family;
  job.project = &project;
  jg_test_assert_fails(jg_test_create(app, &job), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                       "job.project.equipment_family.code");
}

/* Statement 74: what was made or changed on the way is undone with the job. */
static void test_74_all_or_nothing(void **state) {
  (void)state;
  const char *job = jg_test_must_post(app, WITH_PROJECT(DEEP));
  int64_t revision = jg_test_revision(app);
  jg_test_assert_fails(
      jg_test_post(app,
                   "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P1\",\"name\":\"changed\"},"
                   "\"job_type\":{\"code\":\"T1\",\"name\":\"changed\"},\"job_status_code\":\"Open\","
                   "\"skill\":{\"code\":\"S\"},\"suggested_user_code\":\"nope\"}"),
      JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE, "suggested_user_code");
  assert_int_equal(jg_test_revision(app), revision);
  for (int round = 0; round < 2; round++) {
    struct jg_test_call *call = jg_test_fetch(app, job);
    jg_test_assert_get(call, "project.name", "p");
    jg_test_assert_get(call, "job_type.name", "");
    jg_test_call_destroy(call);
    jg_test_app_forget(app);
  }
}

static void *post_racing(void *data) {
  (void)data;
  struct jg_test_call *call = jg_test_post(app, WITH_PROJECT("\"reference_back_office\":\"RACE\",\"name\":\"r\""));
  return call;
}

/* Statement 76: one project, whoever comes first. */
static void test_76_racing_posts_make_one(void **state) {
  (void)state;
  enum { COUNT = 8 };
  pthread_t threads[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, post_racing, NULL), 0);
  }
  const char *id = NULL;
  for (size_t i = 0; i < COUNT; i++) {
    void *result = NULL;
    assert_int_equal(pthread_join(threads[i], &result), 0);
    struct jg_test_call *call = result;
    const char *project = keep(jg_test_get(call, "project_id"));
    if (id != NULL) {
      assert_string_equal(project, id);
    }
    id = project;
    jg_test_call_destroy(call);
  }
  // The project, the job type, and the jobs.
  assert_int_equal(jg_test_revision(app), 2 + COUNT);
}

/* E5 */
static void test_parents(void **state) {
  (void)state;
  (void)jg_test_must_post(app, WITH_PROJECT("\"id\":\"" ID "\",\"reference_back_office\":\"ROOT\""));
  struct jg_test_call *call =
      jg_test_post(app, WITH_PROJECT("\"reference_back_office\":\"MID\",\"_parent_id\":\"" ID "\""));
  jg_test_assert_get(call, "project._parent_reference_back_office", "ROOT");
  jg_test_assert_get(call, "project.root_parent_id", ID);
  const char *mid = keep(jg_test_get(call, "project.id"));
  jg_test_call_destroy(call);
  call =
      jg_test_post(app, WITH_PROJECT("\"reference_back_office\":\"LEAF\",\"_parent_reference_back_office\":\"MID\""));
  jg_test_assert_get(call, "project._parent_id", mid);
  jg_test_assert_get(call, "project.root_parent_id", ID);
  jg_test_call_destroy(call);
  // Moved below another parent: root and key follow.
  call = jg_test_post(app, WITH_PROJECT("\"reference_back_office\":\"LEAF\",\"_parent_id\":\"" ID "\""));
  jg_test_assert_get(call, "project._parent_id", ID);
  jg_test_assert_get(call, "project._parent_reference_back_office", "ROOT");
  jg_test_call_destroy(call);
  jg_test_assert_fails(jg_test_post(app, WITH_PROJECT("\"id\":\"" ID "\",\"_parent_id\":\"" ID "\"")),
                       JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "project._parent_id");
}

/* Statement 72, for the parents of entities: one that is not in the record is named, unless an import brought it. */
static void test_r3_72_unknown_parents(void **state) {
  (void)state;
  static const struct {
    const char *json, *field;
  } rows[] = {
      {WITH_PROJECT("\"reference_back_office\":\"P\",\"_parent_id\":\"" NOBODY "\""), "project._parent_id"},
      {WITH_PROJECT("\"reference_back_office\":\"P\",\"_parent_reference_back_office\":\"x\""),
       "project._parent_reference_back_office"},
      {WITH_PROJECT("\"reference_back_office\":\"P\",\"equipment_family\":{\"code\":\"SUB\",\"_parent_code\":\"TOP\"}"),
       "project.equipment_family._parent_code"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_assert_fails(jg_test_post(app, rows[i].json), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                         rows[i].field);
  }
  assert_int_equal(jg_test_revision(app), 0);
  (void)jg_test_import(app, WITH_PROJECT("\"reference_back_office\":\"FAR\",\"_parent_id\":\"" NOBODY
                                         "\",\"root_parent_id\":\"" ID "\",\"_parent_reference_back_office\":\"x\""));
  struct jg_test_call *call = jg_test_post(
      app, WITH_PROJECT("\"reference_back_office\":\"FAR\",\"_parent_id\":\"" NOBODY "\",\"name\":\"far\""));
  jg_test_assert_get(call, "project.name", "far");
  jg_test_assert_get(call, "project._parent_id", NOBODY);
  jg_test_assert_get(call, "project.root_parent_id", ID);
  jg_test_assert_get(call, "project._parent_reference_back_office", "x");
  jg_test_call_destroy(call);
  call = jg_test_post(app, WITH_PROJECT("\"reference_back_office\":\"FAR\",\"_parent_reference_back_office\":\"x\""));
  assert_true(jg_status_ok(call->status));
  jg_test_call_destroy(call);
}

/* R1 below R2 below R3: none of them may come below R1. */
static void test_r3_no_cycle_of_parents(void **state) {
  (void)state;
  (void)jg_test_must_post(app, WITH_PROJECT("\"reference_back_office\":\"R3\""));
  (void)jg_test_must_post(app,
                          WITH_PROJECT("\"reference_back_office\":\"R2\",\"_parent_reference_back_office\":\"R3\""));
  (void)jg_test_must_post(app,
                          WITH_PROJECT("\"reference_back_office\":\"R1\",\"_parent_reference_back_office\":\"R2\""));
  static const char *const bodies[] = {
      WITH_PROJECT("\"reference_back_office\":\"R3\",\"_parent_reference_back_office\":\"R1\""),
      WITH_PROJECT("\"reference_back_office\":\"R2\",\"_parent_reference_back_office\":\"R1\""),
  };
  int64_t revision = jg_test_revision(app);
  for (size_t i = 0; i < JG_COUNT(bodies); i++) {
    jg_test_assert_fails(jg_test_post(app, bodies[i]), JG_FAILED_PRECONDITION, JG_REASON_PARENT_CYCLE,
                         "project._parent_reference_back_office");
  }
  assert_int_equal(jg_test_revision(app), revision);
  // Moved up, not round.
  (void)jg_test_must_post(app,
                          WITH_PROJECT("\"reference_back_office\":\"R1\",\"_parent_reference_back_office\":\"R3\""));
}

/* The same organization eight times in one request: read once, made once, and what the last one adds is kept. */
static void test_one_entity_many_times(void **state) {
  (void)state;
  struct jg_test_call *call =
      jg_test_post(app, WITH_PROJECT("\"reference_back_office\":\"P\",\"equipment_family\":{\"code\":\"F\"," SO
                                     "},\"project_status\":{\"code\":\"PS\",\"sales_organization\":{\"code\":\"SO\","
                                     "\"city\":\"Liege\"}}"));
  jg_test_assert_get(call, "project.equipment_family.sales_organization.city", "Liege");
  jg_test_assert_get(call, "project.equipment_family.sales_organization.name", "so");
  jg_test_call_destroy(call);
  // The organization twice: made, then changed.
  assert_int_equal(jg_test_revision(app), 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_69_74_depth_first),
      TEST(test_70_known_ones_are_left_alone),
      TEST(test_71_75_filled_and_different),
      TEST(test_68_id_before_node_before_code),
      TEST(test_72_73_by_code_alone),
      TEST(test_node_by_id),
      TEST(test_r3_68_a_node_of_two_entities),
      TEST(test_node_without_key_and_id),
      TEST(test_57_nested_lengths),
      TEST(test_74_all_or_nothing),
      TEST(test_76_racing_posts_make_one),
      TEST(test_parents),
      TEST(test_r3_72_unknown_parents),
      TEST(test_r3_no_cycle_of_parents),
      TEST(test_one_entity_many_times),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
