/* UTF-8 checks. Lengths of the contract count UTF-16 code units (contract section 1: .NET StringLength). Thread: any. */
#ifndef JG_BASE_UTF8_H
#define JG_BASE_UTF8_H

#include "base/str.h"

/* Well-formed UTF-8 by RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
bool jg_utf8_valid(struct jg_str s);
/* UTF-16 code units of valid UTF-8: a code point above U+FFFF counts 2. */
size_t jg_utf8_utf16_length(struct jg_str s);
/* Decodes the code point at *index of valid UTF-8 and moves *index behind it. */
uint32_t jg_utf8_next(struct jg_str s, size_t *index);
/* Writes a code point (not a surrogate, <= 0x10FFFF) into out[4]; returns its bytes, 1 to 4. */
size_t jg_utf8_put(uint32_t code_point, char *out);

#endif
