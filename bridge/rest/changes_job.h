/* Jobs and entities of a change as legacy JSON, printed from their wire bytes (proto/codec/proto_encode.h: payload first, then
 * what comes from other entities). For the .c files of bridge/rest alone. Thread: its owner's. */
#ifndef JG_BRIDGE_REST_CHANGES_JOB_H
#define JG_BRIDGE_REST_CHANGES_JOB_H

#include "bridge/rest/changes_internal.h"

/* Prints the jobs of one message. */
struct jg_rest_job_printer {
  const struct jg_rest_changes_style *style;
  struct jg_arena arena; /* of the embedded entities' texts */
};

void jg_rest_job_printer_init(struct jg_rest_job_printer *printer, const struct jg_rest_changes_style *style);
void jg_rest_job_printer_done(struct jg_rest_job_printer *printer);

/* Appends {...}; of a deleted job, and of one that was too large for its message, the id alone. False: the bytes are no such
 * message, or memory is at its cap. */
JG_MUST_CHECK bool jg_rest_print_job(struct jg_rest_job_printer *printer, struct jg_str job, bool deleted,
                                     struct jg_buf *out);
/* Appends the members that stand in the bytes, and no others. */
JG_MUST_CHECK bool jg_rest_print_before(struct jg_rest_job_printer *printer, struct jg_str job, struct jg_buf *out);
/* Appends ,"entity_kind":"project","entity":{...} of an AnyEntity; of a deleted one its id alone. */
JG_MUST_CHECK bool jg_rest_print_entity(struct jg_rest_job_printer *printer, struct jg_str any_entity, bool deleted,
                                        const struct jg_entity **ret_entity, struct jg_buf *out);

#endif
