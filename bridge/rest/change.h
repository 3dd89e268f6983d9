/* The body of ChangeToVirtualStatus (contract 2.1, statement 82): no entity, but read as one is (statements 60 to 62).
 * Thread: any. */
#ifndef JG_BRIDGE_REST_CHANGE_H
#define JG_BRIDGE_REST_CHANGE_H

#include "base/arena.h"
#include "base/status.h"

/* UTF-8 without NUL, in the arena or the body, not NUL-terminated. Data NULL: not given. */
struct jg_rest_change {
  struct jg_str jobs_id, target_id, target_code;
};
/* INVALID_ARGUMENT: no JSON object, or a member that is no string. Which of them must be there is not looked at. */
JG_MUST_CHECK struct jg_status jg_rest_read_change(struct jg_str body, struct jg_arena *arena,
                                                   struct jg_rest_change *ret_change);

#endif
