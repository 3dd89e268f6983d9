#include "storage/sqlite/filter_value.h"

#include <math.h>

#include "base/unicode.h"
#include "base/utf8.h"

#define TICKS_PER_MINUTE (60 * JG_TICKS_PER_SECOND)
#define TICKS_PER_HOUR (60 * TICKS_PER_MINUTE)
#define TICKS_PER_DAY (24 * TICKS_PER_HOUR)

static bool is_null(const struct jg_job_key *value) {
  return value->type == JG_VALUE_NULL;
}

static struct jg_job_key boolean(bool value) {
  return jg_sqlite_value_integer(JG_VALUE_BOOL, value);
}

static struct jg_job_key number(int64_t value) {
  return jg_sqlite_value_integer(JG_VALUE_INTEGER, value);
}

static struct jg_job_key text(struct jg_str value) {
  return (struct jg_job_key){.type = JG_VALUE_STRING, .string = value};
}

/* F2: what is not finite is null. Adding zero makes a negative zero positive: there is one zero. */
static struct jg_job_key decimal(double value) {
  return isfinite(value) ? (struct jg_job_key){.type = JG_VALUE_DECIMAL, .decimal = value + 0.0}
                         : jg_sqlite_value_null();
}

/* F1 */
static double as_decimal(const struct jg_job_key *value) {
  return value->type == JG_VALUE_DECIMAL ? value->decimal : (double)value->integer;
}

/* ---- comparisons ---- */

int jg_sqlite_value_compare(const struct jg_job_key *a, const struct jg_job_key *b) {
  if (a->type == JG_VALUE_STRING) {
    return jg_str_compare(a->string, b->string);
  }
  if (a->type == JG_VALUE_GUID) {
    return memcmp(a->uuid.bytes, b->uuid.bytes, sizeof(a->uuid.bytes));
  }
  if (a->type == JG_VALUE_DECIMAL || b->type == JG_VALUE_DECIMAL) {
    double x = as_decimal(a), y = as_decimal(b);
    return (x > y) - (x < y);
  }
  return (a->integer > b->integer) - (a->integer < b->integer);
}

static bool equal(const struct jg_job_key *a, const struct jg_job_key *b) {
  if (is_null(a) || is_null(b)) {
    return is_null(a) && is_null(b);
  }
  return jg_sqlite_value_compare(a, b) == 0;
}

static struct jg_job_key literal_key(const struct jg_filter *literal) {
  return (struct jg_job_key){.type = literal->type,
                             .integer = literal->integer,
                             .decimal = literal->decimal,
                             .string = literal->string,
                             .uuid = literal->uuid};
}

/* Items ascend. */
static bool is_listed(const struct jg_filter *list, const struct jg_job_key *value) {
  size_t from = 0, to = is_null(value) ? 0 : list->item_count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    const struct jg_job_key item = literal_key(list->items[middle]);
    int order = jg_sqlite_value_compare(value, &item);
    if (order == 0) {
      return true;
    }
    if (order < 0) {
      to = middle;
    } else {
      from = middle + 1;
    }
  }
  return false;
}

static bool holds(enum jg_filter_kind kind, const struct jg_job_key *a, const struct jg_job_key *b) {
  if (kind == JG_FILTER_EQ || kind == JG_FILTER_NE) {
    return equal(a, b) == (kind == JG_FILTER_EQ);
  }
  if (is_null(a) || is_null(b)) {
    return false;
  }
  int order = jg_sqlite_value_compare(a, b);
  switch (kind) {
    case JG_FILTER_GT:
      return order > 0;
    case JG_FILTER_GE:
      return order >= 0;
    case JG_FILTER_LT:
      return order < 0;
    default:
      return order <= 0;
  }
}

/* ---- arithmetic ---- */

static struct jg_job_key integers(enum jg_filter_kind kind, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (kind) {
    case JG_FILTER_ADD:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case JG_FILTER_SUB:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case JG_FILTER_MUL:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case JG_FILTER_DIV:
      overflow = b == 0 || (a == INT64_MIN && b == -1);
      result = overflow ? 0 : a / b;
      break;
    default:
      // The least integer mod -1 is 0, though C leaves it undefined.
      overflow = b == 0;
      result = b == 0 || b == -1 ? 0 : a % b;
      break;
  }
  return overflow ? jg_sqlite_value_null() : number(result);
}

