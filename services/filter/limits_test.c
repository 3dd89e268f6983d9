#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "services/filter/parse_fixture.h"
#include "services/filter/predicate.h"

#define TEXT_BYTES_MAX 100000

/* head, `count` times piece, middle, `count` times end. */
static struct jg_str repeated(struct jg_buf *out, const char *head, const char *piece, const char *middle,
                              const char *end, size_t count) {
  jg_buf_clear(out);
  jg_buf_append_str(out, jg_str_from_cstr(head));
  for (size_t i = 0; i < count; i++) {
    jg_buf_append_str(out, jg_str_from_cstr(piece));
  }
  jg_buf_append_str(out, jg_str_from_cstr(middle));
  for (size_t i = 0; i < count; i++) {
    jg_buf_append_str(out, jg_str_from_cstr(end));
  }
  assert_false(out->failed);
  return jg_buf_str(out);
}

static struct jg_status parse(struct jg_str text) {
  struct jg_arena arena;
  jg_arena_init(&arena, 4 << 20);
  struct jg_filter_options options = jg_parse_fixture_options();
  const struct jg_filter *filter = NULL;
  struct jg_status status = jg_filter_parse(text, &options, &arena, &filter);
  static char message[512];
  if (jg_status_ok(status)) {
    // Whatever is taken can also be printed and compiled.
    const struct jg_filter_program *program = NULL;
    assert_true(jg_filter_hash(filter) != 0);
    assert_true(jg_status_ok(jg_filter_compile(options.entity, filter, &arena, &program)));
  } else {
    size_t len = strlen(status.message) < sizeof(message) - 1 ? strlen(status.message) : sizeof(message) - 1;
    memcpy(message, status.message, len);
    message[len] = '\0';
    status.message = message;
  }
  jg_arena_done(&arena);
  return status;
}

static void expect(struct jg_str text, bool taken, const char *part) {
  struct jg_status status = parse(text);
  if (jg_status_ok(status) != taken || (!taken && strstr(status.message, part) == NULL)) {
    fail_msg("%.100s: %s", text.data, status.message);
  }
  assert_true(taken || (status.code == JG_INVALID_ARGUMENT && status.reason == JG_REASON_LIMIT_EXCEEDED));
}

static void characters(void **state) {
  (void)state;
  struct jg_buf out;
  jg_buf_init(&out, TEXT_BYTES_MAX);
  size_t room = JG_FILTER_CHARACTERS_MAX - (sizeof("name eq ''") - 1);
  expect(repeated(&out, "name eq '", "a", "'", "", room), true, "");
  expect(repeated(&out, "name eq '", "a", "'", "", room + 1), false, "longer than 10000 characters");
  // Characters, not bytes.
  expect(repeated(&out, "name eq '", "\xF0\x9F\x98\x80", "'", "", room), true, "");
  expect(repeated(&out, "name eq '", "\xF0\x9F\x98\x80", "'", "", room + 1), false, "longer than 10000 characters");
  expect(repeated(&out, "", " ", "true", "", JG_FILTER_CHARACTERS_MAX - 4), true, "");
  jg_buf_done(&out);
}

static void nodes(void **state) {
  (void)state;
  struct jg_buf out;
  jg_buf_init(&out, TEXT_BYTES_MAX);
  // Each piece makes four nodes, the middle three: 49 * 4 + 3 = 199.
  expect(repeated(&out, "", "(id2 eq 1) or ", "(id2 eq 1)", "", 49), true, "");
  expect(repeated(&out, "", "(id2 eq 1) or ", "(not (id2 eq 1))", "", 49), true, "");
  expect(repeated(&out, "", "(id2 eq 1) or ", "(not not (id2 eq 1))", "", 49), false, "more than 200 members");
  expect(repeated(&out, "", "id2 eq 1 or ", "true", "", 300), false, "more than 200 members");
  // What is no literal of the member's type makes four nodes of each item of a list, the first three.
  expect(repeated(&out, "id2 in (null", ",null", ")", "", 49), true, "");
  expect(repeated(&out, "id2 in (null", ",null", ")", "", 50), false, "more than 200 members");
  // Many operators that wait at once.
  expect(repeated(&out, "", "- ", "1 eq 1", "", 4000), false, "more than 200 members");
  expect(repeated(&out, "", "not ", "true", "", 2400), false, "more than 200 members");
  jg_buf_done(&out);
}

/* A list holds more literals than an expression has nodes, and all lists of it as many together. */
static void lists(void **state) {
  (void)state;
  static const char guid[] = ",2044b92d-0000-4000-8000-00000000000a";
  struct jg_buf out;
  jg_buf_init(&out, TEXT_BYTES_MAX);
  expect(repeated(&out, "id in (00000000-0000-4000-8000-000000000001", guid, ")", "", 260), true, "");
  expect(repeated(&out, "id2 in (1", ",1", ")", "", 999), true, "");
  expect(repeated(&out, "id2 in (1", ",1", ")", "", 1000), false, "more than 1000 literals at position 2009");
  expect(repeated(&out, "id2 in (1,2,3) or id2 in (4", ",1", ")", "", 996), true, "");
  expect(repeated(&out, "id2 in (1,2,3) or id2 in (4", ",1", ")", "", 997), false, "more than 1000 literals");
  expect(repeated(&out, "project/is_mobile_installation in (id2 in (1", ",1", "),true)", "", 998), true, "");
  expect(repeated(&out, "", "id2 in (1,2) or ", "true", "", 49), true, "");
  expect(repeated(&out, "", "id2 in (1,2) or ", "true", "", 67), false, "");
  jg_buf_done(&out);
}

