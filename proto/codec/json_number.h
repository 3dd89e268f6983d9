/* JSON number texts as the contract's integers and decimals. Only for the modules of this folder. Thread: any. */
#ifndef JG_PROTO_CODEC_JSON_NUMBER_H
#define JG_PROTO_CODEC_JSON_NUMBER_H

#include "base/arena.h"
#include "base/str.h"

/* text: valid by RFC 8259 section 6. True if its value is a whole number of 32 bits, however it is written: 1.0, 1e2. */
JG_MUST_CHECK bool jg_json_number_int(struct jg_str text, int32_t *ret_value);
/* text: as above. The nearest double; infinite beyond their range. False at the arena's cap: long texts are copied. */
JG_MUST_CHECK bool jg_json_number_double(struct jg_str text, struct jg_arena *arena, double *ret_value);

#endif
