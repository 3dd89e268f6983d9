#include "base/compiler.h"
#include "base/unicode.h"
#include "services/filter/parse_internal.h"

/* What a parameter takes. */
enum parameter { NONE, TEXT, WHOLE, NUMBER, MOMENT, MOMENT_OR_DATE, MOMENT_OR_TIME };

struct signature {
  enum parameter parameters[3];
  enum jg_filter_type result;
};

static const struct signature signatures[JG_FILTER_KIND_COUNT] = {
    [JG_FILTER_CONTAINS] = {{TEXT, TEXT}, JG_VALUE_BOOL},
    [JG_FILTER_STARTSWITH] = {{TEXT, TEXT}, JG_VALUE_BOOL},
    [JG_FILTER_ENDSWITH] = {{TEXT, TEXT}, JG_VALUE_BOOL},
    [JG_FILTER_LENGTH] = {{TEXT}, JG_VALUE_INTEGER},
    [JG_FILTER_INDEXOF] = {{TEXT, TEXT}, JG_VALUE_INTEGER},
    [JG_FILTER_SUBSTRING] = {{TEXT, WHOLE, WHOLE}, JG_VALUE_STRING},
    [JG_FILTER_TOLOWER] = {{TEXT}, JG_VALUE_STRING},
    [JG_FILTER_TOUPPER] = {{TEXT}, JG_VALUE_STRING},
    [JG_FILTER_TRIM] = {{TEXT}, JG_VALUE_STRING},
    [JG_FILTER_CONCAT] = {{TEXT, TEXT}, JG_VALUE_STRING},
    [JG_FILTER_YEAR] = {{MOMENT_OR_DATE}, JG_VALUE_INTEGER},
    [JG_FILTER_MONTH] = {{MOMENT_OR_DATE}, JG_VALUE_INTEGER},
    [JG_FILTER_DAY] = {{MOMENT_OR_DATE}, JG_VALUE_INTEGER},
    [JG_FILTER_HOUR] = {{MOMENT_OR_TIME}, JG_VALUE_INTEGER},
    [JG_FILTER_MINUTE] = {{MOMENT_OR_TIME}, JG_VALUE_INTEGER},
    [JG_FILTER_SECOND] = {{MOMENT_OR_TIME}, JG_VALUE_INTEGER},
    [JG_FILTER_FRACTIONALSECONDS] = {{MOMENT_OR_TIME}, JG_VALUE_DECIMAL},
    [JG_FILTER_TOTALOFFSETMINUTES] = {{MOMENT}, JG_VALUE_INTEGER},
    [JG_FILTER_DATE] = {{MOMENT}, JG_VALUE_DATE},
    [JG_FILTER_TIME] = {{MOMENT}, JG_VALUE_TIMEOFDAY},
    [JG_FILTER_ROUND] = {{NUMBER}, JG_VALUE_DECIMAL},
    [JG_FILTER_FLOOR] = {{NUMBER}, JG_VALUE_DECIMAL},
    [JG_FILTER_CEILING] = {{NUMBER}, JG_VALUE_DECIMAL},
};

/* The types a parameter takes; a literal is given the first one if its text allows it. */
static const struct {
  enum jg_filter_type first, second;
  const char *name;
} parameters[] = {
    [NONE] = {JG_VALUE_NULL, JG_VALUE_NULL, ""},
    [TEXT] = {JG_VALUE_STRING, JG_VALUE_STRING, "a string"},
    [WHOLE] = {JG_VALUE_INTEGER, JG_VALUE_INTEGER, "an integer"},
    [NUMBER] = {JG_VALUE_DECIMAL, JG_VALUE_INTEGER, "a number"},
    [MOMENT] = {JG_VALUE_DATETIME, JG_VALUE_DATETIME, "a date with time"},
    [MOMENT_OR_DATE] = {JG_VALUE_DATETIME, JG_VALUE_DATE, "a date"},
    [MOMENT_OR_TIME] = {JG_VALUE_DATETIME, JG_VALUE_TIMEOFDAY, "a date with time or a time of day"},
};

static const char *const type_names[] = {
    [JG_VALUE_NULL] = "null",
    [JG_VALUE_BOOL] = "a condition",
    [JG_VALUE_INTEGER] = "an integer",
    [JG_VALUE_DECIMAL] = "a decimal",
    [JG_VALUE_STRING] = "a string",
    [JG_VALUE_GUID] = "a GUID",
    [JG_VALUE_DATETIME] = "a date with time",
    [JG_VALUE_DATE] = "a date",
    [JG_VALUE_TIMEOFDAY] = "a time of day",
    [JG_VALUE_COLLECTION] = "a collection",
};
_Static_assert(JG_COUNT(type_names) == JG_VALUE_COLLECTION + 1, "a name for every type");

