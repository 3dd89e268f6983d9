#include "base/compiler.h"
#include "services/filter/parse_internal.h"

struct walk {
  const struct jg_entity *entity; /* whose member is next */
  struct jg_filter_path path;
  struct jg_parse_place place; /* of the first step */
};

static const enum jg_filter_type types[] = {
    [JG_TYPE_STRING] = JG_VALUE_STRING,   [JG_TYPE_GUID] = JG_VALUE_GUID,
    [JG_TYPE_INTEGER] = JG_VALUE_INTEGER, [JG_TYPE_BOOL] = JG_VALUE_BOOL,
    [JG_TYPE_DATE] = JG_VALUE_DATETIME,   [JG_TYPE_DECIMAL] = JG_VALUE_DECIMAL,
    [JG_TYPE_ENTITY] = JG_VALUE_NULL,     [JG_TYPE_ENTITY_LIST] = JG_VALUE_COLLECTION,
};

static struct jg_status unknown_member(struct jg_parser *parser, const struct jg_lex_token *token, struct jg_str type) {
  return jg_parse_fail(parser, jg_parse_place_of(parser, token), JG_INVALID_ARGUMENT,
                       "Could not find a property named '%s' on type '%.*s'", jg_parse_quoted(token->text).text,
                       JG_STR_ARG(type));
}

static struct jg_status no_members(struct jg_parser *parser, const struct jg_lex_token *token,
                                   const struct jg_member *value) {
  return jg_parse_fail(parser, jg_parse_place_of(parser, token), JG_INVALID_ARGUMENT,
                       "'%.*s' is a value without members, '/%s' cannot follow it,", JG_STR_ARG(value->name),
                       jg_parse_quoted(token->text).text);
}

static const struct jg_member *find_member(const struct jg_entity *entity, struct jg_str name) {
  const struct jg_member *member = jg_entity_member(entity, name);
  return member != NULL && jg_str_equal(member->name, name) ? member : NULL;
}

/* The innermost any or all from entry `below` down; entry_count: none. */
static size_t lambda_below(const struct jg_parser *parser, size_t below) {
  for (size_t i = below; i > 0; i--) {
    if (parser->entries[i - 1].type == JG_PARSE_LAMBDA) {
      return i - 1;
    }
  }
  return parser->entry_count;
}

/* Reads what follows a slash: the name of the next step. */
static struct jg_status take_step(struct jg_parser *parser, struct jg_lex_token *ret_token) {
  struct jg_lex_token slash, token;
  jg_lexer_next(&parser->lexer, false, &slash);
  JG_ASSERT(slash.kind == JG_LEX_SLASH);
  jg_lexer_next(&parser->lexer, false, &token);
  struct jg_parse_quote quoted = jg_parse_quoted(token.text);
  if (token.kind == JG_LEX_DOLLAR) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, &token), JG_UNIMPLEMENTED, "'%s' is not implemented",
                         quoted.text);
  }
  if (token.kind != JG_LEX_WORD) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, &token), JG_INVALID_ARGUMENT,
                         "a property's name was expected behind '/'");
  }
  if (jg_str_find(token.text, '.', 0) != SIZE_MAX) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, &token), JG_UNIMPLEMENTED,
                         "the type cast '%s' is not implemented", quoted.text);
  }
  *ret_token = token;
  return JG_STATUS_OK;
}

static struct jg_status push_path(struct jg_parser *parser, const struct walk *walk) {
  const struct jg_member *last = walk->path.steps[walk->path.count - 1];
  struct jg_status status = JG_STATUS_OK;
  struct jg_filter *node = jg_parse_node(parser, walk->place, JG_FILTER_MEMBER, types[last->type], &status);
  if (node == NULL) {
    return status;
  }
  node->path = walk->path;
  return jg_parse_push_operand(
      parser, (struct jg_parse_operand){
                  .node = node,
                  .depth = 1,
                  .place = walk->place,
                  .entity = last->type == JG_TYPE_ENTITY ? jg_entity((enum jg_kind)last->target) : NULL,
              });
}

/* "any(" has been read up to the name: pushes what its end will need, and reads "variable:". any() ends at once. */
static struct jg_status open_lambda(struct jg_parser *parser, const struct walk *walk,
                                    const struct jg_lex_token *name) {
  const struct jg_member *last = walk->path.steps[walk->path.count - 1];
  struct jg_parse_entry entry = {
      .type = JG_PARSE_LAMBDA,
      .kind = jg_str_equal(name->text, JG_STR("any")) ? JG_FILTER_ANY : JG_FILTER_ALL,
      .place = jg_parse_place_of(parser, name),
      .operand_base = parser->operand_count,
      .item = jg_entity((enum jg_kind)last->target),
  };
  struct jg_lex_token token;
  jg_lexer_next(&parser->lexer, false, &token);
  if (token.kind != JG_LEX_OPEN) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, &token), JG_INVALID_ARGUMENT, "'(' was expected behind '%s'",
                         jg_parse_quoted(name->text).text);
  }
  JG_RETURN_IF_ERROR(push_path(parser, walk));
  if (jg_lexer_peek(&parser->lexer) == ')' && entry.kind == JG_FILTER_ANY) {
    jg_lexer_next(&parser->lexer, false, &token);
    struct jg_parse_operand collection = parser->operands[--parser->operand_count];
    return jg_parse_make_lambda(parser, &entry, &collection, 1);
  }
  jg_lexer_next(&parser->lexer, false, &token);
  entry.variable = token.text;
  struct jg_lex_token colon;
  jg_lexer_next(&parser->lexer, false, &colon);
  if (token.kind != JG_LEX_WORD || jg_str_find(token.text, '.', 0) != SIZE_MAX || colon.kind != JG_LEX_COLON) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, &token), JG_INVALID_ARGUMENT,
                         "a variable and ':' were expected in '%s'", jg_parse_quoted(name->text).text);
  }
  return jg_parse_push_entry(parser, &entry);
}

