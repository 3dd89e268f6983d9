/* EntityService's methods on a real record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/compiler.h"
#include "jobgate/v1/entity_service.pb-c.h"
#include "services/entityset/entityset.h"
#include "services/testing/jobs.h"

#define ID1 "11111111-1111-4111-8111-111111111111"
#define ID2 "22222222-2222-4222-8222-222222222222"
#define JOB_ID "99999999-9999-4999-8999-999999999999"
#define PROJECT JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_PROJECT
#define SKILL JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_SKILL
#define JOB_TYPE JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_JOB_TYPE
#define SALES JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_SALES_ORGANIZATION
#define STATUS JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_JOB_STATUS

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

/* ---- calls ---- */

static struct jg_test_call *upsert(Jobgate__V1__AnyEntity *entity, char **paths, size_t count) {
  struct jg_test_call *call = jg_test_call_create(app);
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  mask.paths = paths;
  mask.n_paths = count;
  Jobgate__V1__UpsertEntityRequest request = JOBGATE__V1__UPSERT_ENTITY_REQUEST__INIT;
  request.entity = entity;
  request.update_mask = count > 0 ? &mask : NULL;
  jg_test_call_run(call, jg_entityset_upsert, &request.base);
  return call;
}

static struct jg_test_call *upsert_project(Jobgate__V1__Project project, char **paths, size_t count) {
  Jobgate__V1__AnyEntity any = JOBGATE__V1__ANY_ENTITY__INIT;
  any.entity_case = JOBGATE__V1__ANY_ENTITY__ENTITY_PROJECT;
  any.project = &project;
  return upsert(&any, paths, count);
}

static struct jg_test_call *upsert_type(char *id, char *code, char *name) {
  Jobgate__V1__JobType type = JOBGATE__V1__JOB_TYPE__INIT;
  type.id = id;
  type.code = code;
  type.name = name;
  Jobgate__V1__AnyEntity any = JOBGATE__V1__ANY_ENTITY__INIT;
  any.entity_case = JOBGATE__V1__ANY_ENTITY__ENTITY_JOB_TYPE;
  any.job_type = &type;
  return upsert(&any, NULL, 0);
}

static struct jg_test_call *get(Jobgate__V1__EntityKind kind, char *id) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__GetEntityRequest request = JOBGATE__V1__GET_ENTITY_REQUEST__INIT;
  request.kind = kind;
  request.id = id;
  jg_test_call_run(call, jg_entityset_get, &request.base);
  return call;
}

static struct jg_test_call *list(Jobgate__V1__EntityKind kind, char *filter, char *order, int size, char *token) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__ListEntitiesRequest request = JOBGATE__V1__LIST_ENTITIES_REQUEST__INIT;
  request.kind = kind;
  request.filter = filter;
  request.order_by = order;
  request.page_size = size;
  request.page_token = token;
  jg_test_call_run(call, jg_entityset_list, &request.base);
  return call;
}

static struct jg_test_call *delete_entity(Jobgate__V1__EntityKind kind, char *id) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__DeleteEntityRequest request = JOBGATE__V1__DELETE_ENTITY_REQUEST__INIT;
  request.kind = kind;
  request.id = id;
  jg_test_call_run(call, jg_entityset_delete, &request.base);
  return call;
}

static void must(struct jg_test_call *call) {
  if (!jg_status_ok(call->status)) {
    fail_msg("%s", call->status.message);
  }
}

static const Jobgate__V1__AnyEntity *any_of(struct jg_test_call *call) {
  must(call);
  return (const Jobgate__V1__AnyEntity *)call->answer.message;
}

static const Jobgate__V1__ListEntitiesResponse *page_of(struct jg_test_call *call) {
  must(call);
  return (const Jobgate__V1__ListEntitiesResponse *)call->answer.message;
}

static void done(struct jg_test_call *call) {
  must(call);
  jg_test_call_destroy(call);
}

