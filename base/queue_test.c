#include "base/queue.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

struct item {
  struct jg_queue_node node;
  int producer, number;
};

static void count_call(void *data) {
  ++*(int *)data;
}

static void test_order(void **state) {
  (void)state;
  struct jg_queue queue;
  jg_queue_init(&queue, 10, NULL, NULL);
  struct item items[5];
  for (int i = 0; i < 5; i++) {
    items[i].number = i;
    assert_true(jg_status_ok(jg_queue_post(&queue, &items[i].node)));
  }
  assert_int_equal(jg_queue_count(&queue), 5);
  for (int i = 0; i < 5; i++) {
    assert_ptr_equal(jg_queue_take(&queue, -1), &items[i].node);
  }
  assert_int_equal(jg_queue_count(&queue), 0);
  assert_null(jg_queue_take(&queue, 0));
  jg_queue_done(&queue);
}

static void test_full(void **state) {
  (void)state;
  struct jg_queue queue;
  jg_queue_init(&queue, 2, NULL, NULL);
  struct item items[3];
  assert_true(jg_status_ok(jg_queue_post(&queue, &items[0].node)));
  assert_true(jg_status_ok(jg_queue_post(&queue, &items[1].node)));
  struct jg_status status = jg_queue_post(&queue, &items[2].node);
  assert_int_equal(status.code, JG_RESOURCE_EXHAUSTED);
  assert_int_equal(status.reason, JG_REASON_OVERLOADED);
  assert_int_equal(jg_queue_count(&queue), 2);
  assert_ptr_equal(jg_queue_take(&queue, 0), &items[0].node);
  assert_true(jg_status_ok(jg_queue_post(&queue, &items[2].node)));
  assert_ptr_equal(jg_queue_take(&queue, 0), &items[1].node);
  assert_ptr_equal(jg_queue_take(&queue, 0), &items[2].node);
  jg_queue_done(&queue);
}

static void test_take_all(void **state) {
  (void)state;
  struct jg_queue queue;
  jg_queue_init(&queue, 10, NULL, NULL);
  assert_null(jg_queue_take_all(&queue, 0));
  struct item items[6];
  // 0 takes all; a maximum leaves the rest in order; a maximum of the count or more takes all.
  const size_t maxima[] = {0, 1, 4, 5, 6, 100};
  for (size_t round = 0; round < JG_COUNT(maxima); round++) {
    for (size_t i = 0; i < 5; i++) {
      assert_true(jg_status_ok(jg_queue_post(&queue, &items[i].node)));
    }
    size_t expected = maxima[round] == 0 || maxima[round] > 5 ? 5 : maxima[round];
    size_t got = 0;
    for (struct jg_queue_node *node = jg_queue_take_all(&queue, maxima[round]); node != NULL; node = node->next) {
      assert_ptr_equal(node, &items[got].node);
      got++;
    }
    assert_int_equal(got, expected);
    assert_int_equal(jg_queue_count(&queue), 5 - expected);
    // A post behind what is left keeps the order.
    assert_true(jg_status_ok(jg_queue_post(&queue, &items[5].node)));
    for (; got < 6; got++) {
      assert_ptr_equal(jg_queue_take(&queue, 0), &items[got].node);
    }
  }
  jg_queue_done(&queue);
}

static void test_notify_when_it_was_empty(void **state) {
  (void)state;
  int calls = 0;
  struct jg_queue queue;
  jg_queue_init(&queue, 2, count_call, &calls);
  struct item items[3];
  assert_true(jg_status_ok(jg_queue_post(&queue, &items[0].node)));
  assert_int_equal(calls, 1);
  assert_true(jg_status_ok(jg_queue_post(&queue, &items[1].node)));
  assert_int_equal(calls, 1);
  assert_false(jg_status_ok(jg_queue_post(&queue, &items[2].node)));
  assert_int_equal(calls, 1);
  assert_non_null(jg_queue_take_all(&queue, 0));
  assert_true(jg_status_ok(jg_queue_post(&queue, &items[0].node)));
  assert_int_equal(calls, 2);
  assert_non_null(jg_queue_take(&queue, 0));
  jg_queue_close(&queue);
  assert_false(jg_status_ok(jg_queue_post(&queue, &items[0].node)));
  assert_int_equal(calls, 2);
  jg_queue_done(&queue);
}