static struct jg_status check_stored(struct jg_parser *parser, const struct walk *walk) {
  if (!parser->options->stored_only) {
    return JG_STATUS_OK;
  }
  const struct jg_member *first = walk->path.steps[0];
  bool emitted = false;
  if ((first->flags & JG_MEMBER_DERIVED_KEY) != 0 && !walk->path.variable) {
    // A status has no node: what it is called does not change.
    emitted = parser->options->entity->relations[first->relation].node_member != JG_NO_INDEX;
  }
  if (first->type != JG_TYPE_ENTITY && !emitted) {
    return JG_STATUS_OK;
  }
  if ((first->flags & JG_MEMBER_EXPAND_ONLY) != 0) {
    return jg_parse_fail(parser, walk->place, JG_INVALID_ARGUMENT,
                         "'%.*s' is another job, which cannot be filtered here, only its id can,",
                         JG_STR_ARG(first->name));
  }
  return jg_parse_fail(parser, walk->place, JG_INVALID_ARGUMENT,
                       "'%.*s' comes from an embedded entity, which cannot be filtered here, only its id can,",
                       JG_STR_ARG(first->name));
}

/* Goes on behind the member that was read last. */
static struct jg_status follow(struct jg_parser *parser, struct walk *walk, bool *ret_done) {
  const struct jg_member *last = walk->path.steps[walk->path.count - 1];
  *ret_done = jg_lexer_peek_close(&parser->lexer) != '/';
  if (*ret_done) {
    JG_RETURN_IF_ERROR(check_stored(parser, walk));
    return push_path(parser, walk);
  }
  struct jg_lex_token token = {.kind = JG_LEX_END};
  JG_RETURN_IF_ERROR(take_step(parser, &token));
  if (last->type == JG_TYPE_ENTITY_LIST) {
    *ret_done = true;
    if (!jg_str_equal(token.text, JG_STR("any")) && !jg_str_equal(token.text, JG_STR("all"))) {
      return jg_parse_fail(parser, jg_parse_place_of(parser, &token), JG_INVALID_ARGUMENT,
                           "'%.*s' is a collection, only any and all may follow it,", JG_STR_ARG(last->name));
    }
    JG_RETURN_IF_ERROR(check_stored(parser, walk));
    return open_lambda(parser, walk, &token);
  }
  walk->entity = last->type == JG_TYPE_ENTITY ? jg_entity((enum jg_kind)last->target) : NULL;
  const struct jg_member *member = walk->entity != NULL ? find_member(walk->entity, token.text) : NULL;
  if (member == NULL && walk->entity != NULL && walk->entity->kind == JG_KIND_PARENT_JOB &&
      find_member(jg_entity(JG_KIND_JOB), token.text) != NULL) {
    return jg_parse_fail(parser, jg_parse_place_of(parser, &token), JG_UNIMPLEMENTED,
                         "'%s' of '%.*s' is not implemented", jg_parse_quoted(token.text).text, JG_STR_ARG(last->name));
  }
  if (walk->entity == NULL) {
    return no_members(parser, &token, last);
  }
  if (member == NULL || walk->path.count == JG_FILTER_PATH_MAX) {
    return unknown_member(parser, &token, walk->entity->name);
  }
  walk->path.steps[walk->path.count++] = member;
  return JG_STATUS_OK;
}

/* The variable of an any or all around here, if the word is one: walk then stands at its item. */
static struct jg_status take_variable(struct jg_parser *parser, struct jg_lex_token *token, struct walk *walk) {
  size_t innermost = lambda_below(parser, parser->entry_count);
  for (size_t i = innermost; i < parser->entry_count; i = lambda_below(parser, i)) {
    const struct jg_parse_entry *entry = &parser->entries[i];
    if (!jg_str_equal(entry->variable, token->text)) {
      continue;
    }
    struct jg_parse_quote quoted = jg_parse_quoted(token->text);
    if (i != innermost) {
      return jg_parse_fail(parser, walk->place, JG_UNIMPLEMENTED,
                           "'%s', the variable of an outer any or all, is not implemented here,", quoted.text);
    }
    if (jg_lexer_peek_close(&parser->lexer) != '/') {
      return jg_parse_fail(parser, walk->place, JG_INVALID_ARGUMENT,
                           "'%s' is an entity and no value, name one of its members,", quoted.text);
    }
    walk->entity = entry->item;
    walk->path.variable = true;
    return take_step(parser, token);
  }
  return JG_STATUS_OK;
}

struct jg_status jg_parse_path(struct jg_parser *parser, const struct jg_lex_token *token) {
  struct jg_lex_token step = *token;
  struct walk walk = {.entity = parser->options->entity, .place = jg_parse_place_of(parser, token)};
  JG_RETURN_IF_ERROR(take_variable(parser, &step, &walk));
  const struct jg_member *member = find_member(walk.entity, step.text);
  if (member == NULL) {
    return unknown_member(parser, &step, walk.entity->name);
  }
  walk.path.steps[walk.path.count++] = member;
  for (bool done = false; !done;) {
    JG_RETURN_IF_ERROR(follow(parser, &walk, &done));
  }
  return JG_STATUS_OK;
}
