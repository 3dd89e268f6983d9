#include "services/import/import.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "services/import/import_fixture.h"
#include "services/sample/sample.h"

#define CONSISTENT "tests/contract/jobs.sample.consistent.json"
#define RAW "tests/contract/jobs.sample.json"
#define TEXT_BYTES ((size_t)64 << 20)

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

struct run {
  struct jg_str text;
  size_t chunk; /* 0: all at once */
  bool skip_errors;
  unsigned window;
};

/* Imports a text; the summary is the import's, the status that of the first call that failed. */
static struct jg_import_summary import_text(struct import_fixture *fixture, const struct run *run,
                                            struct jg_status *ret_status) {
  const struct jg_import_options options = {.app = &fixture->app,
                                            .tenant = fixture->tenant,
                                            .skip_errors = run->skip_errors,
                                            .window = run->window != 0 ? run->window : 64,
                                            .problem = import_fixture_problem,
                                            .data = fixture};
  struct jg_import *import = jg_import_create(&options);
  struct jg_status status = JG_STATUS_OK;
  size_t chunk = run->chunk != 0 ? run->chunk : run->text.len;
  for (size_t at = 0; at < run->text.len && jg_status_ok(status); at += chunk) {
    status = jg_import_feed(import, jg_str_sub(run->text, at, chunk), &fixture->arena);
  }
  struct jg_status ended = jg_import_end(import, &fixture->arena);
  if (!jg_status_ok(status)) {
    // An end stays.
    assert_int_equal(ended.code, status.code);
    assert_string_equal(ended.message, status.message);
  }
  *ret_status = ended;
  struct jg_import_summary summary = jg_import_summary(import);
  jg_import_destroy(import);
  return summary;
}

static void assert_summary(struct jg_import_summary summary, int64_t created, int64_t updated, int64_t unchanged,
                           int64_t rejected) {
  assert_int_equal(summary.created, created);
  assert_int_equal(summary.updated, updated);
  assert_int_equal(summary.unchanged, unchanged);
  assert_int_equal(summary.rejected, rejected);
}

/* Imports what must go through without a word. */
static struct jg_import_summary import_silently(struct import_fixture *fixture, struct jg_str text) {
  const struct run run = {.text = text};
  struct jg_status status;
  struct jg_import_summary summary = import_text(fixture, &run, &status);
  assert_string_equal(status.message, "");
  assert_string_equal(import_fixture_take_log(fixture), "");
  assert_int_equal(summary.warnings, 0);
  return summary;
}

/* ---- the contract's samples ---- */

static void the_consistent_sample_imports_silently(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct jg_str text = import_fixture_file(&fixture, CONSISTENT);
  struct jg_import_summary summary = import_silently(&fixture, text);
  assert_summary(summary, 1, 0, 0, 0);
  assert_true(summary.entities_written > 8);
  int64_t revision = import_fixture_state(&fixture).revision;
  assert_int_equal(revision, 1 + summary.entities_written);
  assert_int_equal(import_fixture_state(&fixture).id2_last, 36);
  // I1: again, it makes no revision.
  summary = import_silently(&fixture, text);
  assert_summary(summary, 0, 0, 1, 0);
  assert_int_equal(summary.entities_written, 0);
  assert_int_equal(import_fixture_state(&fixture).revision, revision);
  import_fixture_done(&fixture);
}

static void the_raw_sample_imports_with_a_warning_for_each_id(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  const struct run run = {.text = import_fixture_file(&fixture, RAW)};
  struct jg_status status;
  struct jg_import_summary summary = import_text(&fixture, &run, &status);
  assert_string_equal(status.message, "");
  assert_summary(summary, 1, 0, 0, 0);
  const char *log = import_fixture_take_log(&fixture);
  static const char *const fields[] = {"project_id", "job_type_id",       "job_priority_id",
                                       "skill_id",   "suggested_user_id", "project.equipment_model.equipment_brand_id"};
  for (size_t i = 0; i < JG_COUNT(fields); i++) {
    const char *line = jg_arena_printf(&fixture.arena, "warning 1@1 %s: differs", fields[i]);
    assert_non_null(strstr(log, line));
  }
  int64_t lines = 0;
  for (const char *p = log; *p != '\0'; p++) {
    lines += *p == '\n';
  }
  assert_int_equal(summary.warnings, lines);
  assert_true(lines >= 18);
  import_fixture_done(&fixture);
}

/* ---- shapes of the input ---- */

