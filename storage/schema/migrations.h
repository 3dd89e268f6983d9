/* The numbered migrations, embedded from the SQL files beside this one. Each is applied once, in order, in one transaction
 * with the record of it. A file that was released is never edited: the next change is the next number. */
#ifndef JG_STORAGE_SCHEMA_MIGRATIONS_H
#define JG_STORAGE_SCHEMA_MIGRATIONS_H

#include <stddef.h>

struct jg_migration {
  int version;      /* 1, 2, ...: dense */
  const char *name; /* "0001_init" */
  const char *sql;
};

extern const struct jg_migration jg_sqlite_migrations[];
extern const size_t jg_sqlite_migration_count;

#endif
