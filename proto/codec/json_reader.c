#include "proto/codec/json_reader.h"

#include "base/utf8.h"
#include "proto/codec/scan.h"

/* What may come next. */
enum {
  STATE_VALUE,       /* a value */
  STATE_FIRST_VALUE, /* after '[': a value or ']' */
  STATE_FIRST_NAME,  /* after '{': a name or '}' */
  STATE_AFTER,       /* after a value: ',' or the end of what it stands in */
  STATE_ERROR
};

enum { IN_OBJECT, IN_ARRAY };

#define REPLACEMENT 0xFFFDu

static enum jg_json_token read_value(struct jg_json_reader *reader);
static enum jg_json_token read_name(struct jg_json_reader *reader);
static enum jg_json_token read_after(struct jg_json_reader *reader);
static enum jg_json_token close_container(struct jg_json_reader *reader, uint8_t kind);

void jg_json_reader_init(struct jg_json_reader *reader, struct jg_str input, struct jg_arena *arena) {
  *reader = (struct jg_json_reader){.input = input, .arena = arena, .state = STATE_VALUE};
}

static enum jg_json_token fail(struct jg_json_reader *reader, const char *error) {
  reader->state = STATE_ERROR;
  reader->error = error;
  return JG_JSON_ERROR;
}

static bool at_end(const struct jg_json_reader *reader) {
  return reader->position == reader->input.len;
}

static char peek(const struct jg_json_reader *reader) {
  return reader->input.data[reader->position];
}

static void skip_space(struct jg_json_reader *reader) {
  while (!at_end(reader)) {
    char c = peek(reader);
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
      return;
    }
    reader->position++;
  }
}

JG_HOT enum jg_json_token jg_json_next(struct jg_json_reader *reader) {
  skip_space(reader);
  switch (reader->state) {
    case STATE_VALUE:
      return read_value(reader);
    case STATE_FIRST_VALUE:
      if (!at_end(reader) && peek(reader) == ']') {
        return close_container(reader, IN_ARRAY);
      }
      return read_value(reader);
    case STATE_FIRST_NAME:
      if (!at_end(reader) && peek(reader) == '}') {
        return close_container(reader, IN_OBJECT);
      }
      return read_name(reader);
    case STATE_AFTER:
      return read_after(reader);
    default:
      return JG_JSON_ERROR;
  }
}

bool jg_json_skip(struct jg_json_reader *reader, enum jg_json_token token) {
  if (token == JG_JSON_ERROR) {
    return false;
  }
  if (token != JG_JSON_OBJECT_BEGIN && token != JG_JSON_ARRAY_BEGIN) {
    return true;
  }
  uint32_t outer = reader->depth - 1;
  // Nobody reads the strings in there: checking them needs no memory.
  struct jg_arena *arena = reader->arena;
  reader->arena = NULL;
  while (token != JG_JSON_ERROR && reader->depth > outer) {
    token = jg_json_next(reader);
  }
  reader->arena = arena;
  return token != JG_JSON_ERROR;
}

void jg_json_reader_locate(const struct jg_json_reader *reader, size_t offset, size_t *ret_line, size_t *ret_column) {
  JG_ASSERT(offset <= reader->input.len);
  size_t line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < offset; i++) {
    if (reader->input.data[i] == '\n') {
      line++;
      line_start = i + 1;
    }
  }
  *ret_line = line;
  *ret_column = offset - line_start + 1;
}

struct jg_status jg_json_reader_status(const struct jg_json_reader *reader) {
  JG_ASSERT(reader->error != NULL);
  if (reader->arena == NULL) {
    return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_NONE, "invalid JSON");
  }
  size_t line = 0;
  size_t column = 0;
  jg_json_reader_locate(reader, reader->position, &line, &column);
  return jg_status_printf(reader->arena, JG_INVALID_ARGUMENT, JG_REASON_NONE,
                          "invalid JSON at line %zu, column %zu: %s", line, column, reader->error);
}

/* The value of four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end) {
  if (end - p < 4) {
    return -1;
  }
  int32_t value = 0;
  for (int i = 0; i < 4; i++) {
    char c = p[i];
    char lower = (char)(c | 0x20);
    int32_t digit = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    if (digit < 0) {
      return -1;
    }
    value = value << 4 | digit;
  }
  return value;
}

static bool is_high_surrogate(int32_t unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int32_t unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* The byte behind the escape whose backslash stands at p, or NULL. */
static const char *check_escape(const char *p, const char *end) {
  if (end - p < 2) {
    return NULL;
  }
  switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return p + 2;
    case 'u':
      return hex4(p + 2, end) >= 0 ? p + 6 : NULL;
    default:
      return NULL;
  }
}