static const char *name_of(const struct jg_parse_operand *operand) {
  return operand->entity != NULL ? "an entity" : type_names[operand->node->type];
}

static bool is_literal(const struct jg_parse_operand *operand, enum jg_filter_type type) {
  return operand->node->kind == JG_FILTER_LITERAL && operand->node->type == type;
}

static bool is_number(enum jg_filter_type type) {
  return type == JG_VALUE_INTEGER || type == JG_VALUE_DECIMAL;
}

struct jg_status jg_parse_scalar(struct jg_parser *parser, const struct jg_parse_operand *operand) {
  if (operand->entity != NULL) {
    return jg_parse_fail(parser, operand->place, JG_INVALID_ARGUMENT,
                         "an entity of type '%.*s' is no value, name one of its members,",
                         JG_STR_ARG(operand->entity->name));
  }
  if (operand->node->type == JG_VALUE_COLLECTION) {
    return jg_parse_fail(parser, operand->place, JG_INVALID_ARGUMENT,
                         "a collection is no value, only any and all may follow it,");
  }
  return JG_STATUS_OK;
}

struct jg_status jg_parse_condition(struct jg_parser *parser, struct jg_parse_operand *operand, const char *what) {
  JG_RETURN_IF_ERROR(jg_parse_scalar(parser, operand));
  struct jg_filter *node = operand->node;
  if (is_literal(operand, JG_VALUE_NULL)) {
    node->type = JG_VALUE_BOOL;
    node->integer = 0;
  }
  if (node->type != JG_VALUE_BOOL) {
    return jg_parse_fail(parser, operand->place, JG_INVALID_ARGUMENT, "%s needs a condition, not %s,", what,
                         name_of(operand));
  }
  return JG_STATUS_OK;
}

static struct jg_status push(struct jg_parser *parser, const struct jg_parse_entry *entry, enum jg_filter_type type,
                             const struct jg_parse_operand *operands, size_t count) {
  struct jg_status status = JG_STATUS_OK;
  struct jg_filter *node = jg_parse_node(parser, entry->place, entry->kind, type, &status);
  if (node == NULL) {
    return status;
  }
  size_t depth = 0;
  JG_ASSERT(count <= JG_COUNT(node->args));
  for (size_t i = 0; i < count; i++) {
    node->args[i] = operands[i].node;
    depth = operands[i].depth > depth ? operands[i].depth : depth;
  }
  node->arg_count = (uint8_t)count;
  return jg_parse_push_operand(parser,
                               (struct jg_parse_operand){.node = node, .depth = depth + 1, .place = entry->place});
}

static struct jg_status fold_literal(struct jg_parser *parser, const struct jg_parse_operand *operand) {
  struct jg_str *text = &operand->node->string;
  char *lower = jg_arena_alloc(parser->arena, JG_UNICODE_CASE_BYTES(text->len));
  if (lower == NULL) {
    return jg_parse_limit(parser, operand->place, "the expression needs too much memory");
  }
  *text = jg_str_make(lower, jg_unicode_lower(*text, lower));
  return JG_STATUS_OK;
}

struct jg_status jg_parse_fold(struct jg_parser *parser, struct jg_parse_operand *operand) {
  struct jg_filter *inner = operand->node;
  if (!parser->options->fold_case || inner->type != JG_VALUE_STRING || inner->kind == JG_FILTER_TOLOWER) {
    return JG_STATUS_OK;
  }
  if (inner->kind == JG_FILTER_LITERAL) {
    return fold_literal(parser, operand);
  }
  struct jg_status status = JG_STATUS_OK;
  struct jg_filter *node = jg_parse_node(parser, operand->place, JG_FILTER_TOLOWER, JG_VALUE_STRING, &status);
  if (node == NULL) {
    return status;
  }
  node->args[0] = inner;
  node->arg_count = 1;
  operand->node = node;
  operand->depth++;
  return JG_STATUS_OK;
}

/* Gives both sides one type where a literal allows it: quoted GUIDs and dates (contract statements 31 and 39), a date beside a
 * date with time, an integer beside a decimal. False: they cannot stand beside each other. */
