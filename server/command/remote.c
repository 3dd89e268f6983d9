#include "server/command/remote.h"

#include "proto/codec/json_message.h"
#include "proto/codec/message.h"
#include "services/identity/credential.h"

static struct jg_status make_authorization(const struct jg_options *options, const struct jg_remote_caller *caller,
                                           struct jg_arena *arena, struct jg_str *ret_authorization) {
  struct jg_str user = JG_STR_NONE, domain = JG_STR_NONE, password = JG_STR_NONE;
  if (!jg_credential_parse_user(jg_str_from_cstr(jg_options_text(options, caller->user)), &user, &domain)) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "--%s must be NAME@DOMAIN",
                            caller->user);
  }
  JG_RETURN_IF_ERROR(jg_command_find_password(jg_options_text(options, caller->password_file),
                                              caller->password_variable, false, arena, &password));
  char *text = jg_arena_alloc(arena, JG_CREDENTIAL_HEADER_BYTES_MAX);
  if (text == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "out of the command's memory");
  }
  *ret_authorization = jg_str_make(text, jg_credential_format(user, password, domain, text));
  return JG_STATUS_OK;
}

struct jg_status jg_remote_open(const struct jg_options *options, struct jg_arena *arena,
                                struct jg_grpc_client **ret_client) {
  static const struct jg_remote_caller caller = {"user", "password-file", "JOBGATE_PASSWORD"};
  return jg_remote_open_as(options, &caller, arena, ret_client);
}

struct jg_status jg_remote_open_as(const struct jg_options *options, const struct jg_remote_caller *caller,
                                   struct jg_arena *arena, struct jg_grpc_client **ret_client) {
  bool authorized = jg_options_text(options, caller->user) != NULL;
  struct jg_str authorization = JG_STR_NONE;
  if (authorized) {
    JG_RETURN_IF_ERROR(make_authorization(options, caller, arena, &authorization));
  }
  struct jg_grpc_client *client = jg_grpc_client_create(jg_str_from_cstr(jg_options_text(options, "server")));
  if (authorized) {
    jg_grpc_client_authorize(client, authorization);
  }
  *ret_client = client;
  return JG_STATUS_OK;
}

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
