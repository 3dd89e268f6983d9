/* `jobgate import`: jobs from a file or a pipe into a store, or through the server that holds it. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "server/app.h"
#include "server/command/import_internal.h"
#include "server/command/record.h"
#include "server/command/remote.h"

#define CHUNK_BYTES ((size_t)256 << 10)
#define WINDOW 1024
#define WARNINGS_SHOWN_MAX 20
#define NS_PER_SECOND INT64_C(1000000000)

static const struct jg_option import_options[] = {
    JG_OPTION_STORE,
    {.name = "server",
     .type = JG_OPTION_ADDRESS,
     .metavar = "H:P",
     .help = "import through the server that holds the record (its gRPC address)"},
    JG_OPTION_USER,
    JG_OPTION_PASSWORD_FILE,
    JG_OPTION_TENANT("whose jobs; with --store"),
    {.name = "on-error",
     .type = JG_OPTION_CHOICE,
     .value = "stop",
     .choices = "stop|skip",
     .help = "at a job that is refused: keep the jobs before it and stop, or leave it out and go on"},
};

/* ---- what standard error shows ---- */

static void end_progress(struct jg_import_run *run) {
  if (run->progress) {
    run->progress = false;
    fputs("\r\033[K", stderr);
  }
}

void jg_import_run_progress(struct jg_import_run *run, int64_t count, const char *unit) {
  int64_t now_ns = jg_clock_mono_ns(run->clock);
  if (!run->terminal || now_ns - run->progress_ns < NS_PER_SECOND) {
    return;
  }
  run->progress_ns = now_ns;
  run->progress = true;
  double seconds = (double)(now_ns - run->started_ns) / (double)NS_PER_SECOND;
  fprintf(stderr, "\r\033[K%" PRId64 " %s, %.0f %s/s", count, unit, (double)count / seconds, unit);
}

void jg_import_run_problem(const struct jg_import_problem *problem, void *data) {
  struct jg_import_run *run = data;
  if (problem->warning) {
    if (run->warnings_shown == WARNINGS_SHOWN_MAX) {
      return;
    }
    run->warnings_shown++;
  } else if (problem->number != run->refused_last) {
    run->refused_last = problem->number;
    run->refused_shown++;
  }
  end_progress(run);
  fprintf(stderr, "jobgate: %sjob %" PRId64 " (line %" PRId64 "): %s%s%s\n", problem->warning ? "warning: " : "",
          problem->number, problem->line, problem->field, problem->field[0] != '\0' ? " " : "", problem->message);
}

static void say_summary(const struct jg_import_run *run) {
  const struct jg_import_summary *summary = &run->summary;
  if (summary->rejected > run->refused_shown) {
    fprintf(stderr, "jobgate: %" PRId64 " more refused jobs are not shown\n", summary->rejected - run->refused_shown);
  }
  if (summary->warnings > run->warnings_shown) {
    fprintf(stderr, "jobgate: %" PRId64 " more warnings are not shown\n", summary->warnings - run->warnings_shown);
  }
  if (summary->more) {
    fputs("jobgate: warning: the last page has an @odata.nextLink: there are more jobs than these\n", stderr);
  }
  double seconds = (double)(jg_clock_mono_ns(run->clock) - run->started_ns) / (double)NS_PER_SECOND;
  fprintf(stderr,
          "imported %" PRId64 " jobs: %" PRId64 " created, %" PRId64 " updated, %" PRId64 " unchanged, %" PRId64
          " rejected, %" PRId64 " warnings, %" PRId64 " entities written in %.1f s\n",
          summary->created + summary->updated + summary->unchanged, summary->created, summary->updated,
          summary->unchanged, summary->rejected, summary->warnings, summary->entities_written, seconds);
}

/* ---- into a store ---- */

static struct jg_status feed_all(struct jg_import_run *run, struct jg_import *import, char *buffer) {
  for (;;) {
    size_t len = 0;
    JG_RETURN_IF_ERROR(jg_import_input_read(&run->input, buffer, CHUNK_BYTES, run->arena, &len));
    if (len == 0) {
      return JG_STATUS_OK;
    }
    JG_RETURN_IF_ERROR(jg_import_feed(import, jg_str_make(buffer, len), run->arena));
    struct jg_import_summary summary = jg_import_summary(import);
    jg_import_run_progress(run, summary.created + summary.updated + summary.unchanged + summary.rejected, "jobs");
  }
}

