/* Members of a protobuf-c message by the schema tables, and messages to and from bytes in an arena. Thread: any. */
#ifndef JG_PROTO_CODEC_MESSAGE_H
#define JG_PROTO_CODEC_MESSAGE_H

#include "base/status.h"
#include "proto/schema/schema.h"

/* A ProtobufCAllocator over an arena; free does nothing. Lives as long as the arena. NULL at the cap. */
ProtobufCAllocator *jg_message_allocator(struct jg_arena *arena);
/* A zero message of that type in the arena; NULL at the cap. */
JG_MUST_CHECK ProtobufCMessage *jg_message_new(const ProtobufCMessageDescriptor *descriptor, struct jg_arena *arena);

/* Decodes a client's bytes. Checked before unpacking, on the bytes: string fields are UTF-8 without NUL (protobuf-c takes
 * anything), nesting <= 16. A field of another wire type than the schema's counts as unknown. INVALID_ARGUMENT naming the
 * field's path ("job.translations[1].field_name"), or at the arena's cap. The result lives in the arena. */
JG_MUST_CHECK struct jg_status jg_message_unpack(const ProtobufCMessageDescriptor *descriptor, struct jg_str bytes,
                                                 struct jg_arena *arena, ProtobufCMessage **ret_message);
/* Bytes in the arena; data NULL at the cap. */
JG_MUST_CHECK struct jg_str jg_message_pack(const ProtobufCMessage *message, struct jg_arena *arena);
/* The stored form of an entity (see jg_parts.payload): without embedded entities (ENTITY; lists stay), without DERIVED_KEY
 * members, without gRPC's own. data NULL at the cap. */
JG_MUST_CHECK struct jg_str jg_message_pack_payload(const struct jg_entity *entity, const ProtobufCMessage *message,
                                                    struct jg_arena *arena);

/* Typed access; the member's type must fit. Strings are borrowed from the message. A date that is unset, or none at all
 * (jg_message_canonicalize refuses it), is JG_TICKS_UNSET. */
struct jg_str jg_member_str(const ProtobufCMessage *message, const struct jg_member *member);
int32_t jg_member_int(const ProtobufCMessage *message, const struct jg_member *member);
bool jg_member_bool(const ProtobufCMessage *message, const struct jg_member *member);
double jg_member_decimal(const ProtobufCMessage *message, const struct jg_member *member);
int64_t jg_member_date(const ProtobufCMessage *message, const struct jg_member *member);
ProtobufCMessage *jg_member_node(const ProtobufCMessage *message, const struct jg_member *member); /* NULL: none */
size_t jg_member_count(const ProtobufCMessage *message, const struct jg_member *member); /* items of an ENTITY_LIST */
ProtobufCMessage *jg_member_item(const ProtobufCMessage *message, const struct jg_member *member, size_t index);
/* False at the arena's cap. Strings are copied and hold no NUL. Dates are within JG_TICKS_MIN..MAX; JG_TICKS_UNSET clears. */
JG_MUST_CHECK bool jg_member_set_str(ProtobufCMessage *message, const struct jg_member *member, struct jg_str value,
                                     struct jg_arena *arena);
void jg_member_set_int(ProtobufCMessage *message, const struct jg_member *member, int32_t value);
void jg_member_set_bool(ProtobufCMessage *message, const struct jg_member *member, bool value);
void jg_member_set_decimal(ProtobufCMessage *message, const struct jg_member *member, double value);
JG_MUST_CHECK bool jg_member_set_date(ProtobufCMessage *message, const struct jg_member *member, int64_t ticks,
                                      struct jg_arena *arena);
void jg_member_set_node(ProtobufCMessage *message, const struct jg_member *member, ProtobufCMessage *node);
/* items: count pointers, which must live as long as the message; they may be NULL for none. */
void jg_member_set_items(ProtobufCMessage *message, const struct jg_member *member, ProtobufCMessage **items,
                         size_t count);
/* To the type's default. */
void jg_member_clear(ProtobufCMessage *message, const struct jg_member *member);
/* Has another value than the type's default (a zero GUID, "" and the unset date are defaults). */
bool jg_member_filled(const ProtobufCMessage *message, const struct jg_member *member);
/* Same value; entity lists by content, nodes never compared (true). */
bool jg_member_equal(const ProtobufCMessage *a, const ProtobufCMessage *b, const struct jg_member *member);
/* Shares the value: both messages' memory must live as long as `to`. */
void jg_member_share(ProtobufCMessage *to, const ProtobufCMessage *from, const struct jg_member *member);

/* What a request brought is made canonical in place and checked: GUIDs lower case ("" for the zero GUID; braces and the form
 * without hyphens are taken), dates in range, rounded to 100 ns, 1980-01-01 unset, date-only members cut to midnight,
 * decimals finite and within +-1e15, lengths in UTF-16 units (statement 57); nested nodes and list items too. All violations
 * are collected (at most 20), each at its path of proto names. path_prefix: "" or "job". INVALID_ARGUMENT/INVALID_MEMBER
 * whose message joins them with "; ", or INVALID_ARGUMENT/LIMIT_EXCEEDED at the arena's cap. */
JG_MUST_CHECK struct jg_status jg_message_canonicalize(const struct jg_entity *entity, ProtobufCMessage *message,
                                                       const char *path_prefix, struct jg_arena *arena);

#endif
