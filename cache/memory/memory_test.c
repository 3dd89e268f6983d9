#include "cache/memory/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static char filler[64 << 10];

static struct jg_cache_key key_of(uint32_t n) {
  struct jg_cache_key key = {.tenant = 1, .tree_revision = 5, .kind = JG_KIND_PROJECT};
  memcpy(key.id.bytes, &n, sizeof(n));
  return key;
}

/* The value's own key text tells which key it was made for. */
static struct jg_str name_of(const struct jg_cache_key *key) {
  return jg_str_make((const char *)key->id.bytes, sizeof(key->id.bytes));
}

static void put_one(struct jg_cache_level *level, struct jg_cache_key key, size_t bytes) {
  struct jg_expanded expanded = {{filler, bytes}, JG_STR("{}"), name_of(&key)};
  struct jg_cache_value *value = jg_cache_value_create(&key, &expanded);
  level->ops->put(level, value);
  jg_cache_value_unref(value);
}

static bool has(struct jg_cache_level *level, struct jg_cache_key key) {
  struct jg_cache_value *value = NULL;
  size_t found = level->ops->get(level, &key, 1, &value);
  assert_int_equal(found, value != NULL);
  if (value != NULL) {
    assert_true(jg_str_equal(value->expanded.key, name_of(&key)));
  }
  jg_cache_value_unref(value);
  return found == 1;
}

/* Sum of a metric's series for projects. */
static int64_t metric(struct jg_metrics *metrics, const char *name) {
  struct jg_buf text;
  jg_buf_init(&text, 1 << 20);
  jg_metrics_write(metrics, &text);
  jg_buf_append_char(&text, '\0');
  char series[128];
  (void)snprintf(series, sizeof(series), "%s{level=\"memory\",kind=\"project\"} ", name);
  const char *at = strstr(text.data, series);
  assert_non_null(at);
  const char *digits = at + strlen(series);
  int64_t value = 0;
  assert_true(jg_parse_i64(jg_str_make(digits, strcspn(digits, "\n")), &value));
  jg_buf_done(&text);
  return value;
}

static void test_each_part_of_the_key_counts(void **state) {
  (void)state;
  struct jg_cache_level *level = jg_cache_memory_create(1 << 20, NULL);
  struct jg_cache_key key = key_of(1);
  put_one(level, key, 10);
  assert_true(has(level, key));
  struct jg_cache_key other = key;
  other.tenant = 2;
  assert_false(has(level, other));
  other = key;
  other.epoch.bytes[15] = 1;
  assert_false(has(level, other));
  other = key;
  other.id.bytes[15] = 1;
  assert_false(has(level, other));
  other = key;
  other.tree_revision++;
  assert_false(has(level, other));
  other = key;
  other.kind = JG_KIND_SKILL;
  assert_false(has(level, other));
  level->ops->destroy(level);
}

static void test_padding_does_not_count(void **state) {
  (void)state;
  struct jg_cache_level *level = jg_cache_memory_create(1 << 20, NULL);
  struct jg_cache_key a, b;
  memset(&a, 0x00, sizeof(a));
  memset(&b, 0xff, sizeof(b));
  struct jg_cache_key key = key_of(3);
  a.tenant = b.tenant = key.tenant;
  a.epoch = b.epoch = key.epoch;
  a.id = b.id = key.id;
  a.tree_revision = b.tree_revision = key.tree_revision;
  a.kind = b.kind = key.kind;
  put_one(level, a, 10);
  assert_true(has(level, b));
  level->ops->destroy(level);
}