static Jobgate__V1__Project project(char *id, char *reference, char *name) {
  Jobgate__V1__Project made = JOBGATE__V1__PROJECT__INIT;
  made.id = id;
  made.reference_back_office = reference;
  made.name = name;
  return made;
}

/* ---- UpsertEntity ---- */

static void test_upsert_makes_and_changes(void **state) {
  (void)state;
  Jobgate__V1__SalesOrganization sales = JOBGATE__V1__SALES_ORGANIZATION__INIT;
  sales.code = (char *)"SO";
  sales.name = (char *)"sales";
  Jobgate__V1__EquipmentFamily family = JOBGATE__V1__EQUIPMENT_FAMILY__INIT;
  family.code = (char *)"F";
  family.name = (char *)"family";
  family.sales_organization = &sales;
  Jobgate__V1__Project first = project((char *)"", (char *)"P1", (char *)"one");
  first.equipment_family = &family;
  first.description = (char *)"d";
  struct jg_test_call *call = upsert_project(first, NULL, 0);
  const Jobgate__V1__Project *made = any_of(call)->project;
  assert_int_equal(any_of(call)->entity_case, JOBGATE__V1__ANY_ENTITY__ENTITY_PROJECT);
  assert_string_equal(made->equipment_family->sales_organization->code, "SO");
  assert_string_equal(made->equipment_family_code, "F");
  assert_non_null(made->modified_dateutc);
  // The same again: no revision, the same stamp. By key, as by id.
  int64_t revision = jg_test_revision(app);
  first.equipment_family = NULL;
  struct jg_test_call *same = upsert_project(first, NULL, 0);
  assert_string_equal(any_of(same)->project->id, made->id);
  assert_int_equal(any_of(same)->project->modified_dateutc->nanos, made->modified_dateutc->nanos);
  done(same);
  assert_int_equal(jg_test_revision(app), revision);
  // Filled members alone; then what the mask says, empty or not, and nothing else.
  struct jg_test_call *changed = upsert_project(project(made->id, (char *)"", (char *)"two"), NULL, 0);
  assert_string_equal(any_of(changed)->project->name, "two");
  assert_string_equal(any_of(changed)->project->description, "d");
  assert_true(any_of(changed)->project->modified_dateutc->nanos != made->modified_dateutc->nanos);
  done(changed);
  char *paths[] = {(char *)"description", (char *)"equipment_family_id"};
  struct jg_test_call *masked = upsert_project(project(made->id, (char *)"", (char *)"ignored"), paths, 2);
  assert_string_equal(any_of(masked)->project->name, "two");
  assert_string_equal(any_of(masked)->project->reference_back_office, "P1");
  assert_string_equal(any_of(masked)->project->description, "");
  assert_null(any_of(masked)->project->equipment_family);
  done(masked);
  struct jg_test_call *read = get(PROJECT, made->id);
  assert_string_equal(any_of(read)->project->name, "two");
  done(read);
  jg_test_call_destroy(call);
}

static void test_upsert_keeps_the_parent_together(void **state) {
  (void)state;
  done(upsert_project(project((char *)ID1, (char *)"P1", (char *)"root"), NULL, 0));
  Jobgate__V1__Project child = project((char *)ID2, (char *)"P2", (char *)"child");
  child.parent_reference_back_office = (char *)"P1";
  struct jg_test_call *call = upsert_project(child, NULL, 0);
  assert_string_equal(any_of(call)->project->parent_id, ID1);
  assert_string_equal(any_of(call)->project->root_parent_id, ID1);
  done(call);
  char *paths[] = {(char *)"parent_id"};
  call = upsert_project(project((char *)ID2, (char *)"", (char *)""), paths, 1);
  assert_string_equal(any_of(call)->project->parent_id, "");
  assert_string_equal(any_of(call)->project->parent_reference_back_office, "");
  assert_string_equal(any_of(call)->project->root_parent_id, "");
  done(call);
}

