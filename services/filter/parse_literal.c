#include <math.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "proto/codec/date.h"
#include "services/filter/parse_internal.h"

#define DATE_TEXT_LEN 10u /* 2015-06-02 */

static bool parse_time(struct jg_str text, int64_t *ret_ticks) {
  // An instant of 1970-01-01 is the time of its day, in ticks; digits, colons and points are no offset.
  static const char day[] = "1970-01-01T";
  char moment[sizeof(day) + 24];
  if (text.len > sizeof(moment) - sizeof(day)) {
    return false;
  }
  for (size_t i = 0; i < text.len; i++) {
    if (!((text.data[i] >= '0' && text.data[i] <= '9') || text.data[i] == ':' || text.data[i] == '.')) {
      return false;
    }
  }
  memcpy(moment, day, sizeof(day) - 1);
  memcpy(moment + sizeof(day) - 1, text.data, text.len);
  return text.len != 0 && jg_date_parse(jg_str_make(moment, sizeof(day) - 1 + text.len), ret_ticks) &&
         *ret_ticks < INT64_C(86400) * JG_TICKS_PER_SECOND;  // else a fraction rounded it up to the next day
}

static bool parse_date(struct jg_str text, int64_t *ret_ticks) {
  return text.len == DATE_TEXT_LEN && jg_date_parse(text, ret_ticks);
}

bool jg_parse_coerce(struct jg_filter *literal, enum jg_filter_type type) {
  JG_ASSERT(literal->kind == JG_FILTER_LITERAL);
  bool fits = false;
  if (literal->type == JG_VALUE_STRING) {
    fits = (type == JG_VALUE_GUID && jg_uuid_parse(literal->string, &literal->uuid)) ||
           (type == JG_VALUE_DATETIME && jg_date_parse(literal->string, &literal->integer)) ||
           (type == JG_VALUE_DATE && parse_date(literal->string, &literal->integer)) ||
           (type == JG_VALUE_TIMEOFDAY && parse_time(literal->string, &literal->integer));
    literal->string = fits ? JG_STR("") : literal->string;
  } else if (literal->type == JG_VALUE_DATE) {
    fits = type == JG_VALUE_DATETIME;
  } else if (literal->type == JG_VALUE_INTEGER && type == JG_VALUE_DECIMAL) {
    literal->decimal = (double)literal->integer;
    literal->integer = 0;
    fits = true;
  }
  literal->type = fits ? type : literal->type;
  return fits;
}

struct jg_status jg_parse_push_literal(struct jg_parser *parser, struct jg_parse_place place,
                                       const struct jg_filter *value) {
  struct jg_status status = JG_STATUS_OK;
  struct jg_filter *node = jg_parse_node(parser, place, JG_FILTER_LITERAL, value->type, &status);
  if (node == NULL) {
    return status;
  }
  node->integer = value->integer;
  node->decimal = value->decimal;
  node->uuid = value->uuid;
  if (value->string.len != 0) {
    node->string = value->string;
  }
  return jg_parse_push_operand(parser, (struct jg_parse_operand){.node = node, .depth = 1, .place = place});
}

/* The text between the quotes, in the arena. */
static struct jg_status take_string(struct jg_parser *parser, const struct jg_lex_token *token,
                                    struct jg_str *ret_text) {
  char *out = jg_arena_alloc(parser->arena, token->text.len);
  if (out == NULL) {
    return jg_parse_limit(parser, jg_parse_place_of(parser, token), "the expression needs too much memory");
  }
  size_t len = 0;
  for (size_t i = 1; i + 1 < token->text.len; i++) {
    out[len++] = token->text.data[i];
    i += token->text.data[i] == '\'';
  }
  *ret_text = jg_str_make(out, len);
  return JG_STATUS_OK;
}

/* strtod needs an end and the C locale, which the program never leaves. */
static struct jg_status take_decimal(struct jg_parser *parser, const struct jg_lex_token *token, double *ret_value) {
  struct jg_str text = jg_arena_str(parser->arena, token->text);
  if (text.data == NULL) {
    return jg_parse_limit(parser, jg_parse_place_of(parser, token), "the expression needs too much memory");
  }
  double value = strtod(text.data, NULL);
  if (!isfinite(value)) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, token), JG_INVALID_ARGUMENT,
                         "the number '%s' is beyond the range of a decimal", jg_parse_quoted(token->text).text);
  }
  *ret_value = value == 0 ? 0 : value;  // no negative zero
  return JG_STATUS_OK;
}

static struct jg_status take_integer(struct jg_parser *parser, const struct jg_lex_token *token,
                                     struct jg_filter *value) {
  struct jg_str digits = token->text.data[0] == '+' ? jg_str_sub(token->text, 1, token->text.len) : token->text;
  value->type = JG_VALUE_INTEGER;
  if (jg_parse_i64(digits, &value->integer)) {
    return JG_STATUS_OK;
  }
  value->type = JG_VALUE_DECIMAL;
  return take_decimal(parser, token, &value->decimal);
}

struct jg_status jg_parse_literal(struct jg_parser *parser, const struct jg_lex_token *token) {
  struct jg_parse_place place = jg_parse_place_of(parser, token);
  struct jg_filter value = {.kind = JG_FILTER_LITERAL};
  bool valid = true;
  switch (token->kind) {
    case JG_LEX_STRING:
      value.type = JG_VALUE_STRING;
      JG_RETURN_IF_ERROR(take_string(parser, token, &value.string));
      break;
    case JG_LEX_INTEGER:
      JG_RETURN_IF_ERROR(take_integer(parser, token, &value));
      break;
    case JG_LEX_DECIMAL:
      value.type = JG_VALUE_DECIMAL;
      JG_RETURN_IF_ERROR(take_decimal(parser, token, &value.decimal));
      break;
    case JG_LEX_GUID:
      value.type = JG_VALUE_GUID;
      valid = jg_uuid_parse(token->text, &value.uuid);
      break;
    case JG_LEX_DATE:
      value.type = JG_VALUE_DATE;
      valid = parse_date(token->text, &value.integer);
      break;
    case JG_LEX_DATETIME:
      value.type = JG_VALUE_DATETIME;
      valid = jg_date_parse(token->text, &value.integer);
      break;
    default:
      JG_ASSERT(token->kind == JG_LEX_TIMEOFDAY);
      value.type = JG_VALUE_TIMEOFDAY;
      valid = parse_time(token->text, &value.integer);
      break;
  }
  if (!valid) {
    return jg_parse_fail(parser, place, JG_INVALID_ARGUMENT, "'%s' is no date or time",
                         jg_parse_quoted(token->text).text);
  }
  return jg_parse_push_literal(parser, place, &value);
}
