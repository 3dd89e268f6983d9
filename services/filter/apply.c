#include "services/filter/apply.h"

#include <math.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "proto/codec/date.h"

static const struct jg_filter_value null_value = {.type = JG_VALUE_NULL};

static struct jg_filter_value whole(int64_t value) {
  return (struct jg_filter_value){.type = JG_VALUE_INTEGER, .integer = value};
}

/* F2: what is not finite is null. */
static struct jg_filter_value decimal(double value) {
  if (!isfinite(value)) {
    return null_value;
  }
  return (struct jg_filter_value){.type = JG_VALUE_DECIMAL, .decimal = value == 0 ? 0 : value};
}

static struct jg_filter_value text(struct jg_str value) {
  return (struct jg_filter_value){.type = JG_VALUE_STRING, .string = value};
}

static bool compare(enum jg_filter_kind kind, const struct jg_filter_value values[2]) {
  bool nulls = values[0].type == JG_VALUE_NULL || values[1].type == JG_VALUE_NULL;
  int order = jg_filter_compare_values(&values[0], &values[1]);
  switch (kind) {
    case JG_FILTER_EQ:
      return order == 0;  // both null compare as equal
    case JG_FILTER_NE:
      return order != 0;
    case JG_FILTER_GT:
      return !nulls && order > 0;
    case JG_FILTER_GE:
      return !nulls && order >= 0;
    case JG_FILTER_LT:
      return !nulls && order < 0;
    default:
      JG_ASSERT(kind == JG_FILTER_LE);
      return !nulls && order <= 0;
  }
}

static struct jg_filter_value integer_arithmetic(enum jg_filter_kind kind, int64_t a, int64_t b) {
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
      JG_ASSERT(kind == JG_FILTER_MOD);
      overflow = b == 0;
      result = b == 0 || b == -1 ? 0 : a % b;
      break;
  }
  return overflow ? null_value : whole(result);
}

static double number_of(const struct jg_filter_value *value) {
  return value->type == JG_VALUE_DECIMAL ? value->decimal : (double)value->integer;
}

static struct jg_filter_value arithmetic(enum jg_filter_kind kind, const struct jg_filter_value values[2]) {
  if (values[0].type == JG_VALUE_INTEGER && values[1].type == JG_VALUE_INTEGER) {
    return integer_arithmetic(kind, values[0].integer, values[1].integer);
  }
  double a = number_of(&values[0]);
  double b = number_of(&values[1]);
  switch (kind) {
    case JG_FILTER_ADD:
      return decimal(a + b);
    case JG_FILTER_SUB:
      return decimal(a - b);
    case JG_FILTER_MUL:
      return decimal(a * b);
    case JG_FILTER_DIV:
      return b == 0 ? null_value : decimal(a / b);
    default:
      JG_ASSERT(kind == JG_FILTER_MOD);
      return b == 0 ? null_value : decimal(fmod(a, b));
  }
}

static struct jg_filter_value negate(const struct jg_filter_value *value) {
  if (value->type == JG_VALUE_DECIMAL) {
    return decimal(-value->decimal);
  }
  return integer_arithmetic(JG_FILTER_SUB, 0, value->integer);
}

static bool change_case(enum jg_filter_kind kind, struct jg_str s, struct jg_arena *scratch, struct jg_str *ret_text) {
  char *out = jg_arena_alloc(scratch, JG_UNICODE_CASE_BYTES(s.len));
  if (out == NULL) {
    return false;
  }
  size_t len = kind == JG_FILTER_TOLOWER ? jg_unicode_lower(s, out) : jg_unicode_upper(s, out);
  *ret_text = jg_str_make(out, len);
  return true;
}

static bool concat(struct jg_str a, struct jg_str b, struct jg_arena *scratch, struct jg_str *ret_text) {
  size_t len = 0;
  char *out = jg_size_add(a.len, b.len, &len) ? jg_arena_alloc(scratch, len) : NULL;
  if (out == NULL) {
    return false;
  }
  if (a.len != 0) {
    memcpy(out, a.data, a.len);
  }
  if (b.len != 0) {
    memcpy(out + a.len, b.data, b.len);
  }
  *ret_text = jg_str_make(out, len);
  return true;
}

static bool contains(struct jg_str s, struct jg_str part) {
  return part.len == 0 || (s.len != 0 && memmem(s.data, s.len, part.data, part.len) != NULL);
}

