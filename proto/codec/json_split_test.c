#include "proto/codec/json_split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define VALUE_BYTES_MAX 4096u
#define ARENA_BYTES (1u << 16)

/* Prints each job as "number@line:text;" so that a whole run is one string. */
static struct jg_status record_job(struct jg_str text, int64_t number, int64_t line, void *data) {
  struct jg_buf *log = data;
  jg_buf_printf(log, "%lld@%lld:", (long long)number, (long long)line);
  jg_buf_append_str(log, text);
  jg_buf_append(log, ";", 1);
  return JG_STATUS_OK;
}

/* Feeds the text cut at two places; the status's message, if any, ends the log. */
static void run(struct jg_str text, size_t cut1, size_t cut2, size_t value_bytes_max, struct jg_buf *log) {
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_json_split *split = jg_json_split_create(value_bytes_max);
  const size_t cuts[] = {0, cut1, cut2, text.len};
  struct jg_status status = JG_STATUS_OK;
  for (size_t i = 0; i + 1 < JG_COUNT(cuts) && jg_status_ok(status); i++) {
    // A copy of its own, so that a byte read beyond a piece is caught.
    struct jg_buf piece;
    jg_buf_init(&piece, text.len + 1);
    jg_buf_append_str(&piece, jg_str_sub(text, cuts[i], cuts[i + 1] - cuts[i]));
    status = jg_json_split_feed(split, jg_buf_str(&piece), &arena, record_job, log);
    jg_buf_done(&piece);
  }
  if (jg_status_ok(status)) {
    status = jg_json_split_end(split, &arena);
  } else {
    assert_false(jg_status_ok(jg_json_split_feed(split, JG_STR("{}"), &arena, record_job, log)));
    assert_false(jg_status_ok(jg_json_split_end(split, &arena)));
  }
  if (!jg_status_ok(status)) {
    assert_int_equal(status.code, JG_INVALID_ARGUMENT);
    jg_buf_printf(log, "! %s", status.message);
  }
  jg_json_split_destroy(split);
  jg_arena_done(&arena);
}

/* Every pair of cuts gives the same. */
static void assert_split(struct jg_str text, size_t value_bytes_max, const char *expected) {
  struct jg_buf log;
  jg_buf_init(&log, 1u << 20);
  for (size_t cut1 = 0; cut1 <= text.len; cut1++) {
    for (size_t cut2 = cut1; cut2 <= text.len; cut2++) {
      jg_buf_clear(&log);
      run(text, cut1, cut2, value_bytes_max, &log);
      jg_buf_append(&log, "", 1);
      assert_string_equal(log.data, expected);
    }
  }
  jg_buf_done(&log);
}

static void values_become_jobs(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    const char *expected;
  } rows[] = {
      {JG_STR(""), ""},
      {JG_STR(" \r\n\t"), ""},
      {JG_STR("{}"), "1@1:{};"},
      {JG_STR("{\"id\":1}\n{\"id\":2}\n\n {\"id\":3}"), "1@1:{\"id\":1};2@2:{\"id\":2};3@4:{\"id\":3};"},
      {JG_STR("{}{}"), "1@1:{};2@1:{};"},
      {JG_STR("[]"), ""},
      {JG_STR("[ ]\n[{\"a\":1} ,\n{\"b\":[1,{}]}\n]{}"), "1@2:{\"a\":1};2@3:{\"b\":[1,{}]};3@4:{};"},
      {JG_STR("{\"a\":\"}]{[\\\"\\\\\",\"b\":\"\\\\\"}"), "1@1:{\"a\":\"}]{[\\\"\\\\\",\"b\":\"\\\\\"};"},
      {JG_STR("{\"a\":\n[\n{}]}\n{}"), "1@1:{\"a\":\n[\n{}]};2@4:{};"},
      {JG_STR("{\"x\":{\"value\":[{}]}}"), "1@1:{\"x\":{\"value\":[{}]}};"},
      {JG_STR("{\"x\":\"value\",\"y\":[{}]}"), "1@1:{\"x\":\"value\",\"y\":[{}]};"},
      {JG_STR("{\"value\":{\"value\":[1]}}"), "1@1:{\"value\":{\"value\":[1]}};"},
      {JG_STR("{\"value\":1,\"b\":[2]}"), "1@1:{\"value\":1,\"b\":[2]};"},
      {JG_STR("{\"Value\":[{}]}"), "1@1:{\"Value\":[{}]};"},
      {JG_STR("{\"values\":[{}]}"), "1@1:{\"values\":[{}]};"},
      {JG_STR("[{\"value\":[{}]}]"), "1@1:{\"value\":[{}]};"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_split(rows[i].text, VALUE_BYTES_MAX, rows[i].expected);
  }
}

