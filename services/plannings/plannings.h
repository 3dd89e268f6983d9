/* The handlers of JobService's methods on planned visits. They are made by writes of jobs alone (services/jobs/apply_auto.c). */
#ifndef JG_SERVICES_PLANNINGS_PLANNINGS_H
#define JG_SERVICES_PLANNINGS_PLANNINGS_H

#include "services/call.h"

/* Thread: any. */
void jg_plannings_get(struct jg_call *call);
void jg_plannings_list(struct jg_call *call);

#endif
