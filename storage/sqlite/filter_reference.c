#include "storage/sqlite/filter_reference.h"

#include <math.h>
#include <time.h>

#include "base/unicode.h"
#include "base/utf8.h"
#include "proto/codec/message.h"

#define TICKS_PER_DAY (86400 * JG_TICKS_PER_SECOND)

static const struct jg_job_key null_key = {.type = JG_VALUE_NULL};

static struct jg_job_key of_integer(enum jg_filter_type type, int64_t value) {
  return (struct jg_job_key){.type = type, .integer = value};
}

static struct jg_job_key of_decimal(double value) {
  return isnan(value) || isinf(value) ? null_key : (struct jg_job_key){.type = JG_VALUE_DECIMAL, .decimal = value};
}

static struct jg_job_key of_text(struct jg_str value) {
  return (struct jg_job_key){.type = JG_VALUE_STRING, .string = value};
}

static struct jg_job_key of_member(enum jg_filter_type type, const ProtobufCMessage *message,
                                   const struct jg_member *member) {
  struct jg_job_key key = {.type = type};
  switch ((enum jg_type)member->type) {
    case JG_TYPE_STRING:
      key.string = jg_member_str(message, member);
      break;
    case JG_TYPE_GUID:
      if (jg_member_str(message, member).len != 0) {
        JG_ASSERT(jg_uuid_parse(jg_member_str(message, member), &key.uuid));
      }
      break;
    case JG_TYPE_INTEGER:
      key.integer = jg_member_int(message, member);
      break;
    case JG_TYPE_BOOL:
      key.integer = jg_member_bool(message, member);
      break;
    case JG_TYPE_DATE:
      key.integer = jg_member_date(message, member);
      break;
    case JG_TYPE_DECIMAL:
      key.decimal = jg_member_decimal(message, member);
      break;
    case JG_TYPE_ENTITY:
    case JG_TYPE_ENTITY_LIST:
      break;
  }
  return key;
}

/* The message that holds the last step, or NULL. */
static const ProtobufCMessage *owner_of(const struct jg_filter_path *path, const ProtobufCMessage *job,
                                        const ProtobufCMessage *item) {
  const ProtobufCMessage *message = path->variable ? item : job;
  for (size_t i = 0; message != NULL && i + 1 < path->count; i++) {
    message = jg_member_node(message, path->steps[i]);
  }
  return message;
}

int jg_filter_reference_compare(const struct jg_job_key *a, const struct jg_job_key *b) {
  if (a->type == JG_VALUE_NULL || b->type == JG_VALUE_NULL) {
    return (a->type != JG_VALUE_NULL) - (b->type != JG_VALUE_NULL);
  }
  if (a->type == JG_VALUE_STRING) {
    size_t len = a->string.len < b->string.len ? a->string.len : b->string.len;
    for (size_t i = 0; i < len; i++) {
      if (a->string.data[i] != b->string.data[i]) {
        return (unsigned char)a->string.data[i] < (unsigned char)b->string.data[i] ? -1 : 1;
      }
    }
    return (a->string.len > b->string.len) - (a->string.len < b->string.len);
  }
  if (a->type == JG_VALUE_GUID) {
    return memcmp(&a->uuid, &b->uuid, sizeof(a->uuid));
  }
  if (a->type != JG_VALUE_DECIMAL && b->type != JG_VALUE_DECIMAL) {
    return (a->integer > b->integer) - (a->integer < b->integer);
  }
  double x = a->type == JG_VALUE_DECIMAL ? a->decimal : (double)a->integer;
  double y = b->type == JG_VALUE_DECIMAL ? b->decimal : (double)b->integer;
  return x < y ? -1 : x > y;
}

/* ---- numbers ---- */

