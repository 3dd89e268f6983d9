#include "services/identity/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_str(struct jg_str got, struct jg_str expected) {
  if (!jg_str_equal(got, expected)) {
    fail_msg("\"%.*s\", expected \"%.*s\"", JG_STR_ARG(got), JG_STR_ARG(expected));
  }
}

static void test_parse(void **state JG_UNUSED) {
  static const struct {
    struct jg_str header, user, password, domain;
  } rows[] = {
      // Statement 93.
      {JG_STR("Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ=="), JG_STR("APIUser"), JG_STR("123456"), JG_STR("TESTAPI")},
      {JG_STR("bASIC  QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ== "), JG_STR("APIUser"), JG_STR("123456"), JG_STR("TESTAPI")},
      // a:b:c@d@e: the first colon, the last at sign.
      {JG_STR("Basic YTpiOmNAZEBl"), JG_STR("a"), JG_STR("b:c@d"), JG_STR("e")},
      // a@b:c@d: a name may hold an at sign.
      {JG_STR("Basic YUBiOmNAZA=="), JG_STR("a@b"), JG_STR("c"), JG_STR("d")},
      // \u00e4:\u00f6@\u00fc
      {JG_STR("Basic w6Q6w7ZAw7w="), JG_STR("\xc3\xa4"), JG_STR("\xc3\xb6"), JG_STR("\xc3\xbc")},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_credential credential;
    assert_true(jg_credential_parse(rows[i].header, &credential));
    assert_str(credential.user, rows[i].user);
    assert_str(credential.password, rows[i].password);
    assert_str(credential.domain, rows[i].domain);
    jg_credential_done(&credential);
    assert_int_equal(credential.text[0], 0);
  }
}

static void test_malformed(void **state JG_UNUSED) {
  static const struct jg_str rows[] = {
      JG_STR(""),
      JG_STR("Basic"),
      JG_STR("Basic "),
      JG_STR("Bearer QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ=="),
      JG_STR("QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ=="),
      JG_STR("Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ="),   // padding short
      JG_STR("Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ"),    // none
      JG_STR("Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSR=="),  // bits left over
      JG_STR("Basic QVBJ VXNl"),                         // a space inside
      JG_STR("Basic QVBJ\nVXN"),
      JG_STR("Basic ===="),
      JG_STR("Basic A==="),
      JG_STR("Basic YTpi"),          // a:b
      JG_STR("Basic YUBi"),          // a@b
      JG_STR("Basic YUBiOmM="),      // a@b:c
      JG_STR("Basic OmJAYw=="),      // :b@c
      JG_STR("Basic YTpAYw=="),      // a:@c
      JG_STR("Basic YTpiQA=="),      // a:b@
      JG_STR("Basic YTpiAGJAYw=="),  // a NUL in the password
      JG_STR("Basic YTpiCkBj"),      // a line feed
      JG_STR("Basic YTr/QGM="),      // not UTF-8
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_credential credential;
    if (jg_credential_parse(rows[i], &credential)) {
      fail_msg("%.*s", JG_STR_ARG(rows[i]));
    }
    assert_int_equal(credential.user.len, 0);
  }
}

static void test_limits(void **state JG_UNUSED) {
  char part[JG_CREDENTIAL_PART_BYTES_MAX + 1];
  memset(part, 'x', sizeof(part));
  struct jg_str longest = jg_str_make(part, JG_CREDENTIAL_PART_BYTES_MAX);
  assert_true(jg_credential_part_valid(longest));
  assert_false(jg_credential_part_valid(jg_str_make(part, sizeof(part))));
  assert_false(jg_credential_part_valid(JG_STR("")));
  char header[JG_CREDENTIAL_HEADER_BYTES_MAX + 4];
  size_t len = jg_credential_format(longest, longest, longest, header);
  assert_true(len <= JG_CREDENTIAL_HEADER_BYTES_MAX);
  struct jg_credential credential;
  assert_true(jg_credential_parse(jg_str_make(header, len), &credential));
  assert_str(credential.user, longest);
  assert_str(credential.password, longest);
  assert_str(credential.domain, longest);
  // One group more than the longest: nothing is written beyond the text.
  memset(header + 6, 'Q', sizeof(header) - 6);
  assert_false(jg_credential_parse(jg_str_make(header, sizeof(header)), &credential));
}

static void test_format(void **state JG_UNUSED) {
  char header[JG_CREDENTIAL_HEADER_BYTES_MAX];
  size_t len = jg_credential_format(JG_STR("APIUser"), JG_STR("123456"), JG_STR("TESTAPI"), header);
  assert_str(jg_str_make(header, len), JG_STR("Basic QVBJVXNlcjoxMjM0NTZAVEVTVEFQSQ=="));
  len = jg_credential_format(JG_STR("\xc3\xa4"), JG_STR("\xc3\xb6"), JG_STR("\xc3\xbc"), header);
  assert_str(jg_str_make(header, len), JG_STR("Basic w6Q6w7ZAw7w="));
}

static void test_parse_user(void **state JG_UNUSED) {
  struct jg_str user, domain;
  assert_true(jg_credential_parse_user(JG_STR("ada@x@TESTAPI"), &user, &domain));
  assert_str(user, JG_STR("ada@x"));
  assert_str(domain, JG_STR("TESTAPI"));
  static const struct jg_str rows[] = {JG_STR(""),       JG_STR("ada"),     JG_STR("@x"),
                                       JG_STR("ada@"),   JG_STR("a:b@x"),   JG_STR("a\n@x"),
                                       JG_STR("a@\xff"), JG_STR("a\x7f@x"), JG_STR("a@\0")};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_false(jg_credential_parse_user(rows[i], &user, &domain));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parse),  cmocka_unit_test(test_malformed),  cmocka_unit_test(test_limits),
      cmocka_unit_test(test_format), cmocka_unit_test(test_parse_user),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
