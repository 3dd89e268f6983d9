/* A filter as an SQL condition: what is native, and jg_test for the rest. */
#include "proto/schema/members.h"
#include "storage/sqlite/filter_sql_internal.h"

/* Nested parentheses; each takes a few places of the hundred on the stack of SQLite's parser. */
#define PARENTHESES_MAX 8

/* ---- values and programs ---- */

int jg_sqlite_bind_value(struct jg_sqlite_builder *builder, const struct jg_job_key *value) {
  JG_ASSERT(builder->bind_count < builder->bind_max);
  builder->binds[builder->bind_count] = (struct jg_sqlite_bind){.value = *value};
  return JG_SQLITE_BIND_FROM + (int)builder->bind_count++;
}

int jg_sqlite_bind_literal(struct jg_sqlite_builder *builder, const struct jg_filter *literal) {
  const struct jg_job_key value = {.type = literal->type,
                                   .integer = literal->integer,
                                   .decimal = literal->decimal,
                                   .string = literal->string,
                                   .uuid = literal->uuid};
  return jg_sqlite_bind_value(builder, &value);
}

static void put_ref(const struct jg_sqlite_builder *builder, const struct jg_sqlite_ref *ref, struct jg_buf *out) {
  uint8_t parent = builder->joins.items[ref->join].parent;
  switch (ref->source) {
    case JG_SQLITE_COLUMN:
      jg_buf_printf(out, "j.%.*s", JG_STR_ARG(ref->member->proto_name));
      break;
    case JG_SQLITE_KEY:
      jg_buf_printf(out, "e%d.key", ref->join);
      break;
    case JG_SQLITE_OWN_KEY:
      if (parent == 0) {
        jg_buf_printf(out, "ifnull(e%d.key,'')", ref->join);
      } else {
        jg_buf_printf(out, "iif(e%d.rid IS NULL,NULL,ifnull(e%d.key,''))", parent, ref->join);
      }
      break;
    case JG_SQLITE_PAYLOAD:
      if (ref->join == 0) {
        jg_buf_printf(out, "j.payload");
      } else {
        jg_buf_printf(out, "e%d.payload", ref->join);
      }
      break;
  }
}

struct jg_status jg_sqlite_put_program(struct jg_sqlite_builder *builder, const char *function,
                                       const struct jg_filter *node, struct jg_buf *out) {
  struct jg_sqlite_program *program = NULL;
  JG_RETURN_IF_ERROR(jg_sqlite_program_make(node, &builder->joins, builder->arena, builder->scratch, &program));
  JG_ASSERT(builder->bind_count < builder->bind_max);
  builder->binds[builder->bind_count] = (struct jg_sqlite_bind){.program = program};
  jg_buf_printf(out, "%s(?%d", function, JG_SQLITE_BIND_FROM + (int)builder->bind_count++);
  const struct jg_sqlite_ref *refs = NULL;
  size_t count = jg_sqlite_program_refs(program, &refs);
  for (size_t i = 0; i < count; i++) {
    jg_buf_append_char(out, ',');
    put_ref(builder, &refs[i], out);
  }
  jg_buf_append_char(out, ')');
  return JG_STATUS_OK;
}

/* ---- native terms ---- */

const struct jg_member *jg_sqlite_node_column(const struct jg_filter *node) {
  if (node->kind != JG_FILTER_MEMBER || node->path.variable || node->path.count != 1) {
    return NULL;
  }
  const struct jg_member *member = node->path.steps[0];
  return (member->flags & JG_MEMBER_COLUMN) != 0 ? member : NULL;
}

