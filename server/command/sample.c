#include "services/sample/sample.h"

#include <unistd.h>

#include "server/command/command.h"

#define CHUNK_BYTES (1u << 20)

static const struct jg_option sample_options[] = {
    {.name = "jobs",
     .type = JG_OPTION_INTEGER,
     .value = "1000",
     .min = 0,
     .max = 100000000,
     .metavar = "N",
     .help = "how many jobs"},
    {.name = "seed",
     .type = JG_OPTION_INTEGER,
     .value = "1",
     .min = 0,
     .max = INT64_MAX,
     .metavar = "S",
     .help = "the same seed makes the same jobs"},
};

static int run_sample(const struct jg_options *options, struct jg_arena *arena) {
  (void)arena;  // What it makes is written at once.
  uint64_t jobs = (uint64_t)jg_options_integer(options, "jobs");
  uint64_t seed = (uint64_t)jg_options_integer(options, "seed");
  struct jg_buf out;
  jg_buf_init(&out, (size_t)2 * CHUNK_BYTES);
  bool open = true;
  for (uint64_t i = 0; i < jobs && open; i++) {
    jg_sample_job(seed, i, &out);
    JG_ASSERT(!out.failed);
    if (out.len >= CHUNK_BYTES || i + 1 == jobs) {
      open = jg_command_write(STDOUT_FILENO, jg_buf_str(&out));
      jg_buf_clear(&out);
    }
  }
  jg_buf_done(&out);
  return open ? JG_EXIT_OK : jg_command_fail(jg_status_make(JG_UNAVAILABLE, JG_REASON_NONE, "cannot write the output"));
}

const struct jg_command jg_command_sample = {
    .name = "sample",
    .operands = "",
    .help = "write generated jobs as legacy JSON, one a line",
    .options = sample_options,
    .option_count = JG_COUNT(sample_options),
    .run = run_sample,
};
