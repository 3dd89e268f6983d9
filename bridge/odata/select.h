/* $select and $expand of one entity (OData 4.0 part 1 sections 11.2.4.1 and 11.2.4.2, part 2 sections 5.1.2 and 5.1.3; contract
 * statements 3, 41 and 44) as a tree: what an answer shows of the entity, and of the entities in it. Names are in their exact
 * case, between commas; blanks around them are passed over. Thread: any. */
#ifndef JG_BRIDGE_ODATA_SELECT_H
#define JG_BRIDGE_ODATA_SELECT_H

#include "base/buf.h"
#include "base/status.h"
#include "proto/schema/schema.h"

/* Entities that one tree tells of: below a job the schema has 20 places. */
#define JG_ODATA_SHAPES_MAX 64u

/* Of one entity. Bit i is member i. A plain value in an arena, to be read alone. */
struct jg_odata_shape {
  const struct jg_entity *entity;
  /* What was asked for. */
  bool selected;     /* there is a $select */
  bool all;          /* with `*`: whatever there is without one */
  uint64_t named;    /* members that it names */
  uint64_t expanded; /* embedded entities that $expand names */
  /* What follows from it. */
  uint64_t members; /* are shown */
  bool whole;       /* and those are all, in the entities below too */
  bool listed;      /* a context URL lists members of it, or of entities below */
  /* The entities in it that there is more to tell of. */
  struct jg_odata_shape *below, *beside;
  uint8_t member; /* of the entity above, which holds this one */
  /* The parser's own: members that $select names without a path; options, and their texts while they are not read. */
  uint64_t bare;
  bool has_options;
  struct jg_str select_text, expand_text;
};

/* The members that are embedded entities. */
uint64_t jg_odata_nodes(const struct jg_entity *entity);

/* select, expand: decoded; data NULL: not given. embed: where nothing is selected, embedded entities come (true), or those
 * alone that $expand names. A job's parent comes if it is expanded, never else (statement 3). */
struct jg_odata_wish {
  struct jg_str select, expand;
  bool embed;
};
/* Reads paths into embedded entities in both, `project/name`, and $select and $expand in parentheses in $expand. Linear in the
 * text at each of the schema's levels. INVALID_ARGUMENT naming the option: a name that is empty or unknown, which the message
 * quotes, malformed options; UNIMPLEMENTED/NOT_BUILT: what OData 4.0 has beyond. Shapes and messages live in the arena. */
JG_MUST_CHECK struct jg_status jg_odata_shape_parse(const struct jg_odata_wish *wish, const struct jg_entity *entity,
                                                    struct jg_arena *arena, const struct jg_odata_shape **ret_shape);
/* The shape of the entity in that member; NULL: nothing was said about it, it is whole. */
const struct jg_odata_shape *jg_odata_shape_below(const struct jg_odata_shape *shape, uint8_t member);
/* Appends the list of a context URL (part 1 section 10.8), "(id,name,project(id))": members in the entity's order. Nothing if
 * nothing is selected. */
void jg_odata_write_selection(const struct jg_odata_shape *shape, struct jg_buf *out);

#endif
