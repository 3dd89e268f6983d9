/* For storage/sqlite alone: operators and functions of a filter on values (storage/filter.h, F1 to F6). Thread: any. */
#ifndef JG_STORAGE_SQLITE_FILTER_VALUE_H
#define JG_STORAGE_SQLITE_FILTER_VALUE_H

#include "base/arena.h"
#include "storage/store.h"

static inline struct jg_job_key jg_sqlite_value_null(void) {
  return (struct jg_job_key){.type = JG_VALUE_NULL};
}
static inline struct jg_job_key jg_sqlite_value_integer(enum jg_filter_type type, int64_t integer) {
  return (struct jg_job_key){.type = type, .integer = integer};
}
/* F3: a null is false. */
static inline bool jg_sqlite_value_is_true(const struct jg_job_key *value) {
  return value->type == JG_VALUE_BOOL && value->integer != 0;
}

/* <0, 0, >0; both are of comparable types, neither is null. */
int jg_sqlite_value_compare(const struct jg_job_key *a, const struct jg_job_key *b);
/* args: as many as the node has. Texts that it makes live in scratch. False at scratch's cap. */
JG_MUST_CHECK bool jg_sqlite_value_apply(const struct jg_filter *node, const struct jg_job_key *args,
                                         struct jg_arena *scratch, struct jg_job_key *ret_value);

#endif
