/* Included by services/jobs/apply*.c alone: one job on its way into the record. */
#ifndef JG_SERVICES_JOBS_APPLY_INTERNAL_H
#define JG_SERVICES_JOBS_APPLY_INTERNAL_H

#include "proto/schema/members.h"
#include "services/entities/entities.h"
#include "services/jobs/apply.h"
#include "services/jobs/virtual_status.h"

#define JG_JOB_BIT(member) (UINT64_C(1) << (member))

/* What a job copies from its project, or must heed of it. */
struct jg_job_project {
  struct jg_str company_id, company_code; /* borrowed from the row */
  bool is_mobile_installation;
};

struct jg_job_work {
  const struct jg_job_apply *apply;
  struct jg_entities *entities; /* shared by a job and its parent */
  enum jg_job_mode mode;
  const char *path;
  ProtobufCMessage *given;      /* a copy: relations are resolved in it */
  uint64_t present;             /* members of `given` that count */
  const struct jg_job_row *row; /* what stands there; NULL: nothing */
  ProtobufCMessage *before;     /* the same, decoded */
  ProtobufCMessage *after;
  struct jg_uuid id;
  size_t parent_by; /* strict: the member that named the parent */
  /* Strict: the job's project before this write, and after it; zero if there is none. */
  struct jg_job_project project_before, project;
  bool moves;     /* strict: the job is new, or gets another project */
  bool completes; /* strict: the status becomes Completed */
  bool is_parent; /* a parent's node: it holds no nodes, and an UPDATE makes no revision if nothing differs */
};

static inline const struct jg_member *jg_job_member(size_t index) {
  return &jg_entity(JG_KIND_JOB)->members[index];
}
static inline bool jg_job_given(const struct jg_job_work *work, size_t member) {
  return (work->present >> member & 1) != 0;
}
/* Path of a member in the arena. */
const char *jg_job_path(const struct jg_job_work *work, const struct jg_member *member);
/* A GUID member as an id, zero if it is not filled. INVALID_ARGUMENT naming it. */
JG_MUST_CHECK struct jg_status jg_job_id(const struct jg_job_work *work, const ProtobufCMessage *message, size_t member,
                                         struct jg_uuid *ret_id);
JG_MUST_CHECK struct jg_status jg_job_set_id(const struct jg_job_work *work, ProtobufCMessage *message, size_t member,
                                             struct jg_uuid id);
/* Notes a member that names nothing; the resolution of the relations, which comes next, ends with it. */
struct jg_status jg_job_unresolved(const struct jg_job_work *work, size_t member, const char *what);

/* apply_check.c: strict. Before anything is resolved: required members and groups (56, 58, 59). */
JG_MUST_CHECK struct jg_status jg_job_check_required(const struct jg_job_work *work);
/* After: the address on mobile equipment (83). */
JG_MUST_CHECK struct jg_status jg_job_check_address(const struct jg_job_work *work);

/* apply_status.c: strict. job_status_id of `given` from what was given, and the transition (72, 77, 80, 81). */
JG_MUST_CHECK struct jg_status jg_job_resolve_status(struct jg_job_work *work);

/* apply_virtual.c: CHANGE_STATUS. job_status_id of `given` from what was given, of a job that is `current` (82). */
JG_MUST_CHECK struct jg_status jg_job_resolve_virtual(struct jg_job_work *work, const struct jg_entity_row *current);
/* A status that the configuration lists, as an entity. ALREADY_EXISTS/DUPLICATE_REFERENCE if another one has its code. */
JG_MUST_CHECK struct jg_status jg_job_ensure_virtual(const struct jg_job_work *work,
                                                     const struct jg_virtual_status *wanted,
                                                     struct jg_entity_row *ret_row);

/* apply_parent.c: strict. _parent_id of `given` from what was given (E1). *ret_node: the node if it decides, else NULL. */
JG_MUST_CHECK struct jg_status jg_job_resolve_parent(struct jg_job_work *work, const ProtobufCMessage **ret_node);
/* A ParentJob as the Job that it is, and the row that it means, if there is one. */
JG_MUST_CHECK struct jg_status jg_job_look_up_parent(struct jg_job_work *child, const ProtobufCMessage *node,
                                                     struct jg_job_work *ret_parent, struct jg_job_row *ret_row);
/* The parent's key beside _parent_id, in `after`. FAILED_PRECONDITION/PARENT_CYCLE: the parent is new, and below this job. */
JG_MUST_CHECK struct jg_status jg_job_copy_parent(struct jg_job_work *work);

/* apply_auto.c: what a strict write adds by itself. A new job that names no priority gets the default one, if there is one
 * (contract 3.1). */
JG_MUST_CHECK struct jg_status jg_job_default_priority(struct jg_job_work *work);
/* After the job was put. One planned visit of a job that is Suggested, with a user and a start (78, 79). */
JG_MUST_CHECK struct jg_status jg_job_plan_visit(const struct jg_job_work *work);

/* Of the project that `message`, a Job, names; zero if it names none. */
JG_MUST_CHECK struct jg_status jg_job_read_project(const struct jg_job_work *work, const ProtobufCMessage *message,
                                                   struct jg_job_project *ret_project);

#endif
