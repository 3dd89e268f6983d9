#include "base/metric.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/str.h"

#define CACHE_LINE_BYTES 64
#define NS_PER_SECOND INT64_C(1000000000)
/* Bounds of bucket 0. */
#define BUCKET_NS INT64_C(62500)
#define BUCKET_SECONDS INT64_C(4)

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM, KIND_AGES };

static const char *const kind_names[] = {
    [KIND_COUNTER] = "counter", [KIND_GAUGE] = "gauge", [KIND_HISTOGRAM] = "histogram", [KIND_AGES] = "histogram"};

union value {
  struct jg_metric metric;
  struct jg_histogram histogram;
};

/* Threads write the values all the time: a cache line around each keeps them from slowing each other. */
struct series {
  struct series *next;
  char *labels;
  char before[CACHE_LINE_BYTES];
  union value value;
  char after[CACHE_LINE_BYTES];
};

struct family {
  struct family *next;
  enum kind kind;
  char *name;
  char *help;
  struct series *first;
  struct series **end;
};

struct jg_metrics {
  pthread_mutex_t mutex; /* guards the lists, not the values */
  struct family *first;
  struct family **end;
};

static union value *find_or_add(struct jg_metrics *metrics, enum kind kind, const char *name, const char *help,
                                const char *labels);
static void write_family(const struct family *family, struct jg_buf *out);

struct jg_metrics *jg_metrics_create(void) {
  struct jg_metrics *metrics = jg_alloc_zero(1, sizeof(*metrics));
  JG_ASSERT(pthread_mutex_init(&metrics->mutex, NULL) == 0);
  metrics->end = &metrics->first;
  return metrics;
}

void jg_metrics_destroy(struct jg_metrics *metrics) {
  if (metrics == NULL) {
    return;
  }
  for (struct family *family = metrics->first; family != NULL;) {
    for (struct series *series = family->first; series != NULL;) {
      struct series *next = series->next;
      jg_free(series->labels);
      jg_free(series);
      series = next;
    }
    struct family *next = family->next;
    jg_free(family->name);
    jg_free(family->help);
    jg_free(family);
    family = next;
  }
  JG_ASSERT(pthread_mutex_destroy(&metrics->mutex) == 0);
  jg_free(metrics);
}

struct jg_metric *jg_metrics_counter(struct jg_metrics *metrics, const char *name, const char *help,
                                     const char *labels) {
  return &find_or_add(metrics, KIND_COUNTER, name, help, labels)->metric;
}

struct jg_metric *jg_metrics_gauge(struct jg_metrics *metrics, const char *name, const char *help, const char *labels) {
  return &find_or_add(metrics, KIND_GAUGE, name, help, labels)->metric;
}

struct jg_histogram *jg_metrics_histogram(struct jg_metrics *metrics, const char *name, const char *help,
                                          const char *labels) {
  return &find_or_add(metrics, KIND_HISTOGRAM, name, help, labels)->histogram;
}

struct jg_histogram *jg_metrics_age_histogram(struct jg_metrics *metrics, const char *name, const char *help,
                                              const char *labels) {
  return &find_or_add(metrics, KIND_AGES, name, help, labels)->histogram;
}

/* steps: how many whole times the bound of bucket 0 fits below the amount; 0 belongs to bucket 0 itself. */
static inline void observe(struct jg_histogram *histogram, int64_t amount, uint64_t steps) {
  // The smallest i with amount <= bound << i.
  size_t index = steps > 0 ? 64 - (size_t)__builtin_clzll(steps) : 0;
  index = index < JG_HISTOGRAM_BUCKETS ? index : JG_HISTOGRAM_BUCKETS;
  // Relaxed: a statistic orders nothing.
  atomic_fetch_add_explicit(&histogram->buckets[index], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&histogram->sum, amount, memory_order_relaxed);
}

JG_HOT void jg_histogram_observe_ns(struct jg_histogram *histogram, int64_t ns) {
  observe(histogram, ns > 0 ? ns : 0, ns > 0 ? (uint64_t)((ns - 1) / BUCKET_NS) : 0);
}

void jg_histogram_observe_age(struct jg_histogram *histogram, int64_t seconds) {
  observe(histogram, seconds > 0 ? seconds : 0, seconds > 0 ? (uint64_t)((seconds - 1) / BUCKET_SECONDS) : 0);
}

void jg_metrics_write(struct jg_metrics *metrics, struct jg_buf *out) {
  JG_ASSERT(pthread_mutex_lock(&metrics->mutex) == 0);
  for (const struct family *family = metrics->first; family != NULL; family = family->next) {
    write_family(family, out);
  }
  JG_ASSERT(pthread_mutex_unlock(&metrics->mutex) == 0);
}

static char *copy_cstr(const char *text) {
  size_t bytes = strlen(text) + 1;
  return memcpy(jg_alloc(bytes), text, bytes);
}

/* Of the exposition format: [a-zA-Z_:][a-zA-Z0-9_:]*; ours use no colon. */
static bool is_name(const char *name) {
  for (const char *p = name; *p != '\0'; p++) {
    bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
    if (!letter && (p == name || *p < '0' || *p > '9')) {
      return false;
    }
  }
  return *name != '\0';
}