static bool unify(const struct jg_parse_operand *left, const struct jg_parse_operand *right) {
  enum jg_filter_type left_type = left->node->type;
  enum jg_filter_type right_type = right->node->type;
  if (left_type == right_type || is_literal(left, JG_VALUE_NULL) || is_literal(right, JG_VALUE_NULL)) {
    return true;
  }
  if (left->node->kind == JG_FILTER_LITERAL && jg_parse_coerce(left->node, right_type)) {
    return true;
  }
  if (right->node->kind == JG_FILTER_LITERAL && jg_parse_coerce(right->node, left_type)) {
    return true;
  }
  return is_number(left_type) && is_number(right_type);
}

static struct jg_status mismatch(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                 const struct jg_parse_operand *left, const struct jg_parse_operand *right) {
  const char *name = jg_parse_operator_of(entry->kind)->name;
  const struct jg_parse_operand *literal = is_literal(left, JG_VALUE_STRING) ? left : right;
  const struct jg_parse_operand *other = literal == left ? right : left;
  if (is_literal(literal, JG_VALUE_STRING) && (other->node->type >= JG_VALUE_GUID)) {
    return jg_parse_fail(parser, literal->place, JG_INVALID_ARGUMENT, "'%s' is not %s",
                         jg_parse_quoted(literal->node->string).text, name_of(other));
  }
  return jg_parse_fail(parser, entry->place, JG_INVALID_ARGUMENT, "'%s' cannot stand between %s and %s", name,
                       name_of(left), name_of(right));
}

/* "project eq null": an entity is null where its id is. */
static void take_id(struct jg_parse_operand *operand, const struct jg_parse_operand *other) {
  if (operand->entity == NULL || !is_literal(other, JG_VALUE_NULL)) {
    return;
  }
  struct jg_filter_path *path = &operand->node->path;
  JG_ASSERT(path->count < JG_FILTER_PATH_MAX && operand->entity->id_member != JG_NO_INDEX);
  path->steps[path->count++] = &operand->entity->members[operand->entity->id_member];
  operand->node->type = JG_VALUE_GUID;
  operand->entity = NULL;
}

static struct jg_status make_comparison(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                        struct jg_parse_operand sides[2]) {
  if (entry->kind == JG_FILTER_EQ || entry->kind == JG_FILTER_NE) {
    take_id(&sides[0], &sides[1]);
    take_id(&sides[1], &sides[0]);
  }
  JG_RETURN_IF_ERROR(jg_parse_scalar(parser, &sides[0]));
  JG_RETURN_IF_ERROR(jg_parse_scalar(parser, &sides[1]));
  if (!unify(&sides[0], &sides[1])) {
    return mismatch(parser, entry, &sides[0], &sides[1]);
  }
  JG_RETURN_IF_ERROR(jg_parse_fold(parser, &sides[0]));
  JG_RETURN_IF_ERROR(jg_parse_fold(parser, &sides[1]));
  return push(parser, entry, JG_VALUE_BOOL, sides, 2);
}

static bool is_date(const struct jg_parse_operand *operand) {
  enum jg_filter_type type = operand->node->type;
  return type == JG_VALUE_DATETIME || type == JG_VALUE_DATE || type == JG_VALUE_TIMEOFDAY;
}

static struct jg_status make_arithmetic(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                        const struct jg_parse_operand sides[2]) {
  JG_RETURN_IF_ERROR(jg_parse_scalar(parser, &sides[0]));
  JG_RETURN_IF_ERROR(jg_parse_scalar(parser, &sides[1]));
  enum jg_filter_type result = JG_VALUE_INTEGER;
  for (size_t i = 0; i < 2; i++) {
    if (is_date(&sides[i])) {
      return jg_parse_fail(parser, entry->place, JG_UNIMPLEMENTED, "'%s' of dates is not implemented",
                           jg_parse_operator_of(entry->kind)->name);
    }
    enum jg_filter_type type = sides[i].node->type;
    if (!is_number(type) && !is_literal(&sides[i], JG_VALUE_NULL)) {
      return jg_parse_fail(parser, sides[i].place, JG_INVALID_ARGUMENT, "'%s' needs numbers, not %s,",
                           jg_parse_operator_of(entry->kind)->name, name_of(&sides[i]));
    }
    result = type == JG_VALUE_DECIMAL ? type : result;
  }
  (void)unify(&sides[0], &sides[1]);  // an integer literal beside a decimal becomes one
  return push(parser, entry, result, sides, 2);
}

