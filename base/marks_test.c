#include "base/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/compiler.h"

#define KEYS 1000u
#define THREADS 4u

static void marks_only_rise(void **state) {
  (void)state;
  struct jg_marks *marks = jg_marks_create(1u << 16);
  assert_int_equal(jg_marks_get(marks, 7), 0);
  jg_marks_raise(marks, 7, 5);
  assert_int_equal(jg_marks_get(marks, 7), 5);
  jg_marks_raise(marks, 7, 3);
  assert_int_equal(jg_marks_get(marks, 7), 5);
  jg_marks_destroy(marks);
  jg_marks_destroy(NULL);
}

static void shared_slots_are_never_too_low(void **state) {
  (void)state;
  struct jg_marks *marks = jg_marks_create(16);
  for (uint64_t key = 0; key < KEYS; key++) {
    jg_marks_raise(marks, key, (int64_t)(key % 100));
  }
  for (uint64_t key = 0; key < KEYS; key++) {
    assert_true(jg_marks_get(marks, key) >= (int64_t)(key % 100));
  }
  jg_marks_destroy(marks);
}

static void *raise_all(void *data) {
  for (int64_t value = 1; value <= 1000; value++) {
    jg_marks_raise(data, 1, value);
    JG_ASSERT(jg_marks_get(data, 1) >= value);
  }
  return NULL;
}

static void threads_race_upwards(void **state) {
  (void)state;
  struct jg_marks *marks = jg_marks_create(1);
  pthread_t threads[THREADS];
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, raise_all, marks), 0);
  }
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(jg_marks_get(marks, 1), 1000);
  jg_marks_destroy(marks);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(marks_only_rise),
      cmocka_unit_test(shared_slots_are_never_too_low),
      cmocka_unit_test(threads_race_upwards),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
