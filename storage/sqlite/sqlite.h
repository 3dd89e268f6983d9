/* The SQLite engine of the record (store.h): WAL, synchronous=FULL, one writer thread with group commit, readers beside it. */
#ifndef JG_STORAGE_SQLITE_SQLITE_H
#define JG_STORAGE_SQLITE_SQLITE_H

#include "storage/engine.h"

/* jg_store_open for "sqlite:PATH". path: what follows the colon. */
JG_MUST_CHECK struct jg_status jg_sqlite_store_open(const struct jg_store_options *options, struct jg_str path,
                                                    struct jg_arena *arena, struct jg_store **ret_store);

#endif
