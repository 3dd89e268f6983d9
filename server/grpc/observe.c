#include "server/grpc/observe.h"

#include <stdio.h>

#define LABELS_BYTES 160
#define NS_PER_US 1000

void jg_grpc_series_init(struct jg_grpc_series *series, struct jg_metrics *metrics, struct jg_str method) {
  series->metrics = metrics;
  series->method = method;
  char labels[LABELS_BYTES];
  int len = snprintf(labels, sizeof(labels), "grpc_method=\"%.*s\"", JG_STR_ARG(method));
  JG_ASSERT(len > 0 && (size_t)len < sizeof(labels));
  series->started = jg_metrics_counter(metrics, "grpc_server_started_total", "Calls that arrived.", labels);
  series->seconds =
      jg_metrics_histogram(metrics, "grpc_server_handling_seconds", "Time from a call's arrival to its end.", labels);
  for (size_t i = 0; i < JG_GRPC_CODE_COUNT; i++) {
    atomic_init(&series->handled[i], NULL);
  }
}

static struct jg_metric *handled(struct jg_grpc_series *series, enum jg_code code) {
  // Acquire and release: the series is made by the registry before its address is seen. Two threads that both find none ask
  // the registry, which gives both the same.
  struct jg_metric *metric = atomic_load_explicit(&series->handled[code], memory_order_acquire);
  if (JG_UNLIKELY(metric == NULL)) {
    char labels[LABELS_BYTES];
    int len = snprintf(labels, sizeof(labels), "grpc_method=\"%.*s\",grpc_code=\"%s\"", JG_STR_ARG(series->method),
                       jg_code_name(code));
    JG_ASSERT(len > 0 && (size_t)len < sizeof(labels));
    metric = jg_metrics_counter(series->metrics, "grpc_server_handled_total", "Calls that ended, by code.", labels);
    atomic_store_explicit(&series->handled[code], metric, memory_order_release);
  }
  return metric;
}

void jg_grpc_series_end(struct jg_grpc_series *series, const struct jg_log *log,
                        const struct jg_grpc_outcome *outcome) {
  JG_ASSERT((size_t)outcome->code < JG_GRPC_CODE_COUNT);
  jg_metric_add(handled(series, outcome->code), 1);
  jg_histogram_observe_ns(series->seconds, outcome->duration_ns);
  enum jg_log_level level = jg_grpc_code_is_fault(outcome->code) ? JG_LOG_INFO : JG_LOG_DEBUG;
  if (log == NULL || level < log->level_min) {
    return;
  }
  struct jg_log_field fields[7];
  size_t count = 0;
  fields[count++] = JG_LOG_S("method", series->method);
  fields[count++] = JG_LOG_C("code", jg_code_name(outcome->code));
  fields[count++] = JG_LOG_I("duration_us", outcome->duration_ns / NS_PER_US);
  if (outcome->reason != JG_REASON_NONE) {
    fields[count++] = JG_LOG_C("reason", jg_reason_name(outcome->reason));
  }
  if (outcome->message != NULL) {
    fields[count++] = JG_LOG_C("message", outcome->message);
  }
  if (outcome->cancelled) {
    fields[count++] = JG_LOG_I("cancelled", 1);
  }
  if (outcome->traceparent.len != 0) {
    fields[count++] = JG_LOG_S("traceparent", outcome->traceparent);
  }
  jg_log_write(log, level, "grpc_call", fields, count);
}