static void test_upsert_refusals(void **state) {
  (void)state;
  done(upsert_type((char *)ID1, (char *)"T1", (char *)"one"));
  done(upsert_type((char *)ID2, (char *)"T2", (char *)"two"));
  int64_t revision = jg_test_revision(app);
  char name51[52];
  memset(name51, 'x', 51);
  name51[51] = '\0';
  const struct {
    const char *id, *code, *name;
    enum jg_code status;
    enum jg_reason reason;
    const char *field;
  } rows[] = {
      {"", "", "n", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity.job_type"},
      {"", "T3", "", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity.job_type.name"},
      {"", "T3", name51, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity.job_type.name"},
      {"x", "T3", "n", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity.job_type.id"},
      {ID2, "T1", "n", JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, "entity.job_type.code"},
      {JOB_ID, "T1", "n", JG_ALREADY_EXISTS, JG_REASON_DUPLICATE_REFERENCE, "entity.job_type.code"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_assert_fails(upsert_type((char *)rows[i].id, (char *)rows[i].code, (char *)rows[i].name), rows[i].status,
                         rows[i].reason, rows[i].field);
  }
  Jobgate__V1__Project bad = project((char *)"", (char *)"P9", (char *)"n");
  bad.equipment_model_code = (char *)"nope";
  jg_test_assert_fails(upsert_project(bad, NULL, 0), JG_FAILED_PRECONDITION, JG_REASON_UNRESOLVED_REFERENCE,
                       "entity.project.equipment_model_code");
  char *paths[] = {(char *)"nope"};
  jg_test_assert_fails(upsert_project(project((char *)"", (char *)"P9", (char *)"n"), paths, 1), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "update_mask");
  Jobgate__V1__AnyEntity any = JOBGATE__V1__ANY_ENTITY__INIT;
  jg_test_assert_fails(upsert(&any, NULL, 0), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity");
  jg_test_assert_fails(upsert(NULL, NULL, 0), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "entity");
  Jobgate__V1__JobStatus status = JOBGATE__V1__JOB_STATUS__INIT;
  any.entity_case = JOBGATE__V1__ANY_ENTITY__ENTITY_JOB_STATUS;
  any.job_status = &status;
  jg_test_assert_fails(upsert(&any, NULL, 0), JG_FAILED_PRECONDITION, JG_REASON_ENTITY_READ_ONLY, "");
  assert_int_equal(jg_test_revision(app), revision);
}

/* Statement 75: the next read of a job that embeds it shows the change. */
static void test_a_job_shows_the_change(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" JOB_ID "\""));
  jg_test_call_destroy(jg_test_fetch(app, JOB_ID));
  done(upsert_project(project((char *)"", (char *)"P1", (char *)"renamed"), NULL, 0));
  struct jg_test_call *call = jg_test_fetch(app, JOB_ID);
  jg_test_assert_get(call, "project.name", "renamed");
  jg_test_call_destroy(call);
}

/* ---- GetEntity, ListEntities ---- */

static void test_get_refusals(void **state) {
  (void)state;
  jg_test_assert_fails(get(SKILL, (char *)ID1), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(get(SKILL, (char *)"x"), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "id");
  static const int kinds[] = {-1, 0, 1, 12, 14, 15, 99};
  for (size_t i = 0; i < JG_COUNT(kinds); i++) {
    jg_test_assert_fails(get((Jobgate__V1__EntityKind)kinds[i], (char *)ID1), JG_INVALID_ARGUMENT,
                         JG_REASON_INVALID_MEMBER, "kind");
  }
}

/* All pages of 100 at most, as one count; each page's ids ascend. */
static size_t count_all(char *filter, int size, size_t *ret_pages) {
  char token[2000] = "", last[JG_UUID_TEXT_LEN + 1] = "";
  size_t count = 0;
  for (*ret_pages = 0; *ret_pages == 0 || token[0] != '\0'; (*ret_pages)++) {
    struct jg_test_call *call = list(JOB_TYPE, filter, (char *)"", size, token);
    const Jobgate__V1__ListEntitiesResponse *page = page_of(call);
    for (size_t i = 0; i < page->n_entities; i++, count++) {
      assert_true(strcmp(last, page->entities[i]->job_type->id) < 0);
      (void)snprintf(last, sizeof(last), "%s", page->entities[i]->job_type->id);
    }
    (void)snprintf(token, sizeof(token), "%s", page->next_page_token);
    jg_test_call_destroy(call);
  }
  return count;
}

static void test_list_pages_and_filters(void **state) {
  (void)state;
  char code[20];
  for (int i = 0; i < 250; i++) {
    (void)snprintf(code, sizeof(code), "T%03d", i);
    done(upsert_type((char *)"", code, (char *)(i % 50 == 0 ? "fifty" : "other")));
  }
  static const struct {
    const char *filter;
    int size;
    size_t count, pages;
  } rows[] = {{"", 0, 250, 3},
              {"", 250, 250, 1},
              {"", 249, 250, 2},
              {"name eq 'fifty'", 2, 5, 3},
              {"name eq 'fifty'", 5, 5, 1},
              {"name eq 'none'", 1, 0, 1},
              {"code ge 'T240' and name ne 'fifty'", 100, 10, 1}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    size_t pages;
    assert_int_equal(count_all((char *)rows[i].filter, rows[i].size, &pages), rows[i].count);
    assert_int_equal(pages, rows[i].pages);
  }
}

static void test_list_filters_by_what_is_embedded(void **state) {
  (void)state;
  Jobgate__V1__EquipmentFamily family = JOBGATE__V1__EQUIPMENT_FAMILY__INIT;
  family.code = (char *)"F";
  family.name = (char *)"family";
  Jobgate__V1__Project with = project((char *)ID1, (char *)"P1", (char *)"with");
  with.equipment_family = &family;
  done(upsert_project(with, NULL, 0));
  done(upsert_project(project((char *)ID2, (char *)"P2", (char *)"without"), NULL, 0));
  struct jg_test_call *call = list(PROJECT, (char *)"equipment_family/name eq 'family'", (char *)"id", 0, (char *)"");
  assert_int_equal(page_of(call)->n_entities, 1);
  assert_string_equal(page_of(call)->entities[0]->project->id, ID1);
  assert_string_equal(page_of(call)->entities[0]->project->equipment_family->name, "family");
  assert_string_equal(page_of(call)->next_page_token, "");
  done(call);
  call = list(STATUS, (char *)"code eq 'Open'", (char *)"", 0, (char *)"");
  assert_int_equal(page_of(call)->n_entities, 1);
  done(call);
}

static void test_list_refusals(void **state) {
  (void)state;
  done(upsert_type((char *)"", (char *)"T1", (char *)"n"));
  done(upsert_type((char *)"", (char *)"T2", (char *)"n"));
  struct jg_test_call *first = list(JOB_TYPE, (char *)"", (char *)"", 1, (char *)"");
  char *token = page_of(first)->next_page_token;
  const struct {
    Jobgate__V1__EntityKind kind;
    const char *filter, *order;
    int size;
    const char *token;
    enum jg_code code;
    enum jg_reason reason;
    const char *field;
  } rows[] = {
      {0, "", "", 0, "", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "kind"},
      {JOB_TYPE, "nope eq 1", "", 0, "", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "filter"},
      {JOB_TYPE, "", "code eq 'T1'", 1, token, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
      {JOB_TYPE, "", "", -1, "", JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "page_size"},
      {JOB_TYPE, "", "", 0, "x", JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
      {SKILL, "", "", 0, token, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
      {JOB_TYPE, "name eq 'n'", "", 0, token, JG_INVALID_ARGUMENT, JG_REASON_INVALID_TOKEN, "page_token"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    jg_test_assert_fails(
        list(rows[i].kind, (char *)rows[i].filter, (char *)rows[i].order, rows[i].size, (char *)rows[i].token),
        rows[i].code, rows[i].reason, rows[i].field);
  }
  jg_test_call_destroy(first);
  first = list(JOB_TYPE, (char *)"", (char *)"", 1001, (char *)"");  // is 1,000 (AIP-158)
  assert_true(jg_status_ok(first->status));
  jg_test_call_destroy(first);
}

/* ---- DeleteEntity ---- */

static void test_delete_guards(void **state) {
  (void)state;
  (void)jg_test_must_post(app, JG_TEST_JOB(",\"id\":\"" JOB_ID "\",\"job_type\":{\"code\":\"T1\",\"id\":\"" ID1 "\"}"));
  jg_test_assert_fails(delete_entity(JOB_TYPE, (char *)ID1), JG_FAILED_PRECONDITION, JG_REASON_ENTITY_REFERENCED, "");
  done(upsert_type((char *)ID2, (char *)"T2", (char *)"two"));
  jg_test_must_put(app, JOB_ID, "{\"job_type_id\":\"" ID2 "\"}");
  int64_t revision = jg_test_revision(app);
  done(delete_entity(JOB_TYPE, (char *)ID1));
  assert_int_equal(jg_test_revision(app), revision + 1);
  jg_test_assert_fails(get(JOB_TYPE, (char *)ID1), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(delete_entity(JOB_TYPE, (char *)ID1), JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(delete_entity(STATUS, (char *)ID1), JG_FAILED_PRECONDITION, JG_REASON_ENTITY_READ_ONLY, "");
  jg_test_assert_fails(delete_entity(0, (char *)ID1), JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "kind");
  // The key is free again.
  done(upsert_type((char *)"", (char *)"T1", (char *)"new"));
}

static void test_delete_guards_what_entities_embed(void **state) {
  (void)state;
  Jobgate__V1__SalesOrganization sales = JOBGATE__V1__SALES_ORGANIZATION__INIT;
  sales.id = (char *)ID2;
  sales.code = (char *)"SO";
  sales.name = (char *)"sales";
  Jobgate__V1__EquipmentFamily family = JOBGATE__V1__EQUIPMENT_FAMILY__INIT;
  family.id = (char *)ID1;
  family.code = (char *)"F";
  family.name = (char *)"family";
  family.sales_organization = &sales;
  Jobgate__V1__AnyEntity any = JOBGATE__V1__ANY_ENTITY__INIT;
  any.entity_case = JOBGATE__V1__ANY_ENTITY__ENTITY_EQUIPMENT_FAMILY;
  any.equipment_family = &family;
  done(upsert(&any, NULL, 0));
  jg_test_assert_fails(delete_entity(SALES, (char *)ID2), JG_FAILED_PRECONDITION, JG_REASON_ENTITY_REFERENCED, "");
  done(delete_entity(JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_EQUIPMENT_FAMILY, (char *)ID1));
  done(delete_entity(SALES, (char *)ID2));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_upsert_makes_and_changes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_upsert_keeps_the_parent_together, setup, teardown),
      cmocka_unit_test_setup_teardown(test_upsert_refusals, setup, teardown),
      cmocka_unit_test_setup_teardown(test_a_job_shows_the_change, setup, teardown),
      cmocka_unit_test_setup_teardown(test_get_refusals, setup, teardown),
      cmocka_unit_test_setup_teardown(test_list_pages_and_filters, setup, teardown),
      cmocka_unit_test_setup_teardown(test_list_filters_by_what_is_embedded, setup, teardown),
      cmocka_unit_test_setup_teardown(test_list_refusals, setup, teardown),
      cmocka_unit_test_setup_teardown(test_delete_guards, setup, teardown),
      cmocka_unit_test_setup_teardown(test_delete_guards_what_entities_embed, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
