/* Values that filters compute and orders compare (storage/filter.h, F1-F6). Thread: any. */
#ifndef JG_SERVICES_FILTER_VALUE_H
#define JG_SERVICES_FILTER_VALUE_H

#include "base/buf.h"
#include "storage/filter.h"

/* A plain value; copying it borrows the string. */
struct jg_filter_value {
  enum jg_filter_type type; /* JG_VALUE_NULL: null */
  union {
    int64_t integer; /* BOOL (0, 1), INTEGER, DATETIME, DATE, TIMEOFDAY */
    double decimal;  /* finite, never negative zero */
    struct jg_str string;
    struct jg_uuid uuid;
  };
};

/* What a literal stands for; its string is borrowed. */
struct jg_filter_value jg_filter_literal_value(const struct jg_filter *literal);

/* <0, 0, >0. Null comes first; numbers of both types compare as numbers; else both are of one type. */
int jg_filter_compare_values(const struct jg_filter_value *a, const struct jg_filter_value *b);
/* Whether the value is one of the items of an IN; a null is none. */
bool jg_filter_is_listed(const struct jg_filter *list, const struct jg_filter_value *value);
/* Two rows of keys in the order's sense: a descending key is turned around, nulls included. */
int jg_filter_compare_keys(const struct jg_filter_order *orders, size_t count, const struct jg_filter_value *a,
                           const struct jg_filter_value *b);

/* Longer strings are not put into page tokens. */
#define JG_FILTER_VALUE_STRING_MAX 128
/* A value as bytes, for page tokens. False: a string beyond JG_FILTER_VALUE_STRING_MAX bytes; nothing is written then. */
JG_MUST_CHECK bool jg_filter_value_put(const struct jg_filter_value *value, struct jg_buf *out);
/* Takes one value off *rest, which a client may have made up: false unless it is null or a sound value of that type. The
 * string borrows from *rest. */
JG_MUST_CHECK bool jg_filter_value_take(struct jg_str *rest, enum jg_filter_type type,
                                        struct jg_filter_value *ret_value);

#endif