static void arrays_and_envelopes_in_any_cut(void **state) {
  (void)state;
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES);
  jg_buf_printf(&text, "{\"@odata.context\":\"x\",\"value\":[\n");
  import_fixture_job(&text, 1, "\"@odata.etag\":\"1\"");
  jg_buf_append_char(&text, ',');
  import_fixture_job(&text, 2, "\"unknown\":[{\"value\":[]}]");
  jg_buf_printf(&text, "],\"@odata.count\":2}\n[");
  import_fixture_job(&text, 3, "\"name\":\"\\u00e9\\ud83d\\ude00\"");
  jg_buf_printf(&text, "]\n[]");
  import_fixture_job(&text, 4, "");
  static const size_t chunks[] = {0, 1, 2, 3, 7, 64};
  for (size_t i = 0; i < JG_COUNT(chunks); i++) {
    struct import_fixture fixture;
    import_fixture_init(&fixture);
    const struct run run = {.text = jg_buf_str(&text), .chunk = chunks[i], .window = 1 + (unsigned)i};
    struct jg_status status;
    struct jg_import_summary summary = import_text(&fixture, &run, &status);
    assert_string_equal(status.message, "");
    assert_summary(summary, 4, 0, 0, 0);
    assert_int_equal(import_fixture_jobs(&fixture).count, 4);
    import_fixture_done(&fixture);
  }
  jg_buf_done(&text);
}

static void what_is_refused_is_named(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    const char *log;
    int64_t created, rejected;
    const char *message; /* of the end; "" if it came to the end of the input */
  } rows[] = {
      {JG_STR(""), "", 0, 0, ""},
      {JG_STR(" \n\t"), "", 0, 0, ""},
      {JG_STR("{\"name\":\"\"}\n{\"name\":5}\n{\"name\":\"\"}"), "2@2 name: must be a string\n", 2, 1, ""},
      {JG_STR("[\n\n{\"id\":\"x\",\"estimated_time\":\"a\"}]"),
       "1@3 estimated_time: must be an integer from -2147483648 to 2147483647\n1@3 id: must be a GUID\n", 0, 1, ""},
      {JG_STR("{\"name\":\"\"}\n\n{\"name\":\n\"a\",\n oops}\n{\"name\":\"\"}"),
       "2@3 : invalid JSON on line 5, at byte 16 of the job: a member's name in quotes was expected\n", 2, 1, ""},
      {JG_STR("[{\"name\":\"\"},\n17,\"x\"]"), "2@2 : a JSON object was expected\n3@2 : a JSON object was expected\n",
       1, 2, ""},
      {JG_STR("{\"project\":{\"reference_back_office\":7}}"), "1@1 project.reference_back_office: must be a string\n",
       0, 1, ""},
      {JG_STR("{\"job_type_code\":\"nope\"}{\"name\":\"\"}"), "1@1 job_type_code: names no job_type\n", 1, 1, ""},
      {JG_STR("{\"name\":\"\"}{\"name\":\"\"}\n]"), "", 2, 0, "value 3 at line 2: a JSON object or array was expected"},
      {JG_STR("{\"name\":5}\n{"), "1@1 name: must be a string\n", 0, 1, "value 2 at line 2: the text ends within it"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct import_fixture fixture;
    import_fixture_init(&fixture);
    const struct run run = {.text = rows[i].text, .skip_errors = true};
    struct jg_status status;
    struct jg_import_summary summary = import_text(&fixture, &run, &status);
    assert_string_equal(import_fixture_take_log(&fixture), rows[i].log);
    assert_string_equal(status.message, rows[i].message);
    assert_int_equal(status.code, rows[i].message[0] != '\0' ? JG_INVALID_ARGUMENT : JG_OK);
    assert_summary(summary, rows[i].created, 0, 0, rows[i].rejected);
    assert_int_equal(import_fixture_jobs(&fixture).count, rows[i].created);
    import_fixture_done(&fixture);
  }
}

/* ---- --on-error ---- */

#define STOP_JOBS 60u

/* 60 jobs, of which `bad` is refused by its decoder or by the record, and some behind it are refused in another way. */
static void make_text(struct jg_buf *text, unsigned bad, bool by_decoder) {
  jg_buf_clear(text);
  for (unsigned number = 1; number <= STOP_JOBS; number++) {
    const char *members = "";
    if (number == bad || number == bad + 3) {
      members = by_decoder == (number == bad) ? "\"name\":1" : "\"skill_code\":\"nope\"";
    }
    import_fixture_job(text, number, members);
  }
}

