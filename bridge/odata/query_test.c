#include "bridge/odata/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/odata/percent.h"

#define NONE (-1)

static const struct {
  const char *query;              /* NULL: none */
  int64_t top, skip;              /* NONE: not given */
  const char *skiptoken, *custom; /* "name=value|..." */
} good[] = {
    {NULL, NONE, NONE, NULL, ""},
    {"", NONE, NONE, NULL, ""},
    {"&&", NONE, NONE, NULL, ""},
    {"$top=0", 0, NONE, NULL, ""},
    {"$top=250&$skip=100", 250, 100, NULL, ""},
    {"$skip=2147483647", NONE, INT32_MAX, NULL, ""},
    {"$top=9223372036854775807", INT64_MAX, NONE, NULL, ""},
    {"%24top=5&%24%73kip=%37", 5, 7, NULL, ""},
    {"$skiptoken=a%2Bb%3D", NONE, NONE, "a+b=", ""},
    {"$skiptoken=a=b", NONE, NONE, "a=b", ""},
    {"$skiptoken=%c3%a9", NONE, NONE, "\xc3\xa9", ""},
    // Options without '$' are kept as they are, known names too, and may repeat.
    {"top=x&a+b=c%20d&a+b=&Q&%3d==", NONE, NONE, NULL, "top=x|a b=c d|a b=|Q=|===|"},
    {"=x", NONE, NONE, NULL, "=x|"},
    {"@p=1&x=%ff", NONE, NONE, NULL, "@p=1|x=\xff|"},
};

static void good_queries(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(good); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1u << 16);
    struct jg_odata_query query;
    struct jg_status status = jg_odata_query_parse(jg_str_from_cstr(good[i].query), &arena, &query);
    if (!jg_status_ok(status)) {
      fail_msg("%s: %s", good[i].query, status.message);
    }
    assert_int_equal(query.has_top ? query.top : NONE, good[i].top);
    assert_int_equal(query.has_skip ? query.skip : NONE, good[i].skip);
    assert_int_equal(query.skiptoken.data == NULL, good[i].skiptoken == NULL);
    if (good[i].skiptoken != NULL && query.skiptoken.data != NULL) {
      assert_true(jg_str_equal(query.skiptoken, jg_str_from_cstr(good[i].skiptoken)));
    }
    struct jg_buf custom;
    jg_buf_init(&custom, 1u << 16);
    for (size_t c = 0; c < query.custom_count; c++) {
      jg_buf_append_str(&custom, query.custom[c].name);
      jg_buf_append_char(&custom, '=');
      jg_buf_append_str(&custom, query.custom[c].value);
      jg_buf_append_char(&custom, '|');
    }
    jg_buf_append_char(&custom, '\0');
    assert_string_equal(custom.data, good[i].custom);
    jg_buf_done(&custom);
    jg_arena_done(&arena);
  }
}