/* The relation of the job whose key the node is, by x_code or as x/code; NULL if it is none. */
static const struct jg_relation *key_relation(const struct jg_filter *node) {
  if (node->kind != JG_FILTER_MEMBER || node->path.variable || node->path.count > 2) {
    return NULL;
  }
  const struct jg_entity *job = jg_entity(JG_KIND_JOB);
  const struct jg_member *first = node->path.steps[0];
  if (first->relation == JG_NO_INDEX) {
    return NULL;
  }
  const struct jg_relation *relation = &job->relations[first->relation];
  bool is_key = node->path.count == 1
                    ? (first->flags & JG_MEMBER_DERIVED_KEY) != 0
                    : node->path.steps[1]->index == jg_entity((enum jg_kind)relation->target)->key_member;
  bool has_column = (job->members[relation->id_member].flags & JG_MEMBER_COLUMN) != 0;
  return is_key && has_column ? relation : NULL;
}

enum term_type {
  TERM_NONE,
  TERM_COMPARE,    /* a column and a literal of its type */
  TERM_KEY,        /* a key equals a text that is not empty */
  TERM_STARTSWITH, /* a column and a text that is not empty */
  TERM_IN,         /* a column is one of a list */
  TERM_KEY_IN,     /* a key is one of a list of texts that are not empty */
};

struct term {
  enum term_type type;
  enum jg_filter_kind kind; /* of COMPARE, as if the column stood first */
  const struct jg_filter *member;
  const struct jg_filter *literal; /* of IN and KEY_IN: the least of `list` */
  const struct jg_filter *list;    /* of IN and KEY_IN: the node */
};

static enum jg_filter_kind mirrored(enum jg_filter_kind kind) {
  switch (kind) {
    case JG_FILTER_GT:
      return JG_FILTER_LT;
    case JG_FILTER_GE:
      return JG_FILTER_LE;
    case JG_FILTER_LT:
      return JG_FILTER_GT;
    case JG_FILTER_LE:
      return JG_FILTER_GE;
    default:
      return kind;
  }
}

/* Types whose values SQL compares as F1 and F5 say: a decimal beside an integer is not among them. */
static bool is_comparable(enum jg_filter_type a, enum jg_filter_type b) {
  bool dates = (a == JG_VALUE_DATETIME || a == JG_VALUE_DATE) && (b == JG_VALUE_DATETIME || b == JG_VALUE_DATE);
  return a != JG_VALUE_NULL && (a == b || dates);
}

/* A list is a term as the comparison by eq of its member is one. */
static struct term list_term(const struct jg_filter *node) {
  struct term term = {.type = TERM_NONE, .kind = JG_FILTER_EQ, .list = node};
  term.member = node->args[0];
  term.literal = node->items[0];
  if (jg_sqlite_node_column(term.member) != NULL) {
    term.type = TERM_IN;
  } else if (term.literal->type == JG_VALUE_STRING && term.literal->string.len != 0 &&
             key_relation(term.member) != NULL) {
    term.type = TERM_KEY_IN;  // Items ascend: the empty text, which entities without a key have, would stand first.
  }
  return term;
}

static struct term term_of(const struct jg_filter *node) {
  struct term term = {.type = TERM_NONE, .kind = node->kind};
  if (node->kind == JG_FILTER_IN) {
    return list_term(node);
  }
  bool is_comparison = node->kind >= JG_FILTER_EQ && node->kind <= JG_FILTER_LE;
  if (!is_comparison && node->kind != JG_FILTER_STARTSWITH) {
    return term;
  }
  term.member = node->args[0];
  term.literal = node->args[1];
  if (is_comparison && term.member->kind == JG_FILTER_LITERAL) {
    term.member = node->args[1];
    term.literal = node->args[0];
    term.kind = mirrored(node->kind);
  }
  if (term.literal->kind != JG_FILTER_LITERAL) {
    return term;
  }
  bool is_text = term.literal->type == JG_VALUE_STRING && term.literal->string.len != 0;
  if (jg_sqlite_node_column(term.member) != NULL) {
    if (is_comparison && is_comparable(term.member->type, term.literal->type)) {
      term.type = TERM_COMPARE;
    } else if (node->kind == JG_FILTER_STARTSWITH && is_text) {
      term.type = TERM_STARTSWITH;
    }
  } else if (node->kind == JG_FILTER_EQ && is_text && key_relation(term.member) != NULL) {
    term.type = TERM_KEY;
  }
  return term;
}