static struct jg_job_key decimals(enum jg_filter_kind kind, double a, double b) {
  switch (kind) {
    case JG_FILTER_ADD:
      return decimal(a + b);
    case JG_FILTER_SUB:
      return decimal(a - b);
    case JG_FILTER_MUL:
      return decimal(a * b);
    case JG_FILTER_DIV:
      // IEEE 754: infinite or not a number, which is null; C leaves a division by zero undefined.
      return b != 0 ? decimal(a / b) : jg_sqlite_value_null();
    default:
      return decimal(fmod(a, b));
  }
}

static struct jg_job_key arithmetic(enum jg_filter_kind kind, const struct jg_job_key *a, const struct jg_job_key *b) {
  if (is_null(a) || is_null(b)) {
    return jg_sqlite_value_null();
  }
  if (a->type == JG_VALUE_INTEGER && b->type == JG_VALUE_INTEGER) {
    return integers(kind, a->integer, b->integer);
  }
  return decimals(kind, as_decimal(a), as_decimal(b));
}

static struct jg_job_key negated(const struct jg_job_key *a) {
  if (a->type == JG_VALUE_DECIMAL) {
    return decimal(-a->decimal);
  }
  return a->integer != INT64_MIN ? number(-a->integer) : jg_sqlite_value_null();
}

/* F6 */
static struct jg_job_key rounded(enum jg_filter_kind kind, double value) {
  switch (kind) {
    case JG_FILTER_ROUND:
      return decimal(round(value));  // half away from zero
    case JG_FILTER_FLOOR:
      return decimal(floor(value));
    default:
      return decimal(ceil(value));
  }
}

/* ---- dates ---- */

static int64_t floor_mod(int64_t a, int64_t b) {
  int64_t rest = a % b;
  return rest < 0 ? rest + b : rest;
}

/* The civil date of a day since 1970, proleptic Gregorian: years of 400 that begin in March. */
static int64_t civil(enum jg_filter_kind kind, int64_t days) {
  enum { ERA_DAYS = 146097, DAYS_BEFORE_1970 = 719468 };
  days += DAYS_BEFORE_1970;
  int64_t day_of_era = floor_mod(days, ERA_DAYS);
  int64_t era = (days - day_of_era) / ERA_DAYS;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  switch (kind) {
    case JG_FILTER_YEAR:
      return year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    case JG_FILTER_MONTH:
      return month;
    default:
      return day_of_year - (153 * month_from_march + 2) / 5 + 1;
  }
}

static struct jg_job_key part_of_date(enum jg_filter_kind kind, int64_t ticks) {
  int64_t time = floor_mod(ticks, TICKS_PER_DAY);
  switch (kind) {
    case JG_FILTER_HOUR:
      return number(time / TICKS_PER_HOUR);
    case JG_FILTER_MINUTE:
      return number(time % TICKS_PER_HOUR / TICKS_PER_MINUTE);
    case JG_FILTER_SECOND:
      return number(time % TICKS_PER_MINUTE / JG_TICKS_PER_SECOND);
    case JG_FILTER_FRACTIONALSECONDS:
      return decimal((double)(time % JG_TICKS_PER_SECOND) / (double)JG_TICKS_PER_SECOND);
    case JG_FILTER_TOTALOFFSETMINUTES:
      return number(0);  // instants are kept in UTC
    case JG_FILTER_DATE:
      return jg_sqlite_value_integer(JG_VALUE_DATE, ticks - time);
    case JG_FILTER_TIME:
      return jg_sqlite_value_integer(JG_VALUE_TIMEOFDAY, time);
    default:
      return number(civil(kind, (ticks - time) / TICKS_PER_DAY));
  }
}

/* ---- strings ---- */

static bool contains(struct jg_str s, struct jg_str part) {
  return part.len == 0 || (s.len != 0 && memmem(s.data, s.len, part.data, part.len) != NULL);
}

static bool concat(struct jg_str a, struct jg_str b, struct jg_arena *scratch, struct jg_str *ret_text) {
  char *out = jg_arena_alloc(scratch, a.len + b.len);
  if (out == NULL) {
    return false;
  }
  if (a.len != 0) {
    memcpy(out, a.data, a.len);
  }
  if (b.len != 0) {
    memcpy(out + a.len, b.data, b.len);
  }
  *ret_text = jg_str_make(out, a.len + b.len);
  return true;
}

