/* For server.c, queue.c, slots.c, call.c, admit.c, fan.c, health.c and reflection.c only: the structs of the server and the life of a
 * call. */
#ifndef JG_SERVER_GRPC_SERVER_INTERNAL_H
#define JG_SERVER_GRPC_SERVER_INTERNAL_H

#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/grpc/descriptors.h"
#include "server/grpc/observe.h"
#include "server/grpc/peer.h"
#include "server/grpc/server.h"

struct jg_grpc_call;
struct jg_grpc_pool;
struct jg_grpc_queue;
struct jg_grpc_slot;

/* What a completion queue's event is about. */
enum jg_grpc_event {
  JG_GRPC_ARRIVED, /* a slot was filled: owner is the slot; of the others the call */
  JG_GRPC_DONE,    /* unary: everything */
  JG_GRPC_STATUS,  /* stream: the status left */
  JG_GRPC_CLOSED,  /* stream: both sides are closed, or it broke off */
  JG_GRPC_SENT,
  JG_GRPC_RECEIVED,
  JG_GRPC_WOKEN,      /* jg_grpc_call_wake */
  JG_GRPC_IDENTIFIED, /* the caller's verdict is there */
  JG_GRPC_RELEASED,   /* the call was held, see hold.c */
  JG_GRPC_EVENT_COUNT
};

#define JG_GRPC_TAG_MAGIC 0x4a475447u /* "JGTG" */
struct jg_grpc_tag {
  uint32_t magic;
  enum jg_grpc_event event;
  bool failed; /* the event was not well, though it came so: see hand_back in fan.c */
  void *owner;
};

/* A row of the table, or of health and reflection, or the one that all unknown methods share. */
struct jg_grpc_method {
  const struct jg_method *method;
  void *registered; /* the core's handle; NULL: unknown methods */
  struct jg_grpc_series series;
};

/* Where the next call of one method arrives. Thread: its queue's, which is the next one of the pool each time. */
struct jg_grpc_slot {
  struct jg_grpc_tag tag;
  struct jg_grpc_queue *queue;
  struct jg_grpc_method *method;
  grpc_call *core;
  gpr_timespec deadline;
  grpc_metadata_array metadata;
  grpc_byte_buffer *payload; /* the first message, unless the client streams */
  grpc_call_details details; /* unknown methods */
};

/* A call. Thread: that of its queue for all events; finish, send and receive come from any, ordered by the handler (G3).
 * `refs` counts what may still touch a stream: its handler until finish (then the status under way), the close, each send,
 * receive or wake under way. All are given up in events, so the last one is given up on the queue's thread. */
struct jg_grpc_call {
  struct jg_call call; /* first: the handler's view */
  struct jg_grpc_queue *queue;
  struct jg_grpc_method *method;
  grpc_call *core;
  grpc_metadata_array metadata;
  grpc_byte_buffer *payload;
  grpc_byte_buffer *sending;  /* stream: the message under way */
  grpc_byte_buffer *answer;   /* the last message */
  grpc_byte_buffer *received; /* client stream: filled by the core */
  int core_cancelled;         /* filled by the core */
  _Atomic uint32_t refs;
  _Atomic bool finished;
  _Atomic bool too_large; /* a message of the client stream was: overrides the handler's status */
  _Atomic bool shut_out;  /* the caller is no longer known: likewise */
  bool headers_sent;
  bool broken;       /* on_cancelled was called */
  enum jg_code code; /* how it ended */
  enum jg_reason reason;
  const char *fault; /* for the log: the message of an error of ours */
  struct jg_grpc_tag tags[JG_GRPC_EVENT_COUNT];
  /* While it is asked for the caller; the verdict is written before JG_GRPC_IDENTIFIED. A stream asks again now and then. */
  bool begun; /* the handler has the call, or it has failed */
  bool asking;
  struct jg_identity_wait wait;
  struct jg_identity_verdict verdict;
  /* Monotonic: until then nobody has to ask for the caller again; 0: it is not known. Relaxed: a message that leaves a moment too
   * early does no harm. */
  _Atomic int64_t known_until_ns;
  /* Of a stream, for fan.c; the driver's of its handler. */
  bool has_peer; /* it was looked for */
  struct jg_grpc_peer peer;
  struct jg_str path; /* of an unknown method alone, as sent; NULL: out of memory */
  struct jg_grpc_call *next_free;
  struct jg_grpc_call *next_held;
  /* Streams of health and reflection: on the list of those that set_serving and stop must reach. */
  void (*on_woken)(struct jg_grpc_call *call);
  _Atomic bool waking;
  struct jg_grpc_call *next_open, *previous_open;
};

