/* Random trees. */
#include "proto/schema/members.h"
#include "storage/sqlite/filter_fixture.h"
#include "storage/sqlite/filter_reference.h"

#define LIST_ITEMS_MAX 12

/* A tree in the making. */
struct making {
  struct jg_filter_fixture *fixture;
  struct jg_arena *arena;
  bool in_lambda;
};

static struct jg_filter *make(struct making *making, enum jg_filter_type type, unsigned depth);

static uint64_t chance(struct making *making, uint64_t below) {
  return jg_filter_fixture_random(making->fixture, below);
}

static bool is_of(const struct jg_member *member, enum jg_filter_type type) {
  switch (type) {
    case JG_VALUE_BOOL:
      return member->type == JG_TYPE_BOOL;
    case JG_VALUE_INTEGER:
      return member->type == JG_TYPE_INTEGER;
    case JG_VALUE_DECIMAL:
      return member->type == JG_TYPE_DECIMAL;
    case JG_VALUE_STRING:
      return member->type == JG_TYPE_STRING;
    case JG_VALUE_GUID:
      return member->type == JG_TYPE_GUID;
    case JG_VALUE_DATETIME:
      return member->type == JG_TYPE_DATE;
    case JG_VALUE_COLLECTION:
      return member->type == JG_TYPE_ENTITY_LIST;
    default:
      return false;
  }
}

/* A random member of that type: of the job, behind some relations, or of the job's parent. NULL: the walk found none. */
static struct jg_filter *random_member(struct making *making, enum jg_filter_type type) {
  struct jg_filter *node = jg_filter_node(making->arena, JG_FILTER_MEMBER, type, NULL, NULL, NULL);
  const struct jg_entity *entity = jg_entity(JG_KIND_JOB);
  if (making->in_lambda && type == JG_VALUE_STRING && chance(making, 4) != 0) {
    entity = jg_entity(JG_KIND_TRANSLATION);
    node->path.variable = true;
  }
  if (!node->path.variable && type != JG_VALUE_COLLECTION && chance(making, 6) == 0) {
    node->path.steps[node->path.count++] = &entity->members[JG_JOB_PARENT_JOB];
    entity = jg_entity(JG_KIND_PARENT_JOB);
  }
  uint64_t relations = type == JG_VALUE_COLLECTION ? 2 : chance(making, 4);
  while (!node->path.variable && relations-- > 0 && entity->relation_count > 0) {
    const struct jg_relation *relation = type == JG_VALUE_COLLECTION
                                             ? &entity->relations[node->path.count == 0 ? JG_JOB_REL_PROJECT : 1]
                                             : &entity->relations[chance(making, entity->relation_count)];
    if (relation->node_member == JG_NO_INDEX) {
      break;
    }
    node->path.steps[node->path.count++] = &entity->members[relation->node_member];
    entity = jg_entity((enum jg_kind)relation->target);
  }
  size_t from = chance(making, entity->member_count);
  for (size_t i = 0; i < entity->member_count; i++) {
    const struct jg_member *member = &entity->members[(from + i) % entity->member_count];
    if (is_of(member, type)) {
      node->path.steps[node->path.count++] = member;
      return node;
    }
  }
  return NULL;
}

static struct jg_filter *leaf(struct making *making, enum jg_filter_type type) {
  struct jg_filter *member = chance(making, 5) < 3 ? random_member(making, type) : NULL;
  if (member != NULL) {
    return member;
  }
  return jg_filter_fixture_literal(making->fixture, making->arena, chance(making, 12) == 0 ? JG_VALUE_NULL : type);
}

// NOLINTBEGIN(misc-no-recursion): the caller says how deep
static struct jg_filter *call(struct making *making, enum jg_filter_kind kind, enum jg_filter_type type,
                              enum jg_filter_type a, enum jg_filter_type b, unsigned depth) {
  struct jg_filter *first = make(making, a, depth - 1);
  struct jg_filter *second = b != JG_VALUE_NULL ? make(making, b, depth - 1) : NULL;
  return jg_filter_node(making->arena, kind, type, first, second, NULL);
}

/* Where a condition stands, a null literal is false. */
static struct jg_filter *condition(struct making *making, unsigned depth) {
  struct jg_filter *node = make(making, JG_VALUE_BOOL, depth);
  bool is_null = node->kind == JG_FILTER_LITERAL && node->type == JG_VALUE_NULL;
  return is_null ? jg_filter_integer(making->arena, JG_VALUE_BOOL, 0) : node;
}