/* The condition of a partial index on that column, which a statement has to name before the index serves it. */
static const char *partial_index(const struct jg_member *column) {
  switch (column->index) {
    case JG_JOB_REFERENCE_BACK_OFFICE:
      return " AND j.reference_back_office<>''";
    case JG_JOB_PARENT_ID:
      return " AND j.parent_id<>x'00000000000000000000000000000000'";
    default:
      return "";
  }
}

static const char *operator_text(enum jg_filter_kind kind) {
  static const char *const texts[] = {"=", "<>", ">", ">=", "<", "<="};
  return texts[kind - JG_FILTER_EQ];
}

static bool is_filled(const struct jg_filter *literal) {
  return literal->string.len != 0 || (literal->type == JG_VALUE_GUID && !jg_uuid_is_zero(literal->uuid));
}

static void put_items(struct jg_sqlite_builder *builder, const struct jg_filter *list) {
  for (size_t i = 0; i < list->item_count; i++) {
    jg_buf_printf(&builder->where, "%s?%d", i == 0 ? " IN (" : ",", jg_sqlite_bind_literal(builder, list->items[i]));
  }
  jg_buf_append_char(&builder->where, ')');
}

static void put_in(struct jg_sqlite_builder *builder, const struct term *term) {
  const struct jg_member *column = jg_sqlite_node_column(term->member);
  jg_buf_printf(&builder->where, "(j.%.*s", JG_STR_ARG(column->proto_name));
  put_items(builder, term->list);
  jg_buf_printf(&builder->where, "%s)", is_filled(term->literal) ? partial_index(column) : "");
}

static void put_compare(struct jg_sqlite_builder *builder, const struct term *term) {
  struct jg_buf *out = &builder->where;
  const struct jg_member *column = jg_sqlite_node_column(term->member);
  enum jg_filter_kind kind = term->kind;
  bool passed =
      column == builder->keyset_column && (builder->keyset_descending ? kind == JG_FILTER_LT || kind == JG_FILTER_LE
                                                                      : kind == JG_FILTER_GT || kind == JG_FILTER_GE);
  passed = passed || (builder->dates == JG_SQLITE_DATES_MANY && column->index == JG_JOB_MODIFIED_DATEUTC);
  jg_buf_printf(out, "(%sj.%.*s%s?%d%s)", passed ? "+" : "", JG_STR_ARG(column->proto_name), operator_text(kind),
                jg_sqlite_bind_literal(builder, term->literal),
                kind == JG_FILTER_EQ && is_filled(term->literal) ? partial_index(column) : "");
}

static void put_key(struct jg_sqlite_builder *builder, const struct term *term) {
  const struct jg_relation *relation = key_relation(term->member);
  const struct jg_member *id = &jg_entity(JG_KIND_JOB)->members[relation->id_member];
  jg_buf_printf(&builder->where,
                "j.%.*s=(SELECT id FROM entities WHERE tenant=?%d AND kind=%d AND key=?%d AND key<>'')",
                JG_STR_ARG(id->proto_name), JG_SQLITE_BIND_TENANT, relation->target,
                jg_sqlite_bind_literal(builder, term->literal));
}

static void put_key_in(struct jg_sqlite_builder *builder, const struct term *term) {
  const struct jg_relation *relation = key_relation(term->member);
  const struct jg_member *id = &jg_entity(JG_KIND_JOB)->members[relation->id_member];
  jg_buf_printf(&builder->where, "j.%.*s IN (SELECT id FROM entities WHERE tenant=?%d AND kind=%d AND key",
                JG_STR_ARG(id->proto_name), JG_SQLITE_BIND_TENANT, relation->target);
  put_items(builder, term->list);
  jg_buf_append_str(&builder->where, JG_STR(" AND key<>'')"));
}

