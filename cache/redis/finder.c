#include "cache/redis/finder.h"

#include <hiredis/hiredis.h>

#include "base/compiler.h"

#define HOST_BYTES 256

struct jg_redis_finder {
  struct jg_redis_finder_options options;
  struct jg_redis_link *link; /* to the Sentinel that is asked */
  size_t next;                /* the Sentinel to ask first */
  size_t asked;               /* in this search */
  unsigned attempt;
  bool authenticated; /* this Sentinel wanted a password, and got it */
  bool found, cancelled;
  char host[HOST_BYTES];
  uint16_t port;
};

static void ask_next(struct jg_redis_finder *finder);

struct jg_redis_finder *jg_redis_finder_create(const struct jg_redis_finder_options *options) {
  struct jg_redis_finder *finder = jg_alloc_zero(1, sizeof(*finder));
  finder->options = *options;
  return finder;
}

void jg_redis_finder_destroy(struct jg_redis_finder *finder) {
  JG_ASSERT(finder == NULL || finder->link == NULL);
  jg_free(finder);
}

void jg_redis_finder_start(struct jg_redis_finder *finder) {
  JG_ASSERT(finder->link == NULL);
  finder->asked = 0;
  finder->attempt++;
  finder->found = finder->cancelled = false;
  ask_next(finder);
}

void jg_redis_finder_cancel(struct jg_redis_finder *finder) {
  finder->cancelled = true;
  if (finder->link != NULL) {
    jg_redis_link_close(finder->link, JG_REDIS_CLOSED);
  }
}

static bool take_port(struct jg_str text, uint16_t *ret_port) {
  int64_t port;
  if (!jg_parse_i64(text, &port) || port < 1 || port > UINT16_MAX) {
    return false;
  }
  *ret_port = (uint16_t)port;
  return true;
}

/* [host, port], both strings; nil if it knows no such master. */
static enum jg_redis_reason take_master(struct jg_redis_finder *finder, const struct redisReply *reply) {
  if (reply->type == REDIS_REPLY_NIL) {
    return JG_REDIS_NO_MASTER;
  }
  if (reply->type == REDIS_REPLY_ERROR) {
    return jg_redis_reason_of_reply(jg_str_make(reply->str, reply->len));
  }
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
      reply->element[1]->type != REDIS_REPLY_STRING || reply->element[0]->len == 0 ||
      reply->element[0]->len >= HOST_BYTES ||
      !take_port(jg_str_make(reply->element[1]->str, reply->element[1]->len), &finder->port)) {
    return JG_REDIS_PROTOCOL;
  }
  memcpy(finder->host, reply->element[0]->str, reply->element[0]->len);
  finder->host[reply->element[0]->len] = '\0';
  finder->found = true;
  return JG_REDIS_NONE;
}

static void master_replied(const struct redisReply *reply, void *data);

static bool ask(struct jg_redis_finder *finder) {
  const char *question[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", finder->options.url->master.data};
  return jg_redis_link_say(finder->link, question, JG_COUNT(question), master_replied, finder);
}

static void auth_replied(const struct redisReply *reply, void *data) {
  struct jg_redis_finder *finder = data;
  if (reply != NULL && reply->type == REDIS_REPLY_ERROR && finder->link != NULL) {
    jg_redis_link_close(finder->link, JG_REDIS_AUTH);
  }
}

/* A Sentinel with a password of its own says so; the data servers' is then tried. */
static bool authenticate(struct jg_redis_finder *finder) {
  const struct jg_redis_url *url = finder->options.url;
  const char *with_user[] = {"AUTH", url->user.data, url->password.data};
  const char *without[] = {"AUTH", url->password.data};
  if (url->password.len == 0 || finder->authenticated) {
    return false;
  }
  finder->authenticated = true;
  bool user = url->user.len > 0;
  return jg_redis_link_say(finder->link, user ? with_user : without, user ? 3 : 2, auth_replied, finder) && ask(finder);
}

static void master_replied(const struct redisReply *reply, void *data) {
  struct jg_redis_finder *finder = data;
  if (reply == NULL || finder->link == NULL) {
    return;  // its end tells
  }
  enum jg_redis_reason reason = take_master(finder, reply);
  if (reason == JG_REDIS_AUTH && authenticate(finder)) {
    return;
  }
  jg_redis_link_close(finder->link, reason);
}

static void sentinel_up(void *data) {
  struct jg_redis_finder *finder = data;
  (void)ask(finder);  // a link that is ending tells by itself
}

static void sentinel_down(enum jg_redis_reason reason, void *data) {
  struct jg_redis_finder *finder = data;
  finder->link = NULL;
  if (finder->cancelled) {
    return;
  }
  if (finder->found) {
    const struct jg_redis_endpoint master = {finder->host, finder->port};
    finder->options.found(&master, finder->options.data);
    return;
  }
  finder->next = (finder->next + 1) % finder->options.url->endpoint_count;
  if (finder->asked < finder->options.url->endpoint_count) {
    ask_next(finder);
  } else {
    finder->options.failed(reason == JG_REDIS_AUTH ? reason : JG_REDIS_NO_MASTER, finder->options.data);
  }
}

static void ask_next(struct jg_redis_finder *finder) {
  const struct jg_redis_link_options options = {
      .loop = finder->options.loop,
      .endpoint = finder->options.url->endpoints[finder->next],
      .connect_ms = finder->options.ask_ms,
      .whole = true,
      .attempt = finder->attempt,
      .up = sentinel_up,
      .down = sentinel_down,
      .data = finder,
  };
  finder->asked++;
  finder->authenticated = false;
  finder->link = jg_redis_link_open(&options);
}
