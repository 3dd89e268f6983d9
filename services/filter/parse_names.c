#include "base/compiler.h"
#include "services/filter/parse_internal.h"

/* OData 4.0 part 2, 5.1.1.9, the loosest first. `not` binds as tightly as the minus: "not a eq b" is "(not a) eq b". */
static const struct jg_parse_operator operators[] = {
    {"or", JG_FILTER_OR, 1},   {"and", JG_FILTER_AND, 2}, {"eq", JG_FILTER_EQ, 3},   {"ne", JG_FILTER_NE, 3},
    {"gt", JG_FILTER_GT, 4},   {"ge", JG_FILTER_GE, 4},   {"lt", JG_FILTER_LT, 4},   {"le", JG_FILTER_LE, 4},
    {"add", JG_FILTER_ADD, 5}, {"sub", JG_FILTER_SUB, 5}, {"mul", JG_FILTER_MUL, 6}, {"div", JG_FILTER_DIV, 6},
    {"mod", JG_FILTER_MOD, 6},
};
static const struct jg_parse_operator unary_operators[] = {
    {"not", JG_FILTER_NOT, JG_PARSE_PRECEDENCE_UNARY},
    {"-", JG_FILTER_NEGATE, JG_PARSE_PRECEDENCE_UNARY},
};
static const struct jg_parse_operator primary = {"", JG_FILTER_KIND_COUNT, JG_PARSE_PRECEDENCE_PRIMARY};

static const struct {
  struct jg_str name;
  uint8_t least, most;
} functions[] = {
#define FUNCTION_ROW(name, text, least, most) [JG_FILTER_##name] = {{text, sizeof(text) - 1}, least, most},
    JG_FILTER_FUNCTION_TABLE(FUNCTION_ROW)
#undef FUNCTION_ROW
};
_Static_assert(JG_COUNT(functions) == JG_FILTER_KIND_COUNT, "functions end the kinds");

/* OData 4.0 part 2, 5.1.1.4 (durations, types, geography) and 4.01's. */
static const char *const lacking_functions[] = {
    "totalseconds",   "isof",           "cast",      "geo.distance", "geo.length",
    "geo.intersects", "matchesPattern", "hassubset", "case",         "hassubsequence",
};
static const char *const lacking_operators[] = {"has", "divby"};

const struct jg_parse_operator *jg_parse_binary_operator(struct jg_str name) {
  for (size_t i = 0; i < JG_COUNT(operators); i++) {
    if (jg_str_equal(name, jg_str_from_cstr(operators[i].name))) {
      return &operators[i];
    }
  }
  return NULL;
}

const struct jg_parse_operator *jg_parse_operator_of(enum jg_filter_kind kind) {
  for (size_t i = 0; i < JG_COUNT(operators); i++) {
    if (operators[i].kind == kind) {
      return &operators[i];
    }
  }
  for (size_t i = 0; i < JG_COUNT(unary_operators); i++) {
    if (unary_operators[i].kind == kind) {
      return &unary_operators[i];
    }
  }
  return &primary;
}

enum jg_filter_kind jg_parse_function_kind(struct jg_str name) {
  for (size_t i = 0; i < JG_COUNT(functions); i++) {
    if (functions[i].name.len != 0 && jg_str_equal(name, functions[i].name)) {
      return (enum jg_filter_kind)i;
    }
  }
  return JG_FILTER_KIND_COUNT;
}

struct jg_str jg_parse_function_name(enum jg_filter_kind kind) {
  JG_ASSERT((size_t)kind < JG_COUNT(functions) && functions[kind].name.len != 0);
  return functions[kind].name;
}

void jg_parse_function_arity(enum jg_filter_kind kind, size_t *ret_least, size_t *ret_most) {
  JG_ASSERT((size_t)kind < JG_COUNT(functions));
  *ret_least = functions[kind].least;
  *ret_most = functions[kind].most;
}

static bool is_one_of(struct jg_str name, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (jg_str_equal(name, jg_str_from_cstr(names[i]))) {
      return true;
    }
  }
  return false;
}

bool jg_parse_is_lacking_function(struct jg_str name) {
  return is_one_of(name, lacking_functions, JG_COUNT(lacking_functions));
}

bool jg_parse_is_lacking_operator(struct jg_str name) {
  return is_one_of(name, lacking_operators, JG_COUNT(lacking_operators));
}
