#include "server/grpc/answer.h"

#include "proto/codec/proto_encode.h"
#include "proto/codec/wire.h"

/* Of the jobs in a response: `repeated Job jobs = 1`. */
#define JOBS_NUMBER 1u
#define JOBS_TAG_BYTES 1u

static size_t message_size(const ProtobufCMessage *message) {
  return message != NULL ? protobuf_c_message_get_packed_size(message) : 0;
}

static size_t answer_size(const struct jg_answer *answer) {
  if (answer->kind == JG_ANSWER_JOB) {
    return jg_proto_encode_size(&answer->jobs[0], answer->nodes);
  }
  size_t total = message_size(answer->message);
  for (size_t i = 0; answer->kind == JG_ANSWER_JOBS && i < answer->job_count; i++) {
    size_t size = jg_proto_encode_size(&answer->jobs[i], answer->nodes);
    total += JOBS_TAG_BYTES + jg_wire_varint_size(size) + size;
  }
  return total;
}

static void put_message(const ProtobufCMessage *message, struct jg_buf *out) {
  size_t size = message_size(message);
  char *room = jg_buf_reserve(out, size);
  if (room != NULL && size != 0) {
    out->len += protobuf_c_message_pack(message, (uint8_t *)room);
  }
}

grpc_slice jg_grpc_answer_encode(const struct jg_answer *answer) {
  JG_ASSERT(answer->kind != JG_ANSWER_JOB || answer->job_count == 1);
  JG_ASSERT(answer->kind != JG_ANSWER_MESSAGE || answer->message != NULL);
  size_t size = answer_size(answer);
  grpc_slice slice = grpc_slice_malloc(size);
  // A buffer over the slice's memory: its maximum is its capacity, so it never grows out of it.
  struct jg_buf out = {.data = (char *)GRPC_SLICE_START_PTR(slice), .capacity = size, .bytes_max = size};
  if (answer->kind == JG_ANSWER_JOB) {
    jg_proto_encode(&answer->jobs[0], answer->nodes, &out);
  } else {
    for (size_t i = 0; answer->kind == JG_ANSWER_JOBS && i < answer->job_count; i++) {
      jg_proto_encode_field(JOBS_NUMBER, &answer->jobs[i], answer->nodes, &out);
    }
    put_message(answer->message, &out);
  }
  JG_ASSERT(!out.failed && out.len == size);
  return slice;
}
