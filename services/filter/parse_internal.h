/* What the parser's files share: only parse*.c of this folder may include it.
 * Two stacks, no recursion (precedence climbing made explicit): operands are finished trees; entries are operators that wait
 * for their right side, and what has an end of its own: parentheses, functions, any and all, aliases. */
#ifndef JG_SERVICES_FILTER_PARSE_INTERNAL_H
#define JG_SERVICES_FILTER_PARSE_INTERNAL_H

#include "services/filter/lexer.h"
#include "services/filter/parse.h"

/* Every operand is a node, every operator becomes one; what has an end counts against the depth. */
#define JG_PARSE_OPERANDS_MAX (JG_FILTER_NODES_MAX + 1)
#define JG_PARSE_ENTRIES_MAX (JG_FILTER_NODES_MAX + JG_FILTER_DEPTH_MAX)

/* A position in the text, or in that of an alias. */
struct jg_parse_place {
  size_t at;    /* bytes */
  size_t alias; /* its index + 1; 0: the text itself */
};

struct jg_parse_operand {
  struct jg_filter *node;
  size_t depth; /* of the tree below, itself included */
  struct jg_parse_place place;
  /* A path that ends at an embedded entity: good for a comparison with null alone. Else NULL. */
  const struct jg_entity *entity;
};

enum jg_parse_entry_type {
  JG_PARSE_BINARY,
  JG_PARSE_UNARY,
  JG_PARSE_GROUP,
  JG_PARSE_FUNCTION,
  JG_PARSE_LIST,
  JG_PARSE_LAMBDA,
  JG_PARSE_ALIAS
};

struct jg_parse_entry {
  enum jg_parse_entry_type type;
  enum jg_filter_kind kind; /* BINARY, UNARY, FUNCTION, LAMBDA */
  struct jg_parse_place place;
  size_t item_base;    /* LIST: items below its own */
  size_t operand_base; /* FUNCTION, LIST, LAMBDA: operands below its own; a lambda's first is its collection, a list's
                        * the member that is looked for */
  /* LAMBDA */
  struct jg_str variable;
  const struct jg_entity *item;
  /* ALIAS: its index + 1, and where to go on behind it */
  size_t alias, outer_alias;
  struct jg_lexer outer;
};

struct jg_parser {
  const struct jg_filter_options *options;
  struct jg_arena *arena;
  struct jg_lexer lexer;
  struct jg_str text;
  size_t alias;      /* whose text the lexer reads: its index + 1, or 0 */
  size_t characters; /* read so far, and to be read */
  size_t nodes;
  size_t nesting; /* entries that have an end */
  size_t listed;  /* items of all lists */
  size_t operand_count, entry_count, item_count;
  struct jg_parse_operand operands[JG_PARSE_OPERANDS_MAX];
  struct jg_parse_entry entries[JG_PARSE_ENTRIES_MAX];
  const struct jg_filter *items[JG_FILTER_ITEMS_MAX]; /* literals of the lists that are open */
};

/* Of a user's text that a message quotes. */
struct jg_parse_quote {
  char text[64];
};

/* parse_error.c: "FIELD: text at position N". */
struct jg_status jg_parse_fail(struct jg_parser *parser, struct jg_parse_place place, enum jg_code code,
                               const char *format, ...) JG_PRINTF(4, 5);
/* INVALID_ARGUMENT/LIMIT_EXCEEDED; a static message. */
struct jg_status jg_parse_limit(struct jg_parser *parser, struct jg_parse_place place, const char *message);
/* The text for a message: capped at a character's end, controls replaced. */
struct jg_parse_quote jg_parse_quoted(struct jg_str text);
static inline struct jg_parse_place jg_parse_place_of(const struct jg_parser *parser,
                                                      const struct jg_lex_token *token) {
  return (struct jg_parse_place){token->at, parser->alias};
}

/* parse_stack.c */
JG_MUST_CHECK struct jg_status jg_parse_push_operand(struct jg_parser *parser, struct jg_parse_operand operand);
JG_MUST_CHECK struct jg_status jg_parse_push_entry(struct jg_parser *parser, const struct jg_parse_entry *entry);
/* A zero node of that kind and type; NULL at the arena's cap and beyond the most nodes, then *ret_status says which. */
struct jg_filter *jg_parse_node(struct jg_parser *parser, struct jg_parse_place place, enum jg_filter_kind kind,
                                enum jg_filter_type type, struct jg_status *ret_status);
