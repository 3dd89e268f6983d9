/* For storage/sqlite alone: a filter's tree as a program that a registered SQL function runs on a row, for all that SQL does not
 * say natively. SQL hands in what the program refers to: columns, keys of entities, payloads. It keeps F1 to F6
 * (storage/filter.h). SQLite's parser is another reason: its stack ends at some twenty levels of functions, a tree has a hundred.
 * Thread: the connection's; compiling: any. */
#ifndef JG_STORAGE_SQLITE_FILTER_PROGRAM_H
#define JG_STORAGE_SQLITE_FILTER_PROGRAM_H

#include <sqlite3.h>

#include "storage/store.h"

/* What a statement joins to a job: entities, and its parent. Item 0 is the job itself. The schema has some thirty paths; 64 tables
 * are SQLite's limit. */
#define JG_SQLITE_JOINS_MAX 48
struct jg_sqlite_joins {
  size_t count;
  struct {
    uint8_t parent;                     /* index of what embeds it */
    const struct jg_relation *relation; /* NULL: of the job and its parent */
    const struct jg_entity *entity;
  } items[JG_SQLITE_JOINS_MAX];
};
void jg_sqlite_joins_init(struct jg_sqlite_joins *joins);

enum jg_sqlite_source {
  JG_SQLITE_COLUMN, /* a column of the job: `member` */
  JG_SQLITE_KEY,    /* an entity's lookup key; null if there is no entity; of no job */
  JG_SQLITE_OWN_KEY, /* the same as a member of what embeds the entity: "" if there is none, null if the owner is not there (F2) */
  JG_SQLITE_PAYLOAD /* a payload; what is wanted of it stands in the program */
};
/* One argument of the SQL function. */
struct jg_sqlite_ref {
  enum jg_sqlite_source source;
  uint8_t join;
  const struct jg_member *member; /* COLUMN */
};
/* SQLite's functions take 127 arguments. The job has fewer columns and the schema fewer paths than that. */
#define JG_SQLITE_REFS_MAX 120

/* Items of all lists of a tree that has no more nodes than that. */
size_t jg_sqlite_filter_items(const struct jg_filter *filter);
/* Nodes of a tree, or 0 if there are more than JG_FILTER_NODES_MAX. */
size_t jg_sqlite_filter_nodes(const struct jg_filter *filter);

struct jg_sqlite_program;

/* Compiles a tree and adds the joins it needs. The program lives in the arena. scratch: memory for one row's texts, reset at
 * each run; borrows until the program's last run. INVALID_ARGUMENT/LIMIT_EXCEEDED: too many nodes; RESOURCE_EXHAUSTED: the
 * arena's cap. */
JG_MUST_CHECK struct jg_status jg_sqlite_program_make(const struct jg_filter *filter, struct jg_sqlite_joins *joins,
                                                      struct jg_arena *arena, struct jg_arena *scratch,
                                                      struct jg_sqlite_program **ret_program);
size_t jg_sqlite_program_refs(const struct jg_sqlite_program *program, const struct jg_sqlite_ref **ret_refs);
/* Where a path ends: what holds the member, and the member, or NULL where the ref is the value. Adds the joins on the way. */
void jg_sqlite_path_resolve(const struct jg_filter_path *path, struct jg_sqlite_joins *joins,
                            struct jg_sqlite_ref *ret_ref, const struct jg_member **ret_member);

/* Runs it on the values of its refs. SQLITE_OK, SQLITE_CORRUPT (a payload is malformed) or SQLITE_TOOBIG (scratch is full).
 * The value lives until the next run, or as long as the arguments. */
JG_MUST_CHECK int jg_sqlite_program_run(struct jg_sqlite_program *program, size_t count, sqlite3_value **values,
                                        struct jg_job_key *ret_value);

/* Registers on a connection
 *   jg_test(program, refs...)  1 or 0, never NULL
 *   jg_value(program, refs...) its value
 *   jg_guid(payload, kind, member) a GUID of a payload, NULL of NULL. */
JG_MUST_CHECK int jg_sqlite_filter_register(sqlite3 *db);
/* The type of the pointer that carries a program into a statement. */
#define JG_SQLITE_PROGRAM_POINTER "jg_program"

#endif
