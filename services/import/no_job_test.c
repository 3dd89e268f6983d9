/* I8: what is no job does not become one, and a page that is not the last one says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/import/import.h"
#include "services/import/import_fixture.h"

#define NO_MEMBER "is no job: it holds none of a job's members\n"

/* Imports it, leaving out what is refused. */
static struct jg_import_summary import_text(struct import_fixture *fixture, struct jg_str text,
                                            struct jg_status *ret_status) {
  const struct jg_import_options options = {.app = &fixture->app,
                                            .tenant = fixture->tenant,
                                            .skip_errors = true,
                                            .window = 4,
                                            .problem = import_fixture_problem,
                                            .data = fixture};
  struct jg_import *import = jg_import_create(&options);
  struct jg_status fed = jg_import_feed(import, text, &fixture->arena);
  *ret_status = jg_import_end(import, &fixture->arena);
  assert_int_equal(jg_status_ok(fed), jg_status_ok(*ret_status));
  struct jg_import_summary summary = jg_import_summary(import);
  jg_import_destroy(import);
  return summary;
}

static void what_is_no_job_is_refused(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    const char *log;
    const char *message; /* of the end */
    int64_t created;
    bool more;
  } rows[] = {
      {JG_STR("{\"error\":{\"message\":\"Unauthorized\"}}"), "1@1 : " NO_MEMBER, "", 0, false},
      {JG_STR("{\"value\":3}"), "1@1 : " NO_MEMBER, "", 0, false},
      {JG_STR("{}"), "1@1 : " NO_MEMBER, "", 0, false},
      {JG_STR("{\"id\":null}"), "1@1 : " NO_MEMBER, "", 0, false},
      {JG_STR("{\"nme\":\"x\"}{\"name\":\"x\"}"), "1@1 : " NO_MEMBER, "", 1, false},
      {JG_STR("{\"@odata.context\":\"x\",\"value\":{\"id\":\"00000000-0000-4000-8000-000000000001\"}}"),
       "1@1 : " NO_MEMBER, "", 0, false},
      {JG_STR("{\"@odata.context\":\"a/$metadata#JobType/$entity\",\"name\":\"x\"}"),
       "1@1 : is no job: its @odata.context names something else than Jobs\n", "", 0, false},
      {JG_STR("{\"@odata.context\":\"a/$metadata#JobType\",\"value\":[{\"name\":\"x\"}]}"), "",
       "value 1 at line 1: the envelope's @odata.context names something else than Jobs", 0, false},
      {JG_STR("{\"@odata.context\":\"a/$metadata#Jobs\",\"value\":[{\"name\":\"x\"}]}"), "", "", 1, false},
      {JG_STR("{\"@odata.context\":\"a/$metadata#Jobs(name)/$entity\",\"name\":\"x\"}"), "", "", 1, false},
      {JG_STR("{\"@odata.context\":\"x\",\"value\":[{\"name\":\"x\"}],\"@odata.nextLink\":\"y\"}"), "", "", 1, true},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct import_fixture fixture;
    import_fixture_init(&fixture);
    struct jg_status status;
    struct jg_import_summary summary = import_text(&fixture, rows[i].text, &status);
    assert_string_equal(import_fixture_take_log(&fixture), rows[i].log);
    assert_string_equal(status.message, rows[i].message);
    assert_int_equal(summary.created, rows[i].created);
    assert_int_equal(summary.rejected, rows[i].log[0] != '\0');
    assert_int_equal(summary.more, rows[i].more);
    assert_int_equal(import_fixture_jobs(&fixture).count, rows[i].created);
    import_fixture_done(&fixture);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_no_job_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
