#include "services/import/import.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "jobgate/v1/job_service.pb-c.h"
#include "server/app.h"
#include "server/command/command.h"
#include "server/grpc/server.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define ARGUMENTS_MAX 16
#define TEXT_BYTES ((size_t)8 << 20)

struct fixture {
  struct jg_arena arena;
  char folder[512];
  const char *store;             /* "--store=sqlite:..." */
  struct jg_server_app app;      /* if a server runs */
  struct jg_grpc_server *server; /* NULL: none */
  const char *address;           /* "--server=H:P" */
  const char *text;              /* what the last run wrote to standard error */
  char *const *environment;      /* NULL: none */
};

static void fixture_init(struct fixture *fixture) {
  *fixture = (struct fixture){.server = NULL};
  jg_arena_init(&fixture->arena, ARENA_BYTES);
  const char *parent = getenv("TEST_TMPDIR");
  int len = snprintf(fixture->folder, sizeof(fixture->folder), "%s/commandXXXXXX", parent != NULL ? parent : "/tmp");
  assert_true(len > 0 && (size_t)len < sizeof(fixture->folder));
  assert_non_null(mkdtemp(fixture->folder));
  fixture->store = jg_arena_printf(&fixture->arena, "--store=sqlite:%s/a.db", fixture->folder);
}

static void start_server(struct fixture *fixture) {
  const struct jg_server_app_options app = {
      .store_url = jg_str_from_cstr(fixture->store + strlen("--store=")),
      .create = true,
      .exclusive = true,
      .reader_count = 1,
  };
  assert_string_equal(jg_server_app_open(&app, &fixture->arena, &fixture->app).message, "");
  static const struct jg_method method = {
      .name = {"ImportJobs", 10},
      .path = "/jobgate.v1.JobService/ImportJobs",
      .type = JG_METHOD_CLIENT_STREAM,
      .request = &jobgate__v1__import_jobs_request__descriptor,
      .response = &jobgate__v1__import_jobs_response__descriptor,
      .loopback_only = true,
      .request_bytes_max = 1 << 20,
      .handle = jg_import_handle,
  };
  const struct jg_grpc_server_options options = {
      .app = &fixture->app.app,
      .address = JG_STR("127.0.0.1:0"),
      .threads = 1,
      .tenant = fixture->app.tenant,
      .methods = &method,
      .method_count = 1,
  };
  assert_string_equal(jg_grpc_server_start(&options, &fixture->arena, &fixture->server).message, "");
  fixture->address = jg_arena_printf(&fixture->arena, "--server=127.0.0.1:%u", jg_grpc_server_port(fixture->server));
}

static void stop_server(struct fixture *fixture) {
  if (fixture->server != NULL) {
    jg_grpc_server_stop(fixture->server, 10000);
    jg_grpc_server_destroy(fixture->server);
    jg_server_app_close(&fixture->app);
    fixture->server = NULL;
  }
}

static void fixture_done(struct fixture *fixture) {
  stop_server(fixture);
  static const char *const names[] = {"a.db", "a.db-wal", "a.db-shm", "a.db.lock", "input", "errors"};
  for (size_t i = 0; i < JG_COUNT(names); i++) {
    (void)unlink(jg_arena_printf(&fixture->arena, "%s/%s", fixture->folder, names[i]));  // some may not be there
  }
  assert_int_equal(rmdir(fixture->folder), 0);
  jg_arena_done(&fixture->arena);
}

static const char *path_of(struct fixture *fixture, const char *name) {
  return jg_arena_printf(&fixture->arena, "%s/%s", fixture->folder, name);
}

static const char *write_input(struct fixture *fixture, struct jg_str text) {
  const char *path = path_of(fixture, "input");
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
  assert_int_equal(fclose(file), 0);
  return path;
}