static void envelopes_are_opened(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    const char *expected;
  } rows[] = {
      {JG_STR("{\"value\":[]}"), ""},
      {JG_STR("{\"value\":[{\"id\":1}]}"), "1@1:{\"id\":1};"},
      {JG_STR("{\n\"@odata.context\":\"x\\\"[\",\n\"value\" : "
              "[\n{\"a\":\"}\"},{\"b\":[]}\n],\n\"@odata.nextLink\":\"]}\"}\n{}"),
       "1@4:{\"a\":\"}\"};2@4:{\"b\":[]};3@7:{};"},
      {JG_STR("{\"n\":[1,{\"value\":[2]}],\"value\":[{}],\"m\":{\"value\":[3]}} [{}]"), "1@1:{};2@1:{};"},
      {JG_STR("{\"\\u0076alu\\u0065\":[{}]}"), "1@1:{};"},
      {JG_STR("{\"value\":1,\"value\":[{}]}"), "1@1:{};"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_split(rows[i].text, VALUE_BYTES_MAX, rows[i].expected);
  }
}

static void what_is_malformed_within_a_job_is_handed_over(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    const char *expected;
  } rows[] = {
      {JG_STR("{a b,,}{}"), "1@1:{a b,,};2@1:{};"},
      {JG_STR("{\"a\n\":1}\n{}"), "1@1:{\"a\n\":1};2@3:{};"},
      {JG_STR("[1,-2.5e3,true ,\"x]\",[2,3],null]"), "1@1:1;2@1:-2.5e3;3@1:true;4@1:\"x]\";5@1:[2,3];6@1:null;"},
      {JG_STR("{,\"value\":[{}]}"), "1@1:{,\"value\":[{}]};"},
      {JG_STR("[nonsense,{}]"), "1@1:nonsense;2@1:{};"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_split(rows[i].text, VALUE_BYTES_MAX, rows[i].expected);
  }
}

static void what_is_no_sequence_is_refused(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    const char *expected;
  } rows[] = {
      {JG_STR("12"), "! value 1 at line 1: a JSON object or array was expected"},
      {JG_STR("{}\n,{}"), "1@1:{};! value 2 at line 2: a JSON object or array was expected"},
      {JG_STR("{}\n]"), "1@1:{};! value 2 at line 2: a JSON object or array was expected"},
      {JG_STR("\xef\xbb\xbf{}"), "! value 1 at line 1: a JSON object or array was expected"},
      {JG_STR("[{}\n{}]"), "1@1:{};! value 2 at line 2: a comma or ']' was expected before it"},
      {JG_STR("[{},]"), "1@1:{};! value 2 at line 1: a JSON value was expected"},
      {JG_STR("[,{}]"), "! value 1 at line 1: a JSON value was expected"},
      {JG_STR("{\n\"a\":[}\n}"), "! value 1 at line 2: its brackets do not match"},
      {JG_STR("{]"), "! value 1 at line 1: its brackets do not match"},
      {JG_STR("{}\n{\"a\":\n"), "1@1:{};! value 2 at line 2: the text ends within it"},
      {JG_STR("{\"a\":\"}"), "! value 1 at line 1: the text ends within it"},
      {JG_STR("[{}"), "1@1:{};! value 2 at line 1: the text ends within an array"},
      {JG_STR("["), "! value 1 at line 1: the text ends within an array"},
      {JG_STR("{\"value\":[{}]\n"),
       "1@1:{};! value 2 at line 2: the text ends within the envelope of the values before it"},
      {JG_STR("{\"value\":[{}],\"value\":[{}]}"), "1@1:{};! value 2 at line 1: the envelope has two members \"value\""},
      {JG_STR("{\"@odata.context\":\"$metadata#JobType\",\n\"value\":[{}]}"),
       "! value 1 at line 1: the envelope's @odata.context names something else than Jobs"},
      {JG_STR("{\"value\":[{}]\n,\"@odata.context\":\"$metadata#JobType\"}"),
       "1@1:{};! value 2 at line 2: the envelope's @odata.context names something else than Jobs"},
      {JG_STR("{\"value\":[{}] x}"),
       "1@1:{};! value 2 at line 1: the envelope around the values before it is not valid JSON"},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_split(rows[i].text, VALUE_BYTES_MAX, rows[i].expected);
  }
}

