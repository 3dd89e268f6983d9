#include "services/identity/verdicts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint8_t digest[JG_VERDICT_DIGEST_BYTES];

/* Digests of one set: of a table of 8, all are. */
static const uint8_t *digest_of(unsigned n) {
  memset(digest, 0, sizeof(digest));
  memcpy(digest + 16, &n, sizeof(n));
  return digest;
}

static void test_expiry(void **state JG_UNUSED) {
  struct jg_verdicts *verdicts = jg_verdicts_create(8);
  int64_t tenant = 0, expires = 0;
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(1), 10, &tenant, &expires), JG_VERDICT_NONE);
  jg_verdicts_put(verdicts, digest_of(1), JG_VERDICT_ACCEPTED, 7, 10, 20);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(1), 19, &tenant, &expires), JG_VERDICT_ACCEPTED);
  assert_int_equal(tenant, 7);
  assert_int_equal(expires, 20);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(2), 19, &tenant, &expires), JG_VERDICT_NONE);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(1), 20, &tenant, &expires), JG_VERDICT_NONE);
  // The newest word counts, either way.
  jg_verdicts_put(verdicts, digest_of(1), JG_VERDICT_REFUSED, 0, 15, 30);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(1), 16, &tenant, &expires), JG_VERDICT_REFUSED);
  jg_verdicts_put(verdicts, digest_of(1), JG_VERDICT_ACCEPTED, 8, 16, 40);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(1), 17, &tenant, &expires), JG_VERDICT_ACCEPTED);
  assert_int_equal(tenant, 8);
  jg_verdicts_destroy(verdicts);
}

static void test_full(void **state JG_UNUSED) {
  struct jg_verdicts *verdicts = jg_verdicts_create(8);
  int64_t tenant = 0, expires = 0;
  for (unsigned i = 0; i < 8; i++) {
    jg_verdicts_put(verdicts, digest_of(i), JG_VERDICT_ACCEPTED, i + 1, 0, 100 + i);
  }
  // A refusal finds no place among them.
  jg_verdicts_put(verdicts, digest_of(20), JG_VERDICT_REFUSED, 0, 0, 200);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(20), 0, &tenant, &expires), JG_VERDICT_NONE);
  for (unsigned i = 0; i < 8; i++) {
    assert_int_equal(jg_verdicts_find(verdicts, digest_of(i), 0, &tenant, &expires), JG_VERDICT_ACCEPTED);
  }
  // An acceptance takes that of the one that ends first.
  jg_verdicts_put(verdicts, digest_of(21), JG_VERDICT_ACCEPTED, 21, 0, 300);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(0), 0, &tenant, &expires), JG_VERDICT_NONE);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(1), 0, &tenant, &expires), JG_VERDICT_ACCEPTED);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(21), 0, &tenant, &expires), JG_VERDICT_ACCEPTED);
  // Once one is over there is room for a refusal, which then gives way to an acceptance.
  jg_verdicts_put(verdicts, digest_of(22), JG_VERDICT_REFUSED, 0, 101, 400);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(22), 101, &tenant, &expires), JG_VERDICT_REFUSED);
  jg_verdicts_put(verdicts, digest_of(23), JG_VERDICT_ACCEPTED, 23, 101, 300);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(22), 101, &tenant, &expires), JG_VERDICT_NONE);
  assert_int_equal(jg_verdicts_find(verdicts, digest_of(2), 101, &tenant, &expires), JG_VERDICT_ACCEPTED);
  jg_verdicts_destroy(verdicts);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_expiry), cmocka_unit_test(test_full)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