static struct jg_job_key arithmetic(enum jg_filter_kind kind, const struct jg_job_key *a, const struct jg_job_key *b) {
  if (a->type == JG_VALUE_NULL || b->type == JG_VALUE_NULL) {
    return null_key;
  }
  if (a->type == JG_VALUE_INTEGER && b->type == JG_VALUE_INTEGER) {
    __extension__ __int128 x = a->integer, y = b->integer, z;
    if ((kind == JG_FILTER_DIV || kind == JG_FILTER_MOD) && y == 0) {
      return null_key;
    }
    z = kind == JG_FILTER_ADD   ? x + y
        : kind == JG_FILTER_SUB ? x - y
        : kind == JG_FILTER_MUL ? x * y
        : kind == JG_FILTER_DIV ? x / y
                                : x % y;
    return z < INT64_MIN || z > INT64_MAX ? null_key : of_integer(JG_VALUE_INTEGER, (int64_t)z);
  }
  double x = a->type == JG_VALUE_DECIMAL ? a->decimal : (double)a->integer;
  double y = b->type == JG_VALUE_DECIMAL ? b->decimal : (double)b->integer;
  if (kind == JG_FILTER_DIV && fpclassify(y) == FP_ZERO) {
    return null_key;
  }
  return of_decimal(kind == JG_FILTER_ADD   ? x + y
                    : kind == JG_FILTER_SUB ? x - y
                    : kind == JG_FILTER_MUL ? x * y
                    : kind == JG_FILTER_DIV ? x / y
                                            : fmod(x, y));
}

static struct jg_job_key round_to(enum jg_filter_kind kind, const struct jg_job_key *a) {
  double x = a->type == JG_VALUE_DECIMAL ? a->decimal : (double)a->integer;
  return of_decimal(kind == JG_FILTER_ROUND ? round(x) : kind == JG_FILTER_FLOOR ? floor(x) : ceil(x));
}

/* ---- dates ---- */

static struct jg_job_key date_part(enum jg_filter_kind kind, int64_t ticks) {
  int64_t fraction = ((ticks % JG_TICKS_PER_SECOND) + JG_TICKS_PER_SECOND) % JG_TICKS_PER_SECOND;
  time_t seconds = (time_t)((ticks - fraction) / JG_TICKS_PER_SECOND);
  struct tm tm;
  JG_ASSERT(gmtime_r(&seconds, &tm) != NULL);
  int64_t of_day = (tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec) * JG_TICKS_PER_SECOND + fraction;
  switch (kind) {
    case JG_FILTER_YEAR:
      return of_integer(JG_VALUE_INTEGER, tm.tm_year + 1900);
    case JG_FILTER_MONTH:
      return of_integer(JG_VALUE_INTEGER, tm.tm_mon + 1);
    case JG_FILTER_DAY:
      return of_integer(JG_VALUE_INTEGER, tm.tm_mday);
    case JG_FILTER_HOUR:
      return of_integer(JG_VALUE_INTEGER, tm.tm_hour);
    case JG_FILTER_MINUTE:
      return of_integer(JG_VALUE_INTEGER, tm.tm_min);
    case JG_FILTER_SECOND:
      return of_integer(JG_VALUE_INTEGER, tm.tm_sec);
    case JG_FILTER_FRACTIONALSECONDS:
      return of_decimal((double)fraction / (double)JG_TICKS_PER_SECOND);
    case JG_FILTER_TOTALOFFSETMINUTES:
      return of_integer(JG_VALUE_INTEGER, 0);
    case JG_FILTER_DATE:
      return of_integer(JG_VALUE_DATE, ticks - of_day);
    default:
      return of_integer(JG_VALUE_TIMEOFDAY, of_day);
  }
}

/* ---- strings: by UTF-16 units, where positions count ---- */

static int64_t units_before(struct jg_str s, size_t byte) {
  int64_t units = 0;
  for (size_t at = 0; at < byte;) {
    units += jg_utf8_next(s, &at) > 0xFFFF ? 2 : 1;
  }
  return units;
}

