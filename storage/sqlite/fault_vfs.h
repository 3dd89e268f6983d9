/* For tests: an SQLite VFS over the default one that fails reads, writes or syncs of databases and their WALs, or
 * locks on the WAL, when told to.
 * Thread: any. */
#ifndef JG_STORAGE_SQLITE_FAULT_VFS_H
#define JG_STORAGE_SQLITE_FAULT_VFS_H

enum jg_fault_op { JG_FAULT_READ, JG_FAULT_WRITE, JG_FAULT_SYNC, JG_FAULT_LOCK, JG_FAULT_OP_COUNT };

/* Becomes the default. Before any database is open; once a process. */
void jg_fault_install(void);
/* From now on `count` operations of that kind end in rc instead of being done. */
void jg_fault_arm(enum jg_fault_op op, int rc, int count);
void jg_fault_disarm(void);
/* Operations that failed since the last arm. */
int jg_fault_hits(void);

#endif
