/* A link against a server that says what it likes, in time or not. */
#include "cache/redis/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <unistd.h>

#include "base/compiler.h"

#define STEPS_MAX 6

/* What the server does: waits until a command with this word has come ("" waits for nothing), then says something. Behind the
 * last step it closes, or says one thing again and again, or waits, for the link's end. */
struct step {
  const char *after, *say;
};
struct script {
  struct step steps[STEPS_MAX];
  const char *again;
  bool closes;
};

struct server {
  const struct script *script;
  int listener;
  uint16_t port;
  pthread_t thread;
};

/* Reads until the word is among what has come since the last one. False: the link has ended. */
static bool wait_for_word(int fd, const char *word) {
  char got[4096];
  size_t len = 0;
  while (word[0] != '\0' && memmem(got, len, word, strlen(word)) == NULL) {
    ssize_t more = read(fd, got + len, sizeof(got) - len);
    if (more <= 0) {
      return false;
    }
    len += (size_t)more;
  }
  return true;
}

static void *serve(void *data) {
  const struct server *server = data;
  int fd = accept(server->listener, NULL, NULL);
  JG_ASSERT(fd >= 0);
  bool there = true;
  for (size_t i = 0; there && i < STEPS_MAX && server->script->steps[i].say != NULL; i++) {
    const struct step *step = &server->script->steps[i];
    there = wait_for_word(fd, step->after) && send(fd, step->say, strlen(step->say), MSG_NOSIGNAL) > 0;
  }
  const char *again = server->script->again;
  while (there && again != NULL) {
    there = send(fd, again, strlen(again), MSG_NOSIGNAL) > 0;
  }
  char byte;
  while (there && !server->script->closes && read(fd, &byte, 1) > 0) {
  }
  (void)close(fd);
  return NULL;
}

static void start(struct server *server, const struct script *script) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len = sizeof(address);
  server->script = script;
  server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true(server->listener >= 0);
  assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(server->listener, 1), 0);
  assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
  server->port = ntohs(address.sin_port);
  assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void finish(struct server *server) {
  assert_int_equal(pthread_join(server->thread, NULL), 0);
  assert_int_equal(close(server->listener), 0);
}

/* What a link went through. */
struct tale {
  struct jg_redis_link *link;
  const char *command; /* sent when up; NULL: none */
  bool close_at_reply;
  size_t up, down, replies, lost;
  enum jg_redis_reason reason;
};

static void replied(const struct redisReply *reply, void *data) {
  struct tale *tale = data;
  assert_int_equal(tale->down, 0);  // all is told before the end
  tale->replies += reply != NULL;
  tale->lost += reply == NULL;
  if (reply != NULL && tale->close_at_reply) {
    jg_redis_link_close(tale->link, JG_REDIS_CLOSED);
  }
}

static void up(void *data) {
  struct tale *tale = data;
  tale->up++;
  if (tale->command != NULL) {
    assert_true(jg_redis_link_say(tale->link, &tale->command, 1, replied, tale));
    assert_true(jg_redis_link_say(tale->link, &tale->command, 1, replied, tale));
  }
}

static void down(enum jg_redis_reason reason, void *data) {
  struct tale *tale = data;
  tale->down++;
  tale->reason = reason;
}

static void run(const struct script *script, const struct jg_redis_link_options *how, struct tale *tale) {
  struct server server;
  uv_loop_t loop;
  start(&server, script);
  assert_int_equal(uv_loop_init(&loop), 0);
  struct jg_redis_link_options options = *how;
  options.loop = &loop;
  options.endpoint = (struct jg_redis_endpoint){"127.0.0.1", server.port};
  options.connect_ms = 20000;
  options.up = up;
  options.down = down;
  options.data = tale;
  tale->link = jg_redis_link_open(&options);
  assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
  assert_int_equal(uv_loop_close(&loop), 0);
  finish(&server);
  assert_int_equal(tale->down, 1);
}

#define HELLO \
  { "SETNAME", "+OK\r\n" }
#define ASKED \
  { "PING", "+PONG\r\n+PONG\r\n" }

static void run_surplus(const struct script *script, const char *command) {
  struct tale tale = {.command = command};
  run(script, &(struct jg_redis_link_options){.greet = true}, &tale);
  assert_int_equal(tale.up, 1);
  assert_int_equal(tale.reason, JG_REDIS_PROTOCOL);
  assert_int_equal(tale.replies, command == NULL ? 0 : 2);
  assert_int_equal(tale.lost, 0);
}

/* A reply that nobody waits for ends the link, whatever it is and whenever it comes: never the process. */
static void replies_that_nobody_asked_for(void **state) {
  (void)state;
  static const char *const surplus[] = {
      "+x\r\n",    ":1\r\n",       "$-1\r\n",    "$1\r\nx\r\n",        "*-1\r\n",
      "*0\r\n",    "*1\r\n+x\r\n", "-ERR x\r\n", "+x\r\n+x\r\n:1\r\n", "*2\r\n$-1\r\n*1\r\n:1\r\n",
      "x\r\n\r\n",
  };
  for (size_t i = 0; i < JG_COUNT(surplus); i++) {
    char behind[128];
    (void)snprintf(behind, sizeof(behind), "+PONG\r\n+PONG\r\n%s", surplus[i]);
    run_surplus(&(struct script){.steps = {HELLO, {"", surplus[i]}}}, NULL);
    run_surplus(&(struct script){.steps = {HELLO, ASKED, {"", surplus[i]}}}, "PING");
    run_surplus(&(struct script){.steps = {HELLO, {"PING", behind}}}, "PING");
  }
}

