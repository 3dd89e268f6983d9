/* What a write changed, as the log wants it. Thread: any. */
#ifndef JG_SERVICES_ENTITIES_DIFF_H
#define JG_SERVICES_ENTITIES_DIFF_H

#include "base/status.h"
#include "proto/schema/schema.h"

/* True for members that a payload holds: not a relation's key or node, nor what is emitted under $expand alone. */
bool jg_diff_stored(const struct jg_entity *entity, const struct jg_member *member);
/* A copy whose members are shared with the original: to be changed without changing that. NULL at the arena's cap. */
JG_MUST_CHECK ProtobufCMessage *jg_diff_copy(const ProtobufCMessage *message, struct jg_arena *arena);
/* The bits of the stored members that differ. */
uint64_t jg_diff_changed(const struct jg_entity *entity, const ProtobufCMessage *before, const ProtobufCMessage *after);
/* The before image: the payload of the changed members' old values. RESOURCE_EXHAUSTED at the arena's cap. */
JG_MUST_CHECK struct jg_status jg_diff_old(const struct jg_entity *entity, const ProtobufCMessage *before,
                                           uint64_t changed, struct jg_arena *arena, struct jg_str *ret_old);
/* The status of an arena at its cap. */
struct jg_status jg_diff_out_of_arena(void);

#endif
