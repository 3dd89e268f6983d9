#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void test_system_clock(void **state) {
  (void)state;
  const struct jg_clock *clock = jg_clock_system();
  int64_t before = (int64_t)time(NULL) * JG_TICKS_PER_SECOND;
  int64_t now = jg_clock_now_ticks(clock);
  // time() may lag behind clock_gettime() by a jiffy, and the machine may be slow.
  assert_true(now > before - JG_TICKS_PER_SECOND);
  assert_true(now < before + 600 * JG_TICKS_PER_SECOND);
  int64_t first = jg_clock_mono_ns(clock);
  int64_t second = jg_clock_mono_ns(clock);
  assert_true(first > 0);
  assert_true(second >= first);
  assert_ptr_equal(jg_clock_system(), clock);
}

static void test_manual_clock(void **state) {
  (void)state;
  struct jg_clock_manual manual;
  jg_clock_manual_init(&manual, JG_TICKS_UNSET);
  assert_int_equal(jg_clock_now_ticks(&manual.clock), JG_TICKS_UNSET);
  assert_int_equal(jg_clock_now_ticks(&manual.clock), JG_TICKS_UNSET);
  int64_t start_ns = jg_clock_mono_ns(&manual.clock);
  assert_true(start_ns > 0);
  jg_clock_manual_advance_ns(&manual, INT64_C(1500000000));
  assert_int_equal(jg_clock_now_ticks(&manual.clock) - JG_TICKS_UNSET, 15000000);
  assert_int_equal(jg_clock_mono_ns(&manual.clock) - start_ns, INT64_C(1500000000));
}

static void test_steps_below_a_tick_add_up(void **state) {
  (void)state;
  struct jg_clock_manual manual;
  jg_clock_manual_init(&manual, 0);
  for (int i = 0; i < 10; i++) {
    jg_clock_manual_advance_ns(&manual, 30);
  }
  assert_int_equal(jg_clock_now_ticks(&manual.clock), 3);
}

static void test_unset_is_1980(void **state) {
  (void)state;
  time_t seconds = (time_t)(JG_TICKS_UNSET / JG_TICKS_PER_SECOND);
  struct tm utc;
  assert_non_null(gmtime_r(&seconds, &utc));
  assert_int_equal(utc.tm_year, 80);
  assert_int_equal(utc.tm_yday, 0);
  assert_int_equal(utc.tm_hour + utc.tm_min + utc.tm_sec, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_system_clock),
      cmocka_unit_test(test_manual_clock),
      cmocka_unit_test(test_steps_below_a_tick_add_up),
      cmocka_unit_test(test_unset_is_1980),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
