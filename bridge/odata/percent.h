/* Percent-encoding (RFC 3986 section 2.1) as query strings use it. Thread: any. */
#ifndef JG_BRIDGE_ODATA_PERCENT_H
#define JG_BRIDGE_ODATA_PERCENT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* Decodes %41; plus_is_space: in a query '+' is a space (contract statement 35). False on a malformed escape. *ret_decoded is
 * `text` itself if there is nothing to decode, else lives in the arena; data NULL at its cap. */
JG_MUST_CHECK bool jg_percent_decode(struct jg_arena *arena, struct jg_str text, bool plus_is_space,
                                     struct jg_str *ret_decoded);
/* Appends text with every byte but unreserved ones escaped. */
void jg_percent_encode(struct jg_str text, struct jg_buf *out);

#endif
