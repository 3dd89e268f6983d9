/* A job or an embedded entity as a view shows it in one message: with embedded entities or without, and as small as it must be. Thread: any. */
#ifndef JG_SERVICES_CHANGES_SHOWN_H
#define JG_SERVICES_CHANGES_SHOWN_H

#include "proto/codec/proto_fit.h"
#include "services/changes/batch.h"

/* A plain value; the parts borrow what they were made of, or `alone`, so it is not copied. */
struct jg_shown {
  struct jg_parts parts;
  bool nodes;
  char alone[JG_PROTO_ID_BYTES]; /* payload of an id */
};

/* job: NULL: it was deleted, its id is shown alone. One that would take more than bytes_max goes without its embedded entities,
 * and if that is still too much, as id, revision and etag. */
void jg_shown_make(const struct jg_view_key *key, struct jg_uuid id, const struct jg_parts *job, size_t bytes_max,
                   struct jg_shown *ret_shown);
/* An embedded entity, which no mask cuts; NULL: it was deleted. One that is too large is shown by its id alone. */
void jg_shown_make_entity(const struct jg_view_key *key, const struct jg_change *change, const struct jg_parts *entity,
                          size_t bytes_max, struct jg_shown *ret_shown);
/* Bytes of the message. */
size_t jg_shown_size(const struct jg_shown *shown);
/* Appends it as a field. */
void jg_shown_put(const struct jg_shown *shown, uint32_t number, struct jg_buf *out);

#endif
