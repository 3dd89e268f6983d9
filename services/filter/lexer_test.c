#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/lexer.h"

/* Words of one text, where an operand is expected and where none is. */
struct row {
  const char *text;
  bool operand;
  enum jg_lex_kind kind;
  const char *word;
};

static void words(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"", true, JG_LEX_END, ""},
      {" \t ", false, JG_LEX_END, ""},
      {"name eq", true, JG_LEX_WORD, "name"},
      {"_parent_id", true, JG_LEX_WORD, "_parent_id"},
      {"geo.distance(", true, JG_LEX_WORD, "geo.distance"},
      {"a.", true, JG_LEX_WORD, "a"},
      {"a.1", true, JG_LEX_WORD, "a"},
      {"na\xC3\xAFve x", true, JG_LEX_WORD, "na\xC3\xAFve"},
      {"'a''b'c", true, JG_LEX_STRING, "'a''b'"},
      {"''", true, JG_LEX_STRING, "''"},
      {"'a''", true, JG_LEX_OPEN_STRING, "'a''"},
      {"5 eq", true, JG_LEX_INTEGER, "5"},
      {"-5)", true, JG_LEX_INTEGER, "-5"},
      {"+5,", true, JG_LEX_INTEGER, "+5"},
      {"- 5", true, JG_LEX_MINUS, "-"},
      {"-id2", true, JG_LEX_MINUS, "-"},
      {"-5", false, JG_LEX_MINUS, "-"},
      {"5", false, JG_LEX_OTHER, "5"},
      {"1.5e-3 ", true, JG_LEX_DECIMAL, "1.5e-3"},
      {"1e5", true, JG_LEX_DECIMAL, "1e5"},
      {"1.", true, JG_LEX_OTHER, "1."},
      {"1x", true, JG_LEX_OTHER, "1x"},
      {"2044b92d-0000-0000-0000-00000000000a)", true, JG_LEX_GUID, "2044b92d-0000-0000-0000-00000000000a"},
      {"a044b92d-0000-0000-0000-00000000000a", true, JG_LEX_GUID, "a044b92d-0000-0000-0000-00000000000a"},
      {"a044b92d-0000", true, JG_LEX_WORD, "a044b92d"},
      {"2015-06-02", true, JG_LEX_DATE, "2015-06-02"},
      {"2015-06-02T00:00:00.5+02:00 x", true, JG_LEX_DATETIME, "2015-06-02T00:00:00.5+02:00"},
      {"2015-06-02T00:00:00 02:00 x", true, JG_LEX_DATETIME, "2015-06-02T00:00:00 02:00"},
      {"2015-06-02T00:00:00 02:001", true, JG_LEX_DATETIME, "2015-06-02T00:00:00"},
      {"2015-06-02T00:00:00Zx", true, JG_LEX_OTHER, "2015-06-02T00:00:00Zx"},
      {"07:13:40.5", true, JG_LEX_TIMEOFDAY, "07:13:40.5"},
      {"@p eq", true, JG_LEX_ALIAS, "@p"},
      {"@", true, JG_LEX_OTHER, "@"},
      {"$it/a", true, JG_LEX_DOLLAR, "$it"},
      {"$", true, JG_LEX_OTHER, "$"},
      {"(", true, JG_LEX_OPEN, "("},
      {")", false, JG_LEX_CLOSE, ")"},
      {",", false, JG_LEX_COMMA, ","},
      {"/", false, JG_LEX_SLASH, "/"},
      {":", false, JG_LEX_COLON, ":"},
      {"=5", false, JG_LEX_OTHER, "=5"},
      {"&&('a'", false, JG_LEX_OTHER, "&&"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_lexer lexer = {jg_str_from_cstr(rows[i].text), 0};
    struct jg_lex_token token;
    jg_lexer_next(&lexer, rows[i].operand, &token);
    if (token.kind != rows[i].kind || !jg_str_equal(token.text, jg_str_from_cstr(rows[i].word))) {
      fail_msg("%s: %d, %.*s", rows[i].text, (int)token.kind, JG_STR_ARG(token.text));
    }
    assert_int_equal(lexer.at, token.at + token.text.len);
  }
}

static void peeking_reads_nothing(void **state) {
  (void)state;
  struct jg_lexer lexer = {JG_STR("a \t(b"), 1};
  assert_int_equal(jg_lexer_peek(&lexer), '(');
  assert_int_equal(jg_lexer_peek_close(&lexer), ' ');
  assert_int_equal(lexer.at, 1);
  lexer.at = 5;
  assert_int_equal(jg_lexer_peek(&lexer), 0);
  assert_int_equal(jg_lexer_peek_close(&lexer), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words),
      cmocka_unit_test(peeking_reads_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
