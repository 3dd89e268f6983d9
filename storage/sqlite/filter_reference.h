/* For tests: filters by the rules of storage/filter.h over whole messages, written plainly and apart from the product's code. */
#ifndef JG_STORAGE_SQLITE_FILTER_REFERENCE_H
#define JG_STORAGE_SQLITE_FILTER_REFERENCE_H

#include "storage/store.h"

/* The value of a tree on a job. item: of the innermost lambda, or NULL. Texts live in the arena. */
struct jg_job_key jg_filter_reference(const struct jg_filter *node, const ProtobufCMessage *job,
                                      const ProtobufCMessage *item, struct jg_arena *arena);
bool jg_filter_reference_matches(const struct jg_filter *node, const ProtobufCMessage *job, struct jg_arena *arena);
/* <0, 0, >0; null comes first. */
int jg_filter_reference_compare(const struct jg_job_key *a, const struct jg_job_key *b);

#endif
