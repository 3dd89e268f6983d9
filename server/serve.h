/* `jobgate serve`: serve.c runs it, serve_options.c has its settings. */
#ifndef JG_SERVER_SERVE_H
#define JG_SERVER_SERVE_H

#include "server/config/options.h"

/* Serves until a signal. Returns an exit code. The arena is the process'. Thread: main. */
int jg_serve_run(const struct jg_options *options, struct jg_arena *arena);

#endif