static int64_t index_of(struct jg_str s, struct jg_str part) {
  for (size_t i = 0; i + part.len <= s.len; i++) {
    if (part.len == 0 || memcmp(s.data + i, part.data, part.len) == 0) {
      return units_before(s, i);
    }
  }
  return -1;
}

/* Keeps the characters of which all units are in [start, start + count). */
static struct jg_str units(struct jg_str s, int64_t start, int64_t count, struct jg_arena *arena) {
  start = start < 0 ? 0 : start;
  count = count < 0 ? 0 : count;
  int64_t end = count > INT64_MAX - start ? INT64_MAX : start + count;
  char *out = jg_arena_alloc(arena, s.len + 1);
  JG_ASSERT(out != NULL);
  size_t len = 0;
  int64_t unit = 0;
  for (size_t at = 0; at < s.len;) {
    size_t from = at;
    int64_t own = jg_utf8_next(s, &at) > 0xFFFF ? 2 : 1;
    if (unit >= start && unit + own <= end) {
      memcpy(out + len, s.data + from, at - from);
      len += at - from;
    }
    unit += own;
  }
  return jg_str_make(out, len);
}

static struct jg_job_key string_function(const struct jg_filter *node, const struct jg_job_key *args,
                                         struct jg_arena *arena) {
  struct jg_str a = args[0].string, b = args[1].string;
  char *out = jg_arena_alloc(arena, 2 * a.len + b.len + 1);
  JG_ASSERT(out != NULL);
  switch (node->kind) {
    case JG_FILTER_CONTAINS:
      return of_integer(JG_VALUE_BOOL, index_of(a, b) >= 0);
    case JG_FILTER_STARTSWITH:
      return of_integer(JG_VALUE_BOOL, index_of(a, b) == 0);
    case JG_FILTER_ENDSWITH:
      return of_integer(JG_VALUE_BOOL, a.len >= b.len && jg_str_equal(jg_str_sub(a, a.len - b.len, b.len), b));
    case JG_FILTER_LENGTH:
      return of_integer(JG_VALUE_INTEGER, units_before(a, a.len));
    case JG_FILTER_INDEXOF:
      return of_integer(JG_VALUE_INTEGER, index_of(a, b));
    case JG_FILTER_SUBSTRING:
      return of_text(units(a, args[1].integer, node->arg_count == 3 ? args[2].integer : INT64_MAX, arena));
    case JG_FILTER_TOLOWER:
      return of_text(jg_str_make(out, jg_unicode_lower(a, out)));
    case JG_FILTER_TOUPPER:
      return of_text(jg_str_make(out, jg_unicode_upper(a, out)));
    case JG_FILTER_TRIM:
      return of_text(jg_unicode_trim(a));
    default:
      if (a.len > 0) {
        memcpy(out, a.data, a.len);
      }
      if (b.len > 0) {
        memcpy(out + a.len, b.data, b.len);
      }
      return of_text(jg_str_make(out, a.len + b.len));
  }
}

/* ---- trees ---- */

// NOLINTBEGIN(misc-no-recursion): trees of tests, a hundred levels at most
static struct jg_job_key lambda(const struct jg_filter *node, const ProtobufCMessage *job, const ProtobufCMessage *item,
                                struct jg_arena *arena) {
  const struct jg_filter_path *path = &node->args[0]->path;
  const ProtobufCMessage *owner = owner_of(path, job, item);
  const struct jg_member *list = path->steps[path->count - 1];
  size_t count = owner != NULL ? jg_member_count(owner, list) : 0, truths = 0;
  for (size_t i = 0; i < count; i++) {
    struct jg_job_key truth = of_integer(JG_VALUE_BOOL, 1);
    if (node->arg_count == 2) {
      truth = jg_filter_reference(node->args[1], job, jg_member_item(owner, list, i), arena);
    }
    truths += truth.type != JG_VALUE_NULL && truth.integer != 0;
  }
  return of_integer(JG_VALUE_BOOL, node->kind == JG_FILTER_ANY ? truths > 0 : truths == count);
}

