#include "base/str.h"

static unsigned char lower_ascii(char c) {
  unsigned char byte = (unsigned char)c;
  return (byte >= 'A' && byte <= 'Z') ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

bool jg_str_equal_nocase(struct jg_str a, struct jg_str b) {
  if (a.len != b.len) {
    return false;
  }
  for (size_t i = 0; i < a.len; i++) {
    if (lower_ascii(a.data[i]) != lower_ascii(b.data[i])) {
      return false;
    }
  }
  return true;
}

int jg_str_compare(struct jg_str a, struct jg_str b) {
  size_t shorter = a.len < b.len ? a.len : b.len;
  int order = shorter != 0 ? memcmp(a.data, b.data, shorter) : 0;
  if (order != 0) {
    return order;
  }
  return (a.len > b.len) - (a.len < b.len);
}

bool jg_str_starts_with(struct jg_str s, struct jg_str prefix) {
  return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

bool jg_str_ends_with(struct jg_str s, struct jg_str suffix) {
  return s.len >= suffix.len &&
         (suffix.len == 0 || memcmp(s.data + (s.len - suffix.len), suffix.data, suffix.len) == 0);
}

struct jg_str jg_str_sub(struct jg_str s, size_t from, size_t len) {
  if (from >= s.len) {
    return s.data != NULL ? jg_str_make(s.data + s.len, 0) : s;
  }
  size_t left = s.len - from;
  return jg_str_make(s.data + from, len < left ? len : left);
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

struct jg_str jg_str_trim(struct jg_str s) {
  while (s.len > 0 && is_blank(s.data[0])) {
    s.data++;
    s.len--;
  }
  while (s.len > 0 && is_blank(s.data[s.len - 1])) {
    s.len--;
  }
  return s;
}

struct jg_str jg_str_cut(struct jg_str s, char separator, struct jg_str *ret_rest) {
  size_t at = jg_str_find(s, separator, 0);
  if (at == SIZE_MAX) {
    *ret_rest = JG_STR_NONE;
    return s;
  }
  *ret_rest = jg_str_make(s.data + at + 1, s.len - at - 1);
  return jg_str_make(s.data, at);
}

size_t jg_str_find(struct jg_str s, char c, size_t from) {
  if (from >= s.len) {
    return SIZE_MAX;
  }
  const char *found = memchr(s.data + from, (unsigned char)c, s.len - from);
  return found != NULL ? (size_t)(found - s.data) : SIZE_MAX;
}

size_t jg_str_find_last(struct jg_str s, char c) {
  const char *found = s.len > 0 ? memrchr(s.data, (unsigned char)c, s.len) : NULL;
  return found != NULL ? (size_t)(found - s.data) : SIZE_MAX;
}

bool jg_parse_u64(struct jg_str s, uint64_t *ret_value) {
  if (s.len == 0) {
    return false;
  }
  uint64_t value = 0;
  for (size_t i = 0; i < s.len; i++) {
    unsigned digit = (unsigned char)s.data[i] - (unsigned)'0';
    if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value)) {
      return false;
    }
  }
  *ret_value = value;
  return true;
}

bool jg_parse_i64(struct jg_str s, int64_t *ret_value) {
  bool negative = s.len > 0 && s.data[0] == '-';
  uint64_t magnitude = 0;
  if (!jg_parse_u64(negative ? jg_str_sub(s, 1, s.len) : s, &magnitude)) {
    return false;
  }
  if (negative) {
    if (magnitude > (uint64_t)INT64_MAX + 1) {
      return false;
    }
    // -magnitude without leaving int64_t at INT64_MIN.
    *ret_value = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    return true;
  }
  if (magnitude > (uint64_t)INT64_MAX) {
    return false;
  }
  *ret_value = (int64_t)magnitude;
  return true;
}

bool jg_size_add(size_t a, size_t b, size_t *ret_sum) {
  size_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    return false;
  }
  *ret_sum = sum;
  return true;
}

bool jg_size_mul(size_t a, size_t b, size_t *ret_product) {
  size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    return false;
  }
  *ret_product = product;
  return true;
}

bool jg_to_u32(uint64_t value, uint32_t *ret_value) {
  if (value > UINT32_MAX) {
    return false;
  }
  *ret_value = (uint32_t)value;
  return true;
}
