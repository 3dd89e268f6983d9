#include "cache/redis/link.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>

#include "base/compiler.h"

#define LINK_MAGIC 0x6c696e6bu
#define WORDS_MAX 8
#define ADDRESS_BYTES 64
#define READ_BUFFER_BYTES (1u << 20)
/* Of one string of a reply, which hiredis keeps whole until it ends. Ours are a hundredth of it; under our keys others may have
 * put anything. */
#define REPLY_BYTES_MAX ((size_t)64 << 20)

/* Steps of the greeting: their replies come in this order. */
enum greeting { GREETING_AUTH, GREETING_NAME, GREETING_SELECT, GREETING_ROLE, GREETING_DONE };

struct jg_redis_link {
  uint32_t magic;
  struct jg_redis_link_options options;
  redisAsyncContext *context; /* hiredis'; NULL before connecting and once hiredis has dropped it */
  uv_timer_t budget;
  uv_poll_t poll;
  uv_getaddrinfo_t resolving;
  int events; /* what hiredis wants of poll */
  bool is_up, is_down;
  unsigned handles; /* open handles and requests of the loop: the link goes with the last one */
  bool greeting_needed[GREETING_DONE];
  enum greeting greeting; /* the step whose reply comes next */
};

/* A command on its way. */
struct pending {
  jg_redis_replied replied;
  void *data;
};

static void resolve(struct jg_redis_link *link);
static void connect_to(struct jg_redis_link *link, const char *address);
static void greet(struct jg_redis_link *link);
static void greeting_replied(const struct redisReply *reply, void *data);
static void greeting_next(struct jg_redis_link *link);
static void budget_done(uv_timer_t *timer);

static struct jg_redis_link *link_of(void *data) {
  struct jg_redis_link *link = data;
  JG_ASSERT(link->magic == LINK_MAGIC);
  return link;
}

struct jg_redis_link *jg_redis_link_open(const struct jg_redis_link_options *options) {
  struct jg_redis_link *link = jg_alloc_zero(1, sizeof(*link));
  link->magic = LINK_MAGIC;
  link->options = *options;
  link->budget.data = link->poll.data = link->resolving.data = link;
  int error = uv_timer_init(options->loop, &link->budget);
  JG_ASSERT(error == 0);
  link->handles = 1;
  error = uv_timer_start(&link->budget, budget_done, options->connect_ms, 0);
  JG_ASSERT(error == 0);
  resolve(link);
  return link;
}

static void release(struct jg_redis_link *link) {
  JG_ASSERT(link->handles > 0);
  if (--link->handles == 0) {
    JG_ASSERT(link->is_down);
    link->magic = 0;
    jg_free(link);
  }
}

static void handle_closed(uv_handle_t *handle) {
  release(link_of(handle->data));
}

/* The one way out. hiredis answers what is pending first; the handles close in the loop's next round. */
static void end(struct jg_redis_link *link, enum jg_redis_reason reason) {
  if (link->is_down) {
    return;
  }
  link->is_down = true;
  redisAsyncContext *context = link->context;
  link->context = NULL;
  if (context != NULL) {
    redisAsyncFree(context);  // at once, or when the callback that we are in returns
  }
  (void)uv_cancel((uv_req_t *)&link->resolving);  // or it ends by itself
  uv_close((uv_handle_t *)&link->budget, handle_closed);
  link->options.down(reason, link->options.data);
}

void jg_redis_link_close(struct jg_redis_link *link, enum jg_redis_reason reason) {
  end(link, reason);
}

static void budget_done(uv_timer_t *timer) {
  end(link_of(timer->data), JG_REDIS_TIMEOUT);
}

/* ---- names ---- */

/* The address of number `attempt`, beginning anew behind the last one: the first may be one that nobody listens on. */
static const struct addrinfo *pick(const struct addrinfo *found, unsigned attempt) {
  unsigned count = 0;
  for (const struct addrinfo *one = found; one != NULL; one = one->ai_next) {
    count++;
  }
  for (unsigned i = 0; count > 0 && i < attempt % count; i++) {
    found = found->ai_next;
  }
  return found;
}

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
  struct jg_redis_link *link = link_of(request->data);
  char address[ADDRESS_BYTES] = "";
  const struct addrinfo *one = status == 0 ? pick(found, link->options.attempt) : NULL;
  if (one != NULL) {
    int error = one->ai_family == AF_INET6
                    ? uv_ip6_name((const struct sockaddr_in6 *)(const void *)one->ai_addr, address, sizeof(address))
                    : uv_ip4_name((const struct sockaddr_in *)(const void *)one->ai_addr, address, sizeof(address));
    address[error == 0 ? sizeof(address) - 1 : 0] = '\0';
  }
  uv_freeaddrinfo(found);
  if (!link->is_down && address[0] != '\0') {
    connect_to(link, address);
  } else {
    end(link, JG_REDIS_NAME);
  }
  release(link);
}

