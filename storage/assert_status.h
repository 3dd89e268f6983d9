/* What tests of storage/ say of a status: a wrong one is printed with its message. */
#ifndef JG_STORAGE_ASSERT_STATUS_H
#define JG_STORAGE_ASSERT_STATUS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

static inline void assert_status(struct jg_status status, enum jg_code code, enum jg_reason reason) {
  if (status.code != code || status.reason != reason) {
    fail_msg("%s %s: %s", jg_code_name(status.code), jg_reason_name(status.reason), status.message);
  }
}

static inline void assert_ok(struct jg_status status) {
  assert_status(status, JG_OK, JG_REASON_NONE);
}

#endif
