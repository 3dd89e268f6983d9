#include "services/testing/jobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/codec/json_decode.h"
#include "services/jobs/apply.h"
#include "services/jobs/jobs.h"

static Jobgate__V1__Job *decode(struct jg_test_call *call, const char *json) {
  struct jg_json_decoded decoded;
  struct jg_status status = jg_json_decode(jg_entity(JG_KIND_JOB), jg_str_from_cstr(json), &call->call.arena, &decoded);
  if (!jg_status_ok(status)) {
    fail_msg("%s", status.message);
  }
  call->call.has_present = true;
  call->call.present = decoded.present;
  return (Jobgate__V1__Job *)decoded.message;
}

struct jg_test_call *jg_test_post(struct jg_test_app *app, const char *json) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  request.job = decode(call, json);
  jg_test_call_run(call, jg_jobs_create, &request.base);
  return call;
}

struct jg_test_call *jg_test_put(struct jg_test_app *app, const char *id, const char *json) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__UpdateJobRequest request = JOBGATE__V1__UPDATE_JOB_REQUEST__INIT;
  request.job = decode(call, json);
  request.job->id = (char *)id;
  jg_test_call_run(call, jg_jobs_update, &request.base);
  return call;
}

struct jg_test_call *jg_test_create(struct jg_test_app *app, const Jobgate__V1__Job *job) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__CreateJobRequest request = JOBGATE__V1__CREATE_JOB_REQUEST__INIT;
  Jobgate__V1__Job copy = *job;
  request.job = &copy;
  jg_test_call_run(call, jg_jobs_create, &request.base);
  return call;
}

struct jg_test_call *jg_test_update(struct jg_test_app *app, const Jobgate__V1__Job *job, char **paths) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__UpdateJobRequest request = JOBGATE__V1__UPDATE_JOB_REQUEST__INIT;
  Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
  Jobgate__V1__Job copy = *job;
  request.job = &copy;
  if (paths != NULL) {
    mask.paths = paths;
    while (paths[mask.n_paths] != NULL) {
      mask.n_paths++;
    }
    request.update_mask = &mask;
  }
  jg_test_call_run(call, jg_jobs_update, &request.base);
  return call;
}

struct jg_test_call *jg_test_fetch(struct jg_test_app *app, const char *id) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__GetJobRequest request = JOBGATE__V1__GET_JOB_REQUEST__INIT;
  request.id = (char *)id;
  jg_test_call_run(call, jg_jobs_get, &request.base);
  return call;
}

struct jg_test_call *jg_test_delete(struct jg_test_app *app, const char *id, const char *etag) {
  struct jg_test_call *call = jg_test_call_create(app);
  Jobgate__V1__DeleteJobRequest request = JOBGATE__V1__DELETE_JOB_REQUEST__INIT;
  request.id = (char *)id;
  request.etag = (char *)etag;
  jg_test_call_run(call, jg_jobs_delete, &request.base);
  return call;
}

const char *jg_test_must_post(struct jg_test_app *app, const char *json) {
  struct jg_test_call *call = jg_test_post(app, json);
  struct jg_str id = jg_arena_str(&app->arena, jg_str_from_cstr(jg_test_get(call, "id")));
  jg_test_call_destroy(call);
  return id.data;
}

void jg_test_must_put(struct jg_test_app *app, const char *id, const char *json) {
  struct jg_test_call *call = jg_test_put(app, id, json);
  if (!jg_status_ok(call->status)) {
    fail_msg("%s", call->status.message);
  }
  jg_test_call_destroy(call);
}

struct import_one {
  struct jg_test_app *app;
  struct jg_json_decoded decoded;
  struct jg_job_applied applied;
};

static struct jg_status run_import(struct jg_txn *txn, void *data) {
  struct import_one *one = data;
  const struct jg_job_apply apply = {
      .txn = txn,
      .clock = &one->app->clock.clock,
      .arena = &one->app->arena,
      .mode = JG_JOB_IMPORT,
      .job = one->decoded.message,
      .present = one->decoded.present,
      .path_prefix = "",
      .memo = one->app->memo,
  };
  return jg_job_apply(&apply, &one->applied);
}

const char *jg_test_import(struct jg_test_app *app, const char *json) {
  static const char *const outcomes[] = {
      [JG_JOB_CREATED] = "created", [JG_JOB_UPDATED] = "updated", [JG_JOB_UNCHANGED] = "unchanged"};
  struct import_one one = {.app = app};
  struct jg_status status = jg_json_decode(jg_entity(JG_KIND_JOB), jg_str_from_cstr(json), &app->arena, &one.decoded);
  if (jg_status_ok(status)) {
    status = jg_test_write(app, run_import, &one);
  }
  return jg_status_ok(status)
             ? jg_arena_printf(&app->arena, "%s entities=%u warnings=%u", outcomes[one.applied.outcome],
                               one.applied.entities_written, one.applied.warnings)
             : jg_arena_printf(&app->arena, "%s %s", jg_code_name(status.code), status.message);
}

void jg_test_assert_fails(struct jg_test_call *call, enum jg_code code, enum jg_reason reason, const char *field) {
  if (call->status.code != code || call->status.reason != reason) {
    fail_msg("expected %s/%s, got %s/%s: %s", jg_code_name(code), jg_reason_name(reason),
             jg_code_name(call->status.code), jg_reason_name(call->status.reason), call->status.message);
  }
  bool found = field[0] == '\0';
  const struct jg_status_details *details = call->status.details;
  for (size_t i = 0; details != NULL && i < details->violation_count; i++) {
    found = found || strcmp(details->violations[i].field, field) == 0;
  }
  if (!found) {
    fail_msg("%s is not named: %s", field, call->status.message);
  }
  jg_test_call_destroy(call);
}

void jg_test_assert_get(struct jg_test_call *call, const char *path, const char *expected) {
  const char *value = jg_test_get(call, path);
  if (expected == NULL || value == NULL) {
    assert_ptr_equal(value, expected);
    return;
  }
  assert_string_equal(value, expected);
}
