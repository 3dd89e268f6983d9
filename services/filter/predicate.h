/* A filter or an order over one entity as it lies ready (proto/codec/parts.h): nothing is decoded but what is asked. A tree
 * becomes a program once, in postfix order with jumps, and runs without recursion for every row or change.
 * It computes what the SQL of the engines does: storage/filter.h, F1-F6. Thread: any; a program is immutable. */
#ifndef JG_SERVICES_FILTER_PREDICATE_H
#define JG_SERVICES_FILTER_PREDICATE_H

#include "base/status.h"
#include "proto/codec/parts.h"
#include "services/filter/value.h"
#include "storage/filter.h"

struct jg_filter_program;

/* For a filter of that entity. It lives in the arena and borrows the tree. INVALID_ARGUMENT/LIMIT_EXCEEDED at its cap. */
JG_MUST_CHECK struct jg_status jg_filter_compile(const struct jg_entity *entity, const struct jg_filter *filter,
                                                 struct jg_arena *arena, const struct jg_filter_program **ret_program);
/* For the keys of an order, 1 to JG_FILTER_ORDER_MAX. */
JG_MUST_CHECK struct jg_status jg_filter_compile_order(const struct jg_entity *entity,
                                                       const struct jg_filter_order *orders, size_t count,
                                                       struct jg_arena *arena,
                                                       const struct jg_filter_program **ret_program);

/* What a program reads, so that a caller brings no more. Bit i: entity->members[i], of the payload. */
uint64_t jg_filter_program_members(const struct jg_filter_program *program);
/* Bit i: entity->relations[i], of which the key or the node is read; nodes: only those whose node (expanded proto) is. A job's
 * parent is read by its path, `_parent_job/name`: not for streams, which have none (stored_only). */
uint32_t jg_filter_program_relations(const struct jg_filter_program *program, bool nodes);

/* Does the filter take it? Borrows the parts. scratch: for strings that functions make; reset it between rows, not while the
 * result of jg_filter_keys is used. DATA_LOSS/STORE_CORRUPT: the bytes are no message of that entity;
 * INVALID_ARGUMENT/LIMIT_EXCEEDED: scratch's cap. */
JG_MUST_CHECK struct jg_status jg_filter_matches(const struct jg_filter_program *program, const struct jg_parts *parts,
                                                 struct jg_arena *scratch, bool *ret_matches);
/* The values of an order's keys, as many as it has. Strings borrow the parts or live in scratch. Statuses as above. */
JG_MUST_CHECK struct jg_status jg_filter_keys(const struct jg_filter_program *program, const struct jg_parts *parts,
                                              struct jg_arena *scratch, struct jg_filter_value *ret_values);

#endif
