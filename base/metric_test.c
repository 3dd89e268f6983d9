#include "base/metric.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/str.h"

static void assert_written(struct jg_metrics *metrics, const char *expected) {
  struct jg_buf out;
  jg_buf_init(&out, 1u << 20);
  jg_metrics_write(metrics, &out);
  assert_false(out.failed);
  jg_buf_append_char(&out, '\0');
  assert_string_equal(out.data, expected);
  jg_buf_done(&out);
}

static void test_empty(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  struct jg_buf out;
  jg_buf_init(&out, 10);
  jg_metrics_write(metrics, &out);
  assert_int_equal(out.len, 0);
  jg_buf_done(&out);
  jg_metrics_destroy(metrics);
  jg_metrics_destroy(NULL);
}

static void test_counters_and_gauges(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  struct jg_metric *get = jg_metrics_counter(metrics, "calls_total", "Calls.", "method=\"Get\"");
  struct jg_metric *open = jg_metrics_gauge(metrics, "open", "Line\nand \\ slash.", "");
  struct jg_metric *list = jg_metrics_counter(metrics, "calls_total", "ignored", "method=\"List\"");
  assert_ptr_not_equal(get, list);
  assert_ptr_equal(jg_metrics_counter(metrics, "calls_total", "Calls.", "method=\"Get\""), get);
  jg_metric_add(get, 2);
  jg_metric_add(get, 1);
  jg_metric_add(list, 1);
  jg_metric_set(open, 10);
  jg_metric_add(open, -15);
  assert_int_equal(jg_metric_get(get), 3);
  // Grouped by name, in the order of registration.
  assert_written(metrics,
                 "# HELP calls_total Calls.\n"
                 "# TYPE calls_total counter\n"
                 "calls_total{method=\"Get\"} 3\n"
                 "calls_total{method=\"List\"} 1\n"
                 "# HELP open Line\\nand \\\\ slash.\n"
                 "# TYPE open gauge\n"
                 "open -5\n");
  jg_metrics_destroy(metrics);
}

static void test_names_and_labels_are_copied(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  char name[] = "n", help[] = "h", labels[] = "l=\"1\"";
  jg_metric_add(jg_metrics_counter(metrics, name, help, labels), 1);
  name[0] = help[0] = labels[0] = 'x';
  assert_written(metrics, "# HELP n h\n# TYPE n counter\nn{l=\"1\"} 1\n");
  jg_metrics_destroy(metrics);
}

static void test_histogram_text(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  struct jg_histogram *plain = jg_metrics_histogram(metrics, "s", "S.", "");
  struct jg_histogram *labelled = jg_metrics_histogram(metrics, "s", "S.", "a=\"b\"");
  jg_histogram_observe_ns(plain, 100000);
  jg_histogram_observe_ns(plain, INT64_C(3000000000));
  jg_histogram_observe_ns(labelled, 1);
  struct jg_buf out;
  jg_buf_init(&out, 1u << 20);
  jg_metrics_write(metrics, &out);
  jg_buf_append_char(&out, '\0');
  const char *const lines[] = {
      "# HELP s S.\n# TYPE s histogram\ns_bucket{le=\"0.0000625\"} 0\ns_bucket{le=\"0.000125\"} 1\n",
      "\ns_bucket{le=\"0.064\"} 1\n",
      "\ns_bucket{le=\"1.024\"} 1\ns_bucket{le=\"2.048\"} 1\ns_bucket{le=\"+Inf\"} 2\ns_sum 3.0001\ns_count 2\n",
      "\ns_bucket{a=\"b\",le=\"0.0000625\"} 1\n",
      "\ns_bucket{a=\"b\",le=\"+Inf\"} 1\ns_sum{a=\"b\"} 0.000000001\ns_count{a=\"b\"} 1\n",
  };
  for (size_t i = 0; i < JG_COUNT(lines); i++) {
    assert_non_null(strstr(out.data, lines[i]));
  }
  jg_buf_done(&out);
  jg_metrics_destroy(metrics);
}

static void test_bucket_bounds(void **state) {
  (void)state;
  for (size_t i = 0; i <= JG_HISTOGRAM_BUCKETS; i++) {
    int64_t bound = INT64_C(62500) << i;
    struct jg_histogram histogram = {0};
    jg_histogram_observe_ns(&histogram, bound);
    jg_histogram_observe_ns(&histogram, bound + 1);
    size_t next = i + 1 < JG_HISTOGRAM_BUCKETS ? i + 1 : JG_HISTOGRAM_BUCKETS;
    assert_int_equal(histogram.buckets[i], next == i ? 2 : 1);
    assert_int_equal(histogram.buckets[next], next == i ? 2 : 1);
    assert_int_equal(histogram.sum, 2 * bound + 1);
  }
  struct jg_histogram histogram = {0};
  jg_histogram_observe_ns(&histogram, 0);
  jg_histogram_observe_ns(&histogram, -5);
  jg_histogram_observe_ns(&histogram, INT64_MAX);
  assert_int_equal(histogram.buckets[0], 2);
  assert_int_equal(histogram.buckets[JG_HISTOGRAM_BUCKETS], 1);
  assert_true(histogram.sum == INT64_MAX);
}

