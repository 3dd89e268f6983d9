/* Between the core's byte buffers and slices and our strings and bytes. Thread: any. */
#ifndef JG_SERVER_GRPC_PAYLOAD_H
#define JG_SERVER_GRPC_PAYLOAD_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>

#include "base/arena.h"
#include "base/bytes.h"

/* The buffer's bytes: borrowed from it where they lie in one piece, else copied into the arena. data NULL at its cap. */
struct jg_str jg_grpc_payload_in_arena(grpc_byte_buffer *buffer, struct jg_arena *arena);
/* The buffer's bytes in one slice, which the caller unrefs. */
grpc_slice jg_grpc_payload_slice(grpc_byte_buffer *buffer);
/* Borrowed from the slice where it stands (a short one holds its bytes itself). */
static inline struct jg_str jg_grpc_slice_str(const grpc_slice *slice) {
  return jg_str_make((const char *)GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}
/* Takes one reference of bytes; no copy. The caller unrefs the slice. */
grpc_slice jg_grpc_payload_slice_of(struct jg_bytes *bytes);
/* Takes one reference of bytes; no copy. The caller destroys the buffer. */
grpc_byte_buffer *jg_grpc_payload_share(struct jg_bytes *bytes);
/* Takes the slice. The caller destroys the buffer. */
grpc_byte_buffer *jg_grpc_payload_from_slice(grpc_slice slice);

#endif
