#include "server/grpc/core.h"

#include <grpc/support/log.h>
#include <stdlib.h>

static void drop(gpr_log_func_args *args) {
  (void)args;
}

void jg_grpc_core_init(void) {
  if (secure_getenv("GRPC_VERBOSITY") == NULL) {
    gpr_set_log_function(drop);
  }
  grpc_init();
}

void jg_grpc_core_done(void) {
  grpc_shutdown_blocking();
}
