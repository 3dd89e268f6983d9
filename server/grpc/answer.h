/* Answers of unary calls and client streams as messages on the wire. Thread: any. */
#ifndef JG_SERVER_GRPC_ANSWER_H
#define JG_SERVER_GRPC_ANSWER_H

#include <grpc/slice.h>

#include "services/call.h"

/* The response message, encoded straight into one slice that the caller unrefs. */
grpc_slice jg_grpc_answer_encode(const struct jg_answer *answer);

#endif
