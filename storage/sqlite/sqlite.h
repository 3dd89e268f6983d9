/* The SQLite engine of the record (store.h): WAL, synchronous=FULL, one writer thread with group commit, readers beside it. */
#ifndef JG_STORAGE_SQLITE_SQLITE_H
#define JG_STORAGE_SQLITE_SQLITE_H

#include "storage/engine.h"

/* jg_store_open for "sqlite:PATH". path: what follows the colon. */
JG_MUST_CHECK struct jg_status jg_sqlite_store_open(const struct jg_store_options *options, struct jg_str path,
                                                    struct jg_arena *arena, struct jg_store **ret_store);
/* jg_store_backup and jg_store_restore. path: of the store. */
JG_MUST_CHECK struct jg_status jg_sqlite_backup(const struct jg_store_copy *wanted, struct jg_str path,
                                                struct jg_arena *arena, struct jg_store_copied *ret_copied);
JG_MUST_CHECK struct jg_status jg_sqlite_restore(const struct jg_store_copy *wanted, struct jg_str path,
                                                 struct jg_arena *arena, struct jg_store_copied *ret_copied);
/* jg_store_check. */
JG_MUST_CHECK struct jg_status jg_sqlite_check(struct jg_str path, const struct jg_clock *clock, struct jg_arena *arena,
                                               struct jg_store_report *ret_report);

#endif
