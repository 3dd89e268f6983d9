#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>

#define ALIGNMENT 16u
#define BLOCK_BYTES_FIRST (4u << 10)
#define BLOCK_BYTES_LIMIT (256u << 10)
/* What a reset keeps at most: thousands of idle connections hold one block each. */
#define BLOCK_BYTES_KEPT (16u << 10)

struct jg_arena_block {
  struct jg_arena_block *older;
  size_t bytes; /* of data */
  _Alignas(ALIGNMENT) char data[];
};
_Static_assert(sizeof(struct jg_arena_block) % ALIGNMENT == 0, "data is aligned as malloc's result is");

struct jg_arena_hook {
  struct jg_arena_hook *older;
  void (*fn)(void *data);
  void *data;
};

static void run_hooks(struct jg_arena *arena);
static void free_blocks(struct jg_arena_block *block);
static void *alloc_slow(struct jg_arena *arena, size_t rounded);

void jg_arena_init(struct jg_arena *arena, size_t bytes_max) {
  JG_ASSERT(bytes_max > 0);
  *arena = (struct jg_arena){.bytes_max = bytes_max};
}

void jg_arena_done(struct jg_arena *arena) {
  run_hooks(arena);
  free_blocks(arena->block);
  *arena = (struct jg_arena){0};
}

void jg_arena_reset(struct jg_arena *arena) {
  run_hooks(arena);
  struct jg_arena_block *kept = NULL;
  for (struct jg_arena_block *block = arena->block; block != NULL;) {
    struct jg_arena_block *older = block->older;
    if (kept == NULL && block->bytes <= BLOCK_BYTES_KEPT) {
      kept = block;
      kept->older = NULL;
    } else {
      jg_free(block);
    }
    block = older;
  }
  *arena = (struct jg_arena){.block = kept, .bytes_max = arena->bytes_max};
  if (kept != NULL) {
    arena->next = kept->data;
    arena->left = kept->bytes;
  }
}

JG_HOT void *jg_arena_alloc(struct jg_arena *arena, size_t bytes) {
  // Zero bytes get a place of their own too; a size near SIZE_MAX wraps to 0 and is refused.
  size_t rounded = ((bytes | (bytes == 0)) + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
  if (JG_UNLIKELY(rounded == 0 || rounded > arena->bytes_max - arena->used_bytes)) {
    arena->failed = true;
    return NULL;
  }
  if (JG_UNLIKELY(rounded > arena->left)) {
    return alloc_slow(arena, rounded);
  }
  char *memory = arena->next;
  arena->next += rounded;
  arena->left -= rounded;
  arena->used_bytes += rounded;
  return memory;
}

void *jg_arena_alloc_zero(struct jg_arena *arena, size_t bytes) {
  void *memory = jg_arena_alloc(arena, bytes);
  if (memory != NULL) {
    memset(memory, 0, bytes);
  }
  return memory;
}

struct jg_str jg_arena_str(struct jg_arena *arena, struct jg_str s) {
  size_t bytes = 0;
  char *copy = jg_size_add(s.len, 1, &bytes) ? jg_arena_alloc(arena, bytes) : NULL;
  if (copy == NULL) {
    return JG_STR_NONE;
  }
  if (s.len != 0) {
    memcpy(copy, s.data, s.len);
  }
  copy[s.len] = '\0';
  return jg_str_make(copy, s.len);
}

const char *jg_arena_vprintf(struct jg_arena *arena, const char *format, va_list args) {
  // Most texts are short: print once into the stack and copy; only a long one is printed twice.
  char text[256];
  va_list again;
  va_copy(again, args);
  int len = vsnprintf(text, sizeof(text), format, args);
  JG_ASSERT(len >= 0);
  char *result = jg_arena_alloc(arena, (size_t)len + 1);
  if (result != NULL) {
    if ((size_t)len < sizeof(text)) {
      memcpy(result, text, (size_t)len + 1);
    } else {
      (void)vsnprintf(result, (size_t)len + 1, format, again);  // The same text as just measured.
    }
  }
  va_end(again);
  return result;
}

const char *jg_arena_printf(struct jg_arena *arena, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const char *result = jg_arena_vprintf(arena, format, args);
  va_end(args);
  return result;
}

bool jg_arena_defer(struct jg_arena *arena, void (*fn)(void *data), void *data) {
  struct jg_arena_hook *hook = jg_arena_alloc(arena, sizeof(*hook));
  if (hook == NULL) {
    fn(data);
    return false;
  }
  *hook = (struct jg_arena_hook){.older = arena->hooks, .fn = fn, .data = data};
  arena->hooks = hook;
  return true;
}

/* Popped one by one, so that a hook may itself allocate or defer. */
static void run_hooks(struct jg_arena *arena) {
  while (arena->hooks != NULL) {
    struct jg_arena_hook *hook = arena->hooks;
    arena->hooks = hook->older;
    hook->fn(hook->data);
  }
}

static void free_blocks(struct jg_arena_block *block) {
  while (block != NULL) {
    struct jg_arena_block *older = block->older;
    jg_free(block);
    block = older;
  }
}

static struct jg_arena_block *create_block(size_t bytes) {
  struct jg_arena_block *block = jg_alloc(sizeof(*block) + bytes);
  block->older = NULL;
  block->bytes = bytes;
  return block;
}

/* The cap was checked; `rounded` does not fit into the current block. */
static void *alloc_slow(struct jg_arena *arena, size_t rounded) {
  size_t bytes = BLOCK_BYTES_FIRST - sizeof(struct jg_arena_block);
  if (arena->block != NULL) {
    bytes = (arena->block->bytes + sizeof(struct jg_arena_block)) * 2;
    bytes = (bytes < BLOCK_BYTES_LIMIT ? bytes : BLOCK_BYTES_LIMIT) - sizeof(struct jg_arena_block);
  }
  arena->used_bytes += rounded;
  if (rounded > bytes / 4) {
    // A block of its own, behind the current one, which stays in use: big pieces waste no tails.
    struct jg_arena_block *block = create_block(rounded);
    if (arena->block == NULL) {
      arena->block = block;
    } else {
      block->older = arena->block->older;
      arena->block->older = block;
    }
    return block->data;
  }
  struct jg_arena_block *block = create_block(bytes);
  block->older = arena->block;
  arena->block = block;
  arena->next = block->data + rounded;
  arena->left = bytes - rounded;
  return block->data;
}
