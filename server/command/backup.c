/* `jobgate backup`: the record of one moment in a file, beside a server that goes on. */
#include "server/command/copy.h"
#include "server/command/record.h"

static const struct jg_option backup_options[] = {
    JG_OPTION_STORE,
    {.name = "replace", .type = JG_OPTION_FLAG, .value = "false", .help = "take the place of an older backup"},
};

static int run_backup(const struct jg_options *options, struct jg_arena *arena) {
  return jg_command_copy(options, jg_store_backup, "backed up", arena);
}

const struct jg_command jg_command_backup = {
    .name = "backup",
    .operands = "FILE",
    .help = "copy the record to a file; beside a server too",
    .options = backup_options,
    .option_count = JG_COUNT(backup_options),
    .operands_min = 1,
    .operands_max = 1,
    .run = run_backup,
};
