/* A growing byte buffer with a maximum from birth. Failure is sticky: check `failed` once at the end.
 * Thread: its owner's. */
#ifndef JG_BASE_BUF_H
#define JG_BASE_BUF_H

#include "base/compiler.h"
#include "base/str.h"

/* A plain value so that hot loops append inline. */
struct jg_buf {
  char *data;
  size_t len;
  size_t capacity;
  size_t bytes_max;
  bool failed; /* something did not fit; contents end before it */
};

void jg_buf_init(struct jg_buf *buf, size_t bytes_max);
void jg_buf_done(struct jg_buf *buf);  /* frees; a zeroed buffer is allowed */
void jg_buf_clear(struct jg_buf *buf); /* empty and not failed; keeps the memory */
/* Room for `bytes` more at data + len; NULL (and failed) beyond the maximum. The caller adds to len what it wrote. */
char *jg_buf_reserve(struct jg_buf *buf, size_t bytes);
void jg_buf_append(struct jg_buf *buf, const void *data, size_t len);
static inline void jg_buf_append_str(struct jg_buf *buf, struct jg_str s) {
  jg_buf_append(buf, s.data, s.len);
}
void jg_buf_append_char(struct jg_buf *buf, char c);
void jg_buf_printf(struct jg_buf *buf, const char *format, ...) JG_PRINTF(2, 3);
static inline struct jg_str jg_buf_str(const struct jg_buf *buf) {
  return (struct jg_str){buf->data, buf->len};
}

#endif
