/* Which members of a job an update changes, and which ones an answer shows. Thread: any. */
#ifndef JG_SERVICES_JOBS_MASK_H
#define JG_SERVICES_JOBS_MASK_H

#include "base/status.h"
#include "jobgate/v1/job_service.pb-c.h"
#include "proto/codec/parts.h"
#include "proto/schema/schema.h"

/* paths, count: of the update_mask; none: every member of `job` that has a non-default value. "*": all. Else proto names; a
 * relation's node is one path. ret_present: bit i: member i.
 * INVALID_ARGUMENT naming update_mask: an unknown path, or one into a node. */
JG_MUST_CHECK struct jg_status jg_mask_read(char *const *paths, size_t count, const ProtobufCMessage *job,
                                            struct jg_arena *arena, uint64_t *ret_present);

/* What an answer shows of a job. */
struct jg_read_mask {
  bool all; /* but the parent job, if it is not among the members */
  bool revision, etag;
  uint64_t members; /* bit i: member i */
};
/* paths, count: of the read_mask; none, or "*": all. Else proto names, revision and etag too. INVALID_ARGUMENT naming read_mask. */
JG_MUST_CHECK struct jg_status jg_read_mask_read(char *const *paths, size_t count, struct jg_arena *arena,
                                                 struct jg_read_mask *ret_mask);
/* True if it names the parent job, which comes no other way: "all" is without it. */
bool jg_read_mask_has_parent(const struct jg_read_mask *mask);
/* True if it names an embedded entity, "all" included. */
bool jg_read_mask_has_nodes(const struct jg_read_mask *mask);
/* Relations of which an answer with this mask shows neither key nor node; bit i: relation i of a job. nodes: FULL. */
uint32_t jg_read_mask_unshown(const struct jg_read_mask *mask, bool nodes);
/* With embedded entities (FULL) or not; INVALID_ARGUMENT naming view for a number that is none. The mask decides with an
 * unspecified view, unless it is "all". */
JG_MUST_CHECK struct jg_status jg_read_mask_view(const struct jg_read_mask *mask, Jobgate__V1__JobView view,
                                                 bool unspecified_is_full, struct jg_arena *arena, bool *ret_nodes);
/* Leaves in the jobs what the mask names. RESOURCE_EXHAUSTED at the arena's cap. */
JG_MUST_CHECK struct jg_status jg_read_mask_apply(const struct jg_read_mask *mask, struct jg_parts *jobs, size_t count,
                                                  struct jg_arena *arena);

#endif