static struct jg_status ignore_job(struct jg_str text, int64_t number, int64_t line, void *data) {
  (void)text;
  (void)number;
  (void)line;
  (void)data;
  return JG_STATUS_OK;
}

static void the_last_page_tells_of_more(void **state) {
  (void)state;
  static const struct {
    struct jg_str text;
    bool more;
  } rows[] = {
      {JG_STR("{}"), false},
      {JG_STR("{\"@odata.nextLink\":\"x\"}"), false},
      {JG_STR("{\"value\":[{}]}"), false},
      {JG_STR("{\"value\":[{}],\"@odata.nextLink\":\"x\"}"), true},
      {JG_STR("{\"@odata.nextLink\":\"x\",\"value\":[]}{}"), true},
      {JG_STR("{\"value\":[{}],\"@odata.nextLink\":\"x\"}{\"value\":[{}]}"), false},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, ARENA_BYTES);
    struct jg_json_split *split = jg_json_split_create(VALUE_BYTES_MAX);
    assert_true(jg_status_ok(jg_json_split_feed(split, rows[i].text, &arena, ignore_job, NULL)));
    assert_true(jg_status_ok(jg_json_split_end(split, &arena)));
    assert_int_equal(jg_json_split_more(split), rows[i].more);
    jg_json_split_destroy(split);
    jg_arena_done(&arena);
  }
}

static void values_are_bounded(void **state) {
  (void)state;
  assert_split(JG_STR("{\"abcd\":1}{}"), 10, "1@1:{\"abcd\":1};2@1:{};");
  assert_split(JG_STR("{}\n{\"abcde\":1}{}"), 10, "1@1:{};! value 2 at line 2: is longer than 10 bytes");
  assert_split(JG_STR("[{\"abcde\":1}]"), 10, "! value 1 at line 1: is longer than 10 bytes");
  // What is wrong beyond the limit does not matter.
  assert_split(JG_STR("{\"aaaa\":[}"), 8, "! value 1 at line 1: is longer than 8 bytes");
  // The array of an envelope may be longer than one value, its other members not.
  assert_split(JG_STR("{\"value\":[{\"a\":1},{\"b\":2},{\"c\":3}]}"), 14, "1@1:{\"a\":1};2@1:{\"b\":2};3@1:{\"c\":3};");
  assert_split(JG_STR("{\"value\":[{}],\"a\":1}"), 14, "1@1:{};! value 2 at line 1: is longer than 14 bytes");
  assert_split(JG_STR("{\"a\":1,\"value\":[{}]}"), 14, "! value 1 at line 1: is longer than 14 bytes");
}

static void depth_beyond_the_decoder_is_only_counted(void **state) {
  (void)state;
  char text[402];
  memset(text, '[', 200);
  memset(text + 200, ']', 200);
  text[400] = '{';
  text[401] = '}';
  struct jg_buf log;
  jg_buf_init(&log, 1u << 20);
  run(jg_str_make(text, sizeof(text)), 100, 300, VALUE_BYTES_MAX, &log);
  jg_buf_append(&log, "", 1);
  char expected[512];
  (void)snprintf(expected, sizeof(expected), "1@1:%.398s;2@1:{};", text + 1);
  assert_string_equal(log.data, expected);
  jg_buf_done(&log);
}

static struct jg_status refuse_second(struct jg_str text, int64_t number, int64_t line, void *data) {
  (void)text;
  (void)line;
  *(int64_t *)data = number;
  return number == 2 ? jg_status_make(JG_ABORTED, JG_REASON_NONE, "enough") : JG_STATUS_OK;
}

static void an_error_of_the_callback_ends_the_feed(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, ARENA_BYTES);
  struct jg_json_split *split = jg_json_split_create(VALUE_BYTES_MAX);
  int64_t last = 0;
  struct jg_status status = jg_json_split_feed(split, JG_STR("[{},{},{}]"), &arena, refuse_second, &last);
  assert_int_equal(status.code, JG_ABORTED);
  assert_int_equal(last, 2);
  jg_json_split_destroy(split);
  jg_json_split_destroy(NULL);
  jg_arena_done(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_become_jobs),
      cmocka_unit_test(envelopes_are_opened),
      cmocka_unit_test(what_is_malformed_within_a_job_is_handed_over),
      cmocka_unit_test(what_is_no_sequence_is_refused),
      cmocka_unit_test(the_last_page_tells_of_more),
      cmocka_unit_test(values_are_bounded),
      cmocka_unit_test(depth_beyond_the_decoder_is_only_counted),
      cmocka_unit_test(an_error_of_the_callback_ends_the_feed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
