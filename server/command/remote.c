#include "server/command/remote.h"

#include "proto/codec/json_message.h"
#include "proto/codec/message.h"

struct jg_status jg_remote_call(struct jg_grpc_client *client, const char *path, const ProtobufCMessage *request,
                                const ProtobufCMessageDescriptor *response, struct jg_arena *arena,
                                ProtobufCMessage **ret_response) {
  const struct jg_grpc_request call = {.path = path, .timeout_ms = JG_REMOTE_TIMEOUT_MS};
  struct jg_str bytes = jg_message_pack(request, arena);
  if (bytes.data == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "the request is too large");
  }
  struct jg_str answer;
  JG_RETURN_IF_ERROR(jg_grpc_client_unary(client, &call, bytes, arena, &answer));
  return jg_message_unpack(response, answer, arena, ret_response);
}

struct jg_status jg_remote_print_job(const ProtobufCMessage *job, struct jg_arena *arena, struct jg_buf *out) {
  static const struct jg_json_style style = {JG_JSON_ESCAPE_JSON, JG_DATE_OFFSET};
  return jg_json_encode_message(&style, jg_entity(JG_KIND_JOB), job, arena, out);
}
