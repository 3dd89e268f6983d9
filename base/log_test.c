#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/utf8.h"

/* 2026-03-04T05:06:07.0891234Z */
#define NOW (INT64_C(1772600767) * JG_TICKS_PER_SECOND + 891234)

struct fixture {
  struct jg_clock_manual clock;
  struct jg_log log;
  int read_end;
  char line[2 * PIPE_BUF];
};

static void open_fixture(struct fixture *fixture, enum jg_log_format format) {
  int ends[2];
  assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
  fixture->read_end = ends[0];
  jg_clock_manual_init(&fixture->clock, NOW);
  fixture->log =
      (struct jg_log){.format = format, .level_min = JG_LOG_INFO, .fd = ends[1], .clock = &fixture->clock.clock};
}

static void close_fixture(struct fixture *fixture) {
  (void)close(fixture->read_end);
  (void)close(fixture->log.fd);
}

/* What was written, without asking how many lines it is. */
static const char *written(struct fixture *fixture) {
  ssize_t len = read(fixture->read_end, fixture->line, sizeof(fixture->line) - 1);
  fixture->line[len > 0 ? len : 0] = '\0';
  return fixture->line;
}

static void test_json(void **state) {
  (void)state;
  struct fixture fixture;
  open_fixture(&fixture, JG_LOG_JSON);
  jg_log(&fixture.log, JG_LOG_INFO, "started", JG_LOG_C("address", "127.0.0.1:80"), JG_LOG_I("port", -80));
  assert_string_equal(written(&fixture),
                      "{\"time\":\"2026-03-04T05:06:07.089Z\",\"level\":\"info\",\"event\":\"started\","
                      "\"address\":\"127.0.0.1:80\",\"port\":-80}\n");
  jg_log_write(&fixture.log, JG_LOG_ERROR, "bare", NULL, 0);
  assert_string_equal(written(&fixture),
                      "{\"time\":\"2026-03-04T05:06:07.089Z\",\"level\":\"error\",\"event\":\"bare\"}\n");
  close_fixture(&fixture);
}

static void test_text(void **state) {
  (void)state;
  struct fixture fixture;
  open_fixture(&fixture, JG_LOG_TEXT);
  jg_log(&fixture.log, JG_LOG_WARN, "slow", JG_LOG_C("what", "a/b:c"), JG_LOG_I("ns", INT64_MIN));
  assert_string_equal(written(&fixture), "2026-03-04T05:06:07.089Z warn slow what=a/b:c ns=-9223372036854775808\n");
  close_fixture(&fixture);
}

static void test_levels_and_null(void **state) {
  (void)state;
  struct fixture fixture;
  open_fixture(&fixture, JG_LOG_TEXT);
  jg_log(&fixture.log, JG_LOG_DEBUG, "quiet", JG_LOG_I("n", 1));
  assert_string_equal(written(&fixture), "");
  fixture.log.level_min = JG_LOG_ERROR;
  jg_log(&fixture.log, JG_LOG_WARN, "quiet", JG_LOG_I("n", 1));
  assert_string_equal(written(&fixture), "");
  fixture.log.level_min = JG_LOG_DEBUG;
  jg_log(&fixture.log, JG_LOG_DEBUG, "loud", JG_LOG_I("n", 1));
  assert_string_equal(written(&fixture), "2026-03-04T05:06:07.089Z debug loud n=1\n");
  jg_log(NULL, JG_LOG_ERROR, "nobody", JG_LOG_I("n", 1));
  close_fixture(&fixture);
}

