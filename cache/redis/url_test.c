#include "cache/redis/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"

static struct jg_arena arena;

static int setup(void **state) {
  (void)state;
  jg_arena_init(&arena, 1 << 16);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  jg_arena_done(&arena);
  return 0;
}

static void valid_addresses(void **state) {
  (void)state;
  static const struct {
    const char *text, *user, *password, *host, *master, *printed;
    uint16_t port;
    size_t endpoints;
    int64_t database;
  } rows[] = {
      {"redis://h", "", "", "h", "", "redis://h:6379/0", 6379, 1, 0},
      {"redis://127.0.0.1:7000/3", "", "", "127.0.0.1", "", "redis://127.0.0.1:7000/3", 7000, 1, 3},
      {"redis://[::1]", "", "", "::1", "", "redis://[::1]:6379/0", 6379, 1, 0},
      {"redis://[::1]:1/", "", "", "::1", "", "redis://[::1]:1/0", 1, 1, 0},
      {"redis://:secret@h", "", "secret", "h", "", "redis://***@h:6379/0", 6379, 1, 0},
      {"redis://secret@h", "", "secret", "h", "", "redis://***@h:6379/0", 6379, 1, 0},
      {"redis://u:p@h", "u", "p", "h", "", "redis://***@h:6379/0", 6379, 1, 0},
      {"redis://u:p:q@r@h", "u", "p:q@r", "h", "", "redis://***@h:6379/0", 6379, 1, 0},
      {"redis://u%40x:p%2F%25@h", "u@x", "p/%", "h", "", "redis://***@h:6379/0", 6379, 1, 0},
      {"redis+sentinel://a,b:1,[::2]:3/main/7", "", "", "a", "main", "redis+sentinel://a:26379,b:1,[::2]:3/main/7",
       26379, 3, 7},
      {"redis+sentinel://u:p@a:5/m", "u", "p", "a", "m", "redis+sentinel://***@a:5/m/0", 5, 1, 0},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_redis_url url;
    assert_int_equal(jg_redis_url_parse(jg_str_from_cstr(rows[i].text), &arena, &url).code, JG_OK);
    assert_true(jg_str_equal(url.user, jg_str_from_cstr(rows[i].user)));
    assert_true(jg_str_equal(url.password, jg_str_from_cstr(rows[i].password)));
    assert_true(jg_str_equal(url.master, jg_str_from_cstr(rows[i].master)));
    assert_string_equal(url.endpoints[0].host, rows[i].host);
    assert_int_equal(url.endpoints[0].port, rows[i].port);
    assert_int_equal(url.endpoint_count, rows[i].endpoints);
    assert_int_equal(url.database, rows[i].database);
    assert_string_equal(jg_redis_url_print(&url, &arena), rows[i].printed);
  }
}

static void refused_addresses(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum jg_code code;
  } rows[] = {
      {"", JG_INVALID_ARGUMENT},
      {"redis:", JG_INVALID_ARGUMENT},
      {"redis://", JG_INVALID_ARGUMENT},
      {"redis://:", JG_INVALID_ARGUMENT},
      {"redis://h:0", JG_INVALID_ARGUMENT},
      {"redis://h:65536", JG_INVALID_ARGUMENT},
      {"redis://h:x", JG_INVALID_ARGUMENT},
      {"redis://h:", JG_INVALID_ARGUMENT},
      {"redis://h/x", JG_INVALID_ARGUMENT},
      {"redis://h/-1", JG_INVALID_ARGUMENT},
      {"redis://h/1000001", JG_INVALID_ARGUMENT},
      {"redis://a b", JG_INVALID_ARGUMENT},
      {"redis://[::1", JG_INVALID_ARGUMENT},
      {"redis://[::1]x", JG_INVALID_ARGUMENT},
      {"redis://::1", JG_INVALID_ARGUMENT},
      {"redis://hunter2:@h", JG_INVALID_ARGUMENT},
      {"redis://hunter2:hunter2%zz@h", JG_INVALID_ARGUMENT},
      {"redis://hunter2:hunter2%4@h", JG_INVALID_ARGUMENT},
      {"redi://u:hunter2@h", JG_INVALID_ARGUMENT},
      {"redis+sentinel://hunter2@h", JG_INVALID_ARGUMENT},
      {"redis+sentinel://h/", JG_INVALID_ARGUMENT},
      {"redis+sentinel://h,/m", JG_INVALID_ARGUMENT},
      {"redis+sentinel://h/m/x", JG_INVALID_ARGUMENT},
      {"redis+sentinel://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a/m", JG_INVALID_ARGUMENT},
      {"rediss://u:hunter2@h", JG_UNIMPLEMENTED},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_redis_url url;
    struct jg_status status = jg_redis_url_parse(jg_str_from_cstr(rows[i].text), &arena, &url);
    assert_int_equal(status.code, rows[i].code);
    assert_null(strstr(status.message, "hunter2"));
  }
}

static void a_slash_in_a_password_is_told_of(void **state) {
  (void)state;
  static const struct jg_str addresses[] = {JG_STR("redis://:hunter2/x@h:6379"),
                                            JG_STR("redis://user:hunter2/x@h:6379/1"), JG_STR("redis://hunter2/x@h"),
                                            JG_STR("redis+sentinel://:hunter2/x@h:26379/main")};
  for (size_t i = 0; i < JG_COUNT(addresses); i++) {
    struct jg_redis_url url;
    struct jg_status status = jg_redis_url_parse(addresses[i], &arena, &url);
    assert_int_equal(status.code, JG_INVALID_ARGUMENT);
    assert_string_equal(status.message, "a '/' in the cache's user or password must be written %2F");
  }
}

/* An arena at any cap: a status, never half an address. */
static void arena_caps(void **state) {
  (void)state;
  for (size_t cap = 16;; cap += 16) {
    struct jg_arena small;
    jg_arena_init(&small, cap);
    struct jg_redis_url url;
    struct jg_status status = jg_redis_url_parse(JG_STR("redis+sentinel://user:password@a,b/main"), &small, &url);
    jg_arena_done(&small);
    if (jg_status_ok(status)) {
      break;
    }
    assert_int_equal(status.code, JG_RESOURCE_EXHAUSTED);
    assert_true(cap < 4096);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(valid_addresses, setup, teardown),
      cmocka_unit_test_setup_teardown(refused_addresses, setup, teardown),
      cmocka_unit_test_setup_teardown(a_slash_in_a_password_is_told_of, setup, teardown),
      cmocka_unit_test_setup_teardown(arena_caps, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