static struct jg_filter *make_lambda(struct making *making, unsigned depth) {
  struct jg_filter *list = random_member(making, JG_VALUE_COLLECTION);
  JG_ASSERT(list != NULL);
  bool outer = making->in_lambda;
  making->in_lambda = true;
  struct jg_filter *body = chance(making, 4) == 0 ? NULL : condition(making, depth - 1);
  making->in_lambda = outer;
  enum jg_filter_kind kind = body == NULL || chance(making, 2) == 0 ? JG_FILTER_ANY : JG_FILTER_ALL;
  return jg_filter_node(making->arena, kind, JG_VALUE_BOOL, list, body, NULL);
}

static struct jg_filter *make_comparison(struct making *making, unsigned depth) {
  static const enum jg_filter_type types[] = {JG_VALUE_INTEGER, JG_VALUE_DECIMAL,   JG_VALUE_STRING,
                                              JG_VALUE_STRING,  JG_VALUE_GUID,      JG_VALUE_DATETIME,
                                              JG_VALUE_DATE,    JG_VALUE_TIMEOFDAY, JG_VALUE_BOOL};
  enum jg_filter_kind kind = JG_FILTER_EQ + (enum jg_filter_kind)chance(making, 6);
  enum jg_filter_type a = types[chance(making, JG_COUNT(types))], b = a;
  if (a == JG_VALUE_BOOL && kind != JG_FILTER_EQ) {
    kind = JG_FILTER_NE;
  }
  if ((a == JG_VALUE_INTEGER || a == JG_VALUE_DECIMAL) && chance(making, 3) == 0) {
    b = a == JG_VALUE_INTEGER ? JG_VALUE_DECIMAL : JG_VALUE_INTEGER;
  } else if (a == JG_VALUE_DATETIME && chance(making, 4) == 0) {
    b = JG_VALUE_DATE;
  }
  return call(making, kind, JG_VALUE_BOOL, a, b, depth);
}

static struct jg_job_key key_of(const struct jg_filter *literal) {
  return (struct jg_job_key){literal->type, literal->integer, literal->decimal, literal->string, literal->uuid};
}

/* Some literals of the member's type, as the parser keeps them: ascending, each once. NULL: fewer than two came. */
static struct jg_filter *make_list(struct making *making) {
  static const enum jg_filter_type types[] = {JG_VALUE_INTEGER, JG_VALUE_DECIMAL, JG_VALUE_STRING,
                                              JG_VALUE_STRING,  JG_VALUE_GUID,    JG_VALUE_DATETIME};
  enum jg_filter_type type = types[chance(making, JG_COUNT(types))];
  struct jg_filter *member = random_member(making, type);
  const struct jg_filter **items = jg_arena_alloc(making->arena, LIST_ITEMS_MAX * sizeof(struct jg_filter *));
  JG_ASSERT(items != NULL);
  size_t count = 0;
  for (uint64_t tries = 2 + chance(making, LIST_ITEMS_MAX - 1); tries > 0; tries--) {
    const struct jg_filter *item = jg_filter_fixture_literal(making->fixture, making->arena, type);
    const struct jg_job_key key = key_of(item);
    size_t at = count;
    int order = 1;
    while (at > 0 && order > 0) {
      const struct jg_job_key before = key_of(items[at - 1]);
      order = jg_filter_reference_compare(&before, &key);
      at -= order > 0;
    }
    if (at == 0 || order != 0) {
      memmove((void *)(items + at + 1), (const void *)(items + at), (count++ - at) * sizeof(struct jg_filter *));
      items[at] = item;
    }
  }
  if (member == NULL || count < 2) {
    return NULL;
  }
  if (type == JG_VALUE_STRING && chance(making, 4) == 0) {
    member = jg_filter_node(making->arena, JG_FILTER_TOLOWER, type, member, NULL, NULL);
  }
  struct jg_filter *node = jg_filter_node(making->arena, JG_FILTER_IN, JG_VALUE_BOOL, member, NULL, NULL);
  node->items = items;
  node->item_count = count;
  return node;
}

static struct jg_filter *make_bool(struct making *making, unsigned depth) {
  uint64_t which = chance(making, 16);
  struct jg_filter *list = which >= 14 ? make_list(making) : NULL;
  if (list != NULL) {
    return list;
  }
  if (which < 5) {
    enum jg_filter_kind kind = which < 2 ? JG_FILTER_AND : which < 4 ? JG_FILTER_OR : JG_FILTER_NOT;
    struct jg_filter *first = condition(making, depth - 1);
    struct jg_filter *second = kind != JG_FILTER_NOT ? condition(making, depth - 1) : NULL;
    return jg_filter_node(making->arena, kind, JG_VALUE_BOOL, first, second, NULL);
  }
  if (which == 5) {
    return make_lambda(making, depth);
  }
  if (which < 9) {
    return call(making, JG_FILTER_CONTAINS + (enum jg_filter_kind)(which - 6), JG_VALUE_BOOL, JG_VALUE_STRING,
                JG_VALUE_STRING, depth);
  }
  return make_comparison(making, depth);
}

