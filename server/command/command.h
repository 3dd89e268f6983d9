/* The commands of the program: one row each. Every command is a function of its settings; main only finds it. */
#ifndef JG_SERVER_COMMAND_COMMAND_H
#define JG_SERVER_COMMAND_COMMAND_H

#include "server/config/options.h"

/* Exit codes (fixed: scripts depend on them). */
enum { JG_EXIT_OK = 0, JG_EXIT_FAILURE = 1, JG_EXIT_USAGE = 2 };

struct jg_command {
  const char *name;
  const char *operands; /* "FILE|-" for the help text; "" if it takes none */
  const char *help;     /* one line */
  const struct jg_option *options;
  size_t option_count;
  size_t operands_min, operands_max;
  /* Returns an exit code. Results go to standard output, the rest to standard error. The arena is the process'. */
  int (*run)(const struct jg_options *options, struct jg_arena *arena);
};

extern const struct jg_command jg_command_serve;
extern const struct jg_command jg_command_import;
extern const struct jg_command jg_command_export;
extern const struct jg_command jg_command_backup;
extern const struct jg_command jg_command_check;
extern const struct jg_command jg_command_migrate;
extern const struct jg_command jg_command_restore;
extern const struct jg_command jg_command_get;
extern const struct jg_command jg_command_list;
extern const struct jg_command jg_command_watch;
extern const struct jg_command jg_command_sample;
extern const struct jg_command jg_command_user;
extern const struct jg_command jg_command_verify_stream;
extern const struct jg_command jg_command_version;

/* "jobgate: message" on standard error; returns JG_EXIT_FAILURE, or JG_EXIT_USAGE for INVALID_ARGUMENT of a setting. */
int jg_command_fail(struct jg_status status);
int jg_command_usage(struct jg_status status);
/* Writes all of it to a file descriptor. False on an error (a closed pipe). */
JG_MUST_CHECK bool jg_command_write(int fd, struct jg_str text);

#endif