struct jg_status jg_parse_make_binary(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                      struct jg_parse_operand *left, struct jg_parse_operand *right) {
  struct jg_parse_operand sides[2] = {*left, *right};
  if (entry->kind == JG_FILTER_AND || entry->kind == JG_FILTER_OR) {
    const char *what = entry->kind == JG_FILTER_AND ? "'and'" : "'or'";
    JG_RETURN_IF_ERROR(jg_parse_condition(parser, &sides[0], what));
    JG_RETURN_IF_ERROR(jg_parse_condition(parser, &sides[1], what));
    return push(parser, entry, JG_VALUE_BOOL, sides, 2);
  }
  if (entry->kind >= JG_FILTER_EQ && entry->kind <= JG_FILTER_LE) {
    return make_comparison(parser, entry, sides);
  }
  return make_arithmetic(parser, entry, sides);
}

/* "-5" of a literal is one; only the least integer has no opposite. */
static bool fold_minus(struct jg_filter *node) {
  if (node->kind != JG_FILTER_LITERAL) {
    return false;
  }
  if (node->type == JG_VALUE_INTEGER && node->integer != INT64_MIN) {
    node->integer = -node->integer;
    return true;
  }
  if (node->type == JG_VALUE_DECIMAL) {
    node->decimal = node->decimal == 0 ? 0 : -node->decimal;
    return true;
  }
  return false;
}

struct jg_status jg_parse_make_unary(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                     struct jg_parse_operand *operand) {
  if (entry->kind == JG_FILTER_NOT) {
    JG_RETURN_IF_ERROR(jg_parse_condition(parser, operand, "'not' (which binds tighter than a comparison)"));
    return push(parser, entry, JG_VALUE_BOOL, operand, 1);
  }
  JG_RETURN_IF_ERROR(jg_parse_scalar(parser, operand));
  if (fold_minus(operand->node)) {
    return jg_parse_push_operand(parser, *operand);
  }
  bool null = is_literal(operand, JG_VALUE_NULL);
  if (!null && !is_number(operand->node->type)) {
    return jg_parse_fail(parser, entry->place, JG_INVALID_ARGUMENT, "'-' needs a number, not %s,", name_of(operand));
  }
  return push(parser, entry, null ? JG_VALUE_INTEGER : operand->node->type, operand, 1);
}

/* Its strings are looked for in each other. */
static bool compares(enum jg_filter_kind kind) {
  return kind == JG_FILTER_CONTAINS || kind == JG_FILTER_STARTSWITH || kind == JG_FILTER_ENDSWITH ||
         kind == JG_FILTER_INDEXOF;
}

struct jg_status jg_parse_make_function(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                        struct jg_parse_operand *operands, size_t count) {
  const struct signature *signature = &signatures[entry->kind];
  for (size_t i = 0; i < count; i++) {
    JG_RETURN_IF_ERROR(jg_parse_scalar(parser, &operands[i]));
    enum parameter wanted = signature->parameters[i];
    struct jg_filter *node = operands[i].node;
    if (node->kind == JG_FILTER_LITERAL && node->type != parameters[wanted].second) {
      (void)(jg_parse_coerce(node, parameters[wanted].first) || jg_parse_coerce(node, parameters[wanted].second));
    }
    if (node->type != parameters[wanted].first && node->type != parameters[wanted].second &&
        !is_literal(&operands[i], JG_VALUE_NULL)) {
      return jg_parse_fail(parser, operands[i].place, JG_INVALID_ARGUMENT, "'%.*s' needs %s, not %s,",
                           JG_STR_ARG(jg_parse_function_name(entry->kind)), parameters[wanted].name,
                           name_of(&operands[i]));
    }
    if (compares(entry->kind)) {
      JG_RETURN_IF_ERROR(jg_parse_fold(parser, &operands[i]));
    }
  }
  return push(parser, entry, signature->result, operands, count);
}

struct jg_status jg_parse_make_lambda(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                      struct jg_parse_operand *operands, size_t count) {
  JG_ASSERT(count >= 1 && operands[0].node->type == JG_VALUE_COLLECTION);
  if (count == 2) {
    JG_RETURN_IF_ERROR(jg_parse_condition(parser, &operands[1], entry->kind == JG_FILTER_ANY ? "'any'" : "'all'"));
  }
  return push(parser, entry, JG_VALUE_BOOL, operands, count);
}
