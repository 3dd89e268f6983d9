#include "server/command/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define MEGABYTE 1e6

struct progress {
  int64_t started_ns, shown_ns;
  bool terminal;
  bool shown;
};

static void show(int64_t done_bytes, int64_t total_bytes, void *data) {
  struct progress *progress = data;
  int64_t now_ns = jg_clock_mono_ns(jg_clock_system());
  if (!progress->terminal || now_ns - progress->shown_ns < NS_PER_SECOND) {
    return;
  }
  progress->shown_ns = now_ns;
  progress->shown = true;
  // The checks that follow the last byte take their time too.
  if (done_bytes < total_bytes) {
    fprintf(stderr, "\r\033[K%.0f of %.0f MB", (double)done_bytes / MEGABYTE, (double)total_bytes / MEGABYTE);
  } else {
    fputs("\r\033[Kchecking", stderr);
  }
}

int jg_command_copy(const struct jg_options *options, jg_command_copier copier, const char *verb,
                    struct jg_arena *arena) {
  int64_t now_ns = jg_clock_mono_ns(jg_clock_system());
  struct progress progress = {.started_ns = now_ns, .shown_ns = now_ns, .terminal = isatty(STDERR_FILENO) == 1};
  const struct jg_store_copy copy = {
      .url = jg_str_from_cstr(jg_options_text(options, "store")),
      .path = jg_str_from_cstr(options->operands[0]),
      .replace = jg_options_integer(options, "replace") != 0,
      .clock = jg_clock_system(),
      .progress = show,
      .data = &progress,
  };
  struct jg_store_copied copied;
  struct jg_status status = copier(&copy, arena, &copied);
  if (progress.shown) {
    fputs("\r\033[K", stderr);
  }
  if (status.code == JG_ALREADY_EXISTS) {
    status = jg_status_printf(arena, status.code, status.reason, "%s; --replace replaces it", status.message);
  }
  if (!jg_status_ok(status)) {
    return jg_command_fail(status);
  }
  double seconds = (double)(jg_clock_mono_ns(jg_clock_system()) - progress.started_ns) / (double)NS_PER_SECOND;
  fprintf(stderr, "%s %" PRId64 " jobs of %" PRId64 " tenant%s, %.1f MB in %.1f s\n", verb, copied.jobs, copied.tenants,
          copied.tenants == 1 ? "" : "s", (double)copied.bytes / MEGABYTE, seconds);
  return JG_EXIT_OK;
}
