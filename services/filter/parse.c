#include "services/filter/parse.h"

#include "base/compiler.h"
#include "base/utf8.h"
#include "proto/codec/date.h"
#include "services/filter/parse_internal.h"

static struct jg_status start(struct jg_parser *parser, struct jg_str text, struct jg_parse_place place) {
  if (!jg_utf8_valid(text) || memchr(text.len != 0 ? text.data : "", '\0', text.len) != NULL) {
    return jg_parse_fail(parser, place, JG_INVALID_ARGUMENT, "what is no UTF-8 without NUL stands");
  }
  for (size_t i = 0; i < text.len; i++) {
    parser->characters += ((unsigned char)text.data[i] & 0xC0) != 0x80;
  }
  if (parser->characters > JG_FILTER_CHARACTERS_MAX) {
    return jg_parse_limit(parser, place, "the expression is longer than 10000 characters");
  }
  parser->lexer = (struct jg_lexer){text, 0};
  return JG_STATUS_OK;
}
_Static_assert(JG_FILTER_CHARACTERS_MAX == 10000, "a message says so");

static struct jg_status unexpected(struct jg_parser *parser, const struct jg_lex_token *token, const char *expected) {
  struct jg_parse_place place = jg_parse_place_of(parser, token);
  if (token->kind == JG_LEX_END) {
    return jg_parse_fail(parser, place, JG_INVALID_ARGUMENT, "the expression ends where %s was expected", expected);
  }
  if (token->kind == JG_LEX_OPEN_STRING) {
    return jg_parse_fail(parser, place, JG_INVALID_ARGUMENT, "a string is not closed, it begins");
  }
  return jg_parse_fail(parser, place, JG_INVALID_ARGUMENT, "'%s' stands where %s was expected,",
                       jg_parse_quoted(token->text).text, expected);
}

static struct jg_status lacking(struct jg_parser *parser, const struct jg_lex_token *token, const char *what) {
  return jg_parse_fail(parser, jg_parse_place_of(parser, token), JG_UNIMPLEMENTED, "%s '%s' is not implemented", what,
                       jg_parse_quoted(token->text).text);
}

static struct jg_status push_unary(struct jg_parser *parser, const struct jg_lex_token *token,
                                   enum jg_filter_kind kind) {
  struct jg_parse_entry entry = {.type = JG_PARSE_UNARY, .kind = kind, .place = jg_parse_place_of(parser, token)};
  return jg_parse_push_entry(parser, &entry);
}

/* now(), mindatetime() and maxdatetime(): literals of this moment. */
static bool constant_function(const struct jg_parser *parser, struct jg_str name, struct jg_filter *value) {
  *value = (struct jg_filter){.kind = JG_FILTER_LITERAL, .type = JG_VALUE_DATETIME};
  if (jg_str_equal(name, JG_STR("now"))) {
    value->integer = parser->options->now_ticks;
    value->string = JG_STR("now()");
    return true;
  }
  value->integer = jg_str_equal(name, JG_STR("mindatetime")) ? JG_TICKS_MIN : JG_TICKS_MAX;
  return value->integer == JG_TICKS_MIN || jg_str_equal(name, JG_STR("maxdatetime"));
}

static struct jg_status open_function(struct jg_parser *parser, const struct jg_lex_token *name, bool *ret_operand) {
  struct jg_lex_token token;
  jg_lexer_next(&parser->lexer, false, &token);
  JG_ASSERT(token.kind == JG_LEX_OPEN);
  struct jg_filter constant;
  if (constant_function(parser, name->text, &constant)) {
    jg_lexer_next(&parser->lexer, false, &token);
    if (token.kind != JG_LEX_CLOSE) {
      return unexpected(parser, &token, "')'");
    }
    *ret_operand = false;
    return jg_parse_push_literal(parser, jg_parse_place_of(parser, name), &constant);
  }
  enum jg_filter_kind kind = jg_parse_function_kind(name->text);
  if (kind == JG_FILTER_KIND_COUNT) {
    if (jg_parse_is_lacking_function(name->text)) {
      return lacking(parser, name, "the function");
    }
    return jg_parse_fail(parser, jg_parse_place_of(parser, name), JG_INVALID_ARGUMENT, "unknown function '%s'",
                         jg_parse_quoted(name->text).text);
  }
  struct jg_parse_entry entry = {.type = JG_PARSE_FUNCTION,
                                 .kind = kind,
                                 .place = jg_parse_place_of(parser, name),
                                 .operand_base = parser->operand_count};
  return jg_parse_push_entry(parser, &entry);
}

