/* A status as google.rpc.Status bytes (metadata grpc-status-details-bin) and back. Thread: any. */
#ifndef JG_SERVER_GRPC_DETAILS_H
#define JG_SERVER_GRPC_DETAILS_H

#include "base/status.h"

#define JG_GRPC_DETAILS_KEY "grpc-status-details-bin"
/* Of ErrorInfo. */
#define JG_GRPC_DETAILS_DOMAIN "jobgate"

/* Clients refuse trailers above 8 KiB by default and would then show that instead of the error. With base64 (4/3) and
 * percent-encoding (3) these two stay below it. */
#define JG_GRPC_DETAILS_BYTES_MAX 3584u
#define JG_GRPC_MESSAGE_BYTES_MAX 640u

/* The message, cut to JG_GRPC_MESSAGE_BYTES_MAX at a character's end. Borrowed. */
struct jg_str jg_grpc_details_message(struct jg_status status);

/* ErrorInfo for a reason, ResourceInfo for a resource, RetryInfo for a delay, PreconditionFailure for FAILED_PRECONDITION with a
 * reason, which is its violations' type, BadRequest for violations. The last ones of a list are left out if they would not fit.
 * The bytes live in the arena; data NULL if there is nothing to tell or no room. */
struct jg_str jg_grpc_details_pack(struct jg_status status, struct jg_arena *arena);

/* What a server of ours packed, given the code and message of the call. bytes: empty or malformed ones give the code and
 * message alone; a reason that this build does not know is NONE; PreconditionFailure says nothing that the others do not. Texts are copied into the arena. */
struct jg_status jg_grpc_details_unpack(enum jg_code code, struct jg_str message, struct jg_str bytes,
                                        struct jg_arena *arena);

#endif