static void stop_keeps_exactly_the_jobs_before(void **state) {
  (void)state;
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES);
  static const unsigned bad[] = {1, 2, 30, STOP_JOBS};
  static const unsigned windows[] = {1, 2, 7, 256};
  for (size_t i = 0; i < JG_COUNT(bad) * JG_COUNT(windows) * 2; i++) {
    unsigned number = bad[i / 2 % JG_COUNT(bad)];
    bool by_decoder = i % 2 == 0;
    make_text(&text, number, by_decoder);
    struct import_fixture fixture;
    import_fixture_init(&fixture);
    const struct run run = {.text = jg_buf_str(&text), .window = windows[i / 2 / JG_COUNT(bad)]};
    struct jg_status status;
    struct jg_import_summary summary = import_text(&fixture, &run, &status);
    const char *what = by_decoder ? "name: must be a string" : "skill_code: names no skill";
    assert_string_equal(import_fixture_take_log(&fixture),
                        jg_arena_printf(&fixture.arena, "%u@%u %s\n", number, number, what));
    const char *start = jg_arena_printf(&fixture.arena, "job %u (line %u): ", number, number);
    assert_memory_equal(status.message, start, strlen(start));
    assert_int_equal(status.code, by_decoder ? JG_INVALID_ARGUMENT : JG_FAILED_PRECONDITION);
    assert_summary(summary, number - 1, 0, 0, 1);
    struct jg_job_rows jobs = import_fixture_jobs(&fixture);
    assert_int_equal(jobs.count, number - 1);
    for (size_t job = 0; job < jobs.count; job++) {
      assert_int_equal(jobs.rows[job].id.bytes[15] & 0xf, (job + 1) % 10);
    }
    import_fixture_done(&fixture);
  }
  jg_buf_done(&text);
}

static void skip_leaves_out_the_refused_ones(void **state) {
  (void)state;
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES);
  static const unsigned windows[] = {1, 2, 7, 256};
  for (size_t i = 0; i < JG_COUNT(windows) * 2; i++) {
    make_text(&text, 30, i % 2 == 0);
    struct import_fixture fixture;
    import_fixture_init(&fixture);
    const struct run run = {.text = jg_buf_str(&text), .window = windows[i / 2], .skip_errors = true};
    struct jg_status status;
    struct jg_import_summary summary = import_text(&fixture, &run, &status);
    assert_string_equal(status.message, "");
    assert_string_equal(import_fixture_take_log(&fixture),
                        i % 2 == 0 ? "30@30 name: must be a string\n33@33 skill_code: names no skill\n"
                                   : "30@30 skill_code: names no skill\n33@33 name: must be a string\n");
    assert_summary(summary, STOP_JOBS - 2, 0, 0, 2);
    assert_int_equal(import_fixture_jobs(&fixture).count, STOP_JOBS - 2);
    import_fixture_done(&fixture);
  }
  jg_buf_done(&text);
}

static void refusals_alone_do_not_block_a_full_window(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES);
  for (unsigned i = 0; i < 100; i++) {
    jg_buf_printf(&text, "{\"name\":1}\n");
  }
  const struct run run = {.text = jg_buf_str(&text), .skip_errors = true, .window = 3};
  struct jg_status status;
  assert_summary(import_text(&fixture, &run, &status), 0, 0, 0, 100);
  assert_string_equal(status.message, "");
  jg_buf_done(&text);
  import_fixture_done(&fixture);
}

/* ---- rules that the record carries out ---- */

static void members_of_the_server_are_kept(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  // I2, I3: no required member, id2 and dates as given; the later time does not move the clock.
  struct jg_import_summary summary = import_silently(
      &fixture, JG_STR("{\"id\":\"00000000-0000-4000-8000-000000000001\",\"id2\":1000,"
                       "\"modified_dateutc\":\"2030-01-01T00:00:00Z\",\"date_create\":\"2001-02-03T00:00:00Z\"}"));
  assert_summary(summary, 1, 0, 0, 0);
  assert_int_equal(import_fixture_state(&fixture).id2_last, 1000);
  struct jg_job_rows jobs = import_fixture_jobs(&fixture);
  assert_int_equal(jobs.rows[0].modified_ticks, INT64_C(1893456000) * JG_TICKS_PER_SECOND);
  summary = import_silently(&fixture, JG_STR("{\"id\":\"00000000-0000-4000-8000-000000000002\",\"id2\":7}"));
  assert_summary(summary, 1, 0, 0, 0);
  assert_int_equal(import_fixture_state(&fixture).id2_last, 1000);
  jobs = import_fixture_jobs(&fixture);
  assert_true(jobs.rows[1].modified_ticks < jobs.rows[0].modified_ticks);
  // I1: a job without an id gets one, each time.
  assert_summary(import_silently(&fixture, JG_STR("{\"name\":\"a\"}")), 1, 0, 0, 0);
  assert_summary(import_silently(&fixture, JG_STR("{\"name\":\"a\"}")), 1, 0, 0, 0);
  // An upsert.
  summary = import_silently(&fixture, JG_STR("{\"id\":\"00000000-0000-4000-8000-000000000002\",\"name\":\"b\"}"));
  assert_summary(summary, 0, 1, 0, 0);
  assert_int_equal(import_fixture_jobs(&fixture).count, 4);
  import_fixture_done(&fixture);
}

