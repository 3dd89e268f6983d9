/* Embedded entities in a write: what a message says about a relation (x_id, x_code, x) becomes the id of an entity of the
 * record, made or changed on the way. Depth first, children before what embeds them, all in the caller's transaction, so an
 * error undoes everything (contract statement 74). An unchanged entity makes no revision (70).
 *
 * STRICT (REST, gRPC; contract 3.2):
 * E1 x_id, else the node x, else x_code; the others are then ignored (68). x_id and x_code must exist (72).
 * E2 A node is looked up by its key, else by its id; an unknown one is made, with its id if it has one (69).
 * E3 Of a known one the filled and different members are changed, and its modified_dateutc is stamped (71).
 * E4 A node without key and id is refused, and one whose key is one entity's and whose id another's.
 * E5 A parent of the same kind must exist (72), unless it is the one that stands there, and must not be below the entity. Copies
 *    are made here: the parent's key, a project's root_parent_id.
 * IMPORT (I4 to I7 in services/import/import.h):
 * E6 The node, else x_id, else x_code. A node replaces the entity of its id, modified_dateutc as given; without an id it takes
 *    x_id, else the id of the entity with its key, else a new one. Another x_id is a warning.
 * E7 An x_id without such an entity makes one of that id and x_code: a warning, but for job statuses (I7).
 * E8 An unknown x_code alone, or a key that another id has, is refused. */
#ifndef JG_SERVICES_ENTITIES_ENTITIES_H
#define JG_SERVICES_ENTITIES_ENTITIES_H

#include "base/arena.h"
#include "base/clock.h"
#include "proto/schema/schema.h"
#include "services/entities/memo.h"
#include "storage/store.h"

enum jg_entities_mode { JG_ENTITIES_STRICT, JG_ENTITIES_IMPORT };

struct jg_entities_options {
  struct jg_txn *txn;           /* of a write's run */
  const struct jg_clock *clock; /* for new ids */
  struct jg_arena *arena;       /* everything made here, statuses too */
  enum jg_entities_mode mode;
  bool proto_names; /* paths as gRPC names them ("parent_id"), else as the legacy JSON does ("_parent_id") */
  /* IMPORT: called for each warning; NULL allowed. field: path of the member; both texts live in the arena. */
  void (*warn)(const char *field, const char *message, void *data);
  void *data;
  struct jg_entities_memo *memo; /* IMPORT: of this import; NULL allowed */
};

/* Entities seen in this write, so that eight equal sales organizations cost one read. */
#define JG_ENTITIES_SEEN_MAX 16

/* Entities above one of its kind. A strict write that would put it below more is refused, which also bounds the search for cycles. */
#define JG_ENTITIES_ANCESTORS_MAX 100

/* References of one write that name nothing and are told together. */
#define JG_ENTITIES_UNRESOLVED_MAX 20

/* One write's; a plain value for the stack of its run. Only `warnings` and `written` are for the caller to read. */
struct jg_entities {
  struct jg_entities_options options;
  unsigned warnings;
  unsigned written; /* entities made or changed */
  bool stamped;
  bool memo_begun;
  int64_t commit_ticks;
  size_t seen_count;
  struct jg_entity_row seen[JG_ENTITIES_SEEN_MAX];
  size_t unresolved_count;
  struct jg_violation unresolved[JG_ENTITIES_UNRESOLVED_MAX];
};

void jg_entities_init(struct jg_entities *entities, const struct jg_entities_options *options);

/* The time of this write (R9), made at the first question, the same for all its revisions. */
int64_t jg_entities_commit_ticks(struct jg_entities *entities);

/* Notes a reference that names nothing, found by the caller: the next jg_entities_resolve ends with it. Texts live in the arena. */
void jg_entities_unresolved(struct jg_entities *entities, const char *path, const char *message);

/* Resolves each relation of `message` of which `touched` (bit i: member i) names the id, key or node. Then its id member holds
 * the id, or "" if nothing of the three is filled. The message's own members are set; nodes below are copied before they
 * change, so a second run finds them as they came. path: of the message, "" or "job".
 * ret_resolved: the bits of the id members that were set or cleared.
 * INVALID_ARGUMENT (E4), FAILED_PRECONDITION/UNRESOLVED_REFERENCE (E1, E5, E8; all of the message) or PARENT_CYCLE (E5), and
 * ALREADY_EXISTS/DUPLICATE_REFERENCE (E4, E8), each naming the member's path; RESOURCE_EXHAUSTED at the arena's cap; the record's own. */
JG_MUST_CHECK struct jg_status jg_entities_resolve(struct jg_entities *entities, const struct jg_entity *owner,
                                                   ProtobufCMessage *message, uint64_t touched, const char *path,
                                                   uint64_t *ret_resolved);

/* STRICT: the entity that `message` means (E2), made, or its filled and different members changed (E3), and its row. For what
 * the configuration lists. The message is not changed. RESOURCE_EXHAUSTED at the arena's cap; the record's own. */
JG_MUST_CHECK struct jg_status jg_entities_ensure(struct jg_entities *entities, enum jg_kind kind,
                                                  const ProtobufCMessage *message, struct jg_entity_row *ret_row);

enum jg_entities_upsert_mode {
  JG_ENTITIES_CREATE_OR_UPDATE,
  JG_ENTITIES_CREATE, /* neither id nor key may be known, and neither is needed */
  JG_ENTITIES_UPDATE  /* the one of its id */
};

/* What a caller says of one entity itself. */
struct jg_entities_upsert {
  enum jg_entities_upsert_mode mode;
  enum jg_kind kind;
  const ProtobufCMessage *message; /* is not changed */
  uint64_t present;                /* of a known one: the members that are said, filled or not (bit i: member i) */
  const char *path;                /* of the message: "entity.project", "" */
};
/* STRICT: the entity of its id, else of its key, takes the members that are said and differ (E1, E3, E5 for its relations); an
 * unknown one is made of all members (*ret_created). INVALID_ARGUMENT: neither id nor key, or a required member is not filled;
 * ALREADY_EXISTS/DUPLICATE_ID: CREATE of a known id; ALREADY_EXISTS/DUPLICATE_REFERENCE naming the key that another id has;
 * NOT_FOUND: UPDATE of an unknown id; else as jg_entities_resolve. */
JG_MUST_CHECK struct jg_status jg_entities_upsert(struct jg_entities *entities, const struct jg_entities_upsert *upsert,
                                                  struct jg_entity_row *ret_row, bool *ret_created);

/* One entity by id or by its key (not empty), as it is in this write; tree_revision may be an older one. NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_entities_get(struct jg_entities *entities, enum jg_kind kind, struct jg_uuid id,
                                               struct jg_entity_row *ret_row);
JG_MUST_CHECK struct jg_status jg_entities_find(struct jg_entities *entities, enum jg_kind kind, struct jg_str key,
                                                struct jg_entity_row *ret_row);

#endif