/* A completion queue and its one thread. */
struct jg_grpc_queue {
  struct jg_grpc_server *server;
  struct jg_grpc_pool *pool;
  grpc_completion_queue *core;
  pthread_t thread;
  struct jg_grpc_slot *slots; /* those that begin here */
  size_t slot_count;
  struct jg_grpc_call *free_calls;
  size_t free_count;
};

/* Queues that take calls by turns, and end together. */
struct jg_grpc_pool {
  bool streams; /* takes calls of methods that stream; else the others */
  struct jg_grpc_queue *queues;
  unsigned count;
  _Atomic size_t outstanding; /* filled-in-future slots and living calls: at 0 nothing more can come */
};

struct jg_grpc_fan;

#define JG_GRPC_SERVER_MAGIC 0x4a475356u /* "JGSV" */
struct jg_grpc_server {
  uint32_t magic;
  const struct jg_app *app;
  int64_t tenant;
  struct jg_identity_service *identity; /* NULL: no authentication */
  size_t metadata_bytes_max;
  bool loopback; /* only loopback peers reach the address */
  unsigned port;
  grpc_server *core;
  grpc_completion_queue *shutdown_queue;
  struct jg_grpc_method *methods; /* the table's, then health's and reflection's, the last one: unknown */
  size_t method_count;
  size_t table_count;           /* of the table's */
  struct jg_grpc_queue *queues; /* of all pools */
  unsigned queue_count;
  struct jg_grpc_pool *pools;
  unsigned pool_count;
  struct jg_grpc_descriptors *descriptors; /* NULL: no reflection */
  struct jg_grpc_fan *fan;
  _Atomic bool serving, stopping;
  pthread_mutex_t
      open_mutex; /* guards the list, taken when a stream of health or reflection opens, ends or must be woken */
  struct jg_grpc_call *open;
  _Atomic bool holding;
  pthread_mutex_t
      stop_mutex; /* guards what follows: taken by calls that arrive while they are held, and at a queue's end */
  pthread_cond_t queue_ended; /* of the monotonic clock */
  unsigned running_count;     /* queues that have not ended */
  struct jg_grpc_call *held;  /* the newest first */
};

/* queue.c */
/* Makes the queues, each unary one a pool of its own, the others one for all streams, and registers them with the core. Thread:
 * main. */
void jg_grpc_queues_create(struct jg_grpc_server *server, unsigned threads, unsigned stream_threads);
/* Ends those whose threads never started, and frees all slots and calls. Nothing waits any more. */
void jg_grpc_queues_end(struct jg_grpc_server *server);
/* Behind the core's server. */
void jg_grpc_queues_free(struct jg_grpc_server *server);
/* Whose turn comes next in its pool. */
struct jg_grpc_queue *jg_grpc_queue_next(const struct jg_grpc_queue *queue);
/* Another slot or call to wait for. */
static inline void jg_grpc_queue_hold(struct jg_grpc_queue *queue) {
  // Relaxed: whoever adds one holds one, or nothing runs yet.
  (void)atomic_fetch_add_explicit(&queue->pool->outstanding, 1, memory_order_relaxed);
}
/* One less; with the last one the pool's queues end. */
void jg_grpc_queue_release(struct jg_grpc_queue *queue);

/* slots.c */
/* Makes the queue's slots and asks the core to fill them. Thread: main, before the queue's thread starts. */
void jg_grpc_slots_arm(struct jg_grpc_queue *queue);
/* Thread: the queue's, or main when that has ended. */
void jg_grpc_slots_free(struct jg_grpc_queue *queue);
/* A slot was filled (ok), or will never be. */
void jg_grpc_slot_filled(struct jg_grpc_slot *slot, bool ok);

