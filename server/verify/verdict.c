#include "server/verify/verdict.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[] = {
    [JG_VERIFY_ORDERED] = "ordered",           [JG_VERIFY_UNIQUE] = "unique",
    [JG_VERIFY_RELIABLE] = "reliable",         [JG_VERIFY_ATOMIC] = "atomic",
    [JG_VERIFY_RESUMABLE] = "resumable",       [JG_VERIFY_BOOKMARKABLE] = "bookmarkable",
    [JG_VERIFY_FILTER_VIEW] = "filter-view",   [JG_VERIFY_INTACT] = "intact",
    [JG_VERIFY_TENANT_TIGHT] = "tenant-tight",
};
_Static_assert(JG_COUNT(names) == JG_VERIFY_PROMISE_COUNT, "a name for each promise");

const char *jg_verify_promise_name(enum jg_verify_promise promise) {
  return names[promise];
}

void jg_verify_fail(struct jg_verify_verdict *verdict, enum jg_verify_promise promise, const char *format, ...) {
  struct jg_verify_count *count = &verdict->promises[promise];
  count->looked_at++;
  if (count->failed++ > 0) {
    return;
  }
  va_list args;
  va_start(args, format);
  (void)vsnprintf(count->first, sizeof(count->first), format, args);  // cut if it must be: for a person
  va_end(args);
}

uint64_t jg_verify_failures(const struct jg_verify_verdict *verdict) {
  uint64_t failures = 0;
  for (size_t i = 0; i < JG_VERIFY_PROMISE_COUNT; i++) {
    failures += verdict->promises[i].failed;
  }
  return failures;
}
