/* The virtual statuses: children of Completed, which the configuration lists. A Completed job gets one by ChangeJobStatus alone
 * (contract statement 82), and counts as Completed in it. Thread: any; constant once parsed. */
#ifndef JG_SERVICES_JOBS_VIRTUAL_STATUS_H
#define JG_SERVICES_JOBS_VIRTUAL_STATUS_H

#include "base/status.h"
#include "base/str.h"
#include "base/uuid.h"

struct jg_virtual_status {
  struct jg_str code, name;
  struct jg_uuid id;
};

#define JG_VIRTUAL_STATUSES_MAX 100
struct jg_virtual_statuses {
  struct jg_virtual_status *items;
  size_t count;
};

/* "CODE|NAME|GUID,CODE|NAME|GUID": codes and ids that differ from each other and from the published ones. Empty: none. Texts
 * are borrowed, the items live in the arena. INVALID_ARGUMENT naming the entry. */
JG_MUST_CHECK struct jg_status jg_virtual_statuses_parse(struct jg_str text, struct jg_arena *arena,
                                                         struct jg_virtual_statuses *ret_statuses);
/* NULL: none of them. statuses: NULL allowed. */
const struct jg_virtual_status *jg_virtual_status_by_id(const struct jg_virtual_statuses *statuses, struct jg_uuid id);
const struct jg_virtual_status *jg_virtual_status_by_code(const struct jg_virtual_statuses *statuses,
                                                          struct jg_str code);
/* How codes of statuses compare (contract 3.3): in any case and spacing; an empty one, or one longer than any, equals none. */
bool jg_status_code_equal(struct jg_str a, struct jg_str b);

#endif
