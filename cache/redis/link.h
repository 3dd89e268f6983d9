/* One connection to one server: name resolution, connecting, greeting, commands, and the end. hiredis 0.14 knows no time-outs,
 * resolves names blocking, and its asynchronous half ends the process over a reply too many, so all three are done here. A link is
 * used once: whoever wants to reconnect opens another one. Thread: the loop's. */
#ifndef JG_CACHE_REDIS_LINK_H
#define JG_CACHE_REDIS_LINK_H

#include <uv.h>

#include "cache/redis/reason.h"
#include "cache/redis/url.h"

struct jg_redis_link;
struct redisReply;

struct jg_redis_link_options {
  uv_loop_t *loop;
  struct jg_redis_endpoint endpoint; /* borrows the host until down */
  struct jg_str user, password;      /* borrows until down; NUL-terminated; empty: none */
  int64_t database;
  bool greet;          /* AUTH, CLIENT SETNAME and SELECT before up */
  bool need_master;    /* ROLE must say so */
  uint64_t connect_ms; /* budget from open to up */
  bool whole;          /* the budget goes on behind up, to the end */
  unsigned attempt;    /* of a name's addresses the one of this number, round and round */
  /* Ready for commands. NULL allowed. */
  void (*up)(void *data);
  /* Exactly once, whatever happened; the link is then gone, and every command has been told. */
  void (*down)(enum jg_redis_reason reason, void *data);
  void *data;
};

/* A reply, or NULL if the link ended before it. Borrows the reply. Must not close the loop. */
typedef void (*jg_redis_replied)(const struct redisReply *reply, void *data);

struct jg_redis_link *jg_redis_link_open(const struct jg_redis_link_options *options);
/* Ends it: down is called before this returns. */
void jg_redis_link_close(struct jg_redis_link *link, enum jg_redis_reason reason);

struct jg_redis_command {
  size_t argc;
  const char **argv;
  const size_t *lens;
};
/* Writes it behind the others (pipelined). False if the link is ending; replied is then never called. */
JG_MUST_CHECK bool jg_redis_link_send(struct jg_redis_link *link, const struct jg_redis_command *command,
                                      jg_redis_replied replied, void *data);
/* The same for a few NUL-terminated words. */
JG_MUST_CHECK bool jg_redis_link_say(struct jg_redis_link *link, const char *const *words, size_t count,
                                     jg_redis_replied replied, void *data);
/* Bytes written and not yet taken by the system. */
size_t jg_redis_link_unsent_bytes(const struct jg_redis_link *link);

#endif
