/* `jobgate migrate`: brings the record to the schema of this program, as a start of the server would. */
#include <stdio.h>

#include "server/command/command.h"
#include "server/command/record.h"

static const struct jg_option migrate_options[] = {JG_OPTION_STORE};

/* Whoever only reads is refused while anything is missing. */
static struct jg_status open_record(const struct jg_options *options, bool read_only, struct jg_arena *arena) {
  const struct jg_store_options store_options = {.url = jg_str_from_cstr(jg_options_text(options, "store")),
                                                 .exclusive = !read_only,
                                                 .read_only = read_only,
                                                 .reader_count = 1,
                                                 .clock = jg_clock_system()};
  struct jg_store *store = NULL;
  JG_RETURN_IF_ERROR(jg_store_open(&store_options, arena, &store));
  jg_store_close(store);
  return JG_STATUS_OK;
}

static int run_migrate(const struct jg_options *options, struct jg_arena *arena) {
  if (jg_status_ok(open_record(options, true, arena))) {
    puts("the record has this program's schema already");
    return JG_EXIT_OK;
  }
  struct jg_status status = open_record(options, false, arena);
  if (!jg_status_ok(status)) {
    return jg_command_fail(status);
  }
  puts("the record was migrated to this program's schema");
  return JG_EXIT_OK;
}

const struct jg_command jg_command_migrate = {
    .name = "migrate",
    .operands = "",
    .help = "bring the record to this program's schema, as serve does; no server may hold it",
    .options = migrate_options,
    .option_count = JG_COUNT(migrate_options),
    .run = run_migrate,
};