/* Texts that begin so are those from the prefix on, before the prefix whose last byte is one more: UTF-8 has no byte 0xff. */
static struct jg_status put_startswith(struct jg_sqlite_builder *builder, const struct term *term) {
  const struct jg_member *column = jg_sqlite_node_column(term->member);
  struct jg_str prefix = term->literal->string;
  char *end = jg_arena_alloc(builder->arena, prefix.len);
  if (end == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "a filter is larger than the call's memory");
  }
  memcpy(end, prefix.data, prefix.len);
  end[prefix.len - 1] = (char)((unsigned char)end[prefix.len - 1] + 1);
  const struct jg_job_key behind = {.type = JG_VALUE_STRING, .string = jg_str_make(end, prefix.len)};
  int from = jg_sqlite_bind_literal(builder, term->literal);
  jg_buf_printf(&builder->where, "(j.%.*s>=?%d AND j.%.*s<?%d%s)", JG_STR_ARG(column->proto_name), from,
                JG_STR_ARG(column->proto_name), jg_sqlite_bind_value(builder, &behind), partial_index(column));
  return JG_STATUS_OK;
}

/* ---- the whole ---- */

static bool is_junction(const struct jg_filter *node) {
  return node->kind == JG_FILTER_AND || node->kind == JG_FILTER_OR;
}

struct frame {
  const struct jg_filter *node; /* a junction */
  uint8_t next;
  bool parentheses;
};

/* Whether something below, through and and or, is native. stack: room for JG_FILTER_NODES_MAX. */
static bool has_native(const struct jg_filter *node, const struct jg_filter **stack) {
  size_t count = 0;
  stack[count++] = node;
  for (size_t seen = 0; count > 0 && seen < JG_FILTER_NODES_MAX; seen++) {
    node = stack[--count];
    if (is_junction(node) && count + 2 <= JG_FILTER_NODES_MAX) {
      stack[count++] = node->args[1];
      stack[count++] = node->args[0];
    } else if (term_of(node).type != TERM_NONE) {
      return true;
    }
  }
  return false;
}

static struct jg_status put_term(struct jg_sqlite_builder *builder, const struct jg_filter *node) {
  struct term term = term_of(node);
  switch (term.type) {
    case TERM_COMPARE:
      put_compare(builder, &term);
      break;
    case TERM_KEY:
      put_key(builder, &term);
      break;
    case TERM_STARTSWITH:
      return put_startswith(builder, &term);
    case TERM_IN:
      put_in(builder, &term);
      break;
    case TERM_KEY_IN:
      put_key_in(builder, &term);
      break;
    case TERM_NONE:
      return jg_sqlite_put_program(builder, "jg_test", node, &builder->where);
  }
  return JG_STATUS_OK;
}

struct jg_status jg_sqlite_put_filter(struct jg_sqlite_builder *builder, const struct jg_filter *filter) {
  struct jg_buf *out = &builder->where;
  struct frame frames[JG_FILTER_DEPTH_MAX];
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t depth = 0, parentheses = 0;
  const struct jg_filter *node = filter;
  for (size_t nodes = 1; nodes <= JG_FILTER_NODES_MAX; nodes++) {
    // A junction in one of its own kind needs no parentheses.
    bool differs = depth > 0 && is_junction(node) && node->kind != frames[depth - 1].node->kind;
    if (is_junction(node) && depth < JG_FILTER_DEPTH_MAX && parentheses + (differs ? 1 : 0) <= PARENTHESES_MAX &&
        has_native(node, stack)) {
      if (differs) {
        jg_buf_append_char(out, '(');
        parentheses++;
      }
      frames[depth++] = (struct frame){.node = node, .parentheses = differs};
    } else {
      JG_RETURN_IF_ERROR(put_term(builder, node));
    }
    while (depth > 0 && frames[depth - 1].next == 2) {
      if (frames[--depth].parentheses) {
        jg_buf_append_char(out, ')');
        parentheses--;
      }
    }
    if (depth == 0) {
      return JG_STATUS_OK;
    }
    struct frame *frame = &frames[depth - 1];
    if (frame->next > 0) {
      jg_buf_printf(out, " %s ", frame->node->kind == JG_FILTER_AND ? "AND" : "OR");
    }
    node = frame->node->args[frame->next++];
  }
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "a filter has too many nodes");
}

