#include "bridge/coding/coding.h"

#include <limits.h>
#include <zlib.h>

#define WINDOW_BITS_MAX 15
#define WINDOW_BITS_MIN 9
#define GZIP_BITS 16 /* added to the window's: zlib's way to say gzip */
#define RAW (-1)     /* factor of the window's: no wrapper */
#define CHUNK_BYTES (16u << 10)
/* zlib takes lengths as unsigned int. */
#define PIECE_BYTES_MAX ((size_t)1 << 30)

static const char *const names[JG_CODING_COUNT] = {"identity", "gzip", "deflate"};

struct jg_str jg_coding_name(enum jg_coding coding) {
  JG_ASSERT((size_t)coding < JG_CODING_COUNT);
  return jg_str_from_cstr(names[coding]);
}

bool jg_coding_by_name(struct jg_str name, enum jg_coding *ret_coding) {
  for (enum jg_coding coding = JG_CODING_IDENTITY; coding < JG_CODING_COUNT; coding++) {
    if (jg_str_equal_nocase(name, jg_coding_name(coding))) {
      *ret_coding = coding;
      return true;
    }
  }
  if (jg_str_equal_nocase(name, JG_STR("x-gzip"))) {
    *ret_coding = JG_CODING_GZIP;
    return true;
  }
  return false;
}

/* zlib's memory is counted and checked as all of ours. */
static voidpf allocate(voidpf data, uInt count, uInt bytes) {
  (void)data;
  size_t all = 0;
  bool fits = jg_size_mul(count, bytes, &all);
  JG_ASSERT(fits);
  return jg_alloc_zero(1, all);
}

static void release(voidpf data, voidpf memory) {
  (void)data;
  jg_free(memory);
}

/* The smallest window that holds the text: what zlib allocates and clears follows it. */
static int window_bits(size_t bytes) {
  int bits = WINDOW_BITS_MIN;
  while (bits < WINDOW_BITS_MAX && ((size_t)1 << bits) < bytes) {
    bits++;
  }
  return bits;
}

/* The next piece of the input, if the last one is used up. */
static void feed(z_stream *stream, struct jg_str *rest) {
  if (stream->avail_in == 0 && rest->len != 0) {
    size_t len = rest->len < PIECE_BYTES_MAX ? rest->len : PIECE_BYTES_MAX;
    stream->next_in = (Bytef *)rest->data;
    stream->avail_in = (uInt)len;
    *rest = jg_str_make(rest->data + len, rest->len - len);
  }
}

void jg_coding_compress(enum jg_coding coding, enum jg_coding_effort effort, struct jg_str text, struct jg_buf *out) {
  JG_ASSERT(coding == JG_CODING_GZIP || coding == JG_CODING_DEFLATE);
  z_stream stream = {.zalloc = allocate, .zfree = release};
  int bits = window_bits(text.len);
  int level = effort == JG_CODING_FAST ? Z_BEST_SPEED : Z_BEST_COMPRESSION;
  int memory = bits - WINDOW_BITS_MAX + 8;
  int result = deflateInit2(&stream, level, Z_DEFLATED, bits + (coding == JG_CODING_GZIP ? GZIP_BITS : 0),
                            memory > 1 ? memory : 1, Z_DEFAULT_STRATEGY);
  JG_ASSERT(result == Z_OK);
  do {
    feed(&stream, &text);
    stream.next_out = (Bytef *)jg_buf_reserve(out, CHUNK_BYTES);
    if (stream.next_out == NULL) {
      break;
    }
    stream.avail_out = CHUNK_BYTES;
    result = deflate(&stream, text.len == 0 ? Z_FINISH : Z_NO_FLUSH);
    JG_ASSERT(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
    out->len += CHUNK_BYTES - stream.avail_out;
  } while (result != Z_STREAM_END);
  (void)deflateEnd(&stream);  // Says only whether it was cut short.
}

/* "deflate" is zlib's format, but many a client sends it without zlib's two bytes in front (RFC 9110 section 8.4.1.2). */
static bool has_zlib_head(struct jg_str coded) {
  if (coded.len < 2) {
    return false;
  }
  unsigned first = (unsigned char)coded.data[0], second = (unsigned char)coded.data[1];
  return (first & 0x0f) == Z_DEFLATED && (first >> 4) <= WINDOW_BITS_MAX - 8 && (first << 8 | second) % 31 == 0;
}

static int expand_bits(enum jg_coding coding, struct jg_str coded) {
  if (coding == JG_CODING_GZIP) {
    return WINDOW_BITS_MAX + GZIP_BITS;
  }
  return has_zlib_head(coded) ? WINDOW_BITS_MAX : RAW * WINDOW_BITS_MAX;
}

static struct jg_status malformed(void) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                        "the body is not what its Content-Encoding says, or is cut short");
}

/* Room for the next output: what is left below the cap, and one byte that only says that there is more. */
static bool make_room(z_stream *stream, struct jg_buf *out, Bytef *beyond) {
  size_t left = out->bytes_max - out->len;
  size_t room = left < CHUNK_BYTES ? left : CHUNK_BYTES;
  stream->next_out = room != 0 ? (Bytef *)jg_buf_reserve(out, room) : beyond;
  stream->avail_out = room != 0 ? (uInt)room : 1;
  return room != 0;
}

static struct jg_status expand(z_stream *stream, enum jg_coding coding, struct jg_str rest, struct jg_buf *out) {
  int result = Z_OK;
  for (;;) {
    feed(stream, &rest);
    if (result == Z_STREAM_END) {
      if (stream->avail_in == 0) {
        return JG_STATUS_OK;
      }
      if (coding != JG_CODING_GZIP || inflateReset(stream) != Z_OK) {
        return malformed();
      }
    }
    Bytef beyond = 0;
    bool within = make_room(stream, out, &beyond);
    uInt room = stream->avail_out, had = stream->avail_in;
    result = inflate(stream, Z_NO_FLUSH);
    size_t made = room - stream->avail_out;
    if (result != Z_OK && result != Z_STREAM_END) {
      return malformed();  // Z_BUF_ERROR too: the input has ended before the text.
    }
    if (!within && made != 0) {
      return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_LIMIT_EXCEEDED, "the body is too large");
    }
    out->len += within ? made : 0;
    if (result == Z_OK && made == 0 && stream->avail_in == had) {
      return malformed();
    }
  }
}

struct jg_status jg_coding_expand(enum jg_coding coding, struct jg_str coded, struct jg_buf *out) {
  JG_ASSERT(coding == JG_CODING_GZIP || coding == JG_CODING_DEFLATE);
  JG_ASSERT(out->bytes_max <= INT_MAX);
  z_stream stream = {.zalloc = allocate, .zfree = release};
  int result = inflateInit2(&stream, expand_bits(coding, coded));
  JG_ASSERT(result == Z_OK);
  struct jg_status status = expand(&stream, coding, coded, out);
  (void)inflateEnd(&stream);  // Fails for a broken stream alone.
  return status;
}