/* The whole file in the arena. */
static const char *read_text(struct fixture *fixture, const char *path) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *text = jg_arena_alloc(&fixture->arena, TEXT_BYTES);
  assert_non_null(text);
  size_t len = fread(text, 1, TEXT_BYTES - 1, file);
  text[len] = '\0';
  assert_int_equal(fclose(file), 0);
  return text;
}

/* Runs the command with arguments up to NULL; standard error goes to fixture->text. */
static int run(struct fixture *fixture, const char *const *arguments) {
  const char *argv[ARGUMENTS_MAX];
  int argc = 0;
  while (arguments[argc] != NULL) {
    assert_true(argc < ARGUMENTS_MAX);
    argv[argc] = arguments[argc];
    argc++;
  }
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_options options;
  const struct jg_options_input input = {
      .argc = argc, .argv = (char *const *)(uintptr_t)argv, .environment = fixture->environment};
  struct jg_status status =
      jg_options_parse(jg_command_import.options, jg_command_import.option_count, &input, &arena, &options);
  assert_string_equal(status.message, "");
  const char *path = path_of(fixture, "errors");
  fflush(stderr);
  int before = dup(STDERR_FILENO);
  assert_true(before >= 0);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
  int code = jg_command_import.run(&options, &arena);
  fflush(stderr);
  assert_true(dup2(before, STDERR_FILENO) >= 0);
  assert_int_equal(close(before), 0);
  assert_int_equal(fclose(file), 0);
  jg_arena_done(&arena);
  fixture->text = read_text(fixture, path);
  return code;
}

/* Imports a text, into the store or through the server, under --on-error. */
static int import_text(struct fixture *fixture, struct jg_str text, const char *on_error) {
  const char *to = fixture->server != NULL ? fixture->address : fixture->store;
  const char *const arguments[] = {to, "--on-error", on_error, write_input(fixture, text), NULL};
  return run(fixture, arguments);
}

/* The text is these lines and then this start of the summary. */
static void assert_said(const struct fixture *fixture, const char *lines, const char *summary) {
  size_t len = strlen(lines);
  assert_true(strlen(fixture->text) >= len);
  assert_memory_equal(fixture->text, lines, len);
  const char *rest = fixture->text + len;
  if (strncmp(rest, summary, strlen(summary)) != 0) {
    assert_string_equal(rest, summary);
  }
}

static void a_file_becomes_jobs(void **state) {
  for (int served = 0; served < 2; served++) {
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    if (served == 1) {
      start_server(&fixture);
    }
    struct jg_str text = JG_STR(
        "{\"id\":\"00000000-0000-4000-8000-000000000001\",\"name\":\"a\"}\n"
        "[{\"id\":\"00000000-0000-4000-8000-000000000002\",\"job_type\":{\"code\":\"T\"}}]\n");
    assert_int_equal(import_text(&fixture, text, "stop"), JG_EXIT_OK);
    assert_said(&fixture, "",
                "imported 2 jobs: 2 created, 0 updated, 0 unchanged, 0 rejected, 0 warnings, 1 entities written in ");
    assert_int_equal(import_text(&fixture, text, "skip"), JG_EXIT_OK);
    assert_said(&fixture, "",
                "imported 2 jobs: 0 created, 0 updated, 2 unchanged, 0 rejected, 0 warnings, 0 entities written in ");
    assert_int_equal(import_text(&fixture, JG_STR(""), "stop"), JG_EXIT_OK);
    assert_said(&fixture, "", "imported 0 jobs: 0 created");
    fixture_done(&fixture);
  }
}

