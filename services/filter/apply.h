/* Operators and functions on values: what a node computes from its operands. Only for the modules of this folder.
 * Thread: any. */
#ifndef JG_SERVICES_FILTER_APPLY_H
#define JG_SERVICES_FILTER_APPLY_H

#include "base/arena.h"
#include "services/filter/value.h"

/* kind: any with operands but AND, OR, ANY, ALL. values: its operands, count of them; strings that are made live in scratch.
 * False: no room in scratch. */
JG_MUST_CHECK bool jg_filter_apply(enum jg_filter_kind kind, const struct jg_filter_value *values, size_t count,
                                   struct jg_arena *scratch, struct jg_filter_value *ret_value);
/* F3: null counts as false. */
static inline bool jg_filter_truth(const struct jg_filter_value *value) {
  return value->type == JG_VALUE_BOOL && value->integer != 0;
}
static inline struct jg_filter_value jg_filter_bool(bool truth) {
  return (struct jg_filter_value){.type = JG_VALUE_BOOL, .integer = truth};
}

#endif
