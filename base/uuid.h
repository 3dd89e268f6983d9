/* UUIDs as 16 bytes in text order (RFC 9562); the text form is canonical lower case with hyphens. Thread: any. */
#ifndef JG_BASE_UUID_H
#define JG_BASE_UUID_H

#include "base/clock.h"
#include "base/str.h"

#define JG_UUID_TEXT_LEN 36

struct jg_uuid {
  uint8_t bytes[16];
};

#define JG_UUID_ZERO ((struct jg_uuid){{0}})

/* Accepts 8-4-4-4-12 hex digits in any case, nothing around them. */
JG_MUST_CHECK bool jg_uuid_parse(struct jg_str text, struct jg_uuid *ret_uuid);
/* Writes 36 characters, no NUL. */
void jg_uuid_format(struct jg_uuid uuid, char out[JG_UUID_TEXT_LEN]);
/* Time-ordered (version 7), so that new keys land beside each other. random: 10 bytes. */
struct jg_uuid jg_uuid_v7(int64_t now_ticks, const uint8_t random[10]);
static inline bool jg_uuid_equal(struct jg_uuid a, struct jg_uuid b) {
  return memcmp(a.bytes, b.bytes, 16) == 0;
}
bool jg_uuid_is_zero(struct jg_uuid uuid);

/* Fills from the system's generator; ends the process if that fails. */
void jg_random(void *out, size_t len);
/* A new version 7 UUID of now. */
struct jg_uuid jg_uuid_new(const struct jg_clock *clock);

#endif
