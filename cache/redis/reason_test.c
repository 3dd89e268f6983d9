#include "cache/redis/reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/compiler.h"

static void reasons_of_replies(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum jg_redis_reason reason;
  } rows[] = {
      {"OOM command not allowed when used memory > 'maxmemory'.", JG_REDIS_OOM},
      {"READONLY You can't write against a read only replica.", JG_REDIS_READ_ONLY},
      {"LOADING Redis is loading the dataset in memory", JG_REDIS_LOADING},
      {"NOAUTH Authentication required.", JG_REDIS_AUTH},
      {"WRONGPASS invalid username-password pair", JG_REDIS_AUTH},
      {"NOPERM this user has no permissions", JG_REDIS_NO_PERMISSION},
      {"MISCONF Redis is configured to save RDB snapshots", JG_REDIS_MISCONF},
      {"MASTERDOWN Link with MASTER is down", JG_REDIS_NOT_MASTER},
      {"NOREPLICAS Not enough good replicas to write.", JG_REDIS_NO_REPLICAS},
      {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", JG_REDIS_BUSY},
      {"DENIED Redis is running in protected mode", JG_REDIS_PROTECTED},
      {"MOVED 3999 127.0.0.1:6381", JG_REDIS_CLUSTER},
      {"CROSSSLOT Keys in request don't hash to the same slot", JG_REDIS_CLUSTER},
      {"CLUSTERDOWN Hash slot not served", JG_REDIS_CLUSTER},
      {"ERR SELECT is not allowed in cluster mode", JG_REDIS_CLUSTER},
      {"ERR max number of clients reached", JG_REDIS_MAX_CLIENTS},
      {"ERR max number of clients + cluster connections reached", JG_REDIS_MAX_CLIENTS},
      {"ERR DB index is out of range", JG_REDIS_DATABASE},
      {"ERR invalid DB index", JG_REDIS_DATABASE},
      {"ERR invalid password", JG_REDIS_AUTH},
      {"ERR Client sent AUTH, but no password is set", JG_REDIS_AUTH},
      {"ERR AUTH <password> called without any password configured for the default user.", JG_REDIS_AUTH},
      {"ERR wrong number of arguments for 'auth' command", JG_REDIS_AUTH},
      {"ERR wrong number of arguments for 'select' command", JG_REDIS_REFUSED},
      {"ERR unknown command", JG_REDIS_REFUSED},
      {"ERR", JG_REDIS_REFUSED},
      {"OOM", JG_REDIS_OOM},
      {"OOMPH", JG_REDIS_REFUSED},
      {"", JG_REDIS_REFUSED},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    assert_int_equal(jg_redis_reason_of_reply(jg_str_from_cstr(rows[i].text)), rows[i].reason);
  }
  for (int i = 0; i < JG_REDIS_REASON_COUNT; i++) {
    assert_true(jg_redis_reason_name((enum jg_redis_reason)i)[0] != '\0');
    assert_true(jg_redis_reason_meaning((enum jg_redis_reason)i)[0] != '\0');
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reasons_of_replies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
