#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>

// Under the address sanitizer what was not handed out is poisoned, and a gap stands behind each piece: the arena then
// catches the same overflows as malloc. Elsewhere the gap has no bytes and the calls vanish.
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_CHECKED 1
#endif
#endif
#ifdef ARENA_CHECKED
#include <sanitizer/asan_interface.h>
#define GAP_BYTES 16u
#define POISON(memory, bytes) __asan_poison_memory_region(memory, bytes)
#define UNPOISON(memory, bytes) __asan_unpoison_memory_region(memory, bytes)
#else
#define GAP_BYTES 0u
#define POISON(memory, bytes) ((void)0)
#define UNPOISON(memory, bytes) ((void)0)
#endif

#define ALIGNMENT 16u
/* Of a block's data; a little below powers of two, so that block and malloc's own header fill whole pages. */
#define BLOCK_BYTES_FIRST ((4u << 10) - 32)
#define BLOCK_BYTES_LIMIT ((256u << 10) - 32)
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
static void free_block(struct jg_arena_block *block);
static struct jg_arena_block *keep_one(struct jg_arena_block *blocks);
static void *alloc_slow(struct jg_arena *arena, size_t bytes, size_t rounded);

void jg_arena_init(struct jg_arena *arena, size_t bytes_max) {
  JG_ASSERT(bytes_max > 0);
  *arena = (struct jg_arena){.bytes_max = bytes_max};
}

void jg_arena_done(struct jg_arena *arena) {
  run_hooks(arena);
  for (struct jg_arena_block *block = arena->block; block != NULL;) {
    struct jg_arena_block *older = block->older;
    free_block(block);
    block = older;
  }
  *arena = (struct jg_arena){0};
}

void jg_arena_reset(struct jg_arena *arena) {
  run_hooks(arena);
  struct jg_arena_block *kept = keep_one(arena->block);
  *arena = (struct jg_arena){.block = kept, .bytes_max = arena->bytes_max};
  if (kept != NULL) {
    arena->next = kept->data;
    arena->left = kept->bytes;
    POISON(kept->data, kept->bytes);
  }
}

JG_HOT void *jg_arena_alloc(struct jg_arena *arena, size_t bytes) {
  // Zero bytes get a place of their own too; a size near SIZE_MAX wraps to 0 and is refused.
  size_t rounded = (bytes + (bytes == 0) + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
  if (JG_UNLIKELY(rounded == 0 || rounded > arena->bytes_max - arena->used_bytes)) {
    arena->failed = true;
    return NULL;
  }
  arena->used_bytes += rounded;
  if (JG_UNLIKELY(rounded + GAP_BYTES > arena->left)) {
    return alloc_slow(arena, bytes, rounded);
  }
  char *memory = arena->next;
  arena->next += rounded + GAP_BYTES;
  arena->left -= rounded + GAP_BYTES;
  UNPOISON(memory, bytes);
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

static void free_block(struct jg_arena_block *block) {
  UNPOISON(block->data, block->bytes);
  jg_free(block);
}

/* The largest block that is worth keeping, alone, or NULL. */
static struct jg_arena_block *keep_one(struct jg_arena_block *blocks) {
  struct jg_arena_block *kept = NULL;
  while (blocks != NULL) {
    struct jg_arena_block *block = blocks;
    blocks = block->older;
    block->older = NULL;
    if (block->bytes > BLOCK_BYTES_KEPT || (kept != NULL && block->bytes <= kept->bytes)) {
      free_block(block);
      continue;
    }
    if (kept != NULL) {
      free_block(kept);
    }
    kept = block;
  }
  return kept;
}

/* Blocks double, so that a small arena stays small and a big one calls malloc seldom; none goes far beyond the cap. */
static size_t next_block_bytes(const struct jg_arena *arena, size_t rounded) {
  size_t bytes = BLOCK_BYTES_FIRST;
  if (arena->block != NULL && arena->block->bytes > BLOCK_BYTES_FIRST / 2) {
    bytes = arena->block->bytes < BLOCK_BYTES_LIMIT / 2 ? arena->block->bytes * 2 : BLOCK_BYTES_LIMIT;
  }
  size_t left = arena->bytes_max - (arena->used_bytes - rounded);
  return bytes < left ? bytes : ((left + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1)) + GAP_BYTES;
}

static struct jg_arena_block *create_block(size_t bytes) {
  struct jg_arena_block *block = jg_alloc(sizeof(*block) + bytes);
  block->older = NULL;
  block->bytes = bytes;
  POISON(block->data, bytes);
  return block;
}

/* The cap was checked and the bytes counted; `rounded` does not fit into the current block. */
static void *alloc_slow(struct jg_arena *arena, JG_UNUSED size_t bytes, size_t rounded) {
  size_t taken = rounded + GAP_BYTES;
  size_t block_bytes = next_block_bytes(arena, rounded);
  // A big piece gets a block of its own behind the current one, so that tails lose at most a quarter.
  bool own = taken > block_bytes || arena->left > block_bytes / 4;
  struct jg_arena_block *block = create_block(own ? taken : block_bytes);
  if (own && arena->block != NULL) {
    block->older = arena->block->older;
    arena->block->older = block;
  } else {
    block->older = arena->block;
    arena->block = block;
    arena->next = block->data + taken;
    arena->left = block->bytes - taken;
  }
  UNPOISON(block->data, bytes);
  return block->data;
}
