#include "proto/codec/date.h"

#define TICKS_PER_DAY (INT64_C(86400) * JG_TICKS_PER_SECOND)
#define SECONDS_MIN INT64_C(-62135596800)     /* 0001-01-01T00:00:00Z */
#define SECONDS_MAX INT64_C(253402300799)     /* 9999-12-31T23:59:59Z */
#define OFFSET_MINUTES_MAX (INT64_C(14) * 60) /* of a .NET DateTimeOffset */

_Static_assert(JG_TICKS_MIN == SECONDS_MIN * JG_TICKS_PER_SECOND, "0001 in seconds and in ticks");
_Static_assert(JG_TICKS_MAX == SECONDS_MAX * JG_TICKS_PER_SECOND + JG_TICKS_PER_SECOND - 1, "9999 in both");

static const char digit_pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* What is left of a text to be parsed. */
struct cursor {
  const char *p;
  const char *end;
};

static char *put_pair(char *p, uint32_t value) {
  memcpy(p, digit_pairs + (size_t)value * 2, 2);
  return p + 2;
}

/* Days since 1970-01-01 to a civil date. Years begin on 1 March here, so that leap days come last; each division is an
 * exact multiplication by a constant (Neri and Schneider, "Euclidean affine functions and their application to calendar
 * algorithms", 2022). */
static char *put_day(char *p, int64_t days) {
  uint32_t by_century = 4 * (uint32_t)(days + 719468) + 3;
  uint32_t century = by_century / 146097;
  uint32_t by_year = by_century % 146097 | 3;
  uint64_t product = (uint64_t)2939745 * by_year;
  uint32_t year_of_century = (uint32_t)(product >> 32);
  uint32_t day_of_year = (uint32_t)product / 2939745 / 4;
  uint32_t by_month = 2141 * day_of_year + 197913;
  uint32_t month = by_month >> 16;
  uint32_t day = (by_month & 0xFFFF) / 2141 + 1;
  if (day_of_year >= 306) {
    month -= 12;
    year_of_century++;
  }
  // January and February of a century's last year lie in the next one.
  bool next_century = year_of_century == 100;
  p = put_pair(p, century + next_century);
  p = put_pair(p, next_century ? 0 : year_of_century);
  *p++ = '-';
  p = put_pair(p, month);
  *p++ = '-';
  return put_pair(p, day);
}

static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  int64_t march_year = year - (month <= 2);
  int64_t era = march_year / 400;
  int64_t year_of_era = march_year - era * 400;
  int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

/* fraction: ticks of one second, not 0. Writes the point and up to seven digits. */
static char *put_fraction(char *p, uint32_t fraction) {
  *p++ = '.';
  *p++ = (char)('0' + fraction / 1000000);
  p = put_pair(p, fraction / 10000 % 100);
  p = put_pair(p, fraction / 100 % 100);
  p = put_pair(p, fraction % 100);
  while (p[-1] == '0') {
    p--;
  }
  return p;
}

JG_HOT size_t jg_date_format(int64_t ticks, enum jg_date_style style, char out[JG_DATE_TEXT_MAX]) {
  JG_ASSERT(ticks >= JG_TICKS_MIN && ticks <= JG_TICKS_MAX);
  // Counted from year 1 everything is positive, and unsigned division is the cheap one.
  uint64_t from_min = (uint64_t)(ticks - JG_TICKS_MIN);
  uint64_t day = from_min / (uint64_t)TICKS_PER_DAY;
  uint64_t in_day = from_min - day * (uint64_t)TICKS_PER_DAY;
  uint32_t second = (uint32_t)(in_day / (uint64_t)JG_TICKS_PER_SECOND);
  uint32_t fraction = (uint32_t)(in_day - second * (uint64_t)JG_TICKS_PER_SECOND);
  char *p = put_day(out, (int64_t)day + JG_TICKS_MIN / TICKS_PER_DAY);
  *p++ = 'T';
  p = put_pair(p, second / 3600);
  *p++ = ':';
  p = put_pair(p, second / 60 % 60);
  *p++ = ':';
  p = put_pair(p, second % 60);
  if (style == JG_DATE_Z) {
    uint32_t milliseconds = fraction / 10000;
    *p++ = '.';
    *p++ = (char)('0' + milliseconds / 100);
    p = put_pair(p, milliseconds % 100);
    *p++ = 'Z';
    return (size_t)(p - out);
  }
  if (fraction != 0) {
    p = put_fraction(p, fraction);
  }
  static const char utc[6] = {'+', '0', '0', ':', '0', '0'};
  memcpy(p, utc, sizeof(utc));
  return (size_t)(p - out) + sizeof(utc);
}

static bool take_char(struct cursor *cursor, char c) {
  if (cursor->p == cursor->end || *cursor->p != c) {
    return false;
  }
  cursor->p++;
  return true;
}

/* Exactly `count` digits within min..max. */
static bool take_number(struct cursor *cursor, size_t count, int64_t min, int64_t max, int64_t *ret_value) {
  if ((size_t)(cursor->end - cursor->p) < count) {
    return false;
  }
  int64_t value = 0;
  for (size_t i = 0; i < count; i++) {
    unsigned digit = (unsigned char)cursor->p[i] - (unsigned)'0';
    if (digit > 9) {
      return false;
    }
    value = value * 10 + (int64_t)digit;
  }
  if (value < min || value > max) {
    return false;
  }
  cursor->p += count;
  *ret_value = value;
  return true;
}

