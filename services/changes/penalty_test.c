#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/changes/penalty.h"

#define NS_PER_MS INT64_C(1000000)

static int64_t next;

static int64_t add(struct jg_penalties *penalties, uint64_t hash, int64_t now_ms) {
  return jg_penalties_add(penalties, hash, now_ms * NS_PER_MS, &next);
}

static void the_impatient_waits_longer_and_longer(void **state) {
  (void)state;
  struct jg_penalties *penalties = jg_penalties_create();
  const int64_t expected[] = {0, 100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400};
  int64_t now = 1000;
  for (size_t i = 0; i < 10; i++) {
    assert_int_equal(add(penalties, 7, now), expected[i]);
    assert_int_equal(next, i < 9 ? expected[i + 1] : 6400);
    now += expected[i];  // it comes back as soon as it is answered
  }
  // Another one is another one.
  assert_int_equal(add(penalties, 8, now), 0);
  jg_penalties_destroy(penalties);
}

static void the_patient_is_answered_at_once(void **state) {
  (void)state;
  struct jg_penalties *penalties = jg_penalties_create();
  int64_t now = 5;
  for (size_t i = 0; i < 12; i++) {
    assert_int_equal(add(penalties, 0, now), 0);
    now += next;
  }
  // A little too early: for the rest.
  assert_int_equal(add(penalties, 0, now - 2), 2);
  assert_int_equal(next, 6400);
  // After a long time it is a new one.
  now += next + 6400 + JG_PENALTY_FORGET_MS;
  assert_int_equal(add(penalties, 0, now), 0);
  assert_int_equal(next, 100);
  jg_penalties_destroy(penalties);
}

static void many_with_the_same_do_not_stand_in_a_line(void **state) {
  (void)state;
  struct jg_penalties *penalties = jg_penalties_create();
  for (size_t i = 0; i < 1000; i++) {
    assert_in_range(add(penalties, 3, 1), 0, JG_PENALTY_MS_MAX);
  }
  jg_penalties_destroy(penalties);
}

static void the_table_forgets_the_oldest(void **state) {
  (void)state;
  struct jg_penalties *penalties = jg_penalties_create();
  for (uint64_t i = 1; i <= 100000; i++) {
    assert_int_equal(add(penalties, i * 2654435761u, (int64_t)i), 0);
  }
  assert_int_equal(add(penalties, UINT64_C(100000) * 2654435761u, 100000), 100);
  assert_int_equal(add(penalties, 2654435761u, 100000), 0);
  jg_penalties_destroy(penalties);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_impatient_waits_longer_and_longer),
      cmocka_unit_test(the_patient_is_answered_at_once),
      cmocka_unit_test(many_with_the_same_do_not_stand_in_a_line),
      cmocka_unit_test(the_table_forgets_the_oldest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
