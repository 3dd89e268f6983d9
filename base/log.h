/* Structured log lines on standard error: text or JSON. Only server/, the hub and circuit breakers log above debug.
 * No payload, token, secret or personal data. Thread: any (one write(2) a line). */
#ifndef JG_BASE_LOG_H
#define JG_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

enum jg_log_level { JG_LOG_DEBUG, JG_LOG_INFO, JG_LOG_WARN, JG_LOG_ERROR };
enum jg_log_format { JG_LOG_TEXT, JG_LOG_JSON };

struct jg_log {
  enum jg_log_format format;
  enum jg_log_level level_min;
  int fd;
  const struct jg_clock *clock;
};

struct jg_log_field {
  const char *key;
  enum { JG_LOG_FIELD_INT, JG_LOG_FIELD_STR } type;
  int64_t integer;
  struct jg_str str;
};

#define JG_LOG_I(k, v) ((struct jg_log_field){.key = (k), .type = JG_LOG_FIELD_INT, .integer = (v)})
#define JG_LOG_S(k, v) ((struct jg_log_field){.key = (k), .type = JG_LOG_FIELD_STR, .str = (v)})
#define JG_LOG_C(k, v) JG_LOG_S(k, jg_str_from_cstr(v))

/* event: a fixed lower_case word. A NULL log is allowed and silent. */
void jg_log_write(const struct jg_log *log, enum jg_log_level level, const char *event,
                  const struct jg_log_field *fields, size_t field_count);
/* jg_log(log, JG_LOG_INFO, "started", JG_LOG_C("address", a), JG_LOG_I("port", p)); at least one field */
#define jg_log(log, level, event, ...)                                        \
  jg_log_write(log, level, event, (const struct jg_log_field[]){__VA_ARGS__}, \
               sizeof((const struct jg_log_field[]){__VA_ARGS__}) / sizeof(struct jg_log_field))

#endif