static bool take_day(struct cursor *cursor, int64_t *ret_days) {
  static const uint8_t month_days[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  if (!take_number(cursor, 4, 1, 9999, &year) || !take_char(cursor, '-') || !take_number(cursor, 2, 1, 12, &month) ||
      !take_char(cursor, '-') || !take_number(cursor, 2, 1, month_days[month - 1], &day)) {
    return false;
  }
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (month == 2 && day == 29 && !leap) {
    return false;
  }
  *ret_days = days_of(year, month, day);
  return true;
}

/* Digits behind the point, at least one; the eighth rounds (half up), the others only have to be digits. */
static bool take_fraction(struct cursor *cursor, int64_t *ret_ticks) {
  int64_t ticks = 0;
  size_t count = 0;
  for (; cursor->p < cursor->end && *cursor->p >= '0' && *cursor->p <= '9'; cursor->p++, count++) {
    if (count < 7) {
      ticks = ticks * 10 + (*cursor->p - '0');
    } else if (count == 7) {
      ticks += *cursor->p >= '5';
    }
  }
  for (size_t i = count; i < 7; i++) {
    ticks *= 10;
  }
  *ret_ticks = ticks;
  return count > 0;
}

/* hh:mm[:ss[.f]]. Edm.DateTimeOffset lets the seconds away (OData 4.0 ABNF, dateTimeOffsetValue). */
static bool take_time(struct cursor *cursor, int64_t *ret_ticks) {
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t fraction = 0;
  if (!take_number(cursor, 2, 0, 23, &hour) || !take_char(cursor, ':') || !take_number(cursor, 2, 0, 59, &minute)) {
    return false;
  }
  if (take_char(cursor, ':')) {
    if (!take_number(cursor, 2, 0, 59, &second)) {
      return false;
    }
    if (take_char(cursor, '.') && !take_fraction(cursor, &fraction)) {
      return false;
    }
  }
  *ret_ticks = ((hour * 60 + minute) * 60 + second) * JG_TICKS_PER_SECOND + fraction;
  return true;
}

/* Nothing, Z, or an offset of at most 14 hours; a '+' that a URL turned into a space counts (statement 35). */
static bool take_offset(struct cursor *cursor, int64_t *ret_minutes) {
  *ret_minutes = 0;
  if (cursor->p == cursor->end || take_char(cursor, 'Z') || take_char(cursor, 'z')) {
    return true;
  }
  bool east = take_char(cursor, '+') || take_char(cursor, ' ');
  if (!east && !take_char(cursor, '-')) {
    return false;
  }
  int64_t hours = 0;
  int64_t minutes = 0;
  if (!take_number(cursor, 2, 0, 14, &hours) || !take_char(cursor, ':') || !take_number(cursor, 2, 0, 59, &minutes)) {
    return false;
  }
  int64_t offset = hours * 60 + minutes;
  *ret_minutes = east ? offset : -offset;
  return offset <= OFFSET_MINUTES_MAX;
}

bool jg_date_parse(struct jg_str text, int64_t *ret_ticks) {
  if (text.len == 0) {
    return false;
  }
  struct cursor cursor = {text.data, text.data + text.len};
  int64_t days = 0;
  int64_t time = 0;
  int64_t offset = 0;
  if (!take_day(&cursor, &days)) {
    return false;
  }
  if (cursor.p != cursor.end) {
    if (!take_char(&cursor, 'T') && !take_char(&cursor, 't')) {
      return false;
    }
    if (!take_time(&cursor, &time) || !take_offset(&cursor, &offset) || cursor.p != cursor.end) {
      return false;
    }
  }
  int64_t ticks = days * TICKS_PER_DAY + time - offset * 60 * JG_TICKS_PER_SECOND;
  if (ticks < JG_TICKS_MIN || ticks > JG_TICKS_MAX) {
    return false;
  }
  *ret_ticks = ticks;
  return true;
}

int64_t jg_date_midnight(int64_t ticks) {
  int64_t in_day = ticks % TICKS_PER_DAY;
  return ticks - in_day - (in_day < 0 ? TICKS_PER_DAY : 0);
}

bool jg_date_from_timestamp(int64_t seconds, int32_t nanos, int64_t *ret_ticks) {
  if (seconds < SECONDS_MIN || seconds > SECONDS_MAX || nanos < 0 || nanos > 999999999) {
    return false;
  }
  int64_t ticks = seconds * JG_TICKS_PER_SECOND + ((int64_t)nanos + 50) / 100;
  if (ticks > JG_TICKS_MAX) {
    return false;
  }
  *ret_ticks = ticks;
  return true;
}

void jg_date_to_timestamp(int64_t ticks, int64_t *ret_seconds, int32_t *ret_nanos) {
  int64_t seconds = ticks / JG_TICKS_PER_SECOND;
  int64_t rest = ticks % JG_TICKS_PER_SECOND;
  if (rest < 0) {
    seconds--;
    rest += JG_TICKS_PER_SECOND;
  }
  *ret_seconds = seconds;
  *ret_nanos = (int32_t)(rest * 100);
}
