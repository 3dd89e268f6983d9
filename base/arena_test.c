#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_alignment_and_separation(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 16u << 20);
  unsigned char *pieces[400];
  size_t sizes[JG_COUNT(pieces)];
  for (size_t i = 0; i < JG_COUNT(pieces); i++) {
    sizes[i] = (i * 2654435761u) % 3000;
    pieces[i] = jg_arena_alloc(&arena, sizes[i]);
    assert_non_null(pieces[i]);
    assert_int_equal((uintptr_t)pieces[i] % 16, 0);
    memset(pieces[i], (int)(i & 0xFF), sizes[i]);
  }
  for (size_t i = 0; i < JG_COUNT(pieces); i++) {
    for (size_t j = 0; j < sizes[i]; j++) {
      assert_int_equal(pieces[i][j], i & 0xFF);
    }
  }
  assert_false(arena.failed);
  jg_arena_done(&arena);
}

static void test_zero_bytes_have_a_place(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 64);
  void *a = jg_arena_alloc(&arena, 0);
  void *b = jg_arena_alloc(&arena, 0);
  assert_non_null(a);
  assert_non_null(b);
  assert_ptr_not_equal(a, b);
  jg_arena_done(&arena);
}

static void test_cap_is_exact(void **state) {
  (void)state;
  // Caps within one block, across blocks, and in a block of its own.
  const size_t caps[] = {16, 64, 4096, 10000, 1u << 20};
  for (size_t i = 0; i < JG_COUNT(caps); i++) {
    struct jg_arena arena;
    jg_arena_init(&arena, caps[i]);
    for (size_t given = 0; given + 16 <= caps[i]; given += 16) {
      assert_non_null(jg_arena_alloc(&arena, 9));
      assert_int_equal(arena.used_bytes, given + 16);
    }
    assert_false(arena.failed);
    assert_null(jg_arena_alloc(&arena, 1));
    assert_true(arena.failed);
    jg_arena_reset(&arena);
    assert_non_null(jg_arena_alloc(&arena, caps[i] & ~(size_t)15));
    assert_null(jg_arena_alloc(&arena, 0));
    jg_arena_done(&arena);
  }
}

static void test_impossible_sizes(void **state) {
  (void)state;
  const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 14, SIZE_MAX - 15, SIZE_MAX / 2, 1025};
  struct jg_arena arena;
  jg_arena_init(&arena, 1024);
  for (size_t i = 0; i < JG_COUNT(sizes); i++) {
    volatile size_t bytes = sizes[i];
    assert_null(jg_arena_alloc(&arena, bytes));
    assert_null(jg_arena_alloc_zero(&arena, bytes));
  }
  // A refused piece takes nothing.
  assert_int_equal(arena.used_bytes, 0);
  assert_non_null(jg_arena_alloc(&arena, 1024));
  jg_arena_done(&arena);

  // So big a cap that only the piece's own size can refuse it.
  jg_arena_init(&arena, SIZE_MAX);
  volatile size_t bytes = SIZE_MAX - 3;
  assert_null(jg_arena_alloc(&arena, bytes));
  jg_arena_done(&arena);
}

static void test_big_piece_keeps_the_current_block(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 8u << 20);
  char *first = jg_arena_alloc(&arena, 100);
  char *big = jg_arena_alloc(&arena, 1u << 20);
  memset(big, 1, 1u << 20);
  char *second = jg_arena_alloc(&arena, 100);
  assert_true(second > first && second - first < 256);
  jg_arena_done(&arena);
}

static void test_zeroed_after_reuse(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 64u << 10);
  for (int round = 0; round < 3; round++) {
    unsigned char *memory = jg_arena_alloc_zero(&arena, 1000);
    for (size_t i = 0; i < 1000; i++) {
      assert_int_equal(memory[i], 0);
    }
    memset(memory, 0xFF, 1000);
    jg_arena_reset(&arena);
  }
  jg_arena_done(&arena);
}

static void test_reset_keeps_one_block(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 8u << 20);
  for (int i = 0; i < 2000; i++) {
    assert_non_null(jg_arena_alloc(&arena, 1000));
  }
  assert_non_null(jg_arena_alloc(&arena, 1u << 20));
  jg_arena_reset(&arena);
  assert_non_null(arena.block);
  assert_true(arena.left > 0 && arena.left <= 16u << 10);
  assert_int_equal(arena.used_bytes, 0);
  assert_int_equal(arena.bytes_max, 8u << 20);
  void *kept = arena.next;
  assert_ptr_equal(jg_arena_alloc(&arena, 10), kept);
  jg_arena_done(&arena);

  // Only a big block: nothing worth keeping, but the arena works on.
  jg_arena_init(&arena, 8u << 20);
  assert_non_null(jg_arena_alloc(&arena, 1u << 20));
  jg_arena_reset(&arena);
  assert_null(arena.block);
  assert_non_null(jg_arena_alloc(&arena, 10));
  jg_arena_done(&arena);
}

