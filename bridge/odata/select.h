/* $select and $expand of one entity (OData 4.0 part 1 sections 11.2.4.1 and 11.2.4.2; contract statements 41 and 44): names of
 * its members, in their exact case, between commas; blanks around a name are passed over. Thread: any. */
#ifndef JG_BRIDGE_ODATA_SELECT_H
#define JG_BRIDGE_ODATA_SELECT_H

#include "base/buf.h"
#include "base/status.h"
#include "proto/schema/schema.h"

struct jg_odata_selection {
  bool all;         /* `*` is among them: whatever there is without $select */
  uint64_t members; /* bit i: member i of the entity was named */
};

/* The members that are embedded entities: bit i is member i. */
uint64_t jg_odata_nodes(const struct jg_entity *entity);

/* text: decoded. INVALID_ARGUMENT: an empty or unknown name, which the message quotes; UNIMPLEMENTED/NOT_BUILT: a path, and
 * what is input alone (_parent_job). Messages live in the arena. */
JG_MUST_CHECK struct jg_status jg_odata_select_parse(struct jg_str text, const struct jg_entity *entity,
                                                     struct jg_arena *arena, struct jg_odata_selection *ret_selection);
/* The same; members that are no embedded entities are INVALID_ARGUMENT too, options in parentheses UNIMPLEMENTED. */
JG_MUST_CHECK struct jg_status jg_odata_expand_parse(struct jg_str text, const struct jg_entity *entity,
                                                     struct jg_arena *arena, uint64_t *ret_nodes);
/* Appends the list of a context URL, "(id,name)": members in the entity's order, or "(*)". */
void jg_odata_write_selection(const struct jg_entity *entity, const struct jg_odata_selection *selection,
                              struct jg_buf *out);

#endif
