#include "cache/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/compiler.h"

static struct jg_answer_key key_of(uint32_t n) {
  struct jg_answer_key key = {.tenant = 1};
  memcpy(key.id.bytes + 12, &n, sizeof n);
  return key;
}

static void put_text(struct jg_answers *answers, const struct jg_answer_key *key, int64_t revision,
                     struct jg_str text) {
  struct jg_bytes *message = jg_bytes_create(text);
  jg_answers_put(answers, key, revision, message);
  jg_bytes_unref(message);
}

static void keeps_the_newest(void **state) {
  (void)state;
  struct jg_answers *answers = jg_answers_create(1u << 20, NULL);
  struct jg_answer_key key = key_of(7);
  int64_t revision = 0;
  assert_null(jg_answers_get(answers, &key, &revision));
  put_text(answers, &key, 5, JG_STR("five"));
  put_text(answers, &key, 4, JG_STR("four"));
  struct jg_bytes *message = jg_answers_get(answers, &key, &revision);
  assert_int_equal(revision, 5);
  assert_true(jg_str_equal(jg_bytes_str(message), JG_STR("five")));
  put_text(answers, &key, 6, JG_STR("six"));
  assert_true(jg_str_equal(jg_bytes_str(message), JG_STR("five"))); /* what was given out stays */
  jg_bytes_unref(message);
  struct jg_answer_key other = key;
  other.nodes = true;
  assert_null(jg_answers_get(answers, &other, &revision));
  other = key;
  other.tenant = 2;
  assert_null(jg_answers_get(answers, &other, &revision));
  jg_answers_destroy(answers);
  jg_answers_destroy(NULL);
}

static void bytes_are_bounded(void **state) {
  (void)state;
  enum { BYTES_MAX = 64 * 4096, MESSAGE = 512 };
  struct jg_metrics *metrics = jg_metrics_create();
  struct jg_answers *answers = jg_answers_create(BYTES_MAX, metrics);
  struct jg_metric *bytes = jg_metrics_gauge(metrics, "jobgate_answer_cache_bytes", "Bytes of ready answers kept.", "");
  static char text[BYTES_MAX];
  for (uint32_t n = 0; n < 20000; n++) {
    struct jg_answer_key key = key_of(n);
    put_text(answers, &key, 1, jg_str_make(text, MESSAGE));
    assert_true(jg_metric_get(bytes) <= BYTES_MAX);
  }
  assert_true(jg_metric_get(bytes) > BYTES_MAX / 2);
  struct jg_answer_key key = key_of(1);
  int64_t revision;
  put_text(answers, &key, 2, jg_str_make(text, sizeof text)); /* too large for its share */
  struct jg_bytes *message = jg_answers_get(answers, &key, &revision);
  assert_true(message == NULL || message->len == MESSAGE);
  jg_bytes_unref(message);
  jg_answers_destroy(answers);
  jg_metrics_destroy(metrics);
}

static void *hammer(void *data) {
  for (uint32_t n = 0; n < 20000; n++) {
    struct jg_answer_key key = key_of(n % 97);
    int64_t revision;
    put_text(data, &key, n, JG_STR("message"));
    struct jg_bytes *message = jg_answers_get(data, &key, &revision);
    JG_ASSERT(message == NULL || message->len == 7);
    jg_bytes_unref(message);
  }
  return NULL;
}

static void threads_share_it(void **state) {
  (void)state;
  struct jg_answers *answers = jg_answers_create(4096, NULL);
  pthread_t threads[4];
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, hammer, answers), 0);
  }
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  jg_answers_destroy(answers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_newest),
      cmocka_unit_test(bytes_are_bounded),
      cmocka_unit_test(threads_share_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
