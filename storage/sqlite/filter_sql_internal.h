/* For filter_sql*.c alone: a statement in the making. */
#ifndef JG_STORAGE_SQLITE_FILTER_SQL_INTERNAL_H
#define JG_STORAGE_SQLITE_FILTER_SQL_INTERNAL_H

#include "base/buf.h"
#include "storage/sqlite/filter_sql.h"

struct jg_sqlite_builder {
  struct jg_arena *arena;
  struct jg_arena *scratch;
  struct jg_sqlite_joins joins;
  struct jg_buf where; /* the filter */
  struct jg_sqlite_bind *binds;
  size_t bind_count, bind_max;
  /* Pages go on behind a key whose first part is this column: a bound of the filter on the same side would compete with it
   * for the index, and is passed over every page. NULL: none. */
  const struct jg_member *keyset_column;
  bool keyset_descending;
  enum jg_sqlite_dates dates;
  int64_t few_max; /* of jg_sqlite_dates_sql */
};

/* The number of the parameter. */
int jg_sqlite_bind_value(struct jg_sqlite_builder *builder, const struct jg_job_key *value);
int jg_sqlite_bind_literal(struct jg_sqlite_builder *builder, const struct jg_filter *literal);
/* Appends FUNCTION(?program, refs...). */
JG_MUST_CHECK struct jg_status jg_sqlite_put_program(struct jg_sqlite_builder *builder, const char *function,
                                                     const struct jg_filter *node, struct jg_buf *out);
/* Appends the filter as a condition. Null counts as false there. */
JG_MUST_CHECK struct jg_status jg_sqlite_put_filter(struct jg_sqlite_builder *builder, const struct jg_filter *filter);
/* Appends the filter's bounds on modified_dateutc, each behind " AND ". False: it has none, or equality or startswith on a column,
 * or a bound on the id, leads into an index. *ret_alone: the filter is these bounds and nothing else. */
JG_MUST_CHECK bool jg_sqlite_put_dates(struct jg_sqlite_builder *builder, const struct jg_filter *filter,
                                       bool *ret_alone);
/* The job's column that the node is, or NULL. */
const struct jg_member *jg_sqlite_node_column(const struct jg_filter *node);

#endif
