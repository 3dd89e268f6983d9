/* What the two ways of `jobgate import` share: into a store, and through a server. For import*.c alone. Thread: main. */
#ifndef JG_SERVER_COMMAND_IMPORT_INTERNAL_H
#define JG_SERVER_COMMAND_IMPORT_INTERNAL_H

#include "server/command/command.h"
#include "server/command/import_input.h"
#include "services/import/import.h"

/* One run of the command. */
struct jg_import_run {
  const struct jg_options *options;
  struct jg_arena *arena; /* the process': statuses */
  const struct jg_clock *clock;
  struct jg_import_input input;
  bool skip_errors;
  struct jg_import_summary summary;
  /* What standard error has seen. */
  bool terminal;
  bool progress; /* the last line is a progress line */
  int64_t started_ns, progress_ns;
  int64_t refused_shown, refused_last; /* jobs; number of the last one */
  int64_t warnings_shown;
};

/* jg_import_options.problem: a line on standard error; of warnings the first ones. data: the run. */
void jg_import_run_problem(const struct jg_import_problem *problem, void *data);
/* Once a second, on a terminal only. unit: "jobs". */
void jg_import_run_progress(struct jg_import_run *run, int64_t count, const char *unit);

/* Sends the input to --server and takes its summary. A refusal under STOP is OK (the summary has it). Statuses: the server's. */
JG_MUST_CHECK struct jg_status jg_import_run_remote(struct jg_import_run *run);

#endif