static struct jg_job_key logic(const struct jg_filter *node, const struct jg_job_key *args) {
  bool a = args[0].type != JG_VALUE_NULL && args[0].integer != 0;
  bool b = args[1].type != JG_VALUE_NULL && args[1].integer != 0;
  bool unknown = args[0].type == JG_VALUE_NULL || args[1].type == JG_VALUE_NULL;
  int order = jg_filter_reference_compare(&args[0], &args[1]);
  bool truth = false;
  switch (node->kind) {
    case JG_FILTER_AND:
      truth = a && b;
      break;
    case JG_FILTER_OR:
      truth = a || b;
      break;
    case JG_FILTER_NOT:
      truth = !a;
      break;
    case JG_FILTER_EQ:
      truth = order == 0;
      break;
    case JG_FILTER_NE:
      truth = order != 0;
      break;
    case JG_FILTER_GT:
      truth = !unknown && order > 0;
      break;
    case JG_FILTER_GE:
      truth = !unknown && order >= 0;
      break;
    case JG_FILTER_LT:
      truth = !unknown && order < 0;
      break;
    default:
      truth = !unknown && order <= 0;
      break;
  }
  return of_integer(JG_VALUE_BOOL, truth);
}

struct jg_job_key jg_filter_reference(const struct jg_filter *node, const ProtobufCMessage *job,
                                      const ProtobufCMessage *item, struct jg_arena *arena) {
  if (node->kind == JG_FILTER_LITERAL) {
    return (struct jg_job_key){node->type, node->integer, node->decimal, node->string, node->uuid};
  }
  if (node->kind == JG_FILTER_MEMBER) {
    const ProtobufCMessage *owner = owner_of(&node->path, job, item);
    return owner != NULL ? of_member(node->type, owner, node->path.steps[node->path.count - 1]) : null_key;
  }
  if (node->kind == JG_FILTER_ANY || node->kind == JG_FILTER_ALL) {
    return lambda(node, job, item, arena);
  }
  struct jg_job_key args[3] = {{0}};
  bool has_null = false;
  for (size_t i = 0; i < node->arg_count; i++) {
    args[i] = jg_filter_reference(node->args[i], job, item, arena);
    has_null = has_null || args[i].type == JG_VALUE_NULL;
  }
  if (node->kind >= JG_FILTER_AND && node->kind <= JG_FILTER_LE) {
    return logic(node, args);
  }
  if (node->kind >= JG_FILTER_ADD && node->kind <= JG_FILTER_MOD) {
    return arithmetic(node->kind, &args[0], &args[1]);
  }
  if (node->kind == JG_FILTER_IN) {
    bool found = false;
    for (size_t i = 0; i < node->item_count; i++) {
      const struct jg_job_key one = jg_filter_reference(node->items[i], job, NULL, arena);
      found = found || jg_filter_reference_compare(&args[0], &one) == 0;
    }
    return of_integer(JG_VALUE_BOOL, found);
  }
  if (has_null) {
    return null_key;
  }
  if (node->kind == JG_FILTER_NEGATE) {
    const struct jg_job_key zero = of_integer(JG_VALUE_INTEGER, 0);
    return arithmetic(JG_FILTER_SUB, &zero, &args[0]);
  }
  if (node->kind >= JG_FILTER_ROUND) {
    return round_to(node->kind, &args[0]);
  }
  if (node->kind >= JG_FILTER_YEAR) {
    return date_part(node->kind, args[0].integer);
  }
  return string_function(node, args, arena);
}

// NOLINTEND(misc-no-recursion)

bool jg_filter_reference_matches(const struct jg_filter *node, const ProtobufCMessage *job, struct jg_arena *arena) {
  struct jg_job_key key = jg_filter_reference(node, job, NULL, arena);
  return key.type == JG_VALUE_BOOL && key.integer != 0;
}