static struct jg_status import_into(struct jg_import_run *run, const struct jg_server_app *app) {
  const struct jg_import_options options = {
      .app = &app->app,
      .tenant = app->tenant,
      .skip_errors = run->skip_errors,
      .window = WINDOW,
      .problem = jg_import_run_problem,
      .data = run,
  };
  struct jg_import *import = jg_import_create(&options);
  char *buffer = jg_alloc(CHUNK_BYTES);
  struct jg_status status = feed_all(run, import, buffer);
  struct jg_status ended = jg_import_end(import, run->arena);
  // After a signal the input ends anywhere, within a job too.
  if (jg_status_ok(status) && !jg_import_input_interrupted(&run->input)) {
    status = ended;
  }
  run->summary = jg_import_summary(import);
  jg_free(buffer);
  jg_import_destroy(import);
  return !run->skip_errors && run->summary.rejected > 0 ? JG_STATUS_OK : status;
}

static struct jg_status import_local(struct jg_import_run *run, bool *ret_begun) {
  struct jg_log log = {.level_min = JG_LOG_WARN, .fd = STDERR_FILENO, .clock = run->clock};
  const struct jg_server_app_options options = {
      .store_url = jg_str_from_cstr(jg_options_text(run->options, "store")),
      .tenant = jg_str_from_cstr(jg_options_text(run->options, "tenant")),
      .create = true,
      .exclusive = true,
      .reader_count = 1,
      .log = &log,
  };
  struct jg_server_app app;
  struct jg_status opened = jg_server_app_open(&options, run->arena, &app);
  if (opened.reason == JG_REASON_STORE_LOCKED) {
    return jg_status_printf(run->arena, opened.code, opened.reason, "%s; stop it, or import through it with --server",
                            opened.message);
  }
  JG_RETURN_IF_ERROR(opened);
  *ret_begun = true;
  jg_import_input_watch(&run->input, NULL, NULL);
  struct jg_status status = import_into(run, &app);
  jg_import_input_unwatch(&run->input);
  jg_server_app_close(&app);
  return status;
}

/* ---- the command ---- */

/* Of --store and --server the one that was said with more weight counts: a flag beats a pod's environment. */
static bool goes_to_server(const struct jg_options *options) {
  return jg_options_get(options, "server")->origin > jg_options_get(options, "store")->origin;
}

static struct jg_status check_options(const struct jg_options *options, struct jg_arena *arena) {
  enum jg_option_origin server = jg_options_get(options, "server")->origin;
  if (server != JG_ORIGIN_DEFAULT && server == jg_options_get(options, "store")->origin) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_NONE, "give %s or %s, not both",
                            jg_options_label(options, "store"), jg_options_label(options, "server"));
  }
  if (!goes_to_server(options)) {
    return JG_STATUS_OK;
  }
  if (jg_options_get(options, "tenant")->origin >= server) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_NONE,
                            "%s goes with --store: a server knows its caller's tenant",
                            jg_options_label(options, "tenant"));
  }
  const char *password_file = jg_options_text(options, "password-file");
  if (password_file != NULL && strcmp(password_file, "-") == 0 && strcmp(options->operands[0], "-") == 0) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "standard input cannot be both jobs and password");
  }
  return JG_STATUS_OK;
}

static int finish(struct jg_import_run *run, struct jg_status status, bool summary) {
  end_progress(run);
  int code = run->summary.rejected == 0 ? JG_EXIT_OK : JG_EXIT_FAILURE;
  if (jg_import_input_interrupted(&run->input)) {
    fputs("jobgate: interrupted; the jobs imported before are kept\n", stderr);
    code = JG_EXIT_FAILURE;
  } else if (!jg_status_ok(status)) {
    code = jg_command_fail(status);
  }
  if (summary) {
    say_summary(run);
  }
  return code;
}

static int run_import(const struct jg_options *options, struct jg_arena *arena) {
  struct jg_status status = check_options(options, arena);
  if (!jg_status_ok(status)) {
    return jg_command_usage(status);
  }
  struct jg_import_run run = {
      .options = options,
      .arena = arena,
      .clock = jg_clock_system(),
      .skip_errors = jg_str_equal(jg_str_from_cstr(jg_options_text(options, "on-error")), JG_STR("skip")),
      .terminal = isatty(STDERR_FILENO) == 1,
  };
  status = jg_import_input_open(&run.input, options->operands[0], arena);
  if (!jg_status_ok(status)) {
    return jg_command_fail(status);
  }
  run.started_ns = jg_clock_mono_ns(run.clock);
  run.progress_ns = run.started_ns;
  bool begun = false;
  if (goes_to_server(options)) {
    status = jg_import_run_remote(&run);
    begun = jg_status_ok(status);
  } else {
    status = import_local(&run, &begun);
  }
  int code = finish(&run, status, begun);
  jg_import_input_close(&run.input);
  return code;
}

const struct jg_command jg_command_import = {
    .name = "import",
    .operands = "FILE|-",
    .help = "take jobs from legacy JSON: values, arrays, OData envelopes",
    .options = import_options,
    .option_count = JG_COUNT(import_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_import,
};
