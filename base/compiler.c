#include "base/compiler.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_stderr(const char *text, size_t len) {
  ssize_t written = write(STDERR_FILENO, text, len);
  (void)written;  // The process is about to abort; there is nobody left to tell.
}

void jg_assert_fail(const char *condition, const char *file, int line) {
  char text[512];
  int len = snprintf(text, sizeof(text), "%s:%d: assertion failed: %s\n", file, line, condition);
  if (len > 0) {
    write_stderr(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
  }
  abort();
}

void jg_out_of_memory(void) {
  // No formatting: whatever printf needs may be what is missing.
  static const char text[] = "out of memory\n";
  write_stderr(text, sizeof(text) - 1);
  abort();
}

// Of zero bytes malloc may return NULL, which here must only mean that memory is out.
static size_t at_least_one(size_t bytes) {
  return bytes != 0 ? bytes : 1;
}

void *jg_alloc(size_t bytes) {
  void *memory = malloc(at_least_one(bytes));
  if (JG_UNLIKELY(memory == NULL)) {
    jg_out_of_memory();
  }
  return memory;
}

void *jg_alloc_zero(size_t count, size_t bytes) {
  void *memory = calloc(at_least_one(count), at_least_one(bytes));
  if (JG_UNLIKELY(memory == NULL)) {
    jg_out_of_memory();
  }
  return memory;
}

void *jg_realloc(void *memory, size_t bytes) {
  void *moved = realloc(memory, at_least_one(bytes));
  if (JG_UNLIKELY(moved == NULL)) {
    jg_out_of_memory();
  }
  return moved;
}

void jg_free(void *memory) {
  free(memory);
}