/* duration'P1D', a type's name before a string; datetime'...' and guid'...' were OData 2's. */
static struct jg_status typed_literal(struct jg_parser *parser, const struct jg_lex_token *token) {
  static const char *const old[] = {"datetime", "datetimeoffset", "guid", "time"};
  for (size_t i = 0; i < JG_COUNT(old); i++) {
    if (jg_str_equal(token->text, jg_str_from_cstr(old[i]))) {
      return jg_parse_fail(parser, jg_parse_place_of(parser, token), JG_INVALID_ARGUMENT,
                           "'%s' before a literal is not OData 4, write the literal alone,", old[i]);
    }
  }
  bool known = jg_str_find(token->text, '.', 0) != SIZE_MAX;
  static const char *const lacking_types[] = {"duration", "binary", "geography", "geometry"};
  for (size_t i = 0; i < JG_COUNT(lacking_types); i++) {
    known = known || jg_str_equal(token->text, jg_str_from_cstr(lacking_types[i]));
  }
  return known ? lacking(parser, token, "the literal type") : unexpected(parser, token, "an operand");
}

static bool word_literal(struct jg_str text, struct jg_filter *value) {
  *value = (struct jg_filter){.kind = JG_FILTER_LITERAL, .type = JG_VALUE_BOOL};
  if (jg_str_equal(text, JG_STR("null"))) {
    value->type = JG_VALUE_NULL;
    return true;
  }
  value->integer = jg_str_equal(text, JG_STR("true"));
  return value->integer != 0 || jg_str_equal(text, JG_STR("false"));
}

/* *ret_operand: an operand is still to come. */
static struct jg_status take_word(struct jg_parser *parser, const struct jg_lex_token *token, bool *ret_operand) {
  struct jg_filter value;
  if (jg_str_equal(token->text, JG_STR("not"))) {
    return push_unary(parser, token, JG_FILTER_NOT);
  }
  char close = jg_lexer_peek_close(&parser->lexer);
  if (close == '\'') {
    return typed_literal(parser, token);
  }
  if (jg_lexer_peek(&parser->lexer) == '(') {
    return open_function(parser, token, ret_operand);
  }
  *ret_operand = false;
  if (close != '/' && word_literal(token->text, &value)) {
    return jg_parse_push_literal(parser, jg_parse_place_of(parser, token), &value);
  }
  if (jg_str_equal(token->text, JG_STR("INF")) || jg_str_equal(token->text, JG_STR("NaN"))) {
    return lacking(parser, token, "the number");
  }
  size_t entries = parser->entry_count;
  JG_RETURN_IF_ERROR(jg_parse_path(parser, token));
  *ret_operand = parser->entry_count > entries;  // any and all go on with their condition
  return JG_STATUS_OK;
}

/* An alias is read in place of its name, as if in parentheses. */
static struct jg_status open_alias(struct jg_parser *parser, const struct jg_lex_token *token, bool *ret_operand) {
  struct jg_parse_place place = jg_parse_place_of(parser, token);
  size_t index = 0;
  while (index < parser->options->alias_count && !jg_str_equal(parser->options->aliases[index].name, token->text)) {
    index++;
  }
  if (index == parser->options->alias_count) {
    *ret_operand = false;
    return jg_parse_push_literal(parser, place, &(struct jg_filter){.kind = JG_FILTER_LITERAL, .type = JG_VALUE_NULL});
  }
  for (size_t i = 0; i < parser->entry_count; i++) {
    if (parser->entries[i].type == JG_PARSE_ALIAS && parser->entries[i].alias == index + 1) {
      return jg_parse_fail(parser, place, JG_INVALID_ARGUMENT, "the alias '%s' stands for itself",
                           jg_parse_quoted(token->text).text);
    }
  }
  struct jg_parse_entry entry = {
      .type = JG_PARSE_ALIAS, .place = place, .alias = index + 1, .outer_alias = parser->alias, .outer = parser->lexer};
  JG_RETURN_IF_ERROR(jg_parse_push_entry(parser, &entry));
  parser->alias = index + 1;
  return start(parser, parser->options->aliases[index].text, (struct jg_parse_place){0, index + 1});
}

