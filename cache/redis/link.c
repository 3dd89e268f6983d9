#include "cache/redis/link.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/compiler.h"

#define LINK_MAGIC 0x6c696e6bu
#define WORDS_MAX 8
#define ADDRESS_BYTES 64
#define READ_BUFFER_BYTES (1u << 20)
/* Of one string of a reply, which hiredis keeps whole until it ends. Ours are a hundredth of it; under our keys others may have
 * put anything. */
#define REPLY_BYTES_MAX ((size_t)64 << 20)
/* Of one array in a reply. Ours have as many as an MGET has keys. hiredis makes room for all that are announced, two milliards of
 * them if it must, and walks over each when it lets them go. */
#define ELEMENTS_MAX 1024

/* Steps of the greeting: their replies come in this order. */
enum greeting { GREETING_AUTH, GREETING_NAME, GREETING_SELECT, GREETING_ROLE, GREETING_DONE };

struct jg_redis_link {
  uint32_t magic;
  struct jg_redis_link_options options;
  redisContext *context;                                          /* owns; NULL before connecting and after the end */
  redisReplyObjectFunctions functions;                            /* hiredis', but for arrays */
  void *(*create_array)(const redisReadTask *task, int elements); /* hiredis' */
  uv_timer_t budget;
  uv_poll_t poll;
  uv_getaddrinfo_t resolving;
  int events; /* of poll */
  bool is_connected, is_up, is_down;
  struct pending *first, **last; /* commands whose replies are to come, in this order */
  unsigned handles;              /* open handles and requests of the loop: the link goes with the last one */
  bool greeting_needed[GREETING_DONE];
  enum greeting greeting; /* the step whose reply comes next */
};

