#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cache/cache.h"

static void test_urls(void **state) {
  (void)state;
  static const struct {
    const char *url;
    enum jg_code code;
  } rows[] = {
      {"memory:", JG_OK},
      {"", JG_INVALID_ARGUMENT},
      {"memory", JG_INVALID_ARGUMENT},
      {"memory:x", JG_INVALID_ARGUMENT},
      {"redis://127.0.0.1:port", JG_INVALID_ARGUMENT},
      {"rediss://127.0.0.1", JG_UNIMPLEMENTED},
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 4096);
    struct jg_cache *cache = NULL;
    struct jg_cache_options options = {.url = jg_str_from_cstr(rows[i].url), .bytes_max = 1 << 20};
    struct jg_status status = jg_cache_create(&options, &arena, &cache);
    assert_int_equal(status.code, rows[i].code);
    assert_int_equal(jg_cache_check_url(options.url, &arena).code, rows[i].code);
    assert_true((cache != NULL) == jg_status_ok(status));
    jg_cache_destroy(cache);
    jg_arena_done(&arena);
  }
  jg_cache_destroy(NULL);
}

/* What entities embed, at any depth, and nothing else: metrics name no kind that is never asked for. */
static void test_kinds(void **state) {
  (void)state;
  assert_true(jg_cache_keeps(JG_KIND_PROJECT));
  assert_true(jg_cache_keeps(JG_KIND_EQUIPMENT_FAMILY));
  assert_true(jg_cache_keeps(JG_KIND_SALES_ORGANIZATION));
  assert_true(jg_cache_keeps(JG_KIND_JOB_STATUS));
  assert_false(jg_cache_keeps(JG_KIND_NONE));
  assert_false(jg_cache_keeps(JG_KIND_JOB));
  assert_false(jg_cache_keeps(JG_KIND_PARENT_JOB));
  assert_false(jg_cache_keeps(JG_KIND_JOB_PLANNING));
}

/* Nobody listens at port 1: that is no error, and costs a get nothing. */
static void test_a_shared_level_that_is_not_there(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  struct jg_cache *cache = NULL;
  struct jg_cache_options options = {.url = JG_STR("redis://:hunter2@127.0.0.1:1/2"),
                                     .bytes_max = 1 << 20,
                                     .budget_ms = 5000,
                                     .clock = jg_clock_system()};
  assert_true(jg_status_ok(jg_cache_create(&options, &arena, &cache)));
  struct jg_cache_health health;
  jg_cache_health(cache, &health);
  assert_string_equal(health.address, "redis://***@127.0.0.1:1/2");
  assert_false(health.readable);
  assert_false(health.writable);
  struct jg_cache_key keys[600] = {{.tenant = 1, .tree_revision = 7, .kind = JG_KIND_SKILL}};
  for (size_t i = 1; i < 600; i++) {
    keys[i] = keys[0];
    keys[i].tree_revision += (int64_t)i;
  }
  struct jg_cache_value *found[600];
  assert_int_equal(jg_cache_get(cache, keys, 600, found), 0);
  struct jg_expanded expanded = {JG_STR("proto"), JG_STR("{}"), JG_STR("")};
  struct jg_cache_value *value = jg_cache_value_create(&keys[599], &expanded);
  jg_cache_put(cache, value);
  jg_cache_value_unref(value);
  assert_int_equal(jg_cache_get(cache, keys, 600, found), 1);
  assert_null(found[0]);
  jg_cache_value_unref(found[599]);
  jg_cache_destroy(cache);
  jg_arena_done(&arena);
}

static void test_values_outlive_the_cache(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  struct jg_cache *cache = NULL;
  struct jg_cache_options options = {.url = JG_STR("memory:"), .bytes_max = 1 << 20};
  assert_true(jg_status_ok(jg_cache_create(&options, &arena, &cache)));
  struct jg_cache_key keys[2] = {{.tenant = 1, .tree_revision = 7, .kind = JG_KIND_SKILL}, {.tenant = 1}};
  struct jg_expanded expanded = {JG_STR("proto"), JG_STR("{}"), JG_STR("")};
  struct jg_cache_value *value = jg_cache_value_create(&keys[0], &expanded);
  jg_cache_put(cache, value);
  jg_cache_value_unref(value);

  struct jg_cache_value *found[2];
  assert_int_equal(jg_cache_peek(cache, keys, 2, found), 1);
  assert_null(found[1]);
  struct jg_cache_value *again[1];
  assert_int_equal(jg_cache_get(cache, keys, 1, again), 1);
  assert_ptr_equal(found[0], again[0]);
  jg_cache_destroy(cache);

  assert_true(jg_str_equal(found[0]->expanded.proto, JG_STR("proto")));
  assert_true(jg_str_equal(found[0]->expanded.json, JG_STR("{}")));
  assert_int_equal(found[0]->expanded.key.len, 0);
  jg_cache_value_unref(found[0]);
  jg_cache_value_unref(again[0]);
  jg_cache_value_unref(NULL);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_urls),
      cmocka_unit_test(test_kinds),
      cmocka_unit_test(test_a_shared_level_that_is_not_there),
      cmocka_unit_test(test_values_outlive_the_cache),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
