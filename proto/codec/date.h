/* The contract's dates: ticks (100 ns since 1970, base/clock.h) as text and as google.protobuf.Timestamp.
 * Unset is 1980-01-01T00:00:00Z (statement 16). Thread: any. */
#ifndef JG_PROTO_CODEC_DATE_H
#define JG_PROTO_CODEC_DATE_H

#include "base/clock.h"
#include "base/str.h"

/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.9999999Z. */
#define JG_TICKS_MIN INT64_C(-621355968000000000)
#define JG_TICKS_MAX INT64_C(2534023007999999999)

enum jg_date_style {
  JG_DATE_OFFSET, /* 2026-01-29T07:13:40.7184075+00:00, fraction trimmed (statement 13) */
  JG_DATE_Z       /* 2026-01-29T07:13:40.718Z, always three digits */
};

#define JG_DATE_TEXT_MAX 36
/* Writes the text, returns its length; no NUL. ticks within MIN..MAX. */
size_t jg_date_format(int64_t ticks, enum jg_date_style style, char out[JG_DATE_TEXT_MAX]);
/* ISO 8601 as the contract takes it: date, or date T time [. fraction] with Z, +hh:mm, -hh:mm or none (UTC); a space for
 * the '+' of the offset is taken (statement 35). Finer than 100 ns is rounded to nearest. False if malformed or out of range. */
JG_MUST_CHECK bool jg_date_parse(struct jg_str text, int64_t *ret_ticks);
/* Midnight of the UTC day. */
int64_t jg_date_midnight(int64_t ticks);
/* Timestamp <-> ticks; nanos are rounded to 100 ns. False out of range or nanos outside 0..999,999,999. */
JG_MUST_CHECK bool jg_date_from_timestamp(int64_t seconds, int32_t nanos, int64_t *ret_ticks);
void jg_date_to_timestamp(int64_t ticks, int64_t *ret_seconds, int32_t *ret_nanos);

#endif
