// Lists behind "in" (OData 4.01 part 2, 5.1.1.17): their literals leave the operands, since a list holds more of them than an
// expression has nodes.

#include <stdlib.h>

#include "services/filter/parse_internal.h"
#include "services/filter/value.h"

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

static const char too_many_items[] = "lists hold more than " NUMBER_TEXT(JG_FILTER_ITEMS_MAX) " literals";

/* A literal that is compared by value: now() keeps its name, so that whoever looks for it finds it among the operands. */
static bool is_plain(struct jg_filter *node, enum jg_filter_type type) {
  bool literal = node->kind == JG_FILTER_LITERAL && (node->type == type || jg_parse_coerce(node, type));
  return literal && type != JG_VALUE_NULL && !(type == JG_VALUE_DATETIME && node->string.len != 0);
}

struct jg_status jg_parse_take_item(struct jg_parser *parser, const struct jg_parse_entry *list) {
  JG_ASSERT(parser->operand_count > list->operand_base + 1);
  const struct jg_parse_operand *wanted = &parser->operands[list->operand_base];
  struct jg_parse_operand item = parser->operands[parser->operand_count - 1];
  if (wanted->entity != NULL || !is_plain(item.node, wanted->node->type)) {
    return JG_STATUS_OK;
  }
  if (parser->listed == JG_FILTER_ITEMS_MAX) {
    return jg_parse_limit(parser, item.place, too_many_items);
  }
  JG_RETURN_IF_ERROR(jg_parse_fold(parser, &item));
  parser->operand_count--;
  parser->nodes--;
  parser->listed++;
  parser->items[parser->item_count++] = item.node;
  return JG_STATUS_OK;
}

static int compare_items(const void *a, const void *b) {
  const struct jg_filter_value left = jg_filter_literal_value(*(const struct jg_filter *const *)a);
  const struct jg_filter_value right = jg_filter_literal_value(*(const struct jg_filter *const *)b);
  return jg_filter_compare_values(&left, &right);
}

/* In ascending order, each once. */
static size_t sort_items(const struct jg_filter **items, size_t count) {
  qsort((void *)items, count, sizeof(struct jg_filter *), compare_items);
  size_t kept = 1;
  for (size_t i = 1; i < count; i++) {
    if (compare_items(&items[kept - 1], &items[i]) != 0) {
      items[kept++] = items[i];
    }
  }
  return kept;
}

static struct jg_status out_of_memory(struct jg_parser *parser, struct jg_parse_place place) {
  return jg_parse_limit(parser, place, "the expression needs too much memory");
}

/* The literals as one operand: a comparison of one, or a list. */
static struct jg_status push_items(struct jg_parser *parser, const struct jg_parse_entry *entry,
                                   struct jg_parse_operand wanted) {
  const struct jg_filter **items = parser->items + entry->item_base;
  size_t count = sort_items(items, parser->item_count - entry->item_base);
  struct jg_status status = JG_STATUS_OK;
  parser->item_count = entry->item_base;
  if (count == 1) {
    struct jg_filter *literal = jg_parse_node(parser, entry->place, JG_FILTER_LITERAL, items[0]->type, &status);
    if (literal == NULL) {
      return status;
    }
    *literal = *items[0];
    struct jg_parse_operand item = {.node = literal, .depth = 1, .place = entry->place};
    return jg_parse_make_binary(parser, entry, &wanted, &item);
  }
  JG_RETURN_IF_ERROR(jg_parse_fold(parser, &wanted));
  struct jg_filter *node = jg_parse_node(parser, entry->place, JG_FILTER_IN, JG_VALUE_BOOL, &status);
  if (node == NULL) {
    return status;
  }
  const struct jg_filter **kept = jg_arena_alloc(parser->arena, count * sizeof(struct jg_filter *));
  if (kept == NULL) {
    return out_of_memory(parser, entry->place);
  }
  memcpy((void *)kept, (const void *)items, count * sizeof(struct jg_filter *));
  node->args[0] = wanted.node;
  node->arg_count = 1;
  node->items = kept;
  node->item_count = count;
  return jg_parse_push_operand(
      parser, (struct jg_parse_operand){.node = node, .depth = wanted.depth + 1, .place = entry->place});
}

/* A tree has each node once: the member, and a tolower around it, is copied. */
static struct jg_status copy_member(struct jg_parser *parser, struct jg_parse_operand *operand) {
  const struct jg_filter *from = operand->node;
  struct jg_status status = JG_STATUS_OK;
  struct jg_filter *node = jg_parse_node(parser, operand->place, from->kind, from->type, &status);
  if (node == NULL) {
    return status;
  }
  *node = *from;
  operand->node = node;
  if (from->kind == JG_FILTER_TOLOWER) {
    const struct jg_filter *member = from->args[0];
    struct jg_filter *inner = jg_parse_node(parser, operand->place, member->kind, member->type, &status);
    if (inner == NULL) {
      return status;
    }
    *inner = *member;
    node->args[0] = inner;
  }
  return JG_STATUS_OK;
}

bool jg_parse_may_be_listed(const struct jg_filter *node) {
  return node->kind == JG_FILTER_MEMBER || (node->kind == JG_FILTER_TOLOWER && node->args[0]->kind == JG_FILTER_MEMBER);
}

struct jg_status jg_parse_make_list(struct jg_parser *parser, const struct jg_parse_entry *entry) {
  const struct jg_parse_entry either = {.kind = JG_FILTER_OR, .place = entry->place};
  size_t base = entry->operand_base;
  size_t end = parser->operand_count;
  const struct jg_parse_operand wanted = parser->operands[base];
  JG_ASSERT(jg_parse_may_be_listed(wanted.node));
  bool made = parser->item_count > entry->item_base;
  JG_ASSERT(made || end > base + 1);
  struct jg_parse_operand member = wanted;
  if (made) {
    // The comparisons behind it need the member as it was given.
    JG_RETURN_IF_ERROR(end > base + 1 ? copy_member(parser, &member) : JG_STATUS_OK);
    parser->operand_count = base;
    JG_RETURN_IF_ERROR(push_items(parser, entry, wanted));
  }
  // What is no literal is compared by itself; what is made takes the places of operands that were used.
  for (size_t i = base + 1; i < end; i++) {
    struct jg_parse_operand item = parser->operands[i];
    struct jg_parse_operand left = member;
    parser->operand_count = made ? base + 1 : base;
    JG_RETURN_IF_ERROR(i + 1 < end ? copy_member(parser, &member) : JG_STATUS_OK);
    JG_RETURN_IF_ERROR(jg_parse_make_binary(parser, entry, &left, &item));
    if (made) {
      struct jg_parse_operand second = parser->operands[--parser->operand_count];
      struct jg_parse_operand first = parser->operands[--parser->operand_count];
      JG_RETURN_IF_ERROR(jg_parse_make_binary(parser, &either, &first, &second));
    }
    made = true;
  }
  return JG_STATUS_OK;
}
