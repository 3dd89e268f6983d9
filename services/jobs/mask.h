/* Which members of a job an update names. Thread: any. */
#ifndef JG_SERVICES_JOBS_MASK_H
#define JG_SERVICES_JOBS_MASK_H

#include "base/status.h"
#include "proto/schema/schema.h"

/* paths, count: of the update_mask; none: every member of `job` that has a non-default value. "*": all. Else proto names; a
 * relation's node is one path. ret_present: bit i: member i.
 * INVALID_ARGUMENT naming update_mask: an unknown path, or one into a node. */
JG_MUST_CHECK struct jg_status jg_mask_read(char *const *paths, size_t count, const ProtobufCMessage *job,
                                            struct jg_arena *arena, uint64_t *ret_present);

#endif