/* Moves the position to the closing quote. False: failed, the position is the offending byte's. */
static bool find_string_end(struct jg_json_reader *reader, bool *ret_escaped) {
  const char *start = reader->input.data;
  const char *end = start + reader->input.len;
  const char *p = start + reader->position;
  *ret_escaped = false;
  for (;;) {
    p = jg_scan_plain(p, end);
    reader->position = (size_t)(p - start);
    if (p == end) {
      (void)fail(reader, "the text ends within a string");
      return false;
    }
    if (*p == '"') {
      return true;
    }
    if (*p != '\\') {
      (void)fail(reader, "a control character stands in a string without an escape");
      return false;
    }
    const char *next = check_escape(p, end);
    if (next == NULL) {
      (void)fail(reader, "an escape is none of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
      return false;
    }
    *ret_escaped = true;
    p = next;
  }
}

/* The code point of the \u escape at *at; moves behind it, and behind its second half. */
static uint32_t take_unicode(struct jg_json_reader *reader, const char **at, const char *end) {
  int32_t unit = hex4(*at + 2, end);
  *at += 6;
  if (is_high_surrogate(unit)) {
    if (end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
      int32_t low = hex4(*at + 2, end);
      if (is_low_surrogate(low)) {
        *at += 6;
        return 0x10000u + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
      }
    }
    reader->oddities |= JG_JSON_ODD_SURROGATE;
    return REPLACEMENT;
  }
  if (is_low_surrogate(unit)) {
    reader->oddities |= JG_JSON_ODD_SURROGATE;
    return REPLACEMENT;
  }
  if (unit == 0) {
    reader->oddities |= JG_JSON_ODD_NUL;
  }
  return (uint32_t)unit;
}

static char unescaped(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;  // The quote, the backslash and the slash stand for themselves.
  }
}

/* raw: checked. Writes at most raw.len bytes to out, or none if that is NULL; returns how many the text has. */
static size_t unescape(struct jg_json_reader *reader, struct jg_str raw, char *out) {
  const char *p = raw.data;
  const char *end = p + raw.len;
  size_t len = 0;
  while (p < end) {
    char bytes[4];
    size_t count = 1;
    const char *plain_end = memchr(p, '\\', (size_t)(end - p));
    size_t plain = (size_t)((plain_end != NULL ? plain_end : end) - p);
    if (out != NULL) {
      memcpy(out + len, p, plain);
    }
    len += plain;
    p += plain;
    if (p == end) {
      break;
    }
    if (p[1] == 'u') {
      count = jg_utf8_put(take_unicode(reader, &p, end), bytes);
    } else {
      bytes[0] = unescaped(p[1]);
      p += 2;
    }
    if (out != NULL) {
      memcpy(out + len, bytes, count);
    }
    len += count;
  }
  return len;
}

/* The position is the opening quote's. Sets text. */
static bool read_string(struct jg_json_reader *reader) {
  size_t quote = reader->position++;
  bool escaped = false;
  if (!find_string_end(reader, &escaped)) {
    return false;
  }
  struct jg_str raw = jg_str_make(reader->input.data + quote + 1, reader->position - quote - 1);
  if (!jg_utf8_valid(raw)) {
    reader->position = quote;
    (void)fail(reader, "a string is not valid UTF-8");
    return false;
  }
  reader->text = raw;
  if (escaped) {
    uint8_t before = reader->oddities;
    char *out = reader->arena != NULL ? jg_arena_alloc(reader->arena, raw.len) : NULL;
    if (reader->arena != NULL && out == NULL) {
      reader->position = quote;
      (void)fail(reader, "the text needs more memory than a request may take");
      return false;
    }
    size_t len = unescape(reader, raw, out);
    if (out != NULL) {
      reader->text = jg_str_make(out, len);
    }
    if (before == 0 && reader->oddities != 0) {
      reader->odd_start = quote;
    }
  }
  reader->position++;
  return true;
}

static size_t skip_digits(struct jg_json_reader *reader) {
  size_t from = reader->position;
  while (!at_end(reader) && peek(reader) >= '0' && peek(reader) <= '9') {
    reader->position++;
  }
  return reader->position - from;
}

static bool skip_char(struct jg_json_reader *reader, char c) {
  if (at_end(reader) || peek(reader) != c) {
    return false;
  }
  reader->position++;
  return true;
}

