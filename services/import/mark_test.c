// A byte order mark in front of the input.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/import/import.h"
#include "services/import/import_fixture.h"

#define MARK "\xEF\xBB\xBF"
#define JOB                                                                                                        \
  "{\"name\":\"marked\",\"project\":{\"reference_back_office\":\"P\"},\"job_type\":{\"code\":\"T\"},\"job_status_" \
  "code\":"                                                                                                        \
  "\"Open\"}"

static const struct {
  const char *text;
  int64_t created;
  const char *log, *message; /* "": none */
} rows[] = {
    {MARK JOB, 1, "", ""},
    {MARK "\n " JOB JOB, 2, "", ""},
    {MARK "[" JOB "," JOB "]", 2, "", ""},
    {MARK "{\"value\":[" JOB "]}", 1, "", ""},
    {MARK, 0, "", ""},
    {"", 0, "", ""},
    // Lines and bytes are counted as without it.
    {MARK "{\"name\":}", 0, "1@1 : invalid JSON on line 1, at byte 9 of the job", "job 1 (line 1): "},
    {"{\"name\":}", 0, "1@1 : invalid JSON on line 1, at byte 9 of the job", "job 1 (line 1): "},
    {MARK "\n\n{\"name\":}", 0, "1@3 : invalid JSON on line 3, at byte 9 of the job", "job 1 (line 3): "},
    // Once, whole, and at the start.
    {MARK MARK JOB, 0, "", "value 1 at line 1: a JSON object or array was expected"},
    {"\xEF\xBB" JOB, 0, "", "value 1 at line 1: a JSON object or array was expected"},
    {"\xEF" JOB, 0, "", "value 1 at line 1: a JSON object or array was expected"},
    {"\xEF\xBB", 0, "", "value 1 at line 1: a JSON object or array was expected"},
    {"\xEF", 0, "", "value 1 at line 1: a JSON object or array was expected"},
    {" " MARK JOB, 0, "", "value 1 at line 1: a JSON object or array was expected"},
    {JOB "\n" MARK JOB, 1, "", "value 2 at line 2: a JSON object or array was expected"},
};

static void import_in_pieces(size_t row, size_t chunk) {
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  const struct jg_import_options options = {
      .app = &fixture.app, .tenant = fixture.tenant, .window = 64, .problem = import_fixture_problem, .data = &fixture};
  struct jg_import *import = jg_import_create(&options);
  struct jg_str text = jg_str_from_cstr(rows[row].text);
  struct jg_status status = JG_STATUS_OK;
  for (size_t at = 0; at < text.len && jg_status_ok(status); at += chunk) {
    status = jg_import_feed(import, jg_str_sub(text, at, chunk), &fixture.arena);
  }
  status = jg_import_end(import, &fixture.arena);
  const char *log = import_fixture_take_log(&fixture);
  const char *message = rows[row].message;
  bool as_said = message[0] == '\0' ? jg_status_ok(status) : strstr(status.message, message) == status.message;
  if (!as_said || (rows[row].log[0] == '\0' ? log[0] != '\0' : strstr(log, rows[row].log) == NULL)) {
    fail_msg("row %zu by %zu: %s / %s", row, chunk, status.message, log);
  }
  assert_int_equal(jg_import_summary(import).created, rows[row].created);
  jg_import_destroy(import);
  import_fixture_done(&fixture);
}

static void a_byte_order_mark_is_passed_over(void **state) {
  (void)state;
  static const size_t chunks[] = {1, 2, 3, 4, SIZE_MAX / 2};
  for (size_t row = 0; row < JG_COUNT(rows); row++) {
    for (size_t c = 0; c < JG_COUNT(chunks); c++) {
      import_in_pieces(row, chunks[c]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_byte_order_mark_is_passed_over)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
