/* Parts of an entity's JSON, cut out of the text that proto/codec made of it: compact, members in the schema's order, names
 * without escapes. Thread: any. */
#ifndef JG_BRIDGE_ODATA_CUT_H
#define JG_BRIDGE_ODATA_CUT_H

#include "bridge/odata/select.h"

/* Appends what the shape shows of the entity. */
void jg_odata_cut(struct jg_str json, const struct jg_odata_shape *shape, struct jg_buf *out);
/* The text of one member's value; data NULL: the entity does not hold it. */
struct jg_str jg_odata_member_text(struct jg_str json, const struct jg_entity *entity, const struct jg_member *member);

#endif
