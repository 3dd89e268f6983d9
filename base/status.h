/* The result of anything that can fail. Codes are gRPC's (grpc/status.h); this table is the only mapping to HTTP. */
#ifndef JG_BASE_STATUS_H
#define JG_BASE_STATUS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"

/* name, gRPC number, HTTP status */
#define JG_CODE_TABLE(X)         \
  X(OK, 0, 200)                  \
  X(CANCELLED, 1, 499)           \
  X(UNKNOWN, 2, 500)             \
  X(INVALID_ARGUMENT, 3, 400)    \
  X(DEADLINE_EXCEEDED, 4, 504)   \
  X(NOT_FOUND, 5, 404)           \
  X(ALREADY_EXISTS, 6, 409)      \
  X(PERMISSION_DENIED, 7, 403)   \
  X(RESOURCE_EXHAUSTED, 8, 429)  \
  X(FAILED_PRECONDITION, 9, 400) \
  X(ABORTED, 10, 409)            \
  X(OUT_OF_RANGE, 11, 400)       \
  X(UNIMPLEMENTED, 12, 501)      \
  X(INTERNAL, 13, 500)           \
  X(UNAVAILABLE, 14, 503)        \
  X(DATA_LOSS, 15, 500)          \
  X(UNAUTHENTICATED, 16, 401)

enum jg_code {
#define JG_CODE_ENUM(name, number, http) JG_##name = (number),
  JG_CODE_TABLE(JG_CODE_ENUM)
#undef JG_CODE_ENUM
};

/* name (ErrorInfo.reason), HTTP status that overrides the code's (0: none) */
#define JG_REASON_TABLE(X)     \
  X(NONE, 0)                   \
  X(INVALID_MEMBER, 0)         \
  X(LIMIT_EXCEEDED, 0)         \
  X(UNRESOLVED_REFERENCE, 422) \
  X(ILLEGAL_TRANSITION, 409)   \
  X(JOB_REFERENCED, 409)       \
  X(ENTITY_REFERENCED, 409)    \
  X(NOT_COMPLETED, 409)        \
  X(PARENT_CYCLE, 409)         \
  X(RESOURCE_NOT_FOUND, 0)     \
  X(ENTITY_READ_ONLY, 0)       \
  X(DUPLICATE_ID, 0)           \
  X(DUPLICATE_REFERENCE, 0)    \
  X(ETAG_MISMATCH, 0)          \
  X(HISTORY_LOST, 410)         \
  X(INVALID_TOKEN, 0)          \
  X(OVERLOADED, 0)             \
  X(DRAINING, 0)               \
  X(SLOW_CONSUMER, 0)          \
  X(STORE_UNAVAILABLE, 0)      \
  X(STORE_CORRUPT, 0)          \
  X(STORE_LOCKED, 0)           \
  X(STORE_FOREIGN, 0)          \
  X(STORE_NEWER, 0)            \
  X(STORE_READ_ONLY, 0)        \
  X(NOT_BUILT, 0)

enum jg_reason {
#define JG_REASON_ENUM(name, http) JG_REASON_##name,
  JG_REASON_TABLE(JG_REASON_ENUM)
#undef JG_REASON_ENUM
};

/* One wrong member of a request. */
struct jg_violation {
  const char *field;   /* its path: "name", "project.equipment_model.code" */
  const char *message; /* what was expected */
};

struct jg_status_details {
  const struct jg_violation *violations;
  size_t violation_count;
  int64_t retry_delay_ms;                   /* 0: none */
  int64_t oldest_revision, newest_revision; /* HISTORY_LOST */
  const char *resume_token;                 /* where a stream that ended goes on; NULL: not said */
  const char *resource_type;                /* what the error is about, "jobgate.v1.Job"; NULL: not said */
  const char *resource_name;                /* its id, may be empty */
};

/* Texts and details are static or live in the arena that made them. message: lower case, no full stop, no secret. */
struct jg_status {
  enum jg_code code;
  enum jg_reason reason;
  const char *message;
  const struct jg_status_details *details; /* NULL: none */
};

#define JG_STATUS_OK ((struct jg_status){JG_OK, JG_REASON_NONE, "", NULL})

static inline bool jg_status_ok(struct jg_status status) {
  return status.code == JG_OK;
}
/* A static message. */
static inline struct jg_status jg_status_make(enum jg_code code, enum jg_reason reason, const char *message) {
  return (struct jg_status){code, reason, message, NULL};
}
/* The message is printed into the arena; at its cap the message is the format's static stand-in. */
struct jg_status jg_status_printf(struct jg_arena *arena, enum jg_code code, enum jg_reason reason, const char *format,
                                  ...) JG_PRINTF(4, 5);
/* INVALID_ARGUMENT by default, naming one field; message "<field> <what was expected>". code may be FAILED_PRECONDITION. */
struct jg_status jg_status_field(struct jg_arena *arena, enum jg_code code, enum jg_reason reason, const char *field,
                                 const char *format, ...) JG_PRINTF(5, 6);
/* Names each of them (at least one): message "<field> <what was expected>; ...". The array is copied, the texts are shared.
 * At the arena's cap the message is the code's stand-in and details are NULL. */
struct jg_status jg_status_violations(struct jg_arena *arena, enum jg_code code, enum jg_reason reason,
                                      const struct jg_violation *violations, size_t count);
/* The same status, about that resource; texts are copied. At the arena's cap, about nothing. */
struct jg_status jg_status_about(struct jg_arena *arena, struct jg_status status, struct jg_str type,
                                 struct jg_str name);
/* The same status with its texts and details copied into another arena. */
struct jg_status jg_status_copy(struct jg_arena *arena, struct jg_status status);

const char *jg_code_name(enum jg_code code);       /* "NOT_FOUND" */
const char *jg_reason_name(enum jg_reason reason); /* "UNRESOLVED_REFERENCE" */
/* The HTTP status of a code and reason (DESIGN section 8). */
int jg_status_http(struct jg_status status);

#define JG_RETURN_IF_ERROR(expression)                \
  do {                                                \
    struct jg_status jg_return_status = (expression); \
    if (!jg_status_ok(jg_return_status)) {            \
      return jg_return_status;                        \
    }                                                 \
  } while (0)

#endif