static struct jg_status take_operand(struct jg_parser *parser, const struct jg_lex_token *token, bool *ret_operand) {
  switch (token->kind) {
    case JG_LEX_OPEN: {
      struct jg_parse_entry entry = {.type = JG_PARSE_GROUP, .place = jg_parse_place_of(parser, token)};
      return jg_parse_push_entry(parser, &entry);
    }
    case JG_LEX_MINUS:
      return push_unary(parser, token, JG_FILTER_NEGATE);
    case JG_LEX_WORD:
      return take_word(parser, token, ret_operand);
    case JG_LEX_ALIAS:
      return open_alias(parser, token, ret_operand);
    case JG_LEX_DOLLAR:
      if (jg_str_equal(token->text, JG_STR("$it")) || jg_str_equal(token->text, JG_STR("$root"))) {
        return lacking(parser, token, "the path");
      }
      return unexpected(parser, token, "an operand");
    case JG_LEX_STRING:
    case JG_LEX_INTEGER:
    case JG_LEX_DECIMAL:
    case JG_LEX_GUID:
    case JG_LEX_DATE:
    case JG_LEX_DATETIME:
    case JG_LEX_TIMEOFDAY:
      *ret_operand = false;
      return jg_parse_literal(parser, token);
    default:
      if (token->text.len != 0 && (token->text.data[0] == '[' || token->text.data[0] == '{')) {
        return jg_parse_fail(parser, jg_parse_place_of(parser, token), JG_UNIMPLEMENTED,
                             "a list or object as a literal is not implemented");
      }
      return unexpected(parser, token, "an operand");
  }
}

/* Ends what `)` ends: a group, a function, a list, any or all. */
static struct jg_status close_entry(struct jg_parser *parser, const struct jg_lex_token *token) {
  JG_RETURN_IF_ERROR(jg_parse_reduce_to(parser, 0));
  const struct jg_parse_entry *open = jg_parse_open_entry(parser);
  if (open == NULL || open->type == JG_PARSE_ALIAS) {
    return unexpected(parser, token, "an operator");
  }
  struct jg_parse_entry entry = *open;
  parser->entry_count--;
  parser->nesting--;
  if (entry.type == JG_PARSE_GROUP) {
    return JG_STATUS_OK;
  }
  if (entry.type == JG_PARSE_LIST) {
    JG_RETURN_IF_ERROR(jg_parse_take_item(parser, &entry));
    return jg_parse_make_list(parser, &entry);
  }
  struct jg_parse_operand operands[3];
  size_t count = parser->operand_count - entry.operand_base;
  JG_ASSERT(count <= JG_COUNT(operands));
  memcpy(operands, parser->operands + entry.operand_base, count * sizeof(operands[0]));
  parser->operand_count = entry.operand_base;
  if (entry.type == JG_PARSE_LAMBDA) {
    return jg_parse_make_lambda(parser, &entry, operands, count);
  }
  size_t least = 0;
  size_t most = 0;
  jg_parse_function_arity(entry.kind, &least, &most);
  if (count < least) {
    return jg_parse_fail(parser, entry.place, JG_INVALID_ARGUMENT, "'%.*s' needs %zu operands, not %zu,",
                         JG_STR_ARG(jg_parse_function_name(entry.kind)), least, count);
  }
  return jg_parse_make_function(parser, &entry, operands, count);
}

