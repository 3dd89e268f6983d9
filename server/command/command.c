#include "server/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void say(struct jg_status status) {
  fprintf(stderr, "jobgate: %s\n", status.message);
  for (size_t i = 0; status.details != NULL && i < status.details->violation_count; i++) {
    const struct jg_violation *violation = &status.details->violations[i];
    if (status.details->violation_count > 1) {
      fprintf(stderr, "jobgate:   %s %s\n", violation->field, violation->message);
    }
  }
}

int jg_command_fail(struct jg_status status) {
  say(status);
  return JG_EXIT_FAILURE;
}

int jg_command_usage(struct jg_status status) {
  say(status);
  return JG_EXIT_USAGE;
}

bool jg_command_write(int fd, struct jg_str text) {
  while (text.len > 0) {
    ssize_t written = write(fd, text.data, text.len);
    if (written < 0 && errno != EINTR) {
      return false;
    }
    if (written > 0) {
      text = jg_str_sub(text, (size_t)written, text.len);
    }
  }
  return true;
}
