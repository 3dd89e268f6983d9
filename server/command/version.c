#include <stdio.h>

#include "server/command/command.h"
#include "server/version.h"

static int run_version(const struct jg_options *options, struct jg_arena *arena) {
  (void)options;
  (void)arena;
  printf("jobgate %s\n", JG_VERSION);
  return JG_EXIT_OK;
}

const struct jg_command jg_command_version = {
    .name = "version",
    .operands = "",
    .help = "print the version",
    .run = run_version,
};
