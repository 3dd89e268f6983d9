/* Where Redis is, out of one setting:
 *   redis://[[user]:password@]host[:port][/database]
 *   redis+sentinel://[[user]:password@]host[:port],host[:port],.../master[/database]
 * User and password may hold %XX escapes; they are the data servers'. A Sentinel that asks for a password gets the same.
 * Thread: any. */
#ifndef JG_CACHE_REDIS_URL_H
#define JG_CACHE_REDIS_URL_H

#include "base/status.h"

#define JG_REDIS_ENDPOINTS_MAX 16

struct jg_redis_endpoint {
  const char *host; /* a name or a numeric address, without brackets; NUL-terminated */
  uint16_t port;
};

/* A plain value; the texts live in the arena, NUL-terminated. */
struct jg_redis_url {
  struct jg_str user, password;                               /* empty: none */
  struct jg_str master;                                       /* the name that the Sentinels know; empty: no Sentinel */
  struct jg_redis_endpoint endpoints[JG_REDIS_ENDPOINTS_MAX]; /* the server, or the Sentinels */
  size_t endpoint_count;
  int64_t database;
};

/* INVALID_ARGUMENT: malformed; UNIMPLEMENTED: rediss://, where the hiredis of this build has no TLS. No message quotes the
 * text: it may hold a password. */
JG_MUST_CHECK struct jg_status jg_redis_url_parse(struct jg_str text, struct jg_arena *arena,
                                                  struct jg_redis_url *ret_url);
/* The same without user and password, for people; a static word if the arena is full. */
const char *jg_redis_url_print(const struct jg_redis_url *url, struct jg_arena *arena);

#endif