/* call.c. Thread: the call's queue's. */
/* A call with what arrived in the slot, which is empty afterwards. */
struct jg_grpc_call *jg_grpc_call_take(struct jg_grpc_slot *slot);
/* Keeps what an unknown method is called; borrows. */
void jg_grpc_call_name(struct jg_grpc_call *call, const grpc_slice *path);
/* Checks the request and calls the handler. The call may be gone afterwards. */
void jg_grpc_call_begin(struct jg_grpc_call *call);
void jg_grpc_call_event(struct jg_grpc_call *call, enum jg_grpc_event event, bool ok);
void jg_grpc_calls_free(struct jg_grpc_queue *queue);
/* A message becomes the one under way; then the core is told of it. Thread: any, as send (G3). */
void jg_grpc_call_put(struct jg_grpc_call *call, grpc_byte_buffer *message);
void jg_grpc_call_push(struct jg_grpc_call *call);
/* JG_GRPC_SENT on a thread that is still giving messages away for the handler, so that it has not finished. */
void jg_grpc_call_sent_here(struct jg_grpc_call *call, bool ok);
static inline struct jg_grpc_call *jg_grpc_call_of(struct jg_call *call) {
  JG_ASSERT(call->magic == JG_CALL_MAGIC);
  return (struct jg_grpc_call *)call; /* its first member */
}
/* It is known who calls (or not: status): checks the request and calls the handler. */
void jg_grpc_call_go_on(struct jg_grpc_call *call, struct jg_status status);
/* Tells the handler, once, that nobody waits for the stream any more. */
void jg_grpc_call_break_off(struct jg_grpc_call *call);
static inline bool jg_grpc_call_is_finished(struct jg_grpc_call *call) {
  // Acquire: whoever sees the end sees what was decided before it.
  return atomic_load_explicit(&call->finished, memory_order_acquire);
}

static inline void jg_grpc_call_ref(struct jg_grpc_call *call) {
  // Relaxed: the caller holds a reference, so nothing is published by another one.
  (void)atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
}

/* admit.c: who calls. Thread: the call's queue's. */
/* True: it is known who calls, or *ret_status says why it goes no further. False: JG_GRPC_IDENTIFIED will come. */
bool jg_grpc_admit(struct jg_grpc_call *call, struct jg_status *ret_status);
void jg_grpc_admit_identified(struct jg_grpc_call *call);
/* A stream may stay open for days, its caller may not: to be called after each message, bookmarks included. */
void jg_grpc_admit_again(struct jg_grpc_call *call);

/* fan.c: a message for each of many streams. */
struct jg_grpc_fan *jg_grpc_fan_create(void);
/* When no call is left. NULL is allowed. */
void jg_grpc_fan_destroy(struct jg_grpc_fan *fan);
/* The sink's send_all. Thread: any. */
void jg_grpc_send_all(struct jg_send *sends, size_t count);

/* hold.c. From hold_begin to hold_end arriving calls are only kept; then each begins on its own thread. Thread: main. */
void jg_grpc_hold_begin(struct jg_grpc_server *server);
void jg_grpc_hold_end(struct jg_grpc_server *server);
/* True: the call is kept, JG_GRPC_RELEASED will come. Thread: the call's queue's. */
bool jg_grpc_hold(struct jg_grpc_call *call);

/* open.c. A stream of health or reflection enters the list in its handler, and leaves it before it finishes; on_woken then runs
 * on the call's own thread after each jg_grpc_open_wake. Thread: the call's queue's; wake: any. */
void jg_grpc_open_add(struct jg_grpc_call *call, void (*on_woken)(struct jg_grpc_call *call));
void jg_grpc_open_remove(struct jg_grpc_call *call);
void jg_grpc_open_wake(struct jg_grpc_server *server);

/* health.c, reflection.c: rows of grpc.health.v1 and of both reflection services. */
#define JG_GRPC_HEALTH_METHODS 2
extern const struct jg_method jg_grpc_health_methods[JG_GRPC_HEALTH_METHODS];
#define JG_GRPC_REFLECTION_METHODS 2
extern const struct jg_method jg_grpc_reflection_methods[JG_GRPC_REFLECTION_METHODS];

/* server.c: the service of a path, "/jobgate.v1.JobService/GetJob" -> "jobgate.v1.JobService". */
struct jg_str jg_grpc_service_of(const char *path);

#endif