static void test_close(void **state) {
  (void)state;
  struct jg_queue queue;
  jg_queue_init(&queue, 2, NULL, NULL);
  struct item items[2];
  assert_true(jg_status_ok(jg_queue_post(&queue, &items[0].node)));
  jg_queue_close(&queue);
  jg_queue_close(&queue);
  struct jg_status status = jg_queue_post(&queue, &items[1].node);
  assert_int_equal(status.code, JG_UNAVAILABLE);
  assert_int_equal(status.reason, JG_REASON_DRAINING);
  // What was posted before is still given out.
  assert_ptr_equal(jg_queue_take(&queue, -1), &items[0].node);
  assert_null(jg_queue_take(&queue, -1));
  assert_null(jg_queue_take(&queue, INT64_C(3600000000000)));
  jg_queue_done(&queue);
}

static void test_timeout(void **state) {
  (void)state;
  struct jg_queue queue;
  jg_queue_init(&queue, 2, NULL, NULL);
  struct timespec before, after;
  assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
  assert_null(jg_queue_take(&queue, 2000000));
  assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
  assert_true((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= 2000000);
  jg_queue_done(&queue);
}

static void *take_one(void *data) {
  return jg_queue_take(data, -1);
}

static void test_close_wakes_every_taker(void **state) {
  (void)state;
  struct jg_queue queue;
  jg_queue_init(&queue, 2, NULL, NULL);
  pthread_t threads[3];
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, take_one, &queue), 0);
  }
  jg_queue_close(&queue);
  for (size_t i = 0; i < JG_COUNT(threads); i++) {
    void *taken = &queue;
    assert_int_equal(pthread_join(threads[i], &taken), 0);
    assert_null(taken);
  }
  jg_queue_done(&queue);
}

enum { PRODUCERS = 3, CONSUMERS = 2, ITEMS = 2000 };

struct traffic {
  struct jg_queue queue;
  struct item items[PRODUCERS][ITEMS];
  _Atomic int next_producer;
  _Atomic int taken;
  _Atomic int refused;
  _Atomic bool ordered;
};

static void *produce(void *data) {
  struct traffic *traffic = data;
  int producer = atomic_fetch_add(&traffic->next_producer, 1);
  for (int i = 0; i < ITEMS; i++) {
    struct item *item = &traffic->items[producer][i];
    item->producer = producer;
    item->number = i;
    while (!jg_status_ok(jg_queue_post(&traffic->queue, &item->node))) {
      atomic_fetch_add(&traffic->refused, 1);
      (void)sched_yield();
    }
  }
  return NULL;
}

static void *consume(void *data) {
  struct traffic *traffic = data;
  int last[PRODUCERS] = {-1, -1, -1};
  struct jg_queue_node *node;
  while ((node = jg_queue_take(&traffic->queue, -1)) != NULL) {
    struct item *item = (struct item *)node;
    if (item->number <= last[item->producer]) {
      atomic_store(&traffic->ordered, false);
    }
    last[item->producer] = item->number;
    atomic_fetch_add(&traffic->taken, 1);
  }
  return NULL;
}

static void test_threads(void **state) {
  (void)state;
  static struct traffic traffic;
  jg_queue_init(&traffic.queue, 16, NULL, NULL);
  atomic_store(&traffic.ordered, true);
  pthread_t producers[PRODUCERS], consumers[CONSUMERS];
  for (int i = 0; i < CONSUMERS; i++) {
    assert_int_equal(pthread_create(&consumers[i], NULL, consume, &traffic), 0);
  }
  for (int i = 0; i < PRODUCERS; i++) {
    assert_int_equal(pthread_create(&producers[i], NULL, produce, &traffic), 0);
  }
  for (int i = 0; i < PRODUCERS; i++) {
    assert_int_equal(pthread_join(producers[i], NULL), 0);
  }
  jg_queue_close(&traffic.queue);
  for (int i = 0; i < CONSUMERS; i++) {
    assert_int_equal(pthread_join(consumers[i], NULL), 0);
  }
  assert_int_equal(atomic_load(&traffic.taken), PRODUCERS * ITEMS);
  assert_true(atomic_load(&traffic.ordered));
  jg_queue_done(&traffic.queue);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order),
      cmocka_unit_test(test_full),
      cmocka_unit_test(test_take_all),
      cmocka_unit_test(test_notify_when_it_was_empty),
      cmocka_unit_test(test_close),
      cmocka_unit_test(test_timeout),
      cmocka_unit_test(test_close_wakes_every_taker),
      cmocka_unit_test(test_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