static void depth(void **state) {
  (void)state;
  struct jg_buf out;
  jg_buf_init(&out, TEXT_BYTES_MAX);
  expect(repeated(&out, "", "(", "true", ")", 100), true, "");
  expect(repeated(&out, "", "(", "true", ")", 101), false, "nested deeper than 100");
  expect(repeated(&out, "", "(", "", "", 10000), false, "nested deeper than 100");
  expect(repeated(&out, "", "not ", "true", "", 99), true, "");
  expect(repeated(&out, "", "not ", "true", "", 100), false, "nested deeper than 100");
  expect(repeated(&out, "", "not (", "true", ")", 99), true, "");
  expect(repeated(&out, "'' eq ", "trim(", "name", ")", 98), true, "");
  expect(repeated(&out, "'' eq ", "trim(", "name", ")", 99), false, "nested deeper than 100");
  expect(repeated(&out, "'' eq ", "trim(", "name", ")", 1000), false, "nested deeper than 100");
  expect(repeated(&out, "0 lt ", "id2 add (", "id2", ")", 98), true, "");
  expect(repeated(&out, "", "true and ", "true", "", 99), true, "");
  expect(repeated(&out, "", "true and ", "true", "", 100), false, "");
  jg_buf_done(&out);
}

static void lambdas(void **state) {
  (void)state;
  struct jg_buf out;
  jg_buf_init(&out, TEXT_BYTES_MAX);
  static const char any[] = "project/equipment_model/translations/any(t:";
  expect(repeated(&out, "", any, "true", ")", 99), true, "");
  expect(repeated(&out, "", any, "true", ")", 100), false, "more than 200");
  expect(repeated(&out, "", any, "true", ")", 101), false, "nested deeper than 100");
  expect(repeated(&out, "", any, "t/field_name eq 'a'", ")", 98), true, "");
  expect(repeated(&out, "", "project/equipment_model/translations/any(t:true) and ", "true", "", 49), true, "");
  jg_buf_done(&out);
}

/* Few characters, many texts: what an alias holds counts wherever it stands. */
static void aliases(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 4 << 20);
  char spaces[4000];
  memset(spaces, ' ', sizeof(spaces));
  spaces[0] = '1';
  struct jg_filter_alias table[] = {
      {JG_STR("@a"), JG_STR("@b add @b")},         {JG_STR("@b"), JG_STR("@c add @c")},
      {JG_STR("@c"), JG_STR("@d add @d")},         {JG_STR("@d"), JG_STR("@e add @e")},
      {JG_STR("@e"), JG_STR("@f add @f")},         {JG_STR("@f"), JG_STR("@g add @g")},
      {JG_STR("@g"), JG_STR("@h add @h")},         {JG_STR("@h"), JG_STR("1 add 1")},
      {JG_STR("@long"), {spaces, sizeof(spaces)}},
  };
  struct jg_filter_options options = jg_parse_fixture_options();
  options.aliases = table;
  options.alias_count = JG_COUNT(table);
  const struct jg_filter *filter = NULL;
  struct jg_status status = jg_filter_parse(JG_STR("@a eq 1"), &options, &arena, &filter);
  assert_int_equal(status.reason, JG_REASON_LIMIT_EXCEEDED);
  assert_non_null(strstr(status.message, "more than 200"));
  status = jg_filter_parse(JG_STR("@long eq @long"), &options, &arena, &filter);
  assert_true(jg_status_ok(status));
  status = jg_filter_parse(JG_STR("@long add @long eq @long"), &options, &arena, &filter);
  assert_int_equal(status.reason, JG_REASON_LIMIT_EXCEEDED);
  assert_non_null(strstr(status.message, "longer than 10000 characters"));
  jg_arena_done(&arena);
}

/* At every cap of the arena: a refusal or the same filter, never half of one. */
static void memory(void **state) {
  (void)state;
  struct jg_filter_options options = jg_parse_fixture_options();
  static const char text[] =
      "contains(name,'O''Brien') and project/name eq @p and id2 lt 1.5 and "
      "project/equipment_model/translations/any(t:t/language_code eq 'nl')";
  bool taken = false;
  size_t refusals = 0;
  for (size_t cap = 16; !taken; cap += 16) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    const struct jg_filter *filter = NULL;
    const struct jg_filter_program *program = NULL;
    struct jg_status status = jg_filter_parse(jg_str_from_cstr(text), &options, &arena, &filter);
    if (jg_status_ok(status)) {
      status = jg_filter_compile(options.entity, filter, &arena, &program);
    }
    taken = jg_status_ok(status);
    assert_true(taken || status.reason == JG_REASON_LIMIT_EXCEEDED);
    assert_true(taken == (program != NULL));
    refusals += !taken;
    jg_arena_done(&arena);
  }
  assert_true(refusals > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(characters), cmocka_unit_test(nodes),   cmocka_unit_test(lists),  cmocka_unit_test(depth),
      cmocka_unit_test(lambdas),    cmocka_unit_test(aliases), cmocka_unit_test(memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
