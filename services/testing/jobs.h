/* For tests: jobs written and read as the two doors do. Each returns a call that has ended, to be destroyed by the caller. */
#ifndef JG_SERVICES_TESTING_JOBS_H
#define JG_SERVICES_TESTING_JOBS_H

#include "services/testing/app.h"

/* A job's JSON that a strict write takes on an empty record: project P1, job type T1, Open, and `more` (", \"a\": 1" or ""). */
#define JG_TEST_JOB(more)                                                                                         \
  "{\"name\":\"n\",\"project\":{\"reference_back_office\":\"P1\",\"name\":\"p\"},\"job_type\":{\"code\":\"T1\"}," \
  "\"job_status_code\":\"Open\"" more "}"

/* As REST: the members of the body count. */
struct jg_test_call *jg_test_post(struct jg_test_app *app, const char *json);
struct jg_test_call *jg_test_put(struct jg_test_app *app, const char *id, const char *json);
/* As gRPC. paths: NULL-terminated; NULL: no mask. */
struct jg_test_call *jg_test_create(struct jg_test_app *app, const Jobgate__V1__Job *job);
struct jg_test_call *jg_test_update(struct jg_test_app *app, const Jobgate__V1__Job *job, char **paths);
struct jg_test_call *jg_test_fetch(struct jg_test_app *app, const char *id);
struct jg_test_call *jg_test_delete(struct jg_test_app *app, const char *id, const char *etag);

/* Posts, puts; must succeed. The id lives in the app's arena. */
const char *jg_test_must_post(struct jg_test_app *app, const char *json);
void jg_test_must_put(struct jg_test_app *app, const char *id, const char *json);

/* Imports one job by jg_job_apply; prints "created", "updated", "unchanged" with the numbers of entities and warnings
 * ("created entities=3 warnings=0"), or the status ("ALREADY_EXISTS project_reference_back_office ..."). In the app's arena. */
const char *jg_test_import(struct jg_test_app *app, const char *json);

/* The call failed with that code and reason; field: a violation names it ("" for none). Destroys the call. */
void jg_test_assert_fails(struct jg_test_call *call, enum jg_code code, enum jg_reason reason, const char *field);
/* The member at a path of the answer's first job. */
void jg_test_assert_get(struct jg_test_call *call, const char *path, const char *expected);

#endif