static void test_bytes_are_bounded(void **state) {
  (void)state;
  static const struct {
    size_t bytes_max, value_bytes;
    uint32_t count;
  } rows[] = {
      {64 << 10, 1000, 500},            // one shard
      {64 << 10, 1, 5000},              // entries cost more than values
      {(size_t)64 << 20, 20000, 8000},  // eight shards
  };
  for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
    struct jg_metrics *metrics = jg_metrics_create();
    struct jg_cache_level *level = jg_cache_memory_create(rows[r].bytes_max, metrics);
    for (uint32_t i = 0; i < rows[r].count; i++) {
      put_one(level, key_of(i), rows[r].value_bytes);
      if (i % 97 == 0) {
        int64_t bytes = metric(metrics, "jobgate_cache_bytes");
        assert_in_range(bytes, 1, rows[r].bytes_max);
      }
    }
    size_t kept = 0;
    for (uint32_t i = 0; i < rows[r].count; i++) {
      kept += has(level, key_of(i));
    }
    assert_in_range(metric(metrics, "jobgate_cache_bytes"), rows[r].bytes_max / 2, rows[r].bytes_max);
    assert_int_equal(metric(metrics, "jobgate_cache_evictions_total"), rows[r].count - kept);
    assert_int_equal(metric(metrics, "jobgate_cache_hits_total"), kept);
    assert_int_equal(metric(metrics, "jobgate_cache_misses_total"), rows[r].count - kept);
    level->ops->destroy(level);
    jg_metrics_destroy(metrics);
  }
}

static void test_a_value_beyond_a_shard_is_not_kept(void **state) {
  (void)state;
  struct jg_cache_level *level = jg_cache_memory_create(16 << 10, NULL);
  put_one(level, key_of(1), 100);
  put_one(level, key_of(2), 16 << 10);
  assert_true(has(level, key_of(1)));
  assert_false(has(level, key_of(2)));
  level->ops->destroy(level);
}

static void test_what_is_used_stays(void **state) {
  (void)state;
  struct jg_cache_level *level = jg_cache_memory_create(100 << 10, NULL);
  for (uint32_t i = 0; i < 1000; i++) {
    put_one(level, key_of(i), 1000);
    (void)has(level, key_of(0));
  }
  assert_true(has(level, key_of(0)));
  assert_false(has(level, key_of(1)));
  level->ops->destroy(level);
}

static void test_putting_twice_keeps_one(void **state) {
  (void)state;
  struct jg_metrics *metrics = jg_metrics_create();
  struct jg_cache_level *level = jg_cache_memory_create(1 << 20, metrics);
  put_one(level, key_of(1), 100);
  int64_t bytes = metric(metrics, "jobgate_cache_bytes");
  put_one(level, key_of(1), 100);
  assert_int_equal(metric(metrics, "jobgate_cache_bytes"), bytes);
  level->ops->destroy(level);
  jg_metrics_destroy(metrics);
}

static void *hammer(void *data) {
  struct jg_cache_level *level = data;
  for (uint32_t round = 0; round < 3000; round++) {
    struct jg_cache_key keys[4];
    struct jg_cache_value *values[4];
    for (uint32_t i = 0; i < 4; i++) {
      keys[i] = key_of((round * 7 + i) % 200);
    }
    size_t found = level->ops->get(level, keys, 4, values);
    for (size_t i = 0; i < 4; i++) {
      if (values[i] == NULL) {
        put_one(level, keys[i], 500);
        continue;
      }
      found--;
      if (!jg_uuid_equal(values[i]->key.id, keys[i].id) || values[i]->expanded.proto.len != 500) {
        return (void *)"another key's value";
      }
      jg_cache_value_unref(values[i]);
    }
    if (found != 0) {
      return (void *)"a wrong count";
    }
  }
  return NULL;
}

static void test_threads(void **state) {
  (void)state;
  struct jg_cache_level *level = jg_cache_memory_create(50 << 10, NULL);
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, hammer, level), 0);
  }
  for (size_t i = 0; i < 4; i++) {
    void *error = NULL;
    assert_int_equal(pthread_join(threads[i], &error), 0);
    assert_null(error);
  }
  level->ops->destroy(level);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_part_of_the_key_counts),
      cmocka_unit_test(test_padding_does_not_count),
      cmocka_unit_test(test_bytes_are_bounded),
      cmocka_unit_test(test_a_value_beyond_a_shard_is_not_kept),
      cmocka_unit_test(test_what_is_used_stays),
      cmocka_unit_test(test_putting_twice_keeps_one),
      cmocka_unit_test(test_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
