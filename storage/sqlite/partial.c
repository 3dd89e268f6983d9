#include "storage/sqlite/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERMISSIONS 0777

/* What SQLite keeps beside a database. */
static const char *const companions[] = {"-wal", "-shm", "-journal"};

static struct jg_status failed(const struct jg_sqlite_partial *partial, const char *path, const char *doing) {
  int error = errno;
  return jg_status_printf(partial->place->arena, JG_UNAVAILABLE, JG_REASON_STORE_UNAVAILABLE, "%s %s: %s", doing, path,
                          strerrordesc_np(error));
}

/* Removes what is there of the companions; they would be taken for the new database's. */
static bool remove_companions(const char *path) {
  for (size_t i = 0; i < JG_COUNT(companions); i++) {
    char name[PATH_MAX];
    int len = snprintf(name, sizeof(name), "%s%s", path, companions[i]);
    JG_ASSERT(len > 0 && (size_t)len < sizeof(name));
    if (unlink(name) != 0 && errno != ENOENT) {
      return false;
    }
  }
  return true;
}

struct jg_status jg_sqlite_partial_open(const struct jg_sqlite_file *place, struct jg_sqlite_partial *ret_partial) {
  struct jg_sqlite_partial partial = {.place = place, .fd = -1};
  partial.path = jg_arena_printf(place->arena, "%s.partial", place->path);
  if (partial.path == NULL) {
    return jg_sqlite_arena_full();
  }
  partial.fd = open(partial.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (partial.fd < 0) {
    return jg_status_printf(place->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_READ_ONLY, "cannot write %s: %s",
                            partial.path, strerrordesc_np(errno));
  }
  // The first byte is none of those that SQLite locks (it locks from 1 GiB on).
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  struct jg_status status = JG_STATUS_OK;
  if (fcntl(partial.fd, F_OFD_SETLK, &lock) != 0) {
    status = jg_status_printf(place->arena, JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED,
                              "another process is writing %s", partial.path);
  } else if (!remove_companions(partial.path) || ftruncate(partial.fd, 0) != 0) {
    status = failed(&partial, partial.path, "cannot empty");
  }
  if (!jg_status_ok(status)) {
    (void)close(partial.fd);  // nothing was written
    return status;
  }
  *ret_partial = partial;
  return JG_STATUS_OK;
}

/* Ends the WAL of the database that stands there, which only the last connection on it can: nobody else has it open then. One that
 * is damaged has no more to lose. */
static struct jg_status retire(const struct jg_sqlite_file *place) {
  struct jg_sqlite_conn *conn = NULL;
  int rc = jg_sqlite_conn_open(place->path, JG_SQLITE_PROBE, SQLITE_OPEN_READWRITE, place->clock, &conn);
  if (rc == SQLITE_OK) {
    rc = sqlite3_exec(conn->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
  }
  jg_sqlite_conn_close(conn);
  if ((rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED) {
    return jg_sqlite_file_refuse(place, JG_FAILED_PRECONDITION, JG_REASON_STORE_LOCKED, "is open in another process");
  }
  return JG_STATUS_OK;
}

/* Who could read and write it shall go on to. Only root may give files away, and needs to. */
static bool make_like(int fd, const char *like, bool owner) {
  struct stat found;
  if (stat(like, &found) != 0) {
    return errno == ENOENT;
  }
  if (owner && fchown(fd, found.st_uid, found.st_gid) != 0 && errno != EPERM) {
    return false;
  }
  return fchmod(fd, found.st_mode & PERMISSIONS) == 0;
}

static bool sync_dir(const char *dir) {
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool done = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0) {
    (void)close(fd);  // nothing was written
  }
  return done;
}

struct jg_status jg_sqlite_partial_install(struct jg_sqlite_partial *partial, const char *like, int64_t *ret_bytes) {
  JG_ASSERT(partial->fd >= 0);
  const struct jg_sqlite_file *place = partial->place;
  struct stat made, old;
  bool replaces = stat(place->path, &old) == 0;
  if (!make_like(partial->fd, like, strcmp(like, place->path) == 0) || fsync(partial->fd) != 0 ||
      fstat(partial->fd, &made) != 0) {
    return failed(partial, partial->path, "cannot finish");
  }
  if (replaces) {
    JG_RETURN_IF_ERROR(retire(place));
  }
  if (!remove_companions(place->path)) {
    return failed(partial, place->path, "cannot remove what belongs to");
  }
  if (rename(partial->path, place->path) != 0) {
    return failed(partial, place->path, "cannot write");
  }
  if (!sync_dir(place->dir)) {
    return failed(partial, place->dir, "cannot sync");
  }
  (void)close(partial->fd);  // it was synced
  partial->fd = -1;
  *ret_bytes = made.st_size;
  return JG_STATUS_OK;
}

void jg_sqlite_partial_abandon(struct jg_sqlite_partial *partial) {
  if (partial->fd < 0) {
    return;
  }
  // What cannot be removed is used again by the next one.
  (void)remove_companions(partial->path);
  (void)unlink(partial->path);
  (void)close(partial->fd);
  partial->fd = -1;
}
