/* Where commands get a password from: never the command line, which everybody on the machine can read. Thread: main. */
#ifndef JG_SERVER_COMMAND_PASSWORD_H
#define JG_SERVER_COMMAND_PASSWORD_H

#include "base/status.h"

#define JG_OPTION_PASSWORD_FILE                                                                         \
  {                                                                                                     \
    .name = "password-file", .type = JG_OPTION_TEXT, .metavar = "FILE|-",                               \
    .help =                                                                                             \
        "the password is this file's (or standard input's) first line; else that of JOBGATE_PASSWORD; " \
        "else a terminal is asked"                                                                      \
  }

/* The first line of the file, of standard input ("-"), or what is typed at the terminal without echo (path NULL; `twice`: typed
 * again to be sure). In the arena. INVALID_ARGUMENT: no password, or not 1 to 255 bytes of UTF-8 without control characters. */
JG_MUST_CHECK struct jg_status jg_command_read_password(const char *path, bool twice, struct jg_arena *arena,
                                                        struct jg_str *ret_password);

/* The same, but without a path the environment's `variable` comes before the terminal. INVALID_ARGUMENT names it. */
JG_MUST_CHECK struct jg_status jg_command_find_password(const char *path, const char *variable, bool twice,
                                                        struct jg_arena *arena, struct jg_str *ret_password);

#endif
