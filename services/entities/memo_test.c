/* An import with the memo leaves exactly what one without it leaves, whatever else writes or fails in between. */
#include "services/entities/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "services/testing/jobs.h"

#define ID "0f1e2d3c-4b5a-4968-8776-655443322110"
#define PROJECT_ID "aaaaaaaa-0000-4000-8000-000000000001"
#define FAMILY_ID "bbbbbbbb-0000-4000-8000-000000000001"
#define ORG_ID "cccccccc-0000-4000-8000-000000000001"

/* The same record twice. */
static struct jg_test_app *with, *without;

static int setup(void **state) {
  (void)state;
  with = jg_test_app_create();
  without = jg_test_app_create();
  with->memo = jg_entities_memo_create();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_entities_memo_destroy(with->memo);
  jg_test_app_destroy(with);
  jg_test_app_destroy(without);
  return 0;
}

/* Imports it into both; what becomes of it is the same, and so is the log's length. */
static const char *import(const char *json) {
  const char *outcome = jg_test_import(with, json);
  assert_string_equal(outcome, jg_test_import(without, json));
  assert_int_equal(jg_test_revision(with), jg_test_revision(without));
  return outcome;
}

static void post(const char *json) {
  struct jg_test_app *const apps[] = {with, without};
  for (size_t i = 0; i < JG_COUNT(apps); i++) {
    (void)jg_test_must_post(apps[i], json);
  }
}

/* The job's JSON is the same in both; a member of it. */
static void assert_same(const char *id, const char *path, const char *expected) {
  struct jg_test_call *a = jg_test_fetch(with, id), *b = jg_test_fetch(without, id);
  assert_string_equal(jg_test_call_json(a, 0), jg_test_call_json(b, 0));
  jg_test_assert_get(a, path, expected);
  jg_test_call_destroy(a);
  jg_test_call_destroy(b);
}

/* A job of that project, whose family and organization have these names. */
static const char *job(const char *id, const char *project, const char *family, const char *organization) {
  const char *json =
      jg_arena_printf(&with->arena,
                      "{\"id\":\"%s\",\"name\":\"n\",\"modified_dateutc\":\"2026-01-01T00:00:00Z\","
                      "\"project\":{\"id\":\"" PROJECT_ID
                      "\",\"reference_back_office\":\"P1\",\"name\":\"%s\",\"equipment_family\":{\"id\":\"" FAMILY_ID
                      "\",\"code\":\"F1\",\"name\":\"%s\",\"sales_organization\":{\"id\":\"" ORG_ID
                      "\",\"code\":\"O1\",\"name\":\"%s\"}}}}",
                      id, project, family, organization);
  assert_non_null(json);
  return json;
}

static const char *id_of(unsigned n) {
  return jg_arena_printf(&with->arena, "dddddddd-0000-4000-8000-%012u", n);
}

static void test_same_nodes_again(void **state) {
  (void)state;
  assert_string_equal(import(job(id_of(1), "p", "f", "o")), "created entities=3 warnings=0");
  for (unsigned n = 2; n < 5; n++) {
    assert_string_equal(import(job(id_of(n), "p", "f", "o")), "created entities=0 warnings=0");
    assert_string_equal(import(job(id_of(n), "p", "f", "o")), "unchanged entities=0 warnings=0");
  }
  assert_same(id_of(3), "project.equipment_family.sales_organization.name", "o");
}

/* The last one wins, also where the outermost node came before. */
static void test_last_one_wins(void **state) {
  (void)state;
  (void)import(job(id_of(1), "p", "f", "o"));
  assert_string_equal(import(job(id_of(2), "p", "f", "other")), "created entities=1 warnings=0");
  assert_string_equal(import(job(id_of(3), "p", "f", "o")), "created entities=1 warnings=0");
  assert_same(id_of(2), "project.equipment_family.sales_organization.name", "o");
  // By another way: a node that shares the organization.
  (void)import("{\"id\":\"" ID "\",\"name\":\"n\",\"skill\":{\"code\":\"S\",\"sales_organization\":{\"id\":\"" ORG_ID
               "\",\"code\":\"O1\",\"name\":\"third\"}}}");
  assert_string_equal(import(job(id_of(4), "p", "f", "o")), "created entities=1 warnings=0");
  assert_same(id_of(4), "project.equipment_family.sales_organization.name", "o");
}