/* The next operand of a function or item of a list. */
static struct jg_status take_comma(struct jg_parser *parser, const struct jg_lex_token *token) {
  JG_RETURN_IF_ERROR(jg_parse_reduce_to(parser, 0));
  const struct jg_parse_entry *open = jg_parse_open_entry(parser);
  if (open != NULL && open->type == JG_PARSE_LIST) {
    return jg_parse_take_item(parser, open);
  }
  if (open == NULL || open->type != JG_PARSE_FUNCTION) {
    return unexpected(parser, token, "an operator");
  }
  size_t least = 0;
  size_t most = 0;
  jg_parse_function_arity(open->kind, &least, &most);
  if (parser->operand_count - open->operand_base == most) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, token), JG_INVALID_ARGUMENT,
                         "'%.*s' needs no more than %zu operands, another begins",
                         JG_STR_ARG(jg_parse_function_name(open->kind)), most);
  }
  return JG_STATUS_OK;
}

/* "in (": binds tighter than every operator (OData 4.01 part 2, 5.1.1.17), so that its left side stands ready. */
static struct jg_status open_list(struct jg_parser *parser, const struct jg_lex_token *token) {
  struct jg_parse_place place = jg_parse_place_of(parser, token);
  struct jg_lex_token open;
  jg_lexer_next(&parser->lexer, false, &open);
  if (open.kind != JG_LEX_OPEN) {
    return unexpected(parser, &open, "'('");
  }
  JG_ASSERT(parser->operand_count > 0);
  size_t base = parser->operand_count - 1;
  if (!jg_parse_may_be_listed(parser->operands[base].node)) {
    return jg_parse_fail(parser, place, JG_UNIMPLEMENTED, "'in' behind what is no member is not implemented");
  }
  struct jg_parse_entry entry = {.type = JG_PARSE_LIST,
                                 .kind = JG_FILTER_EQ,
                                 .place = place,
                                 .item_base = parser->item_count,
                                 .operand_base = base};
  return jg_parse_push_entry(parser, &entry);
}

static struct jg_status take_operator(struct jg_parser *parser, const struct jg_lex_token *token) {
  if (jg_str_equal(token->text, JG_STR("in"))) {
    return open_list(parser, token);
  }
  const struct jg_parse_operator *found = jg_parse_binary_operator(token->text);
  if (found != NULL) {
    JG_RETURN_IF_ERROR(jg_parse_reduce_to(parser, found->precedence));
    struct jg_parse_entry entry = {
        .type = JG_PARSE_BINARY, .kind = found->kind, .place = jg_parse_place_of(parser, token)};
    return jg_parse_push_entry(parser, &entry);
  }
  if (jg_parse_is_lacking_operator(token->text)) {
    return lacking(parser, token, "the operator");
  }
  return unexpected(parser, token, "an operator (eq, and, ... in lower case)");
}

/* The end of a text: of the alias that is read, or of all. */
static struct jg_status take_end(struct jg_parser *parser, const struct jg_lex_token *token, bool *ret_done) {
  JG_RETURN_IF_ERROR(jg_parse_reduce_to(parser, 0));
  const struct jg_parse_entry *open = jg_parse_open_entry(parser);
  *ret_done = open == NULL;
  if (*ret_done) {
    return JG_STATUS_OK;
  }
  if (open->type != JG_PARSE_ALIAS) {
    return unexpected(parser, token, "')'");
  }
  parser->lexer = open->outer;
  parser->alias = open->outer_alias;
  parser->entry_count--;
  parser->nesting--;
  return JG_STATUS_OK;
}

/* Reads one expression, up to the end or to a word that only an order has outside of parentheses; *ret_token is that. The
 * only operand left is the expression. */
