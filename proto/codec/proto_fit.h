/* What of an entity a message of limited size holds: all of it, without its embedded entities, or its id. Thread: any. */
#ifndef JG_PROTO_CODEC_PROTO_FIT_H
#define JG_PROTO_CODEC_PROTO_FIT_H

#include "base/arena.h"
#include "base/uuid.h"
#include "proto/codec/parts.h"

enum jg_proto_fit {
  JG_PROTO_FIT_WHOLE,
  JG_PROTO_FIT_BASIC, /* without embedded entities, and without its parent */
  JG_PROTO_FIT_ID     /* its id; of a job also revision and etag */
};

/* The most that takes bytes_max at most; nodes: whether embedded entities are asked for. The id comes whatever it takes. */
enum jg_proto_fit jg_proto_fit(const struct jg_parts *parts, bool nodes, size_t bytes_max);
/* Makes it that: whatever is encoded of it from now on, nodes or not, holds no more. False: the arena is full. */
JG_MUST_CHECK bool jg_proto_reduce(struct jg_parts *parts, struct jg_uuid id, enum jg_proto_fit fit,
                                   struct jg_arena *arena);

#define JG_PROTO_ID_BYTES (JG_UUID_TEXT_LEN + 8u)
/* The payload of the id alone; it lies in `room`. */
struct jg_str jg_proto_id_payload(const struct jg_entity *entity, struct jg_uuid id, char room[JG_PROTO_ID_BYTES]);

#endif
