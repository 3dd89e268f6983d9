/* String operations by Unicode: simple case mappings, positions in UTF-16 units, white space. One library and one place for all
 * who need them, so that no two parts of the program disagree. Every text is valid UTF-8. Thread: any. */
#ifndef JG_BASE_UNICODE_H
#define JG_BASE_UNICODE_H

#include "base/str.h"

/* Room for what jg_unicode_lower and _upper write: no simple mapping makes two bytes of one, some make three of two. */
#define JG_UNICODE_CASE_BYTES(len) ((len) + (len) / 2)

/* Unicode's simple case mappings (utf8proc: one code point for one). Writes to out[JG_UNICODE_CASE_BYTES(s.len)], returns the bytes
 * written; no NUL. */
size_t jg_unicode_lower(struct jg_str s, char *out);
size_t jg_unicode_upper(struct jg_str s, char *out);

/* Where `part` first begins, or -1. An empty part is found at 0. */
int64_t jg_unicode_index_of(struct jg_str s, struct jg_str part);
/* `count` units from `start` on, clipped to s; a start or count below 0 counts as 0. Half of a surrogate pair at either end is
 * left out. Borrows from s. */
struct jg_str jg_unicode_substring(struct jg_str s, int64_t start, int64_t count);
/* Without the white space (Unicode's White_Space) at both ends. Borrows from s. */
struct jg_str jg_unicode_trim(struct jg_str s);

#endif
