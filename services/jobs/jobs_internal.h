/* Included by the handlers of services/jobs alone: what several of them do. */
#ifndef JG_SERVICES_JOBS_JOBS_INTERNAL_H
#define JG_SERVICES_JOBS_JOBS_INTERNAL_H

#include "jobgate/v1/job_service.pb-c.h"
#include "services/call.h"
#include "services/expand/expand.h"

/* INVALID_ARGUMENT naming `field` unless text is the id of something: a GUID that is not zero. */
JG_MUST_CHECK struct jg_status jg_jobs_parse_id(struct jg_call *call, const char *text, const char *field,
                                                struct jg_uuid *ret_id);
struct jg_status jg_jobs_not_found(struct jg_call *call, struct jg_uuid id);
/* FULL or not; INVALID_ARGUMENT for a number that is no view. */
JG_MUST_CHECK struct jg_status jg_jobs_view(struct jg_call *call, Jobgate__V1__JobView view, bool unspecified_is_full,
                                            bool *ret_nodes);
struct jg_status jg_jobs_out_of_arena(void);
/* True if nobody waits any more; the call was then ended. */
bool jg_jobs_ended_early(struct jg_call *call);
/* How many of the jobs come before response bytes reach `bytes_max` (0: no limit); at least one of them. */
size_t jg_jobs_fit(const struct jg_parts *jobs, size_t count, bool nodes, size_t bytes_max);

#endif