static const struct {
  const char *query, *named;
  enum jg_code code;
} bad[] = {
    {"$top=-1", "$top", JG_INVALID_ARGUMENT},
    {"$top=-0", "$top", JG_INVALID_ARGUMENT},
    {"$top=", "$top", JG_INVALID_ARGUMENT},
    {"$top", "$top", JG_INVALID_ARGUMENT},
    {"$top=+5", "$top", JG_INVALID_ARGUMENT},
    {"$top=5.0", "$top", JG_INVALID_ARGUMENT},
    {"$top=9223372036854775808", "$top", JG_INVALID_ARGUMENT},
    {"$skip=x", "$skip", JG_INVALID_ARGUMENT},
    {"$skip=2147483648", "$skip", JG_INVALID_ARGUMENT},
    {"$top=1&$top=1", "$top", JG_INVALID_ARGUMENT},
    {"$skip=1&a&$skip=2", "$skip", JG_INVALID_ARGUMENT},
    {"$skiptoken=a&$skiptoken=a", "$skiptoken", JG_INVALID_ARGUMENT},
    {"$skiptoken=", "$skiptoken", JG_INVALID_ARGUMENT},
    {"$skiptoken=%ff", "$skiptoken", JG_INVALID_ARGUMENT},
    {"$skiptoken=a%00", "$skiptoken", JG_INVALID_ARGUMENT},
    // Case matters, and what nobody knows is refused.
    {"$Top=1", "$Top", JG_INVALID_ARGUMENT},
    {"$TOP=1", "$TOP", JG_INVALID_ARGUMENT},
    {"$inlinecount=allpages", "$inlinecount", JG_INVALID_ARGUMENT},
    {"$=1", "$", JG_INVALID_ARGUMENT},
    {"$foo", "$foo", JG_INVALID_ARGUMENT},
    {"$f%0ao%c3%a9=1", "$f?o??", JG_INVALID_ARGUMENT},
    {"a=%", "percent", JG_INVALID_ARGUMENT},
    {"a=%4", "percent", JG_INVALID_ARGUMENT},
    {"%zz=1", "percent", JG_INVALID_ARGUMENT},
    {"$top=%+1", "percent", JG_INVALID_ARGUMENT},
    // OData 4.0, but not built.
    {"%24filter=", "$filter", JG_INVALID_ARGUMENT},
    {"$filter=a&$filter=b", "$filter", JG_INVALID_ARGUMENT},
    {"$filter=%ff", "$filter", JG_INVALID_ARGUMENT},
    {"$orderby=a%00", "$orderby", JG_INVALID_ARGUMENT},
    {"$count=yes", "$count", JG_INVALID_ARGUMENT},
    {"$count=true&$count=true", "$count", JG_INVALID_ARGUMENT},
    {"$select=", "$select", JG_INVALID_ARGUMENT},
    {"$select=id&$select=id", "$select", JG_INVALID_ARGUMENT},
    {"$expand", "$expand", JG_INVALID_ARGUMENT},
    {"$expand=a&$expand=b", "$expand", JG_INVALID_ARGUMENT},
    {"$search=x", "$search", JG_UNIMPLEMENTED},
    {"$format=", "$format", JG_INVALID_ARGUMENT},
    {"$format=json&$format=json", "$format", JG_INVALID_ARGUMENT},
    {"$apply=x", "$apply", JG_UNIMPLEMENTED},
    {"$compute=x", "$compute", JG_UNIMPLEMENTED},
    {"$deltatoken=", "$deltatoken", JG_INVALID_ARGUMENT},
    {"$deltatoken=x&$deltatoken=x", "$deltatoken", JG_INVALID_ARGUMENT},
    {"$id=x", "$id", JG_UNIMPLEMENTED},
};

static void bad_queries_name_the_option(void **state) {
  (void)state;
  for (size_t i = 0; i < JG_COUNT(bad); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 1u << 16);
    struct jg_odata_query query;
    struct jg_status status = jg_odata_query_parse(jg_str_from_cstr(bad[i].query), &arena, &query);
    if (status.code != bad[i].code || strstr(status.message, bad[i].named) == NULL) {
      fail_msg("%s: %d %s", bad[i].query, status.code, status.message);
    }
    jg_arena_done(&arena);
  }
}

static void small_arenas_are_told(void **state) {
  (void)state;
  struct jg_str query = JG_STR("a%20b=c%20d&$top=1&$skiptoken=x%20y&e=f");
  bool done = false;
  for (size_t cap = 1; !done; cap += 8) {
    struct jg_arena arena;
    jg_arena_init(&arena, cap);
    struct jg_odata_query result;
    struct jg_status status = jg_odata_query_parse(query, &arena, &result);
    done = jg_status_ok(status) && !arena.failed;
    if (!jg_status_ok(status)) {
      assert_int_equal(status.code, JG_INVALID_ARGUMENT);
    }
    jg_arena_done(&arena);
    assert_true(cap < 4096);
  }
}

static void percent_round_trip(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 16);
  char all[256];
  for (size_t i = 0; i < sizeof(all); i++) {
    all[i] = (char)i;
  }
  struct jg_buf text;
  jg_buf_init(&text, 1u << 16);
  jg_percent_encode(jg_str_make(all, sizeof(all)), &text);
  assert_int_equal(text.len, 66 + (256 - 66) * 3);
  for (int plus = 0; plus < 2; plus++) {
    struct jg_str decoded;
    assert_true(jg_percent_decode(&arena, jg_buf_str(&text), plus != 0, &decoded));
    assert_true(jg_str_equal(decoded, jg_str_make(all, sizeof(all))));
    assert_true(jg_percent_decode(&arena, JG_STR("a+b%2B"), plus != 0, &decoded));
    assert_true(jg_str_equal(decoded, plus ? JG_STR("a b+") : JG_STR("a+b+")));
  }
  jg_buf_done(&text);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_queries),
      cmocka_unit_test(bad_queries_name_the_option),
      cmocka_unit_test(small_arenas_are_told),
      cmocka_unit_test(percent_round_trip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
