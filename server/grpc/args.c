#include "server/grpc/args.h"

#include <grpc/impl/codegen/compression_types.h>
#include <limits.h>

#include "base/compiler.h"

/* A peer that vanished is noticed after KEEPALIVE + TIMEOUT; clients may ping as often as every 10 s. */
#define KEEPALIVE_MS 60000
#define KEEPALIVE_TIMEOUT_MS 20000
#define CLIENT_PING_MS 10000

static void add(struct jg_grpc_args *args, const char *key, size_t value) {
  JG_ASSERT(args->args.num_args < JG_GRPC_ARGS_MAX && value <= INT_MAX);
  args->list[args->args.num_args++] =
      (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = (int)value};
}

void jg_grpc_args_init(struct jg_grpc_args *args, size_t receive_bytes_max, size_t metadata_bytes_max,
                       unsigned streams_max) {
  *args = (struct jg_grpc_args){0};
  args->args.args = args->list;
  // A second server on the port is an error, not a silent half of the calls.
  add(args, GRPC_ARG_ALLOW_REUSEPORT, 0);
  add(args, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, receive_bytes_max);
  add(args, GRPC_ARG_MAX_METADATA_SIZE, metadata_bytes_max);
  add(args, GRPC_ARG_MAX_CONCURRENT_STREAMS, streams_max);
  add(args, GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS);
  add(args, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS);
  add(args, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  add(args, GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, CLIENT_PING_MS);
  // No compression: the core inflates before it looks at the size, so a small message could fill the memory. A compressed
  // one is UNIMPLEMENTED, and grpc-accept-encoding says so.
  add(args, GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1u << GRPC_COMPRESS_NONE);
  add(args, GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
}