/* Makes the operator on top of the entries, with its operands, one operand. */
JG_MUST_CHECK struct jg_status jg_parse_reduce(struct jg_parser *parser);
/* Reduces operators that bind at least as tightly as `precedence`, down to what has an end. */
JG_MUST_CHECK struct jg_status jg_parse_reduce_to(struct jg_parser *parser, int precedence);
/* The entry that has an end and is on top once operators are reduced; NULL: none. */
struct jg_parse_entry *jg_parse_open_entry(struct jg_parser *parser);

/* parse_type.c: node and operands by the rules of types. */
JG_MUST_CHECK struct jg_status jg_parse_make_binary(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                                    struct jg_parse_operand *left, struct jg_parse_operand *right);
JG_MUST_CHECK struct jg_status jg_parse_make_unary(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                                   struct jg_parse_operand *operand);
JG_MUST_CHECK struct jg_status jg_parse_make_function(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                                      struct jg_parse_operand *operands, size_t count);
/* operands: the collection and the body; the body is missing in any(). */
JG_MUST_CHECK struct jg_status jg_parse_make_lambda(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                                    struct jg_parse_operand *operands, size_t count);
/* A condition, or a null literal, which becomes false; `what` names who asks. */
JG_MUST_CHECK struct jg_status jg_parse_condition(struct jg_parser *parser, struct jg_parse_operand *operand,
                                                  const char *what);
/* Without case, if the options want that: a string becomes tolower of it, a literal its lower case. */
JG_MUST_CHECK struct jg_status jg_parse_fold(struct jg_parser *parser, struct jg_parse_operand *operand);
/* A value: no entity and no collection. */
JG_MUST_CHECK struct jg_status jg_parse_scalar(struct jg_parser *parser, const struct jg_parse_operand *operand);

/* parse_literal.c */
/* A literal token or an unknown alias's null as an operand. */
JG_MUST_CHECK struct jg_status jg_parse_literal(struct jg_parser *parser, const struct jg_lex_token *token);
JG_MUST_CHECK struct jg_status jg_parse_push_literal(struct jg_parser *parser, struct jg_parse_place place,
                                                     const struct jg_filter *value);
/* Gives a literal the type that the other side has, where its text allows it; false: it does not. */
bool jg_parse_coerce(struct jg_filter *literal, enum jg_filter_type type);

/* parse_list.c */
/* What may stand in front of "in". */
bool jg_parse_may_be_listed(const struct jg_filter *node);
/* The operand on top is an item of that list: it leaves the operands if it is a literal of the member's type. */
JG_MUST_CHECK struct jg_status jg_parse_take_item(struct jg_parser *parser, const struct jg_parse_entry *list);
/* "a in (x,y)" of the items and of the operands from the entry's on, which are compared by "a eq z", joined by "or". */
JG_MUST_CHECK struct jg_status jg_parse_make_list(struct jg_parser *parser, const struct jg_parse_entry *entry);

/* parse_path.c: a word where an operand is expected and no other rule knows it. */
JG_MUST_CHECK struct jg_status jg_parse_path(struct jg_parser *parser, const struct jg_lex_token *token);

/* parse_names.c: tables of operators and functions. */
struct jg_parse_operator {
  const char *name;
  enum jg_filter_kind kind;
  int precedence;
};
/* By exact name; NULL: none. */
const struct jg_parse_operator *jg_parse_binary_operator(struct jg_str name);
/* Any node's operator; a primary's for everything else. */
const struct jg_parse_operator *jg_parse_operator_of(enum jg_filter_kind kind);
#define JG_PARSE_PRECEDENCE_UNARY 7
#define JG_PARSE_PRECEDENCE_PRIMARY 8
/* JG_FILTER_KIND_COUNT: no function of that name. */
enum jg_filter_kind jg_parse_function_kind(struct jg_str name);
struct jg_str jg_parse_function_name(enum jg_filter_kind kind);
void jg_parse_function_arity(enum jg_filter_kind kind, size_t *ret_least, size_t *ret_most);
/* OData's (4.0 and 4.01), and not ours. */
bool jg_parse_is_lacking_function(struct jg_str name);
bool jg_parse_is_lacking_operator(struct jg_str name);

#endif
