#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/codec/json_encode_internal.h"

/* Fifteen digits name at most one double and each is exact: below this a quotient of integers is correctly rounded, as a
 * parser's result is (Clinger 1990). */
#define EXACT_MAX 1e15
#define DIGITS_MAX 17

static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* Coordinates have seven digits behind the point at most. */
#define PLACES_USUAL 7

/* What the text is made of: digits without trailing zeros, and how many of them stand before the point (may be <= 0). */
struct decimal {
  char digits[DIGITS_MAX + 1];
  int count;
  int point;
};

static char *put_integer(char *p, uint64_t value) {
  char reversed[20];
  size_t count = 0;
  do {
    reversed[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) {
    *p++ = reversed[--count];
  }
  return p;
}

/* scaled / 10^places in decimal. */
static char *put_fixed(char *p, uint64_t scaled, unsigned places) {
  while (places > 1 && scaled % 10 == 0) {
    scaled /= 10;
    places--;
  }
  uint64_t power = (uint64_t)powers[places];
  p = put_integer(p, scaled / power);
  *p++ = '.';
  uint64_t fraction = scaled % power;
  for (unsigned i = places; i > 0; i--) {
    p[i - 1] = (char)('0' + fraction % 10);
    fraction /= 10;
  }
  return p + places;
}

/* value >= 0. NULL unless value is an integer of at most 15 digits over 10^places. */
static char *put_exact(char *p, double value, unsigned places) {
  double scaled = value * powers[places];
  if (!(scaled < EXACT_MAX)) {
    return NULL;
  }
  uint64_t rounded = (uint64_t)(scaled + 0.5);
  if ((double)rounded / powers[places] != value) {
    return NULL;
  }
  return put_fixed(p, rounded, places);
}

/* The fewest digits that read back as value, which is positive. */
static struct decimal shortest(double value) {
  struct decimal decimal = {.count = 0};
  // Denormals have fewer digits than the fifteen that every other double keeps.
  for (int precision = value < DBL_MIN ? 1 : 15; precision <= DIGITS_MAX; precision++) {
    char text[40];
    (void)snprintf(text, sizeof(text), "%.*e", precision - 1, value);  // At most 17 digits and an exponent: it fits.
    if (precision < DIGITS_MAX && strtod(text, NULL) != value) {
      continue;
    }
    decimal.count = 0;
    const char *c = text;
    for (; *c != 'e'; c++) {
      if (*c >= '0' && *c <= '9') {
        decimal.digits[decimal.count++] = *c;
      }
    }
    int64_t exponent = 0;
    const char *sign = c + 1;
    JG_ASSERT(jg_parse_i64(jg_str_from_cstr(*sign == '+' ? sign + 1 : sign), &exponent));
    decimal.point = (int)exponent + 1;
    break;
  }
  while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0') {
    decimal.count--;
  }
  return decimal;
}

/* Digits without an exponent, with a point and at least one digit on both of its sides. */
static char *put_digits(char *p, const struct decimal *decimal) {
  if (decimal->point <= 0) {
    *p++ = '0';
    *p++ = '.';
    memset(p, '0', (size_t)-decimal->point);
    p += -decimal->point;
    memcpy(p, decimal->digits, (size_t)decimal->count);
    return p + decimal->count;
  }
  for (int i = 0; i < decimal->point; i++) {
    *p++ = (char)(i < decimal->count ? decimal->digits[i] : '0');
  }
  *p++ = '.';
  if (decimal->point >= decimal->count) {
    *p++ = '0';
    return p;
  }
  size_t rest = (size_t)(decimal->count - decimal->point);
  memcpy(p, decimal->digits + decimal->point, rest);
  return p + rest;
}

size_t jg_json_put_decimal(double value, char out[JG_JSON_DECIMAL_MAX]) {
  char *p = out;
  if (!isfinite(value)) {
    value = 0;
  }
  if (signbit(value)) {
    *p++ = '-';
    value = -value;
  }
  char *end = put_exact(p, value, PLACES_USUAL);
  if (end == NULL) {
    // As many places as fifteen digits leave.
    unsigned places = JG_COUNT(powers) - 1;
    while (places > 0 && value * powers[places] >= EXACT_MAX) {
      places--;
    }
    end = put_exact(p, value, places > 0 ? places : 1);
  }
  if (end == NULL) {
    struct decimal decimal = shortest(value);
    end = put_digits(p, &decimal);
  }
  return (size_t)(end - out);
}

void jg_json_encode_decimal(double value, struct jg_buf *out) {
  char text[JG_JSON_DECIMAL_MAX];
  jg_buf_append(out, text, jg_json_put_decimal(value, text));
}