/* A command on its way. */
struct pending {
  struct pending *next;
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
  link->last = &link->first;
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

/* Takes the command whose reply is next. NULL: none is on its way. */
static struct pending *take_pending(struct jg_redis_link *link) {
  struct pending *pending = link->first;
  if (pending != NULL) {
    link->first = pending->next;
    link->last = link->first != NULL ? link->last : &link->first;
  }
  return pending;
}

static void answer(struct pending *pending, const struct redisReply *reply) {
  jg_redis_replied replied = pending->replied;
  void *data = pending->data;
  jg_free(pending);
  replied(reply, data);
}

/* The one way out: what is pending hears of it first; the handles close in the loop's next round. */
static void end(struct jg_redis_link *link, enum jg_redis_reason reason) {
  if (link->is_down) {
    return;
  }
  link->is_down = true;
  if (link->context != NULL) {
    uv_close((uv_handle_t *)&link->poll, handle_closed);
    redisFree(link->context);  // closes the descriptor, which nobody polls any more
    link->context = NULL;
  }
  (void)uv_cancel((uv_req_t *)&link->resolving);  // or it ends by itself
  uv_close((uv_handle_t *)&link->budget, handle_closed);
  for (struct pending *pending = take_pending(link); pending != NULL; pending = take_pending(link)) {
    answer(pending, NULL);
  }
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

/* ---- bytes: hiredis connects, parses and buffers; whose reply it is, is known here. hiredis' own asynchronous half ends the
 * process over a reply that nobody asked for. ---- */

static void poll_done(uv_poll_t *poll, int status, int events);

static void want(struct jg_redis_link *link, int events) {
  if (events != link->events) {
    link->events = events;
    int error = uv_poll_start(&link->poll, events, poll_done);
    JG_ASSERT(error == 0);
  }
}

/* Of a reply that comes while no command is on its way. A server that does not want us may say so before it is asked. */
static enum jg_redis_reason uninvited(const struct redisReply *reply) {
  enum jg_redis_reason reason = reply->type == REDIS_REPLY_ERROR
                                    ? jg_redis_reason_of_reply(jg_str_make(reply->str, reply->len))
                                    : JG_REDIS_REFUSED;
  return reason != JG_REDIS_REFUSED ? reason : JG_REDIS_PROTOCOL;
}

static void take_replies(struct jg_redis_link *link) {
  void *reply = NULL;
  while (!link->is_down) {
    if (redisGetReplyFromReader(link->context, &reply) != REDIS_OK) {
      end(link, JG_REDIS_PROTOCOL);
      return;
    }
    if (reply == NULL) {
      return;
    }
    struct pending *pending = take_pending(link);
    if (pending != NULL) {
      answer(pending, reply);
    } else {
      end(link, uninvited(reply));
    }
    freeReplyObject(reply);
  }
}

static void read_some(struct jg_redis_link *link) {
  bool expected = link->first != NULL;
  const redisReader *reader = link->context->reader;
  size_t before = reader->len;
  if (redisBufferRead(link->context) != REDIS_OK) {
    end(link, JG_REDIS_LOST);
    return;
  }
  bool came = reader->len != before;
  take_replies(link);
  // The begin of something that nobody asked for would else be kept, however long it is.
  if (!link->is_down && ((came && !expected) || reader->len > REPLY_BYTES_MAX)) {
    end(link, JG_REDIS_PROTOCOL);
  }
}

static void write_some(struct jg_redis_link *link) {
  int done = 0;
  if (redisBufferWrite(link->context, &done) != REDIS_OK) {
    end(link, JG_REDIS_LOST);
  } else if (done) {
    want(link, UV_READABLE);
  }
}

static void connect_done(struct jg_redis_link *link, int status) {
  int error = 0;
  socklen_t len = sizeof(error);
  if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0 || status != 0) {
    end(link, JG_REDIS_CONNECT);
    return;
  }
  link->is_connected = true;
  if (redisEnableKeepAlive(link->context) != REDIS_OK) {
    link->context->err = 0;  // It is there lest something on the way forgets an idle connection; all works without.
  }
  want(link, UV_READABLE);
  greet(link);
}

static void poll_done(uv_poll_t *poll, int status, int events) {
  struct jg_redis_link *link = link_of(poll->data);
  if (!link->is_connected) {
    connect_done(link, status);
    return;
  }
  // First what the server said: it may tell why there is an error.
  if (status != 0 || (events & UV_READABLE) != 0) {
    read_some(link);
  }
  if (!link->is_down && status != 0) {
    end(link, JG_REDIS_LOST);  // libuv polls no longer
  }
  if (!link->is_down && (events & UV_WRITABLE) != 0) {
    write_some(link);
  }
}

/* NULL: hiredis' reader then gives up. */
static void *create_array(const redisReadTask *task, int elements) {
  return elements <= ELEMENTS_MAX ? link_of(task->privdata)->create_array(task, elements) : NULL;
}

static void connect_failed(uv_timer_t *timer) {
  end(link_of(timer->data), JG_REDIS_CONNECT);
}

static void connect_to(struct jg_redis_link *link, const char *address) {
  redisContext *context = redisConnectNonBlock(address, link->options.endpoint.port);
  JG_ASSERT(context != NULL);  // else the memory is used up
  if (context->err != 0 || uv_poll_init(link->options.loop, &link->poll, context->fd) != 0) {
    redisFree(context);
    int error = uv_timer_start(&link->budget, connect_failed, 0, 0);
    JG_ASSERT(error == 0);
    return;
  }
  // A page's values do not fit hiredis' idle buffer, which it would free and grow again with each.
  context->reader->maxbuf = READ_BUFFER_BYTES;
  link->functions = *context->reader->fn;
  link->create_array = link->functions.createArray;
  link->functions.createArray = create_array;
  context->reader->fn = &link->functions;
  context->reader->privdata = link;
  link->handles++;
  link->context = context;
  want(link, UV_WRITABLE);
}

/* ---- commands ---- */

bool jg_redis_link_send(struct jg_redis_link *link, const struct jg_redis_command *command, jg_redis_replied replied,
                        void *data) {
  if (link->is_down || !link->is_connected ||
      redisAppendCommandArgv(link->context, (int)command->argc, command->argv, command->lens) != REDIS_OK) {
    return false;
  }
  struct pending *pending = jg_alloc(sizeof(*pending));
  *pending = (struct pending){.replied = replied, .data = data};
  *link->last = pending;
  link->last = &pending->next;
  want(link, UV_READABLE | UV_WRITABLE);
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
  return link->context != NULL ? sdslen(link->context->obuf) : 0;
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
    // Whether it may name itself is no matter.
    bool matters = step != GREETING_NAME || (reason != JG_REDIS_REFUSED && reason != JG_REDIS_NO_PERMISSION);
    return matters ? reason : JG_REDIS_NONE;
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
