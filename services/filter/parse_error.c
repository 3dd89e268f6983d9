#include <stdarg.h>

#include "base/utf8.h"
#include "services/filter/parse_internal.h"

struct jg_parse_quote jg_parse_quoted(struct jg_str text) {
  struct jg_parse_quote quote;
  static const char dots[] = "...";
  size_t room = sizeof(quote.text) - sizeof(dots);
  size_t len = 0;
  for (size_t at = 0; at < text.len;) {
    size_t from = at;
    uint32_t code_point = jg_utf8_next(text, &at);
    size_t bytes = at - from;
    if (len + bytes > room) {
      memcpy(quote.text + len, dots, sizeof(dots) - 1);
      len += sizeof(dots) - 1;
      break;
    }
    if (code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0)) {
      quote.text[len++] = '?';
    } else {
      memcpy(quote.text + len, text.data + from, bytes);
      len += bytes;
    }
  }
  quote.text[len] = '\0';
  return quote;
}

/* From 1, in characters. */
static size_t column_of(const struct jg_parser *parser, struct jg_parse_place place) {
  struct jg_str text = place.alias == 0 ? parser->text : parser->options->aliases[place.alias - 1].text;
  size_t column = 1;
  for (size_t at = 0; at < place.at && at < text.len; at++) {
    column += ((unsigned char)text.data[at] & 0xC0) != 0x80;
  }
  return column;
}

static struct jg_status fail(struct jg_parser *parser, struct jg_parse_place place, enum jg_code code,
                             enum jg_reason reason, const char *what) {
  struct jg_arena *arena = parser->arena;
  const char *field = parser->options->field;
  struct jg_parse_quote alias = {""};
  if (place.alias != 0) {
    alias = jg_parse_quoted(parser->options->aliases[place.alias - 1].name);
  }
  const char *text = jg_arena_printf(arena, "%s at position %zu%s%s", what, column_of(parser, place),
                                     place.alias != 0 ? " of " : "", alias.text);
  text = text != NULL ? text : what;
  struct jg_status status = jg_status_printf(arena, code, reason, "%s: %s", field, text);
  struct jg_violation *violation = jg_arena_alloc(arena, sizeof(*violation));
  struct jg_status_details *details = jg_arena_alloc_zero(arena, sizeof(*details));
  if (violation != NULL && details != NULL) {
    *violation = (struct jg_violation){.field = field, .message = text};
    details->violations = violation;
    details->violation_count = 1;
    status.details = details;
  }
  return status;
}

struct jg_status jg_parse_fail(struct jg_parser *parser, struct jg_parse_place place, enum jg_code code,
                               const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *what = jg_arena_vprintf(parser->arena, format, args);
  va_end(args);
  return fail(parser, place, code, code == JG_UNIMPLEMENTED ? JG_REASON_NOT_BUILT : JG_REASON_INVALID_MEMBER,
              what != NULL ? what : "the expression is not valid");
}

struct jg_status jg_parse_limit(struct jg_parser *parser, struct jg_parse_place place, const char *message) {
  return fail(parser, place, JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, message);
}