/* The same of one that begins and never ends: it is not kept. */
static void a_reply_without_an_end(void **state) {
  (void)state;
  static const struct {
    const char *begin, *again;
  } rows[] = {{"+", "x"},
              {"*1000\r\n", "$-1\r\n"},
              {"*2147483647\r\n", "$-1\r\n"},
              {"$2147483647\r\n", "xxxxxxxx"},
              {"-ERR", " no end"}};
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    const struct script script = {.steps = {HELLO, ASKED, {"", rows[i].begin}}, .again = rows[i].again};
    run_surplus(&script, "PING");
  }
}

/* Before the first command too; there an error is the server's way to say why it does not want us. */
static void a_server_that_speaks_first(void **state) {
  (void)state;
  static const struct {
    const char *says;
    enum jg_redis_reason reason;
  } rows[] = {
      {"+x\r\n", JG_REDIS_PROTOCOL},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", JG_REDIS_PROTOCOL},
      {"-LOADING Redis is loading the dataset in memory\r\n", JG_REDIS_LOADING},
      {"-NOAUTH Authentication required.\r\n", JG_REDIS_AUTH},
      {"-ERR max number of clients reached\r\n", JG_REDIS_MAX_CLIENTS},
      {"-DENIED Redis is running in protected mode\r\n", JG_REDIS_PROTECTED},
      {"-ERR something else\r\n", JG_REDIS_PROTOCOL},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    const struct script script = {.steps = {{"", rows[i].says}}};
    struct tale tale = {0};
    run(&script, &(struct jg_redis_link_options){.greet = false}, &tale);
    assert_int_equal(tale.reason, rows[i].reason);
  }
}

/* An error says what it says, whatever step of the greeting it comes at. */
static void errors_of_the_greeting(void **state) {
  (void)state;
  static const struct {
    const char *replies; /* to AUTH, CLIENT SETNAME, SELECT and ROLE */
    enum jg_redis_reason reason;
  } rows[] = {
      {"-WRONGPASS invalid\r\n", JG_REDIS_AUTH},
      {"-ERR invalid password\r\n", JG_REDIS_AUTH},
      {"-ERR max number of clients reached\r\n", JG_REDIS_MAX_CLIENTS},
      {"-ERR something else\r\n", JG_REDIS_REFUSED},
      {"-LOADING\r\n", JG_REDIS_LOADING},
      {"+OK\r\n-BUSY Redis is busy\r\n", JG_REDIS_BUSY},
      {"+OK\r\n+OK\r\n-BUSY Redis is busy\r\n", JG_REDIS_BUSY},
      {"+OK\r\n+OK\r\n-ERR DB index is out of range\r\n", JG_REDIS_DATABASE},
      {"+OK\r\n+OK\r\n-ERR something else\r\n", JG_REDIS_REFUSED},
      {"+OK\r\n-ERR something else\r\n+OK\r\n*1\r\n$5\r\nslave\r\n", JG_REDIS_NOT_MASTER},
      {"+OK\r\n-NOPERM\r\n+OK\r\n*1\r\n$6\r\nmaster\r\n", JG_REDIS_LOST},
      {":1\r\n", JG_REDIS_PROTOCOL},
  };
  for (size_t i = 0; i < JG_COUNT(rows); i++) {
    const struct script script = {.steps = {{"ROLE", rows[i].replies}}, .closes = true};
    const struct jg_redis_link_options how = {
        .greet = true, .password = JG_STR("pw"), .database = 1, .need_master = true};
    struct tale tale = {0};
    run(&script, &how, &tale);
    assert_int_equal(tale.up, rows[i].reason == JG_REDIS_LOST);
    assert_int_equal(tale.reason, rows[i].reason);
  }
}

/* A reply to all of the greeting, twice: the second half answers commands that were asked something else. */
static void a_greeting_answered_twice(void **state) {
  (void)state;
  const struct script script = {.steps = {{"SELECT", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n"}, ASKED}};
  struct tale tale = {.command = "PING"};
  run(&script, &(struct jg_redis_link_options){.greet = true, .database = 1}, &tale);
  assert_int_equal(tale.up, 1);
  assert_int_equal(tale.reason, JG_REDIS_PROTOCOL);
}

static void commands_are_told_of_the_end(void **state) {
  (void)state;
  const struct script cut = {.steps = {HELLO, {"PING", "+PONG\r\n"}}, .closes = true};
  struct tale tale = {.command = "PING"};
  run(&cut, &(struct jg_redis_link_options){.greet = true}, &tale);
  assert_int_equal(tale.replies, 1);
  assert_int_equal(tale.lost, 1);
  assert_int_equal(tale.reason, JG_REDIS_LOST);
  // By its own hand, inside a reply's callback.
  const struct script stays = {.steps = {HELLO, ASKED}};
  tale = (struct tale){.command = "PING", .close_at_reply = true};
  run(&stays, &(struct jg_redis_link_options){.greet = true}, &tale);
  assert_int_equal(tale.replies, 1);
  assert_int_equal(tale.lost, 1);
  assert_int_equal(tale.reason, JG_REDIS_CLOSED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replies_that_nobody_asked_for), cmocka_unit_test(a_reply_without_an_end),
      cmocka_unit_test(a_server_that_speaks_first),    cmocka_unit_test(errors_of_the_greeting),
      cmocka_unit_test(a_greeting_answered_twice),     cmocka_unit_test(commands_are_told_of_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
