/* What is wrong about a job of a request that no record needs to be asked for: members that are required or negative, groups
 * of which nothing is filled, entities in a parent's node. With what decoding found it makes one answer that names all.
 * Thread: any. */
#ifndef JG_SERVICES_JOBS_GIVEN_H
#define JG_SERVICES_JOBS_GIVEN_H

#include "base/arena.h"
#include "base/status.h"
#include "proto/schema/schema.h"

struct jg_job_given {
  const ProtobufCMessage *job;    /* a jobgate.v1.Job */
  uint64_t present;               /* members that count (bit i: member i); a new job: all */
  const ProtobufCMessage *before; /* what stands there; NULL: nothing */
  bool is_change;                 /* what stands there is not known here: groups are not looked at */
  bool is_parent;                 /* a parent's node as a Job: it holds no entities */
  uint64_t parent_nodes;          /* jg_json_decoded.parent_nodes */
  const char *path;               /* of the job, "" or "job" */
  bool proto_names;               /* paths as gRPC names them, else as the legacy JSON does */
};

/* found: OK, or what decoding found; violations are named before those that are found here, which leave members alone that they
 * name. Any other error is given back as it is. INVALID_ARGUMENT/INVALID_MEMBER naming each member (56, 58, 59), in the arena;
 * RESOURCE_EXHAUSTED at its cap. */
JG_MUST_CHECK struct jg_status jg_job_check_given(const struct jg_job_given *given, struct jg_status found,
                                                  struct jg_arena *arena);
/* .NET's Required refuses white space (56). */
bool jg_job_is_blank(struct jg_str text);

#endif
