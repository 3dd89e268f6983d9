/* A region of memory with one lifespan (process, connection, call, scratch) and a cap.
 * Thread: its owner's, one at a time. */
#ifndef JG_BASE_ARENA_H
#define JG_BASE_ARENA_H

#include <stdarg.h>

#include "base/compiler.h"
#include "base/str.h"

struct jg_arena_block;
struct jg_arena_hook;

/* A plain value so that it can live in its owner's struct; the members are the arena's own. */
struct jg_arena {
  struct jg_arena_block *block;
  struct jg_arena_hook *hooks;
  char *next;
  size_t left;
  size_t used_bytes; /* handed out and lost to alignment */
  size_t bytes_max;
  bool failed; /* an allocation met the cap */
};

/* bytes_max: the cap, > 0. */
void jg_arena_init(struct jg_arena *arena, size_t bytes_max);
/* Runs the hooks, newest first, and frees everything. An arena that was zeroed or done is allowed. */
void jg_arena_done(struct jg_arena *arena);
/* As done followed by init with the same cap, but keeps one block. */
void jg_arena_reset(struct jg_arena *arena);

/* 16-byte aligned, not zeroed; NULL at the cap. bytes may be 0. */
JG_MUST_CHECK void *jg_arena_alloc(struct jg_arena *arena, size_t bytes);
JG_MUST_CHECK void *jg_arena_alloc_zero(struct jg_arena *arena, size_t bytes);
/* Copies, with a NUL behind; data NULL at the cap. */
JG_MUST_CHECK struct jg_str jg_arena_str(struct jg_arena *arena, struct jg_str s);
/* NUL-terminated; NULL at the cap. */
JG_MUST_CHECK const char *jg_arena_printf(struct jg_arena *arena, const char *format, ...) JG_PRINTF(2, 3);
JG_MUST_CHECK const char *jg_arena_vprintf(struct jg_arena *arena, const char *format, va_list args) JG_PRINTF(2, 0);
/* fn(data) runs when the arena ends; false at the cap (fn then ran at once, so that nothing leaks). */
bool jg_arena_defer(struct jg_arena *arena, void (*fn)(void *data), void *data);

#endif