static void an_unknown_status_is_registered(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct jg_entity_row row;
  assert_false(import_fixture_entity(&fixture, JG_KIND_JOB_STATUS, JG_STR("Odd"), &row));
  struct jg_import_summary summary =
      import_silently(&fixture, JG_STR("{\"id\":\"00000000-0000-4000-8000-000000000001\",\"job_status_id\":"
                                       "\"00000000-0000-4000-8000-0000000000aa\",\"job_status_code\":\"Odd\"}"));
  assert_summary(summary, 1, 0, 0, 0);
  assert_int_equal(summary.entities_written, 1);
  assert_true(import_fixture_entity(&fixture, JG_KIND_JOB_STATUS, JG_STR("Odd"), &row));
  assert_int_equal(row.id.bytes[15], 0xaa);
  import_fixture_done(&fixture);
}

static void a_code_of_another_id_is_refused(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES);
  import_fixture_job(&text, 1, "\"job_type\":{\"id\":\"00000000-0000-4000-8000-00000000000a\",\"code\":\"T\"}");
  import_fixture_job(&text, 2, "\"job_type\":{\"id\":\"00000000-0000-4000-8000-00000000000b\",\"code\":\"T\"}");
  import_fixture_job(&text, 3, "\"job_type_code\":\"T\"");
  import_fixture_job(&text, 4, "\"skill_id\":\"00000000-0000-4000-8000-00000000000c\",\"skill_code\":\"S\"");
  const struct run run = {.text = jg_buf_str(&text), .skip_errors = true};
  struct jg_status status;
  struct jg_import_summary summary = import_text(&fixture, &run, &status);
  assert_string_equal(status.message, "");
  assert_string_equal(import_fixture_take_log(&fixture),
                      "2@2 job_type.code: belongs to another id already\n"
                      "warning 4@4 skill_id: names nothing known: an entity of that id and key was made\n");
  assert_summary(summary, 3, 0, 0, 1);
  assert_int_equal(summary.warnings, 1);
  assert_int_equal(summary.entities_written, 2);
  jg_buf_done(&text);
  import_fixture_done(&fixture);
}

/* ---- size ---- */

static int64_t resident_kib_max(void) {
  struct rusage usage;
  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  return usage.ru_maxrss;
}

/* Jobs of 14 kB, 20,000 where that is quick. Only DISTINCT differ: making them takes longer than importing them. */
static void many_jobs_need_bounded_memory(void **state) {
  (void)state;
#ifdef SANITIZED
  enum { DISTINCT = 100, ROUNDS = 10 };
#elif defined(__OPTIMIZE__)
  enum { DISTINCT = 200, ROUNDS = 100 };
#else
  enum { DISTINCT = 200, ROUNDS = 25 };
#endif
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  const struct jg_import_options options = {.app = &fixture.app,
                                            .tenant = fixture.tenant,
                                            .window = 256,
                                            .problem = import_fixture_problem,
                                            .data = &fixture};
  struct jg_import *import = jg_import_create(&options);
  struct jg_buf text;
  jg_buf_init(&text, TEXT_BYTES);
  for (uint64_t i = 0; i < DISTINCT; i++) {
    jg_sample_job(1, i, &text);
  }
  int64_t before_kib = resident_kib_max();
  for (int round = 0; round < ROUNDS; round++) {
    // Two cuts that fall anywhere.
    struct jg_str all = jg_buf_str(&text);
    assert_true(jg_status_ok(jg_import_feed(import, jg_str_sub(all, 0, 100001), &fixture.arena)));
    assert_true(jg_status_ok(jg_import_feed(import, jg_str_sub(all, 100001, all.len), &fixture.arena)));
  }
  assert_string_equal(jg_import_end(import, &fixture.arena).message, "");
#ifndef SANITIZED
  // Decoded all at once they would take 150 MiB and more.
  assert_true(resident_kib_max() - before_kib < INT64_C(64) * 1024);
#else
  (void)before_kib;
#endif
  assert_summary(jg_import_summary(import), DISTINCT, 0, INT64_C(1) * (ROUNDS - 1) * DISTINCT, 0);
  jg_import_destroy(import);
  assert_string_equal(import_fixture_take_log(&fixture), "");
  jg_buf_done(&text);
  import_fixture_done(&fixture);
}

