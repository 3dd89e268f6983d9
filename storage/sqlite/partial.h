/* For storage/sqlite alone: a database in the making, beside the place it is for, so that the place holds a whole one or what was
 * there before. Thread: main. */
#ifndef JG_STORAGE_SQLITE_PARTIAL_H
#define JG_STORAGE_SQLITE_PARTIAL_H

#include "storage/sqlite/file.h"

struct jg_sqlite_partial {
  const struct jg_sqlite_file *place; /* borrows until the end */
  const char *path;                   /* "PLACE.partial" */
  int fd;                             /* holds a lock of its own; -1: not open */
};

/* An empty file; what a dead process left of one is used again. FAILED_PRECONDITION/STORE_LOCKED if another process makes one for
 * this place, /STORE_READ_ONLY if it cannot be written. */
JG_MUST_CHECK struct jg_status jg_sqlite_partial_open(const struct jg_sqlite_file *place,
                                                      struct jg_sqlite_partial *ret_partial);
/* Makes it durable and puts it to its place. Its connection is closed. `like`: a file whose permissions it gets, and whose owner if
 * it is the place's own. Ends it when OK. UNAVAILABLE; FAILED_PRECONDITION/STORE_LOCKED if what stands there is open elsewhere. */
JG_MUST_CHECK struct jg_status jg_sqlite_partial_install(struct jg_sqlite_partial *partial, const char *like,
                                                         int64_t *ret_bytes);
/* Removes it, if it is open. */
void jg_sqlite_partial_abandon(struct jg_sqlite_partial *partial);

#endif