static bool is_date_bound(const struct term *term) {
  return term->type == TERM_COMPARE && term->kind != JG_FILTER_EQ && term->kind != JG_FILTER_NE &&
         jg_sqlite_node_column(term->member)->index == JG_JOB_MODIFIED_DATEUTC;
}

/* Another way into an index: it may be none, but then the record is no worse off than without looking. */
static bool is_entrance(const struct term *term) {
  bool compared = term->type == TERM_COMPARE &&
                  (term->kind == JG_FILTER_EQ || jg_sqlite_node_column(term->member)->index == JG_JOB_ID);
  return compared || (term->type != TERM_COMPARE && term->type != TERM_NONE);
}

bool jg_sqlite_put_dates(struct jg_sqlite_builder *builder, const struct jg_filter *filter, bool *ret_alone) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t count = 0, bounds = 0, parts = 0;
  stack[count++] = filter;
  for (size_t seen = 0; count > 0 && seen < JG_FILTER_NODES_MAX; seen++) {
    const struct jg_filter *node = stack[--count];
    if (node->kind == JG_FILTER_AND && count + 2 <= JG_FILTER_NODES_MAX) {
      stack[count++] = node->args[1];
      stack[count++] = node->args[0];
      continue;
    }
    struct term term = term_of(node);
    if (is_entrance(&term)) {
      return false;
    }
    if (is_date_bound(&term)) {
      jg_buf_printf(&builder->where, " AND ");
      put_compare(builder, &term);
      bounds++;
    }
    parts++;
  }
  *ret_alone = bounds == parts;
  return bounds > 0;
}

/* An index has few rows of one value. */
static bool is_selective(const struct jg_filter *node) {
  struct term term = term_of(node);
  if (term.type == TERM_KEY || term.type == TERM_KEY_IN) {
    return key_relation(term.member)->id_member == JG_JOB_PROJECT_ID;
  }
  if ((term.type != TERM_COMPARE && term.type != TERM_IN) || term.kind != JG_FILTER_EQ) {
    return false;
  }
  switch (jg_sqlite_node_column(term.member)->index) {
    case JG_JOB_ID:
      return true;
    case JG_JOB_PROJECT_ID:
    case JG_JOB_PARENT_ID:
      return !jg_uuid_is_zero(term.literal->uuid);
    case JG_JOB_REFERENCE_BACK_OFFICE:
      return term.literal->string.len > 0;
    default:
      return false;
  }
}

/* All that an or joins. */
static bool are_selective(const struct jg_filter *node) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t count = 0;
  stack[count++] = node;
  for (size_t seen = 0; count > 0 && seen < JG_FILTER_NODES_MAX; seen++) {
    node = stack[--count];
    if (node->kind == JG_FILTER_OR && count + 2 <= JG_FILTER_NODES_MAX) {
      stack[count++] = node->args[1];
      stack[count++] = node->args[0];
    } else if (!is_selective(node)) {
      return false;
    }
  }
  return count == 0;
}

/* One of what an and joins. */
bool jg_sqlite_filter_is_selective(const struct jg_filter *filter) {
  const struct jg_filter *stack[JG_FILTER_NODES_MAX];
  size_t count = 0;
  stack[count++] = filter;
  for (size_t seen = 0; count > 0 && seen < JG_FILTER_NODES_MAX; seen++) {
    const struct jg_filter *node = stack[--count];
    if (node->kind == JG_FILTER_AND && count + 2 <= JG_FILTER_NODES_MAX) {
      stack[count++] = node->args[1];
      stack[count++] = node->args[0];
    } else if (are_selective(node)) {
      return true;
    }
  }
  return false;
}
