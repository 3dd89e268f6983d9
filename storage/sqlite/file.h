/* For storage/sqlite alone: a path, and what stands there: nothing, an empty file, a database of ours, or a refusal. Nothing that
 * is looked at is changed. Thread: main. */
#ifndef JG_STORAGE_SQLITE_FILE_H
#define JG_STORAGE_SQLITE_FILE_H

#include "storage/sqlite/sqlite_internal.h"

enum jg_sqlite_content { JG_SQLITE_FILE_NONE, JG_SQLITE_FILE_EMPTY, JG_SQLITE_FILE_OURS };

struct jg_sqlite_file {
  const struct jg_clock *clock;
  struct jg_arena *arena; /* texts of statuses, and the paths */
  bool read_only;         /* a journal of a dead process cannot be played back */
  const char *path;       /* absolute, links resolved */
  const char *dir;
  enum jg_sqlite_content content;
  int64_t version; /* of the schema */
};

/* Fills path and dir: absolute and without links, so that all names of one database are one lock. NOT_FOUND (no such directory, a
 * link to nothing), INVALID_ARGUMENT. */
JG_MUST_CHECK struct jg_status jg_sqlite_file_resolve(struct jg_sqlite_file *file, struct jg_str path);
/* Fills content and version. FAILED_PRECONDITION with STORE_FOREIGN, STORE_NEWER or STORE_READ_ONLY; DATA_LOSS. */
JG_MUST_CHECK struct jg_status jg_sqlite_file_probe(struct jg_sqlite_file *file);
/* FAILED_PRECONDITION/STORE_READ_ONLY if the file, or one in its directory, cannot be written. */
JG_MUST_CHECK struct jg_status jg_sqlite_file_check_writable(const struct jg_sqlite_file *file);
/* The cheap part of an integrity check, of a database of this program's version: the header, the whole schema (every statement is
 * prepared on it), the tenants, and that each tenant's log ends where its counter stands (R1, R2). DATA_LOSS/STORE_CORRUPT. Damage
 * elsewhere shows when it is read. */
JG_MUST_CHECK struct jg_status jg_sqlite_file_verify(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn);

/* check.c: everything that can be known of a record, and slow: each page and index entry, and that each tenant's log is dense (R1).
 * DATA_LOSS/STORE_CORRUPT. */
JG_MUST_CHECK struct jg_status jg_sqlite_file_check_whole(const struct jg_sqlite_file *file,
                                                          struct jg_sqlite_conn *conn);

/* Applies what is missing of the migrations. */
JG_MUST_CHECK struct jg_status jg_sqlite_file_migrate(const struct jg_sqlite_file *file, struct jg_sqlite_conn *conn);

/* "PATH what". what: static. */
struct jg_status jg_sqlite_file_refuse(const struct jg_sqlite_file *file, enum jg_code code, enum jg_reason reason,
                                       const char *what);
/* For an SQLite code that no retry helps against. */
struct jg_status jg_sqlite_file_refuse_rc(const struct jg_sqlite_file *file, int rc, const char *doing);

#endif
