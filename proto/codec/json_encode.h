/* The legacy JSON of an entity: all members in the order of the schema, compact, no null (statements 1-17).
 * Written straight from the payload's wire bytes, embedded entities spliced in as ready text. Thread: any. */
#ifndef JG_PROTO_CODEC_JSON_ENCODE_H
#define JG_PROTO_CODEC_JSON_ENCODE_H

#include "base/buf.h"
#include "proto/codec/date.h"
#include "proto/codec/parts.h"

enum jg_json_escape {
  JG_JSON_ESCAPE_JSON, /* Json.NET: quote, backslash, controls, U+0085, U+2028, U+2029 (statement 17) */
  JG_JSON_ESCAPE_ODATA /* every UTF-16 unit above 0x7F as \uxxxx too (statement 18) */
};

struct jg_json_style {
  enum jg_json_escape escape;
  enum jg_date_style date;
};

/* Appends the object. context: the @odata.context that stands first; data NULL for none. nodes: with embedded entities. */
void jg_json_encode(const struct jg_json_style *style, const struct jg_parts *parts, struct jg_str context, bool nodes,
                    struct jg_buf *out);
/* The same, of some members: bit i is member i. Embedded entities are among them, and a job's parent, which comes no other way
 * (statement 3). */
void jg_json_encode_members(const struct jg_json_style *style, const struct jg_parts *parts, struct jg_str context,
                            uint64_t members, struct jg_buf *out);
/* Appends a JSON string with its quotes. s: valid UTF-8. */
void jg_json_encode_string(enum jg_json_escape escape, struct jg_str s, struct jg_buf *out);
/* Shortest decimal text that reads back the same, no exponent, always with a point: 49.0 (statements 9, 10). |value| <= 1e15. */
void jg_json_encode_decimal(double value, struct jg_buf *out);

#endif
