/* What every fuzz target shares. Thread: one. */
#ifndef JG_TESTS_FUZZ_TARGET_H
#define JG_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* libFuzzer's entry point; 0: keep the input if it covers something new. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Called once before the first input. Only targets that need it define it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Memory that one input may take. */
#define JG_FUZZ_ARENA_BYTES (16u << 20)

/* Cuts the first byte off as a choice of 0..count-1; 0 of an empty input. */
static inline size_t jg_fuzz_choice(struct jg_str *input, size_t count) {
  if (input->len == 0) {
    return 0;
  }
  size_t choice = (unsigned char)input->data[0] % count;
  *input = jg_str_sub(*input, 1, input->len - 1);
  return choice;
}

#endif
