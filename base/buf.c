#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#define CAPACITY_FIRST 256u

void jg_buf_init(struct jg_buf *buf, size_t bytes_max) {
  *buf = (struct jg_buf){.bytes_max = bytes_max};
}

void jg_buf_done(struct jg_buf *buf) {
  jg_free(buf->data);
  *buf = (struct jg_buf){0};
}

void jg_buf_clear(struct jg_buf *buf) {
  buf->len = 0;
  buf->failed = false;
}

/* needed: the whole length, within the maximum. One byte more is allocated, so that printf's NUL always has a place. */
static void grow(struct jg_buf *buf, size_t needed) {
  size_t capacity = buf->capacity > buf->bytes_max / 2 ? buf->bytes_max : buf->capacity * 2;
  if (capacity < CAPACITY_FIRST) {
    capacity = buf->bytes_max < CAPACITY_FIRST ? buf->bytes_max : CAPACITY_FIRST;
  }
  if (capacity < needed) {
    capacity = needed;
  }
  size_t bytes = 0;
  JG_ASSERT(jg_size_add(capacity, 1, &bytes));
  buf->data = jg_realloc(buf->data, bytes);
  buf->capacity = capacity;
}

/* Inline in this file even where a shared object could replace jg_buf_reserve. */
static inline char *room_for(struct jg_buf *buf, size_t bytes) {
  if (JG_UNLIKELY(buf->failed || bytes > buf->bytes_max - buf->len)) {
    buf->failed = true;
    return NULL;
  }
  if (JG_UNLIKELY(buf->data == NULL || bytes > buf->capacity - buf->len)) {
    grow(buf, buf->len + bytes);
  }
  return buf->data + buf->len;
}

char *jg_buf_reserve(struct jg_buf *buf, size_t bytes) {
  return room_for(buf, bytes);
}

JG_HOT void jg_buf_append(struct jg_buf *buf, const void *data, size_t len) {
  char *room = room_for(buf, len);
  if (room != NULL && len != 0) {
    memcpy(room, data, len);
    buf->len += len;
  }
}

JG_HOT void jg_buf_append_char(struct jg_buf *buf, char c) {
  char *room = room_for(buf, 1);
  if (room != NULL) {
    *room = c;
    buf->len++;
  }
}

void jg_buf_printf(struct jg_buf *buf, const char *format, ...) {
  char *room = room_for(buf, 0);
  if (room == NULL) {
    return;
  }
  size_t left = buf->capacity - buf->len;
  va_list args;
  va_list again;
  va_start(args, format);
  va_copy(again, args);
  int printed = vsnprintf(room, left + 1, format, args);
  JG_ASSERT(printed >= 0);
  size_t len = (size_t)printed;
  if (len > left) {
    room = room_for(buf, len);
    if (room != NULL) {
      (void)vsnprintf(room, len + 1, format, again);  // The same text as just measured.
    }
  }
  if (room != NULL) {
    buf->len += len;
  }
  va_end(again);
  va_end(args);
}
