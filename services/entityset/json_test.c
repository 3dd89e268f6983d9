/* EntityService's methods as the REST door calls them: a body's members count, answers are parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "jobgate/v1/entity_service.pb-c.h"
#include "proto/codec/json_decode.h"
#include "services/entityset/entityset.h"
#include "services/testing/jobs.h"

#define ID1 "11111111-1111-4111-8111-111111111111"
#define ID2 "22222222-2222-4222-8222-222222222222"
#define CREATE JOBGATE__V1__WRITE_MODE__WRITE_MODE_CREATE
#define UPDATE JOBGATE__V1__WRITE_MODE__WRITE_MODE_UPDATE

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

static struct jg_test_call *write(enum jg_kind kind, Jobgate__V1__WriteMode mode, const char *json) {
  struct jg_test_call *call = jg_test_call_create(app);
  struct jg_json_decoded decoded;
  struct jg_status status = jg_json_decode(jg_entity(kind), jg_str_from_cstr(json), &call->call.arena, &decoded);
  assert_true(jg_status_ok(status));
  Jobgate__V1__AnyEntity any = JOBGATE__V1__ANY_ENTITY__INIT;
  any.entity_case = (Jobgate__V1__AnyEntity__EntityCase)kind;
  any.project = (Jobgate__V1__Project *)decoded.message; /* whichever: they share their place */
  Jobgate__V1__UpsertEntityRequest request = JOBGATE__V1__UPSERT_ENTITY_REQUEST__INIT;
  request.entity = &any;
  request.mode = mode;
  call->call.has_present = call->call.takes_parts = true;
  call->call.present = decoded.present;
  jg_test_call_run(call, jg_entityset_upsert, &request.base);
  return call;
}

static struct jg_test_call *must_write(enum jg_kind kind, Jobgate__V1__WriteMode mode, const char *json, bool created) {
  struct jg_test_call *call = write(kind, mode, json);
  if (!jg_status_ok(call->status)) {
    fail_msg("%s", call->status.message);
  }
  assert_int_equal(call->answer.kind, JG_ANSWER_JOB);
  assert_int_equal(call->answer.created, created);
  return call;
}

static void an_entity_is_created_once(void **state) {
  (void)state;
  struct jg_test_call *call =
      must_write(JG_KIND_JOB_TYPE, CREATE, "{\"id\":\"" ID1 "\",\"code\":\"T\",\"name\":\"n\"}", true);
  jg_test_assert_get(call, "id", ID1);
  jg_test_assert_get(call, "is_default", "false");
  jg_test_call_destroy(call);
  // Neither id nor key is needed, and each call makes one.
  for (int i = 0; i < 2; i++) {
    call = must_write(JG_KIND_JOB_TYPE, CREATE, "{\"name\":\"n\"}", true);
    assert_string_not_equal(jg_test_get(call, "id"), ID1);
    jg_test_call_destroy(call);
  }
  int64_t revision = jg_test_revision(app);
  jg_test_assert_fails(write(JG_KIND_JOB_TYPE, CREATE, "{\"id\":\"" ID1 "\",\"name\":\"n\"}"), JG_ALREADY_EXISTS,
                       JG_REASON_DUPLICATE_ID, "id");
  jg_test_assert_fails(write(JG_KIND_JOB_TYPE, CREATE, "{\"code\":\"T\",\"name\":\"n\"}"), JG_ALREADY_EXISTS,
                       JG_REASON_DUPLICATE_REFERENCE, "code");
  jg_test_assert_fails(write(JG_KIND_JOB_TYPE, CREATE, "{\"code\":\"U\"}"), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "name");
  jg_test_assert_fails(write(JG_KIND_JOB_TYPE, CREATE, "{\"code\":\"U\",\"name\":\" \\t\"}"), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "name");
  jg_test_assert_fails(write(JG_KIND_PROJECT, CREATE, "{\"equipment_model_code\":\"nope\"}"), JG_FAILED_PRECONDITION,
                       JG_REASON_UNRESOLVED_REFERENCE, "equipment_model_code");
  jg_test_assert_fails(write(JG_KIND_JOB_STATUS, CREATE, "{\"code\":\"X\"}"), JG_FAILED_PRECONDITION,
                       JG_REASON_ENTITY_READ_ONLY, "");
  assert_int_equal(jg_test_revision(app), revision);
}

