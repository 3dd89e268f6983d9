/* The legacy JSON of a whole protobuf-c message, embedded entities included: what clients of the gRPC API print, and what
 * generators make. Servers splice ready texts instead (json_encode.h). Thread: any. */
#ifndef JG_PROTO_CODEC_JSON_MESSAGE_H
#define JG_PROTO_CODEC_JSON_MESSAGE_H

#include "base/status.h"
#include "proto/codec/json_encode.h"

/* Appends the object. A relation whose node is NULL is left out, its key comes from the message. Scratch memory comes from the
 * arena: RESOURCE_EXHAUSTED at its cap. */
JG_MUST_CHECK struct jg_status jg_json_encode_message(const struct jg_json_style *style, const struct jg_entity *entity,
                                                      const ProtobufCMessage *message, struct jg_arena *arena,
                                                      struct jg_buf *out);

#endif