static void test_escapes(void **state) {
  (void)state;
  const struct {
    struct jg_str value;
    const char *json, *text;
  } rows[] = {
      {JG_STR("plain"), "\"plain\"", "plain"},
      {JG_STR(""), "\"\"", "\"\""},
      {JG_STR_NONE, "\"\"", "\"\""},
      {JG_STR("a b"), "\"a b\"", "\"a b\""},
      {JG_STR("a=b"), "\"a=b\"", "\"a=b\""},
      {JG_STR("a\"b"), "\"a\\\"b\"", "\"a\\\"b\""},
      {JG_STR("a\\b"), "\"a\\\\b\"", "\"a\\\\b\""},
      {JG_STR("a\nb"), "\"a\\u000ab\"", "\"a\\u000ab\""},
      {JG_STR("\0"), "\"\\u0000\"", "\"\\u0000\""},
      {JG_STR("\x1B[31m"), "\"\\u001b[31m\"", "\"\\u001b[31m\""},
      {JG_STR("\x7F"), "\"\\u007f\"", "\"\\u007f\""},
      {JG_STR("\xC2\x9B"), "\"\\u009b\"", "\"\\u009b\""},  // the one-character terminal escape
      {JG_STR("\xC3\xA9"), "\"\xC3\xA9\"", "\"\xC3\xA9\""},
      {JG_STR("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\"", "\"\xF0\x9F\x98\x80\""},
      {JG_STR("\xFF"), "\"\xEF\xBF\xBD\"", "\"\xEF\xBF\xBD\""},
      {JG_STR("\xC3"), "\"\xEF\xBF\xBD\"", "\"\xEF\xBF\xBD\""},
      {JG_STR("\x80z"), "\"\xEF\xBF\xBDz\"", "\"\xEF\xBF\xBDz\""},
      {JG_STR("\xE2\x82x"), "\"\xEF\xBF\xBD\xEF\xBF\xBDx\"", "\"\xEF\xBF\xBD\xEF\xBF\xBDx\""},
      {JG_STR("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  struct fixture json, text;
  open_fixture(&json, JG_LOG_JSON);
  open_fixture(&text, JG_LOG_TEXT);
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    char expected[256];
    jg_log(&json.log, JG_LOG_INFO, "e", JG_LOG_S("v", rows[i].value));
    assert_true(snprintf(expected, sizeof(expected),
                         "{\"time\":\"2026-03-04T05:06:07.089Z\",\"level\":\"info\",\"event\":\"e\",\"v\":%s}\n",
                         rows[i].json) > 0);
    assert_string_equal(written(&json), expected);
    jg_log(&text.log, JG_LOG_INFO, "e", JG_LOG_S("v", rows[i].value));
    assert_true(snprintf(expected, sizeof(expected), "2026-03-04T05:06:07.089Z info e v=%s\n", rows[i].text) > 0);
    assert_string_equal(written(&text), expected);
  }
  close_fixture(&json);
  close_fixture(&text);
}

/* Strings and braces of the JSON that the log writes: quotes are closed, nothing follows the object. */
static bool is_whole_object(struct jg_str line) {
  bool inside = false;
  size_t depth = 0;
  for (size_t i = 0; i < line.len; i++) {
    char c = line.data[i];
    if (inside && c == '\\') {
      i++;
    } else if (c == '"') {
      inside = !inside;
    } else if (!inside && c == '{') {
      depth++;
    } else if (!inside && c == '}') {
      depth--;
      if (depth == 0) {
        return i + 1 == line.len;
      }
    }
  }
  return false;
}

static void test_long_lines_stay_whole(void **state) {
  (void)state;
  static char long_text[3 * PIPE_BUF];
  const char *const fillers[] = {"x", "\"", "\n", "\xC3\xA9", "\xF0\x9F\x98\x80", "\xFF", "a\x01"};
  for (size_t round = 0; round < JG_COUNT(fillers); round++) {
    size_t filler_len = strlen(fillers[round]);
    for (size_t i = 0; i < sizeof(long_text); i++) {
      long_text[i] = fillers[round][i % filler_len];
    }
    // Every length around the caps of a value and of a line.
    for (size_t len = 100; len < 1400; len += 1) {
      struct fixture fixture;
      open_fixture(&fixture, len % 2 != 0 ? JG_LOG_JSON : JG_LOG_TEXT);
      struct jg_str value = jg_str_make(long_text, len);
      jg_log(&fixture.log, JG_LOG_INFO, "long", JG_LOG_S("a", value), JG_LOG_S("b", value), JG_LOG_S("c", value),
             JG_LOG_S("d", value), JG_LOG_S("e", value), JG_LOG_I("last", 7));
      struct jg_str line = jg_str_from_cstr(written(&fixture));
      assert_true(line.len <= PIPE_BUF);
      assert_int_equal(jg_str_find(line, '\n', 0), line.len - 1);
      assert_true(jg_utf8_valid(line));
      line.len--;
      if (fixture.log.format == JG_LOG_JSON) {
        assert_true(is_whole_object(line));
      }
      bool complete = strstr(fixture.line, "last") != NULL && strstr(fixture.line, "truncated") == NULL;
      bool marked =
          strstr(fixture.line, fixture.log.format == JG_LOG_JSON ? ",\"truncated\":true}" : " truncated=true") != NULL;
      assert_true(complete != marked);
      close_fixture(&fixture);
    }
  }
}

static void test_a_long_value_leaves_the_others(void **state) {
  (void)state;
  static char long_text[100000];
  memset(long_text, 'x', sizeof(long_text));
  struct fixture fixture;
  open_fixture(&fixture, JG_LOG_TEXT);
  jg_log(&fixture.log, JG_LOG_INFO, "long", JG_LOG_S("a", jg_str_make(long_text, sizeof(long_text))),
         JG_LOG_I("last", 7));
  const char *line = written(&fixture);
  assert_non_null(strstr(line, "\" last=7 truncated=true\n"));
  assert_true(strlen(line) < 1200);
  close_fixture(&fixture);
}

static void test_many_fields(void **state) {
  (void)state;
  struct jg_log_field fields[1000];
  for (size_t i = 0; i < JG_COUNT(fields); i++) {
    fields[i] = JG_LOG_I("key", (int64_t)i);
  }
  struct fixture fixture;
  open_fixture(&fixture, JG_LOG_JSON);
  jg_log_write(&fixture.log, JG_LOG_INFO, "many", fields, JG_COUNT(fields));
  struct jg_str line = jg_str_from_cstr(written(&fixture));
  assert_true(line.len <= PIPE_BUF && line.len > PIPE_BUF - 100);
  assert_true(is_whole_object(jg_str_sub(line, 0, line.len - 1)));
  assert_true(jg_str_ends_with(line, JG_STR(",\"truncated\":true}\n")));
  close_fixture(&fixture);
}

static void test_odd_times(void **state) {
  (void)state;
  const struct {
    int64_t ticks;
    const char *time;
  } rows[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {-1, "1969-12-31T23:59:59.999Z"},
      {JG_TICKS_UNSET, "1980-01-01T00:00:00.000Z"},
      {INT64_C(951782399) * JG_TICKS_PER_SECOND + 9999999, "2000-02-28T23:59:59.999Z"},
      {INT64_C(253402300799) * JG_TICKS_PER_SECOND, "9999-12-31T23:59:59.000Z"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct fixture fixture;
    open_fixture(&fixture, JG_LOG_TEXT);
    jg_clock_manual_init(&fixture.clock, rows[i].ticks);
    jg_log(&fixture.log, JG_LOG_INFO, "t", JG_LOG_I("n", 1));
    assert_memory_equal(written(&fixture), rows[i].time, strlen(rows[i].time));
    close_fixture(&fixture);
  }
}

static void test_a_full_or_closed_pipe_is_harmless(void **state) {
  (void)state;
  struct fixture fixture;
  open_fixture(&fixture, JG_LOG_TEXT);
  for (int i = 0; i < 5000; i++) {
    jg_log(&fixture.log, JG_LOG_INFO, "flood", JG_LOG_I("n", i));
  }
  int fd = fixture.log.fd;
  fixture.log.fd = -1;
  jg_log(&fixture.log, JG_LOG_INFO, "flood", JG_LOG_I("n", 0));
  fixture.log.fd = fd;
  close_fixture(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_json),
      cmocka_unit_test(test_text),
      cmocka_unit_test(test_levels_and_null),
      cmocka_unit_test(test_escapes),
      cmocka_unit_test(test_long_lines_stay_whole),
      cmocka_unit_test(test_a_long_value_leaves_the_others),
      cmocka_unit_test(test_many_fields),
      cmocka_unit_test(test_odd_times),
      cmocka_unit_test(test_a_full_or_closed_pipe_is_harmless),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