/* ---- a record that fails ---- */

/* The disk is full from here on, for this process. */
static void limit_files(const struct import_fixture *fixture, struct jg_arena *arena, rlim_t more_bytes,
                        struct rlimit *ret_before) {
  struct stat wal;
  assert_int_equal(stat(jg_arena_printf(arena, "%s/a.db-wal", fixture->folder), &wal), 0);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, ret_before), 0);
  struct rlimit limit = *ret_before;
  limit.rlim_cur = (rlim_t)wal.st_size + more_bytes;
  assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_failing_record_ends_the_import(void **state) {
  (void)state;
  for (int skip = 0; skip < 2; skip++) {
    struct import_fixture fixture;
    import_fixture_init(&fixture);
    struct jg_buf text;
    jg_buf_init(&text, TEXT_BYTES);
    for (uint64_t i = 0; i < 600; i++) {
      jg_sample_job(1, i, &text);
    }
    struct rlimit before;
    limit_files(&fixture, &fixture.arena, 1u << 20, &before);
    const struct run run = {.text = jg_buf_str(&text), .skip_errors = skip == 1, .window = 32};
    struct jg_status status;
    struct jg_import_summary summary = import_text(&fixture, &run, &status);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status.code, JG_UNAVAILABLE);
    assert_int_equal(summary.rejected, 0);
    assert_string_equal(import_fixture_take_log(&fixture), "");
    // What it counted is there: the first jobs of the input, without a gap.
    struct jg_job_rows jobs = import_fixture_jobs(&fixture);
    assert_int_equal(jobs.count, summary.created);
    assert_true(jobs.count > 0 && jobs.count < 600);
    for (size_t i = 0; i < jobs.count; i++) {
      char id[36];
      struct jg_str expected = jg_sample_id(1, JG_KIND_JOB, i, id);
      struct jg_uuid uuid;
      assert_true(jg_uuid_parse(expected, &uuid));
      bool found = false;
      for (size_t row = 0; row < jobs.count && !found; row++) {
        found = jg_uuid_equal(jobs.rows[row].id, uuid);
      }
      assert_true(found);
    }
    // And the rest can follow.
    const struct run again = {.text = jg_buf_str(&text)};
    struct jg_import_summary rest = import_text(&fixture, &again, &status);
    assert_string_equal(status.message, "");
    assert_summary(rest, 600 - summary.created, 0, summary.created, 0);
    jg_buf_done(&text);
    import_fixture_done(&fixture);
  }
}

static void an_import_can_be_given_up(void **state) {
  (void)state;
  struct import_fixture fixture;
  import_fixture_init(&fixture);
  const struct jg_import_options options = {.app = &fixture.app, .tenant = fixture.tenant, .window = 8};
  struct jg_import *import = jg_import_create(&options);
  assert_true(jg_status_ok(jg_import_feed(import, JG_STR("{\"name\":\"\"}{\"name\":\"\"}{\"name\":"), &fixture.arena)));
  jg_import_destroy(import);
  assert_int_equal(import_fixture_jobs(&fixture).count, 2);
  jg_import_destroy(NULL);
  import_fixture_done(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_consistent_sample_imports_silently),
      cmocka_unit_test(the_raw_sample_imports_with_a_warning_for_each_id),
      cmocka_unit_test(arrays_and_envelopes_in_any_cut),
      cmocka_unit_test(what_is_refused_is_named),
      cmocka_unit_test(stop_keeps_exactly_the_jobs_before),
      cmocka_unit_test(skip_leaves_out_the_refused_ones),
      cmocka_unit_test(refusals_alone_do_not_block_a_full_window),
      cmocka_unit_test(members_of_the_server_are_kept),
      cmocka_unit_test(an_unknown_status_is_registered),
      cmocka_unit_test(a_code_of_another_id_is_refused),
      cmocka_unit_test(many_jobs_need_bounded_memory),
      cmocka_unit_test(a_failing_record_ends_the_import),
      cmocka_unit_test(an_import_can_be_given_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
