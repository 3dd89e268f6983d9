#include "base/compiler.h"
#include "services/filter/parse_internal.h"

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

static const char too_deep[] = "the expression is nested deeper than " NUMBER_TEXT(JG_FILTER_DEPTH_MAX);
static const char too_many_nodes[] =
    "the expression has more than " NUMBER_TEXT(JG_FILTER_NODES_MAX) " members, literals, operators and functions";

struct jg_status jg_parse_push_operand(struct jg_parser *parser, struct jg_parse_operand operand) {
  if (operand.depth > JG_FILTER_DEPTH_MAX) {
    return jg_parse_limit(parser, operand.place, too_deep);
  }
  // Each operand holds a node of its own.
  JG_ASSERT(parser->operand_count < JG_PARSE_OPERANDS_MAX);
  parser->operands[parser->operand_count++] = operand;
  return JG_STATUS_OK;
}

static bool has_end(const struct jg_parse_entry *entry) {
  return entry->type != JG_PARSE_BINARY && entry->type != JG_PARSE_UNARY;
}

struct jg_status jg_parse_push_entry(struct jg_parser *parser, const struct jg_parse_entry *entry) {
  if (has_end(entry)) {
    if (parser->nesting == JG_FILTER_DEPTH_MAX) {
      return jg_parse_limit(parser, entry->place, too_deep);
    }
    parser->nesting++;
  }
  if (parser->entry_count == JG_PARSE_ENTRIES_MAX) {
    return jg_parse_limit(parser, entry->place, too_many_nodes);
  }
  parser->entries[parser->entry_count++] = *entry;
  return JG_STATUS_OK;
}

struct jg_filter *jg_parse_node(struct jg_parser *parser, struct jg_parse_place place, enum jg_filter_kind kind,
                                enum jg_filter_type type, struct jg_status *ret_status) {
  if (parser->nodes == JG_FILTER_NODES_MAX) {
    *ret_status = jg_parse_limit(parser, place, too_many_nodes);
    return NULL;
  }
  struct jg_filter *node = jg_arena_alloc_zero(parser->arena, sizeof(*node));
  if (node == NULL) {
    *ret_status = jg_parse_limit(parser, place, "the expression needs too much memory");
    return NULL;
  }
  parser->nodes++;
  node->kind = kind;
  node->type = type;
  node->string = JG_STR("");
  return node;
}

struct jg_status jg_parse_reduce(struct jg_parser *parser) {
  JG_ASSERT(parser->entry_count > 0);
  struct jg_parse_entry entry = parser->entries[--parser->entry_count];
  JG_ASSERT(!has_end(&entry));
  if (entry.type == JG_PARSE_UNARY) {
    JG_ASSERT(parser->operand_count >= 1);
    struct jg_parse_operand operand = parser->operands[--parser->operand_count];
    return jg_parse_make_unary(parser, &entry, &operand);
  }
  JG_ASSERT(parser->operand_count >= 2);
  struct jg_parse_operand right = parser->operands[--parser->operand_count];
  struct jg_parse_operand left = parser->operands[--parser->operand_count];
  return jg_parse_make_binary(parser, &entry, &left, &right);
}

struct jg_status jg_parse_reduce_to(struct jg_parser *parser, int precedence) {
  while (parser->entry_count > 0) {
    const struct jg_parse_entry *top = &parser->entries[parser->entry_count - 1];
    if (has_end(top) || jg_parse_operator_of(top->kind)->precedence < precedence) {
      break;
    }
    JG_RETURN_IF_ERROR(jg_parse_reduce(parser));
  }
  return JG_STATUS_OK;
}

struct jg_parse_entry *jg_parse_open_entry(struct jg_parser *parser) {
  if (parser->entry_count == 0) {
    return NULL;
  }
  struct jg_parse_entry *top = &parser->entries[parser->entry_count - 1];
  JG_ASSERT(has_end(top));
  return top;
}
