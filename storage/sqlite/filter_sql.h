/* For storage/sqlite alone: a list's filter and orders as SQL. No text of a caller gets into it: values are bound, names are the
 * schema's. Said natively, so that indexes serve them: comparisons of a job's columns and of related entities' keys with
 * literals, startswith on columns, joined by and and or. The rest is one call of jg_test (filter_program.h) for each part that
 * has nothing of the kind. Complete: nothing is left for the caller to test. Thread: any. */
#ifndef JG_STORAGE_SQLITE_FILTER_SQL_H
#define JG_STORAGE_SQLITE_FILTER_SQL_H

#include "storage/sqlite/filter_program.h"

/* Parameters of every text; values follow from BIND_FROM on. LIMIT and SKIP are the list's alone. */
enum { JG_SQLITE_BIND_TENANT = 1, JG_SQLITE_BIND_LIMIT = 2, JG_SQLITE_BIND_SKIP = 3, JG_SQLITE_BIND_FROM = 4 };
/* The columns of a list's rows: rid, id, then the keys of the orders. */
enum { JG_SQLITE_LIST_RID = 0, JG_SQLITE_LIST_ID = 1, JG_SQLITE_LIST_KEYS = 2 };

struct jg_sqlite_bind {
  struct jg_job_key value;           /* borrows from the tree */
  struct jg_sqlite_program *program; /* not NULL: a program instead */
};
struct jg_sqlite_sql {
  struct jg_str text;
  const struct jg_sqlite_bind *binds;
  size_t bind_count;
};

/* How many jobs a filter's bounds on modified_dateutc leave. A list by id goes by the index of that date and sorts what it finds if
 * these are few, and goes by id up to a full page if they are many: no estimate can tell one from the other. */
enum jg_sqlite_dates { JG_SQLITE_DATES_UNKNOWN, JG_SQLITE_DATES_FEW, JG_SQLITE_DATES_MANY };

/* The text that counts them, up to *ret_few_max (bound as JG_SQLITE_BIND_LIMIT), which is many. *ret_few_max is 0 if it does not
 * matter: the list is not by id, or the filter has no such bound, or a better way into an index. */
JG_MUST_CHECK struct jg_status jg_sqlite_dates_sql(const struct jg_job_query *query, struct jg_arena *arena,
                                                   struct jg_sqlite_sql *ret_sql, int64_t *ret_few_max);
/* The text of a list (rid, id and keys in order), or of the number of rows that match the filter. All lives in the arena;
 * scratch as in jg_sqlite_program_make. Statuses of jg_txn_job_list. */
JG_MUST_CHECK struct jg_status jg_sqlite_list_sql(const struct jg_job_query *query, enum jg_sqlite_dates dates,
                                                  struct jg_arena *arena, struct jg_arena *scratch,
                                                  struct jg_sqlite_sql *ret_sql);
JG_MUST_CHECK struct jg_status jg_sqlite_count_sql(const struct jg_job_query *query, struct jg_arena *arena,
                                                   struct jg_arena *scratch, struct jg_sqlite_sql *ret_sql);
/* True if an index finds what matches among few jobs, as a rule: by a job's id, project, parent or reference. */
bool jg_sqlite_filter_is_selective(const struct jg_filter *filter);
/* The text of all rids that match the query's filter, in no order, behind the rid that is bound as JG_SQLITE_BIND_SKIP. */
JG_MUST_CHECK struct jg_status jg_sqlite_matches_sql(const struct jg_job_query *query, struct jg_arena *arena,
                                                     struct jg_arena *scratch, struct jg_sqlite_sql *ret_sql);
/* The text of a scan: rid, and whether the query's filter (all that counts of it) matches, of every job behind the rid that is
 * bound as JG_SQLITE_BIND_SKIP, by rid. */
JG_MUST_CHECK struct jg_status jg_sqlite_scan_sql(const struct jg_job_query *query, struct jg_arena *arena,
                                                  struct jg_arena *scratch, struct jg_sqlite_sql *ret_sql);

#endif
