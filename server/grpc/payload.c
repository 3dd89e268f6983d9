#include "server/grpc/payload.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>

struct jg_str jg_grpc_payload_in_arena(grpc_byte_buffer *buffer, struct jg_arena *arena) {
  size_t len = grpc_byte_buffer_length(buffer);
  grpc_byte_buffer_reader reader;
  JG_ASSERT(grpc_byte_buffer_reader_init(&reader, buffer) == 1);
  grpc_slice *piece = NULL;
  struct jg_str result = JG_STR("");
  if (len != 0 && grpc_byte_buffer_reader_peek(&reader, &piece) != 0) {
    result = jg_grpc_slice_str(piece);
  }
  if (result.len != len) {
    char *copy = jg_arena_alloc(arena, len);
    size_t done = 0;
    while (copy != NULL && done < len) {
      struct jg_str part = jg_grpc_slice_str(piece);
      memcpy(copy + done, part.data, part.len);
      done += part.len;
      JG_ASSERT(done == len || grpc_byte_buffer_reader_peek(&reader, &piece) != 0);
    }
    result = jg_str_make(copy, copy != NULL ? len : 0);
  }
  grpc_byte_buffer_reader_destroy(&reader);
  return result;
}

grpc_slice jg_grpc_payload_slice(grpc_byte_buffer *buffer) {
  grpc_byte_buffer_reader reader;
  JG_ASSERT(grpc_byte_buffer_reader_init(&reader, buffer) == 1);
  grpc_slice slice;
  size_t len = grpc_byte_buffer_length(buffer);
  // One piece is shared as it is; readall would copy it.
  if (grpc_byte_buffer_reader_next(&reader, &slice) == 0) {
    slice = grpc_empty_slice();
  } else if (GRPC_SLICE_LENGTH(slice) != len) {
    grpc_slice_unref(slice);
    grpc_byte_buffer_reader_destroy(&reader);
    JG_ASSERT(grpc_byte_buffer_reader_init(&reader, buffer) == 1);
    slice = grpc_byte_buffer_reader_readall(&reader);
  }
  grpc_byte_buffer_reader_destroy(&reader);
  return slice;
}

static void unref_bytes(void *bytes) {
  jg_bytes_unref(bytes);
}

grpc_slice jg_grpc_payload_slice_of(struct jg_bytes *bytes) {
  return grpc_slice_new_with_user_data(bytes->data, bytes->len, unref_bytes, bytes);
}

grpc_byte_buffer *jg_grpc_payload_share(struct jg_bytes *bytes) {
  return jg_grpc_payload_from_slice(jg_grpc_payload_slice_of(bytes));
}

grpc_byte_buffer *jg_grpc_payload_from_slice(grpc_slice slice) {
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
  grpc_slice_unref(slice);
  return buffer;
}
