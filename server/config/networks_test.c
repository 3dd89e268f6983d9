#include "server/config/networks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void lists(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t count;
    const char *wrong; /* NULL: it is taken */
  } rows[] = {
      {"", 0, NULL},
      {"10.0.0.0/8", 1, NULL},
      {" 10.0.0.0/8 , ::1,fd00::/8", 3, NULL},
      {"10.0.0.0/8,", 0, "\"\" is none"},
      {",", 0, "\"\" is none"},
      {" ", 0, "\"\" is none"},
      {"127.0.0.1,10.0.0.1/8", 0, "\"10.0.0.1/8\" is none"},
      {"localhost", 0, "\"localhost\" is none"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, 4096);
    const struct jg_ip_net *nets = NULL;
    size_t count = 0;
    struct jg_status status =
        jg_networks_parse("--trusted-proxies", jg_str_from_cstr(rows[i].text), &arena, &nets, &count);
    if (rows[i].wrong == NULL) {
      assert_true(jg_status_ok(status));
      assert_int_equal(count, rows[i].count);
    } else {
      assert_int_equal(status.code, JG_INVALID_ARGUMENT);
      assert_non_null(strstr(status.message, "--trusted-proxies must be"));
      assert_non_null(strstr(status.message, rows[i].wrong));
    }
    jg_arena_done(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lists)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
