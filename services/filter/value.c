#include "services/filter/value.h"

#include <math.h>

#include "base/compiler.h"
#include "base/utf8.h"
#include "proto/codec/date.h"

struct jg_filter_value jg_filter_literal_value(const struct jg_filter *literal) {
  JG_ASSERT(literal->kind == JG_FILTER_LITERAL);
  struct jg_filter_value value = {.type = literal->type};
  if (literal->type == JG_VALUE_STRING) {
    value.string = literal->string;
  } else if (literal->type == JG_VALUE_GUID) {
    value.uuid = literal->uuid;
  } else if (literal->type == JG_VALUE_DECIMAL) {
    value.decimal = literal->decimal;
  } else {
    value.integer = literal->integer;
  }
  return value;
}

static double number_of(const struct jg_filter_value *value) {
  return value->type == JG_VALUE_DECIMAL ? value->decimal : (double)value->integer;
}

int jg_filter_compare_values(const struct jg_filter_value *a, const struct jg_filter_value *b) {
  if (a->type == JG_VALUE_NULL || b->type == JG_VALUE_NULL) {
    return (a->type != JG_VALUE_NULL) - (b->type != JG_VALUE_NULL);
  }
  if (a->type == JG_VALUE_STRING) {
    return jg_str_compare(a->string, b->string);
  }
  if (a->type == JG_VALUE_GUID) {
    return memcmp(a->uuid.bytes, b->uuid.bytes, sizeof(a->uuid.bytes));
  }
  if (a->type == JG_VALUE_DECIMAL || b->type == JG_VALUE_DECIMAL) {
    double left = number_of(a);
    double right = number_of(b);
    return (left > right) - (left < right);
  }
  return (a->integer > b->integer) - (a->integer < b->integer);
}

bool jg_filter_is_listed(const struct jg_filter *list, const struct jg_filter_value *value) {
  JG_ASSERT(list->kind == JG_FILTER_IN);
  size_t from = 0, to = value->type != JG_VALUE_NULL ? list->item_count : 0;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    const struct jg_filter_value item = jg_filter_literal_value(list->items[middle]);
    int order = jg_filter_compare_values(value, &item);
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

int jg_filter_compare_keys(const struct jg_filter_order *orders, size_t count, const struct jg_filter_value *a,
                           const struct jg_filter_value *b) {
  for (size_t i = 0; i < count; i++) {
    int order = jg_filter_compare_values(&a[i], &b[i]);
    if (order != 0) {
      return (order < 0) == orders[i].descending ? 1 : -1;
    }
  }
  return 0;
}

/* Bytes: the type; then 8 bytes big-endian (a boolean too), 16 of a GUID, or a string's length and bytes. */
static void put_u64(uint64_t value, struct jg_buf *out) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    jg_buf_append_char(out, (char)(value >> shift));
  }
}

bool jg_filter_value_put(const struct jg_filter_value *value, struct jg_buf *out) {
  if (value->type == JG_VALUE_STRING && value->string.len > JG_FILTER_VALUE_STRING_MAX) {
    return false;
  }
  uint64_t bits = (uint64_t)value->integer;
  jg_buf_append_char(out, (char)value->type);
  switch (value->type) {
    case JG_VALUE_NULL:
      break;
    case JG_VALUE_STRING:
      jg_buf_append_char(out, (char)value->string.len);
      jg_buf_append_str(out, value->string);
      break;
    case JG_VALUE_GUID:
      jg_buf_append(out, value->uuid.bytes, sizeof(value->uuid.bytes));
      break;
    case JG_VALUE_DECIMAL:
      memcpy(&bits, &value->decimal, sizeof(bits));
      put_u64(bits, out);
      break;
    default:
      JG_ASSERT(value->type != JG_VALUE_COLLECTION);
      put_u64(bits, out);
      break;
  }
  return true;
}

static bool take(struct jg_str *rest, size_t len, struct jg_str *ret_bytes) {
  if (rest->len < len) {
    return false;
  }
  *ret_bytes = jg_str_sub(*rest, 0, len);
  *rest = jg_str_sub(*rest, len, rest->len - len);
  return true;
}

static bool take_string(struct jg_str *rest, struct jg_str *ret_text) {
  struct jg_str len;
  if (!take(rest, 1, &len) || (unsigned char)len.data[0] > JG_FILTER_VALUE_STRING_MAX ||
      !take(rest, (unsigned char)len.data[0], ret_text)) {
    return false;
  }
  return jg_utf8_valid(*ret_text) && jg_str_find(*ret_text, '\0', 0) == SIZE_MAX;
}

static bool is_sound(const struct jg_filter_value *value) {
  switch (value->type) {
    case JG_VALUE_BOOL:
      return value->integer == 0 || value->integer == 1;
    case JG_VALUE_DECIMAL:
      return isfinite(value->decimal) && !(value->decimal == 0 && signbit(value->decimal));
    case JG_VALUE_DATETIME:
    case JG_VALUE_DATE:
      return value->integer >= JG_TICKS_MIN && value->integer <= JG_TICKS_MAX;
    case JG_VALUE_TIMEOFDAY:
      return value->integer >= 0 && value->integer < INT64_C(86400) * JG_TICKS_PER_SECOND;
    default:
      return true;
  }
}

bool jg_filter_value_take(struct jg_str *rest, enum jg_filter_type type, struct jg_filter_value *ret_value) {
  struct jg_str left = *rest;
  struct jg_str bytes;
  struct jg_filter_value value = {.type = JG_VALUE_NULL};
  if (!take(&left, 1, &bytes)) {
    return false;
  }
  value.type = (enum jg_filter_type)(unsigned char)bytes.data[0];
  if (value.type != JG_VALUE_NULL && value.type != type) {
    return false;
  }
  if (value.type == JG_VALUE_STRING) {
    if (!take_string(&left, &value.string)) {
      return false;
    }
  } else if (value.type == JG_VALUE_GUID) {
    if (!take(&left, sizeof(value.uuid.bytes), &bytes)) {
      return false;
    }
    memcpy(value.uuid.bytes, bytes.data, sizeof(value.uuid.bytes));
  } else if (value.type != JG_VALUE_NULL) {
    if (!take(&left, sizeof(uint64_t), &bytes)) {
      return false;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof(bits); i++) {
      bits = bits << 8 | (unsigned char)bytes.data[i];
    }
    value.integer = (int64_t)bits;
    if (value.type == JG_VALUE_DECIMAL) {
      memcpy(&value.decimal, &bits, sizeof(bits));
    }
  }
  if (!is_sound(&value)) {
    return false;
  }
  *rest = left;
  *ret_value = value;
  return true;
}