static enum jg_json_token read_number(struct jg_json_reader *reader) {
  size_t from = reader->position;
  (void)skip_char(reader, '-');
  if (!skip_char(reader, '0') && skip_digits(reader) == 0) {
    return fail(reader, "a number needs a digit here");
  }
  if (skip_char(reader, '.') && skip_digits(reader) == 0) {
    return fail(reader, "a number needs a digit behind the point");
  }
  if (skip_char(reader, 'e') || skip_char(reader, 'E')) {
    if (!skip_char(reader, '+')) {
      (void)skip_char(reader, '-');
    }
    if (skip_digits(reader) == 0) {
      return fail(reader, "a number needs a digit in its exponent");
    }
  }
  reader->text = jg_str_make(reader->input.data + from, reader->position - from);
  reader->state = STATE_AFTER;
  return JG_JSON_NUMBER;
}

static enum jg_json_token read_literal(struct jg_json_reader *reader, struct jg_str literal, enum jg_json_token token) {
  if (reader->input.len - reader->position < literal.len ||
      memcmp(reader->input.data + reader->position, literal.data, literal.len) != 0) {
    return fail(reader, "a value was expected");
  }
  reader->position += literal.len;
  reader->state = STATE_AFTER;
  return token;
}

static enum jg_json_token open_container(struct jg_json_reader *reader, uint8_t kind) {
  if (reader->depth == JG_LIMIT_JSON_DEPTH) {
    return fail(reader, "values are nested too deeply");
  }
  reader->stack[reader->depth++] = kind;
  reader->position++;
  reader->state = kind == IN_OBJECT ? STATE_FIRST_NAME : STATE_FIRST_VALUE;
  return kind == IN_OBJECT ? JG_JSON_OBJECT_BEGIN : JG_JSON_ARRAY_BEGIN;
}

static enum jg_json_token close_container(struct jg_json_reader *reader, uint8_t kind) {
  JG_ASSERT(reader->depth > 0 && reader->stack[reader->depth - 1] == kind);
  reader->raw_start = reader->position++;
  reader->depth--;
  reader->state = STATE_AFTER;
  return kind == IN_OBJECT ? JG_JSON_OBJECT_END : JG_JSON_ARRAY_END;
}

static enum jg_json_token read_value(struct jg_json_reader *reader) {
  if (at_end(reader)) {
    return fail(reader, "the text ends where a value was expected");
  }
  reader->raw_start = reader->position;
  switch (peek(reader)) {
    case '{':
      return open_container(reader, IN_OBJECT);
    case '[':
      return open_container(reader, IN_ARRAY);
    case '"':
      if (!read_string(reader)) {
        return JG_JSON_ERROR;
      }
      reader->state = STATE_AFTER;
      return JG_JSON_STRING;
    case 't':
      return read_literal(reader, JG_STR("true"), JG_JSON_TRUE);
    case 'f':
      return read_literal(reader, JG_STR("false"), JG_JSON_FALSE);
    case 'n':
      return read_literal(reader, JG_STR("null"), JG_JSON_NULL);
    case '-':
      return read_number(reader);
    default:
      return peek(reader) >= '0' && peek(reader) <= '9' ? read_number(reader) : fail(reader, "a value was expected");
  }
}

static enum jg_json_token read_name(struct jg_json_reader *reader) {
  if (at_end(reader) || peek(reader) != '"') {
    return fail(reader, "a member's name in quotes was expected");
  }
  reader->raw_start = reader->position;
  if (!read_string(reader)) {
    return JG_JSON_ERROR;
  }
  skip_space(reader);
  if (!skip_char(reader, ':')) {
    return fail(reader, "a colon was expected after the name");
  }
  reader->state = STATE_VALUE;
  return JG_JSON_NAME;
}

static enum jg_json_token read_after(struct jg_json_reader *reader) {
  if (reader->depth == 0) {
    return at_end(reader) ? JG_JSON_END : fail(reader, "more text follows the value");
  }
  uint8_t kind = reader->stack[reader->depth - 1];
  if (!at_end(reader)) {
    if (peek(reader) == ',') {
      reader->position++;
      skip_space(reader);
      return kind == IN_OBJECT ? read_name(reader) : read_value(reader);
    }
    if (peek(reader) == (kind == IN_OBJECT ? '}' : ']')) {
      return close_container(reader, kind);
    }
  }
  return fail(reader, kind == IN_OBJECT ? "a comma or '}' was expected" : "a comma or ']' was expected");
}
