/* The C core's completion queues as the sanitizers see them: the library is not instrumented, so the order that a queue makes
 * between starting something under a tag and taking its event is told by hand. Every start and every take of this folder goes
 * through here. An error of the core is a bug of ours: it is asserted, because a call whose batch failed is poisoned. */
#ifndef JG_SERVER_GRPC_CORE_H
#define JG_SERVER_GRPC_CORE_H

#include <grpc/grpc.h>
#include <stdbool.h>

#include "base/compiler.h"

#if defined(__SANITIZE_THREAD__)
#define JG_GRPC_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define JG_GRPC_TSAN 1
#endif
#endif

#ifdef JG_GRPC_TSAN
#include <sanitizer/tsan_interface.h>
#define JG_GRPC_RELEASE(tag) __tsan_release(tag)
#define JG_GRPC_ACQUIRE(tag) __tsan_acquire(tag)
#else
#define JG_GRPC_RELEASE(tag) ((void)(tag))
#define JG_GRPC_ACQUIRE(tag) ((void)(tag))
#endif

/* Starts the library, once more if it runs already; done as many times as init. What the core itself logs, at times about what a
 * peer sent, is dropped unless GRPC_VERBOSITY is set in the environment: our own lines tell the same in our format. */
void jg_grpc_core_init(void);
/* Returns when no thread of the core is left, if it was the last one. */
void jg_grpc_core_done(void);

static inline void jg_grpc_core_start(grpc_call *call, const grpc_op *ops, size_t count, void *tag) {
  JG_GRPC_RELEASE(tag);
  grpc_call_error error = grpc_call_start_batch(call, ops, count, tag, NULL);
  JG_ASSERT(error == GRPC_CALL_OK);
}

/* Waits for the next event. event.tag is garbage unless the type is GRPC_OP_COMPLETE. */
static inline grpc_event jg_grpc_core_next(grpc_completion_queue *queue) {
  grpc_event event = grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
  if (event.type == GRPC_OP_COMPLETE) {
    JG_GRPC_ACQUIRE(event.tag);
  }
  return event;
}

/* From here to jg_grpc_core_take_own on this thread: the first event that what it starts brings for the queue is kept for it,
 * and wakes nobody. */
static inline void jg_grpc_core_keep_own(grpc_completion_queue *queue) {
  grpc_completion_queue_thread_local_cache_init(queue);
}
/* False: there was none. It may be of another call: a thread in the core does what others have left there. */
static inline bool jg_grpc_core_take_own(grpc_completion_queue *queue, void **ret_tag, bool *ret_ok) {
  int ok = 0;
  if (grpc_completion_queue_thread_local_cache_flush(queue, ret_tag, &ok) == 0) {
    return false;
  }
  JG_GRPC_ACQUIRE(*ret_tag);
  *ret_ok = ok != 0;
  return true;
}

/* Waits for the event of that tag, until the deadline. */
static inline grpc_event jg_grpc_core_pluck(grpc_completion_queue *queue, void *tag, gpr_timespec deadline) {
  grpc_event event = grpc_completion_queue_pluck(queue, tag, deadline, NULL);
  if (event.type == GRPC_OP_COMPLETE) {
    JG_GRPC_ACQUIRE(tag);
  }
  return event;
}

#endif
