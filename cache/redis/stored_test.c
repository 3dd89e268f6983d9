#include "cache/redis/stored.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"

#define FORM UINT64_C(0x0123456789abcdef)
#define NOW INT64_C(17700915060000000)

static struct jg_cache_key a_key(void) {
  struct jg_cache_key key = {.tenant = 7, .tree_revision = 42, .kind = JG_KIND_PROJECT};
  memset(key.epoch.bytes, 0xe0, sizeof(key.epoch.bytes));
  memset(key.id.bytes, 0x1d, sizeof(key.id.bytes));
  return key;
}

static struct jg_buf write_one(const struct jg_cache_key *key, struct jg_expanded expanded) {
  struct jg_cache_value *value = jg_cache_value_create(key, &expanded);
  struct jg_buf out;
  jg_buf_init(&out, JG_REDIS_VALUE_BYTES_MAX);
  jg_redis_stored_write(value, FORM, NOW, &out);
  jg_cache_value_unref(value);
  assert_false(out.failed);
  return out;
}

static bool reads(struct jg_str stored, const struct jg_cache_key *key, uint64_t form) {
  int64_t made;
  struct jg_cache_value *value = jg_redis_stored_read(stored, key, form, &made);
  jg_cache_value_unref(value);
  return value != NULL;
}

static void what_was_written_is_read(void **state) {
  (void)state;
  static const struct jg_expanded rows[] = {
      {{"proto\0bytes", 11}, {"{\"a\":1}", 7}, {"KEY", 3}},
      {{"", 0}, {"", 0}, {"", 0}},
      {{"", 0}, {"{}", 2}, {"", 0}},
  };
  struct jg_cache_key key = a_key();
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_buf out = write_one(&key, rows[i]);
    int64_t made = 0;
    struct jg_cache_value *value = jg_redis_stored_read(jg_buf_str(&out), &key, FORM, &made);
    assert_non_null(value);
    assert_int_equal(made, NOW);
    assert_int_equal(value->key.tree_revision, 42);
    assert_true(jg_str_equal(value->expanded.proto, rows[i].proto));
    assert_true(jg_str_equal(value->expanded.json, rows[i].json));
    assert_true(jg_str_equal(value->expanded.key, rows[i].key));
    jg_cache_value_unref(value);
    jg_buf_done(&out);
  }
}

/* C7: each byte of it matters, and so does each that is missing or too many. */
static void any_damage_is_refused(void **state) {
  (void)state;
  struct jg_cache_key key = a_key();
  struct jg_buf out = write_one(&key, (struct jg_expanded){{"proto", 5}, {"{\"a\":1}", 7}, {"K", 1}});
  struct jg_str stored = jg_buf_str(&out);
  assert_true(reads(stored, &key, FORM));
  for (size_t i = 0; i < stored.len; i++) {
    for (unsigned bit = 0; bit < 8; bit++) {
      out.data[i] = (char)(out.data[i] ^ (1 << bit));
      assert_false(reads(stored, &key, FORM));
      out.data[i] = (char)(out.data[i] ^ (1 << bit));
    }
    assert_false(reads(jg_str_make(stored.data, i), &key, FORM));
  }
  jg_buf_append_char(&out, '\0');
  assert_false(reads(jg_buf_str(&out), &key, FORM));
  assert_false(reads(JG_STR_NONE, &key, FORM));
  assert_false(reads(JG_STR("garbage"), &key, FORM));
  jg_buf_done(&out);
}

static void another_key_is_refused(void **state) {
  (void)state;
  struct jg_cache_key key = a_key();
  struct jg_buf out = write_one(&key, (struct jg_expanded){{"proto", 5}, {"{}", 2}, {"K", 1}});
  struct jg_cache_key others[5] = {key, key, key, key, key};
  others[0].tenant++;
  others[1].tree_revision++;
  others[2].kind = JG_KIND_SKILL;
  others[3].id.bytes[15]++;
  others[4].epoch.bytes[0]++;
  char text[JG_REDIS_KEY_BYTES], other_text[JG_REDIS_KEY_BYTES];
  size_t len = jg_redis_key_print(&key, FORM, text);
  for (size_t i = 0; i < JG_COUNT(others); i++) {
    assert_false(reads(jg_buf_str(&out), &others[i], FORM));
    size_t other_len = jg_redis_key_print(&others[i], FORM, other_text);
    assert_false(jg_str_equal(jg_str_make(text, len), jg_str_make(other_text, other_len)));
  }
  assert_false(reads(jg_buf_str(&out), &key, FORM + 1));
  jg_buf_done(&out);
}

static void key_texts(void **state) {
  (void)state;
  struct jg_cache_key key = a_key();
  key.kind = (enum jg_kind)1;
  char text[JG_REDIS_KEY_BYTES];
  size_t len = jg_redis_key_print(&key, FORM, text);
  assert_true(
      jg_str_equal(jg_str_make(text, len), JG_STR("jobgate:1:0123456789abcdef:7:e0e0e0e0-e0e0-e0e0-e0e0-e0e0e0e0e0e0:1:"
                                                  "1d1d1d1d-1d1d-1d1d-1d1d-1d1d1d1d1d1d:42")));
  key = (struct jg_cache_key){.tenant = INT64_MIN, .tree_revision = INT64_MIN};
  assert_true(jg_redis_key_print(&key, UINT64_MAX, text) < sizeof(text));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_is_read),
      cmocka_unit_test(any_damage_is_refused),
      cmocka_unit_test(another_key_is_refused),
      cmocka_unit_test(key_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
