/* Included by services/entities alone: what the walk and the writing of one entity share. */
#ifndef JG_SERVICES_ENTITIES_ENTITIES_INTERNAL_H
#define JG_SERVICES_ENTITIES_ENTITIES_INTERNAL_H

#include "services/entities/entities.h"

/* A job's model's family's sales organization is the fifth; no kind embeds itself. */
#define JG_ENTITIES_DEPTH_MAX 8

/* One message on the way down: the root is the caller's, the others are nodes. */
struct jg_entities_frame {
  const struct jg_entity *entity;
  ProtobufCMessage *message;          /* own copy but for the root */
  uint64_t touched;                   /* members that count as given */
  uint64_t resolved;                  /* id members that were set */
  size_t next;                        /* relation to look at */
  const struct jg_relation *relation; /* of the frame above that leads here; NULL for the root */
  struct jg_uuid beside_id;           /* IMPORT: the x_id beside the node, or zero */
  struct jg_memo_key memo_key;        /* with a memo: of the node */
  unsigned warnings;                  /* before it */
};

struct jg_entities_walk {
  struct jg_entities *entities;
  const char *path; /* of the root */
  struct jg_entities_frame frames[JG_ENTITIES_DEPTH_MAX];
  size_t depth;
};

/* Path of a member of the message at `depth` (1: the root) or, without member, of that message itself. In the arena. */
const char *jg_entities_path(const struct jg_entities_walk *walk, size_t depth, const struct jg_member *member);
/* A string member as an id: zero if it is not filled. INVALID_ARGUMENT naming it if it is no GUID. */
JG_MUST_CHECK struct jg_status jg_entities_id(const struct jg_entities_walk *walk, size_t depth,
                                              const struct jg_member *member, struct jg_uuid *ret_id);
void jg_entities_warning(const struct jg_entities_walk *walk, size_t depth, const struct jg_member *member,
                         const char *message);

/* write.c: the node on top of the walk, whose own relations are resolved, into the record. */
JG_MUST_CHECK struct jg_status jg_entities_write(struct jg_entities_walk *walk, struct jg_uuid *ret_id);
/* write.c: an entity that is known by its id and key alone (E7). */
JG_MUST_CHECK struct jg_status jg_entities_register(struct jg_entities_walk *walk, const struct jg_relation *relation,
                                                    struct jg_uuid id, struct jg_str key);
/* parent.c: the members that a parent of the kind fills, if one of `said` names a parent; else none. */
uint64_t jg_entities_parent_members(enum jg_kind kind, uint64_t said);
/* parent.c: E5, on the node on top of the walk, which will be `row`: its id, and the payload that stands there, if one does.
 * A parent that names nothing is noted (jg_entities_unresolved). FAILED_PRECONDITION/PARENT_CYCLE. */
JG_MUST_CHECK struct jg_status jg_entities_copy_parent(struct jg_entities_walk *walk, const struct jg_entity_row *row);

/* Remembers what was read or written. */
void jg_entities_remember(struct jg_entities *entities, const struct jg_entity_row *row);

#endif
