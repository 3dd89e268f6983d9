/* One call of one method, free of transport: what a handler gets, and how its answer leaves.
 * A call has one home at a time; it crosses threads only with the work it is waiting for. */
#ifndef JG_SERVICES_CALL_H
#define JG_SERVICES_CALL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/status.h"
#include "cache/cache.h"
#include "proto/codec/parts.h"
#include "storage/store.h"

struct jg_answers;
struct jg_call;
struct jg_expander;
struct jg_filter_alias;
struct jg_hub;
struct jg_json_style;
struct jg_method;
struct jg_virtual_statuses;

/* What all handlers work with; made once, constant while calls run. Borrows everything. */
struct jg_app {
  struct jg_store *store;
  struct jg_cache *cache;
  struct jg_answers *answers; /* ready answers of single jobs; NULL: none are kept */
  struct jg_expander *expander;
  struct jg_hub *hub;
  const struct jg_clock *clock;
  const struct jg_log *log;
  struct jg_metrics *metrics;
  const struct jg_json_style *json_style;             /* of the JSON form of cached entities */
  const struct jg_virtual_statuses *virtual_statuses; /* services/jobs/virtual_status.h; NULL: none */
  bool fold_case;                                     /* filters and orders take strings without case (statement 37) */
};

/* The caller. Without authentication: the default tenant. */
struct jg_identity {
  int64_t tenant;
  bool loopback; /* the peer's address is loopback */
};

/* The answer of a unary call. Everything lives in the call's arena. */
enum jg_answer_kind {
  JG_ANSWER_MESSAGE, /* `message` alone */
  JG_ANSWER_JOB,     /* jobs[0]; where the call takes_parts, also an entity of another kind */
  JG_ANSWER_READY,   /* `ready`: the encoded message; only where the call takes_ready */
  JG_ANSWER_JOBS     /* `jobs` as the response's field 1, and `message`: the response without them. Where the call
                      * takes_parts, also entities of another kind; `message` is NULL then */
};
struct jg_answer {
  enum jg_answer_kind kind;
  struct jg_bytes *ready;          /* JG_ANSWER_READY: finish takes the reference */
  const ProtobufCMessage *message; /* NULL for JG_ANSWER_JOB */
  const struct jg_parts *jobs;
  size_t job_count;
  bool nodes;   /* with embedded entities (FULL) */
  bool created; /* JG_ANSWER_JOB: a new one (201) */
  /* Lists: where the next page starts; empty on the last one. */
  struct jg_str next_page_token;
  bool has_total; /* lists with count */
  int64_t total;  /* all that match the filter */
};

/* A message of a stream, for send_all. */
struct jg_send {
  struct jg_call *call;
  struct jg_bytes *message; /* one reference, which the sink takes */
};

/* How an answer leaves: the seam that gRPC and HTTP implement. All may be called on any thread. */
struct jg_call_sink {
  /* Ends the call: exactly once; the call is gone afterwards. answer: NULL unless status is OK; on OK of a stream NULL. While a
   * message of a stream is out, that goes first. */
  void (*finish)(struct jg_call *call, struct jg_status status, const struct jg_answer *answer);
  /* Server stream: takes one reference of a whole response message. One at a time: the next one after call->on_sent. */
  void (*send)(struct jg_call *call, struct jg_bytes *message);
  /* The same for many streams of this sink, each once; puts them into the order in which they leave. Whoever calls it finishes
   * none of them before it returns, when all have been given away; on_sent may have come by then, on this thread too. NULL: they
   * are sent one by one. */
  void (*send_all)(struct jg_send *sends, size_t count);
  /* Client stream: asks for the next message, which comes by call->on_received. One at a time. */
  void (*receive)(struct jg_call *call);
};

#define JG_CALL_MAGIC 0x4a47434cu /* "JGCL" */

struct jg_call {
  uint32_t magic;
  struct jg_arena arena; /* owns all memory of the call */
  const struct jg_app *app;
  const struct jg_method *method;
  const struct jg_call_sink *sink;
  struct jg_identity identity;
  int64_t deadline_ns;       /* monotonic; 0: none */
  int64_t started_ns;        /* monotonic */
  struct jg_str traceparent; /* W3C trace context of the caller, or empty */
  bool takes_ready;          /* the transport sends messages as they are encoded (gRPC) */
  bool takes_parts;          /* the transport writes entities of any kind itself, as it does jobs (REST) */
  size_t response_bytes_max; /* lists stop before it (JG_LIMIT_RESPONSE_BYTES); 0: no such limit (REST) */

  ProtobufCMessage *request; /* decoded, of method->request; NULL for client streams */
  /* Writes whose job or entity came as JSON: which of its members stood there (bit i: member i). Else has_present is false and
   * the update_mask or the filled members tell. */
  bool has_present;
  uint64_t present;

  /* Lists of the REST door: parameter aliases of its query (OData 4.0 part 1, 11.2.5.1.3), and whether errors name its options
   * ($filter, $orderby) instead of the request's fields. */
  const struct jg_filter_alias *aliases;
  size_t alias_count;
  bool odata_names;

  _Atomic bool cancelled; /* the client went away or the deadline passed: work may stop early */

  /* Streams: set by the handler before its first send or receive. Called on a transport thread (but see send_all), must not block.
   * After ok false or on_cancelled the handler must finish soon. on_cancelled comes at most once, and may come while a send is out.
   * None begins after finish; one that has begun may still run when another thread finishes: until it returns the call stays. */
  void (*on_sent)(struct jg_call *call, bool ok);
  void (*on_received)(struct jg_call *call, struct jg_str message, bool end);
  void (*on_cancelled)(struct jg_call *call);
  void *stream; /* the handler's */
};

static inline void jg_call_finish(struct jg_call *call, struct jg_status status, const struct jg_answer *answer) {
  JG_ASSERT(call->magic == JG_CALL_MAGIC);
  call->sink->finish(call, status, answer);
}
static inline void jg_call_fail(struct jg_call *call, struct jg_status status) {
  JG_ASSERT(!jg_status_ok(status));
  jg_call_finish(call, status, NULL);
}

#endif
