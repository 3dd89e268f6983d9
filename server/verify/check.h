/* The verdict over one run: each watcher's stream against the log that all of them saw together and against the acknowledged
 * writes. Thread: one. */
#ifndef JG_SERVER_VERIFY_CHECK_H
#define JG_SERVER_VERIFY_CHECK_H

#include "server/verify/history.h"
#include "server/verify/verdict.h"

/* Adds what it finds to the verdict. One watcher at least must see everything (no filter, with entities) from before the first
 * write on; what it did not see cannot be missed by others. */
void jg_verify_check(const struct jg_verify_history *history, struct jg_verify_verdict *verdict);

#endif
