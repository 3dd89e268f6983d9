#include "storage/sqlite/fault_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <string.h>

#include "base/compiler.h"

struct fault_file {
  sqlite3_file base;
  sqlite3_file *real; /* behind this struct */
};

/* Test state, the one place where a test reaches into SQLite's threads. */
static struct {
  sqlite3_vfs vfs;
  sqlite3_vfs *real;
  _Atomic int left[JG_FAULT_OP_COUNT], rc[JG_FAULT_OP_COUNT], hits;
} fault;

static sqlite3_file *real_of(sqlite3_file *file) {
  return ((struct fault_file *)file)->real;
}

/* The code to fail with, or SQLITE_OK. */
static int take(enum jg_fault_op op) {
  int left = atomic_load(&fault.left[op]);
  while (left > 0) {
    if (atomic_compare_exchange_weak(&fault.left[op], &left, left - 1)) {
      atomic_fetch_add(&fault.hits, 1);
      return atomic_load(&fault.rc[op]);
    }
  }
  return SQLITE_OK;
}

void jg_fault_arm(enum jg_fault_op op, int rc, int count) {
  atomic_store(&fault.hits, 0);
  atomic_store(&fault.rc[op], rc);
  atomic_store(&fault.left[op], count);
}

void jg_fault_disarm(void) {
  for (int op = 0; op < JG_FAULT_OP_COUNT; op++) {
    atomic_store(&fault.left[op], 0);
  }
}

int jg_fault_hits(void) {
  return atomic_load(&fault.hits);
}

static int file_close(sqlite3_file *file) {
  return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *out, int len, sqlite3_int64 offset) {
  int rc = take(JG_FAULT_READ);
  return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xRead(real_of(file), out, len, offset);
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset) {
  int rc = take(JG_FAULT_WRITE);
  return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xWrite(real_of(file), data, len, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 len) {
  return real_of(file)->pMethods->xTruncate(real_of(file), len);
}

static int file_sync(sqlite3_file *file, int flags) {
  int rc = take(JG_FAULT_SYNC);
  return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_len) {
  return real_of(file)->pMethods->xFileSize(real_of(file), ret_len);
}

static int file_lock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
  return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *ret_held) {
  return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_held);
}

static int file_control(sqlite3_file *file, int op, void *arg) {
  return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector_size(sqlite3_file *file) {
  return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file) {
  return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int len, int extend, void volatile **ret_memory) {
  return real_of(file)->pMethods->xShmMap(real_of(file), page, len, extend, ret_memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
  int rc = (flags & SQLITE_SHM_LOCK) != 0 ? take(JG_FAULT_LOCK) : SQLITE_OK;
  return rc != SQLITE_OK ? rc : real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
  real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove) {
  return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs JG_UNUSED, sqlite3_filename name, sqlite3_file *out, int flags, int *ret_flags) {
  // Temporary files (a statement's journal) are none of the record's.
  if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0) {
    return fault.real->xOpen(fault.real, name, out, flags, ret_flags);
  }
  struct fault_file *file = (struct fault_file *)out;
  file->base.pMethods = NULL;
  file->real = (sqlite3_file *)(file + 1);
  int rc = fault.real->xOpen(fault.real, name, file->real, flags, ret_flags);
  if (rc == SQLITE_OK) {
    file->base.pMethods = &methods;
  } else if (file->real->pMethods != NULL) {
    (void)file->real->pMethods->xClose(file->real);  // was not opened
  }
  return rc;
}

void jg_fault_install(void) {
  JG_ASSERT(fault.real == NULL);
  fault.real = sqlite3_vfs_find(NULL);
  JG_ASSERT(fault.real != NULL);
  fault.vfs = *fault.real;
  fault.vfs.zName = "fault";
  fault.vfs.pNext = NULL;
  fault.vfs.szOsFile = (int)sizeof(struct fault_file) + fault.real->szOsFile;
  fault.vfs.xOpen = vfs_open;
  JG_ASSERT(sqlite3_vfs_register(&fault.vfs, 1) == SQLITE_OK);
}
