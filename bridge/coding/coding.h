/* Content codings of HTTP: gzip (RFC 1952) and deflate (RFC 1950), by zlib. Thread: any. */
#ifndef JG_BRIDGE_CODING_CODING_H
#define JG_BRIDGE_CODING_CODING_H

#include "base/buf.h"
#include "base/status.h"

enum jg_coding { JG_CODING_IDENTITY, JG_CODING_GZIP, JG_CODING_DEFLATE, JG_CODING_COUNT };

enum jg_coding_effort {
  JG_CODING_FAST, /* for what is sent once */
  JG_CODING_BEST  /* for what is kept */
};

/* "gzip"; static. */
struct jg_str jg_coding_name(enum jg_coding coding);
/* Any case; "x-gzip" is gzip (RFC 9110 section 8.4.1.3). False if it is another one. */
JG_MUST_CHECK bool jg_coding_by_name(struct jg_str name, enum jg_coding *ret_coding);

/* Appends the coded text; out->failed at its cap. coding: not identity. */
void jg_coding_compress(enum jg_coding coding, enum jg_coding_effort effort, struct jg_str text, struct jg_buf *out);
/* Appends the decoded text. deflate: with or without zlib's wrapper, as clients send both; gzip: one or more members.
 * INVALID_ARGUMENT: LIMIT_EXCEEDED beyond out's cap (nothing beyond it is ever made), else malformed, cut short, or with
 * something behind its end. On failure what out holds means nothing. */
JG_MUST_CHECK struct jg_status jg_coding_expand(enum jg_coding coding, struct jg_str coded, struct jg_buf *out);

#endif