static struct family *find_family(struct jg_metrics *metrics, enum kind kind, const char *name, const char *help) {
  for (struct family *family = metrics->first; family != NULL; family = family->next) {
    if (strcmp(family->name, name) == 0) {
      JG_ASSERT(family->kind == kind);
      return family;
    }
  }
  struct family *family = jg_alloc_zero(1, sizeof(*family));
  family->kind = kind;
  family->name = copy_cstr(name);
  family->help = copy_cstr(help);
  family->end = &family->first;
  *metrics->end = family;
  metrics->end = &family->next;
  return family;
}

static struct series *find_series(struct family *family, const char *labels) {
  for (struct series *series = family->first; series != NULL; series = series->next) {
    if (strcmp(series->labels, labels) == 0) {
      return series;
    }
  }
  struct series *series = jg_alloc_zero(1, sizeof(*series));
  series->labels = copy_cstr(labels);
  *family->end = series;
  family->end = &series->next;
  return series;
}

static union value *find_or_add(struct jg_metrics *metrics, enum kind kind, const char *name, const char *help,
                                const char *labels) {
  JG_ASSERT(is_name(name));
  if (metrics == NULL) {
    // Without a registry nobody reads and nobody frees: one shared place takes the writes.
    static union value sink;
    return &sink;
  }
  JG_ASSERT(pthread_mutex_lock(&metrics->mutex) == 0);
  struct series *series = find_series(find_family(metrics, kind, name, help), labels);
  JG_ASSERT(pthread_mutex_unlock(&metrics->mutex) == 0);
  return &series->value;
}

static void write_help(const char *help, struct jg_buf *out) {
  for (const char *p = help; *p != '\0'; p++) {
    if (*p == '\n') {
      jg_buf_append(out, "\\n", 2);
    } else if (*p == '\\') {
      jg_buf_append(out, "\\\\", 2);
    } else {
      jg_buf_append_char(out, *p);
    }
  }
}

/* Seconds with the zeros off the end of the fraction. */
static void write_seconds(int64_t ns, struct jg_buf *out) {
  char fraction[16];
  int len = snprintf(fraction, sizeof(fraction), "%09" PRId64, ns % NS_PER_SECOND);
  while (len > 0 && fraction[len - 1] == '0') {
    len--;
  }
  jg_buf_printf(out, "%" PRId64 "%s%.*s", ns / NS_PER_SECOND, len > 0 ? "." : "", len, fraction);
}

static void write_histogram(const struct family *family, const struct series *series, struct jg_buf *out) {
  const char *name = family->name;
  const char *labels = series->labels;
  const bool ages = family->kind == KIND_AGES;
  const char *comma = labels[0] != '\0' ? "," : "";
  int64_t count = 0;
  for (size_t i = 0; i <= JG_HISTOGRAM_BUCKETS; i++) {
    count += atomic_load_explicit(&series->value.histogram.buckets[i], memory_order_relaxed);
    jg_buf_printf(out, "%s_bucket{%s%sle=\"", name, labels, comma);
    if (i == JG_HISTOGRAM_BUCKETS) {
      jg_buf_append_str(out, JG_STR("+Inf"));
    } else if (ages) {
      jg_buf_printf(out, "%" PRId64, BUCKET_SECONDS << i);
    } else {
      write_seconds(BUCKET_NS << i, out);
    }
    jg_buf_printf(out, "\"} %" PRId64 "\n", count);
  }
  const char *open = labels[0] != '\0' ? "{" : "";
  const char *close = labels[0] != '\0' ? "}" : "";
  jg_buf_printf(out, "%s_sum%s%s%s ", name, open, labels, close);
  int64_t sum = atomic_load_explicit(&series->value.histogram.sum, memory_order_relaxed);
  if (ages) {
    jg_buf_printf(out, "%" PRId64, sum);
  } else {
    write_seconds(sum, out);
  }
  // The buckets' own sum, so that it agrees with +Inf whatever is observed meanwhile.
  jg_buf_printf(out, "\n%s_count%s%s%s %" PRId64 "\n", name, open, labels, close, count);
}

static void write_family(const struct family *family, struct jg_buf *out) {
  jg_buf_printf(out, "# HELP %s ", family->name);
  write_help(family->help, out);
  jg_buf_printf(out, "\n# TYPE %s %s\n", family->name, kind_names[family->kind]);
  for (const struct series *series = family->first; series != NULL; series = series->next) {
    if (family->kind == KIND_HISTOGRAM || family->kind == KIND_AGES) {
      write_histogram(family, series, out);
      continue;
    }
    int64_t value = atomic_load_explicit(&series->value.metric.value, memory_order_relaxed);
    const char *labels = series->labels;
    const char *open = labels[0] != '\0' ? "{" : "";
    jg_buf_printf(out, "%s%s%s%s %" PRId64 "\n", family->name, open, labels, labels[0] != '\0' ? "}" : "", value);
  }
}
