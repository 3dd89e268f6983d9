/* The tree of a filter or an order: one syntax tree, two back ends (SQL in the engines, a predicate in services/filter), so that
 * lists and streams never disagree about who sees a job. Made by services/filter's parser from OData 4.0 $filter and $orderby
 * (OData 4.0 part 2, section 5.1.1; ABNF), typed and checked: a back end meets no unknown name and no type error.
 *
 * Values and nulls (the two back ends agree on these, a property test proves it):
 * F1 Types are exactly enum jg_filter_type. Integers are 64 bits; an integer beside a decimal becomes one (IEEE 754 double).
 * F2 Null arises from the literal, from a member reached over a relation that is not set or a parent that is not there, from a function or arithmetic on null,
 *    from division and mod by integer zero, from integer overflow, and from a decimal result that is not finite. A relation's
 *    own key (x_code) is a member of its owner: "" (F5), not null, while the relation is not set.
 * F3 Two-valued: eq is true if both are null or both are equal; ne is its negation; gt, ge, lt, le with a null are false; a boolean
 *    that is null counts as false. So `not` is a plain negation.
 * F4 Strings compare by their UTF-8 bytes; length, indexof and substring count UTF-16 units; tolower and toupper are Unicode's
 *    simple mappings by one library (utf8proc) in both back ends: base/unicode.h, which also says how they clip and trim.
 * F5 GUIDs compare by their 16 bytes in text order; dates as instants (ticks). A member that was never set has the contract's
 *    default: "", 0, false, the zero GUID, 1980-01-01. Parts of dates are UTC's, so totaloffsetminutes is 0.
 * F6 div and mod of integers truncate (C's), mod of decimals is C's fmod; round (half away from zero), floor and ceiling take
 *    either and make a decimal.
 * Thread: any; a tree is immutable once made and lives in its arena. */
#ifndef JG_STORAGE_FILTER_H
#define JG_STORAGE_FILTER_H

#include "base/str.h"
#include "base/uuid.h"
#include "proto/schema/schema.h"

enum jg_filter_type {
  JG_VALUE_NULL, /* of the literal alone */
  JG_VALUE_BOOL,
  JG_VALUE_INTEGER,
  JG_VALUE_DECIMAL,
  JG_VALUE_STRING,
  JG_VALUE_GUID,
  JG_VALUE_DATETIME,  /* Edm.DateTimeOffset: ticks */
  JG_VALUE_DATE,      /* Edm.Date: ticks of its midnight, UTC */
  JG_VALUE_TIMEOFDAY, /* Edm.TimeOfDay: ticks since midnight */
  JG_VALUE_COLLECTION /* of translations; operand of any and all alone */
};

/* kind, OData name (empty: no function), least and most operands */
#define JG_FILTER_FUNCTION_TABLE(X)                 \
  X(CONTAINS, "contains", 2, 2)                     \
  X(STARTSWITH, "startswith", 2, 2)                 \
  X(ENDSWITH, "endswith", 2, 2)                     \
  X(LENGTH, "length", 1, 1)                         \
  X(INDEXOF, "indexof", 2, 2)                       \
  X(SUBSTRING, "substring", 2, 3)                   \
  X(TOLOWER, "tolower", 1, 1)                       \
  X(TOUPPER, "toupper", 1, 1)                       \
  X(TRIM, "trim", 1, 1)                             \
  X(CONCAT, "concat", 2, 2)                         \
  X(YEAR, "year", 1, 1)                             \
  X(MONTH, "month", 1, 1)                           \
  X(DAY, "day", 1, 1)                               \
  X(HOUR, "hour", 1, 1)                             \
  X(MINUTE, "minute", 1, 1)                         \
  X(SECOND, "second", 1, 1)                         \
  X(FRACTIONALSECONDS, "fractionalseconds", 1, 1)   \
  X(TOTALOFFSETMINUTES, "totaloffsetminutes", 1, 1) \
  X(DATE, "date", 1, 1)                             \
  X(TIME, "time", 1, 1)                             \
  X(ROUND, "round", 1, 1)                           \
  X(FLOOR, "floor", 1, 1)                           \
  X(CEILING, "ceiling", 1, 1)

/* now(), mindatetime() and maxdatetime() become literals when parsed: one list, one moment. A null literal is an operand of
 * comparisons, arithmetic and functions only: where a condition stands, it became false. */
enum jg_filter_kind {
  JG_FILTER_LITERAL,
  JG_FILTER_MEMBER, /* path */
  JG_FILTER_AND,
  JG_FILTER_OR,
  JG_FILTER_NOT,
  JG_FILTER_EQ,
  JG_FILTER_NE,
  JG_FILTER_GT,
  JG_FILTER_GE,
  JG_FILTER_LT,
  JG_FILTER_LE,
  JG_FILTER_ADD,
  JG_FILTER_SUB,
  JG_FILTER_MUL,
  JG_FILTER_DIV,
  JG_FILTER_MOD,
  JG_FILTER_NEGATE,
  JG_FILTER_IN,  /* args[0]: a MEMBER, or TOLOWER of one; true if it equals one of `items`, false if it is null */
  JG_FILTER_ANY, /* args[0]: a MEMBER of type COLLECTION; args[1]: the body, or arg_count 1: not empty */
  JG_FILTER_ALL, /* args[0], args[1] */
#define JG_FILTER_ENUM(name, text, least, most) JG_FILTER_##name,
  JG_FILTER_FUNCTION_TABLE(JG_FILTER_ENUM)
#undef JG_FILTER_ENUM
      JG_FILTER_KIND_COUNT
};

/* job -> project -> equipment_model -> equipment_brand -> sales_organization -> name: six steps at most. */
#define JG_FILTER_PATH_MAX 6
#define JG_FILTER_NODES_MAX 200 /* of one filter */
#define JG_FILTER_DEPTH_MAX 100
#define JG_FILTER_ITEMS_MAX 1000 /* literals in the lists of one filter; they are no nodes of it */
#define JG_FILTER_ORDER_MAX 8    /* keys of one order */

/* A chain of members: every step but the last is a relation's node (or, inside any and all, the first step is a member of
 * Translation: `variable`). A last step that is a relation's key (x_code) is the key of the related entity. A job's first step may
 * be its parent (JG_MEMBER_EXPAND_ONLY), of which a member follows: the parent's relations have keys, but no nodes. */
struct jg_filter_path {
  uint8_t count;
  bool variable; /* starts at the item of the innermost any or all */
  const struct jg_member *steps[JG_FILTER_PATH_MAX];
};

struct jg_filter {
  enum jg_filter_kind kind;
  enum jg_filter_type type;
  uint8_t arg_count;
  const struct jg_filter *args[3];
  /* LITERAL: by type. BOOL, INTEGER, DATETIME, DATE, TIMEOFDAY in `integer`. `string` of a DATETIME: "now()" if it was that,
   * so that its canonical text stays the same; else empty. */
  int64_t integer;
  double decimal;
  struct jg_str string;
  struct jg_uuid uuid;
  struct jg_filter_path path; /* MEMBER */
  /* IN: literals of args[0]'s type, ascending, each once, at least two; none is null or now(). */
  const struct jg_filter *const *items;
  size_t item_count;
};

/* One key of $orderby: nulls first when ascending (OData 4.0 part 1, 11.2.5.2). */
struct jg_filter_order {
  const struct jg_filter *key;
  bool descending;
};

#endif