static bool is_numeric(const char *host) {
  unsigned char address[sizeof(struct in6_addr)];
  return uv_inet_pton(AF_INET, host, address) == 0 || uv_inet_pton(AF_INET6, host, address) == 0;
}

static void resolve_failed(uv_timer_t *timer) {
  end(link_of(timer->data), JG_REDIS_NAME);
}

static void resolve(struct jg_redis_link *link) {
  if (is_numeric(link->options.endpoint.host)) {
    connect_to(link, link->options.endpoint.host);
    return;
  }
  const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  if (uv_getaddrinfo(link->options.loop, &link->resolving, resolved, link->options.endpoint.host, NULL, &hints) == 0) {
    link->handles++;
  } else {
    int error = uv_timer_start(&link->budget, resolve_failed, 0, 0);  // never down before open has returned
    JG_ASSERT(error == 0);
  }
}

/* ---- hiredis on the loop ---- */

static void poll_done(uv_poll_t *poll, int status, int events) {
  struct jg_redis_link *link = link_of(poll->data);
  if (link->context != NULL && (status != 0 || (events & UV_READABLE) != 0)) {
    redisAsyncHandleRead(link->context);  // an error shows as one of the read
  }
  if (link->context != NULL && link->context->c.reader->len > REPLY_BYTES_MAX) {
    end(link, JG_REDIS_PROTOCOL);
  }
  if (link->context != NULL && (events & UV_WRITABLE) != 0) {
    redisAsyncHandleWrite(link->context);
  }
}

static void want(struct jg_redis_link *link, int events) {
  if (events == link->events) {
    return;
  }
  link->events = events;
  int error = events != 0 ? uv_poll_start(&link->poll, events, poll_done) : uv_poll_stop(&link->poll);
  JG_ASSERT(error == 0);
}

static void add_read(void *data) {
  want(link_of(data), link_of(data)->events | UV_READABLE);
}

static void delete_read(void *data) {
  want(link_of(data), link_of(data)->events & ~UV_READABLE);
}

static void add_write(void *data) {
  want(link_of(data), link_of(data)->events | UV_WRITABLE);
}

static void delete_write(void *data) {
  want(link_of(data), link_of(data)->events & ~UV_WRITABLE);
}

/* hiredis is about to close the descriptor. */
static void cleanup(void *data) {
  struct jg_redis_link *link = link_of(data);
  uv_close((uv_handle_t *)&link->poll, handle_closed);
}

/* What hiredis says is protocol, or the end of the connection. */
static enum jg_redis_reason reason_of(const redisAsyncContext *context) {
  return context->err == REDIS_ERR_PROTOCOL ? JG_REDIS_PROTOCOL : JG_REDIS_LOST;
}

static void connected(const redisAsyncContext *context, int status) {
  struct jg_redis_link *link = link_of(context->data);
  if (status != REDIS_OK) {
    link->context = NULL;  // hiredis frees it as soon as this returns
    end(link, JG_REDIS_CONNECT);
    return;
  }
  greet(link);
}

static void disconnected(const redisAsyncContext *context, int status JG_UNUSED) {
  struct jg_redis_link *link = link_of(context->data);
  link->context = NULL;
  end(link, reason_of(context));
}

static void connect_failed(uv_timer_t *timer) {
  end(link_of(timer->data), JG_REDIS_CONNECT);
}

static void connect_to(struct jg_redis_link *link, const char *address) {
  redisAsyncContext *context = redisAsyncConnect(address, link->options.endpoint.port);
  JG_ASSERT(context != NULL);  // else the memory is used up
  if (context->err != 0 || uv_poll_init(link->options.loop, &link->poll, context->c.fd) != 0) {
    redisAsyncFree(context);
    int error = uv_timer_start(&link->budget, connect_failed, 0, 0);
    JG_ASSERT(error == 0);
    return;
  }
  // A page's values do not fit hiredis' idle buffer, which it would free and grow again with each.
  context->c.reader->maxbuf = READ_BUFFER_BYTES;
  link->handles++;
  link->context = context;
  context->data = link;
  context->ev.data = link;
  context->ev.addRead = add_read;
  context->ev.delRead = delete_read;
  context->ev.addWrite = add_write;
  context->ev.delWrite = delete_write;
  context->ev.cleanup = cleanup;
  int failed = redisAsyncSetDisconnectCallback(context, disconnected);
  failed |= redisAsyncSetConnectCallback(context, connected);
  JG_ASSERT(failed == REDIS_OK);
}

/* ---- commands ---- */

static void reply_done(redisAsyncContext *context JG_UNUSED, void *reply, void *data) {
  struct pending *pending = data;
  jg_redis_replied replied = pending->replied;
  void *replied_data = pending->data;
  jg_free(pending);
  replied(reply, replied_data);
}

