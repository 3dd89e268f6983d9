/* `jobgate restore`: a record from a backup, whole and checked. Its tenants get new epochs: resume tokens of before are refused. */
#include "server/command/copy.h"

static const struct jg_option restore_options[] = {
    {.name = "store",
     .type = JG_OPTION_TEXT,
     .value = "sqlite:jobgate.db",
     .metavar = "URL",
     .help = "the record to make",
     .check = jg_store_check_url},
    {.name = "replace",
     .type = JG_OPTION_FLAG,
     .value = "false",
     .help = "take the place of the record that is there, which is lost"},
};

static int run_restore(const struct jg_options *options, struct jg_arena *arena) {
  return jg_command_copy(options, jg_store_restore, "restored", arena);
}

const struct jg_command jg_command_restore = {
    .name = "restore",
    .operands = "FILE",
    .help = "make a record from a backup; no server may hold it",
    .options = restore_options,
    .option_count = JG_COUNT(restore_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_restore,
};