static struct jg_filter *make_number(struct making *making, enum jg_filter_type type, unsigned depth) {
  uint64_t which = chance(making, 16);
  if (which < 5) {
    enum jg_filter_type other = JG_VALUE_INTEGER;
    if (type == JG_VALUE_DECIMAL) {
      other = chance(making, 2) == 0 ? JG_VALUE_DECIMAL : JG_VALUE_INTEGER;
    }
    return call(making, JG_FILTER_ADD + (enum jg_filter_kind)which, type, type, other, depth);
  }
  if (which == 5) {
    return call(making, JG_FILTER_NEGATE, type, type, JG_VALUE_NULL, depth);
  }
  if (type == JG_VALUE_DECIMAL) {
    if (which == 6) {
      enum jg_filter_type of = chance(making, 2) == 0 ? JG_VALUE_DATETIME : JG_VALUE_TIMEOFDAY;
      return call(making, JG_FILTER_FRACTIONALSECONDS, type, of, JG_VALUE_NULL, depth);
    }
    enum jg_filter_type of = chance(making, 3) == 0 ? JG_VALUE_INTEGER : JG_VALUE_DECIMAL;
    return call(making, JG_FILTER_ROUND + (enum jg_filter_kind)(which % 3), type, of, JG_VALUE_NULL, depth);
  }
  if (which == 6) {
    return call(making, JG_FILTER_INDEXOF, type, JG_VALUE_STRING, JG_VALUE_STRING, depth);
  }
  if (which < 9) {
    return call(making, JG_FILTER_LENGTH, type, JG_VALUE_STRING, JG_VALUE_NULL, depth);
  }
  if (which == 9) {
    return call(making, JG_FILTER_TOTALOFFSETMINUTES, type, JG_VALUE_DATETIME, JG_VALUE_NULL, depth);
  }
  enum jg_filter_kind kind = JG_FILTER_YEAR + (enum jg_filter_kind)(which - 10);
  enum jg_filter_type of = JG_VALUE_DATETIME;
  if (chance(making, 3) == 0) {
    of = kind <= JG_FILTER_DAY ? JG_VALUE_DATE : JG_VALUE_TIMEOFDAY;
  }
  return call(making, kind, type, of, JG_VALUE_NULL, depth);
}

static struct jg_filter *make_text(struct making *making, unsigned depth) {
  switch (chance(making, 5)) {
    case 0:
      return call(making, JG_FILTER_CONCAT, JG_VALUE_STRING, JG_VALUE_STRING, JG_VALUE_STRING, depth);
    case 1: {
      struct jg_filter *node =
          call(making, JG_FILTER_SUBSTRING, JG_VALUE_STRING, JG_VALUE_STRING, JG_VALUE_INTEGER, depth);
      if (chance(making, 2) == 0) {
        node->args[2] = make(making, JG_VALUE_INTEGER, depth - 1);
        node->arg_count = 3;
      }
      return node;
    }
    default:
      return call(making, JG_FILTER_TOLOWER + (enum jg_filter_kind)chance(making, 3), JG_VALUE_STRING, JG_VALUE_STRING,
                  JG_VALUE_NULL, depth);
  }
}

static struct jg_filter *make(struct making *making, enum jg_filter_type type, unsigned depth) {
  if (depth <= 1 && type == JG_VALUE_BOOL) {
    return chance(making, 3) == 0 ? leaf(making, type) : make_comparison(making, 2);
  }
  if (depth <= 1 || (type != JG_VALUE_BOOL && chance(making, 3) != 0)) {
    if (type == JG_VALUE_DATE || type == JG_VALUE_TIMEOFDAY) {
      return jg_filter_fixture_literal(making->fixture, making->arena, type);
    }
    return leaf(making, type);
  }
  switch (type) {
    case JG_VALUE_BOOL:
      return make_bool(making, depth);
    case JG_VALUE_INTEGER:
    case JG_VALUE_DECIMAL:
      return make_number(making, type, depth);
    case JG_VALUE_STRING:
      return make_text(making, depth);
    case JG_VALUE_DATE:
      return call(making, JG_FILTER_DATE, type, JG_VALUE_DATETIME, JG_VALUE_NULL, depth);
    case JG_VALUE_TIMEOFDAY:
      return call(making, JG_FILTER_TIME, type, JG_VALUE_DATETIME, JG_VALUE_NULL, depth);
    default:
      return leaf(making, type);
  }
}

// NOLINTEND(misc-no-recursion)

struct jg_filter *jg_filter_fixture_tree(struct jg_filter_fixture *fixture, struct jg_arena *arena,
                                         enum jg_filter_type type, unsigned depth) {
  struct making making = {.fixture = fixture, .arena = arena};
  return make(&making, type, depth);
}
