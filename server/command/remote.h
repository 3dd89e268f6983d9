/* Private to server/command: what the commands that call a server share. */
#ifndef JG_SERVER_COMMAND_REMOTE_H
#define JG_SERVER_COMMAND_REMOTE_H

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "server/command/command.h"
#include "server/command/password.h"
#include "server/grpc/client.h"

#define JG_OPTION_SERVER                                                                      \
  {                                                                                           \
    .name = "server", .type = JG_OPTION_ADDRESS, .value = "127.0.0.1:9090", .metavar = "H:P", \
    .help = "gRPC address of the server"                                                      \
  }

#define JG_OPTION_USER                                                                            \
  {                                                                                               \
    .name = "user", .type = JG_OPTION_TEXT, .metavar = "NAME@DOMAIN",                             \
    .help = "who calls a server with authentication; its password: JOBGATE_PASSWORD, or as below" \
  }

/* A client of --server that calls as --user, if it is given: with the password of --password-file, else of the environment's
 * JOBGATE_PASSWORD, else of the terminal. INVALID_ARGUMENT: the user or the password. */
JG_MUST_CHECK struct jg_status jg_remote_open(const struct jg_options *options, struct jg_arena *arena,
                                              struct jg_grpc_client **ret_client);

/* The names of the settings that tell who calls. */
struct jg_remote_caller {
  const char *user, *password_file; /* flags */
  const char *password_variable;    /* of the environment */
};
/* The same with other settings. */
JG_MUST_CHECK struct jg_status jg_remote_open_as(const struct jg_options *options,
                                                 const struct jg_remote_caller *caller, struct jg_arena *arena,
                                                 struct jg_grpc_client **ret_client);

/* Time that a call of one answer may take. */
#define JG_REMOTE_TIMEOUT_MS 30000

/* One unary call: packs the request, unpacks the answer into the arena. Statuses of jg_grpc_client_unary. */
JG_MUST_CHECK struct jg_status jg_remote_call(struct jg_grpc_client *client, const char *path,
                                              const ProtobufCMessage *request,
                                              const ProtobufCMessageDescriptor *response, struct jg_arena *arena,
                                              ProtobufCMessage **ret_response);
/* Appends a job as compact legacy JSON, embedded entities included if the message has them. */
JG_MUST_CHECK struct jg_status jg_remote_print_job(const ProtobufCMessage *job, struct jg_arena *arena,
                                                   struct jg_buf *out);

#endif