static void what_is_refused_is_said(void **state) {
  (void)state;
  struct jg_str text = JG_STR("{\"name\":\"\"}\n{\"name\":5}\n\n{\"skill_code\":\"nope\"}\n{\"name\":\"\"}");
  for (int served = 0; served < 2; served++) {
    struct fixture fixture;
    fixture_init(&fixture);
    if (served == 1) {
      start_server(&fixture);
    }
    assert_int_equal(import_text(&fixture, text, "stop"), JG_EXIT_FAILURE);
    assert_said(&fixture, "jobgate: job 2 (line 2): name must be a string\n",
                "imported 1 jobs: 1 created, 0 updated, 0 unchanged, 1 rejected");
    assert_int_equal(import_text(&fixture, text, "skip"), JG_EXIT_FAILURE);
    assert_said(&fixture,
                "jobgate: job 2 (line 2): name must be a string\n"
                "jobgate: job 3 (line 4): skill_code names no skill\n",
                "imported 2 jobs: 2 created, 0 updated, 0 unchanged, 2 rejected");
    fixture_done(&fixture);
  }
}

static void a_page_that_is_not_the_last_is_warned_of(void **state) {
  (void)state;
  struct jg_str page = JG_STR(
      "{\"@odata.context\":\"http://a.example/api/$metadata#Jobs\",\"value\":[{\"name\":\"a\"}],"
      "\"@odata.nextLink\":\"http://a.example/api/Jobs?$skip=1\"}");
  for (int served = 0; served < 2; served++) {
    struct fixture fixture;
    fixture_init(&fixture);
    if (served == 1) {
      start_server(&fixture);
    }
    assert_int_equal(import_text(&fixture, page, "stop"), JG_EXIT_OK);
    assert_said(&fixture, "jobgate: warning: the last page has an @odata.nextLink: there are more jobs than these\n",
                "imported 1 jobs: 1 created");
    assert_int_equal(import_text(&fixture, JG_STR("{\"error\":{\"message\":\"Unauthorized\"}}"), "stop"),
                     JG_EXIT_FAILURE);
    assert_said(&fixture, "jobgate: job 1 (line 1): is no job: it holds none of a job's members\n", "imported 0 jobs");
    fixture_done(&fixture);
  }
}

static void unreadable_input_is_an_error(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  assert_int_equal(import_text(&fixture, JG_STR("{\"name\":\"\"}\n{\"name\":\"\"}\n{"), "skip"), JG_EXIT_FAILURE);
  assert_said(&fixture, "jobgate: value 3 at line 3: the text ends within it\n", "imported 2 jobs: 2 created");
  start_server(&fixture);
  assert_int_equal(import_text(&fixture, JG_STR("{\"name\":\"\"}\n{\"name\":\"\"}\n]"), "skip"), JG_EXIT_FAILURE);
  assert_said(&fixture,
              "jobgate: value 3 at line 3: a JSON object or array was expected; before that 2 jobs were created, "
              "0 updated, 0 left unchanged and 0 rejected\n",
              "");
  fixture_done(&fixture);
}

static void only_the_first_warnings_are_shown(void **state) {
  (void)state;
  for (int served = 0; served < 2; served++) {
    struct fixture fixture;
    fixture_init(&fixture);
    if (served == 1) {
      start_server(&fixture);
    }
    struct jg_buf text;
    jg_buf_init(&text, TEXT_BYTES);
    for (unsigned i = 1; i <= 130; i++) {
      jg_buf_printf(&text, "{\"skill_id\":\"00000000-0000-4000-8000-%012u\"}\n", i);
    }
    assert_int_equal(import_text(&fixture, jg_buf_str(&text), "stop"), JG_EXIT_OK);
    int shown = 0;
    for (const char *p = fixture.text; (p = strstr(p, "jobgate: warning: job ")) != NULL; p++) {
      shown++;
    }
    assert_int_equal(shown, 20);
    assert_non_null(strstr(fixture.text, "jobgate: warning: job 20 (line 20): skill_id names nothing known"));
    assert_non_null(strstr(fixture.text,
                           "\njobgate: 110 more warnings are not shown\n"
                           "imported 130 jobs: 130 created, 0 updated, 0 unchanged, 0 rejected, 130 warnings"));
    jg_buf_done(&text);
    fixture_done(&fixture);
  }
}

