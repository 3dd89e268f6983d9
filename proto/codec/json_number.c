#include "proto/codec/json_number.h"

#include <stdlib.h>

/* Beyond this an exponent only says "none" or "too large": no text has as many digits. */
#define EXPONENT_MAX INT64_C(1000000000000)
#define EXACT_DIGITS 15u

/* The parts of a number: its digits without the point, how many of them stand behind it, the exponent. */
struct parts {
  bool negative;
  struct jg_str whole, fraction;
  int64_t exponent;
};

static struct jg_str take_digits(struct jg_str *rest) {
  size_t len = 0;
  while (len < rest->len && rest->data[len] >= '0' && rest->data[len] <= '9') {
    len++;
  }
  struct jg_str digits = jg_str_make(rest->data, len);
  *rest = jg_str_sub(*rest, len, rest->len);
  return digits;
}

static bool take_char(struct jg_str *rest, char c) {
  if (rest->len == 0 || rest->data[0] != c) {
    return false;
  }
  *rest = jg_str_sub(*rest, 1, rest->len);
  return true;
}

static struct parts split(struct jg_str text) {
  struct parts parts = {.negative = take_char(&text, '-')};
  parts.whole = take_digits(&text);
  if (take_char(&text, '.')) {
    parts.fraction = take_digits(&text);
  }
  if (take_char(&text, 'e') || take_char(&text, 'E')) {
    bool minus = take_char(&text, '-');
    (void)take_char(&text, '+');
    struct jg_str digits = take_digits(&text);
    for (size_t i = 0; i < digits.len && parts.exponent < EXPONENT_MAX; i++) {
      parts.exponent = parts.exponent * 10 + (digits.data[i] - '0');
    }
    parts.exponent = minus ? -parts.exponent : parts.exponent;
  }
  JG_ASSERT(text.len == 0 && parts.whole.len > 0);
  return parts;
}

static int64_t digit_at(const struct parts *parts, size_t index) {
  return (index < parts->whole.len ? parts->whole.data[index] : parts->fraction.data[index - parts->whole.len]) - '0';
}

bool jg_json_number_int(struct jg_str text, int32_t *ret_value) {
  struct parts parts = split(text);
  size_t end = parts.whole.len + parts.fraction.len;
  size_t first = 0;
  while (first < end && digit_at(&parts, first) == 0) {
    first++;
  }
  if (first == end) {
    *ret_value = 0;
    return true;
  }
  int64_t power = parts.exponent - (int64_t)parts.fraction.len;
  while (digit_at(&parts, end - 1) == 0) {
    end--;
    power++;
  }
  // Ten digits are the most that 32 bits have.
  if (power < 0 || power > 10 || end - first + (size_t)power > 10) {
    return false;
  }
  int64_t value = 0;
  for (size_t i = first; i < end; i++) {
    value = value * 10 + digit_at(&parts, i);
  }
  for (; power > 0; power--) {
    value *= 10;
  }
  value = parts.negative ? -value : value;
  if (value < INT32_MIN || value > INT32_MAX) {
    return false;
  }
  *ret_value = (int32_t)value;
  return true;
}

bool jg_json_number_double(struct jg_str text, struct jg_arena *arena, double *ret_value) {
  struct parts parts = split(text);
  size_t count = parts.whole.len + parts.fraction.len;
  if (count <= EXACT_DIGITS && parts.exponent == 0) {
    // Two exact doubles: their quotient is correctly rounded (Clinger 1990).
    int64_t digits = 0;
    int64_t power = 1;
    for (size_t i = 0; i < count; i++) {
      digits = digits * 10 + digit_at(&parts, i);
      power *= i < parts.whole.len ? 1 : 10;
    }
    double value = (double)digits / (double)power;
    *ret_value = parts.negative ? -value : value;
    return true;
  }
  struct jg_str copy = jg_arena_str(arena, text);
  if (copy.data == NULL) {
    return false;
  }
  *ret_value = strtod(copy.data, NULL);
  return true;
}
