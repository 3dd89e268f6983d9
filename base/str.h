/* Byte strings with a length, and the checked integer operations that lengths need.
 * Data may hold any byte, NUL included; nothing here trusts a terminator. Thread: any. */
#ifndef JG_BASE_STR_H
#define JG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

struct jg_str {
  const char *data;
  size_t len;
};

#define JG_STR(literal) ((struct jg_str){("" literal), sizeof(literal) - 1})
#define JG_STR_NONE ((struct jg_str){NULL, 0})
/* For printf's "%.*s". */
#define JG_STR_ARG(s) (int)(s).len, ((s).data != NULL ? (s).data : "")

static inline struct jg_str jg_str_make(const char *data, size_t len) {
  return (struct jg_str){data, len};
}
static inline struct jg_str jg_str_from_cstr(const char *text) {
  return (struct jg_str){text, text != NULL ? strlen(text) : 0};
}
static inline bool jg_str_equal(struct jg_str a, struct jg_str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
/* Equal but for the case of ASCII letters. */
bool jg_str_equal_nocase(struct jg_str a, struct jg_str b);
/* <0, 0, >0 by bytes, the shorter first. */
int jg_str_compare(struct jg_str a, struct jg_str b);
bool jg_str_starts_with(struct jg_str s, struct jg_str prefix);
bool jg_str_ends_with(struct jg_str s, struct jg_str suffix);
struct jg_str jg_str_sub(struct jg_str s, size_t from, size_t len); /* clipped to s */
struct jg_str jg_str_trim(struct jg_str s);                         /* ASCII space and tab off both ends */
/* Cuts s at the first `separator`: the part before it is returned, *ret_rest is what follows (data NULL if none). */
struct jg_str jg_str_cut(struct jg_str s, char separator, struct jg_str *ret_rest);
/* Index of `c` from `from` on, or SIZE_MAX. */
size_t jg_str_find(struct jg_str s, char c, size_t from);
/* Index of the last `c`, or SIZE_MAX. */
size_t jg_str_find_last(struct jg_str s, char c);

/* Decimal integers: an optional '-', digits, nothing else. False on anything else or out of range. */
JG_MUST_CHECK bool jg_parse_i64(struct jg_str s, int64_t *ret_value);
JG_MUST_CHECK bool jg_parse_u64(struct jg_str s, uint64_t *ret_value);

/* False if the result does not fit; the output is then untouched. */
JG_MUST_CHECK bool jg_size_add(size_t a, size_t b, size_t *ret_sum);
JG_MUST_CHECK bool jg_size_mul(size_t a, size_t b, size_t *ret_product);
JG_MUST_CHECK bool jg_to_u32(uint64_t value, uint32_t *ret_value);

#endif