static bool map_case(enum jg_filter_kind kind, struct jg_str s, struct jg_arena *scratch, struct jg_str *ret_text) {
  char *out = jg_arena_alloc(scratch, JG_UNICODE_CASE_BYTES(s.len));
  if (out == NULL) {
    return false;
  }
  size_t len = kind == JG_FILTER_TOLOWER ? jg_unicode_lower(s, out) : jg_unicode_upper(s, out);
  *ret_text = jg_str_make(out, len);
  return true;
}

/* False at scratch's cap. None of the arguments is null. */
static bool string_function(const struct jg_filter *node, const struct jg_job_key *args, struct jg_arena *scratch,
                            struct jg_job_key *ret_value) {
  struct jg_str s = args[0].string, made = JG_STR("");
  bool fits = true;
  switch (node->kind) {
    case JG_FILTER_CONTAINS:
      *ret_value = boolean(contains(s, args[1].string));
      return true;
    case JG_FILTER_STARTSWITH:
      *ret_value = boolean(args[1].string.len == 0 || jg_str_starts_with(s, args[1].string));
      return true;
    case JG_FILTER_ENDSWITH:
      *ret_value = boolean(args[1].string.len == 0 || jg_str_ends_with(s, args[1].string));
      return true;
    case JG_FILTER_LENGTH:
      *ret_value = number((int64_t)jg_utf8_utf16_length(s));
      return true;
    case JG_FILTER_INDEXOF:
      *ret_value = number(jg_unicode_index_of(s, args[1].string));
      return true;
    case JG_FILTER_SUBSTRING:
      made = jg_unicode_substring(s, args[1].integer, node->arg_count == 3 ? args[2].integer : INT64_MAX);
      break;
    case JG_FILTER_TRIM:
      made = jg_unicode_trim(s);
      break;
    case JG_FILTER_CONCAT:
      fits = concat(s, args[1].string, scratch, &made);
      break;
    default:
      fits = map_case(node->kind, s, scratch, &made);
      break;
  }
  *ret_value = text(made);
  return fits;
}

/* ---- all ---- */

static bool function(const struct jg_filter *node, const struct jg_job_key *args, struct jg_arena *scratch,
                     struct jg_job_key *ret_value) {
  for (size_t i = 0; i < node->arg_count; i++) {
    if (is_null(&args[i])) {
      *ret_value = jg_sqlite_value_null();
      return true;
    }
  }
  if (node->kind >= JG_FILTER_CONTAINS && node->kind <= JG_FILTER_CONCAT) {
    return string_function(node, args, scratch, ret_value);
  }
  if (node->kind >= JG_FILTER_ROUND) {
    *ret_value = rounded(node->kind, as_decimal(&args[0]));
  } else if (node->kind == JG_FILTER_NEGATE) {
    *ret_value = negated(&args[0]);
  } else {
    JG_ASSERT(node->kind >= JG_FILTER_YEAR && node->kind <= JG_FILTER_TIME);
    *ret_value = part_of_date(node->kind, args[0].integer);
  }
  return true;
}

bool jg_sqlite_value_apply(const struct jg_filter *node, const struct jg_job_key *args, struct jg_arena *scratch,
                           struct jg_job_key *ret_value) {
  switch (node->kind) {
    case JG_FILTER_AND:
      *ret_value = boolean(jg_sqlite_value_is_true(&args[0]) && jg_sqlite_value_is_true(&args[1]));
      return true;
    case JG_FILTER_OR:
      *ret_value = boolean(jg_sqlite_value_is_true(&args[0]) || jg_sqlite_value_is_true(&args[1]));
      return true;
    case JG_FILTER_NOT:
      *ret_value = boolean(!jg_sqlite_value_is_true(&args[0]));
      return true;
    case JG_FILTER_IN:
      *ret_value = boolean(is_listed(node, &args[0]));
      return true;
    case JG_FILTER_EQ:
    case JG_FILTER_NE:
    case JG_FILTER_GT:
    case JG_FILTER_GE:
    case JG_FILTER_LT:
    case JG_FILTER_LE:
      *ret_value = boolean(holds(node->kind, &args[0], &args[1]));
      return true;
    case JG_FILTER_ADD:
    case JG_FILTER_SUB:
    case JG_FILTER_MUL:
    case JG_FILTER_DIV:
    case JG_FILTER_MOD:
      *ret_value = arithmetic(node->kind, &args[0], &args[1]);
      return true;
    default:
      return function(node, args, scratch, ret_value);
  }
}