static void test_done_and_zeroed_arenas(void **state) {
  (void)state;
  struct jg_arena arena = {0};
  assert_null(jg_arena_alloc(&arena, 1));
  jg_arena_reset(&arena);
  jg_arena_done(&arena);
  jg_arena_done(&arena);
  jg_arena_init(&arena, 100);
  jg_arena_reset(&arena);
  jg_arena_done(&arena);
  jg_arena_done(&arena);
}

static void test_str(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 64);
  char source[] = "a\0b";
  struct jg_str copy = jg_arena_str(&arena, jg_str_make(source, 3));
  source[0] = 'x';
  assert_int_equal(copy.len, 3);
  assert_memory_equal(copy.data, "a\0b\0", 4);
  copy = jg_arena_str(&arena, JG_STR_NONE);
  assert_int_equal(copy.len, 0);
  assert_string_equal(copy.data, "");
  // 32 bytes left: 31 and the NUL fit, 32 do not.
  assert_null(jg_arena_str(&arena, JG_STR("0123456789abcdef0123456789abcdef")).data);
  assert_non_null(jg_arena_str(&arena, JG_STR("0123456789abcdef0123456789abcde")).data);
  assert_null(jg_arena_str(&arena, JG_STR_NONE).data);
  assert_null(jg_arena_str(&arena, jg_str_make("x", SIZE_MAX)).data);
  jg_arena_done(&arena);
}

static void test_printf(void **state) {
  (void)state;
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  assert_string_equal(jg_arena_printf(&arena, "%s-%d", "a", 7), "a-7");
  assert_string_equal(jg_arena_printf(&arena, "%s", ""), "");
  char expected[601];
  // Around the size that is printed once.
  const int lengths[] = {254, 255, 256, 257, 600};
  for (size_t i = 0; i < JG_COUNT(lengths); i++) {
    memset(expected, 'x', sizeof(expected));
    expected[lengths[i]] = '\0';
    assert_string_equal(jg_arena_printf(&arena, "%s", expected), expected);
  }
  assert_null(jg_arena_printf(&arena, "%5000d", 1));
  assert_true(arena.failed);
  jg_arena_done(&arena);
}

struct trace {
  char text[16];
  size_t len;
};
struct trace_step {
  struct trace *trace;
  char name;
};
static void trace_hook(void *data) {
  struct trace_step *step = data;
  step->trace->text[step->trace->len++] = step->name;
}

static void test_hooks_run_newest_first(void **state) {
  (void)state;
  struct trace trace = {{0}, 0};
  struct trace_step a = {&trace, 'a'}, b = {&trace, 'b'}, c = {&trace, 'c'};
  struct jg_arena arena;
  jg_arena_init(&arena, 4096);
  assert_true(jg_arena_defer(&arena, trace_hook, &a));
  assert_true(jg_arena_defer(&arena, trace_hook, &b));
  jg_arena_reset(&arena);
  assert_string_equal(trace.text, "ba");
  assert_true(jg_arena_defer(&arena, trace_hook, &c));
  jg_arena_done(&arena);
  jg_arena_done(&arena);
  assert_string_equal(trace.text, "bac");
}

static void test_defer_at_the_cap_runs_at_once(void **state) {
  (void)state;
  struct trace trace = {{0}, 0};
  struct trace_step a = {&trace, 'a'};
  struct jg_arena arena;
  jg_arena_init(&arena, 16);
  assert_false(jg_arena_defer(&arena, trace_hook, &a));
  assert_string_equal(trace.text, "a");
  jg_arena_done(&arena);
  assert_string_equal(trace.text, "a");
}

struct nested {
  struct jg_arena *arena;
  struct trace_step *step;
};
static void defer_again(void *data) {
  struct nested *nested = data;
  assert_non_null(jg_arena_alloc(nested->arena, 5000));
  assert_true(jg_arena_defer(nested->arena, trace_hook, nested->step));
}

static void test_hook_may_use_the_arena(void **state) {
  (void)state;
  struct trace trace = {{0}, 0};
  struct trace_step a = {&trace, 'a'};
  struct jg_arena arena;
  jg_arena_init(&arena, 1u << 20);
  struct nested nested = {&arena, &a};
  assert_true(jg_arena_defer(&arena, defer_again, &nested));
  jg_arena_done(&arena);
  assert_string_equal(trace.text, "a");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_alignment_and_separation),
      cmocka_unit_test(test_zero_bytes_have_a_place),
      cmocka_unit_test(test_cap_is_exact),
      cmocka_unit_test(test_impossible_sizes),
      cmocka_unit_test(test_big_piece_keeps_the_current_block),
      cmocka_unit_test(test_zeroed_after_reuse),
      cmocka_unit_test(test_reset_keeps_one_block),
      cmocka_unit_test(test_done_and_zeroed_arenas),
      cmocka_unit_test(test_str),
      cmocka_unit_test(test_printf),
      cmocka_unit_test(test_hooks_run_newest_first),
      cmocka_unit_test(test_defer_at_the_cap_runs_at_once),
      cmocka_unit_test(test_hook_may_use_the_arena),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
