/* ListJobChanges: what became of the jobs that changed behind a token, each job once. The same log, tokens and filters as
 * WatchJobs, for whoever asks instead of listening.
 * L1 A page covers whole requests of the log, and its token stands behind the last of them.
 * L2 A job is listed as it was left by the last change that its filter saw there; one that matched at any time and does so no
 *    more is listed as gone. So a client may have read the job anywhere between the two tokens, and is right afterwards. */
#ifndef JG_SERVICES_CHANGES_LIST_CHANGES_H
#define JG_SERVICES_CHANGES_LIST_CHANGES_H

#include "services/call.h"

/* The handler. Its answer: JG_ANSWER_JOBS with a ListJobChangesResponse as message. */
void jg_changes_list(struct jg_call *call);

#endif
