// The pages of a list: their links, and how large they are.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"

static int set_up(void **state) {
  (void)state;
  fake_start(251);
  test_door_open((struct jg_rest_options){.embed = true});
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  test_door_close();
  fake_stop();
  return 0;
}

static int count_of(const char *text, const char *piece) {
  int count = 0;
  for (const char *at = text; (at = strstr(at, piece)) != NULL; at++) {
    count++;
  }
  return count;
}

/* Follows nextLink; sizes: of the pages, -1 at the end. */
static void follow(const char *target, const int *sizes) {
  char path[512];
  snprintf(path, sizeof(path), "%s", target);
  int next_id = -1;
  for (; *sizes >= 0; sizes++) {
    struct jg_test_answer answer = test_door_get(path);
    assert_int_equal(answer.status, 200);
    assert_int_equal(count_of(answer.body.data, "\"name\":\"job\""), *sizes);
    const char *id = strstr(answer.body.data, "\"id\":\"00000000");
    if (id != NULL) {
      uint64_t digit = 0;
      assert_true(id[39] >= '0');
      for (int i = 0; i < 12; i++) {
        char c = id[30 + i];
        digit = digit * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
      }
      assert_true(next_id < 0 || (int)digit == next_id);
      next_id = (int)digit + *sizes;
    }
    const char *link = strstr(answer.body.data, "],\"@odata.nextLink\":\"http://a.example/");
    assert_int_equal(link != NULL, sizes[1] >= 0);
    if (link != NULL) {
      const char *from = strstr(link, "/api/");
      snprintf(path, sizeof(path), "%.*s", (int)(strchr(from, '"') - from), from);
    }
    jg_test_answer_done(&answer);
  }
}

static void next_links_visit_all(void **state) {
  (void)state;
  follow("/api/Jobs", (const int[]){100, 100, 51, -1});
  follow("/api/Jobs?$skip=151", (const int[]){100, -1});
  follow("/api/Jobs?$skip=150&x=%26", (const int[]){100, 1, -1});
  follow("/api/Jobs?$skip=300", (const int[]){0, -1});
  follow("/api/Jobs?$top=0", (const int[]){0, -1});
  follow("/api/Jobs?$top=5", (const int[]){5, -1});
  follow("/api/Jobs?$top=100", (const int[]){100, -1});
  follow("/api/Jobs?$top=101", (const int[]){100, 1, -1});
  follow("/api/Jobs?$top=250", (const int[]){100, 100, 50, -1});
  follow("/api/Jobs?$top=251", (const int[]){100, 100, 51, -1});
  follow("/api/Jobs?$top=9223372036854775807", (const int[]){100, 100, 51, -1});
  assert_int_equal(fake_seen().skip, 200);
  struct jg_test_answer answer = test_door_get("/api/Jobs?$top=250&q=a+b");
  assert_non_null(strstr(answer.body.data, "Jobs?$top=150&$skip=100&$skiptoken=a%2Bb%2Fc%3D%26100&q=a%20b\"}"));
  jg_test_answer_done(&answer);
}

static void a_page_is_as_small_as_preferred(void **state) {
  (void)state;
  static const struct {
    const char *target, *fields, *applied, *link;
    int page_size;
  } rows[] = {
      {"/api/Jobs", "odata.maxpagesize=3", "odata.maxpagesize=3", "/api/Jobs?$skip=3&$skiptoken=", 3},
      {"/api/Jobs?$top=2", "maxpagesize=3", "maxpagesize=3", "]}", 2},
      {"/api/Jobs?$top=5", "odata.maxpagesize=3", "odata.maxpagesize=3", "/api/Jobs?$top=2&$skip=3&$skiptoken=", 3},
      {"/api/Jobs", "odata.maxpagesize=1000000", NULL, "$skip=100&", JG_LIMIT_PAGE_SIZE_DEFAULT},
      {"/api/Jobs/$count", "odata.maxpagesize=3", NULL, "251", 1},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    char fields[64];
    (void)snprintf(fields, sizeof(fields), "Prefer: %s\r\n", rows[i].fields);  // They fit.
    struct jg_test_answer answer = test_door_call("GET", rows[i].target, fields, NULL);
    assert_int_equal(fake_seen().page_size, rows[i].page_size);
    test_door_assert_header(&answer, "preference-applied", rows[i].applied);
    assert_non_null(strstr(answer.body.data, rows[i].link));
    jg_test_answer_done(&answer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(next_links_visit_all, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_page_is_as_small_as_preferred, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
