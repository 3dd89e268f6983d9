/* The settings of a server's connections; the benchmark's bare echo has the same. Thread: any. */
#ifndef JG_SERVER_GRPC_ARGS_H
#define JG_SERVER_GRPC_ARGS_H

#include <grpc/grpc.h>

#define JG_GRPC_ARGS_MAX 16

struct jg_grpc_args {
  grpc_arg list[JG_GRPC_ARGS_MAX];
  grpc_channel_args args; /* over `list`: valid where the struct stands */
};

/* receive_bytes_max, metadata_bytes_max: the core's hard limits; streams_max: concurrent calls of a connection. */
void jg_grpc_args_init(struct jg_grpc_args *args, size_t receive_bytes_max, size_t metadata_bytes_max,
                       unsigned streams_max);

#endif
