/* The handlers of JobService's unary methods. Both doors call them through the method table, so their rules are the same. */
#ifndef JG_SERVICES_JOBS_JOBS_H
#define JG_SERVICES_JOBS_JOBS_H

#include "services/call.h"

void jg_jobs_get(struct jg_call *call);
void jg_jobs_batch_get(struct jg_call *call);
void jg_jobs_list(struct jg_call *call);
void jg_jobs_create(struct jg_call *call);
void jg_jobs_update(struct jg_call *call);
void jg_jobs_delete(struct jg_call *call);
/* REST's ChangeToVirtualStatus: with call->has_present members are named as in its body (jobs_id). */
void jg_jobs_change_status(struct jg_call *call);

#endif
