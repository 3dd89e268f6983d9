#include "services/identity/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COST 1

static void test_hash(void **state JG_UNUSED) {
  char hash[JG_PASSWORD_HASH_BYTES_MAX], again[JG_PASSWORD_HASH_BYTES_MAX];
  jg_password_hash(JG_STR("123456"), COST, hash);
  jg_password_hash(JG_STR("123456"), COST, again);
  assert_memory_equal(hash, "$y$", 3);
  assert_string_not_equal(hash, again);  // salted
  assert_true(jg_password_matches(JG_STR("123456"), jg_str_from_cstr(hash)));
  assert_true(jg_password_matches(JG_STR("123456"), jg_str_from_cstr(again)));
  assert_false(jg_password_matches(JG_STR("123457"), jg_str_from_cstr(hash)));
  assert_false(jg_password_matches(JG_STR("12345"), jg_str_from_cstr(hash)));
}

/* A vector of the library itself, so that a hash of today is a hash of tomorrow. */
static void test_known(void **state JG_UNUSED) {
  struct jg_str hash = JG_STR("$y$j9T$AAt9R641xPvCI9nXw1HHW/$d4Ht2CuDsRBLrhgfrsfe2CkiWIl4r0uOablESwCukTC");
  assert_true(jg_password_matches(JG_STR("test"), hash));
  assert_false(jg_password_matches(JG_STR("Test"), hash));
}

static void test_long(void **state JG_UNUSED) {
  char hash[JG_PASSWORD_HASH_BYTES_MAX], password[255];
  memset(password, 'p', sizeof(password));
  jg_password_hash(jg_str_make(password, sizeof(password)), COST, hash);
  assert_true(jg_password_matches(jg_str_make(password, sizeof(password)), jg_str_from_cstr(hash)));
  // The last byte counts.
  assert_false(jg_password_matches(jg_str_make(password, sizeof(password) - 1), jg_str_from_cstr(hash)));
}

static void test_no_hash(void **state JG_UNUSED) {
  static const char long_hash[JG_PASSWORD_HASH_BYTES_MAX + 1] = {'$'};
  const struct jg_str rows[] = {JG_STR(""),       JG_STR("*0"),      JG_STR("$y$"),
                                JG_STR("123456"), JG_STR("$nope$x"), jg_str_make(long_hash, sizeof(long_hash))};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_false(jg_password_matches(JG_STR("123456"), rows[i]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_hash),
      cmocka_unit_test(test_known),
      cmocka_unit_test(test_long),
      cmocka_unit_test(test_no_hash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