static struct jg_status read_expression(struct jg_parser *parser, bool order, struct jg_lex_token *ret_token) {
  bool operand = true;
  for (;;) {
    struct jg_lex_token token;
    jg_lexer_next(&parser->lexer, operand, &token);
    if (operand) {
      JG_RETURN_IF_ERROR(take_operand(parser, &token, &operand));
      continue;
    }
    bool done = false;
    if (order && parser->nesting == 0 &&
        (token.kind == JG_LEX_COMMA || jg_str_equal(token.text, JG_STR("asc")) ||
         jg_str_equal(token.text, JG_STR("desc")))) {
      done = true;
      JG_RETURN_IF_ERROR(jg_parse_reduce_to(parser, 0));
    } else if (token.kind == JG_LEX_END) {
      JG_RETURN_IF_ERROR(take_end(parser, &token, &done));
    } else if (token.kind == JG_LEX_CLOSE) {
      JG_RETURN_IF_ERROR(close_entry(parser, &token));
    } else if (token.kind == JG_LEX_COMMA) {
      operand = true;
      JG_RETURN_IF_ERROR(take_comma(parser, &token));
    } else if (token.kind == JG_LEX_WORD) {
      operand = true;
      JG_RETURN_IF_ERROR(take_operator(parser, &token));
    } else {
      return unexpected(parser, &token, "an operator");
    }
    if (done) {
      JG_ASSERT(parser->operand_count == 1 && parser->entry_count == 0);
      *ret_token = token;
      return JG_STATUS_OK;
    }
  }
}

/* The parser is its caller's, so that its stacks do not stay in the arena with the tree. */
static struct jg_status begin(struct jg_parser *parser, struct jg_str text, const struct jg_filter_options *options,
                              struct jg_arena *arena) {
  JG_ASSERT(options->entity != NULL && options->field != NULL);
  // The stacks are written before they are read.
  memset(parser, 0, offsetof(struct jg_parser, operands));
  parser->options = options;
  parser->arena = arena;
  parser->text = text;
  return start(parser, text, (struct jg_parse_place){0, 0});
}

struct jg_status jg_filter_parse(struct jg_str text, const struct jg_filter_options *options, struct jg_arena *arena,
                                 const struct jg_filter **ret_filter) {
  if (text.len == 0) {
    *ret_filter = NULL;
    return JG_STATUS_OK;
  }
  struct jg_parser memory;
  struct jg_parser *parser = &memory;
  JG_RETURN_IF_ERROR(begin(parser, text, options, arena));
  struct jg_lex_token end;
  JG_RETURN_IF_ERROR(read_expression(parser, false, &end));
  JG_RETURN_IF_ERROR(jg_parse_condition(parser, &parser->operands[0], "a filter"));
  *ret_filter = parser->operands[0].node;
  return JG_STATUS_OK;
}

struct jg_status jg_filter_parse_order(struct jg_str text, const struct jg_filter_options *options,
                                       struct jg_arena *arena, struct jg_filter_order ret_orders[JG_FILTER_ORDER_MAX],
                                       size_t *ret_count) {
  size_t count = 0;
  struct jg_filter_order orders[JG_FILTER_ORDER_MAX];
  struct jg_parser memory;
  struct jg_parser *parser = NULL;
  if (text.len != 0) {
    parser = &memory;
    JG_RETURN_IF_ERROR(begin(parser, text, options, arena));
  }
  for (bool more = parser != NULL; more;) {
    struct jg_lex_token token = {.kind = JG_LEX_END};
    JG_RETURN_IF_ERROR(read_expression(parser, true, &token));
    struct jg_parse_operand key = parser->operands[--parser->operand_count];
    JG_RETURN_IF_ERROR(jg_parse_scalar(parser, &key));
    JG_RETURN_IF_ERROR(jg_parse_fold(parser, &key));
    struct jg_filter_order order = {.key = key.node, .descending = jg_str_equal(token.text, JG_STR("desc"))};
    if (token.kind == JG_LEX_WORD) {
      jg_lexer_next(&parser->lexer, false, &token);
    }
    more = token.kind == JG_LEX_COMMA;
    if (!more && token.kind != JG_LEX_END) {
      return unexpected(parser, &token, "','");
    }
    if (key.node->kind == JG_FILTER_LITERAL) {
      continue;
    }
    if (count == JG_FILTER_ORDER_MAX) {
      return jg_parse_limit(parser, key.place, "there are more than 8 keys");
    }
    orders[count++] = order;
  }
  memcpy(ret_orders, orders, count * sizeof(orders[0]));
  *ret_count = count;
  return JG_STATUS_OK;
}
_Static_assert(JG_FILTER_ORDER_MAX == 8, "a message says so");