static void what_the_body_holds_is_changed(void **state) {
  (void)state;
  jg_test_call_destroy(must_write(
      JG_KIND_EQUIPMENT_BRAND, CREATE,
      "{\"id\":\"" ID1 "\",\"code\":\"B\",\"name\":\"n\",\"sales_organization\":{\"code\":\"SO\",\"name\":\"sales\"}}",
      true));
  struct jg_test_call *call = must_write(JG_KIND_EQUIPMENT_BRAND, UPDATE, "{\"id\":\"" ID1 "\",\"name\":\"m\"}", false);
  jg_test_assert_get(call, "name", "m");
  jg_test_assert_get(call, "code", "B");
  jg_test_assert_get(call, "sales_organization.name", "sales");
  jg_test_assert_get(call, "sales_organization_code", "SO");
  jg_test_call_destroy(call);
  // Empty is said too.
  call = must_write(JG_KIND_EQUIPMENT_BRAND, UPDATE,
                    "{\"id\":\"" ID1 "\",\"code\":\"\",\"sales_organization_code\":\"\"}", false);
  jg_test_assert_get(call, "code", "");
  jg_test_assert_get(call, "name", "m");
  assert_null(jg_test_get(call, "sales_organization"));
  jg_test_call_destroy(call);
  jg_test_assert_fails(write(JG_KIND_EQUIPMENT_BRAND, UPDATE, "{\"id\":\"" ID2 "\",\"name\":\"m\"}"), JG_NOT_FOUND,
                       JG_REASON_RESOURCE_NOT_FOUND, "");
  jg_test_assert_fails(write(JG_KIND_EQUIPMENT_BRAND, UPDATE, "{\"code\":\"B\",\"name\":\"m\"}"), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "entity");
  jg_test_assert_fails(write(JG_KIND_EQUIPMENT_BRAND, UPDATE, "{\"id\":\"" ID1 "\",\"name\":\"\"}"),
                       JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "name");
  jg_test_assert_fails(write(JG_KIND_EQUIPMENT_BRAND, 3, "{\"name\":\"m\"}"), JG_INVALID_ARGUMENT,
                       JG_REASON_INVALID_MEMBER, "mode");
}

static void one_entity_comes_as_parts(void **state) {
  (void)state;
  jg_test_call_destroy(
      must_write(JG_KIND_PROJECT, CREATE,
                 "{\"id\":\"" ID1
                 "\",\"equipment_family\":{\"code\":\"F\",\"name\":\"f\",\"sales_organization\":{\"code\":\"SO\","
                 "\"name\":\"sales\"}}}",
                 true));
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__GetEntityRequest request = JOBGATE__V1__GET_ENTITY_REQUEST__INIT;
  request.kind = JOBGATE__V1__ENTITY_KIND__ENTITY_KIND_PROJECT;
  request.id = (char *)ID1;
  call->call.takes_parts = true;
  jg_test_call_run(call, jg_entityset_get, &request.base);
  assert_true(jg_status_ok(call->status));
  jg_test_assert_get(call, "equipment_family_code", "F");
  jg_test_assert_get(call, "equipment_family.sales_organization.code", "SO");
  assert_null(jg_test_get(call, "project_status"));
  jg_test_call_destroy(call);
  call = jg_test_call_create(app);
  request.id = (char *)ID2;
  call->call.takes_parts = true;
  jg_test_call_run(call, jg_entityset_get, &request.base);
  jg_test_assert_fails(call, JG_NOT_FOUND, JG_REASON_RESOURCE_NOT_FOUND, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(an_entity_is_created_once, setup, teardown),
      cmocka_unit_test_setup_teardown(what_the_body_holds_is_changed, setup, teardown),
      cmocka_unit_test_setup_teardown(one_entity_comes_as_parts, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
