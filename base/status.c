#include "base/status.h"

#include <stdarg.h>
#include <string.h>

struct code_row {
  const char *name;
  int http;
};

struct reason_row {
  const char *name;
  int http; /* 0: the code's */
};

/* The codes have no gaps, so a row's index is its code. */
static const struct code_row codes[] = {
#define CODE_ROW(name, number, http) [number] = {#name, http},
    JG_CODE_TABLE(CODE_ROW)
#undef CODE_ROW
};
_Static_assert(JG_COUNT(codes) == JG_UNAUTHENTICATED + 1, "a row for every code");

static const struct reason_row reasons[] = {
#define REASON_ROW(name, http) {#name, http},
    JG_REASON_TABLE(REASON_ROW)
#undef REASON_ROW
};

/* Messages when the arena has no room for the printed ones. */
static const char *const stand_ins[] = {
    [JG_OK] = "",
    [JG_CANCELLED] = "the caller cancelled the call",
    [JG_UNKNOWN] = "unknown error",
    [JG_INVALID_ARGUMENT] = "the request is not valid",
    [JG_DEADLINE_EXCEEDED] = "the deadline has passed",
    [JG_NOT_FOUND] = "not found",
    [JG_ALREADY_EXISTS] = "already exists",
    [JG_PERMISSION_DENIED] = "not allowed",
    [JG_RESOURCE_EXHAUSTED] = "a shared limit is reached",
    [JG_FAILED_PRECONDITION] = "the current state does not allow this",
    [JG_ABORTED] = "a concurrent change came first",
    [JG_OUT_OF_RANGE] = "out of range",
    [JG_UNIMPLEMENTED] = "not implemented",
    [JG_INTERNAL] = "internal error",
    [JG_UNAVAILABLE] = "unavailable",
    [JG_DATA_LOSS] = "a stored record is damaged",
    [JG_UNAUTHENTICATED] = "the credentials are missing or wrong",
};
_Static_assert(JG_COUNT(stand_ins) == JG_COUNT(codes), "a stand-in for every code");

/* A code that came from outside may be any number. */
static enum jg_code known_code(enum jg_code code) {
  return (size_t)code < JG_COUNT(codes) ? code : JG_UNKNOWN;
}

static const char *copy_text(struct jg_arena *arena, const char *text) {
  return jg_arena_str(arena, jg_str_from_cstr(text)).data;
}

struct jg_status jg_status_printf(struct jg_arena *arena, enum jg_code code, enum jg_reason reason, const char *format,
                                  ...) {
  va_list args;
  va_start(args, format);
  const char *message = jg_arena_vprintf(arena, format, args);
  va_end(args);
  return jg_status_make(code, reason, message != NULL ? message : stand_ins[known_code(code)]);
}

struct jg_status jg_status_field(struct jg_arena *arena, enum jg_code code, enum jg_reason reason, const char *field,
                                 const char *format, ...) {
  struct jg_status status = jg_status_make(code, reason, stand_ins[known_code(code)]);
  va_list args;
  va_start(args, format);
  const char *expected = jg_arena_vprintf(arena, format, args);
  va_end(args);
  if (expected == NULL) {
    return status;
  }
  const char *message = jg_arena_printf(arena, "%s %s", field, expected);
  if (message == NULL) {
    status.message = expected;
    return status;
  }
  status.message = message;
  const char *field_copy = copy_text(arena, field);
  struct jg_violation *violation = jg_arena_alloc(arena, sizeof(*violation));
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  if (field_copy == NULL || violation == NULL || details == NULL) {
    return status;
  }
  *violation = (struct jg_violation){.field = field_copy, .message = expected};
  details->violations = violation;
  details->violation_count = 1;
  status.details = details;
  return status;
}

struct jg_status jg_status_violations(struct jg_arena *arena, enum jg_code code, enum jg_reason reason,
                                      const struct jg_violation *violations, size_t count) {
  JG_ASSERT(count > 0);
  struct jg_status status = jg_status_make(code, reason, stand_ins[known_code(code)]);
  size_t bytes = 0;
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  struct jg_violation *items = jg_size_mul(count, sizeof(items[0]), &bytes) ? jg_arena_alloc(arena, bytes) : NULL;
  const char *message = "";
  for (size_t i = 0; i < count && message != NULL; i++) {
    message =
        jg_arena_printf(arena, "%s%s%s %s", message, i > 0 ? "; " : "", violations[i].field, violations[i].message);
  }
  if (details == NULL || items == NULL || message == NULL) {
    return status;
  }
  memcpy(items, violations, bytes);
  *details = (struct jg_status_details){.violations = items, .violation_count = count};
  status.message = message;
  status.details = details;
  return status;
}

struct jg_status jg_status_about(struct jg_arena *arena, struct jg_status status, struct jg_str type,
                                 struct jg_str name) {
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  const char *type_copy = jg_arena_str(arena, type).data, *name_copy = jg_arena_str(arena, name).data;
  if (details == NULL || type_copy == NULL || name_copy == NULL) {
    return status;
  }
  if (status.details != NULL) {
    *details = *status.details;
  }
  details->resource_type = type_copy;
  details->resource_name = name_copy;
  status.details = details;
  return status;
}

/* NULL at the cap. */
static const struct jg_status_details *copy_details(struct jg_arena *arena, const struct jg_status_details *from) {
  struct jg_status_details *details = jg_arena_alloc(arena, sizeof(*details));
  size_t bytes = 0;
  if (details == NULL || !jg_size_mul(from->violation_count, sizeof(struct jg_violation), &bytes)) {
    return NULL;
  }
  struct jg_violation *violations = jg_arena_alloc(arena, bytes);
  if (violations == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < from->violation_count; i++) {
    violations[i].field = copy_text(arena, from->violations[i].field);
    violations[i].message = copy_text(arena, from->violations[i].message);
    if (violations[i].field == NULL || violations[i].message == NULL) {
      return NULL;
    }
  }
  *details = *from;
  details->violations = violations;
  if (from->resume_token != NULL) {
    details->resume_token = copy_text(arena, from->resume_token);
  }
  if (from->resource_type != NULL) {
    details->resource_type = copy_text(arena, from->resource_type);
    details->resource_name = copy_text(arena, from->resource_name);
    if (details->resource_name == NULL) {
      details->resource_type = NULL;
    }
  }
  return details;
}

struct jg_status jg_status_copy(struct jg_arena *arena, struct jg_status status) {
  const char *message = copy_text(arena, status.message);
  struct jg_status copy =
      jg_status_make(status.code, status.reason, message != NULL ? message : stand_ins[known_code(status.code)]);
  if (status.details != NULL) {
    copy.details = copy_details(arena, status.details);
  }
  return copy;
}

const char *jg_code_name(enum jg_code code) {
  return codes[known_code(code)].name;
}

const char *jg_reason_name(enum jg_reason reason) {
  JG_ASSERT((size_t)reason < JG_COUNT(reasons));
  return reasons[reason].name;
}

int jg_status_http(struct jg_status status) {
  JG_ASSERT((size_t)status.reason < JG_COUNT(reasons));
  int http = reasons[status.reason].http;
  return http != 0 ? http : codes[known_code(status.code)].http;
}
