/* What `backup` and `restore` share: copies of the whole record between a store and a file. */
#ifndef JG_SERVER_COMMAND_COPY_H
#define JG_SERVER_COMMAND_COPY_H

#include "server/command/command.h"
#include "storage/store.h"

typedef struct jg_status (*jg_command_copier)(const struct jg_store_copy *copy, struct jg_arena *arena,
                                              struct jg_store_copied *ret_copied);
/* Copies between --store and the first operand, with progress on a terminal and a summary, "VERB ...". An exit code. */
int jg_command_copy(const struct jg_options *options, jg_command_copier copier, const char *verb,
                    struct jg_arena *arena);

#endif
