/* What a record of the log says about the states before and after it: the payload after the change, with the old values of the
 * changed members put back. For filters on streams (did it match?) and for whoever tells what left a set. Thread: any. */
#ifndef JG_SERVICES_CHANGES_IMAGE_H
#define JG_SERVICES_CHANGES_IMAGE_H

#include "proto/codec/parts.h"
#include "storage/store.h"

/* The job or entity before the change, fields ascending, relations not expanded (NULL), revision and etag empty.
 * CREATED: there was none, ret_parts->entity is NULL. DELETED: as it was last. The bytes borrow the change or live in the
 * arena. DATA_LOSS/STORE_CORRUPT: the record's bytes are no message; RESOURCE_EXHAUSTED at the arena's cap. */
JG_MUST_CHECK struct jg_status jg_image_before(const struct jg_change *change, struct jg_arena *arena,
                                               struct jg_parts *ret_parts);
/* After it; DELETED: ret_parts->entity is NULL. Borrows the change. */
void jg_image_after(const struct jg_change *change, struct jg_parts *ret_parts);

/* Those fields of the parts' payload whose members `members` names (bit i: member i); a member of the default value has none.
 * Statuses as above. */
JG_MUST_CHECK struct jg_status jg_image_cut(const struct jg_parts *parts, uint64_t members, struct jg_arena *arena,
                                            struct jg_str *ret_payload);

#endif
