#include "server/command/password.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "services/identity/credential.h"

/* With its line end, and one byte more to see that it is too long. */
#define LINE_BYTES_MAX (JG_CREDENTIAL_PART_BYTES_MAX + 3)

static struct jg_status refused(const char *what) {
  return jg_status_make(JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, what);
}

/* Byte by byte: what follows the line is somebody else's. Cut at LINE_BYTES_MAX. False on an error. */
static bool read_line(int fd, char line[LINE_BYTES_MAX], size_t *ret_len) {
  size_t len = 0;
  while (len < LINE_BYTES_MAX) {
    ssize_t n = read(fd, line + len, 1);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return false;
    }
    if (n == 0 || line[len] == '\n') {
      break;
    }
    len++;
  }
  if (len > 0 && line[len - 1] == '\r') {
    len--;
  }
  *ret_len = len;
  return true;
}

static struct jg_status keep(struct jg_str line, struct jg_arena *arena, struct jg_str *ret_password) {
  if (!jg_credential_part_valid(line)) {
    return refused("a password has 1 to 255 bytes of UTF-8 without control characters");
  }
  struct jg_str copy = jg_arena_str(arena, line);
  if (copy.data == NULL) {
    return jg_status_make(JG_RESOURCE_EXHAUSTED, JG_REASON_LIMIT_EXCEEDED, "out of the command's memory");
  }
  *ret_password = copy;
  return JG_STATUS_OK;
}

static struct jg_status read_from(int fd, struct jg_arena *arena, struct jg_str *ret_password) {
  char line[LINE_BYTES_MAX];
  size_t len = 0;
  struct jg_status status = read_line(fd, line, &len) ? keep(jg_str_make(line, len), arena, ret_password)
                                                      : refused("cannot read the password");
  explicit_bzero(line, sizeof(line));
  return status;
}

static bool say(int fd, struct jg_str text) {
  return write(fd, text.data, text.len) == (ssize_t)text.len;
}

static struct jg_status ask_twice(int fd, bool twice, struct jg_arena *arena, struct jg_str *ret_password) {
  struct jg_str first = JG_STR_NONE, second = JG_STR_NONE;
  if (!say(fd, JG_STR("Password: "))) {
    return refused("cannot ask for the password");
  }
  JG_RETURN_IF_ERROR(read_from(fd, arena, &first));
  if (twice) {
    if (!say(fd, JG_STR("\nAgain: "))) {
      return refused("cannot ask for the password");
    }
    JG_RETURN_IF_ERROR(read_from(fd, arena, &second));
    if (!jg_str_equal(first, second)) {
      return refused("the two passwords are not the same");
    }
  }
  *ret_password = first;
  return JG_STATUS_OK;
}

static struct jg_status ask(bool twice, struct jg_arena *arena, struct jg_str *ret_password) {
  int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  struct termios before;
  if (fd < 0 || tcgetattr(fd, &before) != 0) {
    if (fd >= 0) {
      (void)close(fd);  // Nothing was written.
    }
    return refused("there is no terminal to ask for the password: give --password-file or JOBGATE_PASSWORD");
  }
  struct termios silent = before;
  // Without signals: one would leave the terminal without echo. Their keys are control characters, which no password has.
  silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
  bool ok = tcsetattr(fd, TCSAFLUSH, &silent) == 0;
  struct jg_status status = ok ? ask_twice(fd, twice, arena, ret_password) : refused("cannot silence the terminal");
  (void)tcsetattr(fd, TCSAFLUSH, &before);  // Nobody is left to tell.
  (void)say(fd, JG_STR("\n"));
  (void)close(fd);
  return status;
}

struct jg_status jg_command_read_password(const char *path, bool twice, struct jg_arena *arena,
                                          struct jg_str *ret_password) {
  if (path == NULL) {
    return ask(twice, arena, ret_password);
  }
  if (strcmp(path, "-") == 0) {
    return read_from(STDIN_FILENO, arena, ret_password);
  }
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER, "cannot read %s: %s", path,
                            strerrordesc_np(errno));
  }
  struct jg_status status = read_from(fd, arena, ret_password);
  (void)close(fd);  // Nothing was written.
  return status;
}

struct jg_status jg_command_find_password(const char *path, const char *variable, bool twice, struct jg_arena *arena,
                                          struct jg_str *ret_password) {
  const char *text = path == NULL ? secure_getenv(variable) : NULL;
  if (text == NULL) {
    return jg_command_read_password(path, twice, arena, ret_password);
  }
  if (!jg_credential_part_valid(jg_str_from_cstr(text))) {
    return jg_status_printf(arena, JG_INVALID_ARGUMENT, JG_REASON_INVALID_MEMBER,
                            "%s must have 1 to 255 bytes of UTF-8 without control characters", variable);
  }
  *ret_password = jg_str_from_cstr(text);
  return JG_STATUS_OK;
}
