/* Protobuf answers by splicing: payload as it lies, the few members that come from embedded entities appended.
 * Field order on the wire is free (protobuf encoding, "Field order"). Thread: any. */
#ifndef JG_PROTO_CODEC_PROTO_ENCODE_H
#define JG_PROTO_CODEC_PROTO_ENCODE_H

#include "base/buf.h"
#include "proto/codec/parts.h"

/* Appends the message. nodes: with embedded entities (FULL), else without (BASIC); derived keys come in both. */
void jg_proto_encode(const struct jg_parts *parts, bool nodes, struct jg_buf *out);
/* Exactly the bytes that jg_proto_encode appends. */
size_t jg_proto_encode_size(const struct jg_parts *parts, bool nodes);
/* Appends it as field `number` of an enclosing message (tag, length, bytes). */
void jg_proto_encode_field(uint32_t number, const struct jg_parts *parts, bool nodes, struct jg_buf *out);

#endif
