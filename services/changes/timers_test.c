#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/timers.h"

#define COUNT 200

static void pops_in_order(void **state) {
  (void)state;
  struct jg_timers timers = {0};
  struct jg_timer items[COUNT] = {0};
  assert_null(jg_timers_first(&timers));
  uint32_t seed = 1;
  for (size_t i = 0; i < COUNT; i++) {
    seed = seed * 1664525u + 1013904223u;
    jg_timers_set(&timers, &items[i], seed >> 20);
  }
  // Move a third of them, remove another third.
  for (size_t i = 0; i < COUNT; i += 3) {
    seed = seed * 1664525u + 1013904223u;
    jg_timers_set(&timers, &items[i], seed >> 20);
  }
  size_t left = COUNT;
  for (size_t i = 1; i < COUNT; i += 3, left--) {
    jg_timers_remove(&timers, &items[i]);
    assert_int_equal(items[i].place, 0);
  }
  int64_t before = -1;
  for (; left > 0; left--) {
    struct jg_timer *first = jg_timers_first(&timers);
    assert_non_null(first);
    assert_true(first->due_ns >= before);
    before = first->due_ns;
    jg_timers_remove(&timers, first);
  }
  assert_null(jg_timers_first(&timers));
  jg_timers_done(&timers);
}

static void remove_is_idempotent(void **state) {
  (void)state;
  struct jg_timers timers = {0};
  struct jg_timer one = {0};
  jg_timers_remove(&timers, &one);
  jg_timers_set(&timers, &one, 5);
  jg_timers_set(&timers, &one, 3);
  assert_ptr_equal(jg_timers_first(&timers), &one);
  assert_int_equal(one.due_ns, 3);
  jg_timers_remove(&timers, &one);
  jg_timers_remove(&timers, &one);
  assert_null(jg_timers_first(&timers));
  jg_timers_done(&timers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pops_in_order),
      cmocka_unit_test(remove_is_idempotent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
