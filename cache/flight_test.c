#include "cache/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

#include "base/compiler.h"

#define LONG_NS INT64_C(60000000000)

static struct jg_flights *flights;
static struct jg_metrics *metrics;

static int setup(void **state) {
  (void)state;
  metrics = jg_metrics_create();
  flights = jg_flights_create(metrics);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_flights_destroy(flights);
  jg_flights_destroy(NULL);
  jg_metrics_destroy(metrics);
  return 0;
}

static struct jg_cache_key key_of(int64_t n) {
  return (struct jg_cache_key){.tenant = 1, .kind = JG_KIND_SKILL, .tree_revision = n};
}

static struct jg_cache_value *value_of(const struct jg_cache_key *key) {
  return jg_cache_value_create(key, &(struct jg_expanded){JG_STR("p"), JG_STR("{}"), JG_STR("k")});
}

static void the_first_loads(void **state) {
  (void)state;
  struct jg_cache_key key = key_of(1), other = key_of(2);
  struct jg_cache_value *value = NULL;
  assert_true(jg_flight_begin(flights, &key, LONG_NS, &value));
  assert_true(jg_flight_begin(flights, &other, LONG_NS, &value));  // another key
  assert_false(jg_flight_begin(flights, &key, 0, &value));         // does not wait
  assert_null(value);
  assert_false(jg_flight_begin(flights, &key, 1000000, &value));  // waits in vain
  assert_null(value);
  jg_flight_end(flights, &other, NULL);
  jg_flight_end(flights, &key, NULL);
  assert_true(jg_flight_begin(flights, &key, LONG_NS, &value));
  jg_flight_end(flights, &key, NULL);
}

struct crowd {
  struct jg_cache_key key;
  _Atomic int loads, waiting;
  struct jg_cache_value *kept; /* the in-process level's part, under the lock below */
  pthread_mutex_t mutex;
};

static struct jg_cache_value *peek(struct crowd *crowd, struct jg_cache_value *put) {
  assert_int_equal(pthread_mutex_lock(&crowd->mutex), 0);
  if (put != NULL) {
    crowd->kept = jg_cache_value_ref(put);
  }
  struct jg_cache_value *value = crowd->kept != NULL ? jg_cache_value_ref(crowd->kept) : NULL;
  assert_int_equal(pthread_mutex_unlock(&crowd->mutex), 0);
  return value;
}

/* As the cache does it: look, begin, look again, load, keep, end. */
static void *reader(void *data) {
  struct crowd *crowd = data;
  struct jg_cache_value *value = peek(crowd, NULL);
  if (value == NULL && jg_flight_begin(flights, &crowd->key, LONG_NS, &value)) {
    value = peek(crowd, NULL);
    if (value == NULL) {
      crowd->loads++;
      value = value_of(&crowd->key);
      jg_cache_value_unref(peek(crowd, value));
    }
    jg_flight_end(flights, &crowd->key, value);
  }
  assert_non_null(value);
  jg_cache_value_unref(value);
  return NULL;
}

/* 1,000 threads ask for one cold key at once: one loads, and nobody is left waiting. */
static void a_thousand_readers_cause_one_load(void **state) {
  (void)state;
  static pthread_t threads[1000];
  struct crowd crowd = {.key = key_of(7), .mutex = PTHREAD_MUTEX_INITIALIZER};
  pthread_attr_t small;
  assert_int_equal(pthread_attr_init(&small), 0);
  assert_int_equal(pthread_attr_setstacksize(&small, 256 << 10), 0);
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_create(&threads[i], &small, reader, &crowd), 0);
  }
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(crowd.loads, 1);
  jg_cache_value_unref(crowd.kept);
}

static void *waiter(void *data) {
  struct crowd *crowd = data;
  struct jg_cache_value *value = NULL;
  crowd->waiting++;
  bool first = jg_flight_begin(flights, &crowd->key, LONG_NS, &value);
  if (first) {
    crowd->loads++;
    jg_flight_end(flights, &crowd->key, NULL);
  }
  return value;
}

/* Those who wait get the very value; or, if nothing came of the load, they are told at once. */
static void waiters_hear_of_the_end(void **state) {
  (void)state;
  for (int fails = 0; fails < 2; fails++) {
    struct crowd crowd = {.key = key_of(fails), .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct jg_cache_value *value = fails ? NULL : value_of(&crowd.key), *nothing;
    assert_true(jg_flight_begin(flights, &crowd.key, LONG_NS, &nothing));
    pthread_t threads[8];
    for (size_t i = 0; i < JG_COUNT(threads); i++) {
      assert_int_equal(pthread_create(&threads[i], NULL, waiter, &crowd), 0);
    }
    while (crowd.waiting < (int)JG_COUNT(threads)) {
    }
    jg_flight_end(flights, &crowd.key, value);
    for (size_t i = 0; i < JG_COUNT(threads); i++) {
      void *got = NULL;
      assert_int_equal(pthread_join(threads[i], &got), 0);
      assert_true(got == NULL || got == value);  // NULL: it came after the end, and was first itself
      assert_true(got != NULL || fails || crowd.loads > 0);
      jg_cache_value_unref(got);
    }
    jg_cache_value_unref(value);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_first_loads, setup, teardown),
      cmocka_unit_test_setup_teardown(a_thousand_readers_cause_one_load, setup, teardown),
      cmocka_unit_test_setup_teardown(waiters_hear_of_the_end, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
