/* A pull tokenizer for JSON (RFC 8259, strict) over a complete text. No recursion; depth is a limit. Thread: any. */
#ifndef JG_PROTO_CODEC_JSON_READER_H
#define JG_PROTO_CODEC_JSON_READER_H

#include "base/limits.h"
#include "base/status.h"

enum jg_json_token {
  JG_JSON_ERROR, /* see jg_json_reader_status */
  JG_JSON_END,   /* after the one value, only white space followed */
  JG_JSON_OBJECT_BEGIN,
  JG_JSON_OBJECT_END,
  JG_JSON_ARRAY_BEGIN,
  JG_JSON_ARRAY_END,
  JG_JSON_NAME, /* text: the member's name, unescaped */
  JG_JSON_STRING,
  JG_JSON_NUMBER, /* text: as written */
  JG_JSON_TRUE,
  JG_JSON_FALSE,
  JG_JSON_NULL
};

/* jg_json_reader.oddities: what RFC 8259 section 8.2 lets a string hold and a consumer may have to refuse. */
enum {
  JG_JSON_ODD_NUL = 1 << 0,      /* \u0000; a NUL in text */
  JG_JSON_ODD_SURROGATE = 1 << 1 /* half a surrogate pair; U+FFFD in text */
};

/* A plain value; the members are the reader's own but for `text`, `raw_start`, `oddities` and `odd_start`. */
struct jg_json_reader {
  struct jg_str input;
  size_t position;
  struct jg_arena *arena; /* holds unescaped strings; NULL: they stay escaped, the text is only checked */
  struct jg_str text;     /* of the last NAME, STRING, NUMBER; borrowed from the input or the arena */
  size_t raw_start;       /* offset of the last token in the input */
  size_t odd_start;       /* offset of the first string with an oddity */
  uint32_t depth;
  uint8_t state;
  uint8_t oddities; /* of all strings so far, names and skipped ones too; the caller may clear it */
  const char *error;
  uint8_t stack[JG_LIMIT_JSON_DEPTH]; /* object or array, by depth */
};

/* input: borrowed until the last token was used. A byte order mark is no JSON. */
void jg_json_reader_init(struct jg_json_reader *reader, struct jg_str input, struct jg_arena *arena);
enum jg_json_token jg_json_next(struct jg_json_reader *reader);
/* Passes over the value that begins with `token` (the one just read). False on an error in it. */
JG_MUST_CHECK bool jg_json_skip(struct jg_json_reader *reader, enum jg_json_token token);
/* After JG_JSON_ERROR: INVALID_ARGUMENT "invalid JSON at line L, column C: ..." (columns in bytes, both from 1), in the
 * reader's arena; without an arena only "invalid JSON". */
struct jg_status jg_json_reader_status(const struct jg_json_reader *reader);
/* Line and column of an offset in the input. */
void jg_json_reader_locate(const struct jg_json_reader *reader, size_t offset, size_t *ret_line, size_t *ret_column);

#endif