/* Another writer's change between two jobs is replaced, as without the memo. */
static void test_others_write(void **state) {
  (void)state;
  (void)import(job(id_of(1), "p", "f", "o"));
  (void)import(job(id_of(2), "p", "f", "o"));
  post(JG_TEST_JOB(",\"id\":\"" ID "\""));  // renames project P1
  assert_same(id_of(1), "project.name", "p");
  post(
      "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P1\",\"name\":\"theirs\"},\"job_type_code\":\"T1\","
      "\"job_status_code\":\"Open\"}");
  assert_same(id_of(1), "project.name", "theirs");
  assert_string_equal(import(job(id_of(3), "p", "f", "o")), "created entities=1 warnings=0");
  assert_same(id_of(1), "project.name", "p");
}

/* What a refused job had made is gone, and its nodes are made by the next one. */
static void test_refused_job(void **state) {
  (void)state;
  (void)import("{\"id\":\"" ID "\",\"name\":\"n\",\"reference_back_office\":\"R\"}");
  const char *refused = jg_arena_printf(&with->arena, "{\"name\":\"n\",\"reference_back_office\":\"R\",%s",
                                        job(id_of(1), "p", "f", "o") + 1);
  assert_non_null(strstr(import(refused), "ALREADY_EXISTS"));
  assert_string_equal(import(job(id_of(2), "p", "f", "o")), "created entities=3 warnings=0");
  // And what a refused job had changed is not.
  refused = jg_arena_printf(&with->arena, "{\"name\":\"n\",\"reference_back_office\":\"R\",%s",
                            job(id_of(1), "p", "f", "other") + 1);
  assert_non_null(strstr(import(refused), "ALREADY_EXISTS"));
  assert_string_equal(import(job(id_of(3), "p", "f", "other")), "created entities=1 warnings=0");
  assert_same(id_of(2), "project.equipment_family.sales_organization.name", "other");
}

/* A warning comes with each job, not with the first alone. */
static void test_warnings_stay(void **state) {
  (void)state;
  for (unsigned n = 1; n < 4; n++) {
    const char *json = jg_arena_printf(&with->arena,
                                       "{\"id\":\"%s\",\"name\":\"n\",\"skill_id\":\"" ID
                                       "\",\"skill\":{\"id\":\"" FAMILY_ID "\",\"code\":\"S\"}}",
                                       id_of(n));
    assert_string_equal(import(json), n == 1 ? "created entities=1 warnings=1" : "created entities=0 warnings=1");
  }
  // The same node beside its own id warns of nothing.
  assert_string_equal(
      import("{\"name\":\"n\",\"skill_id\":\"" FAMILY_ID "\",\"skill\":{\"id\":\"" FAMILY_ID "\",\"code\":\"S\"}}"),
      "created entities=0 warnings=0");
  assert_string_equal(import("{\"name\":\"n\",\"job_type_id\":\"" ID "\",\"job_type_code\":\"T\"}"),
                      "created entities=1 warnings=1");
  assert_string_equal(import("{\"name\":\"n\",\"job_type_id\":\"" ID "\",\"job_type_code\":\"T\"}"),
                      "created entities=0 warnings=0");
}

/* Everything above in any order. */
static void test_random(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b"};
  uint64_t seed = 1;
  (void)import("{\"id\":\"" ID "\",\"name\":\"n\",\"reference_back_office\":\"R\"}");
  for (unsigned i = 0; i < 400; i++) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t bits = seed >> 40;
    const char *json = job(id_of(1 + (unsigned)(bits >> 8) % 5), names[bits & 1], names[bits >> 1 & 1],
                           (bits >> 2 & 3) == 0 ? "b" : "a");
    switch (bits >> 4 & 7) {
      case 0:
        post(JG_TEST_JOB(""));
        break;
      case 1:
        (void)import(jg_arena_printf(&with->arena, "{\"reference_back_office\":\"R\",%s", json + 1));
        break;
      case 2:
        (void)import("{\"name\":\"n\",\"skill\":{\"code\":\"S\",\"sales_organization\":{\"id\":\"" ORG_ID
                     "\",\"code\":\"O1\",\"name\":\"b\"}}}");
        break;
      default:
        (void)import(json);
        break;
    }
    assert_same(ID, "name", "n");
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_same_nodes_again), TEST(test_last_one_wins), TEST(test_others_write),
      TEST(test_refused_job),      TEST(test_warnings_stay), TEST(test_random),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
