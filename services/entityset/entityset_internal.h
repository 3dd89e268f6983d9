/* Included by the handlers of services/entityset alone: what several of them do. */
#ifndef JG_SERVICES_ENTITYSET_ENTITYSET_INTERNAL_H
#define JG_SERVICES_ENTITYSET_ENTITYSET_INTERNAL_H

#include "jobgate/v1/entity_service.pb-c.h"
#include "services/call.h"

/* A kind of AnyEntity; INVALID_ARGUMENT naming `kind`. */
JG_MUST_CHECK struct jg_status jg_entityset_kind(struct jg_call *call, Jobgate__V1__EntityKind kind,
                                                 enum jg_kind *ret_kind);
/* FAILED_PRECONDITION for kinds that callers may read alone. */
JG_MUST_CHECK struct jg_status jg_entityset_writable(enum jg_kind kind);
JG_MUST_CHECK struct jg_status jg_entityset_id(struct jg_call *call, const char *text, struct jg_uuid *ret_id);
struct jg_status jg_entityset_not_found(struct jg_call *call, enum jg_kind kind, struct jg_uuid id);
struct jg_status jg_entityset_out_of_arena(void);
/* The answer that holds the expanded entity's bytes, decoded into the arena. */
JG_MUST_CHECK struct jg_status jg_entityset_message(enum jg_kind kind, struct jg_str expanded, struct jg_arena *arena,
                                                    Jobgate__V1__AnyEntity **ret_message);
/* The message in the oneof, and its kind; JG_KIND_NONE: none is set. */
enum jg_kind jg_entityset_content(const Jobgate__V1__AnyEntity *entity, ProtobufCMessage **ret_content);
/* One entity, expanded, as an answer. NOT_FOUND. */
JG_MUST_CHECK struct jg_status jg_entityset_answer(struct jg_call *call, struct jg_txn *txn, bool in_write,
                                                   const struct jg_entity_ref *ref, struct jg_answer *ret_answer);

#endif
