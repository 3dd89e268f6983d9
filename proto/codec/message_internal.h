/* Included by message.c, message_check.c, message_canonical.c and json_decode.c alone. */
#ifndef JG_PROTO_CODEC_MESSAGE_INTERNAL_H
#define JG_PROTO_CODEC_MESSAGE_INTERNAL_H

#include "base/uuid.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "proto/codec/message.h"

/* Job, project, model, family, sales organization: the schema is not recursive, and this is more than its height. */
#define JG_ENTITY_DEPTH_MAX 8u
#define JG_VIOLATIONS_MAX 20u

/* How a message hangs in the one around it. */
struct jg_path_step {
  const struct jg_member *member; /* NULL for the root */
  size_t item;                    /* in a list, else JG_PATH_NO_ITEM */
};
#define JG_PATH_NO_ITEM SIZE_MAX

/* What was found wrong in one request. */
struct jg_violations {
  struct jg_arena *arena;
  const char *prefix;
  bool proto_names; /* paths as gRPC names them ("parent_id"), else as the legacy JSON does ("_parent_id") */
  bool out_of_memory;
  size_t count;
  struct jg_violation items[JG_VIOLATIONS_MAX];
};

/* Adds one at steps[1..count) and then member (NULL: the step itself); beyond the maximum it is dropped. */
void jg_violations_add(struct jg_violations *violations, const struct jg_path_step *steps, size_t count,
                       const struct jg_member *member, const char *format, ...) JG_PRINTF(5, 6);
/* OK if there is none. */
struct jg_status jg_violations_status(const struct jg_violations *violations);
/* jg_message_canonicalize that collects. */
void jg_message_canonicalize_into(const struct jg_entity *entity, ProtobufCMessage *message,
                                  struct jg_violations *violations);
/* A date as it lies there; NULL: unset. */
const Google__Protobuf__Timestamp *jg_member_timestamp(const ProtobufCMessage *message, const struct jg_member *member);
/* A GUID in any spelling that input may have: any case, braces around it, no hyphens, "" for zero. */
JG_MUST_CHECK bool jg_guid_parse(struct jg_str text, struct jg_uuid *ret_uuid);
/* The arena's cap was met by the request's own size. */
struct jg_status jg_message_too_large(void);

/* Walks a client's bytes before protobuf-c does. Fields whose wire type does not fit are taken out, so that they count as
 * unknown; *ret_bytes is then a copy in the arena, else `bytes`. */
JG_MUST_CHECK struct jg_status jg_message_check(const ProtobufCMessageDescriptor *descriptor, struct jg_str bytes,
                                                struct jg_arena *arena, struct jg_str *ret_bytes);

#endif
