#include "base/compiler.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Runs fn in a child with standard error on a pipe; returns the wait status. */
static int run_in_child(void (*fn)(void), char *output, size_t output_bytes) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    // cmocka catches SIGABRT of the test itself; the child must die of it.
    (void)signal(SIGABRT, SIG_DFL);
    (void)dup2(ends[1], STDERR_FILENO);
    (void)close(ends[0]);
    (void)close(ends[1]);
    fn();
    _exit(0);
  }
  (void)close(ends[1]);
  size_t len = 0;
  ssize_t got;
  while (len + 1 < output_bytes && (got = read(ends[0], output + len, output_bytes - 1 - len)) > 0) {
    len += (size_t)got;
  }
  output[len] = '\0';
  (void)close(ends[0]);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void fail_assertion(void) {
  JG_ASSERT(1 + 1 == 3);
}
static void pass_assertion(void) {
  JG_ASSERT(1 + 1 == 2);
}
static void fail_long_assertion(void) {
  char condition[1000];
  memset(condition, 'x', sizeof(condition) - 1);
  condition[sizeof(condition) - 1] = '\0';
  jg_assert_fail(condition, "file.c", 1);
}
static void allocate_too_much(void) {
  volatile size_t bytes = (size_t)PTRDIFF_MAX;
  jg_free(jg_alloc(bytes));
}
static void overflow_the_product(void) {
  volatile size_t count = SIZE_MAX / 2;
  jg_free(jg_alloc_zero(count, 4));
}
static void grow_too_much(void) {
  volatile size_t bytes = (size_t)PTRDIFF_MAX;
  jg_free(jg_realloc(jg_alloc(1), bytes));
}

static void test_assertion_names_condition_and_place(void **state) {
  (void)state;
  char output[1024];
  int status = run_in_child(fail_assertion, output, sizeof(output));
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
  assert_non_null(strstr(output, "compiler_test.c:"));
  assert_non_null(strstr(output, "assertion failed: 1 + 1 == 3\n"));
}

static void test_true_assertion_is_silent(void **state) {
  (void)state;
  char output[1024];
  assert_int_equal(run_in_child(pass_assertion, output, sizeof(output)), 0);
  assert_string_equal(output, "");
}

static void test_long_assertion_is_cut(void **state) {
  (void)state;
  char output[2048];
  int status = run_in_child(fail_long_assertion, output, sizeof(output));
  assert_true(WIFSIGNALED(status));
  assert_int_equal(strlen(output), 511);
}

static void test_out_of_memory_aborts(void **state) {
  (void)state;
  char output[4096];
  int status = run_in_child(jg_out_of_memory, output, sizeof(output));
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
  assert_string_equal(output, "out of memory\n");
}

static void test_impossible_sizes_end_the_process(void **state) {
  (void)state;
  void (*const cases[])(void) = {allocate_too_much, overflow_the_product, grow_too_much};
  for (size_t i = 0; i < JG_COUNT(cases); i++) {
    char output[4096];
    // A sanitizer's allocator ends the process itself, in its own words.
    assert_int_not_equal(run_in_child(cases[i], output, sizeof(output)), 0);
  }
}

static void test_sizes_of_zero(void **state) {
  (void)state;
  void *memory = jg_alloc(0);
  assert_non_null(memory);
  memory = jg_realloc(memory, 0);
  assert_non_null(memory);
  jg_free(memory);
  memory = jg_alloc_zero(0, 8);
  assert_non_null(memory);
  jg_free(memory);
  jg_free(NULL);
}

static void test_zeroed_and_kept(void **state) {
  (void)state;
  unsigned char *memory = jg_alloc_zero(3, 5);
  for (size_t i = 0; i < 15; i++) {
    assert_int_equal(memory[i], 0);
  }
  memory[14] = 7;
  memory = jg_realloc(memory, 100000);
  assert_int_equal(memory[14], 7);
  jg_free(memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_assertion_names_condition_and_place),
      cmocka_unit_test(test_true_assertion_is_silent),
      cmocka_unit_test(test_long_assertion_is_cut),
      cmocka_unit_test(test_out_of_memory_aborts),
      cmocka_unit_test(test_impossible_sizes_end_the_process),
      cmocka_unit_test(test_sizes_of_zero),
      cmocka_unit_test(test_zeroed_and_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