/* False: no room in scratch. */
static bool apply_text(enum jg_filter_kind kind, const struct jg_filter_value *values, size_t count,
                       struct jg_arena *scratch, struct jg_filter_value *result) {
  struct jg_str s = values[0].string;
  struct jg_str made = JG_STR("");
  switch (kind) {
    case JG_FILTER_CONTAINS:
      *result = jg_filter_bool(contains(s, values[1].string));
      return true;
    case JG_FILTER_STARTSWITH:
      *result = jg_filter_bool(jg_str_starts_with(s, values[1].string));
      return true;
    case JG_FILTER_ENDSWITH:
      *result = jg_filter_bool(jg_str_ends_with(s, values[1].string));
      return true;
    case JG_FILTER_LENGTH:
      *result = whole((int64_t)jg_utf8_utf16_length(s));
      return true;
    case JG_FILTER_INDEXOF:
      *result = whole(jg_unicode_index_of(s, values[1].string));
      return true;
    case JG_FILTER_SUBSTRING:
      *result = text(jg_unicode_substring(s, values[1].integer, count == 3 ? values[2].integer : INT64_MAX));
      return true;
    case JG_FILTER_TRIM:
      *result = text(jg_unicode_trim(s));
      return true;
    case JG_FILTER_CONCAT:
      if (!concat(s, values[1].string, scratch, &made)) {
        return false;
      }
      break;
    default:
      JG_ASSERT(kind == JG_FILTER_TOLOWER || kind == JG_FILTER_TOUPPER);
      if (!change_case(kind, s, scratch, &made)) {
        return false;
      }
      break;
  }
  *result = text(made);
  return true;
}

#define DAY_TICKS (INT64_C(86400) * JG_TICKS_PER_SECOND)

/* Days since 1970 to the civil date: eras of 400 years from 0000-03-01, so that leap days come last. */
static void civil_of(int64_t ticks, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day) {
  int64_t days = jg_date_midnight(ticks) / DAY_TICKS + 719468;  // since 0000-03-01, never negative from year 1 on
  int64_t era = days / 146097;
  int64_t in_era = days % 146097;
  int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
  int64_t from_march = (5 * in_year + 2) / 153;
  *ret_day = in_year - (153 * from_march + 2) / 5 + 1;
  *ret_month = from_march < 10 ? from_march + 3 : from_march - 9;
  *ret_year = year + era * 400 + (*ret_month <= 2);
}

static struct jg_filter_value apply_date(enum jg_filter_kind kind, const struct jg_filter_value *value) {
  int64_t ticks = value->integer;
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  int64_t in_day = value->type == JG_VALUE_TIMEOFDAY ? ticks : ticks - jg_date_midnight(ticks);
  switch (kind) {
    case JG_FILTER_YEAR:
    case JG_FILTER_MONTH:
    case JG_FILTER_DAY:
      civil_of(ticks, &year, &month, &day);
      return whole(kind == JG_FILTER_YEAR ? year : kind == JG_FILTER_MONTH ? month : day);
    case JG_FILTER_HOUR:
      return whole(in_day / (3600 * JG_TICKS_PER_SECOND));
    case JG_FILTER_MINUTE:
      return whole(in_day / (60 * JG_TICKS_PER_SECOND) % 60);
    case JG_FILTER_SECOND:
      return whole(in_day / JG_TICKS_PER_SECOND % 60);
    case JG_FILTER_FRACTIONALSECONDS:
      return decimal((double)(in_day % JG_TICKS_PER_SECOND) / (double)JG_TICKS_PER_SECOND);
    case JG_FILTER_TOTALOFFSETMINUTES:
      return whole(0);
    case JG_FILTER_DATE:
      return (struct jg_filter_value){.type = JG_VALUE_DATE, .integer = ticks - in_day};
    default:
      JG_ASSERT(kind == JG_FILTER_TIME);
      return (struct jg_filter_value){.type = JG_VALUE_TIMEOFDAY, .integer = in_day};
  }
}

static struct jg_filter_value apply_rounding(enum jg_filter_kind kind, const struct jg_filter_value *value) {
  double number = number_of(value);
  switch (kind) {
    case JG_FILTER_ROUND:
      return decimal(round(number));
    case JG_FILTER_FLOOR:
      return decimal(floor(number));
    default:
      JG_ASSERT(kind == JG_FILTER_CEILING);
      return decimal(ceil(number));
  }
}

JG_HOT bool jg_filter_apply(enum jg_filter_kind kind, const struct jg_filter_value *values, size_t count,
                            struct jg_arena *scratch, struct jg_filter_value *ret_value) {
  JG_ASSERT(kind >= JG_FILTER_NOT && kind < JG_FILTER_KIND_COUNT && count >= 1 && count <= 3);
  if (kind >= JG_FILTER_EQ && kind <= JG_FILTER_LE) {
    *ret_value = jg_filter_bool(compare(kind, values));
    return true;
  }
  if (kind == JG_FILTER_NOT) {
    *ret_value = jg_filter_bool(!jg_filter_truth(&values[0]));
    return true;
  }
  for (size_t i = 0; i < count; i++) {
    if (values[i].type == JG_VALUE_NULL) {
      *ret_value = null_value;
      return true;
    }
  }
  if (kind <= JG_FILTER_MOD) {
    *ret_value = arithmetic(kind, values);
  } else if (kind == JG_FILTER_NEGATE) {
    *ret_value = negate(&values[0]);
  } else if (kind <= JG_FILTER_CONCAT) {
    return apply_text(kind, values, count, scratch, ret_value);
  } else if (kind <= JG_FILTER_TIME) {
    *ret_value = apply_date(kind, &values[0]);
  } else {
    *ret_value = apply_rounding(kind, &values[0]);
  }
  return true;
}