/* A text of many chunks that is refused early: the server answers while the client still sends. */
static void a_long_text_stops_early(void **state) {
  (void)state;
  for (int served = 0; served < 2; served++) {
    struct fixture fixture;
    fixture_init(&fixture);
    if (served == 1) {
      start_server(&fixture);
    }
    struct jg_buf text;
    jg_buf_init(&text, TEXT_BYTES);
    jg_buf_printf(&text, "{\"name\":\"\"}{\"name\":1}\n");
    for (unsigned i = 0; i < 4000; i++) {
      jg_buf_printf(&text, "{\"name\":\"%01000u\"}\n", i);
    }
    assert_int_equal(import_text(&fixture, jg_buf_str(&text), "stop"), JG_EXIT_FAILURE);
    assert_said(&fixture, "jobgate: job 2 (line 1): name must be a string\n",
                "imported 1 jobs: 1 created, 0 updated, 0 unchanged, 1 rejected");
    jg_buf_done(&text);
    fixture_done(&fixture);
  }
}

static void usage_is_checked(void **state) {
  (void)state;
  static const struct {
    const char *arguments[6];
    const char *said;
  } rows[] = {
      {{"--store", "sqlite:x.db", "--server", "127.0.0.1:1", "-", NULL},
       "jobgate: give --store or --server, not both\n"},
      {{"--tenant", "a", "--server", "127.0.0.1:1", "-", NULL},
       "jobgate: --tenant goes with --store: a server knows its caller's tenant\n"},
  };
  struct fixture fixture;
  fixture_init(&fixture);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(run(&fixture, rows[i].arguments), JG_EXIT_USAGE);
    assert_string_equal(fixture.text, rows[i].said);
  }
  fixture_done(&fixture);
}

static void a_flag_beats_the_environment(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  start_server(&fixture);
  const char *input = write_input(&fixture, JG_STR("{\"name\":\"a\"}"));
  // As in a pod, where the record is named for every command.
  char *const pod[] = {(char *)(uintptr_t) "JOBGATE_STORE=sqlite:/nonexistent/a.db",
                       (char *)(uintptr_t) "JOBGATE_TENANT=north", NULL};
  fixture.environment = pod;
  const char *const to_server[] = {fixture.address, input, NULL};
  assert_int_equal(run(&fixture, to_server), JG_EXIT_OK);
  assert_said(&fixture, "", "imported 1 jobs: 1 created");
  stop_server(&fixture);
  char *const client[] = {(char *)(uintptr_t) "JOBGATE_SERVER=127.0.0.1:1", NULL};
  fixture.environment = client;
  const char *const to_store[] = {fixture.store, "--tenant", "north", input, NULL};
  assert_int_equal(run(&fixture, to_store), JG_EXIT_OK);
  assert_said(&fixture, "", "imported 1 jobs: 1 created");
  char *const both[] = {(char *)(uintptr_t) "JOBGATE_SERVER=127.0.0.1:1",
                        (char *)(uintptr_t) "JOBGATE_STORE=sqlite:/nonexistent/a.db", NULL};
  fixture.environment = both;
  const char *const neither[] = {input, NULL};
  assert_int_equal(run(&fixture, neither), JG_EXIT_USAGE);
  assert_string_equal(fixture.text, "jobgate: give JOBGATE_STORE or JOBGATE_SERVER, not both\n");
  fixture_done(&fixture);
}

