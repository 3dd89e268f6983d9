/* What is counted and logged of calls: grpc_server_started_total, grpc_server_handled_total and grpc_server_handling_seconds by
 * method, and one line of log per call at its end. Thread: any. */
#ifndef JG_SERVER_GRPC_OBSERVE_H
#define JG_SERVER_GRPC_OBSERVE_H

#include <stdatomic.h>

#include "base/log.h"
#include "base/metric.h"
#include "base/status.h"

#define JG_GRPC_CODE_COUNT (JG_UNAUTHENTICATED + 1)

/* The series of one method. */
struct jg_grpc_series {
  struct jg_metrics *metrics;
  struct jg_str method;
  struct jg_metric *started;
  struct jg_histogram *seconds;
  _Atomic(struct jg_metric *) handled[JG_GRPC_CODE_COUNT]; /* NULL until the code happens */
};

/* metrics NULL: counted nowhere. method borrows as long as the series. */
void jg_grpc_series_init(struct jg_grpc_series *series, struct jg_metrics *metrics, struct jg_str method);
static inline void jg_grpc_series_start(struct jg_grpc_series *series) {
  jg_metric_add(series->started, 1);
}

struct jg_grpc_outcome {
  enum jg_code code;
  enum jg_reason reason;
  const char *message; /* shown for errors that are ours: INTERNAL, UNKNOWN, DATA_LOSS; else NULL */
  bool cancelled;
  int64_t duration_ns;
  struct jg_str traceparent;
};
/* Counts a call's end and logs it: at info if the error is ours, else at debug. log NULL: silent. */
void jg_grpc_series_end(struct jg_grpc_series *series, const struct jg_log *log, const struct jg_grpc_outcome *outcome);
/* The error is a fault of this server, not of the caller or the state. */
static inline bool jg_grpc_code_is_fault(enum jg_code code) {
  return code == JG_INTERNAL || code == JG_UNKNOWN || code == JG_DATA_LOSS;
}

#endif
