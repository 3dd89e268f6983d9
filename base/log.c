#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/utf8.h"

/* Pipes do not mix writes of up to PIPE_BUF bytes with others' (POSIX, write). */
#define LINE_BYTES PIPE_BUF
#define TAIL_BYTES 32    /* kept free for the mark of a shortened line and its end */
#define VALUE_BYTES 1024 /* of one value as printed, so that a long one leaves room for the other fields */

struct line {
  size_t len;
  bool overflow; /* the last piece did not fit and is missing */
  bool truncated;
  char text[LINE_BYTES];
};

static const char *const level_names[] = {
    [JG_LOG_DEBUG] = "debug", [JG_LOG_INFO] = "info", [JG_LOG_WARN] = "warn", [JG_LOG_ERROR] = "error"};

static void put_str(struct line *line, struct jg_str s);
static void put_cstr(struct line *line, const char *text) {
  put_str(line, jg_str_from_cstr(text));
}
static void put_time(struct line *line, const struct jg_clock *clock);
static void put_value(struct line *line, const struct jg_log_field *field, bool bare_allowed);
static void end_line(struct line *line, const char *tail);
static void write_line(int fd, const struct line *line);

void jg_log_write(const struct jg_log *log, enum jg_log_level level, const char *event,
                  const struct jg_log_field *fields, size_t field_count) {
  if (log == NULL || level < log->level_min) {
    return;
  }
  JG_ASSERT((size_t)level < JG_COUNT(level_names));
  bool json = log->format == JG_LOG_JSON;
  struct line line;
  line.len = 0;
  line.overflow = line.truncated = false;

  put_cstr(&line, json ? "{\"time\":\"" : "");
  put_time(&line, log->clock);
  put_cstr(&line, json ? "\",\"level\":\"" : " ");
  put_cstr(&line, level_names[level]);
  put_cstr(&line, json ? "\",\"event\":\"" : " ");
  put_cstr(&line, event);
  put_cstr(&line, json ? "\"" : "");
  for (size_t i = 0; i < field_count; i++) {
    size_t field_start = line.len;
    line.overflow = false;
    // Keys are our own words and need no escapes.
    put_cstr(&line, json ? ",\"" : " ");
    put_cstr(&line, fields[i].key);
    put_cstr(&line, json ? "\":" : "=");
    put_value(&line, &fields[i], !json);
    if (line.overflow) {
      line.len = field_start;
      line.truncated = true;
    }
  }
  if (line.truncated) {
    end_line(&line, json ? ",\"truncated\":true}\n" : " truncated=true\n");
  } else {
    end_line(&line, json ? "}\n" : "\n");
  }
  write_line(log->fd, &line);
}

static void put_str(struct line *line, struct jg_str s) {
  if (s.len > LINE_BYTES - TAIL_BYTES - line->len) {
    line->overflow = true;
    return;
  }
  if (s.len != 0) {
    memcpy(line->text + line->len, s.data, s.len);
    line->len += s.len;
  }
}

/* RFC 3339 in UTC, milliseconds. */
static void put_time(struct line *line, const struct jg_clock *clock) {
  int64_t ticks = jg_clock_now_ticks(clock);
  int64_t fraction = ticks % JG_TICKS_PER_SECOND;
  if (fraction < 0) {
    fraction += JG_TICKS_PER_SECOND;
  }
  time_t seconds = (time_t)((ticks - fraction) / JG_TICKS_PER_SECOND);
  struct tm utc;
  JG_ASSERT(gmtime_r(&seconds, &utc) != NULL);
  char text[64];
  int len = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(fraction / (JG_TICKS_PER_SECOND / 1000)));
  JG_ASSERT(len > 0 && (size_t)len < sizeof(text));
  put_str(line, jg_str_make(text, (size_t)len));
}

/* Writes what starts at s[*index] as it stands inside a JSON string (RFC 8259 section 7) and moves *index behind it.
 * Terminal controls are escaped too; a byte that is no UTF-8 becomes U+FFFD. Returns the bytes written, at most 6. */
static size_t escape_next(struct jg_str s, size_t *index, char out[8]) {
  unsigned char byte = (unsigned char)s.data[*index];
  if (byte == '"' || byte == '\\') {
    *index += 1;
    out[0] = '\\';
    out[1] = (char)byte;
    return 2;
  }
  if (byte >= 0x20 && byte < 0x7F) {
    *index += 1;
    out[0] = (char)byte;
    return 1;
  }
  uint32_t code_point = 0xFFFD;
  size_t bytes = byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
  struct jg_str sequence = jg_str_sub(s, *index, bytes);
  if (jg_utf8_valid(sequence)) {
    size_t inside = 0;
    code_point = jg_utf8_next(sequence, &inside);
  } else {
    bytes = 1;
  }
  *index += bytes;
  if (code_point < 0xA0) {
    return (size_t)snprintf(out, 8, "\\u%04" PRIx32, code_point);
  }
  return jg_utf8_put(code_point, out);
}

static void put_quoted(struct line *line, struct jg_str s) {
  size_t room = LINE_BYTES - TAIL_BYTES - line->len;
  if (room < 2) {
    line->overflow = true;
    return;
  }
  size_t end = line->len + (room < VALUE_BYTES ? room : VALUE_BYTES) - 1;  // The closing quote's place.
  line->text[line->len++] = '"';
  for (size_t i = 0; i < s.len;) {
    char escaped[8];
    size_t len = escape_next(s, &i, escaped);
    if (len > end - line->len) {
      line->truncated = true;
      break;
    }
    memcpy(line->text + line->len, escaped, len);
    line->len += len;
  }
  line->text[line->len++] = '"';
}

/* Printable ASCII without anything that a reader of key=value splits at. */
static bool is_bare(struct jg_str s) {
  for (size_t i = 0; i < s.len; i++) {
    char c = s.data[i];
    if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\') {
      return false;
    }
  }
  return s.len != 0 && s.len <= VALUE_BYTES;
}

static void put_value(struct line *line, const struct jg_log_field *field, bool bare_allowed) {
  if (field->type == JG_LOG_FIELD_INT) {
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, field->integer);
    put_str(line, jg_str_make(text, (size_t)len));
  } else if (bare_allowed && is_bare(field->str)) {
    put_str(line, field->str);
  } else {
    put_quoted(line, field->str);
  }
}

/* The tail always fits: TAIL_BYTES were kept for it. */
static void end_line(struct line *line, const char *tail) {
  size_t len = strlen(tail);
  JG_ASSERT(len <= LINE_BYTES - line->len);
  memcpy(line->text + line->len, tail, len);
  line->len += len;
}

static void write_line(int fd, const struct line *line) {
  ssize_t written;
  do {
    written = write(fd, line->text, line->len);
  } while (written < 0 && errno == EINTR);
  // A log that cannot be written must not stop the service; there is nowhere to report it.
  (void)written;
}
