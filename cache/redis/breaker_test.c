#include "cache/redis/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"

#define MIN_NS INT64_C(1000000)
#define MAX_NS INT64_C(8000000)
#define RANDOM_MAX UINT32_MAX

static struct jg_breaker closed_at(int64_t now_ns) {
  struct jg_breaker breaker;
  jg_breaker_init(&breaker, 3, MIN_NS, MAX_NS);
  assert_true(jg_breaker_probe(&breaker, now_ns));
  jg_breaker_success(&breaker, now_ns);
  assert_int_equal(breaker.state, JG_BREAKER_CLOSED);
  return breaker;
}

static void begins_with_a_probe(void **state) {
  (void)state;
  struct jg_breaker breaker;
  jg_breaker_init(&breaker, 3, MIN_NS, MAX_NS);
  assert_int_equal(breaker.state, JG_BREAKER_OPEN);
  jg_breaker_success(&breaker, 0);  // nothing asked: it says nothing
  assert_int_equal(breaker.state, JG_BREAKER_OPEN);
  assert_true(jg_breaker_probe(&breaker, 0));
  assert_int_equal(breaker.state, JG_BREAKER_HALF_OPEN);
  assert_false(jg_breaker_probe(&breaker, 0));  // one at a time
  jg_breaker_failure(&breaker, 0, 0);
  assert_int_equal(breaker.state, JG_BREAKER_OPEN);
}

static void opens_after_failures_in_a_row(void **state) {
  (void)state;
  struct jg_breaker breaker = closed_at(0);
  jg_breaker_failure(&breaker, 1, 0);
  jg_breaker_failure(&breaker, 2, 0);
  jg_breaker_success(&breaker, 3);
  jg_breaker_failure(&breaker, 4, 0);
  jg_breaker_failure(&breaker, 5, 0);
  assert_int_equal(breaker.state, JG_BREAKER_CLOSED);
  jg_breaker_failure(&breaker, 6, 0);
  assert_int_equal(breaker.state, JG_BREAKER_OPEN);
  breaker = closed_at(0);
  jg_breaker_trip(&breaker, 7, 0);
  assert_int_equal(breaker.state, JG_BREAKER_OPEN);
}

static void pauses_double_up_to_the_longest(void **state) {
  (void)state;
  struct jg_breaker breaker;
  jg_breaker_init(&breaker, 3, MIN_NS, MAX_NS);
  static const int64_t pauses[] = {MIN_NS, 2 * MIN_NS, 4 * MIN_NS, MAX_NS, MAX_NS, MAX_NS};
  int64_t now_ns = 100;
  for (size_t i = 0; i < JG_COUNT(pauses); i++) {
    assert_true(jg_breaker_probe(&breaker, now_ns));
    jg_breaker_failure(&breaker, now_ns, 0);
    assert_int_equal(breaker.probe_at_ns, now_ns + pauses[i] / 2);
    assert_false(jg_breaker_probe(&breaker, breaker.probe_at_ns - 1));
    now_ns = breaker.probe_at_ns;
  }
}

static void jitter_stays_within_the_pause(void **state) {
  (void)state;
  static const uint32_t randoms[] = {0, 1, 1u << 31, RANDOM_MAX};
  int64_t last = -1;
  for (size_t i = 0; i < JG_COUNT(randoms); i++) {
    struct jg_breaker breaker = closed_at(0);
    jg_breaker_trip(&breaker, 100 * MAX_NS, randoms[i]);
    int64_t pause_ns = breaker.probe_at_ns - 100 * MAX_NS;
    assert_true(pause_ns >= MIN_NS / 2 && pause_ns <= MIN_NS);
    assert_true(pause_ns >= last);
    last = pause_ns;
  }
  assert_true(last > MIN_NS * 9 / 10);
}

/* One that opens again soon after closing goes on with longer pauses; one that was well begins anew. */
static void flapping_makes_pauses_longer(void **state) {
  (void)state;
  struct jg_breaker breaker = closed_at(0);
  int64_t now_ns = 1;
  for (size_t i = 0; i < 10; i++) {
    jg_breaker_trip(&breaker, now_ns, 0);
    now_ns = breaker.probe_at_ns;
    assert_true(jg_breaker_probe(&breaker, now_ns));
    jg_breaker_success(&breaker, now_ns);
  }
  assert_int_equal(breaker.pause_ns, MAX_NS);
  jg_breaker_trip(&breaker, now_ns + 3 * MAX_NS, 0);
  assert_int_equal(breaker.pause_ns, MIN_NS);
}

static void late_answers_do_not_close(void **state) {
  (void)state;
  struct jg_breaker breaker = closed_at(0);
  jg_breaker_trip(&breaker, 1, 0);
  jg_breaker_success(&breaker, 2);
  assert_int_equal(breaker.state, JG_BREAKER_OPEN);
  int64_t probe_at_ns = breaker.probe_at_ns;
  jg_breaker_trip(&breaker, 3, 0);
  jg_breaker_failure(&breaker, 3, 0);
  assert_int_equal(breaker.probe_at_ns, probe_at_ns);  // nor put the probe off
  jg_breaker_probe_now(&breaker);
  assert_int_equal(breaker.state, JG_BREAKER_HALF_OPEN);
  assert_string_equal(jg_breaker_state_name(breaker.state), "half_open");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(begins_with_a_probe),
      cmocka_unit_test(opens_after_failures_in_a_row),
      cmocka_unit_test(pauses_double_up_to_the_longest),
      cmocka_unit_test(jitter_stays_within_the_pause),
      cmocka_unit_test(flapping_makes_pauses_longer),
      cmocka_unit_test(late_answers_do_not_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
