// What the log tells of answers that are our own fault, at the level that servers run with.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "bridge/rest/fake_methods.h"
#include "bridge/rest/test_door.h"

static void a_fault_leaves_one_line(void **state) {
  (void)state;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  const struct jg_log log = {.format = JG_LOG_TEXT, .level_min = JG_LOG_INFO, .fd = fds[1], .clock = jg_clock_system()};
  test_door_log(&log);
  fake_start(3);
  test_door_open((struct jg_rest_options){.embed = true});
  const struct jg_status statuses[] = {
      jg_status_make(JG_DATA_LOSS, JG_REASON_STORE_CORRUPT, "the record is damaged"),
      jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "the caller's"),
      jg_status_make(JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "the store's"),
      JG_STATUS_OK,
  };
  for (size_t i = 0; i < JG_COUNT(statuses); i++) {
    if (!jg_status_ok(statuses[i])) {
      fake_fail_next(statuses[i]);
    }
    struct jg_test_answer answer = test_door_get("/api/Jobs?$filter=name%20eq%20'secret'");
    assert_int_equal(answer.status, jg_status_http(statuses[i]));
    jg_test_answer_done(&answer);
  }
  test_door_close();
  fake_stop();
  test_door_log(NULL);
  assert_int_equal(close(fds[1]), 0);
  char text[4096];
  ssize_t len = read(fds[0], text, sizeof(text) - 1);
  assert_true(len > 0);
  text[len] = '\0';
  assert_int_equal(close(fds[0]), 0);
  assert_non_null(strstr(text,
                         "http_fault method=GET route=jobs status=500 code=DATA_LOSS reason=STORE_CORRUPT "
                         "message=\"the record is damaged\" duration_us="));
  assert_ptr_equal(strchr(text, '\n'), text + len - 1);
  assert_null(strstr(text, "secret"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fault_leaves_one_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
