#include <stdio.h>
#include <stdlib.h>

#include <xxhash.h>

#include "base/compiler.h"
#include "proto/codec/date.h"
#include "services/filter/parse_internal.h"

/* All variables: only the innermost any or all's can be named, so one name does. */
#define VARIABLE "x"

/* A node whose operands are being written. */
struct frame {
  const struct jg_filter *node;
  size_t next; /* operand */
  bool parenthesised;
};

struct printer {
  struct jg_buf *out;
  size_t depth;
  struct frame frames[JG_FILTER_DEPTH_MAX];
};

static void put(struct jg_buf *out, const char *text) {
  jg_buf_append_str(out, jg_str_from_cstr(text));
}

static void put_string(struct jg_buf *out, struct jg_str text) {
  jg_buf_append_char(out, '\'');
  for (size_t from = 0; from < text.len;) {
    size_t quote = jg_str_find(text, '\'', from);
    size_t to = quote != SIZE_MAX ? quote + 1 : text.len;
    jg_buf_append(out, text.data + from, to - from);
    if (quote != SIZE_MAX) {
      jg_buf_append_char(out, '\'');
    }
    from = to;
  }
  jg_buf_append_char(out, '\'');
}

/* The shortest that reads back as the same double, and as a decimal, not an integer. */
static void put_decimal(struct jg_buf *out, double value) {
  char text[40];
  for (int digits = 15; digits <= 17; digits++) {
    (void)snprintf(text, sizeof(text), "%.*g", digits, value);
    if (strtod(text, NULL) == value) {
      break;
    }
  }
  put(out, text);
  if (strpbrk(text, ".e") == NULL) {
    put(out, ".0");
  }
}

static void put_ticks(struct jg_buf *out, int64_t ticks, enum jg_filter_type type) {
  char text[JG_DATE_TEXT_MAX];
  struct jg_str all = jg_str_make(text, jg_date_format(ticks, JG_DATE_OFFSET, text));
  size_t time = jg_str_find(all, 'T', 0);
  struct jg_str local = jg_str_sub(all, 0, all.len - (sizeof("+00:00") - 1));
  if (type == JG_VALUE_DATE) {
    jg_buf_append_str(out, jg_str_sub(local, 0, time));
  } else if (type == JG_VALUE_TIMEOFDAY) {
    jg_buf_append_str(out, jg_str_sub(local, time + 1, local.len));
  } else {
    jg_buf_append_str(out, local);
    jg_buf_append_char(out, 'Z');
  }
}

static void put_literal(struct jg_buf *out, const struct jg_filter *node) {
  char guid[JG_UUID_TEXT_LEN];
  switch (node->type) {
    case JG_VALUE_BOOL:
      put(out, node->integer != 0 ? "true" : "false");
      break;
    case JG_VALUE_INTEGER:
      jg_buf_printf(out, "%lld", (long long)node->integer);
      break;
    case JG_VALUE_DECIMAL:
      put_decimal(out, node->decimal);
      break;
    case JG_VALUE_STRING:
      put_string(out, node->string);
      break;
    case JG_VALUE_GUID:
      jg_uuid_format(node->uuid, guid);
      jg_buf_append(out, guid, sizeof(guid));
      break;
    case JG_VALUE_DATETIME:
      if (node->string.len != 0) {
        jg_buf_append_str(out, node->string);
        break;
      }
      put_ticks(out, node->integer, node->type);
      break;
    case JG_VALUE_DATE:
    case JG_VALUE_TIMEOFDAY:
      put_ticks(out, node->integer, node->type);
      break;
    default:
      put(out, "null");
      break;
  }
}

static void put_path(struct jg_buf *out, const struct jg_filter_path *path) {
  if (path->variable) {
    put(out, VARIABLE "/");
  }
  for (size_t i = 0; i < path->count; i++) {
    if (i > 0) {
      jg_buf_append_char(out, '/');
    }
    jg_buf_append_str(out, path->steps[i]->name);
  }
}

static bool is_function(const struct jg_filter *node) {
  return node->kind > JG_FILTER_ALL;
}

static void put_items(struct jg_buf *out, const struct jg_filter *node) {
  for (size_t i = 0; i < node->item_count; i++) {
    put(out, i == 0 ? " in (" : ",");
    put_literal(out, node->items[i]);
  }
  jg_buf_append_char(out, ')');
}

