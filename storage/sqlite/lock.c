/* Who may write: the holder of an OFD lock on "<database>.lock". The kernel gives it back when the process ends, however it
 * ends. A file of its own, because closing any descriptor of the database itself would drop SQLite's own locks (fcntl(2),
 * POSIX locks are the process's). The file stays: unlinking it would let two processes lock two different files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/sqlite/sqlite_internal.h"

#define PID_TEXT_MAX 24

/* What the holder wrote; a hint for people, so a failure to read it is no failure. */
static int64_t holder(int fd) {
  char text[PID_TEXT_MAX];
  ssize_t len = pread(fd, text, sizeof(text), 0);
  int64_t pid = 0;
  if (len > 0 && text[len - 1] == '\n' && jg_parse_i64(jg_str_make(text, (size_t)len - 1), &pid)) {
    return pid;
  }
  return 0;
}

static void write_holder(int fd) {
  char text[PID_TEXT_MAX];
  int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
  JG_ASSERT(len > 0 && (size_t)len < sizeof(text));
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
    return;  // the lock counts, not the text
  }
}

struct jg_status jg_sqlite_lock_take(const char *path, struct jg_arena *arena, int *ret_fd) {
  const char *lock_path = jg_arena_printf(arena, "%s.lock", path);
  if (lock_path == NULL) {
    return jg_sqlite_arena_full();
  }
  int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    return jg_status_printf(arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "cannot write %s: %s", lock_path,
                            strerrordesc_np(errno));
  }
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
    write_holder(fd);
    *ret_fd = fd;
    return JG_STATUS_OK;
  }
  int error = errno;
  int64_t pid = holder(fd);
  (void)close(fd);  // nothing was written
  if (error != EAGAIN && error != EACCES) {
    return jg_status_printf(arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED, "cannot lock %s: %s", lock_path,
                            strerrordesc_np(error));
  }
  const char *who = pid > 0 ? jg_arena_printf(arena, " (process %ld)", (long)pid) : "";
  return jg_status_printf(arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED, "%s is held by another jobgate%s",
                          path, who != NULL ? who : "");
}
