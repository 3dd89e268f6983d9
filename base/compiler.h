/* Compiler attributes and assertions; the only place that names GNU attributes. */
#ifndef JG_BASE_COMPILER_H
#define JG_BASE_COMPILER_H

#define JG_MUST_CHECK __attribute__((warn_unused_result))
#define JG_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define JG_NORETURN __attribute__((noreturn))
#define JG_LIKELY(x) __builtin_expect(!!(x), 1)
#define JG_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define JG_UNUSED __attribute__((unused))
#define JG_HOT __attribute__((hot))
/* Where a measurement says that the compiler decides otherwise. */
#define JG_ALWAYS_INLINE inline __attribute__((always_inline))
#define JG_NEVER_INLINE __attribute__((noinline))
#define JG_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Stays on in release: preconditions and invariants of our own code, never input, I/O or another process. */
#define JG_ASSERT(condition) (JG_LIKELY(condition) ? (void)0 : jg_assert_fail(#condition, __FILE__, __LINE__))

JG_NORETURN void jg_assert_fail(const char *condition, const char *file, int line);

/* The system out of memory: one line on standard error, then abort. Thread: any. */
JG_NORETURN void jg_out_of_memory(void);

/* malloc, calloc and realloc that end the process instead of returning NULL. Only base/ calls malloc itself. */
#include <stddef.h>
void *jg_alloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *jg_alloc_zero(size_t count, size_t bytes) __attribute__((malloc, returns_nonnull));
void *jg_realloc(void *memory, size_t bytes) __attribute__((returns_nonnull));
void jg_free(void *memory);

#endif
