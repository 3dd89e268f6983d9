/* Reads each file that the command line names with the JSON reader and prints "accepted FILE" or "refused FILE: why". */
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "proto/codec/json_reader.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define ARENA_BYTES_MAX ((size_t)16 << 20)

static bool read_file(const char *path, struct jg_buf *ret_bytes) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return false;
  }
  char *room = jg_buf_reserve(ret_bytes, FILE_BYTES_MAX);
  bool whole = false;
  if (room != NULL) {
    ret_bytes->len += fread(room, 1, FILE_BYTES_MAX, file);
    whole = ferror(file) == 0 && feof(file) != 0;
  }
  (void)fclose(file);  // Nothing was written.
  return whole;
}

/* arena: of the strings and the message; NULL: the text is only checked. */
static struct jg_status read_text(struct jg_str text, struct jg_arena *arena) {
  struct jg_json_reader reader;
  jg_json_reader_init(&reader, text, arena);
  for (;;) {
    switch (jg_json_next(&reader)) {
      case JG_JSON_ERROR:
        return jg_json_reader_status(&reader);
      case JG_JSON_END:
        return JG_STATUS_OK;
      default:
        break;
    }
  }
}

/* False: the file could not be read, or reading and checking disagree. */
static bool judge(const char *path) {
  struct jg_buf bytes;
  struct jg_arena arena;
  jg_buf_init(&bytes, FILE_BYTES_MAX);
  jg_arena_init(&arena, ARENA_BYTES_MAX);
  bool judged = read_file(path, &bytes);
  if (judged) {
    struct jg_status status = read_text(jg_buf_str(&bytes), &arena);
    struct jg_status checked = read_text(jg_buf_str(&bytes), NULL);
    judged = status.code == checked.code;
    if (jg_status_ok(status)) {
      (void)printf("accepted %s\n", path);
    } else {
      (void)printf("refused %s: %s\n", path, status.message);
    }
  }
  if (!judged) {
    (void)fprintf(stderr, "%s: no verdict\n", path);
  }
  jg_arena_done(&arena);
  jg_buf_done(&bytes);
  return judged;
}

int main(int argc, char **argv) {
  bool judged = argc > 1;
  for (int i = 1; i < argc; i++) {
    judged = judge(argv[i]) && judged;
  }
  return judged ? 0 : 1;
}