bool jg_redis_link_send(struct jg_redis_link *link, const struct jg_redis_command *command, jg_redis_replied replied,
                        void *data) {
  if (link->is_down || link->context == NULL) {
    return false;
  }
  struct pending *pending = jg_alloc(sizeof(*pending));
  *pending = (struct pending){replied, data};
  if (redisAsyncCommandArgv(link->context, reply_done, pending, (int)command->argc, command->argv, command->lens) !=
      REDIS_OK) {
    jg_free(pending);
    return false;
  }
  return true;
}

bool jg_redis_link_say(struct jg_redis_link *link, const char *const *words, size_t count, jg_redis_replied replied,
                       void *data) {
  const char *argv[WORDS_MAX];
  size_t lens[WORDS_MAX];
  JG_ASSERT(count <= WORDS_MAX);
  for (size_t i = 0; i < count; i++) {
    argv[i] = words[i];
    lens[i] = strlen(words[i]);
  }
  return jg_redis_link_send(link, &(struct jg_redis_command){count, argv, lens}, replied, data);
}

size_t jg_redis_link_unsent_bytes(const struct jg_redis_link *link) {
  return link->context != NULL ? sdslen(link->context->c.obuf) : 0;
}

/* ---- greeting: all of it in one flight; the first reply that is wrong ends the link ---- */

static void greet(struct jg_redis_link *link) {
  const struct jg_redis_link_options *options = &link->options;
  const char *auth[] = {"AUTH", options->user.data, options->password.data};
  const char *auth_default[] = {"AUTH", options->password.data};
  const char *name[] = {"CLIENT", "SETNAME", "jobgate"};
  char database[24];
  (void)snprintf(database, sizeof(database), "%lld", (long long)options->database);
  const char *select[] = {"SELECT", database};
  const char *role[] = {"ROLE"};
  const struct {
    bool needed;
    const char *const *words;
    size_t count;
  } steps[GREETING_DONE] = {
      [GREETING_AUTH] = {options->greet && options->password.len > 0, options->user.len > 0 ? auth : auth_default,
                         options->user.len > 0 ? 3 : 2},
      [GREETING_NAME] = {options->greet, name, JG_COUNT(name)},
      [GREETING_SELECT] = {options->greet && options->database > 0, select, JG_COUNT(select)},
      [GREETING_ROLE] = {options->need_master, role, JG_COUNT(role)},
  };
  for (size_t i = 0; i < GREETING_DONE; i++) {
    link->greeting_needed[i] =
        steps[i].needed && jg_redis_link_say(link, steps[i].words, steps[i].count, greeting_replied, link);
  }
  link->greeting = GREETING_AUTH;
  greeting_next(link);
}

/* Passes over the steps that were not needed. */
static void greeting_next(struct jg_redis_link *link) {
  while (link->greeting < GREETING_DONE && !link->greeting_needed[link->greeting]) {
    link->greeting++;
  }
  if (link->greeting == GREETING_DONE && !link->is_up) {
    link->is_up = true;
    int error = link->options.whole ? 0 : uv_timer_stop(&link->budget);
    JG_ASSERT(error == 0);
    if (link->options.up != NULL) {
      link->options.up(link->options.data);
    }
  }
}

static enum jg_redis_reason greeting_failure(enum greeting step, const struct redisReply *reply) {
  if (reply->type == REDIS_REPLY_ERROR) {
    enum jg_redis_reason reason = jg_redis_reason_of_reply(jg_str_make(reply->str, reply->len));
    if (reason != JG_REDIS_REFUSED) {
      // Whether it may name itself is no matter.
      return step == GREETING_NAME && reason == JG_REDIS_NO_PERMISSION ? JG_REDIS_NONE : reason;
    }
    return step == GREETING_AUTH     ? JG_REDIS_AUTH
           : step == GREETING_SELECT ? JG_REDIS_DATABASE
           : step == GREETING_NAME   ? JG_REDIS_NONE
                                     : JG_REDIS_REFUSED;
  }
  if (step == GREETING_ROLE) {
    bool master = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
                  reply->element[0]->type == REDIS_REPLY_STRING &&
                  jg_str_equal(jg_str_make(reply->element[0]->str, reply->element[0]->len), JG_STR("master"));
    return master ? JG_REDIS_NONE : JG_REDIS_NOT_MASTER;
  }
  return reply->type == REDIS_REPLY_STATUS ? JG_REDIS_NONE : JG_REDIS_PROTOCOL;
}

static void greeting_replied(const struct redisReply *reply, void *data) {
  struct jg_redis_link *link = link_of(data);
  if (reply == NULL || link->is_down) {
    return;  // its end tells
  }
  enum jg_redis_reason reason = greeting_failure(link->greeting, reply);
  if (reason != JG_REDIS_NONE) {
    end(link, reason);
    return;
  }
  link->greeting++;
  greeting_next(link);
}