static void what_cannot_be_opened_is_named(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  const char *missing = path_of(&fixture, "missing");
  const char *const no_file[] = {fixture.store, missing, NULL};
  assert_int_equal(run(&fixture, no_file), JG_EXIT_FAILURE);
  assert_string_equal(fixture.text,
                      jg_arena_printf(&fixture.arena, "jobgate: cannot open %s: No such file or directory\n", missing));
  const char *const folder[] = {fixture.store, fixture.folder, NULL};
  assert_int_equal(run(&fixture, folder), JG_EXIT_FAILURE);
  assert_said(&fixture, jg_arena_printf(&fixture.arena, "jobgate: cannot read %s: Is a directory\n", fixture.folder),
              "imported 0 jobs");
  const char *const nobody[] = {"--server=127.0.0.1:1", write_input(&fixture, JG_STR("{\"name\":\"\"}")), NULL};
  assert_int_equal(run(&fixture, nobody), JG_EXIT_FAILURE);
  assert_string_equal(fixture.text, "jobgate: cannot reach 127.0.0.1:1\n");
  // A server holds the record: the error says what to do.
  start_server(&fixture);
  const char *const held[] = {fixture.store, write_input(&fixture, JG_STR("{\"name\":\"\"}")), NULL};
  assert_int_equal(run(&fixture, held), JG_EXIT_FAILURE);
  assert_non_null(strstr(fixture.text, "is held by another jobgate"));
  assert_non_null(strstr(fixture.text, "--server"));
  fixture_done(&fixture);
}

/* Gives the command a pipe as its standard input. Returns the end to write to. */
static int pipe_input(int *ret_before) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  *ret_before = dup(STDIN_FILENO);
  assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
  assert_int_equal(close(ends[0]), 0);
  return ends[1];
}

static void restore_input(int before) {
  if (before >= 0) {
    assert_true(dup2(before, STDIN_FILENO) >= 0);
    assert_int_equal(close(before), 0);
  }
}

static void standard_input_is_a_file_too(void **state) {
  (void)state;
  struct fixture fixture;
  fixture_init(&fixture);
  int before;
  int writer = pipe_input(&before);
  assert_int_equal(write(writer, "{\"id2\":1}{\"id2\":2}", 18), 18);
  assert_int_equal(close(writer), 0);
  const char *const arguments[] = {fixture.store, "-", NULL};
  assert_int_equal(run(&fixture, arguments), JG_EXIT_OK);
  assert_said(&fixture, "", "imported 2 jobs: 2 created");
  restore_input(before);
  fixture_done(&fixture);
}

static void a_signal_ends_it_cleanly(void **state) {
  (void)state;
  static const int signals[] = {SIGINT, SIGTERM};
  for (size_t i = 0; i < JG_COUNT(signals) * 2; i++) {
    struct fixture fixture;
    fixture_init(&fixture);
    if (i % 2 == 1) {
      start_server(&fixture);
    }
    int before;
    int writer = pipe_input(&before);
    assert_int_equal(write(writer, "{\"id2\":1}{", 10), 10);
    // It is pending when the command starts (main blocks it), and the input never ends.
    assert_int_equal(kill(getpid(), signals[i / 2]), 0);
    const char *const arguments[] = {i % 2 == 1 ? fixture.address : fixture.store, "-", NULL};
    assert_int_equal(run(&fixture, arguments), JG_EXIT_FAILURE);
    assert_said(&fixture, "jobgate: interrupted; the jobs imported before are kept\n", i % 2 == 1 ? "" : "imported ");
    assert_int_equal(close(writer), 0);
    restore_input(before);
    fixture_done(&fixture);
  }
}

int main(void) {
  // In every thread: one of the core's may outlive its server.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) {
    return 1;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_becomes_jobs),
      cmocka_unit_test(what_is_refused_is_said),
      cmocka_unit_test(a_page_that_is_not_the_last_is_warned_of),
      cmocka_unit_test(unreadable_input_is_an_error),
      cmocka_unit_test(only_the_first_warnings_are_shown),
      cmocka_unit_test(a_long_text_stops_early),
      cmocka_unit_test(usage_is_checked),
      cmocka_unit_test(a_flag_beats_the_environment),
      cmocka_unit_test(what_cannot_be_opened_is_named),
      cmocka_unit_test(standard_input_is_a_file_too),
      cmocka_unit_test(a_signal_ends_it_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
