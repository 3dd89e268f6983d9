#include "cache/memory/heads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>

static struct jg_head_key key_of(uint32_t n) {
  struct jg_head_key key = {.kind = JG_KIND_PROJECT};
  memcpy(key.id.bytes, &n, sizeof(n));
  return key;
}

static int64_t get_one(struct jg_heads *heads, int64_t tenant, int64_t revision, struct jg_head_key key) {
  int64_t head = 12345;
  size_t found = jg_heads_get(heads, tenant, revision, &key, 1, &head);
  assert_int_equal(found, head != JG_HEAD_UNKNOWN);
  return head;
}

static void test_valid_for_its_entity_revision_alone(void **state) {
  (void)state;
  struct jg_heads *heads = jg_heads_create(64);
  struct jg_head_key key = key_of(1);
  assert_int_equal(get_one(heads, 1, 10, key), JG_HEAD_UNKNOWN);
  jg_heads_put(heads, 1, 10, &key, 4);
  assert_int_equal(get_one(heads, 1, 10, key), 4);
  assert_int_equal(get_one(heads, 1, 9, key), JG_HEAD_UNKNOWN);
  assert_int_equal(get_one(heads, 1, 11, key), JG_HEAD_UNKNOWN);
  assert_int_equal(get_one(heads, 2, 10, key), JG_HEAD_UNKNOWN);
  struct jg_head_key other = key;
  other.kind = JG_KIND_SKILL;
  assert_int_equal(get_one(heads, 1, 10, other), JG_HEAD_UNKNOWN);

  jg_heads_put(heads, 1, 11, &key, JG_HEAD_MISSING);
  assert_int_equal(get_one(heads, 1, 11, key), JG_HEAD_MISSING);
  jg_heads_put(heads, 1, 11, &other, 0);
  assert_int_equal(get_one(heads, 1, 11, other), 0);
  // A late reader of the older snapshot does not put its entry over the newer one.
  jg_heads_put(heads, 1, 10, &key, 4);
  assert_int_equal(get_one(heads, 1, 11, key), JG_HEAD_MISSING);
  jg_heads_destroy(heads);
  jg_heads_destroy(NULL);
}

static void test_many_more_than_fit(void **state) {
  (void)state;
  struct jg_heads *heads = jg_heads_create(256);
  enum { COUNT = 5000 };
  for (uint32_t i = 0; i < COUNT; i++) {
    struct jg_head_key key = key_of(i);
    jg_heads_put(heads, 1, 1, &key, i + 1);
    assert_int_equal(get_one(heads, 1, 1, key), i + 1);
  }
  size_t kept = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    int64_t head = get_one(heads, 1, 1, key_of(i));
    assert_true(head == JG_HEAD_UNKNOWN || head == i + 1);
    kept += head != JG_HEAD_UNKNOWN;
  }
  assert_in_range(kept, 128, 256);
  jg_heads_destroy(heads);
}

static void *hammer(void *data) {
  struct jg_heads *heads = data;
  for (uint32_t round = 0; round < 2000; round++) {
    struct jg_head_key key = key_of(round % 100);
    int64_t revision = 1 + round % 3;
    // The head tells both its key and its entity_revision, so that a mixed-up one is seen.
    jg_heads_put(heads, 1, revision, &key, revision * 1000 + round % 100);
    int64_t head = JG_HEAD_UNKNOWN;
    (void)jg_heads_get(heads, 1, revision, &key, 1, &head);
    if (head != JG_HEAD_UNKNOWN && head != revision * 1000 + round % 100) {
      return (void *)"mixed up";
    }
  }
  return NULL;
}

static void test_threads(void **state) {
  (void)state;
  struct jg_heads *heads = jg_heads_create(64);
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, hammer, heads), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    void *error = NULL;
    assert_int_equal(pthread_join(threads[i], &error), 0);
    assert_null(error);
  }
  jg_heads_destroy(heads);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_valid_for_its_entity_revision_alone),
      cmocka_unit_test(test_many_more_than_fit),
      cmocka_unit_test(test_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