/* What stands before operand `next`, or at the end when all are written. */
static void put_between(struct jg_buf *out, const struct frame *frame) {
  const struct jg_filter *node = frame->node;
  bool end = frame->next == node->arg_count;
  if (is_function(node)) {
    if (frame->next == 0) {
      jg_buf_append_str(out, jg_parse_function_name(node->kind));
    }
    jg_buf_append_char(out, (char)(end ? ')' : frame->next == 0 ? '(' : ','));
  } else if (node->kind == JG_FILTER_ANY || node->kind == JG_FILTER_ALL) {
    if (frame->next == 1) {
      put(out, node->kind == JG_FILTER_ANY ? "/any(" : "/all(");
      put(out, end ? "" : VARIABLE ":");
    }
    put(out, end ? ")" : "");
  } else if (node->kind == JG_FILTER_IN) {
    if (end) {
      put_items(out, node);
    }
  } else if (node->kind == JG_FILTER_NOT || node->kind == JG_FILTER_NEGATE) {
    put(out, end ? "" : node->kind == JG_FILTER_NOT ? "not " : "-");
  } else if (frame->next == 1) {
    put(out, " ");
    put(out, jg_parse_operator_of(node->kind)->name);
    put(out, " ");
  }
  if (end && frame->parenthesised) {
    jg_buf_append_char(out, ')');
  }
}

/* Operators group from the left: the same precedence on the right needs parentheses. */
static bool needs_parentheses(const struct frame *parent, const struct jg_filter *child) {
  int outer = jg_parse_operator_of(parent->node->kind)->precedence;
  int inner = jg_parse_operator_of(child->kind)->precedence;
  return outer < JG_PARSE_PRECEDENCE_PRIMARY &&
         (inner < outer || (inner == outer && parent->next == 1 && parent->node->arg_count == 2));
}

static void enter(struct printer *printer, const struct jg_filter *node, bool parenthesised) {
  if (node->kind == JG_FILTER_LITERAL) {
    put_literal(printer->out, node);
    return;
  }
  if (node->kind == JG_FILTER_MEMBER) {
    put_path(printer->out, &node->path);
    return;
  }
  JG_ASSERT(printer->depth < JG_FILTER_DEPTH_MAX);
  printer->frames[printer->depth++] = (struct frame){.node = node, .parenthesised = parenthesised};
  if (parenthesised) {
    jg_buf_append_char(printer->out, '(');
  }
}

void jg_filter_canonical(const struct jg_filter *filter, struct jg_buf *out) {
  struct printer printer = {.out = out};
  enter(&printer, filter, false);
  while (printer.depth > 0) {
    struct frame *frame = &printer.frames[printer.depth - 1];
    put_between(out, frame);
    if (frame->next == frame->node->arg_count) {
      printer.depth--;
      continue;
    }
    const struct jg_filter *child = frame->node->args[frame->next];
    bool parenthesised = needs_parentheses(frame, child);
    frame->next++;
    enter(&printer, child, parenthesised);
  }
}

void jg_filter_canonical_order(const struct jg_filter_order *orders, size_t count, struct jg_buf *out) {
  for (size_t i = 0; i < count; i++) {
    if (i > 0) {
      jg_buf_append_char(out, ',');
    }
    jg_filter_canonical(orders[i].key, out);
    put(out, orders[i].descending ? " desc" : "");
  }
}

static uint64_t hash_text(struct jg_buf *text) {
  JG_ASSERT(!text->failed);
  uint64_t hash = XXH3_64bits(text->data, text->len);
  jg_buf_done(text);
  return hash != 0 ? hash : 1;
}

uint64_t jg_filter_hash(const struct jg_filter *filter) {
  if (filter == NULL) {
    return 0;
  }
  struct jg_buf text;
  jg_buf_init(&text, JG_FILTER_CANONICAL_BYTES_MAX);
  jg_filter_canonical(filter, &text);
  return hash_text(&text);
}

uint64_t jg_filter_hash_order(const struct jg_filter_order *orders, size_t count) {
  if (count == 0) {
    return 0;
  }
  struct jg_buf text;
  jg_buf_init(&text, JG_FILTER_CANONICAL_BYTES_MAX);
  jg_filter_canonical_order(orders, count, &text);
  return hash_text(&text);
}
