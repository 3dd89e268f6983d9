#include "base/bytes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_create_copies(void **state) {
  (void)state;
  char source[] = "a\0c";
  struct jg_bytes *bytes = jg_bytes_create(jg_str_make(source, 3));
  source[0] = 'x';
  assert_int_equal(jg_bytes_str(bytes).len, 3);
  assert_memory_equal(jg_bytes_str(bytes).data, "a\0c", 3);
  jg_bytes_unref(bytes);
}

static void test_empty(void **state) {
  (void)state;
  struct jg_bytes *bytes = jg_bytes_create(JG_STR_NONE);
  assert_int_equal(jg_bytes_str(bytes).len, 0);
  assert_non_null(jg_bytes_str(bytes).data);
  jg_bytes_unref(bytes);
  jg_bytes_unref(NULL);
}

static void test_room(void **state) {
  (void)state;
  struct jg_bytes *bytes = jg_bytes_create_room(1000);
  memset(bytes->data, 'x', 1000);
  assert_int_equal(bytes->len, 1000);
  assert_ptr_equal(jg_bytes_ref(bytes), bytes);
  jg_bytes_unref(bytes);
  assert_int_equal(jg_bytes_str(bytes).data[999], 'x');
  jg_bytes_unref(bytes);
}

static void *read_and_drop(void *data) {
  struct jg_bytes *bytes = data;
  uintptr_t sum = 0;
  for (int round = 0; round < 1000; round++) {
    struct jg_bytes *again = jg_bytes_ref(bytes);
    sum += (unsigned char)jg_bytes_str(again).data[(size_t)round % again->len];
    jg_bytes_unref(again);
  }
  jg_bytes_unref(bytes);
  return (void *)sum;
}

static void test_threads_share_and_the_last_one_frees(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    struct jg_bytes *bytes = jg_bytes_create(JG_STR("\1\1\1\1"));
    pthread_t threads[4];
    for (size_t i = 0; i < JG_COUNT(threads); i++) {
      assert_int_equal(pthread_create(&threads[i], NULL, read_and_drop, jg_bytes_ref(bytes)), 0);
    }
    jg_bytes_unref(bytes);
    for (size_t i = 0; i < JG_COUNT(threads); i++) {
      void *sum = NULL;
      assert_int_equal(pthread_join(threads[i], &sum), 0);
      assert_int_equal((uintptr_t)sum, 1000);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_create_copies),
      cmocka_unit_test(test_empty),
      cmocka_unit_test(test_room),
      cmocka_unit_test(test_threads_share_and_the_last_one_frees),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