static void test_ages(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  struct jg_histogram *ages = jg_metrics_age_histogram(metrics, "a", "A.", "k=\"v\"");
  static const int64_t seconds[] = {-1, 0, 1, 4, 5, 8, 9, 86400, 131072, 131073, 1000000};
  for (size_t i = 0; i < JG_COUNT(seconds); i++) {
    jg_histogram_observe_age(ages, seconds[i]);
  }
  struct jg_buf out;
  jg_buf_init(&out, 1u << 20);
  jg_metrics_write(metrics, &out);
  jg_buf_append_char(&out, '\0');
  const char *const lines[] = {
      "# HELP a A.\n# TYPE a histogram\na_bucket{k=\"v\",le=\"4\"} 4\na_bucket{k=\"v\",le=\"8\"} 6\n"
      "a_bucket{k=\"v\",le=\"16\"} 7\n",
      "\na_bucket{k=\"v\",le=\"65536\"} 7\na_bucket{k=\"v\",le=\"131072\"} 9\na_bucket{k=\"v\",le=\"+Inf\"} 11\n"
      "a_sum{k=\"v\"} 1348572\na_count{k=\"v\"} 11\n",
  };
  for (size_t i = 0; i < JG_COUNT(lines); i++) {
    assert_non_null(strstr(out.data, lines[i]));
  }
  // A day's worth of hits that are a day old each does not reach the end of the sum.
  jg_histogram_observe_age(ages, INT64_C(86400) * 86400 * 100000);
  assert_true(atomic_load(&ages->sum) > 0);
  jg_buf_done(&out);
  jg_metrics_destroy(metrics);
}

static void test_without_registry(void **state) {
  (void)state;
  jg_metric_add(jg_metrics_counter(NULL, "a", "", ""), 1);
  jg_metric_set(jg_metrics_gauge(NULL, "a", "", ""), 1);
  jg_histogram_observe_ns(jg_metrics_histogram(NULL, "a", "", ""), 1);
}

static void test_write_at_the_buffer_maximum(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  jg_histogram_observe_ns(jg_metrics_histogram(metrics, "s", "S.", "a=\"b\""), 1);
  struct jg_buf whole;
  jg_buf_init(&whole, 1u << 20);
  jg_metrics_write(metrics, &whole);
  for (size_t cap = 0; cap <= whole.len; cap++) {
    struct jg_buf out;
    jg_buf_init(&out, cap);
    jg_metrics_write(metrics, &out);
    assert_int_equal(out.failed, cap < whole.len);
    assert_true(out.len <= cap);
    assert_true(out.len == 0 || memcmp(out.data, whole.data, out.len) == 0);
    jg_buf_done(&out);
  }
  jg_buf_done(&whole);
  jg_metrics_destroy(metrics);
}

enum { THREADS = 4, ROUNDS = 5000 };

static void *count(void *data) {
  struct jg_metrics *metrics = data;
  struct jg_metric *total = jg_metrics_counter(metrics, "total", "T.", "");
  struct jg_histogram *seconds = jg_metrics_histogram(metrics, "seconds", "S.", "");
  for (int i = 0; i < ROUNDS; i++) {
    jg_metric_add(total, 1);
    jg_histogram_observe_ns(seconds, INT64_C(1000) * i);
  }
  return NULL;
}

static void test_threads(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  pthread_t threads[THREADS];
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, count, metrics), 0);
  }
  for (int i = 0; i < 20; i++) {
    struct jg_buf out;
    jg_buf_init(&out, 1u << 20);
    jg_metrics_write(metrics, &out);
    assert_false(out.failed);
    jg_buf_done(&out);
  }
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(jg_metric_get(jg_metrics_counter(metrics, "total", "T.", "")), THREADS * ROUNDS);
  struct jg_histogram *seconds = jg_metrics_histogram(metrics, "seconds", "S.", "");
  int64_t observed = 0;
  for (size_t i = 0; i <= JG_HISTOGRAM_BUCKETS; i++) {
    observed += seconds->buckets[i];
  }
  assert_int_equal(observed, THREADS * ROUNDS);
  jg_metrics_destroy(metrics);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_empty),
      cmocka_unit_test(test_counters_and_gauges),
      cmocka_unit_test(test_names_and_labels_are_copied),
      cmocka_unit_test(test_histogram_text),
      cmocka_unit_test(test_bucket_bounds),
      cmocka_unit_test(test_ages),
      cmocka_unit_test(test_without_registry),
      cmocka_unit_test(test_write_at_the_buffer_maximum),
      cmocka_unit_test(test_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
