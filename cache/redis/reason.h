/* Why Redis cannot be used: what logs, metrics and `jobgate check` tell. No text of a server ever gets there. Thread: any. */
#ifndef JG_CACHE_REDIS_REASON_H
#define JG_CACHE_REDIS_REASON_H

#include "base/str.h"

/* name (a metric's label, so fixed words), what it means */
#define JG_REDIS_REASON_TABLE(X)                                                              \
  X(NONE, "none", "nothing is wrong")                                                         \
  X(CONNECTING, "connecting", "no connection was made yet")                                   \
  X(NAME, "name", "the host's name cannot be resolved")                                       \
  X(CONNECT, "connect", "the connection is refused or unreachable")                           \
  X(LOST, "lost", "the connection ended")                                                     \
  X(TIMEOUT, "timeout", "no answer within the time budget")                                   \
  X(AUTH, "auth", "the user or password is wrong, or one is needed")                          \
  X(DATABASE, "database", "the database number cannot be selected")                           \
  X(NO_PERMISSION, "no_permission", "the user may not use a command")                         \
  X(LOADING, "loading", "the server loads its data")                                          \
  X(READ_ONLY, "read_only", "the server is a read-only replica")                              \
  X(NOT_MASTER, "not_master", "the server is no master")                                      \
  X(NO_MASTER, "no_master", "no Sentinel names a master")                                     \
  X(OOM, "oom", "the server's memory is full")                                                \
  X(MISCONF, "misconf", "the server refuses writes since it cannot save")                     \
  X(NO_REPLICAS, "no_replicas", "the server refuses writes since too few replicas follow it") \
  X(MAX_CLIENTS, "max_clients", "the server takes no more clients (maxclients)")              \
  X(BUSY, "busy", "the server is busy with a script")                                         \
  X(PROTECTED, "protected", "the server is in protected mode: it takes local clients alone")  \
  X(CLUSTER, "cluster", "the server is one of a cluster, which cannot be used")               \
  X(READS_FAILED, "reads_failed", "not known, since reading failed")                          \
  X(PROTOCOL, "protocol", "the server does not speak Redis' protocol")                        \
  X(REFUSED, "refused", "the server answered with another error")                             \
  X(CLOSED, "closed", "we closed the connection")

enum jg_redis_reason {
#define JG_REDIS_REASON_ENUM(name, text, meaning) JG_REDIS_##name,
  JG_REDIS_REASON_TABLE(JG_REDIS_REASON_ENUM)
#undef JG_REDIS_REASON_ENUM
      JG_REDIS_REASON_COUNT
};

const char *jg_redis_reason_name(enum jg_redis_reason reason);    /* "read_only" */
const char *jg_redis_reason_meaning(enum jg_redis_reason reason); /* "the server is a read-only replica" */
/* Of an error reply, by how it begins: "READONLY You can't write against a read only replica." REFUSED if it is unknown. */
enum jg_redis_reason jg_redis_reason_of_reply(struct jg_str error);

#endif
