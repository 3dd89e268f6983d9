/* Counters, gauges and histograms, and their Prometheus text (exposition format 0.0.4). Thread: any. */
#ifndef JG_BASE_METRIC_H
#define JG_BASE_METRIC_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

struct jg_metrics; /* a registry */

/* A counter or a gauge. */
struct jg_metric {
  _Atomic int64_t value;
};

#define JG_HISTOGRAM_BUCKETS 16
/* Seconds in powers of two: bucket i counts observations <= 2^(i) * 62.5 us, the last one the rest. One of ages: <= 2^(i) * 4 s,
 * so up to 36 hours, and the sum is in seconds. */
struct jg_histogram {
  _Atomic int64_t buckets[JG_HISTOGRAM_BUCKETS + 1];
  _Atomic int64_t sum;
};

struct jg_metrics *jg_metrics_create(void);
void jg_metrics_destroy(struct jg_metrics *metrics);
/* Registers or finds a series. name, help and labels ("" or `method="GetJob",code="OK"`) are copied; the result lives
 * as long as the registry. Registering takes a lock: do it once, not per call. A NULL registry gives a sink nobody reads. */
struct jg_metric *jg_metrics_counter(struct jg_metrics *metrics, const char *name, const char *help,
                                     const char *labels);
struct jg_metric *jg_metrics_gauge(struct jg_metrics *metrics, const char *name, const char *help, const char *labels);
struct jg_histogram *jg_metrics_histogram(struct jg_metrics *metrics, const char *name, const char *help,
                                          const char *labels);
/* The same for ages: how long ago something was made. Observed in whole seconds alone. */
struct jg_histogram *jg_metrics_age_histogram(struct jg_metrics *metrics, const char *name, const char *help,
                                              const char *labels);
static inline void jg_metric_add(struct jg_metric *metric, int64_t n) {
  atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed); /* a statistic orders nothing */
}
static inline void jg_metric_set(struct jg_metric *metric, int64_t n) {
  atomic_store_explicit(&metric->value, n, memory_order_relaxed);
}
static inline int64_t jg_metric_get(struct jg_metric *metric) {
  return atomic_load_explicit(&metric->value, memory_order_relaxed);
}
void jg_histogram_observe_ns(struct jg_histogram *histogram, int64_t ns);
void jg_histogram_observe_age(struct jg_histogram *histogram, int64_t seconds);
/* Appends the text form of everything registered. */
void jg_metrics_write(struct jg_metrics *metrics, struct jg_buf *out);

#endif
