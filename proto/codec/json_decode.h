/* A client's JSON into a protobuf-c message by the schema tables. Names in any case (statement 61), unknown members and
 * "@..." ignored (60), null is absent (62), the last of a repeated name wins, "22" is 22 for numbers. Thread: any. */
#ifndef JG_PROTO_CODEC_JSON_DECODE_H
#define JG_PROTO_CODEC_JSON_DECODE_H

#include "base/status.h"
#include "proto/schema/schema.h"

struct jg_json_decoded {
  ProtobufCMessage *message; /* in the arena; canonical (jg_message_canonicalize was applied) */
  uint64_t present;          /* bit i: member i stood in the object with a value other than null */
  /* Bit i: member i of a Job, an embedded entity, stood in the object's _parent_job, which cannot hold it. It was passed over. */
  uint64_t parent_nodes;
};

/* text: one complete JSON value, which must be an object. INVALID_ARGUMENT: malformed JSON (line and column), not an object,
 * a lone surrogate or NUL in a string, or violations naming each member's path (type, GUID, date, range, length).
 * The result lives in the arena. With violations there is one too, in which what was refused has its default or is as it came,
 * so that the caller can look for more; after any other error ret_decoded is untouched. */
JG_MUST_CHECK struct jg_status jg_json_decode(const struct jg_entity *entity, struct jg_str text,
                                              struct jg_arena *arena, struct jg_json_decoded *ret_decoded);

#endif
