#include "server/command/import_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "server/command/command.h"

static struct jg_status open_file(struct jg_import_input *input, struct jg_arena *arena) {
  if (strcmp(input->name, "-") == 0) {
    input->name = "standard input";
    input->fd = STDIN_FILENO;
    return JG_STATUS_OK;
  }
  input->fd = open(input->name, O_RDONLY | O_CLOEXEC);
  if (input->fd >= 0) {
    return JG_STATUS_OK;
  }
  enum jg_code code = errno == ENOENT ? JG_NOT_FOUND : errno == EACCES ? JG_PERMISSION_DENIED : JG_UNAVAILABLE;
  return jg_status_printf(arena, code, JG_REASON_NONE, "cannot open %s: %s", input->name, strerrordesc_np(errno));
}

struct jg_status jg_import_input_open(struct jg_import_input *input, const char *path, struct jg_arena *arena) {
  *input = (struct jg_import_input){.name = path, .fd = -1};
  JG_RETURN_IF_ERROR(open_file(input, arena));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, &input->mask);
  input->signals = signalfd(-1, &set, SFD_CLOEXEC);
  input->stop = eventfd(0, EFD_CLOEXEC);
  input->quit = eventfd(0, EFD_CLOEXEC);
  JG_ASSERT(input->signals >= 0 && input->stop >= 0 && input->quit >= 0);
  return JG_STATUS_OK;
}

static void raise_event(int event) {
  int error = eventfd_write(event, 1);
  JG_ASSERT(error == 0); /* it is raised once */
}

/* Until the input is unwatched. */
static void *watch_signals(void *data) {
  struct jg_import_input *input = data;
  bool first = true;
  for (;;) {
    struct pollfd ready[] = {{.fd = input->quit, .events = POLLIN}, {.fd = input->signals, .events = POLLIN}};
    if (poll(ready, JG_COUNT(ready), -1) < 0) {
      continue;
    }
    if (ready[0].revents != 0) {
      return NULL;
    }
    struct signalfd_siginfo info;
    if (read(input->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
      continue;
    }
    if (!first) {
      _exit(JG_EXIT_FAILURE);
    }
    first = false;
    raise_event(input->stop);
    if (input->interrupt != NULL) {
      input->interrupt(input->data);
    }
  }
}

void jg_import_input_watch(struct jg_import_input *input, void (*interrupt)(void *data), void *data) {
  JG_ASSERT(!input->watching);
  input->interrupt = interrupt;
  input->data = data;
  // Without the thread signals stay blocked, and the import goes on to its end.
  input->watching = pthread_create(&input->thread, NULL, watch_signals, input) == 0;
}

struct jg_status jg_import_input_read(struct jg_import_input *input, char *buffer, size_t bytes_max,
                                      struct jg_arena *arena, size_t *ret_len) {
  for (;;) {
    struct pollfd ready[] = {{.fd = input->stop, .events = POLLIN}, {.fd = input->fd, .events = POLLIN}};
    int count = poll(ready, JG_COUNT(ready), -1);
    if (count > 0 && ready[0].revents != 0) {
      *ret_len = 0;
      return JG_STATUS_OK;
    }
    ssize_t len = count > 0 ? read(input->fd, buffer, bytes_max) : -1;
    if (len >= 0) {
      *ret_len = (size_t)len;
      return JG_STATUS_OK;
    }
    if (errno != EINTR && errno != EAGAIN) {
      return jg_status_printf(arena, JG_UNAVAILABLE, JG_REASON_NONE, "cannot read %s: %s", input->name,
                              strerrordesc_np(errno));
    }
  }
}

bool jg_import_input_interrupted(const struct jg_import_input *input) {
  struct pollfd ready = {.fd = input->stop, .events = POLLIN};
  return poll(&ready, 1, 0) == 1;
}

void jg_import_input_unwatch(struct jg_import_input *input) {
  if (input->watching) {
    raise_event(input->quit);
    JG_ASSERT(pthread_join(input->thread, NULL) == 0);
    input->watching = false;
  }
}

void jg_import_input_close(struct jg_import_input *input) {
  jg_import_input_unwatch(input);
  (void)close(input->signals);  // nothing was written to these
  (void)close(input->stop);
  (void)close(input->quit);
  if (input->fd != STDIN_FILENO) {
    (void)close(input->fd);
  }
  pthread_sigmask(SIG_SETMASK, &input->mask, NULL);
}
